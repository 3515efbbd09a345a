"""The events that a host publishes: the CloudEvents envelope, and the data of each kind of event."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Mapping

from wasmcloud_ctl.testing._claims import Claims, claims_for_component_event, claims_for_provider_event
from wasmcloud_ctl.testing._commands import DeleteLink, Link
from wasmcloud_ctl.testing._failure import Failure
from wasmcloud_ctl.testing._versions import (
    CLAIMS_DATES,
    DELETED_TARGET,
    FAILED_PROVIDER_HOST,
    HOST_ID_AS_SENT,
    LINK_FAILURE_EVENTS,
    STARTED_WITH_ID,
    HostVersion,
)


def envelope(host_id: str, name: str, data: Mapping[str, object]) -> bytes:
    """Return an event as a CloudEvent in structured JSON mode.

    Args:
        host_id: The id of the host that publishes the event.
        name: The last part of the event's type, such as ``component_scaled``.
        data: The data of the event.
    """
    now = time.time_ns()
    # A ULID (48 bits of time, 80 random bits), formatted as a UUID.
    identity = uuid.UUID(bytes=(now // 1_000_000).to_bytes(6, "big") + os.urandom(10))
    seconds, nanoseconds = divmod(now, 1_000_000_000)
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return json.dumps(
        {
            "specversion": "1.0",
            "id": str(identity),
            "type": f"com.wasmcloud.lattice.{name}",
            "source": host_id,
            "datacontenttype": "application/json",
            "time": f"{moment}.{nanoseconds:09}Z",
            "data": data,
        },
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode("utf-8")


def for_version(
    version: HostVersion, host_id: str, name: str, data: Mapping[str, object]
) -> Mapping[str, object] | None:
    """Return the data of an event as a host of some version publishes it. None if it publishes no such event."""
    if name == "linkdef_set_failed" and not version.has(LINK_FAILURE_EVENTS):
        return None
    changed = dict(data)
    if name.startswith(("component_", "provider_")) and not version.has(HOST_ID_AS_SENT):
        changed["host_id"] = host_id
    if name == "provider_start_failed" and not version.has(FAILED_PROVIDER_HOST):
        del changed["host_id"]
    if name == "linkdef_deleted" and not version.has(DELETED_TARGET):
        changed = {key: value for key, value in changed.items() if key not in ("target", "interfaces")}
    claims = changed.get("claims")
    if isinstance(claims, dict) and not version.has(CLAIMS_DATES):
        changed["claims"] = {**claims, "expires_human": "TODO", "not_before_human": "TODO"}
    if name == "host_started" and version.has(STARTED_WITH_ID):
        changed["id"] = host_id
    return changed


def component_scaled(
    claims: Claims | None,
    annotations: Mapping[str, str],
    host_id: str,
    max_instances: int,
    image_ref: str,
    component_id: str,
) -> dict[str, object]:
    """Return the data for a component that was scaled, or stopped if ``max_instances`` is 0."""
    data: dict[str, object] = {
        "annotations": dict(annotations),
        "component_id": component_id,
        "host_id": host_id,
        "image_ref": image_ref,
        "max_instances": max_instances,
    }
    if claims is not None:
        data["claims"] = claims_for_component_event(claims)
        data["public_key"] = claims.subject
    return data


def component_scale_failed(
    claims: Claims | None,
    annotations: Mapping[str, str],
    host_id: str,
    max_instances: int,
    image_ref: str,
    component_id: str,
    failure: Failure,
) -> dict[str, object]:
    """Return the data for a component that could not be started or scaled."""
    data: dict[str, object] = {
        "annotations": dict(annotations),
        "component_id": component_id,
        "error": failure.chain,
        "host_id": host_id,
        "image_ref": image_ref,
        "max_instances": max_instances,
    }
    if claims is not None:
        data["public_key"] = claims.subject
    return data


def provider_started(
    claims: Claims | None, annotations: Mapping[str, str], host_id: str, image_ref: str, provider_id: str
) -> dict[str, object]:
    """Return the data for a provider that was started."""
    data: dict[str, object] = {
        "annotations": dict(annotations),
        "host_id": host_id,
        "image_ref": image_ref,
        "provider_id": provider_id,
    }
    if claims is not None:
        data["claims"] = claims_for_provider_event(claims)
        data["instance_id"] = provider_id
        data["link_name"] = "default"
        data["public_key"] = provider_id
    return data


def provider_start_failed(
    provider_ref: str, provider_id: str, host_id: str, failure: Failure
) -> dict[str, object]:
    """Return the data for a provider that could not be started."""
    return {
        "error": failure.chain,
        "host_id": host_id,
        "link_name": "default",
        "provider_id": provider_id,
        "provider_ref": provider_ref,
    }


def provider_stopped(
    annotations: Mapping[str, str], host_id: str, provider_id: str, reason: str
) -> dict[str, object]:
    """Return the data for a provider that was stopped."""
    return {
        "annotations": dict(annotations),
        "host_id": host_id,
        "instance_id": provider_id,
        "link_name": "default",
        "provider_id": provider_id,
        "public_key": provider_id,
        "reason": reason,
    }


def link_data(link: Link) -> dict[str, object]:
    """Return a link in the form of events, replies and the bucket."""
    return {
        "source_id": link.source_id,
        "target": link.target,
        "name": link.name,
        "wit_namespace": link.wit_namespace,
        "wit_package": link.wit_package,
        "interfaces": link.interfaces,
        "source_config": link.source_config,
        "target_config": link.target_config,
    }


def linkdef_set_failed(link: Link, failure: Failure) -> dict[str, object]:
    """Return the data for a link that could not be set."""
    return {**link_data(link), "error": failure.chain}


def linkdef_deleted(asked: DeleteLink, deleted: Link | None) -> dict[str, object]:
    """Return the data for a request to delete a link, whether the link existed (``deleted``) or not (None)."""
    data: dict[str, object] = {
        "name": asked.name,
        "source_id": asked.source_id,
        "wit_namespace": asked.wit_namespace,
        "wit_package": asked.wit_package,
    }
    if deleted is not None:
        data["target"] = deleted.target
        data["interfaces"] = deleted.interfaces
    return data
