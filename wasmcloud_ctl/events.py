"""Events and the typed data of each kind: values only."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs

from wasmcloud_ctl.models import I32, U64, HostInventory, Link, Model, Shown

# The data of each kind --------------------------------------------------------------------------


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class EventClaims(Model):
    """What the signature of a component or provider says of it, in an event.

    Attributes:
        issuer: The public key of who signed.
        name: Its name.
        version: Its version, as people write it.
        expires_human: When the signature ends, in words.
        not_before_human: From when it holds, in words.
        tags: Its tags.
        call_alias: A component's alias.
        revision: A component's revision.
    """

    issuer: str
    name: str | None = None
    version: str | None = None
    expires_human: str | None = None
    not_before_human: str | None = None
    tags: tuple[str, ...] | None = None
    call_alias: str | None = None
    revision: I32 | None = None


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class HostStarted(Model):
    """A host has started."""

    labels: dict[str, str]
    friendly_name: str
    uptime_seconds: U64 = 0
    version: str = ""


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class HostStopped(Model):
    """A host is stopping, by a command or a signal; one that dies says nothing."""

    labels: dict[str, str]


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class HostHeartbeat(HostInventory):
    """What a host tells of itself every 30 seconds: its inventory."""


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class LabelsChanged(Model):
    """A host's labels have changed; these are all that it has now."""

    host_id: str
    labels: dict[str, str]


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class ComponentScaled(Model):
    """A component runs with another count of instances; 0: it is stopped (or its old image is, in an update)."""

    component_id: str
    host_id: str
    image_ref: str
    max_instances: U64
    annotations: dict[str, str] = attrs.Factory(dict)
    public_key: str | None = None
    claims: EventClaims | None = None


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class ComponentScaleFailed(Model):
    """A component could not be scaled; ``error`` has the host's reason."""

    component_id: str
    host_id: str
    image_ref: str
    max_instances: U64
    error: str
    annotations: dict[str, str] = attrs.Factory(dict)
    public_key: str | None = None
    claims: EventClaims | None = None


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class ProviderStarted(Model):
    """A provider has started; ``image_ref`` has lost its ``file://``, if it had one."""

    provider_id: str
    host_id: str
    image_ref: str
    annotations: dict[str, str] = attrs.Factory(dict)
    public_key: str | None = None
    instance_id: str | None = None
    link_name: str | None = None
    claims: EventClaims | None = None


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class ProviderStartFailed(Model):
    """A provider could not be started; ``error`` has the host's reason."""

    provider_id: str
    provider_ref: str
    host_id: str
    error: str
    link_name: str | None = None


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class ProviderStopped(Model):
    """A provider has stopped; ``reason`` is the host's."""

    provider_id: str
    host_id: str
    reason: str
    annotations: dict[str, str] = attrs.Factory(dict)
    public_key: str | None = None
    instance_id: str | None = None
    link_name: str | None = None


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class HealthCheckPassed(Model):
    """A provider that was ill is well."""

    host_id: str
    provider_id: str


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class HealthCheckFailed(Model):
    """A provider is ill."""

    host_id: str
    provider_id: str


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class HealthCheckStatus(Model):
    """A provider is as it was."""

    host_id: str
    provider_id: str


@attrs.frozen(slots=False, repr=False, eq=False)
class LinkdefSet(Link):
    """A link was put; it may have been there before."""


@attrs.frozen(slots=False, repr=False, eq=False)
class LinkdefSetFailed(Link):
    """A link was refused; ``error`` has the host's reason."""

    error: str = attrs.field(kw_only=True)


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class LinkdefDeleted(Model):
    """A link was deleted; without ``target`` and ``interfaces``, there was none."""

    source_id: str
    wit_namespace: str
    wit_package: str
    name: str = "default"
    target: str | None = None
    interfaces: tuple[str, ...] | None = None


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class ConfigSet(Model):
    """A config was put; it may have been there before."""

    config_name: str


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class ConfigDeleted(Model):
    """A config was deleted; it may not have been there."""

    config_name: str


EventData = (
    HostStarted
    | HostStopped
    | HostHeartbeat
    | LabelsChanged
    | ComponentScaled
    | ComponentScaleFailed
    | ProviderStarted
    | ProviderStartFailed
    | ProviderStopped
    | HealthCheckPassed
    | HealthCheckFailed
    | HealthCheckStatus
    | LinkdefSet
    | LinkdefSetFailed
    | LinkdefDeleted
    | ConfigSet
    | ConfigDeleted
    | dict[str, object]
)
"""The data of an event: one of the kinds, or the plain dict of a kind that is not known."""

DATA_BY_NAME: dict[str, type[Any]] = {
    "host_started": HostStarted,
    "host_stopped": HostStopped,
    "host_heartbeat": HostHeartbeat,
    "labels_changed": LabelsChanged,
    "component_scaled": ComponentScaled,
    "component_scale_failed": ComponentScaleFailed,
    "provider_started": ProviderStarted,
    "provider_start_failed": ProviderStartFailed,
    "provider_stopped": ProviderStopped,
    "health_check_passed": HealthCheckPassed,
    "health_check_failed": HealthCheckFailed,
    "health_check_status": HealthCheckStatus,
    "linkdef_set": LinkdefSet,
    "linkdef_set_failed": LinkdefSetFailed,
    "linkdef_deleted": LinkdefDeleted,
    "config_set": ConfigSet,
    "config_deleted": ConfigDeleted,
}
"""The class of the data of each kind of event that is known."""


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class Event(Shown):
    """An event, as a host published it.

    Attributes:
        id: The event's own id.
        source: The id of the host that published it.
        type: The type on the wire, such as ``com.wasmcloud.lattice.component_scaled``.
        name: The last part of the type, such as ``component_scaled``.
        time: When, by the host's clock, with its time zone.
        lattice: The lattice that it was heard on.
        data: What happened, as one of the classes of this module; a dict for a kind that is not known.
    """

    id: str
    source: str
    type: str
    name: str
    time: datetime
    lattice: str
    data: EventData

    def to_dict(self) -> dict[str, object]:
        """This as a plain dict.

        Returns:
            ``id``, ``source``, ``type``, ``time`` (RFC 3339) and ``data`` as on the wire, and ``name`` and
            ``lattice``. (wash prints no events.)

        Source: CloudEvents 1.0, JSON event format.
        """
        data = self.data
        return {
            "id": self.id,
            "source": self.source,
            "type": self.type,
            "name": self.name,
            "time": self.time.isoformat(),
            "lattice": self.lattice,
            "data": data.to_dict() if isinstance(data, Model) else dict(data),
        }
