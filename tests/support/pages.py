"""A page of the documentation as its reader uses it: its blocks, and a folder to run them in."""

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

    @classmethod
    def with_this_python(cls, folder: Path) -> Reader:
        """Have somebody follow the page to whom ``python`` is the interpreter of this process."""
        programs = folder / "programs"
        programs.mkdir()
        (programs / "python").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
        (programs / "python").chmod(0o755)
        return cls(folder, programs)

    def run(self, command: str) -> str:
        """Run a command to its end, and hand out what it printed."""
        ended = subprocess.run(
            ["sh", "-c", command],
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


if __name__ == "__main__":
    converse(Path(sys.argv[1]).read_text())
