"""Values: what travels on the wire, and what operations return.

The classes of the wire are frozen attrs classes with the wire's names; sequences are tuples and maps are plain dicts.
They are checked when they are sent and when they arrive, not when they are made. They have no ``__slots__``: a frozen
class with slots takes half as long again to make, and a large inventory has thousands of objects.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Generic, TypeVar, overload

import attrs

from wasmcloud_ctl._display.html import as_html
from wasmcloud_ctl._display.text import line
from wasmcloud_ctl.exceptions import CtlError, NotFound, OperationRejected, copy_to_raise, no_responders

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


class Shown:
    """What is shown by a repr that fits a line and by a table in a notebook, and equal if class and attributes are.

    Attrs would generate what compares for each class, which takes longer than all else that it does: a short script
    would pay for that at every start.
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return self.__dict__ == other.__dict__ if other.__class__ is self.__class__ else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self.__dict__.values()))

    def __repr__(self) -> str:
        return line(self)

    def _repr_html_(self) -> str:
        return as_html(self)


class Model(Shown):
    """What hosts say, and what is sent to them, which is a plain dict, too."""

    __slots__ = ()

    def to_dict(self) -> dict[str, object]:
        """This as a plain dict of dicts, lists, strings, numbers and None.

        Returns:
            A new dict with the keys that ``wash`` prints with ``-o json``, which are the names of the attributes.
            wash leaves out what is not there; here it is None, so that rows for a table all have the same keys:
            ``pandas.DataFrame([host.to_dict() for host in client.get_hosts().data])``.

        Source: wash 1.9 prints the types of ``wasmcloud-control-interface`` as serde writes them
        (crates/wash/src/cli/ctl/output.rs and crates/control-interface/src/types of wasmCloud).
        """
        fields = attrs.fields_dict(type(self))  # type: ignore[arg-type]  # those derived from this are attrs classes
        return {name: plain(getattr(self, name)) for name in fields}


def plain(value: object) -> object:
    """A value as dicts, lists, strings, numbers and None."""
    if isinstance(value, Model):
        return value.to_dict()
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return dict(value) if isinstance(value, dict) else value


# Numbers ----------------------------------------------------------------------------------------


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


# Responses --------------------------------------------------------------------------------------

# Nothing can be put into an answer, so one that holds a Host serves where one that holds an object is asked for.
T_co = TypeVar("T_co", covariant=True)


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class CtlResponse(Shown, Generic[T_co]):
    """A host's answer. True in a condition when it succeeded.

    Attributes:
        succeeded: Whether the host took the request. For a command that means "received": the outcome comes
            as an event.
        message: The host's words; often not empty on success, too.
        data: What was asked for; None where there is nothing, or the request was refused.
    """

    succeeded: bool
    message: str = ""
    data: T_co | None = None

    def __bool__(self) -> bool:
        return self.succeeded

    def to_dict(self) -> dict[str, object]:
        """This as a plain dict.

        Returns:
            ``success``, ``message`` and ``response``, which are the names on the wire; the response is a dict, a
            list or None.

        Source: ``CtlResponse`` of ``wasmcloud-control-interface`` (types/ctl.rs), as serde writes it.
        """
        return {"success": self.succeeded, "message": self.message, "response": plain(self.data)}

    def raise_for_status(self) -> CtlResponse[T_co]:
        """Return this response, or raise if it was refused.

        Raises:
            OperationRejected: The host refused; with its words.
        """
        if not self.succeeded:
            raise OperationRejected(f"the host refused: {self.message}", response=self)
        return self

    def unwrap(self) -> T_co:
        """The data.

        Raises:
            OperationRejected: The host refused.
            NotFound: There is no data, such as for a config that does not exist.
        """
        self.raise_for_status()
        if self.data is None:
            raise NotFound(self.message or "the host's answer holds no data")
        return self.data


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class Undecodable(Shown):
    """A reply that could not be decoded.

    Attributes:
        raw: The bytes as they arrived.
        reason: Why they could not be decoded.
    """

    raw: bytes
    reason: str


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class Replies(Shown, Sequence[CtlResponse[T_co]]):
    """The answers of a gather, in the order in which they came.

    Attributes:
        responses: The answers; the object itself is a sequence of them, too.
        undecodable: The replies that could not be decoded.
        no_responders: Whether NATS said that nobody listens.
        elapsed: How long the gather took, in seconds.
        subject: The subject that was asked on.
    """

    responses: tuple[CtlResponse[T_co], ...] = ()
    undecodable: tuple[Undecodable, ...] = ()
    no_responders: bool = False
    elapsed: float = 0.0
    subject: str = ""

    def __len__(self) -> int:
        return len(self.responses)

    @overload
    def __getitem__(self, index: int) -> CtlResponse[T_co]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[CtlResponse[T_co]]: ...
    def __getitem__(self, index: int | slice) -> CtlResponse[T_co] | Sequence[CtlResponse[T_co]]:
        return self.responses[index]

    def __iter__(self) -> Iterator[CtlResponse[T_co]]:
        return iter(self.responses)

    @property
    def data(self) -> list[T_co]:
        """The data of the answers that succeeded and hold any."""
        return [
            response.data for response in self.responses if response.succeeded and response.data is not None
        ]

    def raise_for_status(self) -> Replies[T_co]:
        """Return these replies, or raise for what went wrong.

        Raises:
            OperationRejected: A host refused; the first that did.
            NoResponders: Nobody listens.
        """
        if self.no_responders:
            raise no_responders(self.subject)
        for response in self.responses:
            response.raise_for_status()
        return self


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
            CtlError: A copy of the first host's error.
            NoResponders: Nobody listens.
        """
        if self.no_responders:
            raise no_responders(self.subject)
        for error in self.errors.values():
            raise copy_to_raise(error)
        return self
