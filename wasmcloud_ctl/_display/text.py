"""Text that fits on one line: shortened ids, counts, and the summary of a value.

Text from hosts is not trusted. Characters that cannot be printed become spaces, and long text is cut.
"""

from __future__ import annotations

import re
import unicodedata
from functools import singledispatch

# How many characters of a host's id are shown: enough to tell hosts apart and to search for one.
_SHORT_ID = 8

_HOST_ID = re.compile(r"\bN[A-Z2-7]{55}\b")


def short_id(text: str) -> str:
    """Return the first characters of a host's id. Any other id was chosen by a person and is not shortened."""
    return f"{text[:_SHORT_ID]}…" if _HOST_ID.fullmatch(text) else one_line(text)


def with_short_ids(text: str) -> str:
    """Return a text in which each host's id is shortened."""
    return _HOST_ID.sub(lambda found: short_id(found[0]), text)


def one_line(text: str, width: int | None = 60) -> str:
    """Return a text with spaces for unprintable characters, cut to at most ``width`` characters. None: not cut."""
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else " " for letter in text)
    return text if width is None or len(text) <= width else f"{text[: width - 1]}…"


def width_of(text: str) -> int:
    """Return how many columns of a terminal a text takes: two for each wide letter, none for an accent of its own."""
    return len(text) if text.isascii() else sum(map(_letter_width, text))


def _letter_width(letter: str) -> int:
    if unicodedata.category(letter) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in ("W", "F") else 1


def count(number: int, noun: str) -> str:
    """Return a number and a noun, such as ``1 host`` or ``3 hosts``."""
    if number == 1:
        return f"1 {noun}"
    return f"{number} {noun[:-1]}ies" if noun.endswith("ry") else f"{number} {noun}s"


@singledispatch
def summary(value: object, whole: bool = False) -> str:
    """Return the summary of a value, for one line. ``_presentation`` registers those of models and events.

    For a repr, what hosts say is cut. ``whole`` is for ``str``: hosts' messages and references are not cut, and names
    and times come first.
    """
    # Of a dict only the count: the values of a config may be secrets.
    return f"map of {count(len(value), 'key')}" if isinstance(value, dict) else one_line(repr(value))
