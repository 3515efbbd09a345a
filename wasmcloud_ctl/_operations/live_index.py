"""The picture that a live view has of the hosts, and the index of what runs, from which it is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

import attrs

from wasmcloud_ctl.models import ComponentDescription, Doubt, HostInventory, ProviderDescription

Item = TypeVar("Item", ComponentDescription, ProviderDescription)


@attrs.frozen(eq=False)
class HostsPicture:
    """The inventories at one moment, by host id; what runs, by its id and then by host id; and the doubts."""

    hosts: Mapping[str, HostInventory] = attrs.Factory(dict)
    components: Mapping[str, Mapping[str, ComponentDescription]] = attrs.Factory(dict)
    providers: Mapping[str, Mapping[str, ProviderDescription]] = attrs.Factory(dict)
    doubts: tuple[Doubt, ...] = ()


class Index(Generic[Item]):
    """Descriptions by their id and then by host id."""

    def __init__(self) -> None:
        self._by_id: dict[str, dict[str, Item]] = {}
        # The last copy, unless something has changed since; and the inner maps that no copy shares.
        self._copy: dict[str, dict[str, Item]] | None = None
        self._own: set[str] = set()

    def replace(self, host_id: str, old: Sequence[Item], new: Sequence[Item]) -> None:
        """Put what a host runs now in the place of what it ran."""
        before = {item.id: item for item in old}
        after = {item.id: item for item in new}
        for item_id in before.keys() | after.keys():
            item = after.get(item_id)
            if item == before.get(item_id):
                continue
            self._copy = None
            hosts = self._by_id.get(item_id, {})
            if item_id not in self._own:
                hosts = self._by_id[item_id] = hosts.copy()
                self._own.add(item_id)
            if item is not None:
                hosts[host_id] = item
            else:
                hosts.pop(host_id, None)
                if not hosts:
                    del self._by_id[item_id]
                    self._own.discard(item_id)

    def copy(self) -> dict[str, dict[str, Item]]:
        """Return a copy that is not changed any more."""
        if self._copy is None:
            self._copy = self._by_id.copy()
            self._own.clear()
        return self._copy
