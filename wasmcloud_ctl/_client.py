"""The client: one method for each operation of the control interface.

Every operation goes one way: the method checks its arguments and builds a command, ``_protocol`` makes bytes of it,
``_transport`` sends them on the loop's thread and brings back the reply, and the caller's thread decodes that.
"""

from __future__ import annotations

import difflib
import logging
import warnings
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Literal, NoReturn, TypeVar, overload

import attrs
from typing_extensions import TypeVarTuple, Unpack

from wasmcloud_ctl._operations import components, outcomes
from wasmcloud_ctl._operations.config_names import list_config_names
from wasmcloud_ctl._operations.gather import gather, gather_inventories, named_host
from wasmcloud_ctl._operations.receivers import EventReceiver
from wasmcloud_ctl._operations.sender import DEFAULT_MAXSIZE, Sender
from wasmcloud_ctl._options import arguments
from wasmcloud_ctl._transport import NatsClient
from wasmcloud_ctl.events import DATA_BY_NAME, Event, Gap
from wasmcloud_ctl.exceptions import InvalidArgument, NotFound
from wasmcloud_ctl.live import LatticeView
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
from wasmcloud_ctl.wadm import WadmClient

Arguments = TypeVarTuple("Arguments")

# Without a handler, Python would print warnings of this logger to stderr.
logging.getLogger("wasmcloud_ctl").addHandler(logging.NullHandler())

T = TypeVar("T")


class Client:
    """A connection to a lattice. Made by ``connect``; threads can share it.

    A client is a context manager. Each method blocks until its result is there or its time is up.

    Four arguments mean the same in all methods, which document them only where there is more to say: ``timeout``,
    ``expected``, ``quiet`` and ``wait``.

    **Timeouts.** ``timeout`` is how many seconds to wait, a finite number above 0. It defaults to the client's
    ``timeout`` for requests, and to its ``auction_timeout`` for gathers. Ctrl-C ends a call at once; a command that
    was already sent may still take effect.

    **Gathers** are requests to all hosts. A gather lasts its whole ``timeout``, because nobody knows how many hosts
    there are. It ends early as soon as ``expected`` distinct hosts (1 or more; no limit by default) have replied;
    when no further reply came for ``quiet`` seconds (above 0; defaults to the client's ``quiet``, but to no limit in
    a call with ``expected``); and when nobody listens. A host that replies later, or not at all, is missing in the
    result. With ``expected``, ``raise_for_status`` raises if a host is missing.

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
        ...     for host in client.get_hosts().raise_for_status().data:
        ...         print(host.id, host.friendly_name)
    """

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._subjects = sender.subjects

    # Hosts --------------------------------------------------------------------------------------

    def get_hosts(
        self, *, expected: int | None = None, quiet: float | None = None, timeout: float | None = None
    ) -> Replies[Host]:
        """Gather the hosts of the lattice, one response for each. ``no_responders`` is True if it has none.

        Example:
            >>> hosts = client.get_hosts(expected=2).raise_for_status().data  # doctest: +SKIP
            >>> [host.friendly_name for host in hosts]  # doctest: +SKIP
            ['purple-waterfall-9823', 'silent-sky-1203']
        """
        limits = self._sender.limits(expected, quiet, timeout)
        return self._sender.gather("host.ping", None, Host, named_host, limits)

    def get_host_inventory(self, host_id: str, *, timeout: float | None = None) -> CtlResponse[HostInventory]:
        """Return what runs on one host: its inventory, as ``data``.

        Args:
            host_id: The host's id.

        Raises:
            NoResponders: There is no such host.
        """
        return self._sender.request(self._subjects.host("host.get", host_id), HostInventory, timeout)

    def get_host_inventories(
        self,
        host_ids: Iterable[str] | None = None,
        *,
        expected: int | None = None,
        quiet: float | None = None,
        timeout: float | None = None,
    ) -> Inventories:
        """Return what runs on many hosts: inventories and errors by host id. A host that fails affects no other.

        Args:
            host_ids: The ids of the hosts. A host that does not answer is in ``errors``. By default, all hosts: each
                is asked as soon as it replies to a ping, and a host that does not reply to the ping is missing.
            expected, quiet, timeout: When the ping ends. With ``host_ids``, ``timeout`` defaults to the client's
                ``timeout``. In any case, a host has the client's ``timeout`` to send its inventory.

        Example:
            >>> inventories = client.get_host_inventories(expected=2).raise_for_status()  # doctest: +SKIP
            >>> {inventory.friendly_name: len(inventory.components) for inventory in inventories}  # doctest: +SKIP
            {'purple-waterfall-9823': 3, 'silent-sky-1203': 0}
        """
        if host_ids is not None:
            host_ids = arguments.strings(host_ids, "host_ids")
            timeout = self._sender.timeout(timeout)
        sender = self._sender
        limits = sender.limits(expected, quiet, timeout)
        host_timeout = min(sender.settings.timeout, limits.timeout)
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
            text: The text, not blank. A complete host id ends the search as soon as that host replies. With a live
                view of this client, the search ends when all hosts of the view have replied.

        Raises:
            NotFound: No host matches, or several do; the message lists them.

        Example:
            >>> client.find_host("waterfall").id  # doctest: +SKIP
            'NCNYIOXGTNA5GCHK2BXRQ3GUP7JDTHFWDDLBTKLQGEUZB2ZVYM6ZQUT7'
        """
        wanted = arguments.identifier(text, "text").casefold()
        # A view that is not stale knows who will answer. Who names a number wants that many answers.
        picture = None if expected is not None else self._sender.shared.proven_hosts()
        missing = set() if picture is None else set(picture.hosts)

        def is_last(response: CtlResponse[Host]) -> bool:
            host_id = "" if response.data is None else response.data.id
            was_missing = bool(missing)
            missing.discard(host_id)
            return host_id == text or (was_missing and not missing)

        replies = gather(
            self._sender.transport(),
            self._subjects.control("host.ping"),
            b"",
            Host,
            named_host,
            self._sender.limits(expected, quiet, timeout),
            ends=is_last,
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
        listed = ", ".join(f"{host.friendly_name} ({host.id})" for host in found or hosts)
        if found:
            raise NotFound(f"Several hosts in lattice {self.lattice!r} match {text!r}: {listed}.")
        answered = "no hosts answered"
        if hosts:
            answered = f"these hosts answered: {listed}"
        elif replies.undecodable:
            answered = f"{len(replies.undecodable)} answers could not be decoded"
        raise NotFound(f"No host in lattice {self.lattice!r} matches {text!r}; {answered}.")

    def stop_host(
        self,
        host_id: str,
        timeout_ms: int | None = None,
        *,
        wait: float | None = None,
        timeout: float | None = None,
    ) -> CtlResponse[None]:
        """Stop a host.

        A ``host_stopped`` event follows the response. The last host of a lattice may be gone before it responds.

        Args:
            host_id: The host's id.
            timeout_ms: Milliseconds that the host may take to stop what runs on it, 0 to 2**64 - 1. Defaults to the
                host's own limit (10 seconds).
            wait, timeout: Seconds until the host is gone, and for the response. With ``wait``, that counts for both.
        """
        if timeout_ms is not None:
            arguments.whole_number(timeout_ms, "timeout_ms", 2**64 - 1)
        command = StopHostCommand(host_id=host_id, timeout=timeout_ms)
        return self._sender.perform(outcomes.StopHost(command), timeout if wait is None else wait, wait)

    def put_label(
        self, host_id: str, key: str, value: str, *, timeout: float | None = None
    ) -> CtlResponse[None]:
        """Put a label on a host, or replace its value.

        Args:
            host_id: The host's id.
            key: The label's key. Hosts refuse keys that begin with ``hostcore.``.
            value: The label's value.
        """
        subject = self._subjects.host("label.put", host_id)
        label = {"key": arguments.text(key, "key"), "value": arguments.text(value, "value")}
        return self._sender.request(subject, None, timeout, body=label, command=True)

    def delete_label(self, host_id: str, key: str, *, timeout: float | None = None) -> CtlResponse[None]:
        """Delete a label of a host. Succeeds if there is no such label.

        Args:
            host_id: The host's id.
            key: The label's key.
        """
        subject = self._subjects.host("label.del", host_id)
        # Hosts before 1.5.1 refuse a deletion without a value.
        label = {"key": arguments.text(key, "key"), "value": ""}
        return self._sender.request(subject, None, timeout, body=label, command=True)

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
        """Ask all hosts which of them would run a component. There is one bid for each host that would.

        A host bids if its labels have all constraints. Otherwise it stays silent.

        Args:
            component_ref: The component's reference.
            component_id: The component's id.
            constraints: The labels that a host must have. None by default.
        """
        request = ComponentAuctionRequest(
            component_ref=arguments.identifier(component_ref, "component_ref"),
            component_id=arguments.identifier(component_id, "component_id"),
            constraints=arguments.optional_string_map(constraints, "constraints") or {},  # hosts refuse null
        )
        limits = self._sender.limits(expected, quiet, timeout)
        replies = self._sender.gather(
            "component.auction", request, ComponentAuctionAck, lambda bid: (bid.host_id, ""), limits
        )

        # Hosts put the reference where the id belongs. The requested id is the right one.
        def corrected(response: CtlResponse[ComponentAuctionAck]) -> CtlResponse[ComponentAuctionAck]:
            bid = response.data and attrs.evolve(response.data, component_id=component_id)
            return attrs.evolve(response, data=bid)

        return attrs.evolve(replies, responses=tuple(map(corrected, replies)))

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

        The outcome follows the response as a ``component_scaled`` or ``component_scale_failed`` event.

        A scale is not for replacing what runs. A host that must scale to another reference *and* another count or
        config keeps the old code and shows the new reference from then on, until the component is stopped. With
        ``wait``, such a command is not sent.

        Args:
            host_id: The host's id.
            component_ref: The component's reference. If the component runs, the reference that runs.
            component_id: The component's id.
            max_instances: How many instances may run at the same time, 0 to 2**32 - 1. 0 stops the component.
            annotations: Annotations for the component. None by default.
            config: The names of the configs for the component. None by default.
            allow_update: Whether a running component of another reference is updated afterwards. With ``wait``, in
                two commands: the scale of what runs, and then the update.
            component_limits: Limits for the component, by name: ``max_memory_limit`` (bytes of linear memory that an
                instance may have) and ``max_execution_time`` (seconds that a call may take). The values are whole
                numbers from 0 to 2**64 - 1 in decimal digits, as strings. By default the host's own limits apply.
                Hosts before 1.9 ignore both. Host 1.9.2 shows ``max_execution_time`` in its inventory, but applies
                its own limit. It applies ``max_memory_limit`` when it starts or updates the component. A scale of a
                component that runs changes at most what the inventory shows.

        Raises:
            OperationFailed: With ``wait``, also if another reference runs and ``allow_update`` is False, or if the
                outcome of an earlier scale of this client to another reference is uncertain. Nothing was sent then.

        Example:
            >>> host = client.find_host("waterfall")  # doctest: +SKIP
            >>> ref = "ghcr.io/wasmcloud/components/http-hello-world-rust:0.1.0"
            >>> client.scale_component(host.id, ref, "hello", 5, wait=30)  # doctest: +SKIP
        """
        command = ScaleComponentCommand(
            component_ref=arguments.identifier(component_ref, "component_ref"),
            component_id=arguments.identifier(component_id, "component_id"),
            host_id=host_id,
            max_instances=arguments.whole_number(max_instances, "max_instances", 2**32 - 1),
            annotations=arguments.optional_string_map(annotations, "annotations"),
            config=arguments.config_names(config, "config"),
            allow_update=arguments.boolean(allow_update, "allow_update"),
            component_limits=arguments.component_limits(component_limits, "component_limits"),
        )
        if allow_update and wait is not None:
            return components.scale_and_update(self._sender, command, timeout, wait)
        return self._sender.perform(outcomes.ScaleComponent(command), timeout, wait)

    def stop_component(
        self, host_id: str, component_id: str, *, wait: float | None = None, timeout: float | None = None
    ) -> CtlResponse[None]:
        """Stop a component on one host, whatever its reference. Succeeds if it does not run there.

        Asks the host first what runs, and then scales that to 0. Both happen within ``wait``, or within ``timeout``
        without it.

        Args:
            host_id: The host's id.
            component_id: The component's id.

        Example:
            >>> client.stop_component(host.id, "hello", wait=10)  # doctest: +SKIP
        """
        arguments.identifier(component_id, "component_id")
        return components.stop_component(self._sender, host_id, component_id, timeout, wait)

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

        A host reports no update that fails, not even by an event. With ``wait``, a failed update, such as one to an
        image that cannot be pulled, therefore ends in WaitTimeout after the whole ``wait``. Choose a ``wait`` longer
        than the host needs to pull the image, for example twice as long as the first start of the component took.

        Args:
            host_id: The host's id.
            existing_component_id: The component's id.
            new_component_ref: The new reference.
            annotations: Annotations for the component. None by default.

        Raises:
            OperationFailed: With ``wait``, also if the outcome of an earlier scale of this client to another
                reference is uncertain. Nothing was sent then.

        Example:
            >>> ref = "ghcr.io/wasmcloud/components/http-hello-world-rust:0.2.0"
            >>> client.update_component(host.id, "hello", ref, wait=60)  # doctest: +SKIP
        """
        command = UpdateComponentCommand(
            host_id=host_id,
            component_id=arguments.identifier(existing_component_id, "existing_component_id"),
            new_component_ref=arguments.identifier(new_component_ref, "new_component_ref"),
            annotations=arguments.optional_string_map(annotations, "annotations"),
        )
        return self._sender.perform(outcomes.UpdateComponent(command), timeout, wait)

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
        """Ask all hosts which of them would run a provider. There is one bid for each host that would.

        A host bids if its labels have all constraints and it does not run that id. Otherwise it stays silent.

        Args:
            provider_ref: The provider's reference.
            provider_id: The provider's id.
            constraints: The labels that a host must have. None by default.
        """
        request = ProviderAuctionRequest(
            provider_ref=arguments.identifier(provider_ref, "provider_ref"),
            provider_id=arguments.identifier(provider_id, "provider_id"),
            constraints=arguments.optional_string_map(constraints, "constraints") or {},  # hosts refuse null
        )
        limits = self._sender.limits(expected, quiet, timeout)
        return self._sender.gather(
            "provider.auction", request, ProviderAuctionAck, lambda bid: (bid.host_id, ""), limits
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

        The outcome follows the response as a ``provider_started`` or ``provider_start_failed`` event. For a builtin
        provider that is switched off, a host does not reply at all.

        Args:
            host_id: The host's id.
            provider_ref: The provider's reference.
            provider_id: The provider's id.
            annotations: Annotations for the provider. None by default.
            provider_configuration: The names of the configs for the provider. None by default.
        """
        command = StartProviderCommand(
            host_id=host_id,
            provider_id=arguments.identifier(provider_id, "provider_id"),
            provider_ref=arguments.identifier(provider_ref, "provider_ref"),
            config=arguments.config_names(provider_configuration, "provider_configuration"),
            annotations=arguments.optional_string_map(annotations, "annotations"),
        )
        return self._sender.perform(outcomes.StartProvider(command), timeout, wait)

    def stop_provider(
        self, host_id: str, provider_id: str, *, wait: float | None = None, timeout: float | None = None
    ) -> CtlResponse[None]:
        """Stop a provider on one host. The host responds when the provider has stopped.

        Args:
            host_id: The host's id.
            provider_id: The provider's id.
            wait, timeout: Seconds for a certain outcome, and for the response. With ``wait``, that counts for both.
        """
        arguments.identifier(provider_id, "provider_id")
        command = StopProviderCommand(host_id=host_id, provider_id=provider_id)
        return self._sender.perform(outcomes.StopProvider(command), timeout if wait is None else wait, wait)

    # Links --------------------------------------------------------------------------------------

    def put_link(
        self, link: Link, *, wait: float | None = None, timeout: float | None = None
    ) -> CtlResponse[None]:
        """Put a link. An equal link succeeds again; one that clashes with another is refused.

        Args:
            link: The link.
            wait, timeout: Seconds until ``get_links`` shows it, and for the response.

        Example:
            >>> link = Link("http-server", "hello", "wasi", "http", ["incoming-handler"])  # doctest: +SKIP
            >>> client.put_link(link, wait=10)  # doctest: +SKIP
        """
        if not isinstance(link, Link):
            raise InvalidArgument(f"link must be a Link, not {type(link).__name__}")
        command = Link(
            source_id=arguments.identifier(link.source_id, "link.source_id"),
            target=arguments.identifier(link.target, "link.target"),
            wit_namespace=arguments.identifier(link.wit_namespace, "link.wit_namespace"),
            wit_package=arguments.identifier(link.wit_package, "link.wit_package"),
            interfaces=arguments.strings(link.interfaces, "link.interfaces"),
            name=arguments.identifier(link.name, "link.name"),
            source_config=arguments.config_names(link.source_config, "link.source_config"),
            target_config=arguments.config_names(link.target_config, "link.target_config"),
        )
        return self._sender.perform(outcomes.PutLink(command), timeout, wait)

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
        command = outcomes.LinkKey(
            source_id=arguments.identifier(source_id, "source_id"),
            name=arguments.identifier(link_name, "link_name"),
            wit_namespace=arguments.identifier(wit_namespace, "wit_namespace"),
            wit_package=arguments.identifier(wit_package, "wit_package"),
        )
        return self._sender.perform(outcomes.DeleteLink(command), timeout, wait)

    def get_links(self, *, timeout: float | None = None) -> CtlResponse[list[Link]]:
        """Return all links of the lattice as ``data``, in no particular order, as one of its hosts knows them.

        Right after a change, another host may not know of it yet. With ``cache_links``, the links come from a copy
        that link events keep current, usually without a request.
        """
        if self._sender.settings.cache_links:
            return CtlResponse(succeeded=True, data=self._sender.cached_links(timeout))
        return self._sender.request(self._subjects.control("link.get"), list[Link], timeout)

    # Configs ------------------------------------------------------------------------------------

    def put_config(
        self, config_name: str, config: Mapping[str, str], *, timeout: float | None = None
    ) -> CtlResponse[None]:
        """Put a config, or replace it.

        Args:
            config_name: The config's name. Hosts can store letters, digits and ``-/_=``.
            config: The config, a map of strings to strings.

        Raises:
            PayloadTooLarge: It is larger than what the server takes in one message.
        """
        subject = self._subjects.config("config.put", config_name)
        body = arguments.string_map(config, "config")
        return self._sender.request(subject, None, timeout, body=body, command=True)

    def delete_config(self, config_name: str, *, timeout: float | None = None) -> CtlResponse[None]:
        """Delete a config. Succeeds if there is no such config.

        Args:
            config_name: The config's name.
        """
        subject = self._subjects.config("config.del", config_name)
        return self._sender.request(subject, None, timeout, command=True)

    def get_config(self, config_name: str, *, timeout: float | None = None) -> CtlResponse[dict[str, str]]:
        """Return a config as ``data``. If there is no such config, the response succeeds, and ``data`` is None.

        Args:
            config_name: The config's name.
        """
        return self._sender.request(self._subjects.config("config.get", config_name), dict[str, str], timeout)

    def list_configs(self, *, timeout: float | None = None) -> list[str]:
        """Return the sorted names of all configs, from the JetStream bucket in which hosts keep them.

        Hosts have no operation for this. So the user needs permission to ask JetStream for that bucket. The list is
        empty if nothing was ever stored.

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

        ``data`` has a map of strings for each, with ``issuer``, ``subject``, ``name``, ``revision`` and ``version``;
        for a component also ``call_alias`` and ``tags``, joined by commas; for a provider also ``config_schema``.
        """
        return self._sender.request(self._subjects.control("claims.get"), list[dict[str, str]], timeout)

    def put_registries(
        self,
        registries: Mapping[str, RegistryCredential],
        *,
        expected: int | None = None,
        quiet: float | None = 0.25,
        timeout: float | None = None,
    ) -> Replies[None]:
        """Give all hosts credentials for registries. The credentials travel in clear unless there is TLS.

        Each host adds them to those that it has, and replaces those of a registry that it knows. It keeps the others.
        To make hosts pull anonymously from a registry again, give it an empty ``RegistryCredential()``.

        There is one response for each host that acknowledged. A response does not say which host sent it. Hosts do
        not check credentials. They first use them when they pull an image from the registry.

        Warns (``UserWarning``) of each token, because no host from 1.0 to 1.9 uses it.

        Args:
            registries: The credentials, by the registry's name: the part of a reference before the first slash, such
                as ``ghcr.io``.
            expected, quiet, timeout: When the gather ends. ``quiet`` defaults to 0.25, also with ``expected``. None
                is the default of other gathers.

        Raises:
            InvalidArgument: Also if there is a username without a password, or the other way round: hosts would
                acknowledge it, and pull anonymously. The message names the registry.
        """
        if not isinstance(registries, Mapping):
            raise InvalidArgument(f"registries must be a mapping, not {type(registries).__name__}")
        checked = {
            arguments.registry(registry): _credential(registry, credential)
            for registry, credential in registries.items()
        }
        limits = self._sender.limits(expected, quiet, timeout)
        for registry, credential in checked.items():
            if credential.token is not None:
                instead = (
                    "they pull anonymously. Many registries take a token as the password, with a username"
                    if credential.password is None
                    else "they use the username and password"
                )
                warnings.warn(f"hosts ignore the token for {registry!r}: {instead}", stacklevel=2)
        return self._sender.gather("registry.put", checked, None, None, limits, command=True)

    @overload
    def events_receiver(
        self,
        *event_names: str | Iterable[str],
        maxsize: int = DEFAULT_MAXSIZE,
        overflow: Literal["drop_oldest", "drop_newest"] = "drop_oldest",
        gap_events: Literal[False] = False,
        timeout: float | None = None,
    ) -> EventReceiver[Event]: ...
    @overload
    def events_receiver(
        self,
        *event_names: str | Iterable[str],
        maxsize: int = DEFAULT_MAXSIZE,
        overflow: Literal["drop_oldest", "drop_newest"] = "drop_oldest",
        gap_events: bool,
        timeout: float | None = None,
    ) -> EventReceiver[Event | Gap]: ...
    def events_receiver(
        self,
        *event_names: str | Iterable[str],
        maxsize: int = DEFAULT_MAXSIZE,
        overflow: Literal["drop_oldest", "drop_newest"] = "drop_oldest",
        gap_events: bool = False,
        timeout: float | None = None,
    ) -> EventReceiver[Event] | EventReceiver[Event | Gap]:
        """Receive the lattice's events. The server has the subscription when this returns: no later event is missed.

        Args:
            event_names: The kinds of events, such as ``component_scaled``, as arguments or as one iterable. All kinds
                by default. Warns (``UserWarning``) of a kind that is not known, with the nearest name.
            maxsize: How many events may wait to be read, above 0. Defaults to 65,536.
            overflow: Which event a full queue drops: ``drop_oldest`` (default) or ``drop_newest``.
            gap_events: Whether the receiver also returns a ``Gap`` each time when the connection is back after a
                loss, in the place where events may be missing. Defaults to False.
            timeout: Seconds to wait for the server's confirmation.

        Raises:
            PermissionDenied: The server does not let this user subscribe to the events.

        Example:
            >>> with client.events_receiver("component_scaled") as events:  # doctest: +SKIP
            ...     event = events.get(timeout=30)
        """
        as_iterable = len(event_names) == 1 and not isinstance(event_names[0], str)
        names = arguments.strings(event_names[0] if as_iterable else event_names, "event_names")
        subjects = [self._subjects.event(name) for name in dict.fromkeys(names or ["*"])]
        for name in names:
            if name not in (*DATA_BY_NAME, "*"):
                nearest = difflib.get_close_matches(name, DATA_BY_NAME, n=1, cutoff=0.0)[0]
                warnings.warn(
                    f"{name!r} is no known kind of event; the nearest known one is {nearest!r}", stacklevel=2
                )
        # Not EventReceiver[...]: at the interpreter's end, typing cannot import what that needs any more.
        kind: type[EventReceiver[Event | Gap]] = EventReceiver
        return self._sender.receive(
            kind,
            subjects,
            timeout,
            maxsize=maxsize,
            overflow=overflow,
            gap_events=gap_events,
        )

    def watch(
        self,
        *,
        heartbeat: float = 30.0,
        expected: int | None = None,
        quiet: float | None = None,
        timeout: float | None = None,
        configs: bool = False,
        applications: bool = False,
    ) -> LatticeView:
        """Return a live view of the lattice: what runs where, readable at once, and kept current.

        The first picture is complete when this returns. The views of one client share what keeps them current.

        Args:
            heartbeat: The hosts' heartbeat interval in seconds, above 0. Defaults to 30.0, as that of hosts. The
                shortest one of the client's views counts for all of them.
            expected, quiet, timeout: When the ping ends that finds the hosts. Then each host has the client's
                ``timeout`` to send its inventory.
            configs: Whether the view has the configs' names. Defaults to False. It needs the same permission as
                ``list_configs``.
            applications: Whether the view has wadm's applications. Defaults to False.

        Raises:
            WaitTimeout: The first picture was not complete in time.
            PermissionDenied: The server does not let this user ask for the lattice, or receive its events.
            NoResponders: There is no JetStream for the configs, or no wadm for the applications.

        Example:
            >>> with client.watch(quiet=0.25) as view:  # doctest: +SKIP
            ...     print(view.host_of("shop-web").friendly_name)
        """
        interval = arguments.seconds(heartbeat, "heartbeat")
        limits = self._sender.limits(expected, quiet, timeout)
        wants_configs = arguments.boolean(configs, "configs")
        wants_applications = arguments.boolean(applications, "applications")
        return LatticeView(self._sender.watch(interval, limits, wants_configs, wants_applications))

    # Applications -------------------------------------------------------------------------------

    @property
    def wadm(self) -> WadmClient:
        """The applications that wadm keeps in this lattice.

        Example:
            >>> client.wadm.deploy_manifest("shop", wait=60)  # doctest: +SKIP
        """
        return WadmClient(self._sender)

    # The client itself --------------------------------------------------------------------------

    @property
    def lattice(self) -> str:
        """The lattice's name."""
        return self._sender.settings.lattice

    @property
    def topic_prefix(self) -> str:
        """The prefix of all control subjects, such as ``wasmbus.ctl``."""
        return self._sender.settings.topic_prefix

    @property
    def event_prefix(self) -> str:
        """The prefix of the subjects of all events, such as ``wasmbus.evt``."""
        return self._sender.settings.event_prefix

    @property
    def wadm_prefix(self) -> str:
        """The prefix of the subjects of wadm's API, such as ``wadm.api``."""
        return self._sender.settings.wadm_prefix

    @property
    def timeout(self) -> float:
        """The default ``timeout`` of requests, in seconds."""
        return self._sender.settings.timeout

    @property
    def auction_timeout(self) -> float:
        """The default ``timeout`` of gathers, in seconds."""
        return self._sender.settings.auction_timeout

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        return self._sender.connected

    @property
    def closed(self) -> bool:
        """Whether the client was closed."""
        return self._sender.closed

    def for_lattice(self, name: str) -> Client:
        """Return a client for another lattice, on the same connection and with the same settings.

        Closing it closes its receivers. Closing this client closes it, too, so it need not be closed. For the same
        lattice, ``copy.copy(client)`` does the same.

        Args:
            name: The lattice's name.

        Raises:
            ClosedError: This client is closed.
        """
        return Client(self._sender.for_lattice(name))

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
        """Run a coroutine function on the client's private event loop, and return what it returns.

        The function must not block: all calls of this client would wait meanwhile. It sees the caller's context
        variables.

        Args:
            async_function: The coroutine function.
            args: Its arguments.
            timeout: Seconds, above 0. No limit by default.

        Raises:
            WaitTimeout: It did not end in time, and was cancelled.
            BaseException: Whatever the function raises, nats-py's exceptions included.
        """
        if not callable(async_function):
            raise InvalidArgument(f"async_function must be callable, not {type(async_function).__name__}")
        seconds = None if timeout is None else arguments.seconds(timeout, "timeout")
        return self._sender.transport().run(async_function, *args, timeout=seconds)

    def close(self) -> None:
        """Close the connection, within two seconds. Calls in flight raise ClosedError.

        Idempotent, from any number of threads. In a forked child, the parent's connection stays open.
        """
        self._sender.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __copy__(self) -> Client:
        """Return a client for the same lattice, on the same connection: see ``for_lattice``."""
        return self.for_lattice(self.lattice)

    def __deepcopy__(self, _: object) -> NoReturn:
        raise TypeError("a client cannot be deep-copied: copy.copy makes another one on the same connection")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a client cannot be pickled: connect anew in the other process")

    def __repr__(self) -> str:
        return repr(self._sender)


def _credential(registry: str, credential: object) -> RegistryCredential:
    # The messages name the registry and the field, and never a value.
    if not isinstance(credential, RegistryCredential):
        raise InvalidArgument(
            f"registries[{registry!r}] must be a RegistryCredential, not {type(credential).__name__}"
        )
    for field in attrs.fields(RegistryCredential):
        value = getattr(credential, field.name)
        if value is not None or field.default is not None:
            arguments.text(value, f"registries[{registry!r}].{field.name}")
    if (credential.username is None) != (credential.password is None):
        missing = "username" if credential.username is None else "password"
        raise InvalidArgument(
            f"registries[{registry!r}] has no {missing}: give username and password together, because hosts would "
            "ignore one alone and pull anonymously"
        )
    return credential
