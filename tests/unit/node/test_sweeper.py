"""The sweeper: who is presumed dead, and what is looked after when nobody else does."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest
from structlog.testing import capture_logs

from scheduler.basics.clock import id_before
from scheduler.core.errors import QueueUnavailable, StoreUnavailable
from scheduler.core.job import Status
from scheduler.core.ports.queue import Queue
from scheduler.node.sweeper import LOST_AFTER_S, RELEASE_EVERY_S, REST_S, SWEEP_EVERY_S, Sweeper
from tests.fakes import FakeClock, MemoryQueue, MemoryServer, MemoryStore
from tests.support.gate import Gate
from tests.support.job_events import Counting
from tests.support.stores import end, known, new, node, queued, running

LEASE_S = 6.0


class Installation:
    """The sweeper of node `me`, in an installation with others."""

    def __init__(self) -> None:
        self.store, self.clock, self.server = MemoryStore(), FakeClock(), MemoryServer()
        self.queue = MemoryQueue(self.server, node_id="me")
        self.sweeper = self.sweeper_with(self.queue)

    def sweeper_with(self, queue: object) -> Sweeper:
        """A sweeper that sees the queue like this."""
        return Sweeper(
            store=self.store,
            queue=cast("Queue", queue),
            clock=self.clock,
            node_id="me",
            job_events=Counting(self.clock),
            id_before=id_before,
            lease_s=LEASE_S,
            losses_max=3,
            retention_s=60.0,
        )

    async def sweep(self, *, after_s: float) -> None:
        self.clock.advance(after_s)
        await self.sweeper.release_the_dead()

    async def names(self) -> list[str]:
        return [each.id for each in await self.store.nodes()]


@pytest.fixture
async def installation() -> Installation:
    installation = Installation()
    await installation.store.register(node("me"))
    return installation


async def test_a_node_that_is_silent_for_its_lease_is_buried_and_its_jobs_run_again(
    installation: Installation,
) -> None:
    """Guarantee 4. Within the lease and two sweeps, as the constant says."""
    claim = await running(installation.store, node_id="dead")
    await installation.sweep(after_s=0)
    await installation.sweep(after_s=LEASE_S - 0.001)
    assert await installation.names() == ["dead", "me"]
    await installation.sweep(after_s=0.001)
    assert await installation.names() == ["me"]
    assert (await known(installation.store, claim.id)).status is Status.QUEUED
    assert list(installation.server.ids) == [claim.id]


async def test_a_node_that_renews_lives(installation: Installation) -> None:
    """However slowly, as long as its beat changes within the lease."""
    await installation.store.register(node("slow"))
    for _ in range(5):
        await installation.sweep(after_s=LEASE_S - 0.1)
        await installation.store.renew("slow", running=0)
    assert "slow" in await installation.names()


async def test_a_node_does_not_bury_itself(installation: Installation) -> None:
    """Its lease is its own business: it knows better than others whether it lives."""
    await installation.sweep(after_s=0)
    await installation.sweep(after_s=10 * LEASE_S)
    assert await installation.names() == ["me"]


async def test_nobody_is_buried_for_the_silence_of_the_store(installation: Installation) -> None:
    """None could renew, and finished results wait to be written: they get a whole lease anew."""
    await installation.store.register(node("other"))
    await installation.sweep(after_s=0)
    installation.store.away = True
    with pytest.raises(StoreUnavailable):
        await installation.sweep(after_s=10 * LEASE_S)
    installation.store.away = False
    await installation.sweep(after_s=0)
    await installation.sweep(after_s=LEASE_S - 0.001)
    assert "other" in await installation.names()
    await installation.sweep(after_s=0.001)
    assert "other" not in await installation.names()


async def test_what_a_dead_node_had_in_flight_goes_back(installation: Installation) -> None:
    """It had dequeued the id and not yet claimed the job."""
    job_id = await queued(installation.store)
    dead = MemoryQueue(installation.server, node_id="dead")
    await dead.enqueue([job_id])
    await dead.dequeue(wait_s=0)
    await installation.sweep(after_s=0)
    assert list(installation.server.ids) == [job_id]


async def test_a_node_that_came_and_went_between_two_sweeps_leaves_nothing_for_long(
    installation: Installation,
) -> None:
    """Where the same nodes are there as before, an idle one is to cost next to nothing."""
    await installation.sweep(after_s=0)
    claim = await running(installation.store, node_id="brief")
    await installation.store.bury("brief")
    await installation.sweep(after_s=SWEEP_EVERY_S)
    assert (await known(installation.store, claim.id)).status is Status.RUNNING
    await installation.sweep(after_s=RELEASE_EVERY_S - SWEEP_EVERY_S)
    assert (await known(installation.store, claim.id)).status is Status.QUEUED


async def test_a_release_that_failed_is_tried_again_by_the_next_sweep(
    installation: Installation,
) -> None:
    """The store released, and the queue did not hear of what the dead node had in flight."""
    job_id = await queued(installation.store)
    dead = MemoryQueue(installation.server, node_id="dead")
    await dead.enqueue([job_id])
    await dead.dequeue(wait_s=0)
    installation.queue.away = True
    with pytest.raises(QueueUnavailable):
        await installation.sweep(after_s=0)
    installation.queue.away = False
    await installation.sweep(after_s=SWEEP_EVERY_S)
    assert list(installation.server.ids) == [job_id]


async def test_an_emptied_queue_hears_of_all_that_waits(installation: Installation) -> None:
    """D1: Redis may be emptied at any moment."""
    ids = [await queued(installation.store) for _ in range(3)]
    with capture_logs() as logs:
        await installation.sweeper.restore_ids()
    assert list(installation.server.ids) == ids
    assert [(entry["event"], entry["jobs"]) for entry in logs] == [
        ("waiting jobs are enqueued anew", 3)
    ]
    await installation.sweeper.restore_ids()
    assert list(installation.server.ids) == ids, "once is enough"


async def test_others_that_sweep_meanwhile_tell_it_nothing(installation: Installation) -> None:
    """Else each id would wait as often as there are nodes."""
    ids = [await queued(installation.store) for _ in range(3)]
    telling = Gate(installation.queue)
    told = telling.hold("remember", "before")
    other = installation.sweeper_with(MemoryQueue(installation.server, node_id="other"))
    async with asyncio.TaskGroup() as group:
        group.create_task(installation.sweeper_with(telling).restore_ids())
        await told.reached.wait()
        await other.restore_ids()
        told.let()
    assert list(installation.server.ids) == ids


async def test_where_the_node_that_told_it_died_another_one_tells_it_all(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D1. Once it was silent for so long that it must have died."""
    ids = [await queued(installation.store) for _ in range(3)]
    dead = MemoryQueue(installation.server, node_id="dead")
    await dead.forgetful()
    with monkeypatch.context() as dies:
        dies.setattr("tests.fakes.queue.REMIND_S", 0)
        assert await dead.remind(ids[:1])
    await installation.sweeper.restore_ids()
    assert list(installation.server.ids) == [ids[0], *ids]


async def test_a_queue_that_is_emptied_again_meanwhile_is_told_all_by_a_later_sweep(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D1. What it was told before is gone: to go on would only have some ids wait twice."""
    monkeypatch.setattr("scheduler.node.sweeper.ENQUEUE_MAX", 1)
    for _ in range(2):
        await queued(installation.store)
    telling = Gate(installation.queue)
    first = telling.hold("remind", "after")
    with capture_logs() as logs:
        async with asyncio.TaskGroup() as group:
            group.create_task(installation.sweeper_with(telling).restore_ids())
            await first.reached.wait()
            installation.server.flush()
            first.let()
    assert logs == []
    assert await installation.queue.forgetful()


async def test_an_id_that_got_lost_is_enqueued_again(installation: Installation) -> None:
    """Its submit was cut off between the store and the queue."""
    await installation.queue.remember()
    job_id = await queued(installation.store)
    await installation.sweeper.restore_ids()
    assert list(installation.server.ids) == [job_id]


async def test_the_oldest_ids_are_not_looked_for_in_every_sweep(installation: Installation) -> None:
    """No question is asked more often than once a second, and idle workers ask this one too."""
    await installation.queue.remember()
    await installation.sweeper.restore_ids()
    await queued(installation.store)
    installation.clock.advance(SWEEP_EVERY_S)
    await installation.sweeper.restore_ids()
    assert not installation.server.ids
    installation.clock.advance(SWEEP_EVERY_S)
    await installation.sweeper.restore_ids()
    assert installation.server.ids


async def test_an_id_that_was_submitted_just_now_is_not_lost(installation: Installation) -> None:
    """Its submit is between the store and the queue at this moment."""
    await installation.queue.remember()
    just_now = installation.clock.now() - timedelta(seconds=LOST_AFTER_S - 1)
    await installation.store.insert([replace(new(), id=id_before(just_now))])
    await installation.sweeper.restore_ids()
    assert not installation.server.ids
    installation.clock.advance(2)
    await installation.sweeper.restore_ids()
    assert installation.server.ids


async def test_old_jobs_are_deleted_and_young_ones_kept(installation: Installation) -> None:
    """Retention counts from the end of a job."""
    claim = await running(installation.store)
    await installation.store.settle([end(claim, ended_s=0)])
    installation.clock.advance(59)
    await installation.sweeper.delete_the_old()
    assert await installation.store.get(claim.id) is not None
    installation.clock.advance(REST_S)
    await installation.sweeper.delete_the_old()
    assert await installation.store.get(claim.id) is None


async def test_the_deletion_rests_only_when_nothing_was_old(installation: Installation) -> None:
    """A million old jobs go one step after the other; a node without any hardly asks."""

    async def deleted() -> bool:
        claim = await running(installation.store)
        await installation.store.settle([end(claim, ended_s=0)])
        await installation.sweeper.delete_the_old()
        return await installation.store.get(claim.id) is None

    installation.clock.advance(100)
    assert await deleted()
    assert await deleted()
    await installation.sweeper.delete_the_old()
    assert not await deleted()
    installation.clock.advance(REST_S)
    assert await deleted()


async def test_one_step_that_fails_does_not_keep_the_others_from_their_work(
    installation: Installation,
) -> None:
    """Without Redis old jobs must go all the same, and after it the next sweep be whole."""
    claim = await running(installation.store)
    await installation.store.settle([end(claim, ended_s=0)])
    installation.queue.away = True
    async with asyncio.TaskGroup() as group:
        sweeping = group.create_task(installation.sweeper.run())
        await installation.clock.pass_until(lambda: claim.id not in installation.store.rows)
        sweeping.cancel()
