"""The one-line summaries and tables of models and events.

The package imports this module once, so that the renderers find the presenters that it registers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from wasmcloud_ctl import events, models
from wasmcloud_ctl._display.tables import Cell, Lines, Section, Table, Text, Title, sections
from wasmcloud_ctl._display.text import count, one_line, short_id, summary, with_short_ids

# The keys of a config whose values are not displayed.
_SECRET_KEY = re.compile(r"passw|secret|token|credential|seed|private|api[-_]?key", re.IGNORECASE)

_URL_PASSWORD = re.compile(r"(?<=://)[^/@\s]+(?=@)")


def interfaces_of(link: models.Link) -> str:
    """Return the interfaces of a link as WIT writes them, such as ``wasi:http/incoming-handler``."""
    return f"{link.wit_namespace}:{link.wit_package}/{','.join(link.interfaces)}"


# Summaries --------------------------------------------------------------------------------------


@summary.register
def _(model: models.Model) -> str:
    match model:
        case models.Host():
            version = f"version {one_line(model.version)}" if model.version else ""
            uptime = f"up {one_line(model.uptime_human)}" if model.uptime_human else ""
            details = _listed(version, uptime, count(len(model.labels), "label"))
            return f"{_name(model.id, model.friendly_name)}, {details}"
        case models.HostInventory():
            components = count(len(model.components), "component")
            providers = count(len(model.providers), "provider")
            return f"{_name(model.host_id, model.friendly_name)}, {components}, {providers}"
        case models.ComponentDescription():
            return _instances(model.id, model.max_instances, model.image_ref)
        case models.ProviderDescription():
            return f"{one_line(model.id)}, {one_line(model.image_ref or 'no image_ref')}"
        case models.ComponentAuctionAck():
            return f"{short_id(model.host_id)} bids for {one_line(model.component_id)}"
        case models.ProviderAuctionAck():
            return f"{short_id(model.host_id)} bids for {one_line(model.provider_id)}"
        case events.LinkdefSetFailed():
            return f"{_link(model)}: {one_line(model.error)}"
        case models.Link():
            return _link(model)
        case events.LinkdefDeleted():
            target = "" if model.target is None else f" -> {one_line(model.target)}"
            package = one_line(f"{model.wit_namespace}:{model.wit_package}")
            return f"{one_line(model.source_id)}{target}, {package}{_link_name(model.name)}"
        case events.HostStarted():
            return f"{one_line(model.friendly_name, 40)}, version {one_line(model.version)}"
        case events.HostStopped():
            return count(len(model.labels), "label")
        case events.LabelsChanged():
            return f"{short_id(model.host_id)}, {count(len(model.labels), 'label')}"
        case events.ComponentScaled():
            return _instances(model.component_id, model.max_instances, model.image_ref)
        case events.ComponentScaleFailed():
            scale = _instances(model.component_id, model.max_instances, model.image_ref)
            return f"{scale}: {one_line(model.error)}"
        case events.ProviderStarted():
            return f"{one_line(model.provider_id)}, {one_line(model.image_ref)}"
        case events.ProviderStartFailed():
            return f"{one_line(model.provider_id)}, {one_line(model.provider_ref)}: {one_line(model.error)}"
        case events.ProviderStopped():
            return f"{one_line(model.provider_id)}: {one_line(model.reason)}"
        case events.HealthCheckPassed() | events.HealthCheckFailed() | events.HealthCheckStatus():
            return f"{one_line(model.provider_id)} on {short_id(model.host_id)}"
        case events.ConfigSet() | events.ConfigDeleted():
            return one_line(model.config_name)
        case events.EventClaims():
            return one_line(model.name or model.issuer)
        case _:
            return one_line(str(model.to_dict()))


def _name(host_id: str, friendly_name: str) -> str:
    return f"{short_id(host_id)} {one_line(friendly_name, 40)}".rstrip()


def _instances(component_id: str, max_instances: int, image_ref: str) -> str:
    return f"{one_line(component_id)}, max_instances {max_instances}, {one_line(image_ref)}"


def _link(link: models.Link) -> str:
    ends = f"{one_line(link.source_id)} -> {one_line(link.target)}"
    return f"{ends}, {one_line(interfaces_of(link))}{_link_name(link.name)}"


def _link_name(name: str) -> str:
    return "" if name == "default" else f", name {one_line(name)}"


def _listed(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


@summary.register
def _(undecodable: models.Undecodable) -> str:
    return f"{count(len(undecodable.raw), 'byte')}: {one_line(undecodable.reason)}"


@summary.register(models.CtlResponse)
def _(response: models.CtlResponse[Any]) -> str:
    message = one_line(with_short_ids(response.message), 80)
    if not response.succeeded:
        return f"refused: {message}"
    data = response.data
    if data is None:
        return f"succeeded: {message}" if message else "succeeded, no data"
    if isinstance(data, list):
        kinds = {type(item).__name__ for item in data}
        return f"succeeded: list of {len(data)} {' or '.join(sorted(kinds))}".rstrip()
    kind = "" if isinstance(data, dict) else f"{type(data).__name__} "
    return f"succeeded: {kind}{summary(data)}"


@summary.register(models.Replies)
def _(replies: models.Replies[Any]) -> str:
    if replies.no_responders:
        return f"nobody listens on {one_line(replies.subject)}"
    return f"{_how_many_replies(replies)}, {replies.elapsed:.2f} s"


def _how_many_replies(replies: models.Replies[Any]) -> str:
    refused = sum(not response.succeeded for response in replies)
    return _listed(
        count(len(replies), "answer"),
        f"{refused} refused" if refused else "",
        f"{len(replies.undecodable)} undecodable" if replies.undecodable else "",
    )


@summary.register
def _(inventories: models.Inventories) -> str:
    if inventories.no_responders:
        return f"nobody listens on {one_line(inventories.subject)}"
    return _listed(
        count(len(inventories.data), "host"),
        count(len(inventories.errors), "error") if inventories.errors else "",
        f"{len(inventories.undecodable)} undecodable" if inventories.undecodable else "",
        f"{inventories.elapsed:.2f} s",
    )


@summary.register
def _(event: events.Event) -> str:
    name, source = one_line(event.name), short_id(event.source)
    return f"{name} {event.time:%H:%M:%S.%f} {source} {summary(event.data)}".rstrip()


# Tables -----------------------------------------------------------------------------------------


@sections.register
def _(model: models.Model) -> list[Section]:
    match model:
        case models.Host():
            return [_hosts([model])]
        case models.HostInventory():
            return _inventory(model)
        case models.ComponentDescription():
            return [_components([model])]
        case models.ProviderDescription():
            return [_providers([model])]
        case models.ComponentAuctionAck() | models.ProviderAuctionAck():
            return [_bids([model])]
        case models.Link():
            return [_links([model])]
        case _:
            return [Text(one_line(repr(model), 1000), "code")]


@sections.register
def _(undecodable: models.Undecodable) -> list[Section]:
    return [_undecodable([undecodable])]


@sections.register(models.CtlResponse)
def _(response: models.CtlResponse[Any]) -> list[Section]:
    if not response.succeeded:
        return [_refusal(response)]
    data = response.data
    head = [Text("succeeded", "badge good"), Text(response.message), Text(_how_many(data), "muted")]
    return [Title(head), *([] if data is None else _data(data))]


def _refusal(response: models.CtlResponse[Any]) -> Title:
    return Title([Text("refused", "badge bad"), Text(response.message)])


def _how_many(data: object) -> str:
    if isinstance(data, dict):
        return count(len(data), "key")
    if isinstance(data, list):
        return count(len(data), "link" if data and isinstance(data[0], models.Link) else "entry")
    return "no data" if data is None else ""


def _data(data: Any) -> list[Section]:
    """Return the data of a response as tables: a model, a list of links or claims, or a config."""
    if isinstance(data, dict):
        return [_config(data)]
    if not isinstance(data, list):
        return sections(data)
    if all(isinstance(item, models.Link) for item in data):
        return [_links(data)]
    if all(isinstance(item, dict) for item in data):
        columns = ("name", "version", "revision", "subject", "issuer")
        return [Table(columns, [[claims.get(column) for column in columns] for claims in data])]
    return [Table([""], [[summary(item)] for item in data])]


@sections.register(models.Replies)
def _(replies: models.Replies[Any]) -> list[Section]:
    if replies.no_responders:
        return [_nobody_listens(replies.subject)]
    bids = (models.ComponentAuctionAck, models.ProviderAuctionAck)
    return [
        Title([Text(f"{_how_many_replies(replies)} in {replies.elapsed:.2f} s", "muted")]),
        *(_refusal(response) for response in replies if not response.succeeded),
        _undecodable(replies.undecodable),
        _hosts([item for item in replies.data if isinstance(item, models.Host)]),
        _bids([item for item in replies.data if isinstance(item, bids)]),
    ]


@sections.register
def _(inventories: models.Inventories) -> list[Section]:
    if inventories.no_responders:
        return [_nobody_listens(inventories.subject)]
    how_many = _listed(
        count(len(inventories.data), "inventory"),
        count(len(inventories.errors), "error") if inventories.errors else "",
    )
    errors: list[list[Cell]] = [
        [Text("no inventory", "badge bad"), _id(host_id), type(error).__name__, str(error)]
        for host_id, error in inventories.errors.items()
    ]
    hosts: list[list[Cell]] = [
        [
            _bold(inventory.friendly_name),
            _id(host_id),
            _running((f"{item.id} ×{item.max_instances}", item.image_ref) for item in inventory.components),
            _running((item.id, item.image_ref or "") for item in inventory.providers),
            _labels(inventory.labels),
        ]
        for host_id, inventory in inventories.data.items()
    ]
    return [
        Title([Text(f"{how_many} in {inventories.elapsed:.2f} s", "muted")]),
        Table(["", "host", "error", ""], errors),
        _undecodable(inventories.undecodable),
        Table(["host", "id", "components", "providers", "labels"], hosts),
    ]


def _running(items: Iterable[tuple[str, str]]) -> Cell:
    """Return a line for each item: its name and the end of its reference, which holds the version."""
    lines = [(name, Text(ref.rpartition("/")[2], "code muted", ref)) for name, ref in items]
    return Lines(lines) if lines else Text("none", "muted")


def _nobody_listens(subject: str) -> Title:
    return Title([Text("nobody listens", "badge bad"), "on", _code(subject)])


def _inventory(inventory: models.HostInventory) -> list[Section]:
    about = [
        f"version {inventory.version}" if inventory.version else "",
        f"up {inventory.uptime_human}" if inventory.uptime_human else "",
        count(len(inventory.components), "component"),
        count(len(inventory.providers), "provider"),
    ]
    details = Text(" · ".join(words for words in about if words), "muted")
    return [
        Title([_bold(inventory.friendly_name), _id(inventory.host_id), details]),
        Title([_labels(inventory.labels)]),
        _components(inventory.components),
        _providers(inventory.providers),
    ]


def _bold(words: str) -> Text:
    return Text(words, "bold")


def _code(words: str) -> Text:
    return Text(words, "code")


def _id(host_id: str) -> Text:
    return Text(short_id(host_id), "code", host_id)


def _labels(labels: Mapping[str, str] | None) -> tuple[Text, ...]:
    """Return labels as chips: first those that people set, then the host's own."""
    chips: tuple[list[Text], list[Text]] = ([], [])
    for key, value in sorted((labels or {}).items()):
        own = key.startswith("hostcore.")
        chips[own].append(Text(f"{key}={value}", "chip muted" if own else "chip"))
    return (*chips[0], *chips[1])


def _hosts(hosts: Sequence[models.Host]) -> Table:
    return Table(
        ["host", "id", "version", "uptime", "labels"],
        [
            [_bold(host.friendly_name), _id(host.id), host.version, host.uptime_human, _labels(host.labels)]
            for host in hosts
        ],
    )


def _components(components: Sequence[models.ComponentDescription]) -> Table:
    return Table(
        ["component", "max instances", "reference", "name", "annotations"],
        [
            [_bold(item.id), item.max_instances, _code(item.image_ref), item.name, _labels(item.annotations)]
            for item in components
        ],
    )


def _providers(providers: Sequence[models.ProviderDescription]) -> Table:
    return Table(
        ["provider", "reference", "name", "annotations"],
        [
            [_bold(item.id), _code(item.image_ref or ""), item.name, _labels(item.annotations)]
            for item in providers
        ],
    )


def _bids(bids: Sequence[models.ComponentAuctionAck | models.ProviderAuctionAck]) -> Table:
    rows: list[list[Cell]] = []
    for bid in bids:
        if isinstance(bid, models.ComponentAuctionAck):
            bid_id, reference = bid.component_id, bid.component_ref
        else:
            bid_id, reference = bid.provider_id, bid.provider_ref
        rows.append([_id(bid.host_id), _bold(bid_id), _code(reference), _labels(bid.constraints)])
    return Table(["host", "bids for", "reference", "constraints"], rows)


def _links(links: Sequence[models.Link]) -> Table:
    return Table(
        ["source", "", "target", "interfaces", "name", "source config", "target config"],
        [
            [
                _bold(link.source_id),
                "→",
                _bold(link.target),
                _code(interfaces_of(link)),
                Text("default", "muted") if link.name == "default" else link.name,
                ", ".join(link.source_config),
                ", ".join(link.target_config),
            ]
            for link in links
        ],
    )


def _undecodable(replies: Sequence[models.Undecodable]) -> Table:
    return Table(
        ["", "reason", "bytes"],
        [
            [Text("undecodable", "badge odd"), reply.reason, Text(one_line(repr(reply.raw), 120), "code")]
            for reply in replies
        ],
    )


def _config(config: Mapping[str, object]) -> Table:
    hidden = Text("not shown; unwrap() has it", "muted")
    return Table(
        ["key", "value"],
        [
            [
                _bold(key),
                hidden if _SECRET_KEY.search(key) else Text(_URL_PASSWORD.sub("…", str(value)), "code"),
            ]
            for key, value in sorted(config.items())
        ],
    )


# Events


@sections.register
def _(event: events.Event) -> list[Section]:
    failures = (
        events.ComponentScaleFailed,
        events.ProviderStartFailed,
        events.LinkdefSetFailed,
        events.HealthCheckFailed,
    )
    time = Text(f"{event.time:%Y-%m-%d %H:%M:%S}", "muted", event.time.isoformat())
    name = Text(event.name, "badge bad" if isinstance(event.data, failures) else "bold")
    return [Title([time, name, "from", _id(event.source)]), Table(["", ""], _event_rows(event))]


def _event_rows(event: events.Event) -> list[list[Cell]]:
    """Return a row for each field of the data, without empty ones and without the host that published it."""
    data = event.data
    if isinstance(data, models.HostInventory):
        return [["", summary(data)]]
    fields = data.items() if isinstance(data, dict) else vars(data).items()
    return [
        [name, _event_cell(name, value)]
        for name, value in fields
        if value not in (None, {}, ()) and (name, value) != ("host_id", event.source)
    ]


def _event_cell(name: str, value: Any) -> Cell:
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
