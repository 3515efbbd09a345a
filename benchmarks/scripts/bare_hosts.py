"""The same script as ``hosts.py``, with bare nats-py."""

from __future__ import annotations

import asyncio
import json
import sys

import nats
from nats.aio.msg import Msg


async def main() -> None:
    client = await nats.connect(sys.argv[1])
    found = 0
    complete = asyncio.get_running_loop().create_future()

    async def on_reply(message: Msg) -> None:
        nonlocal found
        assert json.loads(message.data)["response"]["id"]
        found += 1
        if found == 20:
            complete.set_result(None)

    inbox = client.new_inbox()
    await client.subscribe(inbox, cb=on_reply)
    await client.publish("wasmbus.ctl.v1.hosts-20.host.ping", reply=inbox)
    await complete
    await client.close()


asyncio.run(main())
