"""Outcomes that are certain: what a call with ``wait`` reports is what the inventory then shows.

Never a success that was none, never a failure that was none.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import attrs
import pytest

from contract.world import PATIENCE, References, World
from wasmcloud_ctl import (
    CtlResponse,
    Link,
    NoResponders,
    OperationFailed,
    OperationRejected,
    RequestTimeout,
    WaitTimeout,
)

LINK = Link("echo", "http", "wasi", "http", ["incoming-handler"])


def runs(world: World, component_id: str = "echo") -> tuple[str, int] | None:
    """What the inventory shows of a component: its reference and its count."""
    found = world.component(component_id)
    return None if found is None else (found.image_ref, found.max_instances)


# Scaling ----------------------------------------------------------------------------------------


def test_a_start_is_certain(world: World, references: References) -> None:
    """When the call returns, the component runs."""
    response = world.client.scale_component(world.host_id, references.echo, "echo", 2, wait=PATIENCE)

    assert response == CtlResponse(succeeded=True)
    assert runs(world) == (references.echo, 2)


@pytest.mark.parametrize("count", [1, 5, 2**32 - 1])
def test_a_scale_is_certain(world: World, references: References, count: int) -> None:
    """When the call returns, the count is what was asked for."""
    world.client.scale_component(world.host_id, references.echo, "echo", 2, wait=PATIENCE)

    world.client.scale_component(world.host_id, references.echo, "echo", count, wait=PATIENCE)

    assert runs(world) == (references.echo, count)


def test_a_stop_is_certain(world: World, references: References) -> None:
    """When the call returns, the component is gone."""
    world.client.scale_component(world.host_id, references.echo, "echo", 2, wait=PATIENCE)

    world.client.scale_component(world.host_id, references.echo, "echo", 0, wait=PATIENCE)

    assert runs(world) is None


def test_a_stop_of_what_does_not_run_returns(world: World, references: References) -> None:
    """The host tells of it, and nothing runs."""
    world.client.scale_component(world.host_id, references.echo, "echo", 0, wait=PATIENCE)

    assert runs(world) is None


def test_a_scale_to_what_is_so_already_returns(world: World, references: References) -> None:
    """What was so before proves nothing; the host's event does."""
    world.client.scale_component(world.host_id, references.echo, "echo", 2, wait=PATIENCE)

    world.client.scale_component(world.host_id, references.echo, "echo", 2, wait=PATIENCE)

    assert runs(world) == (references.echo, 2)


def test_a_scale_to_what_is_so_with_an_absent_config_fails(world: World, references: References) -> None:
    """Count 2 to 2 with an absent config: acknowledged, the inventory unchanged, and OperationFailed."""
    world.client.scale_component(world.host_id, references.echo, "echo", 2, wait=PATIENCE)

    with pytest.raises(OperationFailed, match="Config absent does not exist") as caught:
        world.client.scale_component(
            world.host_id, references.echo, "echo", 2, config=["absent"], wait=PATIENCE
        )

    assert caught.value.reason == "Unable to fetch requested config: Config absent does not exist"
    assert caught.value.event is not None
    assert runs(world) == (references.echo, 2)


def test_a_late_event_of_the_command_before_is_no_proof(world: World, references: References) -> None:
    """A scale that is sent right after another, and fails, is not taken for the other's success."""
    for _ in range(5):
        world.client.scale_component(world.host_id, references.echo, "echo", 2, wait=PATIENCE)
        world.client.scale_component(world.host_id, references.echo, "echo", 2).raise_for_status()
        with pytest.raises(OperationFailed, match="Config absent does not exist"):
            world.client.scale_component(
                world.host_id, references.echo, "echo", 2, config=["absent"], wait=PATIENCE
            )


def test_a_start_of_an_absent_file_fails_with_the_hosts_reason(world: World, references: References) -> None:
    """OperationFailed, with the host's own words, and nothing runs."""
    with pytest.raises(OperationFailed, match="No such file or directory") as caught:
        world.client.scale_component(world.host_id, references.absent, "echo", 1, wait=PATIENCE)

    assert caught.value.reason == (
        "failed to fetch component: failed to read component: No such file or directory (os error 2)"
    )
    assert runs(world) is None


def test_a_start_with_an_absent_config_fails(world: World, references: References) -> None:
    """OperationFailed, and nothing runs."""
    with pytest.raises(OperationFailed, match="Config absent does not exist"):
        world.client.scale_component(
            world.host_id, references.echo, "echo", 1, config=["absent"], wait=PATIENCE
        )

    assert runs(world) is None


def test_a_start_of_no_reference_fails(world: World) -> None:
    """What is no reference is OperationFailed."""
    with pytest.raises(OperationFailed, match="invalid domain character"):
        world.client.scale_component(world.host_id, "not a ref", "echo", 1, wait=PATIENCE)


def test_a_start_of_an_id_with_a_space_fails(world: World, references: References) -> None:
    """What can be no key of a bucket is OperationFailed."""
    with pytest.raises(OperationFailed, match="failed to get component spec"):
        world.client.scale_component(world.host_id, references.echo, "a b", 1, wait=PATIENCE)


@pytest.mark.parametrize("count", [2, 3], ids=["the same count", "another count"])
def test_another_reference_that_is_not_allowed_fails_soon(
    world: World, references: References, count: int
) -> None:
    """Acknowledged, scaled, not updated: OperationFailed that names both references, long before the wait is over."""
    world.client.scale_component(world.host_id, references.echo, "echo", 2, wait=PATIENCE)
    started = time.monotonic()

    with pytest.raises(OperationFailed) as caught:
        world.client.scale_component(world.host_id, references.echo2, "echo", count, wait=30)

    assert time.monotonic() - started < 3
    assert references.echo in str(caught.value)
    assert references.echo2 in str(caught.value)
    assert caught.value.response is not None


def test_another_reference_that_is_allowed_is_certain(world: World, references: References) -> None:
    """allow_update with the same count: updated when the call returns."""
    world.client.scale_component(world.host_id, references.echo, "echo", 2, wait=PATIENCE)

    world.client.scale_component(world.host_id, references.echo2, "echo", 2, allow_update=True, wait=PATIENCE)

    assert runs(world) == (references.echo2, 2)


def test_another_reference_and_another_count_fail_soon(world: World, references: References) -> None:
    """allow_update with another count: the inventory lies, and OperationFailed says so."""
    world.client.scale_component(world.host_id, references.echo, "echo", 2, wait=PATIENCE)
    started = time.monotonic()

    with pytest.raises(OperationFailed) as caught:
        world.client.scale_component(world.host_id, references.echo2, "echo", 3, allow_update=True, wait=30)

    assert time.monotonic() - started < 3
    assert references.echo in str(caught.value)
    assert references.echo2 in str(caught.value)


def test_an_allowed_update_that_cannot_be_fetched_is_a_timeout(world: World, references: References) -> None:
    """It is told by no event: WaitTimeout that names the reference still running."""
    world.client.scale_component(world.host_id, references.echo, "echo", 2, wait=PATIENCE)

    with pytest.raises(WaitTimeout) as caught:
        world.client.scale_component(world.host_id, references.absent, "echo", 2, allow_update=True, wait=1.5)

    assert references.echo in str(caught.value)
    assert runs(world) == (references.echo, 2)


def test_a_stop_right_after_an_update_is_certain(world: World, references: References) -> None:
    """The late event with 0 instances that ends an update is not taken for the stop."""
    for _ in range(5):
        world.client.scale_component(world.host_id, references.echo, "echo", 2, wait=PATIENCE)
        world.client.update_component(world.host_id, "echo", references.echo2).raise_for_status()
        # Which of the two the host does first is chance; the inventory and the call agree all the same.
        try:
            world.client.scale_component(world.host_id, references.echo, "echo", 0, wait=2)
        except WaitTimeout:
            assert runs(world) is not None
            world.client.scale_component(world.host_id, references.echo2, "echo", 0, wait=PATIENCE)
        assert runs(world) is None


# Updating ---------------------------------------------------------------------------------------


def test_an_update_is_certain(world: World, references: References) -> None:
    """When the call returns, the new reference runs, with the count as it was."""
    world.client.scale_component(world.host_id, references.echo, "echo", 3, wait=PATIENCE)

    world.client.update_component(world.host_id, "echo", references.echo2, wait=PATIENCE)

    assert runs(world) == (references.echo2, 3)


def test_an_update_to_the_same_reference_returns_at_once(world: World, references: References) -> None:
    """No event comes, and none is waited for."""
    world.client.scale_component(world.host_id, references.echo, "echo", 1, wait=PATIENCE)
    started = time.monotonic()

    response = world.client.update_component(world.host_id, "echo", references.echo, wait=30)

    assert time.monotonic() - started < 1
    assert response.message == f"component echo already updated to {references.echo}"


def test_an_update_that_cannot_be_fetched_names_what_still_runs(world: World, references: References) -> None:
    """Success acknowledged, no event at all: WaitTimeout with the reference still running."""
    world.client.scale_component(world.host_id, references.echo, "echo", 1, wait=PATIENCE)

    with pytest.raises(WaitTimeout) as caught:
        world.client.update_component(world.host_id, "echo", references.absent, wait=1.5)

    assert caught.value.last_seen == f"host {world.host_id} still runs {references.echo} as echo"
    assert caught.value.response is not None
    assert caught.value.response.succeeded
    assert runs(world) == (references.echo, 1)


def test_an_update_of_what_does_not_run_is_refused(world: World, references: References) -> None:
    """OperationRejected with the host's words, at once."""
    with pytest.raises(OperationRejected, match="component nope not found"):
        world.client.update_component(world.host_id, "nope", references.echo, wait=30)


# Providers --------------------------------------------------------------------------------------


def test_the_start_of_a_provider_is_certain(world: World, references: References) -> None:
    """When the call returns, the provider runs, although the host has lost its file://."""
    world.client.start_provider(world.host_id, references.provider, "prov", wait=PATIENCE)

    found = world.provider("prov")
    assert found is not None
    assert found.image_ref == references.provider.removeprefix("file://")


def test_the_start_of_a_provider_whose_file_is_gone_fails(world: World, references: References) -> None:
    """OperationFailed with the host's reason, and nothing runs."""
    with pytest.raises(OperationFailed, match="No such file or directory"):
        world.client.start_provider(world.host_id, references.absent, "prov", wait=PATIENCE)

    assert world.provider("prov") is None


def test_the_start_of_a_provider_with_an_absent_config_fails(world: World, references: References) -> None:
    """OperationFailed with the host's reason."""
    with pytest.raises(OperationFailed, match="Config absent does not exist"):
        world.client.start_provider(
            world.host_id, references.provider, "prov", None, ["absent"], wait=PATIENCE
        )


def test_the_second_start_of_a_provider_is_refused(world: World, references: References) -> None:
    """OperationRejected, although the inventory shows what was asked for."""
    world.client.start_provider(world.host_id, references.provider, "prov", wait=PATIENCE)

    with pytest.raises(OperationRejected, match="already running"):
        world.client.start_provider(world.host_id, references.provider, "prov", wait=PATIENCE)


def test_a_builtin_that_is_switched_off_is_a_timeout(world: World) -> None:
    """The host does not answer: RequestTimeout after its timeout, and not only after the wait."""
    started = time.monotonic()

    with pytest.raises(RequestTimeout) as caught:
        world.client.start_provider(
            world.host_id, "wasmcloud+builtin://http-server", "http", wait=30, timeout=0.5
        )

    assert caught.value.sent
    assert time.monotonic() - started < 3


def test_the_stop_of_a_provider_is_certain(world: World, references: References) -> None:
    """When the call returns, the provider is gone."""
    world.client.start_provider(world.host_id, references.provider, "prov", wait=PATIENCE)

    world.client.stop_provider(world.host_id, "prov", wait=PATIENCE)

    assert world.provider("prov") is None


def test_the_stop_of_a_provider_that_does_not_run_is_refused(world: World) -> None:
    """OperationRejected with the host's words."""
    with pytest.raises(OperationRejected, match="not running"):
        world.client.stop_provider(world.host_id, "nope", wait=PATIENCE)


# Hosts ------------------------------------------------------------------------------------------


def test_the_stop_of_a_host_is_certain(world: World) -> None:
    """When the call returns, the host answers no more."""
    world.client.stop_host(world.host_id, 500, wait=PATIENCE)

    with pytest.raises(NoResponders):
        world.client.get_host_inventory(world.host_id)


def test_the_stop_of_the_last_host_is_certain(world: World) -> None:
    """Its acknowledgement may be lost; that nobody answers is the proof."""
    for host_id in world.host_ids:
        world.client.stop_host(host_id, 500, wait=PATIENCE)

    assert world.client.get_hosts().no_responders


OF_A_HOST: dict[str, Callable[[World, References, str], object]] = {
    "scale": lambda world, references, host_id: world.client.scale_component(
        host_id, references.echo, "echo", 1, wait=PATIENCE
    ),
    "update": lambda world, references, host_id: world.client.update_component(
        host_id, "echo", references.echo, wait=PATIENCE
    ),
    "start": lambda world, references, host_id: world.client.start_provider(
        host_id, references.provider, "prov", wait=PATIENCE
    ),
    "stop": lambda world, references, host_id: world.client.stop_provider(host_id, "prov", wait=PATIENCE),
    "stop_host": lambda world, references, host_id: world.client.stop_host(host_id, wait=PATIENCE),
}


@pytest.mark.parametrize("operation", OF_A_HOST)
def test_an_unknown_host_is_known_at_once(world: World, references: References, operation: str) -> None:
    """NoResponders, before anything is sent."""
    with pytest.raises(NoResponders, match=r"host\.get"):
        OF_A_HOST[operation](world, references, "N" + "A" * 55)


# Links ------------------------------------------------------------------------------------------


def test_a_link_is_certain(world: World) -> None:
    """When the call returns, get_links has shown it; the same again returns, too."""
    for _ in range(2):
        assert world.client.put_link(LINK, wait=PATIENCE).message == "successfully set link"


def test_a_link_that_clashes_is_refused(world: World) -> None:
    """OperationRejected with the host's words."""
    world.client.put_link(LINK, wait=PATIENCE)

    with pytest.raises(OperationRejected, match="link already exists with different target"):
        world.client.put_link(attrs.evolve(LINK, target="other"), wait=PATIENCE)


def test_the_deletion_of_a_link_is_certain(world: World) -> None:
    """When the call returns, get_links no longer shows it; where there is none it returns, too."""
    world.client.put_link(LINK, wait=PATIENCE)
    for _ in range(2):
        assert world.client.delete_link("echo", "default", "wasi", "http", wait=PATIENCE)
    assert world.client.delete_link("nobody", "default", "wasi", "http", wait=PATIENCE)


def test_twenty_links_of_one_source_at_once_are_all_kept(world: World) -> None:
    """Whatever threads put them, changes of one source do not overlap: five times twenty of twenty."""
    for turn in range(5):
        links = [attrs.evolve(LINK, source_id=f"s{turn}", name=f"n{number}") for number in range(20)]
        threads = [threading.Thread(target=world.client.put_link, args=(link,)) for link in links]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)

        def kept(links: list[Link] = links, turn: int = turn) -> bool:
            found = [link for link in world.client.get_links().unwrap() if link.source_id == f"s{turn}"]
            return sorted(map(repr, found)) == sorted(map(repr, links))

        world.until(kept)


def test_a_cached_client_sees_each_change_at_once(world: World) -> None:
    """Twenty put_link and delete_link in a row: after each, the copy is right."""
    settings = attrs.evolve(world.client._settings, cache_links=True)
    cached = type(world.client)(world.client._transports, settings, world.client._subjects, world.client)
    assert cached.get_links().data == []
    for number in range(10):
        link = attrs.evolve(LINK, name=f"n{number}")
        cached.put_link(link, wait=PATIENCE)
        assert cached.get_links().data == [link]
        cached.delete_link("echo", link.name, "wasi", "http", wait=PATIENCE)
        assert cached.get_links().data == []


# All of it --------------------------------------------------------------------------------------


def test_every_host_is_asked_for_its_inventory(world: World, references: References) -> None:
    """All inventories, by host id; a host that is not there is an error beside them."""
    world.client.scale_component(world.host_id, references.echo, "echo", 1, wait=PATIENCE)

    everything = world.client.get_host_inventories(expected=2)
    some = world.client.get_host_inventories([world.host_id, "N" + "A" * 55])

    assert set(everything.data) == set(world.host_ids)
    assert [found.id for found in everything.data[world.host_id].components] == ["echo"]
    assert everything.errors == {}
    assert set(some.data) == {world.host_id}
    assert [type(error) for error in some.errors.values()] == [NoResponders]


def test_the_configs_can_be_listed(world: World) -> None:
    """Those that are there, sorted; not those that were deleted."""
    assert world.client.list_configs() == []
    for name in ("web", "a/b", "gone", "A-1"):
        world.client.put_config(name, {"a": "b"}).raise_for_status()
    world.client.delete_config("gone").raise_for_status()

    assert world.client.list_configs() == ["A-1", "a/b", "web"]


def test_a_host_is_found_by_what_is_known_of_it(world: World) -> None:
    """By its id, by the beginning of it, by a part of its friendly name, in any case."""
    inventory = world.inventory()
    for text in (inventory.host_id, inventory.host_id[:12].lower(), inventory.friendly_name.upper()):
        assert world.client.find_host(text).id == world.host_id
