"""Servers that cannot be reached."""

from __future__ import annotations

import time

import pytest
from calling import library_threads

import wasmcloud_ctl
from wasmcloud_ctl import (
    ConnectError,
)
from wasmcloud_ctl.testing import unused_port


def test_where_nobody_listens_is_said_at_once() -> None:
    """A closed port is a ConnectError that names the address, with the true cause, and leaves no thread."""
    port = unused_port()
    before = len(library_threads())
    started = time.monotonic()

    with pytest.raises(ConnectError, match=rf"nobody listens at nats://127\.0\.0\.1:{port}") as caught:
        wasmcloud_ctl.connect(f"nats://127.0.0.1:{port}", connect_timeout=5)

    assert time.monotonic() - started < 1
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)
    assert len(library_threads()) == before


def test_a_name_that_does_not_resolve_is_named() -> None:
    """A host name without an address is a ConnectError that names it."""
    with pytest.raises(ConnectError, match=r"the name 'nowhere\.invalid' cannot be resolved"):
        wasmcloud_ctl.connect("nats://nowhere.invalid:4222")
