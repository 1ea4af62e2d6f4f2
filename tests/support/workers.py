"""The workers of a node in this process, on fake slots: a test can hold each step of a job.

The workers see store and queue through gates, and the service the store through another one. Time
passes only when a test lets it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from random import Random
from typing import Any, cast

from scheduler.basics.clock import new_id
from scheduler.core.access.principal import EVERYBODY
from scheduler.core.errors import QueueUnavailable, StoreUnavailable
from scheduler.core.handler import HandlerOptions
from scheduler.core.job import Job, JobRequest, JsonText, Node, StopReason
from scheduler.core.ports.store import Store
from scheduler.core.quotas.quota import UNLIMITED, Quotas
from scheduler.core.retries.declaration import Retry
from scheduler.core.tasks import Tasks
from scheduler.processes.slots import Slots
from scheduler.service.change_feed import ChangeFeed
from scheduler.service.job_looks import JobLooks
from scheduler.service.pauses import PauseService
from scheduler.service.service import Service
from scheduler.worker import build_workers
from scheduler.worker.direct_starts import DirectStarts
from scheduler.worker.intervals import Intervals
from scheduler.worker.lease import Lease
from scheduler.worker.local_jobs import LocalJobs
from scheduler.worker.node_api import NodeApi
from scheduler.worker.settlements import build_settlements
from tests.fakes import AT, FakeClock, MemoryQueue
from tests.fakes.slots import FakeProcess, FakeSlots
from tests.support.eventually import eventually
from tests.support.gate import Gate, Trouble
from tests.support.job_events import Counting

NEVER_S = 1_000_000.0
"""For what must never happen by time, however far a test advances the clock."""
IDLE_S = 1_000.0
"""For what a test may cause by advancing the clock."""
END_S = 5.0
"""How long a drained worker without jobs may take to end."""


LEASE_S = NEVER_S
STILL = Intervals(idle_window_s=IDLE_S, first_look_s=NEVER_S, longest_look_s=NEVER_S, grace_s=0)
"""Intervals with which a worker does nothing by itself."""
NODE = Node(id="a", name="a", version="1", workers=1, tasks=(), running=0, beat=0, started_at=AT)


CLEANUP_TRIES = 3
TASKS = Tasks(
    {
        "task1": HandlerOptions(name="task1"),
        "undoable": HandlerOptions(name="undoable", undoable=True),
        "retried": HandlerOptions(name="retried", undoable=True, retry=Retry(3, backoff_s=60).rule),
    },
    loaded_at=AT,
)


class NodeUnderTest:
    """A node with one worker, and all it needs."""

    def __init__(
        self,
        behind: Store,
        group: asyncio.TaskGroup,
        *,
        queue: MemoryQueue | None = None,
        clock: FakeClock | None = None,
        slots: FakeSlots | None = None,
        record: Node = NODE,
        lease_s: float = LEASE_S,
        intervals: Intervals = STILL,
        trouble: Trouble | None = None,
        quotas: Quotas = UNLIMITED,
    ) -> None:
        self.behind = behind
        self.store = Gate(behind, trouble=trouble, error=StoreUnavailable)
        self.queue = queue or MemoryQueue()
        self.gated_queue = Gate(self.queue, trouble=trouble, error=QueueUnavailable)
        self.clock = clock or FakeClock()
        self.slots = slots or FakeSlots()
        self.slots.tasks = TASKS
        self.local_jobs = LocalJobs()
        self.job_events = Counting(self.clock)
        store, queue = cast("Any", self.store), cast("Any", self.gated_queue)
        self.lease = Lease(
            record,
            store=store,
            clock=self.clock,
            lease_s=lease_s,
            running=lambda: len(self.local_jobs),
            on_abort_requested=self.local_jobs.hint,
            on_held=lambda _: None,
            on_lost=self.on_lease_lost,
            calm=partial(asyncio.sleep, 0),
        )
        self.direct_starts = DirectStarts(
            lease=self.lease, local_jobs=self.local_jobs, quotas=quotas
        )
        self.insertion = Gate(behind, error=StoreUnavailable)
        """The store as the service sees it."""
        self.service = Service(
            store=cast("Any", self.insertion),
            queue=self.queue,
            change_feed=ChangeFeed(store=behind, queue=self.queue, clock=self.clock),
            looks=JobLooks(behind),
            clock=self.clock,
            new_id=new_id,
            tasks=TASKS,
            draining=asyncio.Event(),
            direct_start=self.direct_starts,
            job_events=self.job_events,
        )
        self.pauses = PauseService(
            store=store, clock=self.clock, node_name=record.name, nearer=self.service.nearer
        )
        random = Random(1)  # noqa: S311 - spreads backoffs
        settlements = build_settlements(
            group,
            store=store,
            queue=queue,
            clock=self.clock,
            random=random,
            lease=self.lease,
            local_jobs=self.local_jobs,
            job_events=self.job_events,
            on_call_due=lambda: None,
            on_held=self.service.look_for_held,
            cleanup_tries=CLEANUP_TRIES,
        )
        self.settling, self.lost_claims = settlements.settling, settlements.lost_claims
        self.unkillable = settlements.unkillable
        self.workers = build_workers(
            group,
            settlements,
            store=store,
            queue=queue,
            clock=self.clock,
            random=random,
            slots=cast("Slots", self.slots),
            lease=self.lease,
            local_jobs=self.local_jobs,
            direct_starts=self.direct_starts,
            job_events=self.job_events,
            intervals=intervals,
            node_api=NodeApi("http://127.0.0.1:8000"),
            quotas=quotas,
            pauses=self.pauses,
        )
        self.slot_line = self.workers.slot_line

    def on_lease_lost(self) -> None:
        """Do nothing: a test ends the processes itself."""

    async def submit(self, task: str = "task1", *, uid: str = "u1") -> str:
        """Submit a job; its id."""
        inserted = await self.service.submit(
            EVERYBODY, [JobRequest(uid=uid, task=task, data=JsonText("null"), hook=None)]
        )
        return inserted.jobs[0].id

    async def idles(self) -> None:
        """Wait until a worker has waited in vain: the next job begins directly."""
        await eventually(self.direct_starts.waiting, saying="a worker waits for an id")

    async def abort(self, job_id: str) -> Job:
        """Request the abort of a job, and give its node the hint."""
        job = await self.service.abort(EVERYBODY, "u1", job_id)
        self.local_jobs.hint(job_id)
        return job

    async def job(self, job_id: str) -> Job:
        job = await self.behind.get(job_id)
        assert job is not None
        return job

    async def becomes(self, job_id: str, status: str) -> Job:
        """Wait until a job has a status, while time passes."""

        async def arrived() -> bool:
            return (await self.job(job_id)).status == status

        await self.clock.pass_until(arrived, saying=f"{job_id} is {status}")
        return await self.job(job_id)

    async def running(self) -> FakeProcess:
        """Wait until a job runs, while time passes; its process."""

        def busy() -> list[FakeProcess]:
            return [process for process in self.slots.given if process.begun.is_set()]

        await self.clock.pass_until(busy, saying="a job runs")
        return busy()[0]

    async def idle(self) -> None:
        """Wait until the worker has nothing left to do for any job."""
        await eventually(lambda: not self.local_jobs.tracked, saying="the worker is idle")


@asynccontextmanager
async def at_work(store: Store, *, quotas: Quotas = UNLIMITED) -> AsyncIterator[NodeUnderTest]:
    """A node whose worker runs during the block, and is drained at its end."""
    async with asyncio.TaskGroup() as group:
        workers = NodeUnderTest(store, group, quotas=quotas)
        await workers.lease.begin()
        working = group.create_task(workers.workers.run(), name="workers")
        yield workers
        workers.workers.drain()
        workers.local_jobs.stop_all(StopReason.DRAIN)
        await asyncio.wait({working}, timeout=END_S)
        workers.workers.close()
        workers.unkillable.give_up()
        working.cancel()  # a test that failed may have left it held at a gate
