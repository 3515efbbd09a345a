"""Plain values as strict as the hosts' own (serde): a null is no string, "false" no bool, "5" no number.

What is made of more than that is for ``_structuring``, whose cattrs many a script never needs.
"""

from __future__ import annotations

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
    """A value is not of the type that the protocol gives it.

    Attributes:
        place: Where within the value that is at hand, as the end of a JSON path.
    """

    def __init__(self, message: str, place: str = "") -> None:
        super().__init__(message)
        self.place = place


def mismatch(expected: str, value: object) -> Mismatch:
    """What is wrong with a value that is not what was expected."""
    return Mismatch(f"expected {expected}, found {_JSON_NAMES.get(type(value), type(value).__name__)}")


def _first_mismatch(value: dict[str, object]) -> Mismatch:
    key, entry = next((key, entry) for key, entry in value.items() if type(entry) is not str)
    return Mismatch(str(mismatch("a string", entry)), place=f"[{key!r}]")


# Hooks. What comes second is what cattrs gives them, too: the type.


def boolean(value: object, _: object = None) -> bool:
    """A boolean, or a Mismatch."""
    if type(value) is not bool:
        raise mismatch("a boolean", value)
    return value


def string(value: object, _: object = None) -> str:
    """A string, or a Mismatch."""
    if type(value) is not str:
        raise mismatch("a string", value)
    return value


def optional_string(value: object, _: object = None) -> str | None:
    """A string or None, or a Mismatch."""
    # It does not call the other: it stands on every line of an inventory, where a call less counts.
    if value is not None and type(value) is not str:
        raise mismatch("a string", value)
    return value


def string_map(value: object, _: object = None) -> dict[str, str]:
    """A map of strings to strings, or a Mismatch."""
    if type(value) is not dict:
        raise mismatch("an object", value)
    for entry in value.values():
        if type(entry) is not str:
            raise _first_mismatch(value)
    # It is json's own new dict with nothing but strings in it, so it need not be copied.
    return value
