"""One connection to a NATS server: a nats-py client that never reconnects."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import nats.aio.client
import nats.errors
from nats.protocol.command import hpub_cmd, pub_cmd, sub_cmd, unsub_cmd

from wasmcloud_ctl._options.servers import Server, named_by_cluster
from wasmcloud_ctl._transport import failures, nats_internals
from wasmcloud_ctl._transport.reader import Route
from wasmcloud_ctl._transport.stream import Socket
from wasmcloud_ctl.exceptions import ConnectError, NotConnectedError

nats_internals.check()

# nats-py logs unexpected things as errors; without a handler Python would print them to stderr.
logging.getLogger("nats").addHandler(logging.NullHandler())

_LOST_UNCONFIRMED = (
    "the connection was lost before the server confirmed a subscription: the client is reconnecting, so try again "
    "in a moment"
)


class Connection(nats.aio.client.Client):
    """A nats-py client for one connection, which never reconnects. ``lost`` says that the connection has ended.

    ``nats_internals`` lists what it uses of nats-py beyond the public surface. ``on_lost`` is called when the
    connection has ended, possibly more than once, and ``on_denied`` with the server's message when its permissions
    deny something.
    """

    def __init__(
        self,
        server: Server,
        allow_tls: bool,
        on_lost: Callable[[Connection], None],
        on_denied: Callable[[str], None],
    ) -> None:
        super().__init__()
        self.server = server
        self.lost: bool = False
        self.takes_headers: bool = False
        self._allow_tls = allow_tls
        self._on_lost = on_lost
        self._on_denied = on_denied
        self._cluster_urls: list[object] = []
        self._confirmations: set[asyncio.Future[bool]] = set()
        self.socket: Socket = Socket(self._on_info)

    def cluster(self) -> tuple[Server, ...]:
        """Return this server, and the other servers of its cluster that it named last."""
        return self.server, *named_by_cluster(self._cluster_urls, self.server)

    async def _select_next_server(self) -> None:
        # Dial the server once, and let the cause of a failure through.
        self._current_server = self._server_pool[0]
        await self.socket.dial(self.server.host, self.server.port)
        self._transport = self.socket

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        self._on_info(info)
        if initial_connection:
            if info.get("tls_required") and not self._allow_tls:
                raise ConnectError(f"{self.server} requires TLS, which tls=False rules out")
            if self.server.tls and info.get("tls_available"):
                # nats-py uses TLS where the server requires it, not where the server merely offers it.
                info["tls_required"] = True

    def _on_info(self, info: dict[str, Any]) -> None:
        self._cluster_urls = info.get("connect_urls") or self._cluster_urls
        self._max_payload = info.get("max_payload", self._max_payload)
        self.takes_headers = info.get("headers", self.takes_headers)

    def _connect_command(self) -> bytes:
        # Where the server does not offer TLS, nats-py goes on in clear, and would send the password.
        if self.server.tls and not self.socket.encrypted:
            raise ConnectError(
                f"{self.server} does not offer TLS, and nothing was sent to it: to connect in clear use nats://, "
                "and no option for TLS"
            )
        return super()._connect_command()

    async def _read_loop(self) -> None:
        # It can end in ways that nats-py only logs, or does not report at all.
        try:
            await super()._read_loop()
        finally:
            self._has_ended()

    async def _process_op_err(self, e: Exception) -> None:
        # nats-py would first send what it has queued, and wait for the peer to close. This ends at once.
        self.give_up(e)

    def give_up(self, error: Exception) -> None:
        """End the connection because of an error."""
        self._err = error
        self._has_ended()

    def _has_ended(self) -> None:
        self.lost = True
        self._on_lost(self)

    async def _process_err(self, err_msg: str) -> None:
        # err_msg is in lower case, but subjects are case-sensitive. nats-py's parser still has the original line.
        text = self._ps.buf.partition(b"\r\n")[0].decode("utf-8", "replace").removeprefix("-ERR").strip()
        if "permissions violation" in err_msg:
            self._on_denied(text)
        else:
            # After any other error the server closes the connection. nats-py would close for good, but later.
            self.give_up(nats.errors.Error(text))

    def send(self, command: bytes) -> int:
        """Write a command of the NATS protocol. Return the number of bytes written so far, for ``was_sent``."""
        if self._pending:  # what nats-py itself has queued goes first
            self.socket.writelines(self._pending)
            self._pending = []
            self._pending_data_size = 0
        self.socket.push(command)
        return self.socket.written

    def send_message(self, subject: str, reply: str, payload: bytes, headers: bytes = b"") -> int:
        """Write a message. Return how many bytes were written so far."""
        command = hpub_cmd(subject, reply, headers, payload) if headers else pub_cmd(subject, reply, payload)
        return self.send(command)

    def listen(self, subject: str, route: Route) -> int:
        """Subscribe, and return the subscription's number. ``route`` takes each message, in the order of the wire."""
        self._sid += 1
        self.socket.routes[b"%d" % self._sid] = route
        self.send(sub_cmd(subject, "", self._sid))
        return self._sid

    def unlisten(self, number: int) -> None:
        """End a subscription."""
        if self.socket.routes.pop(b"%d" % number, None) is not None:
            self.send(unsub_cmd(number, 0))

    @property
    def end(self) -> str:
        """Why the connection has ended, if that is known."""
        return "no reason given" if self._err is None else failures.plain(self._err)

    @property
    def gone(self) -> bool:
        """Whether nothing can be sent any more, even if the loss was not noticed yet."""
        return self.lost or self.socket.closing

    async def confirm(self) -> None:
        """Wait until the server has processed everything that was sent."""
        pong: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._confirmations.add(pong)
        try:
            await self._send_ping(pong)
            # nats-py ends the connection if the PONG arrives for a cancelled future (Ctrl-C, or a timeout).
            await asyncio.shield(pong)
        finally:
            self._confirmations.discard(pong)

    def abort(self) -> None:
        """Drop the connection at once, with everything that was not sent."""
        self.lost = True
        for pong in self._confirmations:
            if not pong.done():  # pragma: no branch – the answer may have come just now
                pong.set_exception(NotConnectedError(_LOST_UNCONFIRMED, sent=True))
        self._status = self.CLOSED
        for task in (self._reading_task, self._ping_interval_task, self._flusher_task):
            if task is not None and not task.done() and task is not _current_task():
                task.cancel()
        self.socket.abort()


def _current_task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:  # pragma: no cover – a coroutine that outlived its loop is collected
        return None
