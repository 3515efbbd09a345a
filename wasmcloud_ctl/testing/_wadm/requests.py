"""Read the requests to wadm's API, apart from manifests, in wadm's words."""

from __future__ import annotations

from wasmcloud_ctl.testing._wadm.deserializing import Problem, Struct, maybe, text
from wasmcloud_ctl.testing._wadm.json_source import debugged, parse_json
from wasmcloud_ctl.testing._wadm.reading import Refused

_STRUCTS = {
    "get": Struct("GetModelRequest", (maybe("version", text),)),
    "deploy": Struct("DeployModelRequest", (maybe("version", text),)),
    "undeploy": Struct("UndeployModelRequest", ()),
    "delete": Struct("DeleteModelRequest", (maybe("version", text, positional=True),)),
}


def read_version(payload: bytes, operation: str) -> str | None:
    """Return the version that a request names. None if it names none, and for an empty payload.

    Args:
        payload: The payload: JSON.
        operation: What wadm calls the operation in its messages.

    Raises:
        Refused: The payload is not such a request.
    """
    if not payload:
        return None
    try:
        version: str | None = parse_json(payload, _STRUCTS[operation], streamed=True).get("version")
    except Problem as problem:
        raise Refused(f"Unable to parse {operation} application request: {debugged(problem)}") from problem
    return version
