"""The tutorial, followed word for word by a script: its commands, Python and files, and what it shows of each.

The code of the other pages is run by Sphinx: ``tox run -e docs``.
"""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from lattices import lattice_of
from pages import PORT, Reader, steps, without_chance

from wasmcloud_ctl.testing import PracticeLattice, PracticeServer, unused_port

ROOT = Path(__file__).parents[2]
TUTORIAL = ROOT / "docs" / "tutorial.rst"
TESTING = ROOT / "docs" / "howto" / "testing.rst"
APPLICATIONS = ROOT / "docs" / "howto" / "applications.rst"


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
    assert follow(Reader.with_this_python(tmp_path), page(), install=False) == TAKEN


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


def test_each_page_with_a_short_quiet_says_what_it_costs() -> None:
    """A page, example or notebook that ends its gathers early says that slow hosts are missing then."""
    files = [ROOT / "README.rst", *(ROOT / "docs").rglob("*.rst"), *(ROOT / "examples").iterdir()]
    texts = {
        str(file.relative_to(ROOT)): file.read_text(encoding="utf-8") for file in files if file.is_file()
    }
    short = {name: text for name, text in texts.items() if re.search(r"quiet ?= ?0\.\d", text)}

    assert len(short) >= 10
    assert [name for name, text in short.items() if not re.search(r"\b(missing|missed)\b", text)] == []


def fetch(url: str) -> tuple[int, str]:
    """The status and the text of a page."""
    try:
        with urllib.request.urlopen(url, timeout=20) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_the_wsgi_application_runs_as_written(tmp_path: Path, own_server: PracticeServer) -> None:
    """Many requests at once see the hosts. No answer, no host and no server are pages of their own, no tracebacks."""
    [block] = [step for step in steps(APPLICATIONS.read_text(encoding="utf-8")) if step.caption == "page.py"]
    port = unused_port()
    (tmp_path / "page.py").write_text(block.text.replace("8000", str(port)))
    environment = {
        **os.environ,
        "WASMCLOUD_CTL_PORT": str(own_server.port),
        "WASH_CONTEXT_DIR": str(tmp_path),
    }
    environment["WASMCLOUD_CTL_TIMEOUT_MS"] = "2000"
    url = f"http://127.0.0.1:{port}/"
    with PracticeLattice(hosts=2, server=own_server) as lattice:
        process = subprocess.Popen(
            [sys.executable, "page.py"], cwd=tmp_path, env=environment, stderr=subprocess.PIPE
        )
        try:
            wait_for_port(port)
            with ThreadPoolExecutor(16) as pool:
                pages = list(pool.map(fetch, [url] * 32))
            for host in lattice.hosts:
                host.stall()
            pings = len(lattice.wait_for_commands("host.ping", 32))
            with ThreadPoolExecutor(4) as pool:
                requests = [pool.submit(fetch, url) for _ in range(4)]
                # All four are in flight at the same time: a server with one thread would ask for one after the other.
                lattice.wait_for_commands("host.ping", pings + 4)
                assert not any(request.done() for request in requests)
                [silent, *_] = [request.result() for request in requests]
            for host in lattice.hosts:
                host.kill()
            empty = fetch(url)
            own_server.kill()
            away = fetch(url)
        finally:
            process.kill()
            _, errors = process.communicate()

    names = sorted(host.friendly_name for host in lattice.hosts)
    assert {status for status, _ in pages} == {200}
    assert {tuple(line.split()[0] for line in text.splitlines()) for _, text in pages} == {tuple(names)}
    assert (silent[0], empty[0], away[0]) == (504, 503, 503)
    assert silent[1].startswith("0 of 1 expected hosts answered on wasmbus.ctl.v1.default.host.ping")
    assert empty[1].startswith("nobody listens on wasmbus.ctl.v1.default.host.ping")
    assert b"Traceback" not in errors


def wait_for_port(port: int) -> None:
    """Wait until something listens there."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.02)  # another process tells nothing when it begins to listen
    raise AssertionError(f"nothing listens on port {port}")


@pytest.mark.parametrize(("name", "arguments"), [("lattice", (10,)), ("lattice-applications", (10, 2))])
def test_the_picture_on_the_page_is_the_one_that_is_drawn(name: str, arguments: tuple[int, ...]) -> None:
    """python tests/support/lattices.py 10 > docs/howto/lattice.svg, and as lattices.py says."""
    on_the_page = (ROOT / "docs" / "howto" / f"{name}.svg").read_text("utf-8")

    assert lattice_of(*arguments).to_svg() + "\n" == on_the_page
