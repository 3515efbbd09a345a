"""How a host describes itself: its id, its friendly name, its built-in labels, and its uptime in words."""

from __future__ import annotations

import base64
import binascii
import os
import platform
import random

# An nkey is one byte for its kind, 32 bytes of public key and a CRC, encoded in base 32. This kind (a server) makes N
# the first letter.
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
    """Return a random host id: the public key of a server nkey, which is ``N`` and 55 more letters and digits."""
    key = bytes([_SERVER]) + os.urandom(32)
    return base64.b32encode(key + binascii.crc_hqx(key, 0).to_bytes(2, "little")).decode("ascii")


def new_friendly_name() -> str:
    """Return a random human-readable name, such as ``steady-otter-0412``."""
    return f"{random.choice(_ADJECTIVES)}-{random.choice(_NOUNS)}-{random.randrange(10_000):04}"


def built_in_labels() -> dict[str, str]:
    """Return the labels that every host has, with their values on this machine."""
    system = platform.system().lower()
    machine = platform.machine().lower()
    return {
        "hostcore.arch": {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine),
        "hostcore.os": {"darwin": "macos"}.get(system, system),
        "hostcore.osfamily": "windows" if system == "windows" else "unix",
    }


def uptime_in_words(seconds: int) -> str:
    """Return a duration in words, formatted as hosts do.

    Args:
        seconds: The duration in whole seconds, 0 or more.

    Returns:
        The text, such as ``1m 23s``, ``2days 3h`` or ``0s``.
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
