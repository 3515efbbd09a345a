"""How pytest-xdist distributes the tests. A plugin of tests/conftest.py, where xdist is installed."""

from __future__ import annotations

import os

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# One process runs all tests of these files, because they share a fixture that takes seconds.
TOGETHER = (
    "test_authentication.py",
    "test_bare_machine.py",
    "test_benchmarks.py",
    "test_browsers.py",
    "test_golden_replay.py",
    "test_notebooks.py",
)


def pytest_xdist_auto_num_workers() -> int:
    """Run two processes for each processor, since most tests wait for something."""
    return min((os.cpu_count() or 1) * 2, 8)


class ByTest(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Distributes single tests, and the files of `TOGETHER` as a whole.

    This is what xdist's own "loadgroup" is for. It does nothing with pytest 9.2 and xdist 3.8: xdist marks the
    tests of a group by an attribute that pytest no longer has.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if file.endswith(TOGETHER) else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByTest:
    """Distribute the tests by `ByTest`."""
    return ByTest(config, log)
