"""Live views in forked children, at the end of a process and on Ctrl-C: each in processes of their own."""

from __future__ import annotations

import pytest
from scripts import Ended, run

from wasmcloud_ctl.testing import PracticeLattice

# What threads of a process do with a view when it ends.
DAEMONS = {
    "none": "",
    "changes": "[change for change in view.changes()]",
    "wait_until": "view.wait_until(lambda lattice: False, 60)",
    "reads": """
while True:
    view.lattice, view.stale, view.as_of
""",
}


def test_a_forked_child_has_a_picture_of_its_own(lattice: PracticeLattice) -> None:
    """The child makes its own copy at the first use of the view, and closes it alone. The parent's goes on."""
    ended = run(
        lattice,
        """
        client = connect(quiet=0.25)
        view = client.watch(expected=2)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.read(reader, 1)
            print("child:", sorted(view.hosts) == sorted([host_id, other_id]), list(view.components))
            while view.stale:
                time.sleep(0.01)  # no event says that a view is not stale any more
            client.scale_component(host_id, "registry.example/b:1", "b", 1, wait=10)
            print("child:", sorted(view.wait_until(lambda lattice: "b" in lattice.components, 10).components))
            view.close()
            print("child:", view.stale, sorted(view.components), flush=True)
            client.close()
            sys.exit(0)
        client.scale_component(host_id, "registry.example/a:1", "a", 1, wait=10)
        os.write(writer, b"1")
        print("parent:", os.waitpid(child, 0)[1])
        print("parent:", sorted(view.wait_until(lambda lattice: "b" in lattice.components, 10).components))
        client.scale_component(host_id, "registry.example/a:1", "a", 0, wait=10)
        print("parent:", sorted(view.wait_until(lambda lattice: "a" not in lattice.components, 10).components))
        client.close()
        print("parent:", view.stale, sorted(view.components))
        """,
    )

    assert ended == Ended(
        0,
        "child: True ['a']\nchild: ['a', 'b']\nchild: True ['a', 'b']\n"
        "parent: 0\nparent: ['a', 'b']\nparent: ['b']\nparent: True ['b']\n",
        "",
    )


def test_a_child_that_does_not_touch_a_view_ends(lattice: PracticeLattice) -> None:
    """Nor does it end anything of its parent's."""
    ended = run(
        lattice,
        """
        client = connect()
        view = client.watch(expected=2)
        child = os.fork()
        if child == 0:
            sys.exit(0)
        print("parent:", os.waitpid(child, 0)[1])
        client.put_label(host_id, "colour", "red")
        found = view.wait_until(lambda lattice: "colour" in lattice.hosts[host_id].labels, 10)
        print("parent:", found == view.lattice)
        view.close()
        client.close()
        """,
    )

    assert ended == Ended(0, "parent: 0\nparent: True\n", "")


def test_a_view_that_was_closed_before_the_fork_keeps_its_picture(lattice: PracticeLattice) -> None:
    """The child can read it, and asks nobody; closing an open view there first has the parent's last picture."""
    ended = run(
        lattice,
        """
        client = connect()
        closed, other = client.watch(expected=2), client.watch(expected=2)
        closed.close()
        child = os.fork()
        if child == 0:
            print("child:", len(closed.hosts), closed.stale)
            other.close()
            print("child:", len(other.hosts), other.stale, flush=True)
            os._exit(0)
        print("parent:", os.waitpid(child, 0)[1], len(other.hosts), other.stale)
        client.close()
        """,
    )

    assert ended == Ended(0, "child: 2 True\nchild: 2 True\nparent: 0 2 False\n", "")


def test_an_iterator_of_changes_of_the_parent_does_not_hang_in_a_child(lattice: PracticeLattice) -> None:
    """It belongs to the parent's copy: in the child it waits no longer than it was told to, or ends."""
    ended = run(
        lattice,
        """
        client = connect()
        view = client.watch(expected=2)
        changes = view.changes(0.5)
        child = os.fork()
        if child == 0:
            try:
                print("child:", list(changes))
            except wasmcloud_ctl.WaitTimeout:
                print("child: nothing")
            client.put_label(host_id, "colour", "red")
            view.wait_until(lambda lattice: "colour" in lattice.hosts[host_id].labels, 10)
            own = view.changes(10)
            client.put_label(host_id, "colour", "blue")
            print("child:", next(own).after.labels["colour"], flush=True)
            os._exit(0)
        print("parent:", os.waitpid(child, 0)[1])
        client.close()
        """,
    )

    assert ended.status == 0
    assert ended.errors == ""
    assert ended.output in (
        "child: nothing\nchild: blue\nparent: 0\n",
        "child: []\nchild: blue\nparent: 0\n",
    )


def test_children_of_multiprocessing_have_pictures_of_their_own(lattice: PracticeLattice) -> None:
    """With the start method fork, a view made before serves in each child."""
    ended = run(
        lattice,
        """
        import multiprocessing
        client = connect(quiet=0.25)
        view = client.watch(expected=2)
        def work(number):
            client.put_label(host_id, f"k{number}", "v").raise_for_status()
            found = view.wait_until(lambda lattice: f"k{number}" in lattice.hosts[host_id].labels, 10)
            return len(found.hosts)
        if __name__ == "__main__":
            with multiprocessing.get_context("fork").Pool(2) as pool:
                print(pool.map(work, range(4)))
            print(sorted(key for key in view.wait_until(
                lambda lattice: "k3" in lattice.hosts[host_id].labels, 10
            ).hosts[host_id].labels if key[0] == "k"))
            client.close()
        """,
    )

    assert ended == Ended(0, "[2, 2, 2, 2]\n['k0', 'k1', 'k2', 'k3']\n", "")


@pytest.mark.parametrize("kind", DAEMONS)
def test_a_process_that_closes_nothing_ends(lattice: PracticeLattice, kind: str) -> None:
    """Whatever its daemon threads are doing with a view."""
    ended = run(
        lattice,
        f"""
        client = connect()
        view = client.watch(expected=2)
        begun = threading.Event()
        def use():
            begun.set()
            try:
                exec({DAEMONS[kind]!r})
            except wasmcloud_ctl.ClosedError:
                pass
        threading.Thread(target=use, daemon=True).start()
        begun.wait()
        time.sleep(0.1)  # no event says that the thread waits by now
        sys.kept = view, view.changes()
        print("end")
        """,
    )

    assert ended == Ended(0, "end\n", "")


def test_a_process_that_ends_with_an_exception_ends(lattice: PracticeLattice) -> None:
    """With the exception's status and traceback, and nothing else."""
    ended = run(
        lattice,
        """
        with connect() as client, client.watch(expected=2) as view:
            view.wait_until(lambda lattice: 1 / 0, 10)
        """,
    )

    assert ended.status == 1
    assert ended.errors.count("Traceback") == 1
    assert ended.errors.strip().endswith("ZeroDivisionError: division by zero")


WAITS = {
    "wait_until": "view.wait_until(lambda lattice: False, 60)",
    "changes": "next(view.changes())",
    "refresh": "view.refresh(60)",
    "watch": "other.watch(timeout=60)",
}


@pytest.mark.parametrize("name", WAITS)
def test_ctrl_c_ends_a_wait_and_the_view_goes_on(lattice: PracticeLattice, name: str) -> None:
    """KeyboardInterrupt at once; the view is as current as ever, and closing leaves no thread."""
    ended = run(
        lattice,
        f"""
        import signal
        client, other = connect(), connect()
        view = client.watch(timeout=0.5)
        at = []
        def interrupt(number, frame):
            at.append(time.monotonic())
            raise KeyboardInterrupt
        signal.signal(signal.SIGINT, interrupt)
        print("now")
        try:
            {WAITS[name]}
        except KeyboardInterrupt:
            print("interrupted", time.monotonic() - at[0] < 0.5)
        view.refresh()
        client.put_label(host_id, "colour", "red").raise_for_status()
        print(view.wait_until(lambda lattice: "colour" in lattice.hosts[host_id].labels, 20) == view.lattice)
        print(len(other.watch(expected=2).hosts))
        client.close()
        other.close()
        print(threading.active_count())
        """,
        interrupt_at="now",
    )

    assert ended == Ended(0, "now\ninterrupted True\nTrue\n2\n1\n", "")


def test_ctrl_c_at_any_time_leaves_a_view_that_works(lattice: PracticeLattice) -> None:
    """Many interrupts during waits, reads and closes: the view shows the truth afterwards."""
    ended = run(
        lattice,
        """
        import random, signal
        client = connect(quiet=0.25)
        view = client.watch(expected=2)
        chance = random.Random(1)
        interrupts = 0
        for _ in range(60):
            signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.0005, 0.02))
            signal.signal(signal.SIGALRM, signal.default_int_handler)
            try:
                view.lattice, view.stale
                next(view.changes(0.001), None)
                view.wait_until(lambda lattice: False, 1)
            except KeyboardInterrupt:
                interrupts += 1
            except wasmcloud_ctl.WaitTimeout:
                pass
            try:
                with client.watch(expected=2) as other:
                    other.wait_until(lambda lattice: False, 0.01)
            except (KeyboardInterrupt, wasmcloud_ctl.WaitTimeout):
                pass
            try:
                time.sleep(0.03)  # lets the alarm come that is still to come
            except KeyboardInterrupt:
                interrupts += 1
        print(interrupts > 0)
        client.put_label(host_id, "colour", "red").raise_for_status()
        print(view.wait_until(lambda lattice: "colour" in lattice.hosts[host_id].labels, 10) == view.lattice)
        client.close()
        print(threading.active_count())
        """,
    )

    assert ended == Ended(0, "True\nTrue\n1\n", "")
