"""What it takes to be sure of an outcome.

A host says "success" when it has heard a command. What came of it is told by events, some of which are late, doubled
or missing, and shown by the host's inventory, which can be what it was before, or lie. So a wait looks before it
sends, hears the events from before that on, and is over when the two together leave no doubt:

* An event is a hint: it says when to look. The inventory is the proof, and is looked at from time to time, too, for
  a failed update is told by no event.
* What was so before the command proves nothing: there the host's event after the sending decides.
* After a scale to another reference the inventory's reference proves nothing: only an event with it does.
* A host that is gone can do nothing: that fails every wait but the one for its stop.

``_Wait`` is the loop that all waits share: the acknowledgement, the events and the looks come to one place, and
after each the wait's ``judge`` says whether it is certain. The classes below it hold what there is to know of each
operation; ../tests/contract shows it of real hosts.
"""

from __future__ import annotations

import queue
import time
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from wasmcloud_ctl import _codec
from wasmcloud_ctl.events import (
    ComponentScaled,
    ComponentScaleFailed,
    Event,
    HostStopped,
    LinkdefDeleted,
    LinkdefSet,
    ProviderStarted,
    ProviderStartFailed,
    ProviderStopped,
)
from wasmcloud_ctl.exceptions import (
    CtlError,
    DecodeError,
    NoResponders,
    NotConnectedError,
    NotFound,
    OperationFailed,
    OperationRejected,
    RequestTimeout,
    WaitTimeout,
)
from wasmcloud_ctl.models import ComponentDescription, CtlResponse, HostInventory, Link, ProviderDescription

if TYPE_CHECKING:
    from wasmcloud_ctl._calls import Gather, Question, Reply, Subscription
    from wasmcloud_ctl._subjects import Subjects
    from wasmcloud_ctl._transport import Transport

# Between two looks: soon after something was told, for inventories lag a little, then ever more rarely.
_FIRST_PAUSE = 0.01
_LAST_PAUSE = 1.0

# How long the first look may take; each that is not answered gives the next one twice as long. A host that is
# shutting down takes questions and does not answer them.
_FIRST_PATIENCE = 0.5

# Before the first look that nothing has prompted.
_UNPROMPTED_PAUSE = 0.25

# How far apart two looks must find nobody for the host to be gone.
_GONE_SECONDS = 0.5

# How long hosts may take to come back to a server that was away: until then, that nobody answers says nothing.
_RETURN_SECONDS = 5.0

# How long to listen for a failure that may follow a late event of the command before.
_MOMENT = 0.3

_ACKNOWLEDGEMENT = "acknowledgement"
_EVENT = "event"
_LOOK = "look"


@attrs.frozen(kw_only=True)
class Command:
    """What is sent, and how its outcome is looked for.

    Attributes:
        what: The operation in words, such as ``the scale of echo to 5``.
        subjects: The lattice's subjects.
        subject: Where it is sent.
        payload: What is sent.
        timeout: Seconds that the acknowledgement may take.
        look_timeout: Seconds that the look before the sending may take.
        wait: Seconds that it may take in all.
        turn: The key of changes that must not overlap.
    """

    what: str
    subjects: Subjects
    subject: str
    payload: bytes
    timeout: float
    look_timeout: float
    wait: float
    turn: str | None = None


class _Wait:
    """A command that is sent and whose outcome is waited for."""

    # What may tell of the outcome, and the type of what shows it.
    event_names: ClassVar[tuple[str, ...]]
    look_type: ClassVar[Any] = HostInventory

    def __init__(self, command: Command, look_subject: str) -> None:
        self._command = command
        self._look_subject = look_subject
        self._end = 0.0
        self._subscription: Subscription | None = None
        self._last_seen: str | None = None
        self._listen_until: float | None = None
        # The acknowledgement: what it was, by when it is awaited, and why it did not come.
        self._response: CtlResponse[None] | None = None
        self._acknowledged_by: float | None = None
        self._unacknowledged: RequestTimeout | None = None
        # The look under way: by when it is awaited, and whether something was told after it was asked for.
        self._look: Question | None = None
        self._look_by = 0.0
        self._outdated = False
        # The look after that: when, and how long between it and the next, and how long it may take.
        self._next_look = 0.0
        self._pause = _FIRST_PAUSE
        self._patience = _FIRST_PATIENCE
        # Since when nobody has answered, and when the server was last seen to have been away.
        self._nobody_since: float | None = None
        self._known_gaps = 0
        self._returned = -_RETURN_SECONDS

    # What each operation knows of itself

    def on_before(self, seen: Any) -> None:
        """What was seen before the command was sent."""

    def on_event(self, event: Event) -> bool:
        """An event after that. Returns whether it is about this command, so that it is time to look."""
        raise NotImplementedError

    def on_look(self, seen: Any) -> None:
        """What was seen after the command was sent."""
        raise NotImplementedError

    def on_gone(self) -> None:
        """Nobody answers any more where the outcome is looked for."""

    def judge(self) -> bool:
        """Whether the outcome is certain and good.

        Raises:
            OperationFailed: It is certain and bad.
        """
        raise NotImplementedError

    # The loop

    def run(self, transport: Transport) -> CtlResponse[None]:
        """Send the command, and wait for its outcome.

        Returns:
            The acknowledgement.

        Raises:
            OperationFailed, OperationRejected, WaitTimeout, RequestTimeout, NoResponders, NotConnectedError,
            PermissionDenied, AuthError, ClosedError, DecodeError, PayloadTooLarge
        """
        command = self._command
        self._end = time.monotonic() + command.wait
        with transport.gather() as gather:
            subjects = [command.subjects.event(name) for name in self.event_names]
            self._subscription = gather.listen(subjects, _EVENT, self._left())
            self.on_before(self._look_before(transport))
            self._next_look = time.monotonic() + _UNPROMPTED_PAUSE
            acknowledgement = gather.ask(
                command.subject, command.payload, tag=_ACKNOWLEDGEMENT, once=True, turn=command.turn
            )
            return self._loop(gather, acknowledgement)

    def _left(self) -> float:
        left = self._end - time.monotonic()
        if left <= 0:
            raise self._not_certain()
        return left

    def _look_before(self, transport: Transport) -> Any:
        raw = transport.request(self._look_subject, b"", min(self._command.look_timeout, self._left()))
        return _codec.decode_response(raw, self.look_type).unwrap()

    def _loop(self, gather: Gather, acknowledgement: Question) -> CtlResponse[None]:
        timeout = min(self._command.timeout, self._end - time.monotonic())
        self._acknowledged_by = time.monotonic() + timeout
        while True:
            now = time.monotonic()
            if now >= self._end:
                raise self._not_certain()
            if self._acknowledged_by is not None and now >= self._acknowledged_by:
                self._acknowledged_by = None
                gather.expire(acknowledgement, timeout)
            self._keep_looking(gather, now)
            try:
                reply = gather.get(self._next_moment(now) - now)
            except queue.Empty:
                pass
            else:
                if reply.tag is _EVENT:
                    self._on_told(reply.data)
                elif reply.tag is _ACKNOWLEDGEMENT:
                    self._on_acknowledgement(reply)
                else:
                    self._on_seen(reply)
            if self._listen_until is not None and time.monotonic() >= self._listen_until:
                self._listen_until = None
                self.on_quiet()
            if self.judge():
                if self._response is not None:
                    return self._response
                if self._acknowledged_by is None:
                    return CtlResponse(
                        succeeded=True, message="the outcome is certain, though no acknowledgement came"
                    )
                # It may still be a refusal; but it may also never come.
                self._acknowledged_by = min(self._acknowledged_by, time.monotonic() + _MOMENT)

    def _next_moment(self, now: float) -> float:
        """When there is something to do without a reply."""
        moments = [self._end, self._next_look if self._look is None else self._look_by]
        moments += [moment for moment in (self._acknowledged_by, self._listen_until) if moment is not None]
        return max(now, min(moments))

    def _keep_looking(self, gather: Gather, now: float) -> None:
        if self._look is None:
            if now >= self._next_look:
                self._look = gather.ask(self._look_subject, tag=_LOOK, once=True)
                self._look_by = now + self._patience
                self._outdated = False
        elif now >= self._look_by:
            gather.expire(self._look, self._patience)
            self._patience *= 2
            self._look_by = self._end

    def _on_told(self, raw: bytes) -> None:
        try:
            event = _codec.decode_event(raw, self._command.subjects.lattice)
        except DecodeError:
            return  # what is no event is no hint
        if self.on_event(event):
            self._look_soon()

    def _on_acknowledgement(self, reply: Reply) -> None:
        self._acknowledged_by = None
        self._look_soon()
        error = reply.error
        if error is None:
            response: CtlResponse[None] = _codec.decode_response(reply.data, None)
            self._response = response.raise_for_status()
        elif isinstance(error, RequestTimeout) and error.sent:
            self._unacknowledged = error  # the state is looked at once more
        elif isinstance(error, NotConnectedError) and error.sent:
            self._last_seen = "the connection was lost before the acknowledgement came"
        else:
            self.on_unheard(error)

    def _on_seen(self, reply: Reply) -> None:
        now = time.monotonic()
        outdated, self._look = self._outdated, None
        if isinstance(reply.error, NoResponders):
            self._on_nobody(reply.error, now)
            return
        self._nobody_since = None
        if reply.error is None:
            try:
                self.on_look(_codec.decode_response(reply.data, self.look_type).unwrap())
            except (DecodeError, OperationRejected, NotFound) as unreadable:
                self._last_seen = str(unreadable)
        elif isinstance(reply.error, (NotConnectedError, RequestTimeout)):
            self._last_seen = str(reply.error)
        else:
            raise reply.error
        self._next_look = now if outdated else now + self._pause
        self._pause = min(self._pause * 2, _LAST_PAUSE)
        if self._unacknowledged is not None and not outdated and not self.judge():
            raise self._unacknowledged

    def _on_nobody(self, error: NoResponders, now: float) -> None:
        if self._known_gaps != self._gaps():
            self._known_gaps, self._returned = self._gaps(), now
        if self._nobody_since is None or now < self._returned + _RETURN_SECONDS:
            self._nobody_since = now
        self._next_look = now + _GONE_SECONDS
        self._last_seen = f"nobody answers on {error.subject}"
        if now - self._nobody_since >= _GONE_SECONDS * 0.9:
            self.on_gone()

    def _look_soon(self) -> None:
        self._next_look = 0.0
        self._pause = _FIRST_PAUSE
        self._outdated = True

    def on_unheard(self, error: CtlError) -> None:
        """The command was not heard, or not answered in a way that can be understood."""
        raise error

    def on_quiet(self) -> None:
        """What was to be listened for has not come."""

    def _listen(self) -> None:
        """Listen a moment longer, and then be told by ``on_quiet``."""
        if self._listen_until is None:
            self._listen_until = time.monotonic() + _MOMENT

    def _gaps(self) -> int:
        return 0 if self._subscription is None else self._subscription.gaps

    def _heard_everything(self) -> bool:
        return self._gaps() == 0

    def _failed(self, reason: str, event: Event | None = None) -> OperationFailed:
        return OperationFailed(
            f"{self._command.what} failed: {reason}", reason=reason, event=event, response=self._response
        )

    def _not_certain(self) -> CtlError:
        """The error for the end of the wait."""
        acknowledged = "acknowledged, but" if self._response is not None else "not acknowledged, and"
        seen = self._last_seen or "nothing was seen of it"
        return WaitTimeout(
            f"{self._command.what} was {acknowledged} not certain within {self._command.wait:g} s: {seen}",
            last_seen=self._last_seen,
            response=self._response,
        )


class _OnHost(_Wait):
    """A wait for something that one host does."""

    def __init__(self, command: Command, host_id: str) -> None:
        super().__init__(command, command.subjects.host("host.get", host_id))
        self._host_id = host_id
        self._gone: str | None = None

    def on_event(self, event: Event) -> bool:
        if event.source != self._host_id:
            return False
        if isinstance(event.data, HostStopped):
            self._gone = f"host {self._host_id} has stopped"
            return True
        return self.on_host_event(event)

    def on_host_event(self, event: Event) -> bool:
        """An event of this host. Returns whether it is about this command."""
        raise NotImplementedError

    def on_gone(self) -> None:
        self._gone = f"host {self._host_id} is gone: it does not answer any more"

    def judge(self) -> bool:
        if self.judge_on_host():
            return True
        if self._gone is not None:
            raise self._failed(self._gone)
        return False

    def judge_on_host(self) -> bool:
        """Whether the outcome is certain and good, while the host is there."""
        raise NotImplementedError


class ScaleComponent(_OnHost):
    """A component's count, which may be 0, and its reference, which hosts are odd about."""

    event_names = ("component_scaled", "component_scale_failed", "host_stopped")

    def __init__(
        self,
        command: Command,
        host_id: str,
        component_id: str,
        reference: str,
        count: int,
        allow_update: bool,
    ) -> None:
        super().__init__(command, host_id)
        self._component_id = component_id
        self._reference = reference
        self._count = count
        self._allow_update = allow_update
        self._before: ComponentDescription | None = None
        self._now: ComponentDescription | None = None
        self._looked = False
        self._told = False  # an event with the reference and the count
        self._told_old: str | None = None  # the other reference of an event with the count
        self._told_more = False  # an event that is not the one of a plain stop
        self._failure: Event | None = None
        self._quiet = False

    def on_before(self, seen: HostInventory) -> None:
        self._before = _component(seen, self._component_id)

    def on_host_event(self, event: Event) -> bool:
        data = event.data
        if isinstance(data, ComponentScaleFailed):
            if (data.component_id, data.max_instances, data.image_ref) == (
                self._component_id,
                self._count,
                self._reference,
            ):
                self._failure = event
                return True
            return False
        if not isinstance(data, ComponentScaled) or data.component_id != self._component_id:
            return False
        self._looked = False  # what was seen before this event may be what was before
        of_a_stop = data.max_instances == 0 and (
            self._before is None or data.image_ref == self._before.image_ref
        )
        self._told_more = self._told_more or self._told or not of_a_stop
        if data.max_instances == self._count:
            if data.image_ref == self._reference:
                self._told = True
            elif self._count > 0:
                self._told_old = data.image_ref
            else:
                self._told = True  # a stop is told with the reference that ran
        return True

    def on_look(self, seen: HostInventory) -> None:
        self._now = _component(seen, self._component_id)
        self._looked = True
        if self._now is None:
            self._last_seen = f"{self._component_id} does not run on host {self._host_id}"
        else:
            self._last_seen = (
                f"{self._component_id} runs with {self._now.max_instances} of {self._now.image_ref} "
                f"on host {self._host_id}"
            )

    def on_quiet(self) -> None:
        self._quiet = True
        self._looked = False
        self._look_soon()

    def judge_on_host(self) -> bool:
        if self._failure is not None:
            assert isinstance(self._failure.data, ComponentScaleFailed)
            raise self._failed(self._failure.data.error, self._failure)
        if self._count == 0:
            return self._judge_stop()
        before = self._before
        if before is not None and before.image_ref != self._reference:
            return self._judge_other_reference(before.image_ref)
        if self._told_old is not None and not self._told:
            return self._judge_other_reference(self._told_old)
        if before is None or before.max_instances != self._count:
            return self._is_so()
        # It was so before: the event decides, and a failure may follow a late event of the command before.
        if self._told and self._is_so():
            self._listen()
            return self._quiet
        return False

    def _is_so(self) -> bool:
        return (
            self._looked
            and self._now is not None
            and (self._now.max_instances, self._now.image_ref) == (self._count, self._reference)
        )

    def _not_certain(self) -> CtlError:
        before = self._before
        if (
            before is not None
            and before.image_ref != self._reference
            and self._count > 0
            and not self._allow_update
        ):
            return self._not_updated(before.image_ref)  # that much is certain without any event
        return super()._not_certain()

    def _judge_stop(self) -> bool:
        # The event that ends an update has a count of 0, too, so only the inventory is believed.
        if not (self._looked and self._now is None and (self._before is not None or self._told)):
            return False
        if self._told_more and not self._quiet:
            # Another command is being worked off beside this one: an update that ends later brings back what has
            # been stopped.
            self._listen()
            return False
        return True

    def _judge_other_reference(self, old: str) -> bool:
        if self._told:
            return self._is_so()
        if self._told_old is None:
            return False
        if self._allow_update:
            # While an update is under way the inventory has the old reference; if it has the new one and no event
            # told of it, the host has renamed what runs, and will not update it.
            if not (self._is_so() and self._heard_everything()):
                return False
            self._listen()
            if not self._quiet:
                return False
        raise self._not_updated(old)

    def _not_updated(self, old: str) -> OperationFailed:
        return self._failed(
            f"host {self._host_id} goes on with {old} as {self._component_id}, which was not updated to "
            f"{self._reference}"
            + ("" if self._allow_update else " (allow_update was not given; update_component does it)")
        )


class UpdateComponent(_OnHost):
    """A component's reference."""

    event_names = ("component_scaled", "host_stopped")

    def __init__(self, command: Command, host_id: str, component_id: str, reference: str) -> None:
        super().__init__(command, host_id)
        self._component_id = component_id
        self._reference = reference
        self._was_so = False
        self._is_so = False

    def on_before(self, seen: HostInventory) -> None:
        before = _component(seen, self._component_id)
        self._was_so = before is not None and before.image_ref == self._reference
        self._note(before)

    def on_host_event(self, event: Event) -> bool:
        return isinstance(event.data, ComponentScaled) and event.data.component_id == self._component_id

    def on_look(self, seen: HostInventory) -> None:
        now = _component(seen, self._component_id)
        self._is_so = now is not None and now.image_ref == self._reference
        self._note(now)

    def _note(self, component: ComponentDescription | None) -> None:
        if component is None:
            self._last_seen = f"{self._component_id} does not run on host {self._host_id}"
        else:
            self._last_seen = f"host {self._host_id} still runs {component.image_ref} as {self._component_id}"

    def judge_on_host(self) -> bool:
        # To the reference that it has, the host's answer is all that will come.
        return self._is_so or (self._was_so and self._response is not None)


class StartProvider(_OnHost):
    """A provider that is to run."""

    event_names = ("provider_started", "provider_start_failed", "host_stopped")

    def __init__(self, command: Command, host_id: str, provider_id: str, reference: str) -> None:
        super().__init__(command, host_id)
        self._provider_id = provider_id
        # What hosts call a provider that came from a file, or is built in.
        self._references = {
            None,
            reference,
            reference.removeprefix("file://"),
            reference.removeprefix("wasmcloud+builtin://"),
        }
        self._failure: Event | None = None
        self._looked = False
        self._runs = False

    def on_host_event(self, event: Event) -> bool:
        data = event.data
        if (
            not isinstance(data, (ProviderStarted, ProviderStartFailed))
            or data.provider_id != self._provider_id
        ):
            return False
        if isinstance(data, ProviderStartFailed):
            self._failure = event
        self._looked = False
        return True

    def on_look(self, seen: HostInventory) -> None:
        now = _provider(seen, self._provider_id)
        self._looked = True
        self._runs = now is not None and now.image_ref in self._references
        if now is None:
            self._last_seen = f"{self._provider_id} does not run on host {self._host_id}"
        else:
            self._last_seen = f"{self._provider_id} runs on host {self._host_id}, of {now.image_ref}"

    def judge_on_host(self) -> bool:
        if self._looked and self._runs:
            return True
        # Of two starts at once one fails, as both are told: so a look comes first.
        if self._failure is not None and self._looked:
            assert isinstance(self._failure.data, ProviderStartFailed)
            raise self._failed(self._failure.data.error, self._failure)
        return False


class StopProvider(_OnHost):
    """A provider that is to be gone."""

    event_names = ("provider_stopped", "host_stopped")

    def __init__(self, command: Command, host_id: str, provider_id: str) -> None:
        super().__init__(command, host_id)
        self._provider_id = provider_id
        self._ran = False
        self._is_gone = False

    def on_before(self, seen: HostInventory) -> None:
        self._ran = _provider(seen, self._provider_id) is not None

    def on_host_event(self, event: Event) -> bool:
        return isinstance(event.data, ProviderStopped) and event.data.provider_id == self._provider_id

    def on_look(self, seen: HostInventory) -> None:
        self._is_gone = _provider(seen, self._provider_id) is None
        if not self._is_gone:
            self._last_seen = f"{self._provider_id} still runs on host {self._host_id}"

    def judge_on_host(self) -> bool:
        return self._is_gone and (self._ran or self._response is not None)


class StopHost(_Wait):
    """A host that is to be gone: its event is a hint, and that nobody answers for it any more is the proof."""

    event_names = ("host_stopped",)

    def __init__(self, command: Command, host_id: str) -> None:
        super().__init__(command, command.subjects.host("host.get", host_id))
        self._host_id = host_id
        self._is_gone = False

    def on_event(self, event: Event) -> bool:
        return event.source == self._host_id and isinstance(event.data, HostStopped)

    def on_look(self, seen: HostInventory) -> None:
        self._last_seen = f"host {self._host_id} still answers"

    def on_gone(self) -> None:
        self._is_gone = True

    def on_unheard(self, error: CtlError) -> None:
        # It was there a moment ago; if it is gone by now, that is what was wanted.
        if not isinstance(error, NoResponders):
            raise error

    def judge(self) -> bool:
        return self._is_gone


class PutLink(_Wait):
    """A link that is to be there."""

    event_names = ("linkdef_set",)
    look_type = list[Link]

    def __init__(self, command: Command, link: Link) -> None:
        super().__init__(command, command.subjects.control("link.get"))
        self._link = link
        self._was_there = False
        self._told = False
        self._is_there = False

    def on_before(self, seen: list[Link]) -> None:
        self._was_there = self._link in seen

    def on_event(self, event: Event) -> bool:
        data = event.data
        if not isinstance(data, LinkdefSet) or link_key(data) != link_key(self._link):
            return False
        self._told = True
        return True

    def on_look(self, seen: list[Link]) -> None:
        self._is_there = self._link in seen
        self._last_seen = "get_links shows it" if self._is_there else "get_links does not show it"

    def judge(self) -> bool:
        return self._response is not None and self._is_there and (self._told or not self._was_there)


class DeleteLink(_Wait):
    """A link that is to be gone."""

    event_names = ("linkdef_deleted",)
    look_type = list[Link]

    def __init__(self, command: Command, key: tuple[str, str, str, str]) -> None:
        super().__init__(command, command.subjects.control("link.get"))
        self._key = key
        self._before = 0
        self._now: int | None = None

    def on_before(self, seen: list[Link]) -> None:
        self._before = self._count(seen)

    def on_event(self, event: Event) -> bool:
        data = event.data
        return isinstance(data, LinkdefDeleted) and link_key(data) == self._key

    def on_look(self, seen: list[Link]) -> None:
        self._now = self._count(seen)
        self._last_seen = f"get_links shows {self._now or 'none'} of it"

    def judge(self) -> bool:
        # A host deletes one link at a time, of several that go by the same names.
        if self._response is None or self._now is None:
            return False
        return self._now == 0 or self._now < self._before

    def _count(self, links: list[Link]) -> int:
        return sum(link_key(link) == self._key for link in links)


def link_key(link: Link | LinkdefDeleted) -> tuple[str, str, str, str]:
    """What a link goes by: source, name, WIT namespace and package."""
    return link.source_id, link.name, link.wit_namespace, link.wit_package


def _component(inventory: HostInventory, component_id: str) -> ComponentDescription | None:
    return next((found for found in inventory.components if found.id == component_id), None)


def _provider(inventory: HostInventory, provider_id: str) -> ProviderDescription | None:
    return next((found for found in inventory.providers if found.id == provider_id), None)
