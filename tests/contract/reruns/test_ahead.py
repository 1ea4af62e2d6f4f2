"""What the port `Store` promises about a job's place in line."""

from __future__ import annotations

from scheduler.core.job import Order, Status
from scheduler.core.ports.store import Store
from tests.support.stores import DEATH, abort, claimed, end, held, new, queued, running


async def ahead(store: Store, job_id: str, *, uid: str = "u1", count_max: int = 9) -> int | None:
    return await store.ahead(job_id, uid=uid, count_max=count_max)


async def test_those_of_the_user_that_have_their_turn_before_are_counted(store: Store) -> None:
    """Not those of others: whose turn it is among users changes with each start."""
    first, theirs, last = await queued(store), await queued(store, "u2"), await queued(store)
    (urgent,) = (await store.insert([new(order=Order(priority=60))])).jobs

    assert await ahead(store, urgent.id) == 0
    assert await ahead(store, first) == 1
    assert await ahead(store, last) == 2
    assert await ahead(store, last, count_max=1) == 1
    assert await ahead(store, theirs, uid="u2") == 0


async def test_only_what_waits_for_a_worker_is_counted(store: Store) -> None:
    aborted = await running(store, undoable=True)
    await abort(store, aborted.id)
    await store.settle([end(aborted, Status.ABORTED, death=DEATH)])  # its clean-up waits
    await held(store)
    begun, last = await queued(store), await queued(store)
    await claimed(store, begun)

    assert await ahead(store, last) == 0


async def test_what_does_not_wait_for_a_worker_has_no_place(store: Store) -> None:
    waits, later = await queued(store), await held(store)
    begun = await queued(store)
    await claimed(store, begun)

    for job_id in (later, begun, "019ab000-0000-7000-8000-ffffffffffff"):
        assert await ahead(store, job_id) is None
    assert await ahead(store, waits, uid="u2") is None
