"""The session: a connection that is kept. It is made, lost and made again, until the client is closed.

A session outlives its connections. Each connection is a nats-py client of its own with reconnecting off, and is never
used again once it is lost, for two reasons. nats-py sends what it has queued for a full socket over its next
connection, so a command that timed out would arrive later. And nats-py gives up for good after most errors that a
server sends. So the session dials again by itself.

Requests do not use nats-py's ``request``. They are written straight to the socket, and replies are taken straight off
nats-py's reader: no task, queue or timer for each request, and messages of different subscriptions keep their order.

Everything here runs on the loop, unless it says otherwise.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
import re
import time
from collections.abc import Callable
from typing import Protocol

from wasmcloud_ctl._bridge.handover import Deadline
from wasmcloud_ctl._options.options import Options
from wasmcloud_ctl._options.servers import Server
from wasmcloud_ctl._transport.connection import Connection
from wasmcloud_ctl._transport.dialling import dial
from wasmcloud_ctl._transport.key_queues import KeyQueues
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
    """A request in flight."""

    @property
    def subject(self) -> str:
        """The subject of the request."""

    def start(self) -> None:
        """Send it."""

    def on_reply(self, data: bytes, headers: bytes | None) -> None:
        """Take a reply."""

    def on_lost(self) -> None:
        """End it, because the connection was lost."""

    def fail(self, error: CtlError) -> None:
        """End it with an error."""


class Subscribed(Protocol):
    """A subscription that each new connection makes again."""

    @property
    def subjects(self) -> tuple[str, ...]:
        """The subjects."""

    def attach(self, connection: Connection) -> None:
        """Subscribe on a connection."""

    def on_lost(self) -> None:
        """Count a gap, because the connection was lost."""

    def end(self, error: Exception | None = None) -> None:
        """End it, with the error for its readers."""


class Session:
    """The connection that a client keeps, its requests in flight, and its subscriptions.

    Args:
        options: How to connect.
        closed_error: Makes the error for calls after close.

    Attributes:
        queues: The queues of requests that must not overlap, by key.
        subscriptions: The subscriptions to make again on each new connection.
    """

    def __init__(self, options: Options, closed_error: Callable[[], ClosedError]) -> None:
        self._options = options
        self._closed_error = closed_error
        self._connection: Connection | None = None
        self.queues: KeyQueues[Pending] = KeyQueues()
        self.subscriptions: set[Subscribed] = set()
        # Requests in flight, by the token at the end of their reply subject.
        self._pending: dict[bytes, Pending] = {}
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
        """Whether there is a connection now. May be asked on any thread."""
        return self._connection is not None

    @property
    def address(self) -> str:
        """The URL of the connected server, or else of the first one, without credentials. Any thread may ask."""
        connection = self._connection
        return str(connection.server if connection is not None else self._options.servers[0])

    def connection(self, subject: str | None) -> Connection:
        """Return the present connection, or raise the error for a call that needs it. Any thread may ask.

        Args:
            subject: The subject of the call, for the error.
        """
        connection = self._connection
        if connection is None or connection.gone:
            if self._closing:
                raise self._closed_error()
            if self._refused is not None:
                raise AuthError(str(self._refused)) from self._refused
            raise NotConnectedError(
                f"there is no connection to {self.address} at the moment, so nothing was sent; "
                "it is being made again",
                subject=subject,
            )
        return connection

    def register(self, request: Pending) -> tuple[bytes, str]:
        """Give replies to a request.

        Returns:
            The request's token, and its reply subject.

        Raises:
            PermissionDenied: The server does not let this user receive replies.
        """
        if self._inbox_denied:
            raise self._inbox_error()
        token = b"%x" % next(self._numbers)
        self._pending[token] = request
        return token, f"{self._inbox}.{token.decode()}"

    def unregister(self, token: bytes) -> None:
        """Give no more replies to a request."""
        self._pending.pop(token, None)

    def drop(self, connection: Connection, reason: str) -> None:
        """Give up a connection."""
        connection.give_up(reason)
        self._on_lost(connection)

    # Connecting

    async def connect(self, deadline: Deadline) -> None:
        """Make the first connection.

        Raises:
            AuthError: The server refused the credentials.
            ConnectError: No connection within the deadline; with the cause.
        """
        await self._make_connection(deadline)
        logger.info("connected to %s", self.address)

    async def _make_connection(self, deadline: Deadline) -> None:
        """Make a new connection, and subscribe on it before it is used, so that no message is missed."""
        connection = await dial(self._options, self._cluster, self._new_connection, deadline)
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

    def _new_connection(self, server: Server) -> Connection:
        return Connection(server, self._options.tls is not False, self._on_lost, self._on_denied)

    def _on_lost(self, connection: Connection) -> None:
        """End the requests in flight on a lost connection, and begin to dial."""
        if connection is not self._connection:
            return
        self._connection = None
        self._cluster = connection.cluster()
        pending, self._pending = list(self._pending.values()), {}
        for request in pending:
            request.on_lost()
        for subscription in self.subscriptions:
            subscription.on_lost()
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
                await self._make_connection(Deadline(self._options.connect_timeout))
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
        for request in list(self._pending.values()):
            request.fail(ClosedError(f"the client was closed while {request.subject} was in flight"))
        self._pending.clear()
        for subscription in list(self.subscriptions):
            subscription.end()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()
        if self._connected_at:
            server = self._options.servers[0] if connection is None else connection.server
            logger.info("closed the connection to %s", server)

    # What arrives

    def _on_reply(self, subject: bytes, data: bytes, headers: bytes | None) -> None:
        request = self._pending.get(subject[len(self._inbox) + 1 :])
        if request is not None:
            request.on_reply(data, headers)

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
            pending, self._pending = list(self._pending.values()), {}
            for request in pending:
                request.fail(self._inbox_error())
        elif action.lower() == "publish":
            for token, request in list(self._pending.items()):
                if _quoted(request.subject) == denied:
                    self.unregister(token)
                    request.fail(_permission_denied("publish", request.subject))
        else:
            for subscription in list(self.subscriptions):
                for subject in subscription.subjects:
                    if _quoted(subject) == denied:
                        subscription.end(_permission_denied("subscribe", subject))

    def _inbox_error(self) -> PermissionDenied:
        subject = f"{self._inbox}.*"
        return PermissionDenied(
            f"the server does not let this user subscribe to {subject}, so no reply can arrive: "
            "name an allowed subject with inbox_prefix",
            subject=subject,
        )


def _permission_denied(action: str, subject: str) -> PermissionDenied:
    return PermissionDenied(f"the server does not let this user {action} to {subject}", subject=subject)


def _quoted(subject: str) -> str:
    """Return a subject as the server writes it between quotation marks."""
    return subject.replace("\\", "\\\\").replace('"', '\\"')
