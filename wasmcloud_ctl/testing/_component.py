"""Generate the smallest component that a host can load, for tests and examples that have no registry."""

from __future__ import annotations

from pathlib import Path


def write_component(path: Path, interface: str = "acme:echo/echo@0.1.0") -> str:
    """Write a component to a file.

    Args:
        path: The path of the file. Its folder must exist.
        interface: The interface that the component exports. Different interfaces make different files.

    Returns:
        The reference for hosts on this machine, such as ``file:///tmp/echo.wasm``.

    Raises:
        OSError: The file cannot be written.
    """
    path = path.resolve()
    path.write_bytes(component(interface))
    return path.as_uri()


def component(interface: str = "acme:echo/echo@0.1.0") -> bytes:
    """Return a component that exports one interface with one function, ``run``, which does nothing.

    The function is needed: a component without exports sends host 1.9.2 into a busy loop. In the text format::

        (component
          (core module (func (export "run")))
          (core instance (instantiate 0))
          (func (canon lift (core func 0 "run")))
          (instance (export "run" (func 0)))
          (export "acme:echo/echo@0.1.0" (instance 0)))

    Args:
        interface: The name of the interface. Different names make different bytes.

    Returns:
        The component in the binary format of the component model.
    """
    core_module = b"".join(
        (
            b"\0asm" + bytes((1, 0, 0, 0)),  # magic, core version 1
            section(
                1, _vector(b"\x60" + _vector() + _vector())
            ),  # types: a function without parameters and results
            section(3, _vector(b"\x00")),  # functions: one of type 0
            section(7, _vector(sized(b"run") + b"\x00\x00")),  # exports: function 0 as "run"
            section(10, _vector(sized(_vector() + b"\x0b"))),  # code: no locals, end
        )
    )
    instance = b"\x01" + _vector(b"\x00" + sized(b"run") + b"\x01\x00")
    exported = b"\x00" + sized(interface.encode()) + b"\x05\x00\x00"
    return b"".join(
        (
            b"\0asm" + bytes((13, 0, 1, 0)),  # magic, version 13 of the component layer
            section(1, core_module),
            section(2, _vector(b"\x00\x00" + _vector())),  # core instances: module 0, no arguments
            section(7, _vector(b"\x40" + _vector() + b"\x01\x00")),  # types: a function without a result
            section(6, _vector(b"\x00\x00\x01\x00" + sized(b"run"))),  # aliases: "run" of core instance 0
            section(
                8, _vector(b"\x00\x00\x00" + _vector() + b"\x00")
            ),  # canon lift: that function, as type 0
            section(5, _vector(instance)),  # instances: the lifted function as "run"
            section(11, _vector(exported)),  # exports: the instance as the interface
        )
    )


def section(number: int, content: bytes) -> bytes:
    """Encode a section: its number, its size, and its content."""
    return bytes((number,)) + sized(content)


def sized(content: bytes) -> bytes:
    """Prefix bytes with their length."""
    return _unsigned(len(content)) + content


def _vector(*items: bytes) -> bytes:
    return _unsigned(len(items)) + b"".join(items)


def _unsigned(number: int) -> bytes:
    # LEB128: seven bits in each byte, the lowest first; the high bit is set in all bytes but the last.
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
