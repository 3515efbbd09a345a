"""The one-line summaries and tables of models and events.

The package calls ``register`` once, so that the renderers find these functions.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from wasmcloud_ctl import events, models
from wasmcloud_ctl._display.tables import Cell, LazyRows, Lines, Row, Section, Table, Text, Title, sections
from wasmcloud_ctl._display.text import count, one_line, short_id, summary, with_short_ids

# The keys of a config whose values are not displayed.
_SECRET_KEY = re.compile(r"passw|secret|token|credential|seed|private|api[-_]?key", re.IGNORECASE)

_URL_PASSWORD = re.compile(r"(?<=://)[^/@\s]+(?=@)")

_NO_DOUBTS: Mapping[str, models.Doubt] = {}

# The badges of the states of applications and scalers. The others pass: waiting and reconciling.
_STATE_STYLES = {
    models.StatusType.DEPLOYED: "badge good",
    models.StatusType.FAILED: "badge bad",
    models.StatusType.UNHEALTHY: "badge bad",
    models.StatusType.UNDEPLOYED: "badge off",
}


def interfaces_of(link: models.Link) -> str:
    """Return the interfaces of a link as WIT writes them, such as ``wasi:http/incoming-handler``."""
    return f"{link.wit_namespace}:{link.wit_package}/{','.join(link.interfaces)}"


# Summaries --------------------------------------------------------------------------------------


def _summary(value: models.Value, whole: bool = False) -> str:
    # The width of what hosts say and what people must be able to copy.
    width = None if whole else 60
    match value:
        case events.Event():
            name, time, source = one_line(value.name), f"{value.time:%H:%M:%S.%f}", short_id(value.source)
            first = (time, source, name) if whole else (name, time, source)
            return " ".join((*first, summary(value.data, whole))).rstrip()
        case events.Gap():
            return f"{value.time:%H:%M:%S.%f} the connection was away, {count(value.gaps, 'time')} so far"
        case models.Undecodable():
            return f"{count(len(value.raw), 'byte')}: {one_line(value.reason, width)}"
        case models.Replies(no_responders=True) | models.Inventories(no_responders=True):
            return f"nobody listens on {one_line(value.subject)}"
        case models.Replies():
            return _listed(_answers(value), _missing(value), f"{value.elapsed:.2f} s")
        case models.Inventories():
            undecodable = f"{len(value.undecodable)} undecodable" if value.undecodable else ""
            hosts = count(len(value.data), "host")
            return _listed(hosts, _errors(value), undecodable, _missing(value), f"{value.elapsed:.2f} s")
        case models.CtlResponse(succeeded=False):
            return f"refused: {_message(value.message, whole)}"
        case models.CtlResponse(data=None):
            return f"succeeded: {_message(value.message, whole)}" if value.message else "succeeded, no data"
        case models.CtlResponse(data=list(items)):
            kinds = {type(item).__name__ for item in items}
            return f"succeeded: list of {len(items)} {' or '.join(sorted(kinds))}".rstrip()
        case models.CtlResponse(data=data):
            kind = "" if isinstance(data, dict) else f"{type(data).__name__} "
            return f"succeeded: {kind}{summary(data)}"
        case models.Host(id=host_id) | models.HostInventory(host_id=host_id):
            host, name = short_id(host_id), one_line(value.friendly_name, 40)
            name = f"{name} ({host})" if whole and name else f"{host} {name}".rstrip()
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
            reference = one_line(value.image_ref, width)
            error = (
                f": {one_line(value.error, width)}" if isinstance(value, events.ComponentScaleFailed) else ""
            )
            return f"{one_line(component_id)}, max_instances {value.max_instances}, {reference}{error}"
        case models.ProviderDescription():
            return f"{one_line(value.id)}, {one_line(value.image_ref or 'no image_ref', width)}"
        case models.ComponentAuctionAck(component_id=wanted) | models.ProviderAuctionAck(provider_id=wanted):
            return f"{short_id(value.host_id)} bids for {one_line(wanted)}"
        case models.Link() | events.LinkdefDeleted():
            target = "" if value.target is None else f" -> {one_line(value.target)}"
            package = f"{value.wit_namespace}:{value.wit_package}"
            interfaces = interfaces_of(value) if isinstance(value, models.Link) else package
            name = "" if value.name == "default" else f", name {one_line(value.name)}"
            error = f": {one_line(value.error, width)}" if isinstance(value, events.LinkdefSetFailed) else ""
            return f"{one_line(value.source_id)}{target}, {one_line(interfaces, width)}{name}{error}"
        case events.HostStarted():
            return f"{one_line(value.friendly_name, 40)}, version {one_line(value.version)}"
        case events.HostStopped():
            return count(len(value.labels), "label")
        case events.LabelsChanged():
            return f"{short_id(value.host_id)}, {count(len(value.labels), 'label')}"
        case events.ProviderStarted():
            return f"{one_line(value.provider_id)}, {one_line(value.image_ref, width)}"
        case events.ProviderStartFailed():
            reference, error = one_line(value.provider_ref, width), one_line(value.error, width)
            return f"{one_line(value.provider_id)}, {reference}: {error}"
        case events.ProviderStopped():
            return f"{one_line(value.provider_id)}: {one_line(value.reason, width)}"
        case events.HealthCheckPassed() | events.HealthCheckFailed() | events.HealthCheckStatus():
            return f"{one_line(value.provider_id)} on {short_id(value.host_id)}"
        case events.ConfigSet() | events.ConfigDeleted():
            return one_line(value.config_name)
        case events.EventClaims():
            return one_line(value.name or value.issuer)
        case models.StatusInfo(status_type=state, message=message):
            return _with_message(state.value, message, whole)
        case models.ScalerStatus(info=info):
            return _listed(one_line(value.name), one_line(value.kind), summary(info, whole))
        case models.Status(info=info):
            return _with_message(f"{info.status_type}{_scalers(value)}", info.message, whole)
        case models.StatusChanged():
            return f"{one_line(value.name)}, {summary(value.status, whole)}"
        case models.ModelSummary():
            version = f"version {one_line(value.version)}"
            deployed = value.deployed_version
            deployed = "" if deployed is None else f"deployed_version {one_line(deployed)}"
            status = summary(value.detailed_status, whole)
            return _listed(one_line(value.name), version, deployed, status)
        case models.VersionInfo(deployed=deployed):
            return f"{one_line(value.version)}, {'deployed' if deployed else 'not deployed'}"
        case models.PutModelResponse():
            versions = "new application" if value.created else count(value.total_versions, "version")
            names = f"{one_line(value.name)}, version {one_line(value.current_version)}, {versions}"
            return _with_message(names, value.message, whole)
        case models.DeployModelResponse():
            names = f"{one_line(value.name)}, version {one_line(value.version)}"
            return _with_message(names, value.message, whole)
        case _:  # a class of the caller's own
            return one_line(str(vars(value)))


def _message(message: str, whole: bool) -> str:
    return one_line(message, None) if whole else one_line(with_short_ids(message), 80)


def _with_message(text: str, message: str, whole: bool) -> str:
    return f"{text}: {_message(message, whole)}" if message else text


def _scalers(status: models.Status) -> str:
    """Return how many scalers there are, and if they differ how many have each state: failures first."""
    states = Counter(scaler.info.status_type for scaler in status.scalers)
    if not states:
        return ""
    scalers = count(len(status.scalers), "scaler")
    if states.keys() == {status.info.status_type}:
        return f", {scalers}"
    counts = [f"{states[state]} {state}" for state in reversed(models.StatusType) if state in states]
    return f", {scalers} ({', '.join(counts)})"


def _listed(*parts: str, separator: str = ", ") -> str:
    return separator.join(part for part in parts if part)


def _answers(replies: models.Replies[Any]) -> str:
    refused = sum(not response.succeeded for response in replies)
    return _listed(
        count(len(replies), "answer"),
        f"{refused} refused" if refused else "",
        f"{len(replies.undecodable)} undecodable" if replies.undecodable else "",
    )


def _missing(gathered: models.Replies[Any] | models.Inventories) -> str:
    return "" if gathered.complete else f"of {count(gathered.expected or 0, 'expected host')}"


def _errors(inventories: models.Inventories) -> str:
    return count(len(inventories.errors), "error") if inventories.errors else ""


# Tables -----------------------------------------------------------------------------------------


def _id(host_id: str) -> Text:
    return Text(short_id(host_id), "code", host_id)


def _labels(labels: Mapping[str, str] | None) -> tuple[Text, ...]:
    """Return labels as chips: first those that people set, then the host's own."""
    chips = sorted((key.startswith("hostcore."), key, value) for key, value in (labels or {}).items())
    return tuple(Text(f"{key}={text}", "chip muted" if own else "chip") for own, key, text in chips)


def row(value: object) -> dict[str, Cell]:
    """Return a table's row for a value: a cell for each column. Empty if there is no table of such values."""
    match value:
        case models.Host():
            return {
                "host": Text(value.friendly_name, "bold"),
                "id": _id(value.id),
                "version": value.version,
                "uptime": value.uptime_human,
                "labels": _labels(value.labels),
            }
        case models.ComponentDescription():
            return {
                "component": Text(value.id, "bold"),
                "max instances": value.max_instances,
                "reference": Text(value.image_ref, "code"),
                "name": value.name,
                "annotations": _labels(value.annotations),
            }
        case models.ProviderDescription():
            return {
                "provider": Text(value.id, "bold"),
                "reference": Text(value.image_ref or "", "code"),
                "name": value.name,
                "annotations": _labels(value.annotations),
            }
        case (
            models.ComponentAuctionAck(component_id=wanted, component_ref=reference)
            | models.ProviderAuctionAck(provider_id=wanted, provider_ref=reference)
        ):
            return {
                "host": _id(value.host_id),
                "bids for": Text(wanted, "bold"),
                "reference": Text(reference, "code"),
                "constraints": _labels(value.constraints),
            }
        case models.Link():
            return {
                "source": Text(value.source_id, "bold"),
                "target": Text(value.target, "bold"),
                "interfaces": Text(interfaces_of(value), "code"),
                "name": Text("default", "muted") if value.name == "default" else value.name,
                "source config": ", ".join(value.source_config),
                "target config": ", ".join(value.target_config),
            }
        case models.ScalerStatus():
            # The name of a link's scaler has spaces: it may be wrapped there. An id may not.
            return {
                "scaler": Text(value.name, "strong" if " " in value.name else "bold", value.id),
                "kind": value.kind,
                "state": _state(value.info),
                "message": value.info.message,
            }
        case models.ModelSummary():
            return {
                "application": Text(value.name, "bold"),
                "version": value.version,
                "deployed version": value.deployed_version or Text("none", "muted"),
                "state": _state(value.detailed_status.info),
                "message": value.detailed_status.info.message,
                "description": value.description,
            }
        case models.VersionInfo():
            return {"version": Text(value.version, "bold"), "deployed": _yes_or_no(value.deployed)}
        case models.PutModelResponse():
            return {
                "application": Text(value.name, "bold"),
                "version": value.current_version,
                "versions": value.total_versions,
                "new": _yes_or_no(value.created),
                "message": value.message,
            }
        case models.DeployModelResponse():
            return {
                "application": Text(value.name, "bold"),
                "version": value.version,
                "message": value.message,
            }
        case models.Undecodable():
            raw = Text(one_line(repr(value.raw), 120), "code")
            return {"": Text("undecodable", "badge odd"), "reason": value.reason, "bytes": raw}
        case _:
            return {}


def _yes_or_no(value: bool) -> str:
    return "yes" if value else "no"


def _state(info: models.StatusInfo) -> Text:
    return Text(info.status_type.value, _STATE_STYLES.get(info.status_type, "badge odd"))


def _sections_of_any(value: object) -> list[Section]:
    return [Text(one_line(repr(value), 1000), "code")]


def _sections_of_value(value: models.Value) -> list[Section]:
    cells = row(value)
    return [Table([cells])] if cells else [Title(Text(type(value).__name__, "bold")), _fields(vars(value))]


def _sections_of_inventory(inventory: models.HostInventory) -> list[Section]:
    details = _listed(
        f"version {inventory.version}" if inventory.version else "",
        f"up {inventory.uptime_human}" if inventory.uptime_human else "",
        count(len(inventory.components), "component"),
        count(len(inventory.providers), "provider"),
        separator=" · ",
    )
    name = Text(inventory.friendly_name, "bold")
    return [
        Title(name, _id(inventory.host_id), Text(details, "muted")),
        Title(_labels(inventory.labels)),
        Table(map(row, inventory.components)),
        Table(map(row, inventory.providers)),
    ]


def _sections_of_state(info: models.StatusInfo) -> list[Section]:
    return [Title(_state(info), Text(info.message))]


def _sections_of_status(status: models.Status) -> list[Section]:
    return [*_sections_of_state(status.info), Table(map(row, status.scalers))]


def _sections_of_change(changed: models.StatusChanged) -> list[Section]:
    return [Title(Text(changed.name, "bold")), *_sections_of_status(changed.status)]


def _sections_of_response(response: models.CtlResponse[Any]) -> list[Section]:
    if not response.succeeded:
        return [_status(response)]
    data = response.data
    how_many = ""
    tables: list[Section] = []
    if data is None:
        how_many = "" if response.message else "no data"
    elif isinstance(data, dict):
        how_many = count(len(data), "key")
        tables = [
            Table({"key": Text(key, "bold"), "value": _setting(key, data[key])} for key in sorted(data))
        ]
    elif not isinstance(data, list):
        tables = sections(data)
    elif data and all(isinstance(item, models.Link) for item in data):
        how_many = count(len(data), "link")
        tables = [Table(map(row, data))]
    elif all(isinstance(item, dict) for item in data):
        how_many = count(len(data), "entry")
        columns = ["name", "version", "revision", "subject", "issuer"]
        tables = [Table({column: claims.get(column) for column in columns} for claims in data)]
    else:
        how_many = count(len(data), "entry")
        tables = [Table({"": summary(item)} for item in data)]
    return [_status(response, Text(how_many, "muted")), *tables]


def _setting(key: str, value: object) -> Text:
    """Return the value of a config's key, without what may be secret."""
    if _SECRET_KEY.search(key):
        return Text("not shown; unwrap() has it", "muted")
    return Text(_URL_PASSWORD.sub("…", str(value)), "code")


def _status(response: models.CtlResponse[Any], details: Cell = None) -> Title:
    badge = ("succeeded", "badge good") if response.succeeded else ("refused", "badge bad")
    return Title(Text(*badge), Text(response.message), details)


def _head(gathered: models.Replies[Any] | models.Inventories, how_many: str) -> Title:
    if gathered.no_responders:
        return Title(Text("nobody listens", "badge bad"), "on", Text(gathered.subject, "code"))
    answers = len(gathered) + len(gathered.undecodable)
    of_expected = f"{answers} of {count(gathered.expected or 0, 'expected host')}"
    missing = Text(of_expected, "badge bad") if not gathered.complete else None
    return Title(missing, Text(f"{how_many} in {gathered.elapsed:.2f} s", "muted"))


def _sections_of_replies(replies: models.Replies[Any]) -> list[Section]:
    bids = (models.ComponentAuctionAck, models.ProviderAuctionAck)
    return [
        _head(replies, _answers(replies)),
        *(_status(response) for response in replies if not response.succeeded),
        Table(map(row, replies.undecodable)),
        Table(row(item) for item in replies.data if isinstance(item, models.Host)),
        Table(row(item) for item in replies.data if isinstance(item, bids)),
    ]


def _sections_of_inventories(inventories: models.Inventories) -> list[Section]:
    how_many = _listed(count(len(inventories.data), "inventory"), _errors(inventories))
    badge = Text("no inventory", "badge bad")
    errors = Table(
        {"": badge, "host": _id(host_id), "error": type(error).__name__, " ": with_short_ids(str(error))}
        for host_id, error in inventories.errors.items()
    )
    hosts = Table(
        LazyRows(list(inventories.data.items()), lambda found: host_row(found[1], found[0])), "host"
    )
    return [_head(inventories, how_many), errors, Table(map(row, inventories.undecodable)), hosts]


def host_row(
    inventory: models.HostInventory,
    host_id: str,
    *,
    version: bool = False,
    doubts: Mapping[str, models.Doubt] = _NO_DOUBTS,
) -> Row:
    """Return the row of a host and what it runs.

    Args:
        inventory: The host's inventory.
        host_id: The id of the host that was asked.
        version: Whether there is a column for the host's version.
        doubts: The doubts about the host's components, by component id.
    """
    components: list[Sequence[str | Text]] = []
    for found in inventory.components:
        components.append(_running(f"{found.id} ×{found.max_instances}", found.image_ref))
        if doubt := doubts.get(found.id):
            badge, runs = Text("in doubt", "badge odd"), Text(doubt.event_ref, "code")
            components.append(("", badge, "by events", runs))
            components.append(("", "by inventory", Text(doubt.inventory_ref, "code")))
    providers = [_running(found.id, found.image_ref or "") for found in inventory.providers]
    nothing = Text("none", "muted")
    return {
        "host": Text(inventory.friendly_name, "bold"),
        "id": _id(host_id),
        **({"version": inventory.version} if version else {}),
        "components": Lines(components) if components else nothing,
        "providers": Lines(providers) if providers else nothing,
        "labels": _labels(inventory.labels),
    }


def _running(name: str, ref: str) -> tuple[str, Text]:
    """Return the line of what runs: its name and the end of its reference, which holds the version."""
    return name, Text(ref.rpartition("/")[2], "code muted", ref)


def _sections_of_event(event: events.Event) -> list[Section]:
    failures = (
        events.ComponentScaleFailed,
        events.ProviderStartFailed,
        events.LinkdefSetFailed,
        events.HealthCheckFailed,
    )
    time = Text(f"{event.time:%Y-%m-%d %H:%M:%S %Z}", "muted", event.time.isoformat())
    data = event.data
    failed = isinstance(data, failures)
    name = Text(event.name, "badge bad") if failed else Text(event.name, "bold")
    title = Title(time, name, "from", _id(event.source))
    if isinstance(data, models.HostInventory):
        return [title, *sections(data)]
    return [title, _fields(data if isinstance(data, dict) else vars(data), event.source)]


def _fields(fields: Mapping[str, object], source: str = "") -> Table:
    """Return a row for each field, without empty ones and without the host that published them."""
    return Table(
        {"": name, " ": _field(name, value)}
        for name, value in fields.items()
        if value not in (None, {}, ()) and (name, value) != ("host_id", source)
    )


def _field(name: str, value: Any) -> Cell:
    if name in ("labels", "annotations") and isinstance(value, dict):
        return _labels(value)
    if name == "host_id":
        return _id(str(value))
    if name in ("error", "reason"):
        return Text(str(value), "strong")
    if isinstance(value, str):
        return value
    if isinstance(value, (tuple, list)):
        return ", ".join(map(str, value))
    return summary(value)


def register() -> None:
    """Register these functions at the renderers. An import alone would not do: Python 3.15 can delay it."""
    summary.register(_summary)
    sections.register(_sections_of_any)
    sections.register(_sections_of_value)
    sections.register(_sections_of_inventory)
    sections.register(_sections_of_state)
    sections.register(_sections_of_status)
    sections.register(_sections_of_change)
    sections.register(models.CtlResponse, _sections_of_response)
    sections.register(models.Replies, _sections_of_replies)
    sections.register(_sections_of_inventories)
    sections.register(_sections_of_event)
