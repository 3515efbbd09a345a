"""The commands of the control interface, as a host reads them from the payload of a request.

Each class is one command. The tuple before it lists the fields in the order of the host's Rust struct. Hosts accept
commands without most of the fields and read a missing one as empty, so a client must check its commands itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from attrs import frozen

from wasmcloud_ctl.testing import _serde
from wasmcloud_ctl.testing._failure import Failure
from wasmcloud_ctl.testing._serde import ParseError, Struct

T = TypeVar("T")


def parse_command(read: Callable[[bytes], T], payload: bytes, what: str) -> T:
    """Read a command from a payload.

    Args:
        read: The method ``read`` of the command's class.
        payload: The payload of the request.
        what: The host's name for the command, for the error message.

    Raises:
        Failure: The payload is not such a command.
    """
    try:
        return read(payload)
    except ParseError as error:
        raise Failure(f"failed to deserialize {what}") from error


_COMPONENT_AUCTION = ("component_ref", "component_id", "constraints")


@frozen
class ComponentAuction:
    """Ask which hosts would run a component."""

    component_ref: str
    component_id: str
    constraints: dict[str, str]

    @classmethod
    def read(cls, payload: bytes) -> ComponentAuction:
        """Read the command from a payload; raises ParseError."""
        fields = Struct(_serde.parse(payload), _COMPONENT_AUCTION)
        return cls(
            component_ref=fields.defaulted("component_ref", _serde.text, ""),
            component_id=fields.required("component_id", _serde.text),
            constraints=fields.required("constraints", _serde.string_map),
        )


_PROVIDER_AUCTION = ("provider_ref", "provider_id", "constraints")


@frozen
class ProviderAuction:
    """Ask which hosts would run a provider."""

    provider_ref: str
    provider_id: str
    constraints: dict[str, str]

    @classmethod
    def read(cls, payload: bytes) -> ProviderAuction:
        """Read the command from a payload; raises ParseError."""
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
    """Scale a component. 0 instances stop it."""

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
        """Read the command from a payload; raises ParseError."""
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
    """Replace the code of a running component."""

    component_id: str
    new_component_ref: str
    host_id: str
    annotations: dict[str, str]

    @classmethod
    def read(cls, payload: bytes) -> UpdateComponent:
        """Read the command from a payload; raises ParseError."""
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
    """Start a provider."""

    provider_id: str
    provider_ref: str
    host_id: str
    config: list[str]
    annotations: dict[str, str]

    @classmethod
    def read(cls, payload: bytes) -> StartProvider:
        """Read the command from a payload; raises ParseError."""
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
    """Stop a provider."""

    provider_id: str
    host_id: str

    @classmethod
    def read(cls, payload: bytes) -> StopProvider:
        """Read the command from a payload; raises ParseError."""
        fields = Struct(_serde.parse(payload), _STOP_PROVIDER)
        # Older versions call this field provider_ref.
        name = "provider_ref" if fields.has("provider_ref") else "provider_id"
        return cls(
            provider_id=fields.defaulted(name, _serde.text, ""),
            host_id=fields.defaulted("host_id", _serde.text, ""),
        )


_STOP_HOST = ("host_id", "timeout")


@frozen
class StopHost:
    """Stop the host."""

    host_id: str

    @classmethod
    def read(cls, payload: bytes) -> StopHost:
        """Read the command from a payload; raises ParseError."""
        fields = Struct(_serde.parse(payload), _STOP_HOST)
        fields.optional(
            "timeout", _serde.unsigned(64)
        )  # a practice host runs nothing that takes time to stop
        return cls(host_id=fields.defaulted("host_id", _serde.text, ""))


_PUT_LABEL = ("key", "value")


@frozen
class PutLabel:
    """Set a label."""

    key: str
    value: str

    @classmethod
    def read(cls, payload: bytes) -> PutLabel:
        """Read the command from a payload; raises ParseError."""
        fields = Struct(_serde.parse(payload), _PUT_LABEL)
        return cls(key=fields.required("key", _serde.text), value=fields.required("value", _serde.text))


_DELETE_LABEL = ("key",)


@frozen
class DeleteLabel:
    """Remove a label."""

    key: str

    @classmethod
    def read(cls, payload: bytes) -> DeleteLabel:
        """Read the command from a payload; raises ParseError."""
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
    """Link an import of a source to an export of a target."""

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
        """Read the command from a payload; raises ParseError."""
        return cls.from_json(_serde.parse(payload))

    @classmethod
    def from_json(cls, value: object) -> Link:
        """Read a link from parsed JSON; raises ParseError."""
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
    """Delete a link of a source, whatever its target."""

    source_id: str
    name: str
    wit_namespace: str
    wit_package: str

    @classmethod
    def read(cls, payload: bytes) -> DeleteLink:
        """Read the command from a payload; raises ParseError."""
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
    """The credentials for a registry. A practice host checks their form and forgets them."""

    username: str | None
    has_secret: bool
    registry_type: str

    @classmethod
    def read_all(cls, payload: bytes) -> dict[str, RegistryCredential]:
        """Read all credentials from a payload, by the name of the registry; raises ParseError."""
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
