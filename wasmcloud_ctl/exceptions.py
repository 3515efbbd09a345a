"""Everything that wasmcloud_ctl raises.

One tree, so that ``except CtlError`` catches all of it and nothing else::

    CtlError
    +-- ConnectError                 no connection could be made
    |   +-- AuthError                the server refused the credentials
    +-- NotConnectedError            the connection is lost; it is being made again
    +-- ClosedError                  the client or the receiver was closed
    +-- PermissionDenied             the server does not let this user use a subject
    +-- NoResponders                 nobody listens: no such host, or no host in the lattice
    +-- RequestTimeout               no answer in time           (also TimeoutError)
    +-- WaitTimeout                  not certain, or no event, in time (also TimeoutError)
    +-- InvalidArgument              refused before it was sent  (also ValueError)
    +-- NotFound                     what was asked for is not there (also LookupError)
    +-- DecodeError                  a reply that is not what the protocol says
    +-- PayloadTooLarge              more than the server takes
    +-- OperationRejected            a host answered that it will not
    +-- OperationFailed              a host accepted, and then failed

Every exception can be pickled, holds no secret, and chains what caused it as ``__cause__``.
Exceptions of nats-py, anyio, cattrs and concurrent.futures do not reach a caller.
"""

from __future__ import annotations

import copy
from datetime import datetime
from typing import Protocol

__all__ = [
    "AuthError",
    "ClosedError",
    "ConnectError",
    "CtlError",
    "DecodeError",
    "InvalidArgument",
    "NoResponders",
    "NotConnectedError",
    "NotFound",
    "OperationFailed",
    "OperationRejected",
    "PayloadTooLarge",
    "PermissionDenied",
    "RequestTimeout",
    "WaitTimeout",
]


class Response(Protocol):
    """A host's response, as ``CtlResponse`` has it. (The models import this module, so it cannot name them.)"""

    @property
    def succeeded(self) -> bool:
        """Whether the host accepted the request."""

    @property
    def message(self) -> str:
        """The host's message."""

    @property
    def data(self) -> object:
        """What was asked for, if anything."""


class PublishedEvent(Protocol):
    """An event, as ``Event`` has it."""

    @property
    def id(self) -> str:
        """The event's id."""

    @property
    def source(self) -> str:
        """The id of the host that published it."""

    @property
    def type(self) -> str:
        """The type on the wire, such as ``com.wasmcloud.lattice.component_scaled``."""

    @property
    def name(self) -> str:
        """The last part of the type, such as ``component_scaled``."""

    @property
    def time(self) -> datetime:
        """When the host published it."""

    @property
    def lattice(self) -> str:
        """The lattice that it came from."""

    @property
    def data(self) -> object:
        """What happened."""


class CtlError(Exception):
    """The base of all errors of this library; raised itself only where no other fits."""


class ConnectError(CtlError):
    """No connection could be made; the message names the server and the cause."""


class AuthError(ConnectError):
    """The server refused the credentials, or they could not be read."""


class _WithSubject(CtlError):
    """An error about one subject.

    Attributes:
        subject: The NATS subject, as it was sent; None where there is none.
    """

    def __init__(self, message: str, *, subject: str | None = None) -> None:
        super().__init__(message)
        self.subject = subject


class NotConnectedError(_WithSubject):
    """There is no connection at the moment, or it was lost during the call.

    The client makes a new connection by itself; nothing is sent later on behalf of this call.

    Attributes:
        subject: The NATS subject of the call, if it had one.
        sent: False: it was not sent. True: it was, and its outcome is unknown.
    """

    def __init__(self, message: str, *, subject: str | None = None, sent: bool = False) -> None:
        super().__init__(message, subject=subject)
        self.sent = sent


class ClosedError(CtlError):
    """The client or the receiver was closed, before the call or during it."""


class PermissionDenied(_WithSubject):
    """The server's permissions do not let this user publish or subscribe to a subject."""


class NoResponders(_WithSubject):
    """Nobody listens on the subject: no such host, or no host in the lattice."""


class RequestTimeout(_WithSubject, TimeoutError):
    """No answer within the call's timeout.

    Attributes:
        subject: The NATS subject of the request.
        sent: True: it left, and its outcome is unknown. False: it never left and never will.
    """

    def __init__(self, message: str, *, subject: str | None = None, sent: bool = True) -> None:
        super().__init__(message, subject=subject)
        self.sent = sent


class WaitTimeout(CtlError, TimeoutError):
    """What was waited for did not become certain, or did not come, in time.

    Attributes:
        last_seen: What was seen last, in words; None where nothing was.
        response: The host's acknowledgement, where there was one.
    """

    def __init__(
        self, message: str, *, last_seen: str | None = None, response: Response | None = None
    ) -> None:
        super().__init__(message)
        self.last_seen = last_seen
        self.response = response


class InvalidArgument(CtlError, ValueError):
    """An argument that cannot be meant; nothing was sent."""


class NotFound(CtlError, LookupError):
    """What was asked for is not there."""


class DecodeError(CtlError):
    """What arrived is not what the protocol says.

    Attributes:
        path: Where in the JSON, such as ``$.response.components[0].revision``; None if it is no JSON.
        raw: The bytes as they arrived.
    """

    def __init__(self, message: str, *, path: str | None = None, raw: bytes = b"") -> None:
        super().__init__(message)
        self.path = path
        self.raw = raw


class PayloadTooLarge(_WithSubject):
    """More bytes than the server takes in one message; nothing was sent."""


class OperationRejected(CtlError):
    """A host answered that it will not do it.

    Attributes:
        response: The answer, with the host's words in ``message``.
    """

    def __init__(self, message: str, *, response: Response | None = None) -> None:
        super().__init__(message)
        self.response = response


class OperationFailed(CtlError):
    """A host accepted a command, and then failed at it.

    Attributes:
        reason: Why, in the host's own words where it gave any.
        event: The event that told of it, where one did.
        response: The acknowledgement that came before, where one did.
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


def no_responders(subject: str) -> NoResponders:
    """Return the error for a subject without subscribers, with what to check."""
    return NoResponders(
        f"nobody listens on {subject}: check the host's id, the lattice's name and the topic prefix, "
        "and that a host of this lattice is running and connected to the same NATS account",
        subject=subject,
    )
