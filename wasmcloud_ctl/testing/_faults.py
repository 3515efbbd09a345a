"""What can be wrong with a host."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

# What becomes of a reply: nothing, one message, or several.
ReplyFault = Callable[[bytes], list[bytes]]


class Faults:
    """The faults of one host; all off at first. On the hosts' event loop only.

    Attributes:
        awake: Not set while the host is stalled.
        slowness: Seconds that pass before the host takes up a request.
        shutdown_seconds: Seconds that a provider takes to shut down.
        lost_events: The kinds of events that do not arrive; ``*`` for all.
        parts_silently: Whether the host's end comes before its last acknowledgement and event are sent.
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
        """Let this become of the replies to one operation; None for all."""
        self._replies[operation or "*"] = fault

    def replies(self, operation: str, payload: bytes) -> list[bytes]:
        """What is sent in place of a reply."""
        fault = self._replies.get(operation) or self._replies.get("*")
        return [payload] if fault is None else fault(payload)

    def loses_event(self, name: str) -> bool:
        """Whether this kind of event does not arrive."""
        return name in self.lost_events or "*" in self.lost_events

    def clear(self) -> None:
        """Take all faults away."""
        self.awake.set()
        self.slowness = 0.0
        self.shutdown_seconds = 0.0
        self.lost_events.clear()
        self.parts_silently = False
        self._replies.clear()


def say(payload: bytes) -> ReplyFault:
    """Something else in place of every reply."""
    return lambda _: [payload]


def cut(length: int | None) -> ReplyFault:
    """The first so many bytes of every reply; None for half of them."""
    return lambda reply: [reply[: len(reply) // 2 if length is None else length]]


def lose(_: bytes) -> list[bytes]:
    """No reply."""
    return []


def repeat(times: int) -> ReplyFault:
    """Every reply several times."""
    return lambda reply: [reply] * times


def pad(size: int) -> ReplyFault:
    """Every reply blown up to so many bytes, by a field that nobody knows."""

    def padded(reply: bytes) -> list[bytes]:
        content = json.loads(reply)
        content["padding"] = ""
        missing = size - len(json.dumps(content))
        content["padding"] = "." * max(missing, 0)
        return [json.dumps(content).encode("utf-8")]

    return padded
