"""A practice wadm answers, and publishes, what a real one did: the requests of the recorded runs, sent again."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from typing import Any

import pytest
from nats.aio.client import Client as NatsClient
from nats.errors import NoRespondersError
from recorded import wadm_runs

from wasmcloud_ctl.testing import PracticeLattice, PracticeServer

Line = dict[str, Any]

RUNS = wadm_runs()

API = "wadm.api.default.model"
ULID = re.compile(r"\b[0-9A-HJKMNP-TV-Z]{26}\b")
SCALER_ID = re.compile(r"\b[0-9a-f]{64}\b")


def essence(text: str) -> Any:
    """JSON without what differs by chance: the versions that wadm makes up, and the ids of scalers."""
    return json.loads(SCALER_ID.sub("SCALER", ULID.sub("ULID", text)))


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


@pytest.mark.parametrize(
    "run", ["operations", "content types", "puts", *(run for run in RUNS if run.startswith("panic"))]
)
def test_the_api_answers_as_a_real_wadm(practice_server: PracticeServer, run: str) -> None:
    """Each answer is the same, with its keys in the same order, in lattices without hosts."""
    with PracticeLattice(hosts=0, server=practice_server, lattice="default", wadm=True):
        differences = asyncio.run(replayed(practice_server.url, RUNS[run]))

    assert differences == []


async def replayed(url: str, lines: Sequence[Line]) -> list[str]:
    """Send the requests of a run, and say which answers differ."""
    client = NatsClient()
    await client.connect(url)
    differences = []
    folder = lines[0]["folder"]  # its length is part of the columns in messages
    for line in lines:
        if "request" not in line:
            continue
        answer = await ask(client, line, folder)
        expected = line["answer"]
        if answer is None or expected is None:
            same = answer is expected
        else:
            same = ULID.sub("ULID", answer) == ULID.sub("ULID", expected)
        if not same:
            differences.append(
                f"{line['case']}: {line['request']} {line['payload']}\n  {expected}\n  {answer}"
            )
    await client.close()
    return differences
