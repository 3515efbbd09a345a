"""The exceptions: one tree, and each can be pickled and copied."""

from __future__ import annotations

import copy
import inspect
import pickle
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import wasmcloud_ctl
from wasmcloud_ctl import CtlResponse, events, exceptions, models
from wasmcloud_ctl._transport import request_timeout


def classes(module: ModuleType) -> list[type[Any]]:
    """Return the public classes that a module defines, by name."""
    return [
        value
        for name, value in sorted(vars(module).items())
        if inspect.isclass(value) and value.__module__ == module.__name__ and not name.startswith("_")
    ]


ALL = [kind for kind in classes(exceptions) if issubclass(kind, Exception)]


@pytest.mark.parametrize("kind", ALL)
def test_every_exception_is_a_ctl_error(kind: type[Exception]) -> None:
    """``except CtlError`` catches everything that this library raises."""
    assert issubclass(kind, wasmcloud_ctl.CtlError)
    assert kind.__doc__


@pytest.mark.parametrize(
    ("kind", "also"),
    [
        (exceptions.AuthError, exceptions.ConnectError),
        (exceptions.RequestTimeout, TimeoutError),
        (exceptions.WaitTimeout, TimeoutError),
        (exceptions.InvalidArgument, ValueError),
        (exceptions.NotFound, LookupError),
    ],
)
def test_an_exception_with_a_standard_counterpart_is_one(kind: type, also: type) -> None:
    """A timeout is a TimeoutError, a wrong argument a ValueError, a missing thing a LookupError."""
    assert issubclass(kind, also)


def pickled(error: Any) -> Any:
    return pickle.loads(pickle.dumps(error))


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickled])
@pytest.mark.parametrize("kind", ALL)
def test_every_exception_can_be_copied(kind: type[Exception], duplicate: Callable[[Any], Any]) -> None:
    """A copy and a pickle have the class and the message."""
    copied = duplicate(kind("the words"))

    assert (type(copied), str(copied)) == (kind, "the words")


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickled])
def test_a_copy_has_all_attributes(duplicate: Callable[[Any], Any]) -> None:
    """A copy and a pickle have the attributes of each kind of exception."""
    response = CtlResponse[None](succeeded=False, message="no")
    for error in (
        exceptions.NotConnectedError("words", subject="a.b", sent=True),
        exceptions.NoResponders("words", subject="a.b"),
        exceptions.RequestTimeout("words", subject="a.b", sent=False),
        exceptions.WaitTimeout("words", last_seen="2 instances", response=response),
        exceptions.DecodeError("words", path="$.response", raw=b"{"),
        exceptions.OperationRejected("words", response=response),
        exceptions.OperationFailed("words", reason="no such image", response=response),
    ):
        copied = duplicate(error)

        assert vars(error)
        assert (vars(copied), copied.args) == (vars(error), error.args)


@pytest.mark.parametrize(
    ("host_id", "kind"),
    [
        ("purple-waterfall-9823", "a friendly name"),
        ("NABCDEF", "the beginning of an id"),
        ("N" + "A" * 54, "the beginning of an id"),
        ("n" + "a" * 55, "a friendly name"),
    ],
)
def test_what_is_no_host_id_is_told_from_one(host_id: str, kind: str) -> None:
    """A host's id is N and 55 more letters and digits; find_host finds the id by anything else."""
    error = exceptions.no_responders(f"wasmbus.ctl.v1.default.host.get.{host_id}", host_id)

    assert error.subject == f"wasmbus.ctl.v1.default.host.get.{host_id}"
    assert str(error) == (
        f"nobody listens on wasmbus.ctl.v1.default.host.get.{host_id}: no running host of this lattice has the id "
        f"'{host_id}'. That looks like {kind}: client.find_host('{host_id}').id gives the id"
    )


def test_the_tree_in_the_docstring_names_them_all() -> None:
    """The tree in the module's docstring is complete."""
    assert exceptions.__doc__ is not None
    drawn = {line.split("--", 1)[1].split()[0] for line in exceptions.__doc__.splitlines() if "+--" in line}

    assert drawn | {"CtlError"} == {kind.__name__ for kind in ALL}


def test_the_public_names_are_those_of_all() -> None:
    """``__all__`` is sorted; the package has its names, no other public one, and each class of values or errors."""
    names = {
        name
        for name, value in vars(wasmcloud_ctl).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }

    assert wasmcloud_ctl.__all__ == sorted(wasmcloud_ctl.__all__)
    assert names == {*wasmcloud_ctl.__all__, "annotations"} - {"__version__"}
    for kind in (*classes(models), *classes(events), *ALL):
        assert kind.__name__ in wasmcloud_ctl.__all__ or kind in (models.Value, models.Model, models.Range)


@pytest.mark.parametrize(
    ("sent", "command", "advice"),
    [
        (True, True, "it was sent, so its outcome is unknown: look at the state before you send it again"),
        (False, True, "it was not sent and never will be, so you can send it again"),
        (True, False, "the responder may be stopped or slow: try again, or with a longer timeout"),
        (False, False, "it was not sent: try again, or with a longer timeout"),
    ],
)
def test_a_request_without_a_reply_says_what_to_do(sent: bool, command: bool, advice: str) -> None:
    """Whether it was sent matters, and whether it changes anything."""
    error = request_timeout("a.b", 0.5, sent=sent, command=command)

    assert str(error) == f"no answer to a.b within 0.5 s; {advice}"
    assert (error.subject, error.sent) == ("a.b", sent)
