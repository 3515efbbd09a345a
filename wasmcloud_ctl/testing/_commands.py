"""What a host is told to do, read from what arrives.

Each class is one command; the tuple before it has its fields in the host's order. Which of them may be left out
is the host's to say: most may, and are then empty, which is why a client has to be strict itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from attrs import frozen

from wasmcloud_ctl.testing import _serde
from wasmcloud_ctl.testing._failure import Failure
from wasmcloud_ctl.testing._serde import ParseError, Struct

T = TypeVar("T")


def understand(read: Callable[[bytes], T], payload: bytes, what: str) -> T:
    """Read a command, in the host's words if it cannot be read.

    Args:
        read: A command's ``read``.
        payload: What arrived.
        what: What the host calls it.

    Raises:
        Failure: It is no such command.
    """
    try:
        return read(payload)
    except ParseError as error:
        raise Failure(f"failed to deserialize {what}") from error


_COMPONENT_AUCTION = ("component_ref", "component_id", "constraints")


@frozen
class ComponentAuction:
    """Who would run this component?"""

    component_ref: str
    constraints: dict[str, str]

    @classmethod
    def read(cls, payload: bytes) -> ComponentAuction:
        """Read one from a payload; raises ParseError."""
        fields = Struct(_serde.parse(payload), _COMPONENT_AUCTION)
        fields.required("component_id", _serde.text)  # must be there, and is then forgotten
        return cls(
            component_ref=fields.defaulted("component_ref", _serde.text, ""),
            constraints=fields.required("constraints", _serde.string_map),
        )


_PROVIDER_AUCTION = ("provider_ref", "provider_id", "constraints")


@frozen
class ProviderAuction:
    """Who would run this provider?"""

    provider_ref: str
    provider_id: str
    constraints: dict[str, str]

    @classmethod
    def read(cls, payload: bytes) -> ProviderAuction:
        """Read one from a payload; raises ParseError."""
        fields = Struct(_serde.parse(payload), _PROVIDER_AUCTION)
        return cls(
            provider_ref=fields.defaulted("provider_ref", _serde.text, ""),
            provider_id=fields.required("provider_id", _serde.text),
            constraints=fields.required("constraints", _serde.string_map),
        )


_SCALE_COMPONENT = (
    "component_ref",
    "component_id",
    "annotations",
    "count",
    "component_limits",
    "host_id",
    "config",
    "allow_update",
)


@frozen
class ScaleComponent:
    """Run a component with this many instances; with none, stop it."""

    component_ref: str
    component_id: str
    host_id: str
    max_instances: int
    annotations: dict[str, str]
    config: list[str]
    allow_update: bool
    limits: dict[str, str] | None

    @classmethod
    def read(cls, payload: bytes) -> ScaleComponent:
        """Read one from a payload; raises ParseError."""
        fields = Struct(_serde.parse(payload), _SCALE_COMPONENT)
        return cls(
            component_ref=fields.defaulted("component_ref", _serde.text, ""),
            component_id=fields.required("component_id", _serde.text),
            host_id=fields.defaulted("host_id", _serde.text, ""),
            max_instances=fields.defaulted("count", _serde.unsigned(32), 0),
            annotations=fields.optional("annotations", _serde.string_map) or {},
            config=fields.defaulted("config", _serde.strings, []),
            allow_update=fields.defaulted("allow_update", _serde.flag, False),
            limits=fields.optional("component_limits", _serde.string_map),
        )


_UPDATE_COMPONENT = ("component_id", "annotations", "host_id", "new_component_ref")


@frozen
class UpdateComponent:
    """Let a component that runs go on with another reference."""

    component_id: str
    new_component_ref: str
    host_id: str
    annotations: dict[str, str]

    @classmethod
    def read(cls, payload: bytes) -> UpdateComponent:
        """Read one from a payload; raises ParseError."""
        fields = Struct(_serde.parse(payload), _UPDATE_COMPONENT)
        return cls(
            component_id=fields.defaulted("component_id", _serde.text, ""),
            new_component_ref=fields.defaulted("new_component_ref", _serde.text, ""),
            host_id=fields.defaulted("host_id", _serde.text, ""),
            annotations=fields.optional("annotations", _serde.string_map) or {},
        )


_START_PROVIDER = ("provider_id", "provider_ref", "host_id", "config", "annotations")


@frozen
class StartProvider:
    """Run a provider."""

    provider_id: str
    provider_ref: str
    host_id: str
    config: list[str]
    annotations: dict[str, str]

    @classmethod
    def read(cls, payload: bytes) -> StartProvider:
        """Read one from a payload; raises ParseError."""
        fields = Struct(_serde.parse(payload), _START_PROVIDER)
        return cls(
            provider_id=fields.required("provider_id", _serde.text),
            provider_ref=fields.defaulted("provider_ref", _serde.text, ""),
            host_id=fields.defaulted("host_id", _serde.text, ""),
            config=fields.defaulted("config", _serde.strings, []),
            annotations=fields.optional("annotations", _serde.string_map) or {},
        )


_STOP_PROVIDER = ("host_id", "provider_id")


@frozen
class StopProvider:
    """End a provider."""

    provider_id: str
    host_id: str

    @classmethod
    def read(cls, payload: bytes) -> StopProvider:
        """Read one from a payload; raises ParseError."""
        fields = Struct(_serde.parse(payload), _STOP_PROVIDER)
        # Its name in hosts of before.
        name = "provider_ref" if fields.has("provider_ref") else "provider_id"
        return cls(
            provider_id=fields.defaulted(name, _serde.text, ""),
            host_id=fields.defaulted("host_id", _serde.text, ""),
        )


_STOP_HOST = ("host_id", "timeout")


@frozen
class StopHost:
    """End the host."""

    host_id: str

    @classmethod
    def read(cls, payload: bytes) -> StopHost:
        """Read one from a payload, which may be empty; raises ParseError."""
        if not payload:
            return cls(host_id="")
        fields = Struct(_serde.parse(payload), _STOP_HOST)
        fields.optional("timeout", _serde.unsigned(64))  # has no effect on a host that has nothing to lose
        return cls(host_id=fields.defaulted("host_id", _serde.text, ""))


_PUT_LABEL = ("key", "value")


@frozen
class PutLabel:
    """Set a label."""

    key: str
    value: str

    @classmethod
    def read(cls, payload: bytes) -> PutLabel:
        """Read one from a payload; raises ParseError."""
        fields = Struct(_serde.parse(payload), _PUT_LABEL)
        return cls(key=fields.required("key", _serde.text), value=fields.required("value", _serde.text))


_DELETE_LABEL = ("key",)


@frozen
class DeleteLabel:
    """Remove a label."""

    key: str

    @classmethod
    def read(cls, payload: bytes) -> DeleteLabel:
        """Read one from a payload; raises ParseError."""
        return cls(key=Struct(_serde.parse(payload), _DELETE_LABEL).required("key", _serde.text))


_LINK = (
    "source_id",
    "target",
    "name",
    "wit_namespace",
    "wit_package",
    "interfaces",
    "source_config",
    "target_config",
)


@frozen
class Link:
    """A source's import joined to a target's export."""

    source_id: str
    target: str
    name: str
    wit_namespace: str
    wit_package: str
    interfaces: list[str]
    source_config: list[str]
    target_config: list[str]

    @classmethod
    def read(cls, payload: bytes) -> Link:
        """Read one from a payload; raises ParseError."""
        return cls.from_json(_serde.parse(payload))

    @classmethod
    def from_json(cls, value: object) -> Link:
        """Read one from JSON that is parsed already; raises ParseError."""
        fields = Struct(value, _LINK)
        return cls(
            source_id=fields.required("source_id", _serde.text),
            target=fields.required("target", _serde.text),
            name=fields.defaulted("name", _serde.text, "default"),
            wit_namespace=fields.required("wit_namespace", _serde.text),
            wit_package=fields.required("wit_package", _serde.text),
            interfaces=fields.required("interfaces", _serde.strings),
            source_config=fields.defaulted("source_config", _serde.strings, []),
            target_config=fields.defaulted("target_config", _serde.strings, []),
        )


_DELETE_LINK = ("source_id", "name", "wit_namespace", "wit_package")


@frozen
class DeleteLink:
    """Remove what joins a source's import to whatever it is joined to."""

    source_id: str
    name: str
    wit_namespace: str
    wit_package: str

    @classmethod
    def read(cls, payload: bytes) -> DeleteLink:
        """Read one from a payload; raises ParseError."""
        fields = Struct(_serde.parse(payload), _DELETE_LINK)
        return cls(
            source_id=fields.required("source_id", _serde.text),
            name=fields.defaulted("name", _serde.text, "default"),
            wit_namespace=fields.required("wit_namespace", _serde.text),
            wit_package=fields.required("wit_package", _serde.text),
        )


_REGISTRY_CREDENTIAL = ("password", "token", "username", "registryType")


@frozen
class RegistryCredential:
    """How to log in at a registry. Of it a practice host keeps nothing."""

    username: str | None
    has_secret: bool
    registry_type: str

    @classmethod
    def read_all(cls, payload: bytes) -> dict[str, RegistryCredential]:
        """Read those of a payload, by the registry's name; raises ParseError."""
        value = _serde.parse(payload)
        if not isinstance(value, dict):
            raise ParseError("a map was expected")
        return {_serde.text(name): cls._from_json(credential) for name, credential in value.items()}

    @classmethod
    def _from_json(cls, value: object) -> RegistryCredential:
        fields = Struct(value, _REGISTRY_CREDENTIAL)
        password = fields.optional("password", _serde.text)
        token = fields.optional("token", _serde.text)
        return cls(
            username=fields.optional("username", _serde.text),
            has_secret=password is not None or token is not None,
            registry_type=fields.defaulted("registryType", _serde.text, "oci"),
        )
