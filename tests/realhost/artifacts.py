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

    :param folder: where they go; it must exist. The names are ``echo.wasm``, ``echo2.wasm``, ``signed.wasm``
        and ``provider.par``.
    :returns: their absolute paths.
    :raises OSError: the folder cannot be written to.
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


# --- components -------------------------------------------------------------------------------------------


def component(interface: str = "acme:echo/echo@0.1.0") -> bytes:
    """A component that exports one interface with one function, ``run``, which does nothing.

    It must export a function: one that exports nothing sends host 1.9.2 into a busy loop. In the text form::

        (component
          (core module (func (export "run")))
          (core instance (instantiate 0))
          (func (canon lift (core func 0 "run")))
          (instance (export "run" (func 0)))
          (export "acme:echo/echo@0.1.0" (instance 0)))

    :param interface: the name of the interface. Another name makes other bytes.
    :returns: the binary form.
    """
    empty = _vector()
    core_module = b"".join(
        (
            b"\0asm" + bytes((1, 0, 0, 0)),  # magic, version 1 of core modules
            _section(1, _vector(b"\x60" + empty + empty)),  # types: a function, nothing in, nothing out
            _section(3, _vector(b"\x00")),  # functions: one of type 0
            _section(7, _vector(_name("run") + b"\x00\x00")),  # exports: function 0 as "run"
            _section(10, _vector(_sized(empty + b"\x0b"))),  # code: no locals, end
        )
    )
    exports = _vector(b"\x00" + _name("run") + b"\x01\x00")  # function 0 as "run"
    return b"".join(
        (
            b"\0asm" + bytes((13, 0, 1, 0)),  # magic, version 13 of components
            _section(1, core_module),
            _section(2, _vector(b"\x00\x00" + empty)),  # core instances: of module 0, no arguments
            _section(7, _vector(b"\x40" + empty + b"\x01\x00")),  # types: a function, nothing in, nothing out
            _section(6, _vector(b"\x00\x00\x01\x00" + _name("run"))),  # aliases: core function "run"
            _section(8, _vector(b"\x00\x00\x00" + empty + b"\x00")),  # canon: lift it as type 0
            _section(5, _vector(b"\x01" + exports)),  # instances: one of exports
            _section(11, _vector(b"\x00" + _name(interface) + b"\x05\x00\x00")),  # exports: instance 0
        )
    )


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

    :param wasm: the component without claims.
    :param name: what it is called.
    :param revision: the number that orders its versions.
    :param version: its version for people.
    :param tags: words to find it by.
    :param call_alias: the name others may call it by.
    :returns: the same component with a custom section ``jwt``.
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
    return wasm + _section(0, _name("jwt") + claims_token(MODULE_PREFIX, metadata).encode())


# --- providers --------------------------------------------------------------------------------------------


def provider_archive(*, name: str, revision: int, version: str, program: bytes = PROVIDER_SCRIPT) -> bytes:
    """A provider archive for a machine like this one, signed with new keys.

    :param name: what the provider is called.
    :param revision: the number that orders its versions.
    :param version: its version for people.
    :param program: the executable file.
    :returns: the archive's bytes.
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


# --- claims -----------------------------------------------------------------------------------------------


def claims_token(subject_prefix: int, metadata: dict[str, Any]) -> str:
    """A token that a new account signs for a new subject.

    :param subject_prefix: the kind of key the subject has.
    :param metadata: what it says about the component or the provider.
    :returns: the token: header, claims and signature, each in base64url without padding.
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


# --- the binary form of WebAssembly -----------------------------------------------------------------------


def _unsigned(number: int) -> bytes:
    # LEB128: seven bits a byte, the lowest first, the high bit set on all but the last.
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _sized(content: bytes) -> bytes:
    return _unsigned(len(content)) + content


def _name(text: str) -> bytes:
    return _sized(text.encode())


def _vector(*items: bytes) -> bytes:
    return _unsigned(len(items)) + b"".join(items)


def _section(number: int, content: bytes) -> bytes:
    return bytes((number,)) + _sized(content)
