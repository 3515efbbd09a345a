"""Who connects: every way to say it, right and wrong, on real servers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import nkeys
import pytest
from identities import Operator, credentials, new_seed, public_key
from listening import Listening
from refusals import refusal

import wasmcloud_ctl
from wasmcloud_ctl import AuthError, Client
from wasmcloud_ctl.testing import PracticeServer


def works(client: Client) -> bool:
    """Whether a request goes through: there are no hosts here, and the server says so."""
    with client:
        return client.get_hosts().no_responders


@pytest.fixture(scope="module")
def with_password() -> Iterator[PracticeServer]:
    """A server with a user and a password."""
    with PracticeServer(jetstream=False, config="authorization { user: me, password: hunter2 }") as server:
        yield server


@pytest.fixture(scope="module")
def with_token() -> Iterator[PracticeServer]:
    """A server with a token."""
    with PracticeServer(jetstream=False, config="authorization { token: hunter3 }") as server:
        yield server


@attrs.frozen
class Guarded:
    """A server, and what its user has."""

    server: PracticeServer
    seed: str
    jwt: str = ""
    operator: Operator | None = None

    @property
    def url(self) -> str:
        return self.server.url


@pytest.fixture(scope="module")
def with_nkey() -> Iterator[Guarded]:
    """A server with a user who has an nkey."""
    seed = new_seed()
    config = f"authorization {{ users: [ {{ nkey: {public_key(seed)} }} ] }}"
    with PracticeServer(jetstream=False, config=config) as server:
        yield Guarded(server, seed)


@pytest.fixture(scope="module")
def with_jwt() -> Iterator[Guarded]:
    """A server with an operator, and a user of it."""
    operator, seed = Operator(), new_seed()
    with PracticeServer(jetstream=False, config=operator.server_config) as server:
        yield Guarded(server, seed, operator.user_jwt(seed), operator)


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a text to a file."""

    def write(text: str) -> Path:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.txt"
        path.write_text(text)
        return path

    return write


# User and password, token -----------------------------------------------------------------------


def test_user_and_password(with_password: PracticeServer) -> None:
    """As options, or in the URL; wrong or missing ones are told apart."""
    url, port = with_password.url, with_password.port
    assert works(wasmcloud_ctl.connect(url, user="me", password="hunter2"))
    assert works(wasmcloud_ctl.connect(f"nats://me:hunter2@127.0.0.1:{port}"))

    assert refusal(url, user="me", password="wr0ng", kind=AuthError, secrets=("wr0ng",)) == (
        f"{url} refused user 'me' with the given password: Authorization Violation"
    )
    assert refusal(f"nats://me:wr0ng@127.0.0.1:{port}", kind=AuthError, secrets=("wr0ng",)) == (
        f"{url} refused user 'me' with the password in the URL: Authorization Violation"
    )
    assert refusal(url, kind=AuthError) == (
        f"{url} requires credentials, and none were given: Authorization Violation"
    )


def test_a_token(with_token: PracticeServer) -> None:
    """As an option, or in the URL."""
    url, port = with_token.url, with_token.port
    assert works(wasmcloud_ctl.connect(url, token="hunter3"))
    assert works(wasmcloud_ctl.connect(f"nats://hunter3@127.0.0.1:{port}"))

    assert refusal(url, token="wr0ng", kind=AuthError, secrets=("wr0ng",)) == (
        f"{url} refused the given token: Authorization Violation"
    )
    assert refusal(f"nats://wr0ng@127.0.0.1:{port}", kind=AuthError, secrets=("wr0ng",)) == (
        f"{url} refused the token in the URL: Authorization Violation"
    )


# Seeds, JWTs and credentials files --------------------------------------------------------------


def test_an_nkey_seed(with_nkey: Guarded, file: Callable[[str], Path]) -> None:
    """As text with white space around it, as a path, and as a file with decoration."""
    seed = with_nkey.seed
    assert works(wasmcloud_ctl.connect(with_nkey.url, nkey_seed=f" {seed}\n"))
    assert works(wasmcloud_ctl.connect(with_nkey.url, nkey_seed=file(seed)))
    assert works(wasmcloud_ctl.connect(with_nkey.url, nkey_seed=str(file(f"# mine\n{seed}\n"))))
    assert works(wasmcloud_ctl.connect(with_nkey.url, nkey_seed=file(credentials("a.b.c", seed))))

    other = new_seed()
    assert refusal(with_nkey.url, nkey_seed=other, kind=AuthError, secrets=(other,)) == (
        f"{with_nkey.url} refused the credentials from nkey_seed: Authorization Violation"
    )
    path = file(other)
    assert refusal(with_nkey.url, nkey_seed=path, kind=AuthError, secrets=(other,)) == (
        f"{with_nkey.url} refused the credentials from nkey_seed file {path}: Authorization Violation"
    )


def test_a_user_jwt_with_its_seed(with_jwt: Guarded, file: Callable[[str], Path]) -> None:
    """Each as text or as a path."""
    assert works(wasmcloud_ctl.connect(with_jwt.url, user_jwt=with_jwt.jwt, nkey_seed=with_jwt.seed))
    assert works(
        wasmcloud_ctl.connect(
            with_jwt.url, user_jwt=str(file(f"{with_jwt.jwt}\n")), nkey_seed=file(with_jwt.seed)
        )
    )


def test_a_credentials_file(with_jwt: Guarded, file: Callable[[str], Path]) -> None:
    """As a path, or as what is in one."""
    text = credentials(with_jwt.jwt, with_jwt.seed)
    assert works(wasmcloud_ctl.connect(with_jwt.url, credentials=file(text)))
    assert works(wasmcloud_ctl.connect(with_jwt.url, credentials=str(file(text))))
    assert works(wasmcloud_ctl.connect(with_jwt.url, credentials=text))


def test_a_bearers_jwt_needs_no_seed(with_jwt: Guarded) -> None:
    """A bearer's JWT is enough by itself; another is refused with the reason."""
    assert with_jwt.operator is not None
    bearer = with_jwt.operator.user_jwt(with_jwt.seed, bearer=True)
    assert works(wasmcloud_ctl.connect(with_jwt.url, user_jwt=bearer))

    assert "it requires its seed (nkey_seed)" in refusal(
        with_jwt.url, user_jwt=with_jwt.jwt, kind=AuthError, secrets=(with_jwt.jwt,)
    )


def test_an_expired_jwt_is_said_to_be_expired(with_jwt: Guarded, file: Callable[[str], Path]) -> None:
    """The server only says that it refuses; the message says since when the JWT has expired."""
    assert with_jwt.operator is not None
    expired = with_jwt.operator.user_jwt(with_jwt.seed, expires_in=-60)

    message = refusal(
        with_jwt.url,
        credentials=credentials(expired, with_jwt.seed),
        kind=AuthError,
        secrets=(expired, with_jwt.seed),
    )

    refused = f"{with_jwt.url} refused the credentials from"
    reason = "Authorization Violation (the user JWT expired on 20"
    assert message.startswith(f"{refused} credentials: {reason}")
    path = file(credentials(expired, with_jwt.seed))
    message = refusal(with_jwt.url, credentials=path, kind=AuthError, secrets=(expired, with_jwt.seed))
    assert message.startswith(f"{refused} credentials file {path}: {reason}")


def test_a_seed_of_another_user_is_said_to_be_one(with_jwt: Guarded) -> None:
    """A JWT with a seed that is not its own is refused with that reason."""
    other = new_seed()
    message = refusal(
        with_jwt.url,
        user_jwt=with_jwt.jwt,
        nkey_seed=other,
        kind=AuthError,
        secrets=(with_jwt.jwt, other),
    )
    assert message == (
        f"{with_jwt.url} refused the credentials from user_jwt and nkey_seed: Authorization Violation "
        "(the seed does not belong to the user JWT)"
    )


GARBLED = "SUAB" + "A" * 54


def test_a_file_without_what_it_should_hold_is_named(with_jwt: Guarded, file: Callable[[str], Path]) -> None:
    """A credentials file without a JWT or without a seed, and one of an account, are named with their fault."""
    account = new_seed(nkeys.PREFIX_BYTE_ACCOUNT)
    for text, fault in (
        ("nothing", "contains no user JWT"),
        (with_jwt.jwt, "contains no seed"),
        (
            credentials(with_jwt.jwt, account),
            "contains a seed that is not a user's: a user's seed begins with SU",
        ),
        (credentials(with_jwt.jwt, GARBLED), "contains a garbled seed: its checksum is wrong"),
    ):
        path = file(text)
        assert refusal("127.0.0.1:1", credentials=path, kind=AuthError, secrets=(account, GARBLED)) == (
            f"credentials file {path} {fault}"
        )


# On the way back --------------------------------------------------------------------------------


def test_a_jwt_that_expires_is_an_auth_error_until_the_file_is_renewed(
    with_jwt: Guarded, file: Callable[[str], Path], caplog: pytest.LogCaptureFixture
) -> None:
    """The server ends the connection when the JWT expires; calls are AuthError then, at once, with the reason; when
    the credentials file is renewed, the client is back by itself. No secret is logged."""
    caplog.set_level(logging.DEBUG)
    assert with_jwt.operator is not None
    brief = with_jwt.operator.user_jwt(with_jwt.seed, expires_in=2)
    path = file(credentials(brief, with_jwt.seed))
    with Listening() as log, wasmcloud_ctl.connect(with_jwt.url, credentials=path, timeout=20) as client:
        assert client.get_hosts().no_responders
        assert "User Authentication Expired" in log.wait_for("lost the connection")
        log.wait_for("the user JWT expired on")
        with pytest.raises(AuthError, match="the user JWT expired on"):
            client.get_config("web")
        # Within the second in which it expires the server takes it once more.
        log.forget()
        path.write_text(credentials(with_jwt.jwt, with_jwt.seed))
        log.wait_for("connected again")
        assert client.get_hosts().no_responders
    for secret in (brief, with_jwt.jwt, with_jwt.seed):
        assert secret not in caplog.text
        assert secret not in repr(client)
