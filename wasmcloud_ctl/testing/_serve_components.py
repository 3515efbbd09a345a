"""The operations on components: auction, scale, update."""

from __future__ import annotations

import re
from collections.abc import Mapping

import attrs

from wasmcloud_ctl.testing import _artifacts, _commands, _events
from wasmcloud_ctl.testing._claims import Claims
from wasmcloud_ctl.testing._commands import parse_command
from wasmcloud_ctl.testing._failure import Failure
from wasmcloud_ctl.testing._host import (
    Reply,
    RunningComponent,
    SimulatedHost,
    accepted_reply,
    data_reply,
    refused_reply,
)
from wasmcloud_ctl.testing._store import Specification
from wasmcloud_ctl.testing._versions import (
    ALLOW_UPDATE,
    AUCTION_SLIP,
    BUILTINS,
    CLAIMS_OF_COMMAND,
    ONE_STOP_EVENT,
    SCALE_EVENTS_ALWAYS,
    SCALE_FAILURE_EVENTS,
    SCALE_WITHOUT_IMAGE,
    UPDATES_ANSWERED,
)


async def auction(host: SimulatedHost, _: str, payload: bytes) -> Reply | None:
    """Bid for a component, or return None to stay out of the auction."""
    request = parse_command(_commands.ComponentAuction.read, payload, "component auction command")
    # A bug of real hosts: the newer ones use the reference as the id, here and in the reply.
    component_id = request.component_ref if host.version.has(AUCTION_SLIP) else request.component_id
    async with host.components_lock.read():
        runs = component_id in host.components
    if runs or not host.satisfies(request.constraints):
        return None
    return data_reply(
        {
            "component_ref": request.component_ref,
            "component_id": component_id,
            "host_id": host.id,
            "constraints": request.constraints,
        }
    )


async def scale(host: SimulatedHost, _: str, payload: bytes) -> Reply:
    """Acknowledge the command, and start, scale or stop the component in the background."""
    command = parse_command(_commands.ScaleComponent.read, payload, "component scale command")
    async with host.components_lock.read():
        running = host.components.get(command.component_id)
        before = None if running is None else running.image_ref
    other = before is not None and before != command.component_ref
    update_after = other and command.allow_update and host.version.has(ALLOW_UPDATE)
    message = ""
    if update_after:
        message = (
            "Requested to scale existing component, with a changed image reference: "
            f"{before} != {command.component_ref}. The component will be scaled, and the image reference "
            "will be updated afterwards."
        )
    elif other:
        message = (
            "Requested to scale existing component to a different image reference: "
            f"{before} != {command.component_ref}. The component will be scaled but the image reference "
            "will not be updated. If you meant to update this component to a new image ref, use the "
            "update command."
        )
    host.shared.spawn(host, _scale(host, command, update_after=update_after))
    return accepted_reply(message)


async def _scale(host: SimulatedHost, command: _commands.ScaleComponent, *, update_after: bool) -> None:
    """Fetch the component, even if the command stops it, and scale it."""
    code = _artifacts.Component()
    missing: Failure | None = None
    try:
        code = await _fetch(host, command.component_ref)
    except Failure as failure:
        missing = failure
    try:
        if code.bad_claims is not None:
            raise code.bad_claims
        if missing is not None and not host.version.has(SCALE_WITHOUT_IMAGE):
            raise missing
        await _scale_to(host, command, code, missing)
    except Failure as failure:
        if host.version.has(SCALE_FAILURE_EVENTS):
            await _publish_scale_failed(host, code.claims, command, failure)
        return
    if update_after:
        await _update(host, command.component_id, command.component_ref, command.host_id, {})


async def _fetch(host: SimulatedHost, component_ref: str) -> _artifacts.Component:
    async with host.registries_lock.read():
        builtins = host.version.has(BUILTINS)
        return await _artifacts.fetch_component(component_ref, host.shared.registry, builtins=builtins)


async def _scale_to(
    host: SimulatedHost,
    command: _commands.ScaleComponent,
    code: _artifacts.Component,
    missing: Failure | None,
) -> None:
    async with host.components_lock.write():
        running = host.components.get(command.component_id)
        before = None if running is None else attrs.evolve(running)
        replaced = running is not None
        if command.max_instances == 0:
            host.components.pop(command.component_id, None)
        elif running is None:
            await _start(host, command, code, missing)
        else:
            replaced = await _rescale(host, running, command)
    always = host.version.has(SCALE_EVENTS_ALWAYS)
    if before is None:
        if always:
            await _publish_scaled(host, command, code.claims, command.annotations, command.component_ref)
        return
    # The event shows the annotations and the reference from before the command, but the new count and claims.
    claims = code.claims if host.version.has(CLAIMS_OF_COMMAND) else before.claims
    if always or before.max_instances != command.max_instances:
        await _publish_scaled(host, command, claims, before.annotations, before.image_ref)
    if replaced and not host.version.has(ONE_STOP_EVENT):
        end = attrs.evolve(command, max_instances=0)
        await _publish_scaled(host, end, before.claims, before.annotations, before.image_ref)


async def _publish_scaled(
    host: SimulatedHost,
    command: _commands.ScaleComponent,
    claims: Claims | None,
    annotations: Mapping[str, str],
    image_ref: str,
) -> None:
    await host.publish(
        "component_scaled",
        _events.component_scaled(
            claims, annotations, command.host_id, command.max_instances, image_ref, command.component_id
        ),
    )


async def _start(
    host: SimulatedHost,
    command: _commands.ScaleComponent,
    code: _artifacts.Component,
    missing: Failure | None,
) -> None:
    await host.check_configs(command.config)
    if missing is not None:
        raise missing
    try:
        if code.claims is not None:
            await host.store_claims(code.claims, of_provider=False)
        specification = await host.shared.store.specification(command.component_id)
        await host.shared.store.store_specification(
            command.component_id, specification or Specification(command.component_ref, [])
        )
    except Failure as failure:
        if not host.version.has(SCALE_FAILURE_EVENTS):
            # The one failure that hosts of such a version report.
            await _publish_scale_failed(host, code.claims, command, failure)
        raise
    # Newer hosts publish this event twice: here, and at the end of the scale.
    this = attrs.evolve(command, host_id=host.id)
    await _publish_scaled(host, this, code.claims, command.annotations, command.component_ref)
    host.components[command.component_id] = RunningComponent(
        image_ref=command.component_ref,
        code_ref=command.component_ref,
        claims=code.claims,
        annotations=command.annotations,
        max_instances=command.max_instances,
        config=command.config,
        limits=_understood_limits(command.limits),
    )


async def _rescale(
    host: SimulatedHost, component: RunningComponent, command: _commands.ScaleComponent
) -> bool:
    """Scale a component that runs. Return whether the command changes anything."""
    if component.config != command.config:
        await host.check_configs(command.config)
    elif component.max_instances == command.max_instances:
        return False
    component.config = command.config
    component.max_instances = command.max_instances
    component.annotations = command.annotations
    component.limits = _understood_limits(command.limits)
    # Hosts show the new reference, but the old code goes on running.
    component.image_ref = command.component_ref
    return True


async def _publish_scale_failed(
    host: SimulatedHost, claims: Claims | None, command: _commands.ScaleComponent, failure: Failure
) -> None:
    await host.publish(
        "component_scale_failed",
        _events.component_scale_failed(
            claims,
            command.annotations,
            command.host_id,
            command.max_instances,
            command.component_ref,
            command.component_id,
            failure,
        ),
    )


async def update(host: SimulatedHost, _: str, payload: bytes) -> Reply:
    """Acknowledge the command, and replace the component's code in the background."""
    command = parse_command(_commands.UpdateComponent.read, payload, "component update command")
    async with host.components_lock.read():
        component = host.components.get(command.component_id)
    message = ""
    if host.version.has(UPDATES_ANSWERED):
        if component is None:
            return refused_reply(f"component {command.component_id} not found")
        if component.image_ref == command.new_component_ref:
            return accepted_reply(
                f"component {command.component_id} already updated to {command.new_component_ref}"
            )
        old_ref, new_ref = component.image_ref, command.new_component_ref
        message = f"component {command.component_id} updating from {old_ref} to {new_ref}"
    host.shared.spawn(
        host,
        _update(host, command.component_id, command.new_component_ref, command.host_id, command.annotations),
    )
    return accepted_reply(message)


async def _update(
    host: SimulatedHost, component_id: str, new_ref: str, host_id: str, annotations: dict[str, str]
) -> None:
    """Replace the code of a component. A failure is silent: hosts publish no event for it."""
    async with host.components_lock.read():
        component = host.components.get(component_id)
        if component is None:
            return
        if component.image_ref == new_ref and host.version.has(UPDATES_ANSWERED):
            return
        try:
            code = await _fetch(host, new_ref)
            if code.bad_claims is not None:
                return
            if code.claims is not None:
                await host.store_claims(code.claims, of_provider=False)
        except Failure:
            return
        updated = RunningComponent(
            image_ref=new_ref,
            code_ref=new_ref,
            claims=code.claims,
            annotations=annotations,
            max_instances=component.max_instances,
            config=component.config,
            limits=component.limits,
        )
        await _publish_update(host, component, updated, host_id, component_id)
    async with host.components_lock.write():
        host.components[component_id] = updated


async def _publish_update(
    host: SimulatedHost, old: RunningComponent, new: RunningComponent, host_id: str, component_id: str
) -> None:
    # The event with a count of 0 is about the old component, but newer hosts put the new reference into it.
    counts_and_parts = [(new.max_instances, new, new), (0, new, new)]
    if not host.version.has(ONE_STOP_EVENT):
        counts_and_parts = [(new.max_instances, new, old), (0, old, old), (0, old, old)]
    for count, code, shown in counts_and_parts:
        await host.publish(
            "component_scaled",
            _events.component_scaled(
                code.claims, shown.annotations, host_id, count, code.image_ref, component_id
            ),
        )


def _understood_limits(limits: Mapping[str, str] | None) -> dict[str, str] | None:
    """Return the limits that the host knows and can parse. Hosts ignore all others."""
    if limits is None:
        return None
    return {
        name: str(int(limits[name]))
        for name in ("max_memory_limit", "max_execution_time")
        if re.fullmatch(r"\+?[0-9]+", limits.get(name, "")) and int(limits[name]) < 1 << 64
    }
