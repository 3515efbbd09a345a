"""Hosts: pings, inventories, labels, auctions, registries, and stops."""

from __future__ import annotations

import pytest

from contract.world import PATIENCE, References, World
from wasmcloud_ctl import (
    ComponentAuctionAck,
    CtlResponse,
    HostStopped,
    LabelsChanged,
    NoResponders,
    ProviderAuctionAck,
    RegistryCredential,
)
from wasmcloud_ctl.testing._versions import AUCTION_SLIP, LABELS_GUARDED

BUILT_IN = {"hostcore.arch", "hostcore.os", "hostcore.osfamily"}


def test_every_host_answers_a_ping(world: World) -> None:
    """Each host replies once, with its id, lattice, labels and version."""
    hosts = world.client.get_hosts(expected=2)

    assert {host.id for host in hosts.data} == set(world.host_ids)
    assert {host.lattice for host in hosts.data} == {world.lattice}
    assert {host.version for host in hosts.data} == {world.version.reported}
    assert sorted(host.labels["zone"] for host in hosts.data) == ["z1", "z2"]
    assert all(set(host.labels) == BUILT_IN | {"zone"} for host in hosts.data)
    assert all(host.friendly_name.count("-") == 2 for host in hosts.data)
    assert all(host.uptime_human == f"{host.uptime_seconds}s" for host in hosts.data)


def test_a_new_host_runs_nothing(world: World) -> None:
    """The inventory of a new host is empty."""
    for host_id, zone in zip(world.host_ids, ("z1", "z2"), strict=True):
        inventory = world.inventory(host_id)
        assert (inventory.host_id, inventory.labels["zone"]) == (host_id, zone)
        assert inventory.version == world.version.reported
        assert (inventory.components, inventory.providers) == ((), ())


def test_an_unknown_host_has_no_responders(world: World) -> None:
    """A request to a host that does not exist raises NoResponders."""
    with pytest.raises(NoResponders):
        world.client.get_host_inventory("N" + "A" * 55)


def test_another_lattice_has_no_responders(world: World) -> None:
    """Hosts do not reply to requests for another lattice."""
    assert world.client.for_lattice("nobody-here").get_hosts().no_responders


@pytest.mark.parametrize(("key", "value"), [("disk", "ssd"), ("", "x"), ("a b.c", ""), ("π", "ü")])
def test_a_label_is_put_and_replaced(world: World, key: str, value: str) -> None:
    """A label with any key shows in the inventory and in an event with all labels. A second put replaces it."""
    with world.client.events_receiver("labels_changed") as events:
        for new in (value, "other"):
            response = world.client.put_label(world.host_id, key, new)
            assert response == world.done("successfully put label")
            data = events.get(PATIENCE).data
            assert isinstance(data, LabelsChanged)
            assert (data.host_id, data.labels[key]) == (world.host_id, new)
            assert set(data.labels) == BUILT_IN | {"zone", key}
            assert world.inventory().labels == data.labels


def test_a_label_is_deleted(world: World) -> None:
    """A deleted label is gone. A second deletion succeeds with a message, and publishes no event."""
    with world.client.events_receiver("labels_changed") as events:
        deleted = world.client.delete_label(world.host_id, "zone")
        assert deleted == world.done("successfully deleted label")
        data = events.get(PATIENCE).data
        assert isinstance(data, LabelsChanged)
        assert set(data.labels) == BUILT_IN
        again = world.client.delete_label(world.host_id, "zone")
        world.client.put_label(world.host_id, "last", "x")
        last = events.get(PATIENCE).data

    assert again == world.done("successfully deleted label (no such label)")
    assert isinstance(last, LabelsChanged)
    assert last.labels["last"] == "x"


@pytest.mark.parametrize("key", ["hostcore.os", "hostcore.new"])
def test_a_reserved_label_is_refused(world: World, key: str) -> None:
    """The host's own labels cannot be set. Before 1.8.0 they can."""
    response = world.client.put_label(world.host_id, key, "x")

    if world.has(LABELS_GUARDED):
        assert response == CtlResponse(succeeded=False, message="hostcore.* labels cannot be set dynamically")
    else:
        assert response == world.done("successfully put label")
        assert world.inventory().labels[key] == "x"


def test_many_labels_at_once_are_all_kept(world: World) -> None:
    """No label of a host gets lost."""
    for number in range(20):
        world.client.put_label(world.host_id, f"l{number}", "x").raise_for_status()

    assert {f"l{number}" for number in range(20)} <= set(world.inventory().labels)


def test_every_host_bids_for_a_component(world: World, references: References) -> None:
    """Both hosts bid, and each bid has the component id of the request."""
    bids = world.client.perform_component_auction(references.echo, "echo", expected=2)

    assert {bid.host_id for bid in bids.data} == set(world.host_ids)
    assert all(
        bid == ComponentAuctionAck(component_ref=references.echo, component_id="echo", host_id=bid.host_id)
        for bid in bids.data
    )


def test_a_host_that_runs_the_component_bids_all_the_same(world: World, references: References) -> None:
    """Hosts look for the reference among component ids, and so do not find the running component.

    Before 1.3.0 they look for the id, and a host that runs it stays silent.
    """
    world.start(references.echo)

    bidding = set(world.host_ids) if world.has(AUCTION_SLIP) else {world.host_ids[1]}
    bids = world.client.perform_component_auction(references.echo, "echo", expected=len(bidding))
    assert {bid.host_id for bid in bids.data} == bidding


@pytest.mark.parametrize("kind", ["component", "provider"])
def test_only_hosts_with_the_labels_bid(world: World, references: References, kind: str) -> None:
    """A host bids if its labels match all constraints."""
    auction = (
        world.client.perform_component_auction
        if kind == "component"
        else world.client.perform_provider_auction
    )
    everywhere = {key: world.inventory().labels[key] for key in BUILT_IN}

    second = auction(references.echo, "x", {"zone": "z2", **everywhere}, expected=1)
    nobody = auction(references.echo, "x", {"zone": "z2", "mars": "yes"}, timeout=0.5)

    assert [bid.host_id for bid in second.data] == [world.host_ids[1]]
    assert second.data[0].constraints == {"zone": "z2", **everywhere}
    assert (list(nobody), nobody.no_responders) == ([], False)


def test_a_host_that_runs_the_provider_does_not_bid(world: World, references: References) -> None:
    """A host does not bid for a provider that it runs."""
    with world.client.events_receiver("provider_started") as events:
        world.client.start_provider(world.host_id, references.provider, "prov").raise_for_status()
        events.get(PATIENCE)

    bids = world.client.perform_provider_auction(references.provider, "prov", expected=1)

    assert bids.data == [
        ProviderAuctionAck(provider_ref=references.provider, provider_id="prov", host_id=world.host_ids[1])
    ]


def test_registries_are_taken_by_every_host(world: World) -> None:
    """Each host acknowledges the credentials. An empty map is accepted, too."""
    credential = RegistryCredential(username="u", password="p")

    for registries in ({"mycloud.example": credential}, {}):
        replies = world.client.put_registries(registries, expected=2)
        assert list(replies) == [world.done("successfully put registries")] * 2


def test_a_stopped_host_says_so_and_is_gone(world: World) -> None:
    """A host acknowledges its stop, publishes an event with its labels, and no longer replies."""
    labels = world.inventory().labels
    with world.client.events_receiver("host_stopped") as events:
        response = world.client.stop_host(world.host_id, 500)
        assert response == world.done("successfully handled stop host")
        event = events.get(PATIENCE)

    assert event.source == world.host_id
    assert event.data == HostStopped(labels=labels)
    assert [host.id for host in world.client.get_hosts(timeout=1).data] == [world.host_ids[1]]
