"""NATS as it is: requests, replies and events as bytes and JSON, without the client of this library."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from typing import Any

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

from wasmcloud_ctl import Client as BlockingClient
from wasmcloud_ctl.testing import PracticeLattice


async def arrive(client: Client) -> None:
    """Wait until all that a client has sent is at the server, and all that the server had for it is here."""
    # nats-py's first ping overtakes what is still to be written; the second one follows it.
    await client.flush()
    await client.flush()


def answer_pings(responder: BlockingClient, replies: list[bytes]) -> None:
    """Have a ping answered with all of these."""

    async def answer() -> None:
        nats_client = responder.nats_client

        async def on_ping(message: Msg) -> None:
            for reply in replies:
                await nats_client.publish(message.reply, reply)

        await nats_client.subscribe(f"wasmbus.ctl.v1.{responder.lattice}.host.ping", cb=on_ping)
        await arrive(nats_client)

    responder.run(answer)


def host_reply(number: int) -> bytes:
    host = {"id": f"N{number:055d}", "friendly_name": f"host-{number}", "labels": {"zone": "z1"}}
    return json.dumps({"success": True, "message": "", "response": host}).encode()


class Wire:
    """One connection to a practice lattice, with all its events.

    Its loop runs only during its own calls. What the hosts do meanwhile is complete, and all of it has arrived,
    after ``settle``.
    """

    def __init__(self, lattice: PracticeLattice) -> None:
        self._lattice = lattice
        self._loop = asyncio.new_event_loop()
        self._events: list[Msg] = []
        self.client = self._loop.run_until_complete(nats.connect(lattice.url))
        self._loop.run_until_complete(self._subscribe(f"wasmbus.evt.{lattice.lattice}.*", self._events))

    async def _subscribe(self, subject: str, into: list[Msg]) -> None:
        async def take(message: Msg) -> None:
            into.append(message)

        await self.client.subscribe(subject, cb=take)
        await arrive(self.client)

    def send(self, rest: str, *payloads: object, reply: str = "") -> None:
        """Publish commands at once, by default one without a payload; what is no bytes is sent as JSON."""
        subject = f"{self._lattice.topic_prefix}.v1.{self._lattice.lattice}.{rest}"

        async def publish() -> None:
            for payload in payloads or (b"",):
                content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
                await self.client.publish(subject, content, reply=reply)
            await arrive(self.client)

        self._loop.run_until_complete(publish())

    def settle(self) -> None:
        """Wait until the hosts have done all they were told, and have told it."""
        self._lattice.settle()
        self._loop.run_until_complete(arrive(self.client))

    def gather(self, rest: str, payload: object = b"") -> list[bytes]:
        """All replies to a command, once the hosts are done with it; NATS's 503 is one, and empty."""
        replies: list[Msg] = []
        inbox = self.client.new_inbox()
        self._loop.run_until_complete(self._subscribe(inbox, replies))
        self.send(rest, payload, reply=inbox)
        self.settle()
        return [reply.data for reply in replies]

    def ask(self, rest: str, payload: object = b"") -> Any:
        """The one reply to a command; None for NATS's 503."""
        (reply,) = self.gather(rest, payload)
        return json.loads(reply) if reply else None

    def events(self) -> list[tuple[str, Any]]:
        """Name and data of the events since the last call."""
        self.settle()
        taken = [(event.subject.rpartition(".")[2], json.loads(event.data)["data"]) for event in self._events]
        self._events.clear()
        return taken

    def close(self) -> None:
        """Close the connection."""
        self._loop.run_until_complete(self.client.close())
        self._loop.close()


@contextlib.contextmanager
def wire_to(lattice: PracticeLattice) -> Iterator[Wire]:
    """A connection to a practice lattice, for as long as the block lasts."""
    wire = Wire(lattice)
    try:
        yield wire
    finally:
        wire.close()
