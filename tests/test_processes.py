"""How a process with a client ends: each in a process of its own, with its status, its output and its time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import attrs
import pytest

from wasmcloud_ctl.testing import PracticeLattice

# Starting an interpreter and importing everything takes some 0.4 s here, and much more on a busy machine.
START_SECONDS = 10.0


@attrs.frozen
class Ended:
    status: int
    output: str
    errors: str


def run(lattice: PracticeLattice, script: str, interrupt_at: str | None = None) -> Ended:
    """Run a script that has ``connect()`` and the hosts' ids; send it Ctrl-C when it prints ``interrupt_at``."""
    preamble = f"""
        import os, sys, threading, time
        import wasmcloud_ctl
        host_id, other_id = {[host.id for host in lattice.hosts]!r}
        def connect():
            return wasmcloud_ctl.connect({lattice.url!r}, lattice={lattice.lattice!r})
    """
    code = textwrap.dedent(preamble) + textwrap.dedent(script)
    process = subprocess.Popen(
        [sys.executable, "-X", "dev", "-u", "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # CPython's own warning about fork with threads, from 3.12 on, is not this library's.
        env={**os.environ, "PYTHONWARNINGS": "default,ignore:This process:DeprecationWarning"},
    )
    output = ""
    try:
        if interrupt_at is not None:
            assert process.stdout is not None
            for line in process.stdout:
                output += line
                if line.strip() == interrupt_at:
                    break
            time.sleep(0.1)  # the script says so just before it blocks; nothing tells when it does
            process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=START_SECONDS)
    finally:
        process.kill()
        process.wait()
    return Ended(process.returncode, output + rest, errors)


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


def test_a_call_at_exit_is_answered_or_closed(lattice: PracticeLattice) -> None:
    """A call in an atexit function works while the client does, or is a ClosedError: it does not hang."""
    ended = run(
        lattice,
        """
        import atexit
        client = connect()
        def last():
            try:
                client.get_host_inventory(host_id)
            except wasmcloud_ctl.ClosedError:
                pass
            print("asked")
        atexit.register(last)
        """,
    )

    assert ended == Ended(0, "asked\n", "")


@pytest.mark.parametrize(
    "call",
    [
        "client.get_host_inventory(host_id, timeout=20)",
        "client.get_hosts(timeout=20)",
        "client.events_receiver().get()",
        "client.run(asyncio.sleep, 20)",
        "wasmcloud_ctl.connect(mute, connect_timeout=20)",
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
        print(threading.active_count())
        """,
        interrupt_at="now",
    )

    assert ended == Ended(0, "now\ninterrupted True\nTrue\n1\n", "")


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


def test_importing_loads_nothing_heavy() -> None:
    """``import wasmcloud_ctl`` loads neither nats-py nor anyio nor cattrs."""
    code = (
        "import sys, wasmcloud_ctl; print(sorted({'nats', 'anyio', 'cattrs', 'asyncio'} & set(sys.modules)))"
    )

    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert process.stdout == "[]\n"
