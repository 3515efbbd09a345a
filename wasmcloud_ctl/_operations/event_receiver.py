"""The receiver of a lattice's events."""

from __future__ import annotations

import logging
import queue
import sys
from collections.abc import Callable, Iterator
from typing import Generic, cast

from typing_extensions import TypeVar

from wasmcloud_ctl._bridge.handover import Deadline
from wasmcloud_ctl._options import arguments
from wasmcloud_ctl._protocol.cloud_events import decode_event
from wasmcloud_ctl._transport import Subscription
from wasmcloud_ctl.events import Event, Gap
from wasmcloud_ctl.exceptions import ClosedError, DecodeError, WaitTimeout

_logger = logging.getLogger("wasmcloud_ctl")

Item_co = TypeVar("Item_co", bound=Event | Gap, default=Event, covariant=True)


class EventReceiver(Generic[Item_co]):
    """Receives the events of a lattice. Made by ``Client.events_receiver``; threads can share it.

    It is a context manager, and an iterator that ends when the receiver or the client is closed, by any thread.

    Events wait in a queue until they are read, so a slow reader delays nobody else. A full queue drops events, and
    ``dropped`` counts them. While the connection is away, events are missed: ``gaps`` counts how often that was. With
    ``gap_events`` the receiver also returns a ``Gap`` in the place where events may be missing.

    Example:
        >>> with client.events_receiver("component_scaled") as events:  # doctest: +SKIP
        ...     for event in events:
        ...         print(event.data.component_id, event.data.max_instances)
    """

    def __init__(self, subscription: Subscription, lattice: str) -> None:
        self._subscription = subscription
        self._lattice = lattice
        self._undecodable = 0

    def get(self, timeout: float | None = None) -> Item_co:
        """Return the next event; wait for it. A message that cannot be decoded is counted, logged and skipped.

        Args:
            timeout: Seconds to wait. 0 does not wait: there is an event, or WaitTimeout. No limit by default.

        Raises:
            WaitTimeout: No event came in time.
            ClosedError: The receiver or the client is closed, and the queue is empty.
            InvalidArgument: The timeout is not a finite number, or below 0.
        """
        deadline = None if timeout is None else Deadline(arguments.seconds(timeout, "timeout", zero=True))
        while True:
            try:
                received = self._subscription.get(deadline)
            except queue.Empty:
                raise WaitTimeout(
                    f"no event came within {timeout:g} s" if timeout else "no event is in the queue"
                ) from None
            if isinstance(received, Gap):
                return cast(Item_co, received)
            try:
                return cast(Item_co, decode_event(received, self._lattice))
            except DecodeError as error:
                self._undecodable += 1
                _logger.warning("an event was skipped: %s", error)

    def __iter__(self) -> Iterator[Item_co]:
        return self

    def __next__(self) -> Item_co:
        try:
            return self.get()
        except ClosedError:
            raise StopIteration from None

    @property
    def dropped(self) -> int:
        """How many events were dropped because the queue was full."""
        return self._subscription.dropped

    @property
    def gaps(self) -> int:
        """How often the connection was away, so that events may have been missed."""
        return self._subscription.gaps

    @property
    def undecodable(self) -> int:
        """How many messages were skipped because they could not be decoded."""
        return self._undecodable

    @property
    def closed(self) -> bool:
        """Whether the receiver is closed. Events in the queue can still be read."""
        return self._subscription.closed

    def close(self) -> None:
        """End the subscription. Idempotent."""
        self._subscription.close()

    def __enter__(self) -> EventReceiver[Item_co]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self, _finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        # A receiver that is dropped without close leaves no subscription behind. This takes no lock and does not
        # wait, because it can run on any thread. At the interpreter's end modules may be empty.
        subscription = getattr(self, "_subscription", None)
        if subscription is not None and not _finalizing():
            subscription.close()

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open"
        return f"<EventReceiver lattice={self._lattice!r} {state} dropped={self.dropped} gaps={self.gaps}>"
