"""Programs that PyInstaller has frozen."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from applications import killed_at_end, needs
from counted import Counted

import wasmcloud_ctl

# PyInstaller would add what tests, notebooks and tqdm use if it is installed, which takes a minute more.
SPECIFICATION = """
unused = ["IPython", "PIL", "hypothesis", "ipykernel", "ipywidgets", "matplotlib", "numpy", "pandas"]
found = Analysis(["program.py"], pathex=[{path!r}], excludes=[*unused, "pytest", "tqdm", "zmq"])
archive = PYZ(found.pure)
EXE(archive, found.scripts, found.binaries, found.datas, name="one-file")
COLLECT(
    EXE(archive, found.scripts, name="program", exclude_binaries=True), found.binaries, found.datas, name="one-folder"
)
"""

PROGRAM = """
import inspect, os, sys, time, typing
import wasmcloud_ctl
from wasmcloud_ctl.graph import LatticeGraph

client = wasmcloud_ctl.from_env(quiet=0.25)
hosts = client.get_hosts(expected=2).raise_for_status()
print(sys.frozen, wasmcloud_ctl.__version__, len(hosts), len(str(hosts).splitlines()))
print(hosts._repr_html_().startswith("<"))
host_id = hosts.data[0].id
with client.events_receiver("labels_changed") as receiver:
    client.put_label(host_id, "disk", "ssd")
    print(receiver.get(5).name)
print(client.scale_component(host_id, "r.example/echo:1", "echo", 1, wait=10).succeeded)
print(client.put_link(wasmcloud_ctl.Link("echo", "http", "ns", "pkg", ("interface",)), wait=10).succeeded)
print("echo -> http  ns:pkg/interface" in str(LatticeGraph.from_client(client)))
print(client.put_config("web", {"a": "b"}).succeeded, client.list_configs())
print(sorted(typing.get_type_hints(wasmcloud_ctl.Client.get_hosts)))
print(list(inspect.signature(wasmcloud_ctl.from_env).parameters)[:2])
seed = "SUAMLK2ZNL35WSMW37E7UD4VZ7ELPKW7DHC3BWBSD2GCZ7IUQQXZIORRBU"  # nkeys is there, too
wasmcloud_ctl.from_env(nkey_seed=seed).close()
try:
    wasmcloud_ctl.connect("127.0.0.1:1")
except wasmcloud_ctl.ConnectError as error:
    print(error)
sys.stdout.flush()
if "wait" in sys.argv:
    time.sleep(60)  # until the test ends the program
"""

OUTPUT = f"""True {wasmcloud_ctl.__version__} 2 4
True
labels_changed
True
True
True
True ['web']
['expected', 'quiet', 'return', 'timeout']
['servers', 'lattice']
nobody listens at nats://127.0.0.1:1: check the address, and that the server runs
"""


@pytest.mark.long
@pytest.mark.timeout(240)
@needs("PyInstaller")
def test_a_program_that_pyinstaller_has_frozen(practice: Counted, tmp_path: Path) -> None:
    """As one folder and as one file it has all that it needs, without a hook or an option. It ends silently, and by
    SIGTERM, and leaves no connection."""
    (tmp_path / "program.py").write_text(PROGRAM)
    source = str(Path(wasmcloud_ctl.__file__).parents[1])
    (tmp_path / "program.spec").write_text(SPECIFICATION.format(path=source))
    built = subprocess.run(
        [sys.executable, "-m", "PyInstaller", "--log-level=ERROR", "program.spec"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert built.returncode == 0, built.stderr

    for program in (tmp_path / "dist" / "one-folder" / "program", tmp_path / "dist" / "one-file"):
        assert run(program, practice) == (0, OUTPUT, "")
        assert practice.settled(0) == 0
        assert terminated(program, practice) == (-signal.SIGTERM, OUTPUT, "")
        assert practice.settled(0) == 0


def start(program: Path, practice: Counted, *arguments: str) -> subprocess.Popen[str]:
    """Start it with an environment that has nothing of Python's."""
    return subprocess.Popen(
        [program, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"LC_ALL": "C.UTF-8", **practice.environment()},
        start_new_session=True,
    )


def run(program: Path, practice: Counted) -> tuple[int, str, str]:
    """Run it to its end, and return its status, output and errors."""
    with killed_at_end(start(program, practice)) as process:
        output, errors = process.communicate(timeout=60)
    return process.returncode, output, errors


def terminated(program: Path, practice: Counted) -> tuple[int, str, str]:
    """Run it until it waits, end it by SIGTERM, and return its status, output and errors."""
    with killed_at_end(start(program, practice, "wait")) as process:
        assert process.stdout is not None
        head = "".join(process.stdout.readline() for _ in OUTPUT.splitlines())
        assert practice.settled(1) == 1
        process.terminate()
        rest, errors = process.communicate(timeout=20)
    return process.returncode, head + rest, errors
