"""Credentials: seeds, user JWTs and credentials files, passed as text or as the path of a file.

Files are read again for each connection, so that renewed credentials are used when the client reconnects.

What was passed may be a secret, even if garbled. So no message quotes the content of a file, or an argument that is
not clearly a path; and no error is chained that would (an OSError holds the file's name, a decoding error holds all
that was decoded).
"""

from __future__ import annotations

import base64
import binascii
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

# In bytes; no credentials file is larger. A wrong path may lead to a file of any size.
_MAX_SIZE = 1 << 20

_JWT = re.compile(r"[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}", re.ASCII)
_SEED = re.compile(r"\bS[A-Z][A-Z2-7]{56}\b")
_DECORATION = "-----BEGIN"


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class Login:
    """A seed, a user JWT, or both. Has no repr, which would show them."""

    jwt: str | None = None
    seed: str | None = None

    def decorated(self) -> str:
        """Return JWT and seed in the format of a credentials file.

        A JWT without a seed gets a random one: the server accepts a bearer JWT whoever signs.
        """
        seed = self.seed or nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER).decode()
        return f"-----BEGIN NATS USER JWT-----\n{self.jwt}\n-----BEGIN USER NKEY SEED-----\n{seed}\n"

    def objection(self) -> str | None:
        """Return a likely reason why a server refused these credentials; None if no reason can be found here.

        To be asked only after a refusal: the clock of this machine may be wrong, so the server decides.
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
        if claims.get("sub") != _public_key(self.seed):
            return "the seed does not belong to the user JWT"
        return None


def read(credentials: Path | None, user_jwt: Path | None, nkey_seed: Path | None) -> Login | None:
    """Read credentials from text, or from files where paths are passed.

    Args:
        credentials: A credentials file: a user JWT and its seed.
        user_jwt: A user JWT.
        nkey_seed: A user's seed.

    Returns:
        The login; None if nothing was passed.

    Raises:
        AuthError: A file cannot be read, or the text is not what it should be.
    """
    if credentials is not None:
        text, where = _text(credentials, "credentials", "credentials", _DECORATION in os.fspath(credentials))
        return Login(jwt=_jwt(text, where), seed=_seed(text, where))
    jwt = seed = None
    if user_jwt is not None:
        is_text = _JWT.fullmatch(os.fspath(user_jwt).strip()) is not None
        jwt = _jwt(*_text(user_jwt, "user_jwt", "a JWT", is_text))
    if nkey_seed is not None:
        is_text = _SEED.fullmatch(os.fspath(nkey_seed).strip()) is not None
        seed = _seed(*_text(nkey_seed, "nkey_seed", "a seed", is_text))
    return None if jwt is None and seed is None else Login(jwt=jwt, seed=seed)


def _text(given: Path, argument: str, kind: str, is_text: bool) -> tuple[str, str]:
    """Return the text that was passed, or the content of the file, and what to call it in a message."""
    if is_text:
        return os.fspath(given), argument
    path = os.path.expanduser(os.fspath(given))
    cause: Exception | None = None
    reason = ""
    content = b""
    try:
        # Opening a pipe would block until somebody writes to it, and it could be read only once.
        if stat.S_ISREG(os.stat(path).st_mode):
            with open(path, "rb") as file:
                content = file.read(_MAX_SIZE)
        else:
            reason = "not a regular file"
    except OSError as error:
        cause, reason = error, error.strerror or type(error).__name__
    except ValueError:
        reason = "not a valid path"
    # Raised outside the handlers: inside, an error that must not be chained would still be attached as __context__.
    if not reason:
        return content.decode("utf-8", "replace"), f"{argument} file {path}"
    if _is_clearly_a_path(given):
        raise AuthError(f"cannot read {argument} file {path}: {reason}") from cause
    raise AuthError(f"{argument} is neither {kind} nor the path of a readable file: {reason}")


def _is_clearly_a_path(given: Path) -> bool:
    # A seed, even if garbled, has no slash and no dot; a JWT has no slash, and is long.
    if not isinstance(given, str):
        return True
    if "\n" in given:
        return False
    return os.sep in given or (len(given) <= 64 and "." in given)


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
    if not _has_valid_checksum(seed):
        raise AuthError(f"{where} contains a garbled seed: its checksum is wrong")
    if not seed.startswith("SU"):
        raise AuthError(f"{where} contains a seed that is not a user's: a user's seed begins with SU")
    return seed


def _has_valid_checksum(seed: str) -> bool:
    # Neither nats-py nor nkeys checks it: a mistyped letter would silently make another user's key.
    raw = base64.b32decode(seed + "=" * (-len(seed) % 8))
    return binascii.crc_hqx(raw[:-2], 0) == int.from_bytes(raw[-2:], "little")


def _claims(jwt: str) -> dict[str, Any] | None:
    """Return the claims of a JWT, unverified; None if they cannot be decoded."""
    payload = jwt.split(".")[1]
    try:
        claims = parse_json(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except ValueError:
        return None
    return claims if isinstance(claims, dict) else None


def _public_key(seed: str) -> str:
    return bytes(nkeys.from_seed(bytearray(seed.encode())).public_key).decode()


def _date(seconds: int) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, OSError, ValueError):
        return "a date outside the calendar"
