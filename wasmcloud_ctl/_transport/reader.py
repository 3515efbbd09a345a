"""What a server sends: the client's own messages are taken out quickly, and nats-py reads the rest.

nats-py's parser shortens its buffer twice and awaits a coroutine for each message. This finds the messages in what
has arrived with one regular expression, and calls a function for each, without another turn of the loop.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

Route = Callable[[bytes, bytes, "bytes | None"], None]
"""Takes a message: its subject, its data, and its headers if it has some."""

# As the server writes them. Its subjects may hold other white space, such as a vertical tab: with \s, a message on
# such a subject could be taken for one of another subscription.
_MESSAGE = re.compile(rb"MSG ([^ \t\r\n]+) (\d+) (?:[^ \t\r\n]+ )?(\d+)\r\n")
_WITH_HEADERS = re.compile(rb"HMSG ([^ \t\r\n]+) (\d+) (?:[^ \t\r\n]+ )?(\d+) (\d+)\r\n")
_LINE_END = b"\r\n"


class Reader(asyncio.StreamReader):
    """The stream that nats-py reads, without the messages of subscriptions that have a route.

    ``routes`` maps the number of a subscription on the wire to its route. It is empty until the connection is made.
    Until then nats-py reads everything.
    """

    def __init__(self, routes: dict[bytes, Route], limit: int) -> None:
        super().__init__(limit=limit, loop=asyncio.get_running_loop())
        self._routes = routes
        # The bytes of an incomplete message or line, their size, and the size of the whole message, once it is known.
        self._arrived: list[bytes] = []
        self._size = 0
        self._needed = 0

    def feed_data(self, data: bytes) -> None:  # type: ignore[override]  # asyncio's protocol gives it bytes
        """Take what has arrived. An incomplete message or line is kept until the rest is there."""
        if not self._routes:
            super().feed_data(data)
            return
        self._arrived.append(data)
        self._size += len(data)
        if self._size >= self._needed:
            arrived = b"".join(self._arrived)
            position = self._take_complete(arrived)
            self._arrived = [arrived[position:]]
            self._size = len(arrived) - position

    def _take_complete(self, arrived: bytes) -> int:
        """Take all complete messages and lines. Return where the first incomplete one begins."""
        position = 0
        while True:
            if found := _MESSAGE.match(arrived, position):
                subject, number, size = found.groups()
                begin = data_begin = found.end()
            elif found := _WITH_HEADERS.match(arrived, position):
                subject, number, headers_size, size = found.groups()
                begin = found.end()
                data_begin = begin + int(headers_size)
            else:
                end = arrived.find(_LINE_END, position) + len(_LINE_END)
                if end < len(_LINE_END):
                    self._needed = 0
                    return position
                super().feed_data(arrived[position:end])
                position = end
                continue
            end = begin + int(size)
            next_position = end + len(_LINE_END)
            if next_position > len(arrived):
                self._needed = next_position - position
                return position
            route = self._routes.get(number)
            if route is None:
                super().feed_data(arrived[position:next_position])
            else:
                route(subject, arrived[data_begin:end], arrived[begin:data_begin] or None)
            position = next_position
