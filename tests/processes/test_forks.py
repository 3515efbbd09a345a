"""What a forked child has, and what its parent keeps: each in processes of their own."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest
from scripts import Ended, preamble, run, run_script

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


def test_a_fork_while_threads_hold_calls_hangs_no_child(lattice: PracticeLattice) -> None:
    """A child inherits the locks of the parent's threads and needs none of them."""
    lattice.hosts[0].stall()
    ended = run(
        lattice,
        """
        import signal
        client = connect(quiet=0.25)
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


def test_no_call_imports_anything(lattice: PracticeLattice) -> None:
    """A child that is forked while another thread imports would wait for the import's lock for ever."""
    ended = run(
        lattice,
        """
        before = set(sys.modules)
        with connect(quiet=0.25) as client, client.events_receiver() as events:
            client.get_hosts(), client.get_host_inventories(), client.get_links(), client.list_configs()
            client.scale_component(host_id, "r.example/a:1", "a", 1, wait=3)
            repr(events.get(3)), client.get_hosts()._repr_html_()
        print(sorted(set(sys.modules) - before))
        """,
    )

    assert ended == Ended(0, "[]\n", "")


def test_forks_while_threads_connect_and_close(lattice: PracticeLattice) -> None:
    """No child hangs that is forked while other threads make and close clients and ask for links."""
    ended = run(
        lattice,
        """
        import signal
        client = connect(cache_links=True)
        stop = threading.Event()
        def again():
            while not stop.is_set():
                connect().close()
        def ask():
            while not stop.is_set():
                client.get_links()
        threads = [threading.Thread(target=work) for work in (again, again, ask)]
        for thread in threads:
            thread.start()
        statuses = []
        for number in range(15):
            child = os.fork()
            if child == 0:
                signal.alarm(20)
                with connect() as other:
                    answered = other.get_links().succeeded and client.get_links().succeeded
                os._exit(0 if answered else 1)
            statuses.append(os.waitpid(child, 0)[1])
        stop.set()
        for thread in threads:
            thread.join()
        client.close()
        print(statuses.count(0), threading.active_count())
        """,
    )

    assert ended == Ended(0, "15 1\n", "")


@pytest.mark.parametrize(("leave", "status"), [("sys.exit(0)", 0), ("os._exit(3)", 3), ("return", 0)])
def test_a_child_that_a_thread_forks_ends_with_that_thread(
    lattice: PracticeLattice, leave: str, status: int
) -> None:
    """The client's thread does not keep the child, whose atexit functions never run, from ending."""
    ended = run(
        lattice,
        f"""
        client = connect()
        def work():
            child = os.fork()
            if child == 0:
                print("child:", len(client.get_hosts(expected=2)), flush=True)
                {leave}
            else:
                print("parent:", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        worker = threading.Thread(target=work)
        worker.start()
        worker.join()
        print("parent:", len(client.get_hosts(expected=2)))
        client.close()
        """,
    )

    assert ended == Ended(0, f"child: 2\nparent: {status}\nparent: 2\n", "")


def test_a_fork_inside_a_receivers_loop(lattice: PracticeLattice) -> None:
    """In the child the loop ends; in the parent it goes on, and misses nothing."""
    ended = run(
        lattice,
        """
        client = connect()
        receiver = client.events_receiver("config_set")
        for name in ("a", "b", "c"):
            client.put_config(name, {})
        parent = os.getpid()
        for event in receiver:
            child = os.fork()
            if child != 0:
                print(event.data.config_name, os.waitpid(child, 0)[1], flush=True)
                if event.data.config_name == "c":
                    receiver.close()
        if os.getpid() != parent:
            print("child:", client.get_host_inventory(host_id).succeeded, flush=True)
            sys.exit(0)
        client.close()
        """,
    )

    assert ended == Ended(0, "child: True\na 0\nchild: True\nb 0\nchild: True\nc 0\n", "")


@pytest.mark.parametrize(
    ("child", "output"),
    [
        ("raise KeyError('mine')", "1"),
        ("client.get_hosts(expected=2); raise KeyError('mine')", "1"),
        ("del client, receiver; gc.collect(); sys.exit(0)", "0"),
        ("client.get_hosts(expected=2); client.close(); receiver.close(); sys.exit(0)", "0"),
        ("os.closerange(3, 256); client.get_hosts(expected=2); sys.exit(0)", "0"),
        ("os.execv(sys.executable, [sys.executable, '-c', 'import os; os.fstat(9)'])", "1"),
        ("os.setsid(); os._exit(os.waitpid(os.fork() or daemon(), 0)[1])", "0"),
    ],
    ids=[
        "raises",
        "asks and raises",
        "drops",
        "asks and closes",
        "closes all files",
        "becomes another",
        "daemon",
    ],
)
def test_what_a_child_does_is_nothing_to_the_parent(
    lattice: PracticeLattice, child: str, output: str
) -> None:
    """Its status is its own, and the parent's client, receiver and connection go on."""
    ended = run(
        lattice,
        f"""
        import gc
        client = connect()
        receiver = client.events_receiver("config_set")
        def daemon():
            assert len(client.get_hosts(expected=2)) == 2
            sys.exit(0)
        connection = client.nats_client
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            {child}
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        client.put_config("a", {{}})
        print(receiver.get(5).name, receiver.gaps, client.nats_client is connection)
        client.close()
        """,
    )

    assert ended == Ended(0, f"{output}\nconfig_set 0 True\n", "")


def test_other_programs_inherit_no_socket(lattice: PracticeLattice) -> None:
    """subprocess with and without close_fds, os.system and os.posix_spawn start programs without the client's files,
    and the client goes on."""
    ended = run(
        lattice,
        """
        import subprocess
        client = connect()
        look = "import os, sys; sys.exit(len([fd for fd in os.listdir('/proc/self/fd') if int(fd) > 3]))"
        for close_fds in (True, False):
            print(subprocess.run([sys.executable, "-c", look], close_fds=close_fds).returncode)
        print(os.system(f'{sys.executable} -c "{look}"'))
        child = os.posix_spawn(sys.executable, [sys.executable, "-c", look], os.environ)
        print(os.waitpid(child, 0)[1])
        print(len(client.get_hosts(expected=2)))
        client.close()
        """,
    )

    assert ended == Ended(0, "0\n0\n0\n0\n2\n", "")


def test_a_server_that_forks_its_workers_first(lattice: PracticeLattice) -> None:
    """Each worker asks over a connection of its own, and ends by SIGTERM; so in the parent."""
    ended = run(
        lattice,
        """
        import signal, socket
        client = connect()
        listener = socket.create_server(("127.0.0.1", 0))
        def serve():
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
            with listener:
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        wanted = (host_id, other_id)[os.getpid() % 2]
                        right = client.get_host_inventory(wanted).unwrap().host_id == wanted
                        connection.sendall(f"{os.getpid()} {right}".encode())
        children = []
        for _ in range(3):
            child = os.fork()
            if child == 0:
                serve()
            children.append(child)
        answers = []
        for _ in range(60):
            with socket.create_connection(listener.getsockname()) as connection:
                answers.append(connection.recv(100).split()[1])
        listener.close()
        for child in children:
            os.kill(child, signal.SIGTERM)
        print(answers.count(b"True"), [os.waitpid(child, 0)[1] for child in children])
        print(len(client.get_hosts(expected=2)))
        """,
    )

    assert ended == Ended(0, "60 [0, 0, 0]\n2\n", "")


WORKERS = """
import wasmcloud_ctl

def ask(url, lattice, host_id):
    with wasmcloud_ctl.connect(url, lattice=lattice) as client:
        return client.get_host_inventory(host_id).unwrap().host_id
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_pool_of_workers_each_with_a_client(lattice: PracticeLattice, tmp_path: Path, method: str) -> None:
    """However multiprocessing makes its workers, they connect and answer, and the parent's client goes on."""
    (tmp_path / "workers.py").write_text(WORKERS)
    ended = run(
        lattice,
        f"""
        import multiprocessing
        sys.path.insert(0, {str(tmp_path)!r})
        import workers
        with connect() as client:
            context = multiprocessing.get_context({method!r})
            with context.Pool(2) as pool:
                asked = [({lattice.url!r}, {lattice.lattice!r}, host_id)] * 6
                print(pool.starmap(workers.ask, asked) == [host_id] * 6)
                pool.close()
                pool.join()
            print(len(client.get_hosts(expected=2)))
        """,
    )

    assert ended == Ended(0, "True\n2\n", "")


def test_a_pool_of_forked_workers_shares_the_parents_client(lattice: PracticeLattice) -> None:
    """multiprocessing's forked workers ask over connections of their own; the parent's goes on. Workers that are
    terminated in a call end."""
    ended = run(
        lattice,
        """
        import multiprocessing
        client = connect()
        def ask(number):
            return client.get_host_inventory(other_id).unwrap().host_id == other_id
        def ask_on(number):
            while True:
                ask(number)
        context = multiprocessing.get_context("fork")
        with context.Pool(3) as pool:
            print(sum(pool.map(ask, range(30))))
            pool.map_async(ask_on, range(3))
            time.sleep(0.2)  # until they are in their calls
        pool.join()
        print(len(client.get_hosts(expected=2)))
        """,
    )

    assert ended == Ended(0, "30\n2\n", "")


MODULE = """
import wasmcloud_ctl
client = wasmcloud_ctl.connect({url!r}, lattice={lattice!r}, timeout=10)

def ask(host_id):
    return client.get_host_inventory(host_id).unwrap().host_id == host_id

def give(number):
    return client

def take(client):
    return client.closed
"""


def with_module(lattice: PracticeLattice, folder: Path) -> str:
    """Write a module that connects when it is imported, and return the script that imports it."""
    (folder / "shared.py").write_text(MODULE.format(url=lattice.url, lattice=lattice.lattice))
    # forkserver takes the path from the environment, and not from its parent.
    path = f"os.environ['PYTHONPATH'] = {str(folder)!r}; sys.path.insert(0, {str(folder)!r})"
    return f"{path}; import multiprocessing, shared\n"


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_client_in_a_module_that_the_workers_import(
    lattice: PracticeLattice, tmp_path: Path, method: str
) -> None:
    """With each method, a ProcessPoolExecutor, its initializer, and daemonic processes use the module's client. The
    workers end by themselves, and the parent goes on. forkserver may import the module before it forks."""
    ended = run_script(
        preamble(lattice)
        + with_module(lattice, tmp_path)
        + textwrap.dedent(
            f"""
            from concurrent.futures import ProcessPoolExecutor
            context = multiprocessing.get_context({method!r})
            context.set_forkserver_preload(["shared"])
            with ProcessPoolExecutor(2, context, initializer=shared.ask, initargs=(host_id,)) as executor:
                print(sum(executor.map(shared.ask, [host_id, other_id] * 5)))
            workers = [context.Process(target=shared.ask, args=(host_id,), daemon=number < 1) for number in range(2)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
                print(worker.exitcode)
            print(shared.ask(other_id))
            """
        )
    )

    assert ended == Ended(0, "10\n0\n0\nTrue\n", "")


def test_a_client_as_an_argument_or_a_result_says_what_to_do(
    lattice: PracticeLattice, tmp_path: Path
) -> None:
    """Pools and processes raise the sentence of the client, in the parent, and all of them go on and end."""
    ended = run_script(
        preamble(lattice)
        + with_module(lattice, tmp_path)
        + textwrap.dedent(
            """
            from concurrent.futures import ProcessPoolExecutor
            context = multiprocessing.get_context("spawn")
            def explained(call, *arguments):
                try:
                    call(*arguments)
                except Exception as error:
                    print("a client cannot be pickled: connect anew in the other process" in str(error))
            with ProcessPoolExecutor(1, context) as executor, context.Pool(1) as pool:
                explained(lambda: executor.submit(shared.take, shared.client).result())
                explained(lambda: executor.submit(shared.give, 1).result())
                explained(pool.apply, shared.take, [shared.client])
                explained(pool.apply, shared.give, [1])
                explained(context.Process(target=shared.take, args=[shared.client]).start)
                print(executor.submit(shared.ask, host_id).result())
                pool.close()
                pool.join()
            print(shared.ask(host_id))
            """
        )
    )

    assert ended == Ended(0, 7 * "True\n", "")


@pytest.mark.parametrize(
    ("daemonize", "parent"),
    [
        ("os.closerange(3, 256)", "os._exit(0)"),
        ("os.closerange(0, 256)", "os._exit(0)"),
        ("os.closerange(0, 256)", "sys.exit(0)"),
    ],
    ids=["keeps its terminal", "closes all files", "the parent closes its clients"],
)
def test_a_daemon_that_forks_twice_after_connecting(
    lattice: PracticeLattice, tmp_path: Path, daemonize: str, parent: str
) -> None:
    """The client works in the daemon, whatever files it has closed. New files get the numbers of the parent's
    sockets, and nobody else closes them."""
    log = tmp_path / "daemon.log"
    ended = run(
        lattice,
        f"""
        import gc, signal
        client, dropped = connect(), connect()
        receiver = client.events_receiver()
        ends, held = os.pipe()  # its end tells the parent of the daemon's
        if os.fork() != 0:
            os.close(held)
            os.read(ends, 1)
            {parent}
        os.setsid()
        if os.fork() != 0:
            os._exit(0)
        os.chdir("/")
        os.umask(0)
        held = os.dup2(held, 300)
        {daemonize}
        files = [os.open({str(log)!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND) for _ in range(3)]
        os.dup2(files[0], 1)
        os.dup2(files[0], 2)
        signal.alarm(20)
        print(len(client.get_hosts(expected=2)))
        try:
            receiver.get(5)
        except wasmcloud_ctl.ClosedError as error:
            print(error)
        dropped.close()
        del dropped, receiver
        gc.collect()
        with client.events_receiver("config_set") as events:
            client.put_config("a", {{}})
            print(events.get(5).name)
        print([os.fstat(file).st_ino for file in files] == 3 * [os.stat({str(log)!r}).st_ino])
        print(client.get_host_inventory(host_id).succeeded)
        """,
    )

    assert ended == Ended(0, "", "")
    assert log.read_text() == (
        "2\nthis receiver belongs to the parent process: make a new one in the child\nconfig_set\nTrue\nTrue\n"
    )


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
