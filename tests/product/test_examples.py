"""The tour does what it says."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from wasmcloud_ctl.testing import PracticeLattice, unused_port

ROOT = Path(__file__).parents[2]
TOUR = ROOT / "examples" / "tour.py"


def take_tour(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(TOUR), *arguments], capture_output=True, text=True, timeout=25)


def part(output: str, heading: str) -> list[str]:
    """The lines under a heading."""
    return output.partition(f"\n{heading}")[2].partition("\n")[2].partition("\n\n")[0].splitlines()


def test_the_tour_shows_a_lattice_and_ends() -> None:
    """The tour prints hosts, bids, the placed component, the link and the events in order, in a few seconds."""
    started = time.monotonic()

    tour = take_tour()

    assert (tour.returncode, tour.stderr) == (0, "")
    assert time.monotonic() - started < 15
    assert len(part(tour.stdout, "hosts")) == 3
    assert len(part(tour.stdout, "who would run the component")) == 3
    assert "  tour-echo runs with 5" in part(tour.stdout, "the component with its config, on ")
    assert "  tour-http -> tour-echo  wasi:http/incoming-handler  (default)" in part(
        tour.stdout, "a link and a label"
    )
    [component] = [
        line for line in part(tour.stdout, "the host's inventory") if line.startswith("  component ")
    ]
    assert component.startswith("  component tour-echo: 5 of file://")
    events = [line.split(maxsplit=2)[2] for line in part(tour.stdout, "the events, in order")]
    # What one host publishes has an order; what two publish, the one on the heels of the other, has not.
    told: dict[str, list[str]] = {}
    for event in events:
        name, words = event.split(maxsplit=1)
        told.setdefault(name.partition("_")[0], []).append(words)
    assert told == {
        "config": ["tour-config"] * 2,
        "component": ["tour-echo: 1", "tour-echo: 1", "tour-echo: 5", "tour-echo: 0"],
        "linkdef": ["tour-http -> tour-echo"] * 2,
        "labels": ["tour=here", "tour is gone"],
    }


def test_the_tour_leaves_a_lattice_as_it_was(lattice: PracticeLattice) -> None:
    """On a lattice that a URL names, everything is put back."""
    tour = take_tour(lattice.url, "--lattice", lattice.lattice)

    assert (tour.returncode, tour.stderr) == (0, "")
    with lattice.connect() as client:
        for host in lattice.hosts:
            inventory = client.get_host_inventory(host.id).unwrap()
            assert inventory.components == ()
            assert "tour" not in inventory.labels
        assert client.get_links().data == []
        assert client.get_config("tour-config").data is None


def test_the_tour_says_what_is_wrong(lattice: PracticeLattice) -> None:
    """Where no server, no host or no such image is, the tour ends with one line that says so."""
    nowhere = take_tour(f"nats://127.0.0.1:{unused_port()}")
    empty = take_tour(lattice.url, "--lattice", "nobody-here")
    lattice.registry.fail("registry.example/acme/absent:1", "no such image")
    absent = take_tour(
        lattice.url, "--lattice", lattice.lattice, "--component", "registry.example/acme/absent:1"
    )

    assert [ended.returncode for ended in (nowhere, empty, absent)] == [1, 1, 1]
    assert nowhere.stderr.startswith("error: nobody listens at nats://127.0.0.1:")
    assert empty.stderr.startswith("error: nobody listens on wasmbus.ctl.v1.nobody-here.host.ping")
    assert absent.stderr.startswith("error: the scale of tour-echo to 1 on host ")
    assert "no such image" in absent.stderr
    assert all(ended.stderr.count("\n") == 1 for ended in (nowhere, empty, absent))
