"""Fail if a ratio is worse than that of the last release by more than the noise: ``python -m benchmarks.guard``.

It measures the comparisons that have a limit, with less work than for the page on performance. ``--write`` measures
them many times instead, and writes the figures of a release.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

from benchmarks.measuring import Comparison, compare, machine
from benchmarks.ratios import TRIAL, Sizes, comparisons
from benchmarks.world import world

_SIZES = Sizes(
    hosts=2_000,
    components=1_000,
    events=10_000,
    heartbeats=500,
    slow=100,
    calls=200,
    inventories=10,
    pairs=11,
    few_pairs=5,
)

# A ratio must be too bad this often in a row.
_ATTEMPTS = 3

# For a release, everything is measured this often, and as often again while other processes keep the cores busy.
_ROUNDS = 7

# Another machine differs from the one that measured the release.
_LEAST_NOISE = 1.25


@attrs.frozen(kw_only=True)
class Released:
    """A comparison as it was measured for a release.

    Attributes:
        name: What was measured.
        ratio: The median of the ratios on a quiet machine.
        noise: The factor between that and the third worst one, also on a busy machine. At least ``_LEAST_NOISE``.
        speed: Whether the ratio compares speeds, so that a lower one is worse.
    """

    name: str
    ratio: float
    noise: float
    speed: bool

    @property
    def bound(self) -> float:
        """The worst ratio that may be noise."""
        return self.ratio / self.noise if self.speed else self.ratio * self.noise

    def allows(self, ratio: float) -> bool:
        """Whether a ratio is no worse than the bound."""
        return ratio >= self.bound if self.speed else ratio <= self.bound


def _check(comparison: Comparison, released: Released | None) -> str:
    """Measure a comparison. Return what is wrong with it, or an empty text."""
    if released is None:
        return f"{comparison.name}: there are no figures of it: run this with --write"
    found: list[float] = []
    while len(found) < _ATTEMPTS and not (found and released.allows(found[-1])):
        found.append(compare(comparison).ratio)
    print(f"{found[-1]:8.3f} (released {released.ratio:.3f}, bound {released.bound:.3f})  {comparison.name}")
    if released.allows(found[-1]):
        return ""
    ratios = ", ".join(f"{ratio:.3g}" for ratio in found)
    return (
        f"{comparison.name}: {ratios} in {_ATTEMPTS} attempts. The last release has {released.ratio:.3g}, and up to "
        f"a factor of {released.noise:g} is noise"
    )


def _summarize(comparison: Comparison, quiet: Sequence[float], busy: Sequence[float]) -> Released:
    """Return the figures of a release from the ratios of all rounds, on a quiet machine and on a busy one."""
    ratio = statistics.median(quiet)
    from_the_worst = sorted([*quiet, *busy], reverse=not comparison.speed)
    # A row fails after this many attempts that are too bad. So it takes as many bad rounds to be noise.
    bad = from_the_worst[:_ATTEMPTS][-1]
    noise = ratio / bad if comparison.speed else bad / ratio
    return Released(
        name=comparison.name,
        ratio=round(ratio, 4),
        noise=round(max(noise, _LEAST_NOISE), 3),
        speed=comparison.speed,
    )


@contextlib.contextmanager
def _busy_cores() -> Iterator[None]:
    """Keep all cores busy for the duration of the block."""
    with contextlib.ExitStack() as at_end:
        for _ in range(os.cpu_count() or 1):
            process = at_end.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            at_end.callback(process.kill)
        yield


def _write(rows: Sequence[Comparison], rounds: int, path: Path) -> None:
    """Measure for a release, and write its figures."""
    quiet: dict[str, list[float]] = {row.name: [] for row in rows}
    busy: dict[str, list[float]] = {row.name: [] for row in rows}
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
        for row in rows:
            quiet[row.name].append(compare(row).ratio)
        with _busy_cores():
            for row in rows:
                busy[row.name].append(compare(row).ratio)
    figures = [attrs.asdict(_summarize(row, quiet[row.name], busy[row.name])) for row in rows]
    document = {"machine": machine(), "rows": figures}
    path.write_text(json.dumps(document, indent=1) + "\n", "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.guard",
        description="Measure quickly, and fail if a ratio is worse than in the last release by more than the noise.",
    )
    parser.add_argument("--write", action="store_true", help="measure for a release, and write its figures")
    parser.add_argument(
        "--quick", action="store_true", help="run for a few seconds, only to see that it works"
    )
    parser.add_argument(
        "--figures",
        type=Path,
        default=Path(__file__).with_name("released.json"),
        help="the file with the figures of the last release (default: %(default)s)",
    )
    arguments = parser.parse_args()
    with world() as server, comparisons(server, TRIAL if arguments.quick else _SIZES) as all_of_them:
        rows = [row for row in all_of_them if row.limit is not None]
        if arguments.write:
            _write(rows, 1 if arguments.quick else _ROUNDS, arguments.figures)
            return
        document = json.loads(arguments.figures.read_text("utf-8"))
        released = {row["name"]: Released(**row) for row in document["rows"]}
        complaints = [_check(row, released.pop(row.name, None)) for row in rows]
        complaints += [f"{name}: it is no longer measured: run this with --write" for name in released]
    if any(complaints):
        here, there = machine(), document["machine"]
        complaints += [
            f"{what}: {here.get(what)} here, {there.get(what)} at the release"
            for what in there
            if here.get(what) != there[what]
        ]
        sys.exit("\n".join(filter(None, complaints)))


if __name__ == "__main__":
    main()
