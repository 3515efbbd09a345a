"""Compare the client with bare nats-py, and bare nats-py with other ways."""

from __future__ import annotations

import contextlib
import itertools
import os
import statistics
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import attrs

import wasmcloud_ctl
from benchmarks import others
from benchmarks.measuring import Comparison, Ratio, compare
from benchmarks.replies import host_id
from benchmarks.tables import span, table
from benchmarks.world import world
from wasmcloud_ctl import Client
from wasmcloud_ctl._bridge import loop as _bridge
from wasmcloud_ctl.testing._server import PracticeServer

try:
    import uvloop
except ImportError:
    uvloop = None  # type: ignore[assignment]  # without it, the tables have no rows for it

_CALL = others.CONFIG_SUBJECT
_EVENTS = "wasmbus.evt.default.*"


def hear(client: Client, count: int, begin: Callable[[], None]) -> None:
    """Receive ``count`` typed events on the caller's thread with ``get``, and read the data of each."""
    with client.events_receiver(maxsize=count) as events:
        begin()
        for _ in range(count):
            events.get(others.TIMEOUT).data  # noqa: B018  # reading it is what is measured
        assert events.dropped == 0


def iterate(client: Client, count: int, begin: Callable[[], None]) -> None:
    """Receive ``count`` typed events on the caller's thread by iteration, and read the data of each."""
    with client.events_receiver(maxsize=count) as events:
        begin()
        for event in itertools.islice(events, count):
            event.data  # noqa: B018  # reading it is what is measured
        assert events.dropped == 0


def call(client: Client, times: int) -> None:
    """Make calls one after the other."""
    for _ in range(times):
        client.get_config("web")


def ask_inventory(client: Client, host_id: str, times: int) -> None:
    """Ask for a host's inventory ``times`` times."""
    for _ in range(times):
        client.get_host_inventory(host_id)


def call_from_threads(client: Client, times: int, threads: int) -> None:
    """Make ``times`` calls in total from ``threads`` threads."""
    running = [threading.Thread(target=call, args=(client, times // threads)) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


def run_python(*arguments: str) -> str:
    """Run Python in a new process. Returns its output."""
    # Keep the byte code. pip compiles what it installs, so users do not compile at each start.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, *arguments]
    ended = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return ended.stdout


def import_time(module: str) -> str:
    """Return the seconds that an import takes in a new process."""
    return run_python(
        "-c",
        f"import time; started = time.perf_counter()\nimport {module}\nprint(time.perf_counter() - started)",
    )


@attrs.frozen(kw_only=True)
class Sizes:
    """How much work the comparisons do.

    Attributes:
        hosts: Hosts that answer a ping.
        components: Components in an inventory.
        events: Events that a receiver receives.
        heartbeats: Large heartbeats that a receiver receives.
        slow: Hosts that take 20 ms for their inventory.
        calls: Calls in one sample.
        inventories: Inventories in one sample.
        pairs: Pairs of samples where one takes up to a quarter of a second.
        few_pairs: Pairs of longer samples.
    """

    hosts: int
    components: int
    events: int
    heartbeats: int
    slow: int
    calls: int
    inventories: int
    pairs: int
    few_pairs: int


FULL = Sizes(
    hosts=10_000,
    components=1_000,
    events=100_000,
    heartbeats=5_000,
    slow=1_000,
    calls=200,
    inventories=10,
    pairs=31,
    few_pairs=11,
)
TRIAL = Sizes(
    hosts=20,
    components=20,
    events=100,
    heartbeats=10,
    slow=10,
    calls=4,
    inventories=1,
    pairs=1,
    few_pairs=1,
)


@contextlib.contextmanager
def comparisons(server: PracticeServer, sizes: Sizes) -> Iterator[list[Comparison]]:
    """Provide all comparisons of these sizes, for the duration of the block.

    ``server`` has the program that answers.
    """
    url = server.url
    hosts, components, slow = sizes.hosts, sizes.components, sizes.slow
    events, heartbeats, calls = sizes.events, sizes.heartbeats, sizes.calls
    pairs, few_pairs = sizes.pairs, sizes.few_pairs
    slow_ids = [host_id(number) for number in range(slow)]
    bare = others.Bare(url)
    raw, trigger = others.RawSocket(server.port), others.RawSocket(server.port)
    threaded, portal = others.ThreadedLoop(url), others.Portal(url)
    client = wasmcloud_ctl.connect(url, timeout=others.TIMEOUT, auction_timeout=60.0)
    many, slow_hosts = client.for_lattice(f"hosts-{hosts}"), client.for_lattice(f"slow-{slow}")

    def begin(kind: str, count: int = events) -> Callable[[], None]:
        return lambda: trigger.begin(f"bench.events.{kind}.{count}")

    def listening(
        name: str,
        ours: Callable[[Client, int, Callable[[], None]], None],
        kind: str,
        limit: float,
        goal: float,
        count: int = events,
    ) -> Comparison:
        return Comparison(
            name=name,
            beside="callback, json.loads",
            ours=lambda: ours(client, count, begin(kind, count)),
            other=lambda: bare.listen(_EVENTS, count, begin(kind, count)),
            pairs=few_pairs,
            limit=limit,
            goal=goal,
        )

    def one_after_the_other() -> None:
        for slow_id in slow_ids:
            slow_hosts.get_host_inventory(slow_id).unwrap()

    def all_at_once() -> None:
        assert len(slow_hosts.get_host_inventories(slow_ids).data) == slow

    def typed_gather() -> None:
        assert len(many.get_hosts(expected=hosts).data) == hosts

    def ask_bare() -> None:
        bare.ask(_CALL, calls)

    inventory_subject = f"wasmbus.ctl.v1.default.host.get.components-{components}"
    ping_subject = f"wasmbus.ctl.v1.hosts-{hosts}.host.ping"
    limits = [
        Comparison(
            name="get_config",
            beside="request awaited, json.loads",
            ours=lambda: call(client, calls),
            other=ask_bare,
            pairs=pairs,
            work=calls,
            limit=1.3,
            goal=1.15,
        ),
        Comparison(
            name=f"get_hosts(expected={hosts})",
            beside="callback on an inbox, json.loads",
            ours=typed_gather,
            other=lambda: bare.gather(ping_subject, hosts),
            pairs=pairs,
            limit=1.4,
            goal=1.1,
        ),
        listening(f"{events} events of one kind, get", hear, "one", 1.3, 1.0),
        listening(f"{events} events of one kind, iteration", iterate, "one", 1.3, 1.0),
        listening(f"{events} events of all kinds, get", hear, "all", 1.4, 1.1),
        listening(f"{events} events of all kinds, iteration", iterate, "all", 1.4, 1.1),
        listening(f"{heartbeats} heartbeats of 20 kB", hear, "heartbeats", 2.3, 1.8, heartbeats),
        Comparison(
            name=f"get_host_inventory, {components} components",
            beside="request awaited, json.loads",
            ours=lambda: ask_inventory(client, f"components-{components}", sizes.inventories),
            other=lambda: bare.ask(inventory_subject, sizes.inventories),
            pairs=pairs,
            work=sizes.inventories,
            limit=2.3,
            goal=1.8,
        ),
        Comparison(
            name=f"get_host_inventories, {slow} hosts of 20 ms",
            beside="one after the other",
            ours=all_at_once,
            other=one_after_the_other,
            pairs=max(1, few_pairs // 3),
            limit=0.01,
        ),
        Comparison(
            name="connect, one call, end: a process",
            beside="its nats-py twin",
            ours=lambda: run_python("-m", "benchmarks.scripts.ours", url),
            other=lambda: run_python("-m", "benchmarks.scripts.bare", url),
            pairs=pairs,
            limit=2.0,
            goal=1.7,
        ),
        Comparison(
            name="8 threads, calls a second",
            beside="1 thread",
            ours=lambda: call_from_threads(client, 8 * calls, 8),
            other=lambda: call_from_threads(client, 8 * calls, 1),
            pairs=pairs,
            work=8 * calls,
            limit=2.2,
            goal=3.0,
            speed=True,
        ),
    ]

    def further(name: str, function: Callable[[], object], beside: str = "request awaited") -> Comparison:
        return Comparison(name=name, beside=beside, ours=function, other=ask_bare, pairs=pairs, work=calls)

    more = [
        further("raw blocking socket", lambda: raw.ask(calls)),
        further("asyncio.run_coroutine_threadsafe", lambda: threaded.ask(calls)),
        further("anyio's portal.call", lambda: portal.ask(calls)),
        Comparison(
            name="connecting anew for each call",
            beside="request awaited",
            ours=lambda: others.ask_anew(url, sizes.inventories),
            other=lambda: bare.ask(_CALL, sizes.inventories),
            pairs=pairs,
            work=sizes.inventories,
        ),
        further("the answers, all asked at once", lambda: raw.ask_all_at_once(calls)),
        Comparison(
            name="nats-py's gather with next_msg",
            beside="callback on an inbox, json.loads",
            ours=lambda: bare.gather_one_by_one(ping_subject, hosts),
            other=lambda: bare.gather(ping_subject, hosts),
            pairs=few_pairs,
        ),
        Comparison(
            name="nats-py's message iterator, events of one kind",
            beside="callback, json.loads",
            ours=lambda: bare.listen_one_by_one(_EVENTS, events, begin("one")),
            other=lambda: bare.listen(_EVENTS, events, begin("one")),
            pairs=max(1, few_pairs // 2),
        ),
        Comparison(
            name="raw blocking socket, events of one kind, not decoded",
            beside="callback, json.loads",
            ours=lambda: raw.listen(_EVENTS, events, begin("one")),
            other=lambda: bare.listen(_EVENTS, events, begin("one")),
            pairs=max(1, few_pairs // 2),
        ),
        Comparison(
            name="import wasmcloud_ctl",
            beside="import nats",
            ours=lambda: import_time("wasmcloud_ctl"),
            other=lambda: import_time("nats"),
            pairs=pairs,
            own_time=True,
        ),
        Comparison(
            name="a process: import wasmcloud_ctl",
            beside="a process: import nats",
            ours=lambda: run_python("-c", "import wasmcloud_ctl"),
            other=lambda: run_python("-c", "import nats"),
            pairs=pairs,
        ),
        Comparison(
            name="connect, get_hosts, end: a process",
            beside="its nats-py twin",
            ours=lambda: run_python("-m", "benchmarks.scripts.hosts", url),
            other=lambda: run_python("-m", "benchmarks.scripts.bare_hosts", url),
            pairs=pairs,
        ),
        Comparison(
            name="8 tasks, nats-py, calls a second",
            beside="1 task",
            ours=lambda: bare.ask_side_by_side(_CALL, calls, 8),
            other=lambda: bare.ask_side_by_side(_CALL, 8 * calls, 1),
            pairs=few_pairs,
            work=8 * calls,
            speed=True,
        ),
    ]
    with contextlib.ExitStack() as at_end:
        if uvloop is not None:
            quick_bare = others.Bare(url, uvloop.new_event_loop)
            # The client's own loop resolves host names on daemon threads. Here no name needs to be resolved.
            with mock.patch.object(_bridge, "_Loop", uvloop.new_event_loop):
                quick_client = at_end.enter_context(wasmcloud_ctl.connect(url, timeout=others.TIMEOUT))
            at_end.callback(quick_bare.close)
            more += [
                further("request awaited, on uvloop", lambda: quick_bare.ask(_CALL, calls)),
                Comparison(
                    name="get_config, on uvloop",
                    beside="get_config",
                    ours=lambda: call(quick_client, calls),
                    other=lambda: call(client, calls),
                    pairs=pairs,
                    work=calls,
                ),
                Comparison(
                    name=f"{events} events of one kind, on uvloop",
                    beside=f"{events} events of one kind",
                    ours=lambda: hear(quick_client, events, begin("one")),
                    other=lambda: hear(client, events, begin("one")),
                    pairs=max(1, few_pairs // 2),
                ),
            ]
        for thing in (bare, raw, trigger, threaded, portal, client):
            at_end.callback(thing.close)
        yield [*limits, *more]


def measure(quick: bool) -> list[Ratio]:
    """Measure all comparisons, and print each result."""
    found = []
    with world() as server, comparisons(server, TRIAL if quick else FULL) as all_of_them:
        for comparison in all_of_them:
            ratio = compare(comparison)
            found.append(ratio)
            spread = f"{ratio.ratio:8.3f} ({ratio.low:.3f} to {ratio.high:.3f})"
            print(f"{spread}  {ratio.name}", file=sys.stderr, flush=True)
    return found


def tables(results: list[dict[str, Any]]) -> dict[str, str]:
    """Return two tables by name: comparisons with a limit, and further ones."""

    def row(found: dict[str, Any]) -> list[str]:
        sign = "at least " if found["speed"] else ""
        return [
            found["name"],
            found["beside"],
            f"{found['ratio']:.3g}",
            f"{found['low']:.3g} to {found['high']:.3g}",
            "" if found["limit"] is None else f"{sign}{found['limit']:g}",
            "" if found["goal"] is None else f"{found['goal']:g}",
            span(statistics.median(found["ours"])),
            span(statistics.median(found["other"])),
        ]

    rows = [row(found) for found in results]
    headings = ["what", "compared with", "ratio", "middle half", "limit", "goal", "here", "there"]
    further = [
        cells[:4] + cells[6:] for cells, found in zip(rows, results, strict=True) if found["limit"] is None
    ]
    return {
        "ratios": table(
            headings, [cells for cells, found in zip(rows, results, strict=True) if found["limit"]]
        ),
        "further": table(headings[:4] + headings[6:], further),
    }
