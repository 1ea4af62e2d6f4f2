"""How claims end in the store.

    settling      writes outcomes, and tries again until the store takes them
    unkillable    waits for processes that outlived SIGKILL, and settles their job then
    lost_claims   gives back jobs that the node owns without knowing

`build_settlements` puts it together, for nodes and for tests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from scheduler.core.ports.clock import Clock
from scheduler.core.ports.queue import Queue
from scheduler.core.ports.store import Store
from scheduler.telemetry.job_events import JobEvents
from scheduler.worker.job_logs.writer import JobLogWriter
from scheduler.worker.lease import Lease
from scheduler.worker.local_jobs import LocalJobs
from scheduler.worker.settlements.lost_claims import LostClaims
from scheduler.worker.settlements.settling import Settling
from scheduler.worker.settlements.unkillable import UnkillableProcesses


@dataclass(frozen=True, kw_only=True)
class Settlements:
    """The parts that write how claims end: at once or later."""

    job_log_writer: JobLogWriter
    settling: Settling
    unkillable: UnkillableProcesses
    lost_claims: LostClaims


def build_settlements(
    group: asyncio.TaskGroup,
    *,
    store: Store,
    queue: Queue,
    clock: Clock,
    random: Random,
    lease: Lease,
    local_jobs: LocalJobs,
    job_events: JobEvents,
    on_call_due: Callable[[], None],
    on_held: Callable[[], None],
    cleanup_tries: int,
    unknown_wait_s: float = 0.0,
) -> Settlements:
    """Build the parts that write how the claims of the lease's node end.

    Args:
        group: runs the tasks of `unkillable`.
        on_call_due: called when a call of a hook may be due.
        on_held: called when a held job may be let go soon: a time was stored, or a limited job has
            ended.
        cleanup_tries: how often a clean-up is tried that fails.
        unknown_wait_s: how long a job waits whose handler no node knows.
    """
    job_log_writer = JobLogWriter(store=store, queue=queue, clock=clock)
    settling = Settling(
        store=store,
        queue=queue,
        clock=clock,
        random=random,
        job_log_writer=job_log_writer,
        job_events=job_events,
        on_call_due=on_call_due,
        on_held=on_held,
        cleanup_tries=cleanup_tries,
        unknown_wait_s=unknown_wait_s,
    )
    return Settlements(
        job_log_writer=job_log_writer,
        settling=settling,
        unkillable=UnkillableProcesses(
            store=store, clock=clock, random=random, settling=settling, group=group
        ),
        lost_claims=LostClaims(
            store=store, clock=clock, lease=lease, local_jobs=local_jobs, settling=settling
        ),
    )
