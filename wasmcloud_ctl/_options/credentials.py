"""Who connects: seeds, user JWTs and credentials files, given as text or as a file's path.

They are read anew for each connection, so that what has been renewed on disk counts on the way back.

Whatever is given may be a secret, a garbled one too. So no message quotes what was read, nor what was given
unless that can only be a path, and no error is chained that would (an OSError has the file's name, an error of
decoding all that was decoded).
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import stat
import time
from datetime import datetime, timezone
from typing import Any

import attrs
import nkeys

from wasmcloud_ctl.exceptions import AuthError

# No credentials file is larger; a wrong path may lead to anything.
_HIGHEST_SIZE = 1 << 20

_JWT = re.compile(r"[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}", re.ASCII)
_SEED = re.compile(r"\bS[A-Z][A-Z2-7]{56}\b")
_DECORATION = "-----BEGIN"

Given = str | os.PathLike[str]


@attrs.frozen(slots=False, kw_only=True, repr=False, eq=False)
class Login:
    """A user who proves by signing who it is: by a seed, or by a JWT and its seed."""

    jwt: str | None = None
    seed: str | None = None

    def decorated(self) -> str:
        """JWT and seed as they stand in a credentials file.

        A JWT without a seed gets one that is made up: a bearer's is taken whoever signs.
        """
        seed = self.seed or nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER).decode()
        return f"-----BEGIN NATS USER JWT-----\n{self.jwt}\n-----BEGIN USER NKEY SEED-----\n{seed}\n"

    def objection(self) -> str | None:
        """Why a server would refuse it, as far as that can be told without the server; None: no idea.

        It is asked for after a refusal only: this machine's clock may be wrong, and the server's word counts.
        """
        if self.jwt is None:
            return None
        claims = _claims(self.jwt) or {}
        expires, begins = claims.get("exp"), claims.get("nbf")
        if isinstance(expires, int) and 0 < expires <= time.time():
            return f"the user JWT expired on {_date(expires)}"
        if isinstance(begins, int) and begins > time.time():
            return f"the user JWT does not hold before {_date(begins)}"
        details = claims.get("nats")
        if isinstance(details, dict) and details.get("bearer_token") is True:
            return None
        if self.seed is None:
            return "the user JWT is no bearer's, so it takes its seed, too (nkey_seed)"
        if claims.get("sub") != _public_key(self.seed):
            return "the seed is not that of the user JWT"
        return None


def read(credentials: Given | None, user_jwt: Given | None, nkey_seed: Given | None) -> Login | None:
    """Read what was given, from files where paths were given.

    Args:
        credentials: A credentials file: a user JWT and its seed.
        user_jwt: A user JWT.
        nkey_seed: A user's seed.

    Returns:
        The login; None where nothing was given.

    Raises:
        AuthError: A file cannot be read, or holds something else.
    """
    if credentials is not None:
        text, where = _text(credentials, "credentials", "credentials", _DECORATION in os.fspath(credentials))
        return Login(jwt=_jwt(text, where), seed=_seed(text, where))
    jwt = seed = None
    if user_jwt is not None:
        literal = _JWT.fullmatch(os.fspath(user_jwt).strip()) is not None
        jwt = _jwt(*_text(user_jwt, "user_jwt", "a JWT", literal))
    if nkey_seed is not None:
        literal = _SEED.fullmatch(os.fspath(nkey_seed).strip()) is not None
        seed = _seed(*_text(nkey_seed, "nkey_seed", "a seed", literal))
    return None if jwt is None and seed is None else Login(jwt=jwt, seed=seed)


def _text(given: Given, argument: str, kind: str, literal: bool) -> tuple[str, str]:
    """The text that was given or is in the file that was, and what to call it in a message."""
    if literal:
        return os.fspath(given), argument
    path = os.path.expanduser(os.fspath(given))
    cause: Exception | None = None
    reason = ""
    content = b""
    try:
        # Opening a pipe would wait for somebody to write to it, and it could be read only once.
        if stat.S_ISREG(os.stat(path).st_mode):
            with open(path, "rb") as file:
                content = file.read(_HIGHEST_SIZE)
        else:
            reason = "it is no regular file"
    except OSError as error:
        cause, reason = error, error.strerror or type(error).__name__
    except ValueError:
        reason = "it is no path"
    # Outside of the handler: inside it, what is not chained would still hang on to the new error.
    if not reason:
        return content.decode("utf-8", "replace"), f"the file {path}, given as {argument},"
    if _can_only_be_a_path(given):
        raise AuthError(f"the file {path}, given as {argument}, cannot be read: {reason}") from cause
    raise AuthError(f"{argument} is neither {kind} nor the path of a file that can be read: {reason}")


def _can_only_be_a_path(given: Given) -> bool:
    # A seed, whole or garbled, has no slash and no dot; a JWT has no slash, and is long.
    if not isinstance(given, str):
        return True
    if "\n" in given:
        return False
    return os.sep in given or (len(given) <= 64 and "." in given)


def _jwt(text: str, where: str) -> str:
    match = _JWT.search(text)
    if match is None or _claims(match.group()) is None:
        raise AuthError(f"{where} holds no user JWT")
    return match.group()


def _seed(text: str, where: str) -> str:
    match = _SEED.search(text)
    if match is None:
        raise AuthError(f"{where} holds no seed")
    seed = match.group()
    if not _is_sound(seed):
        raise AuthError(f"{where} holds a seed that is garbled: its checksum is wrong")
    if not seed.startswith("SU"):
        raise AuthError(f"{where} holds a seed that is not a user's: those begin with SU")
    return seed


def _is_sound(seed: str) -> bool:
    # Neither nats-py nor nkeys looks at the checksum: a slip of a letter would be another user.
    raw = base64.b32decode(seed + "=" * (-len(seed) % 8))
    return binascii.crc_hqx(raw[:-2], 0) == int.from_bytes(raw[-2:], "little")


def _claims(jwt: str) -> dict[str, Any] | None:
    """What a JWT says, unverified; None if it cannot be read."""
    payload = jwt.split(".")[1]
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except ValueError:
        return None
    return claims if isinstance(claims, dict) else None


def _public_key(seed: str) -> str:
    return bytes(nkeys.from_seed(bytearray(seed.encode())).public_key).decode()


def _date(seconds: int) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, OSError, ValueError):
        return "a day that no calendar has"
