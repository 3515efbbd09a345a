"""What it takes to be sure of an outcome.

A host says "success" when it has heard a command. What came of it is told by events, some of which are late, doubled
or missing, and shown by the host's inventory, which can be what it was before, or lie. So a wait looks before it
sends, hears the events from before that on, and is over when the two together leave no doubt:

* An event is a hint: it says when to look. The inventory is the proof, and is looked at from time to time, too, for
  a failed update is told by no event.
* What was so before the command proves nothing: there the host's event after the sending decides.
* After a scale to another reference the inventory's reference proves nothing: only an event with it does.
* A host that is gone can do nothing: that fails every wait but the one for its stop.

``Wait`` is the loop that all waits share: the acknowledgement, the events and the looks come to one place, and
after each the wait's ``judge`` says whether it is certain. What there is to know of each operation is in
``_outcomes``.
"""

from __future__ import annotations

import queue
import time
from typing import ClassVar, Generic, TypeVar

import attrs

from wasmcloud_ctl._operations import progress as _progress
from wasmcloud_ctl._protocol import cloud_events as _cloud_events
from wasmcloud_ctl._protocol import codec as _codec
from wasmcloud_ctl._protocol.subjects import Subjects
from wasmcloud_ctl._transport import Gather, Question, Reply, Subscription, Transport
from wasmcloud_ctl.events import Event
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
from wasmcloud_ctl.models import CtlResponse

T = TypeVar("T")

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


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
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
        progress: Whether it shows what is waited for and what was last seen.
    """

    what: str
    subjects: Subjects
    subject: str
    payload: bytes
    timeout: float
    look_timeout: float
    wait: float
    turn: str | None = None
    progress: bool = False


class Wait(Generic[T]):
    """A command that is sent and whose outcome is waited for.

    Args:
        command: The command.
        look_subject: Where to ask for what shows the outcome.
        look_type: The type of what is answered there.
    """

    # What may tell of the outcome.
    event_names: ClassVar[tuple[str, ...]]

    def __init__(self, command: Command, look_subject: str, look_type: type[T]) -> None:
        self._command = command
        self._look_subject = look_subject
        self._look_type = look_type
        self._end = 0.0
        self._progress = _progress.show(command.progress, command.what, command.wait)
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

    def on_before(self, seen: T) -> None:
        """What was seen before the command was sent."""

    def on_event(self, event: Event) -> bool:
        """An event after that. Returns whether it is about this command, so that it is time to look."""
        raise NotImplementedError

    def on_look(self, seen: T) -> None:
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
        with transport.gather() as gather, self._progress:
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

    def _look_before(self, transport: Transport) -> T:
        raw = transport.request(self._look_subject, b"", min(self._command.look_timeout, self._left()))
        return _codec.decode_response(raw, self._look_type).unwrap()

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
            self._progress.saw(self._last_seen or "nothing was seen of it yet")
            try:
                reply = self._progress.wait(gather.get, self._next_moment(now) - now)
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
            try:
                certain = self.judge()
            except OperationFailed:
                if self._response is not None or self._acknowledged_by is None:
                    raise
                certain = True
            if certain:
                if self._response is not None:
                    return self._response
                if self._acknowledged_by is None:
                    return CtlResponse(
                        succeeded=True, message="the outcome is certain, though no acknowledgement came"
                    )
                # An event can overtake it, and it may still be a refusal; but it may also never come.
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
            event = _cloud_events.decode_event(raw, self._command.subjects.lattice)
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
                self.on_look(_codec.decode_response(reply.data, self._look_type).unwrap())
            except (DecodeError, OperationRejected, NotFound) as unreadable:
                self._last_seen = str(unreadable)
        elif isinstance(reply.error, (NotConnectedError, RequestTimeout)):
            self._last_seen = str(reply.error)
        else:
            raise reply.error
        self._next_look = now if outdated else now + self._pause
        self._pause = min(self._pause * 2, _LAST_PAUSE)
        if self._unacknowledged is not None and not outdated and not self.judge():
            # What is raised must not be kept as well.
            error, self._unacknowledged = self._unacknowledged, None
            raise error

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
