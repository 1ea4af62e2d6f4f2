"""A worker: what happens to ids, claims and jobs when something fails between two steps."""

from __future__ import annotations

import asyncio
import signal

from scheduler.core.errors import QueueUnavailable, StoreUnavailable
from scheduler.core.job import NOTHING_RAN, StopReason
from scheduler.core.tasks import Tasks
from tests.fakes import AT, MemoryStore
from tests.support.eventually import eventually
from tests.support.stores import waiting
from tests.support.workers import END_S, IDLE_S, NODE, NodeUnderTest

LOST = StoreUnavailable("the connection was lost")


async def test_a_job_runs_and_its_id_is_acknowledged(workers: NodeUnderTest) -> None:
    """The main path."""
    job_id = await workers.submit()
    (await workers.running()).finish('"done"')
    job = await workers.becomes(job_id, "successful")
    assert (job.result, job.attempt) == ('"done"', 1)
    await workers.idle()
    assert not workers.queue.server.inflight(NODE.id)


async def test_an_id_that_comes_twice_runs_once(workers: NodeUnderTest) -> None:
    """Guarantee 1. Ids are hints: the sweeper may enqueue one that is in the queue already."""
    job_id = await workers.submit()
    await workers.queue.enqueue(waiting(job_id))
    (await workers.running()).finish()
    await eventually(lambda: not workers.queue.server.ids)
    await workers.idle()
    assert len(workers.slots.frames) == 1


async def test_an_id_is_given_back_when_the_claim_fails(
    workers: NodeUnderTest,
) -> None:
    """If it stayed in flight with a worker that has given up, nothing would look for it."""
    claim = workers.store.hold("claim", "before")
    job_id = await workers.submit()
    await claim.reached.wait()
    claim.let(LOST)
    await eventually(lambda: workers.queue.server.ids == [job_id])
    assert not workers.queue.server.inflight(NODE.id)
    workers.clock.advance(10)
    (await workers.running()).finish()
    assert (await workers.becomes(job_id, "successful")).attempt == 1


async def test_a_job_runs_though_its_id_cannot_be_acknowledged(
    workers: NodeUnderTest,
) -> None:
    """Redis may die at any moment; the claim stays valid, and the next job runs as well."""
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


async def test_a_job_whose_claim_is_answered_during_a_drain_is_given_back(
    workers: NodeUnderTest,
) -> None:
    """The answer came after all jobs were stopped: nothing would stop this one."""
    claim = workers.store.hold("claim", "after")
    job_id = await workers.submit()
    await claim.reached.wait()
    workers.workers.drain()
    workers.local_jobs.stop_all(StopReason.DRAIN)
    claim.let()
    await workers.becomes(job_id, "queued")
    await workers.idle()
    assert not workers.slots.frames
    assert workers.queue.server.ids == [job_id]


async def test_a_job_whose_claim_is_answered_after_the_lease_was_lost_does_not_begin(
    workers: NodeUnderTest,
) -> None:
    """Guarantee 1. Between the claim and its answer, another node may have taken the job over."""
    claim = workers.store.hold("claim", "after")
    job_id = await workers.submit()
    await claim.reached.wait()
    workers.lease._lose()
    # And is held again before the answer comes.
    await workers.lease._hold_from(workers.clock.monotonic())
    claim.let()
    (await workers.running()).finish()
    job = await workers.becomes(job_id, "successful")
    assert (job.attempt, job.token) == (1, 2), "it was claimed once more"
    assert len(workers.slots.frames) == 1


async def test_a_job_whose_abort_came_before_the_answer_to_its_claim_does_not_begin(
    workers: NodeUnderTest,
) -> None:
    """Guarantee 5. Its user was answered that it is being stopped: it must touch nothing."""
    claim = workers.store.hold("claim", "after")
    job_id = await workers.submit()
    await claim.reached.wait()
    await workers.abort(job_id)
    workers.local_jobs.hint(job_id)
    claim.let()
    await workers.becomes(job_id, "aborted")
    assert not workers.slots.frames


async def test_a_job_whose_abort_cannot_be_looked_up_does_not_begin(workers: NodeUnderTest) -> None:
    """Guarantee 5. It is given back, tried until that succeeds, and is thereby aborted."""
    claim = workers.store.hold("claim", "after")
    job_id = await workers.submit()
    await claim.reached.wait()
    await workers.abort(job_id)
    workers.store.cut = True
    claim.let()
    await workers.clock.pass_until(lambda: workers.store.refused > 3, saying="giving it back fails")
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
    await workers.lease._hold_from(workers.clock.monotonic())
    (await workers.running()).finish()
    assert (await workers.becomes(second, "successful")).attempt == 1


async def test_a_process_ended_by_the_warden_does_not_count_as_a_crash(
    workers: NodeUnderTest,
) -> None:
    """The node was too slow to renew its lease; the job did nothing wrong, and runs again."""
    job_id = await workers.submit()
    process = await workers.running()
    workers.lease._lose()
    process.die(-signal.SIGKILL)
    assert (await workers.becomes(job_id, "queued")).attempt == 1, "it had begun"


async def test_a_crash_under_a_held_lease_ends_the_job(workers: NodeUnderTest) -> None:
    """And the worker gets a new process."""
    job_id = await workers.submit()
    (await workers.running()).die(-signal.SIGSEGV)
    job = await workers.becomes(job_id, "terminated")
    assert job.error is not None
    assert "SIGSEGV" in job.error.message
    await workers.submit()
    (await workers.running()).finish()


async def test_a_job_whose_handler_is_unknown_everywhere_ends(workers: NodeUnderTest) -> None:
    """Else it would wait for ever."""
    job_id = await workers.submit()
    workers.slots.tasks = Tasks({}, loaded_at=AT)
    job = await workers.becomes(job_id, "terminated")
    assert job.error is not None
    assert job.error.kind == "unknown_task"


async def test_a_clean_up_runs_in_a_fresh_process(workers: NodeUnderTest) -> None:
    """The code of other jobs may have broken the process of the slot."""
    job_id = await workers.submit("undoable")
    process = await workers.running()
    workers.lease._lose()
    process.die(-signal.SIGKILL)
    await workers.becomes(job_id, "queued")
    await workers.abort(job_id)
    other_id = await workers.submit()
    await workers.queue.enqueue(waiting(other_id), ahead=True)
    await workers.lease._hold_from(workers.clock.monotonic())
    (await workers.running()).finish()
    await workers.becomes(other_id, "successful")
    (await workers.running()).finish()
    await workers.idle()
    used = [[frame["purpose"] for frame in process.frames] for process in workers.slots.given]
    assert used == [["run"], ["run"], ["clean"]]


async def test_a_notification_that_cannot_be_stored_ends_with_the_workers() -> None:
    """A drain that is out of time would never end, while the store is unavailable."""
    async with asyncio.TaskGroup() as group:
        node = NodeUnderTest(MemoryStore(), group)
        await node.lease.begin()
        working = group.create_task(node.workers.run())
        await node.submit()
        process = await node.running()
        storing = node.store.hold("add_call", "before")
        process.notify("1")
        await storing.reached.wait()
        working.cancel()
        await asyncio.wait({working}, timeout=END_S)
        assert working.done()
        assert not [task for task in asyncio.all_tasks() if "notification" in task.get_name()]
        node.workers.close()


async def test_a_job_whose_handler_went_while_its_request_was_read_ends(
    workers: NodeUnderTest,
) -> None:
    """Handlers may be loaded anew between the check of a large body and its jobs' insertion."""
    job = await workers.becomes(await workers.submit("gone"), "terminated")
    assert job.error is not None
    assert job.error.kind == "unknown_task"
