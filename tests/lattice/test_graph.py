"""The graph of a lattice that a client asks for."""

from __future__ import annotations

import pytest

from wasmcloud_ctl import (
    Client,
    Link,
    NoResponders,
)
from wasmcloud_ctl.graph import LatticeGraph
from wasmcloud_ctl.testing import PracticeLattice


def test_a_graph_from_a_client(lattice: PracticeLattice, client: Client) -> None:
    """One line asks for the inventories and the links."""
    client.scale_component(lattice.hosts[0].id, "acme/web:1", "web", 5, wait=5)
    client.put_link(Link("web", "redis", "wasi", "keyvalue", ["store"]), wait=5)

    graph = LatticeGraph.from_client(client, expected=2)

    assert (
        repr(graph) == f"<LatticeGraph lattice {lattice.lattice}: 2 hosts, 1 component, 0 providers, 1 link>"
    )
    assert graph.missing == ("redis",)


def test_a_graph_knows_applications_from_annotations(lattice: PracticeLattice, client: Client) -> None:
    """What has the annotation that wadm gives is of that application."""
    by_wadm = {"wasmcloud.dev/appspec": "shop"}
    host = lattice.hosts[0].id
    client.scale_component(host, "acme/web:1", "shop-web", 5, by_wadm, wait=5)
    client.start_provider(host, "acme/http:1", "shop-http", by_wadm, wait=5)
    client.scale_component(host, "acme/chat:1", "chat", 5, {"team": "b"}, wait=5)

    assert LatticeGraph.from_client(client, expected=2).applications == {"shop": ("shop-http", "shop-web")}


def test_a_graph_of_an_empty_lattice_is_refused(client: Client) -> None:
    """Where no host listens there is nothing to draw, and the error says what to check."""
    with pytest.raises(NoResponders, match=r"nobody listens on wasmbus\.ctl\.v1\.nobody-here\.host\.ping"):
        LatticeGraph.from_client(client.for_lattice("nobody-here"))
