"""The thread of a lattice's hosts, and how other threads call it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from wasmcloud_ctl._bridge.loop import Bridge
from wasmcloud_ctl.testing._fleet import Fleet

T = TypeVar("T")

# More than any call needs, even the start of a thousand hosts.
_CALL_SECONDS = 30.0
_CLOSE_SECONDS = 5.0


class Runtime:
    """Runs the hosts' event loop on its own thread, from ``start`` to ``close``.

    Args:
        name: The name of the thread.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._bridge: Bridge | None = None
        self._fleet: Fleet | None = None

    @property
    def running(self) -> bool:
        """Whether the event loop was started and not closed."""
        return self._bridge is not None

    @property
    def fleet(self) -> Fleet:
        """The hosts, to be used on their event loop only.

        Raises:
            RuntimeError: The event loop is not running.
        """
        if self._fleet is None:
            raise RuntimeError("the practice lattice is not running")
        return self._fleet

    def start(self, open_fleet: Callable[[], Awaitable[Fleet]]) -> None:
        """Start the thread, and open the fleet on its event loop."""
        self._bridge = Bridge(self._name)
        self._bridge.start(_CALL_SECONDS)
        self._fleet = self.call(open_fleet)

    def call(
        self,
        function: Callable[..., Awaitable[T]],
        *args: object,
        timeout: float | None = _CALL_SECONDS,
    ) -> T:
        """Run a coroutine function on the hosts' event loop, and wait for its result.

        Args:
            function: The coroutine function.
            args: Its arguments.
            timeout: Seconds to wait. None waits without limit.

        Raises:
            RuntimeError: The event loop is not running.
        """
        if self._bridge is None:
            raise RuntimeError("the practice lattice is not running")
        return self._bridge.run(function, *args, timeout=timeout)

    def close(self) -> None:
        """End the hosts without ``host_stopped`` events, and end the thread. Further calls do nothing."""
        bridge, self._bridge = self._bridge, None
        fleet, self._fleet = self._fleet, None
        if bridge is None:
            return
        try:
            if fleet is not None:
                bridge.run(fleet.close, timeout=_CLOSE_SECONDS)
        finally:
            bridge.close(_CLOSE_SECONDS)
