"""The line for slots: decides how many jobs a node may claim, and which of them runs next.

    enter ─▶ fetch, claim ─▶ slot ─▶ run ─▶ done ─▶ settle
      │                        │             │
      │ as many as there are   │ first come, └─▶ the next one in line runs
      │ slots, and more while  │ first served
      ▼ jobs are short         ▼

There is one line for the whole node: a job that is claimed ahead gets the first slot that is free,
and never waits for one worker. If all slots turn out to run long jobs, it goes back to the queue
after `PATIENCE_S`: another node may have an idle slot, and a job should not be shown as running on
a node that does not run it.
"""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Final, Self

from scheduler.core.ports.clock import Clock
from scheduler.processes.pool_process import PoolProcess
from scheduler.processes.slots import Slots
from scheduler.worker.prefetch import AT_ONCE_S, SHORT_S, Prefetch

PATIENCE_S: Final = SHORT_S
"""How long a claimed job waits in line: of short jobs, several end within this time."""


class SlotLine:
    """The line of jobs that wait for one of the node's slots."""

    def __init__(
        self, slots: Slots, *, number: int, clock: Clock, group: asyncio.TaskGroup
    ) -> None:
        self.prefetch = Prefetch()
        self.slots = slots
        self.clock = clock
        self._group = group
        self._ready = 0
        """How many slots have their process, idle or busy."""
        self._entered = 0
        """How many jobs may be claimed, or are claimed and not done."""
        self._entering: deque[Future[int]] = deque()
        self._line: deque[_Waiter] = deque()
        self._patience: asyncio.TimerHandle | None = None
        """One timer for the whole line: most waiters are served long before it."""
        self._idle: list[PoolProcess] = []
        self._replacements: set[asyncio.Task[None]] = set()
        slots.on_switched = self._replace_outdated
        for _ in range(number):
            self._replace(None)

    def ticket(self) -> SlotTicket:
        """A ticket for one more job; the caller then enters it."""
        return SlotTicket(self)

    async def enter(self) -> int:
        """Wait until further jobs may be claimed; how many."""
        waiting: Future[int] = asyncio.get_running_loop().create_future()
        self._entering.append(waiting)
        self._admit()
        try:
            return await waiting
        except asyncio.CancelledError:
            if not waiting.cancelled():  # admitted in the same step of the loop that cancelled us
                self.leave(waiting.result())
            raise

    @property
    def is_ahead(self) -> bool:
        """Whether more jobs may be claimed than there are slots."""
        return self._entered > self._ready

    def leave(self, jobs: int) -> None:
        """Let as many others be claimed."""
        self._entered -= jobs
        self._admit()

    async def wait_for_process(self, uid: str, *, late: Callable[[], object]) -> PoolProcess:
        """Wait in line for a process; `late` is called if that takes longer than `PATIENCE_S`.

        Args:
            uid: whose job is to run in it. `Slots.ready` may still have to replace it.
        """
        if self._idle:
            return self._take_idle(uid)
        loop = asyncio.get_running_loop()
        waiter = _Waiter(loop.create_future(), late, until=loop.time() + PATIENCE_S)
        self._line.append(waiter)
        if self._patience is None:
            self._patience = loop.call_at(waiter.until, self._check_line)
        try:
            return await waiter.process
        except asyncio.CancelledError:
            if not waiter.process.cancelled():
                self._pass_on(waiter.process.result())
            raise

    def _take_idle(self, uid: str) -> PoolProcess:
        """One of the idle processes; where users share none, one that need not be replaced."""
        if not self.slots.share_processes:
            fits = next((each for each in self._idle if self.slots.room(each, uid)), None)
            if fits is not None:
                self._idle.remove(fits)
                return fits
        return self._idle.pop()

    def give_back(self, process: PoolProcess | None) -> None:
        """Give the process, or the one that replaces it, to the next waiter in line."""
        if process is not None and self.slots.usable(process):
            self._pass_on(process)
        else:
            self._ready -= 1
            self._replace(process)

    def _replace_outdated(self) -> None:
        """Replace the idle processes that may run no job any more."""
        idle, self._idle = self._idle, []
        for process in idle:
            self.give_back(process)

    def close(self) -> None:
        """Get no further process."""
        for replacement in self._replacements:
            replacement.cancel()
        if self._patience is not None:
            self._patience.cancel()

    def _check_line(self) -> None:
        """Call `late` of each waiter that has waited too long; set the timer for the next one."""
        loop = asyncio.get_running_loop()
        self._patience = None
        for waiter in tuple(self._line):
            if waiter.process.done() or waiter.until == inf:
                continue
            if waiter.until > loop.time():
                self._patience = loop.call_at(waiter.until, self._check_line)
                return
            waiter.until = inf
            self.prefetch.reset()
            waiter.late()

    def _admit(self) -> None:
        """Admit as many as may enter; not one by one, but once half of those ahead are gone.

        So they fetch, claim and acknowledge together, which costs the node no more than for one.
        """
        ahead = self.prefetch.ahead(self._ready)
        if self._entered > self._ready + ahead // 2:
            return
        while self._entering and self._entered < self._ready + ahead:
            waiting = self._entering.popleft()
            if not waiting.done():
                jobs = self.prefetch.lot_size()
                waiting.set_result(jobs)
                self._entered += jobs

    def _pass_on(self, process: PoolProcess) -> None:
        while self._line:
            waiter = self._line.popleft()
            if not waiter.process.done():
                waiter.process.set_result(process)
                return
        self._idle.append(process)

    def _replace(self, process: PoolProcess | None) -> None:
        """Get the next process for a slot, in the background."""

        async def replace() -> None:
            successor = await self.slots.ready(process)
            self._ready += 1
            self._pass_on(successor)
            self._admit()

        task = self._group.create_task(replace(), name="get a slot its process")
        self._replacements.add(task)
        task.add_done_callback(self._replacements.discard)


@dataclass(slots=True)
class _Waiter:
    """A claimed job that waits in line."""

    process: Future[PoolProcess]
    late: Callable[[], object]
    until: float
    """When `late` is called, by the clock of the event loop; infinite once it was."""


class SlotTicket:
    """The right of some jobs to a slot; given back by `done`, or else at the end of the block."""

    def __init__(
        self,
        line: SlotLine,
        *,
        jobs: int = 0,
        since: float | None = None,
        process: PoolProcess | None = None,
    ) -> None:
        self.ahead = False
        """Whether more jobs are claimed than there are slots, so that these have to wait."""
        self.jobs = jobs
        """How many jobs may be claimed with it, or are."""
        self._line = line
        self._since = since
        """When this ticket got a process, which it then has to give back."""
        self._process = process

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.done()

    async def enter(self) -> None:
        """Wait until further jobs may be claimed."""
        self.jobs = await self._line.enter()
        self.ahead = self._line.is_ahead

    def keep(self, jobs: int) -> None:
        """Let others claim what is not claimed with this ticket."""
        if jobs < self.jobs:
            unused, self.jobs = self.jobs - jobs, jobs
            self._line.leave(unused)

    def split(self, jobs: int = 1) -> SlotTicket:
        """A ticket of its own for some of the jobs, which have no slot yet."""
        self.jobs -= jobs
        return SlotTicket(self._line, jobs=jobs)

    def hand_over(self, jobs: int) -> SlotTicket:
        """A ticket of its own for some of the jobs, with the slot of this one from now on."""
        since = None if self._since is None else self._line.clock.monotonic()
        own = SlotTicket(self._line, jobs=jobs, since=since, process=self._process)
        self.jobs -= jobs
        self._since = self._process = None
        return own

    def wait_s(self, idle_s: float) -> float:
        """How long to wait for an id, where an idle worker waits for `idle_s`.

        Ahead of the slots, only for an id that is waiting already: later, all slots may be busy.
        """
        return 2 * AT_ONCE_S if self.ahead else idle_s

    def failed(self) -> None:
        """Note that store or queue are away. A ticket ahead of the slots is done; the others pause.

        Else so many tickets might be pausing that free slots would have to wait for most of them.
        """
        self._line.prefetch.reset()
        if self.ahead:
            self.done()

    async def wait_for_process(
        self, uid: str, *, fresh: bool, late: Callable[[], object]
    ) -> PoolProcess:
        """Wait in line for a process to run in; `late` is called if that takes too long.

        Args:
            uid: whose job is to run in it.
            fresh: whether it must not have run any job yet.
        """
        process = await self._line.wait_for_process(uid, late=late)
        # Not ours before it is ready: if we are cancelled meanwhile, it may be half retired.
        self._since = self._line.clock.monotonic()
        self._process = await self._line.slots.ready(process, fresh=fresh, uid=uid)
        return self._process

    def ran(self, jobs: int) -> None:
        """Give back the slot: so many jobs have ended in it."""
        if self._since is not None:
            took_s = self._line.clock.monotonic() - self._since
            self._line.prefetch.ran(for_s=took_s / max(jobs, 1))
            self._line.give_back(self._process)
        self._since = self._process = None

    def done(self) -> None:
        """Give back the slot and the right to claim."""
        self.ran(self.jobs)
        jobs, self.jobs = self.jobs, 0
        if jobs:
            self._line.leave(jobs)
