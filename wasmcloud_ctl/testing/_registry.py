"""The simulated registry that practice hosts pull images from."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from collections.abc import Callable

from wasmcloud_ctl.testing._claims import Claims
from wasmcloud_ctl.testing._failure import Failure


class PracticeRegistry:
    """The registry from which practice hosts pull every reference that is not a file.

    By default, every pull succeeds within a few milliseconds, with an image that is not signed. The methods change
    this for one reference, which must be written as in the command. They affect pulls that begin afterwards, and can
    be called from any thread.
    """

    def __init__(self) -> None:
        self._failures: dict[str, str] = {}
        self._delays: dict[str, float] = {}
        self._held: dict[str, list[Callable[[], None]]] = {}
        self._claims: dict[str, Claims] = {}
        self._pulls: list[str] = []
        # Held while a pull checks for a hold and registers itself, so that no release comes between these steps.
        self._lock = threading.Lock()

    @property
    def pulls(self) -> tuple[str, ...]:
        """The references of all pulls so far, in the order in which they began."""
        return tuple(self._pulls)

    def fail(self, reference: str, reason: str = "manifest unknown") -> None:
        """Make pulls of a reference fail.

        Args:
            reference: The reference.
            reason: The error message of the registry. Hosts add their own text before it.
        """
        self._failures[reference] = reason

    def delay(self, reference: str, seconds: float) -> None:
        """Make pulls of a reference slow.

        Args:
            reference: The reference.
            seconds: The duration of a pull, 0.0 or more.
        """
        self._delays[reference] = seconds

    def hold(self, reference: str) -> None:
        """Block pulls of a reference until ``release`` is called.

        Args:
            reference: The reference.
        """
        with self._lock:
            self._held.setdefault(reference, [])

    def release(self, reference: str) -> None:
        """Continue the pulls that ``hold`` has blocked.

        Args:
            reference: The reference.
        """
        with self._lock:
            held = self._held.pop(reference, [])
        for let_go in held:
            let_go()

    def sign(self, reference: str, claims: Claims) -> None:
        """Make an image signed.

        Args:
            reference: The reference of the image.
            claims: The claims of the image.
        """
        self._claims[reference] = claims

    def restore(self, reference: str) -> None:
        """Undo ``fail``, ``delay``, ``hold`` and ``sign`` for a reference.

        Args:
            reference: The reference.
        """
        self.release(reference)
        for settings in (self._failures, self._delays, self._claims):
            settings.pop(reference, None)

    async def pull(self, reference: str) -> Claims | None:
        """Pull an image. To be called on the hosts' event loop.

        Returns:
            The claims of the image, or None if it is not signed.

        Raises:
            Failure: The pull failed.
        """
        self._pulls.append(reference)
        released = asyncio.Event()
        loop = asyncio.get_running_loop()
        with self._lock:
            held = self._held.get(reference)
            if held is not None:
                held.append(lambda: _set_from_thread(loop, released))
        if held is not None:
            await released.wait()
        # Random, so that the order of two concurrent pulls is unpredictable, as it is on real hosts.
        await asyncio.sleep(self._delays.get(reference, 0.0) + random.uniform(0.0, 0.003))
        reason = self._failures.get(reference)
        if reason is not None:
            raise Failure("failed to fetch OCI path", Failure("failed to fetch OCI bytes", reason))
        return self._claims.get(reference)


def _set_from_thread(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    # A closed loop raises RuntimeError: the lattice was closed in the meantime.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(event.set)
