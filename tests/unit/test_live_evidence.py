"""What events and inventories of one host say about each other."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from wasmcloud_ctl._operations.live_evidence import RunningImage, agrees, same, topic
from wasmcloud_ctl.events import (
    ComponentScaled,
    EventData,
    HostStarted,
    LabelsChanged,
    ProviderStarted,
    ProviderStopped,
)
from wasmcloud_ctl.models import ComponentDescription, HostInventory, ProviderDescription

OLD, NEW, THIRD = "registry.example/a:1", "registry.example/a:2", "registry.example/a:3"
COMPONENTS = tuple(ComponentDescription(id=name, image_ref=OLD, max_instances=2) for name in ("a", "b"))
PROVIDERS = tuple(ProviderDescription(id=name, image_ref=OLD) for name in ("p", "q"))
INVENTORY = HostInventory(
    host_id="N",
    friendly_name="x",
    version="1.9.2",
    labels={"k": "v"},
    components=COMPONENTS,
    providers=PROVIDERS,
)


def scaled(reference: str, count: int, component_id: str = "a") -> ComponentScaled:
    return ComponentScaled(
        component_id=component_id, host_id="N", image_ref=reference, max_instances=count, annotations={}
    )


# The same -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"uptime_seconds": 5, "uptime_human": "5s"},
        {"components": COMPONENTS[::-1]},
        {"providers": PROVIDERS[::-1]},
    ],
)
def test_uptimes_and_orders_make_no_difference(changes: dict[str, Any]) -> None:
    """Hosts list in any order."""
    assert same(INVENTORY, attrs.evolve(INVENTORY, **changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": {}},
        {"friendly_name": "y"},
        {"version": "1.9.1"},
        {"components": COMPONENTS[:1]},
        {"components": ()},
        {"components": (COMPONENTS[0], attrs.evolve(COMPONENTS[1], max_instances=3))},
        {"providers": PROVIDERS[:1]},
        {"providers": (PROVIDERS[0], attrs.evolve(PROVIDERS[1], annotations={"a": "b"}))},
    ],
)
def test_everything_else_does(changes: dict[str, Any]) -> None:
    """In both directions."""
    other = attrs.evolve(INVENTORY, **changes)
    assert not same(INVENTORY, other)
    assert not same(other, INVENTORY)


# Topics -------------------------------------------------------------------------------------------------


def started(name: str) -> ProviderStarted:
    return ProviderStarted(provider_id=name, host_id="N", image_ref=OLD)


def stopped(name: str) -> ProviderStopped:
    return ProviderStopped(provider_id=name, host_id="N", reason="a test")


LABELS = LabelsChanged(host_id="N", labels={"k": "v"})
STARTED = HostStarted(labels={}, friendly_name="x", uptime_seconds=0, version="1.9.2")


def test_later_events_replace_earlier_ones_about_the_same() -> None:
    """One component, one provider, the labels; all others say nothing of the state."""
    assert topic(scaled(OLD, 1)) == topic(scaled(NEW, 0)) == ("component", "a")
    assert topic(scaled(OLD, 1, "b")) == ("component", "b")
    assert topic(started("p")) == topic(stopped("p")) == ("provider", "p")
    assert topic(LABELS) == ("labels", "")
    assert topic(STARTED) == ("", "")


# Agreement ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "wanted"),
    [
        (scaled(OLD, 2), True),
        (scaled(OLD, 3), False),
        (scaled(NEW, 2), False),
        (scaled(OLD, 2, "c"), False),
        (started("p"), True),
        (started("r"), False),
        (stopped("p"), False),
        (stopped("r"), True),
        (LABELS, True),
        (attrs.evolve(LABELS, labels={}), False),
        (STARTED, True),
    ],
)
def test_an_inventory_agrees_if_it_shows_what_the_event_says(event: EventData, wanted: bool) -> None:
    """What an event does not say needs no proof."""
    assert agrees(event, INVENTORY, {}) is wanted


def test_a_stop_agrees_if_the_component_is_gone_or_was_updated() -> None:
    """Hosts publish the end of the old code of an update as a stop."""
    assert not agrees(scaled(OLD, 0), INVENTORY, {"a": RunningImage(None, None)})
    assert agrees(scaled(OLD, 0, "c"), INVENTORY, {"c": RunningImage(None, None)})
    assert agrees(scaled(OLD, 0), INVENTORY, {"a": RunningImage(OLD, OLD)})
    assert not agrees(scaled(OLD, 0), INVENTORY, {"a": RunningImage(NEW, NEW)})


# What runs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "before", "events", "runs", "shown"),
    [
        ("start", None, [(OLD, 1)], OLD, OLD),
        ("start, told twice", None, [(OLD, 1), (OLD, 1)], OLD, OLD),
        ("scale", OLD, [(OLD, 5)], OLD, OLD),
        ("stop", OLD, [(OLD, 0)], None, None),
        ("stop of what does not run", None, [(OLD, 0)], None, None),
        ("stop and start", OLD, [(OLD, 0), (NEW, 1)], NEW, NEW),
        ("update", OLD, [(NEW, 1), (NEW, 0)], NEW, NEW),
        ("two updates", OLD, [(NEW, 1), (NEW, 0), (THIRD, 1), (THIRD, 0)], THIRD, THIRD),
        ("update and stop", OLD, [(NEW, 1), (NEW, 0), (NEW, 0)], None, None),
        ("renaming", OLD, [(NEW, 5)], OLD, NEW),
        ("renaming and scale", OLD, [(NEW, 5), (NEW, 6)], OLD, NEW),
        ("renaming and stop", OLD, [(NEW, 5), (NEW, 6), (NEW, 0)], None, None),
        ("renaming and update", OLD, [(NEW, 5), (THIRD, 5), (THIRD, 0)], THIRD, THIRD),
        ("renaming back", OLD, [(NEW, 5), (OLD, 6)], OLD, OLD),
    ],
)
def test_the_code_that_runs_follows_the_events(
    name: str, before: str | None, events: list[tuple[str, int]], runs: str | None, shown: str | None
) -> None:
    """A renamed component runs what ran before, until an update or a stop."""
    code = RunningImage(before, before)
    for reference, count in events:
        code.add(scaled(reference, count))
    assert (code.runs, code.shown) == (runs, shown)
