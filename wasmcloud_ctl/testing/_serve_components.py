"""The operations on components: auction, scale, update."""

from __future__ import annotations

import re
from collections.abc import Mapping

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


async def auction(host: SimulatedHost, _: str, payload: bytes) -> Reply | None:
    """Bid for a component, or return None to stay out of the auction."""
    request = parse_command(_commands.ComponentAuction.read, payload, "component auction command")
    async with host.components_lock.read():
        # A bug of real hosts: they use the reference as the id, here and in the reply.
        runs = request.component_ref in host.components
    if runs or not host.satisfies(request.constraints):
        return None
    return data_reply(
        {
            "component_ref": request.component_ref,
            "component_id": request.component_ref,
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
    message = ""
    if other and command.allow_update:
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
    host.shared.spawn(host, _scale(host, command, update_after=other and command.allow_update))
    return accepted_reply(message)


async def _scale(host: SimulatedHost, command: _commands.ScaleComponent, *, update_after: bool) -> None:
    """Fetch the component, even if the command stops it, and scale it."""
    code = _artifacts.Component()
    missing: Failure | None = None
    try:
        code = await _fetch(host, command.component_ref)
    except Failure as failure:
        missing = failure
    if code.bad_claims is not None:
        await _publish_scale_failed(host, None, command, code.bad_claims)
        return
    try:
        await _scale_to(host, command, code, missing)
    except Failure as failure:
        await _publish_scale_failed(host, code.claims, command, failure)
        return
    if update_after:
        await _update(host, command.component_id, command.component_ref, command.host_id, {})


async def _fetch(host: SimulatedHost, component_ref: str) -> _artifacts.Component:
    async with host.registries_lock.read():
        return await _artifacts.fetch_component(component_ref, host.shared.registry)


async def _scale_to(
    host: SimulatedHost,
    command: _commands.ScaleComponent,
    code: _artifacts.Component,
    missing: Failure | None,
) -> None:
    async with host.components_lock.write():
        component = host.components.get(command.component_id)
        if component is None and command.max_instances == 0:
            annotations, image_ref = command.annotations, command.component_ref
        elif component is None:
            await _start(host, command, code, missing)
            annotations, image_ref = command.annotations, command.component_ref
        else:
            # The event shows the annotations and the reference from before the command, but the new count and claims.
            annotations, image_ref = component.annotations, component.image_ref
            if command.max_instances == 0:
                del host.components[command.component_id]
            else:
                await _rescale(host, component, command)
    await host.publish(
        "component_scaled",
        _events.component_scaled(
            code.claims,
            annotations,
            command.host_id,
            command.max_instances,
            image_ref,
            command.component_id,
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
    if code.claims is not None:
        await host.store_claims(code.claims, of_provider=False)
    specification = await host.shared.store.specification(command.component_id)
    await host.shared.store.store_specification(
        command.component_id, specification or Specification(command.component_ref, [])
    )
    # Hosts publish this event twice: here, and at the end of the scale.
    await host.publish(
        "component_scaled",
        _events.component_scaled(
            code.claims,
            command.annotations,
            host.id,
            command.max_instances,
            command.component_ref,
            command.component_id,
        ),
    )
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
) -> None:
    if component.config != command.config:
        await host.check_configs(command.config)
    elif component.max_instances == command.max_instances:
        return
    component.config = command.config
    component.max_instances = command.max_instances
    component.annotations = command.annotations
    component.limits = _understood_limits(command.limits)
    # Hosts show the new reference, but the old code goes on running.
    component.image_ref = command.component_ref


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
    if component is None:
        return refused_reply(f"component {command.component_id} not found")
    if component.image_ref == command.new_component_ref:
        return accepted_reply(
            f"component {command.component_id} already updated to {command.new_component_ref}"
        )
    host.shared.spawn(
        host,
        _update(host, command.component_id, command.new_component_ref, command.host_id, command.annotations),
    )
    return accepted_reply(
        f"component {command.component_id} updating from {component.image_ref} to {command.new_component_ref}"
    )


async def _update(
    host: SimulatedHost, component_id: str, new_ref: str, host_id: str, annotations: dict[str, str]
) -> None:
    """Replace the code of a component. A failure is silent: hosts publish no event for it."""
    async with host.components_lock.read():
        component = host.components.get(component_id)
        if component is None or component.image_ref == new_ref:
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
        # The second event (count 0) is about the old component, but hosts put the new reference into it.
        for count in (component.max_instances, 0):
            await host.publish(
                "component_scaled",
                _events.component_scaled(code.claims, annotations, host_id, count, new_ref, component_id),
            )
    async with host.components_lock.write():
        host.components[component_id] = updated


def _understood_limits(limits: Mapping[str, str] | None) -> dict[str, str] | None:
    """Return the limits that the host knows and can parse. Hosts ignore all others."""
    if limits is None:
        return None
    return {
        name: str(int(limits[name]))
        for name in ("max_memory_limit", "max_execution_time")
        if re.fullmatch(r"\+?[0-9]+", limits.get(name, "")) and int(limits[name]) < 1 << 64
    }
