"""The list of objects that others hold."""

from __future__ import annotations

import sys
from types import FrameType

from wasmcloud_ctl._bridge.weak_list import WeakList


class Thing:
    """An object that can be dropped."""


def test_what_is_held_is_there_in_order() -> None:
    """As often as it was asked for."""
    things: WeakList[Thing] = WeakList()
    first, second = Thing(), Thing()
    things.add(first)
    things.add(second)

    assert things.alive() == things.alive() == [first, second]


def test_what_nobody_holds_is_not_there() -> None:
    """Neither at once nor after others were added."""
    things: WeakList[Thing] = WeakList()
    first, second, third = Thing(), Thing(), Thing()
    things.add(first)
    things.add(second)

    del first

    assert things.alive() == [second]
    things.add(third)
    assert things.alive() == [second, third]


def test_no_code_runs_when_an_object_is_dropped() -> None:
    """Python would swallow the KeyboardInterrupt of a Ctrl-C that came while such code ran."""
    things: WeakList[Thing] = WeakList()
    thing = Thing()
    things.add(thing)
    called = []

    def note_call(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            called.append(frame.f_code.co_name)

    sys.setprofile(note_call)
    try:
        del thing
    finally:
        sys.setprofile(None)

    assert called == []
    assert things.alive() == []
