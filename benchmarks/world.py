"""A real nats-server, and the program that answers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from wasmcloud_ctl.testing._server import PracticeServer

# An inventory of 10,000 components is larger than the megabyte that a server takes by itself, and 100,000 events at
# once are more than it lets wait for a reader. The bare connections answer no pings while it is another's turn.
_CONFIG = 'max_payload: 8388608\nmax_pending: 268435456\nping_interval: "1h"\n'


@contextmanager
def world() -> Iterator[PracticeServer]:
    """A server that hosts seem to be at, for as long as the block lasts."""
    with PracticeServer(jetstream=False, config=_CONFIG) as server:
        answering = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.answering", str(server.port)],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert answering.stdout is not None
            assert answering.stdout.readline() == "ready\n"
            yield server
        finally:
            answering.kill()
            answering.communicate()
