"""A JSON reader with the rules of Rust's serde, which hosts use.

Practice hosts do not use the client's codec, so that a mistake in it cannot cancel itself out. The rules:

- strict JSON: no NaN, no byte order mark, no lone surrogates;
- unknown fields are ignored, and a known field that occurs twice is an error;
- null is allowed only for optional fields;
- types are not converted.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


class ParseError(ValueError):
    """The payload does not have the expected form."""


class _Object(dict[str, object]):
    """A JSON object that remembers which of its keys were repeated."""

    def __init__(self, pairs: list[tuple[str, object]]) -> None:
        super().__init__(pairs)
        counts = Counter(key for key, _ in pairs)
        self.repeated = {key for key, count in counts.items() if count > 1}


def _refuse_constant(name: str) -> object:
    raise ParseError(f"{name} is not JSON")


def parse(payload: bytes) -> object:
    """Parse a payload as JSON.

    Raises:
        ParseError: The payload is not JSON.
    """
    try:
        return json.loads(payload.decode("utf-8"), object_pairs_hook=_Object, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ParseError(str(error)) from error


def text(value: object) -> str:
    """Return a value that must be a string.

    Raises:
        ParseError: The value is not a string, or contains a lone surrogate.
    """
    if not isinstance(value, str):
        raise ParseError(f"a string was expected, not {value!r}")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ParseError("a lone surrogate") from error
    return value


def string_map(value: object) -> dict[str, str]:
    """Return a value that must map strings to strings. The last value of a repeated key counts."""
    if isinstance(value, list):
        raise ParseError("invalid type: sequence, expected a map at line 1 column 0")
    if not isinstance(value, dict):
        raise ParseError(f"a map was expected, not {value!r}")
    return {text(key): text(entry) for key, entry in value.items()}


def strings(value: object) -> list[str]:
    """Return a value that must be a list of strings."""
    if not isinstance(value, list):
        raise ParseError(f"a list was expected, not {value!r}")
    return [text(entry) for entry in value]


def flag(value: object) -> bool:
    """Return a value that must be a boolean."""
    if not isinstance(value, bool):
        raise ParseError(f"a boolean was expected, not {value!r}")
    return value


def unsigned(bits: int) -> Callable[[object], int]:
    """Return a reader for unsigned integers of this many bits."""

    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << bits:
            raise ParseError(f"a number of {bits} bits was expected, not {value!r}")
        return value

    return read


class Struct:
    """Reads the fields of a JSON object. As in serde, a list of the fields' values is accepted, too.

    Args:
        value: The parsed JSON.
        order: The order of the fields in a list. Values at the end of a list may be missing.

    Raises:
        ParseError: The value is neither an object nor such a list.
    """

    def __init__(self, value: object, order: Sequence[str] = ()) -> None:
        if isinstance(value, list) and len(value) <= len(order):
            value = _Object(list(zip(order, value, strict=False)))
        if not isinstance(value, _Object):
            raise ParseError(f"an object was expected, not {value!r}")
        self._object = value

    def has(self, name: str) -> bool:
        """Return whether a field is present."""
        return name in self._object

    def required(self, name: str, read: Callable[[object], T]) -> T:
        """Return a field that must be present."""
        if name not in self._object:
            raise ParseError(f"missing field `{name}`")
        return self._read(name, read)

    def defaulted(self, name: str, read: Callable[[object], T], default: T) -> T:
        """Return a field, or the default if it is missing. Null is an error."""
        return self._read(name, read) if name in self._object else default

    def optional(self, name: str, read: Callable[[object], T]) -> T | None:
        """Return a field, or None if it is missing or null."""
        if name in self._object and self._object[name] is None:
            self._refuse_repeated(name)
            return None
        return self._read(name, read) if name in self._object else None

    def _read(self, name: str, read: Callable[[object], T]) -> T:
        self._refuse_repeated(name)
        return read(self._object[name])

    def _refuse_repeated(self, name: str) -> None:
        if name in self._object.repeated:
            raise ParseError(f"duplicate field `{name}`")
