"""Requests to wadm."""

from __future__ import annotations

from typing import TypeVar

from wasmcloud_ctl._operations.sender import Sender
from wasmcloud_ctl._options import arguments
from wasmcloud_ctl._protocol import codec, manifest_codec, wadm_replies
from wasmcloud_ctl._protocol.manifests import Manifest
from wasmcloud_ctl.exceptions import NoResponders
from wasmcloud_ctl.models import ModelSummary, Status, VersionInfo

T = TypeVar("T")


class WadmRequests:
    """Requests to the wadm of a lattice. ``timeout`` is how many seconds to wait for the reply."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def send(
        self,
        operation: str,
        name: str | None,
        kind: type[T],
        timeout: float,
        payload: bytes = b"",
        *,
        content_type: str | None = None,
        command: bool = False,
    ) -> T:
        """Send a request, and return the reply of this kind.

        Raises:
            NotFound: There is no such application or version.
            OperationRejected: wadm refused.
            NoResponders: No wadm runs there.
        """
        sender = self._sender
        subject = sender.subjects.wadm(operation, name)
        try:
            raw = sender.transport().request(
                subject, payload, timeout, command=command, content_type=content_type
            )
        except NoResponders as error:
            raise NoResponders(
                f"nobody listens on {subject}: no wadm runs for lattice {sender.settings.lattice!r}. Start wadm, or "
                "check the lattice's name and wadm_prefix",
                subject=subject,
            ) from error
        return wadm_replies.decode_reply(raw, kind)

    def summaries(self, timeout: float) -> list[ModelSummary]:
        """Return all applications in short."""
        return self.send("get", None, wadm_replies.ListReply, timeout).models

    def get(self, name: str, version: str | None, timeout: float) -> dict[str, object]:
        """Return a manifest as wadm sends it."""
        return self.send("get", name, wadm_replies.GetReply, timeout, version_request(version)).manifest

    def manifest(self, name: str, version: str, timeout: float) -> Manifest:
        """Return a decoded manifest."""
        return manifest_codec.decode_manifest(self.get(name, version, timeout))

    def versions(self, name: str, timeout: float) -> list[VersionInfo]:
        """Return the versions of an application, oldest first."""
        return self.send("versions", name, wadm_replies.VersionsReply, timeout).versions

    def status(self, name: str, timeout: float) -> Status:
        """Return the status of an application."""
        return self.send("status", name, wadm_replies.StatusReply, timeout).status


def version_request(version: str | None) -> bytes:
    """Return the payload of a request for one version. None: the newest, or all."""
    return b"" if version is None else codec.encode({"version": arguments.identifier(version, "version")})
