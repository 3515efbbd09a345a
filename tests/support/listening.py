"""Waiting for what the client logs: the way to learn of losses and returns without looking again and again."""

from __future__ import annotations

import logging
import threading
from types import TracebackType


class Listening(logging.Handler):
    """Hears all that the client logs, DEBUG included, for as long as the block lasts."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._logger = logging.getLogger("wasmcloud_ctl")
        self._level = self._logger.level
        self._messages: list[str] = []
        self._changed = threading.Condition()

    def emit(self, record: logging.LogRecord) -> None:
        with self._changed:
            self._messages.append(record.getMessage())
            self._changed.notify_all()

    def wait_for(self, text: str, seconds: float = 10.0) -> str:
        """Wait for a message that holds this text.

        Returns:
            The first one that does.
        """
        with self._changed:
            heard = self._changed.wait_for(lambda: [one for one in self._messages if text in one], seconds)
        assert heard, f"{text!r} was not logged"
        return heard[0]

    def forget(self) -> None:
        """Wait for what comes from now on."""
        with self._changed:
            self._messages.clear()

    def __enter__(self) -> Listening:
        self._logger.addHandler(self)
        self._logger.setLevel(logging.DEBUG)
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._logger.setLevel(self._level)
        self._logger.removeHandler(self)
