"""A live view in a storm of changes: right at each quiet moment, and stale whenever it is wrong."""

from __future__ import annotations

import itertools
import uuid
from typing import Any

import pytest
from storm import Storm, Tally

from wasmcloud_ctl._bridge.slices import SlicedQueue
from wasmcloud_ctl.testing import PracticeLattice, PracticeServer

# Each storm takes 11 s of a processor, and with coverage on a busy machine more than 30.
pytestmark = pytest.mark.timeout(180)

HOSTS = 100
QUIET = 5
BEAT = 1.0


def storm(server: PracticeServer, seed: int, changes: int) -> tuple[Tally, int]:
    """Let a storm pass over a view. Return what it has found, and how many messages the view has dropped."""
    with (
        PracticeLattice(
            HOSTS, lattice=f"test-{uuid.uuid4().hex}", server=server, heartbeat_interval=BEAT
        ) as lattice,
        lattice.connect(timeout=10, quiet=0.5) as client,
        client.watch(heartbeat=BEAT) as view,
    ):
        tally = Storm(lattice, client, view, BEAT, seed).run(changes, QUIET)
        return tally, sum(watched.copy.background.queue.dropped for watched in view._parts._all)


def check(tally: Tally) -> None:
    """Check that the view was right when it had to be."""
    assert tally.wrong == []
    assert tally.equal == QUIET


def test_a_view_is_right_after_a_storm(own_server: PracticeServer) -> None:
    """2,000 changes on 100 hosts, with hosts that end and a server that restarts."""
    tally, dropped = storm(own_server, 1, 2000)
    check(tally)
    assert (tally.right_doubts, dropped) == (QUIET, 0)


def test_a_view_that_drops_messages_is_right_after_a_storm(
    own_server: PracticeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same where each tenth event is dropped, as by a view that falls behind.

    Doubts are not compared: only events say what runs, and some of them are lost.
    """
    put = SlicedQueue.put
    events = itertools.count(1)

    def drop_some(queue: SlicedQueue[Any], item: Any) -> None:
        if type(item) is tuple and not item[0].endswith(b"heartbeat") and next(events) % 10 == 0:
            queue.dropped += 1
            queue.wake()
        else:
            put(queue, item)

    monkeypatch.setattr(SlicedQueue, "put", drop_some)
    tally, dropped = storm(own_server, 2, 1000)
    check(tally)
    assert dropped >= 50
