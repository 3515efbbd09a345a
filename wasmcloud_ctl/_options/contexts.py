"""The configuration of wash: its environment variables and its context files. Both are only read."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from wasmcloud_ctl._options import arguments
from wasmcloud_ctl._options.options import Given, fill_up, passed, with_servers, without_none
from wasmcloud_ctl._options.servers import make_url, parse_servers
from wasmcloud_ctl._protocol import codec
from wasmcloud_ctl._protocol.subjects import token
from wasmcloud_ctl.exceptions import ConnectError, InvalidArgument, NotFound

# The file with the name of the current context, and the context that is current if there is no such file.
_CURRENT = "default"
_FIRST_CONTEXT = "host_config"

_HIGHEST_PORT = 65535
_HIGHEST_MILLISECONDS = 2**63


def from_environment(arguments_of_connect: Mapping[str, Any]) -> Given:
    """Fill up the arguments of ``connect`` from the environment, then from the named or current context.

    Args:
        arguments_of_connect: What the caller passed, by the names of the parameters.

    Raises:
        InvalidArgument: A variable has an invalid value.
        ConnectError: A context file is broken, or the current context does not exist.
        NotFound: The named context does not exist.
    """
    given = passed(arguments_of_connect)
    name = given.pop("context", None)
    for source in (
        _variables("WASMCLOUD_CTL", ("WASH_CTL_CREDS", "WASMCLOUD_CTL_CREDS")),
        _variables("WASMCLOUD_NATS", ("WASMCLOUD_NATS_CREDS",)),
        _other_variables(),
        current() if name is None else load(name),
    ):
        given = fill_up(given, source)
    return with_servers(given)


# Environment variables --------------------------------------------------------------------------


def _variables(prefix: str, credentials: tuple[str, ...]) -> Given:
    """Read the variables with a prefix: wash's own, or those of the host."""
    return _one_login(
        {
            "host": _variable(f"{prefix}_HOST"),
            "port": _whole_number(f"{prefix}_PORT", _HIGHEST_PORT),
            "user_jwt": _variable(f"{prefix}_JWT"),
            "nkey_seed": _variable(f"{prefix}_SEED"),
            "credentials": next(filter(None, map(_variable, credentials)), None),
        }
    )


def _other_variables() -> Given:
    timeout = _whole_number("WASMCLOUD_CTL_TIMEOUT_MS", _HIGHEST_MILLISECONDS)
    return without_none(
        {
            "lattice": _variable("WASMCLOUD_LATTICE"),
            "topic_prefix": _variable("WASMCLOUD_CTL_TOPIC_PREFIX"),
            "timeout": timeout and timeout / 1000,
            "auction_timeout": timeout and timeout / 1000,
            "tls": _boolean("WASMCLOUD_CTL_TLS") or None,
            "tls_ca": _variable("WASH_CTL_TLS_CA_FILE"),
            "tls_first": _boolean("WASH_CTL_TLS_FIRST"),
            "js_domain": _variable("WASMCLOUD_JS_DOMAIN"),
        }
    )


def _one_login(source: Mapping[str, Any]) -> Given:
    """Keep one kind of credentials where a source gives several. Like wash, prefer a JWT to a credentials file."""
    given = without_none(source)
    if "user_jwt" in given:
        given.pop("credentials", None)
    elif "credentials" in given:
        given.pop("nkey_seed", None)
    return given


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
    text = _variable(name)
    if text is None:
        return None
    if text.lower() not in ("true", "false", "1", "0"):
        raise InvalidArgument(f"the variable {name} must be true or false, not {text!r}")
    return text.lower() in ("true", "1")


# Context files ----------------------------------------------------------------------------------


def load(name: object) -> Given:
    """Return the options that a context gives.

    Raises:
        NotFound: There is no such context; the message lists the existing ones.
        ConnectError: The context's file is broken.
        InvalidArgument: The name is not a string, is blank, or is a path.
    """
    if not _is_name(arguments.identifier(name, "context")):
        raise InvalidArgument(f"context must be the name of a wash context, not a path: {name!r}")
    folder = _folder()
    given = _read(folder / f"{name}.json")
    if given is None:
        raise NotFound(f"there is no wash context {name!r} in {folder}; {_existing(folder)}")
    return given


def current() -> Given:
    """Return the options that wash's current context gives. Empty if wash has no context.

    Raises:
        ConnectError: The context's file is broken, or does not exist although it is named as the current one.
    """
    folder = _folder()
    path = folder / _CURRENT
    content = _content(path)
    if content is None:
        return _read(folder / f"{_FIRST_CONTEXT}.json") or {}
    name = content.decode("utf-8", "replace").strip()
    given = _read(folder / f"{name}.json") if _is_name(name) else None
    if given is None:
        raise ConnectError(
            f"{path}, line 1: names {name!r} as the current wash context, which does not exist; {_existing(folder)}"
        )
    return given


def _folder() -> Path:
    """Return the folder of wash's contexts."""
    contexts = _variable("WASH_CONTEXT_DIR")
    if contexts is not None:
        return Path(contexts).expanduser()
    wash = _variable("WASH_CONFIG_DIR")
    if wash is not None:
        return Path(wash).expanduser() / "contexts"
    configuration = Path(_variable("XDG_CONFIG_HOME") or "")
    if not configuration.is_absolute():
        configuration = Path("~/.config").expanduser()
    return configuration / "wash" / "contexts"


def _is_name(name: str) -> bool:
    return name.isprintable() and name != "" and not any(character in "/\\" for character in name)


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


def _port(value: object, what: str) -> int:
    return arguments.whole_number(value, what, _HIGHEST_PORT, lowest=1)


def _milliseconds(value: object, what: str) -> float:
    return arguments.whole_number(value, what, _HIGHEST_MILLISECONDS, lowest=1) / 1000


# The keys of a context file: the option that each gives, and its check. A later key replaces an earlier one for the
# same option.
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

    Raises:
        ConnectError: The file is broken. The message names the line and quotes nothing that may be a secret.
    """
    content = _content(path)
    if content is None:
        return None
    line, given = 1, {}
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
    return _one_login(given)


def _line_of(key: str, content: bytes) -> int:
    found = re.search(rf'"{key}"\s*:'.encode(), content)
    return 1 if found is None else content.count(b"\n", 0, found.start()) + 1
