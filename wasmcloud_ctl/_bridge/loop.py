"""A private event loop on its own thread, and how other threads have work done there.

Work reaches the loop by ``Bridge.exchange``: it is begun on the loop, the caller waits for its result, and the work
is abandoned on the loop when the wait ends early. A request is such work, and so is a coroutine (``run``).

The way in which a process ends decides the design:

* The thread is a daemon of this library. anyio's ``start_blocking_portal``, held open, keeps an interpreter from
  ending, and so does a thread that is joined at exit without a limit.
* A forked child has the objects but not the thread: see ``processes``.
* ``__del__`` can run on any thread at any time. What it calls (``stop_soon``) takes no lock and does not wait.
"""

from __future__ import annotations

import _thread
import asyncio
import contextvars
import encodings.idna  # noqa: F401  # name resolution imports it on first use: too late if a fork comes between
import functools
import logging
import os
import socket
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any, Generic, Protocol, TypeVar

# anyio imports its backend on first use, which is too late if a fork comes between.
import anyio._backends._asyncio
from anyio import create_task_group, move_on_after
from anyio.abc import TaskGroup

from wasmcloud_ctl._bridge import processes, refusals
from wasmcloud_ctl._bridge.handover import Deadline, MessageQueue, Result
from wasmcloud_ctl._bridge.slices import SlicedQueue
from wasmcloud_ctl.exceptions import ClosedError, ConnectError, CtlError

logger = logging.getLogger("wasmcloud_ctl")

T = TypeVar("T")

# How long an abandoned call waits for the loop. Only a blocked loop takes it.
_CLEANUP_SECONDS = 1.0


class DeadlinePassed(Exception):
    """Work did not end in time, and was abandoned. A coroutine is cancelled then."""


class Work(Protocol[T]):
    """Work for the loop's thread, with a result that another thread waits for.

    ``begin`` and ``abandon`` run on the loop. An exception of ``begin`` becomes the result. ``abandon`` sets the
    result, and makes sure that nothing happens later. The caller's thread sets ``abandoned`` when it no longer waits.
    """

    abandoned: bool

    @property
    def result(self) -> Result[T]: ...
    def begin(self) -> None: ...
    def abandon(self) -> None: ...


class _Coroutine(Generic[T]):
    """A coroutine function that runs as a task of the loop.

    anyio's BlockingPortal is not used for two reasons. Ctrl-C in its wait for a future can leave the future's lock
    acquired, and the loop waits for that for ever. And it cancels again at each ``await``, so that no cleanup could
    await anything.
    """

    def __init__(
        self, tasks: TaskGroup, function: Callable[[], Awaitable[T]], context: contextvars.Context | None
    ) -> None:
        self.result: Result[T] = Result()
        self.abandoned: bool = False
        self._tasks = tasks
        self._function = function
        self._context = context
        self._task: asyncio.Task[Any] | None = None

    def begin(self) -> None:
        try:
            if self._context is None:
                self._tasks.start_soon(self._run)
            else:
                self._context.run(self._tasks.start_soon, self._run)
        except RuntimeError:  # pragma: no cover – the loop has just ended, and fails the result next
            pass

    async def _run(self) -> None:
        # The task sets the result itself, as its last act: a future is done before its task has cleaned up. And no
        # exception may leave the task, not even a cancellation, because that would end all other tasks.
        if self.abandoned:  # pragma: no cover – abandoned between the start of the task and its first step
            return
        self._task = asyncio.current_task()
        try:
            self.result.resolve(await self._function())
        except asyncio.CancelledError:
            closed = ClosedError("the client was closed during the call")
            self.result.fail(DeadlinePassed() if self.abandoned else closed)
        except BaseException as error:
            self.result.fail(error)
        finally:
            self._task = None  # it refers to the caller's frames

    def abandon(self) -> None:
        if self._task is None:
            self.result.fail(DeadlinePassed())
        else:
            self._task.cancel()


class _Loop(asyncio.SelectorEventLoop):
    """An event loop that resolves names on daemon threads.

    asyncio uses its executor for that. The executor's threads are joined when the loop and the interpreter end, so a
    resolver that hangs would hold up both.
    """

    def __init__(self) -> None:
        try:
            super().__init__()
        except BaseException:
            # For example, too many open files. Without this asyncio warns of an unclosed loop, and fails to close it.
            self._closed = True
            raise

    async def getaddrinfo(self, host: Any, port: Any, **hints: Any) -> Any:
        addresses: Future[Any] = Future()
        addresses.set_running_or_notify_cancel()  # so that it can be set even if nobody waits any more

        def resolve() -> None:
            try:
                addresses.set_result(socket.getaddrinfo(host, port, **hints))
            except Exception as error:
                addresses.set_exception(error)

        threading.Thread(target=resolve, name="wasmcloud_ctl-resolver", daemon=True).start()
        return await asyncio.wrap_future(addresses)


async def _do_nothing() -> None:
    pass


class Bridge:
    """One private event loop on one daemon thread, started once and closed once.

    All methods may be called from any thread but the loop's own, unless they say otherwise. ``running`` says that the
    loop was started and has not ended, ``ended_by_exit`` that the end of the process closed it.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._pid = os.getpid()
        self._thread: threading.Thread | None = None
        self._stopping = False
        self.running: bool = False
        self.ended_by_exit: bool = False
        # The loop's thread sets these before ``running``.
        self._loop: asyncio.AbstractEventLoop
        self._context: contextvars.Context
        self._tasks: TaskGroup
        self._stop: asyncio.Event
        # Acquired until the thread is about to end. Not an Event: Ctrl-C can leave the lock of an Event acquired.
        self._over = threading.Lock()
        self._over.acquire()
        # Threads wait for these. They fail when the loop ends.
        self._waiters: set[Result[Any] | MessageQueue[Any] | SlicedQueue[Any]] = set()
        # What threads want run on the loop, in order, and whether the loop has been woken for it.
        self._submitted: deque[Callable[[], None]] = deque()
        self._wake_pending = False

    @property
    def inherited(self) -> bool:
        """Whether this process is a fork of the one that made the bridge, so that it has no thread here."""
        return self._pid != os.getpid()

    def closed_error(self) -> ClosedError:
        """Return the error for calls after close; it says so when interpreter exit closed the client."""
        reason = ", because Python is ending" if self.ended_by_exit else ""
        return ClosedError(f"the client is closed{reason}")

    def start(self, timeout: float, cleanup: Callable[[], Awaitable[None]] = _do_nothing) -> None:
        """Start the thread and its loop, which runs ``cleanup`` before it ends, for at most a second.

        Raises ConnectError if they do not start in time: this process or interpreter can have no client, there are no
        more files or threads, or Python is ending.
        """
        refusals.refuse()
        started: Result[None] = Result()
        try:
            thread = threading.Thread(
                target=self._main, args=(started, cleanup), name=self._name, daemon=True
            )
        except RuntimeError as error:  # pragma: no cover – coverage is not measured in sub-interpreters
            raise ConnectError(
                f"this interpreter cannot run the client's thread ({error}): connect in the main interpreter, or in "
                "a process of its own"
            ) from error

        def start_thread() -> None:  # pragma: no cover – not measurable on a bare thread
            try:
                thread.start()
            except BaseException as error:
                started.fail(ConnectError(f"cannot start the client's thread: {error}"))

        self._thread = thread
        processes.open_bridges.add(self)
        try:
            # Not Thread.start on this thread: it waits on an Event, and Ctrl-C can leave the Event's lock acquired.
            # Then the new thread waits for it for ever. Ctrl-C reaches no thread but the main one. And a thread can
            # inherit its starter's context (free-threaded 3.14 does), and would keep it alive. Here that is empty.
            _thread.start_new_thread(start_thread, ())
        except RuntimeError as error:
            raise ConnectError(f"cannot start the client's thread: {error}") from error
        try:
            if not started.wait(timeout):
                raise ConnectError(f"the client's thread did not start within {timeout:g} s")
        except BaseException:
            self.stop_soon()
            raise
        started.get()

    def _main(self, started: Result[None], cleanup: Callable[[], Awaitable[None]]) -> None:
        try:
            anyio.run(self._serve, started, cleanup, backend_options={"loop_factory": _Loop})
        except BaseException as error:
            failure = ConnectError(f"cannot start the client's loop: {error}")
            failure.__cause__ = error
            started.fail(failure)
            logger.debug("the client's loop ended with %r", error, exc_info=error)
        finally:
            self.running = False
            # A thread that submitted work too late for the loop to run it must not wait for its timeout.
            for waiter in list(self._waiters):
                waiter.fail(self.closed_error())
            self._over.release()

    async def _serve(self, started: Result[None], cleanup: Callable[[], Awaitable[None]]) -> None:
        async with create_task_group() as self._tasks:
            self._loop = asyncio.get_running_loop()
            self._context = contextvars.copy_context()
            self._stop = asyncio.Event()
            self.running = True
            if self._stopping:  # asked to stop before there was a loop
                self._stop.set()
            started.resolve(None)
            await self._stop.wait()
            with move_on_after(_CLEANUP_SECONDS, shield=True):
                try:
                    await cleanup()
                except Exception as error:
                    logger.debug("closing: %r", error, exc_info=error)
            # The task group would wait for all of its tasks, and an endless one would keep it for ever.
            self._tasks.cancel_scope.cancel()

    def refuse_ended(self) -> None:
        """Raise ClosedError if the loop has ended."""
        if not self.running:
            raise self.closed_error()

    def post(self, callback: Callable[..., object], *args: object) -> None:
        """Run a function on the loop soon, without waiting for it. May be called on the loop's thread."""
        if not self.running or self.inherited:
            raise self.closed_error()
        try:
            # Not in the caller's context: where sniffio is installed, anyio keeps there which library is running.
            self._loop.call_soon_threadsafe(callback, *args, context=self._context)
        except RuntimeError as error:  # pragma: no cover – it ended after the check
            raise self.closed_error() from error

    def _submit(self, callback: Callable[[], None], *, wake: bool = False) -> None:
        """Like ``post``, but in order, and threads that submit at the same time wake the loop once: that is costly.

        ``wake`` wakes the loop in any case: Ctrl-C may have kept another thread from it.
        """
        if not self.running or self.inherited:
            raise self.closed_error()
        self._submitted.append(callback)
        if self._wake_pending and not wake:
            return
        try:
            self._wake_pending = True
            self.post(self._run_submitted)
        except BaseException:
            # For example Ctrl-C: the next thread has to wake the loop. Waking it twice does no harm.
            self._wake_pending = False
            raise

    def _run_submitted(self) -> None:
        self._wake_pending = False  # first: what is submitted from now on wakes the loop again
        while self._submitted:  # this ends, because each thread waits for what it submitted
            self._submitted.popleft()()

    def exchange(self, work: Work[T], timeout: float | None) -> T:
        """Have work begun on the loop, and wait for its result, without a limit for None.

        The work is abandoned when the time is up, and on any exception here (Ctrl-C). Raises the error of the result,
        ClosedError if the loop has ended, or ends during the wait, and DeadlinePassed if a blocked loop does not
        abandon the work within a second.
        """
        self.refuse_own_thread()
        result = work.result

        def begin() -> None:
            # A loop that was blocked gets here after the call has ended. Nothing may be sent then.
            if work.abandoned:
                return
            try:
                work.begin()
            except Exception as error:
                result.fail(error)

        try:
            self._waiters.add(result)
            self._submit(begin)
            if not result.wait(timeout):
                work.abandoned = True
                self._submit(work.abandon, wake=True)
                if not result.wait(_CLEANUP_SECONDS):
                    raise DeadlinePassed
        except BaseException:
            work.abandoned = True
            if not result.done:  # pragma: no branch – Ctrl-C may come when it is just done
                try:
                    self._submit(work.abandon, wake=True)
                    result.wait(_CLEANUP_SECONDS)
                except ClosedError:
                    pass  # the work ended with the loop
            raise
        finally:
            self._waiters.discard(result)
        return result.get()

    def run(
        self,
        function: Callable[..., Awaitable[T]],
        *args: Any,
        timeout: float | None,
        context: contextvars.Context | None = None,
    ) -> T:
        """Run a coroutine function on the loop, and return its result.

        It runs in ``context``, by default in the loop's own: tasks that it starts would keep the caller's variables.
        After ``timeout`` seconds (None for no limit), cancel it and raise DeadlinePassed. Raises as ``exchange``.
        """
        self.refuse_ended()
        work = _Coroutine(self._tasks, functools.partial(function, *args), context)
        return self.exchange(work, timeout)

    def watch(self, messages: MessageQueue[Any] | SlicedQueue[Any]) -> None:
        """Fail a queue, too, when the loop ends."""
        self._waiters.add(messages)
        if not self.running:
            messages.fail(self.closed_error())

    def unwatch(self, messages: MessageQueue[Any] | SlicedQueue[Any]) -> None:
        """Forget a queue that ``watch`` was given."""
        self._waiters.discard(messages)

    def refuse_own_thread(self) -> None:
        """Raise CtlError on the loop's own thread, which would wait for itself."""
        if self._thread is not None and self._thread.ident == threading.get_ident():
            raise CtlError(
                "a blocking call was made on the client's own loop (from a function given to run()): "
                "it would wait for itself; use nats_client there, or make the call from another thread"
            )

    def stop_soon(self) -> None:
        """Ask the loop to end, without a lock and without waiting, so that ``__del__`` may call this."""
        if self.inherited:
            return
        # The thread does these two in reverse order, so that one of them is always seen.
        self._stopping = True
        if self.running:
            try:
                self._loop.call_soon_threadsafe(self._stop.set)
            except RuntimeError:  # pragma: no cover – it ended after the check
                pass

    def close(self, timeout: float) -> None:
        """End the loop and its thread. Idempotent, from any number of threads.

        In a forked child it does nothing: the loop belongs to the parent. On the loop's own thread it does not wait.
        """
        if self.inherited:
            return
        self.stop_soon()
        thread = self._thread
        if thread is None or thread.ident in (None, threading.get_ident()):
            return
        deadline = Deadline(timeout)
        # Before Python 3.13, a thread whose join was interrupted counts as ended. So the wait that Ctrl-C may
        # interrupt is here, and not in the join.
        if self._over.acquire(True, deadline.left()):
            self._over.release()
            thread.join(deadline.left())
        if thread.is_alive():
            logger.warning("the client's thread did not end within %g s of close()", timeout)
        else:
            processes.open_bridges.discard(self)
