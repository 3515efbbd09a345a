"""What events and inventories of one host say about each other. Pure functions and values.

A host publishes some events just before its inventory shows the change. And its inventory can name another image than
the one that runs: a scale to another reference and another count only renames a component, and its event still has
the old reference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter

import attrs

from wasmcloud_ctl.events import ComponentScaled, EventData, LabelsChanged, ProviderStarted, ProviderStopped
from wasmcloud_ctl.models import ComponentDescription, HostInventory, ProviderDescription


def same(one: HostInventory, other: HostInventory) -> bool:
    """Return whether two inventories of a host differ in nothing but the uptime, and the order of what they list."""
    return (
        one.labels == other.labels
        and one.friendly_name == other.friendly_name
        and one.version == other.version
        and _same_items(one.components, other.components)
        and _same_items(one.providers, other.providers)
    )


def _same_items(
    one: Sequence[ComponentDescription | ProviderDescription],
    other: Sequence[ComponentDescription | ProviderDescription],
) -> bool:
    if one == other:
        return True
    by_id = attrgetter("id")
    return len(one) == len(other) and sorted(one, key=by_id) == sorted(other, key=by_id)


def topic(data: EventData) -> tuple[str, str]:
    """Return what an event is about. A later event about the same replaces it."""
    match data:
        case ComponentScaled(component_id=component_id):
            return "component", component_id
        case ProviderStarted(provider_id=provider_id) | ProviderStopped(provider_id=provider_id):
            return "provider", provider_id
        case LabelsChanged():
            return "labels", ""
        case _:
            return "", ""


def agrees(data: EventData, inventory: HostInventory, images: Mapping[str, RunningImage]) -> bool:
    """Return whether an inventory shows what an event says. ``images`` are by the events up to this one."""
    match data:
        case ComponentScaled(component_id=component_id, max_instances=0):
            # The end of a component, or of the old code of an update.
            shown = (found.image_ref for found in inventory.components if found.id == component_id)
            return next(shown, None) == images[component_id].shown
        case ComponentScaled(component_id=component_id, image_ref=reference, max_instances=count):
            wanted = component_id, reference, count
            return any(
                wanted == (found.id, found.image_ref, found.max_instances) for found in inventory.components
            )
        case ProviderStarted(provider_id=provider_id):
            return any(found.id == provider_id for found in inventory.providers)
        case ProviderStopped(provider_id=provider_id):
            return all(found.id != provider_id for found in inventory.providers)
        case LabelsChanged(labels=labels):
            return labels == inventory.labels
        case _:
            return True


@attrs.define
class RunningImage:
    """What runs of one component on a host, by its events.

    Attributes:
        runs: The reference of the code that runs. None if nothing does.
        shown: The reference that the host names. It differs from ``runs`` if the host has renamed the component.
        ended: What ran before the last event, which said that it has ended.
    """

    runs: str | None
    shown: str | None
    ended: str | None = None
    _updating: bool = False

    def add(self, data: ComponentScaled) -> None:
        """Take the next event."""
        reference = data.image_ref
        if data.max_instances:
            # The first event of an update has a new reference. So has that of the first scale after a renaming.
            self._updating = self.shown not in (None, reference)
            self.shown = reference
            self.runs = self.runs or reference
            self.ended = None
        elif self._updating:
            # The second event of an update: the old code has ended. Host 1.0.0 says so with the old reference.
            self.runs = self.shown
            self._updating = False
        else:
            self.ended = self.runs or self.ended
            self.runs = self.shown = None
