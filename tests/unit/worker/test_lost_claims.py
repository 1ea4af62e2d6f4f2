"""Strays: claims that the store has granted and whose answer never came."""

from __future__ import annotations

import asyncio

from scheduler.core.errors import StoreUnavailable
from scheduler.core.job import NOTHING_RAN, Cleanup, Status
from tests.support.eventually import eventually
from tests.support.workers import NODE, Crew

LOST = StoreUnavailable("the answer was lost")


async def _stray(crew: Crew) -> str:
    """The id of a job that the store says the crew runs, and the crew knows nothing of."""
    crew.store.lose_answer("claim", LOST)
    job_id = await crew.submit()
    await crew.becomes(job_id, "running")
    await crew.idle()
    return job_id


async def test_a_job_whose_claim_was_lost_runs_after_all(crew: Crew) -> None:
    """I4. Its owner lives, so nobody else would ever take it back."""
    job_id = await _stray(crew)
    await crew.strays.give_back()
    (await crew.running()).finish()
    assert (await crew.becomes(job_id, "successful")).attempt == 1


async def test_a_lost_claim_is_no_loss_of_the_job(crew: Crew) -> None:
    """It did not take its node down, and must not be given up for it."""
    job_id = await _stray(crew)
    crew.worker.drain()
    await crew.strays.give_back()
    await crew.behind.claim([job_id], node_id=NODE.id, at=crew.clock.now())
    await crew.behind.bury(NODE.id)
    released = await crew.behind.release_orphans(losses_max=2, at=crew.clock.now())
    assert list(released.to_enqueue) == [job_id]


async def test_a_job_whose_claim_was_lost_is_aborted(crew: Crew) -> None:
    """I5. Nothing of it runs anywhere, so there is nothing to wait for."""
    job_id = await _stray(crew)
    assert (await crew.abort(job_id)).status is Status.RUNNING
    await crew.strays.give_back()
    job = await crew.job(job_id)
    assert job.status is Status.ABORTED
    assert job.abort is not None
    assert job.abort.death == NOTHING_RAN
    assert not crew.slots.frames
    assert crew.chronicle.count("jobs_total", task="task1", status="aborted") == 1
    assert crew.chronicle.count("abort_seconds_count", signal="none") == 1


async def test_a_clean_up_whose_claim_was_lost_is_done_after_all(crew: Crew) -> None:
    """What was begun must be undone, whatever connection dies."""
    job_id = await crew.submit("undoable")
    await crew.running()
    crew.store.lose_answer("claim", LOST)
    await crew.abort(job_id)

    async def held_again() -> bool:
        return (await crew.job(job_id)).owner is not None and not crew.roster.expected

    await crew.becomes(job_id, "aborted")
    await eventually(held_again)
    await crew.strays.give_back()
    (await crew.running()).finish()

    async def undone() -> bool:
        abort = (await crew.job(job_id)).abort
        return abort is not None and abort.cleanup is Cleanup.DONE

    await eventually(undone)


async def test_a_claim_that_is_under_way_is_no_stray(crew: Crew) -> None:
    """I1. Given back, the job would run twice: here, and with whoever claims it next."""
    claim = crew.store.hold("claim", "after")
    job_id = await crew.submit()
    await claim.reached.wait()
    await crew.strays.give_back()
    assert (await crew.job(job_id)).status is Status.RUNNING
    claim.let()
    (await crew.running()).finish()
    assert (await crew.becomes(job_id, "successful")).attempt == 1


async def test_a_claim_that_is_faster_than_the_look_is_no_stray(crew: Crew) -> None:
    """I1. The look began before the claim and ends after it."""
    look = crew.store.hold("claims_of", "before")
    async with asyncio.TaskGroup() as group:
        group.create_task(crew.strays.give_back())
        await look.reached.wait()
        job_id = await crew.submit()
        process = await crew.running()
        look.let()
    assert (await crew.job(job_id)).status is Status.RUNNING
    process.finish()
    assert (await crew.becomes(job_id, "successful")).attempt == 1


async def test_an_attempt_that_ended_since_the_look_is_left_as_it_ended(crew: Crew) -> None:
    """I3, I7. What the look saw was true then; the token tells that it is no more."""
    job_id = await crew.submit()
    process = await crew.running()
    look = crew.store.hold("claims_of", "after")
    expected, crew.roster._expected = crew.roster._expected, type(crew.roster._expected)()
    async with asyncio.TaskGroup() as group:
        group.create_task(crew.strays.give_back())
        await look.reached.wait()
        crew.roster._expected = expected
        process.finish()
        await crew.becomes(job_id, "successful")
        await crew.idle()
        look.let()
    assert (await crew.job(job_id)).status is Status.SUCCESSFUL


async def test_a_store_that_is_away_is_asked_again(crew: Crew) -> None:
    """An outage is what loses answers: the look must outlive it."""
    job_id = await _stray(crew)
    failing = crew.store.hold("claims_of", "before")
    async with asyncio.TaskGroup() as group:
        looking = group.create_task(crew.strays.run())
        await crew.clock.pass_until(failing.reached.is_set)
        failing.let(LOST)
        (await crew.running()).finish()
        await crew.becomes(job_id, "successful")
        looking.cancel()
