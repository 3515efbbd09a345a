"""Fixtures for the tests of applications."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from counted import Counted, counted


@pytest.fixture
def practice() -> Iterator[Counted]:
    """A practice lattice whose server counts the connections of its clients."""
    with counted() as practice:
        yield practice
