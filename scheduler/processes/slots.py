"""The slots in which jobs run: as many pool processes as there are workers, and a warm spare.

A process is never used again after a job was stopped in it, after a crash, once it has run its
share of jobs, or once the handlers were loaded anew. The spare replaces it at once, and the next
spare starts meanwhile. Where users do not share processes, one that has run jobs of a user is used
for jobs of this user only.

Ending a process blocks a thread, for seconds where something outlives SIGKILL. There is one thread
for each process that may be ended at a time, so that no abort waits for another, nor for other uses
of threads.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import count
from random import Random
from typing import Any, Final, NamedTuple

import structlog

from scheduler.basics.background import background
from scheduler.basics.retry import Backoff, retried
from scheduler.core.errors import StartError
from scheduler.core.handler import HandlerOptions
from scheduler.core.job_log import LogStream
from scheduler.core.ports.clock import Clock
from scheduler.core.tasks import Tasks
from scheduler.processes import pool_process, shared_memory, tree
from scheduler.processes.escaped_processes import EscapedProcesses
from scheduler.processes.generation import Generation
from scheduler.processes.lot import LOT_MAX
from scheduler.processes.pool_process import PoolProcess
from scheduler.processes.stdio_pipes import SHOWN_BYTES_MAX

log = structlog.get_logger()

TRIES_MAX: Final = 3
"""How often to try to start the first process: if it does not start, a person is watching."""
SHORTAGES: Final = (OSError, RuntimeError)
"""Raised where the machine is out of descriptors, memory or, for a new thread, pids."""
CALM_S: Final = 0.1
"""How long a start may be put off while processes are being ended: it takes 9 ms of a core, and the
users of aborted jobs wait for their answers."""
ANSWER_S: Final = 0.01
"""How long after a stop no process starts: receipt and answer take 2 ms then, and 4 ms beside a
start; several times that under load. The slot itself gets the spare at once."""
KILL_AGAIN_S: Final = 0.1
"""How long a start that was given up may take to end once it was killed, before it is killed again:
it may only be about to begin."""
ESCAPED_LOOK_S: Final = 1.0
"""The longest life of an escaped process; it ends earlier where a stop comes first."""


@asynccontextmanager
async def open_slots(
    *,
    workers: int,
    clock: Clock,
    random: Random,
    result_bytes_max: int,
    jobs_per_process: int,
    share_processes: bool,
    on_started: Callable[[], None],
) -> AsyncIterator[Slots]:
    """The slots of a node, for the block; at its end their processes are ended.

    Args:
        share_processes: whether a process may run jobs of several users.

    Raises:
        StartError: the handlers folder does not load, or no process starts.
    """
    # For each worker its process and one that retires; the spare and one that retires; the look
    # for escaped processes; the first process of other handlers.
    size = 2 * workers + 4
    with ThreadPoolExecutor(size, "end") as threads:
        all_there = threading.Barrier(size)
        for _ in range(size):  # started now: they are needed most when the machine is out of pids
            threads.submit(all_there.wait)
        async with asyncio.TaskGroup() as group:
            slots = Slots(
                clock=clock,
                random=random,
                group=group,
                threads=threads,
                result_bytes_max=result_bytes_max,
                jobs_per_process=jobs_per_process,
                share_processes=share_processes,
                on_started=on_started,
            )
            async with background(escaped_processes=slots.watch()):
                try:
                    await slots.start()
                    yield slots
                finally:
                    await slots.close()


NO_HANDLER: Final = "no file in the handlers folder has a @handler"


class NoProcess(NamedTuple):
    """Why no pool process starts, or none with handlers."""

    why: str
    may_pass: bool
    """Whether it may start if that is tried again."""


Spare = asyncio.Future[PoolProcess | NoProcess]


class Slots:
    """Provides the pool processes of a node, and ends them."""

    def __init__(
        self,
        *,
        clock: Clock,
        random: Random,
        group: asyncio.TaskGroup,
        threads: Executor,
        result_bytes_max: int,
        jobs_per_process: int,
        share_processes: bool,
        on_started: Callable[[], None],
    ) -> None:
        self.tasks = Tasks({}, loaded_at=clock.now())
        """The handlers, as a pool process loaded them; always the same mapping."""
        self.on_switched: Callable[[], None] = _do_nothing
        """Called when idle processes have become unusable."""
        self._generation = Generation.first()
        self._outdated: list[Generation] = []
        """Those that were used before, as long as they have processes."""
        self._retiring: set[asyncio.Task[None]] = set()
        self._clock = clock
        self._random = random
        self._group = group
        self._threads = threads
        self.result_bytes_max = result_bytes_max
        self._jobs_per_process = jobs_per_process
        self.share_processes = share_processes
        self._on_started = on_started
        self._live: set[PoolProcess] = set()
        self._left: list[shared_memory.Left] = []
        self._escaped = defaultdict[Generation, EscapedProcesses](
            partial(EscapedProcesses, threads)
        )
        """One for each: an abort must not wait where another one's fork server imports for long."""
        self._closing = False
        self._ending = 0
        """How many processes are being ended, or were until a moment ago."""
        self._calm = asyncio.Event()
        """Set while there is none."""
        self._calm.set()
        self._spare: Spare = self._begin_spare(tries_max=TRIES_MAX)

    async def start(self) -> None:
        """Wait for the first process, which reports the handlers.

        Raises:
            StartError: it does not start, or the handlers folder does not load.
        """
        # Shielded: a cancelled start must not leave half a process behind.
        first = await asyncio.shield(self._spare)
        if isinstance(first, NoProcess):
            raise StartError(first.why)
        self.tasks.load(first.tasks, at=self._clock.now())

    async def load(
        self,
        generation: Generation,
        *,
        announce: Callable[[Sequence[str]], Awaitable[None]],
    ) -> None:
        """Use only processes of another generation from now on, once a first one has come up.

        No job begins any more in an older process: those that run go on, and what is left of a lot
        is taken back. Where this fails or is cancelled, everything is as before.

        Args:
            announce: called with the names of the handlers before they are used.

        Raises:
            StartError: it does not start, the handlers do not load, or there are none: more likely
                they are just being replaced than that all jobs are to end as unknown.
        """
        start = self._begin_spare(tries_max=TRIES_MAX, generation=generation)
        try:
            first = await asyncio.shield(start)
            if isinstance(first, NoProcess):
                raise StartError(first.why)
            if not first.tasks:
                raise StartError(f"[handlers] path: {NO_HANDLER}")
            await announce(sorted(first.tasks))
            self._switch(first)
        finally:
            if generation is not self._generation:
                await self._abandon(generation, start)

    def _switch(self, first: PoolProcess) -> None:
        self._outdated.append(self._generation)
        self._generation = first.generation
        self.tasks.load(first.tasks, at=self._clock.now())
        self._retire_later(self._spare)
        self._spare = asyncio.get_running_loop().create_future()
        self._spare.set_result(first)
        for process in self._live:
            if process.generation is not self._generation:
                process.take_back()
        self.on_switched()

    def _retire_later(self, spare: Spare) -> None:
        """Retire a spare that may still be starting."""

        async def retire() -> None:
            process = await spare
            if not isinstance(process, NoProcess):
                await self.retire(process)

        retiring = self._group.create_task(retire(), name="retire an outdated spare")
        self._retiring.add(retiring)
        retiring.add_done_callback(self._retiring.discard)

    async def _abandon(self, generation: Generation, start: Spare) -> None:
        """End a generation that was only tried, also where it hangs."""
        generation.abandoned = True
        while not start.done():
            await self._in_thread(generation.kill)
            await asyncio.wait({start}, timeout=KILL_AGAIN_S)
        process = start.result()
        if not isinstance(process, NoProcess):
            await self.end(process)
        self._escaped.pop(generation, None)
        await self._in_thread(generation.end)

    async def _end_unused(self) -> None:
        """End the outdated generations whose last process has ended."""
        for generation in tuple(self._outdated):
            used = any(process.generation is generation for process in self._live)
            if not (used or generation.starting):
                self._outdated.remove(generation)
                self._escaped.pop(generation, None)
                await self._in_thread(generation.end)

    def _in_thread(self, call: Callable[[], None]) -> asyncio.Future[None]:
        return asyncio.get_running_loop().run_in_executor(self._threads, call)

    def knows(self, options: HandlerOptions) -> bool:
        """Whether there is still a handler with these options, however often some were loaded."""
        known = self.tasks.get(options.name)
        return known is options or known == options  # mostly the same: to compare all takes longer

    async def ready(
        self, process: PoolProcess | None, *, fresh: bool = False, uid: str | None = None
    ) -> PoolProcess:
        """Return this process where it may run another job; else retire it and return the spare.

        Where it is cancelled the spare is kept for the next call, but the given process must not be
        used again.

        Args:
            fresh: whether the process must not have run anything yet.
            uid: whose job it is to run; None where that is not known yet.
        """
        if process in self._live:
            if self.usable(process, uid) and not (fresh and process.jobs):
                return process
            retired = self._group.create_task(self.retire(process), name="retire a pool process")
            # Shielded: a process must not stay half retired where its owner is cancelled.
            await asyncio.shield(retired)
        return await self._take()

    def usable(self, process: PoolProcess, uid: str | None = None) -> bool:
        """Whether a process may run another job; with `uid`, one of this user."""
        sound = process in self._live and process.alive and not process.intruded
        return sound and self.room(process, uid) > 0

    def room(self, process: PoolProcess, uid: str | None = None) -> int:
        """How many jobs a process may run yet: at most `LOT_MAX` at once.

        None where the handlers were loaded anew since it started, or where it has got jobs of
        another user than `uid`, and they do not share processes.
        """
        if process.generation is not self._generation:
            return 0
        if not (self.share_processes or uid is None or process.uid in (None, uid)):
            return 0
        left = self._jobs_per_process - process.jobs if self._jobs_per_process else LOT_MAX
        return min(left, LOT_MAX)

    async def _take(self) -> PoolProcess:
        """The spare, which has run no job yet; the next spare starts at once."""
        while True:
            spare = self._spare
            # Shielded: a cancelled taker must not leave half a process behind.
            process = await asyncio.shield(spare)
            assert not isinstance(process, NoProcess)  # noqa: S101 - takers end before the slots close
            if spare is not self._spare:
                continue  # another taker that waited for it got it first
            self._spare = self._begin_spare()
            if process.alive:
                return process
            await self.end(process)

    async def stop(self, process: PoolProcess) -> tree.Ended:
        """End a process in which a job was stopped; others start `ANSWER_S` later."""
        return await self.end(process, calm_s=ANSWER_S)

    async def end(self, process: PoolProcess, *, calm_s: float = 0.0) -> tree.Ended:
        """End a process and everything that it started; tried until it succeeds.

        Args:
            calm_s: how long no process starts afterwards.
        """
        self._ending += 1
        self._calm.clear()
        try:
            return await self._end(process)
        finally:
            asyncio.get_running_loop().call_later(calm_s, self._on_ended)

    def _on_ended(self) -> None:
        self._ending -= 1
        if not self._ending:
            self._calm.set()

    async def _end(self, process: PoolProcess) -> tree.Ended:
        ended = await self._retry(process.end)
        if process.left is not None:
            self._left.append(process.left)
            process.left = None
        self._live.discard(process)
        escaped = self._escaped[process.generation]
        escaped.forget(process.process)
        escaped.spare(ended.survivors)
        left = await self._retry(partial(escaped.end, process.fork_server))
        if ended.held:  # then what escaped may come from any job
            escaped.disclaim(ended.met)
            return ended
        # A process closes its channel before its children get another parent. One that was killed
        # below it may still be dying below the fork server, and counts once.
        survivors = tuple({*ended.survivors, *left.survivors})
        return tree.Ended(ended.met | left.met | escaped.claim(), survivors, held=False)

    async def discard(self, process: PoolProcess) -> tree.Ended:
        """End a process in which a job left something behind, once it has tidied up."""
        await process.tidied()
        return await self.end(process)

    async def retire(self, process: PoolProcess) -> None:
        """Let an idle process exit by itself, and end what is left of it."""
        await process.retire()
        await self.end(process)

    async def watch(self) -> None:
        """Look for what jobs left, processes and shared memory, for ever; a background task."""
        while True:
            await self._clock.sleep(ESCAPED_LOOK_S)
            await self._remove_left()
            await self._end_unused()
            for generation, fork_server in {
                (each.generation, each.fork_server) for each in self._live
            }:
                escaped = self._escaped[generation]
                escaped.claim()  # that of jobs which have ended since the last look
                with suppress(*SHORTAGES):
                    await escaped.end(fork_server)

    async def close(self) -> None:
        """Retire all processes, the spare too; a failed start is not tried again."""
        self._closing = True
        starting: set[asyncio.Future[Any]] = {self._spare, *self._retiring}
        await asyncio.wait(starting)
        async with asyncio.TaskGroup() as group:
            for process in tuple(self._live):
                group.create_task(self.retire(process), name="retire a pool process")
        await self._end_unused()
        await self._remove_left()

    async def _remove_left(self) -> None:
        """Remove what ended processes left in shared memory."""
        if self._left:
            left, self._left = self._left, []
            await asyncio.to_thread(shared_memory.remove, left)

    def _begin_spare(
        self, *, tries_max: int | None = None, generation: Generation | None = None
    ) -> asyncio.Task[PoolProcess | NoProcess]:
        start = self._start(tries_max, generation)
        return self._group.create_task(start, name="start a pool process")

    async def _start(
        self, tries_max: int | None, generation: Generation | None
    ) -> PoolProcess | NoProcess:
        """Start a process; tried until it succeeds, since the machine may be out of pids.

        Args:
            tries_max: how often at most, for the first process. None: until the slots close.
            generation: to try; None for the one that is used.
        """
        backoff = Backoff(self._random, sleep=self._clock.sleep)
        for tries in count(1):
            with suppress(TimeoutError):
                async with asyncio.timeout(CALM_S):
                    await self._calm.wait()
            wanted = generation or self._generation
            found = await self._try(wanted)
            if not isinstance(found, NoProcess):
                self._on_started()
                return found
            if self._closing or wanted.abandoned or tries == tries_max:
                return found
            if not found.may_pass and tries_max is not None:
                return found
            if not found.may_pass:
                log.error("the handlers do not load any more: jobs wait", error=found.why)
            await backoff.pause()
        raise AssertionError("unreachable")

    async def _try(self, generation: Generation) -> PoolProcess | NoProcess:
        """Start a process once."""
        try:
            process = await self._start_once(generation)
        except (*SHORTAGES, EOFError, BrokenProcessPool) as error:
            if not generation.abandoned:
                log.warning("a pool process did not start", error=repr(error))
            why = (
                f"[handlers] path: no pool process comes up ({error or repr(error)}): a file there"
                " may end its interpreter, or the machine is out of processes"
            )
            # Who has waited for so long does not want to wait again.
            return NoProcess(why, may_pass=not isinstance(error, TimeoutError))
        if process.fault is None:
            return process
        await self._refuse(process)
        return NoProcess(process.fault, may_pass=False)

    async def _start_once(self, generation: Generation) -> PoolProcess:
        is_first = generation is not self._generation or not self.tasks
        generation.starting += 1
        try:
            process = await pool_process.start(
                generation,
                threads=self._threads,
                result_bytes_max=self.result_bytes_max,
                escaped=self._escaped[generation],
                on_output=_log_loading if is_first else _pass_over,
            )
        finally:
            generation.starting -= 1
        self._live.add(process)
        return process

    async def _refuse(self, process: PoolProcess) -> None:
        """End a process without handlers, and the fork server that failed to load them."""
        await self.end(process)
        with suppress(OSError):  # then the next process is refused as well
            tree.send(process.fork_server, signal.SIGKILL)

    async def _retry(self, end: Callable[[], Awaitable[tree.Ended]]) -> tree.Ended:
        """Call `end` until it succeeds: a machine may be out of descriptors for a while."""
        return await retried(
            end,
            on=SHORTAGES,
            backoff=Backoff(self._random, sleep=self._clock.sleep),
            failed=lambda error: log.warning("a process cannot be ended yet", error=str(error)),
        )


def _do_nothing() -> None:
    """Nobody wants to know."""


def _log_loading(stream: LogStream, data: bytes) -> None:
    """Log what handler files print when they are loaded."""
    text = data[:SHOWN_BYTES_MAX].decode(errors="replace")
    log.info("a handler file printed something while it was loaded", stream=stream, text=text)


def _pass_over(_stream: LogStream, _data: bytes) -> None:
    """Pass over what each further process prints: the first one has printed it, too."""
