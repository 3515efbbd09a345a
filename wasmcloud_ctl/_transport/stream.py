"""The bytes of one connection: dialling an address, TLS, the greeting, and how much was sent."""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import socket
import ssl
from collections.abc import Callable
from typing import Any
from urllib.parse import ParseResult

import nats.aio.transport
import nats.errors

from wasmcloud_ctl._protocol.codec import parse_json
from wasmcloud_ctl._transport.failures import Stage
from wasmcloud_ctl._transport.race import STAGGER_SECONDS, AllFailed, race
from wasmcloud_ctl._transport.reader import Reader, Route

_READ_BYTES = 65536


class Socket(nats.aio.transport.TcpTransport):
    """nats-py's TCP transport, which also counts the bytes that are written, to tell what was sent.

    ``on_info`` is called with each INFO that the server sends between its greeting and its first PONG. ``stage`` says
    how far the attempt to connect has come. ``routes`` take the messages of the client's own subscriptions, by the
    number of the subscription on the wire.
    """

    def __init__(self, on_info: Callable[[dict[str, Any]], None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.written: int = 0
        self.stage: Stage = Stage.RESOLVING
        self.routes: dict[bytes, Route] = {}
        self._on_info = on_info
        # How many bytes had been written when the buffers were last seen empty.
        self._drained = 0
        self._greeted = False
        self._held = b""

    def write(self, payload: bytes) -> None:
        if payload.startswith(b"CONNECT "):
            # It goes out together with the PING that follows. A server that refuses CONNECT hangs up; a PING sent
            # after that is answered by a reset, which can overtake the server's reason.
            self._held = payload
        else:
            self.push(self._held + payload)
            self._held = b""

    def push(self, payload: bytes) -> None:
        """Write what does not belong to the greeting."""
        self._note_drained()
        self.written += len(payload)
        assert self._io_writer is not None
        self._io_writer.write(payload)

    def writelines(self, payload: list[bytes]) -> None:
        self._note_drained()
        self.written += sum(map(len, payload))
        super().writelines(payload)  # type: ignore[no-untyped-call]

    async def dial(self, host: str, port: int) -> None:
        """Connect to the first address of a host that accepts."""
        try:
            addresses = [str(ipaddress.ip_address(host))]
        except ValueError:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
            addresses = list(dict.fromkeys(str(address[4][0]) for address in found))
        self.stage = Stage.CONNECTING
        dials = [functools.partial(self._open, address, port) for address in addresses]
        try:
            streams = await race(dials, STAGGER_SECONDS, lambda late: late[1].transport.abort())
        except AllFailed as failed:
            raise failed.args[0] from None
        self._io_reader, self._io_writer = self._bare_io_reader, self._bare_io_writer = streams
        self.stage = Stage.CONNECTED

    async def _open(self, address: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        # As asyncio.open_connection does, but with a reader of our own.
        loop = asyncio.get_running_loop()
        reader = Reader(self.routes, _READ_BYTES)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        transport, _ = await loop.create_connection(lambda: protocol, address, port)
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)

    async def connect_tls(
        self, uri: str | ParseResult, ssl_context: ssl.SSLContext, buffer_size: int, connect_timeout: int
    ) -> None:
        in_clear, loop = self._io_reader, asyncio.get_running_loop()
        assert in_clear is not None
        assert self._io_writer is not None
        # As nats-py does, but with a reader of our own.
        reader = Reader(self.routes, _READ_BYTES)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        name = uri if isinstance(uri, str) else uri.hostname
        handshake = loop.start_tls(self._io_writer.transport, protocol, ssl_context, server_hostname=name)
        transport = await asyncio.wait_for(handshake, connect_timeout)
        assert transport is not None
        self._io_reader, self._io_writer = reader, asyncio.StreamWriter(transport, protocol, reader, loop)
        if not self._greeted:
            # A server that greets first sends its greeting in clear, and then takes the handshake for CONNECT.
            in_clear.feed_eof()
            if await in_clear.read(1):
                raise ssl.SSLError("the greeting came first")
        self.stage = Stage.SECURED

    async def readline(self) -> bytes:
        """Return the next line of the greeting: INFO, then the reply to CONNECT and PING."""
        line = await self._line()
        if self._greeted:
            # A server may send an INFO about its cluster before its reply; nats-py would take that for the reply.
            while line.startswith(b"INFO "):
                self._on_info(parse_json(line[5:]))
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

    def was_sent(self, written: int) -> bool | None:
        """Whether the operating system has the first ``written`` bytes; None if that is unknown.

        With TLS the buffers hold encrypted bytes, which are more than the bytes that were written. So the comparison
        proves that bytes were sent, but not that they were not.
        """
        self._note_drained()
        if self._drained >= written or self.written - self._unsent() >= written:
            return True
        return None if self.encrypted else False

    def _note_drained(self) -> None:
        if self._unsent() == 0:
            self._drained = self.written

    def _unsent(self) -> int:
        """Return how many bytes are buffered in this process; with TLS, mostly encrypted ones."""
        bare = self._bare_io_writer
        if bare is None or self._io_writer is None:
            return 0
        unsent = bare.transport.get_write_buffer_size()
        # The TLS transport does not count what waits in the transport below. After a loss it cannot be asked before
        # Python 3.11, and holds nothing any more.
        if self._io_writer is not bare and not bare.is_closing():
            unsent += self._io_writer.transport.get_write_buffer_size()
        return unsent

    @property
    def encrypted(self) -> bool:
        """Whether the connection has TLS."""
        return self._io_writer is not None and self._io_writer.get_extra_info("ssl_object") is not None

    @property
    def closing(self) -> bool:
        """Whether nothing can be sent any more."""
        # Not the TLS transport above: before Python 3.11 it cannot be asked after a loss.
        return self._bare_io_writer is None or self._bare_io_writer.is_closing()

    def abort(self) -> None:
        """Close at once, and drop what was not sent."""
        for writer in (self._io_writer, self._bare_io_writer):
            if writer is not None:
                writer.transport.abort()
