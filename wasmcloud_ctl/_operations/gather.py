"""Gathers: one request to all hosts, and requests to many hosts at once.

Every reply is kept. One that cannot be decoded ends nothing, and neither does a host that does not answer.
"""

from __future__ import annotations

import functools
import queue
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

import attrs

from wasmcloud_ctl._operations.progress import NO_PROGRESS, Progress, show_progress
from wasmcloud_ctl._protocol import codec
from wasmcloud_ctl._protocol.subjects import Subjects
from wasmcloud_ctl._transport import QueuedCall, Reply, Transport
from wasmcloud_ctl._transport import Replies as ReplyQueue
from wasmcloud_ctl.exceptions import CtlError, NoResponders
from wasmcloud_ctl.models import CtlResponse, Host, HostInventory, Inventories, Replies, Undecodable

T = TypeVar("T")

# How long the loop may take to report that a request has expired.
_EXPIRY_SECONDS = 1.0


@attrs.frozen(kw_only=True)
class Limits:
    """When a gather ends.

    Attributes:
        timeout: After this many seconds.
        quiet: When no further reply came for this many seconds. No limit by default.
        expected: As soon as this many distinct hosts have replied. No limit by default.
        progress: Whether to show progress.
    """

    timeout: float
    quiet: float | None = None
    expected: int | None = None
    progress: bool = False


def collect(replies: ReplyQueue, progress: Progress, next_moment: Callable[[float], float | None]) -> None:
    """Run the loop of a gather or a wait: give each reply to the handler of its call.

    ``next_moment`` is called with the time before each wait. It does what is due, and returns when it must be called
    again at the latest, or None to end the loop.
    """
    while True:
        now = time.monotonic()
        moment = next_moment(now)
        if moment is None:
            return
        try:
            reply = progress.wait(replies.get, max(0.0, moment - now))
        except queue.Empty:
            continue
        reply.handler(reply)


@attrs.define(eq=False)
class _Scatter(Generic[T]):
    """One request to all hosts, whose replies come until its limits are reached.

    Attributes:
        kind: The type of the data; None for replies without data.
        host_of: Returns the id of the host that replied, if the data has it. A host's second reply does not count.
        on_response: Called with the response of each distinct host; True ends the scatter. A response for which it
            raises a CtlError counts as undecodable.
        nobody: Whether there are no hosts.
    """

    _replies: ReplyQueue
    _kind: type[T] | None
    _host_of: Callable[[T], str] | None
    _limits: Limits
    _on_response: Callable[[CtlResponse[T]], bool | None] | None
    _progress: Progress = NO_PROGRESS
    _started: float = attrs.field(factory=time.monotonic, init=False)
    _last_reply: float | None = attrs.field(default=None, init=False)
    _overdue: int | None = attrs.field(default=None, init=False)
    _over: bool = attrs.field(default=False, init=False)
    _hosts: set[str] = attrs.field(factory=set, init=False)
    responses: list[CtlResponse[T]] = attrs.field(factory=list, init=False)
    undecodable: list[Undecodable] = attrs.field(factory=list, init=False)
    nobody: bool = attrs.field(default=False, init=False)

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started

    def send(self, subject: str, payload: bytes) -> None:
        """Send the request."""
        self._replies.send(subject, payload, handler=self._on_reply)

    def next_moment(self, now: float) -> float | None:
        """Return when it ends if no reply comes; None if it has ended, so that it takes no more replies."""
        self._progress.update(len(self.responses) + len(self.undecodable), "replies")
        moment = self._next_moment(now)
        self._over = moment is None
        return moment

    def _next_moment(self, now: float) -> float | None:
        limits = self._limits
        count = len(self.responses) + len(self.undecodable)
        if self._over or (limits.expected is not None and count >= limits.expected):
            return None
        end = self._started + limits.timeout
        if now >= end:
            # Take the replies that came in time, and no more: a host that never stops replying must not keep it up.
            self._overdue = len(self._replies) if self._overdue is None else self._overdue - 1
            return now if self._overdue > 0 else None
        if limits.quiet is None or self._last_reply is None:
            return end
        stalled = self._last_reply + limits.quiet
        return None if now >= stalled and not self._replies else min(stalled, end)

    def _on_reply(self, reply: Reply) -> None:
        if self._over:
            return
        if isinstance(reply.error, NoResponders):
            self.nobody = self._over = True
            return
        if reply.error is not None:
            raise_reply_error(reply)
        self._last_reply = time.monotonic()
        try:
            response: CtlResponse[T] = codec.decode_response(reply.data, self._kind)
            if self._host_of is not None and response.data is not None:
                host = self._host_of(response.data)
                if host in self._hosts:
                    return
                self._hosts.add(host)
            if self._on_response is not None and self._on_response(response):
                self._over = True
        except CtlError as error:
            self.undecodable.append(Undecodable(raw=reply.data, reason=str(error)))
        else:
            self.responses.append(response)


def raise_reply_error(reply: Reply) -> None:
    """Raise the error of a reply that has one, and keep no reference to it."""
    error = reply.error
    if error is None:
        return
    try:
        raise error
    finally:
        # The error's traceback refers to this frame and its callers: a cycle would keep all of their variables.
        del reply, error


def gather(
    transport: Transport,
    subject: str,
    payload: bytes,
    kind: type[T] | None,
    host_of: Callable[[T], str] | None,
    limits: Limits,
    ends: Callable[[CtlResponse[T]], bool] | None = None,
) -> Replies[T]:
    """Send one request to all hosts, and gather their replies. A response for which ``ends`` is true is the last."""
    progress = show_progress(limits.progress, f"asking on {subject}", limits.expected)
    with transport.replies() as replies, progress:
        scatter = _Scatter(replies, kind, host_of, limits, ends, progress)
        scatter.send(subject, payload)
        collect(replies, progress, scatter.next_moment)
    return Replies(
        responses=tuple(scatter.responses),
        undecodable=tuple(scatter.undecodable),
        no_responders=scatter.nobody,
        elapsed=scatter.elapsed,
        subject=subject,
    )


class _Inventories:
    """Requests for the inventories of many hosts, each sent as soon as the host is known."""

    def __init__(
        self, replies: ReplyQueue, subjects: Subjects, limits: Limits, timeout: float, progress: Progress
    ) -> None:
        self.scatter = _Scatter(replies, Host, lambda host: host.id, limits, self._on_host)
        self.data: dict[str, HostInventory] = {}
        self.errors: dict[str, CtlError] = {}
        self._replies = replies
        self._subjects = subjects
        self._timeout = timeout
        self._progress = progress
        self._end = time.monotonic() + limits.timeout
        self._scattering = False
        self._pending: dict[str, QueuedCall] = {}
        self._deadlines: deque[tuple[float, str]] = deque()

    def ask_all(self) -> None:
        """Ask each host that replies to a ping."""
        self._scattering = True
        self.scatter.send(self._subjects.control("host.ping"), b"")

    def ask(self, host_id: str, subject: str) -> None:
        """Ask one host for its inventory."""
        handler = functools.partial(self._on_inventory, host_id)
        self._pending[host_id] = self._replies.send(subject, handler=handler, once=True)
        self._deadlines.append((min(time.monotonic() + self._timeout, self._end), host_id))

    def _on_host(self, response: CtlResponse[Host]) -> None:
        host = response.unwrap()
        self.ask(host.id, self._subjects.host("host.get", host.id))

    def _on_inventory(self, host_id: str, reply: Reply) -> None:
        del self._pending[host_id]
        error = reply.error
        if error is None:
            try:
                self.data[host_id] = codec.decode_response(reply.data, HostInventory).unwrap()
                return
            except CtlError as failed:
                error = failed
        self.errors[host_id] = _without_frames(error)

    def next_moment(self, now: float) -> float | None:
        """Expire what is due, and return when that must be done again; None if everything has ended."""
        self._progress.update(len(self.data) + len(self.errors), "hosts")
        moments: list[float] = []
        if self._scattering:
            moment = self.scatter.next_moment(now)
            if moment is None:
                self._scattering = False
            else:
                moments.append(moment)
        while self._deadlines and self._deadlines[0][0] <= now:
            host_id = self._deadlines.popleft()[1]
            if host_id in self._pending:
                self._replies.expire(self._pending[host_id], self._timeout)
        if self._pending:
            moments.append(self._deadlines[0][0] if self._deadlines else now + _EXPIRY_SECONDS)
        return min(moments, default=None)


def _without_frames(error: CtlError) -> CtlError:
    """Return an error that is to be kept without its tracebacks, which would keep all of the callers' variables."""
    link: BaseException | None = error
    while link is not None:
        link.__traceback__ = None
        link = link.__cause__ or link.__context__
    return error


def gather_inventories(
    transport: Transport, subjects: Subjects, host_ids: Iterable[str] | None, limits: Limits, timeout: float
) -> Inventories:
    """Ask many hosts for their inventories. By default, each host that replies to a ping.

    The limits are for the pings and for everything; a host has ``timeout`` seconds to send its inventory.
    """
    targets = {host_id: subjects.host("host.get", host_id) for host_id in host_ids or ()}
    total = limits.expected if host_ids is None else len(targets)
    progress = show_progress(limits.progress, "asking hosts for their inventories", total)
    with transport.replies() as replies, progress:
        inventories = _Inventories(replies, subjects, limits, timeout, progress)
        if host_ids is None:
            inventories.ask_all()
        for host_id, subject in targets.items():
            inventories.ask(host_id, subject)
        collect(replies, progress, inventories.next_moment)
    scatter = inventories.scatter
    return Inventories(
        data=inventories.data,
        errors=inventories.errors,
        undecodable=tuple(scatter.undecodable),
        no_responders=scatter.nobody,
        elapsed=scatter.elapsed,
        subject=subjects.control("host.ping"),
    )
