"""The steps of waits, one by one: what is no news of a command, and what is bad news."""

from __future__ import annotations

import uuid
from datetime import datetime, timezone
from typing import Any

import pytest
from test_waits import LINK, Calling

from wasmcloud_ctl import (
    ClosedError,
    ComponentDescription,
    ComponentScaled,
    ComponentScaleFailed,
    CtlResponse,
    HostInventory,
    LinkdefSet,
    NoResponders,
    NotConnectedError,
    OperationFailed,
    ProviderDescription,
    ProviderStarted,
    ProviderStopped,
    RequestTimeout,
)
from wasmcloud_ctl._operations.outcomes import PutLink, ScaleComponent, StartProvider, StopHost, StopProvider
from wasmcloud_ctl._operations.wait import _ACKNOWLEDGEMENT, _LOOK, Command
from wasmcloud_ctl._protocol.subjects import Subjects
from wasmcloud_ctl._transport.calls import Reply
from wasmcloud_ctl.events import Event, EventData
from wasmcloud_ctl.testing import PracticeLattice

HOST = "NA"
REFERENCE = "registry.example/acme/echo:1"
OLD = "registry.example/acme/echo:0"
COMMAND = Command(
    what="the command",
    subjects=Subjects("wasmbus.ctl", "default"),
    subject="wasmbus.ctl.v1.default.a",
    payload=b"",
    timeout=1.0,
    look_timeout=1.0,
    wait=5.0,
)


def event(data: EventData, source: str = HOST) -> Event:
    return Event(
        id=uuid.uuid4().hex,
        source=source,
        type="com.wasmcloud.lattice.a",
        name="a",
        time=datetime.now(timezone.utc),
        lattice="default",
        data=data,
    )


def scaled(component_id: str = "echo", reference: str = REFERENCE, count: int = 2) -> ComponentScaled:
    return ComponentScaled(component_id=component_id, host_id=HOST, image_ref=reference, max_instances=count)


def inventory(*components: ComponentDescription, providers: tuple[str, ...] = ()) -> HostInventory:
    return HostInventory(
        host_id=HOST,
        components=components,
        providers=tuple(ProviderDescription(id=provider_id) for provider_id in providers),
    )


def scale() -> ScaleComponent:
    return ScaleComponent(COMMAND, HOST, "echo", REFERENCE, 2, allow_update=False)


def put_link() -> PutLink:
    return PutLink(COMMAND, LINK)


# Events -------------------------------------------------------------------------------------------------


def test_events_about_something_else_are_no_reason_to_look() -> None:
    """Those of another host, another component, another count, another provider, another link."""
    failed = ComponentScaleFailed(
        component_id="echo", host_id=HOST, image_ref=REFERENCE, max_instances=3, error="no"
    )
    provider = ProviderStarted(provider_id="other", host_id=HOST, image_ref=REFERENCE)
    stopped = ProviderStopped(provider_id="other", host_id=HOST, reason="")
    link = LinkdefSet("other", "http", "wasi", "http", ["incoming-handler"])

    assert not scale().on_event(event(scaled(), source="NB"))
    assert not scale().on_event(event(scaled("other")))
    assert not scale().on_event(event(failed))
    assert scale().on_event(event(scaled()))
    assert not StartProvider(COMMAND, HOST, "http", REFERENCE).on_event(event(provider))
    assert not StopProvider(COMMAND, HOST, "http").on_event(event(stopped))
    assert not put_link().on_event(event(link))


def test_another_reference_than_was_asked_for_is_a_failure_wherever_it_comes_from() -> None:
    """A component that somebody else started meanwhile, of another reference, is told by its event."""
    wait = scale()
    wait.on_before(inventory())
    wait.on_event(event(scaled(reference=OLD)))

    with pytest.raises(
        OperationFailed, match=f"goes on with {OLD} as echo, which was not updated to {REFERENCE}"
    ):
        wait.judge()


def test_what_is_no_event_is_passed_over(practice_lattice: PracticeLattice) -> None:
    """Neither what cannot be read nor another link's event ends a wait, or keeps it from its end."""
    host = practice_lattice.hosts[0]
    with practice_lattice.connect() as client, client.events_receiver("linkdef_set") as events:
        host.slow(0.2)
        waiting = Calling(lambda: client.put_link(LINK, wait=5))
        practice_lattice.wait_for_commands("link.put")
        practice_lattice.publish(f"wasmbus.evt.{practice_lattice.lattice}.linkdef_set", b"{oops")
        host.publish_event("linkdef_set", {**LINK_FIELDS, "source_id": "other"})
        assert events.get(5).data == LinkdefSet("other", "http", "wasi", "http", ["incoming-handler"])
        waiting.end()

    assert isinstance(waiting.result, CtlResponse)
    assert waiting.result.succeeded


LINK_FIELDS = {
    "source_id": "echo",
    "target": "http",
    "name": "default",
    "wit_namespace": "wasi",
    "wit_package": "http",
    "interfaces": ["incoming-handler"],
}


# Looks --------------------------------------------------------------------------------------------------


def test_what_still_is_there_is_what_was_seen_last() -> None:
    """A timeout will name it."""
    provider, host = StopProvider(COMMAND, HOST, "http"), StopHost(COMMAND, HOST)
    provider.on_look(inventory(providers=("http",)))
    host.on_look(inventory())

    assert not provider.judge()
    assert not host.judge()
    assert provider._last_seen == f"http still runs on host {HOST}"
    assert host._last_seen == f"host {HOST} still answers"


def test_a_look_that_cannot_be_read_is_no_end() -> None:
    """It may be readable the next time; until then a timeout quotes it."""
    wait = put_link()
    wait._on_seen(Reply(_LOOK, b"{oops"))
    assert "is not valid JSON" in str(wait._last_seen)
    wait._on_seen(Reply(_LOOK, b"", None, NotConnectedError("away")))
    assert wait._last_seen == "away"


def test_a_look_that_is_denied_or_closed_ends_the_wait() -> None:
    """It will not be otherwise the next time."""
    with pytest.raises(ClosedError):
        put_link()._on_seen(Reply(_LOOK, b"", None, ClosedError("closed")))


def test_that_nobody_answers_says_nothing_while_hosts_come_back() -> None:
    """After the server was away a host has its time before it counts as gone."""
    wait = StopHost(COMMAND, HOST)
    subscription: Any = type("Subscription", (), {"gaps": 1})()
    wait._subscription = subscription
    nobody = NoResponders("nobody", subject="a")
    wait._on_nobody(nobody, 100.0)
    wait._on_nobody(nobody, 104.0)
    assert not wait.judge()
    wait._on_nobody(nobody, 105.5)
    wait._on_nobody(nobody, 106.0)

    assert wait.judge()


# Acknowledgements ---------------------------------------------------------------------------------------


def test_a_connection_that_is_lost_before_the_acknowledgement_is_told() -> None:
    """The command was sent, so the wait goes on."""
    wait = put_link()
    wait._on_acknowledgement(Reply(_ACKNOWLEDGEMENT, b"", None, NotConnectedError("lost", sent=True)))

    assert wait._last_seen == "the connection was lost before the acknowledgement came"


def test_a_command_that_was_not_sent_ends_the_wait() -> None:
    """There is nothing to wait for; only a host that is to stop may be gone because of that."""
    lost = Reply(_ACKNOWLEDGEMENT, b"", None, RequestTimeout("not sent", subject="a", sent=False))
    nobody = Reply(_ACKNOWLEDGEMENT, b"", None, NoResponders("nobody", subject="a"))

    with pytest.raises(RequestTimeout):
        put_link()._on_acknowledgement(lost)
    with pytest.raises(RequestTimeout):
        StopHost(COMMAND, HOST)._on_acknowledgement(lost)
    with pytest.raises(NoResponders):
        put_link()._on_acknowledgement(nobody)
    StopHost(COMMAND, HOST)._on_acknowledgement(nobody)
