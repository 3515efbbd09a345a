"""The operations on providers: auction, start, stop."""

from __future__ import annotations

import asyncio

from wasmcloud_ctl.testing import _artifacts, _commands, _events
from wasmcloud_ctl.testing._artifacts import BuiltinReference, FileReference, Reference
from wasmcloud_ctl.testing._claims import Claims
from wasmcloud_ctl.testing._commands import parse_command
from wasmcloud_ctl.testing._failure import Failure
from wasmcloud_ctl.testing._host import (
    Reply,
    RunningProvider,
    SimulatedHost,
    data_reply,
    refused_reply,
)
from wasmcloud_ctl.testing._store import Specification
from wasmcloud_ctl.testing._versions import (
    BUILTINS,
    BUILTINS_SILENT,
    HTTP_CLIENT,
    PROVIDER_CONFIG_LATE,
    PROVIDER_WITHOUT_SCHEME,
)


async def auction(host: SimulatedHost, _: str, payload: bytes) -> Reply | None:
    """Bid for a provider, or return None to stay out of the auction."""
    request = parse_command(_commands.ProviderAuction.read, payload, "provider auction command")
    async with host.providers_lock.read():
        runs = request.provider_id in host.providers
    if runs or not host.satisfies(request.constraints):
        return None
    return data_reply(
        {
            "host_id": host.id,
            "provider_ref": request.provider_ref,
            "provider_id": request.provider_id,
            "constraints": request.constraints,
        }
    )


async def start(host: SimulatedHost, _: str, payload: bytes) -> Reply | None:
    """Acknowledge the command, and start the provider in the background."""
    command = parse_command(_commands.StartProvider.read, payload, "provider start command")
    async with host.providers_lock.read():
        if command.provider_id in host.providers:
            return refused_reply("provider with that ID is already running")
    if not host.version.has(PROVIDER_CONFIG_LATE):
        await host.check_configs(command.config)
    if host.version.has(BUILTINS_SILENT) and _is_switched_off(host, command.provider_ref):
        return None
    host.shared.spawn(host, _start(host, command))
    return host.done_reply("successfully started provider")


def _is_switched_off(host: SimulatedHost, provider_ref: str) -> bool:
    try:
        reference = _artifacts.parse_reference(provider_ref)
    except Failure:
        return False
    return (
        isinstance(reference, BuiltinReference)
        and reference.name in ("http-server", "messaging-nats")
        and reference.name not in host.builtins
    )


async def _start(host: SimulatedHost, command: _commands.StartProvider) -> None:
    try:
        await _run(host, command)
    except Failure as failure:
        await host.publish(
            "provider_start_failed",
            _events.provider_start_failed(
                command.provider_ref, command.provider_id, command.host_id, failure
            ),
        )


async def _run(host: SimulatedHost, command: _commands.StartProvider) -> None:
    try:
        reference = _artifacts.parse_reference(command.provider_ref, builtins=host.version.has(BUILTINS))
    except Failure as failure:
        reason = (
            "failed to parse provider reference" if host.version.has(BUILTINS) else "failed to fetch provider"
        )
        raise Failure(reason, failure) from failure
    claims: Claims | None = None
    async with host.registries_lock.read():
        if not isinstance(reference, BuiltinReference):
            claims = await _artifacts.fetch_provider(reference, command.provider_ref, host.shared.registry)
        if claims is not None:
            await host.store_claims(claims, of_provider=True)
        specification = await host.shared.store.specification(command.provider_id)
        without_scheme = host.version.has(PROVIDER_WITHOUT_SCHEME)
        image_ref = _without_scheme(reference) if without_scheme else command.provider_ref
        await host.shared.store.store_specification(
            command.provider_id, specification or Specification(image_ref, [])
        )
        async with host.providers_lock.write():
            if command.provider_id in host.providers:
                raise Failure("provider is already running with that ID")
            await host.check_configs(command.config)
            if isinstance(reference, BuiltinReference):
                _check_builtin(host, reference.name)
            await host.publish(
                "provider_started",
                _events.provider_started(
                    claims, command.annotations, command.host_id, image_ref, command.provider_id
                ),
            )
            host.providers[command.provider_id] = RunningProvider(
                image_ref=image_ref, claims=claims, annotations=command.annotations
            )


def _check_builtin(host: SimulatedHost, name: str) -> None:
    known = {"http-server", "messaging-nats"} | ({"http-client"} if host.version.has(HTTP_CLIENT) else set())
    if name not in known:
        raise Failure(f"unknown builtin name: {name}")
    if name not in host.builtins:
        raise Failure(f"feature `builtin-{name}` is not enabled, denying start")


async def stop(host: SimulatedHost, _: str, payload: bytes) -> Reply:
    """Stop a provider, and reply when it has stopped."""
    command = parse_command(_commands.StopProvider.read, payload, "provider stop command")
    async with host.providers_lock.write():
        provider = host.providers.pop(command.provider_id, None)
        if provider is None:
            return refused_reply("provider with that ID is not running")
        # The lock makes requests for the inventory wait, as on a real host.
        await asyncio.sleep(host.faults.shutdown_seconds)
        await host.publish(
            "provider_stopped",
            _events.provider_stopped(provider.annotations, command.host_id, command.provider_id, "stop"),
        )
    return host.done_reply("successfully stopped provider")


def _without_scheme(reference: Reference) -> str:
    return reference.path if isinstance(reference, FileReference) else reference.name
