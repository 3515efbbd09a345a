"""The states of applications and their scalers, in wadm's words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import frozen

# The first of these that any scaler has is the application's.
_ORDER = ("failed", "undeployed", "waiting", "reconciling", "unhealthy", "deployed")


@frozen
class State:
    """The state of a scaler or an application: a type and a message."""

    type: str
    message: str = ""

    def to_json(self) -> dict[str, str]:
        """Return the state as wadm sends it."""
        return {"type": self.type} | ({"message": self.message} if self.message else {})


DEPLOYED = State("deployed")
UNDEPLOYED = State("undeployed", "Manifest has been undeployed")
NO_HOSTS = State("waiting", "Waiting for status: Lattice contains no hosts, deployment not started.")


@frozen
class ScalerState:
    """The state of a scaler, with its id, kind and name."""

    id: str
    kind: str
    name: str
    state: State

    def to_json(self) -> dict[str, object]:
        """Return the state as wadm sends it."""
        return {"id": self.id, "kind": self.kind, "name": self.name, "status": self.state.to_json()}


def status(state: State, scalers: Sequence[ScalerState] = ()) -> dict[str, object]:
    """Return a status as wadm sends it."""
    listed = {"scalers": [scaler.to_json() for scaler in scalers]} if scalers else {}
    return {"status": state.to_json(), **listed, "version": "", "components": []}


def summed(scalers: Sequence[ScalerState]) -> dict[str, object]:
    """Return the status of an application with these scalers."""
    types = {scaler.state.type for scaler in scalers} or {"undeployed"}
    worst = next(name for name in _ORDER if name in types)
    return status(State(worst, ", ".join(_messages(scalers))), scalers)


def _messages(scalers: Iterable[ScalerState]) -> Iterable[str]:
    return filter(None, (scaler.state.message.strip() for scaler in scalers))
