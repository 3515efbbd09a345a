"""What a caller may give, checked before anything is made of it.

Hosts take almost anything (a scale command without a reference is acknowledged), so a slip has to be caught
here. What becomes part of a subject is in ``_subjects``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TypeVar

from wasmcloud_ctl._protocol.subjects import token
from wasmcloud_ctl.exceptions import InvalidArgument


T = TypeVar("T")


def text(value: object, what: str) -> str:
    """A string, which may be empty."""
    if not isinstance(value, str):
        raise InvalidArgument(f"{what} must be a string, not {type(value).__name__}")
    return value


def identifier(value: object, what: str) -> str:
    """An id, a reference or another name that is not in a subject: a string, not empty."""
    if not text(value, what):
        raise InvalidArgument(f"{what} must not be empty")
    return text(value, what)


def boolean(value: object, what: str) -> bool:
    """True or False, and nothing that merely passes for it."""
    if not isinstance(value, bool):
        raise InvalidArgument(f"{what} must be True or False, not {value!r}")
    return value


def whole_number(value: object, what: str, highest: int, lowest: int = 0) -> int:
    """A whole number in a range, both ends included. True is no number."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidArgument(f"{what} must be a whole number, not {value!r}")
    if not lowest <= value <= highest:
        raise InvalidArgument(f"{what} must be {lowest} to {highest}, not {value}")
    return value


def seconds(value: object, what: str) -> float:
    """A time in seconds: finite, above 0."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidArgument(f"{what} must be a number of seconds, not {value!r}")
    if not (math.isfinite(value) and value > 0):
        raise InvalidArgument(f"{what} must be a finite number of seconds above 0, not {value!r}")
    return float(value)


def string_map(value: object, what: str) -> dict[str, str]:
    """A mapping of strings to strings; what comes back is a copy."""
    if not isinstance(value, Mapping):
        raise InvalidArgument(f"{what} must be a mapping of strings to strings, not {type(value).__name__}")
    for key, entry in value.items():
        if not isinstance(key, str):
            raise InvalidArgument(f"{what} must have strings as keys, not {key!r}")
        if not isinstance(entry, str):
            raise InvalidArgument(f"{what}[{key!r}] must be a string, not {type(entry).__name__}")
    return dict(value)


def optional_string_map(value: object, what: str) -> dict[str, str] | None:
    """A mapping of strings to strings, or None."""
    return None if value is None else string_map(value, what)


def strings(value: object, what: str) -> tuple[str, ...]:
    """Several strings. One string is refused: it would be taken for its letters."""
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise InvalidArgument(f"{what} must be a sequence of strings, not {value!r}")
    items = tuple(value)
    for item in items:
        text(item, f"each of {what}")
    return items


def config_names(value: object, what: str) -> tuple[str, ...]:
    """Several names of configs, each such as a config can have."""
    return tuple(token(name, f"each of {what}") for name in strings(value, what))


def sequence_of(kind: type[T], value: object, what: str) -> tuple[T, ...]:
    """Check a sequence of objects of one class."""
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise InvalidArgument(f"{what} must be a sequence of {kind.__name__}, not {type(value).__name__}")
    items = []
    for item in value:
        if not isinstance(item, kind):
            raise InvalidArgument(f"each of {what} must be a {kind.__name__}, not {type(item).__name__}")
        items.append(item)
    return tuple(items)
