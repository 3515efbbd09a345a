"""The practice lattice: the blocking interface for tests and scripts."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Concatenate, ParamSpec

from typing_extensions import Self

from wasmcloud_ctl._client import Client
from wasmcloud_ctl._connect import connect
from wasmcloud_ctl.testing._command import Command
from wasmcloud_ctl.testing._fleet import Fleet
from wasmcloud_ctl.testing._practice_host import PracticeHost
from wasmcloud_ctl.testing._practice_wadm import PracticeWadm
from wasmcloud_ctl.testing._registry import PracticeRegistry
from wasmcloud_ctl.testing._runtime import Runtime
from wasmcloud_ctl.testing._server import PracticeServer
from wasmcloud_ctl.testing._versions import host_version

# How many requests are recorded: enough for any test, and little memory for a lattice that runs for weeks.
_COMMANDS = 100_000

P = ParamSpec("P")


def _with_parameters_of(
    model: Callable[P, Client],
) -> Callable[[Callable[..., Client]], Callable[Concatenate[Any, P], Client]]:
    """Give a method the parameters of a function, so that these are written only once."""

    def decorate(method: Callable[..., Client]) -> Callable[Concatenate[Any, P], Client]:
        own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        signature = inspect.signature(model)
        vars(method)["__signature__"] = signature.replace(parameters=[own, *signature.parameters.values()])
        return method

    return decorate


class PracticeLattice:
    """A lattice of simulated hosts on a real nats-server.

    The hosts reply to requests, publish events and store their data as wasmCloud hosts do; a client sees no
    difference. A ``file://`` reference is read from disk, with its claims. Every other reference is pulled from
    ``registry``, which has every image, unless a test makes it fail.

    Use it as a context manager, or call ``start`` and ``close``. Its methods can be called from any thread.

    Args:
        hosts: The number of hosts, 0 or more, or the labels of each host.
        lattice: The name of the lattice.
        heartbeat_interval: Seconds between heartbeats of a host, above 0.
        topic_prefix: The prefix of all control subjects.
        version: The version of the hosts: a release of wasmCloud 1, from ``1.0.0`` to ``1.9.2``.
        server: A server to use, or its URL. The caller starts and closes it. By default, the lattice starts a server
            of its own.
        port: The port of the lattice's own server, 1 to 65535. Defaults to any free port.
        js_domain: The JetStream domain of the hosts. The lattice's own server is configured with it.
        wadm: Whether the lattice has a wadm, which deploys applications. It needs PyYAML, of the extra ``testing``.
        wadm_prefix: The prefix of wadm's API.
        connect_options: Further options for the hosts' ``nats.connect``, such as ``user`` and ``password``.
        on_command: Called with each request that the hosts and wadm receive. It runs on the hosts' thread and must
            not block.

    Attributes:
        lattice: The name of the lattice.
        topic_prefix: The prefix of all control subjects.
        wadm_prefix: The prefix of wadm's API.
        registry: The registry that the hosts pull images from.
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
        wadm: bool = False,
        wadm_prefix: str = "wadm.api",
        connect_options: Mapping[str, object] | None = None,
        on_command: Callable[[Command], object] | None = None,
    ) -> None:
        if heartbeat_interval <= 0:
            raise ValueError(f"heartbeat_interval must be above 0, not {heartbeat_interval!r}")
        if isinstance(hosts, int):
            if hosts < 0:
                raise ValueError(f"hosts must be 0 or more, not {hosts!r}")
            hosts = [{} for _ in range(hosts)]
        if wadm and importlib.util.find_spec("yaml") is None:
            raise ModuleNotFoundError(
                "a wadm in the practice lattice needs PyYAML: pip install 'wasmcloud_ctl[testing]'",
                name="yaml",
            )
        self.lattice = lattice
        self.topic_prefix = topic_prefix
        self.wadm_prefix = wadm_prefix
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
            raise ValueError("port is for the lattice's own server: leave it out, or leave out server")
        self._server = server
        self._pid = os.getpid()
        self._runtime = Runtime(f"practice lattice {lattice}")
        self._hosts: list[PracticeHost] = []
        self._has_wadm = wadm
        self._wadm: PracticeWadm | None = None
        self._commands: deque[Command] = deque(maxlen=_COMMANDS)
        self._on_command = on_command
        self._recorded = threading.Condition()

    @property
    def url(self) -> str:
        """The URL of the server, such as ``nats://127.0.0.1:4222``."""
        return self._server if isinstance(self._server, str) else self._server.url

    @property
    def server(self) -> PracticeServer:
        """The server.

        Raises:
            RuntimeError: The lattice was given a URL.
        """
        if isinstance(self._server, str):
            raise RuntimeError(
                f"the server at {self._server} was given as a URL, so the practice lattice cannot control it"
            )
        return self._server

    @property
    def hosts(self) -> tuple[PracticeHost, ...]:
        """All hosts in the order in which they were added, including those that have ended."""
        return tuple(self._hosts)

    @property
    def wadm(self) -> PracticeWadm:
        """The wadm.

        Raises:
            RuntimeError: The lattice has no wadm, or it was not started.
        """
        if self._wadm is None:
            raise RuntimeError("the practice lattice has no wadm: make it with wadm=True, and start it")
        return self._wadm

    @property
    def commands(self) -> tuple[Command, ...]:
        """The last 100,000 requests that the hosts and wadm have received, oldest first."""
        with self._recorded:
            return tuple(self._commands)

    def wait_for_commands(self, operation: str, count: int = 1, timeout: float = 5.0) -> tuple[Command, ...]:
        """Wait until the hosts and wadm have received a number of requests.

        Args:
            operation: The operation, such as ``component.scale`` or ``model.deploy``.
            count: The number of requests since the start of the lattice.
            timeout: Seconds to wait.

        Returns:
            All requests for this operation so far.

        Raises:
            TimeoutError: The hosts did not receive enough requests in time.
        """
        end = time.monotonic() + timeout
        with self._recorded:
            while True:
                found = tuple(command for command in self._commands if command.operation == operation)
                if len(found) >= count:
                    return found
                if not self._recorded.wait(end - time.monotonic()):
                    raise TimeoutError(
                        f"received {len(found)} of {count} {operation} requests within {timeout:g} s"
                    )

    def settle(self, timeout: float = 10.0) -> None:
        """Wait until the hosts and wadm are idle: all requests are served, and all replies and events are sent.

        Args:
            timeout: Seconds to wait.

        Raises:
            TimeoutError: A host or wadm is still busy. It may be stalled, or waiting for an image.
        """
        fleet = self._runtime.fleet

        async def settled() -> bool:
            try:
                await asyncio.wait_for(fleet.settle(), timeout)
            except asyncio.TimeoutError:
                return False
            return True

        if not self._runtime.call(settled, timeout=None):
            raise TimeoutError(f"the hosts were still busy after {timeout:g} s")

    def start(self) -> Self:
        """Start the hosts, and first the server if it is the lattice's own. The hosts serve requests on return.

        Returns:
            The lattice itself.

        Raises:
            PracticeServerError: nats-server was not found, did not start, or has no JetStream.
        """
        if self._runtime.running:
            return self
        self._pid = os.getpid()
        if isinstance(self._server, PracticeServer) and self._owns_server:
            self._server.start()
        try:
            self._runtime.start(self._open)
            if self._has_wadm:
                # Before the hosts, so that it knows them from their start.
                self._runtime.call(self._runtime.fleet.start_wadm, self.wadm_prefix)
                self._wadm = PracticeWadm(self._runtime, self._runtime.fleet)
            self._hosts = [PracticeHost(self._runtime, labels, self._version) for labels in self._labels]
            self._runtime.call(self._runtime.fleet.add, [host.simulated for host in self._hosts])
        except BaseException:
            self.close()
            raise
        return self

    async def _open(self) -> Fleet:
        return await Fleet.open(
            url=self.url,
            lattice=self.lattice,
            js_domain=self._js_domain,
            options=self._connect_options,
            registry=self.registry,
            topic_prefix=self.topic_prefix,
            heartbeat_interval=self._heartbeat_interval,
            on_command=self._record,
        )

    def close(self) -> None:
        """End the hosts without ``host_stopped`` events, and close the server if it is the lattice's own.

        Data that the hosts stored on another server stays there. Further calls do nothing, nor does a call in a
        forked child.
        """
        if self._pid != os.getpid():
            return
        try:
            self._runtime.close()
        finally:
            if self._owns_server and isinstance(self._server, PracticeServer):
                self._server.close()

    @_with_parameters_of(connect)
    def connect(self, servers: str | Sequence[str] | None = None, **options: object) -> Client:
        """Connect a client to this lattice.

        Args:
            servers: As for ``wasmcloud_ctl.connect``. Defaults to this lattice's server.
            options: The other options of ``wasmcloud_ctl.connect``. They override this lattice's own.

        Returns:
            The client. The caller must close it.
        """
        own = {
            "lattice": self.lattice,
            "topic_prefix": self.topic_prefix,
            "wadm_prefix": self.wadm_prefix,
            "js_domain": self._js_domain,
        }
        given: dict[str, Any] = {**own, **options}
        return connect(self.url if servers is None else servers, **given)

    def add_host(
        self, labels: Mapping[str, str] | None = None, *, version: str | None = None
    ) -> PracticeHost:
        """Start another host.

        Args:
            labels: The labels of the host.
            version: The version of the host. Defaults to the lattice's.

        Returns:
            The new host.
        """
        chosen = self._version if version is None else host_version(version)
        host = PracticeHost(self._runtime, labels or {}, chosen)
        self._hosts.append(host)
        self._runtime.call(self._runtime.fleet.add, [host.simulated])
        return host

    def lag_memory(self, seconds: float) -> None:
        """Delay the hosts' memory of links and claims, so that get_links and get_claims return old data.

        Args:
            seconds: The delay, 0.0 or more.
        """

        async def change() -> None:
            self._runtime.fleet.shared.store.lag = seconds

        self._runtime.call(change)

    def publish(self, subject: str, payload: bytes) -> None:
        """Publish a message on the hosts' connection, such as an event that is not JSON.

        Args:
            subject: The subject.
            payload: The payload.
        """

        async def publish() -> None:
            connection = self._runtime.fleet.connection
            await connection.publish(subject, payload)
            await connection.settle()

        self._runtime.call(publish)

    def _record(self, command: Command) -> None:
        with self._recorded:
            self._commands.append(command)
            self._recorded.notify_all()
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
