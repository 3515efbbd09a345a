"""The servers of which the page on connecting speaks, each under the address that stands there."""

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

_connect = wasmcloud_ctl.connect


class Running:
    """Servers that run, the files that the page names, in a folder that is the current one, and wash's context."""

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
        """As ``wasmcloud_ctl.connect``, to where the servers of the page truly are."""
        if isinstance(servers, str):
            return _connect(self._urls[servers], **options)
        return _connect(servers and [self._urls[server] for server in servers], **options)

    def close(self) -> None:
        """End them, and let all be as it was."""
        wasmcloud_ctl.connect = _connect
        self._ending.close()
