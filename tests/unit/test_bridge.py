"""What crosses to the loop's thread, where that cannot be seen through a client."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator

import pytest

from wasmcloud_ctl._bridge.handover import Result
from wasmcloud_ctl._bridge.loop import Bridge
from wasmcloud_ctl.exceptions import ClosedError


@pytest.fixture
def bridge() -> Iterator[Bridge]:
    """A bridge that runs."""
    started = Bridge("test")
    started.start(10.0)
    yield started
    started.close(10.0)


class _Noted:
    """Work that notes what happens on the loop."""

    def __init__(self, done: list[str]) -> None:
        self.result: Result[str] = Result()
        self.abandoned: bool = False
        self._done = done

    def begin(self) -> None:
        self._done.append("begin")
        self.result.resolve("answer")

    def abandon(self) -> None:
        self._done.append("abandon")
        self.result.fail(ClosedError("abandoned"))


def _exchange(bridge: Bridge, done: list[str]) -> str:
    return bridge.exchange(_Noted(done), 10.0)


class _Counting(deque[Callable[[], None]]):
    """A queue that tells when so many have been put into it."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.full = threading.Event()
        self._count = count

    def append(self, begin: Callable[[], None], /) -> None:
        super().append(begin)
        if len(self) == self._count:
            self.full.set()


def test_one_wake_up_serves_all_threads_that_call_while_the_loop_is_busy(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five calls that come while the loop does something else are begun by one callback."""
    busy = threading.Event()
    waiting = _Counting(5)
    wake_ups = 0
    done: list[str] = []
    post = bridge.post
    monkeypatch.setattr(bridge, "_submitted", waiting)

    def counting(*work: Callable[[], None]) -> None:
        nonlocal wake_ups
        wake_ups += 1
        post(*work)

    monkeypatch.setattr(bridge, "post", counting)
    post(busy.wait, 10.0)
    threads = [threading.Thread(target=_exchange, args=(bridge, done)) for _ in range(5)]
    for thread in threads:
        thread.start()
    assert waiting.full.wait(10.0)
    busy.set()
    for thread in threads:
        thread.join()

    assert done == ["begin"] * 5
    assert wake_ups == 1


def test_a_call_interrupted_before_it_woke_the_loop_never_begins(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C between the two leaves nothing that would begin later, and the next call wakes the loop again."""
    done: list[str] = []
    post = bridge.post

    def interrupted(*work: Callable[[], None]) -> None:
        monkeypatch.setattr(bridge, "post", post)
        raise KeyboardInterrupt

    monkeypatch.setattr(bridge, "post", interrupted)
    with pytest.raises(KeyboardInterrupt):
        _exchange(bridge, done)

    assert done == ["abandon"]
    assert _exchange(bridge, done) == "answer"


def test_no_call_begins_on_a_bridge_that_has_ended(bridge: Bridge) -> None:
    """Also not where another call has woken the loop and it never came to it."""
    bridge.close(10.0)
    bridge._wake_pending = True
    done: list[str] = []

    with pytest.raises(ClosedError, match="the client is closed"):
        _exchange(bridge, done)

    assert done == []


def test_a_call_after_the_interpreters_exit_says_why_the_client_is_closed(bridge: Bridge) -> None:
    """The exit closes a client that the program left open; each way into the bridge says so."""
    bridge.ended_by_exit = True
    bridge.close(10.0)
    message = "the client is closed, because Python is ending"
    done: list[str] = []

    with pytest.raises(ClosedError, match=message):
        _exchange(bridge, done)
    with pytest.raises(ClosedError, match=message):
        bridge.post(print)
    with pytest.raises(ClosedError, match=message):
        bridge.refuse_ended()

    assert done == []
