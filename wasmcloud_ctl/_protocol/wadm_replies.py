"""The replies and statuses of wadm, from bytes to values."""

from __future__ import annotations

from typing import Any, TypeVar

import attrs

from wasmcloud_ctl._protocol import codec
from wasmcloud_ctl.exceptions import NoResponders, NotFound, OperationRejected
from wasmcloud_ctl.models import U64, CtlResponse, ModelSummary, Status, StatusChanged, VersionInfo

T = TypeVar("T")

_WHAT = "wadm's reply"

# Some refusals end with the server's own backtrace, which says nothing to a user.
_BACKTRACE = "Stack backtrace:"


@attrs.frozen(kw_only=True)
class _Reply:
    result: str
    message: str = ""


@attrs.frozen(kw_only=True)
class PutReply(_Reply):
    """The reply to ``put``."""

    name: str
    current_version: str
    total_versions: U64


@attrs.frozen(kw_only=True)
class ListReply(_Reply):
    """The reply to ``get`` without a name."""

    models: list[ModelSummary]


@attrs.frozen(kw_only=True)
class GetReply(_Reply):
    """The reply to ``get``."""

    manifest: dict[str, Any]


@attrs.frozen(kw_only=True)
class VersionsReply(_Reply):
    """The reply to ``versions``."""

    versions: list[VersionInfo]


@attrs.frozen(kw_only=True)
class StatusReply(_Reply):
    """The reply to ``status``."""

    status: Status


@attrs.frozen(kw_only=True)
class DeployReply(_Reply):
    """The reply to ``deploy``."""

    name: str
    version: str


@attrs.frozen(kw_only=True)
class UndeployReply(_Reply):
    """The reply to ``undeploy``."""

    name: str


@attrs.frozen(kw_only=True)
class DeleteReply(_Reply):
    """The reply to ``del``."""

    undeploy: bool = False

    @property
    def deleted(self) -> bool:
        """Whether there was something to delete."""
        return self.result == "deleted"


def decode_reply(raw: bytes, kind: type[T]) -> T:
    """Decode a reply of wadm. Raises OperationRejected if wadm refused, and NotFound for an unknown application."""
    reply = codec.load(raw, _WHAT)
    head: _Reply = codec.structure(reply, _Reply, "$", raw, _WHAT)
    message = head.message.partition(_BACKTRACE)[0].rstrip()
    if head.result == "error":
        refusal: CtlResponse[None] = CtlResponse(succeeded=False, message=message)
        raise OperationRejected(f"wadm refused: {message}", response=refusal)
    if head.result == "notfound":
        raise NotFound(message)
    decoded: T = codec.structure(reply, kind, "$", raw, _WHAT)
    return decoded


def decode_status(raw: bytes, name: str) -> StatusChanged:
    """Decode a status of an application, as wadm publishes it."""
    what = "the status"
    status: Status = codec.structure(codec.load(raw, what), Status, "$", raw, what)
    return StatusChanged(name=name, status=status)


def no_wadm(subject: str, lattice: str) -> NoResponders:
    """Return the error for a request that no wadm answers."""
    return NoResponders(
        f"nobody listens on {subject}: no wadm runs for lattice {lattice!r}. Start wadm, or check the lattice's name "
        "and wadm_prefix",
        subject=subject,
    )
