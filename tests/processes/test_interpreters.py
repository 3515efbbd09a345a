"""Clients in sub-interpreters, as mod_wsgi and ``concurrent.interpreters`` make them, and where they are refused."""

from __future__ import annotations

import sys
import textwrap

import pytest
from scripts import Ended, run

from wasmcloud_ctl.testing import PracticeLattice

# With Python's private modules: concurrent.interpreters is new in 3.14, and makes only isolated interpreters. The
# legacy ones are like those of mod_wsgi.
INTERPRETERS = """
if sys.version_info >= (3, 13):
    import _interpreters
    new, execute = _interpreters.create, _interpreters.exec
else:
    import _xxsubinterpreters as _interpreters
    execute = _interpreters.run_string
    def new(kind):
        return _interpreters.create(isolated=kind == "isolated")
def in_new(kind, script):
    interpreter = new(kind)
    execute(interpreter, PREAMBLE + script)
    return interpreter
"""
WITH_CLIENT = """
client = connect()
receiver = client.events_receiver("config_set")
def ask():
    for _ in range(20):
        assert len(client.get_hosts(expected=2)) == 2
"""
IMPORT = """
try:
    import wasmcloud_ctl
except ImportError as error:
    print(error, flush=True)
"""
REFUSED = """
try:
    connect()
except wasmcloud_ctl.ConnectError as error:
    print(type(error).__name__, error, flush=True)
"""


def run_with(lattice: PracticeLattice, script: str) -> Ended:
    """Run a script that can make sub-interpreters, each of which has the usual modules and ``connect``."""
    connect = f"""
    import os, sys, threading
    import wasmcloud_ctl
    def connect(**options):
        return wasmcloud_ctl.connect({lattice.url!r}, lattice={lattice.lattice!r}, **options)
    """
    preamble = f"PREAMBLE = {textwrap.dedent(connect)!r}\n"
    return run(lattice, preamble + INTERPRETERS + textwrap.dedent(script))


@pytest.mark.skipif(
    sys.version_info < (3, 12), reason="asyncio mixes up the loops of interpreters before 3.12"
)
def test_each_sub_interpreter_as_of_mod_wsgi_has_its_own_client(lattice: PracticeLattice) -> None:
    """Two sub-interpreters and the main one connect and call side by side, also from threads. A client that is left
    open ends with its interpreter, and the main one's goes on."""
    ended = run_with(
        lattice,
        f"""
        client = connect()
        made = [in_new("legacy", {WITH_CLIENT!r}) for _ in range(2)]
        callers = [threading.Thread(target=execute, args=(interpreter, "ask()")) for interpreter in made]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        client.put_config("a", {{}})
        for interpreter in made:
            execute(interpreter, "print(receiver.get(5).name, flush=True)")
            _interpreters.destroy(interpreter)
        print(len(client.get_hosts(expected=2)))
        """,
    )

    assert ended == Ended(0, "config_set\nconfig_set\n2\n", "")


@pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="from 3.12 on, each interpreter has its own state of asyncio"
)
@pytest.mark.parametrize("kind", ["legacy", "isolated"])
def test_no_sub_interpreter_before_3_12_has_a_client(lattice: PracticeLattice, kind: str) -> None:
    """connect is a ConnectError that says why and what to do, and the main interpreter's client works on."""
    ended = run_with(
        lattice,
        f"""
        with connect() as client:
            _interpreters.destroy(in_new({kind!r}, {REFUSED!r}))
            print(len(client.get_hosts(expected=2)))
        """,
    )

    assert ended == Ended(
        0,
        "ConnectError this is a sub-interpreter, and before Python 3.12 asyncio works in one interpreter of a "
        "process only: connect in the main interpreter (with mod_wsgi: WSGIApplicationGroup %{GLOBAL}), or use "
        "Python 3.12 or newer\n2\n",
        "",
    )


@pytest.mark.skipif(sys.version_info < (3, 12), reason="before 3.12, PyNaCl is loaded in any sub-interpreter")
def test_an_isolated_sub_interpreter_does_not_import_the_package(lattice: PracticeLattice) -> None:
    """The ImportError says so, the main interpreter's client works on, and the process ends."""
    ended = run(
        lattice,
        f"""
        {textwrap.indent(INTERPRETERS, 8 * " ").strip()}
        with connect() as client:
            interpreter = new("isolated")
            execute(interpreter, {IMPORT!r})
            # Python 3.12 crashes here, once the interpreter has imported asyncio, or ssl.
            if sys.version_info >= (3, 13):
                _interpreters.destroy(interpreter)
            print(len(client.get_hosts(expected=2)))
        """,
    )

    assert ended == Ended(0, "module nacl._sodium does not support loading in subinterpreters\n2\n", "")


def test_an_interpreter_without_its_lock_has_no_client(lattice: PracticeLattice) -> None:
    """Where Python runs free-threaded, connect is a ConnectError that says how to start it; nothing is left of it."""
    ended = run(
        lattice, "sys._is_gil_enabled = lambda: False\n" + REFUSED + "print(threading.active_count())"
    )

    assert ended == Ended(
        0,
        "ConnectError this Python runs without its lock (the GIL), and the client is not tested without it: start "
        "Python with -X gil=1, or with PYTHON_GIL=1 in the environment\n1\n",
        "",
    )
