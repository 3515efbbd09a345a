"""Checks of arguments, made before anything is sent. Each returns the checked value or raises InvalidArgument.

Hosts accept almost anything (even a scale command without a reference), so mistakes must be caught here. The checks
of what becomes part of a subject are in ``_protocol/subjects.py``.

Most messages name the type of a wrong value and not the value: it may be a secret in the wrong place.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from typing import TypeVar

from wasmcloud_ctl._protocol.subjects import token
from wasmcloud_ctl.exceptions import InvalidArgument

T = TypeVar("T")

_LIMITS = {"max_memory_limit": "bytes", "max_execution_time": "seconds"}

# As many digits as the highest number has. int() refuses very long texts in another way.
_UNSIGNED = re.compile(r"[0-9]{1,20}")


def text(value: object, what: str) -> str:
    """Check a string, which may be empty."""
    if not isinstance(value, str):
        raise InvalidArgument(f"{what} must be a string, not {type(value).__name__}")
    return value


def identifier(value: object, what: str) -> str:
    """Check an id, a reference or a name that is not part of a subject: a string that is not blank."""
    checked = text(value, what)
    if not checked.strip():
        raise InvalidArgument(f"{what} must not be empty or blank")
    return checked


def registry(value: object) -> str:
    """Check the name of a registry. Hosts compare it with what is before the first slash of an image's reference."""
    checked = identifier(value, "each of registries")
    if "/" in checked or "@" in checked:
        # It may be a URL with a password, so it is not quoted.
        raise InvalidArgument(
            "each of registries must be the part of a reference before the first slash, such as ghcr.io: hosts would "
            "ignore any other"
        )
    return checked


def boolean(value: object, what: str) -> bool:
    """Check a boolean. 0, 1 and None are refused."""
    if not isinstance(value, bool):
        raise InvalidArgument(f"{what} must be True or False, not {type(value).__name__}")
    return value


def whole_number(value: object, what: str, highest: int, lowest: int = 0) -> int:
    """Check a whole number from ``lowest`` to ``highest``. True and False are refused."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidArgument(f"{what} must be a whole number, not {type(value).__name__}")
    if not lowest <= value <= highest:
        raise InvalidArgument(f"{what} must be a whole number from {lowest} to {highest}")
    return value


def seconds(value: object, what: str, *, zero: bool = False) -> float:
    """Check a time in seconds: a finite number above 0. With ``zero``, 0 is allowed, too."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidArgument(f"{what} must be a number of seconds, not {type(value).__name__}")
    # The comparison also refuses nan, and an int that is too large for a float.
    if not (0 < value <= sys.float_info.max or (zero and value == 0)):
        limit = ", 0 or above" if zero else " above 0"
        raise InvalidArgument(f"{what} must be a finite number of seconds{limit}")
    return float(value)


def string_map(value: object, what: str) -> dict[str, str]:
    """Check a mapping of strings to strings, and return a copy."""
    if not isinstance(value, Mapping):
        raise InvalidArgument(f"{what} must be a mapping of strings to strings, not {type(value).__name__}")
    for key, entry in value.items():
        if not isinstance(key, str):
            raise InvalidArgument(f"{what} must have strings as keys, not {type(key).__name__}")
        if not isinstance(entry, str):
            raise InvalidArgument(f"{what}[{key!r}] must be a string, not {type(entry).__name__}")
    return dict(value)


def optional_string_map(value: object, what: str) -> dict[str, str] | None:
    """Check a mapping of strings to strings, or None."""
    return None if value is None else string_map(value, what)


def component_limits(value: object, what: str) -> dict[str, str] | None:
    """Check the limits of a component, or None. Hosts silently ignore other names and values than these."""
    limits = optional_string_map(value, what)
    for name, number in (limits or {}).items():
        if name not in _LIMITS:
            known = " and ".join(f"{known} ({unit})" for known, unit in _LIMITS.items())
            raise InvalidArgument(f"{what} has {name!r}, which hosts would ignore: they know {known}")
        if not _UNSIGNED.fullmatch(number) or int(number) >= 2**64:
            raise InvalidArgument(
                f"{what}[{name!r}] must be a whole number of {_LIMITS[name]} in decimal digits, from 0 to 2**64 - 1: "
                "hosts would ignore anything else"
            )
    return limits


def strings(value: object, what: str) -> tuple[str, ...]:
    """Check a sequence of strings. A single string is refused: it would be read as a sequence of letters."""
    if isinstance(value, str):
        raise InvalidArgument(f"{what} must be a sequence of strings, not one string: put it in a list")
    if isinstance(value, (bytes, Mapping)) or not isinstance(value, Iterable):
        raise InvalidArgument(f"{what} must be a sequence of strings, not {type(value).__name__}")
    return tuple(text(item, f"each of {what}") for item in value)


def config_names(value: object, what: str) -> tuple[str, ...]:
    """Check a sequence of config names. A config's name is part of its subject."""
    return tuple(token(name, f"each of {what}") for name in strings(value, what))


def sequence_of(kind: type[T], value: object, what: str) -> tuple[T, ...]:
    """Check a sequence of objects of one class."""
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise InvalidArgument(f"{what} must be a sequence of {kind.__name__}, not {type(value).__name__}")
    items = tuple(value)
    for item in items:
        if not isinstance(item, kind):
            raise InvalidArgument(f"each of {what} must be a {kind.__name__}, not {type(item).__name__}")
    return items
