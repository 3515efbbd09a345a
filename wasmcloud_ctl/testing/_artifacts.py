"""References of components and providers: parse them, and load what they point to.

A reference names a file on this machine, or an image, which comes from the simulated registry.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import random
import re
import tarfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

from attrs import define, frozen

from wasmcloud_ctl.testing._claims import Claims, read_token
from wasmcloud_ctl.testing._failure import Failure
from wasmcloud_ctl.testing._identity import built_in_labels
from wasmcloud_ctl.testing._registry import PracticeRegistry

_WASM_MAGIC = b"\0asm"
_CUSTOM_SECTION = 0
_CLAIMS_SECTIONS = (b"jwt", b"wasmcloud_jwt")

# Characters that are not allowed in the domain of a URL. The host parses `x/y` as the URL `oci://x/y`.
_NOT_IN_A_DOMAIN = re.compile(r"[\s<>^|%\x00-\x1f\x7f]")

# The name of an image in lower case: registry, repository, tag, digest.
_IMAGE = re.compile(
    r"([a-z0-9]+([.-][a-z0-9-]+)*(:[0-9]+)?/)?"
    r"[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*(/[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*)*"
    r"(:[a-z0-9_][a-z0-9_.-]{0,127})?"
    r"(@[a-z][a-z0-9]*([-_+.][a-z][a-z0-9]*)*:[0-9a-f]{32,})?"
)

# Rust's texts for errors of the operating system.
_OS_ERROR_TEXTS = {FileNotFoundError: "No such file or directory", PermissionError: "Permission denied"}


@frozen
class FileReference:
    """A file on the disk of the host."""

    path: str


@frozen
class ImageReference:
    """An image in a registry."""

    name: str


@frozen
class BuiltinReference:
    """A provider that is part of the host."""

    name: str


Reference = FileReference | ImageReference | BuiltinReference


def parse_reference(text: str, *, builtins: bool = True) -> Reference:
    """Parse a reference by the host's rules.

    Args:
        text: The reference.
        builtins: Whether the host has builtin providers. Else their references are images.

    Raises:
        Failure: The text is not a reference.
    """
    scheme, separator, rest = text.partition("://")
    if separator and scheme == "file":
        url = urlsplit(text)
        if url.netloc not in ("", "localhost"):
            raise Failure(f"failed to convert `{text}` to a file path")
        return FileReference(unquote(url.path))
    if separator and scheme == "wasmcloud+builtin" and builtins:
        return BuiltinReference(rest)
    if separator and scheme in ("oci", "http", "https"):
        return ImageReference(rest)
    domain = text.split("/", 1)[0]
    # The host takes `registry:5000/x` for a URL with the scheme `registry`, and does not check its domain.
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", text) and _NOT_IN_A_DOMAIN.search(domain):
        raise Failure("failed to parse reference as OCI reference", "invalid domain character")
    return ImageReference(text)


@define
class Component:
    """What a practice host knows about the code of a component.

    Attributes:
        claims: The claims of a signed component, else None.
        bad_claims: Why the claims are not valid. None if they are valid, or if the component is not signed.
    """

    claims: Claims | None = None
    bad_claims: Failure | None = None


async def fetch_component(text: str, registry: PracticeRegistry, *, builtins: bool = True) -> Component:
    """Load a component from a file, or pull it from the registry.

    Args:
        text: The reference.
        registry: The registry that images are pulled from.
        builtins: Whether the host has builtin providers.

    Raises:
        Failure: The component cannot be loaded.
    """
    try:
        reference = parse_reference(text, builtins=builtins)
        if isinstance(reference, FileReference):
            return read_component(await _read_file(reference.path, "failed to read component"))
        if isinstance(reference, BuiltinReference):
            raise Failure("nothing to fetch for a builtin")
        try:
            _check_image(reference.name)
            return Component(claims=await registry.pull(text))
        except Failure as failure:
            raise Failure(
                f"failed to fetch component under OCI reference `{reference.name}`", failure
            ) from failure
    except Failure as failure:
        raise Failure("failed to fetch component", failure) from failure


async def fetch_provider(reference: Reference, text: str, registry: PracticeRegistry) -> Claims | None:
    """Load a provider from a file, or pull it from the registry.

    Args:
        reference: The parsed reference.
        text: The reference as written in the command.
        registry: The registry that images are pulled from.

    Returns:
        The claims of the provider's archive. None for an image that is not signed.

    Raises:
        Failure: The provider cannot be loaded.
    """
    try:
        if isinstance(reference, FileReference):
            return await _read_provider(reference.path)
        assert isinstance(reference, ImageReference)
        try:
            _check_image(reference.name)
            return await registry.pull(text)
        except Failure as failure:
            raise Failure(
                f"failed to fetch provider under OCI reference `{reference.name}`", failure
            ) from failure
    except Failure as failure:
        raise Failure("failed to fetch provider", failure) from failure


def _check_image(name: str) -> None:
    if name.lower().endswith(":latest"):
        raise Failure(
            "failed to fetch OCI path",
            "fetching images tagged 'latest' is currently prohibited in this host. This option can be "
            "overridden with WASMCLOUD_OCI_ALLOW_LATEST",
        )
    if not name:
        raise Failure("failed to fetch OCI path", "repository name must have at least one component")
    if not _IMAGE.fullmatch(name.lower()):
        raise Failure("failed to fetch OCI path", "invalid reference format")


async def _read_file(path: str, reason: str) -> bytes:
    # Read on a thread, so that a slow disk does not block the other hosts. The random delay makes the order of
    # concurrent reads unpredictable, as it is for pulls.
    await asyncio.sleep(random.uniform(0.0, 0.003))
    try:
        return await asyncio.to_thread(Path(path).read_bytes)
    except OSError as error:
        raise Failure(reason, _os_error_text(error)) from error


def _os_error_text(error: OSError) -> str:
    text = _OS_ERROR_TEXTS.get(type(error), error.strerror)
    return f"{text} (os error {error.errno})"


def read_component(code: bytes) -> Component:
    """Return the claims in a component, and whether they are valid.

    The code itself is not checked. Bytes that are not WebAssembly cannot be searched for claims, which counts as
    invalid claims.
    """
    try:
        sections = _wasm_sections(code)
    except ValueError as error:
        return Component(bad_claims=Failure("failed to extract module claims", f"I/O error: {error}"))
    for section in sections:
        if section.kind != _CUSTOM_SECTION:
            continue
        name, content = _custom_section(code, section)
        if name in _CLAIMS_SECTIONS:
            unsigned = code[: section.begin] + code[section.end :]
            try:
                return Component(claims=_verified_claims(code[content : section.end], unsigned))
            except Failure as failure:
                return Component(bad_claims=failure)
    return Component()


def _verified_claims(token: bytes, unsigned: bytes) -> Claims:
    """Return the claims in a token. Raise Failure unless they are valid and belong to this component."""
    try:
        signed = read_token(token.decode("utf-8", "replace"))
        if signed.hash is not None and signed.hash != hashlib.sha256(unsigned).hexdigest().upper():
            raise Failure("Invalid module hash")
    except Failure as failure:
        raise Failure("failed to extract module claims", failure) from failure
    signed.check_time()
    signed.check_signature()
    return signed.claims


@frozen
class _Section:
    """The offsets of one section of a WebAssembly file: its header, its content, and its end."""

    kind: int
    begin: int
    content: int
    end: int


def _wasm_sections(code: bytes) -> list[_Section]:
    if code[:4] != _WASM_MAGIC:
        expected, actual = (
            "".join(f"\n    {byte:#x}," for byte in magic) for magic in (_WASM_MAGIC, code[:4])
        )
        raise ValueError(
            f"magic header not detected: bad magic number - expected=[{expected}\n] actual=[{actual}\n] "
            "(at offset 0x0)"
        )
    sections: list[_Section] = []
    position = 8
    while position < len(code):
        size, content = _read_leb128(code, position + 1)
        if content + size > len(code):
            raise ValueError(f"unexpected end-of-file (at offset {len(code):#x})")
        sections.append(_Section(code[position], position, content, content + size))
        position = content + size
    return sections


def _custom_section(code: bytes, section: _Section) -> tuple[bytes, int]:
    """Return the name of a custom section, and the offset of the data after the name."""
    length, begin = _read_leb128(code, section.content)
    return code[begin : begin + length], min(begin + length, section.end)


def _read_leb128(code: bytes, position: int) -> tuple[int, int]:
    """Decode an unsigned LEB128 number. Return its value and the offset after it."""
    value = shift = 0
    while True:
        if position >= len(code) or shift > 28:
            raise ValueError(f"unexpected end-of-file (at offset {len(code):#x})")
        byte = code[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position


def native_target() -> str:
    """Return the name of this platform in a provider's archive, such as ``x86_64-linux``."""
    labels = built_in_labels()
    return f"{labels['hostcore.arch']}-{labels['hostcore.os']}"


async def _read_provider(path: str) -> Claims | None:
    target = native_target()
    where = f"failed to load target [{target}] from PAR from file [{path}]"
    try:
        return _read_archive(await _read_file(path, where), target)
    except Failure as failure:
        raise Failure(
            "failed to read provider", Failure("failed to load provider archive", failure)
        ) from failure


def _read_archive(archive: bytes, target: str) -> Claims:
    if len(archive) < 2:
        raise Failure("Not enough bytes to be a valid PAR file")
    token: str | None = None
    found: bytes | None = None
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:*") as files:
            for entry in files:
                stem = Path(entry.name).stem
                content = files.extractfile(entry)
                if content is None:
                    continue
                if stem == "claims":
                    token = content.read().decode("utf-8", "replace")
                elif stem == target:
                    found = content.read()
    except (tarfile.TarError, OSError, EOFError) as error:
        raise Failure("failed to read entire block") from error
    if token is None or found is None:
        raise Failure("Not enough files found in provider archive. Is this a complete archive?")
    signed = read_token(token)
    if signed.target_hashes.get(target) != hashlib.sha256(found).hexdigest().upper():
        raise Failure(f"File hash and verify hash do not match for '{target}'")
    return signed.claims
