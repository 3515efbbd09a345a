"""Requests to wadm."""

from __future__ import annotations

from typing import TypeVar

from wasmcloud_ctl._operations.sender import Sender
from wasmcloud_ctl._options import arguments
from wasmcloud_ctl._protocol import codec, manifest_codec, wadm_replies
from wasmcloud_ctl._protocol.manifests import Manifest
from wasmcloud_ctl.exceptions import NoResponders, NotFound
from wasmcloud_ctl.models import DeployModelResponse, ModelSummary, PutModelResponse, Status, VersionInfo

T = TypeVar("T")


class WadmRequests:
    """The requests to the wadm of a lattice. ``timeout`` is how many seconds to wait for the reply.

    All of them raise OperationRejected if wadm refuses, and NoResponders if none runs there. Those that name an
    application raise NotFound if there is no such application or version.
    """

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def put(self, manifest: bytes, content_type: str, timeout: float) -> PutModelResponse:
        """Store a manifest."""
        subject = self._sender.subjects.wadm("put")
        reply = self._send(
            subject, wadm_replies.PutReply, timeout, manifest, content_type=content_type, command=True
        )
        return PutModelResponse(
            name=reply.name,
            current_version=reply.current_version,
            total_versions=reply.total_versions,
            created=reply.result == "created",
            message=reply.message,
        )

    def summaries(self, timeout: float) -> list[ModelSummary]:
        """Return all applications in short."""
        return self._send(self._sender.subjects.wadm("get"), wadm_replies.ListReply, timeout).models

    def get(self, name: str, version: str | None, timeout: float) -> dict[str, object]:
        """Return a manifest as wadm sends it. By default, of the newest version."""
        subject, payload = self._sender.subjects.wadm("get", name), _version(version)
        return self._send(subject, wadm_replies.GetReply, timeout, payload).manifest

    def manifest(self, name: str, version: str, timeout: float) -> Manifest:
        """Return a decoded manifest."""
        return manifest_codec.decode_manifest(self.get(name, version, timeout))

    def versions(self, name: str, timeout: float) -> list[VersionInfo]:
        """Return the versions of an application, oldest first."""
        subject = self._sender.subjects.wadm("versions", name)
        return self._send(subject, wadm_replies.VersionsReply, timeout).versions

    def status(self, name: str, timeout: float) -> Status:
        """Return the status of an application."""
        subject = self._sender.subjects.wadm("status", name)
        return self._send(subject, wadm_replies.StatusReply, timeout).status

    def deploy(self, name: str, version: str | None, timeout: float) -> DeployModelResponse:
        """Deploy a version, by default the newest."""
        subject, payload = self._sender.subjects.wadm("deploy", name), _version(version)
        reply = self._send(subject, wadm_replies.DeployReply, timeout, payload, command=True)
        return DeployModelResponse(name=reply.name, version=reply.version, message=reply.message)

    def undeploy(self, name: str, timeout: float) -> str:
        """Undeploy an application, and return its name."""
        subject = self._sender.subjects.wadm("undeploy", name)
        return self._send(subject, wadm_replies.UndeployReply, timeout, command=True).name

    def delete(self, name: str, version: str | None, timeout: float) -> wadm_replies.DeleteReply:
        """Delete a version, by default all.

        A version that does not exist is not sent: wadm 0.21.1 would undeploy the one that is deployed.
        """
        subject, payload = self._sender.subjects.wadm("del", name), _version(version)
        if version is not None and not self._has_version(name, version, timeout):
            return wadm_replies.DeleteReply(result="noop")
        return self._send(subject, wadm_replies.DeleteReply, timeout, payload, command=True)

    def _has_version(self, name: str, version: str, timeout: float) -> bool:
        try:
            return any(found.version == version for found in self.versions(name, timeout))
        except NotFound:
            return False

    def _send(
        self,
        subject: str,
        kind: type[T],
        timeout: float,
        payload: bytes = b"",
        *,
        content_type: str | None = None,
        command: bool = False,
    ) -> T:
        try:
            raw = self._sender.transport().request(
                subject, payload, timeout, command=command, content_type=content_type
            )
        except NoResponders as error:
            raise wadm_replies.no_wadm(subject, self._sender.settings.lattice) from error
        return wadm_replies.decode_reply(raw, kind)


def _version(version: str | None) -> bytes:
    return b"" if version is None else codec.encode({"version": arguments.identifier(version, "version")})
