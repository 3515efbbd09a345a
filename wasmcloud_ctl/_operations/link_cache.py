"""A copy of the lattice's links, kept current by their events."""

from __future__ import annotations

import queue
import sys
import time
from collections import deque
from collections.abc import Callable

from wasmcloud_ctl._bridge.handover import Deadline, Lock, Mailbox, acquire
from wasmcloud_ctl._protocol import cloud_events as _cloud_events
from wasmcloud_ctl._protocol import codec as _codec
from wasmcloud_ctl._protocol.subjects import Subjects
from wasmcloud_ctl._transport import Subscription, Transport, request_timeout
from wasmcloud_ctl.events import LinkdefDeleted, LinkdefSet
from wasmcloud_ctl.exceptions import DecodeError
from wasmcloud_ctl.models import Link

# The host that answers may lag behind the one that put a link: so a first copy is taken again after this, and what
# was told within twice this is applied to every copy again.
_LAG_SECONDS = 1.0

# Events that wait for somebody to ask. More than that, and the copy is made anew.
_MAXSIZE = 65536

_Key = tuple[str, str, str, str, str]


class LinkCache:
    """The links of one lattice.

    Nothing runs while nobody asks: the events wait, and are applied by whoever asks next. An event comes before the
    acknowledgement of the change that it tells of, on the same connection, so a link is here when ``put_link``
    returns.
    """

    def __init__(self, transport: Transport, subjects: Subjects) -> None:
        self._transport = transport
        self._subjects = subjects
        self._lock = Lock()
        self._subscription: Subscription | None = None
        self._subscribed = False
        self._links: dict[_Key, Link] = {}
        self._copied: tuple[int, int] | None = None  # the gaps and drops there had been
        self._copied_at = 0.0
        self._copied_twice = False
        self._recent: deque[tuple[float, LinkdefSet | LinkdefDeleted]] = deque()

    def get(self, timeout: float) -> list[Link]:
        """The links, as far as they are known here; asks a host only where the copy is not to be trusted.

        Args:
            timeout: Seconds, above 0.

        Raises:
            RequestTimeout, NoResponders, NotConnectedError, ClosedError, PermissionDenied, DecodeError,
            OperationRejected, AuthError
        """
        deadline = Deadline(timeout)
        subject = self._subjects.control("link.get")
        self._transport.usable_wire(subject)
        taken: list[bool] = []
        try:
            acquire(self._lock, timeout, taken)
            if not taken[0]:
                raise request_timeout(subject, timeout, sent=False)
            subscription = self._subscribe(deadline)
            state = subscription.gaps, subscription.dropped
            # Not to be trusted until this has ended well: Ctrl-C may come between an event and its effect.
            copied, self._copied = self._copied, None
            if copied != state:
                self._copied_twice = False
                self._copy(subject, deadline)
            elif not self._copied_twice and time.monotonic() >= self._copied_at + _LAG_SECONDS:
                self._copied_twice = True
                self._copy(subject, deadline)
            if self._apply_events(subscription):
                self._copied = state
            return list(self._links.values())
        finally:
            if True in taken:
                self._lock.release()

    def _subscribe(self, deadline: Deadline) -> Subscription:
        if self._subscription is None or not self._subscribed:
            self.close()  # what may be left of an attempt that Ctrl-C has ended
            events = [self._subjects.event("linkdef_set"), self._subjects.event("linkdef_deleted")]
            mailbox: Mailbox[bytes] = Mailbox(_MAXSIZE)
            self._subscription = Subscription(self._transport, events, mailbox)
            self._transport.begin(self._subscription, deadline.left())
            self._subscribed = True
        return self._subscription

    def _copy(self, subject: str, deadline: Deadline) -> None:
        raw = self._transport.request(subject, b"", max(deadline.left(), 0.001))
        links: list[Link] = _codec.decode_response(raw, list[Link]).unwrap()
        self._links = {_key(link): link for link in links}
        self._copied_at = time.monotonic()
        for _, told in self._recent:
            self._apply(told)

    def _apply_events(self, subscription: Subscription) -> bool:
        """Apply what has been told meanwhile; False if not all of it was understood."""
        understood = True
        now = time.monotonic()
        while self._recent and self._recent[0][0] < now - 2 * _LAG_SECONDS:
            self._recent.popleft()
        while True:
            try:
                raw = subscription.get(0.0)
            except queue.Empty:
                return understood
            try:
                told = _cloud_events.decode_event(raw, self._subjects.lattice).data
            except DecodeError:
                understood = False
                continue
            if isinstance(told, (LinkdefSet, LinkdefDeleted)):
                self._apply(told)
                self._recent.append((now, told))

    def _apply(self, told: LinkdefSet | LinkdefDeleted) -> None:
        if isinstance(told, LinkdefSet):
            self._links[_key(told)] = Link(
                told.source_id,
                told.target,
                told.wit_namespace,
                told.wit_package,
                told.interfaces,
                told.name,
                told.source_config,
                told.target_config,
            )
        elif told.target is not None:
            self._links.pop(_key(told), None)

    def close(self) -> None:
        """Hear no more."""
        if self._subscription is not None:
            self._subscription.close()

    def __del__(self, _finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        # Takes no lock and waits for nothing, for this may run on any thread. When the interpreter ends modules may
        # be empty.
        if not _finalizing() and hasattr(self, "_subscription"):
            self.close()


def _key(link: Link | LinkdefDeleted) -> _Key:
    """What a host tells links apart by: one that has all of these in common is replaced."""
    return link.source_id, link.name, link.wit_namespace, link.wit_package, link.target or ""
