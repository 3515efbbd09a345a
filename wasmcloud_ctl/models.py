"""The values that operations take and return.

The classes of the wire are frozen attrs classes with the wire's names. Sequences are tuples and maps are plain dicts.
They are checked when they are sent and when they arrive, not when they are made; but a ``Link`` refuses a string that
stands for a list. They have no ``__slots__``: a frozen class with slots takes 1.5 times as long to make, and a large
inventory has thousands of objects.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence, Sized
from typing import Annotated, Generic, TypeVar, overload

import attrs

from wasmcloud_ctl._display.html import as_html
from wasmcloud_ctl._display.terminal import Printer, as_line, as_text, encodable, is_item, print_pretty
from wasmcloud_ctl._display.text import one_line, summary
from wasmcloud_ctl.exceptions import (
    CtlError,
    InvalidArgument,
    NotFound,
    OperationRejected,
    RequestTimeout,
    copy_to_raise,
    no_responders,
)


class Value:
    """A value that is shown on one line by ``repr`` and ``str``, and as a table at a prompt and in notebooks.

    Equal to one of the same class with equal attributes.

    It compares by itself because attrs would generate the comparison for each class, at every import.
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return self.__dict__ == other.__dict__ if other.__class__ is self.__class__ else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self.__dict__.values()))

    def __repr__(self) -> str:
        return encodable(f"<{type(self).__name__} {one_line(summary(self), 140)}>")

    def __str__(self) -> str:
        return as_line(summary(self, whole=True))

    def _repr_pretty_(self, printer: Printer, cycle: bool) -> None:
        print_pretty(printer, repr(self) if is_item(printer) else as_text(self))

    def _repr_html_(self) -> str:
        return as_html(self)


class Model(Value):
    """A value that travels on the wire and can be converted to a plain dict."""

    __slots__ = ()

    def to_dict(self) -> dict[str, object]:
        """Return the attributes as a plain dict of dicts, lists, strings, numbers and None.

        Returns:
            A new dict. Its keys are the names of the attributes, which ``wash -o json`` prints, too. An attribute
            without a value is None, where wash leaves out the key. Therefore all rows of a table have the same keys:
            ``pandas.DataFrame([host.to_dict() for host in client.get_hosts().data])``.
        """
        return {name: plain(value) for name, value in vars(self).items()}


def plain(value: object) -> object:
    """Return a value as dicts, lists, strings, numbers and None."""
    if isinstance(value, Model):
        return value.to_dict()
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return dict(value) if isinstance(value, dict) else value


# Numbers ----------------------------------------------------------------------------------------


@attrs.frozen
class Range:
    """The range of an integer on the wire, both ends included."""

    low: int
    high: int


U32 = Annotated[int, Range(0, 2**32 - 1)]
U64 = Annotated[int, Range(0, 2**64 - 1)]
I32 = Annotated[int, Range(-(2**31), 2**31 - 1)]


# What hosts report ------------------------------------------------------------------------------


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class Host(Model):
    """A host, as its reply to a ping describes it.

    Attributes:
        id: The host's public key: ``N`` and 55 characters.
        friendly_name: The name that the host gave itself, such as ``purple-waterfall-9823``.
        lattice: The name of its lattice.
        labels: Its labels, by key. Keys that begin with ``hostcore.`` are the host's own.
        uptime_seconds: Seconds since it started, 0 to 2**64 - 1.
        uptime_human: The uptime in words. None if the host does not report it.
        version: The host's version. None if the host does not report it.
        ctl_host: The NATS server on which it receives commands. None if the host does not report it.
        rpc_host: The NATS server over which its components communicate. None if the host does not report it.
        js_domain: Its JetStream domain. None if it has none.
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
        image_ref: The image reference that it was started from.
        name: The name in its claims. None if it is not signed or has no name.
        annotations: The annotations that it was started with, by key. None if the host reports none.
        revision: The revision in its claims, -2**31 to 2**31 - 1. 0 if it has none.
        max_instances: How many instances may run at once, 0 to 2**32 - 1.
        limits: Its limits, by name: ``max_memory_limit`` in bytes and ``max_execution_time`` in seconds. None if none
            were set. Hosts before 1.9 do not report them.
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
        image_ref: The image reference that it was started from, without ``file://``, which the host drops. None if
            the host does not report it.
        name: The name in its claims. None if it has none.
        revision: The revision in its claims, -2**31 to 2**31 - 1. 0 if it has none.
        annotations: The annotations that it was started with, by key. None if the host reports none.
    """

    id: str
    image_ref: str | None = None
    name: str | None = None
    revision: I32 = 0
    annotations: dict[str, str] | None = None


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class HostInventory(Model):
    """What runs on one host.

    Attributes:
        host_id: The host's id.
        components: The components that it runs. (Hosts before 1.0 call them actors on the wire.)
        providers: The providers that it runs.
        friendly_name: The host's friendly name.
        labels: Its labels, by key.
        version: Its version. Empty if the host does not report it.
        uptime_human: The uptime in words. Empty if the host does not report it.
        uptime_seconds: Seconds since it started, 0 to 2**64 - 1.
    """

    host_id: str
    components: tuple[ComponentDescription, ...]
    providers: tuple[ProviderDescription, ...]
    friendly_name: str = ""
    labels: dict[str, str] = attrs.Factory(dict)
    version: str = ""
    uptime_human: str = ""
    uptime_seconds: U64 = 0

    def __str__(self) -> str:
        return as_text(self)


# Links and auctions ----------------------------------------------------------------------------


def _as_tuple(value: Sequence[str]) -> Sequence[str]:
    if isinstance(value, str):  # it would be read as a sequence of its letters
        raise InvalidArgument(
            f"a Link takes interfaces and configs as a list of strings, not as one string: write [{value!r}]"
        )
    return tuple(value) if isinstance(value, list) else value


@attrs.frozen(slots=False, repr=False, eq=False)
class Link(Model):
    """A link from an import of a component or provider to an export of another.

    The source calls the target. For ``wasi:http/incoming-handler`` an HTTP server provider is the source, and the
    component that handles the requests is the target. For ``wasi:keyvalue`` the component is the source.

    Attributes:
        source_id: The id of the component or provider that imports: the caller.
        target: The id of the component or provider that exports.
        wit_namespace: The WIT namespace, such as ``wasi``.
        wit_package: The WIT package, such as ``http``.
        interfaces: The WIT interfaces, such as ``incoming-handler``.
        name: The link's name. It tells links of one source and package apart.
        source_config: The names of the configs that the source receives.
        target_config: The names of the configs that the target receives.
    """

    source_id: str
    target: str
    wit_namespace: str
    wit_package: str
    interfaces: Sequence[str] = attrs.field(converter=_as_tuple)
    name: str = "default"
    source_config: Sequence[str] = attrs.field(default=(), converter=_as_tuple)
    target_config: Sequence[str] = attrs.field(default=(), converter=_as_tuple)


@attrs.frozen(slots=False, kw_only=True)
class ComponentAuctionRequest:
    """Asks each host with the labels ``constraints`` whether it would run ``component_ref`` as ``component_id``."""

    component_ref: str
    component_id: str
    constraints: Mapping[str, str]


@attrs.frozen(slots=False, kw_only=True)
class ProviderAuctionRequest:
    """Asks each host with the labels ``constraints`` whether it would run ``provider_ref`` as ``provider_id``."""

    provider_ref: str
    provider_id: str
    constraints: Mapping[str, str]


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class ComponentAuctionAck(Model):
    """The bid of the host ``host_id`` to run ``component_ref`` as ``component_id``.

    ``constraints`` are the labels that the request required, by key. (Hosts send the reference as ``component_id``,
    too; the client replaces it by the id of the request.) What a host does not send is empty.
    """

    component_ref: str = ""
    component_id: str = ""
    host_id: str = ""
    constraints: dict[str, str] = attrs.Factory(dict)


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class ProviderAuctionAck(Model):
    """The bid of the host ``host_id`` to run ``provider_ref`` as ``provider_id``.

    ``constraints`` are the labels that the request required, by key. What a host does not send is empty.
    """

    provider_ref: str = ""
    provider_id: str = ""
    host_id: str = ""
    constraints: dict[str, str] = attrs.Factory(dict)


# Commands ---------------------------------------------------------------------------------------


@attrs.frozen(slots=False, kw_only=True)
class ScaleComponentCommand:
    """Tells a host to run a component with up to ``max_instances`` instances.

    The attributes are the arguments of :meth:`~wasmcloud_ctl.Client.scale_component`, which describes them. Hosts
    before 1.9 ignore ``component_limits``.
    """

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
    """Tells the host ``host_id`` to replace the image of the component ``component_id`` by ``new_component_ref``.

    The component runs already. ``annotations`` are its annotations, by key.
    """

    host_id: str
    component_id: str
    new_component_ref: str
    annotations: Mapping[str, str] | None = None


@attrs.frozen(slots=False, kw_only=True)
class StartProviderCommand:
    """Tells the host ``host_id`` to run ``provider_ref`` as the provider ``provider_id``.

    ``config`` are the names of the configs that the provider receives, and ``annotations`` its annotations, by key.
    """

    host_id: str
    provider_id: str
    provider_ref: str
    config: Sequence[str] = ()
    annotations: Mapping[str, str] | None = None


@attrs.frozen(slots=False, kw_only=True)
class StopProviderCommand:
    """Tells the host ``host_id`` to stop the provider ``provider_id``."""

    host_id: str
    provider_id: str


@attrs.frozen(slots=False, kw_only=True)
class StopHostCommand:
    """Tells the host ``host_id`` to stop within ``timeout`` milliseconds, 0 to 2**64 - 1, or its own default."""

    host_id: str
    timeout: int | None = None


@attrs.frozen(slots=False, kw_only=True)
class RegistryCredential:
    """The credentials for a registry: a username and a password. Neither its repr nor ``to_dict`` contains a secret.

    Without any, hosts pull anonymously. :meth:`~wasmcloud_ctl.Client.put_registries` checks them when it sends them.

    Attributes:
        username: The user's name. Needs a password.
        password: The user's password. Needs a username.
        token: A token. All hosts from 1.0 to 1.9 ignore it: with a token alone they pull anonymously. Many registries
            take a token as the password.
        registry_type: The type of the registry. Hosts treat each type as ``oci``, the default.
    """

    username: str | None = None
    password: str | None = attrs.field(default=None, repr=False)
    token: str | None = attrs.field(default=None, repr=False)
    registry_type: str = "oci"

    def to_dict(self) -> dict[str, object]:
        """Return the parts that are no secret: ``username``, and ``registryType`` by its name on the wire."""
        return {"username": self.username, "registryType": self.registry_type}


# Applications -----------------------------------------------------------------------------------


class StatusType(str, enum.Enum):
    """The state of an application or of a scaler, in wadm's words. Equal to that word as a string."""

    WAITING = "waiting"
    """wadm has not begun, because it knows no hosts yet, or because the application was never deployed."""
    UNDEPLOYED = "undeployed"
    """Not deployed. Also the state of an application that does not exist."""
    RECONCILING = "reconciling"
    """wadm has sent commands to hosts, and waits for their outcome."""
    DEPLOYED = "deployed"
    """wadm sees what the manifest says."""
    FAILED = "failed"
    """A command has failed, or no host fits. wadm goes on trying."""
    UNHEALTHY = "unhealthy"
    """A provider fails its health check."""

    @classmethod
    def _missing_(cls, value: object) -> StatusType | None:
        # The names of older versions.
        return {"compensating": cls.RECONCILING, "ready": cls.DEPLOYED}.get(str(value))

    def __str__(self) -> str:
        return self.value


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class StatusInfo(Model):
    """A state, and why: ``message`` is wadm's reason. Empty if it gives none."""

    status_type: StatusType
    message: str = ""

    def to_dict(self) -> dict[str, object]:
        """Return it as a plain dict with wadm's names: ``type`` and ``message``."""
        return {"type": self.status_type.value, "message": self.message}


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class ScalerStatus(Model):
    """The status of one scaler: the part of wadm that keeps one component, provider or link as the manifest says.

    Attributes:
        id: The scaler's id. It changes with the image reference and the names of the configs, not with the count.
        kind: The scaler's kind, such as ``SpreadScaler`` or ``LinkScaler``.
        name: What it keeps: the id of a component or provider, or a link in words.
        info: Its state.
    """

    id: str = ""
    kind: str = ""
    name: str = ""
    info: StatusInfo

    def to_dict(self) -> dict[str, object]:
        """Return it as a plain dict with wadm's names: ``id``, ``kind``, ``name`` and ``status``."""
        return {"id": self.id, "kind": self.kind, "name": self.name, "status": self.info.to_dict()}


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class Status(Model):
    """The status of an application, as wadm sees it. It does not say of which version.

    Attributes:
        info: The state of the whole application: the worst of its scalers' states, with their messages.
        scalers: The status of each scaler. Empty while the application is not deployed.
    """

    info: StatusInfo
    scalers: tuple[ScalerStatus, ...] = ()

    def __str__(self) -> str:
        return as_text(self)

    def to_dict(self) -> dict[str, object]:
        """Return it as a plain dict with wadm's names: ``status`` and ``scalers``."""
        return {"status": self.info.to_dict(), "scalers": plain(self.scalers)}


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class StatusChanged(Model):
    """A status that wadm has published: ``name`` is that of the application, and ``status`` its new status."""

    name: str
    status: Status


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class ModelSummary(Model):
    """An application that wadm keeps, in short.

    Attributes:
        name: The application's name.
        version: Its newest version.
        description: Its description. None if it has none.
        deployed_version: The version that is deployed. None if none is.
        detailed_status: Its status.
    """

    name: str
    version: str
    description: str | None = None
    deployed_version: str | None = None
    detailed_status: Status = attrs.field(
        factory=lambda: Status(info=StatusInfo(status_type=StatusType.UNDEPLOYED))
    )


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class VersionInfo(Model):
    """A version of an application: its name, and whether it is the one that is deployed."""

    version: str
    deployed: bool


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class PutModelResponse(Model):
    """The answer to a new version of an application.

    Attributes:
        name: The application's name.
        current_version: The version that was put. wadm makes one up if the manifest has none.
        total_versions: How many versions there are now, 1 or more.
        created: Whether the application is new. False: it has a new version.
        message: wadm's message. It says if a shared component is not deployed.
    """

    name: str
    current_version: str
    total_versions: int
    created: bool
    message: str = ""

    def to_dict(self) -> dict[str, object]:
        """Return it as a plain dict with wadm's names: ``result`` is ``created`` or ``newversion``."""
        result = "created" if self.created else "newversion"
        return {"result": result, **{name: value for name, value in vars(self).items() if name != "created"}}


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class DeployModelResponse(Model):
    """The answer to a deployment: the application's ``name``, the ``version`` to be deployed, and wadm's message."""

    name: str
    version: str
    message: str = ""


# Responses --------------------------------------------------------------------------------------

# Covariant: a response is frozen, so a CtlResponse[Host] is a CtlResponse[object], too.
T_co = TypeVar("T_co", covariant=True)


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class CtlResponse(Value, Generic[T_co]):
    """A host's response. True in a condition if it succeeded.

    Attributes:
        succeeded: Whether the host accepted the request. For a command this only acknowledges receipt: the outcome
            follows as an event.
        message: The host's message. Often not empty on success, too.
        data: The requested data. None if there is none or the request was refused.
    """

    succeeded: bool
    message: str = ""
    data: T_co | None = None

    def __bool__(self) -> bool:
        return self.succeeded

    def __str__(self) -> str:
        # A table of what was asked for. Without data there is only a sentence, which fits into a line of a log.
        return super().__str__() if self.data is None else as_text(self)

    def to_dict(self) -> dict[str, object]:
        """Return the response as a plain dict with the names on the wire: ``success``, ``message`` and ``response``.

        ``response`` is a dict, a list or None.
        """
        return {"success": self.succeeded, "message": self.message, "response": plain(self.data)}

    def raise_for_status(self) -> CtlResponse[T_co]:
        """Return this response, or raise if it was refused.

        Raises:
            OperationRejected: The host refused. The error has its message.
        """
        if not self.succeeded:
            raise OperationRejected(f"the host refused: {self.message}", response=self)
        return self

    def unwrap(self) -> T_co:
        """Return the data.

        Raises:
            OperationRejected: The host refused.
            NotFound: The response has no data, such as for a config that does not exist.
        """
        self.raise_for_status()
        if self.data is None:
            why = f": {self.message}" if self.message else ""
            raise NotFound(f"the host's answer holds no data{why}")
        return self.data


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class Undecodable(Value):
    """A reply that could not be decoded: ``raw`` are the bytes as they arrived, and ``reason`` says what is wrong."""

    raw: bytes
    reason: str


class _Gathered(Value, Sized):
    """What the results of all gathers have in common. ``len`` counts the answers that could be decoded."""

    __slots__ = ()

    undecodable: tuple[Undecodable, ...]
    no_responders: bool
    elapsed: float
    expected: int | None
    subject: str

    def __str__(self) -> str:
        return as_text(self)

    @property
    def complete(self) -> bool:
        """Whether as many hosts answered as were expected. True if no number was expected."""
        return self.expected is None or self._answered() >= self.expected

    def _answered(self) -> int:
        return len(self) + len(self.undecodable)

    def _raise_if_missing(self) -> None:
        """Raise the error for nobody, or for fewer hosts than expected."""
        if self.no_responders:
            raise no_responders(self.subject)
        if not self.complete:
            raise RequestTimeout(
                f"{self._answered()} of {self.expected} expected hosts answered on {self.subject} within "
                f"{self.elapsed:.2f} s: the others may be stopped or slow. Wait longer, or expect fewer",
                subject=self.subject,
            )


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class Replies(_Gathered, Sequence[CtlResponse[T_co]]):
    """The responses of a gather, and a sequence of them: of hosts by friendly name and id, of others as they arrived.

    Attributes:
        responses: The responses.
        undecodable: The replies that could not be decoded. They count as answers.
        no_responders: Whether NATS reported that nobody listens on the subject.
        elapsed: The duration of the gather in seconds, 0 or more.
        expected: How many hosts were expected. None if no number was.
        subject: The subject of the request.
    """

    responses: tuple[CtlResponse[T_co], ...] = ()
    undecodable: tuple[Undecodable, ...] = ()
    no_responders: bool = False
    elapsed: float = 0.0
    expected: int | None = None
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
        """The data of each response that succeeded and has data."""
        return [response.data for response in self if response.succeeded and response.data is not None]

    def raise_for_status(self) -> Replies[T_co]:
        """Return these replies, or raise an error if an answer is missing or a host refused.

        Raises:
            NoResponders: Nobody listens on the subject.
            OperationRejected: A host refused. The error is that of the first refusal.
            RequestTimeout: Fewer hosts answered than were expected.
        """
        for response in self.responses:
            response.raise_for_status()
        self._raise_if_missing()
        return self


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class Inventories(_Gathered):
    """The inventories of many hosts. ``len`` counts the inventories, and iterating yields them.

    Attributes:
        data: The inventories by host id, in the order of the hosts' friendly names and ids.
        errors: Why an inventory is missing, by host id.
        undecodable: The replies to the ping that could not be decoded. They count as answers.
        no_responders: Whether NATS reported that nobody listens for the ping.
        elapsed: The duration in seconds, 0 or more.
        expected: How many hosts were expected: with ``host_ids``, their number. None if no number was.
        subject: The subject of the ping.
    """

    data: dict[str, HostInventory] = attrs.Factory(dict)
    errors: dict[str, CtlError] = attrs.Factory(dict)
    undecodable: tuple[Undecodable, ...] = ()
    no_responders: bool = False
    elapsed: float = 0.0
    expected: int | None = None
    subject: str = ""

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[HostInventory]:
        return iter(self.data.values())

    def raise_for_status(self) -> Inventories:
        """Return these inventories, or raise an error if one is missing.

        Raises:
            NoResponders: Nobody listens for the ping.
            CtlError: A host did not send its inventory. The error is a copy of the first one in ``errors``.
            RequestTimeout: Fewer hosts answered than were expected.
        """
        for error in self.errors.values():
            raise copy_to_raise(error)
        self._raise_if_missing()
        return self

    def to_rows(self) -> list[dict[str, object]]:
        """Return what runs as rows of a table: one for each component and provider, with its host.

        Returns:
            A list of dicts with the same keys. ``host_id``, ``friendly_name`` and ``labels`` are those of the host,
            ``kind`` is ``component`` or ``provider``, and the other keys are the attributes of a component, None
            where a provider has none. A host on which nothing runs has no row.

        Example:
            >>> pandas.DataFrame(client.get_host_inventories(expected=2).to_rows())  # doctest: +SKIP
        """
        return [
            {
                "host_id": inventory.host_id,
                "friendly_name": inventory.friendly_name,
                "labels": dict(inventory.labels),
                "kind": kind,
                "id": found.id,
                "image_ref": found.image_ref,
                "name": found.name,
                "revision": found.revision,
                "annotations": plain(found.annotations),
                "max_instances": found.max_instances if isinstance(found, ComponentDescription) else None,
                "limits": plain(found.limits) if isinstance(found, ComponentDescription) else None,
            }
            for inventory in self
            for kind, running in (("component", inventory.components), ("provider", inventory.providers))
            for found in running
        ]


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class Doubt(Model):
    """A component whose host may run another image than its inventory shows.

    A scale to another reference and another count only renames what runs. A stop and a start put it right.

    Attributes:
        host_id: The host's id.
        component_id: The component's id.
        event_ref: The reference by the host's events: the image that runs.
        inventory_ref: The reference by the host's inventory.
    """

    host_id: str
    component_id: str
    event_ref: str
    inventory_ref: str
