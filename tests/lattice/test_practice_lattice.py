"""The practice lattice itself: many on one server, large ones, and what it leaves behind."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import nats
import pytest
from wire import wire_to

from wasmcloud_ctl import Link
from wasmcloud_ctl.testing import PracticeLattice, PracticeServer

Make = Callable[..., PracticeLattice]


def test_it_is_ready_in_well_under_a_second() -> None:
    """From nothing to the first answer, server included."""
    started = time.monotonic()
    with PracticeLattice(hosts=3) as lattice, lattice.connect() as client:
        assert len(client.get_hosts(expected=3)) == 3
    assert time.monotonic() - started < 1.0


def test_a_thousand_hosts(make_practice_lattice: Make) -> None:
    """A thousand hosts start in seconds, and all answer a ping in under one."""
    started = time.monotonic()
    lattice = make_practice_lattice(1000)
    assert time.monotonic() - started < 5.0

    with lattice.connect() as client:
        hosts = client.get_hosts(expected=1000, timeout=10)

        assert len({host.id for host in hosts.data}) == 1000
        assert hosts.elapsed < 1.0
        assert client.get_host_inventory(lattice.hosts[777].id).unwrap().host_id == lattice.hosts[777].id


def test_lattices_on_one_server_do_not_see_each_other(make_practice_lattice: Make) -> None:
    """Hosts, links, configs and events stay in their lattice; closing one leaves the other."""
    one, other = make_practice_lattice(1), make_practice_lattice(2)
    with one.connect() as client, other.connect() as other_client:
        with other_client.events_receiver() as events:
            client.put_config("web", {"a": "b"})
            client.put_link(Link("echo", "http", "wasi", "http", ["incoming-handler"]))
            one.settle()
            other.hosts[0].beat()
            assert events.get(timeout=5).name == "host_heartbeat"
        assert other_client.get_config("web").data is None
        assert other_client.get_links().unwrap() == []

        one.close()
        assert len(other_client.get_hosts(expected=2)) == 2


def test_two_practice_lattices_of_one_name_are_one_lattice(make_practice_lattice: Make) -> None:
    """Hosts of two processes, or practice hosts and real ones, can be in one lattice: of the requests for one of
    them each gets some, and what the one stores the other knows."""
    one = make_practice_lattice(1, lattice="shared")
    other = make_practice_lattice(1, lattice="shared")
    with one.connect() as client:
        assert len(client.get_hosts(expected=2)) == 2
        client.put_link(Link("echo", "http", "wasi", "http", ["incoming-handler"]))
        one.settle()
        other.settle()
        for _ in range(30):
            assert len(client.get_links().unwrap()) == 1

    answered = [len([c for c in lattice.commands if c.operation == "link.get"]) for lattice in (one, other)]
    assert sum(answered) == 30
    assert all(answered)


def test_what_a_lattice_keeps_outlives_it_on_a_server_of_somebody_else(make_practice_lattice: Make) -> None:
    """Links and configs are still there for the next lattice of the name, as with real hosts."""
    first = make_practice_lattice(1, lattice="again")
    with first.connect() as client:
        client.put_link(Link("echo", "http", "wasi", "http", ["incoming-handler"]))
        client.put_config("web", {"a": "b"})
    first.close()

    with make_practice_lattice(1, lattice="again").connect() as client:
        assert [link.target for link in client.get_links().unwrap()] == ["http"]
        assert client.get_config("web").unwrap() == {"a": "b"}


def test_buckets_are_made_as_real_hosts_make_them(make_practice_lattice: Make) -> None:
    """Whoever makes the buckets first, practice host or real one, the other finds what it would have made."""
    lattice = make_practice_lattice(1)

    async def configuration() -> tuple[object, ...]:
        client = await nats.connect(lattice.url)
        config = (await client.jetstream().stream_info(f"KV_LATTICEDATA_{lattice.lattice}")).config
        await client.close()
        return (
            config.subjects, config.max_msgs_per_subject, config.discard, config.deny_delete, config.storage,
            config.allow_rollup_hdrs, config.allow_direct, config.max_bytes, config.num_replicas,
            config.duplicate_window,
        )  # fmt: skip

    assert asyncio.run(configuration()) == (
        [f"$KV.LATTICEDATA_{lattice.lattice}.>"], 1, "new", True, "file", True, True, -1, 1, 120.0,
    )  # fmt: skip


def test_another_topic_prefix(make_practice_lattice: Make) -> None:
    """Control subjects may begin with something else; events do not."""
    lattice = make_practice_lattice(1, topic_prefix="acme.control")
    with lattice.connect() as client, client.events_receiver() as events:
        assert client.put_label(lattice.hosts[0].id, "zone", "a").succeeded
        assert events.get(timeout=5).name == "labels_changed"
    assert lattice.commands[-1].subject.startswith("acme.control.v1.")


def test_a_jetstream_domain_is_told(make_practice_lattice: Make) -> None:
    """Hosts tell the domain that their buckets are in."""
    lattice = make_practice_lattice(1, js_domain="hub")

    with wire_to(lattice) as wire:
        assert wire.ask("host.ping")["response"]["js_domain"] == "hub"
        assert wire.ask("config.put.a", {})["success"] is True


def test_a_server_that_wants_credentials() -> None:
    """The hosts' own connection can be given whatever the server asks for."""
    config = 'authorization { user: "u", password: "p" }'
    with (
        PracticeServer(config=config) as server,
        PracticeLattice(server=server, connect_options={"user": "u", "password": "p"}) as lattice,
        lattice.connect(user="u", password="p") as client,
    ):
        assert len(client.get_hosts(expected=1)) == 1


def test_heartbeats_come_at_the_interval_that_was_set(make_practice_lattice: Make) -> None:
    """The first comes one interval after the start, and then one each interval."""
    lattice = make_practice_lattice(1, heartbeat_interval=0.2)
    with lattice.connect() as client, client.events_receiver("host_heartbeat") as heartbeats:
        times = [heartbeats.get(timeout=5).time for _ in range(3)]

    gaps = [(after - before).total_seconds() for before, after in itertools.pairwise(times)]
    assert all(0.15 < gap < 0.35 for gap in gaps)


def test_commands_are_recorded(make_practice_lattice: Make) -> None:
    """What has arrived can be looked at and waited for: once each, however many hosts it concerned."""
    lattice = make_practice_lattice(3)
    with lattice.connect() as client:
        client.get_hosts(expected=3)
        client.put_label(lattice.hosts[1].id, "zone", "a")
        (label,) = lattice.wait_for_commands("label.put")

    assert [command.operation for command in lattice.commands] == ["host.ping", "label.put"]
    assert label.host_id == lattice.hosts[1].id
    assert json.loads(label.payload) == {"key": "zone", "value": "a"}
    with pytest.raises(TimeoutError, match=r"received 1 of 2 label\.put requests"):
        lattice.wait_for_commands("label.put", 2, timeout=0.05)


def test_hosts_can_be_handled_from_many_threads(make_practice_lattice: Make) -> None:
    """The methods of hosts and lattice are safe from any thread."""
    lattice = make_practice_lattice(1)
    errors: list[BaseException] = []

    def handle() -> None:
        try:
            for _ in range(10):
                host = lattice.add_host()
                host.stall()
                host.resume()
                host.kill()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=handle) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    with lattice.connect() as client:
        assert len(client.get_hosts(expected=1)) == 1


def test_closing_leaves_nothing() -> None:
    """No thread, no process and no folder of a closed lattice is left; it can be closed again, not used."""
    threads = threading.active_count()
    with PracticeLattice() as lattice:
        server = lattice.server
        assert server.running
    lattice.close()

    assert not server.running
    assert threading.active_count() == threads
    with pytest.raises(RuntimeError, match="is not running"):
        lattice.hosts[0].stall()


def test_a_lattice_that_is_left_open_does_not_outlive_its_process() -> None:
    """A script that ends without closing, by an error or by os._exit, leaves no server behind."""
    script = (
        "import os, sys\n"
        "from wasmcloud_ctl.testing import PracticeLattice\n"
        "lattice = PracticeLattice().start()\n"
        "print(lattice.server._process.pid, lattice.server._folder, flush=True)\n"
        "{}\n"
    )
    for end in ("", "raise SystemExit(3)", "1 / 0", "os._exit(1)", "os.kill(os.getpid(), 9)"):
        result = subprocess.run(
            [sys.executable, "-c", script.format(end)], capture_output=True, text=True, timeout=20
        )
        pid, folder = result.stdout.split()
        wait_until_gone(int(pid))
        deadline = time.monotonic() + 5
        while os.path.exists(folder):
            assert time.monotonic() < deadline, f"{folder} is left after {end!r}"
            time.sleep(0.01)


def test_a_forked_child_leaves_its_parents_lattice_alone() -> None:
    """What a child inherits it cannot use, and does not end."""
    script = (
        "import os, warnings\n"
        "warnings.simplefilter('ignore')\n"
        "from wasmcloud_ctl.testing import PracticeLattice\n"
        "with PracticeLattice() as lattice:\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        lattice.close()\n"
        "        raise SystemExit(0)\n"
        "    assert os.waitpid(child, 0)[1] == 0\n"
        "    with lattice.connect() as client:\n"
        "        print(len(client.get_hosts(expected=1)))\n"
    )

    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=20)

    assert (result.stdout, result.returncode) == ("1\n", 0), result.stderr


def wait_until_gone(pid: int) -> None:
    """Wait until no such process runs; one that has ended and is not collected counts as gone."""
    deadline = time.monotonic() + 5
    while True:
        try:
            os.kill(pid, 0)
            with open(f"/proc/{pid}/stat") as stat:
                if stat.read().rsplit(")", 1)[1].split()[0] == "Z":
                    return
        except (ProcessLookupError, FileNotFoundError):
            return
        assert time.monotonic() < deadline, f"process {pid} is left"
        time.sleep(0.01)


def test_a_server_without_jetstream_is_refused() -> None:
    """Practice hosts keep what they keep in JetStream, as real ones do: without it they do not start."""
    with PracticeServer(jetstream=False) as server, pytest.raises(RuntimeError, match="JetStream"):
        PracticeLattice(server=server).start()
