"""A job that is claimed while another one runs: claimed, not started, and treated as that."""

from __future__ import annotations

import pytest

from scheduler.core.job import NOTHING_RAN, Job, StopReason
from scheduler.worker import slot_line
from scheduler.worker.prefetch import SHORT_S, STREAK
from tests.fakes.slots import FakeProcess
from tests.support.eventually import eventually
from tests.support.workers import NODE, NodeUnderTest


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is told by real time that he waits too long."""
    monkeypatch.setattr(slot_line, "PATIENCE_S", 3600.0)


async def one_runs_one_is_ready(workers: NodeUnderTest) -> tuple[FakeProcess, str]:
    """A job runs; the id of another one that is claimed."""
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
    """Wait until a job has a status, while no time passes."""

    async def arrived() -> bool:
        return (await workers.job(job_id)).status == status

    await eventually(arrived)
    return await workers.job(job_id)


async def test_it_begins_as_soon_as_the_other_one_ends(workers: NodeUnderTest) -> None:
    """Neither the commit of the other's end nor a claim is waited for."""
    process, job_id = await one_runs_one_is_ready(workers)
    settle = workers.store.hold("settle", "before")
    process.finish()
    await settle.reached.wait()
    await eventually(process.begun.is_set)
    assert [frame["id"] for frame in process.frames][1:] == [job_id]
    settle.let()
    process.finish()
    assert (await job_is(workers, job_id, "successful")).attempt == 1


async def test_there_is_never_more_than_one_for_each_slot(workers: NodeUnderTest) -> None:
    _, _ = await one_runs_one_is_ready(workers)
    third = await workers.submit()
    assert list(workers.queue.server.ids) == [third]
    assert (await workers.job(third)).status == "queued"


async def test_aborted_it_ends_at_once_and_nothing_ran(workers: NodeUnderTest) -> None:
    """Like a queued one: the job in the slot before it is nobody's reason to wait."""
    process, job_id = await one_runs_one_is_ready(workers)
    await workers.abort(job_id)
    job = await job_is(workers, job_id, "aborted")
    assert job.abort is not None
    assert job.abort.death == NOTHING_RAN
    assert process.begun.is_set(), "the other one runs on"
    assert len(workers.slots.frames) == 1


async def test_aborted_as_its_turn_comes_it_does_not_begin(workers: NodeUnderTest) -> None:
    """Guarantee 5. The user has his answer already when the node looks what the hint was about."""
    process, job_id = await one_runs_one_is_ready(workers)
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
    """The running job may take all of drain_s; this one need not wait for that."""
    process, job_id = await one_runs_one_is_ready(workers)
    workers.workers.drain()
    assert (await job_is(workers, job_id, "queued")).attempt == 0
    assert process.begun.is_set()
    await eventually(lambda: list(workers.queue.server.ids) == [job_id])
    await eventually(lambda: job_id not in workers.queue.server.inflight[NODE.id])


async def test_a_lost_lease_gives_it_back(workers: NodeUnderTest) -> None:
    """Guarantee 1. Another node takes it over, and this one must not begin it."""
    _, job_id = await one_runs_one_is_ready(workers)
    workers.lease._lose()
    workers.local_jobs.stop_all(StopReason.LEASE_LOST, grace_s=0)
    assert (await job_is(workers, job_id, "queued")).attempt == 0
    assert len(workers.slots.frames) == 1


async def test_it_does_not_begin_under_a_lease_that_ended_while_it_waited(
    workers: NodeUnderTest,
) -> None:
    """Guarantee 1. The node was frozen (SIGSTOP), and this is the first thing it does."""
    process, job_id = await one_runs_one_is_ready(workers)
    workers.lease._on_lost = lambda: workers.local_jobs.stop_all(StopReason.LEASE_LOST, grace_s=0)
    workers.lease._held_until = workers.clock.monotonic()
    process.finish()
    assert (await job_is(workers, job_id, "queued")).attempt == 0
    assert len(workers.slots.frames) == 1


async def test_behind_a_job_that_turns_out_to_be_long_it_goes_back(
    workers: NodeUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another node may have a slot that idles; and it counts as no attempt."""
    monkeypatch.setattr(slot_line, "PATIENCE_S", 0.01)
    process, job_id = await one_runs_one_is_ready(workers)
    assert (await job_is(workers, job_id, "queued")).attempt == 0
    await eventually(lambda: list(workers.queue.server.ids) == [job_id])
    assert not workers.slot_line.prefetch.quick
    process.finish()
    await eventually(process.begun.is_set)
    process.finish()
    assert (await job_is(workers, job_id, "successful")).attempt == 1
