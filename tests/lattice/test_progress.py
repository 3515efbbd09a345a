"""How far long gathers and waits are, as tqdm shows it."""

from __future__ import annotations

import io
import sys
import threading
import time
from pathlib import Path

import pytest
from scripts import run
from terminals import Terminal, is_clean
from wire import answer_pings, host_reply

from wasmcloud_ctl import Client, CtlResponse, Host, InvalidArgument, WaitTimeout
from wasmcloud_ctl._protocol import codec
from wasmcloud_ctl.testing import PracticeLattice

pytestmark = pytest.mark.needs("tqdm")


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(capsys)


def showing(lattice: PracticeLattice) -> Client:
    return lattice.connect(quiet=None, progress=True)


def test_a_gather_shows_replies_and_seconds(lattice: PracticeLattice, terminal: Terminal) -> None:
    """Without a number that is expected: how many replies there are, and how long it has been."""
    with showing(lattice) as client:
        client.get_hosts(timeout=1.3)

    subject = f"wasmbus.ctl.v1.{lattice.lattice}.host.ping"
    assert terminal.drawn() == [
        f"asking on {subject}: 0 s, 2 replies",
        f"asking on {subject}: 1 s, 2 replies",
    ]
    assert is_clean(terminal)


def test_a_gather_shows_how_many_of_those_expected(lattice: PracticeLattice, terminal: Terminal) -> None:
    """With a number that is expected: how many of it there are, and a bar."""
    with showing(lattice) as client:
        client.get_hosts(expected=3, timeout=0.8)
        client.get_host_inventories(expected=3, timeout=0.8)

    subject = f"wasmbus.ctl.v1.{lattice.lattice}.host.ping"
    assert terminal.drawn() == [
        f"asking on {subject}: 0 s, 2 of 3 replies",
        "asking hosts for their inventories: 0 s, 2 of 3 hosts",
    ]
    assert any("|" in frame for frame in terminal.frames())
    assert is_clean(terminal)


def test_a_burst_of_replies_does_not_hide_how_many_there_are(
    lattice: PracticeLattice, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Progress is shown while replies that are there at once are decoded, and not only after them."""
    decode = codec.decode_response

    def decode_slowly(raw: bytes, kind: type[Host]) -> CtlResponse[Host]:
        time.sleep(0.005)  # as long as a large reply takes to decode
        return decode(raw, kind)

    monkeypatch.setattr(codec, "decode_response", decode_slowly)
    with showing(lattice) as client, lattice.connect() as responder:
        answer_pings(responder, [host_reply(number) for number in range(300)])
        client.get_hosts(expected=302, timeout=20)

    assert len(terminal.drawn()) >= 3
    assert is_clean(terminal)


def test_a_wait_shows_what_was_seen_last(lattice: PracticeLattice, terminal: Terminal) -> None:
    """What is waited for, how long of how long, and what was seen last, with short ids."""
    lattice.registry.hold("acme/web:1")
    host = lattice.hosts[0].id
    with showing(lattice) as client, pytest.raises(WaitTimeout):
        client.scale_component(host, "acme/web:1", "web", 5, wait=0.9)

    short = f"{host[:8]}…"
    assert terminal.drawn() == [
        f"the scale of web to 5 on host {short}: 0 of 0.9 s, web does not run on host {short}"
    ]
    assert is_clean(terminal)


def test_what_is_quick_shows_nothing(lattice: PracticeLattice, terminal: Terminal) -> None:
    """A call that ends within half a second draws nothing at all."""
    with showing(lattice) as client:
        client.get_hosts(expected=2)
        client.scale_component(lattice.hosts[0].id, "acme/web:1", "web", 5, wait=5)

    assert terminal.text() == ""


@pytest.mark.parametrize("progress", [False, None])
def test_a_script_shows_nothing_by_itself(
    lattice: PracticeLattice, terminal: Terminal, progress: bool | None
) -> None:
    """Neither where it is off nor where nothing was said, for this is no notebook."""
    with lattice.connect(progress=progress) as client:
        client.get_hosts(timeout=0.8)

    assert terminal.text() == ""


def test_a_client_of_another_lattice_shows_it_too(lattice: PracticeLattice, terminal: Terminal) -> None:
    """for_lattice keeps it, as all settings."""
    with showing(lattice) as client:
        client.for_lattice(lattice.lattice).get_hosts(timeout=0.8)

    assert len(terminal.drawn()) == 1


def test_a_bar_has_no_thread(lattice: PracticeLattice, terminal: Terminal) -> None:
    """While it is shown there are the threads that there are without it."""
    during: list[int] = []
    with showing(lattice) as client:
        before = threading.active_count()
        asking = threading.Thread(target=lambda: client.get_hosts(timeout=1.0))
        asking.start()
        while not terminal.drawn():
            time.sleep(0.02)  # until the bar is there, which tells nobody
        during.append(threading.active_count())
        asking.join()

    assert during == [before + 1]


def test_a_bar_that_cannot_be_drawn_costs_nothing(
    lattice: PracticeLattice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the terminal goes away while a bar is on it, the call works as without."""

    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            if "replies" in self.getvalue():
                raise BrokenPipeError(text)
            return super().write(text)

    gone = Gone()
    monkeypatch.setattr(sys, "stderr", gone)
    with showing(lattice) as client:
        assert len(client.get_hosts(timeout=1.1)) == 2
    assert "2 replies" in gone.getvalue()


def test_ctrl_c_takes_the_bar_away(lattice: PracticeLattice) -> None:
    """A bar on the screen is wiped before the interruption goes on."""
    ended = run(
        lattice,
        """
        import signal, threading
        client = connect(progress=True)
        threading.Timer(1.2, signal.raise_signal, [signal.SIGINT]).start()
        try:
            client.get_hosts(timeout=20)
        except KeyboardInterrupt:
            print("interrupted")
        client.close()
        """,
    )

    assert (ended.status, ended.output) == (0, "interrupted\n")
    frames = [frame for frame in ended.errors.replace("\n", "\r").split("\r") if frame]
    assert any(": 1 s, 2 replies" in frame for frame in frames)
    assert frames[-1].strip() == ""


def forget_tqdm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have tqdm imported again."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "tqdm"]:
        monkeypatch.delitem(sys.modules, name)


def test_progress_without_tqdm_is_refused(lattice: PracticeLattice, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks for it is told what to install, before a connection is made."""
    forget_tqdm(monkeypatch)
    monkeypatch.setattr(sys, "path", [])

    with pytest.raises(
        InvalidArgument, match=r"progress needs tqdm: pip install 'wasmcloud_ctl\[progress\]'"
    ):
        lattice.connect(progress=True)


def test_progress_with_a_tqdm_that_cannot_be_imported_is_refused(
    lattice: PracticeLattice, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Who has installed it is not told to install it, but what is missing."""
    (tmp_path / "tqdm").mkdir()
    (tmp_path / "tqdm" / "__init__.py").write_text("")
    missing = "libstdc++.so.6: cannot open shared object file: No such file or directory"
    (tmp_path / "tqdm" / "auto.py").write_text(f"raise ImportError({missing!r})")
    forget_tqdm(monkeypatch)
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(InvalidArgument) as caught:
        lattice.connect(progress=True)

    assert str(caught.value) == f"progress needs tqdm, which is installed but cannot be imported: {missing}"
    assert isinstance(caught.value.__cause__, ImportError)


def test_progress_is_a_boolean(lattice: PracticeLattice) -> None:
    """Anything else is refused."""
    with pytest.raises(InvalidArgument, match="progress"):
        lattice.connect(progress=1)  # type: ignore[arg-type]  # the mistake
