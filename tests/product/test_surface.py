"""The public surface: names, signatures, attributes and bases change only on purpose."""

from __future__ import annotations

import difflib
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PROGRAM = HERE / "surface.py"
SNAPSHOT = (HERE / "surface.txt").read_text(encoding="utf-8")
REFERENCE = HERE.parent.parent / "docs" / "reference"


def surface(change: str = "") -> str:
    """The surface as the program lists it, in a process that has made a change to the package before."""
    code = f"{change}\nimport runpy; runpy.run_path({str(PROGRAM)!r}, run_name='__main__')"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def difference(before: str, after: str) -> list[str]:
    """The lines that differ, each with its sign."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def test_the_surface_is_the_recorded_one() -> None:
    """A change to the public surface is recorded on purpose: ``python tests/product/surface.py --update``."""
    assert difference(SNAPSHOT, surface()) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("del w.Client.get_claims", ["-    method get_claims"]),
        (
            "w.Client.close = lambda self, timeout=None: None",
            ["-        returns None", "+        argument timeout = None"],
        ),
        ("w.Client.extra = lambda self: None", ["+    method extra"]),
        ("w.connect.__kwdefaults__['check'] = True", ["+    keyword check: bool = True"]),
        ("w.connect.__annotations__['check'] = 'int'", ["+    keyword check: int = False"]),
        ("w.NotFound.__bases__ = (w.CtlError,)", ["-    is a LookupError"]),
        ("w.__all__.remove('Link')", ["-class wasmcloud_ctl.Link"]),
        (
            "del w.models.StopHostCommand",
            ["-wasmcloud_ctl.models.StopHostCommand is wasmcloud_ctl.StopHostCommand"],
        ),
    ],
)
def test_a_change_to_the_surface_is_found(change: str, expected: list[str]) -> None:
    """A name, method, argument, default, type or base that is new, gone or different shows in the listing."""
    found = difference(SNAPSHOT, surface(f"import wasmcloud_ctl as w; {change}"))

    assert set(expected) <= set(found)


def test_what_the_reference_documents_is_listed() -> None:
    """Each class and function with an autodoc directive in the reference is in the listing."""
    documented: set[str] = set()
    for page in REFERENCE.glob("*.rst"):
        module = "wasmcloud_ctl"
        for directive, argument in re.findall(
            r"^\.\. (\w+):: ([\w.]+)", page.read_text(encoding="utf-8"), re.MULTILINE
        ):
            if directive in ("currentmodule", "automodule"):
                module = argument
            elif directive.startswith("auto"):
                documented.add(argument if argument.startswith("wasmcloud_ctl.") else f"{module}.{argument}")

    listed = set(
        re.findall(r"^(?:(?:class|function|constant|pytest fixture) )?([\w.]+)", SNAPSHOT, re.MULTILINE)
    )
    assert documented
    assert documented - listed == set()
