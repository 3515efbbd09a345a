"""A TCP proxy that breaks on demand, between a client and a server of the tests."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable
from types import TracebackType

_BYTES = 65536


class Proxy:
    """Passes on what it hears at a port of its own, until it is told to do otherwise.

    Args:
        port: The port of 127.0.0.1 to pass on to.

    Attributes:
        port: Its own port.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._flows = threading.Event()
        self._flows.set()
        self._delay = 0.0
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"nats://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """End all connections there are, as a router that restarts; new ones are taken."""
        with self._lock:
            sockets = list(self._sockets)
        for end in sockets:
            # A reset, not a farewell.
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def silence(self) -> None:
        """Pass nothing on any more, and close nothing: a half-open connection, for both sides."""
        self._flows.clear()

    def resume(self) -> None:
        """Pass on again, first what has come meanwhile."""
        self._flows.set()

    def slow_down(self, seconds: float) -> None:
        """Pass on each piece so many seconds late; 0.0 ends it."""
        self._delay = seconds

    def close(self) -> None:
        """End all connections, and take no more."""
        # Closing a socket does not wake who waits at it; shutting it down does.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._flows.set()
        self.cut()
        for thread in self._threads:
            thread.join(5)

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                near.close()
                continue
            with self._lock:
                self._sockets.update((near, far))
            ended = threading.Barrier(2)
            self._start(self._pump, near, far, ended)
            self._start(self._pump, far, near, ended)

    def _pump(self, source: socket.socket, sink: socket.socket, ended: threading.Barrier) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_BYTES):
                self._flows.wait()
                if self._delay:
                    time.sleep(self._delay)  # this is what makes the way slow
                sink.sendall(data)
        self._flows.wait()
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        # Closed only when neither direction uses it: a number that is free again may be another's.
        with contextlib.suppress(threading.BrokenBarrierError):
            ended.wait(5)
        with self._lock:
            self._sockets.discard(source)
        source.close()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
