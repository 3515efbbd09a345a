"""The scaler of a link."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define

from wasmcloud_ctl.testing._wadm.commands import Command
from wasmcloud_ctl.testing._wadm.events import Event
from wasmcloud_ctl.testing._wadm.scaler import View, identity
from wasmcloud_ctl.testing._wadm.status import DEPLOYED, State


@define
class LinkScaler:
    """The scaler of a link. Any link between the same two under the same name satisfies it, whatever it is for."""

    view: View
    application: str
    source_id: str
    target: str
    namespace: str
    package: str
    interfaces: Sequence[str]
    link_name: str
    source_config: Sequence[str]
    target_config: Sequence[str]
    kind: str = "LinkScaler"

    @property
    def id(self) -> str:
        """The id."""
        fixed = (self.kind, self.application, self.link_name, self.source_id, self.target)
        configs = (*self.source_config, *self.target_config)
        return identity(*fixed, self.namespace, self.package, *self.interfaces, *configs)

    @property
    def name(self) -> str:
        """The source, the target and what the link is for."""
        return f"{self.source_id} -({self.namespace}:{self.package})-> {self.target}"

    def concerns(self, event: Event) -> bool:
        """Return whether an event is about the link or one of its ends."""
        data = event.data
        match event.name:
            case "component_scaled":
                return data["component_id"] in (self.source_id, self.target)
            case "health_check_passed" | "health_check_status":
                return data["provider_id"] in (self.source_id, self.target)
            case "linkdef_deleted":
                fields = (data["source_id"], data["name"], data["wit_namespace"], data["wit_package"])
                return fields == (self.source_id, self.link_name, self.namespace, self.package)
        return False

    def plan(self) -> tuple[list[Command], State]:
        """Return the command that sets the link if it is missing, and the state."""
        wanted = self.source_id, self.target, self.link_name
        if any((link["source_id"], link["target"], link["name"]) == wanted for link in self.view.links):
            return [], DEPLOYED
        body = {
            "source_id": self.source_id,
            "target": self.target,
            "name": self.link_name,
            "wit_namespace": self.namespace,
            "wit_package": self.package,
            "interfaces": list(self.interfaces),
            "source_config": list(self.source_config),
            "target_config": list(self.target_config),
        }
        text = f"Putting link definition between {self.source_id} and {self.target}"
        return [Command("link.put", "", body)], State("reconciling", text)

    def cleanup(self) -> list[Command]:
        """Return the command that deletes the link."""
        body = {
            "source_id": self.source_id,
            "wit_namespace": self.namespace,
            "wit_package": self.package,
            "name": self.link_name,
        }
        return [Command("link.del", "", body)]
