"""HTML for notebooks: elements, titles, tables, and the page around them.

All text is escaped, because a friendly name or a label may hold anything. Text has the page's own colour, so that it
can be read on light and dark pages, and no colour says more than the words beside it.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from functools import singledispatch

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


@singledispatch
def sections(value: object) -> list[Html]:
    """Return a value as titles and tables, as ``_presentation`` registers it."""
    raise NotImplementedError


def page(*parts: Html) -> str:
    """Return titles, tables and other HTML with their style sheet."""
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


def table(rows: Iterable[Mapping[str, Cell]]) -> Html:
    """Return a table without the columns that are empty in all rows.

    A row has cells by the names of their columns. Without names there is no header. Spaces around a name are not
    shown, so that they can tell columns without a name apart.
    """
    rows = list(rows)
    names = dict.fromkeys(name for row in rows for name in row)
    columns = [name for name in names if any(row.get(name) not in _EMPTY for row in rows)]
    if not columns:
        return Html()
    head = _row("th", [name.strip() for name in columns]) if "".join(columns).strip() else ""
    body = [_row("td", map(row.get, columns)) for row in rows[:_MAX_ROWS]]
    if len(rows) > _MAX_ROWS:
        more = element("span", f"and {len(rows) - _MAX_ROWS} more", "muted")
        body.append(Html(f'<tr><td colspan="{len(columns)}">{more}</td></tr>'))
    return Html(f"<table><thead>{head}</thead><tbody>{join(body)}</tbody></table>")


def _row(tag: str, cells: Iterable[Cell]) -> Html:
    return element("tr", join(element(tag, cell) for cell in cells))
