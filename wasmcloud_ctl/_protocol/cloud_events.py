"""Events on the wire: CloudEvents 1.0 in structured JSON mode."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import attrs

from wasmcloud_ctl._protocol import codec
from wasmcloud_ctl.events import DATA_BY_NAME, Event
from wasmcloud_ctl.exceptions import DecodeError

_DATA_BY_TYPE: dict[str, Any] = {f"com.wasmcloud.lattice.{name}": kind for name, kind in DATA_BY_NAME.items()}

_PROVIDER_START_FAILED = "com.wasmcloud.lattice.provider_start_failed"

# The ranges of hours and offsets are here, because Python 3.14 takes 24:00:00, and some versions an offset of 01:60.
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d[Tt ](?:[01]\d|2[0-3]):\d\d:\d\d)"
    r"(?:(\.\d{1,6})\d{0,3})?(?:[Zz]|([+-](?:[01]\d|2[0-3]):[0-5]\d))",
    re.ASCII,
)


@attrs.frozen
class _Envelope:
    """The fields of a CloudEvent that hosts use. ``decode_event`` checks them by hand, which is quicker."""

    id: str
    source: str
    type: str
    time: str
    specversion: str
    data: Any


def decode_event(raw: bytes, lattice: str) -> Event:
    """Decode an event from a lattice. Raise DecodeError if it is no CloudEvent, or its data does not fit its kind."""
    what = "the event"
    envelope = codec.load(raw, what)
    if (
        type(envelope) is not dict
        or "data" not in envelope
        or type(event_id := envelope.get("id")) is not str
        or type(source := envelope.get("source")) is not str
        or type(event_type := envelope.get("type")) is not str
        or type(time := envelope.get("time")) is not str
        or type(envelope.get("specversion")) is not str
    ):
        raise codec.mismatch(envelope, _Envelope, "$", raw, what)
    try:
        published = _parse_time(time)
    except ValueError as error:
        raise DecodeError(f"{what} does not fit at $.time: {error}", path="$.time", raw=raw) from error
    data = wire_data = envelope["data"]
    if event_type == _PROVIDER_START_FAILED and type(data) is dict and "host_id" not in data:
        data = {"host_id": source, **data}  # hosts before 1.5.1 do not name themselves in it
    data_type = _DATA_BY_TYPE.get(event_type, dict[str, Any])
    # Made as pickle makes it: ``__init__`` would take a tenth of the time.
    event = object.__new__(Event)
    vars(event).update(
        id=event_id,
        source=source,
        type=event_type,
        name=event_type.rpartition(".")[2],
        time=published,
        lattice=lattice,
        data=codec.structure(data, data_type, "$.data", raw, what),
        wire_data=wire_data,
    )
    return event


def source_of(raw: bytes) -> str | None:
    """Return the source of an event that cannot be decoded. None if not even that can be read."""
    try:
        envelope = codec.load(raw, "the event")
    except DecodeError:
        return None
    source = envelope.get("source") if type(envelope) is dict else None
    return source if type(source) is str else None


def _parse_time(text: str) -> datetime:
    """Parse a time of RFC 3339. Of its up to nine decimals a datetime keeps six."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError("expected a time as in RFC 3339")
    time, fraction, zone = match.groups("")
    # Python 3.10 takes six decimals and no Z.
    return datetime.fromisoformat(time + (fraction or ".").ljust(7, "0") + (zone or "+00:00"))
