"""A practice lattice whose server counts the connections of its clients."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import attrs
from applications import opened_url

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

    def connections(self, name: str | None = None) -> int:
        """Return how many clients, or those of this name, are connected, without the practice lattice itself."""
        with opened_url(f"{self.monitoring}/connz") as response:
            names = [connection.get("name", "") for connection in json.load(response)["connections"]]
        if name is not None:
            return names.count(name)
        return sum(not found.startswith("practice lattice") for found in names)

    def settled(self, wanted: int, name: str | None = None, seconds: float = 10.0) -> int:
        """Return the number of connections once it is as wanted, or when so many seconds have passed."""
        end = time.monotonic() + seconds
        while (found := self.connections(name)) != wanted and time.monotonic() < end:
            time.sleep(0.02)  # the server takes a moment to notice the end of a process, and tells nobody
        return found


@contextmanager
def counted() -> Iterator[Counted]:
    """Run such a lattice."""
    port = unused_port()
    with (
        PracticeServer(config=f'http: "127.0.0.1:{port}"') as server,
        PracticeLattice(hosts=2, server=server) as lattice,
    ):
        yield Counted(lattice, f"http://127.0.0.1:{port}")
