"""All operations of the control interface by subject, and the implementation of those about the host itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from wasmcloud_ctl.testing import _commands, _serve_components, _serve_lattice, _serve_providers
from wasmcloud_ctl.testing._commands import parse_command
from wasmcloud_ctl.testing._failure import Failure
from wasmcloud_ctl.testing._host import Reply, SimulatedHost, data_reply, refused_reply
from wasmcloud_ctl.testing._versions import LABEL_VALUE_OPTIONAL, LABELS_GUARDED, STOP_HOST_CHECKED


async def serve_request(
    host: SimulatedHost, operation: str, argument: str | None, payload: bytes
) -> Reply | None:
    """Serve a request.

    Args:
        host: The host that serves the request.
        operation: The operation, such as ``component.scale``.
        argument: The rest of the subject: the id of a host, or the name of a config. None if the subject ends with
            the operation. Hosts refuse an argument of more than one token.
        payload: The payload of the request.

    Returns:
        The reply, or None if the host does not reply.
    """
    implementation = _OPERATIONS.get((operation, argument is not None))
    if implementation is None or (argument is not None and "." in argument):
        return refused_reply("unsupported subject")
    try:
        return await implementation(host, argument or "", payload)
    except Failure as failure:
        return refused_reply(str(failure))


async def _get_inventory(host: SimulatedHost, _: str, __: bytes) -> Reply:
    return data_reply(await host.inventory())


async def _ping(host: SimulatedHost, _: str, __: bytes) -> Reply:
    return data_reply(host.description())


async def _stop_host(host: SimulatedHost, _: str, payload: bytes) -> Reply:
    if payload or not host.version.has(STOP_HOST_CHECKED):
        named = parse_command(_commands.StopHost.read, payload, "stop command").host_id
        if host.version.has(STOP_HOST_CHECKED) and named not in ("", host.id):
            return refused_reply(f"invalid host_id [{named}]")
    host.stopping = True
    return host.done_reply("successfully handled stop host")


async def _put_label(host: SimulatedHost, host_id: str, payload: bytes) -> Reply:
    command = parse_command(_commands.PutLabel.read, payload, "put label request")
    if host.version.has(LABELS_GUARDED) and command.key.lower().startswith("hostcore."):
        return refused_reply("hostcore.* labels cannot be set dynamically")
    host.labels[command.key] = command.value
    await _publish_labels(host, host_id)
    return host.done_reply("successfully put label")


async def _delete_label(host: SimulatedHost, host_id: str, payload: bytes) -> Reply:
    what = "delete label request"
    if host.version.has(LABEL_VALUE_OPTIONAL):
        key = parse_command(_commands.DeleteLabel.read, payload, what).key
    else:
        key = parse_command(_commands.PutLabel.read, payload, what).key
    if host.labels.pop(key, None) is None:
        return host.done_reply("successfully deleted label (no such label)")
    await _publish_labels(host, host_id)
    return host.done_reply("successfully deleted label")


async def _publish_labels(host: SimulatedHost, host_id: str) -> None:
    await host.publish("labels_changed", {"host_id": host_id, "labels": dict(sorted(host.labels.items()))})


async def _put_registries(host: SimulatedHost, _: str, payload: bytes) -> Reply:
    parse_command(_commands.RegistryCredential.read_all, payload, "registries put command")
    # The lock waits for images that are being pulled.
    async with host.registries_lock.write():
        return host.done_reply("successfully put registries")


_Serve = Callable[[SimulatedHost, str, bytes], Awaitable[Reply | None]]

# The keys: the operation in the subject, and whether an argument follows it.
_OPERATIONS: dict[tuple[str, bool], _Serve] = {
    ("component.auction", False): _serve_components.auction,
    ("component.scale", True): _serve_components.scale,
    ("component.update", True): _serve_components.update,
    ("provider.auction", False): _serve_providers.auction,
    ("provider.start", True): _serve_providers.start,
    ("provider.stop", True): _serve_providers.stop,
    ("host.get", True): _get_inventory,
    ("host.ping", False): _ping,
    ("host.stop", True): _stop_host,
    ("claims.get", False): _serve_lattice.get_claims,
    ("link.del", False): _serve_lattice.delete_link,
    ("link.get", False): _serve_lattice.get_links,
    ("link.put", False): _serve_lattice.put_link,
    ("label.del", True): _delete_label,
    ("label.put", True): _put_label,
    ("registry.put", False): _put_registries,
    ("config.get", True): _serve_lattice.get_config,
    ("config.put", True): _serve_lattice.put_config,
    ("config.del", True): _serve_lattice.delete_config,
}
