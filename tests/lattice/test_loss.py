"""Losing the connection, coming back, and what is and is not sent meanwhile."""

from __future__ import annotations

import asyncio
import collections
import functools
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
import trustme
from fake_nats import INFO, Conversation, FakeNats
from internals import bridge_of, connection_of, transport_of
from listening import Listening
from proxy import Proxy
from refusals import refusal

import wasmcloud_ctl
from wasmcloud_ctl import (
    AuthError,
    Client,
    ConnectError,
    CtlError,
    NoResponders,
    NotConnectedError,
    PermissionDenied,
    RequestTimeout,
)
from wasmcloud_ctl.testing import PracticeLattice, PracticeServer, unused_port

# The server writes down every command that it reads, and not more of a message than its beginning.
TRACE = "debug: true\ntrace: true\nmax_traced_msg_len: 16\n"


def wait_until(condition: object, seconds: float = 10.0) -> None:
    """Look until it is so. For states that no event tells of."""
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not become so"
        time.sleep(0.01)


# Dialling ---------------------------------------------------------------------------------------


@contextmanager
def mute_ports(count: int) -> Iterator[list[str]]:
    """Ports that take connections and say nothing."""
    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        yield [f"nats://127.0.0.1:{listener.getsockname()[1]}" for listener in listeners]


def test_many_mute_servers_do_not_keep_the_client_from_the_good_one(practice_server: PracticeServer) -> None:
    """Of thirteen servers twelve are mute: the good one is dialled in time, whatever its place."""
    with mute_ports(12) as urls:
        for _ in range(3):
            with wasmcloud_ctl.connect([*urls, practice_server.url], connect_timeout=1.0) as client:
                assert client.connected


def test_a_name_with_a_mute_address(practice_server: PracticeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The addresses of one name are dialled side by side, too."""
    with socket.create_server(("127.0.0.2", practice_server.port)):

        def resolve(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
            assert host == "cluster.example"
            return [
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
                for address in ("127.0.0.3", "127.0.0.1")
            ]

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        with wasmcloud_ctl.connect(f"cluster.example:{practice_server.port}") as client:
            assert client.connected


def test_a_resolver_that_hangs_costs_the_timeout_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says that it was the name."""
    released = threading.Event()

    def resolve(*_: Any, **__: Any) -> list[Any]:
        released.wait(10)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    try:
        message = refusal("nats://slow.example:4222", connect_timeout=0.3)
    finally:
        released.set()
    assert message == (
        "nats://slow.example:4222 did not answer in time: the name 'slow.example' was not resolved"
    )


def test_what_a_server_says_instead_of_greeting_is_told() -> None:
    """A server that is full says so, and hangs up: the message has its words."""
    with PracticeServer(jetstream=False, config="max_connections: 1") as server:
        with wasmcloud_ctl.connect(server.url):
            for _ in range(10):
                assert refusal(server.url) == (
                    f"{server.url} does not let this client connect: maximum connections exceeded"
                )


def test_another_port_of_a_server_is_told() -> None:
    """The port for other servers of the cluster greets, too; the message has the server's words, if it sends them:
    it closes such a connection without looking whether they have left."""
    port = unused_port()
    config = f'cluster {{ name: c, listen: "127.0.0.1:{port}" }}'
    with PracticeServer(jetstream=False, config=config) as server:
        wait_until(lambda: "Listening for route connections" in server.log)
        message = refusal(f"127.0.0.1:{port}")
    assert message.endswith(("attempted to connect to route port", "it greeted, and then hung up"))


def test_news_of_the_cluster_before_the_first_answer() -> None:
    """A server may tell news between its greeting and its first answer: the connection is made as ever, and the
    news count."""

    def behave(conversation: Conversation) -> None:
        conversation.say(f"INFO {json.dumps(INFO)}")
        conversation.hear("PING")
        conversation.say(f"INFO {json.dumps({**INFO, 'max_payload': 10})}")
        conversation.say("PONG")
        conversation.stay()

    with FakeNats(behave) as server, wasmcloud_ctl.connect(server.url) as client:
        assert client.nats_client.is_connected
        with pytest.raises(wasmcloud_ctl.PayloadTooLarge, match="the 10 that the server takes"):
            client.put_config("web", {"address": "0.0.0.0:8080"})


def test_a_server_that_hangs_up_after_its_first_answer() -> None:
    """A connection that ends before it was used is none, whether the client has just begun or is on its way back."""
    taken: list[Conversation] = []

    def behave(conversation: Conversation) -> None:
        taken.append(conversation)
        conversation.greet()
        if len(taken) > 1:
            conversation.stay()

    told: set[str] = set()
    with FakeNats(behave) as server:
        for _ in range(20):
            taken.clear()
            try:
                client = wasmcloud_ctl.connect(server.url)
            except ConnectError as error:
                told.add(str(error).removeprefix(server.url))
            else:
                with client:
                    wait_until(lambda: len(taken) > 1)
                    wait_until(functools.partial(getattr, client, "connected"))
    assert told <= {" ended the connection as soon as it was made"}


# Waiting for a server ---------------------------------------------------------------------------


def test_connect_with_wait_goes_on_until_the_server_has_started() -> None:
    """Each attempt may take ``connect_timeout``, and ``wait`` is the limit of all of them."""
    with PracticeServer(jetstream=False) as server, Listening() as log:
        server.stop()
        connected: list[bool] = []

        def connect() -> None:
            with wasmcloud_ctl.connect(server.url, connect_timeout=0.5, wait=30) as client:
                connected.append(client.connected)

        connecting = threading.Thread(target=connect)
        connecting.start()
        for _ in range(4):
            log.wait_for(f"no connection yet: nobody listens at {server.url}")
            log.forget()
        server.start()
        connecting.join()
    assert connected == [True]


def test_connect_with_wait_goes_on_while_connections_are_ended_at_once() -> None:
    """So does the port of a container whose server has not started yet."""

    def behave(conversation: Conversation) -> None:
        if len(server.times) > 3:
            conversation.greet()
            conversation.stay()

    with FakeNats(behave) as server:
        wasmcloud_ctl.connect(server.url, wait=30).close()
        assert len(server.times) == 4


def test_connect_with_wait_names_the_last_cause() -> None:
    url = f"nats://127.0.0.1:{unused_port()}"
    started = time.monotonic()
    with pytest.raises(ConnectError) as caught:
        wasmcloud_ctl.connect(url, wait=1)
    assert 0.5 < time.monotonic() - started < 1.5
    assert str(caught.value) == (
        f"no server could be reached within 1 s; at last: nobody listens at {url}: check the address, and that "
        "the server runs"
    )
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)


def test_connect_with_wait_raises_a_refusal_at_once() -> None:
    """No credentials, or no NATS server there: waiting would not help, even if another server may still start."""
    with PracticeServer(jetstream=False, config="authorization { token: secret }") as server:
        text = refusal([f"nats://127.0.0.1:{unused_port()}", server.url], kind=AuthError, wait=30)
        assert f"{server.url} requires credentials" in text
    with FakeNats(lambda conversation: conversation.say("HTTP/1.1 400 Bad Request")) as server:
        assert (
            refusal(server.url, wait=30) == f"what answers at {server.url} is no NATS server: check the port"
        )


# Coming back ------------------------------------------------------------------------------------


def test_whatever_a_server_objects_to_the_client_comes_back() -> None:
    """Any -ERR ends a connection; the client makes another, and tells the server's reason in its log."""
    objected = threading.Event()

    def behave(conversation: Conversation) -> None:
        conversation.greet()
        if not objected.is_set():
            objected.set()
            conversation.say("-ERR 'Slow Consumer'")
        conversation.stay()

    with Listening() as log, FakeNats(behave) as server, wasmcloud_ctl.connect(server.url) as client:
        assert log.wait_for("lost the connection") == f"lost the connection to {server.url}: Slow Consumer"
        log.wait_for("connected again")
        assert client.connected


def test_attempts_are_apart_and_more_so_as_they_fail() -> None:
    """From 50 ms on, twice as long each time, with jitter; also where each connection is made and lost at once."""

    connected = threading.Event()

    def behave(conversation: Conversation) -> None:
        conversation.greet()
        connected.wait(5)

    with FakeNats(behave) as server, wasmcloud_ctl.connect(server.url):
        connected.set()
        wait_until(lambda: len(server.times) >= 6)
    pauses = [after - before for before, after in zip(server.times, server.times[1:], strict=False)]
    for number, pause in enumerate(pauses[:5]):
        assert pause >= 0.5 * 0.05 * 2**number


def test_a_server_that_the_cluster_named_takes_over() -> None:
    """The client knows one server; the cluster names another, later than the client has connected, and that one is
    dialled when the first dies."""
    ports = [unused_port(), unused_port()]
    first = PracticeServer(jetstream=False, config=in_cluster(ports[0], ports))
    second = PracticeServer(jetstream=False, config=in_cluster(ports[1], ports))
    with Listening() as log, first, wasmcloud_ctl.connect(first.url) as client:
        with second:
            wait_until(lambda: len(connection_of(client).cluster()) == 3)
            first.kill()
            message = log.wait_for("connected again")
            assert message.startswith(f"connected again, to nats://127.0.0.1:{second.port}, after ")
            assert client.get_hosts().no_responders


def in_cluster(port: int, ports: list[int]) -> str:
    """The lines of the configuration of a server in a cluster."""
    routes = ", ".join(f"nats://127.0.0.1:{other}" for other in ports if other != port)
    return f'cluster {{ name: c, listen: "127.0.0.1:{port}", routes: [{routes}] }}\n'


def test_credentials_that_are_refused_on_the_way_back(tmp_path: Path) -> None:
    """A server that comes back with another password: calls are AuthError, at once; with the old one: they work."""
    users = "authorization {{ user: me, password: {} }}"
    with PracticeServer(jetstream=False, config=users.format("hunter2")) as server, Listening() as log:
        with wasmcloud_ctl.connect(server.url, user="me", password="hunter2", timeout=20) as client:
            server.kill()
            server._config = users.format("hunter3")
            server.start()
            log.wait_for("refused user 'me'")
            started = time.monotonic()
            with pytest.raises(
                AuthError, match="refused user 'me' with the given password: Authorization Violation"
            ) as caught:
                client.get_config("web")
            assert time.monotonic() - started < 0.5
            assert isinstance(caught.value.__cause__, AuthError)
            with pytest.raises(AuthError):
                client.events_receiver()
            server.kill()
            server._config = users.format("hunter2")
            server.start()
            log.wait_for("connected again")
            assert client.get_hosts().no_responders


# Permissions ------------------------------------------------------------------------------------


def with_permissions(permissions: str) -> str:
    """The lines of a configuration with one user, who has these permissions."""
    return (
        f"authorization {{ users: [ {{ user: me, password: hunter2, permissions: {{ {permissions} }} }} ] }}"
    )


def connect_as_me(server: PracticeServer, **options: Any) -> Client:
    return wasmcloud_ctl.connect(server.url, user="me", password="hunter2", timeout=20, **options)


def test_a_denial_is_for_the_subject_as_it_is_written() -> None:
    """Of two requests under way whose subjects differ by case alone, the one that is denied fails, and no other."""
    config = with_permissions('publish: { deny: "wasmbus.ctl.v1.default.config.get.Web" }')
    with PracticeServer(config=config) as server:
        options = {"user": "me", "password": "hunter2"}
        with (
            PracticeLattice(server=server, connect_options=options) as lattice,
            connect_as_me(server) as client,
        ):
            lattice.hosts[0].stall()
            answers: list[object] = []
            thread = threading.Thread(target=lambda: answers.append(client.get_config("web").succeeded))
            thread.start()
            lattice.wait_for_commands("config.get")
            with pytest.raises(PermissionDenied) as caught:
                client.get_config("Web")
            assert caught.value.subject == "wasmbus.ctl.v1.default.config.get.Web"
            lattice.hosts[0].resume()
            thread.join(5)
            assert answers == [True]


def test_a_denial_of_a_subject_with_quotation_marks() -> None:
    """The server escapes them in its words."""
    with PracticeServer(jetstream=False, config=with_permissions('publish: "_INBOX.>"')) as server:
        with connect_as_me(server) as client, pytest.raises(PermissionDenied) as caught:
            client.get_config('a"b\\c')
        assert caught.value.subject == 'wasmbus.ctl.v1.default.config.get.a"b\\c'


def test_a_denied_queue_subscription_is_no_harm() -> None:
    """A subscription with a queue, made with nats-py's client, has words of its own; what is the client's goes on."""
    config = with_permissions('subscribe: { deny: "wasmbus.evt.>" }')
    with (
        PracticeServer(jetstream=False, config=config) as server,
        connect_as_me(server) as client,
        Listening() as log,
    ):
        client.run(client.nats_client.subscribe, "wasmbus.evt.default.x", "queue")
        assert 'using queue "queue"' in log.wait_for("the server objects")
        assert client.get_hosts().no_responders
        with pytest.raises(PermissionDenied) as caught:
            client.events_receiver("config_set", "config_deleted")
        assert caught.value.subject == "wasmbus.evt.default.config_set"


def test_a_reserved_inbox_is_told() -> None:
    """A prefix that NATS keeps for itself is refused by the server at the first request; it is remembered."""
    with PracticeServer(jetstream=False) as server:
        with wasmcloud_ctl.connect(server.url, inbox_prefix="_R_", timeout=20) as client:
            for _ in range(2):
                with pytest.raises(PermissionDenied, match="inbox_prefix"):
                    client.get_config("web")


def test_permissions_are_looked_at_anew_on_the_way_back() -> None:
    """What was denied may be allowed by the server that comes back, and the other way round: a receiver that is not
    allowed any more ends with that error."""
    no_inbox, no_events = 'subscribe: { deny: "_INBOX.>" }', 'subscribe: { deny: "wasmbus.evt.>" }'
    with PracticeServer(jetstream=False, config=with_permissions(no_inbox)) as server, Listening() as log:
        with connect_as_me(server) as client:
            receiver = client.events_receiver()
            with pytest.raises(PermissionDenied, match="inbox_prefix"):
                client.get_config("web")
            server.kill()
            server._config = with_permissions(no_events)
            server.start()
            log.wait_for("connected again")
            assert client.get_hosts().no_responders
            with pytest.raises(PermissionDenied) as caught:
                receiver.get(5)
            assert caught.value.subject == "wasmbus.evt.default.*"
            assert receiver.gaps == 1


# Ghosts -----------------------------------------------------------------------------------------


def test_by_the_servers_trace_nothing_is_sent_after_the_call() -> None:
    """The server dies, a scale_component fails, the server comes back: in its trace there is none."""
    with PracticeServer(jetstream=False, config=TRACE) as server, Listening() as log:
        with wasmcloud_ctl.connect(server.url) as client:
            server.kill()
            log.wait_for("lost the connection")
            with pytest.raises(NotConnectedError, match="nothing was sent"):
                client.scale_component("N1", "r.example/a:1", "ghost", 1)
            server.start()
            log.wait_for("connected again")
            with pytest.raises(NoResponders):
                client.get_host_inventory("N1")
        assert "host.get.N1" in server.log
        assert "component.scale" not in server.log


MUCH, BARELY = 16 << 20, 1


@pytest.mark.parametrize("unsent", [MUCH, BARELY], ids=["16 MiB queued", "barely stuck"])
@pytest.mark.parametrize("secure", [False, True], ids=["in clear", "with TLS"])
@pytest.mark.parametrize("dies", [True, False], ids=["the server dies", "the server goes on"])
def test_by_the_servers_trace_nothing_that_was_stuck_is_sent(
    dies: bool, secure: bool, unsent: int, tmp_path: Path
) -> None:
    """The server stops reading while more is queued than the socket takes, a scale_component times out, the server
    dies and comes back, or merely goes on: in its trace there is none."""
    options: dict[str, Any] = {}
    config = TRACE
    if secure:
        ca = trustme.CA()
        ca.cert_pem.write_to_path(tmp_path / "ca.pem")
        pem = tmp_path / "server.pem"
        ca.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(pem)
        config += f'tls {{ cert_file: "{pem}", key_file: "{pem}" }}\n'
        options["tls_ca"] = tmp_path / "ca.pem"
    with PracticeServer(jetstream=False, config=config) as server, Listening() as log:
        with wasmcloud_ctl.connect(server.url, **options) as client:
            server.pause()

            async def fill() -> None:
                # Not by publish(), which waits for the socket.
                wire: Any = connection_of(client)
                while wire.socket._bare_io_writer.transport.get_write_buffer_size() == 0:
                    wire.send(b"PUB elsewhere 16384\r\n%b\r\n" % (b"x" * 16384))
                    await asyncio.sleep(0)
                for _ in range(unsent // (1 << 19)):
                    wire.send(b"PUB elsewhere 524288\r\n%b\r\n" % (b"x" * (1 << 19)))

            client.run(fill, timeout=10)
            with pytest.raises(RequestTimeout) as caught:
                client.scale_component("N1", "r.example/a:1", "ghost", 1, timeout=0.3)
            assert caught.value.sent is secure  # under TLS it cannot be told, and is said to have left
            if dies:
                server.kill()
                server.start()
            else:
                server.resume()
            log.wait_for("connected again")
            with pytest.raises(NoResponders):
                client.get_host_inventory("N1")
        assert "host.get.N1" in server.log
        assert "component.scale" not in server.log


def test_what_a_blocked_loop_comes_to_after_the_call_is_not_sent(
    lattice: PracticeLattice, client: Client
) -> None:
    """A function given to run() may block the loop: what was asked meanwhile, and is over, is never sent."""
    begun, release = threading.Event(), threading.Event()

    def block() -> None:
        begun.set()
        release.wait(10)

    bridge_of(client).post(block)
    assert begun.wait(5)
    with pytest.raises(CtlError, match="the client's loop is blocked"):
        client.put_config("late", {}, timeout=0.05)
    with transport_of(client).replies() as replies:
        subject = f"wasmbus.ctl.v1.{lattice.lattice}.config.put.late"
        replies.send(subject, b"{}", handler=lambda reply: None, once=True)
    release.set()

    assert client.get_config("late").data is None
    assert [command.operation for command in lattice.commands] == ["config.get"]


# A cluster --------------------------------------------------------------------------------------


@attrs.frozen
class Cluster:
    """Three servers, and a lattice beside them that reaches whichever is there."""

    servers: list[PracticeServer]
    lattice: PracticeLattice


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """Three servers in a cluster, and two hosts on a leaf of it, with the JetStream that hosts need."""
    routes, leaves = [unused_port() for _ in range(3)], [unused_port() for _ in range(3)]
    remotes = ", ".join(f'"nats://127.0.0.1:{leaf}"' for leaf in leaves)
    with ExitStack() as stack:
        servers = [
            stack.enter_context(
                PracticeServer(
                    jetstream=False,
                    config=in_cluster(route, routes) + f'leafnodes {{ listen: "127.0.0.1:{leaf}" }}\n',
                )
            )
            for route, leaf in zip(routes, leaves, strict=True)
        ]
        leaf = stack.enter_context(
            PracticeServer(config=f'leafnodes {{ reconnect: "100ms", remotes: [ {{ urls: [{remotes}] }} ] }}')
        )
        yield Cluster(servers, stack.enter_context(PracticeLattice(2, server=leaf)))


def test_a_cluster_whose_servers_die_in_turn(cluster: Cluster) -> None:
    """Each of three servers dies and comes back under 1,000 commands from four threads. Each call ends with its
    answer or a CtlError; counted at the hosts, no command arrived twice, those that were answered arrived, and those
    that were said not to have been sent did not. The client was given one server; it learns of the others."""
    servers, lattice = cluster.servers, cluster.lattice
    with wasmcloud_ctl.connect(servers[0].url, timeout=2.0) as client:
        wait_until(lambda: len(connection_of(client).cluster()) == 4)
        wait_until(lambda: len(client.get_hosts(expected=2, timeout=1)) == 2)
        hosts = [host.id for host in lattice.hosts]
        fates: dict[str, BaseException | None] = {}
        strange: list[BaseException] = []
        begun = threading.Semaphore(0)

        def call(thread: int) -> None:
            for number in range(250):
                name = f"c{thread}-{number}"
                begun.release()
                try:
                    client.scale_component(hosts[number % 2], "r.example/a:1", name, 1).raise_for_status()
                    fates[name] = None
                except CtlError as error:
                    fates[name] = error
                    time.sleep(0.02)  # else the rest would be spent while the connection is away
                except BaseException as error:
                    strange.append(error)

        threads = [threading.Thread(target=call, args=(thread,)) for thread in range(4)]
        for thread in threads:
            thread.start()
        for server in servers:
            for _ in range(250):
                begun.acquire(timeout=10)
            server.kill()
            for _ in range(50):
                begun.acquire(timeout=10)
            server.start()
        for thread in threads:
            thread.join(60)
        wait_until(lambda: client.connected)
        lattice.settle()

    assert strange == []
    assert len(fates) == 1000
    arrived = collections.Counter(
        json.loads(command.payload)["component_id"]
        for command in lattice.commands
        if command.operation == "component.scale"
    )
    assert [name for name, times in arrived.items() if times > 1] == []
    assert {name for name, fate in fates.items() if fate is None} <= set(arrived)
    unsent = {name for name, fate in fates.items() if getattr(fate, "sent", None) is False}
    assert not unsent & set(arrived)
    # It was no walk in the park, and most went well.
    assert any(isinstance(fate, NotConnectedError) for fate in fates.values())
    assert sum(fate is None for fate in fates.values()) > 500


# Half-open --------------------------------------------------------------------------------------


def test_a_connection_that_is_cut_is_lost_at_once(practice_server: PracticeServer) -> None:
    """A reset on the way is noticed at once, and the client is back over a new connection."""
    with Proxy(practice_server.port) as proxy, Listening() as log:
        with wasmcloud_ctl.connect(proxy.url) as client:
            proxy.cut()
            log.wait_for("lost the connection", 2)
            log.wait_for("connected again", 2)
            assert client.get_hosts().no_responders


def test_a_slow_way_is_merely_slow(practice_server: PracticeServer) -> None:
    """With 0.1 s in each direction calls take their time, and nothing else changes."""
    with Proxy(practice_server.port) as proxy:
        proxy.slow_down(0.1)
        with wasmcloud_ctl.connect(proxy.url) as client:
            started = time.monotonic()
            assert client.get_hosts().no_responders
            assert 0.2 <= time.monotonic() - started < 1.0


def test_a_slow_way_counts_towards_connect_timeout(practice_server: PracticeServer) -> None:
    """Each step is slow, and the time for all of them is kept."""
    with Proxy(practice_server.port) as proxy:
        proxy.slow_down(0.3)
        assert refusal(proxy.url, connect_timeout=0.5).endswith("it greeted, and then fell silent")


@pytest.mark.long
def test_a_half_open_connection_is_noticed(practice_server: PracticeServer) -> None:
    """What is between swallows everything and closes nothing: calls time out, and within 20 s the connection is
    known to be lost, and made again elsewhere."""
    with Proxy(practice_server.port) as proxy, Listening() as log:
        with wasmcloud_ctl.connect([proxy.url], timeout=0.5) as client:
            proxy.silence()
            started = time.monotonic()
            with pytest.raises(RequestTimeout, match="the responder may be stopped or slow"):
                client.get_config("web")
            log.wait_for("lost the connection", 20)
            assert time.monotonic() - started < 20
            print(f"noticed after {time.monotonic() - started:.1f} s")
            with pytest.raises((NotConnectedError, ConnectError)):
                client.get_config("web")
            proxy.resume()
            log.wait_for("connected again")
            assert client.get_hosts().no_responders
