"""The private event loop on its background thread, and what crosses between threads.

The only module that knows threads, but for ``_imports``, which imports this one on a thread. One ``Bridge``
is one daemon thread that runs one event loop inside anyio. Work gets there in two ways: ``exchange`` for
what happens on every call (a plain callback and a lock, half the price of a task), ``run`` for what is
rare (a coroutine, in a task of anyio's). Replies and events come back by ``Outcome`` and ``Mailbox``.

How a process ends decides the shape of this module:

* The thread is a daemon of this library's own. anyio's ``start_blocking_portal`` held open keeps
  an interpreter from ending, and so does a thread that is joined at exit without a bound.
* One ``atexit`` function closes what is still open, with a bound, in the process that opened it.
* A forked child has the objects but not the thread. Whatever a child would do to an inherited loop
  (its epoll descriptor is shared) breaks the parent, so every way in looks at the process id
  first, and inherited bridges are kept alive and left alone.
* ``__del__`` may run on any thread at any time, so what it may call (``stop_soon``) takes no lock
  and waits for nothing.
"""

from __future__ import annotations

import _thread
import asyncio
import atexit
import logging
import os
import socket
import sys
import threading
import weakref
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

# All of it here: anyio would import it when it is first used, and nothing would keep a fork from coming between.
import anyio._backends._asyncio
from anyio import create_task_group, move_on_after
from anyio.abc import TaskGroup

from wasmcloud_ctl._bridge.handover import Deadline, DeadlinePassed, Mailbox, Outcome
from wasmcloud_ctl.exceptions import ClosedError, ConnectError, CtlError

logger = logging.getLogger("wasmcloud_ctl")

T = TypeVar("T")

# How long a cancelled call waits for the loop to clean up, and how long an exiting process waits
# for its bridges. Reached only when the loop itself is blocked.
CLEANUP_SECONDS = 1.0

_open_bridges: weakref.WeakSet[Bridge] = weakref.WeakSet()
_inherited_bridges: list[Bridge] = []


class _Loop(asyncio.SelectorEventLoop):
    """An event loop that resolves names on daemon threads.

    asyncio resolves them on its executor, whose threads are joined when the loop and when the
    interpreter end: a resolver that hangs would hold up both.
    """

    def __init__(self) -> None:
        try:
            super().__init__()
        except BaseException:
            # Too many open files, for one. asyncio would warn of a loop that has not come to be, and fail to end it.
            self._closed = True
            raise

    async def getaddrinfo(self, host: Any, port: Any, **hints: Any) -> Any:
        future: asyncio.Future[Any] = self.create_future()

        def settle(error: BaseException | None, addresses: Any) -> None:
            if future.done():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(addresses)

        def resolve() -> None:
            error: BaseException | None = None
            addresses = None
            try:
                addresses = socket.getaddrinfo(host, port, **hints)
            except Exception as raised:
                error = raised
            try:
                self.call_soon_threadsafe(settle, error, addresses)
            except RuntimeError:
                pass  # the loop has ended meanwhile, so nobody waits for the answer

        threading.Thread(target=resolve, name="wasmcloud_ctl-resolver", daemon=True).start()
        return await future


# What the loop and its thread are made of.
_FOUNDATIONS = ("threading", "queue", "select", "socket")


def _refuse_gevent() -> None:
    """Raise where gevent has put its own in place of what the loop and its thread are made of.

    All greenlets share one thread, of which asyncio allows one running loop: a second client, or any other use of
    asyncio in the process, would fail, and with only some modules patched calls hang.
    """
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None:
        return
    patched = [name for name in _FOUNDATIONS if monkey.is_module_patched(name)]
    if patched:
        raise ConnectError(
            f"gevent has patched {', '.join(patched)}, and this client needs them as they are: connect in a process "
            "without gevent's monkey patching (with gunicorn: workers of the class gthread)"
        )


class Bridge:
    """One private event loop on one daemon thread.

    Args:
        name: The thread's name.

    Attributes:
        ended_by_exit: Whether the process ended before anybody closed it.

    A bridge is started once and closed once. All methods may be called from any thread but
    the loop's own, unless they say otherwise.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._pid = os.getpid()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: TaskGroup | None = None
        self._stop: asyncio.Event | None = None
        self._stopping = False
        self._ended = False
        self.ended_by_exit: bool = False
        # Taken until the thread is about to end. No Event: Ctrl-C in the wait for one can leave its own lock taken.
        self._over = threading.Lock()
        self._over.acquire()
        self._waiting: set[Outcome[Any] | Mailbox[Any]] = set()
        # What calls want begun, and whether the loop has been woken for it.
        self._beginnings: deque[Callable[[], None]] = deque()
        self._woken = False
        self._cleanups: list[Callable[[], Awaitable[None]]] = []

    @property
    def inherited(self) -> bool:
        """Whether this process is a fork of the one that made the bridge, and so has no thread for it."""
        return self._pid != os.getpid()

    @property
    def ended(self) -> bool:
        """Whether the loop runs no more."""
        return self._ended

    def closed_error(self) -> ClosedError:
        """For a call that comes too late. Who has not closed the client is told why it is closed."""
        reason = ", because Python is ending" if self.ended_by_exit else ""
        return ClosedError(f"the client is closed{reason}")

    def start(self, timeout: float) -> None:
        """Start the thread and its loop.

        Args:
            timeout: Seconds that it may take, above 0.

        Raises:
            ConnectError: gevent has patched what the thread is made of; or it could not be started: for want of files
                or threads, too late in the interpreter's life, or not in time.
        """
        _refuse_gevent()
        started: Outcome[None] = Outcome()
        _open_bridges.add(self)
        try:
            # Not here: Thread.start waits for the thread on an Event, whose lock Ctrl-C can leave taken, and then the
            # thread waits for that for ever. Ctrl-C comes to no other thread than the main one.
            _thread.start_new_thread(self._launch, (started,))
        except RuntimeError as error:
            self._ended = True
            raise ConnectError(f"cannot start the client's thread: {error}") from error
        try:
            in_time = started.wait(timeout)
        except BaseException:
            self.stop_soon()
            raise
        if not in_time:
            self.stop_soon()
            raise ConnectError(f"the client's thread did not start within {timeout:g} s")
        started.result()

    def _launch(self, started: Outcome[None]) -> None:  # pragma: no cover – no bare thread can be measured
        # A thread that inherits the caller's context would keep it alive (free-threaded 3.14 does
        # inherit), so it is named and handed nothing but what it needs.
        thread = threading.Thread(target=self._main, args=(started,), name=self._name, daemon=True)
        try:
            thread.start()
        except BaseException as error:
            self._ended = True
            started.fail(ConnectError(f"cannot start the client's thread: {error}"))

    def _main(self, started: Outcome[None]) -> None:
        self._thread = threading.current_thread()
        try:
            anyio.run(self._serve, started, backend_options={"loop_factory": _Loop})
        except BaseException as error:
            failure = ConnectError(f"cannot start the client's loop: {error}")
            failure.__cause__ = error
            started.fail(failure)
            logger.debug("the client's loop ended with %r", error, exc_info=error)
        finally:
            self._ended = True
            # Whoever posted work too late for the loop to run it must not wait for its timeout.
            for waiter in list(self._waiting):
                waiter.fail(self.closed_error())
            self._over.release()

    async def _serve(self, started: Outcome[None]) -> None:
        async with create_task_group() as tasks:
            self._loop = asyncio.get_running_loop()
            self._tasks = tasks
            self._stop = asyncio.Event()
            if self._stopping:  # before there was a loop to be told (T21)
                self._stop.set()
            started.resolve(None)
            await self._stop.wait()
            for cleanup in self._cleanups:
                with move_on_after(CLEANUP_SECONDS, shield=True):
                    try:
                        await cleanup()
                    except Exception as error:
                        logger.debug("closing: %r", error, exc_info=error)
            # Else it would be waited for every task, and an endless one would keep it for ever (T11).
            tasks.cancel_scope.cancel()

    def on_close(self, cleanup: Callable[[], Awaitable[None]]) -> None:
        """Have a coroutine function run on the loop before it ends, for at most a second."""
        self._cleanups.append(cleanup)

    def refuse_ended(self) -> None:
        """Raise where no work is taken any more.

        Raises:
            ClosedError: The loop has ended.
        """
        if self._ended:
            raise self.closed_error()

    def post(self, callback: Callable[..., object], *args: object) -> None:
        """Run a function on the loop soon, and do not wait for it. Also from the loop's own thread.

        Raises:
            ClosedError: The loop has ended.
        """
        if self._loop is None or self._ended or self.inherited:
            raise self.closed_error()
        try:
            self._loop.call_soon_threadsafe(callback, *args)
        except RuntimeError as error:  # pragma: no cover – it has ended since it was asked
            raise self.closed_error() from error

    def _begin_soon(self, begin: Callable[[], None]) -> None:
        """As ``post``, with one wake-up for all that threads want at the same time: it costs more than most work.

        Raises:
            ClosedError: The loop has ended.
        """
        if self._ended or self.inherited:
            raise ClosedError("the client is closed")
        self._beginnings.append(begin)
        if self._woken:
            return
        try:
            self._woken = True
            self.post(self._begin_all)
        except BaseException:
            # By Ctrl-C, maybe: the next one has to wake it. That it was woken already does no harm.
            self._woken = False
            raise

    def _begin_all(self) -> None:
        # First this: what comes from now on wakes it again. It ends, for each thread waits for what it wanted begun.
        self._woken = False
        while self._beginnings:
            self._beginnings.popleft()()

    def _post_after_beginnings(self, callback: Callable[[], None]) -> None:
        """As ``post``, when all has begun that was to: Ctrl-C may have kept the loop from being woken for others."""

        def in_order() -> None:
            self._begin_all()
            callback()

        self.post(in_order)

    def exchange(
        self, outcome: Outcome[T], begin: Callable[[], None], abandon: Callable[[], None], timeout: float
    ) -> T:
        """Have something begun on the loop, and wait for its outcome.

        Args:
            outcome: What ``begin`` will have resolved or failed.
            begin: Runs on the loop, unless the wait is over by then. What it raises becomes the outcome.
            abandon: Runs on the loop when the wait is over without an outcome, or is interrupted by
                anything (Ctrl-C). It must fail the outcome, and see to it that nothing happens later.
            timeout: Seconds to wait for the outcome.

        Returns:
            The outcome's value.

        Raises:
            ClosedError: The loop has ended, or ends meanwhile.
            Exception: What the outcome failed with.
        """
        self.refuse_own_thread()
        given_up = False

        def guarded() -> None:
            if given_up:  # what a loop that was blocked comes to after the call must not be sent any more
                return
            try:
                begin()
            except Exception as error:
                outcome.fail(error)

        try:
            self._waiting.add(outcome)
            self._begin_soon(guarded)
            if not outcome.wait(timeout):
                given_up = True
                self._post_after_beginnings(abandon)
                if not outcome.wait(CLEANUP_SECONDS):
                    raise CtlError("the client's loop is blocked: something run on it does not give way")
        except BaseException:
            given_up = True
            if not outcome.done:  # pragma: no branch – Ctrl-C may come when it is just done
                self._abandon(outcome, abandon)
            raise
        finally:
            self._waiting.discard(outcome)
        return outcome.result()

    def _abandon(self, outcome: Outcome[Any], abandon: Callable[[], None]) -> None:
        """Clean up after an interrupted call, and wait for that, but not for ever."""
        try:
            self._post_after_beginnings(abandon)
        except ClosedError:
            return
        outcome.wait(CLEANUP_SECONDS)

    def run(self, function: Callable[..., Awaitable[T]], *args: Any, timeout: float | None) -> T:
        """Run a coroutine function on the loop, and wait for it.

        Args:
            function: The coroutine function.
            args: Its arguments.
            timeout: Seconds; None waits as long as it takes.

        Returns:
            What it returns.

        Raises:
            DeadlinePassed: It took longer; it has been cancelled.
            ClosedError: The loop has ended, or ends meanwhile.
            BaseException: What it raises.
        """
        self.refuse_own_thread()
        ended: Outcome[T] = Outcome()
        tasks: list[asyncio.Task[Any]] = []
        cancelled = False

        # A future's result can be had before its task has cleaned up (T8), and an exception that gets out of a task,
        # a cancellation, too, takes all others down: so the task hands over its own outcome, as its last act.
        async def work() -> None:
            task = asyncio.current_task()
            if cancelled or task is None:
                return
            tasks.append(task)
            try:
                value = await function(*args)
            except asyncio.CancelledError:
                ended.fail(ClosedError("the client was closed during the call"))
            except BaseException as error:
                ended.fail(error)
            else:
                ended.resolve(value)

        # Not by anyio's BlockingPortal: Ctrl-C in its wait for a future can leave that one's lock taken, and the loop
        # waits for it for ever; and it cancels again at each await, so that no cleaning up could await anything.
        def begin() -> None:
            assert self._tasks is not None
            try:
                self._tasks.start_soon(work)
            except RuntimeError:  # pragma: no cover – they have been ended, just now
                ended.fail(self.closed_error())

        def cancel() -> None:
            nonlocal cancelled
            cancelled = True
            for task in tasks:
                task.cancel()
            if not tasks:  # and there will be none
                ended.fail(ClosedError("the call was given up"))

        try:
            self._waiting.add(ended)
            self.post(begin)
            if not ended.wait(timeout):
                self.post(cancel)
                # The last moment's result counts, if there is one.
                if not ended.wait(CLEANUP_SECONDS) or isinstance(ended._error, ClosedError):
                    raise DeadlinePassed
        except BaseException:
            if not ended.done:
                self._abandon(ended, cancel)
            raise
        finally:
            self._waiting.discard(ended)
        return ended.result()

    def watch(self, mailbox: Mailbox[Any]) -> None:
        """End this mailbox, too, when the loop ends."""
        self._waiting.add(mailbox)
        if self._ended:
            mailbox.fail(self.closed_error())

    def unwatch(self, mailbox: Mailbox[Any]) -> None:
        """Forget a mailbox that ``watch`` was given."""
        self._waiting.discard(mailbox)

    def refuse_own_thread(self) -> None:
        """Raise where waiting would be for oneself.

        Raises:
            CtlError: This is the loop's own thread.
        """
        if self._thread is not None and self._thread.ident == threading.get_ident():
            raise CtlError(
                "a blocking call was made on the client's own loop (from a function given to run()): "
                "it would wait for itself; use nats_client there, or make the call from another thread"
            )

    def stop_soon(self) -> None:
        """Ask the loop to end, and do not wait. Takes no lock, so that ``__del__`` may call it."""
        if self.inherited:
            return
        # First this and then that, as the thread does the reverse: one of both is seen.
        self._stopping = True
        if self._loop is None or self._stop is None:
            return
        try:
            self._loop.call_soon_threadsafe(self._stop.set)
        except RuntimeError:
            pass  # the loop has ended already

    def close(self, timeout: float) -> None:
        """End the loop and its thread. A second time, or from several threads, does no harm.

        In a forked child it does nothing: the loop is the parent's. From the loop's own thread it
        does not wait.

        Args:
            timeout: Seconds to wait for the thread to end.
        """
        if self.inherited:
            return
        self.stop_soon()
        thread = self._thread
        if thread is None or thread.ident == threading.get_ident():
            return
        deadline = Deadline(min(timeout, threading.TIMEOUT_MAX))
        # Python before 3.13 takes a thread whose join was interrupted for one that has ended, so Ctrl-C must not
        # come to the join, but to this.
        if self._over.acquire(True, deadline.left()):
            self._over.release()
            thread.join(deadline.left())
        if thread.is_alive():
            logger.warning("the client's thread did not end within %g s of close()", timeout)
        else:
            _open_bridges.discard(self)


class _LastBreath:
    """Ends all bridges when the thread that has it ends.

    A child that a thread has forked runs no atexit function: it ends when its last thread does, and a bridge has one,
    daemon or not.
    """

    def __del__(self, _finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        if not _finalizing():
            for bridge in list(_open_bridges):
                bridge.stop_soon()


_of_thread = threading.local()


def _keep_inherited_bridges() -> None:
    """In a forked child: keep the parent's bridges alive, for collecting a loop would close what the parent
    uses, and leave them out of what is closed at exit."""
    global _open_bridges
    _inherited_bridges.extend(_open_bridges)
    _open_bridges = weakref.WeakSet()
    _of_thread.last_breath = _LastBreath()


if hasattr(os, "register_at_fork"):  # pragma: no branch – Windows has no fork
    os.register_at_fork(after_in_child=_keep_inherited_bridges)


@atexit.register
def _close_open_bridges() -> None:
    """Close what a process leaves open when it ends; a forked child leaves its parent's alone."""
    bridges = [bridge for bridge in list(_open_bridges) if not bridge.inherited]
    for bridge in bridges:
        bridge.ended_by_exit = True
        bridge.stop_soon()
    deadline = Deadline(CLEANUP_SECONDS + 0.5)
    try:
        for bridge in bridges:
            bridge.close(deadline.left())
    except KeyboardInterrupt:
        pass  # who is in a hurry need not wait; all have been told to end
