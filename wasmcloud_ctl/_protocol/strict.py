"""Checks of plain JSON values, as strict as the hosts' own (serde): null is no string, ``"5"`` is no number.

These need no cattrs, which many scripts never import.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

_JSON_NAMES = {
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "a list",
    dict: "an object",
}


class Mismatch(Exception):
    """A value does not have the type that the protocol gives it.

    Attributes:
        path: The path within the value, to be appended to the value's own JSON path.
    """

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message)
        self.path = path


def mismatch(expected: str, value: object, path: str = "") -> Mismatch:
    """Return the error for a value of another type than expected."""
    return Mismatch(f"expected {expected}, found {_JSON_NAMES.get(type(value), type(value).__name__)}", path)


# Each check returns the value, or raises Mismatch. cattrs passes the type as a second argument.


def boolean(value: object, _: object = None) -> bool:
    """Check a boolean."""
    if type(value) is not bool:
        raise mismatch("a boolean", value)
    return value


def string(value: object, _: object = None) -> str:
    """Check a string."""
    if type(value) is not str:
        raise mismatch("a string", value)
    return value


def optional_string(value: object, _: object = None) -> str | None:
    """Check a string or None."""
    # Does not call string(): an inventory has thousands of optional strings, so one call less counts.
    if value is not None and type(value) is not str:
        raise mismatch("a string", value)
    return value


def any_map(value: object, _: object = None) -> dict[str, Any]:
    """Check an object with values of any type."""
    if type(value) is not dict:
        raise mismatch("an object", value)
    return value


def string_map(value: object, _: object = None) -> dict[str, str]:
    """Check an object whose values are strings."""
    if type(value) is not dict:
        raise mismatch("an object", value)
    for key in value:
        if type(value[key]) is not str:
            raise mismatch("a string", value[key], path=f"[{key!r}]")
    return value  # json made this dict for us, so it need not be copied


def optional_string_map(value: object, _: object = None) -> dict[str, str] | None:
    """Check an object whose values are strings, or None."""
    if value is None:
        return None
    if type(value) is not dict:
        raise mismatch("an object", value)
    for key in value:
        if type(value[key]) is not str:
            raise mismatch("a string", value[key], path=f"[{key!r}]")
    return value


HOOKS: dict[Any, Callable[..., Any]] = {
    bool: boolean,
    str: string,
    str | None: optional_string,
    dict[str, Any]: any_map,
    dict[str, str]: string_map,
    Mapping[str, str]: string_map,
    dict[str, str] | None: optional_string_map,
    Mapping[str, str] | None: optional_string_map,
}
