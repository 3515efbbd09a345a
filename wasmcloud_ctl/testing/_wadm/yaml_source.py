"""YAML, read with the rules and the error messages of Rust's serde_yaml.

The syntax is libyaml's, by way of PyYAML. Scalars have the types of YAML 1.2: ``yes`` and dates are text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

import yaml
from attrs import define, field, frozen
from yaml.reader import ReaderError
from yaml.scanner import ScannerError

from wasmcloud_ctl.testing._wadm.deserializing import (
    Entries,
    Problem,
    Source,
    described,
    list_content,
    map_content,
    quoted,
)

T = TypeVar("T")

# Without libyaml, PyYAML has other words for errors of syntax.
_LOADER = getattr(yaml, "CLoader", yaml.Loader)

_TAGS = "tag:yaml.org,2002:"
_NULLS = ("null", "Null", "NULL", "~")
_BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[+-]?(?:0x(?P<x>[0-9a-fA-F]+)|0o(?P<o>[0-7]+)|0b(?P<b>[01]+)|(?P<d>[0-9]+))")
_BASES = {"x": 16, "o": 8, "b": 2, "d": 10}
# Digits after a leading zero are text.
_PADDED = re.compile(r"[+-]?0[0-9]+")
_FLOAT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_SPECIAL = re.compile(r"[+-]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")

_MARK = "\ufeff".encode()

# Lists and maps may be nested in one another this often.
_DEPTH = 128
# Aliases may be followed this often for each event.
_REPETITIONS = 100


@frozen
class _Place:
    """Where an error is.

    Attributes:
        mark: PyYAML's mark. Lines and columns count from 0. None if the error has none.
        path: The path of the value, such as ``spec.components[0]``.
    """

    mark: Any = None
    path: str = ""


def describe(value: Any) -> str:
    """Return serde_yaml's words for an unexpected value."""
    if _is_long(value):
        return f"integer `{value}` as {'i128' if value < 0 else 'u128'}"
    return described(value, "unit value", _number)


def _number(value: float) -> str:
    """Return a float as Rust prints it: never with an exponent."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else repr(value)
    written = f"{Decimal(repr(value)):f}"
    return written if "." in written else f"{written}.0"


def parse_yaml(payload: bytes, read: Callable[[Source], T]) -> T:
    """Read a type from YAML.

    Raises:
        Problem: The text is not YAML, or not of the type.
    """
    events = _events(payload)
    document = _Document()
    document.load(events)
    value = read(_Yaml(document, _Cursor()))
    if document.error is not None:
        raise document.error
    if _Document().load(events):
        raise Problem("deserializing from YAML containing more than one document is not supported", _Place())
    return value


def displayed(problem: Problem) -> str:
    """Return an error as serde_yaml prints it for users."""
    place = problem.place
    if isinstance(place, ReaderError):
        return f"{place.reason} at position {_offset(place)}" if _offset(place) else str(place.reason)
    if isinstance(place, yaml.MarkedYAMLError):
        at, context_at = _at(place.problem_mark), _at(place.context_mark)
        context = "" if place.context is None else f", {place.context}"
        return f"{_words(place)}{at}{context}" + (context_at if context and context_at != at else "")
    assert isinstance(place, _Place)
    return _full(problem, place) + _at(place.mark)


def debugged(problem: Problem) -> str:
    """Return an error as serde_yaml prints it for debugging."""
    place = problem.place
    if isinstance(place, ReaderError):
        offset = f", problem_offset: {_offset(place)}" if _offset(place) else ""
        return f"Error {{ kind: READER, problem: {quoted(place.reason)}{offset} }}"
    if isinstance(place, yaml.MarkedYAMLError):
        kind = "SCANNER" if isinstance(place, ScannerError) else "PARSER"
        context = "" if place.context is None else f", context: {quoted(place.context)}"
        context += _mark("context_mark", place.context_mark) if context else ""
        problem_mark = _mark("problem_mark", place.problem_mark)
        return f"Error {{ kind: {kind}, problem: {quoted(_words(place))}{problem_mark}{context} }}"
    assert isinstance(place, _Place)
    at = "" if place.mark is None else f", line: {place.mark.line + 1}, column: {place.mark.column + 1}"
    return f"Error({quoted(_full(problem, place))}{at})"


def _words(error: yaml.MarkedYAMLError) -> str:
    # libyaml misspells one of its words. serde_yaml's copy of it does not.
    return str(error.problem).replace("hexdecimal", "hexadecimal")


def _offset(error: ReaderError) -> int:
    return int(error.position) - len(_MARK)


def _full(problem: Problem, place: _Place) -> str:
    return f"{place.path}: {problem.message}" if place.path else problem.message


def _is_start(mark: Any) -> bool:
    """Return whether a mark is at the start of the text. Such marks are not printed."""
    return mark is None or (mark.line, mark.column) == (0, 0)


def _at(mark: Any) -> str:
    return "" if _is_start(mark) else f" at line {mark.line + 1} column {mark.column + 1}"


def _mark(name: str, mark: Any) -> str:
    position = "" if _is_start(mark) else f"line: {mark.line + 1}, column: {mark.column + 1}"
    return position and f", {name}: Mark {{ {position} }}"


# Documents --------------------------------------------------------------------------------------


def _events(payload: bytes) -> Iterator[Any]:
    """Yield PyYAML's events."""
    # The byte order mark makes libyaml read UTF-8, as serde_yaml tells it, whatever the first bytes say.
    return yaml.parse(_MARK + payload, Loader=_LOADER)


@define
class _Document:
    """The events of a document.

    Attributes:
        events: The events. In place of an alias is the number of the event that it stands for.
        error: The error at the end of the events.
    """

    events: list[tuple[Any, Any]] = field(factory=list)
    error: Problem | None = None
    jumps: int = 0

    def load(self, events: Iterator[Any]) -> bool:
        """Read the next document. Returns whether there was one."""
        anchors: dict[str, int] = {}
        try:
            while True:
                event = next(events)
                if isinstance(event, yaml.DocumentEndEvent):
                    return True
                if isinstance(event, yaml.StreamEndEvent):
                    self.events.append((None, event.start_mark))
                    return False
                if isinstance(event, yaml.AliasEvent):
                    if event.anchor not in anchors:
                        self.error = Problem("unknown anchor", _Place(event.start_mark))
                        return True
                    self.events.append((anchors[event.anchor], event.start_mark))
                elif not isinstance(event, (yaml.StreamStartEvent, yaml.DocumentStartEvent)):
                    if getattr(event, "anchor", None) is not None:
                        anchors[event.anchor] = len(self.events)
                    self.events.append((event, event.start_mark))
        except yaml.YAMLError as error:
            self.error = Problem("", error)
            return True


@define
class _Cursor:
    """The number of the next event."""

    index: int = 0


@frozen
class _Yaml:
    """The value that begins at the next event."""

    document: _Document
    cursor: _Cursor
    path: str = ""
    depth: int = _DEPTH

    def _peek(self) -> tuple[Any, Any]:
        if self.cursor.index < len(self.document.events):
            return self.document.events[self.cursor.index]
        # Only an error of syntax ends the events of a document before its value ends.
        assert self.document.error is not None
        raise self.document.error

    def _next(self) -> tuple[Any, Any]:
        event = self._peek()
        self.cursor.index += 1
        return event

    @contextmanager
    def _placed(self, mark: Any) -> Iterator[None]:
        """Add the place to errors that have none."""
        try:
            yield
        except Problem as problem:
            if problem.place is None:
                problem.place = _Place(mark, self.path)
            raise

    def _target(self, index: int) -> _Yaml:
        """Return the value that an alias stands for."""
        self.document.jumps += 1
        if self.document.jumps > len(self.document.events) * _REPETITIONS:
            raise Problem("repetition limit exceeded", _Place())
        return _Yaml(self.document, _Cursor(index), self.path, self.depth)

    def _unexpected(self, event: Any, expected: str) -> Problem:
        if isinstance(event, yaml.ScalarEvent):
            found = _scalar(event)
            return Problem(f"invalid type: {describe(found)}, expected {expected}")
        found = "map" if isinstance(event, yaml.MappingStartEvent) else "sequence"
        return Problem(f"invalid type: {found}, expected {expected}")

    def text(self, accept: Callable[[str], T], expected: str) -> T:
        """Read a string, and return what a function makes of it. Each scalar is a string here."""
        event, mark = self._next()
        with self._placed(mark):
            if isinstance(event, int):
                return self._target(event).text(accept, expected)
            if isinstance(event, yaml.ScalarEvent):
                return accept(event.value)
            raise self._unexpected(event, expected)

    def optional(self, read: Callable[[Source], T]) -> T | None:
        """Read a value, or return None for null."""
        event, _ = self._peek()
        if isinstance(event, int):
            self._next()
            return self._target(event).optional(read)
        if _is_plain(event) and event.tag is None and (not event.value or event.value in _NULLS):
            self._next()
            return None
        return read(self)

    def sequence(self, visit: Callable[[Iterator[Source]], T], expected: str) -> T:
        """Read a list, and return what a function makes of its elements."""
        event, mark = self._next()
        with self._placed(mark):
            if isinstance(event, int):
                return self._target(event).sequence(visit, expected)
            if isinstance(event, yaml.SequenceStartEvent):
                return self._visit(visit, self._items(), mark)
            if _is_empty(event):
                return visit(iter(()))
            raise self._unexpected(event, expected)

    def mapping(self, visit: Callable[[Entries], T], expected: str) -> T:
        """Read a map, and return what a function makes of its entries."""
        event, mark = self._next()
        with self._placed(mark):
            if isinstance(event, int):
                return self._target(event).mapping(visit, expected)
            if isinstance(event, yaml.MappingStartEvent):
                return self._visit(visit, self._entries(), mark)
            if _is_empty(event):
                return visit(iter(()))
            raise self._unexpected(event, expected)

    def struct(
        self, by_name: Callable[[Entries], T], by_position: Callable[[Iterator[Source]], T], expected: str
    ) -> T:
        """Read a map."""
        return self.mapping(by_name, expected)

    def content(self) -> Any:
        """Read a value of any type into memory."""
        event, mark = self._peek()
        with self._placed(mark):
            if isinstance(event, int):
                self._next()
                return self._target(event).content()
            if event.tag is not None and event.tag.startswith("!"):
                raise Problem("untagged and internally tagged enums do not support enum input")
            if isinstance(event, yaml.SequenceStartEvent):
                return self.sequence(list_content, "any value")
            if isinstance(event, yaml.MappingStartEvent):
                return self.mapping(map_content, "any value")
            value = _scalar(event)
            if _is_long(value):
                raise self._unexpected(event, "any value")
            self._next()
            return value

    def ignore(self) -> None:
        """Skip the value."""
        open_ = 0
        while True:
            event, _ = self._next()
            if isinstance(event, (yaml.SequenceStartEvent, yaml.MappingStartEvent)):
                open_ += 1
            elif isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
                open_ -= 1
            if not open_:
                return

    def _visit(self, visit: Callable[[Any], T], items: Iterator[Any], mark: Any) -> T:
        if not self.depth:
            raise Problem("recursion limit exceeded", _Place(mark))
        return visit(items)

    def _items(self) -> Iterator[Source]:
        index = 0
        while not isinstance(self._peek()[0], yaml.SequenceEndEvent):
            yield self._inner(f"{self.path}[{index}]")
            index += 1
        self._next()

    def _entries(self) -> Entries:
        while not isinstance((event := self._peek()[0]), yaml.MappingEndEvent):
            last = event.value if isinstance(event, yaml.ScalarEvent) else "?"
            path = f"{self.path}.{last}" if self.path else last
            yield self._inner(self.path), partial(self._inner, path)
        self._next()

    def _inner(self, path: str) -> _Yaml:
        return _Yaml(self.document, self.cursor, path, self.depth - 1)


# Scalars ----------------------------------------------------------------------------------------


def _is_plain(event: Any) -> bool:
    """Return whether an event is a scalar without quotes."""
    return isinstance(event, yaml.ScalarEvent) and not event.style


def _is_empty(event: Any) -> bool:
    """Return whether nothing was written, in the document or as the value."""
    return event is None or (_is_plain(event) and not event.value)


def _scalar(event: Any) -> Any:
    """Return the value of a scalar by its tag, or by its form if it has neither tag nor quotes."""
    text, tag = event.value, event.tag
    if tag is None or tag.startswith("!"):
        return _plain(text) if _is_plain(event) else text
    if tag == f"{_TAGS}bool":
        return _tagged(text, _BOOLS.get(text), "a boolean")
    if tag == f"{_TAGS}int":
        return _tagged(text, _integer(text), "an integer")
    if tag == f"{_TAGS}float":
        return _tagged(text, _float(text), "a float")
    if tag == f"{_TAGS}null" and text not in _NULLS:
        raise Problem(f"invalid value: string {quoted(text)}, expected null")
    return None if tag == f"{_TAGS}null" else text


def _tagged(text: str, value: T | None, expected: str) -> T:
    if value is None:
        raise Problem(f"invalid value: string {quoted(text)}, expected {expected}")
    return value


def _plain(text: str) -> Any:
    if not text or text in _NULLS:
        return None
    if text in _BOOLS:
        return _BOOLS[text]
    for value in (_integer(text), None if _PADDED.fullmatch(text) else _float(text)):
        if value is not None:
            return value
    return text


def _integer(text: str) -> int | None:
    match = _INTEGER.fullmatch(text)
    if match is None or match.lastgroup is None or _PADDED.fullmatch(text):
        return None
    value = int(match[match.lastgroup], _BASES[match.lastgroup])
    value = -value if text.startswith("-") else value
    return value if -(2**127) <= value < 2**128 else None


def _is_long(value: Any) -> bool:
    """Return whether a value is an integer of more than 64 bits."""
    return isinstance(value, int) and not -(2**63) <= value < 2**64


def _float(text: str) -> float | None:
    if _SPECIAL.fullmatch(text):
        return float(text.replace(".", "").lower())
    if _FLOAT.fullmatch(text) and abs(float(text)) != float("inf"):
        return float(text)
    return None
