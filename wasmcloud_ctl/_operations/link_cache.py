"""A copy of the lattice's links, kept current by link events."""

from __future__ import annotations

import queue
import time
from collections import deque

import attrs

from wasmcloud_ctl._bridge.handover import Deadline, Lock, MessageQueue, acquire
from wasmcloud_ctl._operations.outcomes import link_key
from wasmcloud_ctl._protocol import cloud_events, codec
from wasmcloud_ctl._protocol.subjects import Subjects
from wasmcloud_ctl._transport import Subscription, Transport, request_timeout
from wasmcloud_ctl.events import LinkdefDeleted, LinkdefSet
from wasmcloud_ctl.exceptions import DecodeError
from wasmcloud_ctl.models import Link

# The host that answers get_links may lag behind the one that changed a link. So the first copy is requested again
# after this time, and events of the last two such times are applied again to every copy.
_LAG_SECONDS = 1.0

# How many events the queue holds between two calls. With more, the links are requested anew.
_MAXSIZE = 65536


class LinkCache:
    """The links of one lattice.

    On hosts before 1.3.0, the copy can be wrong for a second after a deletion, if hosts lag.

    Nothing runs between calls: events wait in a queue, and the next call applies them. On one connection, the event
    of a change arrives before its acknowledgement, so a link is in the copy when ``put_link`` returns.
    """

    def __init__(self, transport: Transport, subjects: Subjects) -> None:
        self._transport = transport
        self._subjects = subjects
        self._lock = Lock()
        self._subscription: Subscription | None = None
        self._subscribed = False
        self._links: dict[tuple[str, ...], Link] = {}
        self._copied: tuple[int, int] | None = None  # gaps and drops at the time of the copy
        self._copy_again_at = float("inf")
        # For deletions of which the host does not tell the target: whether one of several links is gone, and until
        # when hosts may still show the deleted one.
        self._unclear = False
        self._lagging_until = float("-inf")
        self._recent: deque[tuple[float, LinkdefSet | LinkdefDeleted]] = deque()

    def get(self, timeout: float) -> list[Link]:
        """Return the links; ask a host only if the copy may be wrong."""
        deadline = Deadline(timeout)
        subject = self._subjects.control("link.get")
        self._transport.session.connection(subject)  # raises if there is none: events may be missing
        acquired: list[bool] = []
        try:
            acquire(self._lock, timeout, acquired)
            if not acquired[0]:
                raise request_timeout(subject, timeout, sent=False, command=False)
            subscription = self._subscribe(deadline)
            state = subscription.gaps, subscription.dropped
            # Until this has ended, the copy may be wrong: Ctrl-C can come between an event and its effect.
            copied, self._copied = self._copied, None
            decoded = self._apply_events(subscription)
            now = time.monotonic()
            doubtful = copied != state or self._unclear
            if doubtful or now >= self._copy_again_at:
                self._copy(subject, deadline)
                self._unclear = False
                again = doubtful or now < self._lagging_until
                self._copy_again_at = now + _LAG_SECONDS if again else float("inf")
            if decoded:
                self._copied = state
            return list(self._links.values())
        finally:
            if True in acquired:
                self._lock.release()

    def _subscribe(self, deadline: Deadline) -> Subscription:
        if self._subscription is None or not self._subscribed:
            self.close()  # an attempt that Ctrl-C interrupted
            events = [self._subjects.event("linkdef_set"), self._subjects.event("linkdef_deleted")]
            self._subscription = self._transport.subscription(events, MessageQueue(_MAXSIZE))
            self._subscription.open(deadline.left())
            self._subscribed = True
        return self._subscription

    def _copy(self, subject: str, deadline: Deadline) -> None:
        raw = self._transport.request(subject, b"", max(deadline.left(), 0.001))
        links: list[Link] = codec.decode_response(raw, list[Link]).unwrap()
        self._links = {_key(link): link for link in links}
        for _, change in self._recent:
            self._apply(change)

    def _apply_events(self, subscription: Subscription) -> bool:
        """Apply the events in the queue. Return whether all of them could be decoded."""
        decoded = True
        now = time.monotonic()
        while self._recent and self._recent[0][0] < now - 2 * _LAG_SECONDS:
            self._recent.popleft()
        while True:
            try:
                raw = subscription.get(Deadline(0.0))
            except queue.Empty:
                return decoded
            try:
                change = cloud_events.decode_event(raw, self._subjects.lattice).data
            except DecodeError:
                decoded = False
                continue
            if isinstance(change, LinkdefDeleted) and change.target is None:
                self._apply_without_target(change, now)
            elif isinstance(change, (LinkdefSet, LinkdefDeleted)):
                self._apply(change)
                self._recent.append((now, change))

    def _apply(self, change: LinkdefSet | LinkdefDeleted) -> None:
        if isinstance(change, LinkdefSet):
            self._links[_key(change)] = Link(**attrs.asdict(change, recurse=False))
        else:
            self._links.pop(_key(change), None)

    def _apply_without_target(self, change: LinkdefDeleted, now: float) -> None:
        """Delete a link without knowing its target: hosts before 1.3.0 never tell it. The links are listed again.

        Newer hosts do not tell it if there was no such link.
        """
        deleted = link_key(change)
        candidates = [key for key, link in self._links.items() if link_key(link) == deleted]
        if len(candidates) == 1:
            del self._links[candidates[0]]
        self._unclear = self._unclear or len(candidates) > 1
        # What is listed anew is right without the earlier events about this link.
        self._recent = deque(entry for entry in self._recent if link_key(entry[1]) != deleted)
        self._lagging_until = now + _LAG_SECONDS
        self._copy_again_at = min(self._copy_again_at, self._lagging_until)

    def close(self) -> None:
        """End the subscription, without a lock and without waiting."""
        if self._subscription is not None:
            self._subscription.close()


def _key(link: Link | LinkdefDeleted) -> tuple[str, ...]:
    """Return what identifies a link for hosts: a link with the same key is replaced."""
    return (*link_key(link), link.target or "")
