"""A worker: what becomes of ids, claims and jobs when something goes wrong between two steps."""

from __future__ import annotations

import signal

from scheduler.core.errors import QueueUnavailable, StoreUnavailable
from scheduler.core.job import NOTHING_RAN, StopReason
from tests.support.eventually import eventually
from tests.support.workers import IDLE_S, NODE, Crew

LOST = StoreUnavailable("the connection was lost")


async def test_a_job_runs_and_its_id_is_let_go(crew: Crew) -> None:
    """The main path."""
    job_id = await crew.submit()
    (await crew.running()).finish('"done"')
    job = await crew.becomes(job_id, "successful")
    assert (job.result, job.attempt) == ('"done"', 1)
    await crew.idle()
    assert not crew.queue.server.inflight[NODE.id]


async def test_an_id_that_comes_twice_runs_once(crew: Crew) -> None:
    """I1. Ids are hints: the sweeper may enqueue one that is there already."""
    job_id = await crew.submit()
    await crew.queue.enqueue([job_id])
    (await crew.running()).finish()
    await eventually(lambda: not crew.queue.server.ids)
    await crew.idle()
    assert len(crew.slots.frames) == 1


async def test_an_id_goes_back_when_the_store_does_not_take_the_claim(crew: Crew) -> None:
    """In flight with a worker that has given up on it, nobody would ever look for it."""
    claim = crew.store.hold("claim", "before")
    job_id = await crew.submit()
    await claim.reached.wait()
    claim.let(LOST)
    await eventually(lambda: list(crew.queue.server.ids) == [job_id])
    assert not crew.queue.server.inflight[NODE.id]
    crew.clock.advance(10)
    (await crew.running()).finish()
    assert (await crew.becomes(job_id, "successful")).attempt == 1


async def test_a_job_runs_though_the_queue_does_not_hear_that_it_was_taken(crew: Crew) -> None:
    """Redis may die at any moment; what is claimed is claimed, and the next one runs as well."""
    acknowledge = crew.gated_queue.hold("acknowledge", "before")
    job_id = await crew.submit()
    (await crew.running()).finish()
    await acknowledge.reached.wait()
    assert (await crew.job(job_id)).status == "successful", "no job waits for the queue"
    acknowledge.let(QueueUnavailable("gone"))
    next_id = await crew.submit()
    (await crew.running()).finish()
    await crew.becomes(next_id, "successful")


async def test_without_a_queue_jobs_are_found_in_the_store(crew: Crew) -> None:
    """D1: Redis is disposable; jobs run, only later."""
    first = await crew.submit()
    process = await crew.running()
    crew.queue.away = True
    process.finish()
    await crew.becomes(first, "successful")
    second = await crew.submit()
    await crew.idle()
    crew.clock.advance(IDLE_S)
    (await crew.running()).finish()
    await crew.becomes(second, "successful")


async def test_what_is_claimed_when_the_drain_has_begun_is_given_back(crew: Crew) -> None:
    """Its claim came back after the last job was told to stop: nobody would stop this one."""
    claim = crew.store.hold("claim", "after")
    job_id = await crew.submit()
    await claim.reached.wait()
    crew.worker.drain()
    crew.roster.stop_all(StopReason.DRAIN)
    claim.let()
    await crew.becomes(job_id, "queued")
    await crew.idle()
    assert not crew.slots.frames
    assert list(crew.queue.server.ids) == [job_id]


async def test_nothing_begins_whose_claim_was_answered_after_the_lease_was_lost(
    crew: Crew,
) -> None:
    """I1. Between the claim and its answer others may have taken the job over and begun it."""
    claim = crew.store.hold("claim", "after")
    job_id = await crew.submit()
    await claim.reached.wait()
    crew.lease._lose()
    crew.lease._hold_from(crew.clock.monotonic())  # and was won again, before the answer came
    claim.let()
    (await crew.running()).finish()
    assert (await crew.becomes(job_id, "successful")).attempt == 1
    assert len(crew.slots.frames) == 1


async def test_nothing_begins_whose_abort_overtook_the_answer_to_its_claim(crew: Crew) -> None:
    """I5. Its user was told that it is being stopped, and may be looking at what it would touch."""
    claim = crew.store.hold("claim", "after")
    job_id = await crew.submit()
    await claim.reached.wait()
    await crew.abort(job_id)
    crew.roster.hint(job_id)
    claim.let()
    await crew.becomes(job_id, "aborted")
    assert not crew.slots.frames


async def test_nothing_begins_whose_abort_cannot_be_looked_up(crew: Crew) -> None:
    """I5. It is given back, as often as it takes, and is aborted by that."""
    claim = crew.store.hold("claim", "after")
    job_id = await crew.submit()
    await claim.reached.wait()
    await crew.abort(job_id)
    crew.store.cut = True
    claim.let()
    await crew.clock.pass_until(lambda: crew.store.refused > 3, saying="it is given back in vain")
    assert (await crew.job(job_id)).status == "running"
    crew.store.cut = False
    job = await crew.becomes(job_id, "aborted")
    assert (job.abort and job.abort.death) == NOTHING_RAN
    assert not crew.slots.frames


async def test_without_a_lease_nothing_is_claimed(crew: Crew) -> None:
    """It would be given back at once, and claimed again, a thousand times a second."""
    first = await crew.submit()
    process = await crew.running()
    crew.lease._lose()
    process.finish()
    await crew.becomes(first, "successful")
    second = await crew.submit()
    await crew.idle()
    crew.clock.advance(1)
    assert (await crew.job(second)).attempt == 0
    crew.lease._hold_from(crew.clock.monotonic())
    (await crew.running()).finish()
    assert (await crew.becomes(second, "successful")).attempt == 1


async def test_a_process_that_the_warden_ended_is_no_crash_of_the_job(crew: Crew) -> None:
    """The node was too slow to renew; the job did nothing wrong, and runs again."""
    job_id = await crew.submit()
    process = await crew.running()
    crew.lease._lose()
    process.die(-signal.SIGKILL)
    assert (await crew.becomes(job_id, "queued")).attempt == 1, "it had begun"


async def test_a_crash_under_a_held_lease_ends_the_job(crew: Crew) -> None:
    """And leaves the worker with a new process."""
    job_id = await crew.submit()
    (await crew.running()).die(-signal.SIGSEGV)
    job = await crew.becomes(job_id, "terminated")
    assert job.error is not None
    assert "SIGSEGV" in job.error.message
    await crew.submit()
    (await crew.running()).finish()


async def test_a_job_whose_handler_is_unknown_everywhere_ends(crew: Crew) -> None:
    """It would wait for ever."""
    job_id = await crew.submit()
    crew.worker._tasks = {}
    job = await crew.becomes(job_id, "terminated")
    assert job.error is not None
    assert job.error.kind == "unknown_task"


async def test_a_clean_up_runs_in_a_process_that_has_run_nothing(crew: Crew) -> None:
    """Other jobs' code may have broken the one at hand."""
    job_id = await crew.submit("undoable")
    process = await crew.running()
    crew.lease._lose()
    process.die(-signal.SIGKILL)
    await crew.becomes(job_id, "queued")
    await crew.abort(job_id)
    other_id = await crew.submit()
    await crew.queue.enqueue([other_id], ahead=True)
    crew.lease._hold_from(crew.clock.monotonic())
    (await crew.running()).finish()
    await crew.becomes(other_id, "successful")
    (await crew.running()).finish()
    await crew.idle()
    used = [[frame["purpose"] for frame in process.frames] for process in crew.slots.given]
    assert used == [["run"], ["run"], ["clean"]]
