"""What it takes to connect: where the servers are, and who connects."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import SplitResult, unquote, urlsplit

import attrs

from wasmcloud_ctl.exceptions import InvalidArgument

DEFAULT_SERVER = "nats://127.0.0.1:4222"
DEFAULT_PORT = 4222
DEFAULT_LATTICE = "default"
DEFAULT_TOPIC_PREFIX = "wasmbus.ctl"
DEFAULT_TIMEOUT = 2.0
DEFAULT_AUCTION_TIMEOUT = 5.0
DEFAULT_CONNECT_TIMEOUT = 2.0
DEFAULT_INBOX_PREFIX = "_INBOX"


@attrs.frozen(kw_only=True)
class Server:
    """Where a server is, and the user and password for it if its URL had them."""

    host: str
    port: int
    tls: bool = False
    user: str | None = attrs.field(default=None, repr=False)
    password: str | None = attrs.field(default=None, repr=False)
    token: str | None = attrs.field(default=None, repr=False)

    def __str__(self) -> str:
        """The server's URL, without credentials."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'tls' if self.tls else 'nats'}://{host}:{self.port}"


@attrs.frozen(kw_only=True)
class Options:
    """What it takes to connect."""

    servers: tuple[Server, ...]
    connect_timeout: float
    name: str | None = None
    user: str | None = attrs.field(default=None, repr=False)
    password: str | None = attrs.field(default=None, repr=False)
    token: str | None = attrs.field(default=None, repr=False)
    inbox_prefix: str = DEFAULT_INBOX_PREFIX


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
    try:
        parts = urlsplit(stripped if "://" in stripped else f"nats://{stripped}")
        host, port = parts.hostname, parts.port
    except ValueError:
        # Not the error's own words: they may quote the part that holds the password.
        raise InvalidArgument("a server's URL cannot be read: write nats://host:port") from None
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


def _credentials(parts: SplitResult) -> tuple[str | None, str | None, str | None]:
    """User, password and token of a URL; one name without a password is a token, as NATS has it."""
    if parts.username is None:
        return None, None, None
    if parts.password is None:
        return None, None, unquote(parts.username)
    return unquote(parts.username), unquote(parts.password), None
