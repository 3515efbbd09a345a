"""A lattice as boxes and arrows, and its rendering as a text tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import attrs

from wasmcloud_ctl._display.text import count, one_line, short_id


@attrs.frozen
class Item:
    """A component or provider on one host."""

    id: str
    kind: Literal["component", "provider"]
    description: str  # the kind in words, such as "component ×5"
    reference: str  # empty if the host does not report it
    application: str = ""  # the one that it belongs to. Empty if it belongs to none

    @property
    def role(self) -> str:
        """The description, and the application."""
        application = f" of {one_line(self.application)}" if self.application else ""
        return self.description + application


@attrs.frozen(kw_only=True)
class HostBox:
    """A host and what runs on it, or why its inventory is missing."""

    id: str
    name: str = ""
    labels: Sequence[str] = ()  # those that people gave it, as key=value
    items: Sequence[Item] = ()
    error: str | None = None  # None if the inventory is there


@attrs.frozen(order=True)
class Label:
    """A link: its interfaces, its name in brackets if it is not ``default``, and a line for each end's configs."""

    words: str
    name: str = ""
    configs: Sequence[str] = ()

    @property
    def text(self) -> str:
        """The interfaces and the name."""
        return self.words + self.name


@attrs.frozen(kw_only=True)
class Arrow:
    """All links from ``source`` to ``target``, with a label for each."""

    source: str
    target: str
    labels: Sequence[Label]


@attrs.frozen(kw_only=True)
class Diagram:
    """A lattice as boxes and arrows, in the order in which they are shown. The name may be empty."""

    lattice: str
    hosts: Sequence[HostBox]
    arrows: Sequence[Arrow]

    def missing(self) -> list[str]:
        """Return the ids that arrows name and no host runs, sorted."""
        running = {item.id for host in self.hosts for item in host.items}
        named = {end for arrow in self.arrows for end in (arrow.source, arrow.target)}
        return sorted(named - running)

    def hosts_of(self) -> Mapping[str, Sequence[HostBox]]:
        """Return the hosts that run each component and provider, by its id."""
        hosts: dict[str, dict[str, HostBox]] = {}
        for host in self.hosts:
            for item in host.items:
                hosts.setdefault(item.id, {})[host.id] = host
        return {item_id: list(found.values()) for item_id, found in hosts.items()}

    def applications(self) -> Mapping[str, Sequence[str]]:
        """Return the ids of what belongs to each application, by its name. Both are sorted."""
        ids: dict[str, set[str]] = {}
        for host in self.hosts:
            for item in host.items:
                if item.application:
                    ids.setdefault(item.application, set()).add(item.id)
        return {name: sorted(ids[name]) for name in sorted(ids)}

    def heading(self) -> str:
        """Return the lattice's name and how many hosts, components, providers, links and applications there are."""
        running = {(item.kind, item.id) for host in self.hosts for item in host.items}
        kinds = [kind for kind, _ in running]
        hosts = count(len(self.hosts), "host")
        components = count(kinds.count("component"), "component")
        providers = count(kinds.count("provider"), "provider")
        links = count(sum(len(arrow.labels) for arrow in self.arrows), "link")
        name = f"lattice {one_line(self.lattice)}: " if self.lattice else ""
        found = len(self.applications())
        applications = f", {count(found, 'application')}" if found else ""
        return f"{name}{hosts}, {components}, {providers}, {links}{applications}"

    def as_text(self) -> str:
        """Return the heading, and trees of the hosts, the links and the applications."""
        lines = [self.heading(), *_tree([_host_lines(host) for host in self.hosts])]
        if self.arrows:
            missing = self.missing()
            lines += ["links", *_tree([_arrow_lines(arrow, missing) for arrow in self.arrows])]
        applications = [
            [f"{one_line(name)}  {one_line(', '.join(ids), None)}"]
            for name, ids in self.applications().items()
        ]
        if applications:
            lines += ["applications", *_tree(applications)]
        return "\n".join(lines)


def _tree(branches: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a tree. A branch is its first line and, below it, the lines of its own tree."""
    lines = []
    for number, (first, *others) in enumerate(branches, start=1):
        last = number == len(branches)
        lines.append(("└─ " if last else "├─ ") + first)
        lines += [("   " if last else "│  ") + other for other in others]
    return lines


def _host_lines(host: HostBox) -> list[str]:
    if host.error is not None:
        return [f"{short_id(host.id)}  NO INVENTORY: {one_line(host.error, None)}"]
    labels = "".join(f"  {one_line(label)}" for label in host.labels)
    items = [
        f"{one_line(item.id)}  {item.role}  {one_line(item.reference, None)}".rstrip() for item in host.items
    ]
    head = f"{one_line(host.name)} ({short_id(host.id)}){labels}"
    return [head, *_tree([[item] for item in items or ["nothing runs here"]])]


def _arrow_lines(arrow: Arrow, missing: Sequence[str]) -> list[str]:
    nowhere = dict.fromkeys(one_line(end) for end in (arrow.source, arrow.target) if end in missing)
    warning = f"  {' AND '.join(nowhere)} RUNS NOWHERE" if nowhere else ""
    ends = f"{one_line(arrow.source)} -> {one_line(arrow.target)}"
    labels = [
        [one_line(label.text, 100), *_tree([[one_line(config, None)] for config in label.configs])]
        for label in arrow.labels
    ]
    if len(labels) == 1:
        [[words, *configs]] = labels
        return [f"{ends}  {words}{warning}", *configs]
    return [f"{ends}{warning}", *_tree(labels)]
