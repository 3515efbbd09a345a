"""Build real wasmCloud hosts and a real wadm, and run them as processes for tests.

Each folder in ``versions`` builds one version of the host, and ``wadm`` builds wadm. The builds need cargo, and take
some minutes the first time. The programs need a nats-server with JetStream. ``python tests/realhost/harness.py`` only
builds.
"""

from __future__ import annotations

import asyncio
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

import nats
from nats.errors import NoRespondersError

VERSIONS = Path(__file__).resolve().parent / "versions"

#: The crate that builds wadm, and its version.
WADM = Path(__file__).resolve().parent / "wadm"
WADM_VERSION = "0.21.1"

#: The environment variable that overrides the build folder in the user's cache.
CACHE_VARIABLE = "WASMCLOUD_CTL_REALHOST_CACHE"

#: The environment variable with the version of the host.
VERSION_VARIABLE = "WASMCLOUD_CTL_REALHOST_VERSION"

#: Timeouts for the start and the stop of a host or of wadm, in seconds.
START_LIMIT = 30.0
STOP_LIMIT = 15.0


class RealHostError(Exception):
    """The program could not be built, or a process did not start. The message says why."""


# The programs -----------------------------------------------------------------------------------


def version() -> str:
    """Return the version of the host to build and run: 1.9.2, unless the environment names another one.

    Raises:
        RealHostError: No folder builds this version.
    """
    wanted = os.environ.get(VERSION_VARIABLE) or "1.9.2"
    known = sorted(folder.name for folder in VERSIONS.iterdir())
    if wanted not in known:
        raise RealHostError(f"{VERSION_VARIABLE} must be one of {', '.join(known)}, not {wanted!r}")
    return wanted


def target_folder(name: str) -> Path:
    """Return cargo's build folder: per user and outside the checkout, unless the environment names one.

    Args:
        name: The name of the folder in the cache.
    """
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named) / name
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(cache) / "wasmcloud_ctl" / "realhost" / name


def built() -> Path | None:
    """Return the path of the host, or None if it is not built. Only :func:`build` checks if it is up to date."""
    return _file(target_folder(version()) / "debug" / "realhost")


def built_wadm() -> Path | None:
    """Return the path of wadm, or None if it is not built. Only :func:`build_wadm` checks if it is up to date."""
    return _file(target_folder(f"wadm-{WADM_VERSION}") / "debug" / "realwadm")


def _file(path: Path) -> Path | None:
    return path if path.is_file() else None


def build(*, show: bool = False) -> Path:
    """Build the host. Takes about a second if it is up to date.

    Args:
        show: Whether to print cargo's messages to standard error.

    Returns:
        The path of the program.

    Raises:
        RealHostError: cargo was not found, or the build failed. The message includes cargo's own messages, unless
            they were printed.
    """
    _build(VERSIONS / version(), target_folder(version()), show)
    program = built()
    assert program is not None
    return program


def build_wadm(*, show: bool = False) -> Path:
    """Build wadm, as :func:`build` does the host."""
    _build(WADM, target_folder(f"wadm-{WADM_VERSION}"), show)
    program = built_wadm()
    assert program is not None
    return program


def _build(crate: Path, folder: Path, show: bool) -> None:
    cargo = shutil.which("cargo")
    if cargo is None:
        raise RealHostError(
            "cargo is not on PATH: the real programs need Rust to be built (https://rustup.rs)"
        )
    command = [cargo, "build", "--locked", "--manifest-path", str(crate / "Cargo.toml")]
    environment = {**os.environ, "CARGO_TARGET_DIR": str(folder)}
    messages = None if show else subprocess.PIPE
    outcome = subprocess.run(command, env=environment, stderr=messages, text=True, check=False)
    if outcome.returncode != 0:
        raise RealHostError(f"cargo build failed ({outcome.returncode})\n{(outcome.stderr or '')[-4000:]}")


# Processes --------------------------------------------------------------------------------------


class _Process:
    """A process, and its output."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self._name = Path(command[0]).name
        self._lines: list[str] = []
        self._ended = False
        self._change = threading.Condition()
        # The programs exit when their standard input closes. It stays open for as long as this process lives.
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
        # A thread reads the output, so that the process never blocks on a full pipe.
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
        """The output of the process so far."""
        with self._change:
            return "".join(self._lines)

    def wait_for(self, pattern: str, timeout: float) -> re.Match[str]:
        """Wait until the process has printed a line that matches a pattern.

        Args:
            pattern: The regular expression to search for.
            timeout: Seconds to wait.

        Returns:
            The match.

        Raises:
            RealHostError: The process exited first, or did not print such a line in time.
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
        """Stop the process with SIGTERM, and kill it if it does not exit in time.

        Args:
            timeout: Seconds to wait before SIGKILL.

        Returns:
            The exit status.
        """
        self.process.terminate()
        try:
            return self.wait(timeout)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        """Kill the process with SIGKILL, like a crash of the machine.

        Returns:
            The exit status.
        """
        self.process.kill()
        return self.wait(STOP_LIMIT)

    def wait(self, timeout: float) -> int:
        """Wait until the process exits by itself, for example after a stop_host command.

        Args:
            timeout: Seconds to wait.

        Returns:
            The exit status.

        Raises:
            subprocess.TimeoutExpired: The process is still running.
        """
        status = self.process.wait(timeout)
        if self.process.stdin is not None:
            self.process.stdin.close()
        # Child processes may keep the output open a little longer. Do not wait for them.
        self._reader.join(1.0)
        return status


# Hosts ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class HostOptions:
    """The options of a host, except its labels."""

    lattice: str = "default"
    topic_prefix: str | None = None
    js_domain: str | None = None
    #: Seconds between heartbeats. Defaults to the host's own default, 30.
    heartbeat: float | None = None
    component_auction: bool = True
    provider_auction: bool = True
    #: The log level of the host. Its log is in :attr:`RealHost.log`.
    rust_log: str = "error"

    def arguments(self) -> list[str]:
        """Return these options as arguments of the program."""
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
class _Running:
    """One running program."""

    _process: _Process = field(repr=False)

    @property
    def log(self) -> str:
        """The output of the program so far."""
        return self._process.log

    @property
    def running(self) -> bool:
        """Whether the process is running."""
        return self._process.process.poll() is None

    def stop(self) -> int:
        """Stop the program with SIGTERM. A host publishes ``host_stopped`` and shuts down.

        Returns:
            The exit status.
        """
        return self._process.stop()

    def kill(self) -> int:
        """Kill the program with SIGKILL. A host publishes nothing.

        Returns:
            The exit status.
        """
        return self._process.kill()

    def wait(self, timeout: float = STOP_LIMIT) -> int:
        """Wait until the program exits by itself, for example a host after a stop_host command.

        Args:
            timeout: Seconds to wait.

        Returns:
            The exit status.

        Raises:
            subprocess.TimeoutExpired: The program is still running.
        """
        return self._process.wait(timeout)


@dataclass
class RealHost(_Running):
    """One running host."""

    labels: dict[str, str]
    host_id: str = ""


@dataclass
class RealWadm(_Running):
    """A running wadm."""


@contextmanager
def real_hosts(
    url: str,
    labels: Sequence[Mapping[str, str]] = ({"zone": "z1"}, {"zone": "z2"}),
    options: HostOptions | None = None,
    program: Path | None = None,
) -> Iterator[list[RealHost]]:
    """Run one host for each map of labels, and stop the hosts when the block ends.

    The hosts also end when this process ends for any reason.

    Args:
        url: The URL of a NATS server with JetStream.
        labels: One map of labels for each host.
        options: The options of all hosts.
        program: The path of the program. Defaults to the result of :func:`build`.

    Returns:
        The hosts in the order of the labels. Each has subscribed and replies to requests.

    Raises:
        RealHostError: The program could not be built, or a host did not start.
    """
    program = build() if program is None else program
    options = HostOptions() if options is None else options
    with tempfile.TemporaryDirectory(prefix="realhost-") as folder, ExitStack() as stack:
        # Hosts unpack providers into the temporary folder. This one is deleted afterwards.
        environment = {**os.environ, "TMPDIR": folder, "RUST_LOG": options.rust_log, "RUST_BACKTRACE": "0"}
        hosts = []
        for own in labels:
            arguments = ["--until-eof", "--nats", url, *options.arguments()]
            for key, value in own.items():
                arguments += ["--label", f"{key}={value}"]
            process = _Process([str(program), *arguments], environment)
            stack.callback(process.stop)
            hosts.append(RealHost(process, dict(own)))
        for host in hosts:
            host.host_id = host._process.wait_for(r"^ready (N\w+)$", START_LIMIT)[1]
        yield hosts


# Wadm -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class WadmOptions:
    """The options of wadm."""

    #: The first tokens of the subjects of its API. Statuses are published under ``wadm.status``, whatever this is.
    api_prefix: str = "wadm.api"
    #: Seconds after which wadm forgets a host that sends no heartbeat, above 1. Defaults to wadm's own default, 70.
    cleanup_interval: int | None = None
    js_domain: str | None = None
    #: The log level of wadm. Its log is in :attr:`RealWadm.log`.
    rust_log: str = "error"

    def arguments(self) -> list[str]:
        """Return these options as arguments of the program."""
        arguments = ["--api-prefix", self.api_prefix]
        if self.cleanup_interval is not None:
            arguments += ["--cleanup-interval", str(self.cleanup_interval)]
        if self.js_domain is not None:
            arguments += ["-d", self.js_domain]
        return arguments


@contextmanager
def real_wadm(
    url: str, options: WadmOptions | None = None, program: Path | None = None
) -> Iterator[RealWadm]:
    """Run wadm, and stop it when the block ends. It also ends when this process ends for any reason.

    It serves all lattices of the server. What it has stored in the server is found there by the next one.

    Args:
        url: The URL of a NATS server with JetStream.
        options: The options of wadm.
        program: The path of the program. Defaults to the result of :func:`build_wadm`.

    Returns:
        Wadm. It replies to requests and receives events.

    Raises:
        RealHostError: The program could not be built, or did not start.
    """
    program = build_wadm() if program is None else program
    options = WadmOptions() if options is None else options
    # With RUST_BACKTRACE, refusals would end with a backtrace.
    environment = {**os.environ, "RUST_LOG": options.rust_log, "RUST_BACKTRACE": "0"}
    process = _Process([str(program), "--nats-server", url, *options.arguments()], environment)
    try:
        process.wait_for(r"^ready$", START_LIMIT)
        asyncio.run(_serves(url, options))
        yield RealWadm(process)
    finally:
        process.stop()


async def _serves(url: str, options: WadmOptions) -> None:
    """Return when wadm replies to requests and receives events.

    Its stream of events copies two others. Until the server has begun to copy, a fifth of a second after it made the
    stream, what is published there never reaches wadm: a deploy would be acknowledged, and lost.
    """
    client = await nats.connect(url)
    streams = client.jetstream(domain=options.js_domain)
    deadline = time.monotonic() + START_LIMIT
    answered = False
    while not answered:
        if time.monotonic() > deadline:
            raise RealHostError(f"wadm does not serve requests {START_LIMIT} s after its start")
        await asyncio.sleep(0.02)  # neither the subscription nor the copying can be waited for
        sources = (await streams.stream_info("wadm_event_consumer")).sources or []
        if all(source.active != -1 for source in sources):
            try:
                await client.request(f"{options.api_prefix}.default.model.get", timeout=START_LIMIT)
            except NoRespondersError:
                continue
            answered = True
    await client.close()


if __name__ == "__main__":
    print(build(show=True))
    print(build_wadm(show=True))
