"""The addresses of NATS servers, and the URLs that they are given as."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

import attrs

from wasmcloud_ctl.exceptions import InvalidArgument

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 4222


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class Server:
    """The address of a server, and how to connect to it. Has no repr, which might show a secret.

    ``tls_name`` is the name that the server's certificate must have, if not ``host``. ``origin`` says in words where
    the address comes from, for the errors; None if the caller passed it.
    """

    host: str
    port: int
    tls: bool = False
    tls_name: str | None = None
    user: str | None = None
    password: str | None = None
    token: str | None = None
    origin: str | None = None

    def __str__(self) -> str:
        """Return the server's URL, without credentials."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'tls' if self.tls else 'nats'}://{host}:{self.port}"


def make_url(host: str | None, port: int | None) -> str:
    """Return the URL of a host, which may come with a scheme and credentials, as wash accepts it."""
    before, at, name = (host or DEFAULT_HOST).rpartition("@")
    scheme, separator, name = name.rpartition("://")
    if name.count(":") > 1 and not name.startswith("["):
        name = f"[{name}]"
    return f"{before}{at}{scheme}{separator}{name}:{port or DEFAULT_PORT}"


def without_credentials(host: str) -> str:
    """Return a host, which may come with a scheme and credentials, without these."""
    return re.sub(r"^(\w+://)?.*@", r"\1", host)


def parse_servers(servers: object, what: str = "servers") -> tuple[Server, ...]:
    """Parse one URL or several, in a sequence or joined by commas. No message contains credentials.

    ``nats://`` may be left out, and so may the port.
    """
    if isinstance(servers, str):
        urls: list[object] = list(servers.split(","))
    elif isinstance(servers, Iterable) and not isinstance(servers, bytes):
        urls = list(servers)
    else:
        raise InvalidArgument(f"{what} must be one URL or several, not {type(servers).__name__}")
    if not urls:
        raise InvalidArgument(f"{what} must not be empty: pass at least one URL")
    return tuple(_parse_server(url, what) for url in urls)


def _parse_server(url: object, what: str) -> Server:
    if not isinstance(url, str):
        raise InvalidArgument(f"each of {what} must be a URL, not {type(url).__name__}")
    stripped = url.strip()
    split = None
    try:
        parts = urlsplit(stripped if "://" in stripped else f"nats://{stripped}")
        split = parts, parts.hostname, parts.port
    except ValueError:
        pass  # the error may quote a part of the password, so it is dropped here
    if split is None:
        raise InvalidArgument("invalid server URL: write nats://host:port")
    parts, host, port = split
    if "@" in parts.path + parts.query + parts.fragment:
        # A "/", "?" or "#" in a password ends the part in which urlsplit looks for the host. What follows is a part
        # of the password, so nothing of the URL is quoted.
        raise InvalidArgument("invalid server URL: percent-encode the special characters in its password")
    where = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    if parts.scheme in ("ws", "wss"):
        raise InvalidArgument(
            f"{where}: WebSocket URLs are not supported: use the server's nats:// or tls:// port"
        )
    if parts.scheme not in ("nats", "tls"):
        raise InvalidArgument(f"{where}: a server URL must begin with nats:// or tls://")
    if not host or any(character.isspace() for character in host):
        raise InvalidArgument(f"{where}: a server URL needs a host: write nats://host:port")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise InvalidArgument(f"{where}: a server URL must end with the port")
    user = password = token = None
    if parts.username is not None:
        if parts.password is None:
            token = unquote(parts.username)  # to NATS, a name without a password is a token
        else:
            user, password = unquote(parts.username), unquote(parts.password)
    return Server(
        host=host,
        port=DEFAULT_PORT if port is None else port,
        tls=parts.scheme == "tls",
        user=user,
        password=password,
        token=token,
    )


def named_by_cluster(urls: Iterable[object], by: Server) -> tuple[Server, ...]:
    """Return the servers that the server ``by`` announced as members of its cluster, each as ``host:port``.

    They get the credentials and the TLS requirement of the server that announced them. One that is announced by its
    IP address must show a certificate for the name that was dialled, because certificates are issued for names.
    """
    servers = []
    for url in urls:
        try:
            server = _parse_server(url, "connect_urls")
        except InvalidArgument:
            continue  # an invalid address is left out
        is_address = ":" in server.host or server.host.replace(".", "").isdigit()
        tls_name = (by.tls_name or by.host) if is_address and server.host != by.host else None
        servers.append(attrs.evolve(by, host=server.host, port=server.port, tls_name=tls_name, origin=None))
    return tuple(servers)
