"""Run the benchmarks and write the results: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import attrs

from benchmarks import growth, idle, live, messages, ratios, stages
from benchmarks.measuring import machine, suite
from benchmarks.tables import table

PARTS = ("ratios", "stages", "messages", "growth", "idle", "live")


def measure(part: str, quick: bool, folder: Path) -> tuple[Any, dict[str, str]]:
    """Run one part. Returns its results, and its tables by name."""
    if part == "ratios":
        found = ratios.measure(quick)
        suite(found).dump(str(folder / "ratios.pyperf.json"), replace=True)
        results = [attrs.asdict(ratio) for ratio in found]
        return results, ratios.tables(results)
    if part == "stages":
        profile = stages.measure(quick)
        return profile, stages.tables(profile)
    if part == "messages":
        steps = messages.measure(quick)
        return steps, messages.tables(steps)
    if part == "growth":
        sizes = growth.measure(quick)
        return sizes, growth.tables(sizes)
    if part == "live":
        views = live.measure(quick)
        return views, live.tables(views)
    idleness = idle.measure(quick)
    return idleness, idle.tables(idleness)


def draw(part: str, folder: Path) -> None:
    """Write the plots of one part, from the results that are in the folder."""
    # Imported here because matplotlib needs libstdc++ from the system. All else works without it.
    from benchmarks import plots

    document = json.loads((folder / f"{part}.json").read_text("utf-8"))
    for name, svg in plots.draw(part, document["results"]).items():
        (folder / f"{name}.svg").write_text(svg, "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure the client beside bare nats-py in the same run, and print the tables.",
    )
    parser.add_argument("parts", nargs="*", metavar="part", help=f"one of {', '.join(PARTS)} (default: all)")
    parser.add_argument(
        "--quick", action="store_true", help="run for a few seconds, only to see that it works"
    )
    parser.add_argument(
        "--draw", action="store_true", help="measure nothing, draw the plots of the results that are in --out"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("build/benchmarks"),
        help="the folder for the results as JSON, and for the tables and plots that the documentation shows "
        "(default: %(default)s)",
    )
    arguments = parser.parse_args()
    wrong = set(arguments.parts) - set(PARTS)
    if wrong:
        parser.error(f"unknown part: {', '.join(sorted(wrong))}")
    folder: Path = arguments.out
    if arguments.draw:
        for part in arguments.parts or PARTS:
            if not (folder / f"{part}.json").exists():
                parser.error(f"there are no results of {part} in {folder}")
            draw(part, folder)
        return
    folder.mkdir(parents=True, exist_ok=True)
    where = machine()
    on = table(["on", ""], [list(entry) for entry in where.items()])
    (folder / "machine.inc").write_text(on, "utf-8")
    for part in arguments.parts or PARTS:
        results, tables = measure(part, arguments.quick, folder)
        document = {"machine": where, "quick": arguments.quick, "results": results}
        (folder / f"{part}.json").write_text(
            json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8"
        )
        for name, text in tables.items():
            (folder / f"{name}.inc").write_text(text, "utf-8")
            print(f"\n{text}")
        try:
            import matplotlib.pyplot  # noqa: F401  # it may be missing, or a library that it needs
        except ImportError as error:
            reason = (str(error).strip().splitlines() or ["unknown"])[-1]  # numpy's message is a page long
            print(f"\nno plots of {part}: matplotlib cannot be imported: {reason}")
        else:
            draw(part, folder)
    print(f"\n{on}")


if __name__ == "__main__":
    main()
