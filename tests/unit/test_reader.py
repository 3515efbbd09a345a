"""What a server sends is taken apart the same, however it arrives."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from wasmcloud_ctl._transport.reader import Reader, Route

Message = tuple[bytes, bytes, "bytes | None"]

# What the client's own subscriptions 1 and 12 get, and what nats-py is left to read.
_SENT: tuple[tuple[bytes, Message | None], ...] = (
    (b"MSG a.b 1 5\r\nhello\r\n", (b"a.b", b"hello", None)),
    (b"PING\r\n", None),
    (b"MSG a 12 answers.3 0\r\n\r\n", (b"a", b"", None)),
    (b"MSG a.b 2 9\r\nMSG a 1 0\r\n", None),
    (b"HMSG c 1 12 17\r\nNATS/1.0\r\n\r\nhello\r\n", (b"c", b"hello", b"NATS/1.0\r\n\r\n")),
    (b"HMSG c 1 answers.4 16 16\r\nNATS/1.0 503\r\n\r\n\r\n", (b"c", b"", b"NATS/1.0 503\r\n\r\n")),
    (b"-ERR 'Permissions Violation for Publish to \"MSG a 1 0\"'\r\n", None),
    (b"MSG a.b 1 11\r\nMSG a 1 0\r\n\r\n", (b"a.b", b"MSG a 1 0\r\n", None)),
    (b"HMSG c 3 12 12\r\nNATS/1.0\r\n\r\n\r\n", None),
    (b'INFO {"max_payload":1048576}\r\n', None),
    (b"MSG a.b 1 3000\r\n" + b"\r\n" * 1500 + b"\r\n", (b"a.b", b"\r\n" * 1500, None)),
    (b"MSG a.b\x0b1 12 5\r\nhello\r\n", (b"a.b\x0b1", b"hello", None)),
    (b"MSG a\x0cb 1 5\r\nhello\r\n", (b"a\x0cb", b"hello", None)),
    (b"PONG\r\n", None),
)
_ALL = b"".join(sent for sent, _ in _SENT)


def _read(arriving: Sequence[bytes]) -> tuple[list[Message], bytes]:
    """The messages that the routes got, and what is left to read."""

    async def read() -> tuple[list[Message], bytes]:
        messages: list[Message] = []

        def take(subject: bytes, data: bytes, headers: bytes | None) -> None:
            messages.append((subject, data, headers))

        reader = Reader({b"1": take, b"12": take}, 65536)
        for data in arriving:
            reader.feed_data(data)
        reader.feed_eof()
        return messages, await reader.read()

    return asyncio.run(read())


@settings(deadline=None)  # a busy machine is no failure
@given(st.lists(st.integers(0, len(_ALL))))
def test_it_does_not_matter_how_it_is_cut_into_pieces(cuts: list[int]) -> None:
    """The routes get their messages in order, and nats-py the rest, unchanged."""
    ends = [0, *sorted(cuts), len(_ALL)]
    pieces = [_ALL[begin:end] for begin, end in itertools.pairwise(ends) if begin < end]

    assert _read(pieces) == (
        [message for _, message in _SENT if message is not None],
        b"".join(sent for sent, message in _SENT if message is None),
    )


def test_byte_by_byte_is_the_same() -> None:
    """Each end of a piece is within something."""
    assert _read([b"%c" % byte for byte in _ALL]) == _read([_ALL])


def test_what_is_incomplete_is_kept() -> None:
    """Neither a route nor nats-py gets a part of a message or a line."""
    for piece in (
        b"PIN",
        b"MSG a 1 5\r\nhell",
        b"MSG a 1 5\r\nhello\r",
        b"HMSG a 1 12 17\r\nNATS/1.0\r\n\r\nhell",
        b"MS",
    ):
        assert _read([piece]) == ([], b"")


def test_without_routes_nats_py_reads_everything() -> None:
    """Before the connection is made, what arrives may be no line at all."""

    async def read() -> bytes:
        routes: dict[bytes, Route] = {}
        reader = Reader(routes, 65536)
        reader.feed_data(b"SSH-2.0")
        reader.feed_data(b"\nMSG a 1 0\r\n")
        reader.feed_eof()
        return await reader.read()

    assert asyncio.run(read()) == b"SSH-2.0\nMSG a 1 0\r\n"
