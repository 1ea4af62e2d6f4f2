"""The main loop of a pool process: read a lot's frame, run its jobs' handlers, send their ends.

    begin    once, as the executor's initializer: contain, load the handlers, say hello
    serve    the only call that the executor makes; exits when the node closes the channel

Whatever a handler does wrong ends as a frame, or as the death of this process; both are outcomes.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import Context
from dataclasses import asdict, dataclass
from datetime import datetime
from multiprocessing import resource_tracker, set_start_method
from multiprocessing.connection import Connection
from multiprocessing.queues import Queue
from types import ModuleType
from typing import Any, Final

import orjson

from scheduler.core.callback import Callback
from scheduler.core.context import JobContext
from scheduler.core.dependencies.results import NONE, EndedJobs
from scheduler.core.errors import StartError
from scheduler.core.handler import Handler
from scheduler.core.retries.overruling import advice
from scheduler.processes.child.abort_signal import (
    STRANGERS,
    AbortSignal,
    heed_strangers,
    ignore_strangers,
)
from scheduler.processes.child.between_jobs.before_first_job import BeforeFirstJob
from scheduler.processes.child.between_jobs.garbage import clear_frames
from scheduler.processes.child.between_jobs.stdio import Stdio, set_up_logging
from scheduler.processes.child.containment import contain
from scheduler.processes.child.event_loop import EventLoop
from scheduler.processes.child.executor_ends import close_calls
from scheduler.processes.child.exit_functions import tidy
from scheduler.processes.child.failures import described
from scheduler.processes.child.frames import FrameReader, is_half_closed
from scheduler.processes.child.loading.importing import import_all
from scheduler.processes.child.loading.snapshot import Snapshot
from scheduler.processes.child.lot import LotPipes
from scheduler.processes.child.memory_limit import Memory, check_limits, is_shortage
from scheduler.processes.child.outbox import JobOutbox, Outbox
from scheduler.processes.child.results import returned

Message = Mapping[str, object]

_parsed: Final = json.JSONDecoder().decode
"""Reads the data of a job; not by `orjson`, which makes floats of long integers."""

TRACEPARENT: Final = b"TRACEPARENT"
"""Source: OpenTelemetry, Environment Variables as Context Propagation Carriers."""
URL: Final = b"ATLANSCHEDULER_URL"
JOB: Final = b"ATLANSCHEDULER_JOB"
TOKEN: Final = b"ATLANSCHEDULER_TOKEN"
"""What `atlanscheduler_client.address` looks for; not imported from there, to stay light."""
NOT_LOADED: Final = "[handlers] path: the fork server could not import what loads the handlers"


@dataclass
class Loaded:
    """What `preload` leaves for the pool processes, which are forked after it ran."""

    snapshot: Snapshot | None = None
    """None where it did not run: a fork server passes over what it cannot import in silence, be it
    for want of open files."""


LOADED: Final = Loaded()
_job_loop: JobLoop | None = None


def begin(
    connection: socket.socket,
    output: Sequence[Connection],
    lots: Sequence[Connection],
    calls: Sequence[Queue[Any]],
    result_bytes_max: int,
) -> None:
    """Prepare this process and send the hello frame: its process ids and its handlers.

    Args:
        output: for standard output and standard error.
        lots: for tokens and ends.
        calls: the executor's queue, to be closed once `serve` has come through it.
    """
    global _job_loop  # noqa: PLW0603 - the only way from the initializer to the call
    ignore_strangers()
    os.register_at_fork(after_in_child=heed_strangers)
    contain()
    _be_a_program()
    stdio = Stdio(output)
    try:
        handlers, fault = _load(LOADED.snapshot), None
    except StartError as error:
        handlers, fault = {}, str(error)
    stdio.flush()  # what is printed at import belongs to no job
    _job_loop = JobLoop(
        connection,
        handlers,
        stdio=stdio,
        lot_pipes=LotPipes(*lots),
        calls=calls,
        result_bytes_max=result_bytes_max,
    )
    _job_loop.say_hello(fault)


def serve() -> None:
    """Run jobs until the node closes the channel; then exit."""
    assert _job_loop is not None  # noqa: S101 - the executor ran the initializer
    _job_loop.serve()
    tidy()
    os._exit(0)  # not by way of the executor, whose queues are closed by now


def _be_a_program() -> None:
    """Undo what makes this process a child of `multiprocessing`: jobs use that for themselves.

    They get the platform's start method; their children do not run the node's `main.py`; and what
    they share is tracked by a process of their own, which removes it when they end.
    """
    sys.path.insert(0, os.environ["ATLANSCHEDULER_HANDLERS"])  # the start of this process reset it
    sys.modules["__main__"] = sys.modules["__mp_main__"] = ModuleType("__main__")
    set_start_method(None, force=True)
    tracker: Any = resource_tracker._resource_tracker  # noqa: SLF001
    os.close(tracker._fd)  # noqa: SLF001
    tracker._fd = tracker._pid = None  # noqa: SLF001


def _load(snapshot: Snapshot | None) -> Mapping[str, Handler]:
    """Import the handler files in this process.

    Raises:
        StartError: they do not import, or do not fit into this process.
    """
    if snapshot is None:
        raise StartError(NOT_LOADED)
    handlers = import_all(snapshot)
    set_up_logging()
    check_limits(handlers.values())
    return handlers


class JobLoop:
    """Runs the jobs of one pool process, one after the other."""

    def __init__(
        self,
        connection: socket.socket,
        handlers: Mapping[str, Handler],
        *,
        stdio: Stdio,
        lot_pipes: LotPipes,
        calls: Sequence[Queue[Any]],
        result_bytes_max: int,
    ) -> None:
        self._connection = connection
        self._frames = FrameReader(connection)
        self._handlers = handlers
        self._stdio = stdio
        self._lot_pipes = lot_pipes
        self._calls = calls
        self._result_bytes_max = result_bytes_max
        self._pid = os.getpid()
        self._abort_signal = AbortSignal(announced=lambda: is_half_closed(connection))
        self._abort_signal.install()
        self._event_loop = EventLoop(self._abort_signal)
        self._outbox = Outbox(connection, self._abort_signal)
        self._memory = Memory()
        limits = [each.options.memory_bytes for each in handlers.values()]
        lowest = min((each for each in limits if each is not None), default=None)
        self._before = BeforeFirstJob(memory_bytes=lowest)
        self._restoring: Sequence[Callable[[], bool | None]] = (
            self._before.restore_interpreter,
            self._event_loop.settle,
            self._stdio.flush,  # output that comes after the end frame belongs to no job
            self._stdio.restore,
            self._before.restore_process,
        )

    def say_hello(self, fault: str | None) -> None:
        """Send the process ids, and the options of the handlers or why they did not load."""
        options = [asdict(handler.options) for handler in self._handlers.values()]
        pids = {"pid": os.getpid(), "fork_server": os.getppid()}
        self._send({**pids, "fault": fault, "handlers": options})

    def _send(self, message: Message) -> None:
        with self._outbox:
            self._outbox.send(message)

    def serve(self) -> None:
        """Read and run jobs until the node closes the channel."""
        close_calls(self._calls)
        while (body := self._frames.read()) is not None:
            if self._run_lot(orjson.loads(body)):
                self._await_end()
            self._before.collect_when_idle(self._connection)

    def _run_lot(self, first: dict[str, Any]) -> bool:
        """Run jobs as long as the node leaves them a token; whether one left something behind.

        The frame of a job is read once its token is taken: no job sees those after it.
        """
        lot, unread = {"key": first["lot"]}, first["jobs"] - 1
        job: dict[str, Any] | None = first
        self._lot_pipes.begin()
        while self._lot_pipes.take():
            if job is None:
                job, unread = orjson.loads(self._frames.read() or b"null"), unread - 1
            if job is None:
                return False  # the node is gone
            leftovers, goes_on = self._run(job, is_last=not unread)
            if not goes_on:
                self._skip(unread)
                return leftovers
            if self._lot_pipes.must_wake():
                self._send(lot)
            job = None
        self._skip(unread)
        self._send({**lot, "idle": True})
        return False

    def _skip(self, frames: int) -> None:
        """Read the frames of jobs that the node has taken back."""
        for _ in range(frames):
            self._frames.read()

    def _run(self, job: dict[str, Any], *, is_last: bool) -> tuple[bool, bool]:
        """Run a job and send its end frame; whether it left something behind, and its lot goes on.

        All is restored before the end frame: the next job may follow at once. It does not where
        this one has printed: nobody would know which of them did.
        """
        STRANGERS.clear()
        job_outbox = JobOutbox(self._outbox, key=job["key"])
        handler = self._handlers[job["task"]]
        begun = time.monotonic()
        end = self._end_of(job, handler, job_outbox)
        ran_s = time.monotonic() - begun
        if os.getpid() != self._pid:
            os._exit(0)  # a fork that the handler made would send a second end frame
        clean = self._restored()
        leftovers = self._abort_signal.received or self._memory.short or not clean
        frame = {**end, "leftovers": leftovers, "signalled": bool(STRANGERS), "ran_s": ran_s}
        if is_last or leftovers or self._stdio.has_unread():
            job_outbox.close(frame)
            return leftovers, False
        return False, job_outbox.close(frame, write=self._lot_pipes.write)

    def _restored(self) -> bool:
        """Restore all for the next job; whether that was possible.

        The job is over and its result counts, whatever its objects raise while that is done.
        """
        clean = True
        for restore in self._restoring:
            try:
                clean &= restore() is not False
            except BaseException:  # noqa: BLE001 - loggers, streams and callbacks of the job's own
                clean = False
        return clean

    def _await_end(self) -> None:
        """Tidy up, tell the node so by closing the channel, and wait to be ended by it.

        Not exit: what the job started would lose its root, and be taken for that of any job.
        """
        tidy()
        self._stdio.flush()
        self._connection.close()
        while True:
            signal.pause()

    def _end_of(self, job: dict[str, Any], handler: Handler, job_outbox: JobOutbox) -> Message:
        """Run a job and return the content of its end frame."""
        function = handler.on_abort if job["purpose"] == "clean" else handler.function
        job_context = JobContext(
            id=job["id"],
            uid=job["uid"],
            attempt=job["attempt"],
            hook=job["hook"],
            send=job_outbox.send,
            throttled=handler.options.throttle is not None,
            after=EndedJobs(after) if (after := job.get("after")) else NONE,
            **_scheduled(job),
        )
        try:
            data = _parsed(job["data"])
            context = self._before.context(_named(job))
            with self._memory.limited(handler.options.memory_bytes):
                result = self._call(function, data, job_context, context)
        except BaseException as error:  # noqa: BLE001 - a handler may raise anything
            self._memory.short = is_shortage(error)
            said = advice(error, handler.retry)._asdict()
            raised = {"raised": {**described(error), **said}}
            clear_frames(error)
            return raised
        return returned(result, bytes_max=self._result_bytes_max)

    def _call(
        self, function: Callback | None, data: object, job: JobContext, context: Context
    ) -> object:
        if function is None:  # its on_abort was removed since the job was submitted
            return None
        if function.is_async:
            return self._event_loop.run(_awaited(context.run(function, data, job)), context)
        with self._abort_signal.raising():
            result = context.run(function, data, job)
        if hasattr(result, "__await__"):
            return self._event_loop.run(_awaited(result), context)
        return result


async def _awaited(result: Awaitable[object]) -> object:
    return await result


def _scheduled(job: Mapping[str, str]) -> dict[str, Any]:
    """Which occurrence of which schedule a job is; nothing of a job that is none."""
    if "schedule" not in job:
        return {}
    at = datetime.fromisoformat(job["scheduled_for"])
    return {"schedule": job["schedule"], "scheduled_for": at}


def _named(job: Mapping[str, str | None]) -> Mapping[bytes, str | None]:
    """What names a job, its node and its trace in the environment, also for what the job starts.

    What is unknown is removed: the node itself may have been started by a job, with a trace, or
    with somebody's token. A clean-up is not named: what it submits is no child, which an abort
    would take along.
    """
    running = None if job["purpose"] == "clean" else job["id"]
    return {
        TRACEPARENT: job["traceparent"],
        URL: job["url"],
        JOB: running,
        TOKEN: job.get("api_token"),
    }
