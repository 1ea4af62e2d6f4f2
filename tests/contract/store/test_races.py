"""What the port `Store` promises to concurrent calls: they behave as if one came after another."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

import pytest

from scheduler.core.errors import Conflict
from scheduler.core.job import Progress, Status
from scheduler.core.ports.store import Store
from tests.support.stores import (
    BYTES_MAX,
    DEATH,
    abort,
    end,
    ids_of,
    known,
    later,
    new,
    node,
    queued,
    running,
)

T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")

ROUNDS = 10
"""How often a race is run: chance decides who wins, but the result must be right."""


async def test_of_concurrent_claims_of_one_job_exactly_one_gets_it(store: Store) -> None:
    """Guarantee 1: two claims would be two attempts at once."""
    await store.register(node())
    for _ in range(ROUNDS):
        job_id = await queued(store)

        claims = await _together(
            *(store.claim([job_id], node_id="a1", at=later(1)) for _ in range(20))
        )

        assert sorted(map(len, claims)) == [0] * 19 + [1]
        assert (await known(store, job_id)).attempt == 1


async def test_claims_of_the_same_jobs_in_any_order_share_them_out(store: Store) -> None:
    """Two statements that lock the same rows in different orders would deadlock."""
    await store.register(node())
    sent = [new() for _ in range(100)]
    await store.insert(sent)
    ids = [job.id for job in sent]

    claims = await _together(
        *(store.claim(ids[::step], node_id="a1", at=later(1)) for step in (1, -1) * 4)
    )

    assert sorted(claim.id for each in claims for claim in each) == ids


async def test_a_job_is_aborted_or_claimed_and_marked(store: Store) -> None:
    """Guarantee 5. After the answer no attempt begins; one that began is marked for a stop."""
    await store.register(node())
    for _ in range(ROUNDS):
        job_id = await queued(store)

        claims, answer = await _pair(
            store.claim([job_id], node_id="a1", at=later(1)), abort(store, job_id)
        )

        job = await known(store, job_id)
        assert answer is not None
        assert job.abort is not None
        assert job.status is answer.status is (Status.RUNNING if claims else Status.ABORTED)


async def test_an_attempt_ends_by_its_result_or_is_marked_never_both_lost(store: Store) -> None:
    for _ in range(ROUNDS):
        claim = await running(store)

        settled, answer = await _pair(store.settle([end(claim)]), abort(store, claim.id))

        assert set(settled) == {claim.id}
        assert answer is not None
        job = await known(store, claim.id)
        assert (job.status, job.result) == (Status.SUCCESSFUL, '"done"')
        assert (answer.abort is None) == (job.abort is None)


async def test_a_job_given_back_while_it_is_aborted_ends_aborted(store: Store) -> None:
    """Guarantee 5. If the drain overlooked the request, another node would run the job."""
    for _ in range(ROUNDS):
        claim = await running(store)

        await _together(
            store.settle([end(claim, Status.QUEUED, death=DEATH)]), abort(store, claim.id)
        )

        assert (await known(store, claim.id)).status is Status.ABORTED


async def test_a_claim_during_a_burial_never_leaves_the_job_with_the_dead_node(
    store: Store,
) -> None:
    for place in range(ROUNDS):
        job_id = await queued(store)
        await store.register(node(f"n{place}"))

        claims, _ = await _pair(
            store.claim([job_id], node_id=f"n{place}", at=later(1)), store.bury(f"n{place}")
        )

        released = await store.release_orphans(losses_max=3, at=later(2))
        assert ids_of(released.to_enqueue) == [claim.id for claim in claims]
        assert (await known(store, job_id)).status is Status.QUEUED


async def test_two_sweepers_count_one_loss(store: Store) -> None:
    for _ in range(ROUNDS):
        claims = [await running(store) for _ in range(5)]
        await store.bury("a1")

        released = await _together(
            *(store.release_orphans(losses_max=2, at=later(2)) for _ in range(4))
        )

        ids = sorted(claim.id for claim in claims)
        assert sorted(job.id for each in released for job in each.to_enqueue) == ids
        assert not any(each.ended for each in released)


async def test_progress_and_ends_of_the_same_jobs_do_not_deadlock(
    store: Store,
) -> None:
    claims = [await running(store) for _ in range(30)]
    made = {(claim.id, claim.token): Progress(done=1) for claim in claims}

    await _together(
        store.report(made),
        store.settle([end(claim) for claim in reversed(claims)]),
        store.report(dict(reversed(made.items()))),
    )

    jobs = [await known(store, claim.id) for claim in claims]
    assert {job.status for job in jobs} == {Status.SUCCESSFUL}


async def test_of_concurrent_inserts_with_one_key_one_is_stored(store: Store) -> None:
    """A client that retries after a timeout has two requests under way."""
    for place in range(ROUNDS):
        key = f"k{place}"

        inserted = await _together(
            *(store.insert([new(key=key, fingerprint="f")]) for _ in range(8))
        )

        assert sorted(each.created for each in inserted) == [False] * 7 + [True]
        assert len({each.jobs[0].id for each in inserted}) == 1


async def test_of_concurrent_inserts_with_one_key_and_two_bodies_one_is_refused(
    store: Store,
) -> None:
    async def insert(fingerprint: str) -> bool:
        try:
            return (await store.insert([new(key="k", fingerprint=fingerprint)])).created
        except Conflict:
            return False

    assert sorted(await _together(insert("f"), insert("g"))) == [False, True]


async def test_bulks_with_the_same_keys_in_two_orders_do_not_deadlock(
    store: Store,
) -> None:
    keys = [f"k{place}" for place in range(50)]

    first, second = await _together(
        store.insert([new(key=key, fingerprint="f") for key in keys]),
        store.insert([new(key=key, fingerprint="f") for key in reversed(keys)]),
    )

    assert first.created != second.created
    assert first.jobs == second.jobs[::-1]


@pytest.mark.parametrize("turns", range(6))
async def test_a_cancelled_call_leaves_nothing_half_done_and_nothing_open(
    store: Store, turns: int
) -> None:
    """A transaction left open on the one writing connection would stop the node for ever."""
    sent = [new() for _ in range(40)]

    async with asyncio.TaskGroup() as group:
        insert = group.create_task(store.insert(sent))
        for _ in range(turns):
            await asyncio.sleep(0)
        insert.cancel()

    job_id = await queued(store, "u2")
    assert (await known(store, job_id)).status is Status.QUEUED
    assert len(await store.page("u1", limit=100, bytes_max=BYTES_MAX)) in {0, 40}


async def _together(*calls: Coroutine[object, object, T]) -> list[T]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(call) for call in calls]
    return [task.result() for task in tasks]


async def _pair(
    first: Coroutine[object, object, A], second: Coroutine[object, object, B]
) -> tuple[A, B]:
    async with asyncio.TaskGroup() as group:
        tasks = group.create_task(first), group.create_task(second)
    return tasks[0].result(), tasks[1].result()
