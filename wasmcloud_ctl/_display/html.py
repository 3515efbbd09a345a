"""HTML of titles, tables and graphs, for notebooks.

All text is escaped, because a friendly name or a label may hold anything. Text has the page's own colour, so that it
can be read on light and dark pages, and no colour says more than the words beside it.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from wasmcloud_ctl._display.tables import MAX_ROWS, Cell, Lines, Section, Table, Text, Title, sections

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
.wasmcloud-ctl code{background:none!important;color:inherit;padding:0!important;font-size:12px;
white-space:inherit!important}
.wasmcloud-ctl .muted{opacity:.7}
.wasmcloud-ctl .line{white-space:nowrap}
.wasmcloud-ctl .indented{display:inline-block;white-space:normal;margin-left:1.2em}
.wasmcloud-ctl .strong{font-weight:600}
.wasmcloud-ctl .title{margin:4px 0 2px}
.wasmcloud-ctl .chip{display:inline-block;background:rgba(128,128,128,.2);border-radius:4px;
padding:0 6px;margin-bottom:2px}
.wasmcloud-ctl .badge{display:inline-block;border-radius:4px;padding:0 7px;font-weight:600;color:#fff;
white-space:nowrap}
.wasmcloud-ctl .good{background:#1a7f37}
.wasmcloud-ctl .bad{background:#c62828}
.wasmcloud-ctl .odd{background:#9a5b00}
.wasmcloud-ctl .off{background:#57606a}
</style>"""


def as_html(value: object) -> str:
    """Return a value's titles and tables with their style sheet."""
    return _page(map(_section, sections(value)))


def picture(heading: str, svg: str) -> str:
    """Return a heading and an SVG picture with the style sheet. A wide picture scrolls."""
    title = _element("div", html.escape(heading), "title muted")
    return _page([title, f'<div style="overflow-x:auto">{svg}</div>'])


def _page(parts: Iterable[str]) -> str:
    return f'<div class="wasmcloud-ctl">{_STYLE}{"".join(parts)}</div>'


def _element(tag: str, content: str, css_class: str = "", tooltip: str = "") -> str:
    """Return an element. Its content is HTML; its tooltip is text."""
    attributes = f' class="{css_class}"' if css_class else ""
    if tooltip:
        attributes += f' title="{html.escape(tooltip)}"'
    return f"<{tag}{attributes}>{content}</{tag}>"


def _section(section: Section) -> str:
    if isinstance(section, Table):
        return _table(section)
    if isinstance(section, Title):
        return _element("div", " ".join(map(_cell, section.parts)), "title") if section.parts else ""
    return _cell(section)


def _table(table: Table) -> str:
    part = table.first(MAX_ROWS)
    if not part.columns:
        return ""
    head = _row("th", [name.strip() for name in part.columns]) if "".join(part.columns).strip() else ""
    rows = [_row("td", map(row.get, part.columns)) for row in part.rows]
    if more := table.more(len(part.rows)):
        rows.append(f'<tr><td colspan="{len(part.columns)}">{_cell(Text(more, "muted"))}</td></tr>')
    return f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"


def _row(tag: str, cells: Iterable[Cell]) -> str:
    return _element("tr", "".join(_element(tag, _cell(cell)) for cell in cells))


def _cell(cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case Text(words=words, style="bold"):
            return _element("b", html.escape(words), "", cell.tooltip)
        case Text(words=words, style=style):
            tag, css_class = ("code", style[5:]) if style.startswith("code") else ("span", style)
            return _element(tag, html.escape(words), css_class, cell.tooltip)
        case Lines(lines=lines):
            return "<br/>".join(map(_line, lines))
        case tuple():
            # The spaces are for notebooks that are not trusted, in which Jupyter shows no styles.
            return " ".join(map(_cell, cell))
        case _:
            return html.escape(str(cell))


def _line(line: Sequence[str | Text]) -> str:
    return _element("span", " ".join(filter(None, map(_cell, line))), "line" if line[0] else "line indented")
