"""Execution: from a claim to its settlement, by an attempt under an abort watcher.

claim ─▶ wait for a slot ─▶ run the handler, watched for an abort ─▶ free the slot ─▶ settle
"""

from __future__ import annotations

import asyncio
import signal
from contextlib import nullcontext
from functools import partial
from typing import Final

from scheduler.core.handler import HandlerOptions
from scheduler.core.job import (
    NOTHING_RAN,
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
from scheduler.worker.settling import Settling
from scheduler.worker.slot_line import SlotTicket
from scheduler.worker.unkillable import UnkillableProcesses

KILLED_BY_WARDEN: Final = Death(signal="SIGKILL", processes=1, survivors=0)
ENDED_BY_ITSELF: Final = Death(signal=None, processes=1, survivors=0)
STOPS: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
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
        node_url: str,
    ) -> None:
        self._slots = slots
        self._settling = settling
        self._unkillable = unkillable
        self._watchers = watchers
        self._job_log_writer = job_log_writer
        self._job_events = job_events
        self._drain = drain
        self._grace_s = grace_s
        self._node_url = node_url

    async def execute(
        self, claimed: Claimed, ticket: SlotTicket, *, group: asyncio.TaskGroup
    ) -> None:
        """Run the job of a claim and settle it.

        Args:
            group: the worker's; runs the tasks of the attempt, which end with the worker.
        """
        claim = claimed.claim
        self._job_events.claimed(claim)
        options = self._slots.tasks.get(claim.task)
        if options is None:
            ticket.done()
            await self._settling.settle_unknown(claim)
            return
        attempt = self._attempt(claimed, options, group)
        watcher = self._watchers.of(attempt, group)
        claimed.local_job.begin(attempt, look=watcher.hint)
        # A clean-up cannot be aborted.
        with watcher if claim.purpose is Purpose.RUN else nullcontext():
            outcome = await self._outcome(attempt, claimed, ticket)
        ticket.done()
        if attempt.survivors and isinstance(outcome, Stopped):
            self._unkillable.watch(attempt, outcome, release=claimed.local_job.keep())
        else:
            await self._settling.settle(claim, outcome, attempt.progress)

    async def _outcome(self, attempt: Attempt, claimed: Claimed, ticket: SlotTicket) -> Outcome:
        """Run the attempt, unless lease or drain forbid it to begin."""
        if not claimed.lease_unbroken():
            return Stopped(StopReason.LEASE_LOST, NOTHING_RAN)
        if self._drain.begun:  # its `stop_all` may be over already, and would miss this attempt
            return Stopped(StopReason.DRAIN, NOTHING_RAN)
        outcome = await attempt.run(self._process(attempt, claimed, ticket))
        if isinstance(outcome, Crashed) and not claimed.lease_unbroken():
            # The warden ended the process, because this node itself did not act in time.
            return Stopped(StopReason.LEASE_LOST, KILLED_BY_WARDEN)
        if self._drain.begun and _stopped_with_its_node(attempt, outcome):
            self._job_events.failed_in_drain(claimed.claim)
            return Stopped(StopReason.DRAIN, ENDED_BY_ITSELF)
        return outcome

    async def _process(self, attempt: Attempt, claimed: Claimed, ticket: SlotTicket) -> PoolProcess:
        """Wait in line for a process. A drain, or too long a wait, gives the job back instead."""
        # A clean-up gets a fresh process: the job's own code may have broken the one it ran in.
        fresh = claimed.claim.purpose is Purpose.CLEAN
        give_back = partial(attempt.stop, StopReason.DRAIN)
        with self._drain.interrupting(give_back):
            process = await ticket.wait_for_process(fresh=fresh, late=give_back)
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
            node_url=self._node_url,
            time_limit_s=options.timeout_s or (CLEANUP_LIMIT_S if clean else None),
            keep_notification=self._settling.keep_notification,
            on_output=self._job_log_writer.write,
            job_events=self._job_events,
        )


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
