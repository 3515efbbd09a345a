"""The benchmarks can be run, and tell of all that they are meant to. What the figures are is not for a test."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

# Many processes start, which is slow on a busy machine.
pytestmark = [pytest.mark.timeout(120), pytest.mark.needs("pyperf")]

_CHECKOUT = Path(__file__).parents[2]

# Wake-ups and memory are read from /proc.
_PARTS = ("ratios", "stages", "growth", *(("idle",) if sys.platform.startswith("linux") else ()))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that one quick run has written to."""
    folder = tmp_path_factory.mktemp("benchmarks")
    subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--out", str(folder), *_PARTS],
        check=True,
        cwd=_CHECKOUT,
        env={**os.environ, "PYTHONPATH": str(_CHECKOUT)},
        stdout=subprocess.DEVNULL,
        timeout=115,
    )
    return folder


def _results(folder: Path, part: str) -> Any:
    return json.loads((folder / f"{part}.json").read_text("utf-8"))["results"]


def test_all_that_has_a_limit_is_compared(written: Path) -> None:
    """One command measures each promise beside its limit and its goal."""
    found = [
        (result["limit"], result["goal"], result["speed"])
        for result in _results(written, "ratios")
        if result["limit"] is not None
    ]

    assert found == [
        (1.4, 1.2, False),  # get_config
        (0.75, 0.45, False),  # get_hosts
        (2.3, 1.8, False),  # get_host_inventory
        (1.3, 1.1, False),  # events
        (0.02, None, False),  # get_host_inventories
        (2.0, 1.7, False),  # a process
        (2.0, None, True),  # threads
    ]


def test_the_ratios_are_those_of_the_times(written: Path) -> None:
    """With one pair of times, the ratio is the one divided by the other, or for speeds the other way round."""
    for result in _results(written, "ratios"):
        (ours,), (other,) = result["ours"], result["other"]
        assert result["ratio"] == pytest.approx(other / ours if result["speed"] else ours / other)


def test_the_stages_of_a_call_follow_each_other(written: Path) -> None:
    """Each stage of a call has a time of its own, from the method to its return."""
    stages = [stage["seconds"] for stage in _results(written, "stages")["stages"]]

    assert len(stages) == 11
    assert min(stages) > 0


def test_growth_is_told_of_hosts_components_and_threads(written: Path) -> None:
    """A quick run takes two sizes of each."""
    results = _results(written, "growth")

    assert [step["size"] for step in results["hosts"]] == [1, 10]
    assert [step["size"] for step in results["components"]] == [10, 100]
    assert [step["threads"] for step in results["threads"]] == [1, 8]


@pytest.mark.skipif("idle" not in _PARTS, reason="wake-ups and memory are read from /proc, which is Linux's")
def test_idleness_is_told_beside_bare_nats_py(written: Path) -> None:
    """Wake-ups of both, and what is held in memory."""
    assert _results(written, "idle").keys() == {"ours", "bare", "memory"}


@pytest.mark.skipif("idle" not in _PARTS, reason="wake-ups and memory are read from /proc, which is Linux's")
def test_the_page_includes_all_tables_and_no_others(written: Path) -> None:
    """Page and figures cannot part: what one run writes is what the page on performance shows."""
    page = (_CHECKOUT / "docs" / "performance.rst").read_text("utf-8")

    included = set(re.findall(r"^\.\. include:: performance/(\S+)$", page, re.MULTILINE))

    assert included == {path.name for path in written.glob("*.inc")}
    for name in included:
        assert (_CHECKOUT / "docs" / "performance" / name).exists()
