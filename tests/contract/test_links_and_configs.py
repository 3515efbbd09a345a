"""Links and configs, which belong to the whole lattice."""

from __future__ import annotations

import attrs
import pytest

from contract.world import PATIENCE, World
from wasmcloud_ctl import (
    ConfigDeleted,
    ConfigSet,
    CtlResponse,
    Event,
    EventReceiver,
    Link,
    LinkdefDeleted,
    LinkdefSet,
    LinkdefSetFailed,
)
from wasmcloud_ctl.testing._versions import (
    CLASHES_REFUSED,
    DELETED_TARGET,
    DISJOINT_CLASH,
    LINK_CONFIGS_NAMED,
    LINK_FAILURE_EVENTS,
)

PUT = "successfully set link"
DELETED = "successfully deleted link"
LINK = Link("echo", "http", "wasi", "http", ["incoming-handler"])


def put(world: World, link: Link) -> None:
    """Put a link, and wait until all hosts know it. get_links reads the memory of one host."""
    world.client.put_link(link).raise_for_status()
    world.until(lambda: link in world.client.get_links().unwrap())


def fields(link: Link) -> dict[str, object]:
    return {field.name: getattr(link, field.name) for field in attrs.fields(Link)}


def next_of(events: EventReceiver) -> Event:
    return events.get(PATIENCE)


def test_a_new_lattice_has_no_links(world: World) -> None:
    """Without links, the data is an empty list, not None."""
    assert world.client.get_links() == CtlResponse(succeeded=True, data=[])


def test_a_link_is_put_told_and_listed(world: World) -> None:
    """The event has the whole link, and get_links returns the link unchanged."""
    with world.client.events_receiver("linkdef_set") as events:
        assert world.client.put_link(LINK) == world.done(PUT)
        event = next_of(events)

    assert event.data == LinkdefSet(**fields(LINK))  # type: ignore[arg-type]  # mypy does not know the names in **
    assert event.source in world.host_ids
    world.until(lambda: world.client.get_links().data == [LINK])


def test_the_same_link_again_succeeds_and_is_told_again(world: World) -> None:
    """Putting an equal link changes nothing, but publishes an event."""
    put(world, LINK)
    with world.client.events_receiver("linkdef_set") as events:
        assert world.client.put_link(LINK) == world.done(PUT)
        next_of(events)
    world.until(lambda: world.client.get_links().data == [LINK])


def test_a_link_to_another_target_is_refused(world: World) -> None:
    """The same interface to another target is refused, with an event. Before 1.3.0, both links are kept."""
    put(world, LINK)
    clash = attrs.evolve(LINK, target="other")
    if not world.has(CLASHES_REFUSED):
        put(world, clash)
        assert world.client.get_links().data == [LINK, clash]
        return
    reason = (
        "link already exists with different target, consider deleting the existing link or using a different "
        "link name"
    )
    with world.client.events_receiver("linkdef_set_failed") as events:
        assert world.client.put_link(clash) == CtlResponse(succeeded=False, message=reason)
        assert next_of(events).data == LinkdefSetFailed(**fields(clash), error=reason)  # type: ignore[arg-type]  # mypy does not know the names in **
    world.until(lambda: world.client.get_links().data == [LINK])


def test_a_link_to_another_target_by_another_interface_is_kept(world: World) -> None:
    """Links of one name clash only if they have an interface in common. From 1.3.0 to 1.4.2 they always clash."""
    put(world, LINK)
    other = attrs.evolve(LINK, target="other", interfaces=["outgoing-handler"])
    response = world.client.put_link(other)

    assert response.succeeded is not world.has(DISJOINT_CLASH)
    kept = [LINK, other] if response else [LINK]
    world.until(lambda: world.client.get_links().data == kept)


def test_another_name_makes_another_link(world: World) -> None:
    """Two links for one package of one source need two names."""
    second = attrs.evolve(LINK, name="second", target="other")
    put(world, LINK)
    put(world, second)

    world.until(lambda: world.client.get_links().data == [LINK, second])


def test_a_link_with_configs_comes_back_with_them(world: World) -> None:
    """The configs of a link must exist, and get_links returns their names."""
    world.client.put_config("source", {"a": "b"}).raise_for_status()
    world.client.put_config("target", {}).raise_for_status()
    link = attrs.evolve(LINK, source_config=["source"], target_config=["target"])
    put(world, link)

    assert world.client.get_links().data == [link]


def test_a_link_with_an_absent_config_is_refused(world: World) -> None:
    """A link with a missing config is refused. An event has the host's reason, too; before 1.2.0 there is none."""
    link = attrs.evolve(LINK, target_config=["absent"])
    reason = "failed to resolve link config for provider"
    if world.has(LINK_CONFIGS_NAMED):
        reason = (
            "Failed to validate configuration and secrets. Configuration absent not found in config store. "
        )
    with world.client.events_receiver("linkdef_set_failed") as events:
        assert world.client.put_link(link) == CtlResponse(succeeded=False, message=reason)
        if world.has(LINK_FAILURE_EVENTS):
            assert next_of(events).data == LinkdefSetFailed(**fields(link), error=reason)  # type: ignore[arg-type]  # mypy does not know the names in **
        else:
            world.none_follows(events)


def test_a_link_from_an_id_with_a_space_is_refused(world: World) -> None:
    """A source id that is not a valid bucket key cannot be linked."""
    response = world.client.put_link(attrs.evolve(LINK, source_id="a b"))

    assert response == CtlResponse(succeeded=False, message="failed to get component spec")


def test_a_link_is_deleted(world: World) -> None:
    """The event has the target and the interfaces of the deleted link. Before 1.3.0 it has neither."""
    put(world, LINK)
    with world.client.events_receiver("linkdef_deleted") as events:
        assert world.client.delete_link("echo", "default", "wasi", "http") == world.done(DELETED)
        deleted = LinkdefDeleted(source_id="echo", wit_namespace="wasi", wit_package="http")
        if world.has(DELETED_TARGET):
            deleted = attrs.evolve(deleted, target="http", interfaces=("incoming-handler",))
        assert next_of(events).data == deleted
    world.until(lambda: world.client.get_links().data == [])


def test_a_link_that_is_not_there_is_deleted_all_the_same(world: World) -> None:
    """If the source is known, deleting a missing link succeeds, with an event that has no target."""
    put(world, LINK)
    with world.client.events_receiver("linkdef_deleted") as events:
        assert world.client.delete_link("echo", "other", "wasi", "http") == world.done(DELETED)
        assert next_of(events).data == LinkdefDeleted(
            source_id="echo", wit_namespace="wasi", wit_package="http", name="other"
        )


def test_a_link_of_an_unknown_source_is_deleted_without_an_event(world: World) -> None:
    """If the source is unknown, the message says so, and there is no event."""
    with world.client.events_receiver("linkdef_deleted") as events:
        response = world.client.delete_link("nobody", "default", "wasi", "http")
        assert response == world.done("successfully deleted link (spec doesn't exist)")
        world.none_follows(events)


def test_links_put_one_after_the_other_are_all_kept(world: World) -> None:
    """Twenty links of one source, put one after the other, are all kept."""
    links = [attrs.evolve(LINK, name=f"n{number}") for number in range(20)]
    for link in links:
        world.client.put_link(link).raise_for_status()

    world.until(lambda: sorted(map(repr, world.client.get_links().unwrap())) == sorted(map(repr, links)))


@pytest.mark.parametrize(
    "config",
    [{"address": "0.0.0.0:8080"}, {"π": "ünï", "": "", "a b": "c\nd"}, {}, {"large": "x" * 100_000}],
    ids=["plain", "odd", "empty", "large"],
)
def test_a_config_comes_back_as_it_was_put(world: World, config: dict[str, str]) -> None:
    """A config may hold any strings, and is returned unchanged. An empty config is data, not None."""
    with world.client.events_receiver("config_set") as events:
        assert world.client.put_config("web", config) == world.done("successfully put config")
        assert next_of(events).data == ConfigSet(config_name="web")

    assert world.client.get_config("web") == CtlResponse(succeeded=True, data=config)


def test_a_config_is_replaced_whole(world: World) -> None:
    """A second put replaces the whole config."""
    world.client.put_config("web", {"a": "b"}).raise_for_status()
    world.client.put_config("web", {"c": "d"}).raise_for_status()

    assert world.client.get_config("web").data == {"c": "d"}


def test_a_config_that_is_not_there_is_no_refusal(world: World) -> None:
    """Getting a missing config succeeds with a message and no data."""
    assert world.client.get_config("nothing") == CtlResponse(
        succeeded=True, message="Configuration not found", data=None
    )


def test_a_config_is_deleted_and_told_each_time(world: World) -> None:
    """Deleting a config succeeds with an event, whether the config exists or not."""
    world.client.put_config("web", {}).raise_for_status()
    with world.client.events_receiver("config_deleted") as events:
        for _ in range(2):
            assert world.client.delete_config("web") == world.done("successfully deleted config")
            assert next_of(events).data == ConfigDeleted(config_name="web")
    assert world.client.get_config("web").data is None


@pytest.mark.parametrize("name", ["a/b", "a=b", "A-b_c", "1"])
def test_names_that_can_be_keys_are_stored(world: World, name: str) -> None:
    """Names of letters, digits and the characters -/_= are accepted."""
    world.client.put_config(name, {"a": "b"}).raise_for_status()

    assert world.client.get_config(name).data == {"a": "b"}


@pytest.mark.parametrize("name", ["ümlaut", "a$b", "a:b"])
def test_names_that_cannot_be_keys_are_refused(world: World, name: str) -> None:
    """The host refuses a name that is valid in a subject, but not as a bucket key."""
    assert world.client.put_config(name, {"a": "b"}) == CtlResponse(
        succeeded=False, message="unable to store config data"
    )


def test_many_configs_are_all_kept(world: World) -> None:
    """Twenty configs, put one after the other, are all kept with their content."""
    for number in range(20):
        world.client.put_config(f"c{number}", {"n": str(number)}).raise_for_status()

    assert [world.client.get_config(f"c{number}").data for number in range(20)] == [
        {"n": str(number)} for number in range(20)
    ]
