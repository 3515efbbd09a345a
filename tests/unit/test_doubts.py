"""What a client remembers of commands with an uncertain outcome, and what ends a doubt."""

from __future__ import annotations

from wasmcloud_ctl import ComponentDescription
from wasmcloud_ctl._operations.doubts import Doubts


def running(reference: str, count: int = 5) -> ComponentDescription:
    """The component as an inventory shows it."""
    return ComponentDescription(id="echo", image_ref=reference, max_instances=count, name=None)


def test_an_uncertain_scale_makes_other_references_unsafe() -> None:
    """Both may be carried out in any order. A second command with the same reference is no danger."""
    doubts = Doubts(scales=frozenset({("one", 5)}))
    assert doubts.about("one") == set()
    assert doubts.about("two") == {"one"}
    assert doubts.updates_until("two") == 0.0


def test_an_uncertain_update_makes_scales_unsafe_for_five_seconds() -> None:
    """Those to another reference. With several updates, the last one counts."""
    doubts = Doubts().with_update("one", 100.0).with_update("two", 102.0).with_update("three", 101.0)
    assert doubts.about("four") == set()
    assert doubts.updates_until("four") == 107.0
    assert doubts.updates_until("two") == 106.0
    assert Doubts().with_update("one", 100.0).updates_until("one") == 0.0
    assert Doubts().updates_until("one") == 0.0


def test_a_certain_update_settles_no_other_one() -> None:
    """The other one may still be carried out after it."""
    doubts = Doubts().with_update("one", 100.0).with_update("two", 101.0)
    assert doubts.without_update("two") == Doubts(updates={"one": 100.0})


def test_a_scale_is_done_when_the_inventory_shows_its_reference_and_count() -> None:
    """Either of them alone proves nothing, nor does a count that the host showed before."""
    doubts = Doubts(scales=frozenset({("one", 5), ("two", None)}))
    assert doubts.after_look(running("one", 4)) == doubts
    assert doubts.after_look(running("two", 5)) == doubts
    assert doubts.after_look(running("one", 5)) == Doubts(scales=frozenset({("two", None)}))


def test_an_update_is_done_when_the_inventory_shows_its_reference() -> None:
    doubts = Doubts(updates={"one": 1.0, "two": 2.0})
    assert doubts.after_look(running("one")) == Doubts(updates={"two": 2.0})
    assert doubts.after_look(running("three")) == doubts


def test_a_look_that_does_not_show_the_component_ends_no_doubt() -> None:
    """The command may still be carried out."""
    doubts = Doubts(scales=frozenset({("one", 5)}), updates={"two": 1.0})
    assert doubts.after_look(None) == doubts


def test_what_may_run_under_another_reference_makes_everything_unsafe_whatever_the_inventory_shows() -> None:
    doubts = Doubts(hidden=frozenset({"old"}))
    assert doubts.after_look(running("new")) == doubts
    assert doubts.about("new") == {"old"}
    assert doubts.about("old") == {"old"}
