"""The hosts' connection to NATS. The only module of the practice lattice that uses nats-py."""

from __future__ import annotations

import asyncio
import logging
import time
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

# The characters allowed in the key of a bucket: the rule of async-nats, which real hosts use.
_KEY_CHARACTERS = frozenset("-/_=.ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")

# Timeout of the first connection attempt.
_CONNECT_SECONDS = 5.0

# Seconds between attempts to reconnect. Short, so that the hosts return as soon as a practice server restarts.
_RECONNECT_SECONDS = 0.02

# How long the end of a connection waits for an attempt to reconnect.
_END_SECONDS = 0.25


@frozen
class Message:
    """A message from a subscription.

    Attributes:
        subject: The subject that the message was sent to.
        payload: The payload.
        reply_to: The subject for the reply. Empty if no reply is expected.
        headers: The headers. Empty if there are none.
    """

    subject: str
    payload: bytes
    reply_to: str
    headers: Mapping[str, str]


class Connection:
    """A connection to NATS.

    Args:
        client: A connected nats-py client.
        js_domain: The JetStream domain. Defaults to the server's own.
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
        """Open a connection.

        Args:
            url: The URL of the server.
            name: The name of the connection, as the server's monitoring shows it.
            js_domain: The JetStream domain. Defaults to the server's own.
            options: Further options for ``nats.connect``, such as credentials.

        Raises:
            PracticeServerError: The connection failed.
        """

        errors: list[Exception] = []

        async def report(error: Exception) -> None:
            errors[:] = [error]
            logger.debug("the hosts' connection: %r", error)

        # nats-py accepts fractions of a second here; its annotation says int.
        more: dict[str, Any] = {"reconnect_time_wait": _RECONNECT_SECONDS, **options}
        client = Client()
        connecting = client.connect(
            url,
            name=name,
            error_cb=report,
            max_reconnect_attempts=1,
            # A connection is lost after two missed pings. With nats-py's default, that takes six minutes.
            ping_interval=5,
            **more,
        )
        try:
            await asyncio.wait_for(connecting, _CONNECT_SECONDS)
        except (nats.errors.Error, OSError, asyncio.TimeoutError) as error:
            await client.close()
            cause = errors[-1] if errors else error
            raise PracticeServerError(f"no connection to the server at {url}: {cause!r}") from error
        # After the first connection, reconnect for as long as it takes.
        client.options["max_reconnect_attempts"] = -1
        return cls(client, js_domain)

    async def close(self) -> None:
        """Close the connection after sending what was published."""
        for step in (self._flush, self._end_reconnect, self._client.close):
            try:
                await step()
            except (nats.errors.Error, OSError, asyncio.CancelledError) as error:
                # nats-py cancels the tasks that wait for a reply when it loses the connection.
                logger.debug("closing: %r", error)

    async def _flush(self) -> None:
        if self._client.is_connected:
            await self._client.flush(timeout=1)

    async def _end_reconnect(self) -> None:
        # Before Python 3.12, the cancellation of an attempt can be lost, and then its tasks outlive the loop.
        end = time.monotonic() + _END_SECONDS
        while not (self._client.is_connected or self._client.is_closed) and time.monotonic() < end:
            await asyncio.sleep(0.01)

    async def publish(self, subject: str, payload: bytes) -> None:
        """Publish a message. A message that the server would refuse is dropped, as on a real host."""
        try:
            await self._client.publish(subject, payload)
        except nats.errors.Error as error:
            logger.debug("a message to %s was not sent: %r", subject, error)

    async def request(self, subject: str, payload: bytes, timeout: float) -> bytes | None:
        """Send a request and return the payload of the reply, or None if there is none in time."""
        try:
            return (await self._client.request(subject, payload, timeout=timeout)).data
        except nats.errors.Error as error:
            logger.debug("a request to %s got no reply: %r", subject, error)
            return None

    async def subscribe(
        self, subject: str, handle: Callable[[Message], None], queue: str = ""
    ) -> Subscription:
        """Subscribe to a subject.

        Args:
            subject: The subject, which may contain wildcards.
            handle: Called with each message, one at a time. Must not block.
            queue: The queue group, if each message must reach only one member of a group.
        """

        async def receive(message: Msg) -> None:
            handle(Message(message.subject, message.data, message.reply, message.header or {}))

        return await self._client.subscribe(subject, queue=queue, cb=receive)

    async def unsubscribe(self, subscription: Subscription) -> None:
        """End a subscription. Messages that have not been handled are dropped."""
        try:
            await subscription.unsubscribe()
        except nats.errors.Error as error:
            logger.debug("ending a subscription: %r", error)

    @property
    def received(self) -> int:
        """How many messages were received so far."""
        return self._client.stats["in_msgs"]

    async def settle(self) -> None:
        """Wait until the server has processed everything sent so far. Return at once if there is no connection."""
        if not self._client.is_connected:
            return
        try:
            # nats-py sends the first ping ahead of data that it has not written yet. The second follows that data.
            await self._client.flush(timeout=5)
            await self._client.flush(timeout=5)
        except nats.errors.Error as error:
            logger.debug("waiting for the server: %r", error)

    async def bucket(self, name: str) -> Bucket:
        """Return a key-value bucket, and create it if necessary.

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
            # The bucket exists with other settings: a real host created it.
            store = await self._jetstream.key_value(name)
        return Bucket(self, store, name)

    async def stored_keys(self, bucket: str) -> list[str]:
        """Return the keys of a bucket, in no particular order. Keys that were deleted but not purged are included."""
        prefix = f"$KV.{bucket}."
        information = await self._jetstream.stream_info(f"KV_{bucket}", subjects_filter=f"{prefix}>")
        return [subject[len(prefix) :] for subject in information.state.subjects or {}]


class Bucket:
    """A key-value bucket that fails with the error messages of hosts.

    Args:
        connection: The connection.
        store: The bucket in nats-py.
        name: The name of the bucket.
    """

    def __init__(self, connection: Connection, store: KeyValue, name: str) -> None:
        self._connection = connection
        self._store = store
        self.name = name

    async def get(self, key: str) -> bytes | None:
        """Return the value of a key, or None if it has none.

        Raises:
            Failure: The key is not valid, or the server does not answer.
        """
        _check_key(key)
        try:
            return (await self._store.get(key)).value
        except (nats.js.errors.KeyNotFoundError, nats.js.errors.KeyDeletedError):
            return None
        except nats.errors.Error as error:
            raise Failure("failed getting entry", str(error)) from error

    async def put(self, key: str, value: bytes) -> None:
        """Set the value of a key, whether it exists or not.

        Raises:
            Failure: The key is not valid, or the server does not answer.
        """
        _check_key(key)
        try:
            await self._store.put(key, value)
        except nats.errors.Error as error:
            raise Failure("failed to put value", str(error)) from error

    async def purge(self, key: str) -> None:
        """Delete a key with its history.

        Raises:
            Failure: The key is not valid, or the server does not answer.
        """
        _check_key(key)
        try:
            await self._store.purge(key)
        except nats.errors.Error as error:
            raise Failure("failed to purge", str(error)) from error

    async def watch(self, changed: Callable[[str, bytes | None], None]) -> None:
        """Report every change to the bucket, by any client, until the connection is closed.

        Args:
            changed: Called with the key and its new value, which is None if the key was deleted.
        """
        prefix = f"$KV.{self.name}."

        def receive(message: Message) -> None:
            removed = "KV-Operation" in message.headers
            changed(message.subject[len(prefix) :], None if removed else message.payload)

        await self._connection.subscribe(f"{prefix}>", receive)

    async def load(self) -> dict[str, bytes]:
        """Return all keys with their values."""
        values: dict[str, bytes] = {}
        for key in await self._connection.stored_keys(self.name):
            value = await self.get(key)
            if value is not None:
                values[key] = value
        return values


def _check_key(key: str) -> None:
    if ".." in key:
        # Allowed in a key, but not in a subject.
        raise Failure("failed getting entry", "error getting message: error getting message")
    if not key or key[0] == "." or key[-1] == "." or not _KEY_CHARACTERS.issuperset(key):
        raise Failure("key cannot be empty or start/end with `.`")
