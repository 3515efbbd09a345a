"""The claims of signed components and providers, and the three forms in which hosts show them."""

from __future__ import annotations

import base64
import binascii
import json
import time

from attrs import field, frozen
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from wasmcloud_ctl.testing import _serde
from wasmcloud_ctl.testing._failure import Failure
from wasmcloud_ctl.testing._identity import uptime_in_words
from wasmcloud_ctl.testing._serde import ParseError, Struct


@frozen(kw_only=True)
class Claims:
    """The signed statement of an issuer about a component or provider.

    Attributes:
        issuer: The issuer's account key, ``A...``.
        subject: The key of the component (``M...``) or provider (``V...``).
        name: A human-readable name.
        revision: The revision number.
        version: A human-readable version.
        call_alias: An alias of a component.
        tags: The tags of a component.
        config_schema: The JSON schema of a provider's config, as JSON text.
        not_before: Unix time before which the claims are not valid. No limit by default.
        expires: Unix time after which the claims are not valid. No limit by default.
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


def claims_for_component_event(claims: Claims) -> dict[str, object]:
    """Return claims in the form of a ``component_scaled`` event."""
    return {
        "call_alias": claims.call_alias,
        "expires_human": _expiry_text(claims.expires),
        "issuer": claims.issuer,
        "name": claims.name,
        "not_before_human": _expiry_text(claims.not_before),
        "revision": claims.revision,
        "tags": claims.tags,
        "version": claims.version,
    }


def claims_for_provider_event(claims: Claims) -> dict[str, object]:
    """Return claims in the form of a ``provider_started`` event."""
    return {
        "expires_human": _expiry_text(claims.expires),
        "issuer": claims.issuer,
        "name": claims.name,
        "not_before_human": _expiry_text(claims.not_before),
        "tags": None,
        "version": claims.version,
    }


def claims_for_bucket(claims: Claims, *, of_provider: bool) -> dict[str, object]:
    """Return claims in the form that hosts store in the lattice's bucket."""
    common: dict[str, object] = {
        "issuer": claims.issuer,
        "name": claims.name or "",
        "revision": str(claims.revision or 0),
        "subject": claims.subject,
        "version": claims.version or "",
    }
    if not of_provider:
        return {"call_alias": claims.call_alias or "", **common, "tags": claims.tags or []}
    return common if claims.config_schema is None else {**common, "config_schema": claims.config_schema}


def claims_for_reply(claims: Claims, *, of_provider: bool) -> dict[str, str]:
    """Return claims in the form of a ``claims.get`` reply."""
    stored = json.dumps(claims_for_bucket(claims, of_provider=of_provider)).encode("utf-8")
    return stored_claims_for_reply(_serde.parse(stored))


def stored_claims_for_reply(value: object) -> dict[str, str]:
    """Convert stored claims to the form of a ``claims.get`` reply.

    Args:
        value: The parsed JSON from the bucket.

    Raises:
        ParseError: The value does not have the form of stored claims.
    """
    fields = Struct(value)
    issuer = fields.required("issuer", _serde.text)
    subject = fields.required("subject", _serde.text)
    revision = fields.required("revision", _serde.text)
    common = {
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
        return {**common, "config_schema": fields.optional("config_schema", _serde.text) or ""}
    return {**common, "call_alias": call_alias, "tags": ",".join(fields.required("tags", _serde.strings))}


@frozen(kw_only=True)
class SignedClaims:
    """A decoded token. Neither its validity period nor its signature has been checked.

    Attributes:
        claims: The claims in the token.
        hash: The hash of the component that the token belongs to, if it names one.
        target_hashes: The hashes of a provider's executables, by target platform.
        signed: The signed bytes.
        signature: The signature.
    """

    claims: Claims
    hash: str | None
    target_hashes: dict[str, str]
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    def check_time(self) -> None:
        """Raise Failure unless the claims are valid at this time."""
        now = time.time()
        if self.claims.expires is not None and self.claims.expires < now:
            raise Failure(f"token expired at `{_rounded_duration(now - self.claims.expires)} ago`")
        if self.claims.not_before is not None and self.claims.not_before > now:
            raise Failure(
                f"token cannot be used before `in {_rounded_duration(self.claims.not_before - now)}`"
            )

    def check_signature(self) -> None:
        """Raise Failure unless the signature is the issuer's."""
        try:
            # An nkey is one byte for its kind, 32 bytes of key, and two bytes of checksum.
            key = VerifyKey(base64.b32decode(self.claims.issuer)[1:33])
            key.verify(self.signed, self.signature)
        except (BadSignatureError, ValueError) as error:
            raise Failure("signature is not valid") from error


def read_token(token: str) -> SignedClaims:
    """Decode a JWT, without checking whether it is valid.

    Raises:
        Failure: The text is not a token with claims.
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


def _rounded_duration(seconds: float) -> str:
    """Return a duration in words, rounded down to its largest unit."""
    whole = int(seconds)
    for unit in (86_400, 3600, 60):
        if whole >= unit:
            whole -= whole % unit
            break
    return uptime_in_words(whole)


def _expiry_text(seconds: int | None) -> str:
    return "never" if seconds is None else str(seconds)
