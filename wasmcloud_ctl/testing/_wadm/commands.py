"""The commands that wadm sends to hosts, and the events that it expects in return."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import frozen

from wasmcloud_ctl.testing._wadm.events import Event

SCALER = "wasmcloud.dev/scaler"
SPREAD = "wasmcloud.dev/spread_name"
APPLICATION = "wasmcloud.dev/appspec"

_MANAGED_BY = "wasmcloud.dev/managed-by"

# The name of an event and the values of some of its fields.
Expected = tuple[str, Mapping[str, object]]


@frozen
class Command:
    """A command to a host.

    Attributes:
        operation: The operation, such as ``component.scale``.
        target: The last part of the subject: the host's id or a config's name. Empty if the subject has none.
        body: The payload as JSON. None for an empty payload.
        expected: The events of success and failure that wadm expects. Empty if it expects none.
    """

    operation: str
    target: str
    body: Mapping[str, object] | None
    expected: tuple[Expected, ...] = ()


def managed(annotations: Mapping[str, str], application: str) -> dict[str, str]:
    """Return the annotations of what wadm starts, in wadm's order."""
    added = {_MANAGED_BY: "wadm", APPLICATION: application}
    return dict(sorted({**annotations, **added}.items()))


def scale(
    application: str,
    host_id: str,
    component: tuple[str, str],
    count: int,
    annotations: Mapping[str, str],
    config: Sequence[str],
) -> Command:
    """Return the command that scales a component, which is given by its id and its reference."""
    component_id, reference = component
    annotations = managed(annotations, application)
    same = {
        "annotations": annotations,
        "image_ref": reference,
        "component_id": component_id,
        "host_id": host_id,
    }
    body = {
        "component_ref": reference,
        "component_id": component_id,
        "annotations": annotations,
        "count": count,
        "host_id": host_id,
        "config": list(config),
        "allow_update": False,
    }
    expected = (("component_scaled", same), ("component_scale_failed", same))
    return Command("component.scale", host_id, body, expected)


def start_provider(
    application: str,
    host_id: str,
    provider: tuple[str, str],
    annotations: Mapping[str, str],
    config: Sequence[str],
) -> Command:
    """Return the command that starts a provider, which is given by its id and its reference."""
    provider_id, reference = provider
    annotations = managed(annotations, application)
    started = {
        "annotations": annotations,
        "image_ref": reference,
        "provider_id": provider_id,
        "host_id": host_id,
    }
    failed = {"provider_id": provider_id, "provider_ref": reference, "host_id": host_id}
    body = {
        "provider_id": provider_id,
        "provider_ref": reference,
        "host_id": host_id,
        "config": list(config),
        "annotations": annotations,
    }
    expected = (("provider_started", started), ("provider_start_failed", failed))
    return Command("provider.start", host_id, body, expected)


def stop_provider(host_id: str, provider_id: str) -> Command:
    """Return the command that stops a provider."""
    return Command("provider.stop", host_id, {"host_id": host_id, "provider_id": provider_id})


def put_config(name: str, config: Mapping[str, str]) -> Command:
    """Return the command that stores a config."""
    return Command("config.put", name, config)


def delete_config(name: str) -> Command:
    """Return the command that deletes a config."""
    return Command("config.del", name, None)


def matches(event: Event, expected: Expected) -> bool:
    """Return whether an event is the expected one."""
    name, fields = expected
    data = {**event.data, "host_id": event.source}
    return event.name == name and all(data.get(field) == value for field, value in fields.items())
