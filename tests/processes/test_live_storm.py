"""A live view in a long storm: with ``-m long`` alone."""

from __future__ import annotations

import os

import pytest
from storm import Storm

from wasmcloud_ctl.testing import PracticeLattice, PracticeServer

pytestmark = pytest.mark.long

# Smaller ones are for those who work on this test.
HOSTS = int(os.environ.get("WASMCLOUD_CTL_STORM_HOSTS", "1000"))
CHANGES = int(os.environ.get("WASMCLOUD_CTL_STORM_CHANGES", "50000"))
QUIET = int(os.environ.get("WASMCLOUD_CTL_STORM_QUIET", "100"))
BEAT = 4.0


@pytest.mark.timeout(3600)
def test_a_view_of_a_thousand_hosts_is_right_at_each_quiet_moment(own_server: PracticeServer) -> None:
    """50,000 changes: 100 of 100 quiet moments equal a fresh gather, and whenever it was wrong it was stale."""
    with (
        PracticeLattice(HOSTS, server=own_server, heartbeat_interval=BEAT) as lattice,
        lattice.connect(timeout=10, quiet=1) as client,
        client.watch(heartbeat=BEAT) as view,
    ):
        tally = Storm(lattice, client, view, BEAT, 1).run(CHANGES, QUIET)

    print(f"{tally.fresh} looks not stale, {tally.stale} stale, {tally.wrong_and_stale} of these wrong")
    assert tally.wrong == []
    assert (tally.quiet, tally.equal, tally.right_doubts) == (QUIET, QUIET, QUIET)
