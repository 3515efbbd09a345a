"""Processes and interpreters in which no client can work: connecting is refused there, with what to do instead."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from wasmcloud_ctl.exceptions import ConnectError

try:
    import _xxsubinterpreters as _interpreters  # type: ignore[import-not-found]  # private, so it has no types
except ImportError:
    _interpreters = None  # Python 3.13 has removed it, and some builds of older ones lack it


def refuse() -> None:
    """Raise ConnectError where a client's thread would not run, or would make a later fork hang.

    Only modules that the program has loaded are looked at.
    """
    _refuse_interpreter()
    gevent = sys.modules.get("gevent.monkey")
    if gevent is not None:
        _refuse_patched(
            "gevent", filter(gevent.is_module_patched, ("threading", "queue", "select", "socket"))
        )
    eventlet = sys.modules.get("eventlet.patcher")
    if eventlet is not None:
        _refuse_patched("eventlet", filter(eventlet.is_monkey_patched, ("thread", "select", "socket")))
    _refuse_uwsgi()


def _refuse_interpreter() -> None:
    """Raise ConnectError in a sub-interpreter before Python 3.12, and in a Python that runs without its lock (GIL).

    Before 3.12, asyncio stores the running loop once for the process, with the number of its thread. Each interpreter
    numbers its threads from 1, so asyncio takes the loop of one for that of another.
    """
    if (  # pragma: no cover – coverage is measured with a newer Python
        sys.version_info < (3, 12)
        and _interpreters is not None
        and _interpreters.get_current() != _interpreters.get_main()
    ):
        raise ConnectError(
            "this is a sub-interpreter, and before Python 3.12 asyncio works in one interpreter of a process only: "
            "connect in the main interpreter (with mod_wsgi: WSGIApplicationGroup %{GLOBAL}), or use Python 3.12 or "
            "newer"
        )
    if not getattr(sys, "_is_gil_enabled", lambda: True)():  # Python has this function from 3.13 on
        raise ConnectError(
            "this Python runs without its lock (the GIL), and the client is not tested without it: start Python with "
            "-X gil=1, or with PYTHON_GIL=1 in the environment"
        )


def _refuse_patched(library: str, patched: Iterable[str]) -> None:
    """Raise ConnectError where green threads have replaced what the event loop and its thread rely on.

    All green threads share one real thread, and asyncio allows one running loop in a thread: a second client, or any
    other use of asyncio, would fail. With only some modules patched, calls hang.
    """
    names = ", ".join(patched)
    if names:
        raise ConnectError(
            f"{library} has patched {names}, and this client needs the originals: connect in a process "
            f"without {library}'s monkey patching (with gunicorn: workers of the class gthread; with Celery: "
            "--pool=prefork or --pool=threads)"
        )


def _refuse_uwsgi() -> None:
    """Raise ConnectError in a uWSGI that has not forked its workers yet, or that lets no Python thread run.

    uWSGI's master forks while other threads run Python, without Python's lock and without its at-fork hooks. A worker
    that is forked while the client's thread has the lock hangs.
    """
    uwsgi = sys.modules.get("uwsgi")
    if uwsgi is None or not hasattr(uwsgi, "masterpid"):
        return  # this is no uWSGI, or the application has a module of this name
    # Without a master, masterpid() is 0 and the process that loads the application becomes worker 1.
    is_master = uwsgi.masterpid() == os.getpid()
    is_before_workers = uwsgi.masterpid() == 0 and uwsgi.worker_id() == 0
    if is_master or (is_before_workers and (uwsgi.numproc > 1 or "daemonize2" in uwsgi.opt)):
        raise ConnectError(
            "uWSGI has yet to fork its workers from this process, and they could hang if it had a client: start it "
            "with lazy-apps, so that each worker loads the application, or connect in a function with @postfork"
        )
    if not uwsgi.has_threads:
        raise ConnectError(
            "uWSGI stops Python's threads between requests, and this client has one: start uWSGI with enable-threads"
        )
