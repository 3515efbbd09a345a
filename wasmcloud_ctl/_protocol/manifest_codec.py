"""Manifests to bytes and back.

wadm silently ignores a wrong name in many places, such as among the metadata or the properties of a link. So a
manifest that the caller has as a mapping is checked before it is sent. Texts are sent as they are: wadm parses YAML.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from typing import Any, get_args

import attrs

from wasmcloud_ctl._protocol import codec
from wasmcloud_ctl._protocol.manifests import (
    LinkProperties,
    LinkTarget,
    Manifest,
    Policy,
    ScalerProperties,
    SecretProperty,
    Trait,
)
from wasmcloud_ctl._protocol.structuring import find_mismatch, wire_names
from wasmcloud_ctl._protocol.subjects import token
from wasmcloud_ctl.exceptions import InvalidArgument

JSON = "application/json"
YAML = "application/yaml"

_PROPERTIES_BY_TRAIT = {
    "spreadscaler": ScalerProperties,
    "daemonscaler": ScalerProperties,
    "link": LinkProperties,
}
_COMPONENT_TYPES = ("component", "capability", "actor")

_SECRET_TYPE = "secret.wasmcloud.dev/v1alpha1"
_POLICY_TYPE = "properties.secret.wasmcloud.dev/v1alpha1"

Mistake = tuple[str, str]
"""The JSON path of a mistake in a manifest, and what is wrong."""


def content_type(text: bytes) -> str:
    """Return the type of a manifest that is text: JSON if it is valid JSON, else YAML."""
    try:
        codec.parse_json(text)
    except codec.InvalidJson:
        return YAML
    return JSON


def encode_manifest(manifest: Mapping[str, object]) -> bytes:
    """Check a manifest, and encode it as JSON. Raises InvalidArgument with the JSON path of the first mistake."""
    try:
        text = json.dumps(dict(manifest), default=_as_json, ensure_ascii=False, allow_nan=False)
        payload = text.encode()
        parsed = codec.parse_json(text)
    except (TypeError, ValueError, RecursionError) as error:
        # UnicodeEncodeError would quote the whole text, which may hold a secret.
        reason = error.reason if isinstance(error, UnicodeEncodeError) else error
        raise InvalidArgument(f"the manifest cannot be sent as JSON: {reason}") from None
    for path, reason in _mistakes(parsed):
        raise InvalidArgument(f"the manifest does not fit at {path}: {reason}")
    return payload


def _as_json(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is no type of JSON")


# Mistakes ---------------------------------------------------------------------------------------


def _mistakes(manifest: Any) -> Iterator[Mistake]:
    """Yield the mistakes of a manifest. Wrong names come first: they can be why another one is missing."""
    yield from _wrong_names(manifest, Manifest, "$")
    yield from filter(None, [find_mismatch(manifest, Manifest, "$")])
    for index, component in enumerate(manifest["spec"]["components"]):
        path = f"$.spec.components[{index}]"
        if component["type"] not in _COMPONENT_TYPES:
            yield f"{path}.type", _expected(component["type"], _COMPONENT_TYPES)
        yield from _mistakes_of_configs(component["properties"], "config", f"{path}.properties")
        for number, trait in enumerate(component.get("traits") or ()):
            yield from _mistakes_of_trait(trait, f"{path}.traits[{number}]")


def _mistakes_of_trait(trait: dict[str, Any], path: str) -> Iterator[Mistake]:
    kind = _PROPERTIES_BY_TRAIT.get(trait["type"])
    if kind is None:
        yield f"{path}.type", _expected(trait["type"], _PROPERTIES_BY_TRAIT)
    else:
        yield from _mistakes_of_properties(trait["properties"], kind, f"{path}.properties")


def _mistakes_of_properties(properties: Any, kind: type[Any], path: str) -> Iterator[Mistake]:
    if kind is ScalerProperties and isinstance(properties, dict) and "replicas" in properties:
        properties = {"instances": properties["replicas"], **properties}  # its older name
        del properties["replicas"]
    yield from _wrong_names(properties, kind, path)
    yield from filter(None, [find_mismatch(properties, kind, path)])
    if kind is ScalerProperties:
        for index, spread in enumerate(properties.get("spread", ())):
            if not spread.get("requirements"):
                reason = (
                    "wadm ignores a scaler without requirements: leave the spread out if any host will do"
                )
                yield f"{path}.spread[{index}].requirements", reason
    else:
        yield from _mistakes_of_link(properties, path)


def _mistakes_of_link(properties: dict[str, Any], path: str) -> Iterator[Mistake]:
    target = properties["target"]
    if type(target) is not str:  # an older way to name the target
        yield from _wrong_names(target, LinkTarget, f"{path}.target")
        yield from filter(None, [find_mismatch(target, LinkTarget, f"{path}.target")])
        yield from _mistakes_of_configs(target, "config", f"{path}.target")
    yield from _mistakes_of_configs(properties.get("source") or {}, "config", f"{path}.source")
    for name in ("source_config", "target_config"):
        yield from _mistakes_of_configs(properties, name, path)


def _mistakes_of_configs(properties: dict[str, Any], name: str, path: str) -> Iterator[Mistake]:
    """Yield the names of configs that hosts cannot be asked for. wadm puts them into subjects as they are."""
    for index, config in enumerate(properties.get(name) or ()):
        if config.get("properties") is None:
            try:
                token(config["name"], "the name of a config")
            except InvalidArgument as error:
                yield f"{path}.{name}[{index}].name", str(error)


def _wrong_names(value: object, kind: Any, path: str) -> Iterator[Mistake]:
    """Yield the names that a class's objects do not have, in a value and its parts."""
    if attrs.has(kind) and isinstance(value, dict):
        known = wire_names(kind)
        for name, part in value.items():
            if name in known:
                yield from _wrong_names(part, known[name], f"{path}.{name}")
            else:
                yield f"{path}.{name}", f"unknown name, {_expected(name, known)}"
    elif isinstance(value, list):
        for index, item in enumerate(value):
            for element in get_args(kind)[:1]:
                yield from _wrong_names(item, element, f"{path}[{index}]")
    else:
        for option in get_args(kind)[:1]:
            yield from _wrong_names(value, option, path)


def _expected(found: str, known: Any) -> str:
    nearest = difflib.get_close_matches(found, known, n=1)
    return f"did you mean {nearest[0]!r}?" if nearest else f"expected one of {', '.join(known)}"


# Reading ----------------------------------------------------------------------------------------


def decode_manifest(manifest: dict[str, Any]) -> Manifest:
    """Return the manifest that wadm has sent. Raises DecodeError."""
    decoded: Manifest = codec.structure(manifest, Manifest, "$.manifest", b"", "wadm's reply")
    return decoded


def scaler_of(trait: Trait) -> ScalerProperties | None:
    """Return the properties of a scaler. None if the trait is none."""
    properties = trait.properties
    if _PROPERTIES_BY_TRAIT.get(trait.type) is not ScalerProperties:
        return None
    if "replicas" in properties:
        properties = {"instances": properties["replicas"], **properties}
    if "instances" not in properties:
        return None  # wadm keeps such a trait, and does nothing with it
    scaler: ScalerProperties = codec.structure(properties, ScalerProperties, "$", b"", "the trait")
    return scaler


def link_of(trait: Trait) -> tuple[LinkProperties, LinkTarget] | None:
    """Return the properties of a link, and its target. None if the trait is no link."""
    if trait.type != "link" or "target" not in trait.properties:
        return None
    link: LinkProperties = codec.structure(trait.properties, LinkProperties, "$", b"", "the trait")
    if type(link.target) is str:
        return link, LinkTarget(name=link.target, config=link.target_config or ())
    target: LinkTarget = codec.structure(link.target, LinkTarget, "$.target", b"", "the trait")
    return link, target


def secret_reference(secret: SecretProperty, policy: Policy) -> dict[str, str]:
    """Return the config by which wadm refers to a secret, with the policy in a fixed order."""
    properties = dict(policy.properties)
    reference = {
        "type": _SECRET_TYPE,
        "name": secret.name,
        "backend": properties.pop("backend", ""),
        "key": secret.properties.key,
        "policy": json.dumps({"type": _POLICY_TYPE, "properties": properties}, sort_keys=True),
    }
    chosen = {"field": secret.properties.field, "version": secret.properties.version}
    return reference | {name: value for name, value in chosen.items() if value is not None}


def in_fixed_order(reference: dict[str, str]) -> dict[str, str]:
    """Return a stored reference to a secret with its policy, which is JSON, in a fixed order."""
    try:
        policy = json.dumps(codec.parse_json(reference["policy"]), sort_keys=True)
    except (KeyError, codec.InvalidJson):
        return reference
    return {**reference, "policy": policy}
