"""The service's abort with children, on each store: nothing below the job is left, or comes."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress

import pytest

from scheduler.basics.clock import new_id
from scheduler.core.access.principal import EVERYBODY
from scheduler.core.errors import ParentAborted
from scheduler.core.handler import HandlerOptions
from scheduler.core.job import FINAL, Job, JobRequest, JsonText, Status
from scheduler.core.ports.store import Store
from scheduler.core.tasks import Tasks
from scheduler.service.change_feed import ChangeFeed
from scheduler.service.job_looks import JobLooks
from scheduler.service.service import ABORTS_AT_ONCE_MAX, Service
from tests.fakes import FakeClock, MemoryQueue, NoDirectStart
from tests.support.job_events import Counting
from tests.support.stores import BYTES_MAX, claimed, end, known

SUBMITTERS = 4


@pytest.fixture
def service(store: Store) -> Service:
    queue, clock = MemoryQueue(), FakeClock()
    return Service(
        store=store,
        queue=queue,
        change_feed=ChangeFeed(store=store, queue=queue, clock=clock),
        looks=JobLooks(store),
        clock=clock,
        new_id=new_id,
        tasks=Tasks({"task1": HandlerOptions(name="task1")}, loaded_at=clock.now()),
        draining=asyncio.Event(),
        direct_start=NoDirectStart(),
        job_events=Counting(clock),
    )


async def submit(service: Service, parent: str | None = None, uid: str = "u1") -> str:
    job = JobRequest(uid=uid, task="task1", data=JsonText("1"), hook=None, parent=parent)
    return (await service.submit(EVERYBODY, [job])).jobs[0].id


async def jobs_of(store: Store, uid: str = "u1") -> list[Job]:
    return list(await store.page(uid, limit=10_000, bytes_max=BYTES_MAX))


async def test_all_below_a_job_is_aborted_and_nothing_else(store: Store, service: Service) -> None:
    root, other = await submit(service), await submit(service)
    parent = root
    for _ in range(3):
        parent = await submit(service, parent)
    foreign = await submit(service, root, "u2")
    under_other = await submit(service, other)
    done = await claimed(store, await submit(service, root))
    await store.settle([end(done)])
    runs = await claimed(store, await submit(service, done.id))

    job = await service.abort(EVERYBODY, "u1", root, reason="enough", grace_s=2, children=True)

    assert (job.id, job.status) == (root, Status.ABORTED)
    assert [(await known(store, each)).status for each in (other, under_other, foreign)] == [
        Status.QUEUED
    ] * 3
    left = [job for job in await jobs_of(store) if job.status not in FINAL and job.abort is None]
    assert {job.id for job in left} == {other, under_other}
    assert (await known(store, done.id)).status is Status.SUCCESSFUL
    stopping = await known(store, runs.id)
    assert stopping.abort is not None
    assert (stopping.abort.reason, stopping.abort.grace_s) == ("enough", 2)


async def test_what_is_below_a_job_that_had_ended_is_aborted_too(
    store: Store, service: Service
) -> None:
    """It may have submitted the next stage and returned, as it is told to."""
    root = await claimed(store, await submit(service))
    below = await submit(service, root.id)
    await store.settle([end(root)])

    job = await service.abort(EVERYBODY, "u1", root.id, children=True)

    assert (job.status, job.abort) == (Status.SUCCESSFUL, None)
    assert (await known(store, below)).status is Status.ABORTED


async def test_more_jobs_than_are_aborted_at_a_time_are_all_aborted(
    store: Store, service: Service
) -> None:
    root = await submit(service)
    job = JobRequest(uid="u1", task="task1", data=JsonText("1"), hook=None, parent=root)
    await service.submit(EVERYBODY, [job] * (2 * ABORTS_AT_ONCE_MAX + 1))

    await service.abort(EVERYBODY, "u1", root, children=True)

    assert {job.status for job in await jobs_of(store)} == {Status.ABORTED}


async def test_an_abort_with_children_can_be_repeated_where_it_broke_off(
    store: Store, service: Service
) -> None:
    """The node that did it may have died after any of its steps."""
    root = await submit(service)
    middle = await submit(service, root)
    last = await submit(service, middle)
    await service.abort(EVERYBODY, "u1", root)
    await service.abort(EVERYBODY, "u1", middle)
    await store.refuse_children(root, uid="u1", limit=2)

    await service.abort(EVERYBODY, "u1", root, children=True)

    assert (await known(store, last)).status is Status.ABORTED


async def test_a_more_urgent_abort_reaches_what_is_below(store: Store, service: Service) -> None:
    root = await submit(service)
    below = await claimed(store, await submit(service, root))
    await service.abort(EVERYBODY, "u1", root, grace_s=30, children=True)
    await service.abort(EVERYBODY, "u1", root, grace_s=0, children=True)

    job = await known(store, below.id)
    assert job.abort is not None
    assert job.abort.grace_s == 0


@pytest.mark.timeout(30)
@pytest.mark.parametrize("before", [1, 20, 60])
async def test_of_children_submitted_meanwhile_none_is_left(
    store: Store, service: Service, before: int
) -> None:
    """Each is either refused, or aborted by the time that the abort is answered."""
    tree, answered, grown = deque([await submit(service)]), asyncio.Event(), asyncio.Event()

    async def submit_meanwhile() -> None:
        while not answered.is_set():
            tree.rotate(-1)  # each in turn, the newest last
            with suppress(ParentAborted):
                tree.append(await submit(service, tree[0]))
            if len(tree) >= before:
                grown.set()
            await asyncio.sleep(0)

    root = tree[0]
    async with asyncio.TaskGroup() as group:
        for _ in range(SUBMITTERS):
            group.create_task(submit_meanwhile())
        await grown.wait()
        await service.abort(EVERYBODY, "u1", root, children=True)
        answered.set()

    assert {job.status for job in await jobs_of(store)} == {Status.ABORTED}
    assert len(await jobs_of(store)) == len(tree)
