"""A `Queue` in memory, and the server that the queues of several nodes share."""

from __future__ import annotations

import asyncio
from asyncio import Event
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count

from scheduler.core.change import GAP, Change
from scheduler.core.errors import QueueUnavailable, StartError
from scheduler.core.job import WaitingJob
from scheduler.core.places.labels import ANYWHERE, PLAIN, Place
from tests.fakes.lines import Entry, Lines

REMIND_S = 10.0
"""How long a node that reminds a server may be silent before another one does it."""


@dataclass
class MemoryServer:
    """What the queues of several nodes share."""

    lines: Lines = field(default_factory=Lines)
    flags: set[str] = field(default_factory=set)
    readers: defaultdict[str, set[asyncio.Queue[str]]] = field(
        default_factory=lambda: defaultdict(set)
    )
    revocation_readers: set[asyncio.Queue[str]] = field(default_factory=set)
    watchers: defaultdict[str, set[Event]] = field(default_factory=lambda: defaultdict(set))
    changes: list[tuple[str, Change]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    published: asyncio.Event = field(default_factory=asyncio.Event)
    store_identity: str | None = None
    remembers: bool = False
    mark: tuple[str, float] = ("", 0.0)
    """The node that `forgetful` chose, and until when it may remind; empty after a flush."""
    arrival: asyncio.Condition = field(default_factory=asyncio.Condition)
    watched: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once a watcher is there: a test waits for it before it changes the job."""

    @property
    def ids(self) -> list[str]:
        """All that wait."""
        return self.lines.ids

    def inflight(self, node_id: str) -> list[str]:
        """All that a node has."""
        return [entry.id for entry in self.lines.inflight[node_id]]

    def flush(self) -> None:
        """Forget everything, like a server that is flushed or restarted without a file."""
        self.lines.clear()
        self.flags.clear()
        self.changes.clear()
        self.store_identity = None
        self.remembers, self.mark = False, ("", 0.0)

    def reminder(self) -> str:
        """The node that reminds the server now; empty if none does."""
        node_id, until = self.mark
        return node_id if asyncio.get_running_loop().time() < until else ""

    def reminded_by(self, node_id: str) -> None:
        self.mark = node_id, asyncio.get_running_loop().time() + REMIND_S


class MemoryQueue:
    """A `Queue` as one node sees it."""

    def __init__(
        self,
        server: MemoryServer | None = None,
        *,
        node_id: str = "a",
        place: Place = PLAIN,
    ) -> None:
        self.server = server or MemoryServer()
        self._place = place
        self.away = False
        self._node_id = node_id
        self._looked = False

    def _answer(self) -> None:
        if self.away:
            raise QueueUnavailable("the queue does not answer")

    async def join(self, store_identity: str) -> None:
        self._answer()
        registered = self.server.store_identity or store_identity
        if registered != store_identity:
            raise StartError("another store is registered in this namespace")
        self.server.store_identity = registered

    async def enqueue(self, jobs: Sequence[WaitingJob], *, ahead: bool = False) -> None:
        self._answer()
        if ahead:
            self.server.lines.add_first([Entry(job.id, job.uid, job.lane) for job in jobs])
        else:
            self.server.lines.add(jobs)
        await self._wake()

    async def dequeue(
        self, *, wait_s: float, limit: int = 1, in_vain: Callable[[], None] | None = None
    ) -> Sequence[str]:
        self._answer()
        lines, takes = self.server.lines, self._place.takes_lane
        try:
            async with asyncio.timeout(wait_s or None), self.server.arrival:
                if in_vain is not None and not lines.has_any(takes):
                    in_vain()
                if wait_s:
                    await self.server.arrival.wait_for(lambda: lines.has_any(takes))
        except TimeoutError:
            return []
        return lines.take(self._node_id, limit, takes)

    def hold(self, job_id: str, uid: str, *, lane: str = ANYWHERE) -> None:
        self.server.lines.hold(self._node_id, Entry(job_id, uid, lane))

    async def acknowledge(self, job_ids: Sequence[str]) -> None:
        self._answer()
        for job_id in job_ids:
            self.server.lines.end(self._node_id, job_id)
        await self._wake()

    async def give_back(self, job_id: str) -> None:
        self._answer()
        if entry := self.server.lines.end(self._node_id, job_id):
            self.server.lines.add_first([entry])
            await self._wake()

    async def postpone(self, jobs: Sequence[WaitingJob]) -> None:
        self._answer()
        back = [job for job in jobs if self.server.lines.end(self._node_id, job.id)]
        self.server.lines.add(back)
        for job in back:
            self.server.lines.cap(job.uid, job.lane)

    async def drop(self, jobs: Sequence[WaitingJob]) -> None:
        self._answer()
        self.server.lines.drop(jobs)

    async def recover(self, live_node_ids: Collection[str]) -> int:
        self._answer()
        gone = set(self.server.lines.inflight) - {self._node_id, *live_node_ids}
        returned = sum(self.server.lines.leave(node_id) for node_id in sorted(gone))
        await self._wake()
        return returned

    async def missing(self, jobs: Sequence[WaitingJob]) -> Sequence[WaitingJob]:
        self._answer()
        lines = self.server.lines
        known = {
            entry.id for entries in (lines.first, *lines.inflight.values()) for entry in entries
        }
        return [
            job
            for job in jobs
            if job.id not in known and job.id not in lines.waiting.get((job.uid, job.lane), {})
        ]

    async def forgetful(self) -> bool:
        self._answer()
        self._looked = True
        if not self.server.remembers and not self.server.reminder():
            self.server.reminded_by(self._node_id)
        return self._reminds()

    async def remind(self, jobs: Sequence[WaitingJob]) -> bool:
        self._answer()
        if not self._reminds():
            return False
        self.server.reminded_by(self._node_id)
        await self.enqueue(jobs)
        return True

    async def remember(self) -> None:
        self._answer()
        if not self._looked:
            await self.forgetful()
        if self._reminds():
            self.server.remembers, self.server.mark = True, ("", 0.0)

    async def _wake(self) -> None:
        async with self.server.arrival:
            self.server.arrival.notify_all()

    def _reminds(self) -> bool:
        return self.server.reminder() == self._node_id

    async def announce_abort(self, job_id: str, *, node_id: str) -> None:
        self._answer()
        self.server.flags.add(job_id)
        for reader in self.server.readers[node_id]:
            reader.put_nowait(job_id)

    async def abort_announced(self, job_id: str) -> bool:
        self._answer()
        return job_id in self.server.flags

    async def aborts(self) -> AsyncIterator[str]:
        unread: asyncio.Queue[str] = asyncio.Queue()
        self.server.readers[self._node_id].add(unread)
        try:
            while True:
                yield await unread.get()
        finally:
            self.server.readers[self._node_id].discard(unread)

    async def announce_revocation(self, token_id: str) -> None:
        self._answer()
        for reader in self.server.revocation_readers:
            reader.put_nowait(token_id)

    async def revocations(self) -> AsyncIterator[str]:
        unread: asyncio.Queue[str] = asyncio.Queue()
        self.server.revocation_readers.add(unread)
        try:
            while True:
                yield await unread.get()
        finally:
            self.server.revocation_readers.discard(unread)

    def announce(self, changes: Sequence[Change]) -> None:
        for change in changes:
            self.server.changes.append((f"1-{next(self.server.numbers)}", change))
            for event in self.server.watchers[change.job_id]:
                event.set()
        self.server.published.set()
        self.server.published = asyncio.Event()

    async def latest_change(self) -> str:
        self._answer()
        if not self.server.changes:
            self.announce([GAP])
        return self.server.changes[-1][0]

    async def changes(
        self, change_id: str, *, limit: int, wait_s: float = 0.0
    ) -> Sequence[tuple[str, Change]] | None:
        self._answer()
        published = self.server.published
        ids = [change_id_ for change_id_, _ in self.server.changes]
        if change_id not in ids:
            return None
        found = self.server.changes[ids.index(change_id) :][: limit + 1]
        if len(found) == 1 and wait_s:
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await published.wait()
            return await self.changes(change_id, limit=limit)
        return found

    @asynccontextmanager
    async def watch(self, job_id: str) -> AsyncIterator[Event]:
        event = asyncio.Event()
        self.server.watchers[job_id].add(event)
        self.server.watched.set()
        try:
            yield event
        finally:
            self.server.watchers[job_id].discard(event)
