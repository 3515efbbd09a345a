"""Calls on threads of their own, and waiting for a state."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Calling:
    """A call in a thread of its own, to do something meanwhile."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call
        self.result: object = None
        self.error: BaseException | None = None
        self.seconds = 0.0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        started = time.monotonic()
        try:
            self.result = self._call()
        except BaseException as error:
            self.error = error
        self.seconds = time.monotonic() - started

    def end(self) -> Calling:
        """Wait for it."""
        self._thread.join(15)
        assert not self._thread.is_alive()
        return self


def wait_until(condition: object, seconds: float = 5.0) -> None:
    """Look until it is so. For states that no event tells of."""
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not become so"
        time.sleep(0.01)  # so as not to take the processor from what is waited for


def library_threads() -> list[str]:
    """The names of the clients' threads that run now."""
    return [thread.name for thread in threading.enumerate() if thread.name == "wasmcloud_ctl"]
