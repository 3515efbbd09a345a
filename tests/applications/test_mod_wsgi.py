"""Apache with mod_wsgi in daemon mode, as Debian packages them, and an application in a virtual environment."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

import pytest
from applications import APPLICATION, WebServer, needs, stop, web_server
from scripts import preamble

import wasmcloud_ctl
from wasmcloud_ctl.testing import PracticeLattice, unused_port

# Where .ci/apache has put what the system lacks, or the system's own.
UNPACKED = Path(os.environ.get("WASMCLOUD_CTL_APACHE", "/"))
ROOT = UNPACKED if (UNPACKED / "usr/sbin/apache2").exists() else Path("/")
APACHE = ROOT / "usr/sbin/apache2"
MODULES = ROOT / "usr/lib/apache2/modules"
PYTHON = Path("/usr/bin/python3")

CONFIGURATION = """
ServerRoot {folder}
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {folder}/pid
ErrorLog {folder}/log
LogLevel wsgi:info
DefaultRuntimeDir {folder}
Mutex file:{folder} default
{user}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
# One process takes the requests: after a graceful restart, an old one would answer 503 for a moment.
ServerLimit 1
StartServers 1
ThreadsPerChild 25
MaxRequestWorkers 25
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule wsgi_module {modules}/mod_wsgi.so

WSGISocketPrefix {folder}/wsgi
WSGIDaemonProcess site processes=2 threads=8 python-home={folder}/venv
WSGIScriptAlias /one {folder}/one.wsgi process-group=site application-group={group}
WSGIScriptAlias /two {folder}/two.wsgi process-group=site application-group={group}
<Directory {folder}>
    Require all granted
</Directory>
"""

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(180),
    needs("virtualenv"),
    pytest.mark.skipif(
        not (MODULES / "mod_wsgi.so").exists(),
        reason="needs Debian's apache2-bin and libapache2-mod-wsgi-py3",
    ),
    pytest.mark.skipif(
        not PYTHON.exists(), reason="needs the Python that mod_wsgi is built for, Debian's python3"
    ),
]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with the virtual environment. Not tmp_path: Apache started by root reads it as another user."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        venv = folder / "venv"
        subprocess.run([sys.executable, "-m", "virtualenv", "-q", f"--python={PYTHON}", venv], check=True)
        required = [name for name in metadata.requires("wasmcloud_ctl") or [] if "extra ==" not in name]
        subprocess.run([venv / "bin/pip", "install", "-q", *required], check=True)
        # Building a wheel from the source would leave files there.
        [packages] = venv.glob("lib/python3*/site-packages")
        shutil.copytree(Path(wasmcloud_ctl.__file__).parent, packages / "wasmcloud_ctl")
        yield folder


@contextmanager
def apache(lattice: PracticeLattice, folder: Path, group: str) -> Iterator[WebServer]:
    """Apache with two applications, each in an interpreter of this group."""
    for name in ("one", "two"):
        (folder / f"{name}.wsgi").write_text(preamble(lattice) + APPLICATION)
    port = unused_port()
    user = "User nobody\nGroup nogroup" if os.getuid() == 0 else ""
    configuration = CONFIGURATION.format(folder=folder, port=port, modules=MODULES, user=user, group=group)
    (folder / "httpd.conf").write_text(configuration)
    libraries = ":".join(map(str, ROOT.glob("usr/lib/*-linux-gnu")))
    command = [str(APACHE), "-f", str(folder / "httpd.conf"), "-D", "FOREGROUND"]
    with web_server(command, port, folder / "log", folder, {"LD_LIBRARY_PATH": libraries}) as server:
        yield server


def test_mod_wsgi_in_daemon_mode(lattice: PracticeLattice, folder: Path) -> None:
    """Two applications in the main interpreter of each daemon process each have a client, made at import, for all
    threads. So they have when a script was touched, and after a graceful restart. Apache ends at once."""
    with apache(lattice, folder, "%{GLOBAL}") as server:
        first = server.get_often("/one") + server.get_often("/two")
        (folder / "one.wsgi").touch()
        touched = server.get_often("/one")
        old = {answer.split()[0] for answer in first + touched}
        server.process.send_signal(signal.SIGUSR1)  # as "apachectl -k graceful"
        server.wait_until(lambda: server.get("/one").split()[0] not in {*old, "503"})
        restarted = server.get_often("/one") + server.get_often("/two")
        ended = stop(server.process)

    log = server.log.read_text()
    assert ended.status == 0, log
    assert {answer.split()[1] for answer in first + touched + restarted} == {"True"}, log
    generations = [{answer.split()[0] for answer in answers} for answers in (first, touched, restarted)]
    assert generations[1].isdisjoint(generations[0])
    assert generations[2].isdisjoint(generations[0] | generations[1])
    assert "Traceback" not in log


def test_mod_wsgi_with_a_sub_interpreter_for_each_application(lattice: PracticeLattice, folder: Path) -> None:
    """This is the default. Before Python 3.12 no page is served, and the log names the directive to set."""
    version = subprocess.run([PYTHON, "--version"], capture_output=True, text=True, check=True).stdout
    if tuple(map(int, version.split()[1].split(".")[:2])) >= (3, 12):
        pytest.skip("a client works in these from Python 3.12 on")  # see tests/processes/test_interpreters.py
    with apache(lattice, folder, "%{RESOURCE}") as server:
        pages = [server.get("/one"), server.get("/two")]
        ended = stop(server.process)

    assert pages == 2 * ["500 Internal Server Error"]
    assert ended.status == 0
    assert server.log.read_text().count("(with mod_wsgi: WSGIApplicationGroup %{GLOBAL})") == 2
