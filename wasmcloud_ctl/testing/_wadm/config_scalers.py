"""The scalers of configs and secrets. What uses a config starts only when the config is there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from attrs import define, field

from wasmcloud_ctl.testing._wadm.commands import Command, delete_config, put_config
from wasmcloud_ctl.testing._wadm.events import Event
from wasmcloud_ctl.testing._wadm.scaler import NoReply, View

_SECRET_TYPE = "secret.wasmcloud.dev/v1alpha1"
_POLICY_TYPE = "properties.secret.wasmcloud.dev/v1alpha1"


@define
class ConfigScaler:
    """The scaler of a config, or of a secret's reference, which is a config, too.

    Attributes:
        view: What it sees of the lattice.
        name: The name of the config.
        content: What the config must contain. None if the application only demands that it exists.
    """

    view: View
    name: str
    content: Mapping[str, str] | None
    _deployed: bool = field(default=False, init=False)

    async def handle_event(self, event: Event) -> list[Command]:
        """Return the commands that are needed after an event."""
        if event.name in ("config_set", "config_deleted") and event.data["config_name"] == self.name:
            return await self.reconcile()
        if event.name == "host_heartbeat" and not self._deployed:
            return await self.reconcile()
        return []

    async def reconcile(self) -> list[Command]:
        """Return the command that stores the config if it is missing or different."""
        try:
            stored = await self.view.get_config(self.name)
        except NoReply:
            self._deployed = False
            return []
        if self.content is None:
            self._deployed = stored is not None
            return []
        self._deployed = stored == self.content
        return [] if self._deployed else [put_config(self.name, self.content)]

    def cleanup(self) -> list[Command]:
        """Return the command that deletes the config, if the application has stored it."""
        return [] if self.content is None else [delete_config(self.name)]


def secret_content(secret: Mapping[str, Any], policy: Mapping[str, Any]) -> dict[str, str]:
    """Return the config that refers to a secret."""
    properties = dict(policy["properties"])
    source = secret["properties"]
    content = {
        "type": _SECRET_TYPE,
        "name": secret["name"],
        "backend": properties.pop("backend"),
        "key": source["key"],
        "policy": json.dumps(
            {"type": _POLICY_TYPE, "properties": properties}, ensure_ascii=False, separators=(",", ":")
        ),
    }
    return content | {name: source[name] for name in ("field", "version") if name in source}
