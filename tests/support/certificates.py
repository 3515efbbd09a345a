"""Certificates for tests of TLS."""

from __future__ import annotations

from pathlib import Path

import attrs
import trustme
from cryptography.hazmat.primitives import serialization


@attrs.frozen
class Files:
    """Certificates as files in PEM.

    Attributes:
        ca: Who signed the server's.
        other_ca: Somebody else.
        client: A client's, with its key.
        cert: The same without the key.
        key: The key.
        encrypted_key: The key, under a password.
        stranger: A client's that somebody else signed, with its key.
    """

    folder: Path

    def __getattr__(self, name: str) -> Path:
        return self.folder / f"{name}.pem"


def make_files(folder: Path) -> Files:
    """Write new certificates into a folder."""
    made = Files(folder)
    ca, other = trustme.CA(), trustme.CA()
    ca.cert_pem.write_to_path(made.ca)
    other.cert_pem.write_to_path(made.other_ca)
    ca.issue_cert("127.0.0.1", "localhost").private_key_and_cert_chain_pem.write_to_path(made.server)
    ca.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(made.by_name)
    ca.issue_cert("elsewhere.example").private_key_and_cert_chain_pem.write_to_path(made.elsewhere)
    client = ca.issue_cert("me@wasmcloud.example")
    client.private_key_and_cert_chain_pem.write_to_path(made.client)
    client.private_key_pem.write_to_path(made.key)
    client.cert_chain_pems[0].write_to_path(made.cert)
    key = serialization.load_pem_private_key(made.key.read_bytes(), None)
    made.encrypted_key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"hunter2"),
        )
    )
    other.issue_cert("me@wasmcloud.example").private_key_and_cert_chain_pem.write_to_path(made.stranger)
    made.nothing.write_text("nothing")
    return made
