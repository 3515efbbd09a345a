"""A simulated host as tests and people handle it: blocking, from any thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from wasmcloud_ctl.testing import _faults
from wasmcloud_ctl.testing._identity import built_in_labels
from wasmcloud_ctl.testing._versions import HostVersion

if TYPE_CHECKING:
    from wasmcloud_ctl.testing._host import SimulatedHost
    from wasmcloud_ctl.testing._runtime import Runtime


class PracticeHost:
    """One simulated host of a practice lattice; its methods may be called from any thread.

    The methods that change how the host behaves hold for what arrives after they have returned, and until
    ``recover``.
    """

    def __init__(self, runtime: Runtime, labels: Mapping[str, str], version: HostVersion) -> None:
        self._runtime = runtime
        self._own_labels = dict(labels)
        self._version = version
        self._simulated = self._simulate()

    def _simulate(self) -> SimulatedHost:
        # Here, so that importing this module imports no client of NATS.
        from wasmcloud_ctl.testing._host import SimulatedHost

        return SimulatedHost(
            around=self._runtime.fleet.around,
            version=self._version,
            labels={**built_in_labels(), **self._own_labels},
        )

    @property
    def simulated(self) -> SimulatedHost:
        """The host on the hosts' event loop; another one after each ``restart``. Not for use from outside."""
        return self._simulated

    @property
    def id(self) -> str:
        """Its id, ``N`` and 55 letters and digits; another one after each ``restart``."""
        return self._simulated.id

    @property
    def friendly_name(self) -> str:
        """Its name for people; another one after each ``restart``."""
        return self._simulated.friendly_name

    @property
    def labels(self) -> dict[str, str]:
        """A copy of the labels it has now, the built-in ones included."""
        return dict(self._simulated.labels)

    @property
    def running(self) -> bool:
        """Whether it runs, which it does not after ``stop``, ``kill`` or a client's stop_host."""
        return self._runtime.call(self._is_running)

    async def _is_running(self) -> bool:
        return self._simulated in self._runtime.fleet.hosts

    @property
    def running_code(self) -> dict[str, str]:
        """The reference whose code truly runs, by component id; an inventory can show another."""
        return {name: component.code_ref for name, component in list(self._simulated.components.items())}

    # Coming and going

    def stop(self) -> None:
        """End it in order: it says ``host_stopped``."""
        self._runtime.call(self._runtime.fleet.end, self._simulated, True)

    def kill(self) -> None:
        """End it as a crash would: no ``host_stopped``, and whatever it was at is not done."""
        self._runtime.call(self._runtime.fleet.end, self._simulated, False)

    def restart(self) -> None:
        """Let it come back, with another id and another name, the labels it began with, and nothing running.

        If it still runs, it is killed first.
        """
        self.kill()
        self._simulated = self._simulate()
        self._runtime.call(self._runtime.fleet.add, [self._simulated])

    # Answering late, or not

    def stall(self) -> None:
        """Let it answer nothing, and keep what arrives: a process that hangs."""
        self._set(self._simulated.faults.awake.clear)

    def resume(self) -> None:
        """Let a stalled host go on, with what has arrived meanwhile."""
        self._set(self._simulated.faults.awake.set)

    def slow(self, seconds: float) -> None:
        """Let it take up each request late.

        Args:
            seconds: How late, 0.0 or more.
        """
        self._set(setattr, self._simulated.faults, "slowness", seconds)

    def shut_down_providers_slowly(self, seconds: float) -> None:
        """Let its providers take their time to shut down; it answers no request for its inventory meanwhile.

        Args:
            seconds: How long, 0.0 or more.
        """
        self._set(setattr, self._simulated.faults, "shutdown_seconds", seconds)

    def part_silently(self) -> None:
        """Let a stop_host be obeyed without acknowledgement and event: the last host of a lattice does it."""
        self._set(setattr, self._simulated.faults, "parts_silently", True)

    # Answering wrongly. `operation` is such as "host.get"; None is all.

    def reply_with(self, payload: bytes, *, operation: str | None = None) -> None:
        """Let it do what it is told, and answer something else.

        Args:
            payload: What it answers.
            operation: The operation, such as ``host.get``; None for all.
        """
        self._set(self._simulated.faults.set_reply_fault, operation, _faults.say(payload))

    def cut_replies(self, length: int | None = None, *, operation: str | None = None) -> None:
        """Let its replies be cut off.

        Args:
            length: The bytes that are left; None for half of them.
            operation: The operation, such as ``host.get``; None for all.
        """
        self._set(self._simulated.faults.set_reply_fault, operation, _faults.cut(length))

    def pad_replies(self, size: int, *, operation: str | None = None) -> None:
        """Let its replies be large, by a field that nobody knows.

        Args:
            size: Their size in bytes. More than the server takes is not sent, as with a real host.
            operation: The operation, such as ``host.get``; None for all.
        """
        self._set(self._simulated.faults.set_reply_fault, operation, _faults.pad(size))

    def lose_replies(self, *, operation: str | None = None) -> None:
        """Let it do what it is told, and its answer be lost.

        Args:
            operation: The operation, such as ``component.scale``; None for all.
        """
        self._set(self._simulated.faults.set_reply_fault, operation, _faults.lose)

    def repeat_replies(self, times: int = 2, *, operation: str | None = None) -> None:
        """Let its replies come several times.

        Args:
            times: How often, 1 or more.
            operation: The operation, such as ``host.ping``; None for all.
        """
        self._set(self._simulated.faults.set_reply_fault, operation, _faults.repeat(times))

    def lose_events(self, *names: str) -> None:
        """Let its events be lost, as NATS may lose them.

        Args:
            names: Their names, such as ``component_scaled``; none for all.
        """
        self._set(self._simulated.faults.lost_events.update, names or ("*",))

    def recover(self) -> None:
        """Take all its faults away."""
        self._set(self._simulated.faults.clear)

    # What a host can be configured to

    def set_auctions(self, *, components: bool = True, providers: bool = True) -> None:
        """Switch its part in auctions on or off.

        Args:
            components: Whether it bids for components.
            providers: Whether it bids for providers.
        """
        self._simulated.bids_for_components = components
        self._simulated.bids_for_providers = providers
        self._runtime.call(self._runtime.fleet.resubscribe)

    def set_builtins(self, *names: str) -> None:
        """Switch builtin providers on, and all others off.

        Args:
            names: Of ``http-client``, ``http-server``, ``messaging-nats``.
        """
        self._set(setattr, self._simulated, "builtins", frozenset(names))

    def publish_event(self, name: str, data: Mapping[str, object]) -> None:
        """Publish an event of this host.

        Args:
            name: Its name, such as ``health_check_failed``.
            data: What it tells.
        """
        self._runtime.call(self._runtime.fleet.around.publish, self._simulated, name, data)

    def beat(self) -> None:
        """Publish a heartbeat now."""
        self._runtime.call(self._beat)

    async def _beat(self) -> None:
        await self._runtime.fleet.around.publish(
            self._simulated, "host_heartbeat", await self._simulated.inventory()
        )

    def _set(self, function: Callable[..., object], *args: object) -> None:
        async def change() -> None:
            function(*args)

        self._runtime.call(change)

    def __repr__(self) -> str:
        return f"<PracticeHost {self.friendly_name} {self.id}>"
