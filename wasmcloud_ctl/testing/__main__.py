"""Run a practice lattice in a terminal until Ctrl-C: ``python -m wasmcloud_ctl.testing --hosts 3``.

``--host zone=a,disk=ssd --host zone=b`` makes one host for each ``--host``, with these labels.
"""

from __future__ import annotations

import argparse
import io
import queue
import signal
import sys
import threading
import time
from collections.abc import Sequence

from wasmcloud_ctl.testing import Command, PracticeLattice, PracticeServerError

# A longer payload is cut off, so that a command fits on a line.
_PAYLOAD_CHARACTERS = 200

# How often the main thread checks for Ctrl-C. On Windows, a signal does not interrupt a wait for a queue.
_CHECK_SECONDS = 0.25

_PYTHON = """\
    import wasmcloud_ctl

    with wasmcloud_ctl.connect({arguments}) as client:
        print(client.get_hosts(expected={hosts}).data)"""


def _labels(text: str) -> dict[str, str]:
    """Return the labels of one host. An empty text is a host without labels."""
    pairs = [pair.partition("=") for pair in text.split(",")] if text else []
    if not all(key and equals for key, equals, _ in pairs):
        raise argparse.ArgumentTypeError(f"must be KEY=VALUE,KEY=VALUE, not {text!r}")
    return {key: value for key, _, value in pairs}


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m wasmcloud_ctl.testing",
        description="Run a practice lattice: a real nats-server and simulated wasmCloud hosts, until Ctrl-C.",
    )
    hosts = parser.add_mutually_exclusive_group()
    hosts.add_argument("--hosts", type=int, metavar="N", help="number of hosts (default: 1)")
    hosts.add_argument(
        "--host",
        type=_labels,
        action="append",
        metavar="KEY=VALUE,...",
        help="one host with these labels, instead of --hosts; repeat it for each host",
    )
    parser.add_argument(
        "--label",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="label of every host; may be repeated",
    )
    parser.add_argument(
        "--lattice", default="default", metavar="NAME", help="name of the lattice (default: default)"
    )
    parser.add_argument(
        "--port", type=int, default=None, metavar="PORT", help="port of the server (default: any free port)"
    )
    parser.add_argument(
        "--server", default=None, metavar="URL", help="use this running server, which must have JetStream"
    )
    parser.add_argument(
        "--topic-prefix", default="wasmbus.ctl", metavar="PREFIX", help="prefix of the control subjects"
    )
    parser.add_argument("--wadm", action="store_true", help="add a wadm, which deploys applications")
    parser.add_argument(
        "--heartbeat",
        type=float,
        default=30.0,
        metavar="SECONDS",
        help="seconds between heartbeats of a host (default: 30)",
    )
    parser.add_argument(
        "--host-version", default="1.9.2", metavar="VERSION", help="1.0.0 to 1.9.2 (default: 1.9.2)"
    )
    options = parser.parse_args(arguments)
    if options.hosts is None:
        options.hosts = 1
    if options.hosts < 0:
        parser.error("--hosts must be 0 or more")
    for label in options.label:
        if "=" not in label:
            parser.error(f"--label must be KEY=VALUE, not {label!r}")
    return options


def _introduction(lattice: PracticeLattice, has_wadm: bool) -> str:
    """Return the text that is printed at the start: what runs, and how to connect to it."""
    lines = [f"practice lattice {lattice.lattice!r} at {lattice.url}"]
    for host in lattice.hosts:
        labels = [f"  {key}={value}" for key, value in host.labels.items() if not key.startswith("hostcore.")]
        lines.append(f"  host {host.id}  {host.friendly_name}{''.join(labels)}")
    if has_wadm:
        lines.append(f"  wadm, whose API is {lattice.wadm_prefix}.{lattice.lattice}")
    host_and_port = lattice.url.rpartition("/")[2].rpartition("@")[2]
    address, _, port = host_and_port.partition(":")
    arguments = [repr(lattice.url)]
    environment = [f"WASMCLOUD_CTL_HOST={address}", f"WASMCLOUD_CTL_PORT={port or 4222}"]
    if lattice.lattice != "default":
        arguments.append(f"lattice={lattice.lattice!r}")
        environment.append(f"WASMCLOUD_LATTICE={lattice.lattice}")
    if lattice.topic_prefix != "wasmbus.ctl":
        arguments.append(f"topic_prefix={lattice.topic_prefix!r}")
        environment.append(f"WASMCLOUD_CTL_TOPIC_PREFIX={lattice.topic_prefix}")
    lines += [
        "from Python:",
        _PYTHON.format(arguments=", ".join(arguments), hosts=len(lattice.hosts)),
        "with wash:",
        f"    {' '.join(environment)} wash get hosts",
        "Ctrl-C ends it. Each command that arrives:",
    ]
    return "\n".join(lines)


def _line(command: Command) -> str:
    """Return a command as one line of text."""
    payload = command.payload.decode("utf-8", "backslashreplace")
    # The payload holds secrets, which must not stay in the terminal's history.
    if command.operation == "registry.put":
        payload = f"({len(command.payload)} bytes)"
    elif len(payload) > _PAYLOAD_CHARACTERS:
        payload = f"{payload[:_PAYLOAD_CHARACTERS]}..."
    # A host's id, or the name of a config or an application.
    target = command.subject.partition(f".{command.operation}.")[2]
    line = " ".join(filter(None, (time.strftime("%H:%M:%S"), command.operation, target, payload)))
    return "".join(character if character.isprintable() else " " for character in line)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a practice lattice until SIGINT or SIGTERM, and print each command that it receives.

    Args:
        arguments: The command-line arguments. Defaults to those of the process.

    Returns:
        The exit status: 0 after a signal, 1 if the lattice could not start.
    """
    options = _arguments(arguments)
    labels = dict(label.split("=", 1) for label in options.label)
    hosts = options.host or [{}] * options.hosts
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    # A payload may hold letters that the terminal cannot show.
    if isinstance(sys.stdout, io.TextIOWrapper):  # pragma: no branch – a caller may replace it
        sys.stdout.reconfigure(errors="backslashreplace")
    # The main thread prints, not the hosts' thread: a blocked terminal must not block the hosts.
    received: queue.Queue[Command] = queue.Queue()
    try:
        lattice = PracticeLattice(
            [{**labels, **own} for own in hosts],
            lattice=options.lattice,
            heartbeat_interval=options.heartbeat,
            topic_prefix=options.topic_prefix,
            version=options.host_version,
            server=options.server,
            port=options.port,
            wadm=options.wadm,
            on_command=received.put,
        )
        with lattice:
            print(_introduction(lattice, options.wadm), flush=True)
            while not ended.is_set():
                try:
                    print(_line(received.get(timeout=_CHECK_SECONDS)), flush=True)
                except queue.Empty:
                    continue
    except (PracticeServerError, ValueError, OSError, ModuleNotFoundError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
