"""What operations are given, as a type checker sees it; see ``answers.py``."""

from __future__ import annotations

import ssl
from pathlib import Path

import wasmcloud_ctl
from wasmcloud_ctl import Client, Link, RegistryCredential


def links_take_lists_and_tuples(client: Client) -> None:
    interfaces = ["incoming-handler"]
    client.put_link(Link("echo", "http", "wasi", "http", interfaces))
    client.put_link(Link("echo", "http", "wasi", "http", tuple(interfaces), "second", source_config=["web"]))
    Link("echo", "http", "wasi", "http", [5])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    Link("echo", "http", "wasi", "http", 5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Link("echo", "http", "wasi", "http")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    # A string is a sequence of strings to a type checker, so only Link itself can refuse it: when it is made.
    Link("echo", "http", "wasi", "http", "incoming-handler")


def commands_take_plain_values(client: Client) -> None:
    client.scale_component("N1", "ref", "echo", 5, {"by": "me"}, ["web"], allow_update=True, wait=60)
    client.scale_component("N1", "ref", "echo", "5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.put_config("web", {"port": 80})  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType]
    client.put_link("echo")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.put_registries({"ghcr.io": RegistryCredential(username="u", password="p")})
    client.put_registries({"ghcr.io": "token"})  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType]
    client.get_hosts(timeout="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.get_hosts(5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def connect_names_its_options() -> None:
    wasmcloud_ctl.connect(
        ["nats://a:4222", "nats://b:4222"], lattice="blue", tls=ssl.create_default_context()
    )
    wasmcloud_ctl.connect(latice="blue")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    wasmcloud_ctl.connect(tls="yes")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def from_env_has_the_same_options() -> None:
    wasmcloud_ctl.from_env(
        "nats://a:4222", lattice="blue", credentials=Path("me.creds"), quiet=0.25, check=True
    )
    wasmcloud_ctl.from_env(latice="blue")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    wasmcloud_ctl.from_env(timeout="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
