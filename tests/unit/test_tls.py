"""TLS files and options that `connect` refuses before it dials."""

from __future__ import annotations

import ssl
from typing import Any

import pytest
from certificates import Files, make_files
from refusals import refusal

from wasmcloud_ctl import InvalidArgument


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return make_files(tmp_path_factory.mktemp("certificates"))


def test_files_that_cannot_be_used_are_named(files: Files) -> None:
    """Not there, no PEM, a key that is not the certificate's, a key under a password (for which nobody is asked):
    each its own sentence, before anything is dialled."""
    nowhere = "127.0.0.1:1"
    missing = files.folder / "missing.pem"
    gone = "No such file or directory"
    assert refusal(nowhere, tls_ca=missing) == f"cannot read tls_ca file {missing}: {gone}"
    assert refusal(nowhere, tls_cert=missing) == f"cannot read tls_cert file {missing}: {gone}"
    assert (
        refusal(nowhere, tls_cert=files.cert, tls_key=missing)
        == f"cannot read tls_key file {missing}: {gone}"
    )
    assert refusal(nowhere, tls_ca=files.nothing) == (
        f"tls_ca file {files.nothing} contains no certificate in PEM format"
    )
    assert refusal(nowhere, tls_cert=files.nothing) == (
        f"tls_cert file {files.nothing} and tls_key file {files.nothing} do not contain a certificate and its key "
        "in PEM format"
    )
    assert refusal(nowhere, tls_cert=files.cert, tls_key=files.stranger) == (
        f"the key in {files.stranger} does not belong to the certificate in {files.cert}"
    )
    assert refusal(nowhere, tls_cert=files.cert, tls_key=files.encrypted_key) == (
        f"the key in {files.encrypted_key} is encrypted: decrypt it, or pass an ssl.SSLContext as tls"
    )


@pytest.mark.parametrize(
    "options",
    [
        {"tls": "yes"},
        {"tls_first": "yes"},
        {"tls_ca": 5},
        {"tls_key": "key.pem"},
        {"tls": False, "tls_ca": "ca.pem"},
        {"tls": False, "tls_first": True},
        {"tls": False, "servers": "tls://127.0.0.1"},
        {"tls": ssl.create_default_context(), "tls_ca": "ca.pem"},
    ],
)
def test_options_that_contradict_each_other(options: dict[str, Any]) -> None:
    """They are refused before anything is dialled."""
    refusal(kind=InvalidArgument, **options)
