"""JSON, read with the rules and the error messages of Rust's serde_json."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from wasmcloud_ctl.testing._wadm.deserializing import (
    Entries,
    Pairs,
    Problem,
    Source,
    described,
    list_content,
    map_content,
    quoted,
)

T = TypeVar("T")

_SPACE = re.compile(rb"[ \n\t\r]*")
_PLAIN = re.compile(rb'[^"\\\x00-\x1f]*')
_DIGITS = re.compile(rb"[0-9]*")
_HEX = re.compile(rb"[0-9a-fA-F]{4}")

_ESCAPES = {
    b'"': b'"',
    b"\\": b"\\",
    b"/": b"/",
    b"b": b"\b",
    b"f": b"\f",
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
}
_WORDS = {b"n": (b"null", None), b"t": (b"true", True), b"f": (b"false", False)}

# Lists and maps may be nested in one another less often than this.
_DEPTH = 128


def number(value: float) -> str:
    """Return a float as serde_json writes it."""
    return repr(value).replace("e-0", "e-")


def describe(value: Any) -> str:
    """Return serde_json's words for an unexpected value."""
    return described(value, "null", number)


def parse_json(payload: bytes, read: Callable[[Source], T], *, streamed: bool = False) -> T:
    """Read a type from JSON.

    Args:
        payload: The text.
        read: Reads the type.
        streamed: Whether wadm reads the text byte by byte. Then it has also read the byte behind a number.

    Raises:
        Problem: The text is not JSON, or not of the type. The place is the line and the column.
    """
    source = _Json(payload, streamed)
    value = read(source)
    if source.peek():
        raise source.ahead("trailing characters")
    return value


def displayed(problem: Problem) -> str:
    """Return an error as serde_json prints it for users."""
    line, column = _line_and_column(problem)
    return f"{problem.message} at line {line} column {column}"


def debugged(problem: Problem) -> str:
    """Return an error as serde_json prints it for debugging."""
    line, column = _line_and_column(problem)
    return f"Error({quoted(problem.message)}, line: {line}, column: {column})"


def _line_and_column(problem: Problem) -> tuple[int, int]:
    assert isinstance(problem.place, tuple)
    line, column = problem.place
    return line, column


class _Json:
    """The next value in a text."""

    def __init__(self, data: bytes, streamed: bool) -> None:
        self._data = data
        self._streamed = streamed
        self._index = 0
        self._depth = _DEPTH

    # Places -------------------------------------------------------------------------------------

    def _place(self, index: int) -> tuple[int, int]:
        start = self._data.rfind(b"\n", 0, index) + 1
        return self._data.count(b"\n", 0, start) + 1, index - start

    def _behind(self, message: str) -> Problem:
        """Return an error at the last byte that was read."""
        return Problem(message, self._place(self._index))

    def ahead(self, message: str) -> Problem:
        """Return an error at the next byte."""
        return Problem(message, self._place(min(len(self._data), self._index + 1)))

    @contextmanager
    def _placed(self) -> Iterator[None]:
        """Add the place to errors that have none."""
        try:
            yield
        except Problem as problem:
            if problem.place is None:
                problem.place = self._place(self._index)
            raise

    # Bytes --------------------------------------------------------------------------------------

    def _next(self) -> bytes:
        """Return the next byte. It is empty at the end."""
        return self._data[self._index : self._index + 1]

    def _skip(self, pattern: re.Pattern[bytes]) -> bytes:
        match = pattern.match(self._data, self._index)
        assert match is not None
        self._index = match.end()
        return match[0]

    def peek(self) -> bytes:
        """Return the next byte that is no space. It is empty at the end."""
        self._skip(_SPACE)
        return self._next()

    def _start(self) -> bytes:
        """Return the first byte of a value."""
        if char := self.peek():
            return char
        raise self.ahead("EOF while parsing a value")

    # Values -------------------------------------------------------------------------------------

    def text(self, accept: Callable[[str], T], expected: str) -> T:
        """Read a string, and return what a function makes of it."""
        with self._placed():
            if self._start() != b'"':
                raise self._unexpected(expected)
            return accept(self._string())

    def optional(self, read: Callable[[Source], T]) -> T | None:
        """Read a value, or return None for null."""
        if self.peek() == b"n":
            self._scalar()
            return None
        return read(self)

    def sequence(self, visit: Callable[[Iterator[Source]], T], expected: str) -> T:
        """Read a list, and return what a function makes of its elements."""
        with self._placed():
            if self._start() != b"[":
                raise self._unexpected(expected)
            return self._nested(visit, self._items(), self._end_list)

    def mapping(self, visit: Callable[[Entries], T], expected: str) -> T:
        """Read a map, and return what a function makes of its entries."""
        with self._placed():
            if self._start() != b"{":
                raise self._unexpected(expected)
            return self._nested(visit, self._entries(), self._end_map)

    def struct(
        self, by_name: Callable[[Entries], T], by_position: Callable[[Iterator[Source]], T], expected: str
    ) -> T:
        """Read a map or a list."""
        if self.peek() == b"[":
            return self.sequence(by_position, expected)
        return self.mapping(by_name, expected)

    def content(self) -> Any:
        """Read a value of any type into memory."""
        char = self._start()
        if char == b"[":
            return self.sequence(list_content, "any value")
        if char == b"{":
            return self.mapping(map_content, "any value")
        return self._scalar()

    def ignore(self) -> None:
        """Skip the value."""
        self.content()

    def _unexpected(self, expected: str) -> Problem:
        """Return the error for a value of a wrong type. Scalars are read, and can have errors of their own."""
        char = self._next()
        value = Pairs() if char == b"{" else [] if char == b"[" else self._scalar()
        message = f"invalid type: {describe(value)}, expected {expected}"
        return self.ahead(message) if self._streamed and type(value) in (int, float) else Problem(message)

    # Lists and maps -----------------------------------------------------------------------------

    def _nested(self, visit: Callable[[Any], T], items: Iterator[Any], end: Callable[[], None]) -> T:
        if self._depth == 1:
            raise self.ahead("recursion limit exceeded")
        self._depth -= 1
        self._index += 1
        try:
            value = visit(items)
        except Problem as problem:
            if problem.place is None:
                # The place of the error is behind the end, if it comes next.
                try:
                    end()
                except Problem:
                    pass  # the first error counts
            raise
        finally:
            self._depth += 1
        end()
        return value

    def _items(self) -> Iterator[Source]:
        first = True
        while (char := self.peek()) != b"]":
            if not char:
                raise self.ahead("EOF while parsing a list")
            if not first:
                if char != b",":
                    raise self.ahead("expected `,` or `]`")
                self._index += 1
                if self._start() == b"]":
                    raise self.ahead("trailing comma")
            first = False
            yield self

    def _end_list(self) -> None:
        char = self.peek()
        if char == b"]":
            self._index += 1
        elif char == b",":
            self._index += 1
            raise self.ahead("trailing comma" if self.peek() == b"]" else "trailing characters")
        else:
            raise self.ahead("trailing characters" if char else "EOF while parsing a list")

    def _entries(self) -> Entries:
        first = True
        while (char := self.peek()) != b"}":
            if not char:
                raise self.ahead("EOF while parsing an object")
            if not first:
                if char != b",":
                    raise self.ahead("expected `,` or `}`")
                self._index += 1
                char = self._start()
                if char == b"}":
                    raise self.ahead("trailing comma")
            if char != b'"':
                raise self.ahead("key must be a string")
            first = False
            yield _Key(self._string), self._after_colon

    def _after_colon(self) -> Source:
        char = self.peek()
        if char != b":":
            raise self.ahead("expected `:`" if char else "EOF while parsing an object")
        self._index += 1
        return self

    def _end_map(self) -> None:
        char = self.peek()
        if char == b"}":
            self._index += 1
        elif char == b",":
            raise self.ahead("trailing comma")
        else:
            raise self.ahead("trailing characters" if char else "EOF while parsing an object")

    # Scalars ------------------------------------------------------------------------------------

    def _scalar(self) -> Any:
        char = self._next()
        if char == b'"':
            return self._string()
        if char in _WORDS:
            return self._word(*_WORDS[char])
        if char == b"-" or char.isdigit():
            return self._number()
        raise self.ahead("expected value")

    def _word(self, word: bytes, value: bool | None) -> bool | None:
        for expected in word:
            char = self._next()
            if not char:
                raise self._behind("EOF while parsing a value")
            self._index += 1
            if char[0] != expected:
                raise self._behind("expected ident")
        return value

    def _number(self) -> int | float:
        start = self._index
        if self._next() == b"-":
            self._index += 1
        char = self._digit()
        if char == b"0" and self._next().isdigit():
            raise self.ahead("invalid number")
        self._skip(_DIGITS)
        whole = True
        if self._next() == b".":
            whole = False
            self._index += 1
            if not self._skip(_DIGITS):
                raise self.ahead("invalid number" if self._next() else "EOF while parsing a value")
        if self._next() in (b"e", b"E"):
            whole = False
            self._index += 1
            if self._next() in (b"+", b"-"):
                self._index += 1
            self._digit()
            self._skip(_DIGITS)
        written = self._data[start : self._index]
        if whole and written != b"-0" and -(2**63) <= int(written) < 2**64:
            return int(written)
        if float(written) in (float("inf"), float("-inf")):
            raise self._behind("number out of range")
        return float(written)

    def _digit(self) -> bytes:
        char = self._next()
        if not char:
            raise self._behind("EOF while parsing a value")
        self._index += 1
        if not char.isdigit():
            raise self._behind("invalid number")
        return char

    def _string(self) -> str:
        self._index += 1
        parts = []
        while True:
            parts.append(self._skip(_PLAIN))
            char = self._byte()
            if char == b'"':
                break
            if char != b"\\":
                raise self._behind("control character (\\u0000-\\u001F) found while parsing a string")
            parts.append(self._escape())
        written = b"".join(parts)
        try:
            return written.decode("utf-8")
        except UnicodeDecodeError as error:
            line, column = self._place(self._index)
            place = line, max(0, column - (len(written) - error.start))
            raise Problem("invalid unicode code point", place) from error

    def _byte(self) -> bytes:
        """Return the next byte of a string."""
        char = self._next()
        if not char:
            raise self._behind("EOF while parsing a string")
        self._index += 1
        return char

    def _escape(self) -> bytes:
        char = self._byte()
        if char in _ESCAPES:
            return _ESCAPES[char]
        if char != b"u":
            raise self._behind("invalid escape")
        unit = self._hex()
        if 0xDC00 <= unit <= 0xDFFF:
            raise self._behind("lone leading surrogate in hex escape")
        if not 0xD800 <= unit <= 0xDBFF:
            return chr(unit).encode()
        for expected in (b"\\", b"u"):
            if self._byte() != expected:
                raise self._behind("unexpected end of hex escape")
        second = self._hex()
        if not 0xDC00 <= second <= 0xDFFF:
            raise self._behind("lone leading surrogate in hex escape")
        return chr(0x10000 + ((unit - 0xD800) << 10) + second - 0xDC00).encode()

    def _hex(self) -> int:
        digits = self._data[self._index : self._index + 4]
        self._index += len(digits)
        if len(digits) < 4:
            raise self._behind("EOF while parsing a string")
        if not _HEX.fullmatch(digits):
            raise self._behind("invalid escape")
        return int(digits, 16)


class _Key:
    """The key of a map. Errors at it have the place of the map."""

    def __init__(self, text: Callable[[], str]) -> None:
        self._text = text

    def text(self, accept: Callable[[str], T], expected: str) -> T:
        """Read the key, and return what a function makes of it."""
        return accept(self._text())

    def content(self) -> Any:
        """Read the key into memory."""
        return self._text()
