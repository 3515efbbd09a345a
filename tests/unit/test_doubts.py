"""What a client remembers of commands with an uncertain outcome, and what ends a doubt."""

from __future__ import annotations

from wasmcloud_ctl import ComponentDescription
from wasmcloud_ctl._operations.doubts import Doubts


def running(reference: str, count: int = 5) -> ComponentDescription:
    """The component as an inventory shows it."""
    return ComponentDescription(id="echo", image_ref=reference, max_instances=count, name=None)


def test_an_uncertain_scale_makes_other_references_unsafe() -> None:
    """Both may be carried out in any order. A second command with the same reference is no danger."""
    doubts = Doubts().with_scale(("one", 5), 100.0)
    assert doubts.about("one") == set()
    assert doubts.about("two") == {"one"}
    assert doubts.scale_unsafe_until("two") == 0.0


def test_an_uncertain_update_makes_scales_unsafe_for_five_seconds() -> None:
    """Those to another reference. With several updates, the last one counts. Another update is safe."""
    doubts = Doubts().with_update("one", 100.0).with_update("two", 102.0).with_update("three", 101.0)
    assert doubts.about("four") == set()
    assert doubts.scale_unsafe_until("four") == 107.0
    assert doubts.scale_unsafe_until("two") == 106.0
    assert doubts.update_unsafe_until("four") == 0.0
    assert Doubts().with_update("one", 100.0).scale_unsafe_until("one") == 0.0
    assert Doubts().scale_unsafe_until("one") == 0.0


def test_an_uncertain_stop_makes_every_start_unsafe_for_five_seconds() -> None:
    """It stops whatever runs by then. Unless the inventory shows that it is carried out."""
    doubts = Doubts().with_scale(("one", 0), 100.0)
    assert doubts.about("two") == set()
    assert doubts.scale_unsafe_until("one") == 105.0
    assert doubts.update_unsafe_until("two") == 105.0
    assert doubts.after_look(running("one")) == doubts
    assert doubts.after_look(None) == Doubts()


def test_after_a_certain_command_earlier_ones_are_unsafe_for_five_seconds() -> None:
    """The inventory can no longer prove them. A scale is a danger to another reference, a stop to every one."""
    scales = Doubts().with_scale(("one", 5), 101.0).with_scale(("one", None), 100.0)
    doubts = scales.with_update("two", 102.0).settled(103.0)
    assert doubts == Doubts(late={("one", 5): 101.0, ("one", None): 100.0}, updates={"two": 102.0})
    assert doubts.after_look(running("one", 5)) == doubts
    assert doubts.about("two") == set()
    assert doubts.scale_unsafe_until("two") == doubts.update_unsafe_until("two") == 106.0
    assert doubts.scale_unsafe_until("one") == 107.0
    assert doubts.update_unsafe_until("one") == 0.0
    stopped = Doubts().with_scale(("one", 0), 103.0).settled(104.0)
    assert stopped.after_look(None).update_unsafe_until("one") == 108.0
    assert doubts.settled(105.0) == Doubts(late={("one", 5): 101.0}, updates={"two": 102.0})
    assert doubts.settled(107.0) == Doubts()


def test_the_inventory_proves_only_the_last_of_two_equal_scales() -> None:
    """It cannot tell which of them is done."""
    doubts = Doubts().with_scale(("one", 5), 100.0).with_scale(("one", 5), 101.0)
    assert doubts.after_look(running("one", 5)) == Doubts(late={("one", 5): 100.0})


def test_a_scale_is_repeated_while_an_earlier_one_may_be_carried_out() -> None:
    """A failure can then be that of either."""
    doubts = Doubts().with_scale(("one", 5), 100.0)
    assert doubts.repeats("one")
    assert doubts.settled(101.0).repeats("one")
    assert not doubts.repeats("two")


def test_a_certain_update_settles_no_other_one() -> None:
    """The other one may still be carried out after it."""
    doubts = Doubts().with_update("one", 100.0).with_update("two", 101.0)
    assert doubts.without_update("two") == Doubts(updates={"one": 100.0})


def test_a_scale_is_done_when_the_inventory_shows_its_reference_and_count() -> None:
    """Either of them alone proves nothing, nor does a count that the host showed before."""
    doubts = Doubts(scales={("one", 5): 1.0, ("two", None): 2.0})
    assert doubts.after_look(running("one", 4)) == doubts
    assert doubts.after_look(running("two", 5)) == doubts
    assert doubts.after_look(running("one", 5)) == Doubts(scales={("two", None): 2.0})


def test_an_update_is_done_when_the_inventory_shows_its_reference() -> None:
    doubts = Doubts(updates={"one": 1.0, "two": 2.0})
    assert doubts.after_look(running("one")) == Doubts(updates={"two": 2.0})
    assert doubts.after_look(running("three")) == doubts


def test_a_look_that_does_not_show_the_component_ends_no_doubt() -> None:
    """The command may still be carried out."""
    doubts = Doubts(scales={("one", 5): 1.0}, updates={"two": 1.0})
    assert doubts.after_look(None) == doubts


def test_what_may_run_under_another_reference_makes_everything_unsafe_whatever_the_inventory_shows() -> None:
    doubts = Doubts(hidden=frozenset({"old"}))
    assert doubts.after_look(running("new")) == doubts
    assert doubts.about("new") == {"old"}
    assert doubts.about("old") == {"old"}
