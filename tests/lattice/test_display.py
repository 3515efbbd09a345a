"""Answers of a lattice in a program's terminal and at an IPython prompt."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from wasmcloud_ctl import (
    Client,
    Host,
    Link,
)
from wasmcloud_ctl.testing import PracticeLattice


@pytest.fixture(autouse=True)
def without_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)


def printed(program: str, columns: int | None) -> str:
    """Return what a program prints in a terminal of so many columns. None: to a pipe."""
    command = [sys.executable, "-c", program]
    # Without env, it would inherit the COLUMNS that readline has set behind Python's back.
    env = dict(os.environ)
    if columns is None:
        return subprocess.run(command, env=env, capture_output=True, check=True, text=True, timeout=20).stdout
    ours, theirs = pty.openpty()
    try:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        subprocess.run(command, env=env, stdout=theirs, check=True, timeout=20)
        return os.read(ours, 10_000).decode()
    finally:
        os.close(ours)
        os.close(theirs)


CONFIG = (
    "from wasmcloud_ctl import CtlResponse; config = CtlResponse(succeeded=True, data={'key': 'x ' * 200})\n"
)
PRINT = CONFIG + "print(config)"
IN_A_NOTEBOOK = CONFIG + (
    "import contextlib, io\nwith contextlib.redirect_stdout(io.StringIO()): text = str(config)\nprint(text)"
)


@pytest.mark.parametrize(
    ("program", "columns", "expected"),
    [(PRINT, 100, 100), (PRINT, 0, 80), (PRINT, None, 80), (IN_A_NOTEBOOK, 100, 80)],
)
def test_a_program_prints_for_its_terminal(program: str, columns: int | None, expected: int) -> None:
    """Text is as wide as the terminal, and has 80 columns elsewhere. A terminal of 0 columns does not know its size.

    The terminal in which a notebook's server was started does not count: stdout is elsewhere.
    """
    assert max(map(len, printed(program, columns).splitlines())) == expected


def test_a_locale_without_utf_8_shows_a_lattice(
    lattice: PracticeLattice, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ASCII does not have is replaced: signs by similar ones, and letters of hosts by question marks."""
    # Without the last two, Python would use UTF-8 in this locale.
    for name, value in {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PYTHONIOENCODING", raising=False)
    monkeypatch.setenv("COLUMNS", "200")  # names have any length, and no line is to be wrapped
    first, second = client.get_hosts(expected=2).data
    client.scale_component(first.id, "acme/web:1", "web", 5, wait=5)
    client.put_label(first.id, "town", "Köln")
    program = f"""
import wasmcloud_ctl
from wasmcloud_ctl.graph import LatticeGraph

with wasmcloud_ctl.connect({lattice.url!r}, lattice={lattice.lattice!r}) as client:
    print(client.get_hosts(expected=2).data)
    inventories = client.get_host_inventories(expected=2)
    print(LatticeGraph(inventories), LatticeGraph([], lattice="caf\\xe9"), sep="\\n")
    print(inventories.data[{first.id!r}])
    print(inventories.data[{first.id!r}].components[0])
"""

    hosts, *shown = printed(program, None).splitlines()

    assert re.sub(r"up \w+, \d+ label", "up 1s, 1 label", hosts) == (
        f"[<Host {first.id[:8]}~ {first.friendly_name}, version 1.9.2, up 1s, 1 labels>, "
        f"<Host {second.id[:8]}~ {second.friendly_name}, version 1.9.2, up 1s, 1 labels>]"
    )
    assert shown[:6] == [
        "2 hosts, 1 component, 0 providers, 0 links",
        f"|- {first.friendly_name} ({first.id[:8]}~)  town=K?ln  zone={first.labels['zone']}",
        "|  `- web  component x5  acme/web:1",
        f"`- {second.friendly_name} ({second.id[:8]}~)  zone={second.labels['zone']}",
        "   `- nothing runs here",
        "lattice caf?: 0 hosts, 0 components, 0 providers, 0 links",
    ]
    assert re.sub(r"up \w+", "up 1s", shown[6]) == (
        f"{first.friendly_name}  {first.id[:8]}~  version 1.9.2 - up 1s - 1 component - 0 providers"
    )
    assert shown[-1] == "web, max_instances 5, acme/web:1"


def test_an_ipython_prompt_shows_a_lattice(lattice: PracticeLattice, client: Client, tmp_path: Path) -> None:
    """A value has a table, and a list has a line for each item."""
    first, second = client.get_hosts(expected=2).data
    client.scale_component(first.id, "acme/web:1", "web", 5, wait=5)
    client.put_link(Link("http", "web", "wasi", "http", ["incoming-handler"]), wait=5)
    lines = [
        f"import wasmcloud_ctl; client = wasmcloud_ctl.connect({lattice.url!r}, lattice={lattice.lattice!r})",
        "client.get_host_inventories(expected=2)",
        "client.get_links()",
        "client.get_links().unwrap()",
        f"client.put_label({first.id!r}, 'hostcore.os', 'plan9')",
        "exit\n",
    ]
    options = ["--quick", "--no-banner", "--simple-prompt", "--colors=NoColor", "--no-confirm-exit"]
    ended = subprocess.run(
        [sys.executable, "-m", "IPython", *options],
        input="\n".join(lines),
        env={**os.environ, "COLUMNS": "140", "IPYTHONDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=25,
    )

    def row(name: str, *cells: str) -> str:
        return "  ".join([name.ljust(max(len(first.friendly_name), len(second.friendly_name))), *cells])

    def labels(host: Host) -> str:
        own = {key: value for key, value in host.labels.items() if key != "zone"}
        return ", ".join(
            f"{key}={value}" for key, value in [("zone", host.labels["zone"]), *sorted(own.items())]
        )

    shown = re.sub(r"In \[\d+\]: |Out\[\d+\]: ", "", ended.stdout)
    shown = re.sub(r"in \d\.\d\d s", "in 0.01 s", shown)
    assert [line for line in shown.split("\n") if line] == [
        "2 inventories in 0.01 s",
        row("HOST", "ID       ", "COMPONENTS  ", "PROVIDERS", "LABELS"),
        row(first.friendly_name, f"{first.id[:8]}…", "web ×5 web:1", "none     ", labels(first)),
        row(second.friendly_name, f"{second.id[:8]}…", "none        ", "none     ", labels(second)),
        "succeeded: 1 link",
        "SOURCE  TARGET  INTERFACES                  NAME",
        "http    web     wasi:http/incoming-handler  default",
        "[<Link http -> web, wasi:http/incoming-handler>]",
        "refused: hostcore.* labels cannot be set dynamically",
    ], ended.stderr
