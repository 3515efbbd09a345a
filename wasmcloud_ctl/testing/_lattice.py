"""The practice lattice as tests and people use it: blocking, from any thread."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from wasmcloud_ctl.testing import _faults, _identity
from wasmcloud_ctl.testing._artifacts import PracticeRegistry
from wasmcloud_ctl.testing._server import PracticeServer
from wasmcloud_ctl.testing._versions import HostVersion, host_version

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from wasmcloud_ctl import Client
    from wasmcloud_ctl._bridge import Bridge
    from wasmcloud_ctl.testing._fleet import Command, Fleet
    from wasmcloud_ctl.testing._host import SimulatedHost

T = TypeVar("T")

# More than anything here takes, a thousand hosts' start included.
_PATIENCE_SECONDS = 30.0
_CLOSE_SECONDS = 5.0


class PracticeHost:
    """One simulated host of a practice lattice; its methods may be called from any thread.

    The methods that change how the host behaves hold for what arrives after they have returned, and until
    ``recover``.
    """

    def __init__(self, lattice: PracticeLattice, simulated: SimulatedHost, labels: Mapping[str, str]) -> None:
        self._lattice = lattice
        self._simulated = simulated
        self._own_labels = dict(labels)

    @property
    def id(self) -> str:
        """Its id, ``N`` and 55 letters and digits; another one after each ``restart``."""
        return self._simulated.id

    @property
    def friendly_name(self) -> str:
        """Its name for people; another one after each ``restart``."""
        return self._simulated.friendly_name

    @property
    def labels(self) -> dict[str, str]:
        """A copy of the labels it has now, the built-in ones included."""
        return dict(self._simulated.labels)

    @property
    def running(self) -> bool:
        """Whether it runs: not after ``stop``, ``kill`` or a client's stop_host."""
        return self._lattice._call(self._is_running)

    async def _is_running(self) -> bool:
        return self._simulated in self._lattice._required_fleet().hosts

    @property
    def running_code(self) -> dict[str, str]:
        """The reference whose code truly runs, by component id; an inventory can show another."""
        return {name: component.code_ref for name, component in list(self._simulated.components.items())}

    # Coming and going

    def stop(self) -> None:
        """End it in order: it says ``host_stopped``."""
        self._lattice._call(self._lattice._required_fleet().end, self._simulated, True)

    def kill(self) -> None:
        """End it as a crash would: no ``host_stopped``, and whatever it was at is not done."""
        self._lattice._call(self._lattice._required_fleet().end, self._simulated, False)

    def restart(self) -> None:
        """Let it come back, with another id and another name, the labels it began with, and nothing running.

        If it still runs, it is killed first.
        """
        self.kill()
        self._simulated = self._lattice._simulate(self._own_labels, self._simulated.version)
        self._lattice._call(self._lattice._required_fleet().add, [self._simulated])

    # Answering late, or not

    def stall(self) -> None:
        """Let it answer nothing, and keep what arrives: a process that hangs."""
        self._set(self._simulated.faults.awake.clear)

    def resume(self) -> None:
        """Let a stalled host go on, with what has arrived meanwhile."""
        self._set(self._simulated.faults.awake.set)

    def slow(self, seconds: float) -> None:
        """Let it take up each request late.

        Args:
            seconds: How late, 0.0 or more.
        """
        self._set(setattr, self._simulated.faults, "slowness", seconds)

    def shut_down_providers_slowly(self, seconds: float) -> None:
        """Let its providers take their time to shut down; it answers no request for its inventory meanwhile.

        Args:
            seconds: How long, 0.0 or more.
        """
        self._set(setattr, self._simulated.faults, "shutdown_seconds", seconds)

    def part_silently(self) -> None:
        """Let a stop_host be obeyed without acknowledgement and event: the last host of a lattice does it."""
        self._set(setattr, self._simulated.faults, "parts_silently", True)

    # Answering wrongly. `operation` is such as "host.get"; None is all.

    def reply_with(self, payload: bytes, *, operation: str | None = None) -> None:
        """Let it do what it is told, and answer something else.

        Args:
            payload: What it answers.
            operation: The operation, such as ``host.get``; None for all.
        """
        self._set(self._simulated.faults.set_reply_fault, operation, _faults.say(payload))

    def cut_replies(self, length: int | None = None, *, operation: str | None = None) -> None:
        """Let its replies be cut off.

        Args:
            length: The bytes that are left; None for half of them.
            operation: The operation, such as ``host.get``; None for all.
        """
        self._set(self._simulated.faults.set_reply_fault, operation, _faults.cut(length))

    def pad_replies(self, size: int, *, operation: str | None = None) -> None:
        """Let its replies be large, by a field that nobody knows.

        Args:
            size: Their size in bytes. More than the server takes is not sent, as with a real host.
            operation: The operation, such as ``host.get``; None for all.
        """
        self._set(self._simulated.faults.set_reply_fault, operation, _faults.pad(size))

    def lose_replies(self, *, operation: str | None = None) -> None:
        """Let it do what it is told, and its answer be lost.

        Args:
            operation: The operation, such as ``component.scale``; None for all.
        """
        self._set(self._simulated.faults.set_reply_fault, operation, _faults.lose)

    def repeat_replies(self, times: int = 2, *, operation: str | None = None) -> None:
        """Let its replies come several times.

        Args:
            times: How often, 1 or more.
            operation: The operation, such as ``host.ping``; None for all.
        """
        self._set(self._simulated.faults.set_reply_fault, operation, _faults.repeat(times))

    def lose_events(self, *names: str) -> None:
        """Let its events be lost, as NATS may lose them.

        Args:
            names: Their names, such as ``component_scaled``; none for all.
        """
        self._set(self._simulated.faults.lost_events.update, names or ("*",))

    def recover(self) -> None:
        """Take all its faults away."""
        self._set(self._simulated.faults.clear)

    # What a host can be configured to

    def set_auctions(self, *, components: bool = True, providers: bool = True) -> None:
        """Switch its part in auctions on or off.

        Args:
            components: Whether it bids for components.
            providers: Whether it bids for providers.
        """
        self._simulated.bids_for_components = components
        self._simulated.bids_for_providers = providers
        self._lattice._call(self._lattice._required_fleet().resubscribe)

    def set_builtins(self, *names: str) -> None:
        """Switch builtin providers on, and all others off.

        Args:
            names: Of ``http-client``, ``http-server``, ``messaging-nats``.
        """
        self._set(setattr, self._simulated, "builtins", frozenset(names))

    def publish_event(self, name: str, data: Mapping[str, object]) -> None:
        """Publish an event of this host.

        Args:
            name: Its name, such as ``health_check_failed``.
            data: What it tells.
        """
        self._lattice._call(self._lattice._required_fleet().around.publish, self._simulated, name, data)

    def beat(self) -> None:
        """Publish a heartbeat now."""
        self._lattice._call(self._beat)

    async def _beat(self) -> None:
        await self._lattice._required_fleet().around.publish(
            self._simulated, "host_heartbeat", await self._simulated.inventory()
        )

    def _set(self, function: Callable[..., object], *args: object) -> None:
        async def change() -> None:
            function(*args)

        self._lattice._call(change)

    def __repr__(self) -> str:
        return f"<PracticeHost {self.friendly_name} {self.id}>"


class PracticeLattice:
    """A lattice of simulated hosts on a real nats-server.

    A client cannot tell the hosts from real ones: they answer, publish events and keep their data as
    wasmCloud hosts do. A ``file://`` reference is looked up on disk and its claims are read; any other is
    pulled from ``registry``, which has everything, unless it is told otherwise.

    Args:
        hosts: How many hosts, 0 or more, or the labels of each.
        lattice: The lattice's name.
        heartbeat_interval: Seconds between a host's heartbeats, above 0.
        topic_prefix: What stands before all control subjects.
        version: What version the hosts are of: ``1.9.2``, ``1.6.2`` or ``1.0.0``.
        server: The server to use: one that somebody else starts and closes, or a URL. None: one of its own.
        port: The port of its own server, 1 to 65535; None for any that is free.
        js_domain: The JetStream domain that the hosts use and tell; its own server is set to have it.
        connect_options: More options for the hosts' ``nats.connect``, such as ``user`` and ``password``.
        on_command: Called with each request that arrives, on the hosts' thread: it must not wait for anything.

    Used as a context manager, or with ``start`` and ``close``.

    Attributes:
        lattice: The lattice's name.
        topic_prefix: What stands before all control subjects.
        registry: What the hosts pull images from.
    """

    def __init__(
        self,
        hosts: int | Iterable[Mapping[str, str]] = 1,
        *,
        lattice: str = "default",
        heartbeat_interval: float = 30.0,
        topic_prefix: str = "wasmbus.ctl",
        version: str = "1.9.2",
        server: PracticeServer | str | None = None,
        port: int | None = None,
        js_domain: str | None = None,
        connect_options: Mapping[str, object] | None = None,
        on_command: Callable[[Command], object] | None = None,
    ) -> None:
        if heartbeat_interval <= 0:
            raise ValueError(f"heartbeat_interval must be above 0, not {heartbeat_interval!r}")
        if isinstance(hosts, int):
            if hosts < 0:
                raise ValueError(f"hosts must be 0 or more, not {hosts!r}")
            hosts = [{} for _ in range(hosts)]
        self.lattice = lattice
        self.topic_prefix = topic_prefix
        self.registry = PracticeRegistry()
        self._labels = [dict(labels) for labels in hosts]
        self._version = host_version(version)
        self._heartbeat_interval = heartbeat_interval
        self._js_domain = js_domain
        self._connect_options = dict(connect_options or {})
        self._owns_server = server is None
        if server is None:
            server = PracticeServer(port=port, js_domain=js_domain)
        elif port is not None:
            raise ValueError("port is for a server of its own, not for one that is given")
        self._server = server
        self._pid = os.getpid()
        self._bridge: Bridge | None = None
        self._fleet: Fleet | None = None
        self._hosts: list[PracticeHost] = []
        self._commands: list[Command] = []
        self._on_command = on_command
        self._heard = threading.Condition()

    @property
    def url(self) -> str:
        """Where its server listens, such as ``nats://127.0.0.1:4222``."""
        return self._server if isinstance(self._server, str) else self._server.url

    @property
    def server(self) -> PracticeServer:
        """Its server.

        Raises:
            RuntimeError: It was given a URL.
        """
        if isinstance(self._server, str):
            raise RuntimeError(f"the server at {self._server} is not the practice lattice's")
        return self._server

    @property
    def hosts(self) -> tuple[PracticeHost, ...]:
        """Its hosts, in the order they were added; those that have ended, too."""
        return tuple(self._hosts)

    @property
    def commands(self) -> tuple[Command, ...]:
        """Every request that has arrived, in order."""
        with self._heard:
            return tuple(self._commands)

    def wait_for_commands(self, operation: str, count: int = 1, timeout: float = 5.0) -> tuple[Command, ...]:
        """Wait until requests have arrived.

        Args:
            operation: Which, such as ``component.scale``.
            count: How many, since the start.
            timeout: Seconds to wait for them.

        Returns:
            All of this operation that have arrived.

        Raises:
            TimeoutError: So many did not arrive in time.
        """
        end = time.monotonic() + timeout
        with self._heard:
            while True:
                found = tuple(command for command in self._commands if command.operation == operation)
                if len(found) >= count:
                    return found
                if not self._heard.wait(end - time.monotonic()):
                    raise TimeoutError(f"{len(found)} of {count} {operation} arrived within {timeout:g} s")

    def settle(self, timeout: float = 10.0) -> None:
        """Wait until the hosts have done whatever they were told, and have told whoever listens.

        Args:
            timeout: Seconds to wait for it.

        Raises:
            TimeoutError: A host is still at something: one that is stalled, or that waits for an image.
        """
        fleet = self._required_fleet()

        async def settled() -> bool:
            try:
                await asyncio.wait_for(fleet.settle(), timeout)
            except asyncio.TimeoutError:
                return False
            return True

        if not self._call(settled, patience=None):
            raise TimeoutError(f"the hosts were not done within {timeout:g} s")

    def start(self) -> Self:
        """Start its server if it is its own, and its hosts; they can be asked when this returns.

        Returns:
            Itself.

        Raises:
            PracticeServerError: There is no nats-server, or it did not start, or it has no JetStream.
        """
        if self._bridge is not None:
            return self
        from wasmcloud_ctl._bridge import Bridge

        self._pid = os.getpid()
        if isinstance(self._server, PracticeServer) and self._owns_server:
            self._server.start()
        bridge = Bridge(f"practice lattice {self.lattice}")
        try:
            bridge.start(_PATIENCE_SECONDS)
            self._bridge = bridge
            self._fleet = self._call(self._open)
            self._hosts = [
                PracticeHost(self, self._simulate(labels, self._version), labels) for labels in self._labels
            ]
            self._call(self._fleet.add, [host._simulated for host in self._hosts])
        except BaseException:
            self.close()
            raise
        return self

    async def _open(self) -> Fleet:
        # Here, so that importing this module imports no client of NATS.
        from wasmcloud_ctl.testing._fleet import Fleet

        return await Fleet.open(
            url=self.url,
            lattice=self.lattice,
            js_domain=self._js_domain,
            options=self._connect_options,
            registry=self.registry,
            topic_prefix=self.topic_prefix,
            heartbeat_interval=self._heartbeat_interval,
            heard=self._hear,
        )

    def close(self) -> None:
        """End its hosts, without a word, and its server if it is its own. May be called again.

        What the hosts kept on a server that is not the lattice's own stays there. In a forked child it does
        nothing.
        """
        if self._pid != os.getpid():
            return
        bridge, self._bridge = self._bridge, None
        fleet, self._fleet = self._fleet, None
        try:
            if bridge is not None:
                try:
                    if fleet is not None:
                        bridge.run(fleet.close, timeout=_CLOSE_SECONDS)
                finally:
                    bridge.close(_CLOSE_SECONDS)
        finally:
            if self._owns_server and isinstance(self._server, PracticeServer):
                self._server.close()

    def connect(self, **options: object) -> Client:
        """Connect a client to this lattice.

        Args:
            options: Options of ``wasmcloud_ctl.connect``, in place of this lattice's.

        Returns:
            The client, which is the caller's to close.
        """
        from wasmcloud_ctl import connect

        chosen: dict[str, Any] = {"lattice": self.lattice, "topic_prefix": self.topic_prefix, **options}
        chosen.setdefault("servers", self.url)
        if self._js_domain is not None:
            chosen.setdefault("js_domain", self._js_domain)
        return connect(**chosen)

    def add_host(
        self, labels: Mapping[str, str] | None = None, *, version: str | None = None
    ) -> PracticeHost:
        """Start one more host.

        Args:
            labels: Its labels.
            version: Its version; None for the lattice's.

        Returns:
            The host.
        """
        labels = dict(labels or {})
        simulated = self._simulate(labels, self._version if version is None else host_version(version))
        host = PracticeHost(self, simulated, labels)
        self._hosts.append(host)
        self._call(self._required_fleet().add, [simulated])
        return host

    def lag_memory(self, seconds: float) -> None:
        """Let the hosts remember links and claims late: get_links and get_claims tell what was.

        Args:
            seconds: How late, 0.0 or more.
        """

        async def change() -> None:
            self._required_fleet().around.store.lag = seconds

        self._call(change)

    def publish(self, subject: str, payload: bytes) -> None:
        """Publish any message on the hosts' connection: an event that is no JSON, say.

        Args:
            subject: The subject.
            payload: The message.
        """

        async def publish() -> None:
            connection = self._required_fleet().connection
            await connection.publish(subject, payload)
            await connection.settle()

        self._call(publish)

    def _simulate(self, labels: Mapping[str, str], version: HostVersion) -> SimulatedHost:
        from wasmcloud_ctl.testing._host import SimulatedHost

        return SimulatedHost(
            around=self._required_fleet().around,
            version=version,
            labels={**_identity.built_in_labels(), **labels},
        )

    def _hear(self, command: Command) -> None:
        with self._heard:
            self._commands.append(command)
            self._heard.notify_all()
        if self._on_command is not None:
            self._on_command(command)

    def _required_fleet(self) -> Fleet:
        if self._fleet is None:
            raise RuntimeError("the practice lattice does not run")
        return self._fleet

    def _call(
        self,
        function: Callable[..., Awaitable[T]],
        *args: object,
        patience: float | None = _PATIENCE_SECONDS,
    ) -> T:
        """Run a coroutine function on the hosts' loop, and wait for it."""
        if self._bridge is None:
            raise RuntimeError("the practice lattice does not run")
        return self._bridge.run(function, *args, timeout=patience)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<PracticeLattice {self.lattice} at {self.url}, {len(self._hosts)} hosts>"
