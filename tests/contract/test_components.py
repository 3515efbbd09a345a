"""Components: start, scale, update and stop, including where hosts behave in unexpected ways."""

from __future__ import annotations

from pathlib import Path

from contract.world import PATIENCE, References, World
from wasmcloud_ctl import (
    ComponentDescription,
    ComponentScaled,
    ComponentScaleFailed,
    CtlResponse,
    Event,
    EventClaims,
    EventReceiver,
)
from wasmcloud_ctl.testing import write_component
from wasmcloud_ctl.testing._versions import (
    ALLOW_UPDATE,
    CLAIMS_DATES,
    LIMITS,
    ONE_STOP_EVENT,
    SCALE_EVENTS_ALWAYS,
    SCALE_FAILURE_EVENTS,
    SCALE_WITHOUT_IMAGE,
    UPDATES_ANSWERED,
)

OK: CtlResponse[None] = CtlResponse(succeeded=True)


def scaled(event: Event) -> ComponentScaled:
    assert isinstance(event.data, ComponentScaled), event
    assert event.source == event.data.host_id
    return event.data


def failed(event: Event) -> ComponentScaleFailed:
    assert isinstance(event.data, ComponentScaleFailed), event
    return event.data


def next_failure(world: World, events: EventReceiver) -> ComponentScaleFailed | None:
    """Return the data of the next event. Before 1.1.1 hosts do not publish most failures: None, if none comes."""
    if world.has(SCALE_FAILURE_EVENTS):
        return failed(events.get(PATIENCE))
    world.none_follows(events)
    return None


def outcome(events: EventReceiver) -> tuple[str, int]:
    """Return the reference and the count of the next event."""
    data = scaled(events.get(PATIENCE))
    return data.image_ref, data.max_instances


def test_a_start_is_told_twice(world: World, references: References) -> None:
    """A start publishes two events that differ only in their ids and times. Before 1.1.1 it publishes one."""
    times = 2 if world.has(SCALE_EVENTS_ALWAYS) else 1
    with world.client.events_receiver("component_scaled") as events:
        response = world.client.scale_component(world.host_id, references.echo, "echo", 2, {"team": "a"})
        told = [events.get(PATIENCE) for _ in range(times)]
        world.none_follows(events)

    assert response == OK
    assert [scaled(event) for event in told] == [
        ComponentScaled(
            component_id="echo",
            host_id=world.host_id,
            image_ref=references.echo,
            max_instances=2,
            annotations={"team": "a"},
        )
    ] * times
    assert len({event.id for event in told}) == times
    assert world.component("echo") == ComponentDescription(
        id="echo", image_ref=references.echo, annotations={"team": "a"}, max_instances=2
    )


def test_a_component_is_scaled_up_and_down(world: World, references: References) -> None:
    """A scale of a running component publishes one event. The highest count is accepted.

    In 1.0.0 another event reports the end of what is replaced, with 0 instances.
    """
    world.start(references.echo)
    with world.client.events_receiver() as events:
        for count in (5, 2**32 - 1, 1):
            assert world.client.scale_component(world.host_id, references.echo, "echo", count) == OK
            assert outcome(events) == (references.echo, count)
            if not world.has(ONE_STOP_EVENT):
                assert outcome(events) == (references.echo, 0)
            found = world.component("echo")
            assert found is not None
            assert found.max_instances == count


def test_the_same_scale_again_is_told_again(world: World, references: References) -> None:
    """A scale that changes nothing still publishes one event. Before 1.1.1 it publishes none."""
    world.start(references.echo, count=2)
    with world.client.events_receiver("component_scaled") as events:
        assert world.client.scale_component(world.host_id, references.echo, "echo", 2) == OK
        if world.has(SCALE_EVENTS_ALWAYS):
            assert outcome(events) == (references.echo, 2)
        world.none_follows(events)


def test_a_component_is_stopped_by_a_count_of_0(world: World, references: References) -> None:
    """A stop publishes one event with 0 instances, and the component is gone. 1.0.0 publishes two."""
    world.start(references.echo)
    with world.client.events_receiver("component_scaled") as events:
        assert world.client.scale_component(world.host_id, references.echo, "echo", 0) == OK
        for _ in range(1 if world.has(ONE_STOP_EVENT) else 2):
            assert outcome(events) == (references.echo, 0)
        assert world.component("echo") is None
        world.none_follows(events)


def test_stopping_what_does_not_run_succeeds(world: World, references: References) -> None:
    """A stop of a component that does not run is acknowledged, and publishes an event. Before 1.1.1 there is none."""
    with world.client.events_receiver("component_scaled") as events:
        assert world.client.scale_component(world.host_id, references.echo, "nothing", 0) == OK
        if world.has(SCALE_EVENTS_ALWAYS):
            assert outcome(events) == (references.echo, 0)
        world.none_follows(events)


def test_a_stop_needs_an_image_before_1_5_1(world: World, references: References) -> None:
    """A stop and a scale with a reference that cannot be pulled are carried out. Before 1.5.1 they are not."""
    world.start(references.echo)
    names = ("component_scaled", "component_scale_failed")
    with world.client.events_receiver(*names) as events:
        assert world.client.scale_component(world.host_id, references.absent, "echo", 0).succeeded
        if world.has(SCALE_WITHOUT_IMAGE):
            assert outcome(events) == (references.echo, 0)
        elif world.has(SCALE_FAILURE_EVENTS):
            assert failed(events.get(PATIENCE)).image_ref == references.absent
        world.none_follows(events)

    assert (world.component("echo") is None) is world.has(SCALE_WITHOUT_IMAGE)


def test_an_event_has_the_old_annotations_and_the_inventory_the_new(
    world: World, references: References
) -> None:
    """When a scale changes the annotations, the event still shows the old ones."""
    world.start(references.echo, count=2, annotations={"team": "a"})
    with world.client.events_receiver("component_scaled") as events:
        world.client.scale_component(world.host_id, references.echo, "echo", 1, {"team": "b"})
        data = scaled(events.get(PATIENCE))

    assert data.annotations == {"team": "a"}
    found = world.component("echo")
    assert found is not None
    assert found.annotations == {"team": "b"}


def test_limits_are_in_the_inventory(world: World, references: References) -> None:
    """The inventory shows the limits of a component that has any. Before 1.9.0, hosts ignore them."""
    limits = {"max_memory_limit": "1048576", "max_execution_time": "5"}
    world.start(references.echo, "limited", limits=limits)

    found = world.component("limited")
    assert found is not None
    assert found.limits == (limits if world.has(LIMITS) else None)


def test_a_file_that_is_not_there_is_acknowledged_and_fails(world: World, references: References) -> None:
    """The host acknowledges the command first. The reason of the failure comes as an event, from 1.1.1 on."""
    with world.client.events_receiver("component_scale_failed") as events:
        assert world.client.scale_component(world.host_id, references.absent, "ghost", 1) == OK
        data = next_failure(world, events)

    assert world.component("ghost") is None
    assert data is None or data == ComponentScaleFailed(
        component_id="ghost",
        host_id=world.host_id,
        image_ref=references.absent,
        max_instances=1,
        error="failed to fetch component: failed to read component: No such file or directory (os error 2)",
    )


def test_a_bad_reference_is_acknowledged_and_fails(world: World) -> None:
    """An invalid reference is only detected when the host fetches it."""
    with world.client.events_receiver("component_scale_failed") as events:
        assert world.client.scale_component(world.host_id, "not a ref", "ghost", 1) == OK
        data = next_failure(world, events)

    assert data is None or data.error == (
        "failed to fetch component: failed to parse reference as OCI reference: invalid domain character"
    )


def test_a_file_that_is_no_component_fails(world: World, scratch: Path) -> None:
    """A file that is not WebAssembly fails with its own error."""
    path = scratch / "text.wasm"
    path.write_bytes(b"certainly no component")
    with world.client.events_receiver("component_scale_failed") as events:
        assert world.client.scale_component(world.host_id, path.as_uri(), "text", 1) == OK
        data = next_failure(world, events)

    assert data is None or "magic header not detected" in data.error


def test_an_absent_config_is_acknowledged_and_fails(world: World, references: References) -> None:
    """A missing config is only detected after the acknowledgement."""
    with world.client.events_receiver("component_scale_failed") as events:
        assert (
            world.client.scale_component(world.host_id, references.echo, "echo", 1, config=["absent"]) == OK
        )
        data = next_failure(world, events)
    assert data is None or data.error == world.config_error
    assert world.component("echo") is None


def test_an_absent_config_leaves_what_runs_as_it_was(world: World, references: References) -> None:
    """A scale from 2 to 2 with a missing config is acknowledged and fails. The component stays unchanged."""
    world.start(references.echo, count=2)
    with world.client.events_receiver("component_scaled", "component_scale_failed") as events:
        assert (
            world.client.scale_component(world.host_id, references.echo, "echo", 2, config=["absent"]) == OK
        )
        data = next_failure(world, events)
    assert data is None or data.component_id == "echo"
    found = world.component("echo")
    assert found is not None
    assert found.max_instances == 2


def test_another_config_is_told_once(world: World, references: References) -> None:
    """The same count with another config restarts the component, and publishes one event.

    Before 1.1.1 there is none, but in 1.0.0 one with 0 instances.
    """
    world.client.put_config("web", {"a": "b"}).raise_for_status()
    world.start(references.echo)
    with world.client.events_receiver("component_scaled") as events:
        assert world.client.scale_component(world.host_id, references.echo, "echo", 1, config=["web"]) == OK
        if world.has(SCALE_EVENTS_ALWAYS):
            assert outcome(events) == (references.echo, 1)
        if not world.has(ONE_STOP_EVENT):
            assert outcome(events) == (references.echo, 0)
        world.none_follows(events)


def test_a_changed_config_is_no_event_of_the_component(world: World, references: References) -> None:
    """Changing or deleting a config of a running component publishes no component event."""
    world.client.put_config("web", {"a": "b"}).raise_for_status()
    world.start(references.echo, config=["web"])
    with world.client.events_receiver("component_scaled") as events:
        world.client.put_config("web", {"a": "c"}).raise_for_status()
        world.client.delete_config("web").raise_for_status()
        world.none_follows(events)


def test_an_id_with_a_space_is_acknowledged_and_fails(world: World, references: References) -> None:
    """An id that is not a valid bucket key fails after the acknowledgement."""
    with world.client.events_receiver("component_scale_failed") as events:
        assert world.client.scale_component(world.host_id, references.echo, "a b", 1) == OK
        assert failed(events.get(PATIENCE)).error.startswith("failed to get component spec")


def test_an_id_with_a_dot_is_fine(world: World, references: References) -> None:
    """A component id may contain dots, because it is not part of a subject."""
    world.start(references.echo, "a.b")

    assert world.component("a.b") is not None


def test_another_reference_is_not_taken_without_being_allowed(world: World, references: References) -> None:
    """Another reference without allow_update succeeds with a long message. The old reference keeps running."""
    world.start(references.echo, count=2)
    with world.client.events_receiver("component_scaled") as events:
        response = world.client.scale_component(world.host_id, references.echo2, "echo", 2)
        if world.has(SCALE_EVENTS_ALWAYS):
            assert outcome(events) == (references.echo, 2)
        world.none_follows(events)

    assert response == CtlResponse(
        succeeded=True,
        message=(
            "Requested to scale existing component to a different image reference: "
            f"{references.echo} != {references.echo2}. The component will be scaled but the image reference "
            "will not be updated. If you meant to update this component to a new image ref, use the update command."
        ),
    )
    found = world.component("echo")
    assert found is not None
    assert found.image_ref == references.echo


def test_another_reference_is_taken_when_allowed(world: World, references: References) -> None:
    """allow_update with the same count publishes one event with the old reference, then the two of an update.

    1.1.0 publishes only the latter, and hosts before that ignore allow_update.
    """
    world.start(references.echo, count=2)
    told = [(references.echo, 2)] if world.has(SCALE_EVENTS_ALWAYS) else []
    if world.has(ALLOW_UPDATE):
        told += [(references.echo2, 2), (references.echo2, 0)]
    with world.client.events_receiver("component_scaled") as events:
        response = world.client.scale_component(world.host_id, references.echo2, "echo", 2, allow_update=True)
        assert [outcome(events) for _ in told] == told
        world.none_follows(events)

    if not world.has(ALLOW_UPDATE):
        assert response.message.endswith("use the update command.")
        return

    assert response.message == (
        "Requested to scale existing component, with a changed image reference: "
        f"{references.echo} != {references.echo2}. The component will be scaled, and the image reference will be "
        "updated afterwards."
    )
    found = world.component("echo")
    assert found is not None
    assert (found.image_ref, found.max_instances) == (references.echo2, 2)


def test_an_allowed_update_that_cannot_be_fetched_is_not_told(world: World, references: References) -> None:
    """There is one event with the old reference, and none for the failure.

    Before 1.5.1 the scale itself fails, because the image cannot be pulled, and before 1.1.1 nothing says so.
    """
    world.start(references.echo, count=2)
    with world.client.events_receiver("component_scaled", "component_scale_failed") as events:
        assert world.client.scale_component(world.host_id, references.absent, "echo", 2, allow_update=True)
        if world.has(SCALE_WITHOUT_IMAGE):
            assert outcome(events) == (references.echo, 2)
        elif world.has(SCALE_FAILURE_EVENTS):
            assert failed(events.get(PATIENCE)).image_ref == references.absent
        world.none_follows(events)
    found = world.component("echo")
    assert found is not None
    assert found.image_ref == references.echo


def test_after_another_reference_and_another_count_the_inventory_lies(
    world: World, references: References
) -> None:
    """The inventory shows a new reference that never ran, and an update to it claims to be done already.

    Before 1.5.1 the reference must be one that can be pulled. 1.0.0 does carry out the update.
    """
    cases = [(references.echo2, False)]
    if world.has(SCALE_WITHOUT_IMAGE):
        cases.append((references.absent, True))
    for reference, allow_update in cases:
        component_id = f"c-{allow_update}"
        world.start(references.echo, component_id, 2)
        with world.client.events_receiver("component_scaled") as events:
            assert world.client.scale_component(
                world.host_id, reference, component_id, 3, allow_update=allow_update
            )
            assert outcome(events) == (references.echo, 3)
            if not world.has(ONE_STOP_EVENT):
                assert outcome(events) == (references.echo, 0)
            found = world.component(component_id)
            assert found is not None
            assert (found.image_ref, found.max_instances) == (reference, 3)
            response = world.client.update_component(world.host_id, component_id, reference)
            if world.has(UPDATES_ANSWERED):
                assert response.message == f"component {component_id} already updated to {reference}"
            else:
                assert [outcome(events) for _ in range(3)] == [(reference, 3), (reference, 0), (reference, 0)]
            world.none_follows(events)


def test_an_update_is_told_by_two_events(world: World, references: References) -> None:
    """The first event has the new reference and the count, the second the new reference and 0 instances.

    1.0.0 publishes three: two with the old reference and 0 instances. Nor does its response have a message.
    """
    world.start(references.echo, count=3)
    message, told = "", [(references.echo2, 3), (references.echo, 0), (references.echo, 0)]
    if world.has(UPDATES_ANSWERED) and world.has(ONE_STOP_EVENT):
        message = f"component echo updating from {references.echo} to {references.echo2}"
        told = [(references.echo2, 3), (references.echo2, 0)]
    with world.client.events_receiver("component_scaled") as events:
        response = world.client.update_component(world.host_id, "echo", references.echo2)
        assert response == CtlResponse(succeeded=True, message=message)
        assert [outcome(events) for _ in told] == told
    # The host publishes the events before it replaces the component.
    world.until(
        lambda: (found := world.component("echo")) is not None and found.image_ref == references.echo2
    )
    found = world.component("echo")
    assert found is not None
    assert found.max_instances == 3


def test_an_update_to_the_same_reference_is_not_told(world: World, references: References) -> None:
    """An update to the running reference succeeds without an event. 1.0.0 carries it out once more."""
    world.start(references.echo)
    with world.client.events_receiver("component_scaled") as events:
        response = world.client.update_component(world.host_id, "echo", references.echo)
        if world.has(UPDATES_ANSWERED):
            assert response.message == f"component echo already updated to {references.echo}"
        else:
            assert response == OK
            assert [outcome(events) for _ in range(3)] == [
                (references.echo, 1),
                (references.echo, 0),
                (references.echo, 0),
            ]
        world.none_follows(events)


def test_an_update_that_cannot_be_fetched_is_not_told(world: World, references: References) -> None:
    """The command succeeds without an event. Only the inventory shows that nothing has changed."""
    world.start(references.echo)
    with world.client.events_receiver("component_scaled", "component_scale_failed") as events:
        assert world.client.update_component(world.host_id, "echo", references.absent).succeeded
        world.none_follows(events)
    found = world.component("echo")
    assert found is not None
    assert found.image_ref == references.echo


def test_an_update_of_what_does_not_run_is_refused(world: World, references: References) -> None:
    """A component that does not run cannot be updated. 1.0.0 does not say so."""
    response = world.client.update_component(world.host_id, "nope", references.echo)

    refused: CtlResponse[None] = CtlResponse(succeeded=False, message="component nope not found")
    assert response == (refused if world.has(UPDATES_ANSWERED) else OK)
    assert world.component("nope") is None


def test_two_components_of_one_image_keep_apart(world: World, references: References) -> None:
    """Components are identified by their id, not by their image."""
    world.start(references.echo, "one", 1)
    world.start(references.echo, "two", 2)
    with world.client.events_receiver("component_scaled") as events:
        world.client.scale_component(world.host_id, references.echo, "one", 0)
        assert scaled(events.get(PATIENCE)).component_id == "one"

    assert [(found.id, found.max_instances) for found in world.inventory().components] == [("two", 2)]


def test_a_signed_component_is_told_with_its_claims(world: World, references: References) -> None:
    """The event has the claims and the public key. The inventory has the name and the revision.

    Before 1.5.1, the claims are without their dates.
    """
    data = world.start(references.signed, "signed")
    date = "never" if world.has(CLAIMS_DATES) else "TODO"

    assert data.claims == EventClaims(
        issuer=data.claims.issuer if data.claims else "",
        name="Echo",
        version="0.3.0",
        expires_human=date,
        not_before_human=date,
        tags=("demo", "echo"),
        call_alias="acme/echo",
        revision=3,
    )
    assert data.public_key is not None
    assert data.public_key.startswith("M")
    found = world.component("signed")
    assert found is not None
    assert (found.name, found.revision) == ("Echo", 3)


def test_the_claims_of_a_signed_component_can_be_had(world: World, references: References) -> None:
    """get_claims has two spellings of some keys. The claims show up a moment after the start."""
    assert world.client.get_claims().data == []
    world.start(references.signed, "signed")
    world.until(lambda: bool(world.client.get_claims().data))

    [entry] = world.client.get_claims().unwrap()
    assert {key: entry[key] for key in ("name", "version", "rev", "revision", "call_alias", "tags")} == {
        "name": "Echo",
        "version": "0.3.0",
        "rev": "3",
        "revision": "3",
        "call_alias": "acme/echo",
        "tags": "demo,echo",
    }
    assert (entry["iss"], entry["sub"]) == (entry["issuer"], entry["subject"])


def test_a_component_runs_on_the_host_that_was_told(world: World, references: References) -> None:
    """The inventory of the other host does not change."""
    world.start(references.echo)

    assert world.inventory(world.host_ids[1]).components == ()


def test_new_bytes_under_another_name_are_another_reference(
    world: World, references: References, scratch: Path
) -> None:
    """A host loads a file that the test has just written."""
    made = write_component(scratch / "made.wasm", "acme:made/made@0.1.0")
    world.start(made, "made")

    found = world.component("made")
    assert found is not None
    assert found.image_ref == made
