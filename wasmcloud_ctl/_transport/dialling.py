"""Dialling: from options to a connection with the first server that answers."""

from __future__ import annotations

import asyncio
import functools
import logging
import random
import ssl
from collections.abc import Callable, Sequence

import nats.aio.client
from anyio import fail_after

from wasmcloud_ctl._bridge.handover import Deadline
from wasmcloud_ctl._options import credentials, tls
from wasmcloud_ctl._options.options import Options
from wasmcloud_ctl._options.servers import Server
from wasmcloud_ctl._transport import failures
from wasmcloud_ctl._transport.connection import Connection
from wasmcloud_ctl._transport.race import STAGGER_SECONDS, AllFailed, race
from wasmcloud_ctl.exceptions import ConnectError

logger = logging.getLogger("wasmcloud_ctl")

# A half-open connection is detected after one to two intervals without a PONG.
_PING_SECONDS = 8
_PINGS_OUTSTANDING = 1

# Between two rounds of dialling while no server can be reached. Also the least time for the last round.
_PAUSE_SECONDS = 0.2

# nats-py has a timeout for each step of connecting. Here one deadline covers all steps.
_NO_TIMEOUT_OF_ITS_OWN = 86400


async def dial(
    options: Options,
    cluster: Sequence[Server],
    on_lost: Callable[[Connection], None],
    on_denied: Callable[[str], None],
    deadline: Deadline,
    wait: bool = False,
) -> Connection:
    """Dial all servers, a moment apart, and take the first that answers before the deadline.

    The servers are the configured ones and those that the ``cluster`` has named. If none accepts the connection, this
    raises an AuthError if one of them refused the credentials, or else a ConnectError. With ``wait``, it first dials
    again and again while servers cannot be reached, each time for at most ``connect_timeout``.
    """
    origin = options.servers[0].origin
    while True:
        round_deadline = Deadline(min(options.connect_timeout, deadline.left()))
        try:
            return await _dial_once(options, cluster, on_lost, on_denied, round_deadline)
        except AllFailed as failed:
            # No variable may hold an error that is raised here: with its traceback it would be a reference cycle.
            waits = wait and failures.may_be_starting(failed.args)
            if not waits or deadline.left() < 2 * _PAUSE_SECONDS:
                waited = options.wait if waits else None
                raise failures.join(failed.args, origin, waited) from failed.args[0].__cause__
            logger.debug("no connection yet: %s", failures.join(failed.args, origin))
        await asyncio.sleep(_PAUSE_SECONDS)


async def _dial_once(
    options: Options,
    cluster: Sequence[Server],
    on_lost: Callable[[Connection], None],
    on_denied: Callable[[str], None],
    deadline: Deadline,
) -> Connection:
    # Files are read for each connection, so that renewed ones take effect.
    login = credentials.read(options.credentials, options.user_jwt, options.nkey_seed)
    context = tls.make_context(options) if any(server.tls for server in options.servers) else None
    known = {(server.host, server.port): server for server in (*cluster, *options.servers)}
    allow_tls = options.tls is not False
    connections = [Connection(server, allow_tls, on_lost, on_denied) for server in known.values()]
    random.shuffle(connections)
    attempts = [
        functools.partial(_attempt, connection, options, login, context, deadline)
        for connection in connections
    ]
    # With many servers, half of the time is left for the last one.
    pause = min(STAGGER_SECONDS, deadline.left() / 2 / len(attempts))
    return await race(attempts, pause, Connection.abort)


async def _attempt(
    connection: Connection,
    options: Options,
    login: credentials.Login | None,
    context: ssl.SSLContext | None,
    deadline: Deadline,
) -> Connection:
    server = connection.server
    by_options = login is not None or options.user is not None or options.token is not None
    who = options if by_options else server
    jwt = seed = None
    if login is not None and login.jwt is not None:
        jwt = nats.aio.client.RawCredentials(login.decorated())
    elif login is not None:
        seed = login.seed
    try:
        with fail_after(deadline.left()):
            await connection.connect(
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
    except BaseException as error:
        connection.abort()  # nats-py leaves the socket open after a failed or cancelled connect
        if isinstance(error, ConnectError) or not isinstance(error, Exception):
            raise
        raise failures.explain(server, options, login, connection.socket.stage, error) from error
    return connection


async def _on_error(error: Exception) -> None:
    """Log what nats-py reports here; everything that matters arrives another way."""
    logger.debug("nats-py reports: %r", error)
