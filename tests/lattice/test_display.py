"""Answers of a lattice as a pandas frame, in a program's terminal and at an IPython prompt."""

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

import attrs
import pandas
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


def test_hosts_go_into_pandas(lattice: PracticeLattice, client: Client) -> None:
    """The one line of the documentation makes a frame with a row for each host."""
    frame = pandas.DataFrame([host.to_dict() for host in client.get_hosts(expected=2).data])

    assert set(frame["id"]) == {host.id for host in lattice.hosts}
    assert set(frame.columns) == {field.name for field in attrs.fields(Host)}


def test_what_runs_goes_into_pandas(lattice: PracticeLattice, client: Client) -> None:
    """A row for each component and provider, with the host's name."""
    client.scale_component(lattice.hosts[0].id, "acme/web:1", "web", 5, wait=5)
    frame = pandas.DataFrame(client.get_host_inventories(expected=2).to_rows())

    columns = ["friendly_name", "kind", "id", "max_instances"]
    assert frame[columns].values.tolist() == [[lattice.hosts[0].friendly_name, "component", "web", 5]]


def printed(program: str, columns: int | None) -> str:
    """Return what a program prints in a terminal of so many columns. None: to a pipe."""
    command = [sys.executable, "-c", program]
    if columns is None:
        return subprocess.run(command, capture_output=True, check=True, text=True, timeout=20).stdout
    ours, theirs = pty.openpty()
    try:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        subprocess.run(command, stdout=theirs, check=True, timeout=20)
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
