"""What two real hosts, and a real wadm, sent and were sent, case by case: the files in ``tests/data``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from wasmcloud_ctl import models

DATA = Path(__file__).parents[1] / "data"
VERSIONS = ("1.9.2", "1.9.0", "1.7.1", "1.6.2", "1.4.1", "1.3.1", "1.2.1", "1.1.0")

# The type of the data by the operation, that is, by the subject's tokens after the lattice.
REPLY_TYPES: dict[str, Any] = {
    "host.ping": models.Host,
    "host.get": models.HostInventory,
    "claims.get": list[dict[str, str]],
    "component.auction": models.ComponentAuctionAck,
    "provider.auction": models.ProviderAuctionAck,
    "link.get": list[models.Link],
    "config.get": dict[str, str],
}


def cases(version: str) -> list[dict[str, Any]]:
    """The cases of the hosts of one version."""
    lines = (DATA / f"host-{version}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def operation(case: dict[str, Any]) -> str:
    """The operation of a case: two tokens of its subject, after the lattice."""
    tokens: list[str] = case["subject"].split(".")
    return ".".join(tokens[4:6])


def wadm_runs() -> dict[str, list[dict[str, Any]]]:
    """What a real wadm was asked, answered, published and did, by the names of the runs.

    ``realhost.capture_wadm`` says what is in the lines. The first of each run says what there was.
    """
    runs: dict[str, list[dict[str, Any]]] = {}
    for text in (DATA / "wadm-0.21.1.jsonl").read_text(encoding="utf-8").splitlines():
        line = json.loads(text)
        if "run" in line:
            runs[line["run"]] = lines = []
        lines.append(line)
    return runs


def wadm_manifests() -> list[dict[str, Any]]:
    """What a real wadm made of each manifest, or why it refused it; ``realhost.manifests`` says what they are."""
    lines = (DATA / "wadm-manifests-0.21.1.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]
