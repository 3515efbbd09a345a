"""The replies and events that ``answering`` sends, made from recordings of real hosts (``tests/data``)."""

from __future__ import annotations

import base64
import copy
import functools
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_RECORDED = Path(__file__).parent.parent / "tests" / "data" / "host-1.9.2.jsonl"

_RECORDED_KINDS = (
    "component_scaled",
    "component_scale_failed",
    "provider_started",
    "provider_start_failed",
    "provider_stopped",
    "linkdef_set",
    "linkdef_set_failed",
    "linkdef_deleted",
    "config_set",
    "config_deleted",
    "labels_changed",
    "host_stopped",
)


@functools.cache
def _cases() -> list[dict[str, Any]]:
    return [json.loads(line) for line in _RECORDED.read_text("utf-8").splitlines()]


def _recorded(case: str) -> Any:
    """Return the first reply of a recorded case."""
    return next(found["replies"][0]["json"] for found in _cases() if found["case"] == case)


def _bytes(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def host_id(number: int) -> str:
    """Return an id as long as a real host's, different for each number."""
    digest = hashlib.sha256(b"%d" % number).digest() + b"12"
    return "N" + base64.b32encode(digest).decode().rstrip("=")[:55]


def config() -> bytes:
    """Return the reply to ``config.get``."""
    return _bytes(_recorded("get_config"))


def hosts(count: int) -> Iterator[bytes]:
    """Yield the replies of ``count`` hosts to ``host.ping``."""
    reply = _recorded("get_hosts")
    for number in range(count):
        reply["response"] |= {"id": host_id(number), "friendly_name": f"icy-leaf-{number}"}
        yield _bytes(reply)


def _components(recorded: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """Return ``count`` components made from recorded ones, each with an id of its own."""
    found = [recorded[number % len(recorded)] for number in range(count)]
    return [component | {"id": f"{component['id']}-{number}"} for number, component in enumerate(found)]


def inventory(components: int | None = None) -> bytes:
    """Return the reply to ``host.get``, with ``components`` components, or with those of the recorded host."""
    reply = copy.deepcopy(_recorded("get_host_inventory after stop"))
    if components is not None:
        reply["response"]["components"] = _components(reply["response"]["components"], components)
    return _bytes(reply)


def _heartbeat(size: int) -> dict[str, Any]:
    """Return a heartbeat of at least ``size`` bytes, by the number of its components."""
    event = next(_events_of("host_heartbeat"))
    event["data"]["components"] = []
    recorded = _recorded("get_host_inventory after stop")["response"]["components"]
    count = 0
    while len(_bytes(event)) < size:
        count += 1
        event["data"]["components"] = _components(recorded, count)
    return event


def _events_of(name: str) -> Iterator[dict[str, Any]]:
    for case in _cases():
        for event in case["events"]:
            if event["subject"].rpartition(".")[2] == name:
                yield copy.deepcopy(event["data"])


def _unrecorded(name: str, data: dict[str, Any]) -> dict[str, Any]:
    """Return an event of a kind that the recordings do not have: a recorded one with other data."""
    return next(_events_of("host_stopped")) | {"type": f"com.wasmcloud.lattice.{name}", "data": data}


def events(kind: str) -> list[tuple[str, bytes]]:
    """Return events to be sent in turn, each as the last part of its subject and its bytes.

    ``one``: an event of one kind, ``component_scaled``. ``all``: one of each kind, with a heartbeat of 1 kB.
    ``heartbeats``: a heartbeat of 20 kB.
    """
    if kind == "one":
        found = [next(_events_of("component_scaled"))]
    elif kind == "heartbeats":
        found = [_heartbeat(20_000)]
    else:
        labels = next(_events_of("labels_changed"))
        health = {"host_id": labels["source"], "provider_id": "http-server"}
        found = [next(_events_of(name)) for name in _RECORDED_KINDS]
        found += [_unrecorded(f"health_check_{result}", health) for result in ("passed", "failed", "status")]
        started = {"friendly_name": "icy-leaf-1", "labels": labels["data"]["labels"], "version": "1.9.2"}
        found += [_unrecorded("host_started", started | {"uptime_seconds": 0}), _heartbeat(1_000)]
    return [(event["type"].rpartition(".")[2], _bytes(event)) for event in found]
