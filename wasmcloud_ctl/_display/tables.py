"""Titles and tables, independent of the format in which they are rendered."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from typing import Literal

import attrs

from wasmcloud_ctl._display.text import one_line

Style = Literal[
    "plain", "bold", "strong", "muted", "code", "code muted",
    "chip", "chip muted", "badge good", "badge bad", "badge odd",
]  # fmt: skip


@attrs.frozen
class Text:
    """A piece of text in one style.

    Attributes:
        words: The text. It may come from a host; the renderer escapes it.
        style: How it looks. A chip is a small grey box; a badge is a coloured one.
        tooltip: The longer text that a pointer over it shows. Empty for no tooltip.
    """

    words: str
    style: Style = "plain"
    tooltip: str = ""


@attrs.frozen
class Lines:
    """A cell with several lines; each line is a sequence of texts with spaces between."""

    lines: Sequence[Sequence[str | Text]]


Cell = str | int | None | Text | tuple[Text, ...] | Lines
"""The content of a cell. A tuple is a row of chips; None, ``""`` and ``()`` are empty."""

_EMPTY = (None, "", ())


@attrs.frozen
class Title:
    """A line of texts with spaces between, above tables. Empty parts are left out, and so is an empty title."""

    parts: Sequence[Cell]

    def filled(self) -> list[Cell]:
        """Return the parts that are not empty."""
        return [part for part in self.parts if part not in _EMPTY]


@attrs.frozen
class Table:
    """A table: the names of the columns, and a cell for each in each row. The header is left out if all are empty."""

    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    def without_empty_columns(self) -> Table:
        """Return the table without the columns that are empty in all rows."""
        columns = range(len(self.header))
        filled = [column for column in columns if any(row[column] not in _EMPTY for row in self.rows)]
        rows = [[row[column] for column in filled] for row in self.rows]
        return Table([self.header[column] for column in filled], rows)


Section = Title | Table | Text


@singledispatch
def sections(value: object) -> list[Section]:
    """Return a value as titles and tables. A module that defines a class of values registers its own."""
    return [Text(one_line(repr(value), 1000), "code")]
