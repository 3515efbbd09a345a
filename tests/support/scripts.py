"""Scripts in processes of their own, with the status, the output and the errors that they end with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import attrs

from wasmcloud_ctl.testing import PracticeLattice

# A hang is seen by this. Starting an interpreter and importing everything takes some 0.4 s on a machine that is
# idle, and much more on a busy one.
LAST_SECONDS = 25.0

# CPython's own warning about fork with threads, from 3.12 on, is not this library's.
WARNINGS = "default,ignore:This process:DeprecationWarning"


@attrs.frozen
class Ended:
    """How a process ended."""

    status: int
    output: str
    errors: str


def preamble(lattice: PracticeLattice) -> str:
    """What each script begins with: the usual modules, ``connect()``, and the ids of the first two hosts."""
    ids = [host.id for host in lattice.hosts]
    return textwrap.dedent(
        f"""
        import os, sys, threading, time
        import wasmcloud_ctl
        host_id, other_id = {ids + [None] * (2 - len(ids))!r}
        def connect(**options):
            return wasmcloud_ctl.connect({lattice.url!r}, lattice={lattice.lattice!r}, **options)
        """
    )


def run_script(code: str, *, interrupt_at: str | None = None, last_seconds: float = LAST_SECONDS) -> Ended:
    """Run a script to its end.

    Args:
        code: The script.
        interrupt_at: It is sent Ctrl-C soon after it has printed this line.
        last_seconds: It must have ended after so many seconds.
    """
    # Not with -X dev, in which asyncio tells of every step that a busy machine has made slow.
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": WARNINGS},
        # So that a hang leaves no child behind, either.
        start_new_session=True,
    )
    output = ""
    try:
        if interrupt_at is not None:
            assert process.stdout is not None
            for line in process.stdout:
                output += line
                if line.strip() == interrupt_at:
                    break
            time.sleep(0.1)  # the script says so just before it blocks; nothing tells when it does
            process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=last_seconds)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
    return Ended(process.returncode, output + rest, errors)


def run(lattice: PracticeLattice, script: str, interrupt_at: str | None = None) -> Ended:
    """Run a script that begins with the preamble."""
    return run_script(preamble(lattice) + textwrap.dedent(script), interrupt_at=interrupt_at)
