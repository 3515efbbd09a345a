"""The parts of a manifest, by wadm's names: providers are components there, and links and scalers are traits.

Two things are typed loosely here, because another field says what they are: the properties of a trait, by its type,
and a link's target, which may be a name alone.
"""

from __future__ import annotations

from typing import Any

import attrs

from wasmcloud_ctl.models import U64


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class ConfigProperty:
    """A named config. Without ``properties``, somebody else keeps it."""

    name: str
    properties: dict[str, str] | None = None


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class SecretSource:
    """Where a secret comes from."""

    policy: str
    key: str
    field: str | None = None
    version: str | None = None


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class SecretProperty:
    """A named secret."""

    name: str
    properties: SecretSource


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class SharedComponent:
    """A component or provider of another application."""

    name: str
    component: str


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class ComponentProperties:
    """What a component or provider is: an image, or one that another application shares."""

    image: str | None = None
    application: SharedComponent | None = None
    id: str | None = None
    config: tuple[ConfigProperty, ...] = ()
    secrets: tuple[SecretProperty, ...] = ()


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class Spread:
    """Which hosts receive a part of the instances. wadm demands ``requirements``, and leaves out empty ones."""

    name: str
    requirements: dict[str, str] = attrs.Factory(dict)
    weight: U64 | None = None


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class ScalerProperties:
    """The properties of a ``spreadscaler`` or a ``daemonscaler``."""

    instances: U64
    spread: tuple[Spread, ...] = ()


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class LinkEnd:
    """The configs and secrets for the source of a link."""

    config: tuple[ConfigProperty, ...] = ()
    secrets: tuple[SecretProperty, ...] = ()


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class LinkTarget(LinkEnd):
    """The target of a link, by its name in the manifest."""

    name: str


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class LinkProperties:
    """The properties of a ``link``. The last two are an older way to give configs.

    ``name`` may be absent, but not null: wadm 0.21.1 ends when it reads a null there.
    """

    namespace: str
    package: str
    interfaces: tuple[str, ...]
    target: Any
    source: LinkEnd | None = None
    name: str = "default"
    source_config: tuple[ConfigProperty, ...] | None = None
    target_config: tuple[ConfigProperty, ...] | None = None


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class Trait:
    """A scaler or a link of a component or provider. wadm keeps other ones, too, with any properties."""

    type: str
    properties: Any


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class Component:
    """A component, or a provider if its type is ``capability``."""

    name: str
    type: str
    properties: ComponentProperties
    traits: tuple[Trait, ...] | None = None


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class Policy:
    """A policy, such as the backend of secrets."""

    name: str
    properties: dict[str, str]
    type: str


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class Specification:
    """What the application consists of."""

    components: tuple[Component, ...]
    policies: tuple[Policy, ...] = ()


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class Metadata:
    """The application's name, and its annotations with its version and description."""

    name: str
    annotations: dict[str, str]
    labels: dict[str, str] = attrs.Factory(dict)


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class Manifest:
    """An application in one version."""

    api_version: str
    kind: str
    metadata: Metadata
    spec: Specification
