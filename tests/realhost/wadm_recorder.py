"""Sends requests to wadm, and records what happens."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError
from realhost import harness

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
