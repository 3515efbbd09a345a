"""What a client remembers of its own commands, because no host tells it.

A host that scales a component to another reference *and* another count or config only renames it: the inventory shows
the new reference, and the old code runs. Hosts carry out the commands for one component in any order. So a command
whose outcome is uncertain can lead to this together with the next command.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import TypeVar

import attrs

from wasmcloud_ctl.models import ComponentDescription

K = TypeVar("K")

# A scale's reference and count.
Scale = tuple[str, int | None]

# How long after its sending an uncertain command is expected to be carried out. A host takes longer only while it
# fetches the image. Another command that arrives during that is safe: it is carried out first. The danger is one that
# arrives just when the late one ends.
_LATE_SECONDS = 5.0


@attrs.frozen(kw_only=True)
class Doubts:
    """The commands for one component whose outcome is uncertain.

    Attributes:
        scales: The reference and the count of each scale or stop, and when it was sent, by the monotonic clock. The
            inventory proves it when it shows both. The count is None if the host showed that count before.
        late: Those of them that no inventory can prove any more: a later one was certain, or is the same. What runs
            is known then, but the host may still carry these out.
        updates: The reference of each update, and when it was sent.
        hidden: References that may run although the host shows another. Only a stop ends this doubt.
    """

    scales: Mapping[Scale, float] = attrs.field(factory=dict)
    late: Mapping[Scale, float] = attrs.field(factory=dict)
    updates: Mapping[str, float] = attrs.field(factory=dict)
    hidden: frozenset[str] = frozenset()

    def after_look(self, component: ComponentDescription | None) -> Doubts:
        """Return the doubts without those commands that the inventory proves to be done."""
        if component is None:
            scales = {scale: sent for scale, sent in self.scales.items() if scale[1] != 0}
            return attrs.evolve(self, scales=scales)
        if self.hidden:
            return self
        shown = component.image_ref
        scales = _without(self.scales, (shown, component.max_instances))
        return attrs.evolve(self, scales=scales, updates=_without(self.updates, shown))

    def settled(self, sent: float) -> Doubts:
        """Return the doubts after a scale or a stop that was sent then, and was certain: it is known what runs."""
        late = {**self.late, **self.scales}
        return Doubts(late=_recent(late, sent), updates=_recent(self.updates, sent))

    def with_scale(self, scale: Scale, sent: float, running: Set[str] = frozenset()) -> Doubts:
        """Return the doubts after a scale or a stop whose outcome is uncertain.

        Args:
            scale: Its reference, and the count that proves it, or None.
            sent: When it was sent.
            running: Other references that the host reported to run meanwhile.
        """
        late = {**self.late, scale: self.scales[scale]} if scale in self.scales else self.late
        scales = {**self.scales, scale: sent}
        return attrs.evolve(self, scales=scales, late=late, hidden=self.hidden | running)

    def with_update(self, reference: str, sent: float) -> Doubts:
        """Return the doubts after an update whose outcome is uncertain."""
        return attrs.evolve(self, updates={**self.updates, reference: sent})

    def without_update(self, reference: str) -> Doubts:
        """Return the doubts after a certain update. Earlier commands may still be carried out after it."""
        return attrs.evolve(self, updates=_without(self.updates, reference))

    def about(self, reference: str) -> Set[str]:
        """Return the references of scales that make a command with this reference unsafe. Empty if it is safe."""
        return {scaled for scaled, count in self.scales if count != 0} - {reference} | self.hidden

    def repeats(self, reference: str) -> bool:
        """Return whether an earlier scale to this reference may still be carried out."""
        return any(scaled == reference for scaled, _ in (*self.scales, *self.late))

    def scale_unsafe_until(self, reference: str) -> float:
        """Return until when a scale to this reference is unsafe because of earlier commands. 0.0 if it is safe."""
        return max(self.update_unsafe_until(reference), _end(_without(self.updates, reference)))

    def update_unsafe_until(self, reference: str) -> float:
        """Return until when an update to this reference is unsafe because of earlier commands. 0.0 if it is safe."""
        stops = {scale: sent for scale, sent in self.scales.items() if scale[1] == 0}
        late = {scale: sent for scale, sent in self.late.items() if scale[0] != reference or scale[1] == 0}
        return max(_end(stops), _end(late))


def _without(commands: Mapping[K, float], done: K) -> dict[K, float]:
    return {command: sent for command, sent in commands.items() if command != done}


def _recent(commands: Mapping[K, float], now: float) -> dict[K, float]:
    return {command: sent for command, sent in commands.items() if now < sent + _LATE_SECONDS}


def _end(commands: Mapping[K, float]) -> float:
    """Return until when the host may carry out the last of these commands."""
    return max(commands.values()) + _LATE_SECONDS if commands else 0.0
