"""The same script as ``ours.py``, with bare nats-py."""

from __future__ import annotations

import asyncio
import json
import sys

import nats


async def main() -> None:
    client = await nats.connect(sys.argv[1])
    reply = await client.request("wasmbus.ctl.v1.default.config.get.web", timeout=2)
    assert json.loads(reply.data)["response"]
    await client.close()


asyncio.run(main())
