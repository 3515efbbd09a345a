"""wadm's API: each request with its reply, in wadm's words."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from attrs import define

from wasmcloud_ctl.testing._wadm.deserializing import quoted
from wasmcloud_ctl.testing._wadm.manifests import (
    Application,
    Manifest,
    missing_components,
    shared_components,
    version,
)
from wasmcloud_ctl.testing._wadm.printing import print_component
from wasmcloud_ctl.testing._wadm.reading import Refused, read_manifest
from wasmcloud_ctl.testing._wadm.requests import read_version
from wasmcloud_ctl.testing._wadm.status import NO_HOSTS, State, status
from wasmcloud_ctl.testing._wadm.validation import validate

Reply = Mapping[str, object] | list[object]


class Worker(Protocol):
    """What follows from requests: wadm deploys and undeploys what was asked for."""

    def publish_manifest(self, manifest: Manifest) -> None:
        """Deploy a manifest."""

    def unpublish_manifest(self, name: str) -> None:
        """Undeploy an application."""


@define
class Api:
    """The API.

    Attributes:
        applications: The applications that are stored, by name.
        statuses: The last status of each application, by name.
        worker: Deploys and undeploys.
    """

    applications: dict[str, Application]
    statuses: Mapping[str, Mapping[str, object]]
    worker: Worker

    def serve(self, subject: str, rest: str, payload: bytes, headers: Mapping[str, str]) -> Reply:
        """Return the reply to a request.

        Args:
            subject: The whole subject.
            rest: The subject from the API's category on, such as ``model.get.shop``.
            payload: The payload.
            headers: The headers.
        """
        category, _, name = rest.partition(".")
        operation, _, name = name.partition(".")
        try:
            if not operation:
                raise Refused("Invalid subject: Expected to find API operation")
            if "." in name:
                raise Refused(_LONG_SUBJECT)
            serve = _OPERATIONS.get((operation, bool(name))) if category == "model" else None
            if serve is None:
                raise Refused(f"Unsupported subject: {subject}")
            return serve(self, name, payload, headers)
        except Refused as refused:
            return {"message": str(refused), "result": "error"}

    def _find(self, name: str) -> Application | None:
        if not _is_key(name):
            raise Refused(_STORAGE_ERROR)
        return self.applications.get(name)

    def put(self, _: str, payload: bytes, headers: Mapping[str, str]) -> Reply:
        """Store a manifest."""
        manifest = read_manifest(payload, headers.get("Content-Type"))
        problem = validate(manifest)
        if problem is not None:
            raise Refused(problem)
        name = manifest["metadata"]["name"].strip()
        application = self.applications.get(name, Application())
        message = f"Successfully put manifest {name} {application.current_version}"
        missing = missing_components(manifest, shared_components(self.applications.values()))
        if missing:
            listed = ", ".join(map(print_component, missing))
            message += f", but some shared components are not deployed: [{listed}]"
        if not application.add(manifest):
            raise Refused(f"Manifest version {version(manifest)} already exists")
        self.applications[name] = application
        count = len(application.versions)
        return {
            "result": "created" if count == 1 else "newversion",
            "total_versions": count,
            "current_version": application.current_version,
            "message": message,
            "name": name,
        }

    def get(self, name: str, payload: bytes, _: Mapping[str, str]) -> Reply:
        """Return a manifest."""
        wanted = read_version(payload, "get")
        application = self._find(name)
        if application is None:
            return {"result": "notfound", "message": f"Application with the name {name} not found"}
        manifest = application.current if wanted is None else application.versions.get(wanted)
        if manifest is None:
            text = f"Application {name} with version {wanted} doesn't exist"
            return {"result": "notfound", "message": text}
        text = f"Successfully fetched application {name}" + ("" if wanted is None else f" {wanted}")
        return {"result": "success", "message": text, "manifest": manifest}

    def list_all(self, _: str, __: bytes, ___: Mapping[str, str]) -> list[object]:
        """Return the summaries of all applications."""
        return [self._summary(name, self.applications[name]) for name in sorted(self.applications)]

    def get_all(self, name: str, payload: bytes, headers: Mapping[str, str]) -> Reply:
        """Return the summaries of all applications, in an object."""
        return {
            "result": "success",
            "message": "Successfully fetched list of applications",
            "models": self.list_all(name, payload, headers),
        }

    def _summary(self, name: str, application: Application) -> Mapping[str, object]:
        detailed: Mapping[str, Any] = self.statuses.get(name, status(NO_HOSTS))
        state = detailed["status"]
        deployed = application.deployed_manifest
        return {
            "name": application.name,
            "version": application.current_version,
            "description": application.current["metadata"].get("annotations", {}).get("description"),
            "deployed_version": None if deployed is None else version(deployed),
            "detailed_status": detailed,
            "status": "undeployed" if state["type"] == "waiting" else state["type"],
            "status_message": state.get("message", ""),
        }

    def versions(self, name: str, _: bytes, __: Mapping[str, str]) -> Reply:
        """Return the versions of an application."""
        application = self._find(name)
        if application is None:
            text = f"Application with the name {name} not found"
            return {"result": "notfound", "message": text, "versions": []}
        versions = [
            {"version": found, "deployed": found == application.deployed} for found in application.versions
        ]
        text = f"Successfully fetched versions for application {name}"
        return {"result": "success", "message": text, "versions": versions}

    def status(self, name: str, _: bytes, __: Mapping[str, str]) -> Reply:
        """Return the last status of an application."""
        text = f"Successfully fetched status for application {name}"
        found = self.statuses.get(name, status(State("undeployed")))
        return {"result": "ok", "message": text, "status": found}

    def deploy(self, name: str, payload: bytes, _: Mapping[str, str]) -> Reply:
        """Deploy a version of an application."""
        wanted = read_version(payload, "deploy")
        application = self._find(name)
        if application is None:
            text = f"Application with the name {name} not found"
            return {"result": "notfound", "message": text, "name": name, "version": wanted}
        manifest = application.find(wanted)
        if manifest is None:
            text = f"Application with the name '{name}' does not have a version '{wanted}' to deploy"
            return {"result": "error", "message": text, "name": name, "version": wanted}
        self._check_ids(name, manifest)
        missing = missing_components(manifest, shared_components(self.applications.values()))
        if missing:
            names = ", ".join(quoted(component["name"]) for component in missing)
            raise Refused(
                f"Application contains shared components that are not deployed in other applications: [{names}]"
            )
        application.deploy(wanted)
        self.worker.publish_manifest(manifest)
        deployed = application.deployed
        text = f"Successfully deployed application {name} {deployed}"
        return {"result": "acknowledged", "message": text, "name": name, "version": deployed}

    def _check_ids(self, name: str, manifest: Manifest) -> None:
        """Refuse a manifest with an id that another deployed application names."""
        owners = {
            component["properties"]["id"]: other.name
            for other in self.applications.values()
            if other.name != name and other.deployed_manifest is not None
            for component in other.deployed_manifest["spec"]["components"]
            if "id" in component["properties"]
        }
        for component in manifest["spec"]["components"]:
            given = component["properties"].get("id")
            if given in owners:
                raise Refused(
                    f"Component identifier '{given}' is already deployed in a different application "
                    f"'{owners[given]}'."
                )

    def undeploy(self, name: str, payload: bytes, _: Mapping[str, str]) -> Reply:
        """Undeploy an application."""
        read_version(payload, "undeploy")
        application = self._find(name)
        if application is None:
            text = f"Application with the name {name} not found"
            return {"result": "notfound", "message": text, "name": name, "version": None}
        text = f"Successfully undeployed application {name}"
        if application.deployed is None:
            text = f"Application {name} was already undeployed"
        application.deployed = None
        self.worker.unpublish_manifest(name)
        return {"result": "acknowledged", "message": text, "name": name, "version": None}

    def delete(self, name: str, payload: bytes, _: Mapping[str, str]) -> Reply:
        """Delete a version of an application, or all of them."""
        wanted = read_version(payload, "delete")
        if not _is_key(name):
            text = f"{_STORAGE_ERROR} while fetching manifest data for application {name}"
            return {"result": "error", "message": text, "undeploy": False}
        reply = self._deleted(name, wanted)
        # wadm undeploys also where there was nothing to delete, even if another version is deployed.
        if reply["undeploy"] or reply["result"] == "noop":
            self.worker.unpublish_manifest(name)
        return reply

    def _deleted(self, name: str, wanted: str | None) -> Mapping[str, object]:
        application = self.applications.get(name)
        if application is None:
            text = f"Application {name} doesn't exist or was already deleted"
            return {"result": "noop", "message": text, "undeploy": False}
        if wanted is None:
            del self.applications[name]
            text = f"Successfully deleted application {name}"
            return {"result": "deleted", "message": text, "undeploy": True}
        if application.versions.pop(wanted, None) is None:
            return {
                "result": "noop",
                "message": f"Application version {wanted} doesn't exist",
                "undeploy": False,
            }
        if not application.versions:
            del self.applications[name]
            text = f"Successfully deleted last version of application {name}"
            return {"result": "deleted", "message": text, "undeploy": True}
        undeploy = application.deployed == wanted
        if undeploy:
            application.deployed = None
        text = f"Successfully deleted version {wanted} of application {name}"
        return {"result": "deleted", "message": text, "undeploy": undeploy}

    def history(self, _: str, __: bytes, ___: Mapping[str, str]) -> Reply:
        """Refuse: wadm keeps no history."""
        raise Refused(
            "Model deployment history is not currently supported. It may be added in a future version"
        )


_STORAGE_ERROR = "Internal storage error"


def _is_key(name: str) -> bool:
    """Return whether a name can be a key in JetStream, where wadm stores manifests."""
    return re.fullmatch(r"[-/_=.a-zA-Z0-9]+", name) is not None


_LONG_SUBJECT = (
    "Invalid subject: Found extra components of subject, ensure your manifest name consists of only alphanumeric "
    "characters, dashes, and underscores."
)

_Serve = Callable[[Api, str, bytes, Mapping[str, str]], Reply]

# The keys: the operation in the subject, and whether a name follows it.
_OPERATIONS: dict[tuple[str, bool], _Serve] = {
    ("put", False): Api.put,
    ("list", False): Api.list_all,
    ("get", False): Api.get_all,
    ("get", True): Api.get,
    ("versions", True): Api.versions,
    ("status", True): Api.status,
    ("deploy", True): Api.deploy,
    ("undeploy", True): Api.undeploy,
    ("del", True): Api.delete,
    ("history", True): Api.history,
}


def encode(reply: object) -> bytes:
    """Return the payload of a reply or a status."""
    return json.dumps(reply, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
