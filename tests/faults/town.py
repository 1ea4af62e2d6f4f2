"""An installation of several nodes in one process, with a fault at one call.

    user ── gate ─┐            ┌─ gate ── node: worker, lease, sweeper, lost_claims, abort messages
                  ├── store ───┤
    user ── gate ─┴── queue ───┴─ gate ── node, with the same parts as `scheduler.node.life` builds

The parts are the real ones, on the fakes that pass the contracts and the models; time is virtual.
The story: jobs are submitted, some to run later, some after others; three are aborted, one of which
others wait for, and one is let go before its time; a node is killed, the queue forgets everything,
another node starts. Whatever the fault, all guarantees hold (docs/guarantees.md).
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, cast

from scheduler.basics.clock import new_id
from scheduler.core.access.principal import EVERYBODY
from scheduler.core.dependencies.declaration import AfterIf
from scheduler.core.errors import QueueUnavailable, StoreUnavailable, Unavailable
from scheduler.core.job import (
    AT_ONCE,
    FINAL,
    Cleanup,
    Job,
    JobRequest,
    JsonText,
    Order,
    Status,
    StopReason,
)
from scheduler.core.ports.direct_start import Reservation
from scheduler.core.ports.schedule_store import Upcoming
from scheduler.core.ports.store import Retiming
from scheduler.core.quotas.quota import UNLIMITED
from scheduler.core.quotas.reserve import Reserve
from scheduler.core.schedules.schedule import Misfire, Overlap
from scheduler.core.schedules.timing import Timing
from scheduler.node.promoter import Promoter
from scheduler.node.schedule_look import ScheduleLook
from scheduler.node.sweeper import Retention, Sweeper
from scheduler.service.change_feed import ChangeFeed
from scheduler.service.job_looks import JobLooks
from scheduler.service.schedules.firing import Firings
from scheduler.service.service import Service
from scheduler.worker.intervals import Intervals
from tests.contract.schedules.making import plan, schedule
from tests.fakes import MemoryQueue, MemoryServer, MemoryStore
from tests.fakes.slots import FakeProcess, FakeSlots
from tests.faults.virtual import VirtualClock
from tests.support.gate import Gate, Trouble
from tests.support.job_events import Counting
from tests.support.witness import Witness
from tests.support.workers import CLEANUP_TRIES, NODE, TASKS, NodeUnderTest

LEASE_S: Final = 6.0
INTERVALS: Final = Intervals(idle_window_s=3.0, first_look_s=0.5, longest_look_s=0.5, grace_s=0)
LASTS_S: Final[Mapping[str, float]] = {"task1": 1.0, "undoable": 30.0}
"""How long a handler works; a clean-up takes 0.1 s."""
PATIENCE_S: Final = 300.0
"""Until all jobs are final: several leases, long answers and reads of the store."""
AGAIN_S: Final = 0.5
LATER_S: Final = 20.0
"""Of a job that is due while the nodes recover from what happened before."""
DOOMED: Final = ("doomed", "doomed, too")
"""The jobs that wait for one that is aborted, or for one of these."""
EVERY_S: Final = 7
"""Between two occurrences of a schedule."""
SCHEDULED_S: Final = 20.0
"""How long it has some; the store is away for less."""
NEVER_S: Final = 100_000.0
"""Of jobs that are aborted or let go before."""


class WatchedStore(MemoryStore):
    """A store that shows the witness each job after a call."""

    def __init__(self, witness: Witness) -> None:
        super().__init__(now=VirtualClock().now)
        self._witness = witness

    def _answer(self) -> None:
        super()._answer()
        for row in self.rows.values():
            self._witness.see(row.job)
            if row.job.status is Status.ABORTED and not row.cleaning:
                assert row.job.id not in self._witness.alive, "guarantee 5: aborted, and it runs"


class WatchedProcess(FakeProcess):
    """A process whose handler works for its time, and which reports to the witness.

    The first try of each clean-up crashes it.
    """

    def __init__(self, witness: Witness, tried: set[str], store: MemoryStore) -> None:
        super().__init__()
        self._witness = witness
        self._store = store
        self._tried = tried
        self._over: asyncio.TimerHandle | None = None

    def job_begins(self, job: Mapping[str, Any]) -> None:
        runs = job["purpose"] == "run"
        self._witness.begins(job["id"], self)
        if runs:
            self._witness.attempts(job["id"])
            run_at = self._store.rows[job["id"]].job.run_at
            assert run_at is None or run_at <= self._store.now(), "it begins before its time"
        loop = asyncio.get_running_loop()
        if runs:
            self._over = loop.call_later(LASTS_S[job["task"]], self.finish, f'"{job["id"]}"')
        elif job["id"] in self._tried:
            self._over = loop.call_later(0.1, self.finish)
        else:
            self._tried.add(job["id"])
            self._over = loop.call_later(0.1, self.die, -signal.SIGSEGV)

    def job_ends(self, job: Mapping[str, Any]) -> None:
        if self._over is not None:
            self._over.cancel()
        self._witness.ends(job["id"], self)


class ScheduleGate(Gate):
    """In front of the schedules. The looks of idle nodes, hundreds of them, have no faults."""

    async def upcoming(self) -> Upcoming:
        if self.cut:
            raise StoreUnavailable("the caller is dead")
        found: Upcoming = await self._behind.upcoming()  # type: ignore[attr-defined]
        return found


class WithSchedules:
    """A gated store whose schedules are gated as well."""

    def __init__(self, store: object, schedules: Gate) -> None:
        self._store = store
        self.schedules = schedules

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the store has
        return getattr(self._store, name)


class Member(NodeUnderTest):
    """A node: what `scheduler.node.life` runs, without HTTP and processes."""

    def __init__(self, name: str, town: Town) -> None:
        self.name = name
        queue = MemoryQueue(town.server, node_id=name)
        super().__init__(
            town.store,
            town.group,
            queue=queue,
            clock=VirtualClock(),
            slots=FakeSlots(make=lambda: WatchedProcess(town.witness, town.tried, town.store)),
            record=replace(NODE, id=name, name=name, tasks=tuple(TASKS)),
            lease_s=LEASE_S,
            intervals=INTERVALS,
            trouble=town.trouble,
        )
        self.sweeper = Sweeper(
            reserve=Reserve(0),
            store=cast("Any", self.store),
            queue=cast("Any", self.gated_queue),
            clock=self.clock,
            node_id=name,
            node_name=name,
            lease_s=LEASE_S,
            losses_max=3,
            retention=Retention(0, 0),
            job_events=self.job_events,
        )
        self.promoter = Promoter(
            store=cast("Any", self.store),
            queue=cast("Any", self.gated_queue),
            job_events=self.job_events,
            nearer=town.service.nearer,
        )
        self.schedules = ScheduleGate(
            town.store.schedules, trouble=town.trouble, error=StoreUnavailable
        )
        seen = WithSchedules(self.store, self.schedules)
        self.schedule_look = ScheduleLook(
            store=cast("Any", seen),
            queue=cast("Any", self.gated_queue),
            firings=Firings(
                store=cast("Any", seen),
                queue=cast("Any", self.gated_queue),
                clock=self.clock,
                new_id=new_id,
                quotas=UNLIMITED,
                on_occurrences=lambda outcome, count: None,  # noqa: ARG005
            ),
            service=town.service,
            nearer=asyncio.Event(),
        )
        self._members = town.members
        self._members.append(self)
        self.life = town.group.create_task(self.live(), name=f"node {name}")

    def on_lease_lost(self) -> None:
        self.local_jobs.stop_all(StopReason.LEASE_LOST, grace_s=0)

    async def live(self) -> None:
        await insist(self.lease.begin)
        async with asyncio.TaskGroup() as group:
            chores = [
                group.create_task(chore)
                for chore in (
                    self.lease.keep(),
                    self.sweeper.run(),
                    self.promoter.run(),
                    self.schedule_look.run(),
                    self.lost_claims.run(),
                    self._hear_of_aborts(),
                )
            ]
            await self.workers.run()
            for chore in chores:
                chore.cancel()
        await self.lease.end()

    async def _hear_of_aborts(self) -> None:
        async for job_id in self.queue.aborts():
            self.local_jobs.hint(job_id)

    async def kill(self) -> None:
        """Kill the node and, as its warden does, its processes; it makes no more calls."""
        self._members.remove(self)
        self.store.cut = self.gated_queue.cut = self.schedules.cut = True
        for process in self.slots.given:
            process.die(-signal.SIGKILL)
        self.life.cancel()
        await asyncio.wait({self.life})

    async def drain(self) -> None:
        self._members.remove(self)
        self.workers.drain()
        self.local_jobs.stop_all(StopReason.DRAIN)
        await self.life
        # As the queue does when it is closed.
        self.queue.server.lines.leave(self.name)


class Town:
    """The installation, and its user."""

    def __init__(self, group: asyncio.TaskGroup, trouble: Trouble) -> None:
        self.group, self.trouble = group, trouble
        self.witness = Witness()
        self.members: list[Member] = []
        """The nodes that live, oldest first."""
        self.idle = 0
        """How many jobs were submitted to one that idled."""
        self.server = MemoryServer()
        self.store = WatchedStore(self.witness)
        self.accepted: dict[str, str] = {}
        """Job ids by the user's names for them."""
        self.aborted: set[str] = set()
        self.tried: set[str] = set()
        """Ids of the jobs whose clean-up began."""
        self.occurrences: list[datetime] = []
        """Those of the schedule."""
        store = Gate(self.store, trouble=trouble, error=StoreUnavailable)
        queue = Gate(
            MemoryQueue(self.server, node_id="user"), trouble=trouble, error=QueueUnavailable
        )
        clock = VirtualClock()
        self.service = Service(
            store=cast("Any", store),
            queue=cast("Any", queue),
            change_feed=ChangeFeed(store=cast("Any", store), queue=cast("Any", queue), clock=clock),
            looks=JobLooks(cast("Any", store)),
            clock=clock,
            new_id=new_id,
            tasks=TASKS,
            draining=asyncio.Event(),
            direct_start=self,
            job_events=Counting(clock),
        )

    def reserve(
        self, job_id: str, uid: str, needs: Sequence[str]
    ) -> AbstractContextManager[Reservation]:
        """See `DirectStart`: the user reaches the oldest node that lives."""
        self.idle += bool(self.members[0].direct_starts.waiting())
        return self.members[0].direct_starts.reserve(job_id, uid, needs)

    async def submit(self, name: str, task: str = "task1", order: Order = AT_ONCE) -> None:
        """Submit as a user does: again with the same key, until it is answered."""
        inserted = await insist(
            lambda: self.service.submit(
                EVERYBODY,
                [JobRequest(uid="u1", task=task, data=JsonText("null"), hook=None, order=order)],
                idempotency_key=name,
                fingerprint=name,
            )
        )
        self.accepted[name] = inserted.jobs[0].id

    def after(self, *names: str, if_: AfterIf = AfterIf.SUCCESS) -> Order:
        """The order of a job that waits for others."""
        return Order(after=tuple(self.accepted[name] for name in names), after_if=if_)

    async def abort(self, name: str) -> None:
        job = await insist(lambda: self.service.abort(EVERYBODY, "u1", self.accepted[name]))
        self.witness.abort_answered(job)
        if job.abort is not None:
            self.aborted.add(job.id)

    async def let_go(self, name: str) -> None:
        """Let a held job run at once."""
        job_id = self.accepted[name]
        job = await insist(
            lambda: self.service.reorder(EVERYBODY, "u1", job_id, retiming=Retiming(None))
        )
        assert job.hold is None

    def jobs(self) -> list[Job]:
        return [self.store.rows[job_id].job for job_id in self.accepted.values()]

    async def set_schedule(self) -> None:
        """Have a job made every few seconds of the story."""
        begin = self.store.now()
        timing = Timing(every_s=EVERY_S, end_at=begin + timedelta(seconds=SCHEDULED_S))
        of = plan(timing=timing, misfire=Misfire.ALL, overlap=Overlap.ALLOW)
        await self.store.schedules.put(schedule(of, cursor=begin), revision=None)
        self.occurrences = list(timing.after(begin))

    def scheduled(self) -> list[Job]:
        """The jobs that the schedule made."""
        return [row.job for row in self.store.rows.values() if row.job.schedule]

    async def all_final(self) -> None:
        """Guarantee 4: every accepted job comes to an end, and so does every clean-up."""
        await self._wait(lambda: all(map(self._ended, self.accepted.values())))
        await self._wait(
            lambda: (
                len(self.scheduled()) >= len(self.occurrences)
                and all(self._ended(job.id) for job in self.scheduled())
            )
        )

    async def only(self, member: Member) -> None:
        """Guarantee 8: every lease is given up, or the next node buries it."""
        await self._wait(lambda: set(self.store._nodes) == {member.name})

    async def _wait(self, until: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not until():  # noqa: ASYNC110 - virtual time passes only while all wait
                await asyncio.sleep(1)

    def _ended(self, job_id: str) -> bool:
        row = self.store.rows[job_id]
        return row.job.status in FINAL and not row.cleaning

    def check(self) -> None:
        """The guarantees that can only be checked at the end."""
        doomed = {self.accepted[name] for name in DOOMED}
        for job in self.jobs():
            if job.id in doomed:
                assert job.abort is not None
                assert (job.abort.reason or "").startswith("predecessor "), f"its fate: {job}"
            elif job.id in self.aborted:
                assert job.status is Status.ABORTED, f"guarantee 5: {job}"
                self._check_cleanup(job)
            else:
                assert job.status is Status.SUCCESSFUL, f"guarantee 6: {job}"
                assert job.result == f'"{job.id}"', "guarantee 7"
        made = [job.scheduled_for for job in self.scheduled() if job.scheduled_for is not None]
        assert sorted(made) == self.occurrences, "each occurrence is one job"
        rows = [row for row in self.store.rows.values() if not row.job.schedule]
        assert {row.job.id for row in rows} == set(self.accepted.values()), "one key, one job"
        assert not [row for row in rows if row.job.owner], "guarantee 8: an owner"
        assert not any(self.server.lines.inflight.values()), "guarantee 8: an id in flight"
        assert not self.witness.alive, "guarantee 8: a process"

    def _check_cleanup(self, job: Job) -> None:
        """It is tried until it succeeds, although its first try fails."""
        assert job.abort is not None
        began = job.id in self.tried
        assert (job.abort.cleanup is Cleanup.DONE) == began, f"a clean-up was given up: {job}"
        assert job.abort.tries.ended <= CLEANUP_TRIES


async def insist(call: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401 - the call's
    """Call again and again until it is answered."""
    while True:
        with suppress(Unavailable):
            return await call()
        await asyncio.sleep(AGAIN_S)


async def story(trouble: Trouble) -> None:
    """Run the whole story, with the fault at the `nth` call."""
    async with asyncio.TaskGroup() as group:
        town = Town(group, trouble)
        first, second = Member("a", town), Member("b", town)
        await town.set_schedule()
        await asyncio.sleep(1)  # they idle: the first job begins without a trip through the queue
        for name in ("one", "two", "three"):
            await town.submit(name)
        await town.submit("undone", "undoable")
        await town.submit("never", "undoable")
        await town.submit("later", order=Order(delay_s=LATER_S, priority=60))
        await town.submit("dropped", order=Order(delay_s=NEVER_S))
        await town.submit("let go", order=Order(delay_s=NEVER_S))
        await town.submit("behind", order=town.after("one", "three"))
        await town.submit("doomed", order=town.after("never"))
        await town.submit("doomed, too", order=town.after("doomed"))
        await town.submit("report", order=town.after("doomed, too", "undone", if_=AfterIf.END))
        await asyncio.sleep(2)
        await town.abort("undone")
        await first.kill()
        town.server.flush()
        await town.submit("four")
        await town.abort("never")
        await town.abort("dropped")
        await town.let_go("let go")
        third = Member("c", town)
        await town.all_final()
        await second.drain()
        await third.drain()
        last = Member("d", town)
        await town.only(last)
        await last.drain()
        town.check()
        assert town.idle or trouble.nth, "no job began directly"
        assert town.tried or trouble.nth, "no clean-up failed"
    assert len(asyncio.all_tasks()) == 1, "guarantee 8: a task"
