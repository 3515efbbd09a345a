"""Refuse manifests that wadm can read, in its words."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

from wasmcloud_ctl.testing._wadm.deserializing import quoted
from wasmcloud_ctl.testing._wadm.json_source import number
from wasmcloud_ctl.testing._wadm.manifest import Link, Panic, Spread

_LABEL = re.compile(r"[a-zA-Z0-9](?:[-_.a-zA-Z0-9]*[a-zA-Z0-9])?")
_DOMAIN = re.compile(r"[a-zA-Z](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?")

_SECRET_POLICY = "policy.secret.wasmcloud.dev/v1alpha1"
_SCALERS = ("spreadscaler", "daemonscaler")


def validate(manifest: dict[str, Any]) -> str | None:
    """Return the message by which wadm refuses a manifest, or None if wadm accepts it.

    Args:
        manifest: The manifest as :func:`read_manifest` returns it.

    Raises:
        Panic: Wadm panics at this manifest, and does not answer.
    """
    metadata = manifest["metadata"]
    if metadata.get("annotations", {}).get("version") == "latest":
        return 'invalid manifest version, errors: "latest is not allowed in wadm"'
    name = metadata["name"].strip()
    if not _is_name(name):
        allowed = "Manifest names can only contain alphanumeric characters, dashes, and underscores."
        return f"Manifest name {name} contains invalid characters. {allowed}"
    if not name.isascii():
        return "Internal storage error"  # of the name as a key in JetStream
    # Wadm collects all errors before it answers with the first, and can panic on the way.
    errors = list(_errors(manifest))
    return errors[0] if errors else None


def _errors(manifest: dict[str, Any]) -> Iterator[str]:
    name = manifest["metadata"]["name"]
    components = manifest["spec"]["components"]
    if not _is_name(name):
        yield rf"manifest name [{name}] is not allowed (should match regex [^[-\w]+$])"
    yield from _bad_labels(manifest["metadata"])
    yield from _duplicates(components)
    yield from _missing_targets(components)
    yield from _custom_links(components)
    yield from _bad_secrets(components, manifest["spec"].get("policies", []))
    yield from _custom_traits(components)
    for component in components:
        yield from _bad_image(component)
    for component in components:
        yield from _duplicate_links(component)
    yield from _duplicate_configs(components)


def _traits(component: dict[str, Any]) -> list[dict[str, Any]]:
    traits: list[dict[str, Any]] = component.get("traits", [])
    return traits


def _links(component: dict[str, Any]) -> list[Link]:
    """Return the links that are under the type of links."""
    return [
        trait["properties"]
        for trait in _traits(component)
        if trait["type"] == "link" and isinstance(trait["properties"], Link)
    ]


# Names ------------------------------------------------------------------------------------------


def _is_name(text: str) -> bool:
    # These are the words of Rust's regular expressions, except the joiners.
    return text != "" and all(
        char == "-"
        or unicodedata.category(char) in ("Nd", "Nl", "Pc")
        or unicodedata.category(char)[0] in "LM"
        for char in text
    )


def _bad_labels(metadata: dict[str, Any]) -> Iterator[str]:
    for what in ("label", "annotation"):
        for key, value in metadata.get(f"{what}s", {}).items():
            if not _is_label(key):
                yield f"Invalid OAM {what}: ({quoted(key)}, {quoted(value)})"


def _is_label(key: str) -> bool:
    prefix, slash, name = key.partition("/")
    if slash and not _is_domain(prefix):
        return False
    label = name if slash else key
    return len(label) <= 63 and _LABEL.fullmatch(label) is not None


def _is_domain(text: str) -> bool:
    return len(text) <= 253 and all(
        len(part) <= 63 and _DOMAIN.fullmatch(part) is not None for part in text.split(".")
    )


def _duplicates(components: Sequence[dict[str, Any]]) -> Iterator[str]:
    names: set[str] = set()
    ids: set[str] = set()
    for component in components:
        if component["name"] in names:
            yield f"Duplicate component name in manifest: {component['name']}"
        names.add(component["name"])
        own = component["properties"].get("id")
        if own in ids:
            yield f"Duplicate component identifier in manifest: {own}"
        if own is not None:
            ids.add(own)


# Links ------------------------------------------------------------------------------------------


def _missing_targets(components: Sequence[dict[str, Any]]) -> Iterator[str]:
    names = {component["name"] for component in components}
    targets = [
        trait["properties"]["target"]["name"]
        for component in components
        for trait in _traits(component)
        if isinstance(trait["properties"], Link)
    ]
    # The real wadm lists several in random order.
    if missing := [quoted(target) for target in dict.fromkeys(targets) if target not in names]:
        listed = ", ".join(missing)
        yield f"The following capability component(s) are missing from the manifest: [{listed}]"


def _custom_links(components: Sequence[dict[str, Any]]) -> Iterator[str]:
    for component in components:
        for trait in _traits(component):
            properties = trait["properties"]
            if trait["type"] != "link" or isinstance(properties, Link):
                continue
            if isinstance(properties, Spread):
                raise Panic
            if not isinstance(properties, dict) or "target" not in properties:
                yield "custom link is missing 'target' property"
                continue
            target = properties["target"]
            if not isinstance(target, dict) or not isinstance(target.get("name"), str):
                yield "custom link is missing 'target' name property"


def _duplicate_links(component: dict[str, Any]) -> Iterator[str]:
    seen = set()
    for link in _links(component):
        name = link.get("name", "default")
        for interface in link["interfaces"]:
            written = f"{name} ({link['namespace']}:{link['package']}/{interface})"
            if written in seen:
                yield f"Duplicate link found inside component '{component['name']}': {written}"
            seen.add(written)


def _duplicate_configs(components: Sequence[dict[str, Any]]) -> Iterator[str]:
    names = set()
    for component in components:
        for link in _links(component):
            for side in (link["target"], link.get("source", {})):
                for config in side.get("config", []):
                    if "properties" not in config:
                        continue
                    if config["name"] in names:
                        yield f"Duplicate link config name found: '{config['name']}'"
                    names.add(config["name"])


# Secrets, traits and images ---------------------------------------------------------------------


def _bad_secrets(components: Sequence[dict[str, Any]], policies: Sequence[dict[str, Any]]) -> Iterator[str]:
    by_name = {policy["name"]: policy for policy in policies}
    for component in components:
        for secret in _secrets(component):
            name, wanted = secret["name"], secret["properties"]["policy"]
            policy = by_name.get(wanted)
            if policy is None:
                yield f"secret '{name}' is mapped to unknown policy '{wanted}'"
            elif policy["type"] != _SECRET_POLICY:
                expected = f"Expected type '{_SECRET_POLICY}'"
                yield f"secret '{name}' is mapped to policy '{wanted}' which is not a secret policy. {expected}"
            elif "backend" not in policy["properties"]:
                missing = "does not include a 'backend' property"
                yield f"secret '{name}' is mapped to policy '{wanted}' which {missing}"


def _secrets(component: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for trait in _traits(component):
        if isinstance(trait["properties"], Link):
            yield from trait["properties"]["target"].get("secrets", [])
            yield from trait["properties"].get("source", {}).get("secrets", [])
    yield from component["properties"].get("secrets", [])


def _custom_traits(components: Sequence[dict[str, Any]]) -> Iterator[str]:
    for component in components:
        for trait in _traits(component):
            properties = trait["properties"]
            if isinstance(properties, (Link, Spread)):
                continue
            kind = "Link" if trait["type"] == "link" else "Scaler" if trait["type"] in _SCALERS else None
            if kind is not None:
                ensure = "ensure fields are correct"
                yield f"{kind} trait deserialized as custom trait, {ensure}: {_written(properties)}"


def _written(value: Any) -> str:
    """Return JSON as serde_json writes it."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{_written(key)}:{_written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_written(item) for item in value) + "]"
    return number(value) if isinstance(value, float) else json.dumps(value, ensure_ascii=False)


def _bad_image(component: dict[str, Any]) -> Iterator[str]:
    properties = component["properties"]
    shared = properties.get("application")
    if shared is None:
        if "image" not in properties:
            yield "Component must have either 'image' or 'application' property"
        return
    name = shared["name"]
    if "image" in properties:
        yield "Component cannot have both 'image' and 'application' properties"
    elif "config" in properties:
        yield f"Shared component '{name}' cannot specify additional 'config'"
    elif "secrets" in properties:
        yield f"Shared component '{name}' cannot specify additional 'secrets'"
    elif any(trait["type"] in _SCALERS for trait in _traits(component)):
        yield f"Shared component '{name}' cannot include a scaler trait"
