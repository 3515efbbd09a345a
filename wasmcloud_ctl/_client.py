"""The client: one method for each operation of the control interface.

Every operation goes one way: the method checks its arguments and builds a command, ``_protocol`` makes bytes of it,
``_transport`` sends them on the loop's thread and brings back the reply, and the caller's thread decodes that.
"""

from __future__ import annotations

import logging
import sys
import warnings
import weakref
from collections.abc import Awaitable, Callable, Iterable, Mapping
from types import TracebackType
from typing import Literal, NoReturn, TypeVar

import attrs
from typing_extensions import TypeVarTuple, Unpack

from wasmcloud_ctl._bridge.handover import MessageQueue, PerProcess
from wasmcloud_ctl._operations.config_names import list_config_names
from wasmcloud_ctl._operations.event_receiver import EventReceiver
from wasmcloud_ctl._operations.gather import gather, gather_inventories
from wasmcloud_ctl._operations.link_cache import LinkCache
from wasmcloud_ctl._operations.outcomes import (
    DeleteLink,
    PutLink,
    ScaleComponent,
    StartProvider,
    StopHost,
    StopProvider,
    UpdateComponent,
)
from wasmcloud_ctl._operations.sender import Sender
from wasmcloud_ctl._options import arguments
from wasmcloud_ctl._protocol import codec
from wasmcloud_ctl._transport import NatsClient
from wasmcloud_ctl.exceptions import InvalidArgument, NotFound
from wasmcloud_ctl.models import (
    ComponentAuctionAck,
    ComponentAuctionRequest,
    CtlResponse,
    Host,
    HostInventory,
    Inventories,
    Link,
    ProviderAuctionAck,
    ProviderAuctionRequest,
    RegistryCredential,
    Replies,
    ScaleComponentCommand,
    StartProviderCommand,
    StopHostCommand,
    StopProviderCommand,
    UpdateComponentCommand,
)

Arguments = TypeVarTuple("Arguments")

# Without a handler, Python would print warnings of this logger to stderr.
logging.getLogger("wasmcloud_ctl").addHandler(logging.NullHandler())

T = TypeVar("T")

U32_HIGHEST = 2**32 - 1
U64_HIGHEST = 2**64 - 1

# The default capacity of an event receiver: some minutes of a busy lattice.
DEFAULT_MAXSIZE = 65536

_CLOSE_SECONDS = 2.0


class Client:
    """A connection to a lattice. Made by ``connect``; threads can share it.

    A client is a context manager. Each method blocks until its result is there or its time is up.

    **Timeouts.** ``timeout`` is a finite number of seconds above 0. It defaults to the client's ``timeout`` for
    requests, and to its ``auction_timeout`` for gathers. Ctrl-C ends a call at once; a command that was already sent
    may still take effect.

    **Gathers** are requests to all hosts. A gather lasts its whole ``timeout``, because nobody knows how many hosts
    there are. It ends early as soon as ``expected`` distinct hosts (1 or more; no limit by default) have replied;
    when no further reply came for ``quiet`` seconds (above 0; defaults to the client's ``quiet``); and when nobody
    listens.

    **Commands** return the host's response, a ``CtlResponse`` that is true if the host accepted the command. It only
    acknowledges receipt. With ``wait`` (seconds above 0 for the whole call; by default it returns with the response),
    a method returns when the outcome is certain. It raises ``OperationFailed`` if the host failed or is gone,
    ``OperationRejected`` if it refused, and ``WaitTimeout`` if the outcome is not certain in time; that error says
    what was last seen. ``timeout`` limits the wait for the response.

    **Errors.** Every method may raise, besides what it documents: ``RequestTimeout`` (no reply in time),
    ``NoResponders`` (nobody listens), ``NotConnectedError`` (the connection is lost and is being made again; nothing
    is sent later), ``AuthError`` (the server no longer accepts the credentials), ``ClosedError``,
    ``PermissionDenied``, ``DecodeError``, ``InvalidArgument`` (nothing was sent), and ``OperationRejected`` if the
    client was made with ``check=True``.

    **Processes.** A forked child makes a connection of its own at its first call.

    Example:
        >>> with wasmcloud_ctl.connect(quiet=0.25) as client:  # doctest: +SKIP
        ...     for host in client.get_hosts().data:
        ...         print(host.id, host.friendly_name)
    """

    def __init__(self, sender: Sender, parent: Client | None = None) -> None:
        self._parent = parent
        self._sender = sender
        self._subjects = sender.subjects
        self._receivers: weakref.WeakSet[EventReceiver] = weakref.WeakSet()
        self._link_cache: PerProcess[LinkCache] | None = None
        if sender.settings.cache_links:
            # The cache must not refer to the client, which would then keep itself alive.
            self._link_cache = PerProcess(lambda: LinkCache(sender.transports.get(), sender.subjects))

    # Hosts --------------------------------------------------------------------------------------

    def get_hosts(
        self, *, expected: int | None = None, quiet: float | None = None, timeout: float | None = None
    ) -> Replies[Host]:
        """Gather the hosts of the lattice.

        Args:
            expected, quiet, timeout: When the gather ends.

        Returns:
            One response for each host. ``no_responders`` is True if the lattice has no hosts.

        Example:
            >>> hosts = client.get_hosts(expected=2).raise_for_status().data  # doctest: +SKIP
            >>> [host.friendly_name for host in hosts]  # doctest: +SKIP
            ['purple-waterfall-9823', 'silent-sky-1203']
        """
        limits = self._sender.limits(expected, quiet, timeout)
        return self._sender.gather("host.ping", b"", Host, lambda host: host.id, limits)

    def get_host_inventory(self, host_id: str, *, timeout: float | None = None) -> CtlResponse[HostInventory]:
        """Return what runs on one host.

        Args:
            host_id: The host's id.
            timeout: Seconds to wait.

        Returns:
            The host's inventory as ``data``.

        Raises:
            NoResponders: There is no such host.
        """
        return self._sender.request(self._subjects.host("host.get", host_id), b"", HostInventory, timeout)

    def get_host_inventories(
        self,
        host_ids: Iterable[str] | None = None,
        *,
        expected: int | None = None,
        quiet: float | None = None,
        timeout: float | None = None,
    ) -> Inventories:
        """Return what runs on many hosts. A host that fails does not affect the others.

        Args:
            host_ids: The ids of the hosts. By default, all hosts: each is asked as soon as it replies to a ping.
            expected, quiet, timeout: When the ping ends. With ``host_ids``, ``timeout`` defaults to the client's
                ``timeout``. In any case, a host has the client's ``timeout`` to send its inventory.

        Returns:
            The inventories and the errors, both by host id.

        Example:
            >>> inventories = client.get_host_inventories(expected=2)  # doctest: +SKIP
            >>> {i.friendly_name: len(i.components) for i in inventories.data.values()}  # doctest: +SKIP
            {'purple-waterfall-9823': 3, 'silent-sky-1203': 0}
        """
        if host_ids is not None:
            host_ids = arguments.strings(host_ids, "host_ids")
        sender = self._sender
        limits = sender.limits(expected, quiet, timeout, None if host_ids is None else sender.timeout(None))
        host_timeout = min(sender.timeout(None), limits.timeout)
        return gather_inventories(sender.transport(), sender.subjects, host_ids, limits, host_timeout)

    def find_host(
        self,
        text: str,
        *,
        expected: int | None = None,
        quiet: float | None = None,
        timeout: float | None = None,
    ) -> Host:
        """Find a host by its id, the beginning of its id, or a part of its friendly name. Case does not matter.

        Args:
            text: The text, not blank. A complete host id ends the search as soon as that host replies.
            expected, quiet, timeout: When the gather ends.

        Returns:
            The host.

        Raises:
            NotFound: No host matches, or several do; the message lists them.

        Example:
            >>> client.find_host("waterfall").id  # doctest: +SKIP
            'NCNYIOXGTNA5GCHK2BXRQ3GUP7JDTHFWDDLBTKLQGEUZB2ZVYM6ZQUT7'
        """
        wanted = arguments.identifier(text, "text").casefold()
        replies = gather(
            self._sender.transport(),
            self._subjects.control("host.ping"),
            b"",
            Host,
            lambda host: host.id,
            self._sender.limits(expected, quiet, timeout),
            ends=lambda response: response.data is not None and response.data.id == text,
        )
        hosts = replies.data
        found = (
            [host for host in hosts if host.id == text]
            or [host for host in hosts if host.id.casefold() == wanted]
            or [
                host
                for host in hosts
                if host.id.casefold().startswith(wanted) or wanted in host.friendly_name.casefold()
            ]
        )
        if len(found) == 1:
            return found[0]
        listed = ", ".join(f"{host.friendly_name} ({host.id})" for host in found or hosts) or "none"
        if found:
            raise NotFound(f"{text!r} matches several hosts of lattice {self.lattice!r}: {listed}")
        raise NotFound(f"{text!r} matches no host of lattice {self.lattice!r}; the hosts: {listed}")

    def stop_host(
        self,
        host_id: str,
        timeout_ms: int | None = None,
        *,
        wait: float | None = None,
        timeout: float | None = None,
    ) -> CtlResponse[None]:
        """Stop a host.

        The response only acknowledges receipt; a ``host_stopped`` event follows. The last host of a lattice may be
        gone before it sends its response.

        Args:
            host_id: The host's id.
            timeout_ms: Milliseconds that the host may take to stop what runs on it, 0 to 2**64 - 1. Defaults to the
                host's own limit (10 seconds).
            wait, timeout: Seconds until the host is gone, and for the response. With ``wait``, that counts for both.
        """
        subject = self._subjects.host("host.stop", host_id)
        if timeout_ms is not None:
            arguments.whole_number(timeout_ms, "timeout_ms", U64_HIGHEST)
        command = StopHostCommand(host_id=host_id, timeout=timeout_ms)
        operation = StopHost(host_id=host_id)
        return self._sender.perform(operation, subject, command, timeout if wait is None else wait, wait)

    def put_label(
        self, host_id: str, key: str, value: str, *, timeout: float | None = None
    ) -> CtlResponse[None]:
        """Put a label on a host, or replace its value.

        Args:
            host_id: The host's id.
            key: The label's key. Hosts refuse keys that begin with ``hostcore.``.
            value: The label's value.
            timeout: Seconds to wait.
        """
        subject = self._subjects.host("label.put", host_id)
        label = {"key": arguments.text(key, "key"), "value": arguments.text(value, "value")}
        return self._sender.command(subject, label, timeout)

    def delete_label(self, host_id: str, key: str, *, timeout: float | None = None) -> CtlResponse[None]:
        """Delete a label of a host. Succeeds if there is no such label.

        Args:
            host_id: The host's id.
            key: The label's key.
            timeout: Seconds to wait.
        """
        subject = self._subjects.host("label.del", host_id)
        return self._sender.command(subject, {"key": arguments.text(key, "key")}, timeout)

    # Components ---------------------------------------------------------------------------------

    def perform_component_auction(
        self,
        component_ref: str,
        component_id: str,
        constraints: Mapping[str, str] | None = None,
        *,
        expected: int | None = None,
        quiet: float | None = None,
        timeout: float | None = None,
    ) -> Replies[ComponentAuctionAck]:
        """Ask all hosts which of them would run a component.

        A host bids if its labels have all constraints. Otherwise it stays silent.

        Args:
            component_ref: The component's reference.
            component_id: The component's id.
            constraints: The labels that a host must have. None by default.
            expected, quiet, timeout: When the gather ends.

        Returns:
            One bid for each host that would run it.
        """
        request = ComponentAuctionRequest(
            component_ref=arguments.identifier(component_ref, "component_ref"),
            component_id=arguments.identifier(component_id, "component_id"),
            constraints=arguments.optional_string_map(constraints, "constraints") or {},  # hosts refuse null
        )
        limits = self._sender.limits(expected, quiet, timeout)
        replies = self._sender.gather(
            "component.auction", codec.encode(request), ComponentAuctionAck, lambda bid: bid.host_id, limits
        )
        # Hosts put the reference where the id belongs. The requested id is the right one.
        return attrs.evolve(
            replies,
            responses=tuple(
                attrs.evolve(response, data=attrs.evolve(response.data, component_id=component_id))
                if response.data is not None
                else response
                for response in replies
            ),
        )

    def scale_component(
        self,
        host_id: str,
        component_ref: str,
        component_id: str,
        max_instances: int,
        annotations: Mapping[str, str] | None = None,
        config: Iterable[str] = (),
        *,
        allow_update: bool = False,
        component_limits: Mapping[str, str] | None = None,
        wait: float | None = None,
        timeout: float | None = None,
    ) -> CtlResponse[None]:
        """Scale a component on one host. Starts it if it does not run; 0 stops it.

        The response only acknowledges receipt. The outcome follows as a ``component_scaled`` or
        ``component_scale_failed`` event; pass ``wait`` to block until it is known.

        Args:
            host_id: The host's id.
            component_ref: The component's reference.
            component_id: The component's id.
            max_instances: How many instances may run at the same time, 0 to 2**32 - 1. 0 stops the component.
            annotations: Annotations for the component. None by default.
            config: The names of the configs for the component. None by default.
            allow_update: Whether a running component of another reference is updated.
            component_limits: Limits for the component (hosts from 1.9 on). None by default.
            wait, timeout: Seconds for a certain outcome, and for the response.

        Raises:
            OperationFailed: With ``wait``, also if the host did not update the reference.

        Example:
            >>> host = client.find_host("waterfall")  # doctest: +SKIP
            >>> ref = "ghcr.io/wasmcloud/components/http-hello-world-rust:0.1.0"
            >>> client.scale_component(host.id, ref, "hello", 5, wait=30)  # doctest: +SKIP
        """
        subject = self._subjects.host("component.scale", host_id)
        command = ScaleComponentCommand(
            component_ref=arguments.identifier(component_ref, "component_ref"),
            component_id=arguments.identifier(component_id, "component_id"),
            host_id=host_id,
            max_instances=arguments.whole_number(max_instances, "max_instances", U32_HIGHEST),
            annotations=arguments.optional_string_map(annotations, "annotations"),
            config=arguments.config_names(config, "config"),
            allow_update=arguments.boolean(allow_update, "allow_update"),
            component_limits=arguments.optional_string_map(component_limits, "component_limits"),
        )
        operation = ScaleComponent(
            host_id=host_id,
            component_id=component_id,
            reference=component_ref,
            count=max_instances,
            allow_update=allow_update,
        )
        return self._sender.perform(operation, subject, command, timeout, wait)

    def update_component(
        self,
        host_id: str,
        existing_component_id: str,
        new_component_ref: str,
        annotations: Mapping[str, str] | None = None,
        *,
        wait: float | None = None,
        timeout: float | None = None,
    ) -> CtlResponse[None]:
        """Replace the image of a running component.

        The response only acknowledges receipt. A host publishes no event for an update that fails: only its inventory
        shows that. So with ``wait``, a failed update ends in WaitTimeout.

        Args:
            host_id: The host's id.
            existing_component_id: The component's id.
            new_component_ref: The new reference.
            annotations: Annotations for the component. None by default.
            wait, timeout: Seconds for a certain outcome, and for the response.
        """
        subject = self._subjects.host("component.update", host_id)
        command = UpdateComponentCommand(
            host_id=host_id,
            component_id=arguments.identifier(existing_component_id, "existing_component_id"),
            new_component_ref=arguments.identifier(new_component_ref, "new_component_ref"),
            annotations=arguments.optional_string_map(annotations, "annotations"),
        )
        operation = UpdateComponent(
            host_id=host_id, component_id=existing_component_id, reference=new_component_ref
        )
        return self._sender.perform(operation, subject, command, timeout, wait)

    # Providers ----------------------------------------------------------------------------------

    def perform_provider_auction(
        self,
        provider_ref: str,
        provider_id: str,
        constraints: Mapping[str, str] | None = None,
        *,
        expected: int | None = None,
        quiet: float | None = None,
        timeout: float | None = None,
    ) -> Replies[ProviderAuctionAck]:
        """Ask all hosts which of them would run a provider.

        A host bids if its labels have all constraints and it does not run that id. Otherwise it stays silent.

        Args:
            provider_ref: The provider's reference.
            provider_id: The provider's id.
            constraints: The labels that a host must have. None by default.
            expected, quiet, timeout: When the gather ends.

        Returns:
            One bid for each host that would run it.
        """
        request = ProviderAuctionRequest(
            provider_ref=arguments.identifier(provider_ref, "provider_ref"),
            provider_id=arguments.identifier(provider_id, "provider_id"),
            constraints=arguments.optional_string_map(constraints, "constraints") or {},  # hosts refuse null
        )
        limits = self._sender.limits(expected, quiet, timeout)
        return self._sender.gather(
            "provider.auction", codec.encode(request), ProviderAuctionAck, lambda bid: bid.host_id, limits
        )

    def start_provider(
        self,
        host_id: str,
        provider_ref: str,
        provider_id: str,
        annotations: Mapping[str, str] | None = None,
        provider_configuration: Iterable[str] = (),
        *,
        wait: float | None = None,
        timeout: float | None = None,
    ) -> CtlResponse[None]:
        """Start a provider on one host.

        The response only acknowledges receipt. The outcome follows as a ``provider_started`` or
        ``provider_start_failed`` event; pass ``wait`` to block until it is known. For a builtin provider that is
        switched off, a host does not reply at all.

        Args:
            host_id: The host's id.
            provider_ref: The provider's reference.
            provider_id: The provider's id.
            annotations: Annotations for the provider. None by default.
            provider_configuration: The names of the configs for the provider. None by default.
            wait, timeout: Seconds for a certain outcome, and for the response.
        """
        subject = self._subjects.host("provider.start", host_id)
        command = StartProviderCommand(
            host_id=host_id,
            provider_id=arguments.identifier(provider_id, "provider_id"),
            provider_ref=arguments.identifier(provider_ref, "provider_ref"),
            config=arguments.config_names(provider_configuration, "provider_configuration"),
            annotations=arguments.optional_string_map(annotations, "annotations"),
        )
        operation = StartProvider(host_id=host_id, provider_id=provider_id, reference=provider_ref)
        return self._sender.perform(operation, subject, command, timeout, wait)

    def stop_provider(
        self, host_id: str, provider_id: str, *, wait: float | None = None, timeout: float | None = None
    ) -> CtlResponse[None]:
        """Stop a provider on one host. The host responds when the provider has stopped.

        Args:
            host_id: The host's id.
            provider_id: The provider's id.
            wait, timeout: Seconds for a certain outcome, and for the response. With ``wait``, that counts for both.
        """
        subject = self._subjects.host("provider.stop", host_id)
        command = StopProviderCommand(
            host_id=host_id, provider_id=arguments.identifier(provider_id, "provider_id")
        )
        operation = StopProvider(host_id=host_id, provider_id=provider_id)
        return self._sender.perform(operation, subject, command, timeout if wait is None else wait, wait)

    # Links --------------------------------------------------------------------------------------

    def put_link(
        self, link: Link, *, wait: float | None = None, timeout: float | None = None
    ) -> CtlResponse[None]:
        """Put a link. An equal link succeeds again; one that clashes with another is refused.

        Args:
            link: The link.
            wait, timeout: Seconds until ``get_links`` shows it, and for the response.
        """
        if not isinstance(link, Link):
            raise InvalidArgument(f"link must be a Link, not {type(link).__name__}")
        checked = Link(
            source_id=arguments.identifier(link.source_id, "link.source_id"),
            target=arguments.identifier(link.target, "link.target"),
            wit_namespace=arguments.identifier(link.wit_namespace, "link.wit_namespace"),
            wit_package=arguments.identifier(link.wit_package, "link.wit_package"),
            interfaces=arguments.strings(link.interfaces, "link.interfaces"),
            name=arguments.identifier(link.name, "link.name"),
            source_config=arguments.config_names(link.source_config, "link.source_config"),
            target_config=arguments.config_names(link.target_config, "link.target_config"),
        )
        operation = PutLink(link=checked)
        return self._sender.perform(operation, self._subjects.control("link.put"), checked, timeout, wait)

    def delete_link(
        self,
        source_id: str,
        link_name: str,
        wit_namespace: str,
        wit_package: str,
        *,
        wait: float | None = None,
        timeout: float | None = None,
    ) -> CtlResponse[None]:
        """Delete a link. Succeeds if there is no such link.

        Args:
            source_id: The source's id.
            link_name: The link's name, such as ``default``.
            wit_namespace: The WIT namespace.
            wit_package: The WIT package.
            wait, timeout: Seconds until ``get_links`` no longer shows it, and for the response.
        """
        command = {
            "source_id": arguments.identifier(source_id, "source_id"),
            "name": arguments.identifier(link_name, "link_name"),
            "wit_namespace": arguments.identifier(wit_namespace, "wit_namespace"),
            "wit_package": arguments.identifier(wit_package, "wit_package"),
        }
        operation = DeleteLink(key=(source_id, link_name, wit_namespace, wit_package))
        return self._sender.perform(operation, self._subjects.control("link.del"), command, timeout, wait)

    def get_links(self, *, timeout: float | None = None) -> CtlResponse[list[Link]]:
        """Return all links of the lattice, as one of its hosts knows them.

        Right after a change, another host may not know of it yet. With ``cache_links``, the links come from a copy
        that link events keep current, usually without a request.

        Args:
            timeout: Seconds to wait.

        Returns:
            The links as ``data``, in no particular order.
        """
        if self._link_cache is not None:
            links = self._link_cache.get().get(self._sender.timeout(timeout))
            return CtlResponse(succeeded=True, data=links)
        return self._sender.request(self._subjects.control("link.get"), b"", list[Link], timeout)

    # Configs ------------------------------------------------------------------------------------

    def put_config(
        self, config_name: str, config: Mapping[str, str], *, timeout: float | None = None
    ) -> CtlResponse[None]:
        """Put a config, or replace it.

        Args:
            config_name: The config's name. Hosts can store letters, digits and ``-/_=``.
            config: The config, a map of strings to strings.
            timeout: Seconds to wait.

        Raises:
            PayloadTooLarge: It is larger than what the server takes in one message.
        """
        subject = self._subjects.config("config.put", config_name)
        return self._sender.command(subject, arguments.string_map(config, "config"), timeout)

    def delete_config(self, config_name: str, *, timeout: float | None = None) -> CtlResponse[None]:
        """Delete a config. Succeeds if there is no such config.

        Args:
            config_name: The config's name.
            timeout: Seconds to wait.
        """
        subject = self._subjects.config("config.del", config_name)
        return self._sender.request(subject, b"", None, timeout, command=True)

    def get_config(self, config_name: str, *, timeout: float | None = None) -> CtlResponse[dict[str, str]]:
        """Return a config.

        Args:
            config_name: The config's name.
            timeout: Seconds to wait.

        Returns:
            The config as ``data``. If there is no such config, the response succeeds, and ``data`` is None.
        """
        return self._sender.request(
            self._subjects.config("config.get", config_name), b"", dict[str, str], timeout
        )

    def list_configs(self, *, timeout: float | None = None) -> list[str]:
        """Return the names of all configs, from the JetStream bucket in which hosts keep them.

        Hosts have no operation for this. So the user needs permission to ask JetStream for that bucket.

        Args:
            timeout: Seconds to wait.

        Returns:
            The names, sorted. Empty if nothing was ever stored.

        Raises:
            NoResponders: There is no JetStream: see ``js_domain`` of ``connect``.
            OperationRejected: JetStream refused.
        """
        sender = self._sender
        return list_config_names(
            sender.transport(), sender.subjects, sender.settings.js_domain, sender.timeout(timeout)
        )

    # The lattice --------------------------------------------------------------------------------

    def get_claims(self, *, timeout: float | None = None) -> CtlResponse[list[dict[str, str]]]:
        """Return the claims of all signed components and providers, as one of the hosts knows them.

        Args:
            timeout: Seconds to wait.

        Returns:
            As ``data``, a map of strings for each, with ``issuer``, ``subject``, ``name``, ``revision`` and
            ``version``; for a component also ``call_alias`` and ``tags``, joined by commas; for a provider also
            ``config_schema``.
        """
        return self._sender.request(self._subjects.control("claims.get"), b"", list[dict[str, str]], timeout)

    def put_registries(
        self,
        registries: Mapping[str, RegistryCredential],
        *,
        expected: int | None = None,
        quiet: float | None = 0.25,
        timeout: float | None = None,
    ) -> Replies[None]:
        """Replace the registry credentials of all hosts.

        The credentials travel in clear unless the connection has TLS.

        Args:
            registries: The credentials, by the registry's name, such as ``ghcr.io``.
            expected, quiet, timeout: When the gather ends. ``quiet`` defaults to 0.25, None to the client's.

        Returns:
            One response for each host that acknowledged. A response does not say which host sent it.
        """
        if not isinstance(registries, Mapping):
            raise InvalidArgument(f"registries must be a mapping, not {type(registries).__name__}")
        checked = {
            arguments.identifier(registry, "each of registries"): _credential(registry, credential)
            for registry, credential in registries.items()
        }
        limits = self._sender.limits(expected, quiet, timeout)
        return self._sender.gather("registry.put", codec.encode(checked), None, None, limits)

    def events_receiver(
        self,
        *event_names: str | Iterable[str],
        maxsize: int = DEFAULT_MAXSIZE,
        overflow: Literal["drop_oldest", "drop_newest"] = "drop_oldest",
        timeout: float | None = None,
    ) -> EventReceiver:
        """Receive the lattice's events.

        Args:
            event_names: The kinds of events, such as ``component_scaled``, as arguments or as one iterable. All kinds
                by default.
            maxsize: How many events may wait to be read, above 0. Defaults to 65,536.
            overflow: Which event a full queue drops: ``drop_oldest`` (default) or ``drop_newest``.
            timeout: Seconds to wait for the server's confirmation. Defaults to the client's ``timeout``.

        Returns:
            The receiver. The server has the subscription, so no later event is missed.

        Raises:
            PermissionDenied: The server does not let this user subscribe to the events.

        Example:
            >>> with client.events_receiver("component_scaled") as events:  # doctest: +SKIP
            ...     event = events.get(timeout=30)
        """
        names = event_names
        if len(names) == 1 and not isinstance(names[0], str):
            names = arguments.strings(names[0], "event_names")
        subjects = [
            self._subjects.event(name) for name in dict.fromkeys(arguments.strings(names, "event_names"))
        ]
        if not isinstance(overflow, str) or overflow not in ("drop_oldest", "drop_newest"):
            raise InvalidArgument(f"overflow must be 'drop_oldest' or 'drop_newest', not {overflow!r}")
        arguments.whole_number(maxsize, "maxsize", U64_HIGHEST, lowest=1)
        confirm_timeout = self._sender.timeout(timeout)
        subscription = self._sender.transport().subscription(
            subjects or [self._subjects.event("*")],
            MessageQueue(maxsize, drop_newest=overflow == "drop_newest"),
        )
        # The receiver comes first: whenever Ctrl-C comes, dropping it ends the subscription.
        receiver = EventReceiver(subscription, self.lattice)
        subscription.open(confirm_timeout)
        self._receivers.add(receiver)
        return receiver

    # The client itself --------------------------------------------------------------------------

    @property
    def lattice(self) -> str:
        """The lattice's name."""
        return self._sender.settings.lattice

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        transport = self._sender.transports.peek()
        return not self.closed and transport is not None and transport.session.connected

    @property
    def closed(self) -> bool:
        """Whether the client was closed."""
        return self._sender.closed

    def for_lattice(self, name: str) -> Client:
        """Return a client for another lattice, on the same connection and with the same settings.

        Closing it closes its receivers. Closing this client closes it, too, so it need not be closed.

        Args:
            name: The lattice's name.
        """
        self._sender.transport()
        return Client(self._sender.for_lattice(name), self._parent or self)

    @property
    def nats_client(self) -> NatsClient:
        """nats-py's client of the present connection, for functions given to ``run``.

        Raises:
            NotConnectedError: There is no connection now.
        """
        return self._sender.transport().session.connection(None)

    def run(
        self,
        async_function: Callable[[Unpack[Arguments]], Awaitable[T]],
        *args: Unpack[Arguments],
        timeout: float | None = None,
    ) -> T:
        """Run a coroutine function on the client's private event loop, and wait for it.

        The function must not block: all calls of this client would wait meanwhile.

        Args:
            async_function: The coroutine function.
            args: Its arguments.
            timeout: Seconds, above 0. No limit by default.

        Returns:
            What the function returns.

        Raises:
            WaitTimeout: It did not end in time, and was cancelled.
            BaseException: Whatever the function raises, nats-py's exceptions included.
        """
        if not callable(async_function):
            raise InvalidArgument(f"async_function must be callable, not {type(async_function).__name__}")
        if timeout is not None:
            timeout = arguments.seconds(timeout, "timeout")
        return self._sender.transport().run(async_function, *args, timeout=timeout)

    def close(self) -> None:
        """Close the connection, within two seconds. Calls in flight raise ClosedError.

        Idempotent, from any number of threads. In a forked child, the parent's connection stays open.
        """
        self._sender.close()
        if self._parent is not None:
            for receiver in list(self._receivers):
                receiver.close()
            cache = None if self._link_cache is None else self._link_cache.peek()
            if cache is not None:
                cache.close()
            return
        transport = self._sender.transports.peek()
        if transport is not None:
            transport.bridge.close(_CLOSE_SECONDS)
        else:
            self._sender.transports.stop()  # a connection that is still being made

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(
        self,
        _warn: Callable[..., None] = warnings.warn,
        _finalizing: Callable[[], bool] = sys.is_finalizing,
    ) -> None:
        # At the interpreter's end there is nothing left to end, and modules may be empty.
        if _finalizing():
            return
        # This can run on any thread, also the loop's, and on an object whose __init__ failed. So it takes no lock,
        # joins nothing, and only asks the loop to end.
        sender = getattr(self, "_sender", None)
        if sender is None or self._parent is not None:
            return
        transport = sender.transports.peek()
        try:
            if not sender.closed and transport is not None and not transport.bridge.ended_by_exit:
                _warn(
                    f"{self!r} was not closed: use it in a with statement, or call close()",
                    ResourceWarning,
                    source=self,
                )
        finally:
            # Also after a close() that Ctrl-C interrupted, and where warnings are errors.
            sender.transports.stop()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a client cannot be pickled: connect anew in the other process")

    def __repr__(self) -> str:
        transport = self._sender.transports.peek()
        state = "closed" if self.closed else "connected" if self.connected else "disconnected"
        address = "" if transport is None else f" {transport.session.address}"
        return f"<Client{address} lattice={self.lattice!r} {state}>"


def _credential(registry: str, credential: object) -> RegistryCredential:
    # The messages name the registry and the field, and never a value.
    if not isinstance(credential, RegistryCredential):
        raise InvalidArgument(
            f"registries[{registry!r}] must be a RegistryCredential, not {type(credential).__name__}"
        )
    for field in attrs.fields(RegistryCredential):
        value = getattr(credential, field.name)
        if not (isinstance(value, str) or (value is None and field.default is None)):
            raise InvalidArgument(
                f"registries[{registry!r}].{field.name} must be a string, not {type(value).__name__}"
            )
    return credential
