"""Web servers and task queues that were there before this library: each in processes of its own."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import textwrap
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from applications import APPLICATION, WebServer, environment, killed_at_end, needs, stop, web_server
from scripts import WARNINGS, Ended, preamble, run, run_script

from wasmcloud_ctl import Client
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
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        def ask(number):
            with opener.open(f"http://127.0.0.1:{server.server_port}/{number}", timeout=20) as response:
                return response.read()
        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(ask, range(100)))
        server.shutdown()
        server.server_close()
        print(answers.count(b"True"))
        """,
    )

    assert ended == Ended(0, "100\n", "")


# Green threads ------------------------------------------------------------------------------------------


REFUSED = """
    try:
        connect()
    except wasmcloud_ctl.ConnectError as error:
        print(error)
    print([thread.name for thread in threading.enumerate()].count("wasmcloud_ctl"))
"""


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


@pytest.mark.long
@needs("eventlet")
@pytest.mark.parametrize(
    "patch", ["monkey_patch()", "monkey_patch(thread=False)", "monkey_patch(socket=True)"]
)
def test_eventlet_itself_is_refused_at_connect(lattice: PracticeLattice, patch: str) -> None:
    """Whatever of it eventlet has patched; and nothing hangs when the process ends."""
    code = f"import eventlet\neventlet.{patch}\n" + preamble(lattice) + textwrap.dedent(REFUSED)
    ended = run_script(code)

    assert ended.status == 0
    assert ended.output.startswith("eventlet has patched ")
    assert ended.output.endswith("\n0\n")
    assert "Traceback" not in ended.errors


# gunicorn -----------------------------------------------------------------------------------------------


def gunicorn(
    folder: Path, *options: str, application: str = "application:application"
) -> AbstractContextManager[WebServer]:
    """Start gunicorn with an application of a folder."""
    port = unused_port()
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        f"--bind=127.0.0.1:{port}",
        "--graceful-timeout=10",
        *options,
    ]
    if control_socket_exists():
        command.append("--no-control-socket")
    # gunicorn leaves its own listening socket to the collector, and Python tells.
    warnings = {"PYTHONWARNINGS": f"{WARNINGS},ignore:unclosed <socket:ResourceWarning"}
    return web_server([*command, application], port, folder / "log", folder, warnings)


each_kind_of_worker = pytest.mark.parametrize(
    "workers",
    [
        ["--worker-class=sync", "--preload"],
        ["--worker-class=sync"],
        ["--worker-class=gthread", "--threads=8", "--preload"],
        ["--worker-class=gthread", "--threads=8"],
    ],
    ids=str,
)


def check_answers(server: WebServer, answers: list[str], status: int) -> set[str]:
    """Each answer is right and comes from a worker, and gunicorn has ended silently. Return the workers."""
    log = server.log.read_text()
    assert status == 0, log
    assert {answer.split()[1] for answer in answers} == {"True"}, log
    assert "Traceback" not in log
    assert "Warning" not in log
    found = {answer.split()[0] for answer in answers}
    assert str(server.process.pid) not in found
    return found


@pytest.mark.long
@pytest.mark.timeout(120)
@needs("gunicorn")
@each_kind_of_worker
def test_gunicorn_reloads(lattice: PracticeLattice, tmp_path: Path, workers: list[str]) -> None:
    """A client made at import serves each worker, whether that is before or after the fork. So it does in the workers
    that a reload starts instead. All of them end."""
    (tmp_path / "application.py").write_text(preamble(lattice) + APPLICATION)
    with gunicorn(tmp_path, "--workers=3", *workers) as server:
        before = server.get_often()
        server.process.send_signal(signal.SIGHUP)
        server.wait_for_log("Worker exiting", 3)
        after = server.get_often()
        ended = stop(server.process)

    check_answers(server, before + after, ended.status)
    assert {answer.split()[0] for answer in before}.isdisjoint(answer.split()[0] for answer in after)


@pytest.mark.long
@pytest.mark.timeout(120)
@needs("gunicorn")
@each_kind_of_worker
def test_gunicorn_replaces_workers(lattice: PracticeLattice, tmp_path: Path, workers: list[str]) -> None:
    """A client made at import serves the workers, too, that replace those with many requests behind them."""
    (tmp_path / "application.py").write_text(preamble(lattice) + APPLICATION)
    with gunicorn(tmp_path, "--workers=3", "--max-requests=80", *workers) as server:
        answers = server.get_often()
        ended = stop(server.process)

    assert len(check_answers(server, answers, ended.status)) > 3


EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.long
@pytest.mark.timeout(120)
@needs("gunicorn")
@each_kind_of_worker
def test_gunicorn_serves_the_example_with_a_live_view(
    lattice: PracticeLattice,
    client: Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    workers: list[str],
) -> None:
    """The view is made before or after the fork. Each worker has one, which lists the hosts once, and shows what
    changes."""
    monkeypatch.setenv("WASMCLOUD_CTL_PORT", lattice.url.rpartition(":")[2])
    monkeypatch.setenv("WASMCLOUD_LATTICE", lattice.lattice)
    shutil.copy(EXAMPLES / "wsgi_page.py", tmp_path)
    host, other = lattice.hosts
    with gunicorn(tmp_path, "--workers=3", *workers, application="wsgi_page:application()") as server:
        [page] = {re.sub(r"\d+ s old", "", page) for page in server.get_often()}
        client.scale_component(host.id, "registry.example/acme/echo:1", "echo", 3, wait=10)
        server.wait_until(lambda: all("component echo: 3 of" in page for page in server.get_often()))
        ended = stop(server.process)

    log = server.log.read_text()
    assert f"<h2>{host.friendly_name}</h2>" in page
    assert f"<h2>{other.friendly_name}</h2>" in page
    assert "may be wrong" not in page
    assert ended.status == 0, log
    assert "Traceback" not in log
    assert "Warning" not in log
    # One ping of each worker that has served a page, and with --preload one of the master.
    assert [command.operation for command in lattice.commands].count("host.ping") <= 4 * len(lattice.hosts)


@pytest.mark.long
@pytest.mark.timeout(120)
@needs("gunicorn", "gevent")
def test_gunicorn_with_gevent_tells_what_to_do(lattice: PracticeLattice, tmp_path: Path) -> None:
    """The workers do not start, the log says why, and gunicorn ends. With --preload, each request fails so."""
    (tmp_path / "application.py").write_text(preamble(lattice) + APPLICATION)
    with gunicorn(tmp_path, "--worker-class=gevent") as server:
        assert server.process.wait(30) != 0
        assert "ConnectError: gevent has patched " in server.log.read_text()

    with gunicorn(tmp_path, "--worker-class=gevent", "--preload") as server:
        assert server.get() == "500 Internal Server Error"
        assert stop(server.process).status == 0
        assert "ConnectError: gevent has patched " in server.log.read_text()


def control_socket_exists() -> bool:
    """Newer gunicorns open a socket in the home folder, unless they are told not to."""
    shown = subprocess.run([sys.executable, "-m", "gunicorn", "--help"], capture_output=True, text=True)
    return "--no-control-socket" in shown.stdout


# Celery -------------------------------------------------------------------------------------------------

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


def celery_worker(folder: Path, pool: str) -> subprocess.Popen[str]:
    """Start a worker of the module ``tasks`` of a folder."""
    options = [f"--pool={pool}", "--concurrency=3", "--loglevel=ERROR", f"--logfile={folder / 'worker.log'}"]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    return subprocess.Popen(
        [sys.executable, "-m", "celery", "--app=tasks", "--quiet", "worker", *options, *quiet],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(folder),
        cwd=folder,
        start_new_session=True,
    )


@pytest.mark.long
@pytest.mark.timeout(120)
@needs("celery")
@pytest.mark.parametrize(("pool", "forks"), [("prefork", True), ("threads", False)])
def test_celery(lattice: PracticeLattice, tmp_path: Path, pool: str, forks: bool) -> None:
    """A client made at import, before the workers are forked, serves the tasks in each of them, and in threads. All
    of them end."""
    (tmp_path / "tasks.py").write_text(preamble(lattice) + TASKS)
    code = """
import tasks
with tasks.client:
    answers = [result.get(timeout=60) for result in [tasks.ask.delay() for _ in range(60)]]
print(sum(right for _, right in answers), len({pid for pid, _ in answers}) > 1)
"""
    with killed_at_end(celery_worker(tmp_path, pool)) as worker:
        sender = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            timeout=90,
            env=environment(tmp_path),
        )
        ended = stop(worker, 30)

    assert (sender.returncode, sender.stdout, sender.stderr) == (0, f"60 {forks}\n", "")
    assert ended.status == 0
    assert "Traceback" not in ended.output + ended.errors + (tmp_path / "worker.log").read_text()
    assert "wasmcloud_ctl" not in ended.errors


@pytest.mark.long
@pytest.mark.timeout(60)
@needs("celery", "gevent", "eventlet")
@pytest.mark.parametrize("pool", ["gevent", "eventlet"])
def test_celery_with_green_threads_tells_what_to_do(
    lattice: PracticeLattice, tmp_path: Path, pool: str
) -> None:
    """The worker does not start, and says why."""
    (tmp_path / "tasks.py").write_text(preamble(lattice) + TASKS)
    with killed_at_end(celery_worker(tmp_path, pool)) as worker:
        _, errors = worker.communicate(timeout=30)

    assert worker.returncode != 0
    assert f"ConnectError: {pool} has patched " in errors
    assert "--pool=prefork" in errors
