"""The loop of a wait, given replies by hand."""

from __future__ import annotations

import queue
import time
from typing import Any

import pytest

from wasmcloud_ctl import (
    ClosedError,
    CtlError,
    Link,
    NoResponders,
    NotConnectedError,
    RequestTimeout,
    StopHostCommand,
    WaitTimeout,
)
from wasmcloud_ctl._operations import wait as wait_module
from wasmcloud_ctl._operations.evidence import Operation
from wasmcloud_ctl._operations.outcomes import PutLink, StopHost
from wasmcloud_ctl._operations.wait import Wait
from wasmcloud_ctl._options.options import resolve
from wasmcloud_ctl._protocol.subjects import Subjects
from wasmcloud_ctl._transport import Reply

LINK = Link("echo", "http", "wasi", "http", ["incoming-handler"])
SUBJECTS = Subjects("wasmbus.ctl", "wasmbus.evt", "default")
NO_LINKS = b'{"success": true, "message": "", "response": []}'
INVENTORY = (
    b'{"success": true, "message": "", "response": {"host_id": "NA", "components": [], "providers": []}}'
)
ACCEPTED = b'{"success": true, "message": ""}'


class Scripted:
    """A transport that answers the command, and each look, as the test says.

    Args:
        before: The reply to the look before the command.
        acknowledgement: The reply to the command; None for no reply.
        looks: The replies to the looks after the command; the last one is repeated.
        gaps: How often the connection is lost by the time of each look.
    """

    def __init__(
        self,
        before: bytes,
        acknowledgement: bytes | CtlError | None,
        looks: list[bytes | CtlError],
        gaps: list[int] | None = None,
    ) -> None:
        self.sent: list[str] = []
        self.gaps = 0
        self._before = before
        self._acknowledgement = acknowledgement
        self._looks = looks
        self._gaps = gaps or []
        self._ready: list[Reply] = []

    # What a wait uses of a transport.

    def replies(self) -> Scripted:
        return self

    def request(self, subject: str, payload: bytes, timeout: float) -> bytes:
        return self._before

    # What a wait uses of the queue of replies.

    def __enter__(self) -> Scripted:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __len__(self) -> int:
        return len(self._ready)

    def subscribe(self, subjects: object, handler: object, timeout: float) -> Scripted:
        return self

    def send(self, subject: str, payload: bytes = b"", *, handler: Any, **_: object) -> object:
        self.sent.append(subject)
        if subject.endswith((".del", ".put", ".stop.NA")):
            answer = self._acknowledgement
        else:
            answer = self._looks[0]
            self._looks = self._looks[1:] or self._looks
            self.gaps = self._gaps.pop(0) if self._gaps else self.gaps
        if answer is not None:
            error = answer if isinstance(answer, CtlError) else None
            self._ready.append(Reply(handler, b"" if isinstance(answer, CtlError) else answer, error))
        return object()

    def expire(self, call: object, timeout: float) -> None:
        pass

    def get(self, seconds: float) -> Reply:
        if not self._ready:
            time.sleep(seconds)
            raise queue.Empty
        return self._ready.pop(0)


def perform(transport: Any, operation: Operation[Any], wait: float) -> object:
    """Send a command, and wait for its outcome."""
    return Wait(transport, operation, SUBJECTS, resolve({}), {}, timeout=1.0, wait=wait).run()


def put_link(transport: Scripted, wait: float = 0.3) -> object:
    """Put a link, and wait until it is there."""
    return perform(transport, PutLink(LINK), wait)


def stop_host(transport: Scripted, wait: float = 10.0) -> object:
    """Stop a host, and wait until it is gone."""
    return perform(transport, StopHost(StopHostCommand(host_id="NA")), wait)


@pytest.mark.parametrize(
    ("look", "last_seen"),
    [
        (b"{oops", "the reply is not valid JSON"),
        (b'{"success": false, "message": "not now"}', "the host refused: not now"),
        (NotConnectedError("the connection is away"), "the connection is away"),
        (RequestTimeout("no answer", subject="a"), "no answer"),
    ],
)
def test_a_look_that_fails_does_not_end_the_wait(look: bytes | CtlError, last_seen: str) -> None:
    """The next look may succeed. Until then the timeout quotes the failure."""
    with pytest.raises(WaitTimeout) as caught:
        put_link(Scripted(NO_LINKS, ACCEPTED, [look]))

    assert str(caught.value.last_seen).startswith(last_seen)
    assert f"acknowledged, but not certain within 0.3 s: {last_seen}" in str(caught.value)


def test_a_look_on_a_closed_client_ends_the_wait() -> None:
    """It would not succeed later."""
    with pytest.raises(ClosedError):
        put_link(Scripted(NO_LINKS, ACCEPTED, [ClosedError("closed")]))


def test_a_command_that_was_not_sent_ends_the_wait() -> None:
    """There is nothing to wait for."""
    with pytest.raises(RequestTimeout):
        put_link(Scripted(NO_LINKS, RequestTimeout("unsent", subject="a", sent=False), [NO_LINKS]))
    with pytest.raises(NotConnectedError):
        put_link(Scripted(NO_LINKS, NotConnectedError("unsent", sent=False), [NO_LINKS]))
    with pytest.raises(NoResponders):
        put_link(Scripted(NO_LINKS, NoResponders("nobody", subject="a"), [NO_LINKS]))


def test_a_host_that_is_gone_before_its_command_has_stopped() -> None:
    """Nobody receives the command, and nobody answers: that is what was wanted."""
    nobody = NoResponders("nobody", subject="a")

    response = stop_host(Scripted(INVENTORY, nobody, [nobody]))

    assert getattr(response, "message", None) == "the outcome is certain, though no acknowledgement came"


def test_a_connection_lost_before_the_acknowledgement_does_not_end_the_wait() -> None:
    """The command was sent, so its outcome is still looked for."""
    link = (
        b'[{"source_id": "echo", "target": "http", "name": "default", "wit_namespace": "wasi", '
        b'"wit_package": "http", "interfaces": ["incoming-handler"]}]'
    )
    there = b'{"success": true, "message": "", "response": ' + link + b"}"
    lost = NotConnectedError("lost", sent=True)

    with pytest.raises(WaitTimeout, match="was not acknowledged, and not certain") as caught:
        put_link(Scripted(NO_LINKS, lost, [there]))

    assert caught.value.last_seen == "get_links shows it"


def test_no_responders_prove_nothing_while_hosts_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the server was away, a host has some seconds to come back before it counts as gone."""
    monkeypatch.setattr(wait_module, "_GONE_SECONDS", 0.02)
    monkeypatch.setattr(wait_module, "_RETURN_SECONDS", 0.3)
    nobody = NoResponders("nobody", subject="a")

    started = time.monotonic()
    stop_host(Scripted(INVENTORY, ACCEPTED, [nobody]))
    assert time.monotonic() - started < 0.3

    started = time.monotonic()
    stop_host(Scripted(INVENTORY, ACCEPTED, [nobody], gaps=[1]))
    assert 0.3 < time.monotonic() - started < 3
