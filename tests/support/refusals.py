"""Connections that must not come about, and what that may not leave behind."""

from __future__ import annotations

import pickle
import threading
import time
from typing import Any

import pytest

import wasmcloud_ctl
from wasmcloud_ctl import ConnectError, CtlError

# What a failing connect may take beyond its timeout.
GRACE_SECONDS = 0.2


def library_threads() -> int:
    """How many threads of clients there are."""
    return sum(thread.name == "wasmcloud_ctl" for thread in threading.enumerate())


def refusal(
    *arguments: Any, kind: type[CtlError] = ConnectError, secrets: tuple[str, ...] = (), **options: Any
) -> str:
    """Connect in vain, and see that it is in time, leaves no thread, and tells no secret.

    Args:
        arguments: For ``connect``.
        kind: What it must raise, exactly.
        secrets: What may stand nowhere in the error, nor in what is chained to it.
        options: For ``connect``.

    Returns:
        The message.
    """
    before = library_threads()
    allowed = options.get("connect_timeout", 2.0) + GRACE_SECONDS
    started = time.monotonic()
    with pytest.raises(kind) as caught:
        wasmcloud_ctl.connect(*arguments, **options)
    assert time.monotonic() - started < allowed
    assert type(caught.value) is kind
    assert library_threads() == before
    assert_silent_about(secrets, caught.value)
    return str(caught.value)


def assert_silent_about(secrets: tuple[str, ...], error: BaseException) -> None:
    """See that no secret is in an error, in its pickle, or in anything that hangs on it."""
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    hanging: list[BaseException | None] = [error]
    while hanging:
        one = hanging.pop()
        if one is None:
            continue
        hanging += [one.__cause__, one.__context__]
        told = "".join(
            map(repr, (one, one.args, vars(one), getattr(one, "filename", ""), getattr(one, "doc", "")))
        )
        for secret in secrets:
            assert secret not in told
