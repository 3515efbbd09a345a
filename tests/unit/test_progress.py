"""The progress bar without a lattice."""

from __future__ import annotations

import queue
import sys
import time

import pytest
from terminals import Terminal, is_clean

from wasmcloud_ctl._operations import progress as _progress


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(capsys)


@pytest.mark.needs("tqdm")
def test_an_error_takes_the_bar_away(terminal: Terminal) -> None:
    """Whatever ends the call."""

    def take(seconds: float) -> None:
        time.sleep(seconds)  # as a queue does that stays empty
        raise queue.Empty

    with pytest.raises(RuntimeError), _progress.Progress(True, "it", 10) as progress:
        progress.update(3, "replies")
        with pytest.raises(queue.Empty):
            progress.wait(take, 0.6)
        raise RuntimeError

    assert terminal.drawn() == ["it: 0 s, 3 of 10 replies"]
    assert is_clean(terminal)


def test_off_it_waits_once_and_for_as_long_as_was_asked() -> None:
    """There is no wake-up in between."""
    asked: list[float] = []

    with _progress.Progress(False, "it", 10) as progress:
        progress.update(3, "replies")
        progress.describe("it")
        progress.wait(asked.append, 600.0)

    assert asked == [600.0]


def test_a_notebook_with_a_broken_tqdm_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody has asked for progress, that it cannot be shown is no error."""
    monkeypatch.setattr(_progress, "in_notebook", lambda: True)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)

    assert not _progress.wanted(None)
