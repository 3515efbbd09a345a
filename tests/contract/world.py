"""Two hosts of either kind, as a test of the contract sees them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

import attrs
import pytest

from wasmcloud_ctl import (
    Client,
    ComponentDescription,
    EventReceiver,
    HostInventory,
    ProviderDescription,
    WaitTimeout,
)

LABELS = ({"zone": "z1"}, {"zone": "z2"})

# Long enough for a real host on a busy machine; nothing waits for it to pass.
PATIENCE = 10.0


@attrs.frozen
class References:
    """What hosts are told to load."""

    echo: str
    echo2: str
    signed: str
    provider: str
    absent: str


@attrs.frozen
class World:
    """Two hosts, with the labels zone=z1 and zone=z2, and a client of their lattice."""

    kind: str
    url: str
    lattice: str
    host_ids: tuple[str, str]
    client: Client

    @property
    def host_id(self) -> str:
        """The first host's id."""
        return self.host_ids[0]

    def inventory(self, host_id: str | None = None) -> HostInventory:
        """What a host says that it runs; the first one, if not told which."""
        return self.client.get_host_inventory(host_id or self.host_id).unwrap()

    def component(self, component_id: str) -> ComponentDescription | None:
        """A component of the first host."""
        return next((found for found in self.inventory().components if found.id == component_id), None)

    def provider(self, provider_id: str) -> ProviderDescription | None:
        """A provider of the first host."""
        return next((found for found in self.inventory().providers if found.id == provider_id), None)

    def start(self, reference: str, component_id: str = "echo", count: int = 1) -> None:
        """Have the first host run a component, and wait until it does: a start is told by two events."""
        with self.client.events_receiver("component_scaled") as events:
            self.client.scale_component(self.host_id, reference, component_id, count).raise_for_status()
            for _ in range(2):
                events.get(PATIENCE)

    def until(self, condition: Callable[[], bool]) -> None:
        """Ask until it is so, by every host. For what no event tells of.

        Whichever host answers does so from its own memory, which follows some tens of milliseconds later. So eight
        answers in a row must say so, over a time that is longer than that.
        """
        end = time.monotonic() + PATIENCE
        in_a_row = 0
        while in_a_row < 8:
            in_a_row = in_a_row + 1 if condition() else 0
            assert time.monotonic() < end, "it did not become so"
            time.sleep(0.02)  # no event tells when a host has learnt what another told

    def none_follows(self, events: EventReceiver) -> None:
        """Be sure that nothing more is told to this receiver, which must not hear of labels.

        Each host is made to publish something, which cannot overtake what it has published before; what it only
        publishes later has a moment to show up.
        """
        with self.client.events_receiver("labels_changed") as marks:
            for host_id in self.host_ids:
                self.client.put_label(host_id, "mark", uuid.uuid4().hex).raise_for_status()
                marks.get(PATIENCE)
        with pytest.raises(WaitTimeout):
            pytest.fail(f"told, too: {events.get(0.1)}")
