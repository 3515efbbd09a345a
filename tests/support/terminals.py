"""What a progress bar draws on a terminal."""

from __future__ import annotations

import pytest


class Terminal:
    """What was drawn on stderr, frame by frame."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self._text = ""

    def text(self) -> str:
        self._text += self._capsys.readouterr().err
        return self._text

    def frames(self) -> list[str]:
        return [frame for frame in self.text().replace("\n", "\r").split("\r") if frame]

    def drawn(self) -> list[str]:
        """The frames that show something, without the bar, each once."""
        frames = [frame.partition(" |")[0].rstrip() for frame in self.frames()]
        return list(dict.fromkeys(frame for frame in frames if frame))


def is_clean(terminal: Terminal) -> bool:
    """Whether the last thing that was done was to wipe the line."""
    return terminal.text().endswith("\r") and terminal.frames()[-1].strip() == ""
