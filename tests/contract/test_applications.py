"""Applications: what wadm answers and what ``wait`` reports, on a practice wadm and on a real one."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from realhost import harness

import wasmcloud_ctl
from contract.world import LABELS, PATIENCE, References
from wasmcloud_ctl import (
    Client,
    DeployModelResponse,
    Link,
    NoResponders,
    NotFound,
    OperationFailed,
    OperationRejected,
    PutModelResponse,
    Status,
    StatusInfo,
    StatusType,
    VersionInfo,
    WaitTimeout,
)
from wasmcloud_ctl.testing import PracticeLattice, PracticeServer

APPLICATION = "wasmcloud.dev/appspec"

# A failure is certain at the second heartbeat that is 5 s after it.
HEARTBEAT = 1.0

# A wait that is long enough for a real wadm on a busy machine. No test waits until it expires.
WAIT = 90.0

# wadm waits 5 s before it does some things again, and a test may deploy several times.
pytestmark = pytest.mark.timeout(300)

KINDS = ["practice"]
if harness.built() is not None and harness.built_wadm() is not None and harness.version() == "1.9.2":
    KINDS.append("real")


@attrs.frozen
class World:
    """Two hosts with the labels zone=z1 and zone=z2, a wadm, and a client."""

    client: Client
    references: References
    url: str
    lattice: str

    def manifest(
        self, *components: dict[str, Any], name: str = "shop", version: str | None = "v1"
    ) -> dict[str, Any]:
        """Return a manifest: by default, of one component with one instance."""
        annotations = {"description": "a test"} | ({} if version is None else {"version": version})
        return {
            "apiVersion": "core.oam.dev/v1beta1",
            "kind": "Application",
            "metadata": {"name": name, "annotations": annotations},
            "spec": {"components": list(components) or [self.echo()]},
        }

    def echo(
        self, count: int = 1, image: str | None = None, *traits: dict[str, Any], **properties: Any
    ) -> dict[str, Any]:
        """Return a component with a spreadscaler."""
        return {
            "name": "echo",
            "type": "component",
            "properties": {"image": image or self.references.echo, **properties},
            "traits": [{"type": "spreadscaler", "properties": {"instances": count}}, *traits],
        }

    def provider(self, **properties: Any) -> dict[str, Any]:
        """Return a provider without traits."""
        return {
            "name": "http",
            "type": "capability",
            "properties": {"image": self.references.provider, **properties},
        }

    def deploy(self, *components: dict[str, Any], version: str = "v1", name: str = "shop") -> None:
        """Put and deploy a manifest, and wait."""
        self.client.wadm.put_and_deploy_manifest(
            self.manifest(*components, version=version, name=name), wait=WAIT
        )

    def running(self, name: str = "shop") -> dict[str, tuple[str | None, int]]:
        """Return what runs of an application by the hosts' inventories: references and counts by id."""
        found: dict[str, tuple[str | None, int]] = {}
        for inventory in self.client.get_host_inventories(expected=2):
            for component in inventory.components:
                if (component.annotations or {}).get(APPLICATION) == name:
                    count = found.get(component.id, ("", 0))[1] + component.max_instances
                    found[component.id] = component.image_ref, count
            for provider in inventory.providers:
                if (provider.annotations or {}).get(APPLICATION) == name:
                    found[provider.id] = provider.image_ref, found.get(provider.id, ("", 0))[1] + 1
        return found


def link_to(target: dict[str, Any], source: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a link of HTTP, with its ends."""
    properties = {
        "namespace": "wasi",
        "package": "http",
        "interfaces": ["incoming-handler"],
        "target": target,
    }
    return {"type": "link", "properties": properties | ({} if source is None else {"source": source})}


@pytest.fixture(params=KINDS)
def world(request: pytest.FixtureRequest, references: References) -> Iterator[World]:
    """A lattice with two hosts and a wadm that has seen both, of each kind in turn."""
    lattice = f"contract-{uuid.uuid4().hex}"
    with PracticeServer() as server:
        options: dict[str, Any] = {"lattice": lattice, "quiet": 0.25, "timeout": PATIENCE}
        with wasmcloud_ctl.connect(server.url, **options) as client:
            if request.param == "practice":
                with PracticeLattice(
                    hosts=LABELS, lattice=lattice, server=server, heartbeat_interval=HEARTBEAT, wadm=True
                ):
                    yield World(client, references, server.url, lattice)
                return
            host_options = harness.HostOptions(lattice=lattice, heartbeat=HEARTBEAT)
            hosts = harness.real_hosts(server.url, LABELS, host_options, harness.built())
            with harness.real_wadm(server.url, program=harness.built_wadm()), hosts:
                yield World(client, references, server.url, lattice)


# The API ----------------------------------------------------------------------------------------


def test_an_application_has_versions(world: World) -> None:
    """Each manifest is a version; only one is deployed."""
    wadm = world.client.wadm

    created = wadm.put_manifest(world.manifest(version="v1"))
    assert created == PutModelResponse(
        name="shop", current_version="v1", total_versions=1, created=True, message=created.message
    )
    added = wadm.put_manifest(world.manifest(version="v2"))
    assert added == PutModelResponse(
        name="shop", current_version="v2", total_versions=2, created=False, message=added.message
    )
    assert wadm.deploy_manifest("shop", "v1", wait=WAIT) == DeployModelResponse(
        name="shop", version="v1", message="Successfully deployed application shop v1"
    )
    assert wadm.list_versions("shop") == [
        VersionInfo(version="v1", deployed=True),
        VersionInfo(version="v2", deployed=False),
    ]
    assert wadm.get_manifest("shop") == world.manifest(version="v2")
    assert wadm.get_manifest("shop", "v1") == world.manifest(version="v1")
    (summary,) = wadm.list_manifests()
    assert (summary.name, summary.version, summary.deployed_version, summary.description) == (
        "shop",
        "v2",
        "v1",
        "a test",
    )
    assert summary.detailed_status == wadm.get_manifest_status("shop")
    assert summary.detailed_status.info.status_type is StatusType.DEPLOYED


def test_a_version_is_made_up_if_the_manifest_has_none(world: World) -> None:
    """wadm says which."""
    version = world.client.wadm.put_manifest(world.manifest(version=None)).current_version

    assert [found.version for found in world.client.wadm.list_versions("shop")] == [version]


def test_a_manifest_can_be_a_text_a_file_or_a_mapping(world: World, tmp_path: Path) -> None:
    """wadm parses YAML and JSON."""
    wadm = world.client.wadm
    text = json.dumps(world.manifest(name="json"), indent=2)
    yaml = f"""
apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: {{name: yaml, annotations: {{version: "1.0"}}}}
spec:
  components:
    - name: echo  # YAML has comments
      type: component
      properties:
        image: {world.references.echo}
"""
    path = tmp_path / "shop.yaml"
    path.write_text(yaml.replace("name: yaml", "name: file"))

    assert wadm.put_manifest(text).name == "json"
    assert wadm.put_manifest(yaml).current_version == "1.0"
    assert wadm.put_manifest(yaml.replace("1.0", "2.0").encode()).total_versions == 2
    assert wadm.put_manifest(path).name == "file"
    assert sorted(summary.name for summary in wadm.list_manifests()) == ["file", "json", "yaml"]


def test_what_wadm_refuses_is_rejected(world: World) -> None:
    """With wadm's own reason, and without its backtrace."""
    wadm = world.client.wadm
    wadm.put_manifest(world.manifest())

    for call in (
        lambda: wadm.put_manifest(world.manifest()),
        lambda: wadm.put_manifest(world.manifest(version="latest")),
        lambda: wadm.put_manifest(world.manifest(name="with space")),
        lambda: wadm.put_manifest("{"),
        lambda: wadm.deploy_manifest("shop", "v9"),
    ):
        with pytest.raises(OperationRejected, match=r"^wadm refused: ") as caught:
            call()
        assert "backtrace" not in str(caught.value)


def test_what_does_not_exist_is_not_found(world: World) -> None:
    """But its status is undeployed, and there is nothing to delete."""
    wadm = world.client.wadm

    for call in (
        lambda: wadm.get_manifest("shop"),
        lambda: wadm.list_versions("shop"),
        lambda: wadm.deploy_manifest("shop"),
        lambda: wadm.deploy_manifest("shop", wait=WAIT),
        lambda: wadm.undeploy_manifest("shop"),
        lambda: wadm.undeploy_manifest("shop", wait=WAIT),
    ):
        with pytest.raises(NotFound, match=r"^Application with the name shop not found$"):
            call()
    assert wadm.get_manifest_status("shop") == Status(info=StatusInfo(status_type=StatusType.UNDEPLOYED))
    assert wadm.list_manifests() == []
    assert wadm.delete_manifest("shop") is False
    assert wadm.delete_manifest("shop", wait=WAIT) is False
    wadm.put_manifest(world.manifest())
    with pytest.raises(NotFound, match=r"^Application shop with version v9 doesn't exist$"):
        wadm.get_manifest("shop", "v9")
    assert wadm.delete_manifest("shop", "v9") is False
    assert wadm.delete_manifest("mart", "v9") is False


def test_the_deletion_of_a_version_that_does_not_exist_undeploys_nothing(world: World) -> None:
    """As it does when wadm is told to."""
    world.deploy()
    assert world.client.wadm.delete_manifest("shop", "v9", wait=WAIT) is False
    with world.client.wadm.subscribe_to_status("shop") as statuses, pytest.raises(WaitTimeout):
        statuses.get(2 * HEARTBEAT)

    assert world.running() == {"shop-echo": (world.references.echo, 1)}


def test_no_wadm_is_named(world: World) -> None:
    """The error says what to check, for another lattice of the practice wadm and for another prefix."""
    with wasmcloud_ctl.connect(world.url, lattice=world.lattice, wadm_prefix="other.api") as client:
        with pytest.raises(NoResponders, match=f"no wadm runs for lattice '{world.lattice}'.*wadm_prefix"):
            client.wadm.list_manifests()


def test_statuses_are_received(world: World) -> None:
    """Of one application, or of all."""
    wadm = world.client.wadm
    with wadm.subscribe_to_status("shop") as one, wadm.subscribe_to_status() as every:
        wadm.put_and_deploy_manifest(world.manifest(name="mart"))
        wadm.put_and_deploy_manifest(world.manifest())
        told = one.get(PATIENCE)
        while told.status.info.status_type is not StatusType.DEPLOYED:
            told = one.get(PATIENCE)
        names = {every.get(PATIENCE).name}
        while len(names) < 2:
            names.add(every.get(PATIENCE).name)

    assert told.name == "shop"
    assert told.status == wadm.get_manifest_status("shop")
    assert [(found.kind, found.name) for found in told.status.scalers] == [("SpreadScaler", "shop-echo")]
    assert names == {"mart", "shop"}


# Waits ------------------------------------------------------------------------------------------


def test_a_deployed_application_runs(world: World) -> None:
    """Its components, providers, links and configs are there when the call returns."""
    link = link_to(
        {"name": "echo", "config": [{"name": "web", "properties": {"port": "80"}}]},
        {"config": [{"name": "address", "properties": {"address": "0.0.0.0:80"}}]},
    )
    provider = {**world.provider(), "traits": [link]}
    echo = world.echo(3, config=[{"name": "greeting", "properties": {"text": "hello"}}])
    world.deploy(echo, provider)

    running = world.running()
    assert running["shop-echo"] == (world.references.echo, 3)
    assert running["shop-http"][1] == 1
    assert world.client.get_links().unwrap() == [
        Link(
            source_id="shop-http",
            target="shop-echo",
            wit_namespace="wasi",
            wit_package="http",
            interfaces=["incoming-handler"],
            source_config=["shop-address"],
            target_config=["shop-web"],
        )
    ]
    assert world.client.get_config("shop-greeting").unwrap() == {"text": "hello"}
    assert world.client.get_config("shop-web").unwrap() == {"port": "80"}


def test_a_link_has_secrets(world: World) -> None:
    """wadm stores each one's reference as a config. Nothing reads it until the link is used."""
    secret: dict[str, Any] = {"name": "key", "properties": {"policy": "vault", "key": "k"}}
    link = link_to({"name": "echo", "secrets": [secret]}, {"secrets": [{**secret, "name": "Mine"}]})
    manifest = world.manifest({**world.echo(1, None, link), "name": "front"}, world.echo())
    manifest["spec"]["policies"] = [
        {
            "name": "vault",
            "type": "policy.secret.wasmcloud.dev/v1alpha1",
            "properties": {"backend": "vault"},
        }
    ]
    world.client.wadm.put_and_deploy_manifest(manifest, wait=WAIT)

    (found,) = world.client.get_links().unwrap()
    assert (found.source_config, found.target_config) == (("SECRET_shop-mine",), ("SECRET_shop-key",))
    secret["properties"]["key"] = "k2"
    manifest["metadata"]["annotations"]["version"] = "v2"
    world.client.wadm.put_and_deploy_manifest(manifest, wait=WAIT)
    assert world.client.get_config("SECRET_shop-key").unwrap()["key"] == "k2"


def test_a_deploy_that_changes_nothing_returns(world: World) -> None:
    """wadm publishes nothing then."""
    world.deploy()
    with world.client.wadm.subscribe_to_status("shop") as statuses:
        world.client.wadm.deploy_manifest("shop", "v1", wait=8.0)
        with pytest.raises(WaitTimeout):
            statuses.get(0)

    assert world.running() == {"shop-echo": (world.references.echo, 1)}


def test_the_next_version_runs(world: World) -> None:
    """Another count, another image, and back to an old version."""
    world.deploy(world.echo(2), version="v1")
    assert world.running() == {"shop-echo": (world.references.echo, 2)}
    world.deploy(world.echo(5), version="v2")
    assert world.running() == {"shop-echo": (world.references.echo, 5)}
    world.deploy(world.echo(1, world.references.echo2), version="v3")
    assert world.running() == {"shop-echo": (world.references.echo2, 1)}
    world.client.wadm.deploy_manifest("shop", "v1", wait=WAIT)
    assert world.running() == {"shop-echo": (world.references.echo, 2)}


def test_a_config_with_other_contents_is_there(world: World) -> None:
    """Under the same name, so that wadm's scaler stays the same."""
    for text in ("hello", "goodbye"):
        config = [{"name": "greeting", "properties": {"text": text}}]
        world.deploy(world.echo(1, config=config), version=text)
        assert world.client.get_config("shop-greeting").unwrap() == {"text": text}


def test_a_config_that_wadm_loses_is_no_success(world: World) -> None:
    """With another image and the same config, wadm can delete the config. Another deployment puts it again."""
    config = [{"name": "greeting", "properties": {"text": "hello"}}]
    world.deploy(world.echo(1, config=config), version="v1")
    reasons = []
    try:
        world.deploy(world.echo(1, world.references.echo2, config=config), version="v2")
    except OperationFailed as error:
        reasons.append(error.reason)
        world.client.wadm.deploy_manifest("shop", "v2", wait=WAIT)

    lost = "the config shop-greeting does not exist, though wadm says deployed: deploy this version again"
    refused = "Unable to fetch requested config: Config shop-greeting does not exist"
    assert reasons in ([], [lost], [refused])
    assert world.client.get_config("shop-greeting").unwrap() == {"text": "hello"}
    assert world.running() == {"shop-echo": (world.references.echo2, 1)}


def test_what_a_version_no_longer_has_is_gone(world: World) -> None:
    """A component and its link."""
    second = {**world.echo(2), "name": "second"}
    link = link_to({"name": "second"})
    world.deploy(world.echo(1, None, link), second, version="v1")
    assert sorted(world.running()) == ["shop-echo", "shop-second"]
    assert len(world.client.get_links().unwrap()) == 1
    world.deploy(world.echo(1), version="v2")

    assert world.running() == {"shop-echo": (world.references.echo, 1)}
    assert world.client.get_links().unwrap() == []


def test_instances_are_spread_over_hosts(world: World) -> None:
    """By a spreadscaler in shares, by a daemonscaler on each host."""
    spread = [
        {"name": "most", "requirements": {"zone": "z1"}, "weight": 80},
        {"name": "rest", "requirements": {"zone": "z2"}, "weight": 20},
    ]
    shares = {
        **world.echo(),
        "traits": [{"type": "spreadscaler", "properties": {"instances": 5, "spread": spread}}],
    }
    everywhere = {
        **world.echo(),
        "name": "everywhere",
        "traits": [{"type": "daemonscaler", "properties": {"instances": 2}}],
    }
    world.deploy(shares, everywhere)

    counts = {
        inventory.labels["zone"]: {found.id: found.max_instances for found in inventory.components}
        for inventory in world.client.get_host_inventories(expected=2)
    }
    assert counts == {
        "z1": {"shop-echo": 4, "shop-everywhere": 2},
        "z2": {"shop-echo": 1, "shop-everywhere": 2},
    }


def test_an_image_that_does_not_exist_fails(world: World) -> None:
    """With wadm's reason, which is the host's."""
    world.deploy()
    with pytest.raises(OperationFailed, match=r"^the deployment of shop v2 failed: ") as caught:
        world.deploy(world.echo(1, world.references.absent), version="v2")

    assert caught.value.reason == (
        "failed to fetch component: failed to read component: No such file or directory (os error 2)"
    )
    world.client.wadm.deploy_manifest("shop", "v1", wait=WAIT)
    assert world.running() == {"shop-echo": (world.references.echo, 1)}


def test_a_spread_that_no_host_fits_fails(world: World) -> None:
    """It is the standing word of a wadm that knows all hosts."""
    spread = [{"name": "mars", "requirements": {"planet": "mars"}}]
    echo = {
        **world.echo(),
        "traits": [{"type": "spreadscaler", "properties": {"instances": 2, "spread": spread}}],
    }
    with pytest.raises(OperationFailed) as caught:
        world.deploy(echo)

    assert caught.value.reason == (
        "Spread requirement conflict: mars spread requires 2 instances vs 0 computed from reconciliation commands"
    )


def test_a_scaler_that_wadm_loses_is_no_success(world: World) -> None:
    """wadm stores a spread without its empty requirements, and cannot read it again. It says deployed then."""
    spread = {"instances": 1, "spread": [{"name": "any", "requirements": {}}]}
    lost = {**world.echo(), "name": "lost", "traits": [{"type": "spreadscaler", "properties": spread}]}
    text = json.dumps(world.manifest(world.echo(), lost))
    with pytest.raises(OperationFailed) as caught:
        world.client.wadm.put_and_deploy_manifest(text, wait=WAIT)

    assert caught.value.reason == (
        "wadm says deployed, but has no scaler for shop-lost: give each spread a requirement"
    )
    assert world.running() == {"shop-echo": (world.references.echo, 1)}


def test_a_link_that_wadm_does_not_make_is_no_success(world: World) -> None:
    """For wadm, a link of the same name between the same two is the same, whatever it is for."""
    http, other = link_to({"name": "echo"}), link_to({"name": "echo"})
    other["properties"]["package"] = "keyvalue"
    world.deploy({**world.echo(1, None, http), "name": "front"}, world.echo())
    with pytest.raises(OperationFailed) as caught:
        world.deploy({**world.echo(1, None, http, other), "name": "front"}, world.echo(), version="v2")

    assert caught.value.reason == (
        "the link from shop-front to shop-echo is not as the manifest says, though wadm says deployed: give the "
        "link a name of its own"
    )
    assert [link.wit_package for link in world.client.get_links().unwrap()] == ["http"]


def test_a_provider_runs_on_whatever_its_spread_is_called(world: World) -> None:
    """wadm leaves it alone when the spread has another name."""
    for version in ("v1", "v2"):
        spread = {"name": version, "requirements": {"zone": "z1"}}
        trait = {"type": "spreadscaler", "properties": {"instances": 1, "spread": [spread]}}
        world.deploy({**world.provider(), "traits": [trait]}, version=version)

    assert {part: count for part, (_, count) in world.running().items()} == {"shop-http": 1}


def test_a_wait_that_is_too_short_says_what_was_seen(world: World) -> None:
    """With the last word of each scaler."""
    with pytest.raises(WaitTimeout) as caught:
        world.client.wadm.put_and_deploy_manifest(
            world.manifest(world.echo(1, world.references.absent)), wait=3.0
        )

    assert str(caught.value).startswith(
        "the deployment of shop v1 was acknowledged, but not certain within 3 s: shop-echo has 0 of 1 instances in "
        "spread default; wadm says: SpreadScaler shop-echo "
    )
    assert caught.value.last_seen is not None


@pytest.mark.parametrize("waited", [True, False])
def test_nothing_of_an_undeployed_application_runs(world: World, waited: bool) -> None:
    """Even if its deployment has just begun. Its versions stay."""
    world.client.wadm.put_and_deploy_manifest(
        world.manifest(world.echo(3), world.provider()), wait=WAIT if waited else None
    )
    assert world.client.wadm.undeploy_manifest("shop", wait=WAIT) == "shop"

    assert world.running() == {}
    assert world.client.wadm.list_versions("shop") == [VersionInfo(version="v1", deployed=False)]
    assert world.client.wadm.undeploy_manifest("shop", wait=WAIT) == "shop"


def test_nothing_of_a_deleted_application_runs(world: World) -> None:
    """Nor of a deleted version that was deployed. Another version goes without a stop."""
    wadm = world.client.wadm
    wadm.put_manifest(world.manifest(version="v0"))
    world.deploy(world.echo(3), version="v1")
    assert wadm.delete_manifest("shop", "v0", wait=WAIT) is True
    assert world.running() == {"shop-echo": (world.references.echo, 3)}
    wadm.put_manifest(world.manifest(version="v2"))
    assert wadm.delete_manifest("shop", "v1", wait=WAIT) is True
    assert world.running() == {}
    wadm.deploy_manifest("shop", "v2", wait=WAIT)
    assert world.running() == {"shop-echo": (world.references.echo, 1)}
    assert wadm.delete_manifest("shop", wait=WAIT) is True
    assert world.running() == {}
    assert wadm.list_manifests() == []


def test_an_application_shares_a_component_of_another(world: World) -> None:
    """It belongs to the application that runs it, and stays when the other one goes."""
    base = world.manifest(world.echo(2), name="base")
    base["metadata"]["annotations"]["experimental.wasmcloud.dev/shared"] = "true"
    world.client.wadm.put_and_deploy_manifest(base, wait=WAIT)
    shared = {
        "name": "base-echo",
        "type": "component",
        "properties": {"application": {"name": "base", "component": "echo"}},
    }
    link = link_to({"name": "base-echo"})
    world.deploy({**world.echo(1, None, link), "name": "front"}, shared)

    assert world.running() == {"shop-front": (world.references.echo, 1)}
    assert [found.target for found in world.client.get_links().unwrap()] == ["base-echo"]
    world.client.wadm.delete_manifest("shop", wait=WAIT)
    assert world.running("base") == {"base-echo": (world.references.echo, 2)}


def test_a_client_for_another_lattice_has_its_applications(world: World) -> None:
    """On the same connection."""
    world.client.wadm.put_manifest(world.manifest())
    with wasmcloud_ctl.connect(world.url, lattice="other") as client:
        (summary,) = client.for_lattice(world.lattice).wadm.list_manifests()

    assert summary.name == "shop"
