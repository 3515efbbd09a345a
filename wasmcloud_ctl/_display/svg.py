"""The SVG picture of a lattice: its links from left to right, and below them a card for each host.

Above them are the names of the applications, if there are any, each in a colour of its own. It is in the boxes of all
that belongs to the application, too.

In the links each component and provider is there once, however many hosts run it. So the lines stay few, and the
picture of a large lattice can be read.

Text has no measured width: the picture is the same whatever fonts are installed.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import attrs

from wasmcloud_ctl._display.diagram import Arrow, Diagram, HostBox, Item, Label
from wasmcloud_ctl._display.layers import Layout, Link, Place, arrange
from wasmcloud_ctl._display.text import count, one_line, short_id, width_of

# The widths of letters, which are those of wide fonts. Some letters are wider by this part, except in code.
_LETTER = 7.4
_SMALL_LETTER = 6.7
_WIDER = 0.35
_WIDE_LETTERS = re.compile("[A-Zmw@%]")

_LINE = 15.0
_MARGIN = 8.0

# The maximal length of a line in a box. The tooltip has the whole text.
_MAX_LENGTH = 44
_MAX_TOOLTIP = 2000

# The maximal length of a link's label that is not broken into two lines.
_SHORT_LABEL = 20

# No-break spaces: SVG removes others at the beginning of a line.
_INDENT = "\u00a0\u00a0"

# Links that have nothing in common, and hosts, stand side by side up to this width.
_PAGE_WIDTH = 1100.0
# Between the links and the hosts.
_PART_GAP = 30.0

# The cards of the hosts: their inside's width, unless a box is wider, and what is around and between.
_CARD_WIDTH = 244.0
_CARD_MARGIN = 10.0
_CARD_GAP = 14.0
_ITEM_GAP = 6.0

# Beside the name of an application, between two names, and from a line of them to the next.
_NAME_MARGIN = 5.0
_NAME_GAP = 8.0
_NAME_LINE = 20.0

# The head of an arrow.
_HEAD_LENGTH = 8.0
_HEAD_WIDTH = 3.6

# How far the two lines of a component that is linked to itself are from the middle.
_APART = 7.0

# A picture shrinks to this part of its size to fit the page. A wider one scrolls.
_MIN_SCALE = 0.7

_STYLE = """
.wasmcloud-graph text{fill:currentColor;font:12px system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif}
.wasmcloud-graph .name{font-weight:600}
.wasmcloud-graph .small{font-size:11px;opacity:.75}
.wasmcloud-graph .code{font:11px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.wasmcloud-graph .host{fill:currentColor;fill-opacity:.045;stroke:currentColor;stroke-opacity:.4}
.wasmcloud-graph .component{fill:#3f7fe8;fill-opacity:.18;stroke:#3f7fe8}
.wasmcloud-graph .provider{fill:#2e9e6b;fill-opacity:.18;stroke:#2e9e6b}
.wasmcloud-graph .missing{fill:#d93636;fill-opacity:.12;stroke:#d93636;stroke-width:1.5;stroke-dasharray:5 3}
.wasmcloud-graph .label{fill:currentColor;fill-opacity:.07;stroke:currentColor;stroke-opacity:.25}
.wasmcloud-graph .line{fill:none;stroke:currentColor;stroke-opacity:.65;stroke-width:1.3}
.wasmcloud-graph .head{fill:currentColor;fill-opacity:.65}
.wasmcloud-graph .broken .line{stroke:#d93636;stroke-opacity:1;stroke-dasharray:5 3}
.wasmcloud-graph .broken .head{fill:#d93636;fill-opacity:1}
.wasmcloud-graph .badge{fill:#c62828}
.wasmcloud-graph .onbadge{fill:#fff;font-size:11px;font-weight:600}
"""

# The colours of applications, in turn. They are translucent, to fit light and dark pages.
_COLOURS = ("#8b5cf6", "#f59e0b", "#ec4899", "#14b8a6", "#84a90b", "#0ea5e9", "#b4694a", "#64748b")
_APPLICATION_STYLE = "\n".join(
    [
        ".wasmcloud-graph .application{font-size:11px}",
        *(
            f".wasmcloud-graph .application{number}{{fill:{colour};fill-opacity:.35}}"
            for number, colour in enumerate(_COLOURS)
        ),
    ]
)

# The hosts that run each component and provider, by its id.
HostsOf: TypeAlias = Mapping[str, Sequence[HostBox]]


@attrs.frozen
class _Text:
    """A line of text. Its kind is the CSS class, and ``behind`` that of the rectangle behind it, if there is one."""

    words: str
    kind: str
    behind: str = ""

    @property
    def width(self) -> float:
        letters = float(width_of(self.words))
        if self.kind != "code":
            letters += _WIDER * len(_WIDE_LETTERS.findall(self.words))
        width = letters * (_LETTER if self.kind in ("name", "onbadge") else _SMALL_LETTER)
        return width + 2 * _NAME_MARGIN if self.kind == "application" else width


# The name of each application as a line of a box, by that name.
Badges: TypeAlias = Mapping[str, _Text]


@attrs.frozen
class _Box:
    """A box with lines of text.

    Its kind is the CSS class of its rectangle. A broken link's label is "missing", too.
    """

    kind: str
    lines: Sequence[_Text]
    tooltip: str
    anchor: Literal["middle", "start"] = "middle"

    @property
    def width(self) -> float:
        return max(line.width for line in self.lines) + 2 * _MARGIN

    @property
    def height(self) -> float:
        return len(self.lines) * _LINE + _MARGIN

    def svg(self, left: float, top: float) -> str:
        x = left + _MARGIN if self.anchor == "start" else left + self.width / 2
        return _group(
            self.tooltip,
            _rectangle(self.kind, left, top, self.width, self.height, 5),
            *_lines(self.lines, x, top + _MARGIN / 2, self.anchor),
        )


def picture(diagram: Diagram, *, standalone: bool) -> str:
    """Return a lattice as SVG: standalone with its own colours, or else with those of the page around it."""
    hosts_of = diagram.hosts_of()
    applications = diagram.applications()
    badges = {
        name: _Text(one_line(name, _MAX_LENGTH), "application", f"application{number % len(_COLOURS)}")
        for number, name in enumerate(applications)
    }
    names, names_width, above = _names(applications, badges)
    links, width, height = _links(diagram, hosts_of, badges)
    top = height + _PART_GAP if links else 0.0
    cards, cards_width, bottom = _cards(diagram.hosts, hosts_of, badges, top, max(width, _PAGE_WIDTH))
    width, height = max(width, cards_width, names_width) + 4, max(height, bottom) + above + 4
    fitted = f"max-width:max(100%,{width * _MIN_SCALE:.0f}px);height:auto"
    style = "color:#1f2328;background:#fff" if standalone else fitted
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="wasmcloud-graph" role="img" '
        f'width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="-2 {-2 - above:g} {width:.1f} {height:.1f}" style="{style}">',
        f"<style>{_STYLE}</style>",
        *names,
        *links,
        *cards,
        "</svg>",
    ]
    return "\n".join(parts)


# The applications


def _names(applications: Mapping[str, Sequence[str]], badges: Badges) -> tuple[list[str], float, float]:
    """Return the SVG of the applications' names, and its width and height. It ends at 0, where the links begin."""
    if not applications:
        return [], 0.0, 0.0
    heading = _text("applications", "small")
    right = x = heading.width
    y = 0.0
    drawn = _lines([heading], 0.0, y, "start")
    for name, ids in applications.items():
        badge = badges[name]
        if x + badge.width > _PAGE_WIDTH:
            x, y = heading.width, y + _NAME_LINE
        drawn.append(_group("\n".join((f"application {name}", *ids)), *_lines([badge], x, y, "start")))
        right = max(right, x + badge.width)
        x += badge.width + _NAME_GAP
    height = y + _NAME_LINE + _CARD_GAP
    group = f'<g transform="translate(0 {-height:g})">'
    return [f"<style>{_APPLICATION_STYLE}</style>", group, *drawn, "</g>"], right, height


# The links


def _links(diagram: Diagram, hosts_of: HostsOf, badges: Badges) -> tuple[list[str], float, float]:
    """Return the links' SVG, and its width and height."""
    applications_of: dict[str, list[_Text]] = {}
    for name, ids in diagram.applications().items():
        for item_id in ids:
            applications_of.setdefault(item_id, []).append(badges[name])
    items: dict[str, Item] = {}
    for host in diagram.hosts:
        for item in host.items:
            items.setdefault(item.id, item)
    boxes: list[_Box] = []
    ends: dict[str, int] = {}  # the numbers of the boxes, by id
    for end in dict.fromkeys(end for arrow in diagram.arrows for end in (arrow.source, arrow.target)):
        ends[end] = len(boxes)
        if end in items:
            boxes.append(_end_box(items[end], hosts_of[end], applications_of.get(end, [])))
        else:
            boxes.append(_missing_box(end))
    links = []
    for arrow in diagram.arrows:
        links.append(Link(ends[arrow.source], len(boxes), ends[arrow.target]))
        boxes.append(_label_box(arrow, broken=not {arrow.source, arrow.target} <= items.keys()))
    layout = arrange([(box.width, box.height) for box in boxes], links, _PAGE_WIDTH)
    drawn = [_link_line(boxes, layout, number, link) for number, link in enumerate(links)]
    for box, place in zip(boxes, layout.places, strict=True):
        drawn.append(box.svg(place.centre_x - box.width / 2, place.centre_y - box.height / 2))
    return drawn, layout.width, layout.height


def _end_box(item: Item, hosts: Sequence[HostBox], applications: Sequence[_Text]) -> _Box:
    names = [host.name or short_id(host.id) for host in hosts]
    where = f"on {names[0]}" if len(hosts) == 1 else f"on {count(len(hosts), 'host')}"
    tooltip = "\n".join((item.id, item.kind, f"on {', '.join(names)}"))
    lines = [_text(item.id, "name"), _text(where, "small"), *applications]
    return _Box(f"end {item.kind}", lines, tooltip)


def _missing_box(missing_id: str) -> _Box:
    lines = [_text(missing_id, "name"), _Text("runs nowhere", "onbadge", "badge")]
    return _Box("missing", lines, f"{missing_id}: no host runs it")


def _label_box(arrow: Arrow, *, broken: bool) -> _Box:
    lines = [line for label in arrow.labels for line in _label_lines(label)]
    words = [line for label in arrow.labels for line in (label.text, *label.configs)]
    tooltip = "\n".join((f"{arrow.source} -> {arrow.target}", *words))
    return _Box("missing" if broken else "label", lines, tooltip, "start")


def _label_lines(label: Label) -> list[_Text]:
    """Return a link's label: a line, or two if it is long: the package and the interfaces. And those of configs."""
    configs = [_text(config, "small") for config in label.configs]
    if len(label.text) <= _SHORT_LABEL:
        return [_text(label.text, "code"), *configs]
    package, slash, interfaces = label.words.partition("/")
    name = one_line(label.name, _MAX_LENGTH // 2)
    interfaces_line = _Text(_INDENT + one_line(interfaces, _MAX_LENGTH - len(name)) + name, "code")
    return [_text(package + slash, "code"), interfaces_line, *configs]


def _link_line(boxes: Sequence[_Box], layout: Layout, number: int, link: Link) -> str:
    """Draw an arrow from the source to the label, and one from there to the target."""
    before, after = layout.bends[number]
    ends = [(boxes[box].width, layout.places[box]) for box in (link.source, link.label, link.target)]
    apart = _APART if link.source == link.target else 0.0
    arrows = _arrow(ends[0], before, ends[1], -apart) + _arrow(ends[1], after, ends[2], apart)
    return f'<g class="broken">{arrows}</g>' if boxes[link.label].kind == "missing" else f"<g>{arrows}</g>"


def _arrow(start: tuple[float, Place], bends: Sequence[Place], end: tuple[float, Place], aside: float) -> str:
    """Draw an arrow between the facing sides of two boxes, which are given by their width and place.

    It begins and ends so far below the middle as ``aside`` says.
    """
    (start_width, start_place), (end_width, end_place) = start, end
    forward = start_place.centre_x < end_place.centre_x
    sign = 1 if forward else -1
    tip = end_place.centre_x - sign * end_width / 2
    # The line is level beside the boxes and in the bends, so that it runs across no other box of these columns.
    levels = [
        (
            start_place.centre_x + sign * start_width / 2,
            _leaves_at(start_place, forward),
            start_place.centre_y + aside,
        )
    ]
    levels += [(_leaves_at(bend, not forward), _leaves_at(bend, forward), bend.centre_y) for bend in bends]
    neck = _leaves_at(end_place, not forward) - sign * _HEAD_LENGTH
    levels.append((neck, tip - sign * _HEAD_LENGTH, end_place.centre_y + aside))
    begin, x, y = levels[0]
    path = f"M{begin:.1f},{y:.1f} H{x:.1f}"
    for next_x, next_end, next_y in levels[1:]:
        middle = (x + next_x) / 2
        path += f" C{middle:.1f},{y:.1f} {middle:.1f},{next_y:.1f} {next_x:.1f},{next_y:.1f} H{next_end:.1f}"
        x, y = next_end, next_y
    corners = [(tip, y), (x, y - _HEAD_WIDTH), (x, y + _HEAD_WIDTH)]
    points = " ".join(f"{corner_x:.1f},{corner_y:.1f}" for corner_x, corner_y in corners)
    return f'<path class="line" d="{path}"/><polygon class="head" points="{points}"/>'


def _leaves_at(place: Place, forward: bool) -> float:
    """Return the side of its column where a line leaves that goes to the right, or that goes to the left."""
    return place.column_right if forward else place.column_left


# The hosts


@attrs.frozen
class _Card:
    """A host: its heading, a note if nothing is known to run on it, and the boxes of what runs on it."""

    host: HostBox
    heading: Sequence[_Text]
    note: Sequence[_Text]
    items: Sequence[_Box]

    @property
    def width(self) -> float:
        """The width that its inside needs."""
        texts = max(line.width for line in (*self.heading, *self.note))
        return max([texts, *(box.width for box in self.items)])

    def svg(self, left: float, top: float, width: float) -> tuple[str, float]:
        """Return its SVG and its height. Its inside has this width."""
        text_y = top + _MARGIN
        lines = _lines([*self.heading, *self.note], left + _CARD_MARGIN + 2, text_y, "start")
        x, y = left + _CARD_MARGIN, text_y + (len(self.heading) + len(self.note)) * _LINE + 4
        items = []
        row = 0.0
        for box in self.items:
            if x > left + _CARD_MARGIN and x + box.width > left + _CARD_MARGIN + width:
                x, y, row = left + _CARD_MARGIN, y + row + _ITEM_GAP, 0.0
            items.append(box.svg(x, y))
            x += box.width + _ITEM_GAP
            row = max(row, box.height)
        height = y + row + _CARD_MARGIN - top
        kind = "host" if self.host.error is None else "missing"
        tooltip = "\n".join((self.host.name, self.host.id, *self.host.labels, self.host.error or ""))
        frame = _rectangle(kind, left, top, width + 2 * _CARD_MARGIN, height, 8)
        return "".join((_group(tooltip, frame, *lines), *items)), height


def _cards(
    hosts: Sequence[HostBox], hosts_of: HostsOf, badges: Badges, top: float, page_width: float
) -> tuple[list[str], float, float]:
    """Return the hosts' SVG, and where it ends at the right and at the bottom. ``top`` is where it begins.

    Each host goes where it can be highest. So the order of the hosts is that of their upper edges.
    """
    cards = [_card(host, hosts_of, badges) for host in hosts]
    width = max([_CARD_WIDTH, *(card.width for card in cards)])
    step = width + 2 * _CARD_MARGIN + _CARD_GAP
    columns = max(1, min(len(cards), int((page_width + _CARD_GAP) / step)))
    bottoms = [top] * columns
    drawn = []
    for card in cards:
        column = bottoms.index(min(bottoms))
        svg, height = card.svg(column * step, bottoms[column], width)
        drawn.append(svg)
        bottoms[column] += height + _CARD_GAP
    if not cards:
        return [], 0.0, 0.0
    return drawn, columns * step - _CARD_GAP, max(bottoms) - _CARD_GAP


def _card(host: HostBox, hosts_of: HostsOf, badges: Badges) -> _Card:
    heading = [_text(host.name, "name")] if host.name else []
    heading.append(_Text(short_id(host.id), "code"))
    if host.labels:
        heading.append(_text("  ".join(host.labels), "small"))
    note = []
    if host.error is not None:
        note = [_Text("no inventory", "onbadge", "badge"), _text(host.error, "small")]
    elif not host.items:
        note = [_text("nothing runs here", "small")]
    items = []
    for item in host.items:
        on_hosts = f"on {count(len(hosts_of[item.id]), 'host')}"
        tooltip = "\n".join((item.id, item.role, on_hosts, item.reference))
        lines = [_text(item.id, "name"), _text(item.description, "small")]
        if item.application:
            lines.append(badges[item.application])
        items.append(_Box(item.kind, lines, tooltip))
    return _Card(host, heading, note, items)


# SVG


def _text(words: str, kind: str) -> _Text:
    return _Text(one_line(words, _MAX_LENGTH), kind)


def _group(tooltip: str, *parts: str) -> str:
    lines = "\n".join(one_line(line, _MAX_TOOLTIP) for line in tooltip.splitlines() if line)
    title = f"<title>{html.escape(lines)}</title>" if lines else ""
    return f"<g>{title}{' '.join(parts)}</g>"


def _rectangle(kind: str, x: float, y: float, width: float, height: float, radius: float) -> str:
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="{radius:g}"/>'


def _lines(lines: Sequence[_Text], x: float, y: float, anchor: Literal["middle", "start"]) -> list[str]:
    parts = []
    for number, line in enumerate(lines):
        baseline = y + number * _LINE + 11
        if line.behind:
            left = x if anchor == "start" else x - line.width / 2
            parts.append(_rectangle(line.behind, left, baseline - 11, line.width, 14.5, 4))
            parts.append(_svg_text(line, left + line.width / 2, baseline, "middle"))
        else:
            parts.append(_svg_text(line, x, baseline, anchor))
    return parts


def _svg_text(line: _Text, x: float, baseline: float, anchor: Literal["middle", "start"]) -> str:
    words = html.escape(line.words)
    return f'<text class="{line.kind}" x="{x:.1f}" y="{baseline:.1f}" text-anchor="{anchor}">{words}</text>'
