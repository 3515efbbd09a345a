"""The connection to NATS: connect, request, gather, publish, subscribe. The only module that knows nats-py.

A ``Transport`` outlives its connections. Each connection is a nats-py client of its own with reconnecting off,
and is never used again once it is lost, for two reasons: what nats-py has queued while a socket is full goes out
on its next connection (a command that timed out would arrive later), and nats-py gives up for good on most
errors that a server sends. So the transport dials again by itself, until it is closed.

Requests do not go through nats-py's ``request``. They are written straight to the socket, and replies are taken
straight off nats-py's reader: no task, no queue, no timer for a call, and messages of several subscriptions keep
the order in which they came. What is used of nats-py beneath its public surface is all in ``Wire``.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import anyio
import nats.aio.client
import nats.aio.transport
import nats.errors
from nats.protocol.command import pub_cmd, sub_cmd, unsub_cmd

from wasmcloud_ctl._bridge import Bridge, Deadline, DeadlinePassed, Mailbox
from wasmcloud_ctl._calls import Call, Gather, Request, Subscription, Turns
from wasmcloud_ctl._config import Options, Server
from wasmcloud_ctl.exceptions import (
    AuthError,
    ClosedError,
    ConnectError,
    NotConnectedError,
    PermissionDenied,
    RequestTimeout,
    WaitTimeout,
)

logger = logging.getLogger("wasmcloud_ctl")
# nats-py logs what it does not expect as an error; without a handler that would go to stderr.
logging.getLogger("nats").addHandler(logging.NullHandler())

T = TypeVar("T")

# A silent half-open connection is noticed after two intervals without an answer.
_PING_SECONDS = 8
_PINGS_OUTSTANDING = 1

# Servers are dialled side by side, one more each time this has passed: a mute one must not eat the whole time.
_STAGGER_SECONDS = 0.25

# Between attempts to come back.
_FIRST_RETRY_SECONDS = 0.05
_LAST_RETRY_SECONDS = 2.0

_READ_BYTES = 65536

# nats-py has a timeout for each step of connecting; the deadline for all of them is kept around it.
_NO_TIMEOUT_OF_ITS_OWN = 86400


# One connection ---------------------------------------------------------------------------------

_Route = Callable[[bytes, bytes, "bytes | None"], None]


class _Socket(nats.aio.transport.TcpTransport):
    """nats-py's TCP transport, counting what is written, so that it can be told what has left."""

    written = 0

    def write(self, payload: bytes) -> None:
        self.written += len(payload)
        super().write(payload)  # type: ignore[no-untyped-call]

    def writelines(self, payload: list[bytes]) -> None:
        self.written += sum(map(len, payload))
        super().writelines(payload)  # type: ignore[no-untyped-call]

    def unsent(self) -> int:
        """How many bytes have not been handed to the operating system. With TLS: about."""
        return self._io_writer.transport.get_write_buffer_size() if self._io_writer is not None else 0

    @property
    def encrypted(self) -> bool:
        return self._io_writer is not None and self._io_writer.get_extra_info("ssl_object") is not None

    @property
    def closing(self) -> bool:
        return self._io_writer is None or self._io_writer.is_closing()

    def abort(self) -> None:
        """Close at once, and forget what has not been sent."""
        for writer in (self._io_writer, self._bare_io_writer):
            if writer is not None:
                writer.transport.abort()


class Wire(nats.aio.client.Client):
    """nats-py's client of one connection, which never reconnects.

    Beside its public surface this uses: ``_select_next_server`` (dial one server, once, and raise the true
    cause), ``_connect_command`` (the last moment before credentials are sent), ``_read_loop`` and
    ``_process_op_err`` (the connection's end), ``_process_msg`` (what arrives), ``_transport`` and ``_sid`` (what
    is sent), ``_send_ping``, and the tasks that it starts.
    """

    def __init__(self, server: Server, lost: Callable[[Wire], None]) -> None:
        super().__init__()
        self.server = server
        self._on_lost = lost
        self.lost = False
        self._routes: dict[int, _Route] = {}
        self._confirmations: set[asyncio.Future[bool]] = set()
        self._socket = _Socket()  # type: ignore[no-untyped-call]

    async def _select_next_server(self) -> None:
        self._current_server = self._server_pool[0]
        await self._socket.connect(
            self._current_server.uri, buffer_size=_READ_BYTES, connect_timeout=self.options["connect_timeout"]
        )
        self._transport = self._socket

    def _connect_command(self) -> bytes:
        # nats-py goes on in clear where the server does not offer TLS, and would send the password so.
        if self.server.tls and not self._socket.encrypted:
            raise ConnectError(
                f"{self.server} does not offer TLS, and nothing was sent to it: use nats:// to connect in clear"
            )
        return super()._connect_command()

    async def _read_loop(self) -> None:
        # It ends for many reasons, after some of which nats-py only logs, or says nothing.
        try:
            await super()._read_loop()
        finally:
            self._on_lost(self)

    async def _process_op_err(self, e: Exception) -> None:
        # nats-py would first send what it has queued, and wait for the peer to close: here it is over at once.
        self._err = e
        self._on_lost(self)

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes | None
    ) -> None:
        route = self._routes.get(sid)
        if route is None:
            await super()._process_msg(sid, subject, reply, data, headers)  # type: ignore[arg-type]
        else:
            route(subject, data, headers)

    def send(self, command: bytes) -> int:
        """Write a command of the NATS protocol.

        Returns:
            How many bytes have been written with it; for ``has_left``.
        """
        if self._pending:  # what nats-py itself has queued comes first
            self._socket.writelines(self._pending)
            self._pending = []
            self._pending_data_size = 0
        self._socket.write(command)
        return self._socket.written

    def send_message(self, subject: str, reply: str, payload: bytes) -> int:
        """Write a message.

        Returns:
            How many bytes have been written with it; for ``has_left``.
        """
        return self.send(pub_cmd(subject, reply, payload))

    def has_left(self, written: int) -> bool | None:
        """Whether what ``send`` wrote up to there was handed to the operating system; None: hard to say."""
        unsent = self._socket.unsent()
        if unsent == 0:
            return True
        if self._socket.encrypted:
            return None
        return self._socket.written - unsent >= written

    def listen(self, subject: str, route: _Route) -> int:
        """Subscribe; every message is given to ``route``, in the order of the wire.

        Returns:
            The subscription's number.
        """
        self._sid += 1
        self._routes[self._sid] = route
        self.send(sub_cmd(subject, "", self._sid))
        return self._sid

    def unlisten(self, number: int) -> None:
        """End a subscription."""
        if self._routes.pop(number, None) is not None:
            self.send(unsub_cmd(number, 0))

    @property
    def gone(self) -> bool:
        """Whether nothing can be sent any more, even if that was not noticed yet."""
        return self.lost or self._socket.closing

    async def confirm(self) -> None:
        """Wait until the server has worked off all that was sent.

        Raises:
            NotConnectedError: The connection was lost before that.
        """
        pong: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._confirmations.add(pong)
        try:
            await self._send_ping(pong)
            await pong
        finally:
            self._confirmations.discard(pong)

    def abort(self) -> None:
        """Drop the connection at once, with all that has not been sent."""
        self.lost = True
        for pong in self._confirmations:
            if not pong.done():
                pong.set_exception(NotConnectedError("the connection was lost", sent=True))
        self._status = self.CLOSED
        for task in (self._reading_task, self._ping_interval_task, self._flusher_task):
            if task is not None and not task.done() and task is not _current_task():
                task.cancel()
        self._socket.abort()


def _current_task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


# The transport ----------------------------------------------------------------------------------

_DENIED = re.compile(r'permissions violation for (publish|subscription) to "([^"]*)"')


class Transport:
    """A connection that is kept: made, lost, made again, until it is closed.

    Args:
        options: What it takes to connect.

    ``Transport.open`` makes one that is connected. Methods block and may be called from any thread, unless
    they say "on the loop".
    """

    def __init__(self, options: Options) -> None:
        self.bridge = Bridge("wasmcloud_ctl")
        self._options = options
        self._wire: Wire | None = None
        self.turns = Turns()
        self._calls: dict[bytes, Call] = {}
        self._subscriptions: set[Subscription] = set()
        self._numbers = itertools.count(1)
        self._inbox = ""
        self._inbox_denied = False
        self._refused: AuthError | None = None
        self._closing = False
        self._dialling: asyncio.Task[None] | None = None

    @classmethod
    def open(cls, options: Options) -> Transport:
        """Connect.

        Raises:
            AuthError: The server refused the credentials.
            ConnectError: There is no connection within ``connect_timeout``; with the true cause.
        """
        deadline = Deadline(options.connect_timeout)
        transport = cls(options)
        bridge = transport.bridge
        try:
            bridge.start(deadline.left())
            bridge.on_close(transport._close)
            # The deadline is kept inside, where the cause is known; this one is for a loop that is blocked.
            bridge.run(transport._connect, deadline, timeout=deadline.left() + 0.15)
        except DeadlinePassed:
            bridge.close(1.0)
            raise ConnectError(f"no connection within {options.connect_timeout:g} s") from None
        except ClosedError as error:
            raise ConnectError(f"the client was closed while it connected: {error}") from error
        except BaseException:
            bridge.close(1.0)
            raise
        return transport

    def close(self, timeout: float) -> None:
        """Close the connection and end the thread, within about this many seconds."""
        self.bridge.close(timeout)

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        return self._wire is not None and not self.bridge.ended

    @property
    def address(self) -> str:
        """Where the present connection leads, or where the first server is; without credentials."""
        wire = self._wire
        return str(wire.server if wire is not None else self._options.servers[0])

    @property
    def nats_client(self) -> nats.aio.client.Client:
        """nats-py's client of the present connection.

        Raises:
            NotConnectedError: There is none now.
        """
        return self.usable_wire(None)

    # What callers use

    def request(self, subject: str, payload: bytes, timeout: float, turn: str | None = None) -> bytes:
        """Send a request, and wait for its one reply.

        Args:
            subject: Where to.
            payload: What.
            timeout: Seconds, above 0; waiting for its turn counts.
            turn: A key; requests of one key do not overlap.

        Returns:
            The reply's bytes.

        Raises:
            RequestTimeout, NoResponders, NotConnectedError, ClosedError, PermissionDenied, PayloadTooLarge,
            AuthError
        """
        request = Request(self, subject, payload, timeout, turn)
        return self.bridge.exchange(request.outcome, request.begin, request.abandon, timeout)

    def gather(self) -> Gather:
        """A place for the replies to many questions, or of many hosts to one."""
        return Gather(self)

    def subscribe(
        self, subjects: Sequence[str], mailbox: Mailbox[Any], timeout: float, tag: object = None
    ) -> Subscription:
        """Subscribe, and be sure that the server has it.

        Args:
            subjects: What to.
            mailbox: Where messages go: the bytes, or with a tag, replies that have it.
            timeout: Seconds that the server may take to confirm, above 0.
            tag: The tag, if there is one.

        Raises:
            RequestTimeout, NotConnectedError, ClosedError, PermissionDenied, AuthError
        """
        subscription = Subscription(self, subjects, mailbox, tag)
        self.bridge.watch(mailbox)
        try:
            self.bridge.run(self._subscribe, subscription, timeout=timeout)
        except BaseException as error:
            subscription.close()
            if isinstance(error, DeadlinePassed):
                raise RequestTimeout(
                    f"the server did not confirm the subscription to {', '.join(subjects)} within {timeout:g} s",
                    subject=subjects[0],
                ) from None
            raise
        return subscription

    def run(self, function: Callable[..., Awaitable[T]], *args: Any, timeout: float | None) -> T:
        """Run a coroutine function on the loop.

        Raises:
            WaitTimeout: It took longer than ``timeout`` seconds; it has been cancelled.
            ClosedError: The client is or was closed.
            BaseException: What it raises.
        """
        try:
            return self.bridge.run(function, *args, timeout=timeout)
        except DeadlinePassed:
            raise WaitTimeout(f"the function did not end within {timeout:g} s, and was cancelled") from None

    # What calls and subscriptions use, on the loop

    def usable_wire(self, subject: str | None) -> Wire:
        """The present connection, or an error for the call that wants it."""
        wire = self._wire
        if wire is None or wire.gone:
            if self._closing:
                raise ClosedError("the client is closed")
            if self._refused is not None:
                raise AuthError(str(self._refused)) from self._refused
            raise NotConnectedError(
                f"there is no connection to {self.address} at the moment, so nothing was sent; "
                "it is being made again",
                subject=subject,
            )
        return wire

    def soon(self, callback: Callable[[], None]) -> None:
        """Run a function on the loop after what runs now."""
        asyncio.get_running_loop().call_soon(callback)

    def register(self, call: Call) -> tuple[bytes, str]:
        """Have replies given to a call.

        Returns:
            The call's token, and the reply subject.

        Raises:
            PermissionDenied: Replies cannot be heard.
        """
        if self._inbox_denied:
            raise self._inbox_error()
        token = b"%x" % next(self._numbers)
        self._calls[token] = call
        return token, f"{self._inbox}.{token.decode()}"

    def unregister(self, token: bytes) -> None:
        """Have no more replies given to a call."""
        self._calls.pop(token, None)

    def forget(self, subscription: Subscription) -> None:
        """Do not subscribe it again."""
        self._subscriptions.discard(subscription)
        self.bridge.unwatch(subscription._mailbox)

    def drop(self, wire: Wire, reason: str) -> None:
        """Give up a connection."""
        logger.warning("the connection to %s is given up: %s", wire.server, reason)
        self._on_lost(wire)

    # Connecting, on the loop

    async def _connect(self, deadline: Deadline) -> None:
        self._use(await self._dial(deadline))

    def _use(self, wire: Wire) -> None:
        """Make a new connection the present one: replies and subscriptions first, so that nothing is missed."""
        if wire.gone:
            raise ConnectError(f"{wire.server} ended the connection as soon as it was made")
        self._inbox = wire.new_inbox()
        self._inbox_denied = False
        wire.listen(f"{self._inbox}.*", self._on_reply)
        for subscription in self._subscriptions:
            subscription.attach(wire)
        self._wire = wire
        self._refused = None
        logger.info("connected to %s", wire.server)

    async def _dial(self, deadline: Deadline) -> Wire:
        """Dial all servers, each a moment after the one before, and take the first that answers."""
        waiting = list(self._options.servers)
        random.shuffle(waiting)
        failures: list[ConnectError] = []
        running: set[asyncio.Task[Wire]] = set()
        winner: Wire | None = None
        try:
            while waiting or running:
                if waiting:
                    running.add(asyncio.create_task(self._attempt(waiting.pop(), deadline)))
                done, running = await asyncio.wait(
                    running,
                    timeout=_STAGGER_SECONDS if waiting else None,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                for attempt in done:
                    error = attempt.exception()
                    if error is None and winner is None:
                        winner = attempt.result()
                    elif isinstance(error, ConnectError):
                        failures.append(error)
                    else:
                        _discard(attempt)
                if winner is not None:
                    return winner
            raise _join(failures)
        finally:
            for attempt in running:
                attempt.cancel()
                attempt.add_done_callback(_discard)

    async def _attempt(self, server: Server, deadline: Deadline) -> Wire:
        """Dial one server, once."""
        options = self._options
        wire = Wire(server, self._on_lost)
        try:
            with anyio.fail_after(deadline.left()):
                await wire.connect(
                    servers=[str(server)],
                    name=options.name,
                    user=options.user if options.user is not None else server.user,
                    password=options.password if options.password is not None else server.password,
                    token=options.token if options.token is not None else server.token,
                    error_cb=self._on_error,
                    allow_reconnect=False,
                    connect_timeout=_NO_TIMEOUT_OF_ITS_OWN,
                    ping_interval=_PING_SECONDS,
                    max_outstanding_pings=_PINGS_OUTSTANDING,
                    inbox_prefix=options.inbox_prefix,
                )
        except Exception as error:
            wire.abort()
            if isinstance(error, ConnectError):
                raise
            raise _connect_error(server, error) from error
        except BaseException:
            wire.abort()  # a failed or cancelled connect of nats-py leaves its socket open
            raise
        return wire

    def _on_lost(self, wire: Wire) -> None:
        """A connection has ended: end what was under way on it, and begin to dial."""
        if wire is not self._wire:
            return
        self._wire = None
        calls, self._calls = list(self._calls.values()), {}
        for call in calls:
            call.on_lost()
        for subscription in self._subscriptions:
            subscription.gaps += 1
        wire.abort()
        if not self._closing:
            logger.warning(
                "the connection to %s was lost (%s)", wire.server, wire.last_error or "no reason given"
            )
            self._dialling = asyncio.get_running_loop().create_task(self._dial_until_connected())

    async def _dial_until_connected(self) -> None:
        pause = _FIRST_RETRY_SECONDS
        while True:
            try:
                self._use(await self._dial(Deadline(self._options.connect_timeout)))
            except ConnectError as error:
                self._refused = error if isinstance(error, AuthError) else None
                logger.debug("no connection yet: %s", error)
            else:
                return
            # Jitter, so that the clients of a server that came back do not all come at once.
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(pause * 2, _LAST_RETRY_SECONDS)

    async def _close(self) -> None:
        """End everything, before the loop does."""
        self._closing = True
        if self._dialling is not None:
            self._dialling.cancel()
        for call in list(self._calls.values()):
            call.fail(ClosedError(f"the client was closed while {call.subject} was under way"))
        self._calls.clear()
        for subscription in list(self._subscriptions):
            subscription._close()
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.abort()
            logger.info("closed the connection to %s", wire.server)

    async def _subscribe(self, subscription: Subscription) -> None:
        wire = self.usable_wire(None)
        subscription.attach(wire)
        self._subscriptions.add(subscription)
        # The server answers in order: a denial of the subscription comes before the answer to this.
        await wire.confirm()
        if subscription.closed:
            subscription.get(0.0)

    # What arrives, on the loop

    def _on_reply(self, subject: bytes, data: bytes, headers: bytes | None) -> None:
        call = self._calls.get(subject[len(self._inbox) + 1 :])
        if call is not None:
            call.on_reply(data, headers)

    async def _on_error(self, error: Exception) -> None:
        """What nats-py reports aside: of interest is what the server's permissions deny."""
        logger.debug("nats-py reports: %r", error)
        match = _DENIED.search(str(error).lower())
        if match is None:
            return
        action, subject = match.groups()
        if action == "publish":
            for token, call in list(self._calls.items()):
                if call.subject.lower() == subject:
                    self.unregister(token)
                    call.fail(
                        PermissionDenied(
                            f"the server does not let this user publish to {call.subject}",
                            subject=call.subject,
                        )
                    )
        elif subject == f"{self._inbox}.*".lower():
            # Said once; every later request would run into its timeout.
            self._inbox_denied = True
            calls, self._calls = list(self._calls.values()), {}
            for call in calls:
                call.fail(self._inbox_error())
        else:
            for subscription in list(self._subscriptions):
                denied = subscription.listens_to(subject)
                if denied is not None:
                    subscription.fail(
                        PermissionDenied(
                            f"the server does not let this user subscribe to {denied}", subject=denied
                        )
                    )

    def _inbox_error(self) -> PermissionDenied:
        subject = f"{self._inbox}.*"
        return PermissionDenied(
            f"the server does not let this user subscribe to {subject}, so no reply can be heard: "
            "name an allowed subject with inbox_prefix",
            subject=subject,
        )


def _discard(attempt: asyncio.Task[Wire]) -> None:
    """Close the connection of an attempt that came too late; an error that nobody looks at would be logged."""
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().abort()


# Errors -----------------------------------------------------------------------------------------


def _connect_error(server: Server, error: Exception) -> ConnectError:
    """What a failed attempt means, in a sentence."""
    text = str(error).lower()
    if (
        isinstance(error, nats.errors.AuthorizationError)
        or "authorization" in text
        or "authentication" in text
    ):
        return AuthError(f"{server} refused the credentials: {_plain(error)}")
    if isinstance(error, ssl.SSLCertVerificationError):
        return ConnectError(f"the certificate of {server} is not trusted: {error.verify_message}")
    if isinstance(error, ssl.SSLError):
        return ConnectError(f"TLS with {server} failed: {error.reason or error}")
    if isinstance(error, socket.gaierror):
        return ConnectError(f"the name {server.host!r} cannot be resolved: {error.strerror}")
    if isinstance(error, ConnectionRefusedError):
        return ConnectError(f"nobody listens at {server}: check the address, and that the server runs")
    if isinstance(error, (asyncio.TimeoutError, TimeoutError)):
        return ConnectError(
            f"{server} did not answer in time: check the address, that it is a NATS server, and what is between"
        )
    if isinstance(error, OSError):
        return ConnectError(f"cannot connect to {server}: {error.strerror or error}")
    if "info" in text:
        return ConnectError(f"what answers at {server} is no NATS server: check the port")
    return ConnectError(f"cannot connect to {server}: {_plain(error)}")


def _plain(error: Exception) -> str:
    return (str(error) or type(error).__name__).removeprefix("nats: ").strip("'")


def _join(failures: Sequence[ConnectError]) -> ConnectError:
    """One error for several servers; about the credentials, if one of them said so."""
    if len(failures) == 1:
        return failures[0]
    kind = AuthError if any(isinstance(failure, AuthError) for failure in failures) else ConnectError
    joined = kind("; ".join(map(str, failures)))
    joined.__cause__ = failures[0]
    return joined
