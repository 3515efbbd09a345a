"""What operations return: responses, gathers of them, and inventories."""

from __future__ import annotations

import gc
import inspect
import weakref
from typing import Any, get_type_hints

import attrs
import cattrs
import pytest

import wasmcloud_ctl
from wasmcloud_ctl import (
    ComponentDescription,
    CtlResponse,
    HostInventory,
    Inventories,
    Link,
    NoResponders,
    NotFound,
    OperationRejected,
    ProviderDescription,
    RegistryCredential,
    Replies,
    RequestTimeout,
    Undecodable,
    events,
    exceptions,
    graph,
    models,
)

YES: CtlResponse[str] = CtlResponse(succeeded=True, message="done", data="d")
NOTHING: CtlResponse[str] = CtlResponse(succeeded=True, message="Configuration not found")
NO: CtlResponse[str] = CtlResponse(succeeded=False, message="component nope not found")


def test_an_answer_is_true_when_it_succeeded() -> None:
    """A response is true in a condition if it succeeded, whatever its message and data."""
    assert (bool(YES), bool(NOTHING), bool(NO)) == (True, True, False)


def test_raise_for_status_returns_the_answer_or_raises_it() -> None:
    """A refusal is raised with the host's message and the response; any other response is returned."""
    assert YES.raise_for_status() is YES
    with pytest.raises(OperationRejected, match="component nope not found") as caught:
        NO.raise_for_status()
    assert caught.value.response is NO


def test_unwrap_returns_the_data_or_says_why_there_is_none() -> None:
    """It returns the data; a refusal raises OperationRejected, and no data NotFound."""
    assert YES.unwrap() == "d"
    with pytest.raises(NotFound, match="Configuration not found"):
        NOTHING.unwrap()
    with pytest.raises(OperationRejected):
        NO.unwrap()


def test_replies_are_a_sequence_of_answers() -> None:
    """Replies can be counted, indexed, sliced and iterated; their data is that of the successful ones."""
    replies = Replies(responses=(YES, NO, NOTHING))

    assert len(replies) == 3
    assert replies[0] is YES
    assert replies[1:] == (NO, NOTHING)
    assert list(replies) == [YES, NO, NOTHING]
    assert replies.data == ["d"]


def test_replies_raise_for_the_first_refusal_and_for_nobody() -> None:
    """A gather raises the first refusal, or NoResponders if nobody listens."""
    nobody: Replies[str] = Replies(no_responders=True, subject="a.b")
    good = Replies(responses=(YES,))

    assert good.raise_for_status() is good
    with pytest.raises(OperationRejected) as rejected:
        Replies(responses=(YES, NO)).raise_for_status()
    assert rejected.value.response is NO
    with pytest.raises(NoResponders) as unheard:
        nobody.raise_for_status()
    assert unheard.value.subject == "a.b"


@pytest.mark.parametrize("gathered", [Replies, Inventories])
def test_gathers_know_whether_hosts_are_missing(gathered: type[Replies[str]] | type[Inventories]) -> None:
    """Fewer than expected are incomplete, and raise RequestTimeout. An answer that cannot be decoded counts."""
    garbled = (Undecodable(raw=b"{", reason="no JSON"),)
    assert (gathered().expected, gathered().complete) == (None, True)
    assert gathered(expected=1, undecodable=garbled).complete
    assert gathered(expected=0).raise_for_status().complete

    missing = gathered(expected=3, undecodable=garbled, subject="a.b", elapsed=2.0)
    assert not missing.complete
    with pytest.raises(RequestTimeout) as caught:
        missing.raise_for_status()
    assert str(caught.value) == (
        "1 of 3 expected hosts answered on a.b within 2.00 s: the others may be stopped or slow. "
        "Wait longer, or expect fewer"
    )
    assert (caught.value.subject, caught.value.sent) == ("a.b", True)
    with pytest.raises(NoResponders):
        gathered(expected=3, no_responders=True).raise_for_status()


def test_a_refusal_counts_more_than_a_missing_host() -> None:
    """Both are raised as what is known best: a host's own refusal, or its own error."""
    with pytest.raises(OperationRejected):
        Replies(responses=(NO,), expected=2).raise_for_status()
    with pytest.raises(NotFound):
        Inventories(errors={"N1": NotFound("gone")}, expected=2).raise_for_status()


def test_inventories_are_a_collection_of_inventories() -> None:
    """len and truth count the inventories, and iterating yields them; nothing is false, as for replies."""
    one = HostInventory(host_id="N1", components=(), providers=())
    inventories = Inventories(data={"N1": one}, errors={"N2": NotFound("gone")})

    assert (len(inventories), bool(inventories), list(inventories)) == (1, True, [one])
    assert (bool(Inventories()), bool(Replies())) == (False, False)


def test_the_rows_of_inventories_fit_one_table() -> None:
    """One row for each component and provider, all with the same keys and plain values."""
    inventory = HostInventory(
        host_id="N1",
        friendly_name="calm-sea-1",
        labels={"zone": "a"},
        components=(
            ComponentDescription(id="echo", image_ref="e:1", max_instances=5, limits={"memory": "1"}),
        ),
        providers=(ProviderDescription(id="http", image_ref=None, name="HTTP", annotations={"a": "b"}),),
    )
    idle = HostInventory(host_id="N2", components=(), providers=())

    rows = Inventories(data={"N1": inventory, "N2": idle}).to_rows()

    host = {"host_id": "N1", "friendly_name": "calm-sea-1", "labels": {"zone": "a"}}
    assert rows == [
        {
            **host,
            "kind": "component",
            "id": "echo",
            "image_ref": "e:1",
            "name": None,
            "revision": 0,
            "annotations": None,
            "max_instances": 5,
            "limits": {"memory": "1"},
        },
        {
            **host,
            "kind": "provider",
            "id": "http",
            "image_ref": None,
            "name": "HTTP",
            "revision": 0,
            "annotations": {"a": "b"},
            "max_instances": None,
            "limits": None,
        },
    ]
    assert list(rows[0]) == list(rows[1])


class Held:
    """An object whose lifetime a weak reference shows."""


def raised_by(inventories: Inventories, held: Held) -> NoResponders:
    """Return what is raised, from a frame that holds an object."""
    assert held
    try:
        inventories.raise_for_status()
    except NoResponders as error:
        return error
    raise AssertionError("nothing was raised")


def test_inventories_raise_a_new_copy_of_an_error_each_time() -> None:
    """The copy has the attributes and the cause; the stored error gets no traceback, and no frame stays alive."""
    stored = NoResponders("gone", subject="a.b")
    stored.__cause__ = OSError("cut")
    inventories = Inventories(errors={"N1": stored})
    held = Held()
    freed = weakref.ref(held)
    gc.disable()
    try:
        for _ in range(3):
            error = raised_by(inventories, held)
            assert error is not stored
            assert (error.subject, error.__cause__) == ("a.b", stored.__cause__)
            assert stored.__traceback__ is None
        del error, held
        assert freed() is None
    finally:
        gc.enable()


def test_inventories_without_errors_are_returned() -> None:
    """Inventories raise nothing if all are there, and NoResponders if nobody listens."""
    good = Inventories()

    assert good.raise_for_status() is good
    with pytest.raises(NoResponders) as unheard:
        Inventories(no_responders=True, subject="a.b").raise_for_status()
    assert unheard.value.subject == "a.b"


def test_a_credential_shows_no_secret() -> None:
    """A credential's repr contains neither the password nor the token."""
    credential = RegistryCredential(username="me", password="hunter2", token="t0k3n")

    assert repr(credential) == "RegistryCredential(username='me', registry_type='oci')"


def test_a_links_sequences_are_tuples() -> None:
    """A link made with lists equals the one that arrives."""
    assert Link("a", "b", "wasi", "http", ["x"], source_config=["c"]) == Link(
        "a", "b", "wasi", "http", ("x",), source_config=("c",)
    )


def test_links_that_are_equal_are_one_in_a_set() -> None:
    """Equal links have equal hashes, so that links can be compared as sets."""
    links = [Link("echo", "http", "wasi", "http", interfaces) for interfaces in (["a"], ("a",), ["b"])]

    assert links[0] == links[1]
    assert len(set(links)) == 2


def test_the_types_of_all_fields_are_there_at_run_time() -> None:
    """An application's own converter can read the fields' types and unstructure a response."""
    public = [getattr(wasmcloud_ctl, name) for name in wasmcloud_ctl.__all__]
    classes = [value for value in public if isinstance(value, type) and attrs.has(value)]
    echo = ComponentDescription(id="echo", image_ref="example/echo:1", revision=0, max_instances=5)
    inventory = HostInventory(host_id="N1", friendly_name="quiet-hill-1", components=(echo,), providers=())

    assert Inventories in classes
    assert all(get_type_hints(kind) for kind in classes)
    apart = cattrs.unstructure(Inventories(data={"N1": inventory}))
    assert apart["data"]["N1"]["components"][0]["max_instances"] == 5


def methods(kind: type) -> list[Any]:
    """Return a class's own functions, with those behind its properties and class methods."""
    found = [getattr(value, "fget", getattr(value, "__func__", value)) for value in vars(kind).values()]
    return [value for value in found if inspect.isfunction(value)]


@pytest.mark.parametrize("module", [models, events, exceptions, graph])
def test_the_type_hints_of_all_methods_resolve(module: Any) -> None:
    """Tools that read annotations at run time can evaluate all of them, also those of inherited fields."""
    own = [value for value in vars(module).values() if getattr(value, "__module__", "") == module.__name__]
    kinds = [value for value in own if inspect.isclass(value)]

    assert kinds
    for kind in kinds:
        get_type_hints(kind)
        for method in methods(kind):
            get_type_hints(method)
        if attrs.has(kind):
            inspect.signature(kind, eval_str=True)


def test_an_answer_without_data_is_not_found_with_the_hosts_message() -> None:
    """The message alone could be that of a success."""
    with pytest.raises(NotFound) as command:
        CtlResponse[None](succeeded=True, message="successfully put label").unwrap()
    with pytest.raises(NotFound) as silent:
        CtlResponse[None](succeeded=True).unwrap()

    assert str(command.value) == "the host's answer holds no data: successfully put label"
    assert str(silent.value) == "the host's answer holds no data"
