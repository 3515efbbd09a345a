"""Reaches inside a client, for what no public name shows."""

from __future__ import annotations

from wasmcloud_ctl import Client
from wasmcloud_ctl._bridge.loop import Bridge
from wasmcloud_ctl._transport.connection import Connection
from wasmcloud_ctl._transport.session import Session
from wasmcloud_ctl._transport.transport import Transport


def transport_of(client: Client) -> Transport:
    """Return the client's transport in this process."""
    return client._sender.transports.get()


def session_of(client: Client) -> Session:
    """Return the session of the client's transport."""
    return transport_of(client).session


def bridge_of(client: Client) -> Bridge:
    """Return the bridge of the client's transport."""
    return transport_of(client).bridge


def connection_of(client: Client) -> Connection:
    """Return the client's present connection."""
    return session_of(client).connection(None)


def in_flight(client: Client) -> int:
    """Return how many requests of the client are in flight."""
    return len(session_of(client)._pending)
