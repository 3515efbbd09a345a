"""The environment of a contract test: two hosts, either simulated or real."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence

import attrs
import pytest

from wasmcloud_ctl import (
    Client,
    ComponentDescription,
    ComponentScaled,
    CtlResponse,
    EventReceiver,
    HostInventory,
    ProviderDescription,
    WaitTimeout,
)
from wasmcloud_ctl.testing._versions import (
    CONFIG_WATCHERS_NAMED,
    MESSAGES,
    SCALE_EVENTS_ALWAYS,
    Difference,
    HostVersion,
)

LABELS = ({"zone": "z1"}, {"zone": "z2"})

# A timeout that is long enough for a real host on a busy machine. No test waits until it expires.
PATIENCE = 10.0


@attrs.frozen
class References:
    """The references of the components and providers in the tests."""

    echo: str
    echo2: str
    signed: str
    provider: str
    absent: str


@attrs.frozen
class World:
    """Two hosts with the labels zone=z1 and zone=z2, and a client of their lattice."""

    version: HostVersion
    url: str
    lattice: str
    host_ids: tuple[str, str]
    client: Client

    def has(self, difference: Difference) -> bool:
        """Return whether the hosts behave in the newer way."""
        return self.version.has(difference)

    @property
    def host_id(self) -> str:
        """The id of the first host."""
        return self.host_ids[0]

    def inventory(self, host_id: str | None = None) -> HostInventory:
        """Return the inventory of a host, by default the first one."""
        return self.client.get_host_inventory(host_id or self.host_id).unwrap()

    def component(self, component_id: str) -> ComponentDescription | None:
        """Return a component of the first host, or None."""
        return next((found for found in self.inventory().components if found.id == component_id), None)

    def provider(self, provider_id: str) -> ProviderDescription | None:
        """Return a provider of the first host, or None."""
        return next((found for found in self.inventory().providers if found.id == provider_id), None)

    def done(self, message: str) -> CtlResponse[None]:
        """Return the response to a request that has succeeded: with this message, if the hosts have one."""
        return CtlResponse(succeeded=True, message=message if self.has(MESSAGES) else "")

    @property
    def config_error(self) -> str:
        """The error of a start with the config ``absent``, which does not exist."""
        watcher = "error setting up watcher for absent: " if self.has(CONFIG_WATCHERS_NAMED) else ""
        return f"Unable to fetch requested config: {watcher}Config absent does not exist"

    def start(
        self,
        reference: str,
        component_id: str = "echo",
        count: int = 1,
        annotations: Mapping[str, str] | None = None,
        config: Sequence[str] = (),
        limits: Mapping[str, str] | None = None,
    ) -> ComponentScaled:
        """Start a component on the first host, wait for all events of the start, and return the data of the last."""
        with self.client.events_receiver("component_scaled") as events:
            self.client.scale_component(
                self.host_id,
                reference,
                component_id,
                count,
                annotations,
                config=config,
                component_limits=limits,
            ).raise_for_status()
            told = [events.get(PATIENCE) for _ in range(2 if self.has(SCALE_EVENTS_ALWAYS) else 1)]
        data = told[-1].data
        assert isinstance(data, ComponentScaled)
        return data

    def until(self, condition: Callable[[], bool]) -> None:
        """Poll until a condition holds on every host, for changes that no event announces.

        Any host may answer a request, from its own memory, which is updated some tens of milliseconds after a change.
        So the condition must hold eight times in a row, which takes longer than that.
        """
        end = time.monotonic() + PATIENCE
        in_a_row = 0
        while in_a_row < 8:
            in_a_row = in_a_row + 1 if condition() else 0
            assert time.monotonic() < end, "the condition did not become true in time"
            time.sleep(0.02)  # no event says when a host has updated its memory

    def none_follows(self, events: EventReceiver) -> None:
        """Check that the receiver gets no further event. The receiver must not be subscribed to labels_changed.

        Each host publishes a label change, which cannot overtake the events that the host has published before.
        Events that a host publishes later get a short time to arrive.
        """
        with self.client.events_receiver("labels_changed") as marks:
            for host_id in self.host_ids:
                self.client.put_label(host_id, "mark", uuid.uuid4().hex).raise_for_status()
                marks.get(PATIENCE)
        with pytest.raises(WaitTimeout):
            pytest.fail(f"unexpected event: {events.get(0.1)}")
