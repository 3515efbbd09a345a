"""What operations return, whatever it holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar, overload

import attrs

from wasmcloud_ctl._values import Shown, plain
from wasmcloud_ctl.exceptions import NoResponders, NotFound, OperationRejected

# Nothing can be put into an answer, so one that holds a Host serves where one that holds an object is asked for.
T_co = TypeVar("T_co", covariant=True)


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class CtlResponse(Shown, Generic[T_co]):
    """A host's answer. True in a condition when it succeeded.

    Attributes:
        succeeded: Whether the host took the request. For a command that means "received": the outcome comes
            as an event.
        message: The host's words; often not empty on success, too.
        data: What was asked for; None where there is nothing, or the request was refused.
    """

    succeeded: bool
    message: str = ""
    data: T_co | None = None

    def __bool__(self) -> bool:
        return self.succeeded

    def to_dict(self) -> dict[str, object]:
        """This as a plain dict.

        Returns:
            ``success``, ``message`` and ``response``, which are the names on the wire; the response is a dict, a
            list or None.

        Source: ``CtlResponse`` of ``wasmcloud-control-interface`` (types/ctl.rs), as serde writes it.
        """
        return {"success": self.succeeded, "message": self.message, "response": plain(self.data)}

    def raise_for_status(self) -> CtlResponse[T_co]:
        """Return this response, or raise if it was refused.

        Raises:
            OperationRejected: The host refused; with its words.
        """
        if not self.succeeded:
            raise OperationRejected(f"the host refused: {self.message}", response=self)
        return self

    def unwrap(self) -> T_co:
        """The data.

        Raises:
            OperationRejected: The host refused.
            NotFound: There is no data, such as for a config that does not exist.
        """
        self.raise_for_status()
        if self.data is None:
            raise NotFound(self.message or "the host's answer holds no data")
        return self.data


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class Undecodable(Shown):
    """A reply that could not be decoded.

    Attributes:
        raw: The bytes as they arrived.
        reason: Why they could not be decoded.
    """

    raw: bytes
    reason: str


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class Replies(Shown, Sequence[CtlResponse[T_co]]):
    """The answers of a gather, in the order in which they came.

    Attributes:
        responses: The answers; the object itself is a sequence of them, too.
        undecodable: The replies that could not be decoded.
        no_responders: Whether NATS said that nobody listens.
        elapsed: How long the gather took, in seconds.
        subject: The subject that was asked on.
    """

    responses: tuple[CtlResponse[T_co], ...] = ()
    undecodable: tuple[Undecodable, ...] = ()
    no_responders: bool = False
    elapsed: float = 0.0
    subject: str = ""

    def __len__(self) -> int:
        return len(self.responses)

    @overload
    def __getitem__(self, index: int) -> CtlResponse[T_co]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[CtlResponse[T_co]]: ...
    def __getitem__(self, index: int | slice) -> CtlResponse[T_co] | Sequence[CtlResponse[T_co]]:
        return self.responses[index]

    def __iter__(self) -> Iterator[CtlResponse[T_co]]:
        return iter(self.responses)

    @property
    def data(self) -> list[T_co]:
        """The data of the answers that succeeded and hold any."""
        return [
            response.data for response in self.responses if response.succeeded and response.data is not None
        ]

    def raise_for_status(self) -> Replies[T_co]:
        """Return these replies, or raise for what went wrong.

        Raises:
            OperationRejected: A host refused; the first that did.
            NoResponders: Nobody listens.
        """
        if self.no_responders:
            raise no_responders(self.subject)
        for response in self.responses:
            response.raise_for_status()
        return self


def no_responders(subject: str) -> NoResponders:
    """The error for a subject that nobody listens on, with what to check."""
    return NoResponders(
        f"nobody listens on {subject}: check the host's id, the lattice's name and the topic prefix, "
        "and that a host of this lattice is running and connected to the same NATS account",
        subject=subject,
    )
