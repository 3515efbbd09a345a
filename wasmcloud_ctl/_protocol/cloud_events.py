"""Events on the wire: CloudEvents 1.0 in structured JSON mode."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any

import attrs

from wasmcloud_ctl._protocol import codec
from wasmcloud_ctl.events import DATA_BY_NAME, Event
from wasmcloud_ctl.exceptions import DecodeError

_EVENT_TYPE_PREFIX = "com.wasmcloud.lattice."

_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)


@attrs.frozen(slots=False, kw_only=True)
class _Envelope:
    """The fields of a CloudEvent that hosts use."""

    id: str
    source: str
    type: str
    time: str
    specversion: str
    data: Any


def decode_event(raw: bytes, lattice: str) -> Event:
    """Decode an event from a lattice. Raise DecodeError if it is no CloudEvent, or its data does not fit its kind."""
    what = "the event"
    envelope = codec.structure(codec.load(raw, what), _Envelope, "$", raw, what)
    try:
        time = _parse_time(envelope.time)
    except ValueError as error:
        raise DecodeError(f"{what} does not fit at $.time: {error}", path="$.time", raw=raw) from error
    name = envelope.type.rpartition(".")[2]
    known = DATA_BY_NAME.get(name) if envelope.type == _EVENT_TYPE_PREFIX + name else None
    data = codec.structure(envelope.data, known or dict[str, Any], "$.data", raw, what)
    return Event(
        id=envelope.id,
        source=envelope.source,
        type=envelope.type,
        name=name,
        time=time,
        lattice=lattice,
        data=data,
    )


def _parse_time(text: str) -> datetime:
    """Parse a time of RFC 3339. Of its up to nine decimals a datetime keeps six."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError("expected a time as in RFC 3339")
    *numbers, fraction, sign, zone_hours, zone_minutes = match.groups()
    zone = timezone.utc
    if sign:
        offset = timedelta(hours=int(zone_hours), minutes=int(zone_minutes))
        zone = timezone(offset if sign == "+" else -offset)
    year, month, day, hour, minute, second = map(int, numbers)
    microsecond = int((fraction or "0").ljust(6, "0")[:6])
    return datetime(year, month, day, hour, minute, second, microsecond, zone)
