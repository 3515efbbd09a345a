"""The notebooks among the examples, each executed from its first cell to its last in a kernel of its own."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

# Three kernels start, which is slow on a busy machine.
pytestmark = pytest.mark.timeout(120)

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))


def read(path: Path) -> nbformat.NotebookNode:
    notebook: nbformat.NotebookNode = nbformat.read(path, as_version=4)
    return notebook


class Executed:
    """A notebook that was executed."""

    def __init__(self, notebook: nbformat.NotebookNode) -> None:
        self._notebook = notebook

    def outputs(self, source: str) -> list[Any]:
        """The outputs of the one cell that has this line."""
        [cell] = [
            cell
            for cell in self._notebook.cells
            if cell.cell_type == "code" and source in cell.source.splitlines()
        ]
        outputs: list[Any] = cell.outputs
        return outputs

    def all_html(self, source: str) -> list[str]:
        """The table of each cell that has this line. Before it comes the output of a bar, if the wait was long."""
        return [
            str(cell.outputs[-1]["data"]["text/html"])
            for cell in self._notebook.cells
            if source in cell.source.splitlines()
        ]

    def html(self, source: str) -> str:
        return str(self.outputs(source)[-1]["data"]["text/html"])

    def text(self, source: str) -> str:
        """What a cell printed, or the plain form of its value."""
        [output] = self.outputs(source)
        return str(output["text"] if output.output_type == "stream" else output["data"]["text/plain"])

    def widgets(self, model: str) -> list[dict[str, Any]]:
        """The last state of each widget of a model."""
        kept = self._notebook.metadata["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
        return [widget["state"] for widget in kept.values() if widget["model_name"] == model]

    def all_outputs(self) -> list[Any]:
        return [output for cell in self._notebook.cells for output in cell.get("outputs", [])]


@pytest.fixture(scope="module")
def executed() -> dict[str, Executed]:
    """All notebooks by name, executed side by side, for they mostly wait."""
    notebooks = {path.stem: read(path) for path in NOTEBOOKS}

    async def execute_all() -> None:
        clients = [
            # Kernels have warnings of their own, about how they are reached.
            NotebookClient(notebook, timeout=60, kernel_name="python3", extra_arguments=["--log-level=ERROR"])
            for notebook in notebooks.values()
        ]
        await asyncio.gather(*(client.async_execute() for client in clients))

    asyncio.run(execute_all())
    return {name: Executed(notebook) for name, notebook in notebooks.items()}


@pytest.fixture
def first_look(executed: dict[str, Executed]) -> Executed:
    return executed["first_look"]


@pytest.fixture
def rollout(executed: dict[str, Executed]) -> Executed:
    return executed["rollout"]


@pytest.fixture
def applications(executed: dict[str, Executed]) -> Executed:
    return executed["applications"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.name for path in NOTEBOOKS])
def test_a_notebook_is_kept_without_outputs(path: Path) -> None:
    """What is committed can not go stale, and a change shows what was changed."""
    notebook = read(path)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]

    assert [cell.outputs for cell in code] == [[]] * len(code)
    assert {cell.execution_count for cell in code} == {None}


# A first look -----------------------------------------------------------------------------------


def test_first_look_writes_nothing_to_stderr(first_look: Executed) -> None:
    """Neither an error nor a warning is in its outputs, of no library."""
    kinds = {(output.output_type, output.get("name")) for output in first_look.all_outputs()}

    assert kinds == {("execute_result", None), ("stream", "stdout")}


def test_first_look_shows_hosts_as_a_table(first_look: Executed) -> None:
    """A row for each of three hosts, with their labels."""
    html = first_look.html("hosts = client.get_hosts(expected=3).raise_for_status()")

    assert html.count("<tr>") == 1 + 3
    assert (html.count("zone=eu-1"), html.count("zone=eu-2")) == (2, 1)


def test_first_look_shows_what_runs(first_look: Executed) -> None:
    """The inventories name what was started."""
    html = first_look.html("client.get_host_inventories()")

    assert (html.count("web ×10"), html.count("cart ×5"), html.count("http-server")) == (2, 1, 3)


def test_first_look_draws_the_lattice(first_look: Executed) -> None:
    """The picture has three hosts and what runs on them, and what runs nowhere; the text says the same."""
    html, text = first_look.html("graph"), first_look.text("print(graph)")

    assert html.count('class="host"') == 3
    assert (html.count('class="component"'), html.count('class="provider"')) == (3, 2)
    assert html.count(">runs nowhere<") == 1
    assert text.startswith("lattice default: 3 hosts, 2 components, 2 providers, 4 links\n")
    assert "cache RUNS NOWHERE" in text


def test_first_look_makes_data_frames(first_look: Executed) -> None:
    """The last one counts instances by zone."""
    lines = first_look.text('components = runs[runs["kind"] == "component"]').splitlines()

    assert [line.split() for line in lines] == [["id", "cart", "web"], ["zone"], ["eu-1", "5", "20"]]


def test_first_look_shows_a_refusal(first_look: Executed) -> None:
    """In words and in red."""
    html = first_look.html('client.put_label(first.id, "hostcore.os", "plan9")')

    assert '<span class="badge bad">refused</span>' in html


# A rollout --------------------------------------------------------------------------------------


def test_rollout_has_no_errors(rollout: Executed) -> None:
    """Its outputs are values, prints and bars of progress; nothing is on stderr."""
    kinds = {(output.output_type, output.get("name")) for output in rollout.all_outputs()}

    assert kinds == {("execute_result", None), ("stream", "stdout"), ("display_data", None)}


def test_rollout_shows_progress_by_itself(rollout: Executed) -> None:
    """In a notebook long waits have a bar without being told to: one for each of three starts that take long."""
    texts = [html["value"].replace("\u2007", " ") for html in rollout.widgets("HTMLModel")]
    start = r"the scale of web to 10 on host N\w{7}…: \d+ of 30 s, "

    assert len([text for text in texts if re.match(start, text)]) == 3


def test_rollout_takes_its_progress_away(rollout: Executed) -> None:
    """All four bars are hidden at the end, that of the update that fails too, and none has turned red."""
    hidden = [layout for layout in rollout.widgets("LayoutModel") if layout["visibility"] == "hidden"]

    assert len(hidden) == 4
    # A program that shows the saved notebook shows no bar, either.
    *bars, table = rollout.outputs("lattice.registry.delay(OLD, 0.8)  # seconds")
    assert [bar["data"] for bar in bars] == [{"text/html": ""}] * 3
    assert table["data"]["text/html"].count("web ×10") == 3
    assert [bar["bar_style"] for bar in rollout.widgets("FloatProgressModel")] == [""] * 4


def test_rollout_hears_each_start_twice(rollout: Executed) -> None:
    """Six events, each on a line of its own."""
    lines = rollout.text("history = read_events()").splitlines()

    assert len(lines) == 6
    assert all("<Event component_scaled " in line for line in lines)


def test_rollout_updates_host_by_host(rollout: Executed) -> None:
    """Three hosts run the new version."""
    text = rollout.text("roll_out(NEW)")

    assert (
        len(
            re.findall(r"^[a-z]+-[a-z]+-\d+ now runs registry\.example/shop/web:1\.5\.0$", text, re.MULTILINE)
        )
        == 3
    )


def test_rollout_stops_where_an_update_fails(rollout: Executed) -> None:
    """No host is reported as updated, and the error says what still runs, though the host had answered success."""
    output = rollout.outputs("    roll_out(BROKEN)")[-1]["text"]

    assert "now runs" not in output
    assert "still runs registry.example/shop/web:1.5.0 as web" in output
    assert "the host had answered: succeeded: " in output


def test_rollout_shows_a_failure_and_its_reason(rollout: Executed) -> None:
    """The event of a failed start is red and has the host's words."""
    html = rollout.html("failure.event")

    assert '<span class="badge bad">component_scale_failed</span>' in html
    assert "manifest unknown" in html


def test_rollout_counts_what_was_told(rollout: Executed) -> None:
    """Six events of each version that ran, and one failure."""
    source = 'frame.groupby(["name", "image_ref"]).size().rename("events").reset_index()'
    _, *rows = [line.split()[1:] for line in rollout.text(source).splitlines()]

    assert rows == [
        ["component_scale_failed", "registry.example/shop/web:1.6.0", "1"],
        ["component_scaled", "registry.example/shop/web:1.4.0", "6"],
        ["component_scaled", "registry.example/shop/web:1.5.0", "6"],
    ]


# Applications -----------------------------------------------------------------------------------


def test_applications_has_no_errors(applications: Executed) -> None:
    """Its outputs are values, prints and bars of progress; nothing is on stderr."""
    kinds = {(output.output_type, output.get("name")) for output in applications.all_outputs()}

    assert kinds == {("execute_result", None), ("stream", "stdout"), ("display_data", None)}


def test_applications_shows_a_status(applications: Executed) -> None:
    """A row for each scaler, first without a failure, then with one that is red."""
    deployed, failed = applications.all_html('wadm.get_manifest_status("shop")')

    assert [html.count("<tr>") for html in (deployed, failed)] == [1 + 3, 1 + 3]
    assert "badge bad" not in deployed
    assert '<span class="badge bad">failed</span>' in failed
    assert "manifest unknown" in failed


def test_applications_draws_what_belongs_to_which(applications: Executed) -> None:
    """The picture names the application in each of the boxes, and at the top."""
    html = applications.html("LatticeGraph.from_client(client, expected=2)")

    assert (html.count('class="component"'), html.count('class="provider"')) == (2, 1)
    # At the top, at both ends of the link, and at what runs on the two hosts.
    assert html.count(">shop<") == 1 + 2 + 3


def test_applications_upgrades_and_rolls_back(applications: Executed) -> None:
    """The version runs that was upgraded to, the failure has the hosts' reason, and the rollback runs it again."""
    upgraded = applications.html('statuses = wadm.subscribe_to_status("shop")')
    rolled_back = applications.html('wadm.deploy_manifest("shop", "v1.1.0", wait=60)')
    deleted = applications.html('wadm.delete_manifest("shop", wait=60)')

    for html in (upgraded, rolled_back):
        assert html.count("shop-web ×5") == 2
        assert set(re.findall(r"shop/web:([\d.]+)", html)) == {"1.1.0"}
    *_, printed = applications.outputs("    print(failure.reason)")
    assert printed["text"].endswith(": manifest unknown\n")
    assert "shop" not in deleted


def test_applications_counts_the_statuses(applications: Executed) -> None:
    """Each scaler was deployed, and the component failed, too."""
    _, *rows = applications.text(
        'frame.groupby(["scaler", "state"]).size().rename("statuses").reset_index()'
    ).splitlines()

    assert {tuple(row.split()[-3:-1]) for row in rows} >= {("shop-web", "deployed"), ("shop-web", "failed")}
