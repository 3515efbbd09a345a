"""What wash has been told of the way to a lattice: its environment variables and its context files. Read only."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs

from wasmcloud_ctl._options import options as _config
from wasmcloud_ctl._options.options import Given
from wasmcloud_ctl._protocol.subjects import token
from wasmcloud_ctl.exceptions import ConnectError, InvalidArgument, NotFound

# The file that holds the name of the current context, and the name where there is no such file.
_CURRENT = "default"
_FIRST_CONTEXT = "host_config"


def from_environment(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of ``connect``, filled up from the environment, and then from the context named or current.

    Args:
        arguments: What the caller gave, by the names of ``connect``'s parameters.

    Raises:
        InvalidArgument: A variable cannot be meant.
        ConnectError: A context file is broken, or the current context is not there.
        NotFound: There is no context of the name that was given.
    """
    fields = attrs.fields_dict(Given)
    given = Given(**{name: value for name, value in arguments.items() if name in fields})
    if given.tls_first is False:
        given = attrs.evolve(given, tls_first=None)  # connect's default, which says nothing
    given = given.or_else(_environment("WASMCLOUD_CTL", ("WASH_CTL_CREDS", "WASMCLOUD_CTL_CREDS")))
    given = given.or_else(_environment("WASMCLOUD_NATS", ("WASMCLOUD_NATS_CREDS",)))
    given = given.or_else(_further_variables())
    name = arguments.get("context")
    context = current() if name is None else load(name)
    if context is not None:
        given = given.or_else(context)
    found = attrs.asdict(given, recurse=False, filter=lambda _, value: value is not None)
    host, port = found.pop("host", None), found.pop("port", None)
    if given.servers is None and (host is not None or port is not None):
        found["servers"] = _config.url(host, port)
    return {**arguments, **found, "context": None}


# The environment --------------------------------------------------------------------------------


def _environment(prefix: str, credentials: tuple[str, ...]) -> Given:
    """What the variables of one prefix say: wash's own, or those that it shares with the host."""
    return _as_wash(
        Given(
            host=_variable(f"{prefix}_HOST"),
            port=_whole_number(f"{prefix}_PORT", 65535),
            user_jwt=_variable(f"{prefix}_JWT"),
            nkey_seed=_variable(f"{prefix}_SEED"),
            credentials=next(filter(None, map(_variable, credentials)), None),
        )
    )


def _further_variables() -> Given:
    milliseconds = _whole_number("WASMCLOUD_CTL_TIMEOUT_MS", 2**63)
    timeout = None if milliseconds is None else milliseconds / 1000
    return Given(
        lattice=_variable("WASMCLOUD_LATTICE"),
        topic_prefix=_variable("WASMCLOUD_CTL_TOPIC_PREFIX"),
        timeout=timeout,
        auction_timeout=timeout,
        tls=_boolean("WASMCLOUD_CTL_TLS") or None,
        tls_ca=_variable("WASH_CTL_TLS_CA_FILE"),
        tls_first=_boolean("WASH_CTL_TLS_FIRST"),
        js_domain=_variable("WASMCLOUD_JS_DOMAIN"),
    )


def _as_wash(given: Given) -> Given:
    """The credentials that wash would take where one source names several: the JWT, then the credentials file."""
    if given.user_jwt is not None:
        return attrs.evolve(given, credentials=None)
    if given.credentials is not None:
        return attrs.evolve(given, nkey_seed=None)
    return given


def _variable(name: str) -> str | None:
    # A variable that is there and empty is as good as not there: containers are set up so.
    return os.environ.get(name) or None


def _whole_number(name: str, highest: int) -> int | None:
    text = _variable(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= highest):
        raise InvalidArgument(f"the variable {name} must be a whole number, 1 to {highest}, not {text!r}")
    return int(text)


def _boolean(name: str) -> bool | None:
    text = _variable(name)
    if text is None:
        return None
    if text.lower() not in ("true", "false", "1", "0"):
        raise InvalidArgument(f"the variable {name} must be true or false, not {text!r}")
    return text.lower() in ("true", "1")


# Contexts ---------------------------------------------------------------------------------------


def load(name: str) -> Given:
    """What the context of that name says.

    Raises:
        NotFound: There is none; the message lists those that there are.
        ConnectError: Its file is broken.
        InvalidArgument: That is no name.
    """
    if not isinstance(name, str):
        raise InvalidArgument(f"context must be the name of a wash context, not {type(name).__name__}")
    if not _is_name(name):
        raise InvalidArgument(f"context must be the name of a wash context, not a path: {name!r}")
    folder = _folder()
    given = _read(folder / f"{name}.json")
    if given is None:
        raise NotFound(f"there is no wash context {name!r} in {folder}; {_those_there_are(folder)}")
    return given


def current() -> Given | None:
    """What wash's current context says; None where wash has none.

    Raises:
        ConnectError: Its file is broken, or the one that is said to be the current one is not there.
    """
    folder = _folder()
    path = folder / _CURRENT
    content = _content(path)
    if content is None:
        return _read(folder / f"{_FIRST_CONTEXT}.json")
    name = content.decode("utf-8", "replace").strip()
    given = _read(folder / f"{name}.json") if _is_name(name) else None
    if given is None:
        raise ConnectError(
            f"{path}, line 1: the current wash context is said to be {name!r}, which does not exist; "
            f"{_those_there_are(folder)}"
        )
    return given


def _folder() -> Path:
    """Where wash keeps its contexts."""
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
    return bool(name) and not any(character in "/\\\0\n" for character in name)


def _those_there_are(folder: Path) -> str:
    # index.json is what wash had in the place of the file "default" before.
    names = sorted(path.stem for path in folder.glob("*.json") if path.stem != "index")
    return f"there are {', '.join(names)}" if names else "there are none"


def _content(path: Path) -> bytes | None:
    """What is in a file; None if there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConnectError(f"{path}: the wash context cannot be read: {error.strerror}") from error


def _read(path: Path) -> Given | None:
    """What a context file says; None if there is no such file."""
    content = _content(path)
    if content is None:
        return None
    # An error of decoding holds the whole file, the seed too: it is not chained, nor is anything raised where it
    # would be.
    text, fault = _decoded(content)
    if fault is None:
        loaded, fault = _parsed(text)
        if fault is None:
            return _Reader(path, text, loaded).given()
    line, what = fault
    raise ConnectError(f"{path}, line {line}: the wash context is broken: {what}")


_Fault = tuple[int, str]


def _decoded(content: bytes) -> tuple[str, _Fault | None]:
    try:
        return content.decode("utf-8"), None
    except UnicodeDecodeError as error:
        return "", (content.count(b"\n", 0, error.start) + 1, "this is not UTF-8")


def _parsed(text: str) -> tuple[Any, _Fault | None]:
    try:
        return json.loads(text), None
    except json.JSONDecodeError as error:
        return None, (error.lineno, f"this is no JSON ({error.msg}, column {error.colno})")
    except RecursionError:
        return None, (1, "its JSON is nested too deeply")


class _Reader:
    """Takes what concerns the control interface from a context, and refuses what cannot be meant."""

    def __init__(self, path: Path, text: str, loaded: Any) -> None:
        self._path = path
        self._text = text
        if not isinstance(loaded, dict):
            raise self._broken(1, "this is no JSON object")
        self._loaded = loaded

    def given(self) -> Given:
        port = self._number("ctl_port", 65535)
        milliseconds = self._number("ctl_timeout", 2**63)
        host = self._text_of("ctl_host", lambda host: _config.parse_servers(_config.url(host, port)))
        # wash writes an empty string for some of what there is nothing of.
        lattice_key = "lattice" if "lattice" in self._loaded else "lattice_prefix"
        return _as_wash(
            Given(
                host=host,
                port=port,
                lattice=self._text_of(lattice_key, lambda lattice: token(lattice, "lattice")),
                timeout=None if milliseconds is None else milliseconds / 1000,
                user_jwt=self._text_of("ctl_jwt", may_be_empty=True),
                nkey_seed=self._text_of("ctl_seed", may_be_empty=True),
                credentials=self._text_of("ctl_credsfile", may_be_empty=True),
                tls_ca=self._text_of("ctl_tls_ca_file", may_be_empty=True),
                tls_first=self._boolean("ctl_tls_first"),
                js_domain=self._text_of(
                    "js_domain", lambda domain: token(domain, "js_domain"), may_be_empty=True
                ),
            )
        )

    def _text_of(
        self, key: str, check: Callable[[str], object] | None = None, may_be_empty: bool = False
    ) -> str | None:
        value = self._loaded.get(key)
        if value is None or (value == "" and may_be_empty):
            return None
        if not isinstance(value, str) or not value:
            raise self._broken(self._line_of(key), f"{key} must be a string, not empty")
        if check is not None:
            try:
                check(value)
            except InvalidArgument as error:
                raise self._broken(self._line_of(key), f"{key}: {error}") from error
        return value

    def _number(self, key: str, highest: int) -> int | None:
        value = self._loaded.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= highest:
            raise self._broken(self._line_of(key), f"{key} must be a whole number, 1 to {highest}")
        return value

    def _boolean(self, key: str) -> bool | None:
        value = self._loaded.get(key)
        if value is not None and not isinstance(value, bool):
            raise self._broken(self._line_of(key), f"{key} must be true or false")
        return value

    def _line_of(self, key: str) -> int:
        found = re.search(rf'"{key}"\s*:', self._text)
        return 1 if found is None else self._text.count("\n", 0, found.start()) + 1

    def _broken(self, line: int, what: str) -> ConnectError:
        return ConnectError(f"{self._path}, line {line}: the wash context is broken: {what}")
