"""A script that connects, makes one call and ends."""

from __future__ import annotations

import sys

import wasmcloud_ctl

with wasmcloud_ctl.connect(sys.argv[1]) as client:
    assert client.get_config("web").unwrap()
