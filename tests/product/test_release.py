"""What is published says of itself what is so."""

from __future__ import annotations

import configparser
import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import wasmcloud_ctl

ROOT = Path(__file__).parents[2]


def requirements(text: str) -> list[Requirement]:
    return [Requirement(line) for line in text.splitlines() if line and not line.startswith("#")]


def required() -> list[Requirement]:
    """All that setup.cfg names, for whatever extra."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    texts = [config["options"]["install_requires"], *config["options.extras_require"].values()]
    return [requirement for text in texts for requirement in requirements(text)]


def versions(requirement: Requirement) -> list[tuple[str, Version]]:
    return [(specifier.operator, Version(specifier.version)) for specifier in requirement.specifier]


def lowest(requirement: Requirement) -> tuple[str, Version]:
    [version] = [version for operator, version in versions(requirement) if operator in ("==", ">=")]
    return canonicalize_name(requirement.name), version


@pytest.mark.parametrize("requirement", required(), ids=str)
def test_each_requirement_has_a_floor_and_only_nats_has_a_ceiling(requirement: Requirement) -> None:
    """Each requirement names a lowest version. Only nats-py has an upper bound: its private names are used."""
    operators = sorted(operator for operator, _ in versions(requirement))

    assert operators == (["<", ">="] if requirement.name == "nats-py" else [">="])


def test_what_builds_the_package_has_a_floor_and_no_ceiling() -> None:
    """The first setuptools that writes the license as PEP 639 has it. tox and the docs name the same version."""
    built_by = '"setuptools >= 77.0.3"'
    assert f"requires = [{built_by}]\n" in (ROOT / "pyproject.toml").read_text(encoding="utf-8")

    tox = (ROOT / "tox.ini").read_text(encoding="utf-8")
    assert set(re.findall(r"^    (setuptools.*)$", tox, re.MULTILINE)) == {built_by.strip('"')}
    assert "setuptools 77.0.3 or newer" in (ROOT / "docs" / "installation.rst").read_text(encoding="utf-8")


def test_the_license_is_given_as_pep_639_has_it() -> None:
    """An expression and the file, and no classifier."""
    metadata = importlib.metadata.metadata("wasmcloud_ctl")

    assert Version(metadata["Metadata-Version"]) >= Version("2.4")
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata.get_all("License-File") == ["LICENSE"]
    assert [line for line in metadata.get_all("Classifier") or [] if line.startswith("License")] == []


def test_the_nats_that_is_tested_is_of_the_highest_minor_that_is_allowed() -> None:
    """nats-py's upper bound is the next minor version after the installed one, which is the tested one."""
    [requirement] = [requirement for requirement in required() if requirement.name == "nats-py"]
    bounds = dict(versions(requirement))
    installed = Version(importlib.metadata.version("nats-py"))

    # tox also runs the tests with the lowest version and with a pre-release.
    if installed != bounds[">="] and not installed.is_prerelease:
        assert bounds["<"].release == (installed.major, installed.minor + 1)


def test_the_floors_that_are_tested_are_those_that_are_asked_for() -> None:
    """Each requirement is in floors.txt with its lowest version, and nothing else is; see the tox env floors."""
    floors = requirements((ROOT / "tests" / "floors.txt").read_text(encoding="utf-8"))

    assert {operator for floor in floors for operator, _ in versions(floor)} == {"=="}
    assert sorted(map(lowest, floors)) == sorted(set(map(lowest, required())))


def test_the_version_is_the_installed_one() -> None:
    """The package's version, written once, is what was installed and what the changelog tells of first."""
    changelog = (ROOT / "CHANGELOG.rst").read_text(encoding="utf-8")
    newest = re.search(r"^(\d\S*) \((.+)\)$", changelog, re.MULTILINE)

    assert wasmcloud_ctl.__version__ == importlib.metadata.version("wasmcloud_ctl")
    assert newest is not None
    assert newest[1] == wasmcloud_ctl.__version__


def test_other_processes_have_the_same_package() -> None:
    """What tests start in processes of their own is the package that is tested here, not another one."""
    code = "import wasmcloud_ctl; print(wasmcloud_ctl.__file__)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert shown.stdout.strip() == wasmcloud_ctl.__file__


def test_the_rust_client_that_is_followed_is_the_one_that_is_tried() -> None:
    """The version of the Rust client that the README names is that of the real hosts of the contract."""
    lock = (ROOT / "tests" / "realhost" / "versions" / "1.9.2" / "Cargo.lock").read_text(encoding="utf-8")
    locked = re.search(r'name = "wasmcloud-control-interface"\nversion = "(.+)"', lock)

    assert locked is not None
    assert f"wasmcloud-control-interface/{locked[1]}>" in (ROOT / "README.rst").read_text(encoding="utf-8")
