"""Fixtures for the client's tests: a lattice of two practice hosts on a real server, and a client of it."""

from __future__ import annotations

import os
import signal
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from wire import Wire, wire_to
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

import wasmcloud_ctl
from wasmcloud_ctl import Client
from wasmcloud_ctl.testing import PracticeHost, PracticeLattice, PracticeServer

# Tests start many Pythons. With this variable set, each would compile the package anew: a second each.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


def pytest_configure() -> None:
    """Refuse to test a checkout where tox has said that it is the installed package that is to be tested, and let
    Ctrl-C work."""
    installed_in = os.environ.get("WASMCLOUD_CTL_INSTALLED_IN")
    package = Path(wasmcloud_ctl.__file__).resolve()
    if installed_in and not package.is_relative_to(Path(installed_in).resolve()):
        raise pytest.UsageError(f"the package that would be tested, {package}, is not in {installed_in}")
    # A shell has what it starts in the background ignore Ctrl-C, and so would all that the tests start and interrupt.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Run one process more than there are processors, since most tests wait for something."""
    return min((os.cpu_count() or 1) + 1, 8)


# One process runs all tests of these files, because they share a fixture that takes seconds.
TOGETHER = ("test_authentication.py", "test_benchmarks.py", "test_golden_replay.py", "test_notebooks.py")


class ByTest(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Distributes single tests, and the files of `TOGETHER` as a whole.

    This is what xdist's own "loadgroup" is for. It does nothing with pytest 9.2 and xdist 3.8: xdist marks the
    tests of a group by an attribute that pytest no longer has.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if file.endswith(TOGETHER) else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByTest:
    """Distribute the tests by `ByTest`."""
    return ByTest(config, log)


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
