"""Text of titles and tables, for terminals.

No line is wider than the terminal. A table that is too wide shrinks: first its labels are cut, then its references
are wrapped, and then its other text. The names of hosts, components and providers stay whole: if they do not fit,
each row becomes a list of fields. Text from hosts is not trusted: what is not printable becomes a space, so that it
moves no cursor. What stdout cannot encode is replaced, so that printing works in a locale without UTF-8.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate, zip_longest
from typing import Protocol

import attrs

from wasmcloud_ctl._display.tables import EMPTY, Cell, Lines, Part, Section, Table, Text, Title, sections
from wasmcloud_ctl._display.text import one_line, width_of

# The width of output that is no terminal, and the lowest one that tables are made for.
_DEFAULT_WIDTH = 80
_MIN_WIDTH = 20

# Widths of columns: enough for labels, and for the longest part of a reference that is not broken.
_ENOUGH_LABELS = 8
_LONGEST_PART = 24

_GAP = "  "

# Text is wrapped at spaces, and in words that are longer than a line after slashes, commas and colons.
_SPACE = re.compile(r"(?<=\s)(?=\S)")
_BREAK = re.compile(r"(?<=[\s/,:])(?=[^\s/,:])")

# Replacements of the same width for the signs of this package, where stdout cannot encode them.
_PLAIN = dict(zip("…×·─│├└", "~x--||`", strict=True))

# For the lines of one item, such as a component and its reference, after the first.
_INDENT = "  "


class Printer(Protocol):
    """The part of IPython's ``RepresentationPrinter`` that is used here."""

    @property
    def stack(self) -> Sequence[int]:
        """The ids of the objects that are being printed: a list, and then its item."""
        ...

    def text(self, obj: str, /) -> None: ...
    def break_(self) -> None: ...


def is_item(printer: Printer) -> bool:
    """Return whether an item of a list or of another container is printed."""
    return len(printer.stack) > 1


def print_pretty(printer: Printer, text: str) -> None:
    """Print a text at IPython's prompt."""
    first, *others = text.split("\n")
    printer.text(first)
    for other in others:
        printer.break_()
        printer.text(other)


def as_text(value: object, max_rows: int | None = None) -> str:
    """Return a value's titles and tables as text that fits the terminal, without a line break at the end.

    A last line says how many rows of a table are left out, if it has more than ``max_rows``.
    """
    blocks = _blocks(value, _terminal_width() or _DEFAULT_WIDTH, max_rows)
    return "\n".join(line.text for line in _joined(blocks))


def fitted(value: object, width: int, height: int) -> list[Line]:
    """Return a value's titles and tables in at most so many lines. Titles stay; tables that are too long are cut."""
    # A row takes at least one line. So no more rows are made than there are lines.
    blocks = _blocks(value, max(_MIN_WIDTH, width), height)
    tables = [block for block in blocks if block.table is not None]
    # Also the empty line after each table but the last.
    others = sum(map(_height, blocks)) - sum(map(_height, tables)) + max(0, len(tables) - 1)
    left = max(0, height - others)
    # The shortest table first. What it does not need is for the others.
    for number, block in enumerate(sorted(tables, key=_height)):
        block.cut(left // (len(tables) - number))
        left -= _height(block)
    return _joined(blocks)[:height]


def as_line(text: str) -> str:
    """Return a text on one line; in a terminal that is narrower on several, the others indented."""
    width = _terminal_width()
    line = one_line(text, None)
    return encodable("\n".join(_wrapped(line, width, _INDENT)) if width else line)


def encodable(text: str) -> str:
    """Return a text in which what stdout cannot encode is replaced: signs by similar ones, letters by ``?``."""
    # Without a stdout, as in a service or under pythonw, nothing is printed.
    encoding = getattr(sys.stdout, "encoding", None)
    if not isinstance(encoding, str):
        return text
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return "".join(_encodable_letter(letter, encoding) for letter in text)
    except LookupError:
        pass  # stdout is an object of somebody's own
    return text


def _encodable_letter(letter: str, encoding: str) -> str:
    try:
        letter.encode(encoding)
    except UnicodeEncodeError:
        return _PLAIN.get(letter, "?" * width_of(letter))
    return letter


def _terminal_width() -> int:
    """Return the width of the terminal that stdout is, at least the lowest one. 0 if it is none, or has no width."""
    # Where stdout was replaced, as in a notebook, the terminal is the one in which the server was started.
    if sys.stdout is not sys.__stdout__ and "COLUMNS" not in os.environ:
        return 0
    columns = shutil.get_terminal_size((0, 0)).columns
    return max(_MIN_WIDTH, columns) if columns else 0


@attrs.frozen
class Line:
    """A line of text. Its first ``styled`` characters have the style: ``heading``, ``muted``, or that of a badge."""

    text: str
    style: str = ""
    styled: int = 0


class _Block:
    """The lines of a title, or those of a table: its headings, and then its rows, which can be cut."""

    def __init__(
        self, head: Sequence[Line], rows: Sequence[Sequence[str]] = (), table: Table | None = None
    ) -> None:
        self.table = table
        self._head = head
        self._rows = rows

    @property
    def lines(self) -> list[Line]:
        more = "" if self.table is None else self.table.more(len(self._rows))
        rows = [Line(encodable(line)) for row in self._rows for line in row]
        return [*self._head, *rows, *([Line(more, "muted", len(more))] if more else [])]

    def cut(self, height: int) -> None:
        """Leave out rows at the end, so that there are at most so many lines, but at least one: the number of rows.

        A first row that is too long is cut itself: it may be the one in doubt.
        """
        if _height(self) <= height:
            return
        room = height - len(self._head) - 1  # one line says how many rows are left out
        ends = list(accumulate(map(len, self._rows)))
        fit = bisect_right(ends, room)
        self._rows = self._rows[:fit] or ([[*self._rows[0][: room - 1], "…"]] if room > 1 else [])
        self._head = self._head if self._rows else ()


def _height(block: _Block) -> int:
    return len(block.lines)


def _joined(blocks: Iterable[_Block]) -> list[Line]:
    """Return the lines of all blocks, with an empty line after each table."""
    lines: list[Line] = []
    after_table = False
    for block in blocks:
        lines += [Line(""), *block.lines] if after_table else block.lines
        after_table = block.table is not None
    return lines


def _blocks(value: object, width: int, max_rows: int | None) -> list[_Block]:
    return [block for section in sections(value) for block in _section(section, width, max_rows)]


def _section(section: Section, width: int, max_rows: int | None) -> list[_Block]:
    """Return the block of a section, or nothing if the section is empty."""
    if isinstance(section, Table):
        part = section.first(max_rows)
        head, rows = _table(part, width) if part.columns else ([], [])
        heading = [Line(encodable(line), "heading", len(line)) for line in head]
        return [_Block(heading, rows, section)] if rows else []
    parts = section.parts if isinstance(section, Title) else [section]
    words = _title(parts)
    if not words:
        return []
    first, *others = map(encodable, _wrapped(words, width))
    start = parts[0]
    style = start.style if isinstance(start, Text) and _is_badge(start) else ""
    return [_Block([Line(first, style, len(_words(start)) if style else 0), *map(Line, others)])]


def _title(parts: Iterable[Cell]) -> str:
    """Return the words of a title. A badge ends with a colon. A plain string such as "from" has a space beside it."""
    text = ""
    gap = ""
    for part in filter(_words, parts):
        gap = " " if gap and isinstance(part, str) else gap
        text += gap + _words(part)
        gap = " " if isinstance(part, str) else ": " if _is_badge(part) else _GAP
    return text


# Tables -----------------------------------------------------------------------------------------


Row = Sequence[Cell]


def _table(table: Part, width: int) -> tuple[list[str], list[list[str]]]:
    """Return the lines of the headings and of each row. Without headings, or room, each row is a list of fields."""
    headings = [Text(name.strip().upper(), "heading") for name in table.columns]
    rows = [[row.get(name) for name in table.columns] for row in table.rows]
    if not any(heading.words for heading in headings):
        return [], _fields(rows, width)
    widths = _widths([headings, *rows], width)
    if widths:
        head, *others = _lines([headings, *rows], widths)
        return head, others
    lists: list[list[str]] = []
    for row in rows:
        fields = zip(table.columns, row, strict=True)
        lines = _fields([field for field in fields if field[1] not in EMPTY], width)
        lists.append([*([""] if lists else []), *(line for field in lines for line in field)])
    return [], lists


def _fields(rows: Sequence[Row], width: int) -> list[list[str]]:
    """Return the lines of fields. The last cell of each row is a value, which has the remaining width."""
    *names, _ = zip(*rows, strict=True)
    widths = [min(width // 3, max(width_of(_words(cell)) for cell in column)) for column in names]
    last = width - sum(widths) - len(_GAP) * len(widths)
    whole = [[_words(cell) if isinstance(cell, tuple) else cell for cell in row] for row in rows]
    return _lines(whole, [*widths, last])


def _lines(rows: Sequence[Row], widths: Sequence[int]) -> list[list[str]]:
    """Return a line for each row, or several where cells are wrapped."""
    lines: list[list[str]] = []
    for row in rows:
        lines.append([])
        for parts in zip_longest(*map(_cell, row, widths), fillvalue=""):
            padded = [
                part + " " * (width - width_of(part)) for part, width in zip(parts, widths, strict=True)
            ]
            lines[-1].append(_GAP.join(padded).rstrip())
    return lines


def _cell(cell: Cell, width: int) -> list[str]:
    """Return the lines of a cell. Labels are cut and all else is wrapped."""
    match cell:
        case Lines(lines=lines):
            return [part for line in lines for part in _wrapped(_item(line), width, _INDENT)]
        case tuple():
            return [_beginning(_words(cell), width)]
        case _:
            return _wrapped(_words(cell), width)


def _item(line: Sequence[str | Text]) -> str:
    """Return the words of a line of ``Lines``. A badge ends with a colon, as in a title."""
    words = [_words(part) + (":" if _is_badge(part) else "") for part in line if part]
    return ("" if line[0] else _INDENT) + " ".join(words)


def _is_badge(cell: Cell) -> bool:
    return isinstance(cell, Text) and cell.style.startswith("badge")


# Widths of columns ------------------------------------------------------------------------------


def _widths(rows: Sequence[Row], width: int) -> list[int]:
    """Return the widths of a table's columns so that they fit. Empty if names or words would have to be broken.

    Columns shrink one step at a time: the widest of the least important ones.
    """
    widths, enough, importance = [], [], []
    for cells in zip(*rows, strict=True):
        needs = [_needs(cell) for cell in cells if cell not in EMPTY]
        widths.append(max(width_of(line) for cell in cells for line in _cell(cell, width)))
        enough.append(max(found for found, _ in needs))
        importance.append(min(found for _, found in needs))
    while sum(widths) + len(_GAP) * (len(widths) - 1) > width:
        wide = [number for number, found in enumerate(widths) if found > enough[number]]
        if not wide:
            return []
        widths[min(wide, key=lambda number: (importance[number], -widths[number]))] -= 1
    return widths


def _needs(cell: Cell) -> tuple[int, int]:
    """Return the width in which a cell's names and words are whole, and its importance."""
    match cell:
        case tuple():
            return _ENOUGH_LABELS, 0
        case Lines(lines=lines):
            return max(_longest(_words(part)) + len(_INDENT) for line in lines for part in line), 1
        case Text(style="bold"):
            return width_of(_words(cell)), 3
        case Text(style="heading"):
            return _longest(_words(cell)), 3
        case Text(style=style) if style.startswith("code"):
            return _longest(_words(cell)), 1
        case _:
            return _longest(_words(cell)), 2


# Text -------------------------------------------------------------------------------------------


def _words(cell: Cell) -> str:
    """Return the text of a cell that is no ``Lines``, on one line."""
    match cell:
        case None:
            return ""
        case tuple():
            return ", ".join(map(_words, cell))
        case Text(words=words):
            return one_line(words, None)
        case _:
            return one_line(str(cell), None)


def _longest(text: str) -> int:
    """Return the width of the longest part of a text that is not broken."""
    return min(_LONGEST_PART, max(width_of(part.rstrip()) for part in _BREAK.split(text)))


def _wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """Return a text in lines, all but the first one indented. Words longer than a line are broken."""
    lines = []
    line = ""
    for word in _SPACE.split(text):
        parts = [word] if _fits(indent + word, width) else _BREAK.split(word)
        for part in parts:
            if line.strip() and not _fits(line + part, width):
                lines.append(line.rstrip())
                line = indent
            line += part
            while not _fits(line, width):
                end = _end(line, width)
                lines.append(line[:end])
                line = indent + line[end:]
    return [*lines, line.rstrip()]


def _beginning(text: str, width: int) -> str:
    return text if _fits(text, width) else f"{text[: _end(text, width - 1)]}…"


def _fits(text: str, width: int) -> bool:
    """Return whether a text without the spaces at its end fits into a width."""
    text = text.rstrip()
    return _end(text, width) == len(text)


def _end(text: str, width: int) -> int:
    """Return how many characters of a text fit into a width."""
    if text.isascii():
        return min(len(text), width)
    for end, letter in enumerate(text):
        width -= width_of(letter)
        if width < 0:
            return end
    return len(text)
