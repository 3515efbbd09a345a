"""The events that wadm reacts to, as it reads them from the lattice's messages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from attrs import frozen

_TYPE_PREFIX = "com.wasmcloud.lattice."

# The fields that wadm demands of the data, by the event's name. It skips any other event.
_FIELDS: dict[str, Mapping[str, type]] = {
    "component_scaled": {
        "annotations": dict,
        "component_id": str,
        "image_ref": str,
        "max_instances": int,
    },
    "component_scale_failed": {
        "annotations": dict,
        "component_id": str,
        "error": str,
        "image_ref": str,
        "max_instances": int,
    },
    "provider_started": {"annotations": dict, "image_ref": str, "provider_id": str},
    "provider_start_failed": {"error": str, "provider_id": str, "provider_ref": str},
    "provider_stopped": {"annotations": dict, "provider_id": str, "reason": str},
    "health_check_passed": {"provider_id": str, "host_id": str},
    "health_check_failed": {"provider_id": str, "host_id": str},
    "health_check_status": {"provider_id": str, "host_id": str},
    "host_started": {"labels": dict, "friendly_name": str},
    "host_stopped": {"labels": dict},
    "host_heartbeat": {"components": list, "providers": list, "labels": dict, "friendly_name": str},
    "linkdef_set": {"source_id": str, "target": str, "name": str},
    "linkdef_deleted": {"source_id": str, "name": str, "wit_namespace": str, "wit_package": str},
    "config_set": {"config_name": str},
    "config_deleted": {"config_name": str},
}


@frozen
class Event:
    """An event of a host: its name, the host's id, and its data."""

    name: str
    source: str
    data: Mapping[str, Any]


def read_event(payload: bytes) -> Event | None:
    """Return the event in a message, or None if it is none that wadm reacts to."""
    try:
        envelope = json.loads(payload)
        name = envelope["type"].removeprefix(_TYPE_PREFIX)
        source, data = envelope["source"], envelope["data"]
        fields = _FIELDS[name]
        complete = all(type(data[field]) is kind for field, kind in fields.items())
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return Event(name, source, data) if complete else None
