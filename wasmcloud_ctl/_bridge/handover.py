"""What crosses between the loop's thread and the callers' threads: results, queues, deadlines."""

from __future__ import annotations

import copy
import queue
import sys
import threading
import time
from collections import deque
from typing import Generic, TypeVar

from wasmcloud_ctl.exceptions import ClosedError

T = TypeVar("T")

# Waiting on a lock cannot be interrupted on Windows: Ctrl-C is seen between slices of this length.
_SLICE_SECONDS = 0.1 if sys.platform == "win32" else None

# For the few who share something between calling threads. Never held while user code runs.
Lock = threading.Lock


def acquire(lock: threading.Lock, seconds: float, taken: list[bool]) -> None:
    """Take a lock, waiting for it, so that Ctrl-C cannot leave it taken. (A ``with`` statement cannot either, but has
    no timeout.)

    Args:
        lock: The lock.
        seconds: How long to wait.
        taken: Gets whether it was taken; it is to be released in a ``finally`` if there is a True in this.
    """
    # Ctrl-C comes between calls, and this is one: the lock is not taken without the list being told.
    taken.extend(map(lock.acquire, [True], [min(seconds, threading.TIMEOUT_MAX)]))


def _wait_for(lock: threading.Lock, seconds: float | None) -> bool:
    """Take a lock, waiting for it (None: as long as it takes), so that Ctrl-C is seen meanwhile.

    Returns:
        Whether it was taken.
    """
    if _SLICE_SECONDS is None:
        return lock.acquire(True, -1 if seconds is None else min(seconds, threading.TIMEOUT_MAX))
    end = None if seconds is None else time.monotonic() + seconds
    while True:
        left = _SLICE_SECONDS if end is None else min(_SLICE_SECONDS, end - time.monotonic())
        if lock.acquire(True, max(0.0, left)):
            return True
        if end is not None and time.monotonic() >= end:
            return False


class Deadline:
    """One budget of time for a call, spent across its steps."""

    __slots__ = ("_end", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds: float = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """The seconds that are left, 0.0 when there are none."""
        return max(0.0, self._end - time.monotonic())


class DeadlinePassed(Exception):
    """The work that ``Bridge.run`` carried did not end in time; it has been cancelled."""


class Outcome(Generic[T]):
    """One result that the loop's thread hands to one waiting thread.

    The loop's side calls ``resolve`` or ``fail``, of which the first counts. The caller's side calls
    ``wait``, then ``result``.
    """

    __slots__ = ("_done", "_error", "_lock", "_value")

    def __init__(self) -> None:
        # A bare lock, taken at birth and released once: an Event would cost a Condition more.
        self._lock = threading.Lock()
        self._lock.acquire()
        self._done = False
        self._value: T | None = None
        self._error: BaseException | None = None

    @property
    def done(self) -> bool:
        """Whether there is a result."""
        return self._done

    def resolve(self, value: T) -> None:
        """Hand over a value, unless there is a result already."""
        if not self._done:
            self._done = True
            self._value = value
            self._lock.release()

    def fail(self, error: BaseException) -> None:
        """Hand over an error, unless there is a result already."""
        if not self._done:
            self._done = True
            self._error = error
            self._lock.release()

    def wait(self, seconds: float | None) -> bool:
        """Wait for the result; None waits as long as it takes.

        Returns:
            Whether there is one. It can be waited for once: a second wait that follows a True blocks.
        """
        return _wait_for(self._lock, seconds)

    def result(self) -> T:
        """The value, or raise the error. Only after ``wait`` said True, and once."""
        error, self._error = self._error, None
        if error is None:
            return self._value  # type: ignore[return-value]  # None is a value where T allows it
        try:
            raise error
        finally:
            # Its traceback has the callers' frames. If one of them had the error, they would all be kept, with what
            # their variables hold, until the garbage collector comes.
            del error


class Mailbox(Generic[T]):
    """Messages from the loop's thread, for any number of reading threads.

    Args:
        maxsize: How many it holds; None for no bound.
        drop_newest: Whether a full mailbox refuses the new message rather than forget its oldest.
    """

    __slots__ = ("__weakref__", "_drop_newest", "_ended", "_error", "_items", "_maxsize", "_news", "dropped")

    def __init__(self, maxsize: int | None = None, drop_newest: bool = False) -> None:
        # Not queue.SimpleQueue: before Python 3.13 its get(timeout) may never end, where the time is over before the
        # thread has come to wait. Not queue.Queue: a reader that Ctrl-C ends can take another's wake-up with it.
        self._items: deque[T] = deque()
        # Taken while nothing is new. Whoever is woken by it wakes the next, if something is left.
        self._news = threading.Lock()
        self._news.acquire()
        self._maxsize = maxsize
        self._drop_newest = drop_newest
        self._ended = False
        self._error: Exception = ClosedError("the receiver is closed")
        self.dropped: int = 0

    def put(self, item: T) -> None:
        """Add a message. On the loop's thread only, so that the bound and the count are exact."""
        if self._ended:
            return
        if self._maxsize is not None and len(self._items) >= self._maxsize:
            if self._drop_newest:
                self.dropped += 1
                return
            try:
                self._items.popleft()
            except IndexError:  # pragma: no cover – a reader was quicker, so there is room
                pass
            else:
                self.dropped += 1
        self._items.append(item)
        self._tell()

    def end(self, error: Exception | None = None) -> None:
        """Add no more. Readers get what is there, and then ``error`` or a ClosedError."""
        if not self._ended:
            if error is not None:
                self._error = error
            self._ended = True
            self._tell()

    # Under the name that an Outcome has for it, so that a bridge can end both.
    fail = end

    @property
    def ended(self) -> bool:
        """Whether no more will come."""
        return self._ended

    def waiting(self) -> int:
        """How many messages are there to be had at once."""
        return len(self._items)

    def get(self, seconds: float | None) -> T:
        """The oldest message, waiting for one; None waits as long as it takes.

        Raises:
            queue.Empty: None came in time.
            ClosedError: The mailbox has ended, or whatever error ended it.
        """
        try:
            return self._items.popleft()
        except IndexError:
            pass
        deadline = None if seconds is None else Deadline(seconds)
        try:
            while True:
                # First whether it has ended, and then what is there: after the end nothing comes.
                ended = self._ended
                try:
                    return self._items.popleft()
                except IndexError:
                    pass
                if ended:
                    # One of its own for each that asks: a shared one would gather, and keep, the frames of all.
                    raise copy.copy(self._error)
                if not _wait_for(self._news, None if deadline is None else deadline.left()):
                    raise queue.Empty
        finally:
            # Also where Ctrl-C has come between the waking and the taking.
            if self._items or self._ended:
                self._tell()

    def _tell(self) -> None:
        if self._news.locked():
            try:
                self._news.release()
            except RuntimeError:  # pragma: no cover – another thread has just told
                pass
