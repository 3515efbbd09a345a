"""A smoke test of the installed wheel: the pytest plugin, a request, a command with its outcome, and an event.

tox's release environment runs it with the wheel and its extra "testing", and nothing else.
"""

from __future__ import annotations

from wasmcloud_ctl import ComponentScaled
from wasmcloud_ctl.testing import PracticeLattice


def test_a_component_starts_and_stops(practice_lattice: PracticeLattice) -> None:
    """The plugin starts a lattice, a client scales a component up and down, and the events say so."""
    host_id = practice_lattice.hosts[0].id
    with practice_lattice.connect() as client, client.events_receiver("component_scaled") as events:
        assert host_id in {host.id for host in client.get_hosts().data}

        client.scale_component(host_id, "registry.example/acme/echo:1", "echo", 2, wait=5)
        scaled = events.get(timeout=5).data
        assert isinstance(scaled, ComponentScaled)
        inventory = client.get_host_inventory(host_id).data
        assert inventory is not None
        [component] = inventory.components
        assert (component.id, component.max_instances) == ("echo", scaled.max_instances) == ("echo", 2)

        client.scale_component(host_id, "registry.example/acme/echo:1", "echo", 0, wait=5)
        inventory = client.get_host_inventory(host_id).data
        assert inventory is not None
        assert list(inventory.components) == []
