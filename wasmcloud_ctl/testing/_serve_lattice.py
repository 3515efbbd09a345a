"""The operations that one host serves for the whole lattice: links, configs, claims."""

from __future__ import annotations

from collections.abc import Iterable

from wasmcloud_ctl.testing import _commands, _events, _serde
from wasmcloud_ctl.testing._commands import parse_command
from wasmcloud_ctl.testing._failure import Failure
from wasmcloud_ctl.testing._host import (
    SECRET_PREFIX,
    Reply,
    SimulatedHost,
    accepted_reply,
    data_reply,
    refused_reply,
)
from wasmcloud_ctl.testing._serde import ParseError
from wasmcloud_ctl.testing._store import Specification
from wasmcloud_ctl.testing._versions import CLASHES_REFUSED, DISJOINT_CLASH, LINK_CONFIGS_NAMED

_CLASH = (
    "link already exists with different target, consider deleting the existing link or using a different "
    "link name"
)


async def get_claims(host: SimulatedHost, _: str, __: bytes) -> Reply:
    """Return the claims of everything that was ever started, as far as this host knows."""
    claims = {**host.shared.store.claims(), **host.own_claims}.values()
    # Those of components come first.
    return data_reply(sorted(claims, key=lambda entry: "config_schema" in entry))


async def get_links(host: SimulatedHost, _: str, __: bytes) -> Reply:
    """Return all links, as far as the hosts know."""
    return data_reply([_events.link_data(link) for link in host.shared.store.links()])


async def put_link(host: SimulatedHost, _: str, payload: bytes) -> Reply:
    """Set a link."""
    link = parse_command(_commands.Link.read, payload, "wrpc link definition")
    try:
        await _set_link(host, link)
    except Failure as failure:
        await host.publish("linkdef_set_failed", _events.linkdef_set_failed(link, failure))
        return refused_reply(str(failure))
    await host.publish("linkdef_set", _events.link_data(link))
    return host.done_reply("successfully set link")


async def _set_link(host: SimulatedHost, link: _commands.Link) -> None:
    """Read the source's record, change it, and write it back. As on real hosts, a concurrent change is lost."""
    await _check_configs(host, [*link.source_config, *link.target_config])
    specification = await host.shared.store.specification(link.source_id) or Specification("", [])
    same = [
        index for index, present in enumerate(specification.links) if _link_key(present) == _link_key(link)
    ]
    for index in same:
        present = specification.links[index]
        common = set(present.interfaces) & set(link.interfaces) or host.version.has(DISJOINT_CLASH)
        if present.target != link.target and common and host.version.has(CLASHES_REFUSED):
            raise Failure(_CLASH)
    for index in same:
        if specification.links[index].target == link.target:
            specification.links[index] = link
            break
    else:
        specification.links.append(link)
    await host.shared.store.store_specification(link.source_id, specification)


async def _check_configs(host: SimulatedHost, names: Iterable[str]) -> None:
    errors = ""
    for name in names:
        try:
            if await host.shared.store.config(name) is None:
                kind = "Secret reference" if name.startswith(SECRET_PREFIX) else "Configuration"
                errors += f"{kind} {name} not found in config store. "
        except Failure as failure:
            errors += f"{failure}. "
    if errors and not host.version.has(LINK_CONFIGS_NAMED):
        raise Failure("failed to resolve link config for provider")
    if errors:
        raise Failure(f"Failed to validate configuration and secrets. {errors}")


async def delete_link(host: SimulatedHost, _: str, payload: bytes) -> Reply:
    """Delete a link."""
    command = parse_command(_commands.DeleteLink.read, payload, "wrpc link definition")
    specification = await host.shared.store.specification(command.source_id)
    if specification is None:
        return host.done_reply("successfully deleted link (spec doesn't exist)")
    deleted: _commands.Link | None = None
    for index, present in enumerate(specification.links):
        if _link_key(present) == (command.name, command.wit_namespace, command.wit_package):
            deleted = present
            # The last link takes its place (Rust's swap_remove).
            specification.links[index] = specification.links[-1]
            specification.links.pop()
            break
    if deleted is not None:
        await host.shared.store.store_specification(command.source_id, specification)
    await host.publish("linkdef_deleted", _events.linkdef_deleted(command, deleted))
    return host.done_reply("successfully deleted link")


async def put_config(host: SimulatedHost, name: str, payload: bytes) -> Reply:
    """Store a config exactly as received."""
    try:
        _serde.string_map(_serde.parse(payload))
    except ParseError as error:
        raise Failure("config data should be a map of string -> string") from error
    try:
        await host.shared.store.configs.put(name, payload)
    except Failure as failure:
        raise Failure("unable to store config data", failure) from failure
    await host.publish("config_set", {"config_name": name})
    return host.done_reply("successfully put config")


async def get_config(host: SimulatedHost, name: str, _: bytes) -> Reply:
    """Return a config."""
    stored = await host.shared.store.configs.get(name)
    if stored is None:
        return accepted_reply("Configuration not found")
    try:
        return data_reply(_serde.string_map(_serde.parse(stored)))
    except ParseError as error:
        raise Failure("config data should be a map of string -> string") from error


async def delete_config(host: SimulatedHost, name: str, _: bytes) -> Reply:
    """Delete a config. Succeeds even if the config does not exist."""
    try:
        await host.shared.store.configs.purge(name)
    except Failure as failure:
        raise Failure("Unable to delete config data", failure) from failure
    await host.publish("config_deleted", {"config_name": name})
    return host.done_reply("successfully deleted config")


def _link_key(link: _commands.Link) -> tuple[str, str, str]:
    return link.name, link.wit_namespace, link.wit_package
