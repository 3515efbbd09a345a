"""``python -m wasmcloud_ctl.testing``: a practice lattice for people."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import wasmcloud_ctl
from wasmcloud_ctl.testing import unused_port

COMMAND = [sys.executable, "-m", "wasmcloud_ctl.testing"]


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The program, until the block ends; killed if it is not gone by then."""
    process = subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def introduction(process: subprocess.Popen[str]) -> str:
    """What it says before the first command arrives."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("Ctrl-C"):
            return "".join(lines)
    raise AssertionError(f"it ended: {process.stderr.read() if process.stderr else ''}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_what_runs_logs_commands_and_ends_cleanly(number: signal.Signals) -> None:
    """Where it is and how to reach it, each command on a line, and status 0 on Ctrl-C and SIGTERM."""
    port = unused_port()
    with running("--hosts", "2", "--port", str(port), "--lattice", "try", "--label", "zone=a") as process:
        said = introduction(process)
        assert f"practice lattice 'try' at nats://127.0.0.1:{port}" in said
        assert f"wasmcloud_ctl.connect('nats://127.0.0.1:{port}', lattice='try')" in said
        assert f"WASMCLOUD_CTL_HOST=127.0.0.1 WASMCLOUD_CTL_PORT={port} WASMCLOUD_LATTICE=try wash" in said
        hosts = re.findall(r"host (N[A-Z2-7]{55})  [a-z]+-[a-z]+-\d{4}", said)
        assert len(hosts) == 2

        with wasmcloud_ctl.connect(f"nats://127.0.0.1:{port}", lattice="try") as client:
            assert {host.labels["zone"] for host in client.get_hosts(expected=2).data} == {"a"}
            client.put_label(hosts[0], "disk", "line\nbreak" * 100)
            secret = wasmcloud_ctl.RegistryCredential(username="u", password="s3cret")
            client.put_registries({"registry.example": secret}, expected=2)
            assert process.stdout is not None
            logged = [process.stdout.readline() for _ in range(3)]

        assert re.fullmatch(r"\d\d:\d\d:\d\d host\.ping\n", logged[0])
        assert re.fullmatch(rf'\d\d:\d\d:\d\d label\.put {hosts[0]} \{{"key": ?"disk".*\.\.\.\n', logged[1])
        assert re.fullmatch(r"\d\d:\d\d:\d\d registry\.put \(\d+ bytes\)\n", logged[2])
        process.send_signal(number)
        out, err = process.communicate(timeout=10)

    assert (process.returncode, out, err) == (0, "", "")


def test_each_host_can_have_its_own_labels() -> None:
    """One host for each --host, in order. Its own labels count more than those of every host, and all are shown."""
    hosts = ["--host", "zone=a,disk=ssd", "--host", "zone=b", "--host", "", "--label", "zone=c"]
    with running("--label", "team=acme", *hosts) as process:
        said = introduction(process)
        url = re.findall(r"nats://127\.0\.0\.1:\d+", said)[0]
        shown = re.findall(r"host (N[A-Z2-7]{55})  [a-z]+-[a-z]+-\d{4}(.*)", said)

        with wasmcloud_ctl.connect(url) as client:
            labels = {host.id: host.labels for host in client.get_hosts(expected=3).raise_for_status().data}

    assert [text.split() for _, text in shown] == [
        ["team=acme", "zone=a", "disk=ssd"],
        ["team=acme", "zone=b"],
        ["team=acme", "zone=c"],
    ]
    for host_id, text in shown:
        own = {f"{key}={value}" for key, value in labels[host_id].items() if not key.startswith("hostcore.")}
        assert own == set(text.split())


def test_it_can_have_a_wadm() -> None:
    """The API is shown at the start, and each request to it, and each command of wadm, on a line."""
    manifest = {
        "apiVersion": "core.oam.dev/v1beta1",
        "kind": "Application",
        "metadata": {"name": "shop", "annotations": {"version": "v1"}},
        "spec": {
            "components": [
                {
                    "name": "echo",
                    "type": "component",
                    "properties": {"image": "registry.example/acme/echo:1"},
                    "traits": [{"type": "spreadscaler", "properties": {"instances": 2}}],
                }
            ]
        },
    }
    with running("--wadm", "--lattice", "try") as process:
        said = introduction(process)
        assert "\n  wadm, whose API is wadm.api.try\n" in said
        [url] = re.findall(r"nats://127\.0\.0\.1:\d+", said)[:1]
        [host_id] = re.findall(r"host (N[A-Z2-7]{55})", said)
        with wasmcloud_ctl.connect(url, lattice="try") as client:
            client.wadm.put_and_deploy_manifest(manifest)
        assert process.stdout is not None
        operations = ("model.put {", "model.deploy shop", f"component.scale {host_id} {{")
        logged: list[str] = []
        while len(logged) < len(operations):
            line = process.stdout.readline()[len("12:34:56 ") :]
            if not line.startswith("link.get"):  # wadm asks for the links at each event
                logged.append(line)

    assert [line.startswith(begin) for line, begin in zip(logged, operations, strict=True)] == [True] * 3, (
        logged
    )


def test_a_lattice_without_a_wadm_says_nothing_of_it() -> None:
    """It is an option."""
    with running() as process:
        assert "wadm" not in introduction(process)


def test_the_example_that_it_shows_runs() -> None:
    """The lines for Python can be pasted as they are."""
    with running("--hosts", "2") as process:
        lines = introduction(process).splitlines()
        begin, end = lines.index("from Python:"), lines.index("with wash:")
        example = "\n".join(line[4:] for line in lines[begin + 1 : end])

        shown = subprocess.run([sys.executable, "-c", example], capture_output=True, text=True, timeout=20)

    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.count("<Host ") == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--host-version", "3"], "version must be a release of wasmCloud 1, from 1.0.0 to 1.9.2, not '3'"),
        (["--hosts", "-1"], "--hosts must be 0 or more"),
        (["--label", "zone"], "--label must be KEY=VALUE"),
        (["--host", "zone=a,disk"], "argument --host: must be KEY=VALUE,KEY=VALUE, not 'zone=a,disk'"),
        (["--host", "=a"], "argument --host: must be KEY=VALUE,KEY=VALUE, not '=a'"),
        (["--host", "zone=a", "--hosts", "2"], "argument --hosts: not allowed with argument --host"),
        (["--server", "nats://127.0.0.1:1"], "127.0.0.1:1"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(arguments: list[str], message: str) -> None:
    """No traceback, and a status that is not 0."""
    result = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=20)

    assert result.returncode != 0
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_a_terminal_without_utf_8_shows_letters_as_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The letters of a command are shown, and the lattice goes on."""
    # Without the last two, Python would use UTF-8 in this locale.
    for name, value in {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PYTHONIOENCODING", raising=False)
    port = unused_port()
    with running("--port", str(port)) as process:
        introduction(process)
        with wasmcloud_ctl.connect(f"nats://127.0.0.1:{port}") as client:
            [host] = client.get_hosts(expected=1).data
            client.put_label(host.id, "town", "Köln")

        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]
        assert re.sub(r"N[A-Z2-7]{55}", "HOST", lines[1][len("12:34:56 ") :]) == (
            'label.put HOST {"key":"town","value":"K\\xf6ln"}\n'
        )
