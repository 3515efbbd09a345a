"""The names of a lattice's configs, kept current.

JetStream lists the keys of the bucket in which hosts keep the configs. Its list also has keys that were deleted. So
the last message of each key is asked for: it says whether there is a value. An event says which key to ask for again.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable

from wasmcloud_ctl._operations.gather import Limits, raise_reply_error, without_frames
from wasmcloud_ctl._operations.live_copy import LiveCopy
from wasmcloud_ctl._protocol import cloud_events, jetstream
from wasmcloud_ctl._protocol.subjects import Subjects
from wasmcloud_ctl._transport import Reply, Transport
from wasmcloud_ctl.events import ConfigDeleted, ConfigSet
from wasmcloud_ctl.exceptions import CtlError, DecodeError, NoResponders

logger = logging.getLogger("wasmcloud_ctl")

# How many keys are asked for at once.
_IN_FLIGHT = 128

# Before all is listed again after a failure.
_RETRY_SECONDS = 1.0


class LiveConfigs(LiveCopy[tuple[str, ...]]):
    """The sorted names of the configs of one lattice."""

    def __init__(
        self,
        transport: Transport,
        subjects: Subjects,
        js_domain: str | None,
        timeout: float,
        interval: Callable[[], float],
    ) -> None:
        events = [subjects.event("config_set"), subjects.event("config_deleted")]
        super().__init__(transport, events, ())
        self._subjects = subjects
        self._js_domain = js_domain
        self._timeout = timeout
        self._interval = interval
        self._keys_subject = jetstream.subject("STREAM.INFO", subjects.config_stream(), js_domain)
        self._value_subject = jetstream.subject("STREAM.MSG.GET", subjects.config_stream(), js_domain)
        self._names: set[str] = set()
        self._is_changed = False
        # The listing of the keys: whether a request is in flight, the keys so far, and whether to begin once more.
        self._is_asking = False
        self._keys: list[str] = []
        self._again = False
        # The keys that are still to be asked for, and those that are asked for: whether to ask once more.
        self._queued: dict[str, None] = {}
        self._asked: dict[str, bool] = {}
        # Whether the keys were listed since everything was wanted anew, and the names that may be wrong.
        self._is_complete = False
        self._unproven: set[str] = set()
        # The next listing.
        self._timer: int | None = None
        self._list_at = float("inf")

    # Listing

    def list_all(self, limits: Limits | None = None) -> None:
        self._is_complete = False
        self._list_once()

    def _list_once(self) -> None:
        self._again = self._is_asking
        if not self._is_asking:
            self._keys = []
            self._list_in(self._interval())
            self._list_page()

    def _on_new_interval(self) -> None:
        self._list_in(min(self._interval(), max(0.0, self._list_at - time.monotonic())))

    def _list_in(self, seconds: float) -> None:
        self.background.cancel(self._timer)
        self._list_at = time.monotonic() + seconds
        self._timer = self.background.call_later(seconds, self._list_once)

    def _list_page(self) -> None:
        payload = jetstream.encode_stream_info(f"{self._subjects.config_key_prefix()}>", len(self._keys))
        self._is_asking = True
        self.background.ask(self._keys_subject, payload, self._timeout, self._on_page)

    def _on_page(self, reply: Reply) -> None:
        self._is_asking = False
        if self._again:
            self._list_once()
            return
        try:
            if isinstance(reply.error, NoResponders):
                raise jetstream.no_jetstream(self._keys_subject, self._js_domain)
            raise_reply_error(reply)
            page, total = jetstream.decode_stream_info(reply.data)
        except CtlError as error:
            self._fail(error)
            return
        self._keys += page
        if page and len(self._keys) < total:
            self._list_page()
            return
        names = {key.removeprefix(self._subjects.config_key_prefix()) for key in self._keys}
        self._keys = []
        names |= self._names
        if not self._is_complete:
            self._unproven |= names
        for name in names:
            self._ask(name)
        self._is_complete = True
        self.failure = None
        self._note_end()

    def _fail(self, error: CtlError) -> None:
        self.failure = without_frames(error)
        self._is_complete = False
        self._list_in(_RETRY_SECONDS)

    # One config

    def _on_message(self, data: bytes) -> None:
        try:
            change = cloud_events.decode_event(data, self._subjects.lattice).data
        except DecodeError as error:
            logger.warning("an event was skipped, and the configs are listed: %s", error)
            self.list_all()
            return
        if isinstance(change, (ConfigSet, ConfigDeleted)):
            self._unproven.add(change.config_name)
            self._ask(change.config_name)

    def _ask(self, name: str) -> None:
        if name in self._asked:
            self._asked[name] = True
        else:
            self._queued[name] = None
            self._send_queued()

    def _send_queued(self) -> None:
        while self._queued and len(self._asked) < _IN_FLIGHT:
            name = next(iter(self._queued))
            del self._queued[name]
            self._asked[name] = False
            payload = jetstream.encode_last_message(f"{self._subjects.config_key_prefix()}{name}")
            answer = functools.partial(self._on_value, name)
            self.background.ask(self._value_subject, payload, self._timeout, answer)

    def _on_value(self, name: str, reply: Reply) -> None:
        is_outdated = self._asked.pop(name)
        if is_outdated:
            self._queued[name] = None
        self._send_queued()
        try:
            raise_reply_error(reply)
            holds_value = jetstream.decode_holds_value(reply.data)
        except CtlError as error:
            self._fail(error)
            return
        if holds_value is not (name in self._names):
            self._is_changed = True
            self._names ^= {name}
        if not is_outdated:
            self._unproven.discard(name)
        self._note_end()

    def _note_end(self) -> None:
        if not self._queued and not self._asked:
            self.seen = time.monotonic()

    # The picture

    def _changed_picture(self) -> tuple[str, ...] | None:
        if not self._is_changed:
            return None
        self._is_changed = False
        return tuple(sorted(self._names))

    def _is_proven(self) -> bool:
        return self._is_listed()

    def _is_listed(self) -> bool:
        return self._is_complete and not self._unproven

    def _what_is_missing(self) -> str:
        return f"no answer on {self._value_subject if self._is_complete else self._keys_subject}"
