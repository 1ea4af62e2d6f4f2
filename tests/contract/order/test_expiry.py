"""What the port `Store` promises about jobs that must begin in time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from scheduler.core.job import NOTHING_RAN, FailureKind, Order, Status
from scheduler.core.ports.store import Retiming, Store
from tests.support.eventually import eventually
from tests.support.stores import claimed, end, ids_waiting, known, later, new, node, promoted


async def urgent(store: Store, within_s: float = 0.001, **more: float) -> str:
    order = Order(start_within_s=within_s, **more)  # type: ignore[arg-type]
    (job,) = (await store.insert([new(hook="http://h/", order=order)])).jobs
    return job.id


async def expired(store: Store) -> list[str]:
    """The ids of the jobs that are ended, once there are some."""
    found: list[str] = []

    async def some() -> bool:
        found.extend(await store.expire(limit=10))
        return bool(found)

    await eventually(some)
    return found


async def test_a_job_that_has_not_begun_in_time_ends_expired(store: Store) -> None:
    job_id = await urgent(store)

    assert await expired(store) == [job_id]

    job = await known(store, job_id)
    assert job.error is not None
    assert (job.status, job.error.kind) == (Status.TERMINATED, FailureKind.EXPIRED)
    assert (job.attempt, job.started_at) == (0, None)
    assert job.finished_at is not None
    assert list(await store.expire(limit=10)) == []
    assert await ids_waiting(store) == []


async def test_its_hook_is_called_once(store: Store) -> None:
    job_id = await urgent(store)
    await expired(store)
    await store.expire(limit=10)

    taken = await store.take_calls(taken_s=60, limit=10)

    assert [call.job_id for call in taken] == [job_id]


async def test_a_claim_leaves_it_out_that_comes_before_its_end(store: Store) -> None:
    """Its user was promised that it begins in time or never."""
    job_id = await urgent(store)
    await store.register(node())
    await asyncio.sleep(0.01)  # longer than it may wait

    assert list(await store.claim([job_id], node_id="a1", at=later(0))) == []
    assert (await known(store, job_id)).status is Status.QUEUED
    assert await expired(store) == [job_id]


async def test_one_that_begins_in_time_runs(store: Store) -> None:
    claim = await claimed(store, await urgent(store, within_s=3600))

    assert list(await store.expire(limit=10)) == []
    assert await store.settle([end(claim)]) == {claim.id: Status.SUCCESSFUL}


async def test_one_that_had_begun_does_not_expire_when_it_comes_back(store: Store) -> None:
    """It was in time; that its node drains or dies is not its fault."""
    job_id = await urgent(store, within_s=0.3)
    claim = await claimed(store, job_id)
    await asyncio.sleep(0.35)  # longer than it may wait
    await store.settle([end(claim, Status.QUEUED)])

    assert list(await store.expire(limit=10)) == []
    assert [each.id for each in await store.claim([job_id], node_id="a1", at=later(2))] == [job_id]


async def test_one_that_came_back_unbegun_expires(store: Store) -> None:
    """A claim ahead of the slots is no beginning."""
    job_id = await urgent(store, within_s=0.3)
    claim = await claimed(store, job_id)
    await store.settle([end(claim, Status.QUEUED, death=NOTHING_RAN)])

    assert await expired(store) == [job_id]


async def test_the_time_begins_when_the_job_might_begin(store: Store) -> None:
    """A delay does not count."""
    job_id = await urgent(store, within_s=3600, delay_s=0.001)
    assert await store.next_due_s() is not None
    await promoted(store)

    assert list(await store.expire(limit=10)) == []
    next_s = await store.next_due_s()
    assert next_s is not None
    assert 3000 < next_s <= 3600
    job = await known(store, job_id)
    assert job.start_within_s == 3600


async def test_a_job_that_is_promoted_too_late_expires(store: Store) -> None:
    """All nodes were down when it was due: to begin it now may do harm."""
    job_id = await urgent(store, within_s=0.001, delay_s=0.001)
    await asyncio.sleep(0.02)  # nobody promotes it

    assert await promoted(store) == [job_id]
    assert await expired(store) == [job_id]


async def test_a_job_that_is_held_again_does_not_expire(store: Store) -> None:
    job_id = await urgent(store, within_s=0.5)
    tomorrow = datetime.now(UTC) + timedelta(days=1)

    await store.reorder(job_id, uid="u1", retiming=Retiming(tomorrow))
    await asyncio.sleep(0.55)  # longer than it might have waited

    assert list(await store.expire(limit=10)) == []
    await store.reorder(job_id, uid="u1", retiming=Retiming(None))
    assert await expired(store) == [job_id]
