"""The picture of a lattice, as SVG and as text."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest
from IPython.lib.pretty import pretty

from wasmcloud_ctl import (
    ComponentDescription,
    CtlError,
    HostInventory,
    Inventories,
    Link,
    NoResponders,
    ProviderDescription,
    RequestTimeout,
)
from wasmcloud_ctl.graph import LatticeGraph

SVG = "{http://www.w3.org/2000/svg}"


def inventory(
    letter: str, name: str, *, components: tuple[str, ...] = (), providers: tuple[str, ...] = ()
) -> HostInventory:
    return HostInventory(
        host_id="N" + letter * 55,
        friendly_name=name,
        labels={"zone": f"z-{letter}", "hostcore.os": "linux"},
        components=tuple(
            ComponentDescription(id=found, image_ref=f"acme/{found}:1", max_instances=5)
            for found in components
        ),
        providers=tuple(ProviderDescription(id=found, image_ref=f"acme/{found}:1") for found in providers),
    )


HOSTS = [
    inventory("B", "purple-waterfall", components=("web", "cart"), providers=("http",)),
    inventory("A", "gentle-island", components=("web",)),
    inventory("C", "copper-mill"),
]
LINKS = [
    Link("http", "web", "wasi", "http", ["incoming-handler"], source_config=["address", "tls"]),
    Link("web", "cart", "acme", "cart", ["carts"], target_config=["c"]),
    Link("web", "cart", "acme", "cart", ["orders"], name="backup", source_config=["a"], target_config=["b"]),
    Link("web", "redis", "wasi", "keyvalue", ["store"]),
]
GRAPH = LatticeGraph(
    Inventories(
        data={found.host_id: found for found in HOSTS},
        errors={"N" + "D" * 55: RequestTimeout("no answer within 2 s")},
    ),
    LINKS,
    lattice="default",
)


def test_text_is_a_tree_of_hosts_and_links() -> None:
    """It has the hosts by name, those without one, and the links with their configs; missing ids are marked."""
    assert str(GRAPH).splitlines() == [
        "lattice default: 4 hosts, 2 components, 1 provider, 4 links",
        "├─ copper-mill (NCCCCCCC…)  zone=z-C",
        "│  └─ nothing runs here",
        "├─ gentle-island (NAAAAAAA…)  zone=z-A",
        "│  └─ web  component ×5  acme/web:1",
        "├─ purple-waterfall (NBBBBBBB…)  zone=z-B",
        "│  ├─ cart  component ×5  acme/cart:1",
        "│  ├─ web  component ×5  acme/web:1",
        "│  └─ http  provider  acme/http:1",
        "└─ NDDDDDDD…  NO INVENTORY: no answer within 2 s",
        "links",
        "├─ http -> web  wasi:http/incoming-handler",
        "│  └─ source config: address, tls",
        "├─ web -> cart",
        "│  ├─ acme:cart/carts",
        "│  │  └─ target config: c",
        "│  └─ acme:cart/orders (backup)",
        "│     ├─ source config: a",
        "│     └─ target config: b",
        "└─ web -> redis  wasi:keyvalue/store  redis RUNS NOWHERE",
    ]


def test_a_repr_is_its_heading() -> None:
    """The repr counts hosts, components, providers and links on one line."""
    assert repr(GRAPH) == "<LatticeGraph lattice default: 4 hosts, 2 components, 1 provider, 4 links>"


def test_missing_are_the_ids_that_no_host_runs() -> None:
    """Missing sources and targets are listed once each."""
    links = [*LINKS, Link("ghost", "redis", "a", "b", ["c"]), Link("ghost", "ghost", "a", "b", ["c"])]

    assert LatticeGraph(HOSTS, links).missing == ("ghost", "redis")


def test_a_prompt_shows_the_text() -> None:
    """In a list it shows only the heading."""
    for value, shown in ((GRAPH, str(GRAPH)), ([GRAPH], f"[{GRAPH!r}]")):
        assert pretty(value) == shown  # type: ignore[no-untyped-call]  # IPython has no types here


def test_text_has_references_and_reasons_in_full() -> None:
    """The version is at the end of a reference. Ids of hosts are short."""
    reference = "registry.example/" + "a-folder/" * 8 + "web:1.2.3"
    host_id = "N" + "D" * 55
    host = HostInventory(
        host_id=host_id, components=(ComponentDescription(id="web", image_ref=reference),), providers=()
    )
    error = RequestTimeout(f"no answer from {host_id}: " + "it may be slow; " * 8 + "ask again")
    graph = LatticeGraph(Inventories(data={host_id: host}, errors={host_id: error}))

    assert f"web  component ×0  {reference}\n" in str(graph)
    assert str(graph).endswith(f"no answer from NDDDDDDD…: {'it may be slow; ' * 8}ask again")


# The picture ------------------------------------------------------------------------------------


def picture(graph: LatticeGraph) -> ElementTree.Element:
    return ElementTree.fromstring(graph.to_svg())


def texts(root: ElementTree.Element) -> list[str]:
    return [found.text or "" for found in root.iter(f"{SVG}text")]


def boxes(root: ElementTree.Element, kind: str) -> list[ElementTree.Element]:
    return [found for found in root.iter(f"{SVG}rect") if found.get("class") == kind]


def lies_within(inner: ElementTree.Element, outer: ElementTree.Element) -> bool:
    def edges(box: ElementTree.Element) -> tuple[float, float, float, float]:
        x, y, width, height = (float(box.get(name, "")) for name in ("x", "y", "width", "height"))
        return x, y, x + width, y + height

    left, top, right, bottom = edges(inner)
    outer_left, outer_top, outer_right, outer_bottom = edges(outer)
    return outer_left <= left and outer_top <= top and right <= outer_right and bottom <= outer_bottom


@pytest.mark.needs("pygraphviz")
def test_a_picture_shows_names_ids_and_counts() -> None:
    """It has each host's name, short id and labels, each component and provider, and each link's label."""
    shown = texts(picture(GRAPH))

    assert {"purple-waterfall", "NBBBBBBB…", "zone=z-B"} <= set(shown)
    assert (shown.count("web"), shown.count("cart"), shown.count("http")) == (2, 1, 1)
    assert (shown.count("component ×5"), shown.count("provider")) == (3, 1)
    assert {
        "wasi:http/",
        "\u00a0\u00a0incoming-handler",
        "acme:cart/carts",
        "acme:cart/",
        "\u00a0\u00a0orders (backup)",
    } <= set(shown)
    assert {"source config: address, tls", "source config: a", "target config: b", "target config: c"} <= set(
        shown
    )
    assert "nothing runs here" in shown


@pytest.mark.needs("pygraphviz")
def test_components_and_providers_lie_in_the_box_of_their_host() -> None:
    """Each lies within exactly one of the hosts' boxes."""
    root = picture(GRAPH)
    hosts = boxes(root, "host")

    assert len(hosts) == 3
    for box in (*boxes(root, "component"), *boxes(root, "provider")):
        assert [lies_within(box, host) for host in hosts].count(True) == 1


@pytest.mark.needs("pygraphviz")
def test_a_component_on_two_hosts_has_a_line_from_each() -> None:
    """Both boxes say so, and a line leads from each to the label, from which one arrow leads to the target."""
    root = picture(LatticeGraph(HOSTS, [Link("web", "cart", "acme", "cart", ["carts"])]))

    assert texts(root).count("on 2 hosts") == 2
    assert len([path for path in root.iter(f"{SVG}path") if path.get("class") == "line"]) == 3
    assert len(list(root.iter(f"{SVG}polygon"))) == 1


@pytest.mark.needs("pygraphviz")
def test_the_picture_marks_missing_ids() -> None:
    """A missing id has a red box outside all hosts, and only the lines to it are red."""
    root = picture(LatticeGraph(HOSTS, LINKS))
    [missing] = [box for box in boxes(root, "missing") if not texts_in(root, box) & {"wasi:keyvalue/store"}]

    assert "runs nowhere" in texts(root)
    assert not any(lies_within(missing, host) for host in boxes(root, "host"))
    assert len([group for group in root.iter(f"{SVG}g") if group.get("class") == "broken"]) == 3


def texts_in(root: ElementTree.Element, box: ElementTree.Element) -> set[str]:
    """Return the texts in the group of a box."""
    [group] = [found for found in root.iter(f"{SVG}g") if box in list(found)]
    return set(texts(group))


@pytest.mark.needs("pygraphviz")
def test_the_picture_marks_hosts_without_an_inventory() -> None:
    """The host's box says so and has the reason."""
    shown = texts(picture(GRAPH))

    assert {"NDDDDDDD…", "no inventory", "no answer within 2 s"} <= set(shown)


@pytest.mark.needs("pygraphviz")
def test_the_picture_escapes_all_that_hosts_send() -> None:
    """Names, labels, ids and references with markup, or with characters special to dot or XML, are shown as text."""
    value = 'a<script>alert("1")</script>&\\N\n\x00;->"'
    host = HostInventory(
        host_id=value,
        friendly_name=value,
        labels={value: value},
        components=(ComponentDescription(id=value, image_ref=value),),
        providers=(ProviderDescription(id="p" + value, image_ref=value),),
    )
    graph = LatticeGraph(
        Inventories(data={value: host}, errors={value: NoResponders(value)}),
        [Link(value, "b" + value, value, value, [value], name=value)],
        lattice=value,
    )

    assert "<script" not in graph.to_svg()
    assert picture(graph).tag == f"{SVG}svg"
    assert "<script" not in graph._repr_html_()
    ElementTree.fromstring(graph._repr_html_())


@pytest.mark.needs("pygraphviz")
def test_an_empty_lattice_can_be_drawn() -> None:
    """Without hosts and links the picture is empty, and there is a heading."""
    assert texts(picture(LatticeGraph([]))) == []
    assert str(LatticeGraph([])) == "0 hosts, 0 components, 0 providers, 0 links"


@pytest.mark.needs("pygraphviz")
def test_a_picture_of_a_notebook_has_the_pages_colours() -> None:
    """In a page it uses the page's text and background colours; a document of its own is dark on white."""
    assert "background:#fff" not in GRAPH._repr_html_()
    assert 'style="color:#1f2328;background:#fff"' in GRAPH.to_svg()


@pytest.mark.needs("pygraphviz")
def test_a_picture_is_the_same_each_time() -> None:
    """It does not depend on the order of the replies."""
    again = LatticeGraph(reversed(HOSTS), reversed(LINKS))

    assert again.to_svg() == LatticeGraph(HOSTS, LINKS).to_svg()


# From a client ----------------------------------------------------------------------------------


# Without the extra ------------------------------------------------------------------------------


@pytest.fixture
def without_pygraphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygraphviz", None)


@pytest.mark.usefixtures("without_pygraphviz")
def test_without_the_extra_a_notebook_shows_the_text() -> None:
    """One sentence says what to install."""
    shown = GRAPH._repr_html_()

    assert "A picture needs the extra graph: pip install &#x27;wasmcloud_ctl[graph]&#x27;." in shown
    assert "└─ web  component ×5  acme/web:1" in shown
    assert "<svg" not in shown


@pytest.mark.usefixtures("without_pygraphviz")
def test_without_the_extra_a_picture_is_refused() -> None:
    """The error says what to install, and its cause is the ImportError."""
    with pytest.raises(CtlError, match=r"pip install 'wasmcloud_ctl\[graph\]'") as caught:
        GRAPH.to_svg()

    assert isinstance(caught.value.__cause__, ImportError)


@pytest.mark.needs("pygraphviz")
def test_graphviz_is_imported_when_something_is_drawn() -> None:
    """The module and the text tree do not import it."""
    script = (
        "import sys; from wasmcloud_ctl.graph import LatticeGraph; graph = LatticeGraph([]); str(graph); "
        "print('pygraphviz' in sys.modules); graph.to_svg(); print('pygraphviz' in sys.modules)"
    )

    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=20)

    assert (ended.stdout, ended.stderr) == ("False\nTrue\n", "")
