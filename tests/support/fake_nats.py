"""A NATS server that says exactly what a test wants it to say."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType

INFO: dict[str, object] = {"server_id": "x", "version": "2.10.0", "max_payload": 1048576, "headers": True}


class Conversation:
    """One connection, as the server sees it."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lines = connection.makefile("rb")

    def say(self, text: str) -> None:
        """Send this, and the end of the line."""
        self._connection.sendall(text.encode() + b"\r\n")

    def hear(self, verb: str) -> str:
        """Wait for a line that begins so; it is empty when the connection has ended."""
        while line := self._lines.readline():
            if line.startswith(verb.encode()):
                return line.decode().strip()
        return ""

    def greet(self, **more: object) -> None:
        """Go through the greeting, up to the first PONG."""
        self.say(f"INFO {json.dumps({**INFO, **more})}")
        self.hear("PING")
        self.say("PONG")

    def stay(self) -> None:
        """Answer pings until the client leaves."""
        while self.hear("PING"):
            self.say("PONG")

    def close(self) -> None:
        """End it."""
        self._lines.close()
        self._connection.close()


class FakeNats:
    """Listens, and has each connection go as it was told.

    Args:
        behave: Called with each connection, one after the other, on a thread of its own; the connection ends with it.

    Attributes:
        port: Where it listens.
        times: When each connection was taken, by the monotonic clock.
    """

    def __init__(self, behave: Callable[[Conversation], None]) -> None:
        self._behave = behave
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.times: list[float] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"nats://127.0.0.1:{self.port}"

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.times.append(time.monotonic())
            conversation = Conversation(connection)
            with contextlib.suppress(OSError):
                self._behave(conversation)
            conversation.close()

    def __enter__(self) -> FakeNats:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)
