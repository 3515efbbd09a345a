"""Invalid arguments of `connect`."""

from __future__ import annotations

from typing import Any

import pytest

import wasmcloud_ctl
from wasmcloud_ctl import InvalidArgument, Link


@pytest.mark.parametrize(
    "options",
    [
        {"servers": []},
        {"servers": 5},
        {"servers": ""},
        {"servers": "http://127.0.0.1"},
        {"servers": "ws://127.0.0.1"},
        {"servers": "nats://127.0.0.1:99999"},
        {"servers": "nats://127.0.0.1:4222/path"},
        {"servers": [None]},
        {"lattice": "x.>"},
        {"lattice": ""},
        {"lattice": "a b"},
        {"topic_prefix": "a..b"},
        {"topic_prefix": ">"},
        {"event_prefix": "a..b"},
        {"event_prefix": ">"},
        {"inbox_prefix": "a b"},
        {"timeout": 0},
        {"timeout": float("inf")},
        {"auction_timeout": -1},
        {"connect_timeout": True},
        {"quiet": "1"},
        {"check": 1},
        {"name": 5},
        {"user": "me"},
        {"password": "hunter2"},
        {"token": b"t"},
        {"timeout": 10**400},
        {"credentials": " "},
        {"tls_ca": "\t"},
        {"context": " "},
        {"js_domain": " "},
    ],
    ids=repr,
)
def test_connect_refuses_what_cannot_be_meant(options: dict[str, Any]) -> None:
    """A bad option of connect is an InvalidArgument, not an attempt to connect."""
    with pytest.raises(InvalidArgument):
        wasmcloud_ctl.connect(**options)


@pytest.mark.parametrize("url", ["nats://me:hunter2@host:port", "nats://me:hunter2@[::1", "x://me:hunter2@h"])
def test_the_message_about_a_url_holds_no_password(url: str) -> None:
    """What is wrong with a URL is said without its credentials, in the cause, too."""
    with pytest.raises(InvalidArgument) as caught:
        wasmcloud_ctl.connect(url)

    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("field", ["interfaces", "source_config", "target_config"])
def test_a_link_refuses_a_string_in_the_place_of_a_list_where_it_is_written(field: str) -> None:
    """A string would be read as a list of its letters. The message shows what to write."""
    fields: dict[str, Any] = {"interfaces": ["x"], field: "incoming-handler"}
    with pytest.raises(InvalidArgument) as caught:
        Link("a", "b", "wasi", "http", **fields)

    assert str(caught.value) == (
        "a Link takes interfaces and configs as a list of strings, not as one string: write ['incoming-handler']"
    )
