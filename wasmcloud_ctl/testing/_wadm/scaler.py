"""What all scalers of wadm have in common. A scaler keeps one part of an application as the manifest says."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from attrs import define, field

from wasmcloud_ctl.testing._wadm.commands import Command
from wasmcloud_ctl.testing._wadm.events import Event
from wasmcloud_ctl.testing._wadm.lattice_state import LatticeState
from wasmcloud_ctl.testing._wadm.status import State


class NoReply(Exception):
    """No host replied to a question of wadm's."""


@define
class View:
    """What scalers see of the lattice.

    Attributes:
        state: The hosts and what runs on them.
        links: The links, as a host listed them when the last event came.
        get_config: Asks a host for a config. Returns None if there is none; raises NoReply.
    """

    get_config: Callable[[str], Awaitable[Mapping[str, str] | None]]
    state: LatticeState = field(factory=LatticeState)
    links: list[Mapping[str, Any]] = field(factory=list)


class Scaler(Protocol):
    """A scaler: it compares what wadm knows with what the manifest says, and plans commands for the difference.

    ``id`` is a hash of what makes it another scaler. ``plan`` returns the commands that are needed, and the state.
    ``cleanup`` returns the commands that remove what it has started. ``concerns`` says whether it must plan anew
    after an event.
    """

    @property
    def id(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...

    def plan(self) -> tuple[list[Command], State]: ...
    def cleanup(self) -> list[Command]: ...
    def concerns(self, event: Event) -> bool: ...


def identity(*parts: str) -> str:
    """Return the id of a scaler: a hash of these parts."""
    return hashlib.sha256("".join(parts).encode("utf-8")).hexdigest()
