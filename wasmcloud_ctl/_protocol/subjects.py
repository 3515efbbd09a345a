"""The subjects of the control interface, and what may stand in one.

NATS splits a subject at its dots and gives ``*`` and ``>`` a meaning, and white space ends it on the wire. So
whatever a caller gives that becomes part of a subject is refused unless it is exactly one token: the alternative
is a command that goes somewhere else than was meant.
"""

from __future__ import annotations

import unicodedata

from wasmcloud_ctl.exceptions import InvalidArgument

_SEPARATORS_AND_WILDCARDS = frozenset(".*>")

# Control characters, format characters (they cannot be seen, so they cannot be meant), lone surrogates (they
# have no UTF-8).
_UNFIT_CATEGORIES = frozenset({"Cc", "Cf", "Cs"})


def token(value: object, what: str) -> str:
    """One token of a subject.

    Args:
        value: What the caller gave.
        what: What the caller calls it, for the message.

    Returns:
        The value, unchanged.

    Raises:
        InvalidArgument: It is no string, or empty, or has a character that cannot stand in a token: white
            space, control and invisible characters, ``.``, ``*``, ``>``.
    """
    if not isinstance(value, str):
        raise InvalidArgument(f"{what} must be a string, not {type(value).__name__}")
    if not value:
        raise InvalidArgument(f"{what} must not be empty")
    if not (value.isascii() and value.isalnum()):
        for character in value:
            if (
                character in _SEPARATORS_AND_WILDCARDS
                or character.isspace()
                or unicodedata.category(character) in _UNFIT_CATEGORIES
            ):
                raise InvalidArgument(
                    f"{what} must not contain {character!r}: {value!r} would be part of a NATS subject, where "
                    "white space, control characters, '.', '*' and '>' cannot stand"
                )
    return value


def prefix(value: object, what: str) -> str:
    """One or more tokens, joined by dots.

    Args:
        value: What the caller gave.
        what: What the caller calls it, for the message.

    Returns:
        The value, unchanged.

    Raises:
        InvalidArgument: It is no string, or one of its parts is no token.
    """
    if not isinstance(value, str):
        raise InvalidArgument(f"{what} must be a string, not {type(value).__name__}")
    for part in value.split("."):
        token(part, f"each part of {what}")
    return value


class Subjects:
    """The subjects of one lattice.

    Args:
        topic_prefix: What stands before all control subjects; ``wasmbus.ctl`` unless a site says otherwise.
        lattice: The lattice's name.

    Raises:
        InvalidArgument: One of them could not stand in a subject.

    Attributes:
        lattice: The lattice's name.
    """

    def __init__(self, topic_prefix: str, lattice: str) -> None:
        self.lattice = lattice
        self._root = f"{prefix(topic_prefix, 'topic_prefix')}.v1.{token(lattice, 'lattice')}"
        # Events are here whatever the topic prefix is.
        self._events = f"wasmbus.evt.{lattice}"

    def control(self, operation: str) -> str:
        """The subject of an operation on the whole lattice, such as ``host.ping``."""
        return f"{self._root}.{operation}"

    def host(self, operation: str, host_id: str) -> str:
        """The subject of an operation on one host, such as ``component.scale``.

        Raises:
            InvalidArgument: The id could not stand in a subject.
        """
        return f"{self._root}.{operation}.{token(host_id, 'host_id')}"

    def config(self, operation: str, config_name: str) -> str:
        """The subject of an operation on one config, such as ``config.get``.

        Raises:
            InvalidArgument: The name could not stand in a subject.
        """
        return f"{self._root}.{operation}.{token(config_name, 'config_name')}"

    def event(self, event_name: str) -> str:
        """The subject of one kind of event; ``*`` is all kinds.

        Raises:
            InvalidArgument: The name could not stand in a subject.
        """
        return f"{self._events}.{event_name if event_name == '*' else token(event_name, 'event name')}"

    def config_stream(self) -> str:
        """The JetStream stream under the bucket in which hosts keep the lattice's configs."""
        return f"KV_CONFIGDATA_{self.lattice}"

    def config_key_prefix(self) -> str:
        """What stands before a config's name in the stream."""
        return f"$KV.CONFIGDATA_{self.lattice}."


def jetstream(request: str, stream: str, js_domain: str | None) -> str:
    """The subject of a request to JetStream about a stream, such as ``STREAM.INFO``.

    Raises:
        InvalidArgument: The domain could not stand in a subject.
    """
    domain = "" if js_domain is None else f"{token(js_domain, 'js_domain')}."
    return f"$JS.{domain}API.{request}.{stream}"
