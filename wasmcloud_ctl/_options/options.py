"""The options of a connection: their defaults, their checks, and how several sources are combined.

An option stands in two places: in the signature of ``connect``, and as a field of Options. The sources of options are
the caller, the environment and a context file. Each gives a dict, by the names of the options. The environment and
contexts may give ``host`` and ``port`` instead of ``servers``.
"""

# ruff: noqa: RUF009  # _option calls attrs.field, which ruff cannot see

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs

from wasmcloud_ctl._options import arguments
from wasmcloud_ctl._options.servers import Server, make_url, parse_servers
from wasmcloud_ctl._protocol import subjects
from wasmcloud_ctl.exceptions import InvalidArgument

Path = str | os.PathLike[str]

_CREDENTIALS = ("user", "password", "token", "credentials", "user_jwt", "nkey_seed")
_CERTIFICATES = ("tls_ca", "tls_cert", "tls_key")


# Checks -----------------------------------------------------------------------------------------


def _servers(value: object, _: str) -> tuple[Server, ...]:
    return parse_servers(value)


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
    """The options of a client, checked. They are documented at ``connect``.

    Has no repr, which might show a secret.
    """

    servers: tuple[Server, ...] = _option(_servers)
    lattice: str = _option(subjects.token, "default")
    topic_prefix: str = _option(subjects.prefix, "wasmbus.ctl")
    timeout: float = _option(arguments.seconds, 2.0)
    auction_timeout: float = _option(arguments.seconds, 5.0)
    connect_timeout: float = _option(arguments.seconds, 2.0)
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


def without_none(values: Mapping[str, object]) -> Given:
    """Return the options of a source. None stands for an option that the source does not give."""
    return {name: value for name, value in values.items() if value is not None}


def passed(arguments_of_connect: Mapping[str, object]) -> Given:
    """Return the options that a caller passed to ``connect``.

    ``tls_first=False`` is the default of ``connect``, so it does not count as passed.
    """
    given = without_none(arguments_of_connect)
    if given.get("tls_first") is False:
        del given["tls_first"]
    servers = given.get("servers")
    if isinstance(servers, Iterable) and not isinstance(servers, (str, bytes)):
        given["servers"] = tuple(servers)  # an iterator could be read only once
    return given


def fill_up(given: Given, other: Given) -> Given:
    """Return the options of one source, and those of another source that the first does not give.

    Credentials are never mixed: if the first source gives any, the other's are left out. So are certificates if the
    first source rules TLS out or gives an ``ssl.SSLContext``.
    """
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
    return {**given, **{name: value for name, value in other.items() if name not in taken}}


def _gives_credentials(given: Given) -> bool:
    if any(name in given for name in _CREDENTIALS):
        return True
    servers = given.get("servers")
    urls = [*(servers if isinstance(servers, tuple) else (servers,)), given.get("host")]
    return any("@" in url for url in urls if isinstance(url, str))  # a valid URL has an "@" only there


def with_servers(given: Given) -> Given:
    """Return the options with ``servers`` in place of ``host`` and ``port``, if the source gives any of these."""
    given = dict(given)
    host, port = given.pop("host", None), given.pop("port", None)
    if "servers" not in given and (host is not None or port is not None):
        given["servers"] = make_url(host, port)
    return given


def resolve(given: Given) -> Options:
    """Check what the sources give, and fill in the defaults.

    Raises:
        InvalidArgument: An option is invalid, or two contradict each other.
    """
    given = {"servers": make_url(None, None), **with_servers(given)}
    checks = {field.name: field.metadata["check"] for field in attrs.fields(Options)}
    options = Options(**{name: checks[name](value, name) for name, value in given.items()})
    _check_credentials(options)
    if _requires_tls(options):
        servers = tuple(attrs.evolve(server, tls=True) for server in options.servers)
        options = attrs.evolve(options, servers=servers)
    return options


def _check_credentials(options: Options) -> None:
    if (options.user is None) != (options.password is None):
        raise InvalidArgument("user and password must be given together")
    ways = {
        "user and password": options.user is not None,
        "token": options.user is not None and options.token is not None,
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
