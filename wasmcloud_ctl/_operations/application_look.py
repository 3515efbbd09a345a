"""What runs of an application, as hosts and wadm say, and where that is not what its manifest wants.

wadm learns of hosts by their events only, and may know less than it says. So hosts' inventories are the proof.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

import attrs

from wasmcloud_ctl._operations.application import APPLICATION, SCALER, SPREAD, Application, Part
from wasmcloud_ctl._operations.outcomes import link_key
from wasmcloud_ctl.models import HostInventory, Link, Status

_FILE = "file://"


@attrs.frozen(kw_only=True)
class Running:
    """A component or provider on one host.

    Attributes:
        host_id: The host's id.
        host: What a message calls the host.
        id: The id of the component or provider.
        reference: Its image reference. None if the host does not tell.
        count: How many instances it has. 1 for a provider.
        annotations: Its annotations.
        is_provider: Whether it is a provider.
    """

    host_id: str
    host: str
    id: str
    reference: str | None
    count: int
    annotations: Mapping[str, str]
    is_provider: bool


@attrs.frozen(kw_only=True)
class Look:
    """What was seen at one moment.

    Attributes:
        inventories: The inventories of the known hosts.
        silent: The hosts that did not answer, so that nobody knows what runs there.
        links: The links of the lattice.
        configs: The contents of the configs that the manifest names. None for one that does not exist.
        deployed_version: The version that wadm says is deployed. None if none is.
        status: The status that wadm gave after all of the above was seen.
    """

    inventories: Sequence[HostInventory]
    silent: Collection[str] = ()
    links: Sequence[Link] = ()
    configs: Mapping[str, Mapping[str, str] | None] = attrs.Factory(dict)
    deployed_version: str | None = None
    status: Status

    @property
    def scaler_ids(self) -> frozenset[str]:
        """The ids of the scalers in the status."""
        return frozenset(scaler.id for scaler in self.status.scalers)

    def running(self) -> Iterator[Running]:
        """Yield the components and providers of all hosts."""
        for inventory in self.inventories:
            for component in inventory.components:
                yield Running(
                    host_id=inventory.host_id,
                    host=_called(inventory),
                    id=component.id,
                    reference=component.image_ref,
                    count=component.max_instances,
                    annotations=component.annotations or {},
                    is_provider=False,
                )
            for provider in inventory.providers:
                yield Running(
                    host_id=inventory.host_id,
                    host=_called(inventory),
                    id=provider.id,
                    reference=provider.image_ref,
                    count=1,
                    annotations=provider.annotations or {},
                    is_provider=True,
                )

    def running_of(self, application: str) -> list[Running]:
        """Return the components and providers that wadm started for an application."""
        return [found for found in self.running() if found.annotations.get(APPLICATION) == application]


def leftover(application: str, look: Look) -> str:
    """Return what still runs of an application that is no longer deployed. Empty if nothing does."""
    for host in look.silent:
        return _unknown(host)
    for found in look.running_of(application):
        return f"{found.id} still runs on {found.host}"
    return ""


def difference(wanted: Application, before: Application, look: Look) -> str:
    """Return the first thing that is not as a manifest wants it. Empty if all is.

    ``before`` is what the version wanted that was deployed before: its links must be gone.
    """
    for host in look.silent:
        return _unknown(host)
    wanted_ids = wanted.ids
    running: dict[tuple[str, bool], list[Running]] = {}
    for found in look.running():
        if found.id in wanted_ids:
            running.setdefault((found.id, found.is_provider), []).append(found)
        elif found.annotations.get(APPLICATION) == wanted.name:
            return f"{found.id} still runs on {found.host}"
    for part in wanted.parts:
        of_part = running.get((part.id, part.is_provider), [])
        reason = _wrong_instance(wanted.name, part, of_part, look) or (
            _wrong_hosts(wanted.name, part, of_part, look)
            if part.is_provider
            else _wrong_count(part, of_part, look)
        )
        if reason:
            return reason
    return _wrong_link(wanted, look) or _old_link(wanted, before, look) or _wrong_config(wanted, look)


def _unknown(host: str) -> str:
    return f"the host {host} does not answer, so what runs there is unknown"


def _wrong_instance(application: str, part: Part, running: Sequence[Running], look: Look) -> str:
    for found in running:
        # Hosts name a provider's file without the scheme.
        reference = part.reference.removeprefix(_FILE) if part.is_provider else part.reference
        if found.reference is not None and found.reference not in (reference, part.reference):
            return f"{part.id} runs {found.reference} on {found.host}, and not {part.reference}"
        started_by = found.annotations.get(APPLICATION)
        if part.is_provider and started_by != application:
            continue  # wadm is content with a provider that somebody else has started
        if started_by != application or found.annotations.get(SCALER) not in look.scaler_ids:
            return f"what runs as {part.id} on {found.host} was not started for this version"
    return ""


def _wrong_count(part: Part, running: Sequence[Running], look: Look) -> str:
    counted: set[str] = set()
    for place in part.places:
        hosts = [inventory for inventory in look.inventories if place.fits(inventory)]
        counts = dict.fromkeys((host.host_id for host in hosts), 0)
        for found in running:
            if found.host_id in counts and found.annotations.get(SPREAD) in (place.name, None):
                counts[found.host_id] += found.count
                counted.add(found.host_id)
        for host in hosts:
            if part.on_each_host and counts[host.host_id] != place.count:
                return f"{part.id} has {counts[host.host_id]} of {place.count} instances on {_called(host)}"
        total = sum(counts.values())
        if not part.on_each_host and total != place.count:
            return f"{part.id} has {total} of {place.count} instances in spread {place.name}"
    for found in running:
        if found.host_id not in counted:
            return f"{part.id} still runs on {found.host}"
    return ""


def _wrong_hosts(application: str, part: Part, running: Sequence[Running], look: Look) -> str:
    """Return where a provider is missing or too many. A host runs it once, and wadm does not ask for which spread."""
    by_host = {found.host_id: found for found in running}
    fitting: set[str] = set()
    for place in part.places:
        hosts = [inventory for inventory in look.inventories if place.fits(inventory)]
        fitting.update(host.host_id for host in hosts)
        found = [by_host[host.host_id] for host in hosts if host.host_id in by_host]
        for host in hosts:
            if part.on_each_host and place.count and host.host_id not in by_host:
                return f"{part.id} has 0 of {place.count} instances on {_called(host)}"
        wanted = place.count * len(hosts) if part.on_each_host else place.count
        # wadm stops no instance that was started for another spread, or by somebody else.
        started = {APPLICATION: application, SPREAD: place.name}.items()
        own = [one for one in found if started <= one.annotations.items()]
        if len(found) < wanted or (len(found) > wanted and own):
            return f"{part.id} has {len(found)} of {wanted} instances in spread {place.name}"
    for one in running:
        if one.host_id not in fitting and one.annotations.get(APPLICATION) == application:
            return f"{part.id} still runs on {one.host}"
    return ""


def _called(host: HostInventory) -> str:
    return host.friendly_name or host.host_id


def _missing_link(wanted: Application, look: Look) -> Link | None:
    """Return the first link that is not as the manifest says. None if all are."""
    found = {_key(link): link for link in look.links}
    return next((link for link in wanted.links if found.get(_key(link)) != link), None)


def _wrong_link(wanted: Application, look: Look) -> str:
    link = _missing_link(wanted, look)
    return "" if link is None else f"the {_ends(link)} is not as the manifest says"


def _ends(link: Link) -> str:
    return f"link from {link.source_id} to {link.target}"


def _old_link(wanted: Application, before: Application, look: Look) -> str:
    found = {_key(link) for link in look.links} - {_key(link) for link in wanted.links}
    for link in before.links:
        # A shared component's link may be wanted by its own application, too.
        if _key(link) in found and link.source_id in before.ids:
            return f"the {_ends(link)} is still there"
    return ""


def _key(link: Link) -> tuple[str, ...]:
    return *link_key(link), link.target


def lost(wanted: Application, look: Look) -> str:
    """Return what wadm has lost of a manifest although it says deployed, and what to do. Empty if nothing.

    wadm can delete a config that the new version has, too, and does not put it again. It is content with any link of
    the same name between the same two. It has no scaler for a trait that it cannot read again, such as one with a
    spread whose requirements are empty.
    """
    scalers = {scaler.name for scaler in look.status.scalers}
    for part in wanted.parts:
        if part.id not in scalers:
            return f"wadm says deployed, but has no scaler for {part.id}: give each spread a requirement"
    reason = _wrong_config(wanted, look)
    if reason:
        return f"{reason}, though wadm says deployed: deploy this version again"
    link = _missing_link(wanted, look)
    if link is None:
        return ""
    providers = {part.id for part in wanted.parts if part.is_provider}
    if {link.source_id, link.target} <= providers:
        return f"wadm says deployed, but makes no link between providers: put the {_ends(link)} yourself"
    return f"{_wrong_link(wanted, look)}, though wadm says deployed: give the link a name of its own"


def _wrong_config(wanted: Application, look: Look) -> str:
    """Return the first config that is not as the manifest says. Empty if all are."""
    for name, contents in wanted.configs.items():
        found = look.configs.get(name)
        if found is None:
            return f"the config {name} does not exist"
        if contents is not None and found != contents:
            return f"the config {name} has other contents than the manifest"
    return ""
