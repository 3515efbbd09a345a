"""What is imported and made when it is first needed, and what Ctrl-C and a fork do to that."""

from __future__ import annotations

import _thread
import sys
import threading
import time
from typing import NoReturn

import pytest
from processes import Ended, run

from wasmcloud_ctl._imports import undisturbed
from wasmcloud_ctl.testing import PracticeLattice

# A module of which it is told, by lines, that its import begins, and, a while later, that it still goes on.
SLOW = """
import importlib.abc, signal
class Slow(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "wasmcloud_ctl._protocol.structuring":
            print("importing", flush=True)
            time.sleep(0.5)  # so that the signal comes meanwhile
            print("goes on", flush=True)
            exec("pass")  # as some modules do; Python forgets then that Ctrl-C has ended the script
sys.meta_path.insert(0, Slow())
"""


def test_ctrl_c_in_an_import_ends_the_call_and_not_the_import(lattice: PracticeLattice) -> None:
    """The call ends at once; what it has begun to import is whole, and there for the next one."""
    ended = run(
        lattice,
        SLOW
        + """
at = []
def interrupt(number, frame):
    at.append(time.monotonic())
    raise KeyboardInterrupt
signal.signal(signal.SIGINT, interrupt)
client = connect()
try:
    client.get_host_inventory(host_id)
except KeyboardInterrupt:
    print("interrupted", time.monotonic() - at[0] < 0.2)
print(client.get_host_inventory(host_id).unwrap().host_id == host_id)
client.close()
""",
        interrupt_at="importing",
    )

    assert ended == Ended(0, "importing\ninterrupted True\ngoes on\nTrue\n", "")


def test_a_script_that_ctrl_c_ends_in_an_import_ends(lattice: PracticeLattice) -> None:
    """As Ctrl-C ends any, with nothing but its own traceback: the import is let end first."""
    ended = run(
        lattice,
        SLOW
        + """
client = connect()
client.get_host_inventory(host_id)
""",
        interrupt_at="importing",
    )

    assert (ended.status, ended.output) == (-2, "importing\ngoes on\n")
    assert ended.errors.startswith("Traceback (most recent call last):\n")
    assert ended.errors.endswith("\nKeyboardInterrupt\n")


def test_an_import_that_hangs_keeps_no_process(lattice: PracticeLattice) -> None:
    """Its end waits a second for it, and no more."""
    started = time.monotonic()
    ended = run(
        lattice,
        SLOW.replace("0.5", "20")
        + """
client = connect()
client.get_host_inventory(host_id)
""",
        interrupt_at="importing",
    )

    assert (ended.status, ended.output) == (-2, "importing\n")
    assert 1 < time.monotonic() - started < 10


def test_the_main_thread_imports_nothing(lattice: PracticeLattice) -> None:
    """Nor has it cattrs make anything: Ctrl-C, which comes to it alone, finds it in no import, whatever it calls."""
    ended = run(
        lattice,
        """
        from wasmcloud_ctl.graph import LatticeGraph
        found = set()
        def look(frame, event, argument):
            name, file = frame.f_code.co_name, frame.f_code.co_filename
            if "importlib" in file and name != "_handle_fromlist" or name.endswith("structure_fn"):
                while frame is not None and "wasmcloud_ctl" not in frame.f_code.co_filename:
                    frame = frame.f_back
                found.add((name, frame and frame.f_code.co_name))
        link = wasmcloud_ctl.Link("echo", "http", "wasi", "http", ["incoming-handler"])
        sys.setprofile(look)
        with connect(cache_links=True) as client, client.events_receiver() as receiver:
            repr(client.get_hosts(expected=2)), repr(client.get_host_inventory(host_id))
            client.get_host_inventories(expected=2)
            client.put_config("web", {"a": "b"}), client.get_config("web"), client.list_configs()
            client.put_link(link), client.get_links(), client.delete_link("echo", "default", "wasi", "http")
            client.put_label(host_id, "zone", "z"), client.find_host(host_id)
            client.perform_component_auction("ghcr.io/a/echo:1", "echo", {}, expected=2)
            client.perform_provider_auction("ghcr.io/a/http:1", "http", {}, expected=2)
            client.scale_component(host_id, "ghcr.io/a/echo:1", "echo", 1, wait=5)
            client.start_provider(host_id, "ghcr.io/a/http:1", "http", wait=5)
            client.stop_provider(host_id, "http", wait=5)
            client.put_registries({})
            receiver.get(5)
            graph = LatticeGraph.from_client(client, expected=2)
            repr(graph), graph.to_svg()
            client.update_component(host_id, "echo", "ghcr.io/a/echo:2", wait=5), client.get_claims()
            client.for_lattice("other").get_hosts(quiet=0.05)
            client.stop_host(host_id, wait=5)
        sys.setprofile(None)
        print(sorted(found))
        """,
    )

    assert ended == Ended(0, "[]\n", "")


def test_a_call_goes_on_in_a_child_that_has_not_the_thread_it_waits_for(lattice: PracticeLattice) -> None:
    """As where a signal's handler forks before the thread that was started has begun."""
    ended = run(
        lattice,
        """
        import _thread, signal
        client = connect()
        start = _thread.start_new_thread
        def start_in_the_parent(*args):
            global child
            _thread.start_new_thread = start
            child = os.fork()
            if child:
                start(*args)
        _thread.start_new_thread = start_in_the_parent
        print(client.get_host_inventory(host_id).unwrap().host_id == host_id, flush=True)
        if child == 0:
            signal.alarm(10)
            print("child:", len(client.get_hosts(expected=2)), flush=True)
            os._exit(0)
        print("parent:", os.waitpid(child, 0)[1], len(client.get_hosts(expected=2)))
        client.close()
        """,
    )

    assert (ended.status, sorted(ended.output.splitlines()), ended.errors) == (
        0,
        ["True", "True", "child: 2", "parent: 0 2"],
        "",
    )


def refuse(*_: object) -> NoReturn:
    raise RuntimeError("can't start new thread")


def test_what_must_not_be_disturbed_is_done_by_a_thread() -> None:
    """By one that nobody else knows; within it, and on other threads than the main one, by the caller itself."""
    main = _thread.get_ident()
    worker, nested = undisturbed(lambda: (_thread.get_ident(), undisturbed(_thread.get_ident)))
    others: list[bool] = []
    other = threading.Thread(target=lambda: others.append(undisturbed(_thread.get_ident) == other.ident))
    other.start()
    other.join()

    assert (worker != main, nested == worker, others) == (True, True, [True])


def test_what_goes_wrong_undisturbed_is_raised() -> None:
    """As it was, for whoever waits."""
    with pytest.raises(ZeroDivisionError) as raised:
        undisturbed(lambda: 1 // 0)

    assert raised.value.__cause__ is None


def test_where_no_thread_is_to_be_had_the_caller_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is nested in it, too."""
    monkeypatch.setattr(_thread, "start_new_thread", refuse)

    assert undisturbed(lambda: undisturbed(_thread.get_ident)) == _thread.get_ident()


def test_at_the_interpreters_end_the_caller_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread can be started then, and whoever has the lock may not run any more."""
    monkeypatch.setattr(sys, "is_finalizing", lambda: True)

    assert undisturbed(_thread.get_ident) == _thread.get_ident()
