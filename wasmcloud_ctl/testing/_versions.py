"""How hosts differ by their version: one table for the practice lattice, the tests and the documentation.

Read from the source of wasmCloud at the tags of its releases, and checked on running hosts, as far as these can be
built: ``tests/data`` has what those said.
"""

from __future__ import annotations

from attrs import frozen

# All releases of wasmCloud 1, except pre-releases.
RELEASES = (
    "1.0.0", "1.0.1", "1.0.2", "1.0.3", "1.0.4", "1.1.0", "1.1.1", "1.2.0", "1.2.1", "1.3.0", "1.3.1", "1.4.0",
    "1.4.1", "1.4.2", "1.5.0", "1.5.1", "1.6.0", "1.6.1", "1.6.2", "1.7.0", "1.7.1", "1.8.0", "1.9.0", "1.9.1",
    "1.9.2",
)  # fmt: skip


@frozen(kw_only=True)
class Difference:
    """One thing that hosts of some versions do in another way.

    Attributes:
        since: The first release with the newer behaviour.
        until: The first release that is without it again. None if all later ones have it.
        what: What it is about.
        older: What hosts of other versions do.
        newer: What hosts of these versions do.
        source: Where the source says so: functions of the host, most of them in ``crates/host/src/wasmbus``.
        seen: The versions of running hosts on which both behaviours were seen. Empty if only the source tells it.
    """

    since: str
    until: str | None = None
    what: str
    older: str
    newer: str
    source: str
    seen: tuple[str, ...] = ()


ONE_STOP_EVENT = Difference(
    since="1.0.1",
    what="events of a stop, a scale and an update",
    older="one more ``component_scaled`` with ``max_instances`` 0: for a stop, for what a scale replaces, and (with "
    "the old reference and annotations) for what an update replaces",
    newer="one event for a stop, one for a scale, two for an update",
    source="``stop_actor``, ``stop_component``",
)
UPDATES_ANSWERED = Difference(
    since="1.0.1",
    what="``update_component``: the response",
    older="success without a message, whether the component runs or not; an update to the reference that runs is "
    "carried out again",
    newer="the message names both references; a component that does not run is refused; an update to the reference "
    "that runs does nothing",
    source="``handle_update_component``",
)
ALLOW_UPDATE = Difference(
    since="1.1.0",
    what="``scale_component``: ``allow_update``",
    older="ignored",
    newer="another reference is updated after the scale",
    source="``handle_scale_component``",
)
CLAIMS_OF_COMMAND = Difference(
    since="1.1.0",
    what="claims in the event of a scale to another reference",
    older="those of the code that runs",
    newer="those of the new reference, although the old code goes on running",
    source="``handle_scale_component_task``",
)
STOP_HOST_CHECKED = Difference(
    since="1.1.0",
    what="``stop_host``: the host's id in the payload",
    older="not looked at, but an empty payload is refused",
    newer="refused if it is another host's",
    source="``handle_stop_host``",
)
PROVIDER_CONFIG_LATE = Difference(
    since="1.1.0",
    what="``start_provider`` with a config that does not exist",
    older="refused",
    newer="acknowledged, then ``provider_start_failed``",
    source="``handle_start_provider``, ``handle_start_provider_task``",
)
LINK_CONFIGS_NAMED = Difference(
    since="1.1.0",
    what="``put_link`` with a config that does not exist: the message",
    older="does not name the config",
    newer="names the config",
    source="``validate_config``",
)
SCALE_EVENTS_ALWAYS = Difference(
    since="1.1.1",
    what="events of a start, of a scale that changes nothing, and of a stop of what does not run",
    older="one ``component_scaled`` for a start, none for the others, nor for another config",
    newer="two equal ones for a start, one for each of the others",
    source="``handle_scale_component_task``",
    seen=("1.1.0", "1.2.1"),
)
SCALE_FAILURE_EVENTS = Difference(
    since="1.1.1",
    what="``component_scale_failed``",
    older="not published if the image cannot be pulled, its claims are not valid, or a config does not exist",
    newer="published for each failure",
    source="``handle_scale_component``",
    seen=("1.1.0", "1.2.1"),
)
HEARTBEAT_INTERVAL = Difference(
    since="1.1.1",
    what="the interval of ``host_heartbeat``",
    older="30 seconds",
    newer="an option of the host, 30 seconds by default",
    source="``Host::new``",
    seen=("1.1.0", "1.2.1"),
)
LINK_FAILURE_EVENTS = Difference(
    since="1.2.0",
    what="``linkdef_set_failed``",
    older="never published",
    newer="published when ``put_link`` is refused",
    source="``handle_link_put``",
    seen=("1.1.0", "1.2.1"),
)
MESSAGES = Difference(
    since="1.3.0",
    what="messages on success",
    older="empty, except those of ``scale_component``, ``update_component`` and ``get_config``",
    newer="such as ``successfully put label``",
    source="``CtlResponse::success``",
    seen=("1.2.1", "1.3.1"),
)
CLASHES_REFUSED = Difference(
    since="1.3.0",
    what="``put_link``: another target for the same source, package and name",
    older="kept beside the old link",
    newer="refused",
    source="``handle_link_put``",
    seen=("1.2.1", "1.3.1"),
)
DISJOINT_CLASH = Difference(
    since="1.3.0",
    until="1.5.0",
    what="``put_link``: the same, if the two links have no interface in common",
    older="kept beside the old link",
    newer="refused",
    source="``handle_link_put``",
    seen=("1.2.1", "1.4.1", "1.9.2"),
)
DELETED_TARGET = Difference(
    since="1.3.0",
    what="``linkdef_deleted``",
    older="has neither ``target`` nor ``interfaces``",
    newer="has both if the link existed",
    source="``handle_link_del``",
    seen=("1.2.1", "1.3.1"),
)
AUCTION_SLIP = Difference(
    since="1.3.0",
    what="``perform_component_auction``",
    older="a host that runs the id stays silent",
    newer="hosts take the reference for the id: one that runs the id bids, and the bid has the reference as the id "
    "(the client puts it right)",
    source="``handle_auction_component``, ``ComponentAuctionRequest::component_id``",
    seen=("1.2.1", "1.3.1"),
)
BUILTINS = Difference(
    since="1.5.0",
    what="``start_provider`` of ``wasmcloud+builtin://``",
    older="taken for an image, so acknowledged, then ``provider_start_failed``",
    newer="a builtin provider; ``provider_start_failed`` if the host has not enabled it",
    source="``ResourceRef::try_from``",
    seen=("1.4.1", "1.6.2"),
)
PROVIDER_WITHOUT_SCHEME = Difference(
    since="1.5.0",
    what="``image_ref`` of a provider",
    older="as in the command",
    newer="without ``file://`` and other schemes",
    source="``ResourceRef::as_ref``",
    seen=("1.4.1", "1.6.2"),
)
LABEL_VALUE_OPTIONAL = Difference(
    since="1.5.1",
    what="a request to delete a label",
    older="refused without ``value`` (the client sends an empty one)",
    newer="needs the key only",
    source="``handle_label_del``",
    seen=("1.4.1", "1.6.2"),
)
FAILED_PROVIDER_HOST = Difference(
    since="1.5.1",
    what="``provider_start_failed``",
    older="has no ``host_id`` (the client takes it from the event's source)",
    newer="has ``host_id``",
    source="``provider_start_failed``",
    seen=("1.4.1", "1.6.2"),
)
SCALE_WITHOUT_IMAGE = Difference(
    since="1.5.1",
    what="a stop or a scale of what runs, if its image cannot be pulled",
    older="not carried out",
    newer="carried out",
    source="``handle_scale_component_task``",
    seen=("1.4.1", "1.9.2"),
)
AUCTION_SWITCHES = Difference(
    since="1.5.1",
    what="auctions",
    older="each host takes part",
    newer="an option of the host",
    source="``Queue::new``",
)
CLAIMS_DATES = Difference(
    since="1.5.1",
    what="``expires_human`` and ``not_before_human`` in the claims of events",
    older="``TODO``",
    newer="``never``, or a number of seconds",
    source="``format_component_claims``",
    seen=("1.4.1", "1.6.2"),
)
HOST_ID_AS_SENT = Difference(
    since="1.6.0",
    what="``host_id`` in events about components and providers",
    older="the host's id",
    newer="the id in the command (the client always sends the right one; ``Event.source`` is always right)",
    source="``handle_scale_component``",
    seen=("1.4.1", "1.6.2"),
)
PROVIDERS_RESTARTED = Difference(
    since="1.6.0",
    what="a provider whose process has ended",
    older="stays in the inventory",
    newer="is started again, without an event (practice hosts have no processes)",
    source="``run_provider``",
)
LABELS_GUARDED = Difference(
    since="1.8.0",
    what="``put_label`` of ``hostcore.*``",
    older="accepted",
    newer="refused",
    source="``handle_label_put``",
    seen=("1.6.2", "1.9.2"),
)
BUILTINS_SILENT = Difference(
    since="1.8.0",
    what="``start_provider`` of a builtin HTTP server or NATS messaging that the host has not enabled",
    older="acknowledged, then ``provider_start_failed``",
    newer="no reply",
    source="``handle_start_provider``",
    seen=("1.6.2", "1.9.2"),
)
LIMITS = Difference(
    since="1.9.0",
    what="``scale_component``: ``component_limits``",
    older="ignored",
    newer="shown in the inventory; ``max_memory_limit`` applies from a start or an update on (not on practice hosts)",
    source="``instantiate_component``",
    seen=("1.6.2", "1.9.2"),
)
HTTP_CLIENT = Difference(
    since="1.9.0",
    what="``start_provider`` of the builtin HTTP client",
    older="there is none: acknowledged, then ``provider_start_failed``",
    newer="a builtin provider, if the host has enabled it",
    source="``handle_start_provider_task``",
    seen=("1.7.1", "1.9.2"),
)
STARTED_WITH_ID = Difference(
    since="1.9.0",
    until="1.9.2",
    what="``host_started``",
    older="has no ``id``; published when the host serves requests",
    newer="has the host's ``id``; published before that (not by practice hosts)",
    source="``HostBuilder::build``",
    seen=("1.9.0", "1.9.2"),
)
CONFIG_WATCHERS_NAMED = Difference(
    since="1.9.0",
    until="1.9.2",
    what="a start with a config that does not exist, or cannot be read: the error in the event",
    older="such as ``Unable to fetch requested config: Config web does not exist``",
    newer="such as ``Unable to fetch requested config: error setting up watcher for web: Config web does not "
    "exist``",
    source="``BundleGenerator::get_receiver``",
    seen=("1.9.0", "1.9.2"),
)

DIFFERENCES = (
    ONE_STOP_EVENT,
    UPDATES_ANSWERED,
    ALLOW_UPDATE,
    CLAIMS_OF_COMMAND,
    STOP_HOST_CHECKED,
    PROVIDER_CONFIG_LATE,
    LINK_CONFIGS_NAMED,
    SCALE_EVENTS_ALWAYS,
    SCALE_FAILURE_EVENTS,
    HEARTBEAT_INTERVAL,
    LINK_FAILURE_EVENTS,
    MESSAGES,
    CLASHES_REFUSED,
    DISJOINT_CLASH,
    DELETED_TARGET,
    AUCTION_SLIP,
    BUILTINS,
    PROVIDER_WITHOUT_SCHEME,
    LABEL_VALUE_OPTIONAL,
    FAILED_PROVIDER_HOST,
    SCALE_WITHOUT_IMAGE,
    AUCTION_SWITCHES,
    CLAIMS_DATES,
    HOST_ID_AS_SENT,
    PROVIDERS_RESTARTED,
    LABELS_GUARDED,
    BUILTINS_SILENT,
    LIMITS,
    HTTP_CLIENT,
    STARTED_WITH_ID,
    CONFIG_WATCHERS_NAMED,
)


@frozen
class HostVersion:
    """A version of the host.

    Attributes:
        number: The release, such as ``1.9.2``.
    """

    number: str

    def has(self, difference: Difference) -> bool:
        """Return whether hosts of this version behave in the newer way."""
        number = RELEASES.index(self.number)
        until = len(RELEASES) if difference.until is None else RELEASES.index(difference.until)
        return RELEASES.index(difference.since) <= number < until

    @property
    def reported(self) -> str:
        """The version that such a host reports. The release 1.0.3 was published with the number of the one before."""
        return "1.0.2" if self.number == "1.0.3" else self.number


def host_version(number: str) -> HostVersion:
    """Return the host version with this number.

    Raises:
        ValueError: There is no such release of wasmCloud 1.
    """
    if number not in RELEASES:
        raise ValueError(
            f"version must be a release of wasmCloud 1, from {RELEASES[0]} to {RELEASES[-1]}, not {number!r}"
        )
    return HostVersion(number)
