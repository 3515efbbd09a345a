"""What becomes part of a subject is one token, or is refused."""

from __future__ import annotations

import pytest

from wasmcloud_ctl import InvalidArgument
from wasmcloud_ctl._protocol.subjects import Subjects, host_id_of

UNFIT = [
    "",
    " ",
    "N A",
    "a.b",
    ".",
    "*",
    ">",
    "x.>",
    "a*",
    "tab\t",
    "line\r\nPUB x 0\r\n\r\n",
    "nul\x00",
    "\x7f",
    "\x85",
    "no-break\u00a0space",
    "\u2028",
    "\u200b",
    "\ud800",
    "a" * 1001,  # the server would end the connection
    5,
    None,
    b"bytes",
    True,
]


@pytest.mark.parametrize("value", UNFIT, ids=repr)
def test_what_is_no_token_is_refused_everywhere(value: object) -> None:
    """A lattice, host id, config or event that would make other tokens than meant is an InvalidArgument."""
    subjects = Subjects("wasmbus.ctl", "wasmbus.evt", "default")

    with pytest.raises(InvalidArgument, match="lattice"):
        Subjects("wasmbus.ctl", "wasmbus.evt", value)  # type: ignore[arg-type]  # the mistake
    with pytest.raises(InvalidArgument, match="host_id"):
        subjects.host("host.get", value)  # type: ignore[arg-type]  # the mistake
    with pytest.raises(InvalidArgument, match="config_name"):
        subjects.config("config.get", value)  # type: ignore[arg-type]  # the mistake
    if value != "*":
        with pytest.raises(InvalidArgument, match="event name"):
            subjects.event(value)  # type: ignore[arg-type]  # the mistake


@pytest.mark.parametrize("value", ["", ".", "a.", ".a", "a..b", "a.*", "a.>", "a b", 5, None], ids=repr)
def test_each_part_of_a_prefix_is_a_token(value: object) -> None:
    """A topic or event prefix may have dots, and nothing else that a token may not have."""
    with pytest.raises(InvalidArgument, match="topic_prefix"):
        Subjects(value, "wasmbus.evt", "default")  # type: ignore[arg-type]  # the mistake
    with pytest.raises(InvalidArgument, match="event_prefix"):
        Subjects("wasmbus.ctl", value, "default")  # type: ignore[arg-type]  # the mistake


def test_subjects_are_as_the_protocol_has_them() -> None:
    """Control subjects have their prefix, the version and the lattice; events their own prefix and the lattice."""
    subjects = Subjects("Axxx.wasmbus.ctl", "wasmbus.evt", "blue")

    assert subjects.control("host.ping") == "Axxx.wasmbus.ctl.v1.blue.host.ping"
    assert subjects.host("host.get", "NABC") == "Axxx.wasmbus.ctl.v1.blue.host.get.NABC"
    assert subjects.config("config.put", "web-π_=/") == "Axxx.wasmbus.ctl.v1.blue.config.put.web-π_=/"
    assert subjects.event("component_scaled") == "wasmbus.evt.blue.component_scaled"
    assert subjects.event("*") == "wasmbus.evt.blue.*"
    assert Subjects("c", "e", "blue").event("config_set") == "e.blue.config_set"
    assert Subjects("c", "acme.eu.hosts.evt", "blue").event("*") == "acme.eu.hosts.evt.blue.*"


def test_the_host_of_a_subject_is_told_from_another_last_part() -> None:
    """A config's name and the name of a request to all hosts are no host ids."""
    for subjects in (
        Subjects("wasmbus.ctl", "wasmbus.evt", "default"),
        Subjects("v1", "evt", "host"),
        Subjects("host.get", "evt", "component"),
    ):
        for name in ("host.get", "label.put", "component.scale", "provider.stop"):
            assert host_id_of(subjects.host(name, "N1")) == "N1"
        for name in ("host.ping", "link.get", "component.auction", "registry.put"):
            assert host_id_of(subjects.control(name)) is None
        assert host_id_of(subjects.config("config.get", "web")) is None
    assert host_id_of("x") is None
    assert host_id_of("$JS.API.STREAM.INFO.KV_CONFIGDATA_default") is None
