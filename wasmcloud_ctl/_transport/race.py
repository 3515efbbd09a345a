"""Start several attempts a moment apart, and take the first that succeeds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

T = TypeVar("T")

# Servers, and the addresses of one server, are dialled side by side; each begins this long after the one before. A
# server that does not answer must not use up the whole time.
STAGGER_SECONDS = 0.25


class AllFailed(Exception):
    """No attempt succeeded. ``args`` are their errors, in the order in which they failed."""


async def race(
    starts: Sequence[Callable[[], Coroutine[Any, Any, T]]], pause: float, discard: Callable[[T], object]
) -> T:
    """Run attempts, and start each when the one before has failed or ``pause`` seconds have passed.

    Returns the first result. ``discard`` takes the result of each attempt that succeeds too late.
    """
    waiting = list(reversed(starts))
    running: set[asyncio.Task[T]] = set()
    errors: list[BaseException] = []

    def settle(task: asyncio.Task[T]) -> None:
        # Reading the exception keeps asyncio from logging it.
        if not task.cancelled() and task.exception() is None:
            discard(task.result())

    try:
        while waiting or running:
            if waiting:
                running.add(asyncio.create_task(waiting.pop()()))
            done, running = await asyncio.wait(
                running, timeout=pause if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                error = task.exception()
                if error is None:
                    running |= done - {task}
                    return task.result()
                errors.append(error)
        raise AllFailed(*errors)
    finally:
        for task in running:
            task.cancel()
            task.add_done_callback(settle)
