"""The lock that guards a host's components, its providers, and its registries."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class ReadWriteLock:
    """A fair lock for many readers or one writer, granted in the order of the requests (as tokio's ``RwLock``).

    A client can observe this order. While a host holds the lock for reading and waits for an image, the next writer
    waits, and behind it every later reader, such as a request for the inventory.
    """

    def __init__(self) -> None:
        self._readers = 0
        self._writing = False
        self._waiting: deque[tuple[bool, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[None]:
        """Hold the lock together with other readers."""
        await self._acquire(for_writing=False)
        try:
            yield
        finally:
            self._readers -= 1
            self._admit()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[None]:
        """Hold the lock exclusively."""
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
                # The lock was granted just before the cancellation: release it.
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
                # The cancelled task removes its entry when it runs.
                return
            if not self._free_for(for_writing):
                return
            self._waiting.popleft()
            self._take(for_writing)
            turn.set_result(None)
