"""What practice hosts do with what is broken: files, buckets that somebody else wrote to, a server that will not."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nats.errors
import pytest
from nats.js.api import KeyValueConfig
from realhost import artifacts
from wire import Wire

from wasmcloud_ctl.testing import (
    PracticeHost,
    PracticeLattice,
    PracticeServer,
    PracticeServerError,
    __main__,
    _server,
    component,
)
from wasmcloud_ctl.testing._artifacts import native_target
from wasmcloud_ctl.testing._component import section, sized

ECHO = "registry.example/acme/echo:1"
LINK = {
    "source_id": "echo",
    "target": "http",
    "wit_namespace": "wasi",
    "wit_package": "http",
    "interfaces": ["incoming-handler"],
}


def scale(wire: Wire, host: PracticeHost, reference: str, **more: object) -> list[tuple[str, Any]]:
    """The events of a scale."""
    command = {"component_ref": reference, "component_id": "echo", "host_id": host.id, "count": 1, **more}
    wire.ask(f"component.scale.{host.id}", command)
    return wire.events()


# Files --------------------------------------------------------------------------------------------------


def token(**claims: object) -> bytes:
    """What stands where a token does; its signature is none."""
    fields = {"iss": "A", "sub": "M", "wascap": {}, **claims}
    body = base64.urlsafe_b64encode(json.dumps(fields).encode()).rstrip(b"=")
    return b"e30." + body + b".e30"


def with_claims(claims: bytes) -> bytes:
    """A component with another section of its own kind before the one with its claims."""
    return component() + section(0, sized(b"producers") + b"x") + section(0, sized(b"jwt") + claims)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (
            component() + b"\x00\xff",
            "failed to extract module claims: I/O error: unexpected end-of-file (at offset ",
        ),
        (
            with_claims(b"a.b"),
            "failed to extract module claims: JWT error: invalid token format, expected 3 segments, found 2",
        ),
        (with_claims(b"e30.aaaaa.e30"), "failed to extract module claims: Decode error: "),
        (with_claims(b"e30.e30.e30"), "failed to extract module claims: Serialization error: "),
        (None, "token expired at `"),
        (with_claims(token(exp=int(time.time()) - 7250)), "token expired at `2h ago`"),
        (with_claims(token(nbf=int(time.time()) + 90_000)), "token cannot be used before `in 1day`"),
    ],
    ids=["cut", "two-parts", "no-base64", "no-claims", "seconds-ago", "hours-ago", "not-yet"],
)
def test_a_component_with_odd_claims_is_not_started(
    wire: Wire, host: PracticeHost, tmp_path: Path, code: bytes | None, error: str
) -> None:
    """What cannot be read, and what does not hold now, fails in the host's words."""
    if code is None:
        code = with_claims(token(exp=int(time.time()) - 30))  # by the clock of the test's own time
    path = tmp_path / "echo.wasm"
    path.write_bytes(code)

    ((name, data),) = scale(wire, host, artifacts.reference(path))

    assert name == "component_scale_failed"
    assert data["error"].startswith(error)


def archive(**files: bytes) -> bytes:
    """A provider archive with these files, and a folder."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        folder = tarfile.TarInfo("folder")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text))
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"no archive at all", "failed to read entire block"),
        (archive(readme=b"x"), "Not enough files found in provider archive. Is this a complete archive?"),
        (
            archive(**{"claims.jwt": token(), f"{native_target()}.bin": b"x"}),
            f"File hash and verify hash do not match for '{native_target()}'",
        ),
    ],
    ids=["broken", "incomplete", "changed"],
)
def test_a_provider_of_an_odd_archive_is_not_started(
    wire: Wire, host: PracticeHost, tmp_path: Path, content: bytes, error: str
) -> None:
    """An archive that is broken, lacks something, or has another program than was signed, fails."""
    path = tmp_path / "provider.par"
    path.write_bytes(content)
    command = {"provider_id": "p", "provider_ref": artifacts.reference(path), "host_id": host.id}
    wire.ask(f"provider.start.{host.id}", command)

    ((name, data),) = wire.events()
    assert name == "provider_start_failed"
    assert data["error"].endswith(f"failed to load provider archive: {error}")


def test_an_update_to_claims_that_do_not_hold_is_told_by_nothing(
    wire: Wire, host: PracticeHost, tmp_path: Path
) -> None:
    """What runs goes on; to claims that hold it is updated."""
    bad, good = tmp_path / "bad.wasm", tmp_path / "good.wasm"
    bad.write_bytes(with_claims(b"a.b"))
    good.write_bytes(artifacts.sign_component(component(), name="Echo", revision=1, version="0.1.0"))
    scale(wire, host, ECHO)
    update = {"host_id": host.id, "component_id": "echo"}

    wire.ask(f"component.update.{host.id}", {**update, "new_component_ref": artifacts.reference(bad)})
    assert wire.events() == []
    assert host.running_code == {"echo": ECHO}
    wire.ask(f"component.update.{host.id}", {**update, "new_component_ref": artifacts.reference(good)})
    assert [name for name, _ in wire.events()] == ["component_scaled", "component_scaled"]
    assert host.running_code == {"echo": artifacts.reference(good)}


def test_a_failure_of_a_signed_component_names_its_key(
    wire: Wire, host: PracticeHost, tmp_path: Path
) -> None:
    """By then its claims have been read."""
    path = tmp_path / "echo.wasm"
    path.write_bytes(artifacts.sign_component(component(), name="Echo", revision=1, version="0.1.0"))

    ((name, data),) = scale(wire, host, artifacts.reference(path), config=["absent"])

    assert name == "component_scale_failed"
    assert data["public_key"].startswith("M")


def test_claims_that_are_too_large_to_keep_fail(wire: Wire, host: PracticeHost, tmp_path: Path) -> None:
    """The bucket takes no more than a message may hold."""
    path = tmp_path / "echo.wasm"
    path.write_bytes(artifacts.sign_component(component(), name="x" * 1_100_000, revision=1, version="0.1.0"))

    ((name, data),) = scale(wire, host, artifacts.reference(path))

    assert name == "component_scale_failed"
    assert data["error"].startswith("failed to store claims: failed to put claims: failed to put value: ")


# Buckets that somebody else wrote to --------------------------------------------------------------------


def store(lattice: PracticeLattice, bucket: str, key: str, value: bytes) -> None:
    """Put something into a lattice's bucket by hand."""
    lattice.publish(f"$KV.{bucket}_{lattice.lattice}.{key}", value)


def test_a_config_that_is_no_map_is_told(
    practice_lattice: PracticeLattice, wire: Wire, host: PracticeHost
) -> None:
    """Neither asked for nor run with."""
    store(practice_lattice, "CONFIGDATA", "web", b"[]")

    assert wire.ask("config.get.web") == {
        "success": False,
        "message": "config data should be a map of string -> string",
    }
    ((name, data),) = scale(wire, host, ECHO, config=["web"])
    assert name == "component_scale_failed"
    assert "Data corruption error" in data["error"]


def test_registries_that_are_no_map_are_refused(wire: Wire) -> None:
    """As the host's own reader does."""
    assert wire.ask("registry.put", b"[]")["success"] is False


def test_links_that_cannot_be_read_are_passed_over(practice_lattice: PracticeLattice, wire: Wire) -> None:
    """A host goes on with what it knew, and cannot add to what it cannot read."""
    wire.ask("link.put", LINK)
    store(practice_lattice, "LATTICEDATA", "COMPONENT_echo", b'{"links": 5}')
    store(practice_lattice, "LATTICEDATA", "other", b"somebody else's")

    assert wire.ask("link.put", LINK) == {
        "success": False,
        "message": "failed to deserialize stored component specification for echo",
    }
    assert [link["source_id"] for link in wire.ask("link.get")["response"]] == ["echo"]


def test_links_that_were_removed_by_hand_are_remembered(
    practice_lattice: PracticeLattice, wire: Wire, make_practice_lattice: Callable[..., PracticeLattice]
) -> None:
    """Hosts that run forget nothing that is removed; one that starts later never knew it."""
    wire.ask("link.put", LINK)
    bucket = wire._loop.run_until_complete(
        wire.client.jetstream().key_value(f"LATTICEDATA_{practice_lattice.lattice}")
    )
    wire._loop.run_until_complete(bucket.delete("COMPONENT_echo"))

    assert len(wire.ask("link.get")["response"]) == 1
    practice_lattice.close()
    with make_practice_lattice(lattice=practice_lattice.lattice).connect() as client:
        assert client.get_links().unwrap() == []


def test_a_link_that_is_too_large_to_keep_is_refused(wire: Wire) -> None:
    """It arrives, but what is kept of it has more fields, and does not fit."""
    link = {**LINK, "interfaces": ["x"]}
    missing = 1_048_576 - len(json.dumps(link))
    link["interfaces"] = ["x" * (missing + 1)]

    answer = wire.ask("link.put", link)

    assert answer == {"success": False, "message": "failed to put component spec"}


def test_hosts_whose_buckets_are_gone_say_so(
    practice_lattice: PracticeLattice, wire: Wire, host: PracticeHost
) -> None:
    """Whatever has to be stored or read is refused, in the host's words."""
    for bucket in ("CONFIGDATA", "LATTICEDATA"):
        name = f"KV_{bucket}_{practice_lattice.lattice}"
        wire._loop.run_until_complete(wire.client.jetstream().delete_stream(name))

    assert wire.ask("config.put.web", {}) == {"success": False, "message": "unable to store config data"}
    assert wire.ask("config.get.web")["success"] is False
    assert wire.ask("config.del.web")["success"] is False
    refused = wire.ask("link.put", {**LINK, "source_config": ["web"]})
    assert refused["message"].startswith("Failed to validate configuration and secrets. ")


def test_a_bucket_with_settings_of_its_own_is_used(practice_server: PracticeServer) -> None:
    """A host of another version may have made it."""
    name = "made-before"

    async def make() -> None:
        client = await nats.connect(practice_server.url)
        await client.jetstream().create_key_value(KeyValueConfig(bucket=f"CONFIGDATA_{name}", history=5))
        await client.close()

    asyncio.run(make())
    with PracticeLattice(server=practice_server, lattice=name) as lattice, lattice.connect() as client:
        client.put_config("web", {"a": "b"}).raise_for_status()

        assert client.get_config("web").unwrap() == {"a": "b"}


# The hosts' work ----------------------------------------------------------------------------------------


def test_a_slow_host_that_was_stopped_takes_nothing_up(
    practice_lattice: PracticeLattice, wire: Wire, host: PracticeHost
) -> None:
    """What waited behind its slowness when it took up the stop stays unanswered."""
    host.slow(0.3)
    wire.send(f"host.stop.{host.id}", {"host_id": host.id})
    wire.send("host.ping", reply=wire.client.new_inbox())
    practice_lattice.wait_for_commands("host.ping")
    host.stall()  # so that the stop's answer, and the host's end, wait
    end = time.monotonic() + 5
    while not host.simulated.stopping:
        assert time.monotonic() < end
    time.sleep(0.1)  # until the ping has been slow, too
    host.resume()

    assert [name for name, _ in wire.events()] == ["host_stopped"]
    assert not host.running


# A lattice and its server -------------------------------------------------------------------------------


def test_what_runs_can_be_started_again(practice_server: PracticeServer) -> None:
    """It is what it was."""
    with PracticeLattice(server=practice_server, lattice="twice") as lattice:
        hosts = lattice.hosts
        assert lattice.start() is lattice
        assert lattice.hosts == hosts
    assert practice_server.start() is practice_server


def test_a_server_that_is_somebody_elses_is_not_the_lattices(practice_server: PracticeServer) -> None:
    """One that was given as a URL can be used, not stopped."""
    lattice = PracticeLattice(server=practice_server.url)

    with pytest.raises(RuntimeError, match="was given as a URL"):
        _ = lattice.server


def test_a_server_that_is_not_ready_in_time_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """At its first start, and when it ran before."""
    server = PracticeServer()
    with monkeypatch.context() as patch:
        patch.setattr(_server, "_READY", "what no server says")
        with pytest.raises(PracticeServerError, match="was not ready within 0 s"):
            server.start(timeout=0.0)
    assert not server.running
    with server:
        with monkeypatch.context() as patch:
            server.pause()
            patch.setattr(server, "resume", lambda: None)  # it cannot end by itself, so it is killed
            server.stop(timeout=0.0)
        with monkeypatch.context() as patch:
            patch.setattr(_server, "_READY", "what no server says")
            with pytest.raises(PracticeServerError, match="was not ready within 0 s"):
                server.start(timeout=0.0)
        assert not server.running
        assert server.start().running


def test_a_server_says_of_itself_how_it_is() -> None:
    """Where it is, and whether it runs; what does not run can be neither paused nor resumed."""
    with PracticeServer() as server:
        told = [repr(server)]
        server.pause()
        told.append(repr(server))
        server.resume()
        server.stop()
        server.pause()
        server.resume()
        told.append(repr(server))

    assert told == [f"<PracticeServer {server.url} {state}>" for state in ("running", "paused", "stopped")]


def test_the_introduction_names_a_prefix_of_ones_own(
    make_practice_lattice: Callable[..., PracticeLattice],
) -> None:
    """Both from Python and for wash."""
    lattice = make_practice_lattice(topic_prefix="mine.ctl", lattice="default")
    told = __main__._introduction(lattice, has_wadm=False)

    assert f"wasmcloud_ctl.connect({lattice.url!r}, topic_prefix='mine.ctl')" in told
    assert "WASMCLOUD_CTL_TOPIC_PREFIX=mine.ctl wash get hosts" in told
