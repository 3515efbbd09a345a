"""The picture of a lattice: Graphviz finds the places, and this draws there. The only module that knows pygraphviz.

Graphviz is given boxes of known size without text, so that the picture is the same whatever fonts there are where it
is made; and the drawing is in the colours of the page that it stands on, light or dark, which Graphviz cannot do.
"""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import attrs
import pygraphviz

from wasmcloud_ctl._display.html import one_line, short_id

# Sizes in points, of which Graphviz has 72 in its inch. A letter is taken to be wider than in most fonts.
_LETTER = 7.4
_SMALL_LETTER = 6.7
_LINE = 15.0
_MARGIN = 8.0

# The most letters that are shown of anything; all of it is in the tooltip.
_MOST_LETTERS = 44

# The longest label of a link that stands on one line.
_SHORT_LABEL = 20

# Spaces that SVG does not take away.
_INDENT = "\u00a0\u00a0"

# How much smaller the picture may become before it is scrolled.
_SMALLEST = 0.8

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


@attrs.frozen
class _Text:
    """A line of text and how it looks."""

    words: str
    kind: str

    @property
    def width(self) -> float:
        letter = _SMALL_LETTER if self.kind in ("small", "code") else _LETTER
        return len(self.words) * letter


@attrs.frozen(kw_only=True)
class _Box:
    """A box with lines of text, which Graphviz is told the size of.

    Attributes:
        key: What Graphviz calls it.
        kind: What it is, for its colours.
        lines: What stands in it.
        tip: What the tooltip says.
    """

    key: str
    kind: str
    lines: tuple[_Text, ...]
    tip: str = ""

    @property
    def width(self) -> float:
        return max(line.width for line in self.lines) + 2 * _MARGIN

    @property
    def height(self) -> float:
        return len(self.lines) * _LINE + _MARGIN


def draw(
    hosts: Sequence[HostBox], arrows: Sequence[Arrow], missing: Sequence[str], *, standalone: bool
) -> str:
    """Draw a lattice.

    Args:
        hosts: The hosts and what runs on them.
        arrows: The links.
        missing: The ids that links name and no host runs.
        standalone: Whether it is a document of its own, in colours of its own.

    Returns:
        The SVG.
    """
    return _Picture(hosts, arrows, missing).svg(standalone)


class _Picture:
    def __init__(self, hosts: Sequence[HostBox], arrows: Sequence[Arrow], missing: Sequence[str]) -> None:
        self._graph: Any = pygraphviz.AGraph(
            strict=False, directed=True, rankdir="LR", newrank=True, nodesep=0.25, ranksep=0.35
        )
        self._boxes: list[_Box] = []
        self._frames: list[tuple[_Box, Any]] = []  # hosts, with Graphviz's clusters
        self._places: dict[str, list[str]] = {}  # by id: the keys of the boxes that stand for it
        self._homes: dict[str, int] = {}  # by key: the number of its host
        self._on_hosts = Counter(item.id for host in hosts for item in host.running)
        for host in hosts:
            self._add_host(host)
        for missing_id in missing:
            lines = (_name(missing_id), _Text("runs nowhere", "onbadge"))
            box = _Box(key=self._new_key(), kind="missing", lines=lines, tip=f"{missing_id}: no host runs it")
            self._add_box(box)
            self._places[missing_id] = [box.key]
        for arrow in arrows:
            self._add_arrow(arrow, broken=arrow.source in missing or arrow.target in missing)
        self._broken = {box.key for box in self._boxes if box.kind == "label broken"}
        self._graph.layout(prog="dot")
        self._height = float(self._graph.graph_attr["bb"].split(",")[3])
        self._width = float(self._graph.graph_attr["bb"].split(",")[2])

    # What Graphviz is told

    def _new_key(self) -> str:
        return f"n{len(self._boxes)}"

    def _add_box(self, box: _Box, cluster: Any = None) -> None:
        (cluster if cluster is not None else self._graph).add_node(
            box.key, label="", shape="box", fixedsize=True, width=box.width / 72, height=box.height / 72
        )
        self._boxes.append(box)

    def _add_host(self, host: HostBox) -> None:
        number = len(self._frames)
        heading = [_name(host.name)] if host.name else []
        heading.append(_Text(short_id(host.id), "code"))
        if host.labels:
            heading.append(_small("  ".join(host.labels)))
        tip = "\n".join((host.name, host.id, *host.labels))
        frame = _Box(key="", kind="host" if host.error is None else "missing", lines=tuple(heading), tip=tip)
        size = f'FIXEDSIZE="TRUE" WIDTH="{frame.width:.0f}" HEIGHT="{frame.height:.0f}"'
        cluster = self._graph.add_subgraph(
            name=f"cluster_{number}",
            label=f'<<TABLE BORDER="0" {size}><TR><TD></TD></TR></TABLE>>',
            labeljust="l",
            margin=10,
        )
        self._frames.append((frame, cluster))
        if host.error is not None:
            lines = (_Text("no inventory", "onbadge"), _small(host.error))
            self._add_box(_Box(key=self._new_key(), kind="note", lines=lines, tip=host.error), cluster)
        elif not host.running:
            note = _Box(key=self._new_key(), kind="note", lines=(_small("nothing runs here"),))
            self._add_box(note, cluster)
        for item in host.running:
            others = self._on_hosts[item.id]
            on_hosts = () if others == 1 else (f"on {others} hosts",)
            box = _Box(
                key=self._new_key(),
                kind=item.kind.partition(" ")[0],
                lines=(_name(item.id), _small(item.kind), *map(_small, on_hosts)),
                tip="\n".join((item.id, item.kind, *on_hosts, item.reference)),
            )
            self._add_box(box, cluster)
            self._places.setdefault(item.id, []).append(box.key)
            self._homes[box.key] = number

    def _add_arrow(self, arrow: Arrow, *, broken: bool) -> None:
        """Lines from all places of the source to the label, and arrows from there to all places of the target."""
        label = _Box(
            key=self._new_key(),
            kind="label broken" if broken else "label",
            lines=tuple(_Text(_cut(part), "code") for words in arrow.labels for part in _broken_up(words)),
            tip="\n".join((f"{arrow.source} -> {arrow.target}", *arrow.labels)),
        )
        sources, targets = self._places[arrow.source], self._places[arrow.target]
        homes = {self._homes.get(key) for key in (*sources, *targets)}
        home = homes.pop() if len(homes) == 1 else None
        self._add_box(label, None if home is None else self._frames[home][1])
        for source in sources:
            self._graph.add_edge(source, label.key, dir="none")
        for target in targets:
            self._graph.add_edge(label.key, target, arrowsize=0.7)

    # What is drawn

    def svg(self, standalone: bool) -> str:
        width, height = self._width + 4, self._height + 4
        fitted = f"max-width:max(100%,{width * _SMALLEST:.0f}px);height:auto"
        style = "color:#1f2328;background:#fff" if standalone else fitted
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="wasmcloud-graph" role="img" '
            f'width="{width:.0f}" height="{height:.0f}" viewBox="-2 -2 {width:.1f} {height:.1f}" style="{style}">',
            f"<style>{_STYLE}</style>",
        ]
        parts += [self._frame(frame, cluster) for frame, cluster in self._frames]
        parts += [self._edge(edge) for edge in self._graph.edges()]
        parts += [self._box(box) for box in self._boxes]
        parts.append("</svg>")
        return "\n".join(parts)

    def _frame(self, frame: _Box, cluster: Any) -> str:
        left, bottom, right, top = (float(part) for part in cluster.graph_attr["bb"].split(","))
        x, y = left, self._height - top
        return _group(
            frame.tip,
            _rectangle(frame.kind, x, y, right - left, top - bottom, 8),
            *_lines(frame.lines, x + 12, y + 8 + _MARGIN / 2, "start"),
        )

    def _box(self, box: _Box) -> str:
        centre_x, centre_y = (float(part) for part in self._graph.get_node(box.key).attr["pos"].split(","))
        x, y = centre_x - box.width / 2, self._height - centre_y - box.height / 2
        parts = (
            []
            if box.kind == "note"
            else [_rectangle(box.kind.replace("label broken", "missing"), x, y, box.width, box.height, 5)]
        )
        if box.kind.startswith("label"):
            parts += _lines(box.lines, x + _MARGIN, y + _MARGIN / 2, "start")
        else:
            parts += _lines(box.lines, centre_x, y + _MARGIN / 2, "middle")
        return _group(box.tip, *parts)

    def _edge(self, edge: Any) -> str:
        """Graphviz's curve: where the arrow's tip is, a point, and three more for each piece."""
        tip = None
        points = []
        for word in edge.attr["pos"].split():
            *mark, x, y = word.split(",")
            point = (float(x), self._height - float(y))
            if mark == ["e"]:
                tip = point
            else:
                points.append(point)
        start, *others = (f"{x:.1f},{y:.1f}" for x, y in points)
        parts = [f'<path class="line" d="M{start} C{" ".join(others)}"/>']
        if tip is not None:
            parts.append(_arrow_head(points[-1], tip))
        broken = self._broken.intersection(edge)
        return f'<g class="broken">{"".join(parts)}</g>' if broken else "".join(parts)


def _arrow_head(base: tuple[float, float], tip: tuple[float, float]) -> str:
    across_x, across_y = (tip[1] - base[1]) * 0.45, (base[0] - tip[0]) * 0.45
    corners = [tip, (base[0] + across_x, base[1] + across_y), (base[0] - across_x, base[1] - across_y)]
    return f'<polygon class="head" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in corners)}"/>'


def _cut(words: str) -> str:
    indent = (
        _INDENT if words.startswith(_INDENT) else ""
    )  # one_line takes it for a letter that cannot be seen
    return indent + one_line(words.removeprefix(_INDENT), _MOST_LETTERS)


def _broken_up(label: str) -> list[str]:
    """A label on two lines where it is long: the package, and the interfaces."""
    package, slash, interfaces = label.partition("/")
    return [label] if len(label) <= _SHORT_LABEL else [package + slash, _INDENT + interfaces]


def _name(words: str) -> _Text:
    return _Text(_cut(words), "name")


def _small(words: str) -> _Text:
    return _Text(_cut(words), "small")


def _group(tip: str, *parts: str) -> str:
    shown = "\n".join(one_line(line, 200) for line in tip.splitlines() if line)
    title = f"<title>{html.escape(shown)}</title>" if shown else ""
    return f"<g>{title}{''.join(parts)}</g>"


def _rectangle(kind: str, x: float, y: float, width: float, height: float, radius: float) -> str:
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="{radius:g}"/>'


def _lines(lines: Iterable[_Text], x: float, y: float, anchor: str) -> list[str]:
    parts = []
    for number, line in enumerate(lines):
        baseline = y + number * _LINE + 11
        if line.kind == "onbadge":
            width = line.width
            parts.append(_rectangle("badge", x - width / 2, baseline - 11, width, 14.5, 4))
        parts.append(
            f'<text class="{line.kind}" x="{x:.1f}" y="{baseline:.1f}" text-anchor="{anchor}">'
            f"{html.escape(line.words)}</text>"
        )
    return parts
