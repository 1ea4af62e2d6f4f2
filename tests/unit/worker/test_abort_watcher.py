"""The abort watcher: each of three signs wakes it, and the store alone decides."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import chain, repeat
from typing import Any, cast

import pytest

from scheduler.core.job import Abort, Claim, StopReason
from scheduler.worker.abort_watcher import AbortWatcher
from tests.fakes import MemoryQueue, MemoryStore
from tests.support.eventually import eventually
from tests.support.stores import abort, running

OFTEN_S = 0.001
NEVER_S = 1_000_000.0


class Stoppable:
    """The part of an attempt that the watcher uses."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.stops: list[tuple[StopReason, float | None]] = []
        self.checks: list[object] = []

    def check_before_start(self, look: object) -> None:
        self.checks.append(look)

    def stop(self, reason: StopReason, *, grace_s: float | None) -> None:
        self.stops.append((reason, grace_s))


class CountingStore(MemoryStore):
    """Counts how often it is asked for a job."""

    asked = 0

    async def abort_of(self, job_id: str) -> Abort | None:
        self.asked += 1
        return await super().abort_of(job_id)


class WatchedJob:
    """A running job and its abort watcher."""

    def __init__(self) -> None:
        self.store, self.queue = CountingStore(), MemoryQueue()
        self.attempt: Stoppable

    @asynccontextmanager
    async def watched(self, *looks_s: float) -> AsyncIterator[AbortWatcher]:
        """A watcher that watches a new job; the last of the sleeps is repeated."""
        async with asyncio.TaskGroup() as group:
            with await self.watcher(group, *looks_s) as watcher:
                yield watcher

    async def watcher(self, group: asyncio.TaskGroup, *looks_s: float) -> AbortWatcher:
        """A watcher for a new job, not entered yet."""
        self.attempt = Stoppable(await running(self.store))
        return AbortWatcher(
            cast("Any", self.attempt),
            store=self.store,
            queue=self.queue,
            looks_s=chain(looks_s, repeat(looks_s[-1])),
            group=group,
        )

    async def abort(self) -> None:
        await abort(self.store, self.attempt.claim.id)

    @property
    def stopped(self) -> bool:
        return self.attempt.stops == [(StopReason.ABORT, 1.5)]


@pytest.fixture
def scene() -> WatchedJob:
    return WatchedJob()


async def test_a_hint_is_enough(scene: WatchedJob) -> None:
    """The announcement and the heartbeat give hints; the first look is far off."""
    async with scene.watched(NEVER_S) as watcher:
        await scene.abort()
        watcher.hint()
        await eventually(lambda: scene.stopped)


async def test_a_hint_that_comes_before_the_watch_is_enough(scene: WatchedJob) -> None:
    """The user's abort may arrive before the answer to this node's claim."""
    async with asyncio.TaskGroup() as group:
        watcher = await scene.watcher(group, NEVER_S)
        await scene.abort()
        watcher.hint()
        assert not scene.attempt.checks, "a clean-up is not watched, and must not be stopped"
        with watcher:
            assert len(scene.attempt.checks) == 1
            await eventually(lambda: scene.stopped)


async def test_the_flag_is_enough(scene: WatchedJob) -> None:
    """Announcements get lost; the issue asks for a watch on the key-value store."""
    async with scene.watched(OFTEN_S):
        await scene.abort()
        await scene.queue.announce_abort(scene.attempt.claim.id, node_id="elsewhere")
        await eventually(lambda: scene.stopped)


async def test_a_flag_that_was_there_before_is_found_by_the_first_look(scene: WatchedJob) -> None:
    """However long the later sleeps are."""
    async with scene.watched(OFTEN_S, NEVER_S):
        await scene.abort()
        await scene.queue.announce_abort(scene.attempt.claim.id, node_id="elsewhere")
        await eventually(lambda: scene.stopped)


async def test_a_hint_without_an_abort_stops_nothing(scene: WatchedJob) -> None:
    """Writing to Redis, on purpose or by mistake, must not be able to end a job."""
    async with scene.watched(OFTEN_S) as watcher:
        await scene.queue.announce_abort(scene.attempt.claim.id, node_id="a")
        watcher.hint()
        await eventually(lambda: scene.store.asked)
        assert not scene.attempt.stops
        await scene.abort()
        await eventually(lambda: scene.stopped)


async def test_a_second_abort_stops_the_attempt_again(scene: WatchedJob) -> None:
    """It may give the handler less time than the first one did."""
    async with scene.watched(NEVER_S) as watcher:
        await scene.abort()
        watcher.hint()
        await eventually(lambda: scene.stopped)
        await abort(scene.store, scene.attempt.claim.id, grace_s=0.5)
        watcher.hint()
        await eventually(lambda: scene.attempt.stops[1:] == [(StopReason.ABORT, 0.5)])


async def test_each_hint_causes_one_look(scene: WatchedJob) -> None:
    """The next hint wakes it again; in between it does not look."""
    async with scene.watched(NEVER_S) as watcher:
        for times in (1, 2):
            watcher.hint()
            await eventually(lambda: scene.store.asked == times)  # noqa: B023 - waited for here
        await asyncio.sleep(OFTEN_S)
        assert scene.store.asked == 2


async def test_it_looks_again_after_the_store_was_unavailable(scene: WatchedJob) -> None:
    """The abort is durable, so it can wait for the store to come back."""
    async with scene.watched(OFTEN_S) as watcher:
        await scene.abort()
        await scene.queue.announce_abort(scene.attempt.claim.id, node_id="elsewhere")
        scene.store.away = True
        watcher.hint()
        await eventually(lambda: scene.store.asked)
        scene.store.away = False
        await eventually(lambda: scene.stopped)


async def test_an_unavailable_queue_does_not_end_the_watch(scene: WatchedJob) -> None:
    """The heartbeat still brings a hint."""
    async with scene.watched(OFTEN_S) as watcher:
        scene.queue.away = True
        await scene.abort()
        await asyncio.sleep(OFTEN_S * 3)
        watcher.hint()
        await eventually(lambda: scene.stopped)


async def test_a_job_that_ends_before_the_first_look_costs_no_task(scene: WatchedJob) -> None:
    """Most jobs are that short, and cost no look in the key-value store."""
    before = asyncio.all_tasks()
    async with scene.watched(NEVER_S):
        assert asyncio.all_tasks() == before
