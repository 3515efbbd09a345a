"""Print what runs where as CSV, with one row for each component or provider on each host.

    python examples/inventory_csv.py > inventory.csv
    python examples/inventory_csv.py --hosts 3 > inventory.csv

A host that does not answer must not look like a host that runs nothing. The script therefore reports missing hosts
on stderr and exits with status 1. Without ``--hosts``, it cannot know of a host that does not even answer the ping,
or that answers it more than 0.25 seconds after the others. Pass the number of hosts to detect that.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterator, Sequence

import wasmcloud_ctl
from wasmcloud_ctl import CtlError, Inventories

COLUMNS: tuple[str, ...] = (
    "host_id",
    "friendly_name",
    "kind",
    "id",
    "image_ref",
    "max_instances",
    "name",
    "revision",
    "annotations",
)


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
    writer = csv.DictWriter(sys.stdout, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in inventories.to_rows():
        writer.writerow({**row, "annotations": json.dumps(row["annotations"] or {}, sort_keys=True)})
    missing = list(failures(inventories, options.hosts))
    for failure in missing:
        print(f"error: {failure}", file=sys.stderr)
    return 1 if missing else 0


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
