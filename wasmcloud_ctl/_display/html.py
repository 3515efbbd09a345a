"""How models are shown: in words that fit a line, and as HTML in a notebook. Imported when something is shown.

Nothing from a host is trusted: in a line it is made printable and cut, in HTML it is escaped, for a friendly name
or a label may hold anything. Colours are chosen so that they can be read on a light and on a dark page, and say
nothing that the words beside them do not say, too.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import singledispatch
from typing import Any

from wasmcloud_ctl import events, models

# How much of a host's id is shown: enough to tell hosts apart, and to find one by it.
_ID_LETTERS = 8

# The most letters of a line, without the class's name.
_LINE = 140

# How many rows a table has; of the others the count is told.
_MOST_ROWS = 100

_HOST_ID = re.compile(r"\bN[A-Z2-7]{55}\b")

# What a config's values are hidden for, where its key says so; unwrap() has them.
_SECRET_KEY = re.compile(r"passw|secret|token|credential|seed|private|api[-_]?key", re.IGNORECASE)

_URL_PASSWORD = re.compile(r"(?<=://)[^/@\s]+(?=@)")


# Words ------------------------------------------------------------------------------------------


def short_id(host_id: str) -> str:
    """The beginning of a host's id; other ids, which people choose, as they are."""
    return f"{host_id[:_ID_LETTERS]}…" if _HOST_ID.fullmatch(host_id) else one_line(host_id)


def with_short_ids(text: str) -> str:
    """A text in which the ids of hosts are cut to their beginnings."""
    return _HOST_ID.sub(lambda found: short_id(found[0]), text)


def one_line(text: str, width: int = 60) -> str:
    """A text without line breaks and other letters that cannot be seen, cut to a width."""
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else " " for letter in text)
    return text if len(text) <= width else f"{text[: width - 1]}…"


def count(number: int, noun: str) -> str:
    """A number and a noun, such as ``1 host`` or ``3 hosts``."""
    if number == 1:
        return f"1 {noun}"
    return f"{number} {noun[:-1]}ies" if noun.endswith("ry") else f"{number} {noun}s"


def line(shown: object) -> str:
    """The repr of a model: its class, and what matters of it."""
    return f"<{type(shown).__name__} {one_line(in_words(shown), _LINE)}>"


@singledispatch
def in_words(shown: object) -> str:
    """What matters of something, in words that fit a line."""
    return one_line(repr(shown))


@in_words.register
def _(host: models.Host) -> str:
    version = f", version {one_line(host.version)}" if host.version else ""
    uptime = f", up {one_line(host.uptime_human)}" if host.uptime_human else ""
    return f"{_host_name(host.id, host.friendly_name)}{version}{uptime}, {count(len(host.labels), 'label')}"


def _host_name(host_id: str, friendly_name: str) -> str:
    return f"{short_id(host_id)} {one_line(friendly_name, 40)}".rstrip()


@in_words.register
def _(component: models.ComponentDescription) -> str:
    return (
        f"{one_line(component.id)}, max_instances {component.max_instances}, {one_line(component.image_ref)}"
    )


@in_words.register
def _(provider: models.ProviderDescription) -> str:
    return f"{one_line(provider.id)}, {one_line(provider.image_ref or 'no image_ref')}"


@in_words.register
def _(inventory: models.HostInventory) -> str:
    components = count(len(inventory.components), "component")
    providers = count(len(inventory.providers), "provider")
    return f"{_host_name(inventory.host_id, inventory.friendly_name)}, {components}, {providers}"


@in_words.register
def _(bid: models.ComponentAuctionAck) -> str:
    return f"{short_id(bid.host_id)} bids for {one_line(bid.component_id)}"


@in_words.register
def _(bid: models.ProviderAuctionAck) -> str:
    return f"{short_id(bid.host_id)} bids for {one_line(bid.provider_id)}"


@in_words.register
def _(link: models.Link) -> str:
    named = "" if link.name == "default" else f", name {one_line(link.name)}"
    return f"{one_line(link.source_id)} -> {one_line(link.target)}, {one_line(wit(link))}{named}"


def wit(link: models.Link) -> str:
    """What a link joins, as people write it: ``wasi:http/incoming-handler``."""
    return f"{link.wit_namespace}:{link.wit_package}/{','.join(link.interfaces)}"


@in_words.register
def _(undecodable: models.Undecodable) -> str:
    return f"{count(len(undecodable.raw), 'byte')}: {one_line(undecodable.reason)}"


@in_words.register(models.CtlResponse)
def _(response: models.CtlResponse[Any]) -> str:
    if not response.succeeded:
        return f"refused: {one_line(with_short_ids(response.message), 80)}"
    data = response.data
    if data is None:
        said = one_line(with_short_ids(response.message), 80)
        return f"succeeded: {said}" if said else "succeeded, no data"
    if isinstance(data, list):
        kinds = {type(item).__name__ for item in data}
        return f"succeeded: list of {len(data)} {' or '.join(sorted(kinds))}".rstrip()
    if isinstance(data, dict):
        return f"succeeded: map of {count(len(data), 'key')}"  # a config's values may be secrets
    return f"succeeded: {type(data).__name__} {in_words(data)}"


@in_words.register(models.Replies)
def _(replies: models.Replies[Any]) -> str:
    if replies.no_responders:
        return f"nobody listens on {one_line(replies.subject)}"
    refused = sum(not response.succeeded for response in replies)
    parts = [count(len(replies), "answer")]
    if refused:
        parts.append(f"{refused} refused")
    if replies.undecodable:
        parts.append(f"{len(replies.undecodable)} undecodable")
    return f"{', '.join(parts)}, {replies.elapsed:.2f} s"


@in_words.register
def _(inventories: models.Inventories) -> str:
    if inventories.no_responders:
        return f"nobody listens on {one_line(inventories.subject)}"
    parts = [count(len(inventories.data), "host")]
    if inventories.errors:
        parts.append(count(len(inventories.errors), "error"))
    if inventories.undecodable:
        parts.append(f"{len(inventories.undecodable)} undecodable")
    return f"{', '.join(parts)}, {inventories.elapsed:.2f} s"


# Events


@in_words.register
def _(event: events.Event) -> str:
    said = in_words(event.data)
    return f"{one_line(event.name)} {event.time:%H:%M:%S.%f} {short_id(event.source)} {said}".rstrip()


@in_words.register(dict)
def _(data: dict[str, object]) -> str:
    return f"map of {count(len(data), 'key')}"


@in_words.register
def _(started: events.HostStarted) -> str:
    return f"{one_line(started.friendly_name, 40)}, version {one_line(started.version)}"


@in_words.register
def _(stopped: events.HostStopped) -> str:
    return count(len(stopped.labels), "label")


@in_words.register
def _(changed: events.LabelsChanged) -> str:
    return f"{short_id(changed.host_id)}, {count(len(changed.labels), 'label')}"


@in_words.register
def _(scaled: events.ComponentScaled) -> str:
    return (
        f"{one_line(scaled.component_id)}, max_instances {scaled.max_instances}, {one_line(scaled.image_ref)}"
    )


@in_words.register
def _(failed: events.ComponentScaleFailed) -> str:
    return (
        f"{one_line(failed.component_id)}, max_instances {failed.max_instances}, {one_line(failed.image_ref)}: "
        f"{one_line(failed.error)}"
    )


@in_words.register
def _(started: events.ProviderStarted) -> str:
    return f"{one_line(started.provider_id)}, {one_line(started.image_ref)}"


@in_words.register
def _(failed: events.ProviderStartFailed) -> str:
    return f"{one_line(failed.provider_id)}, {one_line(failed.provider_ref)}: {one_line(failed.error)}"


@in_words.register
def _(stopped: events.ProviderStopped) -> str:
    return f"{one_line(stopped.provider_id)}: {one_line(stopped.reason)}"


@in_words.register(events.HealthCheckPassed)
@in_words.register(events.HealthCheckFailed)
@in_words.register(events.HealthCheckStatus)
def _(check: events.HealthCheckPassed | events.HealthCheckFailed | events.HealthCheckStatus) -> str:
    return f"{one_line(check.provider_id)} on {short_id(check.host_id)}"


@in_words.register
def _(failed: events.LinkdefSetFailed) -> str:
    words: str = in_words.dispatch(models.Link)(failed)
    return f"{words}: {one_line(failed.error)}"


@in_words.register
def _(deleted: events.LinkdefDeleted) -> str:
    target = "" if deleted.target is None else f" -> {one_line(deleted.target)}"
    named = "" if deleted.name == "default" else f", name {one_line(deleted.name)}"
    wit_name = one_line(f"{deleted.wit_namespace}:{deleted.wit_package}")
    return f"{one_line(deleted.source_id)}{target}, {wit_name}{named}"


@in_words.register(events.ConfigSet)
@in_words.register(events.ConfigDeleted)
def _(config: events.ConfigSet | events.ConfigDeleted) -> str:
    return one_line(config.config_name)


@in_words.register
def _(claims: events.EventClaims) -> str:
    return one_line(claims.name or claims.issuer)


# HTML -------------------------------------------------------------------------------------------


class Markup(str):
    """HTML that is made here. All other text is escaped before it becomes such."""


# The page's own colour for text and translucent greys, so that it fits light and dark pages; a badge brings its
# own background, and white letters that can be read on it (contrast 4.5 and above).
_STYLE = """<style>
.wasmcloud-ctl{font-size:13px;line-height:1.45}
.wasmcloud-ctl table{font-size:inherit;border-collapse:collapse;margin:4px 0 8px;border:0;color:inherit}
.wasmcloud-ctl tr{background:none!important}
.wasmcloud-ctl th,.wasmcloud-ctl td{text-align:left!important;vertical-align:top!important;
padding:3px 14px 3px 0!important;border:0!important;border-bottom:1px solid rgba(128,128,128,.35)!important;
white-space:normal;max-width:36em;overflow-wrap:break-word;background:none!important;color:inherit}
.wasmcloud-ctl th{font-weight:600;opacity:.75;white-space:nowrap}
.wasmcloud-ctl td b{white-space:nowrap}
.wasmcloud-ctl code{background:none;color:inherit;padding:0;font-size:12px}
.wasmcloud-ctl .muted{opacity:.7}
.wasmcloud-ctl .line{white-space:nowrap}
.wasmcloud-ctl .strong{font-weight:600}
.wasmcloud-ctl .title{margin:4px 0 2px}
.wasmcloud-ctl .chip{display:inline-block;background:rgba(128,128,128,.2);border-radius:4px;
padding:0 6px;margin:0 4px 2px 0}
.wasmcloud-ctl .badge{display:inline-block;border-radius:4px;padding:0 7px;font-weight:600;color:#fff;
white-space:nowrap}
.wasmcloud-ctl .good{background:#1a7f37}
.wasmcloud-ctl .bad{background:#c62828}
.wasmcloud-ctl .odd{background:#9a5b00}
</style>"""


def as_html(shown: object) -> str:
    """Something for a notebook, as HTML that is complete in itself."""
    return f'<div class="wasmcloud-ctl">{_STYLE}{body(shown)}</div>'


def page(*parts: Markup) -> str:
    """Parts that are made elsewhere, in the same style."""
    return f'<div class="wasmcloud-ctl">{_STYLE}{"".join(parts)}</div>'


def text(value: object) -> Markup:
    """A value as HTML: what is markup already as it is, all else escaped."""
    return value if isinstance(value, Markup) else Markup(html.escape("" if value is None else str(value)))


def element(tag: str, content: object, kind: str = "", title: str = "") -> Markup:
    """An element with a content, which is escaped unless it is markup."""
    attributes = (f' class="{kind}"' if kind else "") + (f' title="{html.escape(title)}"' if title else "")
    return Markup(f"<{tag}{attributes}>{text(content)}</{tag}>")


def _badge(words: str, kind: str) -> Markup:
    return element("span", words, f"badge {kind}")


def _join(parts: Iterable[object], between: str = "") -> Markup:
    return Markup(between.join(text(part) for part in parts))


def _title(*parts: object) -> Markup:
    return element("div", _join([part for part in parts if part], " "), "title")


def _table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> Markup:
    """A table; of a column that is empty in all rows nothing is shown."""
    filled = [index for index in range(len(header)) if any(text(row[index]) for row in rows)]
    if not filled:
        return Markup("")
    shown: list[Markup] = [_row([row[index] for index in filled]) for row in rows[:_MOST_ROWS]]
    if len(rows) > _MOST_ROWS:
        more = element("span", f"and {len(rows) - _MOST_ROWS} more", "muted")
        shown.append(Markup(f'<tr><td colspan="{len(filled)}">{more}</td></tr>'))
    head = element("tr", _join(element("th", header[index]) for index in filled)) if any(header) else ""
    return Markup(f"<table><thead>{head}</thead><tbody>{_join(shown)}</tbody></table>")


def _row(cells: Sequence[object]) -> Markup:
    return element("tr", _join(element("td", cell) for cell in cells))


def _id(host_id: str) -> Markup:
    return element("code", short_id(host_id), title=host_id)


def _labels(labels: Mapping[str, str]) -> Markup:
    """Labels as chips: those that people put first, the host's own about itself after them."""
    ordered = sorted(labels.items(), key=lambda label: (label[0].startswith("hostcore."), label))
    return _join(
        element("span", f"{key}={value}", "chip muted" if key.startswith("hostcore.") else "chip")
        for key, value in ordered
    )


def _refusal(message: str, words: str = "refused") -> Markup:
    return _join([_badge(words, "bad"), element("span", message)], " ")


def _undecodable_rows(undecodable: Iterable[models.Undecodable]) -> list[list[object]]:
    return [
        [_badge("undecodable", "odd"), reply.reason, element("code", one_line(repr(reply.raw), 120))]
        for reply in undecodable
    ]


def _nobody(subject: str) -> Markup:
    return _title(_badge("nobody listens", "bad"), "on", element("code", subject))


@singledispatch
def body(shown: object) -> Markup:
    """Something as HTML, without what goes around it."""
    return element("code", one_line(repr(shown), 1000))


_HOST_COLUMNS = ("host", "id", "version", "uptime", "labels")
_BID_COLUMNS = ("host", "bids for", "reference", "constraints")
_LINK_COLUMNS = ("source", "", "target", "interfaces", "name", "source config", "target config")


def _host_cells(host: models.Host) -> list[object]:
    name = element("b", host.friendly_name)
    return [name, _id(host.id), host.version, host.uptime_human, _labels(host.labels)]


def _bid_cells(bid: models.ComponentAuctionAck | models.ProviderAuctionAck) -> list[object]:
    if isinstance(bid, models.ComponentAuctionAck):
        what, reference = bid.component_id, bid.component_ref
    else:
        what, reference = bid.provider_id, bid.provider_ref
    return [_id(bid.host_id), element("b", what), element("code", reference), _labels(bid.constraints)]


def _link_cells(link: models.Link) -> list[object]:
    name = link.name if link.name != "default" else element("span", "default", "muted")
    return [
        element("b", link.source_id),
        "→",
        element("b", link.target),
        element("code", wit(link)),
        name,
        ", ".join(link.source_config),
        ", ".join(link.target_config),
    ]


@body.register
def _(host: models.Host) -> Markup:
    return _table(_HOST_COLUMNS, [_host_cells(host)])


@body.register(models.ComponentAuctionAck)
@body.register(models.ProviderAuctionAck)
def _(bid: models.ComponentAuctionAck | models.ProviderAuctionAck) -> Markup:
    return _table(_BID_COLUMNS, [_bid_cells(bid)])


@body.register
def _(link: models.Link) -> Markup:
    return _table(_LINK_COLUMNS, [_link_cells(link)])


@body.register
def _(component: models.ComponentDescription) -> Markup:
    return _components([component])


@body.register
def _(provider: models.ProviderDescription) -> Markup:
    return _providers([provider])


def _components(components: Sequence[models.ComponentDescription]) -> Markup:
    return _table(
        ("component", "max instances", "reference", "name", "annotations"),
        [
            [
                element("b", component.id),
                component.max_instances,
                element("code", component.image_ref),
                component.name,
                _labels(component.annotations or {}),
            ]
            for component in components
        ],
    )


def _providers(providers: Sequence[models.ProviderDescription]) -> Markup:
    return _table(
        ("provider", "reference", "name", "annotations"),
        [
            [
                element("b", provider.id),
                element("code", provider.image_ref),
                provider.name,
                _labels(provider.annotations or {}),
            ]
            for provider in providers
        ],
    )


@body.register
def _(inventory: models.HostInventory) -> Markup:
    about = [
        f"version {inventory.version}" if inventory.version else "",
        f"up {inventory.uptime_human}" if inventory.uptime_human else "",
        count(len(inventory.components), "component"),
        count(len(inventory.providers), "provider"),
    ]
    return _join(
        [
            _title(
                element("b", inventory.friendly_name),
                _id(inventory.host_id),
                element("span", " · ".join(words for words in about if words), "muted"),
            ),
            _title(_labels(inventory.labels)) if inventory.labels else "",
            _components(inventory.components),
            _providers(inventory.providers),
        ]
    )


def _lines(running: Iterable[tuple[str, str]]) -> Markup:
    """What runs, and the end of the reference of each, which has the version."""
    lines = [
        element(
            "span",
            _join([words, element("code", reference.rpartition("/")[2], "muted", reference)], " "),
            "line",
        )
        for words, reference in running
    ]
    return _join(lines, "<br/>") or element("span", "none", "muted")


@body.register
def _(inventories: models.Inventories) -> Markup:
    if inventories.no_responders:
        return _nobody(inventories.subject)
    rows: list[list[object]] = [
        [
            element("b", inventory.friendly_name),
            _id(host_id),
            _lines(
                (f"{component.id} ×{component.max_instances}", component.image_ref)
                for component in inventory.components
            ),
            _lines((provider.id, provider.image_ref or "") for provider in inventory.providers),
            _labels(inventory.labels),
        ]
        for host_id, inventory in inventories.data.items()
    ]
    failed: list[list[object]] = [
        [_badge("no inventory", "bad"), _id(host_id), type(error).__name__, str(error)]
        for host_id, error in inventories.errors.items()
    ]
    parts = [count(len(inventories.data), "inventory")]
    if failed:
        parts.append(count(len(failed), "error"))
    return _join(
        [
            _title(element("span", f"{', '.join(parts)} in {inventories.elapsed:.2f} s", "muted")),
            _table(("", "host", "error", ""), failed),
            _table(("", "reason", "bytes"), _undecodable_rows(inventories.undecodable)),
            _table(("host", "id", "components", "providers", "labels"), rows),
        ]
    )


@body.register(models.CtlResponse)
def _(response: models.CtlResponse[Any]) -> Markup:
    if not response.succeeded:
        return _title(_refusal(response.message))
    data = response.data
    about = "no data" if data is None else _how_many(data)
    head = _title(
        _badge("succeeded", "good"), element("span", response.message), element("span", about, "muted")
    )
    return head if data is None else _join([head, _data(data)])


def _how_many(data: Any) -> str:
    if isinstance(data, dict):
        return count(len(data), "key")
    if not isinstance(data, list):
        return ""
    noun = "link" if data and isinstance(data[0], models.Link) else "entry"
    return count(len(data), noun)


def _data(data: Any) -> Markup:
    """What a response holds: a model, a list of links, claims, or a config."""
    if isinstance(data, dict):
        return _table(("key", "value"), _config_rows(data))
    if not isinstance(data, list):
        return body(data)
    if all(isinstance(item, models.Link) for item in data):
        return _table(_LINK_COLUMNS, [_link_cells(link) for link in data])
    if all(isinstance(item, dict) for item in data):
        columns = ("name", "version", "revision", "subject", "issuer")
        return _table(columns, [[claims.get(column, "") for column in columns] for claims in data])
    return _table(("",), [[in_words(item)] for item in data])


def _config_rows(config: Mapping[str, str]) -> list[list[object]]:
    return [
        [
            element("b", key),
            element("span", "not shown; unwrap() has it", "muted")
            if _SECRET_KEY.search(key)
            else element("code", _URL_PASSWORD.sub("…", str(value))),
        ]
        for key, value in sorted(config.items())
    ]


@body.register
def _(undecodable: models.Undecodable) -> Markup:
    return _table(("", "reason", "bytes"), _undecodable_rows([undecodable]))


@body.register(models.Replies)
def _(replies: models.Replies[Any]) -> Markup:
    if replies.no_responders:
        return _nobody(replies.subject)
    refused = [response for response in replies if not response.succeeded]
    parts = [count(len(replies), "answer")]
    if refused:
        parts.append(f"{len(refused)} refused")
    if replies.undecodable:
        parts.append(f"{len(replies.undecodable)} undecodable")
    return _join(
        [
            _title(element("span", f"{', '.join(parts)} in {replies.elapsed:.2f} s", "muted")),
            *(_title(_refusal(response.message)) for response in refused),
            _table(("", "reason", "bytes"), _undecodable_rows(replies.undecodable)),
            _rows_of(replies.data),
        ]
    )


def _rows_of(data: Sequence[object]) -> Markup:
    hosts = [item for item in data if isinstance(item, models.Host)]
    bids = [
        item for item in data if isinstance(item, (models.ComponentAuctionAck, models.ProviderAuctionAck))
    ]
    return _join(
        [
            _table(_HOST_COLUMNS, [_host_cells(host) for host in hosts]),
            _table(_BID_COLUMNS, [_bid_cells(bid) for bid in bids]),
        ]
    )


@body.register
def _(event: events.Event) -> Markup:
    failed = isinstance(
        event.data,
        (
            events.ComponentScaleFailed,
            events.ProviderStartFailed,
            events.LinkdefSetFailed,
            events.HealthCheckFailed,
        ),
    )
    name = _badge(event.name, "bad") if failed else element("b", event.name)
    time = element("span", f"{event.time:%Y-%m-%d %H:%M:%S}", "muted", title=event.time.isoformat())
    head = _title(time, name, "from", _id(event.source))
    return _join([head, _table(("", ""), _event_rows(event.data, event.source))])


def _event_rows(data: object, source: str) -> list[list[object]]:
    """What the data says, field by field; what is not there is left out, and so is the host that told it."""
    if isinstance(data, models.HostInventory):
        return [["", in_words(data)]]
    fields = data.items() if isinstance(data, dict) else vars(data).items()
    rows: list[list[object]] = []
    for name, value in fields:
        if value is None or value == {} or value == () or (name == "host_id" and value == source):
            continue
        shown: object
        if name in ("labels", "annotations") and isinstance(value, dict):
            shown = _labels(value)
        elif name == "host_id":
            shown = _id(str(value))
        elif name in ("error", "reason"):
            shown = element("span", value, "strong")
        elif isinstance(value, str):
            shown = value
        elif isinstance(value, (tuple, list)):
            shown = ", ".join(map(str, value))
        else:
            shown = in_words(value)
        rows.append([name, shown])
    return rows
