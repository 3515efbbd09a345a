"""Count how often any thread of an idle, connected process wakes up.

``python -m benchmarks.scripts.idle ours|view|bare URL SECONDS`` prints the result as JSON.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from pathlib import Path

import nats

import wasmcloud_ctl

# The client's own interval, so that both sides send the same number of pings.
_PING_SECONDS = 8


def _wake_ups() -> int:
    """Return how often the threads of this process went to sleep, which is how often they were woken."""
    switches = 0
    for status in Path("/proc/self/task").glob("*/status"):
        (found,) = re.findall(r"^voluntary_ctxt_switches:\s+(\d+)", status.read_text(), re.MULTILINE)
        switches += int(found)
    return switches


def _result(seconds: float, wake_ups: int, cpu_seconds: float) -> str:
    return json.dumps(
        {
            "seconds": seconds,
            "pings": int(seconds // _PING_SECONDS),
            "wake_ups": wake_ups,
            "cpu_seconds": cpu_seconds,
        }
    )


def _ours(url: str, seconds: float) -> None:
    with wasmcloud_ctl.connect(url) as client, client.events_receiver():
        client.get_config("web")
        time.sleep(0.2)  # let the call and the subscription finish
        before, cpu = _wake_ups(), time.process_time()
        time.sleep(seconds)  # the idle time that is measured
        print(_result(seconds, _wake_ups() - before, time.process_time() - cpu))


def _view(url: str, seconds: float) -> None:
    with wasmcloud_ctl.connect(url) as client, client.watch():
        time.sleep(2)  # the links are listed a second time
        before, cpu = _wake_ups(), time.process_time()
        time.sleep(seconds)  # the idle time that is measured
        print(_result(seconds, _wake_ups() - before, time.process_time() - cpu))


async def _bare(url: str, seconds: float) -> None:
    client = await nats.connect(url, ping_interval=_PING_SECONDS)
    await client.subscribe("wasmbus.evt.default.*")
    await client.flush()
    await asyncio.sleep(0.2)
    before, cpu = _wake_ups(), time.process_time()
    await asyncio.sleep(seconds)
    print(_result(seconds, _wake_ups() - before, time.process_time() - cpu))
    await client.close()


if __name__ == "__main__":
    if sys.argv[1] == "ours":
        _ours(sys.argv[2], float(sys.argv[3]))
    elif sys.argv[1] == "view":
        _view(sys.argv[2], float(sys.argv[3]))
    else:
        asyncio.run(_bare(sys.argv[2], float(sys.argv[3])))
