"""The claims that a signed component or provider brings, and the three forms in which hosts tell them."""

from __future__ import annotations

import base64
import binascii
import json
import time

from attrs import field, frozen

from wasmcloud_ctl.testing import _serde
from wasmcloud_ctl.testing._failure import Failure
from wasmcloud_ctl.testing._identity import uptime_in_words
from wasmcloud_ctl.testing._serde import ParseError, Struct


@frozen(kw_only=True)
class Claims:
    """What the issuer of a component or provider says of it.

    Attributes:
        issuer: The account key that signed, ``A...``.
        subject: The key of what it is about: ``M...`` for a component, ``V...`` for a provider.
        name: Its name, for people.
        revision: Its revision, a number that grows.
        version: Its version, for people.
        call_alias: Another name for a component; None for none.
        tags: A component's tags; None for none.
        config_schema: The JSON schema of a provider's config, as JSON text; None for none.
        not_before: Seconds since 1970 from which it is valid; None for always.
        expires: Seconds since 1970 until which it is valid; None for always.
    """

    issuer: str
    subject: str
    name: str | None = None
    revision: int | None = None
    version: str | None = None
    call_alias: str | None = None
    tags: list[str] | None = None
    config_schema: str | None = None
    not_before: int | None = None
    expires: int | None = None

    def in_events_of_components(self) -> dict[str, object]:
        """As ``component_scaled`` has them."""
        return {
            "call_alias": self.call_alias,
            "expires_human": _moment(self.expires),
            "issuer": self.issuer,
            "name": self.name,
            "not_before_human": _moment(self.not_before),
            "revision": self.revision,
            "tags": self.tags,
            "version": self.version,
        }

    def in_events_of_providers(self) -> dict[str, object]:
        """As ``provider_started`` has them."""
        return {
            "expires_human": _moment(self.expires),
            "issuer": self.issuer,
            "name": self.name,
            "not_before_human": _moment(self.not_before),
            "tags": None,
            "version": self.version,
        }

    def stored(self, *, of_provider: bool) -> dict[str, object]:
        """As hosts keep them in the lattice's bucket."""
        common: dict[str, object] = {
            "issuer": self.issuer,
            "name": self.name or "",
            "revision": str(self.revision or 0),
            "subject": self.subject,
            "version": self.version or "",
        }
        if not of_provider:
            return {"call_alias": self.call_alias or "", **common, "tags": self.tags or []}
        return common if self.config_schema is None else {**common, "config_schema": self.config_schema}

    def answered(self, *, of_provider: bool) -> dict[str, str]:
        """As ``claims.get`` answers them."""
        return answered(_serde.parse(json.dumps(self.stored(of_provider=of_provider)).encode("utf-8")))


def answered(value: object) -> dict[str, str]:
    """Stored claims as ``claims.get`` answers them.

    Args:
        value: The JSON from the bucket.

    Raises:
        ParseError: It is no stored claims.
    """
    fields = Struct(value)
    issuer = fields.required("issuer", _serde.text)
    subject = fields.required("subject", _serde.text)
    revision = fields.required("revision", _serde.text)
    told = {
        "iss": issuer,
        "issuer": issuer,
        "name": fields.required("name", _serde.text),
        "rev": revision,
        "revision": revision,
        "sub": subject,
        "subject": subject,
        "version": fields.required("version", _serde.text),
    }
    call_alias = fields.optional("call_alias", _serde.text)
    if call_alias is None:
        return {**told, "config_schema": fields.optional("config_schema", _serde.text) or ""}
    return {**told, "call_alias": call_alias, "tags": ",".join(fields.required("tags", _serde.strings))}


@frozen(kw_only=True)
class SignedClaims:
    """A token, read.

    Attributes:
        claims: What it says.
        hash: The hash of the component it is for; None for none.
        target_hashes: The hashes of a provider's programs, by target.
        signed: What was signed.
        signature: The signature.
    """

    claims: Claims
    hash: str | None
    target_hashes: dict[str, str]
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    def check_time(self) -> None:
        """Raise Failure unless the claims are valid now."""
        now = time.time()
        if self.claims.expires is not None and self.claims.expires < now:
            raise Failure(f"token expired at `{_distance(now - self.claims.expires)} ago`")
        if self.claims.not_before is not None and self.claims.not_before > now:
            raise Failure(f"token cannot be used before `in {_distance(self.claims.not_before - now)}`")

    def check_signature(self) -> None:
        """Raise Failure unless the issuer signed."""
        from nacl.exceptions import BadSignatureError
        from nacl.signing import VerifyKey

        try:
            # An nkey: a byte for its kind, the key, and two of checksum.
            key = VerifyKey(base64.b32decode(self.claims.issuer)[1:33])
            key.verify(self.signed, self.signature)
        except (BadSignatureError, ValueError) as error:
            raise Failure("signature is not valid") from error


def read_token(token: str) -> SignedClaims:
    """The claims in a JWT; whether they hold is another question.

    Raises:
        Failure: It is no such token.
    """
    parts = token.strip().split(".")
    if len(parts) != 3:
        raise Failure(f"JWT error: invalid token format, expected 3 segments, found {len(parts)}")
    try:
        _, body, signature = (base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in parts)
    except (ValueError, binascii.Error) as error:
        raise Failure(f"Decode error: {error}") from error
    try:
        fields = Struct(_serde.parse(body))
        details = fields.required("wascap", Struct)
        claims = Claims(
            issuer=fields.required("iss", _serde.text),
            subject=fields.required("sub", _serde.text),
            name=details.optional("name", _serde.text),
            revision=details.optional("rev", _serde.unsigned(31)),
            version=details.optional("ver", _serde.text),
            call_alias=details.optional("call_alias", _serde.text),
            tags=details.optional("tags", _serde.strings),
            not_before=fields.optional("nbf", _serde.unsigned(64)),
            expires=fields.optional("exp", _serde.unsigned(64)),
        )
        return SignedClaims(
            claims=claims,
            hash=details.optional("hash", _serde.text),
            target_hashes=details.optional("target_hashes", _serde.string_map) or {},
            signed=".".join(parts[:2]).encode("ascii"),
            signature=signature,
        )
    except ParseError as error:
        raise Failure(f"Serialization error: {error}") from error


def _distance(seconds: float) -> str:
    """A time in words, to its largest unit."""
    whole = int(seconds)
    for unit in (86_400, 3600, 60):
        if whole >= unit:
            whole -= whole % unit
            break
    return uptime_in_words(whole)


def _moment(seconds: int | None) -> str:
    return "never" if seconds is None else str(seconds)
