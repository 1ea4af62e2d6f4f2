"""The events that clients follow, made from the change feed.

    EventFeed.of_jobs     all jobs, or one user's   each change, from now on or after a position
    JobFollower.events    one job                   its current state, each change, until its end

Each event carries the position after it: a client that reconnects with this position is sent what
came after. No status is sent twice, or after a later one. `JobFollower` also reads its job from the
store now and then, so that a lost change arrives late, but arrives.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Final, NamedTuple

from scheduler.core.change import Change, ChangeKind, Position, as_of, may_run, stage, unseen_states
from scheduler.core.job import Job
from scheduler.core.job_log import Line, lines
from scheduler.core.ports.store import Store
from scheduler.service.change_feed import ChangeEntry, ChangeFeed

UNKNOWN_CHANGE: Final = "0-0"
"""The position of a client that began while the queue was away: what came after it is unknown."""
REMEMBERED_MAX: Final = 10_000
"""For how many jobs a follower of all jobs remembers what it was sent."""


class StatusEvent(NamedTuple):
    """The state of a job."""

    position: Position
    job: Job


class ProgressEvent(NamedTuple):
    """The progress of a job."""

    position: Position
    change: Change


class LineEvent(NamedTuple):
    """A job printed a line."""

    position: Position
    job_id: str
    uid: str
    line: Line


class ResetEvent(NamedTuple):
    """Changes were lost: the client must read again what it follows."""

    position: Position


Event = StatusEvent | ProgressEvent | LineEvent | ResetEvent


class SentSoFar:
    """What a follower of many jobs was sent: the last stage and log offset of each job."""

    def __init__(self) -> None:
        self._stages: OrderedDict[str, int] = OrderedDict()
        self._printed: OrderedDict[str, int] = OrderedDict()

    def status(self, job: Job) -> Sequence[Job]:
        """The states of the job that were not sent yet; from now on they count as sent."""
        unseen = unseen_states(job, self._stages.get(job.id, -1))
        _advance(self._stages, job.id, stage(job))
        return unseen

    def progress(self, change: Change) -> bool:
        """Whether the attempt may still be running, going by what was sent."""
        return may_run(change, self._stages.get(change.job_id, 0))

    def printed(self, change: Change) -> bool:
        """Whether these lines were not sent yet; from now on they count as sent."""
        return _advance(self._printed, change.job_id, change.end_offset)


class EventFeed:
    """Turns the change feed into events of many jobs."""

    def __init__(self, *, store: Store, change_feed: ChangeFeed) -> None:
        self._store = store
        self._change_feed = change_feed

    async def of_jobs(
        self, uid: str | None, *, after: Position | None, log: bool
    ) -> AsyncGenerator[Sequence[Event], None]:
        """The events of all jobs, or of one user's; an empty batch now and then while idle."""
        sent = SentSoFar()
        with self._change_feed.following():
            begin = after.change_id if after else await self._change_feed.latest_id()
            yield await self._rest(uid, after) if after and log else []
            async with aclosing(self._change_feed.after(begin)) as batches:
                async for batch in batches:
                    if batch is None:
                        yield [ResetEvent(Position(self._change_feed.end or UNKNOWN_CHANGE))]
                    else:
                        yield await self._events(batch, uid, sent, log=log)

    async def _rest(self, uid: str | None, after: Position) -> Sequence[Event]:
        """The remaining lines of the change in whose middle the client was disconnected."""
        change = await self._change_feed.change(after.change_id)
        if change is None or after.offset is None or uid not in {None, change.uid}:
            return []
        return await self._lines(after.change_id, change, after.offset)

    async def _events(
        self, batch: Sequence[ChangeEntry], uid: str | None, sent: SentSoFar, *, log: bool
    ) -> Sequence[Event]:
        ours = [each for each in batch if _may_concern(each.change, uid)]
        await self._change_feed.load_jobs([each for each in ours if each.change.is_status_change])
        events: list[Event] = []
        for each in ours:
            position, change = Position(each.id), each.change
            if change.kind is ChangeKind.GAP:
                events.append(ResetEvent(position))
            elif change.kind is ChangeKind.PROGRESS and sent.progress(change):
                events.append(ProgressEvent(position, change))
            elif change.kind is ChangeKind.LOG and log and sent.printed(change):
                events += await self._lines(each.id, change, change.start_offset)
            elif each.job is not None and uid in {None, each.job.uid}:
                unseen = sent.status(as_of(change, each.job))
                events += [StatusEvent(position, job) for job in unseen]
        return events

    async def _lines(self, change_id: str, change: Change, after: int) -> list[Event]:
        """The lines printed after this offset, up to the end of this change."""
        pages = await self._change_feed.when_available(
            lambda: self._store.log(change.job_id, after=after)
        )
        return [
            LineEvent(Position(change_id, line.end), change.job_id, change.uid or "", line)
            for line in lines(pages, after=after, until=change.end_offset)
        ]


def _may_concern(change: Change, uid: str | None) -> bool:
    """Whether the change is, or may be, of this user's job; without a user, always."""
    return uid is None or change.uid is None or change.uid == uid


def _advance(known: OrderedDict[str, int], job_id: str, value: int) -> bool:
    """Raise a job's value, if this one is greater; the job unchanged for longest is dropped."""
    if value <= known.get(job_id, -1):
        return False
    known[job_id] = value
    known.move_to_end(job_id)
    if len(known) > REMEMBERED_MAX:
        known.popitem(last=False)
    return True
