"""The environment and the context files of the command `wash`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

import wasmcloud_ctl
from wasmcloud_ctl import ConnectError

# A context as `wash ctx new` writes it.
AS_WASH_WRITES = {
    "name": "work",
    "cluster_seed": None,
    "ctl_host": "127.0.0.1",
    "ctl_port": 4222,
    "ctl_jwt": "",
    "ctl_seed": "",
    "ctl_credsfile": None,
    "ctl_timeout": 2000,
    "ctl_tls_ca_file": None,
    "ctl_tls_first": None,
    "lattice": "default",
    "js_domain": None,
    "rpc_host": "127.0.0.1",
    "rpc_port": 4222,
    "rpc_jwt": "",
    "rpc_seed": "",
    "rpc_credsfile": None,
    "rpc_timeout": 2000,
    "rpc_tls_ca_file": None,
    "rpc_tls_first": None,
}


def empty_contexts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Remove wash's variables from the environment, and make an empty folder for its contexts."""
    for name in list(os.environ):
        if name.startswith(("WASH_", "WASMCLOUD_")):
            monkeypatch.delenv(name)
    contexts = tmp_path / "contexts"
    contexts.mkdir()
    monkeypatch.setenv("WASH_CONTEXT_DIR", str(contexts))
    return contexts


def write(folder: Path, name: str, **fields: Any) -> None:
    """Write a context file, indented as a person would."""
    (folder / f"{name}.json").write_text(json.dumps({**AS_WASH_WRITES, "name": name, **fields}, indent=2))


def refusal_from_env(kind: type[ConnectError], **options: Any) -> str:
    """The message with which from_env refuses."""
    with pytest.raises(kind) as caught:
        wasmcloud_ctl.from_env(**options)
    return str(caught.value)
