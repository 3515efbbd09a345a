"""The faults that a practice host can be given."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

# Turns a reply into the messages that are sent in its place: none, one or several.
ReplyFault = Callable[[bytes], list[bytes]]


class Faults:
    """The faults of one host, at first none. To be used on the hosts' event loop only.

    Attributes:
        awake: Cleared while the host is stalled.
        slowness: Seconds before the host starts to serve a request.
        shutdown_seconds: Seconds that a provider takes to shut down.
        lost_events: The names of events that are not published; ``*`` stands for all.
        parts_silently: Whether a stopping host ends before it sends its acknowledgement and ``host_stopped``.
    """

    def __init__(self) -> None:
        self.awake: asyncio.Event = asyncio.Event()
        self.awake.set()
        self.slowness: float = 0.0
        self.shutdown_seconds: float = 0.0
        self.lost_events: set[str] = set()
        self.parts_silently: bool = False
        self._replies: dict[str, ReplyFault] = {}

    def set_reply_fault(self, operation: str | None, fault: ReplyFault) -> None:
        """Set the fault of the replies to one operation, or to all (None)."""
        self._replies[operation or "*"] = fault

    def replies(self, operation: str, payload: bytes) -> list[bytes]:
        """Return the messages to send in place of a reply."""
        fault = self._replies.get(operation) or self._replies.get("*")
        return [payload] if fault is None else fault(payload)

    def loses_event(self, name: str) -> bool:
        """Return whether events of this name are lost."""
        return name in self.lost_events or "*" in self.lost_events

    def clear(self) -> None:
        """Remove all faults."""
        self.awake.set()
        self.slowness = 0.0
        self.shutdown_seconds = 0.0
        self.lost_events.clear()
        self.parts_silently = False
        self._replies.clear()


def replace(payload: bytes) -> ReplyFault:
    """Replace every reply with a fixed payload."""
    return lambda _: [payload]


def cut(length: int | None) -> ReplyFault:
    """Cut every reply to its first ``length`` bytes, or to its first half (None)."""
    return lambda reply: [reply[: len(reply) // 2 if length is None else length]]


def lose(_: bytes) -> list[bytes]:
    """Drop every reply."""
    return []


def repeat(times: int) -> ReplyFault:
    """Send every reply several times."""
    return lambda reply: [reply] * times


def pad(size: int) -> ReplyFault:
    """Pad every reply to ``size`` bytes with an unknown field."""

    def padded(reply: bytes) -> list[bytes]:
        content = json.loads(reply)
        content["padding"] = ""
        missing = size - len(json.dumps(content))
        content["padding"] = "." * max(missing, 0)
        return [json.dumps(content).encode("utf-8")]

    return padded
