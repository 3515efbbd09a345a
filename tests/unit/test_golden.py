"""What two real hosts said, and what they were asked, passes through the codec."""

from __future__ import annotations

import json
from typing import Any

import pytest
from recorded import REPLY_TYPES, VERSIONS, cases, operation

from wasmcloud_ctl import models
from wasmcloud_ctl._protocol import cloud_events as _cloud_events
from wasmcloud_ctl._protocol import codec as _codec
from wasmcloud_ctl.events import DATA_BY_NAME

ALL = [pytest.param(case, id=f"{version} {case['case']}") for version in VERSIONS for case in cases(version)]

COMMAND_TYPES: dict[str, Any] = {
    "component.auction": models.ComponentAuctionRequest,
    "provider.auction": models.ProviderAuctionRequest,
    "component.scale": models.ScaleComponentCommand,
    "component.update": models.UpdateComponentCommand,
    "provider.start": models.StartProviderCommand,
    "provider.stop": models.StopProviderCommand,
    "host.stop": models.StopHostCommand,
    "link.put": models.Link,
    "link.del": dict[str, str],
    "config.put": dict[str, str],
    "label.put": dict[str, str],
    "label.del": dict[str, str],
    "registry.put": dict[str, models.RegistryCredential],
}

# What a host takes to be said where a command does not say it: the defaults of the protocol.
DEFAULTS: dict[str, dict[str, Any]] = {
    "component.scale": {"config": [], "allow_update": False},
    "provider.start": {"config": []},
    "link.put": {"name": "default", "source_config": [], "target_config": []},
}

# What was sent to hosts only to hear what they say to it: malformed, with fields missing, in another form.
SENT_BY_NO_CLIENT = {
    "get_hosts payload is ignored": "a ping has no payload",
    "component_auction missing field": "without a reference",
    "component_auction no constraints field": "a client sends an empty map",
    "scale_component missing fields": "without a reference, a count and a host",
    "scale_component not json": "not JSON",
    "put_link missing fields": "with nothing but a source",
    "delete_link no name": "a client names the link",
    "put_config not strings": "with a number for a value",
    "put_config no payload": "a client sends a map",
    "delete_label": "with a value, which another form of the command has",
    "put_registries snake case type": "with the other name of the type",
    "put_registries malformed": "with a number for a credential",
    "unsupported operation": "no operation",
    "stop_host malformed": "not JSON",
}


@pytest.mark.parametrize("version", VERSIONS)
def test_all_versions_have_the_same_cases(version: str) -> None:
    """The recordings of all versions have the same 88 cases, each once."""
    names = [case["case"] for case in cases(version)]

    assert names == [case["case"] for case in cases("1.9.2")]
    assert len(names) == len(set(names)) == 88


@pytest.mark.parametrize("case", ALL)
def test_every_reply_decodes(case: dict[str, Any]) -> None:
    """Each reply of a real host decodes, to what its JSON says."""
    for reply in case["replies"]:
        if "json" not in reply:
            assert reply["headers"]["Status"] == "503"
            continue
        raw = json.dumps(reply["json"]).encode()

        response = _codec.decode_response(raw, REPLY_TYPES.get(operation(case)))

        assert response.succeeded is reply["json"]["success"]
        assert response.message == reply["json"]["message"]
        expected = reply["json"].get("response")
        assert without_nulls(json.loads(_codec.encode(response.data))) == without_nulls(expected)


@pytest.mark.parametrize("case", ALL)
def test_every_event_decodes(case: dict[str, Any]) -> None:
    """Each event of a real host decodes to the class of its kind, with all that its JSON says."""
    for event in case["events"]:
        envelope = event["data"]

        decoded = _cloud_events.decode_event(json.dumps(envelope).encode(), "default")

        assert decoded.id == envelope["id"]
        assert decoded.source == envelope["source"]
        assert decoded.type == envelope["type"]
        assert decoded.name == event["subject"].rpartition(".")[2]
        assert decoded.time.isoformat()[:26] == envelope["time"][:26]
        assert type(decoded.data) is DATA_BY_NAME[decoded.name]
        expected = envelope["data"]
        if decoded.name == "provider_start_failed":
            expected = {
                "host_id": envelope["source"],
                **expected,
            }  # hosts before 1.5.1 do not name themselves
        assert without_nulls(json.loads(_codec.encode(decoded.data))) == without_nulls(expected)
        assert decoded.to_dict()["data"] == envelope["data"]


@pytest.mark.parametrize("case", ALL)
def test_every_command_encodes_to_what_was_sent(case: dict[str, Any]) -> None:
    """Each command encodes to the JSON that was sent, once defaults are filled in on both sides; but for the
    listed ones, which no client sends."""
    request = case["request"]
    if case["case"] in SENT_BY_NO_CLIENT:
        return
    if not request:
        assert operation(case) not in COMMAND_TYPES
        return
    sent = json.loads(request)
    defaults = DEFAULTS.get(operation(case), {})
    raw, what = request.encode(), "the command"
    command = _codec.structure(_codec.load(raw, what), COMMAND_TYPES[operation(case)], "$", raw, what)

    encoded = json.loads(_codec.encode(command))

    assert {**defaults, **encoded} == {**defaults, **sent}


def test_the_list_of_what_no_client_sends_has_no_others() -> None:
    """Each name in the list is a case of all captures."""
    for version in VERSIONS:
        names = {case["case"] for case in cases(version)}
        assert set(SENT_BY_NO_CLIENT) <= names


def without_nulls(value: Any) -> Any:
    """The JSON without the fields that are null: in an answer, absent ones mean the same."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value
