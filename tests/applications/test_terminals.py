"""Python's and IPython's prompts, in a terminal of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from applications import needs
from counted import Counted
from scripts import WARNINGS, Ended

pytestmark = [
    needs("pexpect"),
    # pexpect forks, and so Python 3.12 and later warn, because the practice lattice has a thread.
    pytest.mark.filterwarnings("ignore:This process:DeprecationWarning"),
]


class Prompt:
    """A prompt in a terminal, at which the test types."""

    def __init__(self, folder: Path, prompt: str, *arguments: str) -> None:
        import pexpect  # only tox's environment "applications" has it

        self._prompt = prompt
        self._number = 0
        # What people have: their own home, and no filters for warnings.
        variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        self._terminal = pexpect.spawn(
            sys.executable,
            list(arguments),
            encoding="utf-8",
            dimensions=(40, 200),
            timeout=30,
            cwd=str(folder),
            # This terminal does not answer when IPython asks where the cursor is.
            env={**variables, "HOME": str(folder), "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"},
        )
        self._wait_for_prompt()

    def _wait_for_prompt(self) -> None:
        self._number += 1
        self._terminal.expect_exact(self._prompt.format(number=self._number))

    def type(self, line: str, shows: str) -> None:
        """Type a line, and wait until it shows something that was not typed, and then for the prompt."""
        self._terminal.send(f"{line}\r")
        self._terminal.expect_exact(shows)
        self._wait_for_prompt()

    def run(self, line: str) -> None:
        """Type a line that shows nothing by itself."""
        self.type(f"{line}; print(*'done')", "d o n e")

    def interrupt(self, line: str) -> None:
        """Type a line, and press Ctrl-C when it runs. The prompt comes back."""
        self._terminal.send(f"print(*'begun'); {line}\r")
        self._terminal.expect_exact("b e g u n")
        time.sleep(0.3)  # nothing tells when the call has begun to wait
        self._terminal.sendintr()
        self._terminal.expect_exact("KeyboardInterrupt")
        self._wait_for_prompt()

    def leave(self, *keys: str) -> tuple[str, int]:
        """Press keys, and return what is on the screen at the end, and the status."""
        for key in keys:
            self._terminal.send(key)
        screen = self._terminal.read()
        self._terminal.wait()  # its status comes later than the end of its output, and close() would send it signals
        self._terminal.close()
        return str(screen), self._terminal.exitstatus or -(self._terminal.signalstatus or 0)

    def kill(self) -> None:
        self._terminal.close(force=True)


IPYTHON = "-m", "IPython", "--no-banner", "--colors=nocolor", "--no-confirm-exit"
IPYTHONS = [
    pytest.param((prompt, arguments), id=name, marks=[pytest.mark.long, needs("IPython")])
    for name, prompt, arguments in (
        ("IPython", "In [{number}]:", IPYTHON),
        ("IPython, simple", "In [{number}]: ", (*IPYTHON, "--simple-prompt")),
    )
]
PROMPTS = [*IPYTHONS, pytest.param((">>> ", ("-i",)), id="Python")]


@pytest.fixture
def prompt(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Prompt]:
    """A prompt. Its test is parametrized with some of the above."""
    text, arguments = request.param
    prompt = Prompt(tmp_path, text, *arguments)
    yield prompt
    prompt.kill()


def check_end(prompt: Prompt, practice: Counted) -> None:
    """Leave the prompt with its client open: it ends at once and silently, and leaves no connection."""
    screen, status = prompt.leave("\x04")
    assert status == 0
    assert "Warning" not in screen
    assert "Error" not in screen
    assert "wasmcloud_ctl" not in screen
    assert practice.settled(0) == 0


@pytest.mark.timeout(120)
@pytest.mark.parametrize("prompt", PROMPTS, indirect=True)
def test_calls_at_a_prompt(prompt: Prompt, practice: Counted) -> None:
    """Answers are shown, Ctrl-C ends a call and brings the prompt back, the client works on, and the prompt ends with
    the client open."""
    host, other = practice.lattice.hosts
    host.stall()
    prompt.run(f"import wasmcloud_ctl; client = wasmcloud_ctl.connect({practice.lattice.url!r}, quiet=0.25)")
    prompt.type("client.get_hosts(expected=1).data[0].id", other.id)
    prompt.type("print(client.get_hosts(expected=1))", f"{other.friendly_name}  {other.id[:8]}")
    for call in (
        f"client.get_host_inventory({host.id!r}, timeout=50)",
        "client.get_hosts(timeout=50, quiet=50)",
        "client.events_receiver().get()",
    ):
        prompt.interrupt(call)
        prompt.type(f"client.get_host_inventory({other.id!r}).succeeded", "True")
    check_end(prompt, practice)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("prompt", IPYTHONS, indirect=True)
def test_ipythons_await_and_autoreload(prompt: Prompt, practice: Counted, tmp_path: Path) -> None:
    """Calls work in a cell that awaits. When autoreload runs a changed module again, its old client closes."""
    module = tmp_path / "shop.py"
    module.write_text(f"import wasmcloud_ctl\nclient = wasmcloud_ctl.connect({practice.lattice.url!r})\n")
    prompt.run("get_ipython().run_line_magic('load_ext', 'autoreload')")
    prompt.run("get_ipython().run_line_magic('autoreload', '2')")
    prompt.run("import asyncio, shop")
    ask = "print('found', len(shop.client.get_hosts(expected=2)))"
    prompt.type(f"await asyncio.sleep(0.01); {ask}", "found 2")  # IPython runs a loop for a cell that awaits
    module.write_text(module.read_text() + "version = 2\n")
    later = module.stat().st_mtime + 2
    os.utime(module, (later, later))
    prompt.type("print('version', shop.version)", "version 2")
    prompt.type(ask, "found 2")
    assert practice.settled(1) == 1
    check_end(prompt, practice)


@pytest.mark.parametrize("arguments", [[], ["-i"]], ids=str)
def test_a_script_without_a_terminal(practice: Counted, tmp_path: Path, arguments: list[str]) -> None:
    """With nothing to read from, a script ends with its client open, and so does a prompt after a script."""
    script = tmp_path / "script.py"
    script.write_text(
        f"import wasmcloud_ctl\nclient = wasmcloud_ctl.connect({practice.lattice.url!r})\n"
        "print(len(client.get_hosts(expected=2)))\n"
    )
    ended = subprocess.run(
        [sys.executable, *arguments, str(script)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, "PYTHONWARNINGS": WARNINGS},
    )

    # A prompt that has nothing to read prints itself, and the end of the line.
    assert Ended(ended.returncode, ended.stdout, ended.stderr.replace(">>> ", "").strip()) == Ended(
        0, "2\n", ""
    )
    assert practice.settled(0) == 0
