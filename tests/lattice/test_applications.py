"""Waits for applications where something is in the way, on a practice wadm."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from calling import Calling
from terminals import Terminal, is_clean

import wasmcloud_ctl
from wasmcloud_ctl import (
    Client,
    InvalidArgument,
    NoResponders,
    OperationFailed,
    PermissionDenied,
    RequestTimeout,
    StatusType,
    WaitTimeout,
)
from wasmcloud_ctl.testing import PracticeLattice, PracticeServer

ECHO = "registry.example/acme/echo:1"
ECHO_2 = "registry.example/acme/echo:2"

# No test waits until it expires.
WAIT = 60.0


def manifest(image: str = ECHO, count: int = 2, version: str = "v1") -> dict[str, Any]:
    """An application of one component."""
    return {
        "apiVersion": "core.oam.dev/v1beta1",
        "kind": "Application",
        "metadata": {"name": "shop", "annotations": {"version": version, "description": "a test"}},
        "spec": {
            "components": [
                {
                    "name": "echo",
                    "type": "component",
                    "properties": {"image": image},
                    "traits": [{"type": "spreadscaler", "properties": {"instances": count}}],
                }
            ]
        },
    }


def practice(server: PracticeServer, **options: Any) -> PracticeLattice:
    """Two hosts and a wadm, in a lattice of this test's own."""
    lattice = f"test-{uuid.uuid4().hex}"
    return PracticeLattice(
        hosts=2, lattice=lattice, server=server, heartbeat_interval=0.5, wadm=True, **options
    )


@pytest.fixture
def lattice(practice_server: PracticeServer) -> Iterator[PracticeLattice]:
    """Two hosts and a wadm."""
    with practice(practice_server) as lattice:
        yield lattice


@pytest.fixture
def client(lattice: PracticeLattice) -> Iterator[Client]:
    """A client of the lattice."""
    with lattice.connect(quiet=0.25, timeout=10.0) as client:
        yield client


def running_code(lattice: PracticeLattice) -> set[str]:
    """The images whose code runs, which hosts do not always tell."""
    return {image for host in lattice.hosts for image in host.running_code.values()}


# What a wait proves -----------------------------------------------------------------------------


@pytest.mark.timeout(120)  # ten deployments take 18 to 31 s
def test_the_code_of_the_new_image_runs(lattice: PracticeLattice, client: Client) -> None:
    """And not that of the old one under a new name, at each of ten changes of the image or of image and count."""
    for number in range(10):
        image, count = (ECHO, ECHO_2)[number % 2], 2 + number // 5 * (number % 3)
        client.wadm.put_and_deploy_manifest(manifest(image, count, f"v{number}"), wait=WAIT)

        assert running_code(lattice) == {image}
        inventories = client.get_host_inventories(expected=2)
        assert sum(found.max_instances for one in inventories for found in one.components) == count


def test_a_host_that_is_killed_no_longer_counts(lattice: PracticeLattice, client: Client) -> None:
    """wadm goes on counting what ran there, and says deployed."""
    client.wadm.put_and_deploy_manifest(manifest(), wait=WAIT)
    (runs,) = [host for host in lattice.hosts if host.running_code]
    runs.kill()

    with pytest.raises(
        WaitTimeout, match="shop-echo has 0 of 2 instances in spread default; wadm says: "
    ) as caught:
        client.wadm.deploy_manifest("shop", wait=3.0)
    assert caught.value.last_seen == (
        "shop-echo has 0 of 2 instances in spread default; wadm says: SpreadScaler shop-echo deployed"
    )


def test_a_host_that_does_not_answer_is_named(lattice: PracticeLattice, client: Client) -> None:
    """What runs there is not known: something of the version before may."""
    client.wadm.put_and_deploy_manifest(manifest(), wait=WAIT)
    (other,) = [host for host in lattice.hosts if not host.running_code]
    lattice.registry.hold(ECHO_2)
    with lattice.connect(quiet=0.25, timeout=0.5) as hasty:
        deploying = Calling(
            lambda: hasty.wadm.put_and_deploy_manifest(manifest(ECHO_2, version="v2"), wait=4.0)
        )
        lattice.wait_for_commands("model.deploy", 2)
        other.stall()
        lattice.registry.release(ECHO_2)
        error = deploying.end().error
    other.resume()

    assert isinstance(error, WaitTimeout)
    assert f"the host {other.id} does not answer, so what runs there is unknown" in str(error)
    client.wadm.deploy_manifest("shop", wait=WAIT)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (lambda client: client.wadm.deploy_manifest("shop", "v0"), "version v0 was deployed meanwhile"),
        (lambda client: client.wadm.undeploy_manifest("shop"), "the application was undeployed meanwhile"),
        (lambda client: client.wadm.delete_manifest("shop"), "the application was undeployed meanwhile"),
    ],
)
def test_a_deployment_that_somebody_ends_has_failed(
    lattice: PracticeLattice, client: Client, command: Callable[[Client], object], reason: str
) -> None:
    """By another version, or by an undeployment."""
    lattice.registry.hold(ECHO_2)
    client.wadm.put_manifest(manifest(version="v0"))
    deploying = Calling(lambda: client.wadm.put_and_deploy_manifest(manifest(ECHO_2), wait=WAIT))
    lattice.wait_for_commands("component.scale")
    command(client)
    error = deploying.end().error
    lattice.registry.release(ECHO_2)

    assert isinstance(error, OperationFailed)
    assert str(error) == f"the deployment of shop v1 failed: {reason}"
    assert error.reason == reason


def test_what_began_before_an_undeployment_may_still_be_carried_out(
    lattice: PracticeLattice, client: Client
) -> None:
    """A host that pulls the image does not take notice of the undeployment, so nothing is certain yet."""
    lattice.registry.hold(ECHO)
    client.wadm.put_and_deploy_manifest(manifest())
    lattice.wait_for_commands("component.scale")

    with pytest.raises(WaitTimeout, match="a command that wadm sent before may still be carried out"):
        client.wadm.undeploy_manifest("shop", wait=1.5)
    with client.events_receiver("component_scaled") as scaled:
        lattice.registry.release(ECHO)
        scaled.get(10)
    with pytest.raises(WaitTimeout, match="shop-echo still runs on "):
        client.wadm.undeploy_manifest("shop", wait=1.5)


def test_a_restart_of_the_server_ends_no_wait() -> None:
    """The wait looks again when the server is back, and takes what it sees where events are missing."""
    with PracticeServer() as server, practice(server) as lattice, lattice.connect(quiet=0.25) as client:
        lattice.registry.hold(ECHO)
        deploying = Calling(lambda: client.wadm.put_and_deploy_manifest(manifest(), wait=WAIT))
        lattice.wait_for_commands("component.scale")
        server.restart()
        lattice.registry.release(ECHO)
        deploying.end()

        assert deploying.error is None
        assert running_code(lattice) == {ECHO}


def test_messages_that_are_no_events_or_statuses_are_no_hints(
    lattice: PracticeLattice, client: Client
) -> None:
    """Anybody may publish under these subjects."""
    lattice.registry.hold(ECHO)
    deploying = Calling(lambda: client.wadm.put_and_deploy_manifest(manifest(), wait=WAIT))
    lattice.wait_for_commands("component.scale")
    for payload in (b"", b"{", b'{"status":{"type":"new"}}'):
        lattice.publish(f"wadm.status.{lattice.lattice}.shop", payload)
        lattice.publish(f"wasmbus.evt.{lattice.lattice}.component_scaled", payload)
    lattice.registry.release(ECHO)

    assert deploying.end().error is None


def test_hosts_may_come_and_go_during_a_wait(lattice: PracticeLattice, client: Client) -> None:
    """A host that stops counts no more, and one that starts does."""
    lattice.registry.hold(ECHO)
    everywhere = manifest(count=1)
    everywhere["spec"]["components"][0]["traits"][0]["type"] = "daemonscaler"
    deploying = Calling(lambda: client.wadm.put_and_deploy_manifest(everywhere, wait=WAIT))
    lattice.wait_for_commands("component.scale")
    lattice.hosts[1].stop()
    lattice.add_host()
    lattice.registry.release(ECHO)

    assert deploying.end().error is None
    assert [host.running_code for host in lattice.hosts] == [{"shop-echo": ECHO}, {}, {"shop-echo": ECHO}]


def test_a_provider_that_fails_first_is_waited_for(lattice: PracticeLattice, client: Client) -> None:
    """wadm starts it again."""
    lattice.wadm.set_pauses(provider=0.5, failure=0.5)
    lattice.registry.fail(ECHO)
    provider = manifest(count=1)
    provider["spec"]["components"][0]["type"] = "capability"
    with client.events_receiver("provider_start_failed") as failures:
        deploying = Calling(lambda: client.wadm.put_and_deploy_manifest(provider, wait=WAIT))
        failures.get(10)
        lattice.registry.restore(ECHO)
        deploying.end()

    assert deploying.error is None
    inventories = client.get_host_inventories(expected=2)
    assert [found.id for one in inventories for found in one.providers] == ["shop-echo"]


def test_what_began_before_a_deployment_may_still_be_carried_out(
    lattice: PracticeLattice, client: Client
) -> None:
    """So the same version is not certain before a while has passed, though all is as it should be."""
    lattice.registry.hold(ECHO)
    client.wadm.put_and_deploy_manifest(manifest())
    lattice.wait_for_commands("component.scale")
    deploying = Calling(lambda: client.wadm.deploy_manifest("shop", wait=WAIT))
    lattice.wait_for_commands("model.deploy", 2)
    lattice.registry.release(ECHO)
    deploying.end()

    assert deploying.error is None
    assert deploying.seconds >= 5.0


def test_a_removal_that_somebody_undoes_is_not_certain(lattice: PracticeLattice, client: Client) -> None:
    """By another deployment."""
    client.wadm.put_and_deploy_manifest(manifest(), wait=WAIT)
    lattice.wadm.hold()
    removing = Calling(lambda: client.wadm.undeploy_manifest("shop", wait=2.0))
    lattice.wait_for_commands("model.undeploy")
    client.wadm.deploy_manifest("shop")
    error = removing.end().error

    assert isinstance(error, WaitTimeout)
    assert "version v1 is deployed" in str(error)


def test_a_status_before_the_command_proves_nothing(lattice: PracticeLattice, client: Client) -> None:
    """It belongs to what was deployed before."""
    client.wadm.put_manifest(manifest())
    deploying = Calling(lambda: client.wadm.deploy_manifest("shop", wait=WAIT))
    lattice.wait_for_commands("host.ping")
    for message in ("first", "second", "third"):
        lattice.wadm.publish_status("shop", {"status": {"type": "failed", "message": message}})

    assert deploying.end().error is None
    assert running_code(lattice) == {ECHO}


def test_a_config_that_no_host_can_be_asked_for_does_not_exist(client: Client) -> None:
    """wadm accepts any name in a text, and then waits for the config for ever."""
    odd = manifest()
    odd["spec"]["components"][0]["properties"]["config"] = [{"name": "theirs.conf"}]

    with pytest.raises(WaitTimeout) as caught:
        client.wadm.put_and_deploy_manifest(json.dumps(odd), wait=2.0)

    assert str(caught.value.last_seen).startswith(
        "shop-echo has 0 of 2 instances in spread default; wadm says: "
    )


def test_an_application_without_scalers_is_deployed(client: Client) -> None:
    """Its status stays undeployed: nothing of it runs."""
    nothing = manifest()
    del nothing["spec"]["components"][0]["traits"]
    assert client.wadm.put_and_deploy_manifest(nothing, wait=WAIT).version == "v1"

    assert client.wadm.get_manifest_status("shop").info.status_type is StatusType.UNDEPLOYED


def test_what_runs_on_a_silent_host_runs_elsewhere_when_wadm_forgets_it(
    lattice: PracticeLattice, client: Client
) -> None:
    """The wait goes on until then."""
    lattice.wadm.set_pauses(silence=2.0)
    client.wadm.put_and_deploy_manifest(manifest(), wait=WAIT)
    (runs,) = [host for host in lattice.hosts if host.running_code]
    (other,) = [host for host in lattice.hosts if not host.running_code]
    runs.kill()
    client.wadm.deploy_manifest("shop", wait=WAIT)

    assert other.running_code == {"shop-echo": ECHO}


@pytest.mark.parametrize("kind", ["component", "capability"])
def test_what_runs_on_a_host_that_no_longer_fits_is_moved(
    lattice: PracticeLattice, client: Client, kind: str
) -> None:
    """Labels can change."""
    first, second = lattice.hosts
    client.put_label(first.id, "zone", "here").raise_for_status()
    moving = manifest(count=1)
    part = moving["spec"]["components"][0]
    part["type"] = kind
    part["traits"][0]["properties"]["spread"] = [{"name": "here", "requirements": {"zone": "here"}}]
    client.wadm.put_and_deploy_manifest(moving, wait=WAIT)
    client.delete_label(first.id, "zone").raise_for_status()
    client.put_label(second.id, "zone", "here").raise_for_status()
    client.wadm.deploy_manifest("shop", wait=WAIT)

    runs = {
        one.host_id: [found.id for found in one.components] + [found.id for found in one.providers]
        for one in client.get_host_inventories(expected=2)
    }
    assert runs == {first.id: [], second.id: ["shop-echo"]}


@pytest.mark.parametrize("kind", ["component", "capability"])
def test_a_daemonscaler_without_hosts_fails(client: Client, kind: str) -> None:
    """With wadm's reason."""
    nowhere = manifest(count=1)
    part = nowhere["spec"]["components"][0]
    part["type"] = kind
    spread = [{"name": "mars", "requirements": {"planet": "mars"}}]
    part["traits"] = [{"type": "daemonscaler", "properties": {"instances": 1, "spread": spread}}]
    with pytest.raises(OperationFailed) as caught:
        client.wadm.put_and_deploy_manifest(nowhere, wait=WAIT)

    assert caught.value.reason == f"Could not satisfy daemonscaler mars for {ECHO}, 0 eligible hosts found."


# Permissions ------------------------------------------------------------------------------------


@pytest.fixture
def deaf(request: pytest.FixtureRequest) -> Iterator[PracticeLattice]:
    """A lattice whose server lets the user ``me`` subscribe to no statuses."""
    config = """
        authorization { users: [
            { user: host, password: hunter1 }
            { user: me, password: hunter2, permissions: { subscribe: { deny: "wadm.status.>" } } }
        ] }
    """
    with PracticeServer(config=config) as server:
        login = {"user": "host", "password": "hunter1"}
        with practice(server, connect_options=login) as lattice:
            yield lattice


@pytest.mark.timeout(120)  # the waits took 15 s
def test_without_statuses_wadm_is_asked(deaf: PracticeLattice) -> None:
    """So an outcome is certain for a user who may not receive them, too."""
    with deaf.connect(user="me", password="hunter2", quiet=0.25) as client:
        with pytest.raises(PermissionDenied):
            client.wadm.subscribe_to_status()
        client.wadm.put_and_deploy_manifest(manifest(), wait=WAIT)
        assert running_code(deaf) == {ECHO}
        deaf.registry.fail(ECHO_2, "manifest unknown")
        with pytest.raises(OperationFailed) as caught:
            client.wadm.put_and_deploy_manifest(manifest(ECHO_2, version="v2"), wait=WAIT)
        assert "manifest unknown" in str(caught.value.reason)
        client.wadm.undeploy_manifest("shop", wait=WAIT)
        assert running_code(deaf) == set()


# Time -------------------------------------------------------------------------------------------


def test_nothing_is_sent_when_the_time_is_up_before(lattice: PracticeLattice, client: Client) -> None:
    """The look before the command counts for the wait, too."""
    client.wadm.put_manifest(manifest())
    with pytest.raises(WaitTimeout) as caught:
        client.wadm.deploy_manifest("shop", wait=0.1)

    assert str(caught.value) == "the deployment of shop was not sent: 0.1 s passed before that"
    assert caught.value.last_seen is None
    assert [found.deployed for found in client.wadm.list_versions("shop")] == [False]


def test_a_wait_shows_what_was_seen_last(
    lattice: PracticeLattice, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is waited for, how long of how long, and what is still missing."""
    pytest.importorskip("tqdm")
    terminal = Terminal(capsys)
    lattice.registry.hold(ECHO)
    with lattice.connect(quiet=0.25, progress=True) as client, pytest.raises(WaitTimeout):
        client.wadm.put_and_deploy_manifest(manifest(), wait=2.4)
    lattice.registry.release(ECHO)

    assert terminal.drawn()[-1] == (
        "the deployment of shop v1: 2 of 2.4 s, shop-echo has 0 of 2 instances in spread default"
    )
    assert is_clean(terminal)


# Arguments --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (
            lambda wadm: wadm.put_manifest(5),
            "manifest must be a mapping, a pathlib.Path, or the manifest's text, not",
        ),
        (lambda wadm: wadm.put_manifest(Path("/absent.yaml")), "the manifest cannot be read: .*/absent.yaml"),
        (lambda wadm: wadm.put_manifest({"kind": 5}), r"the manifest does not fit at \$\.apiVersion: "),
        (lambda wadm: wadm.put_manifest("\ud800"), "the manifest cannot be sent: surrogates not allowed"),
        (lambda wadm: wadm.get_manifest("a.b"), "name must not contain '.'"),
        (lambda wadm: wadm.get_manifest(""), "name must not be empty"),
        (lambda wadm: wadm.get_manifest("shop", ""), "version must not be "),
        (lambda wadm: wadm.list_versions("*"), "name must not contain '.'"),
        (lambda wadm: wadm.get_manifest_status(None), "name must be a string"),
        (lambda wadm: wadm.deploy_manifest("shop", 5), "version must be a string"),
        (lambda wadm: wadm.deploy_manifest("a b", wait=1), "name must not contain ' '"),
        (lambda wadm: wadm.deploy_manifest("shop", wait=0), "wait must be "),
        (lambda wadm: wadm.put_and_deploy_manifest({}, wait=-1), "wait must be "),
        (lambda wadm: wadm.put_and_deploy_manifest({}, timeout=0), "timeout must be "),
        (lambda wadm: wadm.undeploy_manifest("shop", wait=float("nan")), "wait must be "),
        (lambda wadm: wadm.delete_manifest("shop", timeout=0), "timeout must be "),
        (lambda wadm: wadm.subscribe_to_status("a.b"), "name must not contain '.'"),
        (lambda wadm: wadm.subscribe_to_status(maxsize=0), "maxsize must be "),
        (lambda wadm: wadm.subscribe_to_status(overflow="block"), "overflow must be "),
    ],
)
def test_an_argument_that_is_wrong_is_refused_before_anything_is_sent(
    client: Client, call: Callable[[Any], object], reason: str
) -> None:
    """The error names the argument."""
    with pytest.raises(InvalidArgument, match=f"^{reason}"):
        call(client.wadm)


def test_a_receiver_counts_what_it_drops_and_what_is_no_status(
    lattice: PracticeLattice, client: Client
) -> None:
    """As a receiver of events does."""
    with client.wadm.subscribe_to_status(maxsize=1) as statuses:
        assert repr(statuses) == f"<StatusReceiver lattice={lattice.lattice!r} open dropped=0 gaps=0>"
        lattice.publish(f"wadm.status.{lattice.lattice}.shop", b"[]")
        lattice.publish(f"wadm.status.{lattice.lattice}.mart", b'{"status":{"type":"ready"}}')
        changed = statuses.get(10)
        with pytest.raises(WaitTimeout, match=r"^no status is in the queue$"):
            statuses.get(0)

    assert (changed.name, changed.status.info.status_type) == ("mart", StatusType.DEPLOYED)
    assert statuses.dropped + statuses.undecodable == 1


def test_a_wadm_that_is_gone_is_named(practice_server: PracticeServer) -> None:
    """By a request at once. A wait that has begun goes on: wadm may come back."""
    with PracticeLattice(server=practice_server, lattice=f"test-{uuid.uuid4().hex}") as lattice:
        with lattice.connect() as client:
            with pytest.raises(NoResponders, match=f"no wadm runs for lattice '{lattice.lattice}'"):
                client.wadm.deploy_manifest("shop", wait=WAIT)


def test_a_wadm_that_does_not_answer_is_a_timeout(practice_server: PracticeServer) -> None:
    """Before a command: nothing was sent."""
    lattice = f"test-{uuid.uuid4().hex}"
    with wasmcloud_ctl.connect(practice_server.url, lattice=lattice, timeout=0.3) as client:

        async def ignore(_: object) -> None:
            pass

        async def subscribe() -> None:
            await client.nats_client.subscribe(f"wadm.api.{lattice}.model.>", cb=ignore)
            await client.nats_client.flush()

        client.run(subscribe)
        with pytest.raises(RequestTimeout, match="the responder may be stopped or slow"):
            client.wadm.list_manifests()
        with pytest.raises(
            RequestTimeout, match="the deployment of shop: the command was not sent"
        ) as caught:
            client.wadm.deploy_manifest("shop", wait=WAIT)
        assert caught.value.sent is False
