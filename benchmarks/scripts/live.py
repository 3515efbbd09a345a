"""Measure a live view of a large lattice: ``python -m benchmarks.scripts.live URL HOSTS INTERVAL ROUNDS SECONDS``.

It prints one JSON object. Each round lists all hosts in three ways, one after the other: with bare nats-py, with
``get_host_inventories``, and with ``watch``.
"""

from __future__ import annotations

import asyncio
import gc
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nats
from nats.aio.msg import Msg

import wasmcloud_ctl
from benchmarks.scripts.live_hosts import LATTICE
from wasmcloud_ctl import Client, LatticeView


async def _bare(url: str, hosts: int) -> dict[str, Any]:
    """List all hosts as a reader would write it by hand: ask each one as soon as it has answered the ping."""
    client = await nats.connect(url)
    found: dict[str, Any] = {}
    complete = asyncio.get_running_loop().create_future()
    prefix = f"wasmbus.ctl.v1.{LATTICE}.host"
    inventories = client.new_inbox()

    async def on_host(message: Msg) -> None:
        host_id = json.loads(message.data)["response"]["id"]
        await client.publish(f"{prefix}.get.{host_id}", reply=inventories)

    async def on_inventory(message: Msg) -> None:
        inventory = json.loads(message.data)["response"]
        found[inventory["host_id"]] = inventory
        if len(found) == hosts:
            complete.set_result(None)

    pings = client.new_inbox()
    for inbox, handler in ((pings, on_host), (inventories, on_inventory)):
        await client.subscribe(inbox, cb=handler, pending_msgs_limit=-1, pending_bytes_limit=-1)
    await client.publish(f"{prefix}.ping", reply=pings)
    await complete
    await client.close()
    return found


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def _seconds(function: Callable[[], object]) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def _microseconds(function: Callable[[], object]) -> float:
    """Return how long one call takes: the median of rounds of 1,000."""
    return statistics.median(_seconds(lambda: [function() for _ in range(1000)]) * 1000 for _ in range(21))


def _watch(client: Client, hosts: int, interval: float) -> LatticeView:
    view = client.watch(heartbeat=interval, expected=hosts, timeout=60)
    assert len(view.hosts) == hosts, len(view.hosts)
    return view


def main(url: str, hosts: int, interval: float, rounds: int, seconds: float) -> None:
    times: dict[str, list[float]] = {"bare": [], "gather": [], "view": []}
    with wasmcloud_ctl.connect(url, lattice=LATTICE, timeout=30) as client:
        for _ in range(rounds):
            times["bare"].append(_seconds(lambda: asyncio.run(_bare(url, hosts))))
            times["gather"].append(
                _seconds(lambda: client.get_host_inventories(expected=hosts, timeout=60).raise_for_status())
            )
            times["view"].append(_seconds(lambda: _watch(client, hosts, interval).close()))
            gc.collect()
        before = _resident()
        with _watch(client, hosts, interval) as view:
            host_id = next(iter(view.hosts))
            component = next(iter(view.components))
            reads = {
                "view.stale": _microseconds(lambda: view.stale),
                "view.hosts[id]": _microseconds(lambda: view.hosts[host_id]),
                "view.lattice": _microseconds(lambda: view.lattice),
                "view.components[id]": _microseconds(lambda: view.components[component]),
            }
            gc.collect()
            memory = (_resident() - before) / hosts
            cpu, started = time.process_time(), time.monotonic()
            time.sleep(seconds)
            passed = time.monotonic() - started
            cpu = (time.process_time() - cpu) / passed * 60
            grown = (_resident() - before) / hosts - memory
            result = {
                "hosts": hosts,
                "interval": interval,
                "times": times,
                "reads": reads,
                "bytes_per_host": memory,
                "grown_per_host": grown,
                "cpu_per_minute": cpu,
                "stale": view.stale,
            }
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))
