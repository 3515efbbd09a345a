"""Measure the stages of a call, from the method to the socket and back."""

from __future__ import annotations

import contextlib
import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import wasmcloud_ctl
from benchmarks import others
from benchmarks.measuring import seconds
from benchmarks.ratios import call, hear
from benchmarks.tables import span, table
from benchmarks.world import world
from wasmcloud_ctl import Client
from wasmcloud_ctl._bridge.handover import Deadline, MessageQueue, Result
from wasmcloud_ctl._bridge.loop import Bridge
from wasmcloud_ctl._protocol import codec
from wasmcloud_ctl._transport import Transport
from wasmcloud_ctl._transport.calls import Request
from wasmcloud_ctl._transport.connection import Connection
from wasmcloud_ctl._transport.reader import Reader

# Each stage ends at a mark: its name, its thread, and the function that is marked. ``before`` marks the function's
# start, ``after`` its end.
_STAGES = (
    ("method: arguments, subject", "caller", Transport, "request", "before"),
    ("request and result made", "caller", Bridge, "post", "before"),
    ("the loop is notified and wakes", "both", Request, "begin", "before"),
    ("registered, written to the socket", "loop", Connection, "send_message", "after"),
    ("outside: server, host, server", "none", Reader, "feed_data", "before"),
    ("the reply is found in what arrived", "loop", Request, "on_reply", "before"),
    ("result set", "loop", Result, "resolve", "after"),
    ("the caller wakes", "both", Result, "wait", "after"),
    ("result taken", "caller", codec, "decode_response", "before"),
    ("decoded", "caller", codec, "decode_response", "after"),
)
_LAST = ("method: response returned", "caller")


def _marking(
    function: Callable[..., Any], marks: dict[int, float], before: int, after: int
) -> Callable[..., Any]:
    def marked(*arguments: Any, **options: Any) -> Any:
        marks[before] = time.perf_counter()
        try:
            return function(*arguments, **options)
        finally:
            marks[after] = time.perf_counter()

    return marked


@contextlib.contextmanager
def _marked(marks: dict[int, float]) -> Iterator[None]:
    """Patch the functions of all stages, so that they record when they start or end."""
    with contextlib.ExitStack() as patches:
        for number, (_, _, owner, name, when) in enumerate(_STAGES, 1):
            # Only one of the two marks is used. The other one goes under a negative number, which is never read.
            before, after = (number, -number) if when == "before" else (-number, number)
            function = _marking(getattr(owner, name), marks, before, after)
            patches.enter_context(mock.patch.object(owner, name, function))
        yield


def _calls(client: Client, count: int) -> list[list[float]]:
    """Return the times between the marks of each call."""
    found = []
    marks: dict[int, float] = {}
    end = len(_STAGES) + 1
    with _marked(marks):
        for _ in range(count):
            marks.clear()
            marks[0] = time.perf_counter()
            client.get_config("web")
            marks[end] = time.perf_counter()
            found.append(
                [later - earlier for earlier, later in itertools.pairwise(marks[n] for n in range(end + 1))]
            )
    return found


def _batches(client: Client, trigger: others.RawSocket, count: int) -> list[dict[str, Any]]:
    """Count how often the calling thread finds an empty queue and has to be woken."""
    takes = waits = 0
    get = MessageQueue.get

    def counting(messages: MessageQueue[Any], deadline: Deadline | None) -> Any:
        nonlocal takes, waits
        takes += 1
        waits += len(messages) == 0
        return get(messages, deadline)

    found = []
    hosts = client.for_lattice(f"hosts-{count}")
    hosts.get_hosts(expected=count)  # the answering program prepares its bytes at the first request
    for what, work in (
        ("replies of get_hosts", lambda: hosts.get_hosts(expected=count)),
        (
            "events of a receiver",
            lambda: hear(client, count, lambda: trigger.begin(f"bench.events.one.{count}")),
        ),
    ):
        takes = waits = 0
        with mock.patch.object(MessageQueue, "get", counting):
            work()
        found.append({"what": what, "messages": takes, "waits": waits})
    return found


def measure(quick: bool) -> dict[str, Any]:
    """Measure the stages of a call, a whole call without marks, and a call by bare nats-py."""
    each, rounds = (20, 1) if quick else (100, 30)
    whole: list[float] = []
    bare_calls: list[float] = []
    marked: list[list[float]] = []
    with world() as server, wasmcloud_ctl.connect(server.url, timeout=others.TIMEOUT) as client:
        bare = others.Bare(server.url)
        call(client, each)
        for _ in range(rounds):
            for _ in range(each):
                whole.append(seconds(lambda: client.get_config("web"), collect=False))
            marked += _calls(client, each)
            bare_calls += bare.times(others.CONFIG_SUBJECT, each)
        stages = [statistics.median(times) for times in zip(*marked, strict=True)]
        bare.close()
        trigger = others.RawSocket(server.port)
        batches = _batches(client, trigger, 50 if quick else 10_000)
        trigger.close()
    names = [(what, thread) for what, thread, *_ in _STAGES] + [_LAST]
    return {
        "stages": [
            {"what": what, "thread": thread, "seconds": seconds}
            for (what, thread), seconds in zip(names, stages, strict=True)
        ],
        "whole": statistics.median(whole),
        "bare": statistics.median(bare_calls),
        "batches": batches,
    }


def tables(results: dict[str, Any]) -> dict[str, str]:
    """Return two tables by name: the stages, and how often the reader of a message was asleep."""
    total = sum(stage["seconds"] for stage in results["stages"])
    rows = [
        [stage["what"], stage["thread"], span(stage["seconds"]), f"{stage['seconds'] / total:.0%}"]
        for stage in results["stages"]
    ]
    rows += [
        ["all stages, including the cost of marking", "", span(total), ""],
        ["a call, without marks", "", span(results["whole"]), ""],
        ["a call by bare nats-py, json.loads", "", span(results["bare"]), ""],
    ]
    batches = [[found["what"], f"{found['messages']:,}", str(found["waits"])] for found in results["batches"]]
    return {
        "stages": table(["stage", "thread", "median", "share"], rows),
        "batches": table(["what", "messages", "waits of the caller"], batches),
    }
