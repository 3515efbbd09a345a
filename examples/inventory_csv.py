"""Print what runs where as CSV, with one row for each component or provider on each host.

    python examples/inventory_csv.py > inventory.csv
    python examples/inventory_csv.py --hosts 3 > inventory.csv

A host that does not answer must not look like a host that runs nothing. The script therefore reports missing hosts on
stderr and exits with status 1. To detect a host that does not even answer the ping, pass the number of hosts with
``--hosts``.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterator, Sequence

import wasmcloud_ctl
from wasmcloud_ctl import CtlError, HostInventory, Inventories

COLUMNS = ("host_id", "host", "kind", "id", "image_ref", "max_instances", "name", "revision", "annotations")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--hosts", type=int, help="the number of hosts in the lattice; fewer are an error")
    parser.add_argument("--url", help="a NATS server's URL (default: as for wash)")
    parser.add_argument("--lattice", help="the lattice's name (default: as for wash)")
    parser.add_argument("--context", help="a wash context (default: as for wash)")
    options = parser.parse_args(argv)
    try:
        with wasmcloud_ctl.from_env(options.url, lattice=options.lattice, context=options.context) as client:
            # With a number, wait for that many hosts. Without one, stop when no host has answered for a while.
            quiet = 0.25 if options.hosts is None else None
            inventories = client.get_host_inventories(expected=options.hosts, quiet=quiet)
            if inventories.no_responders:
                inventories.raise_for_status()
    except CtlError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(COLUMNS)
    for inventory in sorted(inventories.data.values(), key=lambda host: (host.friendly_name, host.host_id)):
        writer.writerows(rows(inventory))
    missing = list(failures(inventories, options.hosts))
    for failure in missing:
        print(f"error: {failure}", file=sys.stderr)
    return 1 if missing else 0


def rows(host: HostInventory) -> Iterator[tuple[object, ...]]:
    for component in sorted(host.components, key=lambda component: component.id):
        yield (
            host.host_id,
            host.friendly_name,
            "component",
            component.id,
            component.image_ref,
            component.max_instances,
            component.name,
            component.revision,
            json.dumps(component.annotations or {}, sort_keys=True),
        )
    for provider in sorted(host.providers, key=lambda provider: provider.id):
        yield (
            host.host_id,
            host.friendly_name,
            "provider",
            provider.id,
            provider.image_ref,
            None,
            provider.name,
            provider.revision,
            json.dumps(provider.annotations or {}, sort_keys=True),
        )


def failures(inventories: Inventories, hosts: int | None) -> Iterator[str]:
    """Yield a line for each host that is missing in the report."""
    for host_id, error in sorted(inventories.errors.items()):
        yield f"host {host_id}: {error}"
    for answer in inventories.undecodable:
        yield f"a host's reply cannot be decoded: {answer.reason}"
    answered = len(inventories.data) + len(inventories.errors) + len(inventories.undecodable)
    if hosts is not None and answered < hosts:
        yield f"{answered} of {hosts} hosts answered"


if __name__ == "__main__":
    sys.exit(main())
