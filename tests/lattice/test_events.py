"""What a receiver returns besides events: gaps, nothing, and a warning of a name that is no kind of event."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Literal

import pytest
from listening import Listening
from proxy import Proxy

import wasmcloud_ctl
from wasmcloud_ctl import Client, Event, EventReceiver, Gap, InvalidArgument, WaitTimeout
from wasmcloud_ctl.testing import PracticeLattice


def put(client: Client, *names: str) -> None:
    """Publish an event for each name: a config is put."""
    for name in names:
        client.put_config(name, {}).raise_for_status()


class Lossy:
    """A client behind a proxy, which can end its connection.

    Args:
        lattice: The client's lattice.
    """

    def __init__(self, lattice: PracticeLattice) -> None:
        self._proxy = Proxy(int(lattice.url.rpartition(":")[2]))
        self.client: Client = wasmcloud_ctl.connect(self._proxy.url, lattice=lattice.lattice)

    def lose_connection(self) -> None:
        """End the connection, and wait until there is another one."""
        with Listening() as log:
            self._proxy.cut()
            log.wait_for("connected again")

    def close(self) -> None:
        """Close the client and the proxy."""
        self.client.close()
        self._proxy.close()


@pytest.fixture
def lossy(practice_lattice: PracticeLattice) -> Iterator[Lossy]:
    """A client behind a proxy, on the practice lattice."""
    made = Lossy(practice_lattice)
    yield made
    made.close()


def words(item: Event | Gap) -> str:
    """The config of an event, or the number of a gap."""
    return f"gap {item.gaps}" if isinstance(item, Gap) else str(vars(item.data)["config_name"])


# Gaps -------------------------------------------------------------------------------------------


def test_a_gap_stands_where_events_may_be_missing(lossy: Lossy) -> None:
    """Events before the loss come first, then the gap, then the events since the connection is back."""
    receiver = lossy.client.events_receiver("config_set", gap_events=True)
    put(lossy.client, "before")
    began = datetime.now(timezone.utc)
    lossy.lose_connection()
    put(lossy.client, "after")
    items = [receiver.get(5) for _ in range(3)]
    assert list(map(words, items)) == ["before", "gap 1", "after"]
    gap = items[1]
    assert isinstance(gap, Gap)
    assert began <= gap.time <= datetime.now(timezone.utc)
    assert gap.time.utcoffset() == timedelta(0)
    assert gap.to_dict() == {"time": gap.time.isoformat(), "gaps": 1}
    assert repr(gap) == f"<Gap {gap.time:%H:%M:%S.%f} the connection was away, 1 time so far>"


def test_a_loop_that_waits_is_woken_by_a_gap_and_can_look_again(lossy: Lossy) -> None:
    """No event follows the loss: the loop goes on all the same, and the client is connected then."""
    looked: list[int] = []
    waiting, done = threading.Event(), threading.Event()

    def watch(receiver: EventReceiver[Event | Gap]) -> None:
        waiting.set()
        for item in receiver:
            assert isinstance(item, Gap)
            looked.append(len(lossy.client.get_hosts(expected=1, timeout=5)))
            done.set()

    with lossy.client.events_receiver("config_set", gap_events=True) as receiver:
        watcher = threading.Thread(target=watch, args=[receiver])
        watcher.start()
        waiting.wait(5)
        lossy.lose_connection()
        assert done.wait(5)
    watcher.join()
    assert looked == [1]


def test_without_gap_events_there_is_only_the_count(lossy: Lossy) -> None:
    receiver = lossy.client.events_receiver("config_set")
    lossy.lose_connection()
    put(lossy.client, "after")
    assert words(receiver.get(5)) == "after"
    assert receiver.gaps == 1


@pytest.mark.parametrize(
    ("overflow", "received"),
    [
        ("drop_oldest", ["gap 1", "gap 2", "e", "f"]),
        ("drop_newest", ["a", "b", "gap 1", "gap 2"]),
    ],
)
def test_a_full_queue_drops_events_and_never_a_gap(
    lossy: Lossy, overflow: Literal["drop_oldest", "drop_newest"], received: list[str]
) -> None:
    """The queue holds two events: those that are dropped are counted exactly."""
    receiver = lossy.client.events_receiver("config_set", maxsize=2, gap_events=True, overflow=overflow)
    put(lossy.client, "a", "b", "c")
    for _ in range(2):
        lossy.lose_connection()
    put(lossy.client, "d", "e", "f")
    receiver.close()
    assert list(map(words, receiver)) == received
    assert (receiver.dropped, receiver.gaps) == (4, 2)


def test_a_queue_that_is_full_of_gaps_takes_events_all_the_same(lossy: Lossy) -> None:
    receiver = lossy.client.events_receiver("config_set", maxsize=1, gap_events=True)
    lossy.lose_connection()
    put(lossy.client, "a", "b")
    receiver.close()
    assert list(map(words, receiver)) == ["gap 1", "b"]
    assert receiver.dropped == 1


# Polling ----------------------------------------------------------------------------------------


def test_a_timeout_of_0_returns_what_is_there_and_does_not_wait(practice_lattice: PracticeLattice) -> None:
    with practice_lattice.connect() as client:
        receiver = client.events_receiver("config_set")
        put(client, "a")  # on one connection, the event comes before the response
        assert words(receiver.get(timeout=0)) == "a"
        with pytest.raises(WaitTimeout) as caught:
            receiver.get(timeout=0.0)
        assert str(caught.value) == "no event is in the queue"
        for wrong in (-0.1, float("nan"), float("inf")):
            with pytest.raises(InvalidArgument) as invalid:
                receiver.get(timeout=wrong)
            assert str(invalid.value) == "timeout must be a finite number of seconds, 0 or above"
        with pytest.raises(InvalidArgument, match=r"^timeout must be a number of seconds, not bool$"):
            receiver.get(timeout=False)


# Names ------------------------------------------------------------------------------------------


def test_an_unknown_kind_of_event_is_warned_of_with_the_nearest_name(client: Client) -> None:
    """The warning points at the caller's line. The receiver works: a newer host may know the kind."""
    text = "'component_scale' is no known kind of event; the nearest known one is 'component_scaled'"
    for names in (["host_started", "component_scale"], [["component_scale"]]):
        with pytest.warns(UserWarning, match=f"^{text}$") as caught:
            client.events_receiver(*names).close()
        assert [warning.filename for warning in caught] == [__file__]


def test_known_kinds_are_not_warned_of(client: Client) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        client.events_receiver("host_heartbeat", "provider_start_failed").close()
        client.events_receiver().close()


def test_gap_events_must_be_true_or_false(client: Client) -> None:
    with pytest.raises(InvalidArgument, match=r"^gap_events must be True or False, not int$"):
        client.events_receiver(gap_events=1)  # type: ignore[call-overload]  # the mistake


@pytest.mark.parametrize("name", ["a\x0bb", "a\x0b1", "a\x0c1"])
def test_white_space_in_a_subject_is_a_part_of_it(practice_lattice: PracticeLattice, name: str) -> None:
    """A server takes vertical tabs in subjects. They neither end the connection nor name another subscription."""
    with practice_lattice.connect() as client, client.events_receiver() as events:
        subject = f"wasmbus.evt.{practice_lattice.lattice}.{name}"
        client.run(client.nats_client.publish, subject, b"no event")
        put(client, "web")

        assert words(events.get(5)) == "web"
        assert (events.undecodable, events.gaps) == (1, 0)
