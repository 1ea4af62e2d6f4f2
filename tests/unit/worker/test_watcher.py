"""The abort watcher: three ways lead to it, each sufficient, and none is believed."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from itertools import repeat
from typing import TYPE_CHECKING, Any, cast

import pytest

from scheduler.job import StopReason
from scheduler.worker.watcher import watch
from tests.eventually import eventually
from tests.fakes import MemoryQueue, MemoryStore
from tests.stores import abort, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from scheduler.job import Claim

OFTEN_S = 0.001
NEVER_S = 1_000_000.0


class Stoppable:
    """What the watcher knows of an attempt."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.hinted = asyncio.Event()
        self.stops: list[tuple[StopReason, float | None]] = []

    def stop(self, reason: StopReason, *, grace_s: float | None) -> None:
        self.stops.append((reason, grace_s))


class Scene:
    """A running job under watch."""

    def __init__(self) -> None:
        self.store, self.queue = MemoryStore(), MemoryQueue()
        self.attempt: Stoppable

    @asynccontextmanager
    async def watched(self, look_s: float) -> AsyncIterator[asyncio.Task[None]]:
        self.attempt = Stoppable(await running(self.store))
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(
                watch(
                    cast("Any", self.attempt),
                    store=self.store,
                    queue=self.queue,
                    looks_s=repeat(look_s),
                )
            )
            yield watching
            watching.cancel()

    async def abort(self) -> None:
        await abort(self.store, self.attempt.claim.id)

    @property
    def stopped(self) -> bool:
        return self.attempt.stops == [(StopReason.ABORT, 1.5)]


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_a_hint_is_enough(scene: Scene) -> None:
    """The message and the heartbeat come this way; the first look is far off."""
    async with scene.watched(NEVER_S):
        await scene.abort()
        scene.attempt.hinted.set()
        await eventually(lambda: scene.stopped)


async def test_the_flag_is_enough(scene: Scene) -> None:
    """Messages get lost; the issue wants the key-value store watched."""
    async with scene.watched(OFTEN_S):
        await scene.abort()
        await scene.queue.announce_abort(scene.attempt.claim.id, node_id="elsewhere")
        await eventually(lambda: scene.stopped)


async def test_a_hint_without_an_abort_stops_nothing(scene: Scene) -> None:
    """Whoever can write to Redis, or errs, must not be able to end a job."""
    async with scene.watched(OFTEN_S) as watching:
        await scene.queue.announce_abort(scene.attempt.claim.id, node_id="a")
        scene.attempt.hinted.set()
        await eventually(lambda: not scene.attempt.hinted.is_set())
        assert not scene.attempt.stops
        assert not watching.done()
        await scene.abort()
        await eventually(lambda: scene.stopped)


async def test_it_looks_again_when_the_store_was_away(scene: Scene) -> None:
    """The abort is durable, so it can wait for the store to come back."""
    async with scene.watched(OFTEN_S):
        await scene.abort()
        await scene.queue.announce_abort(scene.attempt.claim.id, node_id="elsewhere")
        scene.store.away = True
        scene.attempt.hinted.set()
        await eventually(lambda: not scene.attempt.hinted.is_set())
        scene.store.away = False
        await eventually(lambda: scene.stopped)


async def test_a_queue_that_is_away_does_not_end_the_watch(scene: Scene) -> None:
    """The heartbeat still brings a hint."""
    async with scene.watched(OFTEN_S):
        scene.queue.away = True
        await scene.abort()
        await asyncio.sleep(OFTEN_S * 3)
        scene.attempt.hinted.set()
        await eventually(lambda: scene.stopped)
