"""Compare a live view with two real hosts, while many changes are made.

    python tests/realhost/live.py [--changes 500] [--quiet 25] [--seed 1]

A host is killed and another one started in some rounds, and the server restarts in others.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import uuid
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from realhost import harness
from realhost.artifacts import reference, write_artifacts
from storm import Changer, asked, wait_for_all

import wasmcloud_ctl
from wasmcloud_ctl import Client, LatticeView
from wasmcloud_ctl.testing import PracticeServer

# What the hosts say must be the same for so long until they count as settled.
SETTLED_SECONDS = 1.0


class RealStorm(Changer):
    """Changes a lattice of two real hosts."""

    at_once = 4

    def __init__(
        self,
        client: Client,
        view: LatticeView,
        heartbeat: float,
        seed: int,
        hosts: list[harness.RealHost],
        server: PracticeServer,
        start: ExitStack,
        references: tuple[tuple[str, ...], tuple[str, ...]],
    ) -> None:
        super().__init__(client, view, heartbeat, seed)
        self.images, self.providers = references
        self._hosts = hosts
        self._server = server
        self._start = start

    def host_ids(self) -> list[str]:
        return [host.host_id for host in self._hosts]

    def settle(self) -> None:
        end = time.monotonic() + 60
        before, since = None, 0.0
        answers: list[object] = []
        while time.monotonic() < end:
            found = asked(self.client, len(self._hosts))
            if found != before:
                answers.append((time.monotonic(), before and before.diff(found)))
                before, since = found, time.monotonic()
            if time.monotonic() > since + SETTLED_SECONDS:
                return
            time.sleep(0.1)  # no event says that a host has finished
        print(answers[-6:], flush=True)
        raise TimeoutError(f"the hosts did not settle: {before and before.diff(found)}")

    def trouble(self, number: int) -> None:
        if number % 5 == 2:
            self.tally.kinds["host: kill"] += 1
            self._hosts.pop(0).kill()
            self.killed_at = time.monotonic()
            self._hosts += start_hosts(self._start, self._server.url, self.client.lattice, self.heartbeat, 1)
        if number % 5 == 4:
            self.tally.kinds["server restart"] += 1
            self._server.restart()
            wait_for_all(self.client, len(self._hosts))

    def doubts_are_right(self) -> bool:
        return True  # no host tells what it really runs


def start_hosts(
    stack: ExitStack, url: str, lattice: str, heartbeat: float, count: int
) -> list[harness.RealHost]:
    """Start real hosts that run until the end of the stack."""
    options = harness.HostOptions(lattice=lattice, heartbeat=heartbeat)
    return list(stack.enter_context(harness.real_hosts(url, ({},) * count, options)))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--changes", type=int, default=500)
    parser.add_argument("--quiet", type=int, default=25)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--heartbeat", type=float, default=5.0)
    options = parser.parse_args()
    lattice = f"live-{uuid.uuid4().hex}"
    with ExitStack() as stack:
        made = write_artifacts(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        references = (reference(made.echo), reference(made.echo2)), (reference(made.provider),)
        server = stack.enter_context(PracticeServer())
        hosts = start_hosts(stack, server.url, lattice, options.heartbeat, 2)
        client = stack.enter_context(
            wasmcloud_ctl.connect(server.url, lattice=lattice, timeout=10, quiet=0.5)
        )
        view = stack.enter_context(client.watch(heartbeat=options.heartbeat))
        storm = RealStorm(client, view, options.heartbeat, options.seed, hosts, server, stack, references)
        storm.run_and_report(options.changes, options.quiet)
    sys.exit(bool(storm.tally.wrong))


if __name__ == "__main__":
    main()
