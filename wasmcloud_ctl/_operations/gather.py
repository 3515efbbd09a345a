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

from wasmcloud_ctl._operations.progress import Progress
from wasmcloud_ctl._protocol import codec
from wasmcloud_ctl._protocol.subjects import Subjects
from wasmcloud_ctl._transport import QueuedCall, Reply, Transport
from wasmcloud_ctl._transport import Replies as ReplyQueue
from wasmcloud_ctl.exceptions import CtlError, NoResponders
from wasmcloud_ctl.models import CtlResponse, Host, HostInventory, Inventories, Replies, Undecodable

T = TypeVar("T")

HostOf = Callable[[T], tuple[str, str]]
"""Returns the id and the friendly name (empty if unknown) of the host from which data comes."""

# How long the loop may take to report that a request has expired.
_EXPIRY_SECONDS = 1.0

# How long replies are handled without a pause. Progress is drawn four times a second.
_PAUSE = 0.1
_NEVER = float("inf")


@attrs.frozen(kw_only=True)
class Limits:
    """When a gather ends, and whether to show its progress.

    It ends after ``timeout`` seconds, when no further reply came for ``quiet`` seconds, or as soon as ``expected``
    distinct hosts have replied.
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
        moment = next_moment(time.monotonic())
        if moment is None:
            return
        try:
            reply = progress.wait(replies.get, max(0.0, moment - time.monotonic()))
        except queue.Empty:
            continue
        reply.handler(reply)


@attrs.define(eq=False)
class _Scatter(Generic[T]):
    """One request to all hosts, whose replies come until its limits are reached.

    ``host_of`` says which host replied, if the data has it: a host's second reply does not count.
    ``on_response`` receives the response of each distinct host; True ends the scatter. A response for which it raises
    a CtlError counts as undecodable. ``nobody`` says that there are no hosts.
    """

    _replies: ReplyQueue
    _kind: type[T] | None
    _host_of: HostOf[T] | None
    _limits: Limits
    _on_response: Callable[[CtlResponse[T]], bool | None] | None
    _progress: Progress = attrs.field(factory=Progress)
    started: float = attrs.field(factory=time.monotonic, init=False)
    _quiet_at: float = attrs.field(default=_NEVER, init=False)
    over: bool = attrs.field(default=False, init=False)
    _hosts: set[str] = attrs.field(factory=set, init=False)
    responses: list[CtlResponse[T]] = attrs.field(factory=list, init=False)
    undecodable: list[Undecodable] = attrs.field(factory=list, init=False)
    nobody: bool = attrs.field(default=False, init=False)

    def next_moment(self, now: float) -> float | None:
        """Return when it ends if no reply comes; None if it has ended, so that it takes no more replies."""
        end = self.started + self._limits.timeout
        # All that came by now, and no more: a host that never stops replying must not keep it up. Before the end, a
        # pause lets the progress be drawn.
        pause = _NEVER if now >= end else min(now + _PAUSE, end)
        for _ in range(len(self._replies)):
            reply = self._replies.get(0.0)
            reply.handler(reply)
            if time.monotonic() >= pause:
                break
        self._progress.update(len(self.responses) + len(self.undecodable), "replies")
        if now >= end or (now >= self._quiet_at and not self._replies):
            self.over = True
        return None if self.over else min(self._quiet_at, end)

    def on_reply(self, reply: Reply) -> None:
        """Take a reply to the request."""
        if self.over:
            return
        if isinstance(reply.error, NoResponders):
            self.nobody = self.over = True
            return
        raise_reply_error(reply)
        if self._limits.quiet is not None:
            self._quiet_at = time.monotonic() + self._limits.quiet
        try:
            response: CtlResponse[T] = codec.decode_response(reply.data, self._kind)
            if self._host_of is not None and response.data is not None:
                host, _ = self._host_of(response.data)
                if host in self._hosts:
                    return
                self._hosts.add(host)
            if self._on_response is not None and self._on_response(response):
                self.over = True
        except CtlError as error:
            self.undecodable.append(Undecodable(raw=reply.data, reason=str(error)))
        else:
            self.responses.append(response)
        if len(self.responses) + len(self.undecodable) == self._limits.expected:
            self.over = True

    @property
    def expected(self) -> int | None:
        """How many hosts were expected. Somebody listens for a ping, so without a number one answer is expected."""
        expected = self._limits.expected
        if (
            expected is None
            and self._kind is Host
            and not (self.responses or self.undecodable or self.nobody)
        ):
            return 1
        return expected

    def ordered(self) -> tuple[CtlResponse[T], ...]:
        """Return the responses by their hosts' friendly names and ids, so that two gathers can be compared."""
        host_of = self._host_of
        if host_of is None:
            return tuple(self.responses)

        def position(response: CtlResponse[T]) -> tuple[bool, str, str]:
            # A refusal does not say which host sent it.
            host, name = ("", "") if response.data is None else host_of(response.data)
            return response.data is None, name, host

        return tuple(sorted(self.responses, key=position))


def named_host(host: Host) -> tuple[str, str]:
    """Return the id and the friendly name of a host."""
    return host.id, host.friendly_name


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
    host_of: HostOf[T] | None,
    limits: Limits,
    ends: Callable[[CtlResponse[T]], bool] | None = None,
    command: bool = False,
) -> Replies[T]:
    """Send one request to all hosts, and gather their replies. A response for which ``ends`` is true is the last.

    A ``command`` changes something, so its errors speak of its outcome.
    """
    progress = Progress(limits.progress, f"asking on {subject}", limits.expected)
    with transport.replies() as replies, progress:
        scatter = _Scatter(replies, kind, host_of, limits, ends, progress)
        replies.send(subject, payload, handler=scatter.on_reply, command=command)
        collect(replies, progress, scatter.next_moment)
    return Replies(
        responses=scatter.ordered(),
        undecodable=tuple(scatter.undecodable),
        no_responders=scatter.nobody,
        elapsed=time.monotonic() - scatter.started,
        expected=scatter.expected,
        subject=subject,
    )


def without_frames(error: CtlError) -> CtlError:
    """Return an error that is to be kept without its tracebacks, which would keep all of the callers' variables."""
    link: BaseException | None = error
    while link is not None:
        link.__traceback__ = None
        link = link.__cause__ or link.__context__
    return error


def gather_inventories(
    transport: Transport, subjects: Subjects, host_ids: Iterable[str] | None, limits: Limits, timeout: float
) -> Inventories:
    """Ask many hosts for their inventories. By default, each host as soon as it replies to a ping.

    The limits are for the pings and for everything; a host has ``timeout`` seconds to send its inventory.
    """
    targets = {host_id: subjects.host("host.get", host_id) for host_id in host_ids or ()}
    ping = subjects.control("host.ping")
    total = limits.expected if host_ids is None else len(targets)
    progress = Progress(limits.progress, "asking hosts for their inventories", total)
    end = time.monotonic() + limits.timeout
    data: dict[str, HostInventory] = {}
    errors: dict[str, CtlError] = {}
    pending: dict[str, QueuedCall] = {}
    deadlines: deque[tuple[float, str]] = deque()

    def on_inventory(host_id: str, reply: Reply) -> None:
        del pending[host_id]
        try:
            raise_reply_error(reply)
            data[host_id] = codec.decode_response(reply.data, HostInventory).unwrap()
        except CtlError as error:
            errors[host_id] = without_frames(error)

    def ask(host_id: str, subject: str) -> None:
        handler = functools.partial(on_inventory, host_id)
        pending[host_id] = replies.send(subject, handler=handler, once=True)
        deadlines.append((min(time.monotonic() + timeout, end), host_id))

    def on_host(response: CtlResponse[Host]) -> None:
        host = response.unwrap()
        ask(host.id, subjects.host("host.get", host.id))

    def next_moment(now: float) -> float | None:
        """Expire what is due, and return when that must be done again; None if everything has ended."""
        pings_end = scatter.next_moment(now)
        progress.update(len(data) + len(errors), "hosts")
        moments = [] if pings_end is None else [pings_end]
        while deadlines and deadlines[0][0] <= now:
            host_id = deadlines.popleft()[1]
            if host_id in pending:
                replies.expire(pending[host_id], timeout)
        if pending:
            moments.append(deadlines[0][0] if deadlines else now + _EXPIRY_SECONDS)
        return min(moments, default=None)

    with transport.replies() as replies, progress:
        scatter = _Scatter(replies, Host, named_host, limits, on_host)
        if host_ids is None:
            replies.send(ping, handler=scatter.on_reply)
        else:
            scatter.over = True
        for host_id, subject in targets.items():
            ask(host_id, subject)
        collect(replies, progress, next_moment)
    return Inventories(
        data=dict(sorted(data.items(), key=lambda found: (found[1].friendly_name, found[0]))),
        errors=dict(sorted(errors.items())),
        undecodable=tuple(scatter.undecodable),
        no_responders=scatter.nobody,
        elapsed=time.monotonic() - scatter.started,
        expected=scatter.expected if host_ids is None else total,
        subject=ping,
    )
