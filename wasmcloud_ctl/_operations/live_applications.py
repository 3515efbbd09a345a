"""The applications of a lattice, kept current.

wadm publishes each status that changes. That is a reason to list the applications.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from wasmcloud_ctl._operations.gather import raise_reply_error
from wasmcloud_ctl._operations.live_list import LiveList
from wasmcloud_ctl._protocol import wadm_replies
from wasmcloud_ctl._protocol.subjects import Subjects
from wasmcloud_ctl._transport import Reply, Transport
from wasmcloud_ctl.exceptions import NoResponders
from wasmcloud_ctl.models import ModelSummary


class LiveApplications(LiveList[Mapping[str, ModelSummary]]):
    """The applications of one lattice, by name."""

    def __init__(
        self, transport: Transport, subjects: Subjects, timeout: float, interval: Callable[[], float]
    ) -> None:
        super().__init__(transport, [subjects.wadm_status(None)], {}, subjects.wadm("get"), timeout, interval)
        self._lattice = subjects.lattice
        self._applications: Mapping[str, ModelSummary] = {}

    def _on_message(self, data: bytes) -> None:
        self._on_hint()

    def _take(self, reply: Reply, asked_at: float) -> None:
        if isinstance(reply.error, NoResponders):
            raise wadm_replies.no_wadm(self._subject, self._lattice)
        raise_reply_error(reply)
        models = wadm_replies.decode_reply(reply.data, wadm_replies.ListReply).models
        applications = {model.name: model for model in models}
        self._is_changed = self._is_changed or applications != self._applications
        self._applications = applications
        self._on_listed(asked_at)

    def _changed_picture(self) -> Mapping[str, ModelSummary] | None:
        if not self._is_changed:
            return None
        self._is_changed = False
        return self._applications
