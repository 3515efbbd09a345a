"""The one-line summaries and tables of models and events.

The package imports this module once, so that the renderers find the functions that it registers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from wasmcloud_ctl import events, models
from wasmcloud_ctl._display.html import Cell, Html, element, join, sections, table, title
from wasmcloud_ctl._display.text import count, one_line, short_id, summary, with_short_ids

# The keys of a config whose values are not displayed.
_SECRET_KEY = re.compile(r"passw|secret|token|credential|seed|private|api[-_]?key", re.IGNORECASE)

_URL_PASSWORD = re.compile(r"(?<=://)[^/@\s]+(?=@)")


def interfaces_of(link: models.Link) -> str:
    """Return the interfaces of a link as WIT writes them, such as ``wasi:http/incoming-handler``."""
    return f"{link.wit_namespace}:{link.wit_package}/{','.join(link.interfaces)}"


# Summaries --------------------------------------------------------------------------------------


@summary.register
def _(value: models.Value) -> str:
    match value:
        case events.Event():
            name, source = one_line(value.name), short_id(value.source)
            return f"{name} {value.time:%H:%M:%S.%f} {source} {summary(value.data)}".rstrip()
        case models.Undecodable():
            return f"{count(len(value.raw), 'byte')}: {one_line(value.reason)}"
        case models.Replies(no_responders=True) | models.Inventories(no_responders=True):
            return f"nobody listens on {one_line(value.subject)}"
        case models.Replies():
            return f"{_answers(value)}, {value.elapsed:.2f} s"
        case models.Inventories():
            undecodable = f"{len(value.undecodable)} undecodable" if value.undecodable else ""
            hosts = count(len(value.data), "host")
            return _listed(hosts, _errors(value), undecodable, f"{value.elapsed:.2f} s")
        case models.CtlResponse(succeeded=False):
            return f"refused: {_message(value)}"
        case models.CtlResponse(data=None):
            return f"succeeded: {_message(value)}" if value.message else "succeeded, no data"
        case models.CtlResponse(data=list(items)):
            kinds = {type(item).__name__ for item in items}
            return f"succeeded: list of {len(items)} {' or '.join(sorted(kinds))}".rstrip()
        case models.CtlResponse(data=data):
            kind = "" if isinstance(data, dict) else f"{type(data).__name__} "
            return f"succeeded: {kind}{summary(data)}"
        case models.Host(id=host_id) | models.HostInventory(host_id=host_id):
            name = f"{short_id(host_id)} {one_line(value.friendly_name, 40)}".rstrip()
            if isinstance(value, models.HostInventory):
                components = count(len(value.components), "component")
                return f"{name}, {components}, {count(len(value.providers), 'provider')}"
            version = f"version {one_line(value.version)}" if value.version else ""
            uptime = f"up {one_line(value.uptime_human)}" if value.uptime_human else ""
            return f"{name}, {_listed(version, uptime, count(len(value.labels), 'label'))}"
        case (
            models.ComponentDescription(id=component_id)
            | events.ComponentScaled(component_id=component_id)
            | events.ComponentScaleFailed(component_id=component_id)
        ):
            reference = one_line(value.image_ref)
            error = f": {one_line(value.error)}" if isinstance(value, events.ComponentScaleFailed) else ""
            return f"{one_line(component_id)}, max_instances {value.max_instances}, {reference}{error}"
        case models.ProviderDescription():
            return f"{one_line(value.id)}, {one_line(value.image_ref or 'no image_ref')}"
        case models.ComponentAuctionAck(component_id=wanted) | models.ProviderAuctionAck(provider_id=wanted):
            return f"{short_id(value.host_id)} bids for {one_line(wanted)}"
        case models.Link() | events.LinkdefDeleted():
            target = "" if value.target is None else f" -> {one_line(value.target)}"
            package = f"{value.wit_namespace}:{value.wit_package}"
            interfaces = interfaces_of(value) if isinstance(value, models.Link) else package
            name = "" if value.name == "default" else f", name {one_line(value.name)}"
            error = f": {one_line(value.error)}" if isinstance(value, events.LinkdefSetFailed) else ""
            return f"{one_line(value.source_id)}{target}, {one_line(interfaces)}{name}{error}"
        case events.HostStarted():
            return f"{one_line(value.friendly_name, 40)}, version {one_line(value.version)}"
        case events.HostStopped():
            return count(len(value.labels), "label")
        case events.LabelsChanged():
            return f"{short_id(value.host_id)}, {count(len(value.labels), 'label')}"
        case events.ProviderStarted():
            return f"{one_line(value.provider_id)}, {one_line(value.image_ref)}"
        case events.ProviderStartFailed():
            return f"{one_line(value.provider_id)}, {one_line(value.provider_ref)}: {one_line(value.error)}"
        case events.ProviderStopped():
            return f"{one_line(value.provider_id)}: {one_line(value.reason)}"
        case events.HealthCheckPassed() | events.HealthCheckFailed() | events.HealthCheckStatus():
            return f"{one_line(value.provider_id)} on {short_id(value.host_id)}"
        case events.ConfigSet() | events.ConfigDeleted():
            return one_line(value.config_name)
        case events.EventClaims():
            return one_line(value.name or value.issuer)
        case _:  # a class of the caller's own
            return one_line(str(vars(value)))


def _message(response: models.CtlResponse[Any]) -> str:
    return one_line(with_short_ids(response.message), 80)


def _listed(*parts: str, separator: str = ", ") -> str:
    return separator.join(part for part in parts if part)


def _answers(replies: models.Replies[Any]) -> str:
    refused = sum(not response.succeeded for response in replies)
    return _listed(
        count(len(replies), "answer"),
        f"{refused} refused" if refused else "",
        f"{len(replies.undecodable)} undecodable" if replies.undecodable else "",
    )


def _errors(inventories: models.Inventories) -> str:
    return count(len(inventories.errors), "error") if inventories.errors else ""


# Tables -----------------------------------------------------------------------------------------


def _id(host_id: str) -> Html:
    return element("code", short_id(host_id), tooltip=host_id)


def _labels(labels: Mapping[str, str] | None) -> Html:
    """Return labels as chips: first those that people set, then the host's own."""
    chips = sorted((key.startswith("hostcore."), key, value) for key, value in (labels or {}).items())
    return join(element("span", f"{key}={text}", "chip muted" if own else "chip") for own, key, text in chips)


def _row(value: object) -> dict[str, Cell]:
    """Return a table's row for a value: a cell for each column. Empty if there is no table of such values."""
    match value:
        case models.Host():
            return {
                "host": element("b", value.friendly_name),
                "id": _id(value.id),
                "version": value.version,
                "uptime": value.uptime_human,
                "labels": _labels(value.labels),
            }
        case models.ComponentDescription():
            return {
                "component": element("b", value.id),
                "max instances": value.max_instances,
                "reference": element("code", value.image_ref),
                "name": value.name,
                "annotations": _labels(value.annotations),
            }
        case models.ProviderDescription():
            return {
                "provider": element("b", value.id),
                "reference": element("code", value.image_ref or ""),
                "name": value.name,
                "annotations": _labels(value.annotations),
            }
        case (
            models.ComponentAuctionAck(component_id=wanted, component_ref=reference)
            | models.ProviderAuctionAck(provider_id=wanted, provider_ref=reference)
        ):
            return {
                "host": _id(value.host_id),
                "bids for": element("b", wanted),
                "reference": element("code", reference),
                "constraints": _labels(value.constraints),
            }
        case models.Link():
            return {
                "source": element("b", value.source_id),
                "": "→",
                "target": element("b", value.target),
                "interfaces": element("code", interfaces_of(value)),
                "name": element("span", "default", "muted") if value.name == "default" else value.name,
                "source config": ", ".join(value.source_config),
                "target config": ", ".join(value.target_config),
            }
        case models.Undecodable():
            raw = element("code", one_line(repr(value.raw), 120))
            return {"": element("span", "undecodable", "badge odd"), "reason": value.reason, "bytes": raw}
        case _:
            return {}


@sections.register
def _(value: object) -> list[Html]:
    return [table([_row(value)]) or element("code", one_line(repr(value), 1000))]


@sections.register
def _(inventory: models.HostInventory) -> list[Html]:
    details = _listed(
        f"version {inventory.version}" if inventory.version else "",
        f"up {inventory.uptime_human}" if inventory.uptime_human else "",
        count(len(inventory.components), "component"),
        count(len(inventory.providers), "provider"),
        separator=" · ",
    )
    name = element("b", inventory.friendly_name)
    return [
        title(name, _id(inventory.host_id), element("span", details, "muted")),
        title(_labels(inventory.labels)),
        table(map(_row, inventory.components)),
        table(map(_row, inventory.providers)),
    ]


@sections.register(models.CtlResponse)
def _(response: models.CtlResponse[Any]) -> list[Html]:
    if not response.succeeded:
        return [_status(response)]
    data = response.data
    how_many = ""
    tables: list[Html] = []
    if data is None:
        how_many = "no data"
    elif isinstance(data, dict):
        how_many = count(len(data), "key")
        tables = [
            table({"key": element("b", key), "value": _setting(key, data[key])} for key in sorted(data))
        ]
    elif not isinstance(data, list):
        tables = sections(data)
    elif data and all(isinstance(item, models.Link) for item in data):
        how_many = count(len(data), "link")
        tables = [table(map(_row, data))]
    elif all(isinstance(item, dict) for item in data):
        how_many = count(len(data), "entry")
        columns = ["name", "version", "revision", "subject", "issuer"]
        tables = [table({column: claims.get(column) for column in columns} for claims in data)]
    else:
        how_many = count(len(data), "entry")
        tables = [table({"": summary(item)} for item in data)]
    return [_status(response, element("span", how_many, "muted")), *tables]


def _setting(key: str, value: object) -> Html:
    """Return the value of a config's key, without what may be secret."""
    if _SECRET_KEY.search(key):
        return element("span", "not shown; unwrap() has it", "muted")
    return element("code", _URL_PASSWORD.sub("…", str(value)))


def _status(response: models.CtlResponse[Any], details: Cell = None) -> Html:
    badge = ("succeeded", "badge good") if response.succeeded else ("refused", "badge bad")
    return title(element("span", *badge), element("span", response.message), details)


def _head(gathered: models.Replies[Any] | models.Inventories, how_many: str) -> Html:
    if gathered.no_responders:
        return title(element("span", "nobody listens", "badge bad"), "on", element("code", gathered.subject))
    return title(element("span", f"{how_many} in {gathered.elapsed:.2f} s", "muted"))


@sections.register(models.Replies)
def _(replies: models.Replies[Any]) -> list[Html]:
    bids = (models.ComponentAuctionAck, models.ProviderAuctionAck)
    return [
        _head(replies, _answers(replies)),
        *(_status(response) for response in replies if not response.succeeded),
        table(map(_row, replies.undecodable)),
        table(_row(item) for item in replies.data if isinstance(item, models.Host)),
        table(_row(item) for item in replies.data if isinstance(item, bids)),
    ]


@sections.register
def _(inventories: models.Inventories) -> list[Html]:
    how_many = _listed(count(len(inventories.data), "inventory"), _errors(inventories))
    badge = element("span", "no inventory", "badge bad")
    errors = table(
        {"": badge, "host": _id(host_id), "error": type(error).__name__, " ": str(error)}
        for host_id, error in inventories.errors.items()
    )
    hosts = table(
        {
            "host": element("b", item.friendly_name),
            "id": _id(host_id),
            "components": _running(
                (f"{found.id} ×{found.max_instances}", found.image_ref) for found in item.components
            ),
            "providers": _running((found.id, found.image_ref or "") for found in item.providers),
            "labels": _labels(item.labels),
        }
        for host_id, item in inventories.data.items()
    )
    return [_head(inventories, how_many), errors, table(map(_row, inventories.undecodable)), hosts]


def _running(items: Iterable[tuple[str, str]]) -> Html:
    """Return a line for each item: its name and the end of its reference, which holds the version."""
    lines = [
        element("span", join([name, element("code", ref.rpartition("/")[2], "muted", ref)], " "), "line")
        for name, ref in items
    ]
    return join(lines, "<br/>") if lines else element("span", "none", "muted")


@sections.register
def _(event: events.Event) -> list[Html]:
    failures = (
        events.ComponentScaleFailed,
        events.ProviderStartFailed,
        events.LinkdefSetFailed,
        events.HealthCheckFailed,
    )
    time = element("span", f"{event.time:%Y-%m-%d %H:%M:%S}", "muted", event.time.isoformat())
    data = event.data
    failed = isinstance(data, failures)
    name = element("span", event.name, "badge bad") if failed else element("b", event.name)
    rows: list[dict[str, Cell]] = [{"": "", " ": summary(data)}]
    if not isinstance(data, models.HostInventory):
        # A row for each field, without empty ones and without the host that published it.
        rows = [
            {"": field, " ": _event_cell(field, value)}
            for field, value in (data if isinstance(data, dict) else vars(data)).items()
            if value not in (None, {}, ()) and (field, value) != ("host_id", event.source)
        ]
    return [title(time, name, "from", _id(event.source)), table(rows)]


def _event_cell(name: str, value: Any) -> Cell:
    if name in ("labels", "annotations") and isinstance(value, dict):
        return _labels(value)
    if name == "host_id":
        return _id(str(value))
    if name in ("error", "reason"):
        return element("span", str(value), "strong")
    if isinstance(value, str):
        return value
    if isinstance(value, (tuple, list)):
        return ", ".join(map(str, value))
    return summary(value)
