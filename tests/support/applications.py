"""Programs that were there before this library: whether they are installed, and how their operator ends them."""

from __future__ import annotations

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

import pytest
from pages import steps
from scripts import WARNINGS, Ended

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "applications.rst"


def needs(*modules: str) -> pytest.MarkDecorator:
    """Skip where a module of tox's environment ``applications`` is not installed."""
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    return pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}: tox run -e applications")


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(folder), "PYTHONWARNINGS": WARNINGS, "PYTHONUNBUFFERED": "1"}


def stop(
    process: subprocess.Popen[str], seconds: float = 20.0, sign: signal.Signals = signal.SIGTERM
) -> Ended:
    """End it as its operator would, by SIGTERM or another signal."""
    process.send_signal(sign)
    try:
        output, errors = process.communicate(timeout=seconds)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
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
                with urllib.request.urlopen(self._url + path, timeout=20) as response:
                    return str(response.read().decode())
            except urllib.error.HTTPError as error:
                return f"{error.code} {error.reason}"
            except urllib.error.URLError:
                assert self.process.poll() is None, self.log.read_text()
                assert time.monotonic() < end, self.log.read_text()
                time.sleep(0.1)

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
            time.sleep(0.1)


@contextmanager
def web_server(
    command: list[str], port: int, log: Path, folder: Path, more: Mapping[str, str] | None = None
) -> Iterator[WebServer]:
    """Start a server, and kill all of it at the end if it was not stopped."""
    with log.open("w") as file:
        process = subprocess.Popen(
            command,
            stdout=file,
            stderr=file,
            text=True,
            env={**environment(folder), **(more or {})},
            cwd=folder,
            start_new_session=True,
        )
    try:
        yield WebServer(process, port, log)
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # all of it has ended
        process.wait()
