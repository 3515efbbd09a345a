"""Record what a real wadm says of manifests: each is put, read back and deleted.

Run ``python -m realhost.manifests OUT.jsonl`` in the folder ``tests``. Each line is one case::

    {"case": ..., "payload": ..., "content_type": ..., "message": ..., "manifest": ...}

The payload is text, or bytes in hexadecimal under ``payload_hex``. The message is that of a refusal, and null if wadm
accepted the manifest, which is then as wadm returned it. Without both, wadm did not answer: its API had ended.
"""

from __future__ import annotations

import asyncio
import copy
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nats
from nats.aio.client import Client
from nats.errors import TimeoutError as NoAnswer
from realhost import harness

from wasmcloud_ctl.testing import PracticeServer

API = "wadm.api.default.model"

JSON = "application/json"
YAML = "application/yaml"

#: Wadm answers in milliseconds. After this many seconds it has ended.
PATIENCE = 5.0

#: A version that wadm made up.
ULID = re.compile(r"[0-9A-Z]{26}")

LINK: dict[str, Any] = {
    "target": {"name": "http"},
    "namespace": "wasi",
    "package": "http",
    "interfaces": ["incoming-handler"],
}

SECRET: dict[str, Any] = {"name": "s", "properties": {"policy": "vault", "key": "k"}}
POLICY: dict[str, Any] = {
    "name": "vault",
    "type": "policy.secret.wasmcloud.dev/v1alpha1",
    "properties": {"backend": "b"},
}

SHARED: dict[str, Any] = {"name": "n", "component": "c"}

#: The most that a manifest can say.
FULL: dict[str, Any] = {
    "apiVersion": "core.oam.dev/v1beta1",
    "kind": "Application",
    "metadata": {
        "name": "shop",
        "annotations": {"version": "v1", "description": "a shop"},
        "labels": {"z": "1", "app.oam.io/name": "shop"},
    },
    "spec": {
        "components": [
            {
                "name": "echo",
                "type": "component",
                "properties": {
                    "image": "file:///echo.wasm",
                    "id": "the-echo",
                    "config": [{"name": "web", "properties": {"a": "b"}}, {"name": "shared"}],
                    "secrets": [{"name": "s", "properties": {"policy": "vault", "key": "k", "field": "f"}}],
                },
                "traits": [
                    {
                        "type": "spreadscaler",
                        "properties": {
                            "instances": 3,
                            "spread": [
                                {"name": "east", "requirements": {"zone": "z1"}, "weight": 80},
                                {"name": "west", "requirements": {"zone": "z2"}},
                            ],
                        },
                    },
                    {
                        "type": "link",
                        "properties": {
                            **LINK,
                            "name": "front",
                            "source": {"config": [{"name": "from"}]},
                            "target": {"name": "http", "config": [{"name": "to", "properties": {"p": "1"}}]},
                        },
                    },
                ],
            },
            {"name": "http", "type": "capability", "properties": {"image": "file:///http.par.gz"}},
        ],
        "policies": [POLICY],
    },
}

SMALL: dict[str, Any] = {
    "apiVersion": "core.oam.dev/v1beta1",
    "kind": "Application",
    "metadata": {"name": "shop", "annotations": {"version": "v1"}},
    "spec": {"components": [{"name": "echo", "type": "component", "properties": {"image": "i"}}]},
}

HEAD = """\
apiVersion: core.oam.dev/v1beta1
kind: Application
metadata:
  name: shop
  annotations:
    version: v1
"""

TEXT = (
    HEAD
    + """\
spec:
  components:
    - name: echo
      type: component
      properties:
        image: file:///echo.wasm
      traits:
        - type: spreadscaler
          properties:
            instances: 1
"""
)


@dataclass(frozen=True)
class Case:
    """One manifest."""

    name: str
    payload: bytes
    content_type: str | None = None


# The manifests ----------------------------------------------------------------------------------


#: Removes a key.
GONE = object()


def at(value: Any, path: str) -> Any:
    """Return what is at a path such as ``spec/components/0/name``."""
    for part in path.split("/") if path else ():
        value = value[int(part) if part.isdigit() else part]
    return value


def changed(value: Any, path: str, new: Any) -> Any:
    """Return a copy of a value with another value at a path."""
    copied = copy.deepcopy(value)
    way, _, last = path.rpartition("/")
    key = int(last) if last.isdigit() else last
    if new is GONE:
        del at(copied, way)[key]
    else:
        at(copied, way)[key] = new
    return copied


def trait(kind: Any, properties: Any) -> list[dict[str, Any]]:
    """Return the traits of a component that has one."""
    return [{"type": kind, "properties": properties}]


def cases() -> Iterator[Case]:
    """Yield all cases."""
    yield from forms()
    yield from fields()
    yield from yaml_oddities()
    yield from yaml_errors()
    yield from json_errors()
    yield from refusals()
    yield from deadly()


def forms() -> Iterator[Case]:
    """Yield manifests in each form, with each header."""
    compact = json.dumps(FULL).encode()
    yield Case("JSON", compact)
    yield Case("JSON, header JSON", compact, JSON)
    yield Case("JSON, header YAML", compact, YAML)
    yield Case("indented JSON", json.dumps(FULL, indent=2).encode(), JSON)
    yield Case("JSON with tabs", json.dumps(FULL, indent="\t").encode())
    yield Case("YAML", TEXT.encode())
    yield Case("YAML, header YAML", TEXT.encode(), YAML)
    yield Case("YAML, header JSON", TEXT.encode(), JSON)
    for kind in (
        "text/plain",
        "",
        "application/json; charset=utf-8",
        "APPLICATION/JSON",
        "application/x-yaml",
    ):
        yield Case(f"header {kind!r}", TEXT.encode(), kind)


def fields() -> Iterator[Case]:
    """Yield manifests with a field missing, misnamed or of another type, as JSON that is read as YAML and as JSON."""
    paths = (
        "apiVersion",
        "kind",
        "metadata",
        "metadata/name",
        "metadata/annotations",
        "metadata/labels",
        "spec",
        "spec/components",
        "spec/policies",
        "spec/policies/0/name",
        "spec/policies/0/type",
        "spec/policies/0/properties",
        "spec/components/0/name",
        "spec/components/0/type",
        "spec/components/0/properties",
        "spec/components/0/properties/image",
        "spec/components/0/properties/id",
        "spec/components/0/properties/config",
        "spec/components/0/properties/config/0/name",
        "spec/components/0/properties/config/0/properties",
        "spec/components/0/properties/secrets",
        "spec/components/0/properties/secrets/0/name",
        "spec/components/0/properties/secrets/0/properties",
        "spec/components/0/properties/secrets/0/properties/policy",
        "spec/components/0/properties/secrets/0/properties/key",
        "spec/components/0/properties/secrets/0/properties/field",
        "spec/components/0/traits",
        "spec/components/0/traits/0/type",
        "spec/components/0/traits/0/properties",
        "spec/components/0/traits/0/properties/instances",
        "spec/components/0/traits/0/properties/spread",
        "spec/components/0/traits/0/properties/spread/0/name",
        "spec/components/0/traits/0/properties/spread/0/requirements",
        "spec/components/0/traits/0/properties/spread/0/weight",
        "spec/components/0/traits/1/properties/target",
        "spec/components/0/traits/1/properties/target/name",
        "spec/components/0/traits/1/properties/target/config",
        "spec/components/0/traits/1/properties/source",
        "spec/components/0/traits/1/properties/source/config",
        "spec/components/1/type",
    )
    for path in paths:
        wrong: list[tuple[str, Any]] = [("missing", GONE), ("null", None), ("a number", 5)]
        if isinstance(at(FULL, path), (dict, list)):
            wrong += [("an empty list", []), ("an empty object", {})]
        for what, new in wrong:
            yield Case(f"{path} {what}", json.dumps(changed(FULL, path, new)).encode())
    for path in (
        "spec/components/0/traits/1/properties/" + name for name in ("namespace", "package", "interfaces")
    ):
        yield Case(f"{path} missing", json.dumps(changed(FULL, path, GONE)).encode())
    for path in ("kind", "metadata/labels", "spec/components/0", "spec/components/0/properties"):
        for what, new in (
            ("text", 'some "text"'),
            ("float", 1.5),
            ("true", True),
            ("false", False),
            ("minus", -1),
        ):
            yield Case(f"{path} {what}, YAML", json.dumps(changed(FULL, path, new)).encode(), YAML)
            yield Case(f"{path} {what}, JSON", json.dumps(changed(FULL, path, new)).encode(), JSON)
    for path in (
        "more",
        "metadata/more",
        "spec/more",
        "spec/policies/0/more",
        "spec/components/0/more",
        "spec/components/0/properties/more",
        "spec/components/1/properties/more",
        "spec/components/0/properties/config/0/more",
        "spec/components/0/properties/secrets/0/more",
        "spec/components/0/properties/secrets/0/properties/more",
        "spec/components/0/traits/0/more",
        "spec/components/0/traits/0/properties/more",
        "spec/components/0/traits/0/properties/spread/0/more",
        "spec/components/0/traits/1/properties/more",
        "spec/components/0/traits/1/properties/target/more",
        "spec/components/0/traits/1/properties/source/more",
    ):
        manifest = changed(FULL, path, {"a": [1, 2.5, None, True]})
        yield Case(f"{path} is unknown", json.dumps(manifest).encode())
    spaced = json.dumps(changed(SMALL, "more", {}), indent=1).replace(":", " :")
    yield Case("more is unknown, with spaces before the colons", spaced.encode(), JSON)
    component = SMALL["spec"]["components"][0]
    traits = "spec/components/0/traits"
    for name, path, new in (
        ("type actor", "spec/components/0/type", "actor"),
        ("type provider", "spec/components/0/type", "provider"),
        ("type 1", "spec/components/0/type", 1),
        ("type 2", "spec/components/0/type", 2),
        ("type true", "spec/components/0/type", True),
        ("replicas", traits, trait("spreadscaler", {"replicas": 2})),
        ("replicas and instances", traits, trait("spreadscaler", {"replicas": 2, "instances": 3})),
        ("daemonscaler", traits, trait("daemonscaler", {"instances": 2})),
        ("instances -1", traits, trait("spreadscaler", {"instances": -1})),
        ("instances 2.5", traits, trait("spreadscaler", {"instances": 2.5})),
        ("instances large", traits, trait("spreadscaler", {"instances": 2**64 - 1})),
        ("instances too large", traits, trait("spreadscaler", {"instances": 2**64})),
        ("instances text", traits, trait("spreadscaler", {"instances": "2"})),
        ("instances null", traits, trait("spreadscaler", {"instances": None})),
        (
            "weight null",
            traits,
            trait(
                "spreadscaler",
                {"instances": 1, "spread": [{"name": "a", "requirements": {"b": "c"}, "weight": None}]},
            ),
        ),
        ("scaler properties list", traits, trait("spreadscaler", [2])),
        ("scaler properties longer list", traits, trait("spreadscaler", [2, [], 3])),
        ("scaler properties text", traits, trait("spreadscaler", "many")),
        ("custom trait", traits, trait("mine", {"z": 1, "a": [None, True, 1.5, "t"]})),
        ("custom trait null", traits, trait("mine", None)),
        ("trait list", traits, [["mine", {"z": 1}]]),
        ("trait short list", traits, [["mine"]]),
        ("trait long list", traits, [["mine", {"z": 1}, 3]]),
        ("trait text", traits, ["mine"]),
        ("target as text", traits, trait("link", {**LINK, "target": "echo"})),
        (
            "target as text, old configs",
            traits,
            trait(
                "link",
                {
                    **LINK,
                    "target": "echo",
                    "source_config": [{"name": "a"}],
                    "target_config": [{"name": "b", "properties": {"c": "d"}}],
                },
            ),
        ),
        (
            "old configs of a wrong type",
            traits,
            trait("link", {**LINK, "target": "echo", "target_config": 5}),
        ),
        (
            "old source config of a wrong type",
            traits,
            trait("link", {**LINK, "target": "echo", "source_config": 5}),
        ),
        (
            "source and old source config",
            traits,
            trait(
                "link",
                {
                    **LINK,
                    "target": {"name": "echo"},
                    "source": {"config": [{"name": "a"}]},
                    "source_config": [{"name": "b"}],
                },
            ),
        ),
        ("link secrets", traits, trait("link", {**LINK, "target": {"name": "echo", "secrets": [SECRET]}})),
        ("link under another type", traits, trait("spreadscaler", {**LINK, "target": "echo"})),
        ("scaler under type link", traits, trait("link", {"instances": 1})),
        ("image null in JSON", "spec/components/0/properties/image", None),
        ("properties as list", "spec/components/0/properties", ["i", None, "id", [], []]),
        ("properties as short list", "spec/components/0/properties", ["i"]),
        ("properties as list without lists", "spec/components/0/properties", ["i", None, "id"]),
        ("properties as long list", "spec/components/0/properties", ["i", None, None, [], [], 1, 2]),
        ("config as list", "spec/components/0/properties/config", [["web", {"a": "b"}]]),
        ("config null", "spec/components/0/properties/config", None),
        (
            "config with a number",
            "spec/components/0/properties/config",
            [{"name": "w", "properties": {"port": 80}}],
        ),
        (
            "config with null",
            "spec/components/0/properties/config",
            [{"name": "w", "properties": {"port": None}}],
        ),
        (
            "config with a float",
            "spec/components/0/properties/config",
            [{"name": "w", "properties": {"p": 1e30}}],
        ),
        (
            "config without properties",
            "spec/components/0/properties/config",
            [{"name": "w", "properties": {}}],
        ),
        (
            "config properties null",
            "spec/components/0/properties/config",
            [{"name": "w", "properties": None}],
        ),
        ("application", "spec/components/0/properties", {"application": {"name": "a", "component": "c"}}),
        (
            "application with more",
            "spec/components/0/properties",
            {"application": {"name": "a", "component": "c", "d": 1}},
        ),
        ("application without component", "spec/components/0/properties", {"application": {"name": "a"}}),
        ("image and application null", "spec/components/0/properties", {"image": None, "application": None}),
        ("component as list", "spec/components/0", ["echo", "component"]),
        ("metadata as list", "metadata", ["shop", {"version": "v1"}, {}]),
        ("metadata as short list", "metadata", ["shop"]),
        ("metadata as list without labels", "metadata", ["shop", {"version": "v1"}]),
        ("metadata as long list", "metadata", ["shop", {"version": "v1"}, {}, 4]),
        ("annotations empty", "metadata/annotations", {}),
        ("version number", "metadata/annotations/version", 1),
        ("version null", "metadata/annotations/version", None),
        ("no components", "spec/components", []),
        ("traits empty", traits, []),
        (
            "properties after the type",
            "spec/components/0",
            {"properties": {"image": "i"}, "type": "component", "name": "e"},
        ),
        ("another kind", "kind", "Workload"),
        ("another api version", "apiVersion", "v1"),
        (
            "text in other scripts",
            "metadata/annotations/description",
            'Größe 😀 \u0000 " \\ \n \t \u2028 \x7f',
        ),
        (
            "missing in the second component",
            "spec/components",
            [component, {"name": "b", "type": "component"}],
        ),
        (
            "empty requirements",
            traits,
            trait("spreadscaler", {"instances": 1, "spread": [{"name": "a", "requirements": {}}]}),
        ),
    ):
        manifest = changed(SMALL, path, new)
        yield Case(name, json.dumps(manifest).encode())
    yield Case("a list of all", json.dumps(list(SMALL.values())).encode(), JSON)
    yield Case("a list of all, YAML", json.dumps(list(SMALL.values())).encode(), YAML)
    yield Case("a number", b"5")
    yield Case("a text", b'"five"')
    yield Case("an empty object", b"{}")
    yield Case("an empty list", b"[]")
    twice = json.dumps(SMALL)
    for name, old, new in (
        ("kind", '"kind"', '"kind": "Application", "kind"'),
        ("component name", '"name": "echo"', '"name": "echo", "name": "echo2"'),
        ("component type", '"type": "component"', '"type": "component", "type": "component"'),
        ("component properties", '"properties": {', '"properties": {}, "properties": {'),
        ("image", '"image": "i"', '"image": "i", "image": "j"'),
        ("annotation", '"version": "v1"', '"version": "v1", "version": "v2"'),
    ):
        assert old in twice
        yield Case(f"{name} twice", twice.replace(old, new).encode())


def yaml_oddities() -> Iterator[Case]:
    """Yield YAML beyond the everyday."""

    def described(text: str) -> bytes:
        return TEXT.replace("version: v1", f"version: v1\n    description: {text}").encode()

    def imaged(text: str) -> bytes:
        return TEXT.replace("image: file:///echo.wasm", f"image: {text}").encode()

    def counted(text: str) -> bytes:
        return TEXT.replace("instances: 1", f"instances: {text}").encode()

    for text in (
        "5",
        "1.50",
        "true",
        "~",
        "",
        "null",
        "0x1f",
        "yes",
        "2001-12-14",
        "1:30",
        "!!int 5",
        "!mine 5",
        "'5'",
    ):
        yield Case(f"annotation {text or 'empty'}", described(text), YAML)
    for text in (
        *(
            "5",
            "-5",
            "1.50",
            "1e3",
            "1_000",
            "true",
            "True",
            "TRUE",
            "tRUE",
            "yes",
            "on",
            "off",
            "y",
            "~",
            "",
            "null",
        ),
        *(
            "Null",
            "NULL",
            "nULL",
            "0x1f",
            "0o17",
            "0b11",
            "017",
            "+5",
            "-0x1f",
            "0x",
            "1:30",
            "2001-12-14",
            ".inf",
        ),
        *(
            "-.inf",
            ".nan",
            "1.",
            ".5",
            "1e400",
            "18446744073709551615",
            "18446744073709551616",
            "-9223372036854775809",
        ),
        *(
            "!!int 5",
            "!!int five",
            "!!str 5",
            "!!float 5",
            "!!float five",
            "!!bool true",
            "!!bool yes",
            "!!null ~",
        ),
        *(
            "!!null nil",
            "!mine 5",
            "!!timestamp 2001-12-14",
            "'5'",
            '"5"',
            "[1, 2]",
            "{a: b}",
            "'it''s'",
            '"\\u00e9\\n"',
        ),
        *(
            "a b",
            "a # comment",
            "=",
            "<<",
            "!<tag:yaml.org,2002:int> 5",
            "! 5",
            "++5",
            "1e30",
            "123456789.0",
            "0.0001",
        ),
    ):
        yield Case(f"image {text or 'empty'}", imaged(text), YAML)
    yield Case("image literal", imaged("|\n          two\n          lines\n"), YAML)
    yield Case("image folded", imaged(">-\n          two\n          lines\n"), YAML)
    yield Case("image literal !!int", imaged("!!int |\n          5\n"), YAML)
    for text in ("0x10", "0o17", "1.0", "'1'", "!!int '3'", "+4", "-0", "1e1", "", "~"):
        yield Case(f"instances {text or 'empty'}", counted(text), YAML)
    for name, old, new in (
        (
            "no traits",
            "traits:\n        - type: spreadscaler\n          properties:\n            instances: 1",
            "traits:",
        ),
        ("metadata empty", "  name: shop\n  annotations:\n    version: v1\n", ""),
        ("annotations empty scalar", "annotations:\n    version: v1", "annotations:"),
        ("annotations null", "annotations:\n    version: v1", "annotations: ~"),
        ("annotations tagged", "annotations:\n", "annotations: !mine\n"),
        ("annotations with a list as key", "    version: v1\n", "    version: v1\n    ? [a, b]\n    : c\n"),
        ("annotations with a number as key", "    version: v1\n", "    version: v1\n    5: c\n"),
        ("a list as key", "kind:", "? [a]\n: b\nkind:"),
        ("a number as key", "kind:", "5: b\nkind:"),
        ("true as key of properties", "        image:", "        true: a\n        image:"),
        ("a list as key of properties", "        image:", "        ? [a]\n        : b\n        image:"),
        ("a number as key of scaler properties", "            instances: 1", "            5: 1"),
        (
            "a list as key of scaler properties",
            "            instances: 1",
            "            ? [a]\n            : 1",
        ),
        ("properties tagged", "      properties:\n        image", "      properties: !mine\n        image"),
        ("sequence tagged", "      traits:\n", "      traits: !mine\n"),
        ("a tag in properties", "image: file:///echo.wasm", "config: !mine []\n        image: i"),
        (
            "a tag on a mapping in properties",
            "image: file:///echo.wasm",
            "config: !mine {}\n        image: i",
        ),
        ("scaler tagged", "            instances: 1", "            instances: !mine 1"),
        ("components null", "  components:\n", "  policies: ~\n  components:\n"),
        ("a merge key", "kind: Application\n", "kind: Application\n<<: {}\n"),
        ("a merge key in metadata", "  name: shop\n", "  <<: {name: other}\n  name: shop\n"),
        ("an anchor and an alias", "name: echo", "name: &n echo\n      more: *n"),
        ("an alias as the name", "metadata:\n  name: shop", "metadata:\n  labels: {a: &n shop}\n  name: *n"),
        ("an alias as a mapping", "        image: file:///echo.wasm", "        image: &m i\n        id: *m"),
        ("an alias of a wrong type", "  name: shop\n", "  labels: &l {a: b}\n  name: *l\n"),
        ("an alias as a list", "      traits:\n", "      more: &t []\n      traits: *t\n      less:\n"),
        ("an alias for metadata", "metadata:\n", "metadata: &m\n"),
        (
            "an alias as annotations",
            "  annotations:\n    version: v1\n",
            "  labels: &l {version: v1}\n  annotations: *l\n",
        ),
        (
            "an anchor twice",
            "metadata:\n  name: shop",
            "metadata:\n  labels: {a: &n x, b: &n shop}\n  name: *n",
        ),
        ("an unknown alias", "name: echo", "name: *nobody"),
        ("an unknown alias at the end", "instances: 1", "instances: *nobody"),
        ("an unknown alias after an error", "kind: Application", "kinds: Application"),
        (
            "an alias of itself",
            "properties:\n        image: file:///echo.wasm",
            "properties: &p\n        image: *p",
        ),
        ("an alias of itself, unused", "kind: Application", "kind: Application\nmore: &p [*p]"),
        ("an alias of itself, in metadata", "  name: shop", "  more: &p [*p]\n  name: shop"),
        ("a duplicate key", "kind: Application\n", "kind: Application\nkind: Application\n"),
        ("a duplicate annotation", "    version: v1\n", "    version: v0\n    version: v1\n"),
        ("a duplicate image", "image: file:///echo.wasm", "image: a\n        image: b"),
        ("an unknown key in the middle", "kind: Application\n", "kind: Application\nmore: 1\n"),
        (
            "an unknown key of a trait",
            "        - type: spreadscaler\n",
            "        - type: spreadscaler\n          more: 1\n",
        ),
        ("a comment", "kind: Application\n", "kind: Application # the kind\n# more\n"),
        ("Windows line ends", "\n", "\r\n"),
        ("old Mac line ends", "\n", "\r"),
        ("a name of another script", "name: shop", "name: größe"),
        ("a directive", "apiVersion", "%YAML 1.1\n---\napiVersion"),
        ("a newer directive", "apiVersion", "%YAML 1.3\n---\napiVersion"),
        ("a tag directive", "apiVersion", "%TAG ! tag:example.com,2000:\n---\napiVersion"),
        ("a document start", "apiVersion", "---\napiVersion"),
        ("a document start and end", "apiVersion", "--- # first\napiVersion"),
        ("a byte order mark", "apiVersion", "\ufeffapiVersion"),
        ("a byte order mark and an error", "apiVersion", "\ufeffapiVersions"),
    ):
        assert old in TEXT, name
        yield Case(
            name,
            (TEXT.replace(old, new) if "line ends" in name else TEXT.replace(old, new, 1)).encode(),
            YAML,
        )
    yield Case("a document end", (TEXT + "...\n").encode())
    yield Case("two documents", (TEXT + "---\n" + TEXT).encode())
    yield Case("an empty second document", (TEXT + "---\n").encode())
    yield Case("a second document with an error", (TEXT + "---\n{").encode())
    yield Case("an error behind the document", json.dumps(SMALL, indent=1).encode() + b"\n@", YAML)
    yield Case("an error after the document", (TEXT + "...\n}").encode())
    listed = TEXT.replace("  components:", "  more: &c") + "  components: *c\n"
    yield Case("an alias as components", listed.encode(), YAML)
    yield Case("components empty", (HEAD + "spec:\n  components:\n").encode(), YAML)
    deep = "[" * 140 + "]" * 140
    yield Case("deep, ignored", TEXT.replace("  name: shop", f"  more: {deep}\n  name: shop").encode(), YAML)
    yield Case("deep, read", TEXT.replace("image: file:///echo.wasm", f"image: {deep}").encode(), YAML)
    yield Case(
        "deep JSON",
        json.dumps(changed(SMALL, "spec/components/0/properties/image", json.loads(deep))).encode(),
        JSON,
    )
    laughs = "  a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"  {new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n"
        for old, new in zip("abcde", "bcdef", strict=True)
    )
    yield Case(
        "many aliases",
        (
            TEXT.replace("  name: shop\n", laughs + "  name: shop\n").replace("file:///echo.wasm", "*f")
        ).encode(),
        YAML,
    )


def yaml_errors() -> Iterator[Case]:
    """Yield what is not YAML, and mostly not JSON either."""
    for name, payload in (
        ("nothing", b""),
        ("a space", b" "),
        ("a line end", b"\n"),
        ("a comment alone", b"# nothing\n"),
        ("a document start alone", b"---"),
        ("null", b"~"),
        ("a document end alone", b"..."),
        ("an open brace", b"{"),
        ("an open bracket", b"["),
        ("a closing brace", b"}"),
        ("a closing bracket", b"]"),
        ("a comma", b","),
        ("a colon", b":"),
        ("a dash", b"-"),
        ("a question mark", b"?"),
        ("an at sign", b"@"),
        ("a percent sign", b"%"),
        ("a backtick", b"`a`"),
        ("an asterisk", b"*"),
        ("an ampersand", b"&"),
        ("an exclamation mark", b"!"),
        ("a pipe", b"|"),
        ("a quote", b'"'),
        ("an apostrophe", b"'"),
        ("an open text", b'kind: "Application\n'),
        ("an open flow", b"kind: [a, b\nmetadata: c\n"),
        ("a flow without commas", b"{a: b c: d}"),
        ("a tab as indent", b"metadata:\n\tname: shop\n"),
        ("a tab before the text", b"\tkind: Application\n"),
        ("a wrong indent", b"metadata:\n    name: shop\n  labels: {}\n"),
        ("a list in a mapping", b"kind: a\n- b\n"),
        ("a mapping in a list", b"- a\nb: c\n"),
        ("two colons", b"kind: a: b\n"),
        ("a key without a colon", b"kind: a\nmetadata\nspec: b\n"),
        ("a value on a new line", b"kind:\nApplication\n"),
        ("an unknown escape", b'kind: "\\q"\n'),
        ("a wrong escape", b'kind: "\\xyz"\n'),
        ("an unknown tag handle", b"kind: !h!x y\n"),
        ("two anchors", b"kind: &a &b x\n"),
        ("an alias with an anchor", b"kind: &a *b\n"),
        ("a control character", b"kind: \x01\n"),
        ("a NUL", b"kind: a\x00b\n"),
        ("not UTF-8", b"kind: \xff\n"),
        ("not UTF-8 at the start", b"\xff\xfe"),
        ("a cut character", b"kind: \xc3"),
        ("a wrong second byte", b"kind: \xc3("),
        ("an overlong character", b"kind: \xc0\xaf"),
        ("a surrogate", b"kind: \xed\xa0\x80"),
        ("too large a character", b"kind: \xf7\xbf\xbf\xbf"),
        ("UTF-16", TEXT.encode("utf-16")),
        ("a text", b"hello"),
        ("two words", b"hello world\n"),
        ("a list", b"- a\n- b\n"),
        ("an unknown field", b"a: 1"),
        ("an unknown field, then an error", b"a: 1\nb: [\n"),
        ("a field, then an error", b"kind: a\nb: [\n"),
        ("a wrong type, then an error", b"kind: [a]\nb: [\n"),
    ):
        yield Case(f"not a manifest: {name}", payload)
        yield Case(f"not a manifest: {name}, header YAML", payload, YAML)
    yield Case("an error in a component", TEXT.replace("image: file", "image: [file").encode())
    yield Case("an error after a component", TEXT.encode() + b"  more: }\n")


def json_errors() -> Iterator[Case]:
    """Yield what is not JSON."""
    compact = json.dumps(SMALL)
    for name, payload in (
        ("nothing", b""),
        ("spaces", b" \n\t"),
        ("a brace", b"{"),
        ("a brace and a line end", b"{\n"),
        ("a bracket", b"["),
        ("a closing brace", b"}"),
        ("a word", b"hello"),
        ("null", b"null"),
        ("true", b"true"),
        ("nul", b"nul"),
        ("nulL", b"nulL"),
        ("a number", b"12"),
        ("a negative number", b"-12"),
        ("a float", b"1.50"),
        ("a large float", b"1e30"),
        ("a small float", b"1E-7"),
        ("a float with a plus", b"1e+2"),
        ("a whole float", b"2.0"),
        ("an exponent of 20", b"1.5e20"),
        ("minus zero", b"-0"),
        ("a minus", b"-"),
        ("a minus and a word", b"-a"),
        ("a leading zero", b"01"),
        ("a dot", b"1."),
        ("a dot and a word", b"1.a"),
        ("an exponent", b"1e"),
        ("an exponent and a word", b"1ea"),
        ("too large a float", b"1e999"),
        ("a long number", b"123456789012345678901234567890"),
        ("a very negative number", b"-9223372036854775809"),
        ("a text", b'"a"'),
        ("an open text", b'"a'),
        ("an open escape", b'"a\\'),
        ("an unknown escape", b'"\\q"'),
        ("a line end in a text", b'"a\nb"'),
        ("a short unicode escape", b'"\\u12"'),
        ("a wrong unicode escape", b'"\\u12x4"'),
        ("escapes", b'"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00"'),
        ("a lone high surrogate", b'"\\ud83d"'),
        ("a lone high surrogate and an escape", b'"\\ud83d\\n"'),
        ("a lone high surrogate at the end", b'"\\ud83d'),
        ("two high surrogates", b'"\\ud83d\\ud83d"'),
        ("a lone low surrogate", b'"\\ude00"'),
        ("not UTF-8", b'"\xff"'),
        ("a byte order mark", b"\xef\xbb\xbf{}"),
        ("no quotes", b"{kind: 1}"),
        ("single quotes", b"{'kind': 1}"),
        ("no colon", b'{"kind" 1}'),
        ("no colon at the end", b'{"kind"'),
        ("no value", b'{"kind":'),
        ("no value, a brace", b'{"kind":}'),
        ("no comma", b'{"kind": "a" "spec": 1}'),
        ("no brace", b'{"kind": "a"'),
        ("a comma at the end", b'{"kind": "a",'),
        ("a trailing comma", b'{"kind": "a",}'),
        ("a comma and a number", b'{"kind": "a", 1}'),
        ("a comma first", b'{,"kind": "a"}'),
        ("an unknown key", b'{"a" : 1}'),
        ("an unknown key at the end", b'{"a"  '),
        ("an unknown key without a value", b'{"a"}'),
        ("an unknown key and a comma", b'{"a", 1}'),
        ("a duplicate", b'{"kind": "a", "kind" : "b"}'),
        ("a list for a map", b'{"metadata": {"labels": [1] }}'),
        ("an open list", b'["a"'),
        ("a short list", b'["a", "b"  ]'),
        ("a list with a trailing comma", b'["a", ]'),
        ("a list without commas", b'["a" "b"]'),
        ("a list with a comma at the end", b'["a",'),
        ("a list with a wrong value", b'["a", 5 , 6]'),
        (
            "a long list without a comma",
            b'["a", "b", {"name": "x", "annotations": {}}, {"components": []} 5]',
        ),
        ("a list cut off at the end", b'["a", "b", {"name": "x", "annotations": {}}, {"components": []} '),
        ("a wrong value before a bracket", b'["a", 5]'),
        ("nested errors", b'{"spec": {"components": [ {"name": 5 , "a": 1} ]}}'),
        ("a component without a type", b'{"spec": {"components": [ {"name": "a" } , 5]}}'),
        ("a component cut off", b'{"spec": {"components": [ {"name": "a", "x": [1, {"y": nul'),
        ("a component of a wrong type", b'{"spec": {"components": [ {"name": "a", "type": "b"} , 5]}}'),
        ("a component with traits null", b'{"spec": {"components": [ {"traits": null, "type": null} , 5]}}'),
        (
            "a trait with a wrong value",
            b'{"spec": {"components": [ {"traits": [{"type": "a", "properties": [1,]}]}]}}',
        ),
        ("something after", compact.encode() + b" x"),
        ("a second manifest", compact.encode() + b"\n" + compact.encode()),
        ("spaces after", compact.encode() + b" \n"),
    ):
        yield Case(f"JSON: {name}", payload, JSON)
    for name, old, new in (
        ("NaN", '"i"', "NaN"),
        ("a comment", '"i"', '"i" // image'),
        (
            "an ignored value",
            '"name": "shop"',
            '"more": [1, {"a": null}, "b\\n", 1.5, true, -1], "name": "shop"',
        ),
        ("an ignored value with an error", '"name": "shop"', '"more": [1, {"a": nul}], "name": "shop"'),
    ):
        yield Case(f"JSON: {name}", compact.replace(old, new).encode(), JSON)


def refusals() -> Iterator[Case]:
    """Yield manifests that wadm can read, and mostly refuses."""
    traits = "spec/components/0/traits"

    def component(name: str, **more: Any) -> dict[str, Any]:
        return {"name": name, "type": "component", "properties": {"image": "i", **more}}

    def linked(*links: dict[str, Any]) -> list[dict[str, Any]]:
        own = [{"type": "link", "properties": {**LINK, **link}} for link in links]
        return [{**component("echo"), "traits": own}, {**component("http"), "type": "capability"}]

    def config(name: str, **properties: str) -> dict[str, Any]:
        return {"name": name, **({"properties": properties} if properties else {})}

    for version in ("latest", "Latest", "", "1.0.0", "a b", "ü"):
        yield Case(
            f"version {version!r}",
            json.dumps(changed(SMALL, "metadata/annotations/version", version)).encode(),
        )
    for name in (
        "",
        " ",
        " shop ",
        "shop ",
        "a b",
        "a.b",
        "a/b",
        "größe",
        "_",
        "-",
        "1",
        "a\n",
        "a\u0301",
        "²",
        "x" * 70,
    ):
        yield Case(f"name {name!r}", json.dumps(changed(SMALL, "metadata/name", name)).encode())
    for key in (
        *(
            "a",
            "",
            "-a",
            "a-",
            "a_b.c",
            "a b",
            "ü",
            "x" * 63,
            "x" * 64,
            "a/b",
            "/b",
            "a/",
            "a/b/c",
            "a.b-c/d",
            "1a/b",
        ),
        *(
            "a1/b",
            "a./b",
            "a-/b",
            "A/B",
            "a_b/c",
            ("x" * 63 + ".") * 3 + "y" * 61 + "/a",
            ("x" * 63 + ".") * 4 + "y/a",
        ),
        *("x" * 64 + "/a", 'q"\\\n\t\u2028\x00é'),
    ):
        yield Case(
            f"annotation key {key!r}",
            json.dumps(changed(SMALL, "metadata/annotations", {"version": "v1", key: 'it\'s "1"'})).encode(),
        )
    yield Case("a label", json.dumps(changed(SMALL, "metadata/labels", {"a b": "c", "-": "d"})).encode())
    yield Case(
        "a label and an annotation",
        json.dumps(
            changed(changed(SMALL, "metadata/labels", {"a b": "c"}), "metadata/annotations", {"!": "d"})
        ).encode(),
    )
    for name, path, new in (
        ("a name twice", "spec/components", [component("a"), component("a"), component("a")]),
        ("an id twice", "spec/components", [component("a", id="x"), component("b", id="x")]),
        (
            "an id twice in two types",
            "spec/components",
            [component("a", id="x"), {**component("b", id="x"), "type": "capability"}],
        ),
        (
            "a provider's id twice",
            "spec/components",
            [
                {**component("a", id="x"), "type": "capability"},
                {**component("b", id="x"), "type": "capability"},
            ],
        ),
        ("an empty name", "spec/components", [component("")]),
        ("a link", "spec/components", linked({})),
        ("a link without a target", "spec/components", linked({"target": {"name": "absent"}})),
        ("a link to itself", "spec/components", linked({"target": {"name": "echo"}})),
        (
            "two links to what is absent",
            "spec/components",
            linked({"target": {"name": 'ab"sent'}}, {"target": {"name": 'ab"sent'}, "name": "b"}),
        ),
        ("a link with an unknown interface", "spec/components", linked({"interfaces": ["nonsense"]})),
        ("a link with an unknown package", "spec/components", linked({"package": "nonsense"})),
        (
            "a link with an unknown namespace",
            "spec/components",
            linked({"namespace": "mine", "package": "a", "interfaces": []}),
        ),
        ("a link twice", "spec/components", linked({}, {})),
        ("a link twice with a name", "spec/components", linked({"name": "a"}, {"name": "a"})),
        ("a link twice, once by name", "spec/components", linked({}, {"name": "default"})),
        ("two links with names", "spec/components", linked({"name": "a"}, {"name": "b"})),
        ("an interface twice", "spec/components", linked({"interfaces": ["a", "a"]})),
        (
            "a link's config twice",
            "spec/components",
            linked({"target": {"name": "http", "config": [config("a", b="c"), config("a", b="d")]}}),
        ),
        (
            "a link's config twice, without properties",
            "spec/components",
            linked({"target": {"name": "http", "config": [config("a"), config("a")]}}),
        ),
        (
            "a link's config on both sides",
            "spec/components",
            linked(
                {
                    "target": {"name": "http", "config": [config("a", b="c")]},
                    "source": {"config": [config("a", b="c"), config("e")]},
                }
            ),
        ),
        (
            "a config with empty properties twice",
            "spec/components",
            linked(
                {
                    "target": {
                        "name": "http",
                        "config": [{"name": "a", "properties": {}}, {"name": "a", "properties": {}}],
                    }
                }
            ),
        ),
        (
            "a link's secret without a policy",
            "spec/components",
            linked({"target": {"name": "http", "secrets": [SECRET]}}),
        ),
        (
            "a link's source secret without a policy",
            "spec/components",
            linked({"source": {"secrets": [SECRET]}}),
        ),
        ("a secret without a policy", "spec/components", [component("a", secrets=[SECRET])]),
        (
            "a provider's secret without a policy",
            "spec/components",
            [{**component("a", secrets=[SECRET]), "type": "capability"}],
        ),
        (
            "a policy that is none for secrets",
            "spec",
            {"components": [component("a", secrets=[SECRET])], "policies": [{**POLICY, "type": "other"}]},
        ),
        (
            "a policy without a backend",
            "spec",
            {"components": [component("a", secrets=[SECRET])], "policies": [{**POLICY, "properties": {}}]},
        ),
        (
            "a policy twice",
            "spec",
            {
                "components": [component("a", secrets=[SECRET])],
                "policies": [POLICY, {**POLICY, "type": "other"}],
            },
        ),
        (
            "an unused policy",
            "spec",
            {"components": [component("a")], "policies": [{**POLICY, "type": "other"}]},
        ),
        (
            "a custom scaler",
            traits,
            trait("spreadscaler", {"b": 1, "a": [None, True, 1.5, 1e30, "t\n\u00e9\x7f", 10**20]}),
        ),
        ("a custom daemonscaler", traits, trait("daemonscaler", [])),
        ("a custom link", traits, trait("link", {"instance": 1})),
        ("a custom link with a target", traits, trait("link", {"target": {"name": "echo"}})),
        ("a custom link with an absent target", traits, trait("link", {"target": {"name": "absent"}})),
        ("a custom link with a target without a name", traits, trait("link", {"target": {"a": 1}})),
        ("a custom link with a target as a list", traits, trait("link", {"target": [1]})),
        ("a custom link with a target as text", traits, trait("link", {"target": "echo"})),
        ("a custom link as text", traits, trait("link", "echo")),
        ("a custom link as null", traits, trait("link", None)),
        ("no image", "spec/components", [{**component("a"), "properties": {}}]),
        (
            "no image of a provider",
            "spec/components",
            [{**component("a"), "type": "capability", "properties": {}}],
        ),
        ("image and application", "spec/components", [component("a", application=SHARED)]),
        (
            "a shared component with a config",
            "spec/components",
            [
                {
                    "name": "a",
                    "type": "component",
                    "properties": {"application": SHARED, "config": [config("x")], "secrets": [SECRET]},
                }
            ],
        ),
        (
            "a shared component with a secret",
            "spec",
            {
                "policies": [POLICY],
                "components": [
                    {
                        "name": "a",
                        "type": "component",
                        "properties": {"application": SHARED, "secrets": [SECRET]},
                    }
                ],
            },
        ),
        (
            "a shared component with a scaler",
            "spec/components",
            [
                {
                    "name": "a",
                    "type": "component",
                    "properties": {"application": SHARED},
                    "traits": trait("daemonscaler", {"instances": 1}),
                }
            ],
        ),
        (
            "a shared component with a link",
            "spec/components",
            [
                {
                    "name": "a",
                    "type": "component",
                    "properties": {"application": SHARED},
                    "traits": trait("link", {**LINK, "target": "a"}),
                }
            ],
        ),
        (
            "many errors",
            "spec/components",
            [
                *linked({"target": {"name": "absent"}}, {"target": {"name": "absent"}}),
                component("echo", secrets=[SECRET]),
            ],
        ),
    ):
        yield Case(name, json.dumps(changed(SMALL, path, new)).encode())


def deadly() -> Iterator[Case]:
    """Yield manifests that end the API of wadm. None of their values is a string, where it expects one."""
    for name, link in (
        ("namespace", {"namespace": 5}),
        ("package", {"package": None}),
        ("interfaces", {"interfaces": "incoming-handler"}),
        ("an interface", {"interfaces": [5]}),
        ("name", {"name": None}),
    ):
        trait = {"type": "link", "properties": {**LINK, "target": "echo", **link}}
        manifest = changed(SMALL, "spec/components/0/traits", [trait])
        yield Case(f"a link with a wrong {name}", json.dumps(manifest).encode())


# The requests -----------------------------------------------------------------------------------


async def ask(client: Client, case: Case) -> dict[str, Any]:
    """Put a manifest, and return the line of the case."""
    try:
        payload = {"payload": case.payload.decode()}
    except UnicodeDecodeError:
        payload = {"payload_hex": case.payload.hex()}
    line: dict[str, Any] = {"case": case.name, **payload, "content_type": case.content_type}
    headers = None if case.content_type is None else {"Content-Type": case.content_type}
    try:
        answer = json.loads(
            (await client.request(f"{API}.put", case.payload, PATIENCE, headers=headers)).data
        )
    except NoAnswer:
        return {**line, "message": None, "manifest": None}
    if answer["result"] == "error":
        return {**line, "message": answer["message"], "manifest": None}
    name = answer["name"]
    kept = json.loads((await client.request(f"{API}.get.{name}", b"", PATIENCE)).data)
    if "manifest" not in kept:
        raise AssertionError((case, kept))
    await client.request(f"{API}.del.{name}", b"", PATIENCE)
    manifest = kept["manifest"]
    if ULID.fullmatch(manifest["metadata"]["annotations"]["version"]):
        # Wadm made this version up, and not when it read the manifest.
        del manifest["metadata"]["annotations"]["version"]
        if not manifest["metadata"]["annotations"]:
            del manifest["metadata"]["annotations"]
    return {**line, "message": None, "manifest": manifest}


def capture(url: str, waiting: Iterator[Case]) -> Iterator[dict[str, Any]]:
    """Yield the lines of the cases until wadm has ended, or there are no more cases."""

    async def answers() -> list[dict[str, Any]]:
        client = await nats.connect(url)
        lines = []
        try:
            for case in waiting:
                lines.append(await ask(client, case))
                if lines[-1]["message"] is None and lines[-1]["manifest"] is None:
                    break
        finally:
            await client.close()
        return lines

    with harness.real_wadm(url):
        yield from asyncio.run(answers())


def main() -> None:
    """Write all cases to the file that the command line names."""
    waiting = list(cases())
    assert len({case.name for case in waiting}) == len(waiting)
    left = iter(waiting)
    lines: list[dict[str, Any]] = []
    with PracticeServer() as server:
        while len(lines) < len(waiting):
            lines += capture(server.url, left)
    text = "".join(json.dumps(line) + "\n" for line in lines)
    Path(sys.argv[1]).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
