"""Servers for the code in the documentation, reachable under the example addresses that the pages use."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import identities
import trustme

import wasmcloud_ctl
from wasmcloud_ctl import Client
from wasmcloud_ctl.testing import PracticeLattice, PracticeServer

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"

_connect = wasmcloud_ctl.connect


class Running:
    """Running servers, the files that the pages name, and wash's contexts.

    Changes the current folder to the one that holds the files, and replaces ``wasmcloud_ctl.connect``, until
    ``close``.
    """

    def __init__(self, lattice: PracticeLattice) -> None:
        self._ending = contextlib.ExitStack()
        self._urls: dict[str, str] = {}
        folder = Path(self._ending.enter_context(tempfile.TemporaryDirectory()))
        self._ending.callback(os.chdir, Path.cwd())
        os.chdir(folder)
        operator, seed = identities.Operator(), identities.new_seed()
        Path("operator.creds").write_text(identities.credentials(operator.user_jwt(seed), seed))
        authority = trustme.CA()
        authority.cert_pem.write_to_path("ca.pem")
        authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path("server.pem")
        pem = (folder / "server.pem").as_posix()
        for name in ("nats", "a", "b"):
            self._urls[f"nats://{name}.example:4222"] = lattice.url
        self._serve("nats://secure.example:4222", operator.server_config)
        self._serve("nats://password.example:4222", "authorization { user: me, password: right }")
        tls = self._serve("tls://tls.example:4222", f'tls {{ cert_file: "{pem}", key_file: "{pem}" }}')
        self._urls["tls://tls.example:4222"] = f"tls://localhost:{tls.port}"
        accounts = Path(__file__).with_name("howto") / "accounts.conf"
        server = self._ending.enter_context(PracticeServer(config=accounts.read_text()))
        login = {"user": "host", "password": "host-secret"}
        self._ending.enter_context(PracticeLattice(server=server, connect_options=login))
        self._urls["nats://accounts.example:4222"] = server.url
        port = int(lattice.url.rpartition(":")[2])
        for name, lattice_name in (("host_config", "default"), ("staging", "blue")):
            context = {"ctl_host": "127.0.0.1", "ctl_port": port, "lattice": lattice_name}
            Path(f"{name}.json").write_text(json.dumps(context))
        os.environ["WASH_CONTEXT_DIR"] = str(folder)
        self._ending.callback(os.environ.pop, "WASH_CONTEXT_DIR")
        wasmcloud_ctl.connect = self._connect

    def _serve(self, url: str, config: str) -> PracticeServer:
        server = self._ending.enter_context(PracticeServer(jetstream=False, config=config))
        self._urls[url] = server.url
        return server

    def _connect(self, servers: str | list[str] | None = None, **options: Any) -> Client:
        """Call ``wasmcloud_ctl.connect`` with the real addresses of the example servers."""
        if isinstance(servers, str):
            return _connect(self._urls[servers], **options)
        return _connect(servers and [self._urls[server] for server in servers], **options)

    def close(self) -> None:
        """Stop the servers and restore the folder, the environment and ``connect``."""
        wasmcloud_ctl.connect = _connect
        self._ending.close()
