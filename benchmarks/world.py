"""A real nats-server and the program that answers instead of hosts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from wasmcloud_ctl.testing._server import PracticeServer

# An inventory of 10,000 components exceeds the default max_payload of 1 MB. 100,000 events at once exceed the default
# max_pending of a connection. The bare connections cannot answer pings while another side is being measured.
_CONFIG = 'max_payload: 8388608\nmax_pending: 268435456\nping_interval: "1h"\n'


def large_server() -> PracticeServer:
    """Return a server, still to be started, that takes what the benchmarks send."""
    return PracticeServer(jetstream=False, config=_CONFIG)


@contextmanager
def answered_by(module: str, *arguments: str) -> Iterator[None]:
    """Run a program that answers instead of hosts, for the duration of the block."""
    answering = subprocess.Popen(
        [sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, text=True
    )
    try:
        assert answering.stdout is not None
        assert answering.stdout.readline() == "ready\n"
        yield
    finally:
        answering.kill()
        answering.communicate()


@contextmanager
def world() -> Iterator[PracticeServer]:
    """Run a server and the program that answers, for the duration of the block."""
    with large_server() as server, answered_by("benchmarks.answering", str(server.port)):
        yield server
