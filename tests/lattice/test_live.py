"""The live view: what it shows, how it is waited on, and what views share."""

from __future__ import annotations

import functools
import gc
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import attrs
import pytest
from calling import Calling, library_threads, wait_until
from internals import session_of
from live import LINK, LONG, OTHER, PROVIDER, REFERENCE, becomes_quiet, is_right, operations
from storm import asked

from wasmcloud_ctl import (
    Client,
    ClosedError,
    Doubt,
    InvalidArgument,
    NotConnectedError,
    NotFound,
    OperationFailed,
    PermissionDenied,
    WaitTimeout,
)
from wasmcloud_ctl.live import (
    Change,
    ComponentChange,
    HostChange,
    Lattice,
    LatticeView,
    LinkChange,
    ProviderChange,
)
from wasmcloud_ctl.testing import PracticeHost, PracticeLattice, PracticeServer

BEAT = 0.5
FAST = pytest.mark.practice_lattice(hosts=2, heartbeat_interval=BEAT)


@pytest.fixture
def view(lattice: PracticeLattice, client: Client) -> Iterator[LatticeView]:
    """A view of the lattice of two hosts, whose heartbeats come every 30 seconds."""
    with client.watch(expected=2) as view:
        yield view


@pytest.fixture
def fast(practice_lattice: PracticeLattice) -> Iterator[Client]:
    """A client of the lattice of ``practice_lattice``."""
    with practice_lattice.connect(quiet=0.25) as client:
        yield client


@pytest.fixture
def fast_view(practice_lattice: PracticeLattice, fast: Client) -> Iterator[LatticeView]:
    """A view of that lattice."""
    with fast.watch(expected=len(practice_lattice.hosts), heartbeat=BEAT) as view:
        yield view


# The first picture ------------------------------------------------------------------------------


def test_the_first_picture_is_complete(lattice: PracticeLattice, client: Client) -> None:
    """When watch returns, the view has all hosts, components, providers and links, and is not stale."""
    first, second = lattice.hosts
    client.scale_component(first.id, REFERENCE, "echo", 2, wait=10)
    client.scale_component(second.id, REFERENCE, "echo", 3, wait=10)
    client.start_provider(second.id, PROVIDER, "http", wait=10)
    client.put_link(LINK, wait=10)

    with client.watch(quiet=0.25) as view:
        counts = {host_id: found.max_instances for host_id, found in view.components["echo"].items()}
        assert view.hosts.keys() == {first.id, second.id}
        assert list(view.components) == ["echo"]
        assert counts == {first.id: 2, second.id: 3}
        assert {name: list(hosts) for name, hosts in view.providers.items()} == {"http": [second.id]}
        assert view.links == (LINK,)
        assert view.doubts == ()
        assert view.lattice.diff(asked(client, 2)) == []
        assert view.lattice.components == view.components
        assert view.lattice.providers == view.providers
        assert not view.stale


@pytest.mark.practice_lattice(hosts=0)
def test_a_lattice_without_hosts_is_empty(practice_lattice: PracticeLattice, fast: Client) -> None:
    """The view of a lattice without hosts is there at once, empty and not stale."""
    with fast.watch() as view:
        assert (view.hosts, view.components, view.providers, view.links) == ({}, {}, {}, ())
        becomes_quiet(view)
        practice_lattice.add_host()
        assert len(view.wait_until(lambda lattice: lattice.hosts, LONG).hosts) == 1


def test_watch_with_a_larger_number_lists_again(lattice: PracticeLattice, client: Client) -> None:
    """A second view that expects more hosts than are known makes the client look for the others."""
    lattice.hosts[1].slow(0.5)
    with client.watch(quiet=0.1) as first:
        assert list(first.hosts) == [lattice.hosts[0].id]
        with client.watch(expected=2, timeout=LONG) as second:
            assert len(second.hosts) == 2
        assert len(first.hosts) == 2


def test_a_picture_that_is_late_is_a_timeout(lattice: PracticeLattice) -> None:
    """No host sends the links in time: WaitTimeout names what is missing."""
    for host in lattice.hosts:
        host.lose_replies(operation="link.get")
    with lattice.connect(timeout=0.3) as client:
        with pytest.raises(WaitTimeout) as caught:
            client.watch(expected=2, timeout=0.3)
    subject = f"wasmbus.ctl.v1.{lattice.lattice}.link.get"
    assert str(caught.value) == f"the lattice was not listed in time: no answer on {subject}"


def test_one_lost_answer_does_not_keep_a_view_from_being_made(lattice: PracticeLattice) -> None:
    """The links are asked for again as long as there is time."""
    for host in lattice.hosts:
        host.lose_replies(operation="link.get")
    with lattice.connect(timeout=0.3) as client:
        watching = Calling(lambda: client.watch(expected=2, timeout=LONG))
        lattice.wait_for_commands("link.get", 2)
        for host in lattice.hosts:
            host.recover()
        assert isinstance(watching.end().result, LatticeView), watching.error


@pytest.mark.parametrize(
    "arguments",
    [
        {"heartbeat": 0},
        {"heartbeat": "1"},
        {"expected": 0},
        {"quiet": -1},
        {"configs": 1},
        {"applications": 0},
    ],
)
def test_watch_checks_its_arguments(lattice: PracticeLattice, client: Client, arguments: Any) -> None:
    """An invalid argument is InvalidArgument with its name, and nothing is sent."""
    with pytest.raises(InvalidArgument, match=next(iter(arguments))):
        client.watch(**arguments)
    assert operations(lattice) == {}


# Changes are seen -------------------------------------------------------------------------------


def scale(client: Client, host: PracticeHost, count: int = 2, name: str = "echo") -> None:
    client.scale_component(host.id, REFERENCE, name, count, wait=10)


def started(client: Client, host: PracticeHost) -> None:
    scale(client, host)
    client.start_provider(host.id, PROVIDER, "http", wait=10)
    client.put_label(host.id, "colour", "red").raise_for_status()
    client.put_link(LINK, wait=10)


def nothing(client: Client, host: PracticeHost) -> None:
    pass


Action = Callable[[Client, PracticeHost], object]
SEEN: dict[str, tuple[Action, Action, list[str]]] = {
    "start": (nothing, scale, ["ComponentChange +"]),
    "scale": (started, lambda client, host: scale(client, host, 5), ["ComponentChange ~"]),
    "stop": (started, lambda client, host: scale(client, host, 0), ["ComponentChange -"]),
    "update": (
        started,
        lambda client, host: client.update_component(host.id, "echo", OTHER),
        ["ComponentChange ~"],
    ),
    "provider start": (
        nothing,
        lambda client, host: client.start_provider(host.id, PROVIDER, "http"),
        ["ProviderChange +"],
    ),
    "provider stop": (
        started,
        lambda client, host: client.stop_provider(host.id, "http"),
        ["ProviderChange -"],
    ),
    "label": (nothing, lambda client, host: client.put_label(host.id, "colour", "red"), ["HostChange ~"]),
    "no label": (started, lambda client, host: client.delete_label(host.id, "colour"), ["HostChange ~"]),
    "host stop": (nothing, lambda client, host: client.stop_host(host.id), ["HostChange -"]),
    "stop of a host that runs something": (
        started,
        lambda client, host: host.stop(),
        ["HostChange -", "ComponentChange -", "ProviderChange -"],
    ),
    "link": (nothing, lambda client, host: client.put_link(LINK), ["LinkChange +"]),
    "other link": (
        started,
        lambda client, host: client.put_link(attrs.evolve(LINK, interfaces=["other"])),
        ["LinkChange ~"],
    ),
    "no link": (
        started,
        lambda client, host: client.delete_link("echo", "default", "wasi", "http"),
        ["LinkChange -"],
    ),
}


def kinds(changes: list[Change]) -> list[str]:
    """Return the kinds of changes, with a sign: come, gone, or other."""
    return [
        f"{type(change).__name__} {'+' if change.before is None else '-' if change.after is None else '~'}"
        for change in changes
    ]


@pytest.mark.parametrize("version", ["1.9.2", "1.0.0"])
@pytest.mark.parametrize("name", SEEN)
def test_a_change_is_seen(
    make_practice_lattice: Callable[..., PracticeLattice], name: str, version: str
) -> None:
    """Whatever changes is shown soon, whatever the version of the hosts; and nothing else."""
    before, action, wanted = SEEN[name]
    lattice = make_practice_lattice(hosts=2, version=version)
    host = lattice.hosts[0]
    with lattice.connect() as client:
        before(client, host)
        lattice.settle()
        with client.watch(expected=2) as view:
            becomes_quiet(view)
            first = view.lattice
            earlier = json.dumps(first.to_dict())
            action(client, host)
            later = view.wait_until(lambda lattice: kinds(first.diff(lattice)) == wanted, LONG)
            is_right(lattice, client, view, sum(host.running for host in lattice.hosts))
            assert view.lattice == later
            assert json.dumps(first.to_dict()) == earlier


def test_a_host_that_starts_is_seen(lattice: PracticeLattice, client: Client, view: LatticeView) -> None:
    """A new host is shown, with its labels."""
    host = lattice.add_host({"zone": "z3"})
    view.wait_until(lambda lattice: host.id in lattice.hosts, LONG)
    assert view.hosts[host.id].labels["zone"] == "z3"
    is_right(lattice, client, view, 3)


@FAST
def test_a_host_that_crashes_is_gone_after_one_and_a_half_intervals(
    practice_lattice: PracticeLattice, fast: Client, fast_view: LatticeView
) -> None:
    """Nobody says so; the missing heartbeat does: not before 1.5 intervals, and within 4."""
    host = practice_lattice.hosts[0]
    scale(fast, host)
    host.beat()
    beaten = time.monotonic()
    host.kill()
    fast_view.wait_until(lambda lattice: host.id not in lattice.hosts, LONG)
    assert 1.4 * BEAT < time.monotonic() - beaten < 4 * BEAT
    assert fast_view.components == {}
    is_right(practice_lattice, fast, fast_view, 1)


@FAST
def test_a_host_that_hangs_is_gone_after_four_intervals_and_comes_back(
    practice_lattice: PracticeLattice, fast: Client, fast_view: LatticeView
) -> None:
    """A host that neither answers nor publishes is stale, and gone at last. It is there again with its heartbeat."""
    host = practice_lattice.hosts[0]
    host.stall()
    stalled = time.monotonic()
    wait_until(lambda: fast_view.stale, LONG)
    fast_view.wait_until(lambda lattice: host.id not in lattice.hosts, LONG)
    assert BEAT < time.monotonic() - stalled < 4 * BEAT + 1
    host.resume()
    fast_view.wait_until(lambda lattice: host.id in lattice.hosts, LONG)
    is_right(practice_lattice, fast, fast_view, 2)


@pytest.mark.practice_lattice(heartbeat_interval=BEAT)
def test_a_lone_host_that_hangs_makes_the_view_stale(
    practice_lattice: PracticeLattice, fast_view: LatticeView
) -> None:
    """While the client asks a silent host, the view is stale, although nothing comes from anywhere."""
    practice_lattice.hosts[0].stall()
    fast_view.changes()  # a reader makes no difference
    wait_until(lambda: fast_view.stale, LONG)


@FAST
def test_a_slow_host_is_not_gone(
    practice_lattice: PracticeLattice, fast: Client, fast_view: LatticeView
) -> None:
    """A host that takes more than an interval to answer everything stays, as long as its heartbeats come."""
    host = practice_lattice.hosts[0]
    host.slow(2 * BEAT)
    host.publish_event("component_scale_failed", {"component_id": "a", "host_id": host.id})
    end = time.monotonic() + 5 * BEAT
    while time.monotonic() < end:
        assert len(fast_view.hosts) == 2
        time.sleep(0.02)  # no event says that a host stays, so the view is looked at again and again
    host.recover()
    is_right(practice_lattice, fast, fast_view, 2)


@pytest.mark.practice_lattice(hosts=2, heartbeat_interval=BEAT)
def test_a_host_that_never_sends_an_inventory_makes_the_view_stale(practice_lattice: PracticeLattice) -> None:
    """A host whose heartbeats or pings are heard is there. Without its inventory the view may be wrong."""
    host = practice_lattice.hosts[0]
    host.lose_replies(operation="host.get")
    with (
        practice_lattice.connect(timeout=0.3) as client,
        client.watch(expected=2, timeout=2, heartbeat=BEAT) as view,
    ):
        end = time.monotonic() + 3 * BEAT
        while time.monotonic() < end:
            assert view.stale or host.id in view.hosts
            time.sleep(
                0.005
            )  # no event says that the view is still stale, so it is looked at again and again
        host.recover()
        view.wait_until(lambda lattice: host.id in lattice.hosts, LONG)


def test_configs_are_shown_on_request(lattice: PracticeLattice, client: Client) -> None:
    """The names are sorted, and follow what is put and deleted."""
    for name in ("web", "old", "api"):
        client.put_config(name, {"a": "b"}).raise_for_status()
    client.delete_config("old").raise_for_status()
    with client.watch(expected=2, configs=True) as view:
        assert list(view.configs) == ["api", "web"]
        assert not view.stale
        client.put_config("more", {}).raise_for_status()
        wait_until(lambda: list(view.configs) == ["api", "more", "web"], LONG)
        client.delete_config("web").raise_for_status()
        wait_until(lambda: list(view.configs) == ["api", "more"], LONG)
        becomes_quiet(view)
        assert list(view.configs) == client.list_configs()


@pytest.mark.practice_lattice(hosts=2, heartbeat_interval=BEAT)
def test_many_configs_are_all_listed(practice_lattice: PracticeLattice, fast: Client) -> None:
    """More configs than are asked for at once; they are listed again every interval."""
    names = [f"c{number:03}" for number in range(200)]
    for name in names:
        fast.put_config(name, {}).raise_for_status()
    with fast.watch(expected=2, heartbeat=BEAT, configs=True) as view:
        assert view.configs == tuple(names)
        practice_lattice.hosts[0].lose_events()
        practice_lattice.hosts[1].lose_events()
        fast.delete_config("c100").raise_for_status()
        wait_until(lambda: "c100" not in view.configs, LONG)
        becomes_quiet(view)
        assert view.configs == tuple(name for name in names if name != "c100")


@pytest.mark.practice_lattice(hosts=2, heartbeat_interval=BEAT, wadm=True)
def test_applications_are_shown_on_request(practice_lattice: PracticeLattice, fast: Client) -> None:
    """Their statuses follow what wadm does."""
    manifest = {
        "apiVersion": "core.oam.dev/v1beta1",
        "kind": "Application",
        "metadata": {"name": "shop", "annotations": {"version": "v1", "description": "a test"}},
        "spec": {
            "components": [
                {
                    "name": "echo",
                    "type": "component",
                    "properties": {"image": REFERENCE},
                    "traits": [{"type": "spreadscaler", "properties": {"instances": 2}}],
                }
            ]
        },
    }
    with fast.watch(expected=2, heartbeat=BEAT, applications=True) as view:
        assert view.applications == {}
        fast.wadm.put_and_deploy_manifest(manifest, wait=30)
        wait_until(lambda: list(view.applications) == ["shop"], LONG)
        wait_until(lambda: view.applications["shop"].detailed_status.info.status_type == "deployed", LONG)
        becomes_quiet(view)
        assert list(view.applications.values()) == fast.wadm.list_manifests()
        fast.wadm.delete_manifest("shop", wait=30)
        wait_until(lambda: view.applications == {}, LONG)


def test_what_was_not_asked_for_is_refused(view: LatticeView) -> None:
    """Configs and applications of a view without them: InvalidArgument says how to have them."""
    with pytest.raises(InvalidArgument, match=r"watch\(configs=True\)"):
        view.configs  # noqa: B018
    with pytest.raises(InvalidArgument, match=r"watch\(applications=True\)"):
        view.applications  # noqa: B018


# Finding ----------------------------------------------------------------------------------------


def test_components_and_providers_are_found_with_their_hosts(
    lattice: PracticeLattice, client: Client, view: LatticeView
) -> None:
    """Pairs of the host's inventory and the description; none for what runs nowhere."""
    first, second = lattice.hosts
    started(client, first)
    scale(client, second, 4)
    is_right(lattice, client, view, 2)

    found = {host.host_id: component for host, component in view.find_component("echo")}
    assert found == {host_id: host.components[0] for host_id, host in view.hosts.items()}
    assert view.find_provider("http") == [(view.hosts[first.id], view.hosts[first.id].providers[0])]
    assert (view.find_component("http"), view.find_provider("echo")) == ([], [])


def test_what_one_host_stops_is_found_on_the_other(
    lattice: PracticeLattice, client: Client, view: LatticeView
) -> None:
    """A component and a provider that two hosts run."""
    first, second = lattice.hosts
    for host in (first, second):
        started(client, host)
    is_right(lattice, client, view, 2)
    client.scale_component(first.id, REFERENCE, "echo", 0).raise_for_status()
    client.stop_provider(first.id, "http").raise_for_status()
    is_right(lattice, client, view, 2)

    assert [host.host_id for host, _ in view.find_component("echo")] == [second.id]
    assert [host.host_id for host, _ in view.find_provider("http")] == [second.id]


def test_the_one_host_of_something_is_found(
    lattice: PracticeLattice, client: Client, view: LatticeView
) -> None:
    """host_of returns its inventory. None, or several: NotFound lists the hosts."""
    first, second = lattice.hosts
    started(client, first)
    scale(client, second, name="api")
    scale(client, first, name="api")
    is_right(lattice, client, view, 2)

    named = {host.id: f"{host.friendly_name} ({host.id})" for host in lattice.hosts}
    listed = ", ".join(named[host_id] for host_id in sorted(named))
    assert view.host_of("echo") == view.hosts[first.id]
    assert view.host_of("http").host_id == first.id
    with pytest.raises(NotFound) as several:
        view.host_of("api")
    assert str(several.value) == f"Several hosts run 'api': {listed}."
    with pytest.raises(NotFound) as none:
        view.host_of("nope")
    beginning, _, hosts = str(none.value).rstrip(".").partition(": ")
    assert beginning == "No host runs 'nope'; these hosts are there"
    assert sorted(hosts.split(", ")) == sorted(named.values())


@pytest.mark.practice_lattice(hosts=0)
def test_in_an_empty_lattice_nothing_is_found(practice_lattice: PracticeLattice, fast: Client) -> None:
    """NotFound says that there are no hosts."""
    with fast.watch() as view, pytest.raises(NotFound) as caught:
        view.host_of("echo")
    assert str(caught.value) == "No host runs 'echo'; these hosts are there: none."


# Doubts -----------------------------------------------------------------------------------------


def rename(client: Client, host: PracticeHost, view: LatticeView) -> Doubt:
    """Have a host rename what it runs, and wait for the doubt."""
    scale(client, host)
    client.scale_component(host.id, OTHER, "echo", 5).raise_for_status()
    doubt = Doubt(host_id=host.id, component_id="echo", event_ref=REFERENCE, inventory_ref=OTHER)
    wait_until(lambda: view.doubts == (doubt,), LONG)
    return doubt


@FAST
def test_a_renamed_component_is_a_doubt(
    practice_lattice: PracticeLattice, fast: Client, fast_view: LatticeView
) -> None:
    """After a scale to another reference and count, the host runs another image than it shows."""
    host = practice_lattice.hosts[0]
    doubt = rename(fast, host, fast_view)
    is_right(practice_lattice, fast, fast_view, 2)
    assert (host.running_code["echo"], fast_view.components["echo"][host.id].image_ref) == (REFERENCE, OTHER)
    practice_lattice.wait_for_commands("link.get", operations(practice_lattice)["link.get"] + 2)
    assert fast_view.doubts == (doubt,)


ENDS: dict[str, Action] = {
    "stop": lambda client, host: scale(client, host, 0),
    "update": lambda client, host: client.update_component(host.id, "echo", "registry.example/acme/echo:3"),
    "host stop": lambda client, host: host.stop(),
}


@pytest.mark.parametrize("name", ENDS)
def test_a_doubt_ends(lattice: PracticeLattice, client: Client, view: LatticeView, name: str) -> None:
    """A stop, an update to a third reference, and the end of the host put it right."""
    host = lattice.hosts[0]
    rename(client, host, view)
    ENDS[name](client, host)
    wait_until(lambda: view.doubts == (), LONG)
    is_right(lattice, client, view, 1 if name == "host stop" else 2)
    if name == "stop":
        scale(client, host)
        is_right(lattice, client, view, 2)
    assert view.doubts == ()


def test_a_doubt_follows_the_shown_reference(
    lattice: PracticeLattice, client: Client, view: LatticeView
) -> None:
    """A second renaming changes the inventory's reference alone; a third one back to what runs ends the doubt."""
    host = lattice.hosts[0]
    doubt = rename(client, host, view)
    third = "registry.example/acme/echo:3"
    client.scale_component(host.id, third, "echo", 6).raise_for_status()
    wait_until(lambda: view.doubts == (attrs.evolve(doubt, inventory_ref=third),), LONG)
    assert host.running_code["echo"] == REFERENCE
    client.scale_component(host.id, REFERENCE, "echo", 7).raise_for_status()
    wait_until(lambda: view.doubts == (), LONG)
    is_right(lattice, client, view, 2)


# Stale, and as of when --------------------------------------------------------------------------


def test_a_view_is_stale_until_the_host_has_answered(lattice: PracticeLattice) -> None:
    """An event came, and the host that published it does not send its inventory."""
    host = lattice.hosts[0]
    with lattice.connect(timeout=0.3) as client, client.watch(expected=2) as view:
        host.lose_replies(operation="host.get")
        client.put_label(host.id, "colour", "red").raise_for_status()
        wait_until(lambda: view.stale, LONG)
        lattice.wait_for_commands("host.get", 4)
        assert view.stale
        assert "colour" not in view.hosts[host.id].labels
        host.recover()
        view.wait_until(lambda lattice: lattice.hosts[host.id].labels.get("colour") == "red", LONG)
        is_right(lattice, client, view, 2)


def test_a_view_is_stale_while_the_connection_is_lost(own_server: PracticeServer) -> None:
    """The last picture can still be read, and as_of does not go on."""
    with (
        PracticeLattice(2, server=own_server) as lattice,
        lattice.connect() as client,
        client.watch(expected=2, quiet=0.25) as view,
    ):
        before = view.lattice
        own_server.stop()
        wait_until(lambda: view.stale, LONG)
        lost = datetime.now(timezone.utc)
        assert view.lattice == before
        assert view.as_of <= lost
        with pytest.raises(NotConnectedError):
            client.watch(expected=2)
        assert repr(view).endswith(", stale>")
        own_server.start()
        becomes_quiet(view)
        assert view.lattice == before
        wait_until(lambda: view.as_of > lost, LONG)


@FAST
def test_as_of_goes_on_with_the_heartbeats(fast_view: LatticeView) -> None:
    """It is when the host was heard that was heard longest ago: less than 1.5 intervals ago, and ever later."""
    first = fast_view.as_of
    wait_until(lambda: fast_view.as_of > first + timedelta(seconds=2 * BEAT), LONG)
    assert fast_view.as_of <= datetime.now(timezone.utc)
    assert fast_view.as_of > datetime.now(timezone.utc) - timedelta(seconds=5)


@pytest.mark.parametrize("what", ["view", "client"])
def test_after_close_the_last_picture_can_be_read(
    lattice: PracticeLattice, client: Client, what: str
) -> None:
    """The view is stale then, as_of stands still, waiting is ClosedError, and close may be called again."""
    started(client, lattice.hosts[0])
    view = client.watch(expected=2, configs=True)
    before, names = view.lattice, view.configs
    changes = view.changes()
    (view if what == "view" else client).close()

    assert view.stale
    assert (view.lattice, view.configs, view.links) == (before, names, (LINK,))
    assert view.host_of("http").host_id == lattice.hosts[0].id
    assert view.as_of == view.as_of or what == "client"
    assert view.as_of <= datetime.now(timezone.utc)
    with pytest.raises(ClosedError):
        view.wait_until(lambda lattice: True, LONG)
    with pytest.raises(ClosedError):
        view.refresh()
    with pytest.raises(ClosedError):
        view.changes()
    assert list(changes) == []
    view.close()
    assert (view.stale, view.lattice) == (True, before)
    assert view.as_of == view.as_of


def test_a_closed_client_watches_nothing(lattice: PracticeLattice, client: Client) -> None:
    """ClosedError."""
    client.close()
    with pytest.raises(ClosedError):
        client.watch()


# Refresh and uptime -----------------------------------------------------------------------------


def test_refresh_asks_everything_anew(lattice: PracticeLattice, client: Client, view: LatticeView) -> None:
    """When it returns, the view has what no event has told."""
    host = lattice.hosts[0]
    host.lose_events()
    scale(client, host)
    assert view.components == {}
    view.refresh(1.0)
    assert list(view.components) == ["echo"]
    assert view.lattice.diff(asked(client, 2)) == []


def test_refresh_takes_a_timeout_where_nothing_else_ends_the_ping(lattice: PracticeLattice) -> None:
    """Without ``quiet`` and ``expected``, the ping lasts as long as the timeout says, and refresh returns."""
    with lattice.connect() as client, client.watch(timeout=0.3) as view:
        lattice.hosts[0].lose_events()
        scale(client, lattice.hosts[0])
        view.refresh(0.5)
        assert list(view.components) == ["echo"]


def test_refresh_without_an_answer_is_a_timeout(lattice: PracticeLattice, view: LatticeView) -> None:
    """WaitTimeout says what is missing; the picture stays, and is stale."""
    lattice.hosts[0].lose_replies(operation="host.get")
    with pytest.raises(WaitTimeout, match=r"1 hosts|answers to a ping"):
        view.refresh(0.3)
    assert len(view.hosts) == 2
    assert view.stale


@FAST
def test_uptime_alone_is_no_change(
    practice_lattice: PracticeLattice, fast: Client, fast_view: LatticeView
) -> None:
    """Uptimes become newer in the view, and neither wait_until nor changes nor a comparison notices."""
    host_id = practice_lattice.hosts[0].id
    before = fast_view.lattice
    changes = fast_view.changes(0.0)
    calls: list[Lattice] = []
    waiting = Calling(lambda: fast_view.wait_until(calls.append, 4 * BEAT))
    wait_until(lambda: fast_view.hosts[host_id].uptime_seconds > before.hosts[host_id].uptime_seconds, LONG)
    waiting.end()

    assert isinstance(waiting.error, WaitTimeout)
    assert len(calls) == 1
    assert fast_view.lattice == before
    assert before.diff(fast_view.lattice) == []
    with pytest.raises(WaitTimeout):
        next(changes)


# wait_until -------------------------------------------------------------------------------------


def test_what_is_so_already_is_not_waited_for(
    lattice: PracticeLattice, client: Client, view: LatticeView
) -> None:
    """The predicate is called at once, on this thread, with the lattice that is returned."""
    threads: list[int] = []

    def predicate(lattice: Lattice) -> bool:
        threads.append(threading.get_ident())
        return len(lattice.hosts) == 2

    found = view.wait_until(predicate, LONG)

    assert found == view.lattice
    assert threads == [threading.get_ident()]


def test_the_lattice_that_is_returned_is_the_one_for_which_it_was_true(
    lattice: PracticeLattice, client: Client, view: LatticeView
) -> None:
    """Also if more has changed by then."""
    waiting = Calling(lambda: view.wait_until(lambda lattice: "echo" in lattice.components, LONG))
    scale(client, lattice.hosts[0])
    found = waiting.end().result
    scale(client, lattice.hosts[0], 0)

    assert isinstance(found, Lattice)
    assert list(found.components) == ["echo"]
    assert found.hosts[lattice.hosts[0].id].components[0].max_instances == 2


def test_a_wait_that_ends_in_vain_has_the_last_lattice(view: LatticeView) -> None:
    """WaitTimeout, whose last_seen is a Lattice."""
    with pytest.raises(WaitTimeout) as caught:
        view.wait_until(lambda lattice: False, 0.1)
    assert caught.value.last_seen == view.lattice
    assert isinstance(caught.value.last_seen, Lattice)
    assert str(caught.value).startswith("the lattice was not as wanted within 0.1 s")


@pytest.mark.parametrize("timeout", [0, -1, float("inf"), float("nan"), True, "1", None])
def test_a_wait_takes_a_number_of_seconds(view: LatticeView, timeout: Any) -> None:
    """Else InvalidArgument, and the predicate is not called."""
    calls: list[Lattice] = []
    with pytest.raises(InvalidArgument, match="timeout"):
        view.wait_until(calls.append, timeout)
    assert calls == []


def test_an_exception_of_the_predicate_reaches_the_caller(view: LatticeView) -> None:
    """It is the caller's own, and the view goes on."""
    with pytest.raises(ZeroDivisionError):
        view.wait_until(lambda lattice: 1 / 0, LONG)
    assert view.wait_until(lambda lattice: True, LONG) == view.lattice


@pytest.mark.parametrize("what", ["view", "client"])
def test_close_ends_the_waits_of_other_threads(client: Client, view: LatticeView, what: str) -> None:
    """A wait is ClosedError then, and an iterator of changes ends."""
    begun = threading.Barrier(3)

    def predicate(lattice: Lattice) -> bool:
        begun.wait(LONG)
        return False

    def read() -> list[Change]:
        changes = view.changes()
        begun.wait(LONG)
        return list(changes)

    waiting, reading = Calling(lambda: view.wait_until(predicate, LONG)), Calling(read)
    begun.wait(LONG)
    (view if what == "view" else client).close()

    assert isinstance(waiting.end().error, ClosedError)
    assert reading.end().result == []
    assert max(waiting.seconds, reading.seconds) < LONG / 2


def test_the_predicate_is_not_called_while_the_lattice_is_listed_again(own_server: PracticeServer) -> None:
    """After a lost connection a wait sees nothing half."""
    with (
        PracticeLattice(2, server=own_server) as lattice,
        lattice.connect() as client,
        client.watch(expected=2, quiet=0.25) as view,
    ):
        calls: list[int] = []

        def predicate(lattice: Lattice) -> bool:
            calls.append(len(lattice.hosts))
            return "echo" in lattice.components

        waiting = Calling(lambda: view.wait_until(predicate, LONG))
        wait_until(lambda: calls == [2], LONG)
        lattice.hosts[1].lose_replies(operation="host.get")
        own_server.restart()
        lattice.wait_for_commands("host.get", 4, LONG)
        scale(client, lattice.hosts[0])
        assert calls == [2]
        lattice.hosts[1].recover()
        found = waiting.end().result

    assert isinstance(found, Lattice)
    assert len(found.hosts) == 2
    assert calls == [2, 2]


# changes ----------------------------------------------------------------------------------------


def test_changes_come_in_the_order_of_hosts_then_links(
    lattice: PracticeLattice, client: Client, view: LatticeView
) -> None:
    """Each has what was and what is."""
    host = lattice.hosts[0]
    changes = view.changes(LONG)
    before = view.hosts[host.id]
    client.put_label(host.id, "colour", "red").raise_for_status()
    labelled = next(changes)
    scale(client, host)
    component = next(changes)
    client.start_provider(host.id, PROVIDER, "http", wait=10)
    provider = next(changes)
    client.put_link(LINK, wait=10)
    link = next(changes)
    scale(client, host, 0)
    stopped = next(changes)

    assert isinstance(labelled, HostChange)
    assert labelled.before == before
    assert labelled.after is not None
    assert (labelled.host_id, labelled.after.labels["colour"]) == (host.id, "red")
    assert isinstance(component, ComponentChange)
    assert component.after is not None
    assert (component.host_id, component.before, component.after.id) == (host.id, None, "echo")
    assert isinstance(provider, ProviderChange)
    assert provider.after is not None
    assert (provider.host_id, provider.before, provider.after.id) == (host.id, None, "http")
    assert link == LinkChange(before=None, after=LINK)
    assert stopped == ComponentChange(host_id=host.id, before=component.after, after=None)


def test_a_host_that_goes_is_one_change_before_those_of_what_it_ran(
    lattice: PracticeLattice, client: Client, view: LatticeView
) -> None:
    """The host, its component, its provider."""
    host = lattice.hosts[0]
    started(client, host)
    is_right(lattice, client, view, 2)
    changes = view.changes(LONG)
    host.stop()
    found = [next(changes) for _ in range(3)]

    assert kinds(found) == ["HostChange -", "ComponentChange -", "ProviderChange -"]
    assert isinstance(found[0], HostChange)
    assert found[0].host_id == host.id


def test_a_change_that_does_not_come_in_time_does_not_end_the_iterator(
    lattice: PracticeLattice, client: Client, view: LatticeView
) -> None:
    """WaitTimeout; the next change comes as ever."""
    changes = view.changes(0.05)
    with pytest.raises(WaitTimeout) as caught:
        next(changes)
    assert str(caught.value) == "nothing has changed within 0.05 s"
    scale(client, lattice.hosts[0])
    is_right(lattice, client, view, 2)
    assert kinds([next(changes)]) == ["ComponentChange +"]


def test_a_slow_reader_gets_the_difference(
    lattice: PracticeLattice, client: Client, view: LatticeView
) -> None:
    """What has come and gone since it looked last is left out."""
    changes = view.changes(0.0)
    host = lattice.hosts[0]
    scale(client, host)
    is_right(lattice, client, view, 2)
    scale(client, host, 0)
    client.put_label(host.id, "colour", "red").raise_for_status()
    is_right(lattice, client, view, 2)

    assert kinds([next(changes)]) == ["HostChange ~"]
    with pytest.raises(WaitTimeout):
        next(changes)


# Lattice ----------------------------------------------------------------------------------------


def test_a_lattice_survives_json(lattice: PracticeLattice, client: Client, view: LatticeView) -> None:
    """from_dict makes of to_dict's values what they were made of."""
    started(client, lattice.hosts[0])
    is_right(lattice, client, view, 2)
    values = json.loads(json.dumps(view.lattice.to_dict()))

    again = Lattice.from_dict(values)

    assert again == view.lattice
    assert again.to_dict() == values
    assert (again.components, again.providers) == (view.components, view.providers)
    assert list(values) == ["hosts", "links"]
    assert [host["host_id"] for host in values["hosts"]] == sorted(view.hosts)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], "a lattice must be a mapping, not list"),
        ({}, r"\$\.hosts"),
        ({"hosts": {}}, r"\$\.hosts"),
        ({"hosts": [{"host_id": 5}]}, r"\$\.hosts\[0\]"),
        ({"hosts": [], "links": [{"source_id": "a"}]}, r"\$\.links\[0\]"),
        ({"hosts": [], "links": 5}, r"\$\.links"),
    ],
)
def test_what_is_no_lattice_is_refused(value: Any, words: str) -> None:
    """InvalidArgument with the path of what does not fit."""
    with pytest.raises(InvalidArgument, match=words):
        Lattice.from_dict(value)


def test_a_lattice_without_links_can_be_read() -> None:
    """As in a file that was written by hand. It equals no other kind of value."""
    lattice = Lattice.from_dict({"hosts": []})
    assert lattice == Lattice({}, ())
    assert lattice != {"hosts": [], "links": []}


def test_diff_is_of_both_directions(lattice: PracticeLattice, client: Client, view: LatticeView) -> None:
    """What has come one way has gone the other way."""
    before = view.lattice
    started(client, lattice.hosts[0])
    host = lattice.add_host()
    is_right(lattice, client, view, 3)
    after = view.lattice

    assert sorted(kinds(before.diff(after))) == [
        "ComponentChange +",
        "HostChange +",
        "HostChange ~",
        "LinkChange +",
        "ProviderChange +",
    ]
    assert sorted(kinds(after.diff(before))) == [
        "ComponentChange -",
        "HostChange -",
        "HostChange ~",
        "LinkChange -",
        "ProviderChange -",
    ]
    assert HostChange(before=None, after=after.hosts[host.id]) in before.diff(after)
    assert before != after
    assert after.diff(after) == []


# Sharing, and what it costs ---------------------------------------------------------------------


def test_views_share_one_subscription_and_one_copy(
    lattice: PracticeLattice, client: Client, view: LatticeView
) -> None:
    """A second view asks nobody, and shows the same."""
    lattice.settle()
    becomes_quiet(view)
    subscriptions, asked_before = len(session_of(client).subscriptions), operations(lattice)
    with client.watch(expected=2) as other:
        assert other.lattice == view.lattice
        assert len(session_of(client).subscriptions) == subscriptions
    assert operations(lattice) == asked_before
    scale(client, lattice.hosts[0])
    is_right(lattice, client, view, 2)
    assert list(other.components) == []


def test_a_view_that_is_made_while_another_one_is_made_shares_its_copy(lattice: PracticeLattice) -> None:
    """Two threads that watch at the same time, with different heartbeats."""
    for host in lattice.hosts:
        host.slow(0.2)
    with lattice.connect() as client:
        first = Calling(lambda: client.watch(expected=2, configs=True))
        lattice.wait_for_commands("host.ping")
        second = Calling(lambda: client.watch(expected=2, heartbeat=5.0, configs=True))
        views = [calling.end().result for calling in (first, second)]
        assert operations(lattice) == {"host.ping": 1, "link.get": 1, "host.get": 2}
        assert [len(view.hosts) for view in views if isinstance(view, LatticeView)] == [2, 2]


@pytest.mark.practice_lattice(hosts=20)
def test_answers_to_a_ping_that_has_ended_are_passed_over(
    practice_lattice: PracticeLattice, fast: Client
) -> None:
    """Of 20 hosts that answer at once, one is enough for ``expected=1``; refresh has them all."""
    with fast.watch(expected=1, quiet=0.25) as view:
        assert 1 <= len(view.hosts) <= 20
        with fast.watch(expected=20, quiet=0.25) as other:
            assert len(other.hosts) in range(1, 21)


def test_a_part_that_begins_without_a_connection_is_listed_with_the_next_one(
    own_server: PracticeServer,
) -> None:
    """The connection can be lost just when a view is made."""
    with PracticeLattice(1, server=own_server) as lattice, lattice.connect() as client:
        part = client._sender.shared.links()
        own_server.stop()
        wait_until(lambda: not client.connected, LONG)
        copy = part.get()
        assert copy.stale
        own_server.start()
        wait_until(lambda: not copy.stale, LONG)
        assert copy.picture == ()


def test_the_shortest_heartbeat_counts_while_its_view_is_open(
    lattice: PracticeLattice, client: Client, view: LatticeView
) -> None:
    """Hosts that beat more rarely than a view expects are asked; no longer when that view is closed."""
    with client.watch(expected=2, heartbeat=0.3):
        before = operations(lattice)["host.get"]
        lattice.wait_for_commands("host.get", before + 4, LONG)
    becomes_quiet(view)
    before = operations(lattice)["host.get"]
    time.sleep(1.0)  # more than three of the short intervals; no event says that nobody is asked
    assert operations(lattice)["host.get"] <= before + 2


@FAST
def test_an_idle_view_asks_at_most_once_an_interval(
    practice_lattice: PracticeLattice, fast: Client, fast_view: LatticeView
) -> None:
    """The links once an interval, and no host that beats."""
    becomes_quiet(fast_view)
    time.sleep(1.1)  # the clock alone says when the links are listed once more: after a second
    before = operations(practice_lattice)
    began = time.monotonic()
    practice_lattice.wait_for_commands("link.get", before["link.get"] + 4, LONG)
    passed = time.monotonic() - began
    found = operations(practice_lattice) - before

    assert passed >= 3 * BEAT
    assert found.keys() <= {"link.get", "host.get"}
    assert found["host.get"] <= passed / BEAT + 1


def test_reading_asks_nobody(lattice: PracticeLattice, client: Client, view: LatticeView) -> None:
    """However often."""
    lattice.settle()
    becomes_quiet(view)
    before = operations(lattice)
    for _ in range(200):
        view.lattice.to_dict()
        _ = view.hosts, view.components, view.providers, view.links, view.doubts, view.stale, view.as_of
        view.find_component("echo")
        repr(view)
    lattice.settle()
    assert operations(lattice) == before


def test_a_view_has_no_thread_of_its_own(lattice: PracticeLattice, client: Client) -> None:
    """The client's one thread keeps it."""
    client.get_hosts(expected=2)
    before = threading.active_count()
    with client.watch(expected=2, configs=True) as view:
        scale(client, lattice.hosts[0])
        is_right(lattice, client, view, 2)
        assert threading.active_count() == before
        assert library_threads() == ["wasmcloud_ctl"]


def test_many_threads_use_one_view(lattice: PracticeLattice, client: Client, view: LatticeView) -> None:
    """Each wait of many threads ends with its own lattice, while others read."""
    host = lattice.hosts[0]
    ended = threading.Event()

    def read() -> int:
        count = 0
        while not ended.is_set():
            shown = view.lattice
            assert shown == Lattice(shown.hosts, shown.links)
            assert shown.components == Lattice(shown.hosts).components
            count += 1
        return count

    def wait(count: int) -> int:
        def predicate(lattice: Lattice) -> bool:
            found = lattice.components.get("echo", {}).get(host.id)
            return found is not None and found.max_instances >= count

        return view.wait_until(predicate, LONG).components["echo"][host.id].max_instances

    readers = [Calling(read) for _ in range(4)]
    waits = [Calling(functools.partial(wait, count)) for count in range(1, 21)]
    for count in (5, 10, 20):
        scale(client, host, count)
    results = [waiting.end().result for waiting in waits]
    ended.set()
    counts = [reader.end().result for reader in readers]

    assert all(isinstance(found, int) and found >= count for count, found in enumerate(results, 1))
    assert all(isinstance(count, int) and count > 0 for count in counts)


def test_dropping_the_last_view_ends_its_subscription(lattice: PracticeLattice, client: Client) -> None:
    """A view that nobody refers to is kept current no longer, as if it were closed."""
    assert len(session_of(client).subscriptions) == 0
    view, other = client.watch(expected=2), client.watch(expected=2)
    subscribed = len(session_of(client).subscriptions)
    assert subscribed > 0
    view.close()
    del view
    gc.collect()
    assert len(session_of(client).subscriptions) == subscribed
    assert len(other.hosts) == 2
    del other
    gc.collect()
    wait_until(lambda: len(session_of(client).subscriptions) == 0, LONG)
    with client.watch(expected=2) as again:
        assert len(again.hosts) == 2


def test_a_dropped_iterator_costs_nothing(
    lattice: PracticeLattice, client: Client, view: LatticeView
) -> None:
    """Waits and iterators that have ended leave nothing behind."""
    for _ in range(50):
        view.changes()
        view.wait_until(lambda lattice: True, LONG)
    gc.collect()
    assert view._parts._waiting.alive() == []


def test_closing_a_sibling_ends_its_views_alone(
    lattice: PracticeLattice, client: Client, view: LatticeView
) -> None:
    """A view of for_lattice's client ends with that client; those of the others go on."""
    sibling = client.for_lattice(lattice.lattice)
    other = sibling.watch(expected=2)
    waiting = Calling(lambda: other.wait_until(lambda lattice: False, LONG))
    wait_until(lambda: len(other._parts._waiting.alive()) == 1, LONG)
    sibling.close()

    assert isinstance(waiting.end().error, ClosedError)
    assert (other.stale, len(other.hosts)) == (True, 2)
    scale(client, lattice.hosts[0])
    is_right(lattice, client, view, 2)
    assert list(view.components) == ["echo"]


def test_another_lattice_has_a_view_of_its_own(
    make_practice_lattice: Callable[..., PracticeLattice],
    lattice: PracticeLattice,
    client: Client,
    view: LatticeView,
) -> None:
    """Views of two lattices on one connection show each its own hosts."""
    blue = make_practice_lattice(hosts=1)
    with client.for_lattice(blue.lattice).watch(expected=1) as other:
        assert list(other.hosts) == [blue.hosts[0].id]
        assert view.hosts.keys() == {host.id for host in lattice.hosts}


# find_host --------------------------------------------------------------------------------------


def test_a_doubt_of_a_view_keeps_commands_with_wait_from_being_sent(
    lattice: PracticeLattice, client: Client, view: LatticeView
) -> None:
    """Another client has renamed what runs. A stop and a start are safe; then others are, too."""
    host_id = lattice.hosts[0].id
    client.scale_component(host_id, REFERENCE, "echo", 1, wait=LONG)
    with lattice.connect() as other:
        other.scale_component(host_id, OTHER, "echo", 2).raise_for_status()
    view.wait_until(lambda _: view.doubts, LONG)
    reason = f"the host shows {OTHER}, but by its events it runs {REFERENCE}. Stop it first, then start."
    with pytest.raises(OperationFailed, match=re.escape(reason)):
        client.scale_component(host_id, OTHER, "echo", 3, wait=LONG)
    with pytest.raises(OperationFailed, match=re.escape(reason)):
        client.update_component(host_id, "echo", OTHER, wait=LONG)
    assert client.scale_component(lattice.hosts[1].id, REFERENCE, "echo", 1, wait=LONG)

    client.stop_component(host_id, "echo", wait=LONG)
    client.scale_component(host_id, OTHER, "echo", 1, wait=LONG)
    assert client.scale_component(host_id, OTHER, "echo", 3, wait=LONG)


def test_find_host_ends_when_the_hosts_of_a_view_have_answered(lattice: PracticeLattice) -> None:
    """It does not wait for others: nobody but them is there."""
    with lattice.connect(auction_timeout=LONG) as client, client.watch(timeout=0.3) as view:
        becomes_quiet(view)
        begun = time.monotonic()
        found = client.find_host(lattice.hosts[1].friendly_name)
        assert time.monotonic() - begun < LONG / 2
        assert found.id == lattice.hosts[1].id
        with pytest.raises(NotFound, match="matches 'nope'"):
            client.find_host("nope")
        assert time.monotonic() - begun < LONG / 2


def test_find_host_waits_for_a_host_of_the_view_that_does_not_answer(lattice: PracticeLattice) -> None:
    """It runs to its limit then, and finds what has answered."""
    with lattice.connect() as client, client.watch(expected=2) as view:
        becomes_quiet(view)
        lattice.hosts[0].stall()
        begun = time.monotonic()
        assert client.find_host(lattice.hosts[1].friendly_name, timeout=0.5).id == lattice.hosts[1].id
        assert time.monotonic() - begun >= 0.5


def test_find_host_does_not_trust_a_stale_view(lattice: PracticeLattice) -> None:
    """It waits as without a view."""
    with lattice.connect(timeout=LONG) as client, client.watch(expected=2) as view:
        lattice.hosts[0].lose_replies(operation="host.get")
        client.put_label(lattice.hosts[0].id, "a", "b").raise_for_status()
        wait_until(lambda: view.stale, LONG)
        begun = time.monotonic()
        client.find_host(lattice.hosts[1].friendly_name, timeout=0.5)
        assert time.monotonic() - begun >= 0.5


# Permissions ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("denied", "subject"),
    [
        ('subscribe: { deny: ["wasmbus.evt.>"] }', "wasmbus.evt.default."),
        ('publish: { deny: ["*.*.*.*.host.ping"] }', "wasmbus.ctl.v1.default.host.ping"),
        ('publish: { deny: ["*.*.*.*.host.get.*"] }', "wasmbus.ctl.v1.default.host.get."),
        ('publish: { deny: ["*.*.*.*.link.get"] }', "wasmbus.ctl.v1.default.link.get"),
    ],
)
def test_what_the_permissions_deny_is_said_at_once(denied: str, subject: str) -> None:
    """A user who may not ask for the lattice, or not receive its events: PermissionDenied with the subject."""
    config = f"""authorization {{ users: [
        {{ user: host, password: pw }}
        {{ user: me, password: pw, permissions: {{ {denied} }} }}
    ] }}"""
    with (
        PracticeServer(config=config) as server,
        PracticeLattice(2, server=server, connect_options={"user": "host", "password": "pw"}) as lattice,
        lattice.connect(user="me", password="pw", timeout=LONG) as client,
    ):
        begun = time.monotonic()
        with pytest.raises(PermissionDenied) as caught:
            client.watch(expected=2)
        with pytest.raises(PermissionDenied):
            client.watch(expected=2)
        assert time.monotonic() - begun < LONG / 2
        assert caught.value.subject is not None
        assert caught.value.subject.startswith(subject)
        assert len(client.get_hosts(expected=2) if "ping" not in denied else "ab") == 2
