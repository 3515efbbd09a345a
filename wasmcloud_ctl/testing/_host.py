"""One simulated host: what it runs, and what it answers to each command, in the words of a real one."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping

from attrs import define, field

from wasmcloud_ctl.testing import _artifacts, _commands, _events, _identity, _serde
from wasmcloud_ctl.testing._artifacts import BuiltinReference, FileReference, PracticeRegistry, Reference
from wasmcloud_ctl.testing._claims import Claims
from wasmcloud_ctl.testing._failure import Failure
from wasmcloud_ctl.testing._faults import Faults
from wasmcloud_ctl.testing._locks import ReadWriteLock
from wasmcloud_ctl.testing._serde import ParseError
from wasmcloud_ctl.testing._store import LatticeStore, Specification
from wasmcloud_ctl.testing._versions import HostVersion

Reply = dict[str, object]

# What the name of a config begins with that is a secret.
_SECRET = "SECRET_"

_CLASH = (
    "link already exists with different target, consider deleting the existing link or using a different "
    "link name"
)


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
    _components_lock: ReadWriteLock = field(factory=ReadWriteLock, init=False)
    _providers_lock: ReadWriteLock = field(factory=ReadWriteLock, init=False)
    _registries_lock: ReadWriteLock = field(factory=ReadWriteLock, init=False)
    _own_claims: dict[str, dict[str, str]] = field(factory=dict, init=False)
    _known_configs: set[str] = field(factory=set, init=False)
    _started: float = field(factory=time.monotonic, init=False)

    async def answer(self, operation: str, argument: str | None, payload: bytes) -> Reply | None:
        """Do what a request asks.

        Args:
            operation: What stands in the subject after the lattice, such as ``component.scale``.
            argument: What stands after that: a host's id, a config's name; None for nothing. More than one
                token
                is no argument that a host knows.
            payload: What the request says.

        Returns:
            The reply; None if the host stays silent.
        """
        serve = _OPERATIONS.get((operation, argument is not None))
        if serve is None or (argument is not None and "." in argument):
            return _refused("unsupported subject")
        try:
            return await serve(self, argument or "", payload)
        except Failure as failure:
            return _refused(str(failure))

    # What a host tells of itself

    def uptime(self) -> int:
        """Whole seconds since it started."""
        return int(time.monotonic() - self._started)

    def _description(self) -> Reply:
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
        async with self._components_lock.read():
            components = [self._told_component(name, entry) for name, entry in self.components.items()]
        async with self._providers_lock.read():
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

    async def _get_inventory(self, _: str, __: bytes) -> Reply:
        return _answered(await self.inventory())

    async def _ping(self, _: str, __: bytes) -> Reply:
        return _answered(self._description())

    # Auctions

    async def _auction_component(self, _: str, payload: bytes) -> Reply | None:
        try:
            request = _commands.ComponentAuction.read(payload)
        except ParseError as error:
            raise Failure("failed to deserialize component auction command") from error
        async with self._components_lock.read():
            # The host's slip: it takes the reference for the id, here and in its answer.
            runs = request.component_ref in self.components
        if runs or not self._satisfies(request.constraints):
            return None
        return _answered(
            {
                "component_ref": request.component_ref,
                "component_id": request.component_ref,
                "host_id": self.id,
                "constraints": request.constraints,
            }
        )

    async def _auction_provider(self, _: str, payload: bytes) -> Reply | None:
        try:
            request = _commands.ProviderAuction.read(payload)
        except ParseError as error:
            raise Failure("failed to deserialize provider auction command") from error
        async with self._providers_lock.read():
            runs = request.provider_id in self.providers
        if runs or not self._satisfies(request.constraints):
            return None
        return _answered(
            {
                "host_id": self.id,
                "provider_ref": request.provider_ref,
                "provider_id": request.provider_id,
                "constraints": request.constraints,
            }
        )

    def _satisfies(self, constraints: Mapping[str, str]) -> bool:
        return all(self.labels.get(key) == value for key, value in constraints.items())

    # Components

    async def _scale_component(self, _: str, payload: bytes) -> Reply:
        try:
            command = _commands.ScaleComponent.read(payload)
        except ParseError as error:
            raise Failure("failed to deserialize component scale command") from error
        async with self._components_lock.read():
            running = self.components.get(command.component_id)
            before = None if running is None else running.image_ref
        other = before is not None and before != command.component_ref
        message = ""
        if other and command.allow_update:
            message = (
                "Requested to scale existing component, with a changed image reference: "
                f"{before} != {command.component_ref}. The component will be scaled, and the image reference "
                "will be updated afterwards."
            )
        elif other:
            message = (
                "Requested to scale existing component to a different image reference: "
                f"{before} != {command.component_ref}. The component will be scaled but the image reference "
                "will not be updated. If you meant to update this component to a new image ref, use the "
                "update command."
            )
        self.around.spawn(self, self._scale(command, update_after=other and command.allow_update))
        return _done(message)

    async def _scale(self, command: _commands.ScaleComponent, *, update_after: bool) -> None:
        """Fetch what is to run, whatever the command says, and then scale."""
        code = _artifacts.Component()
        missing: Failure | None = None
        try:
            code = await self._fetch(command.component_ref)
        except Failure as failure:
            missing = failure
        if code.bad_claims is not None:
            await self._publish_scale_failed(None, command, code.bad_claims)
            return
        try:
            await self._scale_to(command, code, missing)
        except Failure as failure:
            await self._publish_scale_failed(code.claims, command, failure)
            return
        if update_after:
            await self._update(command.component_id, command.component_ref, command.host_id, {})

    async def _fetch(self, component_ref: str) -> _artifacts.Component:
        async with self._registries_lock.read():
            return await _artifacts.fetch_component(component_ref, self.around.registry)

    async def _scale_to(
        self, command: _commands.ScaleComponent, code: _artifacts.Component, missing: Failure | None
    ) -> None:
        async with self._components_lock.write():
            component = self.components.get(command.component_id)
            if component is None and command.max_instances == 0:
                annotations, image_ref = command.annotations, command.component_ref
            elif component is None:
                await self._start_component(command, code, missing)
                annotations, image_ref = command.annotations, command.component_ref
            else:
                # What is told is what was, but for the count and the claims.
                annotations, image_ref = component.annotations, component.image_ref
                if command.max_instances == 0:
                    del self.components[command.component_id]
                else:
                    await self._rescale(component, command)
        await self._publish(
            "component_scaled",
            _events.component_scaled(
                code.claims,
                annotations,
                command.host_id,
                command.max_instances,
                image_ref,
                command.component_id,
            ),
        )

    async def _start_component(
        self, command: _commands.ScaleComponent, code: _artifacts.Component, missing: Failure | None
    ) -> None:
        await self._check_configs(command.config)
        if missing is not None:
            raise missing
        if code.claims is not None:
            await self._store_claims(code.claims, of_provider=False)
        specification = await self.around.store.specification(command.component_id)
        await self.around.store.store_specification(
            command.component_id, specification or Specification(command.component_ref, [])
        )
        # Told here, and once more when the scaling is done.
        await self._publish(
            "component_scaled",
            _events.component_scaled(
                code.claims,
                command.annotations,
                self.id,
                command.max_instances,
                command.component_ref,
                command.component_id,
            ),
        )
        self.components[command.component_id] = RunningComponent(
            image_ref=command.component_ref,
            code_ref=command.component_ref,
            claims=code.claims,
            annotations=command.annotations,
            max_instances=command.max_instances,
            config=command.config,
            limits=_understood_limits(command.limits),
        )

    async def _store_claims(self, claims: Claims, *, of_provider: bool) -> None:
        # This host knows them at once, the others when the bucket tells them.
        self._own_claims[claims.subject] = claims.answered(of_provider=of_provider)
        await self.around.store.store_claims(claims, of_provider=of_provider)

    async def _rescale(self, component: RunningComponent, command: _commands.ScaleComponent) -> None:
        if component.config != command.config:
            await self._check_configs(command.config)
        elif component.max_instances == command.max_instances:
            return
        component.config = command.config
        component.max_instances = command.max_instances
        component.annotations = command.annotations
        component.limits = _understood_limits(command.limits)
        # The host renames what runs, and leaves its code as it is.
        component.image_ref = command.component_ref

    async def _check_configs(self, names: Iterable[str]) -> None:
        names = list(names)
        for name in names:
            # A config that it once had, the host follows for ever: also when it is gone from the bucket.
            if name in self._known_configs or name.startswith(_SECRET):
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
        if any(name.startswith(_SECRET) for name in names):
            raise Failure(
                "Unable to fetch requested secrets", "secret store not configured, could not fetch secrets"
            )

    async def _publish_scale_failed(
        self, claims: Claims | None, command: _commands.ScaleComponent, failure: Failure
    ) -> None:
        await self._publish(
            "component_scale_failed",
            _events.component_scale_failed(
                claims,
                command.annotations,
                command.host_id,
                command.max_instances,
                command.component_ref,
                command.component_id,
                failure,
            ),
        )

    async def _update_component(self, _: str, payload: bytes) -> Reply:
        try:
            command = _commands.UpdateComponent.read(payload)
        except ParseError as error:
            raise Failure("failed to deserialize component update command") from error
        async with self._components_lock.read():
            component = self.components.get(command.component_id)
        if component is None:
            return _refused(f"component {command.component_id} not found")
        if component.image_ref == command.new_component_ref:
            return _done(f"component {command.component_id} already updated to {command.new_component_ref}")
        self.around.spawn(
            self,
            self._update(
                command.component_id, command.new_component_ref, command.host_id, command.annotations
            ),
        )
        return _done(
            f"component {command.component_id} updating from {component.image_ref} to "
            f"{command.new_component_ref}"
        )

    async def _update(
        self, component_id: str, new_ref: str, host_id: str, annotations: dict[str, str]
    ) -> None:
        """Replace what runs. Whatever goes wrong here, no event tells of it."""
        async with self._components_lock.read():
            component = self.components.get(component_id)
            if component is None or component.image_ref == new_ref:
                return
            try:
                code = await self._fetch(new_ref)
                if code.bad_claims is not None:
                    return
                if code.claims is not None:
                    await self._store_claims(code.claims, of_provider=False)
            except Failure:
                return
            updated = RunningComponent(
                image_ref=new_ref,
                code_ref=new_ref,
                claims=code.claims,
                annotations=annotations,
                max_instances=component.max_instances,
                config=component.config,
                limits=component.limits,
            )
            # The second one is for the old component, but tells the new one's reference.
            for count in (component.max_instances, 0):
                await self._publish(
                    "component_scaled",
                    _events.component_scaled(code.claims, annotations, host_id, count, new_ref, component_id),
                )
        async with self._components_lock.write():
            self.components[component_id] = updated

    # Providers

    async def _start_provider(self, _: str, payload: bytes) -> Reply | None:
        try:
            command = _commands.StartProvider.read(payload)
        except ParseError as error:
            raise Failure("failed to deserialize provider start command") from error
        async with self._providers_lock.read():
            if command.provider_id in self.providers:
                return _refused("provider with that ID is already running")
        if self.version.silent_on_builtins and self._is_switched_off(command.provider_ref):
            return None
        self.around.spawn(self, self._start_provider_task(command))
        return _done("successfully started provider")

    def _is_switched_off(self, provider_ref: str) -> bool:
        try:
            reference = _artifacts.parse_reference(provider_ref)
        except Failure:
            return False
        return (
            isinstance(reference, BuiltinReference)
            and reference.name in ("http-server", "messaging-nats")
            and reference.name not in self.builtins
        )

    async def _start_provider_task(self, command: _commands.StartProvider) -> None:
        try:
            await self._run_provider(command)
        except Failure as failure:
            await self._publish(
                "provider_start_failed",
                _events.provider_start_failed(
                    command.provider_ref, command.provider_id, command.host_id, failure
                ),
            )

    async def _run_provider(self, command: _commands.StartProvider) -> None:
        try:
            reference = _artifacts.parse_reference(command.provider_ref)
        except Failure as failure:
            raise Failure("failed to parse provider reference", failure) from failure
        claims: Claims | None = None
        async with self._registries_lock.read():
            if not isinstance(reference, BuiltinReference):
                claims = await _artifacts.fetch_provider(
                    reference, command.provider_ref, self.around.registry
                )
            if claims is not None:
                await self._store_claims(claims, of_provider=True)
            specification = await self.around.store.specification(command.provider_id)
            image_ref = _without_scheme(reference)
            await self.around.store.store_specification(
                command.provider_id, specification or Specification(image_ref, [])
            )
            async with self._providers_lock.write():
                if command.provider_id in self.providers:
                    raise Failure("provider is already running with that ID")
                await self._check_configs(command.config)
                if isinstance(reference, BuiltinReference):
                    self._check_builtin(reference.name)
                await self._publish(
                    "provider_started",
                    _events.provider_started(
                        claims, command.annotations, command.host_id, image_ref, command.provider_id
                    ),
                )
                self.providers[command.provider_id] = RunningProvider(
                    image_ref=image_ref, claims=claims, annotations=command.annotations
                )

    def _check_builtin(self, name: str) -> None:
        if name not in ("http-client", "http-server", "messaging-nats"):
            raise Failure(f"unknown builtin name: {name}")
        if name not in self.builtins:
            raise Failure(f"feature `builtin-{name}` is not enabled, denying start")

    async def _stop_provider(self, _: str, payload: bytes) -> Reply:
        try:
            command = _commands.StopProvider.read(payload)
        except ParseError as error:
            raise Failure("failed to deserialize provider stop command") from error
        async with self._providers_lock.write():
            provider = self.providers.pop(command.provider_id, None)
            if provider is None:
                return _refused("provider with that ID is not running")
            # Whoever asks for the inventory meanwhile waits, too.
            await asyncio.sleep(self.faults.shutdown_seconds)
            await self._publish(
                "provider_stopped",
                _events.provider_stopped(provider.annotations, command.host_id, command.provider_id, "stop"),
            )
        return _done("successfully stopped provider")

    # The host itself

    async def _stop_host(self, host_id: str, payload: bytes) -> Reply:
        try:
            command = _commands.StopHost.read(payload)
        except ParseError as error:
            raise Failure("failed to deserialize stop command") from error
        if command.host_id not in ("", self.id):
            return _refused(f"invalid host_id [{command.host_id}]")
        if host_id != self.id:
            return _refused(f"invalid host_id [{host_id}]")
        self.stopping = True
        return _done("successfully handled stop host")

    async def _put_label(self, host_id: str, payload: bytes) -> Reply:
        try:
            command = _commands.PutLabel.read(payload)
        except ParseError as error:
            raise Failure("failed to deserialize put label request") from error
        if self.version.guards_labels and command.key.lower().startswith("hostcore."):
            return _refused("hostcore.* labels cannot be set dynamically")
        self.labels[command.key] = command.value
        await self._publish_labels(host_id)
        return _done("successfully put label")

    async def _delete_label(self, host_id: str, payload: bytes) -> Reply:
        try:
            command = _commands.DeleteLabel.read(payload)
        except ParseError as error:
            raise Failure("failed to deserialize delete label request") from error
        if self.labels.pop(command.key, None) is None:
            return _done("successfully deleted label (no such label)")
        await self._publish_labels(host_id)
        return _done("successfully deleted label")

    async def _publish_labels(self, host_id: str) -> None:
        await self._publish(
            "labels_changed", {"host_id": host_id, "labels": dict(sorted(self.labels.items()))}
        )

    async def _put_registries(self, _: str, payload: bytes) -> Reply:
        try:
            _commands.RegistryCredential.read_all(payload)
        except ParseError as error:
            raise Failure("failed to deserialize registries put command") from error
        # Waits for the images that are being pulled.
        async with self._registries_lock.write():
            return _done("successfully put registries")

    # The lattice: one host answers for all

    async def _get_claims(self, _: str, __: bytes) -> Reply:
        claims = {**self.around.store.claims(), **self._own_claims}.values()
        # Those of components come first.
        return _answered(sorted(claims, key=lambda entry: "config_schema" in entry))

    async def _get_links(self, _: str, __: bytes) -> Reply:
        return _answered([_events.link_data(link) for link in self.around.store.links()])

    async def _put_link(self, _: str, payload: bytes) -> Reply:
        try:
            link = _commands.Link.read(payload)
        except ParseError as error:
            raise Failure("failed to deserialize wrpc link definition") from error
        try:
            await self._set_link(link)
        except Failure as failure:
            await self._publish("linkdef_set_failed", _events.linkdef_set_failed(link, failure))
            return _refused(str(failure))
        await self._publish("linkdef_set", _events.link_data(link))
        return _done("successfully set link")

    async def _set_link(self, link: _commands.Link) -> None:
        """Read the source's record, change it, write it back: whatever is written in between is lost."""
        await self._check_link_configs([*link.source_config, *link.target_config])
        specification = await self.around.store.specification(link.source_id) or Specification("", [])
        same = [index for index, present in enumerate(specification.links) if _slot(present) == _slot(link)]
        for index in same:
            present = specification.links[index]
            if present.target != link.target and set(present.interfaces) & set(link.interfaces):
                raise Failure(_CLASH)
        for index in same:
            if specification.links[index].target == link.target:
                specification.links[index] = link
                break
        else:
            specification.links.append(link)
        await self.around.store.store_specification(link.source_id, specification)

    async def _check_link_configs(self, names: Iterable[str]) -> None:
        wrong = ""
        for name in names:
            try:
                if await self.around.store.config(name) is None:
                    kind = "Secret reference" if name.startswith(_SECRET) else "Configuration"
                    wrong += f"{kind} {name} not found in config store. "
            except Failure as failure:
                wrong += f"{failure}. "
        if wrong:
            raise Failure(f"Failed to validate configuration and secrets. {wrong}")

    async def _delete_link(self, _: str, payload: bytes) -> Reply:
        try:
            command = _commands.DeleteLink.read(payload)
        except ParseError as error:
            raise Failure("failed to deserialize wrpc link definition") from error
        specification = await self.around.store.specification(command.source_id)
        if specification is None:
            return _done("successfully deleted link (spec doesn't exist)")
        deleted: _commands.Link | None = None
        for index, present in enumerate(specification.links):
            if _slot(present) == (command.name, command.wit_namespace, command.wit_package):
                deleted = present
                # The last one takes its place.
                specification.links[index] = specification.links[-1]
                specification.links.pop()
                break
        if deleted is not None:
            await self.around.store.store_specification(command.source_id, specification)
        await self._publish("linkdef_deleted", _events.linkdef_deleted(command, deleted))
        return _done("successfully deleted link")

    async def _put_config(self, name: str, payload: bytes) -> Reply:
        try:
            _serde.string_map(_serde.parse(payload))
        except ParseError as error:
            raise Failure("config data should be a map of string -> string") from error
        try:
            await self.around.store.configs.put(name, payload)
        except Failure as failure:
            raise Failure("unable to store config data", failure) from failure
        await self._publish("config_set", {"config_name": name})
        return _done("successfully put config")

    async def _get_config(self, name: str, _: bytes) -> Reply:
        stored = await self.around.store.configs.get(name)
        if stored is None:
            return _done("Configuration not found")
        try:
            return _answered(_serde.string_map(_serde.parse(stored)))
        except ParseError as error:
            raise Failure("config data should be a map of string -> string") from error

    async def _delete_config(self, name: str, _: bytes) -> Reply:
        try:
            await self.around.store.configs.purge(name)
        except Failure as failure:
            raise Failure("Unable to delete config data", failure) from failure
        await self._publish("config_deleted", {"config_name": name})
        return _done("successfully deleted config")

    async def _publish(self, name: str, data: Mapping[str, object]) -> None:
        await self.around.publish(self, name, data)


def _understood_limits(limits: Mapping[str, str] | None) -> dict[str, str] | None:
    """Of a component's limits those that the host knows and can read; the others are forgotten."""
    if limits is None:
        return None
    return {
        name: str(int(limits[name]))
        for name in ("max_memory_limit", "max_execution_time")
        if re.fullmatch(r"\+?[0-9]+", limits.get(name, "")) and int(limits[name]) < 1 << 64
    }


def _slot(link: _commands.Link) -> tuple[str, str, str]:
    return link.name, link.wit_namespace, link.wit_package


def _without_scheme(reference: Reference) -> str:
    return reference.path if isinstance(reference, FileReference) else reference.name


def _done(message: str) -> Reply:
    return {"success": True, "message": message}


def _refused(message: str) -> Reply:
    return {"success": False, "message": message}


def _answered(response: object) -> Reply:
    return {"success": True, "message": "", "response": response}


_Serve = Callable[[SimulatedHost, str, bytes], Awaitable[Reply | None]]

# By what stands in the subject, and whether something stands after it.
_OPERATIONS: dict[tuple[str, bool], _Serve] = {
    ("component.auction", False): SimulatedHost._auction_component,
    ("component.scale", True): SimulatedHost._scale_component,
    ("component.update", True): SimulatedHost._update_component,
    ("provider.auction", False): SimulatedHost._auction_provider,
    ("provider.start", True): SimulatedHost._start_provider,
    ("provider.stop", True): SimulatedHost._stop_provider,
    ("host.get", True): SimulatedHost._get_inventory,
    ("host.ping", False): SimulatedHost._ping,
    ("host.stop", True): SimulatedHost._stop_host,
    ("claims.get", False): SimulatedHost._get_claims,
    ("link.del", False): SimulatedHost._delete_link,
    ("link.get", False): SimulatedHost._get_links,
    ("link.put", False): SimulatedHost._put_link,
    ("label.del", True): SimulatedHost._delete_label,
    ("label.put", True): SimulatedHost._put_label,
    ("registry.put", False): SimulatedHost._put_registries,
    ("config.get", True): SimulatedHost._get_config,
    ("config.put", True): SimulatedHost._put_config,
    ("config.del", True): SimulatedHost._delete_config,
}
