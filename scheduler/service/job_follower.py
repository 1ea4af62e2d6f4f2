"""One job as a client follows it, from its present to its end. See `events`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from scheduler.core.change import Kind, Position, as_of, may_run, stage, unseen_states
from scheduler.core.job import Job
from scheduler.core.job_log import lines
from scheduler.core.ports.store import Store
from scheduler.service.change_feed import ChangeEntry, ChangeFeed
from scheduler.service.events import (
    NOWHERE,
    Event,
    LineEvent,
    ProgressEvent,
    ResetEvent,
    StatusEvent,
)


class JobFollower:
    """What a client was told of a job, and so what is news to it."""

    def __init__(
        self, job: Job, *, after: Position | None, log: bool, store: Store, change_feed: ChangeFeed
    ) -> None:
        """Go on from where the client was; None where it begins."""
        self._job = job
        self._log = log
        self._store = store
        self._change_feed = change_feed
        self._deleted = False
        self._begins = after is None
        self._change_id = None if after is None else after.change_id
        self._place = 0 if after is None else after.place or 0
        self._stage = -1 if after is None or after.stage is None else after.stage

    async def events(self) -> AsyncGenerator[Sequence[Event], None]:
        """The events until the job is over; none where the client was told of that before."""
        if self._over:
            if rest := await self._printed():
                yield rest
            return
        with self._change_feed.followed():
            if self._begins:
                self._change_id = await self._change_feed.present()
                yield await self._present()
            async with aclosing(self._change_feed.behind(self._change_id)) as change_feed:
                while not self._over:
                    yield await self._heard(await anext(change_feed))

    @property
    def _over(self) -> bool:
        """Whether the client was told that nothing more comes of the job."""
        return self._deleted or (self._job.over and self._stage >= stage(self._job))

    @property
    def _position(self) -> Position:
        place = self._place if self._log else None
        return Position(self._change_id or NOWHERE, place, self._stage)

    async def _present(self) -> Sequence[Event]:
        """The job as it stands, and what it printed so far."""
        seen = await self._change_feed.patiently(lambda: self._store.outlines([self._job.id]))
        self._job = seen[0] if seen else self._job
        self._stage = stage(self._job)
        return [StatusEvent(self._position, self._job), *await self._printed()]

    async def _heard(self, heard: Sequence[ChangeEntry] | None) -> Sequence[Event]:
        """What is news to the client in what comes next; without any, what the store says."""
        if heard is None:
            self._change_id = self._change_feed.end
            return [ResetEvent(self._position), *await self._looked()]
        ours = [each for each in heard if each.change.job_id == self._job.id]
        await self._change_feed.see([each for each in ours if each.change.tells_status])
        events: list[Event] = []
        for each in ours:
            self._change_id = each.id
            events += await self._of(each)
        if heard:
            self._change_id = heard[-1].id
        if not heard or any(each.change.kind is Kind.GAP for each in heard):
            events += await self._looked()
        return events

    async def _of(self, heard: ChangeEntry) -> Sequence[Event]:
        """What a change of the job is to the client."""
        change = heard.change
        if change.kind is Kind.LOG:
            return await self._printed(until=change.ends)
        if change.kind is Kind.PROGRESS:
            fresh = may_run(change, self._stage)
            return [ProgressEvent(self._position, change)] if fresh else []
        return [] if heard.job is None else await self._status(as_of(change, heard.job))

    async def _looked(self) -> Sequence[Event]:
        """What the store says that nobody told."""
        seen = await self._change_feed.patiently(lambda: self._store.outlines([self._job.id]))
        if seen:
            return [*await self._printed(), *await self._status(seen[0])]
        self._deleted = True
        return []

    async def _status(self, job: Job) -> Sequence[Event]:
        """The job's status, if it is news; before the last one, the last of what it printed."""
        fresh = unseen_states(job, self._stage)
        events = [*await self._printed()] if fresh and job.over else []
        for each in fresh:
            self._job, self._stage = each, stage(each)
            events.append(StatusEvent(self._position, each))
        return events

    async def _printed(self, *, until: int | None = None) -> Sequence[Event]:
        """What the job printed, from where the client was on."""
        if not self._log or (until is not None and until <= self._place):
            return []
        pages = await self._change_feed.patiently(
            lambda: self._store.log(self._job.id, after=self._place)
        )
        events: list[Event] = []
        for line in lines(pages, after=self._place, until=until):
            self._place = line.end
            events.append(LineEvent(self._position, self._job.id, self._job.uid, line))
        return events
