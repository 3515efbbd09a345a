"""Parts of the practice lattice that meet errors: the hosts' work, their locks and their connection."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

import nats.errors
import pytest

from wasmcloud_ctl.testing._connection import Connection
from wasmcloud_ctl.testing._failure import Failure
from wasmcloud_ctl.testing._faults import Faults
from wasmcloud_ctl.testing._locks import ReadWriteLock
from wasmcloud_ctl.testing._runtime import Runtime
from wasmcloud_ctl.testing._work import Work

# The hosts' work ----------------------------------------------------------------------------------------


def test_work_that_goes_wrong_is_logged_and_harms_no_other(caplog: pytest.LogCaptureFixture) -> None:
    """A failure that nobody is told of, and a mistake of the practice lattice's own."""
    ran: list[str] = []

    async def fail() -> None:
        raise Failure("outer", Failure("inner"))

    async def err() -> None:
        raise ZeroDivisionError

    async def go_well() -> None:
        ran.append("well")

    async def work() -> None:
        host: Any = SimpleNamespace(id="N1", faults=Faults())
        works = Work()
        for one in (fail(), err(), go_well()):
            works.begin(host, one)
        await works.done()

    with caplog.at_level(logging.DEBUG, "wasmcloud_ctl.testing"):
        asyncio.run(work())

    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("DEBUG", "N1: outer: inner"),
        ("ERROR", "unexpected exception in a practice host"),
    ]
    assert ran == ["well"]


@pytest.mark.parametrize("for_writing", [True, False])
def test_who_is_cancelled_in_the_moment_of_being_let_in_lets_the_next_one_in(for_writing: bool) -> None:
    """A lock that is handed to somebody who has gone does not stay taken."""

    async def work() -> list[str]:
        lock, held, took = ReadWriteLock(), asyncio.Event(), []

        async def hold() -> None:
            async with lock.write():
                await held.wait()
            first.cancel()  # let in by now, and has not run since

        async def take(name: str) -> None:
            async with lock.write() if for_writing else lock.read():
                took.append(name)

        holding = asyncio.create_task(hold())
        await asyncio.sleep(0)
        first = asyncio.create_task(take("first"))
        await asyncio.sleep(0)
        second = asyncio.create_task(hold_after(lock, took))
        await asyncio.sleep(0)
        held.set()
        await asyncio.gather(holding, first, second, return_exceptions=True)
        return took

    assert asyncio.run(work()) == ["second"]


async def hold_after(lock: ReadWriteLock, took: list[str]) -> None:
    async with lock.write():
        took.append("second")


def test_who_is_cancelled_while_it_waits_leaves_the_line() -> None:
    """Whoever stands behind it is next."""

    async def work() -> list[str]:
        lock, held, took = ReadWriteLock(), asyncio.Event(), list[str]()

        async def hold() -> None:
            async with lock.write():
                await held.wait()

        async def read() -> None:
            async with lock.read():
                took.append("first")

        holding, first = asyncio.create_task(hold()), None
        await asyncio.sleep(0)
        first = asyncio.create_task(read())
        await asyncio.sleep(0)
        second = asyncio.create_task(hold_after(lock, took))
        await asyncio.sleep(0)
        # Both at once: the lock is let go before the first has left the line.
        held.set()
        first.cancel()
        await asyncio.gather(holding, first, second, return_exceptions=True)
        return took

    assert asyncio.run(work()) == ["second"]


# The hosts' connection ----------------------------------------------------------------------------------


def test_a_server_that_is_away_keeps_a_connection_from_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Ending, unsubscribing and waiting end without an error, and are logged."""

    async def fail(*_: object, **__: object) -> None:
        raise nats.errors.ConnectionClosedError

    client: Any = SimpleNamespace(
        jetstream=lambda domain: None, is_connected=True, flush=fail, close=fail, unsubscribe=fail
    )

    async def use() -> None:
        connection = Connection(client, None)
        await connection.settle()
        await connection.unsubscribe(client)
        await connection.close()

    with caplog.at_level(logging.DEBUG, "wasmcloud_ctl.testing"):
        asyncio.run(use())

    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "waiting for the server",
        "ending a subscription",
        "closing",
        "closing",
    ]


# A lattice and its server -------------------------------------------------------------------------------


def test_what_does_not_run_has_no_hosts_to_work_with() -> None:
    """It says so."""
    with pytest.raises(RuntimeError, match="the practice lattice is not running"):
        _ = Runtime("test").fleet
