"""Generate the files that hosts load in the tests: components with and without claims, and a provider.

The formats are published: the binary format of the WebAssembly component model, the tokens that sign components and
providers in wasmCloud, and the provider archive ("PAR", a tar file).
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

#: A provider that does nothing. A host that stops kills its providers, but a host that is killed leaves them behind,
#: so this one polls whether its host is alive. It closes the host's output, which a test may read until its end.
PROVIDER_SCRIPT = b"""\
#!/bin/sh
exec >/dev/null 2>&1
while kill -0 "$PPID"; do sleep 1; done
"""

#: The type byte of a key in the nkeys encoding. It determines the first letter of the encoded key.
MODULE_PREFIX = 12 << 3
SERVICE_PREFIX = 21 << 3


@dataclass(frozen=True)
class Artifacts:
    """The paths of the files."""

    #: A component without claims.
    echo: Path
    #: Another component without claims, for updates.
    echo2: Path
    #: A component with claims.
    signed: Path
    #: A provider archive.
    provider: Path


def write_artifacts(folder: Path) -> Artifacts:
    """Write all files.

    Args:
        folder: The folder, which must exist. The files are ``echo.wasm``, ``echo2.wasm``, ``signed.wasm`` and
            ``provider.par``.

    Returns:
        The absolute paths of the files.

    Raises:
        OSError: The folder is not writable.
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
    """Return the reference of a file: ``file://`` and its absolute path."""
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
    """Add claims to a component, signed with new keys.

    Args:
        wasm: The component without claims.
        name: The name.
        revision: The revision number.
        version: The human-readable version.
        tags: The tags.
        call_alias: The alias.

    Returns:
        The component with a custom section ``jwt``.
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
    """Return a provider archive for this platform, signed with new keys.

    Args:
        name: The name of the provider.
        revision: The revision number.
        version: The human-readable version.
        program: The executable.

    Returns:
        The bytes of the archive.
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
    """Return a token about a new subject, signed by a new account.

    Args:
        subject_prefix: The type byte of the subject's key.
        metadata: The claims about the component or provider.

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
    # The nkeys library only encodes the key types of NATS itself: prefix, key and checksum in base32.
    text = bytes((prefix,)) + bytes(key.verify_key)
    return base64.b32encode(text + nkeys.crc16_checksum(text)).decode().rstrip("=")


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest().upper()
