"""Programs that were there before this library: whether they are installed, and how their operator ends them."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
from pathlib import Path

import pytest
from pages import steps
from scripts import WARNINGS, Ended

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "applications.rst"


def needs(*modules: str) -> pytest.MarkDecorator:
    """Skip where a module of tox's environment ``applications`` is not installed."""
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    return pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}: tox run -e applications")


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(folder), "PYTHONWARNINGS": WARNINGS, "PYTHONUNBUFFERED": "1"}


def stop(process: subprocess.Popen[str], seconds: float = 20.0) -> Ended:
    """End it as its operator would, by SIGTERM."""
    process.send_signal(signal.SIGTERM)
    try:
        output, errors = process.communicate(timeout=seconds)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    return Ended(process.returncode, output, errors)


def documented(caption: str) -> str:
    """Return the file of this name as the page on applications shows it."""
    [block] = [step.text for step in steps(PAGE.read_text(encoding="utf-8")) if step.caption == caption]
    return block
