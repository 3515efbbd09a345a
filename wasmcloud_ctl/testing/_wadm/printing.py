"""Print parts of a manifest as Rust prints them for debugging: wadm puts them into a message."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from wasmcloud_ctl.testing._wadm.deserializing import quoted
from wasmcloud_ctl.testing._wadm.json_source import number
from wasmcloud_ctl.testing._wadm.manifest import Link

Values = Mapping[str, Any]


def print_component(component: Values) -> str:
    """Return a component or provider that another application shares. It has no image, configs, secrets or scaler."""
    kind = "Capability" if component["type"] == "capability" else "Component"
    properties = component["properties"]
    shared = properties["application"]
    owner = _struct(
        "SharedApplicationComponentProperties",
        name=quoted(shared["name"]),
        component=quoted(shared["component"]),
    )
    printed = _struct(
        f"{kind}Properties",
        image="None",
        application=f"Some({owner})",
        id=_optional(properties, "id", quoted),
        config="[]",
        secrets="[]",
    )
    return _struct(
        "Component",
        name=quoted(component["name"]),
        properties=_struct(kind, properties=printed),
        traits=_optional(component, "traits", lambda traits: _list(traits, _trait)),
    )


def _trait(trait: Values) -> str:
    properties = trait["properties"]
    printed = f"Custom({_json(properties)})"
    if isinstance(properties, Link):
        printed = f"Link({_link(properties)})"
    return _struct("Trait", trait_type=quoted(trait["type"]), properties=printed)


def _link(link: Values) -> str:
    return _struct(
        "LinkProperty",
        namespace=quoted(link["namespace"]),
        package=quoted(link["package"]),
        interfaces=_list(link["interfaces"], quoted),
        source=_optional(link, "source", lambda source: _struct("ConfigDefinition", **_end(source))),
        target=_struct("TargetConfig", name=quoted(link["target"]["name"]), **_end(link["target"])),
        name=_optional(link, "name", quoted),
        source_config="None",
        target_config="None",
    )


def _end(end: Values) -> dict[str, str]:
    return {
        "config": _list(end.get("config", []), _config),
        "secrets": _list(end.get("secrets", []), _secret),
    }


def _config(config: Values) -> str:
    properties = _optional(
        config,
        "properties",
        lambda found: (
            "{" + ", ".join(f"{quoted(key)}: {quoted(value)}" for key, value in found.items()) + "}"
        ),
    )
    return _struct("ConfigProperty", name=quoted(config["name"]), properties=properties)


def _secret(secret: Values) -> str:
    source = secret["properties"]
    printed = _struct(
        "SecretSourceProperty",
        policy=quoted(source["policy"]),
        key=quoted(source["key"]),
        field=_optional(source, "field", quoted),
        version=_optional(source, "version", quoted),
    )
    return _struct("SecretProperty", name=quoted(secret["name"]), properties=printed)


def _json(value: Any) -> str:
    if value is None:
        return "Null"
    if isinstance(value, bool):
        return f"Bool({str(value).lower()})"
    if isinstance(value, (int, float)):
        return f"Number({value if isinstance(value, int) else number(value)})"
    if isinstance(value, str):
        return f"String({quoted(value)})"
    if isinstance(value, list):
        return f"Array {_list(value, _json)}"
    return "Object {" + ", ".join(f"{quoted(key)}: {_json(item)}" for key, item in value.items()) + "}"


def _struct(kind: str, **fields: str) -> str:
    return f"{kind} {{ {', '.join(f'{key}: {value}' for key, value in fields.items())} }}"


def _optional(values: Values, name: str, print_value: Callable[[Any], str]) -> str:
    return f"Some({print_value(values[name])})" if name in values else "None"


def _list(items: Sequence[Any], print_item: Callable[[Any], str]) -> str:
    return f"[{', '.join(map(print_item, items))}]"
