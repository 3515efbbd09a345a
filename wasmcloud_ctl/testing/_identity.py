"""What a host calls itself: its id, its friendly name, and how long it has run in words."""

from __future__ import annotations

import base64
import binascii
import os
import platform
import random

# An nkey is a byte for its kind, 32 bytes of public key and a CRC, in base 32. This one makes the first
# letter an N, for a server.
_SERVER = 13 << 3

# fmt: off
_ADJECTIVES = (
    "brave", "bright", "calm", "clever", "copper", "crisp", "eager", "early", "faint", "gentle",
    "golden", "hollow", "humble", "idle", "jolly", "keen", "lucky", "mellow", "narrow", "nimble", "odd",
    "pale", "plain", "quick", "rapid", "round", "rustic", "sharp", "silver", "sleepy", "slow", "soft",
    "spare", "steady", "stray", "tidy", "upper", "vivid", "warm", "wide",
)
_NOUNS = (
    "acorn", "anchor", "badger", "basin", "beacon", "bridge", "canyon", "canoe", "cedar", "comet",
    "compass", "ferry", "fjord", "gull", "harbour", "heron", "island", "kettle", "lantern", "marsh",
    "meteor", "mill", "otter", "owl", "pebble", "plover", "quarry", "raven", "reef", "ridge", "saddle",
    "sparrow", "spruce", "summit", "tundra", "valley", "vole", "willow", "wren", "yarrow",
)
# fmt: on

_UNITS = (("year", 31_557_600), ("month", 2_630_016), ("day", 86_400))


def new_host_id() -> str:
    """An id as hosts have it: the public half of a server nkey, ``N`` and 55 more letters and digits."""
    key = bytes([_SERVER]) + os.urandom(32)
    return base64.b32encode(key + binascii.crc_hqx(key, 0).to_bytes(2, "little")).decode("ascii")


def new_friendly_name() -> str:
    """A name for people, such as ``steady-otter-0412``."""
    return f"{random.choice(_ADJECTIVES)}-{random.choice(_NOUNS)}-{random.randrange(10_000):04}"


def built_in_labels() -> dict[str, str]:
    """The labels that every host has, with the values they have here."""
    system = platform.system().lower()
    machine = platform.machine().lower()
    return {
        "hostcore.arch": {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine),
        "hostcore.os": {"darwin": "macos"}.get(system, system),
        "hostcore.osfamily": "windows" if system == "windows" else "unix",
    }


def uptime_in_words(seconds: int) -> str:
    """A time as hosts tell it.

    Args:
        seconds: Whole seconds, 0 or more.

    Returns:
        Such as ``1m 23s``, ``2days 3h``, ``0s``.
    """
    if seconds == 0:
        return "0s"
    parts: list[str] = []
    for name, length in _UNITS:
        count, seconds = divmod(seconds, length)
        if count:
            parts.append(f"{count}{name}{'s' if count > 1 else ''}")
    for name, length in (("h", 3600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, length)
        if count:
            parts.append(f"{count}{name}")
    return " ".join(parts)
