"""Bytes to values and back; the only module that knows the wire's JSON.

Whatever does not fit is a DecodeError with the place in the JSON and the bytes.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar, get_origin

from wasmcloud_ctl._protocol import strict as _strict
from wasmcloud_ctl._protocol.strict import Mismatch
from wasmcloud_ctl.exceptions import DecodeError, InvalidArgument, OperationRejected
from wasmcloud_ctl.models import CtlResponse

T = TypeVar("T")

# How a value of each type is made, for those that have been met, and made plain. These take no cattrs, which takes
# longer to import than all of this package.
_hooks: dict[Any, Callable[[object], Any]] = {
    bool: _strict.boolean,
    str: _strict.string,
    dict[str, str]: _strict.string_map,
}
_plain_hooks: dict[type[Any], Callable[[Any], object]] = {}


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_decoder = json.JSONDecoder(parse_constant=_refuse_constant)


def load(raw: bytes, what: str) -> Any:
    """The bytes of a message's JSON as plain values.

    Args:
        raw: The bytes.
        what: What the message is, in words.

    Raises:
        DecodeError: They are no JSON.
    """
    try:
        text = raw.decode()
        value = _decoder.decode(text)
        # An escape can make half of a surrogate pair, which is no text and could not be sent again. The backslash
        # alone is looked for first: that is a hundred times as quick, and most messages have none.
        if b"\\" in raw and "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
        return value
    except RecursionError as error:
        raise DecodeError(f"{what} is nested too deeply", raw=raw) from error
    except ValueError as error:  # not UTF-8, not JSON, or a number of too many digits
        raise DecodeError(f"{what} is no JSON: {error}", raw=raw) from error


def structure(value: object, kind: Any, path: str, raw: bytes, what: str) -> Any:
    """A part of a message's JSON as a value of its type.

    Args:
        value: The part.
        kind: Its type.
        path: Where it is, such as ``$.data``.
        raw: The message.
        what: What the message is, in words.

    Raises:
        DecodeError: It does not fit its type.
    """
    try:
        return (_hooks.get(kind) or _new_hook(kind))(value)
    except Mismatch as error:
        place = path + error.place
        raise DecodeError(f"{what} does not fit at {place}: {error}", path=place, raw=raw) from error


def _new_hook(kind: Any) -> Callable[[object], Any]:
    def make() -> Callable[[object], Any]:
        from wasmcloud_ctl._protocol import structuring as _structuring

        return _structuring.hook(kind)

    # cattrs keeps a list of what it is about to make, from which Ctrl-C can keep it from taking off what it has made.
    hook = _hooks[kind] = make()
    return hook


def encode(value: Any) -> bytes:
    """A model, or a map or sequence of them, as the bytes of its JSON.

    Raises:
        InvalidArgument: It holds a string that has no UTF-8 (half of a surrogate pair).
    """
    try:
        return json.dumps(value, default=_plain, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError as error:
        # Not the error's own words: they quote the whole text, which may hold a secret.
        raise InvalidArgument(f"a string cannot be sent: {error.reason}") from None


def _plain(value: object) -> object:
    kind = type(value)
    return (_plain_hooks.get(kind) or _new_plain_hook(kind))(value)


def _new_plain_hook(kind: type[Any]) -> Callable[[Any], object]:
    def make() -> Callable[[Any], object]:
        from wasmcloud_ctl._protocol import structuring as _structuring

        return _structuring.plain_hook(kind)

    hook = _plain_hooks[kind] = make()
    return hook


def decode(raw: bytes, kind: type[T]) -> T:
    """The bytes of a model's JSON, as the model.

    Raises:
        DecodeError: They are no JSON, or do not fit the model.
    """
    result: T = structure(load(raw, "the message"), kind, "$", raw, "the message")
    return result


def decode_response(raw: bytes, kind: type[T] | None) -> CtlResponse[T]:
    """The bytes of a host's reply, as a response.

    Args:
        raw: The bytes.
        kind: The type of the data; None for a reply that has none.

    Raises:
        DecodeError: They are no JSON, no reply, or the data is not of its type.
    """
    envelope = load(raw, "the reply")
    if type(envelope) is not dict:
        raise DecodeError(
            f"the reply does not fit at $: {_strict.mismatch('an object', envelope)}", path="$", raw=raw
        )
    if "success" not in envelope:
        raise DecodeError(
            "the reply does not fit at $.success: the field is missing", path="$.success", raw=raw
        )
    succeeded = structure(envelope["success"], bool, "$.success", raw, "the reply")
    message = structure(envelope.get("message", ""), str, "$.message", raw, "the reply")
    data = _structure_data(envelope.get("response"), kind, raw)
    return CtlResponse(succeeded=succeeded, message=message, data=data)


def _structure_data(data: object, kind: Any, raw: bytes) -> Any:
    if kind is None or data is None:
        return None
    structured = structure(data, kind, "$.response", raw, "the reply")
    return list(structured) if get_origin(kind) is list else structured


# JetStream --------------------------------------------------------------------------------------


_NOT_FOUND = 404


def encode_stream_info(subjects_filter: str, offset: int) -> bytes:
    """A request for what a stream holds under a subject, from the so-manieth on."""
    return encode({"subjects_filter": subjects_filter, "offset": offset})


def decode_stream_info(raw: bytes) -> tuple[list[str], int]:
    """The subjects that a stream holds messages for, and how many there are in all; none where it does not exist.

    Raises:
        DecodeError: The answer is not what JetStream answers.
        OperationRejected: JetStream refused.
    """
    answer = _api_answer(raw)
    if answer is None:
        return [], 0
    state = answer.get("state")
    subjects = state.get("subjects") if type(state) is dict else None
    total = answer.get("total", 0)
    if not (subjects is None or type(subjects) is dict) or type(total) is not int:
        raise DecodeError("JetStream's answer has no subjects", path="$.state.subjects", raw=raw)
    return list(subjects or {}), total


def encode_last_message(subject: str) -> bytes:
    """A request for the last message of a subject."""
    return encode({"last_by_subj": subject})


def decode_holds_value(raw: bytes) -> bool:
    """Whether the last message of a key holds a value: there is one, and it does not say that the key was deleted.

    Raises:
        DecodeError: The answer is not what JetStream answers.
        OperationRejected: JetStream refused.
    """
    answer = _api_answer(raw)
    if answer is None:
        return False
    message = answer.get("message")
    headers = message.get("hdrs", "") if type(message) is dict else None
    if type(headers) is not str:
        raise DecodeError("JetStream's answer has no message", path="$.message", raw=raw)
    try:
        return b"KV-Operation:" not in base64.b64decode(headers, validate=True)
    except ValueError as error:
        raise DecodeError("JetStream's message has no headers", path="$.message.hdrs", raw=raw) from error


def _api_answer(raw: bytes) -> dict[str, Any] | None:
    answer = load(raw, "JetStream's answer")
    if type(answer) is not dict:
        raise DecodeError("JetStream's answer is no object", path="$", raw=raw)
    error = answer.get("error")
    if error is None:
        return answer
    code = error.get("code") if type(error) is dict else None
    if code == _NOT_FOUND:
        return None
    reason = error.get("description") if type(error) is dict else error
    raise OperationRejected(f"JetStream refused: {reason}")
