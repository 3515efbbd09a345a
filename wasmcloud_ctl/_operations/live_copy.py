"""A part of the lattice that is kept current on the loop, between calls.

Its picture is never changed, only replaced. So any thread can read it without a lock, and without waiting.
"""

from __future__ import annotations

import copy
import queue
import time
from collections.abc import Sequence
from typing import Generic, TypeVar

from wasmcloud_ctl._bridge.handover import Deadline, MessageQueue
from wasmcloud_ctl._bridge.weak_list import WeakList
from wasmcloud_ctl._operations.gather import Limits
from wasmcloud_ctl._transport import Background, Transport
from wasmcloud_ctl.exceptions import ClosedError, NotConnectedError, RequestTimeout, WaitTimeout

P = TypeVar("P")


class LiveCopy(Generic[P]):
    """A part of the lattice: its last picture, and whether that may be wrong. Subclasses keep it.

    All methods run on the loop, unless they say otherwise. Any thread may read these:

    Attributes:
        picture: The last picture, a value that never changes.
        version: How often the picture was replaced by one that differs.
        complete: Whether there is a first picture.
        seen: The time of the picture's oldest part, by the monotonic clock.
        failure: Why the last listing failed. None if it did not.
    """

    def __init__(
        self, transport: Transport, subjects: Sequence[str], nothing: P, uncounted: str = ""
    ) -> None:
        self.picture: P = nothing
        self.version: int = 0
        self.complete: bool = False
        self.seen: float = time.monotonic()
        self.failure: Exception | None = None
        self._transport = transport
        self._proven_now = False
        self._listed_now = False
        # How many messages were dropped, and how often the connection was lost, when everything was listed last.
        self._known_drops = 0
        self._known_gaps = 0
        # The queues of threads that wait for a change.
        self._listeners: WeakList[MessageQueue[None]] = WeakList()
        self.background: Background = Background(
            transport.session,
            subjects,
            self._on_message,
            self._on_gap,
            self._publish,
            self._tell,
            uncounted,
        )

    # Any thread

    def open(self) -> None:
        """Begin to keep the picture, without waiting for it."""
        self._transport.bridge.post(self._begin)

    def close(self) -> None:
        """End it soon, without a lock and without waiting."""
        try:
            self._transport.bridge.post(self.background.close)
        except ClosedError:
            pass  # it ended with the loop

    @property
    def ended(self) -> bool:
        """Whether it is kept no longer: it was closed, or may not subscribe."""
        return self.background.queue.ended

    @property
    def stale(self) -> bool:
        """Whether the picture may be wrong."""
        # In this order: the loop says that nothing is proven before it says that no message waits.
        return bool(self.background.queue.waiting) or not self._proven_now or self._is_cut_off

    @property
    def listed(self) -> bool:
        """Whether everything was listed since the connection was lost last."""
        return self._listed_now and not self._is_cut_off

    @property
    def _is_cut_off(self) -> bool:
        """Whether the connection is lost, or was lost and nobody has taken note of that yet."""
        return self.background.gaps != self._known_gaps or not self.background.connected

    def listen(self, news: MessageQueue[None]) -> None:
        """Have a queue receive something now, and whenever the picture changes, or whether it may be wrong."""
        self._transport.bridge.refuse_own_thread()
        self._transport.bridge.post(self._add_listener, news)

    def begin_refresh(self, limits: Limits, news: MessageQueue[None]) -> None:
        """List everything anew. ``news`` is a queue for ``wait_until_listed``."""
        self._transport.bridge.refuse_own_thread()
        self._transport.bridge.post(self._refresh, limits, news)

    def wait_until_listed(self, deadline: Deadline, news: MessageQueue[None] | None = None) -> None:
        """Wait until everything was listed. Raise the reason if it cannot be, and WaitTimeout."""
        if news is None:
            if self.listed:
                return
            news = MessageQueue(1)
            self.listen(news)
        while True:
            try:
                news.get(deadline)
            except queue.Empty:
                text = f"the lattice was not listed in time: {self._what_is_missing()}"
                raise WaitTimeout(text) from self.failure
            if self.listed:
                return
            failure = self.failure
            if failure is not None and not isinstance(failure, (RequestTimeout, NotConnectedError)):
                raise copy.copy(failure)

    def plan_anew(self) -> None:
        """Note that the interval may be shorter now."""
        try:
            self._transport.bridge.post(self._on_new_interval)
        except ClosedError:  # pragma: no cover – the client has just been closed
            pass

    # On the loop

    def _begin(self) -> None:
        self.background.begin()
        self.list_all()

    def _add_listener(self, news: MessageQueue[None]) -> None:
        if self.background.queue.ended:
            news.fail(self.background.queue.error)
        else:
            self._listeners.add(news)
            news.put(None)

    def _refresh(self, limits: Limits, news: MessageQueue[None]) -> None:
        self._listed_now = False
        self.failure = None
        self.list_all(limits)
        self._add_listener(news)

    def _on_gap(self) -> None:
        """List everything, because the connection is back after a loss."""
        self._known_gaps = self.background.gaps
        self._listed_now = False
        self.list_all()

    def _publish(self, left: int) -> bool:
        """Publish what the last messages have changed. Return whether anybody should know."""
        messages = self.background.queue
        if messages.ended:
            self._proven_now = self._listed_now = False
            return True
        if messages.dropped != self._known_drops and not messages:
            self._known_drops = messages.dropped
            self.list_all()
        before = self._proven_now, self._listed_now
        is_listed = self._is_listed()
        # The first picture is complete.
        picture = self._changed_picture() if is_listed or self.complete else None
        if picture is not None:
            self.picture = picture
            self.version += 1
        self._proven_now = self._is_proven() and not left and messages.dropped == self._known_drops
        self._listed_now = self._listed_now or is_listed
        self.complete = self.complete or is_listed
        return picture is not None or before != (self._proven_now, self._listed_now)

    def _tell(self) -> None:
        messages = self.background.queue
        for listener in self._listeners.alive():
            if messages.ended:
                listener.fail(messages.error)
            else:
                listener.put(None)

    # For subclasses

    @property
    def unanswered(self) -> int:
        """How many hosts have not answered since the last listing began. Any thread may ask."""
        raise NotImplementedError

    def list_all(self, limits: Limits | None = None) -> None:
        """Ask for everything anew. The picture may be wrong until that is done.

        ``limits`` say when the gather of the hosts ends. Without them, it lasts as long as at first.
        """
        raise NotImplementedError

    def _on_new_interval(self) -> None:
        """Plan anew what is done once an interval."""
        raise NotImplementedError

    def _on_message(self, data: bytes) -> None:
        """Take a message of the subscription."""
        raise NotImplementedError

    def _changed_picture(self) -> P | None:
        """Return the new picture, or None if it has not changed."""
        raise NotImplementedError

    def _is_proven(self) -> bool:
        """Return whether everything in the picture is proven."""
        raise NotImplementedError

    def _is_listed(self) -> bool:
        """Return whether everything was listed since the last call of ``list_all``."""
        raise NotImplementedError

    def _what_is_missing(self) -> str:
        """Return what has not come yet, for an error."""
        raise NotImplementedError
