"""How instances are spread over hosts: the spreads of a scaler, their hosts, and their shares of the instances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from wasmcloud_ctl.testing._wadm.commands import SCALER, SPREAD
from wasmcloud_ctl.testing._wadm.lattice_state import AnnotationsKey, LatticeState

_DEFAULT_WEIGHT = 100


@frozen
class Spread:
    """A spread: its name, the labels that its hosts must have, and how many instances it has."""

    name: str
    labels: Mapping[str, str]
    count: int

    def fits(self, labels: Mapping[str, str]) -> bool:
        """Return whether a host with these labels can run the spread's instances."""
        return all(labels.get(key) == value for key, value in self.labels.items())

    def hosts(self, state: LatticeState) -> list[str]:
        """Return the ids of the known hosts that can run the spread's instances."""
        return [host_id for host_id, host in state.hosts.items() if self.fits(host.labels)]

    def annotations(self, scaler_id: str) -> dict[str, str]:
        """Return the annotations of the instances that a scaler starts for the spread."""
        return {SCALER: scaler_id, SPREAD: self.name}

    def owns(self, scaler_id: str, annotations: Mapping[str, str] | AnnotationsKey) -> bool:
        """Return whether a scaler started something with these annotations for the spread."""
        return self.annotations(scaler_id).items() <= dict(annotations).items()


def shares(properties: Mapping[str, Any]) -> list[Spread]:
    """Return the spreads of a spreadscaler, the heaviest first. Each has its share of the instances."""
    instances = properties["instances"]
    spreads = sorted(properties.get("spread", ()), key=lambda spread: -_weight(spread))
    if not spreads:
        return [Spread("default", {}, instances)]
    total = sum(map(_weight, spreads)) or 1  # all weights may be 0
    counts = [instances * _weight(spread) // total for spread in spreads]
    left = instances - sum(counts)
    return [
        Spread(spread["name"], spread.get("requirements", {}), count + (index < left))
        for index, (spread, count) in enumerate(zip(spreads, counts, strict=True))
    ]


def each(properties: Mapping[str, Any]) -> list[Spread]:
    """Return the spreads of a daemonscaler. Each of their hosts has all instances."""
    spreads: Sequence[Mapping[str, Any]] = properties.get("spread") or [{"name": "default"}]
    return [
        Spread(spread["name"], spread.get("requirements", {}), properties["instances"]) for spread in spreads
    ]


def emptied(spreads: Sequence[Spread]) -> list[Spread]:
    """Return the same spreads without instances."""
    return [Spread(spread.name, spread.labels, 0) for spread in spreads]


def ineligible(spreads: Sequence[Spread], state: LatticeState) -> list[str]:
    """Return the ids of the known hosts that none of the spreads fits."""
    eligible = {host_id for spread in spreads for host_id in spread.hosts(state)}
    return [host_id for host_id in state.hosts if host_id not in eligible]


def _weight(spread: Mapping[str, Any]) -> int:
    weight: int = spread.get("weight", _DEFAULT_WEIGHT)
    return weight
