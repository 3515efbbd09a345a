"""What each process has for itself: a forked child makes its own."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


def _nothing(_: object) -> None:
    pass


class PerProcess(Generic[T]):
    """A thing that each process makes for itself, at its first use: a forked child makes its own.

    Args:
        make: Makes it. It is called by one thread at a time.
        start: Makes it ready for use, if that takes more.
        stop: Ends what has been started, or has been by half; takes no lock and waits for nothing. It is called when
            this object is dropped, which the thing and whatever works for it must therefore not hold.
    """

    def __init__(
        self,
        make: Callable[[], T],
        start: Callable[[T], None] = _nothing,
        stop: Callable[[T], None] = _nothing,
    ) -> None:
        self._make = make
        self._start = start
        self._stop = stop
        # By process id, so that a child neither sees the parent's thing nor waits for a lock that a thread of
        # the parent held at the fork. What is inherited stays referenced.
        self._things: dict[int, T] = {}
        self._begun: dict[int, T] = {}
        self._locks: dict[int, threading.Lock] = {}

    def get(self) -> T:
        """The thing of this process, made now if need be; or whatever ``make`` and ``start`` raise."""
        pid = os.getpid()
        thing = self._things.get(pid)
        if thing is None:
            with self._locks.setdefault(pid, threading.Lock()):
                thing = self._things.get(pid)
                if thing is None:
                    self.stop()  # what may be left of an attempt that Ctrl-C has ended
                    # Held before it is started: whenever Ctrl-C comes, it can be stopped.
                    begun = self._begun[pid] = self._make()
                    self._start(begun)
                    thing = self._things[pid] = begun
        return thing

    def peek(self) -> T | None:
        """The thing of this process, if there is one."""
        return self._things.get(os.getpid())

    def stop(self) -> None:
        """Stop the thing of this process, also one that is not ready yet."""
        begun = self._begun.get(os.getpid())
        if begun is not None:
            self._stop(begun)

    def __del__(self, _finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        # When the interpreter ends no other thread runs any more, and modules may be empty.
        if not _finalizing() and hasattr(self, "_locks"):  # else it was never finished
            self.stop()
