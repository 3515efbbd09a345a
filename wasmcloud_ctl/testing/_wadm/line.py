"""A line of items that are handled one after the other."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")

logger = logging.getLogger("wasmcloud_ctl.testing")


class Line(Generic[T]):
    """Handles items one after the other, from ``start`` to ``stop``.

    Args:
        handle: Handles one item.

    Attributes:
        open: Cleared while no item is handled.
    """

    def __init__(self, handle: Callable[[T], Awaitable[None]]) -> None:
        self.open: asyncio.Event = asyncio.Event()
        self._handle = handle
        self._items: deque[T] = deque()
        self._waiting = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether there are items that were not handled."""
        return not self._idle.is_set()

    def add(self, item: T) -> None:
        """Add an item to the end of the line."""
        self._items.append(item)
        self._waiting.set()
        self._idle.clear()

    def start(self) -> None:
        """Begin to handle items."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    def stop(self) -> None:
        """End, even in the middle of an item, and drop the items that are left."""
        if self._task is not None:
            self._task.cancel()
        self._items.clear()
        self._waiting.clear()
        self._idle.set()

    async def done(self) -> None:
        """Wait until all items are handled."""
        await self._idle.wait()

    async def _run(self) -> None:
        while True:
            await self._waiting.wait()
            await self.open.wait()
            while self._items and self.open.is_set():
                try:
                    await self._handle(self._items.popleft())
                except Exception:
                    logger.exception("unexpected exception in a practice wadm")
            if not self._items:
                self._waiting.clear()
                self._idle.set()
