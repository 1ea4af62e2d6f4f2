"""Where jobs run: as many pool processes as there are workers, and a warm spare.

A process that a job was stopped in, that crashed, or that ran its share of jobs is never used
again. The spare takes its place, at once, and the next spare starts meanwhile.

Ending a process takes a thread, for seconds where something outlives SIGKILL. Here is one for each
that may be ended at once, so that no abort waits for another, nor for what else threads are for.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import count
from random import Random
from typing import Final, NamedTuple

import structlog

from scheduler.basics.background import background
from scheduler.basics.retry import Backoff, retried
from scheduler.core.errors import StartError
from scheduler.core.handler import HandlerOptions
from scheduler.core.ports.clock import Clock
from scheduler.processes import pool_process, tree
from scheduler.processes.escaped_processes import EscapedProcesses
from scheduler.processes.pool_process import PoolProcess

log = structlog.get_logger()

TRIES_MAX: Final = 3
"""How often to start the first process: where it does not come up, a person is watching."""
SHORT: Final = (OSError, RuntimeError)
"""What says that a machine is short of descriptors, memory or, for a thread, pids."""
ESCAPED_LOOK_S: Final = 1.0
"""How long something that left its job's tree may live, where no stop comes first."""


@asynccontextmanager
async def open_slots(
    *,
    workers: int,
    clock: Clock,
    random: Random,
    result_bytes_max: int,
    jobs_per_process: int,
    on_started: Callable[[], None],
) -> AsyncIterator[Slots]:
    """The slots of a node, for as long as the block runs; then their processes are gone.

    Raises:
        StartError: the handlers folder does not load, or no process comes up.
    """
    # Of each worker the process it has and one that retires, the spare, and the watch.
    size = 2 * workers + 2
    with ThreadPoolExecutor(size, "end") as threads:
        all_there = threading.Barrier(size)
        for _ in range(size):  # now, while there are pids: they are needed most when there are none
            threads.submit(all_there.wait)
        async with asyncio.TaskGroup() as group:
            slots = Slots(
                clock=clock,
                random=random,
                group=group,
                threads=threads,
                result_bytes_max=result_bytes_max,
                jobs_per_process=jobs_per_process,
                on_started=on_started,
            )
            async with background(escaped_processes=slots.watch()):
                try:
                    await slots.start()
                    yield slots
                finally:
                    await slots.close()


class NoProcess(NamedTuple):
    """No pool process comes up, or none with handlers."""

    why: str


class Slots:
    """The pool processes of a node."""

    def __init__(
        self,
        *,
        clock: Clock,
        random: Random,
        group: asyncio.TaskGroup,
        threads: Executor,
        result_bytes_max: int,
        jobs_per_process: int,
        on_started: Callable[[], None],
    ) -> None:
        self.tasks: Mapping[str, HandlerOptions] = {}
        """The handlers, by name, as the first pool process found them."""
        self._clock = clock
        self._random = random
        self._group = group
        self._threads = threads
        self._result_bytes_max = result_bytes_max
        self._jobs_per_process = jobs_per_process
        self._on_started = on_started
        self._live: set[PoolProcess] = set()
        self._escaped = EscapedProcesses(threads)
        self._closing = False
        self._spare = self._begin_spare(tries_max=TRIES_MAX)

    async def start(self) -> None:
        """Wait for the first process, which says which handlers there are.

        Raises:
            StartError: it does not come up, or the handlers folder does not load.
        """
        # Shielded: a start that is cancelled must not leave half a process behind.
        first = await asyncio.shield(self._spare)
        if isinstance(first, NoProcess):
            raise StartError(first.why)
        self.tasks = {options.name: options for options in first.handlers}

    async def ready(self, process: PoolProcess | None, *, fresh: bool = False) -> PoolProcess:
        """This process, where it may run another job; else the spare, and this one is let go.

        Cancelled, it leaves the spare where it is; the process given must not be used again.

        Args:
            fresh: whether the process must not have run anything yet.
        """
        if process in self._live:
            if self.usable(process) and not (fresh and process.jobs):
                return process
            retired = self._group.create_task(self.retire(process), name="retire a pool process")
            # Shielded: a process whose owner is cancelled must not be left half retired.
            await asyncio.shield(retired)
        return await self._take()

    def usable(self, process: PoolProcess) -> bool:
        """Whether a process may run another job."""
        worn = 0 < self._jobs_per_process <= process.jobs
        return process in self._live and process.alive and not worn

    async def _take(self) -> PoolProcess:
        """The spare, which has run nothing yet; the next one starts at once."""
        while True:
            spare = self._spare
            # Shielded: a taker that is cancelled must not leave half a process behind.
            process = await asyncio.shield(spare)
            assert not isinstance(process, NoProcess)  # noqa: S101 - takers end before slots do
            if spare is not self._spare:
                continue  # another taker that waited as well has it
            self._spare = self._begin_spare()
            if process.alive:
                return process
            await self.end(process)

    async def end(self, process: PoolProcess) -> tree.Ended:
        """End a process and everything that came from it, however often that has to be tried."""
        ended = await self._insist(process.end)
        self._live.discard(process)
        self._escaped.disown(process.process)
        self._escaped.spare(ended.survivors)
        left = await self._insist(partial(self._escaped.end, process.fork_server))
        if ended.held:  # then what was left may be any job's
            return ended
        return tree.Ended(
            ended.processes + left.processes, ended.survivors + left.survivors, held=False
        )

    async def retire(self, process: PoolProcess) -> None:
        """Let an idle process exit by itself, and end it where it does not."""
        await process.retire()
        await self.end(process)

    async def watch(self) -> None:
        """End what jobs left outside of their processes, for ever; a background task."""
        while True:
            await self._clock.sleep(ESCAPED_LOOK_S)
            for fork_server in {process.fork_server for process in self._live}:
                with suppress(*SHORT):
                    await self._escaped.end(fork_server)

    async def close(self) -> None:
        """Retire all processes, the spare too; one that does not come up is not tried again."""
        self._closing = True
        await asyncio.wait({self._spare})
        async with asyncio.TaskGroup() as group:
            for process in tuple(self._live):
                group.create_task(self.retire(process), name="retire a pool process")

    def _begin_spare(
        self, *, tries_max: int | None = None
    ) -> asyncio.Task[PoolProcess | NoProcess]:
        return self._group.create_task(self._start(tries_max), name="start a pool process")

    async def _start(self, tries_max: int | None) -> PoolProcess | NoProcess:
        """Start a process, again and again until one comes up: the machine may be out of pids.

        Args:
            tries_max: how often at most, for the first one. None: until the slots are closed.
        """
        backoff = Backoff(self._random, sleep=self._clock.sleep)
        for tries in count(1):
            try:
                process = await self._start_once()
            except (*SHORT, EOFError, BrokenProcessPool) as error:
                log.warning("a pool process did not start", error=repr(error))
                why = (
                    f"[handlers] path: no pool process comes up ({error}): a file there may end"
                    " its interpreter, or the machine is out of processes"
                )
            else:
                if process.fault is None:
                    self._on_started()
                    return process
                await self._refuse(process)
                if tries_max is not None:  # the same files would not load at a second try
                    return NoProcess(process.fault)
                log.error("the handlers do not load any more: jobs wait", error=process.fault)
                why = process.fault
            if self._closing or tries == tries_max:
                return NoProcess(why)
            await backoff.pause()
        raise AssertionError("unreachable")

    async def _start_once(self) -> PoolProcess:
        process = await pool_process.start(
            threads=self._threads,
            result_bytes_max=self._result_bytes_max,
            escaped=self._escaped,
        )
        self._live.add(process)
        with suppress(OSError):
            self._escaped.meet(process.fork_server)
        return process

    async def _refuse(self, process: PoolProcess) -> None:
        """Let go of a process without handlers, and of the fork server that failed to load them."""
        await self.end(process)
        with suppress(OSError):  # then the next one is refused as well
            tree.send(process.fork_server, signal.SIGKILL)

    async def _insist(self, end: Callable[[], Awaitable[tree.Ended]]) -> tree.Ended:
        """End what has to be ended: that a machine is short of descriptors is no reason not to."""
        return await retried(
            end,
            on=SHORT,
            backoff=Backoff(self._random, sleep=self._clock.sleep),
            failed=lambda error: log.warning("a process cannot be ended yet", error=str(error)),
        )
