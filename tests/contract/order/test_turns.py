"""What the port `Store` promises about the order of jobs, and of changing it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from scheduler.core.job import PRIORITY_MAX, Job, Order, Status
from scheduler.core.policy import waiting_job
from scheduler.core.ports.store import Reordered, Retiming, Store
from tests.support.stores import abort, claimed, end, held, ids_of, ids_waiting, known, new, queued

HOUR = timedelta(hours=1)


async def prioritised(store: Store, priority: int) -> str:
    (job,) = (await store.insert([new(order=Order(priority=priority))])).jobs
    return job.id


async def reordered(store: Store, job_id: str, **wanted: object) -> Job:
    """The job after a change that takes effect."""
    found = await store.reorder(job_id, uid="u1", **wanted)  # type: ignore[arg-type]
    assert found is not None
    assert found.changed
    assert found.job == await known(store, job_id)
    return found.job


async def test_a_priority_is_a_head_start(store: Store) -> None:
    plain, late = await prioritised(store, 0), await prioritised(store, -60)
    soon, first = await prioritised(store, 60), await prioritised(store, PRIORITY_MAX)

    assert await ids_waiting(store) == [first, soon, plain, late]
    pages = [ids_of(page) async for page in store.pages_of_waiting(page=3)]
    assert pages == [[first, soon, plain], [late]]


async def test_who_waits_longer_than_a_head_start_is_next_all_the_same(store: Store) -> None:
    """Nothing starves: the order is that of times."""
    (old,) = (await store.insert([new(order=Order(priority=-1))])).jobs
    assert old.eligible_at is not None
    young = await prioritised(store, 0)
    assert await ids_waiting(store) == [young, old.id]

    await reordered(store, old.id, priority=1)
    assert await ids_waiting(store) == [old.id, young]


async def test_a_priority_is_kept_by_a_job_that_was_held(store: Store) -> None:
    """Schedulers with a path of its own for delayed jobs have forgotten it there."""
    plain = await queued(store)
    order = Order(priority=60, delay_s=0.001)
    (delayed,) = (await store.insert([new(order=order)])).jobs
    await asyncio.sleep(0.01)  # it is due
    (promoted,) = await store.promote(limit=10)

    assert await ids_waiting(store) == [delayed.id, plain]
    job = await known(store, delayed.id)
    assert (job.priority, promoted) == (60, waiting_job(job))


async def test_a_priority_is_kept_by_a_job_that_comes_back(store: Store) -> None:
    first = await queued(store)
    urgent = await prioritised(store, 60)
    claim = await claimed(store, urgent)

    await store.settle([end(claim, Status.QUEUED)])

    assert await ids_waiting(store) == [urgent, first]


async def test_a_changed_priority_moves_a_queued_job(store: Store) -> None:
    first, second = await queued(store), await queued(store)

    job = await reordered(store, second, priority=5)

    assert (job.priority, job.hold) == (5, None)
    assert await ids_waiting(store) == [second, first]


async def test_a_time_to_come_holds_a_queued_job(store: Store) -> None:
    job_id = await queued(store)
    run_at = datetime.now(UTC).replace(microsecond=0) + HOUR

    job = await reordered(store, job_id, retiming=Retiming(run_at))

    assert job.hold is not None
    assert (job.hold.until, job.run_at, job.eligible_at) == (run_at, run_at, None)
    assert await ids_waiting(store) == []


@pytest.mark.parametrize("past", [True, False])
async def test_no_time_and_one_that_is_past_let_a_held_job_go(store: Store, past: bool) -> None:  # noqa: FBT001
    job_id = await held(store)
    run_at = datetime.now(UTC).replace(microsecond=0) - HOUR if past else None

    job = await reordered(store, job_id, retiming=Retiming(run_at))

    assert (job.hold, job.run_at) == (None, run_at)
    assert job.eligible_at is not None
    assert job.eligible_at > datetime.now(UTC) - HOUR
    assert await ids_waiting(store) == [job_id]


async def test_another_time_takes_the_place_of_the_first(store: Store) -> None:
    job_id = await held(store)
    run_at = datetime.now(UTC).replace(microsecond=0) + HOUR

    job = await reordered(store, job_id, priority=3, retiming=Retiming(run_at))

    assert job.hold is not None
    assert (job.hold.until, job.priority) == (run_at, 3)
    next_s = await store.next_due_s()
    assert next_s is not None
    assert 3000 < next_s <= 3600


async def test_a_change_that_changes_nothing_is_none(store: Store) -> None:
    """So it can be repeated after a lost answer, and nobody is told twice."""
    job_id = await queued(store)
    run_at = datetime.now(UTC) + HOUR
    job = await reordered(store, job_id, priority=3, retiming=Retiming(run_at))

    again = await store.reorder(job_id, uid="u1", priority=3, retiming=Retiming(run_at))

    assert again == Reordered(job, changed=False)
    assert await store.reorder(job_id, uid="u1") == Reordered(job, changed=False)


async def test_only_a_queued_job_can_be_changed(store: Store) -> None:
    """One that runs has had its turn."""
    running = await claimed(store, await queued(store))
    ended = await queued(store)
    await abort(store, ended)

    for job_id in (running.id, ended):
        before = await known(store, job_id)
        wanted = Retiming(datetime.now(UTC) + HOUR)
        found = await store.reorder(job_id, uid="u1", priority=9, retiming=wanted)
        assert found == Reordered(before, changed=False)
        assert await known(store, job_id) == before


async def test_another_users_job_is_not_there(store: Store) -> None:
    job_id = await queued(store)

    assert await store.reorder(job_id, uid="u2", priority=9) is None
    assert await store.reorder("unknown", uid="u1", priority=9) is None
    assert (await known(store, job_id)).priority == 0


async def test_each_change_is_a_revision_until_the_job_is_claimed(store: Store) -> None:
    """By it, followers know a new state of a job that is queued all the time."""
    job_id = await queued(store)
    await reordered(store, job_id, priority=1)
    job = await reordered(store, job_id, priority=2)
    assert job.revision == 2

    claim = await claimed(store, job_id)
    await store.settle([end(claim, Status.QUEUED)])
    assert (await known(store, job_id)).revision == 0
