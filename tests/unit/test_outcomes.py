"""The outcome of each operation, as a function of the evidence: no server, no clock."""

from __future__ import annotations

import uuid
from datetime import datetime, timezone

import attrs
import pytest

from wasmcloud_ctl import (
    ComponentDescription,
    ComponentScaled,
    ComponentScaleFailed,
    CtlResponse,
    HostInventory,
    HostStopped,
    Link,
    LinkdefDeleted,
    LinkdefSet,
    ProviderDescription,
    ProviderStarted,
    ProviderStartFailed,
    ProviderStopped,
    ScaleComponentCommand,
    StartProviderCommand,
    StopHostCommand,
    StopProviderCommand,
    UpdateComponentCommand,
)
from wasmcloud_ctl._operations.doubts import Doubts
from wasmcloud_ctl._operations.evidence import Evidence, Failed, Verdict
from wasmcloud_ctl._operations.outcomes import (
    DeleteLink,
    LinkKey,
    PutLink,
    ScaleComponent,
    StartProvider,
    StopHost,
    StopProvider,
    UpdateComponent,
)
from wasmcloud_ctl.events import Event, EventData
from wasmcloud_ctl.testing._versions import RELEASES, SCALE_EVENTS_ALWAYS, host_version

HOST = "NA"
NEW = "registry.example/acme/echo:1"
OLD = "registry.example/acme/echo:0"
LINK = Link("echo", "http", "wasi", "http", ["incoming-handler"])
KEY = LinkKey(source_id="echo", name="default", wit_namespace="wasi", wit_package="http")

KEEP_WAITING, LISTEN, CERTAIN = Verdict.KEEP_WAITING, Verdict.LISTEN, Verdict.CERTAIN
ACKNOWLEDGED: CtlResponse[None] = CtlResponse(succeeded=True)

SCALE_COMMAND = ScaleComponentCommand(host_id=HOST, component_id="echo", component_ref=NEW, max_instances=2)
SCALE = ScaleComponent(SCALE_COMMAND)
STOP = ScaleComponent(attrs.evolve(SCALE_COMMAND, max_instances=0))
UPDATE = UpdateComponent(UpdateComponentCommand(host_id=HOST, component_id="echo", new_component_ref=NEW))
START_PROVIDER = StartProvider(
    StartProviderCommand(host_id=HOST, provider_id="http", provider_ref="file:///http.par")
)
STOP_PROVIDER = StopProvider(StopProviderCommand(host_id=HOST, provider_id="http"))
STOP_HOST = StopHost(StopHostCommand(host_id=HOST))
PUT_LINK = PutLink(LINK)
DELETE_LINK = DeleteLink(KEY)


def event(data: EventData, source: str = HOST) -> Event:
    """An event of a host."""
    return Event(
        id=uuid.uuid4().hex,
        source=source,
        type="com.wasmcloud.lattice.a",
        name="a",
        time=datetime.now(timezone.utc),
        lattice="default",
        data=data,
    )


def scaled(reference: str = NEW, count: int = 2, component_id: str = "echo") -> Event:
    """The event of a scale."""
    return event(
        ComponentScaled(component_id=component_id, host_id=HOST, image_ref=reference, max_instances=count)
    )


def failed(count: int = 2) -> Event:
    """The event of a scale that failed."""
    return event(
        ComponentScaleFailed(
            component_id="echo", host_id=HOST, image_ref=NEW, max_instances=count, error="no such file"
        )
    )


def runs(reference: str = NEW, count: int = 2) -> HostInventory:
    """The inventory of a host that runs the component."""
    component = ComponentDescription(id="echo", image_ref=reference, max_instances=count)
    return HostInventory(host_id=HOST, components=(component,), providers=())


def provides(reference: str | None = "/http.par") -> HostInventory:
    """The inventory of a host that runs the provider."""
    return HostInventory(
        host_id=HOST, components=(), providers=(ProviderDescription(id="http", image_ref=reference),)
    )


NOTHING = HostInventory(host_id=HOST, components=(), providers=())


def started() -> Event:
    """The event of a provider's start."""
    return event(ProviderStarted(provider_id="http", host_id=HOST, image_ref="/http.par"))


def start_failed() -> Event:
    """The event of a provider's start that failed."""
    return event(
        ProviderStartFailed(
            provider_id="http", provider_ref="file:///http.par", host_id=HOST, error="no file"
        )
    )


# Components -------------------------------------------------------------------------------------


NOT_UPDATED = (
    f"host NA runs {OLD} as echo, because of another command, and may show {NEW} all the same. "
    "Stop it first, then start"
)


@pytest.mark.parametrize(
    ("evidence", "verdict"),
    [
        # A start, or another count: the inventory proves it.
        (Evidence(before=NOTHING), KEEP_WAITING),
        (Evidence(before=NOTHING, events=(scaled(),)), KEEP_WAITING),
        (Evidence(before=NOTHING, now=runs(), current=True), CERTAIN),
        (Evidence(before=NOTHING, now=runs(), current=False), KEEP_WAITING),
        (Evidence(before=NOTHING, now=runs(count=1), current=True), KEEP_WAITING),
        (Evidence(before=NOTHING, now=NOTHING, current=True, events=(scaled(),)), KEEP_WAITING),
        (Evidence(before=runs(count=1), now=runs(), current=True), CERTAIN),
        # It was so before: the event decides, and a quiet moment must follow.
        (Evidence(before=runs(), now=runs(), current=True), KEEP_WAITING),
        (Evidence(before=runs(), now=runs(), current=True, acknowledgement=ACKNOWLEDGED), KEEP_WAITING),
        (Evidence(before=runs(), now=runs(), current=True, events=(scaled(),)), LISTEN),
        (Evidence(before=runs(), now=runs(), current=True, events=(scaled(),), quiet=True), CERTAIN),
        (Evidence(before=runs(), now=runs(count=1), current=True, events=(scaled(),)), KEEP_WAITING),
        # Somebody else started another reference meanwhile, so this scale has at most renamed it.
        (Evidence(before=NOTHING, events=(scaled(OLD),)), LISTEN),
        (Evidence(before=NOTHING, events=(scaled(OLD),), quiet=True), Failed(NOT_UPDATED)),
        (
            Evidence(before=NOTHING, now=runs(), current=True, events=(scaled(OLD),), quiet=True),
            Failed(NOT_UPDATED),
        ),
        (Evidence(before=NOTHING, now=runs(), current=True, events=(scaled(OLD), scaled())), CERTAIN),
    ],
)
def test_a_scale_is_certain_by_the_right_evidence(
    evidence: Evidence[HostInventory], verdict: Verdict | Failed
) -> None:
    """The inventory proves what was otherwise before; an event decides where it was so."""
    assert SCALE.outcome(evidence) == verdict


def test_a_failure_after_an_uncertain_scale_of_the_same_reference_is_certain_after_a_quiet_moment() -> None:
    """It can be that of the earlier scale, while the host still works on this one."""
    failure = failed()
    evidence = Evidence(before=NOTHING, events=(failure,))
    repeated = attrs.evolve(evidence, doubts=Doubts(scales={(NEW, 2): 1.0}))
    after_other = attrs.evolve(evidence, doubts=Doubts(scales={(OLD, 2): 1.0}))
    assert SCALE.outcome(repeated) == LISTEN
    assert SCALE.outcome(attrs.evolve(repeated, quiet=True)) == Failed("no such file", failure)
    assert SCALE.outcome(after_other) == Failed("no such file", failure)


@pytest.mark.parametrize(
    ("evidence", "verdict"),
    [
        (Evidence(before=runs(), events=(scaled(count=0),)), KEEP_WAITING),
        (Evidence(before=runs(), now=NOTHING, current=True), CERTAIN),
        (Evidence(before=runs(), now=NOTHING, current=False), KEEP_WAITING),
        (Evidence(before=runs(), now=runs(), current=True, events=(scaled(count=0),)), KEEP_WAITING),
        (Evidence(before=runs(), now=NOTHING, current=True, events=(scaled(count=0),)), CERTAIN),
        # It did not run: the event decides.
        (Evidence(before=NOTHING, now=NOTHING, current=True), KEEP_WAITING),
        (Evidence(before=NOTHING, now=NOTHING, current=True, events=(scaled(count=0),)), CERTAIN),
        # More than the one event of a stop: an update may still be going on.
        (Evidence(before=runs(OLD), now=NOTHING, current=True, events=(scaled(count=0),)), LISTEN),
        (Evidence(before=runs(), now=NOTHING, current=True, events=(scaled(), scaled(count=0))), LISTEN),
        (
            Evidence(before=runs(), now=NOTHING, current=True, events=(scaled(count=0), scaled(count=0))),
            LISTEN,
        ),
        (Evidence(before=runs(), now=NOTHING, current=True, events=(scaled(),), quiet=True), CERTAIN),
    ],
)
def test_a_stop_is_proved_by_the_inventory(evidence: Evidence[HostInventory], verdict: Verdict) -> None:
    """The event that ends an update has a count of 0, too, so an event alone proves no stop."""
    assert STOP.outcome(evidence) == verdict


def reported(version: str, state: HostInventory) -> HostInventory:
    """The inventory of a host of this version."""
    return attrs.evolve(state, version=version)


@pytest.mark.parametrize(
    ("operation", "state"), [(SCALE, runs()), (STOP, NOTHING)], ids=["what is so", "a stop of nothing"]
)
@pytest.mark.parametrize("version", ["1.0.0", "1.0.4", "1.1.0", "1.1.0-beta.1"])
def test_up_to_1_1_0_a_moment_without_a_change_decides_where_hosts_publish_no_event(
    operation: ScaleComponent, state: HostInventory, version: str
) -> None:
    """It must follow the acknowledgement, and the inventory must be that of after the moment."""
    state = reported(version, state)
    evidence = Evidence(before=state, now=state, current=True)
    acknowledged = attrs.evolve(evidence, acknowledgement=ACKNOWLEDGED)
    quiet = attrs.evolve(acknowledged, quiet=True)

    assert operation.outcome(evidence) is KEEP_WAITING
    assert operation.outcome(acknowledged) is LISTEN
    assert operation.outcome(attrs.evolve(quiet, current=False)) is KEEP_WAITING
    assert operation.outcome(quiet) is CERTAIN
    assert operation.remark(quiet) == (
        f"host NA has acknowledged the command and shows no change. Hosts of version {version} publish no event "
        "then: a pull that failed or goes on, or a config that does not exist, cannot be told from nothing to do"
    )


@pytest.mark.parametrize("version", ["", "1.1.1", "1.2.0", "1.10.0", "1.9.2"])
def test_from_1_1_1_on_only_an_event_decides_where_nothing_changes(version: str) -> None:
    """Also for a host that does not tell its version."""
    state = reported(version, runs())
    quiet = Evidence(before=state, now=state, current=True, acknowledgement=ACKNOWLEDGED, quiet=True)

    assert SCALE.outcome(quiet) is KEEP_WAITING
    assert SCALE.remark(quiet) == ""


@pytest.mark.parametrize("release", RELEASES)
def test_the_hosts_that_need_no_event_are_those_that_publish_none(release: str) -> None:
    """By the table of the differences between versions."""
    version = host_version(release)
    state = reported(version.reported, runs())
    quiet = Evidence(before=state, now=state, current=True, acknowledgement=ACKNOWLEDGED, quiet=True)

    assert (SCALE.outcome(quiet) is CERTAIN) is not version.has(SCALE_EVENTS_ALWAYS)


def test_up_to_1_1_0_what_the_inventory_proves_needs_no_remark() -> None:
    """A start that shows in the inventory is certain as on other hosts. One that does not is not."""
    nothing, started = reported("1.1.0", NOTHING), reported("1.1.0", runs())
    certain = Evidence(before=nothing, now=started, current=True, acknowledgement=ACKNOWLEDGED)
    failing = Evidence(before=nothing, now=nothing, current=True, acknowledgement=ACKNOWLEDGED, quiet=True)

    assert (SCALE.outcome(certain), SCALE.remark(certain)) == (CERTAIN, "")
    assert SCALE.outcome(failing) is KEEP_WAITING


def test_a_failure_of_the_same_scale_fails_it() -> None:
    """The verdict has the host's reason and the event."""
    failure = failed()

    assert SCALE.outcome(Evidence(before=NOTHING, events=(failure,))) == Failed("no such file", failure)


@pytest.mark.parametrize("now", [NOTHING, runs(OLD)])
def test_a_scale_of_another_reference_than_the_one_that_runs_is_not_sent(now: HostInventory) -> None:
    """A host would at most rename what runs. A start and a stop are sent."""
    refusal = (
        f"it runs {OLD}, and a scale does not replace that by {NEW}; the host might only show it. "
        "Update first, then scale; or stop first, then start"
    )

    assert SCALE.refusal(Evidence(before=now)) == (refusal if now is not NOTHING else "")
    assert STOP.refusal(Evidence(before=now)) == ""
    assert UPDATE.refusal(Evidence(before=now)) == ""


@pytest.mark.parametrize(
    ("evidence", "verdict"),
    [
        (Evidence(before=runs(OLD), acknowledgement=ACKNOWLEDGED), KEEP_WAITING),
        (Evidence(before=runs(OLD), now=runs(OLD), current=True, events=(scaled(),)), KEEP_WAITING),
        (Evidence(before=runs(OLD), now=runs(), current=True), CERTAIN),
        # To the reference that runs: the acknowledgement is all that comes.
        (Evidence(before=runs()), KEEP_WAITING),
        (Evidence(before=runs(), acknowledgement=ACKNOWLEDGED), CERTAIN),
        (Evidence(before=NOTHING, now=NOTHING, acknowledgement=ACKNOWLEDGED), KEEP_WAITING),
    ],
)
def test_an_update_is_proved_by_the_inventory(evidence: Evidence[HostInventory], verdict: Verdict) -> None:
    """A failed update publishes no event, so an inventory without the reference means to keep waiting."""
    assert UPDATE.outcome(evidence) == verdict


# Providers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("evidence", "verdict"),
    [
        (Evidence(before=NOTHING, events=(started(),)), KEEP_WAITING),
        (Evidence(before=NOTHING, now=provides(), current=False), KEEP_WAITING),
        (Evidence(before=NOTHING, now=provides(), current=True), CERTAIN),
        (Evidence(before=NOTHING, now=provides("file:///http.par"), current=True), CERTAIN),
        (Evidence(before=NOTHING, now=provides(None), current=True), CERTAIN),
        (Evidence(before=NOTHING, now=provides("other.example/http:1"), current=True), KEEP_WAITING),
        (Evidence(before=NOTHING, now=NOTHING, current=True, events=(started(),)), KEEP_WAITING),
        # Of two starts at the same time one fails; the provider runs all the same.
        (Evidence(before=NOTHING, now=provides(), current=True, events=(started(), start_failed())), CERTAIN),
    ],
)
def test_a_providers_start_is_proved_by_the_inventory(
    evidence: Evidence[HostInventory], verdict: Verdict
) -> None:
    """Hosts drop the scheme of a reference, so both forms count."""
    assert START_PROVIDER.outcome(evidence) == verdict


def test_a_providers_start_fails_only_after_a_look_at_the_inventory() -> None:
    """The event alone may be another command's."""
    failure = start_failed()

    assert START_PROVIDER.outcome(Evidence(before=NOTHING, events=(failure,))) is KEEP_WAITING
    assert START_PROVIDER.outcome(
        Evidence(before=NOTHING, now=NOTHING, current=True, events=(failure,))
    ) == Failed("no file", failure)


@pytest.mark.parametrize(
    ("evidence", "verdict"),
    [
        (Evidence(before=provides()), KEEP_WAITING),
        (Evidence(before=provides(), now=provides()), KEEP_WAITING),
        (Evidence(before=provides(), now=NOTHING), CERTAIN),
        (Evidence(before=NOTHING, now=NOTHING), KEEP_WAITING),
        (Evidence(before=NOTHING, now=NOTHING, acknowledgement=ACKNOWLEDGED), CERTAIN),
    ],
)
def test_a_providers_stop_is_proved_by_the_inventory(
    evidence: Evidence[HostInventory], verdict: Verdict
) -> None:
    """For a provider that did not run, only the host's response counts."""
    assert STOP_PROVIDER.outcome(evidence) == verdict


# Hosts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", [SCALE, STOP, UPDATE, START_PROVIDER, STOP_PROVIDER])
def test_a_host_that_is_gone_fails_its_commands(
    operation: ScaleComponent | UpdateComponent | StartProvider | StopProvider,
) -> None:
    """Whether it said so, or just does not answer any more."""
    stopped = event(HostStopped(labels={}))

    assert operation.outcome(Evidence(before=NOTHING, gone=True)) == Failed(
        "host NA is gone: it does not answer any more"
    )
    assert operation.outcome(Evidence(before=NOTHING, events=(stopped,))) == Failed("host NA has stopped")


def test_what_was_certain_before_the_host_was_gone_stays_certain() -> None:
    """A host that stops right after a command has still carried it out."""
    assert UPDATE.outcome(Evidence(before=runs(OLD), now=runs(), gone=True)) is CERTAIN


def test_a_host_has_stopped_when_nobody_answers() -> None:
    """Its event is only a hint."""
    stopped = event(HostStopped(labels={}))

    assert STOP_HOST.outcome(Evidence(before=NOTHING, events=(stopped,))) is KEEP_WAITING
    assert STOP_HOST.outcome(Evidence(before=NOTHING, gone=True)) is CERTAIN
    assert STOP_HOST.absence_is_success
    assert not SCALE.absence_is_success
    assert not PUT_LINK.absence_is_success


# Links ------------------------------------------------------------------------------------------


SET = event(LinkdefSet("echo", "http", "wasi", "http", ["incoming-handler"]))


@pytest.mark.parametrize(
    ("evidence", "verdict"),
    [
        (Evidence(before=[], now=[LINK]), KEEP_WAITING),
        (Evidence(before=[], acknowledgement=ACKNOWLEDGED), KEEP_WAITING),
        (Evidence(before=[], now=[], acknowledgement=ACKNOWLEDGED), KEEP_WAITING),
        (Evidence(before=[], now=[LINK], acknowledgement=ACKNOWLEDGED), CERTAIN),
        # It was there before: the event decides.
        (Evidence(before=[LINK], now=[LINK], acknowledgement=ACKNOWLEDGED), KEEP_WAITING),
        (Evidence(before=[LINK], now=[LINK], acknowledgement=ACKNOWLEDGED, events=(SET,)), CERTAIN),
    ],
)
def test_a_link_is_there_when_get_links_shows_it(evidence: Evidence[list[Link]], verdict: Verdict) -> None:
    """The acknowledgement is needed, because the host may still refuse."""
    assert PUT_LINK.outcome(evidence) == verdict


@pytest.mark.parametrize(
    ("evidence", "verdict"),
    [
        (Evidence(before=[LINK], now=[]), KEEP_WAITING),
        (Evidence(before=[LINK], acknowledgement=ACKNOWLEDGED), KEEP_WAITING),
        (Evidence(before=[LINK], now=[LINK], acknowledgement=ACKNOWLEDGED), KEEP_WAITING),
        (Evidence(before=[LINK], now=[], acknowledgement=ACKNOWLEDGED), CERTAIN),
        (Evidence(before=[LINK, LINK], now=[LINK], acknowledgement=ACKNOWLEDGED), CERTAIN),
    ],
)
def test_a_link_is_gone_when_get_links_shows_one_less(
    evidence: Evidence[list[Link]], verdict: Verdict
) -> None:
    """Several links can have the same key, and a host deletes one at a time."""
    assert DELETE_LINK.outcome(evidence) == verdict


# What concerns a command ------------------------------------------------------------------------


def test_only_events_about_the_command_concern_it() -> None:
    """Not those of another host, component, count of a failure, provider or link."""
    other_provider = event(ProviderStarted(provider_id="other", host_id=HOST, image_ref=NEW))
    other_stop = event(ProviderStopped(provider_id="other", host_id=HOST, reason=""))
    other_link = event(LinkdefSet("other", "http", "wasi", "http", ["incoming-handler"]))
    deleted = event(LinkdefDeleted(source_id="echo", wit_namespace="wasi", wit_package="http"))

    assert SCALE.concerns(scaled())
    assert SCALE.concerns(failed())
    assert not SCALE.concerns(attrs.evolve(scaled(), source="NB"))
    assert not SCALE.concerns(scaled(component_id="other"))
    assert not SCALE.concerns(failed(count=3))
    assert not SCALE.concerns(started())
    assert UPDATE.concerns(scaled(OLD, count=0))
    assert START_PROVIDER.concerns(start_failed())
    assert not START_PROVIDER.concerns(other_provider)
    assert not STOP_PROVIDER.concerns(other_stop)
    assert STOP_HOST.concerns(event(HostStopped(labels={})))
    assert not STOP_HOST.concerns(event(HostStopped(labels={}), source="NB"))
    assert not STOP_HOST.concerns(scaled())
    assert PUT_LINK.concerns(SET)
    assert not PUT_LINK.concerns(other_link)
    assert not PUT_LINK.concerns(deleted)
    assert DELETE_LINK.concerns(deleted)


def test_states_are_described_for_the_error_of_a_timeout() -> None:
    """Each operation says what it saw of its component, provider, host or link."""
    assert SCALE.describe(runs(OLD, 3)) == f"echo runs with 3 of {OLD} on host NA"
    assert (
        SCALE.describe(NOTHING) == STOP.describe(reported("1.1.0", NOTHING)) == "echo does not run on host NA"
    )
    hint = "hosts of version 1.1.0 publish no event if a scale fails: see its log"
    assert SCALE.describe(reported("1.1.0", NOTHING)) == f"echo does not run on host NA ({hint})"
    assert STOP.describe(reported("1.1.0", runs())) == f"echo runs with 2 of {NEW} on host NA ({hint})"
    assert SCALE.describe(reported("1.1.0", runs())) == f"echo runs with 2 of {NEW} on host NA"
    assert UPDATE.describe(runs(OLD)) == f"host NA still runs {OLD} as echo"
    assert UPDATE.describe(NOTHING) == "echo does not run on host NA"
    assert START_PROVIDER.describe(provides()) == "http runs on host NA, of /http.par"
    assert START_PROVIDER.describe(NOTHING) == "http does not run on host NA"
    assert STOP_PROVIDER.describe(provides()) == "http still runs on host NA"
    assert STOP_PROVIDER.describe(NOTHING) == "http does not run on host NA"
    assert STOP_HOST.describe(NOTHING) == "host NA still answers"
    assert PUT_LINK.describe([LINK]) == "get_links shows it"
    assert PUT_LINK.describe([]) == "get_links does not show it"
    assert DELETE_LINK.describe([LINK, LINK]) == "get_links shows 2 of it"
    assert DELETE_LINK.describe([]) == "get_links shows none of it"


def test_each_operation_has_a_title() -> None:
    """Errors and progress name the operation by it."""
    assert [operation.title for operation in (SCALE, UPDATE, START_PROVIDER, STOP_PROVIDER, STOP_HOST)] == [
        "the scale of echo to 2 on host NA",
        f"the update of echo to {NEW} on host NA",
        "the start of http on host NA",
        "the stop of http on host NA",
        "the stop of host NA",
    ]
    assert PUT_LINK.title == "the link default from echo to http"
    assert DELETE_LINK.title == "the deletion of the link default from echo"
