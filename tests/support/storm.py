"""A seeded storm of changes on a lattice, and the comparison of a live view with what hosts say.

python tests/support/storm.py [--hosts 1000] [--changes 50000] [--quiet 100] [--seed 1]
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import attrs

from wasmcloud_ctl import Client, CtlError, Link
from wasmcloud_ctl.live import Change, Lattice, LatticeView, LinkChange
from wasmcloud_ctl.testing import PracticeHost, PracticeLattice


@attrs.define
class Tally:
    """What the storm has found."""

    changes: int = 0
    refused: int = 0
    quiet: int = 0
    equal: int = 0
    right_doubts: int = 0
    # Of the looks at busy moments, just after the hosts' events have arrived.
    fresh: int = 0
    stale: int = 0
    wrong_and_stale: int = 0
    wrong: list[list[Change]] = attrs.field(factory=list)
    kinds: Counter[str] = attrs.field(factory=Counter)
    became_quiet: list[float] = attrs.field(factory=list)


def asked(client: Client, hosts: int) -> Lattice:
    """Return what the hosts themselves say now."""
    inventories = client.get_host_inventories(expected=hosts, timeout=10)
    assert not inventories.errors
    assert len(inventories) == hosts
    return Lattice(inventories.data, tuple(client.get_links(timeout=10).unwrap()))


class Changer:
    """Changes a lattice at random, and compares a view with what its hosts say. Subclasses know the hosts."""

    images: tuple[str, ...]
    providers: tuple[str, ...]
    at_once: int

    def __init__(self, client: Client, view: LatticeView, heartbeat: float, seed: int) -> None:
        self.client: Client = client
        self.view: LatticeView = view
        self.heartbeat: float = heartbeat
        self.chance: random.Random = random.Random(seed)
        self.killed_at: float = float("-inf")
        self.tally: Tally = Tally()

    # For subclasses

    def host_ids(self) -> list[str]:
        """Return the ids of the hosts that run."""
        raise NotImplementedError

    def settle(self) -> None:
        """Wait until the hosts have made all changes."""
        raise NotImplementedError

    def trouble(self, number: int) -> None:
        """Do what goes wrong in this round: end a host, restart the server, and the like."""
        raise NotImplementedError

    def doubts_are_right(self) -> bool:
        """Return whether the view has just the doubts that it must have."""
        raise NotImplementedError

    # Rounds

    def run(self, changes: int, quiet: int) -> Tally:
        """Make so many changes, with so many quiet moments between them."""
        for number in range(quiet):
            self.change_much(changes // quiet)
            self.trouble(number)
            self.compare_at_once()
            self.compare_at_rest()
        return self.tally

    def run_and_report(self, changes: int, quiet: int) -> None:
        """Do the same, and print what was found after each five quiet moments."""
        started = time.monotonic()
        for _ in range(quiet // 5):
            self.run(changes // quiet * 5, 5)
            report(self.tally, time.monotonic() - started)
        print(self.tally.kinds, f"refused: {self.tally.refused}; doubts at the end: {len(self.view.doubts)}")

    def change_much(self, count: int) -> None:
        """Make so many changes, several at the same time."""
        calls = [self._change() for _ in range(count)]
        with ThreadPoolExecutor(self.at_once) as threads:
            for call in calls:
                threads.submit(self._try, call)
        self.tally.changes += count

    def _try(self, call: Callable[[], object]) -> None:
        try:
            if not call():
                self.tally.refused += 1
        except CtlError:
            self.tally.refused += 1

    def _change(self) -> Callable[[], object]:
        chance, client = self.chance, self.client
        host = chance.choice(self.host_ids())
        name = f"c{chance.randrange(20)}"
        kind = chance.choices(list(_CHANCES), list(_CHANCES.values()))[0]
        self.tally.kinds[kind] += 1
        image, count = chance.choice(self.images), chance.randrange(1, 6)
        provider, reference = f"p{chance.randrange(5)}", chance.choice(self.providers)
        key, value = f"k{chance.randrange(3)}", str(chance.randrange(10))
        link_name = chance.choice(("default", "other"))
        link = Link(name, provider, "wasi", "http", ("incoming-handler",), name=link_name)
        match kind:
            case "scale":
                return lambda: client.scale_component(host, image, name, count)
            case "stop":
                return lambda: client.scale_component(host, image, name, 0)
            case "update":
                return lambda: client.update_component(host, name, image)
            case "start provider":
                return lambda: client.start_provider(host, reference, provider)
            case "stop provider":
                return lambda: client.stop_provider(host, provider)
            case "label":
                return lambda: client.put_label(host, key, value)
            case "no label":
                return lambda: client.delete_label(host, key)
            case "link":
                return lambda: client.put_link(link)
            case _:
                return lambda: client.delete_link(name, link.name, "wasi", "http")

    # Comparisons

    def compare_at_once(self) -> None:
        """Look at the view as soon as what the hosts have published so far has arrived."""
        self.settle()
        self.client.get_links(timeout=10)  # the server sends in order: all events before this answer
        stale, seen = self.view.stale, self.view.lattice
        running = self.host_ids()
        differences = seen.diff(asked(self.client, len(running)))
        if time.monotonic() < self.killed_at + 5 * self.heartbeat:
            # Nobody can know yet that a host was killed.
            gone = seen.hosts.keys() - set(running)
            differences = [change for change in differences if _host_of(change) not in gone]
        self.tally.fresh += not stale
        self.tally.stale += stale
        if differences and stale:
            self.tally.wrong_and_stale += 1
        elif differences:
            self.tally.wrong.append(differences)

    def compare_at_rest(self) -> None:
        """Wait until the view is not stale, and look at it."""
        # From 1.5 intervals on, a host that was killed is asked. The clock alone says when that is.
        time.sleep(max(0.0, self.killed_at + 1.6 * self.heartbeat - time.monotonic()))
        started = time.monotonic()
        while self.view.stale and time.monotonic() < started + 30:
            time.sleep(0.002)  # no event says that a view is not stale any more
        self.tally.became_quiet.append(time.monotonic() - started)
        stale, seen = self.view.stale, self.view.lattice
        differences = seen.diff(asked(self.client, len(self.host_ids())))
        self.tally.quiet += 1
        if not differences and not stale:
            self.tally.equal += 1
        else:
            self.tally.wrong.append(differences)
        self.tally.right_doubts += self.doubts_are_right()


_CHANCES = {
    "scale": 40,
    "stop": 12,
    "update": 6,
    "start provider": 10,
    "stop provider": 8,
    "label": 6,
    "no label": 3,
    "link": 9,
    "no link": 6,
}


def _host_of(change: Change) -> str | None:
    return None if isinstance(change, LinkChange) else change.host_id


class Storm(Changer):
    """Changes a practice lattice, and makes trouble: hosts end, the server restarts, events are no events."""

    images = ("registry.example/a:1", "registry.example/a:2", "registry.example/b:1")
    providers = ("registry.example/p:1", "registry.example/p:2")
    at_once = 8

    def __init__(
        self, lattice: PracticeLattice, client: Client, view: LatticeView, heartbeat: float, seed: int
    ) -> None:
        super().__init__(client, view, heartbeat, seed)
        self._lattice = lattice
        self._running: list[PracticeHost] = list(lattice.hosts)
        # Components that were renamed just when the server restarted: no event has said so.
        self._unknown: set[tuple[str, str]] = set()
        self._may_be_unknown = False

    def host_ids(self) -> list[str]:
        return [host.id for host in self._running]

    def settle(self) -> None:
        self._lattice.settle(60)

    def trouble(self, number: int) -> None:
        if number % 5 == 1:
            for name in ("component_scaled", "linkdef_set"):
                self._lattice.publish(f"wasmbus.evt.{self._lattice.lattice}.{name}", b"no event")
        if number % 5 == 2:
            self._lose_host()
        if number % 5 == 4:
            self._restart_server()

    def _lose_host(self) -> None:
        """End a host in one of the ways in which hosts end, and start another one."""
        host = self._running.pop(self.chance.randrange(len(self._running)))
        kind = self.chance.choice(["kill", "stop", "restart"])
        self.tally.kinds[f"host: {kind}"] += 1
        if kind != "stop":
            self.killed_at = time.monotonic()
        if kind == "restart":
            host.restart()
            self._running.append(host)
            return
        if kind == "kill":
            host.kill()
        else:
            host.stop()
        self._running.append(self._lattice.add_host())

    def _restart_server(self) -> None:
        self.tally.kinds["server restart"] += 1
        self._may_be_unknown = True
        self._lattice.server.restart()
        wait_for_all(self.client, len(self._running))

    def doubts_are_right(self) -> bool:
        codes = {
            (host.id, component): code
            for host in self._running
            for component, code in host.running_code.items()
        }
        shown = {
            (host.host_id, found.id): found.image_ref
            for host in self.view.hosts.values()
            for found in host.components
        }
        right = {key: (codes[key], shown[key]) for key in codes if codes[key] != shown[key]}
        found = {
            (doubt.host_id, doubt.component_id): (doubt.event_ref, doubt.inventory_ref)
            for doubt in self.view.doubts
        }
        if self._may_be_unknown:
            self._may_be_unknown = False
            self._unknown |= {key for key in right if right[key] != found.get(key)}
        self._unknown &= codes.keys()
        return {key: pair for key, pair in right.items() if key not in self._unknown} == {
            key: pair for key, pair in found.items() if key not in self._unknown
        }


def wait_for_all(client: Client, hosts: int) -> None:
    """Wait until so many hosts answer again, after the server was away."""
    end = time.monotonic() + 20
    while True:
        try:
            if len(client.get_hosts(expected=hosts, timeout=2)) == hosts:
                return
        except CtlError:
            time.sleep(0.01)  # without a connection it fails at once
        assert time.monotonic() < end


def report(tally: Tally, seconds: float) -> None:
    """Print what was found so far."""
    print(
        f"{seconds:.0f} s: {tally.changes} changes",
        f"{tally.equal} of {tally.quiet} quiet moments equal and not stale, doubts right in {tally.right_doubts}",
        f"at once: {tally.fresh} not stale, {tally.stale} stale ({tally.wrong_and_stale} of them wrong)",
        f"wrong and not stale: {len(tally.wrong)}; quiet after at most {max(tally.became_quiet):.2f} s",
        sep="; ",
        flush=True,
    )
    for differences in tally.wrong:
        print("   ", differences[:5])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--hosts", type=int, default=1000)
    parser.add_argument("--changes", type=int, default=50000)
    parser.add_argument("--quiet", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--heartbeat", type=float, default=4.0)
    options = parser.parse_args()
    started = time.monotonic()
    with (
        PracticeLattice(hosts=[{}] * options.hosts, heartbeat_interval=options.heartbeat) as lattice,
        lattice.connect(timeout=10, quiet=1) as client,
        client.watch(heartbeat=options.heartbeat) as view,
    ):
        print(f"began after {time.monotonic() - started:.1f} s with {len(view.hosts)} hosts", flush=True)
        storm = Storm(lattice, client, view, options.heartbeat, options.seed)
        storm.run_and_report(options.changes, options.quiet)
        sys.exit(bool(storm.tally.wrong))


if __name__ == "__main__":
    main()
