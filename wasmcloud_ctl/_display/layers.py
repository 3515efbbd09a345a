"""Where the boxes of a directed graph go: in columns from left to right, with few crossings.

The steps are those of Sugiyama. Each end of a link gets a column, and so does its label. A line that passes a column
gets a bend there. The columns are sorted until few lines cross. Then each box moves as near to its neighbours as the
others allow.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, pairwise

import attrs

# Between columns, between the boxes of a column, and between parts that no link joins.
_COLUMN_GAP = 28.0
_ROW_GAP = 12.0
_PART_GAP = 30.0

# How often the columns are sorted, and how often the boxes are moved: from left to right and back, in turn.
_SWEEPS = 8

# The height that is kept free for a line that passes a column.
_BEND_HEIGHT = 4.0


@attrs.frozen
class Link:
    """A link by the numbers of its boxes: the two ends, and the label between them."""

    source: int
    label: int
    target: int


@attrs.frozen
class Place:
    """Where a box or a bend is. A line is level at it, from one side of the column to the other."""

    column_left: float
    column_right: float
    centre_y: float

    @property
    def centre_x(self) -> float:
        return (self.column_left + self.column_right) / 2


@attrs.frozen
class Layout:
    """Where everything is, counted from the top left corner."""

    width: float
    height: float
    # Of the boxes, by number.
    places: Sequence[Place]
    # For each link the bends from the source to the label, and those from the label to the target.
    bends: Sequence[tuple[Sequence[Place], Sequence[Place]]]


@attrs.define(eq=False)
class _Node:
    """A box, or a bend of a line."""

    width: float
    height: float
    column: int = 0
    column_left: float = 0.0
    column_right: float = 0.0
    row: int = 0  # in its column
    y: float = 0.0  # of its centre
    # The nodes in the columns beside it that a line joins to it.
    left: list[_Node] = attrs.field(factory=list)
    right: list[_Node] = attrs.field(factory=list)

    def place(self) -> Place:
        return Place(self.column_left, self.column_right, self.y)


def arrange(sizes: Sequence[tuple[float, float]], links: Sequence[Link], page_width: float) -> Layout:
    """Place boxes, each of which is the end or the label of a link.

    Args:
        sizes: Each box's width and height.
        links: The links between them.
        page_width: Parts that no link joins stand side by side, up to this width.
    """
    boxes = [_Node(width, height) for width, height in sizes]
    ranks, turned = _ranks(links)
    chains = []
    nodes = list(boxes)
    for link in links:
        left, right = (link.target, link.source) if link in turned else (link.source, link.target)
        boxes[left].column = 2 * ranks[left]
        boxes[right].column = 2 * ranks[right]
        bends = [_Node(0.0, _BEND_HEIGHT) for _ in range(2 * ranks[left] + 2, 2 * ranks[right])]
        ends = [boxes[right]] if left != right else []
        chain = [boxes[left], boxes[link.label], *bends, *ends]
        for column, node in enumerate(chain[1:], start=2 * ranks[left] + 1):
            node.column = column
        for one, other in pairwise(chain):
            one.right.append(other)
            other.left.append(one)
        nodes += bends
        chains.append(bends)
    width, height = _place(nodes, page_width)
    return Layout(
        width,
        height,
        [box.place() for box in boxes],
        [
            ([bend.place() for bend in reversed(bends)], [])
            if link in turned
            else ([], [bend.place() for bend in bends])
            for link, bends in zip(links, chains, strict=True)
        ],
    )


def _ranks(links: Sequence[Link]) -> tuple[Mapping[int, int], set[Link]]:
    """Return each end's rank, counted from the left, and the links that point to the left: they close a cycle."""
    following: dict[int, list[Link]] = {}
    for link in links:
        following.setdefault(link.source, []).append(link)
        following.setdefault(link.target, [])
    targets = {link.target for link in links if link.source != link.target}
    turned: set[Link] = set()
    done: dict[int, None] = {}  # each after all that it leads to
    begun: set[int] = set()
    for start in sorted(following, key=targets.__contains__):
        if start in begun:
            continue
        begun.add(start)
        open_ends = [(start, iter(following[start]))]
        while open_ends:
            end, rest = open_ends[-1]
            found = next(rest, None)
            if found is None:
                done[end] = None
                open_ends.pop()
            elif found.target not in begun:
                begun.add(found.target)
                open_ends.append((found.target, iter(following[found.target])))
            elif found.target not in done:
                turned.add(found)
    ranks = dict.fromkeys(following, 0)
    for end in reversed(done):
        for link in following[end]:
            if link not in turned:
                ranks[link.target] = max(ranks[link.target], ranks[end] + 1)
    # What no link leads to stands beside the first that it leads to.
    for end in following.keys() - targets:
        ranks[end] = min((ranks[link.target] for link in following[end] if link not in turned), default=1) - 1
    return ranks, turned


def _place(nodes: Sequence[_Node], page_width: float) -> tuple[float, float]:
    """Give each node its place, and return the width and the height of all."""
    widths = [0.0] * max((node.column + 1 for node in nodes), default=0)
    for node in nodes:
        widths[node.column] = max(widths[node.column], node.width)
    # All parts have the same columns, so that they look like the rows of a table.
    starts = [0.0, *accumulate(width + _COLUMN_GAP for width in widths)]
    left = top = shelf = right = 0.0
    for columns in _parts(nodes):
        width, height = starts[len(columns)] - _COLUMN_GAP, _stack(_sorted(columns))
        if left and left + width > page_width:
            left, top, shelf = 0.0, top + shelf + _PART_GAP, 0.0
        for number, column in enumerate(columns):
            for node in column:
                node.column_left = left + starts[number]
                node.column_right = node.column_left + widths[number]
                node.y += top
        right = max(right, left + width)
        shelf = max(shelf, height)
        left += width + 2 * _PART_GAP
    return right, top + shelf


def _parts(nodes: Iterable[_Node]) -> Iterable[list[list[_Node]]]:
    """Yield the parts that no line joins, each as columns."""
    seen: set[_Node] = set()
    for first in nodes:
        if first in seen:
            continue
        seen.add(first)
        part = [first]
        for node in part:  # it grows
            fresh = [other for other in (*node.left, *node.right) if other not in seen]
            seen.update(fresh)
            part += dict.fromkeys(fresh)
        columns: list[list[_Node]] = [[] for _ in range(max(node.column for node in part) + 1)]
        for node in part:
            columns[node.column].append(node)
        yield columns


def _sorted(columns: Sequence[list[_Node]]) -> Sequence[list[_Node]]:
    """Return the columns in the best order that is found: the one with the fewest crossings."""
    _number_rows(columns)
    best, fewest = columns, _crossings(columns)
    for sweep in range(_SWEEPS):
        forward = sweep % 2 == 0
        columns = list(columns)
        for number in range(len(columns)) if forward else reversed(range(len(columns))):
            middles = {
                node: _middle_row(node, node.left if forward else node.right) for node in columns[number]
            }
            # Ties are turned round in every other pair of sweeps: some crossings go away with that alone.
            ties = middles if sweep % 4 < 2 else reversed(middles)
            columns[number] = sorted(ties, key=middles.__getitem__)
            _number_rows([columns[number]])
        crossings = _crossings(columns)
        if crossings < fewest:
            best, fewest = columns, crossings
    _number_rows(best)
    return best


def _number_rows(columns: Iterable[Sequence[_Node]]) -> None:
    for column in columns:
        for row, node in enumerate(column):
            node.row = row


def _middle_row(node: _Node, neighbours: Sequence[_Node]) -> float:
    return sum(other.row for other in neighbours) / len(neighbours) if neighbours else node.row


def _crossings(columns: Iterable[Sequence[_Node]]) -> int:
    """Return how many pairs of lines cross."""
    crossings = 0
    for column in columns:
        seen: list[int] = []  # the rows at which the lines of the nodes above end
        for node in column:
            rows = [other.row for other in node.right]
            crossings += sum(len(seen) - bisect_right(seen, row) for row in rows)
            for row in rows:
                insort(seen, row)
    return crossings


def _stack(columns: Sequence[Sequence[_Node]]) -> float:
    """Give each node its y, from 0 on, and return the height of all."""
    for column in columns:
        for node, y in zip(column, _apart([0.0] * len(column), column), strict=True):
            node.y = y
    for sweep in range(_SWEEPS):
        forward = sweep % 2 == 0
        for column in columns if forward else reversed(columns):
            wanted = [_middle(node, node.left if forward else node.right) for node in column]
            for node, y in zip(column, _apart(wanted, column), strict=True):
                node.y = y
    nodes = [node for column in columns for node in column]
    top = min(node.y - node.height / 2 for node in nodes)
    for node in nodes:
        node.y -= top
    return max(node.y + node.height / 2 for node in nodes)


def _middle(node: _Node, neighbours: Sequence[_Node]) -> float:
    return sum(other.y for other in neighbours) / len(neighbours) if neighbours else node.y


def _apart(wanted: Sequence[float], column: Sequence[_Node]) -> list[float]:
    """Return places as near as possible to the wanted ones, in the order of the column and without an overlap."""
    # Less the space that the nodes above take, the places must not decrease. Neighbours that do get their mean place.
    # (This is isotonic regression, by pooling adjacent violators.)
    heights = [node.height for node in column]
    spaces = [(one + other) / 2 + _ROW_GAP for one, other in pairwise(heights)]
    offsets = list(accumulate(spaces, initial=0.0))
    # Nodes that touch each other: their mean place, and how many they are.
    blocks: list[tuple[float, int]] = []
    for want, offset in zip(wanted, offsets, strict=True):
        mean, length = want - offset, 1
        while blocks and blocks[-1][0] > mean:
            above, count = blocks.pop()
            mean = (mean * length + above * count) / (length + count)
            length += count
        blocks.append((mean, length))
    means = [mean for mean, length in blocks for _ in range(length)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]
