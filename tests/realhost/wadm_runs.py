"""What is recorded of a real wadm: runs, each with a server, hosts and a wadm of its own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from realhost import harness
from realhost.wadm_manifests import (
    ABSENT,
    ABSENT_PROVIDER,
    ECHO,
    ECHO2,
    PANICS,
    PROVIDER,
    PROVIDER2,
    Manifest,
    component,
    config,
    daemon,
    link,
    manifest,
    odd_manifests,
    provider,
    secret,
    shared,
    spread,
    yaml_text,
    zone,
)
from realhost.wadm_recorder import Recorder

JSON = "application/json"
YAML = "application/yaml"
TWO_HOSTS: tuple[Mapping[str, str], ...] = ({"zone": "z1"}, {"zone": "z2"})


@dataclass(frozen=True)
class Run:
    """Some cases with a server, hosts and a wadm of their own."""

    name: str
    body: Callable[[Recorder], Awaitable[None]]
    hosts: tuple[Mapping[str, str], ...] = ({"zone": "z1"},)
    first: str = "wadm"
    wadm: harness.WadmOptions = field(default_factory=harness.WadmOptions)


# Applications -----------------------------------------------------------------------------------


def stopped(name: str, host: str) -> dict[str, Any]:
    """Return the command that stops a component on a host."""
    return {"component_ref": ECHO, "component_id": name, "host_id": host, "count": 0, "annotations": {}}


async def one_application(wadm: Recorder) -> None:
    """The life of an application with one component."""

    def echo(version: str | None, instances: int, image: str = ECHO) -> Manifest:
        part = component("echo", image, spread(instances), config=[config("web", a="b")])
        return manifest("echo", part, version=version, description="the application echo")

    wadm.case("absent application")
    for operation in ("list", "get", *(f"{name}.echo" for name in ("get", "status", "versions"))):
        await wadm.ask(operation)
    for operation in ("deploy.echo", "undeploy.echo", "del.echo"):
        await wadm.ask(operation)
    wadm.case("first deploy, before wadm has seen a heartbeat")
    await wadm.put(echo("v1", 3))
    for operation in ("list", "get", "get.echo", "versions.echo", "status.echo"):
        await wadm.ask(operation)
    await wadm.deploy("echo")
    await wadm.ask("list")
    await wadm.ask("get")
    await wadm.ask("versions.echo")
    wadm.case("deploy again, nothing to do")
    await wadm.deploy("echo")
    wadm.case("put the same version")
    await wadm.put(echo("v1", 3))
    wadm.case("a new version with another count")
    await wadm.put(echo("v2", 5))
    await wadm.ask("versions.echo")
    await wadm.deploy("echo", "v2")
    await wadm.ask("versions.echo")
    wadm.case("a new version with a lower count")
    await wadm.put(echo("v2.1", 1))
    await wadm.deploy("echo")
    wadm.case("a new version with another image")
    await wadm.put(echo("v3", 5, ECHO2))
    await wadm.deploy("echo", "latest", limit=20)
    wadm.case("back to an old version")
    await wadm.deploy("echo", "v1", limit=20)
    wadm.case("a version that does not exist")
    for operation in ("deploy.echo", "get.echo", "del.echo"):
        await wadm.ask(operation, {"version": "v9"})
    wadm.case("deploy without a version, and with null")
    await wadm.ask("get.echo")
    await wadm.ask("deploy.echo", {"version": None})
    await wadm.quiet(limit=20)
    await wadm.ask("deploy.echo", {})
    await wadm.quiet(limit=20)
    await wadm.look()
    wadm.case("delete one version")
    await wadm.ask("del.echo", {"version": "v1"})
    await wadm.ask("versions.echo")
    wadm.case("put after the delete of the same version")
    await wadm.put(echo("v1", 2))
    await wadm.ask("versions.echo")
    wadm.case("delete the deployed version")
    await wadm.ask("del.echo", {"version": "v3"})
    await wadm.ask("versions.echo")
    await wadm.ask("status.echo")
    await wadm.quiet()
    await wadm.ask("status.echo")
    await wadm.look()
    wadm.case("undeploy, twice")
    await wadm.deploy("echo", "v1", quiet=2)
    await wadm.undeploy("echo")
    await wadm.undeploy("echo")
    await wadm.ask("versions.echo")
    await wadm.ask("list")
    wadm.case("deploy after an undeploy")
    await wadm.deploy("echo")
    wadm.case("delete what is deployed")
    await wadm.ask("del.echo")
    await wadm.ask("status.echo")
    await wadm.ask("versions.echo")
    await wadm.ask("get")
    await wadm.quiet()
    await wadm.ask("status.echo")
    await wadm.look()
    wadm.case("delete again")
    await wadm.ask("del.echo")
    await wadm.ask("undeploy.echo")
    await wadm.quiet(2)
    wadm.case("put after the delete, and without a version")
    await wadm.put(echo("v1", 1))
    await wadm.ask("status.echo")
    await wadm.ask("list")
    await wadm.put(echo(None, 1))
    await wadm.ask("versions.echo")
    wadm.case("delete the versions one by one")
    await wadm.ask("del.echo", {"version": "v1"})
    await wadm.ask("get")
    await wadm.ask("del.echo", {"version": "latest"})
    wadm.case("delete the last version")
    await wadm.ask("del.echo")
    await wadm.put(echo("v1", 1))
    await wadm.ask("del.echo", {"version": "v1"})
    await wadm.ask("get.echo")


async def restart(wadm: Recorder) -> None:
    """What is deployed at once after another deploy."""

    def echo(version: str, instances: int, image: str = ECHO) -> Manifest:
        return manifest("echo", component("echo", image, spread(instances)), version=version)

    wadm.case("two deploys at once, of another count")
    await wadm.put(echo("v1", 1))
    await wadm.put(echo("v2", 2))
    await wadm.ask("deploy.echo", {"version": "v1"})
    await wadm.deploy("echo", "v2", limit=25)
    wadm.case("two deploys at once, of another image")
    await wadm.put(echo("v3", 2, ECHO2))
    await wadm.ask("deploy.echo", {"version": "v3"})
    await wadm.deploy("echo", "v1", limit=25)
    wadm.case("an undeploy at once after a deploy")
    await wadm.ask("deploy.echo", {"version": "v3"})
    await wadm.undeploy("echo")
    wadm.case("a deploy at once after an undeploy")
    await wadm.deploy("echo", "v1", limit=25)
    await wadm.ask("undeploy.echo")
    await wadm.deploy("echo", "v1", limit=25)
    wadm.case("a delete at once after a deploy")
    await wadm.ask("deploy.echo", {"version": "v2"})
    await wadm.ask("del.echo")
    await wadm.quiet()
    await wadm.ask("status.echo")
    await wadm.look()


async def failures(wadm: Recorder) -> None:
    """Applications that cannot be deployed."""
    wadm.case("an image that does not exist")
    await wadm.put(manifest("bad", component("bad", ABSENT, spread(3))))
    await wadm.deploy("bad", limit=21)
    wadm.case("an image that does not exist: undeploy")
    await wadm.undeploy("bad")
    wadm.case("a new version with an image that does not exist, and back")
    await wadm.put(manifest("echo"))
    await wadm.deploy("echo")
    await wadm.put(manifest("echo", component("echo", ABSENT), version="v2"))
    await wadm.deploy("echo", limit=15)
    await wadm.deploy("echo", "v1", limit=15)
    await wadm.undeploy("echo")
    wadm.case("a reference that is none")
    await wadm.put(manifest("odd", component("odd", "not a reference")))
    await wadm.deploy("odd", limit=8)
    await wadm.undeploy("odd")
    wadm.case("no host fits")
    mars = {"name": "mars", "requirements": {"planet": "mars"}}
    await wadm.put(manifest("picky", component("picky", ECHO, spread(2, mars))))
    await wadm.deploy("picky")
    wadm.case("no host fits: undeploy")
    await wadm.undeploy("picky")
    wadm.case("no host fits one of two spreads")
    await wadm.put(manifest("half", component("half", ECHO, spread(2, mars, zone("z1")))))
    await wadm.deploy("half")
    await wadm.undeploy("half")
    wadm.case("no host fits a daemonscaler")
    await wadm.put(manifest("daemon", component("daemon", ECHO, daemon(2, mars))))
    await wadm.deploy("daemon")
    await wadm.undeploy("daemon")
    wadm.case("no host fits a provider")
    await wadm.put(manifest("http", provider("http", PROVIDER, spread(1, mars))))
    await wadm.deploy("http")
    await wadm.undeploy("http")
    wadm.case("no host fits a provider's daemonscaler")
    await wadm.put(manifest("http2", provider("http2", PROVIDER, daemon(1, mars))))
    await wadm.deploy("http2")
    await wadm.undeploy("http2")
    wadm.case("one good and one bad component")
    await wadm.put(manifest("mixed", component("good"), component("bad", ABSENT)))
    await wadm.deploy("mixed", limit=15)
    await wadm.undeploy("mixed")
    wadm.case("a component with 0 instances")
    await wadm.put(manifest("zero", component("zero", ECHO, spread(0))))
    await wadm.deploy("zero")
    await wadm.undeploy("zero")
    wadm.case("an application without components")
    await wadm.put({**manifest("none"), "spec": {"components": []}})
    await wadm.deploy("none")
    await wadm.undeploy("none")
    wadm.case("a component without a scaler")
    await wadm.put(manifest("bare", {"name": "bare", "type": "component", "properties": {"image": ECHO}}))
    await wadm.deploy("bare")
    await wadm.undeploy("bare")
    wadm.case("a component with two scalers")
    await wadm.put(manifest("two", component("two", ECHO, spread(1), spread(2))))
    await wadm.deploy("two", limit=0.3)
    await wadm.undeploy("two")
    wadm.case("more instances than 32 bits hold")
    await wadm.put(manifest("many", component("many", ECHO, spread(2**32 + 2))))
    await wadm.deploy("many", limit=12)
    await wadm.undeploy("many")
    wadm.case("a link from a provider to a provider")
    await wadm.put(manifest("pair", provider("a", PROVIDER, link("b", "outgoing-handler")), provider("b")))
    await wadm.deploy("pair")
    await wadm.undeploy("pair")
    wadm.case("a component with a link and a config, without a scaler")
    bare = component("c", ECHO, link("http", "outgoing-handler"), config=[config("web", a="b")])
    await wadm.put(manifest("linked", bare, provider("http")))
    await wadm.deploy("linked")
    await wadm.undeploy("linked")
    wadm.case("a trait that wadm does not know")
    await wadm.put(manifest("trait", component("trait", ECHO, {"type": "nonsense", "properties": {"a": 1}})))
    await wadm.deploy("trait")
    await wadm.undeploy("trait")


async def bad_provider(wadm: Recorder) -> None:
    """A provider that cannot be started, for longer than wadm waits for one: a minute."""
    wadm.case("a provider whose file does not exist")
    await wadm.put(manifest("http", provider("http", ABSENT_PROVIDER)))
    await wadm.deploy("http", quiet=70, limit=75)
    wadm.case("a provider whose file does not exist: undeploy")
    await wadm.undeploy("http")


async def good_provider(wadm: Recorder) -> None:
    """A provider, until the host has found that it does not answer health checks."""
    wadm.case("a provider that answers no health check")
    await wadm.put(manifest("http", provider("http")))
    await wadm.deploy("http", limit=8)
    await wadm.quiet(45)
    await wadm.ask("status.http")
    wadm.case("a provider: deploy again")
    await wadm.deploy("http")
    wadm.case("a provider: another image")
    await wadm.put(manifest("http", provider("http", PROVIDER2), version="v2"))
    await wadm.deploy("http", quiet=65, limit=130)
    wadm.case("a provider: with a config")
    await wadm.put(manifest("http", provider("http", PROVIDER2, config=[config("web", a="b")]), version="v3"))
    await wadm.deploy("http", quiet=65, limit=130)
    wadm.case("a provider: undeploy, and deploy at once")
    await wadm.ask("undeploy.http")
    await wadm.deploy("http", quiet=65, limit=130)
    wadm.case("a provider: stopped behind wadm's back")
    await wadm.control("provider.stop.HOST-z1", {"host_id": "HOST-z1", "provider_id": "http-http"})
    await wadm.quiet(65, 130)
    await wadm.look()
    wadm.case("a provider: undeploy")
    await wadm.undeploy("http")


async def links(wadm: Recorder) -> None:
    """Components and providers with links and configs."""

    def app(version: str, *components: Any, port: str = "80", name: str = "server") -> Manifest:
        server = provider(
            "http",
            PROVIDER,
            PROVIDER2,
            link(
                {"name": "echo", "config": [config("paths", path="/")]},
                source={"config": [config(name, port=port)]},
            ),
            config=[config("defaults", level="info")],
        )
        echo = component(
            "echo",
            ECHO,
            spread(2),
            link("store", "outgoing-handler", name="backend"),
            config=[config("greeting", text="hi")],
        )
        return manifest("app", *(components or (server, echo, provider("store"))), version=version)

    wadm.case("links and configs: deploy")
    await wadm.put(app("v1"))
    await wadm.ask("get.app")
    await wadm.deploy("app")
    wadm.case("links and configs: deploy again")
    await wadm.deploy("app")
    wadm.case("links and configs: another content of a link's config")
    await wadm.put(app("v2", port="81"))
    await wadm.deploy("app")
    wadm.case("links and configs: another name of a link's config")
    await wadm.put(app("v3", port="81", name="other"))
    await wadm.deploy("app")
    wadm.case("links and configs: without a component and its links")
    await wadm.put(app("v4", provider("http", config=[config("defaults", level="info")]), provider("store")))
    await wadm.deploy("app")
    wadm.case("links and configs: back to the first version")
    await wadm.deploy("app", "v1")
    wadm.case("links and configs: undeploy")
    await wadm.undeploy("app")
    wadm.case("links and configs: delete after the undeploy")
    await wadm.ask("del.app")
    await wadm.quiet(2)


async def configs(wadm: Recorder) -> None:
    """Configs of components, and links whose other parts change."""

    def echo(version: str, *configs: Any, name: str = "echo") -> Manifest:
        return manifest(name, component(name, config=list(configs)), version=version)

    wadm.case("config: deploy")
    await wadm.put(echo("v1", config("web", a="b"), config("more", c="d")))
    await wadm.deploy("echo")
    wadm.case("config: another content under the same name")
    await wadm.put(echo("v2", config("web", a="c"), config("more", c="d")))
    await wadm.deploy("echo")
    wadm.case("config: another name")
    await wadm.put(echo("v3", config("web2", a="c"), config("more", c="d")))
    await wadm.deploy("echo", limit=20)
    wadm.case("config: one fewer")
    await wadm.put(echo("v4", config("web2", a="c")))
    await wadm.deploy("echo", limit=20)
    wadm.case("config: behind wadm's back, another content")
    await wadm.control("config.put.echo-web2", {"a": "mine"})
    await wadm.quiet()
    await wadm.look()
    wadm.case("config: behind wadm's back, deleted")
    await wadm.control("config.del.echo-web2", {})
    await wadm.quiet()
    await wadm.look()
    wadm.case("config: undeploy")
    await wadm.undeploy("echo")
    wadm.case("config: one without properties that does not exist")
    await wadm.put(echo("v1", config("external"), name="ext"))
    await wadm.deploy("ext", limit=20)
    wadm.case("config: one without properties that is put later")
    await wadm.control("config.put.external", {"a": "b"})
    await wadm.quiet()
    await wadm.ask("status.ext")
    await wadm.look()
    wadm.case("config: one without properties, undeploy")
    await wadm.undeploy("ext")
    wadm.case("config: without keys")
    await wadm.put(manifest("empty", component("empty", config=[{"name": "web", "properties": {}}])))
    await wadm.deploy("empty")
    await wadm.undeploy("empty")

    def linked(version: str, *of: Any, instances: int = 1, **properties: Any) -> Manifest:
        target = {"name": "http", "config": list(of)}
        part = component(
            "c", ECHO, spread(instances), link(target, **{"interface": "outgoing-handler", **properties})
        )
        return manifest("linked", part, provider("http"), version=version)

    wadm.case("link: with a config that does not exist")
    await wadm.put(linked("v1", config("absent")))
    await wadm.deploy("linked", limit=20)
    wadm.case("link: with a config that is put later")
    await wadm.control("config.put.absent", {"a": "b"})
    await wadm.quiet()
    await wadm.ask("status.linked")
    await wadm.look()
    wadm.case("link: another config's content under the same name")
    await wadm.put(linked("v2", config("mine", a="b")))
    await wadm.deploy("linked")
    await wadm.put(linked("v3", config("mine", a="c")))
    await wadm.deploy("linked")
    wadm.case("link: another interface under the same name")
    await wadm.put(linked("v4", config("mine", a="c"), interface="incoming-handler"))
    await wadm.deploy("linked", quiet=35, limit=70)
    wadm.case("link: another package under the same name")
    await wadm.put(linked("v5", config("mine", a="c"), package="keyvalue", interfaces=["store"]))
    await wadm.deploy("linked")
    wadm.case("link: another name")
    await wadm.put(linked("v6", config("mine", a="c"), name="second"))
    await wadm.deploy("linked")
    wadm.case("link: behind wadm's back, deleted")
    deletion = {"source_id": "linked-c", "name": "second", "wit_namespace": "wasi", "wit_package": "http"}
    await wadm.control("link.del", deletion)
    await wadm.quiet()
    await wadm.ask("status.linked")
    await wadm.look()
    wadm.case("link: delete")
    await wadm.ask("del.linked")
    await wadm.quiet()
    await wadm.look()
    wadm.case("link: in the deprecated form")
    old = link(
        "http", "outgoing-handler", source_config=[config("s", a="b")], target_config=[config("t", c="d")]
    )
    await wadm.put(manifest("old", component("c", ECHO, spread(1), old), provider("http")))
    await wadm.ask("get.old")
    await wadm.deploy("old")
    await wadm.undeploy("old")


async def two_hosts(wadm: Recorder) -> None:
    """Scalers on two hosts."""

    def echo(version: str, *traits: Any) -> Manifest:
        return manifest("echo", component("echo", ECHO, *traits), version=version)

    wadm.case("daemonscaler on two hosts")
    await wadm.put(echo("v1", daemon(2)))
    await wadm.deploy("echo")
    wadm.case("daemonscaler: another count")
    await wadm.put(echo("v2", daemon(3)))
    await wadm.deploy("echo")
    wadm.case("daemonscaler: on one zone")
    await wadm.put(echo("v3", daemon(3, zone("z2"))))
    await wadm.deploy("echo", limit=20)
    wadm.case("from daemonscaler to spreadscaler")
    await wadm.put(echo("v4", spread(4, zone("z1", 75), zone("z2", 25))))
    await wadm.deploy("echo", limit=20)
    wadm.case("spreadscaler: other weights")
    await wadm.put(echo("v5", spread(4, zone("z1", 1), zone("z2", 1))))
    await wadm.deploy("echo", limit=20)
    wadm.case("spreadscaler: three for two equal weights")
    await wadm.put(echo("v6", spread(3, zone("z1"), zone("z2"))))
    await wadm.deploy("echo", limit=20)
    wadm.case("spreadscaler: other names of the spreads")
    names = [{**zone("z1"), "name": "first"}, {**zone("z2"), "name": "second"}]
    await wadm.put(echo("v7", spread(3, *names)))
    await wadm.deploy("echo", limit=20)
    wadm.case("spreadscaler: one zone fewer")
    await wadm.put(echo("v8", spread(3, names[0])))
    await wadm.deploy("echo", limit=20)
    wadm.case("spreadscaler: without spreads")
    await wadm.put(echo("v9", spread(3)))
    await wadm.deploy("echo", limit=20)
    wadm.case("spreadscaler: without spreads, undeploy")
    await wadm.undeploy("echo")
    for host in ("HOST-z1", "HOST-z2"):
        await wadm.control(f"component.scale.{host}", stopped("echo-echo", host))
    wadm.case("another image on two hosts")
    await wadm.put(echo("v9.1", spread(4, zone("z1"), zone("z2"))))
    await wadm.deploy("echo")
    await wadm.put(
        manifest("echo", component("echo", ECHO2, spread(4, zone("z1"), zone("z2"))), version="v10")
    )
    await wadm.deploy("echo", limit=20)
    wadm.case("two hosts: undeploy")
    await wadm.undeploy("echo")

    def http(version: str, *traits: Any) -> Manifest:
        return manifest("http", provider("http", PROVIDER, *traits), version=version)

    wadm.case("provider: a spreadscaler of two")
    await wadm.put(http("v1", spread(2)))
    await wadm.deploy("http")
    wadm.case("provider: a spreadscaler of one")
    await wadm.put(http("v2", spread(1)))
    await wadm.deploy("http")
    wadm.case("provider: a spreadscaler of three on two hosts")
    await wadm.put(http("v3", spread(3)))
    await wadm.deploy("http", limit=20)
    wadm.case("provider: a daemonscaler")
    await wadm.put(http("v4", daemon(1)))
    await wadm.deploy("http", limit=20)
    wadm.case("provider: a daemonscaler on one zone")
    await wadm.put(http("v5", daemon(1, zone("z1"))))
    await wadm.deploy("http", limit=20)
    wadm.case("provider: undeploy")
    await wadm.undeploy("http")


async def leaving_hosts(wadm: Recorder) -> None:
    """Hosts that stop while something runs on them."""
    wadm.case("a host stops: deploy on both")
    await wadm.put(manifest("echo", component("echo", ECHO, spread(4, zone("z1"), zone("z2")))))
    await wadm.deploy("echo")
    await wadm.put(manifest("any", component("any", ECHO, spread(2)), provider("http", PROVIDER, daemon(1))))
    await wadm.deploy("any")
    wadm.case("a host stops")
    await wadm.stop("HOST-z2")
    await wadm.quiet()
    await wadm.ask("status.echo")
    await wadm.ask("status.any")
    await wadm.look()
    wadm.case("scaled to 0 behind wadm's back")
    for name, path in (("echo-echo", ECHO), ("any-any", ECHO)):
        await wadm.control(
            "component.scale.HOST-z1",
            {
                "component_ref": path,
                "component_id": name,
                "host_id": "HOST-z1",
                "count": 0,
                "annotations": {},
            },
        )
    await wadm.quiet(limit=20)
    await wadm.look()
    wadm.case("a provider stopped behind wadm's back")
    await wadm.control("provider.stop.HOST-z1", {"host_id": "HOST-z1", "provider_id": "any-http"})
    await wadm.quiet(limit=20)
    await wadm.look()
    wadm.case("the last host stops")
    await wadm.stop("HOST-z1")
    await wadm.quiet()
    await wadm.ask("status.echo")
    await wadm.ask("status.any")
    wadm.case("no hosts: deploy")
    await wadm.put(manifest("late"))
    await wadm.ask("list")
    await wadm.deploy("late")
    wadm.case("no hosts: undeploy")
    await wadm.undeploy("echo")
    await wadm.undeploy("late")
    wadm.case("no hosts: delete")
    await wadm.ask("del.any")
    await wadm.quiet(2)
    await wadm.ask("status.any")


async def killed_host(wadm: Recorder) -> None:
    """A host that is killed. wadm is told to forget hosts after 10 seconds."""
    wadm.case("a host is killed: deploy on both")
    await wadm.put(manifest("echo", component("echo", ECHO, spread(4, zone("z1"), zone("z2")))))
    await wadm.deploy("echo")
    await wadm.put(manifest("each", component("each", ECHO, daemon(1))))
    await wadm.deploy("each")
    wadm.case("a host is killed")
    await wadm.kill("HOST-z2")
    await wadm.quiet(25, 40)
    await wadm.ask("status.echo")
    await wadm.ask("status.each")
    await wadm.look()
    wadm.case("a host is killed: undeploy")
    await wadm.undeploy("echo")
    await wadm.undeploy("each")


async def without_hosts(wadm: Recorder) -> None:
    """Applications where no host ever was."""
    wadm.case("no host ever: deploy")
    await wadm.put(manifest("echo"))
    await wadm.deploy("echo")
    await wadm.ask("list")
    await wadm.ask("versions.echo")
    wadm.case("no host ever: undeploy")
    await wadm.undeploy("echo")
    await wadm.ask("list")
    wadm.case("no host ever: delete")
    await wadm.ask("del.echo")
    await wadm.ask("list")


async def first_of_all(wadm: Recorder) -> None:
    """The first deploy after wadm's start, of components, providers, links and configs."""
    server = provider(
        "http", PROVIDER, link({"name": "echo"}, source={"config": [config("server", port="80")]})
    )
    echo = component("echo", ECHO, daemon(2), config=[config("greeting", text="hi")])
    wadm.case("first deploy, of a provider, a link and configs on two hosts")
    await wadm.put(manifest("app", server, echo))
    await wadm.deploy("app")
    await wadm.ask("list")
    wadm.case("first delete")
    await wadm.ask("del.app")
    await wadm.quiet()
    await wadm.look()


async def sharing(wadm: Recorder) -> None:
    """Applications that share components, and ones that have the same id."""
    wadm.case("shared: the sharing application is not deployed")
    lender = manifest(
        "lender", provider("http"), component("lib"), **{"experimental.wasmcloud.dev/shared": "true"}
    )
    borrower = manifest(
        "borrower",
        component("echo", ECHO, spread(1), link("web", "outgoing-handler")),
        shared("capability", "web", "lender", "http", link("echo")),
        shared("component", "lib", "lender", "lib"),
    )
    await wadm.put(borrower)
    await wadm.ask("deploy.borrower")
    await wadm.ask("versions.borrower")
    await wadm.put(lender)
    await wadm.ask("deploy.borrower")
    wadm.case("shared: deploy the sharing application")
    await wadm.deploy("lender")
    wadm.case("shared: deploy what uses it")
    await wadm.put({**borrower, "metadata": {"name": "borrower", "annotations": {"version": "v2"}}})
    await wadm.ask("get.borrower")
    await wadm.deploy("borrower")
    wadm.case("shared: undeploy the sharing application first")
    await wadm.undeploy("lender")
    await wadm.ask("status.borrower")
    await wadm.deploy("borrower")
    wadm.case("shared: undeploy what used it")
    await wadm.undeploy("borrower")
    wadm.case("shared: of an application that is not shared, of another kind, and of another name")
    await wadm.put(manifest("plain", provider("http")))
    await wadm.deploy("plain", quiet=2)
    await wadm.deploy("lender", quiet=2)
    for name, part in (
        ("b1", shared("capability", "web", "plain", "http")),
        ("b2", shared("component", "web", "lender", "http")),
        ("b3", shared("capability", "web", "lender", "nothing")),
        ("b4", shared("capability", "web", "nobody", "http")),
    ):
        await wadm.put(manifest(name, component("echo"), part))
        await wadm.ask(f"deploy.{name}")
    wadm.case("shared: by a version that is not deployed")
    await wadm.put(manifest("lender", component("echo"), version="v2"))
    await wadm.ask("deploy.borrower")
    wadm.case("the same id in two applications")
    for name in ("one", "two"):
        await wadm.put(manifest(name, component(name, ECHO, spread(1), id="same")))
    await wadm.deploy("one", quiet=2)
    await wadm.ask("deploy.two")
    await wadm.ask("versions.two")
    await wadm.undeploy("one")
    await wadm.deploy("two", quiet=2)
    await wadm.ask("deploy.one")
    wadm.case("the id of another application's component, which has none in its manifest")
    await wadm.put(manifest("three", component("three", ECHO, spread(1), id="four-four")))
    await wadm.put(manifest("four", component("four", ECHO2, spread(2))))
    await wadm.deploy("three", quiet=2)
    await wadm.deploy("four", limit=20)
    await wadm.undeploy("three")
    wadm.case("names with capital letters, dashes and underscores")
    await wadm.put(manifest("My_App-1", component("Echo_One", config=[config("Web.conf", a="b")])))
    await wadm.deploy("My_App-1", quiet=2)
    await wadm.undeploy("My_App-1")
    wadm.case("names of components that make the same id")
    await wadm.put(manifest("clash", component("a b"), component("a-b", ECHO2), component("a.b")))
    await wadm.deploy("clash", limit=15)
    await wadm.undeploy("clash")


async def secrets(wadm: Recorder) -> None:
    """An application with secrets, where no backend of secrets runs."""
    policy = {
        "name": "vault",
        "type": "policy.secret.wasmcloud.dev/v1alpha1",
        "properties": {"backend": "vault"},
    }
    wadm.case("secrets: deploy")
    part = component("echo", secrets=[secret("password", "vault", field="f", version="1")])
    await wadm.put(manifest("echo", part, policies=[policy]))
    await wadm.ask("get.echo")
    await wadm.deploy("echo", limit=15)
    wadm.case("secrets: undeploy")
    await wadm.undeploy("echo")
    wadm.case("secrets: of a link and a provider")
    to = {"name": "http", "secrets": [secret("token", "vault")]}
    parts = [
        component(
            "c", ECHO, spread(1), link(to, "outgoing-handler", source={"secrets": [secret("mine", "vault")]})
        ),
        provider("http", secrets=[secret("key", "vault")]),
    ]
    await wadm.put(manifest("linked", *parts, policies=[policy]))
    await wadm.deploy("linked", limit=15)
    await wadm.undeploy("linked")


async def restarted_wadm(wadm: Recorder) -> None:
    """A wadm that stops, and another one that finds what the first has left."""
    wadm.case("wadm stops: deploy")
    await wadm.put(manifest("echo", component("echo", ECHO, spread(2), config=[config("web", a="b")])))
    await wadm.deploy("echo", quiet=2)
    wadm.case("wadm stops")
    await wadm.stop_wadm()
    await wadm.ask("get", answered=False)
    await wadm.control("component.scale.HOST-z1", stopped("echo-echo", "HOST-z1"))
    await wadm.quiet()
    await wadm.look()
    wadm.case("another wadm starts")
    await wadm.start_wadm()
    await wadm.ask("versions.echo")
    await wadm.ask("status.echo")
    await wadm.quiet()
    await wadm.ask("status.echo")
    await wadm.look()
    wadm.case("another wadm starts: another image")
    await wadm.put(
        manifest("echo", component("echo", ECHO2, spread(2), config=[config("web", a="b")]), version="v2")
    )
    await wadm.deploy("echo", limit=20)
    wadm.case("wadm stops, and another starts while nothing changes")
    await wadm.stop_wadm()
    await wadm.start_wadm()
    await wadm.quiet()
    await wadm.deploy("echo", "v1", limit=20)
    wadm.case("wadm stops, and another starts, then delete")
    await wadm.stop_wadm()
    await wadm.start_wadm()
    await wadm.ask("del.echo")
    await wadm.quiet()
    await wadm.ask("status.echo")
    await wadm.look()


# Requests ---------------------------------------------------------------------------------------


async def operations(wadm: Recorder) -> None:
    """Requests that no client sends: unknown operations, odd names, odd payloads."""
    wadm.case("an application for the odd requests")
    await wadm.put(manifest("echo"))
    await wadm.put(manifest("echo", version="v2", description="second"))
    wadm.case("history")
    await wadm.ask("history.echo")
    await wadm.ask("history")
    wadm.case("unknown operations")
    for operation in ("frobnicate", "frobnicate.echo", "delete.echo", "list.echo", "put.echo", "PUT"):
        await wadm.ask(operation)
    wadm.case("operations without a name")
    for operation in ("versions", "status", "deploy", "undeploy", "del"):
        await wadm.ask(operation)
    wadm.case("names with dots")
    for operation in ("get.a.b", "status.a.b", "deploy.a.b"):
        await wadm.ask(operation)
    wadm.case("names with wildcards")
    for operation in ("get.*", "status.*", "status.>", "versions.*"):
        await wadm.ask(operation)
    wadm.case("names with other characters")
    for operation in ("get.ECHO", "get.ec$ho", "get.é", "status.ec/ho", "versions.a=b", "del.ec$ho", "del.é"):
        await wadm.ask(operation)
    for operation in ("get", "deploy", "undeploy", "del"):
        wadm.case(f"odd payloads: {operation}")
        payloads: list[Any] = ["null", "{}", "[]", "3", "nonsense", "{", [None], ["v9"], {"version": None}]
        payloads += [
            {"version": 1},
            {"version": "latest"},
            {"version": ""},
            {"versions": "v9"},
            {"version": "v9", "a": 1},
        ]
        for payload in payloads:
            await wadm.ask(f"{operation}.odd", payload)
            if operation == "get" or (operation == "deploy" and payload == {"version": "latest"}):
                await wadm.ask(f"{operation}.echo", payload)
        await wadm.quiet(2)
    wadm.case("odd payloads: others")
    for operation in ("versions.echo", "status.echo", "list", "get"):
        await wadm.ask(operation, "nonsense")


async def content_types(wadm: Recorder) -> None:
    """Manifests in YAML and JSON, with and without the header."""
    texts: dict[str, Callable[[str], str]] = {
        "YAML": yaml_text,
        "JSON": lambda name: json.dumps(manifest(name)),
    }
    types = (
        None,
        JSON,
        YAML,
        "application/x-yaml",
        "text/yaml",
        "application/json; charset=utf-8",
        "APPLICATION/JSON",
        "",
    )
    for form, make in texts.items():
        for number, content_type in enumerate(types):
            wadm.case(f"put {form} with the content type {content_type!r}")
            await wadm.put(make(f"{form}-{number}"), content_type)
    wadm.case("get what was put as YAML")
    await wadm.ask("get.YAML-2")
    for name, changes in {
        "a version that is a number": [("version: v1", "version: 1.0")],
        "a version that is a number in quotes": [("version: v1", "version: '1.0'")],
        "a version that is true": [("version: v1", "version: true")],
        "a version that is yes": [("version: v1", "version: yes")],
        "a version that is null": [("version: v1", "version: ~")],
        "a version without a value": [("version: v1 ", "version:")],
        "a key twice": [("kind: Application", "kind: Application\nkind: Application")],
        "an annotation twice": [("description: 'über YAML'", "version: v2")],
        "an anchor and an alias": [("version: v1", "version: &v v1"), ("'über YAML'", "*v")],
        "a tag": [("version: v1", "version: !!str 1")],
        "an own tag": [("version: v1", "version: !mine 1")],
        "a tab": [("    version", "\tversion")],
        "instances in octal": [("instances: 1", "instances: 0o17")],
        "instances in old octal": [("instances: 1", "instances: 017")],
        "instances in hexadecimal": [("instances: 1", "instances: 0x1f")],
        "instances with an underscore": [("instances: 1", "instances: 1_000")],
        "instances as a float": [("instances: 1", "instances: 1.0")],
        "instances as text": [("instances: 1", "instances: '1'")],
        "a merge key": [("        image:", "        <<: {id: merged}\n        image:")],
        "two documents": [
            ("        - type", "        - type"),
            ("            instances: 1", "            instances: 1\n---\na: 1"),
        ],
        "a document start and end": [
            ("apiVersion", "---\napiVersion"),
            ("instances: 1", "instances: 1\n..."),
        ],
        "a byte order mark": [("apiVersion", "\ufeffapiVersion")],
        "a numeric component name": [("- name: echo", "- name: 12")],
        "a label that is a number": [("spec:", "  labels: {a: 1}\nspec:")],
        "windows line ends": [("\n", "\r\n")],
    }.items():
        for content_type in (None, YAML):
            wadm.case(f"YAML with {name}" + (", with the header" if content_type else ""))
            await wadm.put(yaml_text("odd", *changes), content_type)
            if wadm.accepted():
                await wadm.ask("get.odd")
                await wadm.ask("del.odd")
    odd: dict[str, Any] = {
        "nothing": "",
        "null": "null",
        "a list": "[]",
        "a text": "nonsense",
        "a number": "3",
        "an empty map": "{}",
        "an open brace": "{",
        "another map": "a: 1",
        "spaces": "   ",
        "bytes that are not UTF-8": b"\xff\xfe",
        "a list of the four fields": json.dumps(list(manifest("list").values())),
    }
    for name, payload in odd.items():
        for content_type in (None, JSON, YAML):
            wadm.case(f"put {name}" + (f", as {content_type}" if content_type else ""))
            await wadm.put(payload, content_type)


async def puts(wadm: Recorder) -> None:
    """Odd manifests: wadm refuses some of them."""
    for what, made in odd_manifests().items():
        for content_type in (None, JSON):
            wadm.case(f"put: {what}" + (", with the header" if content_type else ""))
            await wadm.put(made, content_type)
            if wadm.accepted():
                name = made["metadata"]["name"]
                if content_type:
                    await wadm.ask(f"get.{name}")
                await wadm.ask(f"del.{name}")


def panic(what: str, made: Manifest) -> Run:
    """Return the run of a manifest at which wadm panics."""

    async def body(wadm: Recorder) -> None:
        wadm.case(f"put: {what}")
        await wadm.ask("put", made, answered=False)
        await wadm.ask("get", answered=False)
        await asyncio.sleep(0.5)  # wadm ends by itself
        wadm.ended()

    return Run(f"panic: {what}", body, hosts=())


def panics() -> list[Run]:
    """Return the runs of manifests at which wadm panics."""
    runs = [
        panic(
            what,
            manifest(
                "odd", component("c", ECHO, link("http", **{"interface": "i", **change})), provider("http")
            ),
        )
        for what, change in PANICS.items()
    ]
    scaler = manifest("odd", component("c", ECHO, {**spread(1), "type": "link"}))
    return [*runs, panic("a scaler with the type 'link'", scaler)]


RUNS = (
    Run("one application", one_application, first="hosts"),
    Run("one after the other", restart),
    Run("failures", failures),
    Run("bad provider", bad_provider),
    Run("good provider", good_provider),
    Run("links", links),
    Run("configs", configs),
    Run("two hosts", two_hosts, TWO_HOSTS),
    Run("leaving hosts", leaving_hosts, TWO_HOSTS),
    Run("killed host", killed_host, TWO_HOSTS, wadm=harness.WadmOptions(cleanup_interval=10)),
    Run("without hosts", without_hosts, hosts=()),
    Run("first of all", first_of_all, TWO_HOSTS, first="hosts"),
    Run("restarted wadm", restarted_wadm),
    Run("sharing", sharing),
    Run("secrets", secrets),
    Run("operations", operations, hosts=()),
    Run("content types", content_types, hosts=()),
    Run("puts", puts, hosts=()),
    *panics(),
)
