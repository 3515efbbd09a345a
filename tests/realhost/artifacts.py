"""The files that real hosts load in the tests, made of nothing: components, signed or not, and a provider.

Everything is built from its published format: the WebAssembly component model's binary form, the tokens that
wasmCloud signs components and providers with, and the provider archive ("PAR", a tar file).
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import platform
import sys
import tarfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nkeys
from nacl.signing import SigningKey

from wasmcloud_ctl.testing import component
from wasmcloud_ctl.testing._component import section, sized

#: A provider that does nothing. A host kills its providers when it ends, but one that is itself killed leaves
#: them behind: so this one looks whether its host is there. It lets go of the host's output, for whoever reads
#: that until its end.
PROVIDER_SCRIPT = b"""\
#!/bin/sh
exec >/dev/null 2>&1
while kill -0 "$PPID"; do sleep 1; done
"""

#: The type byte of a key, in the nkeys encoding: it is what makes the first letter of the text form.
MODULE_PREFIX = 12 << 3
SERVICE_PREFIX = 21 << 3


@dataclass(frozen=True)
class Artifacts:
    """Where the files lie."""

    #: A component without claims.
    echo: Path
    #: Another one, to update the first to.
    echo2: Path
    #: A component with claims.
    signed: Path
    #: A provider archive.
    provider: Path


def write_artifacts(folder: Path) -> Artifacts:
    """Make all the files.

    Args:
        folder: Where they go; it must exist. The names are ``echo.wasm``, ``echo2.wasm``, ``signed.wasm``
            and ``provider.par``.

    Returns:
        Their absolute paths.

    Raises:
        OSError: The folder cannot be written to.
    """
    folder = folder.resolve()
    artifacts = Artifacts(
        echo=folder / "echo.wasm",
        echo2=folder / "echo2.wasm",
        signed=folder / "signed.wasm",
        provider=folder / "provider.par",
    )
    artifacts.echo.write_bytes(component())
    artifacts.echo2.write_bytes(component("acme:echo/echo@0.2.0"))
    artifacts.signed.write_bytes(sign_component(component(), name="Echo", revision=3, version="0.3.0"))
    artifacts.provider.write_bytes(provider_archive(name="Sleeper", revision=1, version="0.1.0"))
    return artifacts


def reference(path: Path) -> str:
    """The reference under which a host loads a file: ``file://`` and its absolute path."""
    return path.resolve().as_uri()


# Components -------------------------------------------------------------------------------------


def sign_component(
    wasm: bytes,
    *,
    name: str,
    revision: int,
    version: str,
    tags: tuple[str, ...] = ("demo", "echo"),
    call_alias: str = "acme/echo",
) -> bytes:
    """A component with claims, signed with new keys.

    Args:
        wasm: The component without claims.
        name: What it is called.
        revision: The number that orders its versions.
        version: Its version for people.
        tags: Words to find it by.
        call_alias: The name others may call it by.

    Returns:
        The same component with a custom section ``jwt``.
    """
    metadata = {
        "name": name,
        "hash": _digest(wasm),
        "tags": list(tags),
        "rev": revision,
        "ver": version,
        "prov": False,
        "call_alias": call_alias,
    }
    return wasm + section(0, sized(b"jwt") + claims_token(MODULE_PREFIX, metadata).encode())


# Providers --------------------------------------------------------------------------------------


def provider_archive(*, name: str, revision: int, version: str, program: bytes = PROVIDER_SCRIPT) -> bytes:
    """A provider archive for a machine like this one, signed with new keys.

    Args:
        name: What the provider is called.
        revision: The number that orders its versions.
        version: Its version for people.
        program: The executable file.

    Returns:
        The archive's bytes.
    """
    machine = {"arm64": "aarch64"}.get(platform.machine(), platform.machine())
    target = f"{machine}-{'macos' if sys.platform == 'darwin' else sys.platform}"
    metadata = {
        "name": name,
        "vendor": "acme",
        "rev": revision,
        "ver": version,
        "target_hashes": {target: _digest(program)},
    }
    members = {"claims.jwt": claims_token(SERVICE_PREFIX, metadata).encode(), f"{target}.bin": program}
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for member, content in members.items():
            entry = tarfile.TarInfo(member)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return archive.getvalue()


# Claims -----------------------------------------------------------------------------------------


def claims_token(subject_prefix: int, metadata: dict[str, Any]) -> str:
    """A token that a new account signs for a new subject.

    Args:
        subject_prefix: The kind of key the subject has.
        metadata: What it says about the component or the provider.

    Returns:
        The token: header, claims and signature, each in base64url without padding.
    """
    account = SigningKey.generate()
    subject = SigningKey.generate()
    claims = {
        "jti": uuid.uuid4().hex,
        "iat": int(time.time()),
        "iss": _public_key(nkeys.PREFIX_BYTE_ACCOUNT, account),
        "sub": _public_key(subject_prefix, subject),
        "wascap": metadata,
        "wascap_revision": 3,
    }
    header = {"typ": "jwt", "alg": "Ed25519"}
    signed = f"{_base64url(json.dumps(header).encode())}.{_base64url(json.dumps(claims).encode())}"
    return f"{signed}.{_base64url(account.sign(signed.encode()).signature)}"


def _public_key(prefix: int, key: SigningKey) -> str:
    # nkeys has this for the kinds of NATS itself only: prefix, key and checksum in base32.
    text = bytes((prefix,)) + bytes(key.verify_key)
    return base64.b32encode(text + nkeys.crc16_checksum(text)).decode().rstrip("=")


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest().upper()
