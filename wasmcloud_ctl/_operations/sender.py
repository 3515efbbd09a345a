"""What is behind a client: its connection, its settings, and what it has opened."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import attrs

from wasmcloud_ctl._bridge.handover import MessageQueue
from wasmcloud_ctl._bridge.processes import PerProcess
from wasmcloud_ctl._bridge.weak_list import WeakList
from wasmcloud_ctl._operations.doubts import Doubts
from wasmcloud_ctl._operations.evidence import Operation
from wasmcloud_ctl._operations.gather import HostOf, Limits, gather
from wasmcloud_ctl._operations.live_links import LiveLinks
from wasmcloud_ctl._operations.live_parts import Interest, SharedCopies, SharedCopy, ViewParts
from wasmcloud_ctl._operations.receivers import Receiver
from wasmcloud_ctl._operations.wait import Wait
from wasmcloud_ctl._options import arguments
from wasmcloud_ctl._options.options import Options
from wasmcloud_ctl._protocol import codec
from wasmcloud_ctl._protocol.subjects import Subjects
from wasmcloud_ctl._transport import Transport
from wasmcloud_ctl.events import Gap
from wasmcloud_ctl.exceptions import ClosedError, InvalidArgument
from wasmcloud_ctl.models import CtlResponse, Link, Replies

T = TypeVar("T")
R = TypeVar("R", bound=Receiver[Any])

# The default capacity of a receiver: some minutes of a busy lattice.
DEFAULT_MAXSIZE = 65536

_CLOSE_SECONDS = 2.0


class Sender:
    """Sends the operations of one client to one lattice, and ends what the client has opened.

    Calls fall back on ``settings`` for what their arguments leave out. ``root`` is the sender of the client that
    ``connect`` made, which owns the connection; None if this is it.
    """

    def __init__(
        self, transports: PerProcess[Transport], settings: Options, root: Sender | None = None
    ) -> None:
        self.transports = transports
        self.settings = settings
        self.subjects: Subjects = Subjects(
            settings.topic_prefix, settings.event_prefix, settings.lattice, settings.wadm_prefix
        )
        self.shared: SharedCopies = SharedCopies(transports, self.subjects, settings)
        # What cached_links needs: no listing without a reason.
        self._cache_interest = Interest(math.inf)
        self._cache: SharedCopy[LiveLinks] | None = None
        self._opened: WeakList[Receiver[Any] | Sender] = WeakList()
        self._root = root
        self.doubts: dict[tuple[str, str | None], Doubts] = {} if root is None else root.doubts
        self._closed = False

    def for_lattice(self, name: str) -> Sender:
        """Return a sender to another lattice, on the same connection."""
        self.transport()  # raises if the client is closed
        sender = Sender(self.transports, attrs.evolve(self.settings, lattice=name), self._root or self)
        self.keep(sender)
        return sender

    def keep(self, opened: Receiver[Any] | Sender) -> None:
        """Close this, too, when the client is closed. If that has happened meanwhile, close it now."""
        self._opened.add(opened)
        if self.closed:
            opened.close()

    @property
    def closed(self) -> bool:
        """Whether the client, or one that it was made from, was closed."""
        return self._closed or (self._root is not None and self._root.closed)

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        transport = self.transports.peek()
        return not self.closed and transport is not None and transport.session.connected

    def close(self) -> None:
        """Send nothing more. The root closes the connection, and with it everything."""
        self._closed = True
        self.shared.end()
        if self._root is not None:
            for opened in self._opened.alive():
                opened.close()
            return
        transport = self.transports.peek()
        if transport is not None:
            transport.bridge.close(_CLOSE_SECONDS)
        else:
            self.transports.stop()  # a connection that is still being made

    def __del__(
        self,
        _warn: Callable[..., None] = warnings.warn,
        _finalizing: Callable[[], bool] = sys.is_finalizing,
    ) -> None:
        # At the interpreter's end there is nothing left to end, and modules may be empty. Without _closed, __init__
        # failed. This can run on any thread, also the loop's. So it takes no lock, joins nothing, and only asks the
        # loop to end.
        if _finalizing() or not hasattr(self, "_closed") or self._root is not None:
            return
        transport = self.transports.peek()
        try:
            if not self._closed and transport is not None and not transport.bridge.ended_by_exit:
                message = f"{self!r} was not closed: use it in a with statement, or call close()"
                _warn(message, ResourceWarning, source=self)
        finally:
            # Also after a close() that Ctrl-C interrupted, and where warnings are errors.
            self.transports.stop()

    def __repr__(self) -> str:
        # The client's repr, too: the warning shows it when the client itself is gone.
        transport = self.transports.peek()
        state = "closed" if self.closed else "connected" if self.connected else "disconnected"
        address = "" if transport is None else f" {transport.session.address}"
        settings = self.settings
        return (
            f"<Client{address} lattice={settings.lattice!r} topic_prefix={settings.topic_prefix!r} "
            f"timeout={settings.timeout} auction_timeout={settings.auction_timeout} {state}>"
        )

    def transport(self) -> Transport:
        """Return this process's transport."""
        if self.closed:
            raise ClosedError("the client is closed")
        transport = self.transports.get()
        transport.bridge.refuse_ended()
        return transport

    def timeout(self, seconds: float | None) -> float:
        """Return the timeout of a request, by its argument."""
        return self.settings.timeout if seconds is None else arguments.seconds(seconds, "timeout")

    def request(
        self,
        subject: str,
        kind: type[T] | None,
        timeout: float | None,
        *,
        body: object = None,
        command: bool = False,
        key: str | None = None,
    ) -> CtlResponse[T]:
        """Send a request, with a body that is still to be encoded; return the response, with data of this kind."""
        payload = b"" if body is None else codec.encode(body)
        raw = self.transport().request(subject, payload, self.timeout(timeout), key=key, command=command)
        response = codec.decode_response(raw, kind)
        return response.raise_for_status() if self.settings.check else response

    def perform(
        self, operation: Operation[T], timeout: float | None, wait: float | None
    ) -> CtlResponse[None]:
        """Send the command of an operation. With ``wait``, wait until its outcome is certain."""
        if wait is None:
            subject = operation.subject(self.subjects, operation.name)
            key = operation.queue_key(self.subjects)
            return self.request(subject, None, timeout, body=operation.command, command=True, key=key)
        wait = arguments.seconds(wait, "wait")
        transport, seconds = self.transport(), self.timeout(timeout)
        return Wait(
            transport,
            operation,
            self.subjects,
            self.settings,
            self.doubts,
            seconds,
            wait,
            self.shared.doubts(),
        ).run()

    def cached_links(self, timeout: float | None) -> list[Link]:
        """Return the links of the lattice, from the copy that link events keep current."""
        self.transport()  # raises if the client is closed
        seconds = self.timeout(timeout)
        # Other threads may replace it meanwhile. Without a reference here, that would end it.
        cache = self._cache
        if cache is None:
            cache = self.shared.links()
            cache.add(self._cache_interest)
            self._cache = cache
        links = cache.get()
        try:
            return links.current(seconds)
        finally:
            if links.ended and self._cache is cache:
                self._cache = None  # the next call makes a new one

    def receive(
        self,
        kind: type[R],
        subjects: Sequence[str],
        timeout: float | None,
        *,
        maxsize: int,
        overflow: str,
        gap_events: bool = False,
    ) -> R:
        """Return a receiver of these subjects. The server has the subscription."""
        if not isinstance(overflow, str) or overflow not in ("drop_oldest", "drop_newest"):
            raise InvalidArgument(f"overflow must be 'drop_oldest' or 'drop_newest', not {overflow!r}")
        arguments.whole_number(maxsize, "maxsize", 2**64 - 1, lowest=1)
        arguments.boolean(gap_events, "gap_events")
        confirm_timeout = self.timeout(timeout)
        queue: MessageQueue[Any] = MessageQueue(maxsize, overflow == "drop_newest", kept=Gap)
        subscription = self.transport().subscription(
            subjects, queue, gap_events=gap_events, make_item=kind.make_item
        )
        # The receiver comes first: whenever Ctrl-C comes, dropping it ends the subscription.
        receiver = kind(subscription, self.settings.lattice)
        subscription.open(confirm_timeout)
        self.keep(receiver)
        return receiver

    def watch(self, heartbeat: float, limits: Limits, configs: bool, applications: bool) -> ViewParts:
        """Return the parts of a view, whose first pictures are complete."""
        self.transport().session.connection(None)  # raises if there is none
        shared = self.shared
        parts = ViewParts(
            Interest(heartbeat),
            limits,
            self.settings.timeout,
            shared.hosts(limits),
            shared.links(),
            shared.configs() if configs else None,
            shared.applications() if applications else None,
        )
        if self.closed:  # pragma: no cover – another thread has just closed the client
            shared.end()
        parts.open()
        return parts

    def limits(self, expected: int | None, quiet: float | None, timeout: float | None) -> Limits:
        """Return when a gather ends, by its arguments."""
        if expected is not None:
            arguments.whole_number(expected, "expected", 2**64 - 1, lowest=1)
        settings = self.settings
        # Who expects a number of hosts wants all of them, so only the call's own quiet may end it early.
        default_quiet = settings.quiet if expected is None else None
        return Limits(
            timeout=settings.auction_timeout if timeout is None else arguments.seconds(timeout, "timeout"),
            quiet=default_quiet if quiet is None else arguments.seconds(quiet, "quiet"),
            expected=expected,
            progress=settings.progress,
        )

    def gather(
        self,
        name: str,
        body: object,
        kind: type[T] | None,
        host_of: HostOf[T] | None,
        limits: Limits,
        *,
        command: bool = False,
    ) -> Replies[T]:
        """Send one request to all hosts, with a body that is still to be encoded; gather their replies."""
        payload = b"" if body is None else codec.encode(body)
        subject = self.subjects.control(name)
        replies = gather(self.transport(), subject, payload, kind, host_of, limits, command=command)
        if self.settings.check:
            for response in replies:
                response.raise_for_status()
        return replies
