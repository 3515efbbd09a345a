"""Processes in which connect is refused. Made-up modules stand for the programs, which need not be installed."""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import Any

import pytest
from refusals import refusal

from wasmcloud_ctl.testing import PracticeLattice


@pytest.mark.parametrize(
    ("library", "module", "asks", "patched", "names"),
    [
        ("gevent", "gevent.monkey", "is_module_patched", "threading", "threading"),
        ("gevent", "gevent.monkey", "is_module_patched", "select socket ssl", "select, socket"),
        ("eventlet", "eventlet.patcher", "is_monkey_patched", "thread", "thread"),
        ("eventlet", "eventlet.patcher", "is_monkey_patched", "os select socket time", "select, socket"),
    ],
)
def test_patched_modules_are_refused(
    lattice: PracticeLattice,
    monkeypatch: pytest.MonkeyPatch,
    library: str,
    module: str,
    asks: str,
    patched: str,
    names: str,
) -> None:
    """The sentence names what is patched, and what to do. Where the library is merely imported nothing is refused."""
    fake = ModuleType(module)
    monkeypatch.setitem(sys.modules, module, fake)
    monkeypatch.setattr(fake, asks, lambda name: False, raising=False)
    lattice.connect().close()

    monkeypatch.setattr(fake, asks, lambda name: name in patched.split())

    assert refusal(lattice.url) == (
        f"{library} has patched {names}, and this client needs the originals: connect in a process without "
        f"{library}'s monkey patching (with gunicorn: workers of the class gthread; with Celery: --pool=prefork or "
        "--pool=threads)"
    )


def pretend_uwsgi(
    monkeypatch: pytest.MonkeyPatch,
    *,
    worker: int = 0,
    master: int = 0,
    processes: int = 1,
    threads: bool = True,
    **options: Any,
) -> None:
    """Pretend that this process is one of uWSGI's.

    Args:
        monkeypatch: Undoes it.
        worker: The number of the worker; 0 before it is one, and in the master, mules and spoolers.
        master: The process id of the master; 0 without one.
        processes: How many workers there are.
        threads: Whether uWSGI lets Python's threads run.
        options: uWSGI's options.
    """
    uwsgi = ModuleType("uwsgi")
    values = {
        "worker_id": lambda: worker,
        "masterpid": lambda: master,
        "numproc": processes,
        "has_threads": int(threads),
        "opt": options,
    }
    for name, value in values.items():
        setattr(uwsgi, name, value)
    monkeypatch.setitem(sys.modules, "uwsgi", uwsgi)


BEFORE_FORK = (
    "uWSGI has yet to fork its workers from this process, and they could hang if it had a client: start it with "
    "lazy-apps, so that each worker loads the application, or connect in a function with @postfork"
)


@pytest.mark.parametrize(
    "process",
    [
        {"master": os.getpid()},
        {"master": os.getpid(), "processes": 4},
        {"processes": 2},
        {"daemonize2": b"/var/log/uwsgi.log"},
    ],
    ids=["master", "master of four", "no master, two processes", "to the background"],
)
def test_uwsgi_that_forks_later_is_refused(
    lattice: PracticeLattice, monkeypatch: pytest.MonkeyPatch, process: dict[str, Any]
) -> None:
    """The master, and a process without one that forks more workers, or forks to the background."""
    pretend_uwsgi(monkeypatch, **process)

    assert refusal(lattice.url) == BEFORE_FORK


@pytest.mark.parametrize(
    "process",
    [
        {},  # the only process
        {"worker": 1},
        {"worker": 2, "processes": 2},
        {"worker": 1, "master": 1, "processes": 2},
        {"master": 1},  # a mule or a spooler
        {"worker": 1, "daemonize2": b"/var/log/uwsgi.log"},
    ],
    ids=str,
)
def test_uwsgi_that_forks_no_more_has_a_client(
    lattice: PracticeLattice, monkeypatch: pytest.MonkeyPatch, process: dict[str, Any]
) -> None:
    """Workers, mules, spoolers, and the only process."""
    pretend_uwsgi(monkeypatch, **process)

    with lattice.connect() as client:
        assert len(client.get_hosts(expected=2)) == 2


def test_uwsgi_without_threads_is_refused(lattice: PracticeLattice, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's threads stand still between requests there. The sentence names the option."""
    pretend_uwsgi(monkeypatch, worker=1, master=1, threads=False)

    assert refusal(lattice.url) == (
        "uWSGI stops Python's threads between requests, and this client has one: start uWSGI with enable-threads"
    )


def test_uwsgi_that_has_to_be_told_both_names_the_fork_first(
    lattice: PracticeLattice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """lazy-apps is the option without which workers can hang."""
    pretend_uwsgi(monkeypatch, master=os.getpid(), processes=3, threads=False)

    assert refusal(lattice.url) == BEFORE_FORK


def test_a_module_of_the_applications_own_with_the_name_uwsgi(
    lattice: PracticeLattice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A project may call its entry file so."""
    monkeypatch.setitem(sys.modules, "uwsgi", ModuleType("uwsgi"))

    with lattice.connect() as client:
        assert len(client.get_hosts(expected=2)) == 2
