"""Fixtures for the client's tests: a lattice of two practice hosts on a real server, and a client of it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from wasmcloud_ctl import Client
from wasmcloud_ctl.testing import PracticeLattice, PracticeServer


@pytest.fixture
def lattice(practice_server: PracticeServer) -> Iterator[PracticeLattice]:
    """Two hosts with the labels zone=z1 and zone=z2, in a lattice of this test's own."""
    labels = [{"zone": "z1"}, {"zone": "z2"}]
    with PracticeLattice(hosts=labels, lattice=f"test-{uuid.uuid4().hex}", server=practice_server) as lattice:
        yield lattice


@pytest.fixture
def client(lattice: PracticeLattice) -> Iterator[Client]:
    """A client of that lattice."""
    with lattice.connect(quiet=0.25) as client:
        yield client
