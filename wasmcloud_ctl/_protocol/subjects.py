"""The subjects of the control interface and of wadm, and the checks of what may be part of one.

NATS splits a subject at its dots, ``*`` and ``>`` are wildcards, and white space ends a subject on the wire. A value
that is not exactly one token would send a command somewhere else, so it is refused.
"""

from __future__ import annotations

import unicodedata

from wasmcloud_ctl.exceptions import InvalidArgument

# Control characters, format characters (invisible, so a typing mistake), lone surrogates (not encodable).
_FORBIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs"})

# The requests to one host. Their subjects end with the host's id.
_HOST_REQUESTS = frozenset(
    (
        "host.get",
        "host.stop",
        "label.put",
        "label.del",
        "component.scale",
        "component.update",
        "provider.start",
        "provider.stop",
    )
)


# A server ends the connection of a client that sends more than 4,096 bytes in the line with the subject. No subject
# has more than three tokens of a caller or a host.
_LONGEST = 1000


def token(value: object, what: str) -> str:
    """Check one token of a subject, and return it unchanged. ``what`` is the argument's name, for the error."""
    if not isinstance(value, str):
        raise InvalidArgument(f"{what} must be a string, not {type(value).__name__}")
    if not value:
        raise InvalidArgument(f"{what} must not be empty")
    if len(value) > _LONGEST:
        raise InvalidArgument(f"{what} must not have more than {_LONGEST} characters, and has {len(value)}")
    if not (value.isascii() and value.isalnum()):
        for character in value:
            category = unicodedata.category(character)
            if character in ".*>" or character.isspace() or category in _FORBIDDEN_CATEGORIES:
                raise InvalidArgument(
                    f"{what} must not contain {character!r}: {value!r} would be part of a NATS subject, which "
                    "allows no white space, control characters, '.', '*' or '>' there"
                )
    return value


def prefix(value: object, what: str) -> str:
    """Check one or more tokens joined by dots, and return them unchanged."""
    if not isinstance(value, str):
        raise InvalidArgument(f"{what} must be a string, not {type(value).__name__}")
    for part in value.split("."):
        token(part, f"each part of {what}")
    return value


def host_id_of(subject: str) -> str | None:
    """Return the id of the host that a request's subject belongs to. None if it belongs to the whole lattice."""
    *_, group, action, last = ["", "", *subject.split(".")]
    return last if f"{group}.{action}" in _HOST_REQUESTS else None


class Subjects:
    """The subjects of one lattice. The methods raise InvalidArgument for what cannot be part of a subject."""

    def __init__(
        self, topic_prefix: str, event_prefix: str, lattice: str, wadm_prefix: str = "wadm.api"
    ) -> None:
        self.lattice = lattice
        self._root = f"{prefix(topic_prefix, 'topic_prefix')}.v1.{token(lattice, 'lattice')}"
        self._events = f"{prefix(event_prefix, 'event_prefix')}.{lattice}"
        self._wadm = f"{prefix(wadm_prefix, 'wadm_prefix')}.{lattice}.model"

    def control(self, operation: str) -> str:
        """Return the subject of an operation on the whole lattice, such as ``host.ping``."""
        return f"{self._root}.{operation}"

    def host(self, operation: str, host_id: str) -> str:
        """Return the subject of an operation on one host, such as ``component.scale``."""
        return f"{self._root}.{operation}.{token(host_id, 'host_id')}"

    def config(self, operation: str, config_name: str) -> str:
        """Return the subject of an operation on one config, such as ``config.get``."""
        return f"{self._root}.{operation}.{token(config_name, 'config_name')}"

    def event(self, event_name: str) -> str:
        """Return the subject of one kind of event; ``*`` stands for all kinds."""
        return f"{self._events}.{event_name if event_name == '*' else token(event_name, 'event name')}"

    def wadm(self, operation: str, *names: str) -> str:
        """Return the subject of an operation of wadm, such as ``deploy``, on one application or on all."""
        return ".".join([self._wadm, operation, *(token(name, "name") for name in names)])

    def wadm_status(self, name: str | None) -> str:
        """Return the subject under which wadm publishes an application's status; None: those of all applications."""
        return f"wadm.status.{self.lattice}.{'*' if name is None else token(name, 'name')}"

    def config_stream(self) -> str:
        """Return the name of the JetStream stream in which hosts keep the lattice's configs."""
        return f"KV_CONFIGDATA_{self.lattice}"

    def config_key_prefix(self) -> str:
        """Return what precedes a config's name in the subjects of that stream."""
        return f"$KV.CONFIGDATA_{self.lattice}."
