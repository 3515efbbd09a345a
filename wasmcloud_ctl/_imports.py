"""The lock that a fork waits for, around what is imported when a client is made.

A child forked while another thread imports has the lock of that import, and no thread that releases it: its own
import of the same module would wait for ever. So a fork waits for the imports of ``connect``. (It is here and not in
``_bridge``, which is imported under it.)
"""

from __future__ import annotations

import _thread
import os

importing = _thread.RLock()

if hasattr(os, "register_at_fork"):  # pragma: no branch – Windows has no fork
    os.register_at_fork(
        before=importing.acquire, after_in_parent=importing.release, after_in_child=importing.release
    )
