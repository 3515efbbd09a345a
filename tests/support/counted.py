"""A practice lattice whose server counts the connections of its clients."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import attrs

from wasmcloud_ctl.testing import PracticeLattice, PracticeServer, unused_port


@attrs.frozen
class Counted:
    """Two practice hosts on a server of their own, which tells who is connected."""

    lattice: PracticeLattice
    monitoring: str

    def environment(self) -> dict[str, str]:
        """Return the variables with which ``from_env`` connects to it."""
        port = self.lattice.url.rpartition(":")[2]
        variables = {"WASMCLOUD_CTL_HOST": "127.0.0.1", "WASMCLOUD_CTL_PORT": port}
        return {**variables, "WASMCLOUD_CTL_TIMEOUT_MS": "10000"}  # for a busy machine

    def connections(self) -> int:
        """Return how many clients are connected, without the practice lattice itself."""
        with urllib.request.urlopen(f"{self.monitoring}/connz", timeout=10) as response:
            found = json.load(response)["connections"]
        return sum(not connection.get("name", "").startswith("practice lattice") for connection in found)

    def settled(self, wanted: int) -> int:
        """Return the number of connections once it is as wanted, or after ten seconds."""
        end = time.monotonic() + 10
        while self.connections() != wanted and time.monotonic() < end:
            time.sleep(0.02)  # the server takes a moment to notice the end of a process, and tells nobody
        return self.connections()


@contextmanager
def counted() -> Iterator[Counted]:
    """Run such a lattice."""
    port = unused_port()
    with (
        PracticeServer(config=f'http: "127.0.0.1:{port}"') as server,
        PracticeLattice(hosts=2, server=server) as lattice,
    ):
        yield Counted(lattice, f"http://127.0.0.1:{port}")
