"""What threads hand to each other: results, messages, and the deadlines of waiting for them."""

from __future__ import annotations

import copy
import queue
import threading
import time
from collections import deque
from typing import Generic, TypeVar

from wasmcloud_ctl.exceptions import ClosedError

T = TypeVar("T")

# For state that calling threads share. Never held while user code runs.
Lock = threading.Lock


def _wait_for(lock: threading.Lock, seconds: float | None) -> bool:
    return lock.acquire(True, -1 if seconds is None else min(seconds, threading.TIMEOUT_MAX))


class Deadline:
    """The time that a call has in all, spent across its steps."""

    __slots__ = ("_end",)

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Return the remaining seconds, 0.0 when the time is up."""
        return max(0.0, self._end - time.monotonic())


class Result(Generic[T]):
    """One value or error that the loop's thread hands to one waiting thread.

    The loop's thread calls ``resolve`` or ``fail``; the first call counts. The caller's thread calls ``wait`` and
    then ``get``.
    """

    __slots__ = ("_error", "_lock", "_value", "done")

    def __init__(self) -> None:
        # A plain lock, acquired now and released once. An Event is slower: it has a Condition inside.
        self._lock = threading.Lock()
        self._lock.acquire()
        self.done: bool = False
        self._value: T | None = None
        self._error: BaseException | None = None

    def resolve(self, value: T) -> None:
        """Set the value, unless the result is done."""
        if not self.done:
            self.done = True
            self._value = value
            self._lock.release()

    def fail(self, error: BaseException) -> None:
        """Set the error, unless the result is done."""
        if not self.done:
            self.done = True
            self._error = error
            self._lock.release()

    def wait(self, seconds: float | None) -> bool:
        """Wait, without a limit for None. Return whether the result is done. Do not wait again after a True."""
        return _wait_for(self._lock, seconds)

    def get(self) -> T:
        """Return the value, or raise the error. Call it once, after ``wait`` returned True."""
        error, self._error = self._error, None
        if error is None:
            return self._value  # type: ignore[return-value]  # None is a value where T allows it
        try:
            raise error
        finally:
            # The traceback refers to the callers' frames. A frame that also referred to the error would make a
            # reference cycle, and keep all of their variables until the garbage collector runs.
            del error


class MessageQueue(Generic[T]):
    """Messages from the loop's thread to any number of reading threads.

    A full queue drops its oldest message, or the new one with ``drop_newest``. ``dropped`` counts them. Items of the
    class ``kept`` are never dropped.
    """

    __slots__ = (
        "__weakref__",
        "_drop_newest",
        "_error",
        "_items",
        "_kept",
        "_maxsize",
        "_ready",
        "dropped",
        "ended",
    )

    def __init__(
        self, maxsize: int | None = None, drop_newest: bool = False, kept: type | tuple[()] = ()
    ) -> None:
        # Not queue.SimpleQueue: before Python 3.13, its get(timeout) can wait for ever when the time is up before
        # the thread begins to wait. Not queue.Queue: a reader that Ctrl-C interrupts can swallow the notification
        # that was meant for another reader.
        self._items: deque[T] = deque()
        # Held while the queue is empty; a reader that acquires it releases it again if items remain.
        self._ready = threading.Lock()
        self._ready.acquire()
        self._maxsize = maxsize
        self._drop_newest = drop_newest
        self._kept = kept
        self._error: Exception = ClosedError("the receiver is closed")
        self.ended: bool = False
        self.dropped: int = 0

    def put(self, item: T) -> None:
        """Add a message. Only the loop's thread calls this, so that the limit and the count are exact."""
        if self.ended:
            return
        if (
            self._maxsize is not None
            and len(self._items) >= self._maxsize
            and not isinstance(item, self._kept)
        ):
            if self._drop_newest:
                self.dropped += 1
                return
            self._drop_oldest()
        self._items.append(item)
        self._wake_reader()

    def _drop_oldest(self) -> None:
        kept = []
        try:
            while isinstance(oldest := self._items.popleft(), self._kept):
                kept.append(oldest)
            self.dropped += 1
        except IndexError:
            pass  # nothing to drop: all items are kept, or a reader was quicker
        self._items.extendleft(reversed(kept))

    def fail(self, error: Exception | None = None) -> None:
        """End the queue: readers get what it holds, and then ``error``, or a ClosedError."""
        if not self.ended:
            if error is not None:
                self._error = error
            self.ended = True
            self._wake_reader()

    def __len__(self) -> int:
        return len(self._items)

    def get(self, deadline: Deadline | None) -> T:
        """Remove and return the oldest message; wait for one, without a limit for None.

        Raises ``queue.Empty`` if none came in time, and the error of ``fail`` if the queue has ended and is empty.
        """
        try:
            return self._items.popleft()
        except IndexError:
            pass
        try:
            while True:
                # Read this first: after the end no message is added, so an empty queue then stays empty.
                ended = self.ended
                try:
                    return self._items.popleft()
                except IndexError:
                    pass
                if ended:
                    # Each reader gets its own copy: one shared error would collect the frames of all of them.
                    raise copy.copy(self._error)
                if not _wait_for(self._ready, None if deadline is None else deadline.left()):
                    raise queue.Empty
        finally:
            # Here, because Ctrl-C can come after the lock was acquired and before a message was taken.
            if self._items or self.ended:
                self._wake_reader()

    def _wake_reader(self) -> None:
        if self._ready.locked():
            try:
                self._ready.release()
            except RuntimeError:  # pragma: no cover – another thread has just released it
                pass
