"""Titles and tables, independent of the format in which they are rendered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import singledispatch

import attrs


@attrs.frozen
class Text:
    """A piece of text in one style. It may come from a host; the renderer escapes it.

    Attributes:
        words: The text.
        style: Words separated by spaces: ``bold``, ``strong``, ``code``, ``muted``, ``chip`` (a small grey box), or
            ``badge`` (a coloured one) with ``good``, ``bad``, ``odd`` or ``off`` (grey).
        tooltip: The longer text that a pointer over it shows. Empty for no tooltip.
    """

    words: str
    style: str = ""
    tooltip: str = ""


@attrs.frozen
class Lines:
    """A cell with several lines; each line is a sequence of texts with spaces between."""

    lines: Sequence[Sequence[str | Text]]


Cell = str | int | None | Text | tuple[Text, ...] | Lines
"""The content of a cell. A tuple is a row of chips; None, ``""`` and ``()`` are empty."""

EMPTY = (None, "", ())
"""The cells in which nothing is shown."""


class Title:
    """A line of texts with spaces between, above tables. Empty parts are left out, and so is an empty title."""

    def __init__(self, *parts: Cell) -> None:
        self.parts = [part for part in parts if part not in EMPTY]


class Table:
    """A table of rows, which have cells by the names of their columns. Without names there is no header.

    Spaces around a name are not shown, so that they can tell columns without a name apart.

    Attributes:
        columns: The names of the columns that are not empty in all rows.
        rows: The rows.
    """

    def __init__(self, rows: Iterable[Mapping[str, Cell]]) -> None:
        self.rows = list(rows)
        names = dict.fromkeys(name for row in self.rows for name in row)
        self.columns = [name for name in names if any(row.get(name) not in EMPTY for row in self.rows)]


Section = Title | Table | Text


@singledispatch
def sections(value: object) -> list[Section]:
    """Return a value as titles and tables, as ``_presentation`` registers it."""
    raise NotImplementedError
