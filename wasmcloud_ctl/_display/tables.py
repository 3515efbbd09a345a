"""Titles and tables, independent of the format in which they are rendered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import singledispatch
from typing import Generic, TypeVar, overload

import attrs

from wasmcloud_ctl._display.text import count

T = TypeVar("T")


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
    """A cell with several lines; each line is a sequence of texts with spaces between.

    A line whose first text is empty is indented: it belongs to the line above.
    """

    lines: Sequence[Sequence[str | Text]]


Cell = str | int | None | Text | tuple[Text, ...] | Lines
"""The content of a cell. A tuple is a row of chips; None, ``""`` and ``()`` are empty."""

EMPTY = (None, "", ())
"""The cells in which nothing is shown."""


class Title:
    """A line of texts with spaces between, above tables. Empty parts are left out, and so is an empty title."""

    def __init__(self, *parts: Cell) -> None:
        self.parts = [part for part in parts if part not in EMPTY]


MAX_ROWS = 100
"""How many rows of a table a notebook shows. A last row says how many more there are."""

Row = Mapping[str, Cell]
"""The cells of a row, by the names of their columns."""


class LazyRows(Sequence[Row], Generic[T]):
    """A row for each item, made when it is shown. Of a lattice of 10,000 hosts, only some rows are shown.

    Args:
        items: The items.
        make: Returns the row of an item.
    """

    def __init__(self, items: Sequence[T], make: Callable[[T], Row]) -> None:
        self._items = items
        self._make = make

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        if isinstance(index, slice):
            return [self._make(item) for item in self._items[index]]
        return self._make(self._items[index])


class Table:
    """A table of rows, which have cells by the names of their columns. Without names there is no header.

    Spaces around a name are not shown, so that they can tell columns without a name apart.

    Args:
        rows: The rows.
        noun: What a row is, such as ``host``. Where rows are left out, the last line says "and 5 more hosts".
    """

    def __init__(self, rows: Iterable[Row], noun: str = "") -> None:
        self._rows = rows if isinstance(rows, Sequence) else list(rows)
        self._noun = noun

    def first(self, limit: int | None = None) -> Part:
        """Return the first rows, by default all."""
        rows = self._rows[:limit]
        names = dict.fromkeys(name for row in rows for name in row)
        return Part([name for name in names if any(row.get(name) not in EMPTY for row in rows)], rows)

    def more(self, shown: int) -> str:
        """Return the words for the rows that are left out. Empty if none are."""
        left = len(self._rows) - shown
        noun = count(left, self._noun).partition(" ")[2] if self._noun else ""
        return f"and {left} more {noun}".rstrip() if left else ""


@attrs.frozen
class Part:
    """The first rows of a table.

    Attributes:
        columns: The names of the columns that are not empty in all of these rows.
        rows: The rows.
    """

    columns: Sequence[str]
    rows: Sequence[Row]


Section = Title | Table | Text


@singledispatch
def sections(value: object) -> list[Section]:
    """Return a value as titles and tables, as ``_presentation`` registers it."""
    raise NotImplementedError
