"""The parts of a lattice that views show. The views of one client share them."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from time import monotonic
from typing import Any, Generic, TypeVar

import attrs

from wasmcloud_ctl._bridge.handover import Deadline, Lock, MessageQueue
from wasmcloud_ctl._bridge.processes import PerProcess
from wasmcloud_ctl._bridge.weak_list import WeakList
from wasmcloud_ctl._operations.gather import Limits
from wasmcloud_ctl._operations.live_applications import LiveApplications
from wasmcloud_ctl._operations.live_configs import LiveConfigs
from wasmcloud_ctl._operations.live_copy import LiveCopy
from wasmcloud_ctl._operations.live_hosts import LiveHosts
from wasmcloud_ctl._operations.live_index import HostsPicture
from wasmcloud_ctl._operations.live_links import LiveLinks
from wasmcloud_ctl._options.options import Options
from wasmcloud_ctl._protocol.subjects import Subjects
from wasmcloud_ctl._transport import Transport
from wasmcloud_ctl.exceptions import ClosedError, InvalidArgument, WaitTimeout
from wasmcloud_ctl.models import Doubt, Link, ModelSummary

P = TypeVar("P")
C = TypeVar("C", bound=LiveCopy[Any])

_CLOSED = "the view is closed"


@attrs.frozen(eq=False)
class Interest:
    """Somebody who needs a copy, and at least how often it must be proven, in seconds."""

    interval: float


class SharedCopy(Generic[C]):
    """One part of the lattice for all who need it. Each process keeps a copy of its own, from its first use on.

    The copy ends when nobody refers to this object any more.
    """

    def __init__(self, make: Callable[[Callable[[], float]], C]) -> None:
        interests: WeakList[Interest] = WeakList()
        made: list[C] = []

        def interval() -> float:
            return min((interest.interval for interest in interests.alive()), default=math.inf)

        def make_copy() -> C:
            copy = make(interval)
            made.append(copy)
            return copy

        self._interests = interests
        # In a forked child, the parent's copies come first.
        self._made = made
        self._copies: PerProcess[C] = PerProcess(make_copy, LiveCopy.open, LiveCopy.close)
        self._ended = False

    def add(self, interest: Interest) -> None:
        """Note an interest. The shortest interval counts, as long as it is alive."""
        self._interests.add(interest)
        copy = self._copies.peek()
        if copy is not None:
            copy.plan_anew()

    def get(self) -> C:
        """Return this process's copy; after the end, the last one that there was."""
        if self._ended and self._made:
            return self._made[-1]
        return self._copies.get()

    def peek(self) -> C | None:
        """Return this process's copy if there is one."""
        return self._copies.peek()

    def last_complete(self) -> C | None:
        """Return the last copy with a complete picture, of this process or its parent, without making one."""
        return next((copy for copy in reversed(self._made) if copy.complete), None)

    def end(self) -> None:
        """Keep it current no longer."""
        self._ended = True
        self._copies.stop()


class ViewPart(Generic[P]):
    """One part of a view. Once the view has been closed, it has the last picture.

    ``seconds`` is how long the first picture may take.
    """

    def __init__(self, shared: SharedCopy[Any], nothing: P, seconds: float) -> None:
        self._shared: SharedCopy[Any] | None = shared
        self._last: P = nothing
        self._last_seen = monotonic()
        self._seconds = seconds

    @property
    def picture(self) -> P:
        """The last picture; wait for the first one in this process."""
        shared = self._shared
        if shared is None:
            return self._last
        copy: LiveCopy[P] = shared.get()
        if not copy.complete:
            copy.wait_until_listed(Deadline(self._seconds))
        return copy.picture

    @property
    def last(self) -> tuple[P, float]:
        """The last picture that there is without waiting, and the time of its oldest part."""
        shared = self._shared
        copy: LiveCopy[P] | None = None if shared is None else shared.last_complete()
        return (self._last, self._last_seen) if copy is None else (copy.picture, copy.seen)

    @property
    def copy(self) -> LiveCopy[P]:
        """This process's copy. ClosedError if the view is closed."""
        shared = self._shared
        if shared is None:
            raise ClosedError(_CLOSED)
        copy: LiveCopy[P] = shared.get()
        return copy

    @property
    def is_current(self) -> bool:
        """Whether this process has a copy that is not stale, without making one."""
        copy: LiveCopy[P] | None = None if self._shared is None else self._shared.peek()
        return copy is not None and not copy.stale

    def end(self) -> None:
        """Keep the last picture, and let go of the copy."""
        self._last, self._last_seen = self.last
        self._shared = None


class ViewParts:
    """What one view shows, and how it waits. ``timeout`` is how long hosts may take after the ping."""

    def __init__(
        self,
        interest: Interest,
        limits: Limits,
        timeout: float,
        hosts: SharedCopy[LiveHosts],
        links: SharedCopy[LiveLinks],
        configs: SharedCopy[LiveConfigs] | None,
        applications: SharedCopy[LiveApplications] | None,
    ) -> None:
        self._interest: Interest | None = interest
        self._limits = limits
        self._timeout = timeout
        seconds = limits.timeout + timeout
        self.hosts: ViewPart[HostsPicture] = ViewPart(hosts, HostsPicture(), seconds)
        self.links: ViewPart[tuple[Link, ...]] = ViewPart(links, (), seconds)
        # What a Lattice has, and all that the view shows.
        self._of_lattice: list[ViewPart[Any]] = [self.hosts, self.links]
        self._all = list(self._of_lattice)
        self._configs: ViewPart[tuple[str, ...]] | None = None
        if configs is not None:
            self._configs = ViewPart(configs, (), seconds)
            self._all.append(self._configs)
        self._applications: ViewPart[Mapping[str, ModelSummary]] | None = None
        if applications is not None:
            self._applications = ViewPart(applications, {}, seconds)
            self._all.append(self._applications)
        for shared in (hosts, links, configs, applications):
            if shared is not None:
                shared.add(interest)
        self.closed: bool = False
        self._closed_as_of = datetime.now(timezone.utc)
        # The queues of threads that wait for a change.
        self._waiting: WeakList[MessageQueue[None]] = WeakList()

    def open(self) -> None:
        """Wait until everything was listed; list the hosts again if fewer are known than are expected."""
        deadline = Deadline(self._limits.timeout + self._timeout)
        was_complete = self.hosts.copy.complete
        for copy in [part.copy for part in self._all]:  # a list, so that all of them begin at once
            copy.wait_until_listed(deadline)
        expected = self._limits.expected
        if was_complete and expected is not None and len(self.hosts.picture.hosts) < expected:
            self._refresh([self.hosts.copy], self._limits)

    def refresh(self, seconds: float | None) -> None:
        """List everything anew. ``seconds`` is how long hosts may take to answer the ping."""
        limits = self._limits if seconds is None else attrs.evolve(self._limits, timeout=seconds)
        self._refresh([part.copy for part in self._all], limits)
        silent = self.hosts.copy.unanswered
        if silent:
            raise WaitTimeout(f"the lattice was not listed in time: {silent} hosts have not answered")

    def _refresh(self, copies: list[LiveCopy[Any]], limits: Limits) -> None:
        deadline = Deadline(limits.timeout + self._timeout)
        queues: list[MessageQueue[None]] = [MessageQueue(1) for _ in copies]
        for copy, news in zip(copies, queues, strict=True):
            copy.begin_refresh(limits, news)
        for copy, news in zip(copies, queues, strict=True):
            copy.wait_until_listed(deadline, news)

    @property
    def configs(self) -> tuple[str, ...]:
        """The names of the configs."""
        if self._configs is None:
            raise InvalidArgument("this view has no configs: make it with watch(configs=True)")
        return self._configs.picture

    @property
    def applications(self) -> Mapping[str, ModelSummary]:
        """The applications by name."""
        if self._applications is None:
            raise InvalidArgument("this view has no applications: make it with watch(applications=True)")
        return self._applications.picture

    @property
    def has_configs(self) -> bool:
        """Whether the view shows configs."""
        return self._configs is not None

    @property
    def has_applications(self) -> bool:
        """Whether the view shows applications."""
        return self._applications is not None

    @property
    def stale(self) -> bool:
        """Whether anything may be wrong."""
        try:
            return any(part.copy.stale for part in self._all)
        except ClosedError:
            return True

    @property
    def is_current(self) -> bool:
        """Whether nothing is stale in this process, without making a copy."""
        return all(part.is_current for part in self._all)

    @property
    def as_of(self) -> datetime:
        """The time of the oldest part."""
        if self.closed:
            return self._closed_as_of
        seen = min(part.last[1] for part in self._all)
        return datetime.now(timezone.utc) - timedelta(seconds=monotonic() - seen)

    @property
    def listed(self) -> bool:
        """Whether hosts and links were listed since the connection was lost last."""
        return all(part.copy.listed for part in self._of_lattice)

    @property
    def versions(self) -> list[int]:
        """The versions of hosts and links: they differ if anything but uptimes has changed."""
        return [part.copy.version for part in self._of_lattice]

    def listen(self) -> MessageQueue[None]:
        """Return a queue that receives something now and whenever anything changes. It fails on close."""
        news: MessageQueue[None] = MessageQueue(1)
        self._waiting.add(news)
        for part in self._all:
            part.copy.listen(news)
        if self.closed:  # pragma: no cover – another thread has just closed it
            news.fail(ClosedError(_CLOSED))
        return news

    def close(self) -> None:
        """Keep the last pictures, and let go of the copies."""
        self._closed_as_of = self.as_of
        self.closed = True
        for part in self._all:
            part.end()
        self._interest = None
        for news in self._waiting.alive():
            news.fail(ClosedError(_CLOSED))


class SharedCopies:
    """The copies of one lattice, each of them as long as somebody needs it."""

    def __init__(self, transports: PerProcess[Transport], subjects: Subjects, settings: Options) -> None:
        self._transports = transports
        self._subjects = subjects
        self._settings = settings
        # By name. Without callbacks, for the reason that WeakList gives.
        self._copies: dict[str, weakref.ref[SharedCopy[Any]]] = {}
        # One lock for each process: a thread of the parent may hold its own at the moment of a fork.
        self._lock = PerProcess(Lock)

    # The functions that make copies must not refer to this object, which a client holds.

    def hosts(self, limits: Limits) -> SharedCopy[LiveHosts]:
        """Return the copy of the hosts. ``limits`` count if it is new."""
        transports, subjects, timeout = self._transports, self._subjects, self._settings.timeout
        # How many hosts were expected says nothing later on.
        later = Limits(timeout=limits.timeout, quiet=limits.quiet or self._settings.quiet)
        return self._copy(
            "hosts", lambda interval: LiveHosts(transports.get(), subjects, limits, later, timeout, interval)
        )

    def links(self) -> SharedCopy[LiveLinks]:
        """Return the copy of the links."""
        transports, subjects, timeout = self._transports, self._subjects, self._settings.timeout
        return self._copy("links", lambda interval: LiveLinks(transports.get(), subjects, timeout, interval))

    def configs(self) -> SharedCopy[LiveConfigs]:
        """Return the copy of the configs."""
        transports, subjects, settings = self._transports, self._subjects, self._settings
        return self._copy(
            "configs",
            lambda interval: LiveConfigs(
                transports.get(), subjects, settings.js_domain, settings.timeout, interval
            ),
        )

    def applications(self) -> SharedCopy[LiveApplications]:
        """Return the copy of the applications."""
        transports, subjects, timeout = self._transports, self._subjects, self._settings.timeout
        return self._copy(
            "applications", lambda interval: LiveApplications(transports.get(), subjects, timeout, interval)
        )

    def _copy(self, name: str, make: Callable[[Callable[[], float]], C]) -> SharedCopy[C]:
        with self._lock.get():
            found: SharedCopy[C] | None = self._present(name)
            if found is not None:
                copy = found.peek()
                if copy is None or not copy.ended:
                    return found
            shared = SharedCopy(make)
            self._copies[name] = weakref.ref(shared)
            return shared

    def proven_hosts(self) -> HostsPicture | None:
        """Return the hosts if a view knows all of them for certain."""
        copy = self._present_hosts()
        return copy.picture if copy is not None and copy.surveyed and not copy.stale else None

    def doubts(self) -> tuple[Doubt, ...]:
        """Return the doubts of a view, also of one that is stale."""
        copy = self._present_hosts()
        return () if copy is None else copy.picture.doubts

    def _present_hosts(self) -> LiveHosts | None:
        shared: SharedCopy[LiveHosts] | None = self._present("hosts")
        return None if shared is None else shared.peek()

    def end(self) -> None:
        """Keep nothing current any longer."""
        for name in list(self._copies):
            shared = self._present(name)
            if shared is not None:
                shared.end()

    def _present(self, name: str) -> SharedCopy[Any] | None:
        reference = self._copies.get(name)
        return None if reference is None else reference()
