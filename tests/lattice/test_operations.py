"""Every operation of the client, on practice hosts and a real server."""

from __future__ import annotations

import copy
import re
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from wasmcloud_ctl import (
    Client,
    ClosedError,
    ComponentAuctionAck,
    ComponentDescription,
    ComponentScaled,
    ComponentScaleFailed,
    ConfigDeleted,
    ConfigSet,
    CtlResponse,
    DecodeError,
    EventReceiver,
    HostHeartbeat,
    HostStopped,
    InvalidArgument,
    LabelsChanged,
    Link,
    LinkdefDeleted,
    LinkdefSet,
    NoResponders,
    NotFound,
    OperationRejected,
    PayloadTooLarge,
    ProviderAuctionAck,
    ProviderStarted,
    ProviderStopped,
    RegistryCredential,
    RequestTimeout,
)
from wasmcloud_ctl._transport import Subscription
from wasmcloud_ctl.testing import PracticeLattice

REFERENCE = "registry.example/acme/echo:0.1.0"
OTHER_REFERENCE = "registry.example/acme/echo:0.2.0"
PROVIDER = "registry.example/acme/http:0.1.0"

LINK = Link("echo", "http", "wasi", "http", ["incoming-handler"])


# Hosts ------------------------------------------------------------------------------------------


def test_get_hosts_returns_every_host(lattice: PracticeLattice, client: Client) -> None:
    """Each host answers once, with its id, its lattice and its labels."""
    hosts = client.get_hosts(expected=2)

    assert sorted(host.id for host in hosts.data) == sorted(host.id for host in lattice.hosts)
    assert {host.lattice for host in hosts.data} == {lattice.lattice}
    assert sorted(host.labels["zone"] for host in hosts.data) == ["z1", "z2"]
    assert (hosts.no_responders, hosts.undecodable) == (False, ())


def test_a_gather_lasts_its_whole_timeout_unless_told_otherwise(lattice: PracticeLattice) -> None:
    """Without expected and quiet, a gather ends with its timeout, as the Rust client's does."""
    with lattice.connect() as client:
        replies = client.get_hosts(timeout=0.4)

    assert len(replies) == 2
    assert 0.4 <= replies.elapsed < 0.6


def test_a_gather_ends_when_it_has_what_was_expected(client: Client) -> None:
    """``expected`` replies end a gather at once."""
    replies = client.get_hosts(expected=2, timeout=20)

    assert len(replies) == 2
    assert replies.elapsed < 1


def test_a_gather_ends_when_it_has_been_quiet(client: Client) -> None:
    """``quiet`` seconds after the last reply end a gather."""
    replies = client.get_hosts(quiet=0.3, timeout=20)

    assert len(replies) == 2
    assert 0.3 <= replies.elapsed < 1


def test_a_lattice_without_hosts_is_known_at_once(lattice: PracticeLattice, client: Client) -> None:
    """Where nobody listens a gather is empty, says so, and does not wait."""
    replies = client.for_lattice("nobody-here").get_hosts(timeout=20)

    assert list(replies) == []
    assert replies.no_responders
    assert replies.elapsed < 1
    with pytest.raises(NoResponders, match=r"wasmbus\.ctl\.v1\.nobody-here\.host\.ping"):
        replies.raise_for_status()


def test_a_garbled_reply_is_kept_beside_the_good_ones(lattice: PracticeLattice, client: Client) -> None:
    """A reply that cannot be decoded ends nothing, counts as expected, and can be looked at."""
    lattice.hosts[0].reply_with(b"{oops", operation="host.ping")

    replies = client.get_hosts(expected=2, timeout=20)

    assert [host.id for host in replies.data] == [lattice.hosts[1].id]
    assert [undecodable.raw for undecodable in replies.undecodable] == [b"{oops"]
    assert replies.undecodable[0].reason.startswith("the reply is not valid JSON")


def test_a_hosts_second_reply_does_not_count(lattice: PracticeLattice, client: Client) -> None:
    """A duplicate is not another host."""
    lattice.hosts[0].repeat_replies(3, operation="host.ping")

    replies = client.get_hosts(quiet=0.3)

    assert sorted(host.id for host in replies.data) == sorted(host.id for host in lattice.hosts)


def test_get_host_inventory_shows_what_runs(lattice: PracticeLattice, client: Client) -> None:
    """An inventory has the host's id, labels, components and providers."""
    host = lattice.hosts[0]

    inventory = client.get_host_inventory(host.id).unwrap()

    assert (inventory.host_id, inventory.friendly_name) == (host.id, host.friendly_name)
    assert inventory.labels["zone"] == "z1"
    assert (inventory.components, inventory.providers) == ((), ())
    assert inventory.version == "1.9.2"


def test_an_unknown_host_is_known_at_once(client: Client) -> None:
    """A request to a host that is not there is NoResponders, and says what to check."""
    host_id = "N" + "A" * 55
    with pytest.raises(NoResponders) as caught:
        client.get_host_inventory(host_id, timeout=20)

    subject = f"wasmbus.ctl.v1.{client.lattice}.host.get.{host_id}"
    assert caught.value.subject == subject
    assert str(caught.value) == (
        f"nobody listens on {subject}: no running host of this lattice has the id {host_id}. get_hosts() lists the "
        "running hosts; if there are none, check the lattice's name and the topic prefix"
    )


def test_a_friendly_name_in_the_place_of_an_id_is_recognised(
    lattice: PracticeLattice, client: Client
) -> None:
    """The error shows the call that finds the id, and that call works."""
    name = lattice.hosts[0].friendly_name
    for call in (
        lambda: client.get_host_inventory(name),
        lambda: client.put_label(name, "a", "b"),
        lambda: client.scale_component(name, REFERENCE, "echo", 1, wait=5),
        lambda: client.get_host_inventories([name]).raise_for_status(),
    ):
        with pytest.raises(NoResponders) as caught:
            call()
        assert str(caught.value).partition(": ")[2] == (
            f"no running host of this lattice has the id {name!r}. That looks like a friendly name: "
            f"client.find_host({name!r}).id gives the id"
        )

    assert client.find_host(name).id == lattice.hosts[0].id


def test_a_request_to_the_whole_lattice_speaks_of_no_hosts_id(
    lattice: PracticeLattice, client: Client
) -> None:
    """Where no host is, the error says what to check."""
    elsewhere = client.for_lattice("nobody-here")
    for call, name in (
        (elsewhere.get_links, "link.get"),
        (elsewhere.get_claims, "claims.get"),
        (lambda: elsewhere.get_config("web"), "config.get.web"),
        (lambda: elsewhere.put_link(LINK), "link.put"),
        (lambda: elsewhere.get_hosts().raise_for_status(), "host.ping"),
    ):
        with pytest.raises(NoResponders) as caught:
            call()
        assert str(caught.value) == (
            f"nobody listens on wasmbus.ctl.v1.nobody-here.{name}: check the lattice's name and the topic prefix, "
            "and that a host of this lattice is running and connected to the same NATS account"
        )


def test_a_host_that_does_not_answer_is_a_timeout(lattice: PracticeLattice, client: Client) -> None:
    """No answer in time: RequestTimeout, which is a TimeoutError, and says that the command was sent."""
    lattice.hosts[0].stall()

    with pytest.raises(RequestTimeout, match="outcome is unknown") as caught:
        client.scale_component(lattice.hosts[0].id, REFERENCE, "echo", 1, timeout=0.2)

    assert isinstance(caught.value, TimeoutError)
    assert caught.value.sent


def test_a_reply_that_is_cut_is_a_decode_error(lattice: PracticeLattice, client: Client) -> None:
    """A reply that breaks off is no data, and no refusal."""
    lattice.hosts[0].cut_replies(10)

    with pytest.raises(DecodeError) as caught:
        client.get_host_inventory(lattice.hosts[0].id)

    assert len(caught.value.raw) == 10


def test_stop_host_stops_it(lattice: PracticeLattice, client: Client) -> None:
    """A stopped host says so, and is gone."""
    host = lattice.hosts[0]
    with client.events_receiver("host_stopped") as events:
        assert client.stop_host(host.id, timeout_ms=100) == CtlResponse(
            succeeded=True, message="successfully handled stop host"
        )
        event = events.get(5)

    assert event.source == host.id
    assert isinstance(event.data, HostStopped)
    assert [known.id for known in client.get_hosts(quiet=0.3).data] == [lattice.hosts[1].id]


def test_labels_are_put_and_deleted(lattice: PracticeLattice, client: Client) -> None:
    """A label is in the inventory after put_label, and not after delete_label."""
    host_id = lattice.hosts[0].id
    with client.events_receiver("labels_changed") as events:
        assert client.put_label(host_id, "disk", "ssd").message == "successfully put label"
        assert client.get_host_inventory(host_id).unwrap().labels["disk"] == "ssd"
        assert client.delete_label(host_id, "disk").message == "successfully deleted label"
        put, deleted = events.get(5).data, events.get(5).data

    assert "disk" not in client.get_host_inventory(host_id).unwrap().labels
    assert isinstance(put, LabelsChanged)
    assert isinstance(deleted, LabelsChanged)
    assert (put.labels.get("disk"), deleted.labels.get("disk")) == ("ssd", None)


def test_a_reserved_label_is_refused(lattice: PracticeLattice, client: Client) -> None:
    """A refusal is an answer that did not succeed, with the host's words."""
    response = client.put_label(lattice.hosts[0].id, "hostcore.os", "plan9")

    assert response == CtlResponse(succeeded=False, message="hostcore.* labels cannot be set dynamically")


def test_a_client_made_with_check_raises_refusals(lattice: PracticeLattice) -> None:
    """With check=True a refused command raises by itself, with the answer."""
    with lattice.connect(check=True) as client:
        with pytest.raises(OperationRejected, match="hostcore") as caught:
            client.put_label(lattice.hosts[0].id, "hostcore.os", "plan9")
        assert len(client.get_hosts(expected=2)) == 2

    assert caught.value.response is not None
    assert not caught.value.response


# Components -------------------------------------------------------------------------------------


def test_an_auction_brings_a_bid_from_every_host(lattice: PracticeLattice, client: Client) -> None:
    """Each bid has the id that was asked for, although hosts put the reference there."""
    bids = client.perform_component_auction(REFERENCE, "echo", expected=2)

    assert sorted(bids.data, key=lambda bid: bid.host_id) == [
        ComponentAuctionAck(component_ref=REFERENCE, component_id="echo", host_id=host_id)
        for host_id in sorted(host.id for host in lattice.hosts)
    ]


def test_only_hosts_with_the_labels_bid(lattice: PracticeLattice, client: Client) -> None:
    """A constraint that one host meets brings one bid; one that none meets brings none."""
    assert [
        bid.host_id
        for bid in client.perform_component_auction(REFERENCE, "echo", {"zone": "z2"}, expected=1).data
    ] == [lattice.hosts[1].id]
    nobody = client.perform_provider_auction(PROVIDER, "http", {"zone": "mars"}, timeout=0.3)
    assert (list(nobody), nobody.no_responders) == ([], False)


def test_scale_component_starts_scales_and_stops(lattice: PracticeLattice, client: Client) -> None:
    """A component is started with its annotations and config, scaled, and stopped by a count of 0."""
    host_id = lattice.hosts[0].id
    client.put_config("web", {"a": "b"}).raise_for_status()
    with client.events_receiver("component_scaled") as events:
        assert client.scale_component(host_id, REFERENCE, "echo", 2, {"team": "a"}, ["web"])
        assert [events.get(5).data for _ in range(2)] == [
            ComponentScaled(
                component_id="echo",
                host_id=host_id,
                image_ref=REFERENCE,
                max_instances=2,
                annotations={"team": "a"},
            )
        ] * 2
        assert client.get_host_inventory(host_id).unwrap().components == (
            ComponentDescription(
                id="echo", image_ref=REFERENCE, annotations={"team": "a"}, revision=0, max_instances=2
            ),
        )

        # One after the other: hosts do not work off the commands for one component in order.
        assert client.scale_component(host_id, REFERENCE, "echo", 2**32 - 1)
        scaled = events.get(5).data
        assert client.scale_component(host_id, REFERENCE, "echo", 0)
        stopped = events.get(5).data

    assert isinstance(scaled, ComponentScaled)
    assert isinstance(stopped, ComponentScaled)
    assert (scaled.max_instances, stopped.max_instances) == (2**32 - 1, 0)
    assert client.get_host_inventory(host_id).unwrap().components == ()


def test_a_component_that_cannot_be_pulled_is_accepted_first(
    lattice: PracticeLattice, client: Client
) -> None:
    """The host says success when it has heard the command; the failure comes as an event."""
    lattice.registry.fail(REFERENCE, "not found")
    with client.events_receiver() as events:
        assert client.scale_component(lattice.hosts[0].id, REFERENCE, "echo", 1).succeeded
        failed = events.get(5).data

    assert isinstance(failed, ComponentScaleFailed)
    assert "not found" in failed.error


def test_update_component_changes_the_reference(lattice: PracticeLattice, client: Client) -> None:
    """An update ends with two events, the second of which has a count of 0 although the component runs on."""
    host_id = lattice.hosts[0].id
    with client.events_receiver("component_scaled") as events:
        client.scale_component(host_id, REFERENCE, "echo", 3)
        for _ in range(2):
            events.get(5)
        assert client.update_component(host_id, "echo", OTHER_REFERENCE).message == (
            f"component echo updating from {REFERENCE} to {OTHER_REFERENCE}"
        )
        updated = [events.get(5).data for _ in range(2)]

    assert [
        (data.image_ref, data.max_instances) for data in updated if isinstance(data, ComponentScaled)
    ] == [
        (OTHER_REFERENCE, 3),
        (OTHER_REFERENCE, 0),
    ]
    [component] = client.get_host_inventory(host_id).unwrap().components
    assert (component.image_ref, component.max_instances) == (OTHER_REFERENCE, 3)


def test_update_of_what_does_not_run_is_refused(lattice: PracticeLattice, client: Client) -> None:
    """An update of an unknown component is an answer that did not succeed."""
    assert client.update_component(lattice.hosts[0].id, "nope", OTHER_REFERENCE) == CtlResponse(
        succeeded=False, message="component nope not found"
    )


# Providers --------------------------------------------------------------------------------------


def test_a_provider_is_started_and_stopped(lattice: PracticeLattice, client: Client) -> None:
    """start_provider and stop_provider show in the events and in the inventory, and auctions know of it."""
    host_id = lattice.hosts[0].id
    with client.events_receiver("provider_started", "provider_stopped") as events:
        assert client.start_provider(host_id, PROVIDER, "http", {"a": "b"}).message == (
            "successfully started provider"
        )
        started = events.get(5).data
        assert [provider.id for provider in client.get_host_inventory(host_id).unwrap().providers] == ["http"]
        assert client.perform_provider_auction(PROVIDER, "http", expected=1).data == [
            ProviderAuctionAck(provider_ref=PROVIDER, provider_id="http", host_id=lattice.hosts[1].id)
        ]
        assert client.start_provider(host_id, PROVIDER, "http").message == (
            "provider with that ID is already running"
        )
        assert client.stop_provider(host_id, "http").message == "successfully stopped provider"
        stopped = events.get(5).data

    assert isinstance(started, ProviderStarted)
    assert (started.provider_id, started.annotations) == ("http", {"a": "b"})
    assert isinstance(stopped, ProviderStopped)
    assert stopped.reason == "stop"
    assert client.stop_provider(host_id, "http") == CtlResponse(
        succeeded=False, message="provider with that ID is not running"
    )


# Links and configs ------------------------------------------------------------------------------


def test_links_are_put_listed_and_deleted(client: Client) -> None:
    """A link is in get_links after put_link and not after delete_link, and both are told by events."""
    with client.events_receiver("linkdef_set", "linkdef_deleted") as events:
        assert client.put_link(LINK).message == "successfully set link"
        set_event = events.get(5).data
        assert client.delete_link("echo", "default", "wasi", "http").message == "successfully deleted link"
        deleted_event = events.get(5).data

    assert set_event == LinkdefSet("echo", "http", "wasi", "http", ["incoming-handler"])
    assert deleted_event == LinkdefDeleted(
        source_id="echo",
        wit_namespace="wasi",
        wit_package="http",
        target="http",
        interfaces=("incoming-handler",),
    )


def test_get_links_returns_links_as_they_were_put(lattice: PracticeLattice, client: Client) -> None:
    """What comes back equals what was put, its configs included."""
    client.put_config("web", {})
    link = Link("echo", "http", "wasi", "http", ["incoming-handler"], "second", ["web"], ["web"])
    with client.events_receiver("linkdef_set") as events:
        client.put_link(link).raise_for_status()
        events.get(5)
        lattice.settle()

    assert client.get_links().data == [link]


def test_a_link_that_clashes_is_refused(client: Client) -> None:
    """The same link to another target is an answer that did not succeed."""
    client.put_link(LINK).raise_for_status()

    response = client.put_link(Link("echo", "other", "wasi", "http", ["incoming-handler"]))

    assert not response
    assert response.message.startswith("link already exists with different target")


def test_configs_are_put_read_and_deleted(client: Client) -> None:
    """A config comes back as it was put; where there is none the answer succeeds and holds nothing."""
    with client.events_receiver("config_set", "config_deleted") as events:
        assert client.put_config("web", {"address": "0.0.0.0:8080", "π": "ünï"})
        assert client.get_config("web").unwrap() == {"address": "0.0.0.0:8080", "π": "ünï"}
        assert client.delete_config("web")
        assert [events.get(5).data for _ in range(2)] == [
            ConfigSet(config_name="web"),
            ConfigDeleted(config_name="web"),
        ]

    absent = client.get_config("web")

    assert absent == CtlResponse(succeeded=True, message="Configuration not found", data=None)
    with pytest.raises(NotFound, match="Configuration not found"):
        absent.unwrap()


def test_an_empty_config_is_a_config(client: Client) -> None:
    """An empty map is data, other than nothing."""
    client.put_config("empty", {})

    assert client.get_config("empty").unwrap() == {}


def test_a_config_that_is_too_large_is_not_sent_and_the_client_works_on(
    lattice: PracticeLattice, client: Client
) -> None:
    """2 MB are more than the server takes: PayloadTooLarge, at once, and the connection stands."""
    with pytest.raises(PayloadTooLarge, match="1048576"):
        client.put_config("large", {"a": "x" * 2_000_000})

    assert client.put_config("small", {"a": "x"})
    assert [command.operation for command in lattice.commands] == ["config.put"]


# The lattice ------------------------------------------------------------------------------------


def test_get_claims_of_an_unsigned_lattice_is_empty(client: Client) -> None:
    """Where nothing is signed there are no claims."""
    assert client.get_claims() == CtlResponse(succeeded=True, data=[])


def test_put_registries_is_acknowledged_by_every_host(client: Client) -> None:
    """One answer for each host that took it."""
    credential = RegistryCredential(username="u", password="p")

    replies = client.put_registries({"mycloud.example": credential}, expected=2)

    assert [reply.message for reply in replies] == ["successfully put registries"] * 2


def test_put_registries_says_when_nobody_took_it(client: Client) -> None:
    """No host is no success."""
    replies = client.for_lattice("nobody-here").put_registries({})

    assert replies.no_responders


@pytest.mark.parametrize(
    ("credential", "missing"),
    [
        (RegistryCredential(username="me"), "password"),
        (RegistryCredential(username="me", token="s3cret"), "password"),
        (RegistryCredential(password="s3cret"), "username"),
        (RegistryCredential(password="s3cret", token="s3cret"), "username"),
    ],
)
def test_half_a_pair_of_username_and_password_is_refused(
    lattice: PracticeLattice, client: Client, credential: RegistryCredential, missing: str
) -> None:
    """Hosts would acknowledge it and pull anonymously. The message names the registry and what is missing."""
    good = RegistryCredential(username="u", password="p")
    with pytest.raises(InvalidArgument) as caught:
        client.put_registries({"ghcr.io": good, "mycloud.example": credential})

    assert str(caught.value) == (
        f"registries['mycloud.example'] has no {missing}: give username and password together, because hosts would "
        "ignore one alone and pull anonymously"
    )
    client.get_config("last")  # a round trip: what had been sent before would be there by now
    assert [command.operation for command in lattice.commands] == ["config.get"]


@pytest.mark.parametrize("name", ["https://ghcr.io", "ghcr.io/acme", "me:s3cret@ghcr.io"])
def test_a_registry_that_hosts_would_not_find_is_refused(
    lattice: PracticeLattice, client: Client, name: str
) -> None:
    """The message does not quote the name, which may have a password. Nothing is sent."""
    with pytest.raises(InvalidArgument) as caught:
        client.put_registries({name: RegistryCredential(username="u", password="p")})

    assert str(caught.value) == (
        "each of registries must be the part of a reference before the first slash, such as ghcr.io: hosts would "
        "ignore any other"
    )
    client.get_config("last")  # a round trip: what had been sent before would be there by now
    assert [command.operation for command in lattice.commands] == ["config.get"]


def test_each_token_for_a_registry_is_warned_of(lattice: PracticeLattice, client: Client) -> None:
    """It is sent all the same. The warnings point at the caller's code, and have no token."""
    registries = {
        "ghcr.io": RegistryCredential(token="s3cret"),
        "mycloud.example": RegistryCredential(username="u", password="p", token="s3cret"),
        "anonymous.example": RegistryCredential(),
    }
    with pytest.warns(UserWarning, match="hosts ignore the token") as warned:
        replies = client.put_registries(registries, expected=2)

    assert [str(warning.message) for warning in warned] == [
        "hosts ignore the token for 'ghcr.io': they pull anonymously. Many registries take a token as the password, "
        "with a username",
        "hosts ignore the token for 'mycloud.example': they use the username and password",
    ]
    assert {warning.filename for warning in warned} == {__file__}
    assert len(replies) == 2


# Limits -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", ["0", "1048576", "007", str(2**64 - 1)])
def test_limits_are_whole_numbers_as_hosts_read_them(
    lattice: PracticeLattice, client: Client, number: str
) -> None:
    """The host's inventory shows the numbers, so it has understood them."""
    host_id = lattice.hosts[0].id
    limits = {"max_memory_limit": number, "max_execution_time": number}

    client.scale_component(host_id, REFERENCE, "echo", 1, component_limits=limits, wait=5)

    (component,) = client.get_host_inventory(host_id).unwrap().components
    digits = number.lstrip("0") or "0"
    assert component.limits == {"max_memory_limit": digits, "max_execution_time": digits}


NO_WHOLE_NUMBERS = [
    "", "+", "-1", "-0", "+5", " 5", "5 ", "5\n", "1_000", "1,000", "5.0", "1e6", "0x10", "5MB", "\u0665", "NaN",
    str(2**64), "9" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("number", NO_WHOLE_NUMBERS)
@pytest.mark.parametrize("name", ["max_memory_limit", "max_execution_time"])
def test_a_limit_that_hosts_would_ignore_is_refused(
    lattice: PracticeLattice, client: Client, name: str, number: str
) -> None:
    """Nothing is sent. The message names the limit and its unit."""
    unit = "bytes" if name == "max_memory_limit" else "seconds"
    with pytest.raises(InvalidArgument) as caught:
        scale_with_limits(client, {"max_memory_limit": "1", name: number})

    assert str(caught.value) == (
        f"component_limits['{name}'] must be a whole number of {unit} in decimal digits, from 0 to 2**64 - 1: hosts "
        "would ignore anything else"
    )
    client.get_config("last")  # a round trip: what had been sent before would be there by now
    assert [command.operation for command in lattice.commands] == ["config.get"]


@pytest.mark.parametrize("name", ["memory", "MAX_MEMORY_LIMIT", "max_memory_limit ", ""])
def test_an_unknown_limit_is_refused(client: Client, name: str) -> None:
    """The message names the limits that there are."""
    words = (
        f"component_limits has '{name}', which hosts would ignore: they know max_memory_limit (bytes) and "
        "max_execution_time (seconds)"
    )
    with pytest.raises(InvalidArgument, match=re.escape(words)):
        scale_with_limits(client, {"max_memory_limit": "1", name: "1"})


def scale_with_limits(client: Client, limits: Mapping[str, str]) -> None:
    client.scale_component("N" + "A" * 55, REFERENCE, "echo", 1, component_limits=limits)


# Events -----------------------------------------------------------------------------------------


def test_a_receiver_hears_all_kinds_unless_told_which(lattice: PracticeLattice, client: Client) -> None:
    """Without names every event is heard, in order; with names only those."""
    with client.events_receiver() as everything, client.events_receiver("config_deleted") as some:
        client.put_config("a", {})
        lattice.hosts[0].beat()
        client.delete_config("a")
        heard = [everything.get(5) for _ in range(3)]

        assert [event.name for event in heard] == ["config_set", "host_heartbeat", "config_deleted"]
        assert {event.lattice for event in heard} == {lattice.lattice}
        assert isinstance(heard[1].data, HostHeartbeat)
        assert heard[1].data.host_id == lattice.hosts[0].id
        assert some.get(5) == heard[2]


def test_a_receiver_of_one_lattice_does_not_hear_another(client: Client) -> None:
    """Two lattices on one connection keep apart."""
    other = client.for_lattice("another-lattice")
    with other.events_receiver() as elsewhere, client.events_receiver() as here:
        client.put_config("a", {})

        assert here.get(5).name == "config_set"
        other.close()
        assert list(elsewhere) == []


def test_closing_a_client_closes_those_made_from_it(client: Client) -> None:
    """A client of another lattice, those made from it, and their receivers; the first client stays open."""
    child = client.for_lattice("child")
    grandchild = child.for_lattice("grandchild")
    with grandchild.events_receiver() as events:
        child.close()

        assert (client.closed, child.closed, grandchild.closed) == (False, True, True)
        assert list(events) == []
    with pytest.raises(ClosedError):
        grandchild.get_hosts()
    with pytest.raises(ClosedError):
        child.for_lattice("another-child")
    assert client.get_hosts(expected=2)


def test_a_copy_of_a_client_is_on_the_same_connection_with_the_same_settings(
    lattice: PracticeLattice,
) -> None:
    """It closes with the client that it was made from, and by itself without that one; so do copies of copies."""
    with lattice.connect(topic_prefix="a.b", timeout=1, auction_timeout=1.5) as client:
        first = copy.copy(client)
        second = copy.copy(first)
        with second.events_receiver() as events:
            assert first.nats_client is second.nats_client is client.nats_client
            assert repr(first) == repr(second) == repr(client)
            assert first.get_hosts(quiet=0.1).subject == client.get_hosts(quiet=0.1).subject
            first.close()

            assert (client.closed, first.closed, second.closed) == (False, True, True)
            assert list(events) == []
        with pytest.raises(ClosedError):
            copy.copy(first)
        third = copy.copy(client)
    assert third.closed


def test_a_client_shows_its_settings(lattice: PracticeLattice) -> None:
    """Its attributes and its repr have them; they cannot be set."""
    with lattice.connect(topic_prefix="a.b", timeout=1, auction_timeout=1.5) as client:
        attributes = (client.lattice, client.topic_prefix, client.timeout, client.auction_timeout)
        assert attributes == (lattice.lattice, "a.b", 1.0, 1.5)
        assert repr(client) == (
            f"<Client {lattice.url} lattice='{lattice.lattice}' topic_prefix='a.b' timeout=1.0 auction_timeout=1.5 "
            "connected>"
        )
        for name in ("topic_prefix", "timeout", "auction_timeout"):
            with pytest.raises(AttributeError):
                setattr(client, name, 3)
    with lattice.connect() as other:
        assert (other.topic_prefix, other.timeout, other.auction_timeout) == ("wasmbus.ctl", 2.0, 5.0)


def test_a_receiver_that_opens_while_its_client_closes_is_closed(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another thread may close the client at any moment."""
    other = client.for_lattice("another-lattice")
    subscribe = Subscription.open

    def subscribe_and_close(subscription: Subscription, timeout: float) -> None:
        subscribe(subscription, timeout)
        other.close()

    monkeypatch.setattr(Subscription, "open", subscribe_and_close)
    with other.events_receiver() as events:
        assert list(events) == []


def test_a_client_closes_while_other_threads_open_receivers(client: Client) -> None:
    """Each receiver is closed, or was never opened; no thread meets another error."""
    other = client.for_lattice("another-lattice")
    receivers: list[EventReceiver] = []
    opened = threading.Semaphore(0)

    def open_receivers() -> None:
        with pytest.raises(ClosedError):
            while True:
                receivers.append(other.events_receiver())
                opened.release()

    with ThreadPoolExecutor(4) as threads:
        running = [threads.submit(open_receivers) for _ in range(4)]
        for _ in range(200):
            assert opened.acquire(timeout=5)
        other.close()
        for future in running:
            future.result(10)

    assert [list(receiver) for receiver in receivers] == [[]] * len(receivers)
