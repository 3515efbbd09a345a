"""Messages that the loop's thread handles itself, in slices.

Between two slices the loop does its other work. So a call of another thread waits for at most one slice.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, NoReturn, TypeVar

from wasmcloud_ctl._bridge.handover import Deadline
from wasmcloud_ctl.exceptions import ClosedError

T = TypeVar("T")

logger = logging.getLogger("wasmcloud_ctl")

# How long one slice may take. A message that takes longer by itself makes a longer slice.
SLICE_SECONDS = 0.005


class SlicedQueue(Generic[T]):
    """A queue whose messages the loop's thread handles. It takes the place of a MessageQueue. On the loop only.

    Three functions do the work. ``handle`` takes each message. ``publish`` runs at the end of each slice, and when
    the queue ends. It is given the number of messages that are still to be handled, and returns whether it has news.
    ``tell`` runs after it if there are news, or if that number has become 0.

    Only messages for which ``counts`` is true are in that number, and in ``waiting``.

    A full queue drops the new message, unless it is of a class that is ``kept``. ``dropped`` counts these, and the
    messages that could not be handled.
    """

    def __init__(
        self,
        handle: Callable[[T], None],
        publish: Callable[[int], bool],
        tell: Callable[[], None],
        *,
        counts: Callable[[T], bool],
        maxsize: int,
        kept: tuple[type, ...],
    ) -> None:
        self._handle = handle
        self._publish = publish
        self._tell = tell
        self._counts = counts
        self._maxsize = maxsize
        self._kept = kept
        self._items: deque[T] = deque()
        self._scheduled = False
        # How many messages were received and not published yet. Any thread may read this, and what is below.
        self.waiting: int = 0
        self.error: Exception = ClosedError("the view is closed")
        self.ended: bool = False
        self.dropped: int = 0

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> None:
        """Add a message. It is handled soon."""
        if self.ended:
            return
        if len(self._items) >= self._maxsize and not isinstance(item, self._kept):
            self.dropped += 1
            return
        self._items.append(item)
        self.waiting += self._counts(item)
        self.wake()

    def wake(self) -> None:
        """Have a slice run soon."""
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._run_slice)

    def _run_slice(self) -> None:
        self._scheduled = False
        if self.ended:
            return
        handled = 0
        end = time.monotonic() + SLICE_SECONDS
        while self._items:
            item = self._items.popleft()
            handled += self._counts(item)
            try:
                self._handle(item)
            except Exception as error:
                # An error in one message must not end the others. The owner mends what is missing now.
                logger.error("a message could not be handled: %r", error, exc_info=error)
                self.dropped += 1
            if time.monotonic() >= end:
                break
        if self.ended:
            return  # a message has ended it
        if self._items:
            self.wake()
        self._finish(handled)

    def _finish(self, handled: int) -> None:
        try:
            has_news = self._publish(self.waiting - handled)
        finally:
            self.waiting -= handled
        if has_news or (handled and not self.waiting):
            self._tell()

    def fail(self, error: Exception | None = None) -> None:
        """End the queue: no more messages are handled."""
        if not self.ended:
            if error is not None:
                self.error = error
            self.ended = True
            self._items.clear()
            self._finish(self.waiting)

    def get(self, deadline: Deadline | None) -> NoReturn:
        """Raise the error with which the queue has ended."""
        raise copy.copy(self.error)
