"""What wadm knows of a lattice: the hosts and what runs on them, by their events.

wadm asks no host what it runs. It learns of a host by ``host_started`` or a heartbeat, and forgets it when it
publishes ``host_stopped`` or has been silent for too long. So wadm can be wrong for a while.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from attrs import define, field

from wasmcloud_ctl.testing._wadm.events import Event

# Annotations as a key. wadm counts the instances of a component by host and annotations.
AnnotationsKey = tuple[tuple[str, str], ...]


def annotations_key(annotations: Mapping[str, str]) -> AnnotationsKey:
    """Return annotations in a form that can be a key."""
    return tuple(sorted(annotations.items()))


@define
class KnownHost:
    """A host: its labels, the counts of its components, the annotations of its providers, and its last sign."""

    labels: Mapping[str, str]
    components: dict[str, int] = field(factory=dict)
    providers: dict[str, Mapping[str, str]] = field(factory=dict)
    seen: float = field(factory=time.monotonic)


# The counts of a component by host id and annotations.
Instances = dict[str, dict[AnnotationsKey, int]]


@define
class LatticeState:
    """What wadm knows of a lattice.

    Attributes:
        hosts: The hosts by id.
        components: The instances of components by id.
    """

    hosts: dict[str, KnownHost] = field(factory=dict)
    components: dict[str, Instances] = field(factory=dict)

    def apply(self, event: Event) -> None:
        """Learn from an event of a host."""
        data = event.data
        match event.name:
            case "component_scaled":
                self._component_scaled(event.source, data)
            case "host_heartbeat":
                self._heartbeat(event.source, data)
            case "host_started":
                self.hosts[event.source] = KnownHost(labels=data["labels"])
            case "host_stopped":
                self._host_stopped(event.source)
            case "provider_started":
                if event.source in self.hosts:
                    self.hosts[event.source].providers[data["provider_id"]] = data["annotations"]
            case "provider_stopped":
                if event.source in self.hosts:
                    self.hosts[event.source].providers.pop(data["provider_id"], None)

    def forget_silent(self, seconds: float) -> None:
        """Forget the hosts that were not heard of for so long, and what ran on them."""
        limit = time.monotonic() - seconds
        for host_id in [host_id for host_id, host in self.hosts.items() if host.seen < limit]:
            self._host_stopped(host_id)

    def _component_scaled(self, host_id: str, data: Mapping[str, Any]) -> None:
        component_id, count = data["component_id"], data["max_instances"]
        key = annotations_key(data["annotations"])
        instances = self.components.setdefault(component_id, {})
        if count:
            instances.setdefault(host_id, {})[key] = count
        elif host_id in instances:
            instances[host_id].pop(key, None)
            if not instances[host_id]:
                del instances[host_id]
        if not instances:
            del self.components[component_id]
        host = self.hosts.get(host_id)
        if host is not None and count:
            host.components[component_id] = count
        elif host is not None:
            host.components.pop(component_id, None)

    def _heartbeat(self, host_id: str, data: Mapping[str, Any]) -> None:
        self.hosts[host_id] = KnownHost(
            labels=data["labels"],
            components={found["id"]: found["max_instances"] for found in data["components"]},
            providers={found["id"]: found.get("annotations") or {} for found in data["providers"]},
        )
        for found in data["components"]:
            key = annotations_key(found.get("annotations") or {})
            self.components.setdefault(found["id"], {})[host_id] = {key: found["max_instances"]}

    def _host_stopped(self, host_id: str) -> None:
        self.hosts.pop(host_id, None)
        for component_id in list(self.components):
            self.components[component_id].pop(host_id, None)
            if not self.components[component_id]:
                del self.components[component_id]
