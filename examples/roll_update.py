"""Update a component host by host, with a check after each host, and stop at the first failure.

    python examples/roll_update.py echo ghcr.io/acme/echo:0.2.0 --probe 'curl -fsS http://$HOST_NAME.example/health'

After each host the script runs the command of ``--probe`` in a shell, with ``HOST_ID`` and ``HOST_NAME`` in the
environment. If the command fails, the remaining hosts keep what they run, and the exit status is 1. The script does
not roll back. To do that, roll to the old reference. Hosts that already run the new reference are skipped, so after
a failure the same command continues where it stopped.

A host reports no update that fails. The script therefore finds that out only after the whole ``--wait``. Choose it
longer than a host takes to pull the image.

A host that does not answer would keep the old reference unnoticed. Pass the number of hosts with ``--hosts``: the
script then changes nothing unless all of them answer. Without it, the script waits for late answers for the
client's whole timeout.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence

import wasmcloud_ctl
from wasmcloud_ctl import Client, ComponentDescription, CtlError, HostInventory, NotFound


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("component_id", help="the component's id")
    parser.add_argument("reference", help="the new reference")
    parser.add_argument("--probe", metavar="COMMAND", help="a check that must succeed after each host")
    parser.add_argument("--hosts", type=int, help="the number of hosts in the lattice; fewer are an error")
    parser.add_argument("--wait", type=float, default=60, help="seconds for each host (default: %(default)s)")
    parser.add_argument("--url", help="a NATS server's URL (default: as for wash)")
    parser.add_argument("--lattice", help="the lattice's name (default: as for wash)")
    parser.add_argument("--context", help="a wash context (default: as for wash)")
    options = parser.parse_args(argv)
    try:
        with wasmcloud_ctl.from_env(options.url, lattice=options.lattice, context=options.context) as client:
            return roll(client, options)
    except CtlError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def roll(client: Client, options: argparse.Namespace) -> int:
    """Update all hosts that run the component. Returns the exit status."""
    # A host without an inventory might run the component, so an error here stops the script before any change.
    inventories = client.get_host_inventories(expected=options.hosts).raise_for_status()
    running = [
        (host, component)
        for host in inventories
        for component in host.components
        if component.id == options.component_id
    ]
    if not running:
        raise NotFound(f"no host of lattice {client.lattice!r} runs {options.component_id}")
    names = [host.friendly_name for host, _ in running]
    for done, (host, component) in enumerate(running):
        if component.image_ref == options.reference:
            print(f"{host.friendly_name}: runs {options.reference} already")
            continue
        try:
            problem = update(client, host, component, options)
        except CtlError as error:
            problem = str(error)
        except KeyboardInterrupt:
            problem = "interrupted"
        if problem:
            print(f"error: {host.friendly_name}: {problem}", file=sys.stderr)
            print(f"done: {', '.join(names[:done]) or 'none'}", file=sys.stderr)
            print(f"stopped at: {host.friendly_name}", file=sys.stderr)
            print(f"not done: {', '.join(names[done + 1 :]) or 'none'}", file=sys.stderr)
            return 1
        print(f"{host.friendly_name}: updated from {component.image_ref}", flush=True)
    return 0


def update(
    client: Client, host: HostInventory, component: ComponentDescription, options: argparse.Namespace
) -> str:
    """Update one host and run the probe. Returns the problem, or an empty string."""
    # An update replaces the annotations, so pass the present ones.
    client.update_component(
        host.host_id, component.id, options.reference, component.annotations, wait=options.wait
    )
    if options.probe is None:
        return ""
    environment = {**os.environ, "HOST_ID": host.host_id, "HOST_NAME": host.friendly_name}
    status = subprocess.run(options.probe, shell=True, env=environment).returncode
    return f"updated, but the probe ended with status {status}" if status else ""


if __name__ == "__main__":
    sys.exit(main())
