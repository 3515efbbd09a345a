"""JSON messages to typed values and back.

A message that is not valid JSON, or does not fit its type, raises DecodeError with the JSON path and the raw bytes.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from types import ModuleType
from typing import Any, NoReturn, TypeVar, cast, get_origin

from wasmcloud_ctl._protocol import strict
from wasmcloud_ctl._protocol.strict import Mismatch
from wasmcloud_ctl.exceptions import DecodeError, InvalidArgument
from wasmcloud_ctl.models import CtlResponse

T = TypeVar("T")


# JSON -------------------------------------------------------------------------------------------


class InvalidJson(ValueError):
    """A text is not valid JSON. The error quotes nothing of the text, which may hold a secret.

    Attributes:
        line: The line of the fault, from 1.
        column: The column of the fault, from 1.
    """

    def __init__(self, reason: str, line: int = 1, column: int = 1) -> None:
        super().__init__(reason)
        self.line = line
        self.column = column


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


_decoder = json.JSONDecoder(parse_constant=_refuse_constant)


def parse_json(content: bytes | str) -> Any:
    """Parse JSON into plain values. Stricter than ``json.loads``: NaN, Infinity and unpaired surrogates are refused.

    Raises:
        InvalidJson: The content is not UTF-8, not JSON, nested too deeply, or has a number of too many digits.
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
    """Parse a message into plain values.

    Args:
        raw: The message.
        what: What to call the message in an error, such as ``the reply``.

    Raises:
        DecodeError: The message is not valid JSON.
    """
    try:
        return parse_json(raw)
    except InvalidJson as error:
        raise DecodeError(
            f"{what} is not valid JSON: {error} (line {error.line}, column {error.column})", raw=raw
        ) from error


def structure(value: object, kind: Any, path: str, raw: bytes, what: str) -> Any:
    """Convert a part of a parsed message to its type.

    Args:
        value: The part.
        kind: The type.
        path: The part's JSON path, such as ``$.data``.
        raw: The message, for the error.
        what: What to call the message in an error.

    Raises:
        DecodeError: The part does not fit the type.
    """
    try:
        return _hook(kind)(value)
    except Mismatch as error:
        path += error.path
        raise DecodeError(f"{what} does not fit at {path}: {error}", path=path, raw=raw) from error


def decode_response(raw: bytes, kind: type[T] | None) -> CtlResponse[T]:
    """Decode a host's reply.

    Args:
        raw: The reply.
        kind: The type of its data; None if it has none.

    Raises:
        DecodeError: The reply is not valid JSON, or does not fit.
    """
    what = "the reply"
    reply = structure(load(raw, what), dict[str, Any], "$", raw, what)
    if "success" not in reply:
        raise DecodeError(
            f"{what} does not fit at $.success: the field is missing", path="$.success", raw=raw
        )
    data: Any = None
    if kind is not None and reply.get("response") is not None:
        data = structure(reply["response"], kind, "$.response", raw, what)
        if get_origin(kind) is list:
            data = list(data)  # all sequences are decoded as tuples
    return CtlResponse(
        succeeded=structure(reply["success"], bool, "$.success", raw, what),
        message=structure(reply.get("message", ""), str, "$.message", raw, what),
        data=data,
    )


# Encoding ---------------------------------------------------------------------------------------


def encode(value: Any) -> bytes:
    """Encode a model, or a map or sequence of models, as JSON.

    Raises:
        InvalidArgument: A string holds half of a surrogate pair, which UTF-8 cannot encode.
    """
    try:
        return json.dumps(
            value,
            default=_plain,
            ensure_ascii=False,
            separators=(",", ":"),
        ).encode()
    except UnicodeEncodeError as error:
        # The error itself would quote the whole text, which may hold a secret.
        raise InvalidArgument(f"a string cannot be sent: {error.reason}") from None


# Conversion -------------------------------------------------------------------------------------


@functools.cache
def _structuring() -> ModuleType:
    # At first use: importing cattrs takes longer than importing the rest of the package, and many scripts need only
    # the plain types of strict.HOOKS.
    from wasmcloud_ctl._protocol import structuring

    return structuring


@functools.cache
def _hook(kind: Any) -> Callable[[object], Any]:
    return strict.HOOKS.get(kind) or cast(Callable[[object], Any], _structuring().hook(kind))


@functools.cache
def _encoder(kind: Any) -> Callable[[Any], object]:
    return cast(Callable[[Any], object], _structuring().encoder(kind))


def _plain(model: object) -> object:
    kind: Any = type(model)
    return _encoder(kind)(model)
