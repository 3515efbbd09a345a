"""Web servers and task queues that were there before this library: each in processes of its own."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from applications import environment, needs, stop
from scripts import WARNINGS, Ended, preamble, run, run_script

from wasmcloud_ctl.testing import PracticeLattice, unused_port

# Threads ------------------------------------------------------------------------------------------------


def test_a_wsgi_application_under_threads(lattice: PracticeLattice) -> None:
    """One client, made at import, serves an application with a thread for each request."""
    ended = run(
        lattice,
        """
        import socketserver, urllib.request, wsgiref.simple_server
        from concurrent.futures import ThreadPoolExecutor
        client = connect(quiet=0.25)
        def application(environ, start_response):
            wanted = (host_id, other_id)[int(environ["PATH_INFO"][1:]) % 2]
            inventory = client.get_host_inventory(wanted).unwrap()
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [str(inventory.host_id == wanted).encode()]
        class Server(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
            daemon_threads = False
        class Handler(wsgiref.simple_server.WSGIRequestHandler):
            def log_message(self, *rest):
                pass
        server = wsgiref.simple_server.make_server("127.0.0.1", 0, application, Server, Handler)
        threading.Thread(target=server.serve_forever).start()
        def ask(number):
            with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/{number}", timeout=20) as response:
                return response.read()
        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(ask, range(100)))
        server.shutdown()
        server.server_close()
        print(answers.count(b"True"))
        """,
    )

    assert ended == Ended(0, "100\n", "")


# gevent -------------------------------------------------------------------------------------------------


REFUSED = """
    try:
        connect()
    except wasmcloud_ctl.ConnectError as error:
        print(error)
    print([thread.name for thread in threading.enumerate()].count("wasmcloud_ctl"))
"""


def test_gevents_patching_is_refused_at_connect(lattice: PracticeLattice) -> None:
    """The sentence names what is patched, and what to do; where gevent is merely imported nothing is refused."""
    ended = run(
        lattice,
        f"""
        import textwrap, types
        monkey = types.ModuleType("gevent.monkey")
        monkey.is_module_patched = {{}}.get
        sys.modules["gevent.monkey"] = monkey
        connect().close()
        monkey.is_module_patched = {{"threading": True}}.get
        exec(textwrap.dedent({REFUSED!r}))
        """,
    )

    assert ended == Ended(
        0,
        "gevent has patched threading, and this client needs them as they are: connect in a process without gevent's "
        "monkey patching (with gunicorn: workers of the class gthread)\n0\n",
        "",
    )


@pytest.mark.long
@needs("gevent")
@pytest.mark.parametrize("patch", ["patch_all()", "patch_all(thread=False)", "patch_thread()"])
def test_gevent_itself_is_refused_at_connect(lattice: PracticeLattice, patch: str) -> None:
    """Whatever of it gevent has patched; and nothing hangs when the process ends."""
    code = f"import gevent.monkey\ngevent.monkey.{patch}\n" + preamble(lattice) + textwrap.dedent(REFUSED)
    ended = run_script(code)

    assert (ended.status, ended.errors) == (0, "")
    assert ended.output.startswith("gevent has patched ")
    assert ended.output.endswith("\n0\n")


# Servers and queues that fork ---------------------------------------------------------------------------

APPLICATION = """
client = connect(timeout=10)

def application(environ, start_response):
    inventory = client.get_host_inventory(other_id).unwrap()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{os.getpid()} {inventory.host_id == other_id}".encode()]
"""


@pytest.mark.long
@pytest.mark.timeout(120)
@needs("gunicorn")
@pytest.mark.parametrize(
    "workers", [["--worker-class=sync"], ["--worker-class=gthread", "--threads=8"]], ids=str
)
def test_gunicorn_with_preload(lattice: PracticeLattice, tmp_path: Path, workers: list[str]) -> None:
    """A client made in the master before the workers are forked serves each of them, and all of them end."""
    (tmp_path / "application.py").write_text(preamble(lattice) + APPLICATION)
    port, log = unused_port(), tmp_path / "errors.log"
    options = [f"--bind=127.0.0.1:{port}", f"--error-logfile={log}", "--graceful-timeout=10"]
    if control_socket_exists():
        options.append("--no-control-socket")
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "gunicorn",
            "--preload",
            "--workers=3",
            *workers,
            *options,
            "application:application",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # gunicorn leaves its own listening socket to the collector, and Python tells.
        env={
            **environment(tmp_path),
            "PYTHONWARNINGS": f"{WARNINGS},ignore:unclosed <socket:ResourceWarning",
        },
        cwd=tmp_path,
        start_new_session=True,
    )

    def ask(_: int) -> str:
        end = time.monotonic() + 30
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=20) as response:
                    return str(response.read().decode())
            except urllib.error.URLError:
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < end
                time.sleep(0.1)

    try:
        ask(0)
        with ThreadPoolExecutor(12) as pool:
            answers = [answer.split() for answer in pool.map(ask, range(300))]
    finally:
        ended = stop(process)

    assert ended == Ended(0, "", "")
    assert {right for _, right in answers} == {"True"}
    assert str(process.pid) not in {worker for worker, _ in answers}
    assert len({worker for worker, _ in answers}) > 1
    assert "Traceback" not in log.read_text()


def control_socket_exists() -> bool:
    """Newer gunicorns open a socket in the home folder, unless they are told not to."""
    shown = subprocess.run([sys.executable, "-m", "gunicorn", "--help"], capture_output=True, text=True)
    return "--no-control-socket" in shown.stdout


TASKS = """
import celery

folder = os.path.dirname(os.path.abspath(__file__))
for name in ("queue", "control", "results"):
    os.makedirs(os.path.join(folder, name), exist_ok=True)
app = celery.Celery("tasks", broker="filesystem://", backend="file://" + os.path.join(folder, "results"))
app.conf.broker_transport_options = {
    "data_folder_in": os.path.join(folder, "queue"),
    "data_folder_out": os.path.join(folder, "queue"),
    "control_folder": os.path.join(folder, "control"),
    "polling_interval": 0.05,
}
app.conf.broker_connection_retry_on_startup = True
client = connect(timeout=10)

@app.task
def ask():
    return os.getpid(), client.get_host_inventory(other_id).unwrap().host_id == other_id
"""


@pytest.mark.long
@pytest.mark.timeout(120)
@needs("celery")
def test_celery_with_workers_that_are_forked(lattice: PracticeLattice, tmp_path: Path) -> None:
    """A client made at import, before the workers are forked, serves the tasks in each of them, and all end."""
    (tmp_path / "tasks.py").write_text(preamble(lattice) + TASKS)
    options = [
        "--pool=prefork",
        "--concurrency=3",
        "--loglevel=ERROR",
        f"--logfile={tmp_path / 'worker.log'}",
    ]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "--app=tasks", "--quiet", "worker", *options, *quiet],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(tmp_path),
        cwd=tmp_path,
        start_new_session=True,
    )
    code = """
import tasks
with tasks.client:
    answers = [result.get(timeout=60) for result in [tasks.ask.delay() for _ in range(60)]]
print(sum(right for _, right in answers), len({pid for pid, _ in answers}) > 1)
"""
    try:
        sender = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            timeout=90,
            env=environment(tmp_path),
        )
    finally:
        ended = stop(worker, 30)

    assert (sender.returncode, sender.stdout, sender.stderr) == (0, "60 True\n", "")
    assert ended.status == 0
    assert "Traceback" not in ended.output + ended.errors
    assert "wasmcloud_ctl" not in ended.errors
