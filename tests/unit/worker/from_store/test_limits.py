"""A worker and users of whom only so many jobs may run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime

import pytest

from scheduler.core.job import Claim, Status
from scheduler.core.ports.store import ClaimedWithin
from scheduler.core.quotas.quota import Quota, Quotas
from tests.fakes import AT, MemoryStore
from tests.support.eventually import eventually
from tests.support.stores import end, new, node, waiting
from tests.support.workers import IDLE_S, NODE, NodeUnderTest, at_work

ONE = Quotas([Quota(pattern="u1", running_max=1)])


class CountingStore(MemoryStore):
    """Counts the claims that nodes try."""

    claims = 0

    async def claim_within(
        self,
        job_ids: Sequence[str],
        *,
        node_id: str,
        at: datetime,
        quotas: Quotas,
        but_tasks: Collection[str] = (),
    ) -> ClaimedWithin:
        self.claims += 1
        return await super().claim_within(
            job_ids, node_id=node_id, at=at, quotas=quotas, but_tasks=but_tasks
        )


@pytest.fixture
def store() -> CountingStore:
    return CountingStore()


@pytest.fixture
async def workers(store: CountingStore) -> AsyncIterator[NodeUnderTest]:
    """The queue knows of no limit: it may have been emptied, or know old ones."""
    async with at_work(store, quotas=ONE) as workers:
        yield workers


async def runs_elsewhere(store: MemoryStore, uid: str = "u1") -> Claim:
    """A job of the user that another node runs."""
    await store.register(node("elsewhere"))
    (job,) = (await store.insert([new(uid)])).jobs
    (claim,) = await store.claim([job.id], node_id="elsewhere", at=AT)
    return claim


async def test_a_job_beyond_the_limit_goes_back_to_its_line_until_one_ends(
    workers: NodeUnderTest, store: CountingStore
) -> None:
    """Nobody asks for it again and again meanwhile, and other users' jobs go on."""
    other = await runs_elsewhere(store)
    beyond = await workers.submit()
    await eventually(lambda: store.claims == 1)
    await workers.idle()
    assert workers.queue.server.ids == [beyond]
    assert not workers.queue.server.inflight(NODE.id)

    for _ in range(3):
        job_id = await workers.submit(uid="u2")
        (await workers.running()).finish()
        await workers.becomes(job_id, "successful")
    assert store.claims <= 4, "one for each of the others at most"
    assert (await workers.job(beyond)).status is Status.QUEUED

    await store.settle([end(other)])
    workers.queue.hold(other.id, "u1")
    await workers.queue.acknowledge([other.id])
    (await workers.running()).finish()
    await workers.becomes(beyond, "successful")


async def test_it_begins_with_no_worker_that_idles(
    workers: NodeUnderTest, store: CountingStore
) -> None:
    """Where it would be stored as claimed, nobody would have counted."""
    await runs_elsewhere(store)
    await workers.idles()
    job_id = await workers.submit()
    await eventually(lambda: store.claims == 1)
    assert (await workers.job(job_id)).attempt == 0


async def test_who_has_no_limit_begins_as_before(
    workers: NodeUnderTest, store: CountingStore
) -> None:
    """Without a trip through the queue."""
    await workers.idles()
    job_id = await workers.submit(uid="u2")
    (await workers.running()).finish()
    await workers.becomes(job_id, "successful")
    assert store.claims == 0


async def test_without_a_queue_the_limit_holds_and_nobody_spins(
    workers: NodeUnderTest, store: CountingStore
) -> None:
    """The look in the store passes over the user until one of his jobs ends."""
    other = await runs_elsewhere(store)
    workers.queue.away = True
    beyond = await workers.submit()
    for _ in range(5):
        await workers.idle()
        workers.clock.advance(IDLE_S)
    assert store.claims <= 1
    assert (await workers.job(beyond)).status is Status.QUEUED

    await store.settle([end(other)])
    (await workers.running()).finish()
    await workers.becomes(beyond, "successful")


async def test_an_id_that_comes_twice_is_not_lost_by_it(
    workers: NodeUnderTest, store: CountingStore
) -> None:
    """One of them is postponed with the job, the other one finds nothing to claim."""
    other = await runs_elsewhere(store)
    beyond = await workers.submit()
    await workers.queue.enqueue(waiting(beyond), ahead=True)
    await eventually(lambda: store.claims)
    await workers.idle()
    assert workers.queue.server.ids == [beyond]
    await store.settle([end(other)])
    workers.queue.hold(other.id, "u1")
    await workers.queue.acknowledge([other.id])
    (await workers.running()).finish()
    await workers.becomes(beyond, "successful")
