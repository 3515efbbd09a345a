"""Worker processes of the documentation, and daemons of the package python-daemon."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from applications import documented, needs
from counted import Counted
from scripts import WARNINGS, Ended, preamble, run_script

SCRIPT = """
import signal
import daemon

def leave(*_):
    sys.exit(0)

client = connect(timeout=10)
receiver = client.events_receiver()
print(len(client.get_hosts(expected=2)), flush=True)
end, held = os.pipe()  # the daemon keeps one end, and the test's script waits at the other
if os.fork() == 0:
    with open({log!r}, "w") as log, daemon.DaemonContext(
        stdout=log, stderr=log, files_preserve=[held], signal_map={{signal.SIGTERM: leave}}
    ):
        signal.alarm(30)
        print(len(client.get_hosts(expected=2)))
        try:
            receiver.get(5)
        except wasmcloud_ctl.ClosedError as error:
            print(error)
        print(client.get_host_inventory(host_id).succeeded, flush=True)
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()
os.close(held)
os.read(end, 1)
"""


@pytest.mark.long
@needs("daemon")
def test_a_daemon_of_python_daemon(practice: Counted, tmp_path: Path) -> None:
    """It closes all files of its parent, among them those of a client that is connected. The client works in the
    daemon, and SIGTERM ends the daemon silently."""
    log = tmp_path / "daemon.log"
    ended = run_script(preamble(practice.lattice) + SCRIPT.format(log=str(log)))

    assert ended == Ended(0, "2\n", "")
    assert log.read_text() == (
        "2\nthis receiver belongs to the parent process: make a new one in the child\nTrue\n"
    )
    assert practice.settled(0) == 0


@pytest.mark.long
def test_the_workers_of_the_documentation(practice: Counted, tmp_path: Path) -> None:
    """The program runs as it is written, and leaves no connection."""
    program = tmp_path / "inventories.py"
    program.write_text(documented("inventories.py"))
    with practice.lattice.connect() as client:
        client.scale_component(practice.lattice.hosts[0].id, "registry.example/echo:1", "echo", 1, wait=10)
    ended = subprocess.run(
        [sys.executable, str(program)],
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, **practice.environment(), "PYTHONWARNINGS": WARNINGS},
    )

    assert Ended(ended.returncode, ended.stdout, ended.stderr) == Ended(0, "1\n", "")
    assert practice.settled(0) == 0
