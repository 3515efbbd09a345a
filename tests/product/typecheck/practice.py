"""The practice lattice in a user's own typed tests, as a type checker sees it; see ``answers.py``."""

from __future__ import annotations

from typing_extensions import assert_type

from wasmcloud_ctl import Client
from wasmcloud_ctl.testing import PracticeHost, PracticeLattice


def a_lattice_of_ones_own() -> None:
    with PracticeLattice(hosts=[{"zone": "a"}, {"zone": "b"}], lattice="mine") as lattice:
        assert_type(lattice, PracticeLattice)
        assert_type(lattice.url, str)
        assert_type(lattice.hosts[0], PracticeHost)
        lattice.hosts[0].stall()
        with lattice.connect(quiet=0.25, check=True) as client:
            assert_type(client, Client)
        lattice.connect(quite=0.25)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    PracticeLattice(hosts="3")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
