"""The links of a lattice, kept current.

A link event says everything about its link, so it is applied at once. The list is the proof: two hosts that write the
record of one component at the same time overwrite each other's change. But the host that lists the links may lag
behind the one that has changed one. So a list that contradicts an event counts only if it was asked for a second
after the event.
"""

from __future__ import annotations

import logging
import math
import queue
import time
from collections.abc import Callable

import attrs

from wasmcloud_ctl._bridge.handover import Deadline, MessageQueue
from wasmcloud_ctl._operations.gather import raise_reply_error
from wasmcloud_ctl._operations.live_list import LAG_SECONDS, PAUSE, LiveList
from wasmcloud_ctl._operations.outcomes import link_key
from wasmcloud_ctl._protocol import cloud_events, codec
from wasmcloud_ctl._protocol.subjects import Subjects
from wasmcloud_ctl._transport import Reply, Transport, request_timeout
from wasmcloud_ctl.events import LinkdefDeleted, LinkdefSet
from wasmcloud_ctl.exceptions import DecodeError, NoResponders
from wasmcloud_ctl.models import Link

logger = logging.getLogger("wasmcloud_ctl")

# How long hosts may take to come back after the server was away: in seconds, and in intervals of heartbeats.
_RETURN_SECONDS = 5.0
_RETURN_INTERVALS = 1.5


class LiveLinks(LiveList[tuple[Link, ...]]):
    """The links of one lattice.

    Without hosts there are no links, and ``failure`` says that nobody listens.
    """

    def __init__(
        self, transport: Transport, subjects: Subjects, timeout: float, interval: Callable[[], float]
    ) -> None:
        events = [subjects.event(name) for name in ("linkdef_set", "linkdef_deleted", "host_started")]
        super().__init__(transport, events, (), subjects.control("link.get"), timeout, interval)
        self._subjects = subjects
        self._links: dict[tuple[str, ...], Link] = {}
        # What events have said that a list may not show yet: when, and the link, or None for one that was deleted.
        self._hints: dict[tuple[str, ...], tuple[float, Link | None]] = {}
        # Whether the last list contradicts one of them.
        self._is_contradicted = False
        # When one of several links was deleted, and no event has said which.
        self._unclear_at = float("-inf")
        # Until when hosts may be on their way back.
        self._returning_until = float("-inf")

    def current(self, timeout: float) -> list[Link]:
        """Return the links by all events that have arrived. Ask a host only if one may be missing.

        Raises what a request for the links raises. Any thread may call this.
        """
        self._transport.session.connection(self._subject)  # raises if there is none: events may be missing
        deadline = Deadline(timeout)
        news: MessageQueue[None] = MessageQueue(1)
        try:
            if self.background.queue.waiting:
                self.listen(news)
                while self.background.queue.waiting:
                    news.get(deadline)
            if not (self.listed and self._is_complete and self.failure is None):
                asked_at = time.monotonic()
                raw = self._transport.request(self._subject, b"", max(deadline.left(), 0.001))
                links: list[Link] = codec.decode_response(raw, list[Link]).unwrap()
                answered: MessageQueue[None] = MessageQueue(1)
                self._transport.bridge.post(self._take_answer, links, asked_at, answered)
                answered.get(deadline)
        except queue.Empty:  # pragma: no cover – the loop is too busy to handle what it has received
            raise request_timeout(self._subject, timeout, sent=False, command=False) from None
        return list(self.picture)

    def _take_answer(self, links: list[Link], asked_at: float, answered: MessageQueue[None]) -> None:
        self.failure = None
        self._replace(links, asked_at)
        self._publish(self.background.queue.waiting)
        self._tell()
        self._add_listener(answered)

    def _on_gap(self) -> None:
        interval = self._interval()
        seconds = 0.0 if math.isinf(interval) else _RETURN_INTERVALS * interval
        self._returning_until = time.monotonic() + max(_RETURN_SECONDS, seconds)
        super()._on_gap()

    def _take(self, reply: Reply, asked_at: float) -> None:
        if isinstance(reply.error, NoResponders) and time.monotonic() >= self._returning_until:
            self._replace([], asked_at)
        raise_reply_error(reply)
        self._replace(codec.decode_response(reply.data, list[Link]).unwrap(), asked_at)

    def _replace(self, links: list[Link], asked_at: float) -> None:
        """Take a list. What newer events say stays as they say."""
        listed = {_key(link): link for link in links}
        trusted_before = asked_at - LAG_SECONDS
        self._hints = {key: hint for key, hint in self._hints.items() if hint[0] > trusted_before}
        self._is_contradicted = any(listed.get(key) != link for key, (_, link) in self._hints.items())
        for key, (_, link) in self._hints.items():
            _put(listed, key, link)
        self._is_changed = self._is_changed or listed != self._links
        self._links = listed
        self._on_listed(asked_at)
        if self._is_contradicted and not math.isinf(self._interval()):
            self._list_by(time.monotonic() + PAUSE)

    # Events

    def _on_message(self, data: bytes) -> None:
        try:
            change = cloud_events.decode_event(data, self._subjects.lattice).data
        except DecodeError as error:
            logger.warning("an event was skipped, and the links are listed: %s", error)
            self._is_complete = False
            self._on_hint()
            return
        if isinstance(change, LinkdefSet):
            self._change(_key(change), Link(**attrs.asdict(change, recurse=False)))
        elif isinstance(change, LinkdefDeleted):
            self._on_deleted(change)
        elif self.failure is not None:  # the first host has started
            self._on_hint()

    def _change(self, key: tuple[str, ...], link: Link | None) -> None:
        _put(self._links, key, link)
        self._is_changed = True
        self._hints[key] = time.monotonic(), link
        self._on_hint()

    def _on_deleted(self, change: LinkdefDeleted) -> None:
        if change.target is not None:
            self._change(_key(change), None)
            return
        # Hosts before 1.3.0 never tell the target. Newer hosts do not tell it if there was no such link.
        deleted = link_key(change)
        candidates = [key for key, link in self._links.items() if link_key(link) == deleted]
        if len(candidates) == 1:
            self._change(candidates[0], None)
            return
        for key in candidates:
            # What earlier events say about these links is not right any more for one of them.
            self._hints.pop(key, None)
            self._is_complete = False
            self._unclear_at = time.monotonic()
        self._on_hint()

    # The picture

    def _changed_picture(self) -> tuple[Link, ...] | None:
        if not self._is_changed:
            return None
        self._is_changed = False
        return tuple(self._links.values())

    def _is_proven(self) -> bool:
        is_clear = not self._is_contradicted and self._unclear_at <= self._listed_at - LAG_SECONDS
        return super()._is_proven() and is_clear


def _key(link: Link | LinkdefDeleted) -> tuple[str, ...]:
    """Return what identifies a link for hosts: a link with the same key is replaced."""
    return (*link_key(link), link.target or "")


def _put(links: dict[tuple[str, ...], Link], key: tuple[str, ...], link: Link | None) -> None:
    if link is None:
        links.pop(key, None)
    else:
        links[key] = link
