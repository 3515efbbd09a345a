"""Watch the events of a lattice and alert on failures.

    python examples/watch_failures.py
    python examples/watch_failures.py --run 'logger -t wasmcloud' --for 3600

The script prints a line for each alert. With ``--run`` it also runs a command, with this line as the last argument.
It alerts when a component cannot be scaled, a provider cannot be started or is unhealthy, a link is refused, a host
stops, or events may have been missed. It ends on Ctrl-C, or after the seconds of ``--for``, with status 0.

Two failures publish no event. A host that dies publishes nothing: to detect this, watch for a missing
``host_heartbeat``, which hosts publish every 30 seconds. An update that fails is visible only in the inventory.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone

import wasmcloud_ctl
from wasmcloud_ctl import (
    ComponentScaleFailed,
    CtlError,
    Event,
    EventReceiver,
    HealthCheckFailed,
    HostStopped,
    LinkdefSetFailed,
    ProviderStartFailed,
    WaitTimeout,
)

FAILURES = (
    "component_scale_failed",
    "provider_start_failed",
    "health_check_failed",
    "linkdef_set_failed",
    "host_stopped",
)

# Seconds that the command of --run may take. New events are queued during this time.
COMMAND_SECONDS = 30.0


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--run", type=shlex.split, default=[], metavar="COMMAND", help="a command to run for each alert"
    )
    parser.add_argument(
        "--for", dest="seconds", type=float, default=float("inf"), help="end after this many seconds"
    )
    parser.add_argument("--url", help="a NATS server's URL (default: as for wash)")
    parser.add_argument("--lattice", help="the lattice's name (default: as for wash)")
    parser.add_argument("--context", help="a wash context (default: as for wash)")
    options = parser.parse_args(argv)
    try:
        with (
            wasmcloud_ctl.from_env(options.url, lattice=options.lattice, context=options.context) as client,
            client.events_receiver(*FAILURES) as receiver,
        ):
            print(f"watching lattice {client.lattice!r}", flush=True)
            for alert in alerts(receiver, time.monotonic() + options.seconds):
                print(alert, flush=True)
                if options.run:
                    run([*options.run, alert])
    except KeyboardInterrupt:
        pass  # the normal end
    except CtlError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def alerts(receiver: EventReceiver, end: float) -> Iterator[str]:
    """Yield a line for each failure, and for each loss of events that may have hidden one."""
    seen: dict[str, int] = {}
    while (left := end - time.monotonic()) > 0:
        try:
            # A lost connection is not an event, so check the counters once a second.
            event = receiver.get(timeout=min(left, 1))
        except WaitTimeout:
            pass
        else:
            yield f"{event.time.isoformat(timespec='seconds')} {event.name} {' '.join(describe(event).split())}"
        losses = {
            "the client was disconnected": receiver.gaps,
            "they arrived too fast": receiver.dropped,
            "they could not be decoded": receiver.undecodable,
        }
        for loss, count in losses.items():
            if count > seen.get(loss, 0):
                now = datetime.now(timezone.utc).isoformat(timespec="seconds")
                yield f"{now} events may have been missed: {loss} ({count} in all)"
        seen = losses


def describe(event: Event) -> str:
    match event.data:
        case ComponentScaleFailed() as data:
            return f"{data.component_id} to {data.max_instances} on host {event.source}: {data.error}"
        case ProviderStartFailed() as data:
            return f"{data.provider_id} on host {event.source}: {data.error}"
        case HealthCheckFailed() as data:
            return f"{data.provider_id} on host {event.source}"
        case LinkdefSetFailed() as data:
            return f"{data.name} from {data.source_id} to {data.target}: {data.error}"
        case HostStopped():
            return f"host {event.source}"
    return f"on host {event.source}"


def run(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, timeout=COMMAND_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        # Report the failed command and continue with the next alert.
        print(f"error: {error}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
