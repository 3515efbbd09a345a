"""How far a call is that takes long, shown by tqdm; the only module that knows it.

Nothing is shown in the first half second, and the bar is gone when the call ends, however it ends. It is drawn by the
thread that waits, which therefore wakes up a few times a second; where progress is off it does not, and there is no
thread for it in any case.
"""

from __future__ import annotations

import importlib.util
import logging
import queue
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

from wasmcloud_ctl._display.text import with_short_ids
from wasmcloud_ctl._options import arguments as _arguments
from wasmcloud_ctl.exceptions import InvalidArgument

T = TypeVar("T")

logger = logging.getLogger("wasmcloud_ctl")

# How long a call takes before anything is shown, and how often it is shown anew, in seconds.
_DELAY = 0.5
_PAUSE = 0.25


def wanted(progress: bool | None) -> bool:
    """Whether progress is to be shown, by what ``connect`` was given.

    Raises:
        InvalidArgument: It is no boolean and not None, or True where there is no tqdm.
    """
    if progress is None:
        # Without ipywidgets tqdm has no bar for notebooks, and would fill the page with lines.
        if not (_in_notebook() and _installed("tqdm") and _installed("ipywidgets")):
            return False
    elif not _arguments.boolean(progress, "progress"):
        return False
    try:
        import tqdm.auto  # noqa: F401
    except ImportError as error:
        if progress is None:
            return False
        raise InvalidArgument("progress needs tqdm: pip install 'wasmcloud_ctl[progress]'") from error
    return True


def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None


class Progress:
    """Shows nothing: the progress of a call where progress is off."""

    def tell(self, number: int, of_what: str) -> None:
        """How many are there, and of what, such as ``replies``."""

    def saw(self, words: str) -> None:
        """What was seen last."""

    def wait(self, take: Callable[[float], T], seconds: float) -> T:
        """Take something that may come within so many seconds, showing how far the call is meanwhile.

        Args:
            take: Waits so many seconds for it, and raises ``queue.Empty`` if it does not come.
            seconds: How long to wait at most.
        """
        return take(seconds)

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass


_OFF = Progress()


def show(on: bool, what: str, total: float | None = None) -> Progress:
    """The progress of a call, as a context manager.

    Args:
        on: Whether it is shown.
        what: What the call does.
        total: How much makes it complete; None where that is not known.
    """
    return _Shown(what, total) if on else _OFF


class _Shown(Progress):
    """A bar of tqdm's, made when the call has taken long enough."""

    def __init__(self, what: str, total: float | None) -> None:
        self._shorten = with_short_ids
        self._what = with_short_ids(what)
        self._total = total
        self._started = time.monotonic()
        self._next = self._started + _DELAY
        self._number: int | None = None
        self._words = ""
        self._bar: Any = None

    def tell(self, number: int, of_what: str) -> None:
        self._number = number
        whole = "" if self._total is None else f" of {self._total:g}"
        self._words = f"{number}{whole} {of_what}"

    def saw(self, words: str) -> None:
        self._words = self._shorten(words)

    def wait(self, take: Callable[[float], T], seconds: float) -> T:
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
            # What has no number is measured by its time.
            number, time_words = elapsed, f"{int(elapsed)} of {self._total:g} s"
        else:
            number, time_words = self._number, f"{int(elapsed)} s"
        words = f"{self._what}: {time_words}, {self._words}"
        try:
            if self._bar is None:
                self._bar = _new_bar(self._total, words)
            self._bar.n = number if self._total is None else min(number, self._total)
            self._bar.set_description_str(words)
        except Exception:
            # A terminal that is gone must not cost the caller the outcome of a command that was sent.
            logger.debug("progress cannot be shown", exc_info=True)
            self._next = float("inf")

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        bar, self._bar = self._bar, None
        if bar is not None:
            bar.total = None  # a notebook's bar that is not complete would stay, in red
            try:
                bar.close()
            except Exception:
                logger.debug("progress cannot be taken away", exc_info=True)


def _new_bar(total: float | None, words: str) -> Any:
    from tqdm.auto import tqdm

    # tqdm's own thread, which looks after bars that are seldom drawn, is not wanted: these are drawn often enough.
    without_thread: Any = type("Bar", (tqdm,), {"monitor_interval": 0})
    return without_thread(
        desc=words,
        total=total,
        bar_format="{desc}" if total is None else "{desc} |{bar}|",
        leave=False,
        dynamic_ncols=True,
        mininterval=0,
    )
