"""The faults that practice hosts and a practice wadm have in common: the blocking interface."""

from __future__ import annotations

from collections.abc import Callable

from wasmcloud_ctl.testing import _faults
from wasmcloud_ctl.testing._faults import Faults
from wasmcloud_ctl.testing._runtime import Runtime


class FaultControls:
    """Controls the faults of something that is simulated on the hosts' event loop."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    @property
    def _faults(self) -> Faults:
        raise NotImplementedError

    def stall(self) -> None:
        """Make it hang: it queues requests and does not reply."""
        self._set(self._faults.awake.clear)

    def resume(self) -> None:
        """End a stall. The queued requests are served."""
        self._set(self._faults.awake.set)

    def slow(self, seconds: float) -> None:
        """Make it wait before it serves a request.

        Args:
            seconds: The delay of each request, 0.0 or more.
        """
        self._set(setattr, self._faults, "slowness", seconds)

    def reply_with(self, payload: bytes, *, operation: str | None = None) -> None:
        """Replace the replies. The requests are still executed.

        Args:
            payload: The payload of every reply.
            operation: The operation.
        """
        self._set(self._faults.set_reply_fault, operation, _faults.replace(payload))

    def lose_replies(self, *, operation: str | None = None) -> None:
        """Lose the replies. The requests are still executed.

        Args:
            operation: The operation.
        """
        self._set(self._faults.set_reply_fault, operation, _faults.lose)

    def recover(self) -> None:
        """Remove all faults. What is stalled resumes."""
        self._set(self._faults.clear)

    def _set(self, function: Callable[..., object], *args: object) -> None:
        async def change() -> None:
            function(*args)

        self._runtime.call(change)
