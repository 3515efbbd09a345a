"""Connecting, losing the connection, and what is and is not sent."""

from __future__ import annotations

import asyncio
import contextvars
import copy
import gc
import pickle
import socket
import threading
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import pytest
from calling import library_threads, wait_until
from internals import connection_of, in_flight, session_of, transport_of

import wasmcloud_ctl
from wasmcloud_ctl import (
    AuthError,
    Client,
    ClosedError,
    ConnectError,
    NotConnectedError,
    PermissionDenied,
    RegistryCredential,
    RequestTimeout,
    WaitTimeout,
)
from wasmcloud_ctl.testing import PracticeLattice, PracticeServer, unused_port

# Connecting -------------------------------------------------------------------------------------


def test_a_mute_port_is_a_connect_error_within_its_timeout() -> None:
    """A port that accepts and says nothing costs connect_timeout, and no more."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        started = time.monotonic()

        with pytest.raises(ConnectError, match="did not answer in time"):
            wasmcloud_ctl.connect(f"127.0.0.1:{mute.getsockname()[1]}", connect_timeout=0.5)

        assert 0.5 <= time.monotonic() - started < 0.7


def test_another_service_is_told_from_a_nats_server() -> None:
    """A port on which something else answers is a ConnectError that says so."""
    with socket.create_server(("127.0.0.1", 0)) as other:

        def greet() -> None:
            connection, _ = other.accept()
            with connection:
                connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
                connection.recv(1)

        thread = threading.Thread(target=greet)
        thread.start()
        with pytest.raises(ConnectError, match="is no NATS server"):
            wasmcloud_ctl.connect(f"127.0.0.1:{other.getsockname()[1]}")
        thread.join(5)


def test_of_several_servers_one_that_answers_is_enough(practice_server: PracticeServer) -> None:
    """A mute server and a closed port do not keep the client from the good one."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        urls = [
            f"nats://127.0.0.1:{mute.getsockname()[1]}",
            f"nats://127.0.0.1:{unused_port()}",
            practice_server.url,
        ]
        started = time.monotonic()
        with wasmcloud_ctl.connect(urls, connect_timeout=3) as client:
            assert client.connected
        assert time.monotonic() - started < 1.5


def test_tls_that_is_not_offered_is_refused_before_anything_is_sent() -> None:
    """With tls:// nothing goes out in clear to a server without TLS, the password least of all."""
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as plain:

        def serve() -> None:
            connection, _ = plain.accept()
            with connection:
                connection.sendall(b'INFO {"server_id":"x","version":"2.10.0","max_payload":1048576}\r\n')
                heard.append(connection.recv(65536))

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(ConnectError, match="does not offer TLS"):
            wasmcloud_ctl.connect(f"tls://me:hunter2@127.0.0.1:{plain.getsockname()[1]}")
        thread.join(5)

    assert heard == [b""]


@pytest.fixture
def guarded_server() -> Iterator[PracticeServer]:
    """A server with a user for everything and a user with few permissions."""
    config = """
    authorization { users: [
        { user: me, password: hunter2 }
        { user: reader, password: hunter3, permissions: {
            publish: { allow: ["wasmbus.ctl.v1.default.host.ping"] }
            subscribe: { allow: ["_INBOX.>"] } } }
        { user: deaf, password: hunter4, permissions: { subscribe: { deny: ["_INBOX.>"] } } }
    ] }
    """
    with PracticeServer(config=config) as server:
        yield server


def with_user(server: PracticeServer, user: str, password: str) -> str:
    return server.url.replace("nats://", f"nats://{user}:{password}@")


def test_credentials_that_are_refused_are_an_auth_error(guarded_server: PracticeServer) -> None:
    """A wrong password is an AuthError at once; the password is in no message."""
    with pytest.raises(AuthError, match="refused user 'me' with the given password") as caught:
        wasmcloud_ctl.connect(guarded_server.url, user="me", password="wr0ng")

    assert "wr0ng" not in str(caught.value)


def test_credentials_in_the_url_serve_and_are_not_shown(guarded_server: PracticeServer) -> None:
    """User and password may stand in the URL, percent-encoded; the client's repr leaves them out."""
    with wasmcloud_ctl.connect(with_user(guarded_server, "me", "hunter%32")) as client:
        assert client.connected
        assert repr(client) == (
            f"<Client {guarded_server.url} lattice='default' topic_prefix='wasmbus.ctl' timeout=2.0 "
            "auction_timeout=5.0 connected>"
        )


def test_what_the_permissions_deny_is_said_at_once(guarded_server: PracticeServer) -> None:
    """A denied publish and a denied subscription are PermissionDenied with the subject, not timeouts."""
    with wasmcloud_ctl.connect(with_user(guarded_server, "reader", "hunter3"), timeout=20) as client:
        assert client.get_hosts().no_responders
        with pytest.raises(PermissionDenied, match="publish") as denied:
            client.get_config("Web")
        assert denied.value.subject == "wasmbus.ctl.v1.default.config.get.Web"
        with pytest.raises(PermissionDenied, match="subscribe") as deaf:
            client.events_receiver("component_scaled")
        assert deaf.value.subject == "wasmbus.evt.default.component_scaled"
        assert client.get_hosts().no_responders


def test_a_denied_inbox_is_remembered_and_inbox_prefix_helps(guarded_server: PracticeServer) -> None:
    """Where replies cannot be heard every request says so, and names the option that helps."""
    url = with_user(guarded_server, "deaf", "hunter4")
    with wasmcloud_ctl.connect(url, timeout=20) as client:
        for _ in range(3):
            with pytest.raises(PermissionDenied, match="inbox_prefix"):
                client.get_config("web")
    with wasmcloud_ctl.connect(url, inbox_prefix="my.inbox") as client:
        assert client.get_hosts().no_responders


# Being a good object ----------------------------------------------------------------------------


def test_close_is_idempotent_and_ends_the_thread(lattice: PracticeLattice) -> None:
    """After close, which may come twice and from several threads, calls are ClosedError, and no thread is left."""
    before = len(library_threads())
    client = lattice.connect()
    assert len(library_threads()) == before + 1
    closers = [threading.Thread(target=client.close) for _ in range(4)]
    for closer in closers:
        closer.start()
    for closer in closers:
        closer.join(5)
    client.close()

    assert (client.closed, client.connected) == (True, False)
    assert len(library_threads()) == before
    with pytest.raises(ClosedError):
        client.get_hosts()


def test_close_ends_what_is_under_way(lattice: PracticeLattice) -> None:
    """A request, a gather and an iteration in other threads end when the client is closed."""
    lattice.hosts[0].stall()
    client = lattice.connect()
    receiver = client.events_receiver()
    results: dict[str, object] = {}

    def request() -> None:
        try:
            client.get_host_inventory(lattice.hosts[0].id, timeout=20)
        except ClosedError as error:
            results["request"] = error

    def gather() -> None:
        try:
            client.get_hosts(timeout=20)
        except ClosedError as error:
            results["gather"] = error

    def iterate() -> None:
        results["events"] = list(receiver)

    def coroutine() -> None:
        try:
            client.run(asyncio.sleep, 20)
        except ClosedError as error:
            results["run"] = error

    threads = [threading.Thread(target=target) for target in (request, gather, iterate, coroutine)]
    for thread in threads:
        thread.start()
    lattice.wait_for_commands("host.ping")
    lattice.wait_for_commands("host.get")
    started = time.monotonic()
    client.close()
    for thread in threads:
        thread.join(5)

    assert time.monotonic() - started < 1
    assert isinstance(results["request"], ClosedError)
    assert isinstance(results["gather"], ClosedError)
    assert isinstance(results["run"], ClosedError)
    assert results["events"] == []


def test_a_gather_may_end_after_its_client(lattice: PracticeLattice, client: Client) -> None:
    """What was asked went with the loop, so there is nothing to withdraw, and nothing to raise."""
    with transport_of(client).replies() as replies:
        replies.send(f"wasmbus.ctl.v1.{lattice.lattice}.host.ping", handler=lambda reply: None)
        client.close()

    assert in_flight(client) == 0


def test_a_client_that_is_dropped_warns_and_ends(lattice: PracticeLattice) -> None:
    """Without close a ResourceWarning names the remedy, and the thread ends soon."""
    before = len(library_threads())
    client = lattice.connect()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del client
        gc.collect()

    assert [warning.category for warning in caught] == [ResourceWarning]
    assert "call close()" in str(caught[0].message)
    wait_until(lambda: len(library_threads()) == before)


def test_a_client_does_not_pickle(client: Client) -> None:
    """A connection does not cross processes, nor is there a second one: TypeError, which says what to do."""
    with pytest.raises(TypeError, match="a client cannot be pickled: connect anew"):
        pickle.dumps(client)
    with pytest.raises(TypeError, match=r"a client cannot be deep-copied: copy\.copy"):
        copy.deepcopy([client])


def test_many_threads_share_a_client(lattice: PracticeLattice, client: Client) -> None:
    """Of 16 threads none gets another's answer."""
    for number in range(16):
        client.put_config(f"c{number}", {"number": str(number)}).raise_for_status()
    wrong: list[object] = []

    def ask(number: int) -> None:
        for _ in range(50):
            answer = client.get_config(f"c{number}").data
            if answer != {"number": str(number)}:
                wrong.append(answer)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert wrong == []


def test_a_client_works_inside_a_running_loop(lattice: PracticeLattice) -> None:
    """As in a notebook: a call made from a coroutine of another loop blocks that, and works."""

    async def cell() -> int:
        with lattice.connect() as client:
            return len(client.get_hosts(expected=2))

    assert asyncio.run(cell()) == 2


def test_a_call_on_the_clients_own_loop_is_refused(client: Client) -> None:
    """A blocking call in a function given to run() would wait for itself: it says so instead."""

    async def inside() -> None:
        client.get_hosts()

    with pytest.raises(wasmcloud_ctl.CtlError, match="own loop"):
        client.run(inside)
    assert client.get_hosts(expected=2)


def test_run_gives_nats_py_to_those_who_want_it(client: Client) -> None:
    """A coroutine function runs on the private loop, with nats-py's client; its exceptions pass through."""

    async def round_trip(subject: str) -> bytes:
        inbox = client.nats_client.new_inbox()
        subscription = await client.nats_client.subscribe(inbox)
        await client.nats_client.publish(inbox, subject.encode())
        message = await subscription.next_msg(timeout=2)
        data: bytes = message.data
        return data

    async def fail() -> None:
        raise KeyError("mine")

    assert client.run(round_trip, "hello") == b"hello"
    with pytest.raises(KeyError, match="mine"):
        client.run(fail)


def test_run_has_the_callers_context(client: Client) -> None:
    """A function sees the context variables of its own caller, also when several threads call at the same time."""
    variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable", default=-1)

    async def read() -> int:
        return variable.get()

    def call(number: int) -> bool:
        variable.set(number)
        return client.run(read) == number

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(call, range(200)))
    assert client.run(read) == -1


def test_run_has_a_timeout_that_cancels(client: Client) -> None:
    """What takes too long is cancelled, and has cleaned up when the call ends."""
    ended = []

    async def slow() -> None:
        try:
            await asyncio.sleep(20)
        finally:
            ended.append(True)

    with pytest.raises(WaitTimeout):
        client.run(slow, timeout=0.1)
    assert ended == [True]


def test_an_exit_raised_on_the_loop_does_not_take_it_down(client: Client) -> None:
    """SystemExit in a function given to run() reaches its caller; the client works on."""

    async def leave() -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        client.run(leave)
    assert len(client.get_hosts(expected=2)) == 2


# Events -----------------------------------------------------------------------------------------


def test_a_receiver_waits_for_its_timeout_and_ends_with_its_queue(
    lattice: PracticeLattice, client: Client
) -> None:
    """get() has a timeout; after close it hands out what is queued, and then raises ClosedError."""
    receiver = client.events_receiver("config_set")
    with pytest.raises(WaitTimeout):
        receiver.get(0.1)
    client.put_config("a", {})
    client.put_config("b", {})
    first = receiver.get(5)
    with client.events_receiver("config_set") as other:
        client.put_config("c", {})
        other.get(5)
    receiver.close()
    receiver.close()

    assert receiver.closed
    assert [event.data.config_name for event in (first, receiver.get(5), receiver.get(5))] == ["a", "b", "c"]  # type: ignore[union-attr]  # a ConfigSet
    with pytest.raises(ClosedError):
        receiver.get(5)
    assert list(receiver) == []


@pytest.mark.parametrize(("overflow", "kept"), [("drop_oldest", ["2", "3"]), ("drop_newest", ["0", "1"])])
def test_a_full_receiver_drops_and_counts(
    client: Client, overflow: Literal["drop_oldest", "drop_newest"], kept: list[str]
) -> None:
    """A receiver that holds two drops the oldest or the newest of four, and says how many."""
    with (
        client.events_receiver("config_set", maxsize=2, overflow=overflow) as small,
        client.events_receiver("config_set") as large,
    ):
        for number in range(4):
            client.put_config(str(number), {})
        for _ in range(4):
            large.get(5)

        assert small.dropped == 2
        assert [small.get(5).data.config_name for _ in range(2)] == kept  # type: ignore[union-attr]  # a ConfigSet
        assert (large.dropped, large.gaps, large.undecodable) == (0, 0, 0)


def test_what_is_no_event_is_counted_and_skipped(
    lattice: PracticeLattice, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """A message that is no CloudEvent, or whose data does not fit, ends nothing."""
    with client.events_receiver() as receiver:
        lattice.publish(f"wasmbus.evt.{lattice.lattice}.config_set", b"{oops")
        lattice.hosts[0].publish_event("config_set", {"config_name": 5})
        lattice.hosts[0].publish_event("config_set", {"config_name": "good"})

        assert receiver.get(5).data.config_name == "good"  # type: ignore[union-attr]  # a ConfigSet
        assert receiver.undecodable == 2
    assert [
        record.message.partition(":")[0] for record in caplog.records if record.levelname == "WARNING"
    ] == ["an event was skipped"] * 2


def test_a_dropped_receiver_leaves_no_subscription(lattice: PracticeLattice, client: Client) -> None:
    """Who breaks out of a loop and forgets the receiver leaves nothing behind."""
    subscriptions = session_of(client).subscriptions
    receiver = client.events_receiver("host_heartbeat")
    lattice.hosts[0].beat()
    for _event in receiver:
        break
    del receiver, _event
    gc.collect()

    wait_until(lambda: not subscriptions)


# Loss -------------------------------------------------------------------------------------------


def test_a_lost_connection_comes_back(own_server: PracticeServer) -> None:
    """While the server is away calls are NotConnectedError at once; when it is back they work, and a receiver
    hears again and counts a gap."""
    with PracticeLattice(server=own_server) as lattice, lattice.connect() as client:
        receiver = client.events_receiver("config_set")
        own_server.kill()
        wait_until(lambda: not client.connected)
        started = time.monotonic()
        with pytest.raises(NotConnectedError, match="nothing was sent"):
            client.get_config("a", timeout=20)
        assert time.monotonic() - started < 0.5
        own_server.start()
        wait_until(lambda: client.connected)

        wait_until(lambda: not client.get_hosts(expected=1).no_responders)
        client.put_config("a", {}).raise_for_status()
        assert receiver.get(5).name == "config_set"
        assert receiver.gaps == 1


def test_calls_in_flight_end_when_the_connection_does(own_server: PracticeServer) -> None:
    """They end at once. The outcome of a command is unknown, also of one to all hosts; a read gets no such advice."""
    with PracticeLattice(server=own_server) as lattice, lattice.connect() as client:
        lattice.hosts[0].stall()
        errors: list[BaseException] = []

        def ask() -> None:
            try:
                client.put_config("a", {}, timeout=20)
            except NotConnectedError as error:
                errors.append(error)

        def gather() -> None:
            try:
                client.get_hosts(timeout=20)
            except NotConnectedError as error:
                errors.append(error)

        def put() -> None:
            try:
                client.put_registries({"r.example": RegistryCredential()}, quiet=20, timeout=20)
            except NotConnectedError as error:
                errors.append(error)

        threads = [threading.Thread(target=target) for target in (ask, gather, put)]
        for thread in threads:
            thread.start()
        lattice.wait_for_commands("config.put")
        lattice.wait_for_commands("host.ping")
        lattice.wait_for_commands("registry.put")
        started = time.monotonic()
        own_server.kill()
        for thread in threads:
            thread.join(5)

        assert time.monotonic() - started < 1
        assert len(errors) == 3
        assert all(isinstance(error, NotConnectedError) and error.sent for error in errors)
        assert sorted(str(error).partition(": ")[2] for error in errors) == [
            "it was sent, so its outcome is unknown: look at the state before you send it again",
            "it was sent, so its outcome is unknown: look at the state before you send it again",
            "the client is reconnecting, so try again in a moment",
        ]


def test_a_command_that_failed_while_the_server_was_away_is_never_sent(own_server: PracticeServer) -> None:
    """No ghosts: what was refused while disconnected does not arrive when the server is back."""
    with PracticeLattice(server=own_server) as lattice, lattice.connect() as client:
        host_id = lattice.hosts[0].id
        own_server.kill()
        wait_until(lambda: not client.connected)
        with pytest.raises(NotConnectedError):
            client.scale_component(host_id, "r.example/a:1", "ghost", 1)
        own_server.start()
        wait_until(lambda: client.connected)
        wait_until(lambda: not client.get_hosts(expected=1).no_responders)

        assert client.get_host_inventory(host_id).unwrap().components == ()
        assert "component.scale" not in {command.operation for command in lattice.commands}


@pytest.mark.parametrize("dies", [True, False], ids=["the server dies", "the server goes on"])
def test_a_command_stuck_behind_a_full_socket_is_never_sent(own_server: PracticeServer, dies: bool) -> None:
    """No ghosts: with a server that has stopped reading and 16 MiB queued, a scale_component times out, unsent;
    whether the server dies and comes back or merely goes on, it never arrives."""
    with PracticeLattice(server=own_server) as lattice, lattice.connect() as client:
        host_id = lattice.hosts[0].id
        own_server.pause()

        async def fill() -> None:
            # Not by publish(), which waits for the socket.
            for _ in range(32):
                connection_of(client).send(b"PUB elsewhere 524288\r\n%b\r\n" % (b"x" * (1 << 19)))

        client.run(fill, timeout=5)
        with pytest.raises(RequestTimeout, match="it was not sent and never will be") as caught:
            client.scale_component(host_id, "r.example/a:1", "ghost", 1, timeout=0.5)
        assert not caught.value.sent
        if dies:
            own_server.kill()
            own_server.start()
        else:
            own_server.resume()
        wait_until(lambda: client.connected, 10)
        wait_until(lambda: not client.get_hosts(expected=1).no_responders)

        assert client.get_host_inventory(host_id).unwrap().components == ()
        assert "component.scale" not in {command.operation for command in lattice.commands}
