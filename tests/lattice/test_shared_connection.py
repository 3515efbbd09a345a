"""What calls do to the connection that they share."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import trustme
from calling import Calling
from internals import session_of
from nats.aio.msg import Msg
from wire import arrive

import wasmcloud_ctl
from wasmcloud_ctl import Client, NotConnectedError, OperationFailed, RequestTimeout
from wasmcloud_ctl._transport.calls import Subscription
from wasmcloud_ctl.testing import PracticeLattice, PracticeServer

HOSTS = 2
ACCEPTED = b'{"success": true, "message": "", "response": null}'
REFERENCE = "registry.example/acme/echo:1"


def answer_as_hosts(client: Client) -> threading.Event:
    """Answer pings as two hosts, and every put_config. The event is set when a ping was answered."""
    pinged = threading.Event()

    async def on_ping(message: Msg) -> None:
        for number in range(HOSTS):
            host = b'{"success": true, "message": "", "response": {"id": "N%d"}}' % number
            await client.nats_client.publish(message.reply, host)
        await arrive(client.nats_client)
        pinged.set()

    async def on_put(message: Msg) -> None:
        await client.nats_client.publish(message.reply, ACCEPTED)

    async def subscribe() -> None:
        await client.nats_client.subscribe("wasmbus.ctl.v1.default.host.ping", cb=on_ping)
        await client.nats_client.subscribe(
            "wasmbus.ctl.v1.default.config.put.*", cb=on_put, pending_bytes_limit=-1, pending_msgs_limit=-1
        )
        await arrive(client.nats_client)

    client.run(subscribe, timeout=10)
    return pinged


@pytest.mark.parametrize("secure", [False, True], ids=["in clear", "with TLS"])
def test_the_end_of_a_gather_leaves_other_calls_alone(tmp_path: Path, secure: bool) -> None:
    """A gather whose hosts have answered ends while the commands of other threads wait in a full socket: these are
    sent when the server reads again, on the same connection."""
    config, options = "", dict[str, Any]()
    if secure:
        ca = trustme.CA()
        ca.cert_pem.write_to_path(tmp_path / "ca.pem")
        pem = tmp_path / "server.pem"
        ca.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(pem)
        config = f'tls {{ cert_file: "{pem}", key_file: "{pem}" }}\n'
        options["tls_ca"] = tmp_path / "ca.pem"
    large = {"key": "x" * 900_000}
    with (
        PracticeServer(jetstream=False, config=config) as server,
        wasmcloud_ctl.connect(server.url, **options) as hosts,
        wasmcloud_ctl.connect(server.url, timeout=15, **options) as client,
    ):
        pinged = answer_as_hosts(hosts)
        connection = client.nats_client
        gather = Calling(lambda: client.get_hosts(timeout=1.0))
        assert pinged.wait(10)
        client.run(arrive, client.nats_client)  # the replies are here
        server.pause()
        puts = [Calling(lambda: client.put_config("large", large)) for _ in range(8)]
        gather.end()
        server.resume()
        errors = [put.end().error for put in puts]

        assert errors == [None] * 8
        assert client.nats_client is connection


def test_ctrl_c_right_after_a_subscription_leaves_none_behind(
    lattice: PracticeLattice, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wait that is interrupted between the subscription and the next line ends the subscription."""
    subscribe = Subscription.open

    def interrupted(subscription: Subscription, timeout: float) -> None:
        subscribe(subscription, timeout)
        raise KeyboardInterrupt

    monkeypatch.setattr(Subscription, "open", interrupted)
    with pytest.raises(KeyboardInterrupt):
        client.scale_component(lattice.hosts[0].id, REFERENCE, "echo", 1, wait=5)
    monkeypatch.undo()
    client.get_host_inventory(lattice.hosts[0].id)  # the loop has processed the end by then

    assert not session_of(client).subscriptions


# What the error of a wait says about the command ------------------------------------------------


def test_a_wait_whose_first_look_gets_no_reply_has_not_sent_its_command(
    lattice: PracticeLattice, client: Client
) -> None:
    """``sent`` is about the command, and the text does not speak of an unknown outcome."""
    host = lattice.hosts[0]
    host.lose_replies(operation="host.get")

    with lattice.connect(timeout=0.2) as hasty, pytest.raises(RequestTimeout) as caught:
        hasty.scale_component(host.id, REFERENCE, "echo", 1, wait=5)

    assert caught.value.sent is False
    assert caught.value.subject == f"wasmbus.ctl.v1.{lattice.lattice}.component.scale.{host.id}"
    assert str(caught.value).startswith(
        f"the scale of echo to 1 on host {host.id}: the command was not sent: "
    )
    assert "outcome is unknown" not in str(caught.value)
    assert isinstance(caught.value.__cause__, RequestTimeout)
    assert "component.scale" not in {command.operation for command in lattice.commands}


def test_a_wait_whose_subscription_is_not_confirmed_has_not_sent_its_command(
    own_server: PracticeServer,
) -> None:
    """The server has stopped reading, so nothing of it is known."""
    with PracticeLattice(server=own_server) as lattice, lattice.connect() as client:
        host_id = lattice.hosts[0].id
        own_server.pause()
        with pytest.raises(RequestTimeout) as caught:
            client.scale_component(host_id, REFERENCE, "echo", 1, wait=0.3)
        own_server.resume()

    assert caught.value.sent is False
    assert "the command was not sent: the server did not confirm the subscription" in str(caught.value)


def test_a_wait_that_loses_its_connection_before_the_command_has_not_sent_it(
    own_server: PracticeServer,
) -> None:
    """The look was sent, the command was not."""
    with PracticeLattice(server=own_server) as lattice, lattice.connect() as client:
        host = lattice.hosts[0]
        host.stall()
        call = Calling(lambda: client.scale_component(host.id, REFERENCE, "echo", 1, wait=10))
        lattice.wait_for_commands("host.get")
        own_server.kill()
        error = call.end().error
        own_server.start()

    assert isinstance(error, NotConnectedError)
    assert error.sent is False
    assert "the command was not sent" in str(error)


def test_a_read_without_a_reply_gets_no_advice_for_commands(lattice: PracticeLattice) -> None:
    """Nothing was changed, so there is nothing to look at first."""
    host = lattice.hosts[0]
    host.stall()
    with lattice.connect(timeout=0.2) as client:
        with pytest.raises(RequestTimeout) as read:
            client.get_host_inventory(host.id)
        with pytest.raises(RequestTimeout, match="its outcome is unknown: look at the state") as command:
            client.put_label(host.id, "a", "b")

    assert str(read.value) == (
        f"no answer to wasmbus.ctl.v1.{lattice.lattice}.host.get.{host.id} within 0.2 s; the responder may be "
        "stopped or slow: try again, or with a longer timeout"
    )
    assert read.value.sent
    assert command.value.sent


@pytest.mark.parametrize("wait", [None, 5.0])
def test_a_stop_whose_first_look_gets_no_reply_has_not_sent_its_command(
    lattice: PracticeLattice, wait: float | None
) -> None:
    """stop_component asks the host what runs before it sends the command; so does a scale with an update."""
    host = lattice.hosts[0]
    host.lose_replies(operation="host.get")
    subject = f"wasmbus.ctl.v1.{lattice.lattice}.component.scale.{host.id}"

    with lattice.connect(timeout=0.2) as client:
        with pytest.raises(RequestTimeout) as stop:
            client.stop_component(host.id, "echo", wait=wait)
        with pytest.raises(RequestTimeout) as scale:
            client.scale_component(host.id, REFERENCE, "echo", 1, allow_update=True, wait=5)

    assert (stop.value.sent, stop.value.subject) == (False, subject)
    assert str(stop.value).startswith(
        f"the stop of echo on host {host.id}: the command was not sent: no answer"
    )
    assert " within 0.2 s; the responder may be stopped or slow: try again" in str(stop.value)
    assert (scale.value.sent, scale.value.subject) == (False, subject)
    assert str(scale.value).startswith(
        f"the scale of echo to 1 on host {host.id}: the command was not sent: no"
    )
    assert "component.scale" not in {command.operation for command in lattice.commands}


def test_a_failed_wait_keeps_no_subscription(lattice: PracticeLattice, client: Client) -> None:
    """Its end withdraws what it has sent and subscribed to."""
    lattice.registry.fail(REFERENCE, "no such image")
    with pytest.raises(OperationFailed):
        client.scale_component(lattice.hosts[0].id, REFERENCE, "echo", 1, wait=10)
    client.get_host_inventory(lattice.hosts[0].id)

    assert not session_of(client).subscriptions
    assert session_of(client).connected
