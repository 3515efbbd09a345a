"""Scale a component on every host that has a label.

    python examples/scale_by_label.py zone=a ghcr.io/acme/echo:0.1.0 echo 5 --config web
    python examples/scale_by_label.py zone=a ghcr.io/acme/echo:0.1.0 echo 0

The hosts work in parallel. A host that fails does not affect the others: the script reports it on stderr, and the
exit status is 1. If the component already runs, the script keeps its annotations. It replaces its configs by those
of ``--config``, because hosts do not report which configs a component has. If the component runs from another
reference, the client does not send the command, because the host would keep the old code and show the new
reference. A count of 0 stops the component, whatever its reference.

Without ``--hosts``, a host that answers more than 0.25 seconds after the others is missed. To detect that, and a
host that does not answer at all, pass the number of hosts with ``--hosts``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor

import wasmcloud_ctl
from wasmcloud_ctl import Client, CtlError, HostInventory, NotFound


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("label", type=label, metavar="KEY=VALUE", help="the label")
    parser.add_argument("reference", help="the component's reference")
    parser.add_argument("component_id", help="the component's id")
    parser.add_argument("count", type=int, help="the number of instances on each host; 0 stops the component")
    parser.add_argument(
        "--config", action="append", default=[], help="a config of the component; may be repeated"
    )
    parser.add_argument("--hosts", type=int, help="the number of hosts in the lattice; fewer are an error")
    parser.add_argument("--wait", type=float, default=60, help="seconds for each host (default: %(default)s)")
    parser.add_argument("--url", help="a NATS server's URL (default: as for wash)")
    parser.add_argument("--lattice", help="the lattice's name (default: as for wash)")
    parser.add_argument("--context", help="a wash context (default: as for wash)")
    options = parser.parse_args(argv)
    try:
        # On Ctrl-C the client is closed before the pool. This ends the calls that block the pool's threads.
        with (
            ThreadPoolExecutor(max_workers=32) as pool,
            wasmcloud_ctl.from_env(options.url, lattice=options.lattice, context=options.context) as client,
        ):
            return scale(client, pool, options)
    except CtlError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: interrupted; the outcome on hosts that are not listed is unknown", file=sys.stderr)
        return 1


def label(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return key, value


def scale(client: Client, pool: Executor, options: argparse.Namespace) -> int:
    """Scale on all hosts with the label. Returns the exit status."""
    # With a number, wait for that many hosts. Without one, stop when no host has answered for a while.
    quiet = 0.25 if options.hosts is None else None
    inventories = client.get_host_inventories(expected=options.hosts, quiet=quiet)
    if inventories.no_responders:
        inventories.raise_for_status()
    key, value = options.label
    hosts = [host for host in inventories if host.labels.get(key) == value]
    # A host without an inventory may have the label, so it counts as a failure.
    failures = [f"host {host_id}: {error}" for host_id, error in inventories.errors.items()]
    failures += [f"a host's reply cannot be decoded: {answer.reason}" for answer in inventories.undecodable]
    answered = len(inventories.data) + len(failures)
    if options.hosts is not None and answered < options.hosts:
        failures.append(f"{answered} of {options.hosts} hosts answered")
    if not (hosts or failures):
        raise NotFound(f"no host of lattice {client.lattice!r} has the label {key}={value}")

    def scale_on(host: HostInventory) -> str:
        """Scale on one host. Returns the problem, or an empty string."""
        running = {component.id: component for component in host.components}.get(options.component_id)
        annotations = None if running is None else running.annotations
        try:
            if options.count == 0:
                client.stop_component(host.host_id, options.component_id, wait=options.wait)
            else:
                client.scale_component(
                    host.host_id,
                    options.reference,
                    options.component_id,
                    options.count,
                    annotations,
                    options.config,
                    wait=options.wait,
                )
        except CtlError as error:
            return str(error)
        return ""

    for host, problem in zip(hosts, pool.map(scale_on, hosts), strict=True):
        if problem:
            failures.append(f"{host.friendly_name}: {problem}")
        else:
            print(f"{host.friendly_name}: {options.component_id} {options.count}")
    for failure in failures:
        print(f"error: {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
