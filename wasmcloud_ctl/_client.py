"""The client: one method for each operation of the control interface.

Every operation goes one way: the method checks its arguments and builds a command, ``_codec`` makes bytes,
``_transport`` sends them on the loop and brings back the reply's bytes, and these are decoded here, on the
caller's thread.

nats-py and anyio take longer to import than all else, so they are imported when a client is made; and what only some
operations need when it is first needed. Values are ``Host`` and the like here, for the package imports
these so.
"""

from __future__ import annotations

import logging
import sys
import warnings
import weakref
from collections.abc import Awaitable, Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Literal, NoReturn, TypeVar

import attrs
from typing_extensions import TypeVarTuple, Unpack

from wasmcloud_ctl._bridge.handover import Mailbox
from wasmcloud_ctl._bridge.processes import PerProcess
from wasmcloud_ctl._operations import gather as _gathers
from wasmcloud_ctl._operations import outcomes as _outcomes
from wasmcloud_ctl._operations.event_receiver import EventReceiver
from wasmcloud_ctl._operations.gather import Limits
from wasmcloud_ctl._operations.link_cache import LinkCache
from wasmcloud_ctl._operations.wait import Command
from wasmcloud_ctl._options import arguments as _arguments
from wasmcloud_ctl._options.options import Options
from wasmcloud_ctl._protocol import codec as _codec
from wasmcloud_ctl._protocol.subjects import Subjects
from wasmcloud_ctl._transport import NatsClient, Subscription, Transport
from wasmcloud_ctl.exceptions import ClosedError, InvalidArgument, NotFound
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

# What an application does not ask to hear must not be printed to stderr by Python's last resort.
logging.getLogger("wasmcloud_ctl").addHandler(logging.NullHandler())

T = TypeVar("T")

U32_HIGHEST = 2**32 - 1
U64_HIGHEST = 2**64 - 1

# How many events a receiver holds, unless it is told otherwise: some minutes of a busy lattice.
DEFAULT_MAXSIZE = 65536

_CLOSE_SECONDS = 2.0


class Client:
    """A connection to a lattice. Made by ``connect``; shared by as many threads as like.

    Every operation blocks until its answer is there or its timeout has passed. A timeout is in seconds, finite
    and above 0, and the client's own where a call gives none. Ctrl-C ends a call at once; a command that was
    sent by then may still take effect.

    What changes something returns the host's answer, a ``CtlResponse`` without data: true if the host took it.

    Every operation may raise, besides what it names: ``RequestTimeout`` (no answer in time), ``NoResponders``
    (nobody listens), ``NotConnectedError`` (the connection is lost, and is being made again; nothing is sent
    later), ``AuthError`` (it is lost, and the server refuses the credentials now), ``ClosedError``,
    ``PermissionDenied``, ``DecodeError``, ``InvalidArgument`` (before anything is sent), and ``OperationRejected``
    if the client was made with ``check=True``.

    A forked child has a connection of its own, made at its first call.
    """

    def __init__(
        self,
        session: PerProcess[Transport],
        settings: Options,
        subjects: Subjects,
        parent: Client | None = None,
    ) -> None:
        self._session = session
        self._settings = settings
        self._subjects = subjects
        self._parent = parent
        self._closed = False
        self._receivers: weakref.WeakSet[EventReceiver] = weakref.WeakSet()
        self._link_cache = self._make_link_cache() if settings.cache_links else None

    # Hosts --------------------------------------------------------------------------------------

    def get_hosts(
        self, *, expected: int | None = None, quiet: float | None = None, timeout: float | None = None
    ) -> Replies[Host]:
        """Ask all hosts of the lattice who they are.

        Args:
            expected: How many distinct hosts end the gather, above 0; None: it is not ended so.
            quiet: Seconds without a further reply that end it, above 0; None: the client's own.
            timeout: Seconds that it lasts, above 0; None: the client's ``auction_timeout``.

        Returns:
            One answer for each host; with ``no_responders`` if no host listens.

        Source: ``Client::get_hosts``; subject ``host.ping``.
        """
        return self._gather(
            "host.ping", b"", Host, lambda host: host.id, self._limits(expected, quiet, timeout)
        )

    def get_host_inventory(self, host_id: str, *, timeout: float | None = None) -> CtlResponse[HostInventory]:
        """Ask a host what runs on it.

        Args:
            host_id: The host's id.
            timeout: Seconds, above 0; None: the client's own.

        Returns:
            The host's inventory.

        Raises:
            NoResponders: There is no such host.

        Source: ``Client::get_host_inventory``; subject ``host.get``.
        """
        return self._request(self._subjects.host("host.get", host_id), b"", HostInventory, timeout)

    def get_host_inventories(
        self,
        host_ids: Iterable[str] | None = None,
        *,
        expected: int | None = None,
        quiet: float | None = None,
        timeout: float | None = None,
    ) -> Inventories:
        """Ask many hosts what runs on them, all at once; a host that fails does not keep the others from answering.

        Args:
            host_ids: The hosts' ids; None: all hosts, each asked as soon as it has answered a ping.
            expected: How many distinct hosts end the ping, above 0; None: it is not ended so.
            quiet: Seconds without a further answer that end the ping, above 0; None: the client's own.
            timeout: Seconds that all of it takes at most, above 0; None: the client's ``auction_timeout``, or with
                ``host_ids`` its ``timeout``. A host has the client's ``timeout`` to answer for its inventory.

        Returns:
            The inventories and the errors, both by host id.

        Source: none in the Rust client; subjects ``host.ping`` and ``host.get``.
        """
        if host_ids is not None:
            host_ids = _arguments.strings(host_ids, "host_ids")
        limits = self._limits(expected, quiet, timeout, None if host_ids is None else self._settings.timeout)
        own_timeout = min(self._settings.timeout, limits.timeout)
        return _gathers.gather_inventories(self._transport(), self._subjects, host_ids, limits, own_timeout)

    def find_host(
        self,
        text: str,
        *,
        expected: int | None = None,
        quiet: float | None = None,
        timeout: float | None = None,
    ) -> Host:
        """The host that is meant by an id, the beginning of one, or a part of a friendly name, in any case.

        Args:
            text: The text, not empty. A host's whole id ends the search as soon as that host answers.
            expected: How many distinct hosts end the search, above 0; None: it is not ended so.
            quiet: Seconds without a further answer that end it, above 0; None: the client's own.
            timeout: Seconds that it lasts, above 0; None: the client's ``auction_timeout``.

        Returns:
            The host, as it answered.

        Raises:
            NotFound: It is meant by no host, or by several; the message lists them.

        Source: ``wash``, which finds hosts so; subject ``host.ping``.
        """
        wanted = _arguments.identifier(text, "text").casefold()
        limits = self._limits(expected, quiet, timeout)
        replies = _gathers.gather(
            self._transport(),
            self._subjects.control("host.ping"),
            b"",
            Host,
            lambda host: host.id,
            limits,
            until=lambda host: host.id == text,
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
            raise NotFound(f"{text!r} is meant by several hosts of lattice {self.lattice!r}: {listed}")
        raise NotFound(f"{text!r} is meant by no host of lattice {self.lattice!r}; the hosts: {listed}")

    def stop_host(
        self,
        host_id: str,
        timeout_ms: int | None = None,
        *,
        wait: float | None = None,
        timeout: float | None = None,
    ) -> CtlResponse[None]:
        """Have a host stop.

        The answer says that the host has heard it; that it has stopped is told by ``host_stopped``. The last
        host of a lattice may be gone before its answer is sent.

        Args:
            host_id: The host's id.
            timeout_ms: Milliseconds that the host may take to stop what runs on it, 0 to 2**64 - 1; None: the
                host's own (10 seconds).
            wait: Seconds that the call may take in all until the outcome is certain, above 0; None: it returns with
                the answer.
            timeout: Seconds to wait for the answer, above 0; None: the client's own.

        Raises:
            OperationRejected: With ``wait``: the host refused.
            WaitTimeout: With ``wait``: not certain in time; it says what was last seen.

        Source: ``Client::stop_host``; subject ``host.stop``.
        """
        subject = self._subjects.host("host.stop", host_id)
        if timeout_ms is not None:
            _arguments.whole_number(timeout_ms, "timeout_ms", U64_HIGHEST)
        command = StopHostCommand(host_id=host_id, timeout=timeout_ms)
        if wait is None:
            return self._command(subject, command, timeout)

        order = self._order(f"the stop of host {host_id}", subject, command, wait, wait)
        return _outcomes.StopHost(order, host_id).run(self._transport())

    def put_label(
        self, host_id: str, key: str, value: str, *, timeout: float | None = None
    ) -> CtlResponse[None]:
        """Put a label on a host, or replace its value.

        Args:
            host_id: The host's id.
            key: The label's key. Hosts refuse keys that begin with ``hostcore.``.
            value: The label's value.
            timeout: Seconds, above 0; None: the client's own.

        Source: ``Client::put_label``; subject ``label.put``.
        """
        subject = self._subjects.host("label.put", host_id)
        label = {"key": _arguments.text(key, "key"), "value": _arguments.text(value, "value")}
        return self._command(subject, label, timeout)

    def delete_label(self, host_id: str, key: str, *, timeout: float | None = None) -> CtlResponse[None]:
        """Take a label from a host. It succeeds, too, where there is none.

        Args:
            host_id: The host's id.
            key: The label's key.
            timeout: Seconds, above 0; None: the client's own.

        Source: ``Client::delete_label``; subject ``label.del``.
        """
        subject = self._subjects.host("label.del", host_id)
        return self._command(subject, {"key": _arguments.text(key, "key")}, timeout)

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

        A host bids if all constraints equal its labels; else it stays silent.

        Args:
            component_ref: The component's reference.
            component_id: The component's id.
            constraints: The labels that a host must have.
            expected: How many distinct hosts end the gather, above 0; None: it is not ended so.
            quiet: Seconds without a further reply that end it, above 0; None: the client's own.
            timeout: Seconds that it lasts, above 0; None: the client's ``auction_timeout``.

        Returns:
            One bid for each host that would.

        Source: ``Client::perform_component_auction``; subject ``component.auction``.
        """
        request = ComponentAuctionRequest(
            component_ref=_arguments.identifier(component_ref, "component_ref"),
            component_id=_arguments.identifier(component_id, "component_id"),
            constraints=_constraints(constraints),
        )
        replies = self._gather(
            "component.auction",
            self._encode(request),
            ComponentAuctionAck,
            lambda bid: bid.host_id,
            self._limits(expected, quiet, timeout),
        )
        # Hosts put the reference where the id belongs; the id that was asked for is the true one.
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
        """Have a host run a component with so many instances, starting or stopping it as need be.

        The answer says that the host has heard it; what came of it is told by ``component_scaled`` or
        ``component_scale_failed``.

        Args:
            host_id: The host's id.
            component_ref: The component's reference.
            component_id: The component's id.
            max_instances: How many instances may run at once, 0 to 2**32 - 1; 0 stops it.
            annotations: Annotations for the component.
            config: The names of the configs that it is given.
            allow_update: Whether a running component of another reference is updated.
            component_limits: Limits for the component (hosts from 1.9 on).
            wait: Seconds that the call may take in all until the outcome is certain, above 0; None: it returns with
                the answer.
            timeout: Seconds to wait for the answer, above 0; None: the client's own.

        Raises:
            OperationFailed: With ``wait``: the host could not do it, or did not update the reference, or is gone.
            OperationRejected: With ``wait``: the host refused.
            WaitTimeout: With ``wait``: not certain in time; it says what was last seen.

        Source: ``Client::scale_component``; subject ``component.scale``.
        """
        subject = self._subjects.host("component.scale", host_id)
        command = ScaleComponentCommand(
            component_ref=_arguments.identifier(component_ref, "component_ref"),
            component_id=_arguments.identifier(component_id, "component_id"),
            host_id=host_id,
            max_instances=_arguments.whole_number(max_instances, "max_instances", U32_HIGHEST),
            annotations=_arguments.optional_string_map(annotations, "annotations"),
            config=_arguments.config_names(config, "config"),
            allow_update=_arguments.boolean(allow_update, "allow_update"),
            component_limits=_arguments.optional_string_map(component_limits, "component_limits"),
        )
        if wait is None:
            return self._command(subject, command, timeout)

        what = f"the scale of {component_id} to {max_instances} on host {host_id}"
        order = self._order(what, subject, command, timeout, wait)
        return _outcomes.ScaleComponent(
            order, host_id, component_id, component_ref, max_instances, allow_update
        ).run(self._transport())

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
        """Have a host put another image in the place of a running component's.

        The answer says that the host has heard it. An update that fails publishes no event: only the host's
        inventory shows it.

        Args:
            host_id: The host's id.
            existing_component_id: The component's id.
            new_component_ref: The reference that is to run.
            annotations: Annotations for the component.
            wait: Seconds that the call may take in all until the outcome is certain, above 0; None: it returns with
                the answer.
            timeout: Seconds to wait for the answer, above 0; None: the client's own.

        Raises:
            OperationFailed: With ``wait``: the host is gone.
            OperationRejected: With ``wait``: the host refused.
            WaitTimeout: With ``wait``: not certain in time; it says what was last seen.

        Source: ``Client::update_component``; subject ``component.update``.
        """
        subject = self._subjects.host("component.update", host_id)
        command = UpdateComponentCommand(
            host_id=host_id,
            component_id=_arguments.identifier(existing_component_id, "existing_component_id"),
            new_component_ref=_arguments.identifier(new_component_ref, "new_component_ref"),
            annotations=_arguments.optional_string_map(annotations, "annotations"),
        )
        if wait is None:
            return self._command(subject, command, timeout)

        what = f"the update of {existing_component_id} to {new_component_ref} on host {host_id}"
        order = self._order(what, subject, command, timeout, wait)
        return _outcomes.UpdateComponent(order, host_id, existing_component_id, new_component_ref).run(
            self._transport()
        )

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

        A host bids if all constraints equal its labels and it does not run that id; else it stays silent.

        Args:
            provider_ref: The provider's reference.
            provider_id: The provider's id.
            constraints: The labels that a host must have.
            expected: How many distinct hosts end the gather, above 0; None: it is not ended so.
            quiet: Seconds without a further reply that end it, above 0; None: the client's own.
            timeout: Seconds that it lasts, above 0; None: the client's ``auction_timeout``.

        Returns:
            One bid for each host that would.

        Source: ``Client::perform_provider_auction``; subject ``provider.auction``.
        """
        request = ProviderAuctionRequest(
            provider_ref=_arguments.identifier(provider_ref, "provider_ref"),
            provider_id=_arguments.identifier(provider_id, "provider_id"),
            constraints=_constraints(constraints),
        )
        return self._gather(
            "provider.auction",
            self._encode(request),
            ProviderAuctionAck,
            lambda bid: bid.host_id,
            self._limits(expected, quiet, timeout),
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
        """Have a host start a provider.

        The answer says that the host has heard it; what came of it is told by ``provider_started`` or
        ``provider_start_failed``. A host does not answer at all for a builtin provider that it has switched off.

        Args:
            host_id: The host's id.
            provider_ref: The provider's reference.
            provider_id: The provider's id.
            annotations: Annotations for the provider.
            provider_configuration: The names of the configs that it is given.
            wait: Seconds that the call may take in all until the outcome is certain, above 0; None: it returns with
                the answer.
            timeout: Seconds to wait for the answer, above 0; None: the client's own.

        Raises:
            OperationFailed: With ``wait``: the host could not start it, or is gone.
            OperationRejected: With ``wait``: the host refused.
            WaitTimeout: With ``wait``: not certain in time; it says what was last seen.

        Source: ``Client::start_provider``; subject ``provider.start``.
        """
        subject = self._subjects.host("provider.start", host_id)
        command = StartProviderCommand(
            host_id=host_id,
            provider_id=_arguments.identifier(provider_id, "provider_id"),
            provider_ref=_arguments.identifier(provider_ref, "provider_ref"),
            config=_arguments.config_names(provider_configuration, "provider_configuration"),
            annotations=_arguments.optional_string_map(annotations, "annotations"),
        )
        if wait is None:
            return self._command(subject, command, timeout)

        what = f"the start of {provider_id} on host {host_id}"
        order = self._order(what, subject, command, timeout, wait)
        return _outcomes.StartProvider(order, host_id, provider_id, provider_ref).run(self._transport())

    def stop_provider(
        self, host_id: str, provider_id: str, *, wait: float | None = None, timeout: float | None = None
    ) -> CtlResponse[None]:
        """Have a host stop a provider. The host answers when it has stopped.

        Args:
            host_id: The host's id.
            provider_id: The provider's id.
            wait: Seconds that the call may take in all until the outcome is certain, above 0; None: it returns with
                the answer.
            timeout: Seconds to wait for the answer, above 0; None: the client's own.

        Raises:
            OperationFailed: With ``wait``: the host is gone.
            OperationRejected: With ``wait``: the host refused.
            WaitTimeout: With ``wait``: not certain in time; it says what was last seen.

        Source: ``Client::stop_provider``; subject ``provider.stop``.
        """
        subject = self._subjects.host("provider.stop", host_id)
        command = StopProviderCommand(
            host_id=host_id, provider_id=_arguments.identifier(provider_id, "provider_id")
        )
        if wait is None:
            return self._command(subject, command, timeout)

        what = f"the stop of {provider_id} on host {host_id}"
        order = self._order(what, subject, command, wait, wait)
        return _outcomes.StopProvider(order, host_id, provider_id).run(self._transport())

    # Links --------------------------------------------------------------------------------------

    def put_link(
        self, link: Link, *, wait: float | None = None, timeout: float | None = None
    ) -> CtlResponse[None]:
        """Put a link. One that is equal to another succeeds again; one that clashes is refused.

        Args:
            link: The link.
            wait: Seconds that the call may take in all until the outcome is certain, above 0; None: it returns with
                the answer.
            timeout: Seconds, above 0; None: the client's own.

        Raises:
            OperationRejected: With ``wait``: the host refused.
            WaitTimeout: With ``wait``: not certain in time; it says what was last seen.

        Source: ``Client::put_link``; subject ``link.put``.
        """
        if not isinstance(link, Link):
            raise InvalidArgument(f"link must be a Link, not {type(link).__name__}")
        checked = Link(
            source_id=_arguments.identifier(link.source_id, "link.source_id"),
            target=_arguments.identifier(link.target, "link.target"),
            wit_namespace=_arguments.identifier(link.wit_namespace, "link.wit_namespace"),
            wit_package=_arguments.identifier(link.wit_package, "link.wit_package"),
            interfaces=_arguments.strings(link.interfaces, "link.interfaces"),
            name=_arguments.identifier(link.name, "link.name"),
            source_config=_arguments.config_names(link.source_config, "link.source_config"),
            target_config=_arguments.config_names(link.target_config, "link.target_config"),
        )
        subject, turn = self._subjects.control("link.put"), self._link_turn(checked.source_id)
        if wait is None:
            return self._command(subject, checked, timeout, turn)

        what = f"the link {checked.name} from {checked.source_id} to {checked.target}"
        order = self._order(what, subject, checked, timeout, wait, turn)
        return _outcomes.PutLink(order, checked).run(self._transport())

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
        """Delete a link. It succeeds, too, where there is none.

        Args:
            source_id: The id of what imports.
            link_name: The link's name, such as ``default``.
            wit_namespace: The WIT namespace.
            wit_package: The WIT package.
            wait: Seconds that the call may take in all until the outcome is certain, above 0; None: it returns with
                the answer.
            timeout: Seconds, above 0; None: the client's own.

        Raises:
            OperationRejected: With ``wait``: the host refused.
            WaitTimeout: With ``wait``: not certain in time; it says what was last seen.

        Source: ``Client::delete_link``; subject ``link.del``.
        """
        command = {
            "source_id": _arguments.identifier(source_id, "source_id"),
            "name": _arguments.identifier(link_name, "link_name"),
            "wit_namespace": _arguments.identifier(wit_namespace, "wit_namespace"),
            "wit_package": _arguments.identifier(wit_package, "wit_package"),
        }
        subject, turn = self._subjects.control("link.del"), self._link_turn(source_id)
        if wait is None:
            return self._command(subject, command, timeout, turn)

        what = f"the deletion of the link {link_name} from {source_id}"
        order = self._order(what, subject, command, timeout, wait, turn)
        return _outcomes.DeleteLink(order, (source_id, link_name, wit_namespace, wit_package)).run(
            self._transport()
        )

    def get_links(self, *, timeout: float | None = None) -> CtlResponse[list[Link]]:
        """All links of the lattice, as one of its hosts knows them (right after a put another may lag).

        With ``cache_links`` they come from a copy that the link events keep current, without a question.

        Args:
            timeout: Seconds, above 0; None: the client's own.

        Returns:
            The links, in no order that means anything.

        Source: ``Client::get_links``; subject ``link.get``.
        """
        if self._link_cache is not None:
            links = self._link_cache.get().get(self._timeout(timeout))
            return CtlResponse(succeeded=True, data=links)
        return self._request(self._subjects.control("link.get"), b"", list[Link], timeout)

    # Configs ------------------------------------------------------------------------------------

    def put_config(
        self, config_name: str, config: Mapping[str, str], *, timeout: float | None = None
    ) -> CtlResponse[None]:
        """Put a config, or replace it.

        Args:
            config_name: The config's name; hosts can store letters, digits and ``-/_=``.
            config: The config, a map of strings to strings.
            timeout: Seconds, above 0; None: the client's own.

        Raises:
            PayloadTooLarge: It is larger than what the server takes in one message.

        Source: ``Client::put_config``; subject ``config.put``.
        """
        subject = self._subjects.config("config.put", config_name)
        return self._command(subject, _arguments.string_map(config, "config"), timeout)

    def delete_config(self, config_name: str, *, timeout: float | None = None) -> CtlResponse[None]:
        """Delete a config. It succeeds, too, where there is none.

        Args:
            config_name: The config's name.
            timeout: Seconds, above 0; None: the client's own.

        Source: ``Client::delete_config``; subject ``config.del``.
        """
        return self._request(self._subjects.config("config.del", config_name), b"", None, timeout)

    def get_config(self, config_name: str, *, timeout: float | None = None) -> CtlResponse[dict[str, str]]:
        """A config.

        Args:
            config_name: The config's name.
            timeout: Seconds, above 0; None: the client's own.

        Returns:
            The config as data; where there is none the answer succeeds, and its data is None.

        Source: ``Client::get_config``; subject ``config.get``.
        """
        return self._request(self._subjects.config("config.get", config_name), b"", dict[str, str], timeout)

    def list_configs(self, *, timeout: float | None = None) -> list[str]:
        """The names of all configs of the lattice, from the bucket in which its hosts keep them.

        There is no operation of hosts for this, so it needs permission to ask JetStream for that bucket.

        Args:
            timeout: Seconds, above 0; None: the client's own.

        Returns:
            The names, sorted; none where nothing was ever stored.

        Raises:
            NoResponders: There is no JetStream there: see ``js_domain`` of ``connect``.
            OperationRejected: JetStream refused.

        Source: none in the Rust client; stream ``KV_CONFIGDATA_<lattice>``.
        """
        return _gathers.config_names(
            self._transport(), self._subjects, self._settings.js_domain, self._timeout(timeout)
        )

    # The lattice --------------------------------------------------------------------------------

    def get_claims(self, *, timeout: float | None = None) -> CtlResponse[list[dict[str, str]]]:
        """The claims of all signed components and providers, as one of the hosts knows them.

        Args:
            timeout: Seconds, above 0; None: the client's own.

        Returns:
            A map of strings for each, with ``issuer``, ``subject``, ``name``, ``revision`` and ``version``; of a
            component also ``call_alias`` and ``tags``, joined by commas; of a provider ``config_schema``.

        Source: ``Client::get_claims``; subject ``claims.get``.
        """
        return self._request(self._subjects.control("claims.get"), b"", list[dict[str, str]], timeout)

    def put_registries(
        self,
        registries: Mapping[str, RegistryCredential],
        *,
        expected: int | None = None,
        quiet: float | None = 0.25,
        timeout: float | None = None,
    ) -> Replies[None]:
        """Give all hosts the credentials for registries, in the place of those they have.

        The credentials travel in clear unless the connection has TLS.

        Args:
            registries: The credentials, by the registry's name, such as ``ghcr.io``.
            expected: How many acknowledgements end the gather, above 0; None: it is not ended so.
            quiet: Seconds without a further one that end it, above 0; None: the client's own.
            timeout: Seconds that it lasts, above 0; None: the client's ``auction_timeout``.

        Returns:
            One answer for each host that acknowledged; an answer does not say which host's it is.

        Source: ``Client::put_registries`` (which asks for no answers); subject ``registry.put``.
        """
        if not isinstance(registries, Mapping):
            raise InvalidArgument(f"registries must be a mapping, not {type(registries).__name__}")
        checked = {
            _arguments.identifier(registry, "each of registries"): _credential(registry, credential)
            for registry, credential in registries.items()
        }
        return self._gather(
            "registry.put", self._encode(checked), None, None, self._limits(expected, quiet, timeout)
        )

    def events_receiver(
        self,
        *event_names: str,
        maxsize: int = DEFAULT_MAXSIZE,
        overflow: Literal["drop_oldest", "drop_newest"] = "drop_oldest",
        timeout: float | None = None,
    ) -> EventReceiver:
        """Hear the lattice's events.

        Args:
            event_names: The kinds to hear, such as ``component_scaled``; none: all kinds.
            maxsize: How many events wait to be read at most, above 0.
            overflow: What is dropped when more come: ``drop_oldest`` or ``drop_newest``.
            timeout: Seconds to wait for the server to confirm, above 0; None: the client's own.

        Returns:
            The receiver. The server has the subscription, so what happens from now on is heard.

        Raises:
            PermissionDenied: The server does not let this user hear the events.

        Source: ``Client::events_receiver``; subjects ``wasmbus.evt.<lattice>.<event name>``.
        """
        subjects = [self._subjects.event(event_name) for event_name in dict.fromkeys(event_names) or ("*",)]
        if overflow not in ("drop_oldest", "drop_newest"):
            raise InvalidArgument(f"overflow must be 'drop_oldest' or 'drop_newest', not {overflow!r}")
        highest = U64_HIGHEST  # a bound for the check's sake; memory is the true one
        _arguments.whole_number(maxsize, "maxsize", highest, lowest=1)
        mailbox: Mailbox[bytes] = Mailbox(maxsize, drop_newest=overflow == "drop_newest")
        transport = self._transport()
        # The receiver comes first: whenever Ctrl-C comes, dropping it ends the subscription.
        subscription = Subscription(transport, subjects, mailbox)
        receiver = EventReceiver(subscription, self.lattice)
        transport.begin(subscription, self._timeout(timeout))
        self._receivers.add(receiver)
        return receiver

    # The client itself --------------------------------------------------------------------------

    @property
    def lattice(self) -> str:
        """The lattice's name."""
        return self._settings.lattice

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        transport = self._session.peek()
        return not self.closed and transport is not None and transport.connected

    @property
    def closed(self) -> bool:
        """Whether the client was closed."""
        return self._closed or (self._parent is not None and self._parent.closed)

    def for_lattice(self, name: str) -> Client:
        """A client for another lattice, on the same connection and with the same settings.

        Closing it closes its receivers; closing this client closes it, too.

        Args:
            name: The lattice's name.

        Returns:
            The client. It need not be closed.
        """
        self._transport()
        settings = attrs.evolve(self._settings, lattice=name)
        subjects = Subjects(settings.topic_prefix, settings.lattice)
        return Client(self._session, settings, subjects, self._parent or self)

    @property
    def nats_client(self) -> NatsClient:
        """nats-py's client of the present connection, for use in functions given to ``run``.

        Raises:
            NotConnectedError: There is no connection now.
        """
        return self._transport().nats_client

    def run(
        self,
        async_function: Callable[[Unpack[Arguments]], Awaitable[T]],
        *args: Unpack[Arguments],
        timeout: float | None = None,
    ) -> T:
        """Run a coroutine function on the client's private loop, and wait for it.

        It must not block: all calls of this client wait meanwhile.

        Args:
            async_function: The coroutine function.
            args: Its arguments.
            timeout: Seconds, above 0; None waits as long as it takes.

        Returns:
            What it returns.

        Raises:
            WaitTimeout: It did not end in time, and was cancelled.
            BaseException: What it raises, nats-py's exceptions included.
        """
        if timeout is not None:
            timeout = _arguments.seconds(timeout, "timeout")
        return self._transport().run(async_function, *args, timeout=timeout)

    def close(self) -> None:
        """Close the connection, within two seconds. Calls under way end with ClosedError.

        A second time, or from several threads, does no harm. In a forked child it leaves the parent's alone.
        """
        self._closed = True
        if self._parent is not None:
            for receiver in list(self._receivers):
                receiver.close()
            cache = None if self._link_cache is None else self._link_cache.peek()
            if cache is not None:
                cache.close()
            return
        transport = self._session.peek()
        if transport is not None:
            transport.close(_CLOSE_SECONDS)
        else:
            self._session.stop()  # another thread of a forked child may be connecting

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
        # When the interpreter ends nothing is left to be ended, and modules may be empty.
        if _finalizing():
            return
        # May run on any thread, the loop's too, and on an object that was never finished: so it takes no lock,
        # joins nothing, and only asks the loop to end.
        session = getattr(self, "_session", None)
        if session is None or self._parent is not None:
            return
        transport = session.peek()
        try:
            if not self._closed and transport is not None and not transport.bridge.ended_by_exit:
                _warn(
                    f"{self!r} was not closed: use it in a with statement, or call close()",
                    ResourceWarning,
                    source=self,
                )
        finally:
            # Also after a close() that Ctrl-C has ended, and where warnings are errors.
            session.stop()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a client cannot be pickled: connect anew in the other process")

    def __repr__(self) -> str:
        transport = self._session.peek()
        state = "closed" if self.closed else "connected" if self.connected else "disconnected"
        where = "" if transport is None else f" {transport.address}"
        return f"<Client{where} lattice={self.lattice!r} {state}>"

    def _make_link_cache(self) -> PerProcess[LinkCache]:
        # Not by way of the client, which would then keep itself alive.
        session, subjects = self._session, self._subjects
        return PerProcess(lambda: LinkCache(session.get(), subjects))

    # The way of every operation -----------------------------------------------------------------

    def _transport(self) -> Transport:
        if self.closed:
            raise ClosedError("the client is closed")
        transport = self._session.get()
        transport.bridge.refuse_ended()
        return transport

    def _timeout(self, timeout: float | None) -> float:
        return self._settings.timeout if timeout is None else _arguments.seconds(timeout, "timeout")

    def _encode(self, command: object) -> bytes:
        self._transport()  # at the interpreter's end what follows can no longer import what it needs
        return _codec.encode(command)

    def _command(
        self, subject: str, command: object, timeout: float | None, turn: str | None = None
    ) -> CtlResponse[None]:
        return self._request(subject, self._encode(command), None, timeout, turn)

    def _order(
        self,
        what: str,
        subject: str,
        command: object,
        timeout: float | None,
        wait: float,
        turn: str | None = None,
    ) -> Command:
        """A command whose outcome will be waited for, by something of ``_outcomes``."""
        self._transport()
        seconds = _arguments.seconds(wait, "wait")
        return Command(
            what=what,
            subjects=self._subjects,
            subject=subject,
            payload=self._encode(command),
            timeout=self._timeout(timeout),
            look_timeout=self._settings.timeout,
            wait=seconds,
            turn=turn,
            progress=self._settings.progress,
        )

    def _link_turn(self, source_id: str) -> str:
        # A host puts a link by reading all links of its source, and writing them back without looking whether
        # another host has done so meanwhile: of changes that overlap all but one are lost.
        return f"{self._subjects.control('link')} {source_id}"

    def _request(
        self,
        subject: str,
        payload: bytes,
        kind: type[T] | None,
        timeout: float | None,
        turn: str | None = None,
    ) -> CtlResponse[T]:
        raw = self._transport().request(subject, payload, self._timeout(timeout), turn)
        response = _codec.decode_response(raw, kind)
        return response.raise_for_status() if self._settings.check else response

    def _limits(
        self,
        expected: int | None,
        quiet: float | None,
        timeout: float | None,
        default: float | None = None,
    ) -> Limits:
        """When a gather ends, by what the call says and by what the client has been told."""
        if expected is not None:
            _arguments.whole_number(expected, "expected", U64_HIGHEST, lowest=1)
        if timeout is None:
            timeout = self._settings.auction_timeout if default is None else default
        return _gathers.Limits(
            timeout=_arguments.seconds(timeout, "timeout"),
            quiet=self._settings.quiet if quiet is None else _arguments.seconds(quiet, "quiet"),
            expected=expected,
            progress=self._settings.progress,
        )

    def _gather(
        self,
        operation: str,
        payload: bytes,
        kind: type[T] | None,
        host_of: Callable[[T], str] | None,
        limits: Limits,
    ) -> Replies[T]:
        subject = self._subjects.control(operation)
        replies = _gathers.gather(self._transport(), subject, payload, kind, host_of, limits)
        if self._settings.check:
            for response in replies:
                response.raise_for_status()
        return replies


def _constraints(constraints: Any) -> dict[str, str]:
    # A request without constraints is refused by every host: none is an empty map.
    return {} if constraints is None else _arguments.string_map(constraints, "constraints")


def _credential(registry: str, credential: object) -> RegistryCredential:
    # The messages name the registry and the field, and never what is in it.
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
