"""The loop and its thread when things go wrong that hardly ever do."""

from __future__ import annotations

import _thread
import asyncio
import logging
import os
import queue
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from wasmcloud_ctl import ClosedError, ConnectError, CtlError, NotConnectedError
from wasmcloud_ctl._bridge import loop, processes
from wasmcloud_ctl._bridge.handover import Deadline, MessageQueue, Result
from wasmcloud_ctl._bridge.loop import Bridge, DeadlinePassed
from wasmcloud_ctl._bridge.processes import PerProcess


@pytest.fixture
def bridge() -> Iterator[Bridge]:
    """A bridge that runs."""
    bridge = Bridge("test-bridge")
    bridge.start(5)
    yield bridge
    bridge.close(5)


class Endless:
    """Work that never has a result, not even when it is abandoned."""

    def __init__(self, begin: Callable[[], None] = lambda: None) -> None:
        self.result: Result[None] = Result()
        self.abandoned: bool = False
        self._begin = begin

    def begin(self) -> None:
        self._begin()

    def abandon(self) -> None:
        pass


def blocked(bridge: Bridge) -> threading.Event:
    """Have the loop do nothing else until the event is set."""
    begun, release = threading.Event(), threading.Event()

    def block() -> None:
        begun.set()
        release.wait(10)

    bridge.post(block)
    assert begun.wait(5)
    return release


# Starting -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("where", "name"), [(threading.Thread, "start"), (_thread, "start_new_thread")])
def test_a_thread_that_cannot_be_started_is_told(
    monkeypatch: pytest.MonkeyPatch, where: object, name: str
) -> None:
    """Where the process may have no more threads, the error says so, and the bridge has ended."""

    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(where, name, refuse)
    bridge = Bridge("test-bridge")
    with pytest.raises(ConnectError, match="cannot start the client's thread: can't start new thread"):
        bridge.start(5)
    monkeypatch.undo()

    assert not bridge.running


def test_ctrl_c_while_the_thread_starts_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that is there already when Ctrl-C comes does not stay."""

    def interrupt(*_: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(Result, "wait", interrupt)
    bridge = Bridge("test-bridge")
    with pytest.raises(KeyboardInterrupt):
        bridge.start(5)
    monkeypatch.undo()

    assert bridge._over.acquire(timeout=5)
    assert not bridge.running
    bridge._over.release()


def test_a_thread_that_does_not_get_going_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The start has its time, and no more."""
    monkeypatch.setattr(Bridge, "_main", lambda *_: None)

    with pytest.raises(ConnectError, match="the client's thread did not start within"):
        Bridge("test-bridge").start(0.05)


def test_a_loop_that_cannot_be_made_is_told_by_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """What keeps the loop from being made, such as too many open files, is the reason."""

    def fail() -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(loop, "_Loop", fail)
    bridge = Bridge("test-bridge")
    with pytest.raises(ConnectError, match=r"cannot start the client's loop: .*Too many open files"):
        bridge.start(5)

    bridge.close(5)
    assert not bridge.running


def test_a_bridge_that_is_stopped_before_it_runs_does_not_stay() -> None:
    """A stop that comes before there is a loop is not lost."""
    bridge = Bridge("test-bridge")
    bridge.stop_soon()
    bridge.start(5)
    thread = bridge._thread
    assert thread is not None
    thread.join(5)

    assert not bridge.running


# Waiting ------------------------------------------------------------------------------------------------


def test_a_wait_ends_though_another_has_taken_what_woke_it() -> None:
    """A reader that is woken for what another takes, and whose time is over then, waits no longer: with
    queue.SimpleQueue it would for ever, before Python 3.13."""
    messages: MessageQueue[int] = MessageQueue()
    waited: list[float] = []

    def wait() -> None:
        begun = time.monotonic()
        with pytest.raises(queue.Empty):
            messages.get(Deadline(0.3))
        waited.append(time.monotonic() - begun)

    interval = sys.getswitchinterval()
    reader = threading.Thread(target=wait, daemon=True)
    reader.start()
    time.sleep(0.1)  # so that it waits
    sys.setswitchinterval(10)  # nothing else runs from here on
    try:
        messages.put(1)
        assert messages.get(Deadline(0)) == 1
        end = time.monotonic() + 0.4
        while time.monotonic() < end:
            pass
    finally:
        sys.setswitchinterval(interval)
    reader.join(5)

    assert len(waited) == 1


def test_each_reader_is_woken_for_what_is_there() -> None:
    """Messages that come while several threads wait are had by as many, and each hears of the end."""
    messages: MessageQueue[int] = MessageQueue()
    had: MessageQueue[int | str] = MessageQueue()
    all_have_one = threading.Barrier(8)

    def read() -> None:
        had.put(messages.get(Deadline(10)))
        all_have_one.wait(10)
        with pytest.raises(ClosedError):
            messages.get(Deadline(10))
        had.put("ended")

    readers = [threading.Thread(target=read) for _ in range(8)]
    for reader in readers:
        reader.start()
    for number in range(8):
        messages.put(number)
    assert sorted(int(had.get(Deadline(10))) for _ in readers) == list(range(8))
    messages.fail()

    assert [had.get(Deadline(10)) for _ in readers] == ["ended"] * 8


def test_what_comes_after_the_end_is_forgotten() -> None:
    """A messages that has ended takes no more."""
    messages: MessageQueue[int] = MessageQueue()
    messages.fail()
    messages.put(1)

    with pytest.raises(ClosedError):
        messages.get(Deadline(0.0))
    assert len(messages) == 0


def test_the_first_result_counts() -> None:
    """What comes after a value or an error is not heard."""
    result: Result[int] = Result()
    result.resolve(1)
    result.resolve(2)
    result.fail(ValueError("late"))

    assert result.wait(1)
    assert result.get() == 1


def test_what_begins_badly_is_the_result(bridge: Bridge) -> None:
    """An error on the loop, where the work begins, comes to who waits for it."""

    def begin() -> None:
        raise ValueError("not like this")

    with pytest.raises(ValueError, match="not like this"):
        bridge.exchange(Endless(begin), 5)


def test_a_loop_that_is_blocked_is_told(bridge: Bridge) -> None:
    """Something that does not give way on the loop cannot hang an exchange: its error says what is wrong."""
    release = blocked(bridge)
    try:
        with pytest.raises(DeadlinePassed):
            bridge.exchange(Endless(), 0.05)
    finally:
        release.set()


def test_what_a_blocked_loop_comes_to_after_the_call_is_not_begun(bridge: Bridge) -> None:
    """An exchange that ended while the loop was blocked never begins."""
    begun: list[int] = []
    release = blocked(bridge)
    with pytest.raises(DeadlinePassed):
        bridge.exchange(Endless(lambda: begun.append(1)), 0.05)
    release.set()

    bridge.run(asyncio.sleep, 0, timeout=5)
    assert begun == []


def test_a_function_whose_time_is_over_before_it_begins_never_does(bridge: Bridge) -> None:
    """What the loop comes to only after the deadline is not begun."""
    begun: list[int] = []

    async def function() -> None:
        begun.append(1)

    release = blocked(bridge)
    threading.Timer(0.2, release.set).start()
    with pytest.raises(DeadlinePassed):
        bridge.run(function, timeout=0.05)

    bridge.run(asyncio.sleep, 0, timeout=5)
    assert begun == []


def test_the_last_moments_result_counts(bridge: Bridge) -> None:
    """A function that has its result when it is cancelled returns it."""

    async def function() -> int:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            return 5
        return 0

    assert bridge.run(function, timeout=0.05) == 5


def test_an_answer_of_the_resolver_that_nobody_waits_for_is_no_harm(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that is resolved after its dialling was given up disturbs nothing."""
    asked, release, answered = threading.Event(), threading.Event(), threading.Event()

    def resolve(*_: Any, **__: Any) -> list[Any]:
        asked.set()
        release.wait(10)
        answered.set()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    resolving = [thread.name for thread in threading.enumerate()].count("wasmcloud_ctl-resolver")

    async def look() -> None:
        await asyncio.get_running_loop().getaddrinfo("nats.example", 4222)

    with pytest.raises(DeadlinePassed):
        bridge.run(look, timeout=0.05)
    release.set()
    assert answered.wait(5)
    for thread in threading.enumerate():
        if thread.name == "wasmcloud_ctl-resolver" and not resolving:
            thread.join(5)

    assert bridge.run(asyncio.sleep, 0, "well", timeout=5) == "well"


# Ending -------------------------------------------------------------------------------------------------


def test_after_the_end_all_is_closed() -> None:
    """What is asked of a bridge that has ended is ClosedError, and who waits there learns of it."""
    bridge = Bridge("test-bridge")
    bridge.start(5)
    before: MessageQueue[None] = MessageQueue()
    bridge.watch(before)
    bridge.close(5)
    after: MessageQueue[None] = MessageQueue()
    bridge.watch(after)

    for messages in (before, after):
        with pytest.raises(ClosedError):
            messages.get(Deadline(0.0))
    with pytest.raises(ClosedError):
        bridge.exchange(Endless(), 5)
    with pytest.raises(ClosedError):
        bridge.run(asyncio.sleep, 0, timeout=5)


def test_a_cleanup_that_fails_does_not_keep_the_loop_from_ending(caplog: pytest.LogCaptureFixture) -> None:
    """It is run, and what it raises is logged."""

    async def fail() -> None:
        raise ValueError("cannot clean up")

    bridge = Bridge("test-bridge")
    bridge.start(5, fail)
    with caplog.at_level(logging.DEBUG, "wasmcloud_ctl"):
        bridge.close(5)

    assert not bridge.running
    assert [record.getMessage() for record in caplog.records] == ["closing: ValueError('cannot clean up')"]


def test_close_does_not_wait_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    """A loop that is blocked costs close its time, and is warned of."""
    bridge = Bridge("test-bridge")
    bridge.start(5)
    release = blocked(bridge)
    bridge.close(0.05)
    release.set()
    bridge.close(5)

    assert [record.getMessage() for record in caplog.records] == [
        "the client's thread did not end within 0.05 s of close()"
    ]
    assert not bridge.running


def test_a_fork_leaves_its_parents_bridge_alone(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    """In another process, neither a stop nor a close has any effect."""
    here = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: here + 1)
    bridge.stop_soon()
    bridge.close(5)
    monkeypatch.undo()

    assert bridge.run(asyncio.sleep, 0, "well", timeout=5) == "well"


def test_the_end_of_a_forked_childs_thread_ends_its_bridges(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stops them as the thread ends, but not at the interpreter's end."""
    monkeypatch.setattr(processes, "open_bridges", {bridge})
    thread_end = processes._ThreadEnd()
    thread_end.__del__(lambda: True)
    assert bridge.run(asyncio.sleep, 0, "well", timeout=5) == "well"
    thread_end.__del__()

    assert bridge._over.acquire(timeout=5)
    bridge._over.release()
    assert not bridge.running


def test_two_threads_get_one_thing() -> None:
    """A thing of the process is made once, whoever asks meanwhile."""
    made: list[int] = []
    making, go_on = threading.Event(), threading.Event()

    def make() -> int:
        made.append(1)
        making.set()
        go_on.wait(5)
        return len(made)

    things = PerProcess(make)
    got: list[int] = []
    first = threading.Thread(target=lambda: got.append(things.get()))
    first.start()
    assert making.wait(5)
    second = threading.Thread(target=lambda: got.append(things.get()))
    second.start()
    while not things._locks[os.getpid()].locked():
        pass
    time.sleep(0.05)  # for the second to come to the lock, which nothing tells
    go_on.set()
    first.join(5)
    second.join(5)

    assert got == [1, 1]


def test_each_reader_of_what_has_ended_gets_an_error_of_its_own() -> None:
    """One for all would gather, and keep, the frames of all that have ever asked."""
    messages: MessageQueue[int] = MessageQueue()
    messages.fail(NotConnectedError("it is gone", subject="a.b"))

    caught = []
    for _ in range(2):
        with pytest.raises(CtlError) as one:
            messages.get(Deadline(0.0))
        caught.append(one.value)

    assert [(type(error), str(error), vars(error)) for error in caught] == [
        (NotConnectedError, "it is gone", {"subject": "a.b", "sent": False})
    ] * 2
    assert caught[0] is not caught[1]
