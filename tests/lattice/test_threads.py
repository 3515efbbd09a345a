"""One client for many threads: no call has another's answer, and no lock is held while other code runs."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from echo import Echo

import wasmcloud_ctl
from wasmcloud_ctl import Client
from wasmcloud_ctl.testing import PracticeLattice, PracticeServer


def crossed(client: Client, threads: int, calls: int) -> tuple[int, int]:
    """How many answers were right, and how many another's, when so many threads share so many calls."""

    def ask(thread: int) -> tuple[int, int]:
        right = wrong = 0
        for number in range(calls // threads + (thread < calls % threads)):
            name = f"{thread}-{number}"
            if client.get_config(name, timeout=20).data == {"question": name}:
                right += 1
            else:
                wrong += 1
        return right, wrong

    with ThreadPoolExecutor(threads) as pool:
        rights, wrongs = zip(*pool.map(ask, range(threads)), strict=True)
    return sum(rights), sum(wrongs)


def test_answers_carry_their_questions(practice_server: PracticeServer) -> None:
    """64 threads, 3,000 calls: 3,000 right."""
    with Echo(practice_server.url, "threads"):
        with wasmcloud_ctl.connect(practice_server.url, lattice="threads") as client:
            assert crossed(client, threads=64, calls=3_000) == (3_000, 0)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_fifty_thousand_answers_carry_their_questions(practice_server: PracticeServer) -> None:
    """64 threads, 50,000 calls: 50,000 right."""
    with Echo(practice_server.url, "threads"):
        with wasmcloud_ctl.connect(practice_server.url, lattice="threads") as client:
            started = time.monotonic()
            assert crossed(client, threads=64, calls=50_000) == (50_000, 0)
            print(f"{time.monotonic() - started:.1f} s")


def test_no_lock_is_held_while_a_reader_handles_an_event(lattice: PracticeLattice, client: Client) -> None:
    """A thread that takes its time over an event holds up neither another reader of the same receiver nor a call, and
    may call the client itself, and close the receiver."""
    with client.events_receiver("config_set") as receiver:
        client.put_config("a", {})
        client.put_config("b", {})
        held, release = threading.Event(), threading.Event()
        answers: list[int] = []

        def read() -> None:
            for _event in receiver:
                answers.append(len(client.get_hosts(expected=2)))
                held.set()
                release.wait(20)
                receiver.close()

        reader = threading.Thread(target=read)
        reader.start()
        try:
            assert held.wait(10)
            assert receiver.get(10).name == "config_set"
            assert client.get_host_inventory(lattice.hosts[0].id).succeeded
        finally:
            release.set()
            reader.join(10)

    assert answers == [2]
    assert not reader.is_alive()
