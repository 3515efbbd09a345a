"""The transport: what blocking callers use of NATS. Request, gather replies, subscribe, run."""

from __future__ import annotations

import contextvars
import inspect
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from wasmcloud_ctl._bridge.handover import Deadline, MessageQueue
from wasmcloud_ctl._bridge.loop import Bridge, DeadlinePassed
from wasmcloud_ctl._options.options import Options
from wasmcloud_ctl._protocol.headers import encode_headers
from wasmcloud_ctl._transport.calls import CallLog, Replies, Request, Subscription
from wasmcloud_ctl._transport.session import Session
from wasmcloud_ctl.exceptions import ClosedError, ConnectError, CtlError, InvalidArgument, WaitTimeout

logger = logging.getLogger("wasmcloud_ctl")

T = TypeVar("T")


class Transport:
    """A session on a loop of its own. Its methods block, on any thread. Closing its ``bridge`` closes it."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self.bridge: Bridge = Bridge("wasmcloud_ctl")
        self.session: Session = Session(options, self.bridge)

    def open(self) -> None:
        """Connect. Raises ConnectError if there is no connection within ``wait``, or else ``connect_timeout``."""
        wait = self._options.wait
        timeout = wait or self._options.connect_timeout
        deadline = Deadline(timeout)
        try:
            self.bridge.start(timeout, self.session.close)
            # The session keeps the deadline, because it knows the cause. This timeout is for a loop that is blocked.
            self.bridge.run(self.session.connect, deadline, wait is not None, timeout=deadline.left() + 0.15)
            logger.info("connected to %s", self.session.address)
        except DeadlinePassed:
            self.bridge.close(1.0)
            raise ConnectError(f"no connection to {self.session.address} within {timeout:g} s") from None
        except ClosedError as error:
            raise ConnectError(f"the client was closed while it connected: {error}") from error
        except BaseException:
            self.bridge.close(1.0)
            raise

    def request(
        self,
        subject: str,
        payload: bytes,
        timeout: float,
        *,
        key: str | None = None,
        command: bool = False,
        content_type: str | None = None,
    ) -> bytes:
        """Send a request, and return its reply. Waiting for one with the same ``key`` counts for the timeout."""
        headers = encode_headers(content_type)
        request = Request(self.session, subject, payload, key, command, True, timeout, headers=headers)
        try:
            if not logger.isEnabledFor(logging.DEBUG):
                return self.bridge.exchange(request, timeout)
            with CallLog(subject, len(payload)) as log:
                reply = self.bridge.exchange(request, timeout)
                log.reply_sizes.append(len(reply))
            return reply
        except DeadlinePassed:
            raise CtlError(
                "the client's loop is blocked: a function given to run() does not return to it"
            ) from None

    def replies(self) -> Replies:
        """Return a queue for the replies to several calls."""
        return Replies(self.session)

    def subscription(
        self,
        subjects: Sequence[str],
        queue: MessageQueue[Any],
        *,
        gap_events: bool = False,
        make_item: Callable[[bytes, bytes], Any] = lambda _, data: data,
    ) -> Subscription:
        """Return a subscription that is still to be opened, so that its owner can close it whenever Ctrl-C comes.

        The queue receives what ``make_item`` makes of the subject and bytes of a message: by default, the bytes.
        """
        return Subscription(self.session, tuple(subjects), queue, make_item, gap_events)

    def run(self, function: Callable[..., Awaitable[T]], *args: Any, timeout: float | None) -> T:
        """Run a coroutine function on the loop, in the caller's context.

        After ``timeout``, cancel it and raise WaitTimeout.
        """

        async def awaited() -> T:
            awaitable = function(*args)
            if not inspect.isawaitable(awaitable):
                raise InvalidArgument(
                    f"async_function must be a coroutine function: {function!r} returned no awaitable"
                )
            return await awaitable

        try:
            return self.bridge.run(awaited, timeout=timeout, context=contextvars.copy_context())
        except DeadlinePassed:
            raise WaitTimeout(f"the function did not end within {timeout:g} s, and was cancelled") from None
