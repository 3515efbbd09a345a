"""The same script as ``hosts.py``, with bare nats-py."""

from __future__ import annotations

import asyncio
import json
import sys

import nats


async def main() -> None:
    client = await nats.connect(sys.argv[1])
    inbox = client.new_inbox()
    replies = await client.subscribe(inbox)
    await client.publish("wasmbus.ctl.v1.hosts-20.host.ping", reply=inbox)
    for _ in range(20):
        assert json.loads((await replies.next_msg(2)).data)["response"]["id"]
    await client.close()


asyncio.run(main())
