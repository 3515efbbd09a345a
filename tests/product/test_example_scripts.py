"""The examples that solve a task: each run as its user runs it, in a process of its own."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from scripts import LAST_SECONDS, WARNINGS, Ended

from wasmcloud_ctl import Client, Link
from wasmcloud_ctl.testing import PracticeHost, PracticeLattice, PracticeServer, unused_port

EXAMPLES = Path(__file__).parents[2] / "examples"

OLD = "registry.example/acme/echo:1"
NEW = "registry.example/acme/echo:2"

# What each needs besides a lattice.
ARGUMENTS = {
    "alert_on_drift.py": ["wanted.json", "--write"],
    "apply_file.py": [str(EXAMPLES / "lattice.json")],
    "deploy_application.py": [str(EXAMPLES / "shop.yaml")],
    "drain_host.py": ["purple"],
    "inventory_csv.py": [],
    "roll_update.py": ["echo", NEW],
    "scale_by_label.py": ["zone=z1", NEW, "echo", "5"],
    "watch_failures.py": [],
    "wsgi_page.py": ["--port", "0"],
}


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable and no context of wash's."""
    for name in list(os.environ):
        if name.startswith(("WASH_", "WASMCLOUD_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("WASH_CONTEXT_DIR", str(tmp_path))
    monkeypatch.setenv("PYTHONWARNINGS", WARNINGS)


@pytest.fixture
def three_hosts(make_practice_lattice: Callable[..., PracticeLattice]) -> PracticeLattice:
    """A lattice of three hosts, all with the label zone=z1."""
    return make_practice_lattice([{"zone": "z1"}] * 3)


def start(script: str, *arguments: str, lattice: PracticeLattice | None = None) -> subprocess.Popen[str]:
    where = [] if lattice is None else ["--url", lattice.url, "--lattice", lattice.lattice]
    return subprocess.Popen(
        [sys.executable, str(EXAMPLES / script), *arguments, *where],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=EXAMPLES.parent,
        start_new_session=True,
    )


def end(process: subprocess.Popen[str]) -> Ended:
    """Wait for its end; whatever is left of it then is killed."""
    try:
        output, errors = process.communicate(timeout=LAST_SECONDS)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    return Ended(process.returncode, output, errors)


def run(script: str, *arguments: str, lattice: PracticeLattice | None = None) -> Ended:
    return end(start(script, *arguments, lattice=lattice))


@contextmanager
def running(script: str, *arguments: str, lattice: PracticeLattice) -> Iterator[subprocess.Popen[str]]:
    """It runs until the block ends; killed if it is not gone by then."""
    process = start(script, *arguments, lattice=lattice)
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def line(process: subprocess.Popen[str]) -> str:
    """The next line of its output."""
    assert process.stdout is not None
    return process.stdout.readline().rstrip("\n")


def interrupt(process: subprocess.Popen[str]) -> Ended:
    """Ctrl-C: a terminal sends it to what the script runs, too."""
    os.killpg(process.pid, signal.SIGINT)
    return end(process)


def by_name(lattice: PracticeLattice) -> list[PracticeHost]:
    """The hosts in the order in which the examples name them."""
    return sorted(lattice.hosts, key=lambda host: host.friendly_name)


def components(client: Client, host: PracticeHost) -> dict[str, tuple[str, int]]:
    """The reference and the count of each component on a host, by id."""
    inventory = client.get_host_inventory(host.id).unwrap()
    return {
        component.id: (component.image_ref, component.max_instances) for component in inventory.components
    }


def sent(lattice: PracticeLattice, operation: str) -> list[dict[str, object]]:
    """The payloads of the commands of one kind that have arrived, in order."""
    return [
        json.loads(command.payload or b"{}") for command in lattice.commands if command.operation == operation
    ]


# All of them --------------------------------------------------------------------------------------------


def test_each_example_is_tested_and_described() -> None:
    """Whatever script there is has tests here or is the tour, and has its line in the examples' README."""
    scripts = {path.name for path in EXAMPLES.glob("*.py")}
    readme = (EXAMPLES / "README.rst").read_text(encoding="utf-8")

    assert scripts == {*ARGUMENTS, "tour.py"}
    assert [script for script in scripts if f"python examples/{script}" not in readme] == []


@pytest.mark.timeout(120)  # ten scripts took 19 s
def test_the_readmes_commands_run_as_written(
    make_practice_lattice: Callable[..., PracticeLattice], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One after the other, but for those that go on until Ctrl-C and the tour."""
    lattice = make_practice_lattice([{"zone": "a"}] * 3, wadm=True)
    monkeypatch.setenv("WASMCLOUD_CTL_PORT", lattice.url.rpartition(":")[2])
    monkeypatch.setenv("WASMCLOUD_LATTICE", lattice.lattice)
    readme = (EXAMPLES / "README.rst").read_text(encoding="utf-8")
    commands = [shlex.split(command) for command in re.findall(r"^    python examples/(.+)$", readme, re.M)]
    endless = ("tour.py", "watch_failures.py", "wsgi_page.py")
    words = {"HOST": lattice.hosts[0].id, "wanted.json": str(tmp_path / "wanted.json")}

    statuses = {
        " ".join(command): run(*(words.get(word, word) for word in command)).status
        for command in commands
        if command[0] not in endless
    }

    assert len(statuses) == 10
    assert {command: status for command, status in statuses.items() if status} == {
        "apply_file.py examples/lattice.json --check": 3
    }
    assert [host.running for host in lattice.hosts] == [False, True, True]


@pytest.mark.parametrize("script", ARGUMENTS)
def test_help_says_what_it_does(script: str) -> None:
    """--help begins with the first sentence of its docstring."""
    first = (EXAMPLES / script).read_text(encoding="utf-8").partition("\n")[0].removeprefix('"""')

    ended = run(script, "--help")

    assert (ended.status, ended.errors) == (0, "")
    assert first in " ".join(ended.output.split())


@pytest.mark.parametrize("script", ARGUMENTS)
def test_no_server_is_one_line(script: str) -> None:
    """Where no server is, it prints a line that says so on stderr, and nothing else; status 1."""
    url = f"nats://127.0.0.1:{unused_port()}"

    ended = run(script, *ARGUMENTS[script], "--url", url)

    assert (ended.status, ended.output, ended.errors.count("\n")) == (1, "", 1)
    assert ended.errors.startswith(f"error: nobody listens at {url}")


def test_without_a_url_they_go_where_wash_goes(
    lattice: PracticeLattice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """wash's variables say which server and which lattice."""
    monkeypatch.setenv("WASMCLOUD_CTL_PORT", lattice.url.rpartition(":")[2])
    monkeypatch.setenv("WASMCLOUD_LATTICE", lattice.lattice)

    ended = run("inventory_csv.py", "--hosts", "2")

    header = "host_id,friendly_name,kind,id,image_ref,max_instances,name,revision,annotations\n"
    assert ended == Ended(0, header, "")


# scale_by_label -----------------------------------------------------------------------------------------


def test_scale_on_hosts_with_a_label(lattice: PracticeLattice, client: Client) -> None:
    """The hosts with the label run it, with its configs and the annotations that it had; the others do not."""
    labelled, other = lattice.hosts
    client.put_config("web", {}).raise_for_status()
    client.scale_component(labelled.id, OLD, "echo", 1, {"team": "acme"}, wait=5)

    ended = run("scale_by_label.py", "zone=z1", OLD, "echo", "5", "--config", "web", lattice=lattice)

    assert ended == Ended(0, f"{labelled.friendly_name}: echo 5\n", "")
    assert components(client, labelled) == {"echo": (OLD, 5)}
    assert components(client, other) == {}
    command = sent(lattice, "component.scale")[-1]
    assert (command["annotations"], command["config"]) == ({"team": "acme"}, ["web"])


def test_scale_goes_on_where_one_host_fails(
    three_hosts: PracticeLattice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host of another reference is left as it is, those that do not answer are told, the first one is scaled."""
    monkeypatch.setenv("WASMCLOUD_CTL_TIMEOUT_MS", "1000")
    good, outdated, mute = by_name(three_hosts)
    with three_hosts.connect() as client:
        client.scale_component(outdated.id, OLD, "echo", 1, wait=5)
        mute.lose_replies(operation="host.get")

        ended = run("scale_by_label.py", "zone=z1", NEW, "echo", "5", "--hosts", "4", lattice=three_hosts)

        assert (ended.status, ended.output) == (1, f"{good.friendly_name}: echo 5\n")
        no_inventory, too_few, other_reference = ended.errors.splitlines()
        assert no_inventory.startswith(f"error: host {mute.id}: no answer to ")
        assert too_few == "error: 3 of 4 hosts answered"
        assert other_reference.startswith(f"error: {outdated.friendly_name}: the scale of echo to 5 on host ")
        assert f"the command was not sent: it runs {OLD}" in other_reference
        assert components(client, good) == {"echo": (NEW, 5)}
        assert components(client, outdated) == {"echo": (OLD, 1)}


def test_scale_to_0_needs_no_reference_that_runs(lattice: PracticeLattice, client: Client) -> None:
    """Whatever runs under the id is stopped."""
    host = lattice.hosts[0]
    client.scale_component(host.id, OLD, "echo", 1, wait=5)

    ended = run("scale_by_label.py", "zone=z1", NEW, "echo", "0", lattice=lattice)

    assert ended == Ended(0, f"{host.friendly_name}: echo 0\n", "")
    assert components(client, host) == {}
    assert sent(lattice, "component.scale")[-1]["component_ref"] == OLD


def test_scale_says_why_a_host_failed(lattice: PracticeLattice) -> None:
    """The host's own reason is in the line."""
    lattice.registry.fail(NEW, "no such image")

    ended = run("scale_by_label.py", "zone=z1", NEW, "echo", "5", lattice=lattice)

    assert (ended.status, ended.output) == (1, "")
    assert ended.errors.startswith(
        f"error: {lattice.hosts[0].friendly_name}: the scale of echo to 5 on host "
    )
    assert ended.errors.endswith("no such image\n")


def test_scale_on_no_host(lattice: PracticeLattice) -> None:
    """A label that no host has is an error, for it is a slip."""
    ended = run("scale_by_label.py", "zone=z9", NEW, "echo", "5", lattice=lattice)

    assert ended == Ended(1, "", f"error: no host of lattice {lattice.lattice!r} has the label zone=z9\n")


@pytest.mark.parametrize("script", ["drain_host.py", "scale_by_label.py"])
def test_ctrl_c_during_a_command(lattice: PracticeLattice, client: Client, script: str) -> None:
    """It ends at once, also what threads are waiting in, and says that the outcome is not certain."""
    host = lattice.hosts[0]
    client.scale_component(host.id, OLD, "other", 1, wait=5)
    lattice.registry.hold(OLD)
    arguments = {"drain_host.py": [host.id], "scale_by_label.py": ["zone=z1", OLD, "echo", "5"]}
    with running(script, *arguments[script], lattice=lattice) as process:
        lattice.wait_for_commands("component.scale", 2)
        began = time.monotonic()
        ended = interrupt(process)

    assert time.monotonic() - began < 5
    assert (ended.status, ended.errors.count("\n")) == (1, 1)
    assert ended.errors.startswith("error: interrupted; ")


# roll_update --------------------------------------------------------------------------------------------


def roll(three_hosts: PracticeLattice, *options: str) -> Ended:
    """Update the component on all three hosts."""
    return run("roll_update.py", "echo", NEW, "--hosts", "3", *options, lattice=three_hosts)


def test_roll_goes_host_by_host(three_hosts: PracticeLattice, tmp_path: Path) -> None:
    """Each host is updated and probed before the next; counts and annotations stay; a second run does nothing."""
    names = [host.friendly_name for host in by_name(three_hosts)]
    log = tmp_path / "log"
    with three_hosts.connect() as client:
        for host in three_hosts.hosts:
            client.scale_component(host.id, OLD, "echo", 3, {"team": "acme"}, wait=5)

        first = roll(three_hosts, "--probe", f'echo "$HOST_NAME" >> {log}')
        second = roll(three_hosts, "--probe", "false")

        assert first == Ended(0, "".join(f"{name}: updated from {OLD}\n" for name in names), "")
        assert second == Ended(0, "".join(f"{name}: runs {NEW} already\n" for name in names), "")
        assert log.read_text().split() == names
        for host in three_hosts.hosts:
            [component] = client.get_host_inventory(host.id).unwrap().components
            assert (component.image_ref, component.max_instances) == (NEW, 3)
            assert component.annotations == {"team": "acme"}


def test_roll_stops_at_the_first_failed_probe(three_hosts: PracticeLattice) -> None:
    """It says what was done and what was not, and the last host keeps what it ran."""
    hosts = by_name(three_hosts)
    first, second, third = (host.friendly_name for host in hosts)
    with three_hosts.connect() as client:
        for host in hosts:
            client.scale_component(host.id, OLD, "echo", 3, wait=5)

        ended = roll(three_hosts, "--probe", f'test "$HOST_NAME" = {first}')

        assert ended == Ended(
            1,
            f"{first}: updated from {OLD}\n",
            f"error: {second}: updated, but the probe ended with status 1\n"
            f"done: {first}\nstopped at: {second}\nnot done: {third}\n",
        )
        assert [components(client, host)["echo"][0] for host in hosts] == [NEW, NEW, OLD]


def test_roll_stops_where_an_update_fails(lattice: PracticeLattice, client: Client) -> None:
    """An image that is not there stops it at the first host; no host runs anything else than before."""
    first, second = (host.friendly_name for host in by_name(lattice))
    for host in lattice.hosts:
        client.scale_component(host.id, OLD, "echo", 3, wait=5)
    lattice.registry.fail(NEW)

    ended = run("roll_update.py", "echo", NEW, "--hosts", "2", "--wait", "1", lattice=lattice)

    error, *summary = ended.errors.splitlines()
    assert (ended.status, ended.output) == (1, "")
    assert error.startswith(f"error: {first}: the update of echo to {NEW} on host ")
    assert summary == ["done: none", f"stopped at: {first}", f"not done: {second}"]
    assert [components(client, host) for host in lattice.hosts] == [{"echo": (OLD, 3)}] * 2


def test_roll_changes_nothing_if_a_host_is_missing(three_hosts: PracticeLattice) -> None:
    """A host that does not answer would keep the old reference, so it is said and nothing is sent."""
    first, second, third = by_name(three_hosts)
    with three_hosts.connect() as client:
        client.scale_component(first.id, OLD, "echo", 3, wait=5)
        second.stall()

        ended = roll(three_hosts)

        assert (ended.status, ended.output, ended.errors.count("\n")) == (1, "", 1)
        assert ended.errors.startswith("error: 2 of 3 expected hosts answered")
        assert sent(three_hosts, "component.update") == []
        assert third.running


def test_roll_says_where_ctrl_c_stopped_it(
    lattice: PracticeLattice, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C ends it within the probe, with the same summary as a failure."""
    # The probe speaks as soon as it runs. A Ctrl-C before subprocess waits for it, or while the probe takes its time
    # to die, ends subprocess.run without a wait, and then CPython warns of it: that is not this example's.
    monkeypatch.setenv("PYTHONWARNINGS", f"{WARNINGS},ignore:subprocess:ResourceWarning")
    hosts = by_name(lattice)
    first, second = (host.friendly_name for host in hosts)
    for host in hosts:
        client.scale_component(host.id, OLD, "echo", 3, wait=5)
    probe = ["--hosts", "2", "--probe", "echo probing; exec sleep 60"]

    with running("roll_update.py", "echo", NEW, *probe, lattice=lattice) as process:
        assert line(process) == "probing"
        ended = interrupt(process)

    summary = f"error: {first}: interrupted\ndone: none\nstopped at: {first}\nnot done: {second}\n"
    assert ended == Ended(1, "", summary)


# drain_host ---------------------------------------------------------------------------------------------


def test_drain_moves_all_and_stops_the_host(lattice: PracticeLattice, client: Client) -> None:
    """With --check it only says so; then all runs elsewhere as it did here, with the configs that were given."""
    leaving, staying = lattice.hosts
    client.put_config("web", {}).raise_for_status()
    limits = {"max_memory_limit": "1000000"}
    client.scale_component(
        leaving.id, OLD, "echo", 3, {"team": "acme"}, ["web"], component_limits=limits, wait=5
    )
    client.start_provider(
        leaving.id, "registry.example/acme/http:1", "http", {"team": "web"}, ["web"], wait=5
    )
    client.scale_component(leaving.id, OLD, "spread", 1, wait=5)
    client.scale_component(staying.id, OLD, "spread", 1, wait=5)
    arguments = [leaving.friendly_name, "--config", "echo=web", "--config", "http=web"]
    arguments += ["--reference", "http=registry.example/acme/http:2"]
    name = staying.friendly_name

    check = run("drain_host.py", *arguments, "--check", lattice=lattice)
    assert (check.status, check.errors) == (0, "")
    assert sorted(check.output.splitlines()) == [
        f"echo: to {name}",
        f"http: to {name}",
        f"spread: runs on {name}, too",
    ]
    assert components(client, staying) == {"spread": (OLD, 1)}

    ended = run("drain_host.py", *arguments, lattice=lattice)
    assert ended == Ended(
        0,
        check.output
        + f"echo: started on {name}\nhttp: started on {name}\n{leaving.friendly_name}: stopped\n",
        "",
    )
    assert not leaving.running
    inventory = client.get_host_inventory(staying.id).unwrap()
    [echo] = [component for component in inventory.components if component.id == "echo"]
    assert (echo.image_ref, echo.max_instances) == (OLD, 3)
    assert (echo.annotations, echo.limits) == ({"team": "acme"}, limits)
    [http] = inventory.providers
    assert (http.id, http.image_ref) == ("http", "registry.example/acme/http:2")
    assert http.annotations == {"team": "web"}
    assert sent(lattice, "component.scale")[-1]["config"] == ["web"]
    assert sent(lattice, "provider.start")[-1]["config"] == ["web"]


def test_drain_stops_no_host_of_which_something_could_not_be_moved(
    lattice: PracticeLattice, client: Client
) -> None:
    """The image cannot be fetched any more: the host goes on, with all that it ran."""
    leaving = lattice.hosts[0]
    client.scale_component(leaving.id, OLD, "echo", 3, wait=5)
    lattice.registry.fail(OLD, "no such image")

    ended = run("drain_host.py", leaving.id[:20], lattice=lattice)

    assert (ended.status, ended.output) == (1, f"echo: to {lattice.hosts[1].friendly_name}\n")
    assert ended.errors.startswith("error: the scale of echo to 3 on host ")
    assert ended.errors.endswith("no such image\n")
    assert components(client, leaving) == {"echo": (OLD, 3)}


def test_drain_begins_nothing_that_has_no_place_to_go(lattice: PracticeLattice, client: Client) -> None:
    """No other host has the labels that are needed: nothing is started anywhere."""
    leaving, staying = lattice.hosts
    client.scale_component(leaving.id, OLD, "echo", 3, wait=5)

    ended = run("drain_host.py", leaving.id, "--constraint", "zone=z1", lattice=lattice)

    assert ended == Ended(1, "", "error: no other host would run echo: nothing was moved\n")
    assert (components(client, leaving), components(client, staying)) == ({"echo": (OLD, 3)}, {})


def test_drain_looks_again_before_it_stops_the_host(lattice: PracticeLattice, client: Client) -> None:
    """What was started on the host meanwhile is not stopped with it."""
    leaving, staying = lattice.hosts
    client.scale_component(leaving.id, OLD, "echo", 3, wait=5)
    lattice.registry.hold(OLD)
    with running("drain_host.py", leaving.id, lattice=lattice) as process:
        lattice.wait_for_commands("component.scale", 2)
        client.scale_component(leaving.id, NEW, "newcomer", 1, wait=5)
        lattice.registry.release(OLD)
        ended = end(process)

    name = staying.friendly_name
    assert ended == Ended(
        1,
        f"echo: to {name}\necho: started on {name}\n",
        f"error: {leaving.friendly_name} was not stopped: no other host runs newcomer\n",
    )
    assert leaving.running


# apply_file ---------------------------------------------------------------------------------------------


def test_apply_once_and_again(lattice: PracticeLattice, client: Client) -> None:
    """--check shows it with status 3, applying does it, and then there is nothing left to do."""
    manifest = str(EXAMPLES / "lattice.json")
    changes = (
        "+ config web\n    + address\n+ config greeting\n    + words\n"
        "+ link http -> echo wasi:http/incoming-handler (default) source_config=web\n"
    )

    check = run("apply_file.py", manifest, "--check", lattice=lattice)
    assert client.get_links().data == []
    applied = run("apply_file.py", manifest, lattice=lattice)
    again = run("apply_file.py", manifest, lattice=lattice)
    check_again = run("apply_file.py", manifest, "--check", lattice=lattice)

    assert (check, applied) == (Ended(3, changes, ""), Ended(0, changes, ""))
    assert (again, check_again) == (Ended(0, "", ""), Ended(0, "", ""))
    assert len(sent(lattice, "link.put")) == 1
    assert client.get_config("web").data == {"address": "0.0.0.0:8080"}
    assert client.get_links().data == [
        Link("http", "echo", "wasi", "http", ["incoming-handler"], source_config=["web"])
    ]


def test_apply_shows_what_differs(lattice: PracticeLattice, client: Client, tmp_path: Path) -> None:
    """Keys that come, change and go; a link with other interfaces, and one with another target."""
    client.put_config("web", {"gone": "1", "kept": "2", "changed": "3"}).raise_for_status()
    client.put_link(Link("http", "echo", "wasi", "http", ["incoming-handler"]), wait=5)
    client.put_link(Link("echo", "redis", "wasi", "keyvalue", ["store"]), wait=5)
    links = [
        {"source_id": "http", "target": "other", "wit_namespace": "wasi", "wit_package": "http"},
        {"source_id": "echo", "target": "redis", "wit_namespace": "wasi", "wit_package": "keyvalue"},
    ]
    links[0]["interfaces"] = ["incoming-handler"]  # type: ignore[assignment]  # a list among strings, as JSON has it
    links[1]["interfaces"] = ["store", "atomics"]  # type: ignore[assignment]  # likewise
    manifest = tmp_path / "lattice.json"
    manifest.write_text(
        json.dumps({"configs": {"web": {"kept": "2", "changed": "4", "new": "5"}}, "links": links})
    )
    link_changes = (
        "- link http -> echo wasi:http/incoming-handler (default)\n"
        "+ link http -> other wasi:http/incoming-handler (default)\n"
        "~ link echo -> redis wasi:keyvalue/store,atomics (default)\n"
    )

    with_values = run("apply_file.py", str(manifest), "--check", "--values", lattice=lattice)
    applied = run("apply_file.py", str(manifest), lattice=lattice)

    assert with_values == Ended(
        3, "~ config web\n    ~ changed: 3 -> 4\n    - gone: 1\n    + new: 5\n" + link_changes, ""
    )
    assert applied == Ended(0, "~ config web\n    ~ changed\n    - gone\n    + new\n" + link_changes, "")
    assert client.get_config("web").data == {"kept": "2", "changed": "4", "new": "5"}
    assert sorted(client.get_links().unwrap(), key=lambda link: link.source_id) == [
        Link("echo", "redis", "wasi", "keyvalue", ["store", "atomics"]),
        Link("http", "other", "wasi", "http", ["incoming-handler"]),
    ]


LINK = {"source_id": "a", "target": "b", "wit_namespace": "wasi", "wit_package": "http", "interfaces": ["x"]}


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("[", "Expecting value"),
        ("[]", "it must be an object with configs and links"),
        ('{"config": {}}', "unknown keys: config"),
        ('{"configs": {"web": {"port": 80}}}', "the values of a config must be strings"),
        ('{"links": [{"source_id": "a"}]}', "missing 4 required positional arguments"),
        (
            json.dumps({"links": [{**LINK, "interfaces": "x"}]}),
            "not as one string: write ['x']",
        ),
        (json.dumps({"links": [{**LINK, "interfaces": 5}]}), "interfaces of a link cannot be 5"),
        (
            json.dumps({"configs": {"web": {}}, "links": [{**LINK, "target_config": ["absent"]}]}),
            "config absent is neither in the file nor in the lattice: link a -> b wasi:http/x (default) "
            "target_config=absent",
        ),
    ],
)
def test_apply_a_file_that_cannot_be_meant(
    lattice: PracticeLattice, client: Client, tmp_path: Path, document: str, reason: str
) -> None:
    """One line says what is wrong, and nothing is changed, not even what is right."""
    manifest = tmp_path / "lattice.json"
    manifest.write_text(document)

    ended = run("apply_file.py", str(manifest), lattice=lattice)

    assert (ended.status, ended.output, ended.errors.count("\n")) == (1, "", 1)
    assert reason in ended.errors
    assert (client.get_config("web").data, client.get_links().data) == (None, [])


# deploy_application -------------------------------------------------------------------------------------

SHOP = EXAMPLES / "shop.yaml"

WEB = "ghcr.io/acme/shop-web"

STATUS = """\
deployed
SCALER                             KIND          STATE
shop-web                           SpreadScaler  deployed
shop-http -(wasi:http)-> shop-web  LinkScaler    deployed
shop-http                          SpreadScaler  deployed
"""


@pytest.fixture
def with_wadm(make_practice_lattice: Callable[..., PracticeLattice]) -> PracticeLattice:
    """A lattice of two hosts with a wadm, which tries again soon."""
    return make_practice_lattice(2, heartbeat_interval=1.0, wadm=True)


def of_shop(lattice: PracticeLattice) -> list[tuple[str, str, int]]:
    """The id, reference and count of each component that runs, of all hosts."""
    with lattice.connect() as client:
        inventories = client.get_host_inventories(expected=2).raise_for_status()
        return sorted(
            (component.id, component.image_ref, component.max_instances)
            for inventory in inventories
            for component in inventory.components
        )


@pytest.mark.skipif(shutil.which("sed") is None, reason="needs sed")  # which a bare machine has not
@pytest.mark.timeout(120)  # three deployments and a failure took 21 s
def test_deploy_upgrade_and_roll_back(with_wadm: PracticeLattice, monkeypatch: pytest.MonkeyPatch) -> None:
    """The README's pipes: the version that fails is deleted, and the one before it runs again."""
    monkeypatch.setenv("WASMCLOUD_CTL_PORT", with_wadm.url.rpartition(":")[2])
    monkeypatch.setenv("WASMCLOUD_LATTICE", with_wadm.lattice)
    readme = (EXAMPLES / "README.rst").read_text(encoding="utf-8")
    upgrade, broken = re.findall(r"^    (sed .+ \| )python (examples/.+)$", readme, re.M)

    def pipe(command: tuple[str, str]) -> Ended:
        text = f"{command[0]}{shlex.quote(sys.executable)} {command[1]}"
        ended = subprocess.run(["sh", "-c", text], cwd=EXAMPLES.parent, capture_output=True, text=True)
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    first = run("deploy_application.py", str(SHOP))
    again = run("deploy_application.py", str(SHOP))
    upgraded = pipe(upgrade)
    failed = pipe(broken)

    assert first == Ended(
        0, f"shop: deploying v1.0.0, nothing is deployed\nshop: v1.0.0 is deployed\n{STATUS}", ""
    )
    assert again == Ended(1, "", "error: wadm refused: Manifest version v1.0.0 already exists\n")
    assert upgraded == Ended(
        0, f"shop: deploying v1.1.0, v1.0.0 is deployed\nshop: v1.1.0 is deployed\n{STATUS}", ""
    )
    assert (failed.status, failed.output) == (
        1,
        "shop: deploying v1.2.0, v1.1.0 is deployed\nshop: rolled back to v1.1.0\n",
    )
    assert failed.errors.startswith(
        "error: the deployment of shop v1.2.0 failed: failed to fetch component: "
    )
    with with_wadm.connect() as client:
        versions = client.wadm.list_versions("shop")
    assert [(found.version, found.deployed) for found in versions] == [("v1.0.0", False), ("v1.1.0", True)]
    assert {runs[:2] for runs in of_shop(with_wadm)} == {("shop-web", f"{WEB}:1.1.0")}
    assert sum(count for *_, count in of_shop(with_wadm)) == 4


def test_a_first_version_that_fails_is_undeployed(with_wadm: PracticeLattice) -> None:
    """Nothing was deployed before, so nothing runs, and the application is gone."""
    with_wadm.registry.fail(f"{WEB}:1.0.0", "manifest unknown")

    ended = run("deploy_application.py", str(SHOP), lattice=with_wadm)

    assert (ended.status, ended.output) == (
        1,
        "shop: deploying v1.0.0, nothing is deployed\nshop: undeployed\n",
    )
    assert "manifest unknown" in ended.errors
    assert of_shop(with_wadm) == []
    with with_wadm.connect() as client:
        assert client.wadm.list_manifests() == []


def test_a_deployment_that_is_not_certain_is_left_alone(with_wadm: PracticeLattice) -> None:
    """It may still succeed, and then it does."""
    with_wadm.registry.hold(f"{WEB}:1.0.0")

    ended = run("deploy_application.py", str(SHOP), "--wait", "1", lattice=with_wadm)

    error, advice = ended.errors.splitlines()
    assert (ended.status, ended.output) == (1, "shop: deploying v1.0.0, nothing is deployed\n")
    assert error.startswith(
        "error: the deployment of shop v1.0.0 was acknowledged, but not certain within 1 s: "
    )
    assert advice == "v1.0.0 may still succeed; nothing was deployed before"
    with_wadm.registry.release(f"{WEB}:1.0.0")
    with with_wadm.connect() as client:
        client.wadm.deploy_manifest("shop", wait=20)


def test_ctrl_c_during_a_deployment(with_wadm: PracticeLattice) -> None:
    """It ends at once, and says that wadm goes on."""
    with_wadm.registry.hold(f"{WEB}:1.0.0")
    with running("deploy_application.py", str(SHOP), lattice=with_wadm) as process:
        assert line(process) == "shop: deploying v1.0.0, nothing is deployed"
        with_wadm.wait_for_commands("component.scale")
        began = time.monotonic()
        ended = interrupt(process)

    assert time.monotonic() - began < 5
    assert ended == Ended(1, "", "error: interrupted; wadm goes on with what it was told last\n")


def test_no_manifest_there(with_wadm: PracticeLattice, tmp_path: Path) -> None:
    """A file that is not there is one line."""
    ended = run("deploy_application.py", str(tmp_path / "absent.yaml"), lattice=with_wadm)

    assert (ended.status, ended.output, ended.errors.count("\n")) == (1, "", 1)
    assert ended.errors.startswith("error: the manifest cannot be read: ")


# watch_failures -----------------------------------------------------------------------------------------


def test_watch_tells_each_failure_until_ctrl_c(lattice: PracticeLattice, client: Client) -> None:
    """A line for each kind of failure, none for what goes well; Ctrl-C ends it with status 0."""
    host, leaving = lattice.hosts
    lattice.registry.fail(OLD, "no such\nimage")
    told = []
    with running("watch_failures.py", lattice=lattice) as process:
        assert line(process) == f"watching lattice {lattice.lattice!r}"
        client.scale_component(host.id, NEW, "good", 1, wait=5)
        client.scale_component(host.id, OLD, "echo", 5)
        told.append(line(process))
        client.start_provider(host.id, OLD, "http")
        told.append(line(process))
        host.publish_event("health_check_failed", {"host_id": host.id, "provider_id": "http"})
        told.append(line(process))
        client.put_link(Link("echo", "http", "wasi", "http", ["x"], target_config=["absent"]))
        told.append(line(process))
        client.stop_host(leaving.id, wait=5)
        told.append(line(process))
        lattice.publish(f"wasmbus.evt.{lattice.lattice}.host_stopped", b"no event")
        told.append(line(process))
        ended = interrupt(process)

    assert ended == Ended(0, "", "")
    times, words = zip(*(text.split(" ", 1) for text in told), strict=True)
    assert all(re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", time) for time in times)
    assert words[0].startswith(f"component_scale_failed echo to 5 on host {host.id}: ")
    assert words[0].endswith(": no such image")
    assert words[1].startswith(f"provider_start_failed http on host {host.id}: ")
    assert words[2] == f"health_check_failed http on host {host.id}"
    assert words[3].startswith("linkdef_set_failed default from echo to http: ")
    assert words[3].endswith("Configuration absent not found in config store.")
    assert words[4] == f"host_stopped host {leaving.id}"
    assert words[5] == "events may have been missed: they could not be decoded (1 in all)"


def test_watch_runs_a_command_and_ends_by_itself(lattice: PracticeLattice, tmp_path: Path) -> None:
    """The command has the line as its last argument, and one that fails ends nothing; --for ends it."""
    with running(
        "watch_failures.py", "--for", "1.5", "--run", "sh -c 'echo ran $0; exit 3'", lattice=lattice
    ) as process:
        line(process)
        for host in lattice.hosts:
            host.stop()
        told = [line(process) for _ in range(4)]
        ended = end(process)

    assert told[1::2] == [f"ran {text}" for text in told[::2]]
    assert [text.rpartition(" ")[2] for text in told[::2]] == [host.id for host in lattice.hosts]
    assert (ended.status, ended.output) == (0, "")
    assert ended.errors.count("returned non-zero exit status 3") == ended.errors.count("\n") == 2


def test_watch_tells_of_a_lost_connection() -> None:
    """When the server was away it says that events may have been missed, and then goes on."""
    with PracticeServer() as server, PracticeLattice(server=server) as lattice:
        with running("watch_failures.py", lattice=lattice) as process:
            line(process)
            server.restart()
            missed = line(process)
            ended = interrupt(process)

    assert missed.split(" ", 1)[1] == "events may have been missed: the client was disconnected (1 in all)"
    assert ended == Ended(0, "", "")


# alert_on_drift -----------------------------------------------------------------------------------------


@pytest.fixture
def wanted(lattice: PracticeLattice, client: Client, tmp_path: Path) -> Path:
    """A file with the lattice as it is: a component on both hosts, a provider on one, and a link."""
    path = tmp_path / "wanted.json"
    for host in lattice.hosts:
        client.scale_component(host.id, OLD, "echo", 3, wait=5)
    client.start_provider(lattice.hosts[0].id, OLD, "http", wait=5)
    client.put_link(Link("http", "echo", "wasi", "http", ["incoming-handler"]), wait=5)

    written = run("alert_on_drift.py", str(path), "--write", "--hosts", "2", lattice=lattice)

    assert written == Ended(0, "wrote 2 hosts, 1 components, 1 providers, 1 links\n", "")
    return path


def drift(lattice: PracticeLattice, path: Path, *options: str) -> Ended:
    return run("alert_on_drift.py", str(path), "--once", *options, lattice=lattice)


def test_drift_compares_what_runs_and_not_where(
    lattice: PracticeLattice, client: Client, wanted: Path
) -> None:
    """A host with another id that runs the same differs from the file with --by-host only."""
    one, other = lattice.hosts
    assert drift(lattice, wanted, "--hosts", "2") == Ended(0, "", "")
    assert drift(lattice, wanted, "--hosts", "2", "--by-host") == Ended(0, "", "")
    left = other.id
    other.restart()
    client.scale_component(other.id, OLD, "echo", 3, wait=5)

    assert drift(lattice, wanted) == Ended(0, "", "")
    ended = drift(lattice, wanted, "--by-host")

    assert (ended.status, ended.errors) == (3, "")
    assert sorted(ended.output.splitlines()) == sorted(
        [
            f"component echo on host {left} is missing",
            f"component echo on host {other.id} is not in the file",
            f"host {left} is missing",
            f"host {other.id} is not in the file",
        ]
    )
    assert one.running


def test_drift_names_each_difference(lattice: PracticeLattice, client: Client, wanted: Path) -> None:
    """What is missing, what is more, and what has changed, with both values."""
    one, other = lattice.hosts
    client.stop_provider(one.id, "http", wait=5)
    client.put_label(one.id, "disk", "ssd")
    client.scale_component(one.id, OLD, "echo", 5, wait=5)
    client.scale_component(other.id, OLD, "more", 1, wait=5)
    client.put_link(Link("http", "echo", "wasi", "http", ["outgoing-handler"]), wait=5)

    plain = drift(lattice, wanted, "--hosts", "2")
    by_host = drift(lattice, wanted, "--hosts", "2", "--by-host")

    link = "link http -> echo wasi:http default interfaces: ['outgoing-handler'], not ['incoming-handler']\n"
    assert plain == Ended(
        3,
        "component echo instances: 8, not 6\ncomponent more is not in the file\n"
        f"{link}provider http is missing\n",
        "",
    )
    lines = by_host.output.splitlines()
    assert (by_host.status, len(lines)) == (3, 5)
    assert lines[0] == f"component echo on host {one.id} max_instances: 5, not 3"
    assert lines[2].startswith(f"host {one.id} labels: {{")
    assert "'disk': 'ssd'" in lines[2]


def test_drift_is_told_when_it_comes_and_goes(lattice: PracticeLattice, client: Client, wanted: Path) -> None:
    """A line with its time for each, until Ctrl-C, which ends it with status 0."""
    host = lattice.hosts[0]
    with running("alert_on_drift.py", str(wanted), lattice=lattice) as process:
        assert line(process) == f"watching lattice {lattice.lattice!r}"
        client.scale_component(host.id, OLD, "echo", 5, wait=5)
        came = line(process)
        client.scale_component(host.id, OLD, "echo", 3, wait=5)
        went = line(process)
        ended = interrupt(process)

    assert ended == Ended(0, "", "")
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00 component echo instances: 8, not 6", came)
    assert went.split(" ", 1)[1] == "component echo is as in the file again"


@pytest.mark.timeout(120)  # the script runs for 20 s
def test_drift_tells_of_a_lost_connection(tmp_path: Path) -> None:
    """When the server is away, and when it is back; --for ends it by itself."""
    path = tmp_path / "wanted.json"
    with PracticeServer() as server, PracticeLattice(server=server) as lattice:
        run("alert_on_drift.py", str(path), "--write", "--hosts", "1", lattice=lattice)
        with running(
            "alert_on_drift.py", str(path), "--for", "20", "--hosts", "1", lattice=lattice
        ) as process:
            line(process)
            server.kill()
            lost = line(process)
            server.start()
            back = line(process)
            ended = end(process)

    assert lost.split(" ", 1)[1] == "the connection is lost: nothing can be seen"
    assert back.split(" ", 1)[1] == "the connection is back"
    assert ended == Ended(0, "", "")


def test_drift_says_what_is_wrong_with_the_file(tmp_path: Path) -> None:
    """A file that is not there, is no JSON, or holds something else: one line with its name, and nothing is sent."""
    path = tmp_path / "wanted.json"
    absent = run("alert_on_drift.py", str(path))
    path.write_text("{")
    broken = run("alert_on_drift.py", str(path))
    path.write_text('{"hosts": [{"host_id": 1}]}')
    other = run("alert_on_drift.py", str(path))

    assert absent == Ended(1, "", f"error: {path} does not exist; --write makes it\n")
    for ended in (broken, other):
        assert (ended.status, ended.output, ended.errors.count("\n")) == (1, "", 1)
        assert ended.errors.startswith(f"error: {path}: ")
    assert "$.hosts[0]" in other.errors


def test_drift_is_not_told_of_a_host_that_does_not_answer(
    lattice: PracticeLattice, wanted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host that is there but sends no inventory is an error, and no difference."""
    monkeypatch.setenv("WASMCLOUD_CTL_TIMEOUT_MS", "1000")
    lattice.hosts[0].lose_replies(operation="host.get")

    ended = drift(lattice, wanted, "--hosts", "2")

    assert (ended.status, ended.output, ended.errors.count("\n")) == (1, "", 1)
    assert ended.errors.startswith("error: ")


# inventory_csv ------------------------------------------------------------------------------------------


def test_inventory_has_a_row_for_each_thing_and_host(lattice: PracticeLattice, client: Client) -> None:
    """Components and providers of all hosts, by the hosts' names."""
    one, other = by_name(lattice)
    client.scale_component(one.id, OLD, "echo", 3, {"team": 'a "b", c'}, wait=5)
    client.scale_component(other.id, OLD, "echo", 5, wait=5)
    client.start_provider(other.id, NEW, "http", wait=5)

    ended = run("inventory_csv.py", lattice=lattice)

    assert (ended.status, ended.errors) == (0, "")
    assert list(csv.reader(io.StringIO(ended.output)))[1:] == [
        [one.id, one.friendly_name, "component", "echo", OLD, "3", "", "0", '{"team": "a \\"b\\", c"}'],
        [other.id, other.friendly_name, "component", "echo", OLD, "5", "", "0", "{}"],
        [other.id, other.friendly_name, "provider", "http", NEW, "", "", "0", "{}"],
    ]


def test_inventory_tells_what_it_lacks(three_hosts: PracticeLattice, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host whose inventory does not come, and one that does not even answer a ping, are told; status 1."""
    monkeypatch.setenv("WASMCLOUD_CTL_TIMEOUT_MS", "1000")
    good, mute, gone = three_hosts.hosts
    with three_hosts.connect() as client:
        client.scale_component(good.id, OLD, "echo", 3, wait=5)
    mute.lose_replies(operation="host.get")
    gone.stall()

    ended = run("inventory_csv.py", "--hosts", "3", lattice=three_hosts)

    assert ended.status == 1
    assert [row["friendly_name"] for row in csv.DictReader(io.StringIO(ended.output))] == [good.friendly_name]
    no_inventory, too_few = ended.errors.splitlines()
    assert no_inventory.startswith(f"error: host {mute.id}: no answer to ")
    assert too_few == "error: 2 of 3 hosts answered"


# wsgi_page ----------------------------------------------------------------------------------------------


def fetch(url: str) -> tuple[int, str]:
    """The status and the page."""
    try:
        with urllib.request.urlopen(url, timeout=LAST_SECONDS) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_page_serves_many_at_once(lattice: PracticeLattice, client: Client) -> None:
    """Sixteen threads see the same lattice, with nothing of it taken for HTML, and nobody is asked for the hosts;
    Ctrl-C ends it with status 0."""
    one, other = lattice.hosts
    client.scale_component(one.id, OLD, "echo", 3, wait=5)
    client.start_provider(one.id, NEW, "http", wait=5)
    strange = {"host_id": other.id, "friendly_name": "~<script>", "components": [], "providers": []}
    other.reply_with(
        json.dumps({"success": True, "message": "", "response": strange}).encode(), operation="host.get"
    )
    with running("wsgi_page.py", "--port", "0", lattice=lattice) as process:
        url = line(process)
        asked = len(sent(lattice, "host.ping"))
        with ThreadPoolExecutor(16) as pool:
            [page] = {without_age(page) for page in pool.map(fetch, [url] * 32)}
        assert len(sent(lattice, "host.ping")) == asked
        ended = interrupt(process)

    assert page[0] == 200
    assert page[1].partition("</h1>\n")[2] == (
        "<p>2 hosts. The oldest part is N s old.</p>\n"
        f"<h2>{one.friendly_name}</h2>\n<ul>\n<li>component echo: 3 of {OLD}</li>\n"
        f"<li>provider http: {NEW}</li>\n</ul>\n"
        "<h2>~&lt;script&gt;</h2>\n<ul>\n<li>nothing</li>\n</ul>\n</html>\n"
    )
    assert (ended.status, ended.output) == (0, "")
    # The access log of wsgiref, and nothing else.
    assert [entry for entry in ended.errors.splitlines() if '"GET / HTTP/1.1" 200 ' not in entry] == []


def test_page_follows_the_lattice(lattice: PracticeLattice, client: Client) -> None:
    """What changes is on the page soon. A component that a host has renamed is marked."""
    host = lattice.hosts[0]
    with running("wsgi_page.py", "--port", "0", lattice=lattice) as process:
        url = line(process)
        client.scale_component(host.id, OLD, "echo", 3, wait=5)
        fetch_until(url, f"component echo: 3 of {OLD}<")
        client.scale_component(host.id, NEW, "echo", 5)
        fetch_until(url, f"component echo: 5 of {NEW} (in doubt: it may run {OLD})<")


def test_page_says_that_the_lattice_is_away() -> None:
    """While the server is away the page shows what was there, and says so; once all is listed again, no more."""
    with PracticeServer() as server, PracticeLattice(server=server) as lattice:
        [host] = lattice.hosts
        with running("wsgi_page.py", "--port", "0", lattice=lattice) as process:
            url = line(process)
            server.kill()
            away = fetch_until(url, "<p>This may be wrong now: there is no connection.</p>")
            server.start()
            back = fetch_until(url, "s old.</p>\n<h2>")
            ended = interrupt(process)

    assert f"<h2>{host.friendly_name}</h2>" in away
    assert f"<h2>{host.friendly_name}</h2>" in back
    assert (ended.status, "Traceback" in ended.errors) == (0, False)


def test_page_of_a_lattice_without_hosts(make_practice_lattice: Callable[..., PracticeLattice]) -> None:
    """It is a page, too, and shows the first host as soon as that has started."""
    lattice = make_practice_lattice(0)
    with running("wsgi_page.py", "--port", "0", lattice=lattice) as process:
        url = line(process)
        empty = fetch(url)
        host = lattice.add_host()
        fetch_until(url, f"<h2>{host.friendly_name}</h2>")

    assert empty[0] == 200
    assert "<p>0 hosts. " in empty[1]


def fetch_until(url: str, text: str) -> str:
    """Return the first page with this text. Nothing tells this process when the page changes."""
    end = time.monotonic() + LAST_SECONDS
    while True:
        status, page = fetch(url)
        assert status == 200
        if text in page:
            return page
        assert time.monotonic() < end, page
        time.sleep(0.05)


def without_age(page: tuple[int, str]) -> tuple[int, str]:
    """A page without its age."""
    return page[0], re.sub(r"\d+ s old", "N s old", page[1])
