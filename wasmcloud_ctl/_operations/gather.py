"""Asking many at once: all hosts of a lattice, each host for its inventory, JetStream for the configs' names.

Whatever arrives is kept. A reply that cannot be decoded ends nothing, and neither does a host that does not answer.
"""

from __future__ import annotations

import queue
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeVar

import attrs

from wasmcloud_ctl._bridge.handover import Deadline
from wasmcloud_ctl._operations import progress as _progress
from wasmcloud_ctl._protocol import codec as _codec
from wasmcloud_ctl._protocol import jetstream
from wasmcloud_ctl._protocol.subjects import Subjects
from wasmcloud_ctl._transport import Question, Transport
from wasmcloud_ctl.exceptions import CtlError, DecodeError, NoResponders, RequestTimeout
from wasmcloud_ctl.models import CtlResponse, Host, HostInventory, Inventories, Replies, Undecodable

T = TypeVar("T")

# How long replies that are certain to come may take to come from the loop.
_CERTAIN_SECONDS = 1.0


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class Limits:
    """When a gather ends.

    Attributes:
        timeout: Seconds that it lasts at most.
        quiet: Seconds without a further reply that end it; None: they do not.
        expected: How many distinct replies end it; None: they do not.
        progress: Whether it shows how far it is.
    """

    timeout: float
    quiet: float | None = None
    expected: int | None = None
    progress: bool = False


def gather(
    transport: Transport,
    subject: str,
    payload: bytes,
    kind: type[T] | None,
    host_of: Callable[[T], str] | None,
    limits: Limits,
    until: Callable[[T], bool] | None = None,
) -> Replies[T]:
    """Ask all hosts, and take what comes until it is enough.

    Args:
        transport: What asks.
        subject: What is asked on.
        payload: What is asked.
        kind: The type of the data; None for replies that have none.
        host_of: Whose reply it is, where replies tell: a host's second one does not count.
        limits: When it ends.
        until: Data that ends it, if there is such.
    """
    responses: list[CtlResponse[T]] = []
    undecodable: list[Undecodable] = []
    hosts: set[str] = set()
    overdue: int | None = None
    nobody = False
    started = time.monotonic()
    deadline = Deadline(limits.timeout)
    progress = _progress.show(limits.progress, f"asking on {subject}", limits.expected)
    with transport.gather() as replies, progress:
        replies.ask(subject, payload)
        while limits.expected is None or len(responses) + len(undecodable) < limits.expected:
            progress.tell(len(responses) + len(undecodable), "replies")
            left = deadline.left()
            if left == 0.0:
                # What came in time is taken, and no more, or an endless replier would never let go.
                overdue = replies.waiting() if overdue is None else overdue - 1
                if overdue <= 0:
                    break
            if limits.quiet is not None and (responses or undecodable):
                left = min(left, limits.quiet)
            try:
                reply = progress.wait(replies.answer, left)
            except queue.Empty:
                break
            except NoResponders:
                nobody = True
                break
            try:
                response: CtlResponse[T] = _codec.decode_response(reply.data, kind)
            except DecodeError as error:
                undecodable.append(Undecodable(raw=reply.data, reason=str(error)))
                continue
            if host_of is not None and response.data is not None:
                host = host_of(response.data)
                if host in hosts:
                    continue
                hosts.add(host)
                if until is not None and until(response.data):
                    responses.append(response)
                    break
            responses.append(response)
    return Replies(
        responses=tuple(responses),
        undecodable=tuple(undecodable),
        no_responders=nobody,
        elapsed=time.monotonic() - started,
        subject=subject,
    )


_PING = object()


class _InventoryGather:
    """Every host asked for its inventory as soon as it is known, over one connection."""

    def __init__(
        self,
        transport: Transport,
        subjects: Subjects,
        host_ids: Iterable[str] | None,
        limits: Limits,
        timeout: float,
    ) -> None:
        self._subjects = subjects
        self._limits = limits
        self._timeout = timeout
        self._started = time.monotonic()
        self._end = self._started + limits.timeout
        self._pinging = host_ids is None
        self._last_ping: float | None = None
        self._pings = 0
        self._asked: dict[str, Question] = {}
        self._due: deque[tuple[float, str]] = deque()
        self._data: dict[str, HostInventory] = {}
        self._errors: dict[str, CtlError] = {}
        self._undecodable: list[Undecodable] = []
        self._nobody = False
        self._replies = transport.gather()
        # Checked before anything is sent.
        self._targets = (
            [] if host_ids is None else [(host_id, self._subject(host_id)) for host_id in host_ids]
        )
        total = limits.expected if host_ids is None else len(self._targets)
        self._progress = _progress.show(limits.progress, "asking hosts for their inventories", total)

    def _subject(self, host_id: str) -> str:
        return self._subjects.host("host.get", host_id)

    def run(self) -> Inventories:
        with self._replies, self._progress:
            if self._pinging:
                self._replies.ask(self._subjects.control("host.ping"), tag=_PING)
            for host_id, subject in self._targets:
                self._ask(host_id, subject)
            self._loop()
        return Inventories(
            data=self._data,
            errors=self._errors,
            undecodable=tuple(self._undecodable),
            no_responders=self._nobody,
            elapsed=time.monotonic() - self._started,
            subject=self._subjects.control("host.ping"),
        )

    def _loop(self) -> None:
        while self._pinging or self._asked:
            now = time.monotonic()
            self._pinging = self._pinging and not self._enough(now)
            self._expire(now)
            if not (self._pinging or self._asked):
                break
            self._progress.tell(len(self._data) + len(self._errors), "hosts")
            try:
                reply = self._progress.wait(self._replies.get, self._next_moment(now) - now)
            except queue.Empty:
                continue
            if reply.tag is _PING:
                self._on_ping(reply.data, reply.error)
            else:
                self._on_inventory(str(reply.tag), reply.data, reply.error)

    def _ask(self, host_id: str, subject: str) -> None:
        if host_id not in self._asked and host_id not in self._data and host_id not in self._errors:
            self._asked[host_id] = self._replies.ask(subject, tag=host_id, once=True)
            self._due.append((min(time.monotonic() + self._timeout, self._end), host_id))

    def _enough(self, now: float) -> bool:
        limits = self._limits
        if now >= self._end or (limits.expected is not None and self._pings >= limits.expected):
            return True
        return (
            limits.quiet is not None and self._last_ping is not None and now >= self._last_ping + limits.quiet
        )

    def _expire(self, now: float) -> None:
        while self._due and self._due[0][0] <= now:
            host_id = self._due.popleft()[1]
            if host_id in self._asked:
                self._replies.expire(self._asked[host_id], self._timeout)

    def _next_moment(self, now: float) -> float:
        # What has expired is answered by the loop at once.
        moment = self._due[0][0] if self._due else now + _CERTAIN_SECONDS
        if self._pinging:
            moment = min(moment, self._end) if self._due else self._end
            if self._limits.quiet is not None and self._last_ping is not None:
                moment = min(moment, self._last_ping + self._limits.quiet)
        return max(moment, now)

    def _on_ping(self, raw: bytes, error: CtlError | None) -> None:
        if not self._pinging:
            return
        if error is not None:
            if not isinstance(error, NoResponders):
                raise error
            self._nobody = True
            self._pinging = False
            return
        self._last_ping = time.monotonic()
        try:
            host = _codec.decode_response(raw, Host).unwrap()
            subject = self._subject(host.id)
        except CtlError as unreadable:
            self._undecodable.append(Undecodable(raw=raw, reason=str(unreadable)))
            self._pings += 1
            return
        if host.id not in self._asked and host.id not in self._data and host.id not in self._errors:
            self._pings += 1
            self._ask(host.id, subject)

    def _on_inventory(self, host_id: str, raw: bytes, error: CtlError | None) -> None:
        del self._asked[host_id]
        if error is None:
            try:
                self._data[host_id] = _codec.decode_response(raw, HostInventory).unwrap()
                return
            except CtlError as failed:
                error = failed
        self._errors[host_id] = _without_frames(error)


def _without_frames(error: CtlError) -> CtlError:
    """This error, to be kept: with tracebacks, its own or a cause's, it would keep all that its callers have."""
    link: BaseException | None = error
    while link is not None:
        link.__traceback__ = None
        link = link.__cause__ or link.__context__
    return error


def gather_inventories(
    transport: Transport,
    subjects: Subjects,
    host_ids: Iterable[str] | None,
    limits: Limits,
    timeout: float,
) -> Inventories:
    """Ask many hosts for their inventories.

    Args:
        transport: What asks.
        subjects: The lattice's subjects.
        host_ids: Whom to ask; None: whoever answers a ping, as soon as it does.
        limits: When the pings end, and all of it.
        timeout: Seconds that a host may take for its inventory.

    Raises:
        InvalidArgument: One of the ids could not stand in a subject.
    """
    return _InventoryGather(transport, subjects, host_ids, limits, timeout).run()


def config_names(
    transport: Transport, subjects: Subjects, js_domain: str | None, timeout: float
) -> list[str]:
    """The names of the configs in the lattice's bucket, read without a consumer, so that nothing is left behind.

    Raises:
        NoResponders: There is no JetStream there.
        RequestTimeout: Not all of it was answered in time.
        OperationRejected: JetStream refused.
    """
    deadline = Deadline(timeout)
    stream, key_prefix = subjects.config_stream(), subjects.config_key_prefix()
    info_subject = jetstream.subject("STREAM.INFO", stream, js_domain)
    keys: list[str] = []
    while True:
        payload = jetstream.encode_stream_info(f"{key_prefix}>", len(keys))
        try:
            raw = transport.request(info_subject, payload, max(deadline.left(), 0.001))
        except NoResponders as error:
            domain = "none was given" if js_domain is None else f"it was {js_domain!r}"
            raise NoResponders(
                f"no JetStream answers on {info_subject}: check that the server has it enabled for this account, "
                f"and js_domain ({domain})",
                subject=info_subject,
            ) from error
        page, total = jetstream.decode_stream_info(raw)
        keys += page
        if not page or len(keys) >= total:
            break
    message_subject = jetstream.subject("STREAM.MSG.GET", stream, js_domain)
    names: list[str] = []
    with transport.gather() as replies:
        for key in keys:
            replies.ask(message_subject, jetstream.encode_last_message(key), tag=key, once=True)
        for _ in keys:
            try:
                reply = replies.answer(deadline.left())
            except queue.Empty:
                raise RequestTimeout(
                    f"JetStream did not answer for all of {len(keys)} configs within {timeout:g} s",
                    subject=message_subject,
                ) from None
            # The last message of a key that was deleted says so; or it is gone already.
            if jetstream.decode_holds_value(reply.data):
                names.append(str(reply.tag).removeprefix(key_prefix))
    return sorted(names)
