"""The main loop of a pool process: read a job's frame, run its handler, send its end frame.

    begin    once, as the executor's initializer: contain, then say hello
    serve    the only call that the executor makes; returns when the node closes the channel

Whatever a handler does wrong ends as a frame, or as the death of this process; both are outcomes.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import socket
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from scheduler.core.context import JobContext
from scheduler.core.handler import Handler, call
from scheduler.processes.child.abort_signal import AbortSignal
from scheduler.processes.child.containment import contain, has_children
from scheduler.processes.child.frames import receive
from scheduler.processes.child.memory_limit import Memory
from scheduler.processes.child.outbox import JobOutbox, Outbox
from scheduler.processes.child.process_state import ProcessState
from scheduler.processes.child.stdio import Stdio

Message = Mapping[str, object]

TRACEPARENT: Final = "TRACEPARENT"
"""Source: OpenTelemetry, Environment Variables as Context Propagation Carriers."""
TRACEBACK_MAX: Final = 32 * 1024
"""Characters of a traceback that are kept, half of its head and half of its tail."""
NAME_MAX: Final = 1000
"""Characters of an exception's name that are kept."""
OWN_FOLDER: Final = f"{Path(__file__).parents[2]}{os.sep}"
"""Frames of files below it belong to this package, and are left out of a user's traceback."""

# Made once: `json.dumps` with options makes a new encoder for each call.
_text_of_result: Final = json.JSONEncoder(
    allow_nan=False, ensure_ascii=False, separators=(",", ":")
).encode


@dataclass
class Loaded:
    """What `preload` found in the handlers folder, before the fork of this process."""

    handlers: Mapping[str, Handler] = field(default_factory=dict)
    fault: str | None = "[handlers] path: the fork server could not import what loads the handlers"
    """Why the folder did not load. As it stands here until `preload` has run: a fork server passes
    over what it cannot import in silence, be it for want of open files."""


LOADED: Final = Loaded()
_job_loop: JobLoop | None = None


def begin(connection: socket.socket, output: Sequence[Connection], result_bytes_max: int) -> None:
    """Prepare this process and send the hello frame: its process ids and its handlers."""
    global _job_loop  # noqa: PLW0603 - the only way from the initializer to the call
    contain()
    _job_loop = JobLoop(
        connection,
        LOADED.handlers,
        stdio=Stdio(output),
        result_bytes_max=result_bytes_max,
    )
    _job_loop.say_hello(LOADED.fault)


def serve() -> None:
    """Run jobs until the node closes the channel."""
    assert _job_loop is not None  # noqa: S101 - the executor ran the initializer
    _job_loop.serve()


class JobLoop:
    """Runs the jobs of one pool process, one after the other."""

    def __init__(
        self,
        connection: socket.socket,
        handlers: Mapping[str, Handler],
        *,
        stdio: Stdio,
        result_bytes_max: int,
    ) -> None:
        self._connection = connection
        self._handlers = handlers
        self._stdio = stdio
        self._result_bytes_max = result_bytes_max
        self._pid = os.getpid()
        self._abort_signal = AbortSignal()
        self._outbox = Outbox(connection, self._abort_signal)
        self._memory = Memory()
        self._process_state = ProcessState()

    def say_hello(self, fault: str | None) -> None:
        """Send the process ids, and the options of the handlers or why they did not load."""
        options = [asdict(handler.options) for handler in self._handlers.values()]
        pids = {"pid": os.getpid(), "fork_server": os.getppid()}
        with self._outbox.exclusive():
            self._outbox.send({**pids, "fault": fault, "handlers": options})

    def serve(self) -> None:
        """Read and run jobs until the node closes the channel."""
        self._abort_signal.install()
        while (body := receive(self._connection)) is not None:
            job = json.loads(body)
            self._abort_signal.install()
            self._stdio.restore()
            job_outbox = JobOutbox(self._outbox)
            end = self._end_of(job, job_outbox)
            if os.getpid() != self._pid:
                os._exit(0)  # a fork that the handler made would send a second end frame
            self._stdio.flush()  # output that comes after the end frame belongs to no job
            self._process_state.restore()  # before the end frame: the next job may follow at once
            job_outbox.close({**end, "leftovers": self._leftovers()})

    def _end_of(self, job: dict[str, Any], job_outbox: JobOutbox) -> Message:
        """Run a job and return the content of its end frame."""
        handler = self._handlers[job["task"]]
        function = handler.on_abort if job["purpose"] == "clean" else handler.function
        context = JobContext(
            id=job["id"],
            uid=job["uid"],
            attempt=job["attempt"],
            hook=job["hook"],
            send=job_outbox.send,
        )
        try:
            data = json.loads(job["data"])
            trace(job["traceparent"])
            with self._memory.limited(handler.options.memory_bytes):
                result = self._call(function, data, context)
        except BaseException as error:  # noqa: BLE001 - a handler may raise anything
            return {"raised": _described(error)}
        return self._returned(result)

    def _leftovers(self) -> bool:
        """Whether the job left something behind that could disturb the next one."""
        return (
            self._abort_signal.received or has_children() or not self._process_state.is_as_before()
        )

    def _call(self, function: Callable[..., Any] | None, data: object, job: JobContext) -> object:
        if function is None:  # its on_abort was removed since the job was submitted
            return None
        if not _is_async(function):
            with self._abort_signal.raising():
                return call(function, data, job)
        with asyncio.Runner() as runner:
            return runner.run(self._run_async(function, data, job))

    async def _run_async(self, function: Callable[..., Any], data: object, job: object) -> object:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine under a runner is a task
        with self._abort_signal.raising(lambda: loop.call_soon_threadsafe(task.cancel)):
            return await call(function, data, job)

    def _returned(self, result: object) -> Message:
        """The result as JSON text, or why that is not possible."""
        try:
            text = _text_of_result(result)
            size = len(text.encode())
        except BaseException as error:  # noqa: BLE001 - encoding a result may run its own code
            return {"unreturnable": f"the result is not a JSON value: {_text(error)}"}
        if size > self._result_bytes_max:
            allowed = self._result_bytes_max
            return {"unreturnable": f"the result is {size} bytes of JSON; allowed are {allowed}"}
        return {"returned": text}


@cache  # asked for each job
def _is_async(function: Callable[..., object]) -> bool:
    return inspect.iscoroutinefunction(function)


def trace(traceparent: str | None) -> None:
    """Put the job's trace into the environment, where tracers look, also those of its processes.

    Without a trace the variable is removed: the node itself may have been started with one.
    """
    if traceparent is not None:
        os.environ[TRACEPARENT] = traceparent
    elif TRACEPARENT in os.environ:
        del os.environ[TRACEPARENT]


def _described(error: BaseException) -> Message:
    """An exception as the user sees it, without the frames of this package."""
    kind = type(error)
    name = kind.__qualname__[:NAME_MAX]
    return {
        "type": name if kind.__module__ == "builtins" else f"{kind.__module__}.{name}"[-NAME_MAX:],
        "message": _text(error),
        "traceback": _traceback(error),
    }


def _traceback(error: BaseException) -> str:
    trace = error.__traceback__
    while trace and trace.tb_frame.f_code.co_filename.startswith(OWN_FOLDER):
        trace = trace.tb_next
    try:
        text = "".join(traceback.format_exception(type(error), error, trace))
    except BaseException as failed:  # noqa: BLE001 - formatting runs the exception's own code
        return f"(the traceback cannot be shown: {type(failed).__name__})"
    half = TRACEBACK_MAX // 2
    return text if len(text) <= TRACEBACK_MAX else f"{text[:half]}\n…\n{text[-half:]}"


def _text(error: BaseException) -> str:
    try:
        return str(error)[:TRACEBACK_MAX]
    except BaseException as failed:  # noqa: BLE001 - str() of a foreign exception runs its own code
        return f"(the message cannot be shown: {type(failed).__name__})"
