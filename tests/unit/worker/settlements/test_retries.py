"""Attempts that fail and are followed by another one, whatever happens while that is written."""

from __future__ import annotations

import signal
from typing import cast

from structlog.testing import capture_logs

from scheduler.core.errors import StoreUnavailable
from scheduler.core.job import ENDED_BY_ITSELF, Cleanup, HoldReason, Job, Status
from tests.fakes import MemoryStore
from tests.fakes.rows import Row
from tests.support.workers import NodeUnderTest

LOST = StoreUnavailable("the answer was lost")
KILLED = -signal.SIGKILL


def stored(workers: NodeUnderTest, job_id: str) -> Row:
    """The job as the store has it."""
    return cast("MemoryStore", workers.behind).rows[job_id]


async def held(workers: NodeUnderTest, job_id: str) -> Job:
    """The job once it waits for its next attempt."""
    await workers.becomes(job_id, "queued")
    await workers.idle()
    job = await workers.job(job_id)
    assert job.hold is not None
    assert job.hold.reason == HoldReason.RETRY
    return job


async def test_a_crash_holds_the_job_and_tells_the_promoter(workers: NodeUnderTest) -> None:
    """No id is enqueued: a worker that took it would find nothing to claim."""
    job_id = await workers.submit("retried")
    process = await workers.running()
    workers.service.nearer.clear()

    process.die(KILLED)

    job = await held(workers, job_id)
    assert workers.service.nearer.is_set()
    assert not workers.queue.server.ids
    assert [each.number for each in job.attempts] == [1]
    assert workers.job_events.count("retries_total", task="retried") == 1
    assert workers.job_events.count("jobs_total", task="retried", status="queued") == 0


async def test_the_last_attempt_that_is_allowed_ends_the_job(workers: NodeUnderTest) -> None:
    job_id = await workers.submit("retried")
    stored(workers, job_id).attempts_used = 2
    process = await workers.running()

    process.die(KILLED)

    job = await workers.becomes(job_id, "terminated")
    assert job.error is not None
    assert workers.job_events.count("retries_total", task="retried") == 0


async def test_an_abort_that_comes_while_a_failure_is_written_wins(workers: NodeUnderTest) -> None:
    """Its user was told that the job is being stopped: no attempt follows, and it is undone."""
    job_id = await workers.submit("retried")
    process = await workers.running()
    settle = workers.store.hold("settle", "before")
    process.die(KILLED)
    await settle.reached.wait()

    await workers.abort(job_id)
    settle.let()

    job = await workers.becomes(job_id, "aborted")
    assert job.abort is not None
    assert (job.abort.death, job.abort.cleanup) == (ENDED_BY_ITSELF, Cleanup.PENDING)
    await workers.clock.pass_until(lambda: len(workers.slots.frames) == 2)
    assert [frame["purpose"] for frame in workers.slots.frames] == ["run", "clean"]
    workers.slots.given[-1].finish()
    assert workers.job_events.count("retries_total", task="retried") == 0


async def test_an_abort_after_the_failure_is_written_ends_the_job_at_once(
    workers: NodeUnderTest,
) -> None:
    """Nothing runs any more; its clean-up is all that follows."""
    job_id = await workers.submit("retried")
    (await workers.running()).die(KILLED)
    await held(workers, job_id)

    aborted = await workers.abort(job_id)

    assert aborted.status is Status.ABORTED
    await workers.clock.pass_until(lambda: len(workers.slots.frames) == 2)
    assert [frame["purpose"] for frame in workers.slots.frames] == ["run", "clean"]
    workers.slots.given[-1].finish()


async def test_a_lost_answer_uses_up_no_second_attempt(workers: NodeUnderTest) -> None:
    """The settlement is tried again; what the promoter is told does no harm twice."""
    job_id = await workers.submit("retried")
    process = await workers.running()
    workers.store.lose_answer("settle", LOST)
    workers.service.nearer.clear()

    process.die(KILLED)

    job = await held(workers, job_id)
    assert workers.service.nearer.is_set()
    assert stored(workers, job_id).attempts_used == 1
    assert len(job.attempts) == 1


async def test_its_user_reads_in_the_log_what_failed_and_its_operator_too(
    workers: NodeUnderTest,
) -> None:
    """A warning and no error: nothing has to be done."""
    job_id = await workers.submit("retried")
    process = await workers.running()

    with capture_logs() as logged:
        process.die(KILLED)
        await held(workers, job_id)

    pages = await workers.behind.log(job_id)
    text = "".join(block.text for page in pages for block in page.blocks)
    assert text.startswith("attempt 1 failed: the process of the job was killed by signal 9")
    assert "\nthe next attempt begins in " in text
    (entry,) = (each for each in logged if "tried again" in each["event"])
    assert (entry["log_level"], entry["job"], entry["kind"]) == ("warning", job_id, "crash")
    assert 0 <= entry["next_attempt_in_s"] <= 60
