"""What cannot be meant is refused before anything is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from wasmcloud_ctl import Client, InvalidArgument, Link, RegistryCredential
from wasmcloud_ctl.testing import PracticeLattice

HOST = "N" + "A" * 55


def scale(client: Client, *changes: Any, **options: Any) -> object:
    arguments = [HOST, "ref", "id", 1]
    return client.scale_component(*[*changes, *arguments[len(changes) :]], **options)


def link(**changes: Any) -> Link:
    good: dict[str, Any] = {
        "source_id": "a",
        "target": "b",
        "wit_namespace": "wasi",
        "wit_package": "http",
        "interfaces": ["i"],
    }
    return Link(**{**good, **changes})


# Calls with an argument that must not be blank.
IDENTIFIERS: dict[str, Callable[[Any, str], object]] = {
    "find_host text": lambda client, value: client.find_host(value),
    "get_host_inventory host_id": lambda client, value: client.get_host_inventory(value),
    "get_config name": lambda client, value: client.get_config(value),
    "put_config name": lambda client, value: client.put_config(value, {}),
    "delete_config name": lambda client, value: client.delete_config(value),
    "put_label host_id": lambda client, value: client.put_label(value, "key", "value"),
    "stop_host host_id": lambda client, value: client.stop_host(value),
    "scale host_id": lambda client, value: scale(client, value),
    "scale reference": lambda client, value: scale(client, HOST, value),
    "scale id": lambda client, value: scale(client, HOST, "r", value),
    "scale config": lambda client, value: scale(client, config=[value]),
    "update id": lambda client, value: client.update_component(HOST, value, "r"),
    "update reference": lambda client, value: client.update_component(HOST, "i", value),
    "start_provider reference": lambda client, value: client.start_provider(HOST, value, "p"),
    "start_provider id": lambda client, value: client.start_provider(HOST, "r", value),
    "stop_provider id": lambda client, value: client.stop_provider(HOST, value),
    "component auction reference": lambda client, value: client.perform_component_auction(value, "i"),
    "component auction id": lambda client, value: client.perform_component_auction("r", value),
    "provider auction reference": lambda client, value: client.perform_provider_auction(value, "p"),
    "provider auction id": lambda client, value: client.perform_provider_auction("r", value),
    "put_link source": lambda client, value: client.put_link(link(source_id=value)),
    "put_link target": lambda client, value: client.put_link(link(target=value)),
    "put_link namespace": lambda client, value: client.put_link(link(wit_namespace=value)),
    "put_link package": lambda client, value: client.put_link(link(wit_package=value)),
    "put_link name": lambda client, value: client.put_link(link(name=value)),
    "delete_link source": lambda client, value: client.delete_link(value, "default", "wasi", "http"),
    "delete_link name": lambda client, value: client.delete_link("a", value, "wasi", "http"),
    "delete_link namespace": lambda client, value: client.delete_link("a", "default", value, "http"),
    "delete_link package": lambda client, value: client.delete_link("a", "default", "wasi", value),
    "put_registries registry": lambda client, value: client.put_registries({value: RegistryCredential()}),
    "for_lattice": lambda client, value: client.for_lattice(value),
}


REFUSED: dict[str, Callable[[Any], object]] = {
    "timeout of 10**400": lambda client: client.get_config("a", timeout=10**400),
    "expected of 10**5000": lambda client: client.get_hosts(expected=10**5000),
    "get_host_inventory('N A')": lambda client: client.get_host_inventory("N A"),
    "get_host_inventory('')": lambda client: client.get_host_inventory(""),
    "get_host_inventory(None)": lambda client: client.get_host_inventory(None),
    "get_host_inventory timeout 0": lambda client: client.get_host_inventory(HOST, timeout=0),
    "get_host_inventory timeout -1": lambda client: client.get_host_inventory(HOST, timeout=-1),
    "get_host_inventory timeout inf": lambda client: client.get_host_inventory(HOST, timeout=float("inf")),
    "get_host_inventory timeout nan": lambda client: client.get_host_inventory(HOST, timeout=float("nan")),
    "get_host_inventory timeout True": lambda client: client.get_host_inventory(HOST, timeout=True),
    "get_host_inventory timeout '1'": lambda client: client.get_host_inventory(HOST, timeout="1"),
    "get_hosts expected 0": lambda client: client.get_hosts(expected=0),
    "get_hosts expected 1.5": lambda client: client.get_hosts(expected=1.5),
    "get_hosts quiet 0": lambda client: client.get_hosts(quiet=0),
    "get_config('a.b')": lambda client: client.get_config("a.b"),
    "get_config('')": lambda client: client.get_config(""),
    "get_config('*')": lambda client: client.get_config("*"),
    "delete_config('>')": lambda client: client.delete_config(">"),
    "put_config name": lambda client: client.put_config("a b", {}),
    "put_config with a number": lambda client: client.put_config("a", {"n": 1}),
    "put_config with a number for a key": lambda client: client.put_config("a", {1: "n"}),
    "put_config with None": lambda client: client.put_config("a", {"n": None}),
    "put_config of a list": lambda client: client.put_config("a", [("n", "1")]),
    "put_config of half a character": lambda client: client.put_config("a", {"n": "\ud800"}),
    "scale count -1": lambda client: scale(client, HOST, "r", "i", -1),
    "scale count 2**32": lambda client: scale(client, HOST, "r", "i", 2**32),
    "scale count 1.5": lambda client: scale(client, HOST, "r", "i", 1.5),
    "scale count True": lambda client: scale(client, HOST, "r", "i", True),
    "scale count '1'": lambda client: scale(client, HOST, "r", "i", "1"),
    "scale host": lambda client: scale(client, "a.b"),
    "scale empty reference": lambda client: scale(client, HOST, ""),
    "scale empty id": lambda client: scale(client, HOST, "r", ""),
    "scale id of bytes": lambda client: scale(client, HOST, "r", b"i"),
    "scale annotations": lambda client: scale(client, annotations={"a": 1}),
    "scale config as one string": lambda client: scale(client, config="web"),
    "scale config with a dot": lambda client: scale(client, config=["a.b"]),
    "scale config of numbers": lambda client: scale(client, config=[1]),
    "scale config None": lambda client: scale(client, config=None),
    "scale allow_update 1": lambda client: scale(client, allow_update=1),
    "scale limits": lambda client: scale(client, component_limits={"max_memory_limit": 5}),
    "update empty reference": lambda client: client.update_component(HOST, "i", ""),
    "update empty id": lambda client: client.update_component(HOST, "", "r"),
    "auction empty reference": lambda client: client.perform_component_auction("", "i"),
    "auction empty id": lambda client: client.perform_component_auction("r", ""),
    "auction constraints": lambda client: client.perform_component_auction("r", "i", {"zone": 1}),
    "provider auction": lambda client: client.perform_provider_auction("r", "i", "zone"),
    "start_provider empty reference": lambda client: client.start_provider(HOST, "", "i"),
    "start_provider config": lambda client: client.start_provider(HOST, "r", "i", None, "web"),
    "stop_provider empty id": lambda client: client.stop_provider(HOST, ""),
    "stop_host timeout_ms -1": lambda client: client.stop_host(HOST, -1),
    "stop_host timeout_ms 0.5": lambda client: client.stop_host(HOST, 0.5),
    "put_label key": lambda client: client.put_label(HOST, 1, "v"),
    "put_label value": lambda client: client.put_label(HOST, "k", None),
    "delete_label key": lambda client: client.delete_label(HOST, None),
    "put_link of a dict": lambda client: client.put_link({"source_id": "a"}),
    "put_link empty source": lambda client: client.put_link(link(source_id="")),
    "put_link empty target": lambda client: client.put_link(link(target="")),
    "put_link empty package": lambda client: client.put_link(link(wit_package="")),
    "put_link interfaces as bytes": lambda client: client.put_link(link(interfaces=b"incoming-handler")),
    "put_link config": lambda client: client.put_link(link(source_config=["a b"])),
    "delete_link empty source": lambda client: client.delete_link("", "default", "wasi", "http"),
    "put_registries of strings": lambda client: client.put_registries({"a": "b"}),
    "put_registries of a list": lambda client: client.put_registries([]),
    "put_registries token": lambda client: client.put_registries({"a": RegistryCredential(token=5)}),  # type: ignore[arg-type]  # the mistake
    "events_receiver('a.b')": lambda client: client.events_receiver("a.b"),
    "events_receiver(5)": lambda client: client.events_receiver(5),
    "events_receiver maxsize": lambda client: client.events_receiver(maxsize=0),
    "events_receiver overflow": lambda client: client.events_receiver(overflow="block"),
    "for_lattice('x.>')": lambda client: client.for_lattice("x.>"),
}


def test_a_bad_argument_is_refused_and_nothing_is_sent(lattice: PracticeLattice, client: Client) -> None:
    """Each of them is an InvalidArgument, which is a ValueError; the hosts hear none of them."""
    for what, call in REFUSED.items():
        with pytest.raises(InvalidArgument):
            call(client)
            pytest.fail(f"{what} was taken")

    client.get_config("last")  # a round trip: what had been sent before would be there by now
    assert [command.operation for command in lattice.commands] == ["config.get"]


@pytest.mark.parametrize("blank", ["", " ", "\t", "\n \r", "\u3000"])
def test_a_blank_identifier_is_refused_and_nothing_is_sent(
    lattice: PracticeLattice, client: Client, blank: str
) -> None:
    """No id, reference or name may be blank, as with the Rust client."""
    for what, call in IDENTIFIERS.items():
        with pytest.raises(InvalidArgument):
            call(client, blank)
            pytest.fail(f"{what} was taken")

    client.get_config("last")
    assert [command.operation for command in lattice.commands] == ["config.get"]


def test_a_padded_identifier_is_sent_as_it_is(lattice: PracticeLattice, client: Client) -> None:
    """White space around an id is part of the id. A subject allows none, so there it is refused."""
    client.put_link(link(source_id=" a "))
    (command,) = lattice.wait_for_commands("link.put")
    assert b'"source_id":" a "' in command.payload
    with pytest.raises(InvalidArgument):
        client.get_host_inventory(f" {HOST} ")
