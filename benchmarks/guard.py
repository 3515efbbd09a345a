"""Fail if a ratio is worse than that of the last release by more than the noise: ``python -m benchmarks.guard``.

It measures the comparisons that have a limit, with less work than for the page on performance. ``--write`` measures
them many times instead and writes ``released.json``, the figures of a release.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import attrs

import wasmcloud_ctl
from benchmarks.measuring import Comparison, Ratio, compare
from benchmarks.ratios import Sizes, comparisons
from benchmarks.world import world

RELEASED = Path(__file__).with_name("released.json")

SIZES = Sizes(
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

# To write the figures of a release, everything is measured this often. In each second round, another process keeps a
# core busy.
_ROUNDS = 20

# Another machine differs from the one that measured the release.
_LEAST_NOISE = 1.15


@attrs.frozen(kw_only=True)
class Released:
    """A comparison as it was measured for a release.

    Attributes:
        name: What was measured.
        ratio: The median of the ratios of all rounds.
        noise: The factor between that and the worst one, at least ``_LEAST_NOISE``.
        speed: Whether the ratio compares speeds, so that a lower one is worse.
    """

    name: str
    ratio: float
    noise: float
    speed: bool

    @property
    def bound(self) -> float:
        """The worst ratio that is no more than noise."""
        return self.ratio / self.noise if self.speed else self.ratio * self.noise

    def allows(self, ratio: float) -> bool:
        """Whether a ratio is no worse than the bound."""
        return ratio >= self.bound if self.speed else ratio <= self.bound


def summarize(name: str, ratios: Sequence[float], speed: bool) -> Released:
    """Return the figures of a release from the ratios of all rounds."""
    middle = statistics.median(ratios)
    noise = middle / min(ratios) if speed else max(ratios) / middle
    return Released(name=name, ratio=round(middle, 4), noise=round(max(noise, _LEAST_NOISE), 3), speed=speed)


def check(
    rows: Iterable[Comparison],
    released: Iterable[Released],
    measure: Callable[[Comparison], Ratio] = compare,
) -> list[str]:
    """Measure the comparisons, and return a sentence for each that is worse than in the last release."""
    last = {row.name: row for row in released}
    complaints = []
    for comparison in rows:
        row = last.pop(comparison.name, None)
        if row is None:
            complaints.append(f"{comparison.name}: not in {RELEASED.name}; write it anew")
            continue
        found: list[float] = []
        while len(found) < _ATTEMPTS:
            found.append(measure(comparison).ratio)
            if row.allows(found[-1]):
                break
        else:
            worst = "at least" if row.speed else "at most"
            ratios = ", ".join(f"{ratio:.3g}" for ratio in found)
            complaints.append(
                f"{row.name}: {ratios}, and {worst} {row.bound:.3g} is expected: the last release had "
                f"{row.ratio:.3g}, and the noise is a factor of {row.noise:g}"
            )
        print(f"{found[-1]:8.3f} (released: {row.ratio:.3f}, bound {row.bound:.3f})  {row.name}", flush=True)
    return complaints + [f"{name}: is no longer measured; write {RELEASED.name} anew" for name in last]


@contextlib.contextmanager
def _limited() -> Iterator[list[Comparison]]:
    """Provide the comparisons that have a limit."""
    with world() as server, comparisons(server, SIZES) as rows:
        yield [row for row in rows if row.limit is not None]


@contextlib.contextmanager
def _busy(busy: bool) -> Iterator[None]:
    """Keep a core busy for the duration of the block, if asked to."""
    if not busy:
        yield
        return
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _measure_release() -> list[Released]:
    found: dict[str, list[float]] = {}
    with _limited() as rows:
        for number in range(_ROUNDS):
            print(f"round {number + 1} of {_ROUNDS}", file=sys.stderr, flush=True)
            with _busy(number % 2 == 1):
                for row in rows:
                    found.setdefault(row.name, []).append(compare(row).ratio)
        return [summarize(row.name, found[row.name], row.speed) for row in rows]


def read(path: Path = RELEASED) -> list[Released]:
    """Read the figures of the last release."""
    return [Released(**row) for row in json.loads(path.read_text("utf-8"))["rows"]]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.guard",
        description="Measure quickly, and fail if a ratio is worse than in the last release by more than the noise.",
    )
    parser.add_argument("--write", action="store_true", help=f"write {RELEASED.name} for a release instead")
    if parser.parse_args().write:
        rows = [attrs.asdict(row) for row in _measure_release()]
        document = {"version": wasmcloud_ctl.__version__, "rows": rows}
        RELEASED.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
        return
    with _limited() as limited:
        complaints = check(limited, read())
    if complaints:
        sys.exit("\n".join(complaints))


if __name__ == "__main__":
    main()
