"""How a host reads what arrives: the rules of Rust's serde, as far as they can be noticed.

A practice host does not use the client's codec, on purpose: a mistake there would be made on both sides of
the wire and cancel itself out. The rules: JSON proper (no NaN, no byte order mark, no lone surrogate),
unknown fields ignored, a known field given twice refused, null only where a field is optional, no conversion
between types.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


class ParseError(ValueError):
    """What arrived is not what the host reads."""


class _Object(dict[str, object]):
    """A JSON object that remembers which keys it was given more than once."""

    def __init__(self, pairs: list[tuple[str, object]]) -> None:
        super().__init__(pairs)
        counts = Counter(key for key, _ in pairs)
        self.repeated = {key for key, count in counts.items() if count > 1}


def _refuse_constant(name: str) -> object:
    raise ParseError(f"{name} is no JSON")


def parse(payload: bytes) -> object:
    """A payload as JSON.

    Raises:
        ParseError: It is none.
    """
    try:
        return json.loads(payload.decode("utf-8"), object_pairs_hook=_Object, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ParseError(str(error)) from error


def text(value: object) -> str:
    """A string.

    Raises:
        ParseError: It is none, or has half of a surrogate pair.
    """
    if not isinstance(value, str):
        raise ParseError(f"a string was expected, not {value!r}")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ParseError("a lone surrogate") from error
    return value


def string_map(value: object) -> dict[str, str]:
    """A map of strings to strings; of a key that is given twice the last counts."""
    if isinstance(value, list):
        raise ParseError("invalid type: sequence, expected a map at line 1 column 0")
    if not isinstance(value, dict):
        raise ParseError(f"a map was expected, not {value!r}")
    return {text(key): text(entry) for key, entry in value.items()}


def strings(value: object) -> list[str]:
    """A list of strings."""
    if not isinstance(value, list):
        raise ParseError(f"a list was expected, not {value!r}")
    return [text(entry) for entry in value]


def flag(value: object) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise ParseError(f"a boolean was expected, not {value!r}")
    return value


def unsigned(bits: int) -> Callable[[object], int]:
    """A reader of whole numbers that fit this many bits without a sign."""

    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << bits:
            raise ParseError(f"a number of {bits} bits was expected, not {value!r}")
        return value

    return read


class Struct:
    """A JSON object that is read field by field; a list of its fields' values will do, too.

    Args:
        value: What was parsed.
        order: The order of the fields in such a list; those at its end may be left out.

    Raises:
        ParseError: It is neither.
    """

    def __init__(self, value: object, order: Sequence[str] = ()) -> None:
        if isinstance(value, list) and len(value) <= len(order):
            value = _Object(list(zip(order, value, strict=False)))
        if not isinstance(value, _Object):
            raise ParseError(f"an object was expected, not {value!r}")
        self._object = value

    def has(self, name: str) -> bool:
        """Whether a field is there."""
        return name in self._object

    def required(self, name: str, read: Callable[[object], T]) -> T:
        """A field that must be there."""
        if name not in self._object:
            raise ParseError(f"missing field `{name}`")
        return self._read(name, read)

    def defaulted(self, name: str, read: Callable[[object], T], default: T) -> T:
        """A field that may be left out, but not be null."""
        return self._read(name, read) if name in self._object else default

    def optional(self, name: str, read: Callable[[object], T]) -> T | None:
        """A field that may be left out or null."""
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
