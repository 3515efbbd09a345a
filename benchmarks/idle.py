"""Measure an idle client: its wake-ups and its memory. Linux only."""

from __future__ import annotations

import json
import sys
from typing import Any

from benchmarks.ratios import run_python
from benchmarks.tables import table
from benchmarks.world import world


def measure(quick: bool) -> dict[str, Any]:
    """Measure each in its own process."""
    found: dict[str, Any] = {}
    with world() as server:
        for what in ("ours", "bare"):
            seconds = 1 if quick else 60
            found[what] = json.loads(
                run_python("-m", "benchmarks.scripts.idle", what, server.url, str(seconds))
            )
            print(f"idle {what}: {found[what]}", file=sys.stderr, flush=True)
        few, many = (2, 100) if quick else (50, 50_000)
        found["memory"] = json.loads(
            run_python("-m", "benchmarks.scripts.memory", server.url, str(server.port), str(few), str(many))
        )
        print(f"memory: {found['memory']}", file=sys.stderr, flush=True)
    return found


def tables(results: dict[str, Any]) -> dict[str, str]:
    """Return two tables by name: wake-ups and memory."""
    idle = [
        [
            name,
            f"{results[side]['seconds']:.0f} s",
            str(results[side]["pings"]),
            str(results[side]["wake_ups"]),
            f"{results[side]['cpu_seconds'] * 1000:.1f} ms",
        ]
        for name, side in (("here, with a receiver", "ours"), ("bare nats-py, with a subscription", "bare"))
    ]
    memory = [[what, f"{size / 1024:,.1f} KiB"] for what, size in results["memory"].items()]
    return {
        "idle": table(["process", "time", "pings", "wake-ups of all threads", "processor time"], idle),
        "memory": table(["for each", "memory"], memory),
    }
