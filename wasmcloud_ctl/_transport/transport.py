"""The transport: what blocking callers use of NATS. Request, gather replies, subscribe, run."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from nats.aio.client import Client as NatsClient

from wasmcloud_ctl._bridge.handover import Deadline, MessageQueue
from wasmcloud_ctl._bridge.loop import Bridge, DeadlinePassed
from wasmcloud_ctl._options.options import Options
from wasmcloud_ctl._transport.calls import Replies, Request, Subscription, log_call
from wasmcloud_ctl._transport.session import Session
from wasmcloud_ctl.exceptions import ClosedError, ConnectError, InvalidArgument, WaitTimeout

logger = logging.getLogger("wasmcloud_ctl")

T = TypeVar("T")


class Transport:
    """A session on a loop of its own. Its methods may be called from any thread, and block.

    ``open`` connects it, once.

    Args:
        options: How to connect.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._bridge = Bridge("wasmcloud_ctl")
        self._session = Session(options, self._bridge.closed_error)

    def open(self) -> None:
        """Connect.

        Raises:
            AuthError: The server refused the credentials.
            ConnectError: No connection within ``connect_timeout``; with the cause.
        """
        deadline = Deadline(self._options.connect_timeout)
        bridge = self._bridge
        try:
            bridge.start(deadline.left())
            bridge.on_close(self._session.close)
            # The session keeps the deadline, because it knows the cause. This timeout is for a loop that is blocked.
            bridge.run(self._session.connect, deadline, timeout=deadline.left() + 0.15)
        except DeadlinePassed:
            bridge.close(1.0)
            raise ConnectError(f"no connection within {deadline.seconds:g} s") from None
        except ClosedError as error:
            raise ConnectError(f"the client was closed while it connected: {error}") from error
        except BaseException:
            bridge.close(1.0)
            raise

    def stop_soon(self) -> None:
        """Close the connection and end the thread soon, without a lock and without waiting."""
        self._bridge.stop_soon()

    def close(self, timeout: float) -> None:
        """Close the connection and end the thread, within about ``timeout`` seconds."""
        self._bridge.close(timeout)

    def refuse_ended(self) -> None:
        """Raise ClosedError if the transport was closed."""
        self._bridge.refuse_ended()

    def closed_error(self) -> ClosedError:
        """Return the error for calls after close."""
        return self._bridge.closed_error()

    @property
    def ended_by_exit(self) -> bool:
        """Whether the end of the process closed it."""
        return self._bridge.ended_by_exit

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        return self._session.connected and not self._bridge.ended

    @property
    def address(self) -> str:
        """The URL of the connected server, or else of the first one, without credentials."""
        return self._session.address

    @property
    def nats_client(self) -> NatsClient:
        """nats-py's client of the present connection.

        Raises:
            NotConnectedError: There is no connection now.
        """
        return self._session.connection(None)

    def refuse_disconnected(self, subject: str) -> None:
        """Raise NotConnectedError if there is no connection now.

        Args:
            subject: The subject of the call, for the error.
        """
        self._session.connection(subject)

    def request(
        self, subject: str, payload: bytes, timeout: float, *, key: str | None = None, command: bool = False
    ) -> bytes:
        """Send a request, and return its reply.

        Args:
            subject: The subject.
            payload: The payload.
            timeout: Seconds, above 0. Waiting in the key's queue counts.
            key: Requests with the same key never overlap. Optional.
            command: Whether it changes something; for the error.

        Raises:
            RequestTimeout, NoResponders, NotConnectedError, ClosedError, PermissionDenied, PayloadTooLarge, AuthError
        """
        request = Request(self._session, subject, payload, timeout, key, command)
        if not logger.isEnabledFor(logging.DEBUG):
            return self._bridge.exchange(request, timeout)
        with log_call(subject, len(payload)) as replies:
            reply = self._bridge.exchange(request, timeout)
            replies.append(reply)
        return reply

    def replies(self) -> Replies:
        """Return a queue for the replies to several calls."""
        return Replies(self._session, self._bridge)

    def subscription(self, subjects: Sequence[str], queue: MessageQueue[Any]) -> Subscription:
        """Return a subscription, which is still to be opened.

        It exists before it is opened so that its owner can close it whenever Ctrl-C comes.

        Args:
            subjects: The subjects.
            queue: Receives the bytes of each message.
        """
        return Subscription(self._session, self._bridge, subjects, queue)

    def run(self, function: Callable[..., Awaitable[T]], *args: Any, timeout: float | None) -> T:
        """Run a coroutine function on the loop.

        Raises:
            WaitTimeout: It took longer than ``timeout`` seconds, and was cancelled.
            ClosedError: The client is or was closed.
            BaseException: Whatever the function raises.
        """

        async def awaited() -> T:
            awaitable = function(*args)
            if not inspect.isawaitable(awaitable):
                raise InvalidArgument(
                    f"async_function must be a coroutine function: {function!r} returned no awaitable"
                )
            return await awaitable

        try:
            return self._bridge.run(awaited, timeout=timeout)
        except DeadlinePassed:
            raise WaitTimeout(f"the function did not end within {timeout:g} s, and was cancelled") from None
