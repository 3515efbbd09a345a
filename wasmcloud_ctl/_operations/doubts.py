"""What a client remembers of its own commands, because no host tells it.

A host that scales a component to another reference *and* another count or config only renames it: the inventory shows
the new reference, and the old code runs. Hosts carry out the commands for one component in any order. So a command
whose outcome is uncertain can lead to this together with the next command.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from wasmcloud_ctl.models import ComponentDescription

# How long a scale waits for an uncertain update, unless the inventory shows the update sooner. A scale that arrives
# while the host still fetches the image is carried out before the update. It is unsafe only if it arrives just when
# the update ends.
_UPDATE_SECONDS = 5.0


@attrs.frozen(kw_only=True)
class Doubts:
    """The commands for one component whose outcome is uncertain.

    Attributes:
        scales: The reference of each scale, and the count that proves it. None if the host showed that count before.
        updates: The reference of each update, and when it was sent, by the monotonic clock.
        hidden: References that may run although the host shows another. Only a stop ends this doubt.
    """

    scales: frozenset[tuple[str, int | None]] = frozenset()
    updates: Mapping[str, float] = attrs.field(factory=dict)
    hidden: frozenset[str] = frozenset()

    def after_look(self, component: ComponentDescription | None) -> Doubts:
        """Return the doubts without those commands that the inventory proves to be done."""
        if component is None or self.hidden:
            return self
        shown = component.image_ref
        scales = self.scales - {(shown, component.max_instances)}
        return Doubts(scales=scales, updates=_without(self.updates, shown))

    def with_update(self, reference: str, sent: float) -> Doubts:
        """Return the doubts after an update whose outcome is uncertain."""
        return attrs.evolve(self, updates={**self.updates, reference: sent})

    def without_update(self, reference: str) -> Doubts:
        """Return the doubts after a certain update. Earlier commands may still be carried out after it."""
        return attrs.evolve(self, updates=_without(self.updates, reference))

    def about(self, reference: str) -> frozenset[str]:
        """Return the references of commands that make one with this reference unsafe. Empty if it is safe."""
        return frozenset(scaled for scaled, _ in self.scales) - {reference} | self.hidden

    def updates_until(self, reference: str) -> float:
        """Return until when a scale to this reference is unsafe because of updates to others. 0.0 if it is safe."""
        sent = _without(self.updates, reference).values()
        return max(sent) + _UPDATE_SECONDS if sent else 0.0


def _without(updates: Mapping[str, float], reference: str) -> dict[str, float]:
    return {other: sent for other, sent in updates.items() if other != reference}
