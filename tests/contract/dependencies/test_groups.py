"""What the port `Store` promises about groups of a user's jobs."""

from __future__ import annotations

import asyncio

from scheduler.core.dependencies.declaration import AfterIf
from scheduler.core.job import Order, Status
from scheduler.core.ports.store import Store
from tests.contract.dependencies.test_successors import ended
from tests.support.stores import (
    BYTES_MAX,
    abort,
    after,
    claimed,
    end,
    ids_of,
    known,
    new,
)

NIGHTLY = Order(group="nightly")


async def filled(store: Store) -> list[str]:
    """Six jobs: four of the group of u1, one of u1 without it, one of u2 with it."""
    first = new(order=NIGHTLY)
    jobs = [
        first,
        new(order=NIGHTLY, task="task2"),
        new(order=NIGHTLY),
        new(order=NIGHTLY, after=after(first.id)),
        new(),
        new("u2", order=NIGHTLY),
    ]
    await store.insert([first])
    await store.insert(jobs[1:])
    return [job.id for job in jobs]


async def test_a_job_says_its_group(store: Store) -> None:
    ids = await filled(store)

    assert [(await known(store, each)).group for each in ids[3:]] == ["nightly", None, "nightly"]


async def test_the_jobs_of_a_group_are_listed_with_other_filters(store: Store) -> None:
    ids = await filled(store)
    await abort(store, ids[1])

    async def page(**wanted: object) -> list[str]:
        found = await store.page(
            "u1",
            group="nightly",
            limit=9,
            bytes_max=BYTES_MAX,
            **wanted,  # type: ignore[arg-type]
        )
        return [job.id for job in found]

    assert await page() == ids[3::-1]
    assert await page(statuses=[Status.ABORTED]) == [ids[1]]
    assert await page(task="task1") == [ids[3], ids[2], ids[0]]
    assert await page(before_id=ids[2]) == [ids[1], ids[0]]
    assert await page(parent=ids[0]) == []


async def test_what_of_a_group_has_not_ended_is_found_to_be_aborted(store: Store) -> None:
    ids = await filled(store)
    await claimed(store, ids[0])
    await abort(store, ids[1])

    assert await store.unfinished("u1", group="nightly", limit=9) == [ids[0], ids[2], ids[3]]
    assert await store.unfinished("u1", group="other", limit=9) == []
    assert await store.unfinished("u1", group="nightly", last_id=ids[2], limit=9) == [
        ids[0],
        ids[2],
    ]


async def test_how_many_of_a_group_stand_how(store: Store) -> None:
    ids = await filled(store)
    await store.settle([end(await claimed(store, ids[0]))])
    await claimed(store, ids[1])

    found = await store.dependencies.group_counts("u1", "nightly", count_max=9)

    assert {status: count.jobs for status, count in found.items()} == {
        Status.QUEUED: 2,
        Status.RUNNING: 1,
        Status.SUCCESSFUL: 1,
        Status.TERMINATED: 0,
        Status.ABORTED: 0,
    }
    assert found[Status.QUEUED].held == 1
    few = await store.dependencies.group_counts("u1", "nightly", count_max=1)
    assert few[Status.QUEUED].jobs == 1


async def test_what_comes_after_a_whole_group_is_let_go_once_when_the_last_has_ended(
    store: Store,
) -> None:
    """Not before, not for each of them, and not never: whoever looks, and however they end."""
    members = [new(order=NIGHTLY) for _ in range(30)]
    last = new(after=after(*(each.id for each in members), if_=AfterIf.END))
    await store.insert(members)
    await store.insert([last])
    freed = list[str]()

    async def resolve_at_once() -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(store.dependencies.resolve(limit=limit)) for limit in (1, 7, 100)
            ]
        freed.extend(job_id for task in tasks for job_id in ids_of(task.result().freed))

    for number, member in enumerate(members):
        assert not freed
        await ended(store, member.id, Status.SUCCESSFUL if number % 3 else Status.TERMINATED)
        await resolve_at_once()
    for _ in members:
        await resolve_at_once()

    assert freed == [last.id]
    assert (await known(store, last.id)).hold is None
