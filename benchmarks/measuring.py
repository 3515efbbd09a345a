"""Pairs of times, and what is told of them.

pyperf and pytest-benchmark both measure one thing until they are done with it, and then the other: a machine that
gets busier in between shows as a ratio. Here each sample of the one is followed by a sample of the other (and the
next time the other goes first), a ratio is made of each two, and the median of these counts. pyperf has the clock,
what there is to say of the machine, and a file of all times that its own commands read.
"""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable, Iterable, Sequence

import attrs
import pyperf


@attrs.frozen(kw_only=True)
class Comparison:
    """Two ways to the same thing.

    Attributes:
        name: What is measured.
        beside: What it is measured beside.
        ours: Does the one.
        other: Does the other.
        pairs: How often both are done.
        work: What each does so often, for the times that are shown.
        limit: What the ratio of the times may be at most; for ``speed``, at least.
        goal: What it is hoped to be.
        speed: Whether the ratio is that of speeds, not of times.
        own_time: Whether both return the seconds that count, rather than be timed.
    """

    name: str
    beside: str
    ours: Callable[[], object]
    other: Callable[[], object]
    pairs: int
    work: int = 1
    limit: float | None = None
    goal: float | None = None
    speed: bool = False
    own_time: bool = False


@attrs.frozen(kw_only=True)
class Ratio:
    """What a comparison came to.

    Attributes:
        name: What was measured.
        beside: What it was measured beside.
        ratio: The median of the ratios.
        low: Their first quartile.
        high: Their third quartile.
        limit: What it may be at most; for ``speed``, at least.
        goal: What it is hoped to be.
        speed: Whether it is the ratio of speeds.
        ours: The seconds of the one, for each piece of work.
        other: The seconds of the other.
    """

    name: str
    beside: str
    ratio: float
    low: float
    high: float
    limit: float | None
    goal: float | None
    speed: bool
    ours: list[float]
    other: list[float]


def seconds(function: Callable[[], object], collect: bool = True) -> float:
    """How long a function takes."""
    if collect:
        gc.collect()  # what was left over by the one before is not to be paid by this one
    started = pyperf.perf_counter()
    function()
    return float(pyperf.perf_counter() - started)


def compare(comparison: Comparison) -> Ratio:
    """Measure both ways in turn."""

    def sample(function: Callable[[], object]) -> float:
        if comparison.own_time:
            return float(str(function()))
        return seconds(function)

    ours: list[float] = []
    other: list[float] = []
    # Once to warm up: what is made at the first use, on either side.
    comparison.other()
    comparison.ours()
    for number in range(comparison.pairs):
        if number % 2:
            ours.append(sample(comparison.ours))
            other.append(sample(comparison.other))
        else:
            other.append(sample(comparison.other))
            ours.append(sample(comparison.ours))
    ratios = [
        theirs / own if comparison.speed else own / theirs for own, theirs in zip(ours, other, strict=True)
    ]
    low, ratio, high = quartiles(ratios)
    return Ratio(
        name=comparison.name,
        beside=comparison.beside,
        ratio=ratio,
        low=low,
        high=high,
        limit=comparison.limit,
        goal=comparison.goal,
        speed=comparison.speed,
        ours=[value / comparison.work for value in ours],
        other=[value / comparison.work for value in other],
    )


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """The first quartile, the median, the third quartile."""
    if len(values) < 2:
        return values[0], values[0], values[0]
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, median, high


def suite(ratios: Iterable[Ratio]) -> pyperf.BenchmarkSuite:
    """All times, for ``python -m pyperf show`` and its other commands."""
    benchmarks = []
    for ratio in ratios:
        for side, values in (("ours", ratio.ours), (ratio.beside, ratio.other)):
            metadata = {"name": f"{ratio.name}: {side}", "unit": "second"}
            benchmarks.append(
                pyperf.Benchmark([pyperf.Run(values, metadata=metadata, collect_metadata=False)])
            )
    return pyperf.BenchmarkSuite(benchmarks)


def machine() -> dict[str, str]:
    """What the times depend on: the machine, the system, the versions."""
    import importlib.metadata
    import subprocess

    from wasmcloud_ctl.testing._server import find_nats_server

    found = pyperf.Run([1.0]).get_metadata()
    server = subprocess.run([find_nats_server(), "--version"], capture_output=True, text=True, check=True)
    told = {
        "cores": str(found["cpu_count"]),
        "CPU": str(found.get("cpu_model_name", "unknown")),
        "system": str(found["platform"]).partition("-")[0],
        "Python": str(found["python_version"]).partition(" ")[0],
        "nats-server": server.stdout.strip().rpartition("v")[2],
    }
    for package in ("wasmcloud_ctl", "nats-py", "anyio", "cattrs", "attrs", "uvloop", "pyperf"):
        try:
            told[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            pass  # what is not installed has no part in it
    return told
