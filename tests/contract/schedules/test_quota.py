"""What the port `ScheduleStore` promises about the most schedules that a user may have."""

from __future__ import annotations

import asyncio

import pytest

from scheduler.core.errors import QuotaExceeded, Standing
from scheduler.core.ports.store import Store
from scheduler.core.quotas.quota import SCHEDULES, Quota
from scheduler.core.schedules.schedule import Schedule, ScheduleKey
from tests.contract.schedules.making import plan, schedule

TWO = Quota(pattern="*", schedules_max=2)
PUTS = 8


async def put(
    store: Store,
    name: str,
    quota: Quota | None = TWO,
    *,
    uid: str = "u1",
    revision: int | None = None,
) -> Schedule | None:
    wanted = schedule(plan(note=name), key=ScheduleKey(uid, name), id=f"{uid} {name}")
    return await store.schedules.put(wanted, revision=revision, quota=quota)


async def has(store: Store, uid: str = "u1") -> int:
    return await store.schedules.count(uid, count_max=100)


async def test_a_user_has_at_most_as_many_schedules_as_the_quota_says(store: Store) -> None:
    """Each user for itself; whoever has no such limit has any number."""
    await put(store, "a")
    await put(store, "b")
    with pytest.raises(QuotaExceeded) as caught:
        await put(store, "c")

    error = caught.value
    assert error.violations == (Standing(policy=SCHEDULES, uid="u1", limit=2, used=2),)
    assert str(error) == (
        "user 'u1' has 2 schedules, and 1 more would be beyond schedules_max = 2 of"
        ' [quotas."*"]; delete one, or replace it by its name'
    )
    assert error.retry_after_s is None
    assert await has(store) == 2
    assert await put(store, "c", uid="u2") is not None
    for quota in (None, Quota(pattern="*", queued_max=1)):
        assert await put(store, f"free {quota}", quota) is not None
    assert await store.schedules.count("u1", count_max=3) == 3


async def test_a_schedule_that_replaces_another_is_never_refused(store: Store) -> None:
    """Also where the limit was lowered meanwhile: whoever has it may mend or pause it."""
    await put(store, "a")
    await put(store, "b")

    assert await put(store, "a", Quota(pattern="*", schedules_max=0), revision=1) is not None
    assert await put(store, "b") is None, "it was set by somebody else, and is not one more"
    assert await has(store) == 2


async def test_a_deleted_schedule_makes_room(store: Store) -> None:
    await put(store, "a")
    await put(store, "b")
    await store.schedules.delete(ScheduleKey("u1", "a"))

    assert await put(store, "c") is not None


async def test_no_schedule_too_many_comes_by_several_requests_at_once(store: Store) -> None:
    """The limit holds, whichever nodes they reach."""
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_taken(store, f"s{number}"), name=f"put {number}")
            for number in range(PUTS)
        ]

    assert sum(task.result() for task in tasks) == 2
    assert await has(store) == 2


async def _taken(store: Store, name: str) -> bool:
    try:
        return await put(store, name) is not None
    except QuotaExceeded:
        return False
