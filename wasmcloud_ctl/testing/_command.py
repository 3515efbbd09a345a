"""The record of a request, for tests to inspect."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen


@frozen
class Command:
    """A request that the lattice received. A request to all hosts is recorded once.

    Attributes:
        operation: The operation, such as ``component.scale``.
        subject: The subject.
        payload: The payload.
        headers: The headers. Empty if there are none.
        host_id: The id of the host that the request is for. None if the subject names no host.
    """

    operation: str
    subject: str
    payload: bytes
    headers: Mapping[str, str]
    host_id: str | None
