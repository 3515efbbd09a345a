"""The sites of the documentation, in the development servers of their frameworks."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest
from applications import WebServer, documented, environment, needs, web_server
from counted import Counted
from scripts import WARNINGS

from wasmcloud_ctl.testing import unused_port

# Shows who answers, with the client of the documentation.
ANSWER = """
import os, threading

def answer():
    return f"VERSION {os.getpid()} {threading.get_ident()} {client.get_links().succeeded}"
"""


def variables(practice: Counted) -> dict[str, str]:
    """Return what a server's environment has besides the usual."""
    # The servers leave their listening sockets to the collector, the reloaders do not wait for their processes when
    # Ctrl-C comes, and Python tells.
    warnings = f"{WARNINGS},ignore:unclosed <socket:ResourceWarning,ignore:subprocess:ResourceWarning"
    return {**practice.environment(), "PYTHONWARNINGS": warnings}


@attrs.frozen
class Site:
    """A development server that runs."""

    server: WebServer

    def answer(self) -> tuple[str, str, str]:
        """Return the version, the process and the thread of the page."""
        return self._parts(self.server.get())

    def _parts(self, page: str) -> tuple[str, str, str]:
        parts = page.split()
        assert parts[3:] == ["True"], self.server.log.read_text()
        return parts[0], parts[1], parts[2]

    def answer_of(self, version: str) -> tuple[str, str, str]:
        """Wait until the server answers with this version of the page."""
        answers = []

        def answered() -> bool:
            try:
                page = self.server.get()
            except (ConnectionError, http.client.HTTPException):
                return False  # the old process has ended before its answer was complete
            if page.lower() == "503 service unavailable":
                return False  # the old process is ending, and has closed its client
            answers.append(self._parts(page))
            return answers[-1][0] == version

        self.server.wait_until(answered)
        return answers[-1]

    def ask_from_threads(self) -> None:
        """Ask 100 times from ten threads. One process answers, in several threads."""
        with ThreadPoolExecutor(10) as pool:
            answers = list(pool.map(lambda _: self.answer(), range(100)))
        assert len({process for _, process, _ in answers}) == 1
        assert len({thread for _, _, thread in answers}) > 1

    def end(self, number: signal.Signals) -> tuple[int, str]:
        """End it as a terminal does, with all its processes. Return its status and what it printed."""
        os.killpg(self.server.process.pid, number)
        return self.server.wait_for_end(), self.server.log.read_text()


@contextmanager
def serving(practice: Counted, folder: Path, *command: str) -> Iterator[Site]:
    """Run a development server. ``PORT`` in the command is its port."""
    port = unused_port()
    arguments = [sys.executable, "-m", *(part.replace("PORT", str(port)) for part in command)]
    with web_server(arguments, port, folder / "log", folder, variables(practice)) as server:
        yield Site(server)


def change(page: Path, old: str, new: str) -> None:
    """Save another version of a page, later than the server has seen it."""
    later = page.stat().st_mtime + 2
    page.write_text(page.read_text().replace(old, new))
    os.utime(page, (later, later))


def check_end(site: Site, practice: Counted, end: signal.Signals, status: int, unwanted: str) -> None:
    """End the server: it has this status, has shown no traceback and no such warning, and has no connection."""
    ended, output = site.end(end)

    assert ended == status
    assert "Traceback" not in output
    assert unwanted not in output
    assert practice.settled(0) == 0


def check_reload(site: Site, practice: Counted, page: Path, connections: int) -> None:
    """Change the page: the new process answers, and the connection of the old one goes."""
    _, first, _ = site.answer_of("one")
    site.ask_from_threads()
    assert practice.settled(connections) == connections
    change(page, "one", "two")
    _, second, _ = site.answer_of("two")
    assert second != first
    assert practice.settled(connections) == connections
    site.ask_from_threads()
    assert all(host.friendly_name in site.server.get("/hosts") for host in practice.lattice.hosts)


# Django -------------------------------------------------------------------------------------------------

URLS = """
import django.http
import django.urls
import wasmcloud_ctl
from shop import lattice, views

def page(request):
    try:
        return django.http.HttpResponse(lattice.answer().replace("VERSION", "one"))
    except wasmcloud_ctl.CtlError as error:  # as the documentation's view
        return django.http.HttpResponse(str(error), status=503)

urlpatterns = [django.urls.path("", page), django.urls.path("hosts", views.hosts)]
"""

COMMAND = """
from django.core.management.base import BaseCommand
from shop.lattice import answer

class Command(BaseCommand):
    def handle(self, *args, **options):
        self.stdout.write(answer())
"""

TESTS = """
import django.test
from wasmcloud_ctl.testing import PracticeLattice

class LatticeTests(django.test.SimpleTestCase):
    def test_hosts(self):
        with PracticeLattice() as lattice, lattice.connect(quiet=0.25) as client:
            self.assertEqual(len(client.get_hosts(expected=1)), 1)

    def test_page(self):
        self.assertContains(self.client.get("/"), "True")
"""


@pytest.fixture
def django_site(practice: Counted, tmp_path: Path) -> Path:
    """A site that Django has made, with the modules of the documentation."""
    subprocess.run(
        [sys.executable, "-m", "django", "startproject", "shop", "."], cwd=tmp_path, check=True, timeout=60
    )
    shop = tmp_path / "shop"
    (shop / "lattice.py").write_text(documented("shop/lattice.py") + ANSWER)
    (shop / "views.py").write_text(documented("shop/views.py"))
    (shop / "urls.py").write_text(URLS)
    (shop / "tests.py").write_text(TESTS)
    settings = shop / "settings.py"
    settings.write_text(
        settings.read_text().replace("INSTALLED_APPS = [", "INSTALLED_APPS = ['shop',")
        + "\nDATABASES = {}\nROOT_URLCONF = 'shop.urls'\n"
    )
    commands = shop / "management" / "commands"
    commands.mkdir(parents=True)
    for package in (commands.parent, commands):
        (package / "__init__.py").touch()
    (commands / "lattice.py").write_text(COMMAND)
    return tmp_path


@pytest.mark.long
@pytest.mark.timeout(120)
@needs("django")
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_djangos_server_with_its_reloader(django_site: Path, practice: Counted, end: signal.Signals) -> None:
    """A change starts a new process, and the old one ends with its connection. Ctrl-C and SIGTERM end all of it
    silently."""
    with serving(
        practice, django_site, "django", "runserver", "127.0.0.1:PORT", "--settings=shop.settings"
    ) as site:
        check_reload(site, practice, django_site / "shop" / "urls.py", connections=1)
        check_end(site, practice, end, 0, "Warning")


@pytest.mark.long
@pytest.mark.timeout(120)
@needs("django")
@pytest.mark.parametrize(("end", "status"), [(signal.SIGINT, 0), (signal.SIGTERM, -signal.SIGTERM)])
def test_djangos_server_without_its_reloader(
    django_site: Path, practice: Counted, end: signal.Signals, status: int
) -> None:
    """One process serves all threads, and ends silently."""
    options = ["--noreload", "--settings=shop.settings"]
    with serving(practice, django_site, "django", "runserver", "127.0.0.1:PORT", *options) as site:
        site.answer_of("one")
        site.ask_from_threads()
        check_end(site, practice, end, status, "Warning")


@pytest.mark.long
@pytest.mark.timeout(120)
@needs("django")
def test_djangos_commands_shell_and_tests(django_site: Path, practice: Counted) -> None:
    """They use the client, print nothing else, and end by themselves."""

    def manage(*arguments: str) -> tuple[int, str, str]:
        ended = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=django_site,
            capture_output=True,
            text=True,
            timeout=60,
            env={**environment(django_site), **variables(practice)},
        )
        return ended.returncode, re.sub(r"\d{2,}", "N", ended.stdout), ended.stderr

    assert manage("lattice") == (0, "VERSION N N True\n", "")
    code = "from shop.lattice import answer; print(answer())"
    assert manage("shell", "--verbosity=0", "-c", code) == (0, "VERSION N N True\n", "")
    status, _, errors = manage("test")
    assert status == 0
    assert re.search(r"Ran 2 tests in .*\n\nOK\n", errors)
    assert "Warning" not in errors
    assert practice.settled(0) == 0


# Flask --------------------------------------------------------------------------------------------------

PAGE = """
@app.route("/")
def page():
    return answer().replace("VERSION", "one")
"""


@pytest.mark.long
@pytest.mark.timeout(120)
@needs("flask")
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_flasks_server_with_its_reloader(tmp_path: Path, practice: Counted, end: signal.Signals) -> None:
    """Flask's reloader imports the application, too, and has a second connection. A change starts a new process, and
    the old one ends with its connection. Ctrl-C and SIGTERM end all of it silently."""
    page = tmp_path / "web.py"
    page.write_text(documented("web.py") + ANSWER + PAGE)
    with serving(practice, tmp_path, "flask", "--app=web", "run", "--debug", "--port=PORT") as site:
        check_reload(site, practice, page, connections=2)
        check_end(site, practice, end, 0, "ResourceWarning")


@pytest.mark.long
@pytest.mark.timeout(120)
@needs("flask")
@pytest.mark.parametrize(("end", "status"), [(signal.SIGINT, 0), (signal.SIGTERM, -signal.SIGTERM)])
def test_flasks_server_with_threads(
    tmp_path: Path, practice: Counted, end: signal.Signals, status: int
) -> None:
    """One process serves all threads, and ends silently."""
    (tmp_path / "web.py").write_text(documented("web.py") + ANSWER + PAGE)
    with serving(practice, tmp_path, "flask", "--app=web", "run", "--port=PORT") as site:
        site.answer_of("one")
        site.ask_from_threads()
        check_end(site, practice, end, status, "ResourceWarning")
