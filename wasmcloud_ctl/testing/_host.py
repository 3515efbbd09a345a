"""One simulated host: its state, its inventory, and its events."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping

from attrs import define, field

from wasmcloud_ctl.testing import _events, _identity, _serde, _versions
from wasmcloud_ctl.testing._claims import Claims, claims_for_reply
from wasmcloud_ctl.testing._failure import Failure
from wasmcloud_ctl.testing._faults import Faults
from wasmcloud_ctl.testing._locks import ReadWriteLock
from wasmcloud_ctl.testing._registry import PracticeRegistry
from wasmcloud_ctl.testing._serde import ParseError
from wasmcloud_ctl.testing._store import LatticeStore
from wasmcloud_ctl.testing._versions import HostVersion

Reply = dict[str, object]

# The prefix of config names that refer to a secret.
SECRET_PREFIX = "SECRET_"


@define
class RunningComponent:
    """A component that runs on a host.

    Attributes:
        image_ref: The reference in the inventory. The running code may be another one, see ``code_ref``.
        code_ref: The reference of the running code.
        claims: The claims of the running code.
        annotations: The annotations of the last command that changed the component.
        max_instances: The maximum number of concurrent instances, 1 or more.
        config: The names of its configs.
        limits: Its limits, if it has any.
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
        image_ref: Its reference without the scheme.
        claims: The claims of its archive.
        annotations: The annotations of the command that started it.
    """

    image_ref: str
    claims: Claims | None
    annotations: dict[str, str]


@define(kw_only=True, eq=False)
class SharedState:
    """What the hosts of a lattice share.

    Attributes:
        lattice: The name of the lattice.
        url: The URL of the server, which hosts show in their descriptions.
        js_domain: The JetStream domain, which hosts show in their descriptions.
        store: The buckets in JetStream.
        registry: The registry that images are pulled from.
        publish: Publishes an event of a host. Takes the host, the name of the event, and its data.
        spawn: Starts a task for a host in the background. Takes the host and a coroutine.
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
    """One host, from its start to its end. To be used on the hosts' event loop only.

    Attributes:
        shared: What it shares with the other hosts of the lattice.
        version: The version that it behaves like.
        labels: Its labels.
        bids_for_components: Whether it bids in auctions for components.
        bids_for_providers: Whether it bids in auctions for providers.
        builtins: The builtin providers that are enabled.
        faults: Its faults.
        id: Its id.
        friendly_name: Its human-readable name.
        components: Its running components, by id.
        providers: Its running providers, by id.
        stopping: Whether it is stopping. A stopping host serves no more requests.
        components_lock: Held while the components are read or changed, as on a real host.
        providers_lock: Held while the providers are read or changed.
        registries_lock: Held while an image is pulled or the registries are changed.
        own_claims: The claims of what this host has started, by subject key.
    """

    shared: SharedState
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
        """Return the seconds since the host started, as a whole number."""
        return int(time.monotonic() - self._started)

    def description(self) -> Reply:
        """Return the host's description: the reply to ``host.ping``."""
        uptime = self.uptime()
        description: Reply = {
            "rpc_host": self.shared.url,
            "ctl_host": self.shared.url,
            "friendly_name": self.friendly_name,
            "id": self.id,
            "labels": dict(sorted(self.labels.items())),
            "lattice": self.shared.lattice,
            "uptime_human": _identity.uptime_in_words(uptime),
            "uptime_seconds": uptime,
        }
        if self.shared.js_domain is not None:
            description["js_domain"] = self.shared.js_domain
        description["version"] = self.version.reported
        return description

    async def inventory(self) -> Reply:
        """Return the host's inventory: the reply to ``host.get`` and the data of a heartbeat."""
        async with self.components_lock.read():
            components = [self._describe_component(name, entry) for name, entry in self.components.items()]
        async with self.providers_lock.read():
            providers = [self._describe_provider(name, entry) for name, entry in self.providers.items()]
        uptime = self.uptime()
        return {
            "components": components,
            "providers": providers,
            "host_id": self.id,
            "friendly_name": self.friendly_name,
            "labels": dict(sorted(self.labels.items())),
            "version": self.version.reported,
            "uptime_human": _identity.uptime_in_words(uptime),
            "uptime_seconds": uptime,
        }

    def _describe_component(self, component_id: str, component: RunningComponent) -> Reply:
        description: Reply = {"id": component_id, "image_ref": component.image_ref}
        if component.claims is not None and component.claims.name is not None:
            description["name"] = component.claims.name
        description["annotations"] = component.annotations
        description["revision"] = 0 if component.claims is None else component.claims.revision or 0
        description["max_instances"] = component.max_instances
        if self.version.has(_versions.LIMITS):
            description["limits"] = component.limits
        return description

    @staticmethod
    def _describe_provider(provider_id: str, provider: RunningProvider) -> Reply:
        description: Reply = {"id": provider_id, "image_ref": provider.image_ref}
        if provider.claims is not None and provider.claims.name is not None:
            description["name"] = provider.claims.name
        description["revision"] = 0 if provider.claims is None else provider.claims.revision or 0
        description["annotations"] = provider.annotations
        return description

    def satisfies(self, constraints: Mapping[str, str]) -> bool:
        """Return whether the host has all labels that an auction demands."""
        return all(self.labels.get(key) == value for key, value in constraints.items())

    async def store_claims(self, claims: Claims, *, of_provider: bool) -> None:
        """Store the claims of a component or provider that this host starts; raises Failure."""
        # This host has the claims at once. The other hosts read them from the bucket.
        self.own_claims[claims.subject] = claims_for_reply(claims, of_provider=of_provider)
        await self.shared.store.store_claims(claims, of_provider=of_provider)

    async def check_configs(self, names: Iterable[str]) -> None:
        """Check that the configs of a component or provider exist and are valid; raises Failure."""
        names = list(names)
        for name in names:
            # A host keeps every config that it has read once, even after the config is deleted.
            if name in self._known_configs or name.startswith(SECRET_PREFIX):
                continue
            try:
                found = await self.shared.store.config(name)
            except Failure as failure:
                reason = f"Error fetching config {name}: {failure.chain}"
                raise self._no_config(name, reason) from failure
            if found is None:
                raise self._no_config(name, f"Config {name} does not exist")
            try:
                _serde.string_map(_serde.parse(found))
            except ParseError as error:
                reason = f"Data corruption error, unable to decode data from store: {error}"
                raise self._no_config(name, reason) from error
            self._known_configs.add(name)
        if any(name.startswith(SECRET_PREFIX) for name in names):
            raise Failure(
                "Unable to fetch requested secrets", "secret store not configured, could not fetch secrets"
            )

    def _no_config(self, name: str, reason: str) -> Failure:
        """Return the failure for a config that the host cannot use."""
        if self.version.has(_versions.CONFIG_WATCHERS_NAMED):
            reason = f"error setting up watcher for {name}: {reason}"
        return Failure("Unable to fetch requested config", reason)

    async def publish(self, name: str, data: Mapping[str, object]) -> None:
        """Publish an event of this host, as hosts of its version do."""
        published = _events.for_version(self.version, self.id, name, data)
        if published is not None:
            await self.shared.publish(self, name, published)

    def done_reply(self, message: str) -> Reply:
        """Return a reply that reports success, with this message if hosts of this version have one."""
        return accepted_reply(message if self.version.has(_versions.MESSAGES) else "")


def accepted_reply(message: str) -> Reply:
    """Return a reply that reports success."""
    return {"success": True, "message": message}


def refused_reply(message: str) -> Reply:
    """Return a reply that reports failure."""
    return {"success": False, "message": message}


def data_reply(response: object) -> Reply:
    """Return a reply with data."""
    return {"success": True, "message": "", "response": response}
