"""Watch a lattice's events, and alert on failures.

    python examples/watch_failures.py
    python examples/watch_failures.py --run 'logger -t wasmcloud' --for 3600

Each alert is a line, and the last argument of the command of ``--run``, if there is one. It tells of components that
cannot be scaled, providers that cannot be started or are ill, links that are refused, hosts that stop, and of moments
in which events may have been missed. It ends on Ctrl-C, or after the seconds of ``--for``, with status 0.

A host that dies tells nobody, and neither does a host whose update fails: for the first listen for
``host_heartbeat``, which should come every 30 seconds; the second shows in an inventory alone.
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

# How long a command may take for an alert, in seconds. Events wait meanwhile.
COMMAND_SECONDS = 30.0


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--run", type=shlex.split, default=[], metavar="COMMAND", help="run for each alert")
    parser.add_argument("--for", dest="seconds", type=float, default=float("inf"), help="end after SECONDS")
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
        pass  # this is how it is meant to end
    except CtlError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def alerts(receiver: EventReceiver, end: float) -> Iterator[str]:
    """A line for each failure, and for whatever may have hidden one."""
    seen: dict[str, int] = {}
    while (left := end - time.monotonic()) > 0:
        try:
            # No event tells of a lost connection, so look up once a second.
            event = receiver.get(timeout=min(left, 1))
        except WaitTimeout:
            pass
        else:
            yield f"{event.time.isoformat(timespec='seconds')} {event.name} {' '.join(in_words(event).split())}"
        losses = {
            "the connection was away": receiver.gaps,
            "they came too fast": receiver.dropped,
            "they could not be read": receiver.undecodable,
        }
        for loss, count in losses.items():
            if count > seen.get(loss, 0):
                now = datetime.now(timezone.utc).isoformat(timespec="seconds")
                yield f"{now} events may have been missed: {loss} ({count} in all)"
        seen = losses


def in_words(event: Event) -> str:
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
        # Whoever cannot be told now is told of the next one.
        print(f"error: {error}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
