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

STARTED: CtlResponse[None] = CtlResponse(succeeded=True, message="successfully started provider")


def started(world: World, references: References, provider_id: str = "prov") -> ProviderStarted:
    """Start a provider on the first host, and return the data of its event."""
    with world.client.events_receiver("provider_started") as events:
        assert (
            world.client.start_provider(world.host_id, references.provider, provider_id, {"a": "b"})
            == STARTED
        )
        event = events.get(PATIENCE)
    assert isinstance(event.data, ProviderStarted)
    assert event.source == world.host_id
    return event.data


def test_a_provider_is_started(world: World, references: References) -> None:
    """The event has the claims, the id as public key and instance id, and the reference without file://."""
    data = started(world, references)

    assert data == ProviderStarted(
        provider_id="prov",
        host_id=world.host_id,
        image_ref=references.provider.removeprefix("file://"),
        annotations={"a": "b"},
        public_key="prov",
        instance_id="prov",
        link_name="default",
        claims=EventClaims(
            issuer=data.claims.issuer if data.claims else "",
            name="Sleeper",
            version="0.1.0",
            expires_human="never",
            not_before_human="never",
        ),
    )


def test_a_provider_is_in_the_inventory(world: World, references: References) -> None:
    """The inventory has the name, and the reference without file://."""
    started(world, references)

    found = world.provider("prov")
    assert found is not None
    assert (found.name, found.image_ref, found.annotations) == (
        "Sleeper",
        references.provider.removeprefix("file://"),
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
        assert world.client.stop_provider(world.host_id, "prov") == CtlResponse(
            succeeded=True, message="successfully stopped provider"
        )
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
    """The failure comes as an event, with the reference as written in the command."""
    with world.client.events_receiver("provider_start_failed") as events:
        assert world.client.start_provider(world.host_id, references.absent, "prov") == STARTED
        data = events.get(PATIENCE).data

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
    assert world.inventory().providers == ()


def test_a_bad_reference_is_acknowledged_and_fails(world: World) -> None:
    """An invalid reference is only detected when the host fetches it."""
    with world.client.events_receiver("provider_start_failed") as events:
        assert world.client.start_provider(world.host_id, "not a ref", "prov") == STARTED
        data = events.get(PATIENCE).data

    assert isinstance(data, ProviderStartFailed)
    assert data.error.endswith("failed to parse reference as OCI reference: invalid domain character")


def test_an_absent_config_is_acknowledged_and_fails(world: World, references: References) -> None:
    """A missing config is only detected after the acknowledgement."""
    with world.client.events_receiver("provider_start_failed") as events:
        response = world.client.start_provider(
            world.host_id, references.provider, "prov", provider_configuration=["absent"]
        )
        data = events.get(PATIENCE).data

    assert response == STARTED
    assert isinstance(data, ProviderStartFailed)
    assert data.error == "Unable to fetch requested config: Config absent does not exist"


def test_a_builtin_provider_that_is_switched_off_is_not_answered(world: World) -> None:
    """The host does not reply to this command, but does reply to others."""
    with pytest.raises(RequestTimeout):
        world.client.start_provider(world.host_id, "wasmcloud+builtin://http-server", "http", timeout=0.5)

    assert world.inventory().providers == ()


def test_a_providers_claims_can_be_had(world: World, references: References) -> None:
    """get_claims has the provider's claims, with a config schema."""
    started(world, references)
    world.until(lambda: bool(world.client.get_claims().data))

    [entry] = world.client.get_claims().unwrap()
    assert (entry["name"], entry["version"], entry["config_schema"]) == ("Sleeper", "0.1.0", "")
    assert entry["subject"].startswith("V")
