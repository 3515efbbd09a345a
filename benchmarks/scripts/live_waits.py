"""Measure how long a change takes to be noticed: ``python -m benchmarks.scripts.live_waits ROUNDS``.

It prints one JSON object. A component is scaled on one of ten practice hosts. ``wait_until`` waits for it in a view.
Beside it, a loop asks with ``get_host_inventories`` and sleeps a second, as scripts do.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable
from threading import Thread

from wasmcloud_ctl import HostInventory
from wasmcloud_ctl.testing import PracticeLattice

HOSTS = 10
PAUSE = 1.0


def main(rounds: int) -> None:
    found: dict[str, dict[str, list[float]]] = {
        way: {"seconds": [], "requests": []} for way in ("wait_until", "polling")
    }
    chance = random.Random(1)
    with (
        PracticeLattice(hosts=[{}] * HOSTS) as lattice,
        lattice.connect() as client,
        lattice.connect() as other,
        client.watch(expected=HOSTS) as view,
    ):
        host_id = lattice.hosts[0].id

        def scale(count: int, sent: list[float]) -> None:
            time.sleep(chance.uniform(0.0, PAUSE))  # so that it comes at any moment of the poller's round
            sent.append(time.monotonic())
            other.scale_component(host_id, "registry.example/echo:1", "echo", count)

        def wait_until(count: int) -> None:
            view.wait_until(lambda lattice: _runs(lattice.hosts[host_id], count), timeout=10)

        def poll(count: int) -> None:
            while not _runs(client.get_host_inventories(expected=HOSTS).data[host_id], count):
                time.sleep(PAUSE)

        def measure(way: str, wait: Callable[[int], None], count: int) -> None:
            sent: list[float] = []
            thread = Thread(target=scale, args=(count, sent))
            before = _asked(lattice)
            thread.start()
            wait(count)
            noticed = time.monotonic()
            thread.join()
            found[way]["seconds"].append(noticed - sent[0])
            found[way]["requests"].append(_asked(lattice) - before)

        for number in range(rounds):
            measure("wait_until", wait_until, 2 * number + 1)
            measure("polling", poll, 2 * number + 2)
    print(json.dumps(found))


def _runs(host: HostInventory, count: int) -> bool:
    return any(found.max_instances == count for found in host.components)


def _asked(lattice: PracticeLattice) -> int:
    return sum(command.operation in ("host.get", "host.ping") for command in lattice.commands)


if __name__ == "__main__":
    main(int(sys.argv[1]))
