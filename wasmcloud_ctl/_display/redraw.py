"""Pictures that are redrawn in place: in a notebook, and in a terminal by rich. Anywhere else they are printed anew.

Neither has a thread: a picture is drawn when its caller says so.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Protocol

from typing_extensions import Self

from wasmcloud_ctl._display.html import as_html
from wasmcloud_ctl._display.tables import MAX_ROWS
from wasmcloud_ctl._display.terminal import as_text, fitted

if TYPE_CHECKING:
    from rich.console import Console

# For light and dark terminals. The words say the same.
_STYLES = {
    "heading": "bold",
    "muted": "dim",
    "badge good": "bold green",
    "badge bad": "bold white on red",
    "badge odd": "bold black on yellow",
}


class Output(Protocol):
    """Where a value is drawn. A context manager. The last picture stays.

    Attributes:
        in_place: Whether a picture takes the place of the one before.
    """

    in_place: bool

    def draw(self, value: object) -> None:
        """Show a value as it is now."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(self, *error: object) -> None: ...


def in_notebook() -> bool:
    """Return whether this is a notebook's kernel, and no terminal."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None


def output() -> Output:
    """Return the place for pictures: the output of a notebook's cell, or stdout.

    Raises:
        ImportError: Stdout is a terminal, and rich cannot be imported.
    """
    if in_notebook():
        return _Notebook()
    # Under pythonw and in services there is no stdout.
    if sys.stdout is not None and sys.stdout.isatty():
        import rich.live  # noqa: F401  # now, and not in the middle of a picture
        from rich.console import Console

        console = Console(highlight=False, markup=False, emoji=False, force_jupyter=False)
        # Not in a dumb terminal, such as Emacs' shell: there rich would only show the last picture.
        if console.is_terminal and not console.is_dumb_terminal:
            return _Terminal(console)
    return _Stream()


class _Notebook:
    """One output of a notebook's cell. Each picture replaces it, so that a saved notebook only has the last one."""

    in_place = True

    def __init__(self) -> None:
        self._output: Any = None

    def draw(self, value: object) -> None:
        import IPython.display

        data = {"text/html": as_html(value), "text/plain": as_text(value, MAX_ROWS)}
        if self._output is None:
            display: Any = IPython.display.display
            self._output = display(data, raw=True, display_id=True)
        else:
            self._output.update(data, raw=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass


class _Terminal:
    """The last lines of a terminal. What the program prints meanwhile appears above them."""

    in_place = True

    def __init__(self, console: Console) -> None:
        from rich.live import Live

        self._console = console
        # With auto_refresh, rich would have a thread.
        self._live = Live(console=console, auto_refresh=False, vertical_overflow="crop")

    def draw(self, value: object) -> None:
        from rich.text import Text

        # Text of its own, because rich would interpret what hosts say as markup. As many lines as the terminal has
        # would scroll the title away when rich adds a line break at the end.
        width, height = self._console.size
        text = Text(no_wrap=True, overflow="crop")
        for number, line in enumerate(fitted(value, width, height - 1)):
            text.append("\n" if number else "")
            text.append(line.text[: line.styled], _STYLES.get(line.style, ""))
            text.append(line.text[line.styled :])
        self._live.update(text, refresh=True)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.stop()


class _Stream:
    """A pipe, a file, or a terminal that cannot move its cursor: an empty line is between two pictures."""

    in_place = False

    def __init__(self) -> None:
        self._between = ""

    def draw(self, value: object) -> None:
        print(f"{self._between}{as_text(value)}", flush=True)
        self._between = "\n"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass
