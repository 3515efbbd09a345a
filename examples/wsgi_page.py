"""Serve a page of the lattice from a threaded WSGI application.

    python examples/wsgi_page.py --port 8000
    gunicorn --chdir examples --preload --worker-class gthread --threads 8 --workers 3 'wsgi_page:application()'

The page comes from a live view, so it asks no host and takes about a millisecond. It says how old its oldest part
is. While it may be wrong, for example because the lattice cannot be reached, it says so and shows what was seen
last. A component that may run another image than its host shows is marked.

One view serves all threads. You need no pool, no lock and no event loop. A server that forks its workers may make
the view before that: each worker gets a connection and a view of its own at its first page. If it cannot, this page
has status 503.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from html import escape
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIServer, make_server

import wasmcloud_ctl
from wasmcloud_ctl import Client, CtlError, HostInventory

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
            wasmcloud_ctl.from_env(options.url, lattice=options.lattice, context=options.context) as client,
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


def application() -> LatticePage:
    """Return the page for any WSGI server. Connects as wash does."""
    return LatticePage(wasmcloud_ctl.from_env())


class ThreadingServer(ThreadingMixIn, WSGIServer):
    """A WSGI server with a thread for each request."""

    daemon_threads = True


class LatticePage:
    """A WSGI application that shows what runs on which host."""

    def __init__(self, client: Client) -> None:
        self._client = client
        # A host that answers more than 0.25 seconds after the others is missing at first. It appears when it
        # publishes its next event, a heartbeat for example.
        self._view = client.watch(quiet=0.25)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            status, body = "200 OK", self._hosts()
        except CtlError as error:  # only in a new worker: there is no view yet
            status, body = "503 Service Unavailable", sentence(f"The lattice cannot be shown now: {error}")
        page = PAGE.format(lattice=escape(self._client.lattice), body=body).encode()
        headers = [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(page)))]
        start_response(status, headers)
        return [page]

    def _hosts(self) -> str:
        # In a new worker this waits for the first picture, so it comes first.
        hosts = self._view.lattice.hosts.values()
        stale, doubts = self._view.stale, self._view.doubts
        age = (datetime.now(timezone.utc) - self._view.as_of).total_seconds()
        sections = [sentence(f"{len(hosts)} hosts. The oldest part is {age:.0f} s old")]
        if stale:
            why = "some hosts are being asked" if self._client.connected else "there is no connection"
            sections.append(sentence(f"This may be wrong now: {why}"))
        runs_other = {(doubt.host_id, doubt.component_id): doubt.event_ref for doubt in doubts}
        for host in sorted(hosts, key=lambda host: (host.friendly_name, host.host_id)):
            sections.append(section(host, runs_other))
        return "\n".join(sections)


def sentence(text: str) -> str:
    """Return a sentence as HTML."""
    return f"<p>{escape(text)}.</p>"


def section(host: HostInventory, runs_other: dict[tuple[str, str], str]) -> str:
    """Return one host as HTML. ``runs_other`` has the images that run under another name."""
    runs = []
    for component in host.components:
        other = runs_other.get((host.host_id, component.id))
        doubt = f" (in doubt: it may run {other})" if other else ""
        runs.append(f"component {component.id}: {component.max_instances} of {component.image_ref}{doubt}")
    runs += [f"provider {provider.id}: {provider.image_ref}" for provider in host.providers]
    items = "\n".join(f"<li>{escape(text)}</li>" for text in sorted(runs) or ["nothing"])
    return f"<h2>{escape(host.friendly_name)}</h2>\n<ul>\n{items}\n</ul>"


if __name__ == "__main__":
    sys.exit(main())
