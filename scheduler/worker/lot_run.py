"""One run of several short jobs: sent to a process together, so that they share its cost.

    waiting ─▶ a process ─▶ sent as a lot ─▶ ended, settled together
       ▲                         │
       └── not begun ◀───────────┴─▶ one that is still running goes on alone

A lot ends early where one of its jobs must be dealt with by itself: its abort was requested, it is
stopped, it prints, its process dies, or it takes longer than expected. Those that have not begun
then wait for the next process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from scheduler.basics.wait import Wait
from scheduler.core.handler import HandlerOptions
from scheduler.core.job import NOTHING_RAN, Outcome, Stopped, StopReason
from scheduler.processes.lot import Lot
from scheduler.processes.pool_process import PoolProcess
from scheduler.worker.attempt import Attempt
from scheduler.worker.claiming import Claimed
from scheduler.worker.drain import Drain
from scheduler.worker.slot_line import PATIENCE_S, SlotTicket


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """A claimed job with its attempt."""

    claimed: Claimed
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Ways:
    """What becomes of the jobs of a run."""

    room: Callable[[PoolProcess, str], int]
    share_processes: bool
    knows: Callable[[HandlerOptions], bool]
    settle: Callable[[Sequence[tuple[Member, Outcome]]], Coroutine[Any, Any, None]]
    run_alone: Callable[[Member, SlotTicket], Coroutine[Any, Any, None]]
    """It has not begun."""
    run_on: Callable[[Sequence[Member], PoolProcess, SlotTicket], Coroutine[Any, Any, None]]
    """At most one of them is still running, and no other job begins in this process."""


class LotRun:
    """Runs the jobs of several claims."""

    def __init__(
        self,
        members: Sequence[Member],
        ticket: SlotTicket,
        *,
        ways: Ways,
        drain: Drain,
        tasks: asyncio.TaskGroup,
    ) -> None:
        """Collaborators.

        Args:
            ticket: for all of them.
            tasks: runs what others than the slot wait for.
        """
        self._ticket = ticket
        self._ways = ways
        self._drain = drain
        self._tasks = tasks
        self._changed = asyncio.Event()
        self._waiting = list(members)
        """Those that have not begun."""
        for member in members:
            member.claimed.local_job.begin(member.attempt, look=partial(self._hint, member))

    async def run(self) -> None:
        """Run until each job has ended, or goes on alone."""
        while await self._part():
            process = await self._process()
            if process is None or not await self._part() or not await self._send(process):
                self._ticket.ran(0)

    def _hint(self, member: Member) -> None:
        """An abort may have been requested: this job must be watched."""
        if member in self._waiting:
            self._waiting.remove(member)
            self._begin_alone(member)
        else:
            member.attempt.leave_lot()

    async def _part(self) -> bool:
        """Part with those that must not begin, or not together; whether any are left."""
        waiting, self._waiting = self._waiting, []
        stopped: list[tuple[Member, Outcome]] = []
        for member in waiting:
            if (reason := self._stopped(member)) is not None:
                stopped.append((member, Stopped(reason, NOTHING_RAN)))
            elif member.claimed.local_job.hinted:
                self._begin_alone(member)
            else:
                self._waiting.append(member)
        self._ticket.keep(len(self._waiting))
        if stopped:
            await self._ways.settle(stopped)
        return bool(self._waiting)

    def _stopped(self, member: Member) -> StopReason | None:
        if not member.claimed.lease_unbroken():
            return StopReason.LEASE_LOST
        if self._drain.begun or not self._ways.knows(member.attempt.options):
            return StopReason.DRAIN
        return member.attempt.stopped

    async def _process(self) -> PoolProcess | None:
        """Wait in line for a process. A drain, or too long a wait, gives the jobs back instead."""

        def give_back() -> None:
            for member in self._waiting:
                member.attempt.stop(StopReason.DRAIN)
            wait.end()

        with Wait() as wait, self._drain.interrupting(give_back):
            return await self._ticket.wait_for_process(self._uid, fresh=False, late=give_back)
        return None

    @property
    def _uid(self) -> str:
        """Whose job is the next one."""
        return self._waiting[0].attempt.claim.uid

    def _take_fitting(self, process: PoolProcess) -> Sequence[Member]:
        """Those that wait no longer: they may be sent together, and there is room for them."""
        room = self._ways.room(process, self._uid)
        if not self._ways.share_processes:
            own = [each for each in self._waiting if each.attempt.claim.uid == self._uid]
            room = min(room, len(own))
            self._waiting = [*own, *(each for each in self._waiting if each not in own)]
        taken, self._waiting = self._waiting[:room], self._waiting[room:]
        return taken

    async def _send(self, process: PoolProcess) -> bool:
        """Send those that fit, and see to those that begin; false where there is no room."""
        sent = self._take_fitting(process)
        if not sent:
            return False
        attempts = [member.attempt for member in sent]
        frames = [attempt.frame() for attempt in attempts]
        lot = process.begin(frames, attempts, on_change=self._changed.set)
        for attempt in attempts:
            attempt.send_in(lot)
        known, odd = 0, list[Member]()
        with _taken_back_in_time(lot), self._drain.interrupting(lot.take_back):
            while not (lot.over or (lot.closed and lot.begun - lot.ended == 1)):
                await self._changed.wait()
                self._changed.clear()
                if not lot.over:
                    ended, others = _by_end(sent[known : lot.ended])
                    self._settle_soon(ended)
                    known, odd = lot.ended, [*odd, *others]
        for attempt in attempts:
            attempt.send_in(None)
        self._waiting = [*sent[lot.begun :], *self._waiting]
        await self._part_with([*odd, *sent[known : lot.begun]], process, ran=lot.begun)
        return True

    async def _part_with(self, rest: Sequence[Member], process: PoolProcess, *, ran: int) -> None:
        """Settle those of the rest that have ended. The last may go on, or have broken its process.

        Args:
            ran: how many began, with those that are settled already.
        """
        ended, others = _by_end(rest)
        if others:
            ticket = self._ticket.hand_over(len(others))
            name = f"run {others[0].claimed.claim.id} on"
            self._tasks.create_task(self._ways.run_on(others, process, ticket), name=name)
        self._ticket.ran(ran)
        self._ticket.keep(len(self._waiting))
        if self._waiting:
            self._settle_soon(ended)
        elif ended:
            await self._settle(ended)

    def _settle_soon(self, ended: Sequence[Member]) -> None:
        if ended:
            name = f"settle {ended[0].claimed.claim.id} and others"
            self._tasks.create_task(self._settle(ended), name=name)

    async def _settle(self, ended: Sequence[Member]) -> None:
        for member in ended:
            await member.attempt.kept()
        outcomes = ((member, member.attempt.clean_end) for member in ended)
        await self._ways.settle([(member, end) for member, end in outcomes if end is not None])

    def _begin_alone(self, member: Member) -> None:
        ticket = self._ticket.split()
        name = f"run {member.claimed.claim.id}"
        self._tasks.create_task(self._ways.run_alone(member, ticket), name=name)


def _by_end(members: Sequence[Member]) -> tuple[Sequence[Member], Sequence[Member]]:
    """Those that have ended and left their process as it was, and all others."""
    ended = [member for member in members if member.attempt.clean_end is not None]
    return ended, [member for member in members if member.attempt.clean_end is None]


@contextmanager
def _taken_back_in_time(lot: Lot) -> Iterator[None]:
    """Have no further job begin where those before it took longer than expected."""
    timer = asyncio.get_running_loop().call_later(PATIENCE_S, lot.take_back)
    try:
        yield
    finally:
        timer.cancel()
