"""What tests of live views have in common."""

from __future__ import annotations

from collections import Counter

from calling import wait_until
from storm import asked

from wasmcloud_ctl import Client, Link
from wasmcloud_ctl.live import LatticeView
from wasmcloud_ctl.testing import PracticeLattice

REFERENCE = "registry.example/acme/echo:1"
OTHER = "registry.example/acme/echo:2"
PROVIDER = "registry.example/acme/http:1"
LINK = Link("echo", "http", "wasi", "http", ["incoming-handler"])

# Far more than anything takes on a busy machine.
LONG = 15.0


def becomes_quiet(view: LatticeView) -> None:
    """Wait until a view is not stale."""
    wait_until(lambda: not view.stale, LONG)


def is_right(lattice: PracticeLattice, client: Client, view: LatticeView, hosts: int) -> None:
    """Wait until the hosts have nothing to do and the view is not stale. Check that it shows what the hosts say."""
    lattice.settle()
    becomes_quiet(view)
    assert view.lattice.diff(asked(client, hosts)) == []
    assert not view.stale


def operations(lattice: PracticeLattice) -> Counter[str]:
    """Return how many requests of each kind the hosts have received."""
    return Counter(command.operation for command in lattice.commands)
