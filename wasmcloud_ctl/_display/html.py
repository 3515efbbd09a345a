"""HTML of titles, tables and graphs, for notebooks.

All text is escaped, because a friendly name or a label may hold anything. Text has the page's own colour, so that it
can be read on light and dark pages, and no colour says more than the words beside it.
"""

from __future__ import annotations

import html

from wasmcloud_ctl._display.tables import Cell, Lines, Section, Table, Text, Title, sections

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


def as_html(value: object) -> str:
    """Return a value's titles and tables as HTML with its style sheet."""
    return _page(*(_section(section) for section in sections(value)))


def picture(heading: str, svg: str) -> str:
    """Return a heading and an SVG picture as HTML with its style sheet. A wide picture scrolls."""
    title = _element("div", html.escape(heading), "title muted")
    return _page(title, f'<div style="overflow-x:auto">{svg}</div>')


def preformatted(note: str, text: str) -> str:
    """Return a note and a preformatted text as HTML with its style sheet."""
    return _page(_element("div", html.escape(note)), _element("pre", html.escape(text)))


def _page(*parts: str) -> str:
    return f'<div class="wasmcloud-ctl">{_STYLE}{"".join(parts)}</div>'


def _element(tag: str, content: str, css_class: str = "", tooltip: str = "") -> str:
    """Return an element. Its content is HTML; its tooltip is text."""
    attributes = f' class="{css_class}"' if css_class else ""
    if tooltip:
        attributes += f' title="{html.escape(tooltip)}"'
    return f"<{tag}{attributes}>{content}</{tag}>"


def _section(section: Section) -> str:
    if isinstance(section, Table):
        return _table(section.without_empty_columns())
    if isinstance(section, Title):
        parts = " ".join(map(_cell, section.filled()))
        return _element("div", parts, "title") if parts else ""
    return _text(section)


def _table(table: Table) -> str:
    if not table.header:
        return ""
    names = "".join(_element("th", html.escape(name)) for name in table.header)
    head = _element("tr", names) if any(table.header) else ""
    rows = [
        _element("tr", "".join(_element("td", _cell(cell)) for cell in row)) for row in table.rows[:_MAX_ROWS]
    ]
    if len(table.rows) > _MAX_ROWS:
        more = _text(Text(f"and {len(table.rows) - _MAX_ROWS} more", "muted"))
        rows.append(f'<tr><td colspan="{len(table.header)}">{more}</td></tr>')
    return f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"


def _cell(cell: Cell) -> str:
    if isinstance(cell, Text):
        return _text(cell)
    if isinstance(cell, Lines):
        return "<br/>".join(_element("span", " ".join(map(_cell, line)), "line") for line in cell.lines)
    if isinstance(cell, tuple):
        return "".join(map(_text, cell))
    return "" if cell is None else html.escape(str(cell))


# The tag and the CSS class of a style. Any other style is a class of a span.
_ELEMENTS = {
    "plain": ("span", ""),
    "bold": ("b", ""),
    "code": ("code", ""),
    "code muted": ("code", "muted"),
}


def _text(text: Text) -> str:
    tag, css_class = _ELEMENTS.get(text.style, ("span", text.style))
    return _element(tag, html.escape(text.words), css_class, text.tooltip)
