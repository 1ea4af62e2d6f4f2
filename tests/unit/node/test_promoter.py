"""The promoter: what is due begins, what is late ends, and an idle node sleeps."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest

from scheduler.core.change import changed
from scheduler.core.errors import StoreUnavailable
from scheduler.core.job import FailureKind, OnConflict, Order, Status, Unique
from scheduler.core.pause import PauseKey, PauseKind
from scheduler.core.ports.store import Store
from scheduler.node.promoter import LOOK_S, SPACING_S, STEP_MAX, Promoter
from tests.fakes import FakeClock, MemoryQueue, MemoryStore
from tests.support.eventually import eventually
from tests.support.job_events import Counting
from tests.support.stores import AT, DEATH, end, known, new
from tests.support.stores import node as store_node


class CountingStore(MemoryStore):
    """Counts the looks at what is due."""

    looks = 0

    async def next_due_s(self) -> float | None:
        self.looks += 1
        return await super().next_due_s()


class Node:
    """A node's promoter, on fakes; the store's clock moves by hand."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = CountingStore(now=self.clock.now)
        self.queue = MemoryQueue()
        self.nearer = asyncio.Event()
        self.job_events = Counting(self.clock)
        self.promoter = Promoter(
            store=cast("Store", self.store),
            queue=self.queue,
            job_events=self.job_events,
            nearer=self.nearer,
        )

    @property
    def enqueued(self) -> list[str]:
        return list(self.queue.server.ids)

    async def insert(self, *orders: Order) -> Sequence[str]:
        inserted = await self.store.insert([new(order=order) for order in orders])
        return [job.id for job in inserted.jobs]


@pytest.fixture
def node() -> Node:
    return Node()


async def test_a_job_is_enqueued_once_its_time_has_come(node: Node) -> None:
    (job_id,) = await node.insert(Order(delay_s=10))
    assert await node.promoter.step() == LOOK_S
    assert node.enqueued == []

    node.clock.advance(10)
    await node.promoter.step()

    assert node.enqueued == [job_id]
    assert [each for _, each in node.queue.server.changes] == [changed(job_id, "u1")]
    assert await node.promoter.step() == LOOK_S
    assert node.enqueued == [job_id]


async def test_the_next_look_is_when_the_next_job_is_due(node: Node) -> None:
    """Not a whole second later: a delay of a job is that long, and not longer."""
    await node.insert(Order(delay_s=0.25), Order(delay_s=0.75))

    assert await node.promoter.step() == 0.25
    node.clock.advance(0.25)
    assert await node.promoter.step() == 0
    assert await node.promoter.step() == 0.5


async def test_an_idle_node_looks_once_a_second(node: Node) -> None:
    """Another node may have stored a time, and have died."""
    assert await node.promoter.step() == LOOK_S
    assert node.store.looks == 1


async def test_many_jobs_are_promoted_in_steps(node: Node) -> None:
    """One write of thousands of jobs would hold up all others."""
    await node.insert(*[Order(delay_s=1)] * (STEP_MAX + 1))
    node.clock.advance(1)

    assert await node.promoter.step() == 0
    assert len(node.enqueued) == STEP_MAX
    assert await node.promoter.step() == 0
    assert len(set(node.enqueued)) == STEP_MAX + 1


async def test_where_others_have_all_that_is_due_it_does_not_spin(node: Node) -> None:
    """Their rows are locked until they commit."""

    async def taken(*, limit: int) -> Sequence[str]:  # noqa: ARG001 - of the port
        return []

    await node.insert(Order(delay_s=1))
    node.clock.advance(1)
    node.store.promote = taken  # type: ignore[method-assign, assignment]

    assert await node.promoter.step() == SPACING_S


async def test_a_job_that_is_late_ends_and_is_told(node: Node) -> None:
    (job_id,) = await node.insert(Order(start_within_s=5))
    node.clock.advance(5)

    await node.promoter.step()

    job = await known(node.store, job_id)
    assert job.error is not None
    assert (job.status, job.error.kind) == (Status.TERMINATED, FailureKind.EXPIRED)
    assert [each for _, each in node.queue.server.changes] == [changed(job_id)]


async def test_without_a_queue_jobs_are_promoted_and_late_ones_end(node: Node) -> None:
    """They wait in the store, where idle workers find them, and the sweeper."""
    due, late = await node.insert(Order(delay_s=1), Order(start_within_s=1))
    node.clock.advance(1)
    node.queue.away = True

    await node.promoter.step()

    assert (await known(node.store, due)).hold is None
    assert (await known(node.store, late)).status is Status.TERMINATED


async def test_a_time_that_is_stored_here_is_heeded_at_once(node: Node) -> None:
    """A delay of a tenth of a second is not a whole one, though the node sleeps."""
    async with asyncio.TaskGroup() as group:
        running = group.create_task(node.promoter.run())
        await eventually(lambda: node.store.looks == 1)
        (job_id,) = await node.insert(Order(delay_s=0))
        node.store.rows[job_id].change(hold=None)
        node.nearer.set()
        await eventually(lambda: node.store.looks >= 2, within_s=LOOK_S * 0.9)
        running.cancel()


async def test_an_outage_of_the_store_is_outlived(node: Node) -> None:
    node.store.away = True
    with suppress(StoreUnavailable):
        await node.promoter.step()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(node.promoter.run())
        await eventually(lambda: node.store.looks >= 2)
        node.store.away = False
        (job_id,) = await node.insert(Order(delay_s=1))
        node.clock.advance(1)
        await eventually(lambda: node.enqueued == [job_id])
        running.cancel()


TASK = PauseKey(PauseKind.TASK, "task1")


async def test_what_a_pause_held_is_let_go_in_its_old_order_after_it(node: Node) -> None:
    """Also where the node that was asked has died since: any node finds it."""
    await node.store.pauses.put(TASK, reason=None, until=None, by=None)
    ids = await node.insert(*[Order()] * (STEP_MAX + 5), Order(priority=60))
    assert await node.promoter.step() == LOOK_S
    assert node.enqueued == []
    await node.store.pauses.end(TASK)

    while await node.promoter.step() < SPACING_S:
        pass

    assert node.enqueued == [ids[-1], *ids[:-1]]
    assert [change.job_id for _, change in node.queue.server.changes] == [ids[-1], *ids[:-1]]
    assert list(await node.store.pauses.ended(limit=9)) == []
    assert await node.promoter.step() == LOOK_S


async def test_a_pause_that_ends_by_itself_is_waited_for(node: Node) -> None:
    until = node.clock.now() + timedelta(seconds=LOOK_S / 2)
    await node.store.pauses.put(TASK, reason=None, until=until, by=None)
    (job_id,) = await node.insert(Order())

    wait_s = await node.promoter.step()
    assert 0 < wait_s <= LOOK_S / 2 + 0.001

    node.clock.advance(wait_s)
    await node.promoter.step()
    assert node.enqueued == [job_id]


async def test_what_is_let_go_while_the_queue_is_away_waits_in_the_store(node: Node) -> None:
    await node.store.pauses.put(TASK, reason=None, until=None, by=None)
    (job_id,) = await node.insert(Order())
    await node.store.pauses.end(TASK)
    node.queue.away = True

    await node.promoter.step()

    assert (await known(cast("Store", node.store), job_id)).hold is None


async def test_what_replaces_another_job_is_enqueued_once_that_one_is_over(node: Node) -> None:
    """And its followers are told, also where it then waits for its time."""
    olds = [replace(new(), unique=Unique(key)) for key in ("a", "b")]
    await node.store.insert(olds)
    await node.store.register(store_node())
    claims = await node.store.claim([old.id for old in olds], node_id="a1", at=AT)
    at_once = replace(new(), unique=Unique("a", OnConflict.REPLACE))
    order = Order(delay_s=60)
    at_a_time = replace(new(order=order), unique=Unique("b", OnConflict.REPLACE))
    await node.store.insert([at_once, at_a_time])
    assert await node.promoter.step() > SPACING_S
    assert node.enqueued == []

    await node.store.settle([end(claim, Status.ABORTED, death=DEATH) for claim in claims])
    assert node.store.due.is_set()
    assert await node.promoter.step() == 0.0

    assert node.enqueued == [at_once.id]
    told = [each for _, each in node.queue.server.changes]
    assert told == [changed(job.id, "u1") for job in (at_once, at_a_time)]
