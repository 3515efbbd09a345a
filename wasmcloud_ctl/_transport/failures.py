"""Errors for connections that could not be made: each cause has its own sentence."""

from __future__ import annotations

import asyncio
import enum
import re
import socket
import ssl
from collections.abc import Sequence

from wasmcloud_ctl._options.credentials import Login
from wasmcloud_ctl._options.options import Options
from wasmcloud_ctl._options.servers import Server
from wasmcloud_ctl.exceptions import AuthError, ConnectError

# OpenSSL's codes for a valid certificate of another name or address.
_WRONG_NAME = (62, 64)

# A server's TLS alerts about the client's certificate, or a missing one. OpenSSL's names for them vary.
_WANTS_CERTIFICATE = re.compile(r"CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE")
_REFUSES_CERTIFICATE = re.compile(r"ALERT.*(CERTIFICATE|UNKNOWN_CA)")

_TLS_FIRST = "is it a NATS server, and does it want the TLS handshake first (tls_first)?"


class Stage(enum.Enum):
    """How far an attempt to connect has come, and what to say if no answer comes then.

    With ``tls_first``, SECURED comes before GREETED.
    """

    RESOLVING = "the name {host!r} was not resolved"
    CONNECTING = "no connection came about; check the address, and the firewalls on the way"
    CONNECTED = f"it took the connection and said nothing; {_TLS_FIRST}"
    GREETED = "it greeted, and then fell silent"
    SECURED = "it fell silent after the TLS handshake"


def explain(
    server: Server, options: Options, login: Login | None, stage: Stage, error: Exception
) -> ConnectError:
    """Return the error for an attempt to connect that came to ``stage``. ``login`` is the user who signed."""
    if isinstance(error, ssl.SSLError):
        return _about_tls(server, options, stage, error)
    if isinstance(error, (asyncio.TimeoutError, TimeoutError)):
        silence = stage.value.format(host=server.host)
        if options.tls_first and stage is Stage.CONNECTED:
            silence = (
                "it took the connection and said nothing to the TLS handshake; is it a NATS server with TLS?"
            )
        return ConnectError(f"{server} did not answer in time: {silence}")
    if isinstance(error, socket.gaierror):
        return ConnectError(f"the name {server.host!r} cannot be resolved: {error.strerror}")
    if isinstance(error, ConnectionRefusedError):
        return ConnectError(f"nobody listens at {server}: check the address, and that the server runs")
    if isinstance(error, ConnectionError) and stage in (Stage.CONNECTED, Stage.GREETED, Stage.SECURED):
        return _about_hang_up(server, options, stage)
    if isinstance(error, OSError):
        return ConnectError(f"cannot connect to {server}: {error.strerror or error}")
    text = plain(error)
    if re.search("authorization|authentication", text.lower()):
        return _about_credentials(server, options, login, text)
    if "expecting INFO" in text or "info message" in text:
        return ConnectError(f"what answers at {server} is no NATS server: check the port")
    return ConnectError(f"{server} does not let this client connect: {text}")


def _about_hang_up(server: Server, options: Options, stage: Stage) -> ConnectError:
    if stage is Stage.SECURED:
        # The server's TLS alert is often lost, because the server hangs up at once.
        does = "requires a client's certificate: give tls_cert and tls_key"
        if options.tls_cert is not None:
            does = "refuses the client's certificate"
        return AuthError(f"{server} ended the connection after the TLS handshake, as a server that {does}")
    why = _TLS_FIRST
    if stage is Stage.GREETED:
        why = "it greeted, and then hung up"
    elif options.tls_first:
        why = "does it want the TLS handshake first? Else leave tls_first out"
    return ConnectError(f"{server} ended the connection before it was made: {why}")


def _about_tls(server: Server, options: Options, stage: Stage, error: ssl.SSLError) -> ConnectError:
    reason = getattr(error, "reason", None) or str(error)
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _WRONG_NAME:
            return ConnectError(f"the certificate of {server} is for another name: {error.verify_message}")
        whose = f"the certificate of {server}"
        if not server.tls:
            whose = f"{server} requires TLS, and its certificate"
        advice = "; tls_ca names whom to trust" if options.tls_ca is None else ""
        return ConnectError(f"{whose} is not trusted: {error.verify_message}{advice}")
    if _WANTS_CERTIFICATE.search(reason) and options.tls_cert is None:
        return AuthError(f"{server} requires a client's certificate: give tls_cert and tls_key ({reason})")
    if _REFUSES_CERTIFICATE.search(reason):  # pragma: no cover – the hang-up may come before the alert
        return AuthError(f"{server} refused the client's certificate: {reason}")
    if options.tls_first and stage is Stage.CONNECTED:
        return ConnectError(f"{server} does not begin with the TLS handshake: leave tls_first out")
    return ConnectError(f"TLS with {server} failed: {reason}")


def _about_credentials(server: Server, options: Options, login: Login | None, text: str) -> AuthError:
    objection = None
    if login is not None:
        what = f"the credentials from {login.origin}"
        objection = login.objection()
    elif options.user is not None:
        what = f"user {options.user!r} with the given password"
    elif options.token is not None:
        what = "the given token"
    elif server.user is not None:
        what = f"user {server.user!r} with the password in the URL"
    elif server.token is not None:
        what = "the token in the URL"
    else:
        return AuthError(f"{server} requires credentials, and none were given: {text}")
    return AuthError(f"{server} refused {what}: {text}" + (f" ({objection})" if objection else ""))


def may_be_starting(failures: Sequence[BaseException]) -> bool:
    """Whether a server was not reached or hung up, and none refused the credentials: it may still be starting."""
    return not any(isinstance(failure, AuthError) for failure in failures) and any(
        isinstance(failure.__cause__, (OSError, asyncio.TimeoutError))
        and not isinstance(failure.__cause__, ssl.SSLError)
        for failure in failures
    )


def plain(error: BaseException) -> str:
    """Return an error's text without nats-py's prefix, or its type if it has no text."""
    return (str(error) or type(error).__name__).removeprefix("nats: ").strip("'")


def join(failures: Sequence[BaseException], origin: str | None, waited: float | None = None) -> ConnectError:
    """Return one error for several servers, after ``waited`` seconds: an AuthError if one of them is.

    ``origin`` is that of the addresses.
    """
    kind = AuthError if any(isinstance(failure, AuthError) for failure in failures) else ConnectError
    text = "; ".join(dict.fromkeys(map(str, failures)))
    if waited is not None:
        text = f"no server could be reached within {waited:g} s; at last: {text}"
    return kind(text if origin is None else f"{text} ({origin})")
