"""Follows one job for one client: its current state, then each change, until its end.

`events` has the kinds of events and what all followers are promised.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from scheduler.core.change import ChangeKind, Position, as_of, may_run, stage, unseen_states
from scheduler.core.job import Job
from scheduler.core.job_log import lines
from scheduler.service.change_feed import ChangeEntry, ChangeFeed
from scheduler.service.following.events import (
    UNKNOWN_CHANGE,
    Event,
    LineEvent,
    ProgressEvent,
    ResetEvent,
    StatusEvent,
)
from scheduler.service.job_looks import JobLooks


class JobFollower:
    """Keeps what one client was sent of a job, to send only what is new to it."""

    def __init__(
        self,
        job: Job,
        *,
        after: Position | None,
        log: bool,
        change_feed: ChangeFeed,
        looks: JobLooks,
    ) -> None:
        """Continue after the client's last position; None for a new client."""
        self._job = job
        self._log = log
        self._change_feed = change_feed
        self._looks = looks
        self._deleted = False
        self._is_new = after is None
        self._change_id = None if after is None else after.change_id
        self._offset = 0 if after is None else after.offset or 0
        self._stage = -1 if after is None or after.stage is None else after.stage

    async def events(self) -> AsyncGenerator[Sequence[Event], None]:
        """The events until the job is over; none if the client was sent its end before."""
        if self._over:
            if rest := await self._new_lines():
                yield rest
            return
        with self._change_feed.following():
            if self._is_new:
                self._change_id = await self._change_feed.latest_id()
                yield await self._first_events()
            async with aclosing(self._change_feed.after(self._change_id)) as batches:
                while not self._over:
                    yield await self._batch_events(await anext(batches))

    @property
    def _over(self) -> bool:
        """Whether the client was sent all that will ever happen to the job."""
        return self._deleted or (self._job.over and self._stage >= stage(self._job))

    @property
    def _position(self) -> Position:
        offset = self._offset if self._log else None
        return Position(self._change_id or UNKNOWN_CHANGE, offset, self._stage)

    async def _first_events(self) -> Sequence[Event]:
        """The job's current state, and the lines that it has printed so far."""
        found = await self._change_feed.when_available(lambda: self._looks.outline(self._job.id))
        self._job = found or self._job
        self._stage = stage(self._job)
        return [StatusEvent(self._position, self._job), *await self._new_lines()]

    async def _batch_events(self, batch: Sequence[ChangeEntry] | None) -> Sequence[Event]:
        """The events of a batch of changes.

        An empty batch, an unknown one (None) and a gap make it read the job from the store, because
        a change of the job may have been lost.
        """
        if batch is None:
            self._change_id = self._change_feed.end
            return [ResetEvent(self._position), *await self._reloaded()]
        ours = [each for each in batch if each.change.job_id == self._job.id]
        await self._load_job([each for each in ours if each.change.is_status_change])
        events: list[Event] = []
        for each in ours:
            self._change_id = each.id
            events += await self._change_events(each)
        if batch:
            self._change_id = batch[-1].id
        if not batch or any(each.change.kind is ChangeKind.GAP for each in batch):
            events += await self._reloaded()
        return events

    async def _load_job(self, entries: Sequence[ChangeEntry]) -> None:
        """Read the job for those of its changes that lack it."""
        if lacking := [each for each in entries if not each.looked_up]:
            job = await self._change_feed.when_available(lambda: self._looks.outline(self._job.id))
            for each in lacking:
                each.job, each.looked_up = job, True

    async def _change_events(self, entry: ChangeEntry) -> Sequence[Event]:
        """The events of one change of the job."""
        change = entry.change
        if change.kind is ChangeKind.LOG:
            return await self._new_lines(until=change.end_offset)
        if change.kind is ChangeKind.PROGRESS:
            current = may_run(change, self._stage)
            return [ProgressEvent(self._position, change)] if current else []
        return [] if entry.job is None else await self._status_events(as_of(change, entry.job))

    async def _reloaded(self) -> Sequence[Event]:
        """The events of what the store has and no change announced."""
        found = await self._change_feed.when_available(lambda: self._looks.outline(self._job.id))
        if found:
            return [*await self._new_lines(), *await self._status_events(found)]
        self._deleted = True
        return []

    async def _status_events(self, job: Job) -> Sequence[Event]:
        """The job's states that the client has not seen; its last lines come before its end."""
        unseen = unseen_states(job, self._stage)
        events = [*await self._new_lines()] if unseen and job.over else []
        for each in unseen:
            self._job, self._stage = each, stage(each)
            events.append(StatusEvent(self._position, each))
        return events

    async def _new_lines(self, *, until: int | None = None) -> Sequence[Event]:
        """The lines that the job printed after those that the client has, up to offset `until`."""
        if not self._log or (until is not None and until <= self._offset):
            return []
        pages = await self._change_feed.when_available(
            lambda: self._looks.log(self._job.id, after=self._offset)
        )
        events: list[Event] = []
        for line in lines(pages, after=self._offset, until=until):
            self._offset = line.end
            events.append(LineEvent(self._position, self._job.id, self._job.uid, line))
        return events
