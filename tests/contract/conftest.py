"""The contract: the behaviour of hosts that a client may rely on, tested on practice hosts and on real ones.

Each test runs on two practice hosts. If the program for real hosts is built (``tox -e realhost`` builds it), each
test also runs on two real hosts, with the same client and the same files. Both are of one version, 1.9.2 by default:
``tox -e realhost-1.1.0`` runs the tests on hosts of another one. By default, each test also runs on practice hosts of
older versions.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from realhost import harness
from realhost.artifacts import reference, write_artifacts

import wasmcloud_ctl
from contract.world import LABELS, PATIENCE, References, World
from wasmcloud_ctl.testing import PracticeLattice, PracticeServer
from wasmcloud_ctl.testing._versions import host_version


@pytest.fixture(scope="session")
def references(tmp_path_factory: pytest.TempPathFactory) -> References:
    """The references of the files that hosts load, and of one file that does not exist."""
    folder = tmp_path_factory.mktemp("artifacts")
    made = write_artifacts(folder)
    return References(
        echo=reference(made.echo),
        echo2=reference(made.echo2),
        signed=reference(made.signed),
        provider=reference(made.provider),
        absent=reference(folder / "absent.wasm"),
    )


REAL_HOST = harness.built()
VERSION = host_version(harness.version())

#: The first one cannot be built. Each of the others is the last release before hosts changed much.
OLD_VERSIONS = ("1.0.0", "1.1.0", "1.4.1", "1.7.1") if VERSION.number == "1.9.2" else ()

KINDS = ["practice", *(f"practice {number}" for number in OLD_VERSIONS)]
if REAL_HOST is not None:
    KINDS.append("real")


def pytest_report_header() -> str:
    """Report which kinds of hosts the contract is tested on."""
    kinds = "practice hosts only (tox -e realhost builds real ones)"
    if REAL_HOST is not None:
        kinds = "practice hosts and real hosts"
    return f"contract: on {kinds}, version {VERSION.number}"


@pytest.fixture(params=KINDS)
def world(request: pytest.FixtureRequest, practice_server: PracticeServer) -> Iterator[World]:
    """A lattice with two hosts, of each kind in turn. Each test gets its own."""
    lattice = f"contract-{uuid.uuid4().hex}"
    url = practice_server.url
    kind, _, number = request.param.partition(" ")
    if kind == "practice":
        version = host_version(number) if number else VERSION
        with PracticeLattice(
            hosts=LABELS, lattice=lattice, server=practice_server, version=version.number
        ) as practice:
            ids = practice.hosts[0].id, practice.hosts[1].id
            with wasmcloud_ctl.connect(url, lattice=lattice, quiet=0.25, timeout=PATIENCE) as client:
                yield World(version, url, lattice, ids, client)
        return
    options = harness.HostOptions(lattice=lattice)
    with harness.real_hosts(url, LABELS, options, REAL_HOST) as hosts:
        real_ids = hosts[0].host_id, hosts[1].host_id
        with wasmcloud_ctl.connect(url, lattice=lattice, quiet=0.25, timeout=PATIENCE) as client:
            yield World(VERSION, url, lattice, real_ids, client)


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """A temporary folder for files of one test."""
    return tmp_path
