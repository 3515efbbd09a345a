"""The nats-server that tests run on."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import nats
import pytest

from wasmcloud_ctl.testing import PracticeServer, PracticeServerError, unused_port


async def put(server: PracticeServer, value: bytes) -> None:
    client = await nats.connect(server.url)
    await (await client.jetstream().create_key_value(bucket="kept")).put("key", value)
    await client.close()


async def get(server: PracticeServer) -> bytes | None:
    client = await nats.connect(server.url)
    entry = await (await client.jetstream().key_value("kept")).get("key")
    await client.close()
    return entry.value


def test_what_it_keeps_survives_stop_kill_and_restart() -> None:
    """A server that comes back has its port and its store."""
    with PracticeServer() as server:
        port = server.port
        asyncio.run(put(server, b"1"))
        server.restart()
        assert asyncio.run(get(server)) == b"1"
        server.kill()
        assert not server.running
        server.start()

        assert server.port == port
        assert asyncio.run(get(server)) == b"1"


def test_each_has_a_port_of_its_own() -> None:
    """Any number can run at once."""
    with PracticeServer() as one, PracticeServer() as other:
        assert one.port != other.port


def test_the_port_can_be_chosen() -> None:
    """A port that is given is used; one that is taken is an error that has the server's words."""
    port = unused_port()
    with PracticeServer(port=port) as server:
        assert (server.port, server.url) == (port, f"nats://127.0.0.1:{port}")
        with pytest.raises(PracticeServerError, match="address already in use"):
            PracticeServer(port=port).start()


def test_a_configuration_that_is_wrong_is_said_at_once() -> None:
    """The server's own message is in the error."""
    server = PracticeServer(config="no_such_setting: 1")

    with pytest.raises(PracticeServerError, match="no_such_setting"):
        server.start()

    assert not server.running
    assert server._folder is None


def test_a_paused_server_accepts_and_says_nothing() -> None:
    """The port is open, and nothing comes from it until the server goes on."""
    with PracticeServer() as server:
        server.pause()
        with socket.create_connection(("127.0.0.1", server.port), timeout=1) as connection:
            connection.settimeout(0.1)
            with pytest.raises(TimeoutError):
                connection.recv(1)
            server.resume()
            connection.settimeout(5)
            assert connection.recv(4) == b"INFO"


def test_ctrl_c_at_the_terminal_does_not_reach_it() -> None:
    """It is in a session of its own: whoever owns it decides when it ends."""
    with PracticeServer() as server:
        assert server._process is not None
        assert os.getsid(server._process.pid) != os.getsid(0)


def test_a_server_that_was_killed_by_somebody_else_can_be_started_again() -> None:
    """A crash is noticed, and does not stand in the way."""
    with PracticeServer() as server:
        assert server._process is not None
        os.kill(server._process.pid, signal.SIGKILL)
        server._process.wait()
        assert not server.running
        assert server.start().running


def test_a_forked_child_leaves_it_alone() -> None:
    """The server is the parent's: a child can neither end it nor start it again."""
    script = (
        "import os, warnings\n"
        "warnings.simplefilter('ignore')\n"
        "from wasmcloud_ctl.testing import PracticeServer, PracticeServerError\n"
        "with PracticeServer() as server:\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        server.close()\n"
        "        try:\n"
        "            server.start()\n"
        "        except PracticeServerError:\n"
        "            raise SystemExit(7)\n"
        "    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7\n"
        "    print(server.running, os.path.exists(server._folder))\n"
    )

    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=20)

    assert result.stdout == "True True\n", result.stderr


def test_its_log_is_kept_over_restarts() -> None:
    """What it said is there to be looked at, until it is closed."""
    server = PracticeServer().start()
    server.restart()
    assert server.log.count("Server is ready") == 2
    server.close()
    server.close()
    assert server.log == ""


def test_it_runs_where_there_is_no_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in an image of a container that has Python and nothing else. ``close`` ends it as ever."""
    monkeypatch.setattr("wasmcloud_ctl.testing._server._SHELL", str(tmp_path / "sh"))

    with PracticeServer() as server:
        assert server.running
    assert not server.running


def test_a_start_that_fails_keeps_what_it_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the program cannot be run any more, the folder with its log and data is still there for the next start."""
    with PracticeServer() as server:
        server.stop()
        (tmp_path / "nats-server").write_text("#!/no/such/program\n")
        (tmp_path / "nats-server").chmod(0o755)
        with monkeypatch.context() as changed:
            changed.setenv("PATH", str(tmp_path))
            with pytest.raises(
                PracticeServerError, match=r"nats-server cannot be run: No such file or directory$"
            ):
                server.start()
        server.start()

        assert server.log.count("Server is ready") == 2
