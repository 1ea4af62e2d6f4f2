"""Execution: from a claim to its settlement, by an attempt under an abort watcher.

claim ─▶ wait for a slot ─▶ run the handler, watched for an abort ─▶ free the slot ─▶ settle
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Final

from scheduler.core.handler import HandlerOptions
from scheduler.core.job import (
    ENDED_BY_ITSELF,
    NOTHING_RAN,
    Claim,
    Crashed,
    Death,
    Outcome,
    Purpose,
    Raised,
    Stopped,
    StopReason,
)
from scheduler.processes.pool_process import PoolProcess
from scheduler.processes.slots import Slots
from scheduler.telemetry.job_events import JobEvents
from scheduler.worker.abort_watcher import AbortWatchers
from scheduler.worker.attempt import Attempt
from scheduler.worker.claiming import Claimed
from scheduler.worker.drain import Drain
from scheduler.worker.job_logs.writer import JobLogWriter
from scheduler.worker.lot_run import LotRun, Member, Ways
from scheduler.worker.node_api import NodeApi
from scheduler.worker.settlements.settling import Settling
from scheduler.worker.settlements.unkillable import UnkillableProcesses
from scheduler.worker.slot_line import SlotTicket

KILLED_BY_WARDEN: Final = Death(signal="SIGKILL", processes=1, survivors=0)
STOPS: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
SHARED_LIMIT_S: Final = 1.0
"""A job with a shorter time limit does not share a trip: its limit would begin up to 0.1 s late."""
SHARED_BYTES_MAX: Final = 16 * 1024
"""Nor does one with more data: then the trip costs less than the data."""
CLEANUP_LIMIT_S: Final = 60.0
"""Time limit of an `on_abort` whose handler has none: the user waits for the clean-up."""


class Execution:
    """Executes claims up to their settlement."""

    def __init__(
        self,
        *,
        slots: Slots,
        settling: Settling,
        unkillable: UnkillableProcesses,
        watchers: AbortWatchers,
        job_log_writer: JobLogWriter,
        job_events: JobEvents,
        drain: Drain,
        grace_s: float,
        node_api: NodeApi,
    ) -> None:
        self._slots = slots
        self._settling = settling
        self._unkillable = unkillable
        self._watchers = watchers
        self._job_log_writer = job_log_writer
        self._job_events = job_events
        self._drain = drain
        self._grace_s = grace_s
        self._node_api = node_api

    async def execute(
        self, lot: Sequence[Claimed], ticket: SlotTicket, *, group: asyncio.TaskGroup
    ) -> None:
        """Run the jobs of claims and settle them.

        Args:
            group: the worker's; runs the tasks of the attempts, which end with the worker.
        """
        self._job_events.claimed([claimed.claim for claimed in lot])
        members = [
            Member(claimed, self._attempt(claimed, options, group))
            for claimed in lot
            if (options := self._slots.tasks.get(claimed.claim.task)) is not None
        ]
        if len(lot) == len(members) == 1:
            await self._run_alone(members[0], ticket, group)
            return
        async with asyncio.TaskGroup() as tasks:
            for claimed in lot:
                if claimed.claim.task not in (known := self._slots.tasks):
                    name = f"settle {claimed.claim.id}"
                    end = self._settling.settle_unknown(claimed.claim, loaded_at=known.loaded_at)
                    tasks.create_task(end, name=name)
            ticket.keep(len(members))
            alone = [member for member in members if not _may_share(member)]
            for member in alone:
                run = self._run_alone(member, ticket.split(), group)
                tasks.create_task(run, name=f"run {member.claimed.claim.id}")
            shared = [member for member in members if member not in alone]
            if shared:
                await self._run_together(shared, ticket, tasks, group)

    async def _run_together(
        self,
        members: Sequence[Member],
        ticket: SlotTicket,
        tasks: asyncio.TaskGroup,
        group: asyncio.TaskGroup,
    ) -> None:
        ways = Ways(
            room=self._slots.room,
            share_processes=self._slots.share_processes,
            knows=self._slots.knows,
            settle=self._settle_all,
            run_alone=lambda member, own: self._run_alone(member, own, group),
            run_on=lambda others, process, own: self._run_on(others, process, own, group),
        )
        await LotRun(members, ticket, ways=ways, drain=self._drain, tasks=tasks).run()

    async def _run_alone(
        self, member: Member, ticket: SlotTicket, group: asyncio.TaskGroup
    ) -> None:
        with ticket, self._watched(member, group):
            outcome = await self._outcome(member, ticket)
        await self._settle(member, outcome)

    async def _run_on(
        self,
        members: Sequence[Member],
        process: PoolProcess,
        ticket: SlotTicket,
        group: asyncio.TaskGroup,
    ) -> None:
        """See jobs to their end that began in a lot; several if the process broke the protocol."""
        outcomes = []
        with ticket:
            for member in members:
                self._job_events.started(member.attempt.claim)
                with self._watched(member, group):
                    outcomes.append(await member.attempt.run_on(process))
            await process.idle()
        for member, outcome in zip(members, outcomes, strict=True):
            await self._settle(member, self._judged(member, outcome))

    @contextmanager
    def _watched(self, member: Member, group: asyncio.TaskGroup) -> Iterator[None]:
        """Watch for an abort in the block; a clean-up cannot be aborted."""
        watcher = self._watchers.of(member.attempt, group)
        member.claimed.local_job.begin(member.attempt, look=watcher.hint)
        with watcher if member.claimed.claim.purpose is Purpose.RUN else nullcontext():
            yield

    async def _settle(self, member: Member, outcome: Outcome) -> None:
        attempt = member.attempt
        if attempt.survivors and isinstance(outcome, Stopped):
            release = member.claimed.local_job.keep()
            self._unkillable.watch(attempt, outcome, release=release)
        else:
            await self._settling.settle(attempt.end(outcome))

    async def _settle_all(self, outcomes: Sequence[tuple[Member, Outcome]]) -> None:
        for member, _ in outcomes:
            if (ran_s := member.attempt.ran_s) is not None:
                self._job_events.ran(member.attempt.claim, for_s=ran_s)
        await self._settling.settle_runs(
            [member.attempt.end(self._judged(member, outcome)) for member, outcome in outcomes]
        )

    async def _outcome(self, member: Member, ticket: SlotTicket) -> Outcome:
        """Run an attempt, unless lease or drain forbid it to begin."""
        if not member.claimed.lease_unbroken():
            return Stopped(StopReason.LEASE_LOST, NOTHING_RAN)
        if self._drain.begun:  # its `stop_all` may be over already, and would miss this attempt
            return Stopped(StopReason.DRAIN, NOTHING_RAN)
        attempt = member.attempt
        outcome = await attempt.run(self._process(attempt, member.claimed, ticket))
        return self._judged(member, outcome)

    def _judged(self, member: Member, outcome: Outcome) -> Outcome:
        """The outcome, or what it was really where the job ended because its node does."""
        if isinstance(outcome, Crashed) and not member.claimed.lease_unbroken():
            # The warden ended the process, because this node itself did not act in time.
            return Stopped(StopReason.LEASE_LOST, KILLED_BY_WARDEN)
        if self._drain.begun and _stopped_with_its_node(member.attempt, outcome):
            self._job_events.failed_in_drain(member.attempt.claim)
            return Stopped(StopReason.DRAIN, ENDED_BY_ITSELF)
        return outcome

    async def _process(self, attempt: Attempt, claimed: Claimed, ticket: SlotTicket) -> PoolProcess:
        """Wait in line for a process. A drain, or too long a wait, gives the job back instead."""
        # A clean-up gets a fresh process: the job's own code may have broken the one it ran in.
        fresh = claimed.claim.purpose is Purpose.CLEAN
        give_back = partial(attempt.stop, StopReason.DRAIN)
        with self._drain.interrupting(give_back):
            uid = claimed.claim.uid
            process = await ticket.wait_for_process(uid, fresh=fresh, late=give_back)
        # The lease may have ended during the wait without being noticed yet. This call notices, and
        # then stops all that runs here, and this attempt with it.
        claimed.lease_unbroken()
        self._job_events.started(claimed.claim)
        return process

    def _attempt(
        self, claimed: Claimed, options: HandlerOptions, group: asyncio.TaskGroup
    ) -> Attempt:
        clean = claimed.claim.purpose is Purpose.CLEAN
        return Attempt(
            claimed.claim,
            group=group,
            slots=self._slots,
            options=options,
            node_grace_s=self._grace_s,
            node_api=self._node_api,
            time_limit_s=options.timeout_s or (CLEANUP_LIMIT_S if clean else None),
            keeper=self._settling,
            on_output=self._job_log_writer.write,
            job_events=self._job_events,
        )


def _may_share(member: Member) -> bool:
    """Whether others may wait for this job, and it for them."""
    claim, limit_s = member.claimed.claim, member.attempt.options.timeout_s
    return (
        claim.purpose is Purpose.RUN
        and (limit_s is None or limit_s >= SHARED_LIMIT_S)
        and len(claim.data) + _result_chars(claim) <= SHARED_BYTES_MAX
    )


def _result_chars(claim: Claim) -> int:
    """The length of what the job is given of its predecessors' results."""
    return sum(len(each["result"] or "") for each in claim.results) if claim.results else 0


def _stopped_with_its_node(attempt: Attempt, outcome: Outcome) -> bool:
    """Whether a job failed because all processes of a service get the signal that stops its node.

    The programs that it has started then end; its own process too, where it heeds such signals.
    """
    match outcome:
        case Raised():
            return attempt.signalled
        case Crashed(exit_status=int(status)):
            return -status in STOPS
        case _:
            return False
