"""What calls that fail leave behind: nothing that the garbage collector would have to find."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable

import pytest

import wasmcloud_ctl
from wasmcloud_ctl import (
    Client,
    DecodeError,
    Inventories,
    NoResponders,
    NotConnectedError,
    NotFound,
    OperationRejected,
    PayloadTooLarge,
    RequestTimeout,
    WaitTimeout,
)
from wasmcloud_ctl._protocol.codec import InvalidJson
from wasmcloud_ctl.testing import PracticeLattice, PracticeServer

REFERENCE = "registry.example/acme/echo:1"
NO_HOST = "N" + "A" * 55


class Held:
    """What a caller has in a variable."""


def held_after(call: Callable[[], object], kind: type[BaseException]) -> Held | None:
    """Call it, which must raise, in a function that has something in a variable; what is left of that then."""

    def caller() -> weakref.ref[Held]:
        held = Held()
        with pytest.raises(kind):
            call()
        return weakref.ref(held)

    # Without the collector: what dies now dies because nothing leads to it.
    gc.disable()
    try:
        return caller()()
    finally:
        gc.enable()


async def fails() -> None:
    """A user's coroutine function that raises."""
    raise KeyError("mine")


# Each with what it raises, and the operation whose answers are lost, if it takes that.
FAILING: dict[str, tuple[type[BaseException], str | None, Callable[[Client, str], object]]] = {
    "a request that nobody hears": (
        NoResponders,
        None,
        lambda client, _: client.get_host_inventory(NO_HOST),
    ),
    "a gather that nobody hears": (
        NotFound,
        None,
        lambda client, _: client.for_lattice("empty").find_host("nobody"),
    ),
    "a request without an answer": (
        RequestTimeout,
        "label.put",
        lambda client, host_id: client.put_label(host_id, "a", "b", timeout=0.1),
    ),
    "a request that is too large": (
        PayloadTooLarge,
        None,
        lambda client, _: client.put_config("big", {"key": "x" * (1 << 21)}),
    ),
    "a coroutine function's own error": (
        KeyError,
        None,
        lambda client, _: client.run(fails),
    ),
    "a wait without an acknowledgement": (
        RequestTimeout,
        "component.scale",
        lambda client, host_id: client.scale_component(host_id, REFERENCE, "echo", 1, wait=5, timeout=0.3),
    ),
    "a wait without an outcome": (
        WaitTimeout,
        None,
        lambda client, host_id: client.scale_component(host_id, REFERENCE, "echo", 1, wait=0.1),
    ),
    "a wait whose command is refused": (
        OperationRejected,
        None,
        lambda client, host_id: client.update_component(host_id, "absent", REFERENCE, wait=5),
    ),
    "a wait for a host that is not there": (
        NoResponders,
        None,
        lambda client, _: client.scale_component(NO_HOST, REFERENCE, "echo", 1, wait=5),
    ),
}


@pytest.mark.parametrize("name", FAILING)
def test_what_the_caller_of_a_failed_call_held_is_free_at_once(lattice: PracticeLattice, name: str) -> None:
    """The error has the callers' frames; were it kept by one of them, so would be all that their variables hold."""
    kind, lost, call = FAILING[name]
    host = lattice.hosts[0]
    lattice.registry.hold(REFERENCE)
    if lost is not None:
        host.lose_replies(operation=lost)
    with lattice.connect() as client:
        assert held_after(lambda: call(client, host.id), kind) is None
    lattice.registry.release(REFERENCE)


def test_nothing_is_kept_while_there_is_no_connection(own_server: PracticeServer) -> None:
    """Requests, gathers, a subscription, a wait and a connect that fail for want of a server leave nothing."""
    with PracticeLattice(server=own_server) as lattice, lattice.connect(timeout=0.3) as client:
        host_id = lattice.hosts[0].id
        calls: list[Callable[[], object]] = [
            lambda: client.get_config("web"),
            lambda: client.get_hosts(),
            lambda: client.get_host_inventories(),
            lambda: client.list_configs(),
            lambda: client.events_receiver("config_set"),
            lambda: client.scale_component(host_id, REFERENCE, "echo", 1, wait=1),
        ]
        own_server.stop()

        left = [held_after(call, NotConnectedError) for call in calls]
        left.append(held_after(lambda: wasmcloud_ctl.connect(own_server.url), wasmcloud_ctl.ConnectError))
        own_server.start()

    assert left == [None] * 7


def test_an_error_that_is_kept_keeps_no_callers(lattice: PracticeLattice, client: Client) -> None:
    """What ``Inventories.errors`` has of an inventory that cannot be read leads to no frame, nor does its cause."""
    host = lattice.hosts[0]
    host.cut_replies(10, operation="host.get")

    def caller() -> tuple[weakref.ref[Held], Inventories]:
        held = Held()
        return weakref.ref(held), client.get_host_inventories([host.id])

    held, inventories = caller()

    error = inventories.errors[host.id]
    assert (type(error), type(error.__cause__)) == (DecodeError, InvalidJson)
    assert held() is None
