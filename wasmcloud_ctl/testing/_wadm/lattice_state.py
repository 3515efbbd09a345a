"""What wadm knows of a lattice: the hosts and what runs on them, by their events.

wadm asks no host. It learns of a host by its first heartbeat, and forgets it when it publishes ``host_stopped`` or
has been silent for too long. So wadm can be wrong for a while: a client must not rely on its word alone.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from attrs import define, field

Annotations = Mapping[str, str]


@define
class KnownProvider:
    """A provider on a host."""

    reference: str
    annotations: Annotations


@define
class KnownHost:
    """A host: its labels, the counts of its components and its providers by id, and when it was last heard of."""

    labels: Mapping[str, str]
    components: dict[str, int] = field(factory=dict)
    providers: dict[str, KnownProvider] = field(factory=dict)
    seen: float = field(factory=time.monotonic)


@define
class Instances:
    """Instances of a component on a host that were started with the same annotations."""

    annotations: Annotations
    count: int


@define
class LatticeState:
    """Hosts by id, instances by component and host id, and failed health checks by provider and host id."""

    hosts: dict[str, KnownHost] = field(factory=dict)
    components: dict[str, dict[str, list[Instances]]] = field(factory=dict)
    unhealthy: set[tuple[str, str]] = field(factory=set)

    def apply(self, name: str, source: str, data: Mapping[str, Any]) -> None:
        """Learn from an event of a host."""
        match name:
            case "component_scaled":
                self._component_scaled(data)
            case "host_heartbeat":
                self._heartbeat(data)
            case "host_started":
                self.hosts[source] = KnownHost(labels=data["labels"])
            case "host_stopped":
                self._host_stopped(source)
            case "provider_started":
                host = self.hosts.get(data["host_id"])
                if host is not None:
                    host.providers[data["provider_id"]] = KnownProvider(
                        data["image_ref"], data["annotations"]
                    )
            case "provider_stopped":
                host = self.hosts.get(data["host_id"])
                if host is not None:
                    host.providers.pop(data["provider_id"], None)
                self.unhealthy.discard((data["provider_id"], data["host_id"]))
            case "health_check_failed":
                self.unhealthy.add((data["provider_id"], data["host_id"]))
            case "health_check_passed":
                self.unhealthy.discard((data["provider_id"], data["host_id"]))

    def forget_silent(self, seconds: float) -> None:
        """Forget the hosts that were not heard of for so long, and what ran on them."""
        limit = time.monotonic() - seconds
        for host_id in [host_id for host_id, host in self.hosts.items() if host.seen < limit]:
            self._host_stopped(host_id)

    def _component_scaled(self, data: Mapping[str, Any]) -> None:
        component_id, host_id, count = data["component_id"], data["host_id"], data["max_instances"]
        by_host = self.components.setdefault(component_id, {})
        same = by_host.setdefault(host_id, [])
        same[:] = [found for found in same if found.annotations != data["annotations"]]
        if count:
            same.append(Instances(data["annotations"], count))
        if not same:
            del by_host[host_id]
        if not by_host:
            del self.components[component_id]
        host = self.hosts.get(host_id)
        if host is not None and count:
            host.components[component_id] = count
        elif host is not None:
            host.components.pop(component_id, None)

    def _heartbeat(self, data: Mapping[str, Any]) -> None:
        host_id = data["host_id"]
        self.hosts[host_id] = KnownHost(
            labels=data["labels"],
            components={found["id"]: found["max_instances"] for found in data["components"]},
            providers={
                found["id"]: KnownProvider(found["image_ref"], found.get("annotations") or {})
                for found in data["providers"]
            },
        )
        for found in data["components"]:
            instances = Instances(found.get("annotations") or {}, found["max_instances"])
            self.components.setdefault(found["id"], {})[host_id] = [instances]

    def _host_stopped(self, host_id: str) -> None:
        self.hosts.pop(host_id, None)
        for component_id in list(self.components):
            self.components[component_id].pop(host_id, None)
            if not self.components[component_id]:
                del self.components[component_id]
