"""What is under way on a connection: requests, gathers, subscriptions.

Each is begun, answered and ended on the loop, and waited for on the caller's thread. None of it knows nats-py: a
connection is what can publish, listen, and tell whether something has left.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from traceback import clear_frames
from typing import TYPE_CHECKING, Any, NamedTuple

from wasmcloud_ctl._bridge.handover import Deadline, Mailbox, Outcome
from wasmcloud_ctl._protocol import tracing as _tracing
from wasmcloud_ctl.exceptions import (
    ClosedError,
    CtlError,
    NotConnectedError,
    PayloadTooLarge,
    RequestTimeout,
    no_responders,
)

if TYPE_CHECKING:
    from types import TracebackType

    from wasmcloud_ctl._transport import Transport, Wire

logger = logging.getLogger("wasmcloud_ctl")

_NO_RESPONDERS = b"NATS/1.0 503"


@contextlib.contextmanager
def telling(subject: str, size: int) -> Iterator[list[bytes]]:
    """Log a call when it has ended: its subject, the sizes of what went and came, and its time.

    Args:
        subject: The subject.
        size: How many bytes were to be sent.

    Yields:
        A list for what comes.
    """
    came: list[bytes] = []
    fate = ""
    started = time.monotonic()
    try:
        yield came
    except BaseException as error:
        fate = f", {type(error).__name__}"
        raise
    finally:
        logger.debug(
            "%s: %d bytes to send, %d replies of %d bytes in all%s, %.1f ms",
            subject,
            size,
            len(came),
            sum(map(len, came)),
            fate,
            (time.monotonic() - started) * 1000,
        )


class Turns:
    """Lets calls of one key go one after the other, in the order in which they came. On the loop only.

    The order is kept here, and not by a lock, so that neither Ctrl-C nor a fork can leave one held.
    """

    def __init__(self) -> None:
        self._queues: dict[str, deque[Call]] = {}

    def enter(self, key: str, call: Call) -> bool:
        """Stand in line.

        Returns:
            Whether it is the call's turn already; else it is started when it is.
        """
        line = self._queues.setdefault(key, deque())
        line.append(call)
        return line[0] is call

    def leave(self, key: str, call: Call) -> Call | None:
        """Leave the line, from whatever place.

        Returns:
            The call whose turn has come by this.
        """
        line = self._queues.get(key)
        if line is None or call not in line:
            return None
        was_first = line[0] is call
        line.remove(call)
        if not line:
            del self._queues[key]
            return None
        return line[0] if was_first else None


class Call:
    """A message that is sent with a reply subject, as long as replies are awaited.

    Args:
        transport: What sends it.
        subject: Where to.
        payload: What.
        turn: A key; calls of one key do not overlap.
    """

    __slots__ = ("_headers", "_payload", "_token", "_transport", "_turn", "_wire", "_written", "subject")

    def __init__(self, transport: Transport, subject: str, payload: bytes, turn: str | None = None) -> None:
        self.subject: str = subject
        self._transport = transport
        self._payload = payload
        self._headers = _tracing.headers()
        self._turn = turn
        self._wire: Wire | None = None
        self._token = b""
        self._written = 0

    def begin(self) -> None:
        """Send it, now or when its turn has come."""
        if self._turn is None or self._transport.turns.enter(self._turn, self):
            self.start()

    def start(self) -> None:
        """Send it now, or fail."""
        try:
            self._send()
        except CtlError as error:
            self.fail(error)

    def _send(self) -> None:
        transport = self._transport
        wire = transport.usable_wire(self.subject)
        limit = wire.max_payload
        headers = self._headers if wire.takes_headers else b""
        size = len(headers) + len(self._payload)
        if size > limit:
            raise PayloadTooLarge(
                f"{self.subject}: {size} bytes are more than the {limit} that the server takes "
                "in one message; nothing was sent",
                subject=self.subject,
            )
        self._token, inbox = transport.register(self)
        self._wire = wire
        self._written = wire.send_message(self.subject, inbox, self._payload, headers)

    def withdraw(self) -> bool:
        """Await no more replies, and see to it that what has not left never leaves.

        Returns:
            Whether it left, or may have.
        """
        self._end()
        if self._wire is None:
            return False
        left = self._wire.has_left(self._written)
        if left is not True and not self._wire.lost:
            # It is stuck behind a full socket: without its connection it cannot go out after this call.
            self._transport.drop(self._wire, "what a call that has ended wanted to send was still unsent")
        return left is not False

    def _end(self) -> None:
        """Take it out of the books, and let the next one have its turn."""
        self._transport.unregister(self._token)
        if self._turn is not None:
            turn, self._turn = self._turn, None
            following = self._transport.turns.leave(turn, self)
            if following is not None:
                self._transport.soon(following.start)

    def on_reply(self, data: bytes, headers: bytes | None) -> None:
        """A reply has come."""
        raise NotImplementedError

    def fail(self, error: CtlError) -> None:
        """There will be no reply."""
        raise NotImplementedError

    def on_lost(self) -> None:
        """The connection is gone."""
        sent = self._wire is not None and self._wire.has_left(self._written) is not False
        fate = "it was sent, and its outcome is unknown" if sent else "it was not sent"
        self.fail(
            NotConnectedError(
                f"the connection was lost while {self.subject} was under way: {fate}",
                subject=self.subject,
                sent=sent,
            )
        )


def _nobody_listens(data: bytes, headers: bytes | None) -> bool:
    return headers is not None and not data and headers.startswith(_NO_RESPONDERS)


class Request(Call):
    """A call with one reply, which is its outcome."""

    __slots__ = ("_timeout", "outcome")

    def __init__(
        self, transport: Transport, subject: str, payload: bytes, timeout: float, turn: str | None = None
    ) -> None:
        super().__init__(transport, subject, payload, turn)
        self.outcome: Outcome[bytes] = Outcome()
        self._timeout = timeout

    def on_reply(self, data: bytes, headers: bytes | None) -> None:
        self._end()
        if _nobody_listens(data, headers):
            self.outcome.fail(no_responders(self.subject))
        else:
            self.outcome.resolve(data)

    def fail(self, error: CtlError) -> None:
        self._end()
        self.outcome.fail(error)

    def abandon(self) -> None:
        """The caller waits no longer."""
        if not self.outcome.done:  # pragma: no branch – the answer may come at the last moment
            self.outcome.fail(request_timeout(self.subject, self._timeout, sent=self.withdraw()))


def request_timeout(subject: str, timeout: float, *, sent: bool) -> RequestTimeout:
    """The error for a request that had no answer in time."""
    if sent:
        fate = "it was sent, so its outcome is unknown: look at the state before you send a command again"
    else:
        fate = "it could not be sent, and will not be"
    return RequestTimeout(f"no answer to {subject} within {timeout:g} s; {fate}", subject=subject, sent=sent)


class Reply(NamedTuple):
    """What a gather hands out.

    Attributes:
        tag: What the question, or the subscription, was given as its own.
        data: The bytes that came.
        headers: The headers that came with them, as they are on the wire.
        error: Why nothing came, and nothing will.
    """

    tag: object
    data: bytes
    headers: bytes | None = None
    error: CtlError | None = None


class Question(Call):
    """A call whose replies, as many as come or the first alone, go to a gather."""

    __slots__ = ("_ended", "_mailbox", "_once", "_tag", "given_up")

    def __init__(
        self,
        transport: Transport,
        subject: str,
        payload: bytes,
        mailbox: Mailbox[Reply],
        tag: object,
        once: bool,
        turn: str | None,
    ) -> None:
        super().__init__(transport, subject, payload, turn)
        self._mailbox = mailbox
        self._tag = tag
        self._once = once
        self._ended = False
        # Set by the caller's thread when its call is over, for a loop that is blocked has not begun it yet.
        self.given_up: bool = False

    def start(self) -> None:
        if not self.given_up:
            super().start()

    def on_reply(self, data: bytes, headers: bytes | None) -> None:
        if _nobody_listens(data, headers):
            self.fail(no_responders(self.subject))
        else:
            if self._once:
                self._end()
            self._mailbox.put(Reply(self._tag, data, headers))

    def fail(self, error: CtlError) -> None:
        self._end()
        self._mailbox.put(Reply(self._tag, b"", None, error))

    def expire(self, timeout: float) -> None:
        """End it with a RequestTimeout, unless it has ended."""
        if not self._ended:  # pragma: no branch – the answer may come at the last moment
            sent = self.withdraw()
            self._mailbox.put(Reply(self._tag, b"", None, request_timeout(self.subject, timeout, sent=sent)))

    def _end(self) -> None:
        self._ended = True
        super()._end()


class Gather:
    """Questions, of one reply or many, and subscriptions, whose replies all come to one place.

    A context manager around the time in which replies are awaited.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._mailbox: Mailbox[Reply] = Mailbox()
        self._questions: list[Question] = []
        self._subscriptions: list[Subscription] = []
        self._exit = contextlib.ExitStack()
        self._came: list[bytes] | None = None
        self._ended = False

    def ask(
        self,
        subject: str,
        payload: bytes = b"",
        *,
        tag: object = None,
        once: bool = False,
        turn: str | None = None,
    ) -> Question:
        """Send a question; does not wait.

        Args:
            subject: Where to.
            payload: What.
            tag: What its replies will have as their tag.
            once: Whether it ends with its first reply.
            turn: A key; questions of one key do not overlap.

        Returns:
            The question, for ``expire``.

        Raises:
            ClosedError: The client is closed.
        """
        question = Question(self._transport, subject, payload, self._mailbox, tag, once, turn)
        self._questions.append(question)
        if logger.isEnabledFor(logging.DEBUG) and self._came is None:
            self._came = self._exit.enter_context(telling(subject, len(payload)))
        self._transport.bridge.post(question.begin)
        return question

    def expire(self, question: Question, timeout: float) -> None:
        """End a question: its last reply will be a RequestTimeout, unless it has ended by then.

        Args:
            question: The question.
            timeout: The seconds that it had, for the message.
        """
        self._transport.bridge.post(question.expire, timeout)

    def listen(self, subjects: Sequence[str], tag: object, timeout: float) -> Subscription:
        """Subscribe; what comes has the tag. The server has the subscription when this returns.

        Raises:
            RequestTimeout, NotConnectedError, ClosedError, PermissionDenied, AuthError
        """
        subscription = self._transport.subscribe(subjects, self._mailbox, timeout, tag)
        self._subscriptions.append(subscription)
        return subscription

    def __enter__(self) -> Gather:
        self._transport.bridge.refuse_own_thread()
        self._transport.bridge.watch(self._mailbox)
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._exit.__exit__(exception_type, exception, traceback)
        self._end()
        if traceback is not None:
            # Their variables hold replies, and so the error that is on its way, whose traceback holds them: all that
            # they and their callers have would be kept until the garbage collector comes.
            clear_frames(traceback)

    def __del__(self, _finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        # Ctrl-C can come to __exit__, too. Takes no lock and waits for nothing, for this may run on any thread. When
        # the interpreter ends modules may be empty.
        if not getattr(self, "_ended", True) and not _finalizing():  # nor has it to end what was never made
            self._end()

    def _end(self) -> None:
        self._transport.bridge.unwatch(self._mailbox)
        for subscription in self._subscriptions:
            subscription.close()
        for question in self._questions:
            question.given_up = True
        try:
            self._transport.bridge.post(self._withdraw)
        except ClosedError:
            pass  # with the loop everything is gone that there was to withdraw
        self._ended = True

    def _withdraw(self) -> None:
        for question in self._questions:
            question.withdraw()

    def get(self, seconds: float) -> Reply:
        """The next reply, or why a question has none.

        Raises:
            queue.Empty: None came in time.
            ClosedError: The client was closed.
        """
        reply = self._mailbox.get(seconds)
        if self._came is not None:
            self._came.append(reply.data)
        return reply

    def answer(self, seconds: float) -> Reply:
        """The next reply.

        Raises:
            queue.Empty: None came in time.
            CtlError: Why a question has none.
        """
        reply = self.get(seconds)
        if reply.error is None:
            return reply
        try:
            raise reply.error
        finally:
            del reply  # as in Outcome.result, for a caller that goes on in spite of it

    def waiting(self) -> int:
        """How many replies are there to be had at once."""
        return self._mailbox.waiting()


class Subscription:
    """Messages on some subjects, put into a mailbox, through losses of the connection.

    The mailbox gets the bytes; or, with a tag, replies that have it.

    Attributes:
        gaps: How often the connection was away.
    """

    def __init__(
        self, transport: Transport, subjects: Sequence[str], mailbox: Mailbox[Any], tag: object = None
    ) -> None:
        self._tag = tag
        self._transport = transport
        self.subjects: tuple[str, ...] = tuple(subjects)
        self._mailbox = mailbox
        self._numbers: list[int] = []
        self._wire: Wire | None = None
        self._closing = False
        self.gaps = 0

    @property
    def dropped(self) -> int:
        """How many messages were dropped for want of room."""
        return self._mailbox.dropped

    @property
    def closed(self) -> bool:
        """Whether no more will come."""
        return self._closing or self._mailbox.ended or self._transport.bridge.inherited

    @staticmethod
    def deadline(timeout: float | None) -> Deadline | None:
        """The deadline for a call with this timeout, if it has one."""
        return None if timeout is None else Deadline(timeout)

    def get(self, seconds: float | None) -> bytes:
        """The oldest message, waiting for one; None waits as long as it takes.

        Raises:
            queue.Empty: None came in time.
            ClosedError: Closed, or inherited by a forked child.
        """
        if self._transport.bridge.inherited:
            raise ClosedError("this receiver belongs to the parent process: make a new one in the child")
        data: bytes = self._mailbox.get(seconds)
        return data

    def close(self) -> None:
        """End it, soon; does not wait and takes no lock."""
        if not self._closing:
            try:
                self._transport.bridge.post(self._close)
            except ClosedError:
                pass  # with the loop the subscription is gone
            # Only now: were it closed by half, by Ctrl-C, nobody would close the rest.
            self._closing = True

    def _close(self) -> None:
        self._mailbox.end()
        self._transport.forget(self)
        if self._wire is not None and not self._wire.gone:
            for number in self._numbers:
                self._wire.unlisten(number)
        self._numbers = []

    def attach(self, wire: Wire) -> None:
        """Subscribe on a connection. On the loop."""
        self._wire = wire
        self._numbers = [wire.listen(subject, self._on_message) for subject in self.subjects]

    def _on_message(self, subject: bytes, data: bytes, headers: bytes | None) -> None:
        self._mailbox.put(data if self._tag is None else Reply(self._tag, data, headers))

    def fail(self, error: Exception) -> None:
        """End it with an error, for readers to see. On the loop."""
        self._mailbox.end(error)
        self._close()
