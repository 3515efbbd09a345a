"""The one-line summaries and tables of a live view, of a lattice at one moment, and of changes.

The package calls ``register`` once, as it does for ``_presentation``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from wasmcloud_ctl._display.tables import LazyRows, Row, Section, Table, Text, Title, sections
from wasmcloud_ctl._display.text import count, one_line, short_id, summary
from wasmcloud_ctl._presentation import host_row, row
from wasmcloud_ctl.live import (
    Change,
    ComponentChange,
    HostChange,
    Lattice,
    LinkChange,
    ProviderChange,
    ShownView,
    link_key,
)
from wasmcloud_ctl.models import (
    ComponentDescription,
    Doubt,
    HostInventory,
    ProviderDescription,
    Value,
)

# How many names of configs are shown.
_MAX_CONFIGS = 20


def _counts(lattice: Lattice, separator: str) -> str:
    """Return how many hosts, components, providers and links there are. Each component counts once."""
    counts = {
        "host": lattice.hosts,
        "component": lattice.components,
        "provider": lattice.providers,
        "link": lattice.links,
    }
    return separator.join(count(len(items), noun) for noun, items in counts.items())


def _summary_of_lattice(lattice: Lattice, whole: bool = False) -> str:
    return _counts(lattice, ", ")


def _summary_of_host_change(change: HostChange, whole: bool = False) -> str:
    host = change.after or change.before
    assert host is not None
    noun, host_id, name = "host " if whole else "", short_id(host.host_id), one_line(host.friendly_name, 40)
    if change.before is None or change.after is None:
        happened = "appeared" if change.before is None else "is gone"
    else:
        happened = _differences(change.before, change.after, ("friendly_name", "version"), whole)
        happened = ", ".join(filter(None, [happened, _label_differences(change.before, change.after)]))
    return f"{f'{noun}{host_id} {name}'.rstrip()}: {happened}"


def _summary_of_item_change(change: ComponentChange | ProviderChange, whole: bool = False) -> str:
    noun = ("component " if isinstance(change, ComponentChange) else "provider ") if whole else ""
    item: ComponentDescription | ProviderDescription | None = change.after or change.before
    assert item is not None
    if change.before is None:
        happened = f"started, {summary(item, whole).partition(', ')[2]}"
    elif change.after is None:
        happened = "stopped"
    else:
        happened = _differences(change.before, change.after, vars(change.after), whole)
    return f"{noun}{one_line(item.id)} on {short_id(change.host_id)}: {happened}"


def _summary_of_link_change(change: LinkChange, whole: bool = False) -> str:
    noun, link = "link " if whole else "", summary(change.after or change.before, whole)
    if change.before is None or change.after is None:
        happened = "put" if change.before is None else "deleted"
    else:
        happened = _differences(change.before, change.after, vars(change.after), whole)
    return f"{noun}{link}: {happened}"


def _differences(before: Value, after: Value, names: Iterable[str], whole: bool) -> str:
    """Return the attributes that differ: texts and numbers with both values, others by their names only."""
    found = []
    for name in names:
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            simple = not isinstance(old, (Mapping, tuple)) and not isinstance(new, (Mapping, tuple))
            found.append(
                f"{name} {_plain(old, whole)} -> {_plain(new, whole)}" if simple else f"{name} changed"
            )
    return ", ".join(found)


def _plain(value: object, whole: bool) -> str:
    return one_line("none" if value in (None, "") else str(value), None if whole else 60)


def _label_differences(before: HostInventory, after: HostInventory) -> str:
    found = []
    for key in sorted(before.labels.keys() | after.labels.keys()):
        old, new = before.labels.get(key), after.labels.get(key)
        if old is None:
            found.append(f"label {key}={new} added")
        elif new is None:
            found.append(f"label {key} removed")
        elif old != new:
            found.append(f"label {key} {old} -> {new}")
    return one_line(", ".join(found), None)


def _sections_of_change(change: Change) -> list[Section]:
    return [Title(Text(summary(change, True)))]


def _sections_of_lattice(lattice: Lattice) -> list[Section]:
    return [Title(Text(_counts(lattice, " · "), "muted")), *_tables(lattice)]


def _sections_of_view(picture: ShownView) -> list[Section]:
    badge = Text("stale", "badge odd") if picture.stale else Text("current", "badge good")
    as_of = Text(f"as of {picture.as_of:%H:%M:%S %Z}", "muted", picture.as_of.isoformat())
    found: list[Section] = [Title(badge, Text(_counts(picture.lattice, " · ")), as_of)]
    if picture.doubts:
        doubts = count(len(picture.doubts), "component")
        words = Text(f"{doubts}, for which a host's events and its inventory name different images")
        found.append(Title(Text("in doubt", "badge odd"), words))
    found += _tables(picture.lattice, picture.doubts)
    if picture.configs is not None:
        names = [Text(name, "chip") for name in picture.configs[:_MAX_CONFIGS]]
        left = len(picture.configs) - len(names)
        more = Text(f"and {left} more", "muted") if left else None
        found.append(Title(Text(count(len(picture.configs), "config"), "muted"), tuple(names), more))
    if picture.applications is not None:
        found.append(Title(Text(count(len(picture.applications), "application"), "muted")))
        applications = [picture.applications[name] for name in sorted(picture.applications)]
        found.append(Table(LazyRows(applications, row), "application"))
    return found


def _tables(lattice: Lattice, doubts: Iterable[Doubt] = ()) -> list[Section]:
    """Return the table of hosts, by name, and that of links. Hosts with a doubt come first."""
    of_host: dict[str, dict[str, Doubt]] = {}
    for doubt in doubts:
        of_host.setdefault(doubt.host_id, {})[doubt.component_id] = doubt

    def order(host: HostInventory) -> tuple[bool, str, str]:
        return host.host_id not in of_host, host.friendly_name, host.host_id

    def cells(host: HostInventory) -> Row:
        return host_row(host, host.host_id, version=True, doubts=of_host.get(host.host_id, {}))

    hosts = LazyRows(sorted(lattice.hosts.values(), key=order), cells)
    links = LazyRows(sorted(lattice.links, key=link_key), row)
    return [Table(hosts, "host"), Table(links, "link")]


def register() -> None:
    """Register these functions at the renderers."""
    summary.register(Lattice, _summary_of_lattice)
    summary.register(HostChange, _summary_of_host_change)
    for kind in (ComponentChange, ProviderChange):
        summary.register(kind, _summary_of_item_change)
    summary.register(LinkChange, _summary_of_link_change)
    sections.register(Lattice, _sections_of_lattice)
    sections.register(ShownView, _sections_of_view)
    for changed in (HostChange, ComponentChange, ProviderChange, LinkChange):
        sections.register(changed, _sections_of_change)
