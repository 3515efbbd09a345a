"""One tree of exceptions, which cross processes and hold no secret."""

from __future__ import annotations

import pickle
from types import ModuleType

import pytest

import wasmcloud_ctl
from wasmcloud_ctl import CtlResponse, exceptions, models

ALL = [getattr(exceptions, name) for name in exceptions.__all__]


@pytest.mark.parametrize("kind", ALL)
def test_every_exception_is_a_ctl_error(kind: type[Exception]) -> None:
    """``except CtlError`` catches all that this library raises."""
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
def test_what_python_has_a_name_for_has_that_name_too(kind: type, also: type) -> None:
    """Those that Python has a base for can be caught by it."""
    assert issubclass(kind, also)


@pytest.mark.parametrize("kind", ALL)
def test_every_exception_pickles(kind: type[Exception]) -> None:
    """Each crosses processes with its words."""
    copy = pickle.loads(pickle.dumps(kind("the words")))

    assert (type(copy), str(copy)) == (kind, "the words")


def test_attributes_pickle() -> None:
    """What an exception knows beside its words crosses processes, too."""
    timeout = exceptions.RequestTimeout("words", subject="a.b", sent=False)
    rejected = exceptions.OperationRejected("words", response=CtlResponse(succeeded=False, message="no"))

    copied_timeout = pickle.loads(pickle.dumps(timeout))
    copied_rejected = pickle.loads(pickle.dumps(rejected))

    assert (copied_timeout.subject, copied_timeout.sent) == ("a.b", False)
    assert copied_rejected.response == CtlResponse(succeeded=False, message="no")


def test_the_tree_in_the_docstring_names_them_all() -> None:
    """Whoever reads the module's docstring sees every exception."""
    assert exceptions.__doc__ is not None
    drawn = {line.split("--", 1)[1].split()[0] for line in exceptions.__doc__.splitlines() if "+--" in line}

    assert drawn | {"CtlError"} == set(exceptions.__all__)


def test_the_public_names_are_what_all_says() -> None:
    """``__all__`` is sorted and complete: any other public name is a submodule."""
    public = {name for name, value in vars(wasmcloud_ctl).items() if not name.startswith("_")}
    modules = {name for name in public if isinstance(vars(wasmcloud_ctl)[name], ModuleType)}

    assert wasmcloud_ctl.__all__ == sorted(wasmcloud_ctl.__all__)
    assert public - modules == set(wasmcloud_ctl.__all__) - {"__version__"} | {"annotations"}
    assert modules <= {"events", "exceptions", "graph", "models", "testing"}
    assert set(models.__all__) <= set(wasmcloud_ctl.__all__)
    assert set(exceptions.__all__) <= set(wasmcloud_ctl.__all__)
