"""Unit tests need no server: asking for one is an error."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def practice_server() -> None:
    """Fail in place of starting a server."""
    pytest.fail("a unit test asks for a server: it belongs in tests/lattice")
