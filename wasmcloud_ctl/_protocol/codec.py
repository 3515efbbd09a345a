"""JSON messages to typed values and back.

A message that is not valid JSON, or does not fit its type, raises DecodeError with the JSON path and the raw bytes.
``what`` is what its text calls the message, such as ``the reply``.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn, TypeVar

from wasmcloud_ctl._protocol.structuring import converter, find_mismatch, hook_of
from wasmcloud_ctl.exceptions import DecodeError, InvalidArgument
from wasmcloud_ctl.models import CtlResponse

T = TypeVar("T")


# JSON -------------------------------------------------------------------------------------------


class InvalidJson(ValueError):
    """A text is not valid JSON at a line and column, from 1. Quotes nothing of the text, which may hold a secret."""

    def __init__(self, reason: str, line: int = 1, column: int = 1) -> None:
        super().__init__(reason)
        self.line = line
        self.column = column


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


_decoder = json.JSONDecoder(parse_constant=_refuse_constant)


def parse_json(content: bytes | str) -> Any:
    """Parse JSON into plain values, or raise InvalidJson.

    Stricter than ``json.loads``: NaN, Infinity and unpaired surrogates are refused.
    """
    try:
        text = content.decode() if isinstance(content, bytes) else content
        value = _decoder.decode(text)
        # An escape can produce half of a surrogate pair, which could never be encoded again. The search for a plain
        # backslash comes first because it is a hundred times as fast, and most messages have none.
        if "\\" in text and "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
        return value
    except json.JSONDecodeError as error:
        invalid = InvalidJson(error.msg, error.lineno, error.colno)
    except UnicodeDecodeError as error:
        invalid = InvalidJson("not UTF-8", error.object.count(b"\n", 0, error.start) + 1)
    except UnicodeEncodeError:
        invalid = InvalidJson("a string holds half of a surrogate pair")
    except RecursionError:
        invalid = InvalidJson("nested too deeply")
    except ValueError as error:
        invalid = InvalidJson(str(error))
    # Raised outside the handlers: json's own errors hold the whole text, and inside a handler they would stay
    # attached as __context__, even with "from None".
    try:
        raise invalid
    finally:
        del invalid  # else error and frame would keep each other alive, and the callers' frames with them


# Decoding ---------------------------------------------------------------------------------------


def load(raw: bytes, what: str) -> Any:
    """Parse a message into plain values."""
    try:
        return parse_json(raw)
    except InvalidJson as error:
        raise DecodeError(
            f"{what} is not valid JSON: {error} (line {error.line}, column {error.column})", raw=raw
        ) from error


def structure(value: object, kind: Any, path: str, raw: bytes, what: str) -> Any:
    """Convert a part of a parsed message to its type. ``path`` is the part's JSON path, such as ``$.data``."""
    try:
        return hook_of(kind)(value, kind)
    except Exception as error:
        path, reason = find_mismatch(value, kind, path) or (path, str(error))
        raise DecodeError(f"{what} does not fit at {path}: {reason}", path=path, raw=raw) from error


def decode_response(raw: bytes, kind: type[T] | None) -> CtlResponse[T]:
    """Decode a host's reply. ``kind`` is the type of its data; None if it has none."""
    what = "the reply"
    reply = structure(load(raw, what), dict[str, Any], "$", raw, what)
    if "success" not in reply:
        raise DecodeError(
            f"{what} does not fit at $.success: the field is missing", path="$.success", raw=raw
        )
    data: Any = None
    if kind is not None and reply.get("response") is not None:
        data = structure(reply["response"], kind, "$.response", raw, what)
    return CtlResponse(
        succeeded=structure(reply["success"], bool, "$.success", raw, what),
        message=structure(reply.get("message", ""), str, "$.message", raw, what),
        data=data,
    )


# Encoding ---------------------------------------------------------------------------------------


def encode(value: Any) -> bytes:
    """Encode a model, or a map or sequence of models, as JSON.

    Raises InvalidArgument if a string holds half of a surrogate pair, which UTF-8 cannot encode.
    """
    try:
        text = json.dumps(value, default=converter.unstructure, ensure_ascii=False, separators=(",", ":"))
        return text.encode()
    except UnicodeEncodeError as error:
        # The error itself would quote the whole text, which may hold a secret.
        raise InvalidArgument(f"a string cannot be sent: {error.reason}") from None
