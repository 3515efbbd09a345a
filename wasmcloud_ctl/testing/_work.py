"""What hosts are at: each request, and whatever it sets off, is a task of its own, as on a real host."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import TYPE_CHECKING

from wasmcloud_ctl.testing._failure import Failure

if TYPE_CHECKING:
    from wasmcloud_ctl.testing._host import SimulatedHost

logger = logging.getLogger("wasmcloud_ctl.testing")


class Work:
    """The tasks of the hosts of one lattice. On the hosts' event loop only."""

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[None], SimulatedHost] = {}

    @property
    def busy(self) -> bool:
        """Whether any host is at something."""
        return bool(self._tasks)

    def begin(self, host: SimulatedHost, work: Coroutine[object, object, None]) -> None:
        """Have a host do something beside all else it does; a stalled one begins when it goes on."""

        async def guarded() -> None:
            try:
                await host.faults.awake.wait()
                await work
            except Failure as failure:
                logger.debug("%s: %s", host.id, failure.chain)
            except Exception:
                logger.exception("a practice host did what it should not have done")
            finally:
                work.close()

        task = asyncio.get_running_loop().create_task(guarded())
        self._tasks[task] = host
        task.add_done_callback(self._tasks.pop)

    def abandon(self, host: SimulatedHost) -> None:
        """End whatever a host is at, but for what asks for it."""
        current = asyncio.current_task()
        for task, owner in list(self._tasks.items()):
            if owner is host and task is not current:
                task.cancel()

    async def done(self) -> None:
        """Wait until no host is at anything."""
        while self._tasks:
            await asyncio.wait(list(self._tasks))
