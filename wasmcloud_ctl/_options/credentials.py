"""Credentials: seeds, user JWTs and credentials files, passed as text or as the path of a file.

Files are read again for each connection, so that renewed credentials are used when the client reconnects.

What was passed may be a secret, even if garbled. So no message quotes the content of a file, or an argument that is
not clearly a path; and no error is chained that would (an OSError holds the file's name, a decoding error holds all
that was decoded).
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import re
import stat
import time
from datetime import datetime, timezone
from typing import Any

import attrs
import nkeys

from wasmcloud_ctl._options.options import Path
from wasmcloud_ctl._protocol.codec import parse_json
from wasmcloud_ctl.exceptions import AuthError

# A compiled module of PyNaCl, which nkeys uses, imports this one. PyInstaller does not look into those, and without
# this line a frozen program does not start. A PyNaCl that no longer needs it works all the same.
with contextlib.suppress(ImportError):
    import _cffi_backend  # noqa: F401  # see above

# In bytes; no credentials file is larger. A wrong path may lead to a file of any size.
_MAX_SIZE = 1 << 20

_JWT = re.compile(r"[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}", re.ASCII)
_SEED = re.compile(r"\bS[A-Z][A-Z2-7]{56}\b")
_DECORATED = re.compile(".*-----BEGIN.*", re.DOTALL)


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class Login:
    """A seed, a user JWT, or both, and in words where they come from. Has no repr, which would show them."""

    origin: str
    jwt: str | None = None
    seed: str | None = None

    def decorated(self) -> str:
        """Return JWT and seed as a credentials file. A random seed will do for a bearer JWT, whoever signs."""
        seed = self.seed or nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER).decode()
        return f"-----BEGIN NATS USER JWT-----\n{self.jwt}\n-----BEGIN USER NKEY SEED-----\n{seed}\n"

    def objection(self) -> str | None:
        """Return a likely reason why a server refused these credentials; None if none can be found here.

        Ask only after a refusal: the clock of this machine may be wrong, so the server decides.
        """
        if self.jwt is None:
            return None
        claims = _claims(self.jwt) or {}
        expires, begins = claims.get("exp"), claims.get("nbf")
        if isinstance(expires, int) and 0 < expires <= time.time():
            return f"the user JWT expired on {_date(expires)}"
        if isinstance(begins, int) and begins > time.time():
            return f"the user JWT is not valid before {_date(begins)}"
        details = claims.get("nats")
        if isinstance(details, dict) and details.get("bearer_token") is True:
            return None
        if self.seed is None:
            return "the user JWT is not a bearer JWT, so it requires its seed (nkey_seed)"
        if claims.get("sub") != bytes(nkeys.from_seed(bytearray(self.seed.encode())).public_key).decode():
            return "the seed does not belong to the user JWT"
        return None


def read(credentials: Path | None, user_jwt: Path | None, nkey_seed: Path | None) -> Login | None:
    """Read credentials from text, or from files where paths are passed. Raise AuthError for what is neither."""
    if credentials is not None:
        text, where = _text(credentials, "credentials", "credentials", _DECORATED)
        return Login(origin=where, jwt=_jwt(text, where), seed=_seed(text, where))
    jwt = seed = None
    origins = []
    if user_jwt is not None:
        text, where = _text(user_jwt, "user_jwt", "a JWT", _JWT)
        jwt = _jwt(text, where)
        origins.append(where)
    if nkey_seed is not None:
        text, where = _text(nkey_seed, "nkey_seed", "a seed", _SEED)
        seed = _seed(text, where)
        origins.append(where)
    return Login(origin=" and ".join(origins), jwt=jwt, seed=seed) if origins else None


def _text(given: Path, argument: str, kind: str, pattern: re.Pattern[str]) -> tuple[str, str]:
    """Return the text that was passed, or the content of the file, and what to call it in a message."""
    if pattern.fullmatch(os.fspath(given).strip()):
        return os.fspath(given), argument
    path = os.path.expanduser(given)
    cause: OSError | None = None
    reason = "not a regular file"
    try:
        # Opening a pipe would block until somebody writes to it, and it could be read only once.
        if stat.S_ISREG(os.stat(path).st_mode):
            with open(path, "rb") as file:
                return file.read(_MAX_SIZE).decode("utf-8", "replace"), f"{argument} file {path}"
    except OSError as error:
        cause, reason = error, error.strerror or type(error).__name__
    except ValueError:
        reason = "not a valid path"
    # Raised outside the handlers: inside, an error that must not be chained would still be attached as __context__.
    if _is_clearly_a_path(given):
        raise AuthError(f"cannot read {argument} file {path}: {reason}") from cause
    raise AuthError(f"{argument} is neither {kind} nor the path of a readable file: {reason}")


def _is_clearly_a_path(given: Path) -> bool:
    # A seed, even if garbled, has no slash and no dot; a JWT has no slash, and is long.
    if not isinstance(given, str):
        return True
    return "\n" not in given and (os.sep in given or (len(given) <= 64 and "." in given))


def _jwt(text: str, where: str) -> str:
    match = _JWT.search(text)
    if match is None or _claims(match.group()) is None:
        raise AuthError(f"{where} contains no user JWT")
    return match.group()


def _seed(text: str, where: str) -> str:
    match = _SEED.search(text)
    if match is None:
        raise AuthError(f"{where} contains no seed")
    seed = match.group()
    # Neither nats-py nor nkeys checks the sum: a mistyped letter would silently make another user's key.
    raw = base64.b32decode(seed + "=" * (-len(seed) % 8))
    if binascii.crc_hqx(raw[:-2], 0) != int.from_bytes(raw[-2:], "little"):
        raise AuthError(f"{where} contains a garbled seed: its checksum is wrong")
    if not seed.startswith("SU"):
        raise AuthError(f"{where} contains a seed that is not a user's: a user's seed begins with SU")
    return seed


def _claims(jwt: str) -> dict[str, Any] | None:
    """Return the claims of a JWT, unverified; None if they cannot be decoded."""
    payload = jwt.split(".")[1]
    try:
        claims = parse_json(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except ValueError:
        return None
    return claims if isinstance(claims, dict) else None


def _date(seconds: int) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, OSError, ValueError):
        return "a date outside the calendar"
