"""What hosts are asked in an auction and what they bid, and what they are told to do: a part of ``models``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from wasmcloud_ctl._values import Model

# Auctions ---------------------------------------------------------------------------------------


@attrs.frozen(slots=False, kw_only=True)
class ComponentAuctionRequest:
    """Asks every host whether it would run a component."""

    component_ref: str
    component_id: str
    constraints: Mapping[str, str]


@attrs.frozen(slots=False, kw_only=True)
class ProviderAuctionRequest:
    """Asks every host whether it would run a provider."""

    provider_ref: str
    provider_id: str
    constraints: Mapping[str, str]


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class ComponentAuctionAck(Model):
    """A host's bid to run a component.

    Attributes:
        component_ref: The reference that was asked for.
        component_id: The id that was asked for. (Hosts put the reference there; the client mends it.)
        host_id: The host that bids.
        constraints: The labels that were asked for.
    """

    component_ref: str
    component_id: str
    host_id: str
    constraints: dict[str, str] = attrs.Factory(dict)


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class ProviderAuctionAck(Model):
    """A host's bid to run a provider.

    Attributes:
        provider_ref: The reference that was asked for.
        provider_id: The id that was asked for.
        host_id: The host that bids.
        constraints: The labels that were asked for.
    """

    provider_ref: str
    provider_id: str
    host_id: str
    constraints: dict[str, str] = attrs.Factory(dict)


# Commands ---------------------------------------------------------------------------------------


@attrs.frozen(slots=False, kw_only=True)
class ScaleComponentCommand:
    """Has a host run a component with so many instances; 0 stops it."""

    component_ref: str
    component_id: str
    host_id: str
    max_instances: int
    annotations: Mapping[str, str] | None = None
    config: Sequence[str] = ()
    allow_update: bool = False
    component_limits: Mapping[str, str] | None = None


@attrs.frozen(slots=False, kw_only=True)
class UpdateComponentCommand:
    """Has a host put another image in the place of a running component's."""

    host_id: str
    component_id: str
    new_component_ref: str
    annotations: Mapping[str, str] | None = None


@attrs.frozen(slots=False, kw_only=True)
class StartProviderCommand:
    """Has a host start a provider."""

    host_id: str
    provider_id: str
    provider_ref: str
    config: Sequence[str] = ()
    annotations: Mapping[str, str] | None = None


@attrs.frozen(slots=False, kw_only=True)
class StopProviderCommand:
    """Has a host stop a provider."""

    host_id: str
    provider_id: str


@attrs.frozen(slots=False, kw_only=True)
class StopHostCommand:
    """Has a host stop; ``timeout`` is in milliseconds."""

    host_id: str
    timeout: int | None = None


@attrs.frozen(slots=False, kw_only=True)
class RegistryCredential:
    """The credentials for a registry. Neither its repr nor ``to_dict`` shows a secret.

    Attributes:
        username: The user's name, with a password.
        password: The password.
        token: A token, instead of the two.
        registry_type: ``oci``, unless the registry is of another type.
    """

    username: str | None = None
    password: str | None = attrs.field(default=None, repr=False)
    token: str | None = attrs.field(default=None, repr=False)
    registry_type: str = "oci"

    def to_dict(self) -> dict[str, object]:
        """What may be seen of this, as a plain dict: ``username`` and ``registryType``, the name on the wire."""
        return {"username": self.username, "registryType": self.registry_type}
