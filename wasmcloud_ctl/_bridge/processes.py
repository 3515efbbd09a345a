"""Processes: what each one makes for itself, and what is done when it forks or ends.

A forked child has the parent's objects but not its threads, so it must not use an inherited bridge. It must not close
one either: both processes share the event loop's epoll descriptor, and closing the loop in the child breaks the
parent's. So inherited bridges are left alone, and kept alive.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from wasmcloud_ctl._bridge.handover import Deadline

T = TypeVar("T")

# How long an exiting process waits for its bridges. Only a blocked loop takes it.
_EXIT_SECONDS = 1.5


class Closable(Protocol):
    """What a process closes when it ends: a bridge."""

    ended_by_exit: bool

    def stop_soon(self) -> None: ...
    def close(self, timeout: float) -> None: ...


# The bridges to close when this process ends, and those of the processes that it is a fork of.
open_bridges: weakref.WeakSet[Closable] = weakref.WeakSet()
_inherited: list[Closable] = []


class _ThreadEnd:
    """Ends all bridges when the thread that holds this ends.

    A child that was forked in a thread other than the main one runs no atexit functions. It ends when its last thread
    does, daemon or not, and a bridge has one.
    """

    def __del__(self, _finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        if not _finalizing():
            for bridge in list(open_bridges):
                bridge.stop_soon()


_of_thread = threading.local()


def _after_fork_in_child() -> None:
    """Keep the parent's bridges alive, and do not close them at exit."""
    global open_bridges
    _inherited.extend(open_bridges)
    open_bridges = weakref.WeakSet()
    _of_thread.end = _ThreadEnd()


if hasattr(os, "register_at_fork"):  # pragma: no branch – Windows has no fork
    os.register_at_fork(after_in_child=_after_fork_in_child)


@atexit.register
def _close_at_exit() -> None:
    """Close the bridges that this process left open."""
    bridges = list(open_bridges)
    for bridge in bridges:
        bridge.ended_by_exit = True
        bridge.stop_soon()
    deadline = Deadline(_EXIT_SECONDS)
    try:
        for bridge in bridges:
            bridge.close(deadline.left())
    except KeyboardInterrupt:
        pass  # the user is in a hurry, and all bridges have been asked to end


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
