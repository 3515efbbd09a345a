"""What is imported, and made, when it is first needed: where neither Ctrl-C nor a fork can do harm to it.

Ctrl-C in the middle of an import can leave a file open, or the lock of all imports taken, and then every other thread
waits for ever at its next one. It comes to the main thread alone. So that one has such things done by a thread, and
merely waits: a call that is interrupted ends at once, and what it wanted is there for the next. (It is here and not
in ``_bridge``, which is among what is imported.)

A child forked while another thread imports has the lock of that import, and no thread that releases it: its own
import of the same module would wait for ever. So a fork waits for these.

In a ``__del__`` at the interpreter's very end nothing can be imported. All clients are closed by then, so whoever is
about to import for a call asks first whether its client is.
"""

from __future__ import annotations

import _thread
import atexit
import importlib
import os
import sys
import threading  # here, in case that nobody has: to it, who imports it first is the main thread
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TypeVar

from wasmcloud_ctl.exceptions import ClosedError

T = TypeVar("T")

# How long the end of the process waits for what Ctrl-C has left to its thread.
_END_SECONDS = 1.0

# A wait is made of slices: between them Windows sees Ctrl-C, and a child sees that the thread is not its own, which a
# signal's handler forked in the middle of the wait.
_SLICE_SECONDS = 0.1

_imported: set[str] = set()
_lock = _thread.RLock()
# Who has the lock, once for each thing that is done within another.
_holders: list[int] = []
# Whether Ctrl-C has ended a wait for what may still go on.
_cut_short = False

if hasattr(os, "register_at_fork"):  # pragma: no branch – Windows has no fork
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


def ensure_imported(*modules: str) -> None:
    """Import these modules, unless they are. An import statement for them is then safe, and takes no lock.

    Args:
        modules: Their full names.

    Raises:
        ImportError: As Python raises it.
    """
    if not _imported.issuperset(modules):
        undisturbed(lambda: _import(modules))


def _import(modules: Sequence[str]) -> None:
    for module in modules:
        importlib.import_module(module)
        _imported.add(module)


def undisturbed(act: Callable[[], T]) -> T:
    """Do what neither Ctrl-C nor a fork may cut in two.

    Args:
        act: Does it, and may be called twice. It waits for nobody.

    Returns:
        What it returns. What it raises is raised.
    """
    global _cut_short
    if sys.is_finalizing():  # who has the lock may run no more
        return act()
    this = _thread.get_ident()
    if this != threading.main_thread().ident or this in _holders:
        return _locked(act)
    outcome: list[T | BaseException] = []
    ended = _thread.allocate_lock()
    ended.acquire()
    process = os.getpid()
    try:
        # Not threading's: Ctrl-C in Thread.start can lose a thread.
        _thread.start_new_thread(_work, (act, outcome, ended))
    except RuntimeError:  # no thread is to be had
        return _locked(act)
    try:
        while not ended.acquire(timeout=_SLICE_SECONDS):
            if os.getpid() != process:
                return undisturbed(act)
    except BaseException:
        _cut_short = True
        raise
    (result,) = outcome
    if isinstance(result, BaseException):
        raise result
    return result


def _work(
    act: Callable[[], T], outcome: list[T | BaseException], ended: _thread.LockType
) -> None:  # pragma: no cover – what comes before the next line's effect cannot be measured
    sys.settrace(threading.gettrace())  # for debuggers and coverage, as threading does for threads of its own
    try:
        outcome.append(_locked(act))
    except BaseException as error:
        outcome.append(error)
    finally:
        ended.release()


def _locked(act: Callable[[], T]) -> T:
    with _lock:
        _holders.append(_thread.get_ident())
        try:
            return act()
        finally:
            _holders.pop()


def find_value(name: str, modules: Sequence[str]) -> object:
    """What has this name in the first of these modules that has it; or the module, if it is one's name.

    Args:
        name: The name. One of the modules has it.
        modules: Their names within this package. Each is imported only if those before have no such name.

    Raises:
        ClosedError: The interpreter ends. (Whoever asks then is about to make a call.)
    """
    if sys.is_finalizing():
        raise ClosedError("the client is closed, because Python is ending")
    homes = ((module, _module(f"wasmcloud_ctl.{module}")) for module in modules)
    module, home = next((module, home) for module, home in homes if name == module or hasattr(home, name))
    return home if name == module else getattr(home, name)


def _module(name: str) -> ModuleType:
    ensure_imported(name)
    return sys.modules[name]  # importlib's functions take the lock of all imports, even for what is imported


@atexit.register
def _wait_at_exit() -> None:
    if _lock.acquire(timeout=_END_SECONDS):
        _lock.release()
    if _cut_short and getattr(sys, "last_type", None) is KeyboardInterrupt:
        # Python keeps in mind that Ctrl-C has ended the script, for a status that tells the shell, until a text is
        # evaluated, on whatever thread; and what is imported does that.
        try:
            exec("raise KeyboardInterrupt")
        except KeyboardInterrupt:
            pass
