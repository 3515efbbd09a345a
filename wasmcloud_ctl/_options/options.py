"""The options of a connection: their defaults, their checks, and how several sources are combined.

The sources are the caller, the environment and a context file. Each gives a dict, by the names of the options. The
environment and contexts may give ``host`` and ``port`` instead of ``servers``, each with its origin in words, as
``host_from`` and ``port_from``. Combined, these become ``servers`` and ``servers_from``.
"""

# ruff: noqa: RUF009  # _option calls attrs.field, which ruff cannot see

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs

from wasmcloud_ctl._options import arguments
from wasmcloud_ctl._options.servers import (
    DEFAULT_HOST,
    DEFAULT_PORT,
    Server,
    make_url,
    parse_servers,
    without_credentials,
)
from wasmcloud_ctl._protocol import subjects
from wasmcloud_ctl.exceptions import InvalidArgument

Path = str | os.PathLike[str]

_CREDENTIALS = ("user", "password", "token", "credentials", "user_jwt", "nkey_seed")
_CERTIFICATES = ("tls_ca", "tls_cert", "tls_key")

_DEFAULT_SERVER = Server(
    host=DEFAULT_HOST, port=DEFAULT_PORT, origin="the default address: pass servers=... for another"
)


# Checks -----------------------------------------------------------------------------------------


def _path(value: object, what: str) -> Path:
    # The message does not quote the value, which may be a seed.
    if not isinstance(value, (str, os.PathLike)):
        raise InvalidArgument(f"{what} must be a path or text, not {type(value).__name__}")
    arguments.identifier(os.fspath(value), what)
    return value


def _file(value: object, what: str) -> Path:
    path = _path(value, what)
    try:
        valid = b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        valid = False
    if not valid:
        raise InvalidArgument(f"{what} must be a path that the file system can have")
    return path


def _tls(value: object, what: str) -> bool | ssl.SSLContext:
    if not isinstance(value, (bool, ssl.SSLContext)):
        raise InvalidArgument(f"{what} must be True, False or an ssl.SSLContext, not {type(value).__name__}")
    return value


def _option(check: Callable[[object, str], object], default: object = None) -> Any:
    return attrs.field(default=default, metadata={"check": check})


# The class --------------------------------------------------------------------------------------


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class Options:
    """The options of ``connect``, which documents them, checked. Has no repr, which might show a secret."""

    servers: tuple[Server, ...] = _option(parse_servers, (_DEFAULT_SERVER,))
    lattice: str = _option(subjects.token, "default")
    topic_prefix: str = _option(subjects.prefix, "wasmbus.ctl")
    event_prefix: str = _option(subjects.prefix, "wasmbus.evt")
    wadm_prefix: str = _option(subjects.prefix, "wadm.api")
    timeout: float = _option(arguments.seconds, 2.0)
    auction_timeout: float = _option(arguments.seconds, 5.0)
    connect_timeout: float = _option(arguments.seconds, 2.0)
    wait: float | None = _option(arguments.seconds)
    quiet: float | None = _option(arguments.seconds)
    check: bool = _option(arguments.boolean, False)
    name: str | None = _option(arguments.text)
    user: str | None = _option(arguments.text)
    password: str | None = _option(arguments.text)
    token: str | None = _option(arguments.text)
    credentials: Path | None = _option(_path)
    user_jwt: Path | None = _option(_path)
    nkey_seed: Path | None = _option(_path)
    tls: bool | ssl.SSLContext | None = _option(_tls)
    tls_ca: Path | None = _option(_file)
    tls_cert: Path | None = _option(_file)
    tls_key: Path | None = _option(_file)
    tls_first: bool = _option(arguments.boolean, False)
    inbox_prefix: str = _option(subjects.prefix, "_INBOX")
    js_domain: str | None = _option(subjects.token)
    cache_links: bool = _option(arguments.boolean, False)
    progress: bool = _option(arguments.boolean, False)


# From sources to options ------------------------------------------------------------------------

Given = dict[str, Any]


def passed(arguments_of_connect: Mapping[str, object]) -> Given:
    """Return the options that a caller passed to ``connect``: not None, nor ``tls_first=False``, its default."""
    given = {name: value for name, value in arguments_of_connect.items() if value is not None}
    if given.get("tls_first") is False:
        del given["tls_first"]
    servers = given.get("servers")
    if isinstance(servers, Iterable) and not isinstance(servers, (str, bytes)):
        given["servers"] = tuple(servers)  # an iterator could be read only once
    return given


def combine(*sources: Mapping[str, Any]) -> Given:
    """Take each option from the first source that gives it, that is, not as None.

    Credentials are never mixed: all of them come from the first source that gives any, and within a source, options
    take precedence over those in the host. After a source that rules TLS out or gives an ``ssl.SSLContext``, no
    certificates are taken. The result has no host and port, but ``servers``.
    """
    given: Given = {}
    for source in sources:
        taken = set(given)
        if "servers" in given:
            taken.update(("host", "port"))
        if _gives_credentials(given):
            taken.update(_CREDENTIALS)
        tls = given.get("tls")
        if tls is False:
            taken.update(_CERTIFICATES, ("tls_first",))
        elif isinstance(tls, ssl.SSLContext):
            taken.update(_CERTIFICATES)
        given |= {name: value for name, value in source.items() if value is not None and name not in taken}
    host, port = given.pop("host", None), given.pop("port", None)
    origins = given.pop("host_from", "the default host"), given.pop("port_from", "the default port")
    if "servers" not in given and (host is not None or port is not None):
        if host is not None and any(name in given for name in _CREDENTIALS):
            host = without_credentials(host)
        given["servers"] = make_url(host, port)
        given["servers_from"] = f"the address comes from {' and '.join(dict.fromkeys(origins))}"
    return given


def _gives_credentials(given: Given) -> bool:
    if any(name in given for name in _CREDENTIALS):
        return True
    servers = given.get("servers")
    urls = [*(servers if isinstance(servers, tuple) else (servers,)), given.get("host")]
    return any("@" in url for url in urls if isinstance(url, str))  # a valid URL has an "@" only there


def resolve(given: Given) -> Options:
    """Check the options, also against each other, and fill in the defaults."""
    given = dict(given)
    origin = given.pop("servers_from", None)
    checks = {field.name: field.metadata["check"] for field in attrs.fields(Options)}
    options = Options(**{name: checks[name](value, name) for name, value in given.items()})
    _check_credentials(options)
    if origin is not None:
        servers = tuple(attrs.evolve(server, origin=origin) for server in options.servers)
        options = attrs.evolve(options, servers=servers)
    if _requires_tls(options):
        servers = tuple(attrs.evolve(server, tls=True) for server in options.servers)
        options = attrs.evolve(options, servers=servers)
    return options


def _check_credentials(options: Options) -> None:
    if (options.user is None) != (options.password is None):
        raise InvalidArgument("user and password must be given together")
    ways = {
        "a user or token in servers": any(
            server.user is not None or server.token is not None for server in options.servers
        ),
        "user and password": options.user is not None,
        "token": options.token is not None,
        "credentials": options.credentials is not None,
        "user_jwt and nkey_seed": options.user_jwt is not None or options.nkey_seed is not None,
    }
    named = [way for way, is_given in ways.items() if is_given]
    if len(named) > 1:
        raise InvalidArgument(f"give only one kind of credentials, not {' and '.join(map(repr, named))}")


def _requires_tls(options: Options) -> bool:
    """Check the options for TLS, and return whether one of them makes TLS a requirement for every server."""
    if options.tls_key is not None and options.tls_cert is None:
        raise InvalidArgument("tls_key requires tls_cert")
    asking = [name for name in _CERTIFICATES if getattr(options, name) is not None]
    if isinstance(options.tls, ssl.SSLContext) and asking:
        raise InvalidArgument(
            f"{asking[0]} has no effect on an ssl.SSLContext: load it into the context instead"
        )
    if options.tls_first:
        asking.append("tls_first")
    if options.tls is False:
        if any(server.tls for server in options.servers):
            asking.append("tls://")
        if asking:
            raise InvalidArgument(f"tls=False contradicts {asking[0]}")
        return False
    return options.tls is not None or bool(asking)
