"""Plots of the results as SVG, each for light and for dark pages.

Each function takes the results of one part as the JSON has them, and knows nothing about the rows in it.
"""

from __future__ import annotations

import functools
import io
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict

import attrs
import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator

from benchmarks.tables import span


class Row(TypedDict):
    """A comparison in ``ratios.json``, as far as it is drawn."""

    name: str
    beside: str
    ratio: float
    low: float
    high: float
    limit: float | None
    goal: float | None
    speed: bool


class Size(TypedDict):
    """The times for one number of hosts or components in ``growth.json``."""

    size: int
    ours: float
    bare: float


class Threads(TypedDict):
    """The calls of one number of threads in ``growth.json``."""

    threads: int
    calls_per_second: float
    median: float
    worst_in_a_hundred: float


class Stage(TypedDict):
    """A stage of a call in ``stages.json``."""

    what: str
    thread: str
    seconds: float


class Stages(TypedDict):
    """The results in ``stages.json``, as far as they are drawn."""

    stages: list[Stage]
    whole: float
    bare: float


@attrs.frozen(kw_only=True)
class Theme:
    """The colours for one kind of page.

    Attributes:
        text: Names, axes and marks.
        faint: What is secondary.
        series: What is measured, in this order. Readable on the page, and distinct for colour-blind readers (the
            palette of Okabe and Ito, darker on light pages). The first is this client.
    """

    text: str
    faint: str
    series: tuple[str, ...]


THEMES = {
    "light": Theme(text="#222427", faint="#5a5c63", series=("#0072b2", "#c04f00", "#008060", "#8a8d94")),
    "dark": Theme(text="#cfd0d0", faint="#9ca0a5", series=("#56b4e9", "#f0a030", "#2dc59a", "#81868d")),
}

# Sizes are in points, of which a browser shows 3 as 4 pixels. A phone shrinks a plot from 520 pixels to about 350. A
# wider one would shrink more. So names stand above what they name, and not beside it.
_WIDTH = 390
_TEXT = 10.5
_SMALL = 9.5

# An image does not inherit the page's font, so it names the fonts of furo. matplotlib measures texts in the font that
# it brings along, on each machine. That font is wider, so nothing overlaps in another one.
_MEASURED = "'DejaVu Sans', sans-serif"
_SHOWN = "-apple-system, BlinkMacSystemFont, 'Segoe UI', Helvetica, Arial, sans-serif"


def _settings(theme: Theme) -> dict[str, Any]:
    """Return what differs from matplotlib's defaults."""
    return {
        "axes.edgecolor": theme.faint,
        "axes.grid": True,
        "axes.labelcolor": theme.text,
        "axes.labelsize": _TEXT,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlecolor": theme.text,
        "axes.titlelocation": "left",
        "axes.titlesize": _TEXT,
        "axes.titleweight": "bold",
        "font.sans-serif": ["DejaVu Sans"],
        "font.size": _TEXT,
        "grid.alpha": 0.25,
        "grid.color": theme.faint,
        "legend.borderpad": 0,
        "legend.frameon": False,
        "legend.labelcolor": theme.text,
        "lines.linewidth": 2,
        "svg.fonttype": "none",  # texts stay texts
        "svg.hashsalt": "benchmarks",  # ids are random without one
        "text.color": theme.text,
        "text.parse_math": False,  # a dollar sign in a name is one
        "xtick.color": theme.faint,
        "xtick.labelcolor": theme.text,
        "ytick.color": theme.faint,
        "ytick.labelcolor": theme.text,
    }


def _svg(draw: Callable[[Theme], Figure], theme: Theme) -> str:
    """Return the SVG of a figure, the same bytes for the same figure."""
    # The style "default" undoes the user's own matplotlibrc.
    with matplotlib.style.context(["default", _settings(theme)]):
        file = io.StringIO()
        draw(theme).savefig(
            file,
            format="svg",
            transparent=True,
            metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")),
        )
    shown = file.getvalue().replace(_MEASURED, _SHOWN)
    return "".join(line.rstrip() + "\n" for line in shown.splitlines())


# Axes -------------------------------------------------------------------------------------------


def _ticks(low: float, high: float) -> list[float]:
    """Return at least three round numbers for a log axis, or as many as there are."""
    ticks: list[float] = []
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)))
    for steps in ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)):
        ticks = [step * 10.0**decade for decade in decades for step in steps]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) >= 3:
            break
    return ticks


def _ends(values: Sequence[float], room: float) -> tuple[float, float]:
    """Return the ends of a log axis: those of the values, with room on both sides."""
    return min(values) / room, max(values) * room


def _log_times(axes: Axes, values: Sequence[float]) -> None:
    """Set up the vertical axis for times."""
    low, high = _ends(values, 1.25)
    ticks = _ticks(low, high)
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    axes.set_yticks(ticks, [span(tick) for tick in ticks])
    axes.set_yticks([], minor=True)


def _sizes(axes: Axes, sizes: Sequence[int], label: str) -> None:
    """Set up the horizontal axis for sizes, with a tick at each one that was measured."""
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.set_xticks([], minor=True)
    axes.set_xlabel(label)


def _lines(axes: Axes, theme: Theme, sizes: Sequence[int], lines: Mapping[str, Sequence[float]]) -> None:
    """Draw two lines. They differ in marks and dashes, too, and not by colour alone."""
    for (label, values), colour, look in zip(lines.items(), theme.series, ("o-", "s--"), strict=False):
        axes.plot(sizes, values, look, color=colour, label=label)


# Strips: one below the other, each with its texts above it ---------------------------------------

_MARGIN = 14.0
_TITLE = 28.0
_AXIS = 38.0


def _panels(legend: float, heights: Sequence[float]) -> tuple[Figure, list[Axes]]:
    """Return a figure and its panels, from the top down. In a panel, heights are in points."""
    total = legend + sum(_TITLE + height + _AXIS for height in heights)
    figure = Figure(figsize=(_WIDTH / 72, total / 72))
    panels = []
    top = total - legend
    for height in heights:
        top -= _TITLE + height
        width = 1 - 2 * _MARGIN / _WIDTH
        axes = figure.add_axes((_MARGIN / _WIDTH, top / total, width, height / total))
        axes.set_ylim(height, 0)
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
        axes.grid(visible=False)
        axes.tick_params(axis="x", length=0, pad=2)
        panels.append(axes)
        top -= _AXIS
    return figure, panels


def _write(axes: Axes, top: float, texts: tuple[str, str], size: float, colour: str) -> None:
    """Write one text at the left of a panel and one at its right."""
    across = axes.get_yaxis_transform()  # horizontally a share of the width, vertically points
    for x, side, text in ((0, "left", texts[0]), (1, "right", texts[1])):
        axes.text(x, top, text, ha=side, va="top", transform=across, size=size, color=colour)


def _bar(axes: Axes, ends: tuple[float, float], top: float, height: float, colour: str, alpha: float) -> None:
    """Draw a bar that spans the ends."""
    start, end = ends
    axes.add_patch(Rectangle((start, top), end - start, height, facecolor=colour, alpha=alpha, linewidth=0))


def _legend(figure: Figure, handles: Sequence[Line2D | Patch], columns: int) -> None:
    """Explain the marks at the top of a figure."""
    place = (_MARGIN / _WIDTH, 1 - 4 / 72 / figure.get_figheight())
    figure.legend(handles=handles, loc="upper left", bbox_to_anchor=place, borderaxespad=0, ncols=columns)


# The plots --------------------------------------------------------------------------------------

_FAINT = 0.13
_ALLOWED = 0.22
_ROW = 54.0
_STAGE = 31.0


def _scales(rows: Sequence[Row]) -> list[list[Row]]:
    """Group rows by the scale that they are readable on: around 1, below a tenth, and above ten."""
    groups = (
        [row for row in rows if 0.1 <= row["ratio"] <= 10],
        [row for row in rows if row["ratio"] < 0.1],
        [row for row in rows if row["ratio"] > 10],
    )
    return [group for group in groups if group]


def _scale(axes: Axes, group: Sequence[Row]) -> None:
    """Set up the horizontal axis so that it shows all marks of a group, and 1 unless it is far away."""
    marks = [(row["low"], row["high"], row["limit"], row["goal"]) for row in group]
    shown = [mark for row in marks for mark in row if mark is not None]
    if min(shown) < 10 and max(shown) > 0.1:
        shown.append(1.0)
    low, high = _ends(shown, 1.15)
    ticks = _ticks(low, high)
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)
    what = "speed" if group[0]["speed"] else "time"
    equal = " (1: the same)" if low < 1 < high else ""
    axes.set_xlabel(f"{what} here ÷ {what} there{equal}")


def _row(axes: Axes, theme: Theme, top: float, row: Row) -> None:
    """Draw a row: the allowed range, limit and goal, the middle half and the median."""
    ours, other, *_ = theme.series
    left, right = axes.get_xlim()
    strip, height = top + 26, 13.0
    middle, bottom = strip + height / 2, strip + height
    marks = []
    _bar(axes, (left, right), strip, height, theme.faint, _FAINT)
    for tick in axes.get_xticks():
        axes.vlines(tick, strip, bottom, color=theme.faint, linewidth=1.5 if tick == 1 else 0.5)
    if row["limit"] is not None:
        allowed = (row["limit"], right) if row["speed"] else (left, row["limit"])
        _bar(axes, allowed, strip, height, ours, _ALLOWED)
        axes.vlines(row["limit"], strip - 1, bottom + 1, color=theme.text, linewidth=2)
        marks.append(f"limit {'at least ' if row['speed'] else ''}{row['limit']:g}")
    if row["goal"] is not None:
        axes.plot(row["goal"], bottom, "^", color=other, markersize=6.5)
        marks.append(f"goal {row['goal']:g}")
    axes.plot((row["low"], row["high"]), (middle, middle), color=ours, linewidth=4, solid_capstyle="butt")
    axes.plot(row["ratio"], middle, "o", color=ours, markersize=6)
    _write(axes, top, (row["name"], f"{row['ratio']:.3g}"), _TEXT, theme.text)
    _write(axes, top + 13.5, (row["beside"], ", ".join(marks)), _SMALL, theme.faint)


def rows(results: Sequence[Row], theme: Theme) -> Figure:
    """Draw the ratios that have a limit, beside limit and goal. Times and speeds are in panels of their own."""
    limited = [row for row in results if row["limit"] is not None]
    titled = [
        (title if number == 0 else f"{title}, on another scale", group)
        for title, speed in (("Times: lower is better", False), ("Speeds: higher is better", True))
        for number, group in enumerate(_scales([row for row in limited if row["speed"] is speed]))
    ]
    figure, panels = _panels(34, [_ROW * len(group) - 10 for _, group in titled])
    for axes, (title, group) in zip(panels, titled, strict=True):
        axes.set_title(title, pad=8)
        _scale(axes, group)
        for number, row in enumerate(group):
            _row(axes, theme, _ROW * number, row)
    ours, other, *_ = theme.series
    _legend(
        figure,
        [
            Line2D([], [], color=ours, marker="o", markersize=6, linestyle="", label="ratio (median)"),
            Line2D([], [], color=ours, linewidth=4, label="middle half"),
            Line2D([], [], color=theme.text, marker="|", markersize=12, mew=2, linestyle="", label="limit"),
            Patch(color=ours, alpha=_ALLOWED, linewidth=0, label="within the limit"),
            Line2D([], [], color=other, marker="^", markersize=6.5, linestyle="", label="goal"),
        ],
        columns=3,
    )
    return figure


def sizes(results: Sequence[Size], theme: Theme, what: str, each: str) -> Figure:
    """Draw how long each one takes, against how many there are."""
    figure = Figure(figsize=(_WIDTH / 72, 240 / 72), layout="constrained")
    axes = figure.add_subplot()
    numbers = [step["size"] for step in results]
    here = [step["ours"] / step["size"] for step in results]
    bare = [step["bare"] / step["size"] for step in results]
    _lines(axes, theme, numbers, {"here": here, "bare nats-py": bare})
    _sizes(axes, numbers, what)
    _log_times(axes, (*here, *bare))
    axes.set_title(f"time for each {each}")
    axes.legend(loc="upper right")
    return figure


def threads(results: Sequence[Threads], theme: Theme) -> Figure:
    """Draw the calls per second, and the latency of a call, against the number of threads."""
    figure = Figure(figsize=(_WIDTH / 72, 390 / 72), layout="constrained")
    speed, latency = figure.subplots(2, height_ratios=(4, 5))
    numbers = [step["threads"] for step in results]
    speed.plot(numbers, [step["calls_per_second"] for step in results], "o-", color=theme.series[0])
    speed.set_ylim(bottom=0)
    speed.yaxis.set_major_formatter("{x:,.0f}")
    speed.set_title("calls per second, all threads together")
    median = [step["median"] for step in results]
    worst = [step["worst_in_a_hundred"] for step in results]
    _lines(latency, theme, numbers, {"median": median, "99th percentile": worst})
    _log_times(latency, (*median, *worst))
    latency.set_title("time of a call")
    latency.legend(loc="upper left", reverse=True)  # in the order of the lines
    for axes in (speed, latency):
        _sizes(axes, numbers, "threads")
    return figure


def stages(results: Stages, theme: Theme) -> Figure:
    """Draw the stages of a call one after the other, coloured by thread, and whole calls below."""
    threads = list(dict.fromkeys(stage["thread"] for stage in results["stages"]))
    colours = dict(zip(threads, itertools.cycle(theme.series), strict=False))
    bars: list[tuple[str, str, tuple[float, float], str]] = []
    end = 0.0
    for stage in results["stages"]:
        start, end = end, end + stage["seconds"]
        time = f"{stage['thread']}, {span(stage['seconds'])}"
        bars.append((stage["what"], time, (start, end), colours[stage["thread"]]))
    for what, whole in (
        ("a call, without marks", results["whole"]),
        ("a call by bare nats-py", results["bare"]),
    ):
        bars.append((what, span(whole), (0.0, whole), theme.text))
    figure, (axes,) = _panels(0, [_STAGE * len(bars) - 4])
    right = max(end, results["whole"], results["bare"])
    axes.set_xlim(0, right)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(lambda seconds, _: span(seconds) if seconds else "0")
    axes.set_xlabel("time since the start of the call")
    for number, (what, time, ends, colour) in enumerate(bars):
        top = _STAGE * number
        _write(axes, top, (what, time), _TEXT, theme.text)
        _bar(axes, (0, right), top + 14, 9, theme.faint, _FAINT)
        _bar(axes, ends, top + 14, 9, colour, 1)
    _legend(
        figure,
        [Patch(color=colours[thread], linewidth=0, label=thread) for thread in threads],
        columns=len(threads),
    )
    return figure


def draw(part: str, results: Any) -> dict[str, str]:
    """Return the SVGs of a part by name, such as ``hosts-dark``. A part may have none."""
    figures: dict[str, Callable[[Theme], Figure]] = {}
    if part == "ratios":
        figures["rows"] = functools.partial(rows, results)
    if part == "stages":
        figures["stages"] = functools.partial(stages, results)
    if part == "growth":
        figures["hosts"] = functools.partial(sizes, results["hosts"], what="hosts", each="host")
        figures["components"] = functools.partial(
            sizes, results["components"], what="components", each="component"
        )
        figures["threads"] = functools.partial(threads, results["threads"])
    return {
        f"{name}-{kind}": _svg(figure, theme)
        for name, figure in figures.items()
        for kind, theme in THEMES.items()
    }
