"""The pytest plugin, as a user's own tests have it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

USERS_TESTS = """
import pytest
from wasmcloud_ctl import Link


def test_one_host(practice_lattice):
    with practice_lattice.connect() as client:
        (host,) = client.get_hosts(expected=1).data
        assert host.id == practice_lattice.hosts[0].id


@pytest.mark.practice_lattice(hosts=[{"zone": "a"}, {"zone": "b"}], version="1.6.2")
def test_two_hosts_with_labels(practice_lattice):
    with practice_lattice.connect() as client:
        hosts = client.get_hosts(expected=2).data
        assert sorted(host.labels["zone"] for host in hosts) == ["a", "b"]
        assert {host.version for host in hosts} == {"1.6.2"}


@pytest.mark.practice_lattice(wadm=True)
def test_a_wadm(practice_lattice):
    with practice_lattice.connect() as client:
        assert client.wadm.list_manifests() == []


def test_several(make_practice_lattice):
    one, other = make_practice_lattice(), make_practice_lattice(2)
    assert one.lattice != other.lattice
    assert one.url == other.url
    assert make_practice_lattice(wadm=True).wadm.running


def test_the_server(practice_server, practice_lattice):
    assert practice_lattice.server is practice_server


def test_that_fails(practice_lattice):
    assert not practice_lattice.hosts
"""


def test_fixtures_and_marker(tmp_path: Path) -> None:
    """A test file that needs nothing but the installed package: fixtures, marker, factory, the server's log."""
    (tmp_path / "test_users.py").write_text(USERS_TESTS)

    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--strict-markers", "-p", "no:cacheprovider", "."],
        cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert "5 passed" in result.stdout, result.stdout + result.stderr
    assert "1 failed" in result.stdout
    assert "nats-server log" in result.stdout
    assert "Server is ready" in result.stdout


def test_the_public_name_of_the_plugin_can_be_named_too(tmp_path: Path) -> None:
    """``-p wasmcloud_ctl.testing.plugin`` is accepted beside the installed plugin. The server's log is shown once."""
    (tmp_path / "test_users.py").write_text("def test_that_fails(practice_lattice):\n    assert False\n")

    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "wasmcloud_ctl.testing.plugin", "."],
        cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert "1 failed" in result.stdout, result.stdout + result.stderr
    assert result.stdout.count("nats-server log") == 1


def test_a_session_that_uses_no_fixture_starts_nothing(tmp_path: Path) -> None:
    """The plugin alone brings no NATS client into the process."""
    (tmp_path / "test_users.py").write_text(
        "import sys\n\n\ndef test_nothing():\n    assert not {'nats', 'anyio'} & set(sys.modules)\n"
    )

    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:anyio", "."],
        cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert result.returncode == 0, result.stdout
