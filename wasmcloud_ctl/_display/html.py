"""HTML for notebooks: elements, titles, tables, and the page around them.

All text is escaped, because a friendly name or a label may hold anything. Text has the page's own colour, so that it
can be read on light and dark pages, and no colour says more than the words beside it.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from functools import singledispatch

from wasmcloud_ctl._display.text import one_line

# How many rows of a table are shown. A last row says how many more there are.
_MAX_ROWS = 100

# Greys are translucent, to fit light and dark pages. A badge has white text on its own colour (contrast 4.5 or more).
_STYLE = """<style>
.wasmcloud-ctl{font-size:13px;line-height:1.45}
.wasmcloud-ctl table{font-size:inherit;border-collapse:collapse;margin:4px 0 8px;border:0;color:inherit}
.wasmcloud-ctl tr{background:none!important}
.wasmcloud-ctl th,.wasmcloud-ctl td{text-align:left!important;vertical-align:top!important;
padding:3px 14px 3px 0!important;border:0!important;border-bottom:1px solid rgba(128,128,128,.35)!important;
white-space:normal;max-width:36em;overflow-wrap:break-word;background:none!important;color:inherit}
.wasmcloud-ctl th{font-weight:600;opacity:.75;white-space:nowrap}
.wasmcloud-ctl td b{white-space:nowrap}
.wasmcloud-ctl code{background:none;color:inherit;padding:0;font-size:12px}
.wasmcloud-ctl .muted{opacity:.7}
.wasmcloud-ctl .line{white-space:nowrap}
.wasmcloud-ctl .strong{font-weight:600}
.wasmcloud-ctl .title{margin:4px 0 2px}
.wasmcloud-ctl .chip{display:inline-block;background:rgba(128,128,128,.2);border-radius:4px;
padding:0 6px;margin:0 4px 2px 0}
.wasmcloud-ctl .badge{display:inline-block;border-radius:4px;padding:0 7px;font-weight:600;color:#fff;
white-space:nowrap}
.wasmcloud-ctl .good{background:#1a7f37}
.wasmcloud-ctl .bad{background:#c62828}
.wasmcloud-ctl .odd{background:#9a5b00}
</style>"""


class Html(str):
    """Text that is HTML already. Any other text is escaped where it becomes part of HTML."""

    __slots__ = ()


Cell = str | int | None
"""The content of an element, or a part of a title or table. None and ``""`` are empty."""

_EMPTY = (None, "")


def as_html(value: object) -> str:
    """Return a value's titles and tables as HTML with its style sheet."""
    return _page(*sections(value))


@singledispatch
def sections(value: object) -> list[Html]:
    """Return a value as titles and tables. ``_presentation`` registers those of models and events."""
    return [element("code", one_line(repr(value), 1000))]


def picture(heading: str, svg: str) -> str:
    """Return a heading and an SVG picture as HTML with its style sheet. A wide picture scrolls."""
    return _page(element("div", heading, "title muted"), Html(f'<div style="overflow-x:auto">{svg}</div>'))


def preformatted(note: str, text: str) -> str:
    """Return a note and a preformatted text as HTML with its style sheet."""
    return _page(element("div", note), element("pre", text))


def _page(*parts: Html) -> str:
    return f'<div class="wasmcloud-ctl">{_STYLE}{"".join(parts)}</div>'


def join(parts: Iterable[Cell], separator: str = "") -> Html:
    """Return the HTML of several parts."""
    return Html(separator.join(map(_escaped, parts)))


def _escaped(content: Cell) -> str:
    if isinstance(content, Html):
        return content
    return "" if content is None else html.escape(str(content))


def element(tag: str, content: Cell, css_class: str = "", tooltip: str = "") -> Html:
    """Return an element. A pointer over it shows the tooltip."""
    attributes = f' class="{css_class}"' if css_class else ""
    if tooltip:
        attributes += f' title="{html.escape(tooltip)}"'
    return Html(f"<{tag}{attributes}>{_escaped(content)}</{tag}>")


def title(*parts: Cell) -> Html:
    """Return a line above tables: the parts that are not empty, with spaces between."""
    filled = [part for part in parts if part not in _EMPTY]
    return element("div", join(filled, " "), "title") if filled else Html()


def table(header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Html:
    """Return a table without the columns that are empty in all rows, and without the header if that is empty."""
    columns = [column for column in range(len(header)) if any(row[column] not in _EMPTY for row in rows)]
    if not columns:
        return Html()
    names = [header[column] for column in columns]
    head = _row("th", names) if any(names) else ""
    body = [_row("td", [row[column] for column in columns]) for row in rows[:_MAX_ROWS]]
    if len(rows) > _MAX_ROWS:
        more = element("span", f"and {len(rows) - _MAX_ROWS} more", "muted")
        body.append(Html(f'<tr><td colspan="{len(columns)}">{more}</td></tr>'))
    return Html(f"<table><thead>{head}</thead><tbody>{join(body)}</tbody></table>")


def _row(tag: str, cells: Sequence[Cell]) -> Html:
    return element("tr", join(element(tag, cell) for cell in cells))
