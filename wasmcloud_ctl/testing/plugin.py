"""The pytest plugin: a practice lattice as a fixture::

    def test_my_script(practice_lattice):
        with practice_lattice.connect() as client:
            ...

    @pytest.mark.practice_lattice(hosts=[{"zone": "a"}, {"zone": "b"}])
    def test_with_two_hosts(practice_lattice):
        ...

One nats-server serves a whole session; each test has a lattice with a name of its own on it.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    # At run time in the fixtures: a session that uses none of them is not to pay for them.
    from wasmcloud_ctl.testing import PracticeLattice, PracticeServer

# As much of the server's log as helps when a test has failed.
_LOG_CHARACTERS = 4000


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        "practice_lattice(hosts=1, **options): the arguments of PracticeLattice for the fixture of that name",
    )


@pytest.fixture(scope="session")
def practice_server() -> Iterator[PracticeServer]:
    """A nats-server with JetStream, one for the session. A test that stops it should start it again."""
    from wasmcloud_ctl.testing import PracticeServer

    with PracticeServer() as server:
        yield server


@pytest.fixture
def make_practice_lattice(practice_server: PracticeServer) -> Iterator[Callable[..., PracticeLattice]]:
    """A function that makes and starts practice lattices, which end with the test.

    It takes the arguments of ``PracticeLattice``. Unless they say otherwise, the lattice is on
    ``practice_server`` and has a name that no other has.
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
    """A practice lattice of one host, or as the marker ``practice_lattice`` has it."""
    marker = request.node.get_closest_marker("practice_lattice")
    return make_practice_lattice() if marker is None else make_practice_lattice(*marker.args, **marker.kwargs)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Show the end of the server's log with a test that failed on it."""
    outcome = yield
    report = outcome.get_result()
    lattice: PracticeLattice | None = getattr(item, "funcargs", {}).get("practice_lattice")
    if report.failed and lattice is not None:
        with contextlib.suppress(RuntimeError):
            report.sections.append(("nats-server log", lattice.server.log[-_LOG_CHARACTERS:]))
