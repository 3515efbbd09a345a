"""One connection to a NATS server, as nats-py's client of its own, which never reconnects."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import nats.aio.client
import nats.errors
from nats.protocol.command import hpub_cmd, pub_cmd, sub_cmd, unsub_cmd

from wasmcloud_ctl._options.servers import Server, named_by_cluster
from wasmcloud_ctl._transport import failures as _failures
from wasmcloud_ctl._transport.failures import Stage
from wasmcloud_ctl._transport.stream import Socket
from wasmcloud_ctl.exceptions import ConnectError, NotConnectedError

# nats-py logs what it does not expect as an error; without a handler that would go to stderr.
logging.getLogger("nats").addHandler(logging.NullHandler())

_READ_BYTES = 65536

Route = Callable[[bytes, bytes, "bytes | None"], None]


class Wire(nats.aio.client.Client):
    """nats-py's client of one connection, which never reconnects.

    Beside its public surface this uses: ``_select_next_server`` (dial one server, once, and raise the true
    cause), ``_process_info`` (what the server says of itself), ``_connect_command`` (the last moment before
    credentials are sent), ``_read_loop`` and ``_process_op_err`` (the connection's end), ``_process_err`` and ``_ps``
    (what the server objects to), ``_process_msg`` (what arrives), ``_transport`` and ``_sid`` (what is sent),
    ``_send_ping``, and the tasks that it starts.

    Args:
        server: Whom to dial.
        allow_tls: Whether TLS may be used at all.
        on_lost: Called when the connection has ended, maybe more than once.
        on_denied: Called with what the server's permissions deny, in its words.
    """

    def __init__(
        self,
        server: Server,
        allow_tls: bool,
        on_lost: Callable[[Wire], None],
        on_denied: Callable[[str], None],
    ) -> None:
        super().__init__()
        self.server = server
        self.lost: bool = False
        self.takes_headers: bool = False
        self._allow_tls = allow_tls
        self._on_lost = on_lost
        self._on_denied = on_denied
        self._named: list[object] = []
        self._routes: dict[int, Route] = {}
        self._confirmations: set[asyncio.Future[bool]] = set()
        self._socket = Socket(self._on_info)

    @property
    def stage(self) -> Stage:
        """How far the connection has come."""
        return self._socket.stage

    def cluster(self) -> tuple[Server, ...]:
        """The servers of the cluster, as the server named them last; this one among them."""
        return self.server, *named_by_cluster(self._named, self.server)

    async def _select_next_server(self) -> None:
        self._current_server = self._server_pool[0]
        await self._socket.connect(
            self._current_server.uri, buffer_size=_READ_BYTES, connect_timeout=self.options["connect_timeout"]
        )
        self._transport = self._socket

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        self._on_info(info)
        if initial_connection:
            if info.get("tls_required") and not self._allow_tls:
                raise ConnectError(f"{self.server} requires TLS, which tls=False rules out")
            if self.server.tls and info.get("tls_available"):
                # nats-py makes use of what is required, not of what is merely offered.
                info["tls_required"] = True

    def _on_info(self, info: dict[str, Any]) -> None:
        self._named = info.get("connect_urls") or self._named
        self._max_payload = info.get("max_payload", self._max_payload)
        self.takes_headers = info.get("headers", self.takes_headers)

    def _connect_command(self) -> bytes:
        # nats-py goes on in clear where the server does not offer TLS, and would send the password so.
        if self.server.tls and not self._socket.encrypted:
            raise ConnectError(
                f"{self.server} does not offer TLS, and nothing was sent to it: to connect in clear use nats://, "
                "and no option for TLS"
            )
        return super()._connect_command()

    async def _read_loop(self) -> None:
        # It ends for many reasons, after some of which nats-py only logs, or says nothing.
        try:
            await super()._read_loop()
        finally:
            self._has_ended()

    async def _process_op_err(self, e: Exception) -> None:
        # nats-py would first send what it has queued, and wait for the peer to close: here it is over at once.
        self._err = e
        self._has_ended()

    def _has_ended(self) -> None:
        self.lost = True  # known also to who is about to use it for the first time
        self._on_lost(self)

    async def _process_err(self, err_msg: str) -> None:
        # It comes in lower case, but subjects may differ by case alone: nats-py's parser still has the line.
        text = self._ps.buf.partition(b"\r\n")[0].decode("utf-8", "replace").removeprefix("-ERR").strip()
        if "permissions violation" in err_msg:
            self._on_denied(text)
        else:
            # Whatever else a server objects to, it ends the connection; nats-py would close for good, in its time.
            await self._process_op_err(nats.errors.Error(text))

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes | None
    ) -> None:
        route = self._routes.get(sid)
        if route is None:
            await super()._process_msg(sid, subject, reply, data, headers)  # type: ignore[arg-type]
        else:
            route(subject, data, headers)

    def send(self, command: bytes) -> int:
        """Write a command of the NATS protocol.

        Returns:
            How many bytes have been written with it; for ``has_left``.
        """
        if self._pending:  # what nats-py itself has queued comes first
            self._socket.writelines(self._pending)
            self._pending = []
            self._pending_data_size = 0
        self._socket.push(command)
        return self._socket.written

    def send_message(self, subject: str, reply: str, payload: bytes, headers: bytes = b"") -> int:
        """Write a message.

        Returns:
            How many bytes have been written with it; for ``has_left``.
        """
        if headers:
            return self.send(hpub_cmd(subject, reply, headers, payload))
        return self.send(pub_cmd(subject, reply, payload))

    def has_left(self, written: int) -> bool | None:
        """Whether what ``send`` wrote up to there was handed to the operating system; None: hard to say."""
        unsent = self._socket.unsent()
        if unsent == 0:
            return True
        if self._socket.encrypted:
            return None
        return self._socket.written - unsent >= written

    def listen(self, subject: str, route: Route) -> int:
        """Subscribe; every message is given to ``route``, in the order of the wire.

        Returns:
            The subscription's number.
        """
        self._sid += 1
        self._routes[self._sid] = route
        self.send(sub_cmd(subject, "", self._sid))
        return self._sid

    def unlisten(self, number: int) -> None:
        """End a subscription."""
        if self._routes.pop(number, None) is not None:
            self.send(unsub_cmd(number, 0))

    def give_up(self, reason: str) -> None:
        """Have a reason of one's own told as the reason why the connection ended."""
        self._err = ConnectionError(reason)

    @property
    def end(self) -> str:
        """Why the connection has ended, as far as that is known."""
        return "no reason given" if self._err is None else _failures.plain(self._err)

    @property
    def gone(self) -> bool:
        """Whether nothing can be sent any more, even if that was not noticed yet."""
        return self.lost or self._socket.closing

    async def confirm(self) -> None:
        """Wait until the server has worked off all that was sent.

        Raises:
            NotConnectedError: The connection was lost before that.
        """
        pong: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._confirmations.add(pong)
        try:
            await self._send_ping(pong)
            # nats-py ends a connection over an answer to a future that was cancelled (by Ctrl-C, or a timeout).
            await asyncio.shield(pong)
        finally:
            self._confirmations.discard(pong)

    def abort(self) -> None:
        """Drop the connection at once, with all that has not been sent."""
        self.lost = True
        for pong in self._confirmations:
            if not pong.done():  # pragma: no branch – the answer may have come just now
                pong.set_exception(NotConnectedError("the connection was lost", sent=True))
        self._status = self.CLOSED
        for task in (self._reading_task, self._ping_interval_task, self._flusher_task):
            if task is not None and not task.done() and task is not _current_task():
                task.cancel()
        self._socket.abort()


def _current_task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:  # pragma: no cover – a coroutine that outlived its loop is collected
        return None
