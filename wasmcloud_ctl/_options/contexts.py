"""The configuration of wash: its environment variables and its context files. Both are only read."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from wasmcloud_ctl._options import arguments
from wasmcloud_ctl._options.options import Given, combine, passed
from wasmcloud_ctl._options.servers import make_url, parse_servers
from wasmcloud_ctl._protocol import codec
from wasmcloud_ctl._protocol.subjects import token
from wasmcloud_ctl.exceptions import ConnectError, InvalidArgument, NotFound

_HIGHEST_PORT = 65535
_HIGHEST_MILLISECONDS = 2**63


def from_environment(arguments_of_connect: Mapping[str, Any]) -> Given:
    """Fill up the arguments of ``connect`` from the environment, then from the named or current context."""
    given = passed(arguments_of_connect)
    name = given.pop("context", None)
    combined = combine(
        given,
        _login_variables("WASMCLOUD_CTL", _variable("WASH_CTL_CREDS") or _variable("WASMCLOUD_CTL_CREDS")),
        _login_variables("WASMCLOUD_NATS", _variable("WASMCLOUD_NATS_CREDS")),
        _other_variables(),
        current() if name is None else load(name),
    )
    if "servers" not in combined:
        combined["servers_from"] = "the default address: no variable and no wash context gives another"
    return combined


# Environment variables --------------------------------------------------------------------------


def _login_variables(prefix: str, credentials: str | None) -> Given:
    """Read the variables with a prefix: wash's own, or those of the host."""
    host_variable, port_variable = f"{prefix}_HOST", f"{prefix}_PORT"
    host, port = _variable(host_variable), _whole_number(port_variable, _HIGHEST_PORT)
    return _one_login(
        {
            "host": host and _host(host, f"the variable {host_variable}"),
            "host_from": host and host_variable,
            "port": port,
            "port_from": port and port_variable,
            "user_jwt": _variable(f"{prefix}_JWT"),
            "nkey_seed": _variable(f"{prefix}_SEED"),
            "credentials": credentials,
        }
    )


def _other_variables() -> Given:
    milliseconds = _whole_number("WASMCLOUD_CTL_TIMEOUT_MS", _HIGHEST_MILLISECONDS)
    timeout = milliseconds and milliseconds / 1000
    return {
        "lattice": _variable("WASMCLOUD_LATTICE"),
        "topic_prefix": _variable("WASMCLOUD_CTL_TOPIC_PREFIX"),
        "timeout": timeout,
        "auction_timeout": timeout,
        "tls": _boolean("WASMCLOUD_CTL_TLS") or None,
        "tls_ca": _variable("WASH_CTL_TLS_CA_FILE"),
        "tls_first": _boolean("WASH_CTL_TLS_FIRST"),
        "js_domain": _variable("WASMCLOUD_JS_DOMAIN"),
    }


def _one_login(source: Given) -> Given:
    """Keep one kind of credentials where a source gives several. Like wash, prefer a JWT to a credentials file."""
    if source.get("user_jwt") is not None:
        return {**source, "credentials": None}
    if source.get("credentials") is not None:
        return {**source, "nkey_seed": None}
    return source


def _variable(name: str) -> str | None:
    # Containers often set variables to an empty string: that counts as not set.
    return os.environ.get(name) or None


def _whole_number(name: str, highest: int) -> int | None:
    text = _variable(name)
    if text is None:
        return None
    # The length comes first: Python refuses to convert thousands of digits.
    if not (len(text) < 20 and text.isascii() and text.isdigit() and 1 <= int(text) <= highest):
        raise InvalidArgument(f"the variable {name} must be a whole number from 1 to {highest}, not {text!r}")
    return int(text)


def _boolean(name: str) -> bool | None:
    text = (_variable(name) or "").lower()
    if text not in ("", "true", "false", "1", "0"):
        raise InvalidArgument(f"the variable {name} must be true or false, not {os.environ[name]!r}")
    return text in ("true", "1") if text else None


# Context files ----------------------------------------------------------------------------------


def load(name: object) -> Given:
    """Return the options that a context gives. Raise NotFound if there is none of this name."""
    if not _is_name(arguments.identifier(name, "context")):
        raise InvalidArgument(f"context must be the name of a wash context, not a path: {name!r}")
    folder = _folder()
    if folder is None:
        raise NotFound(
            f"there is no wash context {name!r}, because there is no home directory; set WASH_CONTEXT_DIR"
        )
    given = _read(folder / f"{name}.json")
    if given is None:
        raise NotFound(f"there is no wash context {name!r} in {folder}; {_existing(folder)}")
    return given


def current() -> Given:
    """Return the options that wash's current context gives. Empty if wash has no context."""
    folder = _folder()
    if folder is None:
        return {}
    path = folder / "default"  # holds the name of the current context
    content = _content(path)
    if content is None:
        return _read(folder / "host_config.json") or {}
    name = content.decode("utf-8", "replace").strip()
    given = _read(folder / f"{name}.json") if _is_name(name) else None
    if given is None:
        raise ConnectError(
            f"{path}, line 1: names {name!r} as the current wash context, which does not exist; {_existing(folder)}"
        )
    return given


def _folder() -> Path | None:
    """Return the folder of the contexts. None if it is in a home directory and the user has none."""
    contexts, wash = _variable("WASH_CONTEXT_DIR"), _variable("WASH_CONFIG_DIR")
    configuration = Path(_variable("XDG_CONFIG_HOME") or "")
    if contexts is not None:
        folder = Path(contexts)
    elif wash is not None:
        folder = Path(wash, "contexts")
    else:
        folder = Path(configuration if configuration.is_absolute() else "~/.config", "wash", "contexts")
    try:
        return folder.expanduser()
    except RuntimeError:  # a user without a home directory, as in a container
        return None


def _is_name(name: str) -> bool:
    return name.isprintable() and name != "" and "/" not in name and "\\" not in name


def _existing(folder: Path) -> str:
    # Earlier versions of wash kept the name of the current context in index.json.
    names = sorted(path.stem for path in folder.glob("*.json") if path.stem != "index")
    return f"existing contexts: {', '.join(names) or 'none'}"


def _content(path: Path) -> bytes | None:
    """Read a file; None if it does not exist."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConnectError(f"{path}: cannot read the wash context: {error.strerror}") from error


def _host(value: object, what: str) -> object:
    try:
        parse_servers(make_url(arguments.identifier(value, what), None))
    except InvalidArgument as error:
        raise InvalidArgument(f"{what}: {error}") from error
    return value


def _milliseconds(value: object, what: str) -> float:
    return arguments.whole_number(value, what, _HIGHEST_MILLISECONDS, lowest=1) / 1000


_port = functools.partial(arguments.whole_number, highest=_HIGHEST_PORT, lowest=1)

# The keys of a context file: the option that each gives, and its check. For one option, the last key counts.
_KEYS: dict[str, tuple[str, Callable[[object, str], object]]] = {
    "ctl_host": ("host", _host),
    "ctl_port": ("port", _port),
    "ctl_timeout": ("timeout", _milliseconds),
    "ctl_jwt": ("user_jwt", arguments.identifier),
    "ctl_seed": ("nkey_seed", arguments.identifier),
    "ctl_credsfile": ("credentials", arguments.identifier),
    "ctl_tls_ca_file": ("tls_ca", arguments.identifier),
    "ctl_tls_first": ("tls_first", arguments.boolean),
    "lattice_prefix": ("lattice", token),
    "lattice": ("lattice", token),
    "js_domain": ("js_domain", token),
}

# The keys for which wash writes an empty string where there is no value.
_MAY_BE_EMPTY = ("ctl_jwt", "ctl_seed", "ctl_credsfile", "ctl_tls_ca_file", "js_domain")


def _read(path: Path) -> Given | None:
    """Return the options that a context file gives; None if the file does not exist.

    If the file is broken, the error names the line and quotes nothing that may be a secret.
    """
    content = _content(path)
    if content is None:
        return None
    line, given = 1, Given()
    try:
        loaded = codec.parse_json(content)
        if not isinstance(loaded, dict):
            raise InvalidArgument("the file must contain a JSON object")
        for key, (option, check) in _KEYS.items():
            value = loaded.get(key)
            if value is not None and not (value == "" and key in _MAY_BE_EMPTY):
                line = _line_of(key, content)
                given[option] = check(value, key)
    except codec.InvalidJson as error:
        reason = f"invalid JSON: {error} (column {error.column})"
        raise ConnectError(f"{path}, line {error.line}: the wash context is broken: {reason}") from error
    except InvalidArgument as error:
        raise ConnectError(f"{path}, line {line}: the wash context is broken: {error}") from error
    for option in ("host", "port"):
        if option in given:
            given[f"{option}_from"] = f"the wash context {path}"
    return _one_login(given)


def _line_of(key: str, content: bytes) -> int:
    found = re.search(rf'"{key}"\s*:'.encode(), content)
    return 1 if found is None else content.count(b"\n", 0, found.start()) + 1
