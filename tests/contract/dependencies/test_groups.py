"""What the port `Store` promises about groups of a user's jobs."""

from __future__ import annotations

from scheduler.core.job import Order, Status
from scheduler.core.ports.store import Store
from tests.support.stores import (
    BYTES_MAX,
    abort,
    after,
    claimed,
    end,
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
