"""TLS contexts: the certificates that are trusted, and the client's own."""

from __future__ import annotations

import os
import ssl

from wasmcloud_ctl._options.options import Options, Path
from wasmcloud_ctl.exceptions import ConnectError


def make_context(options: Options) -> ssl.SSLContext:
    """Return the caller's own TLS context, or create one that verifies the server's certificate and its name.

    Files are read for each connection, so that renewed certificates are used. A file that cannot be read, or does
    not contain what it should, raises ConnectError.
    """
    if isinstance(options.tls, ssl.SSLContext):
        return options.tls
    context = ssl.create_default_context() if options.tls_ca is None else _trusting(options.tls_ca)
    if options.tls_cert is not None:
        _load_certificate(context, options.tls_cert, options.tls_key or options.tls_cert)
    return context


def _trusting(ca: Path) -> ssl.SSLContext:
    path = os.path.expanduser(ca)
    try:
        return ssl.create_default_context(cafile=path)
    except ssl.SSLError as error:
        raise ConnectError(f"tls_ca file {path} contains no certificate in PEM format") from error
    except OSError as error:
        raise ConnectError(f"cannot read tls_ca file {path}: {error.strerror}") from error


def _load_certificate(context: ssl.SSLContext, cert: Path, key: Path) -> None:
    cert_path, key_path = os.path.expanduser(cert), os.path.expanduser(key)
    for path, argument in ((cert_path, "tls_cert"), (key_path, "tls_key")):
        try:
            open(path, "rb").close()
        except OSError as error:
            raise ConnectError(f"cannot read {argument} file {path}: {error.strerror}") from error
    asked = False

    def no_password() -> bytes:
        # Without this, OpenSSL would prompt for the password on the terminal and block.
        nonlocal asked
        asked = True
        return b""

    try:
        context.load_cert_chain(cert_path, key_path, password=no_password)
    except ssl.SSLError as error:
        message = (
            f"tls_cert file {cert_path} and tls_key file {key_path} do not contain a certificate and its key "
            "in PEM format"
        )
        if asked:
            message = f"the key in {key_path} is encrypted: decrypt it, or pass an ssl.SSLContext as tls"
        elif error.reason == "KEY_VALUES_MISMATCH":
            message = f"the key in {key_path} does not belong to the certificate in {cert_path}"
        raise ConnectError(message) from error
