"""What there is to know of the outcome of each operation; ../tests/contract shows it of real hosts."""

from __future__ import annotations

from wasmcloud_ctl._operations.wait import Command, Wait
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
from wasmcloud_ctl.exceptions import CtlError, NoResponders, OperationFailed
from wasmcloud_ctl.models import ComponentDescription, HostInventory, Link, ProviderDescription


class _OnHost(Wait[HostInventory]):
    """A wait for something that one host does."""

    def __init__(self, command: Command, host_id: str) -> None:
        super().__init__(command, command.subjects.host("host.get", host_id), HostInventory)
        self._host_id = host_id
        self._gone: str | None = None

    def on_event(self, event: Event) -> bool:
        if event.source != self._host_id:
            return False
        if isinstance(event.data, HostStopped):
            self._gone = f"host {self._host_id} has stopped"
            return True
        return self.on_host_event(event)

    def on_host_event(self, event: Event) -> bool:
        """An event of this host. Returns whether it is about this command."""
        raise NotImplementedError

    def on_gone(self) -> None:
        self._gone = f"host {self._host_id} is gone: it does not answer any more"

    def judge(self) -> bool:
        if self.judge_on_host():
            return True
        if self._gone is not None:
            raise self._failed(self._gone)
        return False

    def judge_on_host(self) -> bool:
        """Whether the outcome is certain and good, while the host is there."""
        raise NotImplementedError


class ScaleComponent(_OnHost):
    """A component's count, which may be 0, and its reference, which hosts are odd about."""

    event_names = ("component_scaled", "component_scale_failed", "host_stopped")

    def __init__(
        self,
        command: Command,
        host_id: str,
        component_id: str,
        reference: str,
        count: int,
        allow_update: bool,
    ) -> None:
        super().__init__(command, host_id)
        self._component_id = component_id
        self._reference = reference
        self._count = count
        self._allow_update = allow_update
        self._before: ComponentDescription | None = None
        self._now: ComponentDescription | None = None
        self._looked = False
        self._told = False  # an event with the reference and the count
        self._told_old: str | None = None  # the other reference of an event with the count
        self._told_more = False  # an event that is not the one of a plain stop
        self._failure: Event | None = None
        self._quiet = False

    def on_before(self, seen: HostInventory) -> None:
        self._before = _component(seen, self._component_id)

    def on_host_event(self, event: Event) -> bool:
        data = event.data
        if isinstance(data, ComponentScaleFailed):
            if (data.component_id, data.max_instances, data.image_ref) == (
                self._component_id,
                self._count,
                self._reference,
            ):
                self._failure = event
                return True
            return False
        if not isinstance(data, ComponentScaled) or data.component_id != self._component_id:
            return False
        self._looked = False  # what was seen before this event may be what was before
        of_a_stop = data.max_instances == 0 and (
            self._before is None or data.image_ref == self._before.image_ref
        )
        self._told_more = self._told_more or self._told or not of_a_stop
        if data.max_instances == self._count:
            if data.image_ref == self._reference:
                self._told = True
            elif self._count > 0:
                self._told_old = data.image_ref
            else:
                self._told = True  # a stop is told with the reference that ran
        return True

    def on_look(self, seen: HostInventory) -> None:
        self._now = _component(seen, self._component_id)
        self._looked = True
        if self._now is None:
            self._last_seen = f"{self._component_id} does not run on host {self._host_id}"
        else:
            self._last_seen = (
                f"{self._component_id} runs with {self._now.max_instances} of {self._now.image_ref} "
                f"on host {self._host_id}"
            )

    def on_quiet(self) -> None:
        self._quiet = True
        self._looked = False
        self._look_soon()

    def judge_on_host(self) -> bool:
        if self._failure is not None:
            assert isinstance(self._failure.data, ComponentScaleFailed)
            raise self._failed(self._failure.data.error, self._failure)
        if self._count == 0:
            return self._judge_stop()
        before = self._before
        if before is not None and before.image_ref != self._reference:
            return self._judge_other_reference(before.image_ref)
        if self._told_old is not None and not self._told:
            return self._judge_other_reference(self._told_old)
        if before is None or before.max_instances != self._count:
            return self._is_so()
        # It was so before: the event decides, and a failure may follow a late event of the command before.
        if self._told and self._is_so():
            self._listen()
            return self._quiet
        return False

    def _is_so(self) -> bool:
        return (
            self._looked
            and self._now is not None
            and (self._now.max_instances, self._now.image_ref) == (self._count, self._reference)
        )

    def _not_certain(self) -> CtlError:
        before = self._before
        if (
            before is not None
            and before.image_ref != self._reference
            and self._count > 0
            and not self._allow_update
        ):
            return self._not_updated(before.image_ref)  # that much is certain without any event
        return super()._not_certain()

    def _judge_stop(self) -> bool:
        # The event that ends an update has a count of 0, too, so only the inventory is believed.
        if not (self._looked and self._now is None and (self._before is not None or self._told)):
            return False
        if self._told_more and not self._quiet:
            # Another command is being worked off beside this one: an update that ends later brings back what has
            # been stopped.
            self._listen()
            return False
        return True

    def _judge_other_reference(self, old: str) -> bool:
        if self._told:
            return self._is_so()
        if self._told_old is None:
            return False
        if self._allow_update:
            # While an update is under way the inventory has the old reference; if it has the new one and no event
            # told of it, the host has renamed what runs, and will not update it.
            if not (self._is_so() and self._heard_everything()):
                return False
            self._listen()
            if not self._quiet:
                return False
        raise self._not_updated(old)

    def _not_updated(self, old: str) -> OperationFailed:
        return self._failed(
            f"host {self._host_id} goes on with {old} as {self._component_id}, which was not updated to "
            f"{self._reference}"
            + ("" if self._allow_update else " (allow_update was not given; update_component does it)")
        )


class UpdateComponent(_OnHost):
    """A component's reference."""

    event_names = ("component_scaled", "host_stopped")

    def __init__(self, command: Command, host_id: str, component_id: str, reference: str) -> None:
        super().__init__(command, host_id)
        self._component_id = component_id
        self._reference = reference
        self._was_so = False
        self._is_so = False

    def on_before(self, seen: HostInventory) -> None:
        before = _component(seen, self._component_id)
        self._was_so = before is not None and before.image_ref == self._reference
        self._note(before)

    def on_host_event(self, event: Event) -> bool:
        return isinstance(event.data, ComponentScaled) and event.data.component_id == self._component_id

    def on_look(self, seen: HostInventory) -> None:
        now = _component(seen, self._component_id)
        self._is_so = now is not None and now.image_ref == self._reference
        self._note(now)

    def _note(self, component: ComponentDescription | None) -> None:
        if component is None:
            self._last_seen = f"{self._component_id} does not run on host {self._host_id}"
        else:
            self._last_seen = f"host {self._host_id} still runs {component.image_ref} as {self._component_id}"

    def judge_on_host(self) -> bool:
        # To the reference that it has, the host's answer is all that will come.
        return self._is_so or (self._was_so and self._response is not None)


class StartProvider(_OnHost):
    """A provider that is to run."""

    event_names = ("provider_started", "provider_start_failed", "host_stopped")

    def __init__(self, command: Command, host_id: str, provider_id: str, reference: str) -> None:
        super().__init__(command, host_id)
        self._provider_id = provider_id
        # What hosts call a provider that came from a file, or is built in.
        self._references = {
            None,
            reference,
            reference.removeprefix("file://"),
            reference.removeprefix("wasmcloud+builtin://"),
        }
        self._failure: Event | None = None
        self._looked = False
        self._runs = False

    def on_host_event(self, event: Event) -> bool:
        data = event.data
        if (
            not isinstance(data, (ProviderStarted, ProviderStartFailed))
            or data.provider_id != self._provider_id
        ):
            return False
        if isinstance(data, ProviderStartFailed):
            self._failure = event
        self._looked = False
        return True

    def on_look(self, seen: HostInventory) -> None:
        now = _provider(seen, self._provider_id)
        self._looked = True
        self._runs = now is not None and now.image_ref in self._references
        if now is None:
            self._last_seen = f"{self._provider_id} does not run on host {self._host_id}"
        else:
            self._last_seen = f"{self._provider_id} runs on host {self._host_id}, of {now.image_ref}"

    def judge_on_host(self) -> bool:
        if self._looked and self._runs:
            return True
        # Of two starts at once one fails, as both are told: so a look comes first.
        if self._failure is not None and self._looked:
            assert isinstance(self._failure.data, ProviderStartFailed)
            raise self._failed(self._failure.data.error, self._failure)
        return False


class StopProvider(_OnHost):
    """A provider that is to be gone."""

    event_names = ("provider_stopped", "host_stopped")

    def __init__(self, command: Command, host_id: str, provider_id: str) -> None:
        super().__init__(command, host_id)
        self._provider_id = provider_id
        self._ran = False
        self._is_gone = False

    def on_before(self, seen: HostInventory) -> None:
        self._ran = _provider(seen, self._provider_id) is not None

    def on_host_event(self, event: Event) -> bool:
        return isinstance(event.data, ProviderStopped) and event.data.provider_id == self._provider_id

    def on_look(self, seen: HostInventory) -> None:
        self._is_gone = _provider(seen, self._provider_id) is None
        if not self._is_gone:
            self._last_seen = f"{self._provider_id} still runs on host {self._host_id}"

    def judge_on_host(self) -> bool:
        return self._is_gone and (self._ran or self._response is not None)


class StopHost(Wait[HostInventory]):
    """A host that is to be gone: its event is a hint, and that nobody answers for it any more is the proof."""

    event_names = ("host_stopped",)

    def __init__(self, command: Command, host_id: str) -> None:
        super().__init__(command, command.subjects.host("host.get", host_id), HostInventory)
        self._host_id = host_id
        self._is_gone = False

    def on_event(self, event: Event) -> bool:
        return event.source == self._host_id and isinstance(event.data, HostStopped)

    def on_look(self, seen: HostInventory) -> None:
        self._last_seen = f"host {self._host_id} still answers"

    def on_gone(self) -> None:
        self._is_gone = True

    def on_unheard(self, error: CtlError) -> None:
        # It was there a moment ago; if it is gone by now, that is what was wanted.
        if not isinstance(error, NoResponders):
            raise error

    def judge(self) -> bool:
        return self._is_gone


class PutLink(Wait[list[Link]]):
    """A link that is to be there."""

    event_names = ("linkdef_set",)

    def __init__(self, command: Command, link: Link) -> None:
        super().__init__(command, command.subjects.control("link.get"), list[Link])
        self._link = link
        self._was_there = False
        self._told = False
        self._is_there = False

    def on_before(self, seen: list[Link]) -> None:
        self._was_there = self._link in seen

    def on_event(self, event: Event) -> bool:
        data = event.data
        if not isinstance(data, LinkdefSet) or _link_key(data) != _link_key(self._link):
            return False
        self._told = True
        return True

    def on_look(self, seen: list[Link]) -> None:
        self._is_there = self._link in seen
        self._last_seen = "get_links shows it" if self._is_there else "get_links does not show it"

    def judge(self) -> bool:
        return self._response is not None and self._is_there and (self._told or not self._was_there)


class DeleteLink(Wait[list[Link]]):
    """A link that is to be gone."""

    event_names = ("linkdef_deleted",)

    def __init__(self, command: Command, key: tuple[str, str, str, str]) -> None:
        super().__init__(command, command.subjects.control("link.get"), list[Link])
        self._key = key
        self._before = 0
        self._now: int | None = None

    def on_before(self, seen: list[Link]) -> None:
        self._before = self._count(seen)

    def on_event(self, event: Event) -> bool:
        data = event.data
        return isinstance(data, LinkdefDeleted) and _link_key(data) == self._key

    def on_look(self, seen: list[Link]) -> None:
        self._now = self._count(seen)
        self._last_seen = f"get_links shows {self._now or 'none'} of it"

    def judge(self) -> bool:
        # A host deletes one link at a time, of several that go by the same names.
        if self._response is None or self._now is None:
            return False
        return self._now == 0 or self._now < self._before

    def _count(self, links: list[Link]) -> int:
        return sum(_link_key(link) == self._key for link in links)


def _link_key(link: Link | LinkdefDeleted) -> tuple[str, str, str, str]:
    """What a link goes by: source, name, WIT namespace and package."""
    return link.source_id, link.name, link.wit_namespace, link.wit_package


def _component(inventory: HostInventory, component_id: str) -> ComponentDescription | None:
    return next((found for found in inventory.components if found.id == component_id), None)


def _provider(inventory: HostInventory, provider_id: str) -> ProviderDescription | None:
    return next((found for found in inventory.providers if found.id == provider_id), None)
