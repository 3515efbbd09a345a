"""The lock that a host keeps its components, its providers and its registries under."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class ReadWriteLock:
    """Many readers or one writer, in the order they came.

    The order can be noticed: a host that waits for an image while it reads makes the next writer wait, and
    behind that writer everyone who only wants to read, such as a request for the inventory.
    """

    def __init__(self) -> None:
        self._readers = 0
        self._writing = False
        self._waiting: deque[tuple[bool, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[None]:
        """Hold it with other readers."""
        await self._acquire(for_writing=False)
        try:
            yield
        finally:
            self._readers -= 1
            self._admit()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[None]:
        """Hold it alone."""
        await self._acquire(for_writing=True)
        try:
            yield
        finally:
            self._writing = False
            self._admit()

    def _free_for(self, writing: bool) -> bool:
        return not self._writing and (self._readers == 0 or not writing)

    async def _acquire(self, for_writing: bool) -> None:
        if not self._waiting and self._free_for(for_writing):
            self._take(for_writing)
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (for_writing, turn)
        self._waiting.append(entry)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                # It was admitted in the moment it was cancelled: hand it on.
                if for_writing:
                    self._writing = False
                else:
                    self._readers -= 1
            else:
                self._waiting.remove(entry)
            self._admit()
            raise

    def _take(self, for_writing: bool) -> None:
        if for_writing:
            self._writing = True
        else:
            self._readers += 1

    def _admit(self) -> None:
        while self._waiting:
            for_writing, turn = self._waiting[0]
            if turn.cancelled():
                # Its owner removes it as soon as it runs.
                return
            if not self._free_for(for_writing):
                return
            self._waiting.popleft()
            self._take(for_writing)
            turn.set_result(None)
