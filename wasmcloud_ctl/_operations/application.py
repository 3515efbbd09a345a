"""What a manifest wants in the lattice: components and providers on hosts, links and configs, by wadm's names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import attrs

from wasmcloud_ctl._protocol import manifest_codec
from wasmcloud_ctl._protocol.manifests import (
    Component,
    ComponentProperties,
    LinkEnd,
    Manifest,
    Policy,
    ScalerProperties,
)
from wasmcloud_ctl.events import (
    ComponentScaled,
    ComponentScaleFailed,
    ConfigDeleted,
    ConfigSet,
    LinkdefDeleted,
    LinkdefSet,
    ProviderStarted,
    ProviderStartFailed,
    ProviderStopped,
)
from wasmcloud_ctl.models import HostInventory, Link

# The annotations that wadm gives to what it starts.
APPLICATION = "wasmcloud.dev/appspec"
SCALER = "wasmcloud.dev/scaler"
SPREAD = "wasmcloud.dev/spread_name"

# How the names of the configs begin that refer to secrets.
SECRET = "SECRET_"

_DEFAULT_WEIGHT = 100


@attrs.frozen(kw_only=True)
class Place:
    """Hosts with these labels, and how many instances they run: together, or of a daemonscaler each of them."""

    name: str
    labels: Mapping[str, str]
    count: int

    def fits(self, host: HostInventory) -> bool:
        """Return whether a host has all the labels."""
        return all(host.labels.get(key) == value for key, value in self.labels.items())


@attrs.frozen(kw_only=True)
class Part:
    """A component or provider that must run.

    Attributes:
        id: Its id in the lattice.
        name: Its name in the manifest.
        reference: Its image reference.
        configs: The names of its configs.
        places: Where it runs, and how many instances.
        on_each_host: Whether each host of a place runs that many.
        is_provider: Whether it is a provider.
    """

    id: str
    name: str
    reference: str
    configs: tuple[str, ...]
    places: tuple[Place, ...]
    on_each_host: bool = False
    is_provider: bool = False


@attrs.frozen(kw_only=True)
class Application:
    """All that must be there while a version of an application is deployed.

    Attributes:
        name: The application's name.
        parts: Its components and providers, without those that another application shares with it.
        links: Its links.
        configs: Its configs by name. None where somebody else keeps the config: then it must only exist.
    """

    name: str
    parts: tuple[Part, ...] = ()
    links: tuple[Link, ...] = ()
    configs: dict[str, dict[str, str] | None] = attrs.Factory(dict)

    @property
    def ids(self) -> frozenset[str]:
        """The ids of its components and providers."""
        return frozenset(part.id for part in self.parts)

    def scalers(self) -> frozenset[tuple[object, ...]]:
        """Return what distinguishes its scalers. With another image or other configs, a scaler is another one.

        Counts and labels are not part of it: a scaler stays the same if only these change.
        """
        return frozenset(
            [(part.id, part.name, part.reference, part.configs, part.on_each_host) for part in self.parts]
            + [tuple(attrs.astuple(link, recurse=False)) for link in self.links]
        )


def application_of(manifest: Manifest) -> Application:
    """Return what must be there while this manifest is deployed."""
    name = manifest.metadata.name
    components = {component.name: component for component in manifest.spec.components}
    policies = {policy.name: policy for policy in manifest.spec.policies}
    configs: dict[str, dict[str, str] | None] = {}
    parts: list[Part] = []
    links: list[Link] = []
    for component in components.values():
        own_configs = _configs(name, component.properties, policies)
        found_parts = list(_parts(name, component, [config_name for config_name, _ in own_configs]))
        parts += found_parts
        if found_parts:  # wadm puts the configs of what it scales
            configs.update(own_configs)
        for trait in component.traits or ():
            found = manifest_codec.link_of(trait)
            if found is None or found[1].name not in components:
                continue
            link, target = found
            source_configs = _configs(name, link.source or LinkEnd(config=link.source_config or ()), policies)
            target_configs = _configs(name, target, policies)
            configs.update([*source_configs, *target_configs])
            links.append(
                Link(
                    source_id=_id_of(name, component),
                    target=_id_of(name, components[target.name]),
                    wit_namespace=link.namespace,
                    wit_package=link.package,
                    interfaces=link.interfaces,
                    name=link.name,
                    source_config=[config_name for config_name, _ in source_configs],
                    target_config=[config_name for config_name, _ in target_configs],
                )
            )
    return Application(name=name, parts=tuple(parts), links=tuple(links), configs=configs)


def _parts(application: str, component: Component, configs: Sequence[str]) -> Iterator[Part]:
    properties = component.properties
    if properties.image is None:
        return  # another application runs it
    is_provider = component.type == "capability"
    scalers = [(trait.type, manifest_codec.scaler_of(trait)) for trait in component.traits or ()]
    found = [(kind, scaler) for kind, scaler in scalers if scaler is not None]
    if not found and is_provider:
        found = [("spreadscaler", ScalerProperties(instances=1))]
    for kind, scaler in found:
        on_each_host = kind == "daemonscaler"
        yield Part(
            id=_id_of(application, component),
            name=component.name,
            reference=properties.image,
            configs=tuple(configs),
            places=_places(scaler, on_each_host, is_provider),
            on_each_host=on_each_host,
            is_provider=is_provider,
        )


def _places(scaler: ScalerProperties, on_each_host: bool, is_provider: bool) -> tuple[Place, ...]:
    """Return how wadm spreads the instances: by weight, and what is left over one by one, the heaviest first."""
    # A host runs a provider once.
    count = min(scaler.instances, 1) if on_each_host and is_provider else scaler.instances
    if not scaler.spread:
        return (Place(name="default", labels={}, count=count),)
    if on_each_host:
        return tuple(
            Place(name=spread.name, labels=spread.requirements, count=count) for spread in scaler.spread
        )
    weights = [_DEFAULT_WEIGHT if spread.weight is None else spread.weight for spread in scaler.spread]
    order = sorted(range(len(weights)), key=lambda index: -weights[index])
    total = sum(weights) or 1  # all weights may be 0
    counts = {index: count * weights[index] // total for index in order}
    for index in order[: count - sum(counts.values())]:
        counts[index] += 1
    return tuple(
        Place(name=spread.name, labels=spread.requirements, count=counts[index])
        for index, spread in enumerate(scaler.spread)
    )


def _configs(
    application: str, properties: ComponentProperties | LinkEnd, policies: Mapping[str, Policy]
) -> list[tuple[str, dict[str, str] | None]]:
    """Return the names and contents of the configs in these properties. A secret's reference is a config, too."""
    configs = [
        (config.name if config.properties is None else _joined(application, config.name), config.properties)
        for config in properties.config
    ]
    for secret in properties.secrets:
        policy = policies.get(secret.properties.policy)
        reference = None if policy is None else manifest_codec.secret_reference(secret, policy)
        configs.append((f"{SECRET}{_joined(application, secret.name)}", reference))
    return configs


def _id_of(application: str, component: Component) -> str:
    properties = component.properties
    if properties.id is not None:
        return properties.id
    if properties.image is None and properties.application is not None:
        return _joined(properties.application.name, properties.application.component)
    return _joined(application, component.name)


def concerns(data: object, *applications: Application) -> bool:
    """Return whether an event with this data can be about one of the applications."""
    ids = {part_id for application in applications for part_id in application.ids}
    match data:
        case ComponentScaled(component_id=found) | ComponentScaleFailed(component_id=found):
            return found in ids
        case ProviderStarted(provider_id=found) | ProviderStopped(provider_id=found):
            return found in ids
        case ProviderStartFailed(provider_id=found):
            return found in ids
        case LinkdefSet(source_id=found) | LinkdefDeleted(source_id=found):
            return any(link.source_id == found for application in applications for link in application.links)
        case ConfigSet(config_name=found) | ConfigDeleted(config_name=found):
            return any(found in application.configs for application in applications)
    return True


def _joined(application: str, name: str) -> str:
    """Return the name that wadm makes of those of an application and of a part of it."""
    return "-".join(
        "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in part.lower())
        for part in (application, name)
    )
