"""JSON messages to typed values and back.

A message that is not valid JSON, or does not fit its type, raises DecodeError with the JSON path and the raw bytes.
``what`` is what its text calls the message, such as ``the reply``.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn, TypeVar

import attrs

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
        # The decoder's ``decode`` takes a third longer, to skip whitespace around the value. Hosts send none.
        value, end = _decoder.raw_decode(text) if text[:1] == "{" else (None, -1)
        if end != len(text):
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


def mismatch(value: object, kind: Any, path: str, raw: bytes, what: str, reason: str = "") -> DecodeError:
    """Return the error for a part of a parsed message that is not of its type. ``path`` is the part's JSON path."""
    path, reason = find_mismatch(value, kind, path) or (path, reason)
    return DecodeError(f"{what} does not fit at {path}: {reason}", path=path, raw=raw)


def structure(value: object, kind: Any, path: str, raw: bytes, what: str) -> Any:
    """Convert a part of a parsed message to its type. ``path`` is the part's JSON path, such as ``$.data``."""
    try:
        return hook_of(kind)(value, kind)
    except Exception as error:
        raise mismatch(value, kind, path, raw, what, str(error)) from error


@attrs.frozen
class _Reply:
    """The fields that each reply of a host has. ``decode_response`` checks them by hand, which is quicker."""

    success: bool
    message: str = ""


def decode_response(raw: bytes, kind: type[T] | None) -> CtlResponse[T]:
    """Decode a host's reply. ``kind`` is the type of its data; None if it has none."""
    what = "the reply"
    reply = load(raw, what)
    if (
        type(reply) is not dict
        or type(succeeded := reply.get("success")) is not bool
        or type(message := reply.get("message", "")) is not str
    ):
        raise mismatch(reply, _Reply, "$", raw, what)
    if not message and not succeeded and type(error := reply.get("error")) is str:
        message = error  # a host that cannot encode its reply sends its reason so
    data = None if kind is None else reply.get("response")
    if data is not None:
        data = structure(data, kind, "$.response", raw, what)
    return CtlResponse(succeeded=succeeded, message=message, data=data)


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
