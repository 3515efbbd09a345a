"""Move everything off a host, and stop it.

    python examples/drain_host.py purple --config echo=web --config http=listener --check
    python examples/drain_host.py purple --config echo=web --config http=listener

Each component and provider that runs on no other host is put up for auction, and started on the bidder with the
least on it: of the same reference, with the same instances, limits and annotations. The host is stopped when the
others' inventories show all of it. Until then nothing is taken from it, so if a start fails all still runs, and the
same command goes on from there. ``--check`` only shows what would go where. What runs on another host, too, is not
started once more: where its instances are missed, scale it there. Links need no moving, for they go by id.

What an inventory does not tell, you must:

* the names of the configs that a component or provider was given: ``--config ID=NAME`` for each, or it has none;
* what labels it needs of a host: ``--constraint KEY=VALUE``, for all that is moved;
* the true reference of a provider that is built in or came from a file, for hosts drop its ``wasmcloud+builtin://``
  or ``file://``: ``--reference ID=REFERENCE``.

Whoever manages the lattice (wadm, say) should know, or it may start what it misses by itself.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import wasmcloud_ctl
from wasmcloud_ctl import Client, ComponentDescription, CtlError, HostInventory, NotFound, ProviderDescription

Moved = ComponentDescription | ProviderDescription


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("host", help="the host: its id, the beginning of it, or a part of its friendly name")
    parser.add_argument("--check", action="store_true", help="only show what would go where")
    for option, metavar, words in (
        ("--config", "ID=NAME", "a config that it is given"),
        ("--constraint", "KEY=VALUE", "a label that a host must have"),
        ("--reference", "ID=REFERENCE", "its true reference, where the inventory has lost the scheme"),
    ):
        parser.add_argument(
            option, type=pair, action="append", default=[], metavar=metavar, help=f"{words}; may be repeated"
        )
    parser.add_argument("--wait", type=float, default=60, help="seconds for each step (default: %(default)s)")
    parser.add_argument("--url", help="a NATS server's URL (default: as for wash)")
    parser.add_argument("--lattice", help="the lattice's name (default: as for wash)")
    parser.add_argument("--context", help="a wash context (default: as for wash)")
    options = parser.parse_args(argv)
    try:
        with wasmcloud_ctl.from_env(
            options.url, lattice=options.lattice, context=options.context, quiet=0.25, check=True
        ) as client:
            drain(client, options)
    except CtlError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: interrupted; the step after the last line may have been done or not", file=sys.stderr)
        return 1
    return 0


def pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise argparse.ArgumentTypeError(f"{text!r} has no =")
    return key, value


def drain(client: Client, options: argparse.Namespace) -> None:
    host_id = client.find_host(options.host).id
    leaving, others = look(client, host_id)
    load = {other.host_id: len(contents(other)) for other in others}
    names = {other.host_id: other.friendly_name for other in others}
    moves: list[tuple[Moved, str]] = []
    for item in contents(leaving):
        if elsewhere := running(item, others):
            print(f"{item.id}: runs on {', '.join(elsewhere)}, too")
            continue
        target = auction(client, item, load, options)
        load[target] += 1
        moves.append((item, target))
        print(f"{item.id}: to {names[target]}")
    if options.check:
        return
    for item, target in moves:
        start(client, item, target, options)
        print(f"{item.id}: started on {names[target]}", flush=True)
    # Something may have gone from the other hosts again, or come to this one.
    leaving, others = look(client, host_id, [host_id, *names])
    stranded = [item.id for item in contents(leaving) if not running(item, others)]
    if stranded:
        raise NotFound(
            f"{leaving.friendly_name} was not stopped, for on no other host runs {', '.join(stranded)}"
        )
    client.stop_host(host_id, wait=options.wait)
    print(f"{leaving.friendly_name}: stopped")


def look(
    client: Client, host_id: str, host_ids: list[str] | None = None
) -> tuple[HostInventory, list[HostInventory]]:
    """The inventory of the host, and those of the others: of all that there are, or of those given."""
    inventories = client.get_host_inventories(host_ids).raise_for_status().data
    leaving = client.get_host_inventory(host_id).unwrap()
    return leaving, [other for other in inventories.values() if other.host_id != host_id]


def contents(host: HostInventory) -> list[Moved]:
    return [*host.components, *host.providers]


def running(item: Moved, hosts: list[HostInventory]) -> list[str]:
    """The names of the hosts that run it."""
    return sorted(
        host.friendly_name
        for host in hosts
        if any(type(other) is type(item) and other.id == item.id for other in contents(host))
    )


def reference(item: Moved, options: argparse.Namespace) -> str:
    known = dict(options.reference).get(item.id, item.image_ref)
    if known is None:
        raise NotFound(f"the host does not tell the reference of {item.id}: give --reference {item.id}=...")
    return str(known)


def auction(client: Client, item: Moved, load: dict[str, int], options: argparse.Namespace) -> str:
    """The id of the bidder with the least on it."""
    ask = (
        client.perform_component_auction
        if isinstance(item, ComponentDescription)
        else client.perform_provider_auction
    )
    bids = ask(reference(item, options), item.id, dict(options.constraint)).data
    bidders = [bid.host_id for bid in bids if bid.host_id in load]
    if not bidders:
        raise NotFound(f"no other host would run {item.id}: nothing was moved")
    return min(bidders, key=lambda host_id: (load[host_id], host_id))


def start(client: Client, item: Moved, host_id: str, options: argparse.Namespace) -> None:
    config = [name for item_id, name in options.config if item_id == item.id]
    if isinstance(item, ComponentDescription):
        client.scale_component(
            host_id,
            reference(item, options),
            item.id,
            item.max_instances,
            item.annotations,
            config,
            component_limits=item.limits,
            wait=options.wait,
        )
    else:
        client.start_provider(
            host_id, reference(item, options), item.id, item.annotations, config, wait=options.wait
        )


if __name__ == "__main__":
    sys.exit(main())
