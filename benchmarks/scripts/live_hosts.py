"""The program that answers instead of a large lattice: ``python -m benchmarks.scripts.live_hosts URL HOSTS SECONDS``.

It sends bytes that it prepared in advance, and publishes the heartbeats of all hosts evenly over an interval of so
many seconds. It ends when the server ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys

import nats
from nats.aio.msg import Msg

from benchmarks import replies

COMPONENTS = 10
LATTICE = "large"


async def main(url: str, hosts: int, seconds: float) -> None:
    ended = asyncio.Event()

    async def on_end() -> None:
        ended.set()

    client = await nats.connect(url, allow_reconnect=False, closed_cb=on_end, pending_size=1 << 26)
    inventory = json.loads(replies.inventory(COMPONENTS))
    (beat,) = (json.loads(event) for _, event in replies.events("heartbeats")[:1])
    ids = [f"N{number:055d}" for number in range(hosts)]
    pings: list[bytes] = []
    inventories: dict[str, bytes] = {}
    beats: list[bytes] = []
    for number, host_id in enumerate(ids):
        host = {"id": host_id, "friendly_name": f"host-{number}", "lattice": LATTICE, "labels": {}}
        pings.append(json.dumps({"success": True, "message": "", "response": host}).encode())
        inventory["response"] |= {"host_id": host_id, "friendly_name": f"host-{number}"}
        inventories[host_id] = json.dumps(inventory).encode()
        beats.append(json.dumps(beat | {"source": host_id, "data": inventory["response"]}).encode())

    async def on_ping(message: Msg) -> None:
        for ping in pings:
            await client.publish(message.reply, ping)

    async def on_get(message: Msg) -> None:
        await client.publish(message.reply, inventories[message.subject.rpartition(".")[2]])

    async def on_links(message: Msg) -> None:
        await client.publish(message.reply, b'{"success":true,"message":"","response":[]}')

    prefix = f"wasmbus.ctl.v1.{LATTICE}"
    await client.subscribe(f"{prefix}.host.ping", cb=on_ping)
    await client.subscribe(f"{prefix}.host.get.*", cb=on_get, pending_msgs_limit=-1, pending_bytes_limit=-1)
    await client.subscribe(f"{prefix}.link.get", cb=on_links)
    await client.flush()
    print("ready", flush=True)
    loop = asyncio.get_running_loop()
    started, sent = loop.time(), 0
    while not ended.is_set():
        due = int((loop.time() - started) / seconds * hosts)
        with contextlib.suppress(Exception):  # the server has ended
            for number in range(sent, due):
                await client.publish(f"wasmbus.evt.{LATTICE}.host_heartbeat", beats[number % hosts])
        sent = due
        await asyncio.sleep(0.01)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
