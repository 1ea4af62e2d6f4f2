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
from scheduler.service.change_feed import Course
from scheduler.service.service import Service, Submission
from scheduler.worker.job_log_writer import Scribe
from scheduler.worker.lease import Lease
from scheduler.worker.local_jobs import Roster
from scheduler.worker.lost_claims import Strays
from scheduler.worker.settling import Settling
from scheduler.worker.slot_line import Turns
from scheduler.worker.unkillable import Vigil
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


class Pace(NamedTuple):
    """How fast a crew does by itself what a test may bring about at once."""

    lease_s: float
    idle_s: float
    look_s: float


STILL = Pace(lease_s=NEVER_S, idle_s=IDLE_S, look_s=NEVER_S)
NODE = Node(id="a", name="a", version="1", workers=1, tasks=(), running=0, beat=0, started_at=AT)


TASKS = {
    "task1": HandlerOptions(name="task1"),
    "undoable": HandlerOptions(name="undoable", undoable=True),
}


class Crew:
    """One worker, with all it needs."""

    def __init__(
        self,
        behind: Store,
        group: asyncio.TaskGroup,
        *,
        queue: MemoryQueue | None = None,
        clock: FakeClock | None = None,
        slots: FakeSlots | None = None,
        card: Node = NODE,
        pace: Pace = STILL,
        trouble: Trouble | None = None,
    ) -> None:
        self.behind = behind
        self.store = Gate(behind, trouble=trouble, error=StoreUnavailable)
        self.queue = queue or MemoryQueue()
        self.gated_queue = Gate(self.queue, trouble=trouble, error=QueueUnavailable)
        self.clock = clock or FakeClock()
        self.slots = slots or FakeSlots()
        self.roster = Roster()
        self.chronicle = Counting(self.clock)
        random = Random(1)  # noqa: S311 - spreads backoffs
        store, queue = cast("Any", self.store), cast("Any", self.gated_queue)
        self.scribe = Scribe(store=store, queue=queue, clock=self.clock)
        self.settling = Settling(
            store=store,
            queue=queue,
            clock=self.clock,
            random=random,
            scribe=self.scribe,
            chronicle=self.chronicle,
            on_call_due=lambda: None,
        )
        self.lease = Lease(
            card,
            store=store,
            clock=self.clock,
            lease_s=pace.lease_s,
            running=lambda: len(self.roster),
            on_abort_requested=self.roster.hint,
            on_held=lambda _: None,
            on_lost=self.on_lease_lost,
        )
        self.strays = Strays(
            store=store,
            clock=self.clock,
            roster=self.roster,
            settling=self.settling,
            node_id=card.id,
        )
        self.service = Service(
            store=behind,
            queue=self.queue,
            course=Course(store=behind, queue=self.queue, clock=self.clock),
            clock=self.clock,
            new_id=new_id,
            tasks=TASKS,
            draining=asyncio.Event(),
            chronicle=self.chronicle,
        )
        self.turns = Turns(
            cast("Slots", self.slots), number=card.workers, clock=self.clock, group=group
        )
        self.vigil = Vigil(
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
            turns=self.turns,
            lease=self.lease,
            roster=self.roster,
            settling=self.settling,
            vigil=self.vigil,
            tasks=TASKS,
            node_id=card.id,
            chronicle=self.chronicle,
            hear=self.scribe.hear,
            idle_window_s=pace.idle_s,
            first_look_s=pace.look_s,
            longest_look_s=pace.look_s,
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
        self.roster.hint(job_id)
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
        await eventually(lambda: not self.roster.expected, saying="the worker is idle")


@asynccontextmanager
async def at_work(store: Store) -> AsyncIterator[Crew]:
    """A crew that works on a store, and is drained at the end."""
    async with asyncio.TaskGroup() as group:
        crew = Crew(store, group)
        await crew.lease.begin()
        working = group.create_task(crew.worker.run(), name="worker")
        yield crew
        crew.worker.drain()
        crew.roster.stop_all(StopReason.DRAIN)
        await asyncio.wait({working}, timeout=END_S)
        crew.turns.close()
        crew.vigil.give_up()
        working.cancel()  # a test that failed may have left it held at a gate
