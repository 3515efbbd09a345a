"""Alert when the lattice differs from a file.

    python examples/alert_on_drift.py wanted.json --write
    python examples/alert_on_drift.py wanted.json --once
    python examples/alert_on_drift.py wanted.json

``--write`` writes the lattice as it is now to the file. ``--once`` prints a line for each difference and ends, with
status 3 if there is one and 0 if there is none, as a cron job needs it. Otherwise the script prints a line whenever a
difference comes, changes or goes, until Ctrl-C or the end of ``--for``. While there is no connection it sees nothing,
and says so.

A host that restarts has a new id, and wadm may start a component on another host. So the script does not look at
where something runs, but at what runs in the whole lattice: the images and the number of instances of each component,
the images and the number of hosts of each provider, and the links. ``--by-host`` compares host by host, with all that
inventories have apart from uptimes.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path

import wasmcloud_ctl
from wasmcloud_ctl import (
    Client,
    ComponentDescription,
    CtlError,
    InvalidArgument,
    ProviderDescription,
    WaitTimeout,
)
from wasmcloud_ctl.live import Lattice, LatticeView

# The fields of each thing, by its name.
Facts = dict[str, dict[str, object]]

# A lost connection changes nothing in the view, so look for it this often.
CHECK_SECONDS = 5.0


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("file", type=Path, help="the JSON file")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--write", action="store_true", help="write the lattice to the file, and end")
    what.add_argument(
        "--once", action="store_true", help="compare once; the status is 3 if something differs"
    )
    what.add_argument(
        "--for", dest="seconds", type=float, default=float("inf"), help="end after this many seconds"
    )
    parser.add_argument("--by-host", action="store_true", help="compare host by host")
    parser.add_argument("--hosts", type=int, help="how many hosts there are; do not wait for more")
    parser.add_argument("--url", help="a NATS server's URL (default: as for wash)")
    parser.add_argument("--lattice", help="the lattice's name (default: as for wash)")
    parser.add_argument("--context", help="a wash context (default: as for wash)")
    options = parser.parse_args(argv)
    try:
        wanted = {} if options.write else facts(read(options.file), options.by_host)
        with (
            wasmcloud_ctl.from_env(options.url, lattice=options.lattice, context=options.context) as client,
            client.watch(expected=options.hosts) as view,
        ):
            if options.write:
                write(options.file, certain(view))
            elif options.once:
                found = differences(wanted, facts(certain(view), options.by_host))
                for name, text in found.items():
                    print(name, text)
                return 3 if found else 0
            else:
                print(f"watching lattice {client.lattice!r}", flush=True)
                end = time.monotonic() + options.seconds
                for alert in alerts(client, view, wanted, options.by_host, end):
                    print(datetime.now(timezone.utc).isoformat(timespec="seconds"), alert, flush=True)
    except KeyboardInterrupt:
        if options.write or options.once:
            print("error: interrupted", file=sys.stderr)
            return 1
    except (CtlError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def read(path: Path) -> Lattice:
    """Read the lattice from the file.

    Raises:
        ValueError: The file is not there, or not valid.
    """
    try:
        return Lattice.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise ValueError(f"{path} does not exist; --write makes it") from None
    except (InvalidArgument, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error


def write(path: Path, lattice: Lattice) -> None:
    """Write the lattice to the file, with a line for each value."""
    path.write_text(json.dumps(lattice.to_dict(), indent=2) + "\n", encoding="utf-8")
    counts = len(lattice.hosts), len(lattice.components), len(lattice.providers), len(lattice.links)
    print("wrote {} hosts, {} components, {} providers, {} links".format(*counts))


def certain(view: LatticeView) -> Lattice:
    """Return the lattice when nothing in it may be wrong.

    Raises:
        WaitTimeout: A host does not answer.
    """
    if view.stale:
        view.refresh()
    return view.lattice


def alerts(client: Client, view: LatticeView, wanted: Facts, by_host: bool, end: float) -> Iterator[str]:
    """Yield a line for each difference that comes, changes or goes."""
    told: dict[str, str] = {}

    def is_news(lattice: Lattice) -> bool:
        return differences(wanted, facts(lattice, by_host)) != told

    was_connected = True
    while (left := end - time.monotonic()) > 0:
        try:
            lattice = view.wait_until(is_news, min(left, CHECK_SECONDS))
        except WaitTimeout:
            pass
        else:
            found = differences(wanted, facts(lattice, by_host))
            yield from (f"{name} {text}" for name, text in found.items() if told.get(name) != text)
            yield from (f"{name} is as in the file again" for name in told if name not in found)
            told = found
        if client.connected is not was_connected:
            was_connected = client.connected
            yield "the connection is back" if was_connected else "the connection is lost: nothing can be seen"


def facts(lattice: Lattice, by_host: bool) -> Facts:
    """Return what is compared of a lattice."""
    found: Facts = {}
    if by_host:
        for host_id, host in lattice.hosts.items():
            found[f"host {host_id}"] = {
                "name": host.friendly_name,
                "version": host.version,
                "labels": host.labels,
            }
            for component in host.components:
                found[f"component {component.id} on host {host_id}"] = component.to_dict()
            for provider in host.providers:
                found[f"provider {provider.id} on host {host_id}"] = provider.to_dict()
    else:
        for component_id, components in lattice.components.items():
            instances = sum(one.max_instances for one in components.values())
            found[f"component {component_id}"] = {"image": images(components), "instances": instances}
        for provider_id, providers in lattice.providers.items():
            found[f"provider {provider_id}"] = {"image": images(providers), "hosts": len(providers)}
    for link in lattice.links:
        interface = f"{link.wit_namespace}:{link.wit_package}"
        found[f"link {link.source_id} -> {link.target} {interface} {link.name}"] = link.to_dict()
    return found


def images(runs: Mapping[str, ComponentDescription | ProviderDescription]) -> str:
    """Return the image that runs on the hosts, or all of them, for example during an update."""
    return " and ".join(sorted({str(one.image_ref) for one in runs.values()}))


def differences(wanted: Facts, found: Facts) -> dict[str, str]:
    """Return in words what differs, by the name of the thing."""
    texts = {}
    for name in sorted(wanted.keys() | found.keys()):
        if name not in found:
            texts[name] = "is missing"
        elif name not in wanted:
            texts[name] = "is not in the file"
        elif found[name] != wanted[name]:
            fields = [field for field in found[name] if found[name][field] != wanted[name][field]]
            texts[name] = ", ".join(
                f"{field}: {found[name][field]}, not {wanted[name][field]}" for field in fields
            )
    return texts


if __name__ == "__main__":
    sys.exit(main())
