"""Read manifests as wadm does, and refuse them in its words."""

from __future__ import annotations

from typing import Any

from wasmcloud_ctl.testing._wadm import json_source, yaml_source
from wasmcloud_ctl.testing._wadm.deserializing import Problem
from wasmcloud_ctl.testing._wadm.manifest import manifest

_JSON = "application/json"
_YAML = "application/yaml"

_FROM_JSON = manifest(json_source.describe)
_FROM_YAML = manifest(yaml_source.describe)


class Refused(Exception):
    """Wadm refuses the manifest. The text of the error is its message."""


def read_manifest(payload: bytes, content_type: str | None) -> dict[str, Any]:
    """Return a manifest as wadm stores it: with its defaults, and its fields in wadm's order.

    Args:
        payload: The text: JSON or YAML.
        content_type: The header Content-Type. Without it, the text is read as YAML, and then as JSON.

    Raises:
        Refused: The text is not a manifest.
        Panic: Wadm panics at this manifest, and does not answer.
    """
    if content_type not in (None, _JSON, _YAML):
        supported = "Wadm supports YAML and JSON"
        raise Refused(f"Unable to parse manifest: Unsupported content type {content_type} given. {supported}")
    yaml_error = None
    if content_type != _JSON:
        try:
            return yaml_source.parse_yaml(payload, _FROM_YAML)
        except Problem as problem:
            if content_type == _YAML:
                raise Refused(f"Unable to parse manifest: {yaml_source.displayed(problem)}") from problem
            yaml_error = yaml_source.debugged(problem)
    try:
        return json_source.parse_json(payload, _FROM_JSON)
    except Problem as problem:
        if yaml_error is None:
            raise Refused(f"Unable to parse manifest: {json_source.displayed(problem)}") from problem
        json_error = json_source.debugged(problem)
        raise Refused(
            f"Unable to parse manifest: YAML parsing failed: {yaml_error}\n\n"
            f"Caused by:\n    JSON parsing failed: {json_error}"
        ) from problem
