"""The session: a connection that is kept until the client is closed, its calls in flight and its subscriptions.

A session outlives its connections. Each one is a nats-py client with reconnecting off, and is never used again once
it is lost, for two reasons. nats-py sends what it has queued for a full socket over its next connection, so a command
that timed out would arrive later. And nats-py gives up for good after most errors that a server sends.

Requests do not use nats-py's ``request``. They are written straight to the socket, and replies are taken straight off
nats-py's reader: no task, queue or timer for each request, and messages of different subscriptions keep their order.

Everything here runs on the loop, unless it says otherwise. A caller's thread waits for the result of a ``Request``,
or reads the queue of a ``QueuedCall`` or a ``Subscription``.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
import re
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import attrs

from wasmcloud_ctl._bridge.handover import Deadline, MessageQueue, Result
from wasmcloud_ctl._bridge.loop import Bridge, DeadlinePassed
from wasmcloud_ctl._options.options import Options
from wasmcloud_ctl._options.servers import Server
from wasmcloud_ctl._protocol import tracing
from wasmcloud_ctl._transport.connection import Connection
from wasmcloud_ctl._transport.dialling import dial
from wasmcloud_ctl.exceptions import (
    AuthError,
    ClosedError,
    ConnectError,
    CtlError,
    NotConnectedError,
    PayloadTooLarge,
    PermissionDenied,
    RequestTimeout,
    no_responders,
)

logger = logging.getLogger("wasmcloud_ctl")

# Between two attempts to connect again.
_FIRST_RETRY_SECONDS = 0.05
_LAST_RETRY_SECONDS = 2.0

_NO_RESPONDERS = b"NATS/1.0 503"

# The server escapes quotation marks and backslashes of the subject.
_DENIED = re.compile(
    r'permissions violation for (publish|subscription)(?: to| with reply of) "((?:[^"\\]|\\.)*)"',
    re.IGNORECASE,
)


class Session:
    """The connection that a client keeps, its requests in flight, and its subscriptions."""

    def __init__(self, options: Options, bridge: Bridge) -> None:
        self._options = options
        self.bridge = bridge
        self._connection: Connection | None = None
        # To be made again on each new connection.
        self.subscriptions: set[Subscription] = set()
        # Calls in flight, by the token at the end of their reply subject.
        self._pending: dict[bytes, Call] = {}
        # Calls with the same key never overlap. Not by a lock: Ctrl-C or a fork could leave that acquired.
        self._queues: dict[str | None, deque[Call]] = {}
        self._numbers = itertools.count(1)
        self._inbox = ""
        self._inbox_denied = False
        # Why the server refuses to let the client back in.
        self._refused: AuthError | None = None
        # The servers that the last connection knew of, beside the configured ones.
        self._cluster: tuple[Server, ...] = ()
        self._connected_at = 0.0
        self._pause = _FIRST_RETRY_SECONDS
        self._closing = False
        self._dialling: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        """Whether there is a connection now. Any thread may ask."""
        return self._connection is not None and self.bridge.running

    @property
    def address(self) -> str:
        """The URL of the connected server, or else of the first one, without credentials. Any thread may ask."""
        connection = self._connection
        return str(connection.server if connection is not None else self._options.servers[0])

    def connection(self, subject: str | None) -> Connection:
        """Return the present connection, or raise the error for a call of ``subject``. Any thread may ask."""
        connection = self._connection
        if connection is None or connection.gone:
            if self._closing:
                raise self.bridge.closed_error()
            if self._refused is not None:
                raise AuthError(str(self._refused)) from self._refused
            raise NotConnectedError(
                f"there is no connection to {self.address} at the moment, so nothing was sent; "
                "it is being made again",
                subject=subject,
            )
        return connection

    def enqueue(self, call: Call) -> None:
        """Start a call when the calls before it with the same key have ended."""
        calls = self._queues.setdefault(call.key, deque())
        calls.append(call)
        if calls[0] is call:
            call.start()

    def register(self, call: Call) -> str:
        """Give replies to a call. Return its reply subject."""
        if self._inbox_denied:
            raise self._inbox_error()
        call.token = b"%x" % next(self._numbers)
        self._pending[call.token] = call
        return f"{self._inbox}.{call.token.decode()}"

    def unregister(self, call: Call) -> None:
        """Give no more replies to a call. If it was the first of its queue, start the next one."""
        self._pending.pop(call.token, None)
        calls = self._queues.get(call.key)
        if calls is None or call not in calls:
            return  # it has no key, was abandoned before it began, or has ended before
        was_first = calls[0] is call
        calls.remove(call)
        if not calls:
            del self._queues[call.key]
        elif was_first:
            asyncio.get_running_loop().call_soon(calls[0].start)

    # Connecting

    async def connect(self, deadline: Deadline) -> None:
        """Make a connection, and subscribe on it before it is used, so that no message is missed."""
        connection = await dial(self._options, self._cluster, self._on_lost, self._on_denied, deadline)
        if connection.gone:
            connection.abort()
            raise ConnectError(f"{connection.server} ended the connection as soon as it was made")
        self._inbox = connection.new_inbox()
        self._inbox_denied = False
        connection.listen(f"{self._inbox}.*", self._on_reply)
        for subscription in self.subscriptions:
            subscription.attach(connection)
        self._connection = connection
        self._refused = None
        self._connected_at = time.monotonic()

    def _on_lost(self, connection: Connection) -> None:
        """End the requests in flight on a lost connection, and begin to dial."""
        if connection is not self._connection:
            return
        self._connection = None
        self._cluster = connection.cluster()
        for call in list(self._pending.values()):
            call.on_lost()
        for subscription in self.subscriptions:
            subscription.gaps += 1
        connection.abort()
        if not self._closing:  # pragma: no branch – it may be lost while the loop ends
            logger.warning("lost the connection to %s: %s", connection.server, connection.end)
            self._dialling = asyncio.get_running_loop().create_task(self._dial_until_connected())

    async def _dial_until_connected(self) -> None:
        lost_at = time.monotonic()
        if lost_at - self._connected_at > _LAST_RETRY_SECONDS:
            self._pause = _FIRST_RETRY_SECONDS
        else:
            # A server may accept each connection and end it at once: dial it ever more slowly.
            await self._wait_before_retry()
        while True:
            try:
                await self.connect(Deadline(self._options.connect_timeout))
            except ConnectError as error:
                self._refused = error if isinstance(error, AuthError) else None
                logger.debug("no connection yet: %s", error)
            except Exception as error:
                # Any exception: without this task the client would stay disconnected for ever.
                logger.warning("no connection yet: %r", error, exc_info=error)
            else:
                logger.info("connected again, to %s, after %.1f s", self.address, time.monotonic() - lost_at)
                return
            await self._wait_before_retry()

    async def _wait_before_retry(self) -> None:
        # Jitter, so that the clients of a restarted server do not all connect at the same moment.
        await asyncio.sleep(self._pause * random.uniform(0.5, 1.0))
        self._pause = min(self._pause * 2, _LAST_RETRY_SECONDS)

    async def close(self) -> None:
        """End everything."""
        self._closing = True
        if self._dialling is not None:
            self._dialling.cancel()
        for call in list(self._pending.values()):
            call.fail(ClosedError(f"the client was closed while {call.subject} was in flight"))
        for subscription in list(self.subscriptions):
            subscription.end()
        if self._connected_at:
            logger.info("closed the connection to %s", self.address)
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()

    # What arrives

    def _on_reply(self, subject: bytes, data: bytes, headers: bytes | None) -> None:
        call = self._pending.get(subject[len(self._inbox) + 1 :])
        if call is not None:
            call.on_reply(data, headers)

    def _on_denied(self, text: str) -> None:
        """Fail what the server's permissions deny. The server reports each message or subscription at once."""
        logger.debug("the server objects: %s", text)
        match = _DENIED.search(text)
        if match is None:
            return
        action, denied = match.groups()
        if denied.startswith(_quoted(self._inbox)):
            # The server reports this once, and every later request would only time out.
            self._inbox_denied = True
            for call in list(self._pending.values()):
                call.fail(self._inbox_error())
        elif action.lower() == "publish":
            for call in list(self._pending.values()):
                if _quoted(call.subject) == denied:
                    call.fail(_permission_denied("publish", call.subject))
        else:
            for subscription in list(self.subscriptions):
                for subject in subscription.subjects:
                    if _quoted(subject) == denied:
                        subscription.end(_permission_denied("subscribe", subject))

    def _inbox_error(self) -> PermissionDenied:
        advice = ", so no reply can arrive: name an allowed subject with inbox_prefix"
        return _permission_denied("subscribe", f"{self._inbox}.*", advice)


def _permission_denied(action: str, subject: str, advice: str = "") -> PermissionDenied:
    text = f"the server does not let this user {action} to {subject}{advice}"
    return PermissionDenied(text, subject=subject)


def _quoted(subject: str) -> str:
    """Return a subject as the server writes it between quotation marks."""
    return subject.replace("\\", "\\\\").replace('"', '\\"')


def request_timeout(subject: str, timeout: float, *, sent: bool, command: bool) -> RequestTimeout:
    """Return the error for a request without a reply. The outcome of a ``command`` that was sent is unknown."""
    if not sent:
        advice = "it could not be sent, and will not be"
    elif command:
        advice = "it was sent, so its outcome is unknown: look at the state before you send a command again"
    else:
        advice = "it was sent; nothing was changed, so it is safe to ask again"
    text = f"no answer to {subject} within {timeout:g} s; {advice}"
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
    _headers: bytes = attrs.field(factory=tracing.headers, init=False)
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
            self.fail(no_responders(self.subject))
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
        if not sent:  # pragma: no cover – a call whose bytes are still buffered when the connection is lost
            state = "it was not sent"
        elif self._command:
            state = "it was sent, and its outcome is unknown"
        else:
            state = "it was sent; nothing was changed, so it is safe to ask again"
        text = f"the connection was lost while {self.subject} was in flight: {state}"
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

    _queue: MessageQueue[Reply]
    _handler: Handler

    def _deliver(self, data: bytes, error: CtlError | None = None) -> None:
        self._queue.put(Reply(self._handler, data, error))


@attrs.define(eq=False, repr=False)
class Subscription:
    """Messages of some subjects, put into a queue. It survives the loss of a connection.

    The queue receives the bytes of each message, or with a handler a ``Reply``. ``gaps`` counts how often the
    connection was lost, so that messages may be missing.
    """

    _session: Session
    subjects: tuple[str, ...]
    _queue: MessageQueue[Any]
    _handler: Handler | None = None
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
        return self._closing or self._queue.ended or self._session.bridge.inherited

    def get(self, seconds: float | None) -> bytes:
        """Remove and return the oldest message; wait for one, without a limit for None.

        Raises ``queue.Empty`` if none came in time, and ClosedError if it is closed or inherited by a forked child.
        """
        if self._session.bridge.inherited:
            raise ClosedError("this receiver belongs to the parent process: make a new one in the child")
        data: bytes = self._queue.get(seconds)
        return data

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

    def _on_message(self, subject: bytes, data: bytes, headers: bytes | None) -> None:
        self._queue.put(data if self._handler is None else Reply(self._handler, data))

    def end(self, error: Exception | None = None) -> None:
        """End it now, with the error for its readers. On the loop."""
        self._queue.fail(error)
        self._session.subscriptions.discard(self)
        self._session.bridge.unwatch(self._queue)
        if self._connection is not None and not self._connection.gone:
            for number in self._numbers:
                self._connection.unlisten(number)
