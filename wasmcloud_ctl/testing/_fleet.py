"""The hosts of one lattice on one connection: routes requests to hosts, and sends their replies."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING

from attrs import define, field

from wasmcloud_ctl.testing import _events
from wasmcloud_ctl.testing._command import Command
from wasmcloud_ctl.testing._connection import Connection, Message, Subscription
from wasmcloud_ctl.testing._host import SharedState, SimulatedHost
from wasmcloud_ctl.testing._operations import serve_request
from wasmcloud_ctl.testing._registry import PracticeRegistry
from wasmcloud_ctl.testing._store import LatticeStore
from wasmcloud_ctl.testing._work import Work

if TYPE_CHECKING:
    from wasmcloud_ctl.testing._wadm.simulated import SimulatedWadm


@define(kw_only=True, eq=False)
class Fleet:
    """The hosts of one lattice. To be used on the hosts' event loop only.

    Attributes:
        connection: The connection that all hosts share.
        work: The running tasks of all hosts.
        shared: What else the hosts share.
        topic_prefix: The prefix of all control subjects.
        heartbeat_interval: Seconds between heartbeats of a host.
        on_command: Called with every request.
        hosts: The running hosts.
        wadm: The wadm of the lattice, if it has one.
    """

    connection: Connection
    work: Work
    shared: SharedState
    topic_prefix: str
    heartbeat_interval: float
    on_command: Callable[[Command], None]
    hosts: list[SimulatedHost] = field(factory=list)
    wadm: SimulatedWadm | None = None
    _shared_subscriptions: dict[str, Subscription] = field(factory=dict, init=False)
    _own_subscriptions: dict[str, list[Subscription]] = field(factory=dict, init=False)
    _changing: asyncio.Lock = field(factory=asyncio.Lock, init=False)
    _heartbeats: dict[str, asyncio.Task[None]] = field(factory=dict, init=False)

    @classmethod
    async def open(
        cls,
        *,
        url: str,
        lattice: str,
        js_domain: str | None,
        options: Mapping[str, object],
        registry: PracticeRegistry,
        topic_prefix: str,
        heartbeat_interval: float,
        on_command: Callable[[Command], None],
    ) -> Fleet:
        """Connect to a server. The new fleet has no hosts.

        Args:
            url: The URL of the server.
            lattice: The name of the lattice.
            js_domain: The JetStream domain. Defaults to the server's own.
            options: Further options for ``nats.connect``.
            registry: The registry that the hosts pull images from.
            topic_prefix: The prefix of all control subjects.
            heartbeat_interval: Seconds between heartbeats of a host.
            on_command: Called with every request.
        """
        connection = await Connection.open(
            url, name=f"practice lattice {lattice}", js_domain=js_domain, options=options
        )
        try:
            store = await LatticeStore.open(connection, lattice)
        except BaseException:
            await connection.close()
            raise
        work = Work()
        return cls(
            connection=connection,
            work=work,
            shared=SharedState(
                lattice=lattice,
                url=url,
                js_domain=js_domain,
                store=store,
                registry=registry,
                publish=_publish_on(connection, lattice),
                spawn=work.begin,
            ),
            topic_prefix=topic_prefix,
            heartbeat_interval=heartbeat_interval,
            on_command=on_command,
        )

    async def close(self) -> None:
        """End all hosts without ``host_stopped`` events, and close the connection."""
        for heartbeat in self._heartbeats.values():
            heartbeat.cancel()
        for host in self.hosts:
            self.work.abandon(host)
        self.hosts.clear()
        if self.wadm is not None:
            await self.wadm.stop()
        self.shared.store.close()
        await self.connection.close()

    # Hosts

    async def add(self, hosts: Sequence[SimulatedHost]) -> None:
        """Start hosts. When this returns, the server has their subscriptions."""
        async with self._changing:
            self.hosts.extend(hosts)
            for host in hosts:
                await self._subscribe_own(host)
            await self._subscribe_shared()
            await self.connection.settle()
        for number, host in enumerate(hosts, 1):
            started = {
                "friendly_name": host.friendly_name,
                "labels": dict(sorted(host.labels.items())),
                "uptime_seconds": 0,
                "version": host.version.reported,
            }
            await host.publish("host_started", started)
            self._heartbeats[host.id] = asyncio.get_running_loop().create_task(
                # Hosts that start together do not beat together: thousands would be still, and then all busy.
                self._beat(host, self.heartbeat_interval * number / len(hosts))
            )
        await self.connection.settle()

    async def end(self, host: SimulatedHost, publish_stopped: bool) -> None:
        """End a host. When this returns, the server has removed its subscriptions.

        Args:
            host: The host.
            publish_stopped: Whether the host publishes ``host_stopped``.
        """
        if host not in self.hosts:
            return
        host.stopping = True
        self.hosts.remove(host)
        self._heartbeats.pop(host.id).cancel()
        self.work.abandon(host)
        if publish_stopped:
            await self.shared.publish(host, "host_stopped", {"labels": dict(sorted(host.labels.items()))})
        async with self._changing:
            for subscription in self._own_subscriptions.pop(host.id, []):
                await self.connection.unsubscribe(subscription)
            await self._subscribe_shared()
            await self.connection.settle()

    async def resubscribe(self) -> None:
        """Update the shared subscriptions after a host has changed what it listens to."""
        async with self._changing:
            await self._subscribe_shared()
            await self.connection.settle()

    async def settle(self) -> None:
        """Wait until the hosts and wadm are idle.

        All requests received so far are served then, the links and claims in memory are up to date, and the server
        has all replies and events.
        """
        while True:
            was_busy, received = self._busy, self.connection.received
            await self.connection.settle()
            # Messages that the server sent before its pong are received by now. One turn of the loop handles them.
            await asyncio.sleep(0)
            # nats-py's pings overtake what is published between them. So end only if nothing happened meanwhile.
            if not was_busy and not self._busy and self.connection.received == received:
                break
            while self._busy:
                await self.work.done()
                await self.shared.store.wait_until_applied()
                if self.wadm is not None:
                    await self.wadm.done()

    async def start_wadm(self, api_prefix: str) -> None:
        """Start a wadm, whose API has this prefix."""
        # It imports PyYAML, which a lattice without a wadm does not need.
        from wasmcloud_ctl.testing._wadm.simulated import SimulatedWadm

        self.wadm = SimulatedWadm(
            connection=self.connection,
            lattice=self.shared.lattice,
            topic_prefix=self.topic_prefix,
            api_prefix=api_prefix,
            on_request=self.on_command,
        )
        await self.wadm.start()

    @property
    def _busy(self) -> bool:
        wadm_busy = self.wadm is not None and self.wadm.busy
        return self.work.busy or self.shared.store.pending or wadm_busy

    async def _beat(self, host: SimulatedHost, first: float) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + first
        while True:
            await asyncio.sleep(due - loop.time())
            await self.shared.publish(host, "host_heartbeat", await host.inventory())
            due += self.heartbeat_interval

    # Subjects

    async def _subscribe_own(self, host: SimulatedHost) -> None:
        def receive(message: Message) -> None:
            operation, argument = self._operation(message.subject)
            self._record(operation, message, host.id)
            self._start_serving(host, operation, argument, message)

        self._own_subscriptions[host.id] = [
            await self.connection.subscribe(self._subject(f"{kind}.*.{host.id}"), receive)
            for kind in ("component", "provider", "label", "host")
        ]

    async def _subscribe_shared(self) -> None:
        """Subscribe once for all hosts to the subjects that do not name a host."""
        wanted: dict[str, tuple[str, Callable[[Message], None]]] = {}
        if self.hosts:
            for rest in ("registry.put", "host.ping"):
                wanted[rest] = ("", self._to_all)
            for rest in ("link.*", "claims.get", "config.>"):
                # The queue group of real hosts, so that real and practice hosts can serve one lattice together.
                wanted[rest] = (self._subject(rest.split(".", 1)[0]), self._to_one)
        if any(host.bids_for_components for host in self.hosts):
            wanted["component.auction"] = ("", self._to_all)
        if any(host.bids_for_providers for host in self.hosts):
            wanted["provider.auction"] = ("", self._to_all)
        for rest in [rest for rest in self._shared_subscriptions if rest not in wanted]:
            await self.connection.unsubscribe(self._shared_subscriptions.pop(rest))
        for rest, (queue, receive) in wanted.items():
            if rest not in self._shared_subscriptions:
                self._shared_subscriptions[rest] = await self.connection.subscribe(
                    self._subject(rest), receive, queue
                )

    def _subject(self, rest: str) -> str:
        return f"{self.topic_prefix}.v1.{self.shared.lattice}.{rest}"

    def _operation(self, subject: str) -> tuple[str, str | None]:
        """Split a subject into the operation (two tokens) and the argument after it, if any."""
        tokens = subject[len(self._subject("")) :].split(".", 2)
        return ".".join(tokens[:2]), tokens[2] if len(tokens) > 2 else None

    def _to_all(self, message: Message) -> None:
        operation, argument = self._operation(message.subject)
        self._record(operation, message, None)
        for host in self.hosts:
            if operation == "component.auction" and not host.bids_for_components:
                continue
            if operation == "provider.auction" and not host.bids_for_providers:
                continue
            self._start_serving(host, operation, argument, message)

    def _to_one(self, message: Message) -> None:
        operation, argument = self._operation(message.subject)
        self._record(operation, message, None)
        if self.hosts:  # pragma: no branch – the last host may end while a message is on its way
            # Any host, as the server would pick one from a queue group. It may be a stalled one.
            self._start_serving(random.choice(self.hosts), operation, argument, message)

    def _record(self, operation: str, message: Message, host_id: str | None) -> None:
        self.on_command(Command(operation, message.subject, message.payload, message.headers, host_id))

    def _start_serving(
        self, host: SimulatedHost, operation: str, argument: str | None, message: Message
    ) -> None:
        self.work.begin(host, self._serve(host, operation, argument, message))

    async def _serve(
        self, host: SimulatedHost, operation: str, argument: str | None, message: Message
    ) -> None:
        if host.faults.slowness > 0:
            await asyncio.sleep(host.faults.slowness)
        if host.stopping:
            return
        reply = await serve_request(host, operation, argument, message.payload)
        await host.faults.awake.wait()
        silent = host.stopping and host.faults.parts_silently
        if reply is not None and message.reply_to and not silent:
            payload = json.dumps(reply, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
            for part in host.faults.replies(operation, payload):
                await self.connection.publish(message.reply_to, part)
        if host.stopping:
            await self.end(host, not silent)


def _publish_on(
    connection: Connection, lattice: str
) -> Callable[[SimulatedHost, str, Mapping[str, object]], Coroutine[object, object, None]]:
    async def publish(host: SimulatedHost, name: str, data: Mapping[str, object]) -> None:
        await host.faults.awake.wait()
        if not host.faults.loses_event(name):
            await connection.publish(f"wasmbus.evt.{lattice}.{name}", _events.envelope(host.id, name, data))

    return publish
