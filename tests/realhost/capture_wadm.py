"""Record how a real wadm behaves beside real hosts: requests with their answers, and what wadm does meanwhile.

Run ``python -m realhost.capture_wadm OUT.jsonl`` in the folder ``tests``; it takes some ten minutes. Names of runs
after it record these alone. Each run has a new server, new hosts and a new wadm. Its first line names these::

    {"run": ..., "hosts": {"HOST-z1": {labels}, ...}, "first": "hosts" or "wadm", "folder": ...}

``first`` says which of them started first, and ``folder`` is what DIR stands for: ids of scalers are made from it.
Each other line of a run has ``case`` and ``at``, the seconds since the case began, and is one of these::

    {"request": "deploy.echo", "payload": ..., "answer": ...}   # "content_type" if one was sent; "answer" may be null
    {"status": "wadm.status.default.echo", "message": ...}      # a status that wadm has published
    {"command": "component.scale.HOST-z1", "payload": ...}      # what wadm has sent to a host
    {"action": "stop HOST-z1", "payload": ...}                  # what the capture itself has done
    {"runs": {"HOST-z1": {"components": [...], "providers": [...]}, ...}, "links": [...]}   # what the hosts say

Lines are in the order in which things happened. A request stands where it was sent. wadm works while it answers, and
hosts run several commands at a time: what is written within a tenth of a second may come in another order.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError
from realhost import artifacts, harness

from wasmcloud_ctl.testing import PracticeServer

API = "wadm.api.default"
CONTROL = "wasmbus.ctl.v1.default"
STATUSES = "wadm.status.default"
#: Replies to what the capture itself sends.
INBOX = "_INBOX.capture"

#: The same folder in each capture, so that the ids of scalers are the same.
FOLDER = Path(tempfile.gettempdir()) / "wadm-capture"

HEARTBEAT_INTERVAL = 5.0
#: Seconds without a status or a command, after which nothing more is expected: two heartbeats have passed.
QUIET = 11.0
#: The same after an undeploy, for which wadm does not wait.
UNDEPLOY_QUIET = 2.0
#: Runs that are recorded at the same time.
RUNS_AT_ONCE = 4
#: Seconds to wait for an answer. wadm answers within milliseconds, or never.
ANSWER_LIMIT = 3.0

#: What wadm asks hosts all the time.
QUESTIONS = (
    "host.get",
    "host.ping",
    "link.get",
    "claims.get",
    "config.get",
    "component.auction",
    "provider.auction",
)

JSON = "application/json"
YAML = "application/yaml"

Manifest = dict[str, Any]


# Manifests --------------------------------------------------------------------------------------

ECHO = "file://DIR/echo.wasm"
ECHO2 = "file://DIR/echo2.wasm"
PROVIDER = "file://DIR/provider.par"
ABSENT = "file://DIR/absent.wasm"
ABSENT_PROVIDER = "file://DIR/absent.par"


def manifest(
    name: str, *components: Any, version: str | None = "v1", policies: Any = None, **annotations: str
) -> Manifest:
    """Return a manifest, by default of one component with the name of the application."""
    if version is not None:
        annotations["version"] = version
    spec: dict[str, Any] = {"components": list(components) or [component(name)]}
    if policies is not None:
        spec["policies"] = policies
    return {
        "apiVersion": "core.oam.dev/v1beta1",
        "kind": "Application",
        "metadata": {"name": name, "annotations": annotations},
        "spec": spec,
    }


def component(name: str, image: str = ECHO, *traits: Any, **properties: Any) -> dict[str, Any]:
    """Return a component, by default of one instance."""
    return _part("component", name, image, traits or (spread(1),), properties)


def provider(name: str, image: str = PROVIDER, *traits: Any, **properties: Any) -> dict[str, Any]:
    """Return a provider, without a scaler unless one is given."""
    return _part("capability", name, image, traits, properties)


def shared(
    kind: str, name: str, application: str, of: str, *traits: Any, **properties: Any
) -> dict[str, Any]:
    """Return a component or provider that another application shares."""
    return _part(
        kind, name, None, traits, {"application": {"name": application, "component": of}, **properties}
    )


def _part(
    kind: str, name: str, image: str | None, traits: Sequence[Any], properties: dict[str, Any]
) -> dict[str, Any]:
    if image is not None:
        properties = {"image": image, **properties}
    part = {"name": name, "type": kind, "properties": properties}
    return {**part, "traits": list(traits)} if traits else part


def spread(instances: Any, *spreads: Any) -> dict[str, Any]:
    """Return a spreadscaler."""
    return _scaler("spreadscaler", instances, spreads)


def daemon(instances: Any, *spreads: Any) -> dict[str, Any]:
    """Return a daemonscaler."""
    return _scaler("daemonscaler", instances, spreads)


def _scaler(kind: str, instances: Any, spreads: Sequence[Any]) -> dict[str, Any]:
    properties = {"instances": instances, **({"spread": list(spreads)} if spreads else {})}
    return {"type": kind, "properties": properties}


def zone(name: str, weight: int | None = None) -> dict[str, Any]:
    """Return a spread on the hosts of a zone."""
    plain: dict[str, Any] = {"name": name, "requirements": {"zone": name}}
    return plain if weight is None else {**plain, "weight": weight}


def link(target: Any, interface: str = "incoming-handler", **properties: Any) -> dict[str, Any]:
    """Return a link of wasi:http."""
    properties = {"namespace": "wasi", "package": "http", "interfaces": [interface], **properties}
    return {"type": "link", "properties": {"target": target, **properties}}


def config(name: str, **properties: str) -> dict[str, Any]:
    """Return a config: an existing one, if it has no properties."""
    return {"name": name, "properties": properties} if properties else {"name": name}


def secret(name: str, policy: str, **properties: str) -> dict[str, Any]:
    """Return a secret."""
    return {"name": name, "properties": {"policy": policy, "key": "k", **properties}}


def stopped(name: str, host: str) -> dict[str, Any]:
    """Return the command that stops a component on a host."""
    return {"component_ref": ECHO, "component_id": name, "host_id": host, "count": 0, "annotations": {}}


# Recording --------------------------------------------------------------------------------------


class Recorder:
    """Sends requests to wadm, and records what happens in one run."""

    def __init__(
        self,
        hosts: Mapping[str, harness.RealHost],
        wadm: harness.RealWadm,
        start_wadm: Callable[[], harness.RealWadm],
    ) -> None:
        self.lines: list[dict[str, Any]] = []
        self._client = Client()
        self._hosts = hosts
        self._wadm = wadm
        self._start_wadm = start_wadm
        self._case = ""
        self._began = 0.0
        #: When the last status or command came.
        self._last = 0.0

    async def connect(self, url: str) -> None:
        """Connect, and subscribe to statuses and commands. On return, the server has the subscriptions."""
        await self._client.connect(url, inbox_prefix=INBOX)
        await self._client.subscribe(f"{STATUSES}.>", cb=self._on_status)
        await self._client.subscribe(f"{CONTROL}.>", cb=self._on_command)
        await self._client.flush()

    async def close(self) -> None:
        """Close the connection."""
        await self._client.close()

    async def _on_status(self, message: Msg) -> None:
        self._heard({"status": message.subject, "message": message.data.decode()})

    async def _on_command(self, message: Msg) -> None:
        operation = message.subject.removeprefix(f"{CONTROL}.")
        own = message.reply.startswith(INBOX)
        if not own and not operation.startswith(QUESTIONS):
            self._heard({"command": operation, "payload": message.data.decode()})

    def _heard(self, line: dict[str, Any]) -> None:
        self._write(line)
        self._last = time.monotonic()

    def _write(self, line: dict[str, Any]) -> dict[str, Any]:
        at = round(time.monotonic() - self._began, 2)
        self.lines.append({"case": self._case, "at": at, **line})
        return self.lines[-1]

    def case(self, name: str) -> None:
        """Begin a case."""
        self._case = name
        self._began = time.monotonic()

    async def ask(
        self, operation: str, payload: Any = "", content_type: str | None = None, *, answered: bool = True
    ) -> None:
        """Send a request to wadm.

        Args:
            operation: The operation, and the name of the application.
            payload: Text and bytes are sent unchanged, anything else as JSON.
            content_type: The header ``Content-Type``, if any.
            answered: Whether an answer is expected.

        Raises:
            harness.RealHostError: wadm did not answer.
        """
        if not isinstance(payload, str | bytes):
            payload = json.dumps(payload)
        text = payload.decode("latin-1") if isinstance(payload, bytes) else payload
        line = self._write({"request": operation, "payload": text})
        headers = None
        if content_type is not None:
            line["content_type"] = content_type
            headers = {"Content-Type": content_type}
        raw = payload if isinstance(payload, bytes) else payload.replace("DIR", str(FOLDER)).encode()
        line["answer"] = None
        try:
            reply = await self._client.request(f"{API}.model.{operation}", raw, ANSWER_LIMIT, headers=headers)
        except (NatsTimeoutError, NoRespondersError):
            if answered:
                raise harness.RealHostError(f"wadm has not answered {operation}:\n{self._wadm.log}") from None
        else:
            line["answer"] = reply.data.decode()

    async def put(self, made: Any, content_type: str | None = None) -> None:
        """Put a manifest."""
        await self.ask("put", made, content_type)

    def accepted(self) -> bool:
        """Return whether wadm has not refused the last request."""
        return bool(json.loads(self.lines[-1]["answer"])["result"] != "error")

    async def quiet(self, seconds: float = QUIET, limit: float = 40.0) -> None:
        """Wait until no status and no command has come for some seconds."""
        self._last = began = time.monotonic()
        while time.monotonic() < min(self._last + seconds, began + limit):
            await asyncio.sleep(0.1)  # messages come meanwhile

    async def deploy(
        self, name: str, version: str | None = None, quiet: float = QUIET, limit: float = 40.0
    ) -> None:
        """Deploy an application, and record what comes of it: statuses, commands, and what runs in the end."""
        await self.ask(f"deploy.{name}", {"version": version} if version else "")
        await self.ask(f"status.{name}")
        await self.quiet(quiet, limit)
        await self.ask(f"status.{name}")
        await self.look()

    async def undeploy(self, name: str) -> None:
        """Undeploy an application, and record what comes of it."""
        await self.ask(f"undeploy.{name}")
        await self.ask(f"status.{name}")
        await self.quiet(UNDEPLOY_QUIET)
        await self.ask(f"status.{name}")
        await self.look()

    async def look(self) -> None:
        """Record what the hosts say that they run, and the links."""
        line = self._write({"runs": {}})
        links: list[Any] = []
        for name, host in self._hosts.items():
            if host.running:
                inventory = await self._control(f"host.get.{host.host_id}")
                line["runs"][name] = {
                    "components": inventory["components"],
                    "providers": inventory["providers"],
                }
                links = await self._control("link.get")
        line["links"] = sorted(links, key=lambda entry: json.dumps(entry, sort_keys=True))

    async def control(self, operation: str, payload: Any) -> None:
        """Send a command to hosts behind wadm's back."""
        self._write({"action": operation, "payload": json.dumps(payload)})
        raw = json.dumps(payload).replace("DIR", str(FOLDER))
        for name, host in self._hosts.items():
            raw = raw.replace(name, host.host_id)
            operation = operation.replace(name, host.host_id)
        await self._control(operation, raw)

    async def _control(self, operation: str, payload: str = "") -> Any:
        reply = await self._client.request(f"{CONTROL}.{operation}", payload.encode(), 5.0)
        return json.loads(reply.data).get("response")

    async def stop(self, host: str) -> None:
        """Stop a host with SIGTERM."""
        self._write({"action": f"stop {host}"})
        await asyncio.to_thread(self._hosts[host].stop)

    async def kill(self, host: str) -> None:
        """Kill a host with SIGKILL."""
        self._write({"action": f"kill {host}"})
        await asyncio.to_thread(self._hosts[host].kill)

    async def stop_wadm(self) -> None:
        """Stop wadm with SIGTERM."""
        self._write({"action": "stop wadm"})
        await asyncio.to_thread(self._wadm.stop)

    async def start_wadm(self) -> None:
        """Start another wadm on the same server."""
        self._write({"action": "start wadm"})
        self._wadm = await asyncio.to_thread(self._start_wadm)

    async def beats(self) -> None:
        """Wait until each host has sent a heartbeat, by which wadm knows it."""
        subscription = await self._client.subscribe("wasmbus.evt.default.host_heartbeat")
        missing = {host.host_id for host in self._hosts.values()}
        while missing:
            missing.discard(json.loads((await subscription.next_msg(3 * HEARTBEAT_INTERVAL)).data)["source"])
        await subscription.unsubscribe()
        await asyncio.sleep(1)  # wadm deals with them

    def ended(self) -> None:
        """Record whether wadm has ended."""
        self._write({"action": "wadm runs" if self._wadm.running else "wadm has ended"})


@dataclass(frozen=True)
class Run:
    """Some cases with a server, hosts and a wadm of their own."""

    name: str
    body: Callable[[Recorder], Awaitable[None]]
    hosts: tuple[Mapping[str, str], ...] = ({"zone": "z1"},)
    first: str = "wadm"
    wadm: harness.WadmOptions = field(default_factory=harness.WadmOptions)


TWO_HOSTS: tuple[Mapping[str, str], ...] = ({"zone": "z1"}, {"zone": "z2"})


# The runs: applications -------------------------------------------------------------------------


async def one_application(wadm: Recorder) -> None:
    """The life of an application with one component."""

    def echo(version: str | None, instances: int, image: str = ECHO) -> Manifest:
        part = component("echo", image, spread(instances), config=[config("web", a="b")])
        return manifest("echo", part, version=version, description="the application echo")

    wadm.case("absent application")
    for operation in ("list", "get", *(f"{name}.echo" for name in ("get", "status", "versions"))):
        await wadm.ask(operation)
    for operation in ("deploy.echo", "undeploy.echo", "del.echo"):
        await wadm.ask(operation)
    wadm.case("first deploy, before wadm has seen a heartbeat")
    await wadm.put(echo("v1", 3))
    for operation in ("list", "get", "get.echo", "versions.echo", "status.echo"):
        await wadm.ask(operation)
    await wadm.deploy("echo")
    await wadm.ask("list")
    await wadm.ask("get")
    await wadm.ask("versions.echo")
    wadm.case("deploy again, nothing to do")
    await wadm.deploy("echo")
    wadm.case("put the same version")
    await wadm.put(echo("v1", 3))
    wadm.case("a new version with another count")
    await wadm.put(echo("v2", 5))
    await wadm.ask("versions.echo")
    await wadm.deploy("echo", "v2")
    await wadm.ask("versions.echo")
    wadm.case("a new version with a lower count")
    await wadm.put(echo("v2.1", 1))
    await wadm.deploy("echo")
    wadm.case("a new version with another image")
    await wadm.put(echo("v3", 5, ECHO2))
    await wadm.deploy("echo", "latest", limit=20)
    wadm.case("back to an old version")
    await wadm.deploy("echo", "v1", limit=20)
    wadm.case("a version that does not exist")
    for operation in ("deploy.echo", "get.echo", "del.echo"):
        await wadm.ask(operation, {"version": "v9"})
    wadm.case("deploy without a version, and with null")
    await wadm.ask("get.echo")
    await wadm.ask("deploy.echo", {"version": None})
    await wadm.quiet(limit=20)
    await wadm.ask("deploy.echo", {})
    await wadm.quiet(limit=20)
    await wadm.look()
    wadm.case("delete one version")
    await wadm.ask("del.echo", {"version": "v1"})
    await wadm.ask("versions.echo")
    wadm.case("put after the delete of the same version")
    await wadm.put(echo("v1", 2))
    await wadm.ask("versions.echo")
    wadm.case("delete the deployed version")
    await wadm.ask("del.echo", {"version": "v3"})
    await wadm.ask("versions.echo")
    await wadm.ask("status.echo")
    await wadm.quiet()
    await wadm.ask("status.echo")
    await wadm.look()
    wadm.case("undeploy, twice")
    await wadm.deploy("echo", "v1", quiet=2)
    await wadm.undeploy("echo")
    await wadm.undeploy("echo")
    await wadm.ask("versions.echo")
    await wadm.ask("list")
    wadm.case("deploy after an undeploy")
    await wadm.deploy("echo")
    wadm.case("delete what is deployed")
    await wadm.ask("del.echo")
    await wadm.ask("status.echo")
    await wadm.ask("versions.echo")
    await wadm.ask("get")
    await wadm.quiet()
    await wadm.ask("status.echo")
    await wadm.look()
    wadm.case("delete again")
    await wadm.ask("del.echo")
    await wadm.ask("undeploy.echo")
    await wadm.quiet(2)
    wadm.case("put after the delete, and without a version")
    await wadm.put(echo("v1", 1))
    await wadm.ask("status.echo")
    await wadm.ask("list")
    await wadm.put(echo(None, 1))
    await wadm.ask("versions.echo")
    wadm.case("delete the versions one by one")
    await wadm.ask("del.echo", {"version": "v1"})
    await wadm.ask("get")
    await wadm.ask("del.echo", {"version": "latest"})
    wadm.case("delete the last version")
    await wadm.ask("del.echo")
    await wadm.put(echo("v1", 1))
    await wadm.ask("del.echo", {"version": "v1"})
    await wadm.ask("get.echo")


async def restart(wadm: Recorder) -> None:
    """What is deployed at once after another deploy."""

    def echo(version: str, instances: int, image: str = ECHO) -> Manifest:
        return manifest("echo", component("echo", image, spread(instances)), version=version)

    wadm.case("two deploys at once, of another count")
    await wadm.put(echo("v1", 1))
    await wadm.put(echo("v2", 2))
    await wadm.ask("deploy.echo", {"version": "v1"})
    await wadm.deploy("echo", "v2", limit=25)
    wadm.case("two deploys at once, of another image")
    await wadm.put(echo("v3", 2, ECHO2))
    await wadm.ask("deploy.echo", {"version": "v3"})
    await wadm.deploy("echo", "v1", limit=25)
    wadm.case("an undeploy at once after a deploy")
    await wadm.ask("deploy.echo", {"version": "v3"})
    await wadm.undeploy("echo")
    wadm.case("a deploy at once after an undeploy")
    await wadm.deploy("echo", "v1", limit=25)
    await wadm.ask("undeploy.echo")
    await wadm.deploy("echo", "v1", limit=25)
    wadm.case("a delete at once after a deploy")
    await wadm.ask("deploy.echo", {"version": "v2"})
    await wadm.ask("del.echo")
    await wadm.quiet()
    await wadm.ask("status.echo")
    await wadm.look()


async def failures(wadm: Recorder) -> None:
    """Applications that cannot be deployed."""
    wadm.case("an image that does not exist")
    await wadm.put(manifest("bad", component("bad", ABSENT, spread(3))))
    await wadm.deploy("bad", limit=21)
    wadm.case("an image that does not exist: undeploy")
    await wadm.undeploy("bad")
    wadm.case("a new version with an image that does not exist, and back")
    await wadm.put(manifest("echo"))
    await wadm.deploy("echo")
    await wadm.put(manifest("echo", component("echo", ABSENT), version="v2"))
    await wadm.deploy("echo", limit=15)
    await wadm.deploy("echo", "v1", limit=15)
    await wadm.undeploy("echo")
    wadm.case("a reference that is none")
    await wadm.put(manifest("odd", component("odd", "not a reference")))
    await wadm.deploy("odd", limit=8)
    await wadm.undeploy("odd")
    wadm.case("no host fits")
    mars = {"name": "mars", "requirements": {"planet": "mars"}}
    await wadm.put(manifest("picky", component("picky", ECHO, spread(2, mars))))
    await wadm.deploy("picky")
    wadm.case("no host fits: undeploy")
    await wadm.undeploy("picky")
    wadm.case("no host fits one of two spreads")
    await wadm.put(manifest("half", component("half", ECHO, spread(2, mars, zone("z1")))))
    await wadm.deploy("half")
    await wadm.undeploy("half")
    wadm.case("no host fits a daemonscaler")
    await wadm.put(manifest("daemon", component("daemon", ECHO, daemon(2, mars))))
    await wadm.deploy("daemon")
    await wadm.undeploy("daemon")
    wadm.case("no host fits a provider")
    await wadm.put(manifest("http", provider("http", PROVIDER, spread(1, mars))))
    await wadm.deploy("http")
    await wadm.undeploy("http")
    wadm.case("no host fits a provider's daemonscaler")
    await wadm.put(manifest("http2", provider("http2", PROVIDER, daemon(1, mars))))
    await wadm.deploy("http2")
    await wadm.undeploy("http2")
    wadm.case("one good and one bad component")
    await wadm.put(manifest("mixed", component("good"), component("bad", ABSENT)))
    await wadm.deploy("mixed", limit=15)
    await wadm.undeploy("mixed")
    wadm.case("a component with 0 instances")
    await wadm.put(manifest("zero", component("zero", ECHO, spread(0))))
    await wadm.deploy("zero")
    await wadm.undeploy("zero")
    wadm.case("an application without components")
    await wadm.put({**manifest("none"), "spec": {"components": []}})
    await wadm.deploy("none")
    await wadm.undeploy("none")
    wadm.case("a component without a scaler")
    await wadm.put(manifest("bare", {"name": "bare", "type": "component", "properties": {"image": ECHO}}))
    await wadm.deploy("bare")
    await wadm.undeploy("bare")
    wadm.case("a component with two scalers")
    await wadm.put(manifest("two", component("two", ECHO, spread(1), spread(2))))
    await wadm.deploy("two", limit=0.3)
    await wadm.undeploy("two")
    wadm.case("more instances than 32 bits hold")
    await wadm.put(manifest("many", component("many", ECHO, spread(2**32 + 2))))
    await wadm.deploy("many", limit=12)
    await wadm.undeploy("many")
    wadm.case("a link from a provider to a provider")
    await wadm.put(manifest("pair", provider("a", PROVIDER, link("b", "outgoing-handler")), provider("b")))
    await wadm.deploy("pair")
    await wadm.undeploy("pair")
    wadm.case("a component with a link and a config, without a scaler")
    bare = component("c", ECHO, link("http", "outgoing-handler"), config=[config("web", a="b")])
    await wadm.put(manifest("linked", bare, provider("http")))
    await wadm.deploy("linked")
    await wadm.undeploy("linked")
    wadm.case("a trait that wadm does not know")
    await wadm.put(manifest("trait", component("trait", ECHO, {"type": "nonsense", "properties": {"a": 1}})))
    await wadm.deploy("trait")
    await wadm.undeploy("trait")


async def bad_provider(wadm: Recorder) -> None:
    """A provider that cannot be started, for longer than wadm waits for one: a minute."""
    wadm.case("a provider whose file does not exist")
    await wadm.put(manifest("http", provider("http", ABSENT_PROVIDER)))
    await wadm.deploy("http", quiet=70, limit=75)
    wadm.case("a provider whose file does not exist: undeploy")
    await wadm.undeploy("http")


async def good_provider(wadm: Recorder) -> None:
    """A provider, until the host has found that it does not answer health checks."""
    wadm.case("a provider that answers no health check")
    await wadm.put(manifest("http", provider("http")))
    await wadm.deploy("http", limit=8)
    await wadm.quiet(45)
    await wadm.ask("status.http")
    wadm.case("a provider that answers no health check: deploy again")
    await wadm.deploy("http", limit=8)
    await wadm.undeploy("http")


async def links(wadm: Recorder) -> None:
    """Components and providers with links and configs."""

    def app(version: str, *components: Any, port: str = "80", name: str = "server") -> Manifest:
        server = provider(
            "http",
            PROVIDER,
            link(
                {"name": "echo", "config": [config("paths", path="/")]},
                source={"config": [config(name, port=port)]},
            ),
            config=[config("defaults", level="info")],
        )
        echo = component(
            "echo",
            ECHO,
            spread(2),
            link("store", "outgoing-handler", name="backend"),
            config=[config("greeting", text="hi")],
        )
        return manifest("app", *(components or (server, echo, provider("store"))), version=version)

    wadm.case("links and configs: deploy")
    await wadm.put(app("v1"))
    await wadm.ask("get.app")
    await wadm.deploy("app")
    wadm.case("links and configs: deploy again")
    await wadm.deploy("app")
    wadm.case("links and configs: another content of a link's config")
    await wadm.put(app("v2", port="81"))
    await wadm.deploy("app")
    wadm.case("links and configs: another name of a link's config")
    await wadm.put(app("v3", port="81", name="other"))
    await wadm.deploy("app")
    wadm.case("links and configs: without a component and its links")
    await wadm.put(app("v4", provider("http", config=[config("defaults", level="info")]), provider("store")))
    await wadm.deploy("app")
    wadm.case("links and configs: back to the first version")
    await wadm.deploy("app", "v1")
    wadm.case("links and configs: undeploy")
    await wadm.undeploy("app")
    wadm.case("links and configs: delete after the undeploy")
    await wadm.ask("del.app")
    await wadm.quiet(2)


async def configs(wadm: Recorder) -> None:
    """Configs of components, and links whose other parts change."""

    def echo(version: str, *configs: Any, name: str = "echo") -> Manifest:
        return manifest(name, component(name, config=list(configs)), version=version)

    wadm.case("config: deploy")
    await wadm.put(echo("v1", config("web", a="b"), config("more", c="d")))
    await wadm.deploy("echo")
    wadm.case("config: another content under the same name")
    await wadm.put(echo("v2", config("web", a="c"), config("more", c="d")))
    await wadm.deploy("echo")
    wadm.case("config: another name")
    await wadm.put(echo("v3", config("web2", a="c"), config("more", c="d")))
    await wadm.deploy("echo", limit=20)
    wadm.case("config: one fewer")
    await wadm.put(echo("v4", config("web2", a="c")))
    await wadm.deploy("echo", limit=20)
    wadm.case("config: behind wadm's back, another content")
    await wadm.control("config.put.echo-web2", {"a": "mine"})
    await wadm.quiet()
    await wadm.look()
    wadm.case("config: behind wadm's back, deleted")
    await wadm.control("config.del.echo-web2", {})
    await wadm.quiet()
    await wadm.look()
    wadm.case("config: undeploy")
    await wadm.undeploy("echo")
    wadm.case("config: one without properties that does not exist")
    await wadm.put(echo("v1", config("external"), name="ext"))
    await wadm.deploy("ext", limit=20)
    wadm.case("config: one without properties that is put later")
    await wadm.control("config.put.external", {"a": "b"})
    await wadm.quiet()
    await wadm.ask("status.ext")
    await wadm.look()
    wadm.case("config: one without properties, undeploy")
    await wadm.undeploy("ext")
    wadm.case("config: without keys")
    await wadm.put(manifest("empty", component("empty", config=[{"name": "web", "properties": {}}])))
    await wadm.deploy("empty")
    await wadm.undeploy("empty")

    def linked(version: str, *of: Any, instances: int = 1, **properties: Any) -> Manifest:
        target = {"name": "http", "config": list(of)}
        part = component(
            "c", ECHO, spread(instances), link(target, **{"interface": "outgoing-handler", **properties})
        )
        return manifest("linked", part, provider("http"), version=version)

    wadm.case("link: with a config that does not exist")
    await wadm.put(linked("v1", config("absent")))
    await wadm.deploy("linked", limit=20)
    wadm.case("link: with a config that is put later")
    await wadm.control("config.put.absent", {"a": "b"})
    await wadm.quiet()
    await wadm.ask("status.linked")
    await wadm.look()
    wadm.case("link: another config's content under the same name")
    await wadm.put(linked("v2", config("mine", a="b")))
    await wadm.deploy("linked")
    await wadm.put(linked("v3", config("mine", a="c")))
    await wadm.deploy("linked")
    wadm.case("link: another interface under the same name")
    await wadm.put(linked("v4", config("mine", a="c"), interface="incoming-handler"))
    await wadm.deploy("linked", quiet=35, limit=70)
    wadm.case("link: another package under the same name")
    await wadm.put(linked("v5", config("mine", a="c"), package="keyvalue", interfaces=["store"]))
    await wadm.deploy("linked")
    wadm.case("link: another name")
    await wadm.put(linked("v6", config("mine", a="c"), name="second"))
    await wadm.deploy("linked")
    wadm.case("link: behind wadm's back, deleted")
    deletion = {"source_id": "linked-c", "name": "second", "wit_namespace": "wasi", "wit_package": "http"}
    await wadm.control("link.del", deletion)
    await wadm.quiet()
    await wadm.ask("status.linked")
    await wadm.look()
    wadm.case("link: delete")
    await wadm.ask("del.linked")
    await wadm.quiet()
    await wadm.look()
    wadm.case("link: in the deprecated form")
    old = link(
        "http", "outgoing-handler", source_config=[config("s", a="b")], target_config=[config("t", c="d")]
    )
    await wadm.put(manifest("old", component("c", ECHO, spread(1), old), provider("http")))
    await wadm.ask("get.old")
    await wadm.deploy("old")
    await wadm.undeploy("old")


async def two_hosts(wadm: Recorder) -> None:
    """Scalers on two hosts."""

    def echo(version: str, *traits: Any) -> Manifest:
        return manifest("echo", component("echo", ECHO, *traits), version=version)

    wadm.case("daemonscaler on two hosts")
    await wadm.put(echo("v1", daemon(2)))
    await wadm.deploy("echo")
    wadm.case("daemonscaler: another count")
    await wadm.put(echo("v2", daemon(3)))
    await wadm.deploy("echo")
    wadm.case("daemonscaler: on one zone")
    await wadm.put(echo("v3", daemon(3, zone("z2"))))
    await wadm.deploy("echo", limit=20)
    wadm.case("from daemonscaler to spreadscaler")
    await wadm.put(echo("v4", spread(4, zone("z1", 75), zone("z2", 25))))
    await wadm.deploy("echo", limit=20)
    wadm.case("spreadscaler: other weights")
    await wadm.put(echo("v5", spread(4, zone("z1", 1), zone("z2", 1))))
    await wadm.deploy("echo", limit=20)
    wadm.case("spreadscaler: three for two equal weights")
    await wadm.put(echo("v6", spread(3, zone("z1"), zone("z2"))))
    await wadm.deploy("echo", limit=20)
    wadm.case("spreadscaler: other names of the spreads")
    names = [{**zone("z1"), "name": "first"}, {**zone("z2"), "name": "second"}]
    await wadm.put(echo("v7", spread(3, *names)))
    await wadm.deploy("echo", limit=20)
    wadm.case("spreadscaler: one zone fewer")
    await wadm.put(echo("v8", spread(3, names[0])))
    await wadm.deploy("echo", limit=20)
    wadm.case("spreadscaler: without spreads")
    await wadm.put(echo("v9", spread(3)))
    await wadm.deploy("echo", limit=20)
    wadm.case("spreadscaler: without spreads, undeploy")
    await wadm.undeploy("echo")
    for host in ("HOST-z1", "HOST-z2"):
        await wadm.control(f"component.scale.{host}", stopped("echo-echo", host))
    wadm.case("another image on two hosts")
    await wadm.put(echo("v9.1", spread(4, zone("z1"), zone("z2"))))
    await wadm.deploy("echo")
    await wadm.put(
        manifest("echo", component("echo", ECHO2, spread(4, zone("z1"), zone("z2"))), version="v10")
    )
    await wadm.deploy("echo", limit=20)
    wadm.case("two hosts: undeploy")
    await wadm.undeploy("echo")

    def http(version: str, *traits: Any) -> Manifest:
        return manifest("http", provider("http", PROVIDER, *traits), version=version)

    wadm.case("provider: a spreadscaler of two")
    await wadm.put(http("v1", spread(2)))
    await wadm.deploy("http")
    wadm.case("provider: a spreadscaler of one")
    await wadm.put(http("v2", spread(1)))
    await wadm.deploy("http")
    wadm.case("provider: a spreadscaler of three on two hosts")
    await wadm.put(http("v3", spread(3)))
    await wadm.deploy("http", limit=20)
    wadm.case("provider: a daemonscaler")
    await wadm.put(http("v4", daemon(1)))
    await wadm.deploy("http", limit=20)
    wadm.case("provider: a daemonscaler on one zone")
    await wadm.put(http("v5", daemon(1, zone("z1"))))
    await wadm.deploy("http", limit=20)
    wadm.case("provider: undeploy")
    await wadm.undeploy("http")


async def leaving_hosts(wadm: Recorder) -> None:
    """Hosts that stop while something runs on them."""
    wadm.case("a host stops: deploy on both")
    await wadm.put(manifest("echo", component("echo", ECHO, spread(4, zone("z1"), zone("z2")))))
    await wadm.deploy("echo")
    await wadm.put(manifest("any", component("any", ECHO, spread(2)), provider("http", PROVIDER, daemon(1))))
    await wadm.deploy("any")
    wadm.case("a host stops")
    await wadm.stop("HOST-z2")
    await wadm.quiet()
    await wadm.ask("status.echo")
    await wadm.ask("status.any")
    await wadm.look()
    wadm.case("scaled to 0 behind wadm's back")
    for name, path in (("echo-echo", ECHO), ("any-any", ECHO)):
        await wadm.control(
            "component.scale.HOST-z1",
            {
                "component_ref": path,
                "component_id": name,
                "host_id": "HOST-z1",
                "count": 0,
                "annotations": {},
            },
        )
    await wadm.quiet(limit=20)
    await wadm.look()
    wadm.case("a provider stopped behind wadm's back")
    await wadm.control("provider.stop.HOST-z1", {"host_id": "HOST-z1", "provider_id": "any-http"})
    await wadm.quiet(limit=20)
    await wadm.look()
    wadm.case("the last host stops")
    await wadm.stop("HOST-z1")
    await wadm.quiet()
    await wadm.ask("status.echo")
    await wadm.ask("status.any")
    wadm.case("no hosts: deploy")
    await wadm.put(manifest("late"))
    await wadm.ask("list")
    await wadm.deploy("late")
    wadm.case("no hosts: undeploy")
    await wadm.undeploy("echo")
    await wadm.undeploy("late")
    wadm.case("no hosts: delete")
    await wadm.ask("del.any")
    await wadm.quiet(2)
    await wadm.ask("status.any")


async def killed_host(wadm: Recorder) -> None:
    """A host that is killed. wadm is told to forget hosts after 10 seconds."""
    wadm.case("a host is killed: deploy on both")
    await wadm.put(manifest("echo", component("echo", ECHO, spread(4, zone("z1"), zone("z2")))))
    await wadm.deploy("echo")
    await wadm.put(manifest("each", component("each", ECHO, daemon(1))))
    await wadm.deploy("each")
    wadm.case("a host is killed")
    await wadm.kill("HOST-z2")
    await wadm.quiet(25, 40)
    await wadm.ask("status.echo")
    await wadm.ask("status.each")
    await wadm.look()
    wadm.case("a host is killed: undeploy")
    await wadm.undeploy("echo")
    await wadm.undeploy("each")


async def without_hosts(wadm: Recorder) -> None:
    """Applications where no host ever was."""
    wadm.case("no host ever: deploy")
    await wadm.put(manifest("echo"))
    await wadm.deploy("echo")
    await wadm.ask("list")
    await wadm.ask("versions.echo")
    wadm.case("no host ever: undeploy")
    await wadm.undeploy("echo")
    await wadm.ask("list")
    wadm.case("no host ever: delete")
    await wadm.ask("del.echo")
    await wadm.ask("list")


async def first_of_all(wadm: Recorder) -> None:
    """The first deploy after wadm's start, of components, providers, links and configs."""
    server = provider(
        "http", PROVIDER, link({"name": "echo"}, source={"config": [config("server", port="80")]})
    )
    echo = component("echo", ECHO, daemon(2), config=[config("greeting", text="hi")])
    wadm.case("first deploy, of a provider, a link and configs on two hosts")
    await wadm.put(manifest("app", server, echo))
    await wadm.deploy("app")
    await wadm.ask("list")
    wadm.case("first delete")
    await wadm.ask("del.app")
    await wadm.quiet()
    await wadm.look()


async def sharing(wadm: Recorder) -> None:
    """Applications that share components, and ones that have the same id."""
    wadm.case("shared: the sharing application is not deployed")
    lender = manifest(
        "lender", provider("http"), component("lib"), **{"experimental.wasmcloud.dev/shared": "true"}
    )
    borrower = manifest(
        "borrower",
        component("echo", ECHO, spread(1), link("web", "outgoing-handler")),
        shared("capability", "web", "lender", "http", link("echo")),
        shared("component", "lib", "lender", "lib"),
    )
    await wadm.put(borrower)
    await wadm.ask("deploy.borrower")
    await wadm.ask("versions.borrower")
    await wadm.put(lender)
    await wadm.ask("deploy.borrower")
    wadm.case("shared: deploy the sharing application")
    await wadm.deploy("lender")
    wadm.case("shared: deploy what uses it")
    await wadm.put({**borrower, "metadata": {"name": "borrower", "annotations": {"version": "v2"}}})
    await wadm.ask("get.borrower")
    await wadm.deploy("borrower")
    wadm.case("shared: undeploy the sharing application first")
    await wadm.undeploy("lender")
    await wadm.ask("status.borrower")
    await wadm.deploy("borrower")
    wadm.case("shared: undeploy what used it")
    await wadm.undeploy("borrower")
    wadm.case("shared: of an application that is not shared, of another kind, and of another name")
    await wadm.put(manifest("plain", provider("http")))
    await wadm.deploy("plain", quiet=2)
    await wadm.deploy("lender", quiet=2)
    for name, part in (
        ("b1", shared("capability", "web", "plain", "http")),
        ("b2", shared("component", "web", "lender", "http")),
        ("b3", shared("capability", "web", "lender", "nothing")),
        ("b4", shared("capability", "web", "nobody", "http")),
    ):
        await wadm.put(manifest(name, component("echo"), part))
        await wadm.ask(f"deploy.{name}")
    wadm.case("shared: by a version that is not deployed")
    await wadm.put(manifest("lender", component("echo"), version="v2"))
    await wadm.ask("deploy.borrower")
    wadm.case("the same id in two applications")
    for name in ("one", "two"):
        await wadm.put(manifest(name, component(name, ECHO, spread(1), id="same")))
    await wadm.deploy("one", quiet=2)
    await wadm.ask("deploy.two")
    await wadm.ask("versions.two")
    await wadm.undeploy("one")
    await wadm.deploy("two", quiet=2)
    await wadm.ask("deploy.one")
    wadm.case("the id of another application's component, which has none in its manifest")
    await wadm.put(manifest("three", component("three", ECHO, spread(1), id="four-four")))
    await wadm.put(manifest("four", component("four", ECHO2, spread(2))))
    await wadm.deploy("three", quiet=2)
    await wadm.deploy("four", limit=20)
    await wadm.undeploy("three")
    wadm.case("names with capital letters, dashes and underscores")
    await wadm.put(manifest("My_App-1", component("Echo_One", config=[config("Web.conf", a="b")])))
    await wadm.deploy("My_App-1", quiet=2)
    await wadm.undeploy("My_App-1")
    wadm.case("names of components that make the same id")
    await wadm.put(manifest("clash", component("a b"), component("a-b", ECHO2), component("a.b")))
    await wadm.deploy("clash", limit=15)
    await wadm.undeploy("clash")


async def secrets(wadm: Recorder) -> None:
    """An application with secrets, where no backend of secrets runs."""
    policy = {
        "name": "vault",
        "type": "policy.secret.wasmcloud.dev/v1alpha1",
        "properties": {"backend": "vault"},
    }
    wadm.case("secrets: deploy")
    part = component("echo", secrets=[secret("password", "vault", field="f", version="1")])
    await wadm.put(manifest("echo", part, policies=[policy]))
    await wadm.ask("get.echo")
    await wadm.deploy("echo", limit=15)
    wadm.case("secrets: undeploy")
    await wadm.undeploy("echo")
    wadm.case("secrets: of a link and a provider")
    to = {"name": "http", "secrets": [secret("token", "vault")]}
    parts = [
        component(
            "c", ECHO, spread(1), link(to, "outgoing-handler", source={"secrets": [secret("mine", "vault")]})
        ),
        provider("http", secrets=[secret("key", "vault")]),
    ]
    await wadm.put(manifest("linked", *parts, policies=[policy]))
    await wadm.deploy("linked", limit=15)
    await wadm.undeploy("linked")


async def restarted_wadm(wadm: Recorder) -> None:
    """A wadm that stops, and another one that finds what the first has left."""
    wadm.case("wadm stops: deploy")
    await wadm.put(manifest("echo", component("echo", ECHO, spread(2), config=[config("web", a="b")])))
    await wadm.deploy("echo", quiet=2)
    wadm.case("wadm stops")
    await wadm.stop_wadm()
    await wadm.ask("get", answered=False)
    await wadm.control("component.scale.HOST-z1", stopped("echo-echo", "HOST-z1"))
    await wadm.quiet()
    await wadm.look()
    wadm.case("another wadm starts")
    await wadm.start_wadm()
    await wadm.ask("versions.echo")
    await wadm.ask("status.echo")
    await wadm.quiet()
    await wadm.ask("status.echo")
    await wadm.look()
    wadm.case("another wadm starts: another image")
    await wadm.put(
        manifest("echo", component("echo", ECHO2, spread(2), config=[config("web", a="b")]), version="v2")
    )
    await wadm.deploy("echo", limit=20)
    wadm.case("wadm stops, and another starts while nothing changes")
    await wadm.stop_wadm()
    await wadm.start_wadm()
    await wadm.quiet()
    await wadm.deploy("echo", "v1", limit=20)
    wadm.case("wadm stops, and another starts, then delete")
    await wadm.stop_wadm()
    await wadm.start_wadm()
    await wadm.ask("del.echo")
    await wadm.quiet()
    await wadm.ask("status.echo")
    await wadm.look()


# The runs: requests -----------------------------------------------------------------------------


async def operations(wadm: Recorder) -> None:
    """Requests that no client sends: unknown operations, odd names, odd payloads."""
    wadm.case("an application for the odd requests")
    await wadm.put(manifest("echo"))
    await wadm.put(manifest("echo", version="v2", description="second"))
    wadm.case("history")
    await wadm.ask("history.echo")
    await wadm.ask("history")
    wadm.case("unknown operations")
    for operation in ("frobnicate", "frobnicate.echo", "delete.echo", "list.echo", "put.echo", "PUT"):
        await wadm.ask(operation)
    wadm.case("operations without a name")
    for operation in ("versions", "status", "deploy", "undeploy", "del"):
        await wadm.ask(operation)
    wadm.case("names with dots")
    for operation in ("get.a.b", "status.a.b", "deploy.a.b"):
        await wadm.ask(operation)
    wadm.case("names with wildcards")
    for operation in ("get.*", "status.*", "status.>", "versions.*"):
        await wadm.ask(operation)
    wadm.case("names with other characters")
    for operation in ("get.ECHO", "get.ec$ho", "get.é", "status.ec/ho", "versions.a=b", "del.ec$ho", "del.é"):
        await wadm.ask(operation)
    for operation in ("get", "deploy", "undeploy", "del"):
        wadm.case(f"odd payloads: {operation}")
        payloads: list[Any] = ["null", "{}", "[]", "3", "nonsense", "{", [None], ["v9"], {"version": None}]
        payloads += [
            {"version": 1},
            {"version": "latest"},
            {"version": ""},
            {"versions": "v9"},
            {"version": "v9", "a": 1},
        ]
        for payload in payloads:
            await wadm.ask(f"{operation}.odd", payload)
            if operation == "get" or (operation == "deploy" and payload == {"version": "latest"}):
                await wadm.ask(f"{operation}.echo", payload)
        await wadm.quiet(2)
    wadm.case("odd payloads: others")
    for operation in ("versions.echo", "status.echo", "list", "get"):
        await wadm.ask(operation, "nonsense")


YAML_TEXT = """\
apiVersion: core.oam.dev/v1beta1
kind: Application
metadata:
  name: NAME
  annotations:
    version: v1  # a comment
    description: 'über YAML'
spec:
  components:
    - name: echo
      type: component
      properties:
        image: file://DIR/echo.wasm
      traits:
        - type: spreadscaler
          properties:
            instances: 1
"""


def yaml_text(name: str, *changes: tuple[str, str]) -> str:
    """Return a manifest in YAML, with some text replaced."""
    text = YAML_TEXT.replace("NAME", name)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


async def content_types(wadm: Recorder) -> None:
    """Manifests in YAML and JSON, with and without the header."""
    texts: dict[str, Callable[[str], str]] = {
        "YAML": yaml_text,
        "JSON": lambda name: json.dumps(manifest(name)),
    }
    types = (
        None,
        JSON,
        YAML,
        "application/x-yaml",
        "text/yaml",
        "application/json; charset=utf-8",
        "APPLICATION/JSON",
        "",
    )
    for form, make in texts.items():
        for number, content_type in enumerate(types):
            wadm.case(f"put {form} with the content type {content_type!r}")
            await wadm.put(make(f"{form}-{number}"), content_type)
    wadm.case("get what was put as YAML")
    await wadm.ask("get.YAML-2")
    for name, changes in {
        "a version that is a number": [("version: v1", "version: 1.0")],
        "a version that is a number in quotes": [("version: v1", "version: '1.0'")],
        "a version that is true": [("version: v1", "version: true")],
        "a version that is yes": [("version: v1", "version: yes")],
        "a version that is null": [("version: v1", "version: ~")],
        "a version without a value": [("version: v1 ", "version:")],
        "a key twice": [("kind: Application", "kind: Application\nkind: Application")],
        "an annotation twice": [("description: 'über YAML'", "version: v2")],
        "an anchor and an alias": [("version: v1", "version: &v v1"), ("'über YAML'", "*v")],
        "a tag": [("version: v1", "version: !!str 1")],
        "an own tag": [("version: v1", "version: !mine 1")],
        "a tab": [("    version", "\tversion")],
        "instances in octal": [("instances: 1", "instances: 0o17")],
        "instances in old octal": [("instances: 1", "instances: 017")],
        "instances in hexadecimal": [("instances: 1", "instances: 0x1f")],
        "instances with an underscore": [("instances: 1", "instances: 1_000")],
        "instances as a float": [("instances: 1", "instances: 1.0")],
        "instances as text": [("instances: 1", "instances: '1'")],
        "a merge key": [("        image:", "        <<: {id: merged}\n        image:")],
        "two documents": [
            ("        - type", "        - type"),
            ("            instances: 1", "            instances: 1\n---\na: 1"),
        ],
        "a document start and end": [
            ("apiVersion", "---\napiVersion"),
            ("instances: 1", "instances: 1\n..."),
        ],
        "a byte order mark": [("apiVersion", "\ufeffapiVersion")],
        "a numeric component name": [("- name: echo", "- name: 12")],
        "a label that is a number": [("spec:", "  labels: {a: 1}\nspec:")],
        "windows line ends": [("\n", "\r\n")],
    }.items():
        for content_type in (None, YAML):
            wadm.case(f"YAML with {name}" + (", with the header" if content_type else ""))
            await wadm.put(yaml_text("odd", *changes), content_type)
            if wadm.accepted():
                await wadm.ask("get.odd")
                await wadm.ask("del.odd")
    odd: dict[str, Any] = {
        "nothing": "",
        "null": "null",
        "a list": "[]",
        "a text": "nonsense",
        "a number": "3",
        "an empty map": "{}",
        "an open brace": "{",
        "another map": "a: 1",
        "spaces": "   ",
        "bytes that are not UTF-8": b"\xff\xfe",
        "a list of the four fields": json.dumps(list(manifest("list").values())),
    }
    for name, payload in odd.items():
        for content_type in (None, JSON, YAML):
            wadm.case(f"put {name}" + (f", as {content_type}" if content_type else ""))
            await wadm.put(payload, content_type)


def changed(*path: Any, value: Any = None, made: Manifest | None = None) -> Manifest:
    """Return a copy of a manifest with one value replaced.

    Args:
        path: The keys and indexes that lead to the value.
        value: The new value, or None to remove the old one.
        made: The manifest. Defaults to one with a config, a scaler with a spread, and a link.
    """
    if made is None:
        full = component(
            "echo",
            ECHO,
            spread(1, zone("z1", 2)),
            link({"name": "http"}, "outgoing-handler"),
            config=[config("web", a="b")],
        )
        made = manifest("odd", full, provider("http"), description="d")
    copy: Any = json.loads(json.dumps(made))
    parent = copy
    for key in path[:-1]:
        parent = parent[key]
    if value is None:
        del parent[path[-1]]
    else:
        parent[path[-1]] = None if value is NULL else value
    result: Manifest = copy
    return result


#: Stands for null in a manifest, where None removes the value.
NULL = object()


def odd_manifests() -> dict[str, Manifest]:
    """Return manifests of all kinds that wadm may refuse, by what is odd in them."""
    first = ("spec", "components", 0)
    second = ("spec", "components", 1)
    scaler = (*first, "traits", 0, "properties")
    linked = (*first, "traits", 1, "properties")
    web = (*first, "properties", "config", 0)
    annotations = ("metadata", "annotations")
    odd: dict[str, Manifest] = {"nothing": changed("kind", value="Application")}

    for key in ("apiVersion", "kind", "metadata", "spec"):
        odd[f"no {key}"] = changed(key)
        odd[f"{key}: null"] = changed(key, value=NULL)
        odd[f"{key}: a number"] = changed(key, value=1)
    odd["another apiVersion"] = changed("apiVersion", value="v1")
    odd["another kind"] = changed("kind", value="Deployment")
    odd["an unknown field of the manifest"] = changed("status", value={})

    # Metadata.
    odd["no name"] = changed("metadata", "name")
    odd["no annotations"] = changed(*annotations)
    for name in (
        "",
        " ",
        "with space",
        " odd ",
        "odd\n",
        "dot.ted",
        "sla/sh",
        "é",
        "日本",
        "-",
        "_",
        "9",
        "a" * 300,
        "*",
        ">",
    ):
        odd[f"name {name!r}"] = changed("metadata", "name", value=name)
    odd["name: a number"] = changed("metadata", "name", value=1)
    odd["annotations: null"] = changed(*annotations, value=NULL)
    odd["annotations: a list"] = changed(*annotations, value=[])
    odd["annotations: a number"] = changed(*annotations, "n", value=1)
    odd["annotations: null in it"] = changed(*annotations, "n", value=NULL)
    for version in ("latest", "Latest", "", " ", "v 1", "v.1/2+3", "é", "9" * 300):
        odd[f"version {version!r}"] = changed(*annotations, "version", value=version)
    odd["version: a number"] = changed(*annotations, "version", value=1)
    for key in (
        "",
        "a b",
        "a_b",
        "a/b",
        "a/b/c",
        "-a",
        "a-",
        ".a",
        "é",
        "a" * 63,
        "a" * 64,
        "/a",
        "a/",
        "a_b/c",
        "1a/c",
        "a..b/c",
    ):
        odd[f"annotation {key!r}"] = changed(*annotations, key, value="any text é")
        odd[f"label {key!r}"] = changed("metadata", "labels", value={key: "any text é"})
    odd["labels: null"] = changed("metadata", "labels", value=NULL)
    odd["an unknown field of metadata"] = changed("metadata", "nonsense", value=1)

    # Components.
    odd["no components"] = changed("spec", "components")
    odd["components: null"] = changed("spec", "components", value=NULL)
    odd["components: empty"] = changed("spec", "components", value=[])
    odd["components: a map"] = changed("spec", "components", value={})
    odd["components: null in it"] = changed(*first, value=NULL)
    odd["an unknown field of spec"] = changed("spec", "nonsense", value=1)
    odd["an unknown field of a component"] = changed(*first, "nonsense", value=1)
    odd["an unknown field of a component's properties"] = changed(*first, "properties", "nonsense", value=1)
    odd["an unknown field of a provider's properties"] = changed(*second, "properties", "nonsense", value=1)
    for key in ("name", "type", "properties"):
        odd[f"a component without {key}"] = changed(*first, key)
        odd[f"a component with {key}: null"] = changed(*first, key, value=NULL)
        odd[f"a component with {key}: a number"] = changed(*first, key, value=1)
    for kind in ("actor", "Component", "provider", "nonsense", ""):
        odd[f"type {kind!r}"] = changed(*first, "type", value=kind)
    for name in ("", " ", "with space", "dot.ted", "é", "A"):
        odd[f"component name {name!r}"] = changed(*first, "name", value=name)
    odd["a component name twice"] = changed(*second, "name", value="echo")
    for key in ("image", "id"):
        for value in ("", " ", "a b", "é", 1, True, [], NULL):
            shown = "null" if value is NULL else repr(value)
            odd[f"{key}: {shown}"] = changed(*first, "properties", key, value=value)
    odd["an id twice"] = manifest("odd", component("a", id="same"), component("b", id="same"))
    odd["an id twice, of a component and a provider"] = manifest(
        "odd", component("a", id="s"), provider("b", id="s")
    )
    odd["an id twice, of two providers"] = manifest("odd", provider("a", id="s"), provider("b", id="s"))
    odd["an id that another component has by its name"] = manifest(
        "odd", component("a", id="odd-b"), component("b")
    )
    odd["an image twice"] = manifest("odd", component("a"), component("b"))
    odd["no image"] = changed(*first, "properties", "image")
    odd["a provider without image"] = changed(*second, "properties", "image")
    application = {"name": "lender", "component": "lib"}
    odd["image and application"] = changed(*first, "properties", "application", value=application)
    odd["application: null"] = changed(*first, "properties", "application", value=NULL)
    odd["application: a text"] = changed(*first, "properties", value={"application": "lender"})
    odd["application without component"] = changed(
        *first, "properties", value={"application": {"name": "lender"}}
    )
    odd["application with an unknown field"] = manifest(
        "odd", _part("component", "a", None, (), {"application": {**application, "x": 1}})
    )
    odd["a shared component"] = manifest("odd", shared("component", "a", "lender", "lib"))
    odd["a shared component with a config"] = manifest(
        "odd", shared("component", "a", "lender", "lib", config=[config("c", a="b")])
    )
    odd["a shared component with a named config"] = manifest(
        "odd", shared("component", "a", "lender", "lib", config=[config("c")])
    )
    odd["a shared component with a scaler"] = manifest(
        "odd", shared("component", "a", "lender", "lib", spread(1))
    )
    odd["a shared component with a daemonscaler"] = manifest(
        "odd", shared("component", "a", "lender", "lib", daemon(1))
    )
    odd["a shared provider with a scaler"] = manifest(
        "odd", shared("capability", "a", "lender", "lib", spread(1))
    )
    odd["a shared component with an id"] = manifest(
        "odd", shared("component", "a", "lender", "lib", id="mine")
    )

    # Configs.
    for key, value in (
        ("config", NULL),
        ("config", {}),
        ("config", ["web"]),
        ("config", [1]),
        ("config", []),
        ("secrets", NULL),
        ("secrets", []),
    ):
        shown = "null" if value is NULL else repr(value)
        odd[f"{key}: {shown}"] = changed(*first, "properties", key, value=value)
    odd["an unknown field of a config"] = changed(*web, "nonsense", value=1)
    odd["a config without a name"] = changed(*web, "name")
    odd["a config with an empty name"] = changed(*web, "name", value="")
    odd["a config with dots and spaces in its name"] = changed(*web, "name", value="a. b")
    odd["a config without properties"] = changed(*web, "properties")
    odd["a config with properties: null"] = changed(*web, "properties", value=NULL)
    odd["a config without keys"] = changed(*web, "properties", value={})
    odd["a config's value: a number"] = changed(*web, "properties", "a", value=1)
    odd["a config's value: true"] = changed(*web, "properties", "a", value=True)
    odd["a config's value: null"] = changed(*web, "properties", "a", value=NULL)
    odd["a config's value: a map"] = changed(*web, "properties", "a", value={})
    odd["a config name twice"] = manifest(
        "odd", component("a", config=[config("c", a="b"), config("c", a="c")])
    )
    odd["a config name in two components"] = manifest(
        "odd", component("a", config=[config("c", a="b")]), component("b", config=[config("c", a="c")])
    )

    # Scalers.
    odd["traits: null"] = changed(*first, "traits", value=NULL)
    odd["traits: empty"] = changed(*first, "traits", value=[])
    odd["traits: a map"] = changed(*first, "traits", value={})
    odd["an unknown field of a trait"] = changed(*first, "traits", 0, "nonsense", value=1)
    for key in ("type", "properties"):
        odd[f"a trait without {key}"] = changed(*first, "traits", 0, key)
        odd[f"a trait with {key}: null"] = changed(*first, "traits", 0, key, value=NULL)
        odd[f"a trait with {key}: a number"] = changed(*first, "traits", 0, key, value=1)
    for kind in ("SpreadScaler", "nonsense", "", "daemonscaler"):
        odd[f"a scaler with the type {kind!r}"] = changed(*first, "traits", 0, "type", value=kind)
    odd["a link with the type 'spreadscaler'"] = changed(*first, "traits", 1, "type", value="spreadscaler")
    odd["a link with the type 'nonsense'"] = changed(*first, "traits", 1, "type", value="nonsense")
    for instances in (0, -1, 1.0, 1.5, "1", True, [], 2**32, 2**63, 2**64, NULL):
        shown = "null" if instances is NULL else repr(instances)
        odd[f"instances: {shown}"] = changed(*scaler, "instances", value=instances)
        odd[f"weight: {shown}"] = changed(*scaler, "spread", 0, "weight", value=instances)
    odd["no instances"] = changed(*scaler, "instances")
    odd["replicas"] = changed(*scaler, value={"replicas": 2})
    odd["instances and replicas"] = changed(*scaler, "replicas", value=2)
    odd["an unknown field of a scaler"] = changed(*scaler, "nonsense", value=1)
    odd["spread: null"] = changed(*scaler, "spread", value=NULL)
    odd["spread: empty"] = changed(*scaler, "spread", value=[])
    odd["spread: a map"] = changed(*scaler, "spread", value={})
    odd["an unknown field of a spread"] = changed(*scaler, "spread", 0, "nonsense", value=1)
    odd["a spread without a name"] = changed(*scaler, "spread", 0, "name")
    odd["a spread without requirements"] = changed(*scaler, "spread", 0, "requirements")
    odd["a spread with requirements: null"] = changed(*scaler, "spread", 0, "requirements", value=NULL)
    odd["a spread with empty requirements"] = changed(*scaler, "spread", 0, "requirements", value={})
    odd["a requirement that is a number"] = changed(*scaler, "spread", 0, "requirements", value={"n": 1})
    odd["two spreads of one name"] = manifest(
        "odd", component("odd", ECHO, spread(2, zone("z1"), zone("z1")))
    )
    odd["two scalers"] = manifest("odd", component("odd", ECHO, spread(2), daemon(1)))

    # Links.
    odd["a link without target"] = changed(*linked, "target")
    odd["a link with target: null"] = changed(*linked, "target", value=NULL)
    odd["a link with target: a number"] = changed(*linked, "target", value=1)
    odd["a link with target: an empty text"] = changed(*linked, "target", value="")
    odd["a link with target: a text"] = changed(*linked, "target", value="http")
    odd["a link with a target without a name"] = changed(*linked, "target", value={"config": []})
    odd["a link to what is not there"] = changed(*linked, "target", value={"name": "absent"})
    odd["a link to itself"] = changed(*linked, "target", value={"name": "echo"})
    odd["an unknown field of a link"] = changed(*linked, "nonsense", value=1)
    odd["an unknown field of a target"] = changed(*linked, "target", "nonsense", value=1)
    odd["an unknown field of a source"] = changed(*linked, "source", value={"nonsense": 1})
    odd["a source: null"] = changed(*linked, "source", value=NULL)
    odd["a source: a text"] = changed(*linked, "source", value="echo")
    odd["source_config: null"] = changed(*linked, "source_config", value=NULL)
    odd["source_config and source"] = changed(
        *linked,
        value=link("http", source={"config": [config("s", a="b")]}, source_config=[config("t", c="d")])[
            "properties"
        ],
    )
    odd["target_config beside a target with config"] = changed(
        *linked, "target_config", value=[config("t", c="d")]
    )
    odd["an unknown field of a link's config"] = changed(
        *linked, "target", "config", value=[{"name": "a", "x": 1}]
    )
    for key in ("namespace", "package", "interfaces"):
        odd[f"a link without {key}"] = changed(*linked, key)
    odd["a link without interfaces in its list"] = changed(*linked, "interfaces", value=[])
    odd["a link of an unknown namespace"] = changed(*linked, "namespace", value="acme")
    odd["a link of an unknown package"] = changed(*linked, "package", value="htpp")
    odd["a link of an unknown interface"] = changed(*linked, "interfaces", value=["incoming"])
    odd["an empty name of a link"] = changed(*linked, "name", value="")
    twice = link("http", "outgoing-handler")
    odd["a link twice"] = manifest("odd", component("c", ECHO, twice, twice), provider("http"))
    odd["a link to two targets"] = manifest(
        "odd", component("c", ECHO, twice, link("two", "outgoing-handler")), provider("http"), provider("two")
    )
    odd["a link twice, with two names"] = manifest(
        "odd", component("c", ECHO, twice, link("http", "outgoing-handler", name="n")), provider("http")
    )
    odd["a link twice, with the name default"] = manifest(
        "odd", component("c", ECHO, twice, link("http", "outgoing-handler", name="default")), provider("http")
    )
    odd["a link twice, with other interfaces"] = manifest(
        "odd", component("c", ECHO, twice, link("http", "incoming-handler")), provider("http")
    )
    odd["an interface twice in a link"] = changed(
        *linked, "interfaces", value=["outgoing-handler", "outgoing-handler"]
    )
    source = {"config": [config("same", a="b")]}
    odd["a link's config name twice"] = changed(
        *linked, value=link({"name": "http", "config": [config("same", a="c")]}, source=source)["properties"]
    )
    odd["a link's config name twice, once without properties"] = changed(
        *linked, value=link({"name": "http", "config": [config("same")]}, source=source)["properties"]
    )
    odd["a link's config name as a component's"] = changed(
        *linked, value=link({"name": "http", "config": [config("web", a="c")]})["properties"]
    )

    # Policies and secrets.
    good = {
        "name": "vault",
        "type": "policy.secret.wasmcloud.dev/v1alpha1",
        "properties": {"backend": "vault"},
    }
    part = component("echo", secrets=[secret("password", "vault")])
    for what, policies in {
        "a secret": [good],
        "a secret of an unknown policy": [],
        "a secret of a policy of another type": [{**good, "type": "nonsense"}],
        "a secret of a policy without backend": [{**good, "properties": {}}],
        "a policy without properties": [{"name": "vault", "type": "t"}],
        "a policy's property that is a number": [{**good, "properties": {"backend": 1}}],
        "an unknown field of a policy": [{**good, "nonsense": 1}],
        "a policy twice": [good, good],
    }.items():
        odd[what] = manifest("odd", part, policies=policies)
    odd["policies: null"] = changed("spec", "policies", value=NULL)
    odd["a secret without a policy"] = manifest(
        "odd", component("echo", secrets=[{"name": "s", "properties": {"key": "k"}}]), policies=[good]
    )
    odd["a secret without a key"] = manifest(
        "odd", component("echo", secrets=[{"name": "s", "properties": {"policy": "vault"}}]), policies=[good]
    )
    odd["an unknown field of a secret"] = manifest(
        "odd", component("echo", secrets=[{**secret("s", "vault"), "x": 1}]), policies=[good]
    )
    odd["a secret of a link, of an unknown policy"] = changed(
        *linked, "target", "secrets", value=[secret("s", "vault")]
    )
    odd["a secret twice"] = manifest(
        "odd", component("echo", secrets=[secret("s", "vault"), secret("s", "vault")]), policies=[good]
    )
    odd["a shared component with a secret"] = manifest(
        "odd", shared("component", "a", "lender", "lib", secrets=[secret("s", "vault")]), policies=[good]
    )
    odd["two mistakes"] = manifest("odd", component("a", id="s"), component("a", id="s"), version="latest")
    return odd


async def puts(wadm: Recorder) -> None:
    """Odd manifests: wadm refuses some of them."""
    for what, made in odd_manifests().items():
        for content_type in (None, JSON):
            wadm.case(f"put: {what}" + (", with the header" if content_type else ""))
            await wadm.put(made, content_type)
            if wadm.accepted():
                name = made["metadata"]["name"]
                if content_type:
                    await wadm.ask(f"get.{name}")
                await wadm.ask(f"del.{name}")


#: Changes of a link at which wadm 0.21.1 panics: it ends, and answers nobody any more.
PANICS: dict[str, dict[str, Any]] = {
    "a link with namespace: a number": {"namespace": 1},
    "a link with namespace: null": {"namespace": None},
    "a link with package: null": {"package": None},
    "a link with interfaces: a text": {"interfaces": "outgoing-handler"},
    "a link with interfaces: null": {"interfaces": None},
    "a link with a number in interfaces": {"interfaces": [1]},
    "a link with name: null": {"name": None},
    "a link with name: a number": {"name": 1},
}


def panic(what: str, made: Manifest) -> Run:
    """Return the run of a manifest at which wadm panics."""

    async def body(wadm: Recorder) -> None:
        wadm.case(f"put: {what}")
        await wadm.ask("put", made, answered=False)
        await wadm.ask("get", answered=False)
        await asyncio.sleep(0.5)  # wadm ends by itself
        wadm.ended()

    return Run(f"panic: {what}", body, hosts=())


def panics() -> list[Run]:
    """Return the runs of manifests at which wadm panics."""
    runs = [
        panic(
            what,
            manifest(
                "odd", component("c", ECHO, link("http", **{"interface": "i", **change})), provider("http")
            ),
        )
        for what, change in PANICS.items()
    ]
    scaler = manifest("odd", component("c", ECHO, {**spread(1), "type": "link"}))
    return [*runs, panic("a scaler with the type 'link'", scaler)]


RUNS = (
    Run("one application", one_application, first="hosts"),
    Run("one after the other", restart),
    Run("failures", failures),
    Run("bad provider", bad_provider),
    Run("good provider", good_provider),
    Run("links", links),
    Run("configs", configs),
    Run("two hosts", two_hosts, TWO_HOSTS),
    Run("leaving hosts", leaving_hosts, TWO_HOSTS),
    Run("killed host", killed_host, TWO_HOSTS, wadm=harness.WadmOptions(cleanup_interval=10)),
    Run("without hosts", without_hosts, hosts=()),
    Run("first of all", first_of_all, TWO_HOSTS, first="hosts"),
    Run("restarted wadm", restarted_wadm),
    Run("sharing", sharing),
    Run("secrets", secrets),
    Run("operations", operations, hosts=()),
    Run("content types", content_types, hosts=()),
    Run("puts", puts, hosts=()),
    *panics(),
)


# Capturing --------------------------------------------------------------------------------------


def capture(run: Run) -> list[str]:
    """Start a server, hosts and wadm, and do all cases of a run.

    Returns:
        The lines of the capture as JSON. Ids of hosts and the folder of the files are replaced by names.

    Raises:
        harness.RealHostError: A program could not be started.
    """
    names = [f"HOST-{labels['zone']}" for labels in run.hosts]
    options = harness.HostOptions(heartbeat=HEARTBEAT_INTERVAL)
    wadm_program, host_program = harness.built_wadm(), harness.built()
    with ExitStack() as stack:
        url = stack.enter_context(PracticeServer()).url

        def start_wadm() -> harness.RealWadm:
            return stack.enter_context(harness.real_wadm(url, run.wadm, wadm_program))

        def start_hosts() -> list[harness.RealHost]:
            return stack.enter_context(harness.real_hosts(url, run.hosts, options, host_program))

        if run.first == "wadm":
            wadm, hosts = start_wadm(), start_hosts()
        else:
            hosts, wadm = start_hosts(), start_wadm()
        by_name = dict(zip(names, hosts, strict=True))
        lines = asyncio.run(_record(url, Recorder(by_name, wadm, start_wadm), run))
    header = {
        "run": run.name,
        "hosts": dict(zip(names, run.hosts, strict=True)),
        "first": run.first,
        "cleanup_interval": run.wadm.cleanup_interval or 70,
        "folder": str(FOLDER),
    }
    texts = []
    for line in lines:
        text = json.dumps(line, ensure_ascii=False).replace(str(FOLDER), "DIR")
        for name, host in by_name.items():
            text = text.replace(host.host_id, name)
        texts.append(text)
    return [json.dumps(header), *texts]


async def _record(url: str, recorder: Recorder, run: Run) -> list[dict[str, Any]]:
    await recorder.connect(url)
    try:
        if run.first == "wadm":
            await recorder.beats()
        await run.body(recorder)
        return recorder.lines
    finally:
        await recorder.close()


def main() -> int:
    """Write a capture.

    Returns:
        The exit status.
    """
    parser = argparse.ArgumentParser(
        prog="python -m realhost.capture_wadm", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("out", type=Path, help="the file to write the capture to")
    parser.add_argument("runs", nargs="*", help="the names of the runs to record, all by default")
    options = parser.parse_args()
    harness.build(show=True)
    harness.build_wadm(show=True)
    FOLDER.mkdir()
    try:
        artifacts.write_artifacts(FOLDER)
        # Runs mostly wait.
        with ThreadPoolExecutor(RUNS_AT_ONCE) as pool:
            wanted = [run for run in RUNS if not options.runs or run.name in options.runs]
            lines = [line for captured in pool.map(capture, wanted) for line in captured]
    finally:
        shutil.rmtree(FOLDER)
    options.out.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    print(f"{len(lines)} lines in {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
