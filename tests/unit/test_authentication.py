"""Credentials that `connect` refuses before it dials."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from identities import new_seed
from refusals import refusal

from wasmcloud_ctl import AuthError, InvalidArgument

GARBLED = "SUAB" + "A" * 54


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"nkey_seed": "no/such/seed.nk"},
            "cannot read nkey_seed file no/such/seed.nk: No such file or directory",
        ),
        ({"nkey_seed": GARBLED}, "nkey_seed contains a garbled seed: its checksum is wrong"),
        (
            {"nkey_seed": GARBLED[:-1]},
            "nkey_seed is neither a seed nor the path of a readable file: No such file or directory",
        ),
        (
            {"nkey_seed": "\0" + GARBLED},
            "nkey_seed is neither a seed nor the path of a readable file: not a valid path",
        ),
        (
            {"user_jwt": "a" * 5000, "nkey_seed": new_seed()},
            "user_jwt is neither a JWT nor the path of a readable file: File name too long",
        ),
        (
            {"user_jwt": ".".join(["garbled-part"] * 3), "nkey_seed": new_seed()},
            "user_jwt contains no user JWT",
        ),
        (
            {"credentials": Path("no.creds")},
            "cannot read credentials file no.creds: No such file or directory",
        ),
        (
            {"credentials": "/dev"},
            "cannot read credentials file /dev: not a regular file",
        ),
        ({"credentials": "-----BEGIN NATS USER JWT-----\nnone\n"}, "credentials contains no user JWT"),
    ],
)
def test_what_cannot_be_read_is_said_before_anything_is_dialled(
    options: dict[str, str | Path], message: str
) -> None:
    """A file that is not there and a text that is garbled have sentences of their own, which do not hold what may
    be a secret; nobody listens at the address, and the message does not say so."""
    secrets = tuple(
        value for value in options.values() if isinstance(value, str) and not value.startswith(("no/", "/"))
    )
    assert refusal("127.0.0.1:1", kind=AuthError, secrets=secrets, **options) == message


def test_an_unreadable_bytes_file_tells_nothing_of_itself(tmp_path: Path) -> None:
    """A file that is no text at all is one without a seed, and no error quotes it."""
    path = tmp_path / "seed"
    path.write_bytes(b"\xff\xfehunter4\xff")
    assert refusal("127.0.0.1:1", nkey_seed=path, kind=AuthError, secrets=("hunter4",)) == (
        f"nkey_seed file {path} contains no seed"
    )


@pytest.mark.parametrize(
    "options",
    [
        {"user": "me"},
        {"password": "hunter2"},
        {"user": "me", "password": "hunter2", "token": "hunter3"},
        {"user": "me", "password": "hunter2", "nkey_seed": GARBLED},
        {"token": "hunter3", "nkey_seed": GARBLED},
        {"credentials": "x.creds", "nkey_seed": GARBLED},
        {"credentials": ""},
        {"nkey_seed": 5},
        {"user_jwt": b"bytes"},
        {"js_domain": "a.b"},
        {"context": 5},
        {"context": "../secrets"},
    ],
)
def test_credentials_that_contradict_each_other_are_refused(options: dict[str, object]) -> None:
    """Two ways at once, half of one, and what is no text or path: InvalidArgument, and nothing is dialled."""
    refusal("127.0.0.1:1", kind=InvalidArgument, secrets=("hunter2", "hunter3", GARBLED), **options)


@pytest.mark.parametrize("url", ["nats://me:hunter2@127.0.0.1:1", "nats://hunter2@127.0.0.1:1"])
@pytest.mark.parametrize(
    ("options", "way"),
    [
        ({"user": "me", "password": "hunter2"}, "user and password"),
        ({"user": "you", "password": "hunter3"}, "user and password"),
        ({"token": "hunter3"}, "token"),
        ({"credentials": "x.creds"}, "credentials"),
        ({"nkey_seed": GARBLED}, "user_jwt and nkey_seed"),
    ],
    ids=repr,
)
def test_a_user_in_the_url_and_credentials_as_an_option_are_refused(
    url: str, options: dict[str, Any], way: str
) -> None:
    """Even if both are the same: it would not be clear which one counts after a change of one of them."""
    message = refusal(url, kind=InvalidArgument, secrets=("hunter2", "hunter3", GARBLED), **options)
    assert message == f"give only one kind of credentials, not 'a user or token in servers' and '{way}'"
    assert refusal(["127.0.0.1:1", url], kind=InvalidArgument, **options) == message


@pytest.mark.parametrize("url", ["nats://me:12/hunter2@h", "nats://me:12#hunter2@h", "nats://me:hunter2/x@h"])
def test_a_password_that_breaks_its_url_is_not_quoted(url: str) -> None:
    """A slash or # in a password that is not percent-encoded: the message quotes no part of the URL."""
    message = refusal(url, kind=InvalidArgument, secrets=("hunter2", "me:12"))
    assert message.startswith("invalid server URL")
