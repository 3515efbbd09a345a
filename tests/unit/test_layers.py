"""The layout of links in columns."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from wasmcloud_ctl._display.layers import Layout, Link, Place, arrange

PAGE = 1000.0
END, LABEL = (100.0, 40.0), (80.0, 30.0)


def arranged(*ends: tuple[int, int]) -> Layout:
    """Arrange links between ends that are numbered from 0. The labels come after them."""
    count = max(max(pair) for pair in ends) + 1
    links = [Link(source, count + number, target) for number, (source, target) in enumerate(ends)]
    return arrange([*[END] * count, *[LABEL] * len(links)], links, PAGE)


def columns(places: Sequence[Place]) -> list[int]:
    """Return the number of each place's column."""
    lefts = sorted({place.column_left for place in places})
    return [lefts.index(place.column_left) for place in places]


def test_links_lead_from_left_to_right() -> None:
    """A chain has each label between its ends, all on one line."""
    layout = arranged((0, 1), (1, 2))

    assert columns(layout.places) == [0, 2, 4, 1, 3]
    assert {place.centre_y for place in layout.places} == {20.0}
    assert layout.height == 40.0


def test_a_link_past_a_column_has_bends_there() -> None:
    """They are after its label, and level with nothing else in these columns."""
    layout = arranged((0, 1), (1, 2), (0, 2))
    before, after = layout.bends[2]

    assert (before, len(after)) == ([], 2)
    assert columns([*layout.places, *after])[-2:] == [2, 3]
    assert all(abs(bend.centre_y - layout.places[1].centre_y) >= END[1] / 2 for bend in after)


def test_a_cycle_has_a_link_that_leads_to_the_left() -> None:
    """Its label is beside its target, and its bends are before the label."""
    layout = arranged((0, 1), (1, 2), (2, 0))
    before, after = layout.bends[2]

    assert columns(layout.places) == [0, 2, 4, 1, 3, 1]
    assert (columns([*layout.places, *before])[-2:], after) == ([3, 2], [])


def test_a_link_to_itself_has_its_label_at_the_right() -> None:
    """It has no bends."""
    layout = arranged((0, 0))

    assert columns(layout.places) == [0, 1]
    assert layout.bends == [([], [])]


def test_a_source_stands_beside_what_it_leads_to() -> None:
    """A second source of the end of a chain is not at the chain's beginning."""
    layout = arranged((0, 1), (1, 2), (3, 2))

    assert columns(layout.places)[:4] == [0, 2, 4, 2]


def test_lines_that_can_do_without_a_crossing_do_not_cross() -> None:
    """The ends are sorted, whatever the order of the links."""
    layout = arranged((0, 4), (0, 5), (1, 4), (2, 3), (2, 5))

    assert sorted((0, 1, 2), key=lambda end: layout.places[end].centre_y) == [1, 0, 2]
    assert sorted((3, 4, 5), key=lambda end: layout.places[end].centre_y) == [4, 5, 3]


def test_parts_without_a_link_between_stand_side_by_side() -> None:
    """Up to the width of the page, and then below. They have the same columns."""
    layout = arranged((0, 1), (2, 3), (4, 5))
    lefts = [layout.places[end].column_left for end in (0, 2, 4)]
    heights = [layout.places[end].centre_y for end in (0, 2, 4)]

    assert (lefts[0], lefts[2]) == (0.0, 0.0)
    assert lefts[1] == layout.width - (layout.places[1].column_right - lefts[0])
    assert heights[0] == heights[1] < heights[2]
    assert layout.width <= PAGE


def test_nothing_has_no_size() -> None:
    """Without links there is nothing to place."""
    assert arrange([], [], PAGE) == Layout(0.0, 0.0, [], [])


ENDS = st.integers(0, 7)

relaxed = settings(deadline=None)  # a busy machine is no failure


@relaxed
@given(st.lists(st.tuples(ENDS, ENDS), min_size=1, max_size=14, unique=True), st.data())
def test_no_box_overlaps_another_or_a_line(pairs: list[tuple[int, int]], data: st.DataObject) -> None:
    """All lie within the layout. In a column, boxes and bends keep apart. Parts keep apart, too."""
    names = sorted({end for pair in pairs for end in pair})
    count = len(names)
    links = [
        Link(names.index(source), count + number, names.index(target))
        for number, (source, target) in enumerate(pairs)
    ]
    lengths = st.floats(1, 200)
    sizes = data.draw(
        st.lists(st.tuples(lengths, lengths), min_size=count + len(links), max_size=count + len(links))
    )
    layout = arrange(sizes, links, PAGE)
    spans = [
        (place.column_left, place.column_right, place.centre_y - height / 2, place.centre_y + height / 2)
        for place, (_, height) in zip(layout.places, sizes, strict=True)
    ]
    spans += [
        (bend.column_left, bend.column_right, bend.centre_y - 2, bend.centre_y + 2)
        for before, after in layout.bends
        for bend in (*before, *after)
    ]

    for number, (left, right, top, bottom) in enumerate(spans):
        assert 0 <= left < right <= layout.width + 1e-6
        assert -1e-6 <= top < bottom <= layout.height + 1e-6
        for other_left, other_right, other_top, other_bottom in spans[:number]:
            apart = 12 - 1e-6
            assert (
                right <= other_left
                or other_right <= left
                or bottom + apart <= other_top
                or other_bottom + apart <= top
            )
    for place, (width, _) in zip(layout.places, sizes, strict=True):
        assert width <= place.column_right - place.column_left + 1e-6


@relaxed
@given(st.lists(st.tuples(ENDS, ENDS), min_size=1, max_size=14, unique=True))
def test_each_line_leads_through_neighbouring_columns(pairs: list[tuple[int, int]]) -> None:
    """From its source over the bends and the label to its target, always in one direction."""
    layout = arranged(*pairs)
    count = max(max(pair) for pair in pairs) + 1
    for number, (source, target) in enumerate(pairs):
        if source == target:
            continue
        before, after = layout.bends[number]
        label = layout.places[count + number]
        steps = [layout.places[source], *before, label, *after, layout.places[target]]
        lefts = [place.column_left for place in steps]
        assert lefts in (sorted(set(lefts)), sorted(set(lefts), reverse=True))
