"""Measure the live view: a large lattice, reading, waiting, and idleness. Linux only."""

from __future__ import annotations

import json
import statistics
import sys
from typing import Any

from benchmarks.ratios import run_python
from benchmarks.tables import table
from benchmarks.world import answered_by, large_server, world

# The hosts' default.
INTERVAL = 30.0


def measure(quick: bool) -> dict[str, Any]:
    """Measure each in its own process."""
    hosts, rounds, seconds = (50, 1, 1) if quick else (10_000, 7, 60)
    with (
        large_server() as server,
        answered_by("benchmarks.scripts.live_hosts", server.url, str(hosts), str(INTERVAL)),
    ):
        times, current = (
            json.loads(
                run_python(
                    "-m",
                    "benchmarks.scripts.live",
                    server.url,
                    str(hosts),
                    str(INTERVAL),
                    str(count),
                    str(idle),
                )
            )
            for count, idle in ((rounds, 0), (0, seconds))
        )
        print(f"a large lattice: {times}, {current}", file=sys.stderr, flush=True)
    idle = {}
    # The view is of no hosts, so it has a server on which nobody answers.
    for what, running in (("ours", world()), ("view", large_server())):
        with running as server:
            idle[what] = json.loads(
                run_python("-m", "benchmarks.scripts.idle", what, server.url, str(seconds))
            )
    print(f"idle: {idle}", file=sys.stderr, flush=True)
    waits = json.loads(run_python("-m", "benchmarks.scripts.live_waits", "2" if quick else "30"))
    print(f"waits: {waits}", file=sys.stderr, flush=True)
    return {"hosts": hosts, "times": times["times"], "current": current, "idle": idle, "waits": waits}


def tables(results: dict[str, Any]) -> dict[str, str]:
    """Return tables by name: the large lattice, reading, waiting, and idleness."""
    times, current = results["times"], results["current"]

    def seconds(way: str) -> str:
        return f"{statistics.median(times[way]):.2f} s"

    def beside(way: str) -> str:
        pairs = zip(times["view"], times[way], strict=True)
        return f"{statistics.median(view / other for view, other in pairs):.1f}"

    large = [
        ["first picture of ``watch``", seconds("view")],
        ["``get_host_inventories``", f"{seconds('gather')}; the view takes {beside('gather')} times as long"],
        [
            "bare nats-py, unchecked dicts",
            f"{seconds('bare')}; the view takes {beside('bare')} times as long",
        ],
        ["processor time in a minute", f"{current['cpu_per_minute']:.1f} s"],
        ["memory for each host", f"{current['bytes_per_host'] / 1024:.1f} KiB"],
    ]
    reads = [[f"``{what}``", f"{found:.1f} µs"] for what, found in current["reads"].items()]
    waits = [
        [
            name,
            f"{statistics.median(results['waits'][way]['seconds']) * 1000:.0f} ms",
            f"{max(results['waits'][way]['seconds']) * 1000:.0f} ms",
            f"{statistics.mean(results['waits'][way]['requests']):.1f}",
        ]
        for name, way in (
            ("``wait_until``", "wait_until"),
            ("``get_host_inventories`` and a second's sleep, in a loop", "polling"),
        )
    ]
    idle = [
        [
            name,
            f"{results['idle'][side]['seconds']:.0f} s",
            str(results["idle"][side]["wake_ups"]),
            f"{results['idle'][side]['cpu_seconds'] * 1000:.1f} ms",
        ]
        for name, side in (("a client with a receiver", "ours"), ("a client with a view of no hosts", "view"))
    ]
    return {
        "live": table([f"{results['hosts']:,} hosts with 10 components each", ""], large),
        "live-reads": table(["reading", "time"], reads),
        "live-waits": table(["to notice a change", "median", "longest", "requests to hosts"], waits),
        "live-idle": table(["process", "time", "wake-ups of all threads", "processor time"], idle),
    }
