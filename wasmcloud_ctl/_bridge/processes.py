"""Objects that each process makes for itself."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


def _do_nothing(_: object) -> None:
    pass


class PerProcess(Generic[T]):
    """An object that each process makes for itself at its first use, also a forked child.

    One thread at a time calls ``make``, and then ``start``, which makes the object ready for use. ``stop`` ends an
    object that was started, or half started; it takes no lock and does not wait. It is also called when this holder
    is dropped, so neither the object nor its helpers may refer to the holder.
    """

    def __init__(
        self,
        make: Callable[[], T],
        start: Callable[[T], None] = _do_nothing,
        stop: Callable[[T], None] = _do_nothing,
    ) -> None:
        self._make = make
        self._start = start
        self._stop = stop
        # By process id: a child neither sees the parent's object nor waits for a lock that a thread of the parent
        # held at the fork. Inherited objects stay referenced.
        self._ready: dict[int, T] = {}
        self._started: dict[int, T] = {}
        self._locks: dict[int, threading.Lock] = {}

    def get(self) -> T:
        """Return this process's object, and make it if needed. Raise whatever ``make`` and ``start`` raise."""
        pid = os.getpid()
        if pid not in self._ready:
            with self._locks.setdefault(pid, threading.Lock()):
                if pid not in self._ready:
                    self.stop()  # an attempt that Ctrl-C interrupted
                    # Stored before it is started, so that it can be stopped whenever Ctrl-C comes.
                    self._started[pid] = self._make()
                    self._start(self._started[pid])
                    self._ready[pid] = self._started[pid]
        return self._ready[pid]

    def peek(self) -> T | None:
        """Return this process's object if it is ready."""
        return self._ready.get(os.getpid())

    def stop(self) -> None:
        """Stop this process's object, also one that is not ready yet."""
        started = self._started.get(os.getpid())
        if started is not None:
            self._stop(started)

    def __del__(self, _finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        # At the interpreter's end modules may be empty, and no other thread runs. Without _locks, __init__ failed.
        if not _finalizing() and hasattr(self, "_locks"):
            self.stop()
