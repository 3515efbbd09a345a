"""One simulated host: the blocking interface for tests and scripts."""

from __future__ import annotations

from collections.abc import Mapping

from wasmcloud_ctl.testing import _faults
from wasmcloud_ctl.testing._fault_controls import FaultControls
from wasmcloud_ctl.testing._faults import Faults
from wasmcloud_ctl.testing._host import SimulatedHost
from wasmcloud_ctl.testing._identity import built_in_labels
from wasmcloud_ctl.testing._runtime import Runtime
from wasmcloud_ctl.testing._versions import HostVersion


class PracticeHost(FaultControls):
    """One simulated host of a practice lattice. Its methods can be called from any thread.

    The methods that inject a fault affect all requests received after they return, until ``recover`` is called. Those
    for replies take an ``operation``, such as ``host.get``; by default they affect the replies to all operations.
    """

    def __init__(self, runtime: Runtime, labels: Mapping[str, str], version: HostVersion) -> None:
        super().__init__(runtime)
        self._own_labels = dict(labels)
        self._version = version
        self._simulated = self._simulate()

    def _simulate(self) -> SimulatedHost:
        return SimulatedHost(
            shared=self._runtime.fleet.shared,
            version=self._version,
            labels={**built_in_labels(), **self._own_labels},
        )

    @property
    def _faults(self) -> Faults:
        return self._simulated.faults

    @property
    def simulated(self) -> SimulatedHost:
        """The host on the hosts' event loop, which changes with each ``restart``. For internal use only."""
        return self._simulated

    @property
    def id(self) -> str:
        """The id of the host, ``N`` and 55 letters and digits. Changes with each ``restart``."""
        return self._simulated.id

    @property
    def friendly_name(self) -> str:
        """The human-readable name of the host. Changes with each ``restart``."""
        return self._simulated.friendly_name

    @property
    def labels(self) -> dict[str, str]:
        """A copy of the current labels, including the built-in ones."""
        return dict(self._simulated.labels)

    @property
    def running(self) -> bool:
        """Whether the host runs. It does not after ``stop``, ``kill``, or a client's ``stop_host``."""
        return self._runtime.call(self._is_running)

    async def _is_running(self) -> bool:
        return self._simulated in self._runtime.fleet.hosts

    @property
    def running_code(self) -> dict[str, str]:
        """The reference of the code that actually runs, by component id. An inventory can show another one."""
        return {name: component.code_ref for name, component in list(self._simulated.components.items())}

    # Start and stop

    def stop(self) -> None:
        """Stop the host in order, with a ``host_stopped`` event."""
        self._runtime.call(self._runtime.fleet.end, self._simulated, True)

    def kill(self) -> None:
        """End the host like a crash: without ``host_stopped``, and without finishing the requests in flight."""
        self._runtime.call(self._runtime.fleet.end, self._simulated, False)

    def restart(self) -> None:
        """Start the host again, with a new id and name, its original labels, and nothing running on it.

        Kills the host first if it still runs.
        """
        self.kill()
        self._simulated = self._simulate()
        self._runtime.call(self._runtime.fleet.add, [self._simulated])

    # Late replies, or none

    def shut_down_providers_slowly(self, seconds: float) -> None:
        """Make providers shut down slowly. Requests for the inventory wait for the shutdown, as on a real host.

        Args:
            seconds: The duration of a shutdown, 0.0 or more.
        """
        self._set(setattr, self._faults, "shutdown_seconds", seconds)

    def part_silently(self) -> None:
        """Make the host obey ``stop_host`` without acknowledgement and event, as a lattice's last host may do."""
        self._set(setattr, self._faults, "parts_silently", True)

    # Wrong replies

    def cut_replies(self, length: int | None = None, *, operation: str | None = None) -> None:
        """Cut the host's replies off.

        Args:
            length: The number of bytes to keep. Defaults to half of the reply.
            operation: The operation.
        """
        self._set(self._faults.set_reply_fault, operation, _faults.cut(length))

    def pad_replies(self, size: int, *, operation: str | None = None) -> None:
        """Make the host's replies large, by adding an unknown field.

        Args:
            size: The size of a reply in bytes. A reply above the server's limit is not sent, as on a real host.
            operation: The operation.
        """
        self._set(self._faults.set_reply_fault, operation, _faults.pad(size))

    def repeat_replies(self, times: int = 2, *, operation: str | None = None) -> None:
        """Send each of the host's replies several times.

        Args:
            times: The number of copies, 1 or more.
            operation: The operation.
        """
        self._set(self._faults.set_reply_fault, operation, _faults.repeat(times))

    def lose_events(self, *names: str) -> None:
        """Lose the host's events, as NATS may do.

        Args:
            names: The names of the events, such as ``component_scaled``. By default, all events are lost.
        """
        self._set(self._faults.lost_events.update, names or ("*",))

    # Configuration and events

    def set_auctions(self, *, components: bool = True, providers: bool = True) -> None:
        """Set in which auctions the host takes part.

        Args:
            components: Whether the host bids for components.
            providers: Whether the host bids for providers.
        """
        self._simulated.bids_for_components = components
        self._simulated.bids_for_providers = providers
        self._runtime.call(self._runtime.fleet.resubscribe)

    def set_builtins(self, *names: str) -> None:
        """Set which builtin providers are enabled.

        Args:
            names: Any of ``http-client``, ``http-server``, ``messaging-nats``. The others are disabled.
        """
        self._set(setattr, self._simulated, "builtins", frozenset(names))

    def publish_event(self, name: str, data: Mapping[str, object]) -> None:
        """Publish an event of this host.

        Args:
            name: The name of the event, such as ``health_check_failed``.
            data: The data of the event.
        """
        self._runtime.call(self._runtime.fleet.shared.publish, self._simulated, name, data)

    def beat(self) -> None:
        """Publish a heartbeat immediately."""
        self._runtime.call(self._beat)

    async def _beat(self) -> None:
        await self._runtime.fleet.shared.publish(
            self._simulated, "host_heartbeat", await self._simulated.inventory()
        )

    def __repr__(self) -> str:
        return f"<PracticeHost {self.friendly_name} {self.id}>"
