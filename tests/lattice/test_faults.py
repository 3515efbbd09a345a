"""Servers that stop, hosts that answer too much, twice or late: errors in their time, and the client goes on."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from calling import wait_until
from internals import session_of
from wire import arrive

import wasmcloud_ctl
from wasmcloud_ctl import (
    Client,
    ConnectError,
    DecodeError,
    NotConnectedError,
    PayloadTooLarge,
    RequestTimeout,
)
from wasmcloud_ctl.testing import PracticeLattice, PracticeServer

MIB = 1 << 20


@pytest.fixture
def own_server() -> Iterator[PracticeServer]:
    """A server of the test's own, to be ill-treated; it takes messages of 9 MiB."""
    with PracticeServer(config="max_payload: 9437184\nmax_pending: 18874368") as server:
        yield server


# The server ---------------------------------------------------------------------------------------------


def test_a_stopped_server_costs_each_call_its_timeout_and_no_more(own_server: PracticeServer) -> None:
    """With the server at SIGSTOP a request, a gather, a subscription, a wait and a connect end in their time, and
    when it goes on the client does."""
    with PracticeLattice(server=own_server) as lattice, lattice.connect(timeout=0.3) as client:
        host_id = lattice.hosts[0].id
        own_server.pause()
        calls: list[Callable[[], object]] = [
            lambda: client.get_host_inventory(host_id),
            lambda: client.get_hosts(timeout=0.3),
            lambda: client.events_receiver("config_set"),
            lambda: client.scale_component(host_id, "r.example/a:1", "a", 1, wait=0.3),
            lambda: lattice.connect(connect_timeout=0.3),
        ]
        for call in calls:
            started = time.monotonic()
            try:
                call()
            except (RequestTimeout, wasmcloud_ctl.WaitTimeout, ConnectError):
                pass
            assert time.monotonic() - started < 3
        own_server.resume()

        def answered() -> bool:
            try:
                return client.get_host_inventory(host_id, timeout=1).succeeded
            except (RequestTimeout, NotConnectedError, wasmcloud_ctl.NoResponders):
                return False

        wait_until(answered, 20)


def test_a_slow_consumer_is_cut_off_and_comes_back(own_server: PracticeServer) -> None:
    """A client whose loop does not read is cut off by the server. Calls under way end, the receiver counts a gap, and
    then both go on."""
    with (
        PracticeLattice(server=own_server) as lattice,
        lattice.connect() as client,
        lattice.connect() as sender,
    ):
        receiver = client.events_receiver("config_set")
        blocked, release = threading.Event(), threading.Event()

        async def block() -> None:
            blocked.set()
            release.wait(20)  # blocks the client's loop on purpose, so that it does not read

        blocker = threading.Thread(target=client.run, args=(block,))
        blocker.start()
        assert blocked.wait(10)

        async def flood() -> None:
            nats_client = sender.nats_client
            subject = f"wasmbus.evt.{lattice.lattice}.config_set"
            for _ in range(64):
                await nats_client.publish(subject, b"x" * (4 * MIB))
                await nats_client.flush()
                if "Slow Consumer" in own_server.log:
                    return

        sender.run(flood, timeout=20)
        wait_until(lambda: "Slow Consumer" in own_server.log, 20)
        release.set()
        blocker.join(20)
        wait_until(lambda: receiver.gaps == 1 and client.connected, 20)

        client.put_config("a", {}).raise_for_status()
        assert receiver.get(20).data.config_name == "a"  # type: ignore[union-attr]  # a ConfigSet
        assert receiver.gaps == 1


# Replies ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [MIB, 8 * MIB])
def test_a_large_reply_is_a_reply(own_server: PracticeServer, size: int) -> None:
    """1 MiB and 8 MiB of an inventory decode, where the server takes them."""
    with PracticeLattice(server=own_server) as lattice, lattice.connect(timeout=20) as client:
        lattice.hosts[0].pad_replies(size, operation="host.get")

        assert client.get_host_inventory(lattice.hosts[0].id).unwrap().host_id == lattice.hosts[0].id


def test_a_reply_above_max_payload_never_comes_and_a_command_above_it_is_not_sent(
    lattice: PracticeLattice, client: Client
) -> None:
    """Where the server takes 1 MiB a host cannot send 8: the call ends in its time. The client itself sends nothing
    that large, and stays connected."""
    lattice.hosts[0].pad_replies(8 * MIB, operation="host.get")
    with pytest.raises(RequestTimeout):
        client.get_host_inventory(lattice.hosts[0].id, timeout=0.3)
    with pytest.raises(PayloadTooLarge):
        client.put_config("large", {"value": "x" * 8 * MIB})

    assert client.get_host_inventory(lattice.hosts[1].id).succeeded


def test_a_reply_nested_without_end_is_a_decode_error(lattice: PracticeLattice, client: Client) -> None:
    """100,000 brackets in a reply end the call, and in an event are counted; nothing else ends."""
    deep = b"[" * 100_000 + b"]" * 100_000
    lattice.hosts[0].reply_with(deep, operation="host.get")
    with client.events_receiver("config_set") as receiver:
        with pytest.raises(DecodeError, match="nested too deeply"):
            client.get_host_inventory(lattice.hosts[0].id)
        lattice.publish(f"wasmbus.evt.{lattice.lattice}.config_set", deep)
        lattice.hosts[0].publish_event("config_set", {"config_name": "good"})

        assert receiver.get(10).data.config_name == "good"  # type: ignore[union-attr]  # a ConfigSet
        assert receiver.undecodable == 1


def test_duplicate_and_late_replies_are_nobodys(lattice: PracticeLattice, client: Client) -> None:
    """A second reply, and one that comes when its call has ended, are not taken for another call's."""
    first, second = (host.id for host in lattice.hosts)
    lattice.hosts[0].repeat_replies(3, operation="host.get")
    for _ in range(20):
        assert client.get_host_inventory(first).unwrap().host_id == first
        assert client.get_host_inventory(second).unwrap().host_id == second
    lattice.hosts[0].stall()
    for _ in range(5):
        with pytest.raises(RequestTimeout):
            client.get_host_inventory(first, timeout=0.05)
    lattice.hosts[0].resume()
    for _ in range(20):
        assert client.get_host_inventory(second).unwrap().host_id == second
        assert client.get_host_inventory(first).unwrap().host_id == first


def test_replies_to_whoever_asks_go_to_nobody_else(lattice: PracticeLattice, client: Client) -> None:
    """Messages sent to reply subjects that were never handed out, or no longer are, disturb nothing."""
    wrong = json.dumps({"success": True, "message": "", "response": {"host_id": "NOBODY"}}).encode()

    async def send() -> None:
        for token in ("", "0", "1", "ffff", "x.y", "zz"):
            await client.nats_client.publish(f"{session_of(client)._inbox}.{token}".rstrip("."), wrong)
        await arrive(client.nats_client)

    for host in lattice.hosts:
        client.run(send)
        assert client.get_host_inventory(host.id).unwrap().host_id == host.id
