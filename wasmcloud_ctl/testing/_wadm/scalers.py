"""wadm's scalers: each keeps one component, provider, link or config as the manifest says.

A scaler compares what wadm knows with what is wanted, and returns the commands for the difference. What it returns,
in which order and with which words, is that of wadm 0.21.1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from wasmcloud_ctl.testing._wadm.lattice_state import LatticeState

SCALER = "wasmcloud.dev/scaler"
SPREAD = "wasmcloud.dev/spread_name"

_BACKOFF_SECONDS = 5.0


@frozen
class Command:
    """A command to a host, by its operation, such as ``component.scale``. ``target`` ends its subject.

    ``awaits`` is the event that ends it: its name and the fields that it must have. None if wadm awaits none.
    """

    operation: str
    target: str
    body: Mapping[str, object] | None
    awaits: tuple[tuple[str, str], Mapping[str, object]] | None = None


@frozen
class State:
    """The state of a scaler, in wadm's words."""

    type: str
    message: str = ""

    def to_json(self) -> dict[str, str]:
        """Return it as wadm publishes it."""
        return {"type": self.type} | ({"message": self.message} if self.message else {})


DEPLOYED = State("deployed")


def identity(*parts: str) -> str:
    """Return the id of a scaler: a hash of what makes it another one."""
    return hashlib.sha256("".join(parts).encode()).hexdigest()


@frozen
class Place:
    """A spread: its name, the labels that its hosts have, and how many instances it has."""

    name: str
    labels: Mapping[str, str]
    count: int

    def hosts(self, state: LatticeState) -> list[str]:
        """Return the ids of the known hosts that have the labels."""
        return [
            host_id
            for host_id, host in state.hosts.items()
            if all(host.labels.get(key) == value for key, value in self.labels.items())
        ]


def places_of(properties: Mapping[str, Any], *, each: bool) -> list[Place]:
    """Return the spreads of a scaler. Each host of a daemonscaler's spread has all instances."""
    count = properties["instances"]
    spreads = sorted(properties.get("spread") or (), key=lambda spread: -_weight(spread))
    if not spreads:
        return [Place("default", {}, count)]
    if each:
        return [Place(spread["name"], spread["requirements"], count) for spread in properties["spread"]]
    total = sum(map(_weight, spreads))
    counts = [count * _weight(spread) // total for spread in spreads]
    left = count - sum(counts)
    return [
        Place(spread["name"], spread["requirements"], share + (index < left))
        for index, (spread, share) in enumerate(zip(spreads, counts, strict=True))
    ]


def _weight(spread: Mapping[str, Any]) -> int:
    weight = spread.get("weight")
    return 100 if weight is None else weight
