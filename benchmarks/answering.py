"""The program that answers instead of hosts: ``python -m benchmarks.answering PORT``.

It speaks the NATS protocol over a blocking socket and sends bytes that it prepared in advance. It must not be the
bottleneck, and a row in the tables shows that it is not. Names in the subject select what it sends:

- ``hosts-N`` as the lattice: N hosts answer a ping;
- ``slow-N`` as the lattice: the same, and each host takes 20 ms for its inventory;
- ``components-N`` as the host id: an inventory of N components;
- ``bench.events.KIND.N``: N events are published on the lattice ``default``; ``replies.events`` lists the kinds.

It ends when the server ends.
"""

from __future__ import annotations

import functools
import heapq
import itertools
import re
import socket
import sys
import time

from benchmarks import replies

SLOW_SECONDS = 0.020

_MESSAGE = re.compile(rb"MSG (\S+) (\d+) (?:(\S+) )?(\d+)\r\n")
_READ_BYTES = 1 << 20


@functools.cache
def _ping_replies(count: int) -> list[bytes]:
    return [b"%d\r\n%b\r\n" % (len(reply), reply) for reply in replies.hosts(count)]


@functools.cache
def _inventory_reply(host_id: str) -> bytes:
    wanted = re.fullmatch(r"components-(\d+)", host_id)
    reply = replies.inventory(int(wanted[1]) if wanted else None)
    return b"%d\r\n%b\r\n" % (len(reply), reply)


@functools.cache
def _config_reply() -> bytes:
    reply = replies.config()
    return b"%d\r\n%b\r\n" % (len(reply), reply)


@functools.cache
def _events(kind: str, count: int) -> bytes:
    messages = [
        b"PUB wasmbus.evt.default.%b %d\r\n%b\r\n" % (name.encode(), len(event), event)
        for name, event in replies.events(kind)
    ]
    return b"".join(itertools.islice(itertools.cycle(messages), count))


class Answerer:
    """A connection that answers requests.

    Args:
        port: The server's port on 127.0.0.1.
    """

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""
        # A heap of delayed replies: due time, a sequence number for equal times, bytes.
        self._due: list[tuple[float, int, bytes]] = []
        self._numbers = itertools.count()

    def run(self) -> None:
        """Answer until the server ends the connection."""
        self._socket.sendall(
            b'CONNECT {"verbose":false,"pedantic":false}\r\n'
            b"SUB wasmbus.ctl.v1.*.host.ping 1\r\n"
            b"SUB wasmbus.ctl.v1.*.host.get.* 2\r\n"
            b"SUB wasmbus.ctl.v1.*.config.get.* 3\r\n"
            b"SUB bench.events.*.* 4\r\n"
            b"PING\r\n"
        )
        while True:
            now = time.monotonic()
            while self._due and self._due[0][0] <= now:
                self._socket.sendall(heapq.heappop(self._due)[2])
            self._socket.settimeout(self._due[0][0] - now if self._due else None)
            try:
                received = self._socket.recv(_READ_BYTES)
            except TimeoutError:
                continue
            self._socket.settimeout(None)
            if not received:
                return
            self._received += received
            answers = self._answers()
            if answers:
                self._socket.sendall(answers)

    def _answers(self) -> bytes:
        """Return the replies to all messages that are complete in the buffer."""
        answers: list[bytes] = []
        position = 0
        received = self._received
        while True:
            message = _MESSAGE.match(received, position)
            if message is not None:
                end = message.end() + int(message[4]) + 2
                if len(received) < end:
                    break
                answers.append(self._answer(message[1].decode().split("."), message[3]))
                position = end
                continue
            line, found, _ = received[position:].partition(b"\r\n")
            if not found:
                break
            position += len(line) + 2
            if line == b"PING":
                answers.append(b"PONG\r\n")
            elif line == b"PONG":
                # The server has the subscriptions.
                print("ready", flush=True)
        self._received = received[position:]
        return b"".join(answers)

    def _answer(self, subject: list[str], reply_to: bytes | None) -> bytes:
        if subject[0] == "bench":
            return _events(subject[2], int(subject[3]))
        head = b"PUB %b " % (reply_to or b"nobody")
        _, _, _, lattice, *operation = subject
        kind, _, count = lattice.partition("-")
        if operation[:2] == ["host", "ping"]:
            return head + head.join(_ping_replies(int(count)))
        if operation[:2] == ["host", "get"]:
            answer = head + _inventory_reply(operation[2])
            if kind == "slow":
                heapq.heappush(self._due, (time.monotonic() + SLOW_SECONDS, next(self._numbers), answer))
                return b""
            return answer
        return head + _config_reply()


if __name__ == "__main__":
    try:
        Answerer(int(sys.argv[1])).run()
    except ConnectionError:
        pass  # the server was killed, so this program is done
