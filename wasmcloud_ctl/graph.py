"""A graph of a lattice: its hosts, what runs on them, and the links between::

    from wasmcloud_ctl.graph import LatticeGraph

    LatticeGraph.from_client(client)           # at the end of a notebook's cell: a picture
    print(LatticeGraph.from_client(client))    # anywhere: a text tree

Neither needs an extra.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import attrs

from wasmcloud_ctl._display import html
from wasmcloud_ctl._display.diagram import Arrow, Diagram, HostBox, Item, Label
from wasmcloud_ctl._display.svg import picture
from wasmcloud_ctl._display.terminal import Printer, encodable, is_item, print_pretty
from wasmcloud_ctl._display.text import with_short_ids
from wasmcloud_ctl._operations.application import APPLICATION
from wasmcloud_ctl._options import arguments
from wasmcloud_ctl._presentation import interfaces_of
from wasmcloud_ctl.models import (
    ComponentDescription,
    CtlResponse,
    HostInventory,
    Inventories,
    Link,
    ProviderDescription,
)

__all__ = ["LatticeGraph"]


class LatticeClient(Protocol):
    """The part of ``Client`` that :meth:`LatticeGraph.from_client` uses."""

    @property
    def lattice(self) -> str: ...
    def get_host_inventories(
        self, *, expected: int | None, quiet: float | None, timeout: float | None
    ) -> Inventories: ...
    def get_links(self) -> CtlResponse[list[Link]]: ...


class LatticeGraph:
    """Hosts, what they run and the links between: a picture in a notebook, a text tree elsewhere.

    At the end of a notebook's cell it is displayed as a picture (SVG). ``str`` returns a text tree. Links join ids,
    not hosts: the picture shows the links first, with each component and provider once, and then the hosts with what
    runs on each. Ids that a link names and no host runs are marked. What wadm has started has the name of its
    application.

    Args:
        inventories: The result of ``get_host_inventories``, or single inventories. The result's errors are shown,
            too.
        links: The links of the lattice, such as ``client.get_links().unwrap()``.
        lattice: The lattice's name for the heading. Left out by default.
    """

    def __init__(
        self,
        inventories: Inventories | Iterable[HostInventory],
        links: Iterable[Link] = (),
        *,
        lattice: str = "",
    ) -> None:
        errors: list[HostBox] = []
        if isinstance(inventories, Inventories):
            errors = [
                HostBox(id=host_id, error=with_short_ids(str(error)))
                for host_id, error in sorted(inventories.errors.items())
            ]
            inventories = inventories.data.values()
        checked = arguments.sequence_of(HostInventory, inventories, "inventories")
        hosts = sorted(map(_host_box, checked), key=lambda host: (host.name, host.id))
        arrows = _arrows(arguments.sequence_of(Link, links, "links"))
        name = arguments.text(lattice, "lattice")
        self._diagram = Diagram(lattice=name, hosts=[*hosts, *errors], arrows=arrows)

    @classmethod
    def from_client(
        cls,
        client: LatticeClient,
        *,
        expected: int | None = None,
        quiet: float | None = None,
        timeout: float | None = None,
    ) -> LatticeGraph:
        """Request the inventories and links of a client's lattice, and return their graph.

        Args:
            client: The client of the lattice.
            expected: Stop as soon as this many distinct hosts have replied, 1 or more. No limit by default.
            quiet: Stop after this many seconds without a further reply, above 0. Defaults to the client's ``quiet``.
            timeout: Seconds to wait for the inventories, above 0. Defaults to the client's ``auction_timeout``.

        Returns:
            The graph. A host whose inventory is missing is shown with its error.

        Raises:
            NoResponders: No host listens.
            OperationRejected: A host refused to list the links.
            CtlError: Any other error of ``get_host_inventories`` and ``get_links``.
        """
        inventories = client.get_host_inventories(expected=expected, quiet=quiet, timeout=timeout)
        # Without hosts nobody can list the links, so this raises. The errors of single hosts are shown instead.
        attrs.evolve(inventories, errors={}).raise_for_status()
        return cls(inventories, client.get_links().unwrap(), lattice=client.lattice)

    @property
    def applications(self) -> dict[str, tuple[str, ...]]:
        """The ids of the components and providers of each application, by its name. Both are sorted.

        wadm notes the application in the annotations of what it starts. What several applications share belongs to
        the one that has started it.
        """
        return {name: tuple(ids) for name, ids in self._diagram.applications().items()}

    @property
    def missing(self) -> tuple[str, ...]:
        """The ids that links name and no host runs, sorted."""
        return tuple(self._diagram.missing())

    def to_svg(self) -> str:
        """Return the picture as a complete SVG document with a white background."""
        return picture(self._diagram, standalone=True)

    def _repr_pretty_(self, printer: Printer, cycle: bool) -> None:
        print_pretty(printer, repr(self) if is_item(printer) else str(self))

    def _repr_html_(self) -> str:
        return html.picture(self._diagram.heading(), picture(self._diagram, standalone=False))

    def __repr__(self) -> str:
        return encodable(f"<LatticeGraph {self._diagram.heading()}>")

    def __str__(self) -> str:
        return encodable(self._diagram.as_text())


def _host_box(inventory: HostInventory) -> HostBox:
    components = [
        Item(item.id, "component", f"component ×{item.max_instances}", item.image_ref, _application_of(item))
        for item in inventory.components
    ]
    providers = [
        Item(item.id, "provider", "provider", item.image_ref or "", _application_of(item))
        for item in inventory.providers
    ]
    labels = [f"{key}={value}" for key, value in inventory.labels.items() if not key.startswith("hostcore.")]
    return HostBox(
        id=inventory.host_id,
        name=inventory.friendly_name,
        labels=sorted(labels),
        items=sorted([*components, *providers], key=lambda item: (item.kind, item.id)),
    )


def _application_of(item: ComponentDescription | ProviderDescription) -> str:
    return (item.annotations or {}).get(APPLICATION, "")


def _arrows(links: Iterable[Link]) -> list[Arrow]:
    labels: dict[tuple[str, str], list[Label]] = {}
    for link in links:
        name = "" if link.name == "default" else f" ({link.name})"
        configs = tuple(
            f"{end} config: {', '.join(names)}"
            for end, names in (("source", link.source_config), ("target", link.target_config))
            if names
        )
        label = Label(interfaces_of(link), name, configs)
        labels.setdefault((link.source_id, link.target), []).append(label)
    return [
        Arrow(source=source, target=target, labels=sorted(found))
        for (source, target), found in sorted(labels.items())
    ]
