"""Events and the data of each kind of event."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence  # noqa: F401  # typing.get_type_hints resolves the types of inherited fields here
from datetime import datetime
from typing import Any, get_args

import attrs

from wasmcloud_ctl.models import I32, U64, HostInventory, Link, Model, Value, plain

# The data of each kind --------------------------------------------------------------------------


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class EventClaims(Model):
    """What the signature of a component or provider claims about it.

    Attributes:
        issuer: The public key of the signer.
        name: The name of the component or provider.
        version: Its version, as text.
        expires_human: When the signature expires, in words.
        not_before_human: When the signature becomes valid, in words.
        tags: Its tags.
        call_alias: The alias of a component.
        revision: The revision of a component, -2**31 to 2**31 - 1.
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
    """A host has started.

    Attributes:
        labels: The host's labels, by key.
        friendly_name: The host's friendly name.
        uptime_seconds: Seconds since it started, 0 to 2**64 - 1.
        version: The host's version. Empty if the host does not report it.
    """

    labels: dict[str, str]
    friendly_name: str
    uptime_seconds: U64 = 0
    version: str = ""


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class HostStopped(Model):
    """A host is stopping because of a command or a signal; ``labels`` are its labels. A crash publishes nothing."""

    labels: dict[str, str]


class HostHeartbeat(HostInventory):
    """A host's inventory, which the host publishes every 30 seconds."""


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class LabelsChanged(Model):
    """The labels of the host ``host_id`` have changed; ``labels`` are all that it has now."""

    host_id: str
    labels: dict[str, str]


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class ComponentScaled(Model):
    """A component was scaled. In an update, one event with ``max_instances`` 0 reports the end of the old image.

    Attributes:
        component_id: The component's id.
        host_id: The host's id.
        image_ref: The image reference of the component.
        max_instances: How many instances may run at once, 0 to 2**64 - 1. 0 if it was stopped.
        annotations: The component's annotations, by key.
        public_key: The component's public key. None if it is not signed.
        claims: The claims of its signature. None if it is not signed.
    """

    component_id: str
    host_id: str
    image_ref: str
    max_instances: U64
    annotations: dict[str, str] = attrs.Factory(dict)
    public_key: str | None = None
    claims: EventClaims | None = None


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class ComponentScaleFailed(Model):
    """A component could not be scaled.

    Attributes:
        component_id: The component's id.
        host_id: The host's id.
        image_ref: The image reference of the command.
        max_instances: The number of instances in the command, 0 to 2**64 - 1.
        error: The host's reason.
        annotations: The component's annotations, by key.
        public_key: The component's public key. None if the host does not report it.
        claims: The claims of its signature. None if the host does not report them.
    """

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
    """A provider has started.

    Attributes:
        provider_id: The provider's id.
        host_id: The host's id.
        image_ref: The image reference of the provider, without ``file://``, which the host drops.
        annotations: The provider's annotations, by key.
        public_key: The provider's id again. None if it is not signed.
        instance_id: The provider's id again. None if it is not signed.
        link_name: The name of its link. None if the host does not report it.
        claims: The claims of its signature. None if it is not signed.
    """

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
    """The host ``host_id`` could not start ``provider_ref`` as the provider ``provider_id``; ``error`` is its reason.

    ``link_name`` is the name of the provider's link. None if the host does not report it.
    """

    provider_id: str
    provider_ref: str
    host_id: str
    error: str
    link_name: str | None = None


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class ProviderStopped(Model):
    """A provider has stopped.

    Attributes:
        provider_id: The provider's id.
        host_id: The host's id.
        reason: The host's reason.
        annotations: The provider's annotations, by key.
        public_key: The provider's id again. None if the host does not report it.
        instance_id: The provider's id again. None if the host does not report it.
        link_name: The name of its link. None if the host does not report it.
    """

    provider_id: str
    host_id: str
    reason: str
    annotations: dict[str, str] = attrs.Factory(dict)
    public_key: str | None = None
    instance_id: str | None = None
    link_name: str | None = None


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class HealthCheckPassed(Model):
    """The provider ``provider_id`` on the host ``host_id`` passes its health check: the first time, or again.

    A host asks each provider that it runs for its health, 5 seconds after the start and then every 30 seconds. It
    publishes this event for the first check that the provider passes, and for the first one after a failure.
    """

    host_id: str
    provider_id: str


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class HealthCheckFailed(Model):
    """The provider ``provider_id`` on the host ``host_id`` had passed its health check and now fails it.

    Only a provider that answers and says that it is ill fails. For one that does not answer, because its process has
    ended or hangs, a host publishes no event. For one that is ill from the start it only ever publishes
    :class:`HealthCheckStatus`.
    """

    host_id: str
    provider_id: str


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class HealthCheckStatus(Model):
    """The health check of the provider ``provider_id`` on the host ``host_id`` had the same result as before.

    The event does not say which result: that of the last :class:`HealthCheckPassed` or :class:`HealthCheckFailed`.
    If there was none since the provider started, it is ill from the start.
    """

    host_id: str
    provider_id: str


class LinkdefSet(Link):
    """A link was put. It may have existed before."""


@attrs.frozen(slots=False, repr=False, eq=False)
class LinkdefSetFailed(Link):
    """A link was refused; ``error`` is the host's reason."""

    error: str = attrs.field(kw_only=True)


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class LinkdefDeleted(Model):
    """A link was deleted. ``target`` and ``interfaces`` are None if there was no such link.

    The attributes mean the same as those of :class:`~wasmcloud_ctl.Link`.
    """

    source_id: str
    wit_namespace: str
    wit_package: str
    name: str = "default"
    target: str | None = None
    interfaces: tuple[str, ...] | None = None


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class ConfigSet(Model):
    """The config ``config_name`` was put. It may have existed before."""

    config_name: str


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class ConfigDeleted(Model):
    """The config ``config_name`` was deleted. There may have been no such config."""

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
"""The data of an event. A plain dict for an unknown kind of event."""

DATA_BY_NAME: dict[str, type[Any]] = {
    re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.__name__).lower(): kind
    for kind in get_args(EventData)
    if attrs.has(kind)
}
"""The class of the data of each known kind of event, by the event's name: ``host_started`` for ``HostStarted``."""


# attrs makes the comparison, because ``wire_data`` does not count.
@attrs.frozen(slots=False, kw_only=True, repr=False)
class Event(Value):
    """An event that a host published. Equal to one with the same attributes, ``wire_data`` aside.

    Attributes:
        id: The event's id.
        source: The id of the host that published it.
        type: The type on the wire, such as ``com.wasmcloud.lattice.component_scaled``.
        name: The last part of the type, such as ``component_scaled``.
        time: When it was published, by the host's clock. Has a time zone.
        lattice: The name of the lattice from which it was received.
        data: What happened, as one of the classes of this module. A dict if the kind of event is unknown.
        wire_data: ``data`` as the host sent it, in plain values, which ``data`` shares in part: change neither. None
            for an event that a program has made, also with ``attrs.evolve``.
    """

    id: str
    source: str
    type: str
    name: str
    time: datetime
    lattice: str
    data: EventData
    wire_data: dict[str, object] | None = attrs.field(default=None, init=False, eq=False)

    def to_dict(self) -> dict[str, object]:
        """Return the event as a plain dict.

        Returns:
            ``id``, ``source``, ``type``, ``time`` (RFC 3339) and ``data``, the names of CloudEvents 1.0, and ``name``
            and ``lattice``. (wash prints no events.) ``data`` has the fields that the host sent, also those that the
            class of the data does not know, and no others. For an event without ``wire_data``, it has all attributes
            of the data.
        """
        return {
            "id": self.id,
            "source": self.source,
            "type": self.type,
            "name": self.name,
            "time": self.time.isoformat(),
            "lattice": self.lattice,
            "data": plain(self.data) if self.wire_data is None else copy.deepcopy(self.wire_data),
        }


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class Gap(Value):
    """The connection was away, so events may be missing here. Ask for the state anew.

    Attributes:
        time: When the connection was back, by this machine's clock. Has a time zone.
        gaps: How often the connection has been away since the receiver was made.
    """

    time: datetime
    gaps: int

    def to_dict(self) -> dict[str, object]:
        """Return the gap as a plain dict: ``time`` (RFC 3339) and ``gaps``."""
        return {**vars(self), "time": self.time.isoformat()}
