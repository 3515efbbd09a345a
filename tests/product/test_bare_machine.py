"""The README's commands and each extra, in the sdist, on a machine that has Python and nothing else."""

from __future__ import annotations

import configparser
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from bare import BareMachine, NotPossibleError

pytestmark = [
    pytest.mark.long,
    # A command downloads and installs a hundred megabytes, and one of them runs all tests.
    pytest.mark.timeout(1800),
]

ROOT = Path(__file__).parents[2]
COMMANDS = re.findall(r"^    (python3 -m venv .*)$", (ROOT / "README.rst").read_text("utf-8"), re.MULTILINE)

# The first lines of each script. Some extras have no nats-server: the first command of the README has installed one.
_LATTICE = """
import wasmcloud_ctl
from wasmcloud_ctl.graph import LatticeGraph
from wasmcloud_ctl.testing import PracticeLattice

lattice = PracticeLattice(hosts=2)
lattice.start()
client = lattice.connect(quiet=0.25)
host = client.get_hosts(expected=2).data[0]
client.scale_component(host.id, "acme/echo:1", "echo", 5, wait=10).raise_for_status()
client.put_link(wasmcloud_ctl.Link("http", "echo", "wasi", "http", ["incoming-handler"])).raise_for_status()
"""

# What each extra is for, as a script, and the last line that it prints. No extra: the client itself.
SCRIPTS = {
    "": (
        """
print(client.get_hosts(expected=2))
print(client.get_host_inventories(expected=2))
print(LatticeGraph.from_client(client, expected=2))
print(len(wasmcloud_ctl.from_env(lattice.url).get_hosts(expected=2)), "hosts")
""",
        "2 hosts",
    ),
    "graph": (
        """
from xml.etree import ElementTree

graph = LatticeGraph.from_client(client, expected=2)
assert "incoming-handler" in graph._repr_html_()
print(ElementTree.fromstring(graph.to_svg()).tag)
""",
        "{http://www.w3.org/2000/svg}svg",
    ),
    "progress": (
        """
with lattice.connect(progress=True) as with_progress:
    print(len(with_progress.get_hosts(timeout=2)), "hosts")
""",
        "2 hosts",
    ),
    "live": (
        """
import contextlib, io, os

class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True

os.environ["TERM"] = "xterm"
with contextlib.redirect_stdout(Terminal()) as terminal, client.watch() as view:
    view.show(1)
print("2 hosts" in terminal.getvalue())
""",
        "True",
    ),
    "opentelemetry": (
        """
from opentelemetry import context, trace

span = trace.NonRecordingSpan(trace.SpanContext(1, 1, is_remote=False, trace_flags=trace.TraceFlags(1)))
token = context.attach(trace.set_span_in_context(span))
print(client.get_host_inventory(host.id).unwrap().components[0].id)
context.detach(token)
""",
        "echo",
    ),
    # pandas and Jupyter's kernels cannot be imported here. IPython's prompt and ipywidgets can.
    "notebook": (
        """
import IPython
import ipywidgets
from IPython.lib.pretty import pretty

inventories = client.get_host_inventories(expected=2)
assert "acme/echo:1" in inventories._repr_html_() and "echo" in pretty(inventories)
with lattice.connect(progress=True) as with_progress:
    print(len(with_progress.get_host_inventories(expected=2).to_rows()), "row")
""",
        "1 row",
    ),
    "testing": (
        """
import pathlib, tempfile
import pytest

with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder, "test_mine.py")
    path.write_text(
        "import pytest\\n\\n@pytest.mark.practice_lattice(wadm=True)\\n"
        "def test_mine(practice_lattice):\\n    assert practice_lattice.hosts and practice_lattice.wadm.running\\n"
    )
    status = pytest.main(["-q", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", folder, str(path)])
print(repr(status))
""",
        "<ExitCode.OK: 0>",
    ),
}


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist of this checkout. Its tests run there, as a packager would run them."""
    folder = tmp_path_factory.mktemp("sdist")
    build = [sys.executable, "-m", "build", "--no-isolation", "--sdist", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
    [sdist] = folder.glob("*.tar.gz")
    return sdist


@pytest.fixture(scope="module")
def machine(sdist: Path) -> Iterator[BareMachine]:
    """The machine. It is deleted in the end, because it takes a gigabyte."""
    with tempfile.TemporaryDirectory(prefix="wasmcloud_ctl-bare-") as folder:
        try:
            machine = BareMachine(Path(folder), sdist)
        except NotPossibleError as error:
            pytest.skip(str(error))  # only root can change the root
        print("\n".join(machine.packages))
        machine.run(COMMANDS[0])
        machine.run(".venv/bin/pip wheel -q --no-deps --wheel-dir dist .")
        yield machine


def install(machine: BareMachine, extra: str) -> str:
    """Install an extra into a new environment, and return the path of its Python."""
    python = f".venv-{extra or 'alone'}/bin/python"
    pip = f".venv/bin/pip --python {python}"
    wheel = f"$(echo dist/*.whl){f'[{extra}]' if extra else ''}"
    machine.run(f"python3 -m venv --without-pip .venv-{extra or 'alone'} && {pip} install -q {wheel}")
    assert machine.run(f"{pip} check", read_only=True) == "No broken requirements found.\n"
    return python


def test_it_has_nothing_but_python(machine: BareMachine) -> None:
    """None of what a wheel or a test might need from the system; neither a home directory nor UTF-8."""
    for pattern in (
        "libstdc++*",
        "libX*",
        "libglib*",
        "libgobject*",
        "git",
        "*gcc",
        "cc",
        "c++",
        "clang*",
        "bash",
    ):
        assert machine.files(pattern) == [], pattern
    code = "import os; print(os.path.expanduser('~'), os.getuid(), os.isatty(0), os.environ['LC_ALL'])"
    assert machine.run(f'python3 -c "{code}"') == "~ 4321 False C\n"


def test_the_command_that_shows_the_client_works(machine: BareMachine) -> None:
    """The tour runs to its end, and again where nothing can be written, with ASCII as the terminal's encoding."""
    ascii_alone = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}

    tour = machine.run(".venv/bin/python examples/tour.py", read_only=True, **ascii_alone)

    assert "tour-echo runs with 5" in tour


def test_the_command_for_the_tests_works(machine: BareMachine) -> None:
    """All tests pass. Those of pandas, matplotlib and Jupyter's kernels are skipped: these need libstdc++. So is the
    one that runs a pipe with sed. No other test is skipped for want of something."""
    ended = machine.run(COMMANDS[1])

    assert re.search(r"^\d{4} passed, \d+ skipped in ", ended, re.MULTILINE), ended
    skipped = re.findall(r"^SKIPPED \[\d+\] \S+: (.*)$", ended, re.MULTILINE)
    assert {reason for reason in skipped if "needs" in reason} == {
        "needs libstdc++.so.6 from the system",
        "needs sed",
    }


@pytest.mark.parametrize("extra", SCRIPTS)
def test_an_extra_does_what_it_is_for(machine: BareMachine, extra: str) -> None:
    """Where nothing can be written, first as the machine is, and then with ASCII as the terminal's encoding."""
    python = install(machine, extra)
    script, last = SCRIPTS[extra]
    program = f"{python} - <<'END'\n{_LATTICE}{script}client.close()\nlattice.close()\nEND"
    path = "/checkout/.venv/bin:/usr/bin:/bin"

    for environment in ({}, {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}):
        shown = machine.run(program, read_only=True, PATH=path, **environment)
        assert shown.splitlines()[-1] == last, shown


def test_the_extra_benchmark_measures(machine: BareMachine) -> None:
    """The tables are there, and it says why the plots are not."""
    python = install(machine, "benchmark")

    shown = machine.run(f"{python} -m benchmarks --quick stages --out /scratch/figures", read_only=True)

    assert "no plots of stages: matplotlib cannot be imported: " in shown
    assert "libstdc++.so.6" in shown


def test_the_extra_docs_builds_the_documentation(machine: BareMachine) -> None:
    """Without a warning."""
    python = install(machine, "docs")

    machine.run(f"{python} -m sphinx -q -W -d /scratch/doctrees docs /scratch/html", read_only=True)


def test_each_extra_is_tried() -> None:
    """An extra that is added to setup.cfg is added to these tests."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    tried = {*SCRIPTS, "benchmark", "dev", "docs"} - {""}

    assert tried == set(config["options.extras_require"])
