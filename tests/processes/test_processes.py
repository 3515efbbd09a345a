"""How a process with a client ends: each in a process of its own, with its status, its output and its time."""

from __future__ import annotations

import re
import sys
import textwrap

import pytest
from scripts import Ended, preamble, run, run_script

from wasmcloud_ctl.testing import PracticeLattice

# Ends ---------------------------------------------------------------------------------------------------


def test_a_script_that_never_closes_ends_by_itself(lattice: PracticeLattice) -> None:
    """Without close() a script ends at once, with status 0 and nothing on stderr."""
    ended = run(
        lattice,
        """
        import atexit
        started = []
        atexit.register(lambda: print("took", time.monotonic() - started[0] < 1))
        client = connect()
        receiver = client.events_receiver()
        print(len(client.get_hosts(expected=2)))
        started.append(time.monotonic())
        """,
    )

    assert ended == Ended(0, "2\ntook True\n", "")


def test_a_script_that_raises_ends_with_its_error(lattice: PracticeLattice) -> None:
    """An exception without close() ends the process with status 1 and that traceback alone."""
    ended = run(lattice, "client = connect()\nraise KeyError('mine')")

    assert (ended.status, ended.output) == (1, "")
    assert ended.errors.rstrip().endswith("KeyError: 'mine'")
    assert ended.errors.count("Traceback") == 1


@pytest.mark.parametrize(
    ("leave", "status", "errors"),
    [
        ("sys.exit(7)", 7, ""),
        ("raise SystemExit(7)", 7, ""),
        ("sys.exit('why')", 1, "why\n"),
        ("os._exit(7)", 7, ""),
        ("os.kill(os.getpid(), 15); time.sleep(20)", -15, ""),
        ("import signal; signal.signal(15, lambda *_: sys.exit(7)); os.kill(os.getpid(), 15)", 7, ""),
    ],
)
def test_a_script_ends_with_its_own_status(
    lattice: PracticeLattice, leave: str, status: int, errors: str
) -> None:
    """However it leaves, with a client and a receiver open, inside a with statement or not."""
    for script in ("client = connect()", "with connect() as client:"):
        indent = "    " if script.endswith(":") else ""
        ended = run(lattice, f"{script}\n{indent}receiver = client.events_receiver()\n{indent}{leave}")

        assert ended == Ended(status, "", errors)


WARY = """
import warnings
warnings.simplefilter("error")
import threading
import wasmcloud_ctl
with wasmcloud_ctl.connect({url!r}, lattice={lattice!r}) as client, client.events_receiver("config_set") as receiver:
    print(client.get_hosts(expected=2).data)
    client.put_config("a", {{}})
    print(receiver.get(5).name)
kept = wasmcloud_ctl.connect({url!r}, lattice={lattice!r})
threading.Thread(target=list, args=[kept.events_receiver()], daemon=True).start()
"""


def test_a_script_for_which_warnings_are_errors(lattice: PracticeLattice) -> None:
    """From the first import to the end of the process, nothing that Python has deprecated is used."""
    ended = run_script(WARY.format(url=lattice.url, lattice=lattice.lattice))

    assert (ended.status, ended.errors) == (0, "")
    assert re.fullmatch(r"\[<Host .*>, <Host .*>\]\nconfig_set\n", ended.output)


@pytest.mark.skipif(sys.version_info < (3, 15), reason="imports can be lazy from 3.15 on")
def test_a_script_for_which_all_imports_are_lazy(lattice: PracticeLattice) -> None:
    """Models are shown, calls are answered and the process ends as with other imports."""
    script = WARY.format(url=lattice.url, lattice=lattice.lattice)
    ended = run_script(f"import sys; sys.set_lazy_imports('all')\n{script}")

    assert (ended.status, ended.errors) == (0, "")
    assert re.fullmatch(r"\[<Host .*>, <Host .*>\]\nconfig_set\n", ended.output)


CALL = """
import atexit
def call(where):
    began = time.monotonic()
    try:
        print(where, client.get_host_inventory(host_id).succeeded)
    except wasmcloud_ctl.CtlError as error:
        print(where, type(error).__name__, error)
    if time.monotonic() - began > 1:
        print("slow")
"""
ENDING = "ClosedError the client is closed, because Python is ending"


@pytest.mark.parametrize(
    ("script", "output"),
    [
        (
            """
            close_at_exit = sys.modules["wasmcloud_ctl._bridge.processes"]._close_at_exit
            atexit.unregister(close_at_exit)  # as if the package were imported only now
            atexit.register(call, "exit:")
            atexit.register(close_at_exit)
            client = connect()
            """,
            f"exit: {ENDING}\n",
        ),
        ("client = connect()\natexit.register(call, 'exit:')", "exit: True\n"),
        (
            """
            client = connect()
            def later():
                time.sleep(0.2)  # until the main thread has ended
                call("thread:")
            threading.Thread(target=later).start()
            """,
            "thread: True\n",
        ),
        (
            """
            client, came = connect(), threading.Event()
            def later():
                came.wait()
                call("thread:")
                done.set()
            done = threading.Event()
            threading.Thread(target=later, daemon=True).start()
            close_at_exit = sys.modules["wasmcloud_ctl._bridge.processes"]._close_at_exit
            atexit.unregister(close_at_exit)
            atexit.register(lambda: (came.set(), done.wait(5)))
            atexit.register(close_at_exit)
            """,
            f"thread: {ENDING}\n",
        ),
    ],
    ids=["atexit, registered before", "atexit, registered after", "thread", "daemon thread"],
)
def test_a_call_at_exit_is_answered_or_closed(lattice: PracticeLattice, script: str, output: str) -> None:
    """While the client still works a call is answered; afterwards it is a ClosedError that says why."""
    ended = run(lattice, CALL + textwrap.dedent(script))

    assert ended == Ended(0, output, "")


def test_calls_when_modules_are_gone_are_closed(lattice: PracticeLattice) -> None:
    """In a __del__ at the interpreter's very end, when nothing can be imported any more, each operation is a
    ClosedError, whether or not it was ever called before, and connect a ConnectError."""
    ended = run(
        lattice,
        """
        class Last:
            def __del__(self):
                for call in self.calls:
                    try:
                        print("answer:", call())
                    except wasmcloud_ctl.CtlError as error:
                        print(type(error).__name__, error)
                self.client.close()
                print(self.client.closed)
        last = Last()
        last.client = client = connect(cache_links=True)
        receiver = client.events_receiver()
        async def nothing():
            pass
        last.calls = [
            lambda: client.get_host_inventory(host_id),
            lambda: client.get_hosts(),
            lambda: client.get_host_inventories(),
            lambda: client.put_config("a", {"b": "c"}),
            lambda: client.get_links(),
            lambda: client.list_configs(),
            lambda: client.scale_component(host_id, "r.example/a:1", "a", 1, wait=2),
            lambda: client.events_receiver(),
            lambda: receiver.get(1),
            lambda: client.run(nothing),
            lambda: client.nats_client,
            lambda: client.for_lattice("other"),
            lambda: connect(),
        ]
        """,
    )

    lines = 8 * [ENDING] + ["ClosedError the receiver is closed"] + 3 * [ENDING]
    lines += ["ConnectError Python is ending: no connection can be made any more", "True", ""]
    assert ended == Ended(0, "\n".join(lines), "")


def test_a_client_that_outlives_the_modules_says_nothing(lattice: PracticeLattice) -> None:
    """Clients and receivers kept where the interpreter looks last are no noise on stderr."""
    ended = run(
        lattice,
        """
        import builtins, json, logging, wasmcloud_ctl._bridge.loop, wasmcloud_ctl._client
        keepers = [builtins, json, logging, os, sys, threading, wasmcloud_ctl._bridge.loop, wasmcloud_ctl._client]
        for keeper in keepers:
            keeper.kept = connect(cache_links=True)
            keeper.kept.get_links()
            keeper.kept_too = keepers[0].kept.events_receiver()
        """,
    )

    assert ended == Ended(0, "", "")


def test_ctrl_c_while_the_process_ends_ends_it(lattice: PracticeLattice) -> None:
    """Ctrl-C ends the wait of an ending process for its clients to close, without a traceback."""
    ended = run(
        lattice,
        """
        client, blocked = connect(), threading.Event()
        async def block():
            blocked.set()
            time.sleep(20)  # blocks the client's loop on purpose, so that the end of the process has to wait
        threading.Thread(target=lambda: client.run(block), daemon=True).start()
        blocked.wait()
        print("now")
        """,
        interrupt_at="now",
    )

    assert ended == Ended(0, "now\n", "")


@pytest.mark.parametrize(
    ("script", "output"),
    [
        (
            """
            client = connect()
            def leave():
                client.get_hosts(expected=2)
                sys.exit(3)
            thread = threading.Thread(target=leave)
            thread.start()
            thread.join()
            print(len(client.get_hosts(expected=2)))
            """,
            "2\n",
        ),
        (
            """
            client = connect()
            client.close()
            client.close()
            print(client.closed)
            """,
            "True\n",
        ),
        (
            """
            client = connect()
            receiver = client.events_receiver()
            def leave():
                for event in receiver:
                    sys.exit(3)
            thread = threading.Thread(target=leave)
            thread.start()
            client.put_config("a", {})
            thread.join()
            print(len(client.get_hosts(expected=2)))
            """,
            "2\n",
        ),
        (
            """
            client = connect()
            def ask():
                try:
                    while True:
                        client.get_host_inventory(host_id)
                except wasmcloud_ctl.ClosedError:
                    closed.append(True)
            closed = []
            callers = [threading.Thread(target=ask) for _ in range(8)]
            closers = [threading.Thread(target=client.close) for _ in range(4)]
            for thread in callers + closers:
                thread.start()
            for thread in callers + closers:
                thread.join()
            print(len(closed), threading.active_count())
            """,
            "8 1\n",
        ),
        (
            """
            client = connect()
            def ask():
                try:
                    while True:
                        client.get_host_inventory(host_id)
                except wasmcloud_ctl.ClosedError:
                    print("closed")
            threading.Thread(target=ask, daemon=True).start()
            time.sleep(0.1)
            """,
            "closed\n",
        ),
        (
            """
            client = connect()
            receiver = client.events_receiver()
            threading.Thread(target=lambda: print(list(receiver)), daemon=True).start()
            client.close()
            time.sleep(0.2)
            sys.exit()
            """,
            "[]\n",
        ),
        (
            """
            import socket
            socket.getaddrinfo = lambda *rest, **hints: time.sleep(60)
            try:
                wasmcloud_ctl.connect("unresolved.invalid", connect_timeout=0.3)
            except wasmcloud_ctl.ConnectError as error:
                print("resolver" in str(error) or "resolve" in str(error) or str(error))
            """,
            "True\n",
        ),
    ],
    ids=[
        "exit in a thread",
        "twice",
        "exit in a receiver's loop",
        "from several threads",
        "calls at the end",
        "receiver",
        "resolver hangs",
    ],
)
def test_a_process_ends_whatever_is_under_way(lattice: PracticeLattice, script: str, output: str) -> None:
    """With status 0, what it meant to print, nothing on stderr, and soon."""
    ended = run(
        lattice,
        f"""
        import atexit, textwrap
        began = time.monotonic()
        atexit.register(lambda: print("slow" if time.monotonic() - began > 10 else "", end=""))
        exec(textwrap.dedent({script!r}))
        """,
    )

    if "closed" in output:
        # The daemon's last line and the interpreter's end race; the status and the errors do not.
        assert (ended.status, ended.errors) == (0, "")
    else:
        assert ended == Ended(0, output, "")


@pytest.mark.parametrize(
    "drop",
    [
        "del client",
        "receiver = client.events_receiver(); del client",
        "thread = threading.Thread(target=use, args=[client]); thread.start(); thread.join(); del client, thread",
        "threading.Thread(target=drop_last, args=[[client]]).start(); del client; dropped.set()",
        "circle = [client]; circle.append(circle); del client, circle; gc.collect()",
        "circle = [client]; circle.append(circle); del client, circle; other.run(collect)",
        "sibling = client.for_lattice('other'); del client; sibling.get_hosts(); del sibling",
        "warnings.simplefilter('error'); del client",
        "client.put_link(LINK); client.get_links(); del client",
    ],
    ids=[
        "plain",
        "with a receiver that is kept",
        "used in a thread",
        "by another thread",
        "in a circle",
        "in a circle, collected on a loop",
        "with a sibling",
        "where warnings are errors",
        "with a copy of the links",
    ],
)
def test_a_dropped_client_says_so_and_leaves_nothing(lattice: PracticeLattice, drop: str) -> None:
    """One ResourceWarning with the remedy; soon there is neither its thread nor its socket (T13, T14)."""
    ended = run(
        lattice,
        f"""
        import gc, warnings
        LINK = wasmcloud_ctl.Link("a", "b", "ns", "pkg", ("interface",))
        dropped = threading.Event()
        def use(client):
            client.get_hosts(expected=2)
        def drop_last(clients):
            dropped.wait()
            clients.clear()
        async def collect():
            gc.collect()
        def is_socket(fd):
            try:
                return "socket" in os.readlink(f"/proc/self/fd/{{fd}}")
            except OSError:
                return False  # closed since it was listed
        def left():
            return sum(map(is_socket, os.listdir("/proc/self/fd"))), threading.active_count()
        gc.disable()
        with connect() as other:
            before = left()
            client = connect(cache_links=True)
            client.get_hosts(expected=2)
            {drop}
            end = time.monotonic() + 5
            while left() != before and time.monotonic() < end:
                time.sleep(0.01)  # nothing tells when a thread has ended that nobody joins
            print(left() == before)
        """,
    )

    assert (ended.status, ended.output) == (0, "True\n")
    assert ended.errors.count("was not closed: use it in a with statement, or call close()") == 1
    # Python shows the traceback of a warning that is an error; there is no other.
    assert re.findall(r"^\w*Error", ended.errors, re.MULTILINE) == []


# Ctrl-C -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        "client.get_host_inventory(host_id, timeout=20)",
        "client.get_hosts(timeout=20)",
        "client.find_host('nobody', timeout=20)",
        "client.perform_component_auction('r.example/a:1', 'a', timeout=20)",
        "client.put_registries({}, quiet=20, timeout=20)",
        "client.get_host_inventories(timeout=20)",
        "client.events_receiver().get()",
        "client.events_receiver().get(20)",
        "list(client.events_receiver())",
        "client.run(asyncio.sleep, 20)",
        "client.run(asyncio.sleep, 20, timeout=20)",
        "client.get_host_inventories([host_id], timeout=20)",
        "client.scale_component(host_id, 'r.example/a:1', 'a', 1, wait=20)",
        "client.stop_host(host_id, wait=20)",
        "next(client.events_receiver())",
        "wasmcloud_ctl.connect(mute, connect_timeout=20)",
        "wasmcloud_ctl.connect([mute, 'tls://' + mute], connect_timeout=20)",
        "wasmcloud_ctl.connect('unresolved.invalid', connect_timeout=20)",
    ],
)
def test_ctrl_c_ends_a_call_at_once_and_the_client_works_on(lattice: PracticeLattice, call: str) -> None:
    """KeyboardInterrupt within 0.2 s, whatever blocks; then the client answers."""
    lattice.hosts[0].stall()
    ended = run(
        lattice,
        f"""
        import asyncio, signal, socket
        listener = socket.create_server(("127.0.0.1", 0))
        mute = "127.0.0.1:%d" % listener.getsockname()[1]
        client = connect()
        resolve = socket.getaddrinfo
        socket.getaddrinfo = lambda host, *rest, **hints: time.sleep(30) or resolve(host, *rest, **hints)
        at = []
        def interrupt(number, frame):
            at.append(time.monotonic())
            raise KeyboardInterrupt
        signal.signal(signal.SIGINT, interrupt)
        print("now")
        try:
            {call}
        except KeyboardInterrupt:
            print("interrupted", time.monotonic() - at[0] < 0.2)
        print(client.get_host_inventory(other_id).succeeded)
        client.close()
        listener.close()
        print([thread.name for thread in threading.enumerate() if thread.name == "wasmcloud_ctl"])
        """,
        interrupt_at="now",
    )

    assert ended == Ended(0, "now\ninterrupted True\nTrue\n[]\n", "")


def test_ctrl_c_lets_the_coroutine_clean_up(lattice: PracticeLattice) -> None:
    """What run() carries is cancelled, and has ended, when KeyboardInterrupt is raised (T7, T8)."""
    ended = run(
        lattice,
        """
        import asyncio
        client = connect()
        async def slow():
            print("now")
            try:
                await asyncio.sleep(20)
            finally:
                await asyncio.sleep(0.05)
                print("cleaned up")
        try:
            client.run(slow)
        except KeyboardInterrupt:
            print("interrupted")
        client.close()
        """,
        interrupt_at="now",
    )

    assert ended == Ended(0, "now\ncleaned up\ninterrupted\n", "")


def test_ctrl_c_ends_a_close(lattice: PracticeLattice) -> None:
    """A close that waits for a loop that is blocked is interrupted, and another one can follow."""
    ended = run(
        lattice,
        """
        import signal
        client, blocked = connect(), threading.Event()
        async def block():
            blocked.set()
            time.sleep(1)  # blocks the client's loop on purpose, so that close() still waits when Ctrl-C comes
        caller = threading.Thread(target=lambda: client.run(block))
        caller.start()
        blocked.wait()
        at = []
        def interrupt(number, frame):
            at.append(time.monotonic())
            raise KeyboardInterrupt
        signal.signal(signal.SIGINT, interrupt)
        print("now")
        try:
            client.close()
        except KeyboardInterrupt:
            print("interrupted", time.monotonic() - at[0] < 0.2)
        client.close()
        caller.join()
        print(threading.active_count())
        """,
        interrupt_at="now",
    )

    assert ended == Ended(0, "now\ninterrupted True\n1\n", "")


@pytest.mark.long
def test_interrupted_at_any_moment_a_call_leaves_nothing(lattice: PracticeLattice) -> None:
    """Of 1200 interruptions at moments that nobody chose, each ends its call at once, nothing stays in the books, no
    lock stays taken; and of connect no thread stays."""
    ended = run(
        lattice,
        """
        import random, signal, warnings
        # Else Python reads the line that warns, and Ctrl-C can keep it from closing that file.
        warnings.formatwarning = lambda message, category, *_: f"{category.__name__}: {message}\\n"
        client = connect(quiet=0.05, cache_links=True)
        at = []
        def interrupt(number, frame):
            at.append(time.monotonic())
            raise KeyboardInterrupt
        signal.signal(signal.SIGALRM, interrupt)
        calls = [
            lambda: client.get_host_inventory(host_id),
            lambda: client.get_hosts(expected=2),
            lambda: client.run(nothing),
            lambda: client.events_receiver("config_set").close(),
            lambda: client.get_links(),
            lambda: connect().close(),
            lambda: connect(),
        ]
        async def nothing():
            pass
        late = 0
        def interrupted(call):
            global late
            try:
                signal.setitimer(signal.ITIMER_REAL, random.uniform(0.00005, 0.004))
                while not at:  # Python swallows what is raised in a __del__
                    call()
            except KeyboardInterrupt:
                late += time.monotonic() - at[0] > 0.5  # 0.2 is for an idle machine
            except wasmcloud_ctl.ConnectError:
                # The interruption came while the new client was already being closed, or is yet to come.
                while not at:
                    time.sleep(0.001)
        for number in range(1200):
            at.clear()
            try:
                interrupted(calls[number % 7])
            except KeyboardInterrupt:
                pass  # it came between two instructions of the above that no try covers
        signal.setitimer(signal.ITIMER_REAL, 0)
        print("late", late)
        print(client.get_host_inventory(other_id).succeeded, len(client.get_hosts(expected=2)))
        print(client.get_links().succeeded)
        transport = client._sender.transports.get()
        end = time.monotonic() + 5
        session, bridge = transport.session, transport.bridge
        def left():
            return (len(session._pending), len(session.subscriptions), len(bridge._waiters))
        def threads():
            return [thread.name for thread in threading.enumerate()].count("wasmcloud_ctl")
        import gc
        while (left() != (0, 1, 1) or threads() > 1) and time.monotonic() < end:
            gc.collect()
            time.sleep(0.01)
        print("left", left())
        print("threads", threads())
        client.close()
        """,
    )

    # A connect that is interrupted after it has returned leaves a client that nobody has: that one warns.
    lines = [line for line in ended.errors.splitlines() if "ResourceWarning" in line]
    assert [line for line in lines if "was not closed" not in line] == []
    assert not re.findall(r"^\S*Error.*", ended.errors, re.MULTILINE), ended.errors
    assert (ended.status, ended.output) == (0, "late 0\nTrue 2\nTrue\nleft (0, 1, 1)\nthreads 1\n")


# What a process has too little of ------------------------------------------------------------------------


def test_connect_for_want_of_files_or_threads(lattice: PracticeLattice) -> None:
    """It is a ConnectError with the reason, nothing is left of it, and the client that there is works on."""
    ended = run(
        lattice,
        """
        import resource
        client = connect()
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 1, limit[1]))
        def try_to():
            try:
                connect()
            except wasmcloud_ctl.ConnectError as error:
                print(error)
        try_to()
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)
        def refuse(function, args):
            raise RuntimeError("can't start new thread")
        import _thread
        _thread.start_new_thread = refuse
        try_to()
        print(len(client.get_hosts(expected=2)))
        client.close()
        print(threading.active_count())
        """,
    )

    assert ended == Ended(
        0,
        "cannot start the client's loop: [Errno 24] Too many open files\n"
        "cannot start the client's thread: can't start new thread\n2\n1\n",
        "",
    )


def test_a_client_where_sniffio_is_installed(lattice: PracticeLattice) -> None:
    """anyio asks sniffio, where there is one, which library runs the loop, and sniffio looks at the context."""
    sniffio = textwrap.dedent(
        """
        import contextvars, sys, types
        sniffio = sys.modules["sniffio"] = types.ModuleType("sniffio")
        sniffio.AsyncLibraryNotFoundError = RuntimeError
        sniffio.current_async_library_cvar = contextvars.ContextVar("sniffio", default=None)
        def current_async_library():
            name = sniffio.current_async_library_cvar.get()
            if name is None:
                raise RuntimeError
            return name
        sniffio.current_async_library = current_async_library
        """
    )
    script = "with connect() as client:\n    print(len(client.get_hosts(expected=2)))"
    ended = run_script(sniffio + preamble(lattice) + script)

    assert ended == Ended(0, "2\n", "")
