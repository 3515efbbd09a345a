"""The lattice as it is now: a view that is kept current by what hosts publish.

``Client.watch`` makes one::

    with wasmcloud_ctl.connect() as client, client.watch(quiet=0.25) as view:
        for host in view.hosts.values():
            print(host.friendly_name, len(host.components))
        view.wait_until(lambda lattice: "shop-web" in lattice.components, timeout=60)
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import ClassVar, TypeVar

import attrs
from typing_extensions import Self

from wasmcloud_ctl._bridge.handover import Deadline, MessageQueue
from wasmcloud_ctl._bridge.processes import PerProcess
from wasmcloud_ctl._display import redraw
from wasmcloud_ctl._display.html import as_html
from wasmcloud_ctl._display.tables import MAX_ROWS
from wasmcloud_ctl._display.terminal import Printer, as_text, is_item, print_pretty
from wasmcloud_ctl._display.text import summary
from wasmcloud_ctl._operations.live_parts import ViewParts
from wasmcloud_ctl._options import arguments
from wasmcloud_ctl._protocol import codec
from wasmcloud_ctl.exceptions import ClosedError, DecodeError, InvalidArgument, NotFound, WaitTimeout
from wasmcloud_ctl.models import (
    ComponentDescription,
    Doubt,
    HostInventory,
    Link,
    Model,
    ModelSummary,
    ProviderDescription,
    Value,
)

__all__ = [
    "Change",
    "Changes",
    "ComponentChange",
    "Doubt",
    "HostChange",
    "Lattice",
    "LatticeView",
    "LinkChange",
    "ProviderChange",
]

T = TypeVar("T")
Described = TypeVar("Described", ComponentDescription, ProviderDescription)


# Changes ----------------------------------------------------------------------------------------


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class HostChange(Value):
    """A host has come (``before`` is None), has gone (``after`` is None), or has other labels or another version."""

    before: HostInventory | None = None
    after: HostInventory | None = None

    @property
    def host_id(self) -> str:
        """The host's id."""
        return _either(self.before, self.after).host_id


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class ComponentChange(Value):
    """A component of a host was started (``before`` is None), stopped (``after`` is None) or changed."""

    host_id: str
    before: ComponentDescription | None = None
    after: ComponentDescription | None = None


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class ProviderChange(Value):
    """A provider of a host was started (``before`` is None), stopped (``after`` is None) or changed."""

    host_id: str
    before: ProviderDescription | None = None
    after: ProviderDescription | None = None


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class LinkChange(Value):
    """A link was put (``before`` is None), deleted (``after`` is None) or changed."""

    before: Link | None = None
    after: Link | None = None


Change = HostChange | ComponentChange | ProviderChange | LinkChange


# The lattice at one moment ----------------------------------------------------------------------


@attrs.frozen(slots=False, repr=False, eq=False)
class Lattice(Model):
    """A lattice at one moment. Two are equal if nothing but uptimes differs.

    Attributes:
        hosts: The inventories, by host id.
        links: The links.
    """

    hosts: Mapping[str, HostInventory]
    links: Sequence[Link] = ()

    @cached_property
    def components(self) -> Mapping[str, Mapping[str, ComponentDescription]]:
        """The components by their id, and then by the ids of the hosts that run them."""
        return _by_id((host_id, found) for host_id, host in self.hosts.items() for found in host.components)

    @cached_property
    def providers(self) -> Mapping[str, Mapping[str, ProviderDescription]]:
        """The providers by their id, and then by the ids of the hosts that run them."""
        return _by_id((host_id, found) for host_id, host in self.hosts.items() for found in host.providers)

    def diff(self, later: Lattice) -> list[Change]:
        """Return what has changed from this moment to a later one. Empty if they are equal; uptimes do not count.

        The changes are in the order of host ids: each host, then its components and its providers. Links come last.

        Args:
            later: The lattice at the later moment.

        Example:
            >>> for change in Lattice.from_dict(json.loads(text)).diff(view.lattice):  # doctest: +SKIP
            ...     print(change)
        """
        changes: list[Change] = []
        for host_id in sorted(self.hosts.keys() | later.hosts.keys()):
            before, after = self.hosts.get(host_id), later.hosts.get(host_id)
            if before is after:
                continue
            if before is None or after is None or _of_host(before) != _of_host(after):
                changes.append(HostChange(before=before, after=after))
            old, new = before or _NOTHING, after or _NOTHING
            for one, other in _pairs(old.components, new.components, _id):
                changes.append(ComponentChange(host_id=host_id, before=one, after=other))
            for was, now in _pairs(old.providers, new.providers, _id):
                changes.append(ProviderChange(host_id=host_id, before=was, after=now))
        changes += [
            LinkChange(before=one, after=other) for one, other in _pairs(self.links, later.links, link_key)
        ]
        return changes

    def __eq__(self, other: object) -> bool:
        return not self.diff(other) if isinstance(other, Lattice) else NotImplemented

    __hash__: ClassVar[None] = None  # type: ignore[assignment]  # it holds dicts

    def __str__(self) -> str:
        return as_text(self)

    def _repr_pretty_(self, printer: Printer, cycle: bool) -> None:
        print_pretty(printer, repr(self) if is_item(printer) else as_text(self, MAX_ROWS))

    def to_dict(self) -> dict[str, object]:
        """Return the lattice as plain values, which JSON can hold: ``hosts`` and ``links``, both as sorted lists."""
        hosts = [self.hosts[host_id].to_dict() for host_id in sorted(self.hosts)]
        return {"hosts": hosts, "links": [link.to_dict() for link in sorted(self.links, key=link_key)]}

    @classmethod
    def from_dict(cls, value: Mapping[str, object]) -> Lattice:
        """Return the lattice that ``to_dict`` has made such values of.

        Args:
            value: The mapping, for example as ``json.load`` reads it from a file. ``links`` may be missing.

        Raises:
            InvalidArgument: A part does not fit; the message has its path.
        """
        if not isinstance(value, Mapping):
            raise InvalidArgument(f"a lattice must be a mapping, not {type(value).__name__}")
        what = "the lattice"
        try:
            hosts = codec.structure(value.get("hosts"), list[HostInventory], "$.hosts", b"", what)
            links = codec.structure(value.get("links", []), list[Link], "$.links", b"", what)
        except DecodeError as error:
            raise InvalidArgument(str(error)) from error
        return cls({host.host_id: host for host in hosts}, tuple(links))


_NOTHING = HostInventory(host_id="", components=(), providers=())


def _either(before: T | None, after: T | None) -> T:
    one = after if after is not None else before
    assert one is not None
    return one


def _id(item: ComponentDescription | ProviderDescription) -> str:
    return item.id


def _of_host(host: HostInventory) -> object:
    """Return what of an inventory is about the host itself, without the uptime."""
    return host.friendly_name, host.version, host.labels


def link_key(link: Link) -> tuple[str, ...]:
    """Return what tells a link from all others, to sort by it."""
    return link.source_id, link.wit_namespace, link.wit_package, link.name, link.target


def _pairs(
    before: Iterable[T], after: Iterable[T], key: Callable[[T], object]
) -> Iterator[tuple[T | None, T | None]]:
    """Return what was and what is for each item that differs."""
    if before == after:
        return
    old, new = {key(item): item for item in before}, {key(item): item for item in after}
    for found in sorted(old.keys() | new.keys()):  # type: ignore[type-var]
        if old.get(found) != new.get(found):
            yield old.get(found), new.get(found)


def _by_id(items: Iterable[tuple[str, Described]]) -> dict[str, dict[str, Described]]:
    found: dict[str, dict[str, Described]] = {}
    for host_id, item in items:
        found.setdefault(item.id, {})[host_id] = item
    return found


# The view ---------------------------------------------------------------------------------------


class LatticeView:
    """The lattice as it is now. Made by ``Client.watch``; threads can share it. A context manager.

    Reading takes microseconds, and asks nobody. What hosts publish keeps the view current: each event of a host makes
    the client ask for the host's inventory, and only inventories are shown. ``stale`` is True while the client asks,
    and while the connection is lost.

    What no host publishes cannot be known at once: a host that crashes is noticed by its missing heartbeat. It is
    asked after 1.5 heartbeat intervals, and is gone when it does not answer.

    After ``close``, and when the client is closed, the last picture can still be read, and ``stale`` is True.

    In a notebook the view shows itself as a table, and ``show`` keeps one current.

    **Processes.** A forked child makes its own subscription and copy at its first use. That may raise what
    ``Client.watch`` raises.
    """

    def __init__(self, parts: ViewParts) -> None:
        self._parts = parts

    # Reading

    @property
    def lattice(self) -> Lattice:
        """The lattice at this moment, as a value that never changes."""
        hosts = self._parts.hosts.picture
        lattice = Lattice(hosts.hosts, self._parts.links.picture)
        # They are there already, and need not be made of the hosts.
        vars(lattice).update(components=hosts.components, providers=hosts.providers)
        return lattice

    @property
    def hosts(self) -> Mapping[str, HostInventory]:
        """The inventories of all hosts, by host id."""
        return self._parts.hosts.picture.hosts

    @property
    def components(self) -> Mapping[str, Mapping[str, ComponentDescription]]:
        """The components by their id, and then by the ids of the hosts that run them."""
        return self._parts.hosts.picture.components

    @property
    def providers(self) -> Mapping[str, Mapping[str, ProviderDescription]]:
        """The providers by their id, and then by the ids of the hosts that run them."""
        return self._parts.hosts.picture.providers

    @property
    def links(self) -> tuple[Link, ...]:
        """The links, in no particular order."""
        return self._parts.links.picture

    def find_component(self, component_id: str) -> list[tuple[HostInventory, ComponentDescription]]:
        """Return the hosts that run a component, and what each says of it. Empty if none does.

        Args:
            component_id: The component's id.
        """
        picture = self._parts.hosts.picture
        return [
            (picture.hosts[host], found) for host, found in picture.components.get(component_id, {}).items()
        ]

    def find_provider(self, provider_id: str) -> list[tuple[HostInventory, ProviderDescription]]:
        """Return the hosts that run a provider, and what each says of it. Empty if none does.

        Args:
            provider_id: The provider's id.
        """
        picture = self._parts.hosts.picture
        return [
            (picture.hosts[host], found) for host, found in picture.providers.get(provider_id, {}).items()
        ]

    def host_of(self, item_id: str) -> HostInventory:
        """Return the one host that runs a component or provider.

        Args:
            item_id: The id of the component or provider.

        Raises:
            NotFound: No host runs it, or several do; the message lists them.
        """
        picture = self._parts.hosts.picture
        ids = {**picture.components.get(item_id, {}), **picture.providers.get(item_id, {})}
        hosts = [picture.hosts[host_id] for host_id in sorted(ids)]
        if len(hosts) == 1:
            return hosts[0]
        listed = ", ".join(
            f"{host.friendly_name} ({host.host_id})" for host in hosts or picture.hosts.values()
        )
        if hosts:
            raise NotFound(f"Several hosts run {item_id!r}: {listed}.")
        raise NotFound(f"No host runs {item_id!r}; these hosts are there: {listed or 'none'}.")

    @property
    def configs(self) -> tuple[str, ...]:
        """The sorted names of the configs. InvalidArgument unless ``watch`` was given ``configs=True``."""
        return self._parts.configs

    @property
    def applications(self) -> Mapping[str, ModelSummary]:
        """The applications by name. InvalidArgument unless ``watch`` was given ``applications=True``."""
        return self._parts.applications

    @property
    def doubts(self) -> tuple[Doubt, ...]:
        """The components whose hosts may run another image than they show."""
        return self._parts.hosts.picture.doubts

    @property
    def stale(self) -> bool:
        """Whether the view may be wrong at the moment."""
        return self._parts.stale

    @property
    def as_of(self) -> datetime:
        """The time of the oldest part, in UTC. Usually that is when the quietest host was heard last."""
        return self._parts.as_of

    # Waiting

    def wait_until(self, predicate: Callable[[Lattice], object], timeout: float) -> Lattice:
        """Wait until a function of the lattice returns something true. Return the lattice for which it did.

        The function is called on this thread: at once, and whenever something but uptimes has changed. It is not
        called while the lattice is listed again after the connection was lost.

        Args:
            predicate: The function.
            timeout: Seconds to wait, above 0.

        Raises:
            WaitTimeout: It was not true in time. ``last_seen`` is the last lattice.
            ClosedError: The view or the client was closed.

        Example:
            >>> view.wait_until(lambda lattice: len(lattice.hosts) >= 3, timeout=60)  # doctest: +SKIP
        """
        deadline = Deadline(arguments.seconds(timeout, "timeout"))
        parts = self._parts
        news = parts.listen()
        seen: list[int] | None = None
        while True:
            try:
                news.get(deadline)
            except queue.Empty:
                text = f"the lattice was not as wanted within {timeout:g} s"
                raise WaitTimeout(text, last_seen=self.lattice) from None
            # Read before the lattice: what changes meanwhile is new in the next round.
            versions = parts.versions
            if parts.listed and versions != seen:
                seen = versions
                lattice = self.lattice
                if predicate(lattice):
                    return lattice

    def changes(self, timeout: float | None = None) -> Changes:
        """Return a blocking iterator of what changes from now on. It ends when the view or the client is closed.

        A slow reader gets the difference to what it has seen last: what came and went meanwhile is left out.

        Args:
            timeout: Seconds to wait for each change, 0 or more. No limit by default. If none comes in time, the
                iterator raises WaitTimeout, and can be used again.

        Example:
            >>> for change in view.changes():  # doctest: +SKIP
            ...     print(change)
        """
        seconds = None if timeout is None else arguments.seconds(timeout, "timeout", zero=True)
        return Changes(self, self._parts, seconds)

    def refresh(self, timeout: float | None = None) -> None:
        """Ask everything anew, and wait for it.

        Args:
            timeout: Seconds to wait. Hosts have as long to answer a ping. Defaults to that of ``watch``.

        Raises:
            WaitTimeout: Some of it has not come in time.
            ClosedError: The view or the client was closed.
        """
        self._parts.refresh(None if timeout is None else arguments.seconds(timeout, "timeout"))

    def show(self, seconds: float | None = None) -> None:
        """Show a table, and redraw it when something changes, until Ctrl-C.

        It also ends when the view or the client is closed. The last table stays. In a notebook and in a terminal the
        table stays in its place, and one that is too long for the terminal is cut. Anywhere else, such as in a pipe,
        it is printed anew at each change.

        Args:
            seconds: Seconds to go on, above 0. No limit by default.

        Raises:
            InvalidArgument: Stdout is a terminal, and the library ``rich`` is missing: the extra ``live`` has it.
            OSError: Stdout cannot be written.

        Example:
            >>> view.show()  # doctest: +SKIP
        """
        deadline = None if seconds is None else Deadline(arguments.seconds(seconds, "seconds"))
        try:
            output = redraw.output()
        except ImportError as error:
            if isinstance(error, ModuleNotFoundError) and error.name == "rich":
                text = "show needs rich in a terminal: pip install 'wasmcloud_ctl[live]'"
            else:
                text = f"show needs rich in a terminal, which is installed but cannot be imported: {error}"
            raise InvalidArgument(text) from error
        try:
            with output:
                self._show(output, deadline)
        except KeyboardInterrupt:
            pass  # the way to end it

    def _show(self, output: redraw.Output, deadline: Deadline | None) -> None:
        """Draw at each change. In place, also draw when only the time in the title has changed, twice a minute."""
        try:
            news = self._parts.listen()
        except ClosedError as error:
            news = MessageQueue()
            news.fail(error)  # the last picture is drawn once
        shown: ShownView | None = None
        goes_on = True
        while True:
            picture = self._shown()
            is_new = shown is None or picture != shown
            if is_new or (output.in_place and shown is not None and picture.as_of != shown.as_of):
                output.draw(picture)
                shown = picture
            if not goes_on:
                return
            goes_on = _wait_for_news(news, deadline)

    # Its end

    def close(self) -> None:
        """Keep it current no longer. The last picture can still be read. Idempotent."""
        self._parts.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        # Without making a connection in a forked child, and without waiting.
        lattice = Lattice(self._parts.hosts.last[0].hosts, self._parts.links.last[0])
        return f"<LatticeView {summary(lattice)}{'' if self._parts.is_current else ', stale'}>"

    def _shown(self) -> ShownView:
        # Read first: a lattice that is read later is at least as current.
        stale = self.stale
        return ShownView(
            lattice=self.lattice,
            stale=stale,
            as_of=self.as_of.replace(microsecond=0),
            doubts=self.doubts,
            configs=self.configs if self._parts.has_configs else None,
            applications=self.applications if self._parts.has_applications else None,
        )

    def __str__(self) -> str:
        return as_text(self._shown())

    def _repr_pretty_(self, printer: Printer, cycle: bool) -> None:
        print_pretty(printer, repr(self) if is_item(printer) else as_text(self._shown(), MAX_ROWS))

    def _repr_html_(self) -> str:
        return as_html(self._shown())


class Changes(Iterator[Change]):
    """The changes of a view, one after the other. Made by ``LatticeView.changes``."""

    def __init__(self, view: LatticeView, parts: ViewParts, timeout: float | None) -> None:
        self._view = view
        self._timeout = timeout
        # A forked child listens by itself.
        self._news: PerProcess[MessageQueue[None]] = PerProcess(parts.listen)
        self._news.get()
        self._seen = view.lattice
        self._changes: list[Change] = []

    def __next__(self) -> Change:
        deadline = None if self._timeout is None else Deadline(self._timeout)
        while not self._changes:
            try:
                self._news.get().get(deadline)
            except queue.Empty:
                raise WaitTimeout(f"nothing has changed within {self._timeout:g} s") from None
            except ClosedError:
                raise StopIteration from None
            before, self._seen = self._seen, self._view.lattice
            self._changes = before.diff(self._seen)[::-1]
        return self._changes.pop()


# What show draws ------------------------------------------------------------------------------

# Seconds between two drawings of a table; and without a change, between two looks at the time in its title.
_PAUSE = 0.25
_TITLE_SECONDS = 30.0


@attrs.frozen
class ShownView:
    """A view at one moment. Two are equal if they look alike but for the time."""

    lattice: Lattice
    stale: bool
    as_of: datetime = attrs.field(eq=False)
    doubts: tuple[Doubt, ...] = ()
    configs: tuple[str, ...] | None = None
    applications: Mapping[str, ModelSummary] | None = None


def _wait_for_news(news: MessageQueue[None], deadline: Deadline | None) -> bool:
    """Wait until the table should be drawn again. Return False if show ends after that."""

    def at_most(seconds: float) -> Deadline:
        return Deadline(seconds if deadline is None else min(seconds, deadline.left()))

    try:
        news.get(at_most(_TITLE_SECONDS))
        # A change comes with several news: first the view is stale, and soon it is current.
        pause = at_most(_PAUSE)
        while pause.left():
            news.get(pause)
    except queue.Empty:
        pass
    except ClosedError:
        return False
    return deadline is None or deadline.left() > 0
