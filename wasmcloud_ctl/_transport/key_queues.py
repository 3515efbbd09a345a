"""FIFO queues by key."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class KeyQueues(Generic[T]):
    """A FIFO queue for each key: calls with the same key never overlap. Only used on the loop.

    The order is kept here and not by a lock, because Ctrl-C or a fork could leave a lock acquired.
    """

    def __init__(self) -> None:
        self._queues: dict[str, deque[T]] = {}

    def enter(self, key: str, call: T) -> bool:
        """Add a call. Return whether it is the first of its queue, so that it may start now."""
        calls = self._queues.setdefault(key, deque())
        calls.append(call)
        return calls[0] is call

    def leave(self, key: str, call: T) -> T | None:
        """Remove a call, wherever it stands. Return the call that may start now, if there is one."""
        calls = self._queues.get(key)
        if calls is None or call not in calls:
            return None
        was_first = calls[0] is call
        calls.remove(call)
        if not calls:
            del self._queues[key]
            return None
        return calls[0] if was_first else None
