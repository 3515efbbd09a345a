"""Keys and JWTs of operators, accounts and users, as NATS's own tool makes them, for servers of the tests."""

from __future__ import annotations

import base64
import json
import os
import time

import attrs
import nkeys


def new_seed(prefix: int = nkeys.PREFIX_BYTE_USER) -> str:
    """A seed; a user's unless another prefix is given."""
    seed: bytes = nkeys.encode_seed(os.urandom(32), prefix)
    return seed.decode()


def public_key(seed: str) -> str:
    """The public key of a seed."""
    key: bytes = nkeys.from_seed(bytearray(seed.encode())).public_key
    return key.decode()


def signed(claims: dict[str, object], seed: str) -> str:
    """A JWT with these claims, signed with this seed."""
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in ({"typ": "JWT", "alg": "ed25519-nkey"}, claims)
    ]
    signature = nkeys.from_seed(bytearray(seed.encode())).sign(b".".join(parts))
    return b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


@attrs.frozen
class Operator:
    """An operator with one account, whose users it can make."""

    seed: str = attrs.field(factory=lambda: new_seed(nkeys.PREFIX_BYTE_OPERATOR))
    account_seed: str = attrs.field(factory=lambda: new_seed(nkeys.PREFIX_BYTE_ACCOUNT))

    @property
    def server_config(self) -> str:
        """The lines of a server's configuration that make it trust this operator."""
        account = public_key(self.account_seed)
        unlimited = dict.fromkeys(("subs", "data", "payload", "imports", "exports", "conn", "leaf"), -1)
        own = self._claims(public_key(self.seed), "operator", {})
        of_account = self._claims(account, "account", {"limits": {**unlimited, "wildcards": True}})
        return (
            f"operator: {signed(own, self.seed)}\n"
            "resolver: MEMORY\n"
            f"resolver_preload: {{ {account}: {signed(of_account, self.seed)} }}\n"
        )

    def user_jwt(
        self,
        user_seed: str,
        expires_in: int | None = None,
        bearer: bool = False,
        begins_in: int | None = None,
    ) -> str:
        """A user's JWT.

        Args:
            user_seed: The user's seed.
            expires_in: Seconds until it expires, negative for one that has; None: never.
            bearer: Whether whoever has it may use it, without the seed.
            begins_in: Seconds until it holds; None: it does.
        """
        details: dict[str, object] = {"subs": -1, "data": -1, "payload": -1}
        if bearer:
            details["bearer_token"] = True
        claims = self._claims(public_key(user_seed), "user", details)
        claims["iss"] = public_key(self.account_seed)
        if expires_in is not None:
            claims["exp"] = int(time.time()) + expires_in
        if begins_in is not None:
            claims["nbf"] = int(time.time()) + begins_in
        return signed(claims, self.account_seed)

    def _claims(self, subject: str, kind: str, details: dict[str, object]) -> dict[str, object]:
        return {
            "jti": os.urandom(16).hex(),
            "iat": int(time.time()),
            "iss": public_key(self.seed),
            "name": kind,
            "sub": subject,
            "nats": {**details, "type": kind, "version": 2},
        }


def credentials(jwt: str, seed: str) -> str:
    """What is in a credentials file."""
    return (
        f"-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n"
        "************************* IMPORTANT *************************\n"
        "NKEY Seed printed below can be used to sign and prove identity.\n"
        "NKEYs are sensitive and should be treated as secrets.\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    )
