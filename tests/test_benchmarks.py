"""The benchmarks can be run, and tell of all that they are meant to. What the figures are is not for a test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

_CHECKOUT = Path(__file__).parent.parent


def _run(part: str, folder: Path) -> Any:
    environment = {**os.environ, "PYTHONPATH": str(_CHECKOUT)}
    subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--out", str(folder), part],
        check=True,
        cwd=_CHECKOUT,
        env=environment,
        stdout=subprocess.DEVNULL,
        timeout=25,
    )
    document = json.loads((folder / f"{part}.json").read_text("utf-8"))
    assert document["quick"] is True
    return document["results"]


def test_all_that_has_a_limit_is_compared(tmp_path: Path) -> None:
    """One command measures each promise beside its limit and its goal."""
    found = [
        (result["limit"], result["goal"], result["speed"])
        for result in _run("ratios", tmp_path)
        if result["limit"] is not None
    ]

    assert found == [
        (1.4, 1.2, False),  # get_config
        (0.75, 0.45, False),  # get_hosts
        (2.3, 1.8, False),  # get_host_inventory
        (1.3, 1.1, False),  # events
        (0.02, None, False),  # get_host_inventories
        (0.7, 0.5, False),  # import
        (1.5, 1.3, False),  # a process
        (2.0, None, True),  # threads
    ]


def test_the_ratios_are_those_of_the_times(tmp_path: Path) -> None:
    """With one pair of times, the ratio is the one divided by the other, or for speeds the other way round."""
    for result in _run("ratios", tmp_path):
        (ours,), (other,) = result["ours"], result["other"]
        assert result["ratio"] == pytest.approx(other / ours if result["speed"] else ours / other)


@pytest.mark.parametrize(
    ("part", "keys"),
    [
        ("growth", {"hosts", "components", "threads"}),
        ("stages", {"stages", "whole", "bare", "batches"}),
        pytest.param(
            "idle",
            {"ours", "bare", "memory"},
            marks=pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is Linux's"),
        ),
    ],
)
def test_the_other_parts_tell_all_that_they_measure(part: str, keys: set[str], tmp_path: Path) -> None:
    """Each of the other parts writes its results as JSON."""
    assert _run(part, tmp_path).keys() == keys


def test_the_tables_are_written_for_the_documentation(tmp_path: Path) -> None:
    """Each table is a file that the page on performance includes, and none of these is missing."""
    _run("stages", tmp_path)

    assert (tmp_path / "stages.inc").read_text("utf-8").startswith("====")
    assert (tmp_path / "machine.inc").read_text("utf-8").startswith("====")
