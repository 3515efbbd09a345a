"""What a client remembers of commands with an uncertain outcome, and what ends a doubt."""

from __future__ import annotations

from wasmcloud_ctl import ComponentDescription
from wasmcloud_ctl._operations.doubts import Doubts


def running(reference: str, count: int = 5) -> ComponentDescription:
    """The component as an inventory shows it."""
    return ComponentDescription(id="echo", image_ref=reference, max_instances=count, name=None)


def test_an_uncertain_scale_makes_other_references_unsafe() -> None:
    """Both may be carried out in any order. A second scale to the same reference is no danger."""
    doubts = Doubts(scales=frozenset({("one", 5)}))
    assert doubts.about("one", update=False) == set()
    assert doubts.about("two", update=False) == {"one"}
    assert doubts.about("two", update=True) == {"one"}


def test_an_uncertain_update_makes_scales_unsafe_and_not_updates() -> None:
    """The host carries out one update after the other, each with the code of its reference."""
    doubts = Doubts(updates=frozenset({"one"}))
    assert doubts.about("two", update=False) == {"one"}
    assert doubts.about("one", update=False) == set()
    assert doubts.about("two", update=True) == set()


def test_a_scale_is_done_when_the_inventory_shows_its_reference_and_count() -> None:
    """Either of them alone proves nothing, nor does a count that the host showed before."""
    doubts = Doubts(scales=frozenset({("one", 5), ("two", None)}))
    assert doubts.after_look(running("one", 4)) == doubts
    assert doubts.after_look(running("two", 5)) == doubts
    assert doubts.after_look(running("one", 5)) == Doubts(scales=frozenset({("two", None)}))


def test_an_update_is_done_when_the_inventory_shows_its_reference() -> None:
    doubts = Doubts(updates=frozenset({"one", "two"}))
    assert doubts.after_look(running("one")) == Doubts(updates=frozenset({"two"}))
    assert doubts.after_look(running("three")) == doubts


def test_a_look_that_does_not_show_the_component_ends_no_doubt() -> None:
    """The command may still be carried out."""
    doubts = Doubts(scales=frozenset({("one", 5)}), updates=frozenset({"two"}))
    assert doubts.after_look(None) == doubts


def test_what_may_run_under_another_reference_makes_everything_unsafe_whatever_the_inventory_shows() -> None:
    doubts = Doubts(hidden=frozenset({"old"}))
    assert doubts.after_look(running("new")) == doubts
    assert doubts.about("new", update=False) == {"old"}
    assert doubts.about("new", update=True) == {"old"}
    assert doubts.about("old", update=True) == {"old"}
