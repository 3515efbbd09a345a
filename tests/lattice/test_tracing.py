"""Trace context in the headers of requests."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fake_nats import Conversation, FakeNats
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState

import wasmcloud_ctl
from wasmcloud_ctl import Client, PayloadTooLarge
from wasmcloud_ctl.testing import PracticeLattice, PracticeServer

TRACE, SPAN = 0x0AF7651916CD43DD8448EB211C80319C, 0x00F067AA0BA902B7


@contextmanager
def in_span(state: TraceState | None = None) -> Iterator[None]:
    """Be in a span whose ids are known."""
    context = SpanContext(
        TRACE, SPAN, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED), trace_state=state
    )
    with trace.use_span(NonRecordingSpan(context)):
        yield


def test_requests_carry_the_callers_span(lattice: PracticeLattice, client: Client) -> None:
    """In a span: traceparent, and tracestate where there is one, on requests and gathers; outside of it: nothing."""
    client.put_config("a", {})
    with in_span():
        client.put_config("b", {})
        client.get_hosts(expected=2)
    with in_span(TraceState([("vendor", "value")])):
        client.put_config("c", {})
    with trace.use_span(trace.INVALID_SPAN):
        client.put_config("d", {})

    parent = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01"}
    commands = [command for command in lattice.commands if command.operation in ("config.put", "host.ping")]
    assert [(command.operation, dict(command.headers)) for command in commands] == [
        ("config.put", {}),
        ("config.put", parent),
        ("host.ping", parent),
        ("config.put", {**parent, "tracestate": "vendor=value"}),
        ("config.put", {}),
    ]


def test_headers_count_towards_the_servers_limit() -> None:
    """What fits by itself, and not with its headers, is refused before it is sent."""
    with PracticeServer(jetstream=False, config="max_payload: 100\ntrace: true\n") as server:
        with wasmcloud_ctl.connect(server.url) as client:
            config = {"key": "x" * 60}
            with pytest.raises(wasmcloud_ctl.NoResponders):
                client.put_config("web", config)
            with in_span(), pytest.raises(PayloadTooLarge) as caught:
                client.put_config("with-headers", config)
            assert client.connected
    assert "more than the 100 that the server takes" in str(caught.value)
    assert "with-headers" not in server.log


def test_a_server_without_headers_gets_none() -> None:
    """A server may have them switched off, and would end the connection."""
    heard = []

    def behave(conversation: Conversation) -> None:
        conversation.greet(headers=False)
        heard.append(conversation.hear("PUB").rpartition(" ")[2])

    with FakeNats(behave) as server, wasmcloud_ctl.connect(server.url) as client:
        with in_span(), pytest.raises(wasmcloud_ctl.NotConnectedError):
            client.get_config("web")
    assert heard == ["0"]


def test_opentelemetry_is_never_imported(practice_server: PracticeServer) -> None:
    """It is installed here; a program that does not use it does not pay for it."""
    script = f"""
import sys, wasmcloud_ctl
with wasmcloud_ctl.connect({practice_server.url!r}, connect_timeout=20) as client:
    client.get_hosts()
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")
