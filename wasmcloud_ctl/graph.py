"""A picture of a lattice: its hosts, what runs on them, and the links between::

    from wasmcloud_ctl.graph import LatticeGraph

    LatticeGraph.from_client(client)           # at the end of a notebook's cell: a picture
    print(LatticeGraph.from_client(client))    # anywhere: a tree, in text

The picture needs the extra ``wasmcloud_ctl[graph]``, which brings Graphviz; the text needs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import attrs

from wasmcloud_ctl._display.html import Markup, count, element, one_line, page, short_id, wit
from wasmcloud_ctl.exceptions import CtlError
from wasmcloud_ctl.models import HostInventory, Inventories, Link

if TYPE_CHECKING:
    from wasmcloud_ctl import Client

__all__ = ["LatticeGraph"]


@attrs.frozen(kw_only=True)
class Running:
    """A component or provider on one host.

    Attributes:
        id: Its id.
        kind: In words, such as ``component ×5`` or ``provider``.
        reference: What it was started from.
    """

    id: str
    kind: str
    reference: str


@attrs.frozen(kw_only=True)
class HostBox:
    """A host and what runs on it.

    Attributes:
        id: The host's id.
        name: Its friendly name; empty for one that did not answer.
        labels: The labels that people gave it.
        running: What runs on it.
        error: Why its inventory is not there; None if it is.
    """

    id: str
    name: str = ""
    labels: tuple[str, ...] = ()
    running: tuple[Running, ...] = ()
    error: str | None = None


@attrs.frozen(kw_only=True)
class Arrow:
    """All links from one id to another.

    Attributes:
        source: The id of what imports.
        target: The id of what exports.
        labels: One for each link: what it joins, and its name if it has one of its own.
    """

    source: str
    target: str
    labels: tuple[str, ...]


class LatticeGraph:
    """Hosts with what they run, and the links between, as a picture in a notebook and as text elsewhere.

    Shown at the end of a notebook's cell it is a picture (SVG, laid out by Graphviz); ``str`` of it is a tree.
    Links are of ids, not of hosts: a component that runs on several hosts has an arrow from each, which meet at
    the link's label. What a link names and no host runs stands out.

    Args:
        inventories: What the hosts run: the answer of ``get_host_inventories``, whose errors are shown, too, or
            inventories by themselves.
        links: The links, such as the data of ``get_links``.
        lattice: The lattice's name, for the heading.
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
                HostBox(id=host, error=str(error)) for host, error in sorted(inventories.errors.items())
            ]
            inventories = inventories.data.values()
        boxes = sorted(
            (_host_box(inventory) for inventory in inventories), key=lambda box: (box.name, box.id)
        )
        self._lattice = lattice
        self._hosts = (*boxes, *errors)
        self._links = tuple(links)
        self._arrows = _arrows(self._links)

    @classmethod
    def from_client(
        cls,
        client: Client,
        *,
        expected: int | None = None,
        quiet: float | None = None,
        timeout: float | None = None,
    ) -> LatticeGraph:
        """Ask a lattice's hosts what they run, and for the links.

        Args:
            client: The client of the lattice.
            expected: How many distinct hosts end the asking, above 0; None: it is not ended so.
            quiet: Seconds without a further answer that end it, above 0; None: the client's own.
            timeout: Seconds that the inventories take at most, above 0; None: the client's ``auction_timeout``.

        Returns:
            The graph. A host that did not send its inventory is shown with its error.

        Raises:
            NoResponders: No host listens.
            OperationRejected: A host refused to tell the links.
            CtlError: Whatever else ``get_host_inventories`` and ``get_links`` raise.
        """
        inventories = client.get_host_inventories(expected=expected, quiet=quiet, timeout=timeout)
        # No hosts: nobody to ask for the links. (The errors of single hosts are shown.)
        attrs.evolve(inventories, errors={}).raise_for_status()
        return cls(inventories, client.get_links().unwrap(), lattice=client.lattice)

    @property
    def missing(self) -> tuple[str, ...]:
        """The ids that links name and no host runs, sorted."""
        running = {item.id for host in self._hosts for item in host.running}
        named = {link.source_id for link in self._links} | {link.target for link in self._links}
        return tuple(sorted(named - running))

    def to_svg(self) -> str:
        """The picture, as an SVG document of its own on a white background.

        Raises:
            CtlError: The extra ``wasmcloud_ctl[graph]`` is not installed.
        """
        return self._draw(standalone=True)

    def _draw(self, *, standalone: bool) -> str:
        try:
            from wasmcloud_ctl._display import svg as _picture
        except ImportError as error:
            raise CtlError(f"{_NO_EXTRA} ({error})") from error
        return _picture.draw(self._hosts, self._arrows, self.missing, standalone=standalone)

    def _repr_html_(self) -> str:
        heading = element("div", self._heading(), "title muted")
        try:
            picture = self._draw(standalone=False)
        except CtlError:
            return page(element("div", f"{_NO_EXTRA}."), element("pre", str(self)))
        return page(heading, Markup(f'<div style="overflow-x:auto">{picture}</div>'))

    def __repr__(self) -> str:
        return f"<LatticeGraph {self._heading()}>"

    def _heading(self) -> str:
        items = [item for host in self._hosts for item in host.running]
        providers = {item.id for item in items if item.kind == _PROVIDER}
        components = {item.id for item in items if item.kind != _PROVIDER}
        parts = [
            count(len(self._hosts), "host"),
            count(len(components), "component"),
            count(len(providers), "provider"),
            count(len(self._links), "link"),
        ]
        name = f"lattice {one_line(self._lattice)}: " if self._lattice else ""
        return name + ", ".join(parts)

    def __str__(self) -> str:
        lines = [self._heading()]
        lines += _tree([_host_lines(host) for host in self._hosts])
        if self._arrows:
            missing = set(self.missing)
            lines.append("links")
            lines += _tree([_arrow_lines(arrow, missing) for arrow in self._arrows])
        return "\n".join(lines)


_NO_EXTRA = "A picture needs the extra graph: pip install 'wasmcloud_ctl[graph]'"

_PROVIDER = "provider"


def _host_box(inventory: HostInventory) -> HostBox:
    components = [
        Running(id=found.id, kind=f"component ×{found.max_instances}", reference=found.image_ref)
        for found in inventory.components
    ]
    providers = [
        Running(id=found.id, kind=_PROVIDER, reference=found.image_ref or "") for found in inventory.providers
    ]
    labels = [f"{key}={value}" for key, value in inventory.labels.items() if not key.startswith("hostcore.")]
    return HostBox(
        id=inventory.host_id,
        name=inventory.friendly_name,
        labels=tuple(sorted(labels)),
        running=tuple(sorted([*components, *providers], key=lambda item: (item.kind == _PROVIDER, item.id))),
    )


def _arrows(links: Iterable[Link]) -> tuple[Arrow, ...]:
    labels: dict[tuple[str, str], list[str]] = {}
    for link in links:
        named = "" if link.name == "default" else f" ({link.name})"
        labels.setdefault((link.source_id, link.target), []).append(wit(link) + named)
    return tuple(
        Arrow(source=source, target=target, labels=tuple(sorted(found)))
        for (source, target), found in sorted(labels.items())
    )


# Text -------------------------------------------------------------------------------------------


def _tree(branches: Sequence[Sequence[str]]) -> list[str]:
    """Each branch's first line at a fork, its others beside the trunk."""
    lines = []
    for number, (first, *others) in enumerate(branches, start=1):
        last = number == len(branches)
        lines.append(("└─ " if last else "├─ ") + first)
        lines += [("   " if last else "│  ") + other for other in others]
    return lines


def _host_lines(host: HostBox) -> list[str]:
    if host.error is not None:
        return [f"{short_id(host.id)}  NO INVENTORY: {one_line(host.error, 100)}"]
    labels = "".join(f"  {one_line(label)}" for label in host.labels)
    head = f"{one_line(host.name)} ({short_id(host.id)}){labels}"
    running = [
        [f"{one_line(item.id)}  {item.kind}  {one_line(item.reference)}".rstrip()] for item in host.running
    ]
    return [head, *_tree(running or [["nothing runs here"]])]


def _arrow_lines(arrow: Arrow, missing: set[str]) -> list[str]:
    nowhere = [one_line(end) for end in (arrow.source, arrow.target) if end in missing]
    told = f"  {' AND '.join(dict.fromkeys(nowhere))} RUNS NOWHERE" if nowhere else ""
    ends = f"{one_line(arrow.source)} -> {one_line(arrow.target)}"
    labels = [one_line(label, 100) for label in arrow.labels]
    if len(labels) == 1:
        return [f"{ends}  {labels[0]}{told}"]
    return [f"{ends}{told}", *_tree([[label] for label in labels])]
