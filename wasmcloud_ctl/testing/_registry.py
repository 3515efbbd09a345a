"""The made-up registry that practice hosts pull images from."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from collections.abc import Callable

from wasmcloud_ctl.testing._claims import Claims
from wasmcloud_ctl.testing._failure import Failure


class PracticeRegistry:
    """The registry from which practice hosts pull every image that is not a file.

    It has every image there could be, unsigned, and hands it out within some milliseconds, unless it is told
    otherwise. All methods may be called from any thread, and hold for pulls that begin after them.
    """

    def __init__(self) -> None:
        self._failures: dict[str, str] = {}
        self._delays: dict[str, float] = {}
        self._held: dict[str, list[Callable[[], None]]] = {}
        self._claims: dict[str, Claims] = {}
        self._pulls: list[str] = []
        # Between a pull that asks whether it is held and a release that lets go.
        self._lock = threading.Lock()

    @property
    def pulls(self) -> tuple[str, ...]:
        """The references that hosts have begun to pull, in order."""
        return tuple(self._pulls)

    def fail(self, reference: str, reason: str = "manifest unknown") -> None:
        """Let pulls of a reference fail.

        Args:
            reference: The reference, as it stands in the command.
            reason: What the registry says; hosts put their own words before it.
        """
        self._failures[reference] = reason

    def delay(self, reference: str, seconds: float) -> None:
        """Let pulls of a reference take their time.

        Args:
            reference: The reference, as it stands in the command.
            seconds: How long, 0.0 or more.
        """
        self._delays[reference] = seconds

    def hold(self, reference: str) -> None:
        """Let pulls of a reference go on until ``release``.

        Args:
            reference: The reference, as it stands in the command.
        """
        with self._lock:
            self._held.setdefault(reference, [])

    def release(self, reference: str) -> None:
        """Let the pulls that ``hold`` has kept end.

        Args:
            reference: The reference, as it stands in the command.
        """
        with self._lock:
            held = self._held.pop(reference, [])
        for let_go in held:
            let_go()

    def sign(self, reference: str, claims: Claims) -> None:
        """Let an image be signed.

        Args:
            reference: The reference, as it stands in the command.
            claims: What its issuer says of it.
        """
        self._claims[reference] = claims

    def restore(self, reference: str) -> None:
        """Forget all that was told about a reference.

        Args:
            reference: The reference, as it stands in the command.
        """
        self.release(reference)
        for told in (self._failures, self._delays, self._claims):
            told.pop(reference, None)

    async def pull(self, reference: str) -> Claims | None:
        """Pull an image. On the hosts' event loop.

        Returns:
            The claims it brings.

        Raises:
            Failure: The registry does not give it.
        """
        self._pulls.append(reference)
        released = asyncio.Event()
        loop = asyncio.get_running_loop()
        with self._lock:
            held = self._held.get(reference)
            if held is not None:
                held.append(lambda: _tell(loop, released))
        if held is not None:
            await released.wait()
        # Never the same for two pulls: which of two commands comes first is left open, as it is on real
        # hosts.
        await asyncio.sleep(self._delays.get(reference, 0.0) + random.uniform(0.0, 0.003))
        reason = self._failures.get(reference)
        if reason is not None:
            raise Failure("failed to fetch OCI path", Failure("failed to fetch OCI bytes", reason))
        return self._claims.get(reference)


def _tell(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    # The lattice may have been closed meanwhile.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(event.set)
