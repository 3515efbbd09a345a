"""Measure the steps of one message, from the stream to the caller, each by itself and on one thread."""

from __future__ import annotations

import asyncio
import json
import statistics
from collections.abc import Callable
from typing import Any

from benchmarks import replies
from benchmarks.measuring import seconds
from benchmarks.tables import span, table
from wasmcloud_ctl._bridge.handover import Deadline, MessageQueue
from wasmcloud_ctl._protocol import cloud_events, codec
from wasmcloud_ctl._transport.reader import Reader
from wasmcloud_ctl.models import Host, HostInventory

# What asyncio reads from a socket at most.
_PIECE = 262144


def _each(function: Callable[[], object], count: int, rounds: int) -> float:
    """Return the median seconds of one call of a function."""

    def repeat() -> None:
        for _ in range(count):
            function()

    return statistics.median(seconds(repeat) for _ in range(rounds)) / count


def _read(message: bytes, messages: int, rounds: int) -> float:
    """Return the seconds that a message takes from the stream to its queue."""

    async def read() -> float:
        queue: MessageQueue[bytes] = MessageQueue(messages * rounds)
        reader = Reader({b"1": lambda _subject, data, _headers: queue.put(data)}, 65536)
        sent = b"MSG a.b 1 %d\r\n%b\r\n" % (len(message), message) * messages
        pieces = [sent[begin : begin + _PIECE] for begin in range(0, len(sent), _PIECE)]

        def feed() -> None:
            for piece in pieces:
                reader.feed_data(piece)

        return _each(feed, 1, rounds) / messages

    return asyncio.run(read())


def _take(message: bytes, messages: int, rounds: int) -> float:
    """Return the seconds that it takes to take a message from its queue."""
    queue: MessageQueue[bytes] = MessageQueue()
    for _ in range(messages * rounds):
        queue.put(message)
    deadline = Deadline(60.0)
    return _each(lambda: queue.get(deadline), messages, rounds)


def measure(quick: bool) -> dict[str, Any]:
    """Measure an event, a reply to a ping, a large heartbeat and a large inventory."""
    rounds = 2 if quick else 15
    event, heartbeat = (replies.events(kind)[0][1] for kind in ("one", "heartbeats"))
    host, inventory = next(replies.hosts(1)), replies.inventory(1000)
    works: tuple[tuple[str, bytes, Callable[[], object]], ...] = (
        ("an event", event, lambda: cloud_events.decode_event(event, "default")),
        ("a host's reply", host, lambda: codec.decode_response(host, Host)),
        ("a heartbeat of 20 kB", heartbeat, lambda: cloud_events.decode_event(heartbeat, "default")),
        ("1,000 components", inventory, lambda: codec.decode_response(inventory, HostInventory)),
    )
    found = {}
    for name, message, decode in works:
        count = max(1, (10_000 if quick else 2_000_000) // len(message))

        def parse(message: bytes = message) -> object:
            return codec.parse_json(message)

        def loads(message: bytes = message) -> object:
            return json.loads(message)

        parsed, whole = _each(parse, count, rounds), _each(decode, count, rounds)
        found[name] = {
            "read": _read(message, min(count, 500), rounds),
            "taken": _take(message, 500, rounds),
            "parsed": parsed,
            "checked": whole - parsed,
            "json.loads": _each(loads, count, rounds),
        }
    return found


def tables(results: dict[str, Any]) -> dict[str, str]:
    """Return one table by name."""
    rows = [[name, *(span(seconds) for seconds in steps.values())] for name, steps in results.items()]
    headings = ["message", "read", "taken", "parsed", "checked, made", "for comparison: json.loads"]
    return {"messages": table(headings, rows)}
