"""What real hosts said, asked again of the practice lattice.

Each file in ``tests/data`` holds a run against two real hosts: every request with its replies and its events.
All of it is sent again, in order, and what comes back is the same as JSON. Only this is made equal before:

* ids, keys, times, uptimes, friendly names and the server's address, each once its form was checked;
* the folder that ``file://`` references point to;
* the order in which several hosts answer, and in which a host lists links, claims and components (it is a hash map's
there);
* which of the hosts answered for the lattice (links, claims and configs: any may).
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

import attrs
import nats
import pytest
from nats.aio.msg import Msg
from realhost import artifacts
from recorded import VERSIONS, cases
from wire import arrive

from wasmcloud_ctl.testing import PracticeLattice

ZONES = ("z1", "z2")

Case = dict[str, Any]


@attrs.define
class Run:
    """One run, recorded or replayed: what is particular to it, and so is made equal.

    Attributes:
        hosts: Each host's id, by its zone.
        folder: Where ``file://`` references point to.
    """

    hosts: dict[str, str]
    folder: str

    def plain(self, case: Case) -> Case:
        """A case's replies and events without what is particular to the run."""
        one_for_all = re.search(r"\.(link|config)\.", case["subject"]) is not None
        replies = [self._reply(reply) for reply in case["replies"]]
        events = [self._event(event, one_for_all) for event in case["events"]]
        if ".host.ping" in case["subject"] or "auction" in case["subject"] or "registry" in case["subject"]:
            replies.sort(key=lambda reply: json.dumps(reply, sort_keys=True))
            # Only heartbeats come beside these, from each host when its time has come.
            events.sort(key=lambda event: json.dumps(event, sort_keys=True))
        return {"replies": replies, "events": events}

    def _reply(self, reply: dict[str, Any]) -> object:
        if "json" not in reply:
            return {"status": reply["headers"]["Status"], "raw": reply["raw"]}
        plain = self._words(reply["json"])
        if isinstance(plain.get("response"), list):
            plain["response"].sort(key=lambda entry: json.dumps(entry, sort_keys=True))
        return {"headers": reply["headers"], "json": plain}

    def _event(self, event: dict[str, Any], one_for_all: bool) -> object:
        assert event["headers"] is None
        data = event["data"]
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", data["id"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", data["time"])
        plain = self._words({**data, "id": "<id>", "time": "<time>"})
        if one_for_all:
            assert plain["source"] in ("<host z1>", "<host z2>")
            plain["source"] = "<any host>"
        return {"subject": event["subject"], "data": plain}

    def _words(self, value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: self._words(entry, name) for name, entry in value.items()}
        if isinstance(value, list):
            entries = [self._words(entry) for entry in value]
            return sorted(entries, key=lambda entry: entry["id"]) if key == "components" else entries
        if key == "uptime_seconds":
            assert isinstance(value, int)
            assert value >= 0
            return "<uptime>"
        if not isinstance(value, str):
            return value
        if key == "uptime_human":
            assert re.fullmatch(r"(\d+m ?)?(\d+s)?", value)
            return "<uptime>"
        if key == "friendly_name":
            assert re.fullmatch(r"[a-z]+-[a-z]+-\d{4}", value)
            return "<name>"
        for zone, host_id in self.hosts.items():
            value = value.replace(host_id, f"<host {zone}>")
        value = re.sub(r"\b([AMNV])[A-Z2-7]{55}\b", r"<key \1>", value)
        value = re.sub(r"nats://127\.0\.0\.1:\d+", "<server>", value)
        return value.replace(self.folder, "/components")


def recorded_run(version: str) -> Run:
    """What is particular to a recorded run."""
    hosts = {}
    for reply in cases(version)[0]["replies"]:
        host = reply["json"]["response"]
        hosts[host["labels"]["zone"]] = host["id"]
    return Run(hosts=hosts, folder="/components")


async def replay(lattice: PracticeLattice, was: Run, now: Run, cases: list[Case]) -> dict[str, Case]:
    """Send what was sent, and record what comes."""
    client = await nats.connect(lattice.url)
    replies: list[Msg] = []
    events: list[Msg] = []

    async def take_reply(message: Msg) -> None:
        replies.append(message)

    async def take_event(message: Msg) -> None:
        events.append(message)

    await client.subscribe("wasmbus.evt.default.*", cb=take_event)
    inbox = client.new_inbox()
    await client.subscribe(inbox, cb=take_reply)
    seen: dict[str, Case] = {}
    for case in cases:
        subject, request = case["subject"], case["request"]
        for zone, host_id in was.hosts.items():
            subject = subject.replace(host_id, now.hosts[zone])
            request = request.replace(host_id, now.hosts[zone])
        request = request.replace(f"file://{was.folder}", f"file://{now.folder}")
        replies.clear()
        events.clear()
        await client.publish(subject, request.encode(), reply=inbox, headers=case["request_headers"])
        await arrive(client)
        if case["case"] == "host_heartbeat":
            # The recorded hosts' hearts beat every five seconds, once or twice while this case was recorded.
            for host in lattice.hosts * (len(case["events"]) // len(lattice.hosts)):
                await asyncio.to_thread(host.beat)
        await asyncio.to_thread(lattice.settle)
        await arrive(client)
        seen[case["case"]] = {
            "subject": subject,
            "replies": [as_recorded(message) for message in replies],
            "events": [
                {"subject": event.subject, "headers": event.headers, "data": json.loads(event.data)}
                for event in events
            ],
        }
    await client.close()
    return seen


def as_recorded(message: Msg) -> dict[str, Any]:
    if message.headers is not None and "Status" in message.headers:
        return {"headers": message.headers, "raw": message.data.decode()}
    return {"headers": message.headers, "json": json.loads(message.data)}


@pytest.fixture(scope="module", params=VERSIONS)
def replayed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One version's run, replayed once: both runs, and what was seen by case."""
    version = request.param
    folder = tmp_path_factory.mktemp("components")
    artifacts.write_artifacts(folder)
    # The recorded provider had a revision.
    (folder / "provider.par").write_bytes(
        artifacts.provider_archive(name="Sleeper", version="0.1.0", revision=1)
    )
    labels = [
        # The recorded hosts ran here.
        {"zone": zone, "hostcore.arch": "x86_64", "hostcore.os": "linux", "hostcore.osfamily": "unix"}
        for zone in ZONES
    ]
    with PracticeLattice(labels, version=version) as lattice:
        was = recorded_run(version)
        now = Run(
            hosts=dict(zip(ZONES, (host.id for host in lattice.hosts), strict=True)), folder=str(folder)
        )
        seen = asyncio.run(replay(lattice, was, now, cases(version)))
        yield was, now, seen, {case["case"]: case for case in cases(version)}


@pytest.mark.parametrize("case", [case["case"] for case in cases(VERSIONS[0])])
def test_case(replayed: Any, case: str) -> None:
    """A practice host says what the real one said, and publishes what it published."""
    was, now, seen, golden = replayed
    assert now.plain(seen[case]) == was.plain(golden[case])
