"""wash's environment variables and context files."""

from __future__ import annotations

import pwd
from pathlib import Path
from typing import Any, NoReturn

import pytest
import wash
from identities import credentials, new_seed, public_key, signed
from refusals import refusal

import wasmcloud_ctl
from wasmcloud_ctl import AuthError, ConnectError, InvalidArgument, NotFound
from wasmcloud_ctl._options import contexts as _contexts
from wasmcloud_ctl._options.options import resolve
from wasmcloud_ctl.testing import unused_port

SEED = new_seed()
JWT = signed({"sub": public_key(SEED)}, SEED)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for contexts, and an environment without wash's variables."""
    return wash.empty_contexts(tmp_path, monkeypatch)


def found(**arguments: Any) -> dict[str, Any]:
    """The options that from_env finds."""
    return {
        name: value for name, value in _contexts.from_environment(arguments).items() if name != "servers_from"
    }


# The environment --------------------------------------------------------------------------------


def test_nothing_said_is_nothing_given() -> None:
    """Without variables and contexts connect's defaults hold, and no file or folder is made."""
    assert found() == {}


def test_every_variable_of_wash(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of wash's variables has its option."""
    for name, value in {
        "WASMCLOUD_CTL_HOST": "nats.example",
        "WASMCLOUD_CTL_PORT": "4333",
        "WASMCLOUD_CTL_JWT": JWT,
        "WASMCLOUD_CTL_SEED": SEED,
        "WASMCLOUD_LATTICE": "blue",
        "WASMCLOUD_CTL_TOPIC_PREFIX": "acme.ctl",
        "WASMCLOUD_CTL_TIMEOUT_MS": "1500",
        "WASMCLOUD_JS_DOMAIN": "leaf",
        "WASH_CTL_TLS_CA_FILE": "ca.pem",
        "WASH_CTL_TLS_FIRST": "true",
        "WASMCLOUD_CTL_TLS": "true",
    }.items():
        monkeypatch.setenv(name, value)

    assert found() == {
        "servers": "nats.example:4333",
        "user_jwt": JWT,
        "nkey_seed": SEED,
        "lattice": "blue",
        "topic_prefix": "acme.ctl",
        "timeout": 1.5,
        "auction_timeout": 1.5,
        "js_domain": "leaf",
        "tls_ca": "ca.pem",
        "tls_first": True,
        "tls": True,
    }


def test_the_hosts_variables_count_after_washs(monkeypatch: pytest.MonkeyPatch) -> None:
    """WASMCLOUD_NATS_* fill up what WASMCLOUD_CTL_* do not say; credentials of the two are not mixed."""
    monkeypatch.setenv("WASMCLOUD_NATS_HOST", "host.example")
    monkeypatch.setenv("WASMCLOUD_NATS_PORT", "4333")
    monkeypatch.setenv("WASMCLOUD_NATS_JWT", JWT)
    monkeypatch.setenv("WASMCLOUD_NATS_SEED", SEED)
    assert found() == {"servers": "host.example:4333", "user_jwt": JWT, "nkey_seed": SEED}
    monkeypatch.setenv("WASMCLOUD_CTL_HOST", "wash.example")
    monkeypatch.setenv("WASMCLOUD_CTL_CREDS", "host.creds")
    assert found() == {"servers": "wash.example:4333", "credentials": "host.creds"}
    monkeypatch.setenv("WASH_CTL_CREDS", "wash.creds")
    assert found() == {"servers": "wash.example:4333", "credentials": "wash.creds"}


def test_variables_count_before_the_current_context(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Arguments, then variables, then the context, one by one; a named context takes the current one's place."""
    wash.write(
        folder, "host_config", ctl_host="current.example", ctl_port=4333, lattice="blue", js_domain="leaf"
    )
    wash.write(folder, "other", ctl_host="other.example", lattice_prefix="green", ctl_timeout=500)
    assert found() == {
        "servers": "current.example:4333",
        "lattice": "blue",
        "timeout": 2.0,
        "js_domain": "leaf",
    }
    monkeypatch.setenv("WASMCLOUD_CTL_HOST", "variable.example")
    monkeypatch.setenv("WASMCLOUD_LATTICE", "red")
    assert found(js_domain="mine") == {
        "servers": "variable.example:4333",
        "lattice": "red",
        "timeout": 2.0,
        "js_domain": "mine",
    }
    assert found(servers="tls://mine.example", context="other") == {
        "servers": "tls://mine.example",
        "lattice": "red",
        "timeout": 0.5,
    }


def test_credentials_are_one_sources(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who names any credentials, be it in a URL, has none of another's mixed in; within one source it is as in wash:
    the JWT with its seed, then the file, then the URL's."""
    wash.write(folder, "host_config", ctl_jwt=JWT, ctl_seed=SEED, ctl_credsfile="x.creds")
    assert found()["user_jwt"] == JWT
    assert "credentials" not in found()
    for arguments in (
        {"token": "t"},
        {"servers": "nats://t@mine.example"},
        {"servers": ["nats://t@mine.example"]},
    ):
        assert not {"user_jwt", "nkey_seed"} & set(found(**arguments))
    monkeypatch.setenv("WASMCLOUD_CTL_HOST", "me:hunter2@variable.example")
    assert not {"user_jwt", "nkey_seed"} & set(found())
    monkeypatch.delenv("WASMCLOUD_CTL_HOST")
    monkeypatch.setenv("WASH_CTL_CREDS", "y.creds")
    assert found()["credentials"] == "y.creds"
    assert not {"user_jwt", "nkey_seed"} & set(found())


def test_options_of_a_source_count_before_the_credentials_in_its_host(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host is used without them, be the options of the same source or of one before it."""
    wash.write(folder, "host_config", ctl_host="nats://me:hunter2@context.example", ctl_seed=SEED)
    assert (found()["servers"], found()["nkey_seed"]) == ("nats://context.example:4222", SEED)
    wash.write(folder, "host_config", ctl_host="me:hunter2@context.example")
    assert found()["servers"] == "me:hunter2@context.example:4222"
    assert found(token="t")["servers"] == "context.example:4222"
    monkeypatch.setenv("WASH_CTL_CREDS", "x.creds")
    assert found()["servers"] == "context.example:4222"


def test_without_tls_means_none_of_the_contexts_tls(folder: Path) -> None:
    """tls=False leaves out what a context says of TLS."""
    wash.write(folder, "host_config", ctl_tls_ca_file="ca.pem", ctl_tls_first=True)
    assert (found()["tls_ca"], found()["tls_first"]) == ("ca.pem", True)
    assert not {"tls_ca", "tls_first"} & set(found(tls=False))


def test_connects_default_says_nothing_of_tls_first(folder: Path) -> None:
    """tls_first=False, which is connect's default, does not stand in the way of what a context says."""
    wash.write(folder, "host_config", ctl_tls_first=True)
    assert found(tls_first=False)["tls_first"] is True


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "WASMCLOUD_CTL_PORT",
            "many",
            "WASMCLOUD_CTL_PORT must be a whole number from 1 to 65535, not 'many'",
        ),
        ("WASMCLOUD_CTL_PORT", "70000", "not '70000'"),
        ("WASMCLOUD_CTL_PORT", "1" * 5000, "must be a whole number from 1 to 65535"),
        ("WASMCLOUD_CTL_TIMEOUT_MS", "1.5", "WASMCLOUD_CTL_TIMEOUT_MS must be a whole number"),
        (
            "WASMCLOUD_CTL_HOST",
            "ws://h",
            "the variable WASMCLOUD_CTL_HOST: ws://h:4222: WebSocket URLs are not",
        ),
        ("WASH_CTL_TLS_FIRST", "maybe", "WASH_CTL_TLS_FIRST must be true or false, not 'maybe'"),
    ],
)
def test_a_variable_that_cannot_be_meant(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    """It is an InvalidArgument that names it; an empty one is none."""
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidArgument, match=message):
        wasmcloud_ctl.from_env()
    monkeypatch.setenv(name, "")
    assert found() == {}


# Where the address comes from --------------------------------------------------------------------


def origin(given: dict[str, Any]) -> str | None:
    """Where the address comes from, as the errors say it."""
    return resolve(given).servers[0].origin


def test_the_origin_of_an_address_is_each_variable_or_file_that_gave_a_part_of_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Variables by name, a context by its path, and the default where there is neither."""
    found = _contexts.from_environment
    assert origin(found({})) == "the default address: no variable and no wash context gives another"
    monkeypatch.setenv("WASMCLOUD_NATS_PORT", "4333")
    assert origin(found({})) == "the address comes from the default host and WASMCLOUD_NATS_PORT"
    monkeypatch.setenv("WASMCLOUD_CTL_HOST", "nats.example")
    assert origin(found({})) == "the address comes from WASMCLOUD_CTL_HOST and WASMCLOUD_NATS_PORT"
    monkeypatch.delenv("WASMCLOUD_NATS_PORT")
    assert origin(found({})) == "the address comes from WASMCLOUD_CTL_HOST and the default port"
    wash.write(folder, "work", ctl_host="work.example")
    work = f"the wash context {folder / 'work.json'}"
    assert origin(found({"context": "work"})) == f"the address comes from WASMCLOUD_CTL_HOST and {work}"
    monkeypatch.delenv("WASMCLOUD_CTL_HOST")
    assert origin(found({"context": "work"})) == f"the address comes from {work}"
    (folder / "default").write_text("work")
    assert origin(found({})) == f"the address comes from {work}"
    (folder / "work.json").write_text('{"ctl_host": "work.example"}')
    assert origin(found({})) == f"the address comes from {work} and the default port"


def test_an_address_that_the_caller_passes_has_no_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller knows where it comes from. Without one, connect's error names the argument."""
    monkeypatch.setenv("WASMCLOUD_CTL_HOST", "nats.example")
    assert origin(_contexts.from_environment({"servers": "mine.example"})) is None
    assert origin({"servers": "mine.example"}) is None
    assert origin({}) == "the default address: pass servers=... for another"
    assert origin({"tls": True}) == "the default address: pass servers=... for another"


def test_a_connect_error_says_where_the_address_comes_from(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After from_env, and after connect with a context."""
    url = f"nats://127.0.0.1:{unused_port()}"
    failed = f"nobody listens at {url}: check the address, and that the server runs"
    wash.write(folder, "work", ctl_port=int(url.rpartition(":")[2]))
    assert (
        refusal(context="work")
        == f"{failed} (the address comes from the wash context {folder / 'work.json'})"
    )
    assert refusal(url, context="work") == failed
    monkeypatch.setenv("WASMCLOUD_CTL_HOST", "127.0.0.1")
    monkeypatch.setenv("WASMCLOUD_CTL_PORT", url.rpartition(":")[2])
    assert wash.refusal_from_env(ConnectError) == (
        f"{failed} (the address comes from WASMCLOUD_CTL_HOST and WASMCLOUD_CTL_PORT)"
    )
    assert wash.refusal_from_env(ConnectError, servers=url) == failed


def test_an_unknown_option_is_a_type_error() -> None:
    """from_env takes connect's options, and no others."""
    with pytest.raises(TypeError, match="latice"):
        wasmcloud_ctl.from_env(latice="blue")  # type: ignore[call-arg]  # the mistake


# Contexts ---------------------------------------------------------------------------------------


def test_where_contexts_are(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """WASH_CONTEXT_DIR, then contexts in WASH_CONFIG_DIR, then wash/contexts in XDG_CONFIG_HOME if that is absolute,
    then in ~/.config."""
    monkeypatch.setenv("HOME", str(tmp_path))
    places = {
        "variable": folder,
        "config": tmp_path / "wash" / "contexts",
        "xdg": tmp_path / "xdg" / "wash" / "contexts",
        "home": tmp_path / ".config" / "wash" / "contexts",
    }
    for name, place in places.items():
        place.mkdir(parents=True, exist_ok=True)
        wash.write(place, "host_config", lattice=name)
    monkeypatch.setenv("WASH_CONFIG_DIR", "~/wash")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    assert found()["lattice"] == "variable"
    monkeypatch.delenv("WASH_CONTEXT_DIR")
    assert found()["lattice"] == "config"
    monkeypatch.delenv("WASH_CONFIG_DIR")
    assert found()["lattice"] == "xdg"
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    assert found()["lattice"] == "home"


def test_without_a_home_directory_there_are_no_contexts(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container whose user has no entry in /etc/passwd. A folder with the name "~" is none."""

    def nobody(number: int) -> NoReturn:
        raise KeyError(f"getpwuid(): uid not found: {number}")

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "WASH_CONTEXT_DIR"):
        monkeypatch.delenv(name, raising=False)
    contexts = tmp_path / "~" / ".config" / "wash" / "contexts"
    contexts.mkdir(parents=True)
    (contexts / "default").write_text("work")
    (contexts / "work.json").write_text('{"ctl_host": "elsewhere.example"}')
    for name in ("", "WASH_CONFIG_DIR", "WASH_CONTEXT_DIR"):
        if name:
            monkeypatch.setenv(name, "~/.config/wash/contexts")
        assert found() == {}
        assert refusal(context="work", kind=NotFound) == (
            "there is no wash context 'work', because there is no home directory; set WASH_CONTEXT_DIR"
        )


def test_an_unknown_context_lists_those_there_are(folder: Path) -> None:
    """The message has the folder and the names, without wash's old index."""
    assert refusal(context="wrok", kind=NotFound) == (
        f"there is no wash context 'wrok' in {folder}; existing contexts: none"
    )
    wash.write(folder, "work")
    wash.write(folder, "home")
    (folder / "index.json").write_text("{}")
    assert refusal(context="wrok", kind=NotFound) == (
        f"there is no wash context 'wrok' in {folder}; existing contexts: home, work"
    )


def test_a_current_context_that_is_not_there(folder: Path) -> None:
    """The file that names it is named, with the contexts that there are."""
    wash.write(folder, "work")
    (folder / "default").write_text("gone")
    assert wash.refusal_from_env(ConnectError) == (
        f"{folder / 'default'}, line 1: names 'gone' as the current wash context, which does not exist; "
        "existing contexts: work"
    )


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("", 1, "invalid JSON: Expecting value (column 1)"),
        (
            '{\n  "ctl_seed": "SECRET",\n  "ctl_port": 4222,,\n}',
            3,
            "invalid JSON: Expecting property name enclosed in double quotes (column 20)",
        ),
        ('["SECRET"]', 1, "the file must contain a JSON object"),
        ('{\n "ctl_seed": "SECRET",\n "ctl_port": "4222"}', 3, "ctl_port must be a whole number, not str"),
        ('{"ctl_port": true}', 1, "ctl_port must be a whole number, not bool"),
        ('{\n"ctl_timeout": 0}', 2, "ctl_timeout must be a whole number from 1 to 9223372036854775808"),
        ('{\n"ctl_seed": ["SECRET"]}', 2, "ctl_seed must be a string, not list"),
        ('{\n\n"lattice": ""}', 3, "lattice must not be empty"),
        ('{"ctl_tls_first": "yes"}', 1, "ctl_tls_first must be True or False, not str"),
        ('{"ctl_host": "ws://x"}', 1, "ctl_host: ws://x:4222: WebSocket URLs are not supported"),
        ("[" * 100_000, 1, "invalid JSON: nested too deeply"),
        ('{\n"ctl_seed": " "}', 2, "ctl_seed must not be empty or blank"),
    ],
)
def test_a_broken_context_is_an_error_with_its_line(folder: Path, text: str, line: int, what: str) -> None:
    """It is refused as a whole, with path and line, and nothing of what it holds; the current one, too."""
    (folder / "host_config.json").write_text(text)
    message = refusal(context="host_config", secrets=("SECRET",))
    assert message.startswith(
        f"{folder / 'host_config.json'}, line {line}: the wash context is broken: {what}"
    )
    assert wash.refusal_from_env(ConnectError) == message


def test_a_context_that_is_no_text_or_cannot_be_read(folder: Path) -> None:
    """Bytes that are no UTF-8, with their line; a folder in the file's place."""
    (folder / "host_config.json").write_bytes(b'{\n"ctl_seed": "SECRET\xff"}')
    assert refusal(context="host_config", secrets=("SECRET",)) == (
        f"{folder / 'host_config.json'}, line 2: the wash context is broken: invalid JSON: not UTF-8 (column 1)"
    )
    (folder / "strange.json").mkdir()
    assert refusal(context="strange") == (
        f"{folder / 'strange.json'}: cannot read the wash context: Is a directory"
    )


def test_nothing_is_written(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """wash would make what is missing; this only reads."""
    monkeypatch.setenv("WASH_CONTEXT_DIR", str(tmp_path / "missing"))
    found()
    assert not (tmp_path / "missing").exists()
    monkeypatch.setenv("WASH_CONTEXT_DIR", str(folder))
    found()
    assert list(folder.iterdir()) == []


def test_a_credentials_file_of_a_context(folder: Path, tmp_path: Path) -> None:
    """Its path is read when the connection is made, and named if it cannot be."""
    wash.write(folder, "work", ctl_credsfile=str(tmp_path / "no.creds"))
    assert refusal(context="work", kind=AuthError) == (
        f"cannot read credentials file {tmp_path / 'no.creds'}: No such file or directory"
    )
    (tmp_path / "no.creds").write_text(credentials(JWT, SEED))
    wash.write(folder, "work", ctl_credsfile=str(tmp_path / "no.creds"), ctl_port=1)
    assert refusal(context="work").startswith("nobody listens at nats://127.0.0.1:1")


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_an_ipv6_host(folder: Path, host: str) -> None:
    """An address of IPv6 gets its brackets, if it has none."""
    wash.write(folder, "work", ctl_host=host)
    assert found(context="work")["servers"] == "[::1]:4222"
