"""Send a command, and wait until its outcome is certain. ``evidence`` says what makes it so."""

from __future__ import annotations

import queue
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Generic, TypeVar

import attrs

from wasmcloud_ctl._operations.doubts import Doubts
from wasmcloud_ctl._operations.evidence import Evidence, Failed, Operation, Verdict
from wasmcloud_ctl._operations.gather import collect, raise_reply_error
from wasmcloud_ctl._operations.progress import Progress
from wasmcloud_ctl._options.options import Options
from wasmcloud_ctl._protocol import cloud_events, codec
from wasmcloud_ctl._protocol.subjects import Subjects
from wasmcloud_ctl._transport import QueuedCall, Reply, Subscription, Transport
from wasmcloud_ctl.exceptions import (
    DecodeError,
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
from wasmcloud_ctl.models import CtlResponse, Doubt

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

_NEVER = float("inf")


class Wait(Generic[T]):
    """One command, the evidence of its outcome, and when to look for more.

    ``timeout`` is for the acknowledgement, that of the settings for the look before, ``wait`` for everything.
    ``doubts`` is the client's memory, by the subject of a host's inventory and a component's id. ``view_doubts`` are
    those of its live view.
    """

    def __init__(
        self,
        transport: Transport,
        operation: Operation[T],
        subjects: Subjects,
        settings: Options,
        doubts: dict[tuple[str, str | None], Doubts],
        timeout: float,
        wait: float,
        view_doubts: Sequence[Doubt] = (),
    ) -> None:
        self._end = time.monotonic() + wait
        self._transport = transport
        self._operation = operation
        self._subjects = subjects
        self._subject = operation.subject(subjects, operation.name)
        self._state_subject = operation.subject(subjects, operation.state_name)
        self._payload = codec.encode(operation.command)
        self._timeout = timeout
        self._settings = settings
        self._doubts = doubts
        self._view_doubts = view_doubts
        self._wait = wait
        self._replies = transport.replies()
        self._progress = Progress(settings.progress, operation.title, wait)
        self._evidence: Evidence[T]
        self._subscription: Subscription
        # Whether any event has come. If none has, the event prefix may be wrong.
        self._event_came = False
        # The last state in words, or why it could not be seen.
        self._last_seen: str | None = None
        # When the quiet moment is over.
        self._quiet_at = _NEVER
        # The command in flight, until when it is awaited, and why no acknowledgement came.
        self._call: QueuedCall
        self._acknowledged_by = _NEVER
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
        self._nobody_since = _NEVER
        self._known_gaps = 0
        self._returned = -_RETURN_SECONDS

    def run(self) -> CtlResponse[None]:
        """Send the command, wait until its outcome is certain, and return the acknowledgement."""
        with self._replies, self._progress:
            self._prepare()
            self._send()
            try:
                collect(self._replies, self._progress, self._next_moment)
            except (OperationFailed, OperationRejected, NoResponders, PermissionDenied):
                raise
            except BaseException:
                self._remember(None)
                raise
        message = "the outcome is certain, though no acknowledgement came"
        # A refusal has raised, so an acknowledgement is true in a condition.
        response = self._evidence.acknowledgement or CtlResponse(succeeded=True, message=message)
        remark = self._operation.remark(self._evidence)
        return attrs.evolve(response, message=remark) if remark else response

    # Before the command

    def _prepare(self) -> None:
        """Subscribe to the events, and look at the state before the command, until the command may be sent."""
        events = [self._subjects.event(name) for name in self._operation.event_names]
        try:
            self._subscription = self._replies.subscribe(events, self._on_event, self._left())
            while True:
                timeout = min(self._settings.timeout, self._left())
                reply = self._transport.request(self._state_subject, b"", timeout)
                pause = self._judge(self._decode_state(reply))
                if pause <= 0:
                    self._last_seen = None
                    return
                self._last_seen = "an earlier command of this client may still be carried out"
                self._progress.describe(self._last_seen)
                with suppress(queue.Empty):  # an event is a reason to look again
                    self._progress.wait(self._replies.get, min(pause, self._left(), _LAST_PAUSE))
        except (RequestTimeout, NotConnectedError) as error:
            raise not_sent(error, self._operation.title, self._subject) from error

    def _judge(self, before: T) -> float:
        """Return how long to wait before the command may be sent, or raise the reason why it must not be sent."""
        doubts = self._doubts.get((self._state_subject, self._operation.component_id), Doubts())
        self._evidence = Evidence(
            before=before,
            doubts=self._operation.doubts_before(doubts, before),
            view_doubts=self._view_doubts,
        )
        reason = self._operation.refusal(self._evidence)
        if reason:
            raise OperationFailed(
                f"{self._operation.title}: the command was not sent: {reason}", reason=reason
            )
        return self._operation.unsafe_until(self._evidence.doubts) - time.monotonic()

    def _decode_state(self, reply: bytes) -> T:
        response: CtlResponse[T] = codec.decode_response(reply, self._operation.state_type)
        return response.unwrap()

    def _left(self) -> float:
        left = self._end - time.monotonic()
        if left <= 0:
            why = f": {self._last_seen}" if self._last_seen else ""
            text = f"{self._operation.title} was not sent: {round(self._wait, 3):g} s passed before that{why}"
            raise WaitTimeout(text, last_seen=self._last_seen)
        return left

    def _send(self) -> None:
        now = time.monotonic()
        self._evidence = attrs.evolve(self._evidence, sent=now)
        self._next_look = now + _UNPROMPTED_PAUSE
        self._acknowledged_by = min(now + self._timeout, self._end)
        self._call = self._replies.send(
            self._subject,
            self._payload,
            handler=self._on_acknowledgement,
            once=True,
            key=self._operation.queue_key(self._subjects),
            command=True,
        )

    # The loop

    def _next_moment(self, now: float) -> float | None:
        """Do what is due. Return when to do that again; None after success. Raise if it failed or time is up."""
        self._progress.describe(self._last_seen or "nothing was seen of it yet")
        if now >= self._quiet_at:
            # The state is looked at once more: what was seen before the quiet moment no longer counts.
            self._quiet_at = _NEVER
            self._evidence = attrs.evolve(self._evidence, quiet=True, current=False)
            self._look_soon()
        if self._is_over(now):
            return None
        if now >= self._end:
            raise self._timed_out()
        if now >= self._acknowledged_by:
            self._acknowledged_by = _NEVER
            self._replies.expire(self._call, min(self._timeout, self._wait))
        self._keep_looking(now)
        look = self._next_look if self._look is None else self._look_by
        return min(self._end, look, self._acknowledged_by, self._quiet_at)

    def _is_over(self, now: float) -> bool:
        verdict = self._operation.outcome(self._evidence)
        if verdict is Verdict.LISTEN and not self._evidence.quiet:
            self._quiet_at = min(self._quiet_at, now + _MOMENT)
        if verdict is Verdict.LISTEN or verdict is Verdict.KEEP_WAITING:
            return False
        if self._evidence.acknowledgement is None and self._acknowledged_by < _NEVER:
            # An event can overtake the acknowledgement, which can still be a refusal. But it may also never come.
            self._acknowledged_by = min(self._acknowledged_by, now + _MOMENT)
            if now < self._acknowledged_by:
                return False
        self._remember(verdict)
        if isinstance(verdict, Failed):
            raise OperationFailed(
                f"{self._operation.title} failed: {verdict.reason}",
                reason=verdict.reason,
                event=verdict.event,
                response=self._evidence.acknowledgement,
            )
        return True

    def _remember(self, verdict: Verdict | Failed | None) -> None:
        """Keep the doubts after the command for the client's next commands."""
        key = self._state_subject, self._operation.component_id
        doubts = self._operation.doubts_after(self._evidence, verdict)
        if doubts != Doubts():
            self._doubts[key] = doubts
        else:
            self._doubts.pop(key, None)

    def _timed_out(self) -> WaitTimeout:
        response = self._evidence.acknowledgement
        acknowledged = "acknowledged, but" if response is not None else "not acknowledged, and"
        silence = "" if self._event_came else f"; no event about it came on {self._subjects.event('*')}"
        return WaitTimeout(
            f"{self._operation.title} was {acknowledged} not certain within {round(self._wait, 3):g} s: "
            f"{self._last_seen or 'nothing was seen of it'}{silence}",
            last_seen=self._last_seen,
            response=response,
        )

    # What arrives

    def _on_event(self, reply: Reply) -> None:
        self._event_came = True
        try:
            event = cloud_events.decode_event(reply.data, self._subjects.lattice)
        except DecodeError:
            return  # a message that is no event is no hint
        if self._operation.concerns(event):
            events = (*self._evidence.events, event)
            self._evidence = attrs.evolve(self._evidence, events=events, current=False)
            self._look_soon()

    def _on_acknowledgement(self, reply: Reply) -> None:
        self._acknowledged_by = _NEVER
        self._look_soon()
        error = reply.error
        if error is None:
            response: CtlResponse[None] = codec.decode_response(reply.data, None)
            self._evidence = attrs.evolve(self._evidence, acknowledgement=response.raise_for_status())
        elif isinstance(error, RequestTimeout) and error.sent:
            self._unacknowledged = error  # the state is looked at once more
        elif isinstance(error, NotConnectedError) and error.sent:
            self._last_seen = "the connection was lost before the acknowledgement came"
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
                self._look = self._replies.send(self._state_subject, handler=self._on_look, once=True)
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
        self._nobody_since = _NEVER
        if reply.error is None:
            try:
                state = self._decode_state(reply.data)
            except (DecodeError, OperationRejected, NotFound) as unreadable:
                self._last_seen = str(unreadable)
            else:
                self._last_seen = self._operation.describe(state)
                self._evidence = attrs.evolve(self._evidence, now=state, current=not self._outdated)
        elif isinstance(reply.error, (NotConnectedError, RequestTimeout)):
            self._last_seen = str(reply.error)
        else:
            raise_reply_error(reply)
        self._next_look = now if self._outdated else now + self._pause
        self._pause = min(self._pause * 2, _LAST_PAUSE)
        error = self._unacknowledged
        if (
            error is not None
            and not self._outdated
            and self._operation.outcome(self._evidence) is Verdict.KEEP_WAITING
        ):
            # Raised, and no longer referred to: the reference would make a cycle with the error's traceback.
            self._unacknowledged = None
            raise error

    def _on_nobody(self, error: NoResponders, now: float) -> None:
        gaps = self._subscription.gaps
        if gaps != self._known_gaps:
            self._known_gaps, self._returned = gaps, now
        hosts_may_come_back = now < self._returned + _RETURN_SECONDS
        self._nobody_since = now if hosts_may_come_back else min(self._nobody_since, now)
        self._next_look = now + _GONE_SECONDS
        self._last_seen = f"nobody answers on {error.subject}"
        if now - self._nobody_since >= _GONE_SECONDS * 0.9:
            self._evidence = attrs.evolve(self._evidence, gone=True)
