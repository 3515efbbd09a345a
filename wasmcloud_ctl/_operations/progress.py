"""Progress of calls that take long, shown by tqdm.

Nothing is shown in the first half second, and the bar disappears when the call ends. The waiting thread draws it, so
with progress that thread wakes up a few times a second. No other thread is needed.
"""

from __future__ import annotations

import importlib.util
import logging
import queue
import time
from collections.abc import Callable
from typing import Any, TypeVar

from wasmcloud_ctl._display.redraw import in_notebook
from wasmcloud_ctl._display.text import with_short_ids
from wasmcloud_ctl._options import arguments
from wasmcloud_ctl.exceptions import InvalidArgument

T = TypeVar("T")

logger = logging.getLogger("wasmcloud_ctl")

# Seconds before anything is shown, and between two updates.
_DELAY = 0.5
_PAUSE = 0.25
_NEVER = float("inf")


def wanted(progress: bool | None) -> bool:
    """Whether to show progress, by the option of ``connect``. None: in a notebook with tqdm and ipywidgets."""
    asked = progress is not None and arguments.boolean(progress, "progress")
    # Without ipywidgets, tqdm prints a new line in the notebook for each update.
    if not asked and (
        progress is not None or not in_notebook() or not importlib.util.find_spec("ipywidgets")
    ):
        return False
    try:
        import tqdm.auto  # noqa: F401  # now, and not in the middle of a call
    except ImportError as error:
        if not asked:
            return False
        if isinstance(error, ModuleNotFoundError) and error.name == "tqdm":
            raise InvalidArgument("progress needs tqdm: pip install 'wasmcloud_ctl[progress]'") from error
        raise InvalidArgument(
            f"progress needs tqdm, which is installed but cannot be imported: {error}"
        ) from error
    return True


class Progress:
    """The progress of a call, a context manager: a tqdm bar, made when the call has taken long enough.

    ``what`` says what the call does; ``total`` is the number (or seconds) at which it is complete, None if unknown.
    By default it is off, and shows nothing.
    """

    def __init__(self, on: bool = False, what: str = "", total: float | None = None) -> None:
        self._what = what
        self._total = total
        self._started = time.monotonic()
        self._next = self._started + _DELAY if on else _NEVER
        self._number: int | None = None
        self._words = ""
        self._bar: Any = None
        self._output: Any = None  # the bar in a cell's outputs

    def update(self, number: int, noun: str) -> None:
        """Say how many there are, such as 3 ``replies``."""
        self._number = number
        self._words = noun

    def describe(self, words: str) -> None:
        """Say what was seen last."""
        self._words = words

    def wait(self, take: Callable[[float], T], seconds: float) -> T:
        """Return what ``take`` returns in this time, or raise its ``queue.Empty``. Show the progress meanwhile."""
        if self._next == _NEVER:
            return take(seconds)
        end = time.monotonic() + seconds
        while True:
            now = time.monotonic()
            if now >= self._next:
                self._draw(now)
            if end <= self._next:
                return take(max(0.0, end - now))
            try:
                return take(max(0.0, self._next - now))
            except queue.Empty:
                continue

    def _draw(self, now: float) -> None:
        self._next = now + _PAUSE
        elapsed = now - self._started
        if self._number is None:
            # Without a number, the time is the measure.
            number, words = elapsed, f"{int(elapsed)} of {self._total:g} s, {self._words}"
        else:
            number = self._number
            of_total = "" if self._total is None else f" of {self._total:g}"
            words = f"{int(elapsed)} s, {number}{of_total} {self._words}"
        words = with_short_ids(f"{self._what}: {words}")
        try:
            if self._bar is None:
                self._bar = self._opened(words)
            self._bar.n = number if self._total is None else min(number, self._total)
            self._bar.set_description_str(words)
        except Exception:
            # A terminal that is gone must not cost the caller the result of a command that was sent.
            logger.debug("progress cannot be shown", exc_info=True)
            self._next = _NEVER

    def _opened(self, words: str) -> Any:
        from tqdm.auto import tqdm

        # tqdm has a thread that redraws bars which are rarely updated. These are updated often enough.
        without_thread: Any = type("Bar", (tqdm,), {"monitor_interval": 0})
        # Compared by the module's name: to import the module would import all of ipywidgets.
        in_notebook = "tqdm.notebook" in {base.__module__ for base in tqdm.__mro__}
        bar = without_thread(
            desc=words,
            total=self._total,
            bar_format="{desc}" if self._total is None else "{desc} |{bar}|",
            leave=False,
            dynamic_ncols=True,
            mininterval=0,
            **({"display": False} if in_notebook else {}),
        )
        if in_notebook:
            import IPython.display

            # tqdm hides its bar, but leaves it in the cell's outputs: a notebook that is saved would show it as text.
            display: Any = IPython.display.display
            self._output = display(bar.container, display_id=True)
        return bar

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.total = None  # otherwise an incomplete bar stays in the notebook, in red
            try:
                self._bar.close()
                if self._output is not None:
                    self._output.update({"text/html": ""}, raw=True)
            except Exception:
                logger.debug("progress cannot be removed", exc_info=True)
