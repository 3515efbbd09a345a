"""The session: a connection that is kept until the client is closed, its calls in flight and its subscriptions.

A session outlives its connections. Each one is a nats-py client with reconnecting off, and is never used again once
it is lost, for two reasons. nats-py sends what it has queued for a full socket over its next connection, so a command
that timed out would arrive later. And nats-py gives up for good after most errors that a server sends.

Requests do not use nats-py's ``request``. They are written straight to the socket, and replies are taken out of the
stream before nats-py reads it: no task, queue or timer for each request, and messages of different subscriptions keep
their order.

Everything here runs on the loop, unless it says otherwise.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
import re
import time
from collections import deque
from typing import Protocol

from wasmcloud_ctl._bridge.handover import Deadline
from wasmcloud_ctl._bridge.loop import Bridge
from wasmcloud_ctl._options.options import Options
from wasmcloud_ctl._options.servers import Server
from wasmcloud_ctl._transport.connection import Connection
from wasmcloud_ctl._transport.dialling import dial
from wasmcloud_ctl.exceptions import (
    AuthError,
    ClosedError,
    ConnectError,
    CtlError,
    NotConnectedError,
    PermissionDenied,
)

logger = logging.getLogger("wasmcloud_ctl")

# Between two attempts to connect again.
_FIRST_RETRY_SECONDS = 0.05
_LAST_RETRY_SECONDS = 2.0

# The server escapes quotation marks and backslashes of the subject.
_DENIED = re.compile(
    r'permissions violation for (publish|subscription)(?: to| with reply of) "((?:[^"\\]|\\.)*)"',
    re.IGNORECASE,
)


class Pending(Protocol):
    """A call in flight. ``fail`` ends it, and so does ``on_lost``, called when the connection was lost."""

    subject: str
    key: str | None
    token: bytes

    def start(self) -> None: ...
    def on_reply(self, data: bytes, headers: bytes | None) -> None: ...
    def on_lost(self) -> None: ...
    def fail(self, error: CtlError) -> None: ...


class Subscribed(Protocol):
    """A subscription, attached to each new connection. ``end`` gives its readers the error."""

    subjects: tuple[str, ...]
    gaps: int

    def attach(self, connection: Connection) -> None: ...
    def on_reconnected(self) -> None: ...
    def end(self, error: Exception | None = None) -> None: ...


class Session:
    """The connection that a client keeps, its requests in flight, and its subscriptions."""

    def __init__(self, options: Options, bridge: Bridge) -> None:
        self._options = options
        self.bridge = bridge
        self._connection: Connection | None = None
        # To be made again on each new connection.
        self.subscriptions: set[Subscribed] = set()
        # Calls in flight, by the token at the end of their reply subject.
        self._pending: dict[bytes, Pending] = {}
        # Calls with the same key never overlap. Not by a lock: Ctrl-C or a fork could leave that acquired.
        self._queues: dict[str | None, deque[Pending]] = {}
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
                f"there is no connection to {self.address} at the moment, so nothing was sent: the client is "
                "reconnecting, so try again in a moment",
                subject=subject,
            )
        return connection

    def enqueue(self, call: Pending) -> None:
        """Start a call when the calls before it with the same key have ended."""
        calls = self._queues.setdefault(call.key, deque())
        calls.append(call)
        if calls[0] is call:
            call.start()

    def register(self, call: Pending) -> str:
        """Give replies to a call. Return its reply subject."""
        if self._inbox_denied:
            raise self._inbox_error()
        call.token = b"%x" % next(self._numbers)
        self._pending[call.token] = call
        return f"{self._inbox}.{call.token.decode()}"

    def unregister(self, call: Pending) -> None:
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

    async def connect(self, deadline: Deadline, wait: bool = False) -> None:
        """Make a connection, and subscribe on it before it is used, so that no message is missed.

        With ``wait``, this goes on while no server can be reached.
        """
        connection = await dial(self._options, self._cluster, self._on_lost, self._on_denied, deadline, wait)
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
        for subscription in self.subscriptions:
            subscription.on_reconnected()

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
