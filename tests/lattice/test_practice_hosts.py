"""What simulated hosts do beside the recorded cases: each fact was seen on, or read off, real hosts."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from pathlib import Path
from typing import Any

import pytest
from realhost import artifacts
from wire import Wire

from wasmcloud_ctl.testing import Claims, PracticeHost, PracticeLattice, component
from wasmcloud_ctl.testing._component import section, sized

ECHO = "registry.example/acme/echo:1"
ECHO_2 = "registry.example/acme/echo:2"
LINK = {
    "source_id": "echo",
    "target": "http",
    "wit_namespace": "wasi",
    "wit_package": "http",
    "interfaces": ["incoming-handler"],
}


def scale(host: PracticeHost, reference: str = ECHO, count: int = 1, **more: object) -> dict[str, object]:
    return {"component_ref": reference, "component_id": "echo", "host_id": host.id, "count": count, **more}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest().upper()


def shown(wire: Wire, host: PracticeHost) -> Any:
    return wire.ask(f"host.get.{host.id}")["response"]["components"]


# What arrives ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b'["", "c", null, 1, null, "", [], false, 1]',
        b"null",
        b'{"component_ref": "r"}',
        b'{"component_id": "c", "count": -1}',
        b'{"component_id": "c", "count": 1.0}',
        b'{"component_id": "c", "count": true}',
        b'{"component_id": "c", "count": null}',
        b'{"component_id": "c", "count": 4294967296}',
        b'{"component_id": "c", "unknown": NaN}',
        b'{"component_id": "c", "component_id": "c"}',
        b'{"component_id": "c", "config": ["a", 1]}',
        b'{"component_id": "c", "annotations": {"a": 1}}',
        b'{"component_id": "c", "annotations": []}',
        b'{"component_id": "c", "annotations": 5}',
        b'{"component_id": "c", "config": "a"}',
        b'{"component_id": "c", "allow_update": 1}',
        b'{"component_id": "\\ud800"}',
        b'\xef\xbb\xbf{"component_id": "c"}',
        b"\xff\xfe{\x00}\x00",
        b'{"component_id": "c"} x',
    ],
)
def test_what_serde_refuses_is_refused(wire: Wire, host: PracticeHost, payload: bytes) -> None:
    """A command of a wrong shape is answered with the host's parse error, and nothing is done."""
    reply = wire.ask(f"component.scale.{host.id}", payload)

    assert reply == {"success": False, "message": "failed to deserialize component scale command"}
    assert wire.events() == []


@pytest.mark.parametrize(
    "payload",
    [
        b'{"component_id": "c", "count": 4294967295}',
        b'{"component_id": "c", "annotations": null, "component_limits": null}',
        b'{"component_id": "c", "unknown": {"count": NULL}}'.replace(b"NULL", b"null"),
        b' \n{"component_id": "\\ud83d\\ude00"}\t',
        b'["", "c"]',
        b'["", "c", null, 1, null, "", [], false]',
    ],
)
def test_what_serde_takes_is_taken(wire: Wire, host: PracticeHost, payload: bytes) -> None:
    """Unknown fields, null for what is optional, every count of 32 bits, and a list for the fields are taken."""
    assert wire.ask(f"component.scale.{host.id}", payload)["success"] is True


@pytest.mark.parametrize("payload", [b"", b"{}", b"[]"])
def test_a_host_is_stopped_by_almost_anything(wire: Wire, host: PracticeHost, payload: bytes) -> None:
    """The host's id in the payload is compared only if there is one."""
    assert wire.ask(f"host.stop.{host.id}", payload)["success"] is True

    assert [name for name, _ in wire.events()] == ["host_stopped"]
    assert wire.ask("host.ping") is None


def test_a_provider_can_be_stopped_by_the_fields_old_name(wire: Wire, host: PracticeHost) -> None:
    """The id of the provider to stop used to be called its reference."""
    wire.ask(f"provider.start.{host.id}", {"provider_id": "p", "provider_ref": ECHO})

    assert wire.ask(f"provider.stop.{host.id}", {"provider_ref": "p"})["success"] is True


def test_an_operation_that_no_host_has_is_refused_by_the_host_it_names(
    wire: Wire, host: PracticeHost
) -> None:
    """A subject that a host listens to but does not know is answered; one that none listens to gets a 503."""
    unsupported = {"success": False, "message": "unsupported subject"}

    assert wire.ask(f"component.frobnicate.{host.id}") == unsupported
    assert wire.ask("link.frobnicate") == unsupported
    assert wire.ask("config.frobnicate.a") == unsupported
    assert wire.ask("component.frobnicate") is None
    assert wire.ask("claims.frobnicate") is None


# Components -----------------------------------------------------------------------------------------------


def test_an_inventory_lies_after_a_scale_to_another_reference_and_count(
    wire: Wire, host: PracticeHost
) -> None:
    """The inventory shows the new reference, the old code runs on, and no later update changes that."""
    wire.ask(f"component.scale.{host.id}", scale(host))
    wire.events()

    reply = wire.ask(f"component.scale.{host.id}", scale(host, ECHO_2, 2, allow_update=True))

    assert "the image reference will be updated afterwards" in reply["message"]
    assert [data["image_ref"] for _, data in wire.events()] == [ECHO]
    assert [entry["image_ref"] for entry in shown(wire, host)] == [ECHO_2]
    assert host.running_code == {"echo": ECHO}
    update = {"component_id": "echo", "new_component_ref": ECHO_2, "host_id": host.id}
    assert (
        wire.ask(f"component.update.{host.id}", update)["message"]
        == f"component echo already updated to {ECHO_2}"
    )
    assert host.running_code == {"echo": ECHO}


def test_a_scale_that_may_update_is_followed_by_the_update(wire: Wire, host: PracticeHost) -> None:
    """With the same count, another reference and allow_update: one event with the old one, two with the new."""
    wire.ask(f"component.scale.{host.id}", scale(host, count=3))
    wire.events()

    wire.ask(f"component.scale.{host.id}", scale(host, ECHO_2, 3, allow_update=True))

    told = [(data["image_ref"], data["max_instances"]) for _, data in wire.events()]
    assert told == [(ECHO, 3), (ECHO_2, 3), (ECHO_2, 0)]
    assert host.running_code == {"echo": ECHO_2}


def test_stopping_and_starting_ends_the_lie(wire: Wire, host: PracticeHost) -> None:
    """After a stop, a start runs the reference it names."""
    for reference, count in ((ECHO, 1), (ECHO_2, 2), (ECHO_2, 0), (ECHO_2, 2)):
        wire.ask(f"component.scale.{host.id}", scale(host, reference, count))

    assert host.running_code == {"echo": ECHO_2}


def test_a_component_that_runs_is_scaled_whatever_its_reference(
    practice_lattice: PracticeLattice, wire: Wire, host: PracticeHost
) -> None:
    """An image that cannot be pulled hinders only a start: the count of what runs is changed all the same."""
    wire.ask(f"component.scale.{host.id}", scale(host))
    practice_lattice.registry.fail(ECHO)
    wire.events()

    wire.ask(f"component.scale.{host.id}", scale(host, count=7))

    assert [(name, data["max_instances"]) for name, data in wire.events()] == [("component_scaled", 7)]


def test_limits_that_a_host_does_not_know_are_forgotten(wire: Wire, host: PracticeHost) -> None:
    """Of the limits only two are kept, and only as numbers."""
    limits = {"max_memory_limit": "+007", "max_execution_time": "soon", "colour": "1"}

    wire.ask(f"component.scale.{host.id}", scale(host, component_limits=limits))

    assert [entry["limits"] for entry in shown(wire, host)] == [{"max_memory_limit": "7"}]


def test_another_config_alone_is_one_event(wire: Wire, host: PracticeHost) -> None:
    """The same count with another config: one component_scaled; with one that is not there: a failure."""
    wire.ask("config.put.a", {})
    wire.ask(f"component.scale.{host.id}", scale(host))
    wire.events()

    wire.ask(f"component.scale.{host.id}", scale(host, config=["a"]))
    assert [name for name, _ in wire.events()] == ["component_scaled"]
    wire.ask(f"component.scale.{host.id}", scale(host, config=["absent"]))
    ((name, data),) = wire.events()
    assert name == "component_scale_failed"
    assert data["error"] == "Unable to fetch requested config: Config absent does not exist"


def test_a_host_that_had_a_config_has_it_for_ever(wire: Wire, host: PracticeHost) -> None:
    """A host follows each config it once used, and does not notice that it is gone from the bucket."""
    wire.ask("config.put.a", {})
    wire.ask(f"component.scale.{host.id}", scale(host, config=["a"]))
    wire.ask("config.del.a")
    wire.events()

    other = {**scale(host, config=["a"]), "component_id": "other"}
    wire.ask(f"component.scale.{host.id}", other)

    assert [name for name, _ in wire.events()] == ["component_scaled", "component_scaled"]


@pytest.mark.parametrize(
    ("config", "error"),
    [
        (["SECRET_a", "absent"], "Unable to fetch requested config: Config absent does not exist"),
        (
            ["SECRET_a"],
            "Unable to fetch requested secrets: secret store not configured, could not fetch secrets",
        ),
        (
            ["no map"],
            "Unable to fetch requested config: Error fetching config no map: "
            "key cannot be empty or start/end with `.`",
        ),
    ],
)
def test_configs_and_secrets_that_are_not_there(
    wire: Wire, host: PracticeHost, config: list[str], error: str
) -> None:
    """Configs are looked up before secrets, of which a practice host has none."""
    wire.ask(f"component.scale.{host.id}", scale(host, config=config))

    ((name, data),) = wire.events()
    assert (name, data["error"]) == ("component_scale_failed", error)


def test_a_config_under_a_component_makes_no_event_of_the_component(wire: Wire, host: PracticeHost) -> None:
    """A config that is changed or deleted while something runs with it: only its own events."""
    wire.ask("config.put.a", {})
    wire.ask(f"component.scale.{host.id}", scale(host, config=["a"]))
    wire.events()

    wire.ask("config.put.a", {"a": "b"})
    wire.ask("config.del.a")

    assert [name for name, _ in wire.events()] == ["config_set", "config_deleted"]


def test_an_id_with_a_space_fails_once_it_is_to_be_stored(wire: Wire, host: PracticeHost) -> None:
    """It is acknowledged, and then fails; as a link's source it is refused. A dot in an id is fine."""
    wire.ask(f"component.scale.{host.id}", {**scale(host), "component_id": "a b"})
    ((name, data),) = wire.events()
    assert (name, data["error"]) == (
        "component_scale_failed",
        "failed to get component spec: key cannot be empty or start/end with `.`",
    )

    reply = wire.ask("link.put", {**LINK, "source_id": "a b"})
    assert reply == {"success": False, "message": "failed to get component spec"}
    ((name, data),) = wire.events()
    assert (name, data["error"]) == (
        "linkdef_set_failed",
        "failed to get component spec: key cannot be empty or start/end with `.`",
    )

    wire.ask(f"component.scale.{host.id}", {**scale(host), "component_id": "a.b"})
    assert [name for name, _ in wire.events()] == ["component_scaled", "component_scaled"]


def test_commands_for_one_component_are_not_worked_off_in_order(wire: Wire, host: PracticeHost) -> None:
    """Of scales sent at once, another than the last decides now and then."""
    decided: set[int] = set()
    for _ in range(20):
        wire.send(f"component.scale.{host.id}", *(scale(host, count=count) for count in range(1, 6)))
        wire.settle()
        decided.add(shown(wire, host)[0]["max_instances"])

    assert len(decided) > 1


@pytest.mark.parametrize("component_id", ["a b", "a*", "ü", "a."])
def test_ids_that_can_be_no_key(wire: Wire, host: PracticeHost, component_id: str) -> None:
    """Starting such a component fails; stopping it succeeds, as for any that does not run."""
    command = {**scale(host), "component_id": component_id}
    wire.ask(f"component.scale.{host.id}", command)
    wire.ask(f"component.scale.{host.id}", {**command, "count": 0})

    assert [name for name, _ in wire.events()] == ["component_scale_failed", "component_scaled"]


def test_an_id_that_is_a_key_but_no_subject(wire: Wire, host: PracticeHost) -> None:
    """Two dots in a row pass the rule of keys, and then cannot be asked for."""
    wire.ask(f"component.scale.{host.id}", {**scale(host), "component_id": "a..b"})

    ((_, data),) = wire.events()
    assert data["error"] == (
        "failed to get component spec: failed getting entry: error getting message: error getting message"
    )


# Auctions -------------------------------------------------------------------------------------------------


@pytest.mark.practice_lattice(hosts=2)
def test_a_host_takes_a_references_for_an_id_in_auctions(wire: Wire, host: PracticeHost) -> None:
    """A host that runs the id bids all the same; one that runs an id that looks like the reference does not."""
    wire.ask(f"component.scale.{host.id}", scale(host))
    auction = {"component_ref": ECHO, "component_id": "echo", "constraints": {}}

    assert len(wire.gather("component.auction", auction)) == 2
    (bid,) = wire.gather("component.auction", {**auction, "component_ref": "echo"})
    assert json.loads(bid)["response"]["host_id"] != host.id


# Files ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (lambda wasm: b"no WebAssembly", "failed to extract module claims: I/O error: "),
        (lambda wasm: wasm[:-1], "failed to extract module claims: I/O error: "),
        (lambda wasm: wasm.replace(b"\x0a\x04", b"\x0a\x05", 1), "failed to extract module claims: "),
        (
            lambda wasm: wasm[:-40] + (b"B" if wasm[-40:-39] == b"A" else b"A") + wasm[-39:],
            "signature is not valid",
        ),
    ],
    ids=["no-wasm", "cut", "changed", "forged"],
)
def test_a_component_whose_claims_do_not_hold_is_not_started(
    wire: Wire, host: PracticeHost, tmp_path: Path, damage: Any, error: str
) -> None:
    """What was signed must be what is there, and by whom it says."""
    signed = artifacts.sign_component(component(), name="Echo", revision=1, version="0.1.0")
    damaged = damage(signed)
    assert damaged != signed
    path = tmp_path / "echo.wasm"
    path.write_bytes(damaged)

    wire.ask(f"component.scale.{host.id}", scale(host, artifacts.reference(path)))

    ((name, data),) = wire.events()
    assert name == "component_scale_failed"
    assert data["error"].startswith(error)


def test_a_component_whose_claims_have_expired_is_not_started(
    wire: Wire, host: PracticeHost, tmp_path: Path
) -> None:
    """Claims hold only while they say they do."""
    code = component()
    claims = {"iss": "A", "sub": "M", "exp": int(time.time()) - 90_000, "wascap": {"hash": sha256(code)}}
    token = b"e30." + base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=") + b".e30"
    path = tmp_path / "echo.wasm"
    path.write_bytes(code + section(0, sized(b"jwt") + token))

    wire.ask(f"component.scale.{host.id}", scale(host, artifacts.reference(path)))

    ((name, data),) = wire.events()
    assert (name, data["error"]) == ("component_scale_failed", "token expired at `1day ago`")


def test_an_archive_without_a_program_for_this_machine_is_not_started(
    wire: Wire, host: PracticeHost, tmp_path: Path
) -> None:
    """A provider's file that is no archive, or has too little in it, fails with the reader's words."""
    path = tmp_path / "provider.par"
    path.write_bytes(b"x")
    command = {"provider_id": "p", "provider_ref": artifacts.reference(path), "host_id": host.id}

    wire.ask(f"provider.start.{host.id}", command)

    ((name, data),) = wire.events()
    assert (name, data["error"]) == (
        "provider_start_failed",
        "failed to fetch provider: failed to read provider: failed to load provider archive: "
        "Not enough bytes to be a valid PAR file",
    )


# The registry ---------------------------------------------------------------------------------------------


def test_an_image_that_cannot_be_pulled_fails_in_the_hosts_words(
    practice_lattice: PracticeLattice, wire: Wire, host: PracticeHost
) -> None:
    """The registry's reason stands behind what the host was at."""
    practice_lattice.registry.fail(ECHO, "unauthorized")

    wire.ask(f"component.scale.{host.id}", scale(host))
    wire.ask(f"provider.start.{host.id}", {"provider_id": "p", "provider_ref": ECHO, "host_id": host.id})

    assert sorted(data["error"] for _, data in wire.events()) == [
        f"failed to fetch component: failed to fetch component under OCI reference `{ECHO}`: "
        "failed to fetch OCI path: failed to fetch OCI bytes: unauthorized",
        f"failed to fetch provider: failed to fetch provider under OCI reference `{ECHO}`: "
        "failed to fetch OCI path: failed to fetch OCI bytes: unauthorized",
    ]


@pytest.mark.parametrize(
    ("reference", "error"),
    [
        (
            "registry.example/echo:latest",
            "failed to fetch component under OCI reference `registry.example/echo:latest`: failed to fetch OCI "
            "path: fetching images tagged 'latest' is currently prohibited in this host. This option can be "
            "overridden with WASMCLOUD_OCI_ALLOW_LATEST",
        ),
        (
            "",
            "failed to fetch component under OCI reference ``: failed to fetch OCI path: "
            "repository name must have at least one component",
        ),
        (
            "oci://registry.example/echo:1:2",
            "failed to fetch component under OCI reference `registry.example/echo:1:2`: failed to fetch OCI "
            "path: invalid reference format",
        ),
        ("not a ref", "failed to parse reference as OCI reference: invalid domain character"),
        ("file://x/y.wasm", "failed to convert `file://x/y.wasm` to a file path"),
        ("wasmcloud+builtin://http-server", "nothing to fetch for a builtin"),
    ],
)
def test_references_that_cannot_be_fetched(
    wire: Wire, host: PracticeHost, reference: str, error: str
) -> None:
    """Each fails in the host's words."""
    wire.ask(f"component.scale.{host.id}", scale(host, reference))

    ((name, data),) = wire.events()
    assert (name, data["error"]) == ("component_scale_failed", f"failed to fetch component: {error}")


@pytest.mark.parametrize(
    "reference",
    [
        "echo",
        "Registry.Example:5000/Acme/Echo:1",
        "localhost:5000/v2/foo:0.1.0",
        "https://registry.example/acme/echo:1",
        "registry.example/echo@sha256:" + "0" * 64,
    ],
)
def test_references_that_are_pulled(wire: Wire, host: PracticeHost, reference: str) -> None:
    """Any image that could be in a registry is there."""
    wire.ask(f"component.scale.{host.id}", scale(host, reference))

    assert host.running_code == {"echo": reference}


def test_images_can_be_signed(practice_lattice: PracticeLattice, wire: Wire, host: PracticeHost) -> None:
    """A made-up image has the claims it was given: in events, in the inventory and in claims.get."""
    claims = Claims(
        issuer="A" * 56, subject="M" * 56, name="Echo", revision=4, version="1.2", tags=["a", "b"]
    )
    practice_lattice.registry.sign(ECHO, claims)

    wire.ask(f"component.scale.{host.id}", scale(host))

    assert [data["claims"]["revision"] for _, data in wire.events()] == [4, 4]
    assert [(entry["name"], entry["revision"]) for entry in shown(wire, host)] == [("Echo", 4)]
    assert wire.ask("claims.get")["response"] == [
        {
            "call_alias": "",
            "iss": "A" * 56,
            "issuer": "A" * 56,
            "name": "Echo",
            "rev": "4",
            "revision": "4",
            "sub": "M" * 56,
            "subject": "M" * 56,
            "tags": "a,b",
            "version": "1.2",
        }
    ]


# Providers ------------------------------------------------------------------------------------------------


def test_two_starts_of_one_provider_at_once(wire: Wire, host: PracticeHost) -> None:
    """Both are acknowledged, one provider starts, and the other start fails."""
    command = {"provider_id": "p", "provider_ref": ECHO, "host_id": host.id}
    host.stall()  # else the first may have started before the second arrives, which is then refused
    for _ in range(2):
        wire.send(f"provider.start.{host.id}", command)
    host.resume()

    events = wire.events()

    assert sorted(name for name, _ in events) == ["provider_start_failed", "provider_started"]
    assert [data["error"] for _, data in events if "error" in data] == [
        "provider is already running with that ID"
    ]


def test_builtins_run_where_they_are_switched_on(wire: Wire, host: PracticeHost) -> None:
    """A builtin provider's image_ref is its bare name; one that nobody knows fails."""
    host.set_builtins("http-server")
    for name in ("http-server", "nonsense"):
        reference = f"wasmcloud+builtin://{name}"
        wire.ask(f"provider.start.{host.id}", {"provider_id": name, "provider_ref": reference})

    told = dict(wire.events())

    assert told["provider_started"]["image_ref"] == "http-server"
    assert told["provider_start_failed"]["error"] == "unknown builtin name: nonsense"


# Links and configs ----------------------------------------------------------------------------------------


@pytest.mark.practice_lattice(hosts=3)
def test_links_put_at_once_are_lost(practice_lattice: PracticeLattice, wire: Wire) -> None:
    """Hosts read the record, change it and write it back, unchecked: of 20 put at once all are acknowledged, and
    fewer are stored; of 20 put one after the other, all are."""
    # The server spreads the commands over the hosts at random. Stalled, one of three has at least seven at once.
    for host in practice_lattice.hosts:
        host.stall()
    for number in range(20):
        wire.send("link.put", {**LINK, "name": f"at-once-{number}"})
    practice_lattice.wait_for_commands("link.put", 20)
    for host in practice_lattice.hosts:
        host.resume()
    assert [name for name, _ in wire.events()] == ["linkdef_set"] * 20
    assert len(wire.ask("link.get")["response"]) < 20

    for number in range(20):
        wire.ask("link.put", {**LINK, "source_id": "other", "name": f"in-turn-{number}"})
    links = wire.ask("link.get")["response"]
    assert len([link for link in links if link["source_id"] == "other"]) == 20


def test_deleting_a_link_of_a_source_that_never_was(wire: Wire) -> None:
    """Where there is no record of the source, there is no event."""
    gone = {"source_id": "nobody", "wit_namespace": "wasi", "wit_package": "http"}

    reply = wire.ask("link.del", gone)

    assert reply == {"success": True, "message": "successfully deleted link (spec doesn't exist)"}
    assert wire.events() == []


def test_links_with_no_interface_in_common_do_not_clash(wire: Wire) -> None:
    """Two targets can share all but the interfaces."""
    wire.ask("link.put", LINK)

    reply = wire.ask("link.put", {**LINK, "target": "other", "interfaces": ["outgoing-handler"]})

    assert reply["success"] is True
    assert len(wire.ask("link.get")["response"]) == 2


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        ("put", "unable to store config data"),
        ("get", "key cannot be empty or start/end with `.`"),
        ("del", "Unable to delete config data"),
    ],
)
def test_a_config_whose_name_can_be_no_key(wire: Wire, operation: str, message: str) -> None:
    """A name that passes as a token of a subject may still not be stored."""
    assert wire.ask(f"config.{operation}.a~b", b"{}") == {"success": False, "message": message}


def test_twenty_labels_and_configs_at_once_are_all_kept(wire: Wire, host: PracticeHost) -> None:
    """Only changes to the links of one source are lost."""
    for number in range(20):
        wire.send(f"label.put.{host.id}", {"key": f"l{number}", "value": "x"})
        wire.send(f"config.put.c{number}", {"n": str(number)})
    wire.settle()

    assert len([key for key in host.labels if key.startswith("l")]) == 20
    for number in range(20):
        assert wire.ask(f"config.get.c{number}")["response"] == {"n": str(number)}


def test_what_hosts_keep_is_where_real_hosts_keep_it(practice_lattice: PracticeLattice, wire: Wire) -> None:
    """The buckets, their keys and their values are those of real hosts."""
    (host,) = practice_lattice.hosts
    wire.ask("config.put.web", b'{"a":  "b"}')
    wire.ask("link.put", LINK)
    wire.ask(f"component.scale.{host.id}", {**scale(host), "component_id": "other"})

    async def stored(bucket: str, key: str) -> bytes | None:
        store = await wire.client.jetstream().key_value(f"{bucket}_{practice_lattice.lattice}")
        return (await store.get(key)).value

    run = wire._loop.run_until_complete
    assert run(stored("CONFIGDATA", "web")) == b'{"a":  "b"}'
    assert json.loads(run(stored("LATTICEDATA", "COMPONENT_echo")) or b"") == {
        "url": "",
        "links": [{**LINK, "name": "default", "source_config": [], "target_config": []}],
    }
    assert json.loads(run(stored("LATTICEDATA", "COMPONENT_other")) or b"") == {"url": ECHO, "links": []}


# Versions -------------------------------------------------------------------------------------------------


@pytest.mark.practice_lattice(version="1.0.3")
def test_a_host_reports_the_version_that_its_release_reports(wire: Wire, host: PracticeHost) -> None:
    """The release 1.0.3 has the number of the one before. All versions call components so, and tell their version."""
    inventory = wire.ask(f"host.get.{host.id}")["response"]

    assert inventory["version"] == wire.ask("host.ping")["response"]["version"] == "1.0.2"
    assert inventory["components"] == []


@pytest.mark.practice_lattice(version="1.0.4")
def test_a_host_of_1_0_stops_whatever_host_the_payload_names(wire: Wire, host: PracticeHost) -> None:
    """But it refuses an empty payload, which newer hosts accept."""
    refused = wire.ask(f"host.stop.{host.id}")
    assert refused == {"success": False, "message": "failed to deserialize stop command"}

    assert wire.ask(f"host.stop.{host.id}", {"host_id": "NB"}) == {"success": True, "message": ""}
    assert not host.running


@pytest.mark.parametrize("version", ["1.0.4", "1.1.0"])
def test_a_scale_to_another_reference_is_told_with_claims(
    practice_lattice: PracticeLattice, wire: Wire, version: str, tmp_path: Path
) -> None:
    """Before 1.1.0 with those of the code that runs, then with those of the new reference."""
    host = practice_lattice.add_host(version=version)
    files = artifacts.write_artifacts(tmp_path)
    signed, unsigned = artifacts.reference(files.signed), artifacts.reference(files.echo)
    wire.ask(f"component.scale.{host.id}", scale(host, signed))
    wire.events()

    wire.ask(f"component.scale.{host.id}", scale(host, unsigned, 2))

    [(name, told)] = wire.events()
    assert (name, "claims" in told) == ("component_scaled", version == "1.0.4")


@pytest.mark.parametrize("version", ["1.8.0", "1.9.0", "1.9.1", "1.9.2"])
def test_a_host_that_has_started_has_its_id_in_some_versions(
    practice_lattice: PracticeLattice, version: str
) -> None:
    """Only in 1.9.0 and 1.9.1."""
    with practice_lattice.connect() as client, client.events_receiver("host_started") as events:
        host = practice_lattice.add_host(version=version)
        data = events.get(5).to_dict()["data"]

    assert isinstance(data, dict)
    assert data.get("id") == (host.id if version in ("1.9.0", "1.9.1") else None)


def test_hosts_of_several_versions_share_a_lattice(practice_lattice: PracticeLattice, wire: Wire) -> None:
    """A host that is added may be of another version."""
    practice_lattice.add_host(version="1.6.2")

    versions = [json.loads(reply)["response"]["version"] for reply in wire.gather("host.ping")]

    assert sorted(versions) == ["1.6.2", "1.9.2"]
