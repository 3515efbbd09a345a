"""What can be wrong with a practice wadm, one by one, seen through the client."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from calling import Calling, wait_until

from wasmcloud_ctl import (
    Client,
    DecodeError,
    NoResponders,
    OperationRejected,
    RequestTimeout,
    Status,
    StatusInfo,
    StatusReceiver,
    StatusType,
    WaitTimeout,
)
from wasmcloud_ctl.testing import PracticeLattice, PracticeWadm

ECHO = "registry.example/acme/echo:1"

# No test waits until it expires.
WAIT = 20.0

# The hosts' heartbeats are 30 s apart: a test that needs one has a host publish it.
pytestmark = pytest.mark.practice_lattice(wadm=True)


def manifest(
    name: str = "shop", version: str = "v1", count: int = 1, kind: str = "component"
) -> dict[str, Any]:
    """An application of one component or provider."""
    return {
        "apiVersion": "core.oam.dev/v1beta1",
        "kind": "Application",
        "metadata": {"name": name, "annotations": {"version": version}},
        "spec": {
            "components": [
                {
                    "name": "echo",
                    "type": kind,
                    "properties": {"image": ECHO},
                    "traits": [{"type": "spreadscaler", "properties": {"instances": count}}],
                }
            ]
        },
    }


@pytest.fixture
def lattice(practice_lattice: PracticeLattice) -> PracticeLattice:
    """One host and a wadm."""
    return practice_lattice


@pytest.fixture
def wadm(lattice: PracticeLattice) -> PracticeWadm:
    """The wadm."""
    return lattice.wadm


@pytest.fixture
def client(lattice: PracticeLattice) -> Iterator[Client]:
    """A client that waits long enough for a busy machine."""
    with lattice.connect(quiet=0.25, timeout=5) as client:
        yield client


def counts(lattice: PracticeLattice, client: Client) -> dict[str, int]:
    """How many instances of each component the host runs."""
    inventory = client.get_host_inventory(lattice.hosts[0].id).unwrap()
    return {component.id: component.max_instances for component in inventory.components}


def wait_for_status(statuses: StatusReceiver, wanted: StatusType) -> Status:
    """The next status of this type."""
    while True:
        status = statuses.get(timeout=5).status
        if status.info.status_type is wanted:
            return status


# Start and stop -----------------------------------------------------------------------------------------


def test_a_stopped_wadm_is_gone_and_what_it_has_started_runs_on(
    lattice: PracticeLattice, wadm: PracticeWadm, client: Client
) -> None:
    """Nobody answers then. Once it is back, it has its manifests and statuses."""
    client.wadm.put_and_deploy_manifest(manifest(), wait=WAIT)
    before = client.wadm.list_manifests()
    assert repr(wadm) == f"<PracticeWadm of {lattice.lattice}, running>"

    wadm.stop()
    wadm.stop()
    assert not wadm.running
    assert repr(wadm) == f"<PracticeWadm of {lattice.lattice}, stopped>"
    with pytest.raises(NoResponders):
        client.wadm.list_manifests()
    assert counts(lattice, client) == {"shop-echo": 1}

    wadm.start()
    wadm.start()
    assert wadm.running
    assert client.wadm.list_manifests() == before


def test_a_wadm_that_has_just_started_does_nothing_until_a_heartbeat(
    lattice: PracticeLattice, wadm: PracticeWadm, client: Client
) -> None:
    """It answers, and knows no host. At the heartbeat, it goes on with what is deployed."""
    client.wadm.put_and_deploy_manifest(manifest(), wait=WAIT)
    wadm.stop()
    wadm.start()

    assert client.wadm.put_and_deploy_manifest(manifest(version="v2", count=3)).version == "v2"
    lattice.settle()
    assert counts(lattice, client) == {"shop-echo": 1}

    lattice.hosts[0].beat()
    lattice.settle()
    assert counts(lattice, client) == {"shop-echo": 3}


def test_a_wadm_that_is_stopped_drops_what_it_was_about_to_do(
    lattice: PracticeLattice, wadm: PracticeWadm, client: Client
) -> None:
    """A request that it did not serve is lost, and so is what it was told to deploy."""
    wadm.stall()
    with pytest.raises(RequestTimeout):
        client.wadm.put_manifest(manifest(), timeout=0.2)

    wadm.stop()
    wadm.start()
    wadm.resume()

    assert client.wadm.list_manifests() == []


def test_a_wadm_ends_with_its_lattice() -> None:
    """It cannot be called then, and a new one starts with the lattice."""
    with PracticeLattice(wadm=True) as lattice:
        wadm = lattice.wadm
    assert not wadm.running
    with pytest.raises(RuntimeError, match="the practice lattice is not running"):
        wadm.start()

    with lattice:
        assert lattice.wadm is not wadm
        assert lattice.wadm.running


@pytest.mark.parametrize(
    "lattice", [PracticeLattice(), PracticeLattice(wadm=True)], ids=["without", "not started"]
)
def test_there_is_no_wadm_unless_the_lattice_was_started_with_one(lattice: PracticeLattice) -> None:
    """The error says what to do."""
    with pytest.raises(RuntimeError, match=r"has no wadm: make it with wadm=True, and start it$"):
        _ = lattice.wadm


def test_only_a_lattice_with_a_wadm_needs_pyyaml() -> None:
    """It is in the extra testing, which the error names. A lattice that has a server needs no extra."""
    script = """
import sys
sys.modules["yaml"] = None  # as if it was not installed
from wasmcloud_ctl.testing import PracticeLattice
with PracticeLattice(hosts=2) as lattice:
    print(len(lattice.hosts))
try:
    PracticeLattice(wadm=True)
except ModuleNotFoundError as error:
    print(error)
from wasmcloud_ctl.testing.__main__ import main
main(["--wadm"])
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=20)

    message = "a wadm in the practice lattice needs PyYAML: pip install 'wasmcloud_ctl[testing]'"
    assert (ended.stdout, ended.stderr) == (f"2\n{message}\n", f"{message}\n")


# Pauses -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "operation"), [("component", "component.scale"), ("capability", "provider.start")]
)
def test_how_long_wadm_waits_for_the_end_of_a_command_can_be_set(
    lattice: PracticeLattice, wadm: PracticeWadm, client: Client, kind: str, operation: str
) -> None:
    """It sends the command again at the first event after that."""
    lattice.registry.hold(ECHO)
    pause = "component" if kind == "component" else "provider"
    others: dict[str, Any] = {"component": 60.0, "provider": 60.0, "failure": 60.0}

    wadm.set_pauses(**others)
    client.wadm.put_and_deploy_manifest(manifest(kind=kind))
    lattice.wait_for_commands(operation)
    wadm.set_pauses(**{**others, pause: 0.05})
    client.wadm.put_and_deploy_manifest(manifest("mart", kind=kind))
    while len(sent := lattice.wait_for_commands(operation, 2)) < 4:
        lattice.hosts[0].beat()

    assert [b"shop-echo" in command.payload for command in sent[:4]] == [True, False, False, False]


def test_how_long_wadm_waits_after_a_failure_can_be_set(
    lattice: PracticeLattice, wadm: PracticeWadm, client: Client
) -> None:
    """It tries again at the first event after that."""
    lattice.registry.fail(ECHO, "unauthorized")
    wadm.set_pauses(failure=60.0)
    with client.wadm.subscribe_to_status("shop") as statuses:
        client.wadm.put_and_deploy_manifest(manifest())
        failed = wait_for_status(statuses, StatusType.FAILED)
        assert failed.info.message.endswith("unauthorized")
    lattice.hosts[0].beat()
    lattice.settle()
    assert len(lattice.wait_for_commands("component.scale")) == 1

    wadm.set_pauses(failure=0.05)
    with client.wadm.subscribe_to_status("mart") as statuses:
        client.wadm.put_and_deploy_manifest(manifest("mart"))
        wait_for_status(statuses, StatusType.FAILED)
    lattice.registry.restore(ECHO)
    while len(lattice.wait_for_commands("component.scale", 2)) < 3:
        lattice.hosts[0].beat()
    lattice.settle()
    assert counts(lattice, client) == {"mart-echo": 1}


# Late replies, or none ----------------------------------------------------------------------------------


def test_a_stalled_wadm_keeps_requests_and_serves_them_later(
    lattice: PracticeLattice, wadm: PracticeWadm, client: Client
) -> None:
    """Nothing is answered while it stalls."""
    wadm.stall()
    with pytest.raises(RequestTimeout):
        client.wadm.put_manifest(manifest(), timeout=0.2)
    with pytest.raises(TimeoutError):
        lattice.settle(timeout=0.1)

    wadm.resume()
    lattice.settle()

    assert [found.name for found in client.wadm.list_manifests()] == ["shop"]


def test_a_slow_wadm_answers_late(lattice: PracticeLattice, wadm: PracticeWadm, client: Client) -> None:
    """A wadm that is slower than the timeout has done it all the same."""
    wadm.slow(0.2)
    started = time.monotonic()
    assert client.wadm.list_manifests() == []
    assert time.monotonic() - started >= 0.2

    with pytest.raises(RequestTimeout):
        client.wadm.put_manifest(manifest(), timeout=0.05)
    lattice.settle()
    assert [found.name for found in client.wadm.list_manifests()] == ["shop"]


def test_a_wadm_that_is_held_acknowledges_and_does_nothing(
    lattice: PracticeLattice, wadm: PracticeWadm, client: Client
) -> None:
    """Once it is released, it does all that it has missed."""
    wadm.hold()
    assert client.wadm.put_and_deploy_manifest(manifest()).version == "v1"
    with pytest.raises(TimeoutError):
        lattice.settle(timeout=0.1)
    assert client.wadm.get_manifest_status("shop").info.status_type is StatusType.UNDEPLOYED
    assert counts(lattice, client) == {}

    wadm.release()
    lattice.settle()

    assert client.wadm.get_manifest_status("shop").info.status_type is StatusType.DEPLOYED
    assert counts(lattice, client) == {"shop-echo": 1}


# Wrong replies and statuses -----------------------------------------------------------------------------


def test_requests_that_are_refused(wadm: PracticeWadm, client: Client) -> None:
    """With the given message, and without an effect, for the operation that was named, or for all."""
    wadm.refuse("Unauthorized", operation="model.put")
    with pytest.raises(OperationRejected, match="Unauthorized"):
        client.wadm.put_manifest(manifest())
    assert client.wadm.list_manifests() == []

    wadm.refuse()
    with pytest.raises(OperationRejected, match="Internal storage error"):
        client.wadm.list_manifests()


def test_replies_that_are_no_json(wadm: PracticeWadm, client: Client) -> None:
    """A reply that is something else is an error that shows it, and the request was served."""
    wadm.reply_with(b"oops", operation="model.put")

    with pytest.raises(DecodeError) as caught:
        client.wadm.put_manifest(manifest())

    assert caught.value.raw == b"oops"
    assert [found.name for found in client.wadm.list_manifests()] == ["shop"]


def test_replies_that_are_lost(lattice: PracticeLattice, wadm: PracticeWadm, client: Client) -> None:
    """The application was deployed; only nobody says so."""
    client.wadm.put_manifest(manifest())
    wadm.lose_replies(operation="model.deploy")

    with pytest.raises(RequestTimeout) as caught:
        client.wadm.deploy_manifest("shop", timeout=0.3)

    assert caught.value.sent is True
    lattice.settle()
    assert counts(lattice, client) == {"shop-echo": 1}


def test_statuses_that_are_lost(lattice: PracticeLattice, wadm: PracticeWadm, client: Client) -> None:
    """NATS delivers statuses at most once: those of the applications that were named do not come, or none at all."""
    wadm.lose_statuses("shop")
    with client.wadm.subscribe_to_status() as statuses:
        client.wadm.put_and_deploy_manifest(manifest())
        lattice.settle()
        client.wadm.put_and_deploy_manifest(manifest("mart"))
        assert statuses.get(timeout=5).name == "mart"
        lattice.settle()

    assert client.wadm.get_manifest_status("shop").info.status_type is StatusType.DEPLOYED
    wadm.lose_statuses()
    with client.wadm.subscribe_to_status() as statuses:
        client.wadm.put_and_deploy_manifest(manifest("mart", "v2", 2))
        lattice.settle()
        with pytest.raises(WaitTimeout):
            statuses.get(timeout=0.05)


def test_any_status_can_be_published(lattice: PracticeLattice, wadm: PracticeWadm, client: Client) -> None:
    """It is the answer to requests, until wadm publishes the next one."""
    failed = Status(info=StatusInfo(status_type=StatusType.FAILED, message="out of hosts"))
    with client.wadm.subscribe_to_status("shop") as statuses:
        wadm.publish_status("shop", {"status": {"type": "failed", "message": "out of hosts"}})
        assert statuses.get(timeout=5).status == failed
    assert client.wadm.get_manifest_status("shop") == failed

    client.wadm.put_and_deploy_manifest(manifest())
    lattice.settle()
    assert client.wadm.get_manifest_status("shop").info.status_type is StatusType.DEPLOYED


def test_recovering_takes_all_faults_away(
    lattice: PracticeLattice, wadm: PracticeWadm, client: Client
) -> None:
    """After recover wadm is as it was."""
    wadm.refuse()
    wadm.reply_with(b"oops")
    wadm.slow(60)
    wadm.lose_statuses()
    wadm.hold()
    wadm.stall()

    wadm.recover()

    with client.wadm.subscribe_to_status("shop") as statuses:
        client.wadm.put_and_deploy_manifest(manifest())
        wait_for_status(statuses, StatusType.DEPLOYED)
    assert counts(lattice, client) == {"shop-echo": 1}


# Its surroundings ---------------------------------------------------------------------------------------


def test_a_lattice_with_a_wadm_can_be_made_by_the_fixture(
    make_practice_lattice: Callable[..., PracticeLattice],
) -> None:
    """With another prefix of the API, which its clients have, too."""
    lattice = make_practice_lattice(2, wadm=True, wadm_prefix="acme.wadm")
    with lattice.connect() as client:
        assert client.wadm.put_manifest(manifest()).created
    (command,) = lattice.wait_for_commands("model.put")

    assert command.subject == f"acme.wadm.{lattice.lattice}.model.put"


def test_a_request_without_a_reply_subject_is_served(lattice: PracticeLattice, client: Client) -> None:
    """wadm has nobody to answer then."""
    payload = json.dumps(manifest()).encode()
    lattice.publish(f"wadm.api.{lattice.lattice}.model.put", payload)
    lattice.wait_for_commands("model.put")
    lattice.settle()

    assert [found.name for found in client.wadm.list_manifests()] == ["shop"]


def test_a_lattice_without_hosts_settles(make_practice_lattice: Callable[..., PracticeLattice]) -> None:
    """A deployment waits for the first host. That is no work in progress."""
    lattice = make_practice_lattice(0, wadm=True)
    with lattice.connect() as client:
        client.wadm.put_and_deploy_manifest(manifest())
        lattice.settle()

        assert client.wadm.get_manifest_status("shop").info.status_type is StatusType.UNDEPLOYED


def test_a_lattice_without_hosts_settles_when_requests_are_served(
    make_practice_lattice: Callable[..., PracticeLattice],
) -> None:
    """Though the deployment before them waits for the first host."""
    lattice = make_practice_lattice(0, wadm=True)
    lattice.wadm.slow(0.3)
    with lattice.connect() as client:
        client.wadm.put_and_deploy_manifest(manifest())
        asking = Calling(client.wadm.list_manifests)
        lattice.wait_for_commands("model.get")
        lattice.settle()

        assert asking.end().error is None


def test_a_subject_without_an_operation_is_refused(lattice: PracticeLattice, client: Client) -> None:
    """In wadm's words."""

    async def ask() -> bytes:
        return (await client.nats_client.request(f"wadm.api.{lattice.lattice}.model", timeout=5)).data

    refusal = {"message": "Invalid subject: Expected to find API operation", "result": "error"}
    assert json.loads(client.run(ask)) == refusal


def test_wadm_goes_on_without_the_answers_of_hosts(lattice: PracticeLattice, client: Client) -> None:
    """It asks for links and configs. What it does not learn, it does later."""
    (host,) = lattice.hosts
    lattice.wadm.set_pauses(component=0.01, failure=0.01)
    host.reply_with(b"[]", operation="link.get")
    host.reply_with(b"oops", operation="config.get")
    configured = manifest()
    config = [{"name": "web", "properties": {"a": "b"}}]
    configured["spec"]["components"][0]["properties"]["config"] = config
    client.wadm.put_and_deploy_manifest(configured)
    lattice.settle()
    host.recover()

    def is_stored() -> bool:
        host.beat()
        lattice.settle()
        return client.get_config("shop-web").data == {"a": "b"}

    wait_until(is_stored)


def test_a_link_between_providers_is_left_out(lattice: PracticeLattice, client: Client) -> None:
    """As by the real wadm, which says deployed."""
    linked = manifest(kind="capability")
    other = {"name": "other", "type": "capability", "properties": {"image": ECHO}}
    link = {"namespace": "wasi", "package": "http", "interfaces": ["a"], "target": {"name": "other"}}
    linked["spec"]["components"][0]["traits"].append({"type": "link", "properties": link})
    linked["spec"]["components"].append(other)
    with client.wadm.subscribe_to_status("shop") as statuses:
        client.wadm.put_and_deploy_manifest(linked)
        status = wait_for_status(statuses, StatusType.DEPLOYED)

    assert [scaler.kind for scaler in status.scalers] == ["SpreadScaler", "SpreadScaler"]
