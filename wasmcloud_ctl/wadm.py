"""Applications: what wadm deploys and keeps running in a lattice.

``client.wadm`` is the ``WadmClient`` of a client. It needs a running wadm, which is a server of its own::

    from pathlib import Path

    with wasmcloud_ctl.connect() as client:
        client.wadm.put_and_deploy_manifest(Path("shop.yaml"), wait=60)
        print(client.wadm.get_manifest_status("shop"))
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from wasmcloud_ctl._operations.application_wait import ApplicationWait
from wasmcloud_ctl._operations.receivers import StatusReceiver
from wasmcloud_ctl._operations.sender import DEFAULT_MAXSIZE, Sender
from wasmcloud_ctl._operations.wadm_requests import WadmRequests
from wasmcloud_ctl._options import arguments
from wasmcloud_ctl._protocol import manifest_codec
from wasmcloud_ctl.exceptions import InvalidArgument
from wasmcloud_ctl.models import (
    DeployModelResponse,
    ModelSummary,
    PutModelResponse,
    ScalerStatus,
    Status,
    StatusChanged,
    StatusInfo,
    StatusType,
    VersionInfo,
)

__all__ = [
    "DeployModelResponse",
    "Manifest",
    "ModelSummary",
    "PutModelResponse",
    "ScalerStatus",
    "Status",
    "StatusChanged",
    "StatusInfo",
    "StatusReceiver",
    "StatusType",
    "VersionInfo",
    "WadmClient",
]

Manifest = Mapping[str, object] | Path | str | bytes
"""A mapping, the ``pathlib.Path`` of a YAML or JSON file, or the file's text or bytes. A string is never a path."""


class WadmClient:
    """The applications of a lattice. Made by ``Client.wadm``; threads can share it.

    wadm keeps *applications*: manifests of components, providers, links and configs, each in one or more versions. At
    most one version of an application is deployed. wadm sends the hosts the commands that this needs, and goes on
    doing so until what runs is as the manifest says.

    **Timeouts.** ``timeout`` is how many seconds to wait for wadm's reply, a finite number above 0. Defaults to the
    client's ``timeout``.

    **Waits.** wadm's reply only acknowledges receipt. With ``wait`` (seconds above 0 for the whole call), a method
    returns when the outcome is certain, by what wadm *and* the hosts say. It raises ``OperationFailed`` with wadm's
    reason if the application cannot be deployed, and ``WaitTimeout`` if the outcome is not certain in time: it says
    what each scaler reported last.

    **Errors.** Every method may raise, besides what it documents: ``NoResponders`` (no wadm runs there),
    ``OperationRejected`` (wadm refused), and those of ``Client``.
    """

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._requests = WadmRequests(sender)

    def put_manifest(self, manifest: Manifest, *, timeout: float | None = None) -> PutModelResponse:
        """Store a new application, or a new version of one. Deploys nothing.

        The version is the annotation ``version``. Without it, wadm makes one up.

        Args:
            manifest: The manifest: a mapping, the ``pathlib.Path`` of a YAML or JSON file, or its text or bytes. wadm
                parses texts. A mapping is checked before it is sent.

        Raises:
            InvalidArgument: A mapping has a wrong name or a wrong type, or the file cannot be read.
            OperationRejected: wadm refused the manifest, or it has this version already.

        Example:
            >>> client.wadm.put_manifest(Path("shop.yaml")).current_version  # doctest: +SKIP
            'v1.2.0'
        """
        payload, content_type = _encoded(manifest)
        return self._requests.put(payload, content_type, self._sender.timeout(timeout))

    def list_manifests(self, *, timeout: float | None = None) -> list[ModelSummary]:
        """Return all applications in short, with their newest and deployed versions and their status."""
        return self._requests.summaries(self._sender.timeout(timeout))

    def get_manifest(
        self, name: str, version: str | None = None, *, timeout: float | None = None
    ) -> dict[str, object]:
        """Return the manifest of an application as a plain dict.

        Args:
            name: The application's name.
            version: The version. Defaults to the newest.

        Raises:
            NotFound: There is no such application or version.
        """
        return self._requests.get(name, version, self._sender.timeout(timeout))

    def list_versions(self, name: str, *, timeout: float | None = None) -> list[VersionInfo]:
        """Return the versions of an application, oldest first.

        Args:
            name: The application's name.

        Raises:
            NotFound: There is no such application.
        """
        return self._requests.versions(name, self._sender.timeout(timeout))

    def get_manifest_status(self, name: str, *, timeout: float | None = None) -> Status:
        """Return the status of an application. It is ``undeployed``, too, if there is no such application.

        A status does not name its version: right after a deploy, it may still be that of the version before.

        Args:
            name: The application's name.
        """
        return self._requests.status(name, self._sender.timeout(timeout))

    def deploy_manifest(
        self,
        name: str,
        version: str | None = None,
        *,
        wait: float | None = None,
        timeout: float | None = None,
    ) -> DeployModelResponse:
        """Deploy a version of an application. The version that was deployed before makes way for it.

        Args:
            name: The application's name.
            version: The version. Defaults to the newest.

        Raises:
            NotFound: There is no such application.
            OperationRejected: There is no such version, or wadm refused to deploy it.

        Example:
            >>> client.wadm.deploy_manifest("shop", "v1.2.0")  # doctest: +SKIP
            <DeployModelResponse shop, version v1.2.0: Successfully deployed application shop v1.2.0>
        """
        return self._deploy(name, version, timeout, wait, time.monotonic())

    def put_and_deploy_manifest(
        self, manifest: Manifest, *, wait: float | None = None, timeout: float | None = None
    ) -> DeployModelResponse:
        """Store a manifest as ``put_manifest`` does, and deploy that version as ``deploy_manifest`` does.

        Args:
            manifest: The manifest, as for ``put_manifest``.

        Raises:
            InvalidArgument, OperationRejected: As ``put_manifest``. Nothing was deployed.
        """
        started = time.monotonic()
        limit = self._sender.timeout(timeout)
        if wait is not None:
            limit = min(limit, arguments.seconds(wait, "wait"))
        stored = self.put_manifest(manifest, timeout=limit)
        return self._deploy(stored.name, stored.current_version, timeout, wait, started)

    def undeploy_manifest(self, name: str, *, wait: float | None = None, timeout: float | None = None) -> str:
        """Undeploy an application: stop what it runs. Its versions stay. Return its name.

        Succeeds if it is not deployed.

        Args:
            name: The application's name.

        Raises:
            NotFound: There is no such application.
        """
        if wait is None:
            return self._requests.undeploy(name, self._sender.timeout(timeout))
        waiting = self._wait(name, f"the undeployment of {name}", wait, timeout, time.monotonic())
        return waiting.remove(lambda seconds: self._requests.undeploy(name, seconds), lambda _: False)

    def delete_manifest(
        self,
        name: str,
        version: str | None = None,
        *,
        wait: float | None = None,
        timeout: float | None = None,
    ) -> bool:
        """Delete an application, or one of its versions. What is deployed of it is undeployed.

        wadm 0.21.1 undeploys an application, too, when it is told to delete a version that does not exist. So the
        versions are listed first, and nothing is sent then.

        Args:
            name: The application's name.
            version: The version. Defaults to all of them.

        Returns:
            Whether there was something to delete.
        """
        if wait is None:
            return self._requests.delete(name, version, self._sender.timeout(timeout)).deleted
        waiting = self._wait(name, f"the deletion of {name}", wait, timeout, time.monotonic())
        # To delete a version that is not deployed stops nothing.
        return waiting.remove(
            lambda seconds: self._requests.delete(name, version, seconds), lambda reply: not reply.undeploy
        ).deleted

    def _deploy(
        self, name: str, version: str | None, timeout: float | None, wait: float | None, started: float
    ) -> DeployModelResponse:
        if wait is None:
            return self._requests.deploy(name, version, self._sender.timeout(timeout))
        title = f"the deployment of {name}" + ("" if version is None else f" {version}")
        waiting = self._wait(name, title, wait, timeout, started)
        return waiting.deploy(lambda seconds: self._requests.deploy(name, version, seconds))

    def subscribe_to_status(
        self,
        name: str | None = None,
        *,
        maxsize: int = DEFAULT_MAXSIZE,
        overflow: Literal["drop_oldest", "drop_newest"] = "drop_oldest",
        timeout: float | None = None,
    ) -> StatusReceiver:
        """Receive the statuses that wadm publishes. The server has the subscription when this returns.

        wadm publishes a status only if it differs from the application's last one.

        Args:
            name: The application's name. Defaults to all applications of the lattice.
            maxsize: How many statuses may wait to be read, above 0. Defaults to 65,536.
            overflow: Which status a full queue drops: ``drop_oldest`` (default) or ``drop_newest``.
            timeout: Seconds to wait for the server's confirmation.

        Raises:
            PermissionDenied: The server does not let this user subscribe to the statuses.

        Example:
            >>> with client.wadm.subscribe_to_status("shop") as statuses:  # doctest: +SKIP
            ...     changed = statuses.get(timeout=30)
        """
        subjects = [self._sender.subjects.wadm_status(name)]
        return self._sender.receive(StatusReceiver, subjects, timeout, maxsize=maxsize, overflow=overflow)

    def _wait(
        self, name: str, title: str, wait: float, timeout: float | None, started: float
    ) -> ApplicationWait:
        sender = self._sender
        return ApplicationWait(
            sender,
            name,
            title,
            started=started,
            wait=arguments.seconds(wait, "wait"),
            timeout=sender.timeout(timeout),
        )


def _encoded(manifest: object) -> tuple[bytes, str]:
    """Return a manifest's bytes, and their type."""
    if isinstance(manifest, Mapping):
        return manifest_codec.encode_manifest(manifest), manifest_codec.JSON
    if isinstance(manifest, os.PathLike):
        try:
            manifest = Path(manifest).read_bytes()
        except OSError as error:
            raise InvalidArgument(f"the manifest cannot be read: {error}") from error
    if isinstance(manifest, str):
        try:
            manifest = manifest.encode()
        except UnicodeEncodeError as error:
            # The error itself would quote the whole text, which may hold a secret.
            raise InvalidArgument(f"the manifest cannot be sent: {error.reason}") from None
    if not isinstance(manifest, bytes):
        raise InvalidArgument(
            f"manifest must be a mapping, a pathlib.Path, or the manifest's text, not {type(manifest).__name__}"
        )
    return manifest, manifest_codec.content_type(manifest)
