"""Calls in flight: requests with their replies, and subscriptions.

Each one begins and ends on the loop. A caller's thread waits for the result of a ``Request``, or reads the queue of a
``Replies`` or a ``Subscription``.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from traceback import clear_frames
from types import TracebackType
from typing import Any, NamedTuple

import attrs

from wasmcloud_ctl._bridge.handover import Deadline, MessageQueue, Result
from wasmcloud_ctl._bridge.loop import DeadlinePassed
from wasmcloud_ctl._bridge.slices import SlicedQueue
from wasmcloud_ctl._protocol.headers import encode_headers
from wasmcloud_ctl._protocol.subjects import host_id_of
from wasmcloud_ctl._transport.connection import Connection
from wasmcloud_ctl._transport.session import Session
from wasmcloud_ctl.events import Gap
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


@attrs.define
class CallLog:
    """Logs a call when it ends: its subject, the sizes of request and replies, and its time."""

    _subject: str
    _size: int
    _started: float = attrs.field(factory=time.monotonic, init=False)
    reply_sizes: list[int] = attrs.field(factory=list, init=False)

    def __enter__(self) -> CallLog:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        logger.debug(
            "%s: %d bytes to send, %d replies of %d bytes in all%s, %.1f ms",
            self._subject,
            self._size,
            len(self.reply_sizes),
            sum(self.reply_sizes),
            "" if kind is None else f", {kind.__name__}",
            (time.monotonic() - self._started) * 1000,
        )


def request_timeout(subject: str, timeout: float, *, sent: bool, command: bool) -> RequestTimeout:
    """Return the error for a request without a reply. The outcome of a ``command`` that was sent is unknown."""
    if command and sent:
        advice = "it was sent, so its outcome is unknown: look at the state before you send it again"
    elif command:
        advice = "it was not sent and never will be, so you can send it again"
    elif sent:
        advice = "the responder may be stopped or slow: try again, or with a longer timeout"
    else:
        advice = "it was not sent: try again, or with a longer timeout"
    text = f"no answer to {subject} within {round(timeout, 3):g} s; {advice}"
    return RequestTimeout(text, subject=subject, sent=sent)


@attrs.define(eq=False, repr=False)
class Call:
    """A message with a reply subject, as long as replies may come.

    Calls with the same ``key`` never overlap. A ``command`` changes something, so its errors speak of its outcome.
    With ``once``, the first reply ends the call. The caller's thread sets ``abandoned`` when it no longer waits: a
    loop that was blocked may not have begun the call yet.
    """

    _session: Session
    subject: str
    _payload: bytes
    key: str | None
    _command: bool
    _once: bool
    _headers: bytes = attrs.field(factory=encode_headers, kw_only=True, alias="headers")
    _connection: Connection | None = attrs.field(default=None, init=False)
    token: bytes = attrs.field(default=b"", init=False)
    _written: int = attrs.field(default=0, init=False)
    _ended: bool = attrs.field(default=False, init=False)
    abandoned: bool = attrs.field(default=False, init=False)

    def begin(self) -> None:
        """Send it, now or when the calls queued before it under the same key have ended."""
        if self.key is None:
            self.start()
        else:
            self._session.enqueue(self)

    def start(self) -> None:
        """Send it now, or fail. Nothing may be sent once the call has ended."""
        if self.abandoned or self._ended:
            return
        try:
            connection = self._session.connection(self.subject)
            limit = connection.max_payload
            headers = self._headers if connection.takes_headers else b""
            size = len(headers) + len(self._payload)
            if size > limit:
                raise PayloadTooLarge(
                    f"{self.subject}: {size} bytes are more than the {limit} that the server takes "
                    "in one message; nothing was sent",
                    subject=self.subject,
                )
            inbox = self._session.register(self)
            self._connection = connection
            self._written = connection.send_message(self.subject, inbox, self._payload, headers)
        except CtlError as error:
            self.fail(error)

    def withdraw(self) -> bool:
        """End the call, so that it is never sent later. Return whether it was, or may have been, sent."""
        self._end()
        connection = self._connection
        if connection is None:
            return False
        sent = connection.socket.was_sent(self._written)
        if sent is not True and not connection.lost:
            # The message is stuck behind a full socket. Only without this connection it cannot be sent any more.
            connection.give_up(ConnectionError("the message of a call that has ended was still unsent"))
        return sent is not False

    def _end(self) -> None:
        """Unregister the call, and start the next one that is queued for its key."""
        self._ended = True
        self._session.unregister(self)

    def on_reply(self, data: bytes, headers: bytes | None) -> None:
        """Take a reply."""
        self._written = 0  # a reply proves that the message was sent, whatever else is still buffered
        if headers is not None and not data and headers.startswith(_NO_RESPONDERS):
            self.fail(no_responders(self.subject, host_id_of(self.subject)))
            return
        if self._once:
            self._end()
        self._deliver(data)

    def fail(self, error: CtlError) -> None:
        """End the call with an error."""
        self._end()
        self._deliver(b"", error)

    def expire(self, timeout: float) -> None:
        """End the call with a RequestTimeout, unless it has ended."""
        if not self._ended:  # pragma: no branch – the reply may come at the last moment
            sent = self.withdraw()
            self._deliver(b"", request_timeout(self.subject, timeout, sent=sent, command=self._command))

    def _deliver(self, data: bytes, error: CtlError | None = None) -> None:
        """Hand a reply, or the error that ended the call, to the caller's thread."""
        raise NotImplementedError

    def on_lost(self) -> None:
        """End the call, because the connection was lost."""
        sent = self._connection is not None and self._connection.socket.was_sent(self._written) is not False
        if not self._command:
            advice = "the client is reconnecting, so try again in a moment"
        elif sent:
            advice = "it was sent, so its outcome is unknown: look at the state before you send it again"
        else:  # pragma: no cover – a call whose bytes are still buffered when the connection is lost
            advice = "it was not sent and never will be; the client is reconnecting"
        text = f"the connection was lost while {self.subject} was in flight: {advice}"
        self.fail(NotConnectedError(text, subject=self.subject, sent=sent))


@attrs.define(eq=False, repr=False)
class Request(Call):
    """A call with one reply, which is its result. A bridge can exchange it."""

    _timeout: float
    result: Result[bytes] = attrs.field(factory=Result, init=False)

    def _deliver(self, data: bytes, error: CtlError | None = None) -> None:
        if error is None:
            self.result.resolve(data)
        else:
            self.result.fail(error)

    def abandon(self) -> None:
        """End the call, because the caller no longer waits."""
        self.expire(self._timeout)


Handler = Callable[["Reply"], None]


class Reply(NamedTuple):
    """A reply to a call, a message of a subscription, or the error that ended a call. ``handler`` takes it."""

    handler: Handler
    data: bytes
    error: CtlError | None = None


@attrs.define(eq=False, repr=False)
class QueuedCall(Call):
    """A call whose replies go to a queue."""

    _queue: MessageQueue[Reply] | SlicedQueue[Any]
    _handler: Handler

    def _deliver(self, data: bytes, error: CtlError | None = None) -> None:
        self._queue.put(Reply(self._handler, data, error))


@attrs.define(eq=False, repr=False)
class Subscription:
    """Messages of some subjects, put into a queue. It survives the loss of a connection.

    The queue receives what ``make_item`` makes of each message's subject and bytes. ``gaps`` counts how often the
    connection was lost, so that messages may be missing. With ``gap_events`` the queue receives a ``Gap`` whenever
    the connection is back.
    """

    _session: Session
    subjects: tuple[str, ...]
    _queue: MessageQueue[Any] | SlicedQueue[Any]
    _make_item: Callable[[bytes, bytes], Any]
    _gap_events: bool = False
    gaps: int = attrs.field(default=0, init=False)
    _numbers: list[int] = attrs.field(factory=list, init=False)
    _connection: Connection | None = attrs.field(default=None, init=False)
    _closing: bool = attrs.field(default=False, init=False)

    def open(self, timeout: float) -> None:
        """Subscribe, and wait until the server confirms. If that fails, the subscription is closed."""
        subjects = ", ".join(self.subjects)
        bridge = self._session.bridge
        bridge.watch(self._queue)
        started = time.monotonic()
        try:
            bridge.run(self._open, timeout=timeout)
        except DeadlinePassed:
            self.close()
            text = f"the server did not confirm the subscription to {subjects} within {timeout:g} s"
            raise RequestTimeout(text, subject=self.subjects[0]) from None
        except BaseException:
            self.close()
            raise
        logger.debug("%s: subscribed, %.1f ms", subjects, (time.monotonic() - started) * 1000)

    def begin(self) -> None:
        """Subscribe without waiting: now if there is a connection, and on each later one. On the loop."""
        self._session.bridge.watch(self._queue)
        self._session.subscriptions.add(self)
        try:
            self.attach(self._session.connection(None))
        except CtlError:
            pass  # the next connection attaches it

    async def _open(self) -> None:
        connection = self._session.connection(None)
        if self.closed:  # Ctrl-C closed it on its way here
            self.get(Deadline(0.0))
        self.attach(connection)
        self._session.subscriptions.add(self)
        # The server answers in order: a denial of the subscription arrives before this is confirmed.
        await connection.confirm()
        if self.closed:
            self.get(Deadline(0.0))

    @property
    def dropped(self) -> int:
        """How many messages were dropped because the queue was full."""
        return self._queue.dropped

    @property
    def closed(self) -> bool:
        """Whether no more messages will come."""
        return self._closing or self._queue.ended or self._session.bridge.inherited

    def get(self, deadline: Deadline | None) -> Any:
        """Remove and return the oldest message or gap; wait for one, without a limit for None.

        Raises ``queue.Empty`` if none came in time, and ClosedError if it is closed or inherited by a forked child.
        """
        if self._session.bridge.inherited:
            raise ClosedError("this receiver belongs to the parent process: make a new one in the child")
        return self._queue.get(deadline)

    def close(self) -> None:
        """End it soon, without a lock and without waiting."""
        if not self._closing:
            try:
                self._session.bridge.post(self.end)
            except ClosedError:
                pass  # the subscription ended with the loop
            # Only now: if Ctrl-C came before, a second close has to end it.
            self._closing = True

    def attach(self, connection: Connection) -> None:
        """Subscribe on a connection. On the loop."""
        self._connection = connection
        self._numbers = [connection.listen(subject, self._on_message) for subject in self.subjects]

    def on_reconnected(self) -> None:
        """Put a gap into the queue if the reader wants gaps. The new connection can be used already. On the loop."""
        if self._gap_events:
            self._queue.put(Gap(time=datetime.now(timezone.utc), gaps=self.gaps))

    def _on_message(self, subject: bytes, data: bytes, headers: bytes | None) -> None:
        self._queue.put(self._make_item(subject, data))

    def end(self, error: Exception | None = None) -> None:
        """End it now, with the error for its readers. On the loop."""
        self._queue.fail(error)
        self._session.subscriptions.discard(self)
        self._session.bridge.unwatch(self._queue)
        if self._connection is not None and not self._connection.gone:
            for number in self._numbers:
                self._connection.unlisten(number)


class Replies:
    """The replies to several calls and the messages of subscriptions, in one queue.

    A context manager around the time in which replies are read; its end withdraws everything.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._queue: MessageQueue[Reply] = MessageQueue()
        self._calls: list[QueuedCall] = []
        self._subscriptions: list[Subscription] = []
        self._log: CallLog | None = None
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
        """Send a call, without waiting. ``handler`` takes each reply; with ``once``, the first one ends the call."""
        call = QueuedCall(self._session, subject, payload, key, command, once, self._queue, handler)
        self._calls.append(call)
        if self._log is None and logger.isEnabledFor(logging.DEBUG):
            self._log = CallLog(subject, len(payload))
        self._session.bridge.post(call.begin)
        return call

    def expire(self, call: QueuedCall, timeout: float) -> None:
        """End a call after the ``timeout`` that it had. Unless it has ended, its reply is a RequestTimeout."""
        self._session.bridge.post(call.expire, timeout)

    def subscribe(self, subjects: Sequence[str], handler: Handler, timeout: float) -> Subscription:
        """Subscribe. The server has the subscription when this returns."""
        subscription = Subscription(
            self._session, tuple(subjects), self._queue, lambda _, data: Reply(handler, data)
        )
        # Recorded before it is opened: whenever Ctrl-C comes, the end of this closes it.
        self._subscriptions.append(subscription)
        subscription.open(timeout)
        return subscription

    def get(self, seconds: float) -> Reply:
        """Remove and return the oldest reply. Raises ``queue.Empty`` if none came in time."""
        reply = self._queue.get(Deadline(seconds))
        if self._log is not None:
            self._log.reply_sizes.append(len(reply.data))
        return reply

    def __len__(self) -> int:
        return len(self._queue)

    def __enter__(self) -> Replies:
        self._session.bridge.refuse_own_thread()
        self._session.bridge.watch(self._queue)
        return self

    def __exit__(self, kind: type[BaseException] | None, _: object, traceback: TracebackType | None) -> None:
        if self._log is not None:
            self._log.__exit__(kind)
        self._end()
        if kind is not None and issubclass(kind, Exception):
            # The frames' variables hold replies, and with them the error that is being raised, whose traceback holds
            # the frames: a cycle, which would keep all of the callers' variables until the garbage collector runs.
            # No reply holds a KeyboardInterrupt, and IPython shows the arguments of the call that it ended.
            clear_frames(traceback)

    def __del__(self, _finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        # Ctrl-C can interrupt __exit__. This takes no lock and does not wait, because it can run on any thread. At
        # the interpreter's end modules may be empty, and without _ended, __init__ failed.
        if not getattr(self, "_ended", True) and not _finalizing():
            self._end()

    def _end(self) -> None:
        self._session.bridge.unwatch(self._queue)
        for subscription in self._subscriptions:
            subscription.close()
        for call in self._calls:
            call.abandoned = True
        try:
            self._session.bridge.post(self._withdraw)
        except ClosedError:
            pass  # the calls ended with the loop
        self._ended = True

    def _withdraw(self) -> None:
        for call in self._calls:
            call.withdraw()
