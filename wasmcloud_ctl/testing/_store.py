"""The data of a lattice: its buckets in JetStream, and the hosts' memory of them."""

from __future__ import annotations

import asyncio
import json
from collections import deque

from attrs import define

from wasmcloud_ctl.testing import _events, _serde
from wasmcloud_ctl.testing._claims import Claims, claims_for_bucket, stored_claims_for_reply
from wasmcloud_ctl.testing._commands import Link
from wasmcloud_ctl.testing._connection import Bucket, Connection
from wasmcloud_ctl.testing._failure import Failure
from wasmcloud_ctl.testing._serde import ParseError, Struct

_COMPONENT = "COMPONENT_"
_CLAIMS = "CLAIMS_"

# Seconds until new claims show up in the hosts' memory. Real hosts were seen to take some tens of milliseconds.
_CLAIMS_SECONDS = 0.02


@define
class Specification:
    """The record of a component or provider in the bucket.

    The source of a link has a record even if it was never started.

    Attributes:
        url: The reference of its first start. Empty if it was never started.
        links: The links of which it is the source.
    """

    url: str
    links: list[Link]

    @classmethod
    def read(cls, value: bytes) -> Specification:
        """Read a record from the bucket; raises ParseError."""
        fields = Struct(_serde.parse(value))

        def links(value: object) -> list[Link]:
            if not isinstance(value, list):
                raise ParseError("a list was expected")
            return [Link.from_json(entry) for entry in value]

        return cls(url=fields.optional("url", _serde.text) or "", links=fields.defaulted("links", links, []))

    def written(self) -> bytes:
        """Return the record in the form in which it is stored."""
        return _json({"url": self.url, "links": [_events.link_data(link) for link in self.links]})


class LatticeStore:
    """The two buckets of a lattice.

    Requests for links and claims are served from memory, which follows the bucket. Just after a change, the memory
    may be out of date.

    Args:
        configs: The bucket of configs.
        data: The bucket of links, references and claims.

    Attributes:
        configs: The bucket of configs.
        lag: Seconds by which the memory is pending the bucket.
    """

    def __init__(self, configs: Bucket, data: Bucket) -> None:
        self.configs = configs
        self.lag: float = 0.0
        self._data = data
        self._links: dict[str, list[Link]] = {}
        self._claims: dict[str, dict[str, str]] = {}
        self._changes: deque[tuple[float, str, bytes | None]] = deque()
        self._following: asyncio.TimerHandle | None = None

    @classmethod
    async def open(cls, connection: Connection, lattice: str) -> LatticeStore:
        """Open the buckets of a lattice, and create them if necessary."""
        configs = await connection.bucket(f"CONFIGDATA_{lattice}")
        store = cls(configs, await connection.bucket(f"LATTICEDATA_{lattice}"))
        await store._data.watch(store._changed)
        await connection.settle()
        for key, value in (await store._data.load()).items():
            store._apply(key, value)
        return store

    def close(self) -> None:
        """Stop following the bucket."""
        if self._following is not None:
            self._following.cancel()
        self._changes.clear()

    @property
    def pending(self) -> bool:
        """Whether there are changes that have not reached the memory."""
        return bool(self._changes)

    async def wait_until_applied(self) -> None:
        """Wait until the memory has all changes received so far."""
        if self._changes:
            loop = asyncio.get_running_loop()
            await asyncio.sleep(max(0.0, self._changes[-1][0] - loop.time()))

    def links(self) -> list[Link]:
        """Return all links in memory."""
        return [link for links in self._links.values() for link in links]

    def claims(self) -> dict[str, dict[str, str]]:
        """Return all claims in memory, by subject key."""
        return dict(self._claims)

    async def specification(self, component_id: str) -> Specification | None:
        """Return the record of a component or provider, or None if there is none.

        Raises:
            Failure: The id is not a valid key, or the server does not answer.
        """
        try:
            value = await self._data.get(_COMPONENT + component_id)
        except Failure as failure:
            raise Failure("failed to get component spec", failure) from failure
        if value is None:
            return None
        try:
            return Specification.read(value)
        except ParseError as error:
            raise Failure(
                f"failed to deserialize stored component specification for {component_id}", str(error)
            ) from error

    async def store_specification(self, component_id: str, specification: Specification) -> None:
        """Store the record of a component or provider. Like real hosts, overwrites concurrent changes.

        Raises:
            Failure: The id is not a valid key, or the server does not answer.
        """
        try:
            await self._data.put(_COMPONENT + component_id, specification.written())
        except Failure as failure:
            raise Failure("failed to put component spec", failure) from failure

    async def store_claims(self, claims: Claims, *, of_provider: bool) -> None:
        """Store claims.

        Raises:
            Failure: The server does not answer.
        """
        try:
            await self._data.put(
                _CLAIMS + claims.subject, _json(claims_for_bucket(claims, of_provider=of_provider))
            )
        except Failure as failure:
            raise Failure("failed to store claims", Failure("failed to put claims", failure)) from failure

    async def config(self, name: str) -> bytes | None:
        """Return the stored bytes of a config, or None if it does not exist.

        Raises:
            Failure: The name is not a valid key, or the server does not answer.
        """
        return await self.configs.get(name)

    def _changed(self, key: str, value: bytes | None) -> None:
        lag = max(self.lag, _CLAIMS_SECONDS if key.startswith(_CLAIMS) else 0.0)
        if lag == 0.0 and not self._changes:
            self._apply(key, value)
            return
        # Changes are applied in order, so that an older value of a key never replaces a newer one.
        self._changes.append((asyncio.get_running_loop().time() + lag, key, value))
        if self._following is None:
            self._follow()

    def _follow(self) -> None:
        loop = asyncio.get_running_loop()
        self._following = None
        while self._changes:
            due, key, value = self._changes[0]
            if due > loop.time():
                self._following = loop.call_at(due, self._follow)
                return
            self._changes.popleft()
            self._apply(key, value)

    def _apply(self, key: str, value: bytes | None) -> None:
        if value is None:
            return  # real hosts ignore deletions: their watch does not say what was deleted
        try:
            if key.startswith(_COMPONENT):
                self._links[key[len(_COMPONENT) :]] = Specification.read(value).links
            elif key.startswith(_CLAIMS):
                claims = stored_claims_for_reply(_serde.parse(value))
                self._claims[claims["subject"]] = claims
        except ParseError:
            pass  # not written by a host, or broken: a host logs it and goes on


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
