"""What travels on the wire, as values with the wire's names, and what operations return.

The wire's values are frozen attrs classes; sequences are tuples and maps plain dicts. They are checked when they
are sent and when they arrive, not when they are made. They have no ``__slots__``, for an object of a frozen class
with slots takes half as long again to make, and a large inventory is a thousand of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import attrs

from wasmcloud_ctl._imports import find_value
from wasmcloud_ctl._responses import CtlResponse, Replies, Undecodable, no_responders
from wasmcloud_ctl._values import Model, Shown
from wasmcloud_ctl.exceptions import CtlError

if TYPE_CHECKING:
    from wasmcloud_ctl._commands import (
        ComponentAuctionAck,
        ComponentAuctionRequest,
        ProviderAuctionAck,
        ProviderAuctionRequest,
        RegistryCredential,
        ScaleComponentCommand,
        StartProviderCommand,
        StopHostCommand,
        StopProviderCommand,
        UpdateComponentCommand,
    )

__all__ = [
    "ComponentAuctionAck",
    "ComponentAuctionRequest",
    "ComponentDescription",
    "CtlResponse",
    "Host",
    "HostInventory",
    "Inventories",
    "Link",
    "ProviderAuctionAck",
    "ProviderAuctionRequest",
    "ProviderDescription",
    "RegistryCredential",
    "Replies",
    "ScaleComponentCommand",
    "StartProviderCommand",
    "StopHostCommand",
    "StopProviderCommand",
    "Undecodable",
    "UpdateComponentCommand",
]


@attrs.frozen
class Range:
    """The range of a whole number on the wire, both ends included."""

    low: int
    high: int


U32 = Annotated[int, Range(0, 2**32 - 1)]
U64 = Annotated[int, Range(0, 2**64 - 1)]
I32 = Annotated[int, Range(-(2**31), 2**31 - 1)]


# What hosts say ---------------------------------------------------------------------------------


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class Host(Model):
    """A host, as it answers a ping.

    Attributes:
        id: The host's public key (N and 55 characters).
        friendly_name: The name that the host gave itself, such as ``purple-waterfall-9823``.
        lattice: The lattice that it belongs to.
        labels: Its labels.
        uptime_seconds: How long it has run, in seconds.
        uptime_human: The same in words.
        version: The host's version; None for hosts that do not say.
        ctl_host: The NATS server that it hears commands on.
        rpc_host: The NATS server that its components talk over.
        js_domain: Its JetStream domain, if it has one.
    """

    id: str
    friendly_name: str = ""
    lattice: str = ""
    labels: dict[str, str] = attrs.Factory(dict)
    uptime_seconds: U64 = 0
    uptime_human: str | None = None
    version: str | None = None
    ctl_host: str | None = None
    rpc_host: str | None = None
    js_domain: str | None = None


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class ComponentDescription(Model):
    """A component that a host runs.

    Attributes:
        id: The component's id, unique in the lattice.
        image_ref: The reference that it was started from.
        name: Its name, if it is signed and its claims have one.
        annotations: The annotations that it was started with.
        revision: Its revision by its claims, 0 if it has none.
        max_instances: How many instances may run at once.
        limits: Its limits, where they were set (hosts from 1.9 on).
    """

    id: str
    image_ref: str
    name: str | None = None
    annotations: dict[str, str] | None = None
    revision: I32 = 0
    max_instances: U32 = 0
    limits: dict[str, str] | None = None


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class ProviderDescription(Model):
    """A provider that a host runs.

    Attributes:
        id: The provider's id, unique in the lattice.
        image_ref: The reference that it was started from; a ``file://`` has been lost by the host.
        name: Its name by its claims.
        revision: Its revision by its claims, 0 if it has none.
        annotations: The annotations that it was started with.
    """

    id: str
    image_ref: str | None = None
    name: str | None = None
    revision: I32 = 0
    annotations: dict[str, str] | None = None


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class HostInventory(Model):
    """What runs on a host.

    Attributes:
        host_id: The host's id.
        components: What components it runs; old hosts call them actors.
        providers: What providers it runs.
        friendly_name: The host's friendly name.
        labels: Its labels.
        version: Its version, empty for hosts that do not say.
        uptime_human: How long it has run, in words.
        uptime_seconds: The same in seconds.
    """

    host_id: str
    components: tuple[ComponentDescription, ...]
    providers: tuple[ProviderDescription, ...]
    friendly_name: str = ""
    labels: dict[str, str] = attrs.Factory(dict)
    version: str = ""
    uptime_human: str = ""
    uptime_seconds: U64 = 0


# What hosts say, and are told -------------------------------------------------------------------


def _as_tuple(value: Sequence[str]) -> Sequence[str]:
    # A list only: a string would become its letters, and is refused when it is sent.
    return tuple(value) if isinstance(value, list) else value


@attrs.frozen(slots=False, repr=False, eq=False)
class Link(Model):
    """A link from a component's or provider's import to another's export.

    Attributes:
        source_id: The id of what imports.
        target: The id of what exports.
        wit_namespace: The WIT namespace, such as ``wasi``.
        wit_package: The WIT package, such as ``http``.
        interfaces: The WIT interfaces, such as ``incoming-handler``.
        name: The link's name, for more than one of the same package from one source.
        source_config: The names of the configs that the source is given.
        target_config: The names of the configs that the target is given.
    """

    source_id: str
    target: str
    wit_namespace: str
    wit_package: str
    interfaces: Sequence[str] = attrs.field(converter=_as_tuple)
    name: str = "default"
    source_config: Sequence[str] = attrs.field(default=(), converter=_as_tuple)
    target_config: Sequence[str] = attrs.field(default=(), converter=_as_tuple)


# What many hosts run ----------------------------------------------------------------------------


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class Inventories(Shown):
    """What many hosts run.

    Attributes:
        data: The inventories, by host id.
        errors: Why a host's is not there, by host id.
        undecodable: The answers to the ping that could not be decoded.
        no_responders: Whether NATS said that nobody listens.
        elapsed: How long it took, in seconds.
        subject: The subject of the ping.
    """

    data: dict[str, HostInventory] = attrs.Factory(dict)
    errors: dict[str, CtlError] = attrs.Factory(dict)
    undecodable: tuple[Undecodable, ...] = ()
    no_responders: bool = False
    elapsed: float = 0.0
    subject: str = ""

    def raise_for_status(self) -> Inventories:
        """Return these inventories, or raise for what went wrong.

        Raises:
            CtlError: The first host's error.
            NoResponders: Nobody listens.
        """
        if self.no_responders:
            raise no_responders(self.subject)
        for error in self.errors.values():
            raise error
        return self


# What a script that only looks does not need.
if not TYPE_CHECKING:  # pragma: no branch – what runs is no type checker

    def __getattr__(name):
        """A class of ``_commands``, imported when it is first asked for."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = find_value(name, ["_commands"])
        return value
