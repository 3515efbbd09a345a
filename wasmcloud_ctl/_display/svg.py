"""The SVG picture of a lattice: Graphviz places the boxes and curves, and this module draws them.

Graphviz gets boxes of a fixed size without text, so that the picture is the same whatever fonts are installed. It is
drawn here because Graphviz cannot use the colours of the page around the picture, light or dark.
"""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import attrs

from wasmcloud_ctl._display.diagram import Arrow, Diagram, HostBox, Label
from wasmcloud_ctl._display.text import one_line, short_id

# Sizes in points; Graphviz counts 72 to an inch. The letter widths are wider than those of most fonts.
_POINTS_PER_INCH = 72
_LETTER = 7.4
_SMALL_LETTER = 6.7
_LINE = 15.0
_MARGIN = 8.0

# The maximal length of a line in a box. The tooltip has the whole text.
_MAX_LENGTH = 44

# The maximal length of a link's label that is not broken into two lines.
_SHORT_LABEL = 20

# No-break spaces: SVG removes others at the beginning of a line.
_INDENT = "\u00a0\u00a0"

# A picture shrinks to this part of its size to fit the page. A wider one scrolls.
_MIN_SCALE = 0.8

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
    """A line of text. Its kind is the CSS class."""

    words: str
    kind: str

    @property
    def width(self) -> float:
        return len(self.words) * (_SMALL_LETTER if self.kind in ("small", "code") else _LETTER)


@attrs.frozen
class _Box:
    """A box with lines of text, in the Graphviz cluster of a host or outside of all.

    Its kind is the CSS class of its rectangle; a note has no rectangle. A broken link's label is "missing", too.
    """

    kind: str
    lines: Sequence[_Text]
    tooltip: str
    cluster: Any = None
    anchor: Literal["middle", "start"] = "middle"

    @property
    def width(self) -> float:
        return max(line.width for line in self.lines) + 2 * _MARGIN

    @property
    def height(self) -> float:
        return len(self.lines) * _LINE + _MARGIN


class Picture:
    """The picture of a lattice. Graphviz places its parts when it is made: ImportError without pygraphviz."""

    def __init__(self, diagram: Diagram) -> None:
        import pygraphviz  # comes with an extra

        self._graph: Any = pygraphviz.AGraph(
            strict=False, directed=True, rankdir="LR", newrank=True, nodesep=0.25, ranksep=0.35
        )
        self._boxes: dict[str, _Box] = {}  # by key: the name of the node in Graphviz
        self._hosts: list[tuple[_Box, Any]] = []  # with their Graphviz clusters
        self._keys: dict[str, list[str]] = {}  # by id: the keys of its boxes
        host_counts = Counter(item.id for host in diagram.hosts for item in host.items)
        for host in diagram.hosts:
            self._add_host(host, host_counts)
        missing = diagram.missing()
        for missing_id in missing:
            lines = [_text(missing_id, "name"), _text("runs nowhere", "onbadge")]
            self._keys[missing_id] = [self._add_box(_Box("missing", lines, f"{missing_id}: no host runs it"))]
        for arrow in diagram.arrows:
            broken = arrow.source in missing or arrow.target in missing
            self._add_arrow(arrow, "missing" if broken else "label")
        self._graph.layout(prog="dot")
        _, _, self._width, self._height = map(float, self._graph.graph_attr["bb"].split(","))

    # Layout by Graphviz

    def _add_box(self, box: _Box) -> str:
        """Add a box and return its key."""
        key = f"n{len(self._boxes)}"
        self._boxes[key] = box
        inches = {"width": box.width / _POINTS_PER_INCH, "height": box.height / _POINTS_PER_INCH}
        graph = self._graph if box.cluster is None else box.cluster
        graph.add_node(key, label="", shape="box", fixedsize=True, **inches)
        return key

    def _add_host(self, host: HostBox, host_counts: Mapping[str, int]) -> None:
        heading = [_text(host.name, "name")] if host.name else []
        heading.append(_Text(short_id(host.id), "code"))
        if host.labels:
            heading.append(_text("  ".join(host.labels), "small"))
        kind = "host" if host.error is None else "missing"
        frame = _Box(kind, heading, "\n".join((host.name, host.id, *host.labels)))
        # An empty table reserves the heading's space.
        size = f'FIXEDSIZE="TRUE" WIDTH="{frame.width:.0f}" HEIGHT="{frame.height:.0f}"'
        cluster = self._graph.add_subgraph(
            name=f"cluster_{len(self._hosts)}",
            label=f'<<TABLE BORDER="0" {size}><TR><TD></TD></TR></TABLE>>',
            labeljust="l",
            margin=10,
        )
        self._hosts.append((frame, cluster))
        if host.error is not None:
            lines = [_text("no inventory", "onbadge"), _text(host.error, "small")]
            self._add_box(_Box("note", lines, host.error, cluster))
        elif not host.items:
            self._add_box(_Box("note", [_text("nothing runs here", "small")], "", cluster))
        for item in host.items:
            count = host_counts[item.id]
            details = [item.description] if count == 1 else [item.description, f"on {count} hosts"]
            lines = [_text(item.id, "name"), *(_text(detail, "small") for detail in details)]
            box = _Box(item.kind, lines, "\n".join((item.id, *details, item.reference)), cluster)
            self._keys.setdefault(item.id, []).append(self._add_box(box))

    def _add_arrow(self, arrow: Arrow, kind: str) -> None:
        """Add a label, lines to it from all boxes of the source, and arrows from it to all boxes of the target."""
        sources, targets = self._keys[arrow.source], self._keys[arrow.target]
        clusters = [self._boxes[key].cluster for key in (*sources, *targets)]
        # The label of a link within one host is in the host's box, too.
        within = clusters[0] if all(cluster is clusters[0] for cluster in clusters) else None
        lines = [line for label in arrow.labels for line in _label_lines(label)]
        words = [line for label in arrow.labels for line in (label.words, *label.configs)]
        tooltip = "\n".join((f"{arrow.source} -> {arrow.target}", *words))
        label = self._add_box(_Box(kind, lines, tooltip, within, "start"))
        for source in sources:
            self._graph.add_edge(source, label, dir="none")
        for target in targets:
            self._graph.add_edge(label, target, arrowsize=0.7)

    # Drawing

    def svg(self, *, standalone: bool) -> str:
        """Return it as SVG: standalone with its own colours, or else with those of the page around it."""
        width, height = self._width + 4, self._height + 4
        fitted = f"max-width:max(100%,{width * _MIN_SCALE:.0f}px);height:auto"
        style = "color:#1f2328;background:#fff" if standalone else fitted
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="wasmcloud-graph" role="img" '
            f'width="{width:.0f}" height="{height:.0f}" viewBox="-2 -2 {width:.1f} {height:.1f}" style="{style}">',
            f"<style>{_STYLE}</style>",
            *(self._frame(frame, cluster) for frame, cluster in self._hosts),
            *(self._edge(edge) for edge in self._graph.edges()),
            *(self._box(key, box) for key, box in self._boxes.items()),
            "</svg>",
        ]
        return "\n".join(parts)

    def _frame(self, frame: _Box, cluster: Any) -> str:
        left, bottom, right, top = map(float, cluster.graph_attr["bb"].split(","))
        x, y = left, self._height - top
        return _group(
            frame.tooltip,
            _rectangle(frame.kind, x, y, right - left, top - bottom, 8),
            *_lines(frame.lines, x + 12, y + 8 + _MARGIN / 2, "start"),
        )

    def _box(self, key: str, box: _Box) -> str:
        centre, centre_y = map(float, self._graph.get_node(key).attr["pos"].split(","))
        x, y = centre - box.width / 2, self._height - centre_y - box.height / 2
        parts = [] if box.kind == "note" else [_rectangle(box.kind, x, y, box.width, box.height, 5)]
        text_x = x + _MARGIN if box.anchor == "start" else centre
        return _group(box.tooltip, *parts, *_lines(box.lines, text_x, y + _MARGIN / 2, box.anchor))

    def _edge(self, edge: Any) -> str:
        """Draw a curve of Graphviz: the tip of the arrow if it has one, a start, and three points for each piece."""
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
        path = f'<path class="line" d="M{start} C{" ".join(others)}"/>'
        if tip is not None:
            base = points[-1]
            across_x, across_y = (tip[1] - base[1]) * 0.45, (base[0] - tip[0]) * 0.45
            corners = [
                tip,
                (base[0] + across_x, base[1] + across_y),
                (base[0] - across_x, base[1] - across_y),
            ]
            path += f'<polygon class="head" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in corners)}"/>'
        broken = any(self._boxes[key].kind == "missing" for key in edge)
        return f'<g class="broken">{path}</g>' if broken else path


def _text(words: str, kind: str) -> _Text:
    return _Text(one_line(words, _MAX_LENGTH), kind)


def _label_lines(label: Label) -> list[_Text]:
    """Return a link's label: a line, or two if it is long: the package and the interfaces. And those of configs."""
    configs = [_text(config, "small") for config in label.configs]
    if len(label.words) <= _SHORT_LABEL:
        return [_text(label.words, "code"), *configs]
    package, slash, interfaces = label.words.partition("/")
    interfaces_line = _Text(_INDENT + one_line(interfaces, _MAX_LENGTH), "code")
    return [_text(package + slash, "code"), interfaces_line, *configs]


def _group(tooltip: str, *parts: str) -> str:
    lines = "\n".join(one_line(line, 200) for line in tooltip.splitlines() if line)
    title = f"<title>{html.escape(lines)}</title>" if lines else ""
    return f"<g>{title}{''.join(parts)}</g>"


def _rectangle(kind: str, x: float, y: float, width: float, height: float, radius: float) -> str:
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="{radius:g}"/>'


def _lines(lines: Sequence[_Text], x: float, y: float, anchor: str) -> list[str]:
    parts = []
    for number, line in enumerate(lines):
        baseline = y + number * _LINE + 11
        if line.kind == "onbadge":
            parts.append(_rectangle("badge", x - line.width / 2, baseline - 11, line.width, 14.5, 4))
        parts.append(
            f'<text class="{line.kind}" x="{x:.1f}" y="{baseline:.1f}" text-anchor="{anchor}">'
            f"{html.escape(line.words)}</text>"
        )
    return parts
