"""What a client remembers of its own commands, because no host tells it.

A host that scales a component to another reference *and* another count or config only renames it: the inventory shows
the new reference, and the old code runs. Hosts carry out the commands for one component in any order. So a command
whose outcome is uncertain, for example after a slow download, can lead to this together with the next command.
"""

from __future__ import annotations

import attrs

from wasmcloud_ctl.models import ComponentDescription


@attrs.frozen(kw_only=True)
class Doubts:
    """The commands for one component whose outcome is uncertain.

    Attributes:
        scales: The reference of each scale, and the count that proves it. None if the host showed that count before.
        updates: The reference of each update.
        hidden: References that may run although the host shows another. Only a stop ends this doubt.
    """

    scales: frozenset[tuple[str, int | None]] = frozenset()
    updates: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()

    def after_look(self, component: ComponentDescription | None) -> Doubts:
        """Return the doubts without those commands that the inventory proves to be done."""
        if component is None or self.hidden:
            return self
        shown = component.image_ref
        return Doubts(scales=self.scales - {(shown, component.max_instances)}, updates=self.updates - {shown})

    def about(self, reference: str, *, update: bool) -> frozenset[str]:
        """Return the references of commands that make a scale or update to this one unsafe. Empty if it is safe.

        Updates do not disturb each other: the host fetches the code of each, and carries out one after the other.
        """
        if update and not self.scales:
            return self.hidden
        return (self.updates | {scaled for scaled, _ in self.scales}) - {reference} | self.hidden
