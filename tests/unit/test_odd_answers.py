"""Rare failures, and values at their limits."""

from __future__ import annotations

import asyncio
import errno
import ssl
from typing import Any

import pytest
from identities import Operator, new_seed
from refusals import refusal

import wasmcloud_ctl
from wasmcloud_ctl import AuthError, ConnectError, Inventories, NotConnectedError, RequestTimeout
from wasmcloud_ctl._bridge import processes
from wasmcloud_ctl._bridge.loop import Bridge
from wasmcloud_ctl._operations.receivers import EventReceiver
from wasmcloud_ctl._options.credentials import Login
from wasmcloud_ctl._options.options import Options, combine
from wasmcloud_ctl._options.servers import Server, named_by_cluster
from wasmcloud_ctl._transport import failures as _failures
from wasmcloud_ctl._transport import session as session_module
from wasmcloud_ctl._transport.calls import Request
from wasmcloud_ctl._transport.connection import Connection
from wasmcloud_ctl._transport.failures import Stage
from wasmcloud_ctl._transport.race import race
from wasmcloud_ctl._transport.session import Session
from wasmcloud_ctl._transport.stream import Socket

# Dialling -----------------------------------------------------------------------------------------------

SERVER = Server(host="a.example", port=4222)


@pytest.mark.parametrize(
    ("options", "stage", "error", "kind", "message"),
    [
        ({}, Stage.CONNECTING, OSError(errno.EHOSTUNREACH, "No route to host"), ConnectError,
         "cannot connect to nats://a.example:4222: No route to host"),
        ({}, Stage.CONNECTING, TimeoutError(), ConnectError,
         "nats://a.example:4222 did not answer in time: no connection came about; check the address, and the "
         "firewalls on the way"),
        ({}, Stage.SECURED, TimeoutError(), ConnectError,
         "nats://a.example:4222 did not answer in time: it fell silent after the TLS handshake"),
        ({"tls_first": True}, Stage.CONNECTED, TimeoutError(), ConnectError,
         "nats://a.example:4222 did not answer in time: it took the connection and said nothing to the TLS "
         "handshake; is it a NATS server with TLS?"),
        ({}, Stage.CONNECTED, ConnectionResetError(), ConnectError,
         "nats://a.example:4222 ended the connection before it was made: is it a NATS server, and does it want the "
         "TLS handshake first (tls_first)?"),
        ({"tls_first": True}, Stage.CONNECTED, ConnectionResetError(), ConnectError,
         "nats://a.example:4222 ended the connection before it was made: does it want the TLS handshake first? Else "
         "leave tls_first out"),
        ({}, Stage.SECURED, ConnectionResetError(), AuthError,
         "nats://a.example:4222 ended the connection after the TLS handshake, as a server that requires a client's "
         "certificate: give tls_cert and tls_key"),
        ({"tls_cert": "cert.pem"}, Stage.SECURED, ConnectionResetError(), AuthError,
         "nats://a.example:4222 ended the connection after the TLS handshake, as a server that refuses the client's "
         "certificate"),
        ({}, Stage.CONNECTED, ssl.SSLError(1, "odd"), ConnectError, "TLS with nats://a.example:4222 failed: odd"),
    ],
)  # fmt: skip
def test_a_failed_dial_is_told_by_how_far_it_came(
    options: dict[str, Any], stage: Stage, error: Exception, kind: type[ConnectError], message: str
) -> None:
    """Each says what happened, and what to look at."""
    how = Options(servers=(SERVER,), connect_timeout=1.0, **options)
    if isinstance(error, ssl.SSLError):
        error.reason = "odd"

    told = _failures.explain(SERVER, how, None, stage, error)

    assert type(told) is kind
    assert str(told) == message


def test_connect_ends_in_time_whatever_its_steps_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that does not keep to the deadline is cut off soon after it."""

    async def forget_the_time(*_: object) -> None:
        await asyncio.sleep(10)  # far beyond the timeout

    monkeypatch.setattr(session_module.Session, "connect", forget_the_time)

    assert refusal("nats://127.0.0.1:1", connect_timeout=0.1) == (
        "no connection to nats://127.0.0.1:1 within 0.1 s"
    )


def test_a_loop_that_ends_while_it_connects_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the interpreter's end, say."""

    async def end(*_: object) -> None:
        for bridge in list(processes.open_bridges):
            bridge.stop_soon()
        await asyncio.sleep(10)

    monkeypatch.setattr(session_module.Session, "connect", end)
    with pytest.raises(ConnectError, match="the client was closed while it connected"):
        wasmcloud_ctl.connect("nats://127.0.0.1:1")


def test_of_two_that_succeed_at_once_one_is_taken_and_the_other_discarded() -> None:
    """Nothing that was dialled is left open."""
    discarded: list[int] = []

    async def both() -> int:
        first: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def slow() -> int:
            return await first

        async def quick() -> int:
            await asyncio.sleep(0)
            first.set_result(1)
            return 2

        return await race([slow, quick], 0.0, discarded.append)

    taken = asyncio.run(both())

    assert {taken, *discarded} == {1, 2}


def test_the_last_that_runs_is_waited_for() -> None:
    """One that fails while another runs, with none left to start, is not the end."""

    async def fail() -> int:
        await asyncio.sleep(0.05)
        raise ValueError("no")

    async def succeed() -> int:
        await asyncio.sleep(0.1)
        return 5

    assert asyncio.run(race([succeed, fail], 0.01, lambda _: None)) == 5


def test_a_socket_that_was_never_dialled_holds_nothing_back() -> None:
    """There is nothing unsent where nothing was written."""
    assert Socket(lambda _: None).was_sent(0) is True


def test_of_a_clusters_servers_one_that_cannot_be_read_is_left_out() -> None:
    """A server that is named as nonsense is one less, and no error."""
    found = named_by_cluster(["", "b.example:4223", "[::1"], SERVER)

    assert [str(server) for server in found] == ["nats://b.example:4223"]


def test_a_call_that_is_in_no_queue_can_be_unregistered() -> None:
    """Also twice. A call that was abandoned before it began has never entered the queue of its key."""
    session = Session(Options(servers=(SERVER,)), Bridge("test-bridge"))
    call = Request(session, "echo", b"", "key", True, True, 1.0)
    call.abandoned = True
    call.begin()

    session.unregister(call)
    session.unregister(call)


def test_a_call_that_has_ended_when_its_turn_comes_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may end between the end of the call before it and its own start."""
    session = Session(Options(servers=(SERVER,)), Bridge("test-bridge"))
    subjects = ("first", "second", "third")
    first, second, third = (Request(session, subject, b"", "key", True, True, 1.0) for subject in subjects)
    first.abandoned = True  # so that it is queued, and not sent
    sent: list[str | None] = []

    def connection(subject: str | None) -> Connection:
        sent.append(subject)
        raise NotConnectedError("there is no connection")

    async def take_turns() -> None:
        for call in (first, second, third):
            call.begin()
        first.expire(1.0)
        second.expire(1.0)
        await asyncio.sleep(0)

    monkeypatch.setattr(session, "connection", connection)
    asyncio.run(take_turns())

    assert sent == ["third"]
    with pytest.raises(RequestTimeout, match="no answer to second within 1 s; it was not sent and never"):
        second.result.get()


def test_a_receiver_that_was_never_finished_can_be_dropped() -> None:
    """Ctrl-C may come before it has its subscription."""
    receiver = EventReceiver.__new__(EventReceiver)

    receiver.__del__()


def test_inventories_without_errors_raise_nothing() -> None:
    """raise_for_status returns what it was asked of."""
    inventories = Inventories()

    assert inventories.raise_for_status() is inventories


# Options ------------------------------------------------------------------------------------------------


def test_a_tls_context_of_the_callers_own_takes_no_certificates_from_elsewhere() -> None:
    """With the caller's ssl.SSLContext, certificates from the environment and contexts are left out."""
    own = ssl.create_default_context()

    assert combine({"tls": own}, {"tls_ca": "ca.pem", "lattice": "blue"}) == {"tls": own, "lattice": "blue"}


def test_what_is_wrong_with_a_user_jwt_is_told() -> None:
    """After a server's refusal, as far as it can be seen here; of a sound one nothing is said."""
    operator, seed = Operator(), new_seed()
    objections = [
        Login(
            origin="test", jwt=operator.user_jwt(seed, bearer=bearer, begins_in=begins_in), seed=seed
        ).objection()
        for bearer, begins_in in ((False, None), (True, None), (False, 4_000_000_000), (False, 10**18))
    ]

    assert Login(origin="test", seed=seed).objection() is None
    assert objections[:2] == [None, None]
    assert str(objections[2]).startswith("the user JWT is not valid before 21")
    assert objections[3] == "the user JWT is not valid before a date outside the calendar"
