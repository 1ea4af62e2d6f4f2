"""The line for slots: how many jobs a node may claim at a time, and which of them runs next.

    enter ─▶ fetch, claim ─▶ slot ─▶ run ─▶ done ─▶ settle
      │                        │             │
      │ as many as there are   │ first come, └─▶ the next one in line runs
      │ slots, and more while  │ first served
      ▼ jobs are short         ▼

The line is one for the whole node, so what is claimed ahead waits for whichever slot is free first,
never for the job of one worker. Where all slots turn out to be with long jobs, it goes back to the
queue after `PATIENCE_S`: another node may have an idle slot, and the user's job should not be shown
as running by a node that does not run it.
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
"""How long a claim waits in line: amid short jobs, several of them end within this time."""


class SlotLine:
    """The slots of a node, and those who wait for one."""

    def __init__(
        self, slots: Slots, *, number: int, clock: Clock, group: asyncio.TaskGroup
    ) -> None:
        self.prefetch = Prefetch()
        self.slots = slots
        self.clock = clock
        self._group = group
        self._fit = 0
        """Slots that have their process, idle or at work."""
        self._entered = 0
        """Tickets that may claim or have claimed a job, and are not done."""
        self._entering: deque[Future[None]] = deque()
        self._line: deque[_Waiter] = deque()
        self._patience: asyncio.TimerHandle | None = None
        """For all in line together: most are served long before."""
        self._idle: list[PoolProcess] = []
        self._refits: set[asyncio.Task[None]] = set()
        for _ in range(number):
            self._refit(None)

    def ticket(self) -> SlotTicket:
        """A ticket for one more job, to be entered."""
        return SlotTicket(self)

    async def enter(self) -> bool:
        """Wait until one more job may be claimed; whether it is then claimed ahead of the slots."""
        waiting: Future[None] = asyncio.get_running_loop().create_future()
        self._entering.append(waiting)
        self._admit()
        try:
            await waiting
        except asyncio.CancelledError:
            if not waiting.cancelled():  # admitted in the very turn of the loop that cancelled us
                self.leave()
            raise
        return self._entered > self._fit

    def leave(self) -> None:
        """Make room for one more."""
        self._entered -= 1
        self._admit()

    async def wait_for_process(self, *, late: Callable[[], object]) -> PoolProcess:
        """Wait in line for a process; `late` is called once that takes too long."""
        if self._idle:
            return self._idle.pop()
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

    def give_back(self, process: PoolProcess | None) -> None:
        """Let the next one in line have a process, or the one that replaces it."""
        if process is not None and self.slots.usable(process):
            self._pass_on(process)
        else:
            self._fit -= 1
            self._refit(process)

    def close(self) -> None:
        """Get no further processes."""
        for refit in self._refits:
            refit.cancel()
        if self._patience is not None:
            self._patience.cancel()

    def _check_line(self) -> None:
        """Call `late` of those who have waited too long, and come back for the next."""
        loop = asyncio.get_running_loop()
        self._patience = None
        for waiter in tuple(self._line):
            if waiter.process.done() or waiter.until == inf:
                continue
            if waiter.until > loop.time():
                self._patience = loop.call_at(waiter.until, self._check_line)
                return
            waiter.until = inf
            self.prefetch.stumbled()
            waiter.late()

    def _admit(self) -> None:
        """Admit as many as may enter: not one by one, but once half of those ahead are gone.

        So they fetch, claim and acknowledge together, which costs the node as much as for one.
        """
        ahead = self.prefetch.ahead(self._fit)
        if self._entered > self._fit + ahead // 2:
            return
        while self._entering and self._entered < self._fit + ahead:
            waiting = self._entering.popleft()
            if not waiting.done():
                waiting.set_result(None)
                self._entered += 1

    def _pass_on(self, process: PoolProcess) -> None:
        while self._line:
            waiter = self._line.popleft()
            if not waiter.process.done():
                waiter.process.set_result(process)
                return
        self._idle.append(process)

    def _refit(self, process: PoolProcess | None) -> None:
        """Get a slot its next process, in the background."""

        async def refit() -> None:
            fit = await self.slots.ready(process)
            self._fit += 1
            self._pass_on(fit)
            self._admit()

        task = self._group.create_task(refit(), name="get a slot its process")
        self._refits.add(task)
        task.add_done_callback(self._refits.discard)


@dataclass(slots=True)
class _Waiter:
    """A job in line."""

    process: Future[PoolProcess]
    late: Callable[[], object]
    until: float
    """When `late` is called, by the loop's clock; infinite once it was."""


class SlotTicket:
    """One job's claim to a slot; `done` at the end of the block, or before."""

    def __init__(self, line: SlotLine) -> None:
        self.ahead = False
        """Whether there are more jobs claimed than slots, so that this one will have to wait."""
        self._line = line
        self._entered = False
        self._since: float | None = None
        """When a process came; from then on this ticket has one to give back."""
        self._process: PoolProcess | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.done()

    async def enter(self) -> None:
        """Wait until one more job may be claimed."""
        self.ahead = await self._line.enter()
        self._entered = True

    def wait_s(self, idle_s: float) -> float:
        """How long to wait for an id where an idle worker waits `idle_s`.

        Ahead of the slots only for what is there at once: what comes later may find them all busy.
        """
        return 2 * AT_ONCE_S if self.ahead else idle_s

    def failed(self) -> None:
        """Note that store or queue are away: who is ahead of the slots leaves, the others pause.

        Else the pausing ones could be so many that the slots had to wait for most of them.
        """
        self._line.prefetch.stumbled()
        if self.ahead:
            self.done()

    async def wait_for_process(self, *, fresh: bool, late: Callable[[], object]) -> PoolProcess:
        """Wait in line for a process to run in; `late` is called once that takes too long.

        Args:
            fresh: whether it must not have run anything yet.
        """
        process = await self._line.wait_for_process(late=late)
        # Not ours before it is ready: if we are cancelled meanwhile it may be on its way out.
        self._since = self._line.clock.monotonic()
        self._process = await self._line.slots.ready(process, fresh=fresh)
        return self._process

    def done(self) -> None:
        """Let others have the slot, and the right to claim, that this ticket had."""
        if self._since is not None:
            self._line.prefetch.ran(for_s=self._line.clock.monotonic() - self._since)
            self._line.give_back(self._process)
        if self._entered:
            self._line.leave()
        self._since, self._entered = None, False
