"""The transport: what blocking callers use of NATS. Request, gather replies, subscribe, run."""

from __future__ import annotations

import inspect
import logging
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from traceback import clear_frames
from types import TracebackType
from typing import Any, TypeVar

import attrs

from wasmcloud_ctl._bridge.handover import Deadline, MessageQueue
from wasmcloud_ctl._bridge.loop import Bridge, DeadlinePassed
from wasmcloud_ctl._options.options import Options
from wasmcloud_ctl._transport.session import Handler, QueuedCall, Reply, Request, Session, Subscription
from wasmcloud_ctl.exceptions import ClosedError, ConnectError, CtlError, InvalidArgument, WaitTimeout

logger = logging.getLogger("wasmcloud_ctl")

T = TypeVar("T")


@attrs.define
class _CallLog:
    """Logs a call when it ends: its subject, the sizes of request and replies, and its time."""

    _subject: str
    _size: int
    _started: float = attrs.field(factory=time.monotonic, init=False)
    reply_sizes: list[int] = attrs.field(factory=list, init=False)

    def __enter__(self) -> _CallLog:
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


class Replies:
    """The replies to several calls and the messages of subscriptions, in one queue.

    A context manager around the time in which replies are read; its end withdraws everything.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._queue: MessageQueue[Reply] = MessageQueue()
        self._calls: list[QueuedCall] = []
        self._subscriptions: list[Subscription] = []
        self._log: _CallLog | None = None
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
            self._log = _CallLog(subject, len(payload))
        self._session.bridge.post(call.begin)
        return call

    def expire(self, call: QueuedCall, timeout: float) -> None:
        """End a call after the ``timeout`` that it had. Unless it has ended, its reply is a RequestTimeout."""
        self._session.bridge.post(call.expire, timeout)

    def subscribe(self, subjects: Sequence[str], handler: Handler, timeout: float) -> Subscription:
        """Subscribe. The server has the subscription when this returns."""
        subscription = Subscription(self._session, tuple(subjects), self._queue, handler)
        # Recorded before it is opened: whenever Ctrl-C comes, the end of this closes it.
        self._subscriptions.append(subscription)
        subscription.open(timeout)
        return subscription

    def get(self, seconds: float) -> Reply:
        """Remove and return the oldest reply. Raises ``queue.Empty`` if none came in time."""
        reply = self._queue.get(seconds)
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


class Transport:
    """A session on a loop of its own. Its methods block, on any thread. Closing its ``bridge`` closes it."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self.bridge = Bridge("wasmcloud_ctl")
        self.session = Session(options, self.bridge)

    def open(self) -> None:
        """Connect, once. Raises ConnectError if there is no connection within ``connect_timeout``."""
        timeout = self._options.connect_timeout
        deadline = Deadline(timeout)
        try:
            self.bridge.start(timeout, self.session.close)
            # The session keeps the deadline, because it knows the cause. This timeout is for a loop that is blocked.
            self.bridge.run(self.session.connect, deadline, timeout=deadline.left() + 0.15)
            logger.info("connected to %s", self.session.address)
        except DeadlinePassed:
            self.bridge.close(1.0)
            raise ConnectError(f"no connection within {timeout:g} s") from None
        except ClosedError as error:
            raise ConnectError(f"the client was closed while it connected: {error}") from error
        except BaseException:
            self.bridge.close(1.0)
            raise

    def request(
        self, subject: str, payload: bytes, timeout: float, *, key: str | None = None, command: bool = False
    ) -> bytes:
        """Send a request, and return its reply. Waiting for one with the same ``key`` counts for the timeout."""
        request = Request(self.session, subject, payload, key, command, True, timeout)
        try:
            if not logger.isEnabledFor(logging.DEBUG):
                return self.bridge.exchange(request, timeout)
            with _CallLog(subject, len(payload)) as log:
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

    def subscription(self, subjects: Sequence[str], queue: MessageQueue[Any]) -> Subscription:
        """Return a subscription that is still to be opened, so that its owner can close it whenever Ctrl-C comes."""
        return Subscription(self.session, tuple(subjects), queue)

    def run(self, function: Callable[..., Awaitable[T]], *args: Any, timeout: float | None) -> T:
        """Run a coroutine function on the loop. After ``timeout``, cancel it and raise WaitTimeout."""

        async def awaited() -> T:
            awaitable = function(*args)
            if not inspect.isawaitable(awaitable):
                raise InvalidArgument(
                    f"async_function must be a coroutine function: {function!r} returned no awaitable"
                )
            return await awaitable

        try:
            return self.bridge.run(awaited, timeout=timeout)
        except DeadlinePassed:
            raise WaitTimeout(f"the function did not end within {timeout:g} s, and was cancelled") from None
