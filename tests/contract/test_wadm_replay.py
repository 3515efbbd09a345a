"""A practice wadm answers, and publishes, what a real one did: the requests of the recorded runs, sent again."""

from __future__ import annotations

import asyncio
import re
import shutil
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client as NatsClient
from nats.aio.msg import Msg
from nats.errors import NoRespondersError
from realhost.artifacts import write_artifacts
from recorded import wadm_runs

from wasmcloud_ctl.testing import PracticeLattice, PracticeServer

Line = dict[str, Any]

RUNS = wadm_runs()

API = "wadm.api.default.model"
ULID = re.compile(r"\b[0-9A-HJKMNP-TV-Z]{26}\b")
SCALER_ID = re.compile(r"\b[0-9a-f]{64}\b")

# How much faster than the recorded run the practice lattice goes.
PACE = 10.0

# wadm's state when the request comes is part of these answers. Statuses are compared as they were published.
ASKING = ("status", "list")


async def ask(client: NatsClient, line: Line, folder: str) -> str | None:
    """Send the request of a line, and return the answer. None if there is none."""
    headers = {"Content-Type": line["content_type"]} if "content_type" in line else None
    text = line["payload"].replace("DIR", folder)
    payload = text.encode("latin-1" if "not UTF-8" in line["case"] else "utf-8")
    try:
        answer = await client.request(f"{API}.{line['request']}", payload, timeout=2, headers=headers)
    except (NoRespondersError, asyncio.TimeoutError):
        return None
    return answer.data.decode().replace(folder, "DIR")


def said(text: str | None) -> str | None:
    """An answer or a status without what differs by chance: versions that wadm makes up, and ids of scalers."""
    return None if text is None else SCALER_ID.sub("SCALER", ULID.sub("ULID", text))


@pytest.mark.parametrize(
    "run", ["operations", "content types", "puts", *(run for run in RUNS if run.startswith("panic"))]
)
def test_the_api_answers_as_a_real_wadm(practice_server: PracticeServer, run: str) -> None:
    """Each answer is the same, with its keys in the same order, in lattices without hosts."""
    header, *lines = RUNS[run]
    with PracticeLattice(hosts=0, server=practice_server, wadm=True):
        # The length of the folder's name is part of the columns in messages.
        assert asyncio.run(replayed(practice_server.url, lines, header["folder"])) == []


async def replayed(url: str, lines: Sequence[Line], folder: str) -> list[str]:
    """Send the requests of a run, and say which answers differ."""
    client = NatsClient()
    await client.connect(url)
    differences = []
    for line in lines:
        if "request" in line:
            differences += await difference(client, line, folder)
    await client.close()
    return differences


async def difference(client: NatsClient, line: Line, folder: str) -> list[str]:
    """Send the request of a line, and say how the answer differs, if it does."""
    answer, expected = said(await ask(client, line, folder)), said(line["answer"])
    if answer == expected:
        return []
    return [f"{line['case']}: {line['request']} {line['payload']}\n  {expected}\n  {answer}"]


@pytest.mark.timeout(180)  # the runs took some minutes
@pytest.mark.parametrize(
    "run", ["secrets", "sharing", "links", "configs", "good provider", "two hosts", "leaving hosts"]
)
def test_the_api_answers_the_same_while_hosts_work(
    practice_server: PracticeServer, tmp_path: Path, run: str
) -> None:
    """In runs in which wadm chooses among hosts, or commands cross, so that statuses can come in another order."""
    header, *lines = RUNS[run]
    with practice(practice_server, header, tmp_path) as lattice:
        differences, published = asyncio.run(paced(lattice, header, lines, str(tmp_path)))

    assert differences == []
    assert set(published) == {line["status"].rpartition(".")[2] for line in lines if "status" in line}


@pytest.mark.timeout(180)  # the runs took some minutes
@pytest.mark.parametrize("run", ["one application", "one after the other", "bad provider"])
def test_what_follows_is_published_as_by_a_real_wadm(
    practice_server: PracticeServer, tmp_path: Path, run: str
) -> None:
    """The same answers, and for each application the same statuses in the same order."""
    header, *lines = RUNS[run]
    with practice(practice_server, header, tmp_path) as lattice:
        differences, published = asyncio.run(paced(lattice, header, lines, str(tmp_path)))

    recorded = defaultdict(list)
    for line in lines:
        if "status" in line:
            recorded[line["status"].rpartition(".")[2]].append(said(line["message"]))
    assert differences == []
    assert {name: told(statuses) for name, statuses in published.items()} == {
        name: told(statuses) for name, statuses in recorded.items()
    }


@contextmanager
def practice(server: PracticeServer, header: Line, folder: Path) -> Iterator[PracticeLattice]:
    """A lattice like that of a run, at another pace, and the files that its hosts load."""
    files = write_artifacts(folder)
    shutil.copy(files.provider, folder / "provider2.par")
    hosts = list(header["hosts"].values())
    with PracticeLattice(hosts, server=server, heartbeat_interval=5 / PACE, wadm=True) as lattice:
        lattice.wadm.set_pauses(component=5 / PACE, provider=60 / PACE, failure=5 / PACE)
        if header["first"] == "hosts":
            lattice.settle()  # so that this wadm does not hear of the hosts' start
            lattice.wadm.stop()
            lattice.wadm.start()
        yield lattice


async def act(lattice: PracticeLattice, client: NatsClient, line: Line, names: dict[str, str]) -> None:
    """Do what the recording has done itself: end a host, or send a host a command."""
    word, _, name = line["action"].partition(" ")
    if word in ("stop", "kill", "start"):
        host = lattice.hosts[list(names).index(name)]
        await asyncio.to_thread({"stop": host.stop, "kill": host.kill, "start": host.restart}[word])
        return
    subject, payload = line["action"], line["payload"] or ""
    for name, host_id in names.items():
        subject, payload = subject.replace(name, host_id), payload.replace(name, host_id)
    await client.request(f"wasmbus.ctl.v1.default.{subject}", payload.encode(), timeout=5)


async def paced(
    lattice: PracticeLattice, header: Line, lines: Sequence[Line], folder: str
) -> tuple[list[str], dict[str, list[str | None]]]:
    """Send the requests at their times. Say which answers differ, and which statuses are published."""
    client = NatsClient()
    await client.connect(lattice.url)
    names = dict(zip(header["hosts"], [host.id for host in lattice.hosts], strict=True))
    differences: list[str] = []
    published: dict[str, list[str | None]] = defaultdict(list)

    async def on_status(message: Msg) -> None:
        text = message.data.decode().replace(folder, "DIR")
        published[message.subject.rpartition(".")[2]].append(said(text))

    await client.subscribe("wadm.status.default.*", cb=on_status)
    case, began = "", 0.0
    for line in lines:
        if line["case"] != case:
            case, began = line["case"], time.monotonic()
        await asyncio.sleep(
            max(0.0, began + line["at"] / PACE - time.monotonic())
        )  # the pace of the recording
        if "action" in line:
            await act(
                lattice, client, {**line, "payload": line.get("payload", "").replace("DIR", folder)}, names
            )
        if "request" not in line:
            continue
        if line["request"].partition(".")[0] in ASKING or line["request"] == "get":
            await ask(client, line, folder)
        else:
            differences += await difference(client, line, folder)
    await client.close()
    return differences, published


def told(statuses: Sequence[str | None]) -> list[str | None]:
    """Statuses without repetitions: how often wadm tries something again depends on the heartbeats."""
    kept: list[str | None] = []
    for status in statuses:
        kept.append(status)
        for length in (1, 2):
            if len(kept) >= 2 * length and kept[-length:] == kept[-2 * length : -length]:
                del kept[-length:]
    return kept
