"""What it takes to connect: where the servers are, who connects, and with what TLS.

The classes have no repr of their own, which might show a secret. What attrs generates takes its time at every start
of a script, so they have nothing that nobody uses.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterable
from typing import TypedDict
from urllib.parse import SplitResult, unquote, urlsplit

import attrs

from wasmcloud_ctl._options import arguments as _arguments
from wasmcloud_ctl._protocol.subjects import prefix
from wasmcloud_ctl._protocol.subjects import token as subject_token
from wasmcloud_ctl.exceptions import InvalidArgument

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 4222
DEFAULT_LATTICE = "default"
DEFAULT_TOPIC_PREFIX = "wasmbus.ctl"
DEFAULT_TIMEOUT = 2.0
DEFAULT_AUCTION_TIMEOUT = 5.0
DEFAULT_CONNECT_TIMEOUT = 2.0
DEFAULT_INBOX_PREFIX = "_INBOX"

Path = str | os.PathLike[str]


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class Server:
    """Where a server is, whether TLS is a must there, and the credentials for it if its URL had them.

    Attributes:
        tls_name: Whose certificate it must show, where that is not the host: a server that a cluster named by
            its address alone.
    """

    host: str
    port: int
    tls: bool = False
    tls_name: str | None = None
    user: str | None = None
    password: str | None = None
    token: str | None = None

    def __str__(self) -> str:
        """The server's URL, without credentials."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'tls' if self.tls else 'nats'}://{host}:{self.port}"


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class Options:
    """What it takes to connect."""

    servers: tuple[Server, ...]
    connect_timeout: float
    name: str | None = None
    user: str | None = None
    password: str | None = None
    token: str | None = None
    credentials: Path | None = None
    user_jwt: Path | None = None
    nkey_seed: Path | None = None
    tls: bool | ssl.SSLContext | None = None
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_first: bool = False
    inbox_prefix: str = DEFAULT_INBOX_PREFIX
    js_domain: str | None = None


# What is given, and by whom ---------------------------------------------------------------------

_CREDENTIALS = ("user", "password", "token", "credentials", "user_jwt", "nkey_seed")
_CERTIFICATES = ("tls_ca", "tls_cert", "tls_key")


def _kept(servers: str | Iterable[str] | None) -> str | Iterable[str] | None:
    # An iterator would be empty the second time that it is looked at.
    if isinstance(servers, Iterable) and not isinstance(servers, (str, bytes)):
        return tuple(servers)
    return servers


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class Given:
    """What one source, be it the caller, the environment or a context, says of the way to a lattice.

    None: it does not say. ``host`` and ``port`` are for sources that have these instead of ``servers``.
    """

    servers: str | Iterable[str] | None = attrs.field(default=None, converter=_kept)
    host: str | None = None
    port: int | None = None
    lattice: str | None = None
    topic_prefix: str | None = None
    timeout: float | None = None
    auction_timeout: float | None = None
    user: str | None = None
    password: str | None = None
    token: str | None = None
    credentials: Path | None = None
    user_jwt: Path | None = None
    nkey_seed: Path | None = None
    tls: bool | ssl.SSLContext | None = None
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_first: bool | None = None
    js_domain: str | None = None

    def or_else(self, other: Given) -> Given:
        """This, and what the other says where this does not.

        Credentials go together: who names any has none of the other's mixed in.
        """
        kept: set[str] = set()
        if self.servers is not None:
            kept.update(("host", "port"))
        if self._names_credentials():
            kept.update(_CREDENTIALS)
        if self.tls is False:
            kept.update(_CERTIFICATES, ("tls_first",))
        elif self.tls not in (None, True):
            kept.update(_CERTIFICATES)  # a context of the caller's own has them
        missing = {
            name: value
            for name, value in attrs.asdict(other, recurse=False).items()
            if getattr(self, name) is None and name not in kept
        }
        return attrs.evolve(self, **missing)

    def _names_credentials(self) -> bool:
        if any(getattr(self, name) is not None for name in _CREDENTIALS):
            return True
        urls = self.servers if isinstance(self.servers, tuple) else (self.servers,)
        # In a URL nothing else has an @.
        return any("@" in url for url in (*urls, self.host) if isinstance(url, str))

    def parsed_servers(self) -> tuple[Server, ...]:
        """The servers; one on this machine where none is named.

        Raises:
            InvalidArgument: One cannot be read.
        """
        if self.servers is not None:
            return parse_servers(self.servers)
        return parse_servers(url(self.host, self.port))


def url(host: str | None, port: int | None) -> str:
    """The URL of a host that may come with a scheme and with credentials, as wash takes it; None: the default."""
    before, at, name = (host or DEFAULT_HOST).rpartition("@")
    scheme, separator, name = name.rpartition("://")
    if name.count(":") > 1 and not name.startswith("["):
        name = f"[{name}]"
    return f"{before}{at}{scheme}{separator}{name}:{port or DEFAULT_PORT}"


class ConnectOptions(TypedDict, total=False):
    """The options of ``connect`` but ``servers``, for the signature of whatever passes them on."""

    lattice: str | None
    topic_prefix: str | None
    timeout: float | None
    auction_timeout: float | None
    connect_timeout: float | None
    quiet: float | None
    check: bool
    name: str | None
    user: str | None
    password: str | None
    token: str | None
    credentials: Path | None
    user_jwt: Path | None
    nkey_seed: Path | None
    tls: bool | ssl.SSLContext | None
    tls_ca: Path | None
    tls_cert: Path | None
    tls_key: Path | None
    tls_first: bool
    inbox_prefix: str | None
    js_domain: str | None
    cache_links: bool
    progress: bool | None
    context: str | None


# Checking ---------------------------------------------------------------------------------------


def options(
    given: Given, *, connect_timeout: float | None, name: str | None, inbox_prefix: str | None
) -> Options:
    """What it takes to connect, checked.

    Raises:
        InvalidArgument: An option cannot be meant, or two contradict each other.
    """
    for what in ("user", "password", "token"):
        _optional_text(getattr(given, what), what)
    for what in ("credentials", "user_jwt", "nkey_seed", *_CERTIFICATES):
        _optional_path(getattr(given, what), what)
    _check_credentials(given)
    tls_first = given.tls_first is not None and _arguments.boolean(given.tls_first, "tls_first")
    servers = _check_tls(given, tls_first)
    return Options(
        servers=servers,
        connect_timeout=(
            DEFAULT_CONNECT_TIMEOUT
            if connect_timeout is None
            else _arguments.seconds(connect_timeout, "connect_timeout")
        ),
        name=_optional_text(name, "name"),
        user=given.user,
        password=given.password,
        token=given.token,
        credentials=given.credentials,
        user_jwt=given.user_jwt,
        nkey_seed=given.nkey_seed,
        tls=given.tls,
        tls_ca=given.tls_ca,
        tls_cert=given.tls_cert,
        tls_key=given.tls_key,
        tls_first=tls_first,
        inbox_prefix=DEFAULT_INBOX_PREFIX if inbox_prefix is None else prefix(inbox_prefix, "inbox_prefix"),
        js_domain=None if given.js_domain is None else subject_token(given.js_domain, "js_domain"),
    )


def _check_credentials(given: Given) -> None:
    if (given.user is None) != (given.password is None):
        raise InvalidArgument("user and password go together")
    ways = {
        "user and password": given.user is not None,
        "credentials": given.credentials is not None,
        "user_jwt and nkey_seed": given.user_jwt is not None or given.nkey_seed is not None,
    }
    named = [way for way, is_given in ways.items() if is_given]
    if given.user is not None and given.token is not None:
        named.append("token")
    if len(named) > 1:
        raise InvalidArgument(
            f"give one of {' and '.join(map(repr, named))}, or it is not clear who connects"
        )


def _check_tls(given: Given, tls_first: bool) -> tuple[Server, ...]:
    """Check the options for TLS. Where one of them asks for TLS, it is a must for every server."""
    if not (given.tls is None or isinstance(given.tls, (bool, ssl.SSLContext))):
        raise InvalidArgument(f"tls must be True, False or an ssl.SSLContext, not {type(given.tls).__name__}")
    if given.tls_key is not None and given.tls_cert is None:
        raise InvalidArgument("tls_key goes with tls_cert")
    named = [name for name in _CERTIFICATES if getattr(given, name) is not None]
    if isinstance(given.tls, ssl.SSLContext) and named:
        raise InvalidArgument(f"an ssl.SSLContext as tls has what {named[0]} would give it: leave that out")
    servers = given.parsed_servers()
    if tls_first:
        named.append("tls_first")
    if given.tls is False:
        if any(server.tls for server in servers):
            named.append("tls://")
        if named:
            raise InvalidArgument(f"tls=False and {named[0]} contradict each other")
        return servers
    if given.tls is None and not named:
        return servers
    return tuple(attrs.evolve(server, tls=True) for server in servers)


def _optional_text(value: object, what: str) -> str | None:
    return None if value is None else _arguments.text(value, what)


def _optional_path(value: object, what: str) -> None:
    # The value is in no message: it may be a seed.
    if value is not None and not (
        isinstance(value, (str, os.PathLike)) and isinstance(os.fspath(value), str) and os.fspath(value)
    ):
        raise InvalidArgument(f"{what} must be a path or text, not empty, and not {type(value).__name__}")


# Servers ----------------------------------------------------------------------------------------


def parse_servers(servers: object) -> tuple[Server, ...]:
    """One URL or several, as servers.

    Args:
        servers: ``nats://host:port`` or ``tls://host:port``, with ``user:password@`` or ``token@`` if wanted;
            a host or ``host:port`` alone serves, too. One, or several in a sequence, or joined by commas.

    Raises:
        InvalidArgument: There is none, or one cannot be read. The message holds no credentials.
    """
    if isinstance(servers, str):
        urls: list[object] = list(servers.split(","))
    elif isinstance(servers, Iterable) and not isinstance(servers, bytes):
        urls = list(servers)
    else:
        raise InvalidArgument(f"servers must be a URL or several, not {type(servers).__name__}")
    if not urls:
        raise InvalidArgument("servers must not be empty: name at least one URL")
    return tuple(_parse_server(url) for url in urls)


def _parse_server(url: object) -> Server:
    if not isinstance(url, str):
        raise InvalidArgument(f"each of servers must be a URL, not {type(url).__name__}")
    stripped = url.strip()
    split = _split(stripped if "://" in stripped else f"nats://{stripped}")
    if split is None:
        raise InvalidArgument("a server's URL cannot be read: write nats://host:port")
    parts, host, port = split
    if "@" in parts.path + parts.query + parts.fragment:
        # A slash, ? or # in a password ends the part where the host is looked for: what is left is of the password.
        raise InvalidArgument("a server's URL cannot be read: percent-encode what is special in its password")
    where = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    if parts.scheme in ("ws", "wss"):
        raise InvalidArgument(
            f"{where}: WebSocket URLs are not supported: use the server's nats:// or tls:// port"
        )
    if parts.scheme not in ("nats", "tls"):
        raise InvalidArgument(f"{where}: a server's URL begins with nats:// or tls://")
    if not host or any(character.isspace() for character in host):
        raise InvalidArgument(f"{where}: a server's URL needs a host: write nats://host:port")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise InvalidArgument(f"{where}: a server's URL ends with its port")
    user, password, token = _credentials(parts)
    return Server(
        host=host,
        port=DEFAULT_PORT if port is None else port,
        tls=parts.scheme == "tls",
        user=user,
        password=password,
        token=token,
    )


def _split(url: str) -> tuple[SplitResult, str | None, int | None] | None:
    """A URL in parts, with host and port; None if it cannot be read."""
    try:
        parts = urlsplit(url)
        return parts, parts.hostname, parts.port
    except ValueError:
        return None  # and no word of the error's, nor the error: it may quote what is of the password


def _credentials(parts: SplitResult) -> tuple[str | None, str | None, str | None]:
    """User, password and token of a URL; one name without a password is a token, as NATS has it."""
    if parts.username is None:
        return None, None, None
    if parts.password is None:
        return None, None, unquote(parts.username)
    return unquote(parts.username), unquote(parts.password), None


def named_by_cluster(urls: Iterable[object], by: Server) -> tuple[Server, ...]:
    """The servers that a server has named as others of its cluster.

    They are reached as that one was: the same credentials, TLS if it had TLS. One that is named by its address
    alone must show the certificate of the name that was dialled, for certificates are for names.

    Args:
        urls: ``host:port`` of each.
        by: The server that named them.
    """
    servers = []
    for url in urls:
        _, host, port = _split(f"nats://{url}") or (None, None, None)
        if host:  # one that cannot be read is one less
            is_address = ":" in host or host.replace(".", "").isdigit()
            tls_name = (by.tls_name or by.host) if is_address and host != by.host else None
            servers.append(
                attrs.evolve(by, host=host, port=DEFAULT_PORT if port is None else port, tls_name=tls_name)
            )
    return tuple(servers)
