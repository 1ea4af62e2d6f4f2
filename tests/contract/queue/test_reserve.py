"""What the port `Queue` promises about slots that are kept for users who run nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from scheduler.core.job import WaitingJob
from scheduler.core.ports.queue import Queue, Share
from tests.support.queues import (  # noqa: F401
    ANSWER_S,
    PAUSE_S,
    Installation,
    installation_fixture,
    one_of,
    opened,
)
from tests.support.servers.redis import namespace_fixture, redis_program, redis_server  # noqa: F401

BUSY_MAX = 3
HEAVY = Share(weight=4)


@pytest.fixture(name="keeping")
async def keeping_fixture(installation: Installation) -> AsyncIterator[Queue]:
    """The queue of a node that keeps slots."""

    def share_of(uid: str) -> Share:
        return HEAVY if uid.startswith("heavy") else Share()

    async with installation.open("k", share_of=share_of, busy_max=lambda: BUSY_MAX) as queue:
        yield queue


def numbered(uid: str, count: int) -> list[WaitingJob]:
    return [WaitingJob(f"{uid}-{number}", uid, number) for number in range(count)]


async def test_only_users_who_run_nothing_get_the_slots_that_are_kept(keeping: Queue) -> None:
    """Jobs of hours would fill all slots else, and a newcomer wait for hours."""
    await keeping.enqueue(numbered("a", 9))
    assert await keeping.dequeue(wait_s=ANSWER_S, limit=8) == ["a-0", "a-1", "a-2"]
    assert await keeping.dequeue(wait_s=PAUSE_S) == []

    await keeping.enqueue([*numbered("b", 2), *numbered("c", 1)])
    assert await keeping.dequeue(wait_s=ANSWER_S, limit=8) == ["b-0", "c-0"]
    assert await keeping.dequeue(wait_s=PAUSE_S) == []


async def test_a_worker_is_woken_for_what_the_end_of_a_job_lets_start(
    keeping: Queue, installation: Installation
) -> None:
    """No id became available, so nothing else would wake one before it looks by itself."""
    await keeping.enqueue(numbered("a", 4))
    taken = await keeping.dequeue(wait_s=ANSWER_S, limit=8)
    assert await keeping.dequeue(wait_s=PAUSE_S) == []
    await installation.blocked(0)

    await keeping.acknowledge(taken[:1])
    assert await installation.look.llen(installation.key("wake")) == 1
    assert await keeping.dequeue(wait_s=ANSWER_S) == ["a-3"]


async def test_one_who_runs_something_hides_nobody_who_runs_nothing(keeping: Queue) -> None:
    """Who has a great weight and runs one job is as near to the head as one who runs none."""
    await keeping.enqueue([job for each in range(3) for job in numbered(f"heavy{each}", 3)])
    assert len(await keeping.dequeue(wait_s=ANSWER_S, limit=8)) == BUSY_MAX

    await keeping.enqueue(numbered("z", 2))
    assert await keeping.dequeue(wait_s=ANSWER_S, limit=8) == ["z-0"]
