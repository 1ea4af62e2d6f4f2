"""The node's work on jobs: claims them, runs them in pool processes, stops and settles them.

    workers ─▶ claiming ─▶ execution ─▶ attempt ─▶ (processes)   a job's way, from left to right
                  │            │  └─ abort_watcher               stops the attempt
                  │            └─ settlements/                   writes the outcome, now or later
                  └─ slot_line, prefetch                         how many are claimed, which is next

    from_store/   claims jobs, and finds one where no id comes
    direct_starts a job that is stored while a worker idles skips the queue
    lease         proof that the node lives and may run jobs
    local_jobs    the jobs that it claims, runs or settles now
    drain         ends its work
    node_api      how handlers reach the API of the node
    intervals     the times that the configuration sets
    job_logs/     what jobs print, into the store

`build_workers` puts it together, for nodes and for tests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from random import Random
from typing import Final

from scheduler.core.change import progressed
from scheduler.core.errors import Unavailable
from scheduler.core.job import Node
from scheduler.core.places.labels import Place
from scheduler.core.policy import idle_s
from scheduler.core.ports.clock import Clock
from scheduler.core.ports.queue import BusyMax, Queue, nothing_kept
from scheduler.core.ports.store import ClaimedWithin, Store
from scheduler.core.quotas.quota import UNLIMITED, Quotas
from scheduler.core.tasks import Tasks
from scheduler.processes.slots import Slots
from scheduler.service.pauses import PauseService
from scheduler.telemetry.job_events import JobEvents
from scheduler.worker.abort_watcher import AbortWatchers
from scheduler.worker.claiming import Claiming
from scheduler.worker.direct_starts import DirectStarts
from scheduler.worker.drain import Drain
from scheduler.worker.execution import Execution
from scheduler.worker.from_store.claims import ClaimJobs, Claims
from scheduler.worker.from_store.limited import LimitedClaims
from scheduler.worker.from_store.store_look import StoreLook
from scheduler.worker.intervals import Intervals
from scheduler.worker.lease import Lease
from scheduler.worker.local_jobs import LocalJobs
from scheduler.worker.node_api import NodeApi
from scheduler.worker.settlements import Settlements
from scheduler.worker.slot_line import SlotLine
from scheduler.worker.workers import Workers

REPORT_EVERY_S: Final = 0.5
"""How often progress is written: often enough to watch it, seldom enough to cost little."""


def build_workers(
    group: asyncio.TaskGroup,
    settlements: Settlements,
    *,
    store: Store,
    queue: Queue,
    clock: Clock,
    random: Random,
    slots: Slots,
    lease: Lease,
    local_jobs: LocalJobs,
    direct_starts: DirectStarts,
    job_events: JobEvents,
    intervals: Intervals,
    node_api: NodeApi,
    quotas: Quotas = UNLIMITED,
    busy_max: BusyMax = nothing_kept,
    pauses: PauseService,
) -> Workers:
    """Build the workers of the lease's node; the caller runs them, and closes them at the end.

    Args:
        group: runs the tasks of the line for slots; it must outlive the workers.
        quotas, busy_max: see `Quotas.share_of` and `BusyMax`.
        pauses: what the node knows of them; it runs meanwhile.
    """
    drain = Drain()
    slot_line = SlotLine(slots, number=lease.node.workers, clock=clock, group=group)
    claiming = Claiming(
        claims=_claims(quotas, store, queue, clock, lease, pauses, slots.tasks),
        queue=queue,
        clock=clock,
        lease=lease,
        local_jobs=local_jobs,
        slot_line=slot_line,
        direct_starts=direct_starts,
        drain=drain,
        store_look=_store_look(quotas, busy_max, store, clock, pauses, lease.node),
        idle_s=partial(idle_s, window_s=intervals.idle_window_s, random=random),
    )
    execution = Execution(
        slots=slots,
        settling=settlements.settling,
        unkillable=settlements.unkillable,
        watchers=AbortWatchers(store=store, queue=queue, intervals=intervals),
        job_log_writer=settlements.job_log_writer,
        job_events=job_events,
        drain=drain,
        grace_s=intervals.grace_s,
        node_api=node_api,
    )
    return Workers(
        lease.node.workers,
        claiming=claiming,
        execution=execution,
        slot_line=slot_line,
        drain=drain,
        clock=clock,
        random=random,
    )


def _claims(
    quotas: Quotas,
    store: Store,
    queue: Queue,
    clock: Clock,
    lease: Lease,
    pauses: PauseService,
    tasks: Tasks,
) -> Claims:
    return Claims(
        _claiming_within(quotas, store),
        store=store,
        queue=queue,
        clock=clock,
        lease=lease,
        pauses=pauses,
        limited=LimitedClaims(store=store, tasks=tasks, quotas=quotas),
    )


def _store_look(
    quotas: Quotas,
    busy_max: BusyMax,
    store: Store,
    clock: Clock,
    pauses: PauseService,
    node: Node,
) -> StoreLook:
    return StoreLook(
        store=store,
        clock=clock,
        share_of=quotas.share_of,
        busy_max=busy_max,
        place=Place(node.labels, node.only),
        pauses=pauses,
    )


def _claiming_within(quotas: Quotas, store: Store) -> ClaimJobs:
    """How jobs are claimed; where no quota limits how many run, nothing needs to be counted."""

    async def claim(
        job_ids: Sequence[str], *, node_id: str, at: datetime, but_tasks: Sequence[str]
    ) -> ClaimedWithin:
        claims = await store.claim(job_ids, node_id=node_id, at=at, but_tasks=but_tasks)
        return ClaimedWithin(claims)

    return partial(store.claim_within, quotas=quotas) if quotas.running_max else claim


async def receive_aborts(queue: Queue, local_jobs: LocalJobs) -> None:
    """Wake the abort watcher of each job whose abort is announced to this node, for ever."""
    async for job_id in queue.aborts():
        local_jobs.hint(job_id)


async def report_progress(store: Store, queue: Queue, local_jobs: LocalJobs) -> None:
    """Write the progress of running jobs to the store and announce it, for ever."""
    while True:
        await asyncio.sleep(REPORT_EVERY_S)
        with suppress(Unavailable):
            if fresh := local_jobs.new_progress():
                await store.report({(claim.id, claim.token): made for claim, made in fresh})
                queue.announce([progressed(*each) for each in fresh])
