"""What a manifest means: the scalers of its components, providers and links, and their ids in the lattice."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import define, field

from wasmcloud_ctl.testing._wadm.backoff import Backoff, Pauses
from wasmcloud_ctl.testing._wadm.component_scalers import ComponentDaemon, ComponentSpread
from wasmcloud_ctl.testing._wadm.config_scalers import ConfigScaler, secret_content
from wasmcloud_ctl.testing._wadm.link_scaler import LinkScaler
from wasmcloud_ctl.testing._wadm.part_scaler import Part
from wasmcloud_ctl.testing._wadm.provider_scalers import ProviderDaemon, ProviderSpread
from wasmcloud_ctl.testing._wadm.scaler import Scaler, View

_Json = Mapping[str, Any]

_COMPONENTS = {"spreadscaler": ComponentSpread.make, "daemonscaler": ComponentDaemon.make}
_PROVIDERS = {"spreadscaler": ProviderSpread.make, "daemonscaler": ProviderDaemon.make}

# The trait that wadm adds to a provider without a scaler.
_ONE_PROVIDER: _Json = {"type": "spreadscaler", "properties": {"instances": 1}}


def identifier(application: str, name: str) -> str:
    """Return the id in the lattice of something that an application names."""
    return "-".join(re.sub("[^a-z0-9]", "_", word.lower()) for word in (application, name))


@define
class Conversion:
    """Turns one manifest into scalers."""

    manifest: _Json
    view: View
    pauses: Pauses
    _scalers: list[Backoff] = field(factory=list, init=False)

    def scalers(self) -> list[Backoff]:
        """Return the scalers of the manifest, in the order of its components and traits."""
        for component in self.manifest["spec"]["components"]:
            self._add(component)
        return self._scalers

    @property
    def _application(self) -> str:
        name: str = self.manifest["metadata"]["name"]
        return name

    def _add(self, component: _Json) -> None:
        is_provider = component["type"] == "capability"
        properties = component["properties"]
        configs = self._configs(properties)
        traits = component.get("traits", [])
        if is_provider and not any(_is_scaler(trait) for trait in traits):
            traits = [*traits, _ONE_PROVIDER]
        for trait in traits:
            if trait["type"] == "link" and "target" in trait["properties"]:
                self._add_link(component, trait["properties"])
            elif _is_scaler(trait) and "image" in properties:
                part = Part(
                    self._application,
                    component["name"],
                    self._id(component),
                    properties["image"],
                    [config.name for config in configs],
                )
                make: Any = (_PROVIDERS if is_provider else _COMPONENTS)[trait["type"]]
                self._wrap(make(self.view, part, trait["properties"]), configs, of_provider=is_provider)

    def _add_link(self, component: _Json, link: _Json) -> None:
        targets = [
            found
            for found in self.manifest["spec"]["components"]
            if found["name"] == link["target"]["name"]
            # A link from a provider to a provider is left out.
            and not component["type"] == found["type"] == "capability"
        ]
        if not targets:
            return
        source_config = self._configs(link.get("source", {}))
        target_config = self._configs(link["target"])
        scaler = LinkScaler(
            self.view,
            self._owner(component),
            self._id(component),
            self._id(targets[0]),
            link["namespace"],
            link["package"],
            link["interfaces"],
            link.get("name", "default"),
            [config.name for config in source_config],
            [config.name for config in target_config],
        )
        self._wrap(scaler, [*source_config, *target_config])

    def _wrap(self, scaler: Scaler, configs: Sequence[ConfigScaler], *, of_provider: bool = False) -> None:
        self._scalers.append(Backoff(scaler, configs, self.pauses, of_provider))

    def _owner(self, component: _Json) -> str:
        shared = component["properties"].get("application")
        name: str = self._application if shared is None else shared["name"]
        return name

    def _id(self, component: _Json) -> str:
        """Return the id of a component or provider, which may be another application's."""
        properties = component["properties"]
        shared = properties.get("application", {})
        default = identifier(
            shared.get("name", self._application), shared.get("component", component["name"])
        )
        given: str = properties.get("id", default)
        return given

    def _configs(self, properties: _Json) -> list[ConfigScaler]:
        """Return the scalers of the configs and secrets in these properties."""
        scalers = []
        for config in properties.get("config", []):
            content = config.get("properties")
            name = config["name"] if content is None else identifier(self._application, config["name"])
            scalers.append(ConfigScaler(self.view, name, content))
        policies = {policy["name"]: policy for policy in self.manifest["spec"].get("policies", [])}
        for secret in properties.get("secrets", []):
            name = f"SECRET_{identifier(self._application, secret['name'])}"
            content = secret_content(secret, policies[secret["properties"]["policy"]])
            scalers.append(ConfigScaler(self.view, name, content))
        return scalers


def _is_scaler(trait: _Json) -> bool:
    """Return whether wadm has a scaler for the trait. It cannot read a spread again whose requirements are empty."""
    if trait["type"] not in _COMPONENTS or "instances" not in trait["properties"]:
        return False
    return all("requirements" in spread for spread in trait["properties"].get("spread", ()))
