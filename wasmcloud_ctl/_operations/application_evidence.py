"""What proves that an application is deployed, or that it cannot be.

Four things could mislead a client that only asks wadm for the status:

* The status is still that of the version before. wadm's scalers have other ids for another image or config, so the
  ids of the status must be other ones, too, and what runs must have been started by those scalers.
* wadm publishes nothing when there is nothing to do. So the state counts, and not that something was published.
* A new image can be running already when wadm stops the old one, by the same id: then nothing runs until wadm sees a
  heartbeat. Hosts also show a new image that they only renamed. So where another image ran, or one that another
  scaler started, it must have been stopped, and the new one must have been started after that.
* ``failed`` can be a moment, or the word of a wadm that does not know all hosts yet: see ``Failures``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import attrs

from wasmcloud_ctl._operations.application import SCALER, Application, Part
from wasmcloud_ctl._operations.application_look import Look, Running
from wasmcloud_ctl.events import ComponentScaled
from wasmcloud_ctl.models import Status, StatusInfo, StatusType


@attrs.frozen
class _Scaled:
    """A component had so many instances on a host: seen, or published by the host."""

    count: int
    reference: str | None
    scaler: str | None


@attrs.define
class Scales:
    """What ran of each component on each host, oldest first: as seen before the command, and by events since."""

    _by_place: dict[tuple[str, str], list[_Scaled]] = attrs.field(factory=dict)

    def on_seen(self, running: Iterable[Running]) -> None:
        """Take what is seen to run."""
        for found in running:
            if not found.is_provider:
                scaled = _Scaled(found.count, found.reference, found.annotations.get(SCALER))
                self._add(found.host_id, found.id, scaled)

    def on_event(self, scaled: ComponentScaled) -> None:
        """Take an event of a host."""
        found = _Scaled(scaled.max_instances, scaled.image_ref, scaled.annotations.get(SCALER))
        self._add(scaled.host_id, scaled.component_id, found)

    def on_absent(self, look: Look, ids: Collection[str]) -> None:
        """Take that hosts which ran components no longer do: nothing of the old code is left there."""
        running = {(found.host_id, found.id) for found in look.running()}
        hosts = {inventory.host_id for inventory in look.inventories}
        for (host_id, component_id), scales in self._by_place.items():
            is_absent = host_id in hosts and (host_id, component_id) not in running
            if component_id in ids and is_absent and scales[-1].count:
                scales.append(_Scaled(0, None, None))

    def _add(self, host_id: str, component_id: str, scaled: _Scaled) -> None:
        scales = self._by_place.setdefault((host_id, component_id), [])
        if scales[-1:] != [scaled]:
            scales.append(scaled)

    def is_fresh(self, host_id: str, part: Part, scaler_ids: Collection[str]) -> bool:
        """Return whether what runs was started for this part, after anything else on that host was stopped."""
        fresh, stopped = True, False
        for scaled in self._by_place.get((host_id, part.id), ()):
            if not scaled.count:
                stopped = True
            elif scaled.reference != part.reference or scaled.scaler not in scaler_ids:
                fresh = stopped = False
            elif stopped:
                fresh = True
        return fresh


def has_begun(wanted: Application, before: Application, look: Look, status_before: Status) -> bool:
    """Return whether the status is of this version. The scalers of the version before can be the same ones."""
    ids_before = {scaler.id for scaler in status_before.scalers}
    return wanted.scalers() == before.scalers() or look.scaler_ids != ids_before


def stale(wanted: Application, before: Application, look: Look, status_before: Status, scales: Scales) -> str:
    """Return why what is seen may be of the version before, or may be about to be stopped. Empty if it is not."""
    if not has_begun(wanted, before, look, status_before):
        return "wadm has not begun to deploy this version"
    parts = {part.id: part for part in wanted.parts if not part.is_provider}
    for found in look.running_of(wanted.name):
        part = parts.get(found.id)
        if part is not None and not scales.is_fresh(found.host_id, part, look.scaler_ids):
            return f"no stop of what ran before as {found.id} on {found.host} was seen"
    return ""


# Failures ---------------------------------------------------------------------------------------

# After a failed command, wadm does nothing for so long, whatever heartbeats arrive.
_BACKOFF = 5.0

# How long after the beginning of a failure another one begins, at least. One can be seen to begin more than once: as
# wadm published it, and as it answered.
_APART = _BACKOFF / 2

# How long after the last heartbeat that had to arrive. wadm takes some hundredths of a second for one.
_AFTER_HEARTBEATS = 2.0

# How long a heartbeat may take if none arrives at all: twice the usual interval.
_LONG_INTERVAL = 60.0

# How a reason begins that can be by chance. To scale a component, wadm draws one of the hosts that fit. If it is not
# the one that runs instances already, the counts conflict, and wadm draws again at the next heartbeat.
_CONFLICT = "Spread requirement conflict"

# How many heartbeats of each host a conflict must stand that can be by chance. The probability that wadm never drew
# the right one of n hosts is (1 - 1/n) ** (10 * n), which is below 1 in 20,000.
_DRAWS = 10

# The key of a failure that is not that of a scaler.
_WHOLE = ""


@attrs.define
class _Failing:
    """A scaler's failures.

    Attributes:
        times: How often each reason came.
        began: When each reason came last.
        reason: The reason of the failure that stands. None if none does.
        heartbeats: How many heartbeats of each host wadm has had to mend it.
        heard: When enough of them had arrived. None if they have not.
    """

    times: dict[str, int] = attrs.field(factory=dict)
    began: dict[str, float] = attrs.field(factory=dict)
    reason: str | None = None
    heartbeats: dict[str, int] = attrs.field(factory=dict)
    heard: float | None = None

    def on_info(self, info: StatusInfo, now: float) -> None:
        """Take a state of the scaler."""
        if info.status_type is not StatusType.FAILED:
            self.reason = None
        elif info.message != self.reason:
            reason = self.reason = info.message
            self.heartbeats, self.heard = {}, None
            if now >= self.began.get(reason, -_APART) + _APART:
                self.times[reason] = self.times.get(reason, 0) + 1
            self.began[reason] = now

    def on_heartbeat(self, host_id: str, now: float) -> None:
        """Take a heartbeat of a host."""
        if self.reason is not None and now >= self.began[self.reason] + _BACKOFF:
            self.heartbeats[host_id] = self.heartbeats.get(host_id, 0) + 1


@attrs.define
class Failures:
    """Which scalers fail, since when, and how often.

    A failure is certain when it has come twice, with the same reason: wadm has tried again. It is also certain when
    it stands although every known host has published a heartbeat, 5 s or more after the failure began: wadm looks
    again at each of these heartbeats, and then knows all hosts. Without any heartbeat, it must stand for a minute.

    A conflict of spreads can be by chance while hosts fit. It does not count as coming twice, and must stand for ten
    heartbeats of every host.
    """

    _failing: dict[str, _Failing] = attrs.field(factory=dict)
    _lost: _Failing = attrs.field(factory=_Failing)
    _heartbeats_arrive: bool = False

    def on_heartbeat(self, host_id: str, now: float) -> None:
        """Take a heartbeat of a host."""
        self._heartbeats_arrive = True
        for failing in (*self._failing.values(), self._lost):
            failing.on_heartbeat(host_id, now)

    def on_status(self, status: Status, now: float) -> None:
        """Take a status that wadm published, or answered."""
        infos = {scaler.id: scaler.info for scaler in status.scalers} or {_WHOLE: status.info}
        # Scalers that are gone were those of the version before.
        self._failing = {key: self._failing.get(key, _Failing()) for key in infos}
        for key, info in infos.items():
            self._failing[key].on_info(info, now)

    def on_lost(self, reason: str, now: float) -> None:
        """Take what wadm has lost of the manifest although it says deployed. Empty if nothing."""
        state = StatusType.FAILED if reason else StatusType.DEPLOYED
        self._lost.on_info(StatusInfo(status_type=state, message=reason), now)

    def certain(self, hosts: Collection[str], now: float, *, hosts_fit: bool) -> str | None:
        """Return the reason of a failure that is certain. None if there is none.

        ``hosts_fit`` says whether each spread of the manifest has a host that fits.
        """
        for failing in (*self._failing.values(), self._lost):
            reason = failing.reason
            if reason is None:
                continue
            by_chance = hosts_fit and reason.startswith(_CONFLICT)
            twice = failing.times[reason] > 1 and not by_chance and failing is not self._lost
            if twice or self._stands(failing, reason, hosts, now, _DRAWS if by_chance else 1):
                return reason
        return None

    def _stands(
        self, failing: _Failing, reason: str, hosts: Collection[str], now: float, needed: int
    ) -> bool:
        if not self._heartbeats_arrive:
            return now >= failing.began[reason] + _LONG_INTERVAL * needed
        if failing.heard is None and all(failing.heartbeats.get(host, 0) >= needed for host in hosts):
            failing.heard = now
        return failing.heard is not None and now >= failing.heard + _AFTER_HEARTBEATS
