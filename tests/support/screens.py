"""What is on the screen of a terminal, and a stdout that a test can wait for."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Callable

# Moving up, erasing a line, colours, and hiding and showing the cursor. rich needs no more than these.
_CODE = re.compile(r"\x1b\[([?\d;]*)([A-Za-z])")


def on_screen(text: str) -> list[str]:
    """Return the lines of a terminal to which this was written. Lines that were scrolled away are included."""
    lines, row, column = [""], 0, 0
    while text:
        if code := _CODE.match(text):
            text = text[code.end() :]
            number, letter = code.groups()
            if letter == "A":
                row -= int(number or 1)
                assert row >= 0, "the cursor moved above the first line"
            elif letter == "K":
                assert number == "2"
                lines[row] = ""
            else:
                assert letter in "mhl", f"unknown code {code[0]!r}"
            continue
        letter, text = text[0], text[1:]
        if letter == "\r":
            column = 0
        elif letter == "\n":  # a terminal's driver makes a carriage return of it, too
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        else:
            lines[row] = lines[row][:column].ljust(column) + letter + lines[row][column + 1 :]
            column += 1
    return [line.rstrip() for line in lines]


class Stdout(io.StringIO):
    """A stdout that is a terminal or is none. Wait for what is written to it with ``wait_for``."""

    encoding = "utf-8"

    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal
        self._changed = threading.Condition()

    def isatty(self) -> bool:
        return self._terminal

    def flush(self) -> None:
        with self._changed:
            self._changed.notify_all()

    @property
    def screen(self) -> list[str]:
        return on_screen(self.getvalue())

    def wait_for(self, condition: Callable[[list[str]], bool]) -> list[str]:
        """Wait until the lines on the screen are as wanted, and return them."""
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self.screen), 20), self.screen
        return self.screen
