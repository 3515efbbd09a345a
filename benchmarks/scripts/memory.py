"""Measure the memory of clients, receivers, queued events and decoded hosts.

``python -m benchmarks.scripts.memory URL PORT FEW MANY`` prints bytes for each as JSON. For a client it measures
resident memory, because a client has a thread and a socket. Everything else consists of Python objects, which
``tracemalloc`` counts exactly.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import wasmcloud_ctl
from benchmarks.others import TIMEOUT, Bare, RawSocket
from wasmcloud_ctl import Client


def _resident() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _objects() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


class _Found(dict[str, float]):
    @contextlib.contextmanager
    def each_of(self, count: int, what: str, measure: Callable[[], int] = _objects) -> Iterator[None]:
        """Record the memory that the block added, divided by ``count``."""
        before = measure()
        yield
        self[what] = max(0.0, (measure() - before) / count)


def _queue(client: Client, raw: RawSocket, count: int) -> wasmcloud_ctl.EventReceiver:
    """Return a receiver that holds ``count`` events."""
    receiver = client.events_receiver(maxsize=count)
    heard = client.events_receiver(maxsize=1)
    raw.begin(f"bench.events.one.{count}")
    # The second receiver keeps one event and drops the rest. When it has dropped all but one, both have received all.
    while heard.dropped < count - 1:
        client.get_config("web")
    heard.close()
    return receiver


def main(url: str, port: int, few: int, many: int) -> None:
    found = _Found()
    raw = RawSocket(port)
    with contextlib.ExitStack() as open_things:
        # Use everything once first, so that no measurement includes imports and other one-time costs.
        first = open_things.enter_context(wasmcloud_ctl.connect(url, timeout=TIMEOUT, auction_timeout=60.0))
        first.get_config("web")
        first.get_host_inventory("components-10")
        first.for_lattice("hosts-10").get_hosts(expected=10)
        with found.each_of(few, "client: connection, loop and thread", _resident):
            for _ in range(few):
                open_things.enter_context(wasmcloud_ctl.connect(url)).get_config("web")
        tracemalloc.start()
        with found.each_of(few * 20, "receiver, empty"):
            receivers = [first.events_receiver() for _ in range(few * 20)]
        for receiver in receivers:
            receiver.close()
        with found.each_of(many, "event, queued as bytes"):
            queue = _queue(first, raw, many)
        with found.each_of(many, "event, taken and kept typed"):
            kept = [queue.get() for _ in range(many)]
        queue.close()
        del kept
        hosts = first.for_lattice(f"hosts-{many // 5}")
        with found.each_of(many // 5, "host of get_hosts"):
            replies = hosts.get_hosts(expected=many // 5)
        del replies
        with found.each_of(1000, "component of an inventory"):
            inventory = first.get_host_inventory("components-1000")
        del inventory
    bare = Bare(url)
    subject = f"wasmbus.ctl.v1.hosts-{many // 5}.host.ping"
    with found.each_of(many // 5, "host as bare nats-py and json.loads have it"):
        dicts = bare.gather(subject, many // 5)
    del dicts
    bare.close()
    raw.close()
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
