"""The reprs of values, their HTML in a notebook, and their plain dicts."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import attrs
import pytest
from contrast import contrast, parts
from IPython.lib import pretty as ipython
from recorded import REPLY_TYPES, VERSIONS, cases, operation

from wasmcloud_ctl import (
    ComponentAuctionAck,
    ComponentDescription,
    ComponentScaled,
    ComponentScaleFailed,
    CtlResponse,
    DeployModelResponse,
    Event,
    EventClaims,
    Host,
    HostHeartbeat,
    HostInventory,
    Inventories,
    Link,
    LinkdefSetFailed,
    ModelSummary,
    NoResponders,
    ProviderAuctionAck,
    ProviderDescription,
    PutModelResponse,
    RegistryCredential,
    Replies,
    RequestTimeout,
    ScalerStatus,
    Status,
    StatusChanged,
    StatusInfo,
    StatusType,
    Undecodable,
    VersionInfo,
)
from wasmcloud_ctl._display.text import short_id
from wasmcloud_ctl._protocol import codec as _codec
from wasmcloud_ctl._protocol.wadm_replies import ListReply, decode_reply, decode_status
from wasmcloud_ctl.events import DATA_BY_NAME
from wasmcloud_ctl.models import Model

ID = "NBY7W66GTFLSJDYKEPMZLTWIMUCZ2SFUMZUWKANZ3SM2MGWYX5INV2LS"

HOST = Host(
    id=ID,
    friendly_name="purple-waterfall-9823",
    lattice="default",
    labels={"zone": "z1", "hostcore.os": "linux"},
    uptime_seconds=3,
    uptime_human="3s",
    version="1.9.2",
)
ECHO = ComponentDescription(
    id="echo", image_ref="ghcr.io/acme/echo:0.1.0", max_instances=5, annotations={"team": "b"}
)
HTTP = ProviderDescription(id="http", image_ref="ghcr.io/acme/http:0.2.0")
INVENTORY = HostInventory(
    host_id=ID, friendly_name="purple-waterfall-9823", components=(ECHO,), providers=(HTTP,), version="1.9.2"
)
LINK = Link("http", "echo", "wasi", "http", ["incoming-handler"])
BID = ComponentAuctionAck(component_ref="ghcr.io/acme/echo:0.1.0", component_id="echo", host_id=ID)
TIME = datetime(2026, 11, 22, 20, 31, 2, 123456, tzinfo=timezone.utc)


def event(name: str, data: Any) -> Event:
    return Event(
        id="1",
        source=ID,
        type=f"com.wasmcloud.lattice.{name}",
        name=name,
        time=TIME,
        lattice="default",
        data=data,
    )


SCALED = ComponentScaled(
    component_id="echo", host_id=ID, image_ref="ghcr.io/acme/echo:0.1.0", max_instances=5
)
FAILED = ComponentScaleFailed(
    component_id="echo",
    host_id=ID,
    image_ref="ghcr.io/acme/echo:0.1.0",
    max_instances=5,
    error="no such image",
)
NO_FILE = "failed to fetch component: failed to read component: No such file or directory (os error 2)"


def info(state: StatusType, message: str = "") -> StatusInfo:
    return StatusInfo(status_type=state, message=message)


def scaler(kind: str, name: str, state: StatusType, message: str = "") -> ScalerStatus:
    return ScalerStatus(id=f"id of {name}", kind=kind, name=name, info=info(state, message))


API_FAILED = scaler("SpreadScaler", "shop-api", StatusType.FAILED, NO_FILE)
HTTP_DEPLOYED = scaler("ProviderSpreadScaler", "shop-http", StatusType.DEPLOYED)
LINK_DEPLOYED = scaler("LinkScaler", "shop-http -(wasi:http)-> shop-api", StatusType.DEPLOYED)
STATUS_FAILED = Status(
    info=info(StatusType.FAILED, NO_FILE), scalers=(API_FAILED, HTTP_DEPLOYED, LINK_DEPLOYED)
)
STATUS_DEPLOYED = Status(info=info(StatusType.DEPLOYED), scalers=(HTTP_DEPLOYED, LINK_DEPLOYED))
UNDEPLOYED = Status(info=info(StatusType.UNDEPLOYED))
SHOP = ModelSummary(
    name="shop",
    version="v2",
    description="sells things",
    deployed_version="v1",
    detailed_status=STATUS_FAILED,
)
PUT = PutModelResponse(
    name="shop", current_version="v1", total_versions=1, created=True, message="Successfully put"
)
DEPLOY = DeployModelResponse(name="shop", version="v2", message="Successfully deployed")


# In a line --------------------------------------------------------------------------------------


LINES = [
    (HOST, "<Host NBY7W66G… purple-waterfall-9823, version 1.9.2, up 3s, 2 labels>"),
    (Host(id="x"), "<Host x, 0 labels>"),
    (ECHO, "<ComponentDescription echo, max_instances 5, ghcr.io/acme/echo:0.1.0>"),
    (HTTP, "<ProviderDescription http, ghcr.io/acme/http:0.2.0>"),
    (INVENTORY, "<HostInventory NBY7W66G… purple-waterfall-9823, 1 component, 1 provider>"),
    (BID, "<ComponentAuctionAck NBY7W66G… bids for echo>"),
    (LINK, "<Link http -> echo, wasi:http/incoming-handler>"),
    (
        Link("web", "kv", "wasi", "keyvalue", ["store", "atomics"], name="backup"),
        "<Link web -> kv, wasi:keyvalue/store,atomics, name backup>",
    ),
    (CtlResponse[None](succeeded=True), "<CtlResponse succeeded, no data>"),
    (CtlResponse[None](succeeded=True, message="set"), "<CtlResponse succeeded: set>"),
    (
        CtlResponse[None](succeeded=False, message=f"host {ID} will not"),
        "<CtlResponse refused: host NBY7W66G… will not>",
    ),
    (CtlResponse(succeeded=True, data=[LINK, LINK]), "<CtlResponse succeeded: list of 2 Link>"),
    (CtlResponse(succeeded=True, data=list[Link]()), "<CtlResponse succeeded: list of 0>"),
    (
        CtlResponse(succeeded=True, data=INVENTORY),
        "<CtlResponse succeeded: HostInventory NBY7W66G… purple-waterfall-9823, 1 component, 1 provider>",
    ),
    (CtlResponse(succeeded=True, data={"password": "hunter2"}), "<CtlResponse succeeded: map of 1 key>"),
    (Undecodable(raw=b"{", reason="no JSON"), "<Undecodable 1 byte: no JSON>"),
    (
        Replies(
            responses=(CtlResponse(succeeded=True, data=HOST), CtlResponse(succeeded=False)),
            undecodable=(Undecodable(raw=b"{", reason="no JSON"),),
            elapsed=0.26,
        ),
        "<Replies 2 answers, 1 refused, 1 undecodable, 0.26 s>",
    ),
    (Replies[Host](no_responders=True, subject="a.b"), "<Replies nobody listens on a.b>"),
    (
        Inventories(data={ID: INVENTORY}, errors={"x": NoResponders("gone")}, elapsed=1.0),
        "<Inventories 1 host, 1 error, 1.00 s>",
    ),
    (SCALED, "<ComponentScaled echo, max_instances 5, ghcr.io/acme/echo:0.1.0>"),
    (
        event("component_scale_failed", FAILED),
        "<Event component_scale_failed 20:31:02.123456 NBY7W66G… echo, max_instances 5, "
        "ghcr.io/acme/echo:0.1.0: no such image>",
    ),
    (event("new_kind", {"a": 1}), "<Event new_kind 20:31:02.123456 NBY7W66G… map of 1 key>"),
    (info(StatusType.DEPLOYED), "<StatusInfo deployed>"),
    (
        info(StatusType.FAILED, NO_FILE),
        "<StatusInfo failed: failed to fetch component: failed to read component: No such file or directory …>",
    ),
    (LINK_DEPLOYED, "<ScalerStatus shop-http -(wasi:http)-> shop-api, LinkScaler, deployed>"),
    (
        scaler("SpreadScaler", "shop-api", StatusType.FAILED, "no host fits"),
        "<ScalerStatus shop-api, SpreadScaler, failed: no host fits>",
    ),
    (UNDEPLOYED, "<Status undeployed>"),
    (STATUS_DEPLOYED, "<Status deployed, 2 scalers>"),
    (
        STATUS_FAILED,
        "<Status failed, 3 scalers (1 failed, 2 deployed): "
        "failed to fetch component: failed to read component: No such file or directory …>",
    ),
    (
        StatusChanged(name="shop", status=STATUS_DEPLOYED),
        "<StatusChanged shop, deployed, 2 scalers>",
    ),
    (
        attrs.evolve(SHOP, detailed_status=STATUS_DEPLOYED),
        "<ModelSummary shop, version v2, deployed_version v1, deployed, 2 scalers>",
    ),
    (ModelSummary(name="shop", version="v1"), "<ModelSummary shop, version v1, undeployed>"),
    (VersionInfo(version="v1", deployed=True), "<VersionInfo v1, deployed>"),
    (VersionInfo(version="v2", deployed=False), "<VersionInfo v2, not deployed>"),
    (PUT, "<PutModelResponse shop, version v1, new application: Successfully put>"),
    (
        PutModelResponse(name="shop", current_version="v2", total_versions=2, created=False),
        "<PutModelResponse shop, version v2, 2 versions>",
    ),
    (DEPLOY, "<DeployModelResponse shop, version v2: Successfully deployed>"),
]


@pytest.mark.parametrize(("shown", "expected"), LINES, ids=[type(shown).__name__ for shown, _ in LINES])
def test_a_repr_says_what_matters(shown: object, expected: str) -> None:
    """A repr has the short id, the friendly name and the main attributes; of a list or a map only the count."""
    assert repr(shown) == expected


def hostile(value: str) -> Iterator[object]:
    """Yield a value of each class that is displayed, with this text in each place that takes a text."""
    texts = {value: value}
    host = Host(
        id=value,
        friendly_name=value,
        lattice=value,
        labels=texts,
        uptime_human=value,
        version=value,
        js_domain=value,
    )
    component = ComponentDescription(id=value, image_ref=value, name=value, annotations=texts, limits=texts)
    provider = ProviderDescription(id=value, image_ref=value, name=value, annotations=texts)
    inventory = HostInventory(
        host_id=value, components=(component,), providers=(provider,), friendly_name=value, labels=texts,
        version=value, uptime_human=value,
    )  # fmt: skip
    link = Link(value, value, value, value, [value], value, [value], [value])
    bids = (
        ComponentAuctionAck(component_ref=value, component_id=value, host_id=value, constraints=texts),
        ProviderAuctionAck(provider_ref=value, provider_id=value, host_id=value, constraints=texts),
    )
    undecodable = Undecodable(raw=value.encode(), reason=value)
    yield from (host, component, provider, inventory, link, *bids, undecodable)
    for data in (host, inventory, link, [link], [texts], texts, *bids, None):
        for succeeded in (True, False):
            response = CtlResponse[Any](succeeded=succeeded, message=value, data=data)
            yield response
            yield Replies(responses=(response,), undecodable=(undecodable,), subject=value)
    yield Replies[Host](no_responders=True, subject=value)
    yield Inventories(
        data={value: inventory},
        errors={value: NoResponders(value)},
        undecodable=(undecodable,),
        subject=value,
    )
    failed = LinkdefSetFailed(value, value, value, value, [value], value, [value], [value], error=value)
    for name, kind in DATA_BY_NAME.items():
        given: dict[str, Any] = {}
        for field in attrs.fields(attrs.resolve_types(kind)):
            by_type: dict[Any, Any] = {str: value, dict[str, str]: texts}
            if field.name in ("components", "providers"):
                given[field.name] = ()
            elif field.default is attrs.NOTHING:
                given[field.name] = by_type.get(field.type, 1 if "int" in str(field.type) else (value,))
            elif field.type in by_type or field.type == (str | None):
                given[field.name] = by_type.get(field.type, value)
        yield event(name, kind(**given))
    yield event(value, failed)
    yield event(value, texts)
    reason = StatusInfo(status_type=StatusType.FAILED, message=value)
    scaler = ScalerStatus(id=value, kind=value, name=value, info=reason)
    status = Status(info=reason, scalers=(scaler,))
    yield from (reason, scaler, status, StatusChanged(name=value, status=status))
    yield ModelSummary(
        name=value, version=value, description=value, deployed_version=value, detailed_status=status
    )
    yield VersionInfo(version=value, deployed=True)
    yield PutModelResponse(name=value, current_version=value, total_versions=1, created=True, message=value)
    yield DeployModelResponse(name=value, version=value, message=value)


@attrs.frozen(repr=False, eq=False, slots=False)
class Unknown(Model):
    """A model without a summary or tables of its own."""

    size: int


def test_a_model_of_an_unknown_class_is_shown_by_its_fields() -> None:
    """A class that is derived from Model elsewhere has a repr and HTML, too."""
    assert repr(Unknown(5)) == "<Unknown {'size': 5}>"
    assert words(Unknown(5)) == "Unknown size 5"


def test_a_repr_fits_a_line() -> None:
    """A repr has no line break and a limited length, whatever a host sends."""
    for shown in hostile("a\nb\u202e" + "c" * 300):
        line = repr(shown)

        assert line.isprintable()
        assert len(line) <= 180


def test_a_repr_holds_no_secret() -> None:
    """A repr contains no password, no token and no value of a config."""
    credential = RegistryCredential(username="me", password="hunter2", token="hunter3")
    config = CtlResponse(succeeded=True, data={"key": "hunter2"})

    assert "hunter" not in repr(credential) + repr([credential]) + repr(config) + repr(
        Replies(responses=(config,))
    )


@pytest.mark.parametrize(
    ("given", "expected"), [(ID, "NBY7W66G…"), ("echo-of-a-long-name", "echo-of-a-long-name"), ("", "")]
)
def test_only_host_ids_are_shortened(given: str, expected: str) -> None:
    """Ids that people have chosen are shown in full."""
    assert short_id(given) == expected


def test_a_repr_without_hosts_or_names() -> None:
    """Inventories without hosts name the subject, and claims without a name show their issuer."""
    nobody = Inventories(no_responders=True, subject="wasmbus.ctl.v1.default.host.ping")

    assert repr(nobody) == "<Inventories nobody listens on wasmbus.ctl.v1.default.host.ping>"
    assert repr(EventClaims(issuer="AX", name="Echo")) == "<EventClaims Echo>"
    assert repr(EventClaims(issuer="AX")) == "<EventClaims AX>"


# Printed on a line ------------------------------------------------------------------------------

REASON = "manifest unknown: " + "no such tag, " * 9 + "and that is all"

PRINTED = [
    (HOST, "purple-waterfall-9823 (NBY7W66G…), version 1.9.2, up 3s, 2 labels"),
    (Host(id=ID), "NBY7W66G…, 0 labels"),
    (LINK, "http -> echo, wasi:http/incoming-handler"),
    (BID, "NBY7W66G… bids for echo"),
    (Undecodable(raw=b"{", reason=REASON), f"1 byte: {REASON}"),
    (CtlResponse[None](succeeded=True), "succeeded, no data"),
    (CtlResponse[None](succeeded=True, message="set"), "succeeded: set"),
    (
        CtlResponse[None](succeeded=False, message=f"{ID}:\n{REASON}"),
        f"refused: {ID}: {REASON}",
    ),
    (
        event("component_scale_failed", attrs.evolve(FAILED, error=REASON)),
        "20:31:02.123456 NBY7W66G… component_scale_failed echo, max_instances 5, "
        f"ghcr.io/acme/echo:0.1.0: {REASON}",
    ),
    (
        event("linkdef_set_failed", LinkdefSetFailed("a", "b", "c", "d", ["e"], error=REASON)),
        f"20:31:02.123456 NBY7W66G… linkdef_set_failed a -> b, c:d/e: {REASON}",
    ),
    (event("host_stopped", {}), "20:31:02.123456 NBY7W66G… host_stopped map of 0 keys"),
    (
        StatusChanged(name="shop", status=STATUS_FAILED),
        f"shop, failed, 3 scalers (1 failed, 2 deployed): {NO_FILE}",
    ),
    (API_FAILED, f"shop-api, SpreadScaler, failed: {NO_FILE}"),
    (DEPLOY, "shop, version v2: Successfully deployed"),
]


@pytest.mark.parametrize(("shown", "expected"), PRINTED, ids=[type(shown).__name__ for shown, _ in PRINTED])
def test_print_shows_small_values_on_a_line(shown: object, expected: str) -> None:
    """It is a line for logs: names and times come first, and a host's message is whole."""
    assert str(shown) == expected


def test_no_printed_text_has_control_characters() -> None:
    """Whatever a host sends, each line is printable."""
    for shown in hostile("a\nb\u202e\x1b[31m" + "c" * 300):
        assert all(line.isprintable() for line in str(shown).split("\n"))


# Printed as a table -----------------------------------------------------------------------------

SECOND_ID = "NAFE7W66GTFLSJDYKEPMZLTWIMUCZ2SFUMZUWKANZ3SM2MGWYX5INV2L"
THIRD_ID = "N" + "C" * 55
HOSTS = Replies(
    responses=(
        CtlResponse(succeeded=True, data=HOST),
        CtlResponse(
            succeeded=True, data=Host(id=SECOND_ID, friendly_name="gentle-island-1", labels={"a": "b"})
        ),
    ),
    elapsed=0.26,
)
CART = ComponentDescription(
    id="cart-service", image_ref="ghcr.io/acme/shop/cart-service:2.0.1", max_instances=3
)
RUNNING = attrs.evolve(INVENTORY, components=(ECHO, CART), labels={"zone": "z1", "hostcore.os": "linux"})
INVENTORIES = Inventories(
    data={
        ID: RUNNING,
        SECOND_ID: HostInventory(host_id=SECOND_ID, components=(), providers=(), friendly_name="n"),
    },
    errors={
        THIRD_ID: RequestTimeout(f"no answer to wasmbus.ctl.v1.default.host.get.{THIRD_ID} within 0.5 s")
    },
    elapsed=0.5,
    expected=3,
)
LINKS = CtlResponse(
    succeeded=True,
    data=[
        attrs.evolve(LINK, source_config=["web-address"]),
        Link(
            "echo",
            "kv",
            "wasi",
            "keyvalue",
            ["store", "atomics"],
            name="backup",
            target_config=["kv", "kv-tls"],
        ),
    ],
)


def pretty(shown: object) -> str:
    """Return what IPython shows at its prompt."""
    text: str = ipython.pretty(shown)  # type: ignore[no-untyped-call]  # IPython has no types here
    return text


@pytest.fixture(autouse=True)
def without_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture
def width(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Set the width of the terminal."""
    return lambda columns: monkeypatch.setenv("COLUMNS", str(columns))


def test_hosts_are_printed_as_a_table() -> None:
    """Names come first. At the usual 80 columns, whatever is no terminal has this table."""
    assert str(HOSTS).split("\n") == [
        "2 answers in 0.26 s",
        "HOST                   ID         VERSION  UPTIME  LABELS",
        "purple-waterfall-9823  NBY7W66G…  1.9.2    3s      zone=z1, hostcore.os=linux",
        "gentle-island-1        NAFE7W66…                   a=b",
    ]


def test_a_narrow_table_cuts_labels_first(width: Callable[[int], None]) -> None:
    """The names and the ids are whole."""
    width(70)

    assert str(HOSTS).split("\n") == [
        "2 answers in 0.26 s",
        "HOST                   ID         VERSION  UPTIME  LABELS",
        "purple-waterfall-9823  NBY7W66G…  1.9.2    3s      zone=z1, hostcore.…",
        "gentle-island-1        NAFE7W66…                   a=b",
    ]


def test_without_room_for_names_each_row_is_a_list_of_fields(width: Callable[[int], None]) -> None:
    """Nothing is cut. Only a word that is wider than the terminal is broken."""
    width(40)
    assert str(HOSTS).split("\n") == [
        "2 answers in 0.26 s",
        "host     purple-waterfall-9823",
        "id       NBY7W66G…",
        "version  1.9.2",
        "uptime   3s",
        "labels   zone=z1, hostcore.os=linux",
        "",
        "host    gentle-island-1",
        "id      NAFE7W66…",
        "labels  a=b",
    ]
    width(24)
    assert str(HOSTS).split("\n")[1:3] == ["host     purple-waterfal", "         l-9823"]
    width(20)
    least = str(HOSTS)
    width(5)
    assert str(HOSTS) == least


def test_inventories_are_printed_with_what_is_missing_first(width: Callable[[int], None]) -> None:
    """The title says how many hosts were expected. What a host runs is whole, on more lines where it must be."""
    missing = [
        "2 of 3 expected hosts: 2 inventories, 1 error in 0.50 s",
        "              HOST       ERROR",
        "no inventory  NCCCCCCC…  RequestTimeout  no answer to",
        "                                         wasmbus.ctl.v1.default.host.get.NCCCCCC",
        "                                         C… within 0.5 s",
        "",
    ]

    assert str(INVENTORIES).split("\n") == [
        *missing,
        "HOST                   ID         COMPONENTS           PROVIDERS        LABELS",
        "purple-waterfall-9823  NBY7W66G…  echo ×5 echo:0.1.0   http http:0.2.0  zone=z1…",
        "                                  cart-service ×3",
        "                                    cart-service:",
        "                                    2.0.1",
        "n                      NAFE7W66…  none                 none",
    ]
    width(120)
    assert str(INVENTORIES).split("\n")[3:] == [
        "",
        "HOST                   ID         COMPONENTS                          PROVIDERS        LABELS",
        "purple-waterfall-9823  NBY7W66G…  echo ×5 echo:0.1.0                  http http:0.2.0  "
        "zone=z1, hostcore.os=linux",
        "                                  cart-service ×3 cart-service:2.0.1",
        "n                      NAFE7W66…  none                                none",
    ]


def test_inventories_are_printed_in_a_narrow_terminal(width: Callable[[int], None]) -> None:
    """Each host is a list of fields."""
    width(60)

    assert str(INVENTORIES).split("\n")[8:] == [
        "host        purple-waterfall-9823",
        "id          NBY7W66G…",
        "components  echo ×5 echo:0.1.0",
        "            cart-service ×3 cart-service:2.0.1",
        "providers   http http:0.2.0",
        "labels      zone=z1, hostcore.os=linux",
        "",
        "host        n",
        "id          NAFE7W66…",
        "components  none",
        "providers   none",
    ]


def test_what_a_host_runs_is_indented_after_the_first_line(width: Callable[[int], None]) -> None:
    """A name that is wider than the terminal is broken."""
    component = attrs.evolve(ECHO, id="echo-" * 9)
    inventories = Inventories(data={ID: attrs.evolve(INVENTORY, components=(component,))})
    width(40)

    assert str(inventories).split("\n")[3:6] == [
        "components  echo-echo-echo-echo-echo-ech",
        "              o-echo-echo-echo- ×5",
        "              echo:0.1.0",
    ]


def test_links_are_printed_with_their_configs(width: Callable[[int], None]) -> None:
    """Interfaces are wrapped after a slash or a comma."""
    assert str(LINKS).split("\n") == [
        "succeeded: 2 links",
        "SOURCE  TARGET  INTERFACES                 NAME     SOURCE CONFIG  TARGET CONFIG",
        "http    echo    wasi:http/                 default  web-address",
        "                incoming-handler",
        "echo    kv      wasi:keyvalue/store,       backup                  kv, kv-tls",
        "                atomics",
    ]
    width(85)
    assert str(LINKS).split("\n") == [
        "succeeded: 2 links",
        "SOURCE  TARGET  INTERFACES                   NAME     SOURCE CONFIG  TARGET CONFIG",
        "http    echo    wasi:http/incoming-handler   default  web-address",
        "echo    kv      wasi:keyvalue/store,atomics  backup                  kv, kv-tls",
    ]


def test_an_inventory_is_printed_with_two_tables() -> None:
    """A blank line is between components and providers."""
    assert str(RUNNING).split("\n") == [
        "purple-waterfall-9823  NBY7W66G…  version 1.9.2 · 2 components · 1 provider",
        "zone=z1, hostcore.os=linux",
        "COMPONENT     MAX INSTANCES  REFERENCE                             ANNOTATIONS",
        "echo          5              ghcr.io/acme/echo:0.1.0               team=b",
        "cart-service  3              ghcr.io/acme/shop/cart-service:2.0.1",
        "",
        "PROVIDER  REFERENCE",
        "http      ghcr.io/acme/http:0.2.0",
    ]
    assert str(CtlResponse(succeeded=True, data=RUNNING)) == f"succeeded\n{RUNNING}"


def test_a_status_is_printed_with_a_row_for_each_scaler(width: Callable[[int], None]) -> None:
    """The state and its reason come first. Names of links are wrapped at their spaces."""
    assert str(STATUS_FAILED).split("\n") == [
        "failed: failed to fetch component: failed to read component: No such file or",
        "directory (os error 2)",
        "SCALER                   KIND                  STATE     MESSAGE",
        "shop-api                 SpreadScaler          failed    failed to fetch",
        "                                                         component: failed to",
        "                                                         read component: No such",
        "                                                         file or directory (os",
        "                                                         error 2)",
        "shop-http                ProviderSpreadScaler  deployed",
        "shop-http                LinkScaler            deployed",
        "-(wasi:http)-> shop-api",
    ]
    width(200)
    assert str(STATUS_FAILED).split("\n") == [
        f"failed: {NO_FILE}",
        "SCALER                             KIND                  STATE     MESSAGE",
        f"shop-api                           SpreadScaler          failed    {NO_FILE}",
        "shop-http                          ProviderSpreadScaler  deployed",
        "shop-http -(wasi:http)-> shop-api  LinkScaler            deployed",
    ]


def test_a_status_without_scalers_is_printed_as_its_state() -> None:
    """What is not deployed has none."""
    assert str(UNDEPLOYED) == "undeployed"


def test_a_printed_config_hides_what_is_called_secret() -> None:
    """As in a notebook."""
    config = {"address": "0.0.0.0:80", "DB_PASSWORD": "hunter2", "url": "redis://me:hunter3@redis:6379"}

    assert str(CtlResponse(succeeded=True, data=config)).split("\n") == [
        "succeeded: 3 keys",
        "KEY          VALUE",
        "DB_PASSWORD  not shown; unwrap() has it",
        "address      0.0.0.0:80",
        "url          redis://…@redis:6379",
    ]


def test_printed_replies_show_what_was_refused() -> None:
    """The host's message is whole."""
    refused = CtlResponse[Host](succeeded=False, message=REASON)
    undecodable = Undecodable(raw=b"{", reason="no JSON")
    replies = Replies(responses=(refused,), undecodable=(undecodable,), expected=3)

    assert str(replies).split("\n") == [
        "2 of 3 expected hosts: 1 answer, 1 refused, 1 undecodable in 0.00 s",
        "refused: manifest unknown: no such tag, no such tag, no such tag, no such tag,",
        "no such tag, no such tag, no such tag, no such tag, no such tag, and that is all",
        "             REASON   BYTES",
        "undecodable  no JSON  b'{'",
    ]


def test_data_that_is_no_model_is_printed_below_its_status() -> None:
    """The data of a response that a caller makes may be anything. A list of claims is a table."""
    claims = {"name": "Echo", "version": "0.1", "revision": "3", "subject": "MX", "issuer": "AX", "tags": ""}

    assert str(CtlResponse(succeeded=True, data=5)) == "succeeded\n5"
    assert str(CtlResponse(succeeded=True, data=["a", "b"])) == "succeeded: 2 entries\n'a'\n'b'"
    assert str(CtlResponse(succeeded=True, data=list[Link]())) == "succeeded: 0 entries"
    assert str(CtlResponse(succeeded=True, message="here", data=[claims])).split("\n") == [
        "succeeded: here  1 entry",
        "NAME  VERSION  REVISION  SUBJECT  ISSUER",
        "Echo  0.1      3         MX       AX",
    ]


def test_print_says_that_nobody_listens() -> None:
    """An empty lattice has no table."""
    assert str(Replies[Host](no_responders=True, subject="a.b")) == "nobody listens on a.b"
    assert str(Inventories(no_responders=True, subject="a.b")) == "nobody listens on a.b"


def test_wide_letters_and_accents_are_aligned() -> None:
    """Chinese letters take two columns, and an accent of its own takes none."""
    links = [Link("支付", "a", "b", "c", ["d"]), Link("cafe\u0301", "a", "b", "c", ["d"])]

    assert str(CtlResponse(succeeded=True, data=links)).split("\n")[1:] == [
        "SOURCE  TARGET  INTERFACES  NAME",
        "支付    a       b:c/d       default",
        "cafe\u0301    a       b:c/d       default",
    ]


@pytest.mark.parametrize("columns", [20, 33, 80, 200])
@pytest.mark.parametrize(
    "text", ["a\nb\u202e" + "c" * 300, "支付 " * 50, "支" * 90, "a/b, " * 90, "e\u0301" * 90]
)
def test_no_line_of_a_table_is_wider_than_the_terminal(
    columns: int, text: str, width: Callable[[int], None]
) -> None:
    """Whatever a host sends, in whatever terminal."""
    width(columns)
    for shown in hostile(text):
        for line in [*pretty(shown).split("\n"), *str(shown).split("\n")]:
            taken = sum(2 if letter in "支付" else 0 if letter == "\u0301" else 1 for letter in line)
            assert taken <= columns, line


def test_a_line_that_is_wider_than_the_terminal_is_wrapped(width: Callable[[int], None]) -> None:
    """The other lines are indented, so that the events of a loop can be told apart."""
    width(40)
    assert str(event("component_scale_failed", FAILED)).split("\n") == [
        "20:31:02.123456 NBY7W66G…",
        "  component_scale_failed echo,",
        "  max_instances 5,",
        "  ghcr.io/acme/echo:0.1.0: no such image",
    ]


# At an IPython prompt ---------------------------------------------------------------------------


def test_a_prompt_shows_small_values_as_tables() -> None:
    """Where nothing else is on the line, there is room for the fields."""
    assert pretty(LINK).split("\n") == [
        "SOURCE  TARGET  INTERFACES                  NAME",
        "http    echo    wasi:http/incoming-handler  default",
    ]
    assert pretty(HOSTS) == str(HOSTS)
    assert pretty(FAILED).split("\n") == [
        "ComponentScaleFailed",
        "component_id   echo",
        "host_id        NBY7W66G…",
        "image_ref      ghcr.io/acme/echo:0.1.0",
        "max_instances  5",
        "error          no such image",
    ]


def test_a_prompt_shows_the_items_of_a_list_on_a_line_each() -> None:
    """Twenty tables would be too much. So are those in other containers."""
    assert pretty([LINK, HOST]) == f"[{LINK!r},\n {HOST!r}]"
    assert pretty({"hosts": HOSTS}) == f"{{'hosts': {HOSTS!r}}}"


def test_a_prompt_wraps_the_message_of_a_host() -> None:
    """It is whole. Without a message, a prompt says that there is no data."""
    assert pretty(CtlResponse[None](succeeded=True, message="set")) == "succeeded: set"
    assert pretty(CtlResponse[None](succeeded=True)) == "succeeded: no data"
    assert pretty(CtlResponse[None](succeeded=False, message=REASON)).split("\n") == [
        "refused: manifest unknown: no such tag, no such tag, no such tag, no such tag,",
        "no such tag, no such tag, no such tag, no such tag, no such tag, and that is all",
    ]


def test_a_prompt_shows_an_event_by_its_fields() -> None:
    """The reason of a failure is whole, and so are the labels."""
    failed = attrs.evolve(
        FAILED, error=REASON, annotations={"team": "b" * 40, "wasmcloud.dev/managed-by": "wadm"}
    )

    assert pretty(event("component_scale_failed", failed)).split("\n") == [
        "2026-11-22 20:31:02 UTC  component_scale_failed from NBY7W66G…",
        "component_id   echo",
        "image_ref      ghcr.io/acme/echo:0.1.0",
        "max_instances  5",
        "error          manifest unknown: no such tag, no such tag, no such tag, no such",
        "               tag, no such tag, no such tag, no such tag, no such tag, no such",
        "               tag, and that is all",
        "annotations    team=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb,",
        "               wasmcloud.dev/managed-by=wadm",
    ]


def test_a_prompt_shows_a_heartbeat_as_an_inventory() -> None:
    """It is one, and has the host's name."""
    heartbeat = HostHeartbeat(**vars(RUNNING))

    assert pretty(event("host_heartbeat", heartbeat)) == (
        f"2026-11-22 20:31:02 UTC  host_heartbeat from NBY7W66G…\n{RUNNING}"
    )


def test_a_prompt_shows_a_published_status_below_the_applications_name() -> None:
    """It does not contain the name by itself."""
    changed = StatusChanged(name="shop", status=STATUS_DEPLOYED)

    assert pretty(changed) == f"shop\n{STATUS_DEPLOYED}"


def test_a_prompt_shows_applications_as_tables(width: Callable[[int], None]) -> None:
    """A list of them has a line for each."""
    width(200)
    assert pretty(SHOP).split("\n") == [
        f"APPLICATION  VERSION  DEPLOYED VERSION  STATE   {'MESSAGE'.ljust(len(NO_FILE))}  DESCRIPTION",
        f"shop         v2       v1                failed  {NO_FILE}  sells things",
    ]
    assert pretty([ModelSummary(name="shop", version="v1")]) == (
        "[<ModelSummary shop, version v1, undeployed>]"
    )
    assert pretty(ModelSummary(name="shop", version="v1")).split("\n") == [
        "APPLICATION  VERSION  DEPLOYED VERSION  STATE",
        "shop         v1       none              undeployed",
    ]
    assert pretty(VersionInfo(version="v1", deployed=False)).split("\n") == [
        "VERSION  DEPLOYED",
        "v1       no",
    ]
    assert pretty(PUT).split("\n") == [
        "APPLICATION  VERSION  VERSIONS  NEW  MESSAGE",
        "shop         v1       1         yes  Successfully put",
    ]
    assert pretty(DEPLOY).split("\n") == [
        "APPLICATION  VERSION  MESSAGE",
        "shop         v2       Successfully deployed",
    ]


# In a notebook ----------------------------------------------------------------------------------


def page(shown: Any) -> str:
    html: str = shown._repr_html_()
    return html


def words(shown: Any) -> str:
    """Return the text that a reader sees, in the order of the page."""
    root = ElementTree.fromstring(page(shown))
    style = root.find("style")
    assert style is not None
    root.remove(style)
    return " ".join(" ".join(root.itertext()).split())


def test_html_escapes_all_that_hosts_send() -> None:
    """A label, a name, a message or an error that is HTML is shown as text, and the page stays well-formed."""
    for shown in hostile('<script>alert("1")</script>&'):
        ElementTree.fromstring(page(shown))

        assert "<script" not in page(shown)


def test_html_shows_hosts_as_a_table() -> None:
    """A row has the name, the short id with the full one as tooltip, version, uptime, and labels: people's first."""
    replies = Replies(responses=(CtlResponse(succeeded=True, data=HOST),), elapsed=0.26)

    assert words(replies) == (
        "1 answer in 0.26 s host id version uptime labels "
        "purple-waterfall-9823 NBY7W66G… 1.9.2 3s zone=z1 hostcore.os=linux"
    )
    assert f'<code title="{ID}">NBY7W66G…</code>' in page(replies)


def test_html_leaves_a_cell_empty_where_a_host_reports_nothing() -> None:
    """A column is there if one host has a value for it; the other's cell is empty."""
    older = attrs.evolve(HOST, version=None)
    replies = Replies(responses=tuple(CtlResponse(succeeded=True, data=host) for host in (HOST, older)))

    assert page(replies).count("<td>1.9.2</td>") == 1
    assert page(replies).count("<td></td>") == 1


def test_html_of_an_inventory() -> None:
    """The page has the host, a table of components and one of providers; empty columns are left out."""
    assert words(CtlResponse(succeeded=True, data=INVENTORY)) == (
        "succeeded purple-waterfall-9823 NBY7W66G… version 1.9.2 · 1 component · 1 provider "
        "component max instances reference annotations echo 5 ghcr.io/acme/echo:0.1.0 team=b "
        "provider reference http ghcr.io/acme/http:0.2.0"
    )


def test_html_of_inventories_begins_with_what_failed() -> None:
    """Hosts without an inventory come first, each with the reason."""
    inventories = Inventories(
        data={ID: INVENTORY},
        errors={"NA": NoResponders("nobody listens")},
        undecodable=(Undecodable(raw=b"{", reason="no JSON"),),
        elapsed=1.0,
    )

    assert words(inventories) == (
        "1 inventory, 1 error in 1.00 s host error no inventory NA NoResponders nobody listens "
        "reason bytes undecodable no JSON b'{' "
        "host id components providers purple-waterfall-9823 NBY7W66G… echo ×5 echo:0.1.0 http http:0.2.0"
    )
    assert '<span class="badge bad">no inventory</span>' in page(inventories)


def test_html_of_links() -> None:
    """A row has the source, the target, the interfaces and the name."""
    named = Link("web", "kv", "wasi", "keyvalue", ["store"], name="backup", target_config=["kv-url"])

    assert words(CtlResponse(succeeded=True, message="here", data=[LINK, named])) == (
        "succeeded here 2 links source target interfaces name target config "
        "http echo wasi:http/incoming-handler default web kv wasi:keyvalue/store backup kv-url"
    )


def test_html_of_a_config_hides_what_is_called_secret() -> None:
    """Values are shown, except if the key names a secret; passwords in URLs are hidden."""
    config = {"address": "0.0.0.0:80", "DB_PASSWORD": "hunter2", "url": "redis://me:hunter3@redis:6379"}
    response = CtlResponse(succeeded=True, data=config)

    assert words(response) == (
        "succeeded 3 keys key value DB_PASSWORD not shown; unwrap() has it address 0.0.0.0:80 url redis://…@redis:6379"
    )
    assert "hunter" not in page(response)


def test_html_without_data() -> None:
    """The response to a command has no data, nor has that for a config that does not exist."""
    assert words(CtlResponse[None](succeeded=True)) == "succeeded no data"


def test_html_of_data_that_is_no_model() -> None:
    """The data of a response that a caller makes may be anything."""
    assert words(CtlResponse(succeeded=True, data=5)) == "succeeded 5"
    assert words(CtlResponse(succeeded=True, data=["a", "b"])) == "succeeded 2 entries 'a' 'b'"


def test_html_of_claims() -> None:
    """Claims are a table of names, versions and keys."""
    claims = {"name": "Echo", "version": "0.1", "revision": "3", "subject": "MX", "issuer": "AX", "tags": ""}

    assert words(CtlResponse(succeeded=True, data=[claims])) == (
        "succeeded 1 entry name version revision subject issuer Echo 0.1 3 MX AX"
    )


def test_html_of_bids() -> None:
    """A row for each host that bids."""
    assert words(Replies(responses=(CtlResponse(succeeded=True, data=BID),))) == (
        "1 answer in 0.00 s host bids for reference NBY7W66G… echo ghcr.io/acme/echo:0.1.0"
    )


def test_html_makes_refusals_stand_out() -> None:
    """A response and a gather mark a refusal by a word and a colour."""
    refused = CtlResponse[Host](succeeded=False, message="never")
    replies = Replies(responses=(refused,), undecodable=(Undecodable(raw=b"{", reason="no JSON"),))

    assert words(refused) == "refused never"
    assert words(replies) == (
        "1 answer, 1 refused, 1 undecodable in 0.00 s refused never reason bytes undecodable no JSON b'{'"
    )
    assert '<span class="badge bad">refused</span>' in page(refused)
    assert '<span class="badge bad">refused</span>' in page(replies)
    assert '<span class="badge odd">undecodable</span>' in page(replies)


def test_html_says_that_nobody_listens() -> None:
    """An empty lattice is not shown as an empty table."""
    for shown in (
        Replies[Host](no_responders=True, subject="a.b"),
        Inventories(no_responders=True, subject="a.b"),
    ):
        assert words(shown) == "nobody listens on a.b"


def test_html_of_an_event_that_reports_a_failure() -> None:
    """Its name is a red badge, and it has the host's reason; the names of other events are not red."""
    failed, scaled = event("component_scale_failed", FAILED), event("component_scaled", SCALED)

    assert words(failed) == (
        "2026-11-22 20:31:02 UTC component_scale_failed from NBY7W66G… component_id echo "
        "image_ref ghcr.io/acme/echo:0.1.0 max_instances 5 error no such image"
    )
    assert '<span class="badge bad">component_scale_failed</span>' in page(failed)
    assert '"badge bad"' not in page(scaled)


def test_html_of_a_status() -> None:
    """A row has the scaler, with its id as tooltip, its kind, its state and the reason. Failures are red badges."""
    assert words(STATUS_FAILED) == (
        f"failed {NO_FILE} scaler kind state message "
        f"shop-api SpreadScaler failed {NO_FILE} "
        "shop-http ProviderSpreadScaler deployed "
        "shop-http -(wasi:http)-> shop-api LinkScaler deployed"
    )
    assert '<b title="id of shop-api">shop-api</b>' in page(STATUS_FAILED)
    assert page(STATUS_FAILED).count('<span class="badge bad">failed</span>') == 2
    assert page(STATUS_FAILED).count('<span class="badge good">deployed</span>') == 2


@pytest.mark.parametrize(
    ("state", "style"),
    [
        (StatusType.WAITING, "odd"),
        (StatusType.UNDEPLOYED, "off"),
        (StatusType.RECONCILING, "odd"),
        (StatusType.DEPLOYED, "good"),
        (StatusType.FAILED, "bad"),
        (StatusType.UNHEALTHY, "bad"),
    ],
)
def test_html_of_a_state_is_a_badge(state: StatusType, style: str) -> None:
    """It is green if all is well, red after a failure, amber on the way, and grey if nothing is deployed."""
    assert f'<span class="badge {style}">{state}</span>' in page(info(state))


def test_the_words_of_badges_can_be_read() -> None:
    """White on each colour has a contrast of 4.5 or more. The page behind it, light or dark, does not matter."""
    colours = re.findall(r"\.wasmcloud-ctl \.(\w+)\{background:(#\w{6})\}", page(HOST))

    assert [name for name, _ in colours] == ["good", "bad", "odd", "off"]
    assert all(contrast(parts("#fff"), parts(colour)) >= 4.5 for _, colour in colours)


def test_html_of_many_rows_ends_with_a_count() -> None:
    """A table has at most a hundred rows, and a last one with the number of the others."""
    shown = page(CtlResponse(succeeded=True, data=[LINK] * 1000))

    assert shown.count("<tr>") == 1 + 100 + 1
    assert "and 900 more" in shown


def test_html_has_no_colours_of_its_own_but_on_badges() -> None:
    """Text has the page's colour, on light and dark pages."""
    style = page(HOST).partition("<style>")[2].partition("</style>")[0]
    colours = [
        rule.partition("color:")[2].partition(";")[0] for rule in style.split("{")[1:] if "color:" in rule
    ]

    assert {colour.partition("}")[0] for colour in colours} <= {"inherit", "#fff"}


def test_html_has_spaces_between_labels() -> None:
    """They stay apart in a notebook that is not trusted, in which Jupyter shows no styles."""
    words = re.sub(r"<[^>]*>", "", page(HOST).partition("</style>")[2])

    assert "zone=z1 hostcore.os=linux" in words


# As plain dicts ---------------------------------------------------------------------------------


def without_nothing(value: Any) -> Any:
    """Return a value without keys that are None, as wash prints it."""
    if isinstance(value, dict):
        return {key: without_nothing(entry) for key, entry in value.items() if entry is not None}
    return [without_nothing(item) for item in value] if isinstance(value, list) else value


GOLDEN = [
    pytest.param(case, reply["json"], id=f"{version} {case['case']}")
    for version in VERSIONS
    for case in cases(version)
    for reply in case["replies"]
    if operation(case) in REPLY_TYPES
    and isinstance(reply.get("json"), dict)
    and reply["json"].get("response")
]


@pytest.mark.parametrize(("case", "reply"), GOLDEN)
def test_a_dict_has_the_names_on_the_wire(case: dict[str, Any], reply: dict[str, Any]) -> None:
    """``to_dict`` returns what real hosts sent and wash prints, plus the keys without a value."""
    response = _codec.decode_response(json.dumps(reply).encode(), REPLY_TYPES[operation(case)])

    plain = without_nothing(response.to_dict())

    assert plain["success"] == reply["success"]
    assert plain["message"] == reply["message"]
    for made, sent in zip(listed(plain["response"]), listed(without_nothing(reply["response"])), strict=True):
        assert made.items() >= sent.items()
        assert all(made[name] in ("", [], {}, 0, "default") for name in made.keys() - sent.keys())


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_a_dict_has_only_plain_values() -> None:
    """Tuples become lists, and JSON can be made of the whole."""
    link = Link("a", "b", "c", "d", ("e",), source_config=("f",))

    assert link.to_dict() == {
        "source_id": "a",
        "target": "b",
        "wit_namespace": "c",
        "wit_package": "d",
        "interfaces": ["e"],
        "name": "default",
        "source_config": ["f"],
        "target_config": [],
    }
    for shown in hostile("x"):
        if isinstance(shown, (Model, CtlResponse, Event)):
            assert json.loads(json.dumps(shown.to_dict())) == shown.to_dict()


def test_a_dict_of_a_status_has_wadms_names() -> None:
    """What wadm sent becomes a value, and the value the same dict again, without the fields that wadm deprecates."""
    sent = {
        "status": {"type": "failed", "message": NO_FILE},
        "scalers": [
            {
                "id": "9db30b10",
                "kind": "SpreadScaler",
                "name": "shop-api",
                "status": {"type": "failed", "message": NO_FILE},
            }
        ],
    }

    changed = decode_status(json.dumps({**sent, "version": "", "components": []}).encode(), "shop")

    assert changed.status.to_dict() == sent
    assert changed.to_dict() == {"name": "shop", "status": sent}


def test_a_dict_of_an_application_has_wadms_names() -> None:
    """As for a status."""
    sent = {
        "name": "shop",
        "version": "v2",
        "description": None,
        "deployed_version": "v1",
        "detailed_status": {"status": {"type": "deployed", "message": ""}, "scalers": []},
    }
    reply = {"result": "success", "models": [{**sent, "status": "deployed", "status_message": None}]}

    [shop] = decode_reply(json.dumps(reply).encode(), ListReply).models

    assert shop.to_dict() == sent


def test_dicts_of_wadms_other_answers_have_its_names() -> None:
    """Whether an application is new is its ``result``."""
    assert PUT.to_dict() == {
        "result": "created",
        "name": "shop",
        "current_version": "v1",
        "total_versions": 1,
        "message": "Successfully put",
    }
    assert attrs.evolve(PUT, created=False).to_dict()["result"] == "newversion"
    assert DEPLOY.to_dict() == {"name": "shop", "version": "v2", "message": "Successfully deployed"}
    assert VersionInfo(version="v1", deployed=True).to_dict() == {"version": "v1", "deployed": True}


def test_a_dict_of_an_event() -> None:
    """It has the names on the wire, the event's name and lattice, and the data as a dict."""
    assert event("component_scaled", SCALED).to_dict() == {
        "id": "1",
        "source": ID,
        "type": "com.wasmcloud.lattice.component_scaled",
        "name": "component_scaled",
        "time": "2026-11-22T20:31:02.123456+00:00",
        "lattice": "default",
        "data": {
            "component_id": "echo",
            "host_id": ID,
            "image_ref": "ghcr.io/acme/echo:0.1.0",
            "max_instances": 5,
            "annotations": {},
            "public_key": None,
            "claims": None,
        },
    }


def test_a_dict_is_new() -> None:
    """Changing the dict does not change the model."""
    HOST.to_dict()["labels"].clear()  # type: ignore[attr-defined]  # an object, as far as its type says

    assert HOST.labels == {"zone": "z1", "hostcore.os": "linux"}


def test_a_dict_of_a_credential_has_no_secret() -> None:
    """It has only the user's name and the registry's type."""
    credential = RegistryCredential(username="me", password="hunter2", token="hunter3")

    assert credential.to_dict() == {"username": "me", "registryType": "oci"}


def test_what_the_extras_bring_is_not_imported_with_the_package() -> None:
    """An installed extra does not slow ``import wasmcloud_ctl``."""
    script = (
        "import sys, wasmcloud_ctl; repr(wasmcloud_ctl.Host(id='x')); "
        "names = ('tqdm', 'pandas', 'IPython'); "
        "print([name for name in names if name in sys.modules])"
    )

    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=20)

    assert ended.stdout == "[]\n"


@pytest.mark.parametrize("encoding", ["klingon", None])
def test_a_stdout_of_an_unknown_encoding_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, encoding: str | None
) -> None:
    """A program can put any object there. A repr in its log fails because of none."""
    monkeypatch.setattr("sys.stdout", SimpleNamespace(encoding=encoding, isatty=lambda: False))

    assert repr(Host(id="x", friendly_name="Köln…")) == "<Host x Köln…, 0 labels>"
