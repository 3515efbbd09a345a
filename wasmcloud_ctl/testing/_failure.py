"""The error of a simulated host, with the texts of a real one."""

from __future__ import annotations


class Failure(Exception):
    """An error with the chain of its causes.

    The reply to a request contains only the outermost reason (``str(failure)``). Events contain all of them
    (``failure.chain``).

    Args:
        reason: The outermost reason.
        cause: The failure that caused this one, or its text.

    Attributes:
        chain: The reason and all its causes, separated by colons.
    """

    def __init__(self, reason: str, cause: Failure | str | None = None) -> None:
        super().__init__(reason)
        inner: str | None = cause.chain if isinstance(cause, Failure) else cause
        self.chain: str = reason if inner is None else f"{reason}: {inner}"
