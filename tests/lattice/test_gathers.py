"""Gathers and streams at size: whatever arrives is kept and counted."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import tracemalloc
import uuid
from collections.abc import Callable, Iterator

import pytest
from wire import answer_pings, arrive, host_reply

import wasmcloud_ctl
from wasmcloud_ctl import (
    Client,
    ConfigSet,
    NoResponders,
    NotFound,
    OperationRejected,
    RequestTimeout,
    WaitTimeout,
)
from wasmcloud_ctl.testing import PracticeLattice, PracticeServer


@pytest.fixture
def answering(practice_server: PracticeServer) -> Iterator[tuple[Client, Client]]:
    """Two clients of an empty lattice; one to ask, one whose loop answers."""
    lattice = f"test-{uuid.uuid4().hex}"
    with (
        wasmcloud_ctl.connect(practice_server.url, lattice=lattice) as client,
        wasmcloud_ctl.connect(practice_server.url, lattice=lattice) as responder,
    ):
        yield client, responder


def test_garbage_among_a_thousand_replies_is_kept_apart(answering: tuple[Client, Client]) -> None:
    """Of 1,000 replies 60 are garbage of six sorts: 940 hosts and 60 undecodable ones, each with its bytes."""
    client, responder = answering
    garbage = [
        b"{oops",
        b"",
        b"\xff\xfe",
        b'{"success": 1}',
        b'{"success": true, "response": {}}',
        b"[" * 100000,
    ]
    replies = [host_reply(number) for number in range(940)]
    for number in range(60):
        replies.insert(number * 16, garbage[number % 6])
    answer_pings(responder, replies)

    gathered = client.get_hosts(expected=1000, timeout=20)

    assert len(gathered.data) == 940
    assert sorted(undecodable.raw for undecodable in gathered.undecodable) == sorted(garbage * 10)
    assert all(undecodable.reason for undecodable in gathered.undecodable)


def test_duplicates_count_once(answering: tuple[Client, Client]) -> None:
    """Three replies of each of 100 hosts are 100 hosts."""
    client, responder = answering
    answer_pings(responder, [host_reply(number) for number in range(100) for _ in range(3)])

    assert len(client.get_hosts(quiet=0.3)) == 100


def test_ten_thousand_hosts_answer(answering: tuple[Client, Client]) -> None:
    """None of 10,000 replies is lost."""
    client, responder = answering
    answer_pings(responder, [host_reply(number) for number in range(10000)])

    hosts = client.get_hosts(expected=10000, timeout=20)

    assert len({host.id for host in hosts.data}) == 10000


def test_a_refused_ping_is_an_answer(answering: tuple[Client, Client]) -> None:
    """A host that refuses is neither data nor garbage."""
    client, responder = answering
    answer_pings(responder, [host_reply(1), b'{"success": false, "message": "no"}'])

    replies = client.get_hosts(expected=2)

    assert ([response.succeeded for response in replies], len(replies.data)) == ([True, False], 1)
    with pytest.raises(OperationRejected, match="no"):
        replies.raise_for_status()


def test_an_endless_replier_does_not_hold_up_a_gather(answering: tuple[Client, Client]) -> None:
    """Replies that never cease end with the timeout."""
    client, responder = answering
    stop = threading.Event()

    async def flood() -> None:
        nats_client = responder.nats_client

        async def on_ping(message: object) -> None:
            number = 0
            while not stop.is_set():
                number += 1
                await nats_client.publish(message.reply, host_reply(number))  # type: ignore[attr-defined]
                await asyncio.sleep(0)

        await nats_client.subscribe(f"wasmbus.ctl.v1.{responder.lattice}.host.ping", cb=on_ping)
        await arrive(nats_client)

    responder.run(flood)
    try:
        replies = client.get_hosts(timeout=0.5)
    finally:
        stop.set()

    assert replies.elapsed < 2
    assert len(replies) > 10


def test_expected_counts_more_than_the_clients_quiet(lattice: PracticeLattice, client: Client) -> None:
    """A slow host is not lost to a client with a short quiet, if all hosts are expected."""
    lattice.hosts[0].slow(0.6)

    hosts = client.get_hosts(expected=2, timeout=20)
    inventories = client.get_host_inventories(expected=2, timeout=20)
    hasty = client.get_hosts(expected=2, quiet=0.2, timeout=20)

    assert [len(hosts), len(inventories), len(hasty)] == [2, 2, 1]
    assert (hosts.complete, inventories.complete, hasty.complete) == (True, True, False)
    with pytest.raises(RequestTimeout, match="1 of 2 expected hosts answered"):
        hasty.raise_for_status()


def test_a_host_that_hangs_is_missed(lattice: PracticeLattice, client: Client) -> None:
    """Of three hosts one is silent: what was expected says so, and a host that was named is in errors."""
    silent = lattice.add_host()
    silent.stall()
    ids = [host.id for host in lattice.hosts]

    hosts = client.get_hosts(expected=3, timeout=0.5)
    inventories = client.get_host_inventories(expected=3, timeout=0.5)
    named = client.get_host_inventories(ids, timeout=0.5)

    assert [(len(found), found.expected, found.complete) for found in (hosts, inventories, named)] == [
        (2, 3, False)
    ] * 3
    assert (inventories.errors, list(named.errors)) == ({}, [silent.id])
    for found in (hosts, inventories):
        with pytest.raises(RequestTimeout, match="2 of 3 expected hosts answered"):
            found.raise_for_status()
    with pytest.raises(RequestTimeout, match=silent.id):
        named.raise_for_status()


def test_hosts_that_all_hang_are_missed_without_a_number(lattice: PracticeLattice, client: Client) -> None:
    """Somebody listens for the ping, and nobody answers: that is no empty lattice."""
    for host in lattice.hosts:
        host.stall()

    hosts, inventories = client.get_hosts(timeout=0.2), client.get_host_inventories(timeout=0.2)
    bids = client.perform_component_auction("r.example/a:1", "a", timeout=0.2)

    assert [(found.no_responders, found.complete) for found in (hosts, inventories)] == [(False, False)] * 2
    with pytest.raises(RequestTimeout, match="0 of 1 expected hosts answered"):
        hosts.raise_for_status()
    assert bids.raise_for_status().complete


def test_hosts_come_in_the_order_of_their_names(lattice: PracticeLattice) -> None:
    """Hosts and inventories are ordered by friendly name and id, and bids by id, however the answers came."""
    for _ in range(18):
        lattice.add_host()
    hosts = sorted(lattice.hosts, key=lambda host: (host.friendly_name, host.id))
    hosts[0].slow(0.2)
    ids = [host.id for host in hosts]
    with lattice.connect() as client:
        assert [host.id for host in client.get_hosts(expected=20).data] == ids
        assert list(client.get_host_inventories(expected=20).data) == ids
        assert [found.host_id for found in client.get_host_inventories(reversed(ids))] == ids
        bids = client.perform_component_auction("r.example/a:1", "a", expected=20).data
        assert [bid.host_id for bid in bids] == sorted(ids)


def test_inventories_come_with_the_errors_of_those_that_fail(
    lattice: PracticeLattice, client: Client
) -> None:
    """A host that stalls, one that answers garbage, one that is not there: entries beside the good one."""
    garbled = lattice.add_host()
    lattice.hosts[0].stall()
    garbled.reply_with(b"{oops", operation="host.get")
    absent = "N" + "A" * 55

    inventories = client.get_host_inventories([*(host.id for host in lattice.hosts), absent], timeout=0.5)

    assert set(inventories.data) == {lattice.hosts[1].id}
    assert {host_id: type(error) for host_id, error in inventories.errors.items()} == {
        lattice.hosts[0].id: RequestTimeout,
        garbled.id: wasmcloud_ctl.DecodeError,
        absent: NoResponders,
    }
    assert inventories.elapsed < 1
    with pytest.raises(wasmcloud_ctl.CtlError):
        inventories.raise_for_status()


def test_inventories_of_all_hosts_are_asked_side_by_side(practice_server: PracticeServer) -> None:
    """A hundred hosts that each take 0.2 s take little longer together."""
    with (
        PracticeLattice(100, lattice=f"test-{uuid.uuid4().hex}", server=practice_server) as lattice,
        lattice.connect() as client,
    ):
        for host in lattice.hosts:
            host.slow(0.2)

        inventories = client.get_host_inventories(expected=100, timeout=20)

    assert len(inventories.data) == 100
    assert inventories.elapsed < 2


def test_inventories_of_nobody(client: Client) -> None:
    """Where nobody listens there are none, and it is said."""
    inventories = client.for_lattice("nobody-here").get_host_inventories(timeout=20)

    assert (inventories.data, inventories.errors, inventories.no_responders) == ({}, {}, True)
    assert inventories.elapsed < 1
    with pytest.raises(NoResponders):
        inventories.raise_for_status()


@pytest.mark.parametrize("host_ids", ["N", ["a.b"], [5], 5])
def test_inventories_of_what_is_no_host_are_refused(client: Client, host_ids: object) -> None:
    """A string, ids that could not stand in a subject: InvalidArgument."""
    with pytest.raises(wasmcloud_ctl.InvalidArgument):
        client.get_host_inventories(host_ids)  # type: ignore[arg-type]


def test_a_host_that_is_meant_by_nobody_or_by_several_is_not_found(
    lattice: PracticeLattice, client: Client
) -> None:
    """NotFound lists the hosts that answered, or those that match."""
    by_name = sorted(lattice.hosts, key=lambda host: (host.friendly_name, host.id))
    listed = ", ".join(f"{host.friendly_name} ({host.id})" for host in by_name)

    with pytest.raises(NotFound) as nobody:
        client.find_host("no-such-name")
    with pytest.raises(NotFound) as several:
        client.find_host("n")

    assert isinstance(nobody.value, LookupError)
    assert str(nobody.value) == (
        f"No host in lattice {lattice.lattice!r} matches 'no-such-name'; these hosts answered: {listed}."
    )
    assert str(several.value) == f"Several hosts in lattice {lattice.lattice!r} match 'n': {listed}."


def test_find_host_says_whether_hosts_answered_at_all(lattice: PracticeLattice, client: Client) -> None:
    """None, or only with answers that cannot be read."""
    with pytest.raises(NotFound) as nobody:
        client.for_lattice("nobody-here").find_host("otter")
    for host in lattice.hosts:
        host.reply_with(b"{oops", operation="host.ping")
    with pytest.raises(NotFound) as unreadable:
        client.find_host("otter", expected=2)

    assert str(nobody.value) == "No host in lattice 'nobody-here' matches 'otter'; no hosts answered."
    assert str(unreadable.value) == (
        f"No host in lattice {lattice.lattice!r} matches 'otter'; 2 answers could not be decoded."
    )


def test_a_whole_id_ends_the_search(lattice: PracticeLattice) -> None:
    """The exact id is found as soon as its host answers, although the others do not."""
    lattice.hosts[1].stall()
    with lattice.connect(auction_timeout=20) as client:
        assert client.find_host(lattice.hosts[0].id).id == lattice.hosts[0].id


# Events -------------------------------------------------------------------------------------------------


def publish_events(responder: Client, count: int, name: str = "config_set") -> None:
    """Publish so many events, numbered."""

    async def publish() -> None:
        subject = f"wasmbus.evt.{responder.lattice}.{name}"
        for number in range(count):
            event = {
                "specversion": "1.0",
                "id": str(number),
                "source": "N" + "A" * 55,
                "type": f"com.wasmcloud.lattice.{name}",
                "time": "2026-11-22T14:39:51.156145042Z",
                "data": {"config_name": f"c{number}"},
            }
            await responder.nats_client.publish(subject, json.dumps(event).encode())
        await responder.nats_client.flush(20)

    responder.run(publish)


@pytest.mark.parametrize("count", [20_000, pytest.param(200_000, marks=pytest.mark.long)])
def test_a_receiver_returns_all_events_in_order(answering: tuple[Client, Client], count: int) -> None:
    """A receiver that has room for all events loses none, and keeps their order."""
    client, responder = answering
    with client.events_receiver("config_set", maxsize=count) as receiver:
        publish_events(responder, count)
        numbers = [int(receiver.get(10).id) for _ in range(count)]

    assert numbers == list(range(count))
    assert (receiver.dropped, receiver.gaps, receiver.undecodable) == (0, 0, 0)


@pytest.mark.parametrize("count", [20_000, pytest.param(200_000, marks=pytest.mark.long)])
def test_a_small_receiver_counts_what_it_drops_and_keeps_no_memory(
    answering: tuple[Client, Client], count: int
) -> None:
    """A receiver with room for 1,000 events keeps the newest 1,000, counts the others and frees them."""
    client, responder = answering
    with client.events_receiver(maxsize=1000) as receiver:

        def publish(count: int, dropped: int) -> None:
            publish_events(responder, count)
            until(lambda: receiver.dropped == dropped)

        tracemalloc.start()
        publish(2_000, 1_000)
        before = tracemalloc.get_traced_memory()[0]
        publish(10_000, 11_000)
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        last = count - 12_000
        publish(last, count - 1_000)

        assert grown < 200_000
        assert [receiver.get(1).id for _ in range(1000)] == [
            str(number) for number in range(last - 1_000, last)
        ]
        with pytest.raises(WaitTimeout):
            receiver.get(0.05)
        assert receiver.dropped == count - 1_000


def until(condition: Callable[[], bool]) -> None:
    """Look until it is so: a count, which no event tells of."""
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it did not become so"
        time.sleep(0.01)


def test_kinds_of_one_receiver_keep_their_order(answering: tuple[Client, Client]) -> None:
    """Events of two kinds come in the order in which they were published."""
    client, responder = answering
    with client.events_receiver("config_set", "config_deleted") as receiver:
        for number in range(100):
            publish_events(responder, 1, ("config_set", "config_deleted")[number % 2])
        names = [receiver.get(5).name for _ in range(100)]

    assert names == ["config_set", "config_deleted"] * 50


def test_a_receiver_is_read_by_several_threads(answering: tuple[Client, Client]) -> None:
    """Each event goes to one of them, none to two, and all end when it is closed."""
    client, responder = answering
    receiver = client.events_receiver("config_set", maxsize=10_000)
    heard: list[list[str]] = [[] for _ in range(4)]

    def read(mine: list[str]) -> None:
        for event in receiver:
            assert isinstance(event.data, ConfigSet)
            mine.append(event.id)

    threads = [threading.Thread(target=read, args=(mine,)) for mine in heard]
    for thread in threads:
        thread.start()
    publish_events(responder, 5000)
    with client.events_receiver("config_deleted") as last:
        publish_events(responder, 1, "config_deleted")
        last.get(5)
    receiver.close()
    for thread in threads:
        thread.join(10)

    assert sorted(int(number) for mine in heard for number in mine) == list(range(5000))
