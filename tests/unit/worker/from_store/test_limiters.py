"""A worker and a handler of which only so many jobs run at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from scheduler.basics.background import background
from scheduler.core.handler import HandlerOptions
from scheduler.core.job import Claim, Hold, HoldReason, Status
from scheduler.core.limits.declaration import Limit, Throttle
from scheduler.core.quotas.quota import UNLIMITED
from scheduler.worker.from_store.letting_go import FORGET_EVERY_S, LOOK_S, LettingGo
from tests.contract.limiters.asking import in_limiters
from tests.fakes import AT, MemoryStore
from tests.support.eventually import eventually
from tests.support.stores import end, new, node
from tests.support.workers import NODE, TASKS, NodeUnderTest, at_work

ONE = HandlerOptions(name="one", limit=(Limit(1).rule,))
SLOWLY = HandlerOptions(name="slowly", throttle=Throttle(1, per_s=3600).rule)


@pytest.fixture(autouse=True)
def tasks() -> Iterator[None]:
    before = dict(TASKS)
    TASKS.load({**before, "one": ONE, "slowly": SLOWLY}, at=AT)
    yield
    TASKS.load(before, at=AT)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
async def workers(store: MemoryStore) -> AsyncIterator[NodeUnderTest]:
    async with at_work(store) as workers:
        yield workers


@pytest.fixture
def letting_go(workers: NodeUnderTest, store: MemoryStore) -> LettingGo:
    return LettingGo(
        store=store,
        queue=workers.queue,
        clock=workers.clock,
        tasks=TASKS,
        quotas=UNLIMITED,
        freed=workers.service.freed,
    )


async def parked(workers: NodeUnderTest, job_id: str) -> None:
    async def is_held() -> bool:
        hold = (await workers.job(job_id)).hold
        return hold is not None and hold.reason == HoldReason.LIMIT

    await workers.clock.pass_until(is_held, saying=f"{job_id} is held")


async def test_a_job_without_room_leaves_the_queue_and_comes_back_when_there_is_some(
    workers: NodeUnderTest, store: MemoryStore, letting_go: LettingGo
) -> None:
    """Nobody asks for it meanwhile, and others go on."""
    await store.register(node("elsewhere"))
    elsewhere = new(task="one")
    await store.insert([elsewhere])
    from_there = await _claimed(store, workers, elsewhere.id)
    waits = await workers.submit("one")
    await parked(workers, waits)
    assert workers.queue.server.ids == []
    assert not workers.queue.server.inflight(NODE.id)

    other = await workers.submit()
    (await workers.running()).finish()
    await workers.becomes(other, "successful")
    assert (await workers.job(waits)).hold == Hold(HoldReason.LIMIT, None)

    await store.settle([end(from_there)])
    await letting_go.step()
    (await workers.running()).finish()
    await workers.becomes(waits, "successful")


async def _claimed(store: MemoryStore, workers: NodeUnderTest, job_id: str) -> Claim:
    """The claim of another node on a job."""
    asked = await in_limiters(store, ONE, [job_id])
    found = await store.limiters.claim(
        asked, node_id="elsewhere", at=workers.clock.now(), quotas=UNLIMITED
    )
    return found.claims[0]


async def test_the_end_of_a_limited_job_wakes_who_lets_go(workers: NodeUnderTest) -> None:
    """The next one begins at once, and not after a second."""
    job_id = await workers.submit("one")
    process = await workers.running()
    workers.service.freed.clear()

    process.finish()
    await workers.becomes(job_id, "successful")

    await eventually(workers.service.freed.is_set)


async def test_a_limited_job_never_begins_as_it_is_stored(workers: NodeUnderTest) -> None:
    """Only a claim takes the lock of its limiter."""
    await workers.idles()

    job_id = await workers.submit("one")

    assert (await workers.job(job_id)).status is Status.QUEUED
    (await workers.running()).finish()
    await workers.becomes(job_id, "successful")


async def test_the_loop_ends_its_sleep_when_a_job_has_ended(
    workers: NodeUnderTest, store: MemoryStore, letting_go: LettingGo
) -> None:
    await store.register(node("elsewhere"))
    elsewhere = new(task="one")
    await store.insert([elsewhere])
    from_there = await _claimed(store, workers, elsewhere.id)
    waits = await workers.submit("one")
    await parked(workers, waits)
    async with background(let_go=letting_go.run()):
        await store.settle([end(from_there)])
        workers.service.look_for_held()

        (await workers.running()).finish()
        await workers.becomes(waits, "successful")


async def test_the_next_look_is_when_a_throttle_opens(
    workers: NodeUnderTest, store: MemoryStore, letting_go: LettingGo
) -> None:
    await workers.submit("slowly")
    (await workers.running()).finish()
    late = await workers.submit("slowly")

    async def is_held() -> bool:
        return (await workers.job(late)).hold is not None

    await workers.clock.pass_until(is_held, saying="it waits")

    assert await letting_go.step() == LOOK_S
    (key,) = store.limiters.tats
    store.limiters.tats[key] -= 3_599_900_000
    assert 0 < await letting_go.step() < 0.2
    store.limiters.tats[key] -= 3_600_000_000
    await letting_go.step()
    assert (await workers.job(late)).hold is None


async def test_a_handler_that_is_loaded_without_its_throttle_lets_those_go_that_wait(
    workers: NodeUnderTest, letting_go: LettingGo
) -> None:
    await workers.submit("slowly")
    (await workers.running()).finish()
    late = await workers.submit("slowly")

    async def is_held() -> bool:
        return (await workers.job(late)).hold is not None

    await workers.clock.pass_until(is_held, saying="it waits")
    await letting_go.step()

    TASKS.load({**TASKS, "slowly": HandlerOptions(name="slowly")}, at=AT)
    workers.clock.advance(LOOK_S)
    await letting_go.step()

    assert (await workers.job(late)).hold is None


async def test_limiters_that_nobody_uses_are_deleted_from_time_to_time(
    workers: NodeUnderTest, store: MemoryStore, letting_go: LettingGo
) -> None:
    job_id = await workers.submit("one")
    (await workers.running()).finish()
    await workers.becomes(job_id, "successful")

    (key,) = store.limiters.tats
    store.limiters.tats[key] -= 61_000_000
    workers.clock.advance(FORGET_EVERY_S)
    await letting_go.step()

    assert (store.limiters.limiters, store.limiters.holds) == ({}, set())
