"""Calls in flight: requests with their replies, and subscriptions.

Each one begins and ends on the loop. A caller's thread waits for the result of a ``Request``, or reads the queue of a
``Replies`` or a ``Subscription``.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from traceback import clear_frames
from types import TracebackType
from typing import Any, NamedTuple

from wasmcloud_ctl._bridge.handover import MessageQueue, Result
from wasmcloud_ctl._bridge.loop import Bridge, DeadlinePassed
from wasmcloud_ctl._protocol import tracing
from wasmcloud_ctl._transport.connection import Connection
from wasmcloud_ctl._transport.session import Session
from wasmcloud_ctl.exceptions import (
    ClosedError,
    CtlError,
    NotConnectedError,
    PayloadTooLarge,
    RequestTimeout,
    no_responders,
)

logger = logging.getLogger("wasmcloud_ctl")

_NO_RESPONDERS = b"NATS/1.0 503"


@contextlib.contextmanager
def log_call(subject: str, size: int) -> Iterator[list[bytes]]:
    """Log a call when it ends: its subject, the sizes of request and replies, and its time.

    Args:
        subject: The subject.
        size: The size of the request in bytes.

    Yields:
        A list for the replies.
    """
    replies: list[bytes] = []
    result = ""
    started = time.monotonic()
    try:
        yield replies
    except BaseException as error:
        result = f", {type(error).__name__}"
        raise
    finally:
        logger.debug(
            "%s: %d bytes to send, %d replies of %d bytes in all%s, %.1f ms",
            subject,
            size,
            len(replies),
            sum(map(len, replies)),
            result,
            (time.monotonic() - started) * 1000,
        )


def request_timeout(subject: str, timeout: float, *, sent: bool, command: bool) -> RequestTimeout:
    """Return the error for a request without a reply.

    Args:
        subject: The subject.
        timeout: The seconds that it had.
        sent: Whether it was sent.
        command: Whether it was to change something, so that its outcome matters.
    """
    if not sent:
        advice = "it could not be sent, and will not be"
    elif command:
        advice = "it was sent, so its outcome is unknown: look at the state before you send a command again"
    else:
        advice = "it was sent; nothing was changed, so it is safe to ask again"
    return RequestTimeout(
        f"no answer to {subject} within {timeout:g} s; {advice}", subject=subject, sent=sent
    )


class Call:
    """A message with a reply subject, as long as replies may come.

    Args:
        session: Sends it.
        subject: The subject.
        payload: The payload.
        key: Calls with the same key never overlap. Optional.
        command: Whether it changes something.
    """

    __slots__ = (
        "_answered",
        "_command",
        "_connection",
        "_headers",
        "_key",
        "_payload",
        "_session",
        "_token",
        "_written",
        "subject",
    )

    def __init__(
        self, session: Session, subject: str, payload: bytes, key: str | None = None, command: bool = False
    ) -> None:
        self.subject: str = subject
        self._session = session
        self._payload = payload
        self._headers = tracing.headers()
        self._key = key
        self._command = command
        self._connection: Connection | None = None
        self._token = b""
        self._written = 0
        self._answered = False

    def begin(self) -> None:
        """Send it, now or when the calls queued before it under the same key have ended."""
        if self._key is None or self._session.queues.enter(self._key, self):
            self.start()

    def start(self) -> None:
        """Send it now, or fail."""
        try:
            self._send()
        except CtlError as error:
            self.fail(error)

    def _send(self) -> None:
        session = self._session
        connection = session.connection(self.subject)
        limit = connection.max_payload
        headers = self._headers if connection.takes_headers else b""
        size = len(headers) + len(self._payload)
        if size > limit:
            raise PayloadTooLarge(
                f"{self.subject}: {size} bytes are more than the {limit} that the server takes "
                "in one message; nothing was sent",
                subject=self.subject,
            )
        self._token, inbox = session.register(self)
        self._connection = connection
        self._written = connection.send_message(self.subject, inbox, self._payload, headers)

    def withdraw(self) -> bool:
        """End the call, and make sure that an unsent message is never sent.

        Returns:
            Whether it was, or may have been, sent.
        """
        self._end()
        connection = self._connection
        if connection is None:
            return False
        # A reply proves that the message was sent, whatever else is still buffered.
        sent = self._answered or connection.was_sent(self._written)
        if sent is not True and not connection.lost:
            # The message is stuck behind a full socket. Only without this connection it cannot be sent any more.
            self._session.drop(connection, "the message of a call that has ended was still unsent")
        return sent is not False

    def _end(self) -> None:
        """Unregister the call, and start the next one that is queued for its key."""
        self._session.unregister(self._token)
        if self._key is not None:
            key, self._key = self._key, None
            following = self._session.queues.leave(key, self)
            if following is not None:
                asyncio.get_running_loop().call_soon(following.start)

    def on_reply(self, data: bytes, headers: bytes | None) -> None:
        """Take a reply."""
        self._answered = True
        if headers is not None and not data and headers.startswith(_NO_RESPONDERS):
            self.fail(no_responders(self.subject))
        else:
            self._take(data, headers)

    def _take(self, data: bytes, headers: bytes | None) -> None:
        raise NotImplementedError

    def fail(self, error: CtlError) -> None:
        """End the call with an error."""
        raise NotImplementedError

    def on_lost(self) -> None:
        """End the call, because the connection was lost."""
        sent = self._connection is not None and self._connection.was_sent(self._written) is not False
        if not sent:
            state = "it was not sent"
        elif self._command:
            state = "it was sent, and its outcome is unknown"
        else:
            state = "it was sent; nothing was changed, so it is safe to ask again"
        self.fail(
            NotConnectedError(
                f"the connection was lost while {self.subject} was in flight: {state}",
                subject=self.subject,
                sent=sent,
            )
        )


class Request(Call):
    """A call with one reply, which is its result. A bridge can exchange it.

    Args:
        timeout: The seconds that it has, for the error.
    """

    __slots__ = ("_timeout", "result")

    def __init__(
        self,
        session: Session,
        subject: str,
        payload: bytes,
        timeout: float,
        key: str | None = None,
        command: bool = False,
    ) -> None:
        super().__init__(session, subject, payload, key, command)
        self.result: Result[bytes] = Result()
        self._timeout = timeout

    def _take(self, data: bytes, headers: bytes | None) -> None:
        self._end()
        self.result.resolve(data)

    def fail(self, error: CtlError) -> None:
        self._end()
        self.result.fail(error)

    def abandon(self) -> None:
        """End the call, because the caller no longer waits."""
        if not self.result.done:  # pragma: no branch – the reply may come at the last moment
            sent = self.withdraw()
            self.result.fail(request_timeout(self.subject, self._timeout, sent=sent, command=self._command))

    def blocked_error(self) -> Exception:
        """Return the error for a loop that does not run."""
        return CtlError("the client's loop is blocked: a function given to run() does not return to it")


Handler = Callable[["Reply"], None]


class Reply(NamedTuple):
    """A reply to a call of a ``Replies``, a message of its subscription, or the error that ended a call.

    Attributes:
        handler: The function that was given for the call or subscription, to take this reply.
        data: The bytes.
        error: Why the call has no reply, and will have none.
    """

    handler: Callable[[Reply], None]
    data: bytes
    error: CtlError | None = None


class QueuedCall(Call):
    """A call whose replies go to a queue, all of them or the first alone."""

    __slots__ = ("_ended", "_handler", "_once", "_queue", "withdrawn")

    def __init__(
        self,
        session: Session,
        subject: str,
        payload: bytes,
        queue: MessageQueue[Reply],
        handler: Handler,
        once: bool,
        key: str | None,
        command: bool,
    ) -> None:
        super().__init__(session, subject, payload, key, command)
        self._queue = queue
        self._handler = handler
        self._once = once
        self._ended = False
        # The caller's thread sets this when its call is over: a loop that was blocked may not have begun this yet.
        self.withdrawn: bool = False

    def start(self) -> None:
        if not self.withdrawn:
            super().start()

    def _take(self, data: bytes, headers: bytes | None) -> None:
        if self._once:
            self._end()
        self._queue.put(Reply(self._handler, data))

    def fail(self, error: CtlError) -> None:
        self._end()
        self._queue.put(Reply(self._handler, b"", error))

    def expire(self, timeout: float) -> None:
        """End it with a RequestTimeout, unless it has ended."""
        if not self._ended:  # pragma: no branch – the reply may come at the last moment
            sent = self.withdraw()
            error = request_timeout(self.subject, timeout, sent=sent, command=self._command)
            self._queue.put(Reply(self._handler, b"", error))

    def _end(self) -> None:
        self._ended = True
        super()._end()


class Subscription:
    """Messages of some subjects, put into a queue. It survives the loss of a connection.

    The queue receives the bytes; with a handler, it receives a ``Reply``.

    Args:
        session: Makes it again on each new connection.
        bridge: Runs the session.
        subjects: The subjects.
        queue: The queue.
        handler: Takes each message. Optional.

    Attributes:
        subjects: The subjects.
        gaps: How often the connection was lost, so that messages may be missing.
    """

    def __init__(
        self,
        session: Session,
        bridge: Bridge,
        subjects: Sequence[str],
        queue: MessageQueue[Any],
        handler: Handler | None = None,
    ) -> None:
        self._session = session
        self._bridge = bridge
        self.subjects: tuple[str, ...] = tuple(subjects)
        self._queue = queue
        self._handler = handler
        self._numbers: list[int] = []
        self._connection: Connection | None = None
        self._closing = False
        self.gaps = 0

    def open(self, timeout: float) -> None:
        """Subscribe, and wait until the server has the subscription. If that fails, it is closed.

        Args:
            timeout: Seconds that the server may take to confirm, above 0.

        Raises:
            RequestTimeout, NotConnectedError, ClosedError, PermissionDenied, AuthError
        """
        subjects = ", ".join(self.subjects)
        self._bridge.watch(self._queue)
        started = time.monotonic()
        try:
            self._bridge.run(self._open, timeout=timeout)
        except BaseException as error:
            self.close()
            if isinstance(error, DeadlinePassed):
                raise RequestTimeout(
                    f"the server did not confirm the subscription to {subjects} within {timeout:g} s",
                    subject=self.subjects[0],
                ) from None
            raise
        logger.debug("%s: subscribed, %.1f ms", subjects, (time.monotonic() - started) * 1000)

    async def _open(self) -> None:
        connection = self._session.connection(None)
        if self.closed:  # Ctrl-C closed it on its way here
            self.get(0.0)
        self.attach(connection)
        self._session.subscriptions.add(self)
        # The server answers in order: a denial of the subscription arrives before this is confirmed.
        await connection.confirm()
        if self.closed:
            self.get(0.0)

    @property
    def dropped(self) -> int:
        """How many messages were dropped because the queue was full."""
        return self._queue.dropped

    @property
    def closed(self) -> bool:
        """Whether no more messages will come."""
        return self._closing or self._queue.ended or self._bridge.inherited

    def get(self, seconds: float | None) -> bytes:
        """Remove and return the oldest message; wait for one, without a limit for None.

        Raises:
            queue.Empty: No message came in time.
            ClosedError: It is closed, or a forked child inherited it.
        """
        if self._bridge.inherited:
            raise ClosedError("this receiver belongs to the parent process: make a new one in the child")
        data: bytes = self._queue.get(seconds)
        return data

    def close(self) -> None:
        """End it soon, without a lock and without waiting."""
        if not self._closing:
            try:
                self._bridge.post(self.end)
            except ClosedError:
                pass  # the subscription ended with the loop
            # Only now: if Ctrl-C came before, a second close has to end it.
            self._closing = True

    def attach(self, connection: Connection) -> None:
        """Subscribe on a connection. On the loop."""
        self._connection = connection
        self._numbers = [connection.listen(subject, self._on_message) for subject in self.subjects]

    def _on_message(self, subject: bytes, data: bytes, headers: bytes | None) -> None:
        self._queue.put(data if self._handler is None else Reply(self._handler, data))

    def on_lost(self) -> None:
        """Count a gap. On the loop."""
        self.gaps += 1

    def end(self, error: Exception | None = None) -> None:
        """End it now, with the error for its readers. On the loop."""
        self._queue.fail(error)
        self._session.subscriptions.discard(self)
        self._bridge.unwatch(self._queue)
        if self._connection is not None and not self._connection.gone:
            for number in self._numbers:
                self._connection.unlisten(number)
        self._numbers = []


class Replies:
    """The replies to several calls and the messages of subscriptions, in one queue.

    A context manager around the time in which replies are read; its end withdraws everything.
    """

    def __init__(self, session: Session, bridge: Bridge) -> None:
        self._session = session
        self._bridge = bridge
        self._queue: MessageQueue[Reply] = MessageQueue()
        self._calls: list[QueuedCall] = []
        self._subscriptions: list[Subscription] = []
        self._exit = contextlib.ExitStack()
        self._log: list[bytes] | None = None
        self._ended = False

    def send(
        self,
        subject: str,
        payload: bytes = b"",
        *,
        handler: Handler,
        once: bool = False,
        key: str | None = None,
        command: bool = False,
    ) -> QueuedCall:
        """Send a call, without waiting.

        Args:
            subject: The subject.
            payload: The payload.
            handler: Takes each of its replies.
            once: Whether its first reply ends it.
            key: Calls with the same key never overlap. Optional.
            command: Whether it changes something.

        Returns:
            The call, for ``expire``.

        Raises:
            ClosedError: The client is closed.
        """
        call = QueuedCall(self._session, subject, payload, self._queue, handler, once, key, command)
        self._calls.append(call)
        if self._log is None and logger.isEnabledFor(logging.DEBUG):
            self._log = self._exit.enter_context(log_call(subject, len(payload)))
        self._bridge.post(call.begin)
        return call

    def expire(self, call: QueuedCall, timeout: float) -> None:
        """End a call: unless it has ended, its last reply is a RequestTimeout.

        Args:
            call: The call.
            timeout: The seconds that it had, for the message.
        """
        self._bridge.post(call.expire, timeout)

    def subscribe(self, subjects: Sequence[str], handler: Handler, timeout: float) -> Subscription:
        """Subscribe. The server has the subscription when this returns.

        Raises:
            RequestTimeout, NotConnectedError, ClosedError, PermissionDenied, AuthError
        """
        subscription = Subscription(self._session, self._bridge, subjects, self._queue, handler)
        # Recorded before it is opened: whenever Ctrl-C comes, the end of this closes it.
        self._subscriptions.append(subscription)
        subscription.open(timeout)
        return subscription

    def get(self, seconds: float) -> Reply:
        """Remove and return the oldest reply.

        Raises:
            queue.Empty: None came in time.
            ClosedError: The client was closed.
        """
        reply = self._queue.get(seconds)
        if self._log is not None:
            self._log.append(reply.data)
        return reply

    def __len__(self) -> int:
        return len(self._queue)

    def __enter__(self) -> Replies:
        self._bridge.refuse_own_thread()
        self._bridge.watch(self._queue)
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
            # The frames' variables hold replies, and with them the error that is being raised, whose traceback holds
            # the frames: a cycle, which would keep all of the callers' variables until the garbage collector runs.
            clear_frames(traceback)

    def __del__(self, _finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        # Ctrl-C can interrupt __exit__. This takes no lock and does not wait, because it can run on any thread. At
        # the interpreter's end modules may be empty, and without _ended, __init__ failed.
        if not getattr(self, "_ended", True) and not _finalizing():
            self._end()

    def _end(self) -> None:
        self._bridge.unwatch(self._queue)
        for subscription in self._subscriptions:
            subscription.close()
        for call in self._calls:
            call.withdrawn = True
        try:
            self._bridge.post(self._withdraw)
        except ClosedError:
            pass  # the calls ended with the loop
        self._ended = True

    def _withdraw(self) -> None:
        for call in self._calls:
            call.withdraw()
