"""Hosts in one NATS account, and a client in another one that imports what they export under other prefixes.

The server has the configuration that ``docs/howto/connect.rst`` shows.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import wasmcloud_ctl
from wasmcloud_ctl import (
    Client,
    ConfigSet,
    Link,
    NoResponders,
    OperationFailed,
    OperationRejected,
    RegistryCredential,
    RequestTimeout,
    WaitTimeout,
)
from wasmcloud_ctl._operations import live_list
from wasmcloud_ctl.testing import PracticeLattice, PracticeServer

CONFIG = (Path(__file__).parents[2] / "docs" / "howto" / "accounts.conf").read_text(encoding="utf-8")
REFERENCE = "registry.example/acme/echo:1"
LINK = Link("echo", "http", "wasi", "http", ["incoming-handler"])


def changed(*changes: tuple[str, str]) -> str:
    """The configuration with changes, each of which it must be possible to make."""
    config = CONFIG
    for before, after in changes:
        assert before in config
        config = config.replace(before, after)
    return config


def hosts_on(
    server: PracticeServer, hosts: int = 1, lattice: str = "default", **options: Any
) -> PracticeLattice:
    """A lattice whose hosts are in the account of the hosts."""
    login = {"user": "host", "password": "host-secret"}
    return PracticeLattice(hosts, lattice=lattice, server=server, connect_options=login, **options)


def operator(server: PracticeServer, **options: Any) -> Client:
    """A client in the account that imports."""
    given: dict[str, Any] = {"topic_prefix": "hosts.ctl", "event_prefix": "hosts.evt", **options}
    return wasmcloud_ctl.connect(server.url, user="operator", password="operator-secret", **given)


def tells_of_nobody(client: Client) -> bool:
    """Whether the server says across accounts that nobody listens: from nats-server 2.11 on."""
    version = client.nats_client.connected_server_version
    return (version.major, version.minor) >= (2, 11)


@pytest.fixture(scope="module")
def server() -> Iterator[PracticeServer]:
    """A server with the two accounts."""
    with PracticeServer(config=CONFIG) as server:
        yield server


@pytest.fixture
def lattice(server: PracticeServer) -> Iterator[PracticeLattice]:
    """Two hosts in a lattice of this test's own."""
    with hosts_on(server, 2, f"test-{uuid.uuid4().hex}") as lattice:
        yield lattice


@pytest.fixture
def client(server: PracticeServer, lattice: PracticeLattice) -> Iterator[Client]:
    """A client of that lattice in the other account."""
    with operator(server, lattice=lattice.lattice, quiet=0.25) as client:
        yield client


# Events -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prefix", "default"), [("event_prefix", "wasmbus.evt"), ("wadm_prefix", "wadm.api")]
)
def test_the_prefix_is_an_attribute(prefix: str, default: str) -> None:
    """It is what was passed, else the usual one; clients for other lattices have the same."""
    given: dict[str, Any] = {prefix: "hosts.own"}
    with PracticeServer(jetstream=False) as server:
        with wasmcloud_ctl.connect(server.url) as client:
            assert getattr(client, prefix) == default
        with wasmcloud_ctl.connect(server.url, **given) as client:
            assert getattr(client, prefix) == "hosts.own"
            assert getattr(client.for_lattice("blue"), prefix) == "hosts.own"
        with wasmcloud_ctl.from_env(server.url, **given) as client:
            assert getattr(client, prefix) == "hosts.own"


@pytest.mark.parametrize("prefix", ["evt", "hosts.evt", "acme.eu.hosts.evt"])
def test_events_come_under_a_prefix_of_any_length(prefix: str) -> None:
    """A receiver of one kind and one of all kinds get the events, in any lattice of the connection."""
    with (
        PracticeServer(config=changed(("hosts.evt", prefix))) as server,
        hosts_on(server, lattice="blue") as lattice,
        operator(server, event_prefix=prefix) as client,
    ):
        blue = client.for_lattice("blue")
        with blue.events_receiver("config_set") as one_kind, blue.events_receiver() as all_kinds:
            blue.put_label(lattice.hosts[0].id, "zone", "a").raise_for_status()
            blue.put_config("web", {"port": "8080"}).raise_for_status()

            assert all_kinds.get(timeout=5).name == "labels_changed"
            for receiver in (one_kind, all_kinds):
                event = receiver.get(timeout=5)
                assert (event.name, event.lattice, event.data) == (
                    "config_set",
                    "blue",
                    ConfigSet(config_name="web"),
                )


def test_waits_hear_the_events(lattice: PracticeLattice, client: Client) -> None:
    """Each operation with ``wait`` ends when its outcome is certain, also where only an event can prove that."""
    host_id, gone = lattice.hosts[0].id, lattice.hosts[1].id
    assert client.scale_component(host_id, REFERENCE, "echo", 2, wait=5).succeeded
    assert client.scale_component(host_id, REFERENCE, "echo", 2, wait=5).succeeded  # only the event proves it
    assert client.update_component(host_id, "echo", "registry.example/acme/echo:2", wait=5).succeeded
    assert client.stop_component(host_id, "echo", wait=5).succeeded
    assert client.start_provider(host_id, "registry.example/acme/http:1", "http", wait=5).succeeded
    assert client.stop_provider(host_id, "http", wait=5).succeeded
    assert client.put_link(LINK, wait=5).succeeded
    assert client.put_link(LINK, wait=5).succeeded  # only the event proves it
    assert client.delete_link("echo", "default", "wasi", "http", wait=5).succeeded
    if tells_of_nobody(client):
        assert client.stop_host(gone, wait=5).succeeded
    else:
        with pytest.raises(WaitTimeout):
            client.stop_host(gone, wait=1)


def test_a_failure_that_only_an_event_reports_is_known(lattice: PracticeLattice, client: Client) -> None:
    """Such as an image that cannot be pulled: ``reason`` is the host's."""
    host_id = lattice.hosts[0].id
    lattice.registry.fail(REFERENCE, "manifest unknown")

    with pytest.raises(OperationFailed, match="manifest unknown"):
        client.scale_component(host_id, REFERENCE, "echo", 1, wait=5)
    with pytest.raises(OperationFailed, match="manifest unknown"):
        client.start_provider(host_id, REFERENCE, "http", wait=5)


def test_a_wait_under_a_wrong_event_prefix_names_it(server: PracticeServer, lattice: PracticeLattice) -> None:
    """Nothing comes there, and the server does not say why. The error says where no event came."""
    host_id = lattice.hosts[0].id
    with operator(server, lattice=lattice.lattice, event_prefix="wasmbus.evt") as client:
        # The inventory proves this outcome without any event.
        client.scale_component(host_id, REFERENCE, "echo", 2, wait=5)
        with pytest.raises(WaitTimeout) as caught:
            client.scale_component(host_id, REFERENCE, "echo", 2, wait=2)

        last_seen = f"echo runs with 2 of {REFERENCE} on host {host_id}"
        assert caught.value.last_seen == last_seen
        assert str(caught.value) == (
            f"the scale of echo to 2 on host {host_id} was acknowledged, but not certain within 2 s: {last_seen}; "
            f"no event about it came on wasmbus.evt.{lattice.lattice}.*"
        )


def test_cached_links_follow_the_events(
    server: PracticeServer, lattice: PracticeLattice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy has the client's own changes at once, and those of others when their event has come; no host is asked
    again."""
    monkeypatch.setattr(live_list, "LAG_SECONDS", 60.0)  # when the first copy is made again
    with (
        operator(server, lattice=lattice.lattice, cache_links=True) as cached,
        lattice.connect(user="host", password="host-secret") as other,
        cached.events_receiver("linkdef_deleted") as deleted,
    ):
        assert cached.get_links().unwrap() == []
        asked = len(lattice.wait_for_commands("link.get"))
        cached.put_link(LINK).raise_for_status()
        assert cached.get_links().unwrap() == [LINK]
        other.delete_link("echo", "default", "wasi", "http").raise_for_status()
        deleted.get(timeout=5)
        assert cached.get_links().unwrap() == []
        assert len(lattice.wait_for_commands("link.get")) == asked


# Requests ---------------------------------------------------------------------------------------


def test_all_hosts_answer_across_accounts(lattice: PracticeLattice, client: Client) -> None:
    """Gathers have a reply of each host."""
    ids = {host.id for host in lattice.hosts}

    assert {host.id for host in client.get_hosts(expected=2).data} == ids
    assert set(client.get_host_inventories(expected=2).data) == ids
    assert len(client.perform_component_auction(REFERENCE, "echo", expected=2).data) == 2
    assert len(client.perform_provider_auction(REFERENCE, "http", expected=2).data) == 2
    assert (
        len(client.put_registries({"ghcr.io": RegistryCredential(username="u", password="p")}, expected=2))
        == 2
    )


def test_without_a_stream_of_responses_one_host_answers() -> None:
    """The server passes on the first reply alone, as the documentation says."""
    config = changed((", response_type: stream", ""))
    with (
        PracticeServer(config=config) as server,
        hosts_on(server, 2) as lattice,
        operator(server, quiet=0.25) as client,
        lattice.connect(user="host", password="host-secret") as beside_hosts,
    ):
        assert len(beside_hosts.get_hosts(expected=2)) == 2
        assert len(client.get_hosts()) == 1


def test_nobody_listens_across_accounts(server: PracticeServer, lattice: PracticeLattice) -> None:
    """The server says at once that a lattice has no hosts, or that there is no such host.

    Before 2.11 it does not: then nobody answers.
    """
    with operator(server, lattice="empty", timeout=10) as client:
        if not tells_of_nobody(client):
            assert not client.get_hosts(timeout=0.5).no_responders
            with pytest.raises(RequestTimeout):
                client.get_links(timeout=0.5)
            return
        started = time.monotonic()
        assert client.get_hosts(timeout=10).no_responders
        with pytest.raises(NoResponders):
            client.get_links()
        with pytest.raises(NoResponders):
            client.for_lattice(lattice.lattice).get_host_inventory("N" * 56)
        assert time.monotonic() - started < 5


def test_configs_are_listed_through_imports_of_jetstream(server: PracticeServer) -> None:
    """The imports stand for a JetStream domain. Without it, the client's own account has no JetStream."""
    with hosts_on(server), operator(server, js_domain="hosts") as client:
        client.put_config("web", {"port": "8080"}).raise_for_status()
        assert client.list_configs() == ["web"]
    with operator(server) as client:
        with pytest.raises(OperationRejected, match="JetStream not enabled for account"):
            client.list_configs()


def test_jetstream_of_the_client_s_own_account_has_no_configs() -> None:
    """Without the imports it is asked, and knows of no bucket: the list is empty, whatever the hosts have."""
    config = changed(("  OPERATORS {\n", "  OPERATORS {\n    jetstream: enabled\n"))
    with PracticeServer(config=config) as server, hosts_on(server), operator(server) as client:
        client.put_config("web", {"port": "8080"}).raise_for_status()
        assert client.list_configs() == []


@pytest.mark.parametrize("statuses", [True, False])
def test_applications_are_deployed_across_accounts(statuses: bool) -> None:
    """With wadm's statuses. Without them, a wait asks for the status."""
    without = changed(('      { stream: { account: HOSTS, subject: "wadm.status.>" } }\n', ""))
    component = {
        "name": "echo",
        "type": "component",
        "properties": {"image": REFERENCE},
        "traits": [{"type": "spreadscaler", "properties": {"instances": 2}}],
    }
    manifest = {
        "apiVersion": "core.oam.dev/v1beta1",
        "kind": "Application",
        "metadata": {"name": "shop", "annotations": {"version": "v1"}},
        "spec": {"components": [component]},
    }
    with (
        PracticeServer(config=CONFIG if statuses else without) as server,
        hosts_on(server, 2, heartbeat_interval=0.5, wadm=True) as lattice,
        operator(server, wadm_prefix="hosts.wadm", quiet=0.25, timeout=10.0) as client,
    ):
        with client.wadm.subscribe_to_status("shop") as receiver:
            client.wadm.put_and_deploy_manifest(manifest, wait=60)
            assert [host.running_code for host in lattice.hosts if host.running_code] == [
                {"shop-echo": REFERENCE}
            ]
            if statuses:
                assert receiver.get(10).name == "shop"
            else:
                with pytest.raises(WaitTimeout):
                    receiver.get(0)
        lattice.registry.fail(REFERENCE)
        client.wadm.undeploy_manifest("shop", wait=60)
        with pytest.raises(OperationFailed):
            client.wadm.deploy_manifest("shop", wait=60)
