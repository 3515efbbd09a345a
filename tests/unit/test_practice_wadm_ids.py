"""The ids that the practice wadm gives to scalers are those of a real wadm: hashes of what makes each another one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from recorded import wadm_runs

from wasmcloud_ctl.testing._wadm.backoff import Pauses
from wasmcloud_ctl.testing._wadm.conversion import Conversion
from wasmcloud_ctl.testing._wadm.reading import read_manifest
from wasmcloud_ctl.testing._wadm.scaler import View

Scaler = tuple[str, str, str]


async def no_config(_: str) -> Mapping[str, str] | None:
    """A lattice without configs: ids do not depend on what is there."""
    return None


def published(lines: list[dict[str, Any]]) -> set[Scaler]:
    """The kind, name and id of each scaler in the statuses of a real wadm."""
    statuses = [json.loads(line["message"]) for line in lines if "status" in line]
    return {
        (scaler["kind"], scaler["name"], scaler["id"])
        for status in statuses
        for scaler in status.get("scalers", [])
    }


def computed(lines: list[dict[str, Any]]) -> set[Scaler]:
    """The kind, name and id of each scaler of the manifests that were put."""
    found: set[Scaler] = set()
    for line in lines:
        if line.get("request") == "put" and '"result":"error"' not in (line["answer"] or '"result":"error"'):
            payload = line["payload"].replace("DIR", lines[0]["folder"]).encode()
            manifest = read_manifest(payload, line.get("content_type"))
            scalers = [
                backoff.scaler for backoff in Conversion(manifest, View(no_config), Pauses()).scalers()
            ]
            found |= {(scaler.kind, scaler.name, scaler.id) for scaler in scalers}
    return found


RUNS = {run: lines for run, lines in wadm_runs().items() if published(lines)}


@pytest.mark.parametrize("run", RUNS)
def test_each_scaler_has_the_id_that_a_real_wadm_gave_it(run: str) -> None:
    """Each scaler in the recorded statuses has the id that follows from its manifest."""
    assert published(RUNS[run]) - computed(RUNS[run]) == set()


def test_all_kinds_of_scalers_are_recorded() -> None:
    """So that the test of their ids leaves none out."""
    kinds = {kind for lines in RUNS.values() for kind, _, _ in published(lines)}

    assert kinds == {"SpreadScaler", "DaemonScaler", "LinkScaler"}
