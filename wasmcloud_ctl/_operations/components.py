"""Commands for a component that depend on what its host runs, so the host is asked first."""

from __future__ import annotations

import attrs

from wasmcloud_ctl._bridge.handover import Deadline
from wasmcloud_ctl._operations.outcomes import ScaleComponent, UpdateComponent
from wasmcloud_ctl._operations.sender import Sender
from wasmcloud_ctl._options import arguments
from wasmcloud_ctl.exceptions import NotConnectedError, RequestTimeout, not_sent
from wasmcloud_ctl.models import CtlResponse, HostInventory, ScaleComponentCommand, UpdateComponentCommand

# For a wait whose time was spent on the look: it raises the right error.
_NO_TIME = 1e-9


def _running_reference(
    sender: Sender, host_id: str, component_id: str, timeout: float, title: str
) -> str | None:
    subject = sender.subjects.host("host.get", host_id)
    try:
        inventory = sender.request(subject, HostInventory, timeout).unwrap()
    except (RequestTimeout, NotConnectedError) as error:
        raise not_sent(error, title, sender.subjects.host("component.scale", host_id)) from error
    return next((found.image_ref for found in inventory.components if found.id == component_id), None)


def stop_component(
    sender: Sender, host_id: str, component_id: str, timeout: float | None, wait: float | None
) -> CtlResponse[None]:
    """Scale a component to 0, with the reference that runs: hosts fetch that even for a stop."""
    seconds = sender.timeout(timeout)
    deadline = Deadline(seconds if wait is None else arguments.seconds(wait, "wait"))
    title = f"the stop of {component_id} on host {host_id}"
    reference = _running_reference(sender, host_id, component_id, min(seconds, deadline.left()), title)
    if reference is None:
        return CtlResponse(succeeded=True, message=f"component {component_id} does not run on host {host_id}")
    command = ScaleComponentCommand(
        component_ref=reference, component_id=component_id, host_id=host_id, max_instances=0
    )
    left = max(deadline.left(), _NO_TIME)
    if wait is None:
        return sender.perform(ScaleComponent(command), left, None)
    return sender.perform(ScaleComponent(command), timeout, left)


def scale_and_update(
    sender: Sender, command: ScaleComponentCommand, timeout: float | None, wait: float
) -> CtlResponse[None]:
    """Scale a component, and update it if it runs another reference: two commands, each with a certain outcome.

    A host that gets both in one command fails to update a component if its count or config changes, too.
    """
    deadline = Deadline(arguments.seconds(wait, "wait"))
    look_timeout = min(sender.timeout(timeout), deadline.left())
    title = ScaleComponent(command).title
    reference = _running_reference(sender, command.host_id, command.component_id, look_timeout, title)
    scale = attrs.evolve(command, component_ref=reference or command.component_ref, allow_update=False)
    response = sender.perform(ScaleComponent(scale), timeout, max(deadline.left(), _NO_TIME))
    if scale.component_ref == command.component_ref or scale.max_instances == 0:
        return response
    update = UpdateComponentCommand(
        host_id=command.host_id,
        component_id=command.component_id,
        new_component_ref=command.component_ref,
        annotations=command.annotations,
    )
    updated = sender.perform(UpdateComponent(update), timeout, max(deadline.left(), _NO_TIME))
    messages = filter(None, (response.message, updated.message))
    return attrs.evolve(updated, message="; ".join(messages))
