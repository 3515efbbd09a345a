"""A live view of real and practice hosts."""

from __future__ import annotations

from contract.world import PATIENCE, References, World
from wasmcloud_ctl import Doubt, Lattice, LatticeView, Link

LINK = Link("echo", "http", "wasi", "http", ["incoming-handler"])


def asked(world: World) -> Lattice:
    """What the hosts say now, when asked."""
    inventories = world.client.get_host_inventories(expected=2).raise_for_status()
    return Lattice(inventories.data, world.client.get_links().unwrap())


def settled(world: World, view: LatticeView) -> Lattice:
    """The view's lattice when it is not stale, and the same as what the hosts say."""
    world.until(lambda: not view.stale and view.lattice == asked(world))
    return view.lattice


def test_the_first_picture_is_complete(world: World, references: References) -> None:
    """It has both hosts, what runs, and the links."""
    world.start(references.echo)
    world.client.put_link(LINK).raise_for_status()
    world.until(lambda: world.client.get_links().data == [LINK])
    with world.client.watch(expected=2) as view:
        assert view.hosts.keys() == set(world.host_ids)
        assert list(view.components) == ["echo"]
        assert view.links == (LINK,)
        assert view.lattice == asked(world)


def test_a_view_follows_its_lattice(world: World, references: References) -> None:
    """Each kind of change is shown soon, and then the view is what a new gather returns."""
    client, host_id = world.client, world.host_id
    with client.watch(expected=2, configs=True) as view:
        client.scale_component(host_id, references.echo, "echo", 3).raise_for_status()
        view.wait_until(lambda lattice: "echo" in lattice.components, PATIENCE)
        assert settled(world, view).components["echo"][host_id].max_instances == 3

        client.update_component(host_id, "echo", references.echo2).raise_for_status()
        updated = references.echo2
        view.wait_until(lambda found: found.components["echo"][host_id].image_ref == updated, PATIENCE)
        settled(world, view)
        assert view.doubts == ()

        client.start_provider(host_id, references.provider, "p").raise_for_status()
        view.wait_until(lambda lattice: "p" in lattice.providers, PATIENCE)
        client.put_label(host_id, "rack", "r1").raise_for_status()
        view.wait_until(lambda lattice: lattice.hosts[host_id].labels.get("rack") == "r1", PATIENCE)
        client.put_link(LINK).raise_for_status()
        view.wait_until(lambda lattice: lattice.links == (LINK,), PATIENCE)
        client.put_config("web", {"a": "b"}).raise_for_status()
        world.until(lambda: view.configs == ("web",))
        settled(world, view)

        client.stop_provider(host_id, "p").raise_for_status()
        client.stop_component(host_id, "echo").raise_for_status()
        client.delete_link("echo", "default", "wasi", "http").raise_for_status()
        client.delete_config("web").raise_for_status()
        view.wait_until(lambda found: not (found.components or found.providers or found.links), PATIENCE)
        world.until(lambda: view.configs == ())
        settled(world, view)


def test_a_stopped_host_is_gone(world: World) -> None:
    """A host that stops in order says so."""
    with world.client.watch(expected=2) as view:
        world.client.stop_host(world.host_ids[1]).raise_for_status()
        found = view.wait_until(lambda lattice: len(lattice.hosts) == 1, PATIENCE)

        assert list(found.hosts) == [world.host_id]
        world.until(lambda: not view.stale)


def test_a_renamed_component_is_doubted(world: World, references: References) -> None:
    """A scale to another reference and another count renames what runs. The event names what runs."""
    world.start(references.echo)
    with world.client.watch(expected=2) as view:
        client, host_id = world.client, world.host_id
        client.scale_component(host_id, references.echo2, "echo", 2, allow_update=True).raise_for_status()
        view.wait_until(lambda _: view.doubts, PATIENCE)

        assert view.doubts == (
            Doubt(
                host_id=host_id,
                component_id="echo",
                event_ref=references.echo,
                inventory_ref=references.echo2,
            ),
        )
