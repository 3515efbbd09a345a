"""TLS: what is trusted, what is shown, and what is never sent in clear."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from certificates import Files, make_files
from refusals import refusal

import wasmcloud_ctl
from wasmcloud_ctl import AuthError, ConnectError
from wasmcloud_ctl.testing import PracticeServer


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return make_files(tmp_path_factory.mktemp("certificates"))


Serving = Callable[..., AbstractContextManager[PracticeServer]]


@pytest.fixture
def serving(files: Files) -> Serving:
    """Starts a server with TLS."""

    @contextmanager
    def serve(certificate: str = "server", more: str = "", config: str = "") -> Iterator[PracticeServer]:
        pem = (files.folder / f"{certificate}.pem").as_posix()
        tls = f'tls {{ cert_file: "{pem}", key_file: "{pem}", {more} }}\n'
        with PracticeServer(jetstream=False, config=tls + config) as server:
            yield server

    return serve


def works(*arguments: Any, **options: Any) -> bool:
    """Whether a request goes through."""
    with wasmcloud_ctl.connect(*arguments, **options) as client:
        return client.get_hosts().no_responders


def test_a_ca_file(serving: Serving, files: Files) -> None:
    """With the CA of the server's certificate the connection is made; the client's repr tells that it has TLS."""
    with serving() as server:
        assert works(server.url, tls_ca=files.ca)
        assert works(server.url, tls_ca=str(files.ca), tls=True)
        assert works(f"tls://localhost:{server.port}", tls_ca=files.ca)
        assert works(server.url, tls=ssl.create_default_context(cafile=files.ca))
        with wasmcloud_ctl.connect(server.url, tls_ca=files.ca) as client:
            assert repr(client) == (
                f"<Client tls://127.0.0.1:{server.port} lattice='default' topic_prefix='wasmbus.ctl' timeout=2.0 "
                "auction_timeout=5.0 connected>"
            )


def test_the_systems_roots(serving: Serving, files: Files) -> None:
    """Without a CA file the system's roots are trusted: here a process is told that these are the test's CA."""
    with serving() as server:
        script = (
            "import wasmcloud_ctl\n"
            f"for url in ('nats://127.0.0.1:{server.port}', 'tls://127.0.0.1:{server.port}'):\n"
            "    with wasmcloud_ctl.connect(url, connect_timeout=20) as client:\n"
            "        print(client.get_hosts().no_responders)\n"
        )
        done = subprocess.run(
            [sys.executable, "-W", "default", "-c", script],
            capture_output=True,
            text=True,
            env={**os.environ, "SSL_CERT_FILE": str(files.ca)},
        )
    assert (done.stdout, done.stderr) == ("True\nTrue\n", "")


def test_a_certificate_that_is_not_trusted(serving: Serving, files: Files) -> None:
    """Of an unknown CA: said with what to do, also where only the server wants TLS."""
    with serving() as server:
        why = "unable to get local issuer certificate"
        secure = f"tls://127.0.0.1:{server.port}"
        assert (
            refusal(server.url, tls_ca=files.other_ca) == f"the certificate of {secure} is not trusted: {why}"
        )
        # Waiting for a server would not help.
        assert refusal(secure, wait=30) == (
            f"the certificate of {secure} is not trusted: {why}; tls_ca names whom to trust"
        )
        assert refusal(server.url) == (
            f"{server.url} requires TLS, and its certificate is not trusted: {why}; tls_ca names whom to trust"
        )


def test_the_name_that_was_dialled_must_be_the_certificates(serving: Serving, files: Files) -> None:
    """A certificate of a known CA for another name is refused as that."""
    with serving("elsewhere") as server:
        assert refusal(f"tls://localhost:{server.port}", tls_ca=files.ca) == (
            f"the certificate of tls://localhost:{server.port} is for another name: "
            "Hostname mismatch, certificate is not valid for 'localhost'."
        )
        assert "is for another name: IP address mismatch" in refusal(server.url, tls_ca=files.ca)


def test_a_client_certificate(serving: Serving, files: Files) -> None:
    """In one file with its key, or in two."""
    with serving(more=f'ca_file: "{files.ca}", verify: true') as server:
        assert works(server.url, tls_ca=files.ca, tls_cert=files.client)
        assert works(server.url, tls_ca=files.ca, tls_cert=files.cert, tls_key=files.key)
        secure = f"tls://127.0.0.1:{server.port}"
        for _ in range(10):  # the server says why, and hangs up: the second may overtake the first
            message = refusal(server.url, tls_ca=files.ca, kind=AuthError)
            assert message.startswith(secure)
            assert "requires a client's certificate: give tls_cert and tls_key" in message
            message = refusal(server.url, tls_ca=files.ca, tls_cert=files.stranger, kind=AuthError)
            assert re.search("refuse[sd] the client's certificate", message)


def test_tls_first(serving: Serving, files: Files) -> None:
    """The handshake before the greeting; where only one side is set to it, the sentence names the option."""
    with serving(more="handshake_first: true") as server:
        assert works(server.url, tls_ca=files.ca, tls_first=True)
        message = refusal(server.url, tls_ca=files.ca, connect_timeout=0.3)
        assert message.endswith(
            "said nothing; is it a NATS server, and does it want the TLS handshake first (tls_first)?"
        )
    with serving() as server:
        for _ in range(20):  # the greeting comes before, or in the middle of, the handshake
            assert refusal(server.url, tls_ca=files.ca, tls_first=True) == (
                f"tls://127.0.0.1:{server.port} does not begin with the TLS handshake: leave tls_first out"
            )


@pytest.mark.parametrize("asks", [{"tls": True}, {"tls_ca": "ca"}, {"tls_cert": "client"}, {}])
def test_tls_that_is_asked_for_and_not_offered(files: Files, asks: dict[str, Any]) -> None:
    """Whatever option asks for TLS: a server whose greeting offers none gets not a byte."""
    options: dict[str, Any] = {
        name: files.folder / f"{value}.pem" if isinstance(value, str) else value
        for name, value in asks.items()
    }
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as plain:

        def serve() -> None:
            connection, _ = plain.accept()
            with connection:
                connection.sendall(b'INFO {"server_id":"x","version":"2.10.0","max_payload":1048576}\r\n')
                heard.append(connection.recv(65536))

        thread = threading.Thread(target=serve)
        thread.start()
        port = plain.getsockname()[1]
        url = f"127.0.0.1:{port}" if asks else f"tls://127.0.0.1:{port}"
        message = refusal(url, user="me", password="hunter2", secrets=("hunter2",), **options)
        thread.join(5)

    assert heard == [b""]
    assert message == (
        f"tls://127.0.0.1:{port} does not offer TLS, and nothing was sent to it: to connect in clear use nats://, "
        "and no option for TLS"
    )


def test_tls_first_is_never_in_clear(files: Files) -> None:
    """With tls_first a server that greets in clear hears the beginning of a handshake, and no password."""
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as plain:

        def serve() -> None:
            connection, _ = plain.accept()
            with connection:
                connection.sendall(b'INFO {"server_id":"x","version":"2.10.0","max_payload":1048576}\r\n')
                with contextlib.suppress(ConnectionResetError):
                    while data := connection.recv(65536):
                        heard.append(data)

        thread = threading.Thread(target=serve)
        thread.start()
        refusal(f"127.0.0.1:{plain.getsockname()[1]}", user="me", password="hunter2", tls_first=True)
        thread.join(5)

    assert b"hunter2" not in b"".join(heard)
    assert b"CONNECT" not in b"".join(heard)


def test_tls_that_is_merely_offered_is_used_where_it_is_asked_for(serving: Serving, files: Files) -> None:
    """A server that takes both: with TLS if the client asks for it, else in clear."""
    with serving(config="allow_non_tls: true\ndebug: true\n") as server:
        assert works(server.url)
        assert "TLS handshake complete" not in server.log
        assert works(server.url, tls_ca=files.ca)
        assert "TLS handshake complete" in server.log


def test_false_rules_tls_out(serving: Serving) -> None:
    """With tls=False a server that requires TLS is refused."""
    with serving() as server:
        assert refusal(server.url, tls=False) == f"{server.url} requires TLS, which tls=False rules out"


def test_a_server_that_breaks_off_the_handshake() -> None:
    """A server that offers TLS and hangs up, and one that says nothing to the handshake, are told apart."""
    for behaviour, sentence in ((b"", "TLS with|ended the connection"), (None, "did not answer in time")):
        with socket.create_server(("127.0.0.1", 0)) as other:

            def serve(listener: socket.socket = other, hang_up: bool = behaviour is not None) -> None:
                connection, _ = listener.accept()
                with connection:
                    connection.sendall(b'INFO {"server_id":"x","version":"2.10.0","tls_required":true}\r\n')
                    connection.recv(65536)
                    if not hang_up:
                        with contextlib.suppress(ConnectionResetError):
                            connection.recv(65536)

            thread = threading.Thread(target=serve)
            thread.start()
            with pytest.raises(ConnectError, match=sentence):
                wasmcloud_ctl.connect(f"tls://127.0.0.1:{other.getsockname()[1]}", connect_timeout=1.0)
            thread.join(5)
