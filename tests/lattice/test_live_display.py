"""A live view as people see it: its tables, its changes, and ``show`` in a pipe, a terminal and a notebook."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import textwrap
import threading
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from screens import Stdout, on_screen
from scripts import preamble, run

from wasmcloud_ctl import Client, Host, InvalidArgument, Link
from wasmcloud_ctl import live as _live
from wasmcloud_ctl.live import Lattice, LatticeView
from wasmcloud_ctl.testing import PracticeLattice, PracticeServer

HTTP = Link("http", "web", "wasi", "http", ["incoming-handler"])
MANIFEST = {
    "apiVersion": "core.oam.dev/v1beta1",
    "kind": "Application",
    "metadata": {"name": "shop", "annotations": {"version": "v1", "description": "a test"}},
    "spec": {
        "components": [{"name": "echo", "type": "component", "properties": {"image": "acme/echo:1"}}],
    },
}
LINKS = [
    "SOURCE  TARGET  INTERFACES                  NAME",
    "http    web     wasi:http/incoming-handler  default",
]


@pytest.fixture(autouse=True)
def terminal_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """All tables are as wide as they are, and not cut."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("LINES", "50")
    monkeypatch.setenv("TERM", "xterm")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def hosts(client: Client) -> list[Host]:
    """The two hosts in the order of their names, the first of which runs the component web."""
    hosts = sorted(client.get_hosts(expected=2).data, key=lambda host: host.friendly_name)
    client.scale_component(hosts[0].id, "acme/web:1", "web", 5, wait=5)
    return hosts


@pytest.fixture
def view(client: Client, hosts: list[Host]) -> Iterator[LatticeView]:
    with client.watch() as view:
        yield view


def labels(host: Host) -> str:
    own = {key: value for key, value in host.labels.items() if key != "zone"}
    return ", ".join(f"{key}={value}" for key, value in [("zone", host.labels["zone"]), *sorted(own.items())])


def table(hosts: list[Host], *components: str, width: int = 0) -> list[str]:
    """Return the table of hosts, each with its components in one line."""
    names = max(len(host.friendly_name) for host in hosts)
    width = width or max(len("COMPONENTS"), *map(len, components))
    lines = [
        "  ".join(
            ["HOST".ljust(names), "ID".ljust(9), "VERSION", "COMPONENTS".ljust(width), "PROVIDERS", "LABELS"]
        )
    ]
    for host, running in zip(hosts, components, strict=True):
        name = host.friendly_name.ljust(names)
        lines.append(
            "  ".join([name, f"{host.id[:8]}…", "1.9.2  ", running.ljust(width), "none     ", labels(host)])
        )
    return lines


def without_time(lines: list[str]) -> list[str]:
    return [re.sub(r"as of \d\d:\d\d:\d\d UTC$", "as of NOW", line) for line in lines]


def until_current(view: LatticeView) -> Lattice:
    """Wait until the view is proven, and return it."""
    end = time.monotonic() + 20
    while view.stale:
        assert time.monotonic() < end
        time.sleep(0.01)  # no event says that a view is not stale any more
    return view.lattice


# Tables -----------------------------------------------------------------------------------------


def test_a_view_is_printed_as_a_table_of_hosts_and_one_of_links(client: Client, hosts: list[Host]) -> None:
    """Hosts are in the order of their names. The title says whether all is current, how much there is, and when."""
    client.put_link(HTTP, wait=5)
    with client.watch() as view:
        until_current(view)

        assert without_time(str(view).split("\n")) == [
            "current: 2 hosts · 1 component · 0 providers · 1 link  as of NOW",
            *table(hosts, "web ×5 web:1", "none"),
            "",
            *LINKS,
        ]
        assert repr(view) == "<LatticeView 2 hosts, 1 component, 0 providers, 1 link>"


def test_a_lattice_is_printed_without_a_time(view: LatticeView, hosts: list[Host]) -> None:
    """It is of one moment, and never stale."""
    lattice = until_current(view)

    assert str(lattice).split("\n") == [
        "2 hosts · 1 component · 0 providers · 0 links",
        *table(hosts, "web ×5 web:1", "none"),
    ]
    assert repr(lattice) == "<Lattice 2 hosts, 1 component, 0 providers, 0 links>"


def test_what_is_watched_is_shown(own_server: PracticeServer) -> None:
    """The names of configs and a table of applications, below the rest."""
    with (
        PracticeLattice(server=own_server, wadm=True) as lattice,
        lattice.connect(quiet=0.25) as client,
    ):
        client.put_config("web-address", {}).raise_for_status()
        client.wadm.put_manifest(MANIFEST)
        with client.watch() as view, client.watch(configs=True, applications=True) as larger:
            until_current(larger)
            before = str(view).split("\n")

            lines = without_time(str(larger).split("\n"))
            assert lines[:-2] == [*without_time(before), "", "1 config  web-address", "1 application"]
            assert [line.split()[:3] for line in lines[-2:]] == [
                ["APPLICATION", "VERSION", "DEPLOYED"],
                ["shop", "v1", "none"],
            ]


def words(html: str) -> list[str]:
    """Return the texts of a page but for its styles."""
    root = ElementTree.fromstring(html)
    style = root.find("style")
    assert style is not None
    root.remove(style)
    return [
        " ".join("".join(part.itertext()).split()) for part in root.iter() if part.tag in ("div", "th", "td")
    ][1:]


def test_a_view_is_a_table_in_a_notebook(view: LatticeView, hosts: list[Host]) -> None:
    """It has what is printed, with a green badge."""
    until_current(view)

    html = view._repr_html_()
    assert without_time(words(html)[:1]) == [
        "current 2 hosts · 1 component · 0 providers · 0 links as of NOW"
    ]
    assert words(html)[1:12] == [
        *["host", "id", "version", "components", "providers", "labels"],
        *[hosts[0].friendly_name, f"{hosts[0].id[:8]}…", "1.9.2", "web ×5 web:1", "none"],
    ]
    assert '<span class="badge good">current</span>' in html
    assert '<span class="badge' not in view.lattice._repr_html_()


def test_a_view_that_is_closed_is_shown_as_stale(view: LatticeView) -> None:
    """Its last picture is shown."""
    until_current(view)
    view.close()

    assert (
        without_time(str(view).split("\n"))[0]
        == "stale: 2 hosts · 1 component · 0 providers · 0 links  as of NOW"
    )
    assert '<span class="badge odd">stale</span>' in view._repr_html_()
    assert repr(view) == "<LatticeView 2 hosts, 1 component, 0 providers, 0 links, stale>"


def test_a_component_in_doubt_has_both_references(
    view: LatticeView, client: Client, hosts: list[Host]
) -> None:
    """The title says how many there are, and the component's line what runs and what the inventory shows."""
    client.scale_component(hosts[0].id, "acme/web:2", "web", 7)
    view.wait_until(lambda _: view.doubts, timeout=20)

    _, doubt, heading, first, *others = str(view).split("\n")
    assert doubt == "in doubt: 1 component, for which a host's events and its inventory name different images"
    start = heading.index("COMPONENTS")
    assert [line[start:].partition("   ")[0] for line in (first, *others)] == [
        "web ×7 web:2",
        "  in doubt: by events acme/web:1",
        "  by inventory acme/web:2",
        "none",
    ]
    html = view._repr_html_()
    assert "web ×7 web:2in doubt by events acme/web:1by inventory acme/web:2" in words(html)
    assert html.count('<span class="badge odd">in doubt</span>') == 2


@pytest.mark.needs("IPython")
def test_a_view_at_an_ipython_prompt_is_a_table(view: LatticeView) -> None:
    """In a list it is a line."""
    from IPython.lib import pretty

    lattice = until_current(view)
    shown: Callable[[object], str] = pretty.pretty

    assert without_time(shown(view).split("\n")) == without_time(str(view).split("\n"))
    assert shown(lattice) == str(lattice)
    assert shown([view]) == f"[{view!r}]"
    assert shown([lattice]) == f"[{lattice!r}]"


# Changes ----------------------------------------------------------------------------------------


def test_changes_are_printed_on_a_line(client: Client, lattice: PracticeLattice, hosts: list[Host]) -> None:
    """Each says what happened to what, and of an attribute what it was and is."""
    first, second = hosts
    with client.watch() as view:
        empty = until_current(view)
        client.scale_component(first.id, "acme/web:1", "web", 1, wait=5)
        client.start_provider(first.id, "acme/http:1", "http", wait=5)
        client.put_link(HTTP, wait=5)
        client.put_label(first.id, "town", "Bonn")
        full = view.wait_until(
            lambda now: now.providers and now.links and "town" in now.hosts[first.id].labels, timeout=20
        )
        name = f"{first.id[:8]}…"
        assert [str(change) for change in empty.diff(full)] == [
            f"host {name} {first.friendly_name}: label town=Bonn added",
            f"component web on {name}: max_instances 5 -> 1",
            f"provider http on {name}: started, acme/http:1",
            "link http -> web, wasi:http/incoming-handler: put",
        ]
        assert [str(change) for change in full.diff(empty)] == [
            f"host {name} {first.friendly_name}: label town removed",
            f"component web on {name}: max_instances 1 -> 5",
            f"provider http on {name}: stopped",
            "link http -> web, wasi:http/incoming-handler: deleted",
        ]
        [practice_host] = [host for host in lattice.hosts if host.id == second.id]
        practice_host.stop()
        gone = view.wait_until(lambda now: second.id not in now.hosts, timeout=20)
        [change] = full.diff(gone)
        assert str(change) == f"host {second.id[:8]}… {second.friendly_name}: is gone"
        assert repr(change) == f"<HostChange {second.id[:8]}… {second.friendly_name}: is gone>"
        assert words(change._repr_html_()) == [str(change)]
        assert str(gone.diff(full)[0]) == f"host {second.id[:8]}… {second.friendly_name}: appeared"


# show -------------------------------------------------------------------------------------------


@contextmanager
def showing(view: LatticeView, stdout: Stdout, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Thread]:
    """Show a view on this stdout, in another thread, until the view is closed."""
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stdout)
        thread = threading.Thread(target=view.show)
        thread.start()
        try:
            yield thread
        finally:
            view.close()
            thread.join(20)
    assert not thread.is_alive()


def test_show_prints_each_change_into_a_pipe(
    view: LatticeView, client: Client, hosts: list[Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tables are separated by an empty line. The last one says that the view was closed."""
    until_current(view)
    stdout = Stdout(terminal=False)
    with showing(view, stdout, monkeypatch):
        stdout.wait_for(lambda lines: "web ×5 web:1" in "\n".join(lines))
        client.scale_component(hosts[1].id, "acme/web:1", "web", 2)
        stdout.wait_for(lambda lines: "web ×2 web:1" in "\n".join(lines) and "current" in lines[-4 - 1])

    before, after = table(hosts, "web ×5 web:1", "none"), table(hosts, "web ×5 web:1", "web ×2 web:1")
    counts = "2 hosts · 1 component · 0 providers · 0 links  as of NOW"
    shown = without_time(stdout.screen)
    tables = "\n".join(shown).rstrip("\n").split("\n\n")
    # On a busy machine, the host answers after a table was drawn. Then the view was stale in between.
    current = list(dict.fromkeys(lines for lines in tables if lines.startswith("current")))
    assert current == ["\n".join([f"current: {counts}", *lines]) for lines in (before, after)]
    assert tables[-1] == "\n".join([f"stale: {counts}", *after])


def test_show_ends_when_the_time_is_over(view: LatticeView, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a change, a pipe has one table."""
    until_current(view)
    start = time.monotonic()
    view.show(0.6)
    assert 0.6 <= time.monotonic() - start < 5

    assert without_time(capsys.readouterr().out.split("\n")) == without_time(f"{view}\n".split("\n"))


def test_show_ends_when_the_client_is_closed(
    view: LatticeView, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last table is stale."""
    until_current(view)
    stdout = Stdout(terminal=False)
    with showing(view, stdout, monkeypatch) as thread:
        stdout.wait_for(lambda lines: lines[0].startswith("current"))
        client.close()
        thread.join(20)
        assert not thread.is_alive()

    assert [line.partition(":")[0] for line in stdout.screen if " hosts ·" in line] == ["current", "stale"]


def test_show_of_a_closed_view_shows_its_last_picture(
    view: LatticeView, capsys: pytest.CaptureFixture[str]
) -> None:
    """It returns at once."""
    until_current(view)
    view.close()
    view.show()

    assert without_time(capsys.readouterr().out.split("\n")) == without_time(f"{view}\n".split("\n"))


def test_ctrl_c_ends_show_quietly(lattice: PracticeLattice) -> None:
    """It is the usual way to end it, and no error."""
    ended = run(
        lattice,
        """
        with connect(quiet=0.25) as client, client.watch() as view:
            print("ready")
            print("show returned", view.show())
        """,
        interrupt_at="ready",
    )

    assert (ended.status, ended.errors) == (0, "")
    assert ended.output.splitlines()[-1] == "show returned None"


@pytest.mark.parametrize("seconds", [0, -1, "3", True, float("nan")])
def test_seconds_are_a_number_above_0(view: LatticeView, seconds: Any) -> None:
    """Anything else is refused."""
    with pytest.raises(InvalidArgument, match="seconds must be a"):
        view.show(seconds)


# In a terminal ----------------------------------------------------------------------------------


@pytest.mark.needs("rich")
def test_show_redraws_its_table_in_a_terminal(
    view: LatticeView, client: Client, hosts: list[Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One table is on the screen, the current one. What is printed meanwhile is above it. No thread draws it."""
    until_current(view)
    stdout = Stdout(terminal=True)
    threads = threading.active_count()
    with showing(view, stdout, monkeypatch):
        stdout.wait_for(lambda lines: "web ×5 web:1" in "\n".join(lines))
        assert threading.active_count() == threads + 1
        print("printed meanwhile")
        client.scale_component(hosts[1].id, "acme/web:1", "web", 2)
        client.scale_component(hosts[0].id, "acme/web:1", "web", 6)
        stdout.wait_for(lambda lines: "web ×6" in "\n".join(lines) and "web ×2" in "\n".join(lines))

    assert without_time(stdout.screen) == [
        "printed meanwhile",
        "stale: 2 hosts · 1 component · 0 providers · 0 links  as of NOW",
        *table(hosts, "web ×6 web:1", "web ×2 web:1"),
        "",
    ]
    assert stdout.getvalue().endswith("\x1b[?25h")  # the cursor is shown again


@pytest.mark.needs("rich")
def test_a_table_that_is_too_long_for_the_terminal_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """The title stays, and a last line says how many hosts are missing."""
    monkeypatch.setenv("LINES", "8")  # the last one is for the cursor
    stdout = Stdout(terminal=True)
    with PracticeLattice(hosts=[{"zone": "z"}] * 3) as lattice, lattice.connect(quiet=0.25) as client:
        hosts = sorted(client.get_hosts(expected=3).data, key=lambda host: host.friendly_name)
        client.put_link(HTTP, wait=5)
        with client.watch() as view:
            until_current(view)
            with showing(view, stdout, monkeypatch):
                stdout.wait_for(lambda lines: "more" in "\n".join(lines))

    heading, first = table(hosts, "none", "none", "none")[:2]
    assert without_time(stdout.screen) == [
        "stale: 3 hosts · 0 components · 0 providers · 1 link  as of NOW",
        *[heading, first, "and 2 more hosts"],
        "",
        *LINKS,
        "",
    ]


@pytest.fixture
def beating(monkeypatch: pytest.MonkeyPatch) -> Iterator[LatticeView]:
    """A view of a host of which nothing is new but heartbeats, twice a second."""
    monkeypatch.setattr(_live, "_TITLE_SECONDS", 0.1)
    with (
        PracticeLattice(heartbeat_interval=0.5) as lattice,
        lattice.connect(quiet=0.25) as client,
        client.watch(heartbeat=0.5) as view,
    ):
        until_current(view)
        yield view


@pytest.mark.needs("rich")
def test_the_time_in_the_title_moves_on(beating: LatticeView, monkeypatch: pytest.MonkeyPatch) -> None:
    """Heartbeats are no news, and so the title is redrawn once in a while."""
    stdout = Stdout(terminal=True)
    with showing(beating, stdout, monkeypatch):
        [title, *others] = stdout.wait_for(lambda lines: "HOST" in "\n".join(lines))
        later = stdout.wait_for(lambda lines: lines[0] != title and len(lines) == 1 + len(others))

    assert without_time(later) == without_time([title, *others])


def test_a_pipe_has_no_table_for_a_new_time(beating: LatticeView, capsys: pytest.CaptureFixture[str]) -> None:
    """There it would be all the same lines again."""
    beating.show(1.5)

    shown = capsys.readouterr().out
    assert without_time(shown.split("\n")) == without_time(f"{beating}\n".split("\n"))


@pytest.mark.needs("rich")
def test_names_of_hosts_are_no_markup(
    client: Client, hosts: list[Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A label that is rich's markup, or holds the codes of a terminal, is shown as text."""
    client.put_label(hosts[0].id, "town", "[bold red]Bonn[/] :smile: \x1b[2J\x1b]0;title\x07")
    stdout = Stdout(terminal=True)
    with client.watch() as view, showing(view, stdout, monkeypatch):
        screen = stdout.wait_for(lambda lines: "Bonn" in "\n".join(lines))

    assert "town=[bold red]Bonn[/] :smile:  [2J ]0;title , zone=z" in "\n".join(screen)


@pytest.mark.needs("rich")
def test_a_terminal_that_cannot_move_its_cursor_has_one_table_after_the_other(
    view: LatticeView, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a pipe has them."""
    until_current(view)
    monkeypatch.setenv("TERM", "dumb")
    stdout = Stdout(terminal=True)
    with showing(view, stdout, monkeypatch):
        stdout.wait_for(lambda lines: "web ×5 web:1" in "\n".join(lines))

    assert [line.partition(":")[0] for line in stdout.getvalue().split("\n") if " hosts ·" in line] == [
        "current",
        "stale",
    ]
    assert "\x1b" not in stdout.getvalue()


@pytest.mark.needs("rich")
def test_a_terminal_that_is_gone_ends_show(view: LatticeView, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its error is raised, and stdout is the program's own again."""

    class Gone(Stdout):
        def write(self, text: str) -> int:
            raise OSError(5, "Input/output error")

    gone = Gone(terminal=True)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", gone)
        with pytest.raises(OSError, match="Input/output error"):
            view.show(5)
        assert sys.stdout is gone


def forget_rich(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have rich imported again."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "rich"]:
        monkeypatch.delitem(sys.modules, name)


def test_show_in_a_terminal_without_rich_is_refused(
    view: LatticeView, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says what to install."""
    forget_rich(monkeypatch)
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "stdout", Stdout(terminal=True))

    with pytest.raises(InvalidArgument) as caught:
        view.show(5)

    assert str(caught.value) == "show needs rich in a terminal: pip install 'wasmcloud_ctl[live]'"


def test_show_in_a_terminal_with_a_broken_rich_is_refused(
    view: LatticeView, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The error says what is wrong with it."""
    forget_rich(monkeypatch)
    (tmp_path / "rich.py").write_text("raise ImportError('no such library')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "stdout", Stdout(terminal=True))

    with pytest.raises(InvalidArgument) as caught:
        view.show(5)

    text = "show needs rich in a terminal, which is installed but cannot be imported: no such library"
    assert str(caught.value) == text


@pytest.mark.needs("rich")
def test_show_in_a_terminal_of_its_own(
    lattice: PracticeLattice, hosts: list[Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table is as wide as the terminal, and Ctrl-C on its keyboard ends show."""
    for name in ("COLUMNS", "LINES"):
        monkeypatch.delenv(name)
    script = preamble(lattice) + textwrap.dedent(
        """
        with connect(quiet=0.25) as client, client.watch() as view:
            view.show()
        """
    )
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 90, 0, 0))
    # In a session of its own, so that the terminal is the one that controls the process.
    command = f"import fcntl, os, termios\nos.setsid()\nfcntl.ioctl(0, termios.TIOCSCTTY, 0)\n{script}"
    process = subprocess.Popen([sys.executable, "-c", command], stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    written = ""
    try:
        while data := _read(ours):
            written += data
            if "web:1" in written and "\x03" not in written:
                os.write(ours, b"\x03")
                written += "\x03"
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)

    screen = on_screen(written.replace("\x03", "").replace("^C", ""))
    assert re.match(r"(current|stale): 2 hosts · 1 component · 0 providers · 0 links  as of ", screen[0])
    heading = "  ".join(["HOST", "ID", "VERSION", "COMPONENTS", "PROVIDERS", "LABELS"])
    assert re.sub(" +", " ", screen[1]) == re.sub(" +", " ", heading)
    assert max(map(len, screen)) <= 90
    assert "…" in screen[2].partition(hosts[0].id[:8] + "…")[2]  # its labels are cut


def _read(terminal: int) -> str:
    try:
        return os.read(terminal, 10_000).decode()
    except OSError:  # Linux says so when the last program of a terminal has ended
        return ""


# In a notebook ----------------------------------------------------------------------------------


@pytest.mark.needs("nbclient")
@pytest.mark.timeout(120)  # a kernel starts, which is slow on a busy machine
def test_show_redraws_its_table_in_a_notebook(lattice: PracticeLattice, hosts: list[Host]) -> None:
    """The cell has one output, with the last table as HTML and as text."""
    import nbformat
    from nbclient import NotebookClient

    begin = preamble(lattice) + "client = connect(quiet=0.25)\nview = client.watch()\n"
    # The pause lets each count be drawn by itself: drawings are at least 0.25 s apart.
    scale = (
        "def scale():\n"
        "    for count in range(6, 10):\n"
        "        time.sleep(0.3)\n"
        f"        client.scale_component({hosts[0].id!r}, 'acme/web:1', 'web', count)\n"
        "    view.wait_until(lambda now: '×9' in str(now) and not view.stale, 20)\n"
        "    view.close()\n"
        "threading.Thread(target=scale).start()\n"
    )
    cells = [begin, f"{scale}view.show()", "client.close()"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(
        notebook, timeout=60, kernel_name="python3", extra_arguments=["--log-level=ERROR"]
    ).execute()

    first, second, third = (cell["outputs"] for cell in notebook["cells"])
    assert (first, third) == ([], [])
    [output] = second
    assert output["output_type"] == "display_data"
    assert words(output["data"]["text/html"])[10] == "web ×9 web:1"
    text = without_time(output["data"]["text/plain"].split("\n"))
    assert text[0] == "stale: 2 hosts · 1 component · 0 providers · 0 links  as of NOW"
    assert "web ×9" in text[2]
