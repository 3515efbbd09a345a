"""wadm's work: it learns from events, deploys and undeploys manifests, and publishes statuses."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

from attrs import define, field, frozen

from wasmcloud_ctl.testing._wadm.backoff import Backoff, Pauses
from wasmcloud_ctl.testing._wadm.commands import APPLICATION, Command
from wasmcloud_ctl.testing._wadm.conversion import Conversion
from wasmcloud_ctl.testing._wadm.events import Event
from wasmcloud_ctl.testing._wadm.manifests import Manifest
from wasmcloud_ctl.testing._wadm.scaler import View
from wasmcloud_ctl.testing._wadm.status import UNDEPLOYED, status, summed

# How long a deployment takes to reach the worker. A status that is asked for at once is the one from before.
_DELIVERY_SECONDS = 0.01


@frozen
class Published:
    """A manifest was deployed."""

    manifest: Manifest


@frozen
class Unpublished:
    """An application was undeployed or deleted, or there was nothing to delete."""

    name: str


# What the worker handles, one after the other.
Item = Event | Published | Unpublished


@define(eq=False)
class Worker:
    """Keeps the deployed applications as their manifests say.

    Attributes:
        view: What is known of the lattice.
        pauses: How long scalers wait.
        refresh: Asks a host for the links, before each item is handled.
        send: Sends a command to a host.
        publish: Publishes the status of an application, if it is another one than the last.
    """

    view: View
    pauses: Pauses
    refresh: Callable[[], Awaitable[None]]
    send: Callable[[Command], None]
    publish: Callable[[str, Mapping[str, object]], Awaitable[None]]
    _scalers: dict[str, list[Backoff]] = field(factory=dict, init=False)

    def begin(self, manifests: Iterable[Manifest]) -> None:
        """Take over the manifests that are deployed when wadm starts."""
        for manifest in manifests:
            self._scalers[manifest["metadata"]["name"]] = self._convert(manifest)

    def end(self) -> None:
        """Forget all applications. What was started for them goes on running."""
        for scalers in self._scalers.values():
            _close(scalers)
        self._scalers.clear()

    async def handle(self, item: Item) -> None:
        """Handle an event or a change of a manifest."""
        if not isinstance(item, Event):
            await asyncio.sleep(_DELIVERY_SECONDS)
        self.view.state.forget_silent(self.pauses.silence)
        if isinstance(item, Event):
            self.view.state.apply(item)
        await self.refresh()
        match item:
            case Published(manifest):
                await self._deploy(manifest)
            case Unpublished(name):
                await self._undeploy(name)
            case _:
                await self._react(item)

    async def _deploy(self, manifest: Manifest) -> None:
        name = manifest["metadata"]["name"]
        outdated = self._scalers.pop(name, [])
        _close(outdated)
        scalers = self._scalers[name] = self._convert(manifest)
        kept = {scaler.id for scaler in scalers}
        cleanup = [command for scaler in outdated if scaler.id not in kept for command in scaler.cleanup()]
        commands = [command for scaler in scalers for command in await scaler.reconcile()]
        await self._publish(name)
        # What is new starts before the old one is stopped. Where both have the same id, a host may keep neither.
        self._send([*commands, *cleanup])
        for other in self._scalers:
            await self._publish(other)

    async def _undeploy(self, name: str) -> None:
        scalers = self._scalers.pop(name, [])
        self._send([command for scaler in scalers for command in scaler.cleanup()])
        await self.publish(name, status(UNDEPLOYED))

    async def _react(self, event: Event) -> None:
        """Let the scalers of the application that an event names react, or else those of all applications."""
        names = list(self._scalers)
        if event.name in ("component_scaled", "provider_started"):
            owner = event.data["annotations"].get(APPLICATION)
            names = names if owner is None else [name for name in names if name == owner]
        for name in names:
            commands = [
                command for scaler in self._scalers[name] for command in await scaler.handle_event(event)
            ]
            await self._publish(name)
            self._send(commands)

    def _convert(self, manifest: Manifest) -> list[Backoff]:
        return Conversion(manifest, self.view, self.pauses).scalers()

    async def _publish(self, name: str) -> None:
        await self.publish(name, summed([scaler.state() for scaler in self._scalers[name]]))

    def _send(self, commands: Sequence[Command]) -> None:
        for command in commands:
            self.send(command)


def _close(scalers: Sequence[Backoff]) -> None:
    for scaler in scalers:
        scaler.close()
