"""What the port `Queue` promises to workers that wait: one that may start an id is woken at once.

By itself a worker looks again only after some seconds, and here after so many that a test would
fail first.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from scheduler.core.job import WaitingJob
from scheduler.core.ports.queue import Queue, Share
from scheduler.queue.dequeuer import Dequeuer
from tests.support.eventually import eventually
from tests.support.queues import (  # noqa: F401
    ANSWER_S,
    PAUSE_S,
    Installation,
    installation_fixture,
    one_of,
    opened,
    queue_fixture,
)
from tests.support.servers.redis import namespace_fixture, redis_program, redis_server  # noqa: F401
from tests.support.stores import waiting

BLOCK_S = 60.0
AT_ONCE_S = 20.0
"""Far more than a busy machine takes."""


@pytest.fixture(autouse=True, scope="module")
def long_blocks() -> Iterator[None]:
    """Nobody looks again by himself during these tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Dequeuer.__init__, "__kwdefaults__", {"block_s": BLOCK_S})
        yield


def capped(uid: str) -> Share:
    return Share(1, 4) if uid == "capped" else Share()


async def test_a_worker_on_another_node_is_woken_where_those_here_have_left(
    queue: Queue, installation: Installation
) -> None:
    """They began jobs without the queue, say: what woke the connection would be lost with them."""
    async with installation.open("b") as other, asyncio.TaskGroup() as group:
        leaving = group.create_task(one_of(queue, wait_s=600))
        await installation.blocked(1)
        staying = group.create_task(one_of(other, wait_s=600))
        await installation.blocked(2)
        leaving.cancel()
        await other.enqueue(waiting("1"))
        async with asyncio.timeout(AT_ONCE_S):
            assert await staying == "1"


async def test_a_worker_hears_that_it_waits_in_vain_once_the_queue_had_nothing_for_it(
    queue: Queue,
) -> None:
    """Not before: a job that is submitted then begins in it, and overtakes what waits."""
    heard = Counter[str]()

    def hears(name: str) -> Callable[[], None]:
        return lambda: heard.update([name])

    await queue.enqueue(waiting("1"))
    assert await queue.dequeue(wait_s=ANSWER_S, in_vain=hears("first")) == ["1"]
    assert not heard
    async with asyncio.TaskGroup() as group:
        for name in ("second", "third"):
            group.create_task(queue.dequeue(wait_s=600, in_vain=hears(name)))
            await eventually(partial(heard.__contains__, name))
        await queue.enqueue(waiting("2", "3"))


async def test_as_many_workers_are_woken_as_jobs_of_a_user_may_start_anew(
    queue: Queue, installation: Installation
) -> None:
    """Several of his end together, and each of the workers that wait is on a node of its own."""
    jobs = [WaitingJob(f"c{number}", "capped", number) for number in range(12)]
    async with installation.open("shared", share_of=capped) as shared:
        await shared.enqueue(jobs)
        held = await shared.dequeue(wait_s=ANSWER_S, limit=10)
        assert await shared.dequeue(wait_s=PAUSE_S) == []
        async with installation.open("b") as other, asyncio.TaskGroup() as group:
            workers = [group.create_task(one_of(each, wait_s=600)) for each in (queue, other)]
            await installation.blocked(3)
            await shared.acknowledge(held)
            async with asyncio.timeout(AT_ONCE_S):
                assert {await worker for worker in workers} == {"c4", "c5"}
