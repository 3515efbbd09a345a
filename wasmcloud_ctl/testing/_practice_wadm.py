"""The wadm of a practice lattice: the blocking interface for tests and scripts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from wasmcloud_ctl.testing._fault_controls import FaultControls
from wasmcloud_ctl.testing._faults import Faults
from wasmcloud_ctl.testing._fleet import Fleet
from wasmcloud_ctl.testing._runtime import Runtime

if TYPE_CHECKING:
    from wasmcloud_ctl.testing._wadm.simulated import SimulatedWadm


class PracticeWadm(FaultControls):
    """The wadm of a practice lattice. Its methods can be called from any thread.

    It behaves like wadm 0.21.1: it answers the requests of its API, learns from the hosts' events, sends them
    commands, and publishes statuses. It keeps manifests in memory.

    The methods that inject a fault affect all requests and statuses after they return, until ``recover`` is called.
    Those for requests take an ``operation``, such as ``model.deploy``; by default they affect all operations.
    """

    def __init__(self, runtime: Runtime, fleet: Fleet) -> None:
        super().__init__(runtime)
        self._fleet = fleet

    @property
    def _simulated(self) -> SimulatedWadm:
        simulated = self._fleet.wadm
        assert simulated is not None
        return simulated

    @property
    def _faults(self) -> Faults:
        return self._simulated.faults

    # Start and stop

    @property
    def running(self) -> bool:
        """Whether wadm runs. It does not after ``stop``."""
        return self._simulated.running

    def stop(self) -> None:
        """Stop wadm. The hosts go on running what it has started, and it keeps its manifests and statuses."""
        self._runtime.call(self._simulated.stop)

    def start(self) -> None:
        """Start wadm again. It knows no host then, and does nothing but answer until a host's next heartbeat."""
        self._runtime.call(self._simulated.start)

    def set_pauses(
        self,
        *,
        component: float = 5.0,
        provider: float = 60.0,
        failure: float = 5.0,
        silence: float = 70.0,
    ) -> None:
        """Set how long wadm waits before it tries something again. It tries at the next event after that.

        Args:
            component: Seconds to wait for the event that ends a command for a component.
            provider: Seconds to wait for the event that ends a command for a provider.
            failure: Seconds to wait after a failure.
            silence: Seconds without a heartbeat after which wadm forgets a host.
        """
        pauses = self._simulated.pauses
        for name, seconds in (
            ("component", component),
            ("provider", provider),
            ("failure", failure),
            ("silence", silence),
        ):
            self._set(setattr, pauses, name, seconds)

    # Late replies, or none

    def hold(self) -> None:
        """Make wadm do nothing but answer: deployments are acknowledged, and nothing comes of them."""
        self._set(setattr, self._simulated.faults, "held", True)

    def release(self) -> None:
        """Let wadm go on after ``hold``. It does everything that it has missed."""
        self._set(setattr, self._simulated.faults, "held", False)

    # Wrong replies and statuses

    def refuse(self, message: str = "Internal storage error", *, operation: str | None = None) -> None:
        """Refuse requests, and do not execute them.

        Args:
            message: The message of the replies.
            operation: The operation.
        """
        self._set(self._simulated.faults.refusals.__setitem__, operation or "*", message)

    def lose_statuses(self, *names: str) -> None:
        """Lose the statuses that wadm publishes, as NATS may do. Requests for them are answered.

        Args:
            names: The names of the applications. By default, all statuses are lost.
        """
        self._set(self._simulated.faults.lost_events.update, names or ("*",))

    def publish_status(self, name: str, status: Mapping[str, object]) -> None:
        """Publish a status of an application. It is the answer to requests, too, until wadm publishes the next one.

        Args:
            name: The name of the application.
            status: The status, such as ``{"status": {"type": "failed", "message": "..."}}``.
        """
        self._runtime.call(self._simulated.publish_status, name, dict(status))

    def _set(self, function: Callable[..., object], *args: object) -> None:
        def change() -> None:
            function(*args)
            self._simulated.apply_faults()

        super()._set(change)

    def __repr__(self) -> str:
        return f"<PracticeWadm of {self._simulated.lattice}, {'running' if self.running else 'stopped'}>"
