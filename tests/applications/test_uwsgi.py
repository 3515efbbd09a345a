"""uWSGI, which forks its workers in ways of its own: where a client works, and where it is refused."""

from __future__ import annotations

import signal
import site
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from applications import WebServer, needs, stop, web_server
from scripts import Ended, preamble, run

from wasmcloud_ctl.testing import PracticeLattice, unused_port

AT_IMPORT = """
try:
    client = connect(timeout=10)
except wasmcloud_ctl.ConnectError as error:
    print("refused:", error, flush=True)
"""
AFTER_FORK = """
import uwsgidecorators

@uwsgidecorators.postfork
def connect_worker():
    global client
    client = connect(timeout=10)
    print("connected", flush=True)
"""
PAGES = """
from wasmcloud_ctl import CtlError

def inventory(client):
    return client.get_host_inventory(other_id).unwrap().host_id == other_id

def in_child():
    child = os.fork()
    if child == 0:
        os._exit(inventory(client))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1

def page(path):
    if path == "/stalled":
        return str(client.get_host_inventory(host_id, timeout=0.5))
    if path == "/endless":
        while True:
            client.get_hosts(quiet=0.1)
    if path == "/child":
        return in_child()
    if path == "/late":
        with connect(timeout=10) as late:
            return inventory(late)
    return inventory(client)

def application(environ, start_response):
    started = time.monotonic()
    try:
        answer = page(environ["PATH_INFO"])
    except CtlError as error:
        answer = f"{type(error).__name__} {time.monotonic() - started < 5}"
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{os.getpid()} {answer}".encode()]
"""
LOADED = "WSGI app 0 (mountpoint='') ready"


def uwsgi(
    lattice: PracticeLattice, folder: Path, *options: str, connects: str = AT_IMPORT
) -> AbstractContextManager[WebServer]:
    """Start uWSGI with the application in a folder."""
    (folder / "application.py").write_text(preamble(lattice) + connects + PAGES)
    port = unused_port()
    command = [str(Path(sys.executable).with_name("pyuwsgi")), f"--http-socket=127.0.0.1:{port}"]
    # To reload, uWSGI executes the Python that the environment's one is a link to.
    paths = {"PYTHONPATH": ":".join([str(folder), *site.getsitepackages(), *sys.path])}
    return web_server([*command, *options, "--module=application"], port, folder / "log", folder, paths)


@pytest.mark.long
@pytest.mark.timeout(120)
@needs("pyuwsgi")
def test_uwsgi_with_lazy_apps(lattice: PracticeLattice, tmp_path: Path) -> None:
    """A client made at import serves all threads of each worker, and a process that a worker forks; a host that hangs
    costs a request its timeout and no more. Reload and end are as ever."""
    with uwsgi(lattice, tmp_path, "--master", "--processes=3", "--threads=4", "--lazy-apps") as server:
        server.wait_for_log(LOADED, 3)
        before = [answer.split() for answer in server.get_often()]
        child = server.get("/child").split()[1]
        lattice.hosts[0].stall()
        stalled = server.get("/stalled").split()[1:]
        lattice.hosts[0].resume()
        server.process.send_signal(signal.SIGHUP)
        server.wait_for_log(LOADED, 6)
        after = [answer.split() for answer in server.get_often()]
        ended = stop(server.process, sign=signal.SIGINT)

    log = server.log.read_text()
    assert ended.status == 0, log
    assert {right for _, right in before + after} == {"True"}
    assert len({worker for worker, _ in before}) > 1
    assert not {worker for worker, _ in before} & {worker for worker, _ in after}
    assert (child, stalled) == ("True", ["RequestTimeout", "True"])
    assert "Traceback" not in log
    assert "refused" not in log


@pytest.mark.long
@pytest.mark.timeout(120)
@needs("pyuwsgi")
def test_uwsgi_kills_a_worker_whose_request_takes_too_long(lattice: PracticeLattice, tmp_path: Path) -> None:
    """A client's thread does not delay harakiri, and the next worker serves."""
    # Without threads: in uWSGI 2.0, the end of a request resets harakiri for all threads of its worker.
    with uwsgi(lattice, tmp_path, "--master", "--processes=2", "--lazy-apps", "--harakiri=5") as server:
        server.wait_for_log(LOADED, 2)
        with pytest.raises(ConnectionError):
            server.get("/endless")

        server.wait_for_log("HARAKIRI ON WORKER")
        server.wait_for_log(LOADED, 3)
        answers = {answer.split()[1] for answer in server.get_often()}
        ended = stop(server.process, sign=signal.SIGINT)

    log = server.log.read_text()
    assert ended.status == 0, log
    assert answers == {"True"}
    assert "Traceback" not in log


@pytest.mark.long
@pytest.mark.timeout(60)
@needs("pyuwsgi")
@pytest.mark.parametrize(
    "options",
    [
        "--master",
        "--master --processes=3 --threads=4",
        "--master --processes=3 --threads=4 --py-call-uwsgi-fork-hooks",
        "--master --processes=3 --cheaper=1",
        "--master --mules=1",
        "--processes=3",
        "--spooler=.",
    ],
)
def test_a_client_before_the_fork_is_refused(lattice: PracticeLattice, tmp_path: Path, options: str) -> None:
    """The log says so, once for all workers. A client that a worker makes works."""
    with uwsgi(lattice, tmp_path, *options.split()) as server:
        answers = {server.get("/late").split()[1] for _ in range(20)}
        server.process.send_signal(signal.SIGINT)
        server.process.wait(20)

    assert answers == {"True"}
    assert server.log.read_text().count("refused: uWSGI has yet to fork its workers from this process") == 1


@pytest.mark.long
@pytest.mark.timeout(60)
@needs("pyuwsgi")
@pytest.mark.parametrize(
    ("options", "processes"),
    [("", 1), ("--threads=4", 1), ("--lazy-apps", 1), ("--processes=2 --lazy-apps", 2)],
)
def test_uwsgi_without_a_master(
    lattice: PracticeLattice, tmp_path: Path, options: str, processes: int
) -> None:
    """A client made at import works in the only process, and in each one that loads the application."""
    with uwsgi(lattice, tmp_path, *options.split()) as server:
        server.wait_for_log(LOADED, processes)  # uWSGI goes on if Ctrl-C comes before
        answers = {answer.split()[1] for answer in server.get_often()}
        server.process.send_signal(signal.SIGINT)
        server.process.wait(20)

    assert answers == {"True"}
    assert "refused" not in server.log.read_text()


@pytest.mark.long
@pytest.mark.timeout(60)
@needs("pyuwsgi")
def test_uwsgi_with_a_client_after_the_fork(lattice: PracticeLattice, tmp_path: Path) -> None:
    """The application is loaded in the master, and a function with @postfork connects in each worker."""
    with uwsgi(lattice, tmp_path, "--master", "--processes=3", "--threads=4", connects=AFTER_FORK) as server:
        server.wait_for_log("connected", 3)
        answers = [answer.split() for answer in server.get_often()]
        server.process.send_signal(signal.SIGINT)
        server.process.wait(20)

    assert {right for _, right in answers} == {"True"}
    assert "Traceback" not in server.log.read_text()


def test_a_client_after_a_fork_without_hooks(lattice: PracticeLattice) -> None:
    """uWSGI forks without Python's at-fork hooks. So a lock of threading may stay locked in the child for ever, by a
    thread that is not there: connect fails in its time then. Otherwise the child connects, calls and ends."""
    ended = run(
        lattice,
        """
        import ctypes
        fork = ctypes.PyDLL(None).fork
        def in_child(function, end):
            child = fork()
            if child == 0:
                function()
                end(7)
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        def connect_and_call():
            with connect() as client:
                print(len(client.get_hosts(expected=2)))
        def connect_in_vain():
            try:
                connect(connect_timeout=0.5)
            except wasmcloud_ctl.ConnectError as error:
                print(error)
        connect_and_call()
        print(in_child(connect_and_call, sys.exit))
        locked, go_on = threading.Event(), threading.Event()
        def keep_locked():
            with threading._active_limbo_lock:
                locked.set()
                go_on.wait()
        thread = threading.Thread(target=keep_locked)
        thread.start()
        locked.wait()
        print(in_child(connect_in_vain, os._exit))  # Python's own end would wait for that thread
        go_on.set()
        """,
    )

    assert ended == Ended(0, "2\n2\n7\nthe client's thread did not start within 0.5 s\n7\n", "")
