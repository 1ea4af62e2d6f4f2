"""Unkillable processes, with a process table in which some survive SIGKILL."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from scheduler.core.errors import StoreUnavailable
from scheduler.core.job import Abort, Death, Status
from scheduler.processes import tree
from scheduler.processes.tree import Process
from tests.support.eventually import eventually
from tests.support.workers import NodeUnderTest

STUCK = (Process(1, 100), Process(2, 200))
FOUND = Death(signal="SIGKILL", processes=1, survivors=2)


class ProcessTable:
    """A process table in which some processes survive SIGKILL."""

    def __init__(self) -> None:
        self.there = set(STUCK)
        self.looks = 0

    def end_again(self, survivors: Iterable[Process]) -> tuple[Process, ...]:
        self.looks += 1
        return tuple(process for process in survivors if process in self.there)


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> ProcessTable:
    table = ProcessTable()
    monkeypatch.setattr(tree, "end_again", table.end_again)
    return table


async def test_the_job_stays_running_until_its_last_process_is_gone(
    workers: NodeUnderTest, table: ProcessTable
) -> None:
    """The receipt shows how many there are; the job ends aborted only when none is left."""
    job_id = await begin_and_abort(workers)
    await workers.clock.pass_until(lambda: table.looks > 1)
    assert await receipt(workers, job_id) == (Status.RUNNING, FOUND)
    table.there.discard(STUCK[0])

    async def one_is_left() -> bool:
        return await receipt(workers, job_id) == (Status.RUNNING, replace(FOUND, survivors=1))

    await workers.clock.pass_until(one_is_left)
    table.there.clear()
    await workers.becomes(job_id, "aborted")
    assert await receipt(workers, job_id) == (Status.ABORTED, replace(FOUND, survivors=0))


async def test_between_two_looks_time_passes(workers: NodeUnderTest, table: ProcessTable) -> None:
    """It may take days, and the node must not look all the time."""
    job_id = await begin_and_abort(workers)

    async def shown() -> bool:
        return await receipt(workers, job_id) == (Status.RUNNING, FOUND)

    await eventually(shown)
    assert not table.looks
    table.there.clear()
    await workers.becomes(job_id, "aborted")


async def test_the_worker_goes_on_meanwhile(workers: NodeUnderTest, table: ProcessTable) -> None:
    """A job that cannot be ended costs its slot only a process."""
    job_id = await begin_and_abort(workers)
    other_id = await workers.submit()
    (await workers.running()).finish()
    await workers.becomes(other_id, "successful")
    assert (await workers.job(job_id)).status is Status.RUNNING
    table.there.clear()
    await workers.becomes(job_id, "aborted")


async def test_the_job_is_not_taken_for_a_lost_claim_meanwhile(
    workers: NodeUnderTest, table: ProcessTable
) -> None:
    """Given back as a lost claim, it would be reported dead while its processes live."""
    job_id = await begin_and_abort(workers)
    await workers.clock.pass_until(lambda: table.looks)
    await workers.lost_claims.give_back()
    assert (await workers.job(job_id)).status is Status.RUNNING
    table.there.clear()
    await workers.becomes(job_id, "aborted")


async def test_an_unavailable_store_does_not_end_the_watch(
    workers: NodeUnderTest, table: ProcessTable
) -> None:
    """A number that could not be written is written at the next look."""
    note = workers.store.hold("note_survivors", "before")
    job_id = await begin_and_abort(workers)
    await note.reached.wait()
    note.let(StoreUnavailable("away"))
    await workers.clock.pass_until(lambda: table.looks > 1)
    assert await receipt(workers, job_id) == (Status.RUNNING, FOUND)
    table.there.clear()
    await workers.becomes(job_id, "aborted")


async def begin_and_abort(workers: NodeUnderTest) -> str:
    """Abort a job, two of whose processes survive; its id."""
    job_id = await workers.submit()
    await workers.running()
    workers.slots.outliving = STUCK
    await workers.abort(job_id)
    await eventually(lambda: workers.slots.ended)
    return job_id


async def receipt(workers: NodeUnderTest, job_id: str) -> tuple[Status, Death | None]:
    job = await workers.job(job_id)
    abort: Abort | None = job.abort
    assert abort is not None
    return job.status, abort.death
