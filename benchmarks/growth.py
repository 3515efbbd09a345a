"""Measure how times grow with hosts, components and threads."""

from __future__ import annotations

import statistics
import sys
import threading
import time
from typing import Any

import attrs

import wasmcloud_ctl
from benchmarks import others
from benchmarks.measuring import Comparison, compare, quartiles
from benchmarks.ratios import call
from benchmarks.tables import span, table
from benchmarks.world import world
from wasmcloud_ctl import Client
from wasmcloud_ctl.testing._server import PracticeServer


@attrs.frozen(kw_only=True)
class _Step:
    """The times of the client and of bare nats-py for one size."""

    size: int
    ours: float
    bare: float
    ratio: float


def _step(size: int, comparison: Comparison) -> dict[str, Any]:
    ratio = compare(comparison)
    step = _Step(
        size=size,
        ours=statistics.median(ratio.ours),
        bare=statistics.median(ratio.other),
        ratio=ratio.ratio,
    )
    print(f"{comparison.name} {size}: {step.ratio:.2f}", file=sys.stderr, flush=True)
    return attrs.asdict(step)


def _hosts(server: PracticeServer, client: Client, quick: bool) -> list[dict[str, Any]]:
    bare = others.Bare(server.url)
    steps = []
    for count in (1, 10) if quick else (1, 10, 100, 1_000, 10_000):
        hosts = client.for_lattice(f"hosts-{count}")
        subject = f"wasmbus.ctl.v1.hosts-{count}.host.ping"
        repeat = max(1, 200 // count)

        def ours(hosts: Client = hosts, count: int = count, repeat: int = repeat) -> None:
            for _ in range(repeat):
                hosts.get_hosts(expected=count)

        def other(subject: str = subject, count: int = count, repeat: int = repeat) -> None:
            for _ in range(repeat):
                bare.gather(subject, count)

        comparison = Comparison(
            name="hosts",
            beside="callback on an inbox, json.loads",
            ours=ours,
            other=other,
            pairs=1 if quick else 9,
            work=repeat,
        )
        steps.append(_step(count, comparison))
    bare.close()
    return steps


def _components(server: PracticeServer, client: Client, quick: bool) -> list[dict[str, Any]]:
    bare = others.Bare(server.url)
    steps = []
    for count in (10, 100) if quick else (10, 100, 1_000, 10_000):
        host_id = f"components-{count}"
        subject = f"wasmbus.ctl.v1.default.host.get.{host_id}"
        repeat = max(1, 500 // count)

        def ours(host_id: str = host_id, repeat: int = repeat) -> None:
            for _ in range(repeat):
                client.get_host_inventory(host_id)

        def other(subject: str = subject, repeat: int = repeat) -> None:
            bare.ask(subject, repeat)

        comparison = Comparison(
            name="components",
            beside="request awaited, json.loads",
            ours=ours,
            other=other,
            pairs=1 if quick else 15,
            work=repeat,
        )
        steps.append(_step(count, comparison))
    bare.close()
    return steps


def _threads(client: Client, quick: bool) -> list[dict[str, Any]]:
    steps = []
    call(client, 10)  # to warm up
    for count in (1, 8) if quick else (1, 2, 4, 8, 16, 32, 64):
        each = 2 if quick else 6400 // count
        times: list[float] = []

        def ask(each: int = each, times: list[float] = times) -> None:
            for _ in range(each):
                started = time.perf_counter()
                client.get_config("web")
                times.append(time.perf_counter() - started)

        rates, processor_times = [], []
        for _ in range(1 if quick else 3):
            threads = [threading.Thread(target=ask) for _ in range(count)]
            started, processor_time = time.perf_counter(), time.process_time()
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            rates.append(count * each / (time.perf_counter() - started))
            processor_times.append((time.process_time() - processor_time) / (count * each))
        times.sort()
        steps.append(
            {
                "threads": count,
                "calls_per_second": statistics.median(rates),
                "median": quartiles(times)[1],
                "worst_in_a_hundred": times[int(len(times) * 0.99)],
                "processor": statistics.median(processor_times),
            }
        )
        print(f"threads {count}: {steps[-1]['calls_per_second']:.0f}", file=sys.stderr, flush=True)
    return steps


def measure(quick: bool) -> dict[str, Any]:
    """Measure the results of all three tables."""
    with world() as server:
        with wasmcloud_ctl.connect(server.url, timeout=others.TIMEOUT, auction_timeout=60.0) as client:
            return {
                "hosts": _hosts(server, client, quick),
                "components": _components(server, client, quick),
                "threads": _threads(client, quick),
            }


def tables(results: dict[str, Any]) -> dict[str, str]:
    """Return the tables by name."""

    def sizes(what: str, key: str) -> str:
        rows = [
            [
                f"{step['size']:,}",
                span(step["ours"]),
                span(step["bare"]),
                f"{step['ratio']:.2f}",
                span(step["ours"] / step["size"]),
            ]
            for step in results[key]
        ]
        return table([what, "here", "bare nats-py", "ratio", "here, for each"], rows)

    return {
        "hosts": sizes("hosts", "hosts"),
        "components": sizes("components", "components"),
        "threads": table(
            [
                "threads",
                "calls per second",
                "a call, median",
                "a call, 99th percentile",
                "a call, processor time",
            ],
            [
                [
                    str(step["threads"]),
                    f"{step['calls_per_second']:,.0f}",
                    span(step["median"]),
                    span(step["worst_in_a_hundred"]),
                    span(step["processor"]),
                ]
                for step in results["threads"]
            ],
        ),
    }
