"""Everything that wasmcloud_ctl raises.

One tree, so that ``except CtlError`` catches all of it and nothing else::

    CtlError
    +-- ConnectError                 no connection could be made
    |   +-- AuthError                the server refused the credentials
    +-- NotConnectedError            the connection is lost; the client is reconnecting
    +-- ClosedError                  the client or the receiver was closed
    +-- PermissionDenied             the server does not let this user use a subject
    +-- NoResponders                 nobody listens: no such host, or no host in the lattice
    +-- RequestTimeout               no reply in time                  (also TimeoutError)
    +-- WaitTimeout                  no certain outcome, or no event, in time (also TimeoutError)
    +-- InvalidArgument              an argument is invalid            (also ValueError)
    +-- NotFound                     there is no such thing            (also LookupError)
    +-- DecodeError                  a reply that violates the protocol
    +-- PayloadTooLarge              more bytes than the server accepts
    +-- OperationRejected            a host refused the request
    +-- OperationFailed              a host accepted the command and failed to carry it out

Every exception can be pickled and copied, contains no secret, and has what caused it as ``__cause__``.
Exceptions of nats-py, anyio, cattrs and concurrent.futures do not reach a caller.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol


class Response(Protocol):
    """The attributes of ``CtlResponse``, which describes them. Its module imports this one."""

    @property
    def succeeded(self) -> bool: ...
    @property
    def message(self) -> str: ...
    @property
    def data(self) -> object: ...


class SeenLattice(Protocol):
    """Attributes of ``Lattice``, which describes them. Its module imports this one."""

    @property
    def hosts(self) -> Mapping[str, object]: ...
    @property
    def links(self) -> Sequence[object]: ...


class PublishedEvent(Protocol):
    """The attributes of ``Event``, which describes them. Its module imports this one."""

    @property
    def id(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def time(self) -> datetime: ...
    @property
    def lattice(self) -> str: ...
    @property
    def data(self) -> object: ...


class CtlError(Exception):
    """The base class of all errors of this library. Raised itself only if no subclass fits."""


class ConnectError(CtlError):
    """No connection could be made. The message names the server and the cause."""


class AuthError(ConnectError):
    """The server refused the credentials, or they could not be read."""


class _SubjectError(CtlError):
    """An error about ``subject``, the NATS subject as it was sent. None if there is none."""

    def __init__(self, message: str, *, subject: str | None = None) -> None:
        super().__init__(message)
        self.subject = subject


class NotConnectedError(_SubjectError):
    """There is no connection at the moment, or it was lost during the call.

    The client reconnects by itself. It sends nothing later on behalf of this call.

    Attributes:
        subject: The NATS subject of the call. None if it has none.
        sent: True if the request was sent; the outcome of a command is then unknown. False if it was not sent.
    """

    def __init__(self, message: str, *, subject: str | None = None, sent: bool = False) -> None:
        super().__init__(message, subject=subject)
        self.sent = sent


class ClosedError(CtlError):
    """The client or the receiver was closed, before the call or during it."""


class PermissionDenied(_SubjectError):
    """The server's permissions do not let this user publish or subscribe to ``subject``."""


class NoResponders(_SubjectError):
    """Nobody listens on ``subject``: there is no such host, or no host in the lattice."""


class RequestTimeout(_SubjectError, TimeoutError):
    """No reply arrived within the call's timeout.

    Attributes:
        subject: The NATS subject of the request. None if there is none.
        sent: True if the request was sent; the outcome of a command is then unknown. False if it was not sent and
            never will be.
    """

    def __init__(self, message: str, *, subject: str | None = None, sent: bool = True) -> None:
        super().__init__(message, subject=subject)
        self.sent = sent


class WaitTimeout(CtlError, TimeoutError):
    """The outcome of a command was not certain in time, or what was waited for did not come in time.

    Attributes:
        last_seen: The state that was seen last, in words. ``LatticeView.wait_until`` sets the last ``Lattice``. None
            if nothing was seen.
        response: The host's acknowledgement. None if there was none.
    """

    def __init__(
        self,
        message: str,
        *,
        last_seen: str | SeenLattice | None = None,
        response: Response | None = None,
    ) -> None:
        super().__init__(message)
        self.last_seen = last_seen
        self.response = response


class InvalidArgument(CtlError, ValueError):
    """An argument is invalid. Nothing was sent."""


class NotFound(CtlError, LookupError):
    """What was asked for does not exist, such as a host, a config or a context."""


class DecodeError(CtlError):
    """A message violates the protocol.

    Attributes:
        path: The place in the JSON, such as ``$.response.components[0].revision``. None if the message is not JSON.
        raw: The bytes as they arrived.
    """

    def __init__(self, message: str, *, path: str | None = None, raw: bytes = b"") -> None:
        super().__init__(message)
        self.path = path
        self.raw = raw


class PayloadTooLarge(_SubjectError):
    """A message for ``subject`` has more bytes than the server accepts. Nothing was sent."""


class OperationRejected(CtlError):
    """A host or wadm refused a request. ``response.message`` is the reason. ``response`` is None if there is none."""

    def __init__(self, message: str, *, response: Response | None = None) -> None:
        super().__init__(message)
        self.response = response


class OperationFailed(CtlError):
    """A host or wadm accepted a command and failed to carry it out.

    Attributes:
        reason: Why it failed, in their own words if they gave a reason. None if unknown.
        event: The event that reported the failure. None if there was none.
        response: The host's acknowledgement of the command. None if there was none.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str | None = None,
        event: PublishedEvent | None = None,
        response: Response | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.event = event
        self.response = response


def copy_to_raise(error: CtlError) -> CtlError:
    """Return a copy of a stored error, with its cause and without its traceback.

    Raising the stored error itself would add the caller's frames to its traceback and keep them alive.
    """
    copied = copy.copy(error)
    copied.__cause__ = error.__cause__
    copied.__suppress_context__ = error.__suppress_context__
    return copied


# A host's id has this many letters and digits.
_HOST_ID_LENGTH = 56


def no_responders(subject: str, host_id: str | None = None) -> NoResponders:
    """Return the error for a subject without subscribers. Its message says what to check.

    ``host_id`` is the host that the subject belongs to. None if the subject belongs to the whole lattice.
    """
    if host_id is None:
        advice = (
            "check the lattice's name and the topic prefix, and that a host of this lattice is running and "
            "connected to the same NATS account"
        )
    elif host_id.isupper() and len(host_id) == _HOST_ID_LENGTH:
        advice = (
            f"no running host of this lattice has the id {host_id}. get_hosts() lists the running hosts; if there "
            "are none, check the lattice's name and the topic prefix"
        )
    else:
        kind = "the beginning of an id" if host_id.isupper() else "a friendly name"
        advice = (
            f"no running host of this lattice has the id {host_id!r}. That looks like {kind}: "
            f"client.find_host({host_id!r}).id gives the id"
        )
    return NoResponders(f"nobody listens on {subject}: {advice}", subject=subject)


def not_sent(
    error: RequestTimeout | NotConnectedError, title: str, subject: str
) -> RequestTimeout | NotConnectedError:
    """Return the error for a command that was not sent, because a request before it got no reply.

    ``title`` is the command in words, and ``subject`` its subject.
    """
    return type(error)(f"{title}: the command was not sent: {error}", subject=subject, sent=False)
