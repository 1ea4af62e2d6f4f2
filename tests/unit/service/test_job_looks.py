"""Looks that waits share: thousands of waits cost as much as one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import ExitStack

import pytest

from scheduler.basics.background import background
from scheduler.core.job import Job, Until
from scheduler.core.job_log import Block, LogPage, LogStream, Written
from scheduler.service import job_looks
from scheduler.service.job_looks import IDS_MAX, JobLooks
from tests.fakes import MemoryStore
from tests.support.eventually import eventually
from tests.support.stores import AT, end, queued, running

WAITS = 2 * IDS_MAX + 1


class CountingStore(MemoryStore):
    """Counts how often it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    async def final(self, job_ids: Collection[str]) -> Collection[str]:
        self.asked += 1
        assert len(job_ids) <= IDS_MAX
        return await super().final(job_ids)

    async def outlines(self, job_ids: Collection[str]) -> Sequence[Job]:
        self.asked += 1
        return await super().outlines(job_ids)

    async def log(self, job_id: str, *, after: int = 0) -> Sequence[LogPage]:
        self.asked += 1
        return await super().log(job_id, after=after)


@pytest.fixture
def store() -> CountingStore:
    return CountingStore()


@pytest.fixture
async def looks(store: CountingStore, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[JobLooks]:
    monkeypatch.setattr(job_looks, "LOOK_AGAIN_S", 0.05)
    looks = JobLooks(store)
    async with background(looks=looks.run()):
        yield looks


async def test_waits_that_look_at_once_share_a_look(store: CountingStore, looks: JobLooks) -> None:
    """Each would be a statement of its own, for jobs that are mostly not over."""
    claim = await running(store)
    await store.settle([end(claim)])
    ids = [claim.id, await queued(store), "unknown"]
    async with asyncio.TaskGroup() as group:
        found = [
            group.create_task(looks.reached(ids[number % 3], Until.FINAL))
            for number in range(WAITS)
        ]

    assert [each.result() for each in found[:3]] == [True, False, True]
    assert store.asked <= 4


async def test_followers_that_look_at_once_share_a_look(
    store: CountingStore, looks: JobLooks
) -> None:
    """An idle follower looks at its job every two seconds."""
    ids = [await queued(store), "unknown"]
    async with asyncio.TaskGroup() as group:
        found = [group.create_task(looks.outline(ids[number % 2])) for number in range(100)]

    assert [each.result() is not None for each in found[:2]] == [True, False]
    assert store.asked == 1


async def test_followers_of_one_log_share_what_is_read(
    store: CountingStore, looks: JobLooks
) -> None:
    """Each line that a job prints is read once, and not by hundreds."""
    claim = await running(store)
    page = LogPage(0, 0, (Block(AT, LogStream.STDOUT, "one\n"),))
    await store.write_log([Written(claim.id, claim.token, page)])
    async with asyncio.TaskGroup() as group:
        found = [
            group.create_task(looks.log(claim.id, after=4 * (number % 2))) for number in range(300)
        ]

    assert [list(each.result()) for each in found[:2]] == [[page], []]
    assert store.asked == 2


async def test_all_that_are_waited_for_are_looked_at_together(
    store: CountingStore, looks: JobLooks
) -> None:
    """The message of a change may be lost: then this look finds that a job is over."""
    claim = await running(store)
    events = {await queued(store): asyncio.Event() for _ in range(WAITS)}
    over, events[claim.id] = asyncio.Event(), asyncio.Event()
    with ExitStack() as stack:
        for job_id, event in (*events.items(), (claim.id, over)):
            stack.enter_context(looks.waiting(job_id, event))
        await eventually(lambda: store.asked)
        await store.settle([end(claim)])
        await eventually(over.is_set)

    assert events[claim.id].is_set(), "several may wait for one job"
    assert sum(each.is_set() for each in events.values()) == 1


async def test_a_store_that_is_away_says_that_nothing_is_over(
    store: CountingStore, looks: JobLooks
) -> None:
    """A wait outlasts a restart of the store, and ends after it."""
    event = asyncio.Event()
    store.away = True
    assert not await looks.reached("unknown", Until.FINAL)
    assert not await looks.reached("unknown", Until.OVER)
    with looks.waiting("unknown", event):
        await eventually(lambda: store.asked > 2)
        assert not event.is_set()
        store.away = False
        await eventually(event.is_set)
