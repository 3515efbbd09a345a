"""What a forked child has, and what its parent keeps: each in processes of their own."""

from __future__ import annotations

import sys

import pytest
from processes import Ended, preamble, run, run_script

from wasmcloud_ctl.testing import PracticeLattice


def test_a_forked_child_has_its_own_connection_and_the_parents_goes_on(lattice: PracticeLattice) -> None:
    """A child made by os.fork asks over a connection of its own; an inherited receiver is closed to it; the
    parent's client and receiver go on."""
    ended = run(
        lattice,
        """
        client = connect()
        receiver = client.events_receiver("config_set")
        child = os.fork()
        if child == 0:
            try:
                receiver.get(5)
            except wasmcloud_ctl.ClosedError as error:
                print("child:", error)
            print("child:", len(client.get_hosts(expected=2)), flush=True)
            client.close()
            sys.exit(0)
        print("parent:", os.waitpid(child, 0)[1])
        client.put_config("web", {})
        print("parent:", receiver.get(5).name)
        client.close()
        """,
    )

    assert ended == Ended(
        0,
        "child: this receiver belongs to the parent process: make a new one in the child\n"
        "child: 2\nparent: 0\nparent: config_set\n",
        "",
    )


def test_a_forked_child_that_does_not_touch_the_client_ends(lattice: PracticeLattice) -> None:
    """A child that merely leaves does not hang, and closes nothing of its parent's."""
    ended = run(
        lattice,
        """
        client = connect()
        child = os.fork()
        if child == 0:
            sys.exit(0)
        print("parent:", os.waitpid(child, 0)[1])
        print("parent:", len(client.get_hosts(expected=2)))
        """,
    )

    assert ended == Ended(0, "parent: 0\nparent: 2\n", "")


def test_a_parents_call_in_flight_goes_on(lattice: PracticeLattice) -> None:
    """A child that asks, closes and exits while a thread of the parent's awaits an answer takes nothing from it."""
    lattice.hosts[0].slow(1.0)
    ended = run(
        lattice,
        """
        client = connect(timeout=10)
        answers = []
        caller = threading.Thread(target=lambda: answers.append(client.get_host_inventory(host_id).unwrap().host_id))
        caller.start()
        time.sleep(0.2)
        child = os.fork()
        if child == 0:
            print("child:", client.get_host_inventory(other_id).succeeded, flush=True)
            client.close()
            sys.exit(0)
        print("parent:", os.waitpid(child, 0)[1])
        caller.join()
        print("parent:", answers == [host_id])
        client.close()
        print("parent:", threading.active_count())
        """,
    )

    assert ended == Ended(0, "child: True\nparent: 0\nparent: True\nparent: 1\n", "")


def test_a_child_of_a_child_and_a_client_closed_before_the_fork(lattice: PracticeLattice) -> None:
    """A grandchild has a connection of its own, too; what was closed in the parent is closed in the child."""
    ended = run(
        lattice,
        """
        client, other = connect(), connect()
        other.close()
        def fork_and(work):
            child = os.fork()
            if child == 0:
                work()
                sys.stdout.flush()
                os._exit(0)
            return os.waitpid(child, 0)[1]
        def inner():
            print("grandchild:", len(client.get_hosts(expected=2)))
        def outer():
            print("child:", len(client.get_hosts(expected=2)))
            print("grandchild's end:", fork_and(inner))
            try:
                other.get_hosts()
            except wasmcloud_ctl.ClosedError:
                print("child: closed")
            print("child:", len(client.get_hosts(expected=2)))
        print("child's end:", fork_and(outer))
        client.close()
        """,
    )

    assert ended == Ended(
        0, "child: 2\ngrandchild: 2\ngrandchild's end: 0\nchild: closed\nchild: 2\nchild's end: 0\n", ""
    )


def test_a_child_whose_server_is_away_says_so_and_ends(lattice: PracticeLattice) -> None:
    """The child's own connection fails as a connect does: with a ConnectError, and no hang."""
    ended = run(
        lattice,
        """
        from wasmcloud_ctl.testing import PracticeServer
        with PracticeServer(jetstream=False) as server:
            client = wasmcloud_ctl.connect(server.url)
            server.kill()
            child = os.fork()
            if child == 0:
                try:
                    client.get_hosts()
                except wasmcloud_ctl.ConnectError:
                    print("child: no connection", flush=True)
                sys.exit(0)
            print("parent:", os.waitpid(child, 0)[1])
            client.close()
        """,
    )

    assert ended == Ended(0, "child: no connection\nparent: 0\n", "")


def test_a_fork_while_a_thread_imports_or_holds_a_call_hangs_no_child(lattice: PracticeLattice) -> None:
    """A child inherits the locks of the parent's threads, those of imports, too, and needs none of them (T3)."""
    lattice.hosts[0].stall()
    ended = run(
        lattice,
        """
        import importlib.abc, signal
        client = connect(quiet=0.25)
        class Slow(importlib.abc.MetaPathFinder):
            def find_spec(self, name, path, target=None):
                if name.startswith(("wasmcloud_ctl", "cattrs", "anyio", "nats")):
                    time.sleep(2)
        sys.meta_path.insert(0, Slow())
        callers = [
            threading.Thread(target=call, daemon=True)
            for call in (
                lambda: client.get_host_inventory(host_id),
                lambda: client.get_hosts(timeout=3),
                lambda: client.events_receiver().get(3),
                lambda: client.scale_component(host_id, "r.example/a:1", "a", 1, wait=3),
            )
        ]
        for caller in callers:
            caller.start()
        time.sleep(0.3)
        child = os.fork()
        if child == 0:
            signal.alarm(10)
            print("child:", client.get_host_inventory(other_id).succeeded, flush=True)
            os._exit(0)
        print("parent:", os.waitpid(child, 0)[1], flush=True)
        os._exit(0)
        """,
    )

    assert ended == Ended(0, "child: True\nparent: 0\n", "")


@pytest.mark.parametrize("method", ["fork", "forkserver"])
def test_a_pool_of_workers(lattice: PracticeLattice, method: str) -> None:
    """multiprocessing's workers ask over connections of their own; the parent's goes on. (With forkserver a client is
    made in the worker, for it does not pickle.)"""
    ended = run(
        lattice,
        f"""
        import multiprocessing
        context = multiprocessing.get_context({method!r})
        if {method!r} == "fork":
            client = connect()
            def ask(number):
                return client.get_host_inventory(other_id).unwrap().host_id == other_id
            with context.Pool(3) as pool:
                print(sum(pool.map(ask, range(30))))
            print(len(client.get_hosts(expected=2)))
        else:
            with connect() as client:
                worker = context.Process(target=print, args=("worker",))
                worker.start()
                worker.join()
                print(worker.exitcode, len(client.get_hosts(expected=2)))
        """,
    )

    if method == "fork":
        assert (ended.status, ended.output) == (0, "30\n2\n")
        assert "Traceback" not in ended.errors
    else:
        assert ended == Ended(0, "worker\n0 2\n", "")


FORKS_WHILE_CALLING = """
import signal
forks, callers = {forks}, {callers}
client = connect(timeout=10)
stop = threading.Event()
wrong = []
def ask(number):
    while not stop.is_set():
        wanted = (host_id, other_id)[number % 2]
        if client.get_host_inventory(wanted).unwrap().host_id != wanted:
            wrong.append(number)
threads = [threading.Thread(target=ask, args=(number,)) for number in range(callers)]
for thread in threads:
    thread.start()
statuses, slowest = [], 0.0
for number in range(forks):
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        status = 0 if client.get_host_inventory(other_id).unwrap().host_id == other_id else 1
        if number % 2:
            client.close()
        if number % 3:
            os._exit(status)
        sys.exit(status)
    statuses.append(os.waitpid(child, 0)[1])
    slowest = max(slowest, time.monotonic() - began)
stop.set()
for thread in threads:
    thread.join(10)
print(len(client.get_hosts(expected=2)))
client.close()
print(statuses.count(0), len(wrong), threading.active_count())
print(f"slowest child: {{slowest:.2f}} s", file=sys.__stdout__)
"""


def forks_while_calling(lattice: PracticeLattice, forks: int, callers: int) -> str:
    ended = run_script(
        preamble(lattice) + FORKS_WHILE_CALLING.format(forks=forks, callers=callers), last_seconds=280
    )
    head, _, told = ended.output.rpartition("slowest child")
    assert (ended.status, head, ended.errors) == (0, f"2\n{forks} 0 1\n", "")
    return told


def test_forks_while_threads_call(lattice: PracticeLattice) -> None:
    """No child and no parent hangs, and no answer goes astray."""
    forks_while_calling(lattice, forks=5, callers=2)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_hundred_forks_while_four_threads_call(lattice: PracticeLattice) -> None:
    """No child and no parent hangs, and no answer goes astray: a hundred times."""
    print(sys.version.split()[0], forks_while_calling(lattice, forks=100, callers=4))
