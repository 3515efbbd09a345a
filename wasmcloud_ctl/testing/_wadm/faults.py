"""The faults that a practice wadm can be given."""

from __future__ import annotations

from wasmcloud_ctl.testing._faults import Faults


class WadmFaults(Faults):
    """The faults of a wadm, at first none. To be used on the hosts' event loop only.

    Attributes:
        refusals: The messages with which operations are refused; ``*`` stands for all operations.
        held: Whether wadm does nothing but reply to requests.
    """

    def __init__(self) -> None:
        super().__init__()
        self.refusals: dict[str, str] = {}
        self.held: bool = False

    def refusal(self, operation: str) -> str | None:
        """Return the message with which an operation is refused, or None if it is not."""
        return self.refusals.get(operation, self.refusals.get("*"))

    def clear(self) -> None:
        """Remove all faults."""
        super().clear()
        self.refusals.clear()
        self.held = False
