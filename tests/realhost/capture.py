"""Record how two real hosts behave: a series of requests, each with its replies and events.

Run ``python -m realhost.capture OUT.jsonl`` in the folder ``tests``. ``--compare OLD.jsonl`` prints the differences
to an earlier capture, ignoring ids, keys, times and names. Each line is one case::

    {"case": ..., "subject": ..., "request": ..., "request_headers": ...,
     "replies": [{"after_ms": ..., "headers": ..., "json": ... or "raw": ...}],
     "events": [{"subject": ..., "headers": ..., "data": ...}]}
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from realhost import artifacts, harness

from wasmcloud_ctl.testing import PracticeServer

SUBJECTS = "wasmbus.ctl.v1.default"
EVENTS = "wasmbus.evt.default"

#: Replace the folder of the files and the URL of the server in a capture, which differ each time.
FOLDER = "/components"
URL = "nats://127.0.0.1:4222"

#: A case ends when no message has been received for this many seconds.
QUIET = 1.0

HEARTBEAT_INTERVAL = 5.0
#: Hosts before 1.1.1 publish one every 30 seconds, whatever the interval.
HEARTBEAT_PATIENCE = 35.0
#: Only this case records heartbeats, which hosts publish all the time. It waits for two of each host.
HEARTBEAT_CASE = "host_heartbeat"
HEARTBEATS = 4

UNKNOWN_HOST = "N" + "A" * 55

#: Lists in random order: hosts reply in any order, and store their data in hash tables.
UNORDERED = ("replies", "response", "components", "providers")
UPTIMES: dict[str, Any] = {"uptime_human": "", "uptime_seconds": 0}


@dataclass(frozen=True)
class Case:
    """One request."""

    name: str
    #: The subject after prefix, version and lattice.
    rest: str
    #: The payload: text is sent unchanged, anything else as JSON.
    request: Any = ""
    headers: dict[str, str] | None = None


# The requests -----------------------------------------------------------------------------------


def cases(first: str, second: str, files: artifacts.Artifacts) -> Iterator[Case]:
    """Yield all cases in the order in which they are sent. Later cases depend on earlier ones.

    Args:
        first: The id of the host with the label zone=z1, which is stopped first.
        second: The id of the host with the label zone=z2, which runs the components and providers.
        files: The files for the hosts to load.
    """
    echo, echo2, signed, provider = map(
        artifacts.reference, (files.echo, files.echo2, files.signed, files.provider)
    )
    absent = artifacts.reference(files.echo.with_name("absent.wasm"))
    absent_provider = artifacts.reference(files.provider.with_name("absent"))

    def scale(component_ref: str, component_id: str, count: int, **more: Any) -> dict[str, Any]:
        return {
            "component_ref": component_ref,
            "component_id": component_id,
            "host_id": second,
            "count": count,
            **more,
        }

    def update(component_id: str, component_ref: str) -> dict[str, Any]:
        return {"host_id": second, "component_id": component_id, "new_component_ref": component_ref}

    def start(provider_id: str, provider_ref: str, **more: Any) -> dict[str, Any]:
        return {"host_id": second, "provider_id": provider_id, "provider_ref": provider_ref, **more}

    def component_auction(**constraints: str) -> dict[str, Any]:
        return {"component_ref": echo, "component_id": "echo", "constraints": constraints}

    def link(
        source_id: str, target: str, name: str = "default", target_config: Sequence[str] = ()
    ) -> dict[str, Any]:
        return {
            "source_id": source_id,
            "target": target,
            "name": name,
            "wit_namespace": "wasi",
            "wit_package": "http",
            "interfaces": ["incoming-handler"],
            "source_config": [],
            "target_config": list(target_config),
        }

    provider_auction = {"provider_ref": provider, "provider_id": "prov", "constraints": {}}
    team_a, team_b = {"team": "a"}, {"team": "b"}
    optional = ("name", "source_config", "target_config")
    unnamed = {key: value for key, value in link("c3", "http").items() if key not in optional}
    deletion = {"source_id": "echo", "name": "default", "wit_namespace": "wasi", "wit_package": "http"}
    unnamed_deletion = {"source_id": "c3", "wit_namespace": "wasi", "wit_package": "http"}
    inventory = f"host.get.{second}"
    scaling = f"component.scale.{second}"
    updating = f"component.update.{second}"
    starting = f"provider.start.{second}"
    stopping = f"provider.stop.{second}"
    putting_label = f"label.put.{second}"
    deleting_label = f"label.del.{second}"

    yield Case("get_hosts", "host.ping")
    yield Case("get_hosts payload is ignored", "host.ping", "junk")
    yield Case("get_host_inventory", inventory)
    yield Case("get_host_inventory unknown host", f"host.get.{UNKNOWN_HOST}")
    yield Case("get_claims empty", "claims.get")
    yield Case("get_links empty", "link.get")

    yield Case("component_auction all bid", "component.auction", component_auction())
    yield Case("component_auction one bids", "component.auction", component_auction(zone="z2"))
    yield Case("component_auction none bids", "component.auction", component_auction(zone="mars"))
    yield Case("component_auction missing field", "component.auction", {"component_id": "echo"})
    yield Case(
        "component_auction no constraints field",
        "component.auction",
        {"component_ref": echo, "component_id": "echo"},
    )
    yield Case("component_auction bad id", "component.auction", {**component_auction(), "component_id": ""})
    yield Case("provider_auction all bid", "provider.auction", provider_auction)

    yield Case("scale_component start", scaling, scale(echo, "echo", 2, annotations=team_a))
    yield Case("scale_component up", scaling, scale(echo, "echo", 5, annotations=team_a))
    yield Case("scale_component other ref, no update", scaling, scale(echo2, "echo", 5, annotations=team_a))
    yield Case("scale_component other annotations", scaling, scale(echo, "echo", 1, annotations=team_b))
    yield Case("get_host_inventory with component", inventory)
    yield Case("component_auction running host stays silent", "component.auction", component_auction())
    yield Case("scale_component missing file", scaling, scale(absent, "ghost", 1))
    yield Case("scale_component bad image ref", scaling, scale("not a ref", "ghost2", 1))
    yield Case("scale_component stop not running", scaling, scale(echo, "nothing", 0))
    yield Case("scale_component missing config", scaling, scale(echo, "withconf", 1, config=["absent"]))
    yield Case(
        "scale_component limits",
        scaling,
        scale(echo, "limited", 1, component_limits={"max_memory_limit": "1048576"}),
    )
    yield Case("scale_component missing fields", scaling, {"component_id": "x"})
    yield Case("scale_component not json", scaling, "{oops")
    yield Case("scale_component signed", scaling, scale(signed, "signed", 1))
    yield Case("get_claims with component", "claims.get")

    yield Case("update_component", updating, update("echo", echo2))
    yield Case("update_component same ref", updating, update("echo", echo2))
    yield Case("update_component not running", updating, update("nope", echo2))
    yield Case("update_component missing file", updating, update("echo", absent))
    yield Case("scale_component stop", scaling, scale(echo2, "echo", 0))
    yield Case("get_host_inventory after stop", inventory)

    yield Case("start_provider", starting, start("prov", provider, annotations={"a": "b"}))
    yield Case("start_provider already running", starting, start("prov", provider))
    yield Case("start_provider missing file", starting, start("prov2", absent_provider))
    yield Case("start_provider missing config", starting, start("prov3", provider, config=["absent"]))
    yield Case(
        "start_provider disabled builtin", starting, start("builtin", "wasmcloud+builtin://http-server")
    )
    yield Case("get_claims with provider", "claims.get")
    yield Case("get_host_inventory with provider", inventory)
    yield Case("provider_auction running host stays silent", "provider.auction", provider_auction)
    yield Case("stop_provider unknown", stopping, {"host_id": second, "provider_id": "nope"})
    yield Case("stop_provider", stopping, {"host_id": second, "provider_id": "prov"})

    yield Case("put_link", "link.put", link("echo", "http"))
    yield Case("put_link same again", "link.put", link("echo", "http"))
    yield Case("put_link clash", "link.put", link("echo", "other"))
    yield Case("put_link other name", "link.put", link("echo", "other", name="second"))
    yield Case("put_link missing config", "link.put", link("c2", "http", target_config=["absent"]))
    yield Case("put_link empty source", "link.put", link("", "http"))
    yield Case("put_link missing fields", "link.put", {"source_id": "echo"})
    yield Case("put_link no name", "link.put", unnamed)
    yield Case("get_links", "link.get")
    yield Case("delete_link", "link.del", deletion)
    yield Case("delete_link absent", "link.del", deletion)
    yield Case("delete_link no name", "link.del", unnamed_deletion)

    yield Case("put_config", "config.put.web", {"address": "0.0.0.0:8080", "π": "ünï"})
    yield Case("put_config replace", "config.put.web", {"address": "0.0.0.0:9090"})
    yield Case("put_config empty map", "config.put.empty", {})
    yield Case("put_config not strings", "config.put.bad", {"n": 1})
    yield Case("put_config no payload", "config.put.bad")
    yield Case("put_config dotted name", "config.put.my.dotted", {"a": "b"})
    yield Case("get_config", "config.get.web")
    yield Case("get_config empty map", "config.get.empty")
    yield Case("get_config absent", "config.get.nothing")
    yield Case("get_config dotted name", "config.get.my.dotted")
    yield Case("delete_config", "config.del.web")
    yield Case("delete_config absent", "config.del.web")

    yield Case("put_label", putting_label, {"key": "disk", "value": "ssd"})
    yield Case("put_label replace", putting_label, {"key": "disk", "value": "nvme"})
    yield Case("put_label reserved", putting_label, {"key": "hostcore.os", "value": "plan9"})
    yield Case("put_label empty key", putting_label, {"key": "", "value": "x"})
    yield Case("delete_label", deleting_label, {"key": "disk", "value": ""})
    yield Case("delete_label key only", deleting_label, {"key": "disk"})
    yield Case("delete_label absent", deleting_label, {"key": "never"})

    credentials = {"username": "u", "password": "p", "registryType": "oci"}
    yield Case("put_registries", "registry.put", {"mycloud.example": credentials})
    yield Case(
        "put_registries snake case type",
        "registry.put",
        {"mycloud.example": {"token": "t", "registry_type": "oci"}},
    )
    yield Case("put_registries malformed", "registry.put", {"mycloud.example": 3})

    yield Case("unsupported operation", "component.frobnicate", {})
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    yield Case("trace context", inventory, headers={"traceparent": traceparent})
    yield Case(HEARTBEAT_CASE, "host.ping")

    yield Case("stop_host wrong payload host", f"host.stop.{second}", {"host_id": first, "timeout": 500})
    yield Case("stop_host malformed", f"host.stop.{first}", "nope")
    yield Case("stop_host", f"host.stop.{first}", {"host_id": first, "timeout": 500})
    yield Case("get_hosts after", "host.ping")
    yield Case("stop_host last", f"host.stop.{second}", {"host_id": second})
    yield Case("get_hosts no hosts", "host.ping")
    yield Case("get_claims no hosts", "claims.get")


# Capturing --------------------------------------------------------------------------------------


class Recorder:
    """Sends requests, and records the replies and events."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._heard: asyncio.Queue[tuple[float, Msg]] = asyncio.Queue()

    async def listen(self) -> None:
        """Subscribe to all events. On return, the server has the subscription."""
        await self._client.subscribe(f"{EVENTS}.>", cb=self._hear)
        await self._client.flush()

    async def _hear(self, message: Msg) -> None:
        self._heard.put_nowait((time.monotonic(), message))

    async def run(self, case: Case) -> dict[str, Any]:
        """Send one request, and listen until no more messages arrive.

        Args:
            case: The request.

        Returns:
            The line for the capture.
        """
        subject = f"{SUBJECTS}.{case.rest}"
        request = case.request if isinstance(case.request, str) else json.dumps(case.request)
        line: dict[str, Any] = {
            "case": case.name,
            "subject": subject,
            "request": request,
            "request_headers": case.headers,
            "replies": [],
            "events": [],
        }
        inbox = self._client.new_inbox()
        subscription = await self._client.subscribe(inbox, cb=self._hear)
        await self._client.flush()
        sent = time.monotonic()
        await self._client.publish(subject, request.encode(), reply=inbox, headers=case.headers)
        with_heartbeats = case.name == HEARTBEAT_CASE
        while True:
            missing = with_heartbeats and len(line["events"]) < HEARTBEATS
            patience = HEARTBEAT_PATIENCE if missing else QUIET
            try:
                heard, message = await asyncio.wait_for(self._heard.get(), patience)
            except asyncio.TimeoutError:
                break
            if message.subject == inbox:
                line["replies"].append(_reply(message, heard - sent))
            elif with_heartbeats or not message.subject.endswith(".host_heartbeat"):
                line["events"].append(_event(message))
        await subscription.unsubscribe()
        return line


def _reply(message: Msg, after: float) -> dict[str, Any]:
    reply: dict[str, Any] = {"after_ms": round(after * 1000, 1), "headers": message.headers}
    try:
        reply["json"] = json.loads(message.data)
    except ValueError:
        reply["raw"] = message.data.decode(errors="replace")
    return reply


def _event(message: Msg) -> dict[str, Any]:
    return {"subject": message.subject, "headers": message.headers, "data": json.loads(message.data)}


async def _record(
    url: str, hosts: Sequence[harness.RealHost], files: artifacts.Artifacts
) -> list[dict[str, Any]]:
    client = await nats.connect(url)
    try:
        recorder = Recorder(client)
        await recorder.listen()
        first, second = (host.host_id for host in hosts)
        return [await recorder.run(case) for case in cases(first, second, files)]
    finally:
        await client.close()


def capture() -> list[str]:
    """Start a server and two hosts, and run all cases.

    Returns:
        The lines of the capture as JSON. The folder and the URL of the server are replaced by fixed ones.

    Raises:
        harness.RealHostError: The hosts could not be built or started.
    """
    options = harness.HostOptions(heartbeat=HEARTBEAT_INTERVAL)
    program = harness.build()
    with (
        tempfile.TemporaryDirectory(prefix="realhost-files-") as folder,
        PracticeServer() as server,
        harness.real_hosts(server.url, options=options, program=program) as hosts,
    ):
        files = artifacts.write_artifacts(Path(folder))
        url = server.url
        lines = asyncio.run(_record(url, hosts, files))
    return [json.dumps(line).replace(str(files.echo.parent), FOLDER).replace(url, URL) for line in lines]


# Comparing --------------------------------------------------------------------------------------


def normalised(lines: Sequence[str]) -> dict[str, Any]:
    """Return the parts of a capture that are the same in every capture of one host version.

    Args:
        lines: The capture. Its first case must be ``get_hosts``.

    Returns:
        The cases by name. Ids, keys, times and names are replaced, and unordered lists are sorted.
    """
    text = "\n".join(lines)
    for reply in json.loads(lines[0])["replies"]:
        host = reply["json"]["response"]
        zone = host["labels"]["zone"]
        text = text.replace(host["id"], f"HOST-{zone}").replace(host["friendly_name"], f"NAME-{zone}")
    text = re.sub(r"\b([AMV])[A-Z2-7]{55}\b", r"\1-KEY", text)
    return {line["case"]: _normalised_line(line) for line in map(json.loads, text.splitlines())}


def _normalised_line(line: dict[str, Any]) -> dict[str, Any]:
    # Any host of the lattice may serve these requests, and the event names that host.
    any_host = line["subject"].split(".")[4] in ("link", "config", "claims")
    for reply in line["replies"]:
        del reply["after_ms"]
    for event in line["events"]:
        event["data"].update(id="ID", time="TIME")
        if any_host:
            event["data"]["source"] = "HOST"
    normal = {key: _without_order_and_uptime(value, key) for key, value in line.items()}
    if line["case"] == HEARTBEAT_CASE:
        # The number and the order of the heartbeats are random.
        distinct = {_sorted_json(event): event for event in normal["events"]}
        normal["events"] = [distinct[text] for text in sorted(distinct)]
    return normal


def _without_order_and_uptime(value: Any, key: str) -> Any:
    if key in UPTIMES:
        return UPTIMES[key]
    if isinstance(value, dict):
        return {name: _without_order_and_uptime(item, name) for name, item in value.items()}
    if isinstance(value, list):
        items = [_without_order_and_uptime(item, "") for item in value]
        return sorted(items, key=_sorted_json) if key in UNORDERED else items
    return value


def _sorted_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def differences(old: Sequence[str], new: Sequence[str]) -> list[str]:
    """Compare two captures.

    Args:
        old: The old capture.
        new: The new capture.

    Returns:
        A text for each case that differs. Empty if the captures agree.
    """
    before, after = normalised(old), normalised(new)
    found = [f"{name}: only in the old capture" for name in before if name not in after]
    found += [f"{name}: only in the new capture" for name in after if name not in before]
    if not found and list(before) != list(after):
        found.append("the cases are in another order")
    for name in before:
        if name in after and before[name] != after[name]:
            found.append(f"{name}:\n  old {_sorted_json(before[name])}\n  new {_sorted_json(after[name])}")
    return found


# The command ------------------------------------------------------------------------------------


def main() -> int:
    """Write a capture, and compare it with an earlier one if requested.

    Returns:
        The exit status: 1 if the captures differ, else 0.
    """
    description = __doc__.partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m realhost.capture", description=description)
    parser.add_argument("out", type=Path, help="the file to write the capture to")
    parser.add_argument("--compare", type=Path, metavar="OLD", help="an earlier capture to compare with")
    options = parser.parse_args()
    old = options.compare.read_text(encoding="utf-8").splitlines() if options.compare else None
    new = capture()
    options.out.write_text("".join(f"{line}\n" for line in new), encoding="utf-8")
    print(f"{len(new)} cases in {options.out}")
    if old is None:
        return 0
    found = differences(old, new)
    print("\n".join(found) or "no differences")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
