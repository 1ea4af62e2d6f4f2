"""A node that is away for some periods, misfires and overlaps: all goes as a small model says.

The model knows hours by their numbers, and nothing of cursors: it keeps which hours were due, which
became jobs, and which of these are over.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.core.job import Job, Status
from scheduler.core.ports.store import Store
from scheduler.core.schedules.schedule import Misfire, Overlap
from tests.contract.schedules.making import hours
from tests.model.effort import EXAMPLES
from tests.support.stores import claimed, end
from tests.unit.node.test_schedule_look import Node

CATCHUP_HOURS = 3
AWAY = st.tuples(st.just("away"), st.integers(1, 6), st.integers(0, 59))
"""For so many hours, and until so many minutes after the last one."""
END = st.tuples(st.just("end"), st.integers(0, 3), st.just(0))


class Model:
    """What becomes of the hours of a schedule."""

    def __init__(self, misfire: Misfire, overlap: Overlap, remaining: int | None) -> None:
        self.misfire, self.overlap, self.remaining = misfire, overlap, remaining
        self.handled = 0
        """The last hour."""
        self.active: list[int] = []
        """Hours whose jobs may run, the oldest first."""
        self.waiting: list[int] = []
        """Hours whose jobs wait for those."""
        self.made: list[int] = []
        self.skipped = Counter[str]()

    @property
    def has_ended(self) -> bool:
        return len(self.made) == self.remaining

    def pass_to(self, hour: int, minute: int) -> None:
        if self.has_ended:
            return
        due = [*range(self.handled + 1, hour + 1)]
        self.handled = hour
        age = {each: (hour - each) * 60 + minute for each in due}
        match self.misfire:
            case Misfire.SKIP:
                made = [each for each in due[-1:] if age[each] <= 1]
            case Misfire.ONCE:
                made = [each for each in due[-1:] if age[each] <= CATCHUP_HOURS * 60]
            case Misfire.ALL:
                made = [each for each in due if age[each] <= CATCHUP_HOURS * 60]
        self.skipped["missed"] += len(due) - len(made)
        for each in made:
            if not self.has_ended:
                self._occur(each, last=each == made[-1])
        self._part()

    def _occur(self, hour: int, *, last: bool) -> None:
        busy = bool(self.active or self.waiting)
        if self.overlap is Overlap.ALLOW or not busy:
            starts = self.overlap is not Overlap.REPLACE or last
        else:
            starts = False
        if starts:
            self.active.append(hour)
        elif self.overlap is Overlap.REPLACE and last:
            self.active, self.waiting = [], [hour]  # what it replaces is aborted
        elif self.overlap is Overlap.QUEUE_ONE and not self.waiting:
            self.waiting.append(hour)
        else:
            self.skipped["overlap"] += 1
            return
        self.made.append(hour)

    def end(self, number: int) -> int | None:
        """A job that may run ends; its hour."""
        if not self.active:
            return None
        ended = self.active.pop(number % len(self.active))
        self._part()
        return ended

    def _part(self) -> None:
        if not self.active and self.waiting:
            self.active.append(self.waiting.pop(0))


async def follow(
    misfire: Misfire, overlap: Overlap, remaining: int | None, steps: list[tuple[str, int, int]]
) -> None:
    node, model = Node(), Model(misfire, overlap, remaining)
    store = cast("Store", node.store)
    node.clock.advance((hours(0) - node.clock.now()).total_seconds() % 3600)
    begin = node.clock.now()
    await node.put(
        misfire=misfire,
        overlap=overlap,
        catchup_s=CATCHUP_HOURS * 3600.0,
        remaining=remaining,
    )
    hour = 0
    for what, number, minute in steps:
        if what == "end":
            if (ended := model.end(number)) is not None:
                (job,) = [each for each in node.jobs if _hour(each, begin) == ended]
                await store.settle([end(await claimed(store, job.id))])
                await node.steps()
        else:
            hour += number
            at = hour * 3600 + minute * 60
            node.clock.advance(at - (node.clock.now() - begin).total_seconds())
            await node.steps()
            model.pass_to(hour, minute)
        jobs = {_hour(job, begin): job for job in node.jobs}
        assert len(jobs) == len(node.jobs), "an occurrence is one job"
        assert sorted(jobs) == model.made
        free = [each for each, job in jobs.items() if not job.over and job.hold is None]
        assert sorted(free) == model.active
        held = [each for each, job in jobs.items() if not job.over and job.hold is not None]
        assert sorted(held) == model.waiting
        told = {name: count for name, count in model.skipped.items() if count}
        assert {name: count for name, count in node.outcomes.items() if name != "job"} == told
        assert overlap is Overlap.ALLOW or len(free) <= 1, "two jobs of the schedule at once"


def _hour(job: Job, begin: Any) -> int:  # noqa: ANN401 - an instant
    assert job.scheduled_for is not None
    assert job.status in Status
    return int((job.scheduled_for - begin).total_seconds()) // 3600


@pytest.mark.timeout(0)
@settings(deadline=None, max_examples=EXAMPLES or 60, derandomize=not EXAMPLES, database=None)
@given(
    misfire=st.sampled_from(Misfire),
    overlap=st.sampled_from(Overlap),
    remaining=st.none() | st.integers(1, 6),
    steps=st.lists(st.one_of(AWAY, END), min_size=1, max_size=12),
)
def test_whatever_a_node_misses_goes_as_the_model_says(
    misfire: Misfire, overlap: Overlap, remaining: int | None, steps: list[tuple[str, int, int]]
) -> None:
    """Each hour is one job, or is skipped for the right reason; and no two jobs at once."""
    asyncio.run(follow(misfire, overlap, remaining, steps))
