"""The types of a manifest, as wadm reads and writes them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from wasmcloud_ctl.testing._wadm.deserializing import (
    Buffered,
    Entries,
    Field,
    Pairs,
    Problem,
    Source,
    Struct,
    listed,
    maybe,
    read_fields,
    sequence,
    several,
    sorted_text_map,
    text,
    text_map,
)


class Panic(Exception):
    """The real wadm ends its API at this manifest, and answers nothing."""


class Link(dict[str, Any]):
    """The properties of a trait that links."""


class Spread(dict[str, Any]):
    """The properties of a trait that scales."""


# Configs and secrets ----------------------------------------------------------------------------

_CONFIG = Struct("ConfigProperty", (Field("name", text), maybe("properties", text_map)), closed=True)

_SECRET = Struct(
    "SecretProperty",
    (
        Field("name", text),
        Field(
            "properties",
            Struct(
                "SecretSourceProperty",
                (
                    Field("policy", text),
                    Field("key", text),
                    maybe("field", text, positional=True),
                    maybe("version", text, positional=True),
                ),
            ),
        ),
    ),
)

_CONFIGS = several("config", _CONFIG)
_SECRETS = several("secrets", _SECRET)

# Traits -----------------------------------------------------------------------------------------


def _unsigned(source: Source) -> int:
    value = source.content()
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise Problem("not an unsigned integer")
    return value


_SCALER = Struct(
    "SpreadScalerProperty",
    (
        Field("instances", _unsigned, aliases=("replicas",)),
        several(
            "spread",
            Struct(
                "Spread",
                (
                    Field("name", text),
                    Field("requirements", sorted_text_map, kept=False),
                    maybe("weight", _unsigned),
                ),
                closed=True,
            ),
        ),
    ),
    closed=True,
)

_TARGET = Struct("TargetConfig", (Field("name", text), _CONFIGS, _SECRETS))
_SOURCE = Struct("ConfigDefinition", (_CONFIGS, _SECRETS))


def _trait_properties(source: Source) -> Any:
    """Read the first of: a link, a scaler, any JSON."""
    content = source.content()
    try:
        value = _json(content)
        return _link(value)
    except Problem:
        pass  # it may be a scaler
    try:
        return Spread(_SCALER(_buffered(content)))
    except Problem:
        pass  # it may be anything
    try:
        return _json(content)
    except Problem:
        raise Problem("data did not match any variant of untagged enum TraitProperty") from None


def _buffered(value: Any) -> Buffered:
    # The errors are not shown, so that their words do not matter.
    return Buffered(value, str)


def _json(content: Any) -> Any:
    """Return JSON from a value in memory. Maps are sorted by their keys."""
    if isinstance(content, Pairs):
        if not all(isinstance(key, str) for key, _ in content):
            raise Problem("a key is not a string")
        return dict(sorted((key, _json(value)) for key, value in content))
    if isinstance(content, list):
        return [_json(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def _link(value: Any) -> Link:
    """Return a link from JSON, with its deprecated fields in the new form.

    Raises:
        Problem: It is not a link.
        Panic: The real wadm panics.
    """
    given = value if isinstance(value, dict) else {}
    target: dict[str, Any] = {"name": ""}
    if isinstance(given.get("target"), str):
        target = {"name": given["target"]}
        if config := sequence(_CONFIG)(_again(given.get("target_config", []))):
            target["config"] = config
    elif "target" in given:
        target = _TARGET(_again(given["target"]))
    source: dict[str, Any] | None = None
    if "source_config" in given:
        config = sequence(_CONFIG)(_again(given["source_config"]))
        source = {"config": config} if config else {}
    if "source" in given:
        source = _SOURCE(_again(given["source"]))
    for name in ("namespace", "package", "interfaces"):
        if name not in given:
            raise Problem(f"{name} is required")
    interfaces = given["interfaces"]
    names = [given["namespace"], given["package"], given.get("name", "")]
    if not isinstance(interfaces, list) or not all(isinstance(name, str) for name in names + interfaces):
        raise Panic
    link = Link(namespace=given["namespace"], package=given["package"], interfaces=interfaces)
    if source is not None:
        link["source"] = source
    link["target"] = target
    if "name" in given:
        link["name"] = given["name"]
    return link


def _again(value: Any) -> Buffered:
    """Return a source of JSON in memory."""
    return _buffered(_content(value))


def _content(value: Any) -> Any:
    if isinstance(value, dict):
        return Pairs((key, _content(item)) for key, item in value.items())
    return [_content(item) for item in value] if isinstance(value, list) else value


_TRAITS = maybe(
    "traits",
    sequence(Struct("Trait", (Field("type", text), Field("properties", _trait_properties)), closed=True)),
)

# Components -------------------------------------------------------------------------------------


def _properties(name: str) -> Struct:
    application = Struct(
        "SharedApplicationComponentProperties", (Field("name", text), Field("component", text))
    )
    return Struct(
        name,
        (maybe("image", text), maybe("application", application), maybe("id", text), _CONFIGS, _SECRETS),
        closed=True,
    )


_VARIANTS = {
    "component": _properties("ComponentProperties"),
    "capability": _properties("CapabilityProperties"),
}
_TYPES = {"actor": "component", "component": "component", "capability": "capability"}


def _component(describe: Callable[[Any], str]) -> Callable[[Source], dict[str, Any]]:
    """Return a function that reads a component.

    Args:
        describe: Returns the words of the text's format for an unexpected value.
    """
    named = {"name": Field("name", text), "traits": _TRAITS}

    def visit(entries: Entries) -> dict[str, Any]:
        rest: list[tuple[str, Any]] = []
        values = read_fields(entries, named.get, lambda key, value: rest.append((key, value.content())))
        if "name" not in values:
            raise Problem("missing field `name`")
        kind, properties = _variant([(key, Buffered(value, describe)) for key, value in rest])
        traits = {} if values.get("traits") is None else {"traits": values["traits"]}
        return {"name": values["name"], "type": kind, "properties": properties, **traits}

    return lambda source: source.mapping(visit, "struct Component")


def _variant(rest: list[tuple[str, Buffered]]) -> tuple[str, dict[str, Any]]:
    """Read the type, and then the properties of that type."""
    types = [value for key, value in rest if key == "type"]
    kind = _type(types[0]) if types else None
    if len(types) > 1:
        raise Problem("duplicate field `type`")
    if kind is None:
        raise Problem("missing field `type`")
    found = None
    for key, value in rest:
        if key == "properties":
            if found is not None:
                raise Problem("duplicate field `properties`")
            found = _VARIANTS[kind](value)
    if found is None:
        raise Problem("missing field `properties`")
    return kind, found


def _type(source: Buffered) -> str:
    # A number is the index of the type.
    if isinstance(source.value, int) and not isinstance(source.value, bool) and source.value >= 0:
        if source.value < len(_VARIANTS):
            return list(_VARIANTS)[source.value]
        wanted = f"variant index 0 <= i < {len(_VARIANTS)}"
        raise Problem(f"invalid value: {source.describe(source.value)}, expected {wanted}")
    return source.text(_known_type, "variant identifier")


def _known_type(name: str) -> str:
    if name not in _TYPES:
        raise Problem(f"unknown variant `{name}`, expected {listed(list(_TYPES))}")
    return _TYPES[name]


# The manifest -----------------------------------------------------------------------------------

_POLICY = Struct("Policy", (Field("name", text), Field("properties", sorted_text_map), Field("type", text)))

_METADATA = Struct(
    "Metadata",
    (
        Field("name", text),
        Field("annotations", sorted_text_map, kept=False),
        Field("labels", sorted_text_map, required=False, absent=dict, positional=True, kept=False),
    ),
)


def manifest(describe: Callable[[Any], str]) -> Struct:
    """Return what reads a manifest.

    Args:
        describe: Returns the words of the text's format for an unexpected value.
    """
    specification = Struct(
        "Specification",
        (Field("components", sequence(_component(describe))), several("policies", _POLICY)),
    )
    return Struct(
        "Manifest",
        (
            Field("apiVersion", text),
            Field("kind", text),
            Field("metadata", _METADATA),
            Field("spec", specification),
        ),
        closed=True,
    )
