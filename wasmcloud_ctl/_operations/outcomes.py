"""The outcome of each operation, as a pure function of the evidence. tests/contract checks them on real hosts."""

from __future__ import annotations

from typing import Generic, TypeVar

import attrs

from wasmcloud_ctl._operations.doubts import Doubts
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
from wasmcloud_ctl.models import (
    ComponentDescription,
    HostInventory,
    Link,
    ProviderDescription,
    ScaleComponentCommand,
    StartProviderCommand,
    StopHostCommand,
    StopProviderCommand,
    UpdateComponentCommand,
)

CommandT = TypeVar(
    "CommandT",
    ScaleComponentCommand,
    UpdateComponentCommand,
    StartProviderCommand,
    StopProviderCommand,
    StopHostCommand,
)


def _certain_if(condition: bool) -> Verdict:
    return Verdict.CERTAIN if condition else Verdict.KEEP_WAITING


def _is_silent(version: str) -> bool:
    """Return whether hosts of this version publish no event if a scale changes nothing or fails: up to 1.1.0."""
    return version.startswith(("1.0.", "1.1.0"))


@attrs.frozen
class _OnHost(Operation[HostInventory], Generic[CommandT]):
    """An operation of one host, whose inventory proves the outcome."""

    state_name = "host.get"
    state_type = HostInventory

    command: CommandT

    def subject(self, subjects: Subjects, name: str) -> str:
        return subjects.host(name, self.command.host_id)

    def concerns(self, event: Event) -> bool:
        if event.source != self.command.host_id:
            return False
        return isinstance(event.data, HostStopped) or self._concerns_data(event.data)

    def _concerns_data(self, data: object) -> bool:
        """Return whether an event of this host with this data is about the command."""
        return False

    def outcome(self, evidence: Evidence[HostInventory]) -> Verdict | Failed:
        verdict = self._outcome_on_host(evidence)
        if verdict is Verdict.CERTAIN or isinstance(verdict, Failed):
            return verdict
        if evidence.gone:
            return Failed(f"host {self.command.host_id} is gone: it does not answer any more")
        if any(isinstance(event.data, HostStopped) for event in evidence.events):
            return Failed(f"host {self.command.host_id} has stopped")
        return verdict

    def _outcome_on_host(self, evidence: Evidence[HostInventory]) -> Verdict | Failed:
        """Return what the evidence proves as long as the host is there."""
        raise NotImplementedError


class _OnComponent(_OnHost[CommandT], Generic[CommandT]):
    """An operation on one component of a host, which is not safe after some of the earlier ones: see ``Doubts``."""

    @property
    def component_id(self) -> str:
        raise NotImplementedError

    def doubts_before(self, doubts: Doubts, before: HostInventory) -> Doubts:
        return doubts.after_look(_component(before, self.component_id))

    def _unsafe(self, evidence: Evidence[HostInventory], reference: str) -> str:
        """Return why a command with this reference is not safe after earlier ones. Empty if it is."""
        component = _component(evidence.before, self.component_id)
        for doubt in evidence.view_doubts:
            here = (doubt.host_id, doubt.component_id) == (self.command.host_id, self.component_id)
            if here and component is not None and component.image_ref == doubt.inventory_ref:
                return (
                    f"the host shows {doubt.inventory_ref}, but by its events it runs {doubt.event_ref}. Stop it "
                    "first, then start. (Without wait, this command would be sent.)"
                )
        others = " and ".join(sorted(evidence.doubts.about(reference)))
        # A stop settles nothing if the component does not run: what was to start it may still do so.
        stop = "; or stop first, then start" if component is not None else ""
        return others and (
            f"the outcome of an earlier command of this client, with {others}, is uncertain, and together they could "
            "make the host show a reference that it does not run. Repeat that command with a longer wait, until its "
            f"outcome is certain{stop}. (Without wait, this command would be sent.)"
        )


class ScaleComponent(_OnComponent[ScaleComponentCommand]):
    """A component's count, which may be 0, of the reference that runs. ``allow_update`` is not used with waits."""

    name = "component.scale"
    title_format = "the scale of {0.component_id} to {0.max_instances} on host {0.host_id}"
    event_names = ("component_scaled", "component_scale_failed", "host_stopped")

    @property
    def component_id(self) -> str:
        return self.command.component_id

    def refusal(self, evidence: Evidence[HostInventory]) -> str:
        command = self.command
        if command.max_instances == 0:
            return ""
        component = _component(evidence.before, command.component_id)
        if component is not None and component.image_ref != command.component_ref:
            return (
                f"it runs {component.image_ref}, and a scale does not replace that by {command.component_ref}; the "
                "host might only show it. Update first, then scale; or stop first, then start"
            )
        return self._unsafe(evidence, command.component_ref)

    def unsafe_until(self, doubts: Doubts) -> float:
        return doubts.scale_unsafe_until(self.command.component_ref) if self.command.max_instances else 0.0

    def _concerns_data(self, data: object) -> bool:
        command = self.command
        if isinstance(data, ComponentScaleFailed):
            expected = (command.component_id, command.max_instances, command.component_ref)
            return (data.component_id, data.max_instances, data.image_ref) == expected
        return isinstance(data, ComponentScaled) and data.component_id == command.component_id

    def describe(self, state: HostInventory) -> str:
        component = _component(state, self.command.component_id)
        what, where = self.command.component_id, f"on host {self.command.host_id}"
        seen = f"{what} does not run {where}"
        if component is not None:
            seen = f"{what} runs with {component.max_instances} of {component.image_ref} {where}"
        count = 0 if component is None else component.max_instances
        if count != self.command.max_instances and _is_silent(state.version):
            seen += f" (hosts of version {state.version} publish no event if a scale fails: see its log)"
        return seen

    def remark(self, evidence: Evidence[HostInventory]) -> str:
        version = evidence.before.version
        before = _component(evidence.before, self.command.component_id)
        count_before = 0 if before is None else before.max_instances
        if count_before != self.command.max_instances or not _is_silent(version):
            return ""
        return (
            f"host {self.command.host_id} has acknowledged the command and shows no change. Hosts of version "
            f"{version} publish no event then: a pull that failed or goes on, or a config that does not exist, "
            "cannot be told from nothing to do"
        )

    def _outcome_on_host(self, evidence: Evidence[HostInventory]) -> Verdict | Failed:
        count, reference = self.command.max_instances, self.command.component_ref
        failed = _last_failure(evidence)
        if failed is not None:
            # The event does not tell this scale from an earlier one of the same count and reference; let both end.
            repeated = evidence.doubts.repeats(reference)
            return Verdict.LISTEN if repeated and not evidence.quiet else failed
        before = _component(evidence.before, self.command.component_id)
        now = _component(evidence.now, self.command.component_id) if evidence.current else None
        scales = [event.data for event in evidence.events if isinstance(event.data, ComponentScaled)]
        if count == 0:
            return self._outcome_of_stop(evidence, before, scales)
        is_so = now is not None and (now.max_instances, now.image_ref) == (count, reference)
        references = [scale.image_ref for scale in scales if scale.max_instances == count]
        scaled = reference in references
        if references and not scaled:
            # Another command interfered. The host has at most renamed what that one started; let it end.
            return self._not_updated(references[-1]) if evidence.quiet else Verdict.LISTEN
        if before is None or before.max_instances != count:
            return _certain_if(is_so)
        # It was so before, so the event decides. And a failure may follow a late event of the command before.
        if not (scaled and is_so):
            return self._outcome_without_event(evidence, is_so)
        return Verdict.CERTAIN if evidence.quiet else Verdict.LISTEN

    def _outcome_without_event(self, evidence: Evidence[HostInventory], is_so: bool) -> Verdict:
        # A host that publishes no event has nothing to do, as far as it shows within a moment.
        if not is_so or evidence.acknowledgement is None or not _is_silent(evidence.before.version):
            return Verdict.KEEP_WAITING
        return Verdict.CERTAIN if evidence.quiet else Verdict.LISTEN

    def _outcome_of_stop(
        self,
        evidence: Evidence[HostInventory],
        before: ComponentDescription | None,
        scales: list[ComponentScaled],
    ) -> Verdict:
        # The event that ends an update has a count of 0, too, so only the inventory proves a stop.
        stops = [scale for scale in scales if scale.max_instances == 0]
        if not evidence.current or _component(evidence.now, self.command.component_id) is not None:
            return Verdict.KEEP_WAITING
        if before is None and not stops:
            return self._outcome_without_event(evidence, is_so=True)
        # The event of a stop has the reference that ran. With more than that, the host also works on another command:
        # an update that ends later starts the component again.
        of_the_stop = [stop for stop in stops if before is None or stop.image_ref == before.image_ref]
        only_this = scales == of_the_stop[:1]
        return Verdict.CERTAIN if only_this or evidence.quiet else Verdict.LISTEN

    def _not_updated(self, running: str) -> Failed:
        command = self.command
        return Failed(
            f"host {command.host_id} runs {running} as {command.component_id}, because of another command, and may "
            f"show {command.component_ref} all the same. Stop it first, then start"
        )

    def doubts_after(self, evidence: Evidence[HostInventory], verdict: Verdict | Failed | None) -> Doubts:
        command = self.command
        component = _component(evidence.before, command.component_id)
        reference, count = command.component_ref, command.max_instances
        failure_told = count != 0 and isinstance(verdict, Failed) and verdict.event is not None
        if verdict is Verdict.CERTAIN or failure_told:
            # After the stop of nothing, an earlier command may still start the component.
            return evidence.doubts.settled(evidence.sent) if component or count else evidence.doubts
        if count == 0:
            return evidence.doubts.with_scale((reference, 0), evidence.sent)
        was_so = component is not None and component.max_instances == count
        scaled = [event.data for event in evidence.events if isinstance(event.data, ComponentScaled)]
        # The event with a count of 0 is about what an update replaces.
        running = {data.image_ref for data in scaled if data.max_instances} - {reference}
        return evidence.doubts.with_scale((reference, None if was_so else count), evidence.sent, running)


class UpdateComponent(_OnComponent[UpdateComponentCommand]):
    """A component's reference."""

    name = "component.update"
    title_format = "the update of {0.component_id} to {0.new_component_ref} on host {0.host_id}"
    event_names = ("component_scaled", "host_stopped")

    @property
    def component_id(self) -> str:
        return self.command.component_id

    def refusal(self, evidence: Evidence[HostInventory]) -> str:
        return self._unsafe(evidence, self.command.new_component_ref)

    def unsafe_until(self, doubts: Doubts) -> float:
        return doubts.update_unsafe_until(self.command.new_component_ref)

    def _concerns_data(self, data: object) -> bool:
        return isinstance(data, ComponentScaled) and data.component_id == self.command.component_id

    def describe(self, state: HostInventory) -> str:
        component = _component(state, self.command.component_id)
        what, host = self.command.component_id, f"host {self.command.host_id}"
        if component is None:
            return f"{what} does not run on {host}"
        return f"{host} still runs {component.image_ref} as {what}"

    def _outcome_on_host(self, evidence: Evidence[HostInventory]) -> Verdict:
        if self._is_so(evidence.now):
            return Verdict.CERTAIN
        # An update to the reference that runs publishes no event: only the acknowledgement comes.
        return _certain_if(evidence.acknowledgement is not None and self._is_so(evidence.before))

    def _is_so(self, state: HostInventory | None) -> bool:
        component = _component(state, self.command.component_id)
        return component is not None and component.image_ref == self.command.new_component_ref

    def doubts_after(self, evidence: Evidence[HostInventory], verdict: Verdict | Failed | None) -> Doubts:
        doubts, reference = evidence.doubts, self.command.new_component_ref
        if verdict is Verdict.CERTAIN:
            return doubts.without_update(reference)
        return doubts.with_update(reference, evidence.sent)


class StartProvider(_OnHost[StartProviderCommand]):
    """A provider that is to run."""

    name = "provider.start"
    title_format = "the start of {0.provider_id} on host {0.host_id}"
    event_names = ("provider_started", "provider_start_failed", "host_stopped")

    def _concerns_data(self, data: object) -> bool:
        wanted = self.command.provider_id
        return isinstance(data, (ProviderStarted, ProviderStartFailed)) and data.provider_id == wanted

    def describe(self, state: HostInventory) -> str:
        provider = _provider(state, self.command.provider_id)
        what, where = self.command.provider_id, f"on host {self.command.host_id}"
        if provider is None:
            return f"{what} does not run {where}"
        return f"{what} runs {where}, of {provider.image_ref}"

    def _outcome_on_host(self, evidence: Evidence[HostInventory]) -> Verdict | Failed:
        if not evidence.current:
            return Verdict.KEEP_WAITING
        provider = _provider(evidence.now, self.command.provider_id)
        # Hosts drop the scheme of a provider from a file, or of a builtin one.
        reference = self.command.provider_ref
        without_scheme = reference.removeprefix("file://").removeprefix("wasmcloud+builtin://")
        if provider is not None and provider.image_ref in (None, reference, without_scheme):
            return Verdict.CERTAIN
        # Of two starts at the same time one fails, and events report both. So the inventory decides first.
        return _last_failure(evidence) or Verdict.KEEP_WAITING


class StopProvider(_OnHost[StopProviderCommand]):
    """A provider that is to be gone."""

    name = "provider.stop"
    title_format = "the stop of {0.provider_id} on host {0.host_id}"
    event_names = ("provider_stopped", "host_stopped")

    def _concerns_data(self, data: object) -> bool:
        return isinstance(data, ProviderStopped) and data.provider_id == self.command.provider_id

    def describe(self, state: HostInventory) -> str:
        runs = "still runs" if _provider(state, self.command.provider_id) is not None else "does not run"
        return f"{self.command.provider_id} {runs} on host {self.command.host_id}"

    def _outcome_on_host(self, evidence: Evidence[HostInventory]) -> Verdict:
        if evidence.now is None or _provider(evidence.now, self.command.provider_id) is not None:
            return Verdict.KEEP_WAITING
        ran = _provider(evidence.before, self.command.provider_id) is not None
        return _certain_if(ran or evidence.acknowledgement is not None)


class StopHost(_OnHost[StopHostCommand]):
    """A host that is to be gone. Its event is a hint; the proof is that nobody answers for it any more."""

    name = "host.stop"
    title_format = "the stop of host {0.host_id}"
    event_names = ("host_stopped",)
    absence_is_success = True

    def describe(self, state: HostInventory) -> str:
        return f"host {self.command.host_id} still answers"

    def outcome(self, evidence: Evidence[HostInventory]) -> Verdict:
        return _certain_if(evidence.gone)


@attrs.frozen(kw_only=True)
class LinkKey:
    """What identifies links in the command that deletes them. Several links can have the same key."""

    source_id: str
    name: str
    wit_namespace: str
    wit_package: str


@attrs.frozen
class _OnLinks(Operation[list[Link]]):
    """An operation on the links of one source; ``get_links`` proves the outcome."""

    state_name = "link.get"
    state_type = list[Link]

    command: Link | LinkKey

    def subject(self, subjects: Subjects, name: str) -> str:
        return subjects.control(name)

    def queue_key(self, subjects: Subjects) -> str:
        # A host reads all links of a source, changes one and writes them back, without checking for another host's
        # change in between. Of changes that overlap, all but one are lost.
        return f"{subjects.control('link')} {self.command.source_id}"


@attrs.frozen
class PutLink(_OnLinks):
    """A link that is to be there."""

    name = "link.put"
    title_format = "the link {0.name} from {0.source_id} to {0.target}"
    event_names = ("linkdef_set",)

    command: Link

    def concerns(self, event: Event) -> bool:
        return isinstance(event.data, LinkdefSet) and link_key(event.data) == link_key(self.command)

    def describe(self, state: list[Link]) -> str:
        return "get_links shows it" if self.command in state else "get_links does not show it"

    def outcome(self, evidence: Evidence[list[Link]]) -> Verdict:
        there = evidence.now is not None and self.command in evidence.now
        is_new = bool(evidence.events) or self.command not in evidence.before
        return _certain_if(evidence.acknowledgement is not None and there and is_new)


@attrs.frozen
class DeleteLink(_OnLinks):
    """A link that is to be gone."""

    name = "link.del"
    title_format = "the deletion of the link {0.name} from {0.source_id}"
    event_names = ("linkdef_deleted",)

    command: LinkKey

    def concerns(self, event: Event) -> bool:
        return isinstance(event.data, LinkdefDeleted) and link_key(event.data) == link_key(self.command)

    def describe(self, state: list[Link]) -> str:
        return f"get_links shows {self._count(state) or 'none'} of it"

    def outcome(self, evidence: Evidence[list[Link]]) -> Verdict:
        if evidence.acknowledgement is None or evidence.now is None:
            return Verdict.KEEP_WAITING
        # Of several links with the same key, a host deletes one at a time.
        now = self._count(evidence.now)
        return _certain_if(now == 0 or now < self._count(evidence.before))

    def _count(self, links: list[Link]) -> int:
        return sum(link_key(link) == link_key(self.command) for link in links)


def link_key(link: Link | LinkdefDeleted | LinkKey) -> tuple[str, str, str, str]:
    """Return what identifies links in the command that deletes them, and in its event."""
    return link.source_id, link.name, link.wit_namespace, link.wit_package


def _last_failure(evidence: Evidence[HostInventory]) -> Failed | None:
    """Return the verdict by the last event of a failure, if there is one."""
    for event in reversed(evidence.events):
        if isinstance(event.data, (ComponentScaleFailed, ProviderStartFailed)):
            return Failed(event.data.error, event)
    return None


def _component(inventory: HostInventory | None, component_id: str) -> ComponentDescription | None:
    components = () if inventory is None else inventory.components
    return next((found for found in components if found.id == component_id), None)


def _provider(inventory: HostInventory | None, provider_id: str) -> ProviderDescription | None:
    providers = () if inventory is None else inventory.providers
    return next((found for found in providers if found.id == provider_id), None)
