"""Serve a page of the lattice from a threaded WSGI application.

    python examples/wsgi_page.py --port 8000

One client serves all threads. It is made at the start. You need no pool, no lock and no event loop. While the
lattice cannot be reached or has no hosts, the page says so with status 503, and the client reconnects
automatically. If no host answers in time, the status is 504. A host that answers the ping but not the next question
is named on the page. A host that answers the ping more than 0.25 seconds after the others is missing. To use
another threaded server, pass it the WSGI application ``LatticePage(client)``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from html import escape
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIServer, make_server

import wasmcloud_ctl
from wasmcloud_ctl import Client, CtlError, HostInventory, RequestTimeout

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PAGE = """\
<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>Lattice {lattice}</title>
<h1>Lattice {lattice}</h1>
{body}
</html>
"""


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--address", default="127.0.0.1", help="the address to listen on (default: %(default)s)"
    )
    parser.add_argument(
        "--port", type=int, default=8000, help="the port; 0 picks a free one (default: %(default)s)"
    )
    parser.add_argument("--url", help="a NATS server's URL (default: as for wash)")
    parser.add_argument("--lattice", help="the lattice's name (default: as for wash)")
    parser.add_argument("--context", help="a wash context (default: as for wash)")
    options = parser.parse_args(argv)
    try:
        with (
            wasmcloud_ctl.from_env(
                options.url, lattice=options.lattice, context=options.context, quiet=0.25
            ) as client,
            make_server(options.address, options.port, LatticePage(client), ThreadingServer) as server,
        ):
            print(f"http://{options.address}:{server.server_port}/", flush=True)
            server.serve_forever()
    except KeyboardInterrupt:
        pass  # the normal end
    except (CtlError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


class ThreadingServer(ThreadingMixIn, WSGIServer):
    """A WSGI server with a thread for each request."""

    daemon_threads = True


class LatticePage:
    """A WSGI application that shows what runs on which host."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            status, body = "200 OK", self._hosts()
        except RequestTimeout as error:
            status, body = "504 Gateway Timeout", sentence(f"No host answered: {error}")
        except CtlError as error:  # such as NotConnectedError, and NoResponders in a lattice without hosts
            status, body = "503 Service Unavailable", sentence(f"The lattice cannot be shown now: {error}")
        page = PAGE.format(lattice=escape(self._client.lattice), body=body).encode()
        headers = [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(page)))]
        start_response(status, headers)
        return [page]

    def _hosts(self) -> str:
        inventories = self._client.get_host_inventories()
        if not (inventories or inventories.errors):
            inventories.raise_for_status()
        sections = [section(host) for host in inventories]
        # Show missing hosts as missing. Otherwise they would look like hosts that are gone.
        missing = [f"Host {host_id}: {error}" for host_id, error in sorted(inventories.errors.items())]
        missing += [f"A host's reply: {answer.reason}" for answer in inventories.undecodable]
        sections += [sentence(f"Not shown: {text}") for text in missing]
        return "\n".join(sections)


def sentence(text: str) -> str:
    """Return a sentence as HTML."""
    return f"<p>{escape(text)}.</p>"


def section(host: HostInventory) -> str:
    """Return one host as HTML."""
    runs = [
        f"component {component.id}: {component.max_instances} of {component.image_ref}"
        for component in host.components
    ]
    runs += [f"provider {provider.id}: {provider.image_ref}" for provider in host.providers]
    items = "\n".join(f"<li>{escape(text)}</li>" for text in sorted(runs) or ["nothing"])
    return f"<h2>{escape(host.friendly_name)}</h2>\n<ul>\n{items}\n</ul>"


if __name__ == "__main__":
    sys.exit(main())
