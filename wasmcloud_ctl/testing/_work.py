"""The tasks of hosts. As on a real host, each request and each background job is a task of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine

from wasmcloud_ctl.testing._failure import Failure
from wasmcloud_ctl.testing._host import SimulatedHost

logger = logging.getLogger("wasmcloud_ctl.testing")


class Work:
    """The tasks of the hosts of one lattice. To be used on the hosts' event loop only."""

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[None], SimulatedHost] = {}

    @property
    def busy(self) -> bool:
        """Whether any host has a running task."""
        return bool(self._tasks)

    def begin(self, host: SimulatedHost, work: Coroutine[object, object, None]) -> None:
        """Start a task for a host. If the host is stalled, the task starts when it resumes."""

        async def guarded() -> None:
            try:
                await host.faults.awake.wait()
                await work
            except Failure as failure:
                logger.debug("%s: %s", host.id, failure.chain)
            except Exception:
                logger.exception("unexpected exception in a practice host")

        task = asyncio.get_running_loop().create_task(guarded())
        self._tasks[task] = host
        task.add_done_callback(self._tasks.pop)
        # A task that is cancelled before it begins never awaits the work, of which Python would warn.
        task.add_done_callback(lambda _: work.close())

    def abandon(self, host: SimulatedHost) -> None:
        """Cancel all tasks of a host, except the current one."""
        current = asyncio.current_task()
        for task, owner in list(self._tasks.items()):
            if owner is host and task is not current:
                task.cancel()

    async def done(self) -> None:
        """Wait until no host has a running task."""
        while self._tasks:
            await asyncio.wait(list(self._tasks))
