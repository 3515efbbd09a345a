"""The addresses of NATS servers, and the URLs that they are given as."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import SplitResult, unquote, urlsplit

import attrs

from wasmcloud_ctl.exceptions import InvalidArgument

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 4222


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class Server:
    """The address of a server, and how to connect to it. Has no repr, which might show a secret.

    Attributes:
        tls: Whether TLS is required.
        tls_name: The name that the server's certificate must have, if not ``host``.
        user: The user name from the URL.
        password: The password from the URL.
        token: The token from the URL.
    """

    host: str
    port: int
    tls: bool = False
    tls_name: str | None = None
    user: str | None = None
    password: str | None = None
    token: str | None = None

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


def parse_servers(servers: object) -> tuple[Server, ...]:
    """Parse one URL or several.

    Args:
        servers: ``nats://host:port`` or ``tls://host:port``, optionally with ``user:password@`` or ``token@``.
            ``host:port`` and ``host`` are accepted, too. Several come as a sequence, or joined by commas.

    Raises:
        InvalidArgument: There is no URL, or one is invalid. The message contains no credentials.
    """
    if isinstance(servers, str):
        urls: list[object] = list(servers.split(","))
    elif isinstance(servers, Iterable) and not isinstance(servers, bytes):
        urls = list(servers)
    else:
        raise InvalidArgument(f"servers must be one URL or several, not {type(servers).__name__}")
    if not urls:
        raise InvalidArgument("servers must not be empty: pass at least one URL")
    return tuple(_parse_server(url) for url in urls)


def _parse_server(url: object) -> Server:
    if not isinstance(url, str):
        raise InvalidArgument(f"each of servers must be a URL, not {type(url).__name__}")
    stripped = url.strip()
    split = _split(stripped if "://" in stripped else f"nats://{stripped}")
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


def _split(url: str) -> tuple[SplitResult, str | None, int | None] | None:
    """Split a URL, and return its parts, host and port; None if it is invalid."""
    try:
        parts = urlsplit(url)
        return parts, parts.hostname, parts.port
    except ValueError:
        return None  # the error may quote a part of the password, so it is dropped here


def named_by_cluster(urls: Iterable[object], by: Server) -> tuple[Server, ...]:
    """Return the servers that a server announced as members of its cluster.

    They get the credentials and the TLS requirement of the server that announced them. One that is announced by its
    IP address must show a certificate for the name that was dialled, because certificates are issued for names.

    Args:
        urls: ``host:port`` of each server.
        by: The server that announced them.
    """
    servers = []
    for url in urls:
        _, host, port = _split(f"nats://{url}") or (None, None, None)
        if host:  # an invalid address is left out
            is_address = ":" in host or host.replace(".", "").isdigit()
            tls_name = (by.tls_name or by.host) if is_address and host != by.host else None
            servers.append(
                attrs.evolve(by, host=host, port=DEFAULT_PORT if port is None else port, tls_name=tls_name)
            )
    return tuple(servers)
