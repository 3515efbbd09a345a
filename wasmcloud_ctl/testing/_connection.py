"""The hosts' connection to NATS. The only module of the practice lattice that knows nats-py."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

import nats.errors
import nats.js.errors
from attrs import frozen
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription as Subscription
from nats.js.api import KeyValueConfig, StorageType
from nats.js.kv import KeyValue

from wasmcloud_ctl.testing._failure import Failure
from wasmcloud_ctl.testing._server import PracticeServerError

logger = logging.getLogger("wasmcloud_ctl.testing")

# What a key of a bucket can be. The client library on the hosts' side has the same rule.
_KEY_CHARACTERS = frozenset("-/_=.ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")

# How long connecting may take at first.
_CONNECT_SECONDS = 5.0

# Seconds between attempts to connect again: a practice server that comes back is to have its hosts at once.
_RECONNECT_SECONDS = 0.02


@frozen
class Message:
    """What arrived on a subject.

    Attributes:
        subject: The subject it was sent to.
        payload: What it says.
        reply_to: Where an answer goes; empty for nowhere.
        headers: Its headers; empty for none.
    """

    subject: str
    payload: bytes
    reply_to: str
    headers: Mapping[str, str]


class Connection:
    """One connection, with a subscription for each subject that is served.

    Args:
        client: nats-py's client, connected.
        js_domain: The JetStream domain; None for the server's own.
    """

    def __init__(self, client: Client, js_domain: str | None) -> None:
        self._client = client
        self._jetstream = client.jetstream(domain=js_domain)

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        name: str,
        js_domain: str | None,
        options: Mapping[str, object],
    ) -> Connection:
        """Connect.

        Args:
            url: The server.
            name: What the server calls the connection.
            js_domain: The JetStream domain; None for the server's own.
            options: More options for ``nats.connect``, such as credentials.

        Raises:
            PracticeServerError: There is no connection to be had.
        """

        errors: list[Exception] = []

        async def report(error: Exception) -> None:
            errors[:] = [error]
            logger.debug("the hosts' connection: %r", error)

        # nats-py takes fractions of a second here, too, but does not say so.
        more: dict[str, Any] = {"reconnect_time_wait": _RECONNECT_SECONDS, **options}
        client = Client()
        connecting = client.connect(
            url,
            name=name,
            error_cb=report,
            max_reconnect_attempts=1,
            # Two missed pings are a lost connection; nats-py would take six minutes.
            ping_interval=5,
            **more,
        )
        try:
            await asyncio.wait_for(connecting, _CONNECT_SECONDS)
        except (nats.errors.Error, OSError, asyncio.TimeoutError) as error:
            await client.close()
            cause = errors[-1] if errors else error
            raise PracticeServerError(f"no connection to the server at {url}: {cause!r}") from error
        # A server that was there once is waited for, however long it is away.
        client.options["max_reconnect_attempts"] = -1
        return cls(client, js_domain)

    async def close(self) -> None:
        """Close it, with what was published before on its way."""
        for step in (self._flush, self._client.close):
            try:
                await step()
            except (nats.errors.Error, OSError, asyncio.CancelledError) as error:
                # When nats-py loses the connection it cancels who waits for an answer, at any step.
                logger.debug("closing: %r", error)

    async def _flush(self) -> None:
        if self._client.is_connected:
            await self._client.flush(timeout=1)

    async def publish(self, subject: str, payload: bytes) -> None:
        """Send a message. What the server would not take is not sent, as with a host."""
        try:
            await self._client.publish(subject, payload)
        except nats.errors.Error as error:
            logger.debug("a message to %s was not sent: %r", subject, error)

    async def subscribe(
        self, subject: str, handle: Callable[[Message], None], queue: str = ""
    ) -> Subscription:
        """Have messages to a subject handled, one after the other.

        Args:
            subject: The subject, which may have wildcards.
            handle: Called with each message; it must not block.
            queue: The queue group, for messages of which each reaches one member only.
        """

        async def receive(message: Msg) -> None:
            handle(Message(message.subject, message.data, message.reply, message.header or {}))

        return await self._client.subscribe(subject, queue=queue, cb=receive)

    async def unsubscribe(self, subscription: Subscription) -> None:
        """End a subscription; what has not been handled is forgotten."""
        try:
            await subscription.unsubscribe()
        except nats.errors.Error as error:
            logger.debug("ending a subscription: %r", error)

    async def settle(self) -> None:
        """Wait until the server has taken in whatever was asked of it before."""
        try:
            # nats-py's first ping overtakes what is still to be written; the second one follows it.
            await self._client.flush(timeout=5)
            await self._client.flush(timeout=5)
        except nats.errors.Error as error:
            logger.debug("waiting for the server: %r", error)

    async def bucket(self, name: str) -> Bucket:
        """A key-value bucket, made if there is none yet.

        Raises:
            PracticeServerError: The server has no JetStream.
        """
        try:
            store = await self._jetstream.create_key_value(
                KeyValueConfig(bucket=name, history=1, storage=StorageType.FILE, direct=True)
            )
        except (nats.js.errors.ServiceUnavailableError, nats.errors.NoRespondersError) as error:
            raise PracticeServerError("the server has no JetStream, which hosts need") from error
        except nats.js.errors.APIError:
            # It is there, made by a host with settings of its own.
            store = await self._jetstream.key_value(name)
        return Bucket(self, store, name)

    async def stored_keys(self, bucket: str) -> list[str]:
        """The keys that have ever been set in a bucket and not been purged, in no order."""
        prefix = f"$KV.{bucket}."
        information = await self._jetstream.stream_info(f"KV_{bucket}", subjects_filter=f"{prefix}>")
        return [subject[len(prefix) :] for subject in information.state.subjects or {}]


class Bucket:
    """A key-value bucket, in the words that hosts have when it fails.

    Args:
        connection: The connection it is reached by.
        store: nats-py's bucket.
        name: Its name.
    """

    def __init__(self, connection: Connection, store: KeyValue, name: str) -> None:
        self._connection = connection
        self._store = store
        self.name = name

    async def get(self, key: str) -> bytes | None:
        """What is stored under a key; None for nothing.

        Raises:
            Failure: The key cannot be one, or the server does not answer.
        """
        _check_key(key)
        try:
            return (await self._store.get(key)).value
        except (nats.js.errors.KeyNotFoundError, nats.js.errors.KeyDeletedError):
            return None
        except nats.errors.Error as error:
            raise Failure("failed getting entry", str(error)) from error

    async def put(self, key: str, value: bytes) -> None:
        """Store something under a key, whatever is there.

        Raises:
            Failure: The key cannot be one, or the server does not answer.
        """
        _check_key(key)
        try:
            await self._store.put(key, value)
        except nats.errors.Error as error:
            raise Failure("failed to put value", str(error)) from error

    async def purge(self, key: str) -> None:
        """Remove what is stored under a key.

        Raises:
            Failure: The key cannot be one, or the server does not answer.
        """
        _check_key(key)
        try:
            await self._store.purge(key)
        except nats.errors.Error as error:
            raise Failure("failed to purge", str(error)) from error

    async def watch(self, changed: Callable[[str, bytes | None], None]) -> None:
        """Have changes told, by anyone on this server, until the connection is closed.

        Args:
            changed: Called with the key and its value, None for one that was removed.
        """
        prefix = f"$KV.{self.name}."

        def receive(message: Message) -> None:
            removed = "KV-Operation" in message.headers
            changed(message.subject[len(prefix) :], None if removed else message.payload)

        await self._connection.subscribe(f"{prefix}>", receive)

    async def load(self) -> dict[str, bytes]:
        """All that is stored now."""
        values: dict[str, bytes] = {}
        for key in await self._connection.stored_keys(self.name):
            value = await self.get(key)
            if value is not None:
                values[key] = value
        return values


def _check_key(key: str) -> None:
    if ".." in key:
        # Legal by the rule of keys, but no subject.
        raise Failure("failed getting entry", "error getting message: error getting message")
    if not key or key[0] == "." or key[-1] == "." or not _KEY_CHARACTERS.issuperset(key):
        raise Failure("key cannot be empty or start/end with `.`")
