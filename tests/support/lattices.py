"""Lattices of any size to draw: applications of four parts on hosts, with a link to a component that runs nowhere.

``python tests/support/lattices.py 10 > docs/howto/lattice.svg`` draws a picture of the documentation, and
``python tests/support/lattices.py 10 2 > docs/howto/lattice-applications.svg`` the other one.
"""

from __future__ import annotations

import random
import sys

from wasmcloud_ctl import ComponentDescription, HostInventory, Link, ProviderDescription
from wasmcloud_ctl.graph import LatticeGraph

_APPLICATIONS = ("shop", "billing", "chat", "media", "stock", "mail", "auth", "feed")
_ADJECTIVES = ("amber", "bold", "quiet", "pale", "swift")
_NOUNS = ("field", "moon", "river", "stone", "wind")


def lattice_of(host_count: int, wadm_count: int = 0) -> LatticeGraph:
    """Return the graph of a lattice of so many hosts, with one application for every three. It is always the same.

    The first ``wadm_count`` applications are of wadm.
    """
    choose = random.Random(host_count)
    components: list[list[str]] = [[] for _ in range(host_count)]
    providers: list[list[str]] = [[] for _ in range(host_count)]
    links = []
    annotations: dict[str, dict[str, str]] = {}
    for number in range(max(1, host_count // 3)):
        name = _APPLICATIONS[number % 8] + (str(number // 8 + 1) if number >= 8 else "")
        for part, hosts in (
            ("http", providers),
            ("api", components),
            ("store", components),
            ("kv", providers),
        ):
            for host in choose.sample(range(host_count), choose.choice((1, 1, 2, 3))):
                hosts[host].append(f"{name}-{part}")
            annotations[f"{name}-{part}"] = {"wasmcloud.dev/appspec": name} if number < wadm_count else {}
        links += [
            Link(
                f"{name}-http",
                f"{name}-api",
                "wasi",
                "http",
                ["incoming-handler"],
                source_config=[f"{name}-addr"],
            ),
            Link(f"{name}-api", f"{name}-store", "acme", name, ["carts", "orders"]),
            Link(f"{name}-store", f"{name}-kv", "wasi", "keyvalue", ["atomics", "store"]),
        ]
        if number == 1:
            links.append(Link("billing-api", "shop-store", "acme", "shop", ["orders"], name="backup"))
    links.append(Link("shop-api", "redis", "wasi", "keyvalue", ["store"]))
    inventories = [
        HostInventory(
            host_id="N" + "".join(choose.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", k=55)),
            friendly_name=f"{choose.choice(_ADJECTIVES)}-{choose.choice(_NOUNS)}-{1000 + number}",
            labels={"zone": choose.choice("abc")},
            components=tuple(
                ComponentDescription(
                    id=found,
                    image_ref=f"ghcr.io/acme/{found}:0.1.0",
                    max_instances=5,
                    annotations=annotations[found],
                )
                for found in components[number]
            ),
            providers=tuple(
                ProviderDescription(
                    id=found, image_ref=f"ghcr.io/acme/{found}:0.1.0", annotations=annotations[found]
                )
                for found in providers[number]
            ),
        )
        for number in range(host_count)
    ]
    return LatticeGraph(inventories, links, lattice="default")


if __name__ == "__main__":
    print(lattice_of(*map(int, sys.argv[1:])).to_svg())
