"""The benchmarks can be run, and tell of all that they are meant to. What the figures are is not for a test."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

# Many processes start, which is slow on a busy machine.
pytestmark = [pytest.mark.timeout(120), pytest.mark.needs("matplotlib", "pyperf")]

_CHECKOUT = Path(__file__).parents[2]

# Wake-ups and memory are read from /proc.
_PARTS = (
    "ratios",
    "stages",
    "messages",
    "growth",
    *(("idle", "live") if sys.platform.startswith("linux") else ()),
)


def _run(folder: Path, *arguments: str) -> None:
    """Run the benchmarks with a folder for their results."""
    subprocess.run(
        [sys.executable, "-m", "benchmarks", "--out", str(folder), *arguments],
        check=True,
        cwd=_CHECKOUT,
        env={**os.environ, "PYTHONPATH": str(_CHECKOUT)},
        stdout=subprocess.DEVNULL,
        timeout=115,
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that one quick run has written to."""
    folder = tmp_path_factory.mktemp("benchmarks")
    _run(folder, "--quick", *_PARTS)
    return folder


def _texts(plot: Path) -> list[str]:
    """The texts in a plot, as they stand there."""
    return [
        "".join(text.itertext())
        for text in ElementTree.fromstring(plot.read_bytes()).iter("{http://www.w3.org/2000/svg}text")
    ]


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
        (1.3, 1.15, False),  # get_config
        (1.4, 1.1, False),  # get_hosts
        (1.3, 1.0, False),  # events of one kind, by get
        (1.3, 1.0, False),  # and by iteration
        (1.4, 1.1, False),  # events of all kinds, by get
        (1.4, 1.1, False),  # and by iteration
        (2.3, 1.8, False),  # large heartbeats
        (2.3, 1.8, False),  # get_host_inventory
        (0.01, None, False),  # get_host_inventories
        (2.0, 1.7, False),  # a process
        (2.2, 3.0, True),  # threads
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


def test_the_steps_of_a_message_are_told(written: Path) -> None:
    """From the stream to the caller, for small messages and large ones."""
    found = _results(written, "messages")

    assert list(found) == ["an event", "a host's reply", "a heartbeat of 20 kB", "1,000 components"]
    for steps in found.values():
        assert list(steps) == ["read", "taken", "parsed", "checked", "json.loads"]


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


def test_the_page_shows_all_plots_in_both_themes(written: Path) -> None:
    """Each plot that one run draws is on the page, light on light pages and dark on dark ones, and told in words."""
    page = (_CHECKOUT / "docs" / "performance.rst").read_text("utf-8")

    shown = re.findall(
        r"^\.\. image:: performance/(\S+)\n   :class: only-(\S+)\n   :align: center\n   :alt: \S",
        page,
        re.MULTILINE,
    )

    assert sorted(shown) == sorted(
        (f"{plot}-{theme}.svg", theme)
        for plot in ("rows", "stages", "hosts", "components", "threads")
        for theme in ("light", "dark")
    )
    assert {name for name, _ in shown} == {path.name for path in written.glob("*.svg")}


def test_the_plots_on_the_page_are_of_the_figures_on_the_page(tmp_path: Path) -> None:
    """Drawn from the page's JSON, they have the same texts. The bytes may differ with matplotlib's version."""
    on_the_page = _CHECKOUT / "docs" / "performance"
    for part in ("ratios", "stages", "growth"):
        shutil.copy(on_the_page / f"{part}.json", tmp_path)

    _run(tmp_path, "--draw", "ratios", "stages", "growth")

    drawn = {path.name: _texts(path) for path in tmp_path.glob("*.svg")}
    assert drawn == {path.name: _texts(path) for path in on_the_page.glob("*.svg")}


def test_the_same_results_give_the_same_bytes(written: Path, tmp_path: Path) -> None:
    """To draw again measures nothing, and changes nothing."""
    before = {path.name: path.read_bytes() for path in written.iterdir()}
    shutil.copytree(written, tmp_path, dirs_exist_ok=True)
    for plot in tmp_path.glob("*.svg"):
        plot.unlink()

    _run(tmp_path, "--draw", *_PARTS)

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_only_the_named_part_is_drawn(written: Path, tmp_path: Path) -> None:
    """The plots of a part need no other part."""
    shutil.copy(written / "stages.json", tmp_path)

    _run(tmp_path, "--draw", "stages")

    assert {path.name for path in tmp_path.glob("*.svg")} == {"stages-light.svg", "stages-dark.svg"}


def test_a_part_without_results_cannot_be_drawn(tmp_path: Path) -> None:
    """The command says what is missing."""
    command = [sys.executable, "-m", "benchmarks", "--draw", "growth", "--out", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(_CHECKOUT)}

    ended = subprocess.run(command, cwd=_CHECKOUT, env=environment, stderr=subprocess.PIPE, text=True)

    assert ended.returncode == 2
    assert ended.stderr.endswith(f"error: there are no results of growth in {tmp_path}\n")


def test_plots_have_all_names_as_texts_in_the_font_of_the_page(written: Path) -> None:
    """Names are not drawn as curves, so that they can be searched for and are as readable as the page."""
    rows = [row for row in _results(written, "ratios") if row["limit"] is not None]
    stages = _results(written, "stages")["stages"]

    for theme in ("light", "dark"):
        texts = _texts(written / f"rows-{theme}.svg")
        for key in ("name", "beside"):
            assert {row[key] for row in rows} - set(texts) == set()
        texts = _texts(written / f"stages-{theme}.svg")
        assert [text for text in texts if text in {stage["what"] for stage in stages}] == [
            stage["what"] for stage in stages
        ]
    for plot in written.glob("*.svg"):
        families = set(re.findall(r"(-apple-system, .*?|'DejaVu Sans'.*?)[;\"]", plot.read_text("utf-8")))
        assert families == {"-apple-system, BlinkMacSystemFont, 'Segoe UI', Helvetica, Arial, sans-serif"}


def test_rows_that_are_far_apart_have_scales_of_their_own(tmp_path: Path) -> None:
    """Ratios below a tenth and speeds have panels of their own. A name may be any text."""
    rows = [
        {"name": name, "beside": "there", "ratio": ratio, "low": ratio, "high": ratio, "goal": None} | rest
        for name, ratio, rest in (
            ("as fast, $5 < $6 & more", 1.0, {"limit": 2.0, "speed": False}),
            ("much faster", 0.003, {"limit": 0.02, "speed": False}),
            ("a little slower", 1.5, {"limit": 2.0, "speed": False}),
            ("more calls", 2.3, {"limit": 2.0, "speed": True}),
            ("without a limit", 7.0, {"limit": None, "speed": False}),
        )
    ]
    (tmp_path / "ratios.json").write_text(json.dumps({"results": rows}), "utf-8")

    _run(tmp_path, "--draw", "ratios")

    names = {row["name"] for row in rows}
    texts = _texts(tmp_path / "rows-light.svg")
    # matplotlib writes the title of a panel after what is in it.
    assert [text for text in texts if text in names or text.startswith(("Times", "Speeds"))] == [
        "as fast, $5 < $6 & more",
        "a little slower",
        "Times: lower is better",
        "much faster",
        "Times: lower is better, on another scale",
        "more calls",
        "Speeds: higher is better",
    ]
