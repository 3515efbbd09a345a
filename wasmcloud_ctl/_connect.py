"""``connect`` and ``from_env``: from options to a connected client."""

from __future__ import annotations

import inspect
import os
import ssl
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec

from wasmcloud_ctl._bridge.processes import PerProcess
from wasmcloud_ctl._client import Client
from wasmcloud_ctl._operations import progress as progress_bars
from wasmcloud_ctl._operations.sender import Sender
from wasmcloud_ctl._options import contexts, options
from wasmcloud_ctl._transport import Transport
from wasmcloud_ctl.exceptions import ConnectError

P = ParamSpec("P")


def with_parameters_of(model: Callable[P, Client]) -> Callable[[Callable[..., Client]], Callable[P, Client]]:
    """Give a function the parameters of another one, so that these are written only once."""

    def decorate(function: Callable[..., Client]) -> Callable[P, Client]:
        # inspect never evaluates the annotations of such a signature itself.
        vars(function)["__signature__"] = inspect.signature(model, eval_str=True)
        return function

    return decorate


def connect(
    servers: str | Sequence[str] | None = None,
    *,
    lattice: str | None = None,
    topic_prefix: str | None = None,
    event_prefix: str | None = None,
    wadm_prefix: str | None = None,
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
    wait: float | None = None,
) -> Client:
    """Connect to a lattice. Use the client in a ``with`` statement, or close it.

    ``connect`` reads no environment variables, except that ``context`` needs those that locate wash's contexts.
    ``from_env`` reads all the variables that wash reads.

    Pass one kind of credentials: user and password, a token, a credentials file, a user JWT with its seed, or a seed.
    Pass it in the URL or as an option, not both. Files are read again for each connection, so renewed credentials and
    certificates are used when the client reconnects. Times are in seconds, finite and above 0.

    Args:
        servers: The URL of a NATS server, or several URLs. A URL may contain ``user:password@`` or ``token@``. It
            begins with ``nats://``, or with ``tls://`` to require TLS. Defaults to ``nats://127.0.0.1:4222``.
        lattice: The lattice's name. Defaults to ``default``.
        topic_prefix: The prefix of all control subjects. Defaults to ``wasmbus.ctl``.
        event_prefix: The prefix of the subjects of all events. Hosts always publish under the default, so another one
            is only needed if the user's NATS account imports the events under it. Defaults to ``wasmbus.evt``.
        wadm_prefix: The prefix of the subjects of wadm's API. Defaults to ``wadm.api``.
        timeout: Seconds to wait for the reply to a request. Defaults to 2.0.
        auction_timeout: Seconds that a gather (hosts, inventories, auctions) lasts. Defaults to 5.0.
        connect_timeout: Seconds to wait for a connection, over all servers. Defaults to 2.0.
        quiet: Seconds without a further reply after which a gather ends early. A host that replies later is missing.
            By default a gather lasts its whole timeout, as with the Rust client.
        check: Whether a command that a host refuses raises ``OperationRejected``. Defaults to False: the refusal is
            returned as a response.
        name: The name of the connection in the server's monitoring. No name by default.
        user: The user name. Requires ``password``.
        password: The password. Requires ``user``.
        token: The token.
        credentials: The path of a credentials file (a user JWT and its seed), or the content of one.
        user_jwt: A user JWT, or the path of a file with one. Requires ``nkey_seed``, except for a bearer JWT.
        nkey_seed: A user's seed, or the path of a file with one.
        tls: True requires TLS for every server, as ``tls://`` does for one. An ``ssl.SSLContext`` does the same, and
            is used as it is. False refuses TLS, even if a server requires it. By default TLS is used if a URL,
            another option or the server requires it. The server's certificate must be valid for the name that was
            dialled.
        tls_ca: The path of a PEM file with the certificates to trust instead of the system's. Requires TLS.
        tls_cert: The path of a PEM file with the client's certificate. Requires TLS.
        tls_key: The path of a PEM file with the certificate's unencrypted key. Defaults to ``tls_cert``.
        tls_first: Whether the TLS handshake comes before the server's greeting; the server must be configured for it.
            True requires TLS. Defaults to False.
        inbox_prefix: The prefix of reply subjects. Defaults to ``_INBOX``.
        js_domain: The JetStream domain of the lattice's buckets, for ``list_configs``. No domain by default.
        cache_links: Whether ``get_links`` answers from a copy that link events keep current. Defaults to False.
        progress: Whether to show a progress bar on stderr while a gather or a wait takes longer than half a second.
            Requires tqdm (the extra ``progress``). By default only in a Jupyter notebook with tqdm and ipywidgets.
        context: The name of a wash context. It provides servers, lattice, timeout, credentials, TLS files and
            JetStream domain where they are not passed here. No context by default.
        wait: Seconds to go on trying while no server can be reached, for services that start in any order. Each
            attempt may take ``connect_timeout``. If a server refuses the client, the error is raised at once. By
            default there is one attempt.

    Raises:
        ConnectError: No connection within ``connect_timeout``, or within ``wait``; a broken context file, or an
            unreadable TLS file. The message names the server or file, the (last) cause, and where the address comes
            from if it was not passed.
        AuthError: The server refused the credentials, or they cannot be read. The message names the user or the file.
        InvalidArgument: An argument is invalid, or two contradict each other. Nothing was dialled.
        NotFound: There is no such context. The message lists the existing ones.

    Example::

        with wasmcloud_ctl.connect("nats://127.0.0.1:4222", lattice="default") as client:
            for host in client.get_hosts().raise_for_status().data:
                print(host.id, host.friendly_name)
    """
    # At the beginning, when the local variables are the arguments and nothing else.
    given = options.passed(locals())
    given.pop("context", None)
    if context is not None:
        given = options.combine(given, contexts.load(context))
    return _connected(given)


def _connected(given: Mapping[str, Any]) -> Client:
    """Return a connected client, with the options that all sources together give."""
    if sys.is_finalizing():
        raise ConnectError("Python is ending: no connection can be made any more")
    resolved = options.resolve({**given, "progress": progress_bars.wanted(given.get("progress"))})
    transports = PerProcess(lambda: Transport(resolved), Transport.open, lambda made: made.bridge.stop_soon())
    # The client is made before it connects: wherever Ctrl-C interrupts this, dropping the client ends the connection.
    client = Client(Sender(transports, resolved))
    try:
        transports.get()
        return client
    except BaseException:
        # Closed here and now: a traceback may keep the client alive, and dropping it unclosed would warn.
        client.close()
        raise


@with_parameters_of(connect)
def from_env(servers: str | Sequence[str] | None = None, **options: object) -> Client:
    """Connect with wash's configuration. Use the client in a ``with`` statement, or close it.

    Each option is taken from the first of these sources that gives it:

    1. the arguments;
    2. wash's variables ``WASMCLOUD_CTL_HOST``, ``WASMCLOUD_CTL_PORT``, ``WASMCLOUD_CTL_JWT`` and
       ``WASMCLOUD_CTL_SEED`` (text or paths), ``WASH_CTL_CREDS`` (or ``WASMCLOUD_CTL_CREDS``, as hosts call it);
    3. the host's variables ``WASMCLOUD_NATS_HOST``, ``WASMCLOUD_NATS_PORT``, ``WASMCLOUD_NATS_JWT``,
       ``WASMCLOUD_NATS_SEED`` and ``WASMCLOUD_NATS_CREDS``;
    4. ``WASMCLOUD_LATTICE``, ``WASMCLOUD_CTL_TOPIC_PREFIX``, ``WASMCLOUD_JS_DOMAIN``, ``WASMCLOUD_CTL_TIMEOUT_MS``
       (for requests and gathers), ``WASMCLOUD_CTL_TLS``, ``WASH_CTL_TLS_CA_FILE`` and ``WASH_CTL_TLS_FIRST``;
    5. the wash context that ``context`` names, else wash's current context, if there is one;
    6. the defaults of ``connect``.

    Credentials are not mixed: all of them come from the first source that gives any, and credentials in a host count
    last within a source. An empty variable counts as not set. ``WASH_CONTEXT_DIR``, ``WASH_CONFIG_DIR`` and
    ``XDG_CONFIG_HOME`` locate the contexts.

    Args:
        servers: As for ``connect``.
        options: The other options of ``connect``.

    Raises:
        InvalidArgument: An argument or a variable is invalid, or two contradict each other. Nothing was dialled.
        CtlError: The other errors of ``connect``.

    Example::

        with wasmcloud_ctl.from_env() as client:
            print(client.lattice)
    """
    # An unknown option is a TypeError.
    given = inspect.signature(connect).bind(servers, **options).arguments
    return _connected(contexts.from_environment(given))
