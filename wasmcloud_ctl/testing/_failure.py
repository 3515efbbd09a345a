"""Why a host could not do something, as it says so."""

from __future__ import annotations


class Failure(Exception):
    """A reason in the host's words, and what lies behind it.

    A host answers a request with the outermost reason alone (``str(failure)``), and tells all of them in an
    event (``failure.chain``).

    Args:
        reason: The outermost reason.
        cause: What lies behind it: another failure, or its words.
    """

    def __init__(self, reason: str, cause: Failure | str | None = None) -> None:
        super().__init__(reason)
        inner: str | None = cause.chain if isinstance(cause, Failure) else cause
        self.chain: str = reason if inner is None else f"{reason}: {inner}"
