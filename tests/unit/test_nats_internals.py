"""The check of the private names of nats-py."""

from __future__ import annotations

import nats.aio.client
import pytest

from wasmcloud_ctl import ClosedError
from wasmcloud_ctl._bridge.loop import Bridge
from wasmcloud_ctl._transport import nats_internals


def test_a_missing_name_is_an_import_error_with_the_versions_that_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A renamed method that the package overrides would otherwise never be called."""
    nats_internals.check()
    monkeypatch.delattr(nats.aio.client.Client, "_process_op_err")

    with pytest.raises(
        ImportError, match=r"has no Client\._process_op_err, .*: install nats-py 2\.15 and 2\.16"
    ):
        nats_internals.check()


def test_a_bridge_that_was_not_started_runs_nothing() -> None:
    """It has no loop yet."""

    async def nothing() -> None:
        pass

    with pytest.raises(ClosedError):
        Bridge("test-bridge").run(nothing, timeout=1)
