"""Events as they travel: CloudEvents 1.0 in structured JSON mode."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any

import attrs

from wasmcloud_ctl._protocol import codec as _codec
from wasmcloud_ctl._protocol.strict import Mismatch
from wasmcloud_ctl.events import DATA_BY_NAME, Event
from wasmcloud_ctl.exceptions import DecodeError

_EVENT_TYPE_PREFIX = "com.wasmcloud.lattice."

_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)


def _time(text: str) -> datetime:
    """RFC 3339 with up to nine decimals, of which a datetime keeps six."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise Mismatch("expected a time by RFC 3339")
    year, month, day, hour, minute, second, fraction, sign, zone_hours, zone_minutes = match.groups()
    zone = timezone.utc
    if sign:
        offset = timedelta(hours=int(zone_hours), minutes=int(zone_minutes))
        zone = timezone(offset if sign == "+" else -offset)
    microsecond = int((fraction or "0").ljust(6, "0")[:6])
    return datetime(
        int(year), int(month), int(day), int(hour), int(minute), int(second), microsecond, tzinfo=zone
    )


def decode_event(raw: bytes, lattice: str) -> Event:
    """The bytes of an event, as the event.

    Args:
        raw: The bytes.
        lattice: The lattice that it was heard on.

    Raises:
        DecodeError: They are no CloudEvent in JSON, or the data does not fit the kind of event.
    """
    what = "the event"
    envelope = _codec.structure(_codec.load(raw, what), _Envelope, "$", raw, what)
    name = envelope.type.rpartition(".")[2]
    try:
        time = _time(envelope.time)
    except (Mismatch, ValueError) as error:
        raise DecodeError(f"{what} does not fit at $.time: {error}", path="$.time", raw=raw) from error
    known = DATA_BY_NAME.get(name) if envelope.type == _EVENT_TYPE_PREFIX + name else None
    data = _codec.structure(envelope.data, known or dict[str, Any], "$.data", raw, what)
    return Event(
        id=envelope.id,
        source=envelope.source,
        type=envelope.type,
        name=name,
        time=time,
        lattice=lattice,
        data=data,
    )


@attrs.frozen(slots=False, kw_only=True)
class _Envelope:
    """A CloudEvent 1.0 in structured JSON mode, as far as hosts use it."""

    id: str
    source: str
    type: str
    time: str
    specversion: str
    data: Any
