"""What hosts have heard, as tests look at it."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen


@frozen
class Command:
    """A request as it arrived, once however many hosts it concerns.

    Attributes:
        operation: What stands in the subject after the lattice, such as ``component.scale``.
        subject: The whole subject.
        payload: What it says.
        headers: Its headers; empty for none.
        host_id: The host it names; None for one that names none.
    """

    operation: str
    subject: str
    payload: bytes
    headers: Mapping[str, str]
    host_id: str | None
