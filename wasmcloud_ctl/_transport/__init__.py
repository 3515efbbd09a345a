"""The connection to NATS: connect, request, gather, publish, subscribe. The only package that knows nats-py.

A ``Transport`` outlives its connections. Each connection is a nats-py client of its own (``Wire``) with reconnecting
off, and is never used again once it is lost, for two reasons: what nats-py has queued while a socket is full goes
out on its next connection (a command that timed out would arrive later), and nats-py gives up for good on most
errors that a server sends. So the transport dials again by itself, until it is closed.

Requests do not go through nats-py's ``request``. They are written straight to the socket, and replies are taken
straight off nats-py's reader: no task, no queue, no timer for a call, and messages of several subscriptions keep
the order in which they came.

- ``transport``: the connection that is kept, and what waits for it.
- ``dialling``: from options to a connection; ``race`` starts the attempts.
- ``wire``: one connection. All that is used of nats-py beneath its public surface is listed there.
- ``stream``: the bytes of one connection, until it stands and while it does.
"""

from nats.aio.client import Client as NatsClient

from wasmcloud_ctl._transport.calls import Gather, Question, Reply, Subscription, request_timeout
from wasmcloud_ctl._transport.connection import Wire
from wasmcloud_ctl._transport.session import Transport

__all__ = [
    "Gather",
    "NatsClient",
    "Question",
    "Reply",
    "Subscription",
    "Transport",
    "Wire",
    "request_timeout",
]
