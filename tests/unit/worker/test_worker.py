"""A worker: what becomes of ids, claims and jobs when something goes wrong between two steps."""

from __future__ import annotations

import signal

from scheduler.core.errors import QueueUnavailable, StoreUnavailable
from scheduler.core.job import NOTHING_RAN, StopReason
from tests.support.eventually import eventually
from tests.support.workers import IDLE_S, NODE, NodeUnderTest

LOST = StoreUnavailable("the connection was lost")


async def test_a_job_runs_and_its_id_is_let_go(workers: NodeUnderTest) -> None:
    """The main path."""
    job_id = await workers.submit()
    (await workers.running()).finish('"done"')
    job = await workers.becomes(job_id, "successful")
    assert (job.result, job.attempt) == ('"done"', 1)
    await workers.idle()
    assert not workers.queue.server.inflight[NODE.id]


async def test_an_id_that_comes_twice_runs_once(workers: NodeUnderTest) -> None:
    """Guarantee 1. Ids are hints: the sweeper may enqueue one that is there already."""
    job_id = await workers.submit()
    await workers.queue.enqueue([job_id])
    (await workers.running()).finish()
    await eventually(lambda: not workers.queue.server.ids)
    await workers.idle()
    assert len(workers.slots.frames) == 1


async def test_an_id_goes_back_when_the_store_does_not_take_the_claim(
    workers: NodeUnderTest,
) -> None:
    """In flight with a worker that has given up on it, nobody would ever look for it."""
    claim = workers.store.hold("claim", "before")
    job_id = await workers.submit()
    await claim.reached.wait()
    claim.let(LOST)
    await eventually(lambda: list(workers.queue.server.ids) == [job_id])
    assert not workers.queue.server.inflight[NODE.id]
    workers.clock.advance(10)
    (await workers.running()).finish()
    assert (await workers.becomes(job_id, "successful")).attempt == 1


async def test_a_job_runs_though_the_queue_does_not_hear_that_it_was_taken(
    workers: NodeUnderTest,
) -> None:
    """Redis may die at any moment; what is claimed is claimed, and the next one runs as well."""
    acknowledge = workers.gated_queue.hold("acknowledge", "before")
    job_id = await workers.submit()
    (await workers.running()).finish()
    await acknowledge.reached.wait()
    assert (await workers.job(job_id)).status == "successful", "no job waits for the queue"
    acknowledge.let(QueueUnavailable("gone"))
    next_id = await workers.submit()
    (await workers.running()).finish()
    await workers.becomes(next_id, "successful")


async def test_without_a_queue_jobs_are_found_in_the_store(workers: NodeUnderTest) -> None:
    """D1: Redis is disposable; jobs run, only later."""
    first = await workers.submit()
    process = await workers.running()
    workers.queue.away = True
    process.finish()
    await workers.becomes(first, "successful")
    second = await workers.submit()
    await workers.idle()
    workers.clock.advance(IDLE_S)
    (await workers.running()).finish()
    await workers.becomes(second, "successful")


async def test_what_is_claimed_when_the_drain_has_begun_is_given_back(
    workers: NodeUnderTest,
) -> None:
    """Its claim came back after the last job was told to stop: nobody would stop this one."""
    claim = workers.store.hold("claim", "after")
    job_id = await workers.submit()
    await claim.reached.wait()
    workers.workers.drain()
    workers.local_jobs.stop_all(StopReason.DRAIN)
    claim.let()
    await workers.becomes(job_id, "queued")
    await workers.idle()
    assert not workers.slots.frames
    assert list(workers.queue.server.ids) == [job_id]


async def test_nothing_begins_whose_claim_was_answered_after_the_lease_was_lost(
    workers: NodeUnderTest,
) -> None:
    """Guarantee 1. Between the claim and its answer others may have taken over the job."""
    claim = workers.store.hold("claim", "after")
    job_id = await workers.submit()
    await claim.reached.wait()
    workers.lease._lose()
    workers.lease._hold_from(workers.clock.monotonic())  # and was won again, before the answer came
    claim.let()
    (await workers.running()).finish()
    assert (await workers.becomes(job_id, "successful")).attempt == 1
    assert len(workers.slots.frames) == 1


async def test_nothing_begins_whose_abort_overtook_the_answer_to_its_claim(
    workers: NodeUnderTest,
) -> None:
    """Guarantee 5. The user got the answer that it is being stopped, and relies on that."""
    claim = workers.store.hold("claim", "after")
    job_id = await workers.submit()
    await claim.reached.wait()
    await workers.abort(job_id)
    workers.local_jobs.hint(job_id)
    claim.let()
    await workers.becomes(job_id, "aborted")
    assert not workers.slots.frames


async def test_nothing_begins_whose_abort_cannot_be_looked_up(workers: NodeUnderTest) -> None:
    """Guarantee 5. It is given back, as often as it takes, and is aborted by that."""
    claim = workers.store.hold("claim", "after")
    job_id = await workers.submit()
    await claim.reached.wait()
    await workers.abort(job_id)
    workers.store.cut = True
    claim.let()
    await workers.clock.pass_until(
        lambda: workers.store.refused > 3, saying="it is given back in vain"
    )
    assert (await workers.job(job_id)).status == "running"
    workers.store.cut = False
    job = await workers.becomes(job_id, "aborted")
    assert (job.abort and job.abort.death) == NOTHING_RAN
    assert not workers.slots.frames


async def test_without_a_lease_nothing_is_claimed(workers: NodeUnderTest) -> None:
    """It would be given back at once, and claimed again, a thousand times a second."""
    first = await workers.submit()
    process = await workers.running()
    workers.lease._lose()
    process.finish()
    await workers.becomes(first, "successful")
    second = await workers.submit()
    await workers.idle()
    workers.clock.advance(1)
    assert (await workers.job(second)).attempt == 0
    workers.lease._hold_from(workers.clock.monotonic())
    (await workers.running()).finish()
    assert (await workers.becomes(second, "successful")).attempt == 1


async def test_a_process_that_the_warden_ended_is_no_crash_of_the_job(
    workers: NodeUnderTest,
) -> None:
    """The node was too slow to renew; the job did nothing wrong, and runs again."""
    job_id = await workers.submit()
    process = await workers.running()
    workers.lease._lose()
    process.die(-signal.SIGKILL)
    assert (await workers.becomes(job_id, "queued")).attempt == 1, "it had begun"


async def test_a_crash_under_a_held_lease_ends_the_job(workers: NodeUnderTest) -> None:
    """And leaves the worker with a new process."""
    job_id = await workers.submit()
    (await workers.running()).die(-signal.SIGSEGV)
    job = await workers.becomes(job_id, "terminated")
    assert job.error is not None
    assert "SIGSEGV" in job.error.message
    await workers.submit()
    (await workers.running()).finish()


async def test_a_job_whose_handler_is_unknown_everywhere_ends(workers: NodeUnderTest) -> None:
    """It would wait for ever."""
    job_id = await workers.submit()
    workers.slots.tasks = {}
    job = await workers.becomes(job_id, "terminated")
    assert job.error is not None
    assert job.error.kind == "unknown_task"


async def test_a_clean_up_runs_in_a_process_that_has_run_nothing(workers: NodeUnderTest) -> None:
    """Other jobs' code may have broken the one at hand."""
    job_id = await workers.submit("undoable")
    process = await workers.running()
    workers.lease._lose()
    process.die(-signal.SIGKILL)
    await workers.becomes(job_id, "queued")
    await workers.abort(job_id)
    other_id = await workers.submit()
    await workers.queue.enqueue([other_id], ahead=True)
    workers.lease._hold_from(workers.clock.monotonic())
    (await workers.running()).finish()
    await workers.becomes(other_id, "successful")
    (await workers.running()).finish()
    await workers.idle()
    used = [[frame["purpose"] for frame in process.frames] for process in workers.slots.given]
    assert used == [["run"], ["run"], ["clean"]]
