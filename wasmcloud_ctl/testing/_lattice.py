"""The practice lattice as tests and people use it: blocking, from any thread."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

from wasmcloud_ctl import _connect
from wasmcloud_ctl.testing._practice_host import PracticeHost
from wasmcloud_ctl.testing._registry import PracticeRegistry
from wasmcloud_ctl.testing._runtime import Runtime
from wasmcloud_ctl.testing._server import PracticeServer
from wasmcloud_ctl.testing._versions import host_version

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from wasmcloud_ctl import Client
    from wasmcloud_ctl.testing._fleet import Fleet
    from wasmcloud_ctl.testing._heard import Command

# How many requests are remembered: enough for any test, and no burden for one that runs for weeks.
_COMMANDS = 100_000

P = ParamSpec("P")


def _with_parameters_of(
    model: Callable[P, Client],
) -> Callable[[Callable[..., Client]], Callable[Concatenate[Any, P], Client]]:
    """Make type checkers see the parameters of a function at a method, so that these are written only once."""
    return lambda method: method


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
        self.registry: PracticeRegistry = PracticeRegistry()
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
        self._runtime = Runtime(f"practice lattice {lattice}")
        self._hosts: list[PracticeHost] = []
        self._commands: deque[Command] = deque(maxlen=_COMMANDS)
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
        """The last 100,000 requests that have arrived, in order."""
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
        fleet = self._runtime.fleet

        async def settled() -> bool:
            try:
                await asyncio.wait_for(fleet.settle(), timeout)
            except asyncio.TimeoutError:
                return False
            return True

        if not self._runtime.call(settled, patience=None):
            raise TimeoutError(f"the hosts were not done within {timeout:g} s")

    def start(self) -> Self:
        """Start its server if it is its own, and its hosts; they can be asked when this returns.

        Returns:
            Itself.

        Raises:
            PracticeServerError: There is no nats-server, or it did not start, or it has no JetStream.
        """
        if self._runtime.running:
            return self
        self._pid = os.getpid()
        if isinstance(self._server, PracticeServer) and self._owns_server:
            self._server.start()
        try:
            self._runtime.start(self._open)
            self._hosts = [PracticeHost(self._runtime, labels, self._version) for labels in self._labels]
            self._runtime.call(self._runtime.fleet.add, [host.simulated for host in self._hosts])
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
        try:
            self._runtime.close()
        finally:
            if self._owns_server and isinstance(self._server, PracticeServer):
                self._server.close()

    @_with_parameters_of(_connect.connect)
    def connect(self, servers: str | Sequence[str] | None = None, **options: Any) -> Client:
        """Connect a client to this lattice.

        Args:
            servers: As for ``wasmcloud_ctl.connect``; this lattice's if not given.
            options: The other options of ``wasmcloud_ctl.connect``, in place of this lattice's.

        Returns:
            The client, which is the caller's to close.
        """
        options.setdefault("lattice", self.lattice)
        options.setdefault("topic_prefix", self.topic_prefix)
        options.setdefault("js_domain", self._js_domain)
        return _connect.connect(self.url if servers is None else servers, **options)

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
        chosen = self._version if version is None else host_version(version)
        host = PracticeHost(self._runtime, labels or {}, chosen)
        self._hosts.append(host)
        self._runtime.call(self._runtime.fleet.add, [host.simulated])
        return host

    def lag_memory(self, seconds: float) -> None:
        """Let the hosts remember links and claims late: get_links and get_claims tell what was.

        Args:
            seconds: How late, 0.0 or more.
        """

        async def change() -> None:
            self._runtime.fleet.around.store.lag = seconds

        self._runtime.call(change)

    def publish(self, subject: str, payload: bytes) -> None:
        """Publish any message on the hosts' connection: an event that is no JSON, say.

        Args:
            subject: The subject.
            payload: The message.
        """

        async def publish() -> None:
            connection = self._runtime.fleet.connection
            await connection.publish(subject, payload)
            await connection.settle()

        self._runtime.call(publish)

    def _hear(self, command: Command) -> None:
        with self._heard:
            self._commands.append(command)
            self._heard.notify_all()
        if self._on_command is not None:
            self._on_command(command)

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
