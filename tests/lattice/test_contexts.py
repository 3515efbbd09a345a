"""Connections made from wash's environment variables and context files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import wash
from identities import new_seed, public_key

import wasmcloud_ctl
from wasmcloud_ctl import AuthError
from wasmcloud_ctl.testing import PracticeLattice, PracticeServer

SEED = new_seed()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for contexts, and an environment without wash's variables."""
    return wash.empty_contexts(tmp_path, monkeypatch)


def test_one_line_connects_as_wash_would(
    lattice: PracticeLattice, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """from_env() and connect(context=...) reach the lattice that the files and variables name."""
    wash.write(folder, "work", ctl_port=lattice.server.port, lattice=lattice.lattice, ctl_timeout=3500)
    with wasmcloud_ctl.connect(context="work") as client:
        assert len(client.get_hosts(expected=2)) == 2
    (folder / "default").write_text("work\n")
    with wasmcloud_ctl.from_env() as client:
        assert len(client.get_hosts(expected=2)) == 2
        assert client.lattice == lattice.lattice
    monkeypatch.setenv("WASMCLOUD_LATTICE", "elsewhere")
    with wasmcloud_ctl.from_env(quiet=0.1) as client:
        assert (client.lattice, client.get_hosts().no_responders) == ("elsewhere", True)
    with wasmcloud_ctl.from_env(lattice=lattice.lattice) as client:
        assert len(client.get_hosts(expected=2)) == 2


@pytest.fixture(scope="module")
def guarded() -> Iterator[PracticeServer]:
    """A server with a user who has an nkey, and one who has a password."""
    config = (
        f"authorization {{ users: [ {{ nkey: {public_key(SEED)} }}, {{ user: me, password: hunter2 }} ] }}"
    )
    with PracticeServer(jetstream=False, config=config) as server:
        yield server


def test_credentials_come_along(
    guarded: PracticeServer, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a context, as text, as a path, or in the host; from the environment; an argument counts before both."""
    seed_file = tmp_path / "user.nk"
    seed_file.write_text(SEED)
    for number, fields in enumerate(
        ({"ctl_seed": SEED}, {"ctl_seed": str(seed_file)}, {"ctl_host": "nats://me:hunter2@127.0.0.1"})
    ):
        wash.write(folder, str(number), ctl_port=guarded.port, **fields)
        with wasmcloud_ctl.connect(context=str(number)) as client:
            assert client.get_hosts().no_responders

    monkeypatch.setenv("WASMCLOUD_CTL_PORT", str(guarded.port))
    assert wash.refusal_from_env(AuthError).startswith(
        f"{guarded.url} requires credentials, and none were given"
    )
    monkeypatch.setenv("WASMCLOUD_CTL_SEED", str(seed_file))
    with wasmcloud_ctl.from_env() as client:
        assert client.get_hosts().no_responders
    with wasmcloud_ctl.from_env(user="me", password="hunter2") as client:
        assert client.get_hosts().no_responders
    with pytest.raises(AuthError):
        wasmcloud_ctl.from_env(user="me", password="wr0ng")


def test_connect_reads_no_variables(practice_server: PracticeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What from_env makes of the environment connect leaves alone."""
    monkeypatch.setenv("WASMCLOUD_CTL_HOST", "nowhere.invalid")
    monkeypatch.setenv("WASMCLOUD_LATTICE", "elsewhere")
    monkeypatch.setenv("WASH_CTL_CREDS", "/no/such.creds")
    with wasmcloud_ctl.connect(practice_server.url) as client:
        assert client.lattice == "default"
