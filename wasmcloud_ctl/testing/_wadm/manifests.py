"""The manifests that wadm stores, in memory: the versions of each application, and which one is deployed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from os import urandom
from typing import Any

from attrs import define, field

Manifest = Mapping[str, Any]

# Crockford's alphabet, in which a ULID is written.
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

_LATEST = "latest"
_SHARED = "experimental.wasmcloud.dev/shared"


def version(manifest: Manifest) -> str | None:
    """Return the version that a manifest names, or None if it names none."""
    found: str | None = manifest["metadata"].get("annotations", {}).get("version")
    return found


@define
class Application:
    """The versions of an application in the order in which they were put, and the deployed one's name."""

    versions: dict[str, Manifest] = field(factory=dict)
    deployed: str | None = None

    @property
    def name(self) -> str:
        """The name of the application."""
        name: str = self.current["metadata"]["name"]
        return name

    @property
    def current(self) -> Manifest:
        """The manifest of the last version."""
        return self.versions[self.current_version]

    @property
    def current_version(self) -> str:
        """The last version. Empty if there is none."""
        return next(reversed(self.versions), "")

    @property
    def deployed_manifest(self) -> Manifest | None:
        """The manifest of the deployed version. None if none is deployed, or if its manifest was deleted."""
        return None if self.deployed is None else self.versions.get(self.deployed)

    def add(self, manifest: Manifest) -> bool:
        """Add a version. Return False if it is there already."""
        name = version(manifest)
        if name is None:
            name = _ulid()
            metadata = manifest["metadata"]
            annotations = dict(sorted({**metadata.get("annotations", {}), "version": name}.items()))
            first = {"name": metadata["name"], "annotations": annotations}
            rest = {key: value for key, value in metadata.items() if key not in first}
            manifest = {**manifest, "metadata": {**first, **rest}}
        if name in self.versions:
            return False
        self.versions[name] = manifest
        return True

    def find(self, name: str | None) -> Manifest | None:
        """Return the manifest of a version. The last one for None and for "latest"."""
        return self.current if name in (None, _LATEST) else self.versions.get(name or "")

    def deploy(self, name: str | None) -> None:
        """Note that a version is deployed. The last one for None and for "latest"."""
        self.deployed = self.current_version if name in (None, _LATEST) else name


def shared_components(applications: Iterable[Application]) -> set[tuple[str, str, str]]:
    """Return what deployed applications share: the application's name, the component's name and its type."""
    return {
        (application.name, component["name"], component["type"])
        for application in applications
        if application.deployed is not None
        if application.current["metadata"].get("annotations", {}).get(_SHARED) == "true"
        for component in application.current["spec"]["components"]
    }


def missing_components(manifest: Manifest, shared: set[tuple[str, str, str]]) -> list[Mapping[str, Any]]:
    """Return the components of other applications that a manifest uses and that are not shared."""
    missing = []
    for component in manifest["spec"]["components"]:
        owner = component["properties"].get("application")
        if owner is not None and (owner["name"], owner["component"], component["type"]) not in shared:
            missing.append(component)
    return missing


def _ulid() -> str:
    """Return a ULID: 48 bits of time and 80 random bits."""
    number = int.from_bytes((time.time_ns() // 1_000_000).to_bytes(6, "big") + urandom(10), "big")
    return "".join(_LETTERS[number >> shift & 31] for shift in range(125, -1, -5))
