"""What clients are told of jobs as it happens: the change_feed of changes, made into events.

    of_jobs   all jobs, or a user's   each change, from now on or behind a position
    of_job    one job                 its present first, each change, and an end with the job's

Each event says the position behind it; who comes back with that is told what came after. No status
is told twice, nor after a later one. Of a job it is also looked after by itself, now and then: a
change that got lost comes late, but comes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Final, NamedTuple

from scheduler.core.change import Change, Kind, Position, as_of, may_run, stage, unseen_states
from scheduler.core.job import Job
from scheduler.core.job_log import Line, lines
from scheduler.core.ports.store import Store
from scheduler.service.change_feed import ChangeEntry, ChangeFeed

NOWHERE: Final = "0-0"
"""The position of who began while the queue was away; nobody will know what came behind it."""
TOLD_MAX: Final = 10_000
"""Of how many jobs a follower of all remembers what he was told."""


class StatusEvent(NamedTuple):
    """A job stands so."""

    position: Position
    job: Job


class ProgressEvent(NamedTuple):
    """A job is further."""

    position: Position
    change: Change


class LineEvent(NamedTuple):
    """A job printed a line."""

    position: Position
    job_id: str
    uid: str
    line: Line


class ResetEvent(NamedTuple):
    """Something got lost: look anew at what you follow."""

    position: Position


Event = StatusEvent | ProgressEvent | LineEvent | ResetEvent


class SentSoFar:
    """What a follower was told of jobs: the last stage of each."""

    def __init__(self) -> None:
        self._stages: OrderedDict[str, int] = OrderedDict()
        self._printed: OrderedDict[str, int] = OrderedDict()

    def status(self, job: Job) -> Sequence[Job]:
        """What of this is news; it is told from now on."""
        fresh = unseen_states(job, self._stages.get(job.id, -1))
        _grows(self._stages, job.id, stage(job))
        return fresh

    def progress(self, change: Change) -> bool:
        """Whether the attempt may still be running, for all that was told."""
        return may_run(change, self._stages.get(change.job_id, 0))

    def printed(self, change: Change) -> bool:
        """Whether these lines are news; then they are told from now on."""
        return _grows(self._printed, change.job_id, change.ends)


class EventFeed:
    """Makes events of the change_feed."""

    def __init__(self, *, store: Store, change_feed: ChangeFeed) -> None:
        self._store = store
        self._change_feed = change_feed

    async def of_jobs(
        self, uid: str | None, *, after: Position | None, log: bool
    ) -> AsyncGenerator[Sequence[Event], None]:
        """The events of all jobs, or of a user's; nothing, now and then, where nothing happens."""
        told = SentSoFar()
        with self._change_feed.followed():
            begin = after.change_id if after else await self._change_feed.present()
            yield await self._rest(uid, after) if after and log else []
            async with aclosing(self._change_feed.behind(begin)) as change_feed:
                async for heard in change_feed:
                    if heard is None:
                        yield [ResetEvent(Position(self._change_feed.end or NOWHERE))]
                    else:
                        yield await self._events(heard, uid, told, log=log)

    async def _rest(self, uid: str | None, after: Position) -> Sequence[Event]:
        """The lines of the change at which a follower was cut off in the middle."""
        change = await self._change_feed.change(after.change_id)
        if change is None or after.place is None or uid not in {None, change.uid}:
            return []
        return await self._lines(after.change_id, change, after.place)

    async def _events(
        self, heard: Sequence[ChangeEntry], uid: str | None, told: SentSoFar, *, log: bool
    ) -> Sequence[Event]:
        ours = [each for each in heard if _concerns(each.change, uid)]
        await self._change_feed.see([each for each in ours if each.change.tells_status])
        events: list[Event] = []
        for each in ours:
            position, change = Position(each.id), each.change
            if change.kind is Kind.GAP:
                events.append(ResetEvent(position))
            elif change.kind is Kind.PROGRESS and told.progress(change):
                events.append(ProgressEvent(position, change))
            elif change.kind is Kind.LOG and log and told.printed(change):
                events += await self._lines(each.id, change, change.begins)
            elif each.job is not None and uid in {None, each.job.uid}:
                fresh = told.status(as_of(change, each.job))
                events += [StatusEvent(position, job) for job in fresh]
        return events

    async def _lines(self, change_id: str, change: Change, after: int) -> list[Event]:
        """What was printed from a place on, as far as the change tells of."""
        pages = await self._change_feed.patiently(
            lambda: self._store.log(change.job_id, after=after)
        )
        return [
            LineEvent(Position(change_id, line.end), change.job_id, change.uid or "", line)
            for line in lines(pages, after=after, until=change.ends)
        ]


def _concerns(change: Change, uid: str | None) -> bool:
    """Whether a follower of this user's jobs, or of all, may want to hear of it."""
    return uid is None or change.uid is None or change.uid == uid


def _grows(known: OrderedDict[str, int], job_id: str, value: int) -> bool:
    """Note the value of a job, if it is its greatest yet. Who was silent longest is forgotten."""
    if value <= known.get(job_id, -1):
        return False
    known[job_id] = value
    known.move_to_end(job_id)
    if len(known) > TOLD_MAX:
        known.popitem(last=False)
    return True
