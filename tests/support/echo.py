"""A host that answers each question with the question itself, so that no answer can pass for another's."""

from __future__ import annotations

import asyncio
import json
import threading
from types import TracebackType

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from wire import arrive


class Echo:
    """Answers ``config.get`` for a config of any name with ``{"question": <that name>}``, on a thread of its own.

    It comes back to a server that was away, and says so on no channel at all.

    Args:
        url: The server.
        lattice: The lattice's name.
        event_each: After so many answers it publishes the event ``config_set`` for the last; 0: never.
    """

    def __init__(self, url: str, lattice: str, event_each: int = 0) -> None:
        self._url = url
        self._lattice = lattice
        self._event_each = event_each
        self._answers = 0
        self._client = Client()
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="echo", daemon=True)

    def _run(self) -> None:
        self._loop.run_until_complete(self._listen())
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._client.close())
        self._loop.close()

    async def _listen(self) -> None:
        async def ignore(_: Exception) -> None:
            pass  # a server that is away is what the tests are about

        self._client = await nats.connect(
            self._url, reconnect_time_wait=0.05, max_reconnect_attempts=-1, error_cb=ignore
        )
        subject = f"wasmbus.ctl.v1.{self._lattice}.config.get.*"
        await self._client.subscribe(subject, cb=self._answer, pending_msgs_limit=-1, pending_bytes_limit=-1)
        await arrive(self._client)

    async def _answer(self, message: Msg) -> None:
        name = message.subject.rpartition(".")[2]
        answer = {"success": True, "message": "", "response": {"question": name}}
        await self._client.publish(message.reply, json.dumps(answer).encode())
        self._answers += 1
        if self._event_each and self._answers % self._event_each == 0:
            await self._client.publish(f"wasmbus.evt.{self._lattice}.config_set", self._event(name))

    def _event(self, name: str) -> bytes:
        event = {
            "specversion": "1.0",
            "id": name,
            "source": "echo",
            "type": "com.wasmcloud.lattice.config_set",
            "time": "2025-01-01T00:00:00Z",
            "data": {"config_name": name},
        }
        return json.dumps(event).encode()

    def __enter__(self) -> Echo:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
