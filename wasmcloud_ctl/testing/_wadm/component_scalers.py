"""The scalers of components: a spreadscaler has its instances anywhere, a daemonscaler on each host."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import define

from wasmcloud_ctl.testing._wadm import spread
from wasmcloud_ctl.testing._wadm.commands import Command, scale
from wasmcloud_ctl.testing._wadm.part_scaler import Part, PartScaler
from wasmcloud_ctl.testing._wadm.scaler import View
from wasmcloud_ctl.testing._wadm.spread import Spread
from wasmcloud_ctl.testing._wadm.status import DEPLOYED, State


@define
class ComponentScaler(PartScaler):
    """What both scalers of components have in common."""

    own_events = ("component_scaled",)
    id_field = "component_id"

    def plan(self) -> tuple[list[Command], State]:
        """Return the commands that are needed, and the state."""
        misplaced = [
            host_id
            for host_id in spread.ineligible(self.spreads, self.view.state)
            if self.part.id in self.view.state.hosts[host_id].components
        ]
        if misplaced:
            text = "Found components running on ineligible hosts, removing them."
            return [self._scale(host_id, 0, {}) for host_id in misplaced], State("reconciling", text)
        commands: list[Command] = []
        failures: list[str] = []
        for found in self.spreads:
            hosts = found.hosts(self.view.state)
            if hosts:
                commands += self.plan_spread(found, hosts)
            else:
                failures.append(self.unsatisfied(found))
        conflict = self.conflict(commands)
        if conflict:
            return [], State("failed", conflict)
        if failures:
            return commands, State("failed", " ".join(failures))
        if commands:
            return commands, State("reconciling", f"Scaling component on {len(commands)} host(s)")
        return [], DEPLOYED

    def plan_spread(self, found: Spread, hosts: Sequence[str]) -> list[Command]:
        """Return the commands for one spread, which has these hosts."""
        raise NotImplementedError

    def unsatisfied(self, found: Spread) -> str:
        """Return the message for a spread without hosts."""
        raise NotImplementedError

    def conflict(self, commands: Sequence[Command]) -> str:
        """Return the message for commands that do not lead to what the spreads demand. Empty if they do."""
        return ""

    def running(self, found: Spread) -> dict[str, int]:
        """Return how many instances of a spread run, by host id."""
        counts = {
            host_id: sum(count for key, count in instances.items() if found.owns(self.id, key))
            for host_id, instances in self.view.state.components.get(self.part.id, {}).items()
        }
        return {host_id: count for host_id, count in counts.items() if count}

    def _scale(self, host_id: str, count: int, annotations: Mapping[str, str]) -> Command:
        part = self.part
        return scale(part.application, host_id, (part.id, part.reference), count, annotations, part.config)


class ComponentSpread(ComponentScaler):
    """A spreadscaler of a component."""

    @classmethod
    def make(cls, view: View, part: Part, properties: Mapping[str, Any]) -> ComponentSpread:
        """Make the scaler from the properties of its trait."""
        return cls(view, part, spread.shares(properties), "SpreadScaler")

    def plan_spread(self, found: Spread, hosts: Sequence[str]) -> list[Command]:
        """Return the commands for one spread. All missing instances start on one host."""
        annotations = found.annotations(self.id)
        running = self.running(found)
        surplus = sum(running.values()) - found.count
        if surplus < 0:
            return [self._scale(hosts[0], found.count, annotations)]
        commands: list[Command] = []
        if surplus > 0:
            for host_id, count in running.items():
                commands.append(self._scale(host_id, max(0, count - surplus), annotations))
                surplus -= min(count, surplus)
        return commands

    def unsatisfied(self, found: Spread) -> str:
        """Return the message for a spread without hosts."""
        return f"Could not satisfy spread {found.name} for {self.part.reference}, 0/1 eligible hosts found."

    def conflict(self, commands: Sequence[Command]) -> str:
        """Return what differs between the spreads' instances and those after the commands."""
        state = self.view.state
        counts: Counter[str] = Counter()
        for found in self.spreads:
            if found.hosts(state):
                counts.update(self.running(found))
        planned: dict[str, int] = {}
        for command in commands:
            count = command.body["count"] if command.body is not None else 0
            assert isinstance(count, int)
            planned[command.target] = max(planned.get(command.target, 0), count)
        projected = {found.name: (0, 0) for found in self.spreads}
        for found in self.spreads:
            total = sum(planned.get(host_id, counts[host_id]) for host_id in found.hosts(state))
            projected[found.name] = total, found.count
        return ", ".join(
            f"Spread requirement conflict: {name} spread requires {wanted} instances vs {total} computed from "
            "reconciliation commands"
            for name, (total, wanted) in projected.items()
            if total != wanted
        )


class ComponentDaemon(ComponentScaler):
    """A daemonscaler of a component."""

    @classmethod
    def make(cls, view: View, part: Part, properties: Mapping[str, Any]) -> ComponentDaemon:
        """Make the scaler from the properties of its trait."""
        return cls(view, part, spread.each(properties), "DaemonScaler")

    def plan_spread(self, found: Spread, hosts: Sequence[str]) -> list[Command]:
        """Return the commands for one spread, one for each host with another count."""
        running = self.running(found)
        annotations = found.annotations(self.id)
        return [
            self._scale(host_id, found.count, annotations)
            for host_id in hosts
            if running.get(host_id, 0) != found.count
        ]

    def unsatisfied(self, found: Spread) -> str:
        """Return the message for a spread without hosts."""
        return (
            f"Could not satisfy daemonscaler {found.name} for {self.part.reference}, 0 eligible hosts found."
        )
