"""The scalers of providers. A host runs a provider once, whichever scaler started it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import define

from wasmcloud_ctl.testing._wadm import spread
from wasmcloud_ctl.testing._wadm.commands import SCALER, Command, start_provider, stop_provider
from wasmcloud_ctl.testing._wadm.part_scaler import Part, PartScaler
from wasmcloud_ctl.testing._wadm.scaler import View
from wasmcloud_ctl.testing._wadm.spread import Spread
from wasmcloud_ctl.testing._wadm.status import DEPLOYED, State


@define
class ProviderScaler(PartScaler):
    """What both scalers of providers have in common."""

    own_events = ("provider_started", "provider_stopped")
    id_field = "provider_id"

    def plan(self) -> tuple[list[Command], State]:
        """Return the commands that are needed, and the state."""
        misplaced = [
            host_id
            for host_id in spread.ineligible(self.spreads, self.view.state)
            if self._annotations(host_id).get(SCALER) == self.id
        ]
        if misplaced:
            text = "Found providers running on ineligible hosts, removing them."
            return [stop_provider(host_id, self.part.id) for host_id in misplaced], State("reconciling", text)
        commands: list[Command] = []
        failures: list[str] = []
        for found in self.spreads:
            commands += self.plan_spread(found, found.hosts(self.view.state), failures)
        if failures:
            return commands, State("failed", " ".join(failures))
        if commands:
            return commands, State("reconciling", f"Scaling provider on {len(commands)} host(s)")
        return [], DEPLOYED

    def plan_spread(self, found: Spread, hosts: Sequence[str], failures: list[str]) -> list[Command]:
        """Return the commands for one spread, which has these hosts, and add what is not possible to ``failures``."""
        raise NotImplementedError

    def _annotations(self, host_id: str) -> Mapping[str, str]:
        return self.view.state.hosts[host_id].providers.get(self.part.id, {})

    def runs_on(self, host_id: str) -> bool:
        """Return whether a host runs the provider."""
        return self.part.id in self.view.state.hosts[host_id].providers

    def _start(self, host_id: str, found: Spread) -> Command:
        part = self.part
        provider = part.id, part.reference
        return start_provider(part.application, host_id, provider, found.annotations(self.id), part.config)


class ProviderSpread(ProviderScaler):
    """A spreadscaler of a provider: one instance on each of so many hosts."""

    @classmethod
    def make(cls, view: View, part: Part, properties: Mapping[str, Any]) -> ProviderSpread:
        """Make the scaler from the properties of its trait."""
        return cls(view, part, spread.shares(properties), "SpreadScaler")

    def plan_spread(self, found: Spread, hosts: Sequence[str], failures: list[str]) -> list[Command]:
        """Return the commands for one spread."""
        running = [host_id for host_id in hosts if self.runs_on(host_id)]
        own = [host_id for host_id in running if found.owns(self.id, self._annotations(host_id))]
        if len(running) > found.count:
            return [stop_provider(host_id, self.part.id) for host_id in own[: len(running) - found.count]]
        # What other scalers started counts twice here, as in wadm.
        missing = max(0, found.count - len(running) - (len(running) - len(own)))
        if len(running) == found.count:
            missing = 0
        free = [host_id for host_id in hosts if not self.runs_on(host_id)][:missing]
        if len(free) < missing:
            failures.append(
                f"Could not satisfy spread {found.name} for {self.part.reference}, {len(own)}/{found.count} "
                "eligible hosts found."
            )
        return [self._start(host_id, found) for host_id in free]


class ProviderDaemon(ProviderScaler):
    """A daemonscaler of a provider: one instance on each host."""

    @classmethod
    def make(cls, view: View, part: Part, properties: Mapping[str, Any]) -> ProviderDaemon:
        """Make the scaler from the properties of its trait."""
        return cls(view, part, spread.each(properties), "DaemonScaler")

    def plan_spread(self, found: Spread, hosts: Sequence[str], failures: list[str]) -> list[Command]:
        """Return the commands for one spread. wadm starts what does not run even where it cleans up."""
        if not hosts:
            failures.append(
                f"Could not satisfy daemonscaler {found.name} for {self.part.reference}, 0 eligible hosts found."
            )
        commands = []
        for host_id in hosts:
            if not self.runs_on(host_id):
                commands.append(self._start(host_id, found))
            elif found.count == 0:
                commands.append(stop_provider(host_id, self.part.id))
        return commands
