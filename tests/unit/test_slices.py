"""The queue whose messages the loop's thread handles in slices."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine

import pytest

from wasmcloud_ctl._bridge.slices import SLICE_SECONDS, SlicedQueue
from wasmcloud_ctl.exceptions import ClosedError


class Owner:
    """Takes the messages of a queue, and notes what the queue does."""

    def __init__(self, handle: Callable[[int], None] = lambda item: None, maxsize: int = 1000) -> None:
        self.handled: list[int | str] = []
        self.published: list[int] = []
        self.told: list[int] = []
        self.news = False
        self._handle = handle
        self.queue: SlicedQueue[int | str] = SlicedQueue(
            self.take,
            self.publish,
            lambda: self.told.append(self.queue.waiting),
            counts=lambda item: item != 0,
            maxsize=maxsize,
            kept=(str,),
        )

    def take(self, item: int | str) -> None:
        self.handled.append(item)
        if isinstance(item, int):
            self._handle(item)

    def publish(self, left: int) -> bool:
        self.published.append(left)
        return self.news


def run(function: Callable[[], Coroutine[object, object, None]]) -> None:
    asyncio.run(function())


async def until_empty(owner: Owner) -> None:
    while len(owner.queue):
        await asyncio.sleep(0)
    await asyncio.sleep(0)


def test_messages_are_handled_in_order() -> None:
    """None is handled while it is put; all are soon. publish and tell have the number that is left."""
    owner = Owner()

    async def main() -> None:
        for item in (1, 2, "three", 0):
            owner.queue.put(item)
        assert owner.handled == []
        assert owner.queue.waiting == 3
        await until_empty(owner)

    run(main)
    assert owner.handled == [1, 2, "three", 0]
    assert (owner.published, owner.told, owner.queue.waiting) == ([0], [0], 0)


def test_messages_that_do_not_matter_tell_nobody() -> None:
    """Unless publish says that there is news."""
    owner = Owner()

    async def main() -> None:
        owner.queue.put(0)
        await until_empty(owner)
        assert (owner.published, owner.told) == ([0], [])
        owner.news = True
        owner.queue.put(0)
        await until_empty(owner)

    run(main)
    assert (owner.published, owner.told) == ([0, 0], [0])


def test_slow_messages_leave_the_loop_to_others_between_slices() -> None:
    """A slice ends after the message in which its time is over; what is left counts until it has been published."""
    owner = Owner(lambda item: time.sleep(SLICE_SECONDS * 0.6))
    turns: list[int] = []

    async def main() -> None:
        for item in range(1, 7):
            owner.queue.put(item)
        while len(owner.queue):
            await asyncio.sleep(0)
            turns.append(len(owner.handled))

    run(main)
    # Two messages fill a slice. A busy machine may make it one.
    assert all(later - earlier <= 2 for earlier, later in zip([0, *turns], turns, strict=False))
    assert len(owner.published) >= 3
    assert owner.published[-1] == 0
    assert owner.published == sorted(owner.published, reverse=True)
    assert owner.told == [0]
    assert owner.handled == [1, 2, 3, 4, 5, 6]


def test_a_message_that_takes_long_by_itself_is_a_slice_of_its_own() -> None:
    """No message is cut."""
    owner = Owner(lambda item: time.sleep(2 * SLICE_SECONDS))

    async def main() -> None:
        owner.queue.put(1)
        owner.queue.put(2)
        await asyncio.sleep(0)
        assert owner.handled == [1]
        await until_empty(owner)

    run(main)
    assert (owner.handled, owner.published, owner.told) == ([1, 2], [1, 0], [0])


def test_an_exception_in_a_handler_does_not_stop_later_messages(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and counts as a message that was dropped."""

    def fail(item: int) -> None:
        if item == 2:
            raise ZeroDivisionError("oops")

    owner = Owner(fail)

    async def main() -> None:
        for item in (1, 2, 3):
            owner.queue.put(item)
        await until_empty(owner)

    run(main)
    assert owner.handled == [1, 2, 3]
    assert (owner.queue.dropped, owner.queue.waiting) == (1, 0)
    assert [record.getMessage() for record in caplog.records] == [
        "a message could not be handled: ZeroDivisionError('oops')"
    ]


def test_a_full_queue_drops_new_messages_but_none_of_the_kept_class() -> None:
    """They are counted."""
    owner = Owner(maxsize=2)

    async def main() -> None:
        for item in (1, 2, 3, "kept", 4, "too"):
            owner.queue.put(item)
        assert (owner.queue.dropped, owner.queue.waiting) == (2, 4)
        await until_empty(owner)
        owner.queue.put(5)
        await until_empty(owner)

    run(main)
    assert owner.handled == [1, 2, "kept", "too", 5]
    assert owner.queue.dropped == 2


def test_a_queue_that_has_ended_handles_nothing_more() -> None:
    """Its owner is told once, and get raises a copy of the error each time."""
    owner = Owner()
    owner.news = True
    error = ValueError("the end")

    async def main() -> None:
        owner.queue.put(1)
        owner.queue.fail(error)
        owner.queue.put(2)
        owner.queue.fail(ValueError("another one"))
        await asyncio.sleep(0)

    run(main)
    assert owner.handled == []
    assert (len(owner.queue), owner.queue.waiting, owner.queue.ended) == (0, 0, True)
    assert (owner.published, owner.told) == ([0], [0])
    for _ in range(2):
        with pytest.raises(ValueError, match="the end") as caught:
            owner.queue.get(None)
        assert caught.value is not error


def test_a_queue_that_ends_without_an_error_is_closed() -> None:
    """ClosedError."""
    owner = Owner()

    async def main() -> None:
        owner.queue.fail()

    run(main)
    with pytest.raises(ClosedError, match="the view is closed"):
        owner.queue.get(None)


def test_a_handler_can_end_the_queue() -> None:
    """What is left is not handled."""
    owner = Owner(lambda item: owner.queue.fail())

    async def main() -> None:
        owner.queue.put(1)
        owner.queue.put(2)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    run(main)
    assert owner.handled == [1]
    assert owner.queue.waiting == 0
    assert owner.queue.ended


def test_wake_has_a_slice_run_without_a_message() -> None:
    """So the owner publishes what a timer has changed; once, however often it is called."""
    owner = Owner()

    async def main() -> None:
        owner.queue.wake()
        owner.queue.wake()
        await asyncio.sleep(0)

    run(main)
    assert (owner.published, owner.told) == ([0], [])


def test_a_message_that_comes_while_the_owner_publishes_is_counted() -> None:
    """A request that cannot be sent has its error at once. The count is 0 when all is handled, and never below."""
    owner = Owner()

    def publish(left: int) -> bool:
        if owner.handled == [1]:
            owner.queue.put(2)
        return False

    queue: SlicedQueue[int | str] = SlicedQueue(
        owner.take, publish, lambda: None, counts=lambda item: True, maxsize=10, kept=(str,)
    )
    owner.queue = queue

    async def main() -> None:
        queue.put(1)
        await asyncio.sleep(0)
        assert (len(queue), queue.waiting) == (1, 1)
        await until_empty(owner)

    run(main)
    assert owner.handled == [1, 2]
    assert queue.waiting == 0
