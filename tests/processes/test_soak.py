"""Full load, for long: with ``-m long`` alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from echo import Echo
from scripts import WARNINGS

from wasmcloud_ctl.testing import PracticeServer

pytestmark = pytest.mark.long

# Shorter ones are for those who work on this test.
SECONDS = float(os.environ.get("WASMCLOUD_CTL_SOAK_SECONDS", "600"))
RESTART_SECONDS = 20.0

# The client is in a process of its own, for its memory to be its own.
SCRIPT = """
import json, sys, threading, time
import wasmcloud_ctl

url, lattice, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
end = time.monotonic() + seconds
began, right, crossed, longest = [0] * 4, [0] * 4, [0] * 4, [0.0] * 4
failed = [{} for _ in range(4)]
heard = [0]

def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096

def call(client, thread):
    number = 0
    while time.monotonic() < end:
        name = f"{thread}-{number}"
        number += 1
        began[thread] += 1
        started = time.monotonic()
        try:
            answer = client.get_config(name).data
        except wasmcloud_ctl.CtlError as error:
            kind = type(error).__name__
            failed[thread][kind] = failed[thread].get(kind, 0) + 1
            if kind == "NotConnectedError":
                time.sleep(0.005)  # a caller that goes round in a circle while the server is away measures itself
        else:
            if answer == {"question": name}:
                right[thread] += 1
            else:
                crossed[thread] += 1
        longest[thread] = max(longest[thread], time.monotonic() - started)

def listen(receiver):
    for event in receiver:
        heard[0] += 1

with wasmcloud_ctl.connect(url, lattice=lattice) as client:
    receiver = client.events_receiver(maxsize=1000)
    listener = threading.Thread(target=listen, args=(receiver,))
    callers = [threading.Thread(target=call, args=(client, thread)) for thread in range(4)]
    for thread in (listener, *callers):
        thread.start()
    time.sleep(seconds / 10)
    first = resident()
    for thread in callers:
        thread.join()
    last = resident()
    gaps = receiver.gaps
    transport = client._sender.transports.get()
    left = len(transport.session._pending), len(transport.session.subscriptions), len(transport.bridge._waiters)
listener.join(10)
kinds = {}
for some in failed:
    for kind, count in some.items():
        kinds[kind] = kinds.get(kind, 0) + count
print(json.dumps({
    "began": sum(began), "right": sum(right), "crossed": sum(crossed), "failed": kinds,
    "longest": max(longest), "first": first, "last": last, "gaps": gaps, "heard": heard[0], "left": left,
    "threads": threading.active_count(),
}))
"""


@pytest.mark.timeout(SECONDS + 120)
def test_ten_minutes_at_full_load_with_a_server_that_restarts(tmp_path: Path) -> None:
    """Four threads call without a pause while the server is restarted every 20 s: every call ends in its time, none
    has another's answer, and after the first tenth the memory grows by less than 5 %."""
    with PracticeServer() as server, Echo(server.url, "soak", event_each=100):
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, server.url, "soak", str(SECONDS)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONWARNINGS": WARNINGS},
        )
        try:
            restarts = 0
            end = time.monotonic() + SECONDS - RESTART_SECONDS / 2
            while time.monotonic() + RESTART_SECONDS < end:
                time.sleep(RESTART_SECONDS)
                server.restart()
                restarts += 1
            output, errors = process.communicate(timeout=2 * RESTART_SECONDS + 60)
        finally:
            process.kill()
            process.communicate()

    assert (process.returncode, errors) == (0, "")
    told: dict[str, Any] = json.loads(output)
    print(restarts, "restarts:", told)
    assert told["crossed"] == 0
    assert told["began"] == told["right"] + sum(told["failed"].values())
    # A restart loses what is under way on it: a call for each thread, and those that come while it is away.
    assert set(told["failed"]) <= {"NotConnectedError", "NoResponders", "RequestTimeout"}
    assert told["failed"].get("RequestTimeout", 0) <= 4 * restarts
    assert told["longest"] < 2.0 + 1.0
    assert (told["gaps"], told["left"], told["threads"]) == (restarts, [0, 1, 1], 1)
    assert told["heard"] > 0
    assert told["last"] <= told["first"] * 1.05
