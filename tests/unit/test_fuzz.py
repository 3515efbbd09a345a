"""Whatever there is: models round-trip, bytes become values or a DecodeError, strings make no other tokens."""

from __future__ import annotations

import enum
import functools
import json
import random
import time
import types
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Annotated, Any, Union, get_args, get_origin

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wasmcloud_ctl import (
    DecodeError,
    InvalidArgument,
    NotFound,
    OperationRejected,
    events,
    models,
)
from wasmcloud_ctl._protocol import cloud_events as _cloud_events
from wasmcloud_ctl._protocol import codec as _codec
from wasmcloud_ctl._protocol import jetstream, wadm_replies
from wasmcloud_ctl._protocol.subjects import Subjects
from wasmcloud_ctl.events import Event, Gap
from wasmcloud_ctl.models import CtlResponse, Inventories, Range, Replies, Undecodable

# Nothing in here is slow by itself; a busy machine is no failure.
relaxed = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))

MODELS: tuple[type[Any], ...] = tuple(
    kind
    for module in (models, events)
    for kind in vars(module).values()
    if isinstance(kind, type)
    and attrs.has(kind)
    and kind.__module__ == module.__name__
    and kind not in (CtlResponse, Event, Gap, Inventories, Range, Replies, Undecodable)
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
string_maps = st.dictionaries(texts, texts, max_size=3)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a field's type."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is str:
        return texts
    if kind is int:
        return st.integers(0, 2**32 - 1)
    if kind is bool:
        return st.booleans()
    if origin is Annotated:
        allowed = next(argument for argument in arguments if isinstance(argument, Range))
        return st.integers(allowed.low, allowed.high)
    if origin in (Union, types.UnionType):
        return st.one_of(*(st.none() if part is type(None) else values(part) for part in arguments))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return string_maps
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return st.lists(values(arguments[0]), max_size=3).map(tuple)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return st.sampled_from(kind)
    return instances(kind)


def instances(kind: type[Any]) -> st.SearchStrategy[Any]:
    """Instances of a model, with any value of its type in each field."""
    fields = attrs.fields(attrs.resolve_types(kind, include_extras=True))
    return st.builds(
        kind, **{field.alias or field.name: values(field.type) for field in fields if field.init is not False}
    )


@pytest.mark.parametrize("kind", MODELS, ids=lambda kind: str(kind.__name__))
def test_every_model_round_trips(kind: type[Any]) -> None:
    """What is encoded decodes to its equal, and encodes to the same bytes again."""

    @relaxed
    @given(instances(kind))
    def check(value: Any) -> None:
        raw = _codec.encode(value)
        again = _codec.structure(_codec.load(raw, "the message"), kind, "$", raw, "the message")
        assert again == value
        assert _codec.encode(again) == raw

    check()


# What stands for a reply, an event, and the answers of JetStream: each decoder with what it makes of bytes.
DECODERS: tuple[Callable[[bytes], object], ...] = (
    lambda raw: _codec.decode_response(raw, None),
    lambda raw: _codec.decode_response(raw, models.Host),
    lambda raw: _codec.decode_response(raw, models.HostInventory),
    lambda raw: _codec.decode_response(raw, models.ComponentAuctionAck),
    lambda raw: _codec.decode_response(raw, models.ProviderAuctionAck),
    lambda raw: _codec.decode_response(raw, list[models.Link]),
    lambda raw: _codec.decode_response(raw, list[dict[str, str]]),
    lambda raw: _codec.decode_response(raw, dict[str, str]),
    lambda raw: _cloud_events.decode_event(raw, "default"),
    lambda raw: wadm_replies.decode_status(raw, "shop"),
    *(
        functools.partial(wadm_replies.decode_reply, kind=kind)
        for kind in (
            wadm_replies.PutReply,
            wadm_replies.ListReply,
            wadm_replies.GetReply,
            wadm_replies.VersionsReply,
            wadm_replies.StatusReply,
            wadm_replies.DeployReply,
            wadm_replies.UndeployReply,
            wadm_replies.DeleteReply,
        )
    ),
    lambda raw: jetstream.decode_stream_info(raw),
    lambda raw: jetstream.decode_holds_value(raw),
)


def decode_all(raw: bytes) -> tuple[int, int]:
    """How many decoders made a value of the bytes, and how many said that they could not."""
    made = refused = 0
    for decode in DECODERS:
        try:
            decode(raw)
        except DecodeError as error:
            refused += error.raw == raw
        except (OperationRejected, NotFound):
            made += 1  # a "no" of JetStream or wadm is an answer
        else:
            made += 1
    return made, refused


@relaxed
@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_a_decode_error(raw: bytes) -> None:
    """No bytes make another exception."""
    made, refused = decode_all(raw)
    assert made + refused == len(DECODERS)


@relaxed
@given(st.booleans() | anything, texts | anything, anything)
def test_any_json_is_a_value_or_a_decode_error(success: Any, message: Any, response: Any) -> None:
    """No JSON in a reply's shape makes another exception."""
    raw = json.dumps({"success": success, "message": message, "response": response}).encode()
    assert sum(decode_all(raw)) == len(DECODERS)


GOOD = [
    json.dumps(
        {
            "success": True,
            "message": "",
            "response": {
                "host_id": "N" + "A" * 55,
                "id": "N" + "A" * 55,
                "friendly_name": "purple-wood-1234",
                "labels": {"zone": "z1\\u00e9"},
                "uptime_seconds": 5,
                "components": [{"id": "a", "image_ref": "r", "max_instances": 5, "annotations": {"a": "b"}}],
                "providers": [{"id": "p", "image_ref": "r"}],
            },
        }
    ).encode(),
    json.dumps(
        {
            "success": True,
            "message": "",
            "response": [
                {
                    "source_id": "a",
                    "target": "b",
                    "name": "default",
                    "wit_namespace": "wasi",
                    "wit_package": "http",
                    "interfaces": ["incoming-handler"],
                    "source_config": [],
                    "target_config": ["x"],
                }
            ],
        }
    ).encode(),
    json.dumps(
        {
            "specversion": "1.0",
            "id": "1",
            "source": "N",
            "type": "com.wasmcloud.lattice.component_scaled",
            "time": datetime(2025, 1, 2, 3, 4, 5, tzinfo=timezone.utc).isoformat(),
            "data": {
                "component_id": "a",
                "host_id": "N",
                "image_ref": "r",
                "max_instances": 3,
                "annotations": {},
            },
        }
    ).encode(),
    json.dumps(
        {
            "result": "ok",
            "message": "",
            "status": {
                "status": {"type": "reconciling", "message": "Scaling component on 1 host(s)"},
                "scalers": [{"id": "a", "kind": "SpreadScaler", "name": "b", "status": {"type": "failed"}}],
            },
            "versions": [{"version": "v1", "deployed": True}],
            "models": [{"name": "shop", "version": "v1"}],
            "manifest": {"kind": "Application"},
            "name": "shop",
            "version": "v1",
            "current_version": "v1",
            "total_versions": 1,
        }
    ).encode(),
    b'{"type":"t","total":1,"state":{"subjects":{"$KV.x.y":1}},"message":{"hdrs":"TkFUUy8xLjANCg=="}}',
]


@pytest.mark.parametrize("raw", GOOD, ids=["inventory", "links", "event", "wadm", "JetStream"])
def test_with_any_byte_flipped_it_is_a_value_or_a_decode_error(raw: bytes) -> None:
    """Every byte in turn, with each bit of it flipped, and with all of them."""
    for place in range(len(raw)):
        for mask in (1, 2, 4, 8, 16, 32, 64, 128, 255):
            decode_all(raw[:place] + bytes([raw[place] ^ mask]) + raw[place + 1 :])


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'{"success":true,"response":[', b"-", b"1", b'"\\u'])
def test_nested_as_deep_as_can_be_it_is_a_decode_error(opening: bytes) -> None:
    """100,000 of it, closed or not, end neither the process nor the call otherwise."""
    closing = {b"[": b"]", b'{"a":': b"}"}.get(opening, b"")
    for raw in (opening * 100_000, opening * 100_000 + closing * 100_000):
        _, refused = decode_all(raw)
        assert refused >= len(DECODERS) - 1


# By number, for each good message: who is to make a value of it.
MEANT_FOR = ((1, 2), (5, 6), (8,), tuple(range(10, 18)), (18, 19))


def garbled(generator: random.Random, good: bytes) -> bytes:
    """A good message with a few things wrong: bytes changed, cut out, repeated, or put in from another."""
    raw = bytearray(good)
    for _ in range(generator.randint(0, 3)):
        place = generator.randrange(len(raw) + 1)
        end = min(len(raw), place + generator.randint(0, 8))
        what = generator.randrange(5)
        if what == 0:
            del raw[place:end]
        elif what == 1:
            raw[place:place] = raw[place:end]
        elif what == 2:
            other = generator.choice(GOOD)
            start = generator.randrange(len(other))
            raw[place:end] = other[start : start + generator.randint(0, 20)]
        elif what == 3:
            raw[place:end] = generator.choice(
                (
                    b"null",
                    b"true",
                    b"1e999",
                    b"-1",
                    b"9" * 25,
                    b"[]",
                    b"{}",
                    b'""',
                    b'"\\ud800"',
                    b"NaN",
                    b'"5"',
                )
            )
        else:
            raw[place:end] = generator.randbytes(end - place)
    return bytes(raw)


def fuzz(count: int, seed: int) -> tuple[int, int]:
    generator = random.Random(seed)
    made = refused = 0
    for number in range(count):
        which = generator.randrange(len(GOOD))
        raw = garbled(generator, GOOD[which])
        decoder = generator.choice(MEANT_FOR[which]) if number % 4 else generator.randrange(len(DECODERS))
        try:
            DECODERS[decoder](raw)
        except DecodeError:
            refused += 1
        except (OperationRejected, NotFound):
            made += 1
        else:
            made += 1
    return made, refused


def test_garbled_messages_are_values_or_decode_errors() -> None:
    """20,000 messages with a few things wrong make no other exception, and both of these occur."""
    made, refused = fuzz(20_000, seed=7)

    assert made + refused == 20_000
    assert min(made, refused) > 0


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_a_million_garbled_messages_are_values_or_decode_errors() -> None:
    """1,000,000 messages with a few things wrong make no other exception."""
    started = time.monotonic()
    made, refused = fuzz(1_000_000, seed=2025)

    print(f"{made} values, {refused} DecodeErrors, {time.monotonic() - started:.0f} s")
    assert made + refused == 1_000_000
    assert min(made, refused) > 0


# Subjects -----------------------------------------------------------------------------------------------

# With what separates tokens, and what looks like it, oftener than chance would have it.
pieces = st.sampled_from(
    [".", "*", ">", " ", "\t", "\r\n", "\x00", "\u200b", "\u2028", "\ud800", "a", "N", "é", "-"]
)
strings = st.text(max_size=8) | st.lists(pieces | st.characters(), max_size=6).map("".join)


@settings(relaxed, max_examples=500)
@given(strings)
def test_no_string_makes_other_tokens_than_meant(text: str) -> None:
    """Where it is one token of a subject it is that token whole, and nothing on the wire ends before it does; else it
    is refused everywhere."""
    subjects = Subjects("wasmbus.ctl", "wasmbus.evt", "blue")
    makers: tuple[tuple[Callable[[], str], list[str]], ...] = (
        (lambda: subjects.host("host.get", text), ["wasmbus", "ctl", "v1", "blue", "host", "get", text]),
        (
            lambda: subjects.config("config.put", text),
            ["wasmbus", "ctl", "v1", "blue", "config", "put", text],
        ),
        (lambda: subjects.event(text), ["wasmbus", "evt", "blue", text]),
        (lambda: Subjects("p", "e", text).control("host.ping"), ["p", "v1", text, "host", "ping"]),
        (lambda: Subjects("p", "e", text).event("x"), ["e", text, "x"]),
        (lambda: jetstream.subject("STREAM.INFO", "s", text), ["$JS", text, "API", "STREAM", "INFO", "s"]),
    )
    taken = []
    for make, tokens in makers:
        try:
            subject = make()
        except InvalidArgument:
            taken.append(False)
            continue
        taken.append(True)
        assert subject.split(".") == tokens
        assert subject.split() == [subject]
        assert subject.encode().split() == [subject.encode()]
        if text != "*":
            assert not set(subject) & set("*> \t\r\n\0")
    # "*" is how all kinds of events are asked for, within the library.
    assert len(set(taken)) == 1 or text == "*"


@settings(relaxed, max_examples=300)
@given(strings)
def test_no_prefix_makes_empty_tokens_or_wildcards(text: str) -> None:
    """A topic or event prefix is tokens and dots between them, or refused."""
    makers: tuple[tuple[Callable[[], str], list[str]], ...] = (
        (lambda: Subjects(text, "e", "blue").control("host.ping"), ["v1", "blue", "host", "ping"]),
        (lambda: Subjects("p", text, "blue").event("config_set"), ["blue", "config_set"]),
    )
    for make, ending in makers:
        try:
            subject = make()
        except InvalidArgument:
            continue
        tokens = subject.split(".")
        assert tokens[-len(ending) :] == ending
        assert ".".join(tokens[: -len(ending)]) == text
        assert all(tokens)
        assert not set(subject) & set("*> \t\r\n\0")
