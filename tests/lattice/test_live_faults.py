"""The live view when things go wrong: what cannot be decoded, what is lost, and servers that restart."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator

import attrs
import pytest
from calling import Calling, wait_until
from internals import session_of
from listening import Listening
from live import LINK, LONG, PROVIDER, REFERENCE, becomes_quiet, is_right, operations
from proxy import Proxy
from storm import asked
from wire import arrive

from wasmcloud_ctl import Client, NoResponders, WaitTimeout
from wasmcloud_ctl._operations import live_hosts
from wasmcloud_ctl._transport import background
from wasmcloud_ctl.live import Change, LatticeView, LinkChange
from wasmcloud_ctl.testing import PracticeLattice, PracticeServer

BEAT = 0.5
FAST = pytest.mark.practice_lattice(hosts=2, heartbeat_interval=BEAT)


@pytest.fixture
def client(practice_lattice: PracticeLattice) -> Iterator[Client]:
    """A client of the lattice of ``practice_lattice``."""
    with practice_lattice.connect(quiet=0.25) as client:
        yield client


@pytest.fixture
def view(practice_lattice: PracticeLattice, client: Client) -> Iterator[LatticeView]:
    """A view of that lattice."""
    with client.watch(expected=len(practice_lattice.hosts), quiet=0.25, heartbeat=BEAT) as view:
        yield view


def encoded(name: str, data: object, source: object) -> bytes:
    """Return an event of any source, with any data."""
    content = {
        "specversion": "1.0",
        "id": "1",
        "source": source,
        "type": f"com.wasmcloud.lattice.{name}",
        "time": "2026-11-22T14:39:51Z",
        "data": data,
    }
    return json.dumps(content).encode()


def event(lattice: PracticeLattice, name: str, data: object, source: object) -> None:
    """Publish an event of any source, with any data."""
    lattice.publish(f"wasmbus.evt.{lattice.lattice}.{name}", encoded(name, data, source))


# What cannot be decoded -------------------------------------------------------------------------

SLOW_BEAT = pytest.mark.practice_lattice(hosts=2, heartbeat_interval=30.0)


@SLOW_BEAT
@pytest.mark.parametrize("payload", [b"no event", b"[]", b"{}", b'{"source": 5}', b'{"source": "a b"}'])
def test_an_event_that_cannot_be_read_has_all_hosts_asked(
    practice_lattice: PracticeLattice, client: Client, view: LatticeView, payload: bytes
) -> None:
    """It may be of any host: what no other event tells is shown then."""
    for host in practice_lattice.hosts:
        host.lose_events()
        client.scale_component(host.id, REFERENCE, "echo", 1).raise_for_status()
    practice_lattice.settle()
    assert view.components == {}
    with Listening() as log:
        practice_lattice.publish(f"wasmbus.evt.{practice_lattice.lattice}.component_scaled", payload)
        log.wait_for("an event was skipped, and all hosts are asked: ")
    found = view.wait_until(lambda lattice: len(lattice.components.get("echo", ())) == 2, LONG)
    assert found.components["echo"].keys() == {host.id for host in practice_lattice.hosts}
    is_right(practice_lattice, client, view, 2)


@SLOW_BEAT
def test_an_event_that_cannot_be_decoded_has_its_host_asked(
    practice_lattice: PracticeLattice, client: Client, view: LatticeView
) -> None:
    """Where its source can be read, the other hosts are left alone."""
    host = practice_lattice.hosts[0]
    host.lose_events()
    client.scale_component(host.id, REFERENCE, "echo", 1).raise_for_status()
    practice_lattice.settle()
    before = len(practice_lattice.commands)
    event(practice_lattice, "component_scaled", {"component_id": 5}, host.id)
    view.wait_until(lambda lattice: "echo" in lattice.components, LONG)
    is_right(practice_lattice, client, view, 2)
    requests = [command for command in practice_lattice.commands[before:] if command.operation == "host.get"]
    # Those of the comparison come last: one for each host.
    assert {command.host_id for command in requests[:-2]} == {host.id}


@SLOW_BEAT
def test_many_events_that_cannot_be_read_have_all_hosts_asked_twice_at_most(
    practice_lattice: PracticeLattice, client: Client, view: LatticeView
) -> None:
    """Once at once, and once more for those that came during that."""
    becomes_quiet(view)
    before = operations(practice_lattice)
    for _ in range(50):
        practice_lattice.publish(f"wasmbus.evt.{practice_lattice.lattice}.component_scaled", b"no event")
    practice_lattice.wait_for_commands("host.ping", before["host.ping"] + 1)
    becomes_quiet(view)
    assert (operations(practice_lattice) - before)["host.ping"] <= 3


@FAST
def test_an_inventory_that_cannot_be_decoded_is_asked_for_again(
    practice_lattice: PracticeLattice, client: Client, view: LatticeView
) -> None:
    """Until then the view is stale, and shows the last one."""
    host = practice_lattice.hosts[0]
    host.reply_with(b"{oops", operation="host.get")
    with Listening() as log:
        client.put_label(host.id, "colour", "red").raise_for_status()
        log.wait_for(f"the inventory of host {host.id} was skipped: ")
    assert view.stale
    assert "colour" not in view.hosts[host.id].labels
    host.recover()
    view.wait_until(lambda lattice: lattice.hosts[host.id].labels.get("colour") == "red", LONG)
    is_right(practice_lattice, client, view, 2)


@FAST
def test_an_inventory_of_another_host_is_asked_for_again(
    practice_lattice: PracticeLattice, client: Client, view: LatticeView
) -> None:
    """It says nothing of the host that was asked. Until then the view is stale."""
    host, other = practice_lattice.hosts
    before = view.lattice
    wrong = client.get_host_inventory(other.id).unwrap().to_dict()
    host.reply_with(
        json.dumps({"success": True, "message": "", "response": wrong}).encode(), operation="host.get"
    )
    with Listening() as log:
        event(practice_lattice, "component_scale_failed", {}, host.id)
        log.wait_for(f"the inventory of host {host.id} was skipped: it is the inventory of {other.id!r}")
    assert view.stale
    assert view.lattice == before
    host.recover()
    is_right(practice_lattice, client, view, 2)


@FAST
def test_an_answer_to_a_ping_that_cannot_be_decoded_keeps_the_view_stale(
    practice_lattice: PracticeLattice, client: Client
) -> None:
    """Nobody knows which host it is of. All are asked again every interval."""
    host = practice_lattice.hosts[0]
    host.reply_with(b"{oops", operation="host.ping")
    with Listening() as log, client.watch(heartbeat=BEAT) as view:
        assert view.stale
        log.forget()
        log.wait_for("a host's answer to a ping was skipped: ")
        assert view.stale
        host.recover()
        is_right(practice_lattice, client, view, 2)


@SLOW_BEAT
@pytest.mark.parametrize("name", ["linkdef_set", "linkdef_deleted", "config_set"])
def test_an_event_of_a_list_that_cannot_be_decoded_has_it_listed_again(
    practice_lattice: PracticeLattice, client: Client, name: str
) -> None:
    """Links and configs: the view has what no other event has told."""
    with client.watch(expected=2, quiet=0.25, configs=True) as view:
        for host in practice_lattice.hosts:
            host.lose_events()
        client.put_link(LINK).raise_for_status()
        client.put_config("web", {}).raise_for_status()
        practice_lattice.settle()
        practice_lattice.publish(f"wasmbus.evt.{practice_lattice.lattice}.{name}", b"no event")
        wait_until(
            lambda: (
                (view.links == (LINK,), view.configs == ("web",))
                == (name != "config_set", name == "config_set")
            ),
            LONG,
        )
        becomes_quiet(view)


@SLOW_BEAT
def test_events_of_other_kinds_on_a_subject_change_nothing(
    practice_lattice: PracticeLattice, client: Client
) -> None:
    """Whoever publishes them."""
    with client.watch(expected=2, quiet=0.25, configs=True) as view:
        before = view.lattice
        host = practice_lattice.hosts[0]
        subject = f"wasmbus.evt.{practice_lattice.lattice}"
        content = {
            "specversion": "1.0",
            "id": "1",
            "source": host.id,
            "type": "com.wasmcloud.lattice.something_new",
            "time": "2026-11-22T14:39:51Z",
            "data": {},
        }
        for name in ("linkdef_set", "config_set", "component_scaled"):
            practice_lattice.publish(f"{subject}.{name}", json.dumps(content).encode())
        client.put_config("after", {}).raise_for_status()
        wait_until(lambda: view.configs == ("after",), LONG)
        is_right(practice_lattice, client, view, 2)
        assert view.lattice == before


@FAST
def test_many_silent_hosts_are_asked_in_parts(
    practice_lattice: PracticeLattice,
    client: Client,
    view: LatticeView,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All of them are gone as soon as one alone would be."""
    monkeypatch.setattr(live_hosts, "_AT_ONCE", 1)
    for host in practice_lattice.hosts:
        host.kill()
    view.wait_until(lambda lattice: not lattice.hosts, LONG)
    becomes_quiet(view)


@SLOW_BEAT
def test_the_shortest_interval_is_for_configs_too(practice_lattice: PracticeLattice, client: Client) -> None:
    """A config of which no event tells is found when all are listed again."""
    for host in practice_lattice.hosts:
        host.lose_events()
    with client.watch(expected=2, configs=True) as view:
        client.put_config("web", {}).raise_for_status()
        with client.watch(expected=2, configs=True, heartbeat=BEAT):
            wait_until(lambda: view.configs == ("web",), LONG)


@SLOW_BEAT
def test_a_host_of_which_only_an_event_tells_is_not_shown(
    practice_lattice: PracticeLattice, client: Client, view: LatticeView
) -> None:
    """Nobody answers under its id: it is stale for a second, as a host that starts may be heard first."""
    event(practice_lattice, "component_scaled", scaled("N" * 56, REFERENCE, 1), "N" * 56)
    wait_until(lambda: view.stale, LONG)
    is_right(practice_lattice, client, view, 2)
    assert "N" * 56 not in view.hosts


def scaled(host_id: str, reference: str, count: int) -> dict[str, object]:
    """Return the data of a component_scaled."""
    return {
        "component_id": "echo",
        "host_id": host_id,
        "image_ref": reference,
        "max_instances": count,
        "annotations": {},
    }


@SLOW_BEAT
@pytest.mark.parametrize("count", [0, 7])
def test_an_event_that_the_inventory_contradicts_counts_for_a_second(
    practice_lattice: PracticeLattice, client: Client, view: LatticeView, count: int
) -> None:
    """The host may not have made the change yet. Then the inventory is believed."""
    host = practice_lattice.hosts[0]
    client.scale_component(host.id, REFERENCE, "echo", 1, wait=10)
    is_right(practice_lattice, client, view, 2)
    before, began = view.lattice, time.monotonic()
    event(practice_lattice, "component_scaled", scaled(host.id, REFERENCE, count), host.id)
    wait_until(lambda: view.stale, LONG)
    becomes_quiet(view)
    assert time.monotonic() - began >= 0.9
    assert view.lattice == before


# What is lost -----------------------------------------------------------------------------------


@FAST
def test_lost_events_are_mended_by_the_next_heartbeat(
    practice_lattice: PracticeLattice, client: Client, view: LatticeView
) -> None:
    """A heartbeat holds all that the host runs."""
    host = practice_lattice.hosts[0]
    host.lose_events("component_scaled", "provider_started", "labels_changed")
    client.scale_component(host.id, REFERENCE, "echo", 3).raise_for_status()
    client.start_provider(host.id, PROVIDER, "http").raise_for_status()
    client.put_label(host.id, "colour", "red").raise_for_status()
    practice_lattice.settle()
    view.wait_until(
        lambda lattice: (
            lattice.components.keys() == {"echo"}
            and lattice.providers.keys() == {"http"}
            and lattice.hosts[host.id].labels.get("colour") == "red"
        ),
        LONG,
    )
    is_right(practice_lattice, client, view, 2)


@FAST
def test_a_lost_stop_of_a_host_is_noticed(
    practice_lattice: PracticeLattice, client: Client, view: LatticeView
) -> None:
    """By its silence."""
    host = practice_lattice.hosts[0]
    host.lose_events("host_stopped")
    host.stop()
    view.wait_until(lambda lattice: host.id not in lattice.hosts, LONG)
    is_right(practice_lattice, client, view, 1)


@FAST
def test_lost_link_events_are_mended_within_an_interval(
    practice_lattice: PracticeLattice, client: Client, view: LatticeView
) -> None:
    """The links are listed once an interval."""
    for host in practice_lattice.hosts:
        host.lose_events()
    client.put_link(LINK).raise_for_status()
    wait_until(lambda: view.links == (LINK,), LONG)
    client.delete_link("echo", "default", "wasi", "http").raise_for_status()
    wait_until(lambda: view.links == (), LONG)


@SLOW_BEAT
def test_a_host_that_leaves_without_answering_is_gone(
    practice_lattice: PracticeLattice, client: Client, view: LatticeView
) -> None:
    """It has said that it stops, and answers nothing any more although it is still subscribed."""
    host = practice_lattice.hosts[0]
    host.lose_replies(operation="host.get")
    host.publish_event("host_stopped", {"labels": {}})
    wait_until(lambda: view.stale, LONG)
    practice_lattice.wait_for_commands("host.get", operations(practice_lattice)["host.get"] + 1)
    host.kill()
    view.wait_until(lambda lattice: host.id not in lattice.hosts, LONG)
    is_right(practice_lattice, client, view, 1)


@FAST
def test_a_host_that_says_that_it_stops_and_does_not_stays(
    practice_lattice: PracticeLattice, client: Client, view: LatticeView
) -> None:
    """Its next heartbeat shows that it goes on."""
    host = practice_lattice.hosts[0]
    host.publish_event("host_stopped", {"labels": {}})
    wait_until(lambda: view.stale, LONG)
    is_right(practice_lattice, client, view, 2)


@SLOW_BEAT
def test_dropped_messages_are_mended(
    practice_lattice: PracticeLattice, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A view that falls behind lists everything again. It is stale until then."""
    monkeypatch.setattr(background, "_MAXSIZE", 2)

    async def block() -> None:
        blocked()

    def blocked() -> None:
        # Meanwhile the events of another client's changes arrive, more than there is room for.
        for number in range(30):
            other.put_label(practice_lattice.hosts[number % 2].id, f"k{number}", "v").raise_for_status()
            other.put_link(attrs.evolve(LINK, name=f"n{number}")).raise_for_status()

    with practice_lattice.connect() as other, client.watch(expected=2, quiet=0.25) as view:
        becomes_quiet(view)
        client.run(block)
        copies = [watched.copy for watched in view._parts._all]
        wait_until(lambda: all(copy.background.queue.dropped for copy in copies), LONG)
        is_right(practice_lattice, client, view, 2)
        assert len(view.links) == 30
        assert (
            sum(
                len([key for key in host.labels if key[0] == "k" and key[1:].isdigit()])
                for host in view.hosts.values()
            )
            == 30
        )


@pytest.mark.practice_lattice(hosts=3, heartbeat_interval=30.0)
def test_a_host_whose_only_event_was_dropped_is_asked(
    practice_lattice: PracticeLattice, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything is listed, also what no other event is about."""
    monkeypatch.setattr(background, "_MAXSIZE", 2)
    first, second, third = practice_lattice.hosts

    async def block() -> None:
        blocked()

    def blocked() -> None:
        for key in ("a", "b"):
            other.put_label(first.id, key, "v").raise_for_status()
        other.put_label(second.id, "dropped", "v").raise_for_status()

    with practice_lattice.connect() as other, client.watch(expected=3, quiet=0.25) as view:
        becomes_quiet(view)
        client.run(block)
        view.wait_until(lambda lattice: "dropped" in lattice.hosts[second.id].labels, LONG)
        is_right(practice_lattice, client, view, 3)
        assert third.id in view.hosts


@SLOW_BEAT
def test_an_answer_that_is_older_than_the_last_event_is_no_proof(
    practice_lattice: PracticeLattice, client: Client, view: LatticeView
) -> None:
    """The host is asked once more, and the view is stale until it has answered that."""
    host = practice_lattice.hosts[0]
    becomes_quiet(view)
    before = operations(practice_lattice)["host.get"]
    host.stall()
    with Listening() as log:
        event(practice_lattice, "component_scaled", {"component_id": 5}, host.id)
        practice_lattice.wait_for_commands("host.get", before + 1)
        practice_lattice.publish("after.the.answer.was.made", b"")
        host.simulated.labels["colour"] = "red"  # a stalled host takes no command
        log.forget()
        event(practice_lattice, "component_scaled", {"component_id": 5}, host.id)
        log.wait_for(f"host {host.id} is asked")
    host.resume()
    becomes_quiet(view)
    assert view.hosts[host.id].labels["colour"] == "red"


# A connection that is lost ----------------------------------------------------------------------


@pytest.fixture
def proxy(practice_lattice: PracticeLattice) -> Iterator[Proxy]:
    """A way to the server that can be cut."""
    with Proxy(int(practice_lattice.url.rpartition(":")[2])) as proxy:
        yield proxy


@FAST
def test_what_changed_while_the_connection_was_lost_is_shown(
    practice_lattice: PracticeLattice, client: Client, proxy: Proxy
) -> None:
    """Everything: a start, a stop, a label, a link, a host that came and one that went."""
    first, second = practice_lattice.hosts
    client.scale_component(first.id, REFERENCE, "old", 1, wait=10)
    with (
        practice_lattice.connect(proxy.url, quiet=0.25) as cut_off,
        cut_off.watch(heartbeat=BEAT) as view,
    ):
        assert list(view.components) == ["old"]
        proxy.silence()
        client.scale_component(first.id, REFERENCE, "old", 0, wait=10)
        client.scale_component(first.id, REFERENCE, "echo", 2, wait=10)
        client.put_label(first.id, "colour", "red").raise_for_status()
        client.put_link(LINK, wait=10)
        second.stop()
        third = practice_lattice.add_host()
        proxy.cut()
        wait_until(lambda: view.stale, LONG)
        assert list(view.components) == ["old"]
        proxy.resume()
        found = view.wait_until(lambda lattice: lattice.hosts.keys() == {first.id, third.id}, LONG)
        assert list(found.components) == ["echo"]
        assert found.links == (LINK,)
        is_right(practice_lattice, client, view, 2)


def test_after_a_restart_of_the_server_the_view_is_right_again(own_server: PracticeServer) -> None:
    """Hosts come back late: they are not gone meanwhile."""
    with (
        PracticeLattice(2, server=own_server, heartbeat_interval=BEAT) as lattice,
        lattice.connect(quiet=0.25) as client,
        client.watch(expected=2, quiet=0.25, heartbeat=BEAT, configs=True) as view,
    ):
        client.scale_component(lattice.hosts[0].id, REFERENCE, "echo", 2, wait=10)
        client.put_link(LINK, wait=10)
        client.put_config("web", {}).raise_for_status()
        is_right(lattice, client, view, 2)
        before = view.lattice
        own_server.restart()
        wait_until(lambda: view.stale, LONG)
        end = time.monotonic() + LONG
        while view.stale:
            assert view.lattice == before
            assert time.monotonic() < end
            time.sleep(0.005)  # the picture must be right at each moment, and no event tells of these
        assert view.lattice == before
        assert view.configs == ("web",)
        client.put_label(lattice.hosts[0].id, "colour", "red").raise_for_status()
        view.wait_until(lambda lattice: lattice != before, LONG)


def test_a_host_that_does_not_come_back_after_a_restart_is_gone(own_server: PracticeServer) -> None:
    """It has 1.5 intervals to come back."""
    with (
        PracticeLattice(1, server=own_server, heartbeat_interval=BEAT) as staying,
        PracticeLattice(1, server=own_server, heartbeat_interval=BEAT) as leaving,
        # The ping is over when the host is given up. Then all are asked who they are once more.
        staying.connect(quiet=0.25, auction_timeout=0.3) as client,
        client.watch(expected=2, heartbeat=BEAT) as view,
    ):
        assert len(view.hosts) == 2
        own_server.kill()
        wait_until(lambda: view.stale, LONG)
        leaving.close()
        own_server.start()
        back = time.monotonic()
        found = view.wait_until(lambda lattice: len(lattice.hosts) == 1, LONG)
        assert list(found.hosts) == [staying.hosts[0].id]
        assert time.monotonic() - back >= BEAT
        becomes_quiet(view)


def test_a_connection_that_is_lost_before_the_first_picture_ends_watch_in_time(
    own_server: PracticeServer,
) -> None:
    """WaitTimeout says what has not come."""
    with (
        PracticeLattice(1, server=own_server) as lattice,
        lattice.connect(timeout=0.5, auction_timeout=0.5) as client,
    ):
        lattice.hosts[0].stall()
        watching = Calling(client.watch)
        lattice.wait_for_commands("host.ping")
        own_server.kill()
        error = watching.end().error
    assert isinstance(error, WaitTimeout)
    assert str(error) == "the lattice was not listed in time: answers to a ping"


def test_a_host_that_started_while_the_server_was_away_is_found(own_server: PracticeServer) -> None:
    """Its start was never heard."""
    with (
        PracticeLattice(1, server=own_server, heartbeat_interval=30.0) as lattice,
        lattice.connect(quiet=0.25) as client,
        client.watch(expected=1, quiet=0.25, heartbeat=1.0) as view,
    ):
        with Listening() as log:
            own_server.kill()
            wait_until(lambda: view.stale, LONG)
            own_server.start()
            other = PracticeLattice(1, server=own_server, heartbeat_interval=30.0)
            with other:
                view.wait_until(lambda lattice: len(lattice.hosts) == 2, LONG)
                becomes_quiet(view)
                log.wait_for("connected")
                assert view.hosts.keys() == {lattice.hosts[0].id, other.hosts[0].id}


def test_a_server_that_is_away_for_long_loses_no_host(own_server: PracticeServer) -> None:
    """Nobody can be heard meanwhile, so nobody is gone."""
    with (
        PracticeLattice(2, server=own_server, heartbeat_interval=0.3) as lattice,
        lattice.connect(quiet=0.25) as client,
        client.watch(expected=2, quiet=0.25, heartbeat=0.3) as view,
    ):
        own_server.kill()
        wait_until(lambda: view.stale, LONG)
        time.sleep(5 * 0.3)  # longer than a silent host is kept; without a server no event can come
        assert len(view.hosts) == 2
        assert view.stale
        own_server.start()
        end = time.monotonic() + LONG
        while view.stale:
            assert len(view.hosts) == 2
            assert time.monotonic() < end
            time.sleep(0.005)  # the picture must be right at each moment, and no event tells of these
        assert len(view.hosts) == 2


# Links ------------------------------------------------------------------------------------------


@SLOW_BEAT
def test_a_list_from_a_host_that_lags_is_not_believed(
    practice_lattice: PracticeLattice, client: Client, view: LatticeView
) -> None:
    """A link that an event told of is shown at once, and stays; the view is stale until a list shows it."""
    practice_lattice.lag_memory(0.5)
    began = threading.Event()

    def read() -> list[Change]:
        changes = view.changes()
        began.set()
        return list(changes)

    reading = Calling(read)
    assert began.wait(LONG)
    client.put_link(LINK).raise_for_status()
    wait_until(lambda: view.links == (LINK,), LONG)
    is_right(practice_lattice, client, view, 2)
    view.close()

    assert reading.end().result == [LinkChange(before=None, after=LINK)]


@SLOW_BEAT
def test_an_event_about_a_link_that_is_not_there_is_not_believed_for_long(
    practice_lattice: PracticeLattice, client: Client, view: LatticeView
) -> None:
    """The list is the proof: an overwritten change disappears, and the view is stale until it does."""
    fields = attrs.asdict(LINK)
    practice_lattice.hosts[0].publish_event("linkdef_set", fields)
    wait_until(lambda: view.links == (LINK,), LONG)
    assert view.stale
    wait_until(lambda: view.links == (), LONG)
    becomes_quiet(view)
    assert view.links == ()


@pytest.mark.practice_lattice(hosts=2, version="1.2.1")
def test_deletions_without_a_target_are_looked_up(
    practice_lattice: PracticeLattice, client: Client, view: LatticeView
) -> None:
    """Of two links of one name, only the hosts know which one is deleted."""
    other = attrs.evolve(LINK, target="other")
    for link in (LINK, other):
        client.put_link(link, wait=10)
    is_right(practice_lattice, client, view, 2)
    client.delete_link("echo", "default", "wasi", "http").raise_for_status()
    wait_until(lambda: view.links == (other,), LONG)
    is_right(practice_lattice, client, view, 2)
    client.delete_link("echo", "default", "wasi", "http").raise_for_status()
    wait_until(lambda: view.links == (), LONG)
    client.delete_link("echo", "absent", "wasi", "http").raise_for_status()
    is_right(practice_lattice, client, view, 2)


@SLOW_BEAT
def test_refresh_waits_for_links_that_were_asked_for_after_it(
    practice_lattice: PracticeLattice, client: Client
) -> None:
    """The list that was in flight may be older than the call."""
    with client.watch(expected=2, quiet=0.25) as view:
        before = operations(practice_lattice)["link.get"]
        for host in practice_lattice.hosts:
            host.slow(0.5)
        first = Calling(view.refresh)
        practice_lattice.wait_for_commands("link.get", before + 1)
        view.refresh()
        assert operations(practice_lattice)["link.get"] >= before + 2
        assert first.end().error is None
        for host in practice_lattice.hosts:
            host.recover()
        is_right(practice_lattice, client, view, 2)


@SLOW_BEAT
def test_cached_links_are_right_while_many_events_wait_to_be_handled(
    practice_lattice: PracticeLattice, client: Client
) -> None:
    """What has arrived before the call counts."""
    for host in practice_lattice.hosts:
        host.lose_events()
    subject, source = f"wasmbus.evt.{practice_lattice.lattice}", practice_lattice.hosts[0].id
    with practice_lattice.connect(cache_links=True) as cached:
        assert cached.get_links().data == []
        client.put_link(LINK).raise_for_status()

        async def publish_all() -> None:
            nats_client = cached.nats_client
            for number in range(3000):
                absent = attrs.evolve(LINK, name=f"absent-{number}").to_dict()
                content = encoded("linkdef_deleted", absent, source)
                await nats_client.publish(f"{subject}.linkdef_deleted", content)
            await nats_client.publish(
                f"{subject}.linkdef_set", encoded("linkdef_set", LINK.to_dict(), source)
            )
            await arrive(nats_client)

        cached.run(publish_all)
        assert cached.get_links().data == [LINK]


@FAST
def test_the_last_host_takes_the_links_with_it_and_the_next_one_has_them(
    practice_lattice: PracticeLattice, client: Client, view: LatticeView
) -> None:
    """Without hosts nobody lists links: the view is empty, and not stale. A host that starts shows them again."""
    client.put_link(LINK, wait=10)
    for host in practice_lattice.hosts:
        host.stop()
    wait_until(lambda: (view.hosts, view.links) == ({}, ()), LONG)
    becomes_quiet(view)
    practice_lattice.add_host()
    wait_until(lambda: (len(view.hosts), view.links) == (1, (LINK,)), LONG)
    is_right(practice_lattice, client, view, 1)


# Configs and applications -----------------------------------------------------------------------


def test_without_jetstream_a_view_with_configs_says_so() -> None:
    """NoResponders that names js_domain; a view without configs needs no JetStream."""
    with PracticeLattice(1) as lattice, lattice.connect(js_domain="nowhere") as client:
        with pytest.raises(NoResponders, match="js_domain"):
            client.watch(expected=1, configs=True)
        with client.watch(expected=1) as view:
            assert len(view.hosts) == 1


def test_without_wadm_a_view_with_applications_says_so(
    make_practice_lattice: Callable[..., PracticeLattice],
) -> None:
    """NoResponders that names the API, as list_manifests raises it."""
    lattice = make_practice_lattice()
    with lattice.connect() as client:
        with pytest.raises(NoResponders) as listed:
            client.wadm.list_manifests()
        with pytest.raises(NoResponders) as watched:
            client.watch(expected=1, applications=True)
    assert str(watched.value) == str(listed.value)


@pytest.mark.practice_lattice(hosts=1, heartbeat_interval=BEAT, wadm=True)
def test_a_wadm_that_is_away_makes_the_view_stale(practice_lattice: PracticeLattice, client: Client) -> None:
    """Until it is back. The last applications can be read meanwhile."""
    with client.watch(expected=1, quiet=0.25, heartbeat=BEAT, applications=True) as view:
        becomes_quiet(view)
        practice_lattice.wadm.stop()
        wait_until(lambda: view.stale, 10 * BEAT)
        assert view.applications == {}
        practice_lattice.wadm.start()
        becomes_quiet(view)


@SLOW_BEAT
def test_nothing_is_left_of_a_view_that_could_not_be_made(practice_lattice: PracticeLattice) -> None:
    """Neither a subscription nor a request."""
    for host in practice_lattice.hosts:
        host.lose_replies(operation="link.get")
    with practice_lattice.connect(timeout=0.2) as client:
        with pytest.raises(TimeoutError):
            client.watch(expected=2, timeout=0.2)
        wait_until(lambda: len(session_of(client).subscriptions) == 0, LONG)
        practice_lattice.hosts[0].recover()
        practice_lattice.hosts[1].recover()
        with client.watch(expected=2, quiet=0.25) as view:
            assert view.lattice.diff(asked(client, 2)) == []
