"""What the client tells its logger, and what it does not."""

from __future__ import annotations

import logging
import re
import subprocess
import sys

import pytest
from listening import Listening

import wasmcloud_ctl
from wasmcloud_ctl import Client, NoResponders, RegistryCredential
from wasmcloud_ctl.testing import PracticeLattice, PracticeServer


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Level and message of what was logged, with times left out."""
    return [
        (record.levelname, re.sub(r"\d+\.\d m?s$", "TIME", record.getMessage()))
        for record in caplog.records
        if record.name == "wasmcloud_ctl"
    ]


def test_one_line_for_each_turn_in_a_connections_life(caplog: pytest.LogCaptureFixture) -> None:
    """Connect, loss, return and close: a line each, at INFO and WARNING, and none besides."""
    with Listening() as log, PracticeServer(jetstream=False) as server:
        caplog.set_level(logging.INFO, "wasmcloud_ctl")
        with wasmcloud_ctl.connect(server.url):
            server.kill()
            log.wait_for("lost the connection")
            server.start()
            log.wait_for("connected again")
    told = lines(caplog)
    assert told == [
        ("INFO", f"connected to {server.url}"),
        told[1],  # whose reason is the operating system's
        ("INFO", f"connected again, to {server.url}, after TIME"),
        ("INFO", f"closed the connection to {server.url}"),
    ]
    assert told[1][0] == "WARNING"
    assert told[1][1].startswith(f"lost the connection to {server.url}: ")


def test_one_line_for_each_call_at_debug(
    lattice: PracticeLattice, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """Its subject, what went, what came, how long it took, and how it failed; without DEBUG: none."""
    caplog.set_level(logging.INFO, "wasmcloud_ctl")
    client.put_config("web", {"address": "0.0.0.0:8080"})
    assert lines(caplog) == []

    caplog.set_level(logging.DEBUG, "wasmcloud_ctl")
    client.put_config("web", {"address": "0.0.0.0:8080"})
    hosts = client.get_hosts(expected=2)
    with pytest.raises(NoResponders):
        client.get_host_inventory("N1")
    with client.events_receiver("host_started"):
        pass

    root = f"wasmbus.ctl.v1.{lattice.lattice}"
    told = [message for level, message in lines(caplog) if level == "DEBUG"]
    assert len(hosts) == 2
    assert [re.sub(r"of [1-9]\d* bytes", "of MANY bytes", message) for message in told] == [
        f"{root}.config.put.web: 26 bytes to send, 1 replies of MANY bytes in all, TIME",
        f"{root}.host.ping: 0 bytes to send, 2 replies of MANY bytes in all, TIME",
        f"{root}.host.get.N1: 0 bytes to send, 0 replies of 0 bytes in all, NoResponders, TIME",
        f"wasmbus.evt.{lattice.lattice}.host_started: subscribed, TIME",
    ]


def test_no_payload_is_logged(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """What is in a command may be a secret: sizes are told, and no more."""
    caplog.set_level(logging.DEBUG)
    client.put_config("web", {"password": "hunter2"})
    client.put_registries({"ghcr.io": RegistryCredential(username="me", password="hunter3")})
    assert "registry.put" in caplog.text
    assert "hunter2" not in caplog.text
    assert "hunter3" not in caplog.text


def test_nothing_is_printed_by_those_who_set_up_no_logging(practice_server: PracticeServer) -> None:
    """A program without any handler of its own has an empty stderr, through a loss and a failure too."""
    script = f"""
import time, wasmcloud_ctl
client = wasmcloud_ctl.connect({practice_server.url!r}, connect_timeout=20)
transport = client._sender.transports.get()
transport.bridge.run(drop, transport.session, timeout=5)
while not client.connected:
    time.sleep(0.01)
client.close()
for url in ("nats://127.0.0.1:1", "nats://nowhere.invalid", "tls://127.0.0.1:{practice_server.port}"):
    try:
        wasmcloud_ctl.connect(url, connect_timeout=0.5)
    except wasmcloud_ctl.ConnectError:
        print("refused")
"""
    drop = "async def drop(session):\n    session.connection(None).give_up(ConnectionError('a test'))\n"
    done = subprocess.run(
        [sys.executable, "-W", "default", "-c", drop + script], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "refused\n" * 3, "")
