"""The parser of what a server sends: the client's own messages quickly, and all else as nats-py does it.

nats-py's parser shortens its buffer twice and awaits a coroutine for each message. This one goes through all that was
read with one regular expression, and calls a function for each message.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import nats.protocol.parser

Route = Callable[[bytes, bytes, "bytes | None"], None]
"""Takes a message: its subject, its data, and its headers if it has some."""

# They match whatever nats-py's own expressions match, so that nats-py is never given a header without its message.
_MESSAGE = re.compile(rb"MSG\s+(\S+)\s+(\d+)\s+(?:\S+[^\S\r\n]+)?(\d+)\r\n")
_WITH_HEADERS = re.compile(rb"HMSG\s+(\S+)\s+(\d+)\s+(?:\S+[^\S\r\n]+)?(\d+)\s+(\d+)\r\n")
_LINE_END = b"\r\n"


class Parser(nats.protocol.parser.Parser):
    """The parser of one connection. ``routes`` take the messages of subscriptions, by the number on the wire."""

    def __init__(self, connection: object) -> None:
        self.routes: dict[bytes, Route] = {}
        super().__init__(connection)

    def reset(self) -> None:
        super().reset()
        self._unparsed = bytearray()
        # The length of an incomplete message. Before that is there, trying again would only cost time.
        self._awaited = 0

    async def parse(self, data: bytes = b"") -> None:
        """Parse what was read. An incomplete message or line is kept until the rest has come."""
        self._unparsed += data
        if len(self._unparsed) >= self._awaited:
            parsed = await self._parse_complete(bytes(self._unparsed))
            del self._unparsed[:parsed]

    async def _parse_complete(self, received: bytes) -> int:
        """Parse all complete messages and lines. Return where the first incomplete one begins."""
        position = 0
        while True:
            if found := _MESSAGE.match(received, position):
                subject, number, size = found.groups()
                begin = data_begin = found.end()
            elif found := _WITH_HEADERS.match(received, position):
                subject, number, headers_size, size = found.groups()
                begin = found.end()
                data_begin = begin + int(headers_size)
            else:
                end = received.find(_LINE_END, position) + len(_LINE_END)
                if end < len(_LINE_END):
                    self._awaited = 0
                    return position
                await super().parse(received[position:end])
                position = end
                continue
            end = begin + int(size)
            next_position = end + len(_LINE_END)
            if next_position > len(received):
                self._awaited = next_position - position
                return position
            route = self.routes.get(number)
            if route is not None:
                headers = received[begin:data_begin] if data_begin > begin else None
                route(subject, received[data_begin:end], headers)
            else:
                await super().parse(received[position:next_position])
            position = next_position
