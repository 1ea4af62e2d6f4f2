"""A node's worker in this process, on fake slots: each instant of a job's life can be held.

Store and queue are behind gates for the worker, not for the service that the tests call. Nothing
happens by time but what a test lets pass.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any, NamedTuple, cast

from scheduler.basics.clock import new_id
from scheduler.core.errors import QueueUnavailable, StoreUnavailable
from scheduler.core.handler import HandlerOptions
from scheduler.core.job import Job, JsonText, Node, StopReason
from scheduler.core.ports.store import Store
from scheduler.processes.slots import Slots
from scheduler.service.change_feed import ChangeFeed
from scheduler.service.service import Service, Submission
from scheduler.worker.job_log_writer import JobLogWriter
from scheduler.worker.lease import Lease
from scheduler.worker.local_jobs import LocalJobs
from scheduler.worker.lost_claims import LostClaims
from scheduler.worker.settling import Settling
from scheduler.worker.slot_line import SlotLine
from scheduler.worker.unkillable import UnkillableProcesses
from scheduler.worker.worker import Worker
from tests.fakes import AT, FakeClock, MemoryQueue
from tests.fakes.slots import FakeProcess, FakeSlots
from tests.support.eventually import eventually
from tests.support.gate import Gate, Trouble
from tests.support.job_events import Counting

NEVER_S = 1_000_000.0
"""For what must not happen by time, however far a test advances the clock."""
IDLE_S = 1_000.0
"""For what a test may bring about by advancing the clock."""
END_S = 5.0
"""For a worker to end that is drained and has nothing left to do."""


class Intervals(NamedTuple):
    """How fast a workers does by itself what a test may bring about at once."""

    lease_s: float
    idle_s: float
    look_s: float


STILL = Intervals(lease_s=NEVER_S, idle_s=IDLE_S, look_s=NEVER_S)
NODE = Node(id="a", name="a", version="1", workers=1, tasks=(), running=0, beat=0, started_at=AT)


TASKS = {
    "task1": HandlerOptions(name="task1"),
    "undoable": HandlerOptions(name="undoable", undoable=True),
}


class NodeUnderTest:
    """One worker, with all it needs."""

    def __init__(
        self,
        behind: Store,
        group: asyncio.TaskGroup,
        *,
        queue: MemoryQueue | None = None,
        clock: FakeClock | None = None,
        slots: FakeSlots | None = None,
        record: Node = NODE,
        intervals: Intervals = STILL,
        trouble: Trouble | None = None,
    ) -> None:
        self.behind = behind
        self.store = Gate(behind, trouble=trouble, error=StoreUnavailable)
        self.queue = queue or MemoryQueue()
        self.gated_queue = Gate(self.queue, trouble=trouble, error=QueueUnavailable)
        self.clock = clock or FakeClock()
        self.slots = slots or FakeSlots()
        self.local_jobs = LocalJobs()
        self.job_events = Counting(self.clock)
        random = Random(1)  # noqa: S311 - spreads backoffs
        store, queue = cast("Any", self.store), cast("Any", self.gated_queue)
        self.job_log_writer = JobLogWriter(store=store, queue=queue, clock=self.clock)
        self.settling = Settling(
            store=store,
            queue=queue,
            clock=self.clock,
            random=random,
            job_log_writer=self.job_log_writer,
            job_events=self.job_events,
            on_call_due=lambda: None,
        )
        self.lease = Lease(
            record,
            store=store,
            clock=self.clock,
            lease_s=intervals.lease_s,
            running=lambda: len(self.local_jobs),
            on_abort_requested=self.local_jobs.hint,
            on_held=lambda _: None,
            on_lost=self.on_lease_lost,
        )
        self.lost_claims = LostClaims(
            store=store,
            clock=self.clock,
            local_jobs=self.local_jobs,
            settling=self.settling,
            node_id=record.id,
        )
        self.service = Service(
            store=behind,
            queue=self.queue,
            change_feed=ChangeFeed(store=behind, queue=self.queue, clock=self.clock),
            clock=self.clock,
            new_id=new_id,
            tasks=TASKS,
            draining=asyncio.Event(),
            job_events=self.job_events,
        )
        self.slot_line = SlotLine(
            cast("Slots", self.slots), number=record.workers, clock=self.clock, group=group
        )
        self.unkillable = UnkillableProcesses(
            store=store,
            clock=self.clock,
            random=random,
            settling=self.settling,
            group=group,
        )
        self.worker = Worker(
            store=store,
            queue=queue,
            clock=self.clock,
            random=random,
            slots=cast("Slots", self.slots),
            slot_line=self.slot_line,
            lease=self.lease,
            local_jobs=self.local_jobs,
            settling=self.settling,
            unkillable=self.unkillable,
            tasks=TASKS,
            node_id=record.id,
            job_events=self.job_events,
            hear=self.job_log_writer.hear,
            idle_window_s=intervals.idle_s,
            first_look_s=intervals.look_s,
            longest_look_s=intervals.look_s,
            grace_s=0,
        )

    def on_lease_lost(self) -> None:
        """Nothing ends by itself: a test says how."""

    async def submit(self, task: str = "task1") -> str:
        """Submit a job; its id."""
        inserted = await self.service.submit(
            [Submission(uid="u1", task=task, data=JsonText("null"), hook=None)]
        )
        return inserted.jobs[0].id

    async def abort(self, job_id: str) -> Job:
        """Ask that a job end, and have its node hear of it."""
        job = await self.service.abort("u1", job_id)
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
        """The process in which a job runs now, once one does, while time passes."""

        def busy() -> list[FakeProcess]:
            return [process for process in self.slots.given if process.begun.is_set()]

        await self.clock.pass_until(busy, saying="a job runs")
        return busy()[0]

    async def idle(self) -> None:
        """Wait until the worker has nothing left to do for any job."""
        await eventually(lambda: not self.local_jobs.expected, saying="the worker is idle")


@asynccontextmanager
async def at_work(store: Store) -> AsyncIterator[NodeUnderTest]:
    """A workers that works on a store, and is drained at the end."""
    async with asyncio.TaskGroup() as group:
        workers = NodeUnderTest(store, group)
        await workers.lease.begin()
        working = group.create_task(workers.worker.run(), name="worker")
        yield workers
        workers.worker.drain()
        workers.local_jobs.stop_all(StopReason.DRAIN)
        await asyncio.wait({working}, timeout=END_S)
        workers.slot_line.close()
        workers.unkillable.give_up()
        working.cancel()  # a test that failed may have left it held at a gate
