"""Concurrent calls: on every store each gets the answer that it would have got alone."""

from __future__ import annotations

import asyncio

import pytest

from scheduler.core.errors import Conflict
from scheduler.core.job import Status
from scheduler.core.ports.store import Store
from tests.support.stores import AT, end, known, new, node, queued, running


async def test_concurrent_inserts_get_their_own_jobs(store: Store) -> None:
    jobs = [[new(), new()], [new("u2")], [new()]]
    async with asyncio.TaskGroup() as group:
        inserts = [group.create_task(store.insert(each)) for each in jobs]

    answers = [insert.result() for insert in inserts]
    assert [[job.id for job in answer.jobs] for answer in answers] == [
        [each.id for each in some] for some in jobs
    ]
    assert all(answer.created for answer in answers)


async def test_a_conflict_is_raised_only_in_its_call(store: Store) -> None:
    """One user's request must not fail because of another user's."""
    await store.insert([new(key="k", fingerprint="one")])
    good, repeat = new(), new(key="k", fingerprint="one")
    async with asyncio.TaskGroup() as group:
        inserting = group.create_task(store.insert([good]))
        repeating = group.create_task(store.insert([repeat]))
        with pytest.raises(Conflict):
            await store.insert([new(key="k", fingerprint="another")])

    assert inserting.result().created
    assert not repeating.result().created
    assert (await known(store, good.id)).status is Status.QUEUED


async def test_of_two_concurrent_inserts_with_one_key_one_is_the_earlier(store: Store) -> None:
    async with asyncio.TaskGroup() as group:
        inserts = [
            group.create_task(store.insert([new(key="k", fingerprint="one")])) for _ in range(2)
        ]

    first, second = (insert.result() for insert in inserts)
    assert {first.created, second.created} == {True, False}
    assert first.jobs[0].id == second.jobs[0].id


async def test_concurrent_claims_get_their_own_jobs(store: Store) -> None:
    await store.register(node("a1"))
    await store.register(node("b1"))
    ids = [await queued(store) for _ in range(3)]
    async with asyncio.TaskGroup() as group:
        claims = [
            group.create_task(store.claim([job_id], node_id=node_id, at=AT))
            for job_id, node_id in zip(ids, ("a1", "b1", "nobody"), strict=True)
        ]

    assert [[claim.id for claim in each.result()] for each in claims] == [[ids[0]], [ids[1]], []]
    assert [(await known(store, job_id)).owner for job_id in ids] == ["a1", "b1", None]


async def test_of_two_concurrent_claims_for_one_job_one_gets_it(store: Store) -> None:
    await store.register(node("a1"))
    job_id = await queued(store)
    async with asyncio.TaskGroup() as group:
        claims = [group.create_task(store.claim([job_id], node_id="a1", at=AT)) for _ in range(2)]

    assert sorted(len(claim.result()) for claim in claims) == [0, 1]


async def test_of_two_concurrent_ends_of_one_attempt_one_counts(store: Store) -> None:
    """The other one must learn that it did not take effect, or it would report a wrong end."""
    claim = await running(store)
    async with asyncio.TaskGroup() as group:
        settles = {
            status: group.create_task(store.settle([end(claim, status)]))
            for status in (Status.SUCCESSFUL, Status.QUEUED)
        }

    took_effect = [status for status, settle in settles.items() if settle.result()]
    assert took_effect == [(await known(store, claim.id)).status]


async def test_concurrent_ends_are_independent(store: Store) -> None:
    """A settlement with an old token is refused; the others are not."""
    current, taken_over = await running(store), await running(store)
    await store.settle([end(taken_over, Status.QUEUED)])
    (successor,) = await store.claim([taken_over.id], node_id="a1", at=AT)
    async with asyncio.TaskGroup() as group:
        settles = [
            group.create_task(store.settle([end(claim)]))
            for claim in (current, taken_over, successor)
        ]

    assert [list(settle.result()) for settle in settles] == [[current.id], [], [successor.id]]
