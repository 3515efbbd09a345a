"""Parts of the practice wadm that no recorded run shows: what it knows of hosts, and what it prints."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from wasmcloud_ctl.testing._wadm.events import Event
from wasmcloud_ctl.testing._wadm.lattice_state import LatticeState
from wasmcloud_ctl.testing._wadm.line import Line
from wasmcloud_ctl.testing._wadm.link_scaler import LinkScaler
from wasmcloud_ctl.testing._wadm.manifest import Link
from wasmcloud_ctl.testing._wadm.printing import print_component
from wasmcloud_ctl.testing._wadm.scaler import View


def shared(*traits: dict[str, Any], kind: str = "component") -> dict[str, Any]:
    """A component that another application shares."""
    component = {
        "name": "a",
        "type": kind,
        "properties": {"application": {"name": "lender", "component": "lib"}},
    }
    return component | ({"traits": list(traits)} if traits else {})


BEGIN = (
    'Component { name: "a", properties: Component { properties: ComponentProperties { image: None, application: '
    'Some(SharedApplicationComponentProperties { name: "lender", component: "lib" }), id: None, config: [], '
    "secrets: [] } }, traits: "
)


@pytest.mark.parametrize(
    ("traits", "printed"),
    [
        ([], "None }"),
        (
            [{"type": "mine", "properties": {"a": [None, True, 1, 1.5, "x"]}}],
            'Some([Trait { trait_type: "mine", properties: Custom(Object {"a": Array [Null, Bool(true), Number(1), '
            'Number(1.5), String("x")]}) }]) }',
        ),
        (
            [
                {
                    "type": "link",
                    "properties": Link(
                        namespace="wasi",
                        package="http",
                        interfaces=["a", "b"],
                        source={"config": [{"name": "c", "properties": {"k": "v"}}]},
                        target={
                            "name": "t",
                            "config": [{"name": "d"}],
                            "secrets": [
                                {"name": "s", "properties": {"policy": "p", "key": "k", "field": "f"}}
                            ],
                        },
                        name="second",
                    ),
                }
            ],
            'Some([Trait { trait_type: "link", properties: Link(LinkProperty { namespace: "wasi", package: "http", '
            'interfaces: ["a", "b"], source: Some(ConfigDefinition { config: [ConfigProperty { name: "c", '
            'properties: Some({"k": "v"}) }], secrets: [] }), target: TargetConfig { name: "t", config: '
            '[ConfigProperty { name: "d", properties: None }], secrets: [SecretProperty { name: "s", properties: '
            'SecretSourceProperty { policy: "p", key: "k", field: Some("f"), version: None } }] }, '
            'name: Some("second"), source_config: '
            "None, target_config: None }) }]) }",
        ),
    ],
)
def test_a_shared_component_is_printed_as_by_rust(traits: list[dict[str, Any]], printed: str) -> None:
    """In the message of a manifest whose shared components are not deployed."""
    assert print_component(shared(*traits)) == BEGIN + printed


STARTED = {"component_id": "echo", "annotations": {"a": "b"}, "image_ref": "r", "max_instances": 2}


def test_what_happens_on_a_host_that_is_not_known_is_no_host() -> None:
    """wadm knows a host by its heartbeats only."""
    state = LatticeState()
    state.apply(Event("component_scaled", "N1", STARTED))
    state.apply(Event("provider_started", "N1", {"provider_id": "http", "annotations": {}, "image_ref": "r"}))
    state.apply(Event("provider_stopped", "N1", {"provider_id": "http", "annotations": {}, "reason": "r"}))
    assert (state.hosts, list(state.components)) == ({}, ["echo"])

    state.apply(Event("component_scaled", "N1", {**STARTED, "max_instances": 0}))
    assert state.components == {}


def test_other_events_change_nothing_that_is_known() -> None:
    """Such as those of configs, and a stop of what does not run."""
    state = LatticeState()
    state.apply(Event("config_set", "N1", {"config_name": "c"}))
    state.apply(Event("component_scaled", "N1", {**STARTED, "max_instances": 0}))

    assert state == LatticeState()


def test_a_silent_host_is_forgotten_with_what_ran_there() -> None:
    """As one that has stopped."""
    beat = {
        "labels": {},
        "components": [{"id": "echo", "max_instances": 1}],
        "providers": [],
        "friendly_name": "f",
    }
    state = LatticeState()
    state.apply(Event("host_heartbeat", "N1", beat))
    state.forget_silent(60)
    assert list(state.hosts) == ["N1"]
    state.forget_silent(0)

    assert state == LatticeState()


@pytest.mark.parametrize(
    ("name", "data", "concerned"),
    [
        ("health_check_passed", {"provider_id": "http", "host_id": "N1"}, True),
        ("health_check_status", {"provider_id": "other", "host_id": "N1"}, False),
        ("component_scaled", {**STARTED, "component_id": "echo"}, True),
        ("config_set", {"config_name": "c"}, False),
    ],
)
def test_a_link_concerns_its_ends(name: str, data: dict[str, Any], concerned: bool) -> None:
    """wadm looks at a link again when one of its ends shows a sign of life."""

    async def no_config(_: str) -> None:
        return None

    link = LinkScaler(View(no_config), "shop", "http", "echo", "wasi", "http", ["a"], "default", (), ())
    assert link.concerns(Event(name, "N1", data)) is concerned


def test_an_item_that_fails_is_logged_and_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """The next item is handled. A line that was not started can be stopped."""
    handled: list[str] = []

    async def handle(item: str) -> None:
        if item == "bad":
            raise ValueError(item)
        handled.append(item)

    async def run() -> None:
        line = Line(handle)
        line.stop()
        line.open.set()
        line.start()
        line.add("bad")
        line.add("good")
        await line.done()
        line.stop()

    with caplog.at_level(logging.ERROR, "wasmcloud_ctl.testing"):
        asyncio.run(run())

    assert handled == ["good"]
    assert [record.message for record in caplog.records] == ["unexpected exception in a practice wadm"]


def test_a_line_that_is_closed_keeps_its_items() -> None:
    """They are handled when it is open again."""
    handled: list[str] = []

    async def run() -> None:
        async def handle(item: str) -> None:
            handled.append(item)
            line.open.clear()

        line = Line(handle)
        line.open.set()
        line.start()
        line.add("first")
        line.add("second")
        while not handled or line.open.is_set():
            await asyncio.sleep(0)  # until the first item is handled
        assert (handled, line.busy) == (["first"], True)
        line.open.set()
        await line.done()
        line.stop()

    asyncio.run(run())
    assert handled == ["first", "second"]
