"""One pool process: a `ProcessPoolExecutor(max_workers=1)` that hosts the job loop of `child`.

The executor starts the process (forked by the fork server, with the packages that handlers import)
and notices its death. Jobs and results do not go through its queues: a process that is killed while
it writes a large result leaves the executor's reader waiting for the rest for ever, and the
executor's threads cost the event loop ten times what frames over a socket pair do. Nor does the
node unpickle anything of a process, in which handlers run (see `child.executor_ends`).
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from multiprocessing.queues import Queue
from typing import Any, Final, TypeVar

import structlog

from scheduler.core.handler import HandlerOptions
from scheduler.processes import shared_memory, tree
from scheduler.processes.channel import Channel
from scheduler.processes.child import job_loop
from scheduler.processes.child.executor_ends import NoResults, OwnSemaphore
from scheduler.processes.child.frames import SLACK_BYTES
from scheduler.processes.escaped_processes import EscapedProcesses
from scheduler.processes.generation import Generation
from scheduler.processes.lot import Listener, Lot, LotPipes
from scheduler.processes.stdio_pipes import OnOutput, StdioPipes

Message = Mapping[str, Any]

T = TypeVar("T")

log = structlog.get_logger()

START_S: Final = 90.0
"""How long a pool process may take to send its hello. Its files may take `importing.IMPORT_S`; the
first one also waits for the fork server, which tries packages for `installed_packages.TRY_S`."""
RETIRE_S: Final = 5.0
"""How long an idle process may take to exit."""
TIDY_S: Final = 1.0
"""How long the exit functions may take of a process that is to be ended after its job."""
_CHILDREN: Final[set[object]] = multiprocessing.process._children  # type: ignore[attr-defined]  # noqa: SLF001
UNKNOWN_STATUS: Final = 255
"""The exit status that multiprocessing gives where the fork server did not report one."""
LAST_FRAMES_S: Final = 0.2
"""How long to read on after a process died: its last frame may still be in the socket. Not until
the end of file: a descendant that inherited the socket would keep it open."""


class PoolProcess:
    """A process that runs one job at a time, until it dies, is ended or is retired."""

    def __init__(
        self,
        *,
        generation: Generation,
        executor: ProcessPoolExecutor,
        handle: ForkServerProcess,
        threads: Executor,
        death: asyncio.Future[None],
        connection: socket.socket,
        channel: Channel,
        pipes: StdioPipes,
        lot_pipes: LotPipes,
    ) -> None:
        self.generation = generation
        self.jobs = 0
        self.uid: str | None = None
        """Whose job it got last; None before the first one."""
        self.intruded = False
        """Whether a frame came that was not of its job: what wrote it may go on."""
        self.exit_status: int | None = None
        """How it died: an exit status, or the negative number of a signal. Known after `end`.

        None where it cannot be known: the fork server, which collects it, died as well."""
        self._ending: asyncio.Future[tree.Ended] | None = None
        self._ended: tree.Ended | None = None
        self._shared_memory = shared_memory.entries()
        self.left: shared_memory.Left | None = None
        """What it may have left in shared memory. Known after `end`."""
        self._executor = executor
        self._releasing = threading.Lock()
        self._handle = handle
        self._closed = False
        self._threads = threads
        self._death = death
        self._connection = connection
        self._channel = channel
        self._pipes = pipes
        self._lot_pipes = lot_pipes
        self._lot: Lot | None = None
        self._jobs_before = 0
        self._is_idle = asyncio.Event()
        self._on_change: Callable[[], None]
        death.add_done_callback(self._on_death)

    def welcome(self, hello: Message | None) -> None:
        """Take the process ids, the handlers and the fault from the hello message.

        Raises:
            EOFError: the process died instead, or its fork server did.
        """
        if hello is None:
            raise EOFError("the pool process died before it was ready")
        process, fork_server = tree.stat(hello["pid"]), tree.stat(hello["fork_server"])
        # Without its fork server, its parent is init, below which is every process of the machine.
        if (
            process is None
            or fork_server is None
            or process.parent != fork_server.process.pid
            or fork_server.parent != os.getpid()
        ):
            raise EOFError("the pool process died at once, or was orphaned")
        self.fault: str | None = hello["fault"]
        handlers = [HandlerOptions.of(options) for options in hello["handlers"]]
        self.tasks = {options.name: options for options in handlers}
        self.process, self.fork_server = process.process, fork_server.process
        self._pipes.stop_listening()
        self._channel.listen(None)

    @property
    def alive(self) -> bool:
        """Whether no sign of its death has been seen yet."""
        return not (self._death.done() or self._channel.lost)

    @property
    def broke_protocol(self) -> bool:
        """Whether it wrote a frame that made no sense."""
        return self._channel.broken

    def begin(
        self,
        jobs: Sequence[Message],
        listeners: Sequence[Listener],
        *,
        on_change: Callable[[], None],
    ) -> Lot:
        """Send jobs, which it runs in this order; see `Lot`.

        Where the process dies, the rest of its output is read when it is ended.
        """
        self._jobs_before = self.jobs
        self.uid = jobs[-1]["uid"]
        self._on_change = on_change
        self._lot = Lot(
            jobs,
            listeners,
            pipes=self._lot_pipes,
            output=self._pipes,
            on_change=self._on_lot_changed,
        )
        self._is_idle.clear()
        self._channel.send(*self._lot.frames)
        self._channel.listen(self._on_frame)
        return self._lot

    def take_back(self) -> None:
        """Have no further job of its lot begin in it.

        A job that was sent alone has begun: nobody counts on it that its token is still there.
        """
        if self._lot is not None and not self._lot.closed:
            self._lot.take_back()

    async def idle(self) -> None:
        """Wait until it has nothing to do with its lot any more, or is dead.

        The end of a job may come before: what the node has taken back is still in its channel then,
        and it would take the tokens of the next lot for theirs.
        """
        await self._is_idle.wait()

    def _on_frame(self, message: Message | None) -> None:
        lot = self._lot
        assert lot is not None  # noqa: S101 - nothing else listens
        if message is None:
            lot.lose()
        elif not lot.receive(message):
            self._drop(lot.frames[0])

    def _on_lot_changed(self) -> None:
        lot = self._lot
        assert lot is not None  # noqa: S101 - it is the one that changed
        self.jobs = self._jobs_before + lot.begun
        if lot.over:
            self._is_idle.set()
            self._channel.listen(None)
        if lot.broken:
            self._channel.fail()
        self._on_change()

    def _drop(self, job: Message) -> None:
        """Note that a frame was dropped: once, since there may be many."""
        if not self.intruded:
            self.intruded = True
            log.warning("a pool process sent a frame that is not of its job", job=job["id"])

    def send(self, signal_: signal.Signals) -> None:
        """Signal the process itself. Errors are ignored: `end` reports them.

        It heeds SIGTERM only once its channel is half closed: it may also come from elsewhere.
        """
        with suppress(OSError):
            # At once, not by way of the channel, which would do it after the signal.
            self._connection.shutdown(socket.SHUT_WR)
        with suppress(OSError):
            tree.send(self.process, signal_)

    async def tidied(self) -> None:
        """Wait up to `TIDY_S` until the process has run its exit functions, or is dead.

        It does so by itself after an end frame with leftovers, and then closes the channel.
        """
        closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def listen(message: Message | None) -> None:
            if message is None and not closed.done():
                closed.set_result(None)

        self._channel.listen(listen)
        with suppress(TimeoutError):
            async with asyncio.timeout(TIDY_S):
                await closed

    async def end(self) -> tree.Ended:
        """End the process and all that is below it, and release its channel and pipes.

        Who calls this while it is being ended waits for the same end.
        """
        if self._ending is None or self._ending.done():
            self._ending = self._in_thread(self._end)
        ended = await asyncio.shield(self._ending)
        self._channel.close()
        if self._lot is not None:
            self._lot.lose()  # the channel may have another listener by now
        self._pipes.close()
        self._lot_pipes.close()
        return ended

    async def retire(self) -> None:
        """Close the channel and give the process `RETIRE_S` to exit by itself; then kill it."""
        self._channel.close()
        gone = self._in_thread(self._release)
        if not (await asyncio.wait({gone}, timeout=RETIRE_S))[0]:
            self.send(signal.SIGKILL)

    def _in_thread(self, call: Callable[[], T]) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._threads, call)

    def _end(self) -> tree.Ended:
        """The blocking part of `end`, in one call."""
        # Only once: where the rest fails and is tried again, the tree is gone and would count 0.
        if self._ended is None:
            before = self._shared_memory
            used = shared_memory.used_by(self.process, before=before)
            self._ended = tree.end(self.process)
            dead = {self.process, *self._ended.met}
            self.left = shared_memory.Left(before=before, used=used, dead=dead)
            self._shared_memory = frozenset()
        ended = self._ended
        tree.send(self.fork_server, signal.SIGCONT)  # it reports exit statuses, and may be stopped
        # Not waiting for a survivor of SIGKILL: its worker must go on (see `worker.settlements`).
        self._release(wait=self.process not in ended.survivors)
        if not self._closed:
            self._close_handle()
        return ended

    def _close_handle(self) -> None:
        """Take the exit status and close the pipe that it came through.

        Not left to the garbage collector: the handle is part of a cycle, and a thousand aborts may
        come before that looks.
        """
        status = self._handle.exitcode
        unknown = status == UNKNOWN_STATUS and not tree.lives(self.fork_server)
        self.exit_status = None if unknown else status
        if status is not None:
            self._handle.close()
            self._closed = True

    def _release(self, *, wait: bool = True) -> None:
        """Shut the executor down; with `wait`, until it has seen the process end.

        Not in two threads at a time: it is not made for that.
        """
        if self._releasing.acquire(blocking=wait):
            try:
                self._executor.shutdown(wait=wait, cancel_futures=True)
            finally:
                self._releasing.release()

    def _on_death(self, death: asyncio.Future[None]) -> None:
        if not death.cancelled():
            death.exception()  # BrokenProcessPool, expected: retrieved, so asyncio does not warn
        death.get_loop().call_later(LAST_FRAMES_S, self._channel.close)


async def start(
    generation: Generation,
    *,
    threads: Executor,
    result_bytes_max: int,
    escaped: EscapedProcesses,
    on_output: OnOutput,
) -> PoolProcess:
    """Start a pool process and wait until it is ready.

    Args:
        generation: whose handlers it loads.
        threads: run the blocking ends; one for each process that may be ended at a time.
        escaped: is told to spare the new process.
        on_output: called with what the handler files print when they are loaded.

    Raises:
        OSError, EOFError, BrokenProcessPool, RuntimeError: it did not start.
    """
    loop = asyncio.get_running_loop()
    hello: asyncio.Future[Message | None] = loop.create_future()
    # JSON text in a JSON string may double: each of its quotes and backslashes is escaped.
    frame_bytes_max = 2 * result_bytes_max + SLACK_BYTES
    with ExitStack() as undo:
        ours, theirs = socket.socketpair()
        _, channel = await loop.create_unix_connection(
            lambda: Channel(partial(_resolve, hello), frame_bytes_max=frame_bytes_max), sock=ours
        )
        undo.callback(channel.close)
        pipes = StdioPipes()
        pipes.listen(on_output)
        undo.callback(pipes.close)
        lot_pipes = LotPipes()
        undo.callback(lot_pipes.close)
        context, own = _Context(), (theirs, pipes.theirs, lot_pipes.theirs)
        executor = _executor(context, *own, result_bytes_max=result_bytes_max)
        async with escaped.forking:
            with theirs, pipes.handed_over(), lot_pipes.handed_over(), generation.forking():
                # Starting a process waits for the fork server: not on the event loop.
                serving = await asyncio.to_thread(executor.submit, job_loop.serve)
            handle = _taken_from_executor(context)
            for forked in _forked(handle):
                undo.callback(tree.send, forked, signal.SIGKILL)
                escaped.spare([forked])
        process = PoolProcess(
            generation=generation,
            executor=executor,
            handle=handle,
            threads=threads,
            death=asyncio.wrap_future(serving),
            connection=ours,
            channel=channel,
            pipes=pipes,
            lot_pipes=lot_pipes,
        )
        async with asyncio.timeout(START_S):
            process.welcome(await hello)
        undo.pop_all()
    return process


def _resolve(hello: asyncio.Future[Message | None], message: Message | None) -> None:
    if not hello.done():
        hello.set_result(message)


def _executor(
    context: _Context,
    connection: socket.socket,
    output: Sequence[Connection],
    lots: Sequence[Connection],
    *,
    result_bytes_max: int,
) -> ProcessPoolExecutor:
    """An executor; its process starts with the first call."""
    calls: list[Queue[Any]] = []
    executor = ProcessPoolExecutor(
        1,
        mp_context=context,
        initializer=job_loop.begin,
        initargs=(connection, output, lots, calls, result_bytes_max),
    )
    calls.append(executor._call_queue)  # type: ignore[attr-defined]  # noqa: SLF001 - to be closed there
    return executor


def _taken_from_executor(context: _Context) -> ForkServerProcess:
    """The new process; multiprocessing does not wait for it, nor does the executor end it."""
    handle = context.started[-1]
    # The start of the next process polls, in its thread, whether this one is dead. It would so take
    # the only message with its exit status, which the executor waits for.
    _CHILDREN.discard(handle)
    # Only after the start: that pickles the handle, and the process would have to load our class.
    handle.terminate = _do_nothing  # type: ignore[method-assign]
    return handle


def _do_nothing() -> None:
    """Replaces `terminate`: that knows only a number, which another process may have by now."""


def _forked(handle: ForkServerProcess) -> Iterator[tree.Process]:
    """The new process; none where another process has its number by now."""
    forked = tree.stat(handle.pid or 0)
    fork_server = tree.stat(forked.parent) if forked else None
    if forked and fork_server and fork_server.parent == os.getpid():
        yield forked.process


class _Context(ForkServerContext):
    """The fork server's context; it records the process that the executor starts with it."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[ForkServerProcess] = []

    def Process(  # type: ignore[override]  # noqa: N802 - a class in the base, called in the same way
        self,
        *args: Any,  # noqa: ANN401
        **options: Any,  # noqa: ANN401
    ) -> ForkServerProcess:
        process = super().Process(*args, **options)
        self.started.append(process)
        return process

    def SimpleQueue(self) -> NoResults:  # type: ignore[override]  # noqa: N802 - as in the base
        """The executor's queue of results."""
        return NoResults()

    def Lock(self) -> OwnSemaphore:  # type: ignore[override]  # noqa: N802
        """A lock of the executor's queue of calls."""
        return OwnSemaphore(1)

    def BoundedSemaphore(self, value: int = 1) -> OwnSemaphore:  # type: ignore[override]  # noqa: N802
        """The semaphore of that queue."""
        return OwnSemaphore(value)
