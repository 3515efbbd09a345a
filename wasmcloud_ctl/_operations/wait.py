"""Send a command, and wait until its outcome is certain. ``evidence`` says what makes it so."""

from __future__ import annotations

import time
from typing import Generic, TypeVar

import attrs

from wasmcloud_ctl._operations.evidence import Evidence, Failed, Operation, Verdict
from wasmcloud_ctl._operations.gather import collect, raise_reply_error
from wasmcloud_ctl._operations.progress import show_progress
from wasmcloud_ctl._protocol import cloud_events, codec
from wasmcloud_ctl._protocol.subjects import Subjects
from wasmcloud_ctl._transport import QueuedCall, Replies, Reply, Subscription, Transport
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

# Between two looks at the state: short after an event, because inventories lag a little, then longer and longer.
_FIRST_PAUSE = 0.01
_LAST_PAUSE = 1.0

# How long the first look may take; each that is not answered doubles this for the next. A host that is shutting down
# receives requests and does not answer them.
_FIRST_LOOK_SECONDS = 0.5

# Before the first look without an event or acknowledgement.
_UNPROMPTED_PAUSE = 0.25

# How far apart two looks must find no responders until the host counts as gone.
_GONE_SECONDS = 0.5

# How long hosts may take to come back after the server was away. Until then, no responders proves nothing.
_RETURN_SECONDS = 5.0

# A moment: how long to listen for a failure that may follow a late event of the command before, and how long to wait
# for an acknowledgement when the outcome is known without it.
_MOMENT = 0.3


@attrs.frozen(kw_only=True)
class Command(Generic[T]):
    """A command whose outcome is waited for.

    Attributes:
        operation: How its outcome is recognised.
        subjects: The lattice's subjects.
        subject: The subject of the command.
        payload: The payload.
        look_subject: Where to ask for the state.
        look_type: The type of the state.
        timeout: Seconds that the acknowledgement may take.
        look_timeout: Seconds that the look before the sending may take.
        wait: Seconds that everything may take.
        key: Commands with the same key never overlap. Optional.
        progress: Whether to show progress.
    """

    operation: Operation[T]
    subjects: Subjects
    subject: str
    payload: bytes
    look_subject: str
    look_type: type[T]
    timeout: float
    look_timeout: float
    wait: float
    key: str | None = None
    progress: bool = False


def send_and_wait(transport: Transport, command: Command[T]) -> CtlResponse[None]:
    """Send a command, and wait until its outcome is certain.

    Returns:
        The acknowledgement.

    Raises:
        OperationFailed, OperationRejected, WaitTimeout, RequestTimeout, NoResponders, NotConnectedError,
        PermissionDenied, AuthError, ClosedError, DecodeError, PayloadTooLarge
    """
    end = time.monotonic() + command.wait
    progress = show_progress(command.progress, command.operation.title, command.wait)
    with transport.replies() as replies, progress:
        wait = _Wait(command, replies, end)
        wait.prepare(transport)

        def next_moment(now: float) -> float | None:
            moment = wait.next_moment(now)
            progress.describe(wait.last_seen or "nothing was seen of it yet")
            return moment

        wait.send()
        collect(replies, progress, next_moment)
        return wait.response()


class _Wait(Generic[T]):
    """The evidence of one command, and when to look for more."""

    def __init__(self, command: Command[T], replies: Replies, end: float) -> None:
        self.last_seen: str | None = None
        self._command = command
        self._operation = command.operation
        self._replies = replies
        self._end = end
        self._evidence: Evidence[T]
        self._subscription: Subscription
        self._over = False
        # When the quiet moment is over.
        self._quiet_at: float | None = None
        # The command in flight, its deadline (None: no longer awaited), and why no acknowledgement came.
        self._call: QueuedCall
        self._acknowledged_by: float | None = None
        self._unacknowledged: RequestTimeout | None = None
        # The look in flight, its deadline, and whether something has happened since it was requested.
        self._look: QueuedCall | None = None
        self._look_by = 0.0
        self._outdated = False
        # The next look: when, the pause after it, and how long it may take.
        self._next_look = 0.0
        self._pause = _FIRST_PAUSE
        self._look_seconds = _FIRST_LOOK_SECONDS
        # Since when there are no responders, and when the server was last away.
        self._nobody_since: float | None = None
        self._known_gaps = 0
        self._returned = -_RETURN_SECONDS

    # Before the command

    def prepare(self, transport: Transport) -> None:
        """Subscribe to the events, and look at the state before the command."""
        command = self._command
        subjects = [command.subjects.event(name) for name in self._operation.event_names]
        try:
            self._subscription = self._replies.subscribe(subjects, self._on_event, self._left())
            timeout = min(command.look_timeout, self._left())
            before = codec.decode_response(
                transport.request(command.look_subject, b"", timeout), command.look_type
            ).unwrap()
        except (RequestTimeout, NotConnectedError) as error:
            raise self._not_sent(error) from error
        self._evidence = Evidence(before=before)

    def _left(self) -> float:
        left = self._end - time.monotonic()
        if left <= 0:
            raise WaitTimeout(
                f"{self._operation.title} was not sent: {self._command.wait:g} s passed before that"
            )
        return left

    def _not_sent(self, error: RequestTimeout | NotConnectedError) -> CtlError:
        """Return the error for a command that was not sent, because what precedes it failed."""
        return type(error)(
            f"{self._operation.title}: the command was not sent: {error}",
            subject=self._command.subject,
            sent=False,
        )

    def send(self) -> None:
        """Send the command."""
        command = self._command
        now = time.monotonic()
        self._next_look = now + _UNPROMPTED_PAUSE
        self._acknowledged_by = min(now + command.timeout, self._end)
        self._call = self._replies.send(
            command.subject,
            command.payload,
            handler=self._on_acknowledgement,
            once=True,
            key=command.key,
            command=True,
        )

    # The loop

    def next_moment(self, now: float) -> float | None:
        """Do what is due. Return when to do that again; None if the outcome is certain.

        Raises:
            OperationFailed: The command has certainly failed.
            WaitTimeout: The time is up.
        """
        if self._quiet_at is not None and now >= self._quiet_at:
            # The state is looked at once more: what was seen before the quiet moment no longer counts.
            self._quiet_at = None
            self._evidence = attrs.evolve(self._evidence, quiet=True, current=False)
            self._look_soon()
        if self._is_over(now):
            return None
        if now >= self._end:
            raise self._at_end()
        if self._acknowledged_by is not None and now >= self._acknowledged_by:
            self._acknowledged_by = None
            self._replies.expire(self._call, min(self._command.timeout, self._command.wait))
        self._keep_looking(now)
        moments = [self._end, self._next_look if self._look is None else self._look_by]
        moments += [moment for moment in (self._acknowledged_by, self._quiet_at) if moment is not None]
        return min(moments)

    def _is_over(self, now: float) -> bool:
        verdict = self._verdict()
        if verdict is Verdict.KEEP_WAITING:
            return False
        if verdict is Verdict.LISTEN:
            if self._quiet_at is None and not self._evidence.quiet:
                self._quiet_at = now + _MOMENT
            return False
        if self._evidence.acknowledgement is None and self._acknowledged_by is not None:
            # An event can overtake the acknowledgement, which can still be a refusal. But it may also never come.
            self._acknowledged_by = min(self._acknowledged_by, now + _MOMENT)
            if now < self._acknowledged_by:
                return False
        if isinstance(verdict, Failed):
            raise self._failed(verdict)
        return True

    def _verdict(self) -> Verdict | Failed:
        return self._operation.outcome(attrs.evolve(self._evidence, gaps=self._subscription.gaps))

    def response(self) -> CtlResponse[None]:
        """Return the acknowledgement, or say that none came."""
        if self._evidence.acknowledgement is not None:
            return self._evidence.acknowledgement
        return CtlResponse(succeeded=True, message="the outcome is certain, though no acknowledgement came")

    def _at_end(self) -> CtlError:
        failed = self._operation.outcome_at_end(self._evidence)
        if failed is not None:
            return self._failed(failed)
        response = self._evidence.acknowledgement
        acknowledged = "acknowledged, but" if response is not None else "not acknowledged, and"
        return WaitTimeout(
            f"{self._operation.title} was {acknowledged} not certain within {self._command.wait:g} s: "
            f"{self.last_seen or 'nothing was seen of it'}",
            last_seen=self.last_seen,
            response=response,
        )

    def _failed(self, failed: Failed) -> OperationFailed:
        return OperationFailed(
            f"{self._operation.title} failed: {failed.reason}",
            reason=failed.reason,
            event=failed.event,
            response=self._evidence.acknowledgement,
        )

    # What arrives

    def _on_event(self, reply: Reply) -> None:
        try:
            event = cloud_events.decode_event(reply.data, self._command.subjects.lattice)
        except DecodeError:
            return  # a message that is no event is no hint
        if self._operation.concerns(event):
            events = (*self._evidence.events, event)
            self._evidence = attrs.evolve(self._evidence, events=events, current=False)
            self._look_soon()

    def _on_acknowledgement(self, reply: Reply) -> None:
        self._acknowledged_by = None
        self._look_soon()
        error = reply.error
        if error is None:
            response: CtlResponse[None] = codec.decode_response(reply.data, None)
            self._evidence = attrs.evolve(self._evidence, acknowledgement=response.raise_for_status())
        elif isinstance(error, RequestTimeout) and error.sent:
            self._unacknowledged = error  # the state is looked at once more
        elif isinstance(error, NotConnectedError) and error.sent:
            self.last_seen = "the connection was lost before the acknowledgement came"
        elif not (isinstance(error, NoResponders) and self._operation.absence_is_success):
            del error
            raise_reply_error(reply)

    # Looking

    def _look_soon(self) -> None:
        self._next_look = 0.0
        self._pause = _FIRST_PAUSE
        self._outdated = True

    def _keep_looking(self, now: float) -> None:
        if self._look is None:
            if now >= self._next_look:
                self._outdated = False
                self._look_by = now + self._look_seconds
                self._look = self._replies.send(self._command.look_subject, handler=self._on_look, once=True)
        elif now >= self._look_by:
            self._replies.expire(self._look, self._look_seconds)
            self._look_seconds *= 2
            self._look_by = self._end

    def _on_look(self, reply: Reply) -> None:
        now = time.monotonic()
        self._look = None
        if isinstance(reply.error, NoResponders):
            self._on_nobody(reply.error, now)
            return
        self._nobody_since = None
        if reply.error is None:
            try:
                state = codec.decode_response(reply.data, self._command.look_type).unwrap()
            except (DecodeError, OperationRejected, NotFound) as unreadable:
                self.last_seen = str(unreadable)
            else:
                self.last_seen = self._operation.describe(state)
                self._evidence = attrs.evolve(self._evidence, now=state, current=not self._outdated)
        elif isinstance(reply.error, (NotConnectedError, RequestTimeout)):
            self.last_seen = str(reply.error)
        else:
            raise_reply_error(reply)
        self._next_look = now if self._outdated else now + self._pause
        self._pause = min(self._pause * 2, _LAST_PAUSE)
        if (
            self._unacknowledged is not None
            and not self._outdated
            and self._verdict() is Verdict.KEEP_WAITING
        ):
            # Raised, and no longer referred to: the reference would make a cycle with the error's traceback.
            error, self._unacknowledged = self._unacknowledged, None
            raise error

    def _on_nobody(self, error: NoResponders, now: float) -> None:
        gaps = self._subscription.gaps
        if gaps != self._known_gaps:
            self._known_gaps, self._returned = gaps, now
        if self._nobody_since is None or now < self._returned + _RETURN_SECONDS:
            self._nobody_since = now
        self._next_look = now + _GONE_SECONDS
        self.last_seen = f"nobody answers on {error.subject}"
        if now - self._nobody_since >= _GONE_SECONDS * 0.9:
            self._evidence = attrs.evolve(self._evidence, gone=True)
