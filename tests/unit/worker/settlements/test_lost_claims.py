"""Lost claims: the store has made the claim, and its answer never came."""

from __future__ import annotations

import asyncio

from scheduler.core.errors import StoreUnavailable
from scheduler.core.job import NOTHING_RAN, Cleanup, Status
from tests.support.eventually import eventually
from tests.support.stores import ids_of
from tests.support.workers import NODE, NodeUnderTest

LOST = StoreUnavailable("the answer was lost")


async def _lost_claim(workers: NodeUnderTest) -> str:
    """The id of a job that this node owns in the store without knowing it."""
    workers.store.lose_answer("claim", LOST)
    job_id = await workers.submit()
    await workers.becomes(job_id, "running")
    await workers.idle()
    return job_id


async def test_a_job_whose_claim_was_lost_runs_after_all(workers: NodeUnderTest) -> None:
    """Guarantee 4. Its owner lives, so no sweeper would ever release it."""
    job_id = await _lost_claim(workers)
    await workers.lost_claims.give_back()
    (await workers.running()).finish()
    assert (await workers.becomes(job_id, "successful")).attempt == 1


async def test_a_lost_claim_does_not_count_as_a_loss_of_the_job(workers: NodeUnderTest) -> None:
    """The job did not make its node die, and must not be given up as one that does."""
    job_id = await _lost_claim(workers)
    workers.workers.drain()
    await workers.lost_claims.give_back()
    await workers.behind.claim([job_id], node_id=NODE.id, at=workers.clock.now())
    await workers.behind.bury(NODE.id)
    released = await workers.behind.release_orphans(losses_max=2, at=workers.clock.now())
    assert ids_of(released.to_enqueue) == [job_id]


async def test_a_job_whose_claim_was_lost_is_aborted(workers: NodeUnderTest) -> None:
    """Guarantee 5. It runs nowhere, so there is nothing to wait for."""
    job_id = await _lost_claim(workers)
    assert (await workers.abort(job_id)).status is Status.RUNNING
    await workers.lost_claims.give_back()
    job = await workers.job(job_id)
    assert job.status is Status.ABORTED
    assert job.abort is not None
    assert job.abort.death == NOTHING_RAN
    assert not workers.slots.frames
    assert workers.job_events.count("jobs_total", task="task1", status="aborted") == 1
    assert workers.job_events.count("abort_seconds_count", signal="none") == 1


async def test_a_clean_up_whose_claim_was_lost_is_done_after_all(workers: NodeUnderTest) -> None:
    """The clean-up must run, whatever connection dies."""
    job_id = await workers.submit("undoable")
    await workers.running()
    workers.store.lose_answer("claim", LOST)
    await workers.abort(job_id)

    async def held_again() -> bool:
        return (await workers.job(job_id)).owner is not None and not workers.local_jobs.tracked

    await workers.becomes(job_id, "aborted")
    await eventually(held_again)
    await workers.lost_claims.give_back()
    (await workers.running()).finish()

    async def undone() -> bool:
        abort = (await workers.job(job_id)).abort
        return abort is not None and abort.cleanup is Cleanup.DONE

    await eventually(undone)


async def test_a_claim_that_is_not_answered_yet_is_not_lost(workers: NodeUnderTest) -> None:
    """Guarantee 1. Given back, it would run twice: here, and on the node that claims it next."""
    claim = workers.store.hold("claim", "after")
    job_id = await workers.submit()
    await claim.reached.wait()
    await workers.lost_claims.give_back()
    assert (await workers.job(job_id)).status is Status.RUNNING
    claim.let()
    (await workers.running()).finish()
    assert (await workers.becomes(job_id, "successful")).attempt == 1


async def test_a_claim_made_during_the_look_is_not_lost(workers: NodeUnderTest) -> None:
    """Guarantee 1. The look began before the claim and ends after it."""
    look = workers.store.hold("claims_of", "before")
    async with asyncio.TaskGroup() as group:
        group.create_task(workers.lost_claims.give_back())
        await look.reached.wait()
        job_id = await workers.submit()
        process = await workers.running()
        look.let()
    assert (await workers.job(job_id)).status is Status.RUNNING
    process.finish()
    assert (await workers.becomes(job_id, "successful")).attempt == 1


async def test_an_attempt_that_ended_since_the_look_stays_as_it_ended(
    workers: NodeUnderTest,
) -> None:
    """Guarantees 3 and 7. The answer to the look is outdated; the token shows that."""
    job_id = await workers.submit()
    process = await workers.running()
    look = workers.store.hold("claims_of", "after")
    expected, workers.local_jobs._tracked = (
        workers.local_jobs._tracked,
        type(workers.local_jobs._tracked)(),
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(workers.lost_claims.give_back())
        await look.reached.wait()
        workers.local_jobs._tracked = expected
        process.finish()
        await workers.becomes(job_id, "successful")
        await workers.idle()
        look.let()
    assert (await workers.job(job_id)).status is Status.SUCCESSFUL


async def test_an_unavailable_store_is_asked_again(workers: NodeUnderTest) -> None:
    """Outages lose answers, so the look must outlive them."""
    job_id = await _lost_claim(workers)
    failing = workers.store.hold("claims_of", "before")
    async with asyncio.TaskGroup() as group:
        looking = group.create_task(workers.lost_claims.run())
        await workers.clock.pass_until(failing.reached.is_set)
        failing.let(LOST)
        (await workers.running()).finish()
        await workers.becomes(job_id, "successful")
        looking.cancel()
