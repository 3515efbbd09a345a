"""Bytes become a value or a DecodeError, and nothing between."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import datetime, timedelta, timezone
from typing import Any

import attrs
import pytest

from wasmcloud_ctl import (
    ComponentAuctionAck,
    ComponentDescription,
    ConfigSet,
    CtlResponse,
    DecodeError,
    Event,
    Host,
    HostInventory,
    InvalidArgument,
    Link,
    ProviderAuctionAck,
    ProviderStartFailed,
    RegistryCredential,
    ScaleComponentCommand,
    StopHostCommand,
)
from wasmcloud_ctl._protocol import cloud_events as _cloud_events
from wasmcloud_ctl._protocol import codec as _codec
from wasmcloud_ctl._protocol.codec import InvalidJson

HOST_ID = "N" + "A" * 55


def reply(response: Any) -> bytes:
    return json.dumps({"success": True, "message": "", "response": response}).encode()


INVENTORY = {
    "host_id": HOST_ID,
    "components": [{"id": "a", "image_ref": "r"}, {"id": "b", "image_ref": "r", "revision": 1}],
    "providers": [],
}


def with_field(path: list[Any], value: Any) -> bytes:
    inventory = json.loads(json.dumps(INVENTORY))
    place = inventory
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return reply(inventory)


@pytest.mark.parametrize(
    ("path", "value", "where", "words"),
    [
        (["host_id"], None, "$.response.host_id", "expected a string, found null"),
        (["host_id"], 5, "$.response.host_id", "expected a string, found a number"),
        (["components", 0, "name"], 5, "$.response.components[0].name", "expected a string, found a number"),
        (["labels"], {"zone": 1}, "$.response.labels['zone']", "expected a string, found a number"),
        (["labels"], None, "$.response.labels", "expected an object, found null"),
        (["labels"], [], "$.response.labels", "expected an object, found a list"),
        (["components"], "abc", "$.response.components", "expected a list, found a string"),
        (["components"], {}, "$.response.components", "expected a list, found an object"),
        (["components"], None, "$.response.components", "expected a list, found null"),
        (["components", 1], "x", "$.response.components[1]", "expected an object, found a string"),
        (["components", 1], {"id": "b"}, "$.response.components[1].image_ref", "the field is missing"),
        (
            ["components", 0, "annotations"],
            [],
            "$.response.components[0].annotations",
            "expected an object, found a list",
        ),
        (
            ["components", 0, "annotations"],
            {"team": 1},
            "$.response.components[0].annotations['team']",
            "expected a string, found a number",
        ),
        (
            ["components", 1, "revision"],
            "1",
            "$.response.components[1].revision",
            "expected a whole number, found a string",
        ),
        (
            ["components", 1, "revision"],
            True,
            "$.response.components[1].revision",
            "expected a whole number, found a boolean",
        ),
        (
            ["components", 0, "max_instances"],
            -1,
            "$.response.components[0].max_instances",
            "expected 0 to 4294967295, found -1",
        ),
        (
            ["components", 0, "max_instances"],
            1.0,
            "$.response.components[0].max_instances",
            "expected a whole number, found a number",
        ),
        (["uptime_seconds"], 2**64, "$.response.uptime_seconds", f"expected 0 to {2**64 - 1}, found {2**64}"),
    ],
)
def test_a_wrong_type_is_an_error_with_its_place(path: list[Any], value: Any, where: str, words: str) -> None:
    """A value of another type is refused, as serde refuses it, with its path, the reason and the bytes."""
    raw = with_field(path, value)

    with pytest.raises(DecodeError) as caught:
        _codec.decode_response(raw, HostInventory)

    assert caught.value.path == where
    assert str(caught.value) == f"the reply does not fit at {where}: {words}"
    assert caught.value.raw == raw
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize("missing", ["host_id", "components", "providers"])
def test_an_inventory_without_its_essentials_does_not_decode(missing: str) -> None:
    """An inventory without its id, components or providers is an error, not an empty inventory."""
    inventory = {key: value for key, value in INVENTORY.items() if key != missing}

    with pytest.raises(DecodeError) as caught:
        _codec.decode_response(reply(inventory), HostInventory)

    assert caught.value.path == f"$.response.{missing}"


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b'{"success": false, "error": "key must be a string"}', "key must be a string"),
        (b'{"success": false, "message": "", "error": "no"}', "no"),
        (b'{"success": false, "message": "refused", "error": "no"}', "refused"),
        (b'{"success": false, "error": 5}', ""),
        (b'{"success": true, "error": "no"}', ""),
    ],
)
def test_a_refusal_that_a_host_could_not_encode_keeps_its_reason(raw: bytes, message: str) -> None:
    """A host that cannot encode its refusal sends the reason as ``error``, without a message."""
    assert _codec.decode_response(raw, None).message == message


@pytest.mark.parametrize("kind", [ComponentAuctionAck, ProviderAuctionAck])
def test_a_bid_with_missing_fields_decodes(
    kind: type[ComponentAuctionAck] | type[ProviderAuctionAck],
) -> None:
    """As in the Rust client, each field of a bid has a default."""
    assert _codec.decode_response(reply({}), kind).data == kind()
    assert _codec.decode_response(reply({"host_id": HOST_ID}), kind).data == kind(host_id=HOST_ID)


def test_a_host_without_its_id_does_not_decode() -> None:
    """A host's id has no default."""
    with pytest.raises(DecodeError) as caught:
        _codec.decode_response(reply({"friendly_name": "x"}), Host)

    assert caught.value.path == "$.response.id"


def test_what_an_old_host_leaves_out_has_defaults_and_actors_are_components() -> None:
    """An old host calls its components actors and leaves out what it does not know."""
    old = {"host_id": HOST_ID, "actors": [{"id": "a", "image_ref": "r"}], "providers": []}

    inventory = _codec.decode_response(reply(old), HostInventory).data

    assert inventory == HostInventory(
        host_id=HOST_ID, components=(ComponentDescription(id="a", image_ref="r"),), providers=()
    )


def test_unknown_fields_are_ignored() -> None:
    """What newer hosts send more of does no harm, anywhere."""
    newer = {"id": HOST_ID, "colour": "blue", "labels": {"a": "b"}}
    raw = json.dumps({"success": True, "message": "m", "response": newer, "trace": [1]}).encode()

    assert _codec.decode_response(raw, Host) == CtlResponse(
        succeeded=True, message="m", data=Host(id=HOST_ID, labels={"a": "b"})
    )


def test_an_empty_source_id_that_a_host_has_stored_decodes() -> None:
    """What is refused when it is sent is taken when it arrives."""
    stored = {"source_id": "", "target": "t", "wit_namespace": "n", "wit_package": "p", "interfaces": ["i"]}

    assert _codec.decode_response(reply([stored]), list[Link]).data == [Link("", "t", "n", "p", ["i"])]


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "the reply is not valid JSON: Expecting value (line 1, column 1)"),
        (b"{oops", None),
        (b'{"success": true', None),
        (b"\xff\xfe", None),
        (b'{"success": NaN}', "the reply is not valid JSON: NaN is not a JSON value (line 1, column 1)"),
        (b'{"success": true, "message": "\\ud800"}', None),
        (b"[" * 100_000, "the reply is not valid JSON: nested too deeply (line 1, column 1)"),
        (
            b'{"success": true, "response": ' + b'{"a":' * 100_000,
            "the reply is not valid JSON: nested too deeply (line 1, column 1)",
        ),
        (b'{"success": true, "response": {"id": "N", "uptime_seconds": ' + b"9" * 5000 + b"}}", None),
        (b"[]", "the reply does not fit at $: expected an object, found a list"),
        (b'{"message": ""}', "the reply does not fit at $.success: the field is missing"),
        (b'{"success": "false"}', "the reply does not fit at $.success: expected a boolean, found a string"),
        (b'{"success": 1}', "the reply does not fit at $.success: expected a boolean, found a number"),
        (
            b'{"success": true, "message": null}',
            "the reply does not fit at $.message: expected a string, found null",
        ),
    ],
)
def test_what_is_no_reply_is_an_error(raw: bytes, words: str | None) -> None:
    """Bytes that are no reply make a DecodeError and nothing else, with the bytes in it."""
    with pytest.raises(DecodeError) as caught:
        _codec.decode_response(raw, Host)

    assert caught.value.raw == raw
    if words is not None:
        assert str(caught.value) == words


def test_a_decode_error_pickles_with_all_it_knows() -> None:
    """A DecodeError crosses processes with its path and its bytes."""
    error = DecodeError("words", path="$.a", raw=b"\x00")

    copy = pickle.loads(pickle.dumps(error))

    assert (type(copy), str(copy), copy.path, copy.raw) == (DecodeError, "words", "$.a", b"\x00")


def test_what_is_none_is_left_out_and_nothing_else_is() -> None:
    """Optional fields are absent rather than null; a default that the wire needs is sent."""
    scale = ScaleComponentCommand(component_ref="r", component_id="c", host_id="h", max_instances=0)

    assert json.loads(_codec.encode(scale)) == {
        "component_ref": "r",
        "component_id": "c",
        "host_id": "h",
        "count": 0,
        "config": [],
        "allow_update": False,
    }
    assert json.loads(_codec.encode(StopHostCommand(host_id="h"))) == {"host_id": "h"}
    assert json.loads(_codec.encode({"ghcr.io": RegistryCredential(token="t")})) == {
        "ghcr.io": {"token": "t", "registryType": "oci"}
    }


def test_text_is_sent_as_utf8() -> None:
    """Characters beyond ASCII travel as themselves."""
    assert _codec.encode({"π": "ünï"}) == '{"π":"ünï"}'.encode()


def test_half_a_surrogate_pair_cannot_be_sent_and_is_not_shown() -> None:
    """A string without UTF-8 is the caller's mistake; the message does not quote what may be a secret."""
    with pytest.raises(InvalidArgument) as caught:
        _codec.encode({"password": "hunter2\ud800"})

    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def cloud_event(**changes: Any) -> bytes:
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": HOST_ID,
        "type": "com.wasmcloud.lattice.config_set",
        "datacontenttype": "application/json",
        "time": "2026-11-22T14:39:51.156145042Z",
        "data": {"config_name": "web"},
    }
    event.update(changes)
    return json.dumps(event).encode()


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-22T14:39:51.156145042Z", datetime(2026, 11, 22, 14, 39, 51, 156145, timezone.utc)),
        ("2026-11-22T14:39:51Z", datetime(2026, 11, 22, 14, 39, 51, 0, timezone.utc)),
        ("2026-11-22t14:39:51.1z", datetime(2026, 11, 22, 14, 39, 51, 100000, timezone.utc)),
        (
            "2026-11-22T14:39:51.5+02:30",
            datetime(2026, 11, 22, 14, 39, 51, 500000, timezone(timedelta(hours=2, minutes=30))),
        ),
        (
            "2026-11-22T14:39:51.5-02:30",
            datetime(2026, 11, 22, 14, 39, 51, 500000, timezone(-timedelta(hours=2, minutes=30))),
        ),
    ],
)
def test_an_events_time_knows_its_zone(text: str, time: datetime) -> None:
    """Times by RFC 3339 become datetimes with their zone; of nine decimals six are kept."""
    assert _cloud_events.decode_event(cloud_event(time=text), "default").time == time


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"time": "yesterday"}, "$.time"),
        ({"time": "2026-13-22T14:39:51Z"}, "$.time"),
        ({"time": "2026-11-22T14:39:51"}, "$.time"),
        ({"time": "2026-11-22T24:00:00Z"}, "$.time"),
        ({"time": "2026-11-22T14:39:51+24:00"}, "$.time"),
        ({"time": "2026-11-22T14:39:51+01:60"}, "$.time"),
        ({"id": 5}, "$.id"),
        ({"source": None}, "$.source"),
        ({"data": {"config_name": 1}}, "$.data.config_name"),
        ({"data": {}}, "$.data.config_name"),
        ({"data": []}, "$.data"),
        ({"type": "com.wasmcloud.lattice.unheard_of", "data": []}, "$.data"),
    ],
)
def test_an_event_that_does_not_fit_is_an_error(changes: dict[str, Any], where: str) -> None:
    """An event with a wrong type in its envelope or in data of a known kind does not decode."""
    with pytest.raises(DecodeError) as caught:
        _cloud_events.decode_event(cloud_event(**changes), "default")

    assert caught.value.path == where


def test_an_event_of_an_unknown_kind_has_its_data_as_a_dict() -> None:
    """A kind that is not known is handed out all the same."""
    event = _cloud_events.decode_event(
        cloud_event(type="com.wasmcloud.lattice.new_thing", data={"a": [1]}), "blue"
    )

    assert (event.name, event.data, event.lattice) == ("new_thing", {"a": [1]}, "blue")


def test_a_host_that_does_not_name_itself_in_a_failure_is_the_source_of_the_event() -> None:
    """Hosts before 1.5.1 publish ``provider_start_failed`` without ``host_id``. The event's dict has none, either."""
    data = {
        "provider_id": "http",
        "provider_ref": "file:///http.par",
        "error": "gone",
        "link_name": "default",
    }

    event = _cloud_events.decode_event(
        cloud_event(type="com.wasmcloud.lattice.provider_start_failed", data=data), "blue"
    )

    assert event.data == ProviderStartFailed(host_id=HOST_ID, **data)
    assert event.to_dict()["data"] == data


def duplicated(event: Event) -> list[Event]:
    """The event, and copies of each kind."""
    return [event, copy.copy(event), copy.deepcopy(event), pickle.loads(pickle.dumps(event))]


def test_a_dict_of_an_event_that_was_received_has_the_fields_of_the_wire() -> None:
    """The data has unknown fields, and no absent ones; so have copies and pickles. Each dict is a new one."""
    data = {"source_id": "a", "wit_namespace": "wasi", "wit_package": "http", "newer": {"b": [1.5, None]}}
    received = _cloud_events.decode_event(
        cloud_event(type="com.wasmcloud.lattice.linkdef_deleted", data=data), "blue"
    )

    for event in duplicated(received):
        assert event.to_dict() == {
            "id": "1",
            "source": HOST_ID,
            "type": "com.wasmcloud.lattice.linkdef_deleted",
            "name": "linkdef_deleted",
            "time": "2026-11-22T14:39:51.156145+00:00",
            "lattice": "blue",
            "data": data,
        }
        assert event.wire_data == data
        assert event == received
        event.to_dict()["data"].clear()  # type: ignore[attr-defined]  # its type says object: the test knows that it is a dict
        assert event.to_dict()["data"] == data


def test_a_dict_of_an_event_that_was_changed_has_the_attributes_of_its_data() -> None:
    """What arrived says nothing about an event that a program has made from another one."""
    received = _cloud_events.decode_event(cloud_event(data={"config_name": "web", "newer": 1}), "default")

    changed = attrs.evolve(received, data=ConfigSet(config_name="db"))

    assert (changed.wire_data, changed.to_dict()["data"]) == (None, {"config_name": "db"})


def test_events_are_equal_whatever_else_their_hosts_sent() -> None:
    """Events compare, hash and show without ``wire_data``, so a made one can equal one that was received."""
    received = _cloud_events.decode_event(cloud_event(data={"config_name": "web", "newer": 1}), "default")
    made = Event(
        id=received.id,
        source=received.source,
        type=received.type,
        name=received.name,
        time=received.time,
        lattice=received.lattice,
        data=ConfigSet(config_name="web"),
    )

    assert received == made
    assert len({received, made}) == 1
    assert repr(received) == repr(made)
    assert received != attrs.evolve(made, lattice="blue")
    assert received != "an event"


@pytest.mark.parametrize(
    ("content", "reason", "line", "column"),
    [
        (b'{\n"seed": "SECRET",,}', "Expecting property name enclosed in double quotes", 2, 18),
        ('{"seed": "SECRET"', "Expecting ',' delimiter", 1, 18),
        (b'{\n"seed": "SECRET\xff"}', "not UTF-8", 2, 1),
        ('{"seed": "SECRET\\ud800"}', "a string holds half of a surrogate pair", 1, 1),
        ("Infinity", "Infinity is not a JSON value", 1, 1),
    ],
)
def test_an_error_about_json_has_its_place_and_nothing_of_the_text(
    content: bytes | str, reason: str, line: int, column: int
) -> None:
    """A file may hold secrets, so neither the error nor what is chained to it quotes any of it."""
    with pytest.raises(InvalidJson) as caught:
        _codec.parse_json(content)

    assert (str(caught.value), caught.value.line, caught.value.column) == (reason, line, column)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
