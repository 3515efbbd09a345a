"""From options to a connection: all servers side by side, and the first that answers."""

from __future__ import annotations

import functools
import logging
import random
import ssl
from collections.abc import Callable, Sequence

import nats.aio.client
from anyio import fail_after

from wasmcloud_ctl._bridge.handover import Deadline
from wasmcloud_ctl._options import credentials as _credentials
from wasmcloud_ctl._options import tls as _tls
from wasmcloud_ctl._options.options import Options
from wasmcloud_ctl._options.servers import Server
from wasmcloud_ctl._transport import failures as _failures
from wasmcloud_ctl._transport.connection import Wire
from wasmcloud_ctl._transport.race import STAGGER_SECONDS, AllFailed, race
from wasmcloud_ctl.exceptions import ConnectError

logger = logging.getLogger("wasmcloud_ctl")

# A silent half-open connection is noticed after one to two intervals without an answer.
_PING_SECONDS = 8
_PINGS_OUTSTANDING = 1

# nats-py has a timeout for each step of connecting; the deadline for all of them is kept around it.
_NO_TIMEOUT_OF_ITS_OWN = 86400


async def dial(
    options: Options, cluster: Sequence[Server], new_wire: Callable[[Server], Wire], deadline: Deadline
) -> Wire:
    """Dial all servers, each a moment after the one before, and take the first that answers.

    Args:
        options: What it takes to connect, and the servers that were given.
        cluster: The servers that the cluster has named.
        new_wire: Makes the connection to a server, for it to be dialled.
        deadline: For all of it.

    Raises:
        AuthError: A server refused the credentials, and no other took them.
        ConnectError: No server answered in time; with the true cause.
    """
    # Short reads of local files, each time anew: what has been renewed on disk counts.
    login = _credentials.read(options.credentials, options.user_jwt, options.nkey_seed)
    context = _tls.make_context(options) if any(server.tls for server in options.servers) else None
    known = {(server.host, server.port): server for server in (*cluster, *options.servers)}
    servers = list(known.values())
    random.shuffle(servers)
    attempts = [
        functools.partial(_attempt, options, new_wire, server, login, context, deadline) for server in servers
    ]
    # However many they are, half of the time is left for the last.
    pause = min(STAGGER_SECONDS, deadline.left() / 2 / len(servers))
    try:
        return await race(attempts, pause, Wire.abort)
    except AllFailed as failed:
        raise _failures.join(failed.errors) from failed.errors[0].__cause__


async def _attempt(
    options: Options,
    new_wire: Callable[[Server], Wire],
    server: Server,
    login: _credentials.Login | None,
    context: ssl.SSLContext | None,
    deadline: Deadline,
) -> Wire:
    """Dial one server, once."""
    wire = new_wire(server)
    # What was given as an option counts before what stands in a URL.
    who: Options | Server = options
    if login is None and options.user is None and options.token is None:
        who = server
    jwt = seed = None
    if login is not None and login.jwt is not None:
        jwt = nats.aio.client.RawCredentials(login.decorated())
    elif login is not None:
        seed = login.seed
    try:
        with fail_after(deadline.left()):
            await wire.connect(
                servers=[str(server)],
                name=options.name,
                user=who.user,
                password=who.password,
                token=who.token,
                user_credentials=jwt,
                nkeys_seed_str=seed,
                tls=context,
                tls_hostname=server.tls_name,
                tls_handshake_first=options.tls_first,
                error_cb=_on_error,
                allow_reconnect=False,
                connect_timeout=_NO_TIMEOUT_OF_ITS_OWN,
                ping_interval=_PING_SECONDS,
                max_outstanding_pings=_PINGS_OUTSTANDING,
                inbox_prefix=options.inbox_prefix,
            )
    except Exception as error:
        wire.abort()
        if isinstance(error, ConnectError):
            raise
        raise _failures.explain(server, options, login, wire.stage, error) from error
    except BaseException:
        wire.abort()  # a failed or cancelled connect of nats-py leaves its socket open
        raise
    return wire


async def _on_error(error: Exception) -> None:
    """What nats-py reports aside; what matters of it comes another way."""
    logger.debug("nats-py reports: %r", error)
