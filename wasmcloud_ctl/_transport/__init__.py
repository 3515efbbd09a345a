"""NATS: connect, request, gather replies, subscribe. The only package that knows nats-py.

- ``transport``: what blocking callers use.
- ``background``: what goes on between calls.
- ``calls``: calls in flight and subscriptions, begun and ended on the loop.
- ``session``: the connection that is kept.
- ``dialling``: from options to a connection; ``race`` runs the attempts; ``failures`` makes errors of them.
- ``connection``: one connection, a nats-py client; ``stream``: its bytes.
- ``nats_internals``: the private names of nats-py that this package relies on.
"""

from nats.aio.client import Client as NatsClient

from wasmcloud_ctl._transport.background import Background
from wasmcloud_ctl._transport.calls import QueuedCall, Replies, Reply, Subscription, request_timeout
from wasmcloud_ctl._transport.transport import Transport

__all__ = [
    "Background",
    "NatsClient",
    "QueuedCall",
    "Replies",
    "Reply",
    "Subscription",
    "Transport",
    "request_timeout",
]
