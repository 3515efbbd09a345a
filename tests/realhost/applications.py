"""Prove the waits for applications on a real wadm and real hosts, and compare them with a poller of wadm's status.

    python tests/realhost/applications.py [--times 20] [--heartbeat 5] [--only CASE ...] [--poller SECONDS]

Each case runs in lattices of its own, with two hosts. For each run it is noted what the wait said, when, and what ran
at that moment by the hosts' inventories. An answer is false if that contradicts it, or if it does within the next
seconds although nobody has changed anything. ``--poller`` does the same with a script as people write it: it asks
for the status after each pause of so many seconds, until that is ``deployed``, ``failed`` or ``undeployed``.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import attrs

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from realhost import harness
from realhost.artifacts import reference, write_artifacts

import wasmcloud_ctl
from wasmcloud_ctl import Client, ComponentScaled, OperationFailed, WaitTimeout
from wasmcloud_ctl.testing import PracticeServer

APPLICATION = "wasmcloud.dev/appspec"

# How long the answer must stay true. It is longer than the interval of the heartbeats by default.
STAYS = 7.0


@attrs.frozen
class Answer:
    """What a wait said, and after how many seconds."""

    said: str
    seconds: float
    why: str = ""


@attrs.define
class World:
    """A lattice with two hosts and wadm."""

    client: Client
    hosts: list[harness.RealHost]
    images: Mapping[str, str]
    poller: float | None
    name: str = "shop"
    versions: Iterator[int] = attrs.field(factory=lambda: itertools.count(1))

    def manifest(
        self, image: str = "a", count: int = 1, zone: str | None = None, version: str | None = None
    ) -> dict[str, object]:
        """Return a manifest of one component."""
        scaler: dict[str, object] = {"instances": count}
        if zone is not None:
            scaler["spread"] = [{"name": zone, "requirements": {"zone": zone}}]
        return {
            "apiVersion": "core.oam.dev/v1beta1",
            "kind": "Application",
            "metadata": {
                "name": self.name,
                "annotations": {"version": version or f"v{next(self.versions)}", "description": "a test"},
            },
            "spec": {
                "components": [
                    {
                        "name": "echo",
                        "type": "component",
                        "properties": {"image": self.images[image]},
                        "traits": [{"type": "spreadscaler", "properties": scaler}],
                    }
                ]
            },
        }

    def running(self) -> dict[str, int]:
        """Return what runs of the application by the inventories: counts by the name of the image."""
        found: Counter[str] = Counter()
        names = {image: name for name, image in self.images.items()}
        ids = [host.host_id for host in self.hosts if host.running]
        for inventory in self.client.get_host_inventories(ids, timeout=10):
            for component in inventory.components:
                if (component.annotations or {}).get(APPLICATION) == self.name:
                    found[names[component.image_ref]] += component.max_instances
        return dict(found)

    def deploy(self, manifest: Mapping[str, object], wait: float = 60) -> Answer:
        """Put and deploy a manifest, and wait."""
        wadm = self.client.wadm
        stored = wadm.put_manifest(manifest, timeout=10)
        return self.deploy_version(stored.current_version, wait)

    def deploy_version(self, version: str, wait: float = 60) -> Answer:
        """Deploy a version, and wait."""
        wadm = self.client.wadm
        if self.poller is None:
            return _answer(
                "deployed", lambda: wadm.deploy_manifest(self.name, version, wait=wait, timeout=10)
            )
        return self._poll(
            lambda: wadm.deploy_manifest(self.name, version, timeout=10), ("deployed", "failed")
        )

    def undeploy(self) -> Answer:
        """Undeploy, and wait."""
        wadm = self.client.wadm
        if self.poller is None:
            return _answer("undeployed", lambda: wadm.undeploy_manifest(self.name, wait=60, timeout=10))
        return self._poll(lambda: wadm.undeploy_manifest(self.name, timeout=10), ("undeployed",))

    def delete(self) -> Answer:
        """Delete, and wait."""
        wadm = self.client.wadm
        if self.poller is None:
            return _answer("undeployed", lambda: wadm.delete_manifest(self.name, wait=60, timeout=10))
        return self._poll(lambda: wadm.delete_manifest(self.name, timeout=10), ("undeployed",))

    def _poll(self, command: Callable[[], object], ends: tuple[str, ...]) -> Answer:
        assert self.poller is not None
        started = time.monotonic()
        command()
        while time.monotonic() < started + 60:
            time.sleep(self.poller)  # what is measured is a script that asks at intervals
            info = self.client.wadm.get_manifest_status(self.name, timeout=10).info
            if info.status_type in ends:
                return Answer(info.status_type.value, time.monotonic() - started, info.message)
        return Answer("not certain", time.monotonic() - started)


def _answer(said: str, call: Callable[[], object]) -> Answer:
    started = time.monotonic()
    why = ""
    try:
        call()
    except OperationFailed as error:
        said, why = "failed", str(error.reason)
    except WaitTimeout as error:
        said, why = "not certain", str(error)
    return Answer(said, time.monotonic() - started, why)


# Cases: each prepares, asks, and returns the answer and what must run then. None: it must fail ----------------------

Case = Callable[[World, int], tuple[Answer, dict[str, int] | None]]


def first_deploy(world: World, number: int) -> tuple[Answer, dict[str, int]]:
    """The first deploy after wadm's start."""
    return world.deploy(world.manifest("a", 3)), {"a": 3}


def deployed_already(world: World, number: int) -> tuple[Answer, dict[str, int]]:
    """A deploy of what is deployed."""
    world.client.wadm.put_and_deploy_manifest(world.manifest("a", 2, version="v1"), wait=60)
    return world.deploy_version("v1"), {"a": 2}


def another_count(world: World, number: int) -> tuple[Answer, dict[str, int]]:
    """Another count."""
    world.client.wadm.put_and_deploy_manifest(world.manifest("a", 2), wait=60)
    return world.deploy(world.manifest("a", 5 if number % 2 else 1)), {"a": 5 if number % 2 else 1}


def another_image(world: World, number: int) -> tuple[Answer, dict[str, int]]:
    """Another image."""
    world.client.wadm.put_and_deploy_manifest(world.manifest("a", 2), wait=60)
    return world.deploy(world.manifest("b", 2 if number % 2 else 3)), {"b": 2 if number % 2 else 3}


def old_version(world: World, number: int) -> tuple[Answer, dict[str, int]]:
    """Back to an old version."""
    world.client.wadm.put_and_deploy_manifest(world.manifest("a", 2, version="v1"), wait=60)
    world.client.wadm.put_and_deploy_manifest(world.manifest("b", 2, version="v2"), wait=60)
    return world.deploy_version("v1"), {"a": 2}


def missing_image(world: World, number: int) -> tuple[Answer, None]:
    """An image that does not exist, in place of one that runs in every second run."""
    if number % 2:
        world.client.wadm.put_and_deploy_manifest(world.manifest("a", 2), wait=60)
    return world.deploy(world.manifest("missing", 1), 90), None


def no_host(world: World, number: int) -> tuple[Answer, None]:
    """A spread that no host fits."""
    return world.deploy(world.manifest("a", 2, zone="mars"), 90), None


def killed_host(world: World, number: int) -> tuple[Answer, dict[str, int]]:
    """A host that is killed during the wait."""
    victim = world.hosts[number % 2]
    timer = threading.Timer(0.02 * number, victim.kill)
    timer.start()
    answer = world.deploy(world.manifest("a", 4), 30)
    timer.join()
    return answer, {"a": 4}


def undeploy(world: World, number: int) -> tuple[Answer, dict[str, int]]:
    """An undeployment; in every second run, right after a deploy that nobody waited for."""
    wait = None if number % 2 else 60.0
    world.client.wadm.put_and_deploy_manifest(world.manifest("a", 3), wait=wait)
    return world.undeploy(), {}


def delete(world: World, number: int) -> tuple[Answer, dict[str, int]]:
    """A deletion of what is deployed; in every second run, right after a deploy that nobody waited for."""
    wait = None if number % 2 else 60.0
    world.client.wadm.put_and_deploy_manifest(world.manifest("a", 3), wait=wait)
    return world.delete(), {}


CASES: tuple[Case, ...] = (
    first_deploy,
    deployed_already,
    another_count,
    another_image,
    old_version,
    missing_image,
    no_host,
    killed_host,
    undeploy,
    delete,
)


# Runs ---------------------------------------------------------------------------------------------------------------


@attrs.frozen
class Run:
    """An answer, what ran when it came, and whether it was false at that moment or soon after."""

    answer: Answer
    ran: dict[str, int]
    false: str


@contextmanager
def _world(url: str, images: Mapping[str, str], heartbeat: float, *, poller: float | None) -> Iterator[World]:
    lattice = f"proof-{uuid.uuid4().hex}"
    options = harness.HostOptions(lattice=lattice, heartbeat=heartbeat)
    labels = ({"zone": "z1"}, {"zone": "z2"})
    with harness.real_hosts(url, labels, options) as hosts:
        with wasmcloud_ctl.connect(url, lattice=lattice, quiet=0.25, timeout=10) as client:
            yield World(client, hosts, images, poller)


def _judged(world: World, answer: Answer, wanted: dict[str, int] | None, fresh: list[bool]) -> Run:
    ran = world.running()
    if answer.said == "not certain":
        return Run(answer, ran, "")
    if answer.said == "failed" or wanted is None:
        right = (answer.said == "failed") == (wanted is None)
        return Run(answer, ran, "" if right else f"said {answer.said}, but must not")
    if ran != wanted:
        return Run(answer, ran, f"ran {ran}, and not {wanted}")
    if not all(fresh):
        return Run(answer, ran, "the old image was renamed, and not stopped")
    end = time.monotonic() + STAYS
    while time.monotonic() < end:
        now = world.running()
        if now != wanted:
            return Run(answer, ran, f"ran {now} soon after")
        time.sleep(0.1)  # no event says that nothing happens, so the state is looked at for a while
    return Run(answer, ran, "")


def _run(
    case: Case, number: int, images: Mapping[str, str], heartbeat: float, url: str, *, poller: bool
) -> Run:
    with _world(url, images, heartbeat, poller=poller) as world, ExitStack() as stack:
        if case is first_deploy:
            # The hosts have said that they start. wadm learns of them by their heartbeats.
            stack.enter_context(harness.real_wadm(url))
            return _judged(world, *case(world, number), [])
        with world.client.events_receiver("host_heartbeat") as beats:
            stack.enter_context(harness.real_wadm(url))
            heard: set[str] = set()
            while len(heard) < 2:
                heard.add(beats.get(60).source)
        with world.client.events_receiver("component_scaled") as scales:
            answer, wanted = case(world, number)
            fresh = _freshness(scales, images)
        return _judged(world, answer, wanted, fresh)


def _freshness(scales: wasmcloud_ctl.EventReceiver, images: Mapping[str, str]) -> list[bool]:
    """For each host, whether the last image that it published was started after a stop of another one."""
    by_host: dict[str, list[ComponentScaled]] = {}
    while True:
        try:
            data = scales.get(0).data
        except WaitTimeout:
            break
        if isinstance(data, ComponentScaled):
            by_host.setdefault(data.host_id, []).append(data)
    fresh = []
    for events in by_host.values():
        code: str | None = None
        for data in events:
            if not data.max_instances:
                code = None
            elif code is None:
                code = data.image_ref
        fresh.append(code is None or code == [data for data in events if data.max_instances][-1].image_ref)
    return fresh


def main() -> None:
    """Run the cases, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--heartbeat", type=float, default=5.0)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--poller", type=float, metavar="SECONDS")
    parser.add_argument("--at-once", type=int, default=4)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        made = write_artifacts(Path(folder))
        images = {
            "a": reference(made.echo),
            "b": reference(made.echo2),
            "missing": reference(Path(folder) / "missing.wasm"),
        }

        def once(case: Case, number: int) -> Run:
            # Each run has a server and a wadm of its own, so that each begins with a wadm that knows nothing.
            with PracticeServer() as server:
                return _run(case, number, images, arguments.heartbeat, server.url, poller=arguments.poller)

        with ThreadPoolExecutor(arguments.at_once) as pool:
            for case in CASES:
                if arguments.only and case.__name__ not in arguments.only:
                    continue
                runs = list(pool.map(once, itertools.repeat(case), range(arguments.times)))
                _print(case, runs)


def _print(case: Case, runs: list[Run]) -> None:
    for said in sorted({run.answer.said for run in runs}):
        those = [run for run in runs if run.answer.said == said]
        seconds = sorted(run.answer.seconds for run in those)
        false = [run for run in those if run.false]
        ran = Counter(json.dumps(run.ran) for run in those)
        print(
            f"{case.__name__:17} {said:12} {len(those):3}  false {len(false):3}  "
            f"{seconds[0]:6.2f} {statistics.median(seconds):6.2f} {seconds[-1]:6.2f} s  "
            f"ran {', '.join(f'{state} x {count}' for state, count in ran.items())}",
            flush=True,
        )
        for text, count in Counter(run.false or run.answer.why for run in those).items():
            if text:
                print(f"    {count} x {text}", flush=True)


if __name__ == "__main__":
    main()
