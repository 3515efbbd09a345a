"""``connect`` and ``from_env``: from options to a connected client."""

from __future__ import annotations

import os
import ssl
import sys
from collections.abc import Sequence

from typing_extensions import Unpack

from wasmcloud_ctl._bridge.processes import PerProcess
from wasmcloud_ctl._client import Client
from wasmcloud_ctl._operations import progress as _progress
from wasmcloud_ctl._operations.sender import Sender, Settings
from wasmcloud_ctl._options import arguments as _arguments
from wasmcloud_ctl._options import contexts as _contexts
from wasmcloud_ctl._options import options as _config
from wasmcloud_ctl._options.options import ConnectOptions
from wasmcloud_ctl._transport import Transport
from wasmcloud_ctl.exceptions import ConnectError


def connect(
    servers: str | Sequence[str] | None = None,
    *,
    lattice: str | None = None,
    topic_prefix: str | None = None,
    timeout: float | None = None,
    auction_timeout: float | None = None,
    connect_timeout: float | None = None,
    quiet: float | None = None,
    check: bool = False,
    name: str | None = None,
    user: str | None = None,
    password: str | None = None,
    token: str | None = None,
    credentials: str | os.PathLike[str] | None = None,
    user_jwt: str | os.PathLike[str] | None = None,
    nkey_seed: str | os.PathLike[str] | None = None,
    tls: bool | ssl.SSLContext | None = None,
    tls_ca: str | os.PathLike[str] | None = None,
    tls_cert: str | os.PathLike[str] | None = None,
    tls_key: str | os.PathLike[str] | None = None,
    tls_first: bool = False,
    inbox_prefix: str | None = None,
    js_domain: str | None = None,
    cache_links: bool = False,
    progress: bool | None = None,
    context: str | None = None,
) -> Client:
    """Connect to a lattice.

    It reads no environment variables but those that say where wash's contexts are, and these only if one is named.
    ``from_env`` reads all that wash does.

    Who connects is said in one way: with user and password, a token, a credentials file, a user JWT with its
    seed, or a seed alone. What is in files is read again for each connection that is made.

    Args:
        servers: The URL of a NATS server, or several; ``nats://127.0.0.1:4222`` if not given. A URL may hold
            ``user:password@`` or ``token@``, and begins with ``tls://`` where TLS is wanted.
        lattice: The lattice's name; ``default`` if not given.
        topic_prefix: What stands before all control subjects; ``wasmbus.ctl`` if not given.
        timeout: Seconds that a request may take, above 0; 2.0 if not given.
        auction_timeout: Seconds that a gather (hosts, auctions) takes, above 0; 5.0 if not given.
        connect_timeout: Seconds that connecting may take in all, above 0; 2.0 if not given.
        quiet: Seconds without a further reply that end a gather early, above 0; None: it lasts its whole
            timeout, as the Rust client's does.
        check: Whether a refused command raises ``OperationRejected`` by itself.
        name: The connection's name, as the server's monitoring shows it.
        user: The user's name, with a password.
        password: The password.
        token: A token.
        credentials: The path of a credentials file (a user JWT and its seed), or what is in one.
        user_jwt: A user JWT, or the path of a file that holds one; ``nkey_seed`` goes with it, unless it is a
            bearer's.
        nkey_seed: A user's seed, or the path of a file that holds one.
        tls: True: TLS is a must, for every server, as with ``tls://``. An ``ssl.SSLContext``: that, too, and it
            is used as it is. False: none, not even where a server requires it. If not given: TLS where a URL or
            another option asks for it, or a server requires it. The server must prove that it has the name that
            was dialled.
        tls_ca: The path of a PEM file with the certificates to trust, instead of the system's. Asks for TLS.
        tls_cert: The path of a PEM file with the client's certificate. Asks for TLS.
        tls_key: The path of a PEM file with its key, not encrypted, if that is not in the same file.
        tls_first: Whether the TLS handshake comes before the server's greeting, as the server must have been set
            to expect it. Asks for TLS.
        inbox_prefix: What stands before reply subjects; ``_INBOX`` if not given.
        js_domain: The JetStream domain of the lattice's buckets, for ``list_configs``; none if not given.
        cache_links: Whether ``get_links`` answers from a copy that the link events keep current.
        progress: Whether a gather or a wait that takes longer than half a second shows on stderr how far it is, and
            takes that away when it ends; needs tqdm (the extra ``progress``). None: only in a Jupyter notebook, and
            only if tqdm and ipywidgets are there.
        context: The name of a wash context, which says what is not given here: server, lattice, timeout,
            credentials, TLS and JetStream domain.

    Returns:
        A connected client. Close it, or use it in a ``with`` statement.

    Raises:
        ConnectError: No connection within ``connect_timeout``; the message has the true cause.
        AuthError: The server refused the credentials, or they cannot be read.
        InvalidArgument: An argument cannot be meant, or two contradict each other.
        NotFound: There is no such context; the message lists those that there are.

    Source: ``ClientBuilder`` of the Rust client.
    """
    if sys.is_finalizing():
        raise ConnectError("Python is ending: no connection can be made any more")
    given = _config.Given(
        servers=servers,
        lattice=lattice,
        topic_prefix=topic_prefix,
        timeout=timeout,
        auction_timeout=auction_timeout,
        user=user,
        password=password,
        token=token,
        credentials=credentials,
        user_jwt=user_jwt,
        nkey_seed=nkey_seed,
        tls=tls,
        tls_ca=tls_ca,
        tls_cert=tls_cert,
        tls_key=tls_key,
        tls_first=tls_first or None,
        js_domain=js_domain,
    )
    if context is not None:
        given = given.or_else(_contexts.load(context))
    options = _config.options(given, connect_timeout=connect_timeout, name=name, inbox_prefix=inbox_prefix)
    settings = Settings(
        topic_prefix=_config.DEFAULT_TOPIC_PREFIX if given.topic_prefix is None else given.topic_prefix,
        lattice=_config.DEFAULT_LATTICE if given.lattice is None else given.lattice,
        timeout=_seconds(given.timeout, "timeout", _config.DEFAULT_TIMEOUT),
        auction_timeout=_seconds(given.auction_timeout, "auction_timeout", _config.DEFAULT_AUCTION_TIMEOUT),
        quiet=None if quiet is None else _arguments.seconds(quiet, "quiet"),
        check=_arguments.boolean(check, "check"),
        js_domain=options.js_domain,
        cache_links=_arguments.boolean(cache_links, "cache_links"),
        progress=_progress.wanted(progress),
    )
    transports = PerProcess(lambda: Transport(options), Transport.open, Transport.stop_soon)
    # The client comes first: whenever Ctrl-C comes, dropping it ends the connection.
    client = Client(Sender(transports, settings))
    try:
        transports.get()
        return client
    except BaseException:
        # Not left to garbage collection, which would wait for whoever keeps the traceback.
        client.close()
        raise


def from_env(servers: str | Sequence[str] | None = None, **options: Unpack[ConnectOptions]) -> Client:
    """Connect as wash would.

    What is not given here comes from these variables, or else from the context that is named, or else from wash's
    current context, if it has one:

    - ``WASMCLOUD_CTL_HOST``, ``WASMCLOUD_CTL_PORT``, ``WASMCLOUD_LATTICE``, ``WASMCLOUD_CTL_TOPIC_PREFIX``,
      ``WASMCLOUD_JS_DOMAIN``, and ``WASMCLOUD_CTL_TIMEOUT_MS``, for requests and gathers;
    - ``WASMCLOUD_CTL_JWT`` and ``WASMCLOUD_CTL_SEED`` (text or paths), or ``WASH_CTL_CREDS`` (or
      ``WASMCLOUD_CTL_CREDS``, as the host has it);
    - ``WASH_CTL_TLS_CA_FILE``, ``WASH_CTL_TLS_FIRST``, ``WASMCLOUD_CTL_TLS``;
    - where there is no such variable that begins with ``WASMCLOUD_CTL``: ``WASMCLOUD_NATS_HOST``, ``_PORT``,
      ``_JWT``, ``_SEED``, ``_CREDS``, as the host has them;
    - for where the contexts are: ``WASH_CONTEXT_DIR``, ``WASH_CONFIG_DIR``, ``XDG_CONFIG_HOME``.

    Credentials are not mixed: the first of these sources that names any has them all.

    Args:
        servers: As for ``connect``.
        options: The other options of ``connect``.

    Returns:
        A connected client. Close it, or use it in a ``with`` statement.

    Raises:
        ConnectError: No connection within ``connect_timeout``, or a context file that is broken; the message has
            the true cause, and the file's path and line.
        AuthError: The server refused the credentials, or they cannot be read.
        InvalidArgument: An argument or a variable cannot be meant, or two contradict each other.
        NotFound: There is no such context; the message lists those that there are.

    Source: ``CliConnectionOpts`` and ``WashConnectionOptions`` of wash.
    """
    return connect(**_contexts.from_environment({"servers": servers, **options}))


def _seconds(value: float | None, what: str, default: float) -> float:
    return default if value is None else _arguments.seconds(value, what)
