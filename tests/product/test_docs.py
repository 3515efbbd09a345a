"""The tutorial, followed word for word by a script: its commands, Python and files, and what it shows of each.

The code of the other pages is run by Sphinx: ``tox run -e docs``.
"""

from __future__ import annotations

import doctest
import os
import re
import shlex
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest

from wasmcloud_ctl.testing import unused_port

ROOT = Path(__file__).parents[2]
TUTORIAL = ROOT / "docs" / "tutorial.rst"
TESTING = ROOT / "docs" / "howto" / "testing.rst"

# The one thing that is not as it is written, for somebody else may have it.
PORT = "4222"

BLOCK = re.compile(r"^\.\. code-block:: (\w+)\n((?:    :\w+: .*\n)*)\n((?:    .*\n|\n)+)", re.MULTILINE)


@attrs.frozen
class Step:
    """A block of the page: what language it is in, what stands above it, and what is in it."""

    language: str
    caption: str
    text: str

    def commands(self) -> Iterator[tuple[str, str]]:
        """The commands of a console, each with what is shown of its output."""
        for part in self.text.split("$ ")[1:]:
            command, _, output = part.partition("\n")
            yield command, output


def steps(page: str) -> list[Step]:
    """What the page has the reader do, in order."""
    found = []
    for language, options, text in BLOCK.findall(page):
        caption = options.partition(":caption: ")[2].strip()
        found.append(Step(language, caption, textwrap.dedent(text).strip("\n") + "\n"))
    return found


def without_chance(output: str) -> str:
    """Output without the names, ids and times that differ from run to run, and without the width of the window."""
    output = re.sub(r"\bN[A-Z2-7]{55}\b|\bN[A-Z2-7]{3}\.\.\.[A-Z2-7]{4}\b", "HOST", output)
    output = re.sub(r"\b[a-z]+-[a-z]+-\d{4}\b", "NAME", output)
    output = re.sub(r"\b\d+\.\d\ds\b", "TIME", output)
    return re.sub(r" +", " ", output).strip()


class Reader:
    """Who follows the page.

    Args:
        folder: Where.
        path: What stands before the rest of PATH.
    """

    def __init__(self, folder: Path, path: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "PATH": f"{path}{os.pathsep}{os.environ['PATH']}"}

    def run(self, command: str) -> str:
        """Run a command to its end, and hand out what it printed."""
        ended = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert ended.returncode == 0, ended.stdout
        return ended.stdout

    @contextmanager
    def left_running(self, command: str, lines: int) -> Iterator[str]:
        """Run a command until Ctrl-C, and hand out its first lines."""
        process = subprocess.Popen(
            shlex.split(command),
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        with process.stdout as output:
            try:
                yield "".join(output.readline() for _ in range(lines))
                process.send_signal(signal.SIGINT)
                output.read()
                assert process.wait() == 0
            finally:
                process.kill()
                process.wait()

    def converse(self, text: str) -> str:
        """Type the lines of an interpreter's session into a new process; hand out what differs from the page."""
        (self.folder / "session.txt").write_text(text)
        return self.run(f"python {shlex.quote(__file__)} session.txt")


def converse(text: str) -> None:
    """Run a session, and print where what comes is not what is shown."""

    class Checker(doctest.OutputChecker):
        def check_output(self, want: str, got: str, optionflags: int) -> bool:
            return super().check_output(without_chance(want), without_chance(got), optionflags)

    session = doctest.DocTestParser().get_doctest(text, {}, "tutorial", None, None)
    doctest.DocTestRunner(Checker(), verbose=False).run(session)


def follow(reader: Reader, page: str, *, install: bool) -> list[str]:
    """Do all that the page says.

    Args:
        reader: Who does it.
        page: The page.
        install: Whether to do what is to be installed, too.

    Returns:
        The kinds of the steps that were taken, in order.
    """
    taken = []
    todo = steps(page)
    opened = next(step for step in todo if "wasmcloud_ctl.testing" in step.text)
    [(start, introduction)] = opened.commands()
    before, after = todo[: todo.index(opened)], todo[todo.index(opened) + 1 :]
    if install:
        for step in before:
            reader.run("\n".join(["set -e", *(command for command, _ in step.commands())]))
            taken.append("install")
    with reader.left_running(start, introduction.count("\n")) as shown:
        assert without_chance(shown) == without_chance(introduction)
        taken.append("lattice")
        assert reader.converse("\n".join(step.text for step in after if step.language == "pycon")) == ""
        taken.append("python")
        for step in after:
            if step.language == "python":
                (reader.folder / step.caption).write_text(step.text)
                taken.append(step.caption)
            elif step.language == "console" and "python\n" not in step.text:
                for command, output in step.commands():
                    assert without_chance(reader.run(command)) == without_chance(output)
                    taken.append(command.split()[1])
    return taken


def page() -> str:
    """The page, with a port that is free."""
    return TUTORIAL.read_text(encoding="utf-8").replace(PORT, str(unused_port()))


TAKEN = ["lattice", "python", "spread.py", "spread.py", "spread.py", "test_spread.py", "-m"]


def test_the_tutorial_can_be_followed_word_for_word(tmp_path: Path) -> None:
    """Every command, line and file of the page does what the page shows, where the package is installed."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "python").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    (programs / "python").chmod(0o755)

    assert follow(Reader(tmp_path, programs), page(), install=False) == TAKEN


@pytest.mark.long
@pytest.mark.timeout(300)
def test_the_tutorial_can_be_followed_from_nothing(tmp_path: Path) -> None:
    """So it does in the environment that the page has the reader make, with a wheel of this checkout."""
    wheels = tmp_path / "wheels"
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", f"--wheel-dir={wheels}", str(ROOT)],
        check=True,
    )
    reader = Reader(tmp_path, tmp_path / "practice" / "bin")
    reader.environment["PIP_FIND_LINKS"] = str(wheels)

    assert follow(reader, page(), install=True) == ["install", *TAKEN]


def test_the_test_file_of_the_page_on_testing_runs_as_written(tmp_path: Path) -> None:
    """What is there to be copied passes, with nothing but the installed package."""
    [block] = [step for step in steps(TESTING.read_text(encoding="utf-8")) if step.language == "python"]
    (tmp_path / "test_mine.py").write_text(block.text)

    ended = Reader(tmp_path, Path(sys.executable).parent).run(
        f"{shlex.quote(sys.executable)} -m pytest -q -p no:cacheprovider ."
    )

    assert "2 passed" in ended


if __name__ == "__main__":
    converse(Path(sys.argv[1]).read_text())
