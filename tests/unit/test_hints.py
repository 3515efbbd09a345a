"""The type hints of everything public can be resolved at run time, as documentation and dispatch tools do it."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterator
from typing import Any

import attrs
import pytest

import wasmcloud_ctl
import wasmcloud_ctl.graph
import wasmcloud_ctl.testing
from wasmcloud_ctl._options.options import Options


def public() -> Iterator[tuple[str, Any]]:
    """Each public class and function, and the functions and properties of each class, with their names."""
    for module in (wasmcloud_ctl, wasmcloud_ctl.graph, wasmcloud_ctl.testing):
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isfunction(value):
                yield f"{module.__name__}.{name}", value
            if not inspect.isclass(value):
                continue
            yield f"{module.__name__}.{name}", value
            for member_name in dir(value):
                if member_name.startswith("_") and not member_name.startswith("__"):
                    continue
                member = inspect.getattr_static(value, member_name)
                if isinstance(member, (staticmethod, classmethod)):
                    member = member.__func__
                if isinstance(member, property):
                    member = member.fget
                if inspect.isfunction(member) and member.__module__.startswith("wasmcloud_ctl"):
                    yield f"{module.__name__}.{name}.{member_name}", member


PUBLIC = dict(public())


def test_the_walk_finds_functions_methods_and_properties() -> None:
    """It is no empty walk."""
    names = {
        "connect",
        "from_env",
        "Client",
        "Client.run",
        "Client.lattice",
        "Host.to_dict",
        "graph.LatticeGraph",
    }
    assert {f"wasmcloud_ctl.{name}" for name in names} <= set(PUBLIC)
    assert "wasmcloud_ctl.testing.PracticeLattice.connect" in PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_all_hints_resolve(name: str) -> None:
    """``typing.get_type_hints``, ``inspect.get_annotations`` (from Python 3.14 on, annotationlib's) and
    ``inspect.signature`` find every name in the annotations."""
    value = PUBLIC[name]
    inspect.get_annotations(value, eval_str=True)
    typing.get_type_hints(value, include_extras=True)
    if inspect.isfunction(value):
        inspect.signature(value, eval_str=True)


def test_from_env_has_the_signature_of_connect() -> None:
    """``from_env`` passes its options on to ``connect``, and each option of ``connect`` is a field of its options."""
    options = set(inspect.signature(wasmcloud_ctl.connect).parameters) - {"context"}

    assert options == {field.name for field in attrs.fields(Options)}
    from_env, connect = (
        inspect.signature(function, eval_str=True)
        for function in (wasmcloud_ctl.from_env, wasmcloud_ctl.connect)
    )
    assert from_env == connect
