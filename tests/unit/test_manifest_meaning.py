"""The client knows what wadm makes of a manifest: the same ids, images, configs, spreads and links."""

from __future__ import annotations

from typing import Any

import pytest
from recorded import wadm_manifests

from wasmcloud_ctl._operations.application import Part, application_of
from wasmcloud_ctl._protocol.manifest_codec import decode_manifest
from wasmcloud_ctl.models import Link
from wasmcloud_ctl.testing._wadm.backoff import Pauses
from wasmcloud_ctl.testing._wadm.conversion import Conversion
from wasmcloud_ctl.testing._wadm.link_scaler import LinkScaler
from wasmcloud_ctl.testing._wadm.manifests import Application
from wasmcloud_ctl.testing._wadm.part_scaler import PartScaler
from wasmcloud_ctl.testing._wadm.scaler import Scaler, View


def is_kept(manifest: dict[str, Any]) -> bool:
    """Whether wadm can read all scalers again that it stores. What it loses, the client wants all the same."""
    traits = [
        trait for component in manifest["spec"]["components"] for trait in component.get("traits") or ()
    ]
    spreads = [
        spread
        for trait in traits
        if isinstance(trait["properties"], dict)
        for spread in trait["properties"].get("spread", ())
    ]
    return all("requirements" in spread for spread in spreads)


# What a real wadm made of each manifest that it accepted.
CASES = [
    pytest.param(case["manifest"], id=case["case"])
    for case in wadm_manifests()
    if case["manifest"] is not None and is_kept(case["manifest"])
]


def stored(manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest as wadm stores it, with a version."""
    application = Application()
    application.add(manifest)
    return dict(application.current)


def scalers_of(manifest: dict[str, Any]) -> list[Scaler]:
    """The scalers of the practice wadm, whose ids are those of a real one."""

    async def no_config(name: str) -> None:
        raise AssertionError(name)

    return [found.scaler for found in Conversion(manifest, View(no_config), Pauses()).scalers()]


def part_of_scaler(scaler: PartScaler) -> tuple[object, ...]:
    """What a scaler keeps running."""
    spreads = sorted((spread.name, dict(spread.labels), spread.count) for spread in scaler.spreads)
    part = scaler.part
    return scaler.kind, part.id, part.name, part.reference, list(part.config), spreads


def part_of_client(part: Part) -> tuple[object, ...]:
    """The same by the client."""
    kind = "DaemonScaler" if part.on_each_host else "SpreadScaler"
    spreads = sorted((place.name, dict(place.labels), place.count) for place in part.places)
    return kind, part.id, part.name, part.reference, list(part.configs), spreads


def link_of_scaler(scaler: LinkScaler) -> Link:
    """The link that a scaler puts."""
    return Link(
        source_id=scaler.source_id,
        target=scaler.target,
        wit_namespace=scaler.namespace,
        wit_package=scaler.package,
        interfaces=scaler.interfaces,
        name=scaler.link_name,
        source_config=scaler.source_config,
        target_config=scaler.target_config,
    )


@pytest.mark.parametrize("manifest", CASES)
def test_the_client_wants_what_wadm_keeps(manifest: dict[str, Any]) -> None:
    """For each manifest, the client looks for the parts and links of wadm's scalers, in their order."""
    manifest = stored(manifest)
    scalers = scalers_of(manifest)

    wanted = application_of(decode_manifest(manifest))

    assert [part_of_client(part) for part in wanted.parts] == [
        part_of_scaler(scaler) for scaler in scalers if isinstance(scaler, PartScaler)
    ]
    assert list(wanted.links) == [
        link_of_scaler(scaler) for scaler in scalers if isinstance(scaler, LinkScaler)
    ]
