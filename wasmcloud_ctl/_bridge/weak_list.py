"""Objects that are there as long as somebody else holds them."""

from __future__ import annotations

import weakref
from typing import Generic, TypeVar

T = TypeVar("T")


class WeakList(Generic[T]):
    """Objects that others hold, in the order in which they were added. Any thread may add some and ask for them.

    Its references have no callbacks. The standard library's weak collections have some, and Python goes on after an
    exception in a callback: a Ctrl-C at that moment would be lost.
    """

    def __init__(self) -> None:
        self._references: dict[weakref.ref[T], None] = {}

    def add(self, item: T) -> None:
        """Add an object, and forget those that nobody holds any more."""
        # A copy is made at once: other threads may add something meanwhile.
        for reference in [found for found in list(self._references) if found() is None]:
            self._references.pop(reference, None)
        self._references[weakref.ref(item)] = None

    def alive(self) -> list[T]:
        """Return the objects that somebody holds."""
        return [item for reference in list(self._references) if (item := reference()) is not None]
