"""Requests and a subscription that go on between calls. Their messages are handled on the loop.

A live view needs this: it listens to events, and asks hosts, without a thread that waits for the replies.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any

from wasmcloud_ctl._bridge.slices import SlicedQueue
from wasmcloud_ctl._transport.calls import Handler, QueuedCall, Reply, Subscription
from wasmcloud_ctl._transport.session import Session
from wasmcloud_ctl.events import Gap

# How many messages may wait to be handled. An owner that falls further behind lists everything anew.
_MAXSIZE = 65536


class Background:
    """The requests and the subscription of one owner. On the loop only, unless a method says otherwise.

    ``on_message`` is called with the data of each message of the subscription, and ``on_gap`` when the connection is
    back after a loss. ``publish`` and ``tell`` are those of a SlicedQueue. Messages of the subject ``uncounted`` do
    not count there: heartbeats come all the time, and rarely say anything new.
    """

    def __init__(
        self,
        session: Session,
        subjects: Sequence[str],
        on_message: Callable[[bytes], None],
        on_gap: Callable[[], None],
        publish: Callable[[int], bool],
        tell: Callable[[], None],
        uncounted: str = "",
    ) -> None:
        self._session = session
        self._on_message = on_message
        self._on_gap = on_gap
        self._uncounted = uncounted.encode()
        self.queue: SlicedQueue[Any] = SlicedQueue(
            self._handle, publish, tell, counts=self._counts, maxsize=_MAXSIZE, kept=(Reply, Gap)
        )
        self._subscription = Subscription(
            session, tuple(subjects), self.queue, lambda subject, data: (subject, data), True
        )
        # By number, so that a call does not refer to itself, and neither does a timer: such a cycle would keep them.
        self._numbers = itertools.count()
        self._calls: dict[int, QueuedCall] = {}
        self._timers: dict[int, asyncio.TimerHandle] = {}

    def _counts(self, item: Any) -> bool:
        # A Reply is a tuple, too, of a class of its own.
        return type(item) is not tuple or item[0] != self._uncounted

    def _handle(self, item: Any) -> None:
        match item:
            case Reply():
                item.handler(item)
            case Gap():
                self._on_gap()
            case _:
                self._on_message(item[1])

    @property
    def connected(self) -> bool:
        """Whether this process has a connection now. Any thread may ask."""
        return self._session.connected and not self._session.bridge.inherited

    @property
    def gaps(self) -> int:
        """How often the connection was lost. Any thread may ask."""
        return self._subscription.gaps

    def begin(self) -> None:
        """Subscribe. Requests that are sent afterwards reach the server later than the subscription."""
        self._subscription.begin()

    def ask(self, subject: str, payload: bytes, timeout: float, handler: Handler) -> None:
        """Send a request. ``handler`` takes its reply or its error; after ``timeout``, a RequestTimeout."""
        number = next(self._numbers)
        on_reply = functools.partial(self._on_reply, number, handler)
        call = QueuedCall(self._session, subject, payload, None, False, True, self.queue, on_reply)
        self._calls[number] = call
        self._start_timer(number, timeout, functools.partial(call.expire, timeout))
        call.begin()

    def _on_reply(self, number: int, handler: Handler, reply: Reply) -> None:
        self.cancel(number)
        self._calls.pop(number, None)
        handler(reply)

    def gather(self, subject: str, handler: Handler) -> int:
        """Send a request to all hosts. ``handler`` takes each reply until ``end_gather`` is given the number."""
        number = next(self._numbers)
        call = QueuedCall(self._session, subject, b"", None, False, False, self.queue, handler)
        self._calls[number] = call
        call.begin()
        return number

    def end_gather(self, number: int) -> None:
        """Take no more replies."""
        self._calls.pop(number).withdraw()

    def call_later(self, seconds: float, function: Callable[[], None]) -> int:
        """Call a function later, unless this is closed before. Return the number with which to cancel that."""
        number = next(self._numbers)
        self._start_timer(number, seconds, function)
        return number

    def _start_timer(self, number: int, seconds: float, function: Callable[[], None]) -> None:
        run = functools.partial(self._run_timer, number, function)
        self._timers[number] = asyncio.get_running_loop().call_later(seconds, run)

    def _run_timer(self, number: int, function: Callable[[], None]) -> None:
        del self._timers[number]
        function()
        self.queue.wake()  # what the function has changed is published

    def cancel(self, number: int | None) -> None:
        """Do not call this later."""
        timer = None if number is None else self._timers.pop(number, None)
        if timer is not None:
            timer.cancel()

    def close(self) -> None:
        """End everything."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        for call in self._calls.values():
            call.withdraw()
        self._calls.clear()
        self._subscription.end()
