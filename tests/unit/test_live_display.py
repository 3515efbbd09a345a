"""How lattices and their changes look, and what is left out where there is no room, without a lattice."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone

import attrs
import pytest

from wasmcloud_ctl import (
    ComponentDescription,
    HostInventory,
    Link,
    ModelSummary,
    ProviderDescription,
    Status,
    StatusInfo,
    StatusType,
)
from wasmcloud_ctl import live as _live
from wasmcloud_ctl._bridge.handover import Deadline, MessageQueue
from wasmcloud_ctl._display.html import as_html
from wasmcloud_ctl._display.tables import Cell, LazyRows, Lines, Section, Table, Text, Title, sections
from wasmcloud_ctl._display.terminal import Line, as_text, fitted
from wasmcloud_ctl.live import (
    Change,
    ComponentChange,
    Doubt,
    HostChange,
    Lattice,
    LinkChange,
    ProviderChange,
)

ID = "NBY7W66GTFLSJDYKEPMZLTWIMUCZ2SFUMZUWKANZ3SM2MGWYX5INV2LS"
TIME = datetime(2026, 11, 22, 20, 31, 2, 123456, tzinfo=timezone.utc)
ECHO = ComponentDescription(id="echo", image_ref="ghcr.io/acme/echo:0.1.0", max_instances=5)
HTTP = ProviderDescription(id="http", image_ref="ghcr.io/acme/http:0.2.0")
HOST = HostInventory(
    host_id=ID,
    friendly_name="purple-waterfall-9823",
    version="1.9.2",
    components=(ECHO,),
    providers=(HTTP,),
    labels={"zone": "z1"},
)
LINK = Link("http", "echo", "wasi", "http", ["incoming-handler"])
LATTICE = Lattice({ID: HOST}, (LINK,))
PICTURE = _live.ShownView(LATTICE, stale=False, as_of=TIME)


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


# Tables and titles ------------------------------------------------------------------------------


def test_a_lattice_without_hosts_has_a_title_alone() -> None:
    """There is nothing to show."""
    assert str(Lattice({})) == "0 hosts · 0 components · 0 providers · 0 links"


def test_the_names_of_watched_configs_are_shown() -> None:
    """There are at most twenty, and the number of the others."""
    few = attrs.evolve(PICTURE, configs=("a", "b"))
    many = attrs.evolve(PICTURE, configs=tuple(f"c{number}" for number in range(23)))

    assert as_text(few).split("\n")[-2:] == ["", "2 configs  a, b"]
    assert as_text(many).split("\n")[-1] == f"23 configs  {', '.join(f'c{n}' for n in range(20))}  and 3 more"
    assert as_text(attrs.evolve(PICTURE, configs=())).split("\n")[-1] == "0 configs"


def test_watched_applications_are_a_table() -> None:
    """They are in the order of their names, each with its state."""
    status = Status(info=StatusInfo(status_type=StatusType.DEPLOYED))
    shop = ModelSummary(name="shop", version="v2", deployed_version="v1", detailed_status=status)
    applications = {"shop": shop, "api": ModelSummary(name="api", version="v1")}

    assert as_text(attrs.evolve(PICTURE, applications=applications)).split("\n")[-4:] == [
        "2 applications",
        "APPLICATION  VERSION  DEPLOYED VERSION  STATE",
        "api          v1       none              undeployed",
        "shop         v2       v1                deployed",
    ]


def test_hosts_in_doubt_come_first() -> None:
    """In a long table they would not be seen otherwise. Other components of the host have no mark."""
    cart = ComponentDescription(id="cart", image_ref="cart:1", max_instances=1)
    first, second = (
        attrs.evolve(HOST, host_id=f"host-{name}", friendly_name=name, components=(ECHO, cart), labels={})
        for name in "ab"
    )
    doubts = [Doubt(host_id="host-b", component_id="cart", event_ref="cart:0", inventory_ref="cart:1")] * 2
    lattice = Lattice({"host-a": first, "host-b": second})
    picture = _live.ShownView(lattice, stale=False, as_of=TIME, doubts=tuple(doubts))

    assert as_text(picture).split("\n") == [
        "current: 2 hosts · 2 components · 1 provider · 0 links  as of 20:31:02 UTC",
        "in doubt: 2 components, for which a host's events and its inventory name different images",
        "HOST  ID      VERSION  COMPONENTS                    PROVIDERS",
        "b     host-b  1.9.2    echo ×5 echo:0.1.0            http http:0.2.0",
        "                       cart ×1 cart:1",
        "                         in doubt: by events cart:0",
        "                         by inventory cart:1",
        "a     host-a  1.9.2    echo ×5 echo:0.1.0            http http:0.2.0",
        "                       cart ×1 cart:1",
    ]


def test_two_pictures_that_differ_in_the_time_are_equal() -> None:
    """A change of anything else makes a difference."""
    assert attrs.evolve(PICTURE, as_of=datetime.now(timezone.utc)) == PICTURE
    assert attrs.evolve(PICTURE, stale=True) != PICTURE
    assert attrs.evolve(PICTURE, configs=()) != PICTURE
    assert attrs.evolve(PICTURE, lattice=Lattice({})) != PICTURE


# Changes ----------------------------------------------------------------------------------------

CHANGES: list[tuple[Change, str]] = [
    (HostChange(after=HOST), "host NBY7W66G… purple-waterfall-9823: appeared"),
    (HostChange(before=attrs.evolve(HOST, friendly_name="")), "host NBY7W66G…: is gone"),
    (
        HostChange(before=HOST, after=attrs.evolve(HOST, version="2.0.0", labels={"zone": "z2", "a": "b"})),
        "host NBY7W66G… purple-waterfall-9823: version 1.9.2 -> 2.0.0, label a=b added, label zone z1 -> z2",
    ),
    (
        HostChange(
            before=attrs.evolve(HOST, labels={"kept": "x", "zone": "z1"}),
            after=attrs.evolve(HOST, friendly_name="other", labels={"kept": "x"}),
        ),
        "host NBY7W66G… other: friendly_name purple-waterfall-9823 -> other, label zone removed",
    ),
    (
        ComponentChange(host_id=ID, after=ECHO),
        "component echo on NBY7W66G…: started, max_instances 5, ghcr.io/acme/echo:0.1.0",
    ),
    (ComponentChange(host_id=ID, before=ECHO), "component echo on NBY7W66G…: stopped"),
    (
        ComponentChange(
            host_id=ID,
            before=ECHO,
            after=attrs.evolve(ECHO, image_ref="b", max_instances=1, name="Echo", annotations={"a": "b"}),
        ),
        "component echo on NBY7W66G…: image_ref ghcr.io/acme/echo:0.1.0 -> b, name none -> Echo, "
        "annotations changed, max_instances 5 -> 1",
    ),
    (
        ProviderChange(host_id="host-1", after=ProviderDescription(id="http")),
        "provider http on host-1: started, no image_ref",
    ),
    (
        ProviderChange(host_id=ID, before=HTTP, after=attrs.evolve(HTTP, image_ref=None)),
        "provider http on NBY7W66G…: image_ref ghcr.io/acme/http:0.2.0 -> none",
    ),
    (LinkChange(after=LINK), "link http -> echo, wasi:http/incoming-handler: put"),
    (LinkChange(before=LINK), "link http -> echo, wasi:http/incoming-handler: deleted"),
    (
        LinkChange(before=LINK, after=attrs.evolve(LINK, source_config=["a"])),
        "link http -> echo, wasi:http/incoming-handler: source_config changed",
    ),
]


@pytest.mark.parametrize(("change", "expected"), CHANGES, ids=[expected for _, expected in CHANGES])
def test_a_change_is_a_line(change: Change, expected: str) -> None:
    """It says what happened to what. A repr has the class for the kind."""
    assert str(change) == expected
    assert repr(change) == f"<{type(change).__name__} {expected.partition(' ')[2]}>"


def hostile(text: str) -> Iterator[object]:
    """Yield lattices and changes with this text in each place that takes one from a host."""
    component = ComponentDescription(id=text, image_ref=text, name=text)
    provider = ProviderDescription(id=text, image_ref=text, name=text)
    host = HostInventory(
        host_id=text, friendly_name=text, version=text, labels={text: text, "a": text, "b": text},
        components=(component,), providers=(provider,),
    )  # fmt: skip
    link = Link(text, text, text, text, [text], text, [text], [text])
    lattice = Lattice({text: host}, [link])
    doubt = Doubt(host_id=text, component_id=text, event_ref=text, inventory_ref=text)
    applications = {text: ModelSummary(name=text, version=text, description=text, deployed_version=text)}
    yield lattice
    yield _live.ShownView(lattice, True, TIME, (doubt,), (text,), applications)
    yield from Lattice({}).diff(lattice)
    yield from lattice.diff(Lattice({}))
    other = attrs.evolve(component, name="", image_ref="")
    yield ComponentChange(host_id=text, before=component, after=other)
    yield ProviderChange(host_id=text, before=attrs.evolve(provider, name=""), after=provider)
    labels = {"a": "", "c": text}
    yield HostChange(before=host, after=attrs.evolve(host, friendly_name="", version="", labels=labels))
    yield LinkChange(before=link, after=attrs.evolve(link, target=""))


def test_whatever_hosts_send_is_printable() -> None:
    """No text has a control character, or is wider than the terminal."""
    for shown in hostile("[bold]a/b, \x1b[31m\n\u202e" + "c" * 90):
        assert all(line.isprintable() and len(line) <= 200 for line in as_text(shown).split("\n"))
        assert all(line.text.isprintable() and len(line.text) <= 60 for line in fitted(shown, 60, 50))
        assert repr(shown).isprintable()


def test_whatever_hosts_send_is_no_html() -> None:
    """No page has an element of the host's."""
    for shown in hostile('<script>alert("1")</script>&'):
        ElementTree.fromstring(as_html(shown))
        assert "<script" not in as_html(shown)


# What is left out -------------------------------------------------------------------------------


@attrs.frozen
class Page:
    """Something to show, of which the test says the tables."""

    sections: list[Section]


sections.register(Page, lambda page: page.sections)


def numbers(count: int, noun: str = "", lines: int = 1) -> Table:
    """Return a table of numbers, each in so many lines."""

    def row(number: int) -> Mapping[str, Cell]:
        return {f"{noun}s": Lines([[f"{noun} {number}"]] + [["and"]] * (lines - 1))}

    return Table(LazyRows(range(count), row), noun)


def fitted_text(height: int, *shown: Section) -> list[str]:
    return [line.text for line in fitted(Page(list(shown)), 80, height)]


@pytest.mark.parametrize(
    ("height", "expected"),
    [
        (9, ["here", "HOSTS", "host 0", "host 1", "host 2", "", "LINKS", "link 0", "link 1"]),
        (8, ["here", "HOSTS", "host 0", "and 2 more hosts", "", "LINKS", "link 0", "link 1"]),
        (7, ["here", "HOSTS", "host 0", "host 1", "host 2", "", "and 2 more links"]),
        (6, ["here", "HOSTS", "host 0", "and 2 more hosts", "", "and 2 more links"]),
        (4, ["here", "and 3 more hosts", "", "and 2 more links"]),
        (2, ["here", "and 3 more hosts"]),
        (0, []),
    ],
)
def test_tables_are_cut_to_the_height_of_a_terminal(height: int, expected: list[str]) -> None:
    """Titles stay. The longest table is cut first, and a last line says how many rows are left out."""
    assert fitted_text(height, Title("here"), numbers(3, "host"), numbers(2, "link")) == expected


def test_a_first_row_that_is_too_long_is_cut_itself() -> None:
    """A table shows something wherever it has room for three lines."""
    assert fitted_text(6, numbers(2, "host", lines=9)) == [
        "HOSTS", "host 0", "and", "and", "…", "and 1 more host"
    ]  # fmt: skip
    assert fitted_text(3, numbers(2, "host", lines=9)) == ["and 2 more hosts"]


def test_what_is_empty_has_no_line() -> None:
    """Neither a title nor a table, and so there is no empty line between tables."""
    assert fitted_text(9, Title(""), numbers(0, "host"), Title("here"), Title()) == ["here"]


def test_lines_have_the_style_of_their_beginning() -> None:
    """A badge, the headings of columns, and the number of rows that are left out."""
    badge, plain = Title(Text("good", "badge good"), Text("one")), Title("two", Text("odd", "badge odd"))

    assert fitted(Page([badge, plain, numbers(9, "host")]), 80, 5) == [
        Line("good: one", "badge good", 4),
        Line("two odd"),
        Line("HOSTS", "heading", 5),
        Line("host 0"),
        Line("and 8 more hosts", "muted", 16),
    ]


def test_only_rows_that_are_shown_are_made() -> None:
    """A lattice of ten thousand hosts is shown as quickly as one of a hundred."""
    made: list[int] = []

    def row(number: int) -> Mapping[str, Cell]:
        made.append(number)
        return {"number": number}

    page = Page([Table(LazyRows(range(10_000), row), "number")])
    assert fitted(page, 80, 5)[-1] == Line("and 9997 more numbers", "muted", 21)
    assert made == list(range(5))
    made.clear()
    assert "and 9900 more numbers" in as_html(page)
    assert made == list(range(100))
    made.clear()
    assert as_text(page, 2).split("\n") == ["NUMBER", "0", "1", "and 9998 more numbers"]
    assert made == [0, 1]


def test_rows_that_are_left_out_may_have_no_noun() -> None:
    """Then a last line has their number alone."""
    rows = [{"a": number} for number in range(3)]

    assert as_text(Page([Table(rows)]), 1).split("\n") == ["A", "0", "and 2 more"]
    assert LazyRows([3, 4], lambda number: {"a": number})[1] == {"a": 4}


# Waiting ----------------------------------------------------------------------------------------


def test_news_at_the_end_of_the_time_are_drawn() -> None:
    """Then there is no pause for more of them."""
    news: MessageQueue[None] = MessageQueue()
    news.put(None)
    news.put(None)

    assert not _live._wait_for_news(news, Deadline(0.0))
    assert len(news) == 1
