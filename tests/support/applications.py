"""Programs that were there before this library: whether they are installed, and how their operator ends them."""

from __future__ import annotations

import fcntl
import http.client
import importlib.util
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest
from pages import steps
from scripts import WARNINGS, Ended

# Without the proxy that the environment may name: it does not know this machine's own servers.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "applications.rst"

# A WSGI application with a client that is made at import, behind the preamble of a script.
APPLICATION = """
client = connect(timeout=10)

def application(environ, start_response):
    inventory = client.get_host_inventory(other_id).unwrap()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{os.getpid()} {inventory.host_id == other_id}".encode()]
"""


def needs(*modules: str) -> pytest.MarkDecorator:
    """Skip where a module of tox's environment ``applications`` is not installed."""
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    return pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}: tox run -e applications")


def environment(folder: Path) -> dict[str, str]:
    """Return the variables for a Python that imports from this folder and shows warnings."""
    return {**os.environ, "PYTHONPATH": str(folder), "PYTHONWARNINGS": WARNINGS, "PYTHONUNBUFFERED": "1"}


def opened_url(address: str | urllib.request.Request, seconds: float = 20.0) -> http.client.HTTPResponse:
    """Open an address of this machine."""
    response: http.client.HTTPResponse = OPENER.open(address, timeout=seconds)
    return response


@contextmanager
def killed_at_end(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """Kill what is left of a process that leads a session of its own, and of its children, whatever happened."""
    with process:
        try:
            yield process
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # all of it has ended


def stop(
    process: subprocess.Popen[str], seconds: float = 20.0, sign: signal.Signals = signal.SIGTERM
) -> Ended:
    """End it as its operator would, by SIGTERM or another signal."""
    process.send_signal(sign)
    output, errors = process.communicate(timeout=seconds)
    return Ended(process.returncode, output, errors)


def documented(caption: str) -> str:
    """Return the file of this name as the page on applications shows it."""
    [block] = [step.text for step in steps(PAGE.read_text(encoding="utf-8")) if step.caption == caption]
    return block


class WebServer:
    """A web server in a process of its own, which writes into a log file."""

    def __init__(self, process: subprocess.Popen[str], port: int, log: Path) -> None:
        self.process = process
        self.log = log
        self._url = f"http://127.0.0.1:{port}"

    def get(self, path: str = "/") -> str:
        """Return a page, also one of an error. Wait until the server accepts connections."""
        end = time.monotonic() + 30
        while True:
            try:
                with opened_url(self._url + path) as response:
                    return response.read().decode()
            except urllib.error.HTTPError as error:
                return f"{error.code} {error.reason}"
            except urllib.error.URLError:
                assert self.process.poll() is None, self.log.read_text()
                assert time.monotonic() < end, self.log.read_text()
                time.sleep(0.1)  # a server tells nobody when it listens

    def get_often(self, path: str = "/") -> list[str]:
        """Return 300 pages that 12 threads ask for."""
        with ThreadPoolExecutor(12) as pool:
            return list(pool.map(self.get, [path] * 300))

    def wait_for_log(self, text: str, count: int = 1) -> None:
        """Wait until the log contains a text so many times."""
        self.wait_until(lambda: self.log.read_text(errors="replace").count(text) >= count)

    def wait_until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds, and fail with the log if it does not in time."""
        end = time.monotonic() + 30
        while not holds():
            assert time.monotonic() < end, self.log.read_text(errors="replace")
            time.sleep(0.1)  # neither a file nor a server tells when it changes

    def wait_for_end(self) -> int:
        """Wait until all its processes have ended, and return the status of the first one."""
        with self.log.open() as log:
            self.wait_until(lambda: _locks(log))
        return self.process.wait()


def _locks(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def web_server(
    command: list[str], port: int, log: Path, folder: Path, more: Mapping[str, str] | None = None
) -> Iterator[WebServer]:
    """Start a server, and kill all of it at the end if it was not stopped."""
    log.unlink(missing_ok=True)
    # Apache opens the same file to append to it.
    with log.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # until the last process that has inherited the output has ended
        process = subprocess.Popen(
            command,
            stdout=file,
            stderr=file,
            text=True,
            env={**environment(folder), **(more or {})},
            cwd=folder,
            start_new_session=True,
        )
    with killed_at_end(process):
        yield WebServer(process, port, log)
