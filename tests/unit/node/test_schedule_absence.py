"""What becomes of schedules while no node is there, and when one comes back."""

from __future__ import annotations

from typing import cast

import pytest

from scheduler.core.job import Job
from scheduler.core.ports.store import Store
from scheduler.core.schedules.schedule import Misfire, Overlap, SkipReason
from scheduler.core.schedules.timing import Timing
from tests.support.stores import claimed, end, known
from tests.unit.node.test_schedule_look import Node

MINUTELY = Timing(every_s=60)


@pytest.fixture
def node() -> Node:
    return Node()


async def ended(node: Node, job: Job) -> None:
    store = cast("Store", node.store)
    await store.settle([end(await claimed(store, job.id))])


async def test_a_day_without_nodes_is_one_job_unless_the_schedule_says_more(node: Node) -> None:
    """Else the first minute would begin with a day of jobs, each of which may cost money."""
    await node.put(timing=MINUTELY)

    await node.pass_(24)

    assert len(node.jobs) == 1
    assert await node.skipped() == {SkipReason.MISSED: 1000}, "counted up to so many"


async def test_a_schedule_goes_on_however_many_times_were_missed(node: Node) -> None:
    """Others give up for good after a hundred."""
    await node.put(misfire=Misfire.SKIP)
    await node.pass_(200.5)
    assert node.jobs == []

    await node.pass_(0.5)
    await node.pass_()

    assert len(node.jobs) == 1, "the first of them is not over"
    assert await node.skipped() == {SkipReason.MISSED: 200, SkipReason.OVERLAP: 1}


async def test_jobs_come_at_their_times_though_the_earlier_ones_have_not_begun(node: Node) -> None:
    """Where one makes the next, intervals stretch under load."""
    await node.put(overlap=Overlap.ALLOW)
    for _ in range(4):
        await node.pass_()
    assert [job.scheduled_for and job.scheduled_for.hour for job in node.jobs] == [13, 14, 15, 16]


async def test_what_waits_for_its_turn_is_not_dropped_for_being_late(node: Node) -> None:
    """`catchup_s` is about times that no node was there for: this one was handled in time."""
    await node.put(overlap=Overlap.QUEUE_ONE, catchup_s=0.0)
    await node.pass_()
    await node.pass_()
    first, second = node.jobs
    await node.pass_(10)

    await ended(node, first)
    await node.steps()

    freed = await known(cast("Store", node.store), second.id)
    assert (freed.hold, freed.scheduled_for) == (None, second.scheduled_for)
