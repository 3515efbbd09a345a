"""Fixtures for the client's tests: a lattice of two practice hosts on a real server, and a client of it."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import signal
import sys
import traceback
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from wire import Wire, wire_to

import wasmcloud_ctl
from wasmcloud_ctl import Client
from wasmcloud_ctl.testing import PracticeHost, PracticeLattice, PracticeServer

# Tests start many Pythons. With this variable set, each would compile the package anew: a second each.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# The tests that need no more than the extra testing run with it alone. These modules come with the extra dev.
ONLY_IN_DEV = {
    "IPython",
    "hypothesis",
    "ipykernel",
    "matplotlib",
    "nbclient",
    "nbformat",
    "opentelemetry",
    "pandas",
    "pyperf",
    "rich",
    "tqdm",
    "trustme",
}
PARALLEL = importlib.util.find_spec("xdist") is not None

pytest_plugins = ["parallel"] if PARALLEL else []


def pytest_addoption(parser: pytest.Parser) -> None:
    """Accept the options of setup.cfg that belong to plugins of the extra dev, and do without these plugins."""
    if not PARALLEL:
        parser.addoption("--numprocesses", help="has no effect without pytest-xdist")
    if importlib.util.find_spec("pytest_timeout") is None:
        parser.addini("timeout", "has no effect without pytest-timeout")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to test a checkout where tox has said that it is the installed package that is to be tested, and let
    Ctrl-C work."""
    config.addinivalue_line("markers", "timeout(seconds): of pytest-timeout, which the extra dev installs")
    installed_in = os.environ.get("WASMCLOUD_CTL_INSTALLED_IN")
    package = Path(wasmcloud_ctl.__file__).resolve()
    if installed_in and not package.is_relative_to(Path(installed_in).resolve()):
        raise pytest.UsageError(f"the package that would be tested, {package}, is not in {installed_in}")
    # A shell has what it starts in the background ignore Ctrl-C, and so would all that the tests start and interrupt.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module:
    """Collect each test file as a `TestFile`."""
    module: pytest.Module = TestFile.from_parent(parent, path=module_path)
    return module


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test that needs what is not installed, or cannot be loaded."""
    for marker in item.iter_markers("needs"):
        for module in marker.args:
            try:
                importlib.import_module(module)
            except ImportError as error:
                skip_without(error)
                raise


def skip_without(error: ImportError) -> None:
    """Skip what needs a module that the extra testing does not install, or a library that a bare machine lacks."""
    if isinstance(error, ModuleNotFoundError) and error.name in ONLY_IN_DEV:
        pytest.skip(f"needs {error.name}: pip install -e '.[dev]'")  # the extra testing does not install it
    # numpy, and with it pandas and matplotlib, and Jupyter's kernels need libstdc++ from the system.
    told = "".join(traceback.format_exception(error))
    missing = re.search(r"(libstdc\+\+\S*): cannot open shared object file", told)
    if missing is not None:
        pytest.skip(f"needs {missing[1]} from the system")  # no package of Python has it


class TestFile(pytest.Module):
    """A test file. It is skipped if it imports what only the extra dev installs, or what cannot be loaded."""

    __test__ = False

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        try:
            return super().collect()
        except self.CollectError as error:
            if isinstance(error.__cause__, ImportError):
                skip_without(error.__cause__)
            raise


@pytest.fixture
def lattice(practice_server: PracticeServer) -> Iterator[PracticeLattice]:
    """Two hosts with the labels zone=z1 and zone=z2, in a lattice of this test's own."""
    labels = [{"zone": "z1"}, {"zone": "z2"}]
    with PracticeLattice(hosts=labels, lattice=f"test-{uuid.uuid4().hex}", server=practice_server) as lattice:
        yield lattice


@pytest.fixture
def client(lattice: PracticeLattice) -> Iterator[Client]:
    """A client of that lattice."""
    with lattice.connect(quiet=0.25) as client:
        yield client


@pytest.fixture
def own_server() -> Iterator[PracticeServer]:
    """A server that this test alone uses, to stop, kill or restart it."""
    with PracticeServer() as server:
        yield server


@pytest.fixture
def wire(practice_lattice: PracticeLattice) -> Iterator[Wire]:
    """A connection of NATS's own to the test's practice lattice."""
    with wire_to(practice_lattice) as wire:
        yield wire


@pytest.fixture
def host(practice_lattice: PracticeLattice) -> PracticeHost:
    """The practice lattice's first host."""
    return practice_lattice.hosts[0]
