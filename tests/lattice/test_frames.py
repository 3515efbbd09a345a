"""Answers of a lattice as a pandas frame."""

from __future__ import annotations

import attrs
import pandas

from wasmcloud_ctl import Client, Host
from wasmcloud_ctl.testing import PracticeLattice


def test_hosts_go_into_pandas(lattice: PracticeLattice, client: Client) -> None:
    """The one line of the documentation makes a frame with a row for each host."""
    frame = pandas.DataFrame([host.to_dict() for host in client.get_hosts(expected=2).data])

    assert set(frame["id"]) == {host.id for host in lattice.hosts}
    assert set(frame.columns) == {field.name for field in attrs.fields(Host)}


def test_what_runs_goes_into_pandas(lattice: PracticeLattice, client: Client) -> None:
    """A row for each component and provider, with the host's name."""
    client.scale_component(lattice.hosts[0].id, "acme/web:1", "web", 5, wait=5)
    frame = pandas.DataFrame(client.get_host_inventories(expected=2).to_rows())

    columns = ["friendly_name", "kind", "id", "max_instances"]
    assert frame[columns].values.tolist() == [[lattice.hosts[0].friendly_name, "component", "web", 5]]
