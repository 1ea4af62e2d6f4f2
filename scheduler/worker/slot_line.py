"""The line for slots: how many jobs a node may claim, and which of them runs next.

    enter ─▶ fetch, claim ─▶ slot ─▶ run ─▶ over ─▶ settle
      │                        │             │
      │ as many claimed as     │ first come, └─▶ the next one in line runs
      │ there are slots, and   │ first served
      ▼ more at a quick pace   ▼

The line is one for the whole node, so what is claimed ahead waits for whichever slot is free first,
never for the job of one worker. Where all slots turn out to be with long jobs, it goes back to the
queue after `PATIENCE_S`: another node may have a slot that idles, and the user's job should not be
shown as running by a node that does not run it.
"""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import inf
from typing import Final, Self

from scheduler.core.ports.clock import Clock
from scheduler.processes.pool_process import PoolProcess
from scheduler.processes.slots import Slots
from scheduler.worker.prefetch import AT_ONCE_S, SHORT_S, Prefetch

PATIENCE_S: Final = SHORT_S
"""How long a claim waits in line: amid short jobs, several of them end within this time."""

STORE_LOOK_S: Final = 2.5
"""How often the idle of a node ask the store for what waits, all together, where nothing does."""


@asynccontextmanager
async def open_slot_line(slots: Slots, *, number: int, clock: Clock) -> AsyncIterator[SlotLine]:
    """So many slots of a node, each with a process, for as long as the block runs."""
    async with asyncio.TaskGroup() as group:
        slot_line = SlotLine(slots, number=number, clock=clock, group=group)
        try:
            yield slot_line
        finally:
            slot_line.close()


class SlotLine:
    """The slots, and how many jobs may be in hand for them."""

    def __init__(
        self, slots: Slots, *, number: int, clock: Clock, group: asyncio.TaskGroup
    ) -> None:
        self.prefetch = Prefetch()
        self._clock = clock
        self._slots = slots
        self._group = group
        self._fit = 0
        """Slots that have their process, idle or at work."""
        self._in_hand = 0
        self._look_at = 0.0
        self._outside: deque[Future[None]] = deque()
        self._line: deque[_Waiter] = deque()
        self._patience: asyncio.TimerHandle | None = None
        """For all in line together: most are served long before."""
        self._idle: list[PoolProcess] = []
        self._fittings: set[asyncio.Task[None]] = set()
        for _ in range(number):
            self._fit_out(None)

    def ticket(self) -> SlotTicket:
        """A ticket for one more job, to be entered."""
        return SlotTicket(self, clock=self._clock)

    async def enter(self) -> bool:
        """Wait until one more job may be in hand; whether there are more then than slots."""
        waiter: Future[None] = asyncio.get_running_loop().create_future()
        self._outside.append(waiter)
        self._let_in()
        try:
            await waiter
        except asyncio.CancelledError:
            if not waiter.cancelled():  # it came in the very ticket of the loop in which we left
                self.leave()
            raise
        return self._in_hand > self._fit

    def leave(self) -> None:
        """Have one job less in hand."""
        self._in_hand -= 1
        self._let_in()

    def look_due(self) -> bool:
        """Whether the store may be asked for what waits."""
        return self._clock.monotonic() >= self._look_at

    def nothing_waits(self) -> None:
        """Note that the store was asked, and nothing waits."""
        self._look_at = self._clock.monotonic() + STORE_LOOK_S

    async def wait_for_process(self, *, late: Callable[[], object]) -> PoolProcess:
        """Wait in line for a process; `late` is called once that takes too long."""
        if self._idle:
            return self._idle.pop()
        loop = asyncio.get_running_loop()
        waiter = _Waiter(loop.create_future(), late, until=loop.time() + PATIENCE_S)
        self._line.append(waiter)
        if self._patience is None:
            self._patience = loop.call_at(waiter.until, self._look_at_line)
        try:
            return await waiter.process
        except asyncio.CancelledError:
            if not waiter.process.cancelled():
                self._hand_on(waiter.process.result())
            raise

    def give_back(self, process: PoolProcess | None) -> None:
        """Let the next one in line have a process, or the one that takes its waiter."""
        if process is not None and self._slots.usable(process):
            self._hand_on(process)
        else:
            self._fit -= 1
            self._fit_out(process)

    async def ready(self, process: PoolProcess, *, fresh: bool) -> PoolProcess:
        """This process, where it may run another job; else another one."""
        return await self._slots.ready(process, fresh=fresh)

    def close(self) -> None:
        """Fit out no more slots."""
        for fitting in self._fittings:
            fitting.cancel()
        if self._patience is not None:
            self._patience.cancel()

    def _look_at_line(self) -> None:
        """Tell those whose patience is over, and come back for the next."""
        loop = asyncio.get_running_loop()
        self._patience = None
        for waiter in tuple(self._line):
            if waiter.process.done() or waiter.until == inf:
                continue
            if waiter.until > loop.time():
                self._patience = loop.call_at(waiter.until, self._look_at_line)
                return
            waiter.until = inf
            self.prefetch.stumbled()
            waiter.late()

    def _let_in(self) -> None:
        """Let in as many as may be in hand: not one by one, but once half of those ahead are gone.

        So they fetch, claim and acknowledge together, which costs the node as much as for one.
        """
        ahead = self.prefetch.ahead(self._fit)
        if self._in_hand > self._fit + ahead // 2:
            return
        while self._outside and self._in_hand < self._fit + ahead:
            waiter = self._outside.popleft()
            if not waiter.done():
                waiter.set_result(None)
                self._in_hand += 1

    def _hand_on(self, process: PoolProcess) -> None:
        while self._line:
            waiter = self._line.popleft()
            if not waiter.process.done():
                waiter.process.set_result(process)
                return
        self._idle.append(process)

    def _fit_out(self, process: PoolProcess | None) -> None:
        """Get a slot its next process, beside all else."""

        async def fit_out() -> None:
            fit = await self._slots.ready(process)
            self._fit += 1
            self._hand_on(fit)
            self._let_in()

        fitting = self._group.create_task(fit_out(), name="fit out a slot")
        self._fittings.add(fitting)
        fitting.add_done_callback(self._fittings.discard)


@dataclass(slots=True)
class _Waiter:
    """Of a job in line."""

    process: Future[PoolProcess]
    late: Callable[[], object]
    until: float
    """When `late` is called, by the loop's clock; infinite once it was."""


class SlotTicket:
    """One job's ticket; `over` at the end of the block, or before."""

    def __init__(self, slot_line: SlotLine, *, clock: Clock) -> None:
        self._slot_line = slot_line
        self._clock = clock
        self._entered = self._ahead = False
        self._since: float | None = None
        """When a process came; from then on this ticket has one to give back."""
        self._process: PoolProcess | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.over()

    async def enter(self) -> None:
        """Wait until one more job may be in hand."""
        self._ahead = await self._slot_line.enter()
        self._entered = True

    def wait_s(self, idle_s: float) -> float:
        """How long to wait for an id where an idle one waits so long.

        Ahead of the slots only for what is there at once: what comes later may find them all busy.
        """
        return 2 * AT_ONCE_S if self._ahead else idle_s

    @property
    def may_look(self) -> bool:
        """Whether the store may be asked for a job, where no id came."""
        return not self._ahead and self._slot_line.look_due()

    def nothing_waits(self) -> None:
        """Note that the store was asked, and nothing waits."""
        self._slot_line.nothing_waits()

    def failed(self) -> None:
        """Note that store or queue are away: who is ahead of the slots leaves, the others pause.

        Else so many would pause in hand that the slots had to wait for most of them.
        """
        self._slot_line.prefetch.stumbled()
        if self._ahead:
            self.over()

    async def wait_for_process(self, *, fresh: bool, late: Callable[[], object]) -> PoolProcess:
        """Wait in line for a process to run in; `late` is called once that takes too long.

        Args:
            fresh: whether it must not have run anything yet.
        """
        process = await self._slot_line.wait_for_process(late=late)
        # Not ours before it is ready: if we are cancelled meanwhile it may be on its way out.
        self._since = self._clock.monotonic()
        self._process = await self._slot_line.ready(process, fresh=fresh)
        return self._process

    def over(self) -> None:
        """Let others have what this ticket had."""
        if self._since is not None:
            self._slot_line.prefetch.ran(for_s=self._clock.monotonic() - self._since)
            self._slot_line.give_back(self._process)
        if self._entered:
            self._slot_line.leave()
        self._since, self._entered = None, False
