"""What a manifest wants, and what proves that it runs: the rules of the waits for applications, without a network."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import pytest

from wasmcloud_ctl import (
    ComponentDescription,
    ComponentScaled,
    ComponentScaleFailed,
    ConfigDeleted,
    ConfigSet,
    DecodeError,
    HostInventory,
    HostStopped,
    InvalidArgument,
    Link,
    LinkdefDeleted,
    LinkdefSet,
    NotFound,
    OperationRejected,
    ProviderDescription,
    ProviderStarted,
    ProviderStartFailed,
    ProviderStopped,
    ScalerStatus,
    Status,
    StatusInfo,
    StatusType,
)
from wasmcloud_ctl._operations.application import (
    APPLICATION,
    SCALER,
    SPREAD,
    Application,
    application_of,
    concerns,
)
from wasmcloud_ctl._operations.application_evidence import Failures, Scales, stale
from wasmcloud_ctl._operations.application_look import Look, difference, leftover, lost
from wasmcloud_ctl._operations.application_wait import in_words
from wasmcloud_ctl._protocol import codec, manifest_codec, wadm_replies

# Manifests --------------------------------------------------------------------------------------


def part(name: str, kind: str = "component", *traits: Mapping[str, Any], **properties: Any) -> dict[str, Any]:
    """A component or provider of a manifest."""
    return {
        "name": name,
        "type": kind,
        "properties": properties if "application" in properties else {"image": f"oci/{name}:1", **properties},
        "traits": list(traits),
    }


def scaler(instances: int, *spread: Mapping[str, Any], kind: str = "spreadscaler") -> dict[str, Any]:
    """A scaler of a component or provider."""
    properties: dict[str, Any] = {"instances": instances}
    if spread:
        properties["spread"] = list(spread)
    return {"type": kind, "properties": properties}


def spread(name: str, weight: int | None = None, **requirements: str) -> dict[str, Any]:
    """A part of a spread."""
    return {"name": name, "requirements": requirements} | ({} if weight is None else {"weight": weight})


def link(target: Any, name: str | None = None, **properties: Any) -> dict[str, Any]:
    """A link to another component or provider."""
    found = {
        "namespace": "wasi",
        "package": "keyvalue",
        "interfaces": ["store"],
        "target": target,
        **properties,
    }
    return {"type": "link", "properties": found if name is None else {**found, "name": name}}


def manifest(*components: Mapping[str, Any], name: str = "shop", **metadata: Any) -> dict[str, Any]:
    """A manifest."""
    return {
        "apiVersion": "core.oam.dev/v1beta1",
        "kind": "Application",
        "metadata": {"name": name, "annotations": {"version": "v1"}, **metadata},
        "spec": {"components": list(components)},
    }


def application(*components: Mapping[str, Any], name: str = "shop") -> Application:
    """What a manifest wants."""
    return application_of(manifest_codec.decode_manifest(manifest(*components, name=name)))


@pytest.mark.parametrize(
    ("name", "component", "expected"),
    [
        ("shop", part("echo"), "shop-echo"),
        ("My Shop", part("Echo_2"), "my_shop-echo_2"),
        ("shop", part("echo", id="Own-Id"), "Own-Id"),
    ],
)
def test_a_part_is_named_after_its_application(name: str, component: dict[str, Any], expected: str) -> None:
    """wadm joins the names in lower case, unless the manifest gives an id."""
    component["traits"] = [scaler(1)]
    assert application(component, name=name).ids == {expected}


@pytest.mark.parametrize(
    ("weights", "instances", "counts"),
    [
        ([None, None], 4, [2, 2]),
        ([None, None], 5, [3, 2]),
        ([80, 20], 10, [8, 2]),
        ([20, 80], 10, [2, 8]),
        ([1, 1, 1], 5, [2, 2, 1]),
        ([10, None], 10, [0, 10]),
        ([10, None], 11, [1, 10]),
        ([100], 0, [0]),
        ([0, 0], 1, [1, 0]),
    ],
)
def test_instances_are_spread_by_weight(weights: list[int | None], instances: int, counts: list[int]) -> None:
    """Each spread has its share; what is left over goes to the heaviest first."""
    spreads = [spread(f"s{index}", weight) for index, weight in enumerate(weights)]
    (found,) = application(part("echo", "component", scaler(instances, *spreads))).parts

    assert [place.count for place in found.places] == counts
    assert [place.name for place in found.places] == [f"s{index}" for index in range(len(weights))]


def test_each_host_of_a_daemonscaler_has_all_instances() -> None:
    """The count of a daemonscaler is that of each host."""
    zones = [spread("one", zone="z1"), spread("two", zone="z2")]
    (found,) = application(part("echo", "component", scaler(3, *zones, kind="daemonscaler"))).parts

    assert found.on_each_host
    assert [place.count for place in found.places] == [3, 3]


def test_a_host_runs_a_provider_once() -> None:
    """So each host of a provider's daemonscaler has one instance, however many the manifest names."""
    (found,) = application(part("http", "capability", scaler(3, kind="daemonscaler"))).parts

    assert [place.count for place in found.places] == [1]


def test_a_provider_without_a_scaler_runs_once() -> None:
    """wadm adds a scaler to a provider, and none to a component."""
    found = application(part("http", "capability"), part("echo"))

    assert [(kept.id, kept.is_provider, kept.places[0].count) for kept in found.parts] == [
        ("shop-http", True, 1)
    ]


def test_the_configs_of_what_is_not_scaled_are_not_wanted() -> None:
    """wadm does not put them."""
    assert application(part("echo", config=[{"name": "c", "properties": {"a": "b"}}])).configs == {}


def test_an_older_name_of_the_instances_counts() -> None:
    """``replicas`` was the name of ``instances``."""
    component = part("echo", "actor", {"type": "spreadscaler", "properties": {"replicas": 4}})
    (found,) = application(component).parts

    assert (found.places[0].count, found.is_provider) == (4, False)


def test_a_shared_component_belongs_to_its_own_application() -> None:
    """What another application runs is no part of this one, and can be the target of its links."""
    shared = part("store", "capability", application={"name": "base", "component": "Kv"})
    found = application(part("echo", "component", scaler(1), link({"name": "store"})), shared)

    assert found.ids == {"shop-echo"}
    assert [wanted.target for wanted in found.links] == ["base-kv"]


def test_links_have_their_configs_and_secrets() -> None:
    """A config with properties is named after the application; one without is somebody else's."""
    trait = link(
        {
            "name": "kv",
            "config": [{"name": "target", "properties": {"a": "b"}}, {"name": "theirs"}],
            "secrets": [{"name": "pw", "properties": {"policy": "vault", "key": "k"}}],
        },
        name="second",
        source={"config": [{"name": "Source", "properties": {"c": "d"}}]},
    )
    found = application(part("echo", "component", scaler(1), trait), part("kv", "capability"))

    assert found.links == (
        Link(
            source_id="shop-echo",
            target="shop-kv",
            wit_namespace="wasi",
            wit_package="keyvalue",
            interfaces=["store"],
            name="second",
            source_config=["shop-source"],
            target_config=["shop-target", "theirs", "SECRET_shop-pw"],
        ),
    )
    assert found.configs == {
        "shop-source": {"c": "d"},
        "shop-target": {"a": "b"},
        "theirs": None,
        "SECRET_shop-pw": None,
    }


def test_a_link_of_the_older_form_has_its_configs() -> None:
    """The target was once a name, with the configs beside it."""
    trait = link("kv", target_config=[{"name": "t", "properties": {}}], source_config=[{"name": "s"}])
    (found,) = application(part("echo", "component", scaler(1), trait), part("kv", "capability")).links

    assert (found.target, found.source_config, found.target_config) == ("shop-kv", ("s",), ("shop-t",))


def test_a_link_to_nothing_is_left_out() -> None:
    """wadm refuses such a manifest, so it can only come from another version of wadm."""
    assert application(part("echo", "component", scaler(1), link({"name": "nobody"}))).links == ()


def test_a_count_changes_no_scaler_and_an_image_does() -> None:
    """wadm's scalers stay the same for another count, and are others for another image, config or link."""
    one = application(part("echo", "component", scaler(1))).scalers()

    assert application(part("echo", "component", scaler(2))).scalers() == one
    assert application(part("echo", "component", scaler(1), image="oci/echo:2")).scalers() != one
    assert application(part("echo", "component", scaler(1), config=[{"name": "c"}])).scalers() != one
    assert application(part("echo", "component", scaler(1), link({"name": "echo"}))).scalers() != one


# Mappings ---------------------------------------------------------------------------------------


def changed(path: str, value: object) -> dict[str, Any]:
    """A good manifest with another value at a path of names and indexes."""
    whole = manifest(
        part("echo", "component", scaler(1, spread("a", 5, zone="z")), link({"name": "kv"})),
        part("kv", "capability", config=[{"name": "c", "properties": {"a": "b"}}]),
    )
    *parents, last = [int(key) if key.isdigit() else key for key in path.split("/")]
    place: Any = whole
    for key in parents:
        place = place[key]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return whole


NO_TOKEN = (
    "the name of a config must not contain ' ': 'a b' would be part of a NATS subject, which allows no white space, "
    "control characters, '.', '*' or '>' there"
)


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("apiVersion", None, "$.apiVersion: the field is missing"),
        ("apiversion", "1", "$.apiversion: unknown name, did you mean 'apiVersion'?"),
        ("kind", 5, "$.kind: expected a string, found a number"),
        ("metadata/name", None, "$.metadata.name: the field is missing"),
        ("metadata/anotations", {}, "$.metadata.anotations: unknown name, did you mean 'annotations'?"),
        (
            "metadata/annotations",
            {"version": 1},
            "$.metadata.annotations['version']: expected a string, found a number",
        ),
        ("metadata/labels", [], "$.metadata.labels: expected an object, found a list"),
        ("spec/components", {}, "$.spec.components: expected a list, found an object"),
        (
            "spec/components/0/type",
            "providr",
            "$.spec.components[0].type: expected one of component, capability, actor",
        ),
        (
            "spec/components/0/properties/imag",
            "x",
            "$.spec.components[0].properties.imag: unknown name, did you mean 'image'?",
        ),
        (
            "spec/components/1/properties/config/0/properties/a",
            5,
            "$.spec.components[1].properties.config[0].properties['a']: expected a string, found a number",
        ),
        (
            "spec/components/1/properties/config/0/value",
            "x",
            "$.spec.components[1].properties.config[0].value: unknown name, expected one of name, properties",
        ),
        (
            "spec/components/0/traits/0/type",
            "spreadscaller",
            "$.spec.components[0].traits[0].type: did you mean 'spreadscaler'?",
        ),
        (
            "spec/components/0/traits/0/properties/instances",
            "3",
            "$.spec.components[0].traits[0].properties.instances: expected a whole number, found a string",
        ),
        (
            "spec/components/0/traits/0/properties/instances",
            -1,
            "$.spec.components[0].traits[0].properties.instances: expected 0 to 18446744073709551615, found -1",
        ),
        (
            "spec/components/0/traits/0/properties/spread/0/weigth",
            1,
            "$.spec.components[0].traits[0].properties.spread[0].weigth: unknown name, did you mean 'weight'?",
        ),
        (
            "spec/components/0/traits/0/properties/spread/0/requirements",
            {},
            "$.spec.components[0].traits[0].properties.spread[0].requirements: wadm ignores a scaler without "
            "requirements: leave the spread out if any host will do",
        ),
        (
            "spec/components/0/traits/0/properties",
            [],
            "$.spec.components[0].traits[0].properties: expected an object, found a list",
        ),
        (
            "spec/components/1/properties/config/0",
            {"name": "a b"},
            f"$.spec.components[1].properties.config[0].name: {NO_TOKEN}",
        ),
        (
            "spec/components/0/traits/1/properties/target/config",
            [{"name": "mine", "properties": {}}, {"name": "a b"}],
            f"$.spec.components[0].traits[1].properties.target.config[1].name: {NO_TOKEN}",
        ),
        (
            "spec/components/0/traits/1/properties/source",
            {"config": [{"name": "a b"}]},
            f"$.spec.components[0].traits[1].properties.source.config[0].name: {NO_TOKEN}",
        ),
        (
            "spec/components/0/traits/1/properties/source_config",
            [{"name": "a b"}],
            f"$.spec.components[0].traits[1].properties.source_config[0].name: {NO_TOKEN}",
        ),
        (
            "spec/components/0/traits/1/properties/namespce",
            "x",
            "$.spec.components[0].traits[1].properties.namespce: unknown name, did you mean 'namespace'?",
        ),
        (
            "spec/components/0/traits/1/properties/target/nam",
            "x",
            "$.spec.components[0].traits[1].properties.target.nam: unknown name, did you mean 'name'?",
        ),
        (
            "spec/components/0/traits/1/properties/target",
            {"config": []},
            "$.spec.components[0].traits[1].properties.target.name: the field is missing",
        ),
        (
            "spec/components/0/traits/1/properties/interfaces",
            "store",
            "$.spec.components[0].traits[1].properties.interfaces: expected a list, found a string",
        ),
    ],
)
def test_a_mistake_in_a_mapping_is_named(path: str, value: object, reason: str) -> None:
    """The error names the place, and the nearest name that wadm knows."""
    with pytest.raises(InvalidArgument, match=f"^the manifest does not fit at {re.escape(reason)}$"):
        manifest_codec.encode_manifest(changed(path, value))


def test_a_good_mapping_is_sent_as_json() -> None:
    """Tuples and other mappings are lists and objects; older names and forms are fine."""
    component = part(
        "echo", "component", {"type": "daemonscaler", "properties": {"replicas": 1}}, link("echo"), config=()
    )
    whole = manifest(component)
    encoded = manifest_codec.encode_manifest({**whole, "spec": Frozen({"components": (Frozen(component),)})})

    expected = manifest(component)
    expected["spec"]["components"][0]["properties"]["config"] = []
    assert codec.parse_json(encoded) == expected


class Frozen(Mapping[str, Any]):
    """A mapping that is no dict."""

    def __init__(self, items: dict[str, Any]) -> None:
        self._items = items

    def __getitem__(self, key: str) -> Any:
        return self._items[key]

    def __iter__(self) -> Any:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (object(), "object is no type of JSON"),
        (float("nan"), "Out of range float values are not JSON compliant"),
        ("\ud800", "surrogates not allowed"),
    ],
)
def test_what_json_cannot_hold_is_an_invalid_argument(value: object, reason: str) -> None:
    """The error does not quote the manifest, which may hold a secret."""
    with pytest.raises(InvalidArgument, match=reason) as caught:
        manifest_codec.encode_manifest({"a": value, "password": "hunter2"})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [(b'{"a": 1}', "application/json"), (b"a: 1", "application/yaml"), (b"{", "application/yaml")],
)
def test_a_text_that_is_valid_json_is_json(text: bytes, expected: str) -> None:
    """Every other text is left to wadm's parser of YAML."""
    assert manifest_codec.content_type(text) == expected


# Replies ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [wadm_replies.PutReply, wadm_replies.GetReply, wadm_replies.DeleteReply])
def test_a_refusal_is_without_the_servers_backtrace(kind: type[Any]) -> None:
    """What follows "Stack backtrace:" says nothing to a user."""
    raw = b'{"result":"error","message":"no such thing\\n\\nCaused by:\\n  x\\n\\nStack backtrace:\\n 0: a"}'
    with pytest.raises(
        OperationRejected, match=r"^wadm refused: no such thing\n\nCaused by:\n  x$"
    ) as caught:
        wadm_replies.decode_reply(raw, kind)
    assert caught.value.response is not None
    assert caught.value.response.message == "no such thing\n\nCaused by:\n  x"


def test_what_does_not_exist_is_not_found() -> None:
    """wadm's text says what."""
    with pytest.raises(NotFound, match=r"^Application with the name x not found$"):
        wadm_replies.decode_reply(
            b'{"result":"notfound","message":"Application with the name x not found"}', wadm_replies.GetReply
        )


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        *((kind.value, kind) for kind in StatusType),
        ("compensating", StatusType.RECONCILING),
        ("ready", StatusType.DEPLOYED),
    ],
)
def test_each_state_decodes_with_its_older_name(word: str, expected: StatusType) -> None:
    """A state is a member of the enum, and equal to wadm's word."""
    status = wadm_replies.decode_status(f'{{"status":{{"type":"{word}"}}}}'.encode(), "shop").status

    assert status.info.status_type is expected
    assert str(status.info.status_type) == f"{status.info.status_type}" == expected.value == expected


@pytest.mark.parametrize("word", ['"new"', "5", "null"])
def test_a_state_that_is_not_known_is_a_decode_error(word: str) -> None:
    """The error has the path."""
    with pytest.raises(DecodeError) as caught:
        wadm_replies.decode_status(f'{{"status":{{"type":{word}}}}}'.encode(), "shop")
    assert caught.value.path == "$.status.type"


# What runs --------------------------------------------------------------------------------------

STARTED = {APPLICATION: "shop", SCALER: "s1", SPREAD: "default"}


def component(
    count: int = 2, reference: str = "oci/echo:1", component_id: str = "shop-echo", **annotations: str
) -> ComponentDescription:
    """A component on a host, started by the scaler s1."""
    return ComponentDescription(
        id=component_id,
        image_ref=reference,
        max_instances=count,
        annotations={**STARTED, **{key: annotations[key] for key in annotations}},
    )


def host(
    name: str = "one",
    *components: ComponentDescription,
    providers: Sequence[ProviderDescription] = (),
    **labels: str,
) -> HostInventory:
    """A host's inventory."""
    return HostInventory(
        host_id=f"N{name}",
        friendly_name=name,
        labels=labels,
        components=components,
        providers=tuple(providers),
    )


def status(
    *ids: str, state: StatusType = StatusType.DEPLOYED, message: str = "", kind: str = "SpreadScaler"
) -> Status:
    """A status with these scalers, all in the same state."""
    info = StatusInfo(status_type=state, message=message)
    return Status(
        info=info, scalers=tuple(ScalerStatus(id=one, kind=kind, name=f"of {one}", info=info) for one in ids)
    )


def look(*inventories: HostInventory, **changes: Any) -> Look:
    """What is seen: by default, of a deployed application with the scaler s1."""
    seen = Look(inventories=inventories, status=status("s1"), deployed_version="v1")
    return attrs.evolve(seen, **changes)


NOTHING = Application(name="shop")
TWO = application(part("echo", "component", scaler(2)))


def another(**properties: str) -> dict[str, str]:
    """Annotations with other values."""
    names = {"application": APPLICATION, "scaler": SCALER, "spread": SPREAD}
    return {names[key]: value for key, value in properties.items()}


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        (look(host("one", component(2))), ""),
        (look(host("one", component(1)), host("two", component(1))), ""),
        (look(host("one", component(1))), "shop-echo has 1 of 2 instances in spread default"),
        (look(host("one", component(3))), "shop-echo has 3 of 2 instances in spread default"),
        (look(), "shop-echo has 0 of 2 instances in spread default"),
        (
            look(host("one", component(2)), silent=["Ntwo"]),
            "the host Ntwo does not answer, so what runs there is unknown",
        ),
        (
            look(host("one", component(2, "oci/echo:0"))),
            "shop-echo runs oci/echo:0 on one, and not oci/echo:1",
        ),
        (
            look(host("one", component(2)), host("two", component(1, component_id="shop-old"))),
            "shop-old still runs on two",
        ),
        (
            look(host("one", component(2, **another(scaler="s0")))),
            "what runs as shop-echo on one was not started for this version",
        ),
        (
            look(host("one", component(2, **another(application="mart")))),
            "what runs as shop-echo on one was not started for this version",
        ),
        (
            look(host("one", component(2, **another(spread="other")))),
            "shop-echo has 0 of 2 instances in spread default",
        ),
        (
            look(host("one", component(2), component(1, "oci/x", "mine", **another(application="mart")))),
            "",
        ),
    ],
)
def test_components_run_as_the_manifest_says(seen: Look, reason: str) -> None:
    """Count, image, scaler and application count, on all hosts together."""
    assert difference(TWO, NOTHING, seen) == reason


ZONES = application(part("echo", "component", scaler(3, spread("a", zone="z1"), spread("b", zone="z2"))))


@pytest.mark.parametrize(
    ("one", "two", "reason"),
    [
        (2, 1, ""),
        (1, 2, "shop-echo has 1 of 2 instances in spread a"),
        (2, 2, "shop-echo has 2 of 1 instances in spread b"),
    ],
)
def test_each_spread_has_its_share(one: int, two: int, reason: str) -> None:
    """Instances count for the spread that started them."""
    seen = look(
        host("one", component(one, **another(spread="a")), zone="z1"),
        host("two", component(two, **another(spread="b")), zone="z2"),
    )
    assert difference(ZONES, NOTHING, seen) == reason


def test_a_host_without_the_labels_runs_nothing() -> None:
    """Labels can change after the start."""
    wanted = application(part("echo", "component", scaler(2, spread("a", zone="z1"))))
    seen = look(
        host("one", component(2, **another(spread="a")), zone="z1"),
        host("two", component(1, **another(spread="a")), zone="z3"),
    )
    assert difference(wanted, NOTHING, seen) == "shop-echo still runs on two"


@pytest.mark.parametrize(
    ("counts", "reason"), [((2, 2), ""), ((2, 1), "shop-echo has 1 of 2 instances on two")]
)
def test_a_daemonscaler_runs_on_each_host(counts: tuple[int, int], reason: str) -> None:
    """Every known host that fits has all instances."""
    wanted = application(part("echo", "component", scaler(2, kind="daemonscaler")))
    seen = look(host("one", component(counts[0])), host("two", component(counts[1])))

    assert difference(wanted, NOTHING, seen) == reason


def provider(reference: str | None = "oci/http:1", **annotations: str) -> ProviderDescription:
    """A provider on a host, started by the scaler s1."""
    return ProviderDescription(id="shop-http", image_ref=reference, annotations={**STARTED, **annotations})


HTTP = application(part("http", "capability"))


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (provider(), ""),
        (provider(None), ""),
        (provider("oci/http:0"), "shop-http runs oci/http:0 on one, and not oci/http:1"),
        (
            provider(**another(scaler="s0")),
            "what runs as shop-http on one was not started for this version",
        ),
        (ProviderDescription(id="shop-http", image_ref="oci/http:1"), ""),
        (ProviderDescription(id="other"), "shop-http has 0 of 1 instances in spread default"),
    ],
)
def test_providers_run_as_the_manifest_says(found: ProviderDescription, reason: str) -> None:
    """wadm is content with a provider that somebody else started, and so are we."""
    assert difference(HTTP, NOTHING, look(host("one", providers=[found]))) == reason


WEST = another(spread="west")
FOREIGN = ProviderDescription(id="shop-http", image_ref="oci/http:1")
MART = another(application="mart")


@pytest.mark.parametrize(
    ("kind", "instances", "one", "two", "reason"),
    [
        # The spread was renamed, or another one's instance is on the same host.
        ("spreadscaler", 2, WEST, {}, ""),
        ("spreadscaler", 1, WEST, None, ""),
        ("spreadscaler", 1, WEST, WEST, ""),
        ("spreadscaler", 1, {}, {}, "shop-http has 2 of 1 instances in spread default"),
        ("spreadscaler", 2, {}, None, "shop-http has 1 of 2 instances in spread default"),
        # Somebody else has started it.
        ("spreadscaler", 1, FOREIGN, FOREIGN, ""),
        ("spreadscaler", 1, MART, MART, ""),
        ("spreadscaler", 2, {}, FOREIGN, ""),
        ("spreadscaler", 0, FOREIGN, None, ""),
        ("spreadscaler", 0, {}, None, "shop-http has 1 of 0 instances in spread default"),
        ("daemonscaler", 1, WEST, FOREIGN, ""),
        ("daemonscaler", 5, {}, {}, ""),
        ("daemonscaler", 1, {}, None, "shop-http has 0 of 1 instances on two"),
        ("daemonscaler", 0, None, {}, "shop-http has 1 of 0 instances in spread default"),
        ("daemonscaler", 0, None, None, ""),
    ],
)
def test_a_provider_counts_whoever_started_it(
    kind: str, instances: int, one: Any, two: Any, reason: str
) -> None:
    """A host runs it once. wadm starts no second one, and stops only what it started for the spread."""
    wanted = application(part("http", "capability", scaler(instances, kind=kind)))
    hosts = [
        host(
            name,
            providers=[provider(**found) if isinstance(found, dict) else found] if found is not None else [],
        )
        for name, found in (("one", one), ("two", two))
    ]

    assert difference(wanted, NOTHING, look(*hosts)) == reason


def test_a_provider_stops_where_no_spread_fits() -> None:
    """That of somebody else stays."""
    wanted = application(part("http", "capability", scaler(1, spread("a", zone="z1"))))
    kept = host("one", providers=[provider(**another(spread="a"))], zone="z1")

    assert difference(wanted, NOTHING, look(kept, host("two", providers=[FOREIGN]))) == ""
    assert difference(wanted, NOTHING, look(kept, host("two", providers=[provider()]))) == (
        "shop-http still runs on two"
    )


def test_hosts_name_the_file_of_a_provider_without_its_scheme() -> None:
    """``file:///a`` is ``/a`` in the inventory."""
    wanted = application(part("http", "capability", image="file:///a.par"))

    assert difference(wanted, NOTHING, look(host("one", providers=[provider("/a.par")]))) == ""


LINKED = application(
    part(
        "echo",
        "component",
        scaler(2),
        link({"name": "echo", "config": [{"name": "c", "properties": {"a": "b"}}]}),
    )
)
(LINK,) = LINKED.links


@pytest.mark.parametrize(
    ("links", "configs", "reason"),
    [
        ([LINK], {"shop-c": {"a": "b"}}, ""),
        ([], {"shop-c": {"a": "b"}}, "the link from shop-echo to shop-echo is not as the manifest says"),
        (
            [attrs.evolve(LINK, target_config=())],
            {"shop-c": {"a": "b"}},
            "the link from shop-echo to shop-echo is not as the manifest says",
        ),
        ([LINK], {"shop-c": None}, "the config shop-c does not exist"),
        ([LINK], {}, "the config shop-c does not exist"),
        ([LINK], {"shop-c": {"a": "c"}}, "the config shop-c has other contents than the manifest"),
    ],
)
def test_links_and_configs_are_as_the_manifest_says(
    links: list[Link], configs: dict[str, dict[str, str] | None], reason: str
) -> None:
    """wadm looks at neither the configs nor the interfaces of a link that it finds."""
    seen = look(host("one", component(2)), links=links, configs=configs)
    assert difference(LINKED, NOTHING, seen) == reason


SCALED = Status(
    info=status().info,
    scalers=(ScalerStatus(id="s1", kind="SpreadScaler", name="shop-echo", info=status().info),),
)


@pytest.mark.parametrize(
    ("wanted", "changes", "reason"),
    [
        (TWO, {}, ""),
        (LINKED, {"links": [LINK], "configs": {"shop-c": {"a": "b"}}}, ""),
        (
            application(part("kv", "component", scaler(1))),
            {},
            "wadm says deployed, but has no scaler for shop-kv: give each spread a requirement",
        ),
        (
            LINKED,
            {"configs": {"shop-c": {"a": "b"}}},
            "the link from shop-echo to shop-echo is not as the manifest says, though wadm says deployed: give the "
            "link a name of its own",
        ),
        (
            LINKED,
            {"links": [LINK]},
            "the config shop-c does not exist, though wadm says deployed: deploy this version again",
        ),
    ],
)
def test_what_wadm_loses_is_said(wanted: Application, changes: dict[str, Any], reason: str) -> None:
    """wadm says deployed, and does nothing more."""
    assert lost(wanted, look(host("one", component(2)), status=SCALED, **changes)) == reason


def test_a_link_between_providers_is_lost() -> None:
    """wadm accepts it, and makes none. Somebody else may."""
    wanted = application(part("a", "capability", link({"name": "b"})), part("b", "capability"))
    info = status().info
    scalers = [ScalerStatus(id=name, kind="SpreadScaler", name=name, info=info) for name in wanted.ids]

    seen = look(status=Status(info=info, scalers=tuple(scalers)))
    assert lost(wanted, seen) == (
        "wadm says deployed, but makes no link between providers: put the link from shop-a to shop-b yourself"
    )
    assert lost(wanted, attrs.evolve(seen, links=wanted.links)) == ""


def test_a_secret_is_referred_to_as_by_wadm() -> None:
    """The reference is a config; the policy is JSON, in which the order does not count."""
    secret = {"name": "Pw", "properties": {"policy": "vault", "key": "k", "field": "f", "version": "2"}}
    whole = manifest(part("echo", "component", scaler(1), secrets=[secret]))
    policy = {"name": "vault", "type": "t", "properties": {"backend": "b", "y": "2", "x": "1"}}
    whole["spec"]["policies"] = [policy]
    stored = {
        "type": "secret.wasmcloud.dev/v1alpha1",
        "name": "Pw",
        "backend": "b",
        "key": "k",
        "field": "f",
        "version": "2",
        "policy": '{"type":"properties.secret.wasmcloud.dev/v1alpha1","properties":{"x":"1","y":"2"}}',
    }

    configs = application_of(manifest_codec.decode_manifest(whole)).configs

    assert configs == {"SECRET_shop-pw": manifest_codec.in_fixed_order(stored)}
    for odd in ({"key": "k"}, {"policy": "no JSON"}):
        assert manifest_codec.in_fixed_order(odd) == odd


def test_somebody_elses_config_must_only_exist() -> None:
    """A config without properties is managed by somebody else."""
    wanted = application(part("echo", "component", scaler(2), config=[{"name": "theirs"}]))
    seen = look(host("one", component(2)), configs={"theirs": {"x": "y"}})

    assert difference(wanted, NOTHING, seen) == ""


def test_a_link_of_the_version_before_must_be_gone() -> None:
    """But not one that somebody else has put, or that the source's own application wants."""
    seen = look(host("one", component(2)), links=[LINK])
    foreign = attrs.evolve(LINKED, links=(attrs.evolve(LINK, source_id="base-kv"),))

    assert difference(TWO, LINKED, seen) == "the link from shop-echo to shop-echo is still there"
    assert difference(TWO, NOTHING, seen) == ""
    assert difference(TWO, foreign, attrs.evolve(seen, links=foreign.links)) == ""


def test_nothing_of_a_removed_application_runs() -> None:
    """What others run under any id is theirs."""
    assert leftover("shop", look(host("one", component(1)))) == "shop-echo still runs on one"
    assert leftover("mart", look(host("one", component(1)))) == ""
    assert (
        leftover("shop", look(silent=["Ntwo"]))
        == "the host Ntwo does not answer, so what runs there is unknown"
    )


EVENTS: list[tuple[Callable[[str], object], str]] = [
    (
        lambda found: ComponentScaled(component_id=found, host_id="N", image_ref="r", max_instances=1),
        "shop-echo",
    ),
    (
        lambda found: ComponentScaleFailed(
            component_id=found, host_id="N", image_ref="r", max_instances=1, error="e"
        ),
        "shop-echo",
    ),
    (lambda found: ProviderStarted(provider_id=found, host_id="N", image_ref="r"), "shop-http"),
    (lambda found: ProviderStopped(provider_id=found, host_id="N", reason="r"), "shop-http"),
    (
        lambda found: ProviderStartFailed(provider_id=found, host_id="N", provider_ref="r", error="e"),
        "shop-http",
    ),
    (
        lambda found: LinkdefSet(**attrs.asdict(attrs.evolve(LINK, source_id=found), recurse=False)),
        "shop-echo",
    ),
    (
        lambda found: LinkdefDeleted(source_id=found, name="default", wit_namespace="w", wit_package="p"),
        "shop-echo",
    ),
    (lambda found: ConfigSet(config_name=found), "shop-c"),
    (lambda found: ConfigDeleted(config_name=found), "shop-c"),
]


@pytest.mark.parametrize(("event", "own"), EVENTS)
def test_an_event_concerns_the_application_of_its_part(event: Callable[[str], object], own: str) -> None:
    """Components, providers, links and configs of others are no reason to look again."""
    assert concerns(event(own), LINKED, HTTP)
    assert not concerns(event("other"), LINKED, HTTP)


def test_an_event_of_a_host_concerns_every_application() -> None:
    """A host that starts or stops changes what can run."""
    assert concerns(HostStopped(labels={}))


# Old and new ------------------------------------------------------------------------------------


def scaled(count: int, reference: str = "oci/echo:2", scaler_id: str = "s2") -> ComponentScaled:
    """An event of the host one."""
    return ComponentScaled(
        component_id="shop-echo",
        host_id="None",
        image_ref=reference,
        max_instances=count,
        annotations={**STARTED, SCALER: scaler_id},
    )


ECHO_2 = application(part("echo", "component", scaler(2), image="oci/echo:2"))
RUNS_NEW = look(host("one", component(2, "oci/echo:2", **another(scaler="s2"))), status=status("s2"))
NOT_STOPPED = "no stop of what ran before as shop-echo on one was seen"


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ([scaled(0, "oci/echo:1", "s1"), scaled(2)], ""),
        ([scaled(2), scaled(0, "oci/echo:1", "s1"), scaled(2)], ""),
        ([scaled(0, "oci/echo:1", "s1"), scaled(2), scaled(2)], ""),
        ([], NOT_STOPPED),
        ([scaled(2)], NOT_STOPPED),
        ([scaled(0, "oci/echo:1", "s1")], NOT_STOPPED),
        ([scaled(2), scaled(0, "oci/echo:1", "s1")], NOT_STOPPED),
        ([scaled(0, "oci/echo:1", "s1"), scaled(1, "oci/echo:1", "s1"), scaled(2)], NOT_STOPPED),
    ],
)
def test_a_new_image_counts_after_the_stop_of_the_old_one(events: list[ComponentScaled], reason: str) -> None:
    """A host that has only renamed what runs shows the same inventory."""
    scales = Scales()
    scales.on_seen(look(host("one", component(2))).running())
    for event in events:
        scales.on_event(event)

    assert stale(ECHO_2, TWO, RUNS_NEW, status("s1"), scales) == reason


def test_a_host_that_was_seen_without_the_component_has_stopped_it() -> None:
    """Where events are missing, the inventories tell."""
    scales = Scales()
    scales.on_seen(look(host("one", component(2))).running())
    scales.on_absent(look(host("two")), ECHO_2.ids)
    scales.on_seen(RUNS_NEW.running())
    assert stale(ECHO_2, TWO, RUNS_NEW, status("s1"), scales) == NOT_STOPPED

    scales.on_absent(look(host("one")), ECHO_2.ids)
    scales.on_seen(RUNS_NEW.running())
    assert stale(ECHO_2, TWO, RUNS_NEW, status("s1"), scales) == ""


def test_the_status_of_the_version_before_proves_nothing() -> None:
    """For another image, wadm's scalers have other ids. For another count, they have the same."""
    config = application(part("echo", "component", scaler(2), config=[{"name": "c"}]))
    seen = look(host("one", component(2)))

    assert stale(config, TWO, seen, status("s1"), Scales()) == "wadm has not begun to deploy this version"
    assert stale(TWO, TWO, seen, status("s1"), Scales()) == ""
    assert stale(TWO, NOTHING, seen, status(), Scales()) == ""


# Failures ---------------------------------------------------------------------------------------


def failed(*ids: str, reason: str = "no such image") -> Status:
    """A status with scalers that failed."""
    return status(*ids, state=StatusType.FAILED, message=reason)


CONFLICT = "Spread requirement conflict: default spread requires 5 instances vs 7 computed"
RECONCILING = status("s1", state=StatusType.RECONCILING, message="Scaling component on 1 host(s)")


def test_a_failure_that_comes_twice_is_certain() -> None:
    """wadm has tried again in between."""
    failures = Failures()
    failures.on_status(failed("s1"), 1.0)
    assert failures.certain(["Na"], 1.0, hosts_fit=True) is None
    failures.on_status(RECONCILING, 6.0)
    assert failures.certain(["Na"], 6.0, hosts_fit=True) is None
    failures.on_status(failed("s1"), 6.1)
    assert failures.certain(["Na"], 6.1, hosts_fit=True) == "no such image"


@pytest.mark.parametrize(
    "statuses",
    [
        [failed("s1"), failed("s1")],
        [failed("s1"), RECONCILING, failed("s1", reason="another reason")],
        [failed("s1"), RECONCILING, failed("s2")],
        [failed("s1"), RECONCILING, failed("s1"), status("s1")],
        [failed("s1"), status("s2"), failed("s1")],
        [failed("s1", reason=CONFLICT), RECONCILING, failed("s1", reason=CONFLICT)],
    ],
)
def test_another_failure_is_not_the_same_one_twice(statuses: list[Status]) -> None:
    """The scaler and the reason must be the same, and not by chance, and it must fail at the end."""
    failures = Failures()
    for number, one in enumerate(statuses):
        failures.on_status(one, 5.0 * number)

    assert failures.certain(["Na"], 20.0, hosts_fit=True) is None


def test_one_failure_that_is_seen_twice_came_once() -> None:
    """What wadm answers can overtake what it published before."""
    failures = Failures()
    for seconds, one in ((1.0, failed("s1")), (1.1, RECONCILING), (1.2, failed("s1")), (2.0, RECONCILING)):
        failures.on_status(one, seconds)
    failures.on_status(failed("s1"), 2.1)
    assert failures.certain(["Na"], 2.1, hosts_fit=True) is None


def test_a_failure_that_stands_after_a_heartbeat_of_every_host_is_certain() -> None:
    """wadm looks again at each heartbeat, not before 5 s after a failed command, and needs a moment for that."""
    failures = Failures()
    failures.on_heartbeat("Na", 0.5)
    failures.on_status(failed("s1"), 1.0)
    failures.on_heartbeat("Nb", 5.9)
    failures.on_heartbeat("Na", 6.1)
    assert failures.certain(["Na", "Nb"], 10.0, hosts_fit=True) is None
    failures.on_heartbeat("Nb", 10.9)
    assert failures.certain(["Na", "Nb"], 10.9, hosts_fit=True) is None
    assert failures.certain(["Na", "Nb"], 12.8, hosts_fit=True) is None
    assert failures.certain(["Na", "Nb"], 12.9, hosts_fit=True) == "no such image"


def test_a_failure_that_begins_again_stands_from_then_on() -> None:
    """The heartbeats before that do not count."""
    failures = Failures()
    failures.on_status(failed("s1"), 1.0)
    failures.on_heartbeat("Na", 7.0)
    assert failures.certain(["Na"], 7.0, hosts_fit=True) is None
    failures.on_status(failed("s1", reason="another"), 8.0)
    assert failures.certain(["Na"], 12.0, hosts_fit=True) is None
    failures.on_heartbeat("Na", 14.0)
    assert failures.certain(["Na"], 14.0, hosts_fit=True) is None
    assert failures.certain(["Na"], 16.0, hosts_fit=True) == "another"


@pytest.mark.parametrize(("hosts_fit", "heartbeats"), [(True, 10), (False, 1)])
def test_a_conflict_that_can_be_by_chance_must_stand_longer(hosts_fit: bool, heartbeats: int) -> None:
    """wadm draws a host at each heartbeat. Where no host fits a spread, it is no chance."""
    failures = Failures()
    failures.on_status(failed("s1", reason=CONFLICT), 1.0)
    for number in range(heartbeats):
        assert failures.certain(["Na"], 7.0 + 5 * number, hosts_fit=hosts_fit) is None
        failures.on_heartbeat("Na", 7.0 + 5 * number)
    end = 7.0 + 5 * heartbeats
    assert failures.certain(["Na"], end, hosts_fit=hosts_fit) is None
    assert failures.certain(["Na"], end + 2.0, hosts_fit=hosts_fit) == CONFLICT


def test_what_stays_lost_is_a_failure() -> None:
    """wadm says deployed, and does not mend it at a heartbeat of every host."""
    failures = Failures()
    failures.on_lost("the config c does not exist", 1.0)
    failures.on_heartbeat("Na", 5.0)
    assert failures.certain(["Na"], 5.0, hosts_fit=True) is None
    failures.on_lost("", 5.5)
    failures.on_lost("the config c does not exist", 10.0)
    assert failures.certain(["Na"], 10.0, hosts_fit=True) is None
    failures.on_heartbeat("Na", 15.0)
    assert failures.certain(["Na"], 15.0, hosts_fit=True) is None
    assert failures.certain(["Na"], 17.0, hosts_fit=True) == "the config c does not exist"


@pytest.mark.parametrize(("reason", "seconds"), [("no such image", 60.0), (CONFLICT, 600.0)])
def test_without_heartbeats_a_failure_must_stand_for_a_minute(reason: str, seconds: float) -> None:
    """A user may not be allowed to receive events."""
    failures = Failures()
    failures.on_status(failed(reason=reason), 1.0)

    assert failures.certain(["Na"], 0.9 + seconds, hosts_fit=True) is None
    assert failures.certain(["Na"], 1.0 + seconds, hosts_fit=True) == reason


def test_a_status_in_words_has_the_last_word_of_each_scaler() -> None:
    """Without scalers, it is that of the application."""
    one = ScalerStatus(id="s1", kind="SpreadScaler", name="shop-echo", info=RECONCILING.info)
    two = ScalerStatus(id="s2", kind="LinkScaler", name="echo -> kv", info=status("s2").info)

    assert in_words(Status(info=RECONCILING.info, scalers=(one, two))) == (
        "SpreadScaler shop-echo reconciling (Scaling component on 1 host(s)), LinkScaler echo -> kv deployed"
    )
    assert in_words(status()) == "deployed"
