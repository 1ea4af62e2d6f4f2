"""The event loop of a pool process: one for all its jobs.

A client that a handler keeps in its module belongs to the loop in which it was made, so every job
runs in the same one. A job's own tasks end with it; a process in which some were left is replaced.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import Context
from typing import Any, Final

from scheduler.processes.child.abort_signal import AbortSignal

TASKS_END_S: Final = 1.0
"""How long tasks that a job left may take to end when they are cancelled."""
PASSES: Final = 3
"""How often the loop runs after a job: for closed transports, and for generators that are closed by
a task, which is made in one pass and begins in the next."""


class EventLoop:
    """Runs the coroutines of async handlers, one after the other."""

    def __init__(self, abort_signal: AbortSignal) -> None:
        self._abort_signal = abort_signal
        self._loop: asyncio.AbstractEventLoop | None = None
        self._debug = False
        self._threads = _Threads()
        self._ran = False
        self._left_tasks = False

    def run(self, coroutine: Coroutine[Any, Any, object], context: Context) -> object:
        """Run a coroutine to its end, or until SIGTERM cancels it."""
        loop = self._open()
        self._ran = True
        task = loop.create_task(coroutine, name="handler", context=context)
        try:
            with self._abort_signal.raising(lambda: loop.call_soon_threadsafe(task.cancel)):
                return loop.run_until_complete(task)
        finally:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._end_tasks(loop)
            loop.set_exception_handler(None)
            loop.set_task_factory(None)
            loop.set_debug(self._debug)

    def settle(self) -> bool:
        """Let the loop finish what the job's objects asked of it; whether no task was left."""
        if self._ran and self._loop is not None and not self._loop.is_closed():
            for _ in range(PASSES):
                self._loop.run_until_complete(asyncio.sleep(0))
        clean = not self._left_tasks
        self._ran = self._left_tasks = False
        return clean

    def _open(self) -> asyncio.AbstractEventLoop:
        """The loop, made for the first job, and again where a job closed it."""
        if self._loop is None or self._loop.is_closed():
            self._loop = asyncio.new_event_loop()
            self._debug = self._loop.get_debug()
        if self._threads.used:
            self._threads = _Threads()
        self._loop.set_default_executor(self._threads)
        asyncio.set_event_loop(self._loop)
        return self._loop

    def _end_tasks(self, loop: asyncio.AbstractEventLoop) -> None:
        tasks = asyncio.all_tasks(loop)
        if not tasks:
            return
        self._left_tasks = True
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.wait(tasks, timeout=TASKS_END_S))


class _Threads(ThreadPoolExecutor):
    """The threads of `asyncio.to_thread`; they end with the job, and the next one gets new ones."""

    used = False

    def submit(self, *args: Any, **options: Any) -> Future[Any]:  # noqa: ANN401
        self.used = True
        return super().submit(*args, **options)

    def shutdown(self, *, wait: bool = True, cancel_futures: bool = False) -> None:  # type: ignore[override]
        if self.used:
            super().shutdown(wait=wait, cancel_futures=cancel_futures)
