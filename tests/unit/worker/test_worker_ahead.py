"""A job that is claimed while another one runs: it has not started, and is treated so."""

from __future__ import annotations

import pytest

from scheduler.core.job import NOTHING_RAN, Job, StopReason
from scheduler.worker import prefetch, slot_line
from scheduler.worker.prefetch import SHORT_S, STREAK
from tests.fakes.slots import FakeProcess
from tests.support.eventually import eventually
from tests.support.workers import NODE, NodeUnderTest


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no wait in line take too long by real time."""
    monkeypatch.setattr(slot_line, "PATIENCE_S", 3600.0)


async def run_one_and_claim_one(workers: NodeUnderTest) -> tuple[FakeProcess, str]:
    """Run a job and claim another one; the process of the first and the id of the second."""
    await workers.submit()
    process = await workers.running()
    for _ in range(STREAK):
        workers.slot_line.prefetch.ran(for_s=SHORT_S / 2)
    job_id = await workers.submit()
    workers.slot_line._admit()

    async def claimed() -> bool:
        return (await workers.job(job_id)).status == "running"

    await eventually(claimed)
    return process, job_id


async def job_is(workers: NodeUnderTest, job_id: str, status: str) -> Job:
    """Wait until a job has a status; no time passes meanwhile."""

    async def arrived() -> bool:
        return (await workers.job(job_id)).status == status

    await eventually(arrived)
    return await workers.job(job_id)


async def test_it_begins_as_soon_as_the_running_one_ends(workers: NodeUnderTest) -> None:
    """It waits neither for the commit of the other job's end nor for a claim."""
    process, job_id = await run_one_and_claim_one(workers)
    settle = workers.store.hold("settle", "before")
    process.finish()
    await settle.reached.wait()
    await eventually(process.begun.is_set)
    assert [frame["id"] for frame in process.frames][1:] == [job_id]
    settle.let()
    process.finish()
    assert (await job_is(workers, job_id, "successful")).attempt == 1


async def test_an_id_that_comes_late_does_not_end_it_where_it_waited_already(
    workers: NodeUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A busy node or server takes its time, and would take more for each job by itself."""
    monkeypatch.setattr(prefetch, "AT_ONCE_S", -1.0)
    await run_one_and_claim_one(workers)
    assert workers.slot_line.prefetch.active


async def test_there_is_never_more_than_one_for_each_slot(workers: NodeUnderTest) -> None:
    _, _ = await run_one_and_claim_one(workers)
    third = await workers.submit()
    assert workers.queue.server.ids == [third]
    assert (await workers.job(third)).status == "queued"


async def test_aborted_it_ends_at_once_without_having_run(workers: NodeUnderTest) -> None:
    """Like a queued one: it does not wait for the job that has the slot."""
    process, job_id = await run_one_and_claim_one(workers)
    await workers.abort(job_id)
    job = await job_is(workers, job_id, "aborted")
    assert job.abort is not None
    assert job.abort.death == NOTHING_RAN
    assert process.begun.is_set(), "the other one runs on"
    assert len(workers.slots.frames) == 1


async def test_aborted_as_it_gets_its_slot_it_does_not_begin(workers: NodeUnderTest) -> None:
    """Guarantee 5. The user has the answer already when the node looks the abort up."""
    process, job_id = await run_one_and_claim_one(workers)
    look = workers.store.hold("get", "before")
    await workers.abort(job_id)
    await look.reached.wait()
    process.finish()
    job = await job_is(workers, job_id, "aborted")
    look.let()
    assert job.abort is not None
    assert job.abort.death == NOTHING_RAN
    assert len(workers.slots.frames) == 1


async def test_a_drain_gives_it_back_at_once(workers: NodeUnderTest) -> None:
    """The running job may use all of drain_s; this one does not have to wait for it."""
    process, job_id = await run_one_and_claim_one(workers)
    workers.workers.drain()
    assert (await job_is(workers, job_id, "queued")).attempt == 0
    assert process.begun.is_set()
    await eventually(lambda: workers.queue.server.ids == [job_id])
    await eventually(lambda: job_id not in workers.queue.server.inflight(NODE.id))


async def test_a_lost_lease_gives_it_back(workers: NodeUnderTest) -> None:
    """Guarantee 1. Another node takes it over, so this one must not begin it."""
    _, job_id = await run_one_and_claim_one(workers)
    workers.lease._lose()
    workers.local_jobs.stop_all(StopReason.LEASE_LOST, grace_s=0)
    assert (await job_is(workers, job_id, "queued")).attempt == 0
    assert len(workers.slots.frames) == 1


async def test_it_does_not_begin_if_the_lease_ended_while_it_waited(
    workers: NodeUnderTest,
) -> None:
    """Guarantee 1. The node was stopped for a while; this is the first thing it does."""
    process, job_id = await run_one_and_claim_one(workers)
    workers.lease._on_lost = lambda: workers.local_jobs.stop_all(StopReason.LEASE_LOST, grace_s=0)
    workers.lease._held_until = workers.clock.monotonic()
    process.finish()
    assert (await job_is(workers, job_id, "queued")).attempt == 0
    assert len(workers.slots.frames) == 1


async def test_behind_a_long_job_it_goes_back_to_the_queue(
    workers: NodeUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another node may have an idle slot. It does not count as an attempt."""
    monkeypatch.setattr(slot_line, "PATIENCE_S", 0.01)
    process, job_id = await run_one_and_claim_one(workers)
    assert (await job_is(workers, job_id, "queued")).attempt == 0
    await eventually(lambda: workers.queue.server.ids == [job_id])
    assert not workers.slot_line.prefetch.active
    process.finish()
    await eventually(process.begun.is_set)
    process.finish()
    assert (await job_is(workers, job_id, "successful")).attempt == 1


async def test_that_went_back_it_does_not_overtake_another_user(
    workers: NodeUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node may have claimed 200 ahead of one user, before his jobs took longer."""
    monkeypatch.setattr(slot_line, "PATIENCE_S", 0.01)
    process, job_id = await run_one_and_claim_one(workers)
    await eventually(lambda: workers.queue.server.ids == [job_id])
    await eventually(lambda: job_id not in workers.queue.server.inflight(NODE.id))
    other = await workers.submit(uid="u2")
    process.finish()

    assert (await workers.becomes(other, "running")).uid == "u2"
    assert (await workers.job(job_id)).status == "queued"
