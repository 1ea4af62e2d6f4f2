"""What the port `Store` promises about jobs that wait for a time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from scheduler.core.job import NOTHING_RAN, HoldReason, Job, Order, Status
from scheduler.core.ports.store import Store
from tests.support.stores import (
    abort,
    claimed,
    end,
    held,
    ids_waiting,
    known,
    later,
    new,
    node,
    promoted,
    queued,
)

YEAR = timedelta(days=365)
SKEWS = [timedelta(hours=-1), timedelta(), timedelta(hours=1)]
"""By how much the clock of the node is wrong that makes the call."""


async def inserted(store: Store, **wanted: object) -> Job:
    (job,) = (await store.insert([new(order=Order(**wanted))])).jobs  # type: ignore[arg-type]
    return job


async def test_a_job_without_a_time_may_run_at_once(store: Store) -> None:
    job = await inserted(store)

    assert (job.hold, job.run_at, job.priority) == (None, None, 0)
    assert job.eligible_at is not None
    assert await known(store, job.id) == job
    assert await ids_waiting(store) == [job.id]


async def test_a_delayed_job_is_held_until_its_time(store: Store) -> None:
    job = await inserted(store, delay_s=3600)

    assert job.hold is not None
    assert job.hold.reason == HoldReason.RUN_AT
    assert job.hold.until == job.run_at is not None
    assert (job.status, job.eligible_at) == (Status.QUEUED, None)
    assert await known(store, job.id) == job


async def test_a_held_job_is_found_by_nothing_that_looks_for_work(store: Store) -> None:
    """An id in the queue may be stale: the claim decides."""
    job_id = await held(store)
    await store.register(node())

    assert await ids_waiting(store) == []
    assert [page async for page in store.pages_of_waiting(page=10)] == []
    assert list(await store.claim([job_id], node_id="a1", at=later(1))) == []
    assert list(await store.promote(limit=10)) == []


async def test_a_held_job_is_not_stored_as_claimed(store: Store) -> None:
    """Its worker idles: it would begin before its time."""
    await store.register(node())

    found = await store.insert([new(order=Order(delay_s=3600))], claimer="a1")

    assert (found.created, list(found.claims)) == (True, [])
    assert (await known(store, found.jobs[0].id)).status is Status.QUEUED


@pytest.mark.parametrize("skew", SKEWS)
async def test_no_clock_of_a_node_makes_a_job_begin_before_its_time(
    store: Store, skew: timedelta
) -> None:
    """Whatever time a node names, that of the store counts."""
    run_at = datetime.now(UTC) + timedelta(minutes=30)
    job = await inserted(store, run_at=run_at)
    await store.register(node())

    assert list(await store.promote(limit=10)) == []
    assert list(await store.claim([job.id], node_id="a1", at=run_at + skew)) == []
    assert (await known(store, job.id)).hold is not None


async def test_a_job_is_promoted_once_its_time_has_come(store: Store) -> None:
    job = await inserted(store, delay_s=0.05)
    before = await known(store, job.id)

    assert await promoted(store) == [job.id]

    after = await known(store, job.id)
    assert before.hold is not None
    assert (after.hold, after.run_at) == (None, before.run_at)
    assert after.eligible_at == before.hold.until
    assert after.revision > before.revision
    assert await ids_waiting(store) == [job.id]
    assert list(await store.promote(limit=10)) == []


async def test_a_time_that_is_past_holds_nothing(store: Store) -> None:
    """Its user sees it: it runs at once, and the turn is not moved to the time that is past."""
    other = await inserted(store)
    job = await inserted(store, run_at=datetime.now(UTC) - YEAR)

    assert job.run_at is not None
    assert job.eligible_at is not None
    assert (job.hold, job.run_at < job.eligible_at) == (None, True)
    assert await ids_waiting(store) == [other.id, job.id]


async def test_a_time_between_two_milliseconds_is_not_moved_forward(store: Store) -> None:
    """The store keeps milliseconds; a job would begin a moment before its time."""
    run_at = (datetime.now(UTC) + YEAR).replace(microsecond=7001)

    job = await inserted(store, run_at=run_at)

    assert job.run_at is not None
    assert job.run_at == run_at.replace(microsecond=8000)


async def test_those_that_are_due_longest_come_first(store: Store) -> None:
    sent = [new(order=Order(delay_s=0.02)), new(order=Order(delay_s=0.01))]
    later_one, first = (await store.insert(sent)).jobs
    await asyncio.sleep(0.03)  # both are due

    assert [each.id for each in await store.promote(limit=1)] == [first.id]
    assert [each.id for each in await store.promote(limit=1)] == [later_one.id]


async def test_concurrent_nodes_promote_each_job_once(store: Store) -> None:
    jobs = [await inserted(store, delay_s=0.001) for _ in range(20)]
    await asyncio.sleep(0.01)  # all are due

    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(store.promote(limit=5)) for _ in range(8)]

    found = [each.id for call in calls for each in call.result()]
    found += [each.id for each in await store.promote(limit=100)]
    assert sorted(found) == sorted(job.id for job in jobs)


async def test_the_next_time_is_known(store: Store) -> None:
    """A node sleeps until then."""
    assert await store.next_due_s() is None
    await inserted(store, delay_s=3600)
    await inserted(store, delay_s=600)

    next_s = await store.next_due_s()

    assert next_s is not None
    assert 500 < next_s <= 600


async def test_an_abort_of_a_held_job_is_done_at_once(store: Store) -> None:
    """Nothing of it runs: the receipt says so."""
    job_id = await held(store, undoable=True)

    job = await abort(store, job_id)

    assert job is not None
    assert job.abort is not None
    assert (job.status, job.hold, job.abort.death) == (Status.ABORTED, None, NOTHING_RAN)
    assert job.abort.cleanup is None
    assert await store.next_due_s() is None
    assert list(await store.promote(limit=10)) == []


async def test_an_abort_and_the_time_of_a_job_may_come_together(store: Store) -> None:
    """Whichever is first: the job ends aborted, and nothing starts."""
    jobs = [await inserted(store, delay_s=0.001) for _ in range(10)]
    await asyncio.sleep(0.01)  # all are due

    async with asyncio.TaskGroup() as group:
        for job in jobs:
            group.create_task(abort(store, job.id))
            group.create_task(store.promote(limit=2))

    assert {(await known(store, job.id)).status for job in jobs} == {Status.ABORTED}
    assert await ids_waiting(store) == []


async def test_held_jobs_are_aborted_with_all_others(store: Store) -> None:
    job_id = await held(store)
    assert list(await store.unfinished("u1", limit=10)) == [job_id]
    assert await store.unfinished_by_user(statuses=[Status.QUEUED], limit=10) == {"u1": 1}


async def test_what_comes_back_from_a_node_is_not_held(store: Store) -> None:
    """Its time has come: it waits for the next worker."""
    job = await inserted(store, delay_s=0.001)
    await promoted(store)
    claim = await claimed(store, job.id)

    await store.settle([end(claim, Status.QUEUED)])

    assert await ids_waiting(store) == [job.id]
    assert (await known(store, job.id)).hold is None


async def test_the_time_of_a_repeated_submission_is_that_of_the_first(store: Store) -> None:
    """A key names one job: a delay does not begin anew."""
    sent = new(key="k", fingerprint="f", order=Order(delay_s=3600))
    (first,) = (await store.insert([sent])).jobs

    again = await store.insert([new(key="k", fingerprint="f", order=Order(delay_s=3600))])

    assert (again.created, list(again.jobs)) == (False, [first])


async def test_a_parent_does_not_wait_for_a_held_child(store: Store) -> None:
    """No worker that becomes free would help it: nobody need be told of too few workers."""
    parent = await claimed(store, await queued(store))
    await store.insert([new(parent=parent.id, order=Order(delay_s=3600))])
    assert await store.parents_in_wait("a1") == set()

    await store.insert([new(parent=parent.id)])
    assert await store.parents_in_wait("a1") == {parent.id}
