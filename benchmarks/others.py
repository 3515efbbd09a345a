"""Other ways to send a request to a lattice: bare nats-py, and what people build on it."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import nats
from anyio.from_thread import start_blocking_portal
from nats.aio.client import Client
from nats.aio.msg import Msg

T = TypeVar("T")

CONFIG_SUBJECT = "wasmbus.ctl.v1.default.config.get.web"
TIMEOUT = 10.0

# With nats-py's default limits, a subscription drops what comes too fast, and counts the bytes of each message.
_NO_LIMITS: Any = {"pending_msgs_limit": 0, "pending_bytes_limit": 0}


class Bare:
    """Bare nats-py, awaited on a loop in this thread.

    Args:
        url: The server's URL.
        new_loop: A function that makes the loop.
    """

    def __init__(
        self, url: str, new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    ) -> None:
        self._loop = new_loop()
        self._client: Client = self._loop.run_until_complete(nats.connect(url))

    def close(self) -> None:
        self._loop.run_until_complete(self._client.close())
        self._loop.close()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(coroutine)

    def ask(self, subject: str, times: int) -> None:
        """Send requests one after the other."""
        self.run(ask(self._client, subject, times))

    def times(self, subject: str, count: int) -> list[float]:
        """Send requests one after the other, and return the seconds of each."""

        async def ask_all() -> list[float]:
            found = []
            for _ in range(count):
                started = time.perf_counter()
                await ask(self._client, subject, 1)
                found.append(time.perf_counter() - started)
            return found

        return self.run(ask_all())

    def ask_side_by_side(self, subject: str, times: int, tasks: int) -> None:
        """Send requests from several tasks at once; each task sends its own one after the other."""

        async def all_of_them() -> None:
            await asyncio.gather(*(ask(self._client, subject, times) for _ in range(tasks)))

        self.run(all_of_them())

    def gather(self, subject: str, count: int) -> list[Any]:
        """Send one request and collect ``count`` replies with a callback, nats-py's quickest way."""

        async def gather() -> list[Any]:
            found: list[Any] = []
            complete = self._loop.create_future()

            async def on_reply(message: Msg) -> None:
                found.append(json.loads(message.data))
                if len(found) == count:
                    complete.set_result(None)

            inbox = self._client.new_inbox()
            subscription = await self._client.subscribe(inbox, cb=on_reply, **_NO_LIMITS)
            await self._client.publish(subject, reply=inbox)
            await complete
            await subscription.unsubscribe()
            return found

        return self.run(gather())

    def gather_one_by_one(self, subject: str, count: int) -> list[Any]:
        """Send one request and collect ``count`` replies with ``next_msg``."""

        async def gather() -> list[Any]:
            inbox = self._client.new_inbox()
            subscription = await self._client.subscribe(inbox, **_NO_LIMITS)
            await self._client.publish(subject, reply=inbox)
            found = []
            for _ in range(count):
                message = await subscription.next_msg(TIMEOUT)
                found.append(json.loads(message.data))
            await subscription.unsubscribe()
            return found

        return self.run(gather())

    def listen(self, subject: str, count: int, begin: Callable[[], None]) -> None:
        """Receive ``count`` events with a callback, nats-py's quickest way. Each is decoded and then dropped."""

        async def listen() -> None:
            heard = 0
            complete = self._loop.create_future()

            async def on_event(message: Msg) -> None:
                nonlocal heard
                json.loads(message.data)["data"]
                heard += 1
                if heard == count:
                    complete.set_result(None)

            subscription = await self._client.subscribe(subject, cb=on_event, **_NO_LIMITS)
            await self._confirm()
            begin()
            await complete
            await subscription.unsubscribe()

        self.run(listen())

    def listen_one_by_one(self, subject: str, count: int, begin: Callable[[], None]) -> None:
        """Receive ``count`` events with the message iterator. Each is decoded and then dropped."""

        async def listen() -> None:
            subscription = await self._client.subscribe(subject, **_NO_LIMITS)
            await self._confirm()
            begin()
            heard = 0
            async for message in subscription.messages:
                json.loads(message.data)["data"]
                heard += 1
                if heard == count:
                    break
            await subscription.unsubscribe()

        self.run(listen())

    async def _confirm(self) -> None:
        # nats-py sends its first ping ahead of the queued subscription. The second ping comes after it.
        await self._client.flush()
        await self._client.flush()


async def ask(client: Client, subject: str, times: int) -> None:
    """Send requests one after the other."""
    for _ in range(times):
        reply = await client.request(subject, timeout=TIMEOUT)
        json.loads(reply.data)


async def _ask_once(client: Client) -> Any:
    reply = await client.request(CONFIG_SUBJECT, timeout=TIMEOUT)
    return json.loads(reply.data)


class RawSocket:
    """The NATS protocol over a blocking socket, as the lower limit of all times.

    Args:
        port: The server's port on 127.0.0.1.
    """

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")
        self._file.readline()
        self._socket.sendall(b'CONNECT {"verbose":false,"pedantic":false}\r\nSUB inbox.raw 1\r\n')

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def ask(self, times: int) -> None:
        """Send requests one after the other."""
        for _ in range(times):
            self._socket.sendall(b"PUB %b inbox.raw 0\r\n\r\n" % CONFIG_SUBJECT.encode())
            json.loads(self._next())

    def ask_all_at_once(self, times: int) -> None:
        """Send all requests at once and read their replies. This shows the speed of the answering program."""
        self._socket.sendall(b"PUB %b inbox.raw 0\r\n\r\n" % CONFIG_SUBJECT.encode() * times)
        for _ in range(times):
            self._next()

    def listen(self, subject: str, count: int, begin: Callable[[], None]) -> None:
        """Receive ``count`` messages without decoding. This shows how fast events arrive."""
        self._socket.sendall(b"SUB %b 2\r\n" % subject.encode())
        self._socket.sendall(b"PING\r\n")
        while self._file.readline() != b"PONG\r\n":
            pass
        begin()
        for _ in range(count):
            self._next()
        self._socket.sendall(b"UNSUB 2\r\n")

    def begin(self, subject: str) -> None:
        """Publish an empty message."""
        self._socket.sendall(b"PUB %b 0\r\n\r\n" % subject.encode())

    def _next(self) -> bytes:
        while True:
            line = self._file.readline()
            if line.startswith(b"MSG "):
                return self._file.read(int(line.rsplit(b" ", 1)[1]) + 2)
            if line.startswith(b"PING"):
                self._socket.sendall(b"PONG\r\n")


class ThreadedLoop:
    """nats-py on a loop in a thread, called with ``asyncio.run_coroutine_threadsafe``.

    Args:
        url: The server's URL.
    """

    def __init__(self, url: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._client: Client = asyncio.run_coroutine_threadsafe(nats.connect(url), self._loop).result()

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._client.close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def ask(self, times: int) -> None:
        """Send requests one after the other."""
        for _ in range(times):
            asyncio.run_coroutine_threadsafe(_ask_once(self._client), self._loop).result()


class Portal:
    """nats-py behind anyio's blocking portal.

    Args:
        url: The server's URL.
    """

    def __init__(self, url: str) -> None:
        self._context = start_blocking_portal("asyncio")
        self._portal = self._context.__enter__()
        self._client: Client = self._portal.call(nats.connect, url)

    def close(self) -> None:
        self._portal.call(self._client.close)
        self._context.__exit__(None, None, None)

    def ask(self, times: int) -> None:
        """Send requests one after the other."""
        for _ in range(times):
            self._portal.call(_ask_once, self._client)


def ask_anew(url: str, times: int) -> None:
    """Send requests one after the other, each over its own connection."""

    async def once() -> None:
        client = await nats.connect(url)
        await _ask_once(client)
        await client.close()

    for _ in range(times):
        asyncio.run(once())
