"""Tables in reStructuredText, which are also readable as plain text."""

from __future__ import annotations

from collections.abc import Sequence


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a simple table."""
    # reStructuredText joins a row with an empty first cell to the row above.
    filled = [[cell or "\\ " for cell in row] for row in (headings, *rows)]
    widths = [max(len(row[column]) for row in filled) for column in range(len(headings))]
    rule = "  ".join("=" * width for width in widths)

    def line(row: Sequence[str]) -> str:
        return "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()

    head, *body = (line(row) for row in filled)
    return "\n".join([rule, head, rule, *body, rule, ""])


def span(seconds: float) -> str:
    """Format a time in a suitable unit."""
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1 or unit == "µs":
            return f"{seconds * factor:.3g} {unit}"
    raise AssertionError
