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


def inventory(components: int | None = None) -> bytes:
    """Return the reply to ``host.get``, with ``components`` components, or with those of the recorded host."""
    reply = copy.deepcopy(_recorded("get_host_inventory after stop"))
    if components is not None:
        recorded = reply["response"]["components"]
        reply["response"]["components"] = [
            recorded[number % len(recorded)] | {"id": f"{recorded[number % len(recorded)]['id']}-{number}"}
            for number in range(components)
        ]
    return _bytes(reply)


def events() -> list[tuple[str, bytes]]:
    """Return all recorded events in order, each as the last part of its subject and its bytes."""
    return [
        (event["subject"].rpartition(".")[2], _bytes(event["data"]))
        for case in _cases()
        for event in case["events"]
    ]
