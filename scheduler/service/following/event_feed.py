"""Turns the change feed into events of many jobs, once for all who follow them.

    the last changes ─▶ events, made once ─┬─▶ a follower of all jobs
                                           └─▶ a follower of one user: those of the user's jobs
    older changes ─▶ events for one ─────────▶ a follower that was away

So a change costs as many reads of the store with a thousand followers as with one, and what is made
of it is in memory once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from itertools import islice, takewhile
from typing import Final

from scheduler.core.change import Change, ChangeKind, Position, as_of
from scheduler.core.job_log import lines
from scheduler.core.ports.store import Store
from scheduler.service.change_feed import BATCH_MAX, ChangeEntry, ChangeFeed
from scheduler.service.following.events import (
    UNKNOWN_CHANGE,
    Event,
    LineEvent,
    ProgressEvent,
    ResetEvent,
    StatusEvent,
)
from scheduler.service.following.kept_lines import KeptLines
from scheduler.service.following.sent_so_far import SentSoFar

REMEMBERED_MAX: Final = 10_000
"""For how many jobs it is remembered what all followers were sent."""
OWN_REMEMBERED_MAX: Final = 500
"""The same for a follower that was away, of what it alone was sent."""


class EventFeed:
    """Makes the events of many jobs; one for all followers."""

    def __init__(self, *, store: Store, change_feed: ChangeFeed) -> None:
        self._store = store
        self._change_feed = change_feed
        self._sent = SentSoFar(REMEMBERED_MAX)
        """What the followers of the last changes were sent."""
        self._making = asyncio.Lock()
        self._reading_behind = asyncio.Lock()
        self._kept_lines = KeptLines(self._lines)

    async def of_jobs(
        self, uid: str | None, *, after: Position | None, log: bool
    ) -> AsyncGenerator[Sequence[Event], None]:
        """The events of all jobs, or of one user's; an empty batch now and then while idle."""
        own: SentSoFar | None = None
        if self._change_feed.end is None:  # nobody was sent anything
            self._sent = SentSoFar(REMEMBERED_MAX)
        with self._change_feed.following():
            begin = after.change_id if after else await self._change_feed.latest_id()
            yield await self._rest(uid, after) if after and log else []
            async with aclosing(self._change_feed.after(begin)) as batches:
                async for batch in batches:
                    if batch is None:
                        yield [ResetEvent(Position(self._change_feed.end or UNKNOWN_CHANGE))]
                    elif not batch or batch[0].kept:
                        yield await self._shared_events(batch, uid, own, log=log)
                    else:
                        own = own or SentSoFar(OWN_REMEMBERED_MAX)
                        yield await self._own_events(batch, uid, own, log=log)

    async def _rest(self, uid: str | None, after: Position) -> Sequence[Event]:
        """The remaining lines of the change in whose middle the client was disconnected."""
        change = await self._change_feed.change(after.change_id)
        if change is None or after.offset is None or uid not in {None, change.uid}:
            return []
        return await self._lines(after.change_id, change, after.offset)

    async def _shared_events(
        self, batch: Sequence[ChangeEntry], uid: str | None, own: SentSoFar | None, *, log: bool
    ) -> Sequence[Event]:
        """The events of some of the last changes, without those that the follower was sent."""
        if any(each.events is None for each in batch):
            async with self._making:
                await self._make_events()
        events: list[Event] = []
        for each in batch:
            if each.events is None:  # it came and went while the store was away
                return [ResetEvent(Position(batch[-1].id))]
            if _concerns(each, uid):
                events += each.events if own is None else _unsent(each.events, own)
                if log and each.prints and (own is None or own.printed(each.change)):
                    events += await self._kept_lines.of(each)
        return events

    async def _make_events(self) -> None:
        """Make the events of the last changes that have none, in their order."""
        new = [*takewhile(lambda each: each.events is None, reversed(self._change_feed.last))]
        rest = reversed(new)
        while some := list(islice(rest, BATCH_MAX)):
            await self._change_feed.load_jobs([each for each in some if _shows_job(each)])
            for each in some:
                each.events = _events(each, self._sent)
                each.prints = _prints(each, self._sent)
            await asyncio.sleep(0)

    async def _own_events(
        self, batch: Sequence[ChangeEntry], uid: str | None, own: SentSoFar, *, log: bool
    ) -> Sequence[Event]:
        """The events of changes that are read for one follower; one follower after the other."""
        events: list[Event] = []
        async with self._reading_behind:
            ours = [each for each in batch if _concerns(each, uid)]
            await self._change_feed.load_jobs([each for each in ours if _shows_job(each)])
            for each in ours:
                if _concerns(each, uid):  # now that the job's user is known
                    events += _events(each, own)
                    if log and _prints(each, own):
                        events += await self._lines(each.id, each.change, each.change.start_offset)
        return events

    async def _lines(self, change_id: str, change: Change, after: int) -> Sequence[LineEvent]:
        """The lines printed after this offset, up to the end of this change."""
        pages = await self._change_feed.when_available(
            lambda: self._store.log(change.job_id, after=after)
        )
        return [
            LineEvent(Position(change_id, line.end), change.job_id, change.uid or "", line)
            for line in lines(pages, after=after, until=change.end_offset)
        ]


def _events(entry: ChangeEntry, sent: SentSoFar) -> Sequence[Event]:
    """The events of a change, without its lines, for who was sent so much."""
    position, change = Position(entry.id), entry.change
    if change.kind is ChangeKind.GAP:
        return (ResetEvent(position),)
    if change.kind is ChangeKind.PROGRESS:
        return (ProgressEvent(position, change),) if sent.progress(change) else ()
    if entry.job is None:
        return ()
    return [StatusEvent(position, job) for job in sent.unseen(as_of(change, entry.job))]


def _unsent(events: Sequence[Event], own: SentSoFar) -> Sequence[Event]:
    """Those of the shared events that a follower was not sent while it caught up."""

    def unsent(event: Event) -> bool:
        match event:
            case StatusEvent(_, job):
                return own.status(job)
            case ProgressEvent(_, change):
                return own.progress(change)
            case _:
                return True

    return [each for each in events if unsent(each)]


def _prints(entry: ChangeEntry, sent: SentSoFar) -> bool:
    """Whether the change has lines that were not sent."""
    return entry.change.kind is ChangeKind.LOG and sent.printed(entry.change)


def _shows_job(entry: ChangeEntry) -> bool:
    return entry.change.is_status_change


def _concerns(entry: ChangeEntry, uid: str | None) -> bool:
    """Whether the change is, or may be, of this user's job; without a user, always."""
    owner = entry.change.uid or (entry.job.uid if entry.job is not None else None)
    return uid is None or owner is None or owner == uid
