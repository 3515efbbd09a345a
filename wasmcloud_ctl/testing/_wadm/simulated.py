"""The simulated wadm: its connection to the lattice, from its start to its end."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from attrs import define, field

from wasmcloud_ctl.testing._command import Command as Record
from wasmcloud_ctl.testing._connection import Connection, Message, Subscription
from wasmcloud_ctl.testing._wadm.api import Api, encode
from wasmcloud_ctl.testing._wadm.backoff import Pauses
from wasmcloud_ctl.testing._wadm.commands import Command
from wasmcloud_ctl.testing._wadm.events import read_event
from wasmcloud_ctl.testing._wadm.faults import WadmFaults
from wasmcloud_ctl.testing._wadm.lattice_state import LatticeState
from wasmcloud_ctl.testing._wadm.line import Line
from wasmcloud_ctl.testing._wadm.manifest import Panic
from wasmcloud_ctl.testing._wadm.manifests import Application, Manifest
from wasmcloud_ctl.testing._wadm.scaler import NoReply, View
from wasmcloud_ctl.testing._wadm.worker import Item, Published, Unpublished, Worker

# The queue group of a real wadm, so that a real and a simulated one can serve together.
_QUEUE = "wadm_server"

# How often wadm sends a command that a host refuses or does not answer.
_ATTEMPTS = 3

# Seconds to wait for a host's reply.
_REPLY_SECONDS = 2.0


@define(kw_only=True, eq=False)
class SimulatedWadm:
    """A wadm of one lattice. To be used on the hosts' event loop only.

    Attributes:
        connection: The connection, which it shares with the hosts.
        lattice: The name of the lattice.
        topic_prefix: The prefix of the control subjects.
        api_prefix: The prefix of the API's subjects.
        on_request: Called with every request to the API.
        faults: Its faults.
        pauses: How long it waits.
        applications: The applications that are stored, by name.
        statuses: The last status of each application, by name.
        running: Whether it runs.
    """

    connection: Connection
    lattice: str
    topic_prefix: str
    api_prefix: str
    on_request: Callable[[Record], None]
    faults: WadmFaults = field(factory=WadmFaults)
    pauses: Pauses = field(factory=Pauses)
    applications: dict[str, Application] = field(factory=dict)
    statuses: dict[str, Mapping[str, object]] = field(factory=dict)
    running: bool = False
    _begun: bool = field(default=False, init=False)
    _api: Api = field(init=False)
    _requests: Line[Message] = field(init=False)
    _items: Line[Item] = field(init=False)
    _commands: Line[Command] = field(init=False)
    _worker: Worker = field(init=False)
    _subscriptions: list[Subscription] = field(factory=list, init=False)
    _ending: asyncio.Task[None] | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._api = Api(self.applications, self.statuses, self)
        self._requests = Line(self._serve)
        self._commands = Line(self._send)
        self._worker = Worker(
            View(self._get_config), self.pauses, self._refresh, self._commands.add, self._publish_other
        )
        self._items = Line(self._worker.handle)
        self._commands.open.set()

    # Start and stop

    async def start(self) -> None:
        """Start. When this returns, the server has the subscriptions.

        wadm knows no host then. It begins to work at the first heartbeat, or when a host starts.
        """
        if self.running:
            return
        self.running = True
        self._begun = False
        self._worker.view.state = LatticeState()
        for line in (self._requests, self._items, self._commands):
            line.start()
        self.apply_faults()
        events, requests = f"wasmbus.evt.{self.lattice}.*", f"{self.api_prefix}.{self.lattice}.>"
        self._subscriptions = [
            await self.connection.subscribe(events, self._receive_event),
            await self.connection.subscribe(requests, self._receive_request, _QUEUE),
        ]
        await self.connection.settle()

    async def stop(self) -> None:
        """Stop. What it has started goes on running, and it keeps its manifests and statuses."""
        self.running = False
        subscriptions, self._subscriptions = self._subscriptions, []
        for subscription in subscriptions:
            await self.connection.unsubscribe(subscription)
        for line in (self._requests, self._items, self._commands):
            line.stop()
        self._worker.end()
        await self.connection.settle()

    @property
    def busy(self) -> bool:
        """Whether it has something to do. What waits for the first heartbeat does not count."""
        return self._requests.busy or self._commands.busy or (self._begun and self._items.busy)

    async def done(self) -> None:
        """Wait until it has nothing to do."""
        await self._requests.done()
        await self._commands.done()
        if self._begun:
            await self._items.done()

    def apply_faults(self) -> None:
        """Open and close its lines as its faults demand."""
        _set(self._requests.open, self.faults.awake.is_set())
        _set(self._items.open, self._begun and not self.faults.held)

    # The API

    def _receive_request(self, message: Message) -> None:
        operation = ".".join(self._rest(message).split(".")[:2])
        self.on_request(Record(operation, message.subject, message.payload, message.headers, None))
        self._requests.add(message)

    def _rest(self, message: Message) -> str:
        """Return the subject from the API's category on, such as ``model.get.shop``."""
        return message.subject[len(f"{self.api_prefix}.{self.lattice}.") :]

    async def _serve(self, message: Message) -> None:
        if self.faults.slowness > 0:
            await asyncio.sleep(self.faults.slowness)
        rest = self._rest(message)
        operation = ".".join(rest.split(".")[:2])
        refusal = self.faults.refusal(operation)
        reply: object = {"message": refusal, "result": "error"}
        if refusal is None:
            try:
                reply = self._api.serve(message.subject, rest, message.payload, message.headers)
            except Panic:
                # In a task of its own, because it ends the line of requests.
                self._ending = asyncio.create_task(self.stop())
                return
        if message.reply_to:
            for part in self.faults.replies(operation, encode(reply)):
                await self.connection.publish(message.reply_to, part)

    def publish_manifest(self, manifest: Manifest) -> None:
        """Deploy a manifest."""
        self._items.add(Published(manifest))

    def unpublish_manifest(self, name: str) -> None:
        """Undeploy an application."""
        self._items.add(Unpublished(name))

    # Events and statuses

    def _receive_event(self, message: Message) -> None:
        event = read_event(message.payload)
        if event is None:
            return
        self._items.add(event)
        if not self._begun and event.name in ("host_started", "host_heartbeat"):
            self._begun = True
            deployed = (application.deployed_manifest for application in self.applications.values())
            self._worker.begin(manifest for manifest in deployed if manifest is not None)
            self.apply_faults()

    async def publish_status(self, name: str, status: Mapping[str, object]) -> None:
        """Publish the status of an application."""
        self.statuses[name] = status
        if not self.faults.loses_event(name):
            await self.connection.publish(f"wadm.status.{self.lattice}.{name}", encode(status))

    async def _publish_other(self, name: str, status: Mapping[str, object]) -> None:
        if self.statuses.get(name) != status:
            await self.publish_status(name, status)

    # Hosts

    async def _request(self, rest: str, payload: bytes) -> Mapping[str, Any]:
        """Send a request to a host and return the reply; raises NoReply."""
        subject = f"{self.topic_prefix}.v1.{self.lattice}.{rest}"
        reply = await self.connection.request(subject, payload, _REPLY_SECONDS)
        try:
            answer = json.loads(reply or b"")
        except ValueError as error:
            raise NoReply(subject) from error
        if not isinstance(answer, dict):
            raise NoReply(subject)
        return answer

    async def _get_config(self, name: str) -> Mapping[str, str] | None:
        found: Mapping[str, str] | None = (await self._request(f"config.get.{name}", b"")).get("response")
        return found

    async def _refresh(self) -> None:
        # Without a reply, wadm goes on with the links that it knows.
        with contextlib.suppress(NoReply):
            self._worker.view.links = (await self._request("link.get", b"")).get("response") or []

    async def _send(self, command: Command) -> None:
        rest = f"{command.operation}.{command.target}" if command.target else command.operation
        payload = b"" if command.body is None else encode(command.body)
        for _ in range(_ATTEMPTS):
            with contextlib.suppress(NoReply):
                if (await self._request(rest, payload)).get("success"):
                    return


def _set(event: asyncio.Event, value: bool) -> None:
    (event.set if value else event.clear)()
