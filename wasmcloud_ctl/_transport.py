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
import functools
import ipaddress
import itertools
import json
import logging
import random
import re
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar
from urllib.parse import ParseResult

import anyio
import nats.aio.client
import nats.aio.transport
import nats.errors
from nats.protocol.command import hpub_cmd, pub_cmd, sub_cmd, unsub_cmd

from wasmcloud_ctl import _credentials, _failures, _tls
from wasmcloud_ctl._bridge import Bridge, Deadline, DeadlinePassed, Mailbox
from wasmcloud_ctl._calls import Call, Gather, Request, Subscription, Turns, telling
from wasmcloud_ctl._config import DEFAULT_PORT, Options, Server, named_by_cluster
from wasmcloud_ctl._failures import Stage
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

# A silent half-open connection is noticed after one to two intervals without an answer.
_PING_SECONDS = 8
_PINGS_OUTSTANDING = 1

# Servers, and the addresses of one, are dialled side by side, one more each time this has passed: a mute one must not
# eat the whole time.
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
    """nats-py's TCP transport, counting what is written, so that it can be told what has left.

    Attributes:
        written: How many bytes have been written.
        stage: How far the connection has come.
        on_info: Called with what a server says of itself between its greeting and its first answer.
    """

    def __init__(self, on_info: Callable[[dict[str, Any]], None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.written = 0
        self.stage = Stage.RESOLVING
        self.on_info = on_info
        self._greeted = False
        self._held = b""

    def write(self, payload: bytes) -> None:
        if payload.startswith(b"CONNECT "):
            # It goes with the PING that follows. A server that refuses the first hangs up; the second, sent to that,
            # would be answered by a reset, which can overtake the reason.
            self._held = payload
        else:
            self.push(self._held + payload)
            self._held = b""

    def push(self, payload: bytes) -> None:
        """Write what is no part of the greeting."""
        self.written += len(payload)
        assert self._io_writer is not None
        self._io_writer.write(payload)

    def writelines(self, payload: list[bytes]) -> None:
        self.written += sum(map(len, payload))
        super().writelines(payload)  # type: ignore[no-untyped-call]

    async def connect(self, uri: ParseResult, buffer_size: int, connect_timeout: int) -> None:
        loop = asyncio.get_running_loop()
        host = uri.hostname or ""
        try:
            addresses = [str(ipaddress.ip_address(host))]
        except ValueError:
            found = await loop.getaddrinfo(host, uri.port, type=socket.SOCK_STREAM)
            addresses = list(dict.fromkeys(str(address[4][0]) for address in found))
        port = uri.port or DEFAULT_PORT
        self.stage = Stage.CONNECTING
        dials = [
            functools.partial(asyncio.open_connection, address, port, limit=buffer_size)
            for address in addresses
        ]
        try:
            streams = await _race(dials, _STAGGER_SECONDS, lambda late: late[1].transport.abort())
        except _AllFailed as failed:
            raise failed.errors[0] from None
        self._io_reader, self._io_writer = self._bare_io_reader, self._bare_io_writer = streams
        self.stage = Stage.CONNECTED

    async def connect_tls(
        self, uri: str | ParseResult, ssl_context: ssl.SSLContext, buffer_size: int, connect_timeout: int
    ) -> None:
        in_clear = self._io_reader
        assert in_clear is not None
        await super().connect_tls(uri, ssl_context, buffer_size, connect_timeout)
        if not self._greeted:
            # A server that greets first may still have taken the handshake for its answer; it greets only once.
            in_clear.feed_eof()
            if await in_clear.read(1):
                raise ssl.SSLError("the greeting came first")
        self.stage = Stage.SECURED

    async def readline(self) -> bytes:
        """The next line of the greeting: INFO, and then what answers CONNECT and PING."""
        line = await self._line()
        if self._greeted:
            # A server may tell news of its cluster before it answers; nats-py would take that for the answer.
            while line.startswith(b"INFO "):
                self.on_info(json.loads(line[5:]))
                line = await self._line()
        elif line.startswith(b"-ERR"):
            raise nats.errors.Error(line[4:].decode("utf-8", "replace").strip())
        else:
            self._greeted = True
            self.stage = Stage.GREETED
        return line

    async def _line(self) -> bytes:
        line: bytes = await super().readline()  # type: ignore[no-untyped-call]
        if not line.endswith(b"\n"):
            raise ConnectionResetError("the connection was ended")
        return line

    def unsent(self) -> int:
        """How many bytes have not been handed to the operating system. With TLS: about."""
        if self._io_writer is None:
            return 0
        unsent = self._io_writer.transport.get_write_buffer_size()
        if self.encrypted and self._bare_io_writer is not None:
            # What is encrypted already waits in the transport below, and the one above does not count it.
            unsent += self._bare_io_writer.transport.get_write_buffer_size()
        return unsent

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
    cause), ``_process_info`` (what the server says of itself), ``_connect_command`` (the last moment before
    credentials are sent), ``_read_loop`` and ``_process_op_err`` (the connection's end), ``_process_err`` and ``_ps``
    (what the server objects to), ``_process_msg`` (what arrives), ``_transport`` and ``_sid`` (what is sent),
    ``_send_ping``, and the tasks that it starts.

    Args:
        server: Whom to dial.
        allow_tls: Whether TLS may be used at all.
        on_lost: Called when the connection has ended, maybe more than once.
        on_denied: Called with what the server's permissions deny, in its words.
    """

    def __init__(
        self,
        server: Server,
        allow_tls: bool,
        on_lost: Callable[[Wire], None],
        on_denied: Callable[[str], None],
    ) -> None:
        super().__init__()
        self.server = server
        self.lost = False
        self.takes_headers = False
        self._allow_tls = allow_tls
        self._on_lost = on_lost
        self._on_denied = on_denied
        self._named: list[object] = []
        self._routes: dict[int, _Route] = {}
        self._confirmations: set[asyncio.Future[bool]] = set()
        self._socket = _Socket(self._on_info)

    @property
    def stage(self) -> Stage:
        """How far the connection has come."""
        return self._socket.stage

    def cluster(self) -> tuple[Server, ...]:
        """The servers of the cluster, as the server named them last; this one among them."""
        return self.server, *named_by_cluster(self._named, self.server)

    async def _select_next_server(self) -> None:
        self._current_server = self._server_pool[0]
        await self._socket.connect(
            self._current_server.uri, buffer_size=_READ_BYTES, connect_timeout=self.options["connect_timeout"]
        )
        self._transport = self._socket

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        self._on_info(info)
        if initial_connection:
            if info.get("tls_required") and not self._allow_tls:
                raise ConnectError(f"{self.server} requires TLS, which tls=False rules out")
            if self.server.tls and info.get("tls_available"):
                # nats-py makes use of what is required, not of what is merely offered.
                info["tls_required"] = True

    def _on_info(self, info: dict[str, Any]) -> None:
        self._named = info.get("connect_urls") or self._named
        self._max_payload = info.get("max_payload", self._max_payload)
        self.takes_headers = info.get("headers", self.takes_headers)

    def _connect_command(self) -> bytes:
        # nats-py goes on in clear where the server does not offer TLS, and would send the password so.
        if self.server.tls and not self._socket.encrypted:
            raise ConnectError(
                f"{self.server} does not offer TLS, and nothing was sent to it: to connect in clear use nats://, "
                "and no option for TLS"
            )
        return super()._connect_command()

    async def _read_loop(self) -> None:
        # It ends for many reasons, after some of which nats-py only logs, or says nothing.
        try:
            await super()._read_loop()
        finally:
            self._has_ended()

    async def _process_op_err(self, e: Exception) -> None:
        # nats-py would first send what it has queued, and wait for the peer to close: here it is over at once.
        self._err = e
        self._has_ended()

    def _has_ended(self) -> None:
        self.lost = True  # known also to who is about to use it for the first time
        self._on_lost(self)

    async def _process_err(self, err_msg: str) -> None:
        # It comes in lower case, but subjects may differ by case alone: nats-py's parser still has the line.
        text = self._ps.buf.partition(b"\r\n")[0].decode("utf-8", "replace").removeprefix("-ERR").strip()
        if "permissions violation" in err_msg:
            self._on_denied(text)
        else:
            # Whatever else a server objects to, it ends the connection; nats-py would close for good, in its time.
            await self._process_op_err(nats.errors.Error(text))

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
        self._socket.push(command)
        return self._socket.written

    def send_message(self, subject: str, reply: str, payload: bytes, headers: bytes = b"") -> int:
        """Write a message.

        Returns:
            How many bytes have been written with it; for ``has_left``.
        """
        if headers:
            return self.send(hpub_cmd(subject, reply, headers, payload))
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

    def give_up(self, reason: str) -> None:
        """Have a reason of one's own told as the reason why the connection ended."""
        self._err = ConnectionError(reason)

    @property
    def end(self) -> str:
        """Why the connection has ended, as far as that is known."""
        return "no reason given" if self._err is None else _failures.plain(self._err)

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
            # nats-py ends a connection over an answer to a future that was cancelled (by Ctrl-C, or a timeout).
            await asyncio.shield(pong)
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

# In the server's words, quotation marks and backslashes in the subject are escaped.
_DENIED = re.compile(
    r'permissions violation for (publish|subscription)(?: to| with reply of) "((?:[^"\\]|\\.)*)"',
    re.IGNORECASE,
)


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
        # What the cluster has named beside the servers that were given, as the last connection knew it.
        self._cluster: tuple[Server, ...] = ()
        self._connected_at = 0.0
        self._pause = _FIRST_RETRY_SECONDS
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
        if not logger.isEnabledFor(logging.DEBUG):
            return self.bridge.exchange(request.outcome, request.begin, request.abandon, timeout)
        with telling(subject, len(payload)) as came:
            reply = self.bridge.exchange(request.outcome, request.begin, request.abandon, timeout)
            came.append(reply)
        return reply

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
        self.begin(subscription, timeout)
        return subscription

    def begin(self, subscription: Subscription, timeout: float) -> None:
        """As ``subscribe``, for a subscription that somebody holds already, who will close it."""
        subjects = subscription.subjects
        self.bridge.watch(subscription._mailbox)
        started = time.monotonic()
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
        logger.debug("%s: subscribed, %.1f ms", ", ".join(subjects), (time.monotonic() - started) * 1000)

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
        wire.give_up(reason)
        self._on_lost(wire)

    # Connecting, on the loop

    async def _connect(self, deadline: Deadline) -> None:
        self._use(await self._dial(deadline))
        logger.info("connected to %s", self.address)

    def _use(self, wire: Wire) -> None:
        """Make a new connection the present one: replies and subscriptions first, so that nothing is missed."""
        if wire.gone:
            wire.abort()
            raise ConnectError(f"{wire.server} ended the connection as soon as it was made")
        self._inbox = wire.new_inbox()
        self._inbox_denied = False
        wire.listen(f"{self._inbox}.*", self._on_reply)
        for subscription in self._subscriptions:
            subscription.attach(wire)
        self._wire = wire
        self._refused = None
        self._connected_at = time.monotonic()

    async def _dial(self, deadline: Deadline) -> Wire:
        """Dial all servers, each a moment after the one before, and take the first that answers."""
        options = self._options
        # Short reads of local files, each time anew: what has been renewed on disk counts.
        login = _credentials.read(options.credentials, options.user_jwt, options.nkey_seed)
        context = _tls.context(options) if any(server.tls for server in options.servers) else None
        known = {(server.host, server.port): server for server in (*self._cluster, *options.servers)}
        servers = list(known.values())
        random.shuffle(servers)
        attempts = [functools.partial(self._attempt, server, login, context, deadline) for server in servers]
        # However many they are, half of the time is left for the last.
        pause = min(_STAGGER_SECONDS, deadline.left() / 2 / len(servers))
        try:
            return await _race(attempts, pause, Wire.abort)
        except _AllFailed as failed:
            raise _failures.join(failed.errors) from failed.errors[0].__cause__

    async def _attempt(
        self,
        server: Server,
        login: _credentials.Login | None,
        context: ssl.SSLContext | None,
        deadline: Deadline,
    ) -> Wire:
        """Dial one server, once."""
        options = self._options
        wire = Wire(server, options.tls is not False, self._on_lost, self._on_denied)
        # What was given as an option counts before what stands in a URL.
        who: Options | Server = options
        if login is None and options.user is None and options.token is None:
            who = server
        jwt = seed = None
        if login is not None and login.jwt is not None:
            jwt = nats.aio.client.RawCredentials(login.decorated())
        elif login is not None:
            seed = login.seed
        try:
            with anyio.fail_after(deadline.left()):
                await wire.connect(
                    servers=[str(server)],
                    name=options.name,
                    user=who.user,
                    password=who.password,
                    token=who.token,
                    user_credentials=jwt,
                    nkeys_seed_str=seed,
                    tls=context,
                    tls_hostname=server.tls_name,
                    tls_handshake_first=options.tls_first,
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
            raise _failures.explain(server, options, login, wire.stage, error) from error
        except BaseException:
            wire.abort()  # a failed or cancelled connect of nats-py leaves its socket open
            raise
        return wire

    def _on_lost(self, wire: Wire) -> None:
        """A connection has ended: end what was under way on it, and begin to dial."""
        if wire is not self._wire:
            return
        self._wire = None
        self._cluster = wire.cluster()
        calls, self._calls = list(self._calls.values()), {}
        for call in calls:
            call.on_lost()
        for subscription in self._subscriptions:
            subscription.gaps += 1
        wire.abort()
        if not self._closing:
            logger.warning("lost the connection to %s: %s", wire.server, wire.end)
            self._dialling = asyncio.get_running_loop().create_task(self._dial_until_connected())

    async def _dial_until_connected(self) -> None:
        lost_at = time.monotonic()
        if lost_at - self._connected_at > _LAST_RETRY_SECONDS:
            self._pause = _FIRST_RETRY_SECONDS
        else:
            # A server that takes connections and ends them at once is not to be dialled in a tight circle.
            await self._wait_before_retry()
        while True:
            try:
                self._use(await self._dial(Deadline(self._options.connect_timeout)))
            except ConnectError as error:
                self._refused = error if isinstance(error, AuthError) else None
                logger.debug("no connection yet: %s", error)
            except Exception as error:
                # Whatever it is: without this task the client would be disconnected for ever.
                logger.warning("no connection yet: %r", error, exc_info=error)
            else:
                logger.info("connected again, to %s, after %.1f s", self.address, time.monotonic() - lost_at)
                return
            await self._wait_before_retry()

    async def _wait_before_retry(self) -> None:
        # Jitter, so that the clients of a server that came back do not all come at once.
        await asyncio.sleep(self._pause * random.uniform(0.5, 1.0))
        self._pause = min(self._pause * 2, _LAST_RETRY_SECONDS)

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
        if self._connected_at:
            logger.info(
                "closed the connection to %s", self._options.servers[0] if wire is None else wire.server
            )

    async def _subscribe(self, subscription: Subscription) -> None:
        wire = self.usable_wire(None)
        if subscription.closed:  # by Ctrl-C, when this was on its way here
            subscription.get(0.0)
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
        """What nats-py reports aside; what matters of it comes another way."""
        logger.debug("nats-py reports: %r", error)

    def _on_denied(self, text: str) -> None:
        """What the server's permissions deny: it says so at once, and once for each message or subscription."""
        logger.debug("the server objects: %s", text)
        match = _DENIED.search(text)
        if match is None:
            return
        action, subject = match.groups()
        if subject.startswith(_quoted(self._inbox)):
            # Said once; every later request would run into its timeout.
            self._inbox_denied = True
            calls, self._calls = list(self._calls.values()), {}
            for call in calls:
                call.fail(self._inbox_error())
        elif action.lower() == "publish":
            for token, call in list(self._calls.items()):
                if _quoted(call.subject) == subject:
                    self.unregister(token)
                    call.fail(
                        PermissionDenied(
                            f"the server does not let this user publish to {call.subject}",
                            subject=call.subject,
                        )
                    )
        else:
            for subscription in list(self._subscriptions):
                for denied in subscription.subjects:
                    if _quoted(denied) == subject:
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


def _quoted(subject: str) -> str:
    """A subject as it stands between quotation marks in the server's words."""
    return subject.replace("\\", "\\\\").replace('"', '\\"')


class _AllFailed(Exception):
    """None of those that were started had a result."""

    def __init__(self, errors: list[BaseException]) -> None:
        super().__init__()
        self.errors = errors


async def _race(
    starts: Sequence[Callable[[], Coroutine[Any, Any, T]]], pause: float, discard: Callable[[T], object]
) -> T:
    """Start one after another, each when the one before has failed or ``pause`` seconds have passed.

    Args:
        starts: What starts each of them.
        pause: The seconds.
        discard: Called with the result of each that came too late.

    Returns:
        The first result there is.

    Raises:
        _AllFailed: There is none.
    """
    waiting = list(reversed(starts))
    running: set[asyncio.Task[T]] = set()
    errors: list[BaseException] = []

    def settle(task: asyncio.Task[T]) -> None:
        # An error that nobody looks at would be logged.
        if not task.cancelled() and task.exception() is None:
            discard(task.result())

    try:
        while waiting or running:
            if waiting:
                running.add(asyncio.create_task(waiting.pop()()))
            done, running = await asyncio.wait(
                running, timeout=pause if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            succeeded = [task for task in done if task.exception() is None]
            for task in succeeded[1:]:
                settle(task)
            if succeeded:
                return succeeded[0].result()
            errors += [error for error in (task.exception() for task in done) if error is not None]
        raise _AllFailed(errors)
    finally:
        for task in running:
            task.cancel()
            task.add_done_callback(settle)
