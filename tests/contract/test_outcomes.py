"""Calls with ``wait``: the reported outcome matches the inventory, for successes and for failures."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import attrs
import pytest
from realhost.artifacts import reference, sign_component

from contract.world import PATIENCE, References, World
from wasmcloud_ctl import (
    ComponentScaled,
    CtlError,
    CtlResponse,
    EventReceiver,
    Link,
    NoResponders,
    OperationFailed,
    OperationRejected,
    RequestTimeout,
    WaitTimeout,
)
from wasmcloud_ctl.testing import component
from wasmcloud_ctl.testing._versions import (
    BUILTINS_SILENT,
    CLASHES_REFUSED,
    ONE_STOP_EVENT,
    PROVIDER_CONFIG_LATE,
    PROVIDER_WITHOUT_SCHEME,
    SCALE_EVENTS_ALWAYS,
    SCALE_FAILURE_EVENTS,
    UPDATES_ANSWERED,
)

LINK = Link("echo", "http", "wasi", "http", ["incoming-handler"])


def next_scale(events: EventReceiver) -> ComponentScaled:
    """Return the data of the next event, which must be a component_scaled."""
    data = events.get(PATIENCE).data
    assert isinstance(data, ComponentScaled)
    return data


def nothing_to_do(world: World) -> CtlResponse[None]:
    """Return the response to a scale that changes nothing."""
    message = (
        f"host {world.host_id} has acknowledged the command and shows no change. Hosts of version "
        f"{world.version.reported} publish no event then: a pull that failed or goes on, or a config that does not "
        "exist, cannot be told from nothing to do"
    )
    return CtlResponse(succeeded=True, message="" if world.has(SCALE_EVENTS_ALWAYS) else message)


def assert_fails(world: World, command: Callable[..., object], reason: str) -> None:
    """Check that a start fails with the host's reason. Before 1.1.1 no host tells it, and the wait is not certain."""
    if world.has(SCALE_FAILURE_EVENTS):
        with pytest.raises(OperationFailed) as caught:
            command(wait=PATIENCE)
        assert caught.value.reason == reason
    else:
        with pytest.raises(WaitTimeout, match="publish no event if a scale fails: see its log"):
            command(wait=2)


def runs(world: World, component_id: str = "echo") -> tuple[str, int] | None:
    """Return a component's reference and count from the inventory, or None if it does not run."""
    found = world.component(component_id)
    return None if found is None else (found.image_ref, found.max_instances)


# Scaling ----------------------------------------------------------------------------------------


def test_a_start_is_certain(world: World, references: References) -> None:
    """The component runs when the call returns."""
    response = world.client.scale_component(world.host_id, references.echo, "echo", 2, wait=PATIENCE)

    assert response == CtlResponse(succeeded=True)
    assert runs(world) == (references.echo, 2)


@pytest.mark.parametrize("count", [1, 5, 2**32 - 1])
def test_a_scale_is_certain(world: World, references: References, count: int) -> None:
    """The component has the requested count when the call returns."""
    world.client.scale_component(world.host_id, references.echo, "echo", 2, wait=PATIENCE)

    world.client.scale_component(world.host_id, references.echo, "echo", count, wait=PATIENCE)

    assert runs(world) == (references.echo, count)


def test_a_stop_is_certain(world: World, references: References) -> None:
    """The component is gone when the call returns."""
    world.client.scale_component(world.host_id, references.echo, "echo", 2, wait=PATIENCE)

    world.client.scale_component(world.host_id, references.echo, "echo", 0, wait=PATIENCE)

    assert runs(world) is None


def test_a_stop_of_what_does_not_run_returns(world: World, references: References) -> None:
    """The host publishes an event, which ends the call. Before 1.1.1 there is none, and the message says so."""
    response = world.client.scale_component(world.host_id, references.echo, "echo", 0, wait=PATIENCE)

    assert response == nothing_to_do(world)
    assert runs(world) is None


def test_a_scale_to_what_is_so_already_returns(world: World, references: References) -> None:
    """The inventory already matched before the command, so it proves nothing. The host's event does.

    Before 1.1.1 there is none, and the message says so.
    """
    response = world.client.scale_component(world.host_id, references.echo, "echo", 2, wait=PATIENCE)
    assert response == CtlResponse(succeeded=True)

    again = world.client.scale_component(world.host_id, references.echo, "echo", 2, wait=PATIENCE)

    assert again == nothing_to_do(world)
    assert runs(world) == (references.echo, 2)


def test_a_scale_to_what_is_so_with_an_absent_config_fails(world: World, references: References) -> None:
    """A scale from 2 to 2 with a missing config raises OperationFailed, although the inventory is unchanged.

    Before 1.1.1, no host says that it failed. The message says that this may be so.
    """
    world.client.scale_component(world.host_id, references.echo, "echo", 2, wait=PATIENCE)
    if not world.has(SCALE_FAILURE_EVENTS):
        response = world.client.scale_component(
            world.host_id, references.echo, "echo", 2, config=["absent"], wait=PATIENCE
        )
        assert response == nothing_to_do(world)
        return

    with pytest.raises(OperationFailed, match="Config absent does not exist") as caught:
        world.client.scale_component(
            world.host_id, references.echo, "echo", 2, config=["absent"], wait=PATIENCE
        )

    assert caught.value.reason == world.config_error
    assert caught.value.event is not None
    assert runs(world) == (references.echo, 2)


def test_a_late_event_of_the_command_before_is_no_proof(world: World, references: References) -> None:
    """The success event of one scale is not taken for the success of the next one, which fails."""
    if not world.has(SCALE_FAILURE_EVENTS):
        pytest.skip("hosts before 1.1.1 publish neither event")  # so none can be taken for the other
    for _ in range(5):
        world.client.scale_component(world.host_id, references.echo, "echo", 2, wait=PATIENCE)
        world.client.scale_component(world.host_id, references.echo, "echo", 2).raise_for_status()
        with pytest.raises(OperationFailed, match="Config absent does not exist"):
            world.client.scale_component(
                world.host_id, references.echo, "echo", 2, config=["absent"], wait=PATIENCE
            )


def test_a_start_of_an_absent_file_fails_with_the_hosts_reason(world: World, references: References) -> None:
    """OperationFailed has the host's reason, and the component does not run."""
    command = partial(world.client.scale_component, world.host_id, references.absent, "echo", 1)
    assert_fails(
        world,
        command,
        "failed to fetch component: failed to read component: No such file or directory (os error 2)",
    )
    assert runs(world) is None


def test_a_start_with_an_absent_config_fails(world: World, references: References) -> None:
    """The call raises OperationFailed, and the component does not run."""
    command = partial(
        world.client.scale_component, world.host_id, references.echo, "echo", 1, config=["absent"]
    )
    assert_fails(world, command, world.config_error)
    assert runs(world) is None


def test_a_start_of_no_reference_fails(world: World) -> None:
    """An invalid reference raises OperationFailed."""
    command = partial(world.client.scale_component, world.host_id, "not a ref", "echo", 1)
    reason = "failed to fetch component: failed to parse reference as OCI reference: invalid domain character"
    assert_fails(world, command, reason)


def test_a_start_of_an_id_with_a_space_fails(world: World, references: References) -> None:
    """An id that is not a valid bucket key raises OperationFailed."""
    with pytest.raises(OperationFailed, match="failed to get component spec"):
        world.client.scale_component(world.host_id, references.echo, "a b", 1, wait=PATIENCE)


@pytest.mark.parametrize("count", [2, 3], ids=["the same count", "another count"])
@pytest.mark.parametrize("config", [(), ("web",)], ids=["no config", "a config"])
def test_a_scale_to_another_reference_is_not_sent(
    world: World, references: References, count: int, config: tuple[str, ...]
) -> None:
    """The host would rename what runs. OperationFailed names both references, and no later call is fooled."""
    world.client.put_config("web", {"a": "b"}).raise_for_status()
    world.client.scale_component(world.host_id, references.signed, "echo", 2, wait=PATIENCE)
    before = world.inventory().components
    started = time.monotonic()

    for _ in range(2):
        with pytest.raises(OperationFailed) as caught:
            world.client.scale_component(
                world.host_id, references.echo2, "echo", count, config=config, wait=30
            )
        assert references.signed in str(caught.value)
        assert references.echo2 in str(caught.value)
        assert caught.value.response is None
        assert world.inventory().components == before
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("count", [2, 3], ids=["the same count", "another count"])
def test_another_reference_that_is_allowed_is_certain(
    world: World, references: References, count: int
) -> None:
    """With allow_update, the component has the new count and is updated when the call returns."""
    world.client.scale_component(world.host_id, references.echo, "echo", 2, wait=PATIENCE)
    told = [(references.echo, count), (references.signed, count), (references.signed, 0)]
    if not world.has(ONE_STOP_EVENT):
        told = [(references.echo, count), (references.echo, 0)]
        told += [(references.signed, count), (references.echo, 0), (references.echo, 0)]
    if count == 2 and not world.has(SCALE_EVENTS_ALWAYS):
        # A scale to the same count publishes no event.
        told = told[told.index((references.signed, count)) :]

    with world.client.events_receiver("component_scaled") as events:
        response = world.client.scale_component(
            world.host_id, references.signed, "echo", count, {"a": "b"}, allow_update=True, wait=PATIENCE
        )
        scaled = [next_scale(events) for _ in told]

    found = world.component("echo")
    assert found is not None
    # The name and the revision are in the claims of the code that runs.
    assert (found.image_ref, found.max_instances, found.name) == (references.signed, count, "Echo")
    assert found.annotations == {"a": "b"}
    assert [(data.image_ref, data.max_instances) for data in scaled] == told
    # What the scale's message says is not lost behind that of the update.
    messages = [nothing_to_do(world).message] if count == 2 else []
    if world.has(UPDATES_ANSWERED):
        messages.append(f"component echo updating from {references.echo} to {references.signed}")
    assert response.message == "; ".join(filter(None, messages))


def test_an_allowed_update_of_what_does_not_run_is_a_start(world: World, references: References) -> None:
    """With allow_update, a component that does not run is started, and one with a count of 0 is stopped."""
    world.client.scale_component(world.host_id, references.echo, "echo", 2, allow_update=True, wait=PATIENCE)
    assert runs(world) == (references.echo, 2)

    world.client.scale_component(world.host_id, references.echo2, "echo", 0, allow_update=True, wait=PATIENCE)
    assert runs(world) is None


def test_an_allowed_update_that_cannot_be_fetched_is_a_timeout(world: World, references: References) -> None:
    """There is no event for the failure. WaitTimeout names the reference that still runs."""
    world.client.scale_component(world.host_id, references.echo, "echo", 2, wait=PATIENCE)

    with pytest.raises(WaitTimeout) as caught:
        world.client.scale_component(world.host_id, references.absent, "echo", 3, allow_update=True, wait=1.5)

    assert references.echo in str(caught.value)
    assert runs(world) == (references.echo, 3)


def test_a_stop_needs_no_reference(world: World, references: References) -> None:
    """stop_component stops what runs, and succeeds if nothing does."""
    world.client.scale_component(world.host_id, references.echo, "echo", 2, wait=PATIENCE)
    world.client.scale_component(world.host_id, references.echo2, "other", 1, wait=PATIENCE)

    assert world.client.stop_component(world.host_id, "echo", wait=PATIENCE) == CtlResponse(succeeded=True)

    assert [found.id for found in world.inventory().components] == ["other"]
    again = world.client.stop_component(world.host_id, "echo", wait=PATIENCE)
    assert again.message == f"component echo does not run on host {world.host_id}"

    with world.client.events_receiver("component_scaled") as events:
        assert world.client.stop_component(world.host_id, "other") == CtlResponse(succeeded=True)
        assert next_scale(events).max_instances == 0
    assert world.inventory().components == ()


@pytest.mark.timeout(120)  # five rounds of 4.4 s on a real host
def test_a_stop_right_after_an_update_is_certain(world: World, references: References) -> None:
    """The late event with 0 instances from the update is not taken for the stop."""
    for _ in range(5):
        world.client.scale_component(world.host_id, references.echo, "echo", 2, wait=PATIENCE)
        world.client.update_component(world.host_id, "echo", references.echo2).raise_for_status()
        # The order of the two on the host is random. In both cases, the call agrees with the inventory.
        try:
            world.client.scale_component(world.host_id, references.echo, "echo", 0, wait=2)
        except WaitTimeout:
            assert runs(world) is not None
            world.client.scale_component(world.host_id, references.echo2, "echo", 0, wait=PATIENCE)
        assert runs(world) is None


# Updating ---------------------------------------------------------------------------------------


def test_an_update_is_certain(world: World, references: References) -> None:
    """The new reference runs with the same count when the call returns."""
    world.client.scale_component(world.host_id, references.echo, "echo", 3, wait=PATIENCE)

    world.client.update_component(world.host_id, "echo", references.echo2, wait=PATIENCE)

    assert runs(world) == (references.echo2, 3)


def test_an_update_to_the_same_reference_returns_at_once(world: World, references: References) -> None:
    """The host publishes no event, and the call does not wait for one."""
    world.client.scale_component(world.host_id, references.echo, "echo", 1, wait=PATIENCE)
    started = time.monotonic()

    response = world.client.update_component(world.host_id, "echo", references.echo, wait=30)

    assert time.monotonic() - started < 1
    message = f"component echo already updated to {references.echo}"
    assert response.message == (message if world.has(UPDATES_ANSWERED) else "")


def test_an_update_that_cannot_be_fetched_names_what_still_runs(world: World, references: References) -> None:
    """The host acknowledges the update and publishes no event. WaitTimeout names the running reference."""
    world.client.scale_component(world.host_id, references.echo, "echo", 1, wait=PATIENCE)

    with pytest.raises(WaitTimeout) as caught:
        world.client.update_component(world.host_id, "echo", references.absent, wait=1.5)

    assert caught.value.last_seen == f"host {world.host_id} still runs {references.echo} as echo"
    assert caught.value.response is not None
    assert caught.value.response.succeeded
    assert runs(world) == (references.echo, 1)


def test_an_update_of_what_does_not_run_is_refused(world: World, references: References) -> None:
    """OperationRejected has the host's message, and is raised at once. 1.0.0 acknowledges the command."""
    if world.has(UPDATES_ANSWERED):
        with pytest.raises(OperationRejected, match="component nope not found"):
            world.client.update_component(world.host_id, "nope", references.echo, wait=30)
    else:
        with pytest.raises(WaitTimeout, match="nope does not run on host"):
            world.client.update_component(world.host_id, "nope", references.echo, wait=2)


# Providers --------------------------------------------------------------------------------------


def test_the_start_of_a_provider_is_certain(world: World, references: References) -> None:
    """The provider runs when the call returns, although the host shows its reference without file://."""
    world.client.start_provider(world.host_id, references.provider, "prov", wait=PATIENCE)

    found = world.provider("prov")
    assert found is not None
    shown = references.provider
    if world.has(PROVIDER_WITHOUT_SCHEME):
        shown = shown.removeprefix("file://")
    assert found.image_ref == shown


def test_the_start_of_a_provider_whose_file_is_gone_fails(world: World, references: References) -> None:
    """OperationFailed has the host's reason, and the provider does not run."""
    with pytest.raises(OperationFailed, match="No such file or directory"):
        world.client.start_provider(world.host_id, references.absent, "prov", wait=PATIENCE)

    assert world.provider("prov") is None


def test_the_start_of_a_provider_with_an_absent_config_fails(world: World, references: References) -> None:
    """OperationFailed has the host's reason. Before 1.1.0 the host refuses the command."""
    with pytest.raises((OperationFailed, OperationRejected)) as caught:
        world.client.start_provider(
            world.host_id, references.provider, "prov", None, ["absent"], wait=PATIENCE
        )
    if world.has(PROVIDER_CONFIG_LATE):
        assert isinstance(caught.value, OperationFailed)
        assert caught.value.reason == world.config_error
    else:
        assert isinstance(caught.value, OperationRejected)
        assert str(caught.value).endswith("Unable to fetch requested config")


def test_the_second_start_of_a_provider_is_refused(world: World, references: References) -> None:
    """The call raises OperationRejected, although the inventory shows the requested provider."""
    world.client.start_provider(world.host_id, references.provider, "prov", wait=PATIENCE)

    with pytest.raises(OperationRejected, match="already running"):
        world.client.start_provider(world.host_id, references.provider, "prov", wait=PATIENCE)


def test_a_builtin_that_is_switched_off_is_a_timeout(world: World) -> None:
    """The host does not reply. RequestTimeout is raised after the timeout, not after the wait.

    Before 1.8.0 it acknowledges the command, and the start fails.
    """
    if not world.has(BUILTINS_SILENT):
        with pytest.raises(OperationFailed, match="builtin"):
            world.client.start_provider(
                world.host_id, "wasmcloud+builtin://http-server", "http", wait=PATIENCE
            )
        return
    started = time.monotonic()

    with pytest.raises(RequestTimeout) as caught:
        world.client.start_provider(
            world.host_id, "wasmcloud+builtin://http-server", "http", wait=30, timeout=0.5
        )

    assert caught.value.sent
    assert time.monotonic() - started < 3


def test_the_stop_of_a_provider_is_certain(world: World, references: References) -> None:
    """The provider is gone when the call returns."""
    world.client.start_provider(world.host_id, references.provider, "prov", wait=PATIENCE)

    world.client.stop_provider(world.host_id, "prov", wait=PATIENCE)

    assert world.provider("prov") is None


def test_the_stop_of_a_provider_that_does_not_run_is_refused(world: World) -> None:
    """OperationRejected has the host's message."""
    with pytest.raises(OperationRejected, match="not running"):
        world.client.stop_provider(world.host_id, "nope", wait=PATIENCE)


# Hosts ------------------------------------------------------------------------------------------


def test_the_stop_of_a_host_is_certain(world: World) -> None:
    """The host no longer replies when the call returns."""
    world.client.stop_host(world.host_id, 500, wait=PATIENCE)

    with pytest.raises(NoResponders):
        world.client.get_host_inventory(world.host_id)


def test_the_stop_of_the_last_host_is_certain(world: World) -> None:
    """The acknowledgement may be lost. The proof is that no host replies."""
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
    """The call raises NoResponders before it sends the command."""
    with pytest.raises(NoResponders, match=r"host\.get"):
        OF_A_HOST[operation](world, references, "N" + "A" * 55)


# Links ------------------------------------------------------------------------------------------


def test_a_link_is_certain(world: World) -> None:
    """get_links shows the link when the call returns. The same put again also returns."""
    for _ in range(2):
        assert world.client.put_link(LINK, wait=PATIENCE) == world.done("successfully set link")


def test_a_link_that_clashes_is_refused(world: World) -> None:
    """OperationRejected has the host's message. Before 1.3.0 both links are kept, and both calls return."""
    world.client.put_link(LINK, wait=PATIENCE)
    if not world.has(CLASHES_REFUSED):
        clash = attrs.evolve(LINK, target="other")
        world.client.put_link(clash, wait=PATIENCE)
        world.until(lambda: world.client.get_links().data == [LINK, clash])
        return

    with pytest.raises(OperationRejected, match="link already exists with different target"):
        world.client.put_link(attrs.evolve(LINK, target="other"), wait=PATIENCE)


def test_the_deletion_of_a_link_is_certain(world: World) -> None:
    """get_links no longer shows the link when the call returns. Deleting a missing link also returns."""
    world.client.put_link(LINK, wait=PATIENCE)
    for _ in range(2):
        assert world.client.delete_link("echo", "default", "wasi", "http", wait=PATIENCE)
    assert world.client.delete_link("nobody", "default", "wasi", "http", wait=PATIENCE)


def test_twenty_links_of_one_source_at_once_are_all_kept(world: World) -> None:
    """Changes to the links of one source do not overlap, even from twenty threads. Tried five times."""
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
    """A client that caches links sees each of its own changes at once."""
    sender = world.client._sender
    settings = attrs.evolve(sender.settings, cache_links=True)
    cached = type(world.client)(type(sender)(sender.transports, settings, sender))
    assert cached.get_links().data == []
    for number in range(10):
        link = attrs.evolve(LINK, name=f"n{number}")
        cached.put_link(link, wait=PATIENCE)
        assert cached.get_links().data == [link]
        cached.delete_link("echo", link.name, "wasi", "http", wait=PATIENCE)
        assert cached.get_links().data == []


# Reads ------------------------------------------------------------------------------------------


def test_every_host_is_asked_for_its_inventory(world: World, references: References) -> None:
    """The inventories are listed by host id. A host that does not exist is listed as an error."""
    world.client.scale_component(world.host_id, references.echo, "echo", 1, wait=PATIENCE)

    everything = world.client.get_host_inventories(expected=2)
    some = world.client.get_host_inventories([world.host_id, "N" + "A" * 55])

    assert set(everything.data) == set(world.host_ids)
    assert [found.id for found in everything.data[world.host_id].components] == ["echo"]
    assert everything.errors == {}
    assert set(some.data) == {world.host_id}
    assert [type(error) for error in some.errors.values()] == [NoResponders]


def test_the_configs_can_be_listed(world: World) -> None:
    """The existing configs are listed in order, without deleted ones."""
    assert world.client.list_configs() == []
    for name in ("web", "a/b", "gone", "A-1"):
        world.client.put_config(name, {"a": "b"}).raise_for_status()
    world.client.delete_config("gone").raise_for_status()

    assert world.client.list_configs() == ["A-1", "a/b", "web"]


def test_a_host_is_found_by_what_is_known_of_it(world: World) -> None:
    """A host is found by its id, a prefix of its id, or a part of its friendly name, in any case."""
    inventory = world.inventory()
    for text in (inventory.host_id, inventory.host_id[:12].lower(), inventory.friendly_name.upper()):
        assert world.client.find_host(text).id == world.host_id


# No lie -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_no_sequence_of_waits_makes_a_host_lie(
    world: World, references: References, tmp_path: Path, seed: int
) -> None:
    """Whatever one client calls with ``wait``, and however short: the host runs what it shows.

    The references differ in their signed names, and the name in an inventory is that of the code that runs.
    """
    names = {}
    for name in ("One", "Two"):
        path = tmp_path / f"{name}.wasm"
        path.write_bytes(sign_component(component(), name=name, revision=1, version="0.1.0"))
        names[reference(path)] = name
    world.client.put_config("web", {"a": "b"}).raise_for_status()
    choose = random.Random(seed).choice
    seen: set[str | type[CtlError]] = set()
    uncertain: set[str] = set()
    for _ in range(60):
        wanted = choose([*names, *names, references.absent])
        wait = choose([0.004, 0.02, 0.05, 1.0])
        operation = choose(["scale", "scale", "scale", "update", "stop"])
        try:
            if operation == "stop":
                world.client.stop_component(world.host_id, "echo", wait=wait)
            elif operation == "update":
                world.client.update_component(world.host_id, "echo", wanted, wait=wait)
            else:
                world.client.scale_component(
                    world.host_id,
                    wanted,
                    "echo",
                    choose([1, 2, 3]),
                    config=choose([(), ("web",)]),
                    allow_update=choose([True, False]),
                    wait=wait,
                )
        except CtlError as error:
            seen.add(type(error))
            if operation != "stop" and isinstance(error, WaitTimeout):
                uncertain.add(wanted)  # an update, or a scale that began with one
        else:
            seen.add(operation)
            found = world.component("echo")
            if operation != "stop":
                assert found is not None
                # A scale waits until an earlier update is carried out. After an update, an earlier one may follow.
                earlier = uncertain if operation == "update" else set()
                assert found.image_ref in {wanted, *earlier}
                assert found.name == names[found.image_ref]
        found = world.component("echo")
        assert found is None or found.name == names[found.image_ref]
    # Which calls have succeeded depends on how fast the host was, and so does which have failed, before 1.1.1.
    assert seen >= ({OperationFailed, WaitTimeout} if world.has(SCALE_FAILURE_EVENTS) else {WaitTimeout})
