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
from collections.abc import Sequence
from itertools import zip_longest
from typing import Protocol

from wasmcloud_ctl._display.tables import EMPTY, Cell, Lines, Section, Table, Text, Title, sections
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


def as_text(value: object) -> str:
    """Return a value's titles and tables as text that fits the terminal, without a line break at the end."""
    width = _terminal_width() or _DEFAULT_WIDTH
    lines: list[str] = []
    after_table = False
    for section in sections(value):
        if found := _section(section, width):
            lines += ["", *found] if after_table else found
            after_table = isinstance(section, Table)
    return encodable("\n".join(lines))


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


def _section(section: Section, width: int) -> list[str]:
    match section:
        case Table():
            return _table(section, width) if section.columns else []
        case Title():
            words = _title(section)
            return _wrapped(words, width) if words else []
        case _:
            return _wrapped(_words(section), width)


def _title(title: Title) -> str:
    """Return the words of a title. A badge ends with a colon. A plain string such as "from" has a space beside it."""
    text = ""
    gap = ""
    for part in filter(_words, title.parts):
        gap = " " if gap and isinstance(part, str) else gap
        text += gap + _words(part)
        badge = isinstance(part, Text) and part.style.startswith("badge")
        gap = " " if isinstance(part, str) else ": " if badge else _GAP
    return text


# Tables -----------------------------------------------------------------------------------------


Row = Sequence[Cell]


def _table(table: Table, width: int) -> list[str]:
    """Return the lines of a table. Without headings, or without room, each row is a list of fields."""
    headings = [Text(name.strip().upper(), "heading") for name in table.columns]
    rows = [[row.get(name) for name in table.columns] for row in table.rows]
    if not any(heading.words for heading in headings):
        return _fields(rows, width)
    widths = _widths([headings, *rows], width)
    if widths:
        return _lines([headings, *rows], widths)
    lines = []
    for row in rows:
        fields = zip(table.columns, row, strict=True)
        lines += ["", *_fields([field for field in fields if field[1] not in EMPTY], width)]
    return lines[1:]


def _fields(rows: Sequence[Row], width: int) -> list[str]:
    """Return the lines of fields. The last cell of each row is a value, which has the remaining width."""
    *names, _ = zip(*rows, strict=True)
    widths = [min(width // 3, max(width_of(_words(cell)) for cell in column)) for column in names]
    last = width - sum(widths) - len(_GAP) * len(widths)
    whole = [[_words(cell) if isinstance(cell, tuple) else cell for cell in row] for row in rows]
    return _lines(whole, [*widths, last])


def _lines(rows: Sequence[Row], widths: Sequence[int]) -> list[str]:
    """Return a line for each row, or several where cells are wrapped."""
    lines = []
    for row in rows:
        for parts in zip_longest(*map(_cell, row, widths), fillvalue=""):
            padded = [
                part + " " * (width - width_of(part)) for part, width in zip(parts, widths, strict=True)
            ]
            lines.append(_GAP.join(padded).rstrip())
    return lines


def _cell(cell: Cell, width: int) -> list[str]:
    """Return the lines of a cell. Labels are cut and all else is wrapped."""
    match cell:
        case Lines(lines=lines):
            return [part for line in lines for part in _wrapped(" ".join(map(_words, line)), width, _INDENT)]
        case tuple():
            return [_beginning(_words(cell), width)]
        case _:
            return _wrapped(_words(cell), width)


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
    for end, letter in enumerate(text):
        width -= width_of(letter)
        if width < 0:
            return end
    return len(text)
