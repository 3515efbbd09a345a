"""The pytest plugin of wasmcloud_ctl. Its public name is ``wasmcloud_ctl.testing.plugin``.

pytest imports the plugins of all installed packages at every start. This module lies outside the package, and the
fixtures import the package themselves, so that a session that uses no fixture does not import nats-py and anyio.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from wasmcloud_ctl.testing import PracticeLattice, PracticeServer

# How much of the end of the server's log the report of a failed test shows.
_LOG_CHARACTERS = 4000
_LOG_TITLE = "nats-server log"


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, which ``--strict-markers`` demands."""
    config.addinivalue_line(
        "markers",
        "practice_lattice(hosts=1, **options): the arguments of PracticeLattice for the fixture of that name",
    )


@pytest.fixture(scope="session")
def practice_server() -> Iterator[PracticeServer]:
    """A nats-server with JetStream for the whole session. A test that stops it must start it again."""
    from wasmcloud_ctl.testing import PracticeServer

    with PracticeServer() as server:
        yield server


@pytest.fixture
def make_practice_lattice(practice_server: PracticeServer) -> Iterator[Callable[..., PracticeLattice]]:
    """A function that makes and starts a practice lattice, which is closed after the test.

    Takes the arguments of ``PracticeLattice``. By default, a lattice uses ``practice_server`` and has a unique name.
    """
    from wasmcloud_ctl.testing import PracticeLattice

    with contextlib.ExitStack() as lattices:

        def make(*arguments: Any, **options: Any) -> PracticeLattice:
            options.setdefault("lattice", f"test-{uuid.uuid4().hex}")
            if "port" not in options and "js_domain" not in options:
                options.setdefault("server", practice_server)
            return lattices.enter_context(PracticeLattice(*arguments, **options))

        yield make


@pytest.fixture
def practice_lattice(
    request: pytest.FixtureRequest, make_practice_lattice: Callable[..., PracticeLattice]
) -> PracticeLattice:
    """A practice lattice of one host, or with the arguments of the marker ``practice_lattice``."""
    marker = request.node.get_closest_marker("practice_lattice")
    return make_practice_lattice() if marker is None else make_practice_lattice(*marker.args, **marker.kwargs)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Add the end of the server's log to the report of a failed test."""
    outcome = yield
    report = outcome.get_result()
    lattice: PracticeLattice | None = getattr(item, "funcargs", {}).get("practice_lattice")
    if report.failed and lattice is not None and _LOG_TITLE not in dict(report.sections):
        with contextlib.suppress(RuntimeError):  # the server was given as a URL, so there is no log
            report.sections.append((_LOG_TITLE, lattice.server.log[-_LOG_CHARACTERS:]))
