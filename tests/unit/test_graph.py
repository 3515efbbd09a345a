"""The picture of a lattice, as SVG and as text."""

from __future__ import annotations

import re
import time
import xml.etree.ElementTree as ElementTree

import attrs
import pytest
from contrast import contrast, mixed, parts
from IPython.lib.pretty import pretty
from lattices import lattice_of

from wasmcloud_ctl import (
    ComponentDescription,
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


def test_a_picture_shows_names_ids_and_counts() -> None:
    """It has each host's name, short id and labels, and each link's label. Each component and provider is there once
    among the links, and once for each of its hosts."""
    shown = texts(picture(GRAPH))

    assert {"purple-waterfall", "NBBBBBBB…", "zone=z-B"} <= set(shown)
    assert (shown.count("web"), shown.count("cart"), shown.count("http")) == (1 + 2, 1 + 1, 1 + 1)
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


def test_components_and_providers_lie_in_the_box_of_their_host() -> None:
    """Each lies within exactly one of the hosts' boxes."""
    root = picture(GRAPH)
    hosts = boxes(root, "host")

    assert len(hosts) == 3
    for box in (*boxes(root, "component"), *boxes(root, "provider")):
        assert [lies_within(box, host) for host in hosts].count(True) == 1


def test_a_component_among_the_links_is_said_to_be_on_its_hosts() -> None:
    """The name of one host, or how many there are. The tooltip names all."""
    root = picture(LatticeGraph(HOSTS, [Link("web", "cart", "acme", "cart", ["carts"])]))
    web, cart = boxes(root, "end component")

    assert (texts_in(root, web), texts_in(root, cart)) == (
        {"web", "on 2 hosts"},
        {"cart", "on purple-waterfall"},
    )
    assert title_of(root, web) == "web\ncomponent\non gentle-island, purple-waterfall"


def test_a_link_is_an_arrow_to_its_label_and_one_to_its_target() -> None:
    """Each arrow ends with its tip at the side of a box."""
    root = picture(LatticeGraph(HOSTS, [Link("web", "cart", "acme", "cart", ["carts"])]))
    [label] = boxes(root, "label")
    _, cart = boxes(root, "end component")

    assert len(lines(root)) == 2
    assert [tip(arrow) for arrow in root.iter(f"{SVG}polygon")] == [left_middle(label), left_middle(cart)]


def test_two_components_that_are_linked_in_both_directions() -> None:
    """There is an arrow at each of them and at each label."""
    links = [Link("web", "cart", "acme", "cart", ["carts"]), Link("cart", "web", "acme", "web", ["pages"])]
    root = picture(LatticeGraph(HOSTS, links))
    labels = {(texts_in(root, label)).pop(): label for label in boxes(root, "label")}
    ends = {min(texts_in(root, end)): end for end in boxes(root, "end component")}

    assert sorted(tip(arrow) for arrow in root.iter(f"{SVG}polygon")) == sorted(
        [
            left_middle(labels["acme:web/pages"]),
            right_middle(ends["cart"]),
            right_middle(labels["acme:cart/carts"]),
            left_middle(ends["on 2 hosts"]),
        ]
    )


def test_a_component_that_is_linked_to_itself() -> None:
    """The arrow to the label and the one back are apart."""
    root = picture(LatticeGraph(HOSTS, [Link("web", "web", "acme", "pages", ["a"])]))
    [label], [web] = boxes(root, "label"), boxes(root, "end component")
    (to_x, to_y), (back_x, back_y) = [tip(arrow) for arrow in root.iter(f"{SVG}polygon")]

    assert (to_x, back_x) == (left_middle(label)[0], right_middle(web)[0])
    assert (to_y, back_y) == (left_middle(label)[1] - 7, right_middle(web)[1] + 7)


def test_the_picture_marks_missing_ids() -> None:
    """A missing id has a red box outside all hosts, and only the lines to it are red."""
    root = picture(LatticeGraph(HOSTS, LINKS))
    [missing] = [box for box in boxes(root, "missing") if not texts_in(root, box) & {"wasi:keyvalue/store"}]

    assert "runs nowhere" in texts(root)
    assert not any(lies_within(missing, host) for host in boxes(root, "host"))
    assert len([group for group in root.iter(f"{SVG}g") if group.get("class") == "broken"]) == 1


def group_of(root: ElementTree.Element, box: ElementTree.Element) -> ElementTree.Element:
    [group] = [found for found in root.iter(f"{SVG}g") if box in list(found)]
    return group


def texts_in(root: ElementTree.Element, box: ElementTree.Element) -> set[str]:
    """Return the texts in the group of a box."""
    return set(texts(group_of(root, box)))


def title_of(root: ElementTree.Element, box: ElementTree.Element) -> str:
    """Return the tooltip of a box."""
    return group_of(root, box).findtext(f"{SVG}title", "")


def lines(root: ElementTree.Element) -> list[ElementTree.Element]:
    return [found for found in root.iter(f"{SVG}path") if found.get("class") == "line"]


def tip(arrow: ElementTree.Element) -> tuple[float, float]:
    x, y = arrow.get("points", "").split()[0].split(",")
    return float(x), float(y)


def left_middle(box: ElementTree.Element) -> tuple[float, float]:
    x, y, height = (float(box.get(name, "")) for name in ("x", "y", "height"))
    return x, y + height / 2


def right_middle(box: ElementTree.Element) -> tuple[float, float]:
    x, y = left_middle(box)
    return x + float(box.get("width", "")), y


def test_the_picture_marks_hosts_without_an_inventory() -> None:
    """The host's box says so and has the reason."""
    shown = texts(picture(GRAPH))

    assert {"NDDDDDDD…", "no inventory", "no answer within 2 s"} <= set(shown)


def test_the_picture_escapes_all_that_hosts_send() -> None:
    """Names, labels, ids and references with markup, or with characters special to XML, are shown as text."""
    value = 'a<script>alert("1")</script>&\\N\n\x00;->"'
    by_wadm = {"wasmcloud.dev/appspec": value}
    host = HostInventory(
        host_id=value,
        friendly_name=value,
        labels={value: value},
        components=(ComponentDescription(id=value, image_ref=value, annotations=by_wadm),),
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


def test_an_empty_lattice_can_be_drawn() -> None:
    """Without hosts and links the picture is empty, and there is a heading."""
    assert texts(picture(LatticeGraph([]))) == []
    assert str(LatticeGraph([])) == "0 hosts, 0 components, 0 providers, 0 links"


def test_a_picture_of_a_notebook_has_the_pages_colours() -> None:
    """In a page it uses the page's text and background colours; a document of its own is dark on white."""
    assert "background:#fff" not in GRAPH._repr_html_()
    assert 'style="color:#1f2328;background:#fff"' in GRAPH.to_svg()


def test_a_picture_is_the_same_each_time() -> None:
    """It does not depend on the order of the replies."""
    again = LatticeGraph(reversed(HOSTS), reversed(LINKS))

    assert again.to_svg() == LatticeGraph(HOSTS, LINKS).to_svg()


def test_a_long_label_keeps_the_name_of_its_link() -> None:
    """The interfaces are cut, and the tooltip has all of them."""
    interfaces = ["incoming-handler", "outgoing-handler", "types", "proxy"]
    root = picture(LatticeGraph(HOSTS, [Link("web", "cart", "wasi", "http", interfaces, name="blue")]))
    [label] = boxes(root, "label")

    assert "\u00a0\u00a0incoming-handler,outgoing-handler,ty… (blue)" in texts_in(root, label)
    assert title_of(root, label) == f"web -> cart\nwasi:http/{','.join(interfaces)} (blue)"


def test_a_host_that_is_given_twice_is_one_host() -> None:
    """A component on it is on one host."""
    root = picture(LatticeGraph([HOSTS[1], HOSTS[1]], [Link("web", "web", "acme", "pages", ["a"])]))

    assert texts_in(root, boxes(root, "end component")[0]) == {"web", "on gentle-island"}


def test_boxes_are_wide_enough_for_wide_letters() -> None:
    """Capitals and the letters of East Asia take more space than others."""
    names = ("iiiiiiiiiiii", "WWWWWWWWWWWW", "葉葉葉葉葉葉葉葉葉葉葉葉")
    root = picture(LatticeGraph([inventory("A", "host", components=names)]))
    widths = sorted(float(box.get("width", "")) for box in boxes(root, "component"))

    assert widths == [104.8, 135.9, 193.6]


def test_hosts_are_side_by_side_in_the_order_of_their_upper_edges() -> None:
    """No two overlap, and the picture is no wider than a page."""
    hosts = [
        inventory(letter, f"host-{letter}", components=tuple(f"{letter}-{number}" for number in range(count)))
        for letter, count in zip("ABCDEFGHIJKLM", (9, 0, 3, 1, 0, 7, 2, 4, 0, 1, 6, 5, 2), strict=True)
    ]
    root = picture(LatticeGraph(hosts))
    frames = boxes(root, "host")
    tops = [float(frame.get("y", "")) for frame in frames]

    assert [sorted(texts_in(root, frame))[1] for frame in frames] == [host.friendly_name for host in hosts]
    assert tops == sorted(tops)
    assert not any(overlap(one, other) for one in frames for other in frames if one is not other)
    assert float(root.get("width", "")) < 1150


def overlap(one: ElementTree.Element, other: ElementTree.Element) -> bool:
    (left, top, width, height), (other_left, other_top, other_width, other_height) = (
        tuple(float(box.get(name, "")) for name in ("x", "y", "width", "height")) for box in (one, other)
    )
    return (
        left < other_left + other_width
        and other_left < left + width
        and top < other_top + other_height
        and other_top < top + height
    )


@pytest.mark.parametrize(("host_count", "height"), [(3, 271), (10, 684), (50, 3148)])
def test_pictures_of_more_hosts_are_longer_and_not_wider(host_count: int, height: int) -> None:
    """They scroll in one direction, as a page does."""
    root = picture(lattice_of(host_count))

    assert root.get("height") == str(height)
    assert float(root.get("width", "")) < 1250


def test_a_picture_of_2000_hosts_takes_seconds_at_most() -> None:
    """No step of the layout compares each box with all others."""
    hosts = [
        HostInventory(
            host_id=f"host-{number}",
            components=(ComponentDescription(id=f"c{number}", image_ref="a"),),
            providers=(ProviderDescription(id=f"p{number}", image_ref="a"),),
        )
        for number in range(2000)
    ]
    links = [Link(f"c{number}", f"p{number % 40}", "a", "b", ["c"]) for number in range(2000)]

    began = time.monotonic()
    LatticeGraph(hosts, links).to_svg()

    assert time.monotonic() - began < 10  # it takes 0.5 s on an idle machine


# Applications -----------------------------------------------------------------------------------


def of(application: str, host: HostInventory, *ids: str) -> HostInventory:
    """Return a host on which wadm has started these components and providers for an application."""
    by_wadm = {"wasmcloud.dev/managed-by": "wadm", "wasmcloud.dev/appspec": application}
    return attrs.evolve(
        host,
        components=tuple(
            attrs.evolve(item, annotations=by_wadm) if item.id in ids else item for item in host.components
        ),
        providers=tuple(
            attrs.evolve(item, annotations=by_wadm) if item.id in ids else item for item in host.providers
        ),
    )


SHOP_AND_PAGES = LatticeGraph(
    [of("shop", of("pages", HOSTS[0], "web"), "cart", "http"), of("pages", HOSTS[1], "web")], LINKS
)


def test_applications_are_known_by_what_wadm_has_started() -> None:
    """Each has the ids of its components and providers, on however many hosts. Other lattices have none."""
    assert SHOP_AND_PAGES.applications == {"pages": ("web",), "shop": ("cart", "http")}
    assert GRAPH.applications == {}


def test_text_says_what_belongs_to_which_application() -> None:
    """Each component and provider is said to be of its application, and each application has its ids."""
    assert str(SHOP_AND_PAGES).splitlines() == [
        "2 hosts, 2 components, 1 provider, 4 links, 2 applications",
        "├─ gentle-island (NAAAAAAA…)  zone=z-A",
        "│  └─ web  component ×5 of pages  acme/web:1",
        "└─ purple-waterfall (NBBBBBBB…)  zone=z-B",
        "   ├─ cart  component ×5 of shop  acme/cart:1",
        "   ├─ web  component ×5 of pages  acme/web:1",
        "   └─ http  provider of shop  acme/http:1",
        *str(GRAPH).splitlines()[10:],
        "applications",
        "├─ pages  web",
        "└─ shop  cart, http",
    ]
    assert repr(SHOP_AND_PAGES) == (
        "<LatticeGraph 2 hosts, 2 components, 1 provider, 4 links, 2 applications>"
    )


def test_the_picture_names_the_application_in_each_box() -> None:
    """On hosts and among the links. Above both is each application's name once, and its tooltip has the ids."""
    root = picture(SHOP_AND_PAGES)
    [web] = [box for box in boxes(root, "end component") if "web" in texts_in(root, box)]
    names = {
        texts_in(root, box).pop(): title_of(root, box)
        for number in (0, 1)
        for box in boxes(root, f"application{number}")
        if len(texts_in(root, box)) == 1
    }

    assert texts_in(root, web) == {"web", "on 2 hosts", "pages"}
    assert sorted(map(sorted, (texts_in(root, box) for box in boxes(root, "component")))) == [
        ["cart", "component ×5", "shop"],
        ["component ×5", "pages", "web"],
        ["component ×5", "pages", "web"],
    ]
    assert texts_in(root, boxes(root, "provider")[0]) == {"http", "provider", "shop"}
    assert title_of(root, boxes(root, "provider")[0]) == "http\nprovider of shop\non 1 host\nacme/http:1"
    assert names == {"pages": "application pages\nweb", "shop": "application shop\ncart\nhttp"}


def test_the_name_of_an_application_lies_in_its_box() -> None:
    """However short the names of the box are."""
    host = of("a-long-name-of-an-application", inventory("A", "host", components=("c",)), "c")
    root = picture(LatticeGraph([host]))
    [box] = boxes(root, "component")
    _, name = boxes(root, "application0")

    assert lies_within(name, box)


def test_names_of_many_applications_are_on_several_lines() -> None:
    """No line of them is wider than a page. The ninth application has the colour of the first."""
    ids = tuple(f"application-number-{number:02}" for number in range(20))
    host = inventory("A", "host", components=ids)
    for name in ids:
        host = of(name, host, name)
    root = picture(LatticeGraph([host]))
    [group] = [found for found in root.iter(f"{SVG}g") if found.get("transform")]
    names = list(group.iter(f"{SVG}rect"))
    left, top, width, _ = map(float, root.get("viewBox", "").split())
    above = float(group.get("transform", "").split()[1].strip(")"))

    assert [name.get("class") for name in names] == [f"application{number % 8}" for number in range(20)]
    assert len({name.get("y") for name in names}) == 4
    assert all(float(name.get("x", "")) + float(name.get("width", "")) <= left + width for name in names)
    assert top + 2 == above
    assert float(names[-1].get("y", "")) + above < 0


def test_a_component_that_two_applications_have_started_has_both_names_among_the_links() -> None:
    """On each host it has the name of the one that started it there."""
    hosts = [of("pages", HOSTS[1], "web"), of("shop", HOSTS[0], "web")]
    root = picture(LatticeGraph(hosts, [Link("web", "web", "acme", "pages", ["a"])]))

    assert texts_in(root, boxes(root, "end component")[0]) == {"web", "on 2 hosts", "pages", "shop"}
    assert [
        sorted(texts_in(root, box) - {"web"})
        for box in boxes(root, "component")
        if "web" in texts_in(root, box)
    ] == [["component ×5", "pages"], ["component ×5", "shop"]]


def test_a_lattice_without_applications_looks_as_it_did() -> None:
    """An empty name is none. The picture has no word and no style of applications."""
    plain = LatticeGraph(HOSTS, LINKS)

    assert LatticeGraph([of("", host, "web") for host in HOSTS], LINKS).to_svg() == plain.to_svg()
    assert "application" not in plain.to_svg()


def test_names_of_applications_can_be_read_on_light_and_dark_pages() -> None:
    """The text has a contrast of 4.5 or more to its colour, in the box of a component or provider on a host."""
    styles = SHOP_AND_PAGES.to_svg()
    colours = re.findall(r"\.application\d\{fill:(#\w{6});fill-opacity:\.35\}", styles)
    kinds = re.findall(r"\.(?:component|provider)\{fill:(#\w{6});fill-opacity:\.18;", styles)

    assert (len(set(colours)), len(kinds)) == (8, 2)
    for page, text in (("#fff", "#1f2328"), ("#111", "#e6e6e6")):
        on_host = mixed(text, 0.045, parts(page))
        for kind in kinds:
            behind = [mixed(colour, 0.35, mixed(kind, 0.18, on_host)) for colour in colours]
            assert min(contrast(parts(text), found) for found in behind) >= 4.5


@pytest.mark.parametrize(("host_count", "wadm_count", "height"), [(3, 1, 350), (10, 2, 786), (50, 15, 3431)])
def test_pictures_with_applications_are_longer_and_not_wider(
    host_count: int, wadm_count: int, height: int
) -> None:
    """Their names take a line in each box."""
    root = picture(lattice_of(host_count, wadm_count))

    assert root.get("height") == str(height)
    assert float(root.get("width", "")) < 1250
