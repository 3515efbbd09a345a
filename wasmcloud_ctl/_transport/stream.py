"""The bytes of one connection: dialling an address, TLS, the greeting, and how much has left."""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import json
import socket
import ssl
from collections.abc import Callable
from typing import Any
from urllib.parse import ParseResult

import nats.aio.transport
import nats.errors

from wasmcloud_ctl._options.servers import DEFAULT_PORT
from wasmcloud_ctl._transport.failures import Stage
from wasmcloud_ctl._transport.race import STAGGER_SECONDS, AllFailed, race


class Socket(nats.aio.transport.TcpTransport):
    """nats-py's TCP transport, counting what is written, so that it can be told what has left.

    Attributes:
        written: How many bytes have been written.
        stage: How far the connection has come.
        on_info: Called with what a server says of itself between its greeting and its first answer.
    """

    def __init__(self, on_info: Callable[[dict[str, Any]], None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.written = 0
        self.stage = Stage.RESOLVING
        self.on_info = on_info
        self._greeted = False
        self._held = b""

    def write(self, payload: bytes) -> None:
        if payload.startswith(b"CONNECT "):
            # It goes with the PING that follows. A server that refuses the first hangs up; the second, sent to that,
            # would be answered by a reset, which can overtake the reason.
            self._held = payload
        else:
            self.push(self._held + payload)
            self._held = b""

    def push(self, payload: bytes) -> None:
        """Write what is no part of the greeting."""
        self.written += len(payload)
        assert self._io_writer is not None
        self._io_writer.write(payload)

    def writelines(self, payload: list[bytes]) -> None:
        self.written += sum(map(len, payload))
        super().writelines(payload)  # type: ignore[no-untyped-call]

    async def connect(self, uri: ParseResult, buffer_size: int, connect_timeout: int) -> None:
        loop = asyncio.get_running_loop()
        host = uri.hostname or ""
        try:
            addresses = [str(ipaddress.ip_address(host))]
        except ValueError:
            found = await loop.getaddrinfo(host, uri.port, type=socket.SOCK_STREAM)
            addresses = list(dict.fromkeys(str(address[4][0]) for address in found))
        port = uri.port or DEFAULT_PORT
        self.stage = Stage.CONNECTING
        dials = [
            functools.partial(asyncio.open_connection, address, port, limit=buffer_size)
            for address in addresses
        ]
        try:
            streams = await race(dials, STAGGER_SECONDS, lambda late: late[1].transport.abort())
        except AllFailed as failed:
            raise failed.errors[0] from None
        self._io_reader, self._io_writer = self._bare_io_reader, self._bare_io_writer = streams
        self.stage = Stage.CONNECTED

    async def connect_tls(
        self, uri: str | ParseResult, ssl_context: ssl.SSLContext, buffer_size: int, connect_timeout: int
    ) -> None:
        in_clear = self._io_reader
        assert in_clear is not None
        await super().connect_tls(uri, ssl_context, buffer_size, connect_timeout)
        if not self._greeted:
            # A server that greets first may still have taken the handshake for its answer; it greets only once.
            in_clear.feed_eof()
            if await in_clear.read(1):
                raise ssl.SSLError("the greeting came first")
        self.stage = Stage.SECURED

    async def readline(self) -> bytes:
        """The next line of the greeting: INFO, and then what answers CONNECT and PING."""
        line = await self._line()
        if self._greeted:
            # A server may tell news of its cluster before it answers; nats-py would take that for the answer.
            while line.startswith(b"INFO "):
                self.on_info(json.loads(line[5:]))
                line = await self._line()
        elif line.startswith(b"-ERR"):
            raise nats.errors.Error(line[4:].decode("utf-8", "replace").strip())
        else:
            self._greeted = True
            self.stage = Stage.GREETED
        return line

    async def _line(self) -> bytes:
        line: bytes = await super().readline()  # type: ignore[no-untyped-call]
        if not line.endswith(b"\n"):
            raise ConnectionResetError("the connection was ended")
        return line

    def unsent(self) -> int:
        """How many bytes have not been handed to the operating system. With TLS: about."""
        if self._io_writer is None:
            return 0
        unsent = self._io_writer.transport.get_write_buffer_size()
        if self.encrypted and self._bare_io_writer is not None:
            # What is encrypted already waits in the transport below, and the one above does not count it.
            unsent += self._bare_io_writer.transport.get_write_buffer_size()
        return unsent

    @property
    def encrypted(self) -> bool:
        return self._io_writer is not None and self._io_writer.get_extra_info("ssl_object") is not None

    @property
    def closing(self) -> bool:
        return self._io_writer is None or self._io_writer.is_closing()

    def abort(self) -> None:
        """Close at once, and forget what has not been sent."""
        for writer in (self._io_writer, self._bare_io_writer):
            if writer is not None:
                writer.transport.abort()
