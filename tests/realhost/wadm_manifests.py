"""Manifests for recordings of wadm: what makes them up, and odd ones that wadm may refuse.

DIR stands for the folder of the files that hosts load.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

Manifest = dict[str, Any]

ECHO = "file://DIR/echo.wasm"
ECHO2 = "file://DIR/echo2.wasm"
PROVIDER = "file://DIR/provider.par"
PROVIDER2 = "file://DIR/provider2.par"
ABSENT = "file://DIR/absent.wasm"
ABSENT_PROVIDER = "file://DIR/absent.par"


def manifest(
    name: str, *components: Any, version: str | None = "v1", policies: Any = None, **annotations: str
) -> Manifest:
    """Return a manifest, by default of one component with the name of the application."""
    if version is not None:
        annotations["version"] = version
    spec: dict[str, Any] = {"components": list(components) or [component(name)]}
    if policies is not None:
        spec["policies"] = policies
    return {
        "apiVersion": "core.oam.dev/v1beta1",
        "kind": "Application",
        "metadata": {"name": name, "annotations": annotations},
        "spec": spec,
    }


def component(name: str, image: str = ECHO, *traits: Any, **properties: Any) -> dict[str, Any]:
    """Return a component, by default of one instance."""
    return _part("component", name, image, traits or (spread(1),), properties)


def provider(name: str, image: str = PROVIDER, *traits: Any, **properties: Any) -> dict[str, Any]:
    """Return a provider, without a scaler unless one is given."""
    return _part("capability", name, image, traits, properties)


def shared(
    kind: str, name: str, application: str, of: str, *traits: Any, **properties: Any
) -> dict[str, Any]:
    """Return a component or provider that another application shares."""
    return _part(
        kind, name, None, traits, {"application": {"name": application, "component": of}, **properties}
    )


def _part(
    kind: str, name: str, image: str | None, traits: Sequence[Any], properties: dict[str, Any]
) -> dict[str, Any]:
    if image is not None:
        properties = {"image": image, **properties}
    part = {"name": name, "type": kind, "properties": properties}
    return {**part, "traits": list(traits)} if traits else part


def spread(instances: Any, *spreads: Any) -> dict[str, Any]:
    """Return a spreadscaler."""
    return _scaler("spreadscaler", instances, spreads)


def daemon(instances: Any, *spreads: Any) -> dict[str, Any]:
    """Return a daemonscaler."""
    return _scaler("daemonscaler", instances, spreads)


def _scaler(kind: str, instances: Any, spreads: Sequence[Any]) -> dict[str, Any]:
    properties = {"instances": instances, **({"spread": list(spreads)} if spreads else {})}
    return {"type": kind, "properties": properties}


def zone(name: str, weight: int | None = None) -> dict[str, Any]:
    """Return a spread on the hosts of a zone."""
    plain: dict[str, Any] = {"name": name, "requirements": {"zone": name}}
    return plain if weight is None else {**plain, "weight": weight}


def link(target: Any, interface: str = "incoming-handler", **properties: Any) -> dict[str, Any]:
    """Return a link of wasi:http."""
    properties = {"namespace": "wasi", "package": "http", "interfaces": [interface], **properties}
    return {"type": "link", "properties": {"target": target, **properties}}


def config(name: str, **properties: str) -> dict[str, Any]:
    """Return a config: an existing one, if it has no properties."""
    return {"name": name, "properties": properties} if properties else {"name": name}


def secret(name: str, policy: str, **properties: str) -> dict[str, Any]:
    """Return a secret."""
    return {"name": name, "properties": {"policy": policy, "key": "k", **properties}}


# YAML -------------------------------------------------------------------------------------------

YAML_TEXT = """\
apiVersion: core.oam.dev/v1beta1
kind: Application
metadata:
  name: NAME
  annotations:
    version: v1  # a comment
    description: 'über YAML'
spec:
  components:
    - name: echo
      type: component
      properties:
        image: file://DIR/echo.wasm
      traits:
        - type: spreadscaler
          properties:
            instances: 1
"""


def yaml_text(name: str, *changes: tuple[str, str]) -> str:
    """Return a manifest in YAML, with some text replaced."""
    text = YAML_TEXT.replace("NAME", name)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


# Odd manifests ----------------------------------------------------------------------------------


def changed(*path: Any, value: Any = None, made: Manifest | None = None) -> Manifest:
    """Return a copy of a manifest with one value replaced.

    Args:
        path: The keys and indexes that lead to the value.
        value: The new value, or None to remove the old one.
        made: The manifest. Defaults to one with a config, a scaler with a spread, and a link.
    """
    if made is None:
        full = component(
            "echo",
            ECHO,
            spread(1, zone("z1", 2)),
            link({"name": "http"}, "outgoing-handler"),
            config=[config("web", a="b")],
        )
        made = manifest("odd", full, provider("http"), description="d")
    copy: Any = json.loads(json.dumps(made))
    parent = copy
    for key in path[:-1]:
        parent = parent[key]
    if value is None:
        del parent[path[-1]]
    else:
        parent[path[-1]] = None if value is NULL else value
    result: Manifest = copy
    return result


#: Stands for null in a manifest, where None removes the value.
NULL = object()


def odd_manifests() -> dict[str, Manifest]:
    """Return manifests of all kinds that wadm may refuse, by what is odd in them."""
    first = ("spec", "components", 0)
    second = ("spec", "components", 1)
    scaler = (*first, "traits", 0, "properties")
    linked = (*first, "traits", 1, "properties")
    web = (*first, "properties", "config", 0)
    annotations = ("metadata", "annotations")
    odd: dict[str, Manifest] = {"nothing": changed("kind", value="Application")}

    for key in ("apiVersion", "kind", "metadata", "spec"):
        odd[f"no {key}"] = changed(key)
        odd[f"{key}: null"] = changed(key, value=NULL)
        odd[f"{key}: a number"] = changed(key, value=1)
    odd["another apiVersion"] = changed("apiVersion", value="v1")
    odd["another kind"] = changed("kind", value="Deployment")
    odd["an unknown field of the manifest"] = changed("status", value={})

    # Metadata.
    odd["no name"] = changed("metadata", "name")
    odd["no annotations"] = changed(*annotations)
    for name in (
        "",
        " ",
        "with space",
        " odd ",
        "odd\n",
        "dot.ted",
        "sla/sh",
        "é",
        "日本",
        "-",
        "_",
        "9",
        "a" * 300,
        "*",
        ">",
    ):
        odd[f"name {name!r}"] = changed("metadata", "name", value=name)
    odd["name: a number"] = changed("metadata", "name", value=1)
    odd["annotations: null"] = changed(*annotations, value=NULL)
    odd["annotations: a list"] = changed(*annotations, value=[])
    odd["annotations: a number"] = changed(*annotations, "n", value=1)
    odd["annotations: null in it"] = changed(*annotations, "n", value=NULL)
    for version in ("latest", "Latest", "", " ", "v 1", "v.1/2+3", "é", "9" * 300):
        odd[f"version {version!r}"] = changed(*annotations, "version", value=version)
    odd["version: a number"] = changed(*annotations, "version", value=1)
    for key in (
        "",
        "a b",
        "a_b",
        "a/b",
        "a/b/c",
        "-a",
        "a-",
        ".a",
        "é",
        "a" * 63,
        "a" * 64,
        "/a",
        "a/",
        "a_b/c",
        "1a/c",
        "a..b/c",
    ):
        odd[f"annotation {key!r}"] = changed(*annotations, key, value="any text é")
        odd[f"label {key!r}"] = changed("metadata", "labels", value={key: "any text é"})
    odd["labels: null"] = changed("metadata", "labels", value=NULL)
    odd["an unknown field of metadata"] = changed("metadata", "nonsense", value=1)

    # Components.
    odd["no components"] = changed("spec", "components")
    odd["components: null"] = changed("spec", "components", value=NULL)
    odd["components: empty"] = changed("spec", "components", value=[])
    odd["components: a map"] = changed("spec", "components", value={})
    odd["components: null in it"] = changed(*first, value=NULL)
    odd["an unknown field of spec"] = changed("spec", "nonsense", value=1)
    odd["an unknown field of a component"] = changed(*first, "nonsense", value=1)
    odd["an unknown field of a component's properties"] = changed(*first, "properties", "nonsense", value=1)
    odd["an unknown field of a provider's properties"] = changed(*second, "properties", "nonsense", value=1)
    for key in ("name", "type", "properties"):
        odd[f"a component without {key}"] = changed(*first, key)
        odd[f"a component with {key}: null"] = changed(*first, key, value=NULL)
        odd[f"a component with {key}: a number"] = changed(*first, key, value=1)
    for kind in ("actor", "Component", "provider", "nonsense", ""):
        odd[f"type {kind!r}"] = changed(*first, "type", value=kind)
    for name in ("", " ", "with space", "dot.ted", "é", "A"):
        odd[f"component name {name!r}"] = changed(*first, "name", value=name)
    odd["a component name twice"] = changed(*second, "name", value="echo")
    for key in ("image", "id"):
        for value in ("", " ", "a b", "é", 1, True, [], NULL):
            shown = "null" if value is NULL else repr(value)
            odd[f"{key}: {shown}"] = changed(*first, "properties", key, value=value)
    odd["an id twice"] = manifest("odd", component("a", id="same"), component("b", id="same"))
    odd["an id twice, of a component and a provider"] = manifest(
        "odd", component("a", id="s"), provider("b", id="s")
    )
    odd["an id twice, of two providers"] = manifest("odd", provider("a", id="s"), provider("b", id="s"))
    odd["an id that another component has by its name"] = manifest(
        "odd", component("a", id="odd-b"), component("b")
    )
    odd["an image twice"] = manifest("odd", component("a"), component("b"))
    odd["no image"] = changed(*first, "properties", "image")
    odd["a provider without image"] = changed(*second, "properties", "image")
    application = {"name": "lender", "component": "lib"}
    odd["image and application"] = changed(*first, "properties", "application", value=application)
    odd["application: null"] = changed(*first, "properties", "application", value=NULL)
    odd["application: a text"] = changed(*first, "properties", value={"application": "lender"})
    odd["application without component"] = changed(
        *first, "properties", value={"application": {"name": "lender"}}
    )
    odd["application with an unknown field"] = manifest(
        "odd", _part("component", "a", None, (), {"application": {**application, "x": 1}})
    )
    odd["a shared component"] = manifest("odd", shared("component", "a", "lender", "lib"))
    odd["a shared component with a config"] = manifest(
        "odd", shared("component", "a", "lender", "lib", config=[config("c", a="b")])
    )
    odd["a shared component with a named config"] = manifest(
        "odd", shared("component", "a", "lender", "lib", config=[config("c")])
    )
    odd["a shared component with a scaler"] = manifest(
        "odd", shared("component", "a", "lender", "lib", spread(1))
    )
    odd["a shared component with a daemonscaler"] = manifest(
        "odd", shared("component", "a", "lender", "lib", daemon(1))
    )
    odd["a shared provider with a scaler"] = manifest(
        "odd", shared("capability", "a", "lender", "lib", spread(1))
    )
    odd["a shared component with an id"] = manifest(
        "odd", shared("component", "a", "lender", "lib", id="mine")
    )

    # Configs.
    for key, value in (
        ("config", NULL),
        ("config", {}),
        ("config", ["web"]),
        ("config", [1]),
        ("config", []),
        ("secrets", NULL),
        ("secrets", []),
    ):
        shown = "null" if value is NULL else repr(value)
        odd[f"{key}: {shown}"] = changed(*first, "properties", key, value=value)
    odd["an unknown field of a config"] = changed(*web, "nonsense", value=1)
    odd["a config without a name"] = changed(*web, "name")
    odd["a config with an empty name"] = changed(*web, "name", value="")
    odd["a config with dots and spaces in its name"] = changed(*web, "name", value="a. b")
    odd["a config without properties"] = changed(*web, "properties")
    odd["a config with properties: null"] = changed(*web, "properties", value=NULL)
    odd["a config without keys"] = changed(*web, "properties", value={})
    odd["a config's value: a number"] = changed(*web, "properties", "a", value=1)
    odd["a config's value: true"] = changed(*web, "properties", "a", value=True)
    odd["a config's value: null"] = changed(*web, "properties", "a", value=NULL)
    odd["a config's value: a map"] = changed(*web, "properties", "a", value={})
    odd["a config name twice"] = manifest(
        "odd", component("a", config=[config("c", a="b"), config("c", a="c")])
    )
    odd["a config name in two components"] = manifest(
        "odd", component("a", config=[config("c", a="b")]), component("b", config=[config("c", a="c")])
    )

    # Scalers.
    odd["traits: null"] = changed(*first, "traits", value=NULL)
    odd["traits: empty"] = changed(*first, "traits", value=[])
    odd["traits: a map"] = changed(*first, "traits", value={})
    odd["an unknown field of a trait"] = changed(*first, "traits", 0, "nonsense", value=1)
    for key in ("type", "properties"):
        odd[f"a trait without {key}"] = changed(*first, "traits", 0, key)
        odd[f"a trait with {key}: null"] = changed(*first, "traits", 0, key, value=NULL)
        odd[f"a trait with {key}: a number"] = changed(*first, "traits", 0, key, value=1)
    for kind in ("SpreadScaler", "nonsense", "", "daemonscaler"):
        odd[f"a scaler with the type {kind!r}"] = changed(*first, "traits", 0, "type", value=kind)
    odd["a link with the type 'spreadscaler'"] = changed(*first, "traits", 1, "type", value="spreadscaler")
    odd["a link with the type 'nonsense'"] = changed(*first, "traits", 1, "type", value="nonsense")
    for instances in (0, -1, 1.0, 1.5, "1", True, [], 2**32, 2**63, 2**64, NULL):
        shown = "null" if instances is NULL else repr(instances)
        odd[f"instances: {shown}"] = changed(*scaler, "instances", value=instances)
        odd[f"weight: {shown}"] = changed(*scaler, "spread", 0, "weight", value=instances)
    odd["no instances"] = changed(*scaler, "instances")
    odd["replicas"] = changed(*scaler, value={"replicas": 2})
    odd["instances and replicas"] = changed(*scaler, "replicas", value=2)
    odd["an unknown field of a scaler"] = changed(*scaler, "nonsense", value=1)
    odd["spread: null"] = changed(*scaler, "spread", value=NULL)
    odd["spread: empty"] = changed(*scaler, "spread", value=[])
    odd["spread: a map"] = changed(*scaler, "spread", value={})
    odd["an unknown field of a spread"] = changed(*scaler, "spread", 0, "nonsense", value=1)
    odd["a spread without a name"] = changed(*scaler, "spread", 0, "name")
    odd["a spread without requirements"] = changed(*scaler, "spread", 0, "requirements")
    odd["a spread with requirements: null"] = changed(*scaler, "spread", 0, "requirements", value=NULL)
    odd["a spread with empty requirements"] = changed(*scaler, "spread", 0, "requirements", value={})
    odd["a requirement that is a number"] = changed(*scaler, "spread", 0, "requirements", value={"n": 1})
    odd["two spreads of one name"] = manifest(
        "odd", component("odd", ECHO, spread(2, zone("z1"), zone("z1")))
    )
    odd["two scalers"] = manifest("odd", component("odd", ECHO, spread(2), daemon(1)))

    # Links.
    odd["a link without target"] = changed(*linked, "target")
    odd["a link with target: null"] = changed(*linked, "target", value=NULL)
    odd["a link with target: a number"] = changed(*linked, "target", value=1)
    odd["a link with target: an empty text"] = changed(*linked, "target", value="")
    odd["a link with target: a text"] = changed(*linked, "target", value="http")
    odd["a link with a target without a name"] = changed(*linked, "target", value={"config": []})
    odd["a link to what is not there"] = changed(*linked, "target", value={"name": "absent"})
    odd["a link to itself"] = changed(*linked, "target", value={"name": "echo"})
    odd["an unknown field of a link"] = changed(*linked, "nonsense", value=1)
    odd["an unknown field of a target"] = changed(*linked, "target", "nonsense", value=1)
    odd["an unknown field of a source"] = changed(*linked, "source", value={"nonsense": 1})
    odd["a source: null"] = changed(*linked, "source", value=NULL)
    odd["a source: a text"] = changed(*linked, "source", value="echo")
    odd["source_config: null"] = changed(*linked, "source_config", value=NULL)
    odd["source_config and source"] = changed(
        *linked,
        value=link("http", source={"config": [config("s", a="b")]}, source_config=[config("t", c="d")])[
            "properties"
        ],
    )
    odd["target_config beside a target with config"] = changed(
        *linked, "target_config", value=[config("t", c="d")]
    )
    odd["an unknown field of a link's config"] = changed(
        *linked, "target", "config", value=[{"name": "a", "x": 1}]
    )
    for key in ("namespace", "package", "interfaces"):
        odd[f"a link without {key}"] = changed(*linked, key)
    odd["a link without interfaces in its list"] = changed(*linked, "interfaces", value=[])
    odd["a link of an unknown namespace"] = changed(*linked, "namespace", value="acme")
    odd["a link of an unknown package"] = changed(*linked, "package", value="htpp")
    odd["a link of an unknown interface"] = changed(*linked, "interfaces", value=["incoming"])
    odd["an empty name of a link"] = changed(*linked, "name", value="")
    twice = link("http", "outgoing-handler")
    odd["a link twice"] = manifest("odd", component("c", ECHO, twice, twice), provider("http"))
    odd["a link to two targets"] = manifest(
        "odd", component("c", ECHO, twice, link("two", "outgoing-handler")), provider("http"), provider("two")
    )
    odd["a link twice, with two names"] = manifest(
        "odd", component("c", ECHO, twice, link("http", "outgoing-handler", name="n")), provider("http")
    )
    odd["a link twice, with the name default"] = manifest(
        "odd", component("c", ECHO, twice, link("http", "outgoing-handler", name="default")), provider("http")
    )
    odd["a link twice, with other interfaces"] = manifest(
        "odd", component("c", ECHO, twice, link("http", "incoming-handler")), provider("http")
    )
    odd["an interface twice in a link"] = changed(
        *linked, "interfaces", value=["outgoing-handler", "outgoing-handler"]
    )
    source = {"config": [config("same", a="b")]}
    odd["a link's config name twice"] = changed(
        *linked, value=link({"name": "http", "config": [config("same", a="c")]}, source=source)["properties"]
    )
    odd["a link's config name twice, once without properties"] = changed(
        *linked, value=link({"name": "http", "config": [config("same")]}, source=source)["properties"]
    )
    odd["a link's config name as a component's"] = changed(
        *linked, value=link({"name": "http", "config": [config("web", a="c")]})["properties"]
    )

    # Policies and secrets.
    good = {
        "name": "vault",
        "type": "policy.secret.wasmcloud.dev/v1alpha1",
        "properties": {"backend": "vault"},
    }
    part = component("echo", secrets=[secret("password", "vault")])
    for what, policies in {
        "a secret": [good],
        "a secret of an unknown policy": [],
        "a secret of a policy of another type": [{**good, "type": "nonsense"}],
        "a secret of a policy without backend": [{**good, "properties": {}}],
        "a policy without properties": [{"name": "vault", "type": "t"}],
        "a policy's property that is a number": [{**good, "properties": {"backend": 1}}],
        "an unknown field of a policy": [{**good, "nonsense": 1}],
        "a policy twice": [good, good],
    }.items():
        odd[what] = manifest("odd", part, policies=policies)
    odd["policies: null"] = changed("spec", "policies", value=NULL)
    odd["a secret without a policy"] = manifest(
        "odd", component("echo", secrets=[{"name": "s", "properties": {"key": "k"}}]), policies=[good]
    )
    odd["a secret without a key"] = manifest(
        "odd", component("echo", secrets=[{"name": "s", "properties": {"policy": "vault"}}]), policies=[good]
    )
    odd["an unknown field of a secret"] = manifest(
        "odd", component("echo", secrets=[{**secret("s", "vault"), "x": 1}]), policies=[good]
    )
    odd["a secret of a link, of an unknown policy"] = changed(
        *linked, "target", "secrets", value=[secret("s", "vault")]
    )
    odd["a secret twice"] = manifest(
        "odd", component("echo", secrets=[secret("s", "vault"), secret("s", "vault")]), policies=[good]
    )
    odd["a shared component with a secret"] = manifest(
        "odd", shared("component", "a", "lender", "lib", secrets=[secret("s", "vault")]), policies=[good]
    )
    odd["two mistakes"] = manifest("odd", component("a", id="s"), component("a", id="s"), version="latest")
    return odd


#: Changes of a link at which wadm 0.21.1 panics: it ends, and answers nobody any more.
PANICS: dict[str, dict[str, Any]] = {
    "a link with namespace: a number": {"namespace": 1},
    "a link with namespace: null": {"namespace": None},
    "a link with package: null": {"package": None},
    "a link with interfaces: a text": {"interfaces": "outgoing-handler"},
    "a link with interfaces: null": {"interfaces": None},
    "a link with a number in interfaces": {"interfaces": [1]},
    "a link with name: null": {"name": None},
    "a link with name: a number": {"name": 1},
}
