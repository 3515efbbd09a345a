"""The receivers of what a lattice publishes: the hosts' events, and wadm's statuses."""

from __future__ import annotations

import logging
import queue
import sys
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Generic, cast

from typing_extensions import Self, TypeVar

from wasmcloud_ctl._bridge.handover import Deadline
from wasmcloud_ctl._options import arguments
from wasmcloud_ctl._protocol.cloud_events import decode_event
from wasmcloud_ctl._protocol.wadm_replies import decode_status
from wasmcloud_ctl._transport import Subscription
from wasmcloud_ctl.events import Event, Gap
from wasmcloud_ctl.exceptions import ClosedError, DecodeError, WaitTimeout
from wasmcloud_ctl.models import StatusChanged

_logger = logging.getLogger("wasmcloud_ctl")

T_co = TypeVar("T_co", covariant=True)
Item_co = TypeVar("Item_co", bound=Event | Gap, default=Event, covariant=True)


class Receiver(Generic[T_co]):
    """Messages of a subscription, which wait in a queue until they are read."""

    # What it receives, for messages: such as "event", and "an event".
    _noun: ClassVar[str]
    _one: ClassVar[str]

    @staticmethod
    def make_item(subject: bytes, data: bytes) -> Any:
        """Return what the queue keeps of a message."""
        return data

    def __init__(self, subscription: Subscription, lattice: str) -> None:
        self._subscription = subscription
        self._lattice = lattice
        self._undecodable = 0

    def _decode(self, received: Any) -> T_co:
        """Return what a message says. Raises DecodeError."""
        raise NotImplementedError

    def get(self, timeout: float | None = None) -> T_co:
        """Return the next one; wait for it. A message that cannot be decoded is counted, logged and skipped.

        Args:
            timeout: Seconds to wait. 0 does not wait: there is one, or WaitTimeout. No limit by default.

        Raises:
            WaitTimeout: None came in time.
            ClosedError: The receiver or the client is closed, and the queue is empty.
            InvalidArgument: The timeout is not a finite number, or below 0.
        """
        deadline = None if timeout is None else Deadline(arguments.seconds(timeout, "timeout", zero=True))
        while True:
            try:
                received = self._subscription.get(deadline)
            except queue.Empty:
                outcome = f"came within {timeout:g} s" if timeout else "is in the queue"
                raise WaitTimeout(f"no {self._noun} {outcome}") from None
            try:
                return self._decode(received)
            except DecodeError as error:
                self._undecodable += 1
                _logger.warning("%s was skipped: %s", self._one, error)

    def __iter__(self) -> Iterator[T_co]:
        return self

    def __next__(self) -> T_co:
        try:
            return self.get()
        except ClosedError:
            raise StopIteration from None

    @property
    def dropped(self) -> int:
        """How many messages were dropped because the queue was full."""
        return self._subscription.dropped

    @property
    def gaps(self) -> int:
        """How often the connection was away, so that messages may have been missed."""
        return self._subscription.gaps

    @property
    def undecodable(self) -> int:
        """How many messages were skipped because they could not be decoded."""
        return self._undecodable

    @property
    def closed(self) -> bool:
        """Whether the receiver is closed. What is in the queue can still be read."""
        return self._subscription.closed

    def close(self) -> None:
        """End the subscription. Idempotent."""
        self._subscription.close()

    def __enter__(self) -> Self:
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
        return f"<{type(self).__name__} lattice={self._lattice!r} {state} dropped={self.dropped} gaps={self.gaps}>"


class EventReceiver(Receiver[Item_co], Generic[Item_co]):
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

    _noun = "event"
    _one = "an event"

    def _decode(self, received: Any) -> Item_co:
        item = received if isinstance(received, Gap) else decode_event(received, self._lattice)
        return cast(Item_co, item)


class StatusReceiver(Receiver[StatusChanged]):
    """Receives the statuses that wadm publishes. Made by ``WadmClient.subscribe_to_status``; threads can share it.

    It is a context manager, and an iterator that ends when the receiver or the client is closed, by any thread.

    Statuses wait in a queue until they are read. A full queue drops statuses, and ``dropped`` counts them. While the
    connection is away, statuses are missed: ``gaps`` counts how often that was. wadm publishes a status only if it
    differs from the last one of the application.

    Example:
        >>> with client.wadm.subscribe_to_status("shop") as statuses:  # doctest: +SKIP
        ...     for changed in statuses:
        ...         print(changed.status.info.status_type, changed.status.info.message)
    """

    _noun = "status"
    _one = "a status"

    @staticmethod
    def make_item(subject: bytes, data: bytes) -> Any:
        """Return subject and data: only the subject tells of which application a status is."""
        return subject, data

    def _decode(self, received: Any) -> StatusChanged:
        subject, data = received
        return decode_status(data, subject.decode().rpartition(".")[2])
