"""Providers: start and stop."""

from __future__ import annotations

import pytest

from contract.world import PATIENCE, References, World
from wasmcloud_ctl import (
    CtlResponse,
    EventClaims,
    ProviderStarted,
    ProviderStartFailed,
    ProviderStopped,
    RequestTimeout,
)
from wasmcloud_ctl.testing._versions import (
    BUILTINS,
    BUILTINS_SILENT,
    CLAIMS_DATES,
    FAILED_PROVIDER_HOST,
    PROVIDER_CONFIG_LATE,
    PROVIDER_WITHOUT_SCHEME,
)

STARTED = "successfully started provider"


def shown(world: World, reference: str) -> str:
    """Return the reference of a provider from a file as hosts show it: without file://, from 1.5.0 on."""
    return reference.removeprefix("file://") if world.has(PROVIDER_WITHOUT_SCHEME) else reference


def started(world: World, references: References, provider_id: str = "prov") -> ProviderStarted:
    """Start a provider on the first host, and return the data of its event."""
    with world.client.events_receiver("provider_started") as events:
        response = world.client.start_provider(world.host_id, references.provider, provider_id, {"a": "b"})
        assert response == world.done(STARTED)
        event = events.get(PATIENCE)
    assert isinstance(event.data, ProviderStarted)
    assert event.source == world.host_id
    return event.data


def test_a_provider_is_started(world: World, references: References) -> None:
    """The event has the claims, the id as public key and instance id, and the reference without file://.

    Before 1.5.1, hosts do not tell the dates of the claims; before 1.5.0, they show file://.
    """
    data = started(world, references)
    date = "never" if world.has(CLAIMS_DATES) else "TODO"

    assert data == ProviderStarted(
        provider_id="prov",
        host_id=world.host_id,
        image_ref=shown(world, references.provider),
        annotations={"a": "b"},
        public_key="prov",
        instance_id="prov",
        link_name="default",
        claims=EventClaims(
            issuer=data.claims.issuer if data.claims else "",
            name="Sleeper",
            version="0.1.0",
            expires_human=date,
            not_before_human=date,
        ),
    )


def test_a_provider_is_in_the_inventory(world: World, references: References) -> None:
    """The inventory has the name, and the reference as in the event."""
    started(world, references)

    found = world.provider("prov")
    assert found is not None
    assert (found.name, found.image_ref, found.annotations) == (
        "Sleeper",
        shown(world, references.provider),
        {"a": "b"},
    )


def test_a_provider_that_runs_is_not_started_again(world: World, references: References) -> None:
    """A second start with the same id is refused."""
    started(world, references)

    assert world.client.start_provider(world.host_id, references.provider, "prov") == CtlResponse(
        succeeded=False, message="provider with that ID is already running"
    )


def test_one_archive_serves_two_providers(world: World, references: References) -> None:
    """Providers are identified by their id, not by their image."""
    started(world, references, "one")
    started(world, references, "two")

    assert sorted(found.id for found in world.inventory().providers) == ["one", "two"]


def test_a_provider_is_stopped(world: World, references: References) -> None:
    """The host replies when the provider has stopped. The event has the reason."""
    started(world, references)
    with world.client.events_receiver("provider_stopped") as events:
        response = world.client.stop_provider(world.host_id, "prov")
        assert response == world.done("successfully stopped provider")
        event = events.get(PATIENCE)

    assert event.data == ProviderStopped(
        provider_id="prov",
        host_id=world.host_id,
        reason="stop",
        annotations={"a": "b"},
        public_key="prov",
        instance_id="prov",
        link_name="default",
    )
    assert world.inventory().providers == ()


def test_a_provider_can_be_started_again_after_its_stop(world: World, references: References) -> None:
    """The id of a stopped provider can be used again."""
    started(world, references)
    world.client.stop_provider(world.host_id, "prov").raise_for_status()
    started(world, references)

    assert world.provider("prov") is not None


def test_a_stop_of_what_does_not_run_is_refused(world: World) -> None:
    """A provider that does not run cannot be stopped."""
    assert world.client.stop_provider(world.host_id, "nope") == CtlResponse(
        succeeded=False, message="provider with that ID is not running"
    )


def test_an_archive_that_is_not_there_is_acknowledged_and_fails(world: World, references: References) -> None:
    """The failure comes as an event, with the reference as written in the command.

    The event has the host's id, which the client takes from the event's source where hosts do not send it.
    """
    with world.client.events_receiver("provider_start_failed") as events:
        response = world.client.start_provider(world.host_id, references.absent, "prov")
        assert response == world.done(STARTED)
        event = events.get(PATIENCE)
        data = event.data

    path = references.absent.removeprefix("file://")
    assert data == ProviderStartFailed(
        provider_id="prov",
        provider_ref=references.absent,
        host_id=world.host_id,
        error=(
            "failed to fetch provider: failed to read provider: failed to load provider archive: failed to load "
            f"target [x86_64-linux] from PAR from file [{path}]: No such file or directory (os error 2)"
        ),
        link_name="default",
    )
    wire_data = event.to_dict()["data"]
    assert isinstance(wire_data, dict)
    assert ("host_id" in wire_data) is world.has(FAILED_PROVIDER_HOST)
    assert world.inventory().providers == ()


def test_a_bad_reference_is_acknowledged_and_fails(world: World) -> None:
    """An invalid reference is only detected when the host fetches it."""
    with world.client.events_receiver("provider_start_failed") as events:
        assert world.client.start_provider(world.host_id, "not a ref", "prov") == world.done(STARTED)
        data = events.get(PATIENCE).data

    assert isinstance(data, ProviderStartFailed)
    assert data.error.endswith("failed to parse reference as OCI reference: invalid domain character")


def test_an_absent_config_is_acknowledged_and_fails(world: World, references: References) -> None:
    """A missing config is only detected after the acknowledgement. Before 1.1.0, the command is refused."""
    with world.client.events_receiver("provider_start_failed") as events:
        response = world.client.start_provider(
            world.host_id, references.provider, "prov", provider_configuration=["absent"]
        )
        if not world.has(PROVIDER_CONFIG_LATE):
            assert response == CtlResponse(succeeded=False, message="Unable to fetch requested config")
            world.none_follows(events)
            return
        data = events.get(PATIENCE).data

    assert response == world.done(STARTED)
    assert isinstance(data, ProviderStartFailed)
    assert data.error == world.config_error


def test_a_builtin_provider_that_is_switched_off_is_not_answered(world: World) -> None:
    """The host does not reply to this command, but does reply to others. Before 1.8.0, the start fails."""
    reference = "wasmcloud+builtin://http-server"
    if world.has(BUILTINS_SILENT):
        with pytest.raises(RequestTimeout):
            world.client.start_provider(world.host_id, reference, "http", timeout=0.5)
    else:
        with world.client.events_receiver("provider_start_failed") as events:
            assert world.client.start_provider(world.host_id, reference, "http") == world.done(STARTED)
            data = events.get(PATIENCE).data
        assert isinstance(data, ProviderStartFailed)
        # Before 1.5.0 there were no builtin providers, so this was the name of an image.
        reason = "feature `builtin-http-server` is not enabled, denying start"
        assert data.error.startswith(reason if world.has(BUILTINS) else "failed to fetch provider")

    assert world.inventory().providers == ()


def test_a_providers_claims_can_be_had(world: World, references: References) -> None:
    """get_claims has the provider's claims, with a config schema."""
    started(world, references)
    world.until(lambda: bool(world.client.get_claims().data))

    [entry] = world.client.get_claims().unwrap()
    assert (entry["name"], entry["version"], entry["config_schema"]) == ("Sleeper", "0.1.0", "")
    assert entry["subject"].startswith("V")
