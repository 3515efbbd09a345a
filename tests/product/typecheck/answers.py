"""What operations return, as a type checker sees it.

These files are not run: mypy and pyright read them (``tox run -e qa``). Each mistake has both checkers' names for it
beside it, and both fail where one they expect is not found.
"""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import assert_type

from wasmcloud_ctl import (
    Client,
    ComponentAuctionAck,
    ComponentDescription,
    CtlError,
    CtlResponse,
    Host,
    HostInventory,
    Inventories,
    Link,
    ProviderAuctionAck,
    RegistryCredential,
    Replies,
    Undecodable,
)


def each_operation_says_what_it_returns(client: Client) -> None:
    assert_type(client.get_hosts(), Replies[Host])
    assert_type(client.get_host_inventory("N1"), CtlResponse[HostInventory])
    assert_type(client.get_host_inventories(), Inventories)
    assert_type(client.find_host("purple"), Host)
    assert_type(client.get_claims(), CtlResponse[list[dict[str, str]]])
    assert_type(client.perform_component_auction("ref", "id"), Replies[ComponentAuctionAck])
    assert_type(client.perform_provider_auction("ref", "id", {"zone": "a"}), Replies[ProviderAuctionAck])
    assert_type(client.scale_component("N1", "ref", "id", 1), CtlResponse[None])
    assert_type(client.put_registries({"ghcr.io": RegistryCredential(token="t")}), Replies[None])
    assert_type(client.get_links(), CtlResponse[list[Link]])
    assert_type(client.get_config("web"), CtlResponse[dict[str, str]])
    assert_type(client.list_configs(), list[str])


def an_answers_data_may_be_missing_until_it_is_looked_at(client: Client) -> None:
    response = client.get_config("web")
    assert_type(response.data, dict[str, str] | None)
    print(response.data["address"])  # type: ignore[index]  # pyright: ignore[reportOptionalSubscript]
    if response.data is not None:
        assert_type(response.data, dict[str, str])


def success_alone_does_not_say_that_there_is_data(client: Client) -> None:
    response = client.get_config("web")
    if response:  # an absent config succeeds, too
        assert_type(response.data, dict[str, str] | None)


def unwrap_leaves_no_none(client: Client) -> None:
    assert_type(client.get_config("web").unwrap(), dict[str, str])
    assert_type(client.get_host_inventory("N1").raise_for_status(), CtlResponse[HostInventory])
    inventory = client.get_host_inventory("N1").raise_for_status().unwrap()
    assert_type(inventory.components, tuple[ComponentDescription, ...])
    print(inventory.nodes)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


def a_gathers_replies_are_a_sequence_of_answers(client: Client) -> None:
    replies = client.get_hosts()
    assert_type(replies[0], CtlResponse[Host])
    assert_type(replies[1:], Sequence[CtlResponse[Host]])
    assert_type([reply.data for reply in replies], list[Host | None])
    assert_type(replies.data, list[Host])
    assert_type(replies.raise_for_status().data[0].labels, dict[str, str])
    assert_type(replies.undecodable, tuple[Undecodable, ...])
    assert_type((len(replies), replies.no_responders, replies.elapsed), tuple[int, bool, float])


def inventories_are_by_host(client: Client) -> None:
    inventories = client.get_host_inventories()
    assert_type(inventories.data, dict[str, HostInventory])
    assert_type(inventories.errors, dict[str, CtlError])


def report(response: CtlResponse[object]) -> str:
    return response.message


def one_function_takes_all_kinds_of_answers(client: Client) -> None:
    report(client.put_label("N1", "zone", "a"))
    report(client.get_host_inventory("N1"))
    for response in client.get_hosts():
        report(response)


def answers_do_not_change(client: Client) -> None:
    client.get_config("web").data = None  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    host = client.find_host("purple")
    host.id = "N2"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
