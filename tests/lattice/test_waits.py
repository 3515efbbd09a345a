"""Waits when things go wrong: lost answers and events, dying hosts, a connection that comes and goes."""

from __future__ import annotations

import time
from collections.abc import Callable

import attrs
import pytest
from calling import Calling
from internals import in_flight, session_of

import wasmcloud_ctl
from wasmcloud_ctl import (
    Client,
    CtlResponse,
    InvalidArgument,
    Link,
    LinkdefSet,
    NoResponders,
    OperationFailed,
    OperationRejected,
    PermissionDenied,
    RequestTimeout,
    WaitTimeout,
)
from wasmcloud_ctl.testing import PracticeHost, PracticeLattice, PracticeServer

REFERENCE = "registry.example/acme/echo:1"
OTHER = "registry.example/acme/echo:2"
PROVIDER = "registry.example/acme/http:1"
LINK = Link("echo", "http", "wasi", "http", ["incoming-handler"])


# Answers and events that are lost -----------------------------------------------------------------------


def test_without_events_the_inventory_is_the_proof(lattice: PracticeLattice, client: Client) -> None:
    """Starts, scales, updates and stops are certain although no event tells of them."""
    host = lattice.hosts[0]
    host.lose_events()

    client.scale_component(host.id, REFERENCE, "echo", 2, wait=5)
    client.scale_component(host.id, REFERENCE, "echo", 5, wait=5)
    client.update_component(host.id, "echo", OTHER, wait=5)
    client.start_provider(host.id, PROVIDER, "http", wait=5)

    inventory = client.get_host_inventory(host.id).unwrap()
    assert [(found.image_ref, found.max_instances) for found in inventory.components] == [(OTHER, 5)]
    assert [found.id for found in inventory.providers] == ["http"]
    client.scale_component(host.id, OTHER, "echo", 0, wait=5)
    client.stop_provider(host.id, "http", wait=5)
    inventory = client.get_host_inventory(host.id).unwrap()
    assert (inventory.components, inventory.providers) == ((), ())


def test_what_was_so_before_is_not_certain_without_an_event(lattice: PracticeLattice, client: Client) -> None:
    """The inventory showed it before the command, so it proves nothing: WaitTimeout, with what was last seen."""
    host = lattice.hosts[0]
    client.scale_component(host.id, REFERENCE, "echo", 2, wait=5)
    host.lose_events()

    with pytest.raises(WaitTimeout) as caught:
        client.scale_component(host.id, REFERENCE, "echo", 2, wait=0.8)

    assert caught.value.last_seen == f"echo runs with 2 of {REFERENCE} on host {host.id}"
    assert isinstance(caught.value, TimeoutError)


def test_a_lost_answer_to_what_was_done_is_looked_up(lattice: PracticeLattice, client: Client) -> None:
    """The acknowledgement stays out, the state shows the outcome: the call returns, and says so."""
    host = lattice.hosts[0]
    host.lose_replies(operation="component.scale")

    response = client.scale_component(host.id, REFERENCE, "echo", 2, wait=10, timeout=0.5)

    assert response == CtlResponse(
        succeeded=True, message="the outcome is certain, though no acknowledgement came"
    )


def test_a_lost_answer_to_what_was_not_done_is_a_request_timeout(
    lattice: PracticeLattice, client: Client
) -> None:
    """The acknowledgement stays out, and the state does not show the outcome: RequestTimeout, soon."""
    host = lattice.hosts[0]
    lattice.registry.hold(REFERENCE)
    host.lose_replies(operation="component.scale")

    call = Calling(lambda: client.scale_component(host.id, REFERENCE, "echo", 2, wait=10, timeout=0.5)).end()
    lattice.registry.release(REFERENCE)

    assert isinstance(call.error, RequestTimeout)
    assert call.error.sent
    assert 0.5 <= call.seconds < 2


def test_the_whole_call_ends_within_its_wait(lattice: PracticeLattice, client: Client) -> None:
    """A host that stalls after the acknowledgement: WaitTimeout at the wait's end, not later."""
    host = lattice.hosts[0]
    lattice.registry.hold(REFERENCE)
    call = Calling(lambda: client.scale_component(host.id, REFERENCE, "echo", 2, wait=1.0)).end()
    lattice.registry.release(REFERENCE)

    assert isinstance(call.error, WaitTimeout)
    assert 1.0 <= call.seconds < 1.2
    assert call.error.response == CtlResponse(succeeded=True)
    assert call.error.last_seen == f"echo does not run on host {host.id}"


def test_a_slow_pull_is_waited_for(lattice: PracticeLattice, client: Client) -> None:
    """An image that takes its time is no failure."""
    lattice.registry.delay(REFERENCE, 1.0)

    started = time.monotonic()
    client.scale_component(lattice.hosts[0].id, REFERENCE, "echo", 1, wait=10)

    assert 1.0 <= time.monotonic() - started < 3


def test_a_slow_host_is_waited_for(lattice: PracticeLattice, client: Client) -> None:
    """A host that takes up each request late is asked with more and more patience."""
    host = lattice.hosts[0]
    host.slow(0.8)

    client.scale_component(host.id, REFERENCE, "echo", 1, wait=15)


def test_a_failure_carries_the_hosts_words_and_event(lattice: PracticeLattice, client: Client) -> None:
    """OperationFailed has the reason, the event and the acknowledgement."""
    lattice.registry.fail(REFERENCE, "unauthorized")

    with pytest.raises(OperationFailed, match="unauthorized") as caught:
        client.scale_component(lattice.hosts[0].id, REFERENCE, "echo", 1, wait=10)

    assert caught.value.reason is not None
    assert caught.value.reason.endswith("unauthorized")
    assert caught.value.event is not None
    assert caught.value.event.name == "component_scale_failed"
    assert caught.value.response == CtlResponse(succeeded=True)


def test_a_failure_that_overtakes_its_acknowledgement_carries_it_all_the_same(
    lattice: PracticeLattice, client: Client
) -> None:
    """An event may come first: the acknowledgement has a moment to follow."""
    host = lattice.hosts[0]
    host.slow(0.15)
    call = Calling(lambda: client.scale_component(host.id, REFERENCE, "echo", 1, wait=10))
    lattice.wait_for_commands("component.scale")
    host.publish_event(
        "component_scale_failed",
        {
            "component_id": "echo",
            "host_id": host.id,
            "image_ref": REFERENCE,
            "max_instances": 1,
            "annotations": {},
            "error": "unauthorized",
        },
    )

    error = call.end().error

    assert isinstance(error, OperationFailed)
    assert error.reason == "unauthorized"
    assert error.response == CtlResponse(succeeded=True)


def test_a_failure_does_not_wait_long_for_an_acknowledgement(
    lattice: PracticeLattice, client: Client
) -> None:
    """If it stays out, the error has none."""
    host = lattice.hosts[0]
    host.lose_replies(operation="component.scale")
    lattice.registry.fail(REFERENCE, "unauthorized")

    call = Calling(lambda: client.scale_component(host.id, REFERENCE, "echo", 1, wait=10, timeout=5)).end()

    assert isinstance(call.error, OperationFailed)
    assert call.error.response is None
    assert call.seconds < 2


def test_a_refusal_is_raised_whatever_check_says(lattice: PracticeLattice, client: Client) -> None:
    """With wait, a refused command is OperationRejected."""
    with pytest.raises(OperationRejected, match="not running"):
        client.stop_provider(lattice.hosts[0].id, "nope", wait=5)


@pytest.mark.parametrize("wait", [0, -1, float("inf"), float("nan"), True, "1"])
def test_a_wait_that_cannot_be_meant_is_refused(
    lattice: PracticeLattice, client: Client, wait: float
) -> None:
    """A wait is a finite number of seconds above 0; nothing is sent otherwise."""
    host_id = lattice.hosts[0].id
    with pytest.raises(InvalidArgument, match="wait"):
        client.scale_component(host_id, REFERENCE, "echo", 1, wait=wait)
    with pytest.raises(InvalidArgument, match="wait"):
        client.stop_host(host_id, wait=wait)
    with pytest.raises(InvalidArgument, match="wait"):
        client.put_link(LINK, wait=wait)

    assert lattice.commands == ()


# Hosts that die -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["kill", "stop"])
def test_a_host_that_dies_meanwhile_fails_the_wait(
    lattice: PracticeLattice, client: Client, ending: str
) -> None:
    """With host_stopped or without, OperationFailed names the host, long before the wait is over."""
    host = lattice.hosts[0]
    lattice.registry.hold(REFERENCE)
    call = Calling(lambda: client.scale_component(host.id, REFERENCE, "echo", 1, wait=14))
    lattice.wait_for_commands("component.scale")
    getattr(host, ending)()
    call.end()
    lattice.registry.release(REFERENCE)

    assert isinstance(call.error, OperationFailed)
    assert host.id in str(call.error)
    assert call.seconds < 4


def test_a_host_that_dies_before_its_provider_has_stopped_fails_the_wait(
    lattice: PracticeLattice, client: Client
) -> None:
    """stop_provider is answered only when it is done; a host that dies on it does not hold up the call."""
    host = lattice.hosts[0]
    client.start_provider(host.id, PROVIDER, "http", wait=5)
    host.shut_down_providers_slowly(20)
    call = Calling(lambda: client.stop_provider(host.id, "http", wait=14))
    lattice.wait_for_commands("provider.stop")
    host.kill()

    assert isinstance(call.end().error, OperationFailed)
    assert call.seconds < 4


def test_the_stop_of_a_provider_may_take_its_time(lattice: PracticeLattice, client: Client) -> None:
    """The acknowledgement comes after the shutdown: ``wait`` bounds it, and not the client's timeout."""
    host = lattice.hosts[0]
    client.start_provider(host.id, PROVIDER, "http", wait=5)
    host.shut_down_providers_slowly(3.0)

    assert client.stop_provider(host.id, "http", wait=14).message == "successfully stopped provider"


def test_a_host_that_parts_silently_has_stopped(lattice: PracticeLattice, client: Client) -> None:
    """No acknowledgement, no event: that nobody answers is the proof."""
    host = lattice.hosts[0]
    host.part_silently()
    started = time.monotonic()

    response = client.stop_host(host.id, wait=10)

    assert response.succeeded
    assert time.monotonic() - started < 3
    assert not host.running


def test_a_host_that_does_not_obey_its_stop_is_a_wait_timeout(
    lattice: PracticeLattice, client: Client
) -> None:
    """A host that stalls has not stopped."""
    host = lattice.hosts[0]
    call = Calling(lambda: client.stop_host(host.id, wait=1.5))
    lattice.wait_for_commands("host.get")
    host.stall()
    call.end()

    # Which came first, the stop or the stall, is chance: either it is gone, or the call says that it is not.
    if call.error is None:
        assert not host.running
    else:
        assert isinstance(call.error, (WaitTimeout, RequestTimeout))


# Connections that come and go ---------------------------------------------------------------------------


def test_a_restarted_server_is_survived_by_receivers_and_a_wait(own_server: PracticeServer) -> None:
    """Two receivers count one gap each and hear again; a scale_component that waits ends right."""
    with PracticeLattice(server=own_server) as lattice, lattice.connect() as client:
        host = lattice.hosts[0]
        first, second = client.events_receiver("config_set"), client.events_receiver()
        lattice.registry.hold(REFERENCE)
        call = Calling(lambda: client.scale_component(host.id, REFERENCE, "echo", 2, wait=14))
        lattice.wait_for_commands("component.scale")
        own_server.restart()
        lattice.registry.release(REFERENCE)
        call.end()

        assert call.error is None
        [component] = client.get_host_inventory(host.id).unwrap().components
        assert (component.id, component.max_instances) == ("echo", 2)
        client.put_config("web", {}).raise_for_status()
        assert first.get(5).name == "config_set"
        assert (first.gaps, second.gaps) == (1, 1)


def test_events_that_are_denied_are_known_before_the_command_is_sent() -> None:
    """A user who may not hear the events gets PermissionDenied, and the host no command."""
    config = """
    authorization { users: [
        { user: hosts, password: p }
        { user: deaf, password: p, permissions: { subscribe: { deny: ["wasmbus.evt.>"] } } }
    ] }
    """
    with (
        PracticeServer(config=config) as server,
        PracticeLattice(server=server, connect_options={"user": "hosts", "password": "p"}) as lattice,
        lattice.connect(user="deaf", password="p") as client,
    ):
        host_id = lattice.hosts[0].id
        with pytest.raises(PermissionDenied) as caught:
            client.scale_component(host_id, REFERENCE, "echo", 1, wait=10)

        assert caught.value.subject == "wasmbus.evt.default.component_scaled"
        assert client.scale_component(host_id, REFERENCE, "echo", 1).succeeded
        assert [command.operation for command in lattice.commands] == ["component.scale"]


# Commands that would make a host lie --------------------------------------------------------------------


def test_a_scale_that_took_too_long_must_be_settled_first(lattice: PracticeLattice, client: Client) -> None:
    """It may still start the component, so that a host could rename it. The same scale again settles it."""
    host = lattice.hosts[0]
    lattice.registry.hold(REFERENCE)
    with pytest.raises(WaitTimeout):
        client.scale_component(host.id, REFERENCE, "echo", 2, wait=0.3)

    calls: list[Callable[[], object]] = [
        lambda: client.scale_component(host.id, OTHER, "echo", 1, wait=5),
        lambda: client.update_component(host.id, "echo", OTHER, wait=5),
    ]
    for call in calls:
        with pytest.raises(OperationFailed, match="the command was not sent") as caught:
            call()
        assert REFERENCE in str(caught.value)
    assert client.scale_component(host.id, OTHER, "another", 1, wait=5).succeeded
    lattice.registry.release(REFERENCE)
    client.scale_component(host.id, REFERENCE, "echo", 2, wait=5)
    client.update_component(host.id, "echo", OTHER, wait=5)

    assert host.running_code == {"echo": OTHER, "another": OTHER}


def test_what_settles_an_uncertain_scale_is_said(lattice: PracticeLattice, client: Client) -> None:
    """A stop does only if the component runs. The same scale again does in any case, also if it fails."""
    host = lattice.hosts[0]
    lattice.registry.hold(REFERENCE)
    with pytest.raises(WaitTimeout):
        client.scale_component(host.id, REFERENCE, "echo", 2, wait=0.3)
    client.stop_component(host.id, "echo", wait=5)
    with pytest.raises(OperationFailed) as stopped:
        client.scale_component(host.id, OTHER, "echo", 1, wait=5)
    lattice.registry.fail(REFERENCE, "no such image")
    lattice.registry.release(REFERENCE)
    with pytest.raises(OperationFailed, match="no such image"):
        client.scale_component(host.id, REFERENCE, "echo", 2, wait=5)
    client.scale_component(host.id, OTHER, "echo", 1, wait=5)
    lattice.registry.hold(OTHER)
    with pytest.raises(WaitTimeout):
        client.scale_component(host.id, OTHER, "echo", 2, wait=0.3)
    with pytest.raises(OperationFailed) as running:
        client.update_component(host.id, "echo", REFERENCE, wait=5)
    lattice.registry.release(OTHER)

    title = f"the scale of echo to 1 on host {host.id}: the command was not sent: the outcome of an earlier command"
    assert str(stopped.value) == (
        f"{title} of this client, with {REFERENCE}, is uncertain, and together they could make the host show a "
        "reference that it does not run. Repeat that command with a longer wait, until its outcome is certain. "
        "(Without wait, this command would be sent.)"
    )
    assert "until its outcome is certain; or stop first, then start. (Without" in str(running.value)


def test_what_the_inventory_shows_is_settled(lattice: PracticeLattice, client: Client) -> None:
    """A start or an update that took too long, and is done in the meantime, needs no repetition."""
    host = lattice.hosts[0]
    for reference in (REFERENCE, OTHER):
        lattice.registry.hold(reference)
    with pytest.raises(WaitTimeout):
        client.scale_component(host.id, REFERENCE, "echo", 2, wait=0.3)
    lattice.registry.release(REFERENCE)
    lattice.settle()
    with pytest.raises(WaitTimeout):
        client.update_component(host.id, "echo", OTHER, wait=0.3)
    lattice.registry.release(OTHER)
    lattice.settle()
    client.scale_component(host.id, OTHER, "echo", 3, wait=5)

    assert host.running_code == {"echo": OTHER}


def test_a_scale_is_not_sent_while_an_update_may_be_carried_out(
    lattice: PracticeLattice, client: Client
) -> None:
    """It looks again and again, and learns of the update by its event. A certain update back does not change that."""
    host = lattice.hosts[0]
    client.scale_component(host.id, REFERENCE, "echo", 2, wait=5)
    lattice.registry.hold(OTHER)
    with pytest.raises(WaitTimeout):
        client.update_component(host.id, "echo", OTHER, wait=0.3)
    client.update_component(host.id, "echo", REFERENCE, wait=5)

    with pytest.raises(WaitTimeout) as too_short:
        client.scale_component(host.id, REFERENCE, "echo", 3, wait=0.5)
    looks = len(lattice.wait_for_commands("host.get"))
    scaling = Calling(lambda: client.scale_component(host.id, REFERENCE, "echo", 3, wait=20))
    lattice.wait_for_commands("host.get", looks + 1)
    lattice.registry.release(OTHER)
    failed = scaling.end().error

    title = f"the scale of echo to 3 on host {host.id}"
    reason = "an earlier command of this client may still be carried out"
    assert str(too_short.value) == f"{title} was not sent: 0.5 s passed before that: {reason}"
    assert too_short.value.last_seen == reason
    assert isinstance(failed, OperationFailed)
    assert scaling.seconds < 3
    assert str(failed).startswith(f"{title}: the command was not sent: it runs {OTHER}, ")
    assert host.running_code == {"echo": OTHER}


def fail_to_update(lattice: PracticeLattice, client: Client, wait: float) -> PracticeHost:
    """Start the component, and wait for an update whose image cannot be pulled. Return the host."""
    host = lattice.hosts[0]
    lattice.registry.fail(OTHER, "no such image")
    client.scale_component(host.id, REFERENCE, "echo", 2, wait=5)
    with pytest.raises(WaitTimeout):
        client.update_component(host.id, "echo", OTHER, wait=wait)
    return host


def test_an_update_that_failed_delays_a_scale_and_no_more(lattice: PracticeLattice, client: Client) -> None:
    """Nothing tells of the failure, so the scale is sent when the update would have been carried out."""
    host = fail_to_update(lattice, client, wait=2)
    started = time.monotonic()
    client.scale_component(host.id, REFERENCE, "echo", 3, wait=20)

    assert 2 < time.monotonic() - started < 10
    assert host.running_code == {"echo": REFERENCE}


def test_a_stop_settles_an_update_that_took_too_long(lattice: PracticeLattice, client: Client) -> None:
    """After a certain stop, the component can be started anew when the update would have been carried out."""
    host = fail_to_update(lattice, client, wait=2)
    started = time.monotonic()
    client.stop_component(host.id, "echo", wait=5)
    client.scale_component(host.id, REFERENCE, "echo", 3, wait=20)

    assert 2 < time.monotonic() - started < 10
    assert host.running_code == {"echo": REFERENCE}


def scale_late(lattice: PracticeLattice, client: Client, count: int) -> PracticeHost:
    """Start the component, and give up a scale or a stop of it that its host carries out later. Return the host."""
    host = lattice.hosts[0]
    client.scale_component(host.id, REFERENCE, "echo", 1, wait=5)
    lattice.registry.delay(REFERENCE, 3.0)
    with pytest.raises(WaitTimeout):
        client.scale_component(host.id, REFERENCE, "echo", count, wait=0.3)
    lattice.registry.delay(REFERENCE, 0.0)
    return host


def test_a_scale_can_be_carried_out_after_a_stop(lattice: PracticeLattice, client: Client) -> None:
    """So a start of another reference waits for it, and then does not rename what it has started."""
    host = scale_late(lattice, client, 2)
    client.stop_component(host.id, "echo", wait=5)
    with pytest.raises(
        OperationFailed, match=f"it runs {REFERENCE}, and a scale does not replace that by {OTHER}"
    ):
        client.scale_component(host.id, OTHER, "echo", 1, wait=20)

    assert host.running_code == {"echo": REFERENCE}


def test_a_scale_can_be_carried_out_after_a_later_one(lattice: PracticeLattice, client: Client) -> None:
    """So an update waits for it."""
    host = scale_late(lattice, client, 2)
    client.scale_component(host.id, REFERENCE, "echo", 3, wait=5)
    client.update_component(host.id, "echo", OTHER, wait=20)
    lattice.settle()

    (shown,) = client.get_host_inventory(host.id).unwrap().components
    assert host.running_code == {"echo": OTHER}
    assert (shown.image_ref, shown.max_instances) == (OTHER, 2)


def test_a_stop_can_be_carried_out_after_a_start(lattice: PracticeLattice, client: Client) -> None:
    """So a start waits for it, and what a certain start has started runs."""
    host = scale_late(lattice, client, 0)
    client.stop_component(host.id, "echo", wait=5)
    client.scale_component(host.id, OTHER, "echo", 1, wait=20)
    lattice.settle()

    assert host.running_code == {"echo": OTHER}


def test_a_component_that_another_client_has_renamed(lattice: PracticeLattice, client: Client) -> None:
    """Of two starts at once, the second renames what the first has started. Its client knows, until it stops it."""
    host = lattice.hosts[0]
    lattice.registry.hold(REFERENCE)
    lattice.registry.hold(OTHER)
    with lattice.connect() as second:
        first = Calling(lambda: client.scale_component(host.id, REFERENCE, "echo", 1, wait=10))
        renaming = Calling(lambda: second.scale_component(host.id, OTHER, "echo", 2, wait=10))
        lattice.wait_for_commands("component.scale", 2)
        lattice.registry.release(REFERENCE)
        assert first.end().error is None
        lattice.registry.release(OTHER)
        error = renaming.end().error

        assert isinstance(error, OperationFailed)
        assert f"host {host.id} runs {REFERENCE} as echo" in str(error)
        (component,) = client.get_host_inventory(host.id).unwrap().components
        assert (component.image_ref, host.running_code) == (OTHER, {"echo": REFERENCE})
        calls: list[Callable[[], object]] = [
            lambda: second.update_component(host.id, "echo", OTHER, wait=5),
            lambda: second.scale_component(host.id, OTHER, "echo", 2, wait=5),
        ]
        for call in calls:
            with pytest.raises(OperationFailed, match="the command was not sent"):
                call()

        second.stop_component(host.id, "echo", wait=5)
        second.scale_component(host.id, OTHER, "echo", 2, wait=5)
        assert host.running_code == {"echo": OTHER}


# Links that take turns ----------------------------------------------------------------------------------


def test_changes_of_one_source_wait_for_each_other_and_others_do_not(
    lattice: PracticeLattice, client: Client
) -> None:
    """While a change of one source is unanswered, another of it is not sent; one of another source is."""
    for host in lattice.hosts:
        host.lose_replies(operation="link.put")
    first = Calling(lambda: client.put_link(LINK, timeout=1.5))
    lattice.wait_for_commands("link.put")
    behind = Calling(lambda: client.put_link(attrs.evolve(LINK, name="second"), timeout=0.4)).end()
    beside = Calling(lambda: client.put_link(attrs.evolve(LINK, source_id="other"), timeout=0.4)).end()
    first.end()

    assert isinstance(behind.error, RequestTimeout)
    assert not behind.error.sent
    assert isinstance(beside.error, RequestTimeout)
    assert beside.error.sent
    assert isinstance(first.error, RequestTimeout)
    assert first.error.sent
    assert [command.operation for command in lattice.commands] == ["link.put", "link.put"]


def test_siblings_take_turns_with_each_other(lattice: PracticeLattice, client: Client) -> None:
    """Clients of one lattice on one connection stand in one line."""
    sibling = client.for_lattice(lattice.lattice)
    links = [attrs.evolve(LINK, name=f"n{number}") for number in range(20)]
    calls = [
        Calling(lambda link=link, who=who: who.put_link(link))  # type: ignore[misc]
        for number, link in enumerate(links)
        for who in ((client, sibling)[number % 2],)
    ]
    for call in calls:
        assert call.end().error is None
    lattice.settle()

    assert sorted(link.name for link in client.get_links().unwrap()) == sorted(link.name for link in links)


def test_a_turn_that_ends_badly_lets_the_next_one_go(lattice: PracticeLattice, client: Client) -> None:
    """A change that timed out holds up the ones behind it no longer."""
    for host in lattice.hosts:
        host.lose_replies(operation="link.put")
    with pytest.raises(RequestTimeout):
        client.put_link(LINK, timeout=0.2)
    for host in lattice.hosts:
        host.recover()

    assert client.put_link(attrs.evolve(LINK, name="second"))


def test_a_lost_connection_ends_the_whole_line(own_server: PracticeServer) -> None:
    """Changes that wait for their turn end with the connection, and were not sent."""
    with PracticeLattice(server=own_server) as lattice, lattice.connect(timeout=10) as client:
        lattice.hosts[0].stall()
        calls = [Calling(lambda: client.put_link(LINK)) for _ in range(50)]
        lattice.wait_for_commands("link.put")
        own_server.kill()
        sent = [call.end().error.sent for call in calls]  # type: ignore[union-attr]

    assert sorted(sent) == [False] * 49 + [True]


# The copy of the links ----------------------------------------------------------------------------------


def test_a_copy_is_kept_current_by_events(lattice: PracticeLattice) -> None:
    """What others put and delete is seen without a question."""
    with lattice.connect(cache_links=True) as cached, lattice.connect() as other:
        assert cached.get_links().data == []
        with cached.events_receiver("linkdef_set", "linkdef_deleted") as events:
            other.put_link(LINK).raise_for_status()
            events.get(5)
            assert cached.get_links().data == [LINK]
            other.delete_link("echo", "default", "wasi", "http").raise_for_status()
            events.get(5)
            assert cached.get_links().data == []
        asked = [command.operation for command in lattice.commands].count("link.get")
        for _ in range(100):
            cached.get_links()

        assert [command.operation for command in lattice.commands].count("link.get") <= asked + 1


def test_a_copy_is_made_anew_after_a_gap(own_server: PracticeServer) -> None:
    """What was put while the connection was away is seen when it is back."""
    with PracticeLattice(server=own_server) as lattice, lattice.connect(cache_links=True) as cached:
        cached.put_link(LINK).raise_for_status()
        assert cached.get_links().data == [LINK]
        own_server.restart()
        with lattice.connect() as other:
            end = time.monotonic() + 10
            while not other.get_hosts(expected=1):
                assert time.monotonic() < end
            other.put_link(attrs.evolve(LINK, name="second")).raise_for_status()
            lattice.settle()
        while not cached.connected:
            assert time.monotonic() < end

        assert [link.name for link in cached.get_links().unwrap()] == ["default", "second"]


def test_a_copy_from_a_host_that_lags_is_mended(lattice: PracticeLattice) -> None:
    """The first copy may be taken from a host that does not know of a link yet: a second later it is there."""
    lattice.lag_memory(0.5)
    with lattice.connect() as other, lattice.connect(cache_links=True) as cached:
        other.put_link(LINK).raise_for_status()
        assert cached.get_links().data == []
        end = time.monotonic() + 5
        while cached.get_links().data != [LINK]:
            assert time.monotonic() < end


def test_a_copy_does_not_lose_a_link_to_a_host_that_lags(lattice: PracticeLattice) -> None:
    """A link that an event told of stays, whatever older a copy shows."""
    with lattice.connect(cache_links=True) as cached:
        assert cached.get_links().data == []
        lattice.lag_memory(2.0)
        end = time.monotonic() + 1.5
        time.sleep(0.9)  # until just before the second copy
        cached.put_link(LINK).raise_for_status()
        while time.monotonic() < end:
            assert cached.get_links().data == [LINK]


@pytest.mark.practice_lattice(version="1.2.1")
def test_a_deletion_that_does_not_name_the_target_is_seen_at_once(practice_lattice: PracticeLattice) -> None:
    """Hosts before 1.3.0 publish ``linkdef_deleted`` without a target, and may lag. The links are listed again."""
    second = attrs.evolve(LINK, name="second")
    with practice_lattice.connect(cache_links=True) as cached:
        assert cached.get_links().data == []
        time.sleep(1.1)  # the clock alone says when the first copy is made again: after a second
        for link in (LINK, second):
            cached.put_link(link).raise_for_status()
        assert cached.get_links().data == [LINK, second]
        practice_lattice.lag_memory(0.3)
        asked = len(practice_lattice.wait_for_commands("link.get"))
        cached.delete_link("echo", "default", "wasi", "http").raise_for_status()
        for _ in range(10):
            assert cached.get_links().data == [second]
        time.sleep(1.1)  # the same after a deletion
        assert cached.get_links().data == [second]
        assert len(practice_lattice.wait_for_commands("link.get")) > asked


@pytest.mark.practice_lattice(version="1.2.1")
def test_a_copy_is_mended_while_deletions_go_on(practice_lattice: PracticeLattice) -> None:
    """Of two links of one name, a host that lags may show both. Others go on deleting what is not there."""
    practice_lattice.lag_memory(0.3)
    other = attrs.evolve(LINK, target="other")
    with practice_lattice.connect(cache_links=True) as cached:
        for link in (LINK, other):
            cached.put_link(link).raise_for_status()
        cached.get_links()
        cached.delete_link("echo", "default", "wasi", "http").raise_for_status()
        end = time.monotonic() + 10
        while cached.get_links().data != [other]:
            cached.delete_link("echo", "absent", "wasi", "http").raise_for_status()
            time.sleep(0.1)  # each deletion within a second of the last, without a busy loop
            assert time.monotonic() < end


@pytest.mark.practice_lattice(version="1.2.1")
def test_a_deletion_of_one_of_two_links_is_seen_at_once(practice_lattice: PracticeLattice) -> None:
    """Hosts before 1.3.0 keep links of one name to two targets. Which one is deleted only the hosts know."""
    other = attrs.evolve(LINK, target="other")
    with practice_lattice.connect(cache_links=True) as cached:
        for link in (LINK, other):
            cached.put_link(link).raise_for_status()
        assert cached.get_links().data == [LINK, other]
        cached.delete_link("echo", "default", "wasi", "http").raise_for_status()
        practice_lattice.settle()
        assert cached.get_links().data == [other]
        cached.delete_link("echo", "default", "wasi", "http").raise_for_status()
        assert cached.get_links().data == []


# The bucket of the configs ------------------------------------------------------------------------------


def test_listing_configs_leaves_nothing_behind(lattice: PracticeLattice, client: Client) -> None:
    """No subscription and no consumer is there that was not there before."""
    for number in range(30):
        client.put_config(f"c{number}", {}).raise_for_status()

    async def consumers() -> int:
        info = await client.nats_client.jetstream().stream_info(f"KV_CONFIGDATA_{lattice.lattice}")
        count: int = info.state.consumer_count
        return count

    before = client.run(consumers)
    assert client.list_configs() == sorted(f"c{number}" for number in range(30))
    assert client.run(consumers) == before
    assert not session_of(client).subscriptions
    assert in_flight(client) == 0


def test_without_jetstream_listing_configs_says_so() -> None:
    """NoResponders that names js_domain."""
    with (
        PracticeServer(jetstream=False) as server,
        wasmcloud_ctl.connect(server.url) as client,
        pytest.raises(NoResponders, match="js_domain"),
    ):
        client.list_configs()


def test_a_jetstream_domain_is_asked_by_its_name() -> None:
    """With js_domain the bucket is found in that domain, and not in another."""
    with PracticeLattice(js_domain="edge") as lattice, lattice.connect(js_domain="edge") as client:
        client.put_config("web", {}).raise_for_status()
        assert client.list_configs() == ["web"]
        with lattice.connect(js_domain="nowhere") as lost, pytest.raises(NoResponders, match="'nowhere'"):
            lost.list_configs()


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
