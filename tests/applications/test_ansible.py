"""The module for Ansible of the documentation, run by the real program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from applications import documented, needs
from counted import Counted

from wasmcloud_ctl.testing import unused_port

PLAYBOOK = """
- hosts: all
  gather_facts: false
  tasks:
    - name: as it would be
      wasmcloud_component: {arguments}
      check_mode: true
    - name: once
      wasmcloud_component: {arguments}
    - name: again
      wasmcloud_component: {arguments}
    - name: in the background
      wasmcloud_component: {arguments}
      async: 60
      poll: 1
"""


def ansible(
    folder: Path, command: str, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run one of Ansible's programs, with the module of the documentation and this Python."""
    (folder / "library").mkdir(exist_ok=True)
    name = "library/wasmcloud_component.py"
    (folder / name).write_text(documented(name))
    return subprocess.run(
        [sys.executable, "-m", f"ansible.cli.{command}", "--inventory=localhost,", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        env={
            **os.environ,
            "ANSIBLE_HOME": str(folder / "home"),
            "ANSIBLE_ASYNC_DIR": str(folder / "async"),
            "ANSIBLE_LOCAL_TEMP": str(folder / "temporary"),
            "ANSIBLE_REMOTE_TEMP": str(folder / "remote"),
            "ANSIBLE_LIBRARY": str(folder / "library"),
            "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
            "ANSIBLE_TRANSPORT": "local",
            "ANSIBLE_NOCOLOR": "1",
            "LC_ALL": "C.UTF-8",
            **variables,
        },
    )


@pytest.mark.long
@pytest.mark.timeout(120)
@needs("ansible")
def test_a_playbook_with_a_module(practice: Counted, tmp_path: Path) -> None:
    """In check mode nothing is sent, then the component runs, and then nothing changes any more. The modules print
    nothing but their result, and leave no connection."""
    host = practice.lattice.hosts[0]
    arguments = {
        "server": practice.lattice.url,
        "host": host.id,
        "component": "echo",
        "reference": "registry.example/echo:1",
        "count": 3,
    }
    playbook = tmp_path / "playbook.yml"
    playbook.write_text(PLAYBOOK.replace("{arguments}", json.dumps(arguments)))

    ended = ansible(tmp_path, "playbook", str(playbook), ANSIBLE_STDOUT_CALLBACK="ansible.builtin.default")

    # A module that prints more than its result is a warning or a failure.
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout
    told = [line.split() for line in ended.stdout.splitlines() if "localhost" in line]
    assert told[:3] == [["changed:", "[localhost]"], ["changed:", "[localhost]"], ["ok:", "[localhost]"]]
    assert told[3][:2] == ["ASYNC", "OK"]
    assert told[4] == ["ok:", "[localhost]"]
    [*_, recap] = told
    assert recap[2:6] == ["ok=4", "changed=2", "unreachable=0", "failed=0"]
    with practice.lattice.connect() as client:
        inventory = client.get_host_inventory(host.id).unwrap()
    assert [component.max_instances for component in inventory.components] == [3]
    assert practice.settled(0) == 0


@pytest.mark.long
@pytest.mark.timeout(120)
@needs("ansible")
def test_errors_of_a_module(practice: Counted, tmp_path: Path) -> None:
    """They are the message of the failed task. A secret is not shown, and nothing hangs."""
    nobody = f"nats://127.0.0.1:{unused_port()}"
    seed = "SUAMLK2ZNL35WSMW37E7UD4VZ7ELPKW7DHC3BWBSD2GCZ7IUQQXZIORRBU"
    task = f"seed={seed} component=echo reference=registry.example/echo:1 count=1"
    away = ansible(
        tmp_path, "adhoc", "all", "-m", "wasmcloud_component", "-a", f"server={nobody} host=N {task}"
    )
    unknown = ansible(
        tmp_path,
        "adhoc",
        "all",
        "-m",
        "wasmcloud_component",
        "-a",
        f"server={practice.lattice.url} host=N0 {task}",
    )

    told = f"nobody listens at {nobody}: check the address, and that the server runs"
    for ended, message in ((away, told), (unknown, "No host in lattice 'default' matches 'N0'")):
        assert ended.returncode == 2
        assert f'"msg": "{message}' in ended.stdout
        assert seed not in ended.stdout + ended.stderr
        assert "Traceback" not in ended.stdout + ended.stderr
    assert practice.settled(0) == 0
