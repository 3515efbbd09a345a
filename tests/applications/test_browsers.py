"""The notebooks in JupyterLab and Notebook, in a browser, as people use them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest
from applications import needs
from counted import Counted
from notebooks import CHROMIUM, PATIENCE, Jupyter, chromium, folders, jupyter, low_contrasts, opened_file

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(300),
    needs("jupyterlab", "nbconvert", "notebook", "playwright"),
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.ipynb"))

# How many tables and pictures of the library they show.
TABLES = {"first_look": 4, "rollout": 4, "applications": 5}
PICTURES = {"first_look": 1, "rollout": 0, "applications": 1}

# The name of the client in the server's monitoring.
NAME = "in a notebook"

BAR = ".widget-hprogress"

# The type of a bar among the outputs of a cell.
WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture(scope="module", params=["lab", "notebook"])
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    """A server of JupyterLab, and then one of Notebook."""
    with jupyter(request.param, tmp_path_factory.mktemp(request.param)) as program:
        yield program


def write_notebook(folder: Path, practice: Counted, *cells: str) -> Path:
    """Write a notebook: a cell that connects, and these."""
    connecting = (
        "import wasmcloud_ctl\n"
        f"client = wasmcloud_ctl.connect({practice.lattice.url!r}, lattice='default', name={NAME!r})"
    )
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(cell) for cell in (connecting, *cells)]
    # Without it, the program asks which kernel is meant.
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path = folder / "cells.ipynb"
    nbformat.write(notebook, path)
    return path


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_run_all_cells(program: Jupyter, browser: Browser, path: Path) -> None:
    """All cells run, none has an error or writes to stderr, tables and the picture have a size, no bar stays, and
    all text can be read on the background of the light and of the dark theme."""
    with program.page(browser, path) as notebook:
        notebook.run_all()
        notebook.wait_until_run()

        assert notebook.errors.count() == 0
        tables = notebook.page.locator(".wasmcloud-ctl table")
        assert tables.count() == TABLES[path.stem]
        pictures = notebook.page.locator(".wasmcloud-ctl svg")
        assert pictures.count() == PICTURES[path.stem]
        for shown in (*tables.all(), *pictures.all()):
            box = shown.bounding_box()
            assert box is not None
            assert min(box["width"], box["height"]) > 50
        assert notebook.page.locator(BAR).locator("visible=true").count() == 0
        assert low_contrasts(notebook.page) == []
        notebook.make_dark()
        assert low_contrasts(notebook.page) == []


def outputs(path: Path) -> set[str]:
    """Return the types of all that the cells of a notebook show."""
    notebook = nbformat.read(path, as_version=4)
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return {kind for output in shown for kind in output.get("data", {})}


def test_export_to_html(browser: Browser, tmp_path: Path) -> None:
    """Light and dark pages that nbconvert makes have all tables and the picture, can be read, and show no bar."""

    def convert(*options: str) -> None:
        subprocess.run(
            [sys.executable, "-m", "jupyter", "nbconvert", *options, "--log-level=ERROR"],
            env={**os.environ, **folders(tmp_path)},
            cwd=tmp_path,
            check=True,
            timeout=PATIENCE,
        )

    convert("--execute", "--to=notebook", "--output-dir=.", *map(str, EXAMPLES))
    for path in EXAMPLES:
        assert WIDGET not in outputs(tmp_path / path.name)
    for theme in ("light", "dark"):
        convert("--to=html", f"--theme={theme}", *(path.name for path in EXAMPLES))
        for path in EXAMPLES:
            with opened_file(browser, tmp_path / f"{path.stem}.html") as page:
                assert page.locator(".wasmcloud-ctl table").count() == TABLES[path.stem]
                assert page.locator(".wasmcloud-ctl svg").count() == PICTURES[path.stem]
                assert low_contrasts(page) == []


def test_progress_appears_and_goes(
    program: Jupyter, browser: Browser, practice: Counted, tmp_path: Path
) -> None:
    """While a host does not answer, a bar tells how many have; when it answers, the bar goes."""
    stalled = practice.lattice.hosts[0]
    stalled.stall()
    path = write_notebook(tmp_path, practice, f"client.get_hosts(expected=2, timeout={PATIENCE})")
    with program.page(browser, path) as notebook:
        notebook.run_all()
        notebook.page.locator(BAR).wait_for()
        notebook.page.get_by_text("1 of 2 replies".replace(" ", "\u2007")).wait_for()
        stalled.resume()
        notebook.wait_until_run()
        notebook.page.locator(BAR).wait_for(state="hidden")

        assert notebook.page.locator(".wasmcloud-ctl tbody tr").count() == 2


def test_interrupt(program: Jupyter, browser: Browser, practice: Counted, tmp_path: Path) -> None:
    """The toolbar's button ends a call: it shows KeyboardInterrupt, its bar goes, and the client works on."""
    stalled, other = practice.lattice.hosts
    stalled.stall()
    waiting = f"client.get_hosts(expected=2, timeout={PATIENCE * 10})"
    path = write_notebook(tmp_path, practice, waiting, f"client.get_host_inventory({other.id!r})")
    with program.page(browser, path) as notebook:
        notebook.run_all()
        notebook.page.locator(BAR).wait_for()
        notebook.press("interrupt-kernel")
        notebook.errors.wait_for()
        notebook.wait_until_run(2)
        notebook.page.locator(BAR).wait_for(state="hidden")

        shown = notebook.errors.inner_text()
        assert shown.splitlines()[-1].startswith("KeyboardInterrupt")
        # IPython writes this where the variables of the interrupted call are gone.
        assert "failed resolving arguments" not in shown
        # The cells after the one with an error did not run.
        notebook.page.locator(".jp-CodeCell").last.click()
        notebook.press("run-cell-and-select-next")
        notebook.page.locator(".wasmcloud-ctl .badge.good").wait_for()
        assert practice.connections(NAME) == 1


def test_a_live_view_stays_in_its_place(
    program: Jupyter, browser: Browser, practice: Counted, tmp_path: Path
) -> None:
    """While show runs there is one table, which changes with the lattice and can be read. The toolbar's button ends
    show without an error."""
    path = write_notebook(tmp_path, practice, "client.watch().show()", "'after show'")
    [host, _] = practice.lattice.hosts
    with program.page(browser, path) as notebook, practice.lattice.connect() as other:
        notebook.run_all()
        table = notebook.page.locator(".wasmcloud-ctl table")
        for instances in (1, 2, 3):
            other.scale_component(host.id, "acme/web:1", "web", instances)
            table.get_by_text(f"web ×{instances} web:1").wait_for()
            assert table.count() == 1
        notebook.page.locator(".wasmcloud-ctl .badge.good").wait_for()
        assert low_contrasts(notebook.page) == []
        notebook.make_dark()
        assert low_contrasts(notebook.page) == []

        notebook.press("interrupt-kernel")
        notebook.wait_until_run()
        notebook.page.get_by_text("after show").last.wait_for()
        assert notebook.errors.count() == 0
        assert table.count() == 1


def test_a_kernel_that_ends_leaves_no_connection(
    program: Jupyter, browser: Browser, practice: Counted, tmp_path: Path
) -> None:
    """Neither a restart nor a shutdown does, nor does a notebook that is closed."""
    path = write_notebook(tmp_path, practice, "client.get_hosts(expected=2)")
    with program.page(browser, path) as notebook:
        notebook.run_all()
        notebook.wait_until_run()
        assert practice.connections(NAME) == 1

        notebook.choose("Kernel", "Restart Kernel…")
        notebook.accept()
        assert practice.settled(0, NAME, PATIENCE) == 0
        notebook.wait_until_ready()
        notebook.run_all()
        assert practice.settled(1, NAME, PATIENCE) == 1
        notebook.wait_until_run()

        notebook.choose("Kernel", "Shut Down Kernel")
        assert practice.settled(0, NAME, PATIENCE) == 0

    with program.page(browser, path) as notebook:
        notebook.run_all()
        notebook.wait_until_run()
        assert practice.connections(NAME) == 1

        notebook.choose("File", "Close and Shut Down Notebook…")
        notebook.accept()
        assert practice.settled(0, NAME, PATIENCE) == 0
