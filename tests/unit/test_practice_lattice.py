"""The practice lattice without a server."""

from __future__ import annotations

import base64
import re
import subprocess
import sys

import nkeys
import pytest

from wasmcloud_ctl.testing import PracticeLattice
from wasmcloud_ctl.testing._identity import new_friendly_name, new_host_id, uptime_in_words


def test_the_import_brings_no_nats_client() -> None:
    """Whoever imports the package for its fixtures pays for no NATS client and no anyio."""
    look = (
        "import sys, importlib.util as util\n"
        "import wasmcloud_ctl\n"
        "before = set(sys.modules)\n"
        "import wasmcloud_ctl.testing, wasmcloud_ctl.testing.plugin\n"
        "print([m for m in set(sys.modules) - before if m.split('.')[0] in ('nats', 'anyio', 'nkeys', 'nacl')])"
    )

    result = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)

    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "arguments",
    [
        {"hosts": -1},
        {"heartbeat_interval": 0},
        {"version": "2.0.0"},
        {"server": "nats://127.0.0.1:1", "port": 4222},
    ],
)
def test_arguments_that_cannot_be_meant(arguments: dict[str, object]) -> None:
    """They are refused at once."""
    with pytest.raises(ValueError):
        PracticeLattice(**arguments)  # type: ignore[arg-type]


def test_ids_and_names_look_like_those_of_hosts() -> None:
    """An id is an nkey with its checksum, and no two are the same."""
    host_id = new_host_id()

    assert re.fullmatch(r"N[A-Z2-7]{55}", host_id)
    raw = base64.b32decode(host_id)
    assert raw[-2:] == bytes(nkeys.crc16_checksum(bytearray(raw[:-2])))
    assert host_id != new_host_id()
    assert re.fullmatch(r"[a-z]+-[a-z]+-\d{4}", new_friendly_name())


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0s"),
        (59, "59s"),
        (60, "1m"),
        (83, "1m 23s"),
        (3600, "1h"),
        (86_400 + 7200, "1day 2h"),
        (2 * 86_400, "2days"),
        (2_630_016 + 1, "1month 1s"),
        (31_557_600 * 2, "2years"),
    ],
)
def test_uptime_in_words(seconds: int, words: str) -> None:
    """As the host's own library writes it."""
    assert uptime_in_words(seconds) == words
