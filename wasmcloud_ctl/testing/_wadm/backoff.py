"""How wadm waits for what it has asked for, and after a failure."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from attrs import define, field

from wasmcloud_ctl.testing._wadm.commands import Command, Expected, matches
from wasmcloud_ctl.testing._wadm.config_scalers import ConfigScaler
from wasmcloud_ctl.testing._wadm.events import Event
from wasmcloud_ctl.testing._wadm.scaler import Scaler
from wasmcloud_ctl.testing._wadm.status import ScalerState, State


@define
class Pauses:
    """How long wadm waits.

    Attributes:
        component: Seconds to wait for the event that ends a command for a component, or for a link.
        provider: The same for a provider.
        failure: Seconds to wait after a failure.
        silence: Seconds without a heartbeat after which a host is forgotten.
    """

    component: float = 5.0
    provider: float = 60.0
    failure: float = 5.0
    silence: float = 70.0


@define(eq=False)
class Backoff:
    """A scaler with its configs. It plans nothing while it waits for the end of its commands, or after a failure.

    Attributes:
        scaler: The scaler.
        configs: The configs that must be there before the scaler plans anything.
        pauses: How long to wait.
        of_provider: Whether it waits as long as for a provider.
    """

    scaler: Scaler
    configs: Sequence[ConfigScaler]
    pauses: Pauses
    of_provider: bool = False
    _expected: list[tuple[Expected, ...]] = field(factory=list, init=False)
    _failure: State | None = field(default=None, init=False)
    _expiry: asyncio.TimerHandle | None = field(default=None, init=False)
    _recovery: asyncio.TimerHandle | None = field(default=None, init=False)

    @property
    def id(self) -> str:
        """The scaler's id."""
        return self.scaler.id

    def state(self) -> ScalerState:
        """Return the state of the scaler."""
        state = self._failure or self.scaler.plan()[1]
        return ScalerState(self.scaler.id, self.scaler.kind, self.scaler.name, state)

    async def handle_event(self, event: Event) -> list[Command]:
        """Return the commands that are needed after an event."""
        if self._receive(event) or self._waits:
            return []
        commands: list[Command] = []
        for config in self.configs:
            commands += await config.handle_event(event)
        if commands or not self.scaler.concerns(event):
            return commands
        return self._plan()

    async def reconcile(self) -> list[Command]:
        """Return the commands that are needed at first."""
        commands: list[Command] = []
        for config in self.configs:
            commands += await config.reconcile()
        return commands or self._plan()

    def cleanup(self) -> list[Command]:
        """Return the commands that remove what the scaler and its configs have started."""
        self.close()
        commands = self.scaler.cleanup()
        for config in self.configs:
            commands += config.cleanup()
        return commands

    def close(self) -> None:
        """Stop waiting."""
        for timer in (self._expiry, self._recovery):
            if timer is not None:
                timer.cancel()

    @property
    def _waits(self) -> bool:
        return bool(self._expected) or self._failure is not None

    def _plan(self) -> list[Command]:
        commands, _ = self.scaler.plan()
        self._expected += [command.expected for command in commands if command.expected]
        if self._expected:
            seconds = self.pauses.provider if self.of_provider else self.pauses.component
            if self._expiry is not None:
                self._expiry.cancel()
            self._expiry = asyncio.get_running_loop().call_later(seconds, self._expected.clear)
        return commands

    def _receive(self, event: Event) -> bool:
        """Return whether the event was expected, and note a failure."""
        ended = [pair for pair in self._expected if any(matches(event, one) for one in pair)]
        for pair in ended:
            self._expected.remove(pair)
        if ended and event.name.endswith("_failed"):
            self._failure = State("failed", event.data["error"])
            if self._recovery is not None:
                self._recovery.cancel()
            self._recovery = asyncio.get_running_loop().call_later(self.pauses.failure, self._recover)
        return bool(ended)

    def _recover(self) -> None:
        self._failure = None
