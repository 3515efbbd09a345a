"""Change what is deployed of an application, and wait until the outcome is certain.

``application_evidence`` says what makes it so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from wasmcloud_ctl._bridge.handover import MessageQueue
from wasmcloud_ctl._operations.application import SECRET, Application, application_of, concerns
from wasmcloud_ctl._operations.application_evidence import Failures, Scales, has_begun, stale
from wasmcloud_ctl._operations.application_look import Look, difference, leftover, lost
from wasmcloud_ctl._operations.gather import Limits, collect, gather, gather_inventories, named_host
from wasmcloud_ctl._operations.progress import Progress
from wasmcloud_ctl._operations.sender import Sender
from wasmcloud_ctl._operations.wadm_requests import WadmRequests
from wasmcloud_ctl._protocol import cloud_events, codec, manifest_codec, wadm_replies
from wasmcloud_ctl._transport import Reply, Subscription
from wasmcloud_ctl.events import ComponentScaled, HostHeartbeat, HostStarted, HostStopped
from wasmcloud_ctl.exceptions import (
    DecodeError,
    InvalidArgument,
    NoResponders,
    NotConnectedError,
    NotFound,
    OperationFailed,
    OperationRejected,
    PermissionDenied,
    RequestTimeout,
    WaitTimeout,
    not_sent,
)
from wasmcloud_ctl.models import (
    CtlResponse,
    DeployModelResponse,
    Host,
    HostInventory,
    Link,
    Status,
    StatusInfo,
    StatusType,
)

T = TypeVar("T")

_EVENTS = (
    "component_scaled",
    "component_scale_failed",
    "provider_started",
    "provider_start_failed",
    "provider_stopped",
    "linkdef_set",
    "linkdef_deleted",
    "config_set",
    "config_deleted",
    "host_heartbeat",
    "host_started",
    "host_stopped",
)

# Between two looks: short after an event, because inventories lag a little, then longer and longer.
_FIRST_PAUSE = 0.02
_LAST_PAUSE = 1.0

# How long nothing may happen before the last look. All hosts are searched for meanwhile.
_QUIET = 0.3

# How long a command that wadm sent before this one may take. wadm does not take its commands back.
_IN_FLIGHT = 5.0

# How long hosts may take to come back after the server was away. Until then, no responders proves nothing.
_RETURN_SECONDS = 5.0

# How long another version must be deployed: a replica of wadm's store can be a moment behind.
_OTHER_SECONDS = 1.0

_NEVER = float("inf")

# The errors of a look that may succeed later.
_UNSEEN = (RequestTimeout, NoResponders, NotConnectedError, OperationRejected, DecodeError)


class ApplicationWait:
    """One change of one application, and what was seen since.

    ``title`` says what is done, such as ``the deployment of shop``. ``wait`` is for everything, in seconds, since
    ``started`` by the monotonic clock. ``timeout`` is for the acknowledgement.
    """

    def __init__(
        self, sender: Sender, name: str, title: str, *, started: float, wait: float, timeout: float
    ) -> None:
        self._requests = WadmRequests(sender)
        self._transport = sender.transport()
        self._settings = sender.settings
        self._subjects = sender.subjects
        self._name = name
        self._title = title
        self._wait = wait
        self._end = started + wait
        self._timeout = timeout
        self._replies = self._transport.replies()
        self._progress = Progress(self._settings.progress, title, wait)
        self._sent = False
        # The hosts that were heard of, without those that said that they stop.
        self._hosts: set[str] = set()
        # The inventories of the last look.
        self._inventories: Sequence[HostInventory] = ()
        self._wanted = Application(name=name)
        # The version of which the manifest is still to be read.
        self._unread: str | None = None
        self._before = Application(name=name)
        self._status_before: Status
        self._in_flight_until = 0.0
        self._scales = Scales()
        self._failures = Failures()
        self._status: Status | None = None
        # Whether something has happened since the last look began.
        self._outdated = False
        self._events: Subscription
        # When the server was last away, and since when another version is deployed.
        self._known_gaps = 0
        self._returned = -_RETURN_SECONDS
        self._other_since = _NEVER
        self._last_seen = "nothing was seen of it yet"

    def deploy(self, send: Callable[[float], DeployModelResponse]) -> DeployModelResponse:
        """Send the command, and wait until its version is deployed. ``send`` takes the timeout of the command."""
        with self._replies, self._progress:
            self._prepare()
            response = self._send(send)
            self._unread = response.version
            self._until(lambda look: self._why_not_deployed(response.version, look))
        return response

    def remove(self, send: Callable[[float], T], is_done: Callable[[T], bool]) -> T:
        """Send the command, and wait until nothing of the application runs, unless the reply says that it is done."""
        with self._replies, self._progress:
            self._prepare()
            response = self._send(send)
            if not is_done(response):
                self._until(self._why_not_removed)
        return response

    # Before the command

    def _prepare(self) -> None:
        """Subscribe, and see what is deployed and what runs before the command."""
        events = [self._subjects.event(name) for name in _EVENTS]
        statuses = [self._subjects.wadm_status(self._name)]
        try:
            self._events = self._replies.subscribe(events, self._on_event, self._left())
            if self._may_subscribe(statuses):  # if not, wadm is asked
                self._replies.subscribe(statuses, self._on_status, self._left())
            self._find_hosts()
            version = self._deployed_version()
            if version is not None:
                self._before = self._application(version)
            inventories, _ = self._ask_hosts()
            self._status_before = self._requests.status(self._name, self._left())
        except (RequestTimeout, NotConnectedError) as error:
            raise not_sent(error, self._title, error.subject or "") from error
        look = Look(inventories=inventories, status=self._status_before)
        self._scales.on_seen(look.running())

    def _may_subscribe(self, subjects: list[str]) -> bool:
        # By a subscription of its own: a denial would end the queue of all that arrives.
        probe = self._transport.subscription(subjects, MessageQueue())
        try:
            probe.open(self._left())
        except PermissionDenied:
            return False
        probe.close()
        return True

    def _send(self, send: Callable[[float], T]) -> T:
        self._handle_waiting()  # what was published before the command proves nothing about it
        response = send(min(self._timeout, self._left()))
        self._sent = True
        if self._status_before.info.status_type is StatusType.RECONCILING:
            self._in_flight_until = time.monotonic() + _IN_FLIGHT
        return response

    def _left(self) -> float:
        """Return how many seconds a request may take."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise self._timed_out()
        return min(left, self._settings.timeout)

    def _timed_out(self) -> WaitTimeout:
        limit = f"{round(self._wait, 3):g} s"
        if not self._sent:
            return WaitTimeout(f"{self._title} was not sent: {limit} passed before that")
        said = "" if self._status is None else f"; wadm says: {in_words(self._status)}"
        seen = self._last_seen + said
        return WaitTimeout(
            f"{self._title} was acknowledged, but not certain within {limit}: {seen}", last_seen=seen
        )

    # The loop

    def _until(self, why_not: Callable[[Look], str]) -> None:
        """Look until ``why_not`` twice finds nothing, with a quiet moment in between. It raises after a failure."""
        pause = _FIRST_PAUSE
        while True:
            reason = self._checked(why_not) or self._checked(why_not, search=True)
            if not reason:
                return
            self._last_seen = reason
            self._progress.describe(reason)
            self._left()
            pause = _FIRST_PAUSE if self._listen(pause) else min(pause * 2, _LAST_PAUSE)

    def _checked(self, why_not: Callable[[Look], str], *, search: bool = False) -> str:
        """Look once. Return why the outcome is not certain.

        With ``search``, let a quiet moment pass before, and look at hosts that were not known, too.
        """
        self._outdated = False
        try:
            if search:
                self._find_hosts()
            look = self._look()
        except _UNSEEN as error:
            return str(error)
        self._take(look)
        self._handle_waiting()
        return "something has just changed" if self._outdated else why_not(look)

    def _listen(self, seconds: float) -> bool:
        """Wait until something happens. Return whether it did."""
        end = min(time.monotonic() + seconds, self._end)
        self._outdated = False

        def next_moment(now: float) -> float | None:
            nonlocal end
            if self._outdated:
                end = min(end, now + _FIRST_PAUSE)
            return None if now >= end else end

        collect(self._replies, self._progress, next_moment)
        return self._outdated

    def _handle_waiting(self) -> None:
        while self._replies:
            reply = self._replies.get(0.0)
            reply.handler(reply)

    # Verdicts

    def _why_not_deployed(self, version: str, look: Look) -> str:
        reason = self._difference(version, look)
        failure = self._certain_failure() if reason else None
        if failure is not None:
            raise OperationFailed(
                f"{self._title} failed: {failure} (wadm goes on trying until the application is undeployed, or "
                "another version is deployed)",
                reason=failure,
            )
        return reason

    def _difference(self, version: str, look: Look) -> str:
        now = time.monotonic()
        if look.deployed_version != version:
            return self._on_other_version(look.deployed_version, now)
        self._other_since = _NEVER
        state = look.status.info.status_type
        # What needs no scalers stays undeployed.
        wanted_state = StatusType.DEPLOYED if self._wanted.scalers() else StatusType.UNDEPLOYED
        is_deployed = state is wanted_state
        begun = has_begun(self._wanted, self._before, look, self._status_before)
        self._failures.on_lost(lost(self._wanted, look) if is_deployed and begun else "", now)
        if not is_deployed:
            return difference(self._wanted, self._before, look) or f"wadm says {state}"
        if now < self._in_flight_until:
            return "a command that wadm sent before may still be carried out"
        return difference(self._wanted, self._before, look) or stale(
            self._wanted, self._before, look, self._status_before, self._scales
        )

    def _certain_failure(self) -> str | None:
        places = [place for part in self._wanted.parts for place in part.places]
        hosts_fit = all(any(map(place.fits, self._inventories)) for place in places)
        hosts = [inventory.host_id for inventory in self._inventories]
        return self._failures.certain(hosts, time.monotonic(), hosts_fit=hosts_fit)

    def _on_other_version(self, version: str | None, now: float) -> str:
        reason = "the application was undeployed" if version is None else f"version {version} was deployed"
        self._other_since = min(self._other_since, now)
        if now >= self._other_since + _OTHER_SECONDS:
            reason += " meanwhile"
            raise OperationFailed(f"{self._title} failed: {reason}", reason=reason)
        return reason

    def _why_not_removed(self, look: Look) -> str:
        if look.deployed_version is not None:
            return f"version {look.deployed_version} is deployed"
        if time.monotonic() < self._in_flight_until:
            return "a command that wadm sent before may still be carried out"
        return leftover(self._name, look)

    # What arrives

    def _on_event(self, reply: Reply) -> None:
        try:
            event = cloud_events.decode_event(reply.data, self._subjects.lattice)
        except DecodeError:
            return  # a message that is no event is no hint
        data = event.data
        match data:
            case HostHeartbeat():
                self._hosts.add(event.source)
                self._failures.on_heartbeat(event.source, time.monotonic())
                return
            case HostStarted():
                self._hosts.add(event.source)
            case HostStopped():
                self._hosts.discard(event.source)
            case ComponentScaled():
                self._scales.on_event(data)
        self._outdated = self._outdated or concerns(data, self._before, self._wanted)

    def _on_status(self, reply: Reply) -> None:
        try:
            status = wadm_replies.decode_status(reply.data, self._name).status
        except DecodeError:
            return
        self._outdated = True
        if not self._sent:
            return
        self._status = status
        self._failures.on_status(status, time.monotonic())

    # Looking

    def _find_hosts(self) -> None:
        """Ask who is there. Takes a quiet moment after the last reply."""
        quiet = max(_QUIET, self._settings.quiet or 0.0)
        limits = Limits(timeout=min(self._settings.auction_timeout, self._left()), quiet=quiet)
        ping = self._subjects.control("host.ping")
        replies = gather(self._transport, ping, b"", Host, named_host, limits)
        self._hosts.update(host.id for host in replies.data)

    def _ask_hosts(self) -> tuple[list[HostInventory], list[str]]:
        """Return the inventories of the known hosts, and the hosts that may be there but did not answer."""
        timeout = self._left()
        found = gather_inventories(
            self._transport, self._subjects, self._hosts, Limits(timeout=timeout), timeout
        )
        gaps, now = self._events.gaps, time.monotonic()
        if gaps != self._known_gaps:
            self._known_gaps, self._returned = gaps, now
        gone_is_unknown = now < self._returned + _RETURN_SECONDS
        silent = [
            host
            for host, error in found.errors.items()
            if gone_is_unknown or not isinstance(error, NoResponders)
        ]
        return list(found), silent

    def _look(self) -> Look:
        if self._unread is not None:
            with suppress(NotFound):  # deleted meanwhile, so another version is deployed, or none
                self._wanted = self._application(self._unread)
            self._unread = None
        inventories, silent = self._ask_hosts()
        links: list[Link] = []
        if self._wanted.links or self._before.links:
            links = self._asked(self._subjects.control("link.get"), list[Link]) or []
        configs = {name: self._config(name) for name in self._wanted.configs}
        # The status comes last: what it says is of a moment after all of this.
        return Look(
            inventories=inventories,
            silent=silent,
            links=links,
            configs=configs,
            deployed_version=self._deployed_version(),
            status=self._requests.status(self._name, self._left()),
        )

    def _take(self, look: Look) -> None:
        """Take what a look shows, before the events that arrived meanwhile."""
        self._inventories = look.inventories
        self._scales.on_absent(look, self._wanted.ids)
        if self._known_gaps:
            self._scales.on_seen(look.running())  # events may be missing
        self._failures.on_status(look.status, time.monotonic())
        self._status = look.status

    def _asked(self, subject: str, kind: type[T]) -> T | None:
        raw = self._transport.request(subject, b"", self._left())
        response: CtlResponse[T] = codec.decode_response(raw, kind)
        return response.raise_for_status().data

    def _config(self, name: str) -> dict[str, str] | None:
        try:
            subject = self._subjects.config("config.get", name)
        except InvalidArgument:
            return None  # no host can be asked for a config of such a name
        contents = self._asked(subject, dict[str, str])
        if contents is not None and name.startswith(SECRET):
            return manifest_codec.in_fixed_order(contents)
        return contents

    def _application(self, version: str) -> Application:
        return application_of(self._requests.manifest(self._name, version, self._left()))

    def _deployed_version(self) -> str | None:
        try:
            versions = self._requests.versions(self._name, self._left())
        except NotFound:
            return None
        return next((found.version for found in versions if found.deployed), None)


def in_words(status: Status) -> str:
    """Return a status in one line, with the last word of each scaler."""
    words = [
        f"{scaler.kind} {scaler.name} {_info_in_words(scaler.info)}".strip() for scaler in status.scalers
    ]
    return ", ".join(words) or _info_in_words(status.info)


def _info_in_words(info: StatusInfo) -> str:
    return f"{info.status_type} ({info.message})" if info.message else str(info.status_type)
