"""The interpreters that cannot have a client: some sub-interpreters, and those that run without their lock (GIL)."""

from __future__ import annotations

import sys
import threading

from wasmcloud_ctl.exceptions import ConnectError

if sys.version_info < (3, 12):  # pragma: no cover – coverage is measured with a newer Python
    try:
        import _xxsubinterpreters as _interpreters  # type: ignore[import-not-found]  # private, so it has no types
    except ImportError:
        _interpreters = None  # a Python that was built without sub-interpreters for Python code

    def _asyncio_may_fail() -> bool:
        """Whether asyncio may take the loop of another interpreter for one of this interpreter.

        asyncio stores the running loop once for the process, with the number of its thread. Each interpreter numbers
        its threads from 1.
        """
        return _interpreters is not None and bool(_interpreters.get_current() != _interpreters.get_main())
else:

    def _asyncio_may_fail() -> bool:
        """Each interpreter stores its running loops for itself."""
        return False


def refuse() -> None:
    """Raise ConnectError in an interpreter that cannot have a client, and say what to do."""
    if _asyncio_may_fail():  # pragma: no cover – see above
        raise ConnectError(
            "this is a sub-interpreter, and before Python 3.12 asyncio works in one interpreter of a process only: "
            "connect in the main interpreter (with mod_wsgi: WSGIApplicationGroup %{GLOBAL}), or use Python 3.12"
        )
    try:
        threading.Thread(daemon=True)
    except RuntimeError as error:  # pragma: no cover – coverage is not measured in sub-interpreters
        raise ConnectError(
            f"this interpreter cannot run the client's thread ({error}): connect in the main interpreter, or in a "
            "process of its own"
        ) from error
    if not getattr(sys, "_is_gil_enabled", lambda: True)():  # Python has this function from 3.13 on
        raise ConnectError(
            "this Python runs without its lock (the GIL), and the client needs it: start Python with -X gil=1, or "
            "with PYTHON_GIL=1 in the environment"
        )
