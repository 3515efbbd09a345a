"""Applications, as a type checker sees them; see ``answers.py``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from typing_extensions import assert_type

from wasmcloud_ctl import (
    Client,
    DeployModelResponse,
    ModelSummary,
    PutModelResponse,
    StatusChanged,
    StatusReceiver,
    StatusType,
    VersionInfo,
    WadmClient,
)


def a_manifest_is_a_mapping_a_path_or_a_text(client: Client, mapping: Mapping[str, object]) -> None:
    assert_type(client.wadm, WadmClient)
    assert_type(client.wadm.put_manifest(mapping), PutModelResponse)
    client.wadm.put_manifest({"kind": "Application"})
    client.wadm.put_manifest(Path("shop.yaml"))
    client.wadm.put_manifest("kind: Application")
    client.wadm.put_and_deploy_manifest(b"kind: Application", wait=60)
    client.wadm.put_manifest(["kind"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # the mistake


def answers_are_typed(client: Client) -> None:
    assert_type(client.wadm.deploy_manifest("shop", "v1", wait=60, timeout=5), DeployModelResponse)
    assert_type(client.wadm.get_manifest("shop"), dict[str, object])
    assert_type(client.wadm.list_manifests(), list[ModelSummary])
    assert_type(client.wadm.list_versions("shop"), list[VersionInfo])
    assert_type(client.wadm.get_manifest_status("shop").info.status_type, StatusType)
    assert_type(client.wadm.undeploy_manifest("shop"), str)
    assert_type(client.wadm.delete_manifest("shop", "v1", wait=60), bool)


def a_receiver_hands_out_statuses(client: Client) -> None:
    with client.wadm.subscribe_to_status("shop", overflow="drop_newest") as receiver:
        assert_type(receiver, StatusReceiver)
        assert_type(receiver.get(timeout=5), StatusChanged)
        for changed in receiver:
            assert_type(changed.name, str)
