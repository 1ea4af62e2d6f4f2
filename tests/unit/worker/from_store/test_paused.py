"""Workers and pauses: what is paused is put aside, and a paused node takes only clean-ups."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime

import pytest

from scheduler.core.access.principal import EVERYBODY
from scheduler.core.job import Claim, HoldReason, Job, Status
from scheduler.core.pause import PauseKey, PauseKind
from scheduler.worker.from_store.claims import AHEAD_MAX
from tests.fakes import MemoryStore
from tests.support.eventually import eventually
from tests.support.stores import new, waiting
from tests.support.workers import NODE, NodeUnderTest, at_work

TASK = PauseKey(PauseKind.TASK, "task1")
OF_NODE = PauseKey(PauseKind.NODE, NODE.name)


class CountingStore(MemoryStore):
    """Counts how often it is asked for claims."""

    claims = 0

    async def claim(
        self,
        job_ids: Sequence[str],
        *,
        node_id: str,
        at: datetime,
        but_tasks: Collection[str] = (),
    ) -> Sequence[Claim]:
        self.claims += 1
        return await super().claim(job_ids, node_id=node_id, at=at, but_tasks=but_tasks)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


async def pause(node: NodeUnderTest, key: PauseKey) -> None:
    """Pause in the store alone: the node is not told."""
    await node.behind.pauses.put(key, reason=None, until=None, by=None)


async def backlog(node: NodeUnderTest, count: int, *, uid: str = "u1") -> list[str]:
    jobs = [new(uid) for _ in range(count)]
    await node.behind.insert(jobs)
    return [job.id for job in jobs]


async def is_held(node: NodeUnderTest, job_id: str) -> Job | None:
    job = await node.job(job_id)
    return job if job.hold is not None and job.hold.reason == HoldReason.PAUSED else None


async def test_a_paused_job_that_a_worker_meets_is_put_aside(store: MemoryStore) -> None:
    """It is met once: it leaves the queue, and the store finds it no more."""
    async with at_work(store) as node:
        await node.idles()
        job_id, other = await backlog(node, 1), await backlog(node, 1, uid="u2")
        await pause(node, PauseKey(PauseKind.UID, "u1"))
        await node.queue.enqueue(waiting(*job_id))
        await node.queue.enqueue(waiting(*other, uid="u2"))

        await node.running()
        assert (await node.job(other[0])).status is Status.RUNNING
        assert await is_held(node, job_id[0])
        await eventually(lambda: not node.queue.server.ids)
        assert node.queue.server.inflight(NODE.id) == other


async def test_the_backlog_behind_a_paused_job_goes_with_it() -> None:
    """Jobs of others would wait until each of them was met."""
    store = CountingStore()
    async with at_work(store) as node:
        await node.idles()
        ids = await backlog(node, AHEAD_MAX + 1)
        await pause(node, TASK)
        await node.queue.enqueue(waiting(*ids))

        await eventually(lambda: is_held(node, ids[-1]))
        await eventually(lambda: not node.queue.server.ids)
        assert store.claims < 5


async def test_without_a_queue_paused_jobs_do_not_keep_others_waiting(store: MemoryStore) -> None:
    """Each look into the store would find the same one again."""
    async with at_work(store) as node:
        node.queue.away = True
        paused = await backlog(node, AHEAD_MAX + 10)
        await pause(node, PauseKey(PauseKind.UID, "u1"))
        (other,) = await backlog(node, 1, uid="u2")

        await node.running()

        assert (await node.job(other)).status is Status.RUNNING
        assert (await node.job(paused[0])).status is Status.QUEUED


async def test_a_paused_node_gives_back_what_it_is_refused(store: MemoryStore) -> None:
    """Other nodes run it: it is not held, and not lost until the sweeper misses it."""
    async with at_work(store) as node:
        await node.idles()
        (job_id,) = await backlog(node, 1)
        await pause(node, OF_NODE)

        await node.queue.enqueue(waiting(job_id))
        await eventually(lambda: node.pauses.of_node)
        await eventually(lambda: node.queue.server.ids == [job_id])

        assert (await node.job(job_id)).hold is None
        assert node.queue.server.inflight(NODE.id) == []


async def test_a_paused_node_takes_nothing_and_goes_on_after_it(store: MemoryStore) -> None:
    async with at_work(store) as node:
        await node.idles()
        await node.pauses.put(EVERYBODY, OF_NODE, reason=None, until=None)
        job_id = await node.submit()
        await asyncio.sleep(0)
        assert (await node.job(job_id)).status is Status.QUEUED

        await node.pauses.end(EVERYBODY, OF_NODE)

        await node.running()
        assert (await node.job(job_id)).status is Status.RUNNING


async def test_a_paused_node_cleans_up(store: MemoryStore) -> None:
    """Where all nodes are paused, nobody else would undo what an aborted job did."""
    async with at_work(store) as node:
        job_id = await node.submit("undoable")
        process = await node.running()
        await node.pauses.put(EVERYBODY, OF_NODE, reason=None, until=None)
        await node.abort(job_id)
        await node.becomes(job_id, "aborted")
        assert process

        async def cleans() -> bool:
            abort = (await node.job(job_id)).abort
            return abort is not None and (await node.job(job_id)).owner == NODE.id

        await node.clock.pass_until(cleans, saying="the clean-up is claimed")
