"""Compare two ways to do the same thing, in alternating pairs.

pyperf and pytest-benchmark finish one measurement before they start the other. If the machine gets busier in between,
that looks like a difference. Here each sample of one way is followed by a sample of the other, and the order changes
each time. Each pair gives a ratio, and the result is the median of the ratios. From pyperf come the clock, the
description of the machine, and the format of a file with all times, which pyperf's own commands can read.
"""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable, Iterable, Sequence

import attrs
import pyperf


@attrs.frozen(kw_only=True)
class Comparison:
    """Two ways to do the same thing.

    Attributes:
        name: What is measured.
        beside: What it is compared with.
        ours: Does it one way.
        other: Does it the other way.
        pairs: The number of pairs of samples.
        work: The number of calls in one sample. Shown times are for one call.
        limit: The highest ratio that is allowed. With ``speed``, the lowest.
        goal: The ratio to aim for.
        speed: Whether the ratio compares speeds instead of times.
        own_time: Whether both functions return their own seconds, instead of being timed.
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
    """The result of a comparison.

    Attributes:
        name: What was measured.
        beside: What it was compared with.
        ratio: The median of the ratios.
        low: Their first quartile.
        high: Their third quartile.
        limit: The highest ratio that is allowed. With ``speed``, the lowest.
        goal: The ratio to aim for.
        speed: Whether the ratio compares speeds instead of times.
        ours: The seconds of one way, for one call.
        other: The seconds of the other way, for one call.
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
    """Return the seconds that a function takes."""
    if collect:
        gc.collect()  # so that this sample does not pay for garbage of the one before
    started = pyperf.perf_counter()
    function()
    return float(pyperf.perf_counter() - started)


def compare(comparison: Comparison) -> Ratio:
    """Measure both ways, alternating."""

    def sample(function: Callable[[], object]) -> float:
        if comparison.own_time:
            return float(str(function()))
        return seconds(function)

    ours: list[float] = []
    other: list[float] = []
    # Warm up both sides, so that no sample includes what is created at first use.
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
    """Return the first quartile, the median and the third quartile."""
    if len(values) < 2:
        return values[0], values[0], values[0]
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, median, high


def suite(ratios: Iterable[Ratio]) -> pyperf.BenchmarkSuite:
    """Return all times in pyperf's format, for ``python -m pyperf show`` and its other commands."""
    benchmarks = []
    for ratio in ratios:
        for side, values in (("ours", ratio.ours), (ratio.beside, ratio.other)):
            metadata = {"name": f"{ratio.name}: {side}", "unit": "second"}
            benchmarks.append(
                pyperf.Benchmark([pyperf.Run(values, metadata=metadata, collect_metadata=False)])
            )
    return pyperf.BenchmarkSuite(benchmarks)


def machine() -> dict[str, str]:
    """Describe what the times depend on: the machine, the system and the versions."""
    import importlib.metadata
    import subprocess

    from wasmcloud_ctl.testing._server import find_nats_server

    found = pyperf.Run([1.0]).get_metadata()
    server = subprocess.run([find_nats_server(), "--version"], capture_output=True, text=True, check=True)
    facts = {
        "cores": str(found["cpu_count"]),
        "CPU": str(found.get("cpu_model_name", "unknown")),
        "system": str(found["platform"]).partition("-")[0],
        "Python": str(found["python_version"]).partition(" ")[0],
        "nats-server": server.stdout.strip().rpartition("v")[2],
    }
    for package in ("wasmcloud_ctl", "nats-py", "anyio", "cattrs", "attrs", "uvloop", "pyperf"):
        try:
            facts[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            pass  # a package that is not installed does not influence the times
    return facts
