"""The guard fails when the client has become slower than in the last release, and only then."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

# Many processes start, which is slow on a busy machine.
pytestmark = [pytest.mark.timeout(120), pytest.mark.needs("pyperf")]

_CHECKOUT = Path(__file__).parents[2]


def _guard(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.guard", "--quick", *arguments],
        cwd=_CHECKOUT,
        env={**os.environ, "PYTHONPATH": str(_CHECKOUT)},
        capture_output=True,
        text=True,
        timeout=100,
    )


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What the guard writes for a release, of as little work as there is."""
    path = tmp_path_factory.mktemp("guard") / "released.json"
    ended = _guard("--write", "--figures", str(path))
    assert ended.returncode == 0, ended.stderr
    rows: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))["rows"]
    return rows


def _of_a_release(figures: list[dict[str, Any]], slower: bool, path: Path) -> Path:
    """Write figures of a release that was much slower, or much quicker, so that noise here does not matter."""
    rows = [
        row | {"ratio": 1e9 if slower is not row["speed"] else 1e-9, "noise": 1.25}  # a speed is the inverse
        for row in figures
    ]
    path.write_text(json.dumps({"machine": {"Python": "2.7"}, "rows": rows}), "utf-8")
    return path


def test_a_release_has_a_ratio_and_its_noise_for_each_row_with_a_limit(figures: list[dict[str, Any]]) -> None:
    """At least a quarter is noise: another machine differs."""
    assert len(figures) == 11
    assert [row["speed"] for row in figures] == [False] * 10 + [True]
    assert min(row["noise"] for row in figures) >= 1.25


def test_what_is_no_slower_passes(figures: list[dict[str, Any]], tmp_path: Path) -> None:
    """Each row is printed with what it is compared to."""
    ended = _guard("--figures", str(_of_a_release(figures, True, tmp_path / "released.json")))

    assert (ended.returncode, ended.stderr) == (0, "")
    assert [line.partition(")  ")[2] for line in ended.stdout.splitlines()] == [
        row["name"] for row in figures
    ]


def test_what_is_slower_fails_after_three_attempts(figures: list[dict[str, Any]], tmp_path: Path) -> None:
    """Every row that is slower is named, with the ratios of each attempt."""
    ended = _guard("--figures", str(_of_a_release(figures, False, tmp_path / "released.json")))

    assert ended.returncode == 1
    *complaints, machine = ended.stderr.splitlines()
    parts = [line.rpartition(":") for line in complaints]
    assert [name for name, _, _ in parts] == [row["name"] for row in figures]
    assert {text.count(", ") for _, _, text in parts} == {3}
    assert all(" in 3 attempts. The last release has " in text for _, _, text in parts)
    assert machine == f"Python: {platform.python_version()} here, 2.7 at the release"


def test_the_rows_and_those_of_the_release_are_the_same(
    figures: list[dict[str, Any]], tmp_path: Path
) -> None:
    """So no row is left out by mistake."""
    first, *others = figures
    released = [*others, first | {"name": "of another time"}]

    ended = _guard("--figures", str(_of_a_release(released, True, tmp_path / "released.json")))

    assert ended.returncode == 1
    assert ended.stderr.splitlines()[:2] == [
        f"{first['name']}: there are no figures of it: run this with --write",
        "of another time: it is no longer measured: run this with --write",
    ]
