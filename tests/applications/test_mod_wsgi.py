"""Apache with mod_wsgi in daemon mode, as Debian packages them, and an application in a virtual environment."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from applications import needs, stop, web_server
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
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule wsgi_module {modules}/mod_wsgi.so

WSGISocketPrefix {folder}/wsgi
WSGIDaemonProcess site processes=2 threads=8 python-home={folder}/venv
WSGIScriptAlias /one {folder}/one.wsgi process-group=site application-group=%{{GLOBAL}}
WSGIScriptAlias /two {folder}/two.wsgi process-group=site application-group=%{{GLOBAL}}
<Directory {folder}>
    Require all granted
</Directory>
"""
APPLICATION = """
client = connect(timeout=10)

def application(environ, start_response):
    inventory = client.get_host_inventory(other_id).unwrap()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{os.getpid()} {inventory.host_id == other_id}".encode()]
"""


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


@pytest.mark.long
@pytest.mark.timeout(180)
@needs("virtualenv")
@pytest.mark.skipif(
    not (MODULES / "mod_wsgi.so").exists(), reason="needs Debian's apache2-bin and libapache2-mod-wsgi-py3"
)
@pytest.mark.skipif(
    not PYTHON.exists(), reason="needs the Python that mod_wsgi is built for, Debian's python3"
)
def test_mod_wsgi_in_daemon_mode(lattice: PracticeLattice, folder: Path) -> None:
    """Two applications in the main interpreter of each daemon process each have a client, made at import, for all
    threads. So they have when a script was touched, and after a graceful restart. Apache ends at once."""
    for name in ("one", "two"):
        (folder / f"{name}.wsgi").write_text(preamble(lattice) + APPLICATION)
    port = unused_port()
    user = "User nobody\nGroup nogroup" if os.getuid() == 0 else ""
    configuration = CONFIGURATION.format(folder=folder, port=port, modules=MODULES, user=user)
    (folder / "httpd.conf").write_text(configuration)
    libraries = ":".join(map(str, ROOT.glob("usr/lib/*-linux-gnu")))
    command = [str(APACHE), "-f", str(folder / "httpd.conf"), "-D", "FOREGROUND"]
    with web_server(command, port, folder / "log", folder, {"LD_LIBRARY_PATH": libraries}) as server:
        first = server.get_often("/one") + server.get_often("/two")
        (folder / "one.wsgi").touch()
        touched = server.get_often("/one")
        server.process.send_signal(signal.SIGUSR1)  # as "apachectl -k graceful"
        server.wait_for_log("AH00493")
        restarted = server.get_often("/one") + server.get_often("/two")
        ended = stop(server.process)

    log = server.log.read_text()
    assert ended.status == 0, log
    answers = [answer.split() for answer in first + touched + restarted]
    assert {right for _, right in answers} == {"True"}, log
    assert len({worker for worker, _ in answers}) >= 6
    assert "Traceback" not in log
