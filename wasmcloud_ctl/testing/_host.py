"""One simulated host: what it is, what it runs, and what it tells of both."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping

from attrs import define, field

from wasmcloud_ctl.testing import _identity, _serde
from wasmcloud_ctl.testing._claims import Claims
from wasmcloud_ctl.testing._failure import Failure
from wasmcloud_ctl.testing._faults import Faults
from wasmcloud_ctl.testing._locks import ReadWriteLock
from wasmcloud_ctl.testing._registry import PracticeRegistry
from wasmcloud_ctl.testing._serde import ParseError
from wasmcloud_ctl.testing._store import LatticeStore
from wasmcloud_ctl.testing._versions import HostVersion

Reply = dict[str, object]

# What the name of a config begins with that is a secret.
SECRET_PREFIX = "SECRET_"


@define
class RunningComponent:
    """A component that runs on a host.

    Attributes:
        image_ref: The reference that the inventory shows, which may not be the one whose code runs.
        code_ref: The reference whose code runs.
        claims: The claims of the code that runs.
        annotations: As the last command that changed something gave them.
        max_instances: How many may run at once, 1 or more.
        config: The names of its configs.
        limits: Its limits; None for none.
    """

    image_ref: str
    code_ref: str
    claims: Claims | None
    annotations: dict[str, str]
    max_instances: int
    config: list[str]
    limits: dict[str, str] | None


@define
class RunningProvider:
    """A provider that runs on a host.

    Attributes:
        image_ref: Where it came from, without the scheme.
        claims: The claims of its archive.
        annotations: As it was started with.
    """

    image_ref: str
    claims: Claims | None
    annotations: dict[str, str]


@define(kw_only=True, eq=False)
class Surroundings:
    """What the hosts of a lattice share.

    Attributes:
        lattice: The lattice's name.
        url: The server's URL, as hosts tell it.
        js_domain: The JetStream domain that hosts tell; None for none.
        store: What they keep in JetStream.
        registry: What they pull images from.
        publish: Sends an event of a host; its id, the event's name, its data.
        spawn: Runs something beside the request that asked for it.
    """

    lattice: str
    url: str
    js_domain: str | None
    store: LatticeStore
    registry: PracticeRegistry
    publish: Callable[[SimulatedHost, str, Mapping[str, object]], Awaitable[None]]
    spawn: Callable[[SimulatedHost, Coroutine[object, object, None]], None]


@define(kw_only=True, eq=False)
class SimulatedHost:
    """One host, from its start to its end. On the hosts' event loop only.

    Attributes:
        around: What it shares with the other hosts.
        version: What it does as its version does.
        labels: Its labels.
        bids_for_components: Whether it takes part in auctions for components.
        bids_for_providers: Whether it takes part in auctions for providers.
        builtins: The builtin providers that are switched on.
        faults: What is wrong with it.
        id: Its id.
        friendly_name: Its name, for people.
        components: What runs on it, by id.
        providers: What runs on it, by id.
        stopping: Whether it takes no more requests.
        components_lock: Held while the components are looked at or changed, as on a real host.
        providers_lock: Held while the providers are.
        registries_lock: Held while an image is fetched or the registries are changed.
        own_claims: The claims of what it started itself, by the key they are about.
    """

    around: Surroundings
    version: HostVersion
    labels: dict[str, str]
    bids_for_components: bool = True
    bids_for_providers: bool = True
    builtins: frozenset[str] = frozenset()
    faults: Faults = field(factory=Faults)
    id: str = field(factory=_identity.new_host_id)
    friendly_name: str = field(factory=_identity.new_friendly_name)
    components: dict[str, RunningComponent] = field(factory=dict)
    providers: dict[str, RunningProvider] = field(factory=dict)
    stopping: bool = False
    components_lock: ReadWriteLock = field(factory=ReadWriteLock, init=False)
    providers_lock: ReadWriteLock = field(factory=ReadWriteLock, init=False)
    registries_lock: ReadWriteLock = field(factory=ReadWriteLock, init=False)
    own_claims: dict[str, dict[str, str]] = field(factory=dict, init=False)
    _known_configs: set[str] = field(factory=set, init=False)
    _started: float = field(factory=time.monotonic, init=False)

    def uptime(self) -> int:
        """Whole seconds since it started."""
        return int(time.monotonic() - self._started)

    def description(self) -> Reply:
        """What it is: the answer to ``host.ping``."""
        uptime = self.uptime()
        description: Reply = {
            "rpc_host": self.around.url,
            "ctl_host": self.around.url,
            "friendly_name": self.friendly_name,
            "id": self.id,
            "labels": dict(sorted(self.labels.items())),
            "lattice": self.around.lattice,
            "uptime_human": _identity.uptime_in_words(uptime),
            "uptime_seconds": uptime,
        }
        if self.around.js_domain is not None:
            description["js_domain"] = self.around.js_domain
        if self.version.tells_version:
            description["version"] = self.version.number
        return description

    async def inventory(self) -> Reply:
        """What it runs: the answer to ``host.get``, and a heartbeat."""
        async with self.components_lock.read():
            components = [self._told_component(name, entry) for name, entry in self.components.items()]
        async with self.providers_lock.read():
            providers = [self._told_provider(name, entry) for name, entry in self.providers.items()]
        uptime = self.uptime()
        inventory: Reply = {
            self.version.components_key: components,
            "providers": providers,
            "host_id": self.id,
            "friendly_name": self.friendly_name,
            "labels": dict(sorted(self.labels.items())),
            "uptime_human": _identity.uptime_in_words(uptime),
            "uptime_seconds": uptime,
        }
        if self.version.tells_version:
            inventory["version"] = self.version.number
        return inventory

    def _told_component(self, component_id: str, component: RunningComponent) -> Reply:
        told: Reply = {"id": component_id, "image_ref": component.image_ref}
        if component.claims is not None and component.claims.name is not None:
            told["name"] = component.claims.name
        told["annotations"] = component.annotations
        told["revision"] = 0 if component.claims is None else component.claims.revision or 0
        told["max_instances"] = component.max_instances
        if self.version.tells_limits:
            told["limits"] = component.limits
        return told

    @staticmethod
    def _told_provider(provider_id: str, provider: RunningProvider) -> Reply:
        told: Reply = {"id": provider_id, "image_ref": provider.image_ref}
        if provider.claims is not None and provider.claims.name is not None:
            told["name"] = provider.claims.name
        told["revision"] = 0 if provider.claims is None else provider.claims.revision or 0
        told["annotations"] = provider.annotations
        return told

    def satisfies(self, constraints: Mapping[str, str]) -> bool:
        """Whether its labels are as an auction demands."""
        return all(self.labels.get(key) == value for key, value in constraints.items())

    async def store_claims(self, claims: Claims, *, of_provider: bool) -> None:
        """Keep claims of something it starts; raises Failure."""
        # This host knows them at once, the others when the bucket tells them.
        self.own_claims[claims.subject] = claims.answered(of_provider=of_provider)
        await self.around.store.store_claims(claims, of_provider=of_provider)

    async def check_configs(self, names: Iterable[str]) -> None:
        """Look whether all configs are there that something wants to run with; raises Failure."""
        names = list(names)
        for name in names:
            # A config that it once had, the host follows for ever: also when it is gone from the bucket.
            if name in self._known_configs or name.startswith(SECRET_PREFIX):
                continue
            try:
                found = await self.around.store.config(name)
            except Failure as failure:
                reason = f"Error fetching config {name}: {failure.chain}"
                raise Failure("Unable to fetch requested config", reason) from failure
            if found is None:
                raise Failure("Unable to fetch requested config", f"Config {name} does not exist")
            try:
                _serde.string_map(_serde.parse(found))
            except ParseError as error:
                reason = f"Data corruption error, unable to decode data from store: {error}"
                raise Failure("Unable to fetch requested config", reason) from error
            self._known_configs.add(name)
        if any(name.startswith(SECRET_PREFIX) for name in names):
            raise Failure(
                "Unable to fetch requested secrets", "secret store not configured, could not fetch secrets"
            )

    async def publish(self, name: str, data: Mapping[str, object]) -> None:
        """Publish an event."""
        await self.around.publish(self, name, data)


def done(message: str) -> Reply:
    """A reply that says yes."""
    return {"success": True, "message": message}


def refused(message: str) -> Reply:
    """A reply that says no."""
    return {"success": False, "message": message}


def answered(response: object) -> Reply:
    """A reply that tells something."""
    return {"success": True, "message": "", "response": response}
