"""The pytest plugin: practice lattices as fixtures::

    def test_my_script(practice_lattice):
        with practice_lattice.connect() as client:
            ...

    @pytest.mark.practice_lattice(hosts=[{"zone": "a"}, {"zone": "b"}])
    def test_with_two_hosts(practice_lattice):
        ...

One nats-server serves the whole session. Each test gets a lattice with a name of its own.
"""

from _wasmcloud_ctl_pytest import (
    make_practice_lattice,
    practice_lattice,
    practice_server,
    pytest_configure,
    pytest_runtest_makereport,
)

__all__ = [
    "make_practice_lattice",
    "practice_lattice",
    "practice_server",
    "pytest_configure",
    "pytest_runtest_makereport",
]
