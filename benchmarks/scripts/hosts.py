"""A script that connects, lists all hosts and ends."""

from __future__ import annotations

import sys

import wasmcloud_ctl

with wasmcloud_ctl.connect(sys.argv[1], lattice="hosts-20") as client:
    assert len(client.get_hosts(expected=20).data) == 20
