"""The thread on which the hosts of a lattice live, and the way there from any other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from wasmcloud_ctl._bridge.loop import Bridge
    from wasmcloud_ctl.testing._fleet import Fleet

T = TypeVar("T")

# More than anything here takes, a thousand hosts' start included.
_PATIENCE_SECONDS = 30.0
_CLOSE_SECONDS = 5.0


class Runtime:
    """The hosts' event loop on a thread of its own, from ``start`` to ``close``.

    Args:
        name: The thread's name.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._bridge: Bridge | None = None
        self._fleet: Fleet | None = None

    @property
    def running(self) -> bool:
        """Whether it was started and not closed."""
        return self._bridge is not None

    @property
    def fleet(self) -> Fleet:
        """The hosts, for use on their event loop.

        Raises:
            RuntimeError: It does not run.
        """
        if self._fleet is None:
            raise RuntimeError("the practice lattice does not run")
        return self._fleet

    def start(self, open_fleet: Callable[[], Awaitable[Fleet]]) -> None:
        """Start the thread, and open the fleet there."""
        # Here, so that importing this module imports no client of NATS.
        from wasmcloud_ctl._bridge.loop import Bridge

        self._bridge = Bridge(self._name)
        self._bridge.start(_PATIENCE_SECONDS)
        self._fleet = self.call(open_fleet)

    def call(
        self,
        function: Callable[..., Awaitable[T]],
        *args: object,
        patience: float | None = _PATIENCE_SECONDS,
    ) -> T:
        """Run a coroutine function on the hosts' event loop, and wait for it.

        Args:
            function: The coroutine function.
            args: Its arguments.
            patience: Seconds; None waits as long as it takes.

        Raises:
            RuntimeError: It does not run.
        """
        if self._bridge is None:
            raise RuntimeError("the practice lattice does not run")
        return self._bridge.run(function, *args, timeout=patience)

    def close(self) -> None:
        """End the hosts, without a word, and the thread. May be called again."""
        bridge, self._bridge = self._bridge, None
        fleet, self._fleet = self._fleet, None
        if bridge is None:
            return
        try:
            if fleet is not None:
                bridge.run(fleet.close, timeout=_CLOSE_SECONDS)
        finally:
            bridge.close(_CLOSE_SECONDS)
