"""The connection that a client holds: made, lost, made again, and what is sent and heard over it."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import nats.aio.client

from wasmcloud_ctl._bridge.handover import Deadline, DeadlinePassed, Mailbox
from wasmcloud_ctl._bridge.loop import Bridge
from wasmcloud_ctl._options.options import Options
from wasmcloud_ctl._options.servers import Server
from wasmcloud_ctl._transport.calls import Call, Gather, Request, Subscription, Turns, telling
from wasmcloud_ctl._transport.connection import Wire
from wasmcloud_ctl._transport.dialling import dial
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

T = TypeVar("T")

# Between attempts to come back.
_FIRST_RETRY_SECONDS = 0.05
_LAST_RETRY_SECONDS = 2.0

# In the server's words, quotation marks and backslashes in the subject are escaped.
_DENIED = re.compile(
    r'permissions violation for (publish|subscription)(?: to| with reply of) "((?:[^"\\]|\\.)*)"',
    re.IGNORECASE,
)


class Transport:
    """A connection that is kept: made, lost, made again, until it is closed.

    Args:
        options: What it takes to connect.

    It is connected by ``open``, once. Methods block and may be called from any thread, unless they say "on the
    loop".
    """

    def __init__(self, options: Options) -> None:
        self.bridge: Bridge = Bridge("wasmcloud_ctl")
        self._options = options
        self._wire: Wire | None = None
        self.turns: Turns = Turns()
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

    def open(self) -> None:
        """Connect.

        Raises:
            AuthError: The server refused the credentials.
            ConnectError: There is no connection within ``connect_timeout``; with the true cause.
        """
        deadline = Deadline(self._options.connect_timeout)
        bridge = self.bridge
        try:
            bridge.start(deadline.left())
            bridge.on_close(self._close)
            # The deadline is kept inside, where the cause is known; this one is for a loop that is blocked.
            bridge.run(self._connect, deadline, timeout=deadline.left() + 0.15)
        except DeadlinePassed:
            bridge.close(1.0)
            raise ConnectError(f"no connection within {deadline.seconds:g} s") from None
        except ClosedError as error:
            raise ConnectError(f"the client was closed while it connected: {error}") from error
        except BaseException:
            bridge.close(1.0)
            raise

    def stop_soon(self) -> None:
        """Close the connection and end the thread, soon; takes no lock and waits for nothing."""
        self.bridge.stop_soon()

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
                raise self.bridge.closed_error()
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
        await self._make_connection(deadline)
        logger.info("connected to %s", self.address)

    async def _make_connection(self, deadline: Deadline) -> None:
        """Make a new connection the present one: replies and subscriptions first, so that nothing is missed."""
        wire = await dial(self._options, self._cluster, self._new_wire, deadline)
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

    def _new_wire(self, server: Server) -> Wire:
        return Wire(server, self._options.tls is not False, self._on_lost, self._on_denied)

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
        if not self._closing:  # pragma: no branch – it may be lost while the loop ends
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
                await self._make_connection(Deadline(self._options.connect_timeout))
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
