"""Record how a real wadm behaves beside real hosts: requests with their answers, and what wadm does meanwhile.

Run ``python -m realhost.capture_wadm OUT.jsonl`` in the folder ``tests``; it takes some ten minutes. Names of runs
after it record these alone. Each run has a new server, new hosts and a new wadm. Its first line names these::

    {"run": ..., "hosts": {"HOST-z1": {"zone": "z1"}, ...}, "first": "hosts" or "wadm",
     "cleanup_interval": ..., "folder": ...}

``first`` says which of them started first. If wadm did, each host has sent a heartbeat before the first case.
``folder`` is what DIR stands for: ids of scalers are made from it. Each other line of a run has ``case`` and ``at``,
the seconds since the case began, and is one of these::

    {"request": "deploy.echo", "payload": ..., "answer": ...}   # "content_type" if one was sent; "answer" may be null
    {"status": "wadm.status.default.echo", "message": ...}      # a status that wadm has published
    {"command": "component.scale.HOST-z1", "payload": ...}      # what wadm has sent to a host
    {"action": "stop HOST-z1", "payload": ...}                  # what the capture itself has done
    {"runs": {"HOST-z1": {"components": [...], "providers": [...]}, ...}, "links": [...]}   # what the hosts say

Lines are in the order in which things happened. A request stands where it was sent. wadm works while it answers, and
hosts run several commands at a time: what is written within a tenth of a second may come in another order.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from realhost import artifacts, harness
from realhost.wadm_recorder import FOLDER, HEARTBEAT_INTERVAL, Recorder
from realhost.wadm_runs import RUNS, Run

from wasmcloud_ctl.testing import PracticeServer

#: Runs that are recorded at the same time.
RUNS_AT_ONCE = 4


def capture(run: Run) -> list[str]:
    """Start a server, hosts and wadm, and do all cases of a run.

    Returns:
        The lines of the capture as JSON. Ids of hosts and the folder of the files are replaced by names.

    Raises:
        harness.RealHostError: A program could not be started.
    """
    names = [f"HOST-{labels['zone']}" for labels in run.hosts]
    options = harness.HostOptions(heartbeat=HEARTBEAT_INTERVAL)
    wadm_program, host_program = harness.built_wadm(), harness.built()
    with ExitStack() as stack:
        url = stack.enter_context(PracticeServer()).url

        def start_wadm() -> harness.RealWadm:
            return stack.enter_context(harness.real_wadm(url, run.wadm, wadm_program))

        def start_hosts() -> list[harness.RealHost]:
            return stack.enter_context(harness.real_hosts(url, run.hosts, options, host_program))

        if run.first == "wadm":
            wadm, hosts = start_wadm(), start_hosts()
        else:
            hosts, wadm = start_hosts(), start_wadm()
        by_name = dict(zip(names, hosts, strict=True))
        lines = asyncio.run(_record(url, Recorder(by_name, wadm, start_wadm), run))
    header = {
        "run": run.name,
        "hosts": dict(zip(names, run.hosts, strict=True)),
        "first": run.first,
        "cleanup_interval": run.wadm.cleanup_interval or 70,
        "folder": str(FOLDER),
    }
    texts = []
    for line in lines:
        text = json.dumps(line, ensure_ascii=False).replace(str(FOLDER), "DIR")
        for name, host in by_name.items():
            text = text.replace(host.host_id, name)
        texts.append(text)
    return [json.dumps(header), *texts]


async def _record(url: str, recorder: Recorder, run: Run) -> list[dict[str, Any]]:
    await recorder.connect(url)
    try:
        if run.first == "wadm":
            await recorder.beats()
        await run.body(recorder)
        return recorder.lines
    finally:
        await recorder.close()


def main() -> int:
    """Write a capture.

    Returns:
        The exit status.
    """
    parser = argparse.ArgumentParser(
        prog="python -m realhost.capture_wadm", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("out", type=Path, help="the file to write the capture to")
    parser.add_argument("runs", nargs="*", help="the names of the runs to record, all by default")
    options = parser.parse_args()
    harness.build(show=True)
    harness.build_wadm(show=True)
    FOLDER.mkdir()
    try:
        files = artifacts.write_artifacts(FOLDER)
        shutil.copy(files.provider, FOLDER / "provider2.par")
        # Runs mostly wait.
        with ThreadPoolExecutor(RUNS_AT_ONCE) as pool:
            wanted = [run for run in RUNS if not options.runs or run.name in options.runs]
            lines = [line for captured in pool.map(capture, wanted) for line in captured]
    finally:
        shutil.rmtree(FOLDER)
    options.out.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    print(f"{len(lines)} lines in {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
