"""What the scalers of components and providers have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from attrs import define, evolve

from wasmcloud_ctl.testing._wadm import spread
from wasmcloud_ctl.testing._wadm.commands import Command
from wasmcloud_ctl.testing._wadm.events import Event
from wasmcloud_ctl.testing._wadm.scaler import View, identity
from wasmcloud_ctl.testing._wadm.spread import Spread
from wasmcloud_ctl.testing._wadm.status import State

_HOST_EVENTS = ("host_started", "host_stopped", "host_heartbeat")


@define
class Part:
    """A component or provider of an application.

    Attributes:
        application: The name of the application.
        name: The name in the manifest.
        id: The id in the lattice.
        reference: The image.
        config: The names of the configs.
    """

    application: str
    name: str
    id: str
    reference: str
    config: Sequence[str]

    def scaler_id(self, kind: str) -> str:
        """Return the id of its scaler."""
        return identity(kind, self.application, self.name, self.id, self.reference, *self.config)


@define
class PartScaler:
    """A scaler of one component or provider.

    Attributes:
        view: What is known of the lattice.
        part: The component or provider.
        spreads: How its instances are spread over hosts.
        kind: The kind, such as ``SpreadScaler``.
        own_events: The events about the component or provider.
        id_field: The field of these events with its id.
    """

    view: View
    part: Part
    spreads: list[Spread]
    kind: str
    own_events: ClassVar[tuple[str, ...]]
    id_field: ClassVar[str]

    @property
    def id(self) -> str:
        """The id."""
        return self.part.scaler_id(self.kind)

    @property
    def name(self) -> str:
        """The id of the component or provider."""
        return self.part.id

    def concerns(self, event: Event) -> bool:
        """Return whether an event is about the component or provider, its configs or its hosts."""
        if event.name in _HOST_EVENTS:
            return any(found.fits(event.data["labels"]) for found in self.spreads)
        if event.name in self.own_events:
            return bool(event.data[self.id_field] == self.part.id)
        return event.name == "config_set" and event.data["config_name"] in self.part.config

    def cleanup(self) -> list[Command]:
        """Return the commands that stop all instances."""
        return evolve(self, spreads=spread.emptied(self.spreads)).plan()[0]

    def plan(self) -> tuple[list[Command], State]:
        """Return the commands that are needed, and the state."""
        raise NotImplementedError
