"""The inventories of all hosts of a lattice, kept current.

Events are hints: they say which host to ask. The inventory that the host sends afterwards is the proof. So nothing is
worked out from an event, and an event that is lost costs time only: until the host's next heartbeat. A heartbeat
holds the whole inventory; it is a hint, too, if it differs from the picture.
"""

from __future__ import annotations

import functools
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from itertools import islice

import attrs

from wasmcloud_ctl._operations.gather import Limits, without_frames
from wasmcloud_ctl._operations.live_copy import LiveCopy
from wasmcloud_ctl._operations.live_evidence import RunningImage, agrees, same, topic
from wasmcloud_ctl._operations.live_index import HostsPicture, Index
from wasmcloud_ctl._protocol import cloud_events, codec
from wasmcloud_ctl._protocol.subjects import Subjects
from wasmcloud_ctl._transport import Reply, Transport
from wasmcloud_ctl.events import ComponentScaled, EventData, HostHeartbeat, HostStopped
from wasmcloud_ctl.exceptions import CtlError, DecodeError, InvalidArgument, NoResponders, RequestTimeout
from wasmcloud_ctl.models import ComponentDescription, Doubt, Host, HostInventory, ProviderDescription

logger = logging.getLogger("wasmcloud_ctl")

_HEARTBEAT = "host_heartbeat"
_HINTS = (
    "host_started",
    "host_stopped",
    "labels_changed",
    "component_scaled",
    "component_scale_failed",
    "provider_started",
    "provider_start_failed",
    "provider_stopped",
)

# How many silent hosts one look finds, for it to be short.
_AT_ONCE = 500

# How many hosts are asked at once. A server ends the connection of a client that is too slow for the replies.
_IN_FLIGHT = 64

# How long after an event an inventory may contradict it because the host has not made the change yet.
_LAG_SECONDS = 1.0

# Between two requests to one host: short after an event, then longer and longer, up to this or a quarter of the
# heartbeat interval.
_FIRST_PAUSE = 0.01
_LAST_PAUSE = 1.0

# How long a host that is shutting down may take to answer. It receives requests, and does not answer them.
_LEAVING_SECONDS = 0.5

# In heartbeat intervals: when a silent host is asked, and when it counts as gone if it has not answered.
_SILENT = 1.5
_GONE = 2.5

# How often uptimes alone make a new picture, in seconds.
_UPTIME_SECONDS = 1.0


@attrs.define(eq=False)
class _Record:
    """What is known of one host.

    Attributes:
        seen: When it was last heard: a heartbeat, or an answer.
        inventory: Its last inventory. None if it has sent none yet.
        is_asked: Whether a request is in flight.
        is_outdated: Whether something has happened since that was sent.
        timer: The next request.
        pause: The pause before that.
        hinted_at: When its last event came.
        hints: Its events since the last proof, the last one for each topic.
        images: The components in them.
        is_leaving: Whether it has said that it stops.
    """

    seen: float
    inventory: HostInventory | None = None
    is_asked: bool = False
    is_outdated: bool = False
    timer: int | None = None
    pause: float = _FIRST_PAUSE
    hinted_at: float = float("-inf")
    hints: dict[tuple[str, str], EventData] = attrs.field(factory=dict)
    images: dict[str, RunningImage] = attrs.field(factory=dict)
    is_leaving: bool = False


class LiveHosts(LiveCopy[HostsPicture]):
    """The hosts of a lattice.

    ``limits`` say when the first ping ends, and ``later`` when another one does that nobody waits for. ``timeout`` is
    how long a host may take to send its inventory, ``heartbeat`` returns the interval of the hosts' heartbeats.
    """

    def __init__(
        self,
        transport: Transport,
        subjects: Subjects,
        limits: Limits,
        later: Limits,
        timeout: float,
        heartbeat: Callable[[], float],
    ) -> None:
        events = [subjects.event(name) for name in (_HEARTBEAT, *_HINTS)]
        super().__init__(transport, events, HostsPicture(), uncounted=subjects.event(_HEARTBEAT))
        self._limits = limits
        self._later = later
        self._heartbeat = heartbeat
        self._subjects = subjects
        self._timeout = timeout
        # The host that was heard longest ago comes first.
        self._records: OrderedDict[str, _Record] = OrderedDict()
        self._inventories: dict[str, HostInventory] = {}
        self._components: Index[ComponentDescription] = Index()
        self._providers: Index[ProviderDescription] = Index()
        self._doubts: dict[tuple[str, str], Doubt] = {}
        self._is_changed = False
        self._published_at = 0.0
        # The hosts whose inventory may be wrong, and those of them that are still to be asked.
        self._unproven: set[str] = set()
        self._queued: dict[str, None] = {}
        self._in_flight = 0
        # The hosts whose answer is awaited since the listing began, and those that have not answered in time.
        self._unlisted: set[str] = set()
        self._silent: set[str] = set()
        # The ping: the gather, which lasts until the time is up, and when the listing goes on without its end.
        self._ping: int | None = None
        self._pinged_at = float("-inf")
        self._ping_ends_at = 0.0
        self._quiet_ends_at = 0.0
        self._limits_now = limits
        self._is_pinging = False
        self._answered: set[str] = set()
        # Whether the ping has failed, and whether a ping has ever lasted until its end.
        self._is_ping_failed = False
        self.surveyed: bool = False
        # Whether a host may be unknown because of something that could not be decoded, and the next listing for that.
        self._is_doubtful = False
        self._mending: int | None = None
        # Whether to ping once more when all known hosts are proven.
        self._ping_again = False
        # When the connection was back after a loss.
        self._returned_at = float("-inf")
        # The next look for silent hosts.
        self._check: int | None = None

    # Listing ------------------------------------------------------------------------------------

    def list_all(self, limits: Limits | None = None) -> None:
        self.failure = None
        self._silent.clear()
        self._unlisted = set(self._records)
        self._unproven |= self._unlisted
        for host_id, record in self._records.items():
            record.is_outdated = True
            if not record.is_asked:
                self._queued[host_id] = None
        self._send_queued()
        self._ping_hosts(limits or self._later)

    def _begin(self) -> None:
        self.background.begin()
        self.list_all(self._limits)

    def _on_gap(self) -> None:
        self._returned_at = time.monotonic()
        super()._on_gap()

    def _on_new_interval(self) -> None:
        self.background.cancel(self._check)
        self._check = None
        self._check_later()

    def _ping_hosts(self, limits: Limits) -> None:
        self._end_ping()
        self._is_doubtful = self._is_ping_failed = False
        self._answered.clear()
        self._limits_now = limits
        self._pinged_at = time.monotonic()
        self._ping_ends_at = self._quiet_ends_at = self._pinged_at + limits.timeout
        self._is_pinging = True
        # The handler knows its ping: a reply to an earlier one may still be in the queue.
        self._ping = self.background.gather(
            self._subjects.control("host.ping"), functools.partial(self._on_host, self._pinged_at)
        )
        self._wait_for_quiet(self._pinged_at)
        self.background.call_later(limits.timeout, functools.partial(self._on_ping_end, self._pinged_at))

    def _wait_for_quiet(self, pinged_at: float) -> None:
        if pinged_at != self._pinged_at or not self._is_pinging:
            return
        left = self._quiet_ends_at - time.monotonic()
        if left > 0:
            self.background.call_later(left, functools.partial(self._wait_for_quiet, pinged_at))
        elif self._quiet_ends_at == self._ping_ends_at:
            self._on_ping_end(pinged_at)
        else:
            self._go_on()

    def _go_on(self) -> None:
        """List what has answered the ping so far. Who answers later is asked then."""
        self._is_pinging = False
        self.background.queue.wake()

    def _on_ping_end(self, pinged_at: float) -> None:
        if pinged_at == self._pinged_at and self._ping is not None:
            self._end_ping()
            self.surveyed = True

    def _end_ping(self) -> None:
        if self._ping is not None:
            self.background.end_gather(self._ping)
            self._ping = None
            self._go_on()

    def _on_host(self, pinged_at: float, reply: Reply) -> None:
        if pinged_at != self._pinged_at or self._ping is None:
            return  # pragma: no cover – a reply to a ping that has just ended was still in the queue
        if isinstance(reply.error, NoResponders):
            self._on_ping_end(pinged_at)
            return
        if reply.error is not None:
            # After a lost connection, everything is listed again on the next one.
            self._is_ping_failed = True
            self.failure = without_frames(reply.error)
            self._end_ping()
            self._mend_soon()
            return
        limits = self._limits_now
        if limits.quiet is not None:
            was_first = not self._answered
            self._quiet_ends_at = min(time.monotonic() + limits.quiet, self._ping_ends_at)
            if was_first:
                self._wait_for_quiet(pinged_at)
        try:
            host_id = codec.decode_response(reply.data, Host).unwrap().id
            self._subjects.host("host.get", host_id)
        except CtlError as error:
            logger.warning("a host's answer to a ping was skipped: %s", error)
            self._mend_soon()
            return
        self._answered.add(host_id)
        record = self._records.get(host_id)
        if record is None or record.inventory is None:
            self._unlisted.add(host_id)
        if record is None:
            self._ask(host_id)
        if len(self._answered) == limits.expected:
            self._go_on()

    def _mend_soon(self) -> None:
        """List everything again, because a host may be unknown; not more often than once in an interval."""
        self._is_doubtful = True
        if self._mending is None:
            left = self._pinged_at + self._heartbeat() - time.monotonic()
            self._mending = self.background.call_later(max(0.0, left), self._mend)

    def _mend(self) -> None:
        self._mending = None
        self.list_all()

    # Events -------------------------------------------------------------------------------------

    def _on_message(self, data: bytes) -> None:
        try:
            event = cloud_events.decode_event(data, self._subjects.lattice)
            host_id = event.source
            self._subjects.host("host.get", host_id)
        except (DecodeError, InvalidArgument) as error:
            self._on_undecodable(data, error)
            return
        record = self._record(host_id)
        record.seen = now = time.monotonic()
        self._records.move_to_end(host_id)
        if isinstance(event.data, HostHeartbeat):
            if record.inventory is not None and same(record.inventory, event.data) and not record.is_leaving:
                self._store(host_id, record, event.data)
                return
            record.is_leaving = False
        else:
            record.hinted_at = now
            record.hints[topic(event.data)] = event.data
            record.is_leaving = isinstance(event.data, HostStopped)
            if isinstance(event.data, ComponentScaled):
                self._image(host_id, record, event.data.component_id).add(event.data)
        record.pause = _FIRST_PAUSE
        self._ask(host_id)

    def _on_undecodable(self, data: bytes, error: CtlError) -> None:
        """Ask the host that has published something that cannot be decoded; all hosts if it cannot be read which."""
        try:
            host_id = cloud_events.source_of(data) or ""
            self._subjects.host("host.get", host_id)
        except InvalidArgument:
            logger.warning("an event was skipped, and all hosts are asked: %s", error)
            self._mend_soon()
        else:
            logger.warning("an event was skipped, and host %s is asked: %s", host_id, error)
            self._ask(host_id)

    def _record(self, host_id: str) -> _Record:
        record = self._records.get(host_id)
        if record is None:
            record = self._records[host_id] = _Record(time.monotonic())
            self._check_later()
        return record

    def _image(self, host_id: str, record: _Record, component_id: str) -> RunningImage:
        if component_id not in record.images:
            shown = _references(record.inventory).get(component_id)
            doubt = self._doubts.get((host_id, component_id))
            record.images[component_id] = RunningImage(shown if doubt is None else doubt.event_ref, shown)
        return record.images[component_id]

    # Asking -------------------------------------------------------------------------------------

    def _ask(self, host_id: str) -> None:
        """Ask a host for its inventory; once more if it was asked already."""
        record = self._record(host_id)
        self._unproven.add(host_id)
        record.is_outdated = True
        self.background.cancel(record.timer)
        record.timer = None
        if not record.is_asked:
            self._queued[host_id] = None
            self._send_queued()

    def _send_queued(self) -> None:
        while self._queued and self._in_flight < _IN_FLIGHT:
            host_id = next(iter(self._queued))
            del self._queued[host_id]
            record = self._records[host_id]
            record.is_outdated = False
            record.is_asked = True
            self._in_flight += 1
            timeout = _LEAVING_SECONDS if record.is_leaving else self._timeout
            answer = functools.partial(self._on_answer, host_id, record)
            subject = self._subjects.host("host.get", host_id)
            self.background.ask(subject, b"", min(timeout, self._heartbeat()), answer)

    def _ask_later(self, host_id: str, record: _Record, seconds: float | None = None) -> None:
        """Ask a host again after its pause, or after so many seconds."""
        self.background.cancel(record.timer)
        pause = record.pause if seconds is None else seconds
        record.timer = self.background.call_later(pause, functools.partial(self._ask, host_id))
        record.pause = min(record.pause * 2, _LAST_PAUSE, self._heartbeat() / 4)

    def _on_answer(self, host_id: str, record: _Record, reply: Reply) -> None:
        record.is_asked = False
        self._in_flight -= 1
        self._send_queued()
        now = time.monotonic()
        if isinstance(reply.error, NoResponders):
            self._on_nobody(host_id, record, now)
        elif isinstance(reply.error, RequestTimeout):
            self._silent.add(host_id)
            if now >= record.seen + _GONE * self._heartbeat():
                self._forget(host_id)
            else:
                self._ask_later(host_id, record)
        elif reply.error is None:
            try:
                inventory = codec.decode_response(reply.data, HostInventory).unwrap()
                if inventory.host_id != host_id:
                    raise DecodeError(f"it is the inventory of {inventory.host_id!r}", raw=reply.data)
            except CtlError as error:
                logger.warning("the inventory of host %s was skipped: %s", host_id, error)
                self._ask_later(host_id, record, self._heartbeat())
            else:
                record.seen = now
                self._records.move_to_end(host_id)
                self._silent.discard(host_id)
                self._store(host_id, record, inventory)
                self._judge(host_id, record, inventory, now)
        else:
            # Not allowed, or the connection is lost. Everything is listed again on the next one.
            self.failure = without_frames(reply.error)
            self._ask_later(host_id, record, self._heartbeat())
            return
        self._unlisted.discard(host_id)

    def _on_nobody(self, host_id: str, record: _Record, now: float) -> None:
        """Decide what it means that nobody listens where a host should."""
        # After a loss of the server, hosts need time to come back to it. A host that starts may be heard first.
        returned = self._returned_at
        may_come_back = record.seen < returned and now < returned + _SILENT * self._heartbeat()
        may_start = record.inventory is None and now < record.hinted_at + _LAG_SECONDS
        if not record.is_leaving and (record.is_outdated or may_come_back or may_start):
            # Hosts of which nothing is known may be late, too.
            self._ping_again = self._ping_again or may_come_back
            self._ask_later(host_id, record)
        else:
            self._forget(host_id)

    def _judge(self, host_id: str, record: _Record, inventory: HostInventory, now: float) -> None:
        """Decide whether an inventory is proof, or must be asked for again."""
        if record.is_outdated:
            self._ask(host_id)
            return
        lags = now < record.hinted_at + _LAG_SECONDS
        if record.is_leaving or (
            lags and not all(agrees(data, inventory, record.images) for data in record.hints.values())
        ):
            self._ask_later(host_id, record)
            return
        shown = _references(inventory)
        for component_id, image in record.images.items():
            # Host 1.0.0 says that the old code has ended, although it has only renamed it.
            runs, reference = image.runs or image.ended or "", shown.get(component_id, "")
            doubt = Doubt(host_id=host_id, component_id=component_id, event_ref=runs, inventory_ref=reference)
            self._set_doubt(doubt, bool(runs and reference) and runs != reference)
        record.hints.clear()
        record.images.clear()
        record.pause = _FIRST_PAUSE
        self._unproven.discard(host_id)

    def _set_doubt(self, doubt: Doubt, exists: bool) -> None:
        key = doubt.host_id, doubt.component_id
        if exists:
            self._is_changed = self._is_changed or self._doubts.get(key) != doubt
            self._doubts[key] = doubt
        elif self._doubts.pop(key, None) is not None:
            self._is_changed = True

    # The picture --------------------------------------------------------------------------------

    def _store(self, host_id: str, record: _Record, inventory: HostInventory) -> None:
        old = record.inventory
        if old is not None and same(old, inventory):
            # Only the uptime is new. The parts stay as they are, which saves memory and later comparisons.
            seconds, words = inventory.uptime_seconds, inventory.uptime_human
            inventory = attrs.evolve(old, uptime_seconds=seconds, uptime_human=words)
            record.inventory = self._inventories[host_id] = inventory
            return
        record.inventory = self._inventories[host_id] = inventory
        self._components.replace(host_id, () if old is None else old.components, inventory.components)
        self._providers.replace(host_id, () if old is None else old.providers, inventory.providers)
        self._is_changed = True
        shown = _references(inventory)
        for doubt in [doubt for doubt in self._doubts.values() if doubt.host_id == host_id]:
            reference = shown.get(doubt.component_id, doubt.event_ref)
            self._set_doubt(attrs.evolve(doubt, inventory_ref=reference), reference != doubt.event_ref)

    def _forget(self, host_id: str) -> None:
        """Drop a host that is gone."""
        record = self._records.pop(host_id)
        self.background.cancel(record.timer)
        self._silent.discard(host_id)
        self._unproven.discard(host_id)
        self._queued.pop(host_id, None)
        if record.inventory is not None:
            del self._inventories[host_id]
            self._components.replace(host_id, record.inventory.components, ())
            self._providers.replace(host_id, record.inventory.providers, ())
            self._is_changed = True
        for key in [key for key in self._doubts if key[0] == host_id]:
            del self._doubts[key]

    def _changed_picture(self) -> HostsPicture | None:
        # The oldest part is the host that was heard longest ago.
        self.seen = min(
            (record.seen for record in islice(self._records.values(), 1)), default=time.monotonic()
        )
        now = time.monotonic()
        if self._is_changed:
            self._is_changed = False
            self._published_at = now
            doubts = tuple(self._doubts.values())
            return HostsPicture(
                self._inventories.copy(), self._components.copy(), self._providers.copy(), doubts
            )
        if now >= self._published_at + _UPTIME_SECONDS:
            # Only uptimes have changed: nobody needs to know.
            self._published_at = now
            self.picture = attrs.evolve(self.picture, hosts=self._inventories.copy())
        return None

    def _publish(self, left: int) -> bool:
        if self._ping_again and self._ping is None and not self._unproven and not self.ended:
            self._ping_again = False
            self._ping_hosts(self._later)
        return super()._publish(left)

    @property
    def unanswered(self) -> int:
        return len(self._silent)

    def _is_proven(self) -> bool:
        return self._is_listed() and not self._unproven and not self._is_doubtful

    def _is_listed(self) -> bool:
        return not self._unlisted and not self._is_pinging and not self._is_ping_failed

    def _what_is_missing(self) -> str:
        return f"the inventories of {len(self._unlisted)} hosts" if self._unlisted else "answers to a ping"

    # Silence ------------------------------------------------------------------------------------

    def _check_later(self) -> None:
        if self._check is None and self._records:
            longest = next(iter(self._records.values())).seen
            left = longest + _SILENT * self._heartbeat() - time.monotonic()
            self._check = self.background.call_later(max(left, self._heartbeat() / 10), self._ask_silent)

    def _ask_silent(self) -> None:
        """Ask the hosts of which nothing was heard for too long."""
        self._check = None
        silent_since = time.monotonic() - _SILENT * self._heartbeat()
        silent: list[str] = []
        for host_id, record in self._records.items():
            if record.seen > silent_since or len(silent) == _AT_ONCE:
                break
            if host_id not in self._unproven:
                silent.append(host_id)
        for host_id in silent:
            self._ask(host_id)
        if len(silent) == _AT_ONCE:
            self._check = self.background.call_later(0.0, self._ask_silent)
        else:
            self._check_later()


def _references(inventory: HostInventory | None) -> dict[str, str]:
    """Return the references of the components that an inventory shows, by their ids."""
    return {} if inventory is None else {found.id: found.image_ref for found in inventory.components}
