"""Events, as a type checker sees them; see ``answers.py``."""

from __future__ import annotations

from datetime import datetime

from typing_extensions import assert_type

from wasmcloud_ctl import (
    Client,
    ComponentScaled,
    ComponentScaleFailed,
    Event,
    EventClaims,
    EventReceiver,
    Gap,
    HostHeartbeat,
    HostInventory,
)


def a_receiver_hands_out_events(client: Client) -> None:
    with client.events_receiver("component_scaled", maxsize=10, overflow="drop_newest") as receiver:
        assert_type(receiver, EventReceiver)
        assert_type(receiver.get(timeout=5), Event)
        for event in receiver:
            assert_type(event, Event)
            assert_type(event.time, datetime)
    client.events_receiver(  # type: ignore[call-overload]  # the mistake: there are two ways to overflow
        overflow="block"  # pyright: ignore[reportArgumentType]  # and this is neither
    )


def gaps_are_handed_out_on_request(client: Client, wanted: bool) -> None:
    with client.events_receiver(gap_events=True) as receiver:
        assert_type(receiver, EventReceiver[Event | Gap])
        for item in receiver:
            if isinstance(item, Gap):
                assert_type(item.gaps, int)
            else:
                assert_type(item, Event)
    assert_type(client.events_receiver(gap_events=wanted).get(), Event | Gap)


def an_events_data_is_known_by_its_class(event: Event) -> str:
    print(event.data.component_id)  # type: ignore[union-attr]  # pyright: ignore[reportAttributeAccessIssue]
    if isinstance(event.data, ComponentScaleFailed):
        return event.data.error
    if isinstance(event.data, ComponentScaled):
        assert_type(event.data.claims, EventClaims | None)
        print(event.data.error)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    if isinstance(event.data, HostHeartbeat):
        inventory: HostInventory = event.data
        return inventory.host_id
    if isinstance(event.data, dict):
        assert_type(event.data, dict[str, object])
    return event.name


def an_events_data_is_known_by_its_pattern(event: Event) -> int:
    match event.data:
        case ComponentScaled(component_id="echo", max_instances=count):
            assert_type(count, int)
            return count
        case _:
            return 0
