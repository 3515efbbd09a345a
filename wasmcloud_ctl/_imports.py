"""The lock that a fork waits for, around what is imported when it is first needed.

A child forked while another thread imports has the lock of that import, and no thread that releases it: its own
import of the same module would wait for ever. So a fork waits for these. (It is here and not in ``_bridge``, which is
imported under it.)

In a ``__del__`` at the interpreter's very end nothing can be imported. All clients are closed by then, so whoever is
about to import for a call asks first whether its client is.
"""

from __future__ import annotations

import _thread
import importlib
import os
import sys
from collections.abc import Sequence

from wasmcloud_ctl.exceptions import ClosedError

importing = _thread.RLock()

if hasattr(os, "register_at_fork"):  # pragma: no branch – Windows has no fork
    os.register_at_fork(
        before=importing.acquire, after_in_parent=importing.release, after_in_child=importing.release
    )


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
    with importing:
        homes = ((module, importlib.import_module(f"wasmcloud_ctl.{module}")) for module in modules)
        module, home = next((module, home) for module, home in homes if name == module or hasattr(home, name))
    return home if name == module else getattr(home, name)
