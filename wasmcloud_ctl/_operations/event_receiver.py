"""The receiver of a lattice's events."""

from __future__ import annotations

import logging
import queue
import sys
from collections.abc import Callable, Iterator
from types import TracebackType

from wasmcloud_ctl._options import arguments as _arguments
from wasmcloud_ctl._protocol.cloud_events import decode_event
from wasmcloud_ctl._transport import Subscription
from wasmcloud_ctl.events import Event
from wasmcloud_ctl.exceptions import ClosedError, DecodeError, WaitTimeout

_logger = logging.getLogger("wasmcloud_ctl")


class EventReceiver:
    """Hands out events as they come, to any thread that asks; made by ``Client.events_receiver``.

    A context manager, and an iterator that ends when the receiver or the client is closed, by whatever
    thread. Events wait in a queue between the connection and the reader, so a slow reader holds up nobody;
    a queue that is full drops events, and counts them. While the connection is away nothing is heard:
    ``gaps`` counts how often that was.
    """

    def __init__(self, subscription: Subscription, lattice: str) -> None:
        self._subscription = subscription
        self._lattice = lattice
        self._undecodable = 0

    def get(self, timeout: float | None = None) -> Event:
        """The next event, waiting for it.

        Args:
            timeout: Seconds, above 0; None waits as long as it takes, until one comes or the receiver is closed.

        Returns:
            The event. A message that is no event is counted, logged and skipped.

        Raises:
            WaitTimeout: None came in time.
            ClosedError: The receiver or the client is closed, and its queue is empty.
            InvalidArgument: The timeout is no such number.
        """
        if timeout is not None:
            timeout = _arguments.seconds(timeout, "timeout")
        subscription = self._subscription
        deadline = subscription.deadline(timeout)
        while True:
            try:
                raw = subscription.get(None if deadline is None else deadline.left())
            except queue.Empty:
                raise WaitTimeout(f"no event came within {timeout:g} s") from None
            event = self._decode(raw)
            if event is not None:
                return event

    def _decode(self, raw: bytes) -> Event | None:
        try:
            return decode_event(raw, self._lattice)
        except DecodeError as error:
            self._undecodable += 1
            _logger.warning("an event was skipped: %s", error)
            return None

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
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
        """How many messages were skipped because they were no events."""
        return self._undecodable

    @property
    def closed(self) -> bool:
        """Whether the receiver is closed; what is queued can still be had."""
        return self._subscription.closed

    def close(self) -> None:
        """Hear no more. A second time does no harm."""
        self._subscription.close()

    def __enter__(self) -> EventReceiver:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self, _finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        # Whoever breaks out of a loop and forgets the receiver leaves no subscription behind. Takes no lock and
        # waits for nothing, for this may run on any thread. When the interpreter ends modules may be empty.
        subscription = getattr(self, "_subscription", None)
        if subscription is not None and not _finalizing():
            subscription.close()

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open"
        return f"<EventReceiver lattice={self._lattice!r} {state} dropped={self.dropped} gaps={self.gaps}>"
