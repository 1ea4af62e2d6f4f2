"""What the port `Store` promises the dashboard: figures and jobs of all users, within limits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from scheduler.core.job import Failure, FailureKind, Order, Status
from scheduler.core.ports.store import Store
from scheduler.core.statistics import FinishedCount, JobCounts, JobDurations
from scheduler.store import open_store
from tests.fakes import MemoryStore
from tests.support.stores import (
    AT,
    BYTES_MAX,
    abort,
    claimed,
    end,
    later,
    new,
    node,
    promoted,
    queued,
    running,
)

STEP_AT = AT.replace(second=0, microsecond=0)
FAILURE = Failure(kind=FailureKind.CRASH, message="gone")


@pytest.fixture(name="url", params=["sqlite", "postgres", "memory"])
def any_url(request: pytest.FixtureRequest) -> str:
    """The URL of a store; "memory" for the fake."""
    if request.param != "postgres":
        return str(request.param)
    postgres_url: str = request.getfixturevalue("postgres_url")
    return postgres_url


@pytest.fixture(name="store")
async def any_store(url: str, tmp_path: Path) -> AsyncIterator[Store]:
    """The real stores, and the fake that tests of the API use."""
    if url == "memory":
        yield MemoryStore()
    else:
        async with open_store(url, data_dir=tmp_path) as opened:
            yield opened


async def ended(store: Store, status: Status = Status.SUCCESSFUL, *, ended_s: float) -> str:
    """The id of a job that reached this status so long after `AT`; it waited for a second."""
    claim = await running(store)
    error = FAILURE if status is Status.TERMINATED else None
    await store.settle([end(claim, status, ended_s=ended_s, error=error)])
    return claim.id


async def test_a_page_can_be_of_all_users(store: Store) -> None:
    sent = [new(uid, task=task) for uid, task in [("u1", "a"), ("u2", "b"), ("u3", "a")]]
    await store.insert(sent)
    await abort(store, sent[0].id)

    async def page(statuses: list[Status], task: str | None = None) -> list[str]:
        jobs = await store.page(None, statuses=statuses, task=task, limit=2, bytes_max=BYTES_MAX)
        return [job.uid for job in jobs]

    assert await page([]) == ["u3", "u2"]
    assert await page([Status.ABORTED]) == ["u1"]
    assert await page([], "a") == ["u3", "u1"]
    assert await page([Status.QUEUED], "a") == ["u3"]


async def test_pages_of_all_users_follow_one_another_without_a_gap(store: Store) -> None:
    sent = [new(f"u{number}") for number in range(5)]
    await store.insert(sent)
    seen: list[str] = []
    while page := await store.page(
        None, before_id=seen[-1] if seen else None, limit=2, bytes_max=BYTES_MAX
    ):
        seen += [job.id for job in page]

    assert seen == [job.id for job in sent[::-1]]


async def test_a_page_of_all_users_ends_once_its_texts_pass_the_limit(store: Store) -> None:
    await store.insert([new(f"u{number}", data='"' + "x" * 98 + '"') for number in range(4)])

    assert len(await store.page(None, limit=10, bytes_max=199)) == 2


async def test_an_empty_store_has_empty_statistics(store: Store) -> None:
    assert await store.counts(count_max=10) == JobCounts(0, 0, None)
    assert list(await store.finished_per_step(since=AT, limit=10)) == []
    assert list(await store.durations(since=AT, limit=10)) == []


async def test_queued_and_running_jobs_are_counted_and_the_oldest_queued_one_is_found(
    store: Store,
) -> None:
    for _ in range(2):
        await running(store)
    for _ in range(3):
        await queued(store)
    await ended(store, ended_s=9)

    counts = await store.counts(count_max=10)

    assert (counts.queued, counts.running) == (3, 2)
    assert counts.oldest_queued_s is not None
    assert 0 <= counts.oldest_queued_s < 60


async def test_held_jobs_are_counted_apart_and_are_not_the_oldest(store: Store) -> None:
    """Whoever looks for too few workers must not see jobs that wait for tomorrow."""
    (late,) = (await store.insert([new(order=Order(delay_s=9000))])).jobs
    await abort(store, (await store.insert([new(order=Order(delay_s=9))])).jobs[0].id)

    counts = await store.counts(count_max=10)

    assert late.hold is not None
    assert (counts.queued, counts.oldest_queued_s) == (0, None)
    assert counts.held == {"run_at": 1}


async def test_a_job_with_a_time_waited_since_then(store: Store) -> None:
    """Its delay was no wait for a worker."""
    (job,) = (await store.insert([new(order=Order(delay_s=0.002))])).jobs
    await promoted(store)
    await store.register(node())
    assert job.hold is not None
    assert job.hold.until is not None
    (claim,) = await store.claim([job.id], node_id="a1", at=job.hold.until + timedelta(seconds=3))
    at = job.hold.until + timedelta(seconds=4)
    await store.settle([replace(end(claim), at=at)])

    (found,) = await store.durations(since=AT, limit=10)

    assert (found.waited_s, found.ran_s) == (3, 1)


async def test_the_count_of_queued_jobs_ends_at_its_limit(store: Store) -> None:
    """With a million queued jobs, a view of the page must not cost the store a second."""
    for _ in range(3):
        await queued(store)

    assert (await store.counts(count_max=2)).queued == 2


async def test_finished_jobs_are_counted_by_step_and_status(store: Store) -> None:
    await ended(store, ended_s=9)
    await ended(store, ended_s=9.5)
    await ended(store, Status.TERMINATED, ended_s=9.6)
    await ended(store, ended_s=12)

    assert list(await store.finished_per_step(since=AT, limit=10)) == [
        FinishedCount(step(10), Status.SUCCESSFUL, 1),
        FinishedCount(step(0), Status.SUCCESSFUL, 2),
        FinishedCount(step(0), Status.TERMINATED, 1),
    ]


async def test_an_aborted_queued_job_counts_as_finished_but_has_no_durations(store: Store) -> None:
    await abort(store, await queued(store))

    assert list(await store.finished_per_step(since=AT, limit=10)) == [
        FinishedCount(step(0), Status.ABORTED, 1)
    ]
    assert list(await store.durations(since=AT, limit=10)) == []


async def test_only_the_newest_finished_jobs_since_an_instant_count(store: Store) -> None:
    for ended_s in (9, 21, 31):
        await ended(store, ended_s=ended_s)

    assert list(await store.finished_per_step(since=later(15), limit=10)) == [
        FinishedCount(step(30), Status.SUCCESSFUL, 1),
        FinishedCount(step(20), Status.SUCCESSFUL, 1),
    ]
    assert [each.at for each in await store.finished_per_step(since=AT, limit=1)] == [step(30)]


async def test_durations_are_how_long_jobs_waited_and_ran_newest_end_first(store: Store) -> None:
    await ended(store, ended_s=3)
    await ended(store, ended_s=11)

    assert list(await store.durations(since=AT, limit=10)) == [
        JobDurations(1, 10),
        JobDurations(1, 2),
    ]
    assert list(await store.durations(since=AT, limit=1)) == [JobDurations(1, 10)]
    assert list(await store.durations(since=later(5), limit=10)) == [JobDurations(1, 10)]


async def test_clocks_that_differ_make_no_duration_negative(store: Store) -> None:
    """The node that started it may be ahead of the one that ended it."""
    await ended(store, ended_s=0.5)

    assert list(await store.durations(since=AT, limit=10)) == [JobDurations(1, 0)]


async def test_unfinished_jobs_are_counted_by_user(store: Store) -> None:
    await store.insert([new("u1"), new("u1"), new("u2", task="other"), new("u3")])
    await running(store)
    asked = await running(store)
    await abort(store, asked.id)
    both = {Status.QUEUED, Status.RUNNING}

    assert await store.unfinished_by_user(statuses=both, limit=10) == {"u1": 3, "u2": 1, "u3": 1}
    assert await store.unfinished_by_user(statuses=both, task="other", limit=10) == {"u2": 1}
    assert await store.unfinished_by_user(statuses={Status.RUNNING}, limit=10) == {"u1": 1}
    assert await store.unfinished_by_user(statuses={Status.ABORTED}, limit=10) == {}
    assert sum((await store.unfinished_by_user(statuses=both, limit=2)).values()) == 3


async def test_the_first_claim_counts_a_job_as_running(store: Store) -> None:
    job_id = await queued(store)
    await claimed(store, job_id)

    assert await store.counts(count_max=10) == JobCounts(0, 1, None)


def step(seconds: float) -> datetime:
    """The ten-second step that begins so long after the minute of `AT`."""
    return STEP_AT.replace(second=int(seconds))
