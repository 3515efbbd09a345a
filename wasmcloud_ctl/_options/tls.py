"""TLS: which certificates are trusted, and which is shown."""

from __future__ import annotations

import os
import ssl

from wasmcloud_ctl._options.options import Options, Path
from wasmcloud_ctl.exceptions import ConnectError


def context(options: Options) -> ssl.SSLContext:
    """The TLS context for these options, with files read anew, so that what has been renewed counts.

    It always verifies the server's certificate, and that it is for the name that was dialled.

    Raises:
        ConnectError: A file cannot be read, or holds something else.
    """
    if isinstance(options.tls, ssl.SSLContext):
        return options.tls
    made = ssl.create_default_context() if options.tls_ca is None else _trusting(options.tls_ca)
    if options.tls_cert is not None:
        _show(made, options.tls_cert, options.tls_cert if options.tls_key is None else options.tls_key)
    return made


def _trusting(ca: Path) -> ssl.SSLContext:
    path = os.path.expanduser(os.fspath(ca))
    try:
        return ssl.create_default_context(cafile=path)
    except ssl.SSLError as error:
        raise ConnectError(f"the file {path}, given as tls_ca, holds no certificate in PEM") from error
    except OSError as error:
        raise ConnectError(f"the file {path}, given as tls_ca, cannot be read: {error.strerror}") from error


def _show(made: ssl.SSLContext, cert: Path, key: Path) -> None:
    cert_path, key_path = (os.path.expanduser(os.fspath(path)) for path in (cert, key))
    for path, argument in ((cert_path, "tls_cert"), (key_path, "tls_key")):
        try:
            with open(path, "rb"):
                pass
        except OSError as error:
            raise ConnectError(
                f"the file {path}, given as {argument}, cannot be read: {error.strerror}"
            ) from error
    asked = False

    def no_password() -> bytes:
        # Without this OpenSSL would ask for it at the terminal, and wait.
        nonlocal asked
        asked = True
        return b""

    try:
        made.load_cert_chain(cert_path, key_path, password=no_password)
    except ssl.SSLError as error:
        if asked:
            raise ConnectError(
                f"the key in {key_path} is encrypted: give one that is not, or an ssl.SSLContext as tls"
            ) from error
        if error.reason == "KEY_VALUES_MISMATCH":
            raise ConnectError(
                f"the key in {key_path} is not that of the certificate in {cert_path}"
            ) from error
        raise ConnectError(
            f"no certificate with its key, both in PEM, is in {cert_path} and {key_path}, given as tls_cert "
            "and tls_key"
        ) from error
