"""A part of the lattice that one request lists."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from wasmcloud_ctl._operations.gather import Limits, without_frames
from wasmcloud_ctl._operations.live_copy import LiveCopy
from wasmcloud_ctl._transport import Reply, Transport
from wasmcloud_ctl.exceptions import CtlError

P = TypeVar("P")

# Between two listings while events or failures call for more of them.
PAUSE = 0.1

# After failures, the pause doubles up to this or the interval.
_LONGEST_PAUSE = 30.0

# How long what is listed may lag behind an event.
LAG_SECONDS = 1.0


class LiveList(LiveCopy[P]):
    """A part of the lattice that the request ``subject`` lists. Subclasses say what the reply means.

    It is listed again every ``interval()`` seconds; infinite: only where there is a reason.
    """

    def __init__(
        self,
        transport: Transport,
        events: Sequence[str],
        nothing: P,
        subject: str,
        timeout: float,
        interval: Callable[[], float],
    ) -> None:
        super().__init__(transport, events, nothing)
        self._subject = subject
        self._timeout = timeout
        self._interval = interval
        self._is_asking = False
        self._asked_at = 0.0
        # Whether to list once more, because something has happened since the request was sent.
        self._again = False
        # When everything was wanted anew: only a list that was asked for afterwards will do.
        self._wanted_at = float("-inf")
        # When something happened that the list must show, and when the last list was asked for.
        self._hinted_at = float("-inf")
        self._listed_at = float("-inf")
        # The next listing.
        self._timer: int | None = None
        self._list_at = math.inf
        self._pause = PAUSE
        self._is_complete = False
        self._has_failed = False
        self._is_changed = False

    def list_all(self, limits: Limits | None = None) -> None:
        self._is_complete = False
        self._wanted_at = self._hinted_at = time.monotonic()
        self._pause = PAUSE
        self.list_once()

    def _on_new_interval(self) -> None:
        self._list_by(time.monotonic() + self._interval())

    def list_once(self) -> None:
        """List it; once more if that is in flight."""
        if self._is_asking:
            self._again = True
            return
        self._again = False
        self._is_asking = True
        self._asked_at = time.monotonic()
        self._list_in(self._interval())
        self.background.ask(self._subject, b"", self._timeout, self._on_reply)

    def _list_in(self, seconds: float) -> None:
        """List it later, instead of when that was planned."""
        self.background.cancel(self._timer)
        self._list_at = time.monotonic() + seconds
        self._timer = None if math.isinf(seconds) else self.background.call_later(seconds, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._list_at = math.inf
        self.list_once()

    def _list_by(self, moment: float) -> None:
        """List it at this moment at the latest."""
        if moment < self._list_at:
            self._list_in(max(0.0, moment - time.monotonic()))

    def _on_hint(self) -> None:
        """List it soon, because an event has come. Without an interval, only when the list must show it."""
        self._hinted_at = time.monotonic()
        self._list_by(self._hinted_at + LAG_SECONDS)
        if not math.isinf(self._interval()):
            self._list_by(max(self._hinted_at, self._asked_at + PAUSE))

    def _on_reply(self, reply: Reply) -> None:
        self._is_asking = False
        now = time.monotonic()
        try:
            self._take(reply, self._asked_at)
            self.failure = None
        except CtlError as error:
            self.failure = without_frames(error)
        self._has_failed = self._listed_at != self._asked_at
        if self._has_failed:
            self._list_by(now + self._pause)
            self._pause = min(self._pause * 2, _LONGEST_PAUSE, self._interval())
        else:
            self._pause = PAUSE
        if self._again:
            self._list_by(now + PAUSE)

    def _take(self, reply: Reply, asked_at: float) -> None:
        """Take a reply, and call ``_on_listed``. Raise its error, or why it cannot be decoded."""
        raise NotImplementedError

    def _on_listed(self, asked_at: float) -> None:
        """Note that everything is as the reply to a request at that time says."""
        self._is_complete = self._is_complete or asked_at >= self._wanted_at
        self._listed_at = asked_at
        self.seen = time.monotonic()
        if self._hinted_at > asked_at - LAG_SECONDS:
            # What is listed may be older than the last event.
            self._list_by(time.monotonic() + LAG_SECONDS)

    def _is_proven(self) -> bool:
        return self._is_complete and not self._has_failed and self._hinted_at <= self._listed_at

    def _is_listed(self) -> bool:
        return self._is_complete

    def _what_is_missing(self) -> str:
        return f"no answer on {self._subject}"
