"""The rules and the error messages by which Rust's serde reads a type, whatever the format of the text.

A function that reads a type takes a :class:`Source`: a value in JSON, in YAML, or in memory. Errors at the types are
raised without a place, which the source adds: the first one that knows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar

from attrs import field, frozen

T = TypeVar("T")

# A key, and a function that returns the value. It must be called before the next entry.
Entries = Iterator[tuple["Key", Callable[[], "Source"]]]


class Problem(Exception):
    """Why a text cannot be read.

    Args:
        message: The message without a place.

    Attributes:
        place: Where in the text, in the form of the format. None if no source has added it yet.
    """

    def __init__(self, message: str, place: object = None) -> None:
        super().__init__(message)
        self.message = message
        self.place = place


class Pairs(list[tuple[Any, Any]]):
    """The entries of a map in memory. Keys can be of any type, and can occur twice."""


class Key(Protocol):
    """A key or a value, which can be read once.

    ``text`` reads a string, and returns what a function makes of it. ``content`` reads any type into memory: None,
    bool, int, float, str, list or Pairs.
    """

    def text(self, accept: Callable[[str], T], expected: str) -> T: ...
    def content(self) -> Any: ...


class Source(Key, Protocol):
    """A value, which can be read once.

    ``optional`` returns None for null. ``sequence`` and ``mapping`` return what a function makes of the elements or
    the entries. ``struct`` reads a map, or a list where the format allows it. ``ignore`` skips the value.
    """

    def optional(self, read: Callable[[Source], T]) -> T | None: ...
    def sequence(self, visit: Callable[[Iterator[Source]], T], expected: str) -> T: ...
    def mapping(self, visit: Callable[[Entries], T], expected: str) -> T: ...
    def struct(
        self, by_name: Callable[[Entries], T], by_position: Callable[[Iterator[Source]], T], expected: str
    ) -> T: ...
    def ignore(self) -> None: ...


def quoted(text: str) -> str:
    """Return a text as Rust prints it for debugging."""
    return '"' + "".join(_escaped(char) for char in text) + '"'


def _escaped(char: str) -> str:
    escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0"}
    if char in escapes:
        return escapes[char]
    return char if char.isprintable() else f"\\u{{{ord(char):x}}}"


def described(value: Any, null: str, number: Callable[[float], str]) -> str:
    """Return serde's words for an unexpected value.

    Args:
        value: The value.
        null: The words for null.
        number: Writes a float.
    """
    if value is None:
        return null
    if isinstance(value, bool):
        return f"boolean `{str(value).lower()}`"
    if isinstance(value, int):
        return f"integer `{value}`"
    if isinstance(value, float):
        return f"floating point `{number(value)}`"
    if isinstance(value, str):
        return f"string {quoted(value)}"
    return "map" if isinstance(value, Pairs) else "sequence"


def listed(names: Sequence[str]) -> str:
    """Return serde's list of the expected names."""
    ticked = [f"`{name}`" for name in names]
    return " or ".join(ticked) if len(ticked) < 3 else "one of " + ", ".join(ticked)


def counted(count: int, noun: str) -> str:
    """Return a count with its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


# Types ------------------------------------------------------------------------------------------


def text(source: Key) -> str:
    """Read a string."""
    return source.text(str, "a string")


def optional(read: Callable[[Source], T]) -> Callable[[Source], T | None]:
    """Return a function that reads a value or null."""
    return lambda source: source.optional(read)


def sequence(read: Callable[[Source], T]) -> Callable[[Source], list[T]]:
    """Return a function that reads a list."""
    return lambda source: source.sequence(lambda items: [read(item) for item in items], "a sequence")


def text_map(source: Source) -> dict[str, str]:
    """Read a map of strings. The last value of a repeated key counts."""
    return source.mapping(lambda entries: {text(key): text(value()) for key, value in entries}, "a map")


def list_content(items: Iterator[Source]) -> list[Any]:
    """Read the elements of a list into memory."""
    return [item.content() for item in items]


def map_content(entries: Entries) -> Pairs:
    """Read the entries of a map into memory."""
    return Pairs((key.content(), value().content()) for key, value in entries)


def sorted_text_map(source: Source) -> dict[str, str]:
    """Read a map of strings, sorted by the keys."""
    return dict(sorted(text_map(source).items()))


@frozen
class Field:
    """A field of a struct.

    Attributes:
        name: The name.
        read: Reads the value.
        required: Whether the field must be there.
        absent: Makes the value of a field that is not there.
        positional: Whether the field may be missing in a list of the values, too.
        kept: Whether an empty value is written.
        aliases: Other names.
    """

    name: str
    read: Callable[[Source], Any]
    required: bool = True
    absent: Callable[[], Any] = field(default=lambda: None)
    positional: bool = False
    kept: bool = True
    aliases: tuple[str, ...] = ()


def maybe(name: str, read: Callable[[Source], Any], positional: bool = False) -> Field:
    """Return a field that can be missing or null."""
    return Field(name, optional(read), required=False, positional=positional)


def several(name: str, read: Callable[[Source], Any]) -> Field:
    """Return a field with a list, which can be missing but not null. An empty list is not written."""
    return Field(name, sequence(read), required=False, absent=list, positional=True, kept=False)


@frozen
class Struct:
    """Reads a struct into a dict with its fields in order.

    Attributes:
        name: The name of the type.
        fields: The fields.
        closed: Whether unknown fields are refused.
    """

    name: str
    fields: tuple[Field, ...]
    closed: bool = False

    def __call__(self, source: Source) -> dict[str, Any]:
        """Read the struct."""
        return source.struct(self._by_name, self._by_position, f"struct {self.name}")

    def known(self, name: str) -> Field | None:
        """Return the field of a name, or None for a field to ignore."""
        for own in self.fields:
            if name == own.name or name in own.aliases:
                return own
        if self.closed:
            raise Problem(f"unknown field `{name}`, expected {listed([f.name for f in self.fields])}")
        return None

    def _by_name(self, entries: Entries) -> dict[str, Any]:
        return self.written(read_fields(entries, self.known, lambda key, value: value.ignore()))

    def _by_position(self, items: Iterator[Source]) -> dict[str, Any]:
        values = {}
        for index, own in enumerate(self.fields):
            item = next(items, None)
            if item is not None:
                values[own.name] = own.read(item)
            elif not own.positional:
                wanted = f"struct {self.name} with {counted(len(self.fields), 'element')}"
                raise Problem(f"invalid length {index}, expected {wanted}")
        return self.written(values)

    def written(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return the fields as they are written again: in order, with defaults, and without what is left out."""
        written = {}
        for own in self.fields:
            if own.name not in values and own.required:
                raise Problem(f"missing field `{own.name}`")
            value = values[own.name] if own.name in values else own.absent()
            if value or (own.kept and (own.required or value is not None)):
                written[own.name] = value
        return written


def read_fields(
    entries: Entries, known: Callable[[str], Field | None], other: Callable[[str, Source], None]
) -> dict[str, Any]:
    """Read the known fields, each at most once.

    Args:
        entries: The entries.
        known: Returns the field of a name, or None.
        other: Takes the name and the value of what is no field.
    """
    values: dict[str, Any] = {}
    for key, value in entries:
        name, own = key.text(lambda name: (name, known(name)), "field identifier")
        if own is None:
            other(name, value())
        elif own.name in values:
            raise Problem(f"duplicate field `{own.name}`")
        else:
            values[own.name] = own.read(value())
    return values


# Values in memory -------------------------------------------------------------------------------


@frozen
class Buffered:
    """A value in memory.

    Attributes:
        value: The value: None, bool, int, float, str, list or Pairs.
        describe: Returns the words of the text's format for an unexpected value.
    """

    value: Any
    describe: Callable[[Any], str]

    def unexpected(self, expected: str) -> Problem:
        """Return the error for a value of a wrong type."""
        return Problem(f"invalid type: {self.describe(self.value)}, expected {expected}")

    def text(self, accept: Callable[[str], T], expected: str) -> T:
        """Read a string, and return what a function makes of it."""
        if not isinstance(self.value, str):
            raise self.unexpected(expected)
        return accept(self.value)

    def optional(self, read: Callable[[Source], T]) -> T | None:
        """Read a value, or return None for null."""
        return None if self.value is None else read(self)

    def sequence(self, visit: Callable[[Iterator[Source]], T], expected: str) -> T:
        """Read a list, and return what a function makes of its elements."""
        if not isinstance(self.value, list) or isinstance(self.value, Pairs):
            raise self.unexpected(expected)
        items: Iterator[Source] = iter([Buffered(item, self.describe) for item in self.value])
        read = visit(items)
        if left := len(list(items)):
            total = len(self.value)
            raise Problem(f"invalid length {total}, expected {counted(total - left, 'element')} in sequence")
        return read

    def mapping(self, visit: Callable[[Entries], T], expected: str) -> T:
        """Read a map, and return what a function makes of its entries."""
        if not isinstance(self.value, Pairs):
            raise self.unexpected(expected)
        return visit(self._entries(self.value))

    def _entries(self, pairs: Iterable[tuple[Any, Any]]) -> Entries:
        for key, value in pairs:
            yield Buffered(key, self.describe), partial(Buffered, value, self.describe)

    def struct(
        self, by_name: Callable[[Entries], T], by_position: Callable[[Iterator[Source]], T], expected: str
    ) -> T:
        """Read a map or a list."""
        if isinstance(self.value, list) and not isinstance(self.value, Pairs):
            return self.sequence(by_position, expected)
        return self.mapping(by_name, expected)

    def content(self) -> Any:
        """Return the value."""
        return self.value

    def ignore(self) -> None:
        """Skip the value."""
