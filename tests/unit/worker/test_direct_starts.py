"""A job that is submitted while a worker idles, and what may happen before it begins."""

from __future__ import annotations

import asyncio

import pytest

from scheduler.core.access.principal import EVERYBODY
from scheduler.core.change import ChangeKind
from scheduler.core.errors import StoreUnavailable
from scheduler.core.job import NOTHING_RAN, JobRequest, JsonText, StopReason
from scheduler.worker.direct_starts import DirectStarts, IdleClaimer
from scheduler.worker.prefetch import STREAK
from tests.support.workers import NODE, NodeUnderTest

LOST = StoreUnavailable("the connection was lost")


@pytest.fixture(autouse=True)
async def _idles(workers: NodeUnderTest) -> None:
    await workers.idles()


async def runs_to_its_end(workers: NodeUnderTest, job_id: str) -> None:
    """Let the job end; it must be the first attempt that counts, and the only one that began."""
    (await workers.running()).finish()
    assert (await workers.becomes(job_id, "successful")).attempt == 1
    await workers.idle()
    assert len(workers.slots.frames) == 1
    assert not workers.queue.server.inflight(NODE.id)


async def test_a_job_begins_though_neither_queue_nor_claim_answers(workers: NodeUnderTest) -> None:
    """It needs one transaction, and no trip through Redis."""
    workers.store.hold("claim", "before")
    workers.queue.away = True
    await runs_to_its_end(workers, await workers.submit())


async def test_its_changes_come_in_order(workers: NodeUnderTest) -> None:
    job_id = await workers.submit()
    await workers.running()
    changes = [change for _, change in workers.queue.server.changes if change.job_id == job_id]
    assert [change.kind for change in changes] == [ChangeKind.QUEUED, ChangeKind.RUNNING]
    assert changes[1].at == (await workers.job(job_id)).started_at


async def test_the_next_job_goes_through_the_queue_and_runs_after_it(
    workers: NodeUnderTest,
) -> None:
    first, second = await workers.submit(), await workers.submit()
    assert workers.queue.server.ids == [second]
    (await workers.running()).finish()
    await workers.becomes(first, "successful")
    (await workers.running()).finish()
    await workers.becomes(second, "successful")


async def test_after_it_the_worker_idles_again(workers: NodeUnderTest) -> None:
    claim = workers.store.hold("claim", "before")
    for _ in range(3):
        await workers.idles()
        job_id = await workers.submit()
        (await workers.running()).finish()
        await workers.becomes(job_id, "successful")
    assert not claim.reached.is_set()


async def test_several_at_once_go_through_the_queue(workers: NodeUnderTest) -> None:
    """Other nodes may have idle workers, too, and one node runs them faster in lots."""
    job = JobRequest(uid="u1", task="task1", data=JsonText("null"), hook=None)
    claim = workers.store.hold("claim", "before")
    await workers.service.submit(EVERYBODY, [job, job])
    await claim.reached.wait()
    claim.let()


async def test_a_worker_is_not_reserved_while_the_queue_has_not_answered(
    workers: NodeUnderTest,
) -> None:
    """However long that takes: else who submits fast overtakes all who wait in the queue."""
    await workers.submit()
    dequeue = workers.gated_queue.hold("dequeue", "before")
    (await workers.running()).finish()
    await dequeue.reached.wait()
    waiting = await workers.submit(uid="a")
    workers.clock.advance(60)

    assert not workers.direct_starts.waiting()
    overtaking = await workers.submit(uid="b")
    assert workers.queue.server.ids == [waiting, overtaking]
    dequeue.let()
    assert (await workers.becomes(waiting, "running")).uid == "a"


async def test_a_job_whose_insertion_fails_leaves_the_worker_to_others(
    workers: NodeUnderTest,
) -> None:
    workers.insertion.hold("insert", "before").let(LOST)
    with pytest.raises(StoreUnavailable):
        await workers.submit()
    await workers.idle()
    await runs_to_its_end(workers, await workers.submit())


async def test_a_job_that_is_stored_though_its_answer_was_lost_is_given_back(
    workers: NodeUnderTest,
) -> None:
    """Its user was told to try again, but it is there, and nobody runs it."""
    workers.insertion.lose_answer("insert", LOST)
    with pytest.raises(StoreUnavailable):
        await workers.submit()
    await workers.idle()
    (job,) = await workers.behind.page("u1", limit=2, bytes_max=1 << 20)
    assert job.owner == NODE.id
    await workers.lost_claims.give_back()
    await runs_to_its_end(workers, job.id)


async def test_a_request_that_is_given_up_amid_it_loses_no_worker(workers: NodeUnderTest) -> None:
    held = workers.insertion.hold("insert", "after")
    async with asyncio.TaskGroup() as group:
        submitting = group.create_task(workers.submit())
        await held.reached.wait()
        submitting.cancel()
    await workers.idle()
    await workers.lost_claims.give_back()
    (job,) = await workers.behind.page("u1", limit=2, bytes_max=1 << 20)
    await runs_to_its_end(workers, job.id)


async def test_a_claim_whose_answer_is_awaited_is_not_a_lost_one(workers: NodeUnderTest) -> None:
    """It would be given back, and begin all the same."""
    held = workers.insertion.hold("insert", "after")
    async with asyncio.TaskGroup() as group:
        submitting = group.create_task(workers.submit())
        await held.reached.wait()
        await workers.lost_claims.give_back()
        held.let()
    await runs_to_its_end(workers, submitting.result())


async def test_a_drain_amid_it_gives_the_job_back(workers: NodeUnderTest) -> None:
    held = workers.insertion.hold("insert", "after")
    async with asyncio.TaskGroup() as group:
        submitting = group.create_task(workers.submit())
        await held.reached.wait()
        workers.workers.drain()
        workers.local_jobs.stop_all(StopReason.DRAIN)
        held.let()
    job = await workers.becomes(submitting.result(), "queued")
    await workers.idle()
    assert (job.attempt, workers.queue.server.ids) == (0, [job.id])
    assert not workers.slots.frames


async def test_a_drain_in_the_turn_of_the_reservation_gives_the_job_back(
    workers: NodeUnderTest,
) -> None:
    """The worker leaves the queue for both at once."""
    with workers.direct_starts.reserve("1", "u1", ()) as reservation:
        workers.workers.drain()
        assert reservation.node_id == NODE.id
    await workers.idle()


async def test_a_lease_lost_amid_it_gives_the_job_back(workers: NodeUnderTest) -> None:
    """Guarantee 1. Another node may have taken the job over."""
    held = workers.insertion.hold("insert", "after")
    async with asyncio.TaskGroup() as group:
        submitting = group.create_task(workers.submit())
        await held.reached.wait()
        workers.lease._lose()
        await workers.lease._hold_from(workers.clock.monotonic())
        held.let()
    await runs_to_its_end(workers, submitting.result())
    assert (await workers.job(submitting.result())).token == 2, "it was claimed once more"


async def test_without_the_lease_no_worker_is_reserved(workers: NodeUnderTest) -> None:
    workers.lease._lose()
    with workers.direct_starts.reserve("1", "u1", ()) as reservation:
        assert reservation.node_id is None


async def test_an_abort_amid_it_keeps_the_job_from_beginning(workers: NodeUnderTest) -> None:
    """Guarantee 5. Its user was answered that it is being stopped: it must touch nothing."""
    held = workers.insertion.hold("insert", "after")
    async with asyncio.TaskGroup() as group:
        group.create_task(workers.submit())
        await held.reached.wait()
        (stored,) = await workers.behind.page("u1", limit=2, bytes_max=1 << 20)
        await workers.abort(stored.id)
        held.let()
    job = await workers.becomes(stored.id, "aborted")
    assert (job.abort and job.abort.death) == NOTHING_RAN
    assert not workers.slots.frames


async def test_a_node_that_was_buried_runs_it_through_the_queue(workers: NodeUnderTest) -> None:
    """It does not know yet that others presumed it dead: nothing is claimed for it."""
    await workers.behind.bury(NODE.id)
    job_id = await workers.submit()
    await workers.idle()
    assert (await workers.job(job_id)).owner is None


async def test_a_worker_that_waits_ahead_of_the_slots_is_not_reserved(
    workers: NodeUnderTest,
) -> None:
    """All slots may be busy: its job would wait behind theirs, and no other node could take it."""
    await workers.submit()
    await workers.running()
    dequeue = workers.gated_queue.hold("dequeue", "before")
    workers.slot_line.prefetch._streak = STREAK
    workers.slot_line._admit()
    await dequeue.reached.wait()
    assert not workers.direct_starts.waiting()
    dequeue.let()


async def test_where_slots_are_kept_the_queue_says_who_starts(workers: NodeUnderTest) -> None:
    """Only it knows whether the user runs something, on any node."""
    starts = DirectStarts(lease=workers.lease, local_jobs=workers.local_jobs, keeps_slots=True)
    with IdleClaimer() as claimer, starts.idle(claimer) as waits_in_vain:
        waits_in_vain()
        with starts.reserve("1", "u1", ()) as reservation:
            assert reservation.node_id is None
