"""Move everything off a host, and stop it.

    python examples/drain_host.py purple --config echo=web --config http=listener --check
    python examples/drain_host.py purple --config echo=web --config http=listener

The script holds an auction for each component and provider that runs on no other host. The bidder that runs the
least starts it, with the same reference, instances, limits and annotations. When the inventories of the other hosts
show everything, the script stops the host. Until then it removes nothing from the host. If a start fails,
everything still runs, and you can run the same command again to continue. ``--check`` only shows what would move
where.

The script does not move what also runs on another host. If its instances are missed, scale it there. Links need no
moving, because they refer to ids. A host that answers more than 0.25 seconds after the others is missing: nothing
is moved to it, and what it runs counts as running nowhere else.

An inventory does not tell everything. You must pass:

* the configs of a component or provider: ``--config ID=NAME`` for each config, or it starts without any;
* the labels that the new host must have: ``--constraint KEY=VALUE``, for everything that moves;
* the full reference of a provider that is built in or was loaded from a file: ``--reference ID=REFERENCE``. Hosts
  drop its ``wasmcloud+builtin://`` or ``file://``.

If something like wadm manages the lattice, tell it first. Otherwise it may itself start what it misses.
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
        ("--config", "ID=NAME", "a config of the component or provider ID"),
        ("--constraint", "KEY=VALUE", "a label that the new host must have"),
        ("--reference", "ID=REFERENCE", "the full reference, if the inventory shows it without its scheme"),
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
        print("error: interrupted; the outcome of the step after the last line is unknown", file=sys.stderr)
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
    # In the meantime another host may have lost something, or this host may have started something new.
    leaving, others = look(client, host_id, [host_id, *names])
    stranded = [item.id for item in contents(leaving) if not running(item, others)]
    if stranded:
        raise NotFound(f"{leaving.friendly_name} was not stopped: no other host runs {', '.join(stranded)}")
    client.stop_host(host_id, wait=options.wait)
    print(f"{leaving.friendly_name}: stopped")


def look(
    client: Client, host_id: str, host_ids: list[str] | None = None
) -> tuple[HostInventory, list[HostInventory]]:
    """Return the inventory of the host, and those of the other hosts: of all, or of those in ``host_ids``."""
    inventories = client.get_host_inventories(host_ids).raise_for_status()
    leaving = client.get_host_inventory(host_id).unwrap()
    return leaving, [other for other in inventories if other.host_id != host_id]


def contents(host: HostInventory) -> list[Moved]:
    return [*host.components, *host.providers]


def running(item: Moved, hosts: list[HostInventory]) -> list[str]:
    """Return the names of the hosts that run this component or provider."""
    return sorted(
        host.friendly_name
        for host in hosts
        if any(type(other) is type(item) and other.id == item.id for other in contents(host))
    )


def reference(item: Moved, options: argparse.Namespace) -> str:
    known = dict(options.reference).get(item.id, item.image_ref)
    if known is None:
        raise NotFound(f"the host does not report the reference of {item.id}: pass --reference {item.id}=...")
    return str(known)


def auction(client: Client, item: Moved, load: dict[str, int], options: argparse.Namespace) -> str:
    """Hold an auction. Returns the id of the bidder that runs the least."""
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
