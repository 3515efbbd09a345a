"""Bytes to attrs objects and back; the only module that knows the wire's JSON.

Decoding is as strict as the hosts' own (serde): a null is no string, "false" no bool, "5" no number, a string no
list; cattrs by itself would make good-looking data of all of these. Unknown fields are ignored, for newer hosts
send more. Whatever does not fit is a DecodeError with the place in the JSON and the bytes.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from types import UnionType
from typing import Any, NoReturn, TypeVar, Union, get_args, get_origin

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from wasmcloud_ctl import events, models
from wasmcloud_ctl.exceptions import DecodeError, InvalidArgument, OperationRejected
from wasmcloud_ctl.models import CtlResponse, Range

T = TypeVar("T")

_JSON_NAMES = {
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "a list",
    dict: "an object",
}


class _Mismatch(Exception):
    """A value is not of the type that the protocol gives it.

    Attributes:
        place: Where within the value that is at hand, as the end of a JSON path.
    """

    def __init__(self, message: str, place: str = "") -> None:
        super().__init__(message)
        self.place = place


def _mismatch(expected: str, value: object) -> _Mismatch:
    return _Mismatch(f"expected {expected}, found {_JSON_NAMES.get(type(value), type(value).__name__)}")


# Strict hooks -----------------------------------------------------------------------------------


def _structure_string(value: object, _: object) -> str:
    if type(value) is not str:
        raise _mismatch("a string", value)
    return value


def _structure_boolean(value: object, _: object) -> bool:
    if type(value) is not bool:
        raise _mismatch("a boolean", value)
    return value


def _optional_hook(kind: Any) -> Callable[[object, object], Any]:
    """As cattrs' own, but for what stands on every line of an inventory, where a call less counts."""
    (inner,) = (argument for argument in get_args(kind) if argument is not type(None))
    structure_inner = _converter.get_structure_hook(inner)

    def structure(value: object, _: object) -> Any:
        return None if value is None else structure_inner(value, inner)

    def structure_string(value: object, _: object) -> str | None:
        if value is not None and type(value) is not str:
            raise _mismatch("a string", value)
        return value

    return structure_string if inner is str else structure


def _is_optional(kind: Any) -> bool:
    arguments = get_args(kind)
    return get_origin(kind) in (Union, UnionType) and len(arguments) == 2 and type(None) in arguments


def _range_hook(kind: Any) -> Callable[[object, object], int]:
    allowed = next(argument for argument in get_args(kind) if isinstance(argument, Range))
    low, high = allowed.low, allowed.high

    def structure(value: object, _: object) -> int:
        if type(value) is not int:
            raise _mismatch("a whole number", value)
        if not low <= value <= high:
            raise _Mismatch(f"expected {low} to {high}, found {value}")
        return value

    return structure


def _is_ranged(kind: Any) -> bool:
    return any(isinstance(argument, Range) for argument in get_args(kind))


def _structure_string_map(value: object, _: object) -> dict[str, str]:
    if type(value) is not dict:
        raise _mismatch("an object", value)
    for key, entry in value.items():
        if type(entry) is not str:
            raise _Mismatch(str(_mismatch("a string", entry)), place=f"[{key!r}]")
    # It is json's own new dict with nothing but strings in it, so it need not be copied.
    return value


def _sequence_hook(kind: Any) -> Callable[[object, object], tuple[Any, ...]]:
    element = get_args(kind)[0]
    structure_element = _converter.get_structure_hook(element)

    def structure(value: object, _: object) -> tuple[Any, ...]:
        if type(value) is not list:
            raise _mismatch("a list", value)
        items = []
        try:
            for item in value:
                items.append(structure_element(item, element))
        except Exception as error:
            placed = [_at_index(error, len(items))]
            # From Python 3.11 on pyright takes the base class's __init__ for the one that counts.
            raise cattrs.IterableValidationError("a list", placed, kind) from None  # pyright: ignore[reportCallIssue]
        return tuple(items)

    return structure


def _at_index(error: Exception, index: int) -> Exception:
    # Before Python 3.11 there is no add_note; cattrs reads the attribute.
    notes = [*getattr(error, "__notes__", ()), cattrs.IterableValidationNote(f"at {index}", index, None)]
    setattr(error, "__notes__", notes)  # noqa: B010  # an attribute that type checkers for 3.10 do not know
    return error


def _is_sequence(kind: Any) -> bool:
    origin = get_origin(kind)
    return (isinstance(origin, type) and origin is not str and issubclass(origin, (tuple, list))) or (
        getattr(origin, "__qualname__", "") == "Sequence"
    )


def _structure_any_map(value: object, _: object) -> dict[str, Any]:
    if type(value) is not dict:
        raise _mismatch("an object", value)
    return value


def _is_any_map(kind: Any) -> bool:
    return get_origin(kind) is dict and get_args(kind) == (str, Any)


def _is_string_map(kind: Any) -> bool:
    origin = get_origin(kind)
    return isinstance(origin, type) and issubclass(origin, Mapping) and get_args(kind) == (str, str)


# The fields that travel under another name.
_WIRE_NAMES: dict[type, dict[str, str]] = {
    models.ScaleComponentCommand: {"max_instances": "count"},
    models.RegistryCredential: {"registry_type": "registryType"},
}

# The names that a field may have instead, when it arrives.
_ALIASES: dict[type, dict[str, str]] = {
    models.HostInventory: {"actors": "components"},
    events.HostHeartbeat: {"actors": "components"},
    models.RegistryCredential: {"registry_type": "registryType"},
}


def _class_hook(kind: type[Any]) -> Callable[[object, object], Any]:
    renames = {name: override(rename=wire) for name, wire in _WIRE_NAMES.get(kind, {}).items()}
    generated = make_dict_structure_fn(kind, _converter, **renames)  # type: ignore[arg-type]
    aliases = _ALIASES.get(kind)

    def structure(value: object, _: object) -> Any:
        if type(value) is not dict:
            raise _mismatch("an object", value)
        if aliases is not None:
            for alias, name in aliases.items():
                if alias in value and name not in value:
                    value = {**value, name: value[alias]}
        return generated(value, kind)

    return structure


def _unstructure_hook(kind: type[Any]) -> Callable[[Any], dict[str, Any]]:
    """Leave out what is None, and nothing else: hosts tell a missing field from a null."""
    wire_names = _WIRE_NAMES.get(kind, {})
    optional = {
        field.name for field in attrs.fields(attrs.resolve_types(kind)) if type(None) in get_args(field.type)
    }
    overrides = {
        field.name: override(rename=wire_names.get(field.name), omit_if_default=field.name in optional)
        for field in attrs.fields(kind)
    }
    return make_dict_unstructure_fn(kind, _converter, **overrides)  # type: ignore[arg-type]


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter(detailed_validation=True)
    converter.register_structure_hook(str, _structure_string)
    converter.register_structure_hook(bool, _structure_boolean)
    converter.register_structure_hook_factory(_is_optional, _optional_hook)
    converter.register_structure_hook_factory(_is_ranged, _range_hook)
    converter.register_structure_hook_factory(_is_sequence, _sequence_hook)
    converter.register_structure_hook_func(_is_string_map, _structure_string_map)
    converter.register_structure_hook_func(_is_any_map, _structure_any_map)
    converter.register_structure_hook_factory(attrs.has, _class_hook)
    converter.register_unstructure_hook_factory(attrs.has, _unstructure_hook)
    return converter


_converter = _make_converter()


# JSON -------------------------------------------------------------------------------------------


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_decoder = json.JSONDecoder(parse_constant=_refuse_constant)


def _load(raw: bytes, what: str) -> Any:
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


def _structure(value: Any, kind: Any, path: str, raw: bytes, what: str) -> Any:
    try:
        return _converter.structure(value, kind)
    except Exception as error:
        place, reason = _first_fault(error, path)
        raise DecodeError(f"{what} does not fit at {place}: {reason}", path=place, raw=raw) from error


def _first_fault(error: BaseException, path: str) -> tuple[str, str]:
    """The place of the first thing that is wrong, and what is wrong with it."""
    if isinstance(error, cattrs.ClassValidationError):
        for fault, note in error.group_exceptions()[0]:
            if isinstance(fault, KeyError):
                return f"{path}.{fault.args[0]}", "the field is missing"
            return _first_fault(fault, f"{path}.{note.name}")
    if isinstance(error, cattrs.IterableValidationError):
        for fault, element in error.group_exceptions()[0]:
            return _first_fault(fault, f"{path}[{element.index}]")
    return path + getattr(error, "place", ""), str(error) or type(error).__name__


def encode(value: Any) -> bytes:
    """A model, or a map or sequence of them, as the bytes of its JSON.

    Raises:
        InvalidArgument: It holds a string that has no UTF-8 (half of a surrogate pair).
    """
    try:
        unstructured = _converter.unstructure(value)
        return json.dumps(unstructured, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError as error:
        # Not the error's own words: they quote the whole text, which may hold a secret.
        raise InvalidArgument(f"a string cannot be sent: {error.reason}") from None


def decode(raw: bytes, kind: type[T]) -> T:
    """The bytes of a model's JSON, as the model.

    Raises:
        DecodeError: They are no JSON, or do not fit the model.
    """
    result: T = _structure(_load(raw, "the message"), kind, "$", raw, "the message")
    return result


def decode_response(raw: bytes, kind: type[T] | None) -> CtlResponse[T]:
    """The bytes of a host's reply, as a response.

    Args:
        raw: The bytes.
        kind: The type of the data; None for a reply that has none.

    Raises:
        DecodeError: They are no JSON, no reply, or the data is not of its type.
    """
    envelope = _load(raw, "the reply")
    if type(envelope) is not dict:
        raise DecodeError(
            f"the reply does not fit at $: {_mismatch('an object', envelope)}", path="$", raw=raw
        )
    if "success" not in envelope:
        raise DecodeError(
            "the reply does not fit at $.success: the field is missing", path="$.success", raw=raw
        )
    succeeded = _structure(envelope["success"], bool, "$.success", raw, "the reply")
    message = _structure(envelope.get("message", ""), str, "$.message", raw, "the reply")
    data = _structure_data(envelope.get("response"), kind, raw)
    return CtlResponse(succeeded=succeeded, message=message, data=data)


def _structure_data(data: object, kind: Any, raw: bytes) -> Any:
    if kind is None or data is None:
        return None
    structured = _structure(data, kind, "$.response", raw, "the reply")
    return list(structured) if get_origin(kind) is list else structured


# Events -----------------------------------------------------------------------------------------

_EVENT_TYPE_PREFIX = "com.wasmcloud.lattice."

_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)


def _time(text: str) -> datetime:
    """RFC 3339 with up to nine decimals, of which a datetime keeps six."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise _Mismatch("expected a time by RFC 3339")
    year, month, day, hour, minute, second, fraction, sign, zone_hours, zone_minutes = match.groups()
    zone = timezone.utc
    if sign:
        offset = timedelta(hours=int(zone_hours), minutes=int(zone_minutes))
        zone = timezone(offset if sign == "+" else -offset)
    microsecond = int((fraction or "0").ljust(6, "0")[:6])
    return datetime(
        int(year), int(month), int(day), int(hour), int(minute), int(second), microsecond, tzinfo=zone
    )


def decode_event(raw: bytes, lattice: str) -> events.Event:
    """The bytes of an event, as the event.

    Args:
        raw: The bytes.
        lattice: The lattice that it was heard on.

    Raises:
        DecodeError: They are no CloudEvent in JSON, or the data does not fit the kind of event.
    """
    what = "the event"
    envelope = _structure(_load(raw, what), _Envelope, "$", raw, what)
    name = envelope.type.rpartition(".")[2]
    try:
        time = _time(envelope.time)
    except (_Mismatch, ValueError) as error:
        raise DecodeError(f"{what} does not fit at $.time: {error}", path="$.time", raw=raw) from error
    known = events.DATA_BY_NAME.get(name) if envelope.type == _EVENT_TYPE_PREFIX + name else None
    data = _structure(envelope.data, known or dict[str, Any], "$.data", raw, what)
    return events.Event(
        id=envelope.id,
        source=envelope.source,
        type=envelope.type,
        name=name,
        time=time,
        lattice=lattice,
        data=data,
    )


@attrs.frozen(slots=False, kw_only=True)
class _Envelope:
    """A CloudEvent 1.0 in structured JSON mode, as far as hosts use it."""

    id: str
    source: str
    type: str
    time: str
    specversion: str
    data: Any


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
    answer = _load(raw, "JetStream's answer")
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
