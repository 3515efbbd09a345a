"""``Client.run`` takes a coroutine function with its arguments, as a type checker sees it; see ``answers.py``."""

from __future__ import annotations

import nats.aio.client
from typing_extensions import assert_type

from wasmcloud_ctl import Client


async def count(text: str, times: int = 1) -> int:
    return len(text) * times


async def nothing() -> None: ...


def plain(text: str) -> int:
    return len(text)


def it_returns_what_the_function_returns(client: Client) -> None:
    assert_type(client.run(count, "a"), int)
    assert_type(client.run(count, "a", 2, timeout=1.5), int)
    assert_type(client.run(lambda: count("a", times=2)), int)


def it_takes_nats_pys_own(client: Client) -> None:
    assert_type(client.nats_client, nats.aio.client.Client)
    client.run(client.nats_client.publish, "subject", b"payload")
    client.run(client.nats_client.flush)


def its_arguments_are_the_functions(client: Client) -> None:
    client.run(count, 5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.run(count)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.run(nothing, "a")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.run(plain, "a")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.run(nothing, timeout="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
