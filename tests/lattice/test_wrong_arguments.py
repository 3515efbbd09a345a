"""A wrong argument of any public method raises a CtlError, and nothing else."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import wasmcloud_ctl
from wasmcloud_ctl import (
    Client,
    ConnectError,
    CtlError,
    EventReceiver,
    InvalidArgument,
    LatticeView,
    Link,
    RegistryCredential,
)
from wasmcloud_ctl.graph import LatticeGraph
from wasmcloud_ctl.testing import PracticeLattice

REFERENCE = "registry.example/acme/echo:1"


class Unfriendly:
    """An object that supports no operation, not even a comparison."""

    def __eq__(self, other: object) -> bool:
        raise AssertionError("a check must not compare what it does not know")

    __hash__ = None  # type: ignore[assignment]  # nor can it be hashed


def failing() -> Iterator[str]:
    """An iterable that fails."""
    yield "a"
    yield 5  # type: ignore[misc]  # the mistake


WRONG: list[Any] = [
    None, True, 0, -1, 5, 2**70, 10**400, 0.0, -1.5, float("nan"), float("inf"), 1e308, 1 + 2j, b"bytes", "", " ",
    "\t", "two words", "a.b", "*", ">", "\ud800", "\0", "x" * 100_000, [], [1], ["a", None], (), {}, {1: 2},
    {"a": 1}, {"a": None}, {"": ""}, set(), object(), Unfriendly(), Client, print, failing(), [["a"]], {"a": ["b"]},
]  # fmt: skip

# Valid arguments for each method, by parameter. Times are short, so that valid calls end soon.
VALID: dict[str, Any] = {
    "host_id": None,  # set by the test
    "host_ids": [],
    "text": "practice",
    "key": "zone",
    "value": "z1",
    "component_ref": REFERENCE,
    "component_id": "echo",
    "constraints": {},
    "max_instances": 1,
    "annotations": None,
    "config": (),
    "allow_update": False,
    "component_limits": None,
    "existing_component_id": "echo",
    "new_component_ref": REFERENCE,
    "provider_ref": REFERENCE,
    "provider_id": "http",
    "provider_configuration": (),
    "link": Link("echo", "http", "wasi", "http", ["incoming-handler"]),
    "source_id": "echo",
    "link_name": "default",
    "wit_namespace": "wasi",
    "wit_package": "http",
    "config_name": "web",
    "registries": {},
    "maxsize": 10,
    "overflow": "drop_oldest",
    "name": "other",
    "timeout_ms": 1,
    "gap_events": True,
    "expected": 1,
    "quiet": 0.05,
    "timeout": 0.2,
    "wait": 0.2,
    "heartbeat": 1.0,
    "configs": False,
    "applications": False,
}

METHODS = [
    name
    for name, member in inspect.getmembers(Client, inspect.isfunction)
    if not name.startswith("_") and set(inspect.signature(member).parameters) - {"self"} and name != "run"
]


def try_to(call: Callable[..., object], *arguments: object, **options: object) -> None:
    """Make a call that may succeed, or raise a CtlError, and nothing else."""
    try:
        made = call(*arguments, **options)
    except CtlError:
        return
    if isinstance(made, (Client, EventReceiver, LatticeView)):
        made.close()


@pytest.mark.filterwarnings("ignore:.* is no known kind of event")
@pytest.mark.parametrize("method", METHODS)
def test_each_argument_of_each_method(lattice: PracticeLattice, method: str) -> None:
    """Each parameter takes each of many wrong values; what is no CtlError fails the test."""
    with lattice.connect(quiet=0.05, timeout=0.2, auction_timeout=0.2) as client:
        function = getattr(client, method)
        parameters = inspect.signature(function).parameters
        valid = {**VALID, "host_id": lattice.hosts[0].id}
        for wrong in parameters:
            options = {name: valid[name] for name in parameters if name in valid and name != wrong}
            for value in WRONG:
                if wrong == "event_names":
                    try_to(function, value)
                    try_to(function, "config_set", value)
                else:
                    try_to(function, **options, **{wrong: value})


def test_the_list_of_methods_is_complete() -> None:
    """Each of their parameters has a valid value, so that a call fails for the wrong one alone."""
    for method in METHODS:
        for name in inspect.signature(getattr(Client, method)).parameters:
            assert name in {*VALID, "self", "event_names"}, (method, name)
    assert len(METHODS) == 26


@pytest.mark.filterwarnings("ignore:hosts ignore the token for 'a'")  # each valid token is warned of
def test_each_field_of_a_link_and_of_a_credential(client: Client) -> None:
    """Models are checked when they are sent, and a link partly when it is made."""
    link: Any = Link
    credential: Any = RegistryCredential

    def put(fields: dict[str, Any]) -> object:
        return client.put_link(link(**fields), timeout=0.2)

    valid = {"source_id": "a", "target": "b", "wit_namespace": "c", "wit_package": "d", "interfaces": ["e"]}
    for value in WRONG:
        for field in (*valid, "name", "source_config", "target_config"):
            try_to(put, {**valid, field: value})
        for field in ("username", "password", "token", "registry_type"):
            try_to(client.put_registries, {"a": credential(**{field: value})}, expected=1, timeout=0.2)


@pytest.mark.parametrize("connect", [wasmcloud_ctl.connect, wasmcloud_ctl.from_env])
def test_each_argument_of_connect_and_from_env(
    lattice: PracticeLattice, connect: Callable[..., Client]
) -> None:
    """The server is the last thing that is asked, so each wrong option is refused before."""
    for wrong in inspect.signature(wasmcloud_ctl.connect).parameters:
        for value in WRONG:
            try_to(connect, **{"servers": lattice.url, "connect_timeout": 0.3, wrong: value})


def test_the_timeouts_of_receivers_and_run(client: Client) -> None:
    """Seconds are a finite number above 0, and what is to be run is a coroutine function."""
    run: Any = client.run

    async def nothing() -> None:
        pass

    with client.events_receiver("config_set") as receiver:
        client.close()  # so that no valid timeout is waited for
        for value in WRONG:
            try_to(receiver.get, value)
            try_to(run, nothing, timeout=value)
    with pytest.raises(InvalidArgument, match="async_function must be callable, not int"):
        run(5)


def test_what_is_to_be_run_is_a_coroutine_function(client: Client) -> None:
    """Another function is refused when it returns nothing to await."""
    run: Any = client.run

    with pytest.raises(InvalidArgument, match=r"must be a coroutine function: .*len.* returned no awaitable"):
        run(len, "abc")


def test_each_argument_of_a_graph(client: Client) -> None:
    """Inventories, links and the lattice's name are checked when the graph is made."""
    graph: Any = LatticeGraph
    for value in WRONG:
        try_to(graph, value)
        try_to(graph, [], value)
        try_to(graph, [], [], lattice=value)
        for option in ("expected", "quiet", "timeout"):
            try_to(graph.from_client, client, **{"timeout": 0.2, option: value})


def test_one_iterable_of_event_names_is_the_names(lattice: PracticeLattice, client: Client) -> None:
    """The literal translation of the Rust example works, with any iterable of strings."""
    for names in (["config_set"], ("config_set",), iter(["config_set"]), {"config_set": 1}.keys()):
        with client.events_receiver(names) as receiver:
            client.put_label(lattice.hosts[0].id, "a", "b")
            client.put_config("web", {})
            assert receiver.get(5).name == "config_set"
    with client.events_receiver([]) as every_kind:
        client.put_label(lattice.hosts[0].id, "a", "c")
        assert every_kind.get(5).name == "labels_changed"
    for wrong in (5, [5], ["config_set", None], {"config_set": 1}, b"config_set"):
        with pytest.raises(InvalidArgument):
            client.events_receiver(wrong)  # type: ignore[arg-type]  # the mistake
    with pytest.raises(InvalidArgument):
        client.events_receiver(["config_set"], "component_scaled")


def test_connect_needs_no_server_to_refuse() -> None:
    """A wrong argument is InvalidArgument, not an error of the connection."""
    with pytest.raises(InvalidArgument):
        wasmcloud_ctl.connect("nats://127.0.0.1:1", timeout=-1)
    with pytest.raises(ConnectError):
        wasmcloud_ctl.connect("nats://127.0.0.1:1", connect_timeout=0.2)
