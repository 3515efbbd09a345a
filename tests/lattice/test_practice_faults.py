"""What can be wrong with practice hosts, one by one, seen through the client."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator

import pytest
from wire import wire_to

from wasmcloud_ctl import (
    Client,
    ComponentScaled,
    ComponentScaleFailed,
    DecodeError,
    HealthCheckFailed,
    HostStarted,
    HostStopped,
    Link,
    NoResponders,
    RegistryCredential,
    RequestTimeout,
    WaitTimeout,
)
from wasmcloud_ctl.testing import PracticeLattice, PracticeServer

ECHO = "registry.example/acme/echo:1"


@pytest.fixture
def lattice(practice_lattice: PracticeLattice) -> PracticeLattice:
    """The test's lattice, of one host unless a marker says otherwise."""
    return practice_lattice


@pytest.fixture
def client(lattice: PracticeLattice) -> Iterator[Client]:
    """A client that waits long enough for a busy machine. An auction lasts its whole timeout, so that is short."""
    with lattice.connect(timeout=5, auction_timeout=1) as client:
        yield client


def host_id(lattice: PracticeLattice) -> str:
    return lattice.hosts[0].id


# Answering late, or not ----------------------------------------------------------------------------------


def test_a_stalled_host_keeps_what_arrives_and_does_it_later(
    lattice: PracticeLattice, client: Client
) -> None:
    """Nothing is answered while it stalls; once it goes on, it does what it was told meanwhile."""
    lattice.hosts[0].stall()
    with pytest.raises(RequestTimeout):
        client.put_label(host_id(lattice), "zone", "a", timeout=0.3)
    assert "zone" not in lattice.hosts[0].labels

    lattice.hosts[0].resume()
    lattice.settle()

    assert lattice.hosts[0].labels["zone"] == "a"


@pytest.mark.practice_lattice(hosts=2)
def test_a_stalled_host_is_picked_like_any_other(lattice: PracticeLattice, client: Client) -> None:
    """Of the requests that one host answers for all, a stalled host gets its share."""
    lattice.hosts[0].stall()
    outcomes = set()
    for _ in range(30):
        try:
            client.get_links(timeout=0.05)
            outcomes.add("answered")
        except RequestTimeout:
            outcomes.add("silent")

    assert outcomes == {"answered", "silent"}


def test_a_stalled_host_has_no_heartbeat(lattice: PracticeLattice, client: Client) -> None:
    """A host that hangs publishes nothing either."""
    with client.events_receiver("host_heartbeat") as heartbeats:
        lattice.add_host()
        lattice.hosts[0].stall()
        lattice.hosts[1].beat()
        assert heartbeats.get(timeout=5).source == lattice.hosts[1].id
        with pytest.raises(WaitTimeout):
            heartbeats.get(timeout=0.05)


def test_a_slow_host_answers_late(lattice: PracticeLattice, client: Client) -> None:
    """A host that is slower than the timeout has done it all the same."""
    lattice.hosts[0].slow(0.2)
    started = time.monotonic()
    assert client.get_host_inventory(host_id(lattice)).succeeded
    assert time.monotonic() - started >= 0.2

    with pytest.raises(RequestTimeout):
        client.put_label(host_id(lattice), "zone", "a", timeout=0.05)
    lattice.settle()
    assert lattice.hosts[0].labels["zone"] == "a"


def test_the_inventory_waits_for_a_provider_that_shuts_down(lattice: PracticeLattice, client: Client) -> None:
    """While a provider takes its time to end, its host tells nobody what it runs."""
    client.start_provider(host_id(lattice), ECHO, "slow")
    lattice.settle()
    lattice.hosts[0].shut_down_providers_slowly(0.6)

    with pytest.raises(RequestTimeout):
        client.stop_provider(host_id(lattice), "slow", timeout=0.2)
    with pytest.raises(RequestTimeout):
        client.get_host_inventory(host_id(lattice), timeout=0.1)
    lattice.settle()
    inventory = client.get_host_inventory(host_id(lattice)).unwrap()
    assert inventory.providers == ()


# Coming and going ----------------------------------------------------------------------------------------


@pytest.mark.practice_lattice(hosts=2)
def test_a_killed_host_says_nothing_and_comes_back_with_another_id(
    lattice: PracticeLattice, client: Client
) -> None:
    """It is gone at once, without host_stopped; what comes back is another host that runs nothing."""
    host = lattice.hosts[0]
    before, name = host.id, host.friendly_name
    client.scale_component(before, ECHO, "echo", 1)
    lattice.settle()

    with client.events_receiver("host_stopped", "host_started") as events:
        host.kill()
        assert not host.running
        with pytest.raises(NoResponders):
            client.get_host_inventory(before)
        assert len(client.get_hosts(expected=1)) == 1

        host.restart()
        started = events.get(timeout=5)

    assert isinstance(started.data, HostStarted)
    assert started.source == host.id != before
    assert host.friendly_name != name
    assert host.running_code == {}
    assert client.get_host_inventory(host.id).unwrap().components == ()


def test_a_dead_host_has_no_heartbeat(make_practice_lattice: Callable[..., PracticeLattice]) -> None:
    """With a host its heartbeats end; those of others go on."""
    lattice = make_practice_lattice(2, heartbeat_interval=0.05)
    with lattice.connect() as client:
        lattice.hosts[0].kill()
        with client.events_receiver("host_heartbeat") as heartbeats:
            sources = {heartbeats.get(timeout=5).source for _ in range(4)}

    assert sources == {lattice.hosts[1].id}


def test_a_host_can_be_stopped_in_order(lattice: PracticeLattice, client: Client) -> None:
    """A host that ends by itself says so, with its labels."""
    with client.events_receiver("host_stopped") as events:
        lattice.hosts[0].stop()
        stopped = events.get(timeout=5)

    assert isinstance(stopped.data, HostStopped)
    assert stopped.source == host_id(lattice)


def test_the_last_host_may_part_without_a_word(lattice: PracticeLattice, client: Client) -> None:
    """A stop_host can be obeyed with neither acknowledgement nor event: the request times out."""
    lattice.hosts[0].part_silently()
    with client.events_receiver("host_stopped") as events:
        with pytest.raises(RequestTimeout):
            client.stop_host(host_id(lattice), timeout=0.3)
        lattice.settle()
        with pytest.raises(WaitTimeout):
            events.get(timeout=0.05)

    assert not lattice.hosts[0].running
    assert client.get_hosts().no_responders


def test_a_lattice_can_be_empty_and_be_filled(lattice: PracticeLattice, client: Client) -> None:
    """Hosts can be added while a client watches."""
    lattice.hosts[0].kill()
    assert client.get_hosts().no_responders

    host = lattice.add_host({"zone": "b"})

    (found,) = client.get_hosts(expected=1).data
    assert (found.id, found.labels["zone"]) == (host.id, "b")


# Answering wrongly ---------------------------------------------------------------------------------------


def test_replies_that_are_no_json(lattice: PracticeLattice, client: Client) -> None:
    """A reply that is something else is an error that shows it, and the command was done."""
    lattice.hosts[0].reply_with(b"oops")

    with pytest.raises(DecodeError) as caught:
        client.put_label(host_id(lattice), "zone", "a")

    assert caught.value.raw == b"oops"
    assert lattice.hosts[0].labels["zone"] == "a"


def test_replies_that_are_cut(lattice: PracticeLattice, client: Client) -> None:
    """Half a reply is none, for the operation that was named; others are whole."""
    lattice.hosts[0].cut_replies(operation="host.get")

    with pytest.raises(DecodeError) as caught:
        client.get_host_inventory(host_id(lattice))

    assert caught.value.raw.startswith(b'{"success":true')
    assert client.put_label(host_id(lattice), "zone", "a").succeeded

    lattice.hosts[0].cut_replies(3)
    with pytest.raises(DecodeError) as caught:
        client.put_label(host_id(lattice), "zone", "a")
    assert caught.value.raw == b'{"s'


def test_large_replies_arrive_and_too_large_ones_do_not(lattice: PracticeLattice, client: Client) -> None:
    """What the server does not take is not sent: the client's request times out, as with a real host."""
    lattice.hosts[0].pad_replies(500_000)
    assert client.get_host_inventory(host_id(lattice)).succeeded

    lattice.hosts[0].pad_replies(2_000_000)
    with pytest.raises(RequestTimeout):
        client.get_host_inventory(host_id(lattice), timeout=0.3)


def test_replies_that_are_lost(lattice: PracticeLattice, client: Client) -> None:
    """The command was done; only nobody says so."""
    lattice.hosts[0].lose_replies(operation="label.put")

    with pytest.raises(RequestTimeout) as caught:
        client.put_label(host_id(lattice), "zone", "a", timeout=0.3)

    assert caught.value.sent is True
    assert lattice.hosts[0].labels["zone"] == "a"


@pytest.mark.practice_lattice(hosts=2)
def test_replies_that_come_twice(lattice: PracticeLattice) -> None:
    """A reply can be sent more than once."""
    lattice.hosts[0].repeat_replies(3, operation="host.ping")

    with wire_to(lattice) as wire:
        assert len(wire.gather("host.ping")) == 4


def test_recovering_takes_all_faults_away(lattice: PracticeLattice, client: Client) -> None:
    """After recover a host is as it was."""
    host = lattice.hosts[0]
    host.reply_with(b"oops")
    host.slow(60)
    host.lose_events()
    host.stall()

    host.recover()

    with client.events_receiver("labels_changed") as events:
        assert client.put_label(host.id, "zone", "a").succeeded
        events.get(timeout=5)


# Events --------------------------------------------------------------------------------------------------


def test_events_can_be_lost(lattice: PracticeLattice, client: Client) -> None:
    """NATS delivers events at most once: those that were named do not come."""
    lattice.hosts[0].lose_events("component_scaled")
    with client.events_receiver() as events:
        client.scale_component(host_id(lattice), ECHO, "echo", 1)
        lattice.settle()
        client.put_label(host_id(lattice), "zone", "a")
        assert events.get(timeout=5).name == "labels_changed"

    assert lattice.hosts[0].running_code == {"echo": ECHO}


def test_any_event_can_be_published(lattice: PracticeLattice, client: Client) -> None:
    """What a host would publish by itself only after minutes can be had now, and what none would, too."""
    with client.events_receiver() as events:
        lattice.hosts[0].publish_event(
            "health_check_failed", {"host_id": host_id(lattice), "provider_id": "p"}
        )
        event = events.get(timeout=5)
        lattice.publish(f"wasmbus.evt.{lattice.lattice}.host_stopped", b"no event")
        lattice.hosts[0].beat()
        assert events.get(timeout=5).name == "host_heartbeat"
        assert events.undecodable == 1

    assert isinstance(event.data, HealthCheckFailed)
    assert event.data.provider_id == "p"


# Images --------------------------------------------------------------------------------------------------


def test_images_that_take_their_time_or_fail(lattice: PracticeLattice, client: Client) -> None:
    """A pull goes on until it is released, and fails with the registry's reason."""
    lattice.registry.hold(ECHO)
    lattice.registry.fail("registry.example/none:1", "manifest unknown")
    with client.events_receiver("component_scaled", "component_scale_failed") as events:
        client.scale_component(host_id(lattice), ECHO, "held", 1)
        client.scale_component(host_id(lattice), "registry.example/none:1", "none", 1)
        failed = events.get(timeout=5).data
        assert isinstance(failed, ComponentScaleFailed)
        assert failed.error.endswith(": manifest unknown")

        lattice.registry.release(ECHO)
        scaled = events.get(timeout=5).data
        assert isinstance(scaled, ComponentScaled)
        assert scaled.component_id == "held"

    assert sorted(lattice.registry.pulls) == ["registry.example/acme/echo:1", "registry.example/none:1"]


def test_images_can_be_slow_and_be_restored(lattice: PracticeLattice, client: Client) -> None:
    """A delay is what a pull takes at least; what was told of a reference can be forgotten."""
    lattice.registry.delay(ECHO, 0.2)
    with client.events_receiver("component_scaled") as events:
        started = time.monotonic()
        client.scale_component(host_id(lattice), ECHO, "echo", 1)
        events.get(timeout=5)
        assert time.monotonic() - started >= 0.2

    lattice.registry.delay(ECHO, 60)
    lattice.registry.fail(ECHO)
    lattice.registry.restore(ECHO)
    client.scale_component(host_id(lattice), ECHO, "other", 1)
    lattice.settle()
    assert lattice.hosts[0].running_code == {"echo": ECHO, "other": ECHO}


def test_put_registries_waits_for_images_that_are_pulled(lattice: PracticeLattice, client: Client) -> None:
    """A host changes its registries only when it pulls nothing, and answers only then."""
    lattice.registry.hold(ECHO)
    client.scale_component(host_id(lattice), ECHO, "echo", 1)
    while not lattice.registry.pulls:
        time.sleep(0.001)
    credentials = {"registry.example": RegistryCredential(username="u", password="p")}
    assert len(client.put_registries(credentials, expected=1, quiet=1, timeout=0.2)) == 0

    lattice.registry.release(ECHO)
    lattice.settle()
    assert len(client.put_registries(credentials, expected=1)) == 1


def test_an_update_holds_up_the_inventory_behind_a_scale(lattice: PracticeLattice, client: Client) -> None:
    """While an update pulls its image, a scale has to wait, and behind it whoever asks what runs."""
    other = "registry.example/acme/echo:2"
    client.scale_component(host_id(lattice), ECHO, "echo", 1)
    lattice.settle()
    lattice.registry.hold(other)
    client.update_component(host_id(lattice), "echo", other)
    assert client.get_host_inventory(host_id(lattice)).succeeded

    client.scale_component(host_id(lattice), ECHO, "more", 1)
    with pytest.raises(TimeoutError):
        lattice.settle(timeout=0.1)
    with pytest.raises(RequestTimeout):
        client.get_host_inventory(host_id(lattice), timeout=0.3)

    lattice.registry.release(other)
    lattice.settle()
    assert lattice.hosts[0].running_code == {"echo": other, "more": ECHO}


# The lattice ---------------------------------------------------------------------------------------------


@pytest.mark.practice_lattice(hosts=2)
def test_auctions_can_be_switched_off(lattice: PracticeLattice, client: Client) -> None:
    """A host without auctions hears none; where no host has any, nobody listens."""
    lattice.hosts[0].set_auctions(components=False, providers=False)
    (ack,) = client.perform_component_auction(ECHO, "echo").data
    assert ack.host_id == lattice.hosts[1].id

    lattice.hosts[1].set_auctions(components=False)
    assert client.perform_component_auction(ECHO, "echo").no_responders
    (bid,) = client.perform_provider_auction(ECHO, "echo").data
    assert bid.host_id == lattice.hosts[1].id


def test_builtin_providers_can_be_switched_on_and_off(lattice: PracticeLattice, client: Client) -> None:
    """A host with the builtin runs it; one without does not answer."""
    reference = "wasmcloud+builtin://http-server"
    with pytest.raises(RequestTimeout):
        client.start_provider(host_id(lattice), reference, "http", timeout=0.3)

    lattice.hosts[0].set_builtins("http-server")
    with client.events_receiver("provider_started") as events:
        client.start_provider(host_id(lattice), reference, "http")
        events.get(timeout=5)


def test_what_hosts_remember_can_lag(lattice: PracticeLattice, client: Client) -> None:
    """Right after a link is set a host may still tell what was."""
    lattice.lag_memory(1.0)
    client.put_link(Link("echo", "http", "wasi", "http", ["incoming-handler"]))
    assert client.get_links().unwrap() == []

    lattice.settle()
    assert len(client.get_links().unwrap()) == 1


# The server ----------------------------------------------------------------------------------------------


def test_hosts_are_back_when_their_server_is(caplog: pytest.LogCaptureFixture) -> None:
    """However often the hosts knock in vain: once their server is there again they are, with what they kept."""
    caplog.set_level(logging.DEBUG, "wasmcloud_ctl.testing")
    with PracticeServer() as server, PracticeLattice(server=server) as lattice:
        with lattice.connect() as client:
            client.put_link(Link("echo", "http", "wasi", "http", ["incoming-handler"]))

        server.kill()
        deadline = time.monotonic() + 10
        while caplog.text.count("ConnectionRefusedError") < 5:
            assert time.monotonic() < deadline, "the hosts do not try to come back"
            time.sleep(0.01)
        lattice.settle()  # without a server there is nothing to wait for
        server.start()

        deadline = time.monotonic() + 10
        with lattice.connect(connect_timeout=5) as client:
            while client.get_hosts(timeout=0.2, expected=1).no_responders:
                assert time.monotonic() < deadline, "the hosts did not come back"
            assert client.get_host_inventory(lattice.hosts[0].id).succeeded
            assert len(client.get_links().unwrap()) == 1
            assert client.put_config("web", {"a": "b"}, timeout=5).succeeded


def test_a_server_can_be_made_to_swallow_everything() -> None:
    """A paused server closes nothing and answers nothing; resumed, it goes on."""
    with PracticeServer() as server, PracticeLattice(server=server) as lattice, lattice.connect() as client:
        server.pause()
        with pytest.raises(RequestTimeout):
            client.get_host_inventory(lattice.hosts[0].id, timeout=0.2)
        server.resume()
        assert client.get_host_inventory(lattice.hosts[0].id).succeeded
