"""What a wait knows of a command, and what that proves.

A host that replies "success" has received the command. Events report the outcome, but some come late, twice or not at
all, and the host's inventory can be old, or wrong. So a wait looks at the state before it sends the command, listens
to the events from then on, and looks again: the outcome is certain when all of this leaves no doubt.

* An event is a hint: it says when to look. The inventory is the proof. (A failed update publishes no event, so the
  inventory is looked at from time to time as well.)
* What was already so before the command proves nothing. There the host's event after the sending decides. (Hosts up
  to 1.1.0 publish none. There a moment without a change decides.)
* After a scale to another reference, the inventory's reference proves nothing: hosts only rename what runs. So such
  a scale is not sent. Commands of this client whose outcome is uncertain can still lead to it: see ``doubts``.
* A host that is gone can do nothing: that fails every wait but the one for its stop.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any, ClassVar, Generic, TypeVar

import attrs

from wasmcloud_ctl._operations.doubts import Doubts
from wasmcloud_ctl._protocol.subjects import Subjects
from wasmcloud_ctl.events import Event
from wasmcloud_ctl.models import CtlResponse, Doubt

T = TypeVar("T")


@attrs.frozen(kw_only=True)
class Evidence(Generic[T]):
    """What is known of a command at one moment.

    Attributes:
        before: The state before the command was sent.
        now: The state as it was last seen after the sending; None if it was not seen yet.
        current: Whether ``now`` was requested after the last of the events, and after the quiet moment.
        events: The events that concern the command, in the order in which they arrived.
        acknowledgement: The host's response to the command; None if it has not come, or was lost.
        quiet: Whether a quiet moment has passed since an outcome function asked for it.
        gone: Whether nobody answers any more where the state is asked for.
        doubts: What the client knows of its earlier commands for the same component.
        view_doubts: The doubts of the client's live view, about any component.
        sent: When the command was sent, by the monotonic clock. 0.0 if it was not sent yet.
    """

    before: T
    now: T | None = None
    current: bool = False
    events: tuple[Event, ...] = ()
    acknowledgement: CtlResponse[None] | None = None
    quiet: bool = False
    gone: bool = False
    doubts: Doubts = attrs.field(factory=Doubts)
    view_doubts: Sequence[Doubt] = ()
    sent: float = 0.0


class Verdict(enum.Enum):
    """What the evidence says, other than a failure."""

    KEEP_WAITING = enum.auto()
    LISTEN = enum.auto()
    """Keep waiting, and set ``quiet`` after a moment."""
    CERTAIN = enum.auto()


@attrs.frozen
class Failed:
    """The verdict that a command has certainly failed: why, and the event that reported it, where one did."""

    reason: str
    event: Event | None = None


@attrs.frozen
class Operation(Generic[T]):
    """A command, and how its outcome is recognised from states of type ``T``. All methods are pure functions.

    Attributes:
        command: What is sent.
        name: The command's name in its subject, such as ``component.scale``.
        title_format: The format of ``title``, with the command as ``{0}``.
        state_name: The same of the request for the state, such as ``host.get``.
        event_names: The kinds of events that may report the outcome.
        state_type: The type of a state.
        absence_is_success: Whether the command has succeeded when nobody answers any more.
    """

    command: object
    name: ClassVar[str]
    title_format: ClassVar[str]
    state_name: ClassVar[str]
    event_names: ClassVar[tuple[str, ...]]
    state_type: ClassVar[Any]
    absence_is_success: ClassVar[bool] = False

    @property
    def title(self) -> str:
        """The operation in words, such as ``the scale of echo to 5``."""
        return self.title_format.format(self.command)

    def subject(self, subjects: Subjects, name: str) -> str:
        """Return the subject of the command or of the request for the state, by its name."""
        raise NotImplementedError

    def queue_key(self, subjects: Subjects) -> str | None:
        """Return the key of commands that must not overlap with this one; None if any may."""
        return None

    @property
    def component_id(self) -> str | None:
        """The id of the component that the command is for. None for commands that can cause no doubts."""
        return None

    def doubts_before(self, doubts: Doubts, before: T) -> Doubts:
        """Return the doubts that remain in view of the state before the command."""
        return doubts

    def refusal(self, evidence: Evidence[T]) -> str:
        """Return why the command must not be sent, by the state before it. Empty if it may be sent."""
        return ""

    def unsafe_until(self, doubts: Doubts) -> float:
        """Return when the command may be sent, by the monotonic clock. 0.0 if at once."""
        return 0.0

    def concerns(self, event: Event) -> bool:
        """Return whether an event is about this command."""
        raise NotImplementedError

    def outcome(self, evidence: Evidence[T]) -> Verdict | Failed:
        """Return what the evidence proves."""
        raise NotImplementedError

    def doubts_after(self, evidence: Evidence[T], verdict: Verdict | Failed | None) -> Doubts:
        """Return the doubts after the command, by its last verdict. None: it was given up, and may take effect."""
        return evidence.doubts

    def remark(self, evidence: Evidence[T]) -> str:
        """Return what the caller must know of a certain outcome, for the message. Empty if the host's will do."""
        return ""

    def describe(self, state: T) -> str:
        """Return a state in words, for the error of a wait that is not certain in time."""
        raise NotImplementedError
