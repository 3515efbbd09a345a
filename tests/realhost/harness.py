"""Real wasmCloud hosts as processes, for tests: build the program, start hosts, end them.

It needs cargo for the build (some minutes the first time), and a nats-server with JetStream for the hosts.
``python tests/realhost/harness.py`` only builds.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

SOURCE = Path(__file__).resolve().parent

#: Names the folder for the build, in place of the user's cache folder.
CACHE_VARIABLE = "WASMCLOUD_CTL_REALHOST_CACHE"

#: How long a server or a host may take to start, and to end, in seconds.
START_LIMIT = 30.0
STOP_LIMIT = 15.0


class RealHostError(Exception):
    """The program could not be built, or a process did not start; the message says which and why."""


# The program ------------------------------------------------------------------------------------


def target_folder() -> Path:
    """Where cargo builds: outside the checkout, one for each user, unless the environment names another."""
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named)
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "wasmcloud_ctl" / "realhost"


def built() -> Path | None:
    """The program, if it has been built, else None. Whether it is up to date only :func:`build` knows."""
    program = target_folder() / "debug" / "realhost"
    return program if program.is_file() else None


def build(*, show: bool = False) -> Path:
    """Build the program, or see that it is up to date, which takes a second.

    Args:
        show: Whether cargo's messages go to standard error as they come.

    Returns:
        The path of the program.

    Raises:
        RealHostError: There is no cargo, or the build failed; the message ends with cargo's own, unless
            they have been shown.
    """
    cargo = shutil.which("cargo")
    if cargo is None:
        raise RealHostError("cargo is not on PATH: real hosts need Rust to be built (https://rustup.rs)")
    command = [cargo, "build", "--locked", "--manifest-path", str(SOURCE / "Cargo.toml")]
    environment = {**os.environ, "CARGO_TARGET_DIR": str(target_folder())}
    messages = None if show else subprocess.PIPE
    outcome = subprocess.run(command, env=environment, stderr=messages, text=True, check=False)
    program = built()
    if outcome.returncode != 0 or program is None:
        raise RealHostError(f"cargo build failed ({outcome.returncode})\n{(outcome.stderr or '')[-4000:]}")
    return program


# Processes --------------------------------------------------------------------------------------


class _Process:
    """A process, and all that it prints."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self._name = Path(command[0]).name
        self._lines: list[str] = []
        self._ended = False
        self._change = threading.Condition()
        # Standard input stays open as long as this process lives: that is how a host notices its end.
        self.process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        assert self.process.stdout is not None
        # A thread reads, so that the process never waits for a full pipe.
        self._reader = threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True)
        self._reader.start()

    def _read(self, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                with self._change:
                    self._lines.append(line)
                    self._change.notify_all()
        with self._change:
            self._ended = True
            self._change.notify_all()

    @property
    def log(self) -> str:
        """What the process has printed so far."""
        with self._change:
            return "".join(self._lines)

    def wait_for(self, pattern: str, timeout: float) -> re.Match[str]:
        """Wait until the process has printed a line.

        Args:
            pattern: What is searched for, a regular expression.
            timeout: How long, in seconds.

        Returns:
            The match.

        Raises:
            RealHostError: The process ended first, or the time is over.
        """
        deadline = time.monotonic() + timeout
        seen = 0
        with self._change:
            while True:
                for line in self._lines[seen:]:
                    if match := re.search(pattern, line):
                        return match
                seen = len(self._lines)
                if self._ended:
                    raise RealHostError(f"{self._name} ended before it was ready:\n{''.join(self._lines)}")
                if not self._change.wait(deadline - time.monotonic()):
                    raise RealHostError(f"{self._name} not ready in {timeout} s:\n{''.join(self._lines)}")

    def stop(self, timeout: float = STOP_LIMIT) -> int:
        """End the process with SIGTERM, and with SIGKILL when that does not help.

        Args:
            timeout: How long SIGTERM may take, in seconds.

        Returns:
            Its exit status.
        """
        self.process.terminate()
        try:
            return self.wait(timeout)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        """End the process with SIGKILL, as a machine that fails does.

        Returns:
            Its exit status.
        """
        self.process.kill()
        return self.wait(STOP_LIMIT)

    def wait(self, timeout: float) -> int:
        """Wait until the process has ended by itself, for instance after a stop_host command.

        Args:
            timeout: How long, in seconds.

        Returns:
            Its exit status.

        Raises:
            subprocess.TimeoutExpired: It still runs.
        """
        status = self.process.wait(timeout)
        if self.process.stdin is not None:
            self.process.stdin.close()
        # What the process started may hold its output open a little longer; that is not waited for.
        self._reader.join(1.0)
        return status


# Hosts ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class HostOptions:
    """What hosts are started with, apart from their labels."""

    lattice: str = "default"
    topic_prefix: str | None = None
    js_domain: str | None = None
    #: Seconds between heartbeats; None: the host's own default, 30.
    heartbeat: float | None = None
    component_auction: bool = True
    provider_auction: bool = True
    #: For the host's log, which :attr:`RealHost.log` holds.
    rust_log: str = "error"

    def arguments(self) -> list[str]:
        """These options as the program's arguments."""
        arguments = ["--lattice", self.lattice]
        if self.topic_prefix is not None:
            arguments += ["--topic-prefix", self.topic_prefix]
        if self.js_domain is not None:
            arguments += ["--js-domain", self.js_domain]
        if self.heartbeat is not None:
            arguments += ["--heartbeat", str(self.heartbeat)]
        if not self.component_auction:
            arguments.append("--no-component-auction")
        if not self.provider_auction:
            arguments.append("--no-provider-auction")
        return arguments


@dataclass
class RealHost:
    """One running host."""

    labels: dict[str, str]
    _process: _Process = field(repr=False)
    host_id: str = ""

    @property
    def log(self) -> str:
        """What the host has printed so far."""
        return self._process.log

    @property
    def running(self) -> bool:
        """Whether its process is there."""
        return self._process.process.poll() is None

    def stop(self) -> int:
        """End the host with SIGTERM: it publishes ``host_stopped`` and shuts down.

        Returns:
            Its exit status.
        """
        return self._process.stop()

    def kill(self) -> int:
        """End the host with SIGKILL: it says nothing more.

        Returns:
            Its exit status.
        """
        return self._process.kill()

    def wait(self, timeout: float = STOP_LIMIT) -> int:
        """Wait until the host has ended by itself, after a stop_host command.

        Args:
            timeout: How long, in seconds.

        Returns:
            Its exit status.

        Raises:
            subprocess.TimeoutExpired: It still runs.
        """
        return self._process.wait(timeout)


@contextmanager
def real_hosts(
    url: str,
    labels: Sequence[Mapping[str, str]] = ({"zone": "z1"}, {"zone": "z2"}),
    options: HostOptions | None = None,
    program: Path | None = None,
) -> Iterator[list[RealHost]]:
    """Run hosts, one for each map of labels, and end them at the end.

    The hosts end, too, when this process does, whatever ends it.

    Args:
        url: The NATS server, which needs JetStream.
        labels: The hosts' own labels, one map for each host.
        options: What is the same for all of them.
        program: The program; None: the one :func:`build` returns.

    Returns:
        The hosts, in the order of the labels. Each has its subscriptions: it answers.

    Raises:
        RealHostError: The program could not be built, or a host did not start.
    """
    program = build() if program is None else program
    options = HostOptions() if options is None else options
    with tempfile.TemporaryDirectory(prefix="realhost-") as folder, ExitStack() as stack:
        # Hosts unpack providers into the folder for temporary files; here they leave nothing behind.
        environment = {**os.environ, "TMPDIR": folder, "RUST_LOG": options.rust_log, "RUST_BACKTRACE": "0"}
        hosts = []
        for own in labels:
            arguments = ["--until-eof", "--nats", url, *options.arguments()]
            for key, value in own.items():
                arguments += ["--label", f"{key}={value}"]
            process = _Process([str(program), *arguments], environment)
            stack.callback(process.stop)
            hosts.append(RealHost(dict(own), process))
        for host in hosts:
            host.host_id = host._process.wait_for(r"^ready (N\w+)$", START_LIMIT)[1]
        yield hosts


if __name__ == "__main__":
    print(build(show=True))
