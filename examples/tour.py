"""Show all operations on a lattice: list hosts, start and link a component, receive events, and undo everything.

    python examples/tour.py                          on a practice lattice of three hosts, made for the tour
    python examples/tour.py nats://127.0.0.1:4222    on the lattice at this address

The tour makes the component as a local file. Hosts on other machines cannot load this file, so pass a reference that
they can load, such as ``--component ghcr.io/wasmcloud/components/http-hello-world-rust:0.1.0``.

A host that answers more than 0.25 seconds after the others is missing in the tour, because of ``quiet=0.25``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import wasmcloud_ctl
from wasmcloud_ctl import (
    Client,
    ComponentScaled,
    ComponentScaleFailed,
    ConfigDeleted,
    ConfigSet,
    Event,
    EventReceiver,
    LabelsChanged,
    Link,
    LinkdefDeleted,
    LinkdefSet,
)
from wasmcloud_ctl.testing import PracticeLattice, write_component

COMPONENT = "tour-echo"
PROVIDER = "tour-http"
CONFIG = "tour-config"
LABEL = "tour"
INSTANCES = 5

# Seconds that each step may take. The host may have to pull the image.
STEP_SECONDS = 60.0

# The provider passes HTTP requests on to the component. A link can be put before its source runs.
LINK = Link(PROVIDER, COMPONENT, "wasi", "http", ["incoming-handler"])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("url", nargs="?", help="a NATS server's URL (default: make a practice lattice)")
    parser.add_argument("--lattice", default="default", help="the lattice's name (default: %(default)s)")
    parser.add_argument("--component", help="the component's reference (default: a file made for the tour)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="wasmcloud-tour-") as folder:
        reference = arguments.component or write_component(Path(folder) / "echo.wasm")
        try:
            if arguments.url is None:
                with PracticeLattice(hosts=[{"zone": "a"}, {"zone": "a"}, {"zone": "b"}]) as lattice:
                    print(f"made a practice lattice of {len(lattice.hosts)} hosts")
                    with lattice.connect(quiet=0.25, cache_links=True) as client:
                        tour(client, reference)
            else:
                with wasmcloud_ctl.connect(
                    arguments.url, lattice=arguments.lattice, quiet=0.25, cache_links=True
                ) as client:
                    tour(client, reference)
        except wasmcloud_ctl.CtlError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    return 0


def tour(client: Client, reference: str) -> None:
    print(f"connected: {client!r}")
    with client.events_receiver() as receiver:
        heading("hosts")
        for host in client.get_hosts().raise_for_status().data:
            labels = " ".join(f"{key}={value}" for key, value in sorted(host.labels.items()))
            print(
                f"  {host.id[:8]}...  {host.friendly_name:<26} {host.version}  up {host.uptime_human}  {labels}"
            )

        heading("who would run the component")
        bids = client.perform_component_auction(reference, COMPONENT).raise_for_status().data
        for bid in bids:
            print(f"  {bid.host_id[:8]}...  bids for {bid.component_id}")
        if not bids:
            raise wasmcloud_ctl.NotFound("no host of this lattice would run the component")
        host_id = bids[0].host_id

        try:
            place(client, host_id, reference)
        except BaseException:
            put_back(client, host_id, wait=None)
            raise
        heading("everything undone")
        put_back(client, host_id, wait=STEP_SECONDS)
        print(f"  {COMPONENT}, its link, its config and the label are gone")

        heading("the events, in order")
        for event in received_events(receiver):
            words = describe(event)
            if words:
                print(f"  {event.time:%H:%M:%S.%f}  {event.source[:8]}...  {event.name:<18} {words}")


def received_events(receiver: EventReceiver) -> Iterator[Event]:
    """Yield the events received so far, and those that follow shortly."""
    end = time.monotonic() + 2
    while time.monotonic() < end:
        try:
            yield receiver.get(0.3)
        except wasmcloud_ctl.WaitTimeout:
            return


def place(client: Client, host_id: str, reference: str) -> None:
    """Start the component with its config, its link and a label, and show them."""
    heading(f"the component with its config, on {host_id[:8]}...")
    client.put_config(CONFIG, {"greeting": "hello"}).raise_for_status()
    print(f"  config {CONFIG}: {client.get_config(CONFIG).unwrap()}")
    for count in (1, INSTANCES):
        annotations = {"placed-by": "tour"}
        client.scale_component(host_id, reference, COMPONENT, count, annotations, [CONFIG], wait=STEP_SECONDS)
        print(f"  {COMPONENT} runs with {count}")

    heading("a link and a label")
    client.put_link(LINK, wait=STEP_SECONDS)
    for link in client.get_links().unwrap():
        if link.target == COMPONENT:
            print(
                f"  {link.source_id} -> {link.target}  {link.wit_namespace}:{link.wit_package}"
                f"/{','.join(link.interfaces)}  ({link.name})"
            )
    client.put_label(host_id, LABEL, "here").raise_for_status()
    print(f"  {host_id[:8]}... has the label {LABEL}=here")

    heading("the host's inventory")
    inventory = client.get_host_inventory(host_id).unwrap()
    print(f"  {inventory.friendly_name}, version {inventory.version}, up {inventory.uptime_human}")
    for component in inventory.components:
        print(f"  component {component.id}: {component.max_instances} of {component.image_ref}")
    for provider in inventory.providers:
        print(f"  provider {provider.id}: {provider.image_ref}")


def put_back(client: Client, host_id: str, wait: float | None) -> None:
    """Undo what ``place`` did. With ``wait``, block until this is certain."""
    client.stop_component(host_id, COMPONENT, wait=wait)
    client.delete_link(PROVIDER, LINK.name, LINK.wit_namespace, LINK.wit_package, wait=wait)
    client.delete_label(host_id, LABEL)
    client.delete_config(CONFIG)


def describe(event: Event) -> str:
    """Describe an event of this tour. Returns an empty string for any other event."""
    data = event.data
    if isinstance(data, (ComponentScaled, ComponentScaleFailed)) and data.component_id == COMPONENT:
        return f"{data.component_id}: {data.max_instances}"
    if isinstance(data, (ConfigSet, ConfigDeleted)) and data.config_name == CONFIG:
        return data.config_name
    if isinstance(data, (LinkdefSet, LinkdefDeleted)) and data.source_id == PROVIDER:
        return f"{data.source_id} -> {data.target}"
    if isinstance(data, LabelsChanged):
        return f"{LABEL}={data.labels[LABEL]}" if LABEL in data.labels else f"{LABEL} is gone"
    return ""


def heading(text: str) -> None:
    print(f"\n{text}")


if __name__ == "__main__":
    sys.exit(main())
