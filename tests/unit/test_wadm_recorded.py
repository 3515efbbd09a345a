"""What a real wadm answered and published passes through the codec, and what it cannot bear is not sent."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from recorded import wadm_runs

from wasmcloud_ctl._protocol import codec, manifest_codec, wadm_replies
from wasmcloud_ctl.exceptions import InvalidArgument, NotFound, OperationRejected

REPLY_TYPES: dict[str, Any] = {
    "put": wadm_replies.PutReply,
    "get": wadm_replies.GetReply,
    "versions": wadm_replies.VersionsReply,
    "status": wadm_replies.StatusReply,
    "deploy": wadm_replies.DeployReply,
    "undeploy": wadm_replies.UndeployReply,
    "del": wadm_replies.DeleteReply,
}

REFUSALS = {"error": OperationRejected, "notfound": NotFound}

RUNS = [pytest.param(lines, id=run) for run, lines in wadm_runs().items()]

Line = dict[str, Any]


@pytest.mark.parametrize("lines", RUNS)
def test_every_answer_decodes(lines: list[Line]) -> None:
    """Each answer decodes to what its JSON says, or raises the error for its result."""
    for line in lines:
        operation, _, name = line.get("request", "list").partition(".")
        if operation == "list" or line["answer"] is None:
            continue  # the client does not ask for the older list; and a wadm that has ended does not answer
        expected = json.loads(line["answer"])
        kind: Any = REPLY_TYPES.get(operation)
        if operation == "get" and not name:
            kind = wadm_replies.ListReply
        refusal = REFUSALS.get(expected["result"])
        if refusal is not None:
            with pytest.raises(refusal, match=re.escape(expected["message"])):
                wadm_replies.decode_reply(line["answer"].encode(), kind)
            continue

        reply = wadm_replies.decode_reply(line["answer"].encode(), kind)

        assert essence(json.loads(codec.encode(reply))) == essence(expected)


@pytest.mark.parametrize("lines", RUNS)
def test_every_status_decodes(lines: list[Line]) -> None:
    """Each status that was published decodes to what its JSON says."""
    for line in lines:
        if "status" not in line:
            continue
        expected = json.loads(line["message"])
        name = line["status"].rpartition(".")[2]

        changed = wadm_replies.decode_status(line["message"].encode(), name)

        assert changed.name == name
        assert essence(json.loads(codec.encode(changed.status))) == essence(expected)


def test_what_ends_a_wadm_is_not_sent() -> None:
    """Each manifest at which a real wadm panics and ends is refused before it is sent."""
    fatal = [line for lines in wadm_runs().values() for line in lines if line.get("answer", "") is None]
    fatal = [line for line in fatal if line["request"] == "put"]
    assert len(fatal) == 9

    for line in fatal:
        with pytest.raises(InvalidArgument):
            manifest_codec.encode_manifest(json.loads(line["payload"]))


def essence(value: Any) -> Any:
    """JSON of wadm without the deprecated fields, which the client does not keep, and without what is empty."""
    if isinstance(value, list):
        return [essence(item) for item in value]
    if not isinstance(value, dict):
        return value
    deprecated = {"status", "status_message"} if "detailed_status" in value else set()
    if "components" in value and "status" in value:
        deprecated = {"version", "components"}
    return {
        key: essence(item)
        for key, item in value.items()
        if key not in deprecated and item not in (None, "", [])
    }
