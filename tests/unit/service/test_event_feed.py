"""Events of many jobs: made once for all followers, and none is missed or sent twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

import pytest

from scheduler.basics.background import background
from scheduler.core.change import Change, ChangeKind, Position, changed, queued
from scheduler.core.job import Job
from scheduler.core.job_log import Block, LogPage, LogStream, Written
from scheduler.service import change_feed as module
from scheduler.service.change_feed import BATCH_MAX, ChangeFeed
from scheduler.service.following import kept_lines
from scheduler.service.following.event_feed import EventFeed
from scheduler.service.following.events import Event, LineEvent, ResetEvent, StatusEvent
from tests.fakes.clock import AT, FakeClock
from tests.fakes.queue import MemoryQueue
from tests.fakes.store import MemoryStore
from tests.support.eventually import eventually
from tests.support.stores import end, new, running

FOLLOWERS = 40


class CountingStore(MemoryStore):
    """Counts what is read for followers."""

    def __init__(self) -> None:
        super().__init__()
        self.outlined = self.logs_read = 0

    async def outlines(self, job_ids: Collection[str]) -> Sequence[Job]:
        self.outlined += len(set(job_ids))
        await asyncio.sleep(0)
        return await super().outlines(job_ids)

    async def log(self, job_id: str, *, after: int = 0) -> Sequence[LogPage]:
        self.logs_read += 1
        await asyncio.sleep(0)
        return await super().log(job_id, after=after)


@dataclass
class Town:
    """A node's event feed, on fakes."""

    store: CountingStore = field(default_factory=CountingStore)
    queue: MemoryQueue = field(default_factory=MemoryQueue)

    def __post_init__(self) -> None:
        self.clock = FakeClock()
        self.changes = ChangeFeed(store=self.store, queue=self.queue, clock=self.clock)
        self.feed = EventFeed(store=self.store, change_feed=self.changes)

    async def jobs(self, number: int, uid: str = "u1") -> list[str]:
        """Submit jobs and announce them."""
        inserted = await self.store.insert([new(uid) for _ in range(number)])
        self.queue.announce([queued(job) for job in inserted.jobs])
        return [job.id for job in inserted.jobs]

    async def follow(
        self, number: int, *, uid: str | None = None, after: str | None = None, log: bool = False
    ) -> list[Event]:
        """So many events, as a follower gets them."""
        found: list[Event] = []
        position = Position(after) if after else None
        async with aclosing(self.feed.of_jobs(uid, after=position, log=log)) as events:
            async for some in events:
                found += some
                if len(found) >= number:
                    return found
        raise AssertionError


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    town = Town()
    async with background(changes=town.changes.run()):
        yield town


def ids(events: Sequence[Event]) -> list[str]:
    return [event.job.id for event in events if isinstance(event, StatusEvent)]


async def test_a_change_is_read_and_made_once_for_all_followers(town: Town) -> None:
    """With a thousand of them, each change would keep the node from everything else."""
    number = 2 * BATCH_MAX
    async with asyncio.TaskGroup() as group:
        follows = [group.create_task(town.follow(number)) for _ in range(FOLLOWERS)]
        with town.changes.following():
            await eventually(lambda: town.changes.end)
            submitted = await town.jobs(number)

    first, *others = (follow.result() for follow in follows)
    assert ids(first) == submitted
    assert all(one is same for other in others for one, same in zip(first, other, strict=True))
    assert town.store.outlined == number


async def test_the_lines_of_a_log_are_read_once_for_all_followers(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what does not fit into memory is read again, rather than kept or lost."""
    claim = await running(town.store)
    page = LogPage(0, 0, (Block(AT, LogStream.STDOUT, "one\ntwo\n"),))
    await town.store.write_log([Written(claim.id, claim.token, page)])
    line = Change(kind=ChangeKind.LOG, job_id=claim.id, uid=claim.uid, end_offset=8)
    async with asyncio.TaskGroup() as group:
        follows = [group.create_task(town.follow(2, log=True)) for _ in range(FOLLOWERS)]
        with town.changes.following():
            await eventually(lambda: town.changes.end)
            begin = town.changes.end
            town.queue.announce([line])
            await eventually(lambda: all(follow.done() for follow in follows))
            assert town.store.logs_read == 1

            monkeypatch.setattr(kept_lines, "CHARACTERS_MAX", 0)
            town.changes.last[-1].lines = None
            again = await town.follow(2, after=begin, log=True)
            assert town.changes.last[-1].lines is None

    for events in (again, *(follow.result() for follow in follows)):
        texts = [each.line.text for each in events if isinstance(each, LineEvent)]
        assert texts == ["one", "two"]


async def test_each_follower_gets_the_events_of_its_user_alone(town: Town) -> None:
    """Though all share what is made."""
    async with asyncio.TaskGroup() as group:
        ada = group.create_task(town.follow(2, uid="ada"))
        bob = group.create_task(town.follow(1, uid="bob"))
        with town.changes.following():
            await eventually(lambda: town.changes.end)
            of_ada = await town.jobs(1, "ada")
            of_bob = await town.jobs(1, "bob")
            of_ada += await town.jobs(1, "ada")

    assert (ids(ada.result()), ids(bob.result())) == (of_ada, of_bob)


async def test_a_follower_that_was_away_catches_up_and_gets_nothing_twice(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is sent old changes alone, and the last ones with the others."""
    monkeypatch.setattr(module, "BEHIND_MAX", 3)
    town.changes.last = type(town.changes.last)(maxlen=20)
    with town.changes.following():
        await eventually(lambda: town.changes.end)
        begin = town.changes.end
        claim = await running(town.store)
        old = await town.jobs(30)
        town.queue.announce([changed(claim.id, "u1")])
        await town.store.settle([end(claim)])
        recent = await town.jobs(10)
        town.queue.announce([changed(claim.id, "u1")])
        (last,) = await town.jobs(1)
        await eventually(lambda: town.changes.last[-1].change.job_id == last)

        both = [await town.follow(42, after=begin) for _ in range(2)]

    for events in both:
        assert ids(events) == [*old, claim.id, *recent, last]
        assert not any(isinstance(event, ResetEvent) for event in events)


async def test_followers_that_are_behind_while_the_store_is_away_are_told_so(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came and went meanwhile is unknown to them: they must read again."""
    town.changes.last = type(town.changes.last)(maxlen=5)
    monkeypatch.setattr(module, "READ_S", 0.01)
    async with asyncio.TaskGroup() as group:
        first = group.create_task(town.follow(1))
        with town.changes.following():
            await eventually(lambda: town.changes.end)
            town.store.away = True
            town.queue.announce([changed("1")])
            await eventually(town.feed._making.locked)
            second = group.create_task(town.follow(1, after=town.changes.end))
            town.queue.announce([changed("2")])
            await eventually(lambda: len(town.feed._making._waiters or ()))
            town.queue.announce([changed(str(number)) for number in range(3, 12)])
            await eventually(lambda: town.changes.last[-1].change.job_id == "11")
            town.store.away = False
            await town.clock.pass_until(second.done)
            await town.jobs(1)
    assert isinstance(second.result()[0], ResetEvent)
    assert first.result()


async def test_a_follower_that_begins_while_the_queue_is_away_is_told_what_is_unknown(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has read the list when its stream was open; what came until the queue was back is lost."""
    monkeypatch.setattr(module, "IDLE_S", 0.01)
    town.queue.away = True
    async with aclosing(town.feed.of_jobs(None, after=None, log=False)) as events:
        assert await anext(events) == []
        town.queue.announce([changed("of another node, which reaches the queue")])
        town.queue.away = False
        async with asyncio.TaskGroup() as group:
            first = group.create_task(_first(events))
            await town.clock.pass_until(lambda: town.changes.end)
            await town.clock.pass_until(first.done)
    assert isinstance(first.result(), ResetEvent)


async def _first(events: AsyncGenerator[Sequence[Event], None]) -> Event | None:
    """The first event; none where others than the unknown ones come first."""
    for _ in range(20):
        if some := await anext(events):
            return some[0]
    return None
