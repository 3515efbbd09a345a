"""JupyterLab and Notebook as people use them: a server of its own, and its pages in Chromium."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import attrs
import nbformat
from applications import killed_at_end, opened_url, stop

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

# A kernel starts in two seconds, and in many more on a busy machine. Playwright counts in milliseconds.
PATIENCE = 120.0
MILLISECONDS = PATIENCE * 1000

TOKEN = "practice"

# Nothing is fetched from elsewhere, and the theme is the one that the page asks for, light or dark.
SETTINGS: Mapping[str, Mapping[str, object]] = {
    "notification": {"fetchNews": "false", "checkForUpdates": False},
    "themes": {"adaptive-theme": True},
}

# A cell that has run has a number. One that runs, or that waits for another, has a star.
RAN = """count => {
    const prompts = [...document.querySelectorAll(".jp-CodeCell .jp-InputPrompt")];
    return prompts.filter(prompt => /^\\[\\d+\\]:$/.test(prompt.textContent)).length === count;
}"""

# The contrast of text as WCAG defines it. What is translucent is mixed with what is behind it.
LOW_CONTRASTS = """() => {
    const parse = color => {
        const [red, green, blue, alpha = 1] = color.match(/[\\d.]+/g).map(Number);
        return {rgb: [red, green, blue], alpha};
    };
    const mix = (top, alpha, below) => top.map((value, i) => value * alpha + below[i] * (1 - alpha));
    const background = element => {
        if (!element) return [255, 255, 255];
        const style = getComputedStyle(element), behind = background(element.parentElement);
        const {rgb, alpha} = parse(style.backgroundColor);
        return mix(rgb, alpha * style.opacity, behind);
    };
    const luminance = rgb => {
        const [red, green, blue] = rgb.map(value => value / 255)
            .map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const low = [];
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const text = texts.currentNode, element = text.parentElement;
        if (!text.data.trim() || !element.closest(".wasmcloud-ctl") || element.closest("style, svg")) continue;
        let opacity = 1;
        for (let above = element; above; above = above.parentElement) opacity *= getComputedStyle(above).opacity;
        const behind = background(element), {rgb, alpha} = parse(getComputedStyle(element).color);
        const [dark, light] = [mix(rgb, alpha * opacity, behind), behind].map(luminance).sort((a, b) => a - b);
        const contrast = (light + 0.05) / (dark + 0.05);
        if (contrast < 4.5) low.push(`${text.data}: ${contrast.toFixed(1)}`);
    }
    return low;
}"""


@contextmanager
def chromium(folder: Path) -> Iterator[Browser]:
    """Chromium without a window. What it writes is in this folder."""
    from playwright.sync_api import sync_playwright  # only tox's environment "applications" has it

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--disable-gpu", "--disable-quic", "--disable-component-update", "--disable-sync"],
            env={**os.environ, "HOME": str(folder)},
            timeout=MILLISECONDS,
        )
        yield browser
        browser.close()


@contextmanager
def opened_file(browser: Browser, path: Path) -> Iterator[Page]:
    """Open a page that is a file. What it asks for from elsewhere is refused."""
    page = browser.new_page()
    page.set_default_timeout(MILLISECONDS)
    page.route(lambda address: not address.startswith("file:"), lambda route: route.abort())
    page.goto(path.as_uri())
    yield page
    page.close()


def low_contrasts(page: Page) -> list[str]:
    """Texts of the library's outputs whose contrast is below 4.5, each with its contrast. Pictures are left out."""
    found: list[str] = page.evaluate(LOW_CONTRASTS)
    return found


def folders(folder: Path) -> dict[str, str]:
    """The environment in which Jupyter and its kernels write only here."""
    return {
        "HOME": str(folder),
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
    }


@attrs.frozen
class Jupyter:
    """A running server of JupyterLab or Notebook."""

    program: Literal["lab", "notebook"]
    address: str
    folder: Path  # its notebooks are here

    @contextmanager
    def page(self, browser: Browser, path: Path) -> Iterator[NotebookPage]:
        """Open a copy of a notebook, and wait until its kernel is ready."""
        notebook = nbformat.read(path, as_version=4)
        # With a name of another page's notebook, Jupyter would use the kernel of that one if it still runs.
        name = f"{path.stem}-{uuid.uuid4().hex}.ipynb"
        shutil.copy(path, self.folder / name)
        kind = "lab/tree" if self.program == "lab" else "notebooks"
        # The programs draw the cells that are in the window. In one that is high enough, these are all.
        page = browser.new_page(viewport={"width": 1200, "height": 6000}, color_scheme="light")
        page.set_default_timeout(MILLISECONDS)
        try:
            # "reset" forgets the notebooks that the last page had open.
            # Before a page has a connection to its kernel, it says that the kernel is idle.
            with page.expect_websocket(lambda socket: "/channels" in socket.url):
                page.goto(f"{self.address}{kind}/{name}?token={TOKEN}&reset")
            code_cells = sum(cell.cell_type == "code" for cell in notebook.cells)
            opened = NotebookPage(page, code_cells)
            opened.wait_until_ready()
            yield opened
        finally:
            page.close()
            self._end_session(name)

    def _end_session(self, notebook: str) -> None:
        """End the kernel of a notebook, if it still has one."""
        for session in json.loads(self._request("GET", "api/sessions")):
            if session["path"] == notebook:
                self._request("DELETE", f"api/sessions/{session['id']}")

    def _request(self, method: str, path: str) -> bytes:
        """Call the server's own API, and return the body of its response."""
        request = urllib.request.Request(
            self.address + path, method=method, headers={"Authorization": f"token {TOKEN}"}
        )
        with opened_url(request, PATIENCE) as response:
            return response.read()


@attrs.frozen
class NotebookPage:
    """A notebook in a browser."""

    page: Page
    code_cells: int

    def wait_until_ready(self) -> None:
        """Wait until the kernel is idle."""
        self.page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').wait_for()

    def make_dark(self) -> None:
        """Have the page ask for the dark theme, and wait until it has it."""
        self.page.emulate_media(color_scheme="dark")
        self.page.locator('body[data-jp-theme-light="false"]').wait_for(state="attached")

    def choose(self, menu: str, command: str) -> None:
        self.page.get_by_role("menuitem", name=menu, exact=True).click()
        # The name of a command's menu item includes its shortcut.
        self.page.locator(".lm-Menu-itemLabel").get_by_text(command, exact=True).click()

    def press(self, command: str) -> None:
        """Press the button of the toolbar that has this command."""
        self.page.locator(f'.jp-NotebookPanel-toolbar [data-command="notebook:{command}"]').click()

    def accept(self) -> None:
        """Press the button of a dialog that goes on."""
        self.page.locator(".jp-Dialog .jp-mod-accept").click()

    def run_all(self) -> None:
        """Choose "Run All Cells", and return at once."""
        self.choose("Run", "Run All Cells")

    def wait_until_run(self, count: int | None = None) -> None:
        """Wait until so many cells have run, by default all."""
        self.page.wait_for_function(RAN, arg=self.code_cells if count is None else count)

    @property
    def errors(self) -> Locator:
        """The tracebacks of cells, and what they wrote to stderr. Both have this type in a page."""
        return self.page.locator('.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stderr"]')


@contextmanager
def jupyter(program: Literal["lab", "notebook"], folder: Path) -> Iterator[Jupyter]:
    """Start a server on a free port. What it and its kernels write is in this folder."""
    settings = folder / "config" / "lab" / "user-settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    for name, values in SETTINGS.items():
        (settings / f"{name}.jupyterlab-settings").write_text(json.dumps(values))
    notebooks, log = folder / "notebooks", folder / "server.log"
    notebooks.mkdir()
    options = [
        "--no-browser",
        "--allow-root",
        "--ip=127.0.0.1",
        "--port=0",
        f"--IdentityProvider.token={TOKEN}",
    ]
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyter", program, *options],
            stdout=errors,
            stderr=errors,
            text=True,
            cwd=notebooks,
            env={**os.environ, **folders(folder)},
            start_new_session=True,
        )
    with killed_at_end(process):
        yield Jupyter(program, _address(process, log), notebooks)
        stop(process, PATIENCE)


def _address(process: subprocess.Popen[str], log: Path) -> str:
    """Wait until the server has written its address into its log."""
    end = time.monotonic() + PATIENCE
    while not (found := re.search(r"http://127\.0\.0\.1:\d+/", log.read_text())):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.05)  # a file does not tell when it is written to
    return found[0]
