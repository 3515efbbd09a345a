"""Sends a client's requests, commands and gathers, with the settings of the client."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import attrs

from wasmcloud_ctl._bridge.handover import PerProcess
from wasmcloud_ctl._operations.evidence import Operation
from wasmcloud_ctl._operations.gather import Limits, gather
from wasmcloud_ctl._operations.wait import Command, send_and_wait
from wasmcloud_ctl._options import arguments
from wasmcloud_ctl._options.options import Options
from wasmcloud_ctl._protocol import codec
from wasmcloud_ctl._protocol.subjects import Subjects
from wasmcloud_ctl._transport import Transport
from wasmcloud_ctl.exceptions import ClosedError
from wasmcloud_ctl.models import CtlResponse, Replies

T = TypeVar("T")

_HIGHEST_COUNT = 2**64 - 1


class Sender:
    """Sends the operations of one client to one lattice.

    Calls fall back on ``settings`` for what their arguments leave out. Once ``parent`` is closed, so is this.
    """

    def __init__(
        self, transports: PerProcess[Transport], settings: Options, parent: Sender | None = None
    ) -> None:
        self.transports = transports
        self.settings = settings
        self.subjects = Subjects(settings.topic_prefix, settings.lattice)
        self._parent = parent
        self._closed = False

    def for_lattice(self, name: str) -> Sender:
        """Return a sender to another lattice, on the same transports."""
        return Sender(self.transports, attrs.evolve(self.settings, lattice=name), self._parent or self)

    @property
    def closed(self) -> bool:
        """Whether the client, or the one that it was made from, was closed."""
        return self._closed or (self._parent is not None and self._parent.closed)

    def close(self) -> None:
        """Send nothing more."""
        self._closed = True

    def transport(self) -> Transport:
        """Return this process's transport."""
        if self.closed:
            raise ClosedError("the client is closed")
        transport = self.transports.get()
        transport.bridge.refuse_ended()
        return transport

    def timeout(self, seconds: float | None) -> float:
        """Return the timeout of a request, by its argument."""
        return self.settings.timeout if seconds is None else arguments.seconds(seconds, "timeout")

    def request(
        self,
        subject: str,
        payload: bytes,
        kind: type[T] | None,
        timeout: float | None,
        *,
        key: str | None = None,
        command: bool = False,
    ) -> CtlResponse[T]:
        """Send a request, and return the response, with data of this kind."""
        raw = self.transport().request(subject, payload, self.timeout(timeout), key=key, command=command)
        response = codec.decode_response(raw, kind)
        return response.raise_for_status() if self.settings.check else response

    def command(
        self, subject: str, command: object, timeout: float | None, *, key: str | None = None
    ) -> CtlResponse[None]:
        """Send a request that changes something."""
        return self.request(subject, codec.encode(command), None, timeout, key=key, command=True)

    def perform(
        self,
        operation: Operation[T],
        subject: str,
        command: object,
        timeout: float | None,
        wait: float | None,
    ) -> CtlResponse[None]:
        """Send the command of an operation. With ``wait``, wait until its outcome is certain."""
        if wait is None:
            return self.command(subject, command, timeout, key=operation.queue_key(self.subjects))
        seconds = arguments.seconds(wait, "wait")
        return send_and_wait(
            self.transport(),
            Command(
                operation=operation,
                subjects=self.subjects,
                subject=subject,
                payload=codec.encode(command),
                timeout=self.timeout(timeout),
                look_timeout=self.settings.timeout,
                wait=seconds,
                progress=self.settings.progress,
            ),
        )

    def limits(
        self, expected: int | None, quiet: float | None, timeout: float | None, default: float | None = None
    ) -> Limits:
        """Return when a gather ends, by its arguments. ``default`` replaces the client's ``auction_timeout``."""
        if expected is not None:
            arguments.whole_number(expected, "expected", _HIGHEST_COUNT, lowest=1)
        if timeout is None:
            timeout = self.settings.auction_timeout if default is None else default
        return Limits(
            timeout=arguments.seconds(timeout, "timeout"),
            quiet=self.settings.quiet if quiet is None else arguments.seconds(quiet, "quiet"),
            expected=expected,
            progress=self.settings.progress,
        )

    def gather(
        self,
        name: str,
        payload: bytes,
        kind: type[T] | None,
        host_of: Callable[[T], str] | None,
        limits: Limits,
    ) -> Replies[T]:
        """Send one request to all hosts, and gather their replies."""
        replies = gather(self.transport(), self.subjects.control(name), payload, kind, host_of, limits)
        if self.settings.check:
            for response in replies:
                response.raise_for_status()
        return replies
