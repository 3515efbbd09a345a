"""Hosts, JetStream and servers that answer oddly, late or twice, and what else hardly ever happens."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from calling import Calling, wait_until
from fake_nats import Conversation, FakeNats
from internals import session_of, transport_of
from listening import Listening
from refusals import refusal
from wire import arrive

import wasmcloud_ctl
from wasmcloud_ctl import (
    AuthError,
    Client,
    ClosedError,
    ConnectError,
    DecodeError,
    Link,
    NoResponders,
    NotConnectedError,
    OperationRejected,
    PermissionDenied,
    RequestTimeout,
    WaitTimeout,
)
from wasmcloud_ctl._bridge.handover import MessageQueue
from wasmcloud_ctl._operations import live_list
from wasmcloud_ctl._protocol import codec as _codec
from wasmcloud_ctl._transport import dialling
from wasmcloud_ctl._transport import session as session_module
from wasmcloud_ctl.testing import PracticeLattice, PracticeServer

LINK = Link("echo", "http", "wasi", "http", ["incoming-handler"])


@pytest.fixture
def asking(practice_server: PracticeServer) -> Iterator[Client]:
    """A client of a lattice without hosts, in a JetStream domain that nobody has."""
    lattice = f"test-{uuid.uuid4().hex}"
    with wasmcloud_ctl.connect(practice_server.url, lattice=lattice, js_domain="x") as client:
        yield client


@pytest.fixture
def answering(practice_server: PracticeServer, asking: Client) -> Iterator[Client]:
    """Another client, whose loop answers."""
    with wasmcloud_ctl.connect(practice_server.url, lattice=asking.lattice) as client:
        yield client


def answer(answering: Client, subject: str, *answers: bytes | list[bytes], delay: float = 0.0) -> None:
    """Have requests answered in turn, the last answer again and again. A list is several, and may be none."""

    async def listen() -> None:
        nats_client = answering.nats_client
        left = list(answers)

        async def on_request(message: Any) -> None:
            given = left.pop(0) if len(left) > 1 else left[0]
            await asyncio.sleep(delay)
            for one in given if isinstance(given, list) else [given]:
                await nats_client.publish(message.reply, one)

        await nats_client.subscribe(subject, cb=on_request)
        await arrive(nats_client)

    answering.run(listen)


def succeeded(response: object) -> bytes:
    return json.dumps({"success": True, "message": "", "response": response}).encode()


# The bucket of the configs ------------------------------------------------------------------------------


def stream(client: Client, operation: str) -> str:
    return f"$JS.x.API.STREAM.{operation}.KV_CONFIGDATA_{client.lattice}"


def keys(client: Client, *names: str, total: int) -> bytes:
    subjects = {f"$KV.CONFIGDATA_{client.lattice}.{name}": 1 for name in names}
    return json.dumps({"state": {"subjects": subjects}, "total": total}).encode()


FOUND = b'{"message": {"subject": "a", "seq": 1}}'
NOT_FOUND = b'{"error": {"code": 404, "description": "no message found"}}'


def test_a_lattice_without_a_bucket_has_no_configs(practice_server: PracticeServer) -> None:
    """Where no host has made the bucket yet, there is no config."""
    with wasmcloud_ctl.connect(practice_server.url, lattice=f"test-{uuid.uuid4().hex}") as client:
        assert client.list_configs() == []


def test_names_that_come_in_pages_are_all_listed(asking: Client, answering: Client) -> None:
    """JetStream tells so many at a time; one that was deleted meanwhile is left out."""
    pages = (keys(asking, "b", "gone", total=3), keys(asking, "a", total=3))
    answer(answering, stream(asking, "INFO"), *pages)
    answer(answering, stream(asking, "MSG.GET"), FOUND, NOT_FOUND, FOUND)

    assert asking.list_configs() == ["a", "b"]


def config_event(answering: Client, payload: bytes) -> None:
    """Publish what should be an event about a config."""

    async def publish() -> None:
        await answering.nats_client.publish(f"wasmbus.evt.{answering.lattice}.config_set", payload)
        await arrive(answering.nats_client)

    answering.run(publish)


def config_set(name: str) -> bytes:
    return json.dumps(
        {
            "specversion": "1.0",
            "id": "1",
            "source": "NA",
            "type": "com.wasmcloud.lattice.config_set",
            "time": "2026-11-22T14:39:51Z",
            "data": {"config_name": name},
        }
    ).encode()


def test_a_view_has_names_that_come_in_pages(asking: Client, answering: Client) -> None:
    """As list_configs has them."""
    pages = (keys(asking, "b", total=2), keys(asking, "a", total=2))
    answer(answering, stream(asking, "INFO"), *pages)
    answer(answering, stream(asking, "MSG.GET"), FOUND)

    with asking.watch(configs=True) as view:
        assert view.configs == ("a", "b")


def test_a_config_that_changes_while_it_is_asked_for_is_asked_for_again(
    asking: Client, answering: Client
) -> None:
    """The first answer may be older than the last change. The view is stale until then."""
    answer(answering, stream(asking, "INFO"), keys(asking, "a", total=1))
    answer(answering, stream(asking, "MSG.GET"), FOUND, FOUND, NOT_FOUND, delay=0.2)

    with asking.watch(configs=True) as view:
        assert list(view.configs) == ["a"]
        config_event(answering, config_set("a"))
        wait_until(lambda: view.stale)
        config_event(answering, config_set("a"))
        wait_until(lambda: not view.stale)
        assert list(view.configs) == []


def test_configs_whose_event_cannot_be_read_while_they_are_listed_are_listed_once_more(
    asking: Client, answering: Client
) -> None:
    """However many such events come."""
    before, after = keys(asking, "a", total=1), keys(asking, "a", "b", total=2)
    answer(answering, stream(asking, "INFO"), before, before, after, delay=0.2)
    answer(answering, stream(asking, "MSG.GET"), FOUND)

    with asking.watch(configs=True) as view:
        assert list(view.configs) == ["a"]
        for _ in range(5):
            config_event(answering, b"no event")
        wait_until(lambda: list(view.configs) == ["a", "b"])
        wait_until(lambda: not view.stale)


@pytest.mark.parametrize("operation", ["INFO", "MSG.GET"])
def test_a_view_of_configs_that_cannot_be_decoded_is_not_made(
    asking: Client, answering: Client, operation: str
) -> None:
    """The error is the one of list_configs; later the view can be made."""
    answers = {"INFO": keys(asking, "a", total=1), "MSG.GET": FOUND}
    for name, last in answers.items():
        answer(answering, stream(asking, name), *([b"[]"] if name == operation else []), last)

    with pytest.raises(DecodeError):
        asking.watch(configs=True)
    with asking.watch(configs=True) as view:
        assert view.configs == ("a",)


def test_configs_that_cannot_be_listed_again_make_a_view_stale(asking: Client, answering: Client) -> None:
    """They are asked for until they can be; the last names are shown meanwhile."""
    found = keys(asking, "a", total=1)
    answer(answering, stream(asking, "INFO"), found, b"[]", found)
    answer(answering, stream(asking, "MSG.GET"), FOUND)

    with asking.watch(configs=True) as view:
        config_event(answering, b"no event")
        wait_until(lambda: view.stale)
        assert list(view.configs) == ["a"]
        wait_until(lambda: not view.stale)
        assert list(view.configs) == ["a"]


def test_jetstream_that_is_silent_ends_a_watch(asking: Client, answering: Client) -> None:
    """The error names its subject."""
    answer(answering, stream(asking, "INFO"), [])

    with pytest.raises(TimeoutError, match=r"STREAM\.INFO"):
        asking.watch(configs=True, timeout=0.2)


@pytest.mark.parametrize(
    ("told", "kind", "words"),
    [
        (
            {"error": {"code": 503, "description": "no space"}},
            OperationRejected,
            "JetStream refused: no space",
        ),
        ({"error": "no"}, OperationRejected, "JetStream refused: no"),
        ([], DecodeError, "JetStream's response is not an object"),
        ({"state": {"subjects": ["a"]}}, DecodeError, "JetStream's response has no subjects"),
    ],
)
def test_what_jetstream_says_instead_of_names_is_told(
    asking: Client, answering: Client, told: object, kind: type[Exception], words: str
) -> None:
    """A refusal is one, and what cannot be read is no empty list."""
    answer(answering, stream(asking, "INFO"), json.dumps(told).encode())

    with pytest.raises(kind, match=words):
        asking.list_configs()


def test_names_that_jetstream_does_not_answer_for_are_a_timeout(asking: Client, answering: Client) -> None:
    """A list is whole, or there is none."""
    answer(answering, stream(asking, "INFO"), keys(asking, "a", "b", total=2))
    answer(answering, stream(asking, "MSG.GET"), FOUND, [])

    with pytest.raises(RequestTimeout, match="did not answer for all of 2 configs"):
        asking.list_configs(timeout=0.3)


def test_a_jetstream_that_does_not_answer_is_a_timeout_that_names_it(
    asking: Client, answering: Client
) -> None:
    """No host is involved, so the error speaks of none."""
    answer(answering, stream(asking, "INFO"), [])

    with pytest.raises(RequestTimeout) as caught:
        asking.list_configs(timeout=0.3)
    subject = stream(asking, "INFO")
    assert (caught.value.subject, caught.value.sent) == (subject, True)
    assert str(caught.value) == (
        f"JetStream did not answer on {subject} in time: try again, or with a longer timeout"
    )


def test_names_that_nobody_answers_for_are_no_list(asking: Client, answering: Client) -> None:
    """A bucket that goes away between the questions is told."""
    answer(answering, stream(asking, "INFO"), keys(asking, "a", total=1))

    with pytest.raises(NoResponders):
        asking.list_configs()


# Gathers ------------------------------------------------------------------------------------------------


def ping(client: Client) -> str:
    return f"wasmbus.ctl.v1.{client.lattice}.host.ping"


def test_what_has_come_when_the_time_is_over_is_taken(
    asking: Client, answering: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers that wait to be read at the end of a gather count; with nothing there it just ends."""
    decode = _codec.decode_response

    def decode_slowly(*arguments: Any) -> Any:
        time.sleep(0.05)  # the slow reader: it takes 1 s for 20 replies, and the gather ends after 0.7 s
        return decode(*arguments)

    silent = asking.for_lattice("silent")
    answer(answering, ping(asking), [succeeded({"id": f"N{number}"}) for number in range(20)])
    answer(answering, ping(silent), [])
    monkeypatch.setattr(_codec, "decode_response", decode_slowly)

    assert len(asking.get_hosts(timeout=0.7)) == 20
    assert len(silent.get_hosts(timeout=1e-9)) == 0


def test_a_refused_ping_raises_where_refusals_do(
    practice_server: PracticeServer, asking: Client, answering: Client
) -> None:
    """With check=True a refusal among the answers of a gather is OperationRejected."""
    answer(answering, ping(asking), b'{"success": false, "message": "not now"}')
    with (
        wasmcloud_ctl.connect(practice_server.url, lattice=asking.lattice, check=True) as checking,
        pytest.raises(OperationRejected, match="not now"),
    ):
        checking.get_hosts(expected=1)


def test_odd_answers_to_the_ping_before_inventories(asking: Client, answering: Client) -> None:
    """One that cannot be read counts; a host that answers twice is asked once, and one too many is not."""
    inventory = {"host_id": "NA", "components": [], "providers": []}
    host = succeeded({"id": "NA"})
    answer(answering, ping(asking), [b"{oops", host, host, succeeded({"id": "NB"})])
    answer(answering, f"wasmbus.ctl.v1.{asking.lattice}.host.get.NA", succeeded(inventory), delay=0.1)

    inventories = asking.get_host_inventories(expected=2, timeout=2)

    assert list(inventories.data) == ["NA"]
    assert inventories.errors == {}
    assert [one.raw for one in inventories.undecodable] == [b"{oops"]
    assert inventories.raise_for_status() is inventories


def test_a_host_that_is_named_twice_is_asked_once(asking: Client, answering: Client) -> None:
    """An id that stands twice among those to ask is one question."""
    refused = b'{"success": false, "message": "once"}'
    answer(answering, f"wasmbus.ctl.v1.{asking.lattice}.host.get.NA", refused, [])

    inventories = asking.get_host_inventories(["NA", "NA"], timeout=0.5)

    assert {host_id: str(error) for host_id, error in inventories.errors.items()} == {
        "NA": "the host refused: once"
    }


def test_inventories_end_a_quiet_moment_after_the_last_ping(asking: Client, answering: Client) -> None:
    """With nobody left to ask, quiet ends the whole of it; a host that answers twice is one."""
    answer(answering, ping(asking), [succeeded({"id": "NA"})] * 2)
    answer(
        answering,
        f"wasmbus.ctl.v1.{asking.lattice}.host.get.NA",
        succeeded({"host_id": "NA", "components": [], "providers": []}),
    )

    inventories = asking.get_host_inventories(quiet=0.2, timeout=5)

    assert list(inventories.data) == ["NA"]
    assert 0.2 <= inventories.elapsed < 2


def test_a_connection_that_is_lost_while_inventories_are_asked_for() -> None:
    """The gather ends with it, for nobody knows who would have answered."""
    with PracticeServer() as server, PracticeLattice(server=server) as lattice, lattice.connect() as client:

        def kill(_: object) -> None:
            asyncio.get_running_loop().call_soon(server.kill)

        answering = client.for_lattice("other")
        client.run(lambda: answering.nats_client.subscribe(ping(client), cb=_later(kill)))
        lattice.hosts[0].lose_replies()
        with pytest.raises(NotConnectedError):
            client.get_host_inventories(timeout=5)


def _later(act: Callable[[object], None]) -> Callable[[Any], Any]:
    async def on_message(message: Any) -> None:
        act(message)

    return on_message


# The copy of the links ----------------------------------------------------------------------------------


def test_a_siblings_copy_ends_with_the_sibling(practice_lattice: PracticeLattice) -> None:
    """Closing a client of another lattice ends the subscription of its copy, and nothing else."""
    with practice_lattice.connect(cache_links=True) as client:
        sibling = client.for_lattice(practice_lattice.lattice)
        assert client.get_links().data == sibling.get_links().data == []
        subscriptions = session_of(client).subscriptions
        assert len(subscriptions) == 2
        sibling.close()
        client.put_link(LINK)  # on the loop after what closing has posted there

        assert len(subscriptions) == 1
        assert client.get_links().data == [LINK]
        with pytest.raises(ClosedError, match="the client is closed"):
            sibling.get_links()


def test_a_copy_is_made_anew_after_an_event_that_cannot_be_read(practice_lattice: PracticeLattice) -> None:
    """What was told may be of any link, so a host is asked again."""
    with practice_lattice.connect(cache_links=True) as client:
        assert client.get_links().data == []
        host = practice_lattice.hosts[0]
        host.lose_events()
        with practice_lattice.connect() as other:
            other.put_link(LINK)
        practice_lattice.settle()
        assert client.get_links().data == []
        asked = len(practice_lattice.wait_for_commands("link.get"))
        with client.events_receiver("linkdef_set") as events:
            practice_lattice.publish(f"wasmbus.evt.{practice_lattice.lattice}.linkdef_set", b"{oops")
            host.recover()
            host.publish_event("linkdef_set", {**LINK.to_dict(), "source_id": "other"})
            assert events.get(5).name == "linkdef_set"
            assert client.get_links().unwrap()[0] == LINK

        assert len(practice_lattice.wait_for_commands("link.get")) > asked


def test_a_sibling_that_never_asked_has_no_copy_to_end(practice_lattice: PracticeLattice) -> None:
    """Closing it does no harm."""
    with practice_lattice.connect(cache_links=True) as client:
        sibling = client.for_lattice(practice_lattice.lattice)
        sibling.close()

        assert client.get_links().data == []


def test_another_kind_of_event_on_a_links_subject_is_passed_over(
    practice_lattice: PracticeLattice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says nothing of a link, and no host is asked."""
    monkeypatch.setattr(live_list, "LAG_SECONDS", 60.0)  # when the copy is made again
    with practice_lattice.connect(cache_links=True) as client:
        client.put_link(LINK)
        assert client.get_links().data == [LINK]
        asked = len(practice_lattice.wait_for_commands("link.get"))
        with client.events_receiver("linkdef_set") as events:
            practice_lattice.publish(
                f"wasmbus.evt.{practice_lattice.lattice}.linkdef_set",
                json.dumps(
                    {
                        "specversion": "1.0",
                        "id": "1",
                        "source": "NA",
                        "type": "com.wasmcloud.lattice.config_set",
                        "time": "2026-11-22T14:39:51Z",
                        "data": {"config_name": "web"},
                    }
                ).encode(),
            )
            assert events.get(5).name == "config_set"

        assert client.get_links().data == [LINK]
        assert len(practice_lattice.wait_for_commands("link.get")) == asked


def test_a_thread_does_not_wait_for_the_answer_to_another_one(practice_lattice: PracticeLattice) -> None:
    """While another thread waits for the copy, a question is one of its own, and ends in its time."""
    host = practice_lattice.hosts[0]
    host.stall()
    with practice_lattice.connect(cache_links=True, timeout=15) as client:
        other = Calling(lambda: client.get_links().data)
        practice_lattice.wait_for_commands("link.get")
        with pytest.raises(RequestTimeout) as caught:
            client.get_links(timeout=0.05)
        host.resume()
        assert other.end().result == []

    assert caught.value.sent
    assert str(caught.value) == (
        f"no answer to wasmbus.ctl.v1.{practice_lattice.lattice}.link.get within 0.05 s; the responder may be "
        "stopped or slow: try again, or with a longer timeout"
    )


def test_a_copy_that_is_not_answered_is_a_request_timeout(practice_lattice: PracticeLattice) -> None:
    """The question was sent then, and the error says so."""
    practice_lattice.hosts[0].lose_replies(operation="link.get")
    with practice_lattice.connect(cache_links=True) as client:
        with pytest.raises(RequestTimeout) as caught:
            client.get_links(timeout=0.3)
        practice_lattice.wait_for_commands("link.get")
        assert caught.value.sent


def test_after_a_question_in_vain_the_next_one_asks_again(practice_lattice: PracticeLattice) -> None:
    """It does not wait for the answer that the first one has given up."""
    host = practice_lattice.hosts[0]
    host.lose_replies(operation="link.get")
    with practice_lattice.connect(cache_links=True, timeout=15) as client:
        with pytest.raises(RequestTimeout):
            client.get_links(timeout=0.1)
        practice_lattice.wait_for_commands("link.get")
        host.recover()
        assert client.get_links(timeout=2).data == []


def test_without_hosts_a_copy_cannot_be_made(practice_server: PracticeServer) -> None:
    """NoResponders at once, as without a copy; and the links, as soon as there is a host."""
    name = f"test-{uuid.uuid4().hex}"
    with wasmcloud_ctl.connect(practice_server.url, lattice=name, cache_links=True, timeout=15) as client:
        for _ in range(3):
            with pytest.raises(NoResponders, match=rf"wasmbus\.ctl\.v1\.{name}\.link\.get"):
                client.get_links()
        with PracticeLattice(lattice=name, server=practice_server):
            assert client.get_links().data == []


def test_a_copy_of_links_that_cannot_be_decoded_is_no_copy(practice_lattice: PracticeLattice) -> None:
    """DecodeError, as without a copy; the next question asks again."""
    host = practice_lattice.hosts[0]
    host.reply_with(b"{oops", operation="link.get")
    with practice_lattice.connect(cache_links=True) as client:
        for _ in range(2):
            with pytest.raises(DecodeError):
                client.get_links()
        host.recover()
        assert client.get_links().data == []


def test_while_the_connection_is_lost_a_copy_is_not_shown(own_server: PracticeServer) -> None:
    """NotConnectedError at once: events may be missing."""
    with PracticeLattice(server=own_server) as lattice, lattice.connect(cache_links=True) as client:
        client.put_link(LINK)
        assert client.get_links().data == [LINK]
        own_server.stop()
        wait_until(lambda: not client.connected)
        with pytest.raises(NotConnectedError):
            client.get_links()


def test_without_permission_for_link_events_there_is_no_copy() -> None:
    """PermissionDenied with the subject, for each question."""
    config = """authorization { users: [
        { user: host, password: pw }
        { user: me, password: pw, permissions: { subscribe: { deny: ["wasmbus.evt.>"] } } }
    ] }"""
    with (
        PracticeServer(config=config) as server,
        PracticeLattice(server=server, connect_options={"user": "host", "password": "pw"}) as lattice,
        lattice.connect(user="me", password="pw", cache_links=True) as client,
    ):
        for _ in range(3):
            with pytest.raises(PermissionDenied) as caught:
                client.get_links()
            assert caught.value.subject is not None
            assert caught.value.subject.startswith("wasmbus.evt.default.linkdef_")


# Waits --------------------------------------------------------------------------------------------------


def test_a_wait_of_no_time_sends_nothing(practice_lattice: PracticeLattice) -> None:
    """What is over before it begins is not certain, and was not sent."""
    with practice_lattice.connect() as client:
        with pytest.raises(WaitTimeout):
            client.put_link(LINK, wait=1e-9)
        practice_lattice.settle()

    assert practice_lattice.commands == ()


def test_a_server_that_says_no_instead_of_greeting_is_quoted() -> None:
    """What it says is the reason."""
    with FakeNats(lambda conversation: conversation.say("-ERR 'maximum connections exceeded'")) as server:
        assert "maximum connections exceeded" in refusal(server.url)


def test_a_server_that_hangs_up_in_its_greeting_is_told() -> None:
    """Half a line is none."""

    def behave(conversation: Conversation) -> None:
        conversation._connection.sendall(b"INFO {")

    with FakeNats(behave) as server:
        assert "ended the connection before it was made" in refusal(server.url)


def test_whatever_goes_wrong_on_the_way_back_the_client_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that nobody has thought of is logged, and does not end the dialling."""
    dial = dialling.dial
    failures = [ValueError("nobody has thought of this")]

    async def fail_once(*arguments: Any) -> Any:
        if failures:
            raise failures.pop()
        return await dial(*arguments)

    with PracticeServer() as server, wasmcloud_ctl.connect(server.url) as client, Listening() as listening:
        monkeypatch.setattr(session_module, "dial", fail_once)
        server.restart()
        listening.wait_for("no connection yet: ValueError('nobody has thought of this')")
        listening.wait_for("connected again")

        assert client.connected


def test_a_connection_that_has_lasted_is_dialled_again_at_once() -> None:
    """The pauses of earlier, failed attempts are forgotten by then."""
    with PracticeServer() as server, wasmcloud_ctl.connect(server.url) as client, Listening() as listening:
        session = session_of(client)
        session._pause = 60.0
        session._connected_at -= 1000.0
        server.restart()
        listening.wait_for("connected again")

        assert client.connected


# On a connection ----------------------------------------------------------------------------------------


def test_an_objection_of_a_new_kind_ends_nothing() -> None:
    """A server's word of permissions that names no subject is logged, and the connection stays."""
    ended: list[bool] = []

    def behave(conversation: Conversation) -> None:
        conversation.greet()
        conversation.say("-ERR 'Permissions Violation of a new kind'")
        conversation.stay()
        ended.append(True)

    with (
        Listening() as listening,
        FakeNats(behave) as server,
        wasmcloud_ctl.connect(server.url) as client,
    ):
        listening.wait_for("the server objects: 'Permissions Violation of a new kind'")
        assert client.connected
        assert ended == []


def test_a_connection_that_ends_before_a_subscription_is_confirmed() -> None:
    """Who waits for the server's word learns that it will not come."""

    def behave(conversation: Conversation) -> None:
        conversation.greet()
        conversation.hear("PING")

    with (
        FakeNats(behave) as server,
        wasmcloud_ctl.connect(server.url) as client,
        pytest.raises(NotConnectedError),
    ):
        client.events_receiver()


def test_what_nats_py_has_queued_goes_first(practice_server: PracticeServer) -> None:
    """Messages of nats-py's client and of this one keep their order on one connection."""
    with wasmcloud_ctl.connect(practice_server.url) as client:

        async def exchange() -> list[bytes]:
            nats_client: Any = client.nats_client
            heard: list[bytes] = []

            async def hear(message: Any) -> None:
                heard.append(message.data)

            await nats_client.subscribe("order", cb=hear)
            await nats_client.publish("order", b"first")
            nats_client.send_message("order", "", b"second")
            await arrive(nats_client)
            return heard

        assert client.run(exchange) == [b"first", b"second"]


def test_a_number_that_was_not_given_is_no_subscription(practice_server: PracticeServer) -> None:
    """Ending what is not there sends nothing."""
    with wasmcloud_ctl.connect(practice_server.url) as client:
        wire: Any = client.nats_client

        async def written() -> tuple[int, int]:
            before: int = wire.socket.written
            wire.unlisten(10_000)
            return before, wire.socket.written

        before, after = client.run(written)

    assert before == after


def test_a_client_that_a_fork_has_not_used_has_no_connection_to_close(
    practice_server: PracticeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the parent uses is left alone."""
    here = os.getpid()
    client = wasmcloud_ctl.connect(practice_server.url)
    transport = transport_of(client)
    monkeypatch.setattr(os, "getpid", lambda: here + 1)
    client.close()
    monkeypatch.undo()

    assert transport.session.connected
    transport.bridge.close(5.0)


def test_a_call_that_comes_to_the_loop_when_it_is_closed_is_told(practice_server: PracticeServer) -> None:
    """It finds no connection, and the reason is that it was closed."""
    with wasmcloud_ctl.connect(practice_server.url) as client:
        session = session_of(client)

    with pytest.raises(ClosedError):
        session.connection("a")


def test_a_subscription_that_was_closed_on_its_way_is_not_made(asking: Client) -> None:
    """Ctrl-C may close it before the loop comes to it."""
    messages: MessageQueue[bytes] = MessageQueue()
    subscription = transport_of(asking).subscription(["a"], messages)
    subscription.close()

    with pytest.raises(ClosedError):
        subscription.open(1.0)
    assert not session_of(asking).subscriptions


def test_at_the_interpreters_end_nothing_is_ended_or_begun(
    practice_server: PracticeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Modules may be empty by then, so objects that are dropped do nothing, and connect refuses."""

    def ends() -> bool:
        return True

    with wasmcloud_ctl.connect(practice_server.url, cache_links=True) as client:
        sender: Any = client._sender
        for dropped in (sender, sender.transports):
            dropped.__del__(_finalizing=ends)
        assert client.connected
    monkeypatch.setattr(sys, "is_finalizing", ends)
    with pytest.raises(ConnectError, match="Python is ending"):
        wasmcloud_ctl.connect(practice_server.url)


def test_a_receiver_says_of_itself_what_it_hears(practice_lattice: PracticeLattice) -> None:
    """Its lattice, its state, and what was missed."""
    with practice_lattice.connect() as client:
        receiver = client.events_receiver()
        opened = repr(receiver)
        receiver.close()

    where = f"lattice={practice_lattice.lattice!r}"
    assert opened == f"<EventReceiver {where} open dropped=0 gaps=0>"
    assert repr(receiver) == f"<EventReceiver {where} closed dropped=0 gaps=0>"


def test_lines_that_are_no_seed_are_no_path_either(practice_server: PracticeServer) -> None:
    """A text of several lines is not quoted as a file's name, for it may be of a secret."""
    message = refusal(practice_server.url, nkey_seed="se\ncret", kind=AuthError, secrets=("cret",))

    assert message.startswith("nkey_seed is neither a seed nor the path of a readable file")
