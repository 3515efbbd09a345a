"""The outcome of each operation, as a pure function of the evidence. tests/contract checks them on real hosts."""

from __future__ import annotations

import attrs

from wasmcloud_ctl._operations.evidence import Evidence, Failed, Operation, Verdict
from wasmcloud_ctl._protocol.subjects import Subjects
from wasmcloud_ctl.events import (
    ComponentScaled,
    ComponentScaleFailed,
    Event,
    HostStopped,
    LinkdefDeleted,
    LinkdefSet,
    ProviderStarted,
    ProviderStartFailed,
    ProviderStopped,
)
from wasmcloud_ctl.models import ComponentDescription, HostInventory, Link, ProviderDescription


def _certain_if(condition: bool) -> Verdict:
    return Verdict.CERTAIN if condition else Verdict.KEEP_WAITING


@attrs.frozen(kw_only=True)
class _OnHost(Operation[HostInventory]):
    """An operation of one host, whose inventory proves the outcome."""

    state_type = HostInventory

    host_id: str

    def state_subject(self, subjects: Subjects) -> str:
        return subjects.host("host.get", self.host_id)

    def concerns(self, event: Event) -> bool:
        if event.source != self.host_id:
            return False
        return isinstance(event.data, HostStopped) or self._concerns_data(event.data)

    def _concerns_data(self, data: object) -> bool:
        """Return whether an event of this host with this data is about the command."""
        raise NotImplementedError

    def outcome(self, evidence: Evidence[HostInventory]) -> Verdict | Failed:
        verdict = self._outcome_on_host(evidence)
        if verdict is Verdict.CERTAIN or isinstance(verdict, Failed):
            return verdict
        if evidence.gone:
            return Failed(f"host {self.host_id} is gone: it does not answer any more")
        if any(isinstance(event.data, HostStopped) for event in evidence.events):
            return Failed(f"host {self.host_id} has stopped")
        return verdict

    def _outcome_on_host(self, evidence: Evidence[HostInventory]) -> Verdict | Failed:
        """Return what the evidence proves as long as the host is there."""
        raise NotImplementedError


@attrs.define
class _Told:
    """What the events of a component say about its scale.

    Attributes:
        failure: The event of a failure.
        scaled: Whether an event has the count and the reference.
        other_reference: The reference of an event that has the count and another reference.
        more_than_a_stop: Whether there is more than the one event of a stop.
    """

    failure: Event | None = None
    scaled: bool = False
    other_reference: str | None = None
    more_than_a_stop: bool = False


@attrs.frozen(kw_only=True)
class ScaleComponent(_OnHost):
    """A component's count, which may be 0, and its reference."""

    event_names = ("component_scaled", "component_scale_failed", "host_stopped")

    component_id: str
    reference: str
    count: int
    allow_update: bool

    @property
    def title(self) -> str:
        return f"the scale of {self.component_id} to {self.count} on host {self.host_id}"

    def _concerns_data(self, data: object) -> bool:
        if isinstance(data, ComponentScaleFailed):
            expected = (self.component_id, self.count, self.reference)
            return (data.component_id, data.max_instances, data.image_ref) == expected
        return isinstance(data, ComponentScaled) and data.component_id == self.component_id

    def describe(self, state: HostInventory) -> str:
        component = _component(state, self.component_id)
        if component is None:
            return f"{self.component_id} does not run on host {self.host_id}"
        return (
            f"{self.component_id} runs with {component.max_instances} of {component.image_ref} "
            f"on host {self.host_id}"
        )

    def _outcome_on_host(self, evidence: Evidence[HostInventory]) -> Verdict | Failed:
        before = _component(evidence.before, self.component_id)
        told = self._told(evidence.events, before)
        if told.failure is not None:
            assert isinstance(told.failure.data, ComponentScaleFailed)
            return Failed(told.failure.data.error, told.failure)
        if self.count == 0:
            return self._outcome_of_stop(evidence, before, told)
        if before is not None and before.image_ref != self.reference:
            return self._outcome_of_other_reference(evidence, told, before.image_ref)
        if told.other_reference is not None and not told.scaled:
            return self._outcome_of_other_reference(evidence, told, told.other_reference)
        if before is None or before.max_instances != self.count:
            return _certain_if(self._is_so(evidence))
        # It was so before, so the event decides. And a failure may follow a late event of the command before.
        if not (told.scaled and self._is_so(evidence)):
            return Verdict.KEEP_WAITING
        return Verdict.CERTAIN if evidence.quiet else Verdict.LISTEN

    def _told(self, events: tuple[Event, ...], before: ComponentDescription | None) -> _Told:
        told = _Told()
        for event in events:
            data = event.data
            if isinstance(data, ComponentScaleFailed):
                told.failure = event
            elif isinstance(data, ComponentScaled):
                of_a_stop = data.max_instances == 0 and (before is None or data.image_ref == before.image_ref)
                told.more_than_a_stop = told.more_than_a_stop or told.scaled or not of_a_stop
                if data.max_instances == self.count:
                    # The event of a stop has the reference that ran.
                    if data.image_ref == self.reference or self.count == 0:
                        told.scaled = True
                    else:
                        told.other_reference = data.image_ref
        return told

    def _is_so(self, evidence: Evidence[HostInventory]) -> bool:
        if not evidence.current or evidence.now is None:
            return False
        component = _component(evidence.now, self.component_id)
        expected = (self.count, self.reference)
        return component is not None and (component.max_instances, component.image_ref) == expected

    def _outcome_of_stop(
        self, evidence: Evidence[HostInventory], before: ComponentDescription | None, told: _Told
    ) -> Verdict:
        # The event that ends an update has a count of 0, too, so only the inventory proves a stop.
        if not evidence.current or evidence.now is None or (before is None and not told.scaled):
            return Verdict.KEEP_WAITING
        if _component(evidence.now, self.component_id) is not None:
            return Verdict.KEEP_WAITING
        if told.more_than_a_stop and not evidence.quiet:
            # The host also works on another command: an update that ends later starts the component again.
            return Verdict.LISTEN
        return Verdict.CERTAIN

    def _outcome_of_other_reference(
        self, evidence: Evidence[HostInventory], told: _Told, old: str
    ) -> Verdict | Failed:
        if told.scaled:
            return _certain_if(self._is_so(evidence))
        if told.other_reference is None:
            return Verdict.KEEP_WAITING
        if self.allow_update:
            # During an update the inventory has the old reference. If it has the new one and no event reported that,
            # the host has only renamed what runs, and will not update it.
            if not (self._is_so(evidence) and evidence.gaps == 0):
                return Verdict.KEEP_WAITING
            if not evidence.quiet:
                return Verdict.LISTEN
        return self._not_updated(old)

    def _not_updated(self, old: str) -> Failed:
        advice = "" if self.allow_update else " (allow_update was not given; update_component does it)"
        return Failed(
            f"host {self.host_id} goes on with {old} as {self.component_id}, which was not updated to "
            f"{self.reference}{advice}"
        )

    def outcome_at_end(self, evidence: Evidence[HostInventory]) -> Failed | None:
        before = _component(evidence.before, self.component_id)
        if self.allow_update or self.count == 0 or before is None or before.image_ref == self.reference:
            return None
        return self._not_updated(before.image_ref)  # this much is certain without any event


@attrs.frozen(kw_only=True)
class UpdateComponent(_OnHost):
    """A component's reference."""

    event_names = ("component_scaled", "host_stopped")

    component_id: str
    reference: str

    @property
    def title(self) -> str:
        return f"the update of {self.component_id} to {self.reference} on host {self.host_id}"

    def _concerns_data(self, data: object) -> bool:
        return isinstance(data, ComponentScaled) and data.component_id == self.component_id

    def describe(self, state: HostInventory) -> str:
        component = _component(state, self.component_id)
        if component is None:
            return f"{self.component_id} does not run on host {self.host_id}"
        return f"host {self.host_id} still runs {component.image_ref} as {self.component_id}"

    def _outcome_on_host(self, evidence: Evidence[HostInventory]) -> Verdict:
        if evidence.now is not None and self._is_so(evidence.now):
            return Verdict.CERTAIN
        # An update to the reference that runs publishes no event: only the acknowledgement comes.
        return _certain_if(evidence.acknowledgement is not None and self._is_so(evidence.before))

    def _is_so(self, state: HostInventory) -> bool:
        component = _component(state, self.component_id)
        return component is not None and component.image_ref == self.reference


@attrs.frozen(kw_only=True)
class StartProvider(_OnHost):
    """A provider that is to run."""

    event_names = ("provider_started", "provider_start_failed", "host_stopped")

    provider_id: str
    reference: str

    @property
    def title(self) -> str:
        return f"the start of {self.provider_id} on host {self.host_id}"

    def _concerns_data(self, data: object) -> bool:
        return (
            isinstance(data, (ProviderStarted, ProviderStartFailed)) and data.provider_id == self.provider_id
        )

    def describe(self, state: HostInventory) -> str:
        provider = _provider(state, self.provider_id)
        if provider is None:
            return f"{self.provider_id} does not run on host {self.host_id}"
        return f"{self.provider_id} runs on host {self.host_id}, of {provider.image_ref}"

    def _outcome_on_host(self, evidence: Evidence[HostInventory]) -> Verdict | Failed:
        if not evidence.current or evidence.now is None:
            return Verdict.KEEP_WAITING
        provider = _provider(evidence.now, self.provider_id)
        # Hosts drop the scheme of a provider from a file, or of a builtin one.
        references = {
            None,
            self.reference,
            self.reference.removeprefix("file://"),
            self.reference.removeprefix("wasmcloud+builtin://"),
        }
        if provider is not None and provider.image_ref in references:
            return Verdict.CERTAIN
        # Of two starts at the same time one fails, and events report both. So the inventory decides first.
        for event in reversed(evidence.events):
            if isinstance(event.data, ProviderStartFailed):
                return Failed(event.data.error, event)
        return Verdict.KEEP_WAITING


@attrs.frozen(kw_only=True)
class StopProvider(_OnHost):
    """A provider that is to be gone."""

    event_names = ("provider_stopped", "host_stopped")

    provider_id: str

    @property
    def title(self) -> str:
        return f"the stop of {self.provider_id} on host {self.host_id}"

    def _concerns_data(self, data: object) -> bool:
        return isinstance(data, ProviderStopped) and data.provider_id == self.provider_id

    def describe(self, state: HostInventory) -> str:
        runs = "still runs" if _provider(state, self.provider_id) is not None else "does not run"
        return f"{self.provider_id} {runs} on host {self.host_id}"

    def _outcome_on_host(self, evidence: Evidence[HostInventory]) -> Verdict:
        if evidence.now is None or _provider(evidence.now, self.provider_id) is not None:
            return Verdict.KEEP_WAITING
        ran = _provider(evidence.before, self.provider_id) is not None
        return _certain_if(ran or evidence.acknowledgement is not None)


@attrs.frozen(kw_only=True)
class StopHost(_OnHost):
    """A host that is to be gone. Its event is a hint; the proof is that nobody answers for it any more."""

    event_names = ("host_stopped",)
    absence_is_success = True

    @property
    def title(self) -> str:
        return f"the stop of host {self.host_id}"

    def concerns(self, event: Event) -> bool:
        return event.source == self.host_id and isinstance(event.data, HostStopped)

    def describe(self, state: HostInventory) -> str:
        return f"host {self.host_id} still answers"

    def outcome(self, evidence: Evidence[HostInventory]) -> Verdict:
        return _certain_if(evidence.gone)


LinkKey = tuple[str, str, str, str]


class _OnLinks(Operation[list[Link]]):
    """An operation on the links of one source; ``get_links`` proves the outcome."""

    state_type = list[Link]

    @property
    def source_id(self) -> str:
        raise NotImplementedError

    def state_subject(self, subjects: Subjects) -> str:
        return subjects.control("link.get")

    def queue_key(self, subjects: Subjects) -> str:
        # A host reads all links of a source, changes one and writes them back, without checking for another host's
        # change in between. Of changes that overlap, all but one are lost.
        return f"{subjects.control('link')} {self.source_id}"


@attrs.frozen(kw_only=True)
class PutLink(_OnLinks):
    """A link that is to be there."""

    event_names = ("linkdef_set",)

    link: Link

    @property
    def source_id(self) -> str:
        return self.link.source_id

    @property
    def title(self) -> str:
        return f"the link {self.link.name} from {self.link.source_id} to {self.link.target}"

    def concerns(self, event: Event) -> bool:
        return isinstance(event.data, LinkdefSet) and _link_key(event.data) == _link_key(self.link)

    def describe(self, state: list[Link]) -> str:
        return "get_links shows it" if self.link in state else "get_links does not show it"

    def outcome(self, evidence: Evidence[list[Link]]) -> Verdict:
        there = evidence.now is not None and self.link in evidence.now
        told = bool(evidence.events) or self.link not in evidence.before
        return _certain_if(evidence.acknowledgement is not None and there and told)


@attrs.frozen(kw_only=True)
class DeleteLink(_OnLinks):
    """A link that is to be gone."""

    event_names = ("linkdef_deleted",)

    key: LinkKey

    @property
    def source_id(self) -> str:
        return self.key[0]

    @property
    def title(self) -> str:
        return f"the deletion of the link {self.key[1]} from {self.source_id}"

    def concerns(self, event: Event) -> bool:
        return isinstance(event.data, LinkdefDeleted) and _link_key(event.data) == self.key

    def describe(self, state: list[Link]) -> str:
        return f"get_links shows {self._count(state) or 'none'} of it"

    def outcome(self, evidence: Evidence[list[Link]]) -> Verdict:
        if evidence.acknowledgement is None or evidence.now is None:
            return Verdict.KEEP_WAITING
        # Several links can have the same key, and a host deletes one of them at a time.
        now = self._count(evidence.now)
        return _certain_if(now == 0 or now < self._count(evidence.before))

    def _count(self, links: list[Link]) -> int:
        return sum(_link_key(link) == self.key for link in links)


def _link_key(link: Link | LinkdefDeleted) -> LinkKey:
    return link.source_id, link.name, link.wit_namespace, link.wit_package


def _component(inventory: HostInventory, component_id: str) -> ComponentDescription | None:
    return next((found for found in inventory.components if found.id == component_id), None)


def _provider(inventory: HostInventory, provider_id: str) -> ProviderDescription | None:
    return next((found for found in inventory.providers if found.id == provider_id), None)
