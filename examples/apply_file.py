"""Apply configs and links from a file, and show what changed.

    python examples/apply_file.py examples/lattice.json --check
    python examples/apply_file.py examples/lattice.json

The file is JSON: ``{"configs": {NAME: {KEY: VALUE, ...}, ...}, "links": [{FIELD: VALUE, ...}, ...]}``, with the
fields of ``wasmcloud_ctl.Link``. The script sends only what differs, so a second run changes nothing. It leaves all
other configs and links of the lattice alone. It prints the keys of a config. Values may be secret, so it prints them
only with ``--values``.

``--check`` changes nothing. Its exit status is 3 if there is something to change, and 0 if not. To change the target
of a link, the script deletes the old link first, because hosts refuse the new link beside the old one. The source
has no link for that moment.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import attrs

import wasmcloud_ctl
from wasmcloud_ctl import Client, CtlError, Link, NotFound

Configs = dict[str, dict[str, str]]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("file", type=Path, help="the JSON file")
    parser.add_argument("--check", action="store_true", help="only show what would change")
    parser.add_argument("--values", action="store_true", help="also show the values of configs")
    parser.add_argument("--wait", type=float, default=10, help="seconds for each link (default: %(default)s)")
    parser.add_argument("--url", help="a NATS server's URL (default: as for wash)")
    parser.add_argument("--lattice", help="the lattice's name (default: as for wash)")
    parser.add_argument("--context", help="a wash context (default: as for wash)")
    options = parser.parse_args(argv)
    try:
        configs, links = read(options.file)
        with wasmcloud_ctl.from_env(
            options.url, lattice=options.lattice, context=options.context, check=True
        ) as client:
            changed = apply(client, configs, links, options)
    except (CtlError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: interrupted; the outcome of the change after the last line is unknown", file=sys.stderr)
        return 1
    return 3 if options.check and changed else 0


def read(path: Path) -> tuple[Configs, list[Link]]:
    """Read configs and links from the file.

    Raises:
        ValueError: The file is not valid.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(document, dict):
            raise ValueError("it must be an object with configs and links")
        configs: Configs = document.pop("configs", {})
        links = [Link(**link) for link in document.pop("links", [])]
        values = [value for config in configs.values() for value in config.values()]
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error
    if document:
        raise ValueError(f"{path}: unknown keys: {', '.join(document)}")
    if not all(isinstance(value, str) for value in values):
        raise ValueError(f"{path}: the values of a config must be strings")
    for link in links:
        for field, value in attrs.asdict(link, recurse=False).items():
            kind = tuple if field in ("interfaces", "source_config", "target_config") else str
            if not isinstance(value, kind):
                raise ValueError(f"{path}: {field} of a link cannot be {value!r}")
    return configs, links


def apply(client: Client, configs: Configs, links: list[Link], options: argparse.Namespace) -> bool:
    """Apply and print what differs. Returns whether anything did."""
    # Compare everything before the first change, so that an error in the file changes nothing.
    present = {name: client.get_config(name).data for name in configs}
    new_configs = [name for name, config in configs.items() if present[name] != config]
    new_links = list(link_changes(client, links, known=configs))
    for name in new_configs:
        if not options.check:
            client.put_config(name, configs[name])
        print(f"{'+' if present[name] is None else '~'} config {name}", flush=True)
        for line in differences(present[name] or {}, configs[name], options.values):
            print(f"    {line}")
    for sign, link in new_links:
        if not options.check and sign == "-":
            client.delete_link(
                link.source_id, link.name, link.wit_namespace, link.wit_package, wait=options.wait
            )
        elif not options.check:
            client.put_link(link, wait=options.wait)
        print(f"{sign} {describe(link)}", flush=True)
    return bool(new_configs or new_links)


def link_changes(client: Client, links: list[Link], known: Configs) -> Iterator[tuple[str, Link]]:
    """Yield links to delete (``-``), to replace (``~``) and to put (``+``), in this order."""
    present = client.get_links().unwrap()
    for link in links:
        for name in {*link.source_config, *link.target_config}.difference(known):
            if client.get_config(name).data is None:
                raise NotFound(f"config {name} is neither in the file nor in the lattice: {describe(link)}")
        same = [other for other in present if slot(other) == slot(link)]
        if link in same:
            continue
        if any(other.target == link.target for other in same):
            yield "~", link
            continue
        for other in same:
            if set(other.interfaces).intersection(link.interfaces):
                yield "-", other
        yield "+", link


def slot(link: Link) -> tuple[str, str, str, str]:
    """Return what two links of a source share if they conflict over the same interface."""
    return link.source_id, link.wit_namespace, link.wit_package, link.name


def differences(old: Mapping[str, str], new: Mapping[str, str], values: bool) -> Iterator[str]:
    for key in sorted({*old, *new}):
        if old.get(key) != new.get(key):
            sign = "+" if key not in old else "-" if key not in new else "~"
            words = " -> ".join(side[key] for side in (old, new) if key in side)
            yield f"{sign} {key}: {words}" if values else f"{sign} {key}"


def describe(link: Link) -> str:
    words = f"link {link.source_id} -> {link.target} {link.wit_namespace}:{link.wit_package}"
    words += f"/{','.join(link.interfaces)} ({link.name})"
    for side, names in (("source", link.source_config), ("target", link.target_config)):
        if names:
            words += f" {side}_config={','.join(names)}"
    return words


if __name__ == "__main__":
    sys.exit(main())
